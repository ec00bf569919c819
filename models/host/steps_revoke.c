/* The `revoke` step: a mapping that a long transfer holds is wanted back.
 *
 * A transfer holds ("pins") what its regions name, from its command to its end: the device may go
 * there at any time, and no driver can tell when. Whoever wants the range has two ways. He waits
 * until nobody holds it (`wait`; with a `deadline` not for ever), or he cuts it off (`abort`): the
 * entries go, the IOMMU and the devices that cache translations forget them, and when the
 * completion wait behind that has ended the range is his. The transfer then meets a page fault, and
 * its driver ends it: it looks for the error in the bus master's status, for no interrupt comes
 * (models/ide: on_fault), and resets the channel. A device that tells nothing is stopped after
 * `patience`, so that too is finite. `remap` comes last: while the transfer goes on, its next
 * access would land in the new place.
 */
#include "driver_virtio.h"
#include "host.h"

#include "spec/bmide.h"

#include <inttypes.h>

enum { POLICY_WAIT, POLICY_ABORT };
static const char *const policy_names[] = {"wait", "abort", NULL};
static const char *const access_names[] = {"r", "w", "rw", NULL};
static const uint64_t access_bits[] = {HOST_MAY_READ, HOST_MAY_WRITE,
                                       HOST_MAY_READ | HOST_MAY_WRITE};

struct revoke_args {
    const char *device;
    uint64_t iova, size, pa;
    unsigned policy, access;
    tb_time deadline, patience;
    bool has_deadline, has_pa, stop;
    struct host_device *of;
};

#define FIELD(f)    .offset = offsetof(struct revoke_args, f)
#define OPTIONAL(f) .flags = TB_OPTIONAL, .present = offsetof(struct revoke_args, f) + 1

static const struct tb_param revoke_table[] = {
    {.name = "device",
     .type = TB_STRING,
     FIELD(device),
     .flags = TB_REQUIRED,
     .doc = "whose mapping"},
    {.name = "iova",
     .type = TB_COUNT,
     FIELD(iova),
     .flags = TB_REQUIRED,
     .doc = "the device's address"},
    {.name = "size",
     .type = TB_BYTES,
     FIELD(size),
     .flags = TB_REQUIRED,
     .min = "1",
     .doc = "how much"},
    {.name = "policy",
     .type = TB_ENUM,
     FIELD(policy),
     .names = policy_names,
     .def = "wait",
     .doc = "wait until no disk command holds the range, or abort those that do"},
    {.name = "deadline",
     .type = TB_TIME,
     FIELD(deadline),
     OPTIONAL(has_deadline),
     .max = "10000s",
     .doc = "wait: after which they are aborted; without, running into the host's timeout is a "
            "violation"},
    {.name = "stop",
     .type = TB_BOOL,
     FIELD(stop),
     .def = "false",
     .doc = "abort: stop the bus master first (virtio: reset the device), so that nothing faults"},
    {.name = "patience",
     .type = TB_TIME,
     FIELD(patience),
     .def = "10ms",
     .min = "1ns",
     .max = "10000s",
     .doc = "abort: how long the device may take to tell of the error before it is stopped"},
    {.name = "remap",
     .type = TB_COUNT,
     FIELD(pa),
     OPTIONAL(has_pa),
     .doc = "the physical address to map there instead, once nobody holds it; without: unmap only"},
    {.name = "access",
     .type = TB_ENUM,
     FIELD(access),
     .names = access_names,
     .def = "rw",
     .doc = "what is allowed there then"},
    {0},
};

static bool prepare_revoke(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct revoke_args *a = s->args;
    const struct tb_node *named = tb_node_get(s->node, "device");
    a->of = host_find_device(h, a->device, named, diag);
    if (!a->of)
        return false;
    if (!a->of->iommu) {
        tb_diag_node(diag, named, "there is no IOMMU between '%s' and '%s'", a->device, h->m->name);
        return false;
    }
    if (a->policy == POLICY_ABORT && a->has_deadline) {
        tb_diag_node(diag, tb_node_get(s->node, "deadline"),
                     "'deadline' is of policy wait: abort waits for nothing");
        return false;
    }
    if (a->iova % HOST_PAGE || a->size % HOST_PAGE || a->pa % HOST_PAGE ||
        a->iova + a->size - 1 < a->iova || (a->pa + a->size - 1) >> 52) {
        tb_diag_node(diag, s->node,
                     "iova, size and remap are multiples of 4 KiB, within the address space");
        return false;
    }
    return iommu_reserve(h, a->of->iommu, s->node, diag);
}

