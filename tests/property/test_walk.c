/* The IOMMU's walk on random page tables, through the whole simulator, against a naive recursive
 * oracle.
 *
 * Tables are random bytes made of plausible entries (missing, without permission, levels skipped,
 * levels that go up, every page size, reserved bits, tables outside memory), the addresses hit what
 * is in them or just beside it. Whatever the IOTLB's size, the number of walkers or the
 * page-directory cache: the same addresses, the same refusals.
 */
#include "../seen.h"
#include "../suite.h"

#include <inttypes.h>

enum { TABLES = 12, REQUESTS = 120, ROUNDS = 40, DEVICE = 0x10 };

#define MEMORY   ((uint64_t)32 << 20)
#define DEVTAB   ((uint64_t)0x400000)
#define FIRST    ((uint64_t)0x100000)
#define ADDRESS  ((uint64_t)0x000ffffffffff000)
#define READABLE ((uint64_t)1 << 61)
#define WRITABLE ((uint64_t)1 << 62)

/* The indices that tables use; the last one never has an entry. */
static const unsigned indices[] = {0, 1, 2, 3, 7, 8, 255, 511, 100};
#define USED 8

struct request {
    uint64_t iova;
    bool write;
};

struct verdict {
    enum tb_status status; /* TB_OK: translated, to pa */
    uint64_t pa;
    unsigned reads;
};

struct world {
    uint64_t random;
    uint64_t table[TABLES][512];
    uint64_t dte;
    unsigned levels;
    bool coded; /* there are pages of coded sizes, not all of whose entries are alike: their caching
                   shows */
    struct request requests[REQUESTS];
    struct verdict verdicts[REQUESTS];
};

