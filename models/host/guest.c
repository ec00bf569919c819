/* Page tables of PASIDs: x86-64's format, real bytes in the driver's memory, found through the
 * device's GCR3 table.
 *
 * Where the host translates too (nested), tables lie at guest physical addresses: the driver maps
 * every page of them for the domain at its own address, as a hypervisor maps a guest's memory. AMD
 * IOMMU (48882), 2.2.6.
 */
#include "host.h"

#include "spec/amdvi.h"
#include "spec/x86.h"

#define ENTRIES     512u
#define FIRST_SPACE 0x100000u /* of who checks: domains' numbers are below */
#define TABLE_FLAGS (X86_PTE_P | X86_PTE_W | X86_PTE_U)

static const char no_memory[] = "the driver's memory is used up (host.driver_memory.size)";

struct host_guest *guest_of(struct host *h, struct host_device *d, uint32_t pasid)
{
    for (size_t i = 0; i < h->guest_count; i++)
        if (h->guests[i].device == d && h->guests[i].pasid == pasid)
            return &h->guests[i];
    if (h->guest_count == h->guest_limit)
        return NULL;
    struct host_guest *g = &h->guests[h->guest_count++];
    g->device = d;
    g->pasid = pasid;
    return g;
}

uint32_t guest_space(const struct host *h, const struct host_guest *g)
{
    return FIRST_SPACE + (uint32_t)(g - h->guests);
}

/* A page for a table, where the device finds it. */
static const char *new_table(struct host *h, struct host_device *d, const struct tb_node *node,
                             uint64_t *page, tb_time when)
{
    *page = table_page(h);
    if (!*page)
        return no_memory;
    if (d->guests != HOST_NESTED)
        return NULL;
    struct table_job job = {.domain = d->domain,
                            .start = *page,
                            .iova = *page,
                            .pa = *page,
                            .last = *page + HOST_PAGE - 1,
                            .page = HOST_PAGE,
                            .node = node,
                            .permissions = HOST_MAY_READ | HOST_MAY_WRITE};
    return table_step(h, &job, when);
}

const char *guest_begin(struct host *h, struct host_guest *g, const struct tb_node *node,
                        tb_time when)
{
    struct host_device *d = g->device;
    struct tb_mapping of = {.requester = d->id,
                            .has_pasid = true,
                            .pasid = g->pasid,
                            .space = guest_space(h, g),
                            .node = node};
    if (g->root)
        return NULL;
    if (d->guests == HOST_NO_GUESTS || !d->gcr3_at)
        return "the device is not attached with 'guest: alone' or 'guest: nested'";
    const char *wrong = new_table(h, d, node, &g->root, when);
    if (wrong)
        return wrong;
    table_set(h, d->gcr3_at + 8 * (uint64_t)g->pasid, g->root | AMDVI_GCR3_V);
    tb_declare(h->m, TB_ATTACHED, &of, when);
    return NULL;
}

bool guest_page_size(uint64_t page)
{
    return page == HOST_PAGE || page == (uint64_t)2 << 20 || page == (uint64_t)1 << 30;
}

static unsigned level_of(uint64_t page)
{
    return page == HOST_PAGE ? 1 : page == (uint64_t)2 << 20 ? 2 : 3;
}

static uint64_t slot_of(uint64_t table, uint64_t iova, unsigned level)
{
    return table + 8 * (iova >> tb_x86_level_shift(level) & (ENTRIES - 1));
}

static bool is_page(uint64_t entry, unsigned level)
{
    return level == 1 || (entry & X86_PTE_PS);
}

/* -- Who checks ---------------------------------------------------------------------------------
 */

