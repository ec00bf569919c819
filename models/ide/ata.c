/* The drive as a state machine: the cable's registers, blocks of PIO data, the stream of a DMA
 * command. */
#include "ide/ata.h"

#include <stdio.h>
#include <string.h>

/* Cycle times of a word: ATA/ATAPI-6 tables 46 to 49. UltraDMA moves a word per half cycle. */
const struct ata_mode ata_modes[] = {
    {ATA_KIND_PIO, 0, 600000},   {ATA_KIND_PIO, 1, 383000},   {ATA_KIND_PIO, 2, 240000},
    {ATA_KIND_PIO, 3, 180000},   {ATA_KIND_PIO, 4, 120000},   {ATA_KIND_MWDMA, 0, 480000},
    {ATA_KIND_MWDMA, 1, 150000}, {ATA_KIND_MWDMA, 2, 120000}, {ATA_KIND_UDMA, 0, 120000},
    {ATA_KIND_UDMA, 1, 80000},   {ATA_KIND_UDMA, 2, 60000},   {ATA_KIND_UDMA, 3, 45000},
    {ATA_KIND_UDMA, 4, 30000},   {ATA_KIND_UDMA, 5, 20000},   {ATA_KIND_UDMA, 6, 15000},
};
_Static_assert(sizeof ata_modes / sizeof ata_modes[0] == ATA_MODES, "every mode has its row");

const char *const ata_mode_names[] = {"pio0",   "pio1",   "pio2",  "pio3",  "pio4",  "mwdma0",
                                      "mwdma1", "mwdma2", "udma0", "udma1", "udma2", "udma3",
                                      "udma4",  "udma5",  "udma6", NULL};

enum { READY = ATA_DRDY | ATA_DSC };

/* -- Registers as addresses ------------------------------------------------------------------ */

static uint64_t chs_address(const struct ata_drive *d)
{
    uint64_t cylinder = (uint64_t)d->lbah.now << 8 | d->lbam.now;
    uint64_t head = d->device & ATA_DEV_HEAD;

    if (d->conform == CONFORM_ATA &&
        (d->lbal.now == 0 || d->lbal.now > d->track || head >= d->heads))
        return ATA_NOWHERE;
    /* Sector 0 is one before the track; QEMU goes there, and from the very first sector nowhere. */
    return (cylinder * d->heads + head) * d->track + d->lbal.now - 1;
}

uint64_t ata_address(const struct ata_drive *d, bool ext)
{
    uint64_t low = (uint64_t)d->lbah.now << 16 | (uint64_t)d->lbam.now << 8 | d->lbal.now;

    if (!(d->device & ATA_DEV_LBA))
        return chs_address(d);
    if (!ext)
        return (uint64_t)(d->device & ATA_DEV_HEAD) << 24 | low;
    return (uint64_t)d->lbah.before << 40 | (uint64_t)d->lbam.before << 32 |
           (uint64_t)d->lbal.before << 24 | low;
}

static void set_head(struct ata_drive *d, uint64_t head)
{
    d->device = (uint8_t)((d->device & ~ATA_DEV_HEAD) | (head & ATA_DEV_HEAD));
}

void ata_set_address(struct ata_drive *d, uint64_t lba, bool ext)
{
    uint64_t v = lba;

    if (!(d->device & ATA_DEV_LBA)) {
        uint64_t track = lba / d->track, cylinder = track / d->heads;
        set_head(d, track % d->heads);
        v = cylinder << 8 | (lba % d->track + 1);
    } else if (!ext) {
        set_head(d, lba >> 24);
    } else {
        d->lbal.before = (uint8_t)(lba >> 24);
        d->lbam.before = (uint8_t)(lba >> 32);
        d->lbah.before = (uint8_t)(lba >> 40);
    }
    d->lbal.now = (uint8_t)v;
    d->lbam.now = (uint8_t)(v >> 8);
    d->lbah.now = (uint8_t)(v >> 16);
}

/* -- Ends of commands ------------------------------------------------------------------------ */

