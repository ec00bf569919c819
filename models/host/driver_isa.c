/* Transfers over an ISA DMA channel; see isa.h. (8237A data sheet; ATA/ATAPI-6, 9.7.) */
#include "isa.h"

#include "spec/ata.h"
#include "spec/i8237.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECTORS_28 256u

/* -- What the machine has ---------------------------------------------------------------------- */

static bool named(struct tb_model *of, const char *stem, unsigned n, struct host_register *out)
{
    char name[32];
    struct tb_symbol s;
    snprintf(name, sizeof name, "%s%u", stem, n);
    if (!tb_symbol(of, name, &s))
        return false;
    *out = (struct host_register){.address = s.address, .space = s.space, .size = s.size};
    return true;
}

static bool survey_registers(struct host_isa *i, struct tb_model *controller)
{
    unsigned unit = i->channel < I8237_CASCADE ? 1 : 2;
    return named(controller, "address", i->channel, &i->address) &&
           named(controller, "count", i->channel, &i->count) &&
           named(controller, "page", i->channel, &i->page) &&
           named(controller, "mask", unit, &i->mask) && named(controller, "mode", unit, &i->mode) &&
           named(controller, "clear_toggle", unit, &i->toggle) &&
           named(controller, "mode", 2, &i->cascade_mode) &&
           named(controller, "mask", 2, &i->cascade_mask);
}

/* The controller that has the model on one of its channels. */
static struct tb_model *controller_of(struct host *h, const struct tb_model *model,
                                      uint64_t *channel)
{
    char key[160];
    snprintf(key, sizeof key, "channel.%s", model->name);
    for (size_t i = 0; i < tb_model_count(h->m); i++) {
        struct tb_model *m = tb_model_at(h->m, i);
        if (m != model && tb_fact(m, key, channel))
            return m;
    }
    return NULL;
}

bool isa_find(struct host *h, struct tb_model *model, struct host_device *d)
{
    uint64_t channel, id;
    struct tb_model *controller = controller_of(h, model, &channel);
    if (!controller || !tb_fact(controller, "id", &id))
        return false;
    struct host_isa *isa = tb_alloc(h->m, 1, sizeof *isa);
    isa->channel = (unsigned)channel;
    if (!survey_registers(isa, controller))
        return false;
    d->id = (uint16_t)id;
    d->channels[0].isa = isa;
    return true;
}

/* -- The channel ------------------------------------------------------------------------------- */

/* Controller 1 gets to the bus through channel 4: firmware's work, done once. */
static void open_cascade(struct host *h, struct host_isa *i)
{
    if (i->open || i->channel >= I8237_CASCADE)
        return;
    host_write(h, i->cascade_mode, I8237_TO_CASCADE);
    host_write(h, i->cascade_mask, 0);
    i->open = true;
}

static void write_pair(struct host *h, struct host_register r, uint32_t value)
{
    host_write(h, r, value & 0xff);
    host_write(h, r, value >> 8 & 0xff);
}

/* What does not fit into the registers is lost, as in hardware: that it fits is isa_run's duty. */
void isa_program(struct host *h, struct host_channel *c, const struct ide_command *k)
{
    struct host_isa *i = c->isa;
    uint32_t unit = i8237_unit(i->channel), at = unit == 1 ? k->table : k->table >> 1;
    uint8_t way = k->to_memory ? I8237_WRITE : I8237_READ;
    open_cascade(h, i);
    host_write(h, i->mask, I8237_SET | i->channel % 4);
    host_write(h, i->toggle, 0);
    host_write(h, i->mode, k->dma_mode | way | i->channel % 4);
    write_pair(h, i->address, at);
    host_write(h, i->page, k->table >> 16 & 0xff);
    write_pair(h, i->count, k->sectors * ATA_SECTOR / unit - 1);
    host_write(h, i->mask, i->channel % 4);
}

void isa_stop(struct host *h, struct host_channel *c)
{
    host_write(h, c->isa->mask, I8237_SET | c->isa->channel % 4);
}

/* -- Runs -------------------------------------------------------------------------------------- */

