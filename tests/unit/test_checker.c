/* The DMA-safety checker: hand-made declarations and accesses, and real accesses of a requester. */
#include "suite.h"

#include "kernel/checker.h"
#include "tollbridge/sim.h"

#include <stdlib.h>
#include <string.h>

#define DEVICE 0x0010

static struct tb_sim *load(const char *text)
{
    struct tb_diag *d = tb_diag_new();
    struct tb_input in = {.text = text, .length = strlen(text), .name = "test", .run = TB_NO_RUN};
    struct tb_sim *s = tb_sim_new(&in, d);
    tb_diag_print(d, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    tb_diag_free(d);
    return s;
}

#define SCENARIO(requests)                                                                         \
    "scenario: t\nrecord: {check: dma-safety}\nplatform:\n  platform: p\n  models:\n"              \
    "    dram: {model: memory, size: 16MiB, latency: 40ns}\n"                                      \
    "    r: {model: requester, id: \"00:02.0\", outstanding: 1, requests: [" requests "]}\n"       \
    "  links:\n    - {from: r, to: dram, latency: 10ns}\n"

/* A checker without accesses of its own: the tests make them up. */
struct rig {
    struct tb_sim *sim;
    struct tb_model *m;
    struct tb_checker *checker;
};

static struct rig rig(void)
{
    struct rig r = {.sim = load(SCENARIO(""))};
    r.m = tb_sim_model(r.sim, "r");
    r.checker = tb_checker_new(r.sim);
    return r;
}

static void declare(struct rig *r, enum tb_declared what, uint64_t iova, uint64_t pa, uint64_t size,
                    tb_time when)
{
    struct tb_mapping of = {.iova = iova,
                            .pa = pa,
                            .size = size,
                            .access = TB_MAY_READ | TB_MAY_WRITE,
                            .requester = DEVICE,
                            .space = 1,
                            .started_by = TB_NEVER};
    tb_checker_declare(r->checker, r->m, what, &of, when);
}

static void attach_to(struct rig *r, enum tb_declared what, uint32_t space, tb_time when)
{
    struct tb_mapping of = {.requester = DEVICE, .space = space, .started_by = TB_NEVER};
    tb_checker_declare(r->checker, r->m, what, &of, when);
}

static void touch(struct rig *r, uint64_t iova, uint64_t pa, bool write, tb_time served)
{
    struct tb_txn t = {.iova = iova,
                       .pa = pa,
                       .has_pa = 1,
                       .length = 64,
                       .requester = DEVICE,
                       .kind = TB_TXN_DMA,
                       .write = write,
                       .served = served,
                       .by = r->m->index};
    tb_checker_observe(r->checker, r->m, &t, TB_OK, served + 100);
}

static void expect(struct rig *r, uint64_t checked, uint64_t unwatched, uint64_t stale,
                   uint64_t violations)
{
    const struct tb_safety *n = tb_checker_result(r->checker);
    CU_ASSERT_EQUAL(n->checked, checked);
    CU_ASSERT_EQUAL(n->unwatched, unwatched);
    CU_ASSERT_EQUAL(n->stale, stale);
    CU_ASSERT_EQUAL(n->violations, violations);
}

static void done(struct rig *r)
{
    tb_sim_free(r->sim);
}

/* Mapped, being unmapped, unmapped: fine up to the instant of the beginning, stale up to that of
 * the end. */
static void one_mapping(void)
{
    struct rig r = rig();
    attach_to(&r, TB_ATTACHED, 1, 0);
    declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x10000, 0);
    declare(&r, TB_UNMAP_STARTED, 0x10000, 0, 0x10000, 1000);
    declare(&r, TB_UNMAPPED, 0x10000, 0, 0x10000, 5000);
    touch(&r, 0x10040, 0x100040, true, 1000);
    expect(&r, 1, 0, 0, 0);
    touch(&r, 0x10040, 0x100040, true, 1001);
    touch(&r, 0x1ffc0, 0x10ffc0, false, 5000);
    expect(&r, 3, 0, 2, 0);
    touch(&r, 0x10040, 0x100040, true, 5001);
    expect(&r, 4, 0, 2, 1);
    CU_ASSERT_EQUAL(tb_checker_result(r.checker)->stale_max, 4000);
    CU_ASSERT_EQUAL(tb_checker_result(r.checker)->window_max, 4000);
    CU_ASSERT_EQUAL(tb_sim_status(r.sim), TB_EXIT_VIOLATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(tb_sim_diag(r.sim), 0), "op=write"));
    done(&r);
}

