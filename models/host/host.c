/* The host: class object, messages, interrupts. A handler begins `irq_latency` after its interrupt
 * arrived. */
#include "host.h"

#include "driver_virtio.h"
#include "iolog.h"

#include "tollbridge/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const completion_names[] = {"poll", "interrupt", NULL};
static const char *const timeout_names[] = {"none", "1ms", "10ms", "100ms",
                                            "1s",   "10s", "100s", NULL};
static const char *const events_names[] = {"drain", "leave", NULL};

#define FIELD(f) offsetof(struct host_params, f)

static const struct tb_param memory_table[] = {
    {.name = "at",
     .type = TB_COUNT,
     .offset = offsetof(struct host_params, memory.at) - FIELD(memory),
     .flags = TB_OPTIONAL,
     .present = offsetof(struct host_params, memory.at_given) - FIELD(memory) + 1,
     .doc = "physical address; default: the top of memory below 3 GiB"},
    {.name = "size",
     .type = TB_SIZE,
     .offset = offsetof(struct host_params, memory.size) - FIELD(memory),
     .def = "8MiB",
     .min = "256KiB",
     .max = "1GiB",
     .doc = "how much"},
    {0},
};

static const struct tb_param bounce_table[] = {
    {.name = "at",
     .type = TB_COUNT,
     .offset = offsetof(struct host_params, bounce.at) - FIELD(bounce),
     .def = "0xff0000",
     .doc = "physical address"},
    {.name = "size",
     .type = TB_SIZE,
     .offset = offsetof(struct host_params, bounce.size) - FIELD(bounce),
     .def = "64KiB",
     .min = "512B",
     .max = "64KiB",
     .doc = "how much of it one command may use"},
    {0},
};

static const struct tb_param host_table[] = {
    {.name = "id",
     .type = TB_ID,
     .offset = FIELD(id),
     .def = "00:00.0",
     .doc = "requester ID of the CPU"},
    {.name = "outstanding",
     .type = TB_COUNT,
     .offset = FIELD(outstanding),
     .def = "1",
     .min = "1",
     .max = "64",
     .doc = "stores to memory that may be on their way together; all else is done one by one"},
    {.name = "posted",
     .type = TB_BOOL,
     .offset = FIELD(posted),
     .def = "false",
     .doc = "writes to memory and memory-mapped registers are posted"},
    {.name = "access_time",
     .type = TB_TIME,
     .offset = FIELD(access_time),
     .def = "5ns",
     .max = "1s",
     .doc = "time of the code before each access"},
    {.name = "step_time",
     .type = TB_TIME,
     .offset = FIELD(step_time),
     .def = "0ns",
     .max = "1s",
     .doc = "time of the code before each step and each request of a replay"},
    {.name = "irq_latency",
     .type = TB_TIME,
     .offset = FIELD(irq_latency),
     .def = "1us",
     .max = "1s",
     .doc = "from an interrupt's arrival to its handler's first access"},
    {.name = "timeout",
     .type = TB_TIME,
     .offset = FIELD(timeout),
     .def = "1s",
     .min = "1ns",
     .max = "10000s",
     .doc = "how long a step waits if it does not say"},
    {.name = "poll",
     .type = TB_TIME,
     .offset = FIELD(poll),
     .def = "100ns",
     .min = "1ns",
     .max = "1s",
     .doc = "pause between two looks at what is polled"},
    {.name = "completion",
     .type = TB_ENUM,
     .offset = FIELD(completion),
     .names = completion_names,
     .def = "poll",
     .doc = "how the driver learns that the IOMMU has done its commands: it polls memory, or an "
            "interrupt"},
    {.name = "events",
     .type = TB_ENUM,
     .offset = FIELD(events),
     .names = events_names,
     .def = "drain",
     .doc = "what the driver does with an IOMMU's event log: reads it on interrupt, or leaves it "
            "alone"},
    {.name = "invalidation_timeout",
     .type = TB_ENUM,
     .offset = FIELD(invalidation_timeout),
     .names = timeout_names,
     .def = "none",
     .doc = "after which IOMMUs give up a device that does not answer an invalidation"},
    {.name = "levels",
     .type = TB_COUNT,
     .offset = FIELD(levels),
     .def = "4",
     .min = "1",
     .max = "6",
     .doc = "levels of a page table if the step does not say"},
    {.name = "driver_memory",
     .type = TB_GROUP,
     .offset = FIELD(memory),
     .sub = memory_table,
     .doc = "where the driver keeps its tables, rings and buffers"},
    {.name = "bounce_buffer",
     .type = TB_GROUP,
     .offset = FIELD(bounce),
     .sub = bounce_table,
     .doc = "memory that ISA DMA reaches, for transfers of what it does not"},
    {0},
};

