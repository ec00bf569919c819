/* A bus: decodes addresses, and is one medium that all its ports share, one message at a time.
 *
 * Routing: at time 0 the bus asks what is behind each port, and sorts the answers into one table
 * per address space (and again, in place, whenever somebody's claims have moved); a range inside
 * another port's is a hole in that (registers in front of memory); what nobody claims goes to who
 * claims subtractively (the bridge above). A request is never sent back where it came from.
 * Completions go back by transaction number: an entry per transaction remembers the port a request
 * came in by. A request is decoded when it gets the medium, as in an address phase: one that waits
 * for it while claims move goes by the new ones.
 *
 * The medium: a message that finds it idle is sent ahead, ready at the end of its occupancy: one
 * event per hop. One that finds it busy waits in the queue of its port, with its credit; the
 * arbiter picks at the end of the occupancy, so departures never go backwards. Queues are in order
 * of arrival whatever the class, which keeps posted writes ahead of what followed them; as the
 * medium never blocks, nothing needs to pass anything here (what waits for credits waits in front
 * of the wire, by class).
 *
 * What costs the medium nothing (on PCI a write's completion: its data phases told it; an interrupt
 * line) passes by a busy medium, but not what came before it from its own port.
 *
 * Not sent ahead, but held until the end, are a PCI burst longer than its latency timer, because it
 * may have to give the bus up, and a posted write that nobody claims, because it ends here.
 *
 * An ISA bus cannot split a read: while the target looks for its data, the master keeps the medium
 * (`kept`): what it sends next waits for these data, and the time they took counts as part of the
 * cycle. The first other message that takes the medium ends that, so nothing can wait in a circle.
 */
#include "tollbridge/model.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum protocol { SYSTEM, PCI, SBUS, ISA };
enum arbitration { ROUND_ROBIN, FIXED };

#define NOWHERE UINT16_MAX
#define NOBODY  UINT32_MAX /* end of a list of entries */
#define BURST   64         /* bytes that a transfer on SBus has at most */
#define TRAIL   4          /* how often a request may cross the same bus on its way */

#define ISA_MEMORY 0xffffffu /* last address that 24 lines tell apart */
#define ISA_PORTS  0xffffu   /* and that 16 do */

struct bus_params {
    unsigned protocol;
    unsigned arbitration;
    struct tb_rate clock;
    uint64_t width;
    struct tb_rate bandwidth;
    tb_time overhead;
    tb_time latency;
    tb_time interrupt;
    uint64_t address;
    uint64_t write;
    uint64_t read;
    uint64_t latency_timer;
    uint64_t word, io_word, byte;
    tb_time refresh;
    uint64_t refresh_clocks;
    bool turn;
};

/* What the bus knows of a transaction: who sent its requests here, and the message of it that waits
 * or is on the medium. A transaction has one message at a time, so one entry each is enough. */
struct entry {
    struct tb_msg msg;
    tb_time since;  /* waits, or occupies the medium, since */
    uint32_t words; /* data phases that are left (PCI) */
    uint32_t next;  /* in the queue of its port */
    uint16_t from, out;
    tb_credit credit;
    bool decoded;   /* has had its address phase: keeps its way */
    uint16_t depth; /* requests open in trail */
    uint16_t trail[TRAIL];
};

struct queue {
    uint32_t head, tail; /* entries, NOBODY if empty */
};

/* Where an interval of addresses leads. */
struct route {
    uint64_t base, last;
    uint16_t port;
    uint16_t model;
};

struct routes {
    struct route *at;
    size_t count, room;
};

struct bus {
    struct bus_params p;
    struct routes routes[TB_SPACES][2]; /* [1]: subtractive */
    struct routes claimed;              /* what one of them is made of */
    struct tb_ranges *found;            /* per port: what is behind it */
    bool routed;
    unsigned ports;
    struct queue *queues; /* per port */
    struct entry *entries;
    uint32_t waiting;   /* messages in all queues */
    uint32_t held;      /* entry on the medium that is not sent yet, or NOBODY */
    unsigned last_port; /* had the medium last */
    tb_time free_at;    /* end of the present occupancy */
    struct {
        uint32_t entry; /* whose read has had its request, and awaits its data; NOBODY: none */
        uint16_t port;  /* its master's */
        tb_time since;
    } kept;
    uint64_t refreshed; /* number of the last refresh that was seen to */
    uint64_t transfers, busy, waits, preemptions, unclaimed, contested, refreshes;
};

/* -- Routing --------------------------------------------------------------------------------- */

