/* The way of a request through the IOMMU. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

uint64_t tb_load64(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

void tb_store64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++, v >>= 8)
        p[i] = (uint8_t)v;
}

/* -- Elaboration ----------------------------------------------------------------------------- */

static const struct {
    const struct tb_format *format;
    const struct tb_front *front;
} formats[] = {
    [TB_IOMMU_AMDVI] = {&tb_format_amdvi, &tb_front_amdvi},
    [TB_IOMMU_SUN4M] = {&tb_format_sun4m, &tb_front_sun4m},
    [TB_IOMMU_GART] = {&tb_format_gart, &tb_front_gart},
};

static bool make_caches(struct tb_iommu *u, const struct tb_node *node, struct tb_diag *diag)
{
    bool good = tb_iotlb_make(u->m, &u->iotlb, &u->p->iotlb.cache, "iotlb", 0, node, diag);
    good = tb_devtab_make(u, node, diag) && good;
    good = tb_cache_make(u->m, &u->pdc.cache, &u->p->pdc.cache, "pdc", 2, node, diag) && good;
    good = tb_iotlb_make(u->m, &u->nested, &u->p->nested.cache, "nested", 3, node, diag) && good;
    u->pdc.lines = tb_alloc(u->m, u->pdc.cache.entries + 1, sizeof *u->pdc.lines);
    return good;
}

struct tb_iommu *tb_iommu_new(struct tb_model *m, const struct tb_iommu_params *p,
                              const struct tb_node *node, struct tb_iommu_counters *counters,
                              tb_time up, tb_time down, struct tb_diag *diag)
{
    struct tb_iommu *u = tb_alloc(m, 1, sizeof *u);
    u->m = m;
    u->p = p;
    u->n = counters;
    u->format = formats[p->format].format;
    u->front = formats[p->format].front;
    u->up = up;
    u->down = down;
    u->above = TB_UP_PORT;
    u->pushed = true;
    u->flat.held = tb_list_empty();
    u->lookups = u->direct = u->passing = u->posted = u->held = tb_list_empty();
    bool good = make_caches(u, node, diag);
    if (p->mmio % u->front->bytes) {
        tb_diag_node(diag, node, "'mmio' of the IOMMU of '%s' is not a multiple of 0x%x", m->name,
                     u->front->bytes);
        good = false;
    }
    tb_events_make(u);
    tb_commands_make(u);
    tb_invalidations_make(u);
    tb_ppr_make(u);
    u->front->reset(u);
    return good ? u : NULL;
}

void tb_iommu_slots(const struct tb_iommu *u, uint32_t *count, uint32_t *bytes)
{
    *count = (uint32_t)(u->p->walkers + u->p->devtab.fetches + 2 * u->p->events + u->p->responses +
                        u->p->invalidations) +
             TB_IOMMU_INTERRUPTS + 2;
    *bytes = TB_IOMMU_DATA;
}

void tb_iommu_start(struct tb_iommu *u, const struct tb_ranges *below)
{
    u->below = below;
    u->total = tb_txn_total(u->m);
    u->requests = tb_alloc(u->m, u->total + 1, sizeof *u->requests);
    tb_devtab_start(u);
    tb_walker_start(u);
    u->started = true;
    u->instant = true;
    if (u->front->start)
        u->front->start(u);
    u->instant = false;
}

void tb_iommu_set_above(struct tb_iommu *u, unsigned port)
{
    u->above = (uint8_t)port;
}

unsigned tb_iommu_port_of(const struct tb_iommu *u, uint32_t txn)
{
    return u->requests[txn].port;
}

/* -- The IOMMU's own requests ---------------------------------------------------------------- */

uint32_t tb_iommu_begin(struct tb_iommu *u, enum tb_txn_kind kind, tb_time when)
{
    uint32_t txn = tb_txn_begin(u->m, kind, when);
    tb_txn(u->m, txn)->requester = u->p->id;
    return txn;
}

