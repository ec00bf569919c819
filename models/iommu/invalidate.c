/* Invalidate Requests: INVALIDATE_IOTLB_PAGES on its way to a device and back (2.4.4; PCIe 10.3).
 *
 * Each has a tag (0..31) of its device until all its completions have come. COMPLETION_WAIT waits
 * while any is open: sent, and neither answered nor late. What is not answered in the time that the
 * control register gives is late: an event says so, commands go on, and the tag stays taken, for
 * its completion may still come. A command that finds no free tag waits; it too is late after that
 * time.
 */
#include "internal.h"

#include <string.h>

void tb_invalidations_make(struct tb_iommu *u)
{
    struct tb_invalidations *v = &u->invalidations;
    v->size = (uint32_t)u->p->invalidations;
    v->at = tb_alloc(u->m, v->size, sizeof *v->at);
    v->blocked_until = TB_NEVER;
    for (uint32_t i = 0; i < v->size; i++)
        v->at[i].txn = TB_NO_TXN;
}

/* -- Time ------------------------------------------------------------------------------------ */

static tb_time deadline(const struct tb_iommu *u, tb_time when)
{
    tb_time ms = tb_amdvi_timeout_ms(u->reg[TB_REG_CONTROL]);
    return ms ? when + ms * TB_MS : TB_NEVER;
}

static void set_timer(struct tb_iommu *u)
{
    const struct tb_invalidations *v = &u->invalidations;
    tb_time first = v->blocked_until;
    for (uint32_t i = 0; i < v->size; i++)
        if (v->at[i].txn != TB_NO_TXN && !v->at[i].late && v->at[i].deadline < first)
            first = v->at[i].deadline;
    if (first != TB_NEVER)
        tb_timer_set(u->m, TB_IOMMU_TIMEOUT, first);
    else
        tb_timer_cancel(u->m, TB_IOMMU_TIMEOUT);
}

void tb_invalidations_wait(struct tb_iommu *u, tb_time when)
{
    u->invalidations.blocked_until = deadline(u, when);
    set_timer(u);
}

/* True: the event is on its way. */
static bool report(struct tb_iommu *u, uint16_t device, uint64_t command, tb_time when)
{
    uint64_t q[2] = {(uint64_t)AMDVI_IOTLB_INV_TIMEOUT << AMDVI_OPCODE_SHIFT | device, command};
    return tb_event_record(u, q, when);
}

static void expire(struct tb_iommu *u, struct tb_invalidation *i, tb_time when)
{
    if (i->txn == TB_NO_TXN || i->late || i->deadline > when ||
        !report(u, i->device, i->command, when))
        return;
    i->late = true;
    u->n->ats_timeouts++;
    u->invalidations.open--;
}

static void expire_blocked(struct tb_iommu *u, tb_time when)
{
    struct tb_invalidations *v = &u->invalidations;
    uint16_t device = (uint16_t)(u->commands.q[0] & AMDVI_COMMAND_DEVICE);
    if (v->blocked_until > when || !report(u, device, u->commands.address, when))
        return;
    v->blocked_until = TB_NEVER;
    u->n->ats_timeouts++;
    tb_commands_tag(u, true, when);
}

void tb_invalidations_report(struct tb_iommu *u, tb_time when)
{
    struct tb_invalidations *v = &u->invalidations;
    if (!v->open && v->blocked_until > when)
        return;
    for (uint32_t i = 0; i < v->size; i++)
        expire(u, &v->at[i], when);
    expire_blocked(u, when);
    tb_commands_drained(u, when);
}

/* What finds no buffer for its event is reported when one is free: the timer need not come again.
 */
void tb_invalidations_timer(struct tb_iommu *u, tb_time when)
{
    const struct tb_invalidations *v = &u->invalidations;
    tb_time next = TB_NEVER;
    tb_invalidations_report(u, when);
    for (uint32_t i = 0; i < v->size; i++)
        if (v->at[i].txn != TB_NO_TXN && !v->at[i].late && v->at[i].deadline > when)
            next = v->at[i].deadline < next ? v->at[i].deadline : next;
    if (v->blocked_until > when && v->blocked_until < next)
        next = v->blocked_until;
    if (next != TB_NEVER)
        tb_timer_set(u->m, TB_IOMMU_TIMEOUT, next);
}

/* -- Sending --------------------------------------------------------------------------------- */

/* Is there a device that may hold translations. One whose entry is not cached may still hold some.
 */
static bool has_cache(struct tb_iommu *u, uint16_t device)
{
    const struct tb_context *context = tb_devtab_cached(u, device);
    return tb_iommu_is_below(u, device) && (!context || context->ats);
}

/* A free place, if the device has a free tag and its queue is not full. */
static struct tb_invalidation *place(struct tb_iommu *u, uint16_t device, uint16_t queue,
                                     unsigned most)
{
    struct tb_invalidations *v = &u->invalidations;
    struct tb_invalidation *free = NULL;
    uint32_t tags = 0, queued = 0;
    for (uint32_t i = 0; i < v->size; i++) {
        struct tb_invalidation *at = &v->at[i];
        if (at->txn == TB_NO_TXN) {
            free = free ? free : at;
            continue;
        }
        tags |= at->device == device ? (uint32_t)1 << at->tag : 0;
        queued += at->queue == queue;
    }
    if (!free || queued >= most || tags == UINT32_MAX)
        return NULL;
    *free = (struct tb_invalidation){.txn = TB_NO_TXN, .device = device, .queue = queue};
    free->tag = (uint8_t)__builtin_ctz(~tags);
    return free;
}

