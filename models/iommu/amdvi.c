/* The AMD format: device table entries (48882, 2.2.2) and I/O page tables (2.2.3). */
#include "spec/amdvi.h"
#include "format.h"

#include <string.h>

static uint64_t load64(const uint8_t *p)
{
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | p[i];
    return v;
}

static uint8_t perm_of(uint64_t entry)
{
    return (entry & AMDVI_PTE_IR ? TB_PERM_READ : 0) | (entry & AMDVI_PTE_IW ? TB_PERM_WRITE : 0);
}

static void refuse_all(struct tb_context *c, enum tb_refusal refusal)
{
    c->kind = TB_CONTEXT_REFUSE;
    c->refusal = refusal;
}

/* 2.2.2.1, 2.2.6: fields of three quadwords. */
static void guest_context(uint64_t q0, uint64_t q1, uint64_t q2, struct tb_context *out)
{
    unsigned glx = q0 >> AMDVI_DTE_GLX_SHIFT & 3, mode = q2 >> AMDVI_DTE_GUEST_MODE_SHIFT & 3;
    out->guest = q0 & AMDVI_DTE_GV;
    out->guest_default = out->guest && q0 & AMDVI_DTE_GIOV;
    out->guest_illegal = glx == 3 || mode > 1;
    out->guest_levels = (uint8_t)(4 + mode);
    out->gcr3_levels = (uint8_t)(glx + 1);
    out->gcr3 = (q0 >> AMDVI_DTE_GCR3_A_SHIFT & 7) << 12 |
                (q1 >> AMDVI_DTE_GCR3_B_SHIFT & 0xffff) << 15 | q1 >> AMDVI_DTE_GCR3_C_SHIFT << 31;
}

/* 2.2.2.1, in the order in which the fields are valid: V, reserved bits, TV, mode. */
static void context(const uint8_t *bytes, struct tb_context *out)
{
    uint64_t q0 = load64(bytes), q1 = load64(bytes + 8);
    *out = (struct tb_context){.kind = TB_CONTEXT_PASS};
    if (!(q0 & AMDVI_DTE_V))
        return;
    out->domain = (uint16_t)(q1 & AMDVI_DTE_DOMAIN);
    out->root = q0 & AMDVI_DTE_ROOT;
    out->levels = q0 >> AMDVI_DTE_MODE_SHIFT & 7;
    out->perm = perm_of(q0);
    out->ats = q1 & AMDVI_DTE_I;
    out->ppr = q0 & AMDVI_DTE_PPR;
    out->excluded = q1 & AMDVI_DTE_EX;
    out->silent = q1 & AMDVI_DTE_SA;
    out->silent_next = q1 & AMDVI_DTE_SE;
    guest_context(q0, q1, load64(bytes + 16), out);
    if (q0 & AMDVI_DTE_RESERVED0 || q1 & AMDVI_DTE_RESERVED1)
        refuse_all(out, TB_REFUSE_ENTRY_RESERVED);
    else if (!(q0 & AMDVI_DTE_TV))
        refuse_all(out, TB_REFUSE_NO_TRANSLATION);
    else if (out->levels > AMDVI_LEVELS)
        refuse_all(out, TB_REFUSE_ENTRY_LEVEL);
    else
        out->kind = out->levels ? TB_CONTEXT_TABLE : TB_CONTEXT_IDENTITY;
}

static enum tb_step refuse(struct tb_cursor *c, enum tb_refusal refusal)
{
    c->refusal = refusal;
    return TB_STEP_REFUSED;
}

static unsigned span(unsigned level)
{
    return level >= AMDVI_LEVELS ? 64 : tb_amdvi_level_shift(level + 1);
}

static enum tb_step begin(const struct tb_context *context, uint64_t iova, struct tb_cursor *out)
{
    *out = (struct tb_cursor){.iova = iova,
                              .table = context->root,
                              .level = context->levels,
                              .perm = TB_PERM_READ | TB_PERM_WRITE};
    unsigned bits = span(context->levels);
    if (bits < 64 && iova >> bits)
        return refuse(out, TB_REFUSE_TOO_HIGH);
    return TB_STEP_READ;
}

static uint64_t where(const struct tb_cursor *c)
{
    return c->table + (c->iova >> tb_amdvi_level_shift(c->level) & 0x1ff) * 8;
}

/* Next level 7: trailing ones from bit 12 code the size, the first zero is its topmost bit but one
 * (table 14). */
static unsigned coded_shift(uint64_t entry)
{
    unsigned shift = 12;
    while (shift < 52 && entry >> shift & 1)
        shift++;
    return shift + 1;
}

/* What an entry says of a page beside where it is and who may access it. */
static uint8_t attributes(uint64_t entry)
{
    return (entry & AMDVI_PTE_U ? TB_PERM_UNTRANSLATED : 0) |
           (entry & AMDVI_PTE_FC ? TB_PERM_COHERENT : 0);
}

static enum tb_step map_page(struct tb_cursor *c, uint64_t entry, unsigned next)
{
    unsigned natural = tb_amdvi_level_shift(c->level);
    unsigned shift = next == 7 ? coded_shift(entry) : natural;
    if (entry & AMDVI_PTE_RESERVED)
        return refuse(c, TB_REFUSE_RESERVED);
    if (next == 7 && (shift <= natural || shift >= span(c->level) || shift > 52))
        return refuse(c, TB_REFUSE_SIZE);
    uint64_t offset = ((uint64_t)1 << shift) - 1;
    c->page = (struct tb_page){.iova = c->iova & ~offset,
                               .pa = entry & AMDVI_PTE_ADDRESS & ~offset,
                               .shift = (uint8_t)shift,
                               .perm = c->perm | attributes(entry)};
    return TB_STEP_PAGE;
}

/* 2.2.3: a level may be skipped if the address bits it would have decoded are zero. */
static bool skipped_bits(const struct tb_cursor *c, unsigned next)
{
    unsigned low = span(next), high = tb_amdvi_level_shift(c->level);
    return low < high && (c->iova & AMDVI_MASK(high - 1, low));
}

static enum tb_step descend(struct tb_cursor *c, uint64_t entry, unsigned next)
{
    if (entry & AMDVI_PDE_RESERVED)
        return refuse(c, TB_REFUSE_RESERVED);
    if (next >= c->level)
        return refuse(c, TB_REFUSE_LEVEL);
    if (skipped_bits(c, next))
        return refuse(c, TB_REFUSE_SKIPPED);
    c->level = (uint8_t)next;
    c->table = entry & AMDVI_PTE_ADDRESS;
    return TB_STEP_READ;
}

static enum tb_step step(struct tb_cursor *c, uint64_t entry)
{
    unsigned next = entry >> AMDVI_PTE_NEXT_SHIFT & 7;
    if (!(entry & AMDVI_PTE_PR))
        return refuse(c, TB_REFUSE_ABSENT);
    c->perm &= perm_of(entry);
    return next == 0 || next == 7 ? map_page(c, entry, next) : descend(c, entry, next);
}

const struct tb_format tb_format_amdvi = {
    .name = "amdvi",
    .number = 1,
    .entry_bytes = 8,
    .context_bytes = AMDVI_DTE_SIZE,
    .context = context,
    .begin = begin,
    .where = where,
    .step = step,
    .span = span,
};
