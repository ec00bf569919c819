/* The block device behind the queues (5.2): its configuration, and requests, from the header to the
 * status byte. A request is stored and forwarded: what is written comes from memory into the
 * buffer, then goes to the medium; what is read comes from the medium, then goes to memory;
 * `buffer` bytes at a time. The medium serves one request after the other, in the order in which
 * they come to it.
 */
#include "virtio/virtio.h"

#include <assert.h>
#include <string.h>

const struct tb_param virtio_disk_table[] = {TB_MEDIUM_ROWS(0), {.name = NULL}};

/* -- Configuration --------------------------------------------------------------------------- */

uint64_t virtio_blk_features(const struct virtio *v)
{
    const struct virtio_params *p = &v->p;

    return VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_BLK_SIZE |
           (p->size_max ? VIRTIO_BLK_F_SIZE_MAX : 0) | (p->read_only ? VIRTIO_BLK_F_RO : 0) |
           (p->flush ? VIRTIO_BLK_F_FLUSH : 0) | (p->queues > 1 ? VIRTIO_BLK_F_MQ : 0) |
           (p->discard ? VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES : 0);
}

void virtio_blk_config(const struct virtio *v, uint32_t offset, uint8_t *data, unsigned size)
{
    const struct virtio_params *p = &v->p;
    uint32_t most = p->discard ? (uint32_t)p->discard_max : 0;
    uint8_t config[VIRTIO_BLK_CONFIG_BYTES] = {0};

    virtio_put(config + VIRTIO_BLK_CAPACITY, v->medium.sectors, 8);
    virtio_put(config + VIRTIO_BLK_SIZE_MAX, p->size_max, 4);
    virtio_put(config + VIRTIO_BLK_SEG_MAX, p->seg_max, 4);
    virtio_put(config + VIRTIO_BLK_BLK_SIZE, p->block_size, 4);
    virtio_put(config + VIRTIO_BLK_NUM_QUEUES, p->queues, 2);
    virtio_put(config + VIRTIO_BLK_MAX_DISCARD, most, 4);
    virtio_put(config + VIRTIO_BLK_MAX_DISCARD_SEG, p->discard, 4);
    virtio_put(config + VIRTIO_BLK_DISCARD_ALIGNMENT, p->discard ? p->block_size / TB_SECTOR : 0,
               4);
    virtio_put(config + VIRTIO_BLK_MAX_ZEROES, most, 4);
    virtio_put(config + VIRTIO_BLK_MAX_ZEROES_SEG, p->discard, 4);
    virtio_put(config + VIRTIO_BLK_ZEROES_MAY_DISCARD, p->discard, 1);
    for (unsigned i = 0; i < size; i++)
        data[i] = offset + i < sizeof config ? config[offset + i] : 0;
}

/* -- Requests as transactions ---------------------------------------------------------------- */

void virtio_request_begin(struct tb_model *m, struct virtio_request *r, uint16_t queue,
                          uint16_t head, tb_time now)
{
    struct virtio *v = m->state;
    const struct virtio_queue *q = &v->queues[queue];
    uint32_t txn = tb_txn_begin(m, TB_TXN_DISK, now);
    struct tb_txn *t = tb_txn(m, txn);

    *r = (struct virtio_request){.state = VIRTIO_REQUEST_CHAIN,
                                 .queue = queue,
                                 .head = head,
                                 .segments = r->segments,
                                 .buffer = r->buffer,
                                 .table = q->desc,
                                 .entries = q->size,
                                 .next = head,
                                 .txn = txn,
                                 .dma.job = t->number};
    t->requester = v->p.id;
    t->to = m->index;
    t->value[1] = queue;
    t->owner = queue;
}

/* The medium's and the device's own time is DEVICE; the rest it waited for its turn and memory. */
void virtio_request_end(struct tb_model *m, struct virtio_request *r, bool ok, tb_time now)
{
    struct virtio *v = m->state;
    tb_time took = now - tb_txn(m, r->txn)->created, own = r->own < took ? r->own : took;

    tb_txn_spend(m, r->txn, TB_PART_DEVICE, own);
    tb_txn_spend(m, r->txn, TB_PART_QUEUE, took - own);
    v->count.requests++;
    v->count.failed += !ok;
    tb_txn_end(m, r->txn, ok ? TB_OK : TB_ABORT, now);
    r->state = VIRTIO_REQUEST_FREE;
}

/* -- Ends ------------------------------------------------------------------------------------ */

