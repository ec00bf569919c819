/* The `replay` step: runs a fio iolog through driver, IOMMU and disk.
 *
 * A request takes a slot (buffer pages of its own), maps them, goes to the drive as one or more
 * commands, is unmapped and, by the policy, invalidated. The drive does one command at a time;
 * while it is busy the driver maps what is next and finishes what is done. Requests are done in the
 * order of the log, so slots are used round and round: ended <= issued <= taken, and taken - ended
 * is at most the number of slots.
 */
#include "host.h"
#include "iolog.h"
#include "iova.h"

#include "spec/ata.h"
#include "spec/bmide.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { STRICT, DEFERRED, PASSTHROUGH, STATIC };
static const char *const mapping_names[] = {"strict", "deferred", "passthrough", "static", NULL};
enum { RECORDED, ASAP };
static const char *const timing_names[] = {"recorded", "asap", NULL};
enum { AUTO, ALWAYS, NEVER };
static const char *const lba48_names[] = {"auto", "always", "never", NULL};
enum { SCATTERED, CONTIGUOUS };
static const char *const pages_names[] = {"scattered", "contiguous", NULL};
enum { TOP_DOWN, RING };
static const char *const iova_names[] = {"top_down", "ring", NULL};
enum { ERRORS_REPORTED, ERRORS_COUNTED };
static const char *const errors_names[] = {"report", "count", NULL};

#define ISSUE_ACCESSES 24u
#define MAP_ACCESSES   8u
#define SPREAD         11u /* odd: page i of a slot lies at place i * SPREAD mod the slot's pages */

/* What the driver is doing. */
enum activity {
    REPLAY_AWAITS_ATTACH,
    REPLAY_AWAITS_STATIC_MAPS,
    REPLAY_CHOOSES,
    REPLAY_AWAITS_MAPS,
    REPLAY_AWAITS_TABLE_PAGES,
    REPLAY_AWAITS_TABLE,
    REPLAY_AWAITS_ISSUE,
    REPLAY_AWAITS_UNMAPS,
    REPLAY_AWAITS_INVALIDATION,
    REPLAY_AWAITS_FLUSH,
    REPLAY_AWAITS_FORCED_END,
    REPLAY_AWAITS_RESET
};

struct slot {
    const struct iolog_entry *entry;
    tb_time arrival;
    uint64_t iova;
    uint64_t done;  /* bytes transferred */
    uint64_t chunk; /* of the command in progress */
    bool failed;
};

struct unmapped {
    uint64_t iova, pages;
};

struct replay {
    const char *device, *path, *file;
    uint64_t drive, outstanding, batch, buffers_at, window_at, window_size, limit;
    unsigned mapping, timing, lba48, pages, iova, errors;
    tb_time flush_every, timeout;
    bool verify, has_buffers, has_timeout;

    struct iolog *log;
    struct host_channel *channel;
    struct host_domain *domain; /* NULL: nothing to map */
    struct slot *slots;
    struct unmapped *stale; /* unmapped, not invalidated yet */
    struct iova_space space;
    uint64_t slot_pages; /* a power of two */
    uint64_t next;       /* entry of the log */
    uint64_t taken, issued, ended;
    uint64_t stale_count, mapped; /* mapped: pages, of the slot that is being mapped */
    tb_time began, flush_at, give_up_at;
    bool active; /* the command of slot `issued` is in progress */
    bool stopped;
    enum activity activity;
    uint64_t prd_count, prd_bytes, first_bad, bad, wrong, first_wrong;
    struct table_job table;
    struct flush_job flush;
    struct attach_job attach;
    struct finish_job finish;
};

#define FIELD(f)    .offset = offsetof(struct replay, f)
#define OPTIONAL(f) .flags = TB_OPTIONAL, .present = offsetof(struct replay, f) + 1

static const struct tb_param window_table[] = {
    {.name = "at",
     .type = TB_COUNT,
     .offset = offsetof(struct replay, window_at) - offsetof(struct replay, window_at),
     .def = "0x40000000",
     .min = "0x1000000",
     .max = "0xf0000000",
     .doc = "first address, a multiple of 16 MiB"},
    {.name = "size",
     .type = TB_SIZE,
     .offset = offsetof(struct replay, window_size) - offsetof(struct replay, window_at),
     .def = "1GiB",
     .min = "16MiB",
     .max = "3GiB",
     .doc = "a multiple of 16 MiB"},
    {0},
};

