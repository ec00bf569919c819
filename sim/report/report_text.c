/* Reports for a terminal, and slowest.txt; see report.h. */
#include "report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const part_names[TB_PARTS] = {"queue", "wire", "bus", "bridge", "lookup",
                                                 "ats",   "walk", "mem", "device"};
static const char part_letters[TB_PARTS + 1] = "qwbrlakmd"; /* as in the summary of a run */

struct paper {
    struct tb_outfile *to;
    bool colour;
    unsigned columns;
};

/* "1 234.500" of picoseconds, as nanoseconds. */
static const char *ns(uint64_t ps, char out[48])
{
    char digits[24];
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, ps / 1000), n = 0;
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            out[n++] = ' ';
        out[n++] = digits[i];
    }
    snprintf(out + n, 48 - n, ".%03u", (unsigned)(ps % 1000));
    return out;
}

static void heading(const struct paper *p, const char *text)
{
    tb_outfile_print(p->to, "\n%s%s%s\n", p->colour ? "\033[1m" : "", text,
                     p->colour ? "\033[0m" : "");
}

static uint64_t scaled(uint64_t value, uint64_t whole, unsigned to)
{
    return whole ? (uint64_t)(((unsigned __int128)value * to + whole / 2) / whole) : 0;
}

/* -- The slowest
 * ----------------------------------------------------------------------------------------- */

#define MOST_HOPS 12
#define WIDTH     40 /* of a waterfall's bars */

static void put_steps(const struct paper *p, const struct tb_report_slow *s)
{
    uint64_t done = 0;
    for (size_t i = 0; i < s->count; i++) {
        const struct tb_report_step *step = &s->steps[i];
        char at[48], spent[48], bar[WIDTH + 1];
        unsigned from = (unsigned)scaled(done, s->lat, WIDTH),
                 to = (unsigned)scaled(done + step->spent, s->lat, WIDTH);
        memset(bar, ' ', WIDTH);
        bar[WIDTH] = '\0';
        if (to == from && from == WIDTH)
            from--;
        memset(bar + from, part_letters[step->part], to > from ? to - from : 1);
        tb_outfile_print(p->to, "      %14s %14s  %-20s |%s| %s\n", s->ordered ? "+" : "",
                         ns(step->spent, spent), step->name, bar, step->where);
        done += step->spent;
        (void)at;
    }
}

static void put_slow(const struct paper *p, const struct tb_report_slow *s, unsigned place)
{
    char lat[48], end[48];
    tb_outfile_print(p->to, "  %2u. %14s ns  until %s ns  %s\n", place, ns(s->lat, lat),
                     ns(s->end, end), s->what);
    put_steps(p, s);
}

/* At most `most` of each kind. */
static void put_slowest(const struct paper *p, const struct tb_report_run *r, unsigned most)
{
    const char *kind = "";
    unsigned place = 0;
    for (size_t i = 0; i < r->slow_count; i++) {
        const struct tb_report_slow *s = &r->slow[i];
        if (strcmp(kind, s->kind) != 0) {
            tb_outfile_print(p->to, "\n%s%s\n", s->kind,
                             s->ordered ? ""
                                        : " (how much each part took; a trace tells the order)");
            kind = s->kind;
            place = 0;
        }
        if (place++ < most)
            put_slow(p, s, place);
    }
}

void tb_report_slowest_text(const struct tb_report_run *r, struct tb_outfile *to)
{
    const struct paper p = {.to = to};
    tb_outfile_print(
        to,
        "# The slowest transactions of each kind: %s%s%s. Latency, end, what; below, where it was:"
        " ns, part, bar, place.\n",
        r->scenario, *r->run ? ", run " : "", r->run);
    put_slowest(&p, r, UINT32_MAX);
}

/* -- A run
 * ---------------------------------------------------------------------------------------------------
 */

static void put_latencies(const struct paper *p, const struct tb_report_run *r)
{
    heading(p, "Latency, ns");
    tb_outfile_print(p->to, "  %-32s %12s %14s %14s %14s %14s %14s %14s\n", "", "count", "min",
                     "mean", "p50", "p99", "p99.9", "max");
    for (size_t i = 0; i < r->group_count; i++) {
        const struct tb_report_group *g = &r->groups[i];
        char name[160], text[6][48];
        tb_report_group_name(g, name);
        tb_outfile_print(p->to, "  %-32s %12" PRIu64, name, g->count);
        if (g->timed)
            tb_outfile_print(p->to, " %14s %14s %14s %14s %14s %14s", ns(g->min, text[0]),
                             ns(g->mean, text[1]), ns(g->percentiles[0], text[2]),
                             ns(g->percentiles[3], text[3]), ns(g->percentiles[4], text[4]),
                             ns(g->max, text[5]));
        tb_outfile_print(p->to, "\n");
    }
}

