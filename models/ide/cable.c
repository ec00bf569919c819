/* The cable: two drives behind one set of registers. */
#include "ide/ata.h"

bool ata_bus_open(struct ata_bus *b, const struct disk_params *const params[2],
                  enum ata_conform conform, void *(*page)(void *, size_t), void *owner,
                  unsigned *which, char *why)
{
    b->conform = (uint8_t)conform;
    b->selected = 0;
    for (unsigned i = 0; i < 2; i++)
        b->drive[i].disk.fd = -1;
    for (unsigned i = 0; i < 2; i++) {
        struct ata_drive *d = &b->drive[i];
        d->unit = (uint8_t)i;
        d->conform = (uint8_t)conform;
        d->params = params[i];
        d->present = params[i] != NULL;
        *which = i;
        if (d->present && !tb_medium_open(&d->disk, &params[i]->medium, page, owner, why))
            return false;
        ata_power_on(d);
    }
    return true;
}

void ata_bus_close(struct ata_bus *b)
{
    for (unsigned i = 0; i < 2; i++)
        if (b->drive[i].present)
            tb_medium_close(&b->drive[i].disk);
}

static struct ata_drive *selected(struct ata_bus *b)
{
    return &b->drive[b->selected];
}

static uint8_t read_pair(const struct ata_drive *d, struct ata_pair p)
{
    return d->control & ATA_CTL_HOB ? p.before : p.now;
}

/* What answers when the selected drive is not there (ATA/ATAPI-6, 9.16.1); -1: the drive does.
 * Nobody at all: the pull-down of DD7 alone speaks, QEMU reads zeros. */
static int absent(const struct ata_bus *b, unsigned reg)
{
    bool qemu = b->conform == CONFORM_QEMU, status = reg >= ATA_REG_STATUS;

    if (b->drive[b->selected].present)
        return -1;
    if (!b->drive[!b->selected].present)
        return qemu ? 0 : 0x7f;
    if (b->selected == 0)
        return qemu ? -1 : 0x7f;
    return status || (qemu && reg == ATA_REG_ERROR) ? 0 : -1;
}

/* Reading the status, and writing a command, take the selected drive's interrupt back; QEMU's,
 * both. */
static void drop_interrupt(struct ata_bus *b)
{
    b->fell = b->fell || ata_bus_line(b);
    selected(b)->pending = false;
    if (b->conform == CONFORM_QEMU)
        b->drive[!b->selected].pending = false;
}

static uint8_t read_status(struct ata_bus *b)
{
    drop_interrupt(b);
    return selected(b)->status;
}

uint8_t ata_bus_read(struct ata_bus *b, unsigned reg)
{
    int nobody = absent(b, reg);
    /* Device 0 answers for an absent device 1; both hold the same, they hear the same writes. */
    const struct ata_drive *d = selected(b);

    if (nobody >= 0) {
        if (reg == ATA_REG_STATUS)
            read_status(b);
        return (uint8_t)nobody;
    }
    switch (reg) {
    case ATA_REG_ERROR:
        return d->control & ATA_CTL_HOB ? d->feature.before : d->error;
    case ATA_REG_NSECT:
        return read_pair(d, d->nsect);
    case ATA_REG_LBAL:
        return read_pair(d, d->lbal);
    case ATA_REG_LBAM:
        return read_pair(d, d->lbam);
    case ATA_REG_LBAH:
        return read_pair(d, d->lbah);
    case ATA_REG_DEVICE:
        return d->device;
    case ATA_REG_STATUS:
        return read_status(b);
    case ATA_REG_CONTROL:
        return d->status;
    default:
        return 0xff;
    }
}

static void push(struct ata_pair *p, uint8_t value)
{
    *p = (struct ata_pair){value, p->now};
}

/* Command block registers other than the command: both drives hear them. While the selected one is
 * at work they are not taken (the specification leaves the result open, 7.1). */