static const struct tb_param replay_table[] = {
    {.name = "device",
     .type = TB_STRING,
     FIELD(device),
     .flags = TB_REQUIRED,
     .doc = "an ide controller"},
    {.name = "drive",
     .type = TB_COUNT,
     FIELD(drive),
     .def = "0",
     .max = "3",
     .doc = "which drive of it"},
    {.name = "iolog",
     .type = TB_PATH,
     FIELD(path),
     .flags = TB_REQUIRED,
     .doc = "a fio iolog, version 2 or 3"},
    {.name = "file",
     .type = TB_STRING,
     FIELD(file),
     .flags = TB_OPTIONAL,
     .doc = "whose requests, if the log has several files'"},
    {.name = "mapping",
     .type = TB_ENUM,
     FIELD(mapping),
     .names = mapping_names,
     .def = "strict",
     .doc = "strict: invalidate and wait at every unmap; deferred: in batches; passthrough: no "
            "translation; static: "
            "buffers are mapped once"},
    {.name = "timing",
     .type = TB_ENUM,
     FIELD(timing),
     .names = timing_names,
     .def = "asap",
     .doc = "requests come when the log says, or one takes the place of another"},
    {.name = "outstanding",
     .type = TB_COUNT,
     FIELD(outstanding),
     .def = "1",
     .min = "1",
     .max = "64",
     .doc = "requests that the driver has at once; the drive does one command at a time"},
    {.name = "batch",
     .type = TB_COUNT,
     FIELD(batch),
     .def = "256",
     .min = "1",
     .max = "65536",
     .doc = "deferred: so many unmapped ranges are invalidated together"},
    {.name = "flush_every",
     .type = TB_TIME,
     FIELD(flush_every),
     .def = "10ms",
     .min = "1ns",
     .max = "1000s",
     .doc = "deferred: or after this time, whichever is first"},
    {.name = "lba48",
     .type = TB_ENUM,
     FIELD(lba48),
     .names = lba48_names,
     .def = "auto",
     .doc = "48-bit commands; auto: where 28 bits or 256 sectors do not do; never: longer requests "
            "are split"},
    {.name = "pages",
     .type = TB_ENUM,
     FIELD(pages),
     .names = pages_names,
     .def = "scattered",
     .doc = "how a buffer's pages lie in memory"},
    {.name = "iova",
     .type = TB_ENUM,
     FIELD(iova),
     .names = iova_names,
     .def = "top_down",
     .doc = "how addresses are handed out"},
    {.name = "window",
     .type = TB_GROUP,
     FIELD(window_at),
     .sub = window_table,
     .doc = "where they are from"},
    {.name = "buffers",
     .type = TB_COUNT,
     FIELD(buffers_at),
     OPTIONAL(has_buffers),
     .doc = "physical address of the buffers; default: below the driver's memory"},
    {.name = "verify",
     .type = TB_BOOL,
     FIELD(verify),
     .def = "true",
     .doc = "compare buffer and disk after every command, at no cost in time"},
    {.name = "errors",
     .type = TB_ENUM,
     FIELD(errors),
     .names = errors_names,
     .def = "report",
     .doc = "failed requests and wrong bytes: a violation at the end, or counted only"},
    {.name = "limit",
     .type = TB_COUNT,
     FIELD(limit),
     .def = "0",
     .doc = "only so many requests; 0: all"},
    {.name = "timeout",
     .type = TB_TIME,
     FIELD(timeout),
     OPTIONAL(has_timeout),
     .min = "1ns",
     .max = "10000s",
     .doc = "after which a command is given up and the channel reset; default: the host's"},
    {0},
};

/* -- Preparing --------------------------------------------------------------------------------- */

static bool find_drive(struct host *h, struct replay *r, const struct tb_node *node,
                       struct tb_diag *diag)
{
    const struct tb_node *named = tb_node_get(node, "device");
    struct host_device *d = host_find_device(h, r->device, named, diag);
    if (!d)
        return false;
    if (!d->is_ide || d->channels[0].isa || !d->channels[r->drive / HOST_DRIVES].line) {
        tb_diag_node(diag, named, "'%s' is no bus-master ide controller with interrupts",
                     r->device);
        return false;
    }
    if (d->sectors[r->drive] == 0) {
        tb_diag_node(diag, named, "'%s' has no drive %" PRIu64, r->device, r->drive);
        return false;
    }
    r->channel = &d->channels[r->drive / HOST_DRIVES];
    if (!d->iommu && r->mapping != PASSTHROUGH) {
        tb_diag_node(diag, named,
                     "there is no IOMMU between '%s' and '%s': 'mapping' can only be passthrough",
                     r->device, h->m->name);
        return false;
    }
    if (d->iommu && !d->iommu->format->devices && r->mapping == PASSTHROUGH) {
        tb_diag_node(
            diag, named,
            "the IOMMU of '%s' (format %s) cannot pass a device: 'mapping' must be another",
            d->iommu->model->name, d->iommu->format->name);
        return false;
    }
    return !d->iommu || iommu_reserve(h, d->iommu, node, diag);
}