#define COUNTER(f, text)                                                                           \
    {                                                                                              \
#f, offsetof(struct host, count.f), text                                                   \
    }

static const struct tb_counter host_counters[] = {
    COUNTER(accesses, "accesses of the CPU"),
    COUNTER(failed, "of these, answered with an error"),
    COUNTER(steps, "steps done"),
    COUNTER(interrupts, "interrupts taken"),
    COUNTER(spurious, "interrupts that no driver was waiting for"),
    COUNTER(maps, "page-table entries written by map"),
    COUNTER(unmaps, "page-table entries cleared by unmap"),
    COUNTER(invalidations, "invalidation commands given to IOMMUs"),
    COUNTER(device_invalidations, "of these, for devices that cache translations"),
    COUNTER(waits, "completion waits given to IOMMUs"),
    COUNTER(flushes, "deferred batches of unmapped ranges invalidated"),
    COUNTER(stale_max, "most unmapped ranges that waited for their invalidation together"),
    COUNTER(moves, "base addresses and windows moved by steps"),
    COUNTER(move_time, "from the first access of the last of these to its last, ps"),
    COUNTER(revokes, "ranges of mappings taken back by revoke"),
    COUNTER(revokes_held, "of these, held by a transfer at first"),
    COUNTER(revokes_aborted, "of these, whose transfers were aborted"),
    COUNTER(revoke_time, "until the last of them was nobody's, ps"),
    COUNTER(revoke_max, "the longest of these times, ps"),
    COUNTER(revoke_end_time, "until the last one's transfers had ended too, ps"),
    COUNTER(events, "event records the driver read"),
    COUNTER(page_requests, "pages that devices asked for (PRI)"),
    COUNTER(page_faults_mapped, "of these, mapped for them"),
    COUNTER(page_responses, "groups of them answered"),
    COUNTER(page_failures, "of these, not with success"),
    COUNTER(commands, "commands given to disks"),
    COUNTER(bounces, "of these, through the bounce buffer of ISA DMA"),
    COUNTER(bounced_bytes, "bytes that the CPU copied for them"),
    COUNTER(command_errors, "of these, ended with an error"),
    COUNTER(notifications, "notifications given to virtio devices"),
    COUNTER(needs_reset, "virtio devices found to need a reset"),
    COUNTER(timeouts, "ATA commands of a replay given up"),
    COUNTER(requests, "requests of a replay done"),
    COUNTER(read_bytes, "bytes read by a replay"),
    COUNTER(written_bytes, "bytes written by a replay"),
    COUNTER(syncs, "flushes done by a replay"),
    COUNTER(trims, "trims a replay skipped"),
    COUNTER(device_errors, "requests of a replay that failed"),
    COUNTER(mismatches, "reads of a replay whose bytes are not the disk's"),
    COUNTER(latency_sum, "sum of the latencies of a replay's requests, ps"),
    COUNTER(latency_max, "largest latency of a replay's request, ps"),
    {0},
};

/* -- An embedding program's access ------------------------------------------------------------- */

/* The next piece: up to the end of an aligned 64 bytes. */
enum host_verdict host_caller_next(struct host *h, tb_time when)
{
    struct tb_access *a = h->access;
    struct host_flow *f = h->flow;
    if (!a)
        return HOST_WAITS;
    if (f->status != TB_OK && a->status == TB_OK)
        a->status = f->status;
    f->status = TB_OK;
    if (h->access_done == a->length) {
        a->done = true;
        a->finished = when;
        h->access = NULL;
        return HOST_WAITS;
    }
    uint64_t at = a->address + h->access_done;
    uint32_t piece = HOST_LINE_BYTES - (uint32_t)(at % HOST_LINE_BYTES);
    if (piece > a->length - h->access_done)
        piece = a->length - h->access_done;
    host_move(h, at, a->space, a->data + h->access_done, piece, a->write);
    h->access_done += piece;
    return HOST_AGAIN;
}

static void host_access(struct tb_model *m, struct tb_access *a, tb_time when)
{
    struct host *h = m->state;
    a->done = false;
    a->status = TB_OK;
    h->access = a;
    h->access_done = 0;
    h->flows[HOST_CALLER].waits = false;
    host_run(h, when);
}

