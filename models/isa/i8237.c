/* i8237: the PC's two DMA controllers. The class, and its messages. */
#include "isa/i8237.h"

#include "tollbridge/sim.h"

#include <string.h>

static const char *const timings[] = {"compatible", "a", "b", "f", NULL};

static const char *const ports[] = {"isa", "*", NULL};

#define ROW(field) offsetof(struct i8237_params, field)
static const struct tb_param params[] = {
    {"id", TB_ID, ROW(id), .def = "00:01.0",
     .doc = "requester ID that a bridge above gives its requests: the ISA bridge's"},
    {"timing", TB_ENUM, ROW(timing), .def = "compatible", .names = timings,
     .doc = "of a transfer: 8, 6 (a), 5 (b) or 3 (f) clocks"},
    {"clock", TB_CLOCK, ROW(clock), .def = "25/3MHz", .min = "1MHz",
     .doc = "of the bus; only verify transfers, which do not use that, need it"},
    {"burst", TB_COUNT, ROW(burst), .def = "8", .min = "1", .max = "2048",
     .doc =
         "most transfers of a service in demand and block mode: no device should keep the bus for "
         "more than 15 us"},
    {.name = NULL},
};

#define COUNTER(field, what)                                                                       \
    {                                                                                              \
#field, offsetof(struct i8237, count.field), what                                          \
    }
static const struct tb_counter counters[] = {
    COUNTER(services, "times that a channel was granted the bus"),
    COUNTER(transfers, "bytes or words moved"),
    COUNTER(read_bytes, "bytes read from memory"),
    COUNTER(written_bytes, "bytes written to memory"),
    COUNTER(verified, "transfers that were only pretended"),
    COUNTER(ends, "terminal counts"),
    COUNTER(failed, "services that memory did not answer"),
    COUNTER(undriven, "services to which the device had nothing to say"),
    {NULL, 0, NULL},
};

/* -- Messages -------------------------------------------------------------------------------- */

static void answer(struct tb_model *m, unsigned port, const struct tb_msg *msg,
                   enum tb_status status, tb_credit credit, tb_time now)
{
    struct tb_msg reply = *msg;
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, status, now);
        tb_release(m, credit, now);
        return;
    }
    tb_msg_answer(&reply, status);
    tb_send(m, port, &reply, now, credit);
}

/* The bus cycle is all the time that a register takes. */
static void take_access(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time now)
{
    struct i8237 *s = m->state;
    struct tb_txn *t = tb_txn(m, msg->txn);
    const struct tb_debug a = {.address = msg->address,
                               .data = t->data,
                               .length = msg->length,
                               .space = msg->space,
                               .write = msg->kind == TB_WRITE};
    bool mine = msg->space == TB_IO && i8237_is_port(msg->address);
    t->to = m->index;
    if (mine)
        i8237_access(s, &a);
    answer(m, I8237_ISA, msg, mine ? TB_OK : TB_UNSUPPORTED, credit, now);
    i8237_step(m, now);
}

static unsigned channel_at(const struct i8237 *s, unsigned port)
{
    unsigned channel = 0;
    while (s->port_of[channel] != port)
        channel++;
    return channel;
}

static void take_dreq(struct tb_model *m, unsigned channel, const struct tb_msg *msg,
                      tb_credit credit, tb_time now)
{
    struct i8237 *s = m->state;
    uint32_t *wanted = &s->channel[channel].wanted;
    *wanted = msg->tag ? *wanted + msg->length : 0;
    s->channel[channel].number = msg->tag;
    tb_txn(m, msg->txn)->to = m->index;
    tb_txn_end(m, msg->txn, TB_OK, now);
    tb_release(m, credit, now);
    i8237_step(m, now);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    if (msg->class == TB_COMPLETION) {
        struct tb_msg copy = *msg;
        tb_release(m, credit, when);
        i8237_answered(m, &copy, when);
    } else if (port == I8237_ISA && (msg->kind == TB_READ || msg->kind == TB_WRITE)) {
        take_access(m, msg, credit, when);
    } else if (port != I8237_ISA && msg->kind == TB_IRQ) {
        take_dreq(m, channel_at(m->state, port), msg, credit, when);
    } else {
        answer(m, port, msg, TB_UNSUPPORTED, credit, when);
    }
}

static void timer(struct tb_model *m, unsigned which, tb_time when)
{
    (void)which;
    i8237_pretended(m, when);
}

/* -- Elaboration ----------------------------------------------------------------------------- */

/* A device tells by its fact "dma" to which channel its card is set. */
static void plug_in(struct tb_model *m, unsigned port, struct tb_diag *diag)
{
    struct i8237 *s = m->state;
    struct tb_model *peer = tb_port_peer(m, port);
    uint64_t channel;
    if (!tb_fact(peer, "dma", &channel) || channel >= I8237_CHANNELS)
        tb_diag_node(diag, peer->node, "'%s' is no device with a DMA channel", peer->name);
    else if (channel == I8237_CASCADE)
        tb_diag_node(diag, peer->node, "channel 4 of '%s' is the cascade: no device goes there",
                     m->name);
    else if (s->port_of[channel])
        tb_diag_node(diag, peer->node, "'%s' is on channel %u of '%s' already",
                     tb_port_peer(m, s->port_of[channel])->name, (unsigned)channel, m->name);
    else
        s->port_of[channel] = (uint16_t)port;
}

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct i8237 *s = m->state;
    i8237_reset(s);
    for (unsigned port = I8237_ISA + 1; port < tb_port_count(m); port++)
        plug_in(m, port, diag);
}

static void slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    const struct i8237 *s = m->state;
    *count = I8237_SERVICES;
    *bytes = 2 * (uint32_t)s->p.burst;
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    if (port == I8237_ISA)
        i8237_add_claims(m, out);
}

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    (void)port;
    if (d->space != TB_IO || !i8237_is_port(d->address))
        return false;
    i8237_access(m->state, d);
    i8237_step(m, tb_sim_now(m->sim));
    return true;
}

static bool symbol(struct tb_model *m, const char *name, struct tb_symbol *out)
{
    (void)m;
    return i8237_symbol(name, out);
}

/* "channel.NAME": the channel that the model of that name is on. */
static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    const struct i8237 *s = m->state;
    if (strcmp(key, "id") == 0) {
        *out = s->p.id;
        return true;
    }
    if (strncmp(key, "channel.", 8) != 0)
        return false;
    for (unsigned i = 0; i < I8237_CHANNELS; i++) {
        unsigned port = s->port_of[i];
        if (port && strcmp(tb_port_peer(m, port)->name, key + 8) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

const struct tb_class tb_class_i8237 = {
    .name = "i8237",
    .brief = "a PC's two DMA controllers with their page registers (ISA DMA)",
    .state_size = sizeof(struct i8237),
    .params = params,
    .ports = ports,
    .counters = counters,
    .timers = 1,
    .check = check,
    .slots = slots,
    .claims = claims,
    .recv = recv,
    .timer = timer,
    .retired = i8237_told,
    .debug = debug,
    .symbol = symbol,
    .fact = fact,
};
