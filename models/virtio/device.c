/* The device apart from what it is for: interrupt, the service of register accesses, messages and
 * timers, elaboration. Everything that happens ends in virtio_step, which goes on wherever
 * something can.
 */
#include "virtio/virtio.h"

#include "tollbridge/sim.h"

#include <string.h>

const char *const virtio_ports[] = {"bus", "memory", NULL};
const char *const virtio_platforms[] = {"no", "offered", "required", NULL};
const char *const virtio_on_faults[] = {"needs-reset", "ioerr", NULL};

#define COUNTER(field, what)                                                                       \
    {                                                                                              \
#field, offsetof(struct virtio, count.field), what                                         \
    }
const struct tb_counter virtio_counters[] = {
    COUNTER(requests, "requests ended"),
    COUNTER(failed, "of them, not with OK, or given up"),
    COUNTER(unsupported, "of them, of a type that is unknown"),
    COUNTER(read_bytes, "bytes sent from the medium to memory"),
    COUNTER(written_bytes, "bytes written to the medium"),
    COUNTER(bursts, "DMA requests"),
    COUNTER(descriptors, "descriptors read"),
    COUNTER(ring_accesses, "accesses to available and used rings"),
    COUNTER(faults, "DMA requests that failed"),
    COUNTER(kicks, "notifications of the driver's"),
    COUNTER(interrupts, "times the interrupt line rose"),
    COUNTER(suppressed, "used buffers that the driver did not want to be told of"),
    COUNTER(resets, "resets"),
    COUNTER(needs_reset, "times the device could not go on"),
    {NULL, 0, NULL},
};

/* -- Interrupt ------------------------------------------------------------------------------- */

static void send_edge(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;
    uint32_t txn = tb_txn_begin(m, TB_TXN_INTERRUPT, now);
    struct tb_txn *t = tb_txn(m, txn);
    struct tb_msg msg = {.address = v->p.irq,
                         .txn = txn,
                         .requester = v->p.id,
                         .tag = v->level,
                         .kind = TB_IRQ,
                         .class = TB_INTERRUPT,
                         .space = TB_SPACE_IRQ};

    t->iova = msg.address;
    t->value[0] = v->level;
    t->requester = v->p.id;
    v->sent = v->level;
    v->irq_open++;
    v->count.interrupts += v->level;
    tb_send(m, VIRTIO_PORT_BUS, &msg, now, TB_NO_CREDIT);
}

/* An edge that finds all its messages on their way merges with what follows, until one is free. */
static void set_level(struct tb_model *m, bool level, tb_time now)
{
    struct virtio *v = m->state;

    v->level = level;
    if (v->level != v->sent && v->irq_open < VIRTIO_IRQ_SLOTS)
        send_edge(m, now);
}

/* The line is up while a bit of the interrupt status is. What was acknowledged while another bit
 * stayed falls and rises: handlers run once per edge. */
static void follow_line(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;

    if (v->fell && v->level)
        set_level(m, false, now);
    v->fell = false;
    set_level(m, v->isr != 0 && v->transport->may_interrupt(m), now);
}

void virtio_interrupt(struct tb_model *m, uint8_t why, tb_time now)
{
    struct virtio *v = m->state;

    v->isr |= why;
    follow_line(m, now);
}

uint8_t virtio_isr_take(struct tb_model *m, uint8_t which, tb_time now)
{
    struct virtio *v = m->state;
    uint8_t was = v->isr;

    v->isr &= (uint8_t)~which;
    v->fell = was != v->isr;
    follow_line(m, now);
    return was;
}

/* -- Whatever happened ----------------------------------------------------------------------- */

static bool works(const struct virtio *v)
{
    return !v->broken && !v->resetting && v->status & VIRTIO_DRIVER_OK;
}

static bool step_all(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;
    bool done = false;

    for (uint64_t i = 0; i < v->p.requests && works(v); i++)
        done = virtio_request_step(m, &v->requests[i], now) || done;
    for (uint64_t i = 0; i < v->p.queues && works(v); i++)
        if (v->queues[i].enabled)
            done = virtio_queue_publish(m, &v->queues[i], now) || done;
    for (uint64_t i = 0, first = v->queue_next; i < v->p.queues && works(v); i++) {
        struct virtio_queue *q = &v->queues[(first + i) % v->p.queues];
        if (q->enabled)
            done = virtio_queue_fetch(m, q, now) || done;
    }
    return done;
}

void virtio_step(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;

    while (step_all(m, now) || virtio_dma_step(m, now))
        ;
    if (v->resetting && v->flying == 0)
        virtio_reset_over(v);
    follow_line(m, now);
}

/* -- Register accesses ----------------------------------------------------------------------- */

