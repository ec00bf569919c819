/* Units of addresses that are not cached: who waits for them, and what is asked for. */
#include "ats/internal.h"

enum { UNSUPPORTED_UNTRANSLATED, UNSUPPORTED_FAULT };

/* -- Units ------------------------------------------------------------------------------------ */

bool atc_pending_make(struct tb_atc *a)
{
    uint64_t most = a->owner.open + a->p->outstanding * a->p->pages;
    size_t bytes = tb_cache_bytes((uint32_t)most, 0);
    tb_cache_init(&a->pending, tb_alloc(a->m, bytes + 1, 1), (uint32_t)most, 0, TB_FIFO,
                  (struct tb_random){0});
    a->units = tb_alloc(a->m, most, sizeof *a->units);
    a->asks = tb_alloc(a->m, a->p->outstanding, sizeof *a->asks);
    for (uint64_t i = 0; i < a->p->outstanding; i++)
        a->asks[i].txn = TB_NO_TXN;
    a->queued = a->wanted = (struct atc_units){ATC_NONE, ATC_NONE};
    return true;
}

static uint32_t find_unit(const struct tb_atc *a, uint64_t space, uint64_t iova)
{
    return tb_cache_find(&a->pending, (struct tb_cache_key){space, iova});
}

/* There is room: a unit has a request that waits, or a translation request. */
static uint32_t add_unit(struct tb_atc *a, uint64_t space, uint64_t iova)
{
    struct tb_cache_key gone;
    bool evicted;
    uint32_t unit =
        tb_cache_insert(&a->pending, (struct tb_cache_key){space, iova}, 0, &gone, &evicted);
    a->units[unit] = (struct atc_unit){.space = space, .iova = iova, .waiters = atc_empty()};
    return unit;
}

void atc_queue(struct tb_atc *a, struct atc_units *q, uint32_t unit, enum atc_unit_state state)
{
    struct atc_unit *u = &a->units[unit];
    u->state = (uint8_t)state;
    u->newer = ATC_NONE;
    u->older = q->tail;
    *(q->tail == ATC_NONE ? &q->head : &a->units[q->tail].newer) = unit;
    q->tail = unit;
}

static void unqueue(struct tb_atc *a, struct atc_units *q, uint32_t unit)
{
    struct atc_unit *u = &a->units[unit];
    *(u->older == ATC_NONE ? &q->head : &a->units[u->older].newer) = u->newer;
    *(u->newer == ATC_NONE ? &q->tail : &a->units[u->newer].older) = u->older;
}

uint32_t atc_queue_pop(struct tb_atc *a, struct atc_units *q)
{
    uint32_t unit = q->head;
    if (unit != ATC_NONE)
        unqueue(a, q, unit);
    return unit;
}

void atc_again(struct tb_atc *a, uint32_t unit)
{
    if (a->units[unit].waiters.head == ATC_NONE)
        tb_cache_remove(&a->pending, unit);
    else
        atc_queue(a, &a->queued, unit, UNIT_QUEUED);
}

void atc_fail_unit(struct tb_atc *a, uint32_t unit, enum tb_status status, tb_time when)
{
    struct atc_list waiters = a->units[unit].waiters;
    uint32_t txn;
    tb_cache_remove(&a->pending, unit);
    while ((txn = atc_pop(a, &waiters)) != ATC_NONE)
        atc_fail(a, txn, status, when);
}

/* -- Asking ----------------------------------------------------------------------------------- */

static struct atc_ask *free_ask(struct tb_atc *a)
{
    uint32_t i = 0;
    while (a->asks[i].txn != TB_NO_TXN)
        i++;
    return &a->asks[i];
}

