/* endpoint: a PCI function with memory behind a base address register, which software can move and
 * switch off: a card's frame buffer, say, that other devices' DMA can go to.
 *
 * The register takes effect at the instant at which the write to it arrives; from then on every
 * decoder of the platform goes by it (tb_claims_changed). The function decodes for itself once
 * more: what arrives and is not within the register's range then is answered Unsupported Request
 * (PCIe 2.3.1; on PCI it would not have said DEVSEL#), a posted write is dropped; both are counted.
 * What has arrived before is served.
 *
 * Timing of the memory is that of `memory`: one pipelined slot.
 */
#include "pci/config.h"
#include "store/store.h"

struct endpoint {
    /* parameters */
    uint16_t id;
    uint64_t base, size;
    bool wide, enabled;
    tb_time latency, register_latency;
    struct tb_rate bandwidth;
    /* state */
    struct tb_pci_config config;
    struct tb_store store;
    tb_time free; /* when the next slot may start */
    uint64_t count[2], bytes[2], refused, dropped, moves, busy;
};

#define AT(field) offsetof(struct endpoint, field)
static const struct tb_param params[] = {
    {.name = "id",
     .type = TB_ID,
     .offset = AT(id),
     .def = "00:03.0",
     .doc = "requester ID, or auto: where its configuration space is"},
    {.name = "base",
     .type = TB_COUNT,
     .offset = AT(base),
     .flags = TB_REQUIRED,
     .doc = "what firmware wrote to the base address register, or auto"},
    {.name = "size",
     .type = TB_SIZE,
     .offset = AT(size),
     .flags = TB_REQUIRED,
     .min = "4KiB",
     .max = "1TiB",
     .doc = "how many bytes: a power of two"},
    {.name = "wide",
     .type = TB_BOOL,
     .offset = AT(wide),
     .def = "false",
     .doc = "the register has 64 bits: bar0 and bar1"},
    {.name = "enabled",
     .type = TB_BOOL,
     .offset = AT(enabled),
     .def = "true",
     .doc = "firmware has set the command register's memory bit"},
    {.name = "latency",
     .type = TB_TIME,
     .offset = AT(latency),
     .def = "60ns",
     .max = "1ms",
     .doc = "from the start of a request's slot to its answer"},
    {.name = "bandwidth",
     .type = TB_RATE,
     .offset = AT(bandwidth),
     .def = "1GB/s",
     .min = "1MB/s",
     .doc = "of the slots: how long a request's bytes keep the next one waiting"},
    {.name = "register_latency",
     .type = TB_TIME,
     .offset = AT(register_latency),
     .def = "60ns",
     .max = "1ms",
     .doc = "of an access to configuration space"},
    {0}};

static const struct tb_counter counters[] = {
    {"reads", AT(count[0]), "read requests served"},
    {"writes", AT(count[1]), "write requests served"},
    {"read_bytes", AT(bytes[0]), "bytes read"},
    {"written_bytes", AT(bytes[1]), "bytes written"},
    {"refused", AT(refused), "requests that arrived where it did not answer any more"},
    {"dropped", AT(dropped), "of these, posted writes"},
    {"moves", AT(moves), "changes of where it answers"},
    {"busy_ps", AT(busy), "time in which a slot was taken, ps"},
    {NULL, 0, NULL}};

static const char *const ports[] = {"bus", NULL};

static const struct tb_pci_name names[] = {{"pcicmd", PCI_COMMAND, 2},
                                           {"pcists", PCI_STATUS, 2},
                                           {"bar0", PCI_BAR0, 4},
                                           {"bar1", PCI_BAR0 + 4, 4},
                                           {NULL, 0, 0}};

/* -- Where it answers -------------------------------------------------------------------------- */

static bool is_within(const struct tb_range *r, uint64_t address, uint64_t length)
{
    return !r->off && address >= r->base && length - 1 <= r->last - r->base &&
           address - r->base <= r->last - r->base - (length - 1);
}

static enum tb_status access_config(struct tb_model *m, const struct tb_debug *a)
{
    struct endpoint *s = m->state;
    struct tb_range was = tb_pci_bar(&s->config, s->size);
    enum tb_status status = tb_pci_access(&s->config, a);
    struct tb_range is = tb_pci_bar(&s->config, s->size);
    if (was.off != is.off || (!is.off && was.base != is.base)) {
        s->moves++;
        tb_claims_changed(m);
    }
    return status;
}

/* -- Requests ---------------------------------------------------------------------------------- */

/* Departures are in order, whatever they are answers to. */
static void answer(struct tb_model *m, const struct tb_msg *msg, enum tb_status status,
                   tb_time since, tb_time due, enum tb_part part)
{
    struct tb_msg reply = *msg;
    tb_time ready = tb_max(due, tb_port_ready(m, 0));
    tb_txn_spend(m, msg->txn, part, due - since);
    tb_msg_answer(&reply, status);
    tb_msg_spend(m, &reply, TB_PART_QUEUE, ready - due);
    tb_send(m, 0, &reply, ready, TB_NO_CREDIT);
}

