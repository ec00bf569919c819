/* Requests on their way through the translation cache: look-up, order, leaving, answers. */
#include "ats/internal.h"

#include <string.h>

enum { ON_MISS_TRANSLATE, ON_MISS_UNTRANSLATED };

/* -- Elaboration ----------------------------------------------------------------------------- */

struct tb_atc *tb_atc_new(struct tb_model *m, const struct tb_atc_params *p,
                          const struct tb_atc_owner *owner, struct tb_atc_counters *counters,
                          const struct tb_node *node, struct tb_diag *diag)
{
    struct tb_atc *a = tb_alloc(m, 1, sizeof *a);
    a->m = m;
    a->p = p;
    a->owner = *owner;
    a->n = counters;
    a->lookups = a->held = a->failed = atc_empty();
    a->flying = ATC_NONE;
    if (p->unit & (p->unit - 1))
        tb_diag_node(diag, node ? tb_node_get(node, "unit") : NULL,
                     "'%s': the smallest translation unit must be a power of two", m->name);
    if (p->has_pri && p->cache.entries == 0)
        tb_diag_node(diag, node ? tb_node_get(node, "pri") : NULL,
                     "'%s': page requests need a translation cache, and this one has no entries",
                     m->name);
    if (p->has_pri && p->pri.group > p->pri.outstanding)
        tb_diag_node(diag, node ? tb_node_get(node, "pri") : NULL,
                     "'%s': a group of %llu page requests is more than the %llu that can be open",
                     m->name, (unsigned long long)p->pri.group,
                     (unsigned long long)p->pri.outstanding);
    if (!tb_iotlb_make(m, &a->cache, &p->cache, NULL, 16, node, diag) || p->cache.entries == 0)
        return NULL;
    atc_pending_make(a);
    atc_pri_make(a);
    return a;
}

void tb_atc_slots(const struct tb_atc *a, uint32_t *count, uint32_t *bytes)
{
    uint32_t answer = (uint32_t)a->p->pages * ATS_ENTRY;
    *count += (uint32_t)a->p->outstanding + (a->p->has_pri ? (uint32_t)a->p->pri.outstanding : 0);
    *bytes = *bytes > answer ? *bytes : answer;
}

void tb_atc_start(struct tb_atc *a)
{
    a->total = tb_txn_total(a->m);
    a->requests = tb_alloc(a->m, a->total + 1, sizeof *a->requests);
}

void tb_atc_claims(const struct tb_atc *a, struct tb_ranges *out)
{
    uint64_t base = (uint64_t)a->owner.id << 12;
    tb_ranges_add(
        a->m, out,
        (struct tb_range){
            .base = base, .last = base + 0xfff, .space = TB_CONFIG, .model = a->m->index});
}

bool tb_atc_fact(const struct tb_atc *a, const char *key, uint64_t *out)
{
    if (!a)
        return false;
    if (strcmp(key, "ats") == 0)
        *out = 1;
    else if (strcmp(key, "ats.depth") == 0)
        *out = ATC_INVALIDATIONS;
    else if (strcmp(key, "pri") == 0 && a->p->has_pri)
        *out = a->p->pri.outstanding;
    else
        return false;
    return true;
}

/* -- Leaving --------------------------------------------------------------------------------- */

/* The time in here is the cache's; what waited as a posted write waits no more. */
static void leave(struct tb_atc *a, uint32_t txn, tb_time when)
{
    struct atc_request *r = &a->requests[txn];
    tb_txn_spend(a->m, txn, TB_PART_ATS, when - r->since);
    if (r->state == ATC_WAITS && r->msg.class == TB_POSTED && !r->msg.relaxed)
        a->posted--;
    a->inside--;
}

static void send(struct tb_atc *a, uint32_t txn, enum atc_state state, tb_time when)
{
    struct atc_request *r = &a->requests[txn];
    r->state = r->msg.class == TB_POSTED ? ATC_IDLE : state;
    tb_send(a->m, a->owner.port, &r->msg, when, TB_NO_CREDIT);
}