/* Takes no credit: what makes room must not wait for room. */
void tb_iommu_send(struct tb_iommu *u, uint32_t txn, enum tb_msg_kind kind, uint64_t address,
                   uint16_t length, tb_time when)
{
    struct tb_txn *t = tb_txn(u->m, txn);
    struct tb_msg msg = {.address = address,
                         .txn = txn,
                         .length = length,
                         .requester = u->p->id,
                         .kind = (uint8_t)kind,
                         .class = TB_NONPOSTED,
                         .space = TB_MEMORY,
                         .creditless = 1};
    t->iova = address;
    t->length = length;
    t->write = kind == TB_WRITE;
    tb_send(u->m, TB_UP_PORT, &msg, when, TB_NO_CREDIT);
}

bool tb_iommu_is_below(const struct tb_iommu *u, uint16_t device)
{
    uint64_t address = (uint64_t)device << 12;
    for (size_t i = 0; i < u->below->count; i++)
        if (u->below->at[i].space == TB_CONFIG && address >= u->below->at[i].base &&
            address <= u->below->at[i].last)
            return true;
    return false;
}

static void own_answer(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    switch (tb_txn(u->m, msg->txn)->kind) {
    case TB_TXN_WALK:
        tb_walker_arrived(u, msg, when);
        break;
    case TB_TXN_DEVTAB:
        tb_devtab_arrived(u, msg, when);
        break;
    case TB_TXN_EVENT:
        tb_event_arrived(u, msg, when);
        break;
    default:
        if (tb_txn(u->m, msg->txn)->kind == TB_TXN_MEMORY && msg->txn != u->commands.push)
            tb_ppr_arrived(u, msg, when);
        else
            tb_commands_arrived(u, msg, when);
    }
}

/* -- Leaving --------------------------------------------------------------------------------- */

static void count_in(struct tb_iommu *u, struct tb_request *r)
{
    r->counted = true;
    r->epoch = u->epoch;
    u->inside[r->epoch]++;
}

static void count_out(struct tb_iommu *u, struct tb_request *r, tb_time when)
{
    if (!r->counted)
        return;
    r->counted = false;
    if (--u->inside[r->epoch] == 0 && r->epoch != u->epoch)
        u->front->drained(u, when);
}

static void hold(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    if (r->state != TB_REQUEST_ORDER) {
        r->state = TB_REQUEST_ORDER;
        r->since = when;
    }
    tb_list_push(u, &u->held, txn);
}

void tb_request_depart(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    if (u->posted.head != TB_NOTHING && tb_order_must_wait(u, r)) {
        hold(u, txn, when);
        return;
    }
    if (r->state == TB_REQUEST_ORDER)
        tb_txn_spend(u->m, txn, TB_PART_QUEUE, when - r->since);
    r->state = TB_REQUEST_AWAY;
    tb_send(u->m, TB_UP_PORT, &r->msg, when, r->credit);
    if (r->msg.class == TB_POSTED) {
        u->pushed = false;
        tb_order_gone(u, txn, when);
        count_out(u, r, when);
    }
}

void tb_request_answer(struct tb_iommu *u, uint32_t txn, enum tb_status status, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    r->state = TB_REQUEST_AWAY;
    if (r->msg.class == TB_POSTED) {
        tb_txn_end(u->m, txn, status, when);
        tb_release(u->m, r->credit, when);
        tb_order_gone(u, txn, when);
    } else {
        bool translation = r->msg.kind == TB_ATS_TRANSLATE && status == TB_OK;
        tb_msg_answer(&r->msg, status);
        if (translation)
            r->msg.kind = TB_DATA;
        tb_msg_spend(u->m, &r->msg, TB_PART_BRIDGE, u->down);
        tb_send(u->m, r->port, &r->msg, when + u->down, translation ? TB_NO_CREDIT : r->credit);
        if (translation) /* it has left the requests' queue; its answer is in no queue of theirs */
            tb_release(u->m, r->credit, when);
    }
    count_out(u, r, when);
}