void ata_raise(struct ata_drive *d)
{
    /* QEMU looks at nIEN only here; by the specification (5.2.9) it gates the line at any time. */
    if (d->conform == CONFORM_QEMU && d->control & ATA_CTL_NIEN)
        return;
    d->pending = true;
    d->raises++;
}

static void end_job(struct ata_drive *d, bool ok, uint8_t status, uint8_t error)
{
    d->status = status;
    d->error = error;
    d->state = ATA_AWAIT_COMMAND;
    d->due = TB_NEVER;
    d->job.live = false;
    d->job.ok = ok;
}

void ata_finish(struct ata_drive *d)
{
    bool dsc = d->conform == CONFORM_ATA || !(d->job.flags & ATA_NO_DSC);

    end_job(d, true, dsc ? READY : ATA_DRDY, 0);
    ata_raise(d);
}

void ata_fail(struct ata_drive *d, uint8_t error)
{
    uint8_t status = ATA_DRDY | ATA_ERR;

    if (d->conform == CONFORM_ATA) {
        status |= ATA_DSC;
        /* A medium that does not take data is a device fault: the write commands know no UNC
         * (8.41). */
        if (d->job.broken && d->job.flags & ATA_OUT)
            status |= ATA_DF;
    }
    end_job(d, false, status, error);
    ata_raise(d);
}

void ata_await(struct ata_drive *d, enum ata_state state, tb_time due, tb_time now)
{
    d->state = state;
    d->due = due;
    if (due <= now)
        ata_due(d, now);
}

/* -- Range and bad sectors ------------------------------------------------------------------- */

static enum tb_medium_op job_op(const struct ata_job *j)
{
    return j->flags & ATA_OUT ? TB_MEDIUM_WRITE : TB_MEDIUM_READ;
}

/* The end of what a command can address: 28 bits reach 2^28 - 1 sectors. QEMU lets them run past.
 */
static uint64_t address_end(const struct ata_drive *d)
{
    uint64_t sectors = d->disk.sectors;

    if (d->conform == CONFORM_ATA && !(d->job.flags & ATA_EXT) && sectors > ATA_MAX_28)
        return ATA_MAX_28;
    return sectors;
}

static bool in_range(const struct ata_drive *d, uint64_t lba, uint64_t count)
{
    uint64_t end = address_end(d);

    return lba < end && count <= end - lba;
}

/* The error for a sector that the medium does not give or take. */
static uint8_t medium_error(struct ata_drive *d)
{
    d->job.broken = true;
    return d->conform == CONFORM_QEMU || d->job.flags & ATA_OUT ? ATA_ABRT : ATA_UNC;
}

uint8_t ata_check(struct ata_drive *d)
{
    struct ata_job *j = &d->job;

    j->checked = true;
    j->good = j->sectors;
    if (!in_range(d, j->lba, j->sectors)) {
        j->good = 0;
        if (d->conform == CONFORM_QEMU)
            return ATA_ABRT;
        if (j->lba != ATA_NOWHERE &&
            j->lba < address_end(d)) /* the first address that is not there */
            ata_set_address(d, address_end(d), j->flags & ATA_EXT);
        return ATA_IDNF;
    }
    j->good = tb_medium_good(&d->disk, job_op(j), j->lba, j->sectors);
    if (d->conform == CONFORM_QEMU && j->good < j->sectors) { /* one host request: all or nothing */
        j->good = 0;
        return medium_error(d);
    }
    return 0;
}

/* The registers after `done` sectors: the next address, and how many are left. */
static void show_progress(struct ata_drive *d, uint64_t done)
{
    uint32_t left = d->job.sectors - (uint32_t)done;

    d->job.done = (uint32_t)done;
    ata_set_address(d, d->job.lba + done, d->job.flags & ATA_EXT);
    d->nsect.now = (uint8_t)left;
    if (d->job.flags & ATA_EXT)
        d->nsect.before = (uint8_t)(left >> 8);
}

/* Ends a command at its first bad sector, whose address the registers show (8.26.6); QEMU leaves
 * them. */
static void fail_medium(struct ata_drive *d)
{
    if (d->conform == CONFORM_ATA)
        show_progress(d, d->job.good);
    ata_fail(d, medium_error(d));
}

/* -- PIO data -------------------------------------------------------------------------------- */