/* The last byte of the chain is the status (5.2.6). */
static void write_status(struct virtio_request *r)
{
    const struct virtio_segment *last = &r->segments[r->count - 1];

    r->state = VIRTIO_REQUEST_STATUS;
    virtio_dma_begin(&r->dma, last->address + last->length - 1, &r->status, 1, true);
}

static void finish(struct virtio *v, struct virtio_request *r, enum virtio_blk_status status)
{
    r->status = (uint8_t)status;
    v->count.unsupported += status == VIRTIO_BLK_UNSUPP;
    write_status(r);
}

/* 2.7.8.2: only what was written from the first byte on counts; the status is the last. */
static void wrote_status(struct virtio *v, struct virtio_request *r)
{
    struct virtio_queue *q = &v->queues[r->queue];

    r->written += r->written == r->in;
    r->state = VIRTIO_REQUEST_USED;
    q->done[(q->done_head + q->done_count++) % v->p.requests] = (uint16_t)(r - v->requests);
}

/* -- The medium ------------------------------------------------------------------------------ */

/* Gets in line for so long a service from when the medium is free. */
static void serve_from(struct tb_model *m, struct virtio_request *r, tb_time begins, tb_time ends)
{
    struct virtio *v = m->state;

    r->state = VIRTIO_REQUEST_SERVICE;
    r->due = ends;
    r->own += ends - begins;
    v->medium_free = ends;
    v->line[(v->line_head + v->line_count++) % v->p.requests] = (uint32_t)(r - v->requests);
    if (v->line_count == 1)
        tb_timer_set(m, VIRTIO_TIMER_MEDIUM, ends);
}

/* The first part of a request pays for the way to its place. */
static void serve_data(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    struct virtio *v = m->state;
    tb_time begins = tb_max(now, v->medium_free), t = begins;
    uint64_t sectors = (r->type == VIRTIO_BLK_OUT ? r->out : r->in) / TB_SECTOR;

    if (!r->placed)
        t = tb_medium_access(&v->medium, r->sector, sectors, t + v->p.overhead);
    r->placed = true;
    serve_from(m, r, begins, t + tb_rate_time_wide(v->p.medium.media, r->chunk));
}

static void serve_other(struct tb_model *m, struct virtio_request *r, tb_time time, tb_time now)
{
    struct virtio *v = m->state;
    tb_time begins = tb_max(now, v->medium_free);

    serve_from(m, r, begins, begins + v->p.overhead + time);
}

static uint32_t next_chunk(const struct virtio *v, uint64_t left)
{
    return (uint32_t)(left < v->p.buffer ? left : v->p.buffer);
}

static void scatter(struct virtio_request *r)
{
    r->state = VIRTIO_REQUEST_SCATTER;
    virtio_dma_begin_list(&r->dma, r->segments, r->place, r->buffer, r->chunk, true);
}

static void gather(struct virtio *v, struct virtio_request *r)
{
    r->chunk = next_chunk(v, r->out - r->moved);
    r->state = VIRTIO_REQUEST_GATHER;
    virtio_dma_begin_list(&r->dma, r->segments, r->place, r->buffer, r->chunk, false);
}

/* -- What requests do ------------------------------------------------------------------------ */

/* Whole blocks, and all of them there. */
static bool in_range(const struct virtio *v, uint64_t sector, uint64_t bytes)
{
    uint64_t unit = v->p.block_size / TB_SECTOR;

    return bytes % v->p.block_size == 0 && sector % unit == 0 && sector <= v->medium.sectors &&
           bytes / TB_SECTOR <= v->medium.sectors - sector;
}

static void begin_data(struct tb_model *m, struct virtio_request *r, uint64_t bytes, tb_time now)
{
    struct virtio *v = m->state;
    bool write = r->type == VIRTIO_BLK_OUT;

    tb_txn(m, r->txn)->length = (uint32_t)(bytes / TB_SECTOR);
    tb_txn(m, r->txn)->write = write;
    if (!in_range(v, r->sector, bytes) || (write && v->p.read_only)) {
        finish(v, r, VIRTIO_BLK_IOERR);
    } else if (bytes == 0) {
        finish(v, r, VIRTIO_BLK_OK);
    } else if (write) {
        gather(v, r);
    } else {
        r->chunk = next_chunk(v, r->in);
        serve_data(m, r, now);
    }
}

/* 5.2.6.2: reserved flags, or flags on a discard: unsupported; ranges that are none: IOERR. */
static enum virtio_blk_status check_range(const struct virtio *v, const struct virtio_request *r)
{
    uint32_t count = virtio_get32(r->buffer + 8), flags = virtio_get32(r->buffer + 12);
    bool zeroes = r->type == VIRTIO_BLK_WRITE_ZEROES;