static void write_block_register(struct ata_drive *d, unsigned reg, uint8_t value)
{
    d->control &= (uint8_t)~ATA_CTL_HOB;
    switch (reg) {
    case ATA_REG_FEATURES:
        push(&d->feature, value);
        break;
    case ATA_REG_NSECT:
        push(&d->nsect, value);
        break;
    case ATA_REG_LBAL:
        push(&d->lbal, value);
        break;
    case ATA_REG_LBAM:
        push(&d->lbam, value);
        break;
    case ATA_REG_LBAH:
        push(&d->lbah, value);
        break;
    case ATA_REG_DEVICE:
        d->device = value | ATA_DEV_ONES;
        break;
    default:
        break;
    }
}

/* Commands are not taken while the drive works: one that comes is lost (QEMU), its result open
 * (9.1). */
static void write_command(struct ata_bus *b, uint8_t opcode, tb_time now)
{
    struct ata_drive *d = selected(b), *other = &b->drive[!b->selected];
    bool qemu = b->conform == CONFORM_QEMU;

    drop_interrupt(b);
    if (!d->present && (!qemu || b->selected == 1))
        return;
    if (d->status & (ATA_BSY | ATA_DRQ) || d->state == ATA_AWAIT_WAKING)
        return;
    ata_command(d, opcode, now);
    if (opcode == ATA_DEVICE_DIAGNOSTIC && !qemu) { /* is for both; device 0 speaks (9.11) */
        if (other->present && !(other->status & (ATA_BSY | ATA_DRQ)))
            ata_command(other, opcode, now);
        b->selected = 0;
    }
}

static void write_control(struct ata_bus *b, uint8_t value, tb_time now)
{
    for (unsigned i = 0; i < 2; i++) {
        struct ata_drive *d = &b->drive[i];
        bool was = d->control & ATA_CTL_SRST, is = value & ATA_CTL_SRST;
        d->control = value;
        if (is && !was)
            ata_reset(d, now);
        else if (was && !is && d->state == ATA_AWAIT_RELEASE)
            ata_await(d, ATA_AWAIT_RESET, now + (d->params ? d->params->reset : 0), now);
    }
    if (value & ATA_CTL_SRST && b->conform == CONFORM_ATA)
        b->selected = 0;
}

void ata_bus_write(struct ata_bus *b, unsigned reg, uint8_t value, tb_time now)
{
    if (reg == ATA_REG_CONTROL) {
        write_control(b, value, now);
    } else if (reg == ATA_REG_COMMAND) {
        b->drive[0].control &= (uint8_t)~ATA_CTL_HOB;
        b->drive[1].control &= (uint8_t)~ATA_CTL_HOB;
        write_command(b, value, now);
    } else if (!(selected(b)->status & (ATA_BSY | ATA_DRQ))) {
        write_block_register(&b->drive[0], reg, value);
        write_block_register(&b->drive[1], reg, value);
        if (reg == ATA_REG_DEVICE)
            b->selected = value & ATA_DEV_DEV ? 1 : 0;
    }
}

uint16_t ata_bus_read_data(struct ata_bus *b, tb_time now)
{
    struct ata_drive *d = selected(b);

    return d->state == ATA_AWAIT_READER ? ata_take_word(d, now) : 0;
}

void ata_bus_write_data(struct ata_bus *b, uint16_t word, tb_time now)
{
    struct ata_drive *d = selected(b);

    if (d->state == ATA_AWAIT_WRITER)
        ata_bring_word(d, word, now);
}

bool ata_bus_line(const struct ata_bus *b)
{
    const struct ata_drive *d = &b->drive[b->selected];

    if (b->conform == CONFORM_QEMU)
        return b->drive[0].pending || b->drive[1].pending;
    return d->pending && d->present && !(d->control & ATA_CTL_NIEN);
}

tb_time ata_bus_word_time(const struct ata_bus *b)
{
    return ata_modes[b->drive[b->selected].pio].cycle;
}
