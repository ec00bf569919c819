/* Statistics: usage by hand, groups and percentiles against the log's tallies, reports of damaged
 * files. */
#include "suite.h"

#include "kernel/kernel.h"
#include "kernel/usage.h"
#include "log/log.h"
#include "report/report.h"
#include "stats/stats.h"
#include "stats/stats_write.h"
#include "stats/summary.h"

#include <stdlib.h>
#include <string.h>

static const char scenario[] =
    "scenario: small\n"
    "platform:\n"
    "  platform: two\n"
    "  models:\n"
    "    dma: {model: requester, id: \"00:02.0\", outstanding: 4, pattern: random, op: alternate, "
    "length: 64B,\n"
    "          window: 64KiB, count: 300}\n"
    "    dram: {model: memory, base: 0, size: 1MiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
    "  links:\n"
    "    - {from: dma, to: dram, latency: 10ns, bandwidth: 8GB/s, credits: {forward: 1}}\n";

struct rig {
    struct tb_sim *sim;
    struct tb_diag *diag;
    struct tb_log log;
    struct tb_stats stats;
};

static void observe(void *context, struct tb_model *by, const struct tb_txn *txn,
                    enum tb_status status, tb_time when)
{
    struct rig *r = context;
    tb_log_observe(&r->log, by, txn, status, when);
    tb_stats_observe(&r->stats, by, txn, status, when);
}

static void set_up_as(struct rig *r, unsigned slowest, const char *set)
{
    static const char *const names[] = {"dma", "dram"};
    const char *const sets[] = {set, NULL};
    const struct tb_input in = {
        .text = scenario, .length = sizeof scenario - 1, .name = "small.yaml", .sets = sets};
    struct tb_log_header header = {0};
    r->diag = tb_diag_new();
    r->sim = tb_sim_new(&in, r->diag);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->sim);
    tb_log_open(&r->log, NULL, false);
    CU_ASSERT_FATAL(tb_log_header_set(&header, "small", "two", "-", 1));
    CU_ASSERT_FATAL(tb_log_begin(&r->log, &header, names, 2));
    CU_ASSERT_FATAL(tb_stats_begin(&r->stats, r->sim, slowest));
    tb_sim_observe(r->sim, observe, r);
    tb_sim_run(r->sim, TB_NEVER);
    tb_sim_finish(r->sim);
    tb_log_end(&r->log);
    tb_stats_end(&r->stats);
}

static void set_up(struct rig *r, unsigned slowest)
{
    set_up_as(r, slowest, NULL);
}

static void tear_down(struct rig *r)
{
    tb_stats_free(&r->stats);
    tb_log_close(&r->log);
    tb_sim_free(r->sim);
    tb_diag_free(r->diag);
}

/* What is counted by group adds up to what the log counts by kind. */
static void test_groups(void)
{
    struct rig r = {0};
    set_up(&r, 3);
    uint64_t count = 0;
    unsigned __int128 sum = 0, parts = 0;
    tb_time max = 0;
    CU_ASSERT_EQUAL(r.stats.group_count, 2);
    for (size_t i = 0; i < r.stats.group_count; i++) {
        const struct tb_group *g = r.stats.groups[i];
        count += g->count;
        sum += g->sum;
        max = g->max > max ? g->max : max;
        for (unsigned p = 0; p < TB_PARTS; p++)
            parts += g->parts[p];
        CU_ASSERT_EQUAL(g->histogram.count, g->count);
        CU_ASSERT(tb_group_percentile(g, 50000) <= tb_group_percentile(g, 99000));
        CU_ASSERT_EQUAL(tb_group_percentile(g, 100000), g->max);
    }
    const struct tb_tally *t = &r.log.tally[TB_TXN_DMA][TB_OK];
    CU_ASSERT_EQUAL(count, 300);
    CU_ASSERT(sum == t->sum && parts == t->sum);
    CU_ASSERT_EQUAL(max, t->max);
    CU_ASSERT_EQUAL(r.stats.slow_count[TB_TXN_DMA], 3);
    CU_ASSERT_EQUAL(r.stats.slow[TB_TXN_DMA][0].lat, t->max);
    for (unsigned i = 1; i < 3; i++)
        CU_ASSERT(r.stats.slow[TB_TXN_DMA][i].lat <= r.stats.slow[TB_TXN_DMA][i - 1].lat);
    tear_down(&r);
}

/* 150 writes of 64 bytes at 8 GB/s are 1.2 us on the way there, as 150 reads are on the way back;
 * nobody waits longer than there is time; what waits for the one credit is seen. */
