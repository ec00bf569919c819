/* The command set, as a table: what each command does before it waits for anything (ATA/ATAPI-6,
 * 8). */
#include "ide/ata.h"

/* What became of a command when its handler returns. */
enum outcome {
    DONE,    /* ends with success after the overhead (and what the handler added to `own`) */
    STARTED, /* in a state of its own */
    ABORTED, /* ends with ABRT */
    FAILED   /* ends with job.error */
};

struct row {
    enum outcome (*begin)(struct ata_drive *d, tb_time now);
    unsigned flags; /* enum ata_flags */
};

static bool is_qemu(const struct ata_drive *d)
{
    return d->conform == CONFORM_QEMU;
}

/* Sector count 0 is the largest count (8.23.4). */
static uint32_t count_of(const struct ata_drive *d, bool ext)
{
    uint32_t n = ext ? (uint32_t)d->nsect.before << 8 | d->nsect.now : d->nsect.now;

    return n ? n : ext ? 65536 : 256;
}

/* Takes address and count from the registers; false: the command cannot be used like this. */
static bool take_request(struct ata_drive *d)
{
    struct ata_job *j = &d->job;
    bool ext = j->flags & ATA_EXT;

    j->sectors = count_of(d, ext);
    j->lba = ata_address(d, ext);
    j->good = j->sectors;
    if (!d->present || (j->flags & ATA_BLOCKS && d->multiple == 0))
        return false;
    if (is_qemu(d))
        return true;
    /* 48-bit commands know LBA only; a drive without a DMA mode knows no DMA. */
    return !(ext && !(d->device & ATA_DEV_LBA)) &&
           !(j->flags & ATA_DMA && ata_modes[d->dma].kind == ATA_KIND_PIO);
}

static tb_time access_from(struct ata_drive *d, tb_time now)
{
    tb_time due = tb_medium_access(&d->disk, d->job.lba, d->job.sectors, now);

    d->job.own += due - now;
    return due;
}

static enum outcome begin_dma(struct ata_drive *d, tb_time now)
{
    if (is_qemu(d)) { /* at once DRQ; range and medium are looked at when the table is there */
        d->status = ATA_DRDY | ATA_DSC | ATA_DRQ;
        d->state = ATA_AWAIT_DMA;
        d->due = TB_NEVER;
        return STARTED;
    }
    d->job.error = ata_check(d);
    if (d->job.error)
        return FAILED;
    d->status = ATA_DRDY | ATA_DSC | ATA_BSY;
    d->job.own = d->params->overhead;
    ata_await(d, ATA_AWAIT_MEDIUM, access_from(d, now + d->params->overhead), now);
    return STARTED;
}

static enum outcome begin_transfer(struct ata_drive *d, tb_time now)
{
    if (!take_request(d))
        return ABORTED;
    if (d->job.flags & ATA_DMA)
        return begin_dma(d, now);
    if (!is_qemu(d)) {
        d->job.error = ata_check(d);
        if (d->job.error)
            return FAILED;
    }
    ata_begin_pio(d, now);
    return STARTED;
}

static enum outcome begin_identify(struct ata_drive *d, tb_time now)
{
    if (!d->present)
        return ABORTED;
    ata_begin_pio(d, now);
    return STARTED;
}

static enum outcome begin_verify(struct ata_drive *d, tb_time now)
{
    struct ata_job *j = &d->job;

    if (!take_request(d))
        return ABORTED;
    if (is_qemu(d)) /* looks at nothing */
        return DONE;
    j->error = ata_check(d);
    if (!j->error && j->good < j->sectors) {
        j->error = ATA_UNC;
        ata_set_address(d, j->lba + j->good, j->flags & ATA_EXT);
    }
    if (!j->error || j->error == ATA_UNC)
        access_from(d, now + d->params->overhead);
    return j->error ? FAILED : DONE;
}

static enum outcome begin_seek(struct ata_drive *d, tb_time now)
{
    struct ata_job *j = &d->job;