static void fly(struct tb_atc *a, uint32_t txn)
{
    struct atc_request *r = &a->requests[txn];
    r->against = 0;
    r->newer = ATC_NONE;
    r->older = a->flying;
    if (a->flying != ATC_NONE)
        a->requests[a->flying].newer = txn;
    a->flying = txn;
}

static void unfly(struct tb_atc *a, uint32_t txn)
{
    struct atc_request *r = &a->requests[txn];
    *(r->newer == ATC_NONE ? &a->flying : &a->requests[r->newer].older) = r->older;
    if (r->older != ATC_NONE)
        a->requests[r->older].newer = r->newer;
}

void atc_go_untranslated(struct tb_atc *a, uint32_t txn, tb_time when)
{
    leave(a, txn, when);
    a->n->untranslated++;
    send(a, txn, ATC_DIRECT, when);
}

/* PCIe 10.2.1: the address is the translated one; the transaction keeps both. */
void atc_go(struct tb_atc *a, uint32_t txn, const struct tb_page *page, tb_time when)
{
    struct atc_request *r = &a->requests[txn];
    struct tb_txn *t = tb_txn(a->m, txn);
    if (page->perm & ATS_U) { /* 10.2.3.4: the range may only be accessed untranslated */
        atc_go_untranslated(a, txn, when);
        return;
    }
    leave(a, txn, when);
    r->msg.address = page->pa | (r->msg.address - page->iova);
    r->msg.at = TB_TRANSLATED;
    t->at = TB_TRANSLATED;
    t->pa = r->msg.address;
    t->has_pa = 1;
    if (r->msg.class != TB_POSTED)
        fly(a, txn);
    send(a, txn, ATC_TRANSLATED, when);
}

void atc_fail(struct tb_atc *a, uint32_t txn, enum tb_status status, tb_time when)
{
    struct atc_request *r = &a->requests[txn];
    leave(a, txn, when);
    a->n->refused++;
    r->state = ATC_FAILED;
    r->status = (uint8_t)status;
    if (a->failed.head == ATC_NONE)
        tb_timer_set(a->m, a->owner.timer + TB_ATC_FAILED, when);
    atc_push(a, &a->failed, txn);
}

/* The device may submit more from within. */
static void answer_failed(struct tb_atc *a, tb_time when)
{
    uint32_t txn;
    while ((txn = atc_pop(a, &a->failed)) != ATC_NONE) {
        struct atc_request *r = &a->requests[txn];
        struct tb_msg answer = r->msg;
        r->state = ATC_IDLE;
        tb_msg_answer(&answer, (enum tb_status)r->status);
        a->owner.failed(a->m, &answer, when);
    }
}

/* -- Look-up --------------------------------------------------------------------------------- */

bool atc_allowed(const struct tb_atc *a, uint32_t txn, const struct tb_page *page)
{
    const struct tb_msg *msg = &a->requests[txn].msg;
    if (page->perm & ATS_U)
        return true; /* the IOMMU will say */
    if (msg->execute && !(page->perm & ATS_EXE))
        return false;
    return page->perm & (msg->kind == TB_WRITE ? ATS_W : ATS_R);
}

static void miss(struct tb_atc *a, uint32_t txn, tb_time when)
{
    struct atc_request *r = &a->requests[txn];
    a->n->misses++;
    if (a->p->on_miss == ON_MISS_UNTRANSLATED) {
        struct tb_msg msg = r->msg;
        atc_go_untranslated(a, txn, when);
        atc_want(a, ATC_NONE, &msg, when);
        return;
    }
    r->state = ATC_WAITS;
    if (r->msg.class == TB_POSTED && !r->msg.relaxed)
        a->posted++;
    atc_want(a, txn, &r->msg, when);
}

static void look_up(struct tb_atc *a, uint32_t txn, tb_time when)
{
    struct atc_request *r = &a->requests[txn];
    struct tb_page page;
    if (!tb_iotlb_lookup(&a->cache, atc_space(&r->msg), r->msg.address, &page) ||
        !atc_allowed(a, txn, &page)) {
        miss(a, txn, when);
        return;
    }
    a->n->hits++;
    atc_go(a, txn, &page, when);
}

