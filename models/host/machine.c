/* What the driver knows of the machine before it starts: as firmware would tell it. */
#include "host.h"
#include "isa.h"

#include "driver_virtio.h"

#include <stdio.h>
#include <string.h>

#define PCI_HOLE ((uint64_t)3 << 30) /* a PC's memory below 4 GiB ends here at the latest */

/* -- Memory ------------------------------------------------------------------------------------ */

static bool is_memory_model(const struct host *h, uint16_t model)
{
    struct tb_model *of = tb_model_at(h->m, model);
    uint64_t base, size;
    return of && tb_fact(of, "base", &base) && tb_fact(of, "size", &size);
}

void host_survey_ranges(struct host *h)
{
    h->ranges.count = h->memory_ranges.count = 0;
    tb_reach(h->m, 0, &h->ranges);
    for (size_t i = 0; i < h->ranges.count; i++)
        if (h->ranges.at[i].space == TB_MEMORY && is_memory_model(h, h->ranges.at[i].model))
            tb_ranges_add(h->m, &h->memory_ranges, h->ranges.at[i]);
}

/* A register of a device may lie inside memory's range (it answers first): the smallest range
 * counts. */
static bool is_register(const struct host *h, uint64_t address, uint64_t size)
{
    for (size_t i = 0; i < h->ranges.count; i++) {
        const struct tb_range *r = &h->ranges.at[i];
        if (r->space == TB_MEMORY && !r->subtractive && !r->off && address >= r->base &&
            address <= r->last && r->last - r->base < size && !is_memory_model(h, r->model))
            return true;
    }
    return false;
}

bool host_is_memory(const struct host *h, uint64_t address)
{
    for (size_t i = 0; i < h->memory_ranges.count; i++) {
        const struct tb_range *r = &h->memory_ranges.at[i];
        if (!r->off && address >= r->base && address <= r->last)
            return !is_register(h, address, r->last - r->base);
    }
    return false;
}

static uint64_t memory_top(const struct host *h)
{
    uint64_t top = 0;
    for (size_t i = 0; i < h->memory_ranges.count; i++) {
        const struct tb_range *r = &h->memory_ranges.at[i];
        uint64_t end = r->last >= PCI_HOLE - 1 ? PCI_HOLE : r->last + 1;
        if (!r->off && !r->moves && r->base < end && end > top)
            top = end;
    }
    return top & ~(uint64_t)(HOST_PRD_TABLE - 1);
}

/* A platform without memory, or with less than the driver wants, is fine as long as no step needs
 * the driver. */
static void place_memory(struct host *h)
{
    uint64_t size = h->params.memory.size & ~(uint64_t)(HOST_PAGE - 1);
    uint64_t top = memory_top(h);
    h->memory_at = h->params.memory.at_given ? h->params.memory.at : top > size ? top - size : 0;
    h->memory_size = h->memory_at ? size : 0;
    h->buffers_at = h->memory_at;
    h->mirror = tb_alloc(h->m, h->memory_size / 8 + 1, 8);
}

/* The driver's memory is zero when it begins, at no cost: an OS has zeroed pages at hand. */
bool host_begin_memory(struct host *h)
{
    static const uint8_t zeros[HOST_PAGE];
    bool ok = h->memory_size > 0;
    for (uint64_t at = h->memory_at; ok && !h->memory_begun && at < h->memory_at + h->memory_size;
         at += HOST_PAGE)
        ok = host_is_memory(h, at) && host_poke(h, at, zeros, HOST_PAGE);
    h->memory_begun = ok;
    return ok;
}

uint64_t host_memory(struct host *h, uint64_t bytes, uint64_t align)
{
    uint64_t at = ((h->memory_at + h->memory_used + align - 1) & ~(align - 1)) - h->memory_at;
    if (bytes > h->memory_size || at > h->memory_size - bytes)
        return 0;
    h->memory_used = at + bytes;
    return h->memory_at + at;
}

/* -- Registers --------------------------------------------------------------------------------- */

static bool find_symbol(struct tb_model *of, const char *name, struct host_register *out)
{
    struct tb_symbol s;
    if (!tb_symbol(of, name, &s))
        return false;
    *out = (struct host_register){.address = s.address, .space = s.space, .size = s.size};
    return true;
}

bool host_find_register(struct host *h, const char *path, const struct tb_node *node,
                        struct host_register *out, struct tb_diag *diag)
{
    char model[128];
    const char *dot = strrchr(path, '.');
    if (!dot || (size_t)(dot - path) >= sizeof model) {
        tb_diag_node(diag, node, "'%s' is no register: they are written 'model.register'", path);
        return false;
    }
    snprintf(model, sizeof model, "%.*s", (int)(dot - path), path);
    struct tb_model *of = tb_find(h->m, model);
    if (!of) {
        tb_diag_node(diag, node, "there is no model '%s'", model);
        return false;
    }
    if (!find_symbol(of, dot + 1, out)) {
        tb_diag_node(diag, node, "'%s' has no register '%s'", model, dot + 1);
        return false;
    }
    return true;
}

