/* Flat tables, sun4m's and GART's, through the whole simulator, against a naive translator; entries
 * change and are flushed while requests are on their way.
 *
 * The translator is the formula of Linux's headers (GPTE_DECODE; IOPTE_PAGE) on an array. Each
 * request's outcome must be that of a value its entry had between the request's beginning and its
 * end: an older one would be a stale translation, for every change is followed by a flush at once.
 *
 * TB_SEED=n starts elsewhere.
 */
#include "../seen.h"
#include "../suite.h"

#include <inttypes.h>

enum { ROUNDS = 120, PAGES = 24, CHANGES = 60, REQUESTS = 300 };

#define TABLE UINT64_C(0x10000)
#define MMIO  UINT64_C(0xfe0000000)
#define CONF  UINT64_C(0xc3000)

struct change {
    tb_time when;
    uint32_t entry;
};

struct world {
    uint64_t random;
    bool gart;
    uint64_t first; /* address of the first page */
    struct change changes[PAGES][CHANGES + 1];
    unsigned count[PAGES];
};

static uint64_t draw(struct world *w, uint64_t n)
{
    uint64_t z = w->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

/* -- The oracle ----------------------------------------------------------------------------------
 */

struct verdict {
    bool fault;
    uint64_t pa;
};

static struct verdict translate(const struct world *w, uint32_t entry, uint64_t iova, bool write)
{
    if (w->gart) {
        uint64_t page = (entry & 0xfffff000u) | ((uint64_t)entry & 0xff0) << 28;
        return (struct verdict){!(entry & 1), page | (iova & 0xfff)};
    }
    bool allowed = entry & 2 && (!write || entry & 4);
    return (struct verdict){!allowed, ((uint64_t)(entry & 0xffffff00u) << 4) | (iova & 0xfff)};
}

static bool matches(const struct world *w, uint32_t entry, const struct seen_txn *t)
{
    struct verdict v = translate(w, entry, t->txn.iova, t->txn.write);
    return v.fault ? t->status == TB_FAULT : t->status != TB_FAULT && t->txn.pa == v.pa;
}

/* By a value that the entry had at some time from the request's creation to its end. */
static bool is_explained(const struct world *w, const struct seen_txn *t)
{
    uint64_t page = (t->txn.iova - w->first) >> 12;
    for (unsigned i = 0; i < w->count[page]; i++) {
        const struct change *c = &w->changes[page][i];
        bool over = i + 1 < w->count[page] && w->changes[page][i + 1].when < t->txn.created;
        if (!over && c->when <= t->ended && matches(w, c->entry, t))
            return true;
    }
    return false;
}

/* -- The simulator -------------------------------------------------------------------------------
 */

/* Anything: mostly valid, pages anywhere in 36 or 40 bits, often outside of memory. */
static uint32_t some_entry(struct world *w)
{
    uint32_t page = draw(w, 2) ? (uint32_t)draw(w, 64) + 256 : (uint32_t)draw(w, 1 << 20);
    uint32_t entry = w->gart ? page << 12 | (uint32_t)draw(w, 4) << 4 : page << 8;
    uint32_t flags = draw(w, 4) ? (w->gart ? 1 : 6) : (uint32_t)draw(w, 8);
    return entry | flags | (w->gart || draw(w, 3) ? 0 : 0x80);
}

static void set_entry(struct world *w, struct tb_sim *s, unsigned page, tb_time when)
{
    uint32_t entry = some_entry(w), bytes = w->gart ? entry : __builtin_bswap32(entry);
    CU_ASSERT(tb_sim_poke(s, TABLE + 4 * page, &bytes, 4));
    w->changes[page][w->count[page]++] = (struct change){when, entry};
}

static void flush(struct world *w, struct tb_sim *s, unsigned page)
{
    struct tb_model *m = tb_sim_model(s, "x");
    bool all = w->gart || draw(w, 3) == 0;
    uint32_t value = w->gart ? 1 : (uint32_t)(w->first + 4096 * page);
    struct tb_debug d = {.address = w->gart ? CONF + 0x9c : MMIO + (all ? 0x14 : 0x18),
                         .data = (uint8_t *)&value,
                         .length = 4,
                         .space = w->gart ? TB_CONFIG : TB_MEMORY,
                         .write = true};
    CU_ASSERT(m->class->debug(m, w->gart ? 2 : 1, &d));
}

static void write_platform(struct world *w, char *text, size_t size)
{
    char device[400], translator[400];
    snprintf(device, sizeof device,
             "outstanding: %u, burst: 64B, pattern: %s, op: %s, posted: %s, base: 0x%" PRIx64
             ", window: %uKiB, count: %d",
             1 + (unsigned)draw(w, 12), draw(w, 2) ? "random" : "sequential",
             draw(w, 2) ? "read" : "mixed", draw(w, 3) ? "false" : "true", w->first, 4 * PAGES,
             REQUESTS);
    snprintf(translator, sizeof translator,
             w->gart
                 ? "gart, aperture: {base: 0x8000000, size: 32MiB, enabled: true}, table: "
                   "0x10000, walkers: %u, pending: %s, iotlb: {entries: %u, hit: %uns}"
                 : "bridge, iommu: {format: sun4m, mmio: 0xfe0000000, reset: {control: 1, base: "
                   "0x1000}, walkers: %u, pending: %s, iotlb: {entries: %u, hit: %uns}}",
             1 + (unsigned)draw(w, 3), draw(w, 2) ? "unlimited" : "2", (unsigned)draw(w, 12),
             (unsigned)draw(w, 4));
    snprintf(text, size,
             "scenario: flat\nplatform:\n  models:\n"
             "    x: {model: %s}\n"
             "    dram: {model: memory, base: 0, size: 4MiB, latency: %uns}\n"
             "    dev: {model: requester, id: \"00:02.0\", %s}\n"
             "    cpu: {model: requester, id: \"00:00.0\", requests: [{op: read, address: 0x%x, "
             "bytes: 8}]}\n"
             "    sys: {model: bus}\n"
             "  links: [{from: dev, to: x.%s, credits: %u}, {from: x.%s, to: %s}, {from: cpu, to: "
             "%s}%s]\n",
             translator, (unsigned)draw(w, 200), device, 0x1000, w->gart ? "io" : "down",
             1 + (unsigned)draw(w, 6), w->gart ? "mem" : "up", w->gart ? "dram" : "sys",
             w->gart ? "x.cpu" : "sys", w->gart ? "" : ", {from: sys, to: dram}");
}

static unsigned check(const struct world *w, const struct seen *s)
{
    unsigned count = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct seen_txn *t = &s->at[i];
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += t->txn.spent[p];
        CU_ASSERT_EQUAL(sum, t->ended - t->txn.created);
        if (strcmp(t->by, "dev"))
            continue;
        count++;
        CU_ASSERT(is_explained(w, t));
        if (!is_explained(w, t))
            printf("\n    txn %u iova %" PRIx64 " pa %" PRIx64 " status %u from %" PRIu64
                   " to %" PRIu64,
                   t->txn.number, t->txn.iova, t->txn.pa, t->status, t->txn.created, t->ended);
    }
    return count;
}