    if (!d->present)
        return ABORTED;
    j->lba = ata_address(d, false);
    j->sectors = 1;
    if (is_qemu(d))
        return DONE;
    j->error = ata_check(d);
    if (j->error == ATA_IDNF)
        return FAILED;
    j->error = 0;
    access_from(d, now + d->params->overhead);
    return DONE;
}

static enum outcome begin_flush(struct ata_drive *d, tb_time now)
{
    (void)now;
    if (!d->present)
        return ABORTED;
    d->job.own += d->params->flush;
    return DONE;
}

static enum outcome do_nothing(struct ata_drive *d, tb_time now)
{
    (void)now;
    return d->present ? DONE : ABORTED;
}

static enum outcome set_multiple(struct ata_drive *d, tb_time now)
{
    uint8_t n = d->nsect.now;

    (void)now;
    if (n > ATA_MULTIPLE_MAX || (n & (n - 1)))
        return ABORTED;
    d->multiple = n;
    return DONE;
}

static enum outcome initialize_parameters(struct ata_drive *d, tb_time now)
{
    (void)now;
    if (d->nsect.now == 0)
        return ABORTED;
    d->heads = (uint8_t)((d->device & ATA_DEV_HEAD) + 1);
    d->track = d->nsect.now;
    return DONE;
}

static enum outcome diagnostic(struct ata_drive *d, tb_time now)
{
    (void)now;
    ata_signature(d);
    ata_finish(d);
    d->error = ATA_DIAGNOSTIC_PASSED; /* not an error: ERR stays clear (9.11) */
    return STARTED;
}

static enum outcome check_power(struct ata_drive *d, tb_time now)
{
    (void)now;
    d->nsect.now = d->power;
    return DONE;
}

static enum outcome go_standby(struct ata_drive *d, tb_time now)
{
    (void)now;
    if (!is_qemu(d))
        d->power = ATA_POWER_STANDBY;
    return DONE;
}

static enum outcome go_idle(struct ata_drive *d, tb_time now)
{
    (void)now;
    if (!is_qemu(d))
        d->power = ATA_POWER_IDLE;
    return DONE;
}

/* Asleep, it takes no command until it is reset (8.50); QEMU does not sleep. */
static enum outcome go_to_sleep(struct ata_drive *d, tb_time now)
{
    (void)now;
    if (is_qemu(d))
        return DONE;
    ata_finish(d);
    d->power = ATA_POWER_STANDBY;
    d->state = ATA_AWAIT_WAKING;
    return STARTED;
}

static enum outcome native_max(struct ata_drive *d, tb_time now)
{
    uint64_t last = d->disk.sectors - 1;

    (void)now;
    if (!d->present)
        return ABORTED;
    ata_set_address(d, last, d->job.flags & ATA_EXT);
    return DONE;
}

/* -- SET FEATURES ---------------------------------------------------------------------------- */