/* Piece by piece where the host translates too: its pages may be smaller and lie anywhere. */
static void declare_mapped(struct host *h, const struct table_job *job, uint64_t size, tb_time when)
{
    const struct host_device *d = job->guest->device;
    struct tb_safety unused;
    struct tb_mapping of = {.iova = job->iova,
                            .pa = job->pa,
                            .size = size,
                            .node = job->node,
                            .space = guest_space(h, job->guest)};
    of.access = (uint8_t)(TB_MAY_READ | (job->permissions & HOST_MAY_WRITE ? TB_MAY_WRITE : 0));
    if (!tb_safety_of(h->m, &unused))
        return;
    if (d->guests == HOST_ALONE) {
        tb_declare(h->m, TB_MAPPED, &of, when);
        return;
    }
    of.size = HOST_PAGE;
    for (uint64_t at = 0; at < size; at += HOST_PAGE) {
        of.iova = job->iova + at;
        if (table_lookup(h, d->domain, job->pa + at, &of.pa))
            tb_declare(h->m, TB_MAPPED, &of, when);
    }
}

static void declare_unmapped(struct host *h, const struct table_job *job, uint64_t size,
                             tb_time when)
{
    struct tb_mapping of = {.iova = job->iova & ~(size - 1),
                            .size = size,
                            .node = job->node,
                            .space = guest_space(h, job->guest)};
    tb_declare(h->m, TB_UNMAP_STARTED, &of, when);
}

/* -- Entries ------------------------------------------------------------------------------------
 */

static void move_on(struct table_job *job, uint64_t by)
{
    job->over = job->last - job->iova < by;
    job->iova += by;
    job->pa += by;
}

/* Behind what the entry of a table of `level` stands for. */
static void skip_entry(struct table_job *job, unsigned level)
{
    uint64_t span = (uint64_t)1 << tb_x86_level_shift(level);
    move_on(job, span - job->iova % span);
}

static const char *map_entry(struct host *h, struct table_job *job, tb_time when)
{
    unsigned level = job->guest->device->guest_levels, leaf = level_of(job->page);
    uint64_t table = job->guest->root, slot;
    for (; slot = slot_of(table, job->iova, level), level > leaf; level--) {
        uint64_t entry = *table_entry(h, slot);
        if ((entry & X86_PTE_P) && is_page(entry, level))
            return "a larger page is mapped there";
        if (!(entry & X86_PTE_P)) {
            uint64_t page;
            const char *wrong = new_table(h, job->guest->device, job->node, &page, when);
            if (wrong)
                return wrong;
            entry = page | TABLE_FLAGS;
            table_set(h, slot, entry);
        }
        table = entry & X86_PTE_ADDRESS;
    }
    uint64_t entry = *table_entry(h, slot);
    if ((entry & X86_PTE_P) && !is_page(entry, level))
        return "smaller pages are mapped there";
    table_set(h, slot,
              job->pa | X86_PTE_P | X86_PTE_U | (leaf > 1 ? X86_PTE_PS : 0) |
                  (job->permissions & HOST_MAY_WRITE ? X86_PTE_W : 0));
    h->count.maps++;
    declare_mapped(h, job, job->page, when);
    move_on(job, job->page);
    return NULL;
}

static const char *unmap_entry(struct host *h, struct table_job *job, tb_time when)
{
    unsigned level = job->guest->device->guest_levels;
    uint64_t table = job->guest->root;
    for (;; level--) {
        uint64_t slot = slot_of(table, job->iova, level), entry = *table_entry(h, slot);
        uint64_t span = (uint64_t)1 << tb_x86_level_shift(level), base = job->iova & ~(span - 1);
        if (!(entry & X86_PTE_P)) {
            skip_entry(job, level);
            return NULL;
        }
        if (is_page(entry, level)) {
            if (base < job->start || job->last - base < span - 1)
                return "it ends within a page: pages are unmapped as a whole";
            table_set(h, slot, 0);
            h->count.unmaps++;
            declare_unmapped(h, job, span, when);
            skip_entry(job, level);
            return NULL;
        }
        table = entry & X86_PTE_ADDRESS;
    }
}

const char *guest_entry(struct host *h, struct table_job *job, tb_time when)
{
    unsigned bits = tb_x86_level_shift(job->guest->device->guest_levels + 1);
    uint64_t high = job->iova >> (bits - 1), all = ~(uint64_t)0 >> (bits - 1);
    if (high != 0 && high != all)
        return "no canonical address: bits above the topmost level's repeat its highest";
    return job->unmap ? unmap_entry(h, job, when) : map_entry(h, job, when);
}
