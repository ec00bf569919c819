/* The driver of IOMMUs with one flat table for all devices: sun4m's and AMD64 northbridges' GART.
 *
 * There is one domain. The table is allocated when the IOMMU is started, for sun4m as large as the
 * lowest address that any step names makes necessary. Attaching one device attaches all: nothing in
 * hardware tells them apart.
 */
#include "host.h"

#include "spec/gart.h"
#include "spec/sun4m.h"

#define ENTRY 4u

#define REGISTER(name, field)                                                                      \
    {                                                                                              \
        name, offsetof(struct host_iommu, field)                                                   \
    }

static const char *const one_table =
    "it has one table of 4 KiB pages for all devices: no 'domain', 'pasid', 'skip' or other "
    "page size";

/* -- The table --------------------------------------------------------------------------------- */

/* Entries in the driver's mirror, by value. */
static uint32_t *entry_at(const struct host *h, const struct host_iommu *u, uint64_t iova)
{
    uint64_t offset = u->table_at - h->memory_at + (iova - u->first) / HOST_PAGE * ENTRY;
    return (uint32_t *)h->mirror + offset / ENTRY;
}

static void set_entry(struct host *h, const struct host_iommu *u, uint64_t iova, uint32_t value)
{
    bool big_endian = u->format == &host_format_sun4m;
    *entry_at(h, u, iova) = value;
    host_store(h, u->table_at + (iova - u->first) / HOST_PAGE * ENTRY,
               big_endian ? __builtin_bswap32(value) : value, ENTRY);
}

static bool is_covered(const struct host_iommu *u, uint64_t iova)
{
    return iova - u->first < u->size;
}

static const char *map_value(struct host *h, struct table_job *job, uint32_t value, tb_time when)
{
    struct host_iommu *u = job->domain->iommu;
    if (!is_covered(u, job->iova))
        return "the table does not reach there";
    set_entry(h, u, job->iova, value);
    h->count.maps++;
    table_declare(h, job, TB_MAPPED, HOST_PAGE, when);
    table_move_on(job, HOST_PAGE);
    return NULL;
}

static const char *unmap_bit(struct host *h, struct table_job *job, uint32_t valid, tb_time when)
{
    struct host_iommu *u = job->domain->iommu;
    if (!is_covered(u, job->iova))
        return "the table does not reach there";
    if (*entry_at(h, u, job->iova) & valid) {
        set_entry(h, u, job->iova, 0);
        h->count.unmaps++;
        table_declare(h, job, TB_UNMAP_STARTED, HOST_PAGE, when);
    }
    table_move_on(job, HOST_PAGE);
    return NULL;
}

/* -- What is common to both -------------------------------------------------------------------- */

static bool make_table(struct host *h, struct host_iommu *u)
{
    uint64_t bytes = u->size / HOST_PAGE * ENTRY;
    if (!u->table_at)
        u->table_at = host_memory(h, bytes, bytes);
    return u->table_at != 0;
}

/* One table: all devices below it are attached when one is. */
static void attach_all(struct host *h, struct host_iommu *u, struct host_domain *domain,
                       const struct tb_node *node, tb_time when)
{
    domain->root = u->table_at;
    for (size_t i = 0; i < h->device_count; i++) {
        struct host_device *d = &h->devices[i];
        if (d->iommu != u || d->attached)
            continue;
        d->domain = domain;
        d->mode = HOST_TRANSLATE;
        d->attached = true;
        iommu_declare_attached(h, d, TB_ATTACHED, node, when);
    }
}

static enum host_verdict attach(struct host *h, struct host_device *d, struct host_domain *domain,
                                enum host_mode mode, struct attach_job *job,
                                const struct tb_node *node, tb_time when)
{
    struct host_iommu *u = d->iommu;
    (void)mode;
    (void)job;
    if (iommu_start(h, u) != HOST_DONE)
        return HOST_AGAIN;
    if (u->table_at)
        attach_all(h, u, domain, node, when);
    else
        host_complain(h, node, when, "the driver's memory is used up ('driver_memory' of '%s')",
                      h->m->name);
    return HOST_DONE;
}

static const char *refuse_shape(const struct table_job *job)
{
    bool plain = job->page == HOST_PAGE && !job->skip && !job->guest && job->domain->id == 0;
    return plain ? NULL : one_table;
}