/* The translation request itself (PCIe 10.2.2): 8 bytes for each unit. */
static void send_ask(struct tb_atc *a, const struct atc_ask *k, tb_time when)
{
    struct tb_txn *t = tb_txn(a->m, k->txn);
    bool has_pasid = k->space & ATC_SPACE_HAS_PASID;
    struct tb_msg msg = {.address = k->iova,
                         .txn = k->txn,
                         .length = (uint16_t)(k->count * ATS_ENTRY),
                         .requester = a->owner.id,
                         .tag = (uint16_t)k->txn,
                         .kind = TB_ATS_TRANSLATE,
                         .class = TB_NONPOSTED,
                         .at = TB_TRANSLATION_REQUEST,
                         .space = TB_MEMORY,
                         .pasid = k->space & 0xfffff,
                         .has_pasid = has_pasid,
                         .privileged = k->space >> 21 & 1,
                         .no_write = !k->write};
    t->iova = k->iova;
    t->length = msg.length;
    t->requester = a->owner.id;
    t->at = TB_TRANSLATION_REQUEST;
    t->write = k->write;
    t->has_pasid = has_pasid;
    t->pasid = msg.pasid;
    a->n->asked++;
    tb_send(a->m, a->owner.port, &msg, when, TB_NO_CREDIT);
}

/* Whether the unit at an address can be asked for together with those before it. */
static bool can_join(struct tb_atc *a, uint64_t space, uint64_t iova, bool write)
{
    uint32_t unit = find_unit(a, space, iova);
    struct tb_page page;
    if (unit != TB_NO_LINE)
        return a->units[unit].state == UNIT_QUEUED && (write || !a->units[unit].write);
    return !tb_iotlb_peek(&a->cache, space, iova, &page);
}

static void join(struct tb_atc *a, struct atc_ask *k, uint64_t iova)
{
    uint32_t unit = find_unit(a, k->space, iova);
    if (unit == TB_NO_LINE)
        unit = add_unit(a, k->space, iova);
    else if (a->units[unit].state == UNIT_QUEUED && iova != k->iova)
        unqueue(a, &a->queued, unit);
    a->units[unit].state = UNIT_ASKED;
    a->units[unit].ask = (uint32_t)(k - a->asks);
}

/* Asks for a unit (which is in no queue) and for those behind it as far as `pages` says. */
static void ask(struct tb_atc *a, uint64_t space, uint64_t iova, bool write, tb_time when)
{
    struct atc_ask *k = free_ask(a);
    *k = (struct atc_ask){.space = space, .iova = iova, .write = write};
    do {
        join(a, k, iova + k->count * a->p->unit);
        k->count++;
    } while (k->count < a->p->pages && iova + k->count * a->p->unit > iova &&
             can_join(a, space, iova + k->count * a->p->unit, write));
    k->txn = tb_txn_begin(a->m, TB_TXN_TRANSLATION, when);
    a->requests[k->txn].state = ATC_ASK;
    a->requests[k->txn].where = (uint32_t)(k - a->asks);
    a->asked++;
    send_ask(a, k, when);
}

/* Neighbours that nobody waits for, as long as a translation request is free. */
static void prefetch(struct tb_atc *a, uint64_t space, uint64_t iova, bool write, tb_time when)
{
    for (uint64_t i = 0; i < a->p->prefetch && a->asked < a->p->outstanding; i++) {
        uint64_t next = iova + (a->p->pages + i) * a->p->unit;
        struct tb_page page;
        if (next < iova || find_unit(a, space, next) != TB_NO_LINE ||
            tb_iotlb_peek(&a->cache, space, next, &page))
            continue;
        a->n->prefetched++;
        ask(a, space, next, write, when);
    }
}

static void settle(struct tb_atc *a, uint32_t unit, const struct tb_page *page, bool asked_write,
                   tb_time when);

static uint64_t last_of(const struct tb_page *page)
{
    return page->iova | ~(~(uint64_t)0 << 1 << (page->shift - 1));
}

/* Not less than the smallest unit, or look-ups of a unit could find part of it. */
static bool has_unit(const struct tb_atc *a, const struct tb_page *page)
{
    return last_of(page) - page->iova >= a->p->unit - 1;
}

/* An answer for a neighbour may have brought a unit's translation while it was queued. */
static bool is_cached(struct tb_atc *a, uint32_t unit, struct tb_page *page)
{
    const struct atc_unit *u = &a->units[unit];
    if (!tb_iotlb_peek(&a->cache, u->space, u->iova, page) || !has_unit(a, page))
        return false;
    for (uint32_t txn = u->waiters.head; txn != ATC_NONE; txn = a->requests[txn].next)
        if (!atc_allowed(a, txn, page))
            return false;
    return true;
}

