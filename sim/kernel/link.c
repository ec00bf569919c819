/* Links: how a message gets from one port to the next.
 *
 * A message starts on its wire at the first instant when it is ready, the wire is free and a credit
 * is there. All three are known as *instants*, often ahead of time: a credit in `credits` carries
 * the time at which it may be used. So a start is computed, not waited for, and costs no event;
 * only its arrival does. What has no credit yet waits in the lane's queue, and is looked at again
 * when a credit is returned (tb_release), which again is a computation.
 *
 * Where a message merely passes through the model at the wire's end (class->through), it goes
 * straight on to the next wire: a chain of bridges costs one event, at its end.
 *
 * Where several classes share a wire, a start that lies further ahead than any new message could be
 * ready must not be fixed yet (something else may fit in before it): then the wire's own channel
 * brings us back at that instant.
 */
#include "kernel/flow.h"
#include "kernel/kernel.h"
#include "kernel/pcie.h"
#include "kernel/usage.h"

#include <assert.h>
#include <string.h>

/* The hot path is inlined whole into its callers and ends in calls that are jumps: no registers to
 * save. */
#define HOT static inline __attribute__((always_inline))

/* What a message takes of PCI Express's credits. One that takes none waits for the first of them
 * all the same. */
static struct tb_units units_of(const struct lane *l, const struct tb_msg *msg)
{
    struct tb_pcie_size size = tb_pcie_size(l->wire->pcie, msg);
    return msg->creditless ? (struct tb_units){1, 0} : (struct tb_units){size.tlps, size.data};
}

/* Is it known from when the message has its credit? */
static inline bool has_credit(const struct lane *l, const struct tb_msg *msg, tb_time *from)
{
    *from = 0;
    if (l->limit == 0)
        return true;
    if (l->has_flow)
        return tb_flow_ready(l->flow, units_of(l, msg), from);
    *from = l->credits[l->credit_head & l->credit_mask];
    return l->credit_head != l->credit_tail;
}

/* A free credit goes in by its time. They nearly always come in order. */
static inline void put_credit(struct lane *l, tb_time at)
{
    if (l->has_flow) {
        tb_flow_return(l->flow, at);
        return;
    }
    uint32_t i = l->credit_tail++;
    assert(l->credit_tail - l->credit_head <= l->limit);
    while (i != l->credit_head && l->credits[(i - 1) & l->credit_mask] > at) {
        l->credits[i & l->credit_mask] = l->credits[(i - 1) & l->credit_mask];
        i--;
    }
    l->credits[i & l->credit_mask] = at;
}

static void pump(struct tb_sim *s, struct wire *w);
static void arrive(struct tb_sim *s, struct lane *l, const struct tb_msg *msg, tb_time arrival);

/* What the receiver of a message holds. */
static inline tb_credit credit_of(const struct lane *l, const struct tb_msg *msg)
{
    return l->limit && !msg->creditless ? (tb_credit)l->channel : TB_NO_CREDIT;
}

HOT void put_in_flight(struct tb_sim *s, struct lane *l, const struct tb_msg *msg, tb_time arrival)
{
    uint32_t tail = l->tail;
    assert(tail - l->head <= l->mask);
    struct flight *f = &l->ring[tail & l->mask];
    f->at = arrival;
    f->msg = *msg;
    l->tail = tail + 1;
    if (l->head == tail)
        tb_pending_set(&s->pending, l->channel, arrival);
}

/* How long a message keeps a wire busy that is not simple. *lead: by how much its handing over
 * precedes its end. */
static tb_time occupancy(const struct wire *w, const struct tb_msg *msg, tb_time *lead)
{
    *lead = 0;
    if (w->pcie) {
        struct tb_pcie_size size = tb_pcie_size(w->pcie, msg);
        tb_time busy = tb_rate_time_wide(w->rate, size.bytes);
        if (w->cuts)
            *lead = busy - tb_rate_time_wide(w->rate, size.head);
        return busy;
    }
    return w->rate.time ? tb_rate_time(w->rate, w->header + tb_msg_payload(msg)) : 0;
}