/* What was begun is done. */
static enum host_verdict over(struct host *h, struct host_iommu *u, tb_time when)
{
    u->seen = ++u->waits;
    iommu_declare_done(h, u, when);
    return HOST_DONE;
}

/* -- sun4m ------------------------------------------------------------------------------------- */

enum { PAGEFLUSHES = 16 /* for more than so many pages everything is flushed */ };

static unsigned range_of(const struct host_iommu *u)
{
    unsigned range = 0;
    while (sun4m_first(range) > u->lowest && range < 7)
        range++;
    return range;
}

static bool sun4m_reserve(struct host *h, struct host_iommu *u, const struct tb_node *node,
                          struct tb_diag *diag)
{
    if (!host_begin_memory(h))
        tb_diag_node(diag, node,
                     "the driver has no memory for the table of '%s': see 'driver_memory' of '%s'",
                     u->model->name, h->m->name);
    return h->memory_begun;
}

static const char *sun4m_refuses(struct host *h, struct host_iommu *u, const struct table_job *job)
{
    uint64_t own = 0;
    for (size_t i = 0; i < h->device_count; i++)
        own +=
            h->devices[i].iommu == u && h->devices[i].is_ide ? HOST_CHANNELS * HOST_PRD_TABLE : 0;
    if (refuse_shape(job))
        return one_table;
    if (job->iova < sun4m_first(7) || job->last >= HOST_4GIB)
        return "it translates the top of the 32-bit space: 0x80000000 to 0xffffffff at most";
    if (job->last >= HOST_4GIB - own)
        return "the topmost 128 KiB for every IDE controller are the driver's, for its tables of "
               "regions";
    if (!job->unmap && (job->pa + (job->last - job->start)) >> SUN4M_PA_BITS)
        return "its physical addresses have 36 bits";
    if (!job->unmap && !(job->permissions & HOST_MAY_READ))
        return "what may be written may be read: 'r' or 'rw'";
    if (job->iova < u->lowest)
        u->lowest = job->iova;
    return NULL;
}

static enum host_verdict sun4m_start(struct host *h, struct host_iommu *u)
{
    unsigned range = range_of(u);
    u->first = sun4m_first(range);
    u->size = HOST_4GIB - u->first;
    u->state = IOMMU_RUNS;
    if (!make_table(h, u))
        return HOST_DONE;
    host_write(h, u->base, u->table_at >> SUN4M_BASE_SHIFT);
    host_write(h, u->flush, 0);
    host_write(h, u->control, SUN4M_CONTROL_ENABLE | range << SUN4M_CONTROL_RANGE_SHIFT);
    return HOST_AGAIN;
}

static const char *sun4m_map(struct host *h, struct table_job *job, tb_time when)
{
    uint32_t flags = SUN4M_PTE_VALID | (job->permissions & HOST_MAY_WRITE ? SUN4M_PTE_WRITE : 0);
    uint32_t page = (uint32_t)(job->pa >> SUN4M_PTE_PAGE_SHIFT) & SUN4M_PTE_PAGE;
    if (job->pa >> SUN4M_PA_BITS)
        return "its physical addresses have 36 bits";
    return map_value(h, job, page | flags, when);
}

static const char *sun4m_unmap(struct host *h, struct table_job *job, tb_time when)
{
    return unmap_bit(h, job, SUN4M_PTE_VALID, when);
}

static bool sun4m_lookup(const struct host *h, const struct host_domain *d, uint64_t iova,
                         uint64_t *pa)
{
    if (!d->root || !is_covered(d->iommu, iova))
        return false;
    uint32_t entry = *entry_at(h, d->iommu, iova);
    *pa = (uint64_t)(entry & SUN4M_PTE_PAGE) << SUN4M_PTE_PAGE_SHIFT | iova % HOST_PAGE;
    return entry & SUN4M_PTE_VALID;
}

