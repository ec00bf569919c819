/* AMD page tables, built as real bytes: every change of an entry is a store of the CPU.
 *
 * The driver reads entries from its mirror, as a CPU would from its cache: these reads cost
 * nothing. Pages for tables come from the driver's memory and are zero when they are handed out, so
 * linking one costs one store. Section numbers are those of the AMD IOMMU specification (48882).
 */
#include "host.h"

#include "spec/amdvi.h"

#define ENTRIES    512u
#define NEXT_CODED 7u
#define PDE_FLAGS  (AMDVI_PTE_PR | AMDVI_PTE_IR | AMDVI_PTE_IW)

uint64_t *table_entry(const struct host *h, uint64_t address)
{
    return &h->mirror[(address - h->memory_at) / 8];
}

void table_set(struct host *h, uint64_t address, uint64_t value)
{
    *table_entry(h, address) = value;
    host_store(h, address, value, 8);
}

static unsigned next_level(uint64_t entry)
{
    return (unsigned)(entry >> AMDVI_PTE_NEXT_SHIFT) & 7;
}

static bool is_page(uint64_t entry)
{
    return next_level(entry) == 0 || next_level(entry) == NEXT_CODED;
}

static uint64_t slot_of(uint64_t table, uint64_t iova, unsigned level)
{
    return table + 8 * (iova >> tb_amdvi_level_shift(level) & (ENTRIES - 1));
}

/* Bytes that one entry of a table of this level stands for; level 7 and above: everything. */
static uint64_t span_of(unsigned level)
{
    return tb_amdvi_level_shift(level) > 63 ? 0 : (uint64_t)1 << tb_amdvi_level_shift(level);
}

/* Do two addresses differ above what a table of `level`, reached from one of `from`, decodes:
 * skipped levels must decode to zero (2.2.3). */
static bool skipped_bits(uint64_t iova, unsigned level, unsigned from)
{
    for (unsigned l = level + 1; l < from; l++)
        if (iova >> tb_amdvi_level_shift(l) & (ENTRIES - 1))
            return true;
    return false;
}

/* -- Pages for tables -------------------------------------------------------------------------- */

uint64_t table_page(struct host *h)
{
    uint64_t page = h->free_page;
    if (!page)
        return host_memory(h, HOST_PAGE, HOST_PAGE);
    h->free_page = *table_entry(h, page);
    *table_entry(h, page) = 0;
    return page;
}

/* The link of the free list is only in the mirror: in memory the page stays zero. */
static void free_page(struct host *h, uint64_t page)
{
    *table_entry(h, page) = h->free_page;
    h->free_page = page;
}

static bool is_empty_table(const struct host *h, uint64_t table)
{
    const uint64_t *entries = table_entry(h, table);
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (!(entries[i] & AMDVI_PTE_PR))
            continue;
        if (is_page(entries[i]) || !is_empty_table(h, entries[i] & AMDVI_PTE_ADDRESS))
            return false;
    }
    return true;
}

/* Gives back a table without pages. Tables below it are dropped from the mirror and from memory's
 * view at once, for the page must be zero when it is used again. */
static void free_table(struct host *h, uint64_t table)
{
    uint64_t *entries = table_entry(h, table);
    for (unsigned i = 0; i < ENTRIES; i++) {
        if (!(entries[i] & AMDVI_PTE_PR))
            continue;
        free_table(h, entries[i] & AMDVI_PTE_ADDRESS);
        entries[i] = 0;
        host_poke(h, table + 8 * i, &entries[i], 8);
    }
    free_page(h, table);
}

/* -- Page sizes -------------------------------------------------------------------------------- */

bool table_page_size(uint64_t page)
{
    return page >= HOST_PAGE && (page & (page - 1)) == 0 && page <= (uint64_t)1 << 51;
}

static unsigned log2_of(uint64_t n)
{
    return 63 - (unsigned)__builtin_clzll(n);
}

/* The level whose entries are as large as the page, or the next smaller ones, repeated. */
static unsigned page_level(uint64_t page)
{
    return (log2_of(page) - 12) / 9 + 1;
}

/* An entry that maps a page (2.2.3): its own level's size with next level 0, any other coded in the
 * address as ones from bit 12 up to the bit below the size's half (8 KiB: bit 12 is zero). */