/* What would come after the end of time, of a message that starts before or there, waits there for
 * ever. */
static inline tb_time before_end(tb_time t, tb_time start)
{
    return t < TB_END ? t : tb_max(start, TB_END);
}

/* Puts a message on a wire that is not simple: so slow that time may end before all is sent, a rate
 * that is no whole number of ticks per byte, PCI Express, or one on which a message may take a
 * little longer (w->jitter): but it overtakes nothing. */
static tb_time slow_arrival(struct wire *w, const struct tb_msg *msg, tb_time start)
{
    tb_time lead, busy = occupancy(w, msg, &lead);
    tb_time arrival = start + busy - lead + w->latency;
    w->free = before_end(start + busy, start);
    if (w->jitter == 0)
        return w->last_arrival = before_end(arrival, start);
    arrival = before_end(arrival + tb_random_below(&w->random, w->jitter + 1), start);
    return w->last_arrival = tb_max(w->last_arrival, arrival);
}

/* Books the time through the model at the wire's end. */
static __attribute__((noinline)) void book_through(struct tb_sim *s, const struct wire *w,
                                                   const struct tb_msg *msg)
{
    struct tb_txn *t = &s->txns[msg->txn];
    t->spent[w->through_part] += w->through_latency;
    if (msg->class == TB_COMPLETION)
        t->back[w->through_part] += w->through_latency;
    w->to->spent[w->through_part] += w->through_latency;
    if (s->traced)
        tb_mark_through(t, w->site, w->through_part, w->through_latency);
}

/* The marks of a hop: one over a simple wire, what it waited; else two. */
static __attribute__((noinline, cold)) void mark_slowly(struct tb_txn *t, const struct lane *l,
                                                        tb_time waited, tb_time spent)
{
    struct tb_hop hop = {waited, spent, l->pass_latency, l->pass_part};
    tb_mark_hop_slowly(t, (uint32_t)l->mark, &hop);
}

static inline void mark_hop(struct tb_txn *t, const struct lane *l, unsigned payload,
                            tb_time waited, tb_time spent)
{
    uint64_t *at = t->mark;
    uint64_t code = l->mark | payload;
    assert(payload < 1u << TB_MARK_HOP_SITE);
    if (__builtin_expect(tb_marks_are_full(at) || (waited | code) > UINT32_MAX, 0)) {
        mark_slowly(t, l, waited, spent);
        return;
    }
    *at = waited << 32 | code;
    t->mark = at + 1;
}

/* Books a hop: what it waited, its way, and the model at a simple wire's end if all pass through
 * that. Not inline: registers are dear where nobody records. */
static __attribute__((noinline)) void book_hop(struct tb_sim *s, const struct lane *l, uint32_t txn,
                                               unsigned payload, tb_time ready, tb_time start)
{
    struct wire *w = l->wire;
    struct tb_txn *t = &s->txns[txn];
    tb_time arrival = w->per_byte == TB_NEVER ? w->last_arrival : w->free + w->latency;
    tb_time waited = start - ready, spent = arrival - start;
    t->spent[TB_PART_QUEUE] += waited;
    t->spent[TB_PART_WIRE] += spent;
    t->spent[l->pass_part] += l->pass_latency;
    w->booked[0] += waited;
    w->booked[1] += spent;
    w->to->spent[l->pass_part] += l->pass_latency;
    if (l->bit == 1u << TB_COMPLETION) {
        t->back[TB_PART_QUEUE] += waited;
        t->back[TB_PART_WIRE] += spent;
        t->back[l->pass_part] += l->pass_latency;
    }
    if (__builtin_expect(s->traced, 1)) /* no jump, where it counts */
        mark_hop(t, l, payload, waited, spent);
    if (s->usage)
        tb_usage_wire(s->usage, w->site, (unsigned)__builtin_ctz(l->bit), ready, start, w->free);
}

