/* The CPU: accesses that code has queued, done one after the other, and the flows whose code it
 * runs: handler, an embedding program, the scenario's program.
 *
 * Times: an access begins `access_time` after what was before it. A posted store is over for the
 * CPU when it is sent; what it costs further shows in its own line.
 */
#include "host.h"

#include <assert.h>
#include <string.h>

/* -- Queueing accesses ------------------------------------------------------------------------- */

unsigned host_room(const struct host *h)
{
    return HOST_OPS - h->flow->count;
}

static void push(struct host *h, struct host_op op)
{
    struct host_flow *f = h->flow;
    assert(f->count < HOST_OPS);
    f->ops[f->count++] = op;
}

void host_read(struct host *h, struct host_register r, uint64_t *into)
{
    push(h, (struct host_op){.address = r.address, .size = r.size, .space = r.space, .into = into});
}

void host_write(struct host *h, struct host_register r, uint64_t value)
{
    push(
        h,
        (struct host_op){
            .address = r.address, .size = r.size, .space = r.space, .value = value, .write = true});
}

void host_store(struct host *h, uint64_t address, uint64_t value, unsigned size)
{
    push(h, (struct host_op){.address = address,
                             .size = (uint16_t)size,
                             .space = TB_MEMORY,
                             .value = value,
                             .write = true,
                             .overlap = true});
}

void host_load(struct host *h, uint64_t address, unsigned size, uint64_t *into)
{
    push(h, (struct host_op){
                .address = address, .size = (uint16_t)size, .space = TB_MEMORY, .into = into});
}

void host_move(struct host *h, uint64_t address, uint8_t space, uint8_t *data, unsigned size,
               bool write)
{
    push(h, (struct host_op){.address = address,
                             .size = (uint16_t)size,
                             .space = space,
                             .data = data,
                             .write = write,
                             .overlap = write && space == TB_MEMORY && host_is_memory(h, address)});
}

/* -- Doing them -------------------------------------------------------------------------------- */

static void put_value(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        to[i] = (uint8_t)(value >> 8 * i);
}

