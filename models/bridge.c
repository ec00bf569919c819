/* A bridge: two ports, a latency each way, and what is below it seen from above.
 *
 * From above it answers for its windows: a list, or (without one) everything that is found below
 * it. From below everything that is not below goes up: it is the subtractive end of the bus under
 * it. Its queues are the credits of the links around it; ordering of posted, nonposted and
 * completion classes is the links' too, so what passes a bridge without an IOMMU is the kernel's
 * work alone (class->through): a reservation per message, and no event.
 *
 * With a configuration header (group `header:`) it is a PCI-to-PCI bridge whose windows software
 * can move: the list gives what firmware wrote there. Then an address decides when its message is
 * there, and completions are looked at for the status registers, so nothing passes without an
 * event.
 *
 * A bridge can host an IOMMU (group `iommu:`), which then has everything that goes up, and a buffer
 * for posted writes in front of it (group `posting:`).
 */
#include "iommu/iommu.h"
#include "pci/header.h"
#include "posting/posting.h"

#include <inttypes.h>

enum { DOWN, UP };

static const char *const port_names[] = {"down", "up", NULL};

struct window {
    unsigned space;
    uint64_t base;
    uint64_t size;
};

struct bridge_params {
    tb_time latency;
    tb_time latency_up, latency_down;
    bool has_up, has_down;
    struct tb_items windows;
    bool has_windows;
    struct tb_iommu_params iommu;
    bool has_iommu;
    struct tb_posting_params posting;
    bool has_posting;
    struct tb_pci_header_params header;
    bool has_header;
};

struct bridge {
    struct bridge_params p;
    tb_time up, down; /* latencies */
    struct tb_iommu *iommu;
    struct tb_ranges below; /* what it passes down */
    struct tb_pci_header header;
    bool asked; /* looking for what is below: met itself again if asked twice */
    uint64_t refused;
    struct tb_iommu_counters n;
    struct tb_posting posting;
    struct tb_posting_counters posted;
};

enum { POSTING_TIMER = TB_IOMMU_TIMERS, TIMERS };

static const char *const spaces[] = {"memory", "io", "config", NULL};

static const struct tb_param window_rows[] = {
    {.name = "space",
     .type = TB_ENUM,
     .offset = offsetof(struct window, space),
     .def = "memory",
     .names = spaces,
     .doc = "address space"},
    {.name = "base",
     .type = TB_COUNT,
     .offset = offsetof(struct window, base),
     .flags = TB_REQUIRED,
     .doc = "first address"},
    {.name = "size",
     .type = TB_BYTES,
     .offset = offsetof(struct window, size),
     .flags = TB_REQUIRED,
     .min = "1",
     .doc = "how many addresses"},
    {0},
};

static const struct tb_param rows[] = {
    {.name = "latency",
     .type = TB_TIME,
     .offset = offsetof(struct bridge_params, latency),
     .def = "50ns",
     .max = "1s",
     .doc = "from arrival to readiness to leave, both ways"},
    {.name = "latency_up",
     .type = TB_TIME,
     .offset = offsetof(struct bridge_params, latency_up),
     .present = offsetof(struct bridge_params, has_up) + 1,
     .flags = TB_OPTIONAL,
     .max = "1s",
     .doc = "the same from down to up, if different"},
    {.name = "latency_down",
     .type = TB_TIME,
     .offset = offsetof(struct bridge_params, latency_down),
     .present = offsetof(struct bridge_params, has_down) + 1,
     .flags = TB_OPTIONAL,
     .max = "1s",
     .doc = "the same from up to down, if different"},
    {.name = "windows",
     .type = TB_ITEMS,
     .offset = offsetof(struct bridge_params, windows),
     .present = offsetof(struct bridge_params, has_windows) + 1,
     .flags = TB_OPTIONAL,
     .sub = window_rows,
     .size = sizeof(struct window),
     .doc = "memory and I/O addresses that it passes down; without a list, what is found below"},
    {.name = "iommu",
     .type = TB_GROUP,
     .offset = offsetof(struct bridge_params, iommu),
     .present = offsetof(struct bridge_params, has_iommu) + 1,
     .flags = TB_OPTIONAL,
     .sub = tb_iommu_param_table,
     .doc = "an IOMMU that translates what goes up"},
    {.name = "posting",
     .type = TB_GROUP,
     .offset = offsetof(struct bridge_params, posting),
     .present = offsetof(struct bridge_params, has_posting) + 1,
     .flags = TB_OPTIONAL,
     .sub = tb_posting_param_table,
     .doc = "a buffer in which posted writes that go up wait"},
    {.name = "header",
     .type = TB_GROUP,
     .offset = offsetof(struct bridge_params, header),
     .present = offsetof(struct bridge_params, has_header) + 1,
     .flags = TB_OPTIONAL,
     .sub = tb_pci_header_param_table,
     .doc = "a configuration header, through which software moves its windows"},
    {0},
};

