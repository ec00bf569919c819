/* Whatever a guest leaves in an IOMMU's tables, rings and registers: every request is answered
 * once, credits come back, and the run ends.
 *
 * TB_SEED=n starts elsewhere.
 */
#include "../seen.h"
#include "../suite.h"

#include <inttypes.h>

enum { ROUNDS = 150, REGION = 0x20000 };

#define MMIO   0xfed80000
#define RIGHTS 0x6000000000000000

static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static uint64_t draw(uint64_t *state, uint64_t n)
{
    return next(state) % n;
}

static uint64_t seed(void)
{
    const char *text = getenv("TB_SEED");
    return text ? strtoull(text, NULL, 0) : 1;
}

/* A quadword that hardware might take for something: addresses in the region or anywhere, few
 * reserved bits. */
static uint64_t plausible(uint64_t *r)
{
    uint64_t address = draw(r, 8) ? draw(r, REGION / 4096) * 4096 : next(r) & 0x000ffffffffff000;
    uint64_t value = address | draw(r, 8) << 9 | (draw(r, 4) ? 3 : draw(r, 8)) |
                     (draw(r, 4) ? RIGHTS : next(r) & RIGHTS);
    switch (draw(r, 8)) {
    case 0:
        return next(r);
    case 1: /* a command */
        return draw(r, 10) << 60 | (draw(r, 2) ? 0x10 : address | draw(r, 8));
    case 2:
        return draw(r, 4) ? 0 : draw(r, 64);
    default:
        return value;
    }
}

/* A command that is legal, for the two requesters or for everything. */
static void good_command(uint64_t *r, uint64_t *q)
{
    const uint64_t some[][2] = {
        {(uint64_t)1 << 60 | draw(r, REGION / 8) * 8 | draw(r, 8), next(r)},
        {(uint64_t)2 << 60 | 0x10, 0},
        {(uint64_t)3 << 60 | draw(r, 4) << 32, draw(r, 64) << 12 | draw(r, 4)},
        {(uint64_t)6 << 60 | draw(r, 8) << 24 | 0x10, draw(r, 64) << 12},
        {(uint64_t)8 << 60, 0},
    };
    size_t i = draw(r, sizeof some / sizeof some[0]);
    q[0] = some[i][0];
    q[1] = some[i][1];
}

static void fill(struct tb_sim *s, uint64_t *r)
{
    static uint64_t words[REGION / 8];
    for (size_t i = 0; i < REGION / 8; i++)
        words[i] = plausible(r);
    for (size_t i = 0x4000 / 8; i < 0x5000 / 8; i += 2)
        if (draw(r, 12))
            good_command(r, &words[i]);
    CU_ASSERT(tb_sim_poke(s, 0, words, sizeof words));
}

static void write_register(struct tb_sim *s, uint64_t offset, uint64_t value)
{
    struct tb_model *root = tb_sim_model(s, "root");
    struct tb_debug d = {
        .address = MMIO + offset, .data = (uint8_t *)&value, .length = 8, .write = true};
    CU_ASSERT(root->class->debug(root, 1, &d));
}

/* Some register gets a value that is meant, or any. */
static void disturb(struct tb_sim *s, uint64_t *r)
{
    static const struct {
        uint16_t offset;
        uint64_t mask, value;
    } some[] = {
        {0x00, 0x1f1ff, 0},
        {0x08, 0x1f000, 0x0800000000000000},
        {0x10, 0x1f000, 0x0800000000000000},
        {0x18, 0x1c, 0x1001},
        {0x18, 0x101d, 0},
        {0x20, 0x1f003, 0},
        {0x28, 0x1f000, 0},
        {0x2000, 0xff0, 0},
        {0x2008, 0xff0, 0},
        {0x2008, 0xff0, 0},
        {0x2010, 0xff0, 0},
        {0x2018, 0xff0, 0},
        {0x2020, 0xff, 0},
    };
    size_t i = draw(r, sizeof some / sizeof some[0]);
    uint64_t value = draw(r, 20) ? (next(r) & some[i].mask) | some[i].value : next(r);
    write_register(s, some[i].offset, value);
}

