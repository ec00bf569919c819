/* The HTML report: one file, no scripts, nothing fetched; see report.h. */
#include "report_draw.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ROWS     48 /* components drawn over time: the busiest */
#define MOST_GROUPS   64 /* rows of a table, bars */
#define MOST_SLOW     24 /* waterfalls of a run */
#define SLOW_PER_KIND 2
#define MOST_STEPS    48 /* of a waterfall */
#define MOST_RUNS     6  /* drawn one by one; all are compared */
#define MOST_PANELS   6  /* charts of a comparison */

static const char *const part_names[TB_PARTS] = {"queue", "wire", "bus", "bridge", "lookup",
                                                 "ats",   "walk", "mem", "device"};
static const char *const part_docs[TB_PARTS] = {"waiting for a credit, a wire, a bus, a slot",
                                                "on links",
                                                "on buses",
                                                "through bridges",
                                                "looking up IOTLB and device table",
                                                "waiting for a translation the device asked for",
                                                "waiting for a page walk",
                                                "in the memory",
                                                "inside a device"};

#define put tb_outfile_print

/* -- Picking
 * ------------------------------------------------------------------------------------------------
 */

/* All time that a group's transactions took together: what matters most comes first. */
static double weight(const struct tb_report_group *g)
{
    return (double)g->count * (double)g->mean;
}

