/* Walks of guests' tables: the GCR3 table finds the root of a PASID, then the guest's table is
 * walked, alone or nested over the host's (2.2.6).
 *
 * Nested, every address that the guest's side names is itself translated by the host's table before
 * it is read: g levels over h cost g(h + 1) + h reads; those of the GCR3 table come on top. The
 * nested cache keeps the host's part of the work.
 */
#include "internal.h"

enum stage { READS_HOST, READS_GCR3, READS_GUEST }; /* what the read under way is of */
enum purpose { FOR_GCR3, FOR_TABLE, FOR_PAGE };     /* what a translated address is wanted for */
enum { GUEST_LEVEL = 10, GCR3_LEVEL = 20 };         /* added to the levels that the log tells */

static void fail_host(struct tb_iommu *u, uint32_t walk, enum tb_refusal refusal, tb_time when)
{
    u->walker.nests[walk].host_fault = true;
    tb_walk_finish(u, walk, refusal, NULL, when);
}

static void read(struct tb_iommu *u, uint32_t walk, enum stage stage, uint64_t address,
                 unsigned level, tb_time when)
{
    u->walker.nests[walk].stage = (uint8_t)stage;
    if (stage == READS_GCR3)
        u->n->gcr3_reads++;
    else
        u->n->walk_reads++;
    tb_walk_read(u, walk, address, level, when);
}

/* -- Addresses of the guest's side ----------------------------------------------------------- */

/* The smaller page of both; attributes are the host's, but for what only the guest's can say. */
static struct tb_page combine(const struct tb_page *guest, const struct tb_page *host,
                              uint64_t iova, uint64_t pa)
{
    uint8_t shift = guest->shift < host->shift ? guest->shift : host->shift;
    uint64_t offset = ((uint64_t)1 << shift) - 1;
    uint8_t attributes = host->perm & (TB_PERM_UNTRANSLATED | TB_PERM_COHERENT);
    uint8_t allowed = host->perm | (uint8_t) ~(TB_PERM_READ | TB_PERM_WRITE);
    return (struct tb_page){.iova = iova & ~offset,
                            .pa = pa & ~offset,
                            .shift = shift,
                            .perm = (guest->perm & allowed) | attributes};
}

/* The address that was wanted is translated: `host` has it. */
static void translated(struct tb_iommu *u, uint32_t walk, const struct tb_page *host, tb_time when)
{
    struct tb_walk *k = &u->walker.walks[walk];
    struct tb_nest *n = &u->walker.nests[walk];
    uint64_t pa = host->pa | (n->target - host->iova);
    if (n->purpose == FOR_PAGE) {
        k->cursor.page = combine(&n->guest.page, host, k->iova, pa);
        tb_walk_finish(u, walk, TB_REFUSE_NOTHING, NULL, when);
    } else if (!(host->perm & TB_PERM_READ)) {
        fail_host(u, walk, TB_REFUSE_PERMISSION, when);
    } else if (n->purpose == FOR_GCR3) {
        read(u, walk, READS_GCR3, pa, GCR3_LEVEL + n->gcr3_level, when);
    } else {
        read(u, walk, READS_GUEST, pa, GUEST_LEVEL + n->guest.level, when);
    }
}

static bool is_physical(const struct tb_iommu *u, const struct tb_walk *k, enum purpose purpose)
{
    return k->context.kind != TB_CONTEXT_TABLE ||
           (purpose == FOR_GCR3 && !(u->reg[TB_REG_CONTROL] & AMDVI_CONTROL_GCR3_GUEST));
}

static void want(struct tb_iommu *u, uint32_t walk, enum purpose purpose, uint64_t address,
                 tb_time when)
{
    static const struct tb_page identity = {.shift = 64, .perm = TB_PERM_READ | TB_PERM_WRITE};
    struct tb_walk *k = &u->walker.walks[walk];
    struct tb_nest *n = &u->walker.nests[walk];
    struct tb_page page;
    n->target = address;
    n->purpose = (uint8_t)purpose;
    if (is_physical(u, k, purpose)) {
        translated(u, walk, &identity, when);
    } else if (tb_iotlb_lookup(&u->nested, k->context.domain, address, &page)) {
        u->n->nested_hits++;
        translated(u, walk, &page, when);
    } else if (u->format->begin(&k->context, address, &k->cursor) == TB_STEP_REFUSED) {
        fail_host(u, walk, k->cursor.refusal, when);
    } else {
        u->n->nested_misses++;
        tb_pdc_lookup(u, k->context.domain, &k->cursor);
        read(u, walk, READS_HOST, u->format->where(&k->cursor), k->cursor.level, when);
    }
}