static int compare_ports(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    if (x->port != y->port)
        return (int)x->port - (int)y->port;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

/* The widest first. */
static int compare_widths(const void *a, const void *b)
{
    const struct route *x = a, *y = b;
    uint64_t wx = x->last - x->base, wy = y->last - y->base;
    if (wx != wy)
        return wx > wy ? -1 : 1;
    return compare_ports(a, b);
}

/* The claim that a route came from: routes may have been joined and cut since. */
static struct tb_range claim_of(const struct tb_ranges *all, const struct route *r, unsigned space,
                                bool subtractive)
{
    const struct tb_ranges *port = &all[r->port];
    for (size_t i = 0; i < port->count; i++) {
        const struct tb_range *a = &port->at[i];
        if (a->model == r->model && a->space == space && a->subtractive == subtractive &&
            a->base <= r->last && r->base <= a->last)
            return *a;
    }
    return (struct tb_range){.model = r->model, .space = (uint8_t)space};
}

static void report_overlap(struct tb_model *m, struct tb_diag *diag, unsigned space,
                           bool subtractive, const struct route *one, const struct route *other)
{
    const struct bus *bus = m->state;
    struct tb_range a = claim_of(bus->found, one, space, subtractive);
    struct tb_range b = claim_of(bus->found, other, space, subtractive);
    char where[96];
    snprintf(where, sizeof where, "on bus '%s'", m->name);
    a.base = one->base;
    a.last = one->last;
    b.base = other->base;
    b.last = other->last;
    tb_report_overlap(m, &a, &b, subtractive ? "take the unclaimed" : "claim", where, diag);
}

/* Joins what leads to the same port. What overlaps behind one port is the business of whoever is
 * there. */
static void join(struct routes *r)
{
    size_t kept = 0;
    if (r->count)
        qsort(r->at, r->count, sizeof *r->at, compare_ports);
    for (size_t i = 0; i < r->count; i++) {
        struct route *top = kept ? &r->at[kept - 1] : NULL;
        const struct route *next = &r->at[i];
        bool same = top && top->port == next->port;
        if (same && (next->base <= top->last || top->last + 1 == next->base)) {
            if (next->last > top->last)
                top->last = next->last;
        } else {
            r->at[kept++] = *next;
        }
    }
    r->count = kept;
}

static void insert(struct routes *r, size_t at, struct route route)
{
    for (size_t i = r->count++; i > at; i--)
        r->at[i] = r->at[i - 1];
    r->at[at] = route;
}

/* Puts a range into a sorted table of wider ones. In the middle of a wider one it is a hole in
 * that: a device's registers, or an aperture, in front of memory, as a PC's chipset has them.
 * Returns the range it cannot be told from, or NULL. */
static const struct route *place(struct routes *r, const struct route *next)
{
    size_t at = 0;
    while (at < r->count && r->at[at].last < next->base)
        at++;
    struct route *wide = at < r->count && r->at[at].base <= next->last ? &r->at[at] : NULL;
    if (!wide) {
        insert(r, at, *next);
        return NULL;
    }
    if (wide->base > next->base || wide->last < next->last ||
        wide->last - wide->base == next->last - next->base)
        return wide;
    struct route after = *wide;
    after.base = next->last + 1;
    bool has_after = next->last < wide->last;
    if (wide->base == next->base) {
        *wide = *next;
    } else {
        wide->last = next->base - 1;
        insert(r, ++at, *next);
    }
    if (has_after)
        insert(r, at + 1, after);
    return NULL;
}

/* Of a range that overlaps others, puts in what they leave of it. */
static void place_rest(struct routes *r, const struct route *next)
{
    uint64_t from = next->base;
    size_t at = 0;
    while (at < r->count && r->at[at].last < from)
        at++;
    for (;; at++) {
        bool more = at < r->count && r->at[at].base <= next->last;
        if (!more || r->at[at].base > from) {
            struct route piece = *next;
            piece.base = from;
            piece.last = more ? r->at[at].base - 1 : next->last;
            insert(r, at++, piece);
        }
        if (!more || r->at[at].last >= next->last)
            return;
        from = r->at[at].last + 1;
    }
}

/* What the ports claim of a space, as it was told. */
static void collect(struct bus *b, unsigned space, bool subtractive)
{
    struct routes *r = &b->claimed;
    r->count = 0;
    for (unsigned p = 0; p < b->ports; p++)
        for (size_t i = 0; i < b->found[p].count; i++) {
            const struct tb_range *a = &b->found[p].at[i];
            if (a->space == space && a->subtractive == subtractive && !a->off)
                r->at[r->count++] = (struct route){a->base, a->last, (uint16_t)p, a->model};
        }
}

/* Makes a table of it: sorted, without overlaps. Two that cannot be told from each other are an
 * error of the platform. Where software has moved one onto another, on hardware both would answer;
 * here the wider one does (of equals, the one whose link is listed first). */
static void settle(struct tb_model *m, unsigned space, bool subtractive, struct tb_diag *diag)
{
    struct bus *b = m->state;
    struct routes *r = &b->routes[space][subtractive];
    collect(b, space, subtractive);
    join(&b->claimed);
    if (b->claimed.count)
        qsort(b->claimed.at, b->claimed.count, sizeof *r->at, compare_widths);
    r->count = 0;
    for (size_t i = 0; i < b->claimed.count; i++) {
        const struct route *other = place(r, &b->claimed.at[i]);
        if (other && diag)
            report_overlap(m, diag, space, subtractive, other, &b->claimed.at[i]);
        if (other)
            place_rest(r, &b->claimed.at[i]);
        b->contested += other != NULL;
    }
}

static void make_room(struct tb_model *m, struct routes *r, size_t room)
{
    if (r->room >= room)
        return;
    r->at = tb_alloc(m, room, sizeof *r->at);
    r->room = room;
}

/* Room for all there is: whoever claims something always claims as many ranges. A hole makes three
 * of two. */
static void make_tables(struct tb_model *m)
{
    struct bus *b = m->state;
    size_t total[TB_SPACES][2] = {{0}}, most = 0;
    for (unsigned p = 0; p < b->ports; p++) {
        for (size_t i = 0; i < b->found[p].count; i++)
            total[b->found[p].at[i].space][b->found[p].at[i].subtractive]++;
        most += b->found[p].count;
    }
    make_room(m, &b->claimed, most + 1);
    for (unsigned s = 0; s < TB_SPACES; s++)
        for (unsigned k = 0; k < 2; k++)
            make_room(m, &b->routes[s][k], 2 * total[s][k] + 1);
}

/* Cuts off what an ISA bus has no address lines for, from the n-th range on. In place: claims may
 * change while the simulation runs; what has moved out of reach may come back, and keeps its place.
 */
static void cut_off(const struct bus *b, struct tb_ranges *of, size_t n)
{
    size_t kept = n;
    for (; b->p.protocol == ISA && n < of->count; n++) {
        struct tb_range r = of->at[n];
        uint64_t last = r.space == TB_MEMORY ? ISA_MEMORY : ISA_PORTS;
        if (r.space != TB_SPACE_IRQ && (r.space == TB_CONFIG || r.base > last)) {
            if (!r.moves)
                continue;
            r.off = true;
        } else if (r.space != TB_SPACE_IRQ && r.last > last) {
            r.last = last;
        }
        of->at[kept++] = r;
    }
    if (b->p.protocol == ISA)
        of->count = kept;
}

/* Asks what is behind every port and fills the tables. Instant accesses may need them before
 * `start` is called. diag may be NULL: errors are reported later, by start. */
static void gather(struct tb_model *m, struct tb_diag *diag)
{
    struct bus *b = m->state;
    if (!b->found)
        b->found = tb_alloc(m, b->ports + 1, sizeof *b->found);
    for (unsigned p = 0; p < b->ports; p++) {
        b->found[p].count = 0;
        tb_reach(m, p, &b->found[p]);
    }
    make_tables(m);
    for (unsigned p = 0; p < b->ports; p++)
        cut_off(b, &b->found[p], 0);
    for (unsigned s = 0; s < TB_SPACES; s++)
        settle(m, s, false, diag);
    size_t before = diag ? tb_diag_count(diag) : 0;
    for (unsigned s = 0; s < TB_SPACES; s++) {
        bool told = diag && tb_diag_count(diag) > before; /* of two bridges up: once is enough */
        settle(m, s, true, told ? NULL : diag);
    }
    b->routed = true;
}

static const struct route *find(const struct routes *r, uint64_t address)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->at[middle].last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && r->at[low].base <= address ? &r->at[low] : NULL;
}

