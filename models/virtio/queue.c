/* Split virtqueues (2.7), the device's side. Two state machines a queue, each with one access on
 * its way: the reading side takes heads from the available ring, the writing side puts used
 * elements into the used ring and decides whether the driver is interrupted. In between each
 * request reads its own chain of descriptors.
 */
#include "virtio/virtio.h"

#include <string.h>

static bool has(const struct virtio *v, uint64_t feature)
{
    return v->features & feature;
}

void virtio_queue_reset(struct virtio *v, struct virtio_queue *q)
{
    virtio_dma_drop(v, &q->fetch_dma);
    virtio_dma_drop(v, &q->publish_dma);
    *q = (struct virtio_queue){.size = (uint16_t)v->p.queue_size,
                               .done = q->done,
                               .fetch_dma.job = TB_NO_TXN,
                               .publish_dma.job = TB_NO_TXN};
}

/* -- Reading: the available ring ------------------------------------------------------------- */

static void fetch(struct tb_model *m, struct virtio_queue *q, enum virtio_fetch what,
                  uint64_t address)
{
    struct virtio *v = m->state;

    q->fetch = what;
    v->count.ring_accesses++;
    virtio_dma_begin(&q->fetch_dma, address, q->fetch_raw, 2, what == VIRTIO_FETCH_EVENT);
}

static void fetch_index(struct tb_model *m, struct virtio_queue *q)
{
    q->kicked = false;
    fetch(m, q, VIRTIO_FETCH_INDEX, q->driver + VIRTIO_AVAIL_INDEX);
}

static struct virtio_request *free_request(struct virtio *v)
{
    for (uint64_t i = 0; i < v->p.requests; i++)
        if (v->requests[i].state == VIRTIO_REQUEST_FREE)
            return &v->requests[i];
    return NULL;
}

/* Is a request free for one more head, beside those on their way to other queues? */
static bool has_room(const struct virtio *v)
{
    uint64_t free = 0, heads = 0;

    for (uint64_t i = 0; i < v->p.queues; i++)
        heads += v->queues[i].fetch == VIRTIO_FETCH_HEAD && v->queues[i].fetch_dma.live;
    for (uint64_t i = 0; i < v->p.requests && free <= heads; i++)
        free += v->requests[i].state == VIRTIO_REQUEST_FREE;
    return free > heads;
}

/* The index is there, and maybe heads to be taken. false: it waits for a request to end. */
static bool take_heads(struct tb_model *m, struct virtio_queue *q)
{
    struct virtio *v = m->state;

    if (q->taken != q->available) {
        if (!has_room(v))
            return false;
        fetch(m, q, VIRTIO_FETCH_HEAD, q->driver + VIRTIO_AVAIL_RING(q->taken % q->size));
        return true;
    }
    q->fetch = VIRTIO_FETCH_IDLE;
    return true;
}

/* 2.7.10: the driver is told which index it has to pass before it must notify again; then the index
 * is read once more, for it may have passed already. */
static void tell_event(struct tb_model *m, struct virtio_queue *q)
{
    q->event = q->taken;
    q->told = true;
    virtio_put(q->fetch_raw, q->event, 2);
    fetch(m, q, VIRTIO_FETCH_EVENT, q->device + VIRTIO_USED_RING(q->size));
}

static void got_index(struct tb_model *m, struct virtio_queue *q, tb_time now)
{
    struct virtio *v = m->state;
    uint16_t index = virtio_get16(q->fetch_raw);

    if ((uint16_t)(index - q->taken) > q->size) {
        virtio_break(m, now); /* more heads than the ring has places */
        return;
    }
    q->available = index;
    if (index == q->taken && has(v, VIRTIO_F_EVENT_IDX) && (!q->told || q->event != q->taken))
        tell_event(m, q);
    else
        take_heads(m, q);
}