/* Unmapping a part leaves the rest in force; the parts keep their physical addresses. */
static void part_of_a_mapping(void)
{
    struct rig r = rig();
    attach_to(&r, TB_ATTACHED, 1, 0);
    declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x8000, 0);
    declare(&r, TB_UNMAP_STARTED, 0x12000, 0, 0x2000, 10);
    declare(&r, TB_UNMAPPED, 0x12000, 0, 0x2000, 20);
    touch(&r, 0x11fc0, 0x101fc0, true, 30);
    touch(&r, 0x14000, 0x104000, true, 30);
    touch(&r, 0x17fc0, 0x107fc0, true, 30);
    expect(&r, 3, 0, 0, 0);
    touch(&r, 0x12000, 0x102000, true, 30);
    touch(&r, 0x13fc0, 0x103fc0, true, 30);
    expect(&r, 5, 0, 0, 2);
    done(&r);
}

/* An end counts for what had begun by then: a batch's wait says nothing of what was unmapped after
 * it. */
static void batch(void)
{
    struct rig r = rig();
    attach_to(&r, TB_ATTACHED, 1, 0);
    declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x2000, 0);
    declare(&r, TB_UNMAP_STARTED, 0x10000, 0, 0x1000, 10);
    declare(&r, TB_UNMAP_STARTED, 0x11000, 0, 0x1000, 50);
    struct tb_mapping of = {.size = UINT64_MAX, .space = 1, .started_by = 40};
    tb_checker_declare(r.checker, r.m, TB_UNMAPPED, &of, 60);
    touch(&r, 0x11000, 0x101000, true, 70);
    expect(&r, 1, 0, 1, 0);
    touch(&r, 0x10000, 0x100000, true, 70);
    expect(&r, 2, 0, 1, 1);
    done(&r);
}

/* Mapped over: the old place is stale, and after the wait forbidden; the new one is fine all the
 * time. */
static void remapped(void)
{
    struct rig r = rig();
    attach_to(&r, TB_ATTACHED, 1, 0);
    declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x1000, 0);
    declare(&r, TB_MAPPED, 0x10000, 0x200000, 0x1000, 100);
    touch(&r, 0x10000, 0x100000, true, 150);
    expect(&r, 1, 0, 1, 0);
    declare(&r, TB_UNMAPPED, 0x10000, 0, 0x1000, 200);
    touch(&r, 0x10000, 0x200000, true, 150);
    touch(&r, 0x10000, 0x200000, true, 250);
    expect(&r, 3, 0, 1, 0);
    touch(&r, 0x10000, 0x100000, true, 201);
    expect(&r, 4, 0, 1, 1);
    done(&r);
}

/* The same range mapped again: an access of the time in between stays what it was, however late it
 * is told. */
static void mapped_again(void)
{
    struct rig r = rig();
    attach_to(&r, TB_ATTACHED, 1, 0);
    for (unsigned k = 0; k < 3; k++) {
        declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x1000, 1000 * k);
        declare(&r, TB_UNMAP_STARTED, 0x10000, 0, 0x1000, 1000 * k + 300);
        declare(&r, TB_UNMAPPED, 0x10000, 0, 0x1000, 1000 * k + 400);
    }
    touch(&r, 0x10000, 0x100000, true, 1200);
    touch(&r, 0x10000, 0x100000, true, 2350);
    expect(&r, 2, 0, 1, 0);
    touch(&r, 0x10000, 0x100000, true, 1500);
    expect(&r, 3, 0, 1, 1);
    done(&r);
}

/* A permission that is gone is a mapping that is gone. */
static void permissions(void)
{
    struct rig r = rig();
    struct tb_mapping of = {
        .iova = 0x10000, .pa = 0x100000, .size = 0x1000, .access = TB_MAY_READ, .space = 1};
    attach_to(&r, TB_ATTACHED, 1, 0);
    declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x1000, 0);
    tb_checker_declare(r.checker, r.m, TB_MAPPED, &of, 100);
    declare(&r, TB_UNMAPPED, 0x10000, 0, 0x1000, 200);
    touch(&r, 0x10000, 0x100000, false, 300);
    expect(&r, 1, 0, 0, 0);
    touch(&r, 0x10000, 0x100000, true, 300);
    expect(&r, 2, 0, 0, 1);
    done(&r);
}

/* Attached elsewhere: what leads through the former space is stale, then forbidden. */
static void attachments(void)
{
    struct rig r = rig();
    attach_to(&r, TB_ATTACHED, 1, 0);
    declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x1000, 0);
    attach_to(&r, TB_ATTACHED, TB_NOWHERE, 100);
    touch(&r, 0x10000, 0x100000, true, 150);
    expect(&r, 1, 0, 1, 0);
    attach_to(&r, TB_DETACHED, 0, 200);
    touch(&r, 0x10000, 0x100000, true, 250);
    expect(&r, 2, 0, 1, 1);
    attach_to(&r, TB_ATTACHED, TB_EVERYWHERE, 300);
    touch(&r, 0x987000, 0x987000, true, 350);
    expect(&r, 3, 0, 1, 1);
    done(&r);
}

