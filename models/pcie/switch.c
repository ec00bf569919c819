/* A PCI Express switch, and the root port, which is one with a single port below.
 *
 * Requests are routed by what is found behind the ports below, by address or (configuration space)
 * by ID; what nobody there claims goes up. What comes from below and is for another port below is
 * peer traffic: it goes straight there, or with `acs` up all the same (ACS P2P request redirect,
 * PCIe 6.12), so that an IOMMU sees it; whoever is above sends it down again. Completions go back
 * as their requests came, ACS or not: by transaction number.
 *
 * Queues are the credits of the links around; order and overtaking within them are the links' as
 * well.
 */
#include "tollbridge/model.h"

#include <assert.h>
#include <inttypes.h>

enum { UP };
enum forwarding { STORE_AND_FORWARD, CUT_THROUGH };

#define NOWHERE UINT16_MAX
#define TRAIL   4 /* how often a request may cross the same switch on its way */

struct switch_params {
    tb_time latency;
    unsigned forwarding;
    bool acs, direct_translated;
};

/* Where requests of a transaction came in, the latest last. */
struct trail {
    uint16_t depth;
    uint16_t from[TRAIL];
};

struct route {
    struct tb_range to;
    uint16_t port;
};

struct pcie_switch {
    struct switch_params p;
    struct route *routes; /* in the order of the ports */
    size_t route_count, route_room;
    struct tb_ranges found; /* what is behind the ports below, in their order */
    bool routed;
    struct trail *trails; /* per transaction of the simulator */
    uint64_t up, down, peer, redirected, refused;
};

#define LATENCY(text)                                                                              \
    {                                                                                              \
        .name = "latency", .type = TB_TIME, .offset = offsetof(struct switch_params, latency),     \
        .def = text, .max = "1ms", .doc = "from arrival to readiness to leave"                     \
    }
static const char *const forwarding_names[] = {"store-and-forward", "cut-through", NULL};
#define FORWARDING                                                                                 \
    {                                                                                              \
        .name = "forwarding", .type = TB_ENUM,                                                     \
        .offset = offsetof(struct switch_params, forwarding), .def = "cut-through",                \
        .names = forwarding_names,                                                                 \
        .doc = "a TLP that comes over a PCI Express link arrives whole, or with its header"        \
    }

static const struct tb_param switch_rows[] = {
    LATENCY("120ns"),
    FORWARDING,
    {.name = "acs",
     .type = TB_BOOL,
     .offset = offsetof(struct switch_params, acs),
     .def = "false",
     .doc = "peer traffic goes up to the IOMMU first (ACS P2P request and completion redirect)"},
    {.name = "direct_translated",
     .type = TB_BOOL,
     .offset = offsetof(struct switch_params, direct_translated),
     .def = "false",
     .doc =
         "with acs: translated requests still go straight to a peer (ACS direct translated P2P)"},
    {0},
};

static const struct tb_param root_port_rows[] = {LATENCY("50ns"), FORWARDING, {0}};

static const struct tb_counter counters[] = {
    {"up", offsetof(struct pcie_switch, up), "messages that left by the upstream port"},
    {"down", offsetof(struct pcie_switch, down), "messages that came from above and went down"},
    {"peer", offsetof(struct pcie_switch, peer),
     "messages that went from one port below to another"},
    {"redirected", offsetof(struct pcie_switch, redirected),
     "requests for a port below that went up first"},
    {"refused", offsetof(struct pcie_switch, refused), "requests that nobody takes"},
    {NULL, 0, NULL},
};

/* -- Routing --------------------------------------------------------------------------------- */

static void check_overlaps(struct tb_model *m, struct tb_diag *diag)
{
    const struct pcie_switch *s = m->state;
    char where[128];
    snprintf(where, sizeof where, "below different ports of '%s'", m->name);
    for (size_t i = 0; i < s->route_count; i++)
        for (size_t k = i + 1; k < s->route_count; k++) {
            const struct route *a = &s->routes[i], *b = &s->routes[k];
            if (a->port != b->port && a->to.space == b->to.space && a->to.base <= b->to.last &&
                b->to.base <= a->to.last)
                tb_report_overlap(m, &a->to, &b->to, "claim", where, diag);
        }
}