    if (flags & ~VIRTIO_BLK_RANGE_UNMAP || (flags && !zeroes))
        return VIRTIO_BLK_UNSUPP;
    if (count > v->p.discard_max || v->p.read_only ||
        !in_range(v, virtio_get64(r->buffer), (uint64_t)count * TB_SECTOR))
        return VIRTIO_BLK_IOERR;
    return VIRTIO_BLK_OK;
}

static void begin_range(struct virtio *v, struct virtio_request *r)
{
    if (!v->p.discard || r->out > VIRTIO_BLK_RANGE_BYTES)
        finish(v, r, VIRTIO_BLK_UNSUPP); /* more ranges than are offered */
    else if (r->out < VIRTIO_BLK_RANGE_BYTES)
        finish(v, r, VIRTIO_BLK_IOERR);
    else
        gather(v, r);
}

/* The header is there: what is it. */
static void begin(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    struct virtio *v = m->state;
    struct tb_txn *t = tb_txn(m, r->txn);

    r->type = virtio_get32(r->raw);
    r->sector = virtio_get64(r->raw + 8);
    r->place = r->dma.place;
    t->value[0] = r->type;
    t->iova = r->type <= VIRTIO_BLK_OUT ? r->sector : 0;
    switch (r->type) {
    case VIRTIO_BLK_IN:
        r->place = (struct virtio_place){r->readable, 0};
        begin_data(m, r, r->in, now);
        break;
    case VIRTIO_BLK_OUT:
        begin_data(m, r, r->out, now);
        break;
    case VIRTIO_BLK_DISCARD:
    case VIRTIO_BLK_WRITE_ZEROES:
        begin_range(v, r);
        break;
    case VIRTIO_BLK_FLUSH:
        serve_other(m, r, v->p.flush_time, now);
        break;
    default:
        serve_other(m, r, 0, now);
    }
}

/* Lengths of data, without the header and the status byte. false: there is no room for those. */
static bool measure(struct virtio_request *r)
{
    uint64_t readable = 0, writable = 0;

    for (uint32_t i = 0; i < r->count; i++)
        *(r->segments[i].write ? &writable : &readable) += r->segments[i].length;
    if (readable < VIRTIO_BLK_HEADER_BYTES || writable < 1)
        return false;
    r->out = readable - VIRTIO_BLK_HEADER_BYTES;
    r->in = writable - 1;
    return true;
}

/* -- Served ---------------------------------------------------------------------------------- */

static bool write_zeros(struct virtio *v, uint64_t sector, uint64_t count)
{
    static const uint8_t zeros[4096];
    uint64_t at = sector * TB_SECTOR, left = count * TB_SECTOR;
    bool ok = tb_medium_good(&v->medium, TB_MEDIUM_WRITE, sector, count) == count;

    for (size_t n; ok && left > 0; at += n, left -= n) {
        n = left < sizeof zeros ? (size_t)left : sizeof zeros;
        ok = tb_medium_write(&v->medium, at, zeros, n);
    }
    return ok;
}

static void served_in(struct virtio *v, struct virtio_request *r)
{
    uint64_t sector = r->sector + r->moved / TB_SECTOR, count = r->chunk / TB_SECTOR;

    if (tb_medium_good(&v->medium, TB_MEDIUM_READ, sector, count) == count &&
        tb_medium_read(&v->medium, sector * TB_SECTOR, r->buffer, r->chunk))
        scatter(r);
    else
        finish(v, r, VIRTIO_BLK_IOERR);
}

static void served_out(struct virtio *v, struct virtio_request *r)
{
    uint64_t sector = r->sector + r->moved / TB_SECTOR, count = r->chunk / TB_SECTOR;

    r->moved += r->chunk;
    if (tb_medium_good(&v->medium, TB_MEDIUM_WRITE, sector, count) < count ||
        !tb_medium_write(&v->medium, sector * TB_SECTOR, r->buffer, r->chunk)) {
        finish(v, r, VIRTIO_BLK_IOERR);
        return;
    }
    v->count.written_bytes += r->chunk;
    if (r->moved < r->out)
        gather(v, r);
    else
        finish(v, r, VIRTIO_BLK_OK);
}

