/* A northbridge with a graphics aperture remapping table (GART): CPUs on one side, devices on
 * another, memory on the third.
 *
 * Whatever is for memory goes through the translator (models/iommu, format gart), which knows by
 * the port of a request whether a CPU or a device made it, and passes what is outside of the
 * aperture, or excepted by the control register, as it is. The aperture may lie where memory is
 * (then translation hides that memory) or where nobody is. The registers are those of function 3 of
 * the northbridge, in configuration space.
 *
 * Everything else is routed by address: a CPU's accesses to devices go to `io`, interrupts and what
 * else is claimed at `cpu` goes there. Towards `cpu` nothing passes a device's earlier posted
 * write.
 */
#include "spec/gart.h"
#include "iommu/iommu.h"

#include <string.h>

/* The translator's ports come first, in its order: below, and to memory. */
enum { IO, MEM, CPU };

static const char *const port_names[] = {"io", "mem", "cpu", NULL};

struct aperture {
    uint64_t base, size;
    bool enabled, cpu, io;
};

struct gart_params {
    uint16_t id;
    tb_time latency;
    uint64_t walkers, pending, table;
    struct aperture aperture;
    struct tb_iotlb_params iotlb;
};

struct gart {
    struct gart_params p;
    struct tb_iommu_params as; /* what the translator takes for its parameters */
    struct tb_iommu *iommu;
    struct tb_ranges memory, io, cpu; /* what is behind the ports */
    uint64_t refused;
    struct tb_iommu_counters n;
    bool asked; /* looking for what is behind a port: met itself again if asked twice */
};

static const struct tb_param aperture_rows[] = {
    {.name = "base",
     .type = TB_COUNT,
     .offset = offsetof(struct aperture, base),
     .def = "0x80000000",
     .doc = "its first address: a multiple of its size, below 2^40"},
    {.name = "size",
     .type = TB_SIZE,
     .offset = offsetof(struct aperture, size),
     .def = "64MiB",
     .min = "32MiB",
     .max = "2GiB",
     .doc = "a power of two"},
    {.name = "enabled",
     .type = TB_BOOL,
     .offset = offsetof(struct aperture, enabled),
     .def = "false",
     .doc = "from the start: for platforms without a driver"},
    {.name = "cpu",
     .type = TB_BOOL,
     .offset = offsetof(struct aperture, cpu),
     .def = "true",
     .doc = "CPUs' accesses are translated"},
    {.name = "io",
     .type = TB_BOOL,
     .offset = offsetof(struct aperture, io),
     .def = "true",
     .doc = "devices' accesses are translated"},
    {0},
};

static const struct tb_param iotlb_rows[] = {
    TB_CACHE_ROWS(struct tb_iotlb_params, "8", "0", "translations"),
    {.name = "hit",
     .type = TB_TIME,
     .offset = offsetof(struct tb_iotlb_params, hit),
     .def = "2ns",
     .max = "1ms",
     .doc = "how long a look-up takes"},
    {0},
};

#define AT(field) .offset = offsetof(struct gart_params, field)
static const struct tb_param rows[] = {
    {.name = "id",
     .type = TB_ID,
     AT(id),
     .def = "00:18.3",
     .doc = "of the function that has the registers, and of its own reads"},
    {.name = "latency",
     .type = TB_TIME,
     AT(latency),
     .def = "20ns",
     .max = "1s",
     .doc = "from arrival to readiness to leave, every way"},
    {.name = "aperture",
     .type = TB_GROUP,
     AT(aperture),
     .sub = aperture_rows,
     .doc = "which addresses are translated, as firmware has set it"},
    {.name = "table",
     .type = TB_COUNT,
     AT(table),
     .def = "0",
     .doc = "address of the table, likewise"},
    {.name = "iotlb",
     .type = TB_GROUP,
     AT(iotlb),
     .sub = iotlb_rows,
     .doc = "cache of translations"},
    {.name = "walkers",
     .type = TB_COUNT,
     AT(walkers),
     .def = "1",
     .min = "1",
     .max = "256",
     .doc = "how many entries of the table are read at a time"},
    {.name = "pending",
     .type = TB_CREDITS,
     AT(pending),
     .def = "unlimited",
     .doc = "how many requests wait for entries before look-ups stop"},
    {0},
};

#define COUNTER(name, doc)                                                                         \
    {                                                                                              \
#name, offsetof(struct gart, n.name), doc                                                  \
    }