/* The write is answered when the flush is over; a posted one is not, so a read waits for it. */
static enum host_verdict sun4m_flush(struct host *h, struct host_iommu *u, struct flush_job *job,
                                     bool wait, const struct tb_node *node, tb_time when)
{
    (void)wait;
    (void)node;
    if (job->begun)
        return over(h, u, when);
    job->begun = true;
    iommu_remember(h, u, job, when);
    if (h->instant) /* nothing is cached before time 0 */
        return over(h, u, when);
    h->count.invalidations++;
    if (job->last - job->iova >= PAGEFLUSHES * HOST_PAGE)
        host_write(h, u->flush, 0);
    else
        for (uint64_t at = job->iova; at <= job->last; at += HOST_PAGE)
            host_write(h, u->pageflush, at & ~(uint64_t)(HOST_PAGE - 1));
    if (h->params.posted)
        host_read(h, u->control, &u->control_value);
    return HOST_AGAIN;
}

/* Faults: reads what it was, and has the next one noted. */
static enum host_verdict sun4m_handler(struct host *h, struct host_iommu *u, struct drain_job *job)
{
    if (u->state != IOMMU_RUNS || h->params.events != HOST_EVENTS_DRAIN)
        return HOST_DONE;
    if (job->phase++ == 0) {
        host_read(h, u->afsr, &job->status);
        return HOST_AGAIN;
    }
    if (job->phase > 2 || !(job->status & SUN4M_AFSR_ERR))
        return HOST_DONE;
    h->count.events++;
    host_write(h, u->afsr, 0);
    return HOST_AGAIN;
}

/* Addresses of the driver's own tables come from the top. */
static bool sun4m_place(struct host *h, struct host_iommu *u, uint64_t pa, uint64_t bytes,
                        uint64_t *bus)
{
    (void)h;
    (void)pa;
    u->own += bytes;
    *bus = HOST_4GIB - u->own;
    return true;
}

static const struct host_register_name sun4m_registers[] = {
    REGISTER("control", control),     REGISTER("base", base), REGISTER("flush", flush),
    REGISTER("pageflush", pageflush), REGISTER("afsr", afsr), {NULL, 0},
};

const struct host_format host_format_sun4m = {
    .name = "sun4m",
    .number = 2,
    .stores = 1,
    .registers = sun4m_registers,
    .reserve = sun4m_reserve,
    .start = sun4m_start,
    .attach = attach,
    .flush = sun4m_flush,
    .handler = sun4m_handler,
    .refuses = sun4m_refuses,
    .map = sun4m_map,
    .unmap = sun4m_unmap,
    .lookup = sun4m_lookup,
    .place = sun4m_place,
};

/* -- GART -------------------------------------------------------------------------------------- */

static bool gart_reserve(struct host *h, struct host_iommu *u, const struct tb_node *node,
                         struct tb_diag *diag)
{
    bool inside = h->memory_at < u->first + u->size && u->first < h->memory_at + h->memory_size;
    if (!host_begin_memory(h))
        tb_diag_node(diag, node,
                     "the driver has no memory for the table of '%s': see 'driver_memory' of '%s'",
                     u->model->name, h->m->name);
    else if (inside)
        tb_diag_node(diag, node,
                     "the driver's memory lies in the aperture of '%s': 'driver_memory' of '%s' "
                     "must say where else",
                     u->model->name, h->m->name);
    return h->memory_begun && !inside;
}

static const char *gart_refuses(struct host *h, struct host_iommu *u, const struct table_job *job)
{
    (void)h;
    if (refuse_shape(job))
        return one_table;
    if (!is_covered(u, job->iova) || !is_covered(u, job->last))
        return "it is not in the aperture";
    if (!job->unmap && (job->pa + (job->last - job->start)) >> GART_PA_BITS)
        return "its physical addresses have 40 bits";
    if (!job->unmap && job->permissions != (HOST_MAY_READ | HOST_MAY_WRITE))
        return "it has no permissions: 'access' can only be 'rw'";
    return NULL;
}

/* Firmware has said where the aperture is, and for whom: that is kept. */
static enum host_verdict gart_start(struct host *h, struct host_iommu *u)
{
    if (u->state == IOMMU_UNTOUCHED) {
        u->state = IOMMU_STARTING;
        host_read(h, u->control, &u->control_value);
        return HOST_AGAIN;
    }
    u->state = IOMMU_RUNS;
    if (!make_table(h, u))
        return HOST_DONE;
    host_write(h, u->table, u->table_at >> GART_TABLE_SHIFT);
    host_write(h, u->control, u->control_value | GART_ENABLE | GART_DISABLE_PROBES);
    host_write(h, u->cache, GART_INVALIDATE | GART_PTE_ERROR);
    return HOST_AGAIN;
}