/* -- Interrupt lines --------------------------------------------------------------------------- */

struct host_line *host_line_known(struct host *h, uint64_t number)
{
    for (size_t i = 0; i < h->line_count; i++)
        if (h->lines[i].number == number)
            return &h->lines[i];
    return NULL;
}

struct host_line *host_line_of(struct host *h, uint64_t number)
{
    struct host_line *known = host_line_known(h, number);
    if (known || h->line_count == h->line_limit)
        return known;
    struct host_line *line = &h->lines[h->line_count++];
    line->number = number;
    return line;
}

/* -- Devices ----------------------------------------------------------------------------------- */

static const char *const ide_names[IDE_REGISTERS] = {
    [IDE_BMICOM] = "bmicom",   [IDE_BMISTA] = "bmista",   [IDE_BMIDTP] = "bmidtp",
    [IDE_DATA] = "data",       [IDE_ERROR] = "error",     [IDE_FEATURES] = "features",
    [IDE_NSECT] = "nsect",     [IDE_LBAL] = "lbal",       [IDE_LBAM] = "lbam",
    [IDE_LBAH] = "lbah",       [IDE_DEVICE] = "device",   [IDE_STATUS] = "status",
    [IDE_COMMAND] = "command", [IDE_CONTROL] = "control", [IDE_ALTSTATUS] = "altstatus"};

/* Lines of PCI are shared, those of ISA are not: there the status alone does not say whose
 * interrupt it was, so the first has the line. */
static void join_line(struct host_channel *c)
{
    struct host_channel **last = &c->line->channel;
    while (*last && !(*last)->isa)
        last = &(*last)->next;
    if (c->line->channel == NULL || (!c->isa && !*last))
        *last = c;
}

static bool survey_channel(struct host *h, struct host_device *d, unsigned index)
{
    struct host_channel *c = &d->channels[index];
    uint64_t line;
    char name[32];
    c->device = d;
    c->index = index;
    for (unsigned r = 0; r < IDE_REGISTERS; r++) {
        snprintf(name, sizeof name, "%s%s", ide_names[r], index ? "1" : "");
        if (c->isa && r <= IDE_BMIDTP)
            continue;
        if (!find_symbol(d->model, name, &c->registers[r]))
            return false;
    }
    if (!tb_fact(d->model, index ? "irq1" : "irq0", &line))
        return true;
    c->line = host_line_of(h, line);
    if (c->line)
        join_line(c);
    return true;
}

static void survey_ide(struct host *h, struct host_device *d)
{
    char name[32];
    for (unsigned i = 0; i < HOST_CHANNELS * HOST_DRIVES; i++) {
        snprintf(name, sizeof name, "disk%u.sectors", i);
        if (!tb_fact(d->model, name, &d->sectors[i]))
            d->sectors[i] = 0;
    }
    d->is_ide = true;
    for (unsigned i = 0; i < HOST_CHANNELS; i++)
        d->is_ide = survey_channel(h, d, i) && d->is_ide;
}

/* A disk on an ISA DMA channel: one cable, no bus master, and the DMA controller's requester ID. */
static void survey_isa(struct host *h, struct tb_model *model)
{
    struct host_device *d = &h->devices[h->device_count];
    uint64_t channel;
    if (!tb_fact(model, "dma", &channel) || !isa_find(h, model, d))
        return;
    d->model = model;
    d->mode = HOST_PASSTHROUGH;
    d->is_ide = survey_channel(h, d, 0) && d->channels[0].line;
    h->device_count++;
}

static void survey_device(struct host *h, struct tb_model *model)
{
    uint64_t id, io, ats, kind;
    if (model == h->m)
        return;
    if (!tb_fact(model, "id", &id)) {
        survey_isa(h, model);
        return;
    }
    struct host_device *d = &h->devices[h->device_count++];
    d->model = model;
    d->id = (uint16_t)id;
    d->mode = HOST_PASSTHROUGH;
    d->capable = tb_fact(model, "ats", &ats) && ats;
    if (!tb_fact(model, "ats.depth", &d->depth) || d->depth > 32)
        d->depth = 0;
    if (tb_fact(model, "io", &io))
        survey_ide(h, d);
    if (tb_fact(model, "virtio", &kind))
        virtio_survey(h, d);
}

/* -- IOMMUs ------------------------------------------------------------------------------------ */

