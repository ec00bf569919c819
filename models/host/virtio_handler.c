/* The handler of a virtio device's interrupt: the used ring (VIRTIO 1.2, 2.7.14), and what has
 * become of the requests. */
#include "virtio_queue.h"

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

void virtio_fail_commands(struct host *h, struct host_virtio *v, tb_time when)
{
    v->state = VIRTIO_DEAD;
    for (unsigned i = 0; i < v->slots; i++)
        if (v->slot[i].busy)
            judge(h, v, &v->slot[i], true, 0, when);
}

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
    host_load(h, virtio_used_at(v) + VIRTIO_USED_INDEX, 2, &job->value[1]);
    job->phase = HANDLER_AWAITS_INDEX;
}

static void took_isr(struct host *h, struct host_virtio *v, struct virtio_job *job)
{
    if (v->registers[VIRTIO_R_ISR_ACK].size)
        virtio_set(h, v, VIRTIO_R_ISR_ACK, job->value[0]);
    job->value[2] = 0;
    if (job->value[0] & VIRTIO_ISR_CONFIG)
        virtio_get(h, v, VIRTIO_R_STATUS, &job->value[2]);
    ask_index(h, v, job);
}

static void found_dead(struct host *h, struct host_virtio *v, tb_time when)
{
    h->count.needs_reset++;
    virtio_fail_commands(h, v, when);
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
    if (!virtio_has(v, VIRTIO_F_EVENT_IDX) || job->told == v->seen + 1u)
        return HOST_DONE;
    job->told = v->seen + 1u;
    host_store(h, virtio_avail_at(v) + VIRTIO_AVAIL_RING(v->size), v->seen, 2);
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
    host_load(h, virtio_used_at(v) + VIRTIO_USED_RING(v->seen % v->size), 4, &job->value[3]);
    job->phase = HANDLER_AWAITS_ELEMENT;
    return HOST_AGAIN;
}

static enum host_verdict took_element(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                      tb_time when)
{
    uint64_t slot = job->value[3] / virtio_share(v);
    if (job->value[3] % virtio_share(v) || slot >= v->slots || !v->slot[slot].busy)
        return found_nonsense(h, v, "it gave back a request that it does not have", when);
    job->slot = (unsigned)slot;
    host_load(h, virtio_slot_at(v, job->slot) + VIRTIO_AT_STATUS, 1, &job->value[4]);
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
        virtio_get(h, v, VIRTIO_R_ISR, &job->value[0]);
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