static void served_id(struct virtio *v, struct virtio_request *r)
{
    memset(r->buffer, 0, VIRTIO_BLK_ID_BYTES);
    memcpy(r->buffer, v->p.serial, strnlen(v->p.serial, VIRTIO_BLK_ID_BYTES));
    r->chunk = r->in < VIRTIO_BLK_ID_BYTES ? (uint32_t)r->in : VIRTIO_BLK_ID_BYTES;
    r->place = (struct virtio_place){r->readable, 0};
    if (r->chunk)
        scatter(r);
    else
        finish(v, r, VIRTIO_BLK_OK);
}

static void served(struct tb_model *m, struct virtio_request *r)
{
    struct virtio *v = m->state;

    switch (r->type) {
    case VIRTIO_BLK_IN:
        served_in(v, r);
        break;
    case VIRTIO_BLK_OUT:
        served_out(v, r);
        break;
    case VIRTIO_BLK_FLUSH:
        finish(v, r, VIRTIO_BLK_OK);
        break;
    case VIRTIO_BLK_GET_ID:
        served_id(v, r);
        break;
    case VIRTIO_BLK_DISCARD:
    case VIRTIO_BLK_WRITE_ZEROES:
        finish(v, r,
               write_zeros(v, virtio_get64(r->buffer), virtio_get32(r->buffer + 8))
                   ? VIRTIO_BLK_OK
                   : VIRTIO_BLK_IOERR);
        break;
    default:
        finish(v, r, VIRTIO_BLK_UNSUPP);
    }
}

void virtio_medium_due(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;

    while (v->line_count > 0 && v->requests[v->line[v->line_head]].due <= now) {
        struct virtio_request *r = &v->requests[v->line[v->line_head]];
        v->line_head = (v->line_head + 1) % (uint32_t)v->p.requests;
        v->line_count--;
        served(m, r);
    }
    if (v->line_count > 0)
        tb_timer_set(m, VIRTIO_TIMER_MEDIUM, v->requests[v->line[v->line_head]].due);
}

/* -- Steps ----------------------------------------------------------------------------------- */

/* What was to be written to the medium is in the buffer. */
static void gathered(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    struct virtio *v = m->state;

    r->place = r->dma.place;
    if (r->type == VIRTIO_BLK_OUT) {
        serve_data(m, r, now);
        return;
    }
    enum virtio_blk_status status = check_range(v, r);
    if (status == VIRTIO_BLK_OK)
        serve_other(m, r, 0, now);
    else
        finish(v, r, status);
}

static void scattered(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    struct virtio *v = m->state;

    r->place = r->dma.place;
    r->moved += r->chunk;
    r->written += r->chunk;
    v->count.read_bytes += r->type == VIRTIO_BLK_IN ? r->chunk : 0;
    if (r->type == VIRTIO_BLK_IN && r->moved < r->in) {
        r->chunk = next_chunk(v, r->in - r->moved);
        serve_data(m, r, now);
    } else {
        finish(v, r, VIRTIO_BLK_OK);
    }
}

/* An access for the request failed. */
static void fault(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    struct virtio *v = m->state;
    bool data = r->state == VIRTIO_REQUEST_GATHER || r->state == VIRTIO_REQUEST_SCATTER;

    if (data && v->p.on_fault == VIRTIO_FAULT_IOERR)
        finish(v, r, VIRTIO_BLK_IOERR);
    else
        virtio_break(m, now);
}

static void moved(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    switch (r->state) {
    case VIRTIO_REQUEST_HEADER:
        begin(m, r, now);
        break;
    case VIRTIO_REQUEST_GATHER:
        gathered(m, r, now);
        break;
    case VIRTIO_REQUEST_SCATTER:
        scattered(m, r, now);
        break;
    default:
        assert(r->state == VIRTIO_REQUEST_STATUS);
        wrote_status(m->state, r);
    }
}

/* The chain is whole: the first 16 bytes for the device to read are the header. */
static void ask_header(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    if (measure(r))
        virtio_dma_begin_list(&r->dma, r->segments, (struct virtio_place){0, 0}, r->raw,
                              VIRTIO_BLK_HEADER_BYTES, false);
    else
        virtio_break(m, now);
}

bool virtio_request_step(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    switch (r->state) {
    case VIRTIO_REQUEST_FREE:
    case VIRTIO_REQUEST_SERVICE:
    case VIRTIO_REQUEST_USED:
        return false;
    case VIRTIO_REQUEST_CHAIN:
        return virtio_chain_step(m, r, now);
    default:
        break;
    }
    if (!r->dma.live) {
        ask_header(m, r, now);
        return true;
    }
    if (!virtio_dma_over(&r->dma))
        return false;
    r->dma.live = false;
    if (r->dma.failed)
        fault(m, r, now);
    else
        moved(m, r, now);
    return true;
}