/* Who takes an address that came in by `from`; NULL: nobody. */
static const struct route *decode(const struct bus *b, unsigned space, uint64_t address,
                                  unsigned from)
{
    const struct route *r = find(&b->routes[space][0], address);
    if (!r)
        r = find(&b->routes[space][1], address);
    return r && (r->port != from || b->p.turn) ? r : NULL;
}

/* The port by which a message leaves, and the trail for its completion. */
static uint16_t route(struct bus *b, struct entry *e)
{
    if (e->msg.class == TB_COMPLETION) {
        assert(e->depth > 0); /* a completion that nobody asked for: a model's error */
        return e->trail[--e->depth];
    }
    const struct route *r = decode(b, e->msg.space, e->msg.address, e->from);
    if (!r || e->depth == TRAIL)
        return NOWHERE;
    if (e->msg.class == TB_NONPOSTED)
        e->trail[e->depth++] = e->from;
    return r->port;
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    size_t before = out->count;
    for (unsigned p = 0; p < tb_port_count(m); p++)
        if (p != port)
            tb_reach(m, p, out);
    cut_off(m->state, out, before);
}

/* The part of an access that starts at d->address and stays within one route. */
static bool debug_part(struct tb_model *m, unsigned port, const struct tb_debug *d,
                       uint32_t *length)
{
    const struct route *r = decode(m->state, d->space, d->address, port);
    if (!r)
        return false;
    struct tb_debug part = *d;
    if (r->last - d->address < d->length)
        part.length = (uint32_t)(r->last - d->address + 1);
    if (part.length > d->length)
        part.length = d->length;
    *length = part.length;
    return tb_debug_send(m, r->port, &part);
}

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct bus *b = m->state;
    if (!b->routed)
        gather(m, NULL);
    struct tb_debug rest = *d;
    while (rest.length) {
        uint32_t done = 0;
        if (!debug_part(m, port, &rest, &done))
            return false;
        rest.address += done;
        rest.data += done;
        rest.length -= done;
    }
    return true;
}

