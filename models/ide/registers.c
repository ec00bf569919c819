/* Where the controller's registers are, and what an access to one does. */
#include "ide/bmide.h"
#include "ide/ports.h"

#include <string.h>

/* A block of ports. */
enum block { BLOCK_COMMAND, BLOCK_CONTROL, BLOCK_MASTER, BLOCKS };
struct place {
    struct bm_channel *channel;
    enum block block;
    uint32_t offset;
};

static const uint8_t block_ports[BLOCKS] = {8, 1, BMIDE_CHANNEL};

/* First port of a channel's block. In native mode (PCI IDE 1.0, 2.2) the blocks follow the
 * bus-master block: the command blocks at +20h and +28h, the control ports at +30h + 2 and +34h
 * + 2. */
static uint64_t block_base(const struct ide *s, unsigned channel, enum block block)
{
    static const uint16_t legacy[][BM_CHANNELS] = {{ATA_PRIMARY_COMMAND, ATA_SECONDARY_COMMAND},
                                                   {ATA_PRIMARY_CONTROL, ATA_SECONDARY_CONTROL}};

    if (block == BLOCK_MASTER)
        return s->p.io + BMIDE_CHANNEL * channel;
    if (s->p.legacy)
        return legacy[block][channel];
    return s->p.io + (block == BLOCK_COMMAND ? 0x20 + 8 * channel : 0x32 + 4 * channel);
}

static bool find_port(const struct ide *s, uint64_t address, struct place *out)
{
    for (unsigned i = 0; i < BM_CHANNELS; i++)
        for (unsigned b = 0; b < BLOCKS; b++) {
            uint64_t offset = address - block_base(s, i, (enum block)b);
            if (offset < block_ports[b]) {
                *out = (struct place){(struct bm_channel *)(uintptr_t)&s->channel[i], (enum block)b,
                                      (uint32_t)offset};
                return true;
            }
        }
    return false;
}

bool ide_claims(const struct ide *s, uint8_t space, uint64_t address)
{
    struct place place;

    if (space == TB_CONFIG)
        return address >> 12 == s->p.id;
    return space == TB_IO && find_port(s, address, &place);
}

void ide_add_claims(struct tb_model *m, struct tb_ranges *out)
{
    const struct ide *s = m->state;
    uint64_t config = (uint64_t)s->p.id << 12;

    for (unsigned i = 0; i < BM_CHANNELS; i++)
        for (unsigned b = 0; b < BLOCKS; b++) {
            uint64_t base = block_base(s, i, (enum block)b);
            tb_ranges_add(m, out,
                          (struct tb_range){.base = base,
                                            .last = base + block_ports[b] - 1,
                                            .space = TB_IO,
                                            .model = m->index});
        }
    tb_ranges_add(
        m, out,
        (struct tb_range){
            .base = config, .last = config + 0xfff, .space = TB_CONFIG, .model = m->index});
}

/* -- Bus-master block ---------------------------------------------------------------------- */

static uint8_t read_master_byte(const struct bm_channel *c, uint32_t offset, bool qemu)
{
    switch (offset) {
    case BMIDE_COMMAND:
        return c->command;
    case BMIDE_STATUS:
        return c->status;
    case BMIDE_COMMAND + 1:
    case BMIDE_STATUS + 1:
        return qemu ? 0xff : 0;
    default:
        return (uint8_t)(c->table >> 8 * (offset - BMIDE_TABLE));
    }
}

static void write_master_command(struct tb_model *m, struct bm_channel *c, uint8_t value)
{
    bool was = c->command & BMIDE_START, is = value & BMIDE_START;

    c->command = value & (BMIDE_START | BMIDE_TO_MEMORY);
    if (is && !was)
        bm_start(m, c);
    else if (was && !is)
        bm_stop(m, c);
}

static void write_master_byte(struct tb_model *m, struct bm_channel *c, uint32_t offset,
                              uint8_t value)
{
    uint8_t clear = value & (BMIDE_ERROR | BMIDE_INTERRUPT);

    if (offset == BMIDE_COMMAND) {
        write_master_command(m, c, value);
    } else if (offset == BMIDE_STATUS) {
        c->status = (uint8_t)((value & BMIDE_CAPABLE) | (c->status & ~BMIDE_CAPABLE & ~clear));
    } else if (offset >= BMIDE_TABLE) {
        unsigned shift = 8 * (offset - BMIDE_TABLE);
        c->table = (c->table & ~((uint32_t)0xff << shift)) | (uint32_t)value << shift;
        c->table &= ~3u;
    }
}

static void access_master(struct tb_model *m, const struct place *p, const struct tb_debug *a)
{
    const struct ide *s = m->state;
    bool qemu = s->p.conform == CONFORM_QEMU;

    /* QEMU knows the command and status ports as bytes only. */
    if (qemu && p->offset < BMIDE_TABLE && a->length != 1) {
        if (!a->write)
            memset(a->data, 0xff, a->length);
        return;
    }
    for (uint32_t i = 0; i < a->length; i++) {
        if (a->write)
            write_master_byte(m, p->channel, p->offset + i, a->data[i]);
        else
            a->data[i] = read_master_byte(p->channel, p->offset + i, qemu);
    }
}

