/* What queueing theory and arithmetic say of simple platforms: analytic checks A1, A4, A5, A6, A13
 * (A17 is in unit/test_bus.c). A1 draws numbers and has 1 %; the others are exact. */
#include "../suite.h"
#include "tollbridge/sim.h"

#include <stdio.h>
#include <string.h>

/* Sums over all transactions that ended, but the first `skip`. */
struct sums {
    uint64_t skip, count, failed;
    tb_time latency, longest, queue, first_end, last_end, last_created;
};

static void observe(void *context, struct tb_model *by, const struct tb_txn *t,
                    enum tb_status status, tb_time when)
{
    struct sums *s = context;
    (void)by;
    s->failed += status != TB_OK;
    if (s->skip) {
        s->skip--;
        return;
    }
    tb_time latency = when - t->created;
    if (s->count++ == 0)
        s->first_end = when;
    s->last_end = when;
    s->last_created = t->created > s->last_created ? t->created : s->last_created;
    s->latency += latency;
    s->longest = latency > s->longest ? latency : s->longest;
    s->queue += t->spent[TB_PART_QUEUE];
}

/* One requester and one memory. */
static struct sums run(const char *requester, const char *memory, const char *link, uint64_t skip)
{
    char text[1024];
    snprintf(text, sizeof text,
             "platform: analytic\n"
             "models:\n"
             "  r: {model: requester, op: read, pattern: sequential, %s}\n"
             "  dram: {model: memory, size: 1MiB, %s}\n"
             "links: [{from: r, to: dram, %s}]\n",
             requester, memory, link);
    struct tb_input input = {.text = text, .length = strlen(text), .name = "analytic"};
    struct tb_diag *diag = tb_diag_new();
    struct tb_sim *sim = tb_sim_new(&input, diag);
    struct sums s = {.skip = skip};
    tb_diag_print(diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sim);
    tb_sim_observe(sim, observe, &s);
    CU_ASSERT_EQUAL(tb_sim_run(sim, TB_NEVER), TB_EXIT_OK);
    tb_sim_free(sim);
    tb_diag_free(diag);
    CU_ASSERT_EQUAL(s.failed, 0);
    return s;
}

static void check_near(double value, double expected, double tolerance)
{
    bool near = value > expected * (1 - tolerance) && value < expected * (1 + tolerance);
    if (!near)
        fprintf(stderr, "%g is not near %g\n", value, expected);
    CU_ASSERT_TRUE(near);
}

/* A1: Poisson arrivals, 80 M/s, into a server of 10 ns (64 bytes at 6.4 GB/s): Wq = rho D / (2 (1 -
 * rho)). */
static void test_m_d_1(void)
{
    struct sums s = run("count: 2000000, rate: 80M/s, arrival: poisson, outstanding: 4096",
                        "latency: 10ns, bandwidth: 6.4GB/s", "latency: 1ps", 0);
    CU_ASSERT_EQUAL(s.count, 2000000);
    check_near((double)s.queue / (double)s.count, 20000, 0.01);
    check_near((double)s.latency / (double)s.count, 30002, 0.01);
}

/* A4: a request every 10.1 ns into 10 ns of service never waits; one every 9.9 ns waits ever
 * longer. */
static void test_d_d_1(void)
{
    struct sums s =
        run("count: 1000000, rate: 10.1ns", "latency: 10ns, bandwidth: 6.4GB/s", "latency: 1ps", 0);
    CU_ASSERT_EQUAL(s.count, 1000000);
    CU_ASSERT_EQUAL(s.queue, 0);
    CU_ASSERT_EQUAL(s.longest, 10002);
    s = run("count: 1000, rate: 9.9ns, outstanding: 1000", "latency: 10ns, bandwidth: 6.4GB/s",
            "latency: 1ps", 0);
    CU_ASSERT_EQUAL(s.queue, 100u * (999 * 1000 / 2)); /* 100 ps more for each */
}

/* A5: L = lambda W. 63.6 M/s times 433 ns are 27.5 outstanding: 28 keep up with the rate, 27 do
 * not. */
static void test_little(void)
{
    struct sums s = run("count: 100000, rate: 63.6M/s, outstanding: 28",
                        "latency: 431ns, bandwidth: unlimited", "latency: 1ns", 0);
    CU_ASSERT_EQUAL(s.latency, s.count * 433 * TB_NS);
    /* All of them come when the rate says: the last after 100000 periods. */
    CU_ASSERT_EQUAL(s.last_created, (UINT64_C(100000) * 10000000 + 635) / 636);
    double outstanding = (double)s.latency / (double)(s.last_end - 433 * TB_NS);
    check_near(outstanding, 63.6e6 * 433e-9, 1e-4);
    s = run("count: 100000, rate: 63.6M/s, outstanding: 27", "latency: 431ns, bandwidth: unlimited",
            "latency: 1ns", 1000);
    /* 27 per 433 ns, whatever the rate asked for. */
    check_near((double)(s.count - 1) * 1e12 / (double)(s.last_end - s.first_end), 27e9 / 433, 1e-3);
}

