/* The device table: its cache, and the timed reads of its entries in memory.
 *
 * A request whose device is not in the cache waits for one read of the entry, together with all
 * others of that device. `fetches` reads are under way at a time, further ones wait in order of
 * arrival.
 */
#include "internal.h"

static struct tb_cache_key key_of(uint16_t device)
{
    return (struct tb_cache_key){0, device};
}

static uint64_t entry_address(const struct tb_iommu *u, uint16_t device)
{
    return (u->reg[TB_REG_DEVTAB] & AMDVI_BASE_ADDRESS) +
           (uint64_t)device * u->format->context_bytes;
}

static bool beyond_table(const struct tb_iommu *u, uint16_t device)
{
    return device >= tb_amdvi_devtab_entries(u->reg[TB_REG_DEVTAB]);
}

/* -- Parameters ------------------------------------------------------------------------------ */

static bool read_preload(struct tb_iommu *u, const struct tb_node *list, struct tb_diag *diag)
{
    struct tb_devtab *d = &u->devtab;
    bool good = true;
    if (!list)
        return true;
    if (list->kind != TB_LIST) {
        tb_diag_node(diag, list, "'preload' must be a list of requester IDs such as [\"00:01.1\"]");
        return false;
    }
    d->preload = tb_alloc(u->m, list->count + 1, sizeof *d->preload);
    for (size_t i = 0; i < list->count; i++) {
        const struct tb_node *item = list->items[i];
        char why[160] = "must be a requester ID such as \"00:01.1\"";
        if (item->kind == TB_SCALAR &&
            tb_value_parse(TB_ID, item->text, &d->preload[d->preloads], why)) {
            d->preloads++;
        } else {
            tb_diag_node(diag, item, "'%s' in 'preload': %s",
                         item->kind == TB_SCALAR ? item->text : "?", why);
            good = false;
        }
    }
    return good;
}

bool tb_devtab_make(struct tb_iommu *u, const struct tb_node *node, struct tb_diag *diag)
{
    struct tb_devtab *d = &u->devtab;
    const struct tb_devtab_params *p = &u->p->devtab;
    if (!tb_cache_make(u->m, &d->cache, &p->cache, "devtab", 1, node, diag) ||
        !read_preload(u, p->preload, diag))
        return false;
    d->lines = tb_alloc(u->m, d->cache.entries, sizeof *d->lines);
    d->reported = tb_alloc(u->m, d->cache.entries, sizeof *d->reported);
    d->most = (uint32_t)p->fetches;
    return true;
}

/* As many fetches as there can be requests: a fetch has at least one waiting. */
void tb_devtab_start(struct tb_iommu *u)
{
    struct tb_devtab *d = &u->devtab;
    d->count = u->total + 1;
    d->fetches = tb_alloc(u->m, d->count, sizeof *d->fetches);
    d->waiting = tb_list_empty();
    d->free = 0;
    for (uint32_t i = 0; i < d->count; i++)
        d->fetches[i].next = i + 1 < d->count ? i + 1 : TB_NOTHING;
}

/* -- The cache ------------------------------------------------------------------------------- */

static uint32_t insert(struct tb_iommu *u, uint16_t device, const struct tb_context *context)
{
    struct tb_devtab *d = &u->devtab;
    struct tb_cache_key gone;
    bool evicted;
    uint32_t line = tb_cache_find(&d->cache, key_of(device));
    if (line == TB_NO_LINE)
        line = tb_cache_insert(&d->cache, key_of(device), device, &gone, &evicted);
    else
        tb_cache_touch(&d->cache, line);
    d->lines[line] = *context;
    d->reported[line] = false;
    return line;
}

/* An entry of `preload` is read at its first use, without time: until then nothing can tell the
 * difference but software that changes the entry, and it has to invalidate it, which ends the
 * preload. */
static bool take_preload(struct tb_iommu *u, uint16_t device)
{
    struct tb_devtab *d = &u->devtab;
    for (uint32_t i = 0; i < d->preloads; i++)
        if (d->preload[i] == device) {
            d->preload[i] = d->preload[--d->preloads];
            return true;
        }
    return false;
}

static uint32_t preloaded(struct tb_iommu *u, uint16_t device)
{
    uint8_t bytes[TB_IOMMU_DATA];
    struct tb_debug read = {.address = entry_address(u, device),
                            .data = bytes,
                            .length = u->format->context_bytes,
                            .space = TB_MEMORY};
    struct tb_context context;
    if (!u->devtab.preloads || beyond_table(u, device) || !take_preload(u, device) ||
        !tb_debug_send(u->m, TB_UP_PORT, &read))
        return TB_NO_LINE;
    u->format->context(bytes, &context);
    return insert(u, device, &context);
}

static uint32_t find(struct tb_iommu *u, uint16_t device)
{
    uint32_t line = tb_cache_find(&u->devtab.cache, key_of(device));
    return line == TB_NO_LINE ? preloaded(u, device) : line;
}

const struct tb_context *tb_devtab_cached(struct tb_iommu *u, uint16_t device)
{
    uint32_t line = find(u, device);
    return line == TB_NO_LINE ? NULL : &u->devtab.lines[line];
}

bool tb_devtab_report(struct tb_iommu *u, uint16_t device, const struct tb_context *context)
{
    uint32_t line = tb_cache_find(&u->devtab.cache, key_of(device));
    bool before = line != TB_NO_LINE && u->devtab.reported[line];
    if (line != TB_NO_LINE)
        u->devtab.reported[line] = true;
    return !context->silent && !(context->silent_next && before);
}

/* -- Fetches --------------------------------------------------------------------------------- */

