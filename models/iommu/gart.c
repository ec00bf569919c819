/* The format of AMD64 northbridges' GART: one table of 32-bit entries for an aperture; see
 * spec/gart.h. Model `gart` hosts it, for a CPU's accesses have to come by too.
 *
 * What is outside of the aperture is not translated, nor what its control register excepts: CPUs'
 * accesses or devices'. There are no permissions. What finds an entry that is not valid is refused,
 * and noted in one bit.
 */
#include "spec/gart.h"

#include "internal.h"

enum { TABLE, BASE, CACHE, CONTROL = TB_REG_CONTROL }; /* of iommu.reg */

/* -- Entries ----------------------------------------------------------------------------------- */

static enum tb_step step(struct tb_cursor *c, uint64_t entry)
{
    if (!(entry & GART_PTE_VALID)) {
        c->refusal = TB_REFUSE_ABSENT;
        return TB_STEP_REFUSED;
    }
    c->page = (struct tb_page){.iova = c->iova & ~(uint64_t)0xfff,
                               .pa = gart_pte_address((uint32_t)entry),
                               .shift = 12,
                               .perm = c->perm};
    return TB_STEP_PAGE;
}

const struct tb_format tb_format_gart = {
    .name = "gart",
    .number = 3,
    .entry_bytes = 4,
    .begin = tb_flat_begin,
    .where = tb_flat_where,
    .step = step,
    .span = tb_flat_span,
};

/* -- Registers --------------------------------------------------------------------------------- */

static unsigned bits_of(const struct tb_iommu *u)
{
    return GART_SIZE_BITS + ((unsigned)(u->reg[CONTROL] & GART_SIZE) >> GART_SIZE_SHIFT);
}

static void use(struct tb_iommu *u)
{
    tb_flat_use(u, u->reg[TABLE] << GART_TABLE_SHIFT, u->reg[BASE] << GART_BASE_SHIFT, bits_of(u));
}

static bool concerns(const struct tb_iommu *u, const struct tb_request *r)
{
    uint64_t excepted = r->port == u->above ? GART_DISABLE_CPU : GART_DISABLE_IO;
    const struct tb_context *c = &u->flat.context;
    return !(u->reg[CONTROL] & excepted) && (r->msg.address - c->first) >> c->bits == 0;
}

static uint32_t read_word(const struct tb_iommu *u, uint64_t offset)
{
    switch (offset) {
    case GART_APERTURE_CONTROL:
        return (uint32_t)u->reg[CONTROL];
    case GART_APERTURE_BASE:
        return (uint32_t)u->reg[BASE];
    case GART_TABLE_BASE:
        return (uint32_t)u->reg[TABLE];
    case GART_CACHE_CONTROL:
        return (uint32_t)u->reg[CACHE] | (u->flat.draining ? GART_INVALIDATE : 0);
    default:
        return 0;
    }
}

static void write_word(struct tb_iommu *u, uint64_t offset, uint32_t value, uint32_t written,
                       tb_time when)
{
    uint32_t ones = value & written;
    switch (offset) {
    case GART_APERTURE_CONTROL:
        u->reg[CONTROL] = value & (GART_ENABLE | GART_SIZE | GART_DISABLE_CPU | GART_DISABLE_IO |
                                   GART_DISABLE_PROBES);
        break;
    case GART_APERTURE_BASE:
        u->reg[BASE] = value & GART_BASE_MASK;
        break;
    case GART_TABLE_BASE:
        u->reg[TABLE] = value & GART_TABLE_MASK;
        break;
    case GART_CACHE_CONTROL:
        if (ones & GART_PTE_ERROR)
            u->reg[CACHE] &= ~(uint64_t)GART_PTE_ERROR;
        if (ones & GART_INVALIDATE)
            tb_flat_flush(u, 0, UINT64_MAX, when);
        break;
    default:
        break;
    }
    use(u);
}

static void access(struct tb_iommu *u, uint64_t offset, uint8_t *data, uint32_t length, bool write,
                   tb_time when)
{
    static const struct tb_flat_words words = {read_word, write_word};
    tb_flat_access(u, &words, offset, data, length, write, when);
}

static void reset(struct tb_iommu *u)
{
    u->reg[CONTROL] = u->p->reset.control;
    u->reg[BASE] = u->p->reset.base;
    u->reg[TABLE] = u->p->reset.table;
    use(u);
}

static bool report(struct tb_iommu *u, uint32_t txn, tb_time when, enum tb_status *status)
{
    (void)when;
    *status = u->requests[txn].refusal == TB_REFUSE_TABLE_UNREADABLE ? TB_ABORT : TB_FAULT;
    u->reg[CACHE] |= GART_PTE_ERROR;
    return true;
}

static const struct tb_register_name names[] = {
    {"control", GART_APERTURE_CONTROL, 4},
    {"aperture", GART_APERTURE_BASE, 4},
    {"table", GART_TABLE_BASE, 4},
    {"cache", GART_CACHE_CONTROL, 4},
    {NULL, 0, 0},
};

const struct tb_front tb_front_gart = {
    .bytes = GART_CONFIG_SIZE,
    .space = TB_CONFIG,
    .flat = true,
    .names = names,
    .reset = reset,
    .access = access,
    .concerns = concerns,
    .report = report,
    .drained = tb_flat_drained,
};