/* -- Interrupts -------------------------------------------------------------------------------- */

enum {
    HANDLER_AWAITS_INTERRUPT,
    HANDLER_AWAITS_DISK,
    HANDLER_AWAITS_VIRTIO,
    HANDLER_AWAITS_IOMMU,
    HANDLER_AWAITS_REQUESTS
};

static struct host_line *next_line(struct host *h)
{
    for (size_t i = 0; i < h->line_count; i++)
        if (h->lines[i].handled < h->lines[i].raised)
            return &h->lines[i];
    return NULL;
}

/* The handlers of all IDE channels on the line: each looks whether its own was meant. */
static enum host_verdict handle_disks(struct host *h, tb_time when)
{
    while (h->disk_handled) {
        if (ide_finish(h, h->disk_handled, &h->disk_handler, false, when) == HOST_AGAIN)
            return HOST_AGAIN;
        h->disk_handled = h->disk_handled->next;
        h->disk_handler = (struct finish_job){0};
    }
    return HOST_DONE;
}

/* The handlers of all virtio devices on the line. */
static enum host_verdict handle_virtio(struct host *h, tb_time when)
{
    while (h->virtio_handled) {
        if (virtio_handler(h, h->virtio_handled, &h->virtio_handler, when) == HOST_AGAIN)
            return HOST_AGAIN;
        h->virtio_handled = h->virtio_handled->next;
        h->virtio_handler = (struct virtio_job){0};
    }
    return HOST_DONE;
}

/* A line's handlers, one after the other: those of IDE channels, if a command of the driver's is in
 * progress on them, those of virtio devices, then the IOMMU's: events, then page requests. */
static enum host_verdict handle_line(struct host *h, tb_time when)
{
    struct host_line *line = h->handling;
    if (h->handler_phase == HANDLER_AWAITS_DISK) {
        if (handle_disks(h, when) == HOST_AGAIN)
            return HOST_AGAIN;
        h->handler_phase = HANDLER_AWAITS_VIRTIO;
        h->virtio_handled = line->virtio;
        h->virtio_handler = (struct virtio_job){0};
    }
    if (h->handler_phase == HANDLER_AWAITS_VIRTIO) {
        if (handle_virtio(h, when) == HOST_AGAIN)
            return HOST_AGAIN;
        h->handler_phase = HANDLER_AWAITS_IOMMU;
        h->iommu_handler = (struct drain_job){0};
    }
    if (h->handler_phase == HANDLER_AWAITS_IOMMU) {
        if (line->iommu && iommu_handler(h, line->iommu, &h->iommu_handler) == HOST_AGAIN)
            return HOST_AGAIN;
        h->handler_phase = HANDLER_AWAITS_REQUESTS;
        h->request_handler = (struct request_job){0};
    }
    if (line->iommu && request_handler(h, line->iommu, &h->request_handler, when) == HOST_AGAIN)
        return HOST_AGAIN;
    line->handled++;
    h->handler_phase = HANDLER_AWAITS_INTERRUPT;
    host_wake(h);
    return HOST_AGAIN;
}

/* Does anybody on the line wait for an interrupt? */
static bool has_waiter(const struct host_line *line)
{
    bool waits = line->iommu && line->iommu->state == IOMMU_RUNS;
    for (const struct host_channel *c = line->channel; c; c = c->next)
        waits |= c->busy;
    for (const struct host_virtio *v = line->virtio; v; v = v->next)
        waits |= virtio_is_busy(v);
    return waits;
}

enum host_verdict host_handler_next(struct host *h, tb_time when)
{
    if (h->handler_phase != HANDLER_AWAITS_INTERRUPT)
        return handle_line(h, when);
    h->handling = h->irq_due ? next_line(h) : NULL;
    if (!h->handling) {
        h->irq_due = false;
        return HOST_WAITS;
    }
    h->count.spurious += !has_waiter(h->handling);
    h->handler_phase = HANDLER_AWAITS_DISK;
    h->disk_handled = h->handling->channel;
    h->disk_handler = (struct finish_job){0};
    return handle_line(h, when);
}

static void take_interrupt(struct host *h, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct host_line *line = host_line_known(h, msg->address);
    bool raised = msg->tag != 0;
    tb_release(h->m, credit, when);
    tb_txn(h->m, msg->txn)->to = h->m->index;
    tb_txn_end(h->m, msg->txn, TB_OK, when);
    if (!raised)
        return;
    h->count.interrupts++;
    if (!line) {
        h->count.spurious++;
        return;
    }
    line->raised++;
    if (!h->irq_due)
        tb_timer_set(h->m, HOST_TIMER_IRQ, when + h->params.irq_latency);
}