static void serve_config(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                         tb_time when)
{
    struct endpoint *s = m->state;
    struct tb_txn *t = tb_txn(m, msg->txn);
    enum tb_status status = TB_UNSUPPORTED;
    t->to = m->index;
    if (msg->kind <= TB_WRITE && tb_pci_is_own(s->id, msg->space, msg->address)) {
        struct tb_debug a = {.address = msg->address,
                             .data = t->data,
                             .length = msg->length,
                             .space = TB_CONFIG,
                             .write = msg->kind == TB_WRITE};
        status = access_config(m, &a);
    }
    if (msg->class == TB_NONPOSTED)
        answer(m, msg, status, when, when + s->register_latency, TB_PART_DEVICE);
    else
        tb_txn_end(m, msg->txn, status, when);
    tb_release(m, credit, when); /* last: it may bring the next request */
}

static enum tb_status move_bytes(struct tb_model *m, const struct tb_msg *msg, tb_time when)
{
    struct endpoint *s = m->state;
    struct tb_range r = tb_pci_bar(&s->config, s->size);
    bool write = msg->kind == TB_WRITE;
    enum tb_status status = tb_store_serve(m, &s->store, r.base, r.off ? 0 : s->size, msg, when);
    if (status == TB_OK) {
        s->count[write]++;
        s->bytes[write] += msg->length;
    } else {
        s->refused++;
        s->dropped += msg->class == TB_POSTED;
    }
    return status;
}

static void serve_memory(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                         tb_time when)
{
    struct endpoint *s = m->state;
    enum tb_status status = move_bytes(m, msg, when);
    tb_time start = tb_max(when, s->free);
    tb_time lasts =
        status == TB_OK && s->bandwidth.time ? tb_rate_time(s->bandwidth, msg->length) : 0;
    s->free = start + lasts;
    s->busy += lasts;
    if (msg->class == TB_NONPOSTED) {
        tb_txn_spend(m, msg->txn, TB_PART_QUEUE, start - when);
        answer(m, msg, status, start, start + s->latency, TB_PART_MEM);
    } else {
        tb_txn_end(m, msg->txn, status, when);
    }
    tb_release(m, credit, start);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    (void)port;
    if (msg->space == TB_MEMORY)
        serve_memory(m, msg, credit, when);
    else
        serve_config(m, msg, credit, when);
}

/* -- Elaboration ------------------------------------------------------------------------------- */

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct endpoint *s = m->state;
    size_t before = tb_diag_count(diag);
    if (s->size & (s->size - 1))
        tb_diag_node(diag, tb_model_node(m, "size"),
                     "a base address register has a power of two (PCI 6.2.5.1)");
    else if (s->base % s->size)
        tb_diag_node(diag, tb_model_node(m, "base"), "a base address is a multiple of the size");
    if (!s->wide && (s->base >> 32 || s->size > (uint64_t)1 << 31))
        tb_diag_node(diag, tb_model_node(m, "base"),
                     "it does not fit into 32 bits: 'wide' gives the register 64");
    if (tb_diag_count(diag) > before)
        return;
    /* What QEMU's test device says it is; a memory controller. */
    tb_pci_make(&s->config, 0x00051b36, 0x058000, 0, PCI_COMMAND_MEMORY);
    tb_pci_make_bar(&s->config, s->base, s->size, s->wide);
    if (!s->enabled)
        tb_pci_put(&s->config, PCI_COMMAND, 2, 0, PCI_COMMAND_MEMORY);
    tb_store_make(m, &s->store, s->size);
    tb_claims_vary(m);
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    const struct endpoint *s = m->state;
    struct tb_range r = tb_pci_bar(&s->config, s->size);
    (void)port;
    r.model = m->index;
    tb_ranges_add(m, out, r);
    tb_pci_claim_config(m, s->id, out);
}

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct endpoint *s = m->state;
    struct tb_range r = tb_pci_bar(&s->config, s->size);
    (void)port;
    if (tb_pci_is_own(s->id, d->space, d->address))
        return access_config(m, d) == TB_OK;
    return is_within(&r, d->address, d->length) && tb_store_debug(m, &s->store, r.base, s->size, d);
}

static bool symbol(struct tb_model *m, const char *name, struct tb_symbol *out)
{
    const struct endpoint *s = m->state;
    return (s->wide || strcmp(name, "bar1") != 0) && tb_pci_symbol(names, s->id, name, out);
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    const struct endpoint *s = m->state;
    if (strcmp(key, "id") == 0)
        *out = s->id;
    else
        return tb_store_fact(tb_pci_bar(&s->config, s->size).base, s->size, key, out);
    return true;
}

const struct tb_class tb_class_endpoint = {
    .name = "endpoint",
    .brief = "a PCI function: memory behind a base address register that software can move",
    .state_size = sizeof(struct endpoint),
    .params = params,
    .ports = ports,
    .counters = counters,
    .check = check,
    .claims = claims,
    .recv = recv,
    .debug = debug,
    .symbol = symbol,
    .fact = fact,
};