void atc_ask_more(struct tb_atc *a, tb_time when)
{
    uint32_t unit;
    while (a->asked < a->p->outstanding && (unit = atc_queue_pop(a, &a->queued)) != ATC_NONE) {
        struct atc_unit u = a->units[unit];
        struct tb_page page;
        if (is_cached(a, unit, &page)) {
            settle(a, unit, &page, true, when);
            continue;
        }
        ask(a, u.space, u.iova, u.write, when);
        prefetch(a, u.space, u.iova, u.write, when);
    }
}

void atc_want(struct tb_atc *a, uint32_t txn, const struct tb_msg *msg, tb_time when)
{
    uint64_t space = atc_space(msg), iova = msg->address & ~(a->p->unit - 1);
    bool write = !a->p->no_write || msg->kind == TB_WRITE;
    uint32_t unit = find_unit(a, space, iova);
    bool known = unit != TB_NO_LINE;
    if (known)
        a->n->coalesced++;
    else if (txn == ATC_NONE && a->asked == a->p->outstanding)
        return; /* nobody waits for it: another miss will ask */
    else
        unit = add_unit(a, space, iova);
    if (txn != ATC_NONE)
        atc_push(a, &a->units[unit].waiters, txn);
    a->units[unit].write = a->units[unit].write || write;
    if (known)
        return;
    atc_queue(a, &a->queued, unit, UNIT_QUEUED);
    atc_ask_more(a, when);
}

/* -- Answers ---------------------------------------------------------------------------------- */

/* The translation does not allow what the rest of the unit's requests want: ask again for
 * permission to write if only that to read was asked for, else for the page, else fail. */
static void refuse(struct tb_atc *a, uint32_t unit, bool asked_write, tb_time when)
{
    struct atc_unit *u = &a->units[unit];
    if (!asked_write && u->write)
        atc_again(a, unit);
    else if (!atc_pri_want(a, unit, when))
        atc_fail_unit(a, unit, TB_FAULT, when);
}

/* A translation for the unit is here: who may go, goes, in order. */
static void settle(struct tb_atc *a, uint32_t unit, const struct tb_page *page, bool asked_write,
                   tb_time when)
{
    struct atc_list waiters = a->units[unit].waiters;
    uint64_t last = last_of(page);
    uint32_t txn;
    a->units[unit].waiters = atc_empty();
    while ((txn = atc_pop(a, &waiters)) != ATC_NONE) {
        uint64_t address = a->requests[txn].msg.address;
        if (address < page->iova || address > last)
            atc_go_untranslated(a, txn, when); /* answered with less than the smallest unit */
        else if (atc_allowed(a, txn, page))
            atc_go(a, txn, page, when);
        else
            atc_push(a, &a->units[unit].waiters, txn);
    }
    if (a->units[unit].waiters.head == ATC_NONE)
        tb_cache_remove(&a->pending, unit);
    else
        refuse(a, unit, asked_write, when);
}

/* No translation came: Unsupported Request says that ATS is off, Completer Abort that tables are
 * broken (10.2.3.6). */
static void settle_failed(struct tb_atc *a, uint32_t unit, enum tb_status status, tb_time when)
{
    struct atc_list waiters = a->units[unit].waiters;
    uint32_t txn;
    if (status != TB_UNSUPPORTED || a->p->on_unsupported == UNSUPPORTED_FAULT) {
        atc_fail_unit(a, unit, status, when);
        return;
    }
    tb_cache_remove(&a->pending, unit);
    while ((txn = atc_pop(a, &waiters)) != ATC_NONE)
        atc_go_untranslated(a, txn, when);
}

static uint64_t load(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = ATS_ENTRY; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static struct tb_page decode(uint64_t entry, uint64_t iova)
{
    unsigned shift = ats_shift(entry);
    uint64_t low = shift >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << shift) - 1;
    return (struct tb_page){.iova = iova & ~low,
                            .pa = entry & ~low,
                            .shift = (uint8_t)shift,
                            .perm = (uint8_t)(entry & 0x3f)};
}