/* -- Messages ---------------------------------------------------------------------------------- */

static void take_completion(struct host *h, const struct tb_msg *msg, tb_credit credit,
                            tb_time when)
{
    struct host_flow *f = h->owner;
    struct tb_txn *t = tb_txn(h->m, msg->txn);
    const struct host_op *op = &f->ops[t->owner];
    tb_release(h->m, credit, when);
    if (!op->write)
        host_take_data(op, t->data, msg->status == TB_OK);
    if (!op->write && msg->status == TB_OK && op->size <= 8)
        t->value[0] = host_value_of(t->data, op->size);
    host_note_status(h, f, msg->status);
    f->done++;
    tb_txn_end(h->m, msg->txn, msg->status, when);
    h->free = tb_max(h->free, when + h->params.access_time);
    host_run(h, when);
}

static void refuse(struct host *h, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct tb_msg answer = *msg;
    if (msg->class == TB_POSTED) {
        tb_release(h->m, credit, when);
        tb_txn_end(h->m, msg->txn, TB_UNSUPPORTED, when);
        return;
    }
    tb_msg_answer(&answer, TB_UNSUPPORTED);
    tb_send(h->m, 0, &answer, when, credit);
}

static void host_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                      tb_time when)
{
    struct host *h = m->state;
    (void)port;
    if (msg->kind == TB_IRQ)
        take_interrupt(h, msg, credit, when);
    else if (msg->class == TB_COMPLETION)
        take_completion(h, msg, credit, when);
    else
        refuse(h, msg, credit, when);
}

static void host_timer(struct tb_model *m, unsigned timer, tb_time when)
{
    struct host *h = m->state;
    if (timer == HOST_TIMER_IRQ) {
        h->irq_due = true;
        h->flows[HOST_HANDLER].waits = false;
    } else if (timer == HOST_TIMER_WAKE) {
        host_wake(h);
    }
    host_run(h, when);
}

static void host_retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct host *h = m->state;
    (void)txn;
    h->posted_open--;
    if (when >= h->free)
        host_run(h, when);
    else
        tb_timer_set(m, HOST_TIMER_CPU, h->free);
}

/* -- The rest of the class --------------------------------------------------------------------- */

/* It has to be where a channel reaches, and must not cross what it cannot cross. */
static void check_bounce(struct tb_model *m, struct tb_diag *diag)
{
    const struct host *h = m->state;
    uint64_t at = h->params.bounce.at, size = h->params.bounce.size;
    if (at % 512 || size % 512 || at >= 1 << 24 || at % 65536 + size > 65536)
        tb_diag_node(diag, tb_model_node(m, "bounce_buffer"),
                     "the bounce buffer is made of whole sectors below 16 MiB, and within 64 KiB");
}

/* Descriptors of IDE are 32 bits wide, so all of the driver's memory has to be below 4 GiB. */
static void host_check(struct tb_model *m, struct tb_diag *diag)
{
    struct host *h = m->state;
    uint64_t at = h->params.memory.at, size = h->params.memory.size;
    h->m = m;
    for (unsigned i = 0; i < HOST_FLOWS; i++)
        h->flows[i].waits = true;
    if (h->params.memory.at_given &&
        (at == 0 || at % HOST_PAGE || at > HOST_4GIB || at + size > HOST_4GIB))
        tb_diag_node(
            diag, tb_node_get(tb_node_get(m->node, "driver_memory"), "at"),
            "the driver's memory begins at a multiple of 4 KiB, not at 0, and ends below 4 GiB");
    check_bounce(m, diag);
}

static void host_slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    const struct host *h = m->state;
    *count =
        2 * (uint32_t)h->params.outstanding + 1; /* on their way, and posted ones not taken yet */
    *bytes = HOST_LINE_BYTES;
}

static void host_claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    (void)port;
    tb_ranges_add(m, out,
                  (struct tb_range){.last = UINT64_MAX, .space = TB_SPACE_IRQ, .model = m->index});
}

static bool host_debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    (void)port;
    return tb_debug_send(m, 0, d);
}

static void host_start(struct tb_model *m, struct tb_diag *diag)
{
    (void)diag;
    host_survey_ranges(m->state);
}

static void host_rerouted(struct tb_model *m)
{
    host_survey_ranges(m->state);
}