/* A6: 64-byte reads over 57.885 Gbit/s, 20 bytes of header: 84 bytes are 11.61 ns, 86.1 M/s. The
 * rest of the 500 ns: a request's header 2.765 ns, links 2 x 1 ns, memory 483.625 ns. */
#define A6(tags)                                                                                   \
    run("count: 43000, outstanding: " tags, "latency: 483.625ns, bandwidth: unlimited",            \
        "latency: 1ns, bandwidth: 57885/8000GB/s, header: 20B", 2000)

static void test_bandwidth_delay(void)
{
    struct sums s = A6("16");
    CU_ASSERT_EQUAL(s.longest, 500 * TB_NS);
    CU_ASSERT_EQUAL(s.count % 16, 8);
    /* 16 answers in every 500 ns, exactly: 32.0 M/s. 41000 = 2562 * 16 + 8. */
    CU_ASSERT_EQUAL(s.latency, s.count * 500 * TB_NS);
    check_near((double)(s.count - 1) * 1e12 / (double)(s.last_end - s.first_end), 32e6, 1e-3);
    s = A6("42"); /* one too few: 42 per 500 ns */
    check_near((double)(s.count - 1) * 1e12 / (double)(s.last_end - s.first_end), 84e6, 1e-3);
    s = A6("44"); /* enough: an answer every 11.610 ns */
    CU_ASSERT_EQUAL(s.last_end - s.first_end, (s.count - 1) * 11610);
}

/* A13: a device's cache in front of an IOTLB: avg = h1 t1 + (1 - h1) (RTT + h2 t2 + (1 - h2) Lw).
 * One request at a time; t1 = 2 ns, RTT = 900 ns, t2 = 2 ns, a walk of four reads of 75 ns, which
 * comes after the look-up that missed; so does a request for a translation after the device's
 * look-up. Seen from the device the rest of a read takes 975 ns. */
static const char two_levels[] =
    "scenario: a13\n"
    "platform:\n"
    "  models:\n"
    "    r: {model: requester, id: \"00:02.0\", outstanding: 1, pattern: random, window: 400KiB,\n"
    "        count: 20000, atc: {entries: 90, replacement: random, hit: 2ns}}\n"
    "    b: {model: bridge, latency: 50ns, iommu: {iotlb: {entries: 50, replacement: random, hit: "
    "2ns},\n"
    "        devtab: {preload: [\"00:02.0\"]}, reset: {devtab: 0x10000000, control: 1}}}\n"
    "    dram: {model: memory, size: 1GiB, latency: 55ns, bandwidth: unlimited}\n"
    "  links:\n"
    "    - {from: r, to: b.down, latency: 400ns}\n"
    "    - {from: b.up, to: dram, latency: 10ns}\n"
    "memory:\n"
    "  - {at: 0x10000200, u64: [0x6000000010010803, 0x100000001, 0, 0]}\n"
    "  - {at: 0x10010000, u64: [0x6000000010011601]}\n"
    "  - {at: 0x10011000, u64: [0x6000000010012401]}\n"
    "  - {at: 0x10012000, u64: [0x6000000010013201]}\n"
    "  - {at: 0x10013000, fill: {u64: 0x6000000000000001, step: 0x1000, count: 512}}\n";

static uint64_t counter(struct tb_sim *sim, const char *model, const char *name)
{
    uint64_t value = UINT64_MAX;
    CU_ASSERT(tb_sim_counter(sim, model, name, &value));
    return value;
}

static void test_two_levels(void)
{
    struct tb_input input = {.text = two_levels, .length = sizeof two_levels - 1, .name = "a13"};
    struct tb_diag *diag = tb_diag_new();
    struct tb_sim *sim = tb_sim_new(&input, diag);
    tb_diag_print(diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sim);
    CU_ASSERT_EQUAL(tb_sim_run(sim, TB_NEVER), TB_EXIT_OK);
    uint64_t hits = counter(sim, "r", "atc_hits"), misses = counter(sim, "r", "atc_misses");
    uint64_t walks = counter(sim, "b", "walks"), found = counter(sim, "b", "hits");
    struct tb_latency all = tb_latency_of(tb_sim_model(sim, "r"), TB_TXN_DMA);
    CU_ASSERT_EQUAL(all.count, 20000);
    CU_ASSERT_EQUAL(hits + misses, 20000);
    CU_ASSERT_EQUAL(found + walks, misses);
    check_near((double)hits / 20000, 0.9, 0.02); /* A8: E / P */
    CU_ASSERT(found > misses / 4 && walks > misses / 4);
    CU_ASSERT_EQUAL(all.sum,
                    20000 * (975 + 2) * TB_NS + misses * (900 + 2) * TB_NS + walks * 300 * TB_NS);
    tb_sim_free(sim);
    tb_diag_free(diag);
}

SUITE("analytic", {"A1: M/D/1", test_m_d_1}, {"A4: D/D/1", test_d_d_1}, {"A5: Little", test_little},
      {"A6: bandwidth-delay", test_bandwidth_delay}, {"A13: two levels", test_two_levels})
