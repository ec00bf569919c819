/* Services of the DMA controllers: who is granted one, and its way between device and memory. */
#include "isa/i8237.h"

#include <string.h>

/* Clocks of the bus per transfer (Intel 82378ZB data sheet, 4.5.1: compatible, type A, B, F). A
 * service takes one more: DACK# stands nine clocks for one compatible transfer, and eight more for
 * each after it (82371AB data sheet, 8.4.2). */
static const uint8_t cycles[] = {8, 6, 5, 3};
#define DACK_CLOCKS 1u

/* -- Who is served --------------------------------------------------------------------------- */

bool i8237_requested(const struct i8237 *s, unsigned channel)
{
    const struct i8237_channel *c = &s->channel[channel];
    return c->wanted > 0 || c->software;
}

static bool is_masked(const struct i8237 *s, unsigned channel)
{
    return s->unit[channel / 4].mask >> channel % 4 & 1;
}

/* Software's requests are not masked (8237A, "Request register"). A channel in cascade mode serves
 * no device but a bus master or another controller. */
static bool wants(const struct i8237 *s, unsigned channel)
{
    const struct i8237_channel *c = &s->channel[channel];
    if ((c->mode & I8237_KIND) == I8237_TO_CASCADE || s->unit[channel / 4].command & I8237_DISABLE)
        return false;
    return c->software || (c->wanted > 0 && !is_masked(s, channel));
}

/* Controller 1 gets to the bus through channel 4. */
static bool has_way(const struct i8237 *s)
{
    return !(s->unit[1].command & I8237_DISABLE) && !is_masked(s, I8237_CASCADE) &&
           (s->channel[I8237_CASCADE].mode & I8237_KIND) == I8237_TO_CASCADE;
}

/* The next of a controller's four channels; I8237_NONE: none. Fixed priority: the lowest number;
 * rotating: whoever was served last is last. */
static uint8_t next_of(const struct i8237 *s, unsigned unit)
{
    unsigned first = s->unit[unit].command & I8237_ROTATING ? s->unit[unit].last + 1u : 0;
    for (unsigned i = 0; i < 4; i++) {
        unsigned channel = 4 * unit + (first + i) % 4;
        if (channel == I8237_CASCADE ? has_way(s) && next_of(s, 0) != I8237_NONE
                                     : wants(s, channel))
            return (uint8_t)channel;
    }
    return I8237_NONE;
}

static uint8_t next_channel(const struct i8237 *s)
{
    if (s->holder != I8237_NONE)
        return wants(s, s->holder) ? s->holder : I8237_NONE;
    return next_of(s, 1);
}

/* -- Addresses ------------------------------------------------------------------------------- */

/* 24 bits: the page register above the counter; words are counted from 128 KiB boundaries. */
static uint32_t address_of(const struct i8237 *s, unsigned channel)
{
    const struct i8237_channel *c = &s->channel[channel];
    uint32_t page = s->pages[i8237_page(channel)];
    if (i8237_unit(channel) == 1)
        return page << 16 | c->address;
    return (page & ~1u) << 16 | (uint32_t)c->address << 1;
}

/* How many transfers a service may have: one, or until its burst, its count, what the device
 * wants or a 4 KiB page ends. The counter wraps at the end of a page only. */
static uint32_t service_units(const struct i8237 *s, unsigned channel)
{
    const struct i8237_channel *c = &s->channel[channel];
    uint32_t unit = i8237_unit(channel), at = address_of(s, channel) % 4096;
    uint32_t units = c->count + 1u, most = (uint32_t)s->p.burst;
    uint32_t page = c->mode & I8237_DECREMENT ? at / unit + 1 : (4096 - at) / unit;
    uint32_t wanted = (c->wanted + unit - 1) / unit;

    if ((c->mode & I8237_KIND) == I8237_SINGLE)
        return 1;
    units = units < most ? units : most;
    units = units < page ? units : page;
    return c->wanted > 0 && wanted < units ? wanted : units;
}