static void put_bar(const struct paper *p, const uint64_t parts[TB_PARTS], unsigned width)
{
    uint64_t sum = 0, done = 0;
    unsigned drawn = 0;
    for (unsigned k = 0; k < TB_PARTS; k++)
        sum += parts[k];
    for (unsigned k = 0; k < TB_PARTS; k++) {
        done += parts[k];
        for (unsigned to = (unsigned)scaled(done, sum, width); drawn < to; drawn++)
            tb_outfile_put(p->to, &part_letters[k], 1);
    }
    for (; drawn < width; drawn++)
        tb_outfile_put(p->to, " ", 1);
    tb_outfile_print(p->to, "]");
    for (unsigned k = 0; k < TB_PARTS; k++)
        if (scaled(parts[k], sum, 100))
            tb_outfile_print(p->to, " %s %u%%", part_names[k],
                             (unsigned)scaled(parts[k], sum, 100));
}

/* What is told apart, in lines of its own. */
static void put_details(const struct paper *p, const struct tb_report_group *g)
{
    unsigned column = 0;
    for (size_t i = 0; i < g->detail_count; i++) {
        const struct tb_report_detail *d = &g->details[i];
        char text[48];
        if (!scaled(d->mean, g->mean, 1000))
            continue;
        if (column == 0)
            tb_outfile_print(p->to, "  %-32s ", "");
        tb_outfile_print(p->to, " %s %s", d->name, ns(d->mean, text));
        column = (column + 1) % 5;
        if (column == 0)
            tb_outfile_put(p->to, "\n", 1);
    }
    if (column)
        tb_outfile_put(p->to, "\n", 1);
}

