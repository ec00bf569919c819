/* The HTML report: one file, no scripts, nothing fetched; see report.h. */
#include "report/report_html.h"

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
#define MOST_HOPS     16

const char *const tb_html_part_names[TB_PARTS] = {"queue", "wire", "bus", "bridge", "lookup",
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
const struct tb_report_group **tb_html_heaviest(const struct tb_report_run *r, uint64_t count,
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
    put(to, "<div><b%s>", strlen(value) > 10 ? " class='long'" : "");
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

void tb_html_cell(struct tb_outfile *to, uint64_t ps)
{
    char text[32];
    put(to, "<td>%s</td>", tb_draw_time(ps, text));
}

void tb_html_name(struct tb_outfile *to, const struct tb_report_group *g)
{
    char name[160];
    tb_report_group_name(g, name);
    tb_draw_text(to, name);
}

static void put_group_row(struct tb_outfile *to, const struct tb_report_group *g)
{
    char text[32];
    put(to, "<tr><td%s>", strcmp(g->status, "ok") ? " class='bad'" : "");
    tb_html_name(to, g);
    put(to, "</td><td>%s</td>", tb_draw_count(g->count, text));
    if (g->timed) {
        tb_html_cell(to, g->min);
        tb_html_cell(to, g->mean);
        for (unsigned p = 0; p < TB_REPORT_PERCENTILES; p++)
            tb_html_cell(to, g->percentiles[p]);
        tb_html_cell(to, g->max);
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
    const struct tb_report_group **top = tb_html_heaviest(r, 10, TB_DRAW_CURVES, &n);
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

void tb_html_part_legend(struct tb_outfile *to)
{
    put(to, "<p class='legend'>");
    for (unsigned p = 0; p < TB_PARTS; p++)
        put(to, "<span title='%s'><i class='p%u'></i>%s</span> ", part_docs[p], p,
            tb_html_part_names[p]);
    put(to, "</p>\n");
}

/* A piece of a bar: a part, or what is told apart of it, each a little lighter than the one before;
 * its figure where there is room for it. */
static void put_piece(struct tb_outfile *to, const struct tb_report_detail *d, uint64_t sum,
                      uint64_t whole, unsigned shade)
{
    double width = whole ? (double)d->mean / (double)whole * 100 : 0;
    double share = sum ? (double)d->mean / (double)sum * 100 : 0;
    if (d->mean == 0)
        return;
    put(to, "<span class='p%u s%u' style='width:%.2f%%' title='", d->part, shade, width);
    tb_draw_text(to, d->name);
    put(to, " %.1f %%'>", share);
    if (width >= 7)
        put(to, "%.0f %%", share);
    put(to, "</span>");
}

void tb_html_bar(struct tb_outfile *to, const struct tb_html_shares *of, uint64_t whole)
{
    size_t i = 0;
    put(to, "<div class='bar'>");
    for (unsigned p = 0; p < TB_PARTS; p++) {
        struct tb_report_detail rest = {tb_html_part_names[p], p, of->parts[p]};
        for (size_t k = i; k < of->detail_count && of->details[k].part == p; k++)
            rest.mean -= of->details[k].mean;
        put_piece(to, &rest, of->sum, whole, 0);
        for (unsigned shade = rest.mean > 0; i < of->detail_count && of->details[i].part == p; i++)
            put_piece(to, &of->details[i], of->sum, whole, shade++ % 3);
    }
    put(to, "</div>");
}

static void put_breakdown(struct tb_outfile *to, const struct tb_report_run *r)
{
    char text[32];
    size_t n;
    const struct tb_report_group **top = tb_html_heaviest(r, 1, MOST_GROUPS, &n);
    bool any = false;
    for (size_t i = 0; top && i < n; i++) {
        if (!top[i]->has_parts || top[i]->mean == 0)
            continue;
        if (!any) {
            put(to, "<h3>Where the time goes</h3>\n");
            tb_html_part_legend(to);
            put(to, "<div class='bars'>\n");
        }
        any = true;
        put(to, "<span class='name'>");
        tb_html_name(to, top[i]);
        put(to, "</span>");
        struct tb_html_shares shares = tb_html_shares_of(top[i]);
        tb_html_bar(to, &shares, top[i]->mean);
        put(to, "<span class='end'>%s</span>\n", tb_draw_time(top[i]->mean, text));
    }
    if (any)
        put(to, "</div><p class='note'>Shares of the mean latency; the parts of every single "
                "transaction add up to "
                "its latency. Shades of a colour tell apart what a part consists of: the way there "
                "and "
                "back, levels of a walk and their memory.</p>\n");
    free(top);
}

static int by_time(const void *a, const void *b)
{
    const struct tb_report_hop *x = *(const struct tb_report_hop *const *)a;
    const struct tb_report_hop *y = *(const struct tb_report_hop *const *)b;
    return x->sum != y->sum ? (x->sum > y->sum ? -1 : 1) : strcmp(x->where, y->where);
}

static void put_hop_bars(struct tb_outfile *to, const struct tb_report_hop **all, size_t n,
                         uint64_t per)
{
    char text[32];
    for (size_t i = 0; i < n && i < MOST_HOPS; i++) {
        put(to, "<span class='name'>");
        tb_draw_link(to, all[i]->where);
        put(to, "</span>");
        struct tb_html_shares shares = {.parts = all[i]->parts, .sum = all[i]->sum};
        tb_html_bar(to, &shares, all[0]->sum);
        put(to, "<span class='end'>%s</span>\n", tb_draw_time(all[i]->sum / per, text));
    }
}

/* The same time, by where it was spent. */
static void put_hops(struct tb_outfile *to, const struct tb_report_run *r)
{
    const struct tb_report_hop **all = calloc(r->hop_count + 1, sizeof(struct tb_report_hop *));
    const char *of;
    uint64_t per = tb_report_per(r, &of);
    size_t n = 0;
    for (size_t i = 0; all && i < r->hop_count; i++)
        if (r->hops[i].sum)
            all[n++] = &r->hops[i];
    if (n) {
        qsort(all, n, sizeof(struct tb_report_hop *), by_time);
        put(to,
            "<h3>In which hop</h3>\n<p class='note'>Time that all transactions (page walks and "
            "register accesses too) spent at a link or model, per %s.</p>\n<div "
            "class='bars'>\n",
            of);
        put_hop_bars(to, all, n, per);
        put(to, "</div>\n");
    }
    if (n > MOST_HOPS)
        put(to, "<p class='note'>%zu more are in stats.json.</p>\n", n - MOST_HOPS);
    free(all);
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

/* The busiest window of all rows fits: 1, 2, 5, 10, 20, 50 or 100 %. */
static unsigned scale_of(const struct tb_report_run *r)
{
    static const unsigned scales[] = {1, 2, 5, 10, 20, 50};
    double most = 0;
    for (size_t i = 0; i < r->component_count; i++)
        for (unsigned w = 0; w < r->windows; w++) {
            double share = (double)r->components[i].at[TB_FIGURE_BUSY][w] * 100 /
                           (double)tb_report_length(r, w);
            most = share > most ? share : most;
        }
    for (size_t k = 0; k < sizeof scales / sizeof *scales; k++)
        if (most <= scales[k])
            return scales[k];
    return 100;
}

/* Caches, or else what is busy. */
static void put_rows(struct tb_outfile *to, const struct tb_report_run *r, bool caches,
                     const char *title, const char *note)
{
    const struct tb_report_component **all =
        calloc(r->component_count + 1, sizeof(struct tb_report_component *));
    unsigned scale = caches ? 100 : scale_of(r);
    size_t n = 0;
    for (size_t i = 0; all && i < r->component_count; i++)
        if (is_cache(&r->components[i]) == caches)
            all[n++] = &r->components[i];
    if (n && r->end) {
        if (!caches)
            qsort(all, n, sizeof(struct tb_report_component *), by_load);
        put(to,
            "<h3>%s</h3>\n<p class='note'>%s from 0 to %u %%, by window.%s</p>\n<div "
            "class='rows'>\n",
            title, note, scale,
            caches ? ""
                   : " The line is the mean number of messages that waited in front of a link, "
                     "on a scale of its own.");
        for (size_t i = 0; i < n && i < MOST_ROWS; i++)
            tb_draw_series(to, r, all[i], scale);
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
    put(to, "<div class='step'><span class='where'>");
    tb_draw_text(to, step->name);
    put(to, " ");
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
    put_hops(to, r);
    put_rows(to, r, false, "Busy over time",
             "Share of the time in which a link or model was occupied,");
    put_rows(to, r, true, "Hit rates over time",
             "Share of look-ups that a cache (IOTLB, ATC, device table) answered,");
    put(to, "<h3>Platform</h3>\n<p class='note'>The deeper the colour, the busier; memory on top, "
            "devices below. A link's "
            "two lines are its two directions.</p>\n");
    tb_draw_graph(to, r);
    put_slowest(to, r);
    put_stats(to, r);
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
        tb_html_comparison(to, r);
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
