/* Properties of any run, on random platforms: trees of buses with requesters and memories anywhere.
 *
 * Every request gets exactly one end; the parts of every latency add up to it; all credits come
 * back; every byte that was written is where it belongs, and no byte was moved twice (A21); the
 * same platform gives the same run; a platform that is resolved and loaded again gives the same
 * run.
 *
 * TB_SOAK_SECONDS=n goes on for n seconds; TB_SEED=n starts elsewhere.
 */
#include "../seen.h"
#include "../suite.h"
#include "load/scenario.h"

#include <time.h>

enum { MEMORY_BYTES = 0x10000, MEMORIES = 4, ROUNDS = 150 };

struct world {
    FILE *to;
    uint64_t random;
    unsigned buses, memories, requesters;
    unsigned between[8]; /* above each bus: index in betweens */
    bool gart;           /* above all: the last requester is a CPU, the last memory is its */
    uint64_t requests;   /* bytes asked for by all requesters */
};

static uint64_t draw(struct world *w, uint64_t n)
{
    uint64_t z = w->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

static bool have_class(const char *name)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(classes[i]->name, name))
            return true;
    return false;
}

static void write_memory(struct world *w, unsigned i)
{
    static const char *const maps[] = {"row:bank:column:group", "bank:group:row:column",
                                       "column:row:group:bank"};
    fprintf(w->to, "  dram%u: {base: 0x%x, size: 64KiB, latency: %uns, ", i, i * MEMORY_BYTES,
            (unsigned)draw(w, 100));
    if (draw(w, 2))
        fprintf(w->to, "model: memory, bandwidth: %s}\n", draw(w, 2) ? "12.8GB/s" : "400/3MB/s");
    else
        fprintf(w->to,
                "model: dram, preset: %s, row: %uB, map: %s, page: %s, scheduler: %s, queue: %u, "
                "patience: %u}\n",
                draw(w, 2) ? "ddr4-2400" : "ddr3-1600, groups: 2, clock: 3ns", 64u << draw(w, 6),
                maps[draw(w, 3)], draw(w, 2) ? "open" : "closed", draw(w, 4) ? "fr-fcfs" : "fifo",
                1 + (unsigned)draw(w, 20), 1 + (unsigned)draw(w, 5));
}

static const char *const betweens[] = {"bridge", "switch", "root-port",
                                       "switch, forwarding: store-and-forward"};

static void write_bridge(struct world *w, unsigned i)
{
    w->between[i] = (unsigned)draw(w, 4);
    fprintf(w->to, "  bridge%u: {model: %s, latency: %uns", i, betweens[w->between[i]],
            (unsigned)draw(w, 100));
    if (!strcmp(betweens[w->between[i]], "bridge") && draw(w, 2))
        fprintf(w->to, ", posting: {entries: %u, hold: %uns, line: %uB, ordered: %s}",
                1 + (unsigned)draw(w, 10), (unsigned)draw(w, 500), 8u << draw(w, 5),
                draw(w, 2) ? "true" : "false");
    if (!strcmp(betweens[w->between[i]], "bridge") && draw(w, 3) == 0) /* off, it only passes */
        fprintf(w->to, ", iommu: {format: %s, mmio: 0x%x, id: \"00:1f.%u\", iotlb: {hit: %uns}}",
                draw(w, 2) ? "amdvi" : "sun4m", 0xfed00000 + i * 0x10000, i, (unsigned)draw(w, 5));
    fprintf(w->to, "}\n");
}

/* Its aperture is where nobody goes. */
static void write_gart(struct world *w)
{
    fprintf(w->to,
            "  gart: {model: gart, latency: %uns, aperture: {base: 0x80000000, enabled: true}, "
            "walkers: %u}\n",
            (unsigned)draw(w, 60), 1 + (unsigned)draw(w, 3));
}