static void round_of(uint64_t seed, uint64_t sums[4])
{
    static struct world w;
    static const char *const names[] = {"hits", "walk_reads", "poisoned", "faults"};
    char text[4096];
    struct seen s;
    w = (struct world){.random = seed};
    w.gart = draw(&w, 2);
    w.first = w.gart ? 0x8000000 : 0xff000000;
    write_platform(&w, text, sizeof text);
    seen_load(&s, text);
    tb_diag_print(s.diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    for (unsigned page = 0; page < PAGES; page++)
        set_entry(&w, s.sim, page, 0);
    tb_time t = 0;
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned page = (unsigned)draw(&w, PAGES);
        tb_sim_run(s.sim, t += 1 + draw(&w, 400 * TB_NS));
        set_entry(&w, s.sim, page, t);
        flush(&w, s.sim, page);
    }
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT(tb_sim_idle(s.sim));
    CU_ASSERT_EQUAL(check(&w, &s), REQUESTS);
    for (unsigned i = 0; i < 4; i++)
        sums[i] += seen_counter(&s, "x", names[i]);
    tb_sim_finish(s.sim); /* asserts that the credits are back */
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(s.sim)), 0);
    seen_free(&s);
}

static void test_tables(void)
{
    const char *from = getenv("TB_SEED");
    uint64_t seed = from ? strtoull(from, NULL, 0) : 1, sums[4] = {0};
    for (unsigned n = 0; n < ROUNDS; n++)
        round_of(seed + n, sums);
    for (unsigned i = 0; i < 4; i++) {
        printf("%" PRIu64 " ", sums[i]);
        CU_ASSERT(sums[i] > ROUNDS); /* it all happens */
    }
}

SUITE("flat tables", {"changed and flushed at any time", test_tables})
