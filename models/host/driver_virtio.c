/* The driver of virtio block devices: finding one, bringing it up (VIRTIO 1.2, 3.1), stopping it.
 */
#include "virtio_queue.h"

/* -- The machine ------------------------------------------------------------------------------ */

static const char *const register_names[VIRTIO_REGISTERS] = {
    [VIRTIO_R_STATUS] = "status",
    [VIRTIO_R_DEVICE_FEATURES_SEL] = "device_features_sel",
    [VIRTIO_R_DEVICE_FEATURES] = "device_features",
    [VIRTIO_R_DRIVER_FEATURES_SEL] = "driver_features_sel",
    [VIRTIO_R_DRIVER_FEATURES] = "driver_features",
    [VIRTIO_R_QUEUE_SEL] = "queue_sel",
    [VIRTIO_R_QUEUE_MAX] = "queue_max",
    [VIRTIO_R_QUEUE_SIZE] = "queue_size",
    [VIRTIO_R_QUEUE_ENABLE] = "queue_enable",
    [VIRTIO_R_DESC_LOW] = "desc_low",
    [VIRTIO_R_DESC_HIGH] = "desc_high",
    [VIRTIO_R_DRIVER_LOW] = "driver_low",
    [VIRTIO_R_DRIVER_HIGH] = "driver_high",
    [VIRTIO_R_DEVICE_LOW] = "device_low",
    [VIRTIO_R_DEVICE_HIGH] = "device_high",
    [VIRTIO_R_NOTIFY] = "notify",
    [VIRTIO_R_ISR] = "isr",
    [VIRTIO_R_SIZE_MAX] = "size_max",
    [VIRTIO_R_SEG_MAX] = "seg_max",
    [VIRTIO_R_ISR_ACK] = "isr_ack"};

void virtio_survey(struct host *h, struct host_device *d)
{
    struct host_virtio *v = tb_alloc(h->m, 1, sizeof *v);
    uint64_t line;
    for (unsigned i = 0; i < VIRTIO_REGISTERS; i++) {
        struct tb_symbol s;
        if (tb_symbol(d->model, register_names[i], &s))
            v->registers[i] =
                (struct host_register){.address = s.address, .space = s.space, .size = s.size};
        else if (i < VIRTIO_R_NEEDED)
            return;
    }
    v->device = d;
    d->virtio = v;
    if (!tb_fact(d->model, "irq", &line))
        return;
    v->line = host_line_of(h, line);
    if (!v->line)
        return;
    struct host_virtio **last = &v->line->virtio; /* others may be on it */
    while (*last)
        last = &(*last)->next;
    *last = v;
}

bool virtio_is_busy(const struct host_virtio *v)
{
    return v && v->issued > v->finished;
}

struct host_line *virtio_line(const struct host_virtio *v)
{
    return v ? v->line : NULL;
}

bool virtio_reserve(struct host *h, struct host_virtio *v, const struct tb_node *node,
                    struct tb_diag *diag)
{
    v->bytes = (VIRTIO_QUEUE_BYTES + VIRTIO_SLOT_BYTES * HOST_VIRTIO_SLOTS + HOST_PAGE - 1) &
               ~(HOST_PAGE - 1);
    if (!v->memory && host_begin_memory(h)) {
        struct host_iommu *u = v->device->iommu;
        v->memory = v->bus = host_memory(h, v->bytes, HOST_PAGE);
        v->direct = v->memory && u && !u->format->place(h, u, v->memory, v->bytes, &v->bus);
    }
    if (!v->memory)
        tb_diag_node(diag, node,
                     "the driver has no memory for virtqueues: see 'driver_memory' of '%s'",
                     h->m->name);
    return v->memory != 0;
}

/* -- Bringing it up (3.1.1) ------------------------------------------------------------------- */

enum {
    START_AWAITS_NOTHING,
    START_AWAITS_RESET,
    START_AWAITS_OFFER,
    START_AWAITS_AGREEMENT,
    START_AWAITS_QUEUE,
    START_AWAITS_END
};

/* 1. Reset. 2. and 3.: the driver has seen it and knows how to drive it. */
static void reset(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    virtio_set(h, v, VIRTIO_R_STATUS, 0);
    virtio_get(h, v, VIRTIO_R_STATUS, &job->value[0]);
    job->phase = START_AWAITS_RESET;
}

static void ask_offer(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    virtio_set(h, v, VIRTIO_R_STATUS, VIRTIO_ACKNOWLEDGE);
    virtio_set(h, v, VIRTIO_R_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        virtio_set(h, v, VIRTIO_R_DEVICE_FEATURES_SEL, i);
        virtio_get(h, v, VIRTIO_R_DEVICE_FEATURES, &job->value[i]);
    }
    job->phase = START_AWAITS_OFFER;
}