static void write_bus(struct world *w, unsigned i)
{
    fprintf(w->to, "  bus%u: {model: bus, arbitration: %s", i,
            draw(w, 3) ? "round-robin" : "fixed");
    switch (draw(w, 5)) {
    case 4:
        fprintf(w->to, ", protocol: sbus, clock: %s, write: %u, read: %u",
                draw(w, 2) ? "40ns" : "50/3MHz", 1 + (unsigned)draw(w, 3),
                1 + (unsigned)draw(w, 9));
        break;
    case 0:
        fprintf(w->to, ", protocol: pci, clock: %s, width: %s, latency_timer: %u",
                draw(w, 2) ? "30ns" : "66MHz", draw(w, 2) ? "4B" : "8B",
                16 + (unsigned)draw(w, 30));
        break;
    case 1:
        fprintf(w->to, ", bandwidth: 3.2GB/s, overhead: %uns, latency: %uns", (unsigned)draw(w, 10),
                (unsigned)draw(w, 50));
        break;
    case 2:
        fprintf(w->to, ", clock: 5ns, width: 16B, overhead: 3ns, latency: 2ns");
        break;
    default:
        break;
    }
    fprintf(w->to, "}\n");
}

static void write_requester(struct world *w, unsigned i)
{
    static const char *const patterns[] = {"sequential", "random", "strided", "zipf"};
    static const char *const ops[] = {"read", "write", "alternate", "mixed"};
    unsigned count = 1 + (unsigned)draw(w, 200), length = 4u << draw(w, 9);
    /* The window may reach past the last memory: what nobody claims is a property, too. */
    uint64_t base = draw(w, w->memories) * MEMORY_BYTES;
    fprintf(w->to,
            "  r%u: {model: requester, id: \"00:%02x.0\", posted: %s, relaxed: %s, outstanding: "
            "%u, burst: %uB, "
            "pattern: %s, op: %s, count: %u, base: 0x%llx, window: 64KiB, length: %uB, stride: "
            "%uB, data: address",
            i, i + 1, draw(w, 2) ? "true" : "false", draw(w, 4) ? "false" : "true",
            1 + (unsigned)draw(w, 20), 4u << draw(w, 11), patterns[draw(w, 4)], ops[draw(w, 4)],
            count, (unsigned long long)(base + 64 * draw(w, 256)), length, 64u << draw(w, 6));
    if (draw(w, 3) == 0)
        fprintf(w->to, ", rate: %uM/s, arrival: %s", 1 + (unsigned)draw(w, 50),
                draw(w, 2) ? "fixed" : "poisson");
    fprintf(w->to, "}\n");
    w->requests += (uint64_t)count * length;
}

/* Down ports of a switch have no names. */
static const char *down_port(const struct world *w, unsigned i)
{
    return w->between[i] & 1 ? "" : ".down";
}

static void write_pcie(struct world *w)
{
    static const char *const sides[] = {"forward", "back"};
    unsigned payload = 128u << draw(w, 3);
    fprintf(w->to, ", pcie: {gen: %u, width: %u, mps: %uB, mrrs: %uB, rcb: %s, completions: %s",
            1 + (unsigned)draw(w, 6), 1u << draw(w, 5), payload, 128u << draw(w, 6),
            draw(w, 2) ? "64B" : "128B", draw(w, 2) ? "mps" : "rcb");
    for (unsigned i = 0; i < 2; i++)
        if (draw(w, 3))
            fprintf(w->to, ", %s: {ph: %u, pd: %u, nph: %u, cplh: %u, cpld: %u}", sides[i],
                    1 + (unsigned)draw(w, 8), payload / 16 + (unsigned)draw(w, 40),
                    1 + (unsigned)draw(w, 8), 1 + (unsigned)draw(w, 8),
                    payload / 16 + (unsigned)draw(w, 40));
    fprintf(w->to, "%s}", draw(w, 4) ? "" : ", pad: true");
}

static void write_plain(struct world *w)
{
    static const char *const rates[] = {"unlimited", "133MB/s", "1GB/s", "400/3MB/s", "8GB/s"};
    fprintf(w->to, ", bandwidth: %s, header: %uB", rates[draw(w, 5)], (unsigned)draw(w, 25));
    if (draw(w, 3))
        fprintf(w->to, ", credits: %u", 1 + (unsigned)draw(w, 8));
}

static void write_link(struct world *w, const char *from, const char *to)
{
    static const char *const latencies[] = {"1ps", "1ns", "10ns", "0.333ns", "1us"};
    fprintf(w->to, "  - {from: %s, to: %s, latency: %s", from, to, latencies[draw(w, 5)]);
    if (draw(w, 3))
        write_plain(w);
    else
        write_pcie(w);
    if (draw(w, 3) == 0)
        fprintf(w->to, ", credit_return: %uns", (unsigned)draw(w, 20));
    fprintf(w->to, "}\n");
}

