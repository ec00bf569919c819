/* The cache that all of the IOMMU's caches are made of, and the IOTLB: against a naive oracle, and
 * against what is known of LRU, FIFO and random replacement (analytic checks A8 and A10). */
#include "suite.h"

#include "iommu/internal.h"

#include <stdlib.h>

#define MOST 512

static struct tb_random stream(uint64_t seed)
{
    return (struct tb_random){seed};
}

/* -- A cache by brute force: arrays of stamps ------------------------------------------------- */

struct naive_line {
    struct tb_cache_key key;
    uint64_t stamp;
    bool used;
};

struct naive {
    struct naive_line lines[MOST];
    uint32_t entries, ways;
    enum tb_replacement replacement;
    uint64_t clock;
};

static struct naive_line *naive_find(struct naive *n, struct tb_cache_key key)
{
    for (uint32_t i = 0; i < n->entries; i++)
        if (n->lines[i].used && n->lines[i].key.low == key.low && n->lines[i].key.high == key.high)
            return &n->lines[i];
    return NULL;
}

static void naive_touch(struct naive *n, struct naive_line *l)
{
    if (n->replacement == TB_LRU)
        l->stamp = ++n->clock;
}

static void naive_insert(struct naive *n, struct tb_cache_key key, uint64_t index)
{
    uint32_t set = (uint32_t)(index % (n->entries / n->ways)) * n->ways;
    struct naive_line *best = &n->lines[set];
    for (uint32_t i = set; i < set + n->ways; i++) {
        struct naive_line *l = &n->lines[i];
        if (best->used && (!l->used || l->stamp < best->stamp))
            best = l;
    }
    *best = (struct naive_line){key, ++n->clock, true};
}