/* The mode that a transfer mode value names (8.46.11), or ATA_MODES. */
static unsigned mode_of(uint8_t value)
{
    static const struct {
        uint8_t kind, count, first, code;
    } kinds[] = {
        {ATA_KIND_PIO, 5, 0, ATA_XFER_PIO},
        {ATA_KIND_MWDMA, 3, ATA_MODE_MWDMA0, ATA_XFER_MWDMA},
        {ATA_KIND_UDMA, 7, ATA_MODE_UDMA0, ATA_XFER_UDMA},
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if ((value & 0xf8) == kinds[i].code && (value & 7) < kinds[i].count)
            return kinds[i].first + (value & 7);
    return ATA_MODES;
}

/* QEMU takes any number below 8 of a kind, single-word DMA too, and has no rates to change. */
static bool qemu_takes(uint8_t value)
{
    unsigned kind = value >> 3;

    return kind <= 2 || kind == 4 || kind == 8;
}

static bool supports(const struct ata_drive *d, unsigned mode)
{
    const struct ata_mode *best = &ata_modes[d->params->mode], *m = &ata_modes[mode];

    if (m->kind == best->kind)
        return m->number <= best->number;
    return m->kind < best->kind; /* a UDMA drive knows all MWDMA modes, all know PIO */
}

static enum outcome set_transfer_mode(struct ata_drive *d)
{
    uint8_t value = d->nsect.now;
    unsigned mode = value <= 1 ? ATA_MODE_PIO4 : mode_of(value); /* 0 and 1: the default PIO mode */

    if (value <= 1 && ata_modes[d->params->mode].kind == ATA_KIND_PIO)
        mode = (unsigned)d->params->mode;
    if (mode == ATA_MODES || !supports(d, mode))
        return is_qemu(d) && qemu_takes(value) ? DONE : ABORTED;
    if (ata_modes[mode].kind == ATA_KIND_PIO)
        d->pio = (uint8_t)mode;
    else
        d->dma = (uint8_t)mode;
    return DONE;
}

static enum outcome set_features(struct ata_drive *d, tb_time now)
{
    /* QEMU accepts these without effect. */
    static const uint8_t ignored[] = {0x05, 0x42, 0x67, 0x69, 0x85, 0x96, 0x9a, 0xc2};
    uint8_t feature = d->feature.now;

    (void)now;
    if (!d->present)
        return ABORTED;
    switch (feature) {
    case ATA_FEATURE_TRANSFER_MODE:
        return set_transfer_mode(d);
    case ATA_FEATURE_WRITE_CACHE:
    case ATA_FEATURE_NO_WRITE_CACHE:
        d->write_cache = feature == ATA_FEATURE_WRITE_CACHE;
        return DONE;
    case ATA_FEATURE_LOOK_AHEAD:
    case ATA_FEATURE_NO_LOOK_AHEAD:
        d->look_ahead = feature == ATA_FEATURE_LOOK_AHEAD;
        return DONE;
    case ATA_FEATURE_KEEP_SETTINGS:
    case ATA_FEATURE_REVERT_SETTINGS:
        d->keep = feature == ATA_FEATURE_KEEP_SETTINGS;
        return DONE;
    default:
        break;
    }
    for (size_t i = 0; i < sizeof ignored; i++)
        if (is_qemu(d) && feature == ignored[i])
            return DONE;
    return ABORTED;
}

/* -- The table ------------------------------------------------------------------------------- */

static const struct row table[256] = {
    [ATA_RECALIBRATE] = {do_nothing, 0},
    [ATA_READ_SECTORS] = {begin_transfer, ATA_MEDIUM},
    [ATA_READ_SECTORS_NORETRY] = {begin_transfer, ATA_MEDIUM},
    [ATA_READ_SECTORS_EXT] = {begin_transfer, ATA_MEDIUM | ATA_EXT},
    [ATA_READ_DMA_EXT] = {begin_transfer, ATA_MEDIUM | ATA_EXT | ATA_DMA},
    [ATA_READ_NATIVE_MAX_EXT] = {native_max, ATA_EXT | ATA_ONLY_QEMU},
    [ATA_READ_MULTIPLE_EXT] = {begin_transfer, ATA_MEDIUM | ATA_EXT | ATA_BLOCKS},
    [ATA_WRITE_SECTORS] = {begin_transfer, ATA_MEDIUM | ATA_OUT},
    [ATA_WRITE_SECTORS_NORETRY] = {begin_transfer, ATA_MEDIUM | ATA_OUT},
    [ATA_WRITE_SECTORS_EXT] = {begin_transfer, ATA_MEDIUM | ATA_OUT | ATA_EXT},
    [ATA_WRITE_DMA_EXT] = {begin_transfer, ATA_MEDIUM | ATA_OUT | ATA_EXT | ATA_DMA},
    [ATA_WRITE_MULTIPLE_EXT] = {begin_transfer, ATA_MEDIUM | ATA_OUT | ATA_EXT | ATA_BLOCKS},
    [ATA_READ_VERIFY] = {begin_verify, ATA_MEDIUM},
    [ATA_READ_VERIFY_NORETRY] = {begin_verify, ATA_MEDIUM},
    [ATA_READ_VERIFY_EXT] = {begin_verify, ATA_MEDIUM | ATA_EXT},
    [ATA_SEEK] = {begin_seek, 0},
    [ATA_DEVICE_DIAGNOSTIC] = {diagnostic, 0},
    [ATA_INITIALIZE_PARAMETERS] = {initialize_parameters, 0},
    [0x94] = {go_standby, ATA_NO_DSC}, /* 94 to 99: the same under their first codes (ATA-1) */
    [0x95] = {go_idle, ATA_NO_DSC},
    [0x96] = {go_standby, ATA_NO_DSC},
    [0x97] = {go_idle, ATA_NO_DSC},
    [0x98] = {check_power, 0},
    [0x99] = {go_to_sleep, ATA_NO_DSC},
    [ATA_READ_MULTIPLE] = {begin_transfer, ATA_MEDIUM | ATA_BLOCKS},
    [ATA_WRITE_MULTIPLE] = {begin_transfer, ATA_MEDIUM | ATA_OUT | ATA_BLOCKS},
    [ATA_SET_MULTIPLE] = {set_multiple, 0},
    [ATA_READ_DMA] = {begin_transfer, ATA_MEDIUM | ATA_DMA},
    [ATA_READ_DMA_NORETRY] = {begin_transfer, ATA_MEDIUM | ATA_DMA},
    [ATA_WRITE_DMA] = {begin_transfer, ATA_MEDIUM | ATA_OUT | ATA_DMA},
    [ATA_WRITE_DMA_NORETRY] = {begin_transfer, ATA_MEDIUM | ATA_OUT | ATA_DMA},
    [ATA_STANDBY_IMMEDIATE] = {go_standby, ATA_NO_DSC},
    [ATA_IDLE_IMMEDIATE] = {go_idle, ATA_NO_DSC},
    [ATA_STANDBY] = {go_standby, ATA_NO_DSC},
    [ATA_IDLE] = {go_idle, ATA_NO_DSC},
    [ATA_CHECK_POWER] = {check_power, 0},
    [ATA_SLEEP] = {go_to_sleep, ATA_NO_DSC},
    [ATA_FLUSH_CACHE] = {begin_flush, ATA_MEDIUM},
    [ATA_FLUSH_CACHE_EXT] = {begin_flush, ATA_MEDIUM | ATA_EXT},
    [ATA_IDENTIFY] = {begin_identify, 0},
    [ATA_SET_FEATURES] = {set_features, 0},
    [ATA_READ_NATIVE_MAX] = {native_max, ATA_ONLY_QEMU},
};

/* Ends a command that moves no data, after its own time. */
static void end_later(struct ata_drive *d, uint8_t error, tb_time now)
{
    tb_time overhead = d->params ? d->params->overhead : 0;

    d->job.error = error;
    d->job.own += overhead;
    d->status = ATA_DRDY | ATA_DSC | ATA_BSY;
    ata_await(d, ATA_AWAIT_END, now + d->job.own, now);
}

void ata_command(struct ata_drive *d, uint8_t opcode, tb_time now)
{
    const struct row *row = &table[opcode];
    enum outcome outcome = ABORTED;
    uint32_t begun = d->job.begun + 1;

    d->job = (struct ata_job){
        .opcode = opcode, .flags = (uint8_t)row->flags, .live = true, .begun = begun};
    d->job.medium = d->present && row->flags & ATA_MEDIUM;
    d->error = 0;
    if (d->job.medium)
        d->power = ATA_POWER_ACTIVE;
    if (row->begin && !(row->flags & ATA_ONLY_QEMU && !is_qemu(d)))
        outcome = row->begin(d, now);
    if (outcome == DONE)
        end_later(d, 0, now);
    else if (outcome != STARTED)
        end_later(d, outcome == FAILED ? d->job.error : ATA_ABRT, now);
}
