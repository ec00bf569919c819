/* What queueing theory and arithmetic say of simple platforms: analytic checks A1, A4, A5, A6 (A17
 * is in unit/test_bus.c). A1 draws numbers and has 1 %; the others are exact. */
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

SUITE("analytic", {"A1: M/D/1", test_m_d_1}, {"A4: D/D/1", test_d_d_1}, {"A5: Little", test_little},
      {"A6: bandwidth-delay", test_bandwidth_delay})