#define IOMMU_COUNTER(name, doc)                                                                   \
    {                                                                                              \
#name, offsetof(struct bridge, n.name), doc                                                \
    }

static const struct tb_counter counters[] = {
    {"refused", offsetof(struct bridge, refused), "messages from above that nobody below claims"},
    {"moves", offsetof(struct bridge, header.moves), "changes of its windows by software"},
    {"held", offsetof(struct bridge, posted.held), "posted writes that waited in the buffer"},
    {"flushed", offsetof(struct bridge, posted.flushed),
     "messages that sent on what waited there, to go behind it"},
    {"passed_held", offsetof(struct bridge, posted.passed),
     "messages that passed what waited there"},
    IOMMU_COUNTER(requests, "requests that the IOMMU looked up"),
    IOMMU_COUNTER(hits, "look-ups that the IOTLB answered"),
    IOMMU_COUNTER(misses, "look-ups that it did not"),
    IOMMU_COUNTER(coalesced, "misses that joined another's walk"),
    IOMMU_COUNTER(walks, "page walks"),
    IOMMU_COUNTER(walk_reads, "page table entries read, of hosts and guests"),
    IOMMU_COUNTER(pdc_hits, "walks that began below the root"),
    IOMMU_COUNTER(pdc_misses,
                  "walks that began at the root although there is a page-directory cache"),
    IOMMU_COUNTER(devtab_hits, "device table entries found in the cache"),
    IOMMU_COUNTER(devtab_misses, "look-ups that had to wait for one"),
    IOMMU_COUNTER(devtab_reads, "device table entries read from memory"),
    IOMMU_COUNTER(passed,
                  "requests passed untranslated by their device's entry or the exclusion range"),
    IOMMU_COUNTER(faults, "requests refused"),
    IOMMU_COUNTER(events, "event records sent to memory"),
    IOMMU_COUNTER(events_lost, "events that found the log off, full or unreachable"),
    IOMMU_COUNTER(commands, "commands executed"),
    IOMMU_COUNTER(illegal_commands, "commands refused"),
    IOMMU_COUNTER(invalidations, "commands that invalidate"),
    IOMMU_COUNTER(invalidated, "entries of IOTLB and device-table cache they dropped"),
    IOMMU_COUNTER(waits, "completion waits done"),
    IOMMU_COUNTER(poisoned, "walks that an invalidation overtook: not cached"),
    IOMMU_COUNTER(prefetches, "walks asked for by prefetch commands"),
    IOMMU_COUNTER(interrupts, "interrupts raised"),
    IOMMU_COUNTER(evictions, "pages that had to leave the IOTLB for others"),
    IOMMU_COUNTER(translations, "translation requests of devices (ATS)"),
    IOMMU_COUNTER(denied, "pages they asked for and got no permission for"),
    IOMMU_COUNTER(pretranslated, "translated requests passed"),
    IOMMU_COUNTER(ats_invalidations, "Invalidate Requests sent to devices"),
    IOMMU_COUNTER(ats_timeouts, "of these not answered in time"),
    IOMMU_COUNTER(spurious, "messages of devices that answer nothing"),
    IOMMU_COUNTER(gcr3_reads, "entries of GCR3 tables read for guests' roots"),
    IOMMU_COUNTER(nested_hits, "guest physical addresses that the nested cache knew"),
    IOMMU_COUNTER(nested_misses, "those that were walked"),
    IOMMU_COUNTER(page_requests, "page requests of devices"),
    IOMMU_COUNTER(page_requests_lost, "of these that found the log off, full or unreachable"),
    IOMMU_COUNTER(page_responses, "responses sent to devices"),
    {NULL, 0, NULL},
};