static void serve(struct tb_model *m, const struct virtio_access *a, tb_time now)
{
    struct virtio *v = m->state;
    struct tb_msg answer = a->msg;
    struct tb_txn *t = tb_txn(m, answer.txn);
    const struct tb_debug access = {.address = answer.address,
                                    .data = t->data,
                                    .length = answer.length,
                                    .space = answer.space,
                                    .write = answer.kind == TB_WRITE};
    enum tb_status status = v->transport->access(m, &access, now);

    t->to = m->index;
    if (answer.class == TB_NONPOSTED) {
        tb_msg_answer(&answer, status);
        tb_send(m, VIRTIO_PORT_BUS, &answer, now, a->credit);
    } else {
        tb_release(m, a->credit, now);
        tb_txn_end(m, answer.txn, status, now);
    }
}

static void serve_due(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;

    while (v->access_count > 0 && v->accesses[v->access_head].due <= now) {
        struct virtio_access a = v->accesses[v->access_head];
        v->access_head = (v->access_head + 1) % v->access_space;
        v->access_count--;
        serve(m, &a, now);
    }
    if (v->access_count > 0)
        tb_timer_set(m, VIRTIO_TIMER_REGISTER, v->accesses[v->access_head].due);
    virtio_step(m, now);
}

/* Accesses are served one after the other; what one does, it does at the end of its time. */
static void take_access(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time now)
{
    struct virtio *v = m->state;
    tb_time begins = tb_max(now, v->register_free), due = begins + v->p.register_latency;
    uint32_t place = (v->access_head + v->access_count++) % v->access_space;

    v->accesses[place] = (struct virtio_access){*msg, credit, due};
    v->register_free = due;
    tb_txn_spend(m, msg->txn, TB_PART_QUEUE, begins - now);
    tb_txn_spend(m, msg->txn, TB_PART_DEVICE, due - begins);
    if (v->access_count == 1)
        serve_due(m, now);
}

/* A message that the device has no use for: refused. */
static void refuse(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                   tb_time now)
{
    struct tb_msg answer = *msg;

    if (msg->class == TB_NONPOSTED) {
        tb_msg_answer(&answer, TB_UNSUPPORTED);
        tb_send(m, port, &answer, now, credit);
        return;
    }
    tb_release(m, credit, now);
    tb_txn_end(m, msg->txn, TB_UNSUPPORTED, now);
}

void virtio_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    bool request = msg->kind == TB_READ || msg->kind == TB_WRITE;

    if (msg->class == TB_COMPLETION) {
        tb_release(m, credit, when);
        virtio_dma_answered(m, msg->txn, (enum tb_status)msg->status);
        tb_txn_end(m, msg->txn, (enum tb_status)msg->status, when);
        virtio_step(m, when);
    } else if (request && port == VIRTIO_PORT_BUS) {
        take_access(m, msg, credit, when);
    } else {
        refuse(m, port, msg, credit, when);
    }
}

void virtio_timer(struct tb_model *m, unsigned timer, tb_time when)
{
    if (timer == VIRTIO_TIMER_REGISTER) {
        serve_due(m, when);
        return;
    }
    virtio_medium_due(m, when);
    virtio_step(m, when);
}

/* A posted write was taken, or an interrupt. */
void virtio_retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct virtio *v = m->state;

    if (tb_txn(m, txn)->kind == TB_TXN_INTERRUPT)
        v->irq_open--;
    else
        virtio_dma_answered(m, txn, TB_OK);
    virtio_step(m, when);
}

/* -- Elaboration ----------------------------------------------------------------------------- */

static void *get_page(void *owner, size_t size)
{
    return tb_page_alloc(owner, size);
}

static void open_medium(struct tb_model *m, struct tb_diag *diag)
{
    struct virtio *v = m->state;
    const struct tb_medium_params *p = &v->p.medium;
    char why[160];

    tb_medium_check(p, "disk", tb_model_node(m, "disk"), diag);
    if (!tb_medium_open(&v->medium, p, get_page, m, why))
        tb_diag_node(diag, tb_model_node(m, "disk"), "'disk': %s", why);
}

static void check_sizes(struct tb_model *m, struct tb_diag *diag)
{
    struct virtio *v = m->state;
    struct virtio_params *p = &v->p;

    if (p->queue_size & (p->queue_size - 1))
        tb_diag_node(diag, tb_model_node(m, "queue_size"), "'queue_size' must be a power of two");
    if (p->block_size & (p->block_size - 1))
        tb_diag_node(diag, tb_model_node(m, "block_size"), "'block_size' must be a power of two");
    if (strlen(p->serial) > VIRTIO_BLK_ID_BYTES)
        tb_diag_node(diag, tb_model_node(m, "serial"), "'serial' has more than %u letters",
                     VIRTIO_BLK_ID_BYTES);
    if (!p->has_seg_max)
        p->seg_max = p->queue_size > 3 ? p->queue_size - 2 : 1;
    else if (p->seg_max + 2 > p->queue_size && p->queue_size > 3)
        tb_diag_node(diag, tb_model_node(m, "seg_max"),
                     "a chain has no more segments than a queue entries: 'seg_max' and two more");
}