/* "No access" is never kept (10.2.3.5): nobody would say when that changes. */
static void fill(struct tb_atc *a, const struct atc_ask *k, const struct tb_page *page)
{
    if (page->perm & (ATS_R | ATS_W | ATS_U) && has_unit(a, page))
        a->n->evictions += tb_iotlb_fill(&a->cache, k->space, page);
}

/* The units of an ask that lie in first..last and are not settled yet: calls for each. */
static void settle_range(struct tb_atc *a, const struct atc_ask *k, const struct tb_page *page,
                         tb_time when)
{
    uint64_t last = last_of(page);
    for (uint32_t i = 0; i < k->count; i++) {
        uint64_t iova = k->iova + i * a->p->unit;
        uint32_t unit = find_unit(a, k->space, iova);
        if (iova >= page->iova && iova <= last && unit != TB_NO_LINE &&
            a->units[unit].state == UNIT_ASKED)
            settle(a, unit, page, k->write, when);
    }
}

/* An answer's page that was invalidated since it was asked for may be the old one. */
static bool is_stale(const struct atc_ask *k, const struct tb_page *page)
{
    uint64_t last = last_of(page);
    return k->overtaken && page->iova <= k->last && last >= k->first;
}

/* Translations follow one another: each begins where the one before ends (10.2.3.1). Those of all
 * pages are in the cache before the first request goes. */
static void take_pages(struct tb_atc *a, const struct atc_ask *k, const uint64_t *entries,
                       uint32_t n, tb_time when)
{
    struct tb_page pages[ATS_MAX_PAGES];
    uint64_t iova = k->iova;
    uint32_t count = 0;
    for (uint32_t i = 0; i < n; i++) {
        struct tb_page page = decode(entries[i], iova);
        if (is_stale(k, &page)) {
            a->n->stale++;
        } else {
            fill(a, k, &page);
            pages[count++] = page;
        }
        if (page.shift >= 64 || page.iova + ((uint64_t)1 << page.shift) < iova)
            break;
        iova = page.iova + ((uint64_t)1 << page.shift);
    }
    for (uint32_t i = 0; i < count; i++)
        settle_range(a, k, &pages[i], when);
}

/* What nothing was said of is asked for again, or fails with the whole. */
static void settle_rest(struct tb_atc *a, const struct atc_ask *k, uint32_t index,
                        enum tb_status status, tb_time when)
{
    for (uint32_t i = 0; i < k->count; i++) {
        uint32_t unit = find_unit(a, k->space, k->iova + i * a->p->unit);
        if (unit == TB_NO_LINE || a->units[unit].state != UNIT_ASKED || a->units[unit].ask != index)
            continue;
        if (status == TB_OK)
            atc_again(a, unit);
        else
            settle_failed(a, unit, status, when);
    }
}

void atc_take_translation(struct tb_atc *a, const struct tb_msg *msg, tb_time when)
{
    uint32_t index = a->requests[msg->txn].where, n = 0;
    struct atc_ask k = a->asks[index];
    struct tb_txn *t = tb_txn(a->m, msg->txn);
    enum tb_status status = (enum tb_status)msg->status;
    uint64_t entries[ATS_MAX_PAGES];
    if (msg->kind == TB_DATA && status == TB_OK)
        for (; n < k.count && (n + 1) * ATS_ENTRY <= msg->length; n++)
            entries[n] = load(t->data + n * ATS_ENTRY);
    if (status == TB_OK && n == 0)
        status = TB_ABORT; /* malformed: an answer without a translation */
    t->value[0] = n ? entries[0] : 0;
    t->value[1] = n;
    a->n->unsupported += status == TB_UNSUPPORTED;
    a->n->aborted += status != TB_OK && status != TB_UNSUPPORTED;
    a->requests[msg->txn].state = ATC_IDLE;
    tb_txn_end(a->m, msg->txn, status, when);
    take_pages(a, &k, entries, n, when);
    settle_rest(a, &k, index, status, when);
    a->asks[index].txn = TB_NO_TXN;
    a->asked--;
    atc_release(a, when);
    atc_ask_more(a, when);
}