static void name(char *to, const char *kind, unsigned number)
{
    snprintf(to, 32, "%s%u", kind, number);
}

static void write_links(struct world *w, bool bridges)
{
    char a[32], b[32], c[40];
    for (unsigned i = 0; i < w->memories; i++) {
        bool above = w->gart && i + 1 == w->memories;
        name(a, "dram", i);
        name(b, "bus", (unsigned)draw(w, w->buses));
        write_link(w, above ? "gart.mem" : b, a);
    }
    for (unsigned i = 0; i < w->requesters; i++) {
        bool above = w->gart && i + 1 == w->requesters;
        name(a, "r", i);
        name(b, "bus", (unsigned)draw(w, w->buses));
        write_link(w, a, above ? "gart.cpu" : b);
    }
    if (w->gart)
        write_link(w, "bus0", "gart.io");
    for (unsigned i = 1; i < w->buses; i++) {
        name(a, "bus", i);
        name(b, "bus", (unsigned)draw(w, i));
        snprintf(c, sizeof c, "bridge%u%s", i, down_port(w, i));
        write_link(w, a, bridges ? c : b);
        snprintf(c, sizeof c, "bridge%u.up", i);
        if (bridges)
            write_link(w, c, b);
    }
}

/* A platform; to be freed. */
static char *make_platform(struct world *w)
{
    char *text = NULL;
    size_t length;
    bool bridges = have_class("bridge") && draw(w, 2);
    w->to = open_memstream(&text, &length);
    w->buses = 1 + (unsigned)draw(w, 4);
    w->memories = 1 + (unsigned)draw(w, MEMORIES);
    w->requesters = 1 + (unsigned)draw(w, 5);
    w->requests = 0;
    w->gart = have_class("gart") && draw(w, 3) == 0;
    w->memories += w->gart;
    w->requesters += w->gart;
    fprintf(w->to, "platform: random\nmodels:\n");
    for (unsigned i = 0; i < w->memories; i++)
        write_memory(w, i);
    for (unsigned i = 0; i < w->buses; i++)
        write_bus(w, i);
    for (unsigned i = 1; bridges && i < w->buses; i++)
        write_bridge(w, i);
    for (unsigned i = 0; i < w->requesters; i++)
        write_requester(w, i);
    if (w->gart)
        write_gart(w);
    fprintf(w->to, "links:\n");
    write_links(w, bridges);
    fclose(w->to);
    return text;
}

/* -- The properties -------------------------------------------------------------------------- */

static uint64_t memory_sum(const struct seen *s, const struct world *w, const char *counter)
{
    uint64_t sum = 0;
    char memory[32];
    for (unsigned i = 0; i < w->memories; i++) {
        name(memory, "dram", i);
        sum += seen_counter(s, memory, counter);
    }
    return sum;
}

static bool is_written(struct seen *s, const struct tb_txn *t)
{
    uint8_t bytes[4096];
    if (!tb_sim_peek(s->sim, t->iova, bytes, t->length))
        return false;
    for (uint32_t k = 0; k < t->length; k++) {
        uint64_t a = t->iova + k;
        if (bytes[k] != (uint8_t)((a & ~UINT64_C(7)) >> 8 * (a & 7)))
            return false;
    }
    return true;
}

/* One number per requester, none twice, none missing, none unfinished. */
static bool each_ends_once(const struct seen *s, const struct world *w)
{
    uint64_t bytes = 0;
    for (unsigned r = 0; r < w->requesters; r++) {
        char who[32];
        name(who, "r", r);
        size_t count = 0, seen = 0;
        for (size_t i = 0; i < s->count; i++)
            count += !strcmp(s->at[i].by, who);
        bool *once = calloc(count + 1, sizeof *once);
        for (size_t i = 0; once && i < s->count; i++) {
            const struct seen_txn *t = &s->at[i];
            if (strcmp(t->by, who) || t->txn.number >= count || once[t->txn.number])
                continue;
            once[t->txn.number] = true;
            seen += t->status == TB_OK || t->status == TB_UNSUPPORTED;
            bytes += t->txn.length;
        }
        free(once);
        if (seen != count)
            return false;
    }
    return bytes == w->requests;
}

