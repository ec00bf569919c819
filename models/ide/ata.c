/* The drive as a state machine: addresses, ends of commands, reset, what is due. */
#include "ide/ata.h"

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

void ata_end_job(struct ata_drive *d, bool ok, uint8_t status, uint8_t error)
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

    ata_end_job(d, true, dsc ? ATA_READY : ATA_DRDY, 0);
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
    ata_end_job(d, false, status, error);
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

/* The end of what a command can address: 28 bits reach 2^28 - 1 sectors. QEMU lets them run past.
 */
static uint64_t address_end(const struct ata_drive *d)
{
    uint64_t sectors = d->disk.sectors;

    if (d->conform == CONFORM_ATA && !(d->job.flags & ATA_EXT) && sectors > ATA_MAX_28)
        return ATA_MAX_28;
    return sectors;
}

bool ata_in_range(const struct ata_drive *d, uint64_t lba, uint64_t count)
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
    if (!ata_in_range(d, j->lba, j->sectors)) {
        j->good = 0;
        if (d->conform == CONFORM_QEMU)
            return ATA_ABRT;
        if (j->lba != ATA_NOWHERE &&
            j->lba < address_end(d)) /* the first address that is not there */
            ata_set_address(d, address_end(d), j->flags & ATA_EXT);
        return ATA_IDNF;
    }
    j->good = tb_medium_good(&d->disk, ata_job_op(j), j->lba, j->sectors);
    if (d->conform == CONFORM_QEMU && j->good < j->sectors) { /* one host request: all or nothing */
        j->good = 0;
        return medium_error(d);
    }
    return 0;
}

void ata_show_progress(struct ata_drive *d, uint64_t done)
{
    uint32_t left = d->job.sectors - (uint32_t)done;

    d->job.done = (uint32_t)done;
    ata_set_address(d, d->job.lba + done, d->job.flags & ATA_EXT);
    d->nsect.now = (uint8_t)left;
    if (d->job.flags & ATA_EXT)
        d->nsect.before = (uint8_t)(left >> 8);
}

void ata_fail_medium(struct ata_drive *d)
{
    if (d->conform == CONFORM_ATA)
        ata_show_progress(d, d->job.good);
    ata_fail(d, medium_error(d));
}

/* -- Reset ----------------------------------------------------------------------------------- */

void ata_signature(struct ata_drive *d)
{
    uint8_t cylinder = d->present ? 0 : 0xff;

    d->nsect = d->lbal = (struct ata_pair){1, 0};
    d->lbam = d->lbah = (struct ata_pair){cylinder, 0};
    d->device = ATA_DEV_ONES;
    d->status = ATA_READY;
}

static void default_settings(struct ata_drive *d)
{
    d->heads = 16;
    d->track = 63;
    d->multiple = ATA_MULTIPLE_MAX;
    d->write_cache = d->look_ahead = true;
}

void ata_reset(struct ata_drive *d, tb_time now)
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

void ata_power_on(struct ata_drive *d)
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
    ata_load_block(d);
}

static void due_block_out(struct ata_drive *d, tb_time now)
{
    (void)now;
    ata_store_block(d);
}

static void due_medium(struct ata_drive *d, tb_time now)
{
    (void)now;
    ata_request_dma(d);
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