/* The terminal count: the channel begins again, or is masked. One whose device got nothing would go
 * round for ever: it is masked in any case. */
static void end_count(struct i8237 *s, unsigned channel)
{
    struct i8237_channel *c = &s->channel[channel];
    c->software = false;
    if (s->holder == channel)
        s->holder = I8237_NONE;
    if (c->mode & I8237_AUTO) {
        c->address = c->base_address;
        c->count = c->base_count;
    }
    if (!(c->mode & I8237_AUTO) || c->fruitless)
        s->unit[channel / 4].mask |= (uint8_t)(1u << channel % 4);
    c->fruitless = false;
}

/* The transfers of a service are certain to be made: the channel's registers move on. */
static void advance(struct i8237 *s, struct i8237_service *v)
{
    struct i8237_channel *c = &s->channel[v->channel];
    uint16_t n = v->units;
    c->address = (uint16_t)(v->mode & I8237_DECREMENT ? c->address - n : c->address + n);
    v->last = n > c->count;
    c->count = (uint16_t)(c->count - n);
    s->count.transfers += n;
    if (v->last)
        end_count(s, v->channel);
}

/* -- The way of a service -------------------------------------------------------------------- */

static uint16_t bytes_of(const struct i8237_service *v)
{
    return (uint16_t)(v->units * i8237_unit(v->channel));
}

/* Decrementing, the transfers come in the other order than the addresses. */
static void turn_round(struct tb_model *m, const struct i8237_service *v)
{
    uint8_t *data = tb_txn(m, v->txn)->data;
    unsigned unit = i8237_unit(v->channel);
    if (!(v->mode & I8237_DECREMENT))
        return;
    for (unsigned low = 0, high = v->units - 1u; low < high; low++, high--)
        for (unsigned i = 0; i < unit; i++) {
            uint8_t byte = data[low * unit + i];
            data[low * unit + i] = data[high * unit + i];
            data[high * unit + i] = byte;
        }
}

/* Begins the memory's side; the channel's registers still stand at its first transfer. */
static void go_to_memory(struct tb_model *m, struct i8237_service *v, tb_time now)
{
    struct i8237 *s = m->state;
    struct tb_txn *t = tb_txn(m, v->txn);
    uint32_t unit = i8237_unit(v->channel), address = address_of(s, v->channel);
    bool write = (v->mode & I8237_TRANSFER) == I8237_WRITE;

    if (v->mode & I8237_DECREMENT)
        address -= (v->units - 1u) * unit;
    struct tb_msg msg = {.address = address,
                         .txn = v->txn,
                         .length = bytes_of(v),
                         .requester = s->p.id,
                         .tag = v->channel,
                         .kind = write ? TB_WRITE : TB_READ,
                         .class = TB_NONPOSTED,
                         .clocks = (uint16_t)(DACK_CLOCKS + v->units * cycles[s->p.timing]),
                         .space = TB_MEMORY};
    t->iova = address;
    t->length = msg.length;
    if (write) {
        turn_round(m, v);
        s->count.written_bytes += msg.length;
    } else {
        s->count.read_bytes += msg.length;
    }
    v->state = I8237_ON_BUS;
    advance(s, v);
    tb_send(m, I8237_ISA, &msg, now, TB_NO_CREDIT);
}

/* DACK#, with the I/O strobe: IOR# asks the device for its bytes, IOW# gives it memory's. `last`
 * is TC. */
static void go_to_device(struct tb_model *m, struct i8237_service *v, bool ask, tb_time now)
{
    const struct i8237 *s = m->state;
    struct tb_msg msg = {.address = v->channel,
                         .txn = v->txn,
                         .length = bytes_of(v),
                         .requester = s->p.id,
                         .tag = v->number,
                         .kind = ask ? TB_READ : TB_WRITE,
                         .class = TB_NONPOSTED,
                         .last = ask ? v->units > s->channel[v->channel].count : v->last,
                         .space = TB_IO};
    v->state = ask ? I8237_ASKS : I8237_GIVES;
    tb_send(m, s->port_of[v->channel], &msg, now, TB_NO_CREDIT);
}