static uint64_t page_entry(uint64_t pa, uint64_t page, uint64_t permissions)
{
    uint64_t entry = (pa & AMDVI_PTE_ADDRESS) | permissions | AMDVI_PTE_PR;
    if ((log2_of(page) - 12) % 9 == 0)
        return entry;
    uint64_t ones = (page >> 1) - 1;
    return (entry | (ones & AMDVI_PTE_ADDRESS)) | (uint64_t)NEXT_CODED << AMDVI_PTE_NEXT_SHIFT;
}

/* Size of the page an entry of a table of `level` maps. */
static uint64_t page_size_of(uint64_t entry, unsigned level)
{
    if (next_level(entry) == 0)
        return span_of(level);
    uint64_t zero = ~(entry & AMDVI_PTE_ADDRESS) & ~(uint64_t)(HOST_PAGE - 1);
    return (zero & -zero) << 1;
}

/* -- Who checks ---------------------------------------------------------------------------------
 */

uint32_t table_space(const struct host *h, const struct host_domain *d)
{
    return (uint32_t)(d - h->domains) + 1;
}

void table_declare(struct host *h, const struct table_job *job, enum tb_declared what,
                   uint64_t size, tb_time when)
{
    struct tb_mapping of = {.iova = job->iova & ~(size - 1),
                            .pa = job->pa,
                            .size = size,
                            .space = table_space(h, job->domain),
                            .node = job->node};
    of.access = (uint8_t)((job->permissions & HOST_MAY_READ ? TB_MAY_READ : 0) |
                          (job->permissions & HOST_MAY_WRITE ? TB_MAY_WRITE : 0));
    tb_declare(h->m, what, &of, when);
}

/* -- Mapping ----------------------------------------------------------------------------------- */

/* The level of the table to put below an entry of a table of `level`: the next, or with `skip` the
 * lowest from which all of the range under the entry can be decoded. */
static unsigned level_below(const struct table_job *job, unsigned level, unsigned leaf)
{
    uint64_t end = job->iova | (span_of(level) - 1);
    uint64_t last = end < job->last ? end : job->last;
    unsigned below = level - 1;
    while (job->skip && below > leaf && !skipped_bits(last, below - 1, level))
        below--;
    return below;
}

/* Follows, or makes, the link from a table of *level towards the leaf's. */
static const char *descend(struct host *h, const struct table_job *job, uint64_t *table,
                           unsigned *level, unsigned leaf)
{
    uint64_t slot = slot_of(*table, job->iova, *level), entry = *table_entry(h, slot);
    if (!(entry & AMDVI_PTE_PR)) {
        unsigned below = level_below(job, *level, leaf);
        uint64_t page = table_page(h);
        if (!page)
            return "the driver's memory is used up (host.driver_memory.size)";
        table_set(h, slot, page | PDE_FLAGS | (uint64_t)below << AMDVI_PTE_NEXT_SHIFT);
        *table = page;
        *level = below;
        return NULL;
    }
    unsigned next = next_level(entry);
    if (is_page(entry))
        return "a larger page is mapped there";
    if (next < leaf || skipped_bits(job->iova, next, *level))
        return "a table that skips levels is in the way";
    *table = entry & AMDVI_PTE_ADDRESS;
    *level = next;
    return NULL;
}

void table_move_on(struct table_job *job, uint64_t by)
{
    job->over = by == 0 || job->last - job->iova < by;
    job->iova += by;
    job->pa += by;
}

/* What is in the way of the page that begins at job->iova, in the table of its level: NULL if
 * nothing. Asked before the first of its entries is written, so that a page is mapped as a whole or
 * not at all. */
static const char *in_the_way(struct host *h, const struct table_job *job, uint64_t table,
                              unsigned leaf)
{
    uint64_t entries = job->page / span_of(leaf), slot = slot_of(table, job->iova, leaf);
    for (uint64_t i = 0; i < entries; i++) {
        uint64_t entry = *table_entry(h, slot + 8 * i);
        if (!(entry & AMDVI_PTE_PR))
            continue;
        if (!is_page(entry) && !is_empty_table(h, entry & AMDVI_PTE_ADDRESS))
            return "smaller pages are mapped there";
        if (is_page(entry) && page_size_of(entry, leaf) != job->page)
            return "a page of another size is mapped there";
    }
    return NULL;
}

/* The table whose entries map pages of the job's size at job->iova. */
static const char *find_leaf(struct host *h, struct table_job *job, uint64_t *table, unsigned leaf)
{
    unsigned level = job->domain->levels;
    *table = job->domain->root;
    if (leaf > level || (level < AMDVI_LEVELS && job->last >> tb_amdvi_level_shift(level + 1)))
        return "the domain's page table has too few levels for it";
    while (level > leaf) {
        const char *wrong = descend(h, job, table, &level, leaf);
        if (wrong)
            return wrong;
    }
    return job->iova % job->page ? NULL : in_the_way(h, job, *table, leaf);
}