static uint32_t pasid_of(uint64_t q)
{
    return (uint32_t)((q >> AMDVI_IOTLB_PASID_LOW_SHIFT & 0xff) |
                      (q >> AMDVI_IOTLB_PASID_MID_SHIFT & 0xff) << 8 |
                      (q >> AMDVI_IOTLB_PASID_HIGH_SHIFT & 0xf) << 16);
}

/* The command's range is coded as the message's, but for the place of S. */
static uint64_t range_of(uint64_t q)
{
    return (q & AMDVI_PAGES_ADDRESS) | (q & AMDVI_PAGES_S ? ATS_S : 0);
}

static uint64_t first_of(uint64_t range)
{
    unsigned shift = ats_shift(range);
    return shift >= 64 ? 0 : range & ~(uint64_t)0 << shift;
}

static void send(struct tb_iommu *u, struct tb_invalidation *i, const uint64_t q[2], tb_time when)
{
    bool guest = q[1] & AMDVI_PAGES_GN;
    uint32_t txn = tb_iommu_begin(u, TB_TXN_INVALIDATION, when);
    struct tb_txn *t = tb_txn(u->m, txn);
    struct tb_msg msg = {.address = (uint64_t)i->device << 12,
                         .txn = txn,
                         .requester = u->p->id,
                         .tag = i->tag,
                         .kind = TB_ATS_INVALIDATE,
                         .class = TB_POSTED,
                         .space = TB_CONFIG,
                         .has_pasid = guest,
                         .pasid = guest ? pasid_of(q[0]) : 0};
    i->txn = txn;
    t->value[0] = range_of(q[1]);
    t->iova = first_of(t->value[0]);
    t->tag = i->tag;
    t->has_pasid = guest;
    t->pasid = msg.pasid;
    u->n->ats_invalidations++;
    tb_txn_spend(u->m, txn, TB_PART_BRIDGE, u->down);
    tb_send(u->m, TB_DOWN_PORT, &msg, when + u->down, TB_NO_CREDIT);
}

bool tb_invalidation_send(struct tb_iommu *u, const uint64_t q[2], uint64_t command, tb_time when)
{
    uint16_t device = (uint16_t)(q[0] & AMDVI_COMMAND_DEVICE);
    uint16_t queue = (uint16_t)(q[0] >> AMDVI_IOTLB_QUEUE_SHIFT);
    unsigned most = q[0] >> AMDVI_IOTLB_MAXPEND_SHIFT & 0xff;
    if (!has_cache(u, device))
        return true;
    struct tb_invalidation *i = place(u, device, queue, most ? most : ATS_ITAGS);
    if (!i)
        return false;
    i->command = command;
    i->deadline = deadline(u, when);
    u->invalidations.open++;
    u->invalidations.blocked_until = TB_NEVER;
    send(u, i, q, when);
    set_timer(u);
    return true;
}

/* -- Answers --------------------------------------------------------------------------------- */

static struct tb_invalidation *find(struct tb_iommu *u, uint32_t txn)
{
    struct tb_invalidations *v = &u->invalidations;
    for (uint32_t i = 0; i < v->size; i++)
        if (v->at[i].txn == txn)
            return &v->at[i];
    return NULL;
}

bool tb_invalidation_expects(struct tb_iommu *u, const struct tb_msg *msg)
{
    const struct tb_invalidation *i = find(u, msg->txn);
    return i && i->tag == msg->tag;
}

static void release(struct tb_iommu *u, struct tb_invalidation *i, tb_time when)
{
    if (!i->late)
        u->invalidations.open--;
    i->txn = TB_NO_TXN;
    set_timer(u);
    tb_commands_tag(u, false, when);
    tb_commands_drained(u, when);
}

/* Several completions of one request travel side by side: what each took adds up to more than the
 * request did, so all of it counts as the device's. */
static void book(struct tb_iommu *u, uint32_t txn, bool several, tb_time when)
{
    struct tb_txn *t = tb_txn(u->m, txn);
    tb_time since = u->requests[txn].since;
    if (several) {
        tb_txn_unspend(u->m, txn);
        tb_txn_spend(u->m, txn, TB_PART_DEVICE, when - t->created);
        return;
    }
    tb_txn_spend(u->m, txn, TB_PART_BRIDGE, u->up);
    tb_txn_spend(u->m, txn, TB_PART_QUEUE, when - since - u->up);
}

/* A completion for a tag that is not open answers nothing, and is dropped (PCIe 10.3.2). */
void tb_invalidation_answered(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    bool own = tb_txn(u->m, txn)->by == u->m->index;
    struct tb_invalidation *i = own ? find(u, txn) : NULL;
    unsigned wanted = r->msg.length ? r->msg.length : 8;
    tb_release(u->m, r->credit, when);
    if (!i || r->msg.tag != i->tag) {
        u->n->spurious++;
        if (!own) {
            book(u, txn, false, when);
            tb_txn_end(u->m, txn, TB_UNSUPPORTED, when);
        }
        return;
    }
    if (++i->completions < wanted)
        return;
    book(u, txn, wanted > 1, when);
    tb_txn_end(u->m, txn, i->late ? TB_ABORT : TB_OK, when);
    release(u, i, when);
}

void tb_invalidation_retired(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_invalidation *i = find(u, txn);
    if (i)
        release(u, i, when);
}