static int by_weight(const void *a, const void *b)
{
    const struct tb_report_group *x = *(const struct tb_report_group *const *)a;
    const struct tb_report_group *y = *(const struct tb_report_group *const *)b;
    if (weight(x) != weight(y))
        return weight(x) > weight(y) ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* The heaviest groups with at least `count` transactions, heaviest first; to be freed. */
static const struct tb_report_group **heaviest(const struct tb_report_run *r, uint64_t count,
                                               size_t most, size_t *n)
{
    const struct tb_report_group **all =
        calloc(r->group_count + 1, sizeof(struct tb_report_group *));
    *n = 0;
    for (size_t i = 0; all && i < r->group_count; i++)
        if (r->groups[i].timed && r->groups[i].count >= count)
            all[(*n)++] = &r->groups[i];
    if (all)
        qsort(all, *n, sizeof(struct tb_report_group *), by_weight);
    *n = *n < most ? *n : most;
    return all;
}

/* -- A run's parts of the page
 * --------------------------------------------------------------------------------- */

static void fact(struct tb_outfile *to, const char *value, const char *name)
{
    put(to, "<div><b>");
    tb_draw_text(to, value);
    put(to, "</b><span>%s</span></div>", name);
}

static void put_facts(struct tb_outfile *to, const struct tb_report_run *r)
{
    char text[32];
    put(to, "<div class='facts'>");
    fact(to, tb_draw_time(r->end, text), "simulated");
    fact(to, tb_draw_count(r->transactions, text), "transactions");
    fact(to, tb_draw_count(r->events, text), "events");
    snprintf(text, sizeof text, "%" PRIu64, r->seed);
    fact(to, text, "seed");
    snprintf(text, sizeof text, "%.12s", r->resolved);
    fact(to, text, "resolved platform");
    put(to, "</div>\n");
    if (r->violations)
        put(to, "<p class='bad'>What was asked of this run does not hold: %zu violations.</p>\n",
            r->violations);
}

static void put_cell(struct tb_outfile *to, uint64_t ps)
{
    char text[32];
    put(to, "<td>%s</td>", tb_draw_time(ps, text));
}

static void put_name(struct tb_outfile *to, const struct tb_report_group *g)
{
    char name[160];
    tb_report_group_name(g, name);
    tb_draw_text(to, name);
}

static void put_group_row(struct tb_outfile *to, const struct tb_report_group *g)
{
    char text[32];
    put(to, "<tr><td%s>", strcmp(g->status, "ok") ? " class='bad'" : "");
    put_name(to, g);
    put(to, "</td><td>%s</td>", tb_draw_count(g->count, text));
    if (g->timed) {
        put_cell(to, g->min);
        put_cell(to, g->mean);
        for (unsigned p = 0; p < TB_REPORT_PERCENTILES; p++)
            put_cell(to, g->percentiles[p]);
        put_cell(to, g->max);
    } else {
        put(to, "<td colspan='%d'></td>", TB_REPORT_PERCENTILES + 3);
    }
    put(to, "</tr>\n");
}

static void put_latency_table(struct tb_outfile *to, const struct tb_report_run *r)
{
    put(to, "<div class='scroll'><table><tr><th>initiator and "
            "operation</th><th>count</th><th>min</th><th>mean</th>");
    for (unsigned p = 0; p < TB_REPORT_PERCENTILES; p++)
        put(to, "<th>%s</th>", tb_report_percentile_names[p]);
    put(to, "<th>max</th></tr>\n");
    for (size_t i = 0; i < r->group_count && i < MOST_GROUPS; i++)
        put_group_row(to, &r->groups[i]);
    put(to, "</table></div>\n");
    if (r->group_count > MOST_GROUPS)
        put(to, "<p class='note'>%zu more are in latency.csv.</p>\n", r->group_count - MOST_GROUPS);
}

static void put_curves(struct tb_outfile *to, const struct tb_report_run *r)
{
    struct tb_draw_curve curves[TB_DRAW_CURVES];
    char names[TB_DRAW_CURVES][160];
    size_t n;
    const struct tb_report_group **top = heaviest(r, 10, TB_DRAW_CURVES, &n);
    for (size_t i = 0; top && i < n; i++) {
        tb_report_group_name(top[i], names[i]);
        curves[i] = (struct tb_draw_curve){top[i], names[i]};
    }
    if (top && n) {
        tb_draw_legend(to, curves, n);
        put(to, "<div class='charts'>");
        tb_draw_cdf(to, curves, n);
        tb_draw_tail(to, curves, n);
        put(to, "</div>\n");
    }
    free(top);
}

static void put_part_legend(struct tb_outfile *to)
{
    put(to, "<p class='legend'>");
    for (unsigned p = 0; p < TB_PARTS; p++)
        put(to, "<span title='%s'><i class='p%u'></i>%s</span> ", part_docs[p], p, part_names[p]);
    put(to, "</p>\n");
}

/* A bar whose whole width is `whole`. */
static void put_bar(struct tb_outfile *to, const struct tb_report_group *g, uint64_t whole)
{
    put(to, "<div class='bar'>");
    for (unsigned p = 0; p < TB_PARTS; p++) {
        double share = whole ? (double)g->parts[p] / (double)whole * 100 : 0;
        if (g->parts[p] == 0)
            continue;
        put(to, "<span class='p%u' style='width:%.2f%%' title='%s %.1f %%'>", p, share,
            part_names[p], g->mean ? (double)g->parts[p] / (double)g->mean * 100 : 0);
        if (share >= 7)
            put(to, "%.0f %%", g->mean ? (double)g->parts[p] / (double)g->mean * 100 : 0);
        put(to, "</span>");
    }
    put(to, "</div>");
}

static void put_breakdown(struct tb_outfile *to, const struct tb_report_run *r)
{
    char text[32];
    size_t n;
    const struct tb_report_group **top = heaviest(r, 1, MOST_GROUPS, &n);
    bool any = false;
    for (size_t i = 0; top && i < n; i++) {
        if (!top[i]->has_parts || top[i]->mean == 0)
            continue;
        if (!any) {
            put(to, "<h3>Where the time goes</h3>\n");
            put_part_legend(to);
            put(to, "<div class='bars'>\n");
        }
        any = true;
        put(to, "<span class='name'>");
        put_name(to, top[i]);
        put(to, "</span>");
        put_bar(to, top[i], top[i]->mean);
        put(to, "<span class='end'>%s</span>\n", tb_draw_time(top[i]->mean, text));
    }
    if (any)
        put(to, "</div><p class='note'>Shares of the mean latency; the parts of every single "
                "transaction add up to "
                "its latency.</p>\n");
    free(top);
}

/* -- Over time
 * ----------------------------------------------------------------------------------------------------
 */

static bool is_cache(const struct tb_report_component *c)
{
    return strcmp(c->kind, "cache") == 0;
}

static int by_load(const void *a, const void *b)
{
    const struct tb_report_component *x = *(const struct tb_report_component *const *)a;
    const struct tb_report_component *y = *(const struct tb_report_component *const *)b;
    uint64_t left = x->sum[TB_FIGURE_BUSY], right = y->sum[TB_FIGURE_BUSY];
    if (left != right)
        return left > right ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void put_time_axis(struct tb_outfile *to, const struct tb_report_run *r)
{
    char half[32], end[32];
    put(to, "<div class='time'><span>0</span><span>%s</span><span>%s</span></div>\n",
        tb_draw_time(r->end / 2, half), tb_draw_time(r->end, end));
}

/* Caches, or else what is busy. */
static void put_rows(struct tb_outfile *to, const struct tb_report_run *r, bool caches,
                     const char *title, const char *note)
{
    const struct tb_report_component **all =
        calloc(r->component_count + 1, sizeof(struct tb_report_component *));
    size_t n = 0;
    for (size_t i = 0; all && i < r->component_count; i++)
        if (is_cache(&r->components[i]) == caches)
            all[n++] = &r->components[i];
    if (n && r->end) {
        if (!caches)
            qsort(all, n, sizeof(struct tb_report_component *), by_load);
        put(to, "<h3>%s</h3>\n<p class='note'>%s</p>\n<div class='rows'>\n", title, note);
        for (size_t i = 0; i < n && i < MOST_ROWS; i++)
            tb_draw_series(to, r, all[i]);
        put_time_axis(to, r);
        put(to, "</div>\n");
    }
    if (n > MOST_ROWS)
        put(to, "<p class='note'>%zu more are in util.csv.</p>\n", n - MOST_ROWS);
    free(all);
}

/* -- The slowest
 * -----------------------------------------------------------------------------------------------------
 */

static void put_step(struct tb_outfile *to, const struct tb_report_step *step, uint64_t done,
                     uint64_t lat)
{
    char text[32];
    put(to, "<div class='step'><span class='where'>%s ", part_names[step->part]);
    if (*step->where) {
        put(to, "<small>");
        tb_draw_text(to, step->where);
        put(to, "</small>");
    }
    put(to,
        "</span><span class='track'><i class='p%u' "
        "style='left:%.2f%%;width:%.2f%%'></i></span><span class='took'>%s"
        "</span></div>\n",
        step->part, lat ? (double)done / (double)lat * 100 : 0,
        lat ? (double)step->spent / (double)lat * 100 : 0, tb_draw_time(step->spent, text));
}

static void put_slow(struct tb_outfile *to, const struct tb_report_slow *s)
{
    char lat[32], end[32];
    uint64_t done = 0;
    put(to, "<div class='slow'><p><strong>%s</strong> until %s <code>", tb_draw_time(s->lat, lat),
        tb_draw_time(s->end, end));
    tb_draw_text(to, s->what);
    put(to, "</code></p>\n");
    for (size_t i = 0; i < s->count && i < MOST_STEPS; i++) {
        put_step(to, &s->steps[i], done, s->lat);
        done += s->steps[i].spent;
    }
    if (s->count > MOST_STEPS)
        put(to, "<p class='note'>and %zu steps more: slowest.txt</p>", s->count - MOST_STEPS);
    put(to, "</div>\n");
}

static void put_slowest(struct tb_outfile *to, const struct tb_report_run *r)
{
    const char *kind = "";
    unsigned of_kind = 0, all = 0;
    bool ordered = true;
    for (size_t i = 0; i < r->slow_count; i++)
        ordered &= r->slow[i].ordered;
    if (r->slow_count)
        put(to, "<h3>The slowest</h3>\n<p class='note'>%s</p>\n",
            ordered ? "Every stay of a transaction, in the order in which it happened."
                    : "How long each part of a transaction took. In which order and where, a trace "
                      "tells "
                      "(record: {trace: true}).");
    for (size_t i = 0; i < r->slow_count && all < MOST_SLOW; i++) {
        const struct tb_report_slow *s = &r->slow[i];
        bool new = strcmp(kind, s->kind) != 0;
        of_kind = new ? 0 : of_kind + 1;
        if (of_kind >= SLOW_PER_KIND)
            continue;
        if (new) {
            put(to, "%s<details%s><summary>", *kind ? "</details>\n" : "",
                *kind ? "" : " open='open'");
            tb_draw_text(to, s->kind);
            put(to, "</summary>\n");
        }
        kind = s->kind;
        all++;
        put_slow(to, s);
    }
    if (*kind)
        put(to, "</details>\n");
}

static void put_stats(struct tb_outfile *to, const struct tb_report_run *r)
{
    const char *key;
    json_t *value;
    size_t n = 0;
    put(to, "<details><summary>Counters</summary><div class='scroll'><table>\n");
    json_object_foreach (r->stats, key, value) {
        char text[32];
        if (strncmp(key, "latency.", 8) == 0 || n++ >= 400)
            continue;
        put(to, "<tr><td>");
        tb_draw_text(to, key);
        put(to, "</td><td>");
        if (json_is_integer(value) && json_integer_value(value) >= 0)
            put(to, "%s", tb_draw_count((uint64_t)json_integer_value(value), text));
        else
            tb_draw_text(to, json_string_value(value) ? json_string_value(value) : "");
        put(to, "</td></tr>\n");
    }
    put(to, "</table></div></details>\n");
}

static void put_run(struct tb_outfile *to, const struct tb_report_run *r)
{
    put_facts(to, r);
    if (!r->has_stats) {
        put(to, "<p class='note'>No statistics were recorded of this run.</p>\n");
        return;
    }
    put(to, "<h3>Latency</h3>\n");
    put_latency_table(to, r);
    put_curves(to, r);
    put_breakdown(to, r);
    put_rows(to, r, false, "Busy over time",
             "Share of the time in which a link or model was occupied, by window; the line is the "
             "mean number of messages "
             "that waited in front of a link, on a scale of its own.");
    put_rows(to, r, true, "Hit rates over time",
             "Share of look-ups that a cache answered, from 0 to 100 %, by window.");
    put(to, "<h3>Platform</h3>\n<p class='note'>The deeper the colour, the busier; memory on top, "
            "devices below. A link's "
            "two lines are its two directions.</p>\n");
    tb_draw_graph(to, r);
    put_slowest(to, r);
    put_stats(to, r);
}

/* -- Comparison
 * ----------------------------------------------------------------------------------------------------------
 */

static void put_change(struct tb_outfile *to, uint64_t from, uint64_t now)
{
    char text[32];
    uint64_t by = now > from ? now - from : from - now;
    if (by == 0) {
        put(to, "<td class='soft'>=</td>");
        return;
    }
    put(to, "<td class='%s'>%s%s", now > from ? "up" : "down", now > from ? "+" : "−",
        tb_draw_time(by, text));
    if (from)
        put(to, " (%+.1f %%)", ((double)now / (double)from - 1) * 100);
    put(to, "</td>");
}

/* The parts that moved most, most first: "walk +18.00 ns, queue −2.100 ns". */
static void put_moved(struct tb_outfile *to, const struct tb_report_group *a,
                      const struct tb_report_group *b)
{
    bool told[TB_PARTS] = {false};
    put(to, "<td class='wrap'>");
    for (unsigned n = 0; n < 3 && a->has_parts && b->has_parts; n++) {
        unsigned best = TB_PARTS;
        uint64_t most = 0;
        for (unsigned p = 0; p < TB_PARTS; p++) {
            uint64_t by =
                a->parts[p] > b->parts[p] ? a->parts[p] - b->parts[p] : b->parts[p] - a->parts[p];
            if (!told[p] && by > most) {
                best = p;
                most = by;
            }
        }
        if (best == TB_PARTS)
            break;
        char text[32];
        told[best] = true;
        put(to, "%s%s %s%s", n ? ", " : "", part_names[best],
            b->parts[best] > a->parts[best] ? "+" : "−", tb_draw_time(most, text));
    }
    put(to, "</td>");
}

static void put_compared(struct tb_outfile *to, const struct tb_report_group *a,
                         const struct tb_report_run *r)
{
    const struct tb_report_group *b = tb_report_group_like(r, a);
    char text[32], also[32];
    put(to, "<tr><td>");
    put_name(to, a);
    if (!b || !a->timed) {
        put(to, "</td><td class='wrap' colspan='6'>%s</td></tr>\n",
            b ? "unfinished in both" : "only in the first");
        return;
    }
    put(to, "</td><td>%s%s%s</td>", tb_draw_count(a->count, text),
        a->count == b->count ? "" : " → ",
        a->count == b->count ? "" : tb_draw_count(b->count, also));
    put_cell(to, a->mean);
    put_cell(to, b->mean);
    put_change(to, a->mean, b->mean);
    put_change(to, a->percentiles[3], b->percentiles[3]);
    put_moved(to, a, b);
    put(to, "</tr>\n");
}

static void put_only_new(struct tb_outfile *to, const struct tb_report_run *a,
                         const struct tb_report_run *b)
{
    for (size_t i = 0; i < b->group_count && i < MOST_GROUPS; i++) {
        if (tb_report_group_like(a, &b->groups[i]))
            continue;
        put(to, "<tr><td>");
        put_name(to, &b->groups[i]);
        put(to, "</td><td class='wrap' colspan='6'>only in the second: %" PRIu64 "</td></tr>\n",
            b->groups[i].count);
    }
}

static void put_table(struct tb_outfile *to, const struct tb_report_run *a,
                      const struct tb_report_run *b)
{
    char from[32], now[32];
    size_t n;
    const struct tb_report_group **top = heaviest(a, 1, MOST_GROUPS, &n);
    put(to, "<h3>");
    tb_draw_text(to, a->label);
    put(to, " → ");
    tb_draw_text(to, b->label);
    put(to, "</h3>\n<p>Simulated time %s → %s; resolved platforms %s.</p>\n",
        tb_draw_time(a->end, from), tb_draw_time(b->end, now),
        strcmp(a->resolved, b->resolved) ? "differ" : "are the same");
    put(to, "<div class='scroll'><table><tr><th>initiator and "
            "operation</th><th>count</th><th>mean</th><th>now</th>"
            "<th>mean moved</th><th>p99 moved</th><th style='text-align:left'>in which part (of "
            "the mean)</th></tr>\n");
    for (size_t i = 0; top && i < n; i++)
        put_compared(to, top[i], b);
    put_only_new(to, a, b);
    put(to, "</table></div>\n");
    free(top);
}

/* The same transactions in all runs, under each other, at one scale. */
static void put_side_by_side(struct tb_outfile *to, const struct tb_report *r,
                             const struct tb_report_group *g)
{
    uint64_t whole = 0;
    char text[32];
    for (size_t i = 0; i < r->count; i++) {
        const struct tb_report_group *o = tb_report_group_like(&r->runs[i], g);
        whole = o && o->mean > whole ? o->mean : whole;
    }
    put(to, "<span class='head'>");
    put_name(to, g);
    put(to, "</span>\n");
    for (size_t i = 0; i < r->count; i++) {
        const struct tb_report_group *o = tb_report_group_like(&r->runs[i], g);
        if (!o || !o->has_parts)
            continue;
        put(to, "<span class='name'>");
        tb_draw_text(to, r->runs[i].label);
        put(to, "</span>");
        put_bar(to, o, whole);
        put(to, "<span class='end'>%s</span>\n", tb_draw_time(o->mean, text));
    }
}

static void put_panel(struct tb_outfile *to, const struct tb_report *r,
                      const struct tb_report_group *g)
{
    struct tb_draw_curve curves[TB_DRAW_CURVES];
    size_t n = 0;
    for (size_t i = 0; i < r->count && n < TB_DRAW_CURVES; i++) {
        const struct tb_report_group *o = tb_report_group_like(&r->runs[i], g);
        /* A run keeps its colour in every chart. */
        curves[n++] = (struct tb_draw_curve){o ? o : g, r->runs[i].label};
    }
    put(to, "<div><strong>");
    put_name(to, g);
    put(to, "</strong>");
    tb_draw_cdf(to, curves, n);
    put(to, "</div>\n");
}

static void put_comparison(struct tb_outfile *to, const struct tb_report *r)
{
    struct tb_draw_curve legend[TB_DRAW_CURVES];
    size_t n, shown = 0;
    put(to, "<h2>What moved</h2>\n");
    for (size_t i = 1; i < r->count; i++)
        put_table(to, &r->runs[0], &r->runs[i]);
    const struct tb_report_group **top = heaviest(&r->runs[0], 1, 12, &n);
    if (!top || !n) {
        free(top);
        return;
    }
    put(to, "<h3>Where the time goes, side by side</h3>\n");
    put_part_legend(to);
    put(to, "<div class='bars'>\n");
    for (size_t i = 0; i < n; i++)
        if (top[i]->has_parts && top[i]->mean)
            put_side_by_side(to, r, top[i]);
    put(to, "</div>\n<h3>Latencies, side by side</h3>\n");
    size_t runs = r->count < TB_DRAW_CURVES ? r->count : TB_DRAW_CURVES;
    for (size_t i = 0; i < runs; i++)
        legend[i] = (struct tb_draw_curve){NULL, r->runs[i].label};
    tb_draw_legend(to, legend, runs);
    put(to, "<div class='charts'>\n");
    for (size_t i = 0; i < n && shown < MOST_PANELS; i++) {
        if (top[i]->count < 10)
            continue;
        put_panel(to, r, top[i]);
        shown++;
    }
    put(to, "</div>\n");
    free(top);
}

/* -- The page
 * ----------------------------------------------------------------------------------------------------------
 */

static void put_title(struct tb_outfile *to, const struct tb_report *r)
{
    tb_draw_text(to, r->runs[0].scenario);
    for (size_t i = 1; i < r->count; i++)
        if (strcmp(r->runs[i].scenario, r->runs[i - 1].scenario) != 0) {
            put(to, " and others");
            break;
        }
}

static void put_head(struct tb_outfile *to, const struct tb_report *r)
{
    put(to, "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'/>"
            "<meta name='viewport' content='width=device-width,initial-scale=1'/>\n<title>");
    put_title(to, r);
    put(to, " · Tollbridge</title>\n<style>\n%s</style></head>\n<body><main>\n<h1>",
        tb_report_style);
    put_title(to, r);
    put(to, "</h1>\n<p class='soft'>");
    if (r->count == 1) {
        put(to, "on ");
        tb_draw_text(to, r->runs[0].platform);
        if (*r->runs[0].run) {
            put(to, ", run ");
            tb_draw_text(to, r->runs[0].run);
        }
    } else {
        put(to, "%zu runs, each held to the first", r->count);
    }
    put(to, "</p>\n");
}

void tb_report_html(const struct tb_report *r, struct tb_outfile *to)
{
    put_head(to, r);
    if (r->count > 1)
        put_comparison(to, r);
    for (size_t i = 0; i < r->count && i < MOST_RUNS; i++) {
        if (r->count > 1) {
            put(to, "<h2>");
            tb_draw_text(to, r->runs[i].label);
            put(to, "</h2>\n");
        }
        put_run(to, &r->runs[i]);
    }
    if (r->count > MOST_RUNS)
        put(to, "<p class='note'>The first %d runs are drawn one by one.</p>\n", MOST_RUNS);
    put(to, "</main></body></html>\n");
}