const char *amdvi_map(struct host *h, struct table_job *job, tb_time when)
{
    unsigned leaf = page_level(job->page);
    uint64_t table;
    const char *wrong = find_leaf(h, job, &table, leaf);
    if (wrong)
        return wrong;
    uint64_t slot = slot_of(table, job->iova, leaf), entry = *table_entry(h, slot);
    if ((entry & AMDVI_PTE_PR) && !is_page(entry))
        free_table(h, entry & AMDVI_PTE_ADDRESS);
    table_set(h, slot, page_entry(job->pa & ~(job->page - 1), job->page, job->permissions));
    h->count.maps++;
    table_declare(h, job, TB_MAPPED, span_of(leaf), when);
    table_move_on(job, span_of(leaf));
    return NULL;
}

/* -- Unmapping --------------------------------------------------------------------------------- */

/* To the first address behind the entry of a table of `level`. */
static void skip_entry(struct table_job *job, unsigned level)
{
    uint64_t span = span_of(level);
    table_move_on(job, span ? span - job->iova % span : 0);
}

/* The memory's owner takes it back at once: at no cost, for it is another CPU's work. */
static void reuse(struct host *h, const struct host_reuse *with, uint64_t pa, uint64_t size)
{
    uint8_t bytes[HOST_PAGE];
    for (uint64_t at = 0; at < size; at += sizeof bytes) {
        host_pattern_fill(bytes, sizeof bytes, (enum host_pattern)with->pattern, with->seed,
                          pa + at);
        if (!host_poke(h, pa + at, bytes, sizeof bytes))
            return;
    }
}

static void unmap_page(struct host *h, struct table_job *job, uint64_t slot, unsigned level,
                       tb_time when)
{
    uint64_t entry = *table_entry(h, slot), page = page_size_of(entry, level),
             span = span_of(level);
    table_set(h, slot, 0);
    h->count.unmaps++;
    table_declare(h, job, TB_UNMAP_STARTED, span, when);
    if (job->reuse)
        reuse(h, job->reuse,
              (entry & AMDVI_PTE_ADDRESS & ~(page - 1)) | (job->iova & (page - 1) & ~(span - 1)),
              span);
    skip_entry(job, level);
}

const char *amdvi_unmap(struct host *h, struct table_job *job, tb_time when)
{
    unsigned level = job->domain->levels;
    uint64_t table = job->domain->root;
    if (level < AMDVI_LEVELS && job->iova >> tb_amdvi_level_shift(level + 1)) {
        job->over = true; /* nothing can be mapped up there */
        return NULL;
    }
    for (;;) {
        uint64_t slot = slot_of(table, job->iova, level), entry = *table_entry(h, slot);
        if (!(entry & AMDVI_PTE_PR)) {
            skip_entry(job, level);
            return NULL;
        }
        if (is_page(entry)) {
            uint64_t size = page_size_of(entry, level), base = job->iova & ~(size - 1);
            if (base < job->start || job->last - base < size - 1)
                return "it ends within a page: pages are unmapped as a whole";
            unmap_page(h, job, slot, level, when);
            return NULL;
        }
        unsigned next = next_level(entry);
        if (skipped_bits(job->iova, next, level)) {
            skip_entry(job, next + 1);
            return NULL;
        }
        table = entry & AMDVI_PTE_ADDRESS;
        level = next;
    }
}

bool amdvi_lookup(const struct host *h, const struct host_domain *d, uint64_t iova, uint64_t *pa)
{
    unsigned level = d->levels;
    uint64_t table = d->root;
    if (!table || (level < AMDVI_LEVELS && iova >> tb_amdvi_level_shift(level + 1)))
        return false;
    for (;;) {
        uint64_t entry = *table_entry(h, slot_of(table, iova, level));
        unsigned next = next_level(entry);
        if (!(entry & AMDVI_PTE_PR))
            return false;
        if (is_page(entry)) {
            uint64_t size = page_size_of(entry, level);
            *pa = (entry & AMDVI_PTE_ADDRESS & ~(size - 1)) | (iova & (size - 1));
            return true;
        }
        if (skipped_bits(iova, next, level))
            return false;
        table = entry & AMDVI_PTE_ADDRESS;
        level = next;
    }
}