/* -- How long a message occupies the medium -------------------------------------------------- */

/* Number of the clock edge at t, which is one (model.h's tb_clock_edge rounds edges up). */
static uint64_t edge_number(struct tb_rate clock, tb_time t)
{
    return (uint64_t)((unsigned __int128)t * clock.units / clock.time);
}

static tb_time edge_time(struct tb_rate clock, uint64_t number)
{
    return tb_rate_time_wide(clock, number);
}

/* Data phases: words of the bus that the payload touches. */
static uint32_t data_words(const struct bus *b, const struct entry *e)
{
    unsigned bytes = tb_msg_payload(&e->msg);
    if (!bytes || e->out == NOWHERE) /* nobody answers the address phase: no data phase follows */
        return 0;
    return (uint32_t)((e->msg.address % b->p.width + bytes + b->p.width - 1) / b->p.width);
}

/* Transfers that a message takes: on SBus one for each aligned 64 bytes, which is as much as its
 * size code can say. */
static uint64_t transfers_of(const struct bus *b, const struct entry *e)
{
    unsigned bytes = tb_msg_payload(&e->msg);
    if (b->p.protocol != SBUS || bytes <= 1)
        return 1;
    return (e->msg.address % BURST + bytes + BURST - 1) / BURST;
}

/* Clocks that come on top of the data phases. A read of N dwords takes N + `read` in all, of which
 * the request has had its address phase. */
static uint64_t pci_overhead(const struct bus *b, const struct entry *e)
{
    if (e->out == NOWHERE)
        return b->p.address;
    switch (e->msg.kind) {
    case TB_WRITE:
        return b->p.write * transfers_of(b, e);
    case TB_DATA:
        return b->p.read * transfers_of(b, e) - b->p.address;
    case TB_DONE: /* PCI has no such phase: the write's data phases, or the abort, told it */
        return 0;
    default:
        return b->p.address;
    }
}

static tb_time system_end(const struct bus *b, const struct entry *e, tb_time start)
{
    const struct bus_params *p = &b->p;
    tb_time end = start + (e->msg.class == TB_COMPLETION ? 0 : p->overhead);
    if (p->bandwidth.time && e->out != NOWHERE)
        end += tb_rate_time(p->bandwidth, tb_msg_payload(&e->msg));
    end = tb_clock_edge(p->clock, end);
    if (!p->bandwidth.time && p->clock.time)
        end = edge_time(p->clock, edge_number(p->clock, end) + e->words);
    return end;
}

/* Clocks of all cycles of a transfer on ISA: a cycle for each aligned word, a slower one for each
 * byte besides. A master that drives its own cycles (a DMA controller) has said how long they take.
 */
static uint64_t isa_clocks(const struct bus *b, const struct tb_msg *msg)
{
    if (msg->clocks)
        return msg->clocks;
    uint64_t odd = b->p.width == 1 ? msg->length : msg->address & 1, rest = msg->length - odd;
    return (odd + (rest & 1)) * b->p.byte +
           rest / 2 * (msg->space == TB_IO ? b->p.io_word : b->p.word);
}

/* A read's request is the first clock of its first cycle, its data are the rest of them; what the
 * target took meanwhile is part of the cycle, unless somebody else had the medium. */
static uint64_t isa_occupied(const struct bus *b, const struct entry *e, tb_time start)
{
    uint64_t clocks = isa_clocks(b, &e->msg), past = 1;
    if (e->msg.kind == TB_WRITE || (e->msg.kind == TB_READ && e->out == NOWHERE))
        return clocks;
    if (e->msg.kind != TB_DATA) /* DONE: the write's own cycles told it */
        return e->msg.kind == TB_DONE ? 0 : 1;
    if (b->kept.entry == e->msg.txn)
        past = edge_number(b->p.clock, start) - edge_number(b->p.clock, b->kept.since);
    return clocks > past ? clocks - past : 1;
}

/* When a message that takes the medium at `start`, on an edge, leaves it if nobody interrupts. */
static tb_time occupancy_end(const struct bus *b, const struct entry *e, tb_time start)
{
    if (e->msg.class == TB_INTERRUPT)
        return tb_clock_edge(b->p.clock, start + b->p.interrupt);
    if (b->p.protocol == SYSTEM)
        return system_end(b, e, start);
    if (b->p.protocol == ISA)
        return edge_time(b->p.clock, edge_number(b->p.clock, start) + isa_occupied(b, e, start));
    return edge_time(b->p.clock, edge_number(b->p.clock, start) + pci_overhead(b, e) + e->words);
}

/* Can this tenure outlast its latency timer. */
static bool is_long(const struct bus *b, const struct entry *e)
{
    return b->p.protocol == PCI && e->words > 1 &&
           pci_overhead(b, e) + e->words > b->p.latency_timer;
}