static void put_breakdown(const struct paper *p, const struct tb_report_run *r)
{
    heading(p, "Where the time goes");
    for (size_t i = 0; i < r->group_count; i++) {
        const struct tb_report_group *g = &r->groups[i];
        char name[160];
        if (!g->timed || !g->has_parts || g->mean == 0)
            continue;
        tb_report_group_name(g, name);
        tb_outfile_print(p->to, "  %-32s [", name);
        put_bar(p, g->parts, 30);
        tb_outfile_print(p->to, "\n");
        put_details(p, g);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct tb_report_hop *x = *(const struct tb_report_hop *const *)a;
    const struct tb_report_hop *y = *(const struct tb_report_hop *const *)b;
    return x->sum != y->sum ? (x->sum > y->sum ? -1 : 1) : strcmp(x->where, y->where);
}

/* The same time by where it was spent. */
static void put_hops(const struct paper *p, const struct tb_report_run *r)
{
    const struct tb_report_hop **all = calloc(r->hop_count + 1, sizeof(struct tb_report_hop *));
    const char *of;
    uint64_t per = tb_report_per(r, &of);
    for (size_t i = 0; all && i < r->hop_count; i++)
        all[i] = &r->hops[i];
    if (all && r->hop_count) {
        qsort(all, r->hop_count, sizeof(struct tb_report_hop *), by_time);
        heading(p, "In which hop");
        tb_outfile_print(p->to, "  ns per %s, of all transactions' time\n", of);
    }
    for (size_t i = 0; all && i < r->hop_count && i < MOST_HOPS; i++) {
        char text[48];
        tb_outfile_print(p->to, "  %-28s %14s [", all[i]->where, ns(all[i]->sum / per, text));
        put_bar(p, all[i]->parts, 30);
        tb_outfile_print(p->to, "\n");
    }
    free(all);
}

/* -- Over time
 * -------------------------------------------------------------------------------------------------
 */

static const char *const levels[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

/* A row of `width` blocks: each the share of part in whole over its windows. */
static void put_row(const struct paper *p, const struct tb_report_run *r,
                    const struct tb_report_component *c, bool cache, unsigned width)
{
    unsigned columns = r->windows < width ? r->windows : width;
    for (unsigned i = 0; i < columns; i++) {
        uint64_t part = 0, whole = 0;
        for (unsigned w = r->windows * i / columns; w < r->windows * (i + 1) / columns; w++) {
            part += c->at[cache ? TB_FIGURE_HITS : TB_FIGURE_BUSY][w];
            whole += cache ? c->at[TB_FIGURE_HITS][w] + c->at[TB_FIGURE_MISSES][w]
                           : tb_report_length(r, w);
        }
        uint64_t level = (cache && !whole) ? 0 : scaled(part, whole, 8);
        if (level == 0 && part)
            level = 1;
        tb_outfile_print(p->to, "%s", levels[level > 8 ? 8 : level]);
    }
}

static void put_share(const struct paper *p, uint64_t part, uint64_t whole)
{
    uint64_t tenths = scaled(part, whole, 1000);
    tb_outfile_print(p->to, " %4" PRIu64 ".%" PRIu64 " %%", tenths / 10, tenths % 10);
}

static void put_usage(const struct paper *p, const struct tb_report_run *r)
{
    unsigned width = p->columns > 110 ? 64 : 32;
    char wait[48];
    heading(p, "Busy over time");
    for (size_t i = 0; i < r->component_count; i++) {
        const struct tb_report_component *c = &r->components[i];
        if (strcmp(c->kind, "cache") == 0)
            continue;
        tb_outfile_print(p->to, "  %-28s ", c->name);
        put_row(p, r, c, false, width);
        put_share(p, c->sum[TB_FIGURE_BUSY], r->end);
        if (c->sum[TB_FIGURE_DEEPEST])
            tb_outfile_print(p->to, "  waited %s ns, at most %" PRIu64 " at once",
                             ns(c->sum[TB_FIGURE_WAITED], wait), c->sum[TB_FIGURE_DEEPEST]);
        if (c->sum[TB_FIGURE_STALLS])
            tb_outfile_print(p->to, ", %" PRIu64 " for a credit", c->sum[TB_FIGURE_STALLS]);
        tb_outfile_print(p->to, "\n");
    }
}

static void put_caches(const struct paper *p, const struct tb_report_run *r)
{
    bool any = false;
    for (size_t i = 0; i < r->component_count; i++) {
        const struct tb_report_component *c = &r->components[i];
        if (strcmp(c->kind, "cache") != 0)
            continue;
        if (!any)
            heading(p, "Hit rates over time");
        any = true;
        tb_outfile_print(p->to, "  %-28s ", c->name);
        put_row(p, r, c, true, p->columns > 110 ? 64 : 32);
        put_share(p, c->sum[TB_FIGURE_HITS], c->sum[TB_FIGURE_HITS] + c->sum[TB_FIGURE_MISSES]);
        tb_outfile_print(p->to, "  %" PRIu64 " hits, %" PRIu64 " misses\n", c->sum[TB_FIGURE_HITS],
                         c->sum[TB_FIGURE_MISSES]);
    }
}

static void put_run(const struct paper *p, const struct tb_report_run *r)
{
    char end[48];
    tb_outfile_print(p->to,
                     "%s%s%s%s%s on %s, seed %" PRIu64 "  (%s)\n  %" PRIu64
                     " transactions in %s ns, %" PRIu64 " events%s\n",
                     p->colour ? "\033[1m" : "", r->scenario, *r->run ? ", run " : "", r->run,
                     p->colour ? "\033[0m" : "", r->platform, r->seed, r->label, r->transactions,
                     ns(r->end, end), r->events,
                     r->violations ? "; what was asked of it DOES NOT HOLD" : "");
    if (!r->has_stats) {
        tb_outfile_print(p->to, "  no statistics were recorded\n");
        return;
    }
    put_latencies(p, r);
    put_breakdown(p, r);
    put_hops(p, r);
    put_usage(p, r);
    put_caches(p, r);
    if (r->slow_count) {
        heading(p, "The slowest, ns");
        put_slowest(p, r, 1);
    }
}

/* -- Comparison
 * --------------------------------------------------------------------------------------------------
 */

static void put_change(const struct paper *p, uint64_t from, uint64_t to)
{
    char text[48];
    bool more = to > from;
    uint64_t by = more ? to - from : from - to;
    if (by == 0) {
        tb_outfile_print(p->to, "  =");
        return;
    }
    tb_outfile_print(p->to, "  %s%s%s%s", p->colour ? (more ? "\033[31m" : "\033[32m") : "",
                     more ? "+" : "-", ns(by, text), p->colour ? "\033[0m" : "");
    if (from) {
        uint64_t tenths = scaled(by, from, 1000);
        tb_outfile_print(p->to, " (%s%" PRIu64 ".%" PRIu64 " %%)", more ? "+" : "-", tenths / 10,
                         tenths % 10);
    }
}

static void put_moved_parts(const struct paper *p, const struct tb_report_group *a,
                            const struct tb_report_group *b)
{
    for (unsigned k = 0; k < TB_PARTS && a->has_parts && b->has_parts; k++) {
        if (a->parts[k] == b->parts[k])
            continue;
        tb_outfile_print(p->to, "      %-10s", part_names[k]);
        put_change(p, a->parts[k], b->parts[k]);
        tb_outfile_print(p->to, "\n");
    }
}

static void compare_group(const struct paper *p, const struct tb_report_group *a,
                          const struct tb_report_group *b)
{
    char name[160], from[48], to[48];
    tb_report_group_name(a, name);
    bool other = b && strcmp(a->at, b->at) != 0;
    tb_outfile_print(p->to, "  %s%s%s: ", name, other ? " -> " : "", other ? b->at : "");
    if (!b || !a->timed || !b->timed) {
        tb_outfile_print(p->to, "%s\n", b ? "unfinished" : "only in the first");
        return;
    }
    tb_outfile_print(p->to, "mean %s -> %s ns", ns(a->mean, from), ns(b->mean, to));
    put_change(p, a->mean, b->mean);
    tb_outfile_print(p->to, "; p99 %s -> %s ns", ns(a->percentiles[3], from),
                     ns(b->percentiles[3], to));
    put_change(p, a->percentiles[3], b->percentiles[3]);
    if (a->count != b->count)
        tb_outfile_print(p->to, "; count %" PRIu64 " -> %" PRIu64, a->count, b->count);
    tb_outfile_print(p->to, "\n");
    put_moved_parts(p, a, b);
}

/* In which hop, most first. */
static void put_hops_moved(const struct paper *p, const struct tb_report_run *a,
                           const struct tb_report_run *b)
{
    const char *of;
    size_t n;
    struct tb_report_moved *all = tb_report_hops_moved(a, b, &n);
    tb_report_per(a, &of);
    if (all && n)
        tb_outfile_print(p->to, "  in which hop, ns per %s of all transactions' time:\n", of);
    for (size_t i = 0; all && i < n && i < MOST_HOPS; i++) {
        char from[48], now[48];
        tb_outfile_print(p->to, "      %-28s %14s -> %14s", all[i].where, ns(all[i].from_sum, from),
                         ns(all[i].now_sum, now));
        put_change(p, all[i].from_sum, all[i].now_sum);
        for (unsigned k = 0; k < TB_PARTS; k++)
            if (all[i].from[k] != all[i].now[k]) {
                tb_outfile_print(p->to, "; %s", part_names[k]);
                put_change(p, all[i].from[k], all[i].now[k]);
            }
        tb_outfile_print(p->to, "\n");
    }
    free(all);
}

static void put_comparison(const struct paper *p, const struct tb_report_run *a,
                           const struct tb_report_run *b)
{
    char title[600], from[48], to[48];
    snprintf(title, sizeof title, "What moved: %.250s -> %.250s", a->label, b->label);
    heading(p, title);
    tb_outfile_print(p->to, "  time %s -> %s ns", ns(a->end, from), ns(b->end, to));
    put_change(p, a->end, b->end);
    tb_outfile_print(p->to, "\n");
    for (size_t i = 0; i < a->group_count; i++)
        compare_group(p, &a->groups[i], tb_report_group_match(a, &a->groups[i], b));
    for (size_t i = 0; i < b->group_count; i++) {
        char name[160];
        if (tb_report_group_match(b, &b->groups[i], a))
            continue;
        tb_report_group_name(&b->groups[i], name);
        tb_outfile_print(p->to, "  %s: only in the second, %" PRIu64 "\n", name,
                         b->groups[i].count);
    }
    put_hops_moved(p, a, b);
}

void tb_report_text(const struct tb_report *r, struct tb_outfile *to, bool colour, unsigned columns)
{
    const struct paper p = {to, colour, columns};
    for (size_t i = 0; i < r->count; i++) {
        if (i)
            tb_outfile_print(to, "\n");
        put_run(&p, &r->runs[i]);
    }
    for (size_t i = 1; i < r->count; i++)
        put_comparison(&p, &r->runs[0], &r->runs[i]);
}
