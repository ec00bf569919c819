/* The walkers: N state machines that read page tables, one entry at a time.
 *
 * A miss joins the walk of its page if there is one; else it adds a walk, which takes a free walker
 * or waits for one in order of arrival. An invalidation that comes while a walk is under way (or
 * waits: it has the device's entry as it was) poisons it: its result serves the requests that were
 * looked up before, but is not cached, and nobody joins it any more.
 */
#include "internal.h"

static uint64_t page_number(uint64_t iova)
{
    return iova >> 12;
}

static uint32_t bucket_of(const struct tb_walker *w, uint64_t space, uint64_t page)
{
    uint64_t h = (page ^ space * 0xbf58476d1ce4e5b9) * 0x9e3779b97f4a7c15;
    return (uint32_t)(h >> 32) & w->mask;
}

static void make_stories(struct tb_iommu *u)
{
    struct tb_walker *w = &u->walker;
    w->stories = tb_alloc(u->m, w->walkers, sizeof *w->stories);
    w->free_stories = tb_alloc(u->m, w->walkers, sizeof *w->free_stories);
    for (uint32_t i = 0; i < w->walkers; i++)
        w->free_stories[i] = i;
}

/* As many walks as there can be requests (a walk has at least one waiting), and prefetches. */
void tb_walker_start(struct tb_iommu *u)
{
    struct tb_walker *w = &u->walker;
    uint32_t buckets = 1;
    w->walkers = (uint32_t)u->p->walkers;
    w->count = u->total + w->walkers;
    while (buckets < w->count)
        buckets *= 2;
    w->mask = buckets - 1;
    w->walks = tb_alloc(u->m, w->count, sizeof *w->walks);
    w->nests = tb_alloc(u->m, w->count, sizeof *w->nests);
    w->buckets = tb_alloc(u->m, buckets, sizeof *w->buckets);
    for (uint32_t i = 0; i < buckets; i++)
        w->buckets[i] = TB_NOTHING;
    for (uint32_t i = 0; i < w->count; i++)
        w->walks[i].next = i + 1 < w->count ? i + 1 : TB_NOTHING;
    w->free = 0;
    w->waiting = w->delayed = tb_list_empty();
    if (u->m->breakdown)
        make_stories(u);
}

static void append(struct tb_walker *w, struct tb_list *l, uint32_t walk)
{
    w->walks[walk].next = TB_NOTHING;
    *(l->head == TB_NOTHING ? &l->head : &w->walks[l->tail].next) = walk;
    l->tail = walk;
}

static uint32_t find(const struct tb_walker *w, uint64_t space, uint64_t page)
{
    uint32_t i = w->buckets[bucket_of(w, space, page)];
    while (i != TB_NOTHING && (w->walks[i].space != space || page_number(w->walks[i].iova) != page))
        i = w->walks[i].hash_next;
    return i;
}

static void unhash(struct tb_walker *w, uint32_t walk)
{
    struct tb_walk *k = &w->walks[walk];
    if (!k->hashed)
        return;
    uint32_t *at = &w->buckets[bucket_of(w, k->space, page_number(k->iova))];
    while (*at != walk)
        at = &w->walks[*at].hash_next;
    *at = k->hash_next;
    k->hashed = false;
}

static uint32_t add(struct tb_iommu *u, const struct tb_context *context, uint64_t space,
                    uint16_t device, uint64_t iova)
{
    struct tb_walker *w = &u->walker;
    uint32_t walk = w->free;
    if (walk == TB_NOTHING)
        return walk;
    struct tb_walk *k = &w->walks[walk];
    uint32_t *bucket = &w->buckets[bucket_of(w, space, page_number(iova))];
    w->free = k->next;
    *k = (struct tb_walk){.context = *context,
                          .space = space,
                          .iova = iova,
                          .started = TB_NEVER,
                          .waiters = tb_list_empty(),
                          .hash_next = *bucket,
                          .txn = TB_NO_TXN,
                          .device = device,
                          .state = TB_WALK_WAITS,
                          .hashed = true};
    *bucket = walk;
    u->n->walks++;
    return walk;
}

/* -- Where its time goes --------------------------------------------------------------------- */

/* A walk gets a walker (busy counts it already). */
static void begin_story(struct tb_walker *w, struct tb_walk *k)
{
    if (!w->stories)
        return;
    k->story = w->free_stories[w->walkers - w->busy];
    w->stories[k->story].count = 0;
}

/* It gives it up (busy still counts it). */
static void end_story(struct tb_walker *w, const struct tb_walk *k)
{
    if (w->stories)
        w->free_stories[w->walkers - w->busy] = k->story;
}