/* Puts a message on a simple wire at `start`. Returns its arrival. */
HOT tb_time start_simple(struct tb_sim *s, const struct lane *l, const struct tb_msg *msg,
                         unsigned payload, tb_time ready, tb_time start)
{
    struct wire *w = l->wire;
    w->free = start + (w->header + payload) * w->per_byte;
    tb_time arrival = w->free + w->latency;
    if (s->breakdown)
        book_hop(s, l, msg->txn, payload, ready, start);
    return arrival;
}

static tb_time start_message(struct tb_sim *s, struct lane *l, const struct tb_msg *msg,
                             tb_time ready, tb_time start)
{
    struct wire *w = l->wire;
    if (w->per_byte != TB_NEVER)
        return start_simple(s, l, msg, tb_msg_payload(msg), ready, start);
    tb_time arrival = slow_arrival(w, msg, start);
    if (s->breakdown)
        book_hop(s, l, msg->txn, 0, ready, start);
    return arrival;
}

/* A message that starts uses up a credit, if it takes part in counting. */
HOT void use_credit(struct lane *l, const struct tb_msg *msg)
{
    if (!l->limit || msg->creditless)
        return;
    if (l->has_flow)
        tb_flow_take(l->flow, units_of(l, msg));
    else
        l->credit_head++;
}

/* May the head of this lane start although others wait: nothing of the classes nonposted and
 * completion passes an earlier posted write (PCI 2.3, appendix E; PCIe 2.4.1). */
static bool may_pass(const struct wire *w, const struct lane *l, unsigned class)
{
    if (class != TB_NONPOSTED && class != TB_COMPLETION)
        return true;
    const struct lane *p = &w->lanes[TB_POSTED];
    if (p->queue_head == p->queue_tail)
        return true;
    const struct waiting *mine = &l->queue[l->queue_head & l->mask];
    return mine->msg.relaxed || mine->order < p->queue[p->queue_head & p->mask].order;
}

/* Of what waits in front of a wire, the lane whose head can start first (then: was sent first), and
 * when; NULL if all lack credits. */
static struct lane *choose(const struct wire *w, tb_time *when)
{
    struct lane *best = NULL;
    uint64_t best_order = 0;
    for (unsigned class = 0; class < TB_CLASSES; class ++) {
        struct lane *l = &w->lanes[class];
        const struct waiting *head = &l->queue[l->queue_head & l->mask];
        tb_time from;
        if (!(w->waiting >> class & 1) || !has_credit(l, &head->msg, &from) ||
            !may_pass(w, l, class))
            continue;
        tb_time at = tb_max(tb_max(head->ready, from), w->free);
        if (!best || at < *when || (at == *when && head->order < best_order)) {
            best = l;
            best_order = head->order;
            *when = at;
        }
    }
    return best;
}

/* Is a start of this lane at `at` certain to be the next on the wire, whatever may still be sent?
 */
static inline bool is_certain(const struct tb_sim *s, const struct wire *w, const struct lane *l,
                              tb_time at)
{
    return w->used == l->bit || at <= tb_max(tb_max(w->last_ready, w->free), s->now);
}

static void enqueue(struct wire *w, struct lane *l, const struct tb_msg *msg, tb_time ready,
                    tb_credit carried)
{
    assert(l->queue_tail - l->queue_head <= l->mask);
    struct waiting *q = &l->queue[l->queue_tail++ & l->mask];
    q->ready = ready;
    q->order = w->order++;
    q->carried = carried;
    q->msg = *msg;
    w->waiting |= l->bit;
}

/* A message that has started leaves a place behind: first it goes on itself, then what waits for
 * the place may follow. So order is kept. */
static __attribute__((noinline)) void leave(struct tb_sim *s, struct lane *l,
                                            const struct tb_msg *msg, tb_time arrival,
                                            tb_credit carried, tb_time start)
{
    struct lane *held = &s->lanes[carried];
    struct wire *behind = held->wire;
    put_credit(held, start + behind->credit_return);
    bool waits = behind->waiting;
    arrive(s, l, msg, arrival);
    if (waits)
        pump(s, behind);
}

