/* Requests of a virtio block device: chain, rings, notification (VIRTIO 1.2, 2.7.13 and 5.2.6), and
 * the wait for the end. */
#include "virtio_queue.h"

#include <inttypes.h>

/* -- Mapping the queue ------------------------------------------------------------------------ */

/* Queue, headers and tables at their own address, for a device whose DMA the platform decides
 * about, and translates. */
static enum host_verdict map_memory(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                    const struct tb_node *node, tb_time when)
{
    const struct host_device *d = v->device;
    struct table_job *t = &job->table;
    if (!d->attached || d->mode != HOST_TRANSLATE || v->direct || v->mapped == d->domain ||
        !virtio_has(v, VIRTIO_F_ACCESS_PLATFORM))
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

/* -- The chain -------------------------------------------------------------------------------- */

static bool to_device(const struct virtio_command *c)
{
    return c->type == VIRTIO_BLK_OUT;
}

/* The i-th segment of the chain: header, data, status. */
static void segment_of(const struct host_virtio *v, const struct virtio_command *c, unsigned slot,
                       uint32_t i, uint64_t *address, uint32_t *length, uint16_t *flags)
{
    if (i == 0) {
        *address = virtio_seen_by_device(v, virtio_slot_at(v, slot)) + VIRTIO_AT_HEADER;
        *length = VIRTIO_BLK_HEADER_BYTES;
        *flags = VIRTIO_DESC_NEXT;
    } else if (i <= c->region_count) {
        *address = c->regions[i - 1].iova;
        *length = (uint32_t)c->regions[i - 1].bytes;
        *flags = (uint16_t)(VIRTIO_DESC_NEXT | (to_device(c) ? 0 : VIRTIO_DESC_WRITE));
    } else if (c->type == VIRTIO_BLK_GET_ID && i == 1) {
        *address = virtio_seen_by_device(v, virtio_slot_at(v, slot)) + VIRTIO_AT_ANSWER;
        *length = VIRTIO_BLK_ID_BYTES;
        *flags = VIRTIO_DESC_NEXT | VIRTIO_DESC_WRITE;
    } else {
        *address = virtio_seen_by_device(v, virtio_slot_at(v, slot)) + VIRTIO_AT_STATUS;
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
    uint64_t most = virtio_has(v, VIRTIO_F_INDIRECT) ? v->size : virtio_share(v);
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
    uint64_t at = virtio_slot_at(v, slot);
    host_store(h, at + VIRTIO_AT_HEADER, c->type, 8);
    host_store(h, at + VIRTIO_AT_HEADER + 8, c->sector, 8);
    host_store(h, at + VIRTIO_AT_STATUS, 0xff, 1);
}

/* The chain, as far as there is room; the slot's descriptors, or one that leads to its table. */
static bool put_chain(struct host *h, const struct host_virtio *v, const struct virtio_command *c,
                      struct virtio_job *job)
{
    uint32_t count = segments_of(c), first = job->slot * virtio_share(v);
    bool indirect = virtio_has(v, VIRTIO_F_INDIRECT);
    uint64_t table = virtio_slot_at(v, job->slot) + VIRTIO_AT_TABLE;
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
        put_descriptor(h, v->memory + VIRTIO_DESC_BYTES * first, virtio_seen_by_device(v, table),
                       VIRTIO_DESC_BYTES * count, VIRTIO_DESC_INDIRECT, 0);
    return true;
}

/* -- Giving a command, and waiting for it ----------------------------------------------------- */

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
    uint64_t at = virtio_has(v, VIRTIO_F_EVENT_IDX) ? VIRTIO_USED_RING(v->size) : VIRTIO_USED_FLAGS;
    host_load(h, virtio_used_at(v) + at, 2, &job->value[0]);
    job->phase = RUN_AWAITS_EVENT;
}

static void notify(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    uint16_t word = (uint16_t)job->value[0], before = (uint16_t)(v->offered - 1);
    bool wanted = virtio_has(v, VIRTIO_F_EVENT_IDX) ? virtio_wants_event(word, v->offered, before)
                                                    : !(word & 1);
    if (wanted) {
        virtio_set(h, v, VIRTIO_R_NOTIFY, 0);
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
        host_store(h, virtio_avail_at(v) + VIRTIO_AVAIL_RING(v->offered % v->size),
                   job->slot * virtio_share(v), 2);
        job->phase = RUN_AWAITS_INDEX;
        return HOST_AGAIN;
    case RUN_AWAITS_INDEX:
        host_store(h, virtio_avail_at(v) + VIRTIO_AVAIL_INDEX, ++v->offered, 2);
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
        host_move(h, virtio_slot_at(v, job->slot) + VIRTIO_AT_ANSWER + i, TB_MEMORY, c->answer + i,
                  8, false);
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
        if (job->phase == RUN_AWAITS_DEVICE)
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

/* -- Taking memory back ----------------------------------------------------------------------- */

bool virtio_holds(const struct host_virtio *v, uint64_t iova, uint64_t last)
{
    if (!virtio_has(v, VIRTIO_F_ACCESS_PLATFORM))
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
