/* The AMD format, entry by entry, and the registers' reset values. */
#include "suite.h"

#include "iommu/internal.h"

#include "tollbridge/sim.h"

#include <stdio.h>
#include <string.h>

static struct tb_context context_of(uint64_t q0, uint64_t q1)
{
    uint8_t bytes[32] = {0};
    struct tb_context c;
    tb_store64(bytes, q0);
    tb_store64(bytes + 8, q1);
    tb_format_amdvi.context(bytes, &c);
    return c;
}

static void test_context(void)
{
    struct tb_context c = context_of(0x6000000000800603, 0x8100000042);
    CU_ASSERT_EQUAL(c.kind, TB_CONTEXT_TABLE);
    CU_ASSERT_EQUAL(c.root, 0x800000);
    CU_ASSERT_EQUAL(c.levels, 3);
    CU_ASSERT_EQUAL(c.domain, 0x42);
    CU_ASSERT_EQUAL(c.perm, TB_PERM_READ | TB_PERM_WRITE);
    CU_ASSERT(c.ats);
    CU_ASSERT(c.excluded);
    CU_ASSERT_EQUAL(context_of(0x2000000000000003, 1).kind, TB_CONTEXT_IDENTITY);
    CU_ASSERT_EQUAL(context_of(0x2000000000000003, 1).perm, TB_PERM_READ);
}

/* V, reserved bits, TV and mode are looked at in this order. */
static void test_context_refused(void)
{
    CU_ASSERT_EQUAL(context_of(0x600000000080060a, 1).kind, TB_CONTEXT_PASS);
    CU_ASSERT_EQUAL(context_of(0x6000000000800609, 1).refusal, TB_REFUSE_ENTRY_RESERVED);
    CU_ASSERT_EQUAL(context_of(0xe000000000800603, 1).refusal, TB_REFUSE_ENTRY_RESERVED);
    CU_ASSERT_EQUAL(context_of(0x6000000000800603, (uint64_t)1 << 42).refusal,
                    TB_REFUSE_ENTRY_RESERVED);
    CU_ASSERT_EQUAL(context_of(0x6000000000800e01, 1).refusal, TB_REFUSE_NO_TRANSLATION);
    CU_ASSERT_EQUAL(context_of(0x6000000000800e03, 1).refusal, TB_REFUSE_ENTRY_LEVEL);
}

static struct tb_cursor at(uint64_t iova, unsigned level)
{
    return (struct tb_cursor){.iova = iova, .table = 0x800000, .level = (uint8_t)level, .perm = 3};
}

static void test_where(void)
{
    static const uint64_t iova = 0xfe01008040201000;
    for (unsigned level = 1; level <= 6; level++) {
        struct tb_cursor c = at(iova, level);
        CU_ASSERT_EQUAL(tb_format_amdvi.where(&c),
                        0x800000 + (iova >> (3 + 9 * level) & 0x1ff) * 8);
    }
}

static void test_beyond(void)
{
    for (unsigned level = 1; level <= 6; level++) {
        struct tb_context context = {.root = 0x1000, .levels = (uint8_t)level};
        struct tb_cursor c;
        uint64_t top = level == 6 ? UINT64_MAX : ((uint64_t)1 << (12 + 9 * level)) - 1;
        CU_ASSERT_EQUAL(tb_format_amdvi.begin(&context, top, &c), TB_STEP_READ);
        if (level < 6) {
            CU_ASSERT_EQUAL(tb_format_amdvi.begin(&context, top + 1, &c), TB_STEP_REFUSED);
            CU_ASSERT_EQUAL(c.refusal, TB_REFUSE_TOO_HIGH);
        }
    }
}