static bool place_buffers(struct host *h, struct replay *r, const struct tb_node *node,
                          struct tb_diag *diag)
{
    uint64_t pages = (r->log->longest + HOST_PAGE - 1) / HOST_PAGE;
    for (r->slot_pages = 1; r->slot_pages < pages;)
        r->slot_pages *= 2;
    uint64_t size = r->slot_pages * HOST_PAGE * r->outstanding;
    if (!r->has_buffers && h->buffers_at > size) {
        h->buffers_at -= size;
        r->buffers_at = h->buffers_at;
    }
    uint64_t last = r->buffers_at + size - 1;
    if (r->buffers_at % HOST_PAGE || r->buffers_at == 0 || last >> 32 ||
        !host_is_memory(h, r->buffers_at) || !host_is_memory(h, last)) {
        tb_diag_node(diag, node,
                     "the buffers (0x%" PRIx64
                     " bytes) need page-aligned memory below 4 GiB: 'buffers' must "
                     "say where, or 'outstanding' be less",
                     size);
        return false;
    }
    return true;
}

/* The table of the IOMMU's format has to reach the whole window. */
static bool check_window(struct host *h, const struct replay *r, const struct tb_node *node,
                         struct tb_diag *diag)
{
    struct host_iommu *u = r->channel->device->iommu;
    const struct table_job job = {.domain = r->domain,
                                  .start = r->window_at,
                                  .iova = r->window_at,
                                  .last = r->window_at + r->window_size - 1,
                                  .page = HOST_PAGE,
                                  .permissions = HOST_MAY_READ | HOST_MAY_WRITE};
    const char *wrong = u->format->refuses(h, u, &job);
    if (wrong)
        tb_diag_node(diag, node, "'%s' (format %s) cannot translate all of 'window': %s",
                     u->model->name, u->format->name, wrong);
    return !wrong;
}

static bool make_space(struct host *h, struct replay *r, const struct tb_node *node,
                       struct tb_diag *diag)
{
    const uint64_t unit = (uint64_t)16 << 20;
    const struct host_device *d = r->channel->device;
    uint64_t device = d->iommu->format->devices ? (uint64_t)(d - h->devices) + 1 : 0;
    if (r->window_at % unit || r->window_size % unit || (r->window_at + r->window_size - 1) >> 32) {
        tb_diag_node(diag, tb_node_get(node, "window"),
                     "must be multiples of 16 MiB, and end below 4 GiB");
        return false;
    }
    r->domain = r->channel->device->domain
                    ? r->channel->device->domain
                    : host_domain_of(h, r->channel->device->iommu, (uint16_t)device);
    r->space = (struct iova_space){
        .base = r->window_at, .pages = r->window_size / HOST_PAGE, .ring = r->iova == RING};
    r->space.used = tb_alloc(h->m, r->space.pages / 64, 8);
    r->stale = tb_alloc(h->m, r->batch + 1, sizeof *r->stale);
    return r->domain != NULL && check_window(h, r, node, diag);
}

static bool prepare_replay(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct replay *r = s->args;
    if (!find_drive(h, r, s->node, diag))
        return false;
    uint64_t bytes = r->channel->device->sectors[r->drive] * ATA_SECTOR;
    r->log = iolog_read(r->path, r->file, bytes, tb_node_get(s->node, "iolog"), diag);
    if (!r->log)
        return false;
    h->logs[h->log_count++] = r->log;
    if (r->limit && r->limit < r->log->count)
        r->log->count = r->limit;
    if (!r->has_timeout)
        r->timeout = h->params.timeout;
    r->slots = tb_alloc(h->m, r->outstanding, sizeof *r->slots);
    return place_buffers(h, r, s->node, diag) && ide_reserve(h, r->channel, s->node, diag) &&
           (r->mapping == PASSTHROUGH || make_space(h, r, s->node, diag));
}

/* -- Buffers ----------------------------------------------------------------------------------- */

static struct slot *slot_of(struct replay *r, uint64_t request)
{
    return &r->slots[request % r->outstanding];
}