/* -- Elaboration ----------------------------------------------------------------------------- */

static void check_windows(struct tb_model *m, struct tb_diag *diag)
{
    struct bridge *b = m->state;
    const struct window *w = b->p.windows.at;
    for (size_t i = 0; i < b->p.windows.count; i++)
        if (w[i].base + (w[i].size - 1) < w[i].base)
            tb_diag_node(diag, b->p.windows.nodes[i],
                         "a window of 0x%" PRIx64 " addresses from 0x%" PRIx64
                         " goes past the end of the address space",
                         w[i].size, w[i].base);
}

/* What firmware wrote to the header. */
static void make_header(struct tb_model *m, struct tb_diag *diag)
{
    struct bridge *b = m->state;
    const struct window *w = b->p.windows.at;
    if (b->p.has_iommu)
        tb_diag_node(diag, tb_node_get(m->node, "header"),
                     "a bridge with an IOMMU leads to the root: it has no 'header'");
    tb_pci_header_make(m, &b->header, b->p.header.id);
    for (size_t i = 0; i < b->p.windows.count; i++)
        if (!tb_pci_header_open(&b->header, w[i].space, w[i].base, w[i].base + (w[i].size - 1),
                                b->p.windows.nodes[i]))
            tb_diag_node(diag, b->p.windows.nodes[i],
                         "the header's registers hold an I/O window of whole 4 KiB below 4 GiB, "
                         "and two memory windows of whole MiB, one below 4 GiB");
}

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct bridge *b = m->state;
    b->up = b->p.has_up ? b->p.latency_up : b->p.latency;
    b->down = b->p.has_down ? b->p.latency_down : b->p.latency;
    check_windows(m, diag);
    if (b->p.has_header)
        make_header(m, diag);
    if (b->p.has_iommu && tb_iommu_params_check(&b->p.iommu, tb_node_get(m->node, "iommu"), diag))
        b->iommu = tb_iommu_new(m, &b->p.iommu, tb_node_get(m->node, "iommu"), &b->n, b->up,
                                b->down, diag);
}

static void slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    const struct bridge *b = m->state;
    *count = *bytes = 0;
    if (b->iommu)
        tb_iommu_slots(b->iommu, count, bytes);
}

static void add_windows(struct tb_model *m, struct tb_ranges *out)
{
    struct bridge *b = m->state;
    const struct window *w = b->p.windows.at;
    if (b->p.has_header) {
        tb_pci_header_claims(m, &b->header, out);
        return;
    }
    for (size_t i = 0; i < b->p.windows.count; i++)
        tb_ranges_add(m, out,
                      (struct tb_range){.base = w[i].base,
                                        .last = w[i].base + (w[i].size - 1),
                                        .space = (uint8_t)w[i].space,
                                        .model = m->index,
                                        .node = b->p.windows.nodes[i]});
}

/* What is below. With a list of windows, memory and I/O are what the list says. */
static void add_below(struct tb_model *m, struct tb_ranges *out)
{
    struct bridge *b = m->state;
    size_t kept = out->count;
    if (b->asked)
        return;
    b->asked = true;
    tb_reach(m, DOWN, out);
    b->asked = false;
    for (size_t i = kept; i < out->count; i++) {
        bool listed = (b->p.has_windows || b->p.has_header) &&
                      (out->at[i].space == TB_MEMORY || out->at[i].space == TB_IO);
        if (!listed && !out->at[i].subtractive)
            out->at[kept++] = out->at[i];
    }
    out->count = kept;
    add_windows(m, out);
}