/* Entry at a level for an address: what it must lead to. */
static const struct {
    unsigned level;
    uint64_t iova, entry;
    enum tb_step step;
    uint64_t result; /* READ: level and table; PAGE: address the iova has; REFUSED: why */
} entries[] = {
    {1, 0x7123, 0x6000000010000001, TB_STEP_PAGE, 0x10000123},
    {2, 0x203123, 0x6000000040200001, TB_STEP_PAGE, 0x40203123},
    {2, 0x203123, 0x60000000402ff001, TB_STEP_PAGE,
     0x40203123}, /* address bits inside the page: ignored */
    {3, 0x4012345678 & 0x3fffffff, 0x6000000040000001, TB_STEP_PAGE, 0x52345678},
    {1, 0x1f008, 0x6000000040007e01, TB_STEP_PAGE, 0x4000f008},       /* 64 KiB */
    {1, 0x7018, 0x6000000040000e01, TB_STEP_PAGE, 0x40001018},        /* 8 KiB */
    {1, 0x7018, 0x60000000400ffe01, TB_STEP_REFUSED, TB_REFUSE_SIZE}, /* 2 MiB at level 1 */
    {2, 0x7018, 0x6000000040000e01, TB_STEP_REFUSED, TB_REFUSE_SIZE}, /* 8 KiB at level 2 */
    {2, 0x7018, 0x600ffffffffffe01, TB_STEP_REFUSED, TB_REFUSE_SIZE}, /* no zero at all */
    {3, 0x7018, 0x6000000000801401, TB_STEP_READ, 0x801002},
    {4, 0x7018, 0x6000000000801201, TB_STEP_READ, 0x801001},
    {4, 0x207018, 0x6000000000801201, TB_STEP_REFUSED, TB_REFUSE_SKIPPED},
    {4, 0x40007018, 0x6000000000801201, TB_STEP_REFUSED, TB_REFUSE_SKIPPED},
    {4, 0x40007018, 0x6000000000801601, TB_STEP_READ, 0x801003},
    {3, 0x7018, 0x6000000000801601, TB_STEP_REFUSED, TB_REFUSE_LEVEL},
    {3, 0x7018, 0x6000000000801a01, TB_STEP_REFUSED, TB_REFUSE_LEVEL},
    {3, 0x7018, 0x6000000000801400, TB_STEP_REFUSED, TB_REFUSE_ABSENT},
    {1, 0x7018, 0x6010000010000001, TB_STEP_REFUSED, TB_REFUSE_RESERVED},
    {1, 0x7018, 0x7800000010000001, TB_STEP_PAGE,
     0x10000018}, /* U and FC are no reserved bits of a page ... */
    {3, 0x7018, 0x7000000000801401, TB_STEP_REFUSED, TB_REFUSE_RESERVED}, /* ... but of a table */
    {6, 0x0200000000007018, 0x6000000000000001, TB_STEP_PAGE, 0x7018},
};

static void test_step(void)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct tb_cursor c = at(entries[i].iova, entries[i].level);
        enum tb_step step = tb_format_amdvi.step(&c, entries[i].entry);
        uint64_t got = step == TB_STEP_READ   ? c.table | c.level
                       : step == TB_STEP_PAGE ? c.page.pa | (entries[i].iova - c.page.iova)
                                              : c.refusal;
        CU_ASSERT_EQUAL(step, entries[i].step);
        CU_ASSERT_EQUAL(got, entries[i].result);
        if (step != entries[i].step || got != entries[i].result)
            printf("\n    entry %zu: step %d, result 0x%llx", i, step, (unsigned long long)got);
    }
}

static void test_permissions(void)
{
    struct tb_cursor c = at(0x7000, 2);
    CU_ASSERT_EQUAL(tb_format_amdvi.step(&c, 0x2000000000801201), TB_STEP_READ);
    CU_ASSERT_EQUAL(c.perm, TB_PERM_READ);
    CU_ASSERT_EQUAL(tb_format_amdvi.step(&c, 0x6000000010000001), TB_STEP_PAGE);
    CU_ASSERT_EQUAL(c.page.perm, TB_PERM_READ);
}

/* -- Registers, in a simulator ------------------------------------------------------------------
 */

static const char platform[] = "platform: registers\n"
                               "models:\n"
                               "  dram: {model: memory, base: 0, size: 1GiB}\n"
                               "  root: {model: bridge, iommu: {mmio: 0xfed80000}}\n"
                               "  cpu: {model: requester, id: \"00:00.0\"}\n"
                               "  dev: {model: requester, id: \"00:02.0\"}\n"
                               "  sys: {model: bus, protocol: system}\n"
                               "links:\n"
                               "  - {from: dev, to: root.down}\n"
                               "  - {from: root.up, to: sys}\n"
                               "  - {from: sys, to: dram}\n"
                               "  - {from: cpu, to: sys}\n";

static struct tb_sim *simulator(void)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_input input = {.text = platform, .length = strlen(platform), .name = "registers"};
    struct tb_sim *s = tb_sim_new(&input, diag);
    tb_diag_print(diag, stdout);
    tb_diag_free(diag);
    return s;
}

