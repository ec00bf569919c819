/* The driver of virtio block devices: bringing one up (VIRTIO 1.2, 3.1), requests, the handler. */
#include "driver_virtio.h"

#include <inttypes.h>
#include <string.h>

/* -- Where things are in the driver's memory --------------------------------------------------- */

enum { HEADER = 0, STATUS_BYTE = 16, ANSWER = 32, TABLE = 64 }; /* in a slot */

static uint64_t avail_at(const struct host_virtio *v)
{
    return v->memory + VIRTIO_DESC_BYTES * HOST_VIRTIO_ENTRIES;
}

static uint64_t used_at(const struct host_virtio *v)
{
    return avail_at(v) + ((VIRTIO_AVAIL_BYTES(HOST_VIRTIO_ENTRIES) + 3) & ~3u); /* 2.7: by four */
}

#define SLOT_BYTES (TABLE + VIRTIO_DESC_BYTES * HOST_VIRTIO_ENTRIES)
#define QUEUE_BYTES                                                                                \
    ((VIRTIO_DESC_BYTES * HOST_VIRTIO_ENTRIES + VIRTIO_AVAIL_BYTES(HOST_VIRTIO_ENTRIES) + 3 +      \
      VIRTIO_USED_BYTES(HOST_VIRTIO_ENTRIES) + 63) &                                               \
     ~63u)

static uint64_t slot_at(const struct host_virtio *v, unsigned slot)
{
    return v->memory + QUEUE_BYTES + (uint64_t)SLOT_BYTES * slot;
}

static bool has(const struct host_virtio *v, uint64_t feature)
{
    return v->features & feature;
}

/* An address of the driver's memory, as the device uses it. */
static uint64_t seen_by_device(const struct host_virtio *v, uint64_t pa)
{
    return has(v, VIRTIO_F_ACCESS_PLATFORM) ? pa - v->memory + v->bus : pa;
}

/* Descriptors that a slot has of its own in the queue. */
static uint32_t share(const struct host_virtio *v)
{
    return v->size / v->slots;
}

/* -- The machine ------------------------------------------------------------------------------- */

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
    v->bytes = (QUEUE_BYTES + SLOT_BYTES * HOST_VIRTIO_SLOTS + HOST_PAGE - 1) & ~(HOST_PAGE - 1);
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

/* -- Bringing it up (3.1.1) -------------------------------------------------------------------- */

enum {
    START_AWAITS_NOTHING,
    START_AWAITS_RESET,
    START_AWAITS_OFFER,
    START_AWAITS_AGREEMENT,
    START_AWAITS_QUEUE,
    START_AWAITS_END
};

static void set(struct host *h, const struct host_virtio *v, enum virtio_register r, uint64_t value)
{
    host_write(h, v->registers[r], value);
}

static void get(struct host *h, const struct host_virtio *v, enum virtio_register r, uint64_t *to)
{
    host_read(h, v->registers[r], to);
}

/* 1. Reset. 2. and 3.: the driver has seen it and knows how to drive it. */
static void reset(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    set(h, v, VIRTIO_R_STATUS, 0);
    get(h, v, VIRTIO_R_STATUS, &job->value[0]);
    job->phase = START_AWAITS_RESET;
}