/* First edge >= t at which a long burst gives way: after its latency timer, and after one data
 * phase at least, or it would never end. */
static tb_time yield_time(const struct bus *b, const struct entry *e, tb_time t)
{
    uint64_t least = pci_overhead(b, e) + 1;
    uint64_t clocks = least > b->p.latency_timer ? least : b->p.latency_timer;
    tb_time allowed = edge_time(b->p.clock, edge_number(b->p.clock, e->since) + clocks);
    return tb_max(allowed, tb_clock_edge(b->p.clock, t));
}

/* -- Queues and arbitration ------------------------------------------------------------------ */

static uint32_t number_of(const struct bus *b, const struct entry *e)
{
    return (uint32_t)(e - b->entries);
}

static void push_back(struct bus *b, struct entry *e)
{
    struct queue *q = &b->queues[e->from];
    e->next = NOBODY;
    if (q->head == NOBODY)
        q->head = number_of(b, e);
    else
        b->entries[q->tail].next = number_of(b, e);
    q->tail = number_of(b, e);
    b->waiting++;
}

static void push_front(struct bus *b, struct entry *e)
{
    struct queue *q = &b->queues[e->from];
    e->next = q->head;
    if (q->head == NOBODY)
        q->tail = number_of(b, e);
    q->head = number_of(b, e);
    b->waiting++;
}

static struct entry *pop(struct bus *b, unsigned port)
{
    struct queue *q = &b->queues[port];
    struct entry *e = &b->entries[q->head];
    q->head = e->next;
    b->waiting--;
    return e;
}

/* Its read awaits data, for which it keeps the medium. */
static bool is_blocked(const struct bus *b, unsigned port)
{
    return b->kept.entry != NOBODY && b->kept.port == port;
}

/* Whom the arbiter would grant the medium. `also`: a port to be counted as waiting (who has the
 * medium), or NOWHERE. */
static unsigned grant(const struct bus *b, unsigned also)
{
    unsigned first = b->p.arbitration == ROUND_ROBIN ? b->last_port + 1 : 0;
    for (unsigned i = 0; i < b->ports; i++) {
        unsigned port = (first + i) % b->ports;
        if ((b->queues[port].head != NOBODY && !is_blocked(b, port)) || port == also)
            return port;
    }
    return NOWHERE;
}

/* Sets the timer for the next instant at which there is something to decide. */
static void arm(struct tb_model *m, tb_time when)
{
    struct bus *b = m->state;
    if (b->held == NOBODY) {
        if (b->waiting && grant(b, NOWHERE) != NOWHERE)
            tb_timer_set(m, 0, tb_max(b->free_at, when));
        return;
    }
    struct entry *e = &b->entries[b->held];
    tb_time at = b->free_at;
    if (b->waiting && is_long(b, e) && grant(b, e->from) != e->from) {
        tb_time yield = yield_time(b, e, when);
        at = yield < at ? yield : at;
    }
    tb_timer_set(m, 0, at);
}

/* -- The way of a message -------------------------------------------------------------------- */

/* Passes a message on, ready at `end` of its occupancy and the latency after it. */
static void pass_on(struct tb_model *m, struct entry *e, tb_time end)
{
    struct bus *b = m->state;
    uint16_t out = e->out;
    tb_msg_spend(m, &e->msg, TB_PART_BUS, end + b->p.latency - e->since);
    if (out == NOWHERE) {
        tb_msg_answer(&e->msg, TB_UNSUPPORTED);
        out = e->from;
    }
    b->transfers++;
    tb_send(m, out, &e->msg, end + b->p.latency, e->credit);
}

/* A request without an answer that nobody claims: here it ends. */
static void drop(struct tb_model *m, struct entry *e, tb_time end)
{
    tb_credit credit = e->credit;
    tb_msg_spend(m, &e->msg, TB_PART_BUS, end - e->since);
    tb_txn_end(m, e->msg.txn, TB_UNSUPPORTED, end);
    tb_release(m, credit, end);
}

static bool ends_here(const struct entry *e)
{
    return e->out == NOWHERE && e->msg.class != TB_NONPOSTED;
}

/* The end of a message's time on the medium, now or ahead of it. */
static void deliver(struct tb_model *m, struct entry *e, tb_time end)
{
    struct bus *b = m->state;
    b->busy += end - e->since;
    if (ends_here(e))
        drop(m, e, end);
    else
        pass_on(m, e, end);
}

/* May a message pass by a busy medium: it costs nothing, and nothing from its port is before it. */
static bool may_pass_by(const struct bus *b, const struct entry *e, tb_time edge)
{
    return b->queues[e->from].head == NOBODY && b->last_port != e->from && !ends_here(e) &&
           occupancy_end(b, e, edge) == edge;
}

