/* Status and features (2.1, 2.2, 3.1), reset, and queues as registers show them: what a driver has
 * a device do before and after it gives it requests. */
#include "virtio/virtio.h"

/* -- Giving up, and reset -------------------------------------------------------------------- */

static void leave_line(struct tb_model *m, uint16_t queue)
{
    struct virtio *v = m->state;
    uint32_t kept = 0, space = (uint32_t)v->p.requests;

    for (uint32_t i = 0; i < v->line_count; i++) {
        uint32_t r = v->line[(v->line_head + i) % space];
        if (v->requests[r].queue != queue)
            v->line[(v->line_head + kept++) % space] = r;
    }
    v->line_count = kept;
    if (kept == 0)
        tb_timer_cancel(m, VIRTIO_TIMER_MEDIUM);
    else
        tb_timer_set(m, VIRTIO_TIMER_MEDIUM, v->requests[v->line[v->line_head]].due);
}

/* Gives up what a queue has begun; what is on its way lands, and nobody looks. */
static void drop_requests(struct tb_model *m, uint16_t queue, tb_time now)
{
    struct virtio *v = m->state;

    leave_line(m, queue);
    for (uint64_t i = 0; i < v->p.requests; i++) {
        struct virtio_request *r = &v->requests[i];
        if (r->state == VIRTIO_REQUEST_FREE || r->queue != queue)
            continue;
        virtio_dma_drop(v, &r->dma);
        virtio_request_end(m, r, false, now);
    }
}

static void drop_everything(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;

    for (uint16_t i = 0; i < v->p.queues; i++) {
        drop_requests(m, i, now);
        virtio_queue_reset(v, &v->queues[i]);
    }
    v->medium_free = now;
}

/* 2.1.2: the driver is told, if it is there. */
void virtio_break(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;

    if (v->broken)
        return;
    v->broken = true;
    v->count.needs_reset++;
    v->status |= VIRTIO_NEEDS_RESET;
    for (uint16_t i = 0; i < v->p.queues; i++) {
        drop_requests(m, i, now);
        virtio_dma_drop(v, &v->queues[i].fetch_dma);
        virtio_dma_drop(v, &v->queues[i].publish_dma);
    }
    if (v->status & VIRTIO_DRIVER_OK)
        virtio_interrupt(m, VIRTIO_ISR_CONFIG, now);
}

void virtio_reset_over(struct virtio *v)
{
    v->resetting = v->broken = false;
    v->status = 0;
    v->features = v->driver_features = 0;
    v->device_select = v->driver_select = 0;
    v->queue_select = 0;
}

/* 2.4: everything is forgotten at once, but the status says so only when nothing more of the device
 * is on its way to memory (4.1.4.3.2: the driver waits for 0). */
static void begin_reset(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;

    v->count.resets++;
    drop_everything(m, now);
    virtio_isr_take(m, 0xff, now);
    v->resetting = true;
    if (v->flying == 0)
        virtio_reset_over(v);
}

/* -- Status and features --------------------------------------------------------------------- */

uint64_t virtio_offered(const struct virtio *v)
{
    return VIRTIO_F_VERSION_1 | virtio_blk_features(v) | (v->p.indirect ? VIRTIO_F_INDIRECT : 0) |
           (v->p.event_idx ? VIRTIO_F_EVENT_IDX : 0) |
           (v->p.access_platform ? VIRTIO_F_ACCESS_PLATFORM : 0);
}

uint32_t virtio_features_read(const struct virtio *v, bool driver)
{
    uint64_t bits = driver ? v->driver_features : virtio_offered(v);
    uint32_t select = driver ? v->driver_select : v->device_select;

    return select < 2 ? (uint32_t)(bits >> 32 * select) : 0;
}

void virtio_features_write(struct virtio *v, uint32_t value)
{
    if (v->driver_select < 2 && !(v->status & VIRTIO_FEATURES_OK))
        virtio_queue_set_half(&v->driver_features, v->driver_select, value);
}

/* 2.2.2: a set that the device can work with. 6.2: without ACCESS_PLATFORM it may refuse to. */
static bool may_agree(const struct virtio *v)
{
    uint64_t wanted = v->driver_features;
    bool needs_platform = v->p.access_platform == VIRTIO_PLATFORM_REQUIRED;

    return (wanted & ~virtio_offered(v)) == 0 && wanted & VIRTIO_F_VERSION_1 &&
           (!needs_platform || wanted & VIRTIO_F_ACCESS_PLATFORM);
}

uint8_t virtio_status_read(const struct virtio *v)
{
    return v->status;
}

void virtio_status_write(struct tb_model *m, uint8_t value, tb_time now)
{
    struct virtio *v = m->state;

    if (v->resetting)
        return;
    if (value == 0) {
        begin_reset(m, now);
        return;
    }
    if (value & ~v->status & VIRTIO_FEATURES_OK) {
        if (may_agree(v))
            v->features = v->driver_features;
        else
            value &= (uint8_t)~VIRTIO_FEATURES_OK;
    }
    if (!(value & VIRTIO_FEATURES_OK))
        value &= (uint8_t)~VIRTIO_DRIVER_OK;
    v->status = value | (v->status & VIRTIO_NEEDS_RESET);
}

/* -- Queues, as registers -------------------------------------------------------------------- */

struct virtio_queue *virtio_selected(struct virtio *v)
{
    return v->queue_select < v->p.queues ? &v->queues[v->queue_select] : NULL;
}

/* A power of two (2.7), no more than the device has. */
void virtio_queue_set_size(struct virtio_queue *q, const struct virtio *v, uint32_t value)
{
    if (!q->enabled && value > 0 && value <= v->p.queue_size && (value & (value - 1)) == 0)
        q->size = (uint16_t)value;
}

void virtio_queue_set_half(uint64_t *address, bool high, uint32_t value)
{
    *address = high ? (*address & UINT32_MAX) | (uint64_t)value << 32
                    : (*address & ~(uint64_t)UINT32_MAX) | value;
}

/* Taken out of use, a queue forgets where it was. */
void virtio_queue_enable(struct tb_model *m, struct virtio_queue *q, bool on, tb_time now)
{
    struct virtio *v = m->state;
    struct virtio_queue was = *q;

    if (!on && q->enabled) {
        drop_requests(m, (uint16_t)(q - v->queues), now);
        virtio_queue_reset(v, q);
        q->desc = was.desc;
        q->driver = was.driver;
        q->device = was.device;
        q->size = was.size;
    }
    q->enabled = on;
}

void virtio_kick(struct tb_model *m, uint32_t queue, tb_time now)
{
    struct virtio *v = m->state;

    (void)now;
    v->count.kicks++;
    if (queue < v->p.queues)
        v->queues[queue].kicked = true;
}