static void host_program(struct tb_model *m, const struct tb_node *scenario, struct tb_diag *diag)
{
    struct host *h = m->state;
    if (!host_compile(h, scenario, diag))
        return;
    host_run_setup(h, diag);
    host_wake(h);
    if (h->steps.count > 0)
        tb_timer_set(m, HOST_TIMER_WAKE, 0);
}

static bool host_busy(const struct tb_model *m)
{
    const struct host *h = m->state;
    return h->steps.next < h->steps.count;
}

/* A step that waits for ever: every wait has a timeout, so an answer was lost. */
static void report_left(struct host *h)
{
    const struct host_step *s = host_step_left(h);
    if (!s || !tb_sim_idle(h->m->sim))
        return;
    host_complain(h, s->node, tb_sim_now(h->m->sim),
                  "nothing is pending any more, but %zu steps are left, from "
                  "this '%s' on",
                  h->steps.count - h->steps.next, s->kind->name);
    h->steps.count = h->steps.next;
}

static void host_stop(struct tb_model *m)
{
    struct host *h = m->state;
    report_left(h);
    for (size_t i = 0; i < h->log_count; i++)
        iolog_free(h->logs[i]);
    h->log_count = 0;
    if (h->arena)
        tb_arena_free(h->arena);
    h->arena = NULL;
}

bool host_peek(struct host *h, uint64_t address, void *data, uint32_t length)
{
    struct tb_debug d = {.address = address, .data = data, .length = length, .space = TB_MEMORY};
    return tb_debug_send(h->m, 0, &d);
}

bool host_peek_register(struct host *h, struct host_register r, uint64_t *value)
{
    uint8_t bytes[8];
    struct tb_debug d = {.address = r.address, .data = bytes, .length = r.size, .space = r.space};
    if (r.size > sizeof bytes || !tb_debug_send(h->m, 0, &d))
        return false;
    *value = host_value_of(bytes, r.size);
    return true;
}

bool host_poke(struct host *h, uint64_t address, const void *data, uint32_t length)
{
    struct tb_debug d = {.address = address,
                         .data = (uint8_t *)(uintptr_t)data, /* not written to: d.write */
                         .length = length,
                         .space = TB_MEMORY,
                         .write = true};
    return tb_debug_send(h->m, 0, &d);
}

void host_complain_of_wait(struct host *h, const struct tb_node *node, tb_time when, tb_time waited,
                           const char *what, const char *of)
{
    char hint[80] = "";
    uint64_t failed = 0;
    for (unsigned status = TB_OK + 1; status < TB_STATUS_COUNT; status++)
        failed += tb_ended(h->m, TB_TXN_DMA, (enum tb_status)status);
    if (failed)
        snprintf(hint, sizeof hint, "; so far %" PRIu64 " DMA%s failed", failed,
                 failed == 1 ? "" : "s");
    host_complain(h, node, when, "waited %" PRIu64 " ns for %s%s%s%s in vain%s", waited / TB_NS,
                  what, of ? " of '" : "", of ? of : "", of ? "'" : "", hint);
}

void host_complain(struct host *h, const struct tb_node *node, tb_time when, const char *format,
                   ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (h->diag)
        tb_diag_node(h->diag, node, "%s", text);
    else if (h->mark)
        tb_violation(h->m, node, when, "%s (after mark '%s')", text, h->mark);
    else
        tb_violation(h->m, node, when, "%s", text);
}

static const char *const host_ports[] = {"bus", NULL};

static bool host_step_at(size_t n, struct tb_step_kind *out)
{
    const struct host_step_kind *k = host_step_kind_at(n);
    if (k)
        *out = (struct tb_step_kind){
            .name = k->name, .doc = k->doc, .params = k->params, .timed = k->timed};
    return k;
}

const struct tb_class tb_class_host = {
    .name = "host",
    .brief = "a CPU with its driver: runs the steps of the scenario",
    .state_size = sizeof(struct host),
    .params = host_table,
    .ports = host_ports,
    .counters = host_counters,
    .timers = HOST_TIMERS,
    .check = host_check,
    .slots = host_slots,
    .claims = host_claims,
    .start = host_start,
    .rerouted = host_rerouted,
    .recv = host_recv,
    .timer = host_timer,
    .retired = host_retired,
    .stop = host_stop,
    .debug = host_debug,
    .program = host_program,
    .step = host_step_at,
    .busy = host_busy,
    .lint = host_lint,
    .access = host_access,
};