static uint64_t page_at(const struct replay *r, const struct slot *slot, uint64_t page)
{
    uint64_t place = r->pages == SCATTERED ? page * SPREAD & (r->slot_pages - 1) : page;
    return r->buffers_at + ((uint64_t)(slot - r->slots) * r->slot_pages + place) * HOST_PAGE;
}

static uint64_t pages_of(const struct slot *slot)
{
    return (slot->entry->length + HOST_PAGE - 1) / HOST_PAGE;
}

/* The address the drive uses for a byte of the buffer. */
static uint64_t bus_address(const struct replay *r, const struct slot *slot, uint64_t offset)
{
    if (r->mapping != PASSTHROUGH)
        return slot->iova + offset;
    return page_at(r, slot, offset / HOST_PAGE) + offset % HOST_PAGE;
}

/* What a write writes tells which request of the log it was. */
static void fill_buffer(struct host *h, const struct replay *r, const struct slot *slot)
{
    uint8_t bytes[HOST_PAGE];
    uint64_t request = (uint64_t)(slot->entry - r->log->at);
    for (uint64_t p = 0; p < pages_of(slot); p++) {
        host_pattern_fill(bytes, sizeof bytes, HOST_MIX64, request << 32, p * HOST_PAGE);
        host_poke(h, page_at(r, slot, p), bytes, sizeof bytes);
    }
}

/* Are buffer and disk the same, as they must be after a read and after a write. */
static bool matches(struct host *h, const struct replay *r, const struct slot *slot)
{
    uint8_t buffer[HOST_PAGE], disk[HOST_PAGE];
    char storage[16];
    snprintf(storage, sizeof storage, "disk%u", (unsigned)r->drive);
    for (uint64_t at = slot->done; at < slot->done + slot->chunk;) {
        uint64_t size = HOST_PAGE - at % HOST_PAGE, left = slot->done + slot->chunk - at;
        size = left < size ? left : size;
        if (!host_peek(h, page_at(r, slot, at / HOST_PAGE) + at % HOST_PAGE, buffer,
                       (uint32_t)size) ||
            !tb_storage(r->channel->device->model, storage, slot->entry->offset + at, disk, size,
                        false) ||
            memcmp(buffer, disk, size) != 0)
            return false;
        at += size;
    }
    return true;
}

/* -- Mapping ----------------------------------------------------------------------------------- */

static enum host_verdict stop_at(struct host *h, struct replay *r, const struct host_step *s,
                                 tb_time when, const char *why)
{
    host_complain(h, s->node, when, "the replay stops at line %u of the log: %s",
                  r->next < r->log->count ? (unsigned)r->log->at[r->next].line : 0, why);
    r->stopped = true;
    return HOST_DONE;
}

/* Maps pages of a slot one by one, for they lie anywhere. HOST_DONE when the last store is done. */
static enum host_verdict map_slot(struct host *h, struct replay *r, const struct slot *slot,
                                  uint64_t pages, const struct host_step *s, tb_time when)
{
    while (r->mapped < pages && host_room(h) >= MAP_ACCESSES) {
        uint64_t iova = slot->iova + r->mapped * HOST_PAGE;
        struct table_job job = {.domain = r->domain,
                                .start = iova,
                                .iova = iova,
                                .last = iova + HOST_PAGE - 1,
                                .pa = page_at(r, slot, r->mapped),
                                .page = HOST_PAGE,
                                .permissions = HOST_MAY_READ | HOST_MAY_WRITE,
                                .node = s->node};
        /* A drive that is read writes memory, and the other way round. */
        if (r->mapping != STATIC)
            job.permissions = slot->entry->op == IOLOG_READ ? HOST_MAY_WRITE : HOST_MAY_READ;
        const char *wrong = table_step(h, &job, when);
        if (wrong)
            return stop_at(h, r, s, when, wrong);
        r->mapped++;
    }
    return h->flow->count ? HOST_AGAIN : HOST_DONE;
}

static enum host_verdict map_all(struct host *h, struct replay *r, const struct host_step *s,
                                 tb_time when)
{
    for (; r->taken < r->outstanding; r->taken++) {
        struct slot *slot = &r->slots[r->taken];
        if (!slot->iova)
            slot->iova = iova_take(&r->space, r->slot_pages);
        if (!slot->iova)
            return stop_at(h, r, s, when, "the window has no room for the buffers");
        enum host_verdict v = map_slot(h, r, slot, r->slot_pages, s, when);
        if (v == HOST_AGAIN || r->stopped)
            return v;
        r->mapped = 0;
    }
    r->taken = 0;
    r->activity = REPLAY_CHOOSES;
    return HOST_AGAIN;
}

