/* The data of commands: blocks by PIO, the stream of DMA. */
#include "ide/ata.h"

#include <string.h>

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
    d->status = ATA_READY | ATA_DRQ;
    d->state = state;
    d->due = TB_NEVER;
}

/* How many of the next n sectors can be moved; 0: the command has failed. */
static uint32_t usable(struct ata_drive *d, uint32_t n)
{
    struct ata_job *j = &d->job;
    uint64_t lba = j->lba + j->done;

    if (!ata_in_range(d, lba, n)) { /* QEMU only: it looks block by block */
        ata_fail(d, ATA_ABRT);
        return 0;
    }
    uint64_t good = tb_medium_good(&d->disk, ata_job_op(j), lba, n);
    if (good == 0 || (d->conform == CONFORM_QEMU && good < n)) {
        j->good = j->done;
        ata_fail_medium(d);
        return 0;
    }
    return (uint32_t)good;
}

void ata_load_block(struct ata_drive *d)
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
        ata_fail_medium(d);
        return;
    }
    ata_show_progress(d, j->done + n);
    open_block(d, ATA_AWAIT_READER, n * ATA_SECTOR);
    ata_raise(d);
}

void ata_store_block(struct ata_drive *d)
{
    struct ata_job *j = &d->job;
    uint32_t n = d->block_size / ATA_SECTOR, good = usable(d, n);

    if (good == 0)
        return;
    if (!tb_medium_write(&d->disk, (j->lba + j->done) * ATA_SECTOR, d->block, good * ATA_SECTOR)) {
        j->good = j->done;
        ata_fail_medium(d);
        return;
    }
    ata_show_progress(d, j->done + good);
    if (good < n) {
        j->good = j->done;
        ata_fail_medium(d);
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
    if (j->flags & ATA_MEDIUM && ata_in_range(d, j->lba, j->sectors))
        due = tb_medium_access(&d->disk, j->lba, j->sectors, due);
    j->own += due - now;
    return due;
}

static void next_block(struct ata_drive *d, tb_time now)
{
    bool out = d->job.flags & ATA_OUT;

    d->status = ATA_READY | ATA_BSY;
    ata_await(d, out ? ATA_AWAIT_BLOCK_OUT : ATA_AWAIT_BLOCK_IN, block_due(d, now), now);
}

void ata_begin_pio(struct ata_drive *d, tb_time now)
{
    if (d->job.flags & ATA_OUT) /* the first block is asked for without an interrupt (9.6) */
        open_block(d, ATA_AWAIT_WRITER, block_sectors(d) * ATA_SECTOR);
    else
        next_block(d, now);
}

uint16_t ata_take_word(struct ata_drive *d, tb_time now)
{
    uint16_t word = (uint16_t)(d->block[d->block_at] | d->block[d->block_at + 1] << 8);

    d->block_at += 2;
    if (d->block_at < d->block_size)
        return word;
    if (d->job.opcode == ATA_IDENTIFY || d->job.done == d->job.sectors)
        ata_end_job(d, true, ATA_READY,
                    0); /* no interrupt: the host has taken the last block (9.5) */
    else
        next_block(d, now);
    return word;
}

void ata_bring_word(struct ata_drive *d, uint16_t word, tb_time now)
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
void ata_request_dma(struct ata_drive *d)
{
    d->state = ATA_AWAIT_DMA;
    d->due = TB_NEVER;
    d->status = ATA_READY | ATA_DRQ;
    if (d->job.good == 0) /* the very first sector is bad */
        ata_fail_medium(d);
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
        ata_fail_medium(d);
        return;
    }
    ata_show_progress(d, d->job.sectors);
    ata_finish(d);
}

void ata_dma_abort(struct ata_drive *d)
{
    bool qemu = d->conform == CONFORM_QEMU;

    ata_end_job(d, false, qemu ? ATA_DRDY | ATA_ERR : ATA_READY | ATA_ERR, ATA_ABRT);
}

void ata_dma_drop(struct ata_drive *d)
{
    ata_end_job(d, false, ATA_READY, 0);
}
