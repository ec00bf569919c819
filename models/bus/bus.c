/* The class, and the way of a message over the medium. */
#include "bus.h"

/* Sets the timer for the next instant at which there is something to decide. */
static void arm(struct tb_model *m, tb_time when)
{
    struct bus *b = m->state;
    if (b->held == BUS_NOBODY) {
        if (b->waiting && bus_grant(b, BUS_NOWHERE) != BUS_NOWHERE)
            tb_timer_set(m, 0, tb_max(b->free_at, when));
        return;
    }
    struct bus_entry *e = &b->entries[b->held];
    tb_time at = b->free_at;
    if (b->waiting && bus_pci_is_long(b, e) && bus_grant(b, e->from) != e->from) {
        tb_time yield = bus_pci_yield_time(b, e, when);
        at = yield < at ? yield : at;
    }
    tb_timer_set(m, 0, at);
}

/* Passes a message on, ready at `end` of its occupancy and the latency after it. */
static void pass_on(struct tb_model *m, struct bus_entry *e, tb_time end)
{
    struct bus *b = m->state;
    uint16_t out = e->out;
    tb_msg_spend(m, &e->msg, TB_PART_BUS, end + b->p.latency - e->since);
    if (out == BUS_NOWHERE) {
        tb_msg_answer(&e->msg, TB_UNSUPPORTED);
        out = e->from;
    }
    b->transfers++;
    tb_send(m, out, &e->msg, end + b->p.latency, e->credit);
}

/* A request without an answer that nobody claims: here it ends. */
static void drop(struct tb_model *m, struct bus_entry *e, tb_time end)
{
    tb_credit credit = e->credit;
    tb_msg_spend(m, &e->msg, TB_PART_BUS, end - e->since);
    tb_txn_end(m, e->msg.txn, TB_UNSUPPORTED, end);
    tb_release(m, credit, end);
}

static bool ends_here(const struct bus_entry *e)
{
    return e->out == BUS_NOWHERE && e->msg.class != TB_NONPOSTED;
}

/* The end of a message's time on the medium, now or ahead of it. */
static void deliver(struct tb_model *m, struct bus_entry *e, tb_time end)
{
    struct bus *b = m->state;
    b->busy += end - e->since;
    if (ends_here(e))
        drop(m, e, end);
    else
        pass_on(m, e, end);
}

/* May a message pass by a busy medium: it costs nothing, and nothing from its port is before it. */
static bool may_pass_by(const struct bus *b, const struct bus_entry *e, tb_time edge)
{
    return b->queues[e->from].head == BUS_NOBODY && b->last_port != e->from && !ends_here(e) &&
           bus_occupancy_end(b, e, edge) == edge;
}

/* Departures by a port are in order: what was sent ahead goes first. */
static void pass_by(struct tb_model *m, struct bus_entry *e, tb_time edge)
{
    struct bus *b = m->state;
    uint16_t out = e->out == BUS_NOWHERE ? e->from : e->out;
    tb_time ready = tb_max(edge + b->p.latency, tb_port_ready(m, out));
    tb_msg_spend(m, &e->msg, TB_PART_QUEUE, ready - b->p.latency - e->since);
    e->since = ready - b->p.latency;
    if (b->kept.entry == e->msg.txn) /* the read failed */
        b->kept.entry = BUS_NOBODY;
    pass_on(m, e, e->since);
}

/* Gives the idle medium to a message. */
static void begin(struct tb_model *m, struct bus_entry *e, tb_time when)
{
    struct bus *b = m->state;
    tb_time start = bus_isa_after_refresh(b, tb_clock_edge(b->p.clock, when));
    tb_msg_spend(m, &e->msg, TB_PART_QUEUE, start - e->since);
    e->decoded = true;
    e->since = start;
    b->last_port = e->from;
    b->free_at = bus_occupancy_end(b, e, start);
    if (b->p.protocol == BUS_ISA)
        bus_isa_keep(b, e, start);
    if (ends_here(e) || bus_pci_is_long(b, e)) {
        b->held = bus_number_of(b, e);
        arm(m, start);
    } else {
        deliver(m, e, b->free_at);
    }
}

/* The burst on the medium gives it up; the rest of it waits at the head of its port's queue. */
static void preempt(struct tb_model *m, struct bus_entry *e, tb_time when)
{
    struct bus *b = m->state;
    struct tb_rate clock = b->p.clock;
    uint64_t clocks = bus_edge_number(clock, when) - bus_edge_number(clock, e->since);
    e->words -= (uint32_t)(clocks - bus_pci_overhead(b, e));
    tb_msg_spend(m, &e->msg, TB_PART_BUS, when - e->since);
    b->busy += when - e->since;
    b->preemptions++;
    e->since = when;
    bus_push_front(b, e);
}

static void timer(struct tb_model *m, unsigned which, tb_time when)
{
    (void)which;
    struct bus *b = m->state;
    if (b->held != BUS_NOBODY) {
        struct bus_entry *e = &b->entries[b->held];
        b->held = BUS_NOBODY;
        if (when < b->free_at)
            preempt(m, e, when);
        else
            deliver(m, e, when);
        b->free_at = when;
    }
    for (unsigned port; b->waiting && b->held == BUS_NOBODY && b->free_at <= when;) {
        if ((port = bus_grant(b, BUS_NOWHERE)) == BUS_NOWHERE)
            break;
        begin(m, bus_pop(b, port), when);
    }
    if (b->held == BUS_NOBODY)
        arm(m, when);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct bus *b = m->state;
    struct bus_entry *e = &b->entries[msg->txn];
    e->msg = *msg;
    e->credit = credit;
    e->since = when;
    e->from = (uint16_t)port;
    e->decoded = false;
    bus_decode(b, e);
    if (bus_is_first(b, port) && b->held == BUS_NOBODY && when >= b->free_at) {
        begin(m, e, when);
        if (b->waiting && b->held == BUS_NOBODY)
            arm(m, when);
    } else if (may_pass_by(b, e, tb_clock_edge(b->p.clock, when))) {
        pass_by(m, e, tb_clock_edge(b->p.clock, when));
        if (b->waiting && b->held == BUS_NOBODY)
            arm(m, when);
    } else {
        b->waits++;
        bus_push_back(b, e);
        arm(m, when);
    }
}

static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct bus *b = m->state;
    bus_gather(m, diag);
    b->queues = tb_alloc(m, b->ports + 1, sizeof *b->queues);
    for (unsigned p = 0; p < b->ports; p++)
        b->queues[p].head = BUS_NOBODY;
    b->entries = tb_alloc(m, (size_t)tb_txn_total(m) + 1, sizeof *b->entries);
}

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
    .params = bus_param_table,
    .ports = ports,
    .counters = counters,
    .timers = 1,
    .check = bus_check,
    .claims = bus_claims,
    .start = start,
    .recv = recv,
    .rerouted = bus_rerouted,
    .timer = timer,
    .debug = bus_debug,
};