static void begin_flush(struct host *h, struct replay *r)
{
    h->count.flushes++;
    r->flush = iommu_flush_of(r->domain, 0, UINT64_MAX);
    r->activity = REPLAY_AWAITS_FLUSH;
}

/* Takes the next request of the log into a slot. */
static enum host_verdict take_request(struct host *h, struct replay *r, const struct host_step *s,
                                      tb_time when)
{
    struct slot *slot = slot_of(r, r->taken);
    const struct iolog_entry *entry = &r->log->at[r->next];
    uint64_t iova = slot->iova;
    if (entry->op != IOLOG_SYNC && (r->mapping == STRICT || r->mapping == DEFERRED)) {
        iova = iova_take(&r->space, (entry->length + HOST_PAGE - 1) / HOST_PAGE);
        if (!iova && r->stale_count) {
            begin_flush(h, r);
            return HOST_AGAIN;
        }
        if (!iova)
            return stop_at(h, r, s, when, "the window has no room for its pages");
    }
    *slot = (struct slot){.entry = entry,
                          .iova = iova,
                          .arrival = r->timing == RECORDED ? r->began + entry->time : when};
    host_spend(h, when, h->params.step_time);
    if (entry->op == IOLOG_WRITE)
        fill_buffer(h, r, slot);
    r->next++;
    r->mapped = 0;
    r->activity = REPLAY_AWAITS_MAPS;
    return HOST_AGAIN;
}

static enum host_verdict await_maps(struct host *h, struct replay *r, const struct host_step *s,
                                    tb_time when)
{
    const struct slot *slot = slot_of(r, r->taken);
    bool maps = slot->entry->op != IOLOG_SYNC && (r->mapping == STRICT || r->mapping == DEFERRED);
    enum host_verdict v = maps ? map_slot(h, r, slot, pages_of(slot), s, when) : HOST_DONE;
    if (v == HOST_AGAIN || r->stopped)
        return v;
    r->taken++;
    r->activity = REPLAY_CHOOSES;
    return HOST_AGAIN;
}

/* -- Commands ---------------------------------------------------------------------------------- */

/* The longest piece from `offset` on that one descriptor can name: contiguous, and within 64 KiB.
 */
static uint64_t region(const struct replay *r, const struct slot *slot, uint64_t offset,
                       uint64_t end)
{
    uint64_t start = bus_address(r, slot, offset);
    uint64_t limit = BMIDE_PRD_MAX - start % BMIDE_PRD_MAX, size = HOST_PAGE - offset % HOST_PAGE;
    while (size < limit && offset + size < end &&
           bus_address(r, slot, offset + size) == start + size)
        size += HOST_PAGE;
    size = size < limit ? size : limit;
    return size < end - offset ? size : end - offset;
}

/* How much of the request the next command takes. */
static uint64_t chunk_of(const struct replay *r, const struct slot *slot)
{
    uint64_t left = slot->entry->length - slot->done;
    uint64_t most = (uint64_t)(r->lba48 == NEVER ? 256 : 65536) * ATA_SECTOR;
    return left < most ? left : most;
}

static bool wants_48(const struct replay *r, uint64_t lba, uint64_t sectors)
{
    return r->lba48 == ALWAYS ||
           (r->lba48 == AUTO && (sectors > 256 || lba + sectors > (uint64_t)1 << 28));
}

static void begin_issue(struct replay *r)
{
    struct slot *slot = slot_of(r, r->issued);
    slot->chunk = slot->entry->op == IOLOG_SYNC ? 0 : chunk_of(r, slot);
    r->prd_count = 0;
    r->prd_bytes = 0;
    r->activity = REPLAY_AWAITS_TABLE_PAGES;
}

static uint64_t count_prds(const struct replay *r, const struct slot *slot)
{
    uint64_t count = 0, end = slot->done + slot->chunk;
    for (uint64_t at = slot->done; at < end; at += region(r, slot, at, end))
        count++;
    return count;
}

static enum host_verdict await_table_pages(struct host *h, struct replay *r,
                                           const struct host_step *s, tb_time when)
{
    uint64_t bytes = count_prds(r, slot_of(r, r->issued)) * BMIDE_PRD_BYTES;
    enum host_verdict v = ide_map_table(h, r->channel, bytes, &r->table, s->node, when);
    if (v == HOST_DONE)
        r->activity = REPLAY_AWAITS_TABLE;
    return HOST_AGAIN;
}

