/* Invalidate Requests (PCIe 10.3): what is dropped, what stands against the answer, the answer. */
#include "ats/internal.h"

/* Flags of `with`, beside a space. */
#define WITH_ALL ((uint64_t)1 << 22)

/* 10.3.8: without a PASID what was asked for without one; with one, what has it; Global: all. */
static bool is_meant(uint64_t space, uint8_t perm, uint64_t with)
{
    uint64_t mask = ATC_SPACE_HAS_PASID | 0xfffff;
    (void)perm;
    if (with & WITH_ALL)
        return true;
    return with & ATC_SPACE_HAS_PASID ? (space & mask) == (with & mask)
                                      : !(space & ATC_SPACE_HAS_PASID);
}

static bool overlap(uint64_t a_first, uint64_t a_last, uint64_t first, uint64_t last)
{
    return a_first <= last && a_last >= first;
}

/* Answers on their way to translation requests may be from before: what they say of the range is
 * not believed. */
static void overtake(struct tb_atc *a, uint64_t with, uint64_t first, uint64_t last)
{
    for (uint64_t i = 0; i < a->p->outstanding; i++) {
        struct atc_ask *k = &a->asks[i];
        if (k->txn == TB_NO_TXN || !is_meant(k->space, 0, with))
            continue;
        k->first = k->overtaken && k->first < first ? k->first : first;
        k->last = k->overtaken && k->last > last ? k->last : last;
        k->overtaken = true;
    }
}

/* Requests under way with a translation of the range: how many; marks them with `bit`. */
static uint32_t stand_against(struct tb_atc *a, uint64_t with, uint64_t first, uint64_t last,
                              uint32_t bit)
{
    uint32_t n = 0;
    for (uint32_t i = a->flying; i != ATC_NONE; i = a->requests[i].older) {
        const struct tb_txn *t = tb_txn(a->m, i);
        if (is_meant(atc_space(&a->requests[i].msg), 0, with) &&
            overlap(t->iova, t->iova + (t->length - 1), first, last)) {
            a->requests[i].against |= bit;
            n++;
        }
    }
    return n;
}

/* -- Answers ----------------------------------------------------------------------------------- */

/* Goes out posted, so it pushes posted writes that were issued before (10.3.2). Who asked may have
 * given up: then there is nobody to answer. */
static void answer(struct tb_atc *a, struct atc_invalidation *v, tb_time when)
{
    const struct tb_txn *t = tb_txn(a->m, v->msg.txn);
    struct tb_msg msg = {.txn = v->msg.txn,
                         .length = 1, /* one traffic class, one completion */
                         .requester = a->owner.id,
                         .tag = v->msg.tag,
                         .kind = TB_ATS_INVALIDATED,
                         .class = TB_POSTED,
                         .space = TB_CONFIG,
                         .pasid = v->msg.pasid,
                         .has_pasid = v->msg.has_pasid};
    v->busy = false;
    if (!t->live || t->kind != TB_TXN_INVALIDATION || t->tag != v->msg.tag) {
        a->n->unexpected++;
        return;
    }
    tb_txn_spend(a->m, msg.txn, TB_PART_QUEUE, when - v->since - a->p->invalidate.delay);
    tb_txn_spend(a->m, msg.txn, TB_PART_DEVICE, a->p->invalidate.delay);
    tb_send(a->m, a->owner.port, &msg, when, TB_NO_CREDIT);
}

/* Nothing stands against it any more. */
static void conclude(struct tb_atc *a, uint32_t i, tb_time when)
{
    struct atc_invalidation *v = &a->invalidations[i];
    v->due = when + a->p->invalidate.delay;
    if (a->p->invalidate.delay == 0) {
        answer(a, v, when);
        return;
    }
    if (a->answer_count == 0)
        tb_timer_set(a->m, a->owner.timer + TB_ATC_INVALIDATE, v->due);
    a->answers[(a->answer_head + a->answer_count++) % ATC_INVALIDATIONS] = i;
}

void atc_invalidate_timer(struct tb_atc *a, tb_time when)
{
    while (a->answer_count && a->invalidations[a->answers[a->answer_head]].due <= when) {
        answer(a, &a->invalidations[a->answers[a->answer_head]], when);
        a->answer_head = (a->answer_head + 1) % ATC_INVALIDATIONS;
        a->answer_count--;
    }
    if (a->answer_count)
        tb_timer_set(a->m, a->owner.timer + TB_ATC_INVALIDATE,
                     a->invalidations[a->answers[a->answer_head]].due);
}

void atc_landed(struct tb_atc *a, uint32_t txn, tb_time when)
{
    for (uint32_t bits = a->requests[txn].against; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(bits);
        if (--a->invalidations[i].left == 0)
            conclude(a, i, when);
    }
}

/* -- Requests ---------------------------------------------------------------------------------- */

static uint32_t free_place(const struct tb_atc *a)
{
    uint32_t i = 0;
    while (i < ATC_INVALIDATIONS && a->invalidations[i].busy)
        i++;
    return i;
}

/* The answer, now or later. More than the queue holds break the protocol: unanswered. */
static void enter(struct tb_atc *a, const struct tb_msg *msg, uint64_t with, uint64_t first,
                  uint64_t last, tb_time when)
{
    uint32_t i = free_place(a);
    if (i == ATC_INVALIDATIONS) {
        a->n->unexpected++;
        return;
    }
    a->invalidations[i] = (struct atc_invalidation){.msg = *msg, .since = when, .busy = true};
    if (a->p->invalidate.answer == TB_ATC_PROPER)
        a->invalidations[i].left = stand_against(a, with, first, last, (uint32_t)1 << i);
    if (a->invalidations[i].left == 0)
        conclude(a, i, when);
}

void atc_invalidate(struct tb_atc *a, const struct tb_msg *msg, tb_time when)
{
    struct tb_txn *t = tb_txn(a->m, msg->txn);
    unsigned shift = ats_shift(t->value[0]);
    uint64_t low = shift >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << shift) - 1;
    uint64_t first = t->value[0] & ~low, last = first | low;
    uint64_t with = atc_space(msg) | (t->value[1] & ATS_INV_GLOBAL ? WITH_ALL : 0);
    t->to = a->m->index;
    a->n->invalidations++;
    if (a->p->invalidate.answer != TB_ATC_DEAF) {
        a->n->dropped += tb_iotlb_invalidate_if(&a->cache, is_meant, with, first, last);
        overtake(a, with, first, last);
    }
    if (a->p->invalidate.answer != TB_ATC_SILENT)
        enter(a, msg, with, first, last, when);
}