/* Nothing passes a posted write but what is relaxed (PCIe 2.4.1). */
static bool must_hold(const struct tb_atc *a, const struct tb_msg *msg)
{
    return !msg->relaxed && (a->posted || a->held.head != ATC_NONE);
}

static void begin(struct tb_atc *a, uint32_t txn, tb_time when)
{
    if (must_hold(a, &a->requests[txn].msg)) {
        a->requests[txn].state = ATC_HELD;
        atc_push(a, &a->held, txn);
    } else {
        look_up(a, txn, when);
    }
}

void atc_release(struct tb_atc *a, tb_time when)
{
    while (a->held.head != ATC_NONE && !a->posted)
        look_up(a, atc_pop(a, &a->held), when);
}

static void run_lookups(struct tb_atc *a, tb_time when)
{
    while (a->lookups.head != ATC_NONE && a->requests[a->lookups.head].due <= when)
        begin(a, atc_pop(a, &a->lookups), when);
    if (a->lookups.head != ATC_NONE)
        tb_timer_set(a->m, a->owner.timer + TB_ATC_LOOKUP, a->requests[a->lookups.head].due);
}

/* -- From and to the device ------------------------------------------------------------------ */

void tb_atc_submit(struct tb_atc *a, const struct tb_msg *msg, tb_time when)
{
    struct atc_request *r = &a->requests[msg->txn];
    r->msg = *msg;
    r->since = when;
    if (msg->at != TB_UNTRANSLATED || msg->space != TB_MEMORY || msg->kind > TB_WRITE) {
        send(a, msg->txn, ATC_DIRECT, when);
        return;
    }
    a->inside++;
    if (a->p->hit == 0) {
        begin(a, msg->txn, when);
        return;
    }
    r->state = ATC_LOOKUP;
    r->due = when + a->p->hit;
    if (a->lookups.head == ATC_NONE)
        tb_timer_set(a->m, a->owner.timer + TB_ATC_LOOKUP, r->due);
    atc_push(a, &a->lookups, msg->txn);
}

bool tb_atc_holds(const struct tb_atc *a)
{
    return a->inside > 0;
}

/* A completion. True: the device must not see it. */
static bool take_completion(struct tb_atc *a, const struct tb_msg *msg, tb_time when)
{
    struct atc_request *r = &a->requests[msg->txn];
    switch (r->state) {
    case ATC_DIRECT:
        r->state = ATC_IDLE;
        return false;
    case ATC_TRANSLATED:
        r->state = ATC_IDLE;
        unfly(a, msg->txn);
        if (r->against)
            atc_landed(a, msg->txn, when);
        return false;
    case ATC_ASK:
        atc_take_translation(a, msg, when);
        return true;
    default:
        a->n->unexpected++;
        return true;
    }
}

bool tb_atc_recv(struct tb_atc *a, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    bool mine = true;
    if (msg->class == TB_COMPLETION)
        mine = take_completion(a, msg, when);
    else if (msg->kind == TB_ATS_INVALIDATE)
        atc_invalidate(a, msg, when);
    else if (msg->kind == TB_PAGE_RESPONSE)
        atc_pri_response(a, msg, when);
    else
        mine = false;
    if (mine) {
        tb_release(a->m, credit, when);
        atc_release(a, when);
    }
    return mine;
}

void tb_atc_timer(struct tb_atc *a, unsigned timer, tb_time when)
{
    if (timer == TB_ATC_LOOKUP)
        run_lookups(a, when);
    else if (timer == TB_ATC_FAILED)
        answer_failed(a, when);
    else
        atc_invalidate_timer(a, when);
}

bool tb_atc_retired(struct tb_atc *a, uint32_t txn, tb_time when)
{
    if (a->requests[txn].state != ATC_PAGE)
        return false;
    atc_pri_retired(a, txn, when);
    atc_release(a, when);
    return true;
}