static uint64_t draw(struct world *w, uint64_t n)
{
    uint64_t z = w->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

static unsigned shift_of(unsigned level)
{
    return 3 + 9 * level;
}

/* -- The oracle ------------------------------------------------------------------------------- */

static struct verdict refuse(enum tb_status status, unsigned reads)
{
    return (struct verdict){.status = status, .reads = reads};
}

static struct verdict page(uint64_t entry, uint64_t iova, unsigned bits, uint64_t rights,
                           unsigned reads)
{
    uint64_t inside = ((uint64_t)1 << bits) - 1;
    if (entry & (uint64_t)0x7f << 52 || !rights)
        return refuse(TB_FAULT, reads);
    return (struct verdict){TB_OK, ((entry & ADDRESS) & ~inside) + (iova & inside), reads};
}

static unsigned coded_bits(uint64_t entry)
{
    unsigned bits = 13;
    for (uint64_t rest = entry >> 12; rest & 1; rest >>= 1)
        bits++;
    return bits;
}

/* `rights` is what is left of the bit that the access needs. */
static struct verdict walk(const struct world *w, uint64_t table, unsigned level, uint64_t iova,
                           uint64_t rights, unsigned reads)
{
    uint64_t slot = table + (iova >> shift_of(level)) % 512 * 8;
    if (slot >= MEMORY)
        return refuse(TB_ABORT, reads + 1);
    bool known = table >= FIRST && table < FIRST + TABLES * 4096;
    uint64_t entry = known ? w->table[(table - FIRST) / 4096][(slot - table) / 8] : 0;
    unsigned next = entry >> 9 & 7;
    reads++;
    if (!(entry & 1))
        return refuse(TB_FAULT, reads);
    rights &= entry;
    if (next == 0)
        return page(entry, iova, shift_of(level), rights, reads);
    if (next == 7) {
        unsigned bits = coded_bits(entry & ADDRESS);
        bool fits = bits > shift_of(level) && bits < shift_of(level + 1) && bits < 53;
        return fits ? page(entry, iova, bits, rights, reads) : refuse(TB_FAULT, reads);
    }
    if (next >= level || entry & (uint64_t)0x1ff << 52)
        return refuse(TB_FAULT, reads);
    for (unsigned bit = shift_of(next + 1); bit < shift_of(level); bit++)
        if (iova >> bit & 1)
            return refuse(TB_FAULT, reads);
    return walk(w, entry & ADDRESS, next, iova, rights, reads);
}

static struct verdict judge(const struct world *w, const struct request *r)
{
    uint64_t rights = w->dte & (r->write ? WRITABLE : READABLE);
    unsigned bits = shift_of(w->levels + 1);
    if (bits < 64 && r->iova >> bits)
        return refuse(TB_FAULT, 0);
    return walk(w, w->dte & ADDRESS, w->levels, r->iova, rights, 0);
}

/* -- Random worlds ---------------------------------------------------------------------------- */

static uint64_t rights(struct world *w)
{
    static const uint64_t some[] = {READABLE | WRITABLE, READABLE, WRITABLE, 0};
    return some[draw(w, 8) ? 0 : draw(w, 4)];
}

static uint64_t table_address(struct world *w)
{
    return draw(w, 30) ? FIRST + draw(w, TABLES) * 4096 : MEMORY + draw(w, 1000) * 4096;
}

/* Far outside memory, so that no access changes the tables. */
static uint64_t page_address(struct world *w)
{
    return (uint64_t)1 << 51 | draw(w, (uint64_t)1 << 36) << 12;
}

static uint64_t big_page(struct world *w, unsigned level)
{
    unsigned bits = shift_of(level) + 1 + (unsigned)draw(w, draw(w, 10) ? 8 : 20);
    uint64_t address = bits < 52 ? page_address(w) >> bits << bits : 0;
    uint64_t ones = bits < 53 ? ((uint64_t)1 << (bits - 1)) - 1 : ADDRESS;
    return (address | (ones & ADDRESS) | (uint64_t)1 << 51) | 7 << 9;
}

static uint64_t entry(struct world *w, unsigned level)
{
    uint64_t e =
        (draw(w, 12) != 0) | rights(w) | (draw(w, 40) ? 0 : (uint64_t)1 << (52 + draw(w, 9)));
    uint64_t what = draw(w, 10);
    if (level < 6 && (level == 1 || what < 2))
        return e | (w->coded && !draw(w, 3) ? big_page(w, level) : page_address(w));
    if (what == 9)
        return e | (1 + draw(w, 6)) << 9 | table_address(w);
    return e | (uint64_t)(what < 7 && level > 1 ? level - 1 : 1 + draw(w, 5)) << 9 |
           table_address(w);
}

/* Which level a table is used at is left to chance: an entry is made for any. */
static void fill(struct world *w)
{
    memset(w->table, 0, sizeof w->table);
    w->coded = draw(w, 2);
    for (unsigned t = 0; t < TABLES; t++)
        for (unsigned i = 0; i < USED; i++)
            w->table[t][indices[i]] = entry(w, 1 + (unsigned)draw(w, 5));
    w->levels = 1 + (unsigned)draw(w, 6);
    w->dte = FIRST | (uint64_t)w->levels << 9 | 3 | (draw(w, 8) ? READABLE | WRITABLE : rights(w));
}

static uint64_t address(struct world *w)
{
    uint64_t iova = draw(w, 256) * 16; /* no burst splits it */
    for (unsigned level = 1; level <= (draw(w, 20) ? w->levels : 6); level++)
        if (draw(w, 3))
            iova |= (uint64_t)indices[draw(w, USED + 1)] << shift_of(level);
    return iova;
}

static void ask(struct world *w)
{
    for (unsigned i = 0; i < REQUESTS; i++) {
        w->requests[i] = (struct request){address(w), draw(w, 2)};
        w->verdicts[i] = judge(w, &w->requests[i]);
        if (w->verdicts[i].status == TB_OK &&
            w->verdicts[i].pa < MEMORY) { /* a page of level 6 covers the tables */
            w->requests[i].write = false;
            w->verdicts[i] = judge(w, &w->requests[i]);
        }
    }
}

/* -- The simulator ---------------------------------------------------------------------------- */

static void write_platform(const struct world *w, const char *iommu, unsigned outstanding, FILE *to)
{
    fprintf(to,
            "platform: walk\nmodels:\n"
            "  dram: {model: memory, base: 0, size: 32MiB}\n"
            "  root: {model: bridge, iommu: {%s, reset: {devtab: 0x%" PRIx64 ", control: 1}}}\n"
            "  dev: {model: requester, id: \"00:02.0\", outstanding: %u, requests: [",
            iommu, DEVTAB, outstanding);
    for (unsigned i = 0; i < REQUESTS; i++)
        fprintf(to, "%s{op: %s, address: 0x%" PRIx64 ", bytes: 16}", i ? ", " : "",
                w->requests[i].write ? "write" : "read", w->requests[i].iova);
    fprintf(to, "]}\nlinks:\n  - {from: dev, to: root.down}\n  - {from: root.up, to: dram}\n");
}

static void load_tables(const struct world *w, struct tb_sim *s)
{
    uint64_t dte[4] = {w->dte, 5, 0, 0};
    tb_sim_poke(s, FIRST, w->table, sizeof w->table);
    tb_sim_poke(s, DEVTAB + DEVICE * 32, dte, sizeof dte);
}

/* Most translated addresses lie outside memory, which answers so. */
static bool agrees(const struct seen_txn *t, const struct verdict *v)
{
    if (v->status != TB_OK)
        return t->status == v->status;
    return t->status == (v->pa < MEMORY ? TB_OK : TB_UNSUPPORTED) && t->txn.has_pa &&
           t->txn.pa == v->pa;
}

static unsigned compare(const struct world *w, const struct seen *s)
{
    unsigned seen = 0, wrong = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct seen_txn *t = &s->at[i];
        if (t->txn.kind != TB_TXN_DMA)
            continue;
        seen++;
        if (agrees(t, &w->verdicts[t->txn.number]))
            continue;
        wrong++;
        printf("\n    iova 0x%" PRIx64 ": status %d pa 0x%" PRIx64 ", expected %d 0x%" PRIx64,
               t->txn.iova, t->status, t->txn.pa, w->verdicts[t->txn.number].status,
               w->verdicts[t->txn.number].pa);
    }
    return wrong + (seen != REQUESTS);
}