/* Nobody was attached, or nothing was ever declared there: told as not watched. */
static void unwatched(void)
{
    struct rig r = rig();
    touch(&r, 0x10000, 0x100000, true, 10);
    attach_to(&r, TB_ATTACHED, 1, 20);
    declare(&r, TB_MAPPED, 0x10000, 0x100000, 0x1000, 20);
    touch(&r, 0x10000, 0x555000, true, 30);
    expect(&r, 0, 2, 0, 0);
    done(&r);
}

/* Random maps and unmaps of pages against a table of pages. */
static void random_pages(void)
{
    enum { PAGES = 64, STEPS = 20000 };
    static struct {
        tb_time started, done;
        uint64_t pa;
        bool mapped;
    } pages[PAGES];
    struct tb_random random = {42};
    struct rig r = rig();
    uint64_t violations = 0, stale = 0;
    memset(pages, 0, sizeof pages);
    attach_to(&r, TB_ATTACHED, 1, 0);
    for (tb_time now = 10; now < 10 * STEPS; now += 10) {
        uint64_t first = tb_random_below(&random, PAGES),
                 count = 1 + tb_random_below(&random, PAGES - first);
        uint64_t what = tb_random_below(&random, 4), pa = now << 20;
        if (what == 0)
            declare(&r, TB_MAPPED, first << 12, pa, count << 12, now);
        else if (what < 3)
            declare(&r, what == 1 ? TB_UNMAP_STARTED : TB_UNMAPPED, first << 12, 0, count << 12,
                    now);
        for (uint64_t p = first; p < first + count; p++) {
            if (what == 0) {
                pages[p].pa = pa + ((p - first) << 12);
                pages[p].mapped = true;
                pages[p].started = pages[p].done = TB_NEVER;
            } else if (pages[p].mapped && what == 1 && pages[p].started == TB_NEVER) {
                pages[p].started = now;
            } else if (pages[p].mapped && what == 2 && pages[p].started != TB_NEVER &&
                       pages[p].done == TB_NEVER) {
                pages[p].done = now;
            }
        }
        uint64_t p = tb_random_below(&random, PAGES);
        if (!pages[p].mapped)
            continue;
        touch(&r, p << 12, pages[p].pa, true, now + 5);
        violations += now + 5 > pages[p].done;
        stale += now + 5 > pages[p].started && now + 5 <= pages[p].done;
        CU_ASSERT_EQUAL_FATAL(tb_checker_result(r.checker)->violations, violations);
        CU_ASSERT_EQUAL_FATAL(tb_checker_result(r.checker)->stale, stale);
    }
    CU_ASSERT(violations > 100 && stale > 100);
    done(&r);
}

/* Real accesses: a request is judged when memory serves it, 10 ns after it was sent, not at its
 * end. */
static void served_not_ended(void)
{
    struct tb_sim *s = load(SCENARIO("{time: 100ns, op: write, address: 0x10000, bytes: 64}, "
                                     "{time: 300ns, op: write, address: 0x10040, bytes: 64}"));
    struct tb_model *m = tb_sim_model(s, "r");
    struct tb_mapping of = {.iova = 0x10000,
                            .pa = 0x10000,
                            .size = 0x1000,
                            .access = TB_MAY_WRITE,
                            .requester = DEVICE,
                            .space = 1,
                            .started_by = TB_NEVER};
    struct tb_safety n;
    tb_declare(m, TB_ATTACHED, &of, 0);
    tb_declare(m, TB_MAPPED, &of, 0);
    tb_sim_run(s, 115 * TB_NS); /* served at 110 ns, the answer is still on its way */
    tb_declare(m, TB_UNMAP_STARTED, &of, 115 * TB_NS);
    tb_declare(m, TB_UNMAPPED, &of, 120 * TB_NS);
    tb_sim_run(s, 200 * TB_NS);
    CU_ASSERT(tb_safety_of(m, &n) && n.checked == 1 && n.stale == 0 && n.violations == 0);
    CU_ASSERT_EQUAL(tb_sim_run(s, TB_NEVER), TB_EXIT_VIOLATION);
    CU_ASSERT(tb_safety_of(m, &n) && n.checked == 2 && n.violations == 1);
    tb_sim_free(s);
}

SUITE("checker", {"a mapping's three times", one_mapping},
      {"parts of a mapping", part_of_a_mapping}, {"batches", batch}, {"mapped over", remapped},
      {"mapped again", mapped_again}, {"permissions", permissions}, {"attachments", attachments},
      {"not watched", unwatched}, {"random pages", random_pages},
      {"served, not ended", served_not_ended})