static void add_routes(struct tb_model *m, unsigned port)
{
    struct pcie_switch *s = m->state;
    for (size_t i = 0; i < s->found.count; i++) {
        const struct tb_range *r = &s->found.at[i];
        if (!r->subtractive && !r->off)
            s->routes[s->route_count++] = (struct route){*r, (uint16_t)port};
    }
}

static void reach(struct tb_model *m, unsigned port)
{
    struct pcie_switch *s = m->state;
    s->found.count = 0;
    tb_reach(m, port, &s->found);
}

/* Room for all that may ever be there: who claims something always claims as many ranges. */
static void make_room(struct tb_model *m)
{
    struct pcie_switch *s = m->state;
    for (unsigned port = UP + 1; port < tb_port_count(m); port++) {
        reach(m, port);
        s->route_room += s->found.count;
    }
    s->routes = tb_alloc(m, s->route_room + 1, sizeof *s->routes);
}

/* Asks what is behind the ports below. Instant accesses may come before `start`. */
static void gather(struct tb_model *m)
{
    struct pcie_switch *s = m->state;
    if (!s->routed)
        make_room(m);
    s->routed = true;
    s->route_count = 0;
    for (unsigned port = UP + 1; port < tb_port_count(m); port++) {
        reach(m, port);
        add_routes(m, port);
    }
}

static uint16_t find(const struct pcie_switch *s, unsigned space, uint64_t address)
{
    for (size_t i = 0; i < s->route_count; i++) {
        const struct tb_range *r = &s->routes[i].to;
        if (r->space == space && address >= r->base && address <= r->last)
            return s->routes[i].port;
    }
    return NOWHERE;
}

static bool is_redirected(const struct pcie_switch *s, const struct tb_msg *msg)
{
    return s->p.acs && !(s->p.direct_translated && msg->at == TB_TRANSLATED);
}

/* The port by which a request leaves that came in by `from`. */
static uint16_t route_request(struct pcie_switch *s, const struct tb_msg *msg, unsigned from)
{
    uint16_t to = find(s, msg->space, msg->address);
    if (from == UP)
        return to;
    if (to == NOWHERE)
        return UP;
    if (is_redirected(s, msg)) {
        s->redirected++;
        return UP;
    }
    return to == from ? NOWHERE : to; /* its own port's: not the switch's to turn round (1.3.4) */
}

static uint16_t route(struct pcie_switch *s, const struct tb_msg *msg, unsigned from)
{
    struct trail *trail = &s->trails[msg->txn];
    if (msg->class == TB_COMPLETION) {
        assert(trail->depth > 0); /* a completion that nobody asked for: a model's error */
        return trail->from[--trail->depth];
    }
    uint16_t to = route_request(s, msg, from);
    if (to == NOWHERE || msg->class != TB_NONPOSTED)
        return to;
    if (trail->depth == TRAIL)
        return NOWHERE;
    trail->from[trail->depth++] = (uint16_t)from;
    return to;
}

/* -- Messages -------------------------------------------------------------------------------- */

static void count(struct pcie_switch *s, unsigned from, unsigned to)
{
    if (to == UP)
        s->up++;
    else if (from == UP)
        s->down++;
    else
        s->peer++;
}

/* The latency is the same for all; what else it waits is for bytes that have not come (cut-through
 * to a faster link), or for what left before and waits so itself. */
static void forward(struct tb_model *m, const struct tb_msg *msg, unsigned from, unsigned to,
                    tb_credit credit, tb_time when)
{
    struct pcie_switch *s = m->state;
    tb_time lag = s->p.forwarding == CUT_THROUGH ? tb_port_lag(m, from, to, msg) : 0;
    tb_time due = when + s->p.latency + lag, ready = tb_max(due, tb_port_ready(m, to));
    count(s, from, to);
    tb_msg_spend(m, msg, TB_PART_BRIDGE, s->p.latency);
    tb_msg_spend(m, msg, TB_PART_WIRE, lag);
    tb_msg_spend(m, msg, TB_PART_QUEUE, ready - due);
    tb_send(m, to, msg, ready, credit);
}

