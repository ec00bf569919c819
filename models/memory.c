/* memory: a range of bytes behind one service slot.
 *
 * Requests are served in the order in which they arrive, over all ports: a slot starts when the
 * request is there and the slot before has ended, and lasts as long as the bytes take at
 * `bandwidth`, rounded up to the `clock`. The answer is ready `latency` after the start: slots are
 * pipelined. Since the order is the order of arrival, the bytes are moved on arrival.
 *
 * The bytes live in a store (store/store.h).
 */
#include "store/store.h"

struct memory {
    /* parameters */
    uint64_t base, size;
    tb_time latency;
    struct tb_rate bandwidth, clock;
    /* state */
    tb_time free; /* when the next slot may start */
    struct tb_store store;
    uint64_t count[2], bytes[2]; /* of reads, of writes */
    uint64_t busy;
};

static const struct tb_param params[] = {
    {.name = "base",
     .type = TB_COUNT,
     .offset = offsetof(struct memory, base),
     .def = "0",
     .doc = "address of the first byte, or auto: a window that the platform's loader gives out"},
    {.name = "size",
     .type = TB_SIZE,
     .offset = offsetof(struct memory, size),
     .flags = TB_REQUIRED,
     .min = "4KiB",
     .max = "16TiB",
     .doc = "how many bytes"},
    {.name = "latency",
     .type = TB_TIME,
     .offset = offsetof(struct memory, latency),
     .def = "40ns",
     .max = "1ms",
     .doc = "from the start of a request's slot to its answer"},
    {.name = "bandwidth",
     .type = TB_RATE,
     .offset = offsetof(struct memory, bandwidth),
     .def = "12.8GB/s",
     .min = "1MB/s",
     .doc = "of the slots: how long a request's bytes keep the next one waiting"},
    {.name = "clock",
     .type = TB_CLOCK,
     .offset = offsetof(struct memory, clock),
     .def = "none",
     .doc = "slots last whole cycles of this clock"},
    {0}};

static const struct tb_counter counters[] = {
    {"reads", offsetof(struct memory, count[0]), "read requests served"},
    {"writes", offsetof(struct memory, count[1]), "write requests served"},
    {"read_bytes", offsetof(struct memory, bytes[0]), "bytes read"},
    {"written_bytes", offsetof(struct memory, bytes[1]), "bytes written"},
    {"busy_ps", offsetof(struct memory, busy), "time in which a slot was taken, ps"},
    {"pages", offsetof(struct memory, store.pages), "4 KiB pages of the host that hold its bytes"},
    {NULL, 0, NULL}};

static const char *const ports[] = {"*", NULL};

/* -- requests ------------------------------------------------------------------------------- */

/* How long a request's bytes keep the slot. */
static inline tb_time slot_time(const struct memory *s, unsigned bytes)
{
    tb_time lasts = s->bandwidth.time ? tb_rate_time(s->bandwidth, bytes) : 0;
    return s->clock.time ? tb_clock_edge(s->clock, lasts) : lasts;
}

static inline enum tb_status serve(struct tb_model *m, const struct tb_msg *msg, tb_time when)
{
    struct memory *s = m->state;
    bool write = msg->kind == TB_WRITE;
    enum tb_status status = tb_store_serve(m, &s->store, s->base, s->size, msg, when);
    if (status == TB_OK) {
        s->count[write]++;
        s->bytes[write] += msg->length;
    }
    return status;
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct memory *s = m->state;
    enum tb_status status = serve(m, msg, when);
    tb_time start = tb_max(when, s->free), lasts = slot_time(s, msg->length);
    s->free = start + lasts;
    s->busy += lasts;
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, status, when);
        tb_release(m, credit, start);
        return;
    }
    tb_txn_serve(m, msg->txn, start - when, TB_PART_MEM, s->latency);
    struct tb_msg answer = *msg;
    tb_msg_answer(&answer, status);
    tb_send(m, port, &answer, start + s->latency, TB_NO_CREDIT);
    tb_release(m, credit, start); /* last: it may bring the next request */
}

/* With one way in, the order of arrival there is the order of service. */
static unsigned ahead(const struct tb_model *m, unsigned port)
{
    (void)port;
    return tb_port_count(m) == 1 ? 1u << TB_NONPOSTED : 0;
}

/* -- elaboration ---------------------------------------------------------------------------- */

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct memory *s = m->state;
    if (s->base > UINT64_MAX - s->size + 1)
        tb_diag_node(diag, m->node, "'%s' reaches past the end of the address space", m->name);
    tb_store_make(m, &s->store, s->size);
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    const struct memory *s = m->state;
    (void)port;
    tb_store_claims(m, s->base, s->size, out);
}

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct memory *s = m->state;
    (void)port;
    return tb_store_debug(m, &s->store, s->base, s->size, d);
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    const struct memory *s = m->state;
    return tb_store_fact(s->base, s->size, key, out);
}

const struct tb_class tb_class_memory = {
    .name = "memory",
    .brief = "bytes behind one pipelined service slot: fixed latency, bandwidth, sparse pages",
    .state_size = sizeof(struct memory),
    .params = params,
    .ports = ports,
    .counters = counters,
    .check = check,
    .claims = claims,
    .recv = recv,
    .ahead = ahead,
    .debug = debug,
    .fact = fact,
};