/* Where to write the next read; when there are too many, the last place again. */
static struct tb_walk_read *next_read(struct tb_walker *w, const struct tb_walk *k)
{
    struct tb_walk_story *s = &w->stories[k->story];
    s->count += s->count < TB_WALK_READS;
    return &s->reads[s->count - 1];
}

/* The detail of a level as the log tells it; see guest.c. */
static enum tb_detail detail_of(unsigned level)
{
    if (level > 20)
        return TB_DETAIL_GCR3;
    return level > 10 ? TB_DETAIL_GUEST + level - 11 : TB_DETAIL_LEVEL + level - 1;
}

void tb_walk_read_note(struct tb_iommu *u, uint32_t txn, enum tb_detail what, tb_time when,
                       struct tb_walk_read *to)
{
    const struct tb_txn *t = tb_txn(u->m, txn);
    to->until = when;
    to->memory = t->spent[TB_PART_MEM];
    to->back = 0;
    to->what = what;
    for (unsigned p = 0; p < TB_WAY_PARTS; p++)
        to->back += t->back[p];
}

static void note_time(struct tb_iommu *u, const struct tb_walk *k, uint32_t txn, tb_time when)
{
    if (!u->walker.stories)
        return;
    enum tb_detail what =
        k->guest ? detail_of(k->read_level) : TB_DETAIL_LEVEL - 1u + k->read_level;
    tb_walk_read_note(u, txn, what, when, next_read(&u->walker, k));
}

/* The instants matter: in a trace, or when not all of the read was waited for. */
void tb_iommu_book_read(struct tb_iommu *u, uint32_t txn, const struct tb_walk_read *read,
                        tb_time from)
{
    tb_time served = read->until - read->back, asked = served - read->memory;
    tb_time there = from < asked ? asked - from : 0;
    tb_time memory = from < served ? served - tb_max(asked, from) : 0;
    tb_txn_spend_as(u->m, txn, read->what, there);
    tb_txn_spend_as(u->m, txn, tb_detail_memory(read->what), memory);
    tb_txn_spend_as(u->m, txn, read->what, read->until - from - there - memory);
}

static inline void add_detail(uint64_t *have, tb_time *of, enum tb_detail what, tb_time spent)
{
    uint64_t bit = (uint64_t)1 << what;
    of[what] = spent + (*have & bit ? of[what] : 0);
    *have |= bit;
}

/* All of the reads from one on, which began at `from`. */
static void book_whole(struct tb_iommu *u, const struct tb_walk_story *s, uint32_t first,
                       uint32_t txn, tb_time from)
{
    struct tb_txn *t = tb_txn(u->m, txn);
    tb_time *of = u->m->details[txn].of, begin = from;
    uint64_t have = t->details;
    for (uint32_t i = first; i < s->count; i++) {
        const struct tb_walk_read *read = &s->reads[i];
        add_detail(&have, of, read->what, read->until - from - read->memory);
        if (read->memory)
            add_detail(&have, of, tb_detail_memory(read->what), read->memory);
        from = read->until;
    }
    t->details = have;
    t->spent[TB_PART_WALK] += from - begin;
    u->m->spent[TB_PART_WALK] += from - begin;
}

/* Waiting for a walker is QUEUE. For the walk WALK, by what it read; who joined midway pays from
 * then on. */
static void book(struct tb_iommu *u, const struct tb_walk *k, uint32_t txn)
{
    if (!u->walker.stories)
        return;
    const struct tb_walk_story *s = &u->walker.stories[k->story];
    tb_time since = u->requests[txn].since, begun = k->started, from = tb_max(since, begun);
    uint32_t i = 0;
    tb_txn_spend_as(u->m, txn, TB_DETAIL_WALKER, from - since);
    for (; i < s->count && (u->m->traced || begun != from); i++) {
        begun = s->reads[i].until;
        if (begun <= from)
            continue;
        tb_iommu_book_read(u, txn, &s->reads[i], from);
        from = begun;
    }
    if (i < s->count)
        book_whole(u, s, i, txn, from);
}

/* -- The way of a walk ----------------------------------------------------------------------- */

void tb_walk_read(struct tb_iommu *u, uint32_t walk, uint64_t address, unsigned level, tb_time when)
{
    struct tb_walk *k = &u->walker.walks[walk];
    k->state = TB_WALK_READS;
    k->txn = tb_iommu_begin(u, TB_TXN_WALK, when);
    k->read_level = (uint8_t)level;
    tb_txn(u->m, k->txn)->owner = walk;
    tb_iommu_send(u, k->txn, TB_READ, address, (uint16_t)u->format->entry_bytes, when);
}