static struct ide_command command_of(const struct replay *r, const struct slot *slot,
                                     const struct tb_node *node)
{
    uint64_t lba = (slot->entry->offset + slot->done) / ATA_SECTOR,
             sectors = slot->chunk / ATA_SECTOR;
    struct ide_command k = {
        .drive = (uint8_t)(r->drive % HOST_DRIVES), .wanted = IDE_ANY, .node = node, .start = true};
    if (slot->entry->op == IOLOG_SYNC) {
        k.opcode = ATA_FLUSH_CACHE;
        return k;
    }
    k.lba = lba;
    k.sectors = (uint32_t)sectors;
    k.lba48 = wants_48(r, lba, sectors);
    k.opcode = ide_opcode(slot->entry->op == IOLOG_WRITE, k.lba48);
    k.dma = true;
    k.to_memory = slot->entry->op == IOLOG_READ;
    k.table = ide_table_bus(r->channel);
    return k;
}

static enum host_verdict await_table(struct host *h, struct replay *r, const struct host_step *s)
{
    struct slot *slot = slot_of(r, r->issued);
    uint64_t end = slot->done + slot->chunk;
    while (r->prd_bytes < slot->chunk && host_room(h) > 0) {
        uint64_t at = slot->done + r->prd_bytes, size = region(r, slot, at, end);
        ide_put_prd(h, r->channel->prd_at + r->prd_count++ * BMIDE_PRD_BYTES,
                    (uint32_t)bus_address(r, slot, at), (uint32_t)size, at + size == end);
        r->prd_bytes += size;
    }
    if (r->prd_bytes < slot->chunk || host_room(h) < ISSUE_ACCESSES)
        return HOST_AGAIN;
    struct ide_command k = command_of(r, slot, s->node);
    ide_issue(h, r->channel, &k);
    r->active = true;
    r->activity = REPLAY_AWAITS_ISSUE;
    return HOST_AGAIN;
}

static enum host_verdict await_issue(struct replay *r, tb_time when)
{
    r->give_up_at = when + r->timeout;
    r->activity = REPLAY_CHOOSES;
    return HOST_AGAIN;
}

/* The command in progress has ended: the request goes on with its next one, or is done with the
 * drive. */
static void take_end(struct host *h, struct replay *r)
{
    struct slot *slot = slot_of(r, r->issued);
    struct host_line *line = r->channel->line;
    if (line->taken < line->handled)
        line->taken++;
    r->active = false;
    slot->failed = slot->failed || r->channel->failed;
    if (!slot->failed && r->verify && slot->entry->op != IOLOG_SYNC && !matches(h, r, slot)) {
        h->count.mismatches++;
        if (r->wrong++ == 0)
            r->first_wrong = slot->entry->line;
    }
    slot->done += slot->chunk;
    if (slot->failed || slot->done >= slot->entry->length)
        r->issued++;
}

static enum host_verdict force_end(struct host *h, struct replay *r, tb_time when)
{
    enum host_verdict v;
    if (r->activity == REPLAY_AWAITS_FORCED_END) {
        v = ide_finish(h, r->channel, &r->finish, true, when);
        if (v != HOST_DONE)
            return v;
        slot_of(r, r->issued)->failed = true;
        h->count.timeouts++;
        r->finish = (struct finish_job){0};
        r->activity = REPLAY_AWAITS_RESET;
    }
    v = ide_reset(h, r->channel, &r->finish, when);
    if (v != HOST_DONE)
        return v;
    r->activity = REPLAY_CHOOSES;
    return HOST_AGAIN;
}

/* -- Finishing --------------------------------------------------------------------------------- */

static void count_request(struct host *h, struct replay *r, const struct slot *slot, tb_time when)
{
    tb_time latency = when - slot->arrival;
    h->count.requests++;
    h->count.latency_sum += latency;
    h->count.latency_max = tb_max(h->count.latency_max, latency);
    h->count.syncs += slot->entry->op == IOLOG_SYNC;
    h->count.read_bytes += slot->entry->op == IOLOG_READ && !slot->failed ? slot->entry->length : 0;
    h->count.written_bytes +=
        slot->entry->op == IOLOG_WRITE && !slot->failed ? slot->entry->length : 0;
    if (slot->failed) {
        h->count.device_errors++;
        if (r->bad++ == 0)
            r->first_bad = slot->entry->line;
    }
}