static void write_garbage_platform(char *text, size_t size, uint64_t *r)
{
    snprintf(text, size,
             "scenario: garbage\nplatform:\n  models:\n"
             "    dram: {model: memory, base: 0, size: 128KiB}\n"
             "    root: {model: bridge, latency: %uns, iommu: {iotlb: {entries: %u}, walkers: %u, "
             "events: %u, irq: 3,\n"
             "           pdc: {entries: %u}, devtab: {entries: %u, fetches: %u%s}%s,\n"
             "           reset: {devtab: 0, cmdbuf: 0x0800000000004000, evtlog: "
             "0x0800000000006000, control: 0x101d}}}\n"
             "    low: {model: bus}\n"
             "    one: {model: requester, id: \"00:02.0\", outstanding: 16, pattern: random, op: "
             "mixed, window: %uKiB,"
             " count: 300}\n"
             "    two: {model: requester, id: \"00:%02x.0\", outstanding: 8, pattern: random, op: "
             "mixed, window: 64KiB,"
             " count: 300, posted: true, relaxed: %s}\n"
             "  links:\n"
             "    - {from: one, to: low, credits: 3}\n"
             "    - {from: two, to: low, credits: 2}\n"
             "    - {from: low, to: root.down, credits: %u}\n"
             "    - {from: root.up, to: dram, credits: %u}\n",
             (unsigned)draw(r, 60), (unsigned)draw(r, 20), 1 + (unsigned)draw(r, 6),
             1 + (unsigned)draw(r, 4), (unsigned)draw(r, 5), 1 + (unsigned)draw(r, 3),
             1 + (unsigned)draw(r, 3), draw(r, 2) ? ", preload: [\"00:02.0\"]" : "",
             draw(r, 2) ? ", pending: 3" : "", 64 << draw(r, 8), 3 + (unsigned)draw(r, 29),
             draw(r, 2) ? "true" : "false", 1 + (unsigned)draw(r, 6), 1 + (unsigned)draw(r, 6));
}

static void add_counters(struct tb_sim *s, uint64_t *sums)
{
    static const char *const names[] = {"hits",     "faults",           "events",
                                        "commands", "illegal_commands", "poisoned"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t value = 0;
        CU_ASSERT(tb_sim_counter(s, "root", names[i], &value));
        sums[i] += value;
    }
}