static const char *gart_map(struct host *h, struct table_job *job, tb_time when)
{
    if (job->pa >> GART_PA_BITS)
        return "its physical addresses have 40 bits";
    return map_value(h, job, gart_pte(job->pa, GART_PTE_VALID | GART_PTE_COHERENT), when);
}

static const char *gart_unmap(struct host *h, struct table_job *job, tb_time when)
{
    return unmap_bit(h, job, GART_PTE_VALID, when);
}

static bool gart_lookup(const struct host *h, const struct host_domain *d, uint64_t iova,
                        uint64_t *pa)
{
    if (!d->root || !is_covered(d->iommu, iova))
        return false;
    uint32_t entry = *entry_at(h, d->iommu, iova);
    *pa = gart_pte_address(entry) | iova % HOST_PAGE;
    return entry & GART_PTE_VALID;
}

enum { GART_AWAITS_NOTHING, GART_AWAITS_WRITE, GART_AWAITS_PAUSE, GART_AWAITS_BIT };

static enum host_verdict gart_look(struct host *h, struct host_iommu *u, struct command_job *job)
{
    host_read(h, u->cache, &u->head);
    job->phase = GART_AWAITS_BIT;
    return HOST_AGAIN;
}

static enum host_verdict gart_await(struct host *h, struct host_iommu *u, struct command_job *job,
                                    const struct tb_node *node, tb_time when)
{
    if (!(u->head & GART_INVALIDATE))
        return over(h, u, when);
    if (when >= job->deadline) {
        job->failed = true;
        host_complain(h, node, when, "'%s' has not invalidated its GART within the timeout",
                      u->model->name);
        return HOST_DONE;
    }
    job->phase = GART_AWAITS_PAUSE;
    job->next = when + h->params.poll;
    host_sleep(h, job->next);
    return HOST_WAITS;
}

/* Everything is invalidated, and the bit polled that says when that is done. */
static enum host_verdict gart_flush(struct host *h, struct host_iommu *u, struct flush_job *flush,
                                    bool wait, const struct tb_node *node, tb_time when)
{
    struct command_job *job = &flush->command;
    switch (job->phase) {
    case GART_AWAITS_NOTHING:
        iommu_remember(h, u, flush, when);
        if (h->instant) /* nothing is cached before time 0 */
            return over(h, u, when);
        h->count.invalidations++;
        job->deadline = when + h->params.timeout;
        host_write(h, u->cache, GART_INVALIDATE);
        job->phase = GART_AWAITS_WRITE;
        return HOST_AGAIN;
    case GART_AWAITS_WRITE:
        return wait ? gart_look(h, u, job) : HOST_DONE;
    case GART_AWAITS_PAUSE:
        if (when >= job->next)
            return gart_look(h, u, job);
        host_sleep(h, job->next);
        return HOST_WAITS;
    default:
        return gart_await(h, u, job, node, when);
    }
}

/* It raises no interrupts. */
static enum host_verdict gart_handler(struct host *h, struct host_iommu *u, struct drain_job *job)
{
    (void)h;
    (void)u;
    (void)job;
    return HOST_DONE;
}

/* Outside of the aperture nothing is translated. */
static bool gart_place(struct host *h, struct host_iommu *u, uint64_t pa, uint64_t bytes,
                       uint64_t *bus)
{
    (void)h;
    (void)u;
    (void)bytes;
    *bus = pa;
    return false;
}

static const struct host_register_name gart_registers[] = {
    REGISTER("control", control),
    REGISTER("table", table),
    REGISTER("cache", cache),
    {NULL, 0},
};

const struct host_format host_format_gart = {
    .name = "gart",
    .number = 3,
    .stores = 1,
    .registers = gart_registers,
    .reserve = gart_reserve,
    .start = gart_start,
    .attach = attach,
    .flush = gart_flush,
    .handler = gart_handler,
    .refuses = gart_refuses,
    .map = gart_map,
    .unmap = gart_unmap,
    .lookup = gart_lookup,
    .place = gart_place,
};