static enum host_verdict end_request(struct host *h, struct replay *r, tb_time when)
{
    count_request(h, r, slot_of(r, r->ended), when);
    r->ended++;
    r->activity = REPLAY_CHOOSES;
    return HOST_AGAIN;
}

static enum host_verdict begin_end(struct host *h, struct replay *r, const struct host_step *s,
                                   tb_time when)
{
    const struct slot *slot = slot_of(r, r->ended);
    if (slot->entry->op == IOLOG_SYNC || r->mapping == PASSTHROUGH || r->mapping == STATIC)
        return end_request(h, r, when);
    r->table = (struct table_job){.domain = r->domain,
                                  .start = slot->iova,
                                  .iova = slot->iova,
                                  .last = slot->iova + pages_of(slot) * HOST_PAGE - 1,
                                  .unmap = true,
                                  .node = s->node};
    r->activity = REPLAY_AWAITS_UNMAPS;
    return HOST_AGAIN;
}

static enum host_verdict await_unmaps(struct host *h, struct replay *r, const struct host_step *s,
                                      tb_time when)
{
    const struct slot *slot = slot_of(r, r->ended);
    const char *wrong = table_step(h, &r->table, when);
    if (wrong)
        return stop_at(h, r, s, when, wrong);
    if (!r->table.over || h->flow->count)
        return HOST_AGAIN;
    r->table = (struct table_job){0};
    if (r->mapping == STRICT) {
        r->flush =
            iommu_flush_of(r->domain, slot->iova, slot->iova + pages_of(slot) * HOST_PAGE - 1);
        r->activity = REPLAY_AWAITS_INVALIDATION;
        return HOST_AGAIN;
    }
    if (r->stale_count == 0)
        r->flush_at = when + r->flush_every;
    r->stale[r->stale_count++] = (struct unmapped){slot->iova, pages_of(slot)};
    h->count.stale_max = tb_max(h->count.stale_max, r->stale_count);
    return end_request(h, r, when);
}

static enum host_verdict await_invalidation(struct host *h, struct replay *r,
                                            const struct host_step *s, tb_time when)
{
    const struct slot *slot = slot_of(r, r->ended);
    enum host_verdict v = iommu_flush(h, r->domain->iommu, &r->flush, true, s->node, when);
    if (v != HOST_DONE)
        return v;
    if (r->flush.command.failed)
        return stop_at(h, r, s, when, "an invalidation was not completed");
    iova_give(&r->space, slot->iova, pages_of(slot));
    return end_request(h, r, when);
}

static enum host_verdict await_flush(struct host *h, struct replay *r, const struct host_step *s,
                                     tb_time when)
{
    enum host_verdict v = iommu_flush(h, r->domain->iommu, &r->flush, true, s->node, when);
    if (v != HOST_DONE)
        return v;
    if (r->flush.command.failed)
        return stop_at(h, r, s, when, "an invalidation was not completed");
    for (uint64_t i = 0; i < r->stale_count; i++)
        iova_give(&r->space, r->stale[i].iova, r->stale[i].pages);
    r->stale_count = 0;
    r->activity = REPLAY_CHOOSES;
    return HOST_AGAIN;
}

/* -- Choosing what to do ----------------------------------------------------------------------- */

static bool may_take(const struct replay *r, tb_time when)
{
    return r->next < r->log->count && r->taken - r->ended < r->outstanding &&
           (r->timing == ASAP || when >= r->began + r->log->at[r->next].time);
}

static enum host_verdict finish(struct host *h, struct replay *r, const struct host_step *s,
                                tb_time when)
{
    h->count.trims += r->log->trims;
    if (r->bad && r->errors == ERRORS_REPORTED)
        host_complain(h, s->node, when,
                      "%" PRIu64 " requests failed, the first at line %" PRIu64 " of the log",
                      r->bad, r->first_bad);
    if (r->wrong && r->errors == ERRORS_REPORTED)
        host_complain(h, s->node, when,
                      "%" PRIu64
                      " transfers left buffer and disk different, the first at line %" PRIu64
                      " of the log",
                      r->wrong, r->first_wrong);
    r->stopped = true;
    return HOST_DONE;
}

static enum host_verdict sleep_until_needed(struct host *h, const struct replay *r)
{
    tb_time at = TB_NEVER;
    if (r->active)
        at = r->give_up_at;
    if (r->stale_count && r->flush_at < at)
        at = r->flush_at;
    if (r->timing == RECORDED && r->next < r->log->count && r->taken - r->ended < r->outstanding &&
        r->began + r->log->at[r->next].time < at)
        at = r->began + r->log->at[r->next].time;
    if (at != TB_NEVER)
        host_sleep(h, at);
    return HOST_WAITS;
}

