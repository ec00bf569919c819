/* Steps of the virtio driver alone; reading and writing are those of every disk (steps_disk.c). */
#include "driver_virtio.h"

static const char *const outcome_names[] = {"ok", "error", "any", NULL}; /* enum ide_outcome */

struct start_args {
    const char *name;
    bool platform, event_idx, indirect, has_timeout;
    unsigned status;
    tb_time timeout;
    struct host_virtio *virtio;
};

#define FIELD(f) .offset = offsetof(struct start_args, f)

static const struct tb_param start_table[] = {
    {.name = "device",
     .type = TB_STRING,
     FIELD(name),
     .flags = TB_REQUIRED,
     .doc = "a virtio block device"},
    {.name = "access_platform",
     .type = TB_BOOL,
     FIELD(platform),
     .def = "true",
     .doc = "accept that the platform decides about DMA, if it is offered"},
    {.name = "event_idx",
     .type = TB_BOOL,
     FIELD(event_idx),
     .def = "true",
     .doc = "accept event indices, if they are offered"},
    {.name = "indirect",
     .type = TB_BOOL,
     FIELD(indirect),
     .def = "true",
     .doc = "accept indirect descriptors, if they are offered"},
    {.name = "status",
     .type = TB_ENUM,
     FIELD(status),
     .names = outcome_names,
     .def = "ok",
     .doc = "whether the device must agree"},
    {.name = "timeout",
     .type = TB_TIME,
     FIELD(timeout),
     .flags = TB_OPTIONAL,
     .present = offsetof(struct start_args, has_timeout) + 1,
     .min = "1ns",
     .max = "10000s",
     .doc = "for the reset; default: the host's"},
    {0},
};

static bool prepare_start(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct start_args *a = s->args;
    const struct tb_node *named = tb_node_get(s->node, "device");
    struct host_device *d = host_find_device(h, a->name, named, diag);
    if (!d)
        return false;
    if (!d->virtio) {
        tb_diag_node(diag, named, "'%s' is no virtio device", a->name);
        return false;
    }
    a->virtio = d->virtio;
    if (!a->has_timeout)
        a->timeout = h->params.timeout;
    return virtio_reserve(h, a->virtio, s->node, diag);
}

static enum host_verdict run_start(struct host *h, struct host_step *s, tb_time when)
{
    const struct start_args *a = s->args;
    struct virtio_job *job = &h->work.virtio;
    job->wanted = VIRTIO_DRIVER_FEATURES & ~((a->platform ? 0 : VIRTIO_F_ACCESS_PLATFORM) |
                                             (a->event_idx ? 0 : VIRTIO_F_EVENT_IDX) |
                                             (a->indirect ? 0 : VIRTIO_F_INDIRECT));
    enum host_verdict verdict =
        virtio_bring_up(h, a->virtio, job, a->status != IDE_OK, s->node, a->timeout, when);
    if (verdict == HOST_DONE && a->status == IDE_FAILS && a->virtio->state == VIRTIO_RUNS)
        host_complain(h, s->node, when, "'%s' was to refuse, and agreed", a->name);
    return verdict;
}

const struct host_step_kind host_steps_virtio[] = {
    {"virtio_start", "resets a virtio device, agrees on features with it, gives it a queue",
     start_table, sizeof(struct start_args), prepare_start, run_start, false},
    {0},
};