static void make_requests(struct tb_model *m)
{
    struct virtio *v = m->state;
    const struct virtio_params *p = &v->p;

    v->requests = tb_alloc(m, p->requests, sizeof *v->requests);
    v->line = tb_alloc(m, p->requests, sizeof *v->line);
    v->pieces = tb_alloc(m, p->outstanding, sizeof *v->pieces);
    v->queues = tb_alloc(m, p->queues, sizeof *v->queues);
    v->dmas = tb_alloc(m, p->requests + 2 * p->queues, sizeof(struct virtio_dma *));
    for (uint64_t i = 0; i < p->outstanding; i++)
        v->pieces[i].txn = TB_NO_TXN;
    for (uint64_t i = 0; i < p->requests; i++) {
        v->requests[i].segments = tb_alloc(m, p->queue_size, sizeof(struct virtio_segment));
        v->requests[i].buffer = tb_alloc(m, p->buffer, 1);
        v->dmas[v->dma_count++] = &v->requests[i].dma;
    }
    for (uint64_t i = 0; i < p->queues; i++) {
        v->queues[i].done = tb_alloc(m, p->requests, sizeof(uint16_t));
        v->dmas[v->dma_count++] = &v->queues[i].fetch_dma;
        v->dmas[v->dma_count++] = &v->queues[i].publish_dma;
        virtio_queue_reset(v, &v->queues[i]);
    }
}

void virtio_check(struct tb_model *m, struct tb_diag *diag, const struct virtio_transport *by)
{
    struct virtio *v = m->state;

    v->transport = by;
    v->medium.fd = -1;
    check_sizes(m, diag);
    open_medium(m, diag);
    make_requests(m);
    by->reset(m);
}

void virtio_slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    const struct virtio_params *p = &((const struct virtio *)m->state)->p;

    *count = (uint32_t)(p->outstanding + p->requests) + VIRTIO_IRQ_SLOTS;
    *bytes = (uint32_t)p->burst;
}

void virtio_claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    const struct virtio *v = m->state;

    if (port == VIRTIO_PORT_BUS)
        v->transport->claims(m, out);
}

void virtio_start(struct tb_model *m, struct tb_diag *diag)
{
    struct virtio *v = m->state;

    (void)diag;
    v->has_memory_port = tb_port_peer(m, VIRTIO_PORT_MEMORY) != NULL;
    for (unsigned port = 0; port < 2; port++)
        for (unsigned write = 0; write < 2 && (port == 0 || v->has_memory_port); write++) {
            uint32_t most = tb_port_most(m, port, write);
            v->most[port][write] = v->p.burst < most ? (uint32_t)v->p.burst : most;
        }
    v->access_space = tb_port_capacity(m, VIRTIO_PORT_BUS, TB_NONPOSTED) +
                      tb_port_capacity(m, VIRTIO_PORT_BUS, TB_POSTED) + 1;
    v->accesses = tb_alloc(m, v->access_space, sizeof *v->accesses);
}

void virtio_stop(struct tb_model *m)
{
    struct virtio *v = m->state;

    tb_medium_close(&v->medium);
}

/* -- Without time ---------------------------------------------------------------------------- */

bool virtio_debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    const struct virtio *v = m->state;
    tb_time now = tb_sim_now(m->sim);

    if (port != VIRTIO_PORT_BUS || d->length == 0 ||
        !v->transport->answers(m, d->space, d->address))
        return false;
    if (v->transport->access(m, d, now) != TB_OK)
        return false;
    virtio_step(m, now);
    return true;
}

bool virtio_storage(struct tb_model *m, const char *what, uint64_t offset, uint8_t *data,
                    size_t length, bool write)
{
    struct virtio *v = m->state;

    return strcmp(what, "disk0") == 0 && tb_medium_move(&v->medium, offset, data, length, write);
}

bool virtio_symbol(struct tb_model *m, const char *name, struct tb_symbol *out)
{
    const struct virtio *v = m->state;

    return v->transport->symbol(m, name, out);
}

bool virtio_fact(struct tb_model *m, const char *key, uint64_t *out)
{
    const struct virtio *v = m->state;
    const struct {
        const char *key;
        uint64_t value;
    } facts[] = {{"id", v->p.id},
                 {"irq", v->p.irq},
                 {"virtio", VIRTIO_ID_BLOCK},
                 {"virtio.queues", v->p.queues},
                 {"virtio.queue_size", v->p.queue_size},
                 {"disk0.sectors", v->medium.sectors},
                 {"burst", v->p.burst}};

    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (strcmp(facts[i].key, key) == 0) {
            *out = facts[i].value;
            return true;
        }
    return false;
}
