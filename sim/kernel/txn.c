/* Transaction slots: begun by their model, ended by it or by whoever takes a posted write. */
#include "kernel/kernel.h"

#include <string.h>

static void size_model(struct tb_sim *s, struct instance *i)
{
    if (i->pub.class->slots)
        i->pub.class->slots(&i->pub, &i->slot_count, &i->slot_bytes);
    i->slot_base = s->txn_total;
    s->txn_total += i->slot_count;
}

static void fill_model(struct tb_sim *s, struct instance *i)
{
    i->free_slots = kernel_alloc(s, i->slot_count, sizeof *i->free_slots);
    i->free_count = i->slot_count;
    uint32_t bytes = (i->slot_bytes + 7) & ~7u;
    uint8_t *data = kernel_alloc(s, i->slot_count, bytes ? bytes : 8);
    for (uint32_t k = 0; k < i->slot_count; k++) {
        i->free_slots[k] = i->slot_base + i->slot_count - 1 - k;
        s->txns[i->slot_base + k].data = data + (size_t)k * bytes;
        s->txns[i->slot_base + k].by = i->pub.index;
    }
    i->pub.txns = s->txns;
}

static void make_marks(struct tb_sim *s)
{
    size_t slot = TB_MARK_ALIGNED;
    char *room = kernel_alloc(s, (size_t)s->txn_total + 1, slot);
    char *base = room + (slot - (uintptr_t)room % slot) % slot;
    for (uint32_t n = 0; n < s->txn_total; n++)
        s->txns[n].mark = (uint64_t *)(void *)(base + n * slot);
    s->traced = true;
    for (size_t k = 0; k < s->model_count; k++) {
        s->models[k].pub.traced = true;
        s->models[k].pub.site = (uint32_t)(2 * s->link_count + k) << TB_MARK_SITE;
    }
}

static void make_details(struct tb_sim *s)
{
    struct tb_details *details = kernel_alloc(s, s->txn_total + 1, sizeof *details);
    for (size_t k = 0; k < s->model_count; k++)
        s->models[k].pub.details = details;
}

void kernel_size_slots(struct tb_sim *s)
{
    for (size_t k = 0; k < s->model_count; k++)
        size_model(s, &s->models[k]);
    s->txns = kernel_alloc(s, s->txn_total + 1, sizeof *s->txns);
    for (size_t k = 0; k < s->model_count; k++)
        fill_model(s, &s->models[k]);
    if (s->scenario.record.breakdown)
        make_details(s);
    if (s->scenario.record.trace)
        make_marks(s);
}

static inline void clear_spent(struct tb_model *m, struct tb_txn *t)
{
    memset(t->spent, 0, sizeof t->spent);
    memset(t->back, 0, sizeof t->back);
    if (m->traced)
        tb_marks_clear(t);
}

uint32_t tb_txn_begin(struct tb_model *m, enum tb_txn_kind kind, tb_time when)
{
    struct instance *i = instance_of(m);
    if (i->free_count == 0)
        return TB_NO_TXN;
    uint32_t n = i->free_slots[--i->free_count];
    struct tb_txn *t = &m->txns[n];
    if (m->breakdown)
        clear_spent(m, t);
    memset((char *)t + offsetof(struct tb_txn, iova), 0,
           offsetof(struct tb_txn, spent) - offsetof(struct tb_txn, iova));
    t->created = when;
    t->number = i->numbers[kind]++;
    t->by = m->index;
    t->to = TB_NOBODY;
    t->kind = (uint8_t)kind;
    t->live = 1;
    m->sim->txn_open++;
    return n;
}

void tb_txn_unspend(struct tb_model *m, uint32_t txn)
{
    m->txns[txn].details = 0;
    clear_spent(m, &m->txns[txn]);
}

static void complain(struct tb_sim *s, const struct tb_txn *t, tb_time when, const char *what,
                     tb_time sum, tb_time whole)
{
    tb_violation(&s->models[t->by].pub, NULL, when,
                 "internal error: %s of kind %u number %u add up to %llu ps, not to %llu ps", what,
                 t->kind, t->number, (unsigned long long)sum, (unsigned long long)whole);
}

#define BIT(detail) ((uint64_t)1 << (detail))
#define LOOKUP_BITS (BIT(TB_DETAIL_DEVTAB) | BIT(TB_DETAIL_IOTLB))
#define WALK_BITS   (BIT(TB_DETAILS) - BIT(TB_DETAIL_PDC))