static void rerouted(struct tb_model *m)
{
    struct bridge *b = m->state;
    b->below.count = 0;
    add_below(m, &b->below);
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    struct bridge *b = m->state;
    if (port == UP) {
        add_below(m, out);
        if (b->iommu)
            tb_iommu_claims(b->iommu, out);
        if (b->p.has_header)
            tb_pci_claim_config(m, b->p.header.id, out);
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

static bool is_claimed(const struct tb_ranges *found, const struct window *w)
{
    for (size_t i = 0; i < found->count; i++)
        if (found->at[i].off ||
            (found->at[i].space == w->space && found->at[i].base <= w->base + (w->size - 1) &&
             w->base <= found->at[i].last))
            return true;
    return false;
}

/* A window that leads to nobody is a mistake in one of the two. */
static void check_claims(struct tb_model *m, struct tb_diag *diag)
{
    struct bridge *b = m->state;
    const struct window *w = b->p.windows.at;
    struct tb_ranges found = {0};
    if (!b->p.windows.count)
        return;
    tb_reach(m, DOWN, &found);
    for (size_t i = 0; i < b->p.windows.count; i++)
        if (!is_claimed(&found, &w[i]))
            tb_diag_node(diag, b->p.windows.nodes[i],
                         "nobody below '%s' claims an address of this window, 0x%" PRIx64
                         " to 0x%" PRIx64,
                         m->name, w[i].base, w[i].base + (w[i].size - 1));
}

static void go_up(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when);

static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct bridge *b = m->state;
    check_claims(m, diag);
    if (b->p.has_posting)
        tb_posting_make(m, &b->posting, &b->p.posting, &b->posted, POSTING_TIMER, go_up);
    add_below(m, &b->below);
    if (b->iommu)
        tb_iommu_start(b->iommu, &b->below);
}

/* -- Messages -------------------------------------------------------------------------------- */

static bool is_below(const struct bridge *b, uint8_t space, uint64_t address)
{
    for (size_t i = 0; i < b->below.count; i++)
        if (!b->below.at[i].off && b->below.at[i].space == space &&
            address >= b->below.at[i].base && address <= b->below.at[i].last)
            return true;
    return false;
}

static void send_up(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct bridge *b = m->state;
    if (b->iommu) {
        tb_iommu_pass_up(b->iommu, msg, credit, when);
        return;
    }
    /* What passes through may have been reserved further ahead: it goes first. */
    tb_time ready = tb_max(when + b->up, tb_port_ready(m, UP));
    tb_msg_spend(m, msg, TB_PART_BRIDGE, b->up);
    tb_msg_spend(m, msg, TB_PART_QUEUE, ready - when - b->up);
    tb_send(m, UP, msg, ready, credit);
}

/* A request that goes no further: counted, and one that expects no answer ends here. True: `answer`
 * is to be sent. */
static bool reject(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                   struct tb_msg *answer, tb_time when)
{
    ((struct bridge *)m->state)->refused++;
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, TB_UNSUPPORTED, when);
        tb_release(m, credit, when);
        return false;
    }
    *answer = *msg;
    tb_msg_answer(answer, TB_UNSUPPORTED);
    return true;
}

/* Nobody below answers there: master abort. */
static void refuse(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct tb_msg answer;
    if (reject(m, msg, credit, &answer, when))
        send_up(m, &answer, credit, when);
}

/* A request from below that is not passed on ends as on a bus where nobody claims it. */
static void refuse_from_below(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                              tb_time when)
{
    const struct bridge *b = m->state;
    struct tb_msg answer;
    if (!reject(m, msg, credit, &answer, when))
        return;
    tb_msg_spend(m, &answer, TB_PART_BRIDGE, b->down);
    tb_send(m, DOWN, &answer, when + b->down, credit);
}

/* -- The configuration header ---------------------------------------------------------------- */

/* An access to its own registers; what it writes holds from this instant on. */
static void serve_config(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                         tb_time when)
{
    struct bridge *b = m->state;
    enum tb_status status = tb_pci_header_serve(m, &b->header, msg);
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, status, when);
        tb_release(m, credit, when);
        return;
    }
    struct tb_msg answer = *msg;
    tb_time due = when + b->p.header.register_latency, ready = tb_max(due, tb_port_ready(m, UP));
    tb_msg_answer(&answer, status);
    tb_txn_spend(m, msg->txn, TB_PART_DEVICE, due - when);
    tb_msg_spend(m, &answer, TB_PART_QUEUE, ready - due);
    tb_send(m, UP, &answer, ready, credit);
}

/* Does the header keep a message that comes by `port` from being passed on? From below it is what
 * is within a window (nobody there has claimed it), and all requests of a bridge that is no bus
 * master. */