static void read_entry(struct tb_iommu *u, uint32_t walk, tb_time when)
{
    const struct tb_cursor *c = &u->walker.walks[walk].cursor;
    u->n->walk_reads++;
    tb_walk_read(u, walk, u->format->where(c), c->level, when);
}

/* From the root, or from what the page-directory cache knows. */
static void begin(struct tb_iommu *u, uint32_t walk, tb_time when)
{
    struct tb_walk *k = &u->walker.walks[walk];
    if (k->guest) {
        tb_guest_begin(u, walk, when);
        return;
    }
    if (u->format->begin(&k->context, k->iova, &k->cursor) == TB_STEP_REFUSED) {
        tb_walk_finish(u, walk, k->cursor.refusal, NULL, when);
        return;
    }
    tb_pdc_lookup(u, k->space, &k->cursor);
    read_entry(u, walk, when);
}

/* Gives a walk a walker. */
static void start(struct tb_iommu *u, uint32_t walk, tb_time when)
{
    struct tb_walker *w = &u->walker;
    struct tb_walk *k = &w->walks[walk];
    w->busy++;
    k->started = when;
    begin_story(w, k);
    if (!u->pdc.cache.entries || !u->p->pdc.hit) {
        begin(u, walk, when);
        return;
    }
    k->state = TB_WALK_DELAY;
    k->due = when + u->p->pdc.hit;
    if (w->delayed.head == TB_NOTHING)
        tb_timer_set(u->m, TB_IOMMU_WALK, k->due);
    append(w, &w->delayed, walk);
}

void tb_walker_timer(struct tb_iommu *u, tb_time when)
{
    struct tb_walker *w = &u->walker;
    while (w->delayed.head != TB_NOTHING && w->walks[w->delayed.head].due <= when) {
        uint32_t walk = w->delayed.head;
        w->delayed.head = w->walks[walk].next;
        if (w->stories)
            *next_read(w, &w->walks[walk]) =
                (struct tb_walk_read){.until = when, .what = TB_DETAIL_PDC};
        begin(u, walk, when);
    }
    if (w->delayed.head != TB_NOTHING)
        tb_timer_set(u->m, TB_IOMMU_WALK, w->walks[w->delayed.head].due);
}

static void start_or_wait(struct tb_iommu *u, uint32_t walk, tb_time when)
{
    struct tb_walker *w = &u->walker;
    if (w->busy < w->walkers)
        start(u, walk, when);
    else
        append(w, &w->waiting, walk);
}

bool tb_walker_miss(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    uint32_t walk = find(&u->walker, r->space, page_number(r->msg.address));
    bool joined = walk != TB_NOTHING;
    if (!joined)
        walk = add(u, &r->context, r->space, r->msg.requester, r->msg.address & ~(uint64_t)0xfff);
    r->state = TB_REQUEST_WALK;
    r->since = when;
    u->waiting++;
    tb_list_push(u, &u->walker.walks[walk].waiters, txn);
    if (joined)
        return true;
    if (r->guest) {
        u->walker.walks[walk].guest = true;
        u->walker.nests[walk] = (struct tb_nest){.pasid = r->msg.has_pasid ? r->msg.pasid : 0};
    }
    start_or_wait(u, walk, when);
    return joined;
}

bool tb_walker_prefetch(struct tb_iommu *u, const struct tb_context *context, uint16_t device,
                        uint64_t iova, tb_time when)
{
    if (find(&u->walker, context->domain, page_number(iova)) != TB_NOTHING)
        return false;
    uint32_t walk = add(u, context, context->domain, device, iova & ~(uint64_t)0xfff);
    if (walk == TB_NOTHING)
        return false;
    start_or_wait(u, walk, when);
    return true;
}

static void serve(struct tb_iommu *u, const struct tb_walk *k, uint32_t txn,
                  enum tb_refusal refusal, const struct tb_msg *failed, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    u->waiting--;
    book(u, k, txn);
    if (failed) {
        r->where = failed->address;
        r->failure = failed->status;
    } else if (k->guest && refusal != TB_REFUSE_NOTHING) {
        const struct tb_nest *n = &u->walker.nests[k - u->walker.walks];
        r->host_fault = n->host_fault;
        r->where = n->target;
    }
    if (refusal == TB_REFUSE_NOTHING)
        tb_request_mapped(u, txn, &k->cursor.page, when);
    else
        tb_request_refuse(u, txn, refusal, when);
}

/* A page that an invalidation has touched since the walk was asked for may be out of date. */
static bool may_cache(const struct tb_walk *k)
{
    uint64_t offset = ((uint64_t)1 << k->cursor.page.shift) - 1;
    bool touched = k->invalidated && k->cursor.page.iova <= k->last &&
                   (k->cursor.page.iova | offset) >= k->first;
    return !k->poisoned && !touched;
}