static void compare(uint32_t entries, uint32_t ways, enum tb_replacement replacement)
{
    struct naive n = {
        .entries = entries, .ways = ways ? ways : entries, .replacement = replacement};
    void *memory = malloc(tb_cache_bytes(entries, ways));
    struct tb_cache c;
    struct tb_random r = stream(entries * 7 + ways);
    unsigned wrong = 0;
    tb_cache_init(&c, memory, entries, ways, replacement, r);
    for (unsigned step = 0; step < 20000; step++) {
        struct tb_cache_key key = {tb_random_below(&r, 3), tb_random_below(&r, entries)}, gone;
        bool evicted;
        uint32_t line = tb_cache_find(&c, key);
        struct naive_line *l = naive_find(&n, key);
        wrong += (line != TB_NO_LINE) != (l != NULL);
        if (tb_random_below(&r, 50) == 0 && line != TB_NO_LINE && l) {
            tb_cache_remove(&c, line);
            l->used = false;
        } else if (line != TB_NO_LINE && l) {
            tb_cache_touch(&c, line);
            naive_touch(&n, l);
        } else {
            tb_cache_insert(&c, key, key.low, &gone, &evicted);
            naive_insert(&n, key, key.low);
            if (evicted)
                wrong += naive_find(&n, gone) != NULL;
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    free(memory);
}

static void test_against_oracle(void)
{
    static const struct {
        uint32_t entries, ways;
    } shapes[] = {{1, 0}, {2, 1}, {8, 0}, {12, 3}, {64, 0}, {64, 4}, {127, 0}, {256, 16}, {512, 1}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        compare(shapes[i].entries, shapes[i].ways, TB_LRU);
        compare(shapes[i].entries, shapes[i].ways, TB_FIFO);
    }
}

/* Random replacement: what is in the cache is what was put in and not evicted; every way has its
 * turn. */
static void test_random(void)
{
    struct tb_cache c;
    void *memory = malloc(tb_cache_bytes(8, 0));
    unsigned turns[8] = {0};
    tb_cache_init(&c, memory, 8, 0, TB_RANDOM, stream(5));
    for (uint64_t key = 0; key < 8000; key++) {
        struct tb_cache_key gone;
        bool evicted;
        uint32_t line = tb_cache_insert(&c, (struct tb_cache_key){0, key}, 0, &gone, &evicted);
        CU_ASSERT_EQUAL(evicted, key >= 8);
        CU_ASSERT(!evicted || tb_cache_find(&c, gone) == TB_NO_LINE);
        turns[line] += evicted;
    }
    CU_ASSERT_EQUAL(c.used, 8);
    for (unsigned i = 0; i < 8; i++)
        CU_ASSERT(turns[i] > 850 && turns[i] < 1150);
    free(memory);
}

static void test_without_entries(void)
{
    struct tb_cache c;
    struct tb_cache_key gone;
    bool evicted = true;
    tb_cache_init(&c, NULL, 0, 0, TB_LRU, stream(1));
    CU_ASSERT_EQUAL(tb_cache_insert(&c, (struct tb_cache_key){0, 1}, 0, &gone, &evicted),
                    TB_NO_LINE);
    CU_ASSERT_FALSE(evicted);
    CU_ASSERT_EQUAL(tb_cache_find(&c, (struct tb_cache_key){0, 1}), TB_NO_LINE);
    tb_cache_clear(&c);
}

/* -- The IOTLB -------------------------------------------------------------------------------- */

struct table {
    struct tb_iotlb t;
    void *memory;
};

static void make(struct table *t, uint32_t entries, uint32_t ways, enum tb_replacement replacement)
{
    *t = (struct table){.memory = malloc(tb_cache_bytes(entries, ways) + 1)};
    tb_cache_init(&t->t.cache, t->memory, entries, ways, replacement, stream(9));
    t->t.lines = calloc(entries + 1, sizeof *t->t.lines);
}

static void unmake(struct table *t)
{
    free(t->memory);
    free(t->t.lines);
}

static void fill(struct table *t, uint16_t domain, uint64_t iova, uint64_t pa, unsigned shift)
{
    struct tb_page page = {iova, pa, (uint8_t)shift, TB_PERM_READ};
    tb_iotlb_fill(&t->t, domain, &page);
}

/* Hit rate in hundredths of a per cent of a pattern of pages, after a warm-up. */
static uint64_t hit_rate(uint32_t entries, enum tb_replacement replacement, uint64_t pages,
                         bool random)
{
    struct table t;
    struct tb_random r = stream(42);
    struct tb_page page;
    uint64_t hits = 0, lookups = 200000, warm = 20000;
    make(&t, entries, 0, replacement);
    for (uint64_t i = 0; i < lookups + warm; i++) {
        uint64_t iova = (random ? tb_random_below(&r, pages) : i % pages) << 12;
        bool hit = tb_iotlb_lookup(&t.t, 1, iova, &page);
        hits += hit && i >= warm;
        if (!hit)
            fill(&t, 1, iova, iova, 12);
    }
    unmake(&t);
    return hits * 10000 / lookups;
}

/* A8: uniform random pages hit at the rate E / P, whatever the replacement. */
static void test_uniform(void)
{
    for (unsigned replacement = TB_LRU; replacement <= TB_RANDOM; replacement++) {
        uint64_t rate = hit_rate(127, replacement, 512, true);
        CU_ASSERT(rate > 2480 - 25 && rate < 2480 + 25);
    }
}

/* A10: a cyclic scan of one page more than there is room never hits under LRU and FIFO; without it,
 * always. */
static void test_cliff(void)
{
    for (unsigned replacement = TB_LRU; replacement <= TB_FIFO; replacement++) {
        CU_ASSERT_EQUAL(hit_rate(64, replacement, 65, false), 0);
        CU_ASSERT_EQUAL(hit_rate(64, replacement, 64, false), 10000);
        CU_ASSERT_EQUAL(hit_rate(4096, replacement, 4097, false), 0);
    }
}

static bool maps(struct table *t, uint16_t domain, uint64_t iova, uint64_t pa)
{
    struct tb_page page;
    return tb_iotlb_lookup(&t->t, domain, iova, &page) && (page.pa | (iova - page.iova)) == pa;
}

static void test_sizes(void)
{
    struct table t;
    make(&t, 16, 0, TB_LRU);
    fill(&t, 1, 0x7000, 0x10000000, 12);
    fill(&t, 1, 0x200000, 0x40200000, 21);
    fill(&t, 1, 0x10000, 0x50000000, 16);
    fill(&t, 2, 0x7000, 0x20000000, 12);
    fill(&t, 1, 0x20000000000000, 0x60000000, 12);
    CU_ASSERT(maps(&t, 1, 0x7abc, 0x10000abc));
    CU_ASSERT(maps(&t, 1, 0x3fffff, 0x403fffff));
    CU_ASSERT(maps(&t, 1, 0x1f008, 0x5000f008));
    CU_ASSERT(maps(&t, 2, 0x7000, 0x20000000));
    CU_ASSERT_FALSE(maps(&t, 3, 0x7000, 0x10000000));
    CU_ASSERT_FALSE(maps(&t, 1, 0x400000, 0x40400000));
    CU_ASSERT(maps(&t, 1, 0x20000000000000, 0x60000000)); /* bits 63:48 are in the tag */
    unmake(&t);
}

static void test_invalidate(void)
{
    struct table t;
    make(&t, 16, 0, TB_LRU);
    for (uint64_t i = 0; i < 8; i++)
        fill(&t, 1, i << 12, (0x100 + i) << 12, 12);
    fill(&t, 1, 0x200000, 0x40200000, 21);
    fill(&t, 2, 0x3000, 0x20000000, 12);
    CU_ASSERT_EQUAL(tb_iotlb_invalidate(&t.t, 1, 0x3000, 0x3fff), 1); /* one page, one domain */
    CU_ASSERT_FALSE(maps(&t, 1, 0x3000, 0x103000));
    CU_ASSERT(maps(&t, 2, 0x3000, 0x20000000));
    CU_ASSERT_EQUAL(tb_iotlb_invalidate(&t.t, 1, 0x4000, 0x7fff), 4); /* a range */
    CU_ASSERT(maps(&t, 1, 0x2000, 0x102000));
    CU_ASSERT_EQUAL(tb_iotlb_invalidate(&t.t, 1, 0x2ff000, 0x2fffff),
                    1); /* 4 KiB inside a big page */
    CU_ASSERT_FALSE(maps(&t, 1, 0x200000, 0x40200000));
    CU_ASSERT_EQUAL(tb_iotlb_invalidate(&t.t, 1, 0, UINT64_MAX), 3);
    CU_ASSERT_EQUAL(tb_iotlb_clear(&t.t), 1);
    CU_ASSERT_EQUAL(t.t.sizes, 0);
    unmake(&t);
}

/* A second fill of a page renews it: its address, and its age. */
static void test_refill(void)
{
    struct table t;
    make(&t, 2, 0, TB_LRU);
    fill(&t, 1, 0x1000, 0xa000, 12);
    fill(&t, 1, 0x2000, 0xb000, 12);
    fill(&t, 1, 0x1000, 0xc000, 12);
    fill(&t, 1, 0x3000, 0xd000, 12);
    CU_ASSERT(maps(&t, 1, 0x1000, 0xc000));
    CU_ASSERT_FALSE(maps(&t, 1, 0x2000, 0xb000));
    unmake(&t);
}

SUITE("iotlb", {"LRU and FIFO are what a naive cache is", test_against_oracle},
      {"random replacement", test_random}, {"a cache without entries", test_without_entries},
      {"A8: uniform random", test_uniform}, {"A10: cliff", test_cliff},
      {"page sizes and domains", test_sizes}, {"invalidation", test_invalidate},
      {"refill", test_refill})