void tb_request_taken(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    r->state = TB_REQUEST_AWAY;
    tb_txn(u->m, txn)->to = u->m->index;
    tb_release(u->m, r->credit, when);
    tb_order_gone(u, txn, when);
    count_out(u, r, when);
}

void tb_request_refuse(struct tb_iommu *u, uint32_t txn, enum tb_refusal refusal, tb_time when)
{
    enum tb_status status;
    if (u->requests[txn].msg.kind == TB_ATS_TRANSLATE && tb_ats_refused(u, txn, refusal, when))
        return;
    if (u->requests[txn].msg.kind == TB_PAGE_REQUEST) {
        u->requests[txn].context.ppr = false;
        tb_ppr_request(u, txn, when);
        return;
    }
    u->requests[txn].refusal = (uint8_t)refusal;
    u->n->faults++;
    if (u->front->report(u, txn, when, &status))
        tb_request_answer(u, txn, status, when);
}

/* -- Translation ----------------------------------------------------------------------------- */

static bool allowed(const struct tb_request *r, uint8_t perm)
{
    uint8_t need = tb_request_writes(r) ? TB_PERM_WRITE : TB_PERM_READ;
    if (r->guest)
        need |= (r->msg.execute ? TB_PERM_EXEC : 0) | (r->msg.privileged ? 0 : TB_PERM_USER);
    return (perm & need) == need;
}

static void depart_at(struct tb_iommu *u, uint32_t txn, uint64_t pa, tb_time when)
{
    struct tb_txn *t = tb_txn(u->m, txn);
    t->pa = pa;
    t->has_pa = 1;
    u->requests[txn].msg.address = pa;
    tb_request_depart(u, txn, when);
}

void tb_request_mapped(struct tb_iommu *u, uint32_t txn, const struct tb_page *page, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    if (r->msg.kind == TB_ATS_TRANSLATE)
        tb_ats_page(u, txn, page, when);
    else if (allowed(r, tb_request_perm(r, page->perm)))
        depart_at(u, txn, page->pa | (r->msg.address - page->iova), when);
    else
        tb_request_refuse(u, txn, TB_REFUSE_PERMISSION, when);
}

/* A PASID needs guest translation, enabled here and for the device; with GIoV it is 0 by default.
 */
enum tb_refusal tb_request_space(struct tb_iommu *u, struct tb_request *r)
{
    const struct tb_context *c = &r->context;
    r->space = c->domain;
    r->guest = false;
    if (!r->msg.has_pasid && !c->guest_default)
        return TB_REFUSE_NOTHING;
    if (!c->guest || !(u->reg[TB_REG_CONTROL] & AMDVI_CONTROL_GT))
        return r->msg.has_pasid ? TB_REFUSE_NO_PASID : TB_REFUSE_NOTHING;
    if (c->guest_illegal)
        return TB_REFUSE_ENTRY_LEVEL;
    r->guest = true;
    r->space = tb_guest_space(c->domain, r->msg.has_pasid ? r->msg.pasid : 0);
    return TB_REFUSE_NOTHING;
}

static const struct tb_format *format_of(const struct tb_iommu *u, const struct tb_request *r)
{
    return r->guest ? &tb_format_x86 : u->format;
}

void tb_request_look_up_page(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    struct tb_txn *t = tb_txn(u->m, txn);
    struct tb_page page;
    struct tb_cursor cursor;
    if (tb_iotlb_lookup(&u->iotlb, r->space, r->msg.address, &page)) {
        u->n->hits++;
        t->tlb = TB_TLB_HIT;
        tb_request_mapped(u, txn, &page, when);
        return;
    }
    u->n->misses++;
    t->tlb = TB_TLB_MISS;
    if (format_of(u, r)->begin(&r->context, r->msg.address, &cursor) == TB_STEP_REFUSED) {
        tb_request_refuse(u, txn, cursor.refusal, when);
    } else if (tb_walker_miss(u, txn, when)) {
        u->n->coalesced++;
        t->tlb = TB_TLB_COALESCED;
    }
}