static const struct tb_counter counters[] = {
    {"refused", offsetof(struct gart, refused), "messages for nobody"},
    COUNTER(requests, "requests that were translated"),
    COUNTER(hits, "of these, by the IOTLB"),
    COUNTER(misses, "those it did not know"),
    COUNTER(coalesced, "misses that joined another's read of an entry"),
    COUNTER(walk_reads, "entries read"),
    COUNTER(faults, "requests refused"),
    COUNTER(invalidations, "times that everything was to be forgotten"),
    COUNTER(invalidated, "translations forgotten"),
    COUNTER(poisoned, "reads of entries that this overtook: not cached"),
    COUNTER(evictions, "translations that had to leave the IOTLB for others"),
    {NULL, 0, NULL},
};

/* -- Elaboration ------------------------------------------------------------------------------- */

static bool check_aperture(struct tb_model *m, const struct aperture *a, struct tb_diag *diag)
{
    const struct tb_node *given = tb_node_get(m->node, "aperture");
    if (a->size & (a->size - 1) || a->base & (a->size - 1) || a->base >> GART_PA_BITS) {
        tb_diag_node(diag, given ? given : m->node,
                     "an aperture has a power of two of bytes, and begins at a multiple of that "
                     "below 2^%u",
                     GART_PA_BITS);
        return false;
    }
    return true;
}

static uint64_t control_of(const struct aperture *a)
{
    unsigned size = (unsigned)__builtin_ctzll(a->size) - GART_SIZE_BITS;
    return size << GART_SIZE_SHIFT | (a->enabled ? GART_ENABLE : 0) |
           (a->cpu ? 0 : GART_DISABLE_CPU) | (a->io ? 0 : GART_DISABLE_IO);
}

/* What the format does not have is one of everything, never used. */
static struct tb_iommu_params params_of(const struct gart_params *p)
{
    struct tb_iommu_params as = {
        .format = TB_IOMMU_GART,
        .id = p->id,
        .walkers = p->walkers,
        .pending = p->pending,
        .events = 1,
        .invalidations = 1,
        .responses = 1,
        .iotlb = p->iotlb,
        .devtab = {.cache = {.entries = 1, .ways = "full"}, .fetches = 1},
        .pdc = {.cache = {.ways = "full"}},
        .nested = {.cache = {.ways = "full"}},
    };
    as.reset.control = control_of(&p->aperture);
    as.reset.base = p->aperture.base >> GART_BASE_SHIFT;
    as.reset.table = p->table >> GART_TABLE_SHIFT & GART_TABLE_MASK;
    return as;
}

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct gart *g = m->state;
    if (!check_aperture(m, &g->p.aperture, diag))
        return;
    if (g->p.table & 0xfff || g->p.table >> GART_PA_BITS)
        tb_diag_node(diag, tb_node_get(m->node, "table"),
                     "a table begins at a multiple of 4 KiB below 2^%u", GART_PA_BITS);
    g->as = params_of(&g->p);
    g->iommu = tb_iommu_new(m, &g->as, m->node, &g->n, g->p.latency, g->p.latency, diag);
    if (g->iommu)
        tb_iommu_set_above(g->iommu, CPU);
}

static void slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    const struct gart *g = m->state;
    *count = *bytes = 0;
    if (g->iommu)
        tb_iommu_slots(g->iommu, count, bytes);
}

static void add_behind(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    if (tb_port_peer(m, port))
        tb_reach(m, port, out);
}

/* From either side all of memory and what is behind the other side; and, subtractively, any
 * address: the aperture can be anywhere, at any time. */
static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    struct gart *g = m->state;
    if (g->asked || port == MEM)
        return;
    g->asked = true;
    add_behind(m, MEM, out);
    add_behind(m, port == CPU ? IO : CPU, out);
    g->asked = false;
    if (port == CPU && g->iommu)
        tb_iommu_claims(g->iommu, out);
    tb_ranges_add(m, out,
                  (struct tb_range){.base = 0,
                                    .last = UINT64_MAX,
                                    .space = TB_MEMORY,
                                    .subtractive = true,
                                    .model = m->index});
}

/* What is behind the ports, at first and whenever it has changed. */
static void rerouted(struct tb_model *m)
{
    struct gart *g = m->state;
    g->memory.count = g->io.count = g->cpu.count = 0;
    add_behind(m, MEM, &g->memory);
    add_behind(m, IO, &g->io);
    add_behind(m, CPU, &g->cpu);
}

static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct gart *g = m->state;
    (void)diag;
    rerouted(m);
    if (g->iommu)
        tb_iommu_start(g->iommu, &g->io);
}

/* -- Messages ---------------------------------------------------------------------------------- */