/* Runs the requests; returns how many page table entries were read. */
static uint64_t run(const struct world *w, const char *iommu, unsigned outstanding)
{
    char *text = NULL;
    size_t length;
    struct seen s;
    uint64_t reads = 0;
    FILE *to = open_memstream(&text, &length);
    write_platform(w, iommu, outstanding, to);
    fclose(to);
    seen_load(&s, text);
    tb_diag_print(s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    load_tables(w, s.sim);
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT_EQUAL(compare(w, &s), 0);
    tb_sim_counter(s.sim, "root", "walk_reads", &reads);
    seen_free(&s);
    free(text);
    return reads;
}

static void test_walks(void)
{
    struct world *w = calloc(1, sizeof *w);
    const char *seed = getenv("TB_SEED");
    unsigned good = 0;
    w->random = seed ? strtoull(seed, NULL, 0) : 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t reads = 0;
        fill(w);
        ask(w);
        for (unsigned i = 0; i < REQUESTS; i++) {
            reads += w->verdicts[i].reads;
            good += w->verdicts[i].status == TB_OK;
        }
        CU_ASSERT_EQUAL(run(w, "iotlb: {entries: 0}", 1), reads); /* every walk, exactly */
        if (w->coded)
            continue;
        CU_ASSERT(run(w, "iotlb: {entries: 16, ways: 4}", 8) <= reads);
        CU_ASSERT(
            run(w,
                "iotlb: {entries: 8, replacement: random}, pdc: {entries: 8, hit: 1ns}, walkers: 2",
                32) <= reads);
        CU_ASSERT(run(w, "devtab: {entries: 1}, pending: 2, walkers: 1, pdc: {entries: 64}", 16) <=
                  reads);
    }
    CU_ASSERT(good > ROUNDS * 5); /* the tables are not so random that nothing is found in them */
    printf("%u of %u translated ", good, ROUNDS * REQUESTS);
    free(w);
}

/* A14: reads per walk: four levels cost four; with every directory cached, one. */
static void test_reads(void)
{
    struct world *w = calloc(1, sizeof *w);
    w->levels = 4;
    w->dte = FIRST | 4 << 9 | 3 | READABLE | WRITABLE;
    for (unsigned level = 4; level > 1; level--)
        w->table[4 - level][0] =
            (FIRST + (5 - level) * 4096) | (level - 1) << 9 | 1 | READABLE | WRITABLE;
    for (unsigned i = 0; i < REQUESTS; i++) {
        w->table[3][i] = (uint64_t)1 << 51 | i << 12 | 1 | READABLE | WRITABLE;
        w->requests[i] = (struct request){(uint64_t)i << 12, false};
        w->verdicts[i] = judge(w, &w->requests[i]);
    }
    CU_ASSERT_EQUAL(run(w, "iotlb: {entries: 64}", 1), 4 * REQUESTS);
    CU_ASSERT_EQUAL(run(w, "iotlb: {entries: 64}, pdc: {entries: 4}", 1), 4 + REQUESTS - 1);
    free(w);
}

SUITE("walk", {"random tables", test_walks}, {"A14: reads per walk", test_reads})