/* The drive is kept busy first, then what it is done with is finished, then new requests are taken.
 */
static enum host_verdict choose(struct host *h, struct replay *r, const struct host_step *s,
                                tb_time when)
{
    if (r->active && !r->channel->busy)
        take_end(h, r);
    if (!r->active && r->issued < r->taken) {
        begin_issue(r);
        return HOST_AGAIN;
    }
    if (r->active && when >= r->give_up_at) {
        r->finish = (struct finish_job){0};
        r->activity = REPLAY_AWAITS_FORCED_END;
        return HOST_AGAIN;
    }
    bool over = r->next == r->log->count && r->ended == r->taken;
    if (r->stale_count && (over || r->stale_count >= r->batch || when >= r->flush_at)) {
        begin_flush(h, r);
        return HOST_AGAIN;
    }
    if (r->ended < r->issued)
        return begin_end(h, r, s, when);
    if (may_take(r, when))
        return take_request(h, r, s, when);
    return over ? finish(h, r, s, when) : sleep_until_needed(h, r);
}

/* -- The step ---------------------------------------------------------------------------------- */

static enum host_verdict await_attach(struct host *h, struct replay *r, const struct host_step *s,
                                      tb_time when)
{
    struct host_device *d = r->channel->device;
    enum host_mode mode = r->mapping == PASSTHROUGH ? HOST_PASSTHROUGH : HOST_TRANSLATE;
    bool needed = d->iommu && (!d->attached || d->mode != mode || r->attach.phase);
    r->attach.permissions = HOST_MAY_READ | HOST_MAY_WRITE;
    enum host_verdict v =
        needed ? iommu_attach(h, d, r->domain, mode, &r->attach, s->node, when) : HOST_DONE;
    if (v != HOST_DONE)
        return v;
    if (mode == HOST_TRANSLATE)
        r->domain = d->domain;
    if (mode == HOST_TRANSLATE && !r->domain->root)
        return stop_at(h, r, s, when, "its domain has no page table");
    r->began = when;
    r->activity = r->mapping == STATIC ? REPLAY_AWAITS_STATIC_MAPS : REPLAY_CHOOSES;
    return HOST_AGAIN;
}

static enum host_verdict do_activity(struct host *h, struct replay *r, const struct host_step *s,
                                     tb_time when)
{
    switch (r->activity) {
    case REPLAY_AWAITS_ATTACH:
        return await_attach(h, r, s, when);
    case REPLAY_AWAITS_STATIC_MAPS:
        return map_all(h, r, s, when);
    case REPLAY_CHOOSES:
        return choose(h, r, s, when);
    case REPLAY_AWAITS_MAPS:
        return await_maps(h, r, s, when);
    case REPLAY_AWAITS_TABLE_PAGES:
        return await_table_pages(h, r, s, when);
    case REPLAY_AWAITS_TABLE:
        return await_table(h, r, s);
    case REPLAY_AWAITS_ISSUE:
        return await_issue(r, when);
    case REPLAY_AWAITS_UNMAPS:
        return await_unmaps(h, r, s, when);
    case REPLAY_AWAITS_INVALIDATION:
        return await_invalidation(h, r, s, when);
    case REPLAY_AWAITS_FLUSH:
        return await_flush(h, r, s, when);
    default:
        return force_end(h, r, when);
    }
}

static enum host_verdict run_replay(struct host *h, struct host_step *s, tb_time when)
{
    struct replay *r = s->args;
    if (r->activity == REPLAY_AWAITS_ATTACH && r->channel->busy) {
        if (!r->give_up_at)
            r->give_up_at = when + r->timeout;
        if (when >= r->give_up_at)
            return stop_at(h, r, s, when, "the channel is still busy with an earlier command");
        host_sleep(h, r->give_up_at);
        return HOST_WAITS;
    }
    enum host_verdict v = HOST_AGAIN;
    while (v == HOST_AGAIN && h->flow->count == 0 && !r->stopped)
        v = do_activity(h, r, s, when);
    return r->stopped ? HOST_DONE : v;
}

const struct host_step_kind host_steps_replay[] = {
    {"replay", "runs a fio iolog through driver, IOMMU and disk", replay_table,
     sizeof(struct replay), prepare_replay, run_replay, true},
    {0},
};