static bool parts_add_up(const struct seen_txn *t)
{
    tb_time sum = 0;
    for (unsigned p = 0; p < TB_PARTS; p++)
        sum += t->txn.spent[p];
    return sum == t->ended - t->txn.created;
}

/* What is wrong with a run; NULL: nothing. */
static const char *wrong(struct seen *s, const struct world *w)
{
    uint64_t read = 0, written = 0;
    if (!s->sim)
        return "the platform was refused";
    if (!tb_sim_idle(s->sim))
        return "something is still pending";
    if (!each_ends_once(s, w))
        return "not every request had exactly one end";
    for (size_t i = 0; i < s->count; i++) {
        const struct seen_txn *t = &s->at[i];
        if (!parts_add_up(t))
            return "the parts do not add up";
        if (t->status == TB_OK && t->txn.write && !is_written(s, &t->txn))
            return "written bytes are not there";
        bool claimed = t->txn.iova < (uint64_t)w->memories * MEMORY_BYTES;
        if ((t->status == TB_OK) != claimed)
            return "a status is not what the address says";
        if (t->status == TB_OK)
            *(t->txn.write ? &written : &read) += t->txn.length;
    }
    if (read != memory_sum(s, w, "read_bytes") || written != memory_sum(s, w, "written_bytes"))
        return "bytes out are not bytes in";
    return NULL;
}

static uint64_t digest(const struct seen *s)
{
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < s->count; i++) {
        const struct seen_txn *t = &s->at[i];
        uint64_t words[] = {t->ended,
                            t->txn.number,
                            t->status,
                            t->txn.created,
                            t->txn.iova,
                            t->txn.spent[TB_PART_QUEUE],
                            t->txn.spent[TB_PART_BUS],
                            (uint64_t)t->by[1]};
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            h = (h ^ words[k]) * 0x100000001B3u;
    }
    return h;
}

/* Runs and ends a platform; returns what is wrong. */
static const char *try_platform(const char *text, const struct world *w, uint64_t *result,
                                char **resolved)
{
    struct seen s;
    seen_run(&s, text);
    const char *why = wrong(&s, w);
    *result = digest(&s);
    if (s.sim && resolved) {
        size_t length;
        FILE *to = open_memstream(resolved, &length);
        if (tb_sim_resolve(s.sim, to) != 0)
            why = "it cannot be resolved";
        fclose(to);
    }
    if (s.sim) {
        tb_sim_finish(s.sim);
        tb_diag_print(tb_sim_diag(s.sim), stderr);
        if (tb_sim_status(s.sim) != TB_EXIT_OK || tb_diag_count(tb_sim_diag(s.sim)))
            why = "credits did not come back";
    }
    seen_free(&s);
    return why;
}

static bool round_holds(uint64_t seed)
{
    struct world w = {.random = seed};
    char *text = make_platform(&w), *resolved = NULL;
    uint64_t first = 0, second = 1, third = 2;
    const char *why = try_platform(text, &w, &first, &resolved);
    if (!why)
        why = try_platform(text, &w, &second, NULL);
    if (!why && first != second)
        why = "the same platform ran differently";
    if (!why)
        why = try_platform(resolved, &w, &third, NULL);
    if (!why && first != third)
        why = "resolved, it ran differently";
    if (why)
        fprintf(stderr, "TB_SEED=%llu: %s\n%s", (unsigned long long)seed, why, text);
    free(text);
    free(resolved);
    return !why;
}

static void test_platforms(void)
{
    const char *soak = getenv("TB_SOAK_SECONDS"), *from = getenv("TB_SEED");
    time_t end = time(NULL) + (soak ? atol(soak) : 0);
    uint64_t seed = from ? strtoull(from, NULL, 0) : 1;
    bool holds = true;
    for (unsigned n = 0; holds && (n < ROUNDS || time(NULL) < end); n++)
        holds = round_holds(seed + n);
    CU_ASSERT_TRUE(holds);
}

SUITE("property", {"random platforms", test_platforms})