static void pretend(struct tb_model *m, struct i8237_service *v, tb_time now)
{
    struct i8237 *s = m->state;
    uint64_t clocks = DACK_CLOCKS + (uint64_t)v->units * cycles[s->p.timing];
    s->channel[v->channel].fruitless = true;
    s->count.verified += v->units;
    v->state = I8237_PRETENDS;
    advance(s, v);
    tb_timer_set(m, 0, now + tb_rate_time_wide(s->p.clock, clocks));
}

/* A granted service: its transaction, and its first step. */
static void begin(struct tb_model *m, struct i8237_service *v, tb_time now)
{
    struct i8237 *s = m->state;
    struct i8237_channel *c = &s->channel[v->channel];
    uint8_t transfer = v->mode & I8237_TRANSFER;

    if (transfer != I8237_WRITE && transfer != I8237_READ) {
        pretend(m, v, now);
        return;
    }
    v->txn = tb_txn_begin(m, TB_TXN_DMA, now);
    struct tb_txn *t = tb_txn(m, v->txn);
    t->requester = s->p.id;
    t->write = transfer == I8237_WRITE;
    t->length = bytes_of(v);
    t->owner = v->channel;
    if (!v->alone) /* odd bytes are rounded up to words */
        c->wanted -= c->wanted < bytes_of(v) ? c->wanted : bytes_of(v);
    if (transfer == I8237_READ) {
        go_to_memory(m, v, now);
    } else if (!v->alone) {
        go_to_device(m, v, true, now);
    } else {
        memset(t->data, 0xff, bytes_of(v)); /* nobody drives the data lines */
        go_to_memory(m, v, now);
    }
}

static bool is_busy_asking(const struct i8237 *s)
{
    for (unsigned i = 0; i < s->used; i++) {
        uint8_t state = s->service[(s->head + i) % I8237_SERVICES].state;
        if (state == I8237_ASKS || state == I8237_PRETENDS)
            return true;
    }
    return false;
}

void i8237_step(struct tb_model *m, tb_time now)
{
    struct i8237 *s = m->state;
    while (s->used < I8237_SERVICES && !is_busy_asking(s)) {
        uint8_t channel = next_channel(s);
        if (channel == I8237_CASCADE)
            channel = next_of(s, 0);
        if (channel == I8237_NONE)
            return;
        const struct i8237_channel *c = &s->channel[channel];
        struct i8237_service *v = &s->service[(s->head + s->used++) % I8237_SERVICES];
        *v = (struct i8237_service){.txn = TB_NO_TXN,
                                    .units = (uint16_t)service_units(s, channel),
                                    .channel = channel,
                                    .mode = c->mode,
                                    .number = c->number,
                                    .alone = c->wanted == 0};
        s->count.services++;
        s->unit[channel / 4].last = channel % 4;
        s->unit[1].last = channel < 4 ? 0 : channel % 4;
        if ((c->mode & I8237_KIND) == I8237_BLOCK)
            s->holder = channel;
        begin(m, v, now);
    }
}

/* -- The end of a service -------------------------------------------------------------------- */

static void end(struct tb_model *m, struct i8237_service *v, tb_time now)
{
    struct i8237 *s = m->state;
    if (v->last) {
        s->unit[v->channel / 4].ended |= (uint8_t)(1u << v->channel % 4);
        s->count.ends++;
    }
    v->state = I8237_FREE;
    if (v->txn != TB_NO_TXN)
        tb_txn_end(m, v->txn, (enum tb_status)v->status, now);
    while (s->used > 0 && s->service[s->head].state == I8237_FREE) {
        s->head = (s->head + 1) % I8237_SERVICES;
        s->used--;
    }
}