static void ask_offer(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    set(h, v, VIRTIO_R_STATUS, VIRTIO_ACKNOWLEDGE);
    set(h, v, VIRTIO_R_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    for (unsigned i = 0; i < 2; i++) {
        set(h, v, VIRTIO_R_DEVICE_FEATURES_SEL, i);
        get(h, v, VIRTIO_R_DEVICE_FEATURES, &job->value[i]);
    }
    job->phase = START_AWAITS_OFFER;
}

/* 4. to 6.: what both have; does the device agree. */
static void agree(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    v->features = (job->value[0] | job->value[1] << 32) & job->wanted;
    for (unsigned i = 0; i < 2; i++) {
        set(h, v, VIRTIO_R_DRIVER_FEATURES_SEL, i);
        set(h, v, VIRTIO_R_DRIVER_FEATURES, v->features >> 32 * i & UINT32_MAX);
    }
    set(h, v, VIRTIO_R_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    get(h, v, VIRTIO_R_STATUS, &job->value[0]);
    job->phase = START_AWAITS_AGREEMENT;
}

static void ask_queue(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    set(h, v, VIRTIO_R_QUEUE_SEL, 0);
    get(h, v, VIRTIO_R_QUEUE_MAX, &job->value[0]);
    get(h, v, VIRTIO_R_SIZE_MAX, &job->value[1]);
    get(h, v, VIRTIO_R_SEG_MAX, &job->value[2]);
    job->phase = START_AWAITS_QUEUE;
}

static void set_address(struct host *h, const struct host_virtio *v, enum virtio_register low,
                        uint64_t address)
{
    set(h, v, low, address & UINT32_MAX);
    set(h, v, low + 1, address >> 32);
}

/* 7. The queue, empty; 8. the device is live. */
static void set_queue(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    v->size = (uint32_t)(job->value[0] < HOST_VIRTIO_ENTRIES ? job->value[0] : HOST_VIRTIO_ENTRIES);
    v->slots = v->size / 4 < HOST_VIRTIO_SLOTS ? v->size / 4 : HOST_VIRTIO_SLOTS;
    v->size_max = has(v, VIRTIO_BLK_F_SIZE_MAX) ? job->value[1] : 0;
    v->seg_max = has(v, VIRTIO_BLK_F_SEG_MAX) ? job->value[2] : 1;
    v->offered = v->seen = 0;
    host_store(h, avail_at(v), 0, 4);
    host_store(h, used_at(v), 0, 4);
    if (has(v, VIRTIO_F_EVENT_IDX)) {
        host_store(h, avail_at(v) + VIRTIO_AVAIL_RING(v->size), 0, 2);
        host_store(h, used_at(v) + VIRTIO_USED_RING(v->size), 0, 2);
    }
    set(h, v, VIRTIO_R_QUEUE_SIZE, v->size);
    set_address(h, v, VIRTIO_R_DESC_LOW, seen_by_device(v, v->memory));
    set_address(h, v, VIRTIO_R_DRIVER_LOW, seen_by_device(v, avail_at(v)));
    set_address(h, v, VIRTIO_R_DEVICE_LOW, seen_by_device(v, used_at(v)));
    set(h, v, VIRTIO_R_QUEUE_ENABLE, 1);
    set(h, v, VIRTIO_R_STATUS,
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
        get(h, v, VIRTIO_R_STATUS, &job->value[0]);
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
        set(h, v, VIRTIO_R_STATUS, job->value[0] | VIRTIO_FAILED);
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

/* -- Mapping the queue ------------------------------------------------------------------------- */

/* Queue, headers and tables at their own address, for a device whose DMA the platform decides
 * about, and translates. */
static enum host_verdict map_memory(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                    const struct tb_node *node, tb_time when)
{
    const struct host_device *d = v->device;
    struct table_job *t = &job->table;
    if (!d->attached || d->mode != HOST_TRANSLATE || v->direct || v->mapped == d->domain ||
        !has(v, VIRTIO_F_ACCESS_PLATFORM))
        return HOST_DONE;
    if (!t->domain)
        *t = (struct table_job){.domain = d->domain,
                                .start = v->bus,
                                .iova = v->bus,
                                .pa = v->memory,
                                .last = v->bus + v->bytes - 1,
                                .page = HOST_PAGE,
                                .permissions = HOST_MAY_READ | HOST_MAY_WRITE,
                                .node = node};
    const char *wrong = table_step(h, t, when);
    if (wrong)
        host_complain(h, node, when, "the queues of '%s' cannot be mapped: %s", d->model->name,
                      wrong);
    if (!wrong && !t->over)
        return HOST_AGAIN;
    v->mapped = d->domain;
    *t = (struct table_job){0};
    return HOST_AGAIN;
}

/* -- Giving a command -------------------------------------------------------------------------- */

static bool to_device(const struct virtio_command *c)
{
    return c->type == VIRTIO_BLK_OUT;
}

/* The i-th segment of the chain: header, data, status. */
static void segment_of(const struct host_virtio *v, const struct virtio_command *c, unsigned slot,
                       uint32_t i, uint64_t *address, uint32_t *length, uint16_t *flags)
{
    if (i == 0) {
        *address = seen_by_device(v, slot_at(v, slot)) + HEADER;
        *length = VIRTIO_BLK_HEADER_BYTES;
        *flags = VIRTIO_DESC_NEXT;
    } else if (i <= c->region_count) {
        *address = c->regions[i - 1].iova;
        *length = (uint32_t)c->regions[i - 1].bytes;
        *flags = (uint16_t)(VIRTIO_DESC_NEXT | (to_device(c) ? 0 : VIRTIO_DESC_WRITE));
    } else if (c->type == VIRTIO_BLK_GET_ID && i == 1) {
        *address = seen_by_device(v, slot_at(v, slot)) + ANSWER;
        *length = VIRTIO_BLK_ID_BYTES;
        *flags = VIRTIO_DESC_NEXT | VIRTIO_DESC_WRITE;
    } else {
        *address = seen_by_device(v, slot_at(v, slot)) + STATUS_BYTE;
        *length = 1;
        *flags = VIRTIO_DESC_WRITE;
    }
}

static uint32_t segments_of(const struct virtio_command *c)
{
    return (uint32_t)c->region_count + 2 + (c->type == VIRTIO_BLK_GET_ID);
}

static void put_descriptor(struct host *h, uint64_t at, uint64_t address, uint32_t length,
                           uint16_t flags, uint32_t next)
{
    host_store(h, at, address, 8);
    host_store(h, at + 8, length | (uint64_t)flags << 32 | (uint64_t)next << 48, 8);
}

/* false: more than both agreed on, which is told. */
static bool check_command(struct host *h, const struct host_virtio *v,
                          const struct virtio_command *c, tb_time when)
{
    uint64_t most = has(v, VIRTIO_F_INDIRECT) ? v->size : share(v);
    most = most - 2 < v->seg_max ? most - 2 : v->seg_max;
    if (c->region_count > most) {
        host_complain(h, c->node, when,
                      "%zu regions, and a request of '%s' has %" PRIu64 " at most", c->region_count,
                      v->device->model->name, most);
        return false;
    }
    for (size_t i = 0; v->size_max && i < c->region_count; i++)
        if (c->regions[i].bytes > v->size_max) {
            host_complain(h, c->node, when,
                          "a region of %" PRIu64 " bytes, and '%s' takes %" PRIu64 " at most",
                          c->regions[i].bytes, v->device->model->name, v->size_max);
            return false;
        }
    return true;
}

static void put_header(struct host *h, const struct host_virtio *v, const struct virtio_command *c,
                       unsigned slot)
{
    uint64_t at = slot_at(v, slot);
    host_store(h, at + HEADER, c->type, 8);
    host_store(h, at + HEADER + 8, c->sector, 8);
    host_store(h, at + STATUS_BYTE, 0xff, 1);
}

/* The chain, as far as there is room; the slot's descriptors, or one that leads to its table. */
static bool put_chain(struct host *h, const struct host_virtio *v, const struct virtio_command *c,
                      struct virtio_job *job)
{
    uint32_t count = segments_of(c), first = job->slot * share(v);
    bool indirect = has(v, VIRTIO_F_INDIRECT);
    uint64_t table = slot_at(v, job->slot) + TABLE;
    for (; job->segment < count && host_room(h) >= 4; job->segment++) {
        uint32_t i = job->segment;
        uint64_t address;
        uint32_t length;
        uint16_t flags;
        segment_of(v, c, job->slot, i, &address, &length, &flags);
        uint32_t next = flags & VIRTIO_DESC_NEXT ? (indirect ? i : first + i) + 1 : 0;
        put_descriptor(h,
                       indirect ? table + VIRTIO_DESC_BYTES * i
                                : v->memory + VIRTIO_DESC_BYTES * (first + i),
                       address, length, flags, next);
    }
    if (job->segment < count || host_room(h) < 2)
        return false;
    if (indirect)
        put_descriptor(h, v->memory + VIRTIO_DESC_BYTES * first, seen_by_device(v, table),
                       VIRTIO_DESC_BYTES * count, VIRTIO_DESC_INDIRECT, 0);
    return true;
}

/* 2.7.13: 3. the head into the ring; 4. and 5. (behind a barrier) the index; 6. and 7. (another)
 * the notification, if the device wants one. */
enum {
    RUN_AWAITS_DEVICE,
    RUN_AWAITS_SLOT,
    RUN_AWAITS_PAGES,
    RUN_AWAITS_CHAIN,
    RUN_AWAITS_RING,
    RUN_AWAITS_INDEX,
    RUN_AWAITS_BARRIER,
    RUN_AWAITS_EVENT,
    RUN_AWAITS_START,
    RUN_AWAITS_END,
    RUN_AWAITS_ANSWER,
    RUN_AWAITS_STORES
};

static bool expired(struct host *h, const struct host_virtio *v, const struct virtio_command *c,
                    tb_time when, const char *what)
{
    if (when < h->work.deadline) {
        host_sleep(h, h->work.deadline);
        return false;
    }
    host_complain_of_wait(h, c->node, when, c->timeout, what, v->device->model->name);
    return true;
}

static bool take_slot(struct host_virtio *v, const struct virtio_command *c, unsigned *slot)
{
    for (unsigned i = 0; i < v->slots; i++)
        if (!v->slot[i].busy) {
            v->slot[i] = (struct virtio_slot){.busy = true,
                                              .type = c->type,
                                              .wanted = c->wanted,
                                              .serial = ++v->issued,
                                              .regions = c->regions,
                                              .region_count = c->region_count,
                                              .node = c->node};
            v->node = c->node;
            *slot = i;
            return true;
        }
    return false;
}

/* The outcome of a command; a device that is dead fails them all. */
static void judge(struct host *h, struct host_virtio *v, struct virtio_slot *s, bool failed,
                  unsigned status, tb_time when)
{
    const char *name = v->device->model->name;
    s->busy = false;
    v->finished++;
    h->count.command_errors += failed;
    if (s->wanted == IDE_ANY || failed == (s->wanted == IDE_FAILS))
        return;
    if (failed && v->state != VIRTIO_RUNS)
        host_complain(h, s->node, when, "request 0x%02x of '%s' failed: the device needs a reset",
                      (unsigned)s->type, name);
    else
        host_complain(h, s->node, when, "request 0x%02x of '%s' %s: status 0x%02x",
                      (unsigned)s->type, name, failed ? "failed" : "was to fail and did not",
                      status);
}

static enum host_verdict await_slot(struct host *h, struct host_virtio *v, struct virtio_command *c,
                                    tb_time when)
{
    struct virtio_job *job = &h->work.virtio;
    h->work.deadline = h->work.begun + c->timeout;
    if (v->state == VIRTIO_DEAD) {
        if (c->wanted == IDE_OK)
            host_complain(h, c->node, when, "'%s' needs a reset first: see 'virtio_start'",
                          v->device->model->name);
        job->phase = RUN_AWAITS_STORES;
        h->work.count = sizeof c->answer;
        return HOST_AGAIN;
    }
    if (!check_command(h, v, c, when)) {
        job->phase = RUN_AWAITS_STORES;
        h->work.count = sizeof c->answer;
        return HOST_AGAIN;
    }
    if (!take_slot(v, c, &job->slot))
        return expired(h, v, c, when, "a free slot") ? HOST_DONE : HOST_WAITS;
    h->count.commands++;
    h->work.value = v->slot[job->slot].serial;
    job->segment = 0;
    job->phase = RUN_AWAITS_PAGES;
    return HOST_AGAIN;
}

/* The device says from which index on it wants to be told (2.7.10), or whether at all (2.7.8). */
static void ask_event(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    uint64_t at = has(v, VIRTIO_F_EVENT_IDX) ? VIRTIO_USED_RING(v->size) : VIRTIO_USED_FLAGS;
    host_load(h, used_at(v) + at, 2, &job->value[0]);
    job->phase = RUN_AWAITS_EVENT;
}

static void notify(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    uint16_t word = (uint16_t)job->value[0], before = (uint16_t)(v->offered - 1);
    bool wanted =
        has(v, VIRTIO_F_EVENT_IDX) ? virtio_wants_event(word, v->offered, before) : !(word & 1);
    if (wanted) {
        set(h, v, VIRTIO_R_NOTIFY, 0);
        h->count.notifications++;
    }
    job->phase = RUN_AWAITS_START;
}

/* Up to the notification. */
static enum host_verdict issue(struct host *h, struct host_virtio *v, struct virtio_command *c,
                               tb_time when)
{
    struct virtio_job *job = &h->work.virtio;
    enum host_verdict verdict;
    switch (job->phase) {
    case RUN_AWAITS_PAGES:
        verdict = map_memory(h, v, job, c->node, when);
        if (verdict != HOST_DONE)
            return verdict;
        put_header(h, v, c, job->slot);
        job->phase = RUN_AWAITS_CHAIN;
        return HOST_AGAIN;
    case RUN_AWAITS_CHAIN:
        if (put_chain(h, v, c, job))
            job->phase = RUN_AWAITS_RING;
        return HOST_AGAIN;
    case RUN_AWAITS_RING:
        host_store(h, avail_at(v) + VIRTIO_AVAIL_RING(v->offered % v->size), job->slot * share(v),
                   2);
        job->phase = RUN_AWAITS_INDEX;
        return HOST_AGAIN;
    case RUN_AWAITS_INDEX:
        host_store(h, avail_at(v) + VIRTIO_AVAIL_INDEX, ++v->offered, 2);
        job->phase = RUN_AWAITS_BARRIER;
        return HOST_AGAIN;
    case RUN_AWAITS_BARRIER:
        ask_event(h, v, job);
        return HOST_AGAIN;
    default:
        notify(h, v, job);
        return HOST_AGAIN;
    }
}

static bool is_finished(const struct host_virtio *v, const struct virtio_job *job, uint64_t serial)
{
    const struct virtio_slot *s = &v->slot[job->slot];
    return s->serial != serial || !s->busy;
}

static enum host_verdict await_end(struct host *h, struct host_virtio *v, struct virtio_command *c,
                                   tb_time when)
{
    struct virtio_job *job = &h->work.virtio;
    if (job->phase == RUN_AWAITS_START) {
        if (!c->wait)
            return HOST_DONE;
        h->work.deadline = when + c->timeout;
        job->phase = RUN_AWAITS_END;
    }
    if (!is_finished(v, job, h->work.value))
        return expired(h, v, c, when, "the request's end") ? HOST_DONE : HOST_WAITS;
    if (v->line && v->line->taken < v->line->handled)
        v->line->taken++;
    if (!c->has_at || v->state != VIRTIO_RUNS)
        return HOST_DONE;
    for (unsigned i = 0; i < sizeof c->answer; i += 8)
        host_move(h, slot_at(v, job->slot) + ANSWER + i, TB_MEMORY, c->answer + i, 8, false);
    job->phase = RUN_AWAITS_ANSWER;
    return HOST_AGAIN;
}

/* What GET_ID said goes where the step wants it. */
static enum host_verdict store_answer(struct host *h, struct virtio_command *c)
{
    struct virtio_job *job = &h->work.virtio;
    if (job->phase == RUN_AWAITS_STORES)
        return HOST_DONE;
    for (unsigned i = 0; i < VIRTIO_BLK_ID_BYTES; i += 4)
        host_move(h, c->at + i, TB_MEMORY, c->answer + i, 4, true);
    job->phase = RUN_AWAITS_STORES;
    return HOST_AGAIN;
}

enum host_verdict virtio_run(struct host *h, struct host_virtio *v, struct virtio_command *c,
                             tb_time when)
{
    struct virtio_job *job = &h->work.virtio;
    if (v->state == VIRTIO_UNTOUCHED) {
        if (job->phase == START_AWAITS_NOTHING)
            job->wanted = VIRTIO_DRIVER_FEATURES;
        enum host_verdict verdict = virtio_bring_up(h, v, job, false, c->node, c->timeout, when);
        if (verdict == HOST_DONE)
            *job = (struct virtio_job){.phase = RUN_AWAITS_SLOT};
        return verdict == HOST_DONE ? HOST_AGAIN : verdict;
    }
    if (job->phase <= RUN_AWAITS_SLOT)
        return await_slot(h, v, c, when);
    if (job->phase < RUN_AWAITS_START)
        return issue(h, v, c, when);
    if (job->phase < RUN_AWAITS_ANSWER)
        return await_end(h, v, c, when);
    return store_answer(h, c);
}

/* -- The handler ------------------------------------------------------------------------------- */

enum {
    HANDLER_AWAITS_NOTHING,
    HANDLER_AWAITS_ISR,
    HANDLER_AWAITS_INDEX,
    HANDLER_AWAITS_ELEMENT,
    HANDLER_AWAITS_OUTCOME,
    HANDLER_AWAITS_REARM
};

/* The index is read after the acknowledgement: what comes later interrupts again. */
static void ask_index(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    host_load(h, used_at(v) + VIRTIO_USED_INDEX, 2, &job->value[1]);
    job->phase = HANDLER_AWAITS_INDEX;
}

static void took_isr(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    if (v->registers[VIRTIO_R_ISR_ACK].size)
        set(h, v, VIRTIO_R_ISR_ACK, job->value[0]);
    job->value[2] = 0;
    if (job->value[0] & VIRTIO_ISR_CONFIG)
        get(h, v, VIRTIO_R_STATUS, &job->value[2]);
    ask_index(h, v, job);
}

/* 2.1.2: nothing of what is under way will end. */
static void fail_commands(struct host *h, struct host_virtio *v, tb_time when)
{
    v->state = VIRTIO_DEAD;
    for (unsigned i = 0; i < v->slots; i++)
        if (v->slot[i].busy)
            judge(h, v, &v->slot[i], true, 0, when);
}

static void found_dead(struct host *h, struct host_virtio *v, tb_time when)
{
    h->count.needs_reset++;
    fail_commands(h, v, when);
}

/* A used ring that cannot be: somebody else wrote there. Nothing of it is believed. */
static enum host_verdict found_nonsense(struct host *h, struct host_virtio *v, const char *what,
                                        tb_time when)
{
    host_complain(h, v->node, when, "the used ring of '%s' is damaged: %s", v->device->model->name,
                  what);
    found_dead(h, v, when);
    return HOST_DONE;
}

/* All elements up to the index were seen. With events the device is told from which on the next
 * interrupt is wanted, and the index is looked at once more. */
static enum host_verdict rearm(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    if (!has(v, VIRTIO_F_EVENT_IDX) || job->told == v->seen + 1u)
        return HOST_DONE;
    job->told = v->seen + 1u;
    host_store(h, avail_at(v) + VIRTIO_AVAIL_RING(v->size), v->seen, 2);
    job->phase = HANDLER_AWAITS_REARM;
    return HOST_AGAIN;
}

static enum host_verdict took_index(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                    tb_time when)
{
    if (job->value[2] & VIRTIO_NEEDS_RESET) {
        found_dead(h, v, when);
        return HOST_DONE;
    }
    if ((uint16_t)job->value[1] == v->seen)
        return rearm(h, v, job);
    if ((uint16_t)((uint16_t)job->value[1] - v->seen) > v->slots)
        return found_nonsense(h, v, "its used index went too far", when);
    host_load(h, used_at(v) + VIRTIO_USED_RING(v->seen % v->size), 4, &job->value[3]);
    job->phase = HANDLER_AWAITS_ELEMENT;
    return HOST_AGAIN;
}

static enum host_verdict took_element(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                      tb_time when)
{
    uint64_t slot = job->value[3] / share(v);
    if (job->value[3] % share(v) || slot >= v->slots || !v->slot[slot].busy)
        return found_nonsense(h, v, "it gave back a request that it does not have", when);
    job->slot = (unsigned)slot;
    host_load(h, slot_at(v, job->slot) + STATUS_BYTE, 1, &job->value[4]);
    job->phase = HANDLER_AWAITS_OUTCOME;
    return HOST_AGAIN;
}

enum host_verdict virtio_handler(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                 tb_time when)
{
    switch (job->phase) {
    case HANDLER_AWAITS_NOTHING:
        if (v->state != VIRTIO_RUNS)
            return HOST_DONE;
        get(h, v, VIRTIO_R_ISR, &job->value[0]);
        job->phase = HANDLER_AWAITS_ISR;
        return HOST_AGAIN;
    case HANDLER_AWAITS_ISR:
        if (job->value[0] == 0)
            return HOST_DONE; /* somebody else's interrupt on the same line */
        took_isr(h, v, job);
        return HOST_AGAIN;
    case HANDLER_AWAITS_INDEX:
        return took_index(h, v, job, when);
    case HANDLER_AWAITS_ELEMENT:
        return took_element(h, v, job, when);
    case HANDLER_AWAITS_OUTCOME:
        v->seen++;
        judge(h, v, &v->slot[job->slot], job->value[4] != VIRTIO_BLK_OK, (unsigned)job->value[4],
              when);
        ask_index(h, v, job);
        return HOST_AGAIN;
    default:
        ask_index(h, v, job);
        return HOST_AGAIN;
    }
}

/* -- Taking memory back ------------------------------------------------------------------------ */

bool virtio_holds(const struct host_virtio *v, uint64_t iova, uint64_t last)
{
    if (!has(v, VIRTIO_F_ACCESS_PLATFORM))
        return false;
    for (unsigned i = 0; i < v->slots; i++) {
        const struct virtio_slot *s = &v->slot[i];
        for (size_t k = 0; s->busy && k < s->region_count; k++)
            if (s->regions[k].iova <= last &&
                iova <= s->regions[k].iova + (s->regions[k].bytes - 1))
                return true;
    }
    return false;
}

void virtio_halt(struct host *h, const struct host_virtio *v)
{
    set(h, v, VIRTIO_R_STATUS, 0);
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
        fail_commands(h, v, when);
        return HOST_DONE;
    }
    if (when < job->next) {
        host_sleep(h, job->next);
        return HOST_WAITS;
    }
    job->next = when + h->params.poll;
    get(h, v, VIRTIO_R_STATUS, &job->value[0]);
    return HOST_AGAIN;
}