static void read_entry(struct tb_iommu *u, uint32_t fetch, tb_time when)
{
    struct tb_fetch *f = &u->devtab.fetches[fetch];
    u->devtab.reads++;
    u->n->devtab_reads++;
    f->state = TB_FETCH_READS;
    f->txn = tb_iommu_begin(u, TB_TXN_DEVTAB, when);
    tb_txn(u->m, f->txn)->owner = fetch;
    tb_iommu_send(u, f->txn, TB_READ, entry_address(u, f->device),
                  (uint16_t)u->format->context_bytes, when);
}

static void start_fetch(struct tb_iommu *u, uint32_t fetch, tb_time when)
{
    struct tb_devtab *d = &u->devtab;
    if (d->reads < d->most) {
        read_entry(u, fetch, when);
        return;
    }
    struct tb_fetch *f = &d->fetches[fetch];
    f->state = TB_FETCH_WAITS;
    f->next = TB_NOTHING;
    *(d->waiting.head == TB_NOTHING ? &d->waiting.head : &d->fetches[d->waiting.tail].next) = fetch;
    d->waiting.tail = fetch;
}

static uint32_t joinable(const struct tb_devtab *d, uint16_t device)
{
    for (uint32_t i = 0; i < d->count; i++)
        if (d->fetches[i].state != TB_FETCH_FREE && d->fetches[i].device == device &&
            !d->fetches[i].stale)
            return i;
    return TB_NOTHING;
}

static uint32_t new_fetch(struct tb_iommu *u, uint16_t device, tb_time when)
{
    struct tb_devtab *d = &u->devtab;
    uint32_t fetch = d->free;
    d->free = d->fetches[fetch].next;
    d->fetches[fetch] = (struct tb_fetch){.waiters = tb_list_empty(), .device = device};
    start_fetch(u, fetch, when);
    return fetch;
}

void tb_devtab_lookup(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    uint16_t device = r->msg.requester;
    const struct tb_context *context;
    if (beyond_table(u, device)) {
        r->context = (struct tb_context){0};
        tb_request_refuse(u, txn, TB_REFUSE_NO_DEVICE, when);
    } else if ((context = tb_devtab_cached(u, device))) {
        tb_cache_touch(&u->devtab.cache, (uint32_t)(context - u->devtab.lines));
        u->n->devtab_hits++;
        r->context = *context;
        tb_request_translate(u, txn, when);
    } else {
        uint32_t fetch = joinable(&u->devtab, device);
        u->n->devtab_misses++;
        u->waiting++;
        r->state = TB_REQUEST_CONTEXT;
        r->since = when;
        if (fetch == TB_NOTHING)
            fetch = new_fetch(u, device, when);
        tb_list_push(u, &u->devtab.fetches[fetch].waiters, txn);
    }
}

static void next_fetch(struct tb_iommu *u, tb_time when)
{
    struct tb_devtab *d = &u->devtab;
    uint32_t fetch = d->waiting.head;
    if (fetch == TB_NOTHING)
        return;
    d->waiting.head = d->fetches[fetch].next;
    read_entry(u, fetch, when);
}

static void serve(struct tb_iommu *u, uint32_t txn, const struct tb_context *context,
                  const struct tb_walk_read *read, enum tb_status status, uint64_t address,
                  tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    u->waiting--;
    tb_iommu_book_read(u, txn, read, r->since);
    r->context = *context;
    r->where = address;
    r->failure = status;
    if (status == TB_OK)
        tb_request_translate(u, txn, when);
    else
        tb_request_refuse(u, txn, TB_REFUSE_ENTRY_UNREADABLE, when);
}

void tb_devtab_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    struct tb_devtab *d = &u->devtab;
    uint32_t fetch = tb_txn(u->m, msg->txn)->owner, txn;
    struct tb_fetch *f = &d->fetches[fetch];
    struct tb_context context = {0};
    struct tb_list waiters = f->waiters;
    struct tb_walk_read read = {.until = when};
    if (u->m->breakdown)
        tb_walk_read_note(u, msg->txn, TB_DETAIL_READS, when, &read);
    if (msg->status == TB_OK) {
        u->format->context(tb_txn(u->m, msg->txn)->data, &context);
        if (!f->stale)
            insert(u, f->device, &context);
    }
    tb_txn_end(u->m, msg->txn, msg->status, when);
    f->state = TB_FETCH_FREE;
    f->next = d->free;
    d->free = fetch;
    d->reads--;
    while ((txn = tb_list_pop(u, &waiters)) != TB_NOTHING)
        serve(u, txn, &context, &read, msg->status, msg->address, when);
    next_fetch(u, when);
    tb_request_resume(u, when);
}

/* -- Invalidation ---------------------------------------------------------------------------- */

uint32_t tb_devtab_invalidate(struct tb_iommu *u, uint16_t device)
{
    struct tb_devtab *d = &u->devtab;
    uint32_t line = tb_cache_find(&d->cache, key_of(device));
    take_preload(u, device);
    for (uint32_t i = 0; d->reads && i < d->count; i++)
        if (d->fetches[i].device == device)
            d->fetches[i].stale = true;
    if (line == TB_NO_LINE)
        return 0;
    tb_cache_remove(&d->cache, line);
    return 1;
}

uint32_t tb_devtab_clear(struct tb_iommu *u)
{
    struct tb_devtab *d = &u->devtab;
    uint32_t n = d->cache.used;
    d->preloads = 0;
    for (uint32_t i = 0; i < d->count; i++)
        d->fetches[i].stale = true;
    tb_cache_clear(&d->cache);
    return n;
}