/* -- The way of a walk ----------------------------------------------------------------------- */

/* PASID bits that a level of the GCR3 table decodes: nine each (2.2.6.3). */
static uint64_t gcr3_entry(const struct tb_nest *n, uint64_t table)
{
    return table + (n->pasid >> 9 * (n->gcr3_level - 1) & 0x1ff) * 8;
}

/* From the guest's root, from what the page-directory cache knows, or from the GCR3 table. */
void tb_guest_begin(struct tb_iommu *u, uint32_t walk, tb_time when)
{
    struct tb_walk *k = &u->walker.walks[walk];
    struct tb_nest *n = &u->walker.nests[walk];
    u->guests = true;
    tb_format_x86.begin(&k->context, k->iova, &n->guest);
    n->gcr3_level = k->context.gcr3_levels;
    if (tb_pdc_lookup(u, k->space, &n->guest) || tb_pdc_root(u, k->space, &n->guest.table))
        want(u, walk, FOR_TABLE, tb_format_x86.where(&n->guest), when);
    else if (n->pasid >> 9 * n->gcr3_level)
        tb_walk_finish(u, walk, TB_REFUSE_NO_PASID, NULL, when);
    else
        want(u, walk, FOR_GCR3, gcr3_entry(n, k->context.gcr3), when);
}

static void step_gcr3(struct tb_iommu *u, uint32_t walk, uint64_t entry, tb_time when)
{
    struct tb_walk *k = &u->walker.walks[walk];
    struct tb_nest *n = &u->walker.nests[walk];
    uint64_t table = entry & AMDVI_GCR3_ADDRESS;
    if (!(entry & AMDVI_GCR3_V)) {
        tb_walk_finish(u, walk, TB_REFUSE_NO_PASID, NULL, when);
    } else if (--n->gcr3_level) {
        want(u, walk, FOR_GCR3, gcr3_entry(n, table), when);
    } else {
        n->guest.table = table;
        if (tb_walk_may_cache(k))
            tb_pdc_fill_root(u, k->space, table);
        want(u, walk, FOR_TABLE, tb_format_x86.where(&n->guest), when);
    }
}

static void step_guest(struct tb_iommu *u, uint32_t walk, uint64_t entry, tb_time when)
{
    struct tb_walk *k = &u->walker.walks[walk];
    struct tb_nest *n = &u->walker.nests[walk];
    const struct tb_page *page = &n->guest.page;
    switch (tb_format_x86.step(&n->guest, entry)) {
    case TB_STEP_READ:
        if (tb_walk_may_cache(k))
            tb_pdc_fill(u, k->space, &n->guest);
        want(u, walk, FOR_TABLE, tb_format_x86.where(&n->guest), when);
        break;
    case TB_STEP_PAGE:
        want(u, walk, FOR_PAGE, page->pa | (k->iova - page->iova), when);
        break;
    case TB_STEP_REFUSED:
        tb_walk_finish(u, walk, n->guest.refusal, NULL, when);
        break;
    }
}

static void step_host(struct tb_iommu *u, uint32_t walk, uint64_t entry, tb_time when)
{
    struct tb_walk *k = &u->walker.walks[walk];
    struct tb_page page;
    switch (u->format->step(&k->cursor, entry)) {
    case TB_STEP_READ:
        if (tb_walk_may_cache(k))
            tb_pdc_fill(u, k->context.domain, &k->cursor);
        read(u, walk, READS_HOST, u->format->where(&k->cursor), k->cursor.level, when);
        break;
    case TB_STEP_PAGE:
        page = k->cursor.page;
        if (tb_walk_may_cache(k))
            tb_iotlb_fill(&u->nested, k->context.domain, &page);
        translated(u, walk, &page, when);
        break;
    case TB_STEP_REFUSED:
        fail_host(u, walk, k->cursor.refusal, when);
        break;
    }
}

void tb_guest_arrived(struct tb_iommu *u, uint32_t walk, uint64_t entry, tb_time when)
{
    static void (*const steps[])(struct tb_iommu *, uint32_t, uint64_t, tb_time) = {
        [READS_HOST] = step_host, [READS_GCR3] = step_gcr3, [READS_GUEST] = step_guest};
    steps[u->walker.nests[walk].stage](u, walk, entry, when);
}