/* -- Who holds it ------------------------------------------------------------------------------ */

/* A table of regions that the driver did not write itself may name anything. */
static bool is_held_by(const struct host_channel *c, const struct revoke_args *a)
{
    const struct ide_command *k = &c->command;
    if (!c->busy || !k->dma || c->device->mode != HOST_TRANSLATE ||
        c->device->domain != a->of->domain)
        return false;
    for (size_t i = 0; i < k->region_count; i++)
        if (k->regions[i].iova <= a->iova + (a->size - 1) &&
            a->iova <= k->regions[i].iova + (k->regions[i].bytes - 1))
            return true;
    return k->region_count == 0;
}

static bool is_held_by_virtio(const struct host_device *d, const struct revoke_args *a)
{
    return d->mode == HOST_TRANSLATE && d->domain == a->of->domain &&
           virtio_holds(d->virtio, a->iova, a->iova + (a->size - 1));
}

/* Notes the channels and virtio devices whose commands hold it; how many. */
static unsigned find_holders(struct host *h, const struct revoke_args *a)
{
    unsigned count = 0;
    for (size_t i = 0; i < h->device_count; i++) {
        struct host_device *d = &h->devices[i];
        for (unsigned c = 0; d->is_ide && c < HOST_CHANNELS; c++) {
            d->channels[c].holds = !d->channels[c].isa && is_held_by(&d->channels[c], a);
            count += d->channels[c].holds;
        }
        if (d->virtio) {
            d->virtio->holds = is_held_by_virtio(d, a);
            count += d->virtio->holds;
        }
    }
    return count;
}

static struct host_device *next_virtio(struct host *h)
{
    for (size_t i = 0; i < h->device_count; i++)
        if (h->devices[i].virtio && h->devices[i].virtio->holds)
            return &h->devices[i];
    return NULL;
}

/* The next one that is not ended yet, from the n-th on; NULL: none is left. */
static struct host_channel *next_holder(struct host *h, uint64_t *n)
{
    for (; *n < h->device_count * HOST_CHANNELS; (*n)++) {
        struct host_channel *c = &h->devices[*n / HOST_CHANNELS].channels[*n % HOST_CHANNELS];
        if (c->holds)
            return c;
    }
    return NULL;
}

/* -- Running ----------------------------------------------------------------------------------- */

enum {
    REVOKE_BEGINS,
    REVOKE_AWAITS_TRANSFER,
    REVOKE_AWAITS_STOP,
    REVOKE_AWAITS_TABLES,
    REVOKE_AWAITS_INVALIDATION,
    REVOKE_AWAITS_ERROR, /* pause before the next look at the bus master's status */
    REVOKE_AWAITS_BM_STATUS,
    REVOKE_AWAITS_FINISH,
    REVOKE_AWAITS_RESET,
    REVOKE_AWAITS_VIRTIO,
    REVOKE_AWAITS_REMAP
};

static struct table_job change_of(const struct revoke_args *a, const struct tb_node *node,
                                  bool unmap)
{
    return (struct table_job){.domain = a->of->domain,
                              .start = a->iova,
                              .iova = a->iova,
                              .last = a->iova + (a->size - 1),
                              .pa = a->pa,
                              .page = HOST_PAGE,
                              .permissions = access_bits[a->access],
                              .unmap = unmap,
                              .node = node};
}

static enum host_verdict begin(struct host *h, const struct host_step *s, tb_time when)
{
    const struct revoke_args *a = s->args;
    struct host_work *w = &h->work;
    if (!a->of->domain || !a->of->domain->root || a->of->mode != HOST_TRANSLATE) {
        host_complain(h, s->node, when, "nothing is mapped for '%s'", a->device);
        return HOST_DONE;
    }
    h->count.revokes++;
    h->count.revoke_end_time = 0;
    w->deadline = w->begun + (a->has_deadline ? a->deadline : h->params.timeout);
    w->phase = REVOKE_AWAITS_TRANSFER;
    unsigned holders = find_holders(h, a);
    h->count.revokes_held += holders > 0;
    return HOST_AGAIN;
}

static void begin_cut(struct host *h, const struct host_step *s)
{
    const struct revoke_args *a = s->args;
    h->work.table = change_of(a, s->node, true);
    h->work.phase = REVOKE_AWAITS_TABLES;
}