/* Nobody takes it: Unsupported Request (2.3.1). */
static void refuse(struct tb_model *m, const struct tb_msg *msg, unsigned from, tb_credit credit,
                   tb_time when)
{
    struct pcie_switch *s = m->state;
    s->refused++;
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, TB_UNSUPPORTED, when);
        tb_release(m, credit, when);
        return;
    }
    struct tb_msg answer = *msg;
    tb_msg_answer(&answer, TB_UNSUPPORTED);
    forward(m, &answer, from, from, credit, when);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    uint16_t to = route(m->state, msg, port);
    if (to == NOWHERE)
        refuse(m, msg, port, credit, when);
    else
        forward(m, msg, port, to, credit, when);
}

static bool cuts(const struct tb_model *m, unsigned port)
{
    const struct pcie_switch *s = m->state;
    (void)port;
    return s->p.forwarding == CUT_THROUGH;
}

/* -- Elaboration ----------------------------------------------------------------------------- */

static void check_switch(struct tb_model *m, struct tb_diag *diag)
{
    const struct pcie_switch *s = m->state;
    if (tb_port_count(m) < 2)
        tb_diag_node(diag, m->node, "switch '%s' has no link below it", m->name);
    if (s->p.direct_translated && !s->p.acs)
        tb_diag_node(diag, tb_node_get(m->node, "direct_translated"),
                     "'direct_translated' means nothing without 'acs'");
}

/* A root port sends everything up: turning round what is below it is the root complex's business.
 */
static void check_root_port(struct tb_model *m, struct tb_diag *diag)
{
    struct pcie_switch *s = m->state;
    (void)diag;
    s->p.acs = true;
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    struct pcie_switch *s = m->state;
    if (port == UP) {
        for (unsigned below = UP + 1; below < tb_port_count(m); below++) {
            reach(m, below);
            for (size_t i = 0; i < s->found.count; i++)
                if (!s->found.at[i].subtractive)
                    tb_ranges_add(m, out, s->found.at[i]);
        }
        return;
    }
    for (uint8_t space = 0; space < TB_SPACES; space++)
        tb_ranges_add(m, out,
                      (struct tb_range){.base = 0,
                                        .last = UINT64_MAX,
                                        .space = space,
                                        .subtractive = true,
                                        .model = m->index});
}

static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct pcie_switch *s = m->state;
    if (!s->routed)
        gather(m);
    check_overlaps(m, diag);
    s->trails = tb_alloc(m, (size_t)tb_txn_total(m) + 1, sizeof *s->trails);
}

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct pcie_switch *s = m->state;
    if (!s->routed)
        gather(m);
    uint16_t to = find(s, d->space, d->address);
    if (to == NOWHERE)
        to = port == UP ? NOWHERE : UP;
    return to != NOWHERE && to != port && tb_debug_send(m, to, d);
}

static const char *const switch_ports[] = {"up", "*", NULL};
static const char *const root_port_ports[] = {"up", "down", NULL};

#define SHARED                                                                                     \
    .state_size = sizeof(struct pcie_switch), .counters = counters, .claims = claims,              \
    .rerouted = gather, .start = start, .recv = recv, .cuts = cuts, .debug = debug

const struct tb_class tb_class_switch = {
    .name = "switch",
    .brief =
        "PCI Express: one port up, any number down; peer traffic direct or by way of the IOMMU",
    .params = switch_rows,
    .ports = switch_ports,
    .check = check_switch,
    SHARED,
};

const struct tb_class tb_class_root_port = {
    .name = "root-port",
    .brief = "PCI Express: where a hierarchy begins; one port up, one down",
    .params = root_port_rows,
    .ports = root_port_ports,
    .check = check_root_port,
    SHARED,
};