static bool header_takes(struct tb_model *m, unsigned port, const struct tb_msg *msg,
                         tb_credit credit, tb_time when)
{
    struct bridge *b = m->state;
    bool request = msg->class != TB_COMPLETION && msg->space <= TB_IO && msg->kind <= TB_WRITE;
    tb_pci_header_note(&b->header, msg, port == DOWN);
    if (port == UP && msg->class != TB_COMPLETION &&
        tb_pci_is_own(b->p.header.id, msg->space, msg->address)) {
        serve_config(m, msg, credit, when);
        return true;
    }
    bool master = tb_pci_header_is_master(&b->header);
    if (port == UP || !request || (master && !is_below(b, msg->space, msg->address)))
        return false;
    refuse_from_below(m, msg, credit, when);
    return true;
}

/* -- Both ways ------------------------------------------------------------------------------- */

static void go_down(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct bridge *b = m->state;
    if (b->iommu && tb_iommu_from_above(b->iommu, msg, credit, when))
        return;
    if (msg->class != TB_COMPLETION && !is_below(b, msg->space, msg->address)) {
        refuse(m, msg, credit, when);
        return;
    }
    tb_msg_spend(m, msg, TB_PART_BRIDGE, b->down);
    tb_send(m, DOWN, msg, when + b->down, credit);
}

static void go_up(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct bridge *b = m->state;
    if (b->iommu)
        tb_iommu_from_below(b->iommu, DOWN, msg, credit, when);
    else
        send_up(m, msg, credit, when);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct bridge *b = m->state;
    if (b->p.has_header && header_takes(m, port, msg, credit, when))
        return;
    if (port == UP)
        go_down(m, msg, credit, when);
    else if (b->p.has_posting)
        tb_posting_take(m, &b->posting, msg, credit, when);
    else
        go_up(m, msg, credit, when);
}

/* Without an IOMMU everything from below (if nothing waits there), and from above what is for
 * somebody below, merely passes. */
static unsigned through(const struct tb_model *m, unsigned port, struct tb_through *out)
{
    const struct bridge *b = m->state;
    if (b->iommu || b->p.has_header || (b->p.has_posting && port == DOWN))
        return 0;
    *out = (struct tb_through){.latency = port == DOWN ? b->up : b->down,
                               .port = port == DOWN ? UP : DOWN,
                               .part = TB_PART_BRIDGE,
                               .only = port == DOWN ? NULL : &b->below};
    return (1u << TB_CLASSES) - 1;
}

static void timer(struct tb_model *m, unsigned number, tb_time when)
{
    struct bridge *b = m->state;
    if (number == POSTING_TIMER)
        tb_posting_timer(m, &b->posting, when);
    else
        tb_iommu_timer(b->iommu, number, when);
}

static void retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct bridge *b = m->state;
    tb_iommu_retired(b->iommu, txn, when);
}

/* -- Without time ---------------------------------------------------------------------------- */

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct bridge *b = m->state;
    if (port == UP && b->iommu && tb_iommu_debug(b->iommu, d))
        return true;
    if (port == UP && b->p.has_header && tb_pci_is_own(b->p.header.id, d->space, d->address))
        return tb_pci_header_access(m, &b->header, d) == TB_OK;
    return tb_debug_send(m, port == UP ? DOWN : UP, d);
}

static bool symbol(struct tb_model *m, const char *name, struct tb_symbol *out)
{
    struct bridge *b = m->state;
    if (b->p.has_header && tb_pci_header_symbol(&b->header, name, out))
        return true;
    return b->iommu && tb_iommu_symbol(b->iommu, name, out);
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    struct bridge *b = m->state;
    return b->iommu && tb_iommu_fact(b->iommu, key, out);
}

const struct tb_class tb_class_bridge = {
    .name = "bridge",
    .brief = "two ports, a latency each way, address windows; can host an IOMMU",
    .state_size = sizeof(struct bridge),
    .params = rows,
    .ports = port_names,
    .counters = counters,
    .timers = TIMERS,
    .check = check,
    .slots = slots,
    .claims = claims,
    .start = start,
    .recv = recv,
    .rerouted = rerouted,
    .through = through,
    .timer = timer,
    .retired = retired,
    .debug = debug,
    .symbol = symbol,
    .fact = fact,
};