bool tb_request_excluded(const struct tb_iommu *u, const struct tb_request *r)
{
    uint64_t base = u->reg[TB_REG_EXCL_BASE];
    return base & AMDVI_EXCL_ENABLE && (base & AMDVI_EXCL_ALLOW || r->context.excluded) &&
           r->msg.address >= (base & AMDVI_BASE_ADDRESS) &&
           r->msg.address <= (u->reg[TB_REG_EXCL_LIMIT] | 0xfff);
}

static bool entry_is_illegal(const struct tb_context *c)
{
    return c->kind == TB_CONTEXT_REFUSE && c->refusal != TB_REFUSE_NO_TRANSLATION;
}

static void pass(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    u->n->passed++;
    tb_request_depart(u, txn, when);
}

void tb_request_translate(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    const struct tb_context *c = &r->context;
    enum tb_refusal refusal;
    if (r->msg.kind == TB_PAGE_REQUEST)
        tb_ppr_request(u, txn, when);
    else if (entry_is_illegal(c))
        tb_request_refuse(u, txn, c->refusal, when);
    else if (r->msg.kind == TB_ATS_TRANSLATE)
        tb_ats_begin(u, txn, when);
    else if (r->msg.at == TB_TRANSLATED)
        tb_ats_translated(u, txn, when);
    else if (c->kind == TB_CONTEXT_PASS || tb_request_excluded(u, r))
        pass(u, txn, when);
    else if (c->kind == TB_CONTEXT_REFUSE)
        tb_request_refuse(u, txn, c->refusal, when);
    else if ((refusal = tb_request_space(u, r)) != TB_REFUSE_NOTHING)
        tb_request_refuse(u, txn, refusal, when);
    else if (c->kind == TB_CONTEXT_TABLE || r->guest)
        tb_request_look_up_page(u, txn, when);
    else if (allowed(r, c->perm))
        depart_at(u, txn, r->msg.address, when);
    else
        tb_request_refuse(u, txn, TB_REFUSE_PERMISSION, when);
}

/* -- Look-ups -------------------------------------------------------------------------------- */

/* Nothing, while nothing is translated; a translated request has its device looked up only. */
static tb_time devtab_time(const struct tb_iommu *u, const struct tb_request *r)
{
    return r->early ? 0 : u->p->devtab.hit;
}

static tb_time iotlb_time(const struct tb_iommu *u, const struct tb_request *r)
{
    return r->early || r->msg.at == TB_TRANSLATED ? 0 : u->p->iotlb.hit;
}

static tb_time lookup_time(const struct tb_iommu *u, const struct tb_request *r)
{
    return devtab_time(u, r) + iotlb_time(u, r);
}

/* Is its address to be translated, or passed as it is. */
static bool is_concerned(const struct tb_iommu *u, const struct tb_request *r)
{
    if (r->msg.space != TB_MEMORY || !tb_iommu_enabled(u))
        return false;
    return !u->front->concerns || u->front->concerns(u, r);
}

/* Initiators split at 4 KiB (PCIe 2.2.7): a request that crosses is malformed. A translation
 * request asks for whole translations (10.2.2). */
static bool is_malformed(const struct tb_msg *msg)
{
    if (msg->kind == TB_PAGE_REQUEST)
        return msg->class != TB_POSTED;
    if (msg->kind == TB_ATS_TRANSLATE)
        return msg->length % ATS_ENTRY || !msg->length;
    return (msg->address & 0xfff) + msg->length > 4096 || msg->at == TB_TRANSLATION_REQUEST ||
           msg->at > TB_TRANSLATED || (msg->kind != TB_READ && msg->kind != TB_WRITE);
}