static void survey_iommu(struct host *h, struct tb_model *model)
{
    uint64_t number, line;
    const struct host_format *format =
        tb_fact(model, "iommu.format", &number) ? host_format_of(number) : NULL;
    if (!format)
        return;
    struct host_iommu *u = &h->iommus[h->iommu_count++];
    u->model = model;
    u->format = format;
    u->lowest = HOST_4GIB - 1;
    if (!tb_fact(model, "iommu.aperture", &u->first) ||
        !tb_fact(model, "iommu.aperture_size", &u->size))
        u->first = u->size = 0;
    for (const struct host_register_name *r = format->registers; r->name; r++)
        find_symbol(model, r->name, (struct host_register *)((char *)u + r->offset));
    if (!tb_fact(model, "iommu.irq", &line))
        return;
    struct host_line *of = host_line_of(h, line);
    if (of && !of->iommu)
        of->iommu = u;
    u->has_line = of != NULL;
}

static struct host_iommu *iommu_of_model(struct host *h, const struct tb_model *model)
{
    for (size_t i = 0; i < h->iommu_count; i++)
        if (h->iommus[i].model == model)
            return &h->iommus[i];
    return NULL;
}

/* Breadth first from the host: towards[i] is the neighbour of model i that is one link nearer to
 * the host. */
static void find_ways(struct host *h, struct tb_model **towards)
{
    size_t count = tb_model_count(h->m), head = 0, tail = 0;
    struct tb_model **queue = tb_alloc(h->m, count + 1, sizeof *queue);
    towards[h->m->index] = h->m;
    queue[tail++] = h->m;
    while (head < tail) {
        struct tb_model *at = queue[head++];
        if (at->class->optional_ports)
            continue; /* a device with a way of its own to memory: nobody else's */
        for (unsigned p = 0; p < tb_port_count(at); p++) {
            struct tb_model *peer = tb_port_peer(at, p);
            if (!peer || towards[peer->index])
                continue;
            towards[peer->index] = at;
            queue[tail++] = peer;
        }
    }
}

/* The nearest IOMMU on the device's way to the host, which begins at its first port. */
static void find_iommu_of(struct host *h, struct host_device *d, struct tb_model *const *towards)
{
    for (struct tb_model *at = tb_port_peer(d->model, 0); at && at != h->m;
         at = towards[at->index]) {
        d->iommu = iommu_of_model(h, at);
        if (d->iommu)
            return;
    }
}

bool host_survey(struct host *h, size_t steps, struct tb_diag *diag)
{
    size_t count = tb_model_count(h->m);
    (void)diag;
    h->line_limit = 3 * count + steps;
    h->domain_limit = count + steps;
    h->devices = tb_alloc(h->m, count + 1, sizeof *h->devices);
    h->iommus = tb_alloc(h->m, count + 1, sizeof *h->iommus);
    h->lines = tb_alloc(h->m, h->line_limit + 1, sizeof *h->lines);
    h->domains = tb_alloc(h->m, h->domain_limit + 1, sizeof *h->domains);
    h->guest_limit = steps;
    h->guests = tb_alloc(h->m, steps + 1, sizeof *h->guests);
    h->logs = tb_alloc(h->m, steps + 1, sizeof *h->logs);
    host_survey_ranges(h);
    place_memory(h);
    for (size_t i = 0; i < count; i++)
        survey_iommu(h, tb_model_at(h->m, i));
    for (size_t i = 0; i < count; i++)
        survey_device(h, tb_model_at(h->m, i));
    struct tb_model **towards = tb_alloc(h->m, count + 1, sizeof *towards);
    find_ways(h, towards);
    for (size_t i = 0; i < h->device_count; i++)
        find_iommu_of(h, &h->devices[i], towards);
    return true;
}

struct host_device *host_find_device(struct host *h, const char *name, const struct tb_node *node,
                                     struct tb_diag *diag)
{
    for (size_t i = 0; i < h->device_count; i++)
        if (strcmp(h->devices[i].model->name, name) == 0)
            return &h->devices[i];
    if (tb_find(h->m, name))
        tb_diag_node(diag, node, "'%s' is no device: it has no requester ID", name);
    else
        tb_diag_node(diag, node, "there is no model '%s'", name);
    return NULL;
}

struct host_iommu *host_find_iommu(struct host *h, const char *name, const struct tb_node *node,
                                   struct tb_diag *diag)
{
    struct tb_model *model = tb_find(h->m, name);
    struct host_iommu *u = model ? iommu_of_model(h, model) : NULL;
    if (!model)
        tb_diag_node(diag, node, "there is no model '%s'", name);
    else if (!u)
        tb_diag_node(diag, node, "'%s' has no IOMMU", name);
    return u;
}

struct host_domain *host_domain_of(struct host *h, struct host_iommu *iommu, uint16_t id)
{
    for (size_t i = 0; i < h->domain_count; i++)
        if (h->domains[i].iommu == iommu && h->domains[i].id == id)
            return &h->domains[i];
    if (h->domain_count == h->domain_limit)
        return NULL;
    struct host_domain *d = &h->domains[h->domain_count++];
    d->iommu = iommu;
    d->id = id;
    return d;
}