static void got_head(struct tb_model *m, struct virtio_queue *q, tb_time now)
{
    struct virtio *v = m->state;
    uint16_t head = virtio_get16(q->fetch_raw);

    if (head >= q->size) {
        virtio_break(m, now);
        return;
    }
    q->taken++;
    v->queue_next = (uint64_t)(q - v->queues + 1) % v->p.queues;
    virtio_request_begin(m, free_request(v), (uint16_t)(q - v->queues), head, now);
    if (q->taken == q->available)
        fetch_index(m, q);
    else
        take_heads(m, q);
}

bool virtio_queue_fetch(struct tb_model *m, struct virtio_queue *q, tb_time now)
{
    struct virtio_dma *d = &q->fetch_dma;
    enum virtio_fetch was = q->fetch;

    if (!d->live) {
        if (q->fetch != VIRTIO_FETCH_IDLE && q->taken != q->available)
            return take_heads(m, q);
        if (!q->kicked || q->fetch != VIRTIO_FETCH_IDLE)
            return false;
        fetch_index(m, q);
        return true;
    }
    if (!virtio_dma_over(d))
        return false;
    d->live = false;
    if (d->failed)
        virtio_break(m, now);
    else if (was == VIRTIO_FETCH_INDEX)
        got_index(m, q, now);
    else if (was == VIRTIO_FETCH_HEAD)
        got_head(m, q, now);
    else
        fetch_index(m, q);
    return true;
}

/* -- Chains of descriptors ------------------------------------------------------------------- */

static void fetch_descriptor(struct tb_model *m, struct virtio_request *r)
{
    struct virtio *v = m->state;

    v->count.descriptors++;
    virtio_dma_begin(&r->dma, r->table + (uint64_t)VIRTIO_DESC_BYTES * r->next, r->raw,
                     VIRTIO_DESC_BYTES, false);
}

/* 2.7.5.3: a table of its own, as the last of a chain. Its `write` is ignored. */
static bool enter_table(const struct virtio *v, struct virtio_request *r, uint64_t address,
                        uint32_t length, uint16_t flags)
{
    if (!has(v, VIRTIO_F_INDIRECT) || r->indirect || flags & VIRTIO_DESC_NEXT || length == 0 ||
        length % VIRTIO_DESC_BYTES)
        return false;
    r->indirect = true;
    r->table = address;
    r->entries = length / VIRTIO_DESC_BYTES;
    r->next = 0;
    return true;
}

/* A buffer of the chain. false: out of order, empty, past the end of all addresses, or more than
 * the queue has entries, which is how a loop shows. */
static bool add_segment(const struct virtio *v, struct virtio_request *r, uint64_t address,
                        uint32_t length, bool write)
{
    if (r->count == v->queues[r->queue].size || length == 0 || address + length - 1 < address)
        return false;
    if (!write && r->count > r->readable)
        return false; /* 2.7.4.2: what is written comes after all that is read */
    r->segments[r->count++] =
        (struct virtio_segment){.address = address, .length = length, .write = write};
    r->readable += !write;
    return true;
}

/* The descriptor is there. Returns whether it is one that may be. */
static bool take_descriptor(const struct virtio *v, struct virtio_request *r, bool *more)
{
    uint64_t address = virtio_get64(r->raw);
    uint32_t length = virtio_get32(r->raw + 8);
    uint16_t flags = virtio_get16(r->raw + 12), next = virtio_get16(r->raw + 14);

    *more = flags & (VIRTIO_DESC_NEXT | VIRTIO_DESC_INDIRECT);
    if (flags & VIRTIO_DESC_INDIRECT)
        return enter_table(v, r, address, length, flags);
    r->next = next;
    return add_segment(v, r, address, length, flags & VIRTIO_DESC_WRITE) &&
           (!*more || next < r->entries);
}