static void book_bridge(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    const struct tb_request *r = &u->requests[txn];
    tb_time devtab = devtab_time(u, r), iotlb = iotlb_time(u, r);
    tb_txn_spend(u->m, txn, TB_PART_BRIDGE, u->up);
    tb_txn_spend_as(u->m, txn, TB_DETAIL_DEVTAB, devtab);
    tb_txn_spend_as(u->m, txn, TB_DETAIL_IOTLB, iotlb);
    tb_txn_spend(u->m, txn, TB_PART_QUEUE, when - r->since - u->up - devtab - iotlb);
}

/* Without a device table there is no ATS either. */
static void look_up_flat(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    if (r->msg.kind == TB_PAGE_REQUEST) {
        tb_ppr_request(u, txn, when);
        return;
    }
    if (tb_request_is_ats(r) || r->msg.at != TB_UNTRANSLATED) {
        tb_request_answer(u, txn, TB_UNSUPPORTED, when);
        return;
    }
    r->context = u->flat.context;
    tb_request_translate(u, txn, when);
}

static void look_up(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    book_bridge(u, txn, when);
    r->counted = false;
    if (!tb_request_is_ats(r) && !is_concerned(u, r)) {
        tb_request_depart(u, txn, when);
        return;
    }
    u->n->requests++;
    count_in(u, r);
    r->answered = 0;
    r->guest = r->host_fault = false;
    r->changes = u->changes;
    u->n->translations += r->msg.kind == TB_ATS_TRANSLATE;
    if (r->msg.kind == TB_PAGE_REQUEST && !tb_iommu_enabled(u))
        tb_ppr_request(u, txn, when);
    else if (is_malformed(&r->msg) || !tb_iommu_enabled(u))
        tb_request_answer(u, txn, TB_UNSUPPORTED, when);
    else if (u->front->flat)
        look_up_flat(u, txn, when);
    else
        tb_devtab_lookup(u, txn, when);
}

static void run_lookups(struct tb_iommu *u, tb_time when)
{
    while (u->lookups.head != TB_NOTHING) {
        struct tb_request *r = &u->requests[u->lookups.head];
        if (r->due > when) {
            tb_timer_set(u->m, TB_IOMMU_LOOKUP, r->due);
            return;
        }
        if (u->p->pending && u->waiting >= u->p->pending) {
            u->stalled = true;
            return;
        }
        look_up(u, tb_list_pop(u, &u->lookups), when);
    }
}

/* Translated requests have a queue of their own, so that no look-up delays them. */
static void run_direct(struct tb_iommu *u, tb_time when)
{
    while (u->direct.head != TB_NOTHING) {
        struct tb_request *r = &u->requests[u->direct.head];
        if (r->due > when) {
            tb_timer_set(u->m, TB_IOMMU_DIRECT, r->due);
            return;
        }
        look_up(u, tb_list_pop(u, &u->direct), when);
    }
}

void tb_request_resume(struct tb_iommu *u, tb_time when)
{
    if (!u->stalled)
        return;
    u->stalled = false;
    tb_timer_set(u->m, TB_IOMMU_LOOKUP, when);
}

static void enqueue(struct tb_iommu *u, struct tb_list *queue, tb_time *last, unsigned timer,
                    uint32_t txn)
{
    struct tb_request *r = &u->requests[txn];
    bool empty = queue->head == TB_NOTHING;
    r->due = *last = tb_max(*last, r->since + u->up + lookup_time(u, r));
    tb_list_push(u, queue, txn);
    if (empty)
        tb_timer_set(u->m, timer, r->due);
}