static void test_usage(void)
{
    struct rig r = {0};
    set_up(&r, 3);
    const struct tb_usage *u = r.stats.usage;
    tb_time busy[2] = {0}, waited = 0, queue = 0;
    uint64_t stalls = 0;
    CU_ASSERT_EQUAL(u->wire_count, 2);
    CU_ASSERT(tb_usage_windows(u) > TB_WINDOWS / 2 - 1 && tb_usage_windows(u) <= TB_WINDOWS);
    for (unsigned i = 0; i < tb_usage_windows(u); i++) {
        busy[0] += u->tracks[0].at[i].busy;
        busy[1] += u->tracks[1].at[i].busy;
        waited += u->tracks[0].at[i].waited + u->tracks[1].at[i].waited;
        stalls += u->tracks[0].at[i].stalls;
        CU_ASSERT(u->tracks[0].at[i].busy <= tb_usage_length(u, i));
        CU_ASSERT(u->tracks[0].at[i].stalled <= u->tracks[0].at[i].waited);
        CU_ASSERT(tb_usage_deepest(&u->tracks[0].at[i]) <= 3);
    }
    CU_ASSERT_EQUAL(busy[0], 1200 * TB_NS);
    CU_ASSERT_EQUAL(busy[1], 1200 * TB_NS);
    CU_ASSERT(stalls > 50);
    for (size_t i = 0; i < r.stats.group_count; i++)
        queue += (tb_time)r.stats.groups[i]->parts[TB_PART_QUEUE];
    CU_ASSERT(waited > 0 && waited <= queue); /* the memory's own waiting is queue as well */
    CU_ASSERT_EQUAL(u->counter_count, 2); /* the memory's busy_ps, the device's translation cache */
    uint64_t memory = 0, counted = 0;
    for (unsigned i = 0; i < tb_usage_windows(u); i++)
        memory += u->counters[u->counters[0].cache].at[i][0];
    CU_ASSERT(tb_sim_counter(r.sim, "dram", "busy_ps", &counted));
    CU_ASSERT_EQUAL(memory, counted);
    tear_down(&r);
}

/* Windows by hand: messages that are told, across a doubling. */
static void test_windows(void)
{
    struct rig r = {0};
    struct tb_usage u;
    set_up(&r, 1);
    CU_ASSERT_FATAL(tb_usage_begin(&u, r.sim));
    /* ready 0, the wire free at 500 ps, starts at 1500 (a credit was missing for 1 ns), busy for 1
     * ns */
    u.tracks[0].free = 500;
    tb_usage_wire(&u, 0, TB_POSTED, 0, 1500, 2500);
    CU_ASSERT_EQUAL(u.width, TB_NS);
    CU_ASSERT_EQUAL(u.tracks[0].at[0].waited, 1000);
    CU_ASSERT_EQUAL(u.tracks[0].at[1].waited, 500);
    CU_ASSERT_EQUAL(u.tracks[0].at[0].stalled, 500);
    CU_ASSERT_EQUAL(u.tracks[0].at[1].stalled, 500);
    CU_ASSERT_EQUAL(u.tracks[0].at[1].carried, 1);
    CU_ASSERT_EQUAL(u.tracks[0].at[1].busy, 500);
    CU_ASSERT_EQUAL(u.tracks[0].at[2].busy, 500);
    /* two more wait behind it */
    tb_usage_wire(&u, 0, TB_POSTED, 100, 2500, 3500);
    tb_usage_wire(&u, 0, TB_POSTED, 200, 3500, 4500);
    CU_ASSERT_EQUAL(u.tracks[0].at[0].deepest, 3);
    CU_ASSERT_EQUAL(tb_usage_deepest(&u.tracks[0].at[2]), 2);
    tb_time before = 0, after = 0;
    for (unsigned i = 0; i < TB_WINDOWS; i++)
        before += u.tracks[0].at[i].waited + u.tracks[0].at[i].busy;
    tb_usage_wire(&u, 1, TB_POSTED, 200 * TB_NS, 200 * TB_NS, 201 * TB_NS);
    CU_ASSERT_EQUAL(u.width, 2 * TB_NS);
    for (unsigned i = 0; i < TB_WINDOWS; i++)
        after += u.tracks[0].at[i].waited + u.tracks[0].at[i].busy;
    CU_ASSERT_EQUAL(before, after);
    CU_ASSERT_EQUAL(u.tracks[0].at[0].deepest, 3);
    CU_ASSERT_EQUAL(u.tracks[0].at[1].carried, 2);
    tb_usage_free(&u);
    tear_down(&r);
}

/* -- Hops
 * ------------------------------------------------------------------------------------------- */

