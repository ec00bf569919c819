/* Counting what ends; see stats.h. */
#include "stats/stats.h"

#include "kernel/kernel.h"
#include "kernel/observe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tb_percentile tb_percentiles[TB_PERCENTILES] = {{"p50", 50000},   {"p90", 90000},
                                                             {"p95", 95000},   {"p99", 99000},
                                                             {"p99.9", 99900}, {"p99.99", 99990}};

#define AT_TYPES  4
#define PER_MODEL (TB_TXN_KINDS * 2 * AT_TYPES * TB_LOG_STATUSES)

/* -- Groups ------------------------------------------------------------------------------------ */

static struct tb_group *new_group(struct tb_stats *st, const struct tb_txn *txn,
                                  enum tb_status status)
{
    if (st->group_count == st->group_room) {
        size_t room = st->group_room ? 2 * st->group_room : 16;
        struct tb_group **more = realloc(st->groups, room * sizeof(struct tb_group *));
        if (!more)
            return NULL;
        st->groups = more;
        st->group_room = room;
    }
    struct tb_group *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->by = txn->by;
    g->kind = txn->kind;
    g->write = txn->write;
    g->at = txn->at;
    g->status = (uint8_t)status;
    st->groups[st->group_count++] = g;
    return g;
}

static inline struct tb_group **place_of(struct tb_stats *st, const struct tb_txn *txn,
                                         enum tb_status status)
{
    size_t k = txn->kind * 2u + txn->write;
    return &st->index[txn->by * (size_t)PER_MODEL + (k * AT_TYPES + txn->at) * TB_LOG_STATUSES +
                      status];
}

static void count(struct tb_group *g, const struct tb_txn *txn, tb_time lat)
{
    if (g->count++ == 0 || lat < g->min)
        g->min = lat;
    if (lat > g->max)
        g->max = lat;
    g->sum += lat;
    for (unsigned p = 0; p < TB_PARTS; p++)
        g->parts[p] += txn->spent[p];
    for (unsigned p = 0; p < TB_WAY_PARTS; p++)
        g->back[p] += txn->back[p];
}

static __attribute__((noinline)) void count_details(struct tb_group *g, uint64_t which,
                                                    const struct tb_details *details)
{
    for (; which; which &= which - 1) {
        unsigned d = (unsigned)__builtin_ctzll(which);
        g->details[d] += details->of[d];
    }
}

unsigned __int128 tb_group_detail(const struct tb_group *g, enum tb_part part,
                                  enum tb_detail detail)
{
    if (detail == TB_DETAIL_BACK)
        return part < TB_WAY_PARTS ? g->back[part] : 0;
    if (detail != TB_DETAIL_NONE)
        return tb_detail_part(detail) == part ? g->details[detail] : 0;
    unsigned __int128 rest = g->parts[part];
    for (unsigned d = TB_DETAIL_BACK; d < TB_DETAILS; d++)
        rest -= tb_group_detail(g, part, d);
    return rest;
}

tb_time tb_slow_detail(const struct tb_slow *slow, enum tb_part part, enum tb_detail detail)
{
    struct tb_group g = {0};
    count(&g, &slow->txn, slow->lat);
    count_details(&g, slow->txn.details, &slow->details);
    return (tb_time)tb_group_detail(&g, part, detail);
}

const char *tb_fine_name(enum tb_part part, enum tb_detail detail, char out[TB_FINE_NAME])
{
    snprintf(out, TB_FINE_NAME, "%s%s%s", tb_part_names[part], detail ? "." : "",
             detail ? tb_detail_names[detail] : "");
    return out;
}

tb_time tb_group_percentile(const struct tb_group *g, uint32_t per_100k)
{
    return tb_histogram_percentile(&g->histogram, per_100k);
}

const char *tb_group_op(const struct tb_group *g)
{
    const char *const *ops = tb_line_kinds[g->kind].ops;
    return ops[1] && g->write ? ops[1] : ops[0];
}

const char *tb_group_at(const struct tb_group *g)
{
    static const char *const words[AT_TYPES] = {"untranslated", "translation", "translated",
                                                "reserved"};
    return tb_line_key(&tb_line_kinds[g->kind], "at") < 0 ? "-" : words[g->at];
}

/* -- The slowest ----------------------------------------------------------------------------------
 */

/* What a mark tells, or is about to. */
struct place {
    uint32_t site;
    enum tb_detail detail;
};

static void add_step(struct tb_slow *slow, const struct place *at, unsigned part, tb_time spent)
{
    if (spent && slow->step_count < TB_SLOW_STEPS)
        slow->steps[slow->step_count++] =
            (struct tb_slow_step){spent, at->site, (uint8_t)part, (uint8_t)at->detail};
}

/* The model at a wire's end that the transaction merely passed through. */
static void add_passed(const struct tb_sim *s, struct tb_slow *slow, const struct place *at)
{
    const struct wire *w = &s->wires[at->site];
    struct place model = {s->wire_count + w->to->index, at->detail};
    add_step(slow, &model, w->through_part, w->through_latency);
}

static void add_hop(const struct tb_sim *s, struct tb_slow *slow, uint64_t mark)
{
    struct place at = {tb_mark_site(mark),
                       mark & TB_MARK_HOP_BACK ? TB_DETAIL_BACK : TB_DETAIL_NONE};
    add_step(slow, &at, TB_PART_QUEUE, mark >> 32);
    add_step(slow, &at, TB_PART_WIRE, kernel_wire_time(&s->wires[at.site], tb_mark_payload(mark)));
    if (mark & TB_MARK_HOP_THROUGH)
        add_passed(s, slow, &at);
}