/* Can it start at once, and when? TB_NEVER: not known yet. Where nothing waits and nothing is
 * counted, the caller knows without asking. */
static tb_time start_time(const struct tb_sim *s, const struct wire *w, const struct lane *l,
                          const struct tb_msg *msg, tb_time start)
{
    tb_time from;
    if (w->waiting || !has_credit(l, msg, &from))
        return TB_NEVER;
    start = tb_max(start, from);
    return is_certain(s, w, l, start) ? start : TB_NEVER;
}

static __attribute__((noinline)) bool is_inside(const struct tb_ranges *ranges,
                                                const struct tb_msg *msg)
{
    for (size_t k = 0; k < ranges->count; k++) {
        const struct tb_range *r = &ranges->at[k];
        if (r->space == msg->space && msg->address >= r->base && msg->address <= r->last)
            return true;
    }
    return false;
}

/* Does a message merely pass through the model at the wire's end? */
HOT bool goes_through(const struct wire *w, const struct lane *l, const struct tb_msg *msg)
{
    return l->through == THROUGH_ALL ||
           (l->through == THROUGH_SOME && is_inside(w->through_only, msg));
}

/* Hands the message to the model at the wire's end, by event, or at once if that makes no
 * difference. */
HOT void hand_over(struct tb_sim *s, struct wire *w, struct lane *l, const struct tb_msg *msg,
                   tb_credit credit, tb_time arrival)
{
    if (l->through == AHEAD && s->unseen && w->used == l->bit && l->head == l->tail)
        w->recv(w->to, w->to_port, msg, credit, arrival);
    else
        put_in_flight(s, l, msg, arrival);
}

/* Sends a message that leaves a place behind, or over a wire on which something waits or credits
 * are counted, or that is not simple. */
static __attribute__((noinline)) void send_counted(struct tb_sim *s, struct wire *w,
                                                   const struct tb_msg *msg, tb_time ready,
                                                   tb_credit carried)
{
    struct lane *l = &w->lanes[msg->class];
    assert(ready >= w->last_ready);
    w->last_ready = ready;
    w->used |= l->bit;
    tb_time start = tb_max(ready, w->free);
    if (w->waiting | l->limit) {
        start = start_time(s, w, l, msg, start);
        if (start == TB_NEVER) {
            enqueue(w, l, msg, ready, carried);
            pump(s, w);
            return;
        }
        use_credit(l, msg);
    }
    tb_time arrival = start_message(s, l, msg, ready, start);
    if (carried != TB_NO_CREDIT)
        leave(s, l, msg, arrival, carried, start);
    else
        arrive(s, l, msg, arrival);
}

/* Sends a message over a wire, and on over the next ones as long as it merely passes through. Where
 * nothing is counted nobody holds a credit. */
HOT void send_on(struct tb_sim *s, struct wire *w, const struct tb_msg *msg, tb_time ready,
                 tb_credit carried)
{
    unsigned class = msg->class, payload = tb_msg_payload(msg);
    if (carried != TB_NO_CREDIT) {
        send_counted(s, w, msg, ready, carried);
        return;
    }
    for (;;) {
        struct lane *l = &w->lanes[class];
        if (w->waiting | l->counted) {
            send_counted(s, w, msg, ready, TB_NO_CREDIT);
            return;
        }
        assert(ready >= w->last_ready);
        w->last_ready = ready;
        w->used |= l->bit;
        tb_time start = tb_max(ready, w->free);
        tb_time arrival = start_simple(s, l, msg, payload, ready, start);
        if (!goes_through(w, l, msg)) {
            hand_over(s, w, l, msg, TB_NO_CREDIT, arrival);
            return;
        }
        if (s->breakdown && !l->passes)
            book_through(s, w, msg);
        ready = arrival + w->through_latency;
        w = w->next;
    }
}