uint64_t host_value_of(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = size; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

void host_take_data(const struct host_op *op, const uint8_t *from, bool ok)
{
    if (op->data && ok)
        memcpy(op->data, from, op->size);
    else if (op->data)
        memset(op->data, 0xff, op->size);
    if (op->into && op->size <= 8)
        *op->into = ok ? host_value_of(from, op->size) : ~(uint64_t)0 >> (64 - 8 * op->size);
}

void host_note_status(struct host *h, struct host_flow *f, enum tb_status status)
{
    if (status == TB_OK)
        return;
    h->count.failed++;
    if (f->status == TB_OK)
        f->status = (uint8_t)status;
}

static void do_instantly(struct host *h, struct host_flow *f, const struct host_op *op)
{
    uint8_t bytes[HOST_LINE_BYTES];
    struct tb_debug d = {.address = op->address,
                         .data = bytes,
                         .length = op->size,
                         .space = op->space,
                         .write = op->write};
    if (op->write && op->data)
        memcpy(bytes, op->data, op->size);
    else if (op->write)
        put_value(bytes, op->value, op->size);
    bool ok = tb_debug_send(h->m, 0, &d);
    if (!op->write)
        host_take_data(op, bytes, ok);
    host_note_status(h, f, ok ? TB_OK : TB_UNSUPPORTED);
    f->done++;
}

static bool is_posted(const struct host *h, const struct host_op *op)
{
    return h->params.posted && op->write && op->space == TB_MEMORY;
}

static void send_op(struct host *h, struct host_flow *f, unsigned index, tb_time when)
{
    const struct host_op *op = &f->ops[index];
    bool memory = op->space == TB_MEMORY && host_is_memory(h, op->address);
    bool posted = is_posted(h, op);
    uint32_t n = tb_txn_begin(h->m, memory ? TB_TXN_MEMORY : TB_TXN_REGISTER, when);
    assert(n != TB_NO_TXN);
    struct tb_txn *t = tb_txn(h->m, n);
    t->iova = op->address;
    t->length = op->size;
    t->write = op->write;
    t->requester = h->params.id;
    t->owner = index;
    if (op->write && op->data)
        memcpy(t->data, op->data, op->size);
    else if (op->write)
        put_value(t->data, op->value, op->size);
    if (op->write && op->size <= 8)
        t->value[0] = host_value_of(t->data, op->size);
    struct tb_msg msg = {.address = op->address,
                         .txn = n,
                         .length = op->size,
                         .requester = h->params.id,
                         .kind = op->write ? TB_WRITE : TB_READ,
                         .class = posted ? TB_POSTED : TB_NONPOSTED,
                         .space = op->space};
    if (posted) {
        h->posted_open++;
        f->done++;
    }
    tb_send(h->m, 0, &msg, when, TB_NO_CREDIT);
}

static void issue(struct host *h, struct host_flow *f, tb_time when)
{
    unsigned index = f->issued++;
    h->count.accesses++;
    if (h->instant) {
        do_instantly(h, f, &f->ops[index]);
        return;
    }
    h->owner = f;
    h->free = when + h->params.access_time;
    send_op(h, f, index, when);
}

/* Whether the flow's next access may start while `issued - done` are on their way. */
static bool may_issue(const struct host *h, const struct host_flow *f)
{
    const struct host_op *op = &f->ops[f->issued];
    if (is_posted(h, op) && h->posted_open >= h->params.outstanding)
        return false;
    if (f->issued == f->done)
        return true;
    return op->overlap && f->ops[f->issued - 1].overlap &&
           f->issued - f->done < h->params.outstanding;
}

/* -- Flows ------------------------------------------------------------------------------------- */

static bool has_ops(const struct host_flow *f)
{
    return f->done < f->count;
}

static void reset_ops(struct host_flow *f)
{
    f->count = f->issued = f->done = 0;
}

static enum host_verdict run_code(struct host *h, struct host_flow *f, tb_time when)
{
    static enum host_verdict (*const code[HOST_FLOWS])(struct host *, tb_time) = {
        [HOST_HANDLER] = host_handler_next,
        [HOST_CALLER] = host_caller_next,
        [HOST_PROGRAM] = host_program_next};
    h->flow = f;
    return code[f - h->flows](h, when);
}

/* The flow whose turn it is: the one with accesses on their way, else the most urgent that has
 * something to do. */
static struct host_flow *pick(struct host *h)
{
    if (h->owner && h->owner->issued > h->owner->done)
        return h->owner;
    h->owner = NULL;
    if (h->locked)
        return h->locked;
    for (unsigned i = 0; i < HOST_FLOWS; i++)
        if (has_ops(&h->flows[i]) || !h->flows[i].waits)
            return &h->flows[i];
    return NULL;
}

/* One thing the flow does now: an access, or its code. False: it has to wait for something first.
 */
static bool advance(struct host *h, struct host_flow *f, tb_time when)
{
    if (!has_ops(f)) {
        reset_ops(f);
        f->waits = run_code(h, f, when) != HOST_AGAIN;
        return true;
    }
    /* A more urgent flow goes in between as soon as nothing is on its way. */
    if (f->issued == f->count || !may_issue(h, f))
        return false;
    if (!h->instant && h->free > when) {
        tb_timer_set(h->m, HOST_TIMER_CPU, h->free);
        return false;
    }
    issue(h, f, when);
    return true;
}

/* Runs until everybody waits. Not entered twice: what a callback within it changes is seen by the
 * loop. */
void host_run(struct host *h, tb_time when)
{
    if (h->in_run)
        return;
    h->in_run = true;
    for (struct host_flow *f = pick(h); f && advance(h, f, when); f = pick(h))
        ;
    h->in_run = false;
}

void host_run_instantly(struct host *h)
{
    h->instant = true;
    host_run(h, 0);
    h->instant = false;
}

void host_sleep(struct host *h, tb_time at)
{
    if (!h->instant)
        tb_timer_set(h->m, HOST_TIMER_WAKE, at);
}

void host_wake(struct host *h)
{
    h->flows[HOST_PROGRAM].waits = false;
}

void host_idle(struct host *h)
{
    if (!h->instant)
        tb_timer_cancel(h->m, HOST_TIMER_WAKE);
}

void host_spend(struct host *h, tb_time when, tb_time time)
{
    h->free = tb_max(h->free, when + time);
}