/* Bus Master IDE 1.0, 3.1: clearing START halts the engine; what it had begun is lost. */
static void stop_masters(struct host *h)
{
    struct host_channel *c;
    for (uint64_t n = 0; (c = next_holder(h, &n)) && host_room(h) > 0; n++)
        host_write(h, c->registers[IDE_BMICOM], c->command.to_memory ? BMIDE_TO_MEMORY : 0);
    for (size_t i = 0; i < h->device_count && host_room(h) > 0; i++)
        if (h->devices[i].virtio && h->devices[i].virtio->holds)
            virtio_halt(h, h->devices[i].virtio);
}

/* The handler of the transfer's interrupt wakes the program. */
static enum host_verdict await_transfer(struct host *h, const struct host_step *s, tb_time when)
{
    const struct revoke_args *a = s->args;
    struct host_work *w = &h->work;
    if (find_holders(h, a) == 0) {
        begin_cut(h, s);
        return HOST_AGAIN;
    }
    if (a->policy == POLICY_WAIT && when < w->deadline) {
        host_sleep(h, w->deadline);
        return HOST_WAITS;
    }
    if (a->policy == POLICY_WAIT && !a->has_deadline) {
        host_complain(h, s->node, when, "waited %" PRIu64 " ns for who holds 0x%" PRIx64 " in vain",
                      h->params.timeout / TB_NS, a->iova);
        return HOST_DONE;
    }
    h->count.revokes_aborted++;
    w->phase = REVOKE_AWAITS_STOP;
    if (a->stop)
        stop_masters(h);
    return HOST_AGAIN;
}

static enum host_verdict fail(struct host *h, const struct host_step *s, tb_time when,
                              const char *wrong)
{
    host_complain(h, s->node, when, "cannot revoke 0x%" PRIx64 ": %s", h->work.table.iova, wrong);
    return HOST_DONE;
}

static enum host_verdict cut(struct host *h, const struct host_step *s, tb_time when)
{
    struct host_work *w = &h->work;
    const char *wrong = table_step(h, &w->table, when);
    if (wrong)
        return fail(h, s, when, wrong);
    if (!w->table.over || h->flow->count)
        return HOST_AGAIN;
    w->flush = iommu_flush_of(w->table.domain, w->table.start, w->table.last);
    w->phase = REVOKE_AWAITS_INVALIDATION;
    return HOST_AGAIN;
}

/* The completion wait has ended: the range is nobody's. */
static enum host_verdict forget(struct host *h, const struct host_step *s, tb_time when)
{
    const struct revoke_args *a = s->args;
    struct host_work *w = &h->work;
    enum host_verdict v = iommu_flush(h, a->of->iommu, &w->flush, true, s->node, when);
    if (v != HOST_DONE)
        return v;
    uint64_t took = when - w->begun;
    h->count.revoke_time = took;
    h->count.revoke_max = took > h->count.revoke_max ? took : h->count.revoke_max;
    w->phase = REVOKE_AWAITS_ERROR;
    w->count = 0;
    w->deadline = when + a->patience;
    w->next = when;
    return HOST_AGAIN;
}

static void note_end(struct host *h, tb_time when)
{
    h->count.revoke_end_time = when - h->work.begun;
}

static enum host_verdict look_for_error(struct host *h, struct host_channel *c)
{
    host_read(h, c->registers[IDE_BMISTA], &h->work.value);
    h->work.phase = REVOKE_AWAITS_BM_STATUS;
    return HOST_AGAIN;
}

static enum host_verdict begin_remap(struct host *h, const struct host_step *s, tb_time when)
{
    const struct revoke_args *a = s->args;
    struct host_work *w = &h->work;
    w->phase = REVOKE_AWAITS_REMAP;
    if (h->count.revoke_end_time == 0) /* it waited for the end */
        note_end(h, when);
    if (!a->has_pa)
        return HOST_DONE;
    w->table = change_of(a, s->node, false);
    return HOST_AGAIN;
}

/* The next transfer to be ended; its handler may have done so in the meantime. */
static enum host_verdict await_error(struct host *h, tb_time when)
{
    struct host_work *w = &h->work;
    struct host_channel *c = next_holder(h, &w->count);
    if (!c) {
        w->phase = REVOKE_AWAITS_VIRTIO;
        return HOST_AGAIN;
    }
    if (!c->busy) {
        note_end(h, when);
        c->holds = false;
        return HOST_AGAIN;
    }
    if (when < w->next) {
        host_sleep(h, w->next);
        return HOST_WAITS;
    }
    return look_for_error(h, c);
}

