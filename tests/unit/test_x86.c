/* The format of guests' page tables, entry by entry. */
#include "suite.h"

#include "iommu/format.h"
#include "spec/x86.h"

#include <stdio.h>

#define P  X86_PTE_P
#define W  X86_PTE_W
#define U  X86_PTE_U
#define PS X86_PTE_PS
#define G  X86_PTE_G
#define NX X86_PTE_NX

enum { R = TB_PERM_READ, RW = R | TB_PERM_WRITE, X = TB_PERM_EXEC, US = TB_PERM_USER };

static void test_canonical(void)
{
    static const struct {
        uint64_t iova;
        uint8_t levels;
        bool good;
    } rows[] = {
        {0, 4, true},
        {0x00007fffffffffff, 4, true},
        {0x0000800000000000, 4, false},
        {0xffff800000000000, 4, true},
        {0xffff7fffffffffff, 4, false},
        {0x7fffffffffffffff, 4, false},
        {0x00ffffffffffffff, 5, true},
        {0x0100000000000000, 5, false},
        {0xff00000000000000, 5, true},
        {0xfeffffffffffffff, 5, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_context context = {.guest_levels = rows[i].levels};
        struct tb_cursor c;
        CU_ASSERT_EQUAL(tb_format_x86.begin(&context, rows[i].iova, &c) == TB_STEP_READ,
                        rows[i].good);
        CU_ASSERT_EQUAL(c.level, rows[i].levels);
    }
}

static void test_where(void)
{
    static const uint64_t iova = 0x01fe008040201123;
    for (unsigned level = 1; level <= 5; level++) {
        struct tb_cursor c = {.iova = iova, .table = 0x80000, .level = (uint8_t)level};
        CU_ASSERT_EQUAL(tb_format_x86.where(&c), 0x80000 + (iova >> (3 + 9 * level) & 0x1ff) * 8);
        CU_ASSERT_EQUAL(tb_format_x86.span(level), 12 + 9 * level);
    }
}

static const struct {
    unsigned level;
    uint64_t entry;
    enum tb_step step;
    uint64_t address; /* of the next table, or of the page; or why not */
    uint8_t perm, shift;
} rows[] = {
    {4, 0x5000 | P | W | U, TB_STEP_READ, 0x5000, RW | X | US, 0},
    {4, 0x5000 | P | U, TB_STEP_READ, 0x5000, R | X | US, 0},
    {4, 0x5000 | P | W, TB_STEP_READ, 0x5000, RW | X, 0},
    {4, 0x5000 | P | W | U | NX, TB_STEP_READ, 0x5000, RW | US, 0},
    {5, 0x7ff0000000005000 | P, TB_STEP_READ, 0x5000, R | X, 0}, /* ignored bits */
    {4, 0x5000 | W | U, TB_STEP_REFUSED, TB_REFUSE_ABSENT, 0, 0},
    {4, 0x5000 | P | PS, TB_STEP_REFUSED, TB_REFUSE_RESERVED, 0, 0},
    {5, 0x5000 | P | PS, TB_STEP_REFUSED, TB_REFUSE_RESERVED, 0, 0},
    {1, 0x5000 | P | W | U | G, TB_STEP_PAGE, 0x5000, RW | X | US | TB_PERM_GLOBAL, 12},
    {1, 0x5000 | P | PS, TB_STEP_PAGE, 0x5000, R | X, 12}, /* there it is the attribute bit */
    {2, 0x40200000 | P | W | PS, TB_STEP_PAGE, 0x40200000, RW | X, 21},
    {2, 0x40201000 | P | W | PS, TB_STEP_PAGE, 0x40200000, RW | X, 21}, /* attribute bit */
    {2, 0x40202000 | P | W | PS, TB_STEP_REFUSED, TB_REFUSE_RESERVED, 0, 0},
    {3, 0x40000000 | P | PS, TB_STEP_PAGE, 0x40000000, R | X, 30},
    {3, 0x60000000 | P | PS, TB_STEP_REFUSED, TB_REFUSE_RESERVED, 0, 0},
    {2, 0x6000 | P, TB_STEP_READ, 0x6000, R | X, 0},
};

static void test_steps(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_cursor c = {
            .iova = 0x123456789000, .level = (uint8_t)rows[i].level, .perm = TB_PERM_ACCESS};
        enum tb_step step = tb_format_x86.step(&c, rows[i].entry);
        CU_ASSERT_EQUAL(step, rows[i].step);
        if (step == TB_STEP_READ) {
            CU_ASSERT_EQUAL(c.table, rows[i].address);
            CU_ASSERT_EQUAL(c.perm, rows[i].perm);
            CU_ASSERT_EQUAL(c.level, rows[i].level - 1);
        } else if (step == TB_STEP_PAGE) {
            CU_ASSERT_EQUAL(c.page.pa, rows[i].address);
            CU_ASSERT_EQUAL(c.page.perm, rows[i].perm);
            CU_ASSERT_EQUAL(c.page.shift, rows[i].shift);
            CU_ASSERT_EQUAL(c.page.iova, c.iova >> rows[i].shift << rows[i].shift);
        } else {
            CU_ASSERT_EQUAL(c.refusal, rows[i].address);
        }
    }
}

SUITE("x86", {"canonical addresses", test_canonical}, {"where entries lie", test_where},
      {"entries", test_steps})
