/* The format of sun4m's IOMMU: one table of 32-bit entries for the top of the 32-bit space; see
 * spec/sun4m.h.
 *
 * Addresses below the range are refused while it is enabled. A refusal is noted in AFSR and AFAR,
 * the first one until software writes AFSR (bits written as 0 become 0), later ones as "more"; the
 * interrupt line is high for so long.
 */
#include "spec/sun4m.h"

#include "internal.h"

enum { BASE, AFSR, AFAR, CONTROL = TB_REG_CONTROL }; /* of iommu.reg */

/* -- Entries ----------------------------------------------------------------------------------- */

static enum tb_step step(struct tb_cursor *c, uint64_t entry)
{
    if (!(entry & SUN4M_PTE_VALID)) {
        c->refusal = TB_REFUSE_ABSENT;
        return TB_STEP_REFUSED;
    }
    c->perm = TB_PERM_READ | (entry & SUN4M_PTE_WRITE ? TB_PERM_WRITE : 0);
    c->page = (struct tb_page){.iova = c->iova & ~(uint64_t)0xfff,
                               .pa = (entry & SUN4M_PTE_PAGE) << SUN4M_PTE_PAGE_SHIFT,
                               .shift = 12,
                               .perm = c->perm};
    return TB_STEP_PAGE;
}

const struct tb_format tb_format_sun4m = {
    .name = "sun4m",
    .number = 2,
    .entry_bytes = 4,
    .big_endian = true,
    .begin = tb_flat_begin,
    .where = tb_flat_where,
    .step = step,
    .span = tb_flat_span,
};

/* -- Registers --------------------------------------------------------------------------------- */

static void use(struct tb_iommu *u)
{
    unsigned range = (unsigned)(u->reg[CONTROL] & SUN4M_CONTROL_RANGE) >> SUN4M_CONTROL_RANGE_SHIFT;
    tb_flat_use(u, u->reg[BASE] << SUN4M_BASE_SHIFT, sun4m_first(range), SUN4M_RANGE_BITS + range);
}

static uint32_t read_word(const struct tb_iommu *u, uint64_t offset)
{
    switch (offset) {
    case SUN4M_CONTROL:
        return (uint32_t)u->reg[CONTROL];
    case SUN4M_BASE:
        return (uint32_t)u->reg[BASE];
    case SUN4M_AFSR:
        return (uint32_t)u->reg[AFSR];
    case SUN4M_AFAR:
        return (uint32_t)u->reg[AFAR];
    default:
        return 0;
    }
}

static void write_word(struct tb_iommu *u, uint64_t offset, uint32_t value, uint32_t written,
                       tb_time when)
{
    uint32_t settable = SUN4M_CONTROL_ENABLE | SUN4M_CONTROL_RANGE;
    (void)written;
    switch (offset) {
    case SUN4M_CONTROL:
        u->reg[CONTROL] = (u->reg[CONTROL] & SUN4M_CONTROL_VERSION) | (value & settable);
        use(u);
        break;
    case SUN4M_BASE:
        u->reg[BASE] = value & SUN4M_BASE_ADDRESS;
        use(u);
        break;
    case SUN4M_FLUSH:
        tb_flat_flush(u, 0, UINT64_MAX, when);
        break;
    case SUN4M_PAGEFLUSH:
        tb_flat_flush(u, value & ~0xfffu, value | 0xfffu, when);
        break;
    case SUN4M_AFSR:
        u->reg[AFSR] = (u->reg[AFSR] & value) | SUN4M_AFSR_RESERVED;
        tb_interrupts_update(u, u->reg[AFSR] & SUN4M_AFSR_ERR, when);
        break;
    default:
        break;
    }
}

static void access(struct tb_iommu *u, uint64_t offset, uint8_t *data, uint32_t length, bool write,
                   tb_time when)
{
    static const struct tb_flat_words words = {read_word, write_word};
    tb_flat_access(u, &words, offset, data, length, write, when);
}

static void reset(struct tb_iommu *u)
{
    u->reg[CONTROL] =
        u->p->reset.control & (SUN4M_CONTROL_VERSION | SUN4M_CONTROL_RANGE | SUN4M_CONTROL_ENABLE);
    u->reg[BASE] = u->p->reset.base & SUN4M_BASE_ADDRESS;
    u->reg[AFSR] = SUN4M_AFSR_RESERVED;
    use(u);
}

/* -- Faults ------------------------------------------------------------------------------------ */

static uint32_t status_of(const struct tb_request *r, bool unreadable)
{
    uint32_t afsr = SUN4M_AFSR_ERR | SUN4M_AFSR_FAV | SUN4M_AFSR_RESERVED;
    afsr |= unreadable ? SUN4M_AFSR_BE : SUN4M_AFSR_LE;
    afsr |= tb_request_writes(r) ? 0 : SUN4M_AFSR_RD;
    return afsr | sun4m_size_code(r->msg.length) << SUN4M_AFSR_SIZE_SHIFT;
}

static bool report(struct tb_iommu *u, uint32_t txn, tb_time when, enum tb_status *status)
{
    const struct tb_request *r = &u->requests[txn];
    bool unreadable = r->refusal == TB_REFUSE_TABLE_UNREADABLE;
    *status = unreadable ? TB_ABORT : TB_FAULT;
    if (u->reg[AFSR] & SUN4M_AFSR_ERR) {
        u->reg[AFSR] |= SUN4M_AFSR_ME;
        return true;
    }
    u->reg[AFSR] = status_of(r, unreadable);
    u->reg[AFAR] = (uint32_t)r->msg.address & ~0xfffu;
    tb_interrupts_update(u, SUN4M_AFSR_ERR, when);
    return true;
}

static const struct tb_register_name names[] = {
    {"control", SUN4M_CONTROL, 4},
    {"base", SUN4M_BASE, 4},
    {"flush", SUN4M_FLUSH, 4},
    {"pageflush", SUN4M_PAGEFLUSH, 4},
    {"afsr", SUN4M_AFSR, 4},
    {"afar", SUN4M_AFAR, 4},
    {NULL, 0, 0},
};

const struct tb_front tb_front_sun4m = {
    .bytes = SUN4M_MMIO_SIZE,
    .space = TB_MEMORY,
    .flat = true,
    .holds = true,
    .names = names,
    .reset = reset,
    .access = access,
    .report = report,
    .drained = tb_flat_drained,
};