static uint32_t block_sectors(const struct ata_drive *d)
{
    uint32_t left = d->job.sectors - d->job.done;
    uint32_t most = d->job.flags & ATA_BLOCKS ? d->multiple : 1;

    return left < most ? left : most;
}

static void open_block(struct ata_drive *d, enum ata_state state, uint32_t bytes)
{
    d->block_at = 0;
    d->block_size = bytes;
    d->status = READY | ATA_DRQ;
    d->state = state;
    d->due = TB_NEVER;
}

/* How many of the next n sectors can be moved; 0: the command has failed. */
static uint32_t usable(struct ata_drive *d, uint32_t n)
{
    struct ata_job *j = &d->job;
    uint64_t lba = j->lba + j->done;

    if (!in_range(d, lba, n)) { /* QEMU only: it looks block by block */
        ata_fail(d, ATA_ABRT);
        return 0;
    }
    uint64_t good = tb_medium_good(&d->disk, job_op(j), lba, n);
    if (good == 0 || (d->conform == CONFORM_QEMU && good < n)) {
        j->good = j->done;
        fail_medium(d);
        return 0;
    }
    return (uint32_t)good;
}

static void load_block(struct ata_drive *d)
{
    struct ata_job *j = &d->job;
    uint32_t n;

    if (j->opcode == ATA_IDENTIFY) {
        ata_identify(d, d->block);
        open_block(d, ATA_AWAIT_READER, ATA_SECTOR);
        ata_raise(d);
        return;
    }
    n = usable(d, block_sectors(d));
    if (n == 0)
        return;
    if (!tb_medium_read(&d->disk, (j->lba + j->done) * ATA_SECTOR, d->block, n * ATA_SECTOR)) {
        j->good = j->done;
        fail_medium(d);
        return;
    }
    show_progress(d, j->done + n);
    open_block(d, ATA_AWAIT_READER, n * ATA_SECTOR);
    ata_raise(d);
}

static void store_block(struct ata_drive *d)
{
    struct ata_job *j = &d->job;
    uint32_t n = d->block_size / ATA_SECTOR, good = usable(d, n);

    if (good == 0)
        return;
    if (!tb_medium_write(&d->disk, (j->lba + j->done) * ATA_SECTOR, d->block, good * ATA_SECTOR)) {
        j->good = j->done;
        fail_medium(d);
        return;
    }
    show_progress(d, j->done + good);
    if (good < n) {
        j->good = j->done;
        fail_medium(d);
    } else if (j->done == j->sectors) {
        ata_finish(d);
    } else {
        open_block(d, ATA_AWAIT_WRITER, block_sectors(d) * ATA_SECTOR);
        ata_raise(d);
    }
}

/* Overhead and medium come before the first block; those after it are under the head. */
static tb_time block_due(struct ata_drive *d, tb_time now)
{
    struct ata_job *j = &d->job;
    tb_time due = now;

    if (j->done > 0)
        return now;
    due += d->params->overhead;
    if (j->flags & ATA_MEDIUM && in_range(d, j->lba, j->sectors))
        due = tb_medium_access(&d->disk, j->lba, j->sectors, due);
    j->own += due - now;
    return due;
}

static void next_block(struct ata_drive *d, tb_time now)
{
    bool out = d->job.flags & ATA_OUT;

    d->status = READY | ATA_BSY;
    ata_await(d, out ? ATA_AWAIT_BLOCK_OUT : ATA_AWAIT_BLOCK_IN, block_due(d, now), now);
}

void ata_begin_pio(struct ata_drive *d, tb_time now)
{
    if (d->job.flags & ATA_OUT) /* the first block is asked for without an interrupt (9.6) */
        open_block(d, ATA_AWAIT_WRITER, block_sectors(d) * ATA_SECTOR);
    else
        next_block(d, now);
}

static uint16_t take_word(struct ata_drive *d, tb_time now)
{
    uint16_t word = (uint16_t)(d->block[d->block_at] | d->block[d->block_at + 1] << 8);

    d->block_at += 2;
    if (d->block_at < d->block_size)
        return word;
    if (d->job.opcode == ATA_IDENTIFY || d->job.done == d->job.sectors)
        end_job(d, true, READY, 0); /* no interrupt: the host has taken the last block (9.5) */
    else
        next_block(d, now);
    return word;
}