/* Departures by a port are in order: what was sent ahead goes first. */
static void pass_by(struct tb_model *m, struct entry *e, tb_time edge)
{
    struct bus *b = m->state;
    uint16_t out = e->out == NOWHERE ? e->from : e->out;
    tb_time ready = tb_max(edge + b->p.latency, tb_port_ready(m, out));
    tb_msg_spend(m, &e->msg, TB_PART_QUEUE, ready - b->p.latency - e->since);
    e->since = ready - b->p.latency;
    if (b->kept.entry == e->msg.txn) /* the read failed */
        b->kept.entry = NOBODY;
    pass_on(m, e, e->since);
}

/* The refresh that came due last goes first: when it was due, or when the medium was free after
 * that. Those before it found the medium idle, or were lost. */
static tb_time after_refresh(struct bus *b, tb_time start)
{
    uint64_t number = b->p.refresh ? start / b->p.refresh : 0;
    if (number == b->refreshed)
        return start;
    b->refreshed = number;
    tb_time due = tb_clock_edge(b->p.clock, tb_max(number * b->p.refresh, b->free_at));
    tb_time end = edge_time(b->p.clock, edge_number(b->p.clock, due) + b->p.refresh_clocks);
    b->refreshes += end > start;
    return tb_max(start, end);
}

/* A message has taken the medium. An ISA master's read keeps it. */
static void keep(struct bus *b, const struct entry *e, tb_time start)
{
    bool asks = e->msg.kind == TB_READ && e->msg.class == TB_NONPOSTED && e->out != NOWHERE;
    b->kept.entry = asks ? e->msg.txn : NOBODY;
    b->kept.port = e->from;
    b->kept.since = start;
}

/* Gives the idle medium to a message. */
static void begin(struct tb_model *m, struct entry *e, tb_time when)
{
    struct bus *b = m->state;
    tb_time start = after_refresh(b, tb_clock_edge(b->p.clock, when));
    tb_msg_spend(m, &e->msg, TB_PART_QUEUE, start - e->since);
    e->decoded = true;
    e->since = start;
    b->last_port = e->from;
    b->free_at = occupancy_end(b, e, start);
    if (b->p.protocol == ISA)
        keep(b, e, start);
    if (ends_here(e) || is_long(b, e)) {
        b->held = number_of(b, e);
        arm(m, start);
    } else {
        deliver(m, e, b->free_at);
    }
}

/* The burst on the medium gives it up; the rest of it waits at the head of its port's queue. */
static void preempt(struct tb_model *m, struct entry *e, tb_time when)
{
    struct bus *b = m->state;
    struct tb_rate clock = b->p.clock;
    uint64_t clocks = edge_number(clock, when) - edge_number(clock, e->since);
    e->words -= (uint32_t)(clocks - pci_overhead(b, e));
    tb_msg_spend(m, &e->msg, TB_PART_BUS, when - e->since);
    b->busy += when - e->since;
    b->preemptions++;
    e->since = when;
    push_front(b, e);
}

static void timer(struct tb_model *m, unsigned which, tb_time when)
{
    (void)which;
    struct bus *b = m->state;
    if (b->held != NOBODY) {
        struct entry *e = &b->entries[b->held];
        b->held = NOBODY;
        if (when < b->free_at)
            preempt(m, e, when);
        else
            deliver(m, e, when);
        b->free_at = when;
    }
    for (unsigned port; b->waiting && b->held == NOBODY && b->free_at <= when;) {
        if ((port = grant(b, NOWHERE)) == NOWHERE)
            break;
        begin(m, pop(b, port), when);
    }
    if (b->held == NOBODY)
        arm(m, when);
}

static void decode_entry(struct bus *b, struct entry *e)
{
    e->out = route(b, e);
    e->words = data_words(b, e);
    b->unclaimed += e->out == NOWHERE;
}

/* Takes back what decode_entry did to a request. */
static void forget_way(struct bus *b, struct entry *e)
{
    if (e->out == NOWHERE)
        b->unclaimed--;
    else if (e->msg.class == TB_NONPOSTED)
        e->depth--;
}

/* Somebody's claims have moved: new tables, and new ways for requests that wait for the medium. */
static void rerouted(struct tb_model *m)
{
    struct bus *b = m->state;
    gather(m, NULL);
    for (unsigned p = 0; p < b->ports; p++)
        for (uint32_t n = b->queues[p].head; n != NOBODY; n = b->entries[n].next) {
            struct entry *e = &b->entries[n];
            if (e->decoded || e->msg.class == TB_COMPLETION)
                continue;
            forget_way(b, e);
            decode_entry(b, e);
        }
}

/* Nobody who may have the medium waits for it. */
static bool is_first(const struct bus *b, unsigned port)
{
    if (b->kept.entry == NOBODY)
        return !b->waiting;
    return !is_blocked(b, port) && grant(b, NOWHERE) == NOWHERE;
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct bus *b = m->state;
    struct entry *e = &b->entries[msg->txn];
    e->msg = *msg;
    e->credit = credit;
    e->since = when;
    e->from = (uint16_t)port;
    e->decoded = false;
    decode_entry(b, e);
    if (is_first(b, port) && b->held == NOBODY && when >= b->free_at) {
        begin(m, e, when);
        if (b->waiting && b->held == NOBODY)
            arm(m, when);
    } else if (may_pass_by(b, e, tb_clock_edge(b->p.clock, when))) {
        pass_by(m, e, tb_clock_edge(b->p.clock, when));
        if (b->waiting && b->held == NOBODY)
            arm(m, when);
    } else {
        b->waits++;
        push_back(b, e);
        arm(m, when);
    }
}