/* In this order: the page is filled, the requests go on in the order of their look-ups, the next
 * walk has the walker. */
void tb_walk_finish(struct tb_iommu *u, uint32_t walk, enum tb_refusal refusal,
                    const struct tb_msg *failed, tb_time when)
{
    struct tb_walker *w = &u->walker;
    struct tb_walk *k = &w->walks[walk];
    uint32_t txn;
    unhash(w, walk);
    if (refusal == TB_REFUSE_NOTHING && may_cache(k))
        u->n->evictions += tb_iotlb_fill(&u->iotlb, k->space, &k->cursor.page);
    while ((txn = tb_list_pop(u, &k->waiters)) != TB_NOTHING)
        serve(u, k, txn, refusal, failed, when);
    k->state = TB_WALK_FREE;
    k->next = w->free;
    w->free = walk;
    end_story(w, k);
    w->busy--;
    if (w->waiting.head != TB_NOTHING) {
        uint32_t next = w->waiting.head;
        w->waiting.head = w->walks[next].next;
        start(u, next, when);
    }
    tb_request_resume(u, when);
}

static uint64_t entry_of(const struct tb_format *format, const uint8_t *p)
{
    if (format->entry_bytes == 8)
        return tb_load64(p);
    return format->big_endian ? (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]
                              : (uint32_t)p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0];
}

static void note_read(struct tb_iommu *u, const struct tb_walk *k, const struct tb_msg *msg)
{
    struct tb_txn *t = tb_txn(u->m, msg->txn);
    t->value[0] = msg->status == TB_OK ? entry_of(u->format, t->data) : 0;
    t->value[1] = k->read_level;
}

void tb_walker_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    uint32_t walk = tb_txn(u->m, msg->txn)->owner;
    struct tb_walk *k = &u->walker.walks[walk];
    note_read(u, k, msg);
    note_time(u, k, msg->txn, when);
    uint64_t entry = tb_txn(u->m, msg->txn)->value[0];
    tb_txn_end(u->m, msg->txn, msg->status, when);
    if (msg->status != TB_OK) {
        tb_walk_finish(u, walk, TB_REFUSE_TABLE_UNREADABLE, msg, when);
        return;
    }
    if (k->guest) {
        tb_guest_arrived(u, walk, entry, when);
        return;
    }
    switch (u->format->step(&k->cursor, entry)) {
    case TB_STEP_READ:
        if (tb_walk_may_cache(k))
            tb_pdc_fill(u, k->space, &k->cursor);
        read_entry(u, walk, when);
        break;
    case TB_STEP_PAGE:
        tb_walk_finish(u, walk, TB_REFUSE_NOTHING, NULL, when);
        break;
    case TB_STEP_REFUSED:
        tb_walk_finish(u, walk, k->cursor.refusal, NULL, when);
        break;
    }
}

/* -- Invalidation ---------------------------------------------------------------------------- */

static void poison(struct tb_iommu *u, uint32_t walk)
{
    struct tb_walk *k = &u->walker.walks[walk];
    if (k->state == TB_WALK_FREE || k->poisoned)
        return;
    unhash(&u->walker, walk);
    k->poisoned = true;
    u->n->poisoned++;
}

static bool holds(uint64_t first, uint64_t last, uint64_t iova)
{
    return (iova | 0xfff) >= first && iova <= last;
}

/* A walk of an address in the range is poisoned. One beside it goes on, but notes the range: the
 * page it finds may turn out to be a big one that overlaps. */
void tb_walker_poison(struct tb_iommu *u, uint64_t space, uint64_t first, uint64_t last)
{
    if (!u->walker.busy)
        return;
    for (uint32_t i = 0; i < u->walker.count; i++) {
        struct tb_walk *k = &u->walker.walks[i];
        if (k->state != TB_WALK_FREE && k->guest && k->context.domain == space)
            poison(u, i); /* any of its addresses may be of the range */
        if (k->state == TB_WALK_FREE || k->space != space)
            continue;
        k->first = k->invalidated && k->first < first ? k->first : first;
        k->last = k->invalidated && k->last > last ? k->last : last;
        k->invalidated = true;
        if (holds(first, last, k->iova))
            poison(u, i);
    }
}

void tb_walker_poison_device(struct tb_iommu *u, uint16_t device)
{
    for (uint32_t i = 0; u->walker.busy && i < u->walker.count; i++)
        if (u->walker.walks[i].device == device)
            poison(u, i);
}

void tb_walker_poison_all(struct tb_iommu *u)
{
    for (uint32_t i = 0; i < u->walker.count; i++)
        poison(u, i);
}