static void bring_word(struct ata_drive *d, uint16_t word, tb_time now)
{
    d->block[d->block_at] = (uint8_t)word;
    d->block[d->block_at + 1] = (uint8_t)(word >> 8);
    d->block_at += 2;
    if (d->block_at == d->block_size)
        next_block(d, now);
}

/* -- DMA data -------------------------------------------------------------------------------- */

bool ata_dma_wanted(const struct ata_drive *d)
{
    return d->state == ATA_AWAIT_MEDIUM || d->state == ATA_AWAIT_DMA;
}

/* Ready to transfer: DMARQ. */
static void request_dma(struct ata_drive *d)
{
    d->state = ATA_AWAIT_DMA;
    d->due = TB_NEVER;
    d->status = READY | ATA_DRQ;
    if (d->job.good == 0) /* the very first sector is bad */
        fail_medium(d);
}

bool ata_dma_begin(struct ata_drive *d, tb_time now)
{
    struct ata_job *j = &d->job;

    if (d->state == ATA_AWAIT_DMA && !j->checked) { /* QEMU: not before the table has been read */
        uint8_t error = ata_check(d);
        if (error) {
            ata_fail(d, error);
            return false;
        }
        tb_time due = tb_medium_access(&d->disk, j->lba, j->sectors, now);
        j->own += due - now;
        ata_await(d, ATA_AWAIT_MEDIUM, due, now);
    }
    return d->state == ATA_AWAIT_DMA;
}

uint64_t ata_dma_asked(const struct ata_drive *d)
{
    return (uint64_t)d->job.sectors * ATA_SECTOR - d->job.at;
}

uint64_t ata_dma_left(const struct ata_drive *d)
{
    return d->job.good * ATA_SECTOR - d->job.at;
}

tb_time ata_dma_time(const struct ata_drive *d, uint64_t bytes)
{
    tb_time mode = (bytes * ata_modes[d->dma].cycle + 1) / 2;

    return d->params->medium.media.time
               ? tb_max(mode, tb_rate_time_wide(d->params->medium.media, bytes))
               : mode;
}

/* The host's file failed at the sector that holds byte `at`: the stream ends before it. */
static void cut_stream(struct ata_drive *d, uint64_t at)
{
    d->job.good = at / ATA_SECTOR;
    d->job.at = d->job.good * ATA_SECTOR;
}

bool ata_dma_read(struct ata_drive *d, uint8_t *data, uint64_t bytes)
{
    struct ata_job *j = &d->job;

    if (!tb_medium_read(&d->disk, j->lba * ATA_SECTOR + j->at, data, bytes)) {
        cut_stream(d, j->at);
        return false;
    }
    j->at += bytes;
    return true;
}

void ata_dma_write(struct ata_drive *d, const uint8_t *data, uint64_t bytes)
{
    struct ata_job *j = &d->job;

    for (uint64_t n; bytes > 0 && ata_dma_left(d) > 0; data += n, bytes -= n) {
        uint64_t in_sector = j->at % ATA_SECTOR;
        n = ATA_SECTOR - in_sector < bytes ? ATA_SECTOR - in_sector : bytes;
        memcpy(d->block + in_sector, data, n);
        j->at += n;
        if (in_sector + n == ATA_SECTOR && /* only whole sectors reach the medium */
            !tb_medium_write(&d->disk, j->lba * ATA_SECTOR + j->at - ATA_SECTOR, d->block,
                             ATA_SECTOR))
            cut_stream(d, j->at - ATA_SECTOR);
    }
}

void ata_dma_end(struct ata_drive *d)
{
    if (d->job.good < d->job.sectors) {
        fail_medium(d);
        return;
    }
    show_progress(d, d->job.sectors);
    ata_finish(d);
}

void ata_dma_abort(struct ata_drive *d)
{
    bool qemu = d->conform == CONFORM_QEMU;

    end_job(d, false, qemu ? ATA_DRDY | ATA_ERR : READY | ATA_ERR, ATA_ABRT);
}