/* -- Elaboration ----------------------------------------------------------------------------- */

/* Where a parameter stands; the model's own place if it has its default. */
static const struct tb_node *node_of(const struct tb_model *m, const char *name)
{
    const struct tb_node *node = tb_node_get(m->node, name);
    return node ? node : m->node;
}

static const char *const protocol_names[] = {"system", "pci", "sbus", "isa", NULL};

/* A parameter that means nothing in this protocol must not be given. */
static void refuse(struct tb_model *m, struct tb_diag *diag, bool given, const char *name)
{
    const struct bus *b = m->state;
    if (given)
        tb_diag_node(diag, node_of(m, name), "'%s' means nothing for protocol %s", name,
                     protocol_names[b->p.protocol]);
}

static void check_pci(struct tb_model *m, struct tb_diag *diag)
{
    const struct bus_params *p = &((struct bus *)m->state)->p;
    if (p->address > p->read)
        tb_diag_node(diag, node_of(m, "address"),
                     "more clocks for the address phase (%" PRIu64
                     ") than for all of a read's overhead (%" PRIu64 ")",
                     p->address, p->read);
}

/* 16 data lines, or the 8 of the first PC: what is not said otherwise is 16. */
static void check_isa(struct tb_model *m, struct tb_diag *diag)
{
    struct bus_params *p = &((struct bus *)m->state)->p;
    if (!tb_node_get(m->node, "width"))
        p->width = 2;
    if (p->width > 2)
        tb_diag_node(diag, node_of(m, "width"), "an ISA bus is 1B or 2B wide");
    if (p->refresh && p->clock.time && edge_time(p->clock, p->refresh_clocks + 1) >= p->refresh)
        tb_diag_node(diag, node_of(m, "refresh"), "refreshes leave no time for anything else");
}

static void refuse_pci(struct tb_model *m, struct tb_diag *diag)
{
    const struct bus_params *p = &((struct bus *)m->state)->p;
    refuse(m, diag, p->address != 1, "address");
    refuse(m, diag, p->write != 2, "write");
    refuse(m, diag, p->read != 16, "read");
    refuse(m, diag, p->latency_timer != 64, "latency_timer");
}

static void refuse_isa(struct tb_model *m, struct tb_diag *diag)
{
    const struct bus_params *p = &((struct bus *)m->state)->p;
    refuse(m, diag, p->word != 3, "word");
    refuse(m, diag, p->io_word != 3, "io_word");
    refuse(m, diag, p->byte != 6, "byte");
    refuse(m, diag, p->refresh != 0, "refresh");
    refuse(m, diag, p->refresh_clocks != 4, "refresh_clocks");
}

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct bus *b = m->state;
    const struct bus_params *p = &b->p;
    b->held = b->kept.entry = NOBODY;
    b->ports = tb_port_count(m);
    if (p->protocol != ISA)
        refuse_isa(m, diag);
    if (p->protocol == SYSTEM || p->protocol == ISA)
        refuse_pci(m, diag);
    if (p->protocol == SBUS)
        refuse(m, diag, p->latency_timer != 64, "latency_timer");
    if (p->protocol == SYSTEM)
        return;
    refuse(m, diag, p->bandwidth.time != 0, "bandwidth");
    refuse(m, diag, p->overhead != 0, "overhead");
    if (!p->clock.time)
        tb_diag_node(diag, m->node, "protocol %s needs a clock, for instance %s",
                     protocol_names[p->protocol], p->protocol == ISA ? "120ns" : "30ns");
    if (p->protocol == ISA)
        check_isa(m, diag);
    else
        check_pci(m, diag);
}

static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct bus *b = m->state;
    gather(m, diag);
    b->queues = tb_alloc(m, b->ports + 1, sizeof *b->queues);
    for (unsigned p = 0; p < b->ports; p++)
        b->queues[p].head = NOBODY;
    b->entries = tb_alloc(m, (size_t)tb_txn_total(m) + 1, sizeof *b->entries);
}

static const char *const arbitration_names[] = {"round-robin", "fixed", NULL};

