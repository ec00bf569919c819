/* The kernel as an embedding program sees it: link timing by hand, credits, several simulators, bad
 * input. */
#include "suite.h"
#include "tollbridge/sim.h"

#include <stdlib.h>
#include <string.h>

static struct tb_sim *load(const char *text, struct tb_diag *d)
{
    struct tb_input in = {.text = text, .length = strlen(text), .name = "test"};
    return tb_sim_new(&in, d);
}

static struct tb_sim *load_ok(const char *text)
{
    struct tb_diag *d = tb_diag_new();
    struct tb_sim *s = load(text, d);
    tb_diag_print(d, stderr);
    CU_ASSERT_EQUAL(tb_diag_count(d), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    tb_diag_free(d);
    return s;
}

#define PLATFORM(requester, link)                                                                  \
    "platform: p\nmodels:\n  dram: {model: memory, size: 1MiB, latency: 40ns, bandwidth: 8GB/s}\n" \
    "  r: {model: requester, " requester "}\nlinks:\n  - {from: r, to: dram, " link "}\n"

/* One 64-byte write: 8 ns on the wire and 10 ns of flight, 40 ns of memory, 10 ns back. */
static void one_write(void)
{
    struct tb_sim *s = load_ok(
        PLATFORM("pattern: sequential, op: write, count: 1", "latency: 10ns, bandwidth: 8GB/s"));
    CU_ASSERT_EQUAL(tb_sim_run(s, TB_NEVER), TB_EXIT_OK);
    CU_ASSERT_EQUAL(tb_sim_now(s), 68 * TB_NS);
    CU_ASSERT_EQUAL(tb_sim_events(s), 2);
    CU_ASSERT(tb_sim_idle(s));
    tb_sim_finish(s);
    CU_ASSERT_EQUAL(tb_sim_status(s), TB_EXIT_OK);
    tb_sim_free(s);
}

/* With one credit, whose return takes 100 ns after the slot's start, writes follow each other every
 * 8 + 10 + 100 ns. */
static void credit_return_paces(void)
{
    struct tb_sim *s = load_ok(PLATFORM("pattern: sequential, op: write, count: 10",
                                        "latency: 10ns, bandwidth: 8GB/s, credits: {forward: 1}, "
                                        "credit_return: 100ns"));
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL(tb_sim_now(s), (9 * 118 + 68) * TB_NS);
    tb_sim_finish(s);
    CU_ASSERT_EQUAL(tb_sim_status(s), TB_EXIT_OK);
    tb_sim_free(s);
}

/* Running in steps, where somebody could look at every step, is running at once, where models may
 * be ahead. */
static void compare_runs(const char *text)
{
    struct tb_sim *a = load_ok(text), *b = load_ok(text);
    tb_sim_run(a, TB_NEVER);
    for (tb_time t = 0; !tb_sim_idle(b); t += 13 * TB_NS)
        tb_sim_run(b, t);
    uint64_t x = 0, y = 1;
    CU_ASSERT(tb_sim_counter(a, "r", "digest", &x));
    CU_ASSERT(tb_sim_counter(b, "r", "digest", &y));
    CU_ASSERT_EQUAL(x, y);
    CU_ASSERT_EQUAL(tb_sim_now(a), tb_sim_now(b));
    tb_sim_free(a);
    tb_sim_free(b);
}

static void run_until(void)
{
    compare_runs(
        PLATFORM("pattern: random, op: alternate, count: 500", "latency: 7ns, credits: 3"));
    compare_runs(PLATFORM(
        "pattern: random, op: mixed, read_share: 30, posted: true, count: 500, outstanding: 4",
        "latency: 100ns, bandwidth: 4GB/s"));
}

static uint64_t digest_of(struct tb_sim *s)
{
    uint64_t digest = 0;
    tb_sim_counter(s, "r", "digest", &digest);
    return digest;
}

/* Simulators in one process do not meet: taken in turns, each does what it does alone. */
static void two_at_once(void)
{
    const char *text[] = {
        PLATFORM("pattern: random, op: alternate, count: 300", "latency: 7ns, credits: 3"),
        PLATFORM("pattern: zipf, op: mixed, count: 400", "latency: 9ns, credits: 2")};
    uint64_t alone[2];
    for (unsigned k = 0; k < 2; k++) {
        struct tb_sim *s = load_ok(text[k]);
        tb_sim_run(s, TB_NEVER);
        alone[k] = digest_of(s);
        tb_sim_free(s);
    }
    struct tb_sim *a = load_ok(text[0]), *b = load_ok(text[1]);
    for (tb_time t = 0; !tb_sim_idle(a) || !tb_sim_idle(b); t += 5 * TB_NS) {
        tb_sim_run(a, t);
        tb_sim_run(b, t);
    }
    CU_ASSERT_EQUAL(digest_of(a), alone[0]);
    CU_ASSERT_EQUAL(digest_of(b), alone[1]);
    tb_sim_free(a);
    tb_sim_free(b);
}

struct seen {
    unsigned ended;
    bool sums;
};

static void see(void *context, struct tb_model *by, const struct tb_txn *t, enum tb_status status,
                tb_time when)
{
    struct seen *seen = context;
    tb_time sum = 0;
    (void)by;
    (void)status;
    for (unsigned p = 0; p < TB_PARTS; p++)
        sum += t->spent[p];
    seen->ended++;
    seen->sums &= sum == when - t->created;
}

/* Every request has exactly one end, and its parts add up. */
static void parts_add_up(void)
{
    struct tb_sim *s =
        load_ok(PLATFORM("pattern: random, op: alternate, count: 300, outstanding: 9",
                         "latency: 3ns, bandwidth: 1GB/s, credits: 2, header: 12B"));
    struct seen seen = {0, true};
    CU_ASSERT(tb_sim_observe(s, see, &seen));
    tb_sim_run(s, TB_NEVER);
    tb_sim_finish(s);
    CU_ASSERT_EQUAL(seen.ended, 300);
    CU_ASSERT(seen.sums);
    CU_ASSERT_EQUAL(tb_sim_status(s), TB_EXIT_OK);
    tb_sim_free(s);
}

static void posted_write_ends_at_target(void)
{
    struct tb_sim *s =
        load_ok(PLATFORM("pattern: sequential, op: write, count: 5, posted: true",
                         "latency: 10ns, credits: {forward: {posted: 1}}, credit_return: 0ns"));
    struct seen seen = {0, true};
    tb_sim_observe(s, see, &seen);
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL(seen.ended, 5);
    CU_ASSERT(seen.sums);
    /* The n-th starts when the slot of the one before starts: arrival of that one, or later by the
     * 8 ns of a slot. */
    CU_ASSERT_EQUAL(tb_sim_now(s), 50 * TB_NS);
    tb_sim_finish(s);
    CU_ASSERT_EQUAL(tb_sim_status(s), TB_EXIT_OK);
    tb_sim_free(s);
}

static void access_moves_bytes(void)
{
    struct tb_sim *s = load_ok(PLATFORM("outstanding: 2", "latency: 1ns"));
    uint8_t out[300], in[300] = {0}, peek[300] = {0};
    for (unsigned k = 0; k < sizeof out; k++)
        out[k] = (uint8_t)(k * 7 + 1);
    struct tb_access a = {.address = 4000, .data = out, .length = sizeof out, .write = true};
    CU_ASSERT(tb_sim_access(s, "r", &a));
    CU_ASSERT_EQUAL(a.status, TB_OK);
    a = (struct tb_access){.address = 4000, .data = in, .length = sizeof in};
    CU_ASSERT(tb_sim_access(s, "r", &a));
    CU_ASSERT_EQUAL(memcmp(in, out, sizeof out), 0);
    CU_ASSERT(tb_sim_peek(s, 4000, peek, sizeof peek));
    CU_ASSERT_EQUAL(memcmp(peek, out, sizeof out), 0);
    a = (struct tb_access){.address = (1 << 20) - 100, .data = in, .length = 200};
    CU_ASSERT(tb_sim_access(s, "r", &a));
    CU_ASSERT_EQUAL(a.status, TB_UNSUPPORTED);
    CU_ASSERT_FALSE(tb_sim_peek(s, (1 << 20) - 100, peek, 200));
    tb_sim_free(s);
}

static void refuse(const char *text, const char *message)
{
    struct tb_diag *d = tb_diag_new();
    struct tb_sim *s = load(text, d);
    CU_ASSERT_PTR_NULL(s);
    CU_ASSERT(tb_diag_count(d) > 0);
    bool found = false;
    for (size_t k = 0; k < tb_diag_count(d); k++)
        found |= strstr(tb_diag_text(d, k), message) != NULL;
    if (!found)
        tb_diag_print(d, stderr);
    CU_ASSERT(found);
    tb_diag_free(d);
    tb_sim_free(s);
}

static void bad_platforms(void)
{
    refuse(PLATFORM("burst: 8KiB", "latency: 1ns"), "out of range");
    refuse(PLATFORM("burts: 8B", "latency: 1ns"), "did you mean 'burst'");
    refuse(PLATFORM("burst: 8", "latency: 1ns"), "unit");
    refuse(PLATFORM("count: 1", "latency: 0ns"), "out of range");
    refuse(PLATFORM("count: 1", "credits: 0"), "unlimited");
    refuse("platform: p\nmodels:\n  a: {model: memroy, size: 1MiB}\n", "did you mean 'memory'");
    refuse("platform: p\nmodels:\n  a: {model: requester}\n", "nothing linked");
    refuse("platform: p\nmodels:\n  a: {model: bridge}\n",
           "'a' has nothing linked to its port 'up'");
    refuse("platform: p\nmodels:\n  a: {model: memory, size: 1MiB}\nlinks:\n  - {from: a, to: b}\n",
           "no model 'b'");
    refuse(
        "platform: p\nmodels:\n  a: {model: memory, size: 1MiB}\nlinks:\n  - {from: a.x, to: a}\n",
        "no free port");
    refuse(
        "platform: p\nmodels:\n  a: {model: memory, size: 1MiB}\n  b: {model: bridge}\nlinks:\n  "
        "- {from: a, to: b}\n",
        "which port of 'b'? (ports of a bridge: down, up; written 'b.down')");
    refuse("platform: p\n", "models");
    refuse("[1, 2]", "map");
}

/* What cannot be had of the pool is the host's failure. */
static void page_limit(void)
{
    struct tb_sim *s =
        load_ok("scenario: full\nmemory_limit: 1MiB\nplatform:\n"
                "  models:\n    dram: {model: memory, size: 1GiB}\n"
                "    r: {model: requester, pattern: sequential, op: write, data: address, "
                "count: 100000, length: 4KiB, burst: 4KiB, window: 1GiB}\n"
                "  links:\n    - {from: r, to: dram}\n");
    CU_ASSERT_EQUAL(tb_sim_run(s, TB_NEVER), TB_EXIT_HOST);
    CU_ASSERT(tb_diag_is_host(tb_sim_diag(s)));
    tb_sim_free(s);
}

SUITE("kernel", {"one write, by hand", one_write},
      {"a credit's way back paces", credit_return_paces}, {"running in steps", run_until},
      {"two at once", two_at_once}, {"parts add up", parts_add_up},
      {"a posted write ends at its target", posted_write_ends_at_target},
      {"an embedding program's access", access_moves_bytes}, {"bad platforms", bad_platforms},
      {"the pool of pages has an end", page_limit})