void ata_dma_drop(struct ata_drive *d)
{
    end_job(d, false, READY, 0);
}

/* -- Reset ----------------------------------------------------------------------------------- */

void ata_signature(struct ata_drive *d)
{
    uint8_t cylinder = d->present ? 0 : 0xff;

    d->nsect = d->lbal = (struct ata_pair){1, 0};
    d->lbam = d->lbah = (struct ata_pair){cylinder, 0};
    d->device = ATA_DEV_ONES;
    d->status = READY;
}

static void default_settings(struct ata_drive *d)
{
    d->heads = 16;
    d->track = 63;
    d->multiple = ATA_MULTIPLE_MAX;
    d->write_cache = d->look_ahead = true;
}

/* What the drive was doing is forgotten; a software reset begins (9.2). */
static void reset_drive(struct ata_drive *d, tb_time now)
{
    d->job.live = d->job.ok = false;
    d->pending = false;
    d->status = ATA_BSY;
    d->state = ATA_AWAIT_RELEASE;
    d->due = TB_NEVER;
    if (d->conform == CONFORM_QEMU) { /* it does not wait for SRST to fall */
        d->control &= (uint8_t)~ATA_CTL_SRST;
        ata_await(d, ATA_AWAIT_RESET, now + (d->params ? d->params->reset : 0), now);
    }
}

static void end_reset(struct ata_drive *d)
{
    d->state = ATA_AWAIT_COMMAND;
    d->due = TB_NEVER;
    if (!d->keep)
        default_settings(d);
    d->power = ATA_POWER_ACTIVE;
    ata_signature(d);
    d->error = ATA_DIAGNOSTIC_PASSED;
    if (d->conform == CONFORM_QEMU)
        ata_raise(d);
}

static void power_on(struct ata_drive *d)
{
    default_settings(d);
    d->power = ATA_POWER_ACTIVE;
    d->pio = ATA_MODE_PIO4;
    d->dma = d->params ? (uint8_t)d->params->mode : 0;
    if (ata_modes[d->dma].kind == ATA_KIND_PIO)
        d->pio = d->dma;
    ata_signature(d);
    d->error = d->conform == CONFORM_ATA ? ATA_DIAGNOSTIC_PASSED : 0;
    d->state = ATA_AWAIT_COMMAND;
    d->due = TB_NEVER;
}

/* -- What is due ----------------------------------------------------------------------------- */

static void due_end(struct ata_drive *d, tb_time now)
{
    (void)now;
    if (d->job.error)
        ata_fail(d, d->job.error);
    else
        ata_finish(d);
}

static void due_block_in(struct ata_drive *d, tb_time now)
{
    (void)now;
    load_block(d);
}

static void due_block_out(struct ata_drive *d, tb_time now)
{
    (void)now;
    store_block(d);
}

static void due_medium(struct ata_drive *d, tb_time now)
{
    (void)now;
    request_dma(d);
}

static void due_reset(struct ata_drive *d, tb_time now)
{
    (void)now;
    end_reset(d);
}

void ata_due(struct ata_drive *d, tb_time now)
{
    static void (*const steps[])(struct ata_drive *, tb_time) = {
        [ATA_AWAIT_END] = due_end,
        [ATA_AWAIT_BLOCK_IN] = due_block_in,
        [ATA_AWAIT_BLOCK_OUT] = due_block_out,
        [ATA_AWAIT_MEDIUM] = due_medium,
        [ATA_AWAIT_RESET] = due_reset,
        [ATA_AWAIT_WAKING] = NULL,
    };

    if (steps[d->state] && d->due <= now) {
        d->due = TB_NEVER;
        steps[d->state](d, now);
    }
}

/* -- The cable ------------------------------------------------------------------------------- */

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
        power_on(d);
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
            reset_drive(d, now);
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

    return d->state == ATA_AWAIT_READER ? take_word(d, now) : 0;
}

void ata_bus_write_data(struct ata_bus *b, uint16_t word, tb_time now)
{
    struct ata_drive *d = selected(b);

    if (d->state == ATA_AWAIT_WRITER)
        bring_word(d, word, now);
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