/* What happens at the end of a wire: the message goes on if it merely passes through, else by
 * event. */
static void arrive(struct tb_sim *s, struct lane *l, const struct tb_msg *msg, tb_time arrival)
{
    struct wire *w = l->wire;
    if (!goes_through(w, l, msg)) {
        hand_over(s, w, l, msg, credit_of(l, msg), arrival);
        return;
    }
    if (s->breakdown && !l->passes)
        book_through(s, w, msg);
    send_on(s, w->next, msg, arrival + w->through_latency, credit_of(l, msg));
}

/* Starts all that can be started. */
static __attribute__((noinline)) void pump(struct tb_sim *s, struct wire *w)
{
    tb_time at = 0;
    struct lane *l;
    while (w->waiting && (l = choose(w, &at))) {
        if (!is_certain(s, w, l, at)) {
            tb_pending_set(&s->pending, w->kick, at);
            return;
        }
        struct waiting head = l->queue[l->queue_head++ & l->mask];
        if (l->queue_head == l->queue_tail)
            w->waiting &= (uint8_t)~l->bit;
        use_credit(l, &head.msg);
        tb_time arrival = start_message(s, l, &head.msg, head.ready, at);
        if (head.carried == TB_NO_CREDIT)
            arrive(s, l, &head.msg, arrival);
        else
            leave(s, l, &head.msg, arrival, head.carried, at);
    }
}

void tb_send(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_time ready,
             tb_credit carried)
{
    send_on(m->sim, instance_of(m)->ports[port].out, msg, ready, carried);
}

tb_time tb_port_ready(const struct tb_model *m, unsigned port)
{
    return instance_of(m)->ports[port].out->last_ready;
}

/* The tail comes by `in` so much after the head; it leaves by `out` as soon as its own head and all
 * before it have. */
tb_time tb_port_lag(const struct tb_model *m, unsigned in, unsigned out, const struct tb_msg *msg)
{
    const struct port *p = instance_of(m)->ports;
    const struct wire *from = instance_of(p[in].peer)->ports[p[in].peer_port].out, *to = p[out].out;
    tb_time lead, unused;
    occupancy(from, msg, &lead);
    tb_time leaves = to->per_byte == TB_NEVER ? occupancy(to, msg, &unused)
                                              : (to->header + tb_msg_payload(msg)) * to->per_byte;
    return lead > leaves ? lead - leaves : 0;
}

void tb_release(struct tb_model *m, tb_credit credit, tb_time at)
{
    if (credit == TB_NO_CREDIT)
        return;
    struct tb_sim *s = m->sim;
    struct lane *l = &s->lanes[credit];
    put_credit(l, at + l->wire->credit_return);
    if (l->wire->waiting)
        pump(s, l->wire);
}

/* The message stays where it lies while it is taken: a ring has a place more than there can be
 * messages. The lane's next instant is told to the pending set afterwards, once: until then the old
 * one stands, which nothing can precede. */
void kernel_deliver(struct tb_sim *s, uint32_t channel, tb_time when)
{
    struct lane *l = &s->lanes[channel];
    struct wire *w = l->wire;
    const struct tb_msg *msg = &l->ring[l->head++ & l->mask].msg;
    w->recv(w->to, w->to_port, msg, credit_of(l, msg), when);
    tb_pending_set(&s->pending, channel,
                   l->head == l->tail ? TB_NEVER : l->ring[l->head & l->mask].at);
}

void kernel_kick(struct tb_sim *s, uint32_t channel, tb_time when)
{
    (void)when;
    tb_pending_set(&s->pending, channel, TB_NEVER);
    pump(s, &s->wires[channel - s->lane_count]);
}

void tb_msg_answer(struct tb_msg *msg, enum tb_status status)
{
    msg->kind = msg->kind == TB_READ && status == TB_OK ? TB_DATA : TB_DONE;
    msg->class = TB_COMPLETION;
    msg->status = (uint8_t)status;
}