static void access_register(struct tb_sim *s, uint64_t offset, uint8_t *bytes, bool write)
{
    struct tb_model *root = tb_sim_model(s, "root");
    struct tb_debug d = {
        .address = 0xfed80000 + offset, .data = bytes, .length = 8, .write = write};
    CU_ASSERT(root->class->debug(root, TB_UP_PORT, &d));
}

static uint64_t peek(struct tb_sim *s, uint64_t offset)
{
    uint8_t bytes[8] = {0xee};
    access_register(s, offset, bytes, false);
    return tb_load64(bytes);
}

static void poke(struct tb_sim *s, uint64_t offset, uint64_t value)
{
    uint8_t bytes[8];
    tb_store64(bytes, value);
    access_register(s, offset, bytes, true);
}

/* Offset, reset value (as recorded from three releases of QEMU), and what is left of writing all
 * ones (3.4: reserved bits read 0; writing ones to status clears it; EFR is read-only). */
static const struct {
    uint64_t offset, reset, ones;
} registers[] = {
    {AMDVI_DEVTAB, 0, 0x000ffffffffff1ff},
    {AMDVI_CMDBUF, 0, 0x0f0ffffffffff000},
    {AMDVI_EVTLOG, 0, 0x0f0ffffffffff000},
    {AMDVI_EXCL_BASE, 0, 0x000ffffffffff003},
    {AMDVI_EXCL_LIMIT, 0, 0x000ffffffffff000},
    {AMDVI_EFR, 0x102330000985b, 0x102330000985b},
    {AMDVI_PPR_BASE, 0, 0x0f0ffffffffff000},
    {AMDVI_CMD_HEAD, 0, 0x7fff0},
    {AMDVI_CMD_TAIL, 0, 0x7fff0},
    {AMDVI_EVT_HEAD, 0, 0x7fff0},
    {AMDVI_EVT_TAIL, 0, 0x7fff0},
    {AMDVI_STATUS, 0, 0},
    {AMDVI_PPR_HEAD, 0, 0x7fff0},
    {AMDVI_PPR_TAIL, 0, 0x7fff0},
    {AMDVI_CONTROL, 0, 0},
    {0x3ff8, 0, 0},
};

static void test_reset(void)
{
    struct tb_sim *s = simulator();
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++)
        CU_ASSERT_EQUAL(peek(s, registers[i].offset), registers[i].reset);
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++)
        if (registers[i].offset != AMDVI_CONTROL) {
            poke(s, registers[i].offset, UINT64_MAX);
            CU_ASSERT_EQUAL(peek(s, registers[i].offset), registers[i].ones);
        }
    tb_sim_free(s);
}

static void test_run_bits(void)
{
    struct tb_sim *s = simulator();
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    poke(s, AMDVI_CONTROL, AMDVI_CONTROL_EVENT_LOG | AMDVI_CONTROL_CMDBUF);
    CU_ASSERT_EQUAL(peek(s, AMDVI_STATUS), 0);
    poke(s, AMDVI_CONTROL, AMDVI_CONTROL_ENABLE | AMDVI_CONTROL_EVENT_LOG | AMDVI_CONTROL_CMDBUF);
    CU_ASSERT_EQUAL(peek(s, AMDVI_STATUS), AMDVI_STATUS_EVENT_RUN | AMDVI_STATUS_CMDBUF_RUN);
    poke(s, AMDVI_CONTROL, AMDVI_CONTROL_ENABLE | AMDVI_CONTROL_EVENT_LOG);
    CU_ASSERT_EQUAL(peek(s, AMDVI_STATUS), AMDVI_STATUS_EVENT_RUN);
    poke(s, AMDVI_CMD_TAIL, 0x40);
    poke(s, AMDVI_CMDBUF, 0x0800000000300000); /* the base of a ring starts its pointers over */
    CU_ASSERT_EQUAL(peek(s, AMDVI_CMD_TAIL), 0);
    tb_sim_free(s);
}

SUITE("amdvi", {"device table entry", test_context},
      {"device table entry: refused", test_context_refused}, {"entry's place", test_where},
      {"address beyond the table", test_beyond}, {"step", test_step},
      {"permissions", test_permissions}, {"reset values and writable bits", test_reset},
      {"run bits", test_run_bits})