static bool holds(const struct tb_ranges *ranges, const struct tb_msg *msg)
{
    for (size_t i = 0; i < ranges->count; i++) {
        const struct tb_range *r = &ranges->at[i];
        if (!r->off && r->space == msg->space && msg->address >= r->base && msg->address <= r->last)
            return true;
    }
    return false;
}

/* Nobody is there. */
static void refuse(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                   tb_time when)
{
    struct gart *g = m->state;
    struct tb_msg answer = *msg;
    g->refused++;
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, TB_UNSUPPORTED, when);
        tb_release(m, credit, when);
        return;
    }
    tb_msg_answer(&answer, TB_UNSUPPORTED);
    tb_time by =
        port == MEM ? 0 : g->p.latency; /* to memory everything leaves when it is decided */
    tb_msg_spend(m, &answer, TB_PART_BRIDGE, by);
    tb_send(m, port, &answer, when + by, credit);
}

static void pass(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct gart *g = m->state;
    tb_msg_spend(m, msg, TB_PART_BRIDGE, g->p.latency);
    tb_send(m, port, msg, when + g->p.latency, credit);
}

/* Accesses of a CPU. A device may be in front of memory: it is asked first. */
static void from_cpu(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct gart *g = m->state;
    if (msg->class != TB_COMPLETION && tb_iommu_from_above(g->iommu, msg, credit, when))
        return;
    if (msg->class == TB_COMPLETION || holds(&g->io, msg))
        pass(m, IO, msg, credit, when);
    else if (msg->space == TB_MEMORY)
        tb_iommu_from_below(g->iommu, CPU, msg, credit, when);
    else
        refuse(m, CPU, msg, credit, when);
}

/* What devices send. Completions and interrupts go to CPUs, behind what was posted. */
static void from_io(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct gart *g = m->state;
    if (msg->class == TB_COMPLETION || msg->class == TB_INTERRUPT || msg->space == TB_MEMORY ||
        msg->kind == TB_PAGE_REQUEST)
        tb_iommu_from_below(g->iommu, IO, msg, credit, when);
    else
        refuse(m, IO, msg, credit, when);
}

static void from_memory(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                        tb_time when)
{
    struct gart *g = m->state;
    if (msg->class != TB_COMPLETION)
        refuse(m, MEM, msg, credit, when);
    else if (!tb_iommu_from_above(g->iommu, msg, credit, when))
        pass(m, tb_iommu_port_of(g->iommu, msg->txn), msg, credit, when);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    static void (*const from[])(struct tb_model *, const struct tb_msg *, tb_credit,
                                tb_time) = {[IO] = from_io, [MEM] = from_memory, [CPU] = from_cpu};
    from[port](m, msg, credit, when);
}

static void timer(struct tb_model *m, unsigned number, tb_time when)
{
    struct gart *g = m->state;
    tb_iommu_timer(g->iommu, number, when);
}

static void retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct gart *g = m->state;
    tb_iommu_retired(g->iommu, txn, when);
}

/* -- Without time ------------------------------------------------------------------------------ */

/* By physical address: a debugger looks behind the table. */
static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct gart *g = m->state;
    struct tb_msg at = {.address = d->address, .space = d->space};
    if (port == CPU && tb_iommu_debug(g->iommu, d))
        return true;
    if (holds(&g->memory, &at))
        return tb_debug_send(m, MEM, d);
    return port == CPU && tb_port_peer(m, IO) && tb_debug_send(m, IO, d);
}

static bool symbol(struct tb_model *m, const char *name, struct tb_symbol *out)
{
    struct gart *g = m->state;
    return g->iommu && tb_iommu_symbol(g->iommu, name, out);
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    struct gart *g = m->state;
    if (!strcmp(key, "iommu.aperture") || !strcmp(key, "iommu.aperture_size")) {
        *out = key[strlen("iommu.aperture")] ? g->p.aperture.size : g->p.aperture.base;
        return true;
    }
    return g->iommu && tb_iommu_fact(g->iommu, key, out);
}

const struct tb_class tb_class_gart = {
    .name = "gart",
    .brief =
        "a northbridge with a GART: CPUs', devices' or both accesses to an aperture translated",
    .state_size = sizeof(struct gart),
    .params = rows,
    .ports = port_names,
    .counters = counters,
    .timers = TB_IOMMU_TIMERS,
    .check = check,
    .slots = slots,
    .claims = claims,
    .rerouted = rerouted,
    .start = start,
    .recv = recv,
    .timer = timer,
    .retired = retired,
    .debug = debug,
    .symbol = symbol,
    .fact = fact,
};