static enum host_verdict judge_error(struct host *h, const struct host_step *s, tb_time when)
{
    const struct revoke_args *a = s->args;
    struct host_work *w = &h->work;
    bool going_on = (w->value & (BMIDE_ACTIVE | BMIDE_ERROR)) == BMIDE_ACTIVE;
    bool ended = w->value & BMIDE_INTERRUPT; /* in time, or it never went there: the handler's */
    w->phase = REVOKE_AWAITS_ERROR;
    w->next = when + h->params.poll;
    if ((going_on || ended) && when < w->deadline && !a->stop)
        return HOST_AGAIN;
    w->finish = (struct finish_job){0};
    w->phase = REVOKE_AWAITS_FINISH;
    return HOST_AGAIN;
}

static enum host_verdict end_transfer(struct host *h, const struct host_step *s, tb_time when)
{
    struct host_work *w = &h->work;
    struct host_channel *c = next_holder(h, &w->count);
    (void)s;
    if (w->phase == REVOKE_AWAITS_FINISH) {
        enum host_verdict v = ide_finish(h, c, &w->finish, true, when);
        if (v != HOST_DONE)
            return v;
        note_end(h, when);
        w->finish = (struct finish_job){0};
        w->phase = REVOKE_AWAITS_RESET;
    }
    enum host_verdict v = ide_reset(h, c, &w->finish, when);
    if (v != HOST_DONE)
        return v;
    c->holds = false;
    w->phase = REVOKE_AWAITS_ERROR;
    return HOST_AGAIN;
}

/* A virtio device that met a fault wants a reset, and its handler has failed its commands; one that
 * tells of nothing is reset. */
static enum host_verdict await_virtio(struct host *h, const struct host_step *s, tb_time when)
{
    const struct revoke_args *a = s->args;
    struct host_work *w = &h->work;
    struct host_device *d = next_virtio(h);
    if (!d)
        return begin_remap(h, s, when);
    if (w->virtio.phase == 0 && !is_held_by_virtio(d, a)) {
        note_end(h, when);
        d->virtio->holds = false;
        return HOST_AGAIN;
    }
    if (w->virtio.phase == 0 && when < w->deadline && !a->stop) {
        host_sleep(h, w->deadline);
        return HOST_WAITS;
    }
    enum host_verdict v = virtio_abort(h, d->virtio, &w->virtio, h->params.timeout, when);
    if (v != HOST_DONE)
        return v;
    w->virtio = (struct virtio_job){0};
    return HOST_AGAIN;
}

static enum host_verdict remap(struct host *h, const struct host_step *s, tb_time when)
{
    struct host_work *w = &h->work;
    const char *wrong = table_step(h, &w->table, when);
    if (wrong)
        return fail(h, s, when, wrong);
    return w->table.over && h->flow->count == 0 ? HOST_DONE : HOST_AGAIN;
}

static enum host_verdict run_revoke(struct host *h, struct host_step *s, tb_time when)
{
    switch (h->work.phase) {
    case REVOKE_BEGINS:
        return begin(h, s, when);
    case REVOKE_AWAITS_TRANSFER:
        return await_transfer(h, s, when);
    case REVOKE_AWAITS_STOP:
        begin_cut(h, s);
        return HOST_AGAIN;
    case REVOKE_AWAITS_TABLES:
        return cut(h, s, when);
    case REVOKE_AWAITS_INVALIDATION:
        return forget(h, s, when);
    case REVOKE_AWAITS_ERROR:
        return await_error(h, when);
    case REVOKE_AWAITS_BM_STATUS:
        return judge_error(h, s, when);
    case REVOKE_AWAITS_VIRTIO:
        return await_virtio(h, s, when);
    case REVOKE_AWAITS_REMAP:
        return remap(h, s, when);
    default:
        return end_transfer(h, s, when);
    }
}

const struct host_step_kind host_steps_revoke[] = {
    {"revoke", "takes back a mapping that a transfer holds: waits for its end, or aborts it",
     revoke_table, sizeof(struct revoke_args), prepare_revoke, run_revoke, true},
    {0},
};