/* -- Command block --------------------------------------------------------------------------- */

static bool is_data(const struct place *p, uint32_t length)
{
    return p->block == BLOCK_COMMAND && ata_ports_are_data(p->offset, length);
}

static void access_command(struct tb_model *m, const struct place *p, const struct tb_debug *a,
                           tb_time now)
{
    struct bm_channel *c = p->channel;

    ata_ports_access(&c->bus, p->block == BLOCK_CONTROL ? ATA_REG_CONTROL : p->offset, a, now);
    if (a->write && p->block == BLOCK_COMMAND && !is_data(p, a->length) &&
        p->offset + a->length > ATA_REG_COMMAND)
        bm_new_command(m, c);
}

/* -- Any of them ----------------------------------------------------------------------------- */

static enum tb_status access_config(struct ide *s, const struct tb_debug *a)
{
    uint32_t offset = a->address & 0xfff;

    if (a->length > 4 || a->length == 3 || offset % a->length)
        return TB_ABORT;
    if (a->write)
        pci_write(s, offset, a->data, a->length);
    else
        pci_read(s, offset, a->data, a->length);
    return TB_OK;
}

static enum tb_status access_port(struct tb_model *m, const struct place *p,
                                  const struct tb_debug *a, tb_time now)
{
    const struct ide *s = m->state;
    /* QEMU's legacy ports do not ask the I/O bit. */
    bool needs_io = p->block == BLOCK_MASTER || !s->p.legacy || s->p.conform == CONFORM_ATA;

    if (needs_io && !pci_io(s))
        return TB_UNSUPPORTED;
    if (!is_data(p, a->length) && (a->length > 4 || p->offset + a->length > block_ports[p->block]))
        return TB_ABORT;
    if (p->block == BLOCK_MASTER)
        access_master(m, p, a);
    else
        access_command(m, p, a, now);
    return TB_OK;
}

enum tb_status ide_access(struct tb_model *m, const struct tb_debug *a, tb_time now)
{
    struct ide *s = m->state;
    struct place place;
    enum tb_status status;

    if (a->length == 0 || !ide_claims(s, a->space, a->address))
        return TB_UNSUPPORTED;
    if (a->space == TB_CONFIG) {
        status = access_config(s, a);
        for (unsigned i = 0; a->write && i < BM_CHANNELS; i++)
            ide_settle(m, &s->channel[i], now);
        return status;
    }
    if (!find_port(s, a->address, &place))
        return TB_UNSUPPORTED;
    status = access_port(m, &place, a, now);
    ide_settle(m, place.channel, now);
    return status;
}

tb_time ide_access_time(const struct ide *s, uint8_t space, uint64_t address, uint32_t length)
{
    struct place place;

    if (space == TB_IO && find_port(s, address, &place) && is_data(&place, length))
        return length / 2 * ata_bus_word_time(&place.channel->bus);
    return s->p.register_latency;
}

/* -- Names ----------------------------------------------------------------------------------- */

struct name {
    const char *name;
    uint8_t block, offset, size;
};
static const struct name names[] = {
    {"bmicom", BLOCK_MASTER, BMIDE_COMMAND, 1},
    {"bmista", BLOCK_MASTER, BMIDE_STATUS, 1},
    {"bmidtp", BLOCK_MASTER, BMIDE_TABLE, 4},
    {"data", BLOCK_COMMAND, ATA_REG_DATA, 2},
    {"error", BLOCK_COMMAND, ATA_REG_ERROR, 1},
    {"features", BLOCK_COMMAND, ATA_REG_FEATURES, 1},
    {"nsect", BLOCK_COMMAND, ATA_REG_NSECT, 1},
    {"lbal", BLOCK_COMMAND, ATA_REG_LBAL, 1},
    {"lbam", BLOCK_COMMAND, ATA_REG_LBAM, 1},
    {"lbah", BLOCK_COMMAND, ATA_REG_LBAH, 1},
    {"device", BLOCK_COMMAND, ATA_REG_DEVICE, 1},
    {"status", BLOCK_COMMAND, ATA_REG_STATUS, 1},
    {"command", BLOCK_COMMAND, ATA_REG_COMMAND, 1},
    {"control", BLOCK_CONTROL, 0, 1},
    {"altstatus", BLOCK_CONTROL, 0, 1},
};

bool ide_find_symbol(const struct ide *s, const char *name, struct tb_symbol *out)
{
    size_t length = strlen(name);
    unsigned channel = length > 0 && name[length - 1] == '1';

    if (strcmp(name, "pcicmd") == 0) {
        *out = (struct tb_symbol){(uint64_t)s->p.id << 12 | BMIDE_CFG_COMMAND, TB_CONFIG, 2};
        return true;
    }
    length -= channel;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct name *n = &names[i];
        if (strlen(n->name) == length && strncmp(n->name, name, length) == 0) {
            *out = (struct tb_symbol){block_base(s, channel, (enum block)n->block) + n->offset,
                                      TB_IO, n->size};
            return true;
        }
    }
    return false;
}