/* Bytes from memory go to their device in the order of the services. */
static void give(struct tb_model *m, tb_time now)
{
    struct i8237 *s = m->state;
    for (unsigned i = 0; i < s->used; i++) {
        struct i8237_service *v = &s->service[(s->head + i) % I8237_SERVICES];
        if (v->state == I8237_FREE || v->state == I8237_GIVES)
            continue;
        if (v->state != I8237_IS_HERE)
            return;
        go_to_device(m, v, false, now);
    }
}

/* The end of the last cycle that a device asked for: only now are its bytes in memory. The device
 * ends the transaction. */
static void tell(struct tb_model *m, struct i8237_service *v, tb_time now)
{
    const struct i8237 *s = m->state;
    struct tb_msg msg = {.address = v->channel,
                         .txn = v->txn,
                         .requester = s->p.id,
                         .tag = v->number,
                         .kind = TB_IRQ,
                         .status = v->status,
                         .class = TB_INTERRUPT};
    v->state = I8237_TELLS;
    tb_send(m, s->port_of[v->channel], &msg, now, TB_NO_CREDIT);
}

static void memory_answered(struct tb_model *m, struct i8237_service *v, const struct tb_msg *msg,
                            tb_time now)
{
    struct i8237 *s = m->state;
    bool write = (v->mode & I8237_TRANSFER) == I8237_WRITE;
    v->status = msg->status;
    s->count.failed += msg->status != TB_OK;
    if (!write && msg->status != TB_OK) /* nobody drives the data lines */
        memset(tb_txn(m, v->txn)->data, 0xff, bytes_of(v));
    if (write && v->lowers) {
        tell(m, v, now);
        return;
    }
    if (write || v->alone) {
        end(m, v, now);
        return;
    }
    turn_round(m, v);
    v->state = I8237_IS_HERE;
}

/* The device knows nothing of a service: it has lowered DREQ meanwhile (`last`), and there was
 * none; or it wants to go the other way, and the strobes pass it by. */
static void device_refused(struct tb_model *m, struct i8237_service *v, const struct tb_msg *msg,
                           tb_time now)
{
    struct i8237 *s = m->state;
    s->count.undriven++;
    if (!msg->last) {
        s->channel[v->channel].wanted += bytes_of(v);
        s->channel[v->channel].fruitless = true;
    }
    if (v->state == I8237_GIVES) {
        end(m, v, now);
    } else if (msg->last) {
        v->status = TB_ABORT;
        end(m, v, now);
    } else {
        memset(tb_txn(m, v->txn)->data, 0xff, bytes_of(v));
        go_to_memory(m, v, now);
    }
}

static void device_answered(struct tb_model *m, struct i8237_service *v, const struct tb_msg *msg,
                            tb_time now)
{
    v->lowers = msg->last;
    if (msg->status != TB_OK)
        device_refused(m, v, msg, now);
    else if (v->state == I8237_ASKS)
        go_to_memory(m, v, now);
    else
        end(m, v, now);
}

void i8237_answered(struct tb_model *m, const struct tb_msg *msg, tb_time now)
{
    struct i8237 *s = m->state;
    for (unsigned i = 0; i < I8237_SERVICES; i++) {
        struct i8237_service *v = &s->service[i];
        if (v->state == I8237_FREE || v->txn != msg->txn)
            continue;
        if (v->state == I8237_ON_BUS)
            memory_answered(m, v, msg, now);
        else
            device_answered(m, v, msg, now);
        break;
    }
    give(m, now);
    i8237_step(m, now);
}

void i8237_told(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct i8237 *s = m->state;
    for (unsigned i = 0; i < I8237_SERVICES; i++)
        if (s->service[i].state == I8237_TELLS && s->service[i].txn == txn) {
            s->service[i].txn = TB_NO_TXN;
            end(m, &s->service[i], when);
        }
    give(m, when);
    i8237_step(m, when);
}

void i8237_pretended(struct tb_model *m, tb_time when)
{
    struct i8237 *s = m->state;
    for (unsigned i = 0; i < I8237_SERVICES; i++)
        if (s->service[i].state == I8237_PRETENDS)
            end(m, &s->service[i], when);
    i8237_step(m, when);
}