/* 4. to 6.: what both have; does the device agree. */
static void agree(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    v->features = (job->value[0] | job->value[1] << 32) & job->wanted;
    for (unsigned i = 0; i < 2; i++) {
        virtio_set(h, v, VIRTIO_R_DRIVER_FEATURES_SEL, i);
        virtio_set(h, v, VIRTIO_R_DRIVER_FEATURES, v->features >> 32 * i & UINT32_MAX);
    }
    virtio_set(h, v, VIRTIO_R_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    virtio_get(h, v, VIRTIO_R_STATUS, &job->value[0]);
    job->phase = START_AWAITS_AGREEMENT;
}

static void ask_queue(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    virtio_set(h, v, VIRTIO_R_QUEUE_SEL, 0);
    virtio_get(h, v, VIRTIO_R_QUEUE_MAX, &job->value[0]);
    virtio_get(h, v, VIRTIO_R_SIZE_MAX, &job->value[1]);
    virtio_get(h, v, VIRTIO_R_SEG_MAX, &job->value[2]);
    job->phase = START_AWAITS_QUEUE;
}

static void set_address(struct host *h, const struct host_virtio *v, enum virtio_register low,
                        uint64_t address)
{
    virtio_set(h, v, low, address & UINT32_MAX);
    virtio_set(h, v, low + 1, address >> 32);
}

/* 7. The queue, empty; 8. the device is live. */
static void set_queue(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    v->size = (uint32_t)(job->value[0] < HOST_VIRTIO_ENTRIES ? job->value[0] : HOST_VIRTIO_ENTRIES);
    v->slots = v->size / 4 < HOST_VIRTIO_SLOTS ? v->size / 4 : HOST_VIRTIO_SLOTS;
    v->size_max = virtio_has(v, VIRTIO_BLK_F_SIZE_MAX) ? job->value[1] : 0;
    v->seg_max = virtio_has(v, VIRTIO_BLK_F_SEG_MAX) ? job->value[2] : 1;
    v->offered = v->seen = 0;
    host_store(h, virtio_avail_at(v), 0, 4);
    host_store(h, virtio_used_at(v), 0, 4);
    if (virtio_has(v, VIRTIO_F_EVENT_IDX)) {
        host_store(h, virtio_avail_at(v) + VIRTIO_AVAIL_RING(v->size), 0, 2);
        host_store(h, virtio_used_at(v) + VIRTIO_USED_RING(v->size), 0, 2);
    }
    virtio_set(h, v, VIRTIO_R_QUEUE_SIZE, v->size);
    set_address(h, v, VIRTIO_R_DESC_LOW, virtio_seen_by_device(v, v->memory));
    set_address(h, v, VIRTIO_R_DRIVER_LOW, virtio_seen_by_device(v, virtio_avail_at(v)));
    set_address(h, v, VIRTIO_R_DEVICE_LOW, virtio_seen_by_device(v, virtio_used_at(v)));
    virtio_set(h, v, VIRTIO_R_QUEUE_ENABLE, 1);
    virtio_set(h, v, VIRTIO_R_STATUS,
               VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
    job->phase = START_AWAITS_END;
}

/* What was under way is not any more. */
static void forget_commands(struct host_virtio *v)
{
    for (unsigned i = 0; i < HOST_VIRTIO_SLOTS; i++)
        v->slot[i].busy = false;
    v->finished = v->issued;
}

/* Given up (2.1: FAILED). */
static enum host_verdict refuse(struct host *h, struct host_virtio *v, bool may_fail,
                                const struct tb_node *node, tb_time when, const char *why)
{
    v->state = VIRTIO_DEAD;
    if (!may_fail)
        host_complain(h, node, when, "'%s' cannot be used: %s", v->device->model->name, why);
    return HOST_DONE;
}

/* 4.1.4.3.2: the reset is over when the status reads as 0. */
static enum host_verdict await_reset(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                     tb_time timeout, const struct tb_node *node, tb_time when)
{
    if (job->value[0] == 0) {
        ask_offer(h, v, job);
        return HOST_AGAIN;
    }
    if (!job->deadline)
        job->deadline = when + timeout;
    if (when >= job->deadline || h->instant)
        return refuse(h, v, false, node, when, "its reset does not end");
    if (!job->next || when >= job->next) {
        job->next = when + h->params.poll;
        virtio_get(h, v, VIRTIO_R_STATUS, &job->value[0]);
        return HOST_AGAIN;
    }
    host_sleep(h, job->next);
    return HOST_WAITS;
}

enum host_verdict virtio_bring_up(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                  bool may_fail, const struct tb_node *node, tb_time timeout,
                                  tb_time when)
{
    switch (job->phase) {
    case START_AWAITS_NOTHING:
        forget_commands(v);
        reset(h, v, job);
        return HOST_AGAIN;
    case START_AWAITS_RESET:
        return await_reset(h, v, job, timeout, node, when);
    case START_AWAITS_OFFER:
        agree(h, v, job);
        return HOST_AGAIN;
    case START_AWAITS_AGREEMENT:
        if (job->value[0] & VIRTIO_FEATURES_OK) {
            ask_queue(h, v, job);
            return HOST_AGAIN;
        }
        virtio_set(h, v, VIRTIO_R_STATUS, job->value[0] | VIRTIO_FAILED);
        return refuse(h, v, may_fail, node, when, "it does not agree to the driver's features");
    case START_AWAITS_QUEUE:
        if (job->value[0] < 4)
            return refuse(h, v, may_fail, node, when, "its queue has less than four entries");
        set_queue(h, v, job);
        return HOST_AGAIN;
    default:
        v->state = VIRTIO_RUNS;
        return HOST_DONE;
    }
}

/* -- Stopping it ------------------------------------------------------------------------------ */

void virtio_halt(struct host *h, const struct host_virtio *v)
{
    virtio_set(h, v, VIRTIO_R_STATUS, 0);
}

enum host_verdict virtio_abort(struct host *h, struct host_virtio *v, struct virtio_job *job,
                               tb_time timeout, tb_time when)
{
    if (job->phase == START_AWAITS_NOTHING) {
        job->deadline = when + timeout;
        reset(h, v, job);
        return HOST_AGAIN;
    }
    if (job->value[0] == 0 || when >= job->deadline) {
        virtio_fail_commands(h, v, when);
        return HOST_DONE;
    }
    if (when < job->next) {
        host_sleep(h, job->next);
        return HOST_WAITS;
    }
    job->next = when + h->params.poll;
    virtio_get(h, v, VIRTIO_R_STATUS, &job->value[0]);
    return HOST_AGAIN;
}