/* Moves a place in a list of regions on. */
static void move_on(const struct ide_command *k, struct isa_place *p, uint64_t bytes)
{
    p->offset += bytes;
    while (p->region < k->region_count && p->offset >= k->regions[p->region].bytes) {
        p->offset -= k->regions[p->region].bytes;
        p->region++;
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Bytes from a place on that lie in a row, over regions that follow each other. */
static uint64_t in_a_row(const struct ide_command *k, const struct isa_place *p)
{
    const struct ide_region *r = &k->regions[p->region];
    uint64_t bytes = r->bytes - p->offset;
    for (size_t i = p->region + 1;
         i < k->region_count && k->regions[i].iova == r->iova + p->offset + bytes; i++)
        bytes += k->regions[i].bytes;
    return bytes;
}

static uint64_t unit_of(const struct isa_transfer *t)
{
    return i8237_unit(t->channel->isa->channel);
}

/* Bytes from an address that the channel can move without leaving its 64 or 128 KiB; 0: none. */
static uint64_t reachable(const struct isa_transfer *t, uint64_t address, uint64_t bytes)
{
    uint64_t window = unit_of(t) * 65536;
    if (address >= ISA_REACH || address % unit_of(t))
        return 0;
    return least(bytes, window - address % window);
}

/* The next run of whole sectors at p: its bus address, its length, whether it bounces. */
static void next_run(const struct host *h, const struct isa_transfer *t, const struct isa_place *p,
                     uint64_t left, struct isa_job *j)
{
    const struct ide_region *r = &t->command->regions[p->region];
    uint64_t most = t->command->lba48 ? left : least(left, SECTORS_28 * ATA_SECTOR);
    uint64_t rest = least(in_a_row(t->command, p), most), address = r->iova + p->offset;
    uint64_t direct = reachable(t, address, rest) / ATA_SECTOR * ATA_SECTOR;

    if (t->bounce == ISA_BOUNCE_NEVER)
        direct = least(rest, unit_of(t) * 65536) / ATA_SECTOR * ATA_SECTOR;
    j->bounces = t->bounce == ISA_BOUNCE_ALWAYS || direct == 0;
    if (!j->bounces) {
        j->bytes = (uint32_t)direct;
        j->address = (uint32_t)address;
        return;
    }
    /* A sector across a boundary goes alone: what is behind it need not bounce. */
    bool alone = t->bounce != ISA_BOUNCE_ALWAYS && reachable(t, address, rest) > 0;
    rest = rest / ATA_SECTOR * ATA_SECTOR;
    j->bytes = alone || rest == 0 ? ATA_SECTOR : (uint32_t)least(rest, h->params.bounce.size);
    j->address = (uint32_t)h->params.bounce.at;
}

/* -- Compiling --------------------------------------------------------------------------------- */

static bool may_bounce(const struct host *h, const struct isa_transfer *t)
{
    struct isa_place p = {0};
    struct isa_job j = {0};
    uint64_t left = (uint64_t)t->command->sectors * ATA_SECTOR;
    for (; left > 0; left -= j.bytes) {
        next_run(h, t, &p, left, &j);
        if (j.bounces)
            return true;
        move_on(t->command, &p, j.bytes);
    }
    return false;
}

static bool has_buffer(struct host *h)
{
    uint64_t at = h->params.bounce.at, size = h->params.bounce.size;
    return host_is_memory(h, at) && host_is_memory(h, at + size - 1);
}

bool isa_prepare(struct host *h, struct isa_transfer *t, const struct tb_node *node,
                 struct tb_diag *diag)
{
    const struct ide_command *k = t->command;
    uint64_t bytes = 0;
    for (size_t i = 0; i < k->region_count; i++)
        bytes += k->regions[i].bytes;
    if (bytes < (uint64_t)k->sectors * ATA_SECTOR) {
        tb_diag_node(diag, node, "the regions hold %" PRIu64 " bytes, the sectors %" PRIu64, bytes,
                     (uint64_t)k->sectors * ATA_SECTOR);
        return false;
    }
    if (may_bounce(h, t) && !has_buffer(h)) {
        tb_diag_node(diag, node,
                     "the channel does not reach all of it, and there is no memory for a bounce "
                     "buffer at 0x%" PRIx64 ": see 'bounce_buffer' of '%s'",
                     h->params.bounce.at, h->m->name);
        return false;
    }
    t->lines = tb_alloc(h->m, ISA_LINES, HOST_LINE_BYTES);
    return true;
}

/* -- The copy ---------------------------------------------------------------------------------- */

/* How many bytes of the run a load and a store can move next: neither leaves its 64 bytes. */
static uint64_t line_at(const struct isa_transfer *t, const struct isa_job *j, uint64_t left,
                        uint64_t *memory)
{
    const struct ide_region *r = &t->command->regions[j->copy.region];
    uint64_t buffer = j->address + (j->bytes - left);
    *memory = r->iova + j->copy.offset;
    left = least(left, r->bytes - j->copy.offset);
    left = least(left, HOST_LINE_BYTES - *memory % HOST_LINE_BYTES);
    return least(left, HOST_LINE_BYTES - buffer % HOST_LINE_BYTES);
}

/* Between memory and bounce buffer; true when all loads and stores are queued and done. */
static bool copy(struct host *h, const struct isa_transfer *t, struct isa_job *j, bool to_buffer)
{
    bool idle = j->copied == j->bytes;
    for (unsigned line = 0; j->copied < j->bytes && line < ISA_LINES && host_room(h) > 2; line++) {
        uint64_t memory, buffer = j->address + j->copied;
        uint64_t n = line_at(t, j, j->bytes - j->copied, &memory);
        uint8_t *data = t->lines + line * HOST_LINE_BYTES;
        host_move(h, to_buffer ? memory : buffer, TB_MEMORY, data, (unsigned)n, false);
        host_move(h, to_buffer ? buffer : memory, TB_MEMORY, data, (unsigned)n, true);
        j->copied += (uint32_t)n;
        if (h->params.posted && !to_buffer && j->copied == j->bytes) /* a read flushes them (PCI) */
            host_move(h, memory, TB_MEMORY, data, (unsigned)n, false);
        move_on(t->command, &j->copy, n);
    }
    return idle;
}

/* -- Running ----------------------------------------------------------------------------------- */

enum {
    ISA_AWAITS_CHANNEL,
    ISA_AWAITS_COPY_IN,
    ISA_AWAITS_ISSUE,
    ISA_AWAITS_START,
    ISA_AWAITS_END,
    ISA_AWAITS_COPY_OUT
};

static bool expired(struct host *h, const struct isa_transfer *t, tb_time deadline, tb_time when,
                    const char *what)
{
    if (when < deadline) {
        host_sleep(h, deadline);
        return false;
    }
    host_complain_of_wait(h, t->command->node, when, t->timeout, what, t->name);
    return true;
}

/* Behind an IOMMU the buffer is not where the channel looks for it: that driver maps what it
 * transfers to where the channel reaches. */
static bool is_translated(const struct host_device *d)
{
    return d->iommu && d->attached && d->mode == HOST_TRANSLATE;
}

static enum host_verdict begin_run(struct host *h, const struct isa_transfer *t, tb_time when)
{
    struct isa_job *j = &h->work.isa;
    const struct ide_command *k = t->command;
    uint64_t left = (uint64_t)(k->sectors - j->sectors) * ATA_SECTOR;
    if (left == 0)
        return HOST_DONE;
    next_run(h, t, &j->place, left, j);
    j->copy = j->place;
    j->copied = 0;
    if (j->bounces && is_translated(t->channel->device)) {
        host_complain(h, k->node, when,
                      "IOVA 0x%" PRIx64 " of '%s' is not where its DMA channel reaches: map it "
                      "below 16 MiB, and not across %" PRIu64 " KiB within a sector",
                      k->regions[j->place.region].iova + j->place.offset, t->name, unit_of(t) * 64);
        return HOST_DONE;
    }
    h->count.bounces += j->bounces;
    h->count.bounced_bytes += j->bounces ? j->bytes : 0;
    j->phase = j->bounces && !k->to_memory ? ISA_AWAITS_COPY_IN : ISA_AWAITS_ISSUE;
    return HOST_AGAIN;
}

static enum host_verdict issue(struct host *h, const struct isa_transfer *t)
{
    struct isa_job *j = &h->work.isa;
    struct ide_command k = *t->command;
    k.lba += j->sectors;
    k.sectors = j->bytes / ATA_SECTOR;
    k.table = j->address;
    k.dma_mode = t->mode;
    ide_issue(h, t->channel, &k);
    j->issued = t->channel->issued;
    j->phase = ISA_AWAITS_START;
    return HOST_AGAIN;
}

/* The command's end, and its interrupt, which no later step is to see. */
static enum host_verdict await_end(struct host *h, const struct isa_transfer *t, tb_time when)
{
    struct isa_job *j = &h->work.isa;
    struct host_channel *c = t->channel;
    if (c->finished < j->issued)
        return expired(h, t, j->deadline, when, "the command's end") ? HOST_DONE : HOST_WAITS;
    if (c->line->taken < c->line->handled)
        c->line->taken++;
    if (c->failed)
        return HOST_DONE;
    j->phase = ISA_AWAITS_COPY_OUT;
    return HOST_AGAIN;
}

static enum host_verdict end_run(struct host *h, const struct isa_transfer *t, tb_time when)
{
    struct isa_job *j = &h->work.isa;
    if (j->bounces && t->command->to_memory && !copy(h, t, j, false))
        return HOST_AGAIN;
    j->sectors += j->bytes / ATA_SECTOR;
    move_on(t->command, &j->place, j->bytes);
    return begin_run(h, t, when);
}

enum host_verdict isa_run(struct host *h, const struct isa_transfer *t, tb_time when)
{
    struct isa_job *j = &h->work.isa;
    switch (j->phase) {
    case ISA_AWAITS_CHANNEL:
        if (t->channel->busy)
            return expired(h, t, h->work.begun + t->timeout, when, "the last command") ? HOST_DONE
                                                                                       : HOST_WAITS;
        return begin_run(h, t, when);
    case ISA_AWAITS_COPY_IN:
        if (copy(h, t, j, true))
            j->phase = ISA_AWAITS_ISSUE;
        return HOST_AGAIN;
    case ISA_AWAITS_ISSUE:
        return issue(h, t);
    case ISA_AWAITS_START:
        j->deadline = when + t->timeout;
        j->phase = ISA_AWAITS_END;
        return await_end(h, t, when);
    case ISA_AWAITS_END:
        return await_end(h, t, when);
    default:
        return end_run(h, t, when);
    }
}