static void garbage(uint64_t *r, uint64_t *sums)
{
    char text[4096];
    struct seen s;
    unsigned ended = 0;
    write_garbage_platform(text, sizeof text, r);
    seen_load(&s, text);
    tb_diag_print(s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    fill(s.sim, r);
    for (tb_time t = 0; t < 40 * TB_US; t += 1 + draw(r, 2 * TB_US)) {
        tb_sim_run(s.sim, t);
        disturb(s.sim, r);
    }
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT(tb_sim_idle(s.sim));
    tb_sim_finish(s.sim); /* asserts that the credits are back */
    for (size_t i = 0; i < s.count; i++) {
        CU_ASSERT_NOT_EQUAL(s.at[i].status, TB_UNFINISHED);
        ended += s.at[i].txn.kind == TB_TXN_DMA;
    }
    CU_ASSERT_EQUAL(ended, 600);
    add_counters(s.sim, sums);
    seen_free(&s);
}

static void test_garbage(void)
{
    uint64_t r = seed(), sums[6] = {0};
    for (unsigned round = 0; round < ROUNDS; round++)
        garbage(&r, sums);
    for (unsigned i = 0; i < 6; i++) {
        printf("%" PRIu64 " ", sums[i]);
        CU_ASSERT(sums[i] > ROUNDS / 10); /* it is not so bad that nothing happens */
    }
}

/* -- Flat tables ---------------------------------------------------------------------------------
 */

#define CONF UINT64_C(0xc3000) /* 00:18.3 */

/* Any word; more often one that says that something is valid. */
static uint32_t flat_entry(uint64_t *r)
{
    return draw(r, 3) ? (uint32_t)(draw(r, 64) << 12) | 7 : (uint32_t)next(r);
}

static void disturb_flat(struct tb_sim *s, uint64_t *r, bool gart)
{
    static const uint16_t of_gart[] = {0x90, 0x94, 0x98, 0x9c, 0x9c, 0x9c, 0x9f, 0x400};
    static const uint16_t of_sun4m[] = {0, 4, 0x14, 0x18, 0x18, 0x1000, 0x1004, 0x3ffd};
    uint32_t value = (uint32_t)next(r) >> draw(r, 32);
    unsigned offset = gart ? of_gart[draw(r, 8)] : of_sun4m[draw(r, 8)];
    if (offset == 0 || offset == 0x90) /* mostly on */
        value = draw(r, 8) ? 1 : value;
    if (offset == 4 || offset == 0x98) /* mostly in memory */
        value = draw(r, 8) ? (uint32_t)draw(r, 64) << (gart ? 4 : 10) : value;
    if (offset == 0x94)
        value = draw(r, 8) ? 4 : value;
    struct tb_model *x = tb_sim_model(s, "x");
    struct tb_debug d = {.address = (gart ? CONF : MMIO) + offset,
                         .data = (uint8_t *)&value,
                         .length = 1 + (uint32_t)draw(r, offset % 4 ? 1 : 4),
                         .space = gart ? TB_CONFIG : TB_MEMORY,
                         .write = draw(r, 4)};
    CU_ASSERT(x->class->debug(x, gart ? 2 : 1, &d));
    uint32_t word = flat_entry(r);
    CU_ASSERT(tb_sim_poke(s, draw(r, 0x4000) * 4, &word, 4));
}

static void write_flat_platform(char *text, size_t size, uint64_t *r, bool gart)
{
    snprintf(text, size,
             "scenario: garbage\nplatform:\n  models:\n"
             "    dram: {model: memory, base: 0, size: 128KiB}\n"
             "    x: {model: %s, walkers: %u%s, iotlb: {entries: %u}}%s\n"
             "    low: {model: bus}\n"
             "    one: {model: requester, id: \"00:02.0\", outstanding: 16, pattern: random, op: "
             "mixed, base: 0x%x, window: 64KiB, count: 300}\n"
             "    two: {model: requester, id: \"00:03.0\", outstanding: 8, pattern: random, op: "
             "mixed, window: 64KiB, count: 300, posted: true, relaxed: %s}\n"
             "    cpu: {model: requester, id: \"00:04.0\", outstanding: 4, pattern: random, op: "
             "mixed, base: "
             "0x%llx, window: 16KiB, length: 4B, count: 100}\n"
             "    sys: {model: bus}\n"
             "  links: [{from: one, to: low, credits: 3}, {from: two, to: low, credits: 2}, {from: "
             "low, to: x.%s, credits: %u}, {from: x.%s, to: sys, credits: %u}, {from: sys, to: "
             "dram}, {from: cpu, to: %s, credits: %u}]\n",
             gart ? "gart, aperture: {base: 0x8000000, size: 32MiB, enabled: true}"
                  : "bridge, iommu: {format: sun4m, irq: 3, mmio: 0xfed80000, reset: {control: 1}",
             1 + (unsigned)draw(r, 3), draw(r, 2) ? ", pending: 3" : "", (unsigned)draw(r, 9),
             gart ? "" : "}", gart ? 0x7ffc000u : 0xfeffc000u, draw(r, 2) ? "true" : "false",
             gart ? 0x8000000ull : 0xfed80000ull, gart ? "io" : "down", 1 + (unsigned)draw(r, 6),
             gart ? "mem" : "up", 1 + (unsigned)draw(r, 6), gart ? "x.cpu" : "sys",
             1 + (unsigned)draw(r, 4));
}

static void garbage_flat(uint64_t *r, uint64_t *sums)
{
    static const char *const names[] = {"hits", "faults", "invalidations", "poisoned"};
    bool gart = draw(r, 2);
    char text[4096];
    struct seen s;
    write_flat_platform(text, sizeof text, r, gart);
    seen_load(&s, text);
    tb_diag_print(s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    for (uint64_t at = 0; at < REGION; at += 4) {
        uint32_t word = flat_entry(r);
        CU_ASSERT(tb_sim_poke(s.sim, at, &word, 4));
    }
    for (tb_time t = 0; t < 40 * TB_US; t += 1 + draw(r, 2 * TB_US)) {
        tb_sim_run(s.sim, t);
        disturb_flat(s.sim, r, gart);
    }
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT(tb_sim_idle(s.sim));
    tb_sim_finish(s.sim); /* asserts that the credits are back */
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(s.sim)), 0);
    unsigned ended = 0;
    for (size_t i = 0; i < s.count; i++) {
        CU_ASSERT_NOT_EQUAL(s.at[i].status, TB_UNFINISHED);
        ended += s.at[i].txn.kind == TB_TXN_DMA;
    }
    CU_ASSERT_EQUAL(ended, 700);
    for (unsigned i = 0; i < 4; i++)
        sums[i] += seen_counter(&s, "x", names[i]);
    seen_free(&s);
}

static void test_garbage_flat(void)
{
    uint64_t r = seed(), sums[4] = {0};
    for (unsigned round = 0; round < ROUNDS; round++)
        garbage_flat(&r, sums);
    for (unsigned i = 0; i < 4; i++) {
        printf("%" PRIu64 " ", sums[i]);
        CU_ASSERT(sums[i] > ROUNDS / 10);
    }
}

SUITE("IOMMU garbage", {"whatever a guest leaves there", test_garbage},
      {"the same in flat tables and their registers", test_garbage_flat})