static void take_request(struct tb_iommu *u, unsigned port, const struct tb_msg *msg,
                         tb_credit credit, tb_time when)
{
    struct tb_request *r = &u->requests[msg->txn];
    r->msg = *msg;
    r->credit = credit;
    r->since = when;
    r->order = ++u->arrivals;
    r->state = TB_REQUEST_LOOKUP;
    r->port = (uint8_t)port;
    r->early = tb_request_is_ats(r) ? !tb_iommu_enabled(u) : !is_concerned(u, r);
    if (msg->class == TB_POSTED)
        tb_order_add(u, msg->txn);
    if (msg->at == TB_TRANSLATED && !r->early && u->p->iotlb.hit)
        enqueue(u, &u->direct, &u->last_direct, TB_IOMMU_DIRECT, msg->txn);
    else
        enqueue(u, &u->lookups, &u->last_lookup, TB_IOMMU_LOOKUP, msg->txn);
}

/* -- What the bridge hands over -------------------------------------------------------------- */

/* Pushes what was posted before it, as a completion does. One of several for a request waits for
 * the one before it, for they share a transaction. */
static void take_invalidated(struct tb_iommu *u, const struct tb_msg *msg, tb_credit credit,
                             tb_time when)
{
    struct tb_request *r = &u->requests[msg->txn];
    bool own = tb_txn(u->m, msg->txn)->by == u->m->index;
    if (own && !tb_invalidation_expects(u, msg)) {
        u->n->spurious++;
        tb_release(u->m, credit, when);
    } else if (r->passing) {
        r->more++;
        tb_release(u->m, credit, when);
    } else {
        r->passing = true;
        r->more = 0;
        tb_passing_add(u, u->above, msg, credit, u->arrivals, when);
    }
}

void tb_iommu_from_below(struct tb_iommu *u, unsigned port, const struct tb_msg *msg,
                         tb_credit credit, tb_time when)
{
    switch (msg->class) {
    case TB_COMPLETION:
        tb_passing_add(u, u->above, msg, credit, u->arrivals, when);
        break;
    case TB_INTERRUPT:
        tb_passing_add(u, u->above, msg, credit, 0, when);
        break;
    default:
        if (msg->kind == TB_ATS_INVALIDATED)
            take_invalidated(u, msg, credit, when);
        else
            take_request(u, port, msg, credit, when);
    }
}

bool tb_iommu_from_above(struct tb_iommu *u, const struct tb_msg *msg, tb_credit credit,
                         tb_time when)
{
    if (msg->class == TB_COMPLETION) {
        if (tb_txn(u->m, msg->txn)->by != u->m->index) {
            count_out(u, &u->requests[msg->txn], when);
            return false;
        }
        tb_release(u->m, credit, when);
        own_answer(u, msg, when);
        return true;
    }
    if (msg->class == TB_INTERRUPT || !tb_registers_claim(u, msg->address, msg->space))
        return false;
    /* A CPU whose stores to memory come by here too does not pass them. */
    tb_passing_add(u, u->above, msg, credit, u->above == TB_UP_PORT ? 0 : u->arrivals, when);
    return true;
}

void tb_iommu_timer(struct tb_iommu *u, unsigned timer, tb_time when)
{
    static void (*const handlers[TB_IOMMU_TIMERS])(struct tb_iommu *, tb_time) = {
        [TB_IOMMU_LOOKUP] = run_lookups,        [TB_IOMMU_DIRECT] = run_direct,
        [TB_IOMMU_PASS] = tb_passing_run,       [TB_IOMMU_WALK] = tb_walker_timer,
        [TB_IOMMU_COMMAND] = tb_commands_timer, [TB_IOMMU_TIMEOUT] = tb_invalidations_timer,
    };
    handlers[timer](u, when);
}

void tb_iommu_retired(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    if (tb_txn(u->m, txn)->kind == TB_TXN_INVALIDATION)
        tb_invalidation_retired(u, txn, when);
    else if (tb_txn(u->m, txn)->kind == TB_TXN_PAGE_RESPONSE)
        tb_ppr_retired(u, when);
    else
        tb_interrupts_retired(u, when);
}