/* A mark, and what follows from it. */
static void add_mark(const struct tb_sim *s, struct tb_slow *slow, uint64_t mark)
{
    if (tb_mark_is_hop(mark)) {
        add_hop(s, slow, mark);
        return;
    }
    struct place at = {tb_mark_site(mark), mark >> TB_MARK_DETAIL & 63};
    if (at.site == TB_MARK_NOWHERE)
        at.site = TB_SITE_NONE;
    add_step(slow, &at, mark & 15, mark & TB_MARK_LONG ? mark >> 32 << 32 : mark >> 32);
    if (mark & TB_MARK_THROUGH && at.site < s->wire_count)
        add_passed(s, slow, &at);
}

/* Where it was when, if a trace is recorded: from the slot that is about to be free. */
static void keep_steps(struct tb_stats *st, struct tb_slow *slow, const struct tb_txn *t)
{
    slow->step_count = 0;
    if (!st->sim->traced)
        return;
    if (!slow->steps && !(slow->steps = calloc(TB_SLOW_STEPS, sizeof *slow->steps))) {
        st->failed = true;
        return;
    }
    for (const uint64_t *at = tb_marks_of(t); at < t->mark; at++)
        add_mark(st->sim, slow, *at);
}

/* Sorts it in behind all that are as slow; the last falls off. */
static void keep_slow(struct tb_stats *st, const struct tb_txn *txn, enum tb_status status,
                      tb_time lat, tb_time when)
{
    struct tb_slow *all = st->slow[txn->kind];
    unsigned *n = &st->slow_count[txn->kind], at = *n < st->slowest ? *n : st->slowest - 1;
    if (!all)
        all = st->slow[txn->kind] = calloc(st->slowest, sizeof *all);
    if (!all) {
        st->failed = true;
        return;
    }
    struct tb_slow_step *steps = all[at].steps; /* of the one that falls off */
    for (; at > 0 && all[at - 1].lat < lat; at--)
        all[at] = all[at - 1];
    all[at] =
        (struct tb_slow){.txn = *txn, .status = status, .lat = lat, .when = when, .steps = steps};
    if (txn->details)
        all[at].details = st->sim->models[0].pub.details[txn - st->sim->txns];
    all[at].txn.data = NULL; /* the slot's, which the next transaction gets */
    keep_steps(st, &all[at], txn);
    if (*n < st->slowest)
        ++*n;
}

static inline bool is_slow(const struct tb_stats *st, unsigned kind, tb_time lat)
{
    unsigned n = st->slow_count[kind];
    return n < st->slowest || (n && st->slow[kind][n - 1].lat < lat);
}

/* -- The observer
 * ----------------------------------------------------------------------------------- */

void tb_stats_observe(void *context, struct tb_model *by, const struct tb_txn *txn,
                      enum tb_status status, tb_time when)
{
    struct tb_stats *st = context;
    tb_usage_sample(st->usage, when);
    if (txn->created < st->from)
        return;
    struct tb_group **place = place_of(st, txn, status);
    if (!*place && !(*place = new_group(st, txn, status))) {
        st->failed = true;
        return;
    }
    if (status == TB_UNFINISHED) {
        (*place)->count++;
        return;
    }
    tb_time lat = when - txn->created;
    count(*place, txn, lat);
    if (txn->details)
        count_details(*place, txn->details, &by->details[txn - by->txns]);
    if (!tb_histogram_add(&(*place)->histogram, lat))
        st->failed = true;
    if (is_slow(st, txn->kind, lat))
        keep_slow(st, txn, status, lat, when);
}

/* -- Life
 * --------------------------------------------------------------------------------------------- */

bool tb_stats_begin(struct tb_stats *st, struct tb_sim *s, unsigned slowest)
{
    *st = (struct tb_stats){.sim = s, .from = s->warmup, .slowest = slowest};
    st->index = calloc(s->model_count * PER_MODEL + 1, sizeof(struct tb_group *));
    bool ok = st->index && (s->usage || tb_usage_attach(s));
    st->usage = s->usage;
    st->failed = !ok;
    return ok;
}

static int compare_groups(const void *a, const void *b)
{
    const struct tb_group *x = *(struct tb_group *const *)a, *y = *(struct tb_group *const *)b;
    const unsigned left[] = {x->kind, x->by, x->write, x->at, x->status};
    const unsigned right[] = {y->kind, y->by, y->write, y->at, y->status};
    for (unsigned i = 0; i < sizeof left / sizeof *left; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

void tb_stats_end(struct tb_stats *st)
{
    tb_usage_end(st->usage, st->sim->now);
    if (st->group_count)
        qsort(st->groups, st->group_count, sizeof(struct tb_group *), compare_groups);
}

void tb_stats_free(struct tb_stats *st)
{
    for (size_t n = 0; n < st->group_count; n++) {
        tb_histogram_free(&st->groups[n]->histogram);
        free(st->groups[n]);
    }
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        for (unsigned i = 0; st->slow[k] && i < st->slowest; i++)
            free(st->slow[k][i].steps);
        free(st->slow[k]);
    }
    free(st->groups);
    free(st->index);
    *st = (struct tb_stats){0};
}

void tb_site_name(const struct tb_sim *s, uint32_t site, char out[128])
{
    if (site < s->wire_count) {
        const struct tb_link_params *l = &s->links[site / 2];
        snprintf(out, 128, "%.60s>%.60s", site % 2 ? l->to : l->from, site % 2 ? l->from : l->to);
    } else if (site - s->wire_count < s->model_count) {
        snprintf(out, 128, "%.120s", s->models[site - s->wire_count].pub.name);
    } else {
        snprintf(out, 128, "elsewhere");
    }
}
