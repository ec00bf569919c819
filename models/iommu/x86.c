/* Page tables of guests and processes: x86-64, 4 or 5 levels (48882, 2.2.6; APM volume 2, 5.3).
 *
 * As a processor walks them with CR0.WP and EFER.NXE set: permissions are the AND of all levels.
 * The root is not the context's to know: it comes from the GCR3 table, and whoever walks puts it
 * there.
 */
#include "spec/x86.h"
#include "format.h"

static enum tb_step refuse(struct tb_cursor *c, enum tb_refusal refusal)
{
    c->refusal = refusal;
    return TB_STEP_REFUSED;
}

static unsigned span(unsigned level)
{
    return tb_x86_level_shift(level + 1);
}

/* What is above the topmost level's bits repeats the highest of them. */
static bool is_canonical(uint64_t iova, unsigned levels)
{
    uint64_t above = iova >> (span(levels) - 1);
    return above == 0 || above == ~(uint64_t)0 >> (span(levels) - 1);
}

static enum tb_step begin(const struct tb_context *context, uint64_t iova, struct tb_cursor *out)
{
    *out = (struct tb_cursor){.iova = iova, .level = context->guest_levels, .perm = TB_PERM_ACCESS};
    return is_canonical(iova, context->guest_levels) ? TB_STEP_READ
                                                     : refuse(out, TB_REFUSE_TOO_HIGH);
}

static uint64_t where(const struct tb_cursor *c)
{
    return c->table + (c->iova >> tb_x86_level_shift(c->level) & 0x1ff) * 8;
}

static uint8_t perm_of(uint64_t entry)
{
    return TB_PERM_READ | (entry & X86_PTE_W ? TB_PERM_WRITE : 0) |
           (entry & X86_PTE_U ? TB_PERM_USER : 0) | (entry & X86_PTE_NX ? 0 : TB_PERM_EXEC);
}

/* A big page has its attribute bit at 12, and zeros from there up to its size. */
static enum tb_step map_page(struct tb_cursor *c, uint64_t entry)
{
    unsigned shift = tb_x86_level_shift(c->level);
    uint64_t offset = ((uint64_t)1 << shift) - 1;
    if (c->level > 1 && entry & offset & X86_PTE_ADDRESS & ~((uint64_t)1 << 12))
        return refuse(c, TB_REFUSE_RESERVED);
    c->page = (struct tb_page){.iova = c->iova & ~offset,
                               .pa = entry & X86_PTE_ADDRESS & ~offset,
                               .shift = (uint8_t)shift,
                               .perm = c->perm | (entry & X86_PTE_G ? TB_PERM_GLOBAL : 0)};
    return TB_STEP_PAGE;
}

static enum tb_step step(struct tb_cursor *c, uint64_t entry)
{
    if (!(entry & X86_PTE_P))
        return refuse(c, TB_REFUSE_ABSENT);
    c->perm &= perm_of(entry);
    if (c->level > 3 && entry & X86_PTE_PS)
        return refuse(c, TB_REFUSE_RESERVED);
    if (c->level == 1 || entry & X86_PTE_PS)
        return map_page(c, entry);
    c->level--;
    c->table = entry & X86_PTE_ADDRESS;
    return TB_STEP_READ;
}

const struct tb_format tb_format_x86 = {
    .name = "x86",
    .begin = begin,
    .where = where,
    .step = step,
    .entry_bytes = 8,
    .span = span,
};