static void sum_parts(void *context, struct tb_model *by, const struct tb_txn *txn,
                      enum tb_status status, tb_time when)
{
    tb_time *sums = context;
    (void)by;
    (void)status;
    (void)when;
    for (unsigned p = 0; p < TB_PARTS; p++)
        sums[p] += txn->spent[p];
}

/* Whatever a transaction spends it spends at a link or in a model: by part, hops add up to
 * transactions. */
static void test_hops(void)
{
    static const struct {
        const char *file, *set;
    } runs[] = {{"rw1", "dma.count=500"},
                {"rw2", "dma.count=500"},
                {"rw3", "dma.count=500"},
                {"quickstart", "root.latency=50ns"},
                {"dram", "nothing"},
                {"ddio", "nothing"},
                {"pcie-switch", "nothing"},
                {"posting", "nothing"},
                {"nested-iommus", "nothing"},
                {"race-unmap", "nothing"},
                {"replay-strict", "until=100us"},
                {"pasid-nested", "nothing"}};
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        char path[512];
        const char *sets[] = {strcmp(runs[k].set, "nothing") ? runs[k].set : NULL,
                              strncmp(runs[k].file, "rw", 2) == 0 ? "record={}" : NULL, NULL};
        tb_time ended[TB_PARTS] = {0}, hops[TB_PARTS] = {0};
        struct tb_diag *diag = tb_diag_new();
        snprintf(path, sizeof path, "%s/configs/%s.yaml", TB_SOURCE_DIR, runs[k].file);
        const struct tb_input in = {.path = path, .sets = sets};
        struct tb_sim *s = tb_sim_new(&in, diag);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s);
        tb_sim_observe(s, sum_parts, ended);
        tb_sim_run(s, TB_NEVER);
        tb_sim_finish(s);
        for (uint32_t w = 0; w < s->wire_count; w++) {
            hops[TB_PART_QUEUE] += s->wires[w].booked[0];
            hops[TB_PART_WIRE] += s->wires[w].booked[1];
        }
        for (size_t m = 0; m < s->model_count; m++)
            for (unsigned p = 0; p < TB_PARTS; p++)
                hops[p] += s->models[m].pub.spent[p];
        CU_ASSERT(ended[TB_PART_WIRE] > 0);
        for (unsigned p = 0; p < TB_PARTS; p++) {
            CU_ASSERT_EQUAL(hops[p], ended[p]);
            if (hops[p] != ended[p])
                fprintf(stderr, "%s, part %u: %llu at hops, %llu\n", runs[k].file, p,
                        (unsigned long long)hops[p], (unsigned long long)ended[p]);
        }
        tb_sim_free(s);
        tb_diag_free(diag);
    }
}

/* -- Reports
 * ------------------------------------------------------------------------------------------- */

static json_t *make_run(struct rig *r)
{
    json_t *run = tb_summary_json(r->sim, &r->log);
    CU_ASSERT(tb_stats_json(&r->stats, &r->log, run));
    return run;
}

static void test_read_back(void)
{
    struct rig r = {0};
    struct tb_report_run run;
    char why[400] = "";
    set_up(&r, 3);
    json_t *o = make_run(&r);
    CU_ASSERT_FATAL(tb_report_run_read(o, &run, why));
    CU_ASSERT_EQUAL(run.transactions, 300);
    CU_ASSERT_EQUAL(run.group_count, 2);
    CU_ASSERT_EQUAL(run.slow_count, 3);
    CU_ASSERT_EQUAL(run.groups[0].cdf[run.groups[0].points - 1].count, run.groups[0].count);
    for (size_t i = 0; i < run.slow_count; i++) {
        uint64_t sum = 0;
        for (size_t k = 0; k < run.slow[i].count; k++)
            sum += run.slow[i].steps[k].spent;
        CU_ASSERT_EQUAL(sum, run.slow[i].lat);
    }
    tb_report_run_clear(&run);
    json_decref(o);
    tear_down(&r);
}

