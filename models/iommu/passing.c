/* What passes up without translation: completions, interrupts, answers, register accesses. */
#include "internal.h"

void tb_passing_add(struct tb_iommu *u, unsigned port, const struct tb_msg *msg, tb_credit credit,
                    uint64_t order, tb_time when)
{
    struct tb_request *r = &u->requests[msg->txn];
    bool empty = u->passing.head == TB_NOTHING;
    r->msg = *msg;
    r->credit = credit;
    r->port = (uint8_t)port;
    r->since = when;
    r->order = order;
    r->due = u->last_pass = tb_max(u->last_pass, when + u->up);
    tb_list_push(u, &u->passing, msg->txn);
    if (empty)
        tb_timer_set(u->m, TB_IOMMU_PASS, r->due);
}

void tb_iommu_pass_up(struct tb_iommu *u, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    tb_passing_add(u, u->above, msg, credit, 0, when);
}

/* Upwards by a port by which other things leave too: what was reserved there goes first. */
static void leave(struct tb_iommu *u, const struct tb_request *r, tb_time when)
{
    tb_time ready = r->port == TB_UP_PORT ? when : tb_max(when, tb_port_ready(u->m, r->port));
    if (ready > when)
        tb_msg_spend(u->m, &r->msg, TB_PART_QUEUE, ready - when);
    tb_send(u->m, r->port, &r->msg, ready, r->credit);
}

static void do_access(struct tb_iommu *u, struct tb_request *r, tb_time when)
{
    struct tb_txn *t = tb_txn(u->m, r->msg.txn);
    t->to = u->m->index;
    if (!t->has_pa)
        t->pa = r->msg.address;
    t->has_pa = 1;
    tb_registers_access(u, r->msg.address, t->data, r->msg.length, tb_request_writes(r), when);
}

static void answer_access(struct tb_iommu *u, struct tb_request *r, tb_time when)
{
    tb_txn_spend(u->m, r->msg.txn, TB_PART_DEVICE, when - r->since);
    if (r->msg.class == TB_POSTED) {
        tb_txn_end(u->m, r->msg.txn, TB_OK, when);
        tb_release(u->m, r->credit, when);
    } else {
        tb_msg_answer(&r->msg, TB_OK);
        leave(u, r, when);
    }
}

static bool must_hold(const struct tb_iommu *u)
{
    return u->flat.draining && u->front->holds;
}

/* A flush may have begun before it, or by it. */
void tb_request_access(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    if (!r->answered && !must_hold(u)) {
        do_access(u, r, when);
        r->answered = 1;
    }
    if (must_hold(u))
        tb_flat_hold(u, txn, when);
    else
        answer_access(u, r, when);
}

/* The completion of an IOMMU further up. */
static bool is_of_another(const struct tb_iommu *u, uint32_t txn)
{
    const struct tb_txn *t = tb_txn(u->m, txn);
    return t->kind == TB_TXN_INVALIDATION && t->by != u->m->index;
}

static void let_answer(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    r->passing = false;
    tb_invalidation_answered(u, txn, when);
    if (!r->more)
        return;
    r->more--;
    r->passing = true;
    tb_passing_add(u, r->port, &r->msg, TB_NO_CREDIT, u->arrivals, when - u->up);
}

static void let_pass(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    if (r->msg.class <= TB_NONPOSTED && r->msg.kind != TB_ATS_INVALIDATED) {
        r->answered = 0;
        tb_request_access(u, txn, when);
        return;
    }
    if (r->msg.kind == TB_ATS_INVALIDATED && !is_of_another(u, txn)) {
        let_answer(u, txn, when);
        return;
    }
    r->passing = false;
    tb_msg_spend(u->m, &r->msg, TB_PART_BRIDGE, u->up);
    tb_msg_spend(u->m, &r->msg, TB_PART_QUEUE, when - r->since - u->up);
    leave(u, r, when);
}

/* A completion does not pass a posted write that arrived before it (PCIe 2.4.1). */
static bool pushes(const struct tb_iommu *u, const struct tb_request *r)
{
    return u->posted.head != TB_NOTHING && u->requests[u->posted.head].order <= r->order;
}

void tb_passing_run(struct tb_iommu *u, tb_time when)
{
    while (u->passing.head != TB_NOTHING) {
        struct tb_request *r = &u->requests[u->passing.head];
        if (r->due > when) {
            tb_timer_set(u->m, TB_IOMMU_PASS, r->due);
            return;
        }
        if (pushes(u, r)) /* tb_order_gone sets the timer */
            return;
        let_pass(u, tb_list_pop(u, &u->passing), when);
    }
}