#define AT(field) offsetof(struct bus_params, field)
static const struct tb_param params[] = {
    {.name = "protocol",
     .type = TB_ENUM,
     .offset = AT(protocol),
     .def = "system",
     .names = protocol_names,
     .doc = "what a message costs: by the rules of a system bus, of PCI, of SBus, of ISA"},
    {.name = "arbitration",
     .type = TB_ENUM,
     .offset = AT(arbitration),
     .def = "round-robin",
     .names = arbitration_names,
     .doc = "who is next: each port in turn, or always the port whose link is listed first"},
    {.name = "clock",
     .type = TB_CLOCK,
     .offset = AT(clock),
     .def = "none",
     .doc = "transfers start and end on its edges; protocols pci, sbus and isa need one"},
    {.name = "width",
     .type = TB_SIZE,
     .offset = AT(width),
     .def = "4B",
     .min = "1B",
     .max = "4KiB",
     .doc = "bytes per clock, if there is a clock and no bandwidth; protocol isa: 1B or 2B (2B)"},
    {.name = "bandwidth",
     .type = TB_RATE,
     .offset = AT(bandwidth),
     .def = "unlimited",
     .doc = "of a system bus; in place of width x clock"},
    {.name = "overhead",
     .type = TB_TIME,
     .offset = AT(overhead),
     .def = "0ns",
     .max = "1ms",
     .doc = "of a system bus: the medium's time for the address phase of a request"},
    {.name = "latency",
     .type = TB_TIME,
     .offset = AT(latency),
     .def = "0ns",
     .max = "1ms",
     .doc = "from the end of the transfer to the departure; does not occupy the medium"},
    {.name = "interrupt",
     .type = TB_TIME,
     .offset = AT(interrupt),
     .def = "0ns",
     .max = "1ms",
     .doc = "the medium's time for an interrupt message"},
    {.name = "address",
     .type = TB_COUNT,
     .offset = AT(address),
     .def = "1",
     .max = "64",
     .doc = "pci, sbus: clocks of a read's address phase, or of any request nobody claims"},
    {.name = "write",
     .type = TB_COUNT,
     .offset = AT(write),
     .def = "2",
     .max = "64",
     .doc = "pci, sbus: clocks of a write burst on top of its data phases"},
    {.name = "read",
     .type = TB_COUNT,
     .offset = AT(read),
     .def = "16",
     .max = "1024",
     .doc = "pci, sbus: clocks of a read burst on top of its data phases, address phase included"},
    {.name = "latency_timer",
     .type = TB_COUNT,
     .offset = AT(latency_timer),
     .def = "64",
     .min = "16",
     .max = "128",
     .doc = "protocol pci: clocks after which a burst gives way, to pay its overhead again"},
    {.name = "word",
     .type = TB_COUNT,
     .offset = AT(word),
     .def = "3",
     .min = "2",
     .max = "64",
     .doc = "protocol isa: clocks of a 16-bit memory cycle; 2 without its wait state (0WS#)"},
    {.name = "io_word",
     .type = TB_COUNT,
     .offset = AT(io_word),
     .def = "3",
     .min = "2",
     .max = "64",
     .doc = "protocol isa: clocks of a 16-bit I/O cycle"},
    {.name = "byte",
     .type = TB_COUNT,
     .offset = AT(byte),
     .def = "6",
     .min = "2",
     .max = "64",
     .doc = "protocol isa: clocks of an 8-bit cycle; 3 with 0WS#"},
    {.name = "refresh",
     .type = TB_TIME,
     .offset = AT(refresh),
     .def = "0ns",
     .max = "1s",
     .doc = "protocol isa: a refresh cycle takes the bus so often (15.6us); 0ns: never"},
    {.name = "refresh_clocks",
     .type = TB_COUNT,
     .offset = AT(refresh_clocks),
     .def = "4",
     .min = "1",
     .max = "64",
     .doc = "protocol isa: how long that takes"},
    {.name = "turn",
     .type = TB_BOOL,
     .offset = AT(turn),
     .def = "false",
     .doc =
         "a request may leave by the port it came in by: peers below that an IOMMU there sent up"},
    {0},
};

static const char *const ports[] = {"*", NULL};

#define COUNTER(field, text)                                                                       \
    {                                                                                              \
#field, offsetof(struct bus, field), text                                                  \
    }
static const struct tb_counter counters[] = {
    COUNTER(transfers, "messages that crossed the bus"),
    {"busy_ps", offsetof(struct bus, busy), "time during which the medium was occupied, ps"},
    COUNTER(waits, "messages that found the medium occupied"),
    COUNTER(preemptions, "bursts that gave the bus up when their latency timer had run out"),
    COUNTER(unclaimed, "requests that nobody claimed"),
    COUNTER(contested, "times a range was found moved onto another's, which then answers for both"),
    COUNTER(refreshes, "refresh cycles that a message had to wait for (protocol isa)"),
    {0},
};

const struct tb_class tb_class_bus = {
    .name = "bus",
    .brief = "decodes addresses; a medium its ports share, under the rules of PCI, SBus, ISA or a "
             "system bus",
    .state_size = sizeof(struct bus),
    .params = params,
    .ports = ports,
    .counters = counters,
    .timers = 1,
    .check = check,
    .claims = claims,
    .start = start,
    .recv = recv,
    .rerouted = rerouted,
    .timer = timer,
    .debug = debug,
};