static inline tb_time sum_of(const tb_time *of, uint64_t which)
{
    tb_time sum = 0;
    for (; which; which &= which - 1)
        sum += of[__builtin_ctzll(which)];
    return sum;
}

/* Details add up to `lookup` and `walk`, and never exceed what they are part of. */
static __attribute__((noinline)) void check_details(struct tb_sim *s, const struct tb_txn *t,
                                                    tb_time when)
{
    const tb_time *of = s->models[0].pub.details[t - s->txns].of;
    tb_time lookup = sum_of(of, t->details & LOOKUP_BITS),
            walk = sum_of(of, t->details & WALK_BITS);
    tb_time queue = t->back[TB_PART_QUEUE] + sum_of(of, t->details & BIT(TB_DETAIL_WALKER));
    if (__builtin_expect(lookup != t->spent[TB_PART_LOOKUP], 0))
        complain(s, t, when, "the look-ups", lookup, t->spent[TB_PART_LOOKUP]);
    if (__builtin_expect(walk != t->spent[TB_PART_WALK], 0))
        complain(s, t, when, "the levels of the walk", walk, t->spent[TB_PART_WALK]);
    if (__builtin_expect(queue > t->spent[TB_PART_QUEUE], 0))
        complain(s, t, when, "the kinds of waiting", queue, t->spent[TB_PART_QUEUE]);
}

/* A line whose parts do not add up would be a lie about where time went: the run must fail. */
static inline void check_parts(struct tb_sim *s, const struct tb_txn *t, tb_time latency,
                               tb_time when)
{
    tb_time sum = 0;
    for (unsigned p = 0; p < TB_PARTS; p++)
        sum += t->spent[p];
    if (__builtin_expect(sum != latency, 0))
        complain(s, t, when, "the parts", sum, latency);
    if (t->details | t->spent[TB_PART_LOOKUP] | t->spent[TB_PART_WALK])
        check_details(s, t, when);
}

static inline void count(struct tb_sim *s, const struct tb_txn *t, enum tb_status status,
                         tb_time latency)
{
    struct tally *n = &s->tally[t->kind];
    n->ended[status]++;
    if (t->created < s->warmup)
        return;
    n->latency.count++;
    n->latency.sum += latency;
    if (latency < n->latency.min)
        n->latency.min = latency;
    if (latency > n->latency.max)
        n->latency.max = latency;
}

static __attribute__((noinline)) void report(struct tb_sim *s, const struct tb_txn *t,
                                             enum tb_status status, tb_time latency, tb_time when)
{
    if (s->breakdown)
        check_parts(s, t, latency, when);
    for (unsigned k = 0; k < s->observer_count; k++)
        s->observers[k].call(s->observers[k].context, &s->models[t->by].pub, t, status, when);
}

void tb_txn_end(struct tb_model *m, uint32_t txn, enum tb_status status, tb_time when)
{
    struct tb_sim *s = m->sim;
    struct tb_txn *t = &s->txns[txn];
    tb_time latency = when - t->created;
    count(s, t, status, latency);
    if (s->watched)
        report(s, t, status, latency, when);
    t->live = 0;
    s->txn_open--;
    bool own = t->by == m->index;
    struct instance *owner = own ? instance_of(m) : &s->models[t->by];
    owner->free_slots[owner->free_count++] = txn;
    if (!own && owner->pub.class->retired)
        owner->pub.class->retired(&owner->pub, txn, when);
}

uint64_t tb_ended(const struct tb_model *m, enum tb_txn_kind kind, enum tb_status status)
{
    if (status != TB_STATUS_COUNT)
        return m->sim->tally[kind].ended[status];
    uint64_t sum = 0;
    for (unsigned k = 0; k < TB_STATUS_COUNT; k++)
        sum += m->sim->tally[kind].ended[k];
    return sum;
}

uint32_t tb_open(const struct tb_model *m)
{
    return m->sim->txn_open;
}

struct tb_latency tb_latency_of(const struct tb_model *m, enum tb_txn_kind kind)
{
    struct tb_latency l = m->sim->tally[kind].latency;
    if (l.count == 0)
        l.min = 0;
    return l;
}

uint32_t tb_txn_total(const struct tb_model *m)
{
    return m->sim->txn_total;
}