bool virtio_chain_step(struct tb_model *m, struct virtio_request *r, tb_time now)
{
    const struct virtio *v = m->state;
    bool more;

    if (!r->dma.live) {
        fetch_descriptor(m, r);
        return true;
    }
    if (!virtio_dma_over(&r->dma))
        return false;
    r->dma.live = false;
    if (r->dma.failed || !take_descriptor(v, r, &more))
        virtio_break(m, now);
    else if (!more)
        r->state = VIRTIO_REQUEST_HEADER;
    return true;
}

/* -- Writing: the used ring ------------------------------------------------------------------ */

static void publish(struct tb_model *m, struct virtio_queue *q, enum virtio_publish what,
                    uint64_t address, unsigned bytes)
{
    struct virtio *v = m->state;

    q->publish = what;
    v->count.ring_accesses++;
    virtio_dma_begin(&q->publish_dma, address, q->publish_raw, bytes, what != VIRTIO_PUBLISH_EVENT);
}

static void publish_element(struct tb_model *m, struct virtio_queue *q)
{
    const struct virtio *v = m->state;
    const struct virtio_request *r = &v->requests[q->done[q->done_head]];

    virtio_put(q->publish_raw, r->head, 4);
    virtio_put(q->publish_raw + 4, r->written > UINT32_MAX ? UINT32_MAX : r->written, 4);
    publish(m, q, VIRTIO_PUBLISH_ELEMENT, q->device + VIRTIO_USED_RING(q->used % q->size),
            VIRTIO_USED_ELEM_BYTES);
}

/* The index says that the element is there: from now on the request is the driver's again. */
static void give_back(struct tb_model *m, struct virtio_queue *q, tb_time now)
{
    struct virtio *v = m->state;
    struct virtio_request *r = &v->requests[q->done[q->done_head]];

    q->done_head = (q->done_head + 1) % (uint32_t)v->p.requests;
    q->done_count--;
    virtio_request_end(m, r, r->status == VIRTIO_BLK_OK, now);
}

/* 2.7.7.2: whether the driver wants to hear of it is read after the index was written. */
static void decide(struct tb_model *m, struct virtio_queue *q, tb_time now)
{
    struct virtio *v = m->state;
    uint16_t word = virtio_get16(q->publish_raw);
    bool wanted;

    if (has(v, VIRTIO_F_EVENT_IDX))
        wanted = !q->has_signalled || virtio_wants_event(word, q->used, q->signalled);
    else
        wanted = !(word & VIRTIO_AVAIL_NO_INTERRUPT);
    q->signalled = q->used;
    q->has_signalled = true;
    if (wanted)
        virtio_interrupt(m, VIRTIO_ISR_USED, now);
    else
        v->count.suppressed++;
}

static void published(struct tb_model *m, struct virtio_queue *q, tb_time now)
{
    const struct virtio *v = m->state;

    switch (q->publish) {
    case VIRTIO_PUBLISH_ELEMENT:
        q->used++;
        virtio_put(q->publish_raw, q->used, 2);
        publish(m, q, VIRTIO_PUBLISH_INDEX, q->device + VIRTIO_USED_INDEX, 2);
        break;
    case VIRTIO_PUBLISH_INDEX:
        give_back(m, q, now);
        publish(m, q, VIRTIO_PUBLISH_EVENT,
                q->driver +
                    (has(v, VIRTIO_F_EVENT_IDX) ? VIRTIO_AVAIL_RING(q->size) : VIRTIO_AVAIL_FLAGS),
                2);
        break;
    default:
        q->publish = VIRTIO_PUBLISH_IDLE;
        decide(m, q, now);
    }
}

bool virtio_queue_publish(struct tb_model *m, struct virtio_queue *q, tb_time now)
{
    struct virtio_dma *d = &q->publish_dma;

    if (!d->live) {
        if (q->done_count == 0)
            return false;
        publish_element(m, q);
        return true;
    }
    if (!virtio_dma_over(d))
        return false;
    d->live = false;
    if (d->failed)
        virtio_break(m, now);
    else
        published(m, q, now);
    return true;
}