/* Ten nanoseconds more in the memory: that is what moved, and there. */
static void test_moved(void)
{
    struct rig r[2] = {{0}, {0}};
    struct tb_report_run run[2];
    char why[400] = "";
    size_t n = 0;
    for (unsigned k = 0; k < 2; k++) {
        set_up_as(&r[k], 1, k ? "dram.latency=50ns" : "dram.latency=40ns");
        json_t *o = make_run(&r[k]);
        CU_ASSERT_FATAL(tb_report_run_read(o, &run[k], why));
        json_decref(o);
    }
    CU_ASSERT_EQUAL(run[0].hop_count, 3);
    CU_ASSERT_EQUAL(tb_report_per(&run[0], NULL), 300);
    struct tb_report_moved *moved = tb_report_hops_moved(&run[0], &run[1], &n);
    const struct tb_report_moved *dram = NULL;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(moved[i].where, "dram") == 0)
            dram = &moved[i];
        CU_ASSERT_EQUAL(moved[i].now[TB_PART_WIRE], moved[i].from[TB_PART_WIRE]);
    }
    CU_ASSERT_PTR_NOT_NULL_FATAL(dram);
    CU_ASSERT_EQUAL(dram->from[TB_PART_MEM], 40 * TB_NS);
    CU_ASSERT_EQUAL(dram->now[TB_PART_MEM], 50 * TB_NS);
    free(moved);
    moved = tb_report_hops_moved(&run[0], &run[0], &n);
    CU_ASSERT_EQUAL(n, 0);
    free(moved);
    for (unsigned k = 0; k < 2; k++) {
        tb_report_run_clear(&run[k]);
        tear_down(&r[k]);
    }
}

/* A group is found again, or in its place the one that differs in the address type alone. */
static void test_matches(void)
{
    struct tb_report_group a[] = {
        {.kind = "dma", .by = "d", .op = "read", .at = "untranslated", .status = "ok"},
        {.kind = "dma", .by = "d", .op = "write", .at = "untranslated", .status = "ok"},
        {.kind = "dma", .by = "d", .op = "write", .at = "translated", .status = "ok"}};
    struct tb_report_group b[] = {
        {.kind = "dma", .by = "d", .op = "read", .at = "translated", .status = "ok"},
        {.kind = "dma", .by = "d", .op = "write", .at = "translated", .status = "ok"},
        {.kind = "dma", .by = "d", .op = "read", .at = "translated", .status = "fault"}};
    const struct tb_report_run one = {.groups = a, .group_count = 3},
                               two = {.groups = b, .group_count = 3};
    CU_ASSERT_PTR_EQUAL(tb_report_group_match(&one, &a[0], &two), &b[0]);
    CU_ASSERT_PTR_NULL(tb_report_group_match(&one, &a[1], &two)); /* b[1] is a[2]'s */
    CU_ASSERT_PTR_EQUAL(tb_report_group_match(&one, &a[2], &two), &b[1]);
    CU_ASSERT_PTR_EQUAL(tb_report_group_match(&two, &b[0], &one), &a[0]);
    CU_ASSERT_PTR_NULL(tb_report_group_match(&two, &b[2], &one));
}

/* Every value of a run, replaced by another kind of value or taken away: a message or a report,
 * never a crash. */
static void damage(json_t *root, json_t *at, unsigned depth)
{
    static const char *const others[] = {"null", "-1", "\"x\"", "[]", "{}", "9223372036854775807",
                                         "1.5"};
    const char *key;
    void *next;
    json_t *value;
    json_object_foreach_safe(at, next, key, value)
    {
        json_t *keep = json_incref(value);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            struct tb_report_run run;
            char why[400] = "";
            json_object_set_new(at, key, json_loads(others[i], JSON_DECODE_ANY, NULL));
            if (tb_report_run_read(root, &run, why)) {
                run.label = "x";
                struct tb_report_run twice[] = {run, run};
                struct tb_report report = {.runs = twice, .count = 2};
                struct tb_outfile out;
                tb_outfile_open(&out, "/dev/null");
                tb_report_html(&report, &out);
                tb_report_text(&report, &out, true, 80);
                CU_ASSERT(tb_outfile_commit(&out));
                tb_report_run_clear(&run);
            } else {
                CU_ASSERT(*why != '\0');
            }
        }
        json_object_set_new(at, key, keep);
        if (json_is_object(keep) && depth < 4)
            damage(root, keep, depth + 1);
        if (json_is_array(keep) && json_is_object(json_array_get(keep, 0)) && depth < 4)
            damage(root, json_array_get(keep, 0), depth + 1);
    }
}

static void test_damaged(void)
{
    struct rig r = {0};
    set_up(&r, 1);
    json_t *o = make_run(&r);
    json_object_del(o, "stats"); /* 60 figures that are only shown */
    damage(o, o, 0);
    json_decref(o);
    tear_down(&r);
}

SUITE("stats", {"groups add up", test_groups}, {"usage by hand", test_usage},
      {"windows by hand", test_windows}, {"hops add up", test_hops},
      {"which hop moved", test_moved}, {"matches", test_matches},
      {"reports read back", test_read_back}, {"damaged figures", test_damaged})
