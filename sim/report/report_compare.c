/* The part of the page that holds several runs to the first; see report.h. */
#include "report/report_html.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_GROUPS  64 /* rows of a table */
#define MOST_GROUPED 12 /* groups whose parts stand side by side */
#define MOST_BARS    96 /* of all runs */
#define MOST_PANELS  6  /* of these, with curves */
#define MOST_COLUMNS 3  /* of the table of all runs */
#define MOST_HOPS    12
#define MOST_OPEN    4 /* runs whose tables are shown without a click */

#define put tb_outfile_print

/* -- Words ---------------------------------------------------------------------------------------
 */

static void put_difference(struct tb_outfile *to, uint64_t from, uint64_t now)
{
    char text[32];
    put(to, "%s%s", now > from ? "+" : "−",
        tb_draw_time(now > from ? now - from : from - now, text));
}

static void put_share(struct tb_outfile *to, uint64_t from, uint64_t now)
{
    if (from)
        put(to, " (%s%.1f %%)", now > from ? "+" : "−", fabs((double)now / (double)from - 1) * 100);
}

static void put_change(struct tb_outfile *to, uint64_t from, uint64_t now)
{
    if (now == from) {
        put(to, "<td class='soft'>=</td>");
        return;
    }
    put(to, "<td class='%s'>", now > from ? "up" : "down");
    put_difference(to, from, now);
    put_share(to, from, now);
    put(to, "</td>");
}

/* The parts that moved most, most first: "walk +18.00 ns, queue −2.100 ns". */
static void put_moved(struct tb_outfile *to, const uint64_t from[TB_PARTS],
                      const uint64_t now[TB_PARTS])
{
    bool told[TB_PARTS] = {false};
    put(to, "<td class='wrap'>");
    for (unsigned n = 0; n < 3; n++) {
        unsigned best = TB_PARTS;
        uint64_t most = 0;
        for (unsigned p = 0; p < TB_PARTS; p++) {
            uint64_t by = from[p] > now[p] ? from[p] - now[p] : now[p] - from[p];
            if (!told[p] && by > most) {
                best = p;
                most = by;
            }
        }
        if (best == TB_PARTS)
            break;
        told[best] = true;
        put(to, "%s<span class='whole'>%s ", n ? ", " : "", tb_html_part_names[best]);
        put_difference(to, from[best], now[best]);
        put(to, "</span>");
    }
    put(to, "</td>");
}

/* -- By transactions -----------------------------------------------------------------------------
 */

static void put_compared(struct tb_outfile *to, const struct tb_report_group *a,
                         const struct tb_report_group *b)
{
    char text[32], also[32];
    put(to, "<tr><td>");
    tb_html_name(to, a);
    if (!b || !a->timed || !b->timed) {
        put(to, "</td><td class='wrap' colspan='6'>%s</td></tr>\n",
            b ? "unfinished" : "only in the first");
        return;
    }
    if (strcmp(a->at, b->at) != 0) {
        put(to, " → ");
        tb_draw_text(to, b->at);
    }
    put(to, "</td><td>%s%s%s</td>", tb_draw_count(a->count, text),
        a->count == b->count ? "" : " → ",
        a->count == b->count ? "" : tb_draw_count(b->count, also));
    tb_html_cell(to, a->mean);
    tb_html_cell(to, b->mean);
    put_change(to, a->mean, b->mean);
    put_change(to, a->percentiles[3], b->percentiles[3]);
    put_moved(to, a->parts, b->parts);
    put(to, "</tr>\n");
}

static void put_only_new(struct tb_outfile *to, const struct tb_report_run *a,
                         const struct tb_report_run *b)
{
    char text[32];
    for (size_t i = 0; i < b->group_count && i < MOST_GROUPS; i++) {
        if (tb_report_group_match(b, &b->groups[i], a))
            continue;
        put(to, "<tr><td>");
        tb_html_name(to, &b->groups[i]);
        put(to, "</td><td class='wrap' colspan='6'>only in the second: %s</td></tr>\n",
            tb_draw_count(b->groups[i].count, text));
    }
}

static void put_transactions(struct tb_outfile *to, const struct tb_report_run *a,
                             const struct tb_report_run *b)
{
    size_t n;
    const struct tb_report_group **top = tb_html_heaviest(a, 1, MOST_GROUPS, &n);
    put(to, "<div class='scroll'><table><tr><th>initiator and "
            "operation</th><th>count</th><th>mean</th><th>now</th>"
            "<th>mean moved</th><th>p99 moved</th><th class='first'>in which part (of "
            "the mean)</th></tr>\n");
    for (size_t i = 0; top && i < n; i++)
        put_compared(to, top[i], tb_report_group_match(a, top[i], b));
    put_only_new(to, a, b);
    put(to, "</table></div>\n");
    free(top);
}

/* -- By hops -------------------------------------------------------------------------------------
 */

static void put_hop(struct tb_outfile *to, const struct tb_report_moved *m)
{
    put(to, "<tr><td>");
    tb_draw_link(to, m->where);
    put(to, "</td>");
    tb_html_cell(to, m->from_sum);
    tb_html_cell(to, m->now_sum);
    put_change(to, m->from_sum, m->now_sum);
    put_moved(to, m->from, m->now);
    put(to, "</tr>\n");
}

static void put_hops(struct tb_outfile *to, const struct tb_report_run *a,
                     const struct tb_report_run *b)
{
    const char *of;
    size_t n;
    struct tb_report_moved *all = tb_report_hops_moved(a, b, &n);
    tb_report_per(a, &of);
    if (all && n) {
        put(to,
            "<p class='note'>In which hop: time that all transactions spent at a link or model, "
            "per %s.</p>\n"
            "<div class='scroll'><table><tr><th>hop</th><th>mean</th><th>now</th><th>moved</th>"
            "<th class='first'>in which part</th></tr>\n",
            of);
        for (size_t i = 0; i < n && i < MOST_HOPS; i++)
            put_hop(to, &all[i]);
        put(to, "</table></div>\n");
    }
    if (n > MOST_HOPS)
        put(to, "<p class='note'>%zu more moved less.</p>\n", n - MOST_HOPS);
    free(all);
}

/* -- A pair --------------------------------------------------------------------------------------
 */

static void put_pair_name(struct tb_outfile *to, const struct tb_report_run *a,
                          const struct tb_report_run *b)
{
    tb_draw_text(to, a->label);
    put(to, " → ");
    tb_draw_text(to, b->label);
}

/* Of many runs only the heading is shown at once. */
static void put_pair(struct tb_outfile *to, const struct tb_report_run *a,
                     const struct tb_report_run *b, bool folded)
{
    char from[32], now[32];
    put(to, folded ? "<details><summary>" : "<h3>");
    put_pair_name(to, a, b);
    put(to, folded ? "</summary>\n" : "</h3>\n");
    put(to, "<p>Simulated time %s → %s; resolved platforms %s.</p>\n", tb_draw_time(a->end, from),
        tb_draw_time(b->end, now), strcmp(a->resolved, b->resolved) ? "differ" : "are the same");
    put_transactions(to, a, b);
    put_hops(to, a, b);
    if (folded)
        put(to, "</details>\n");
}

/* -- All runs ------------------------------------------------------------------------------------
 */

static void put_mean(struct tb_outfile *to, const struct tb_report_group *base,
                     const struct tb_report_group *g)
{
    char text[32];
    if (!g || !g->timed) {
        put(to, "<td class='soft'>none</td>");
        return;
    }
    put(to, "<td>%s", tb_draw_time(g->mean, text));
    if (g != base && g->mean != base->mean) {
        put(to, "<span class='%s'>", g->mean > base->mean ? "up" : "down");
        put_share(to, base->mean, g->mean);
        put(to, "</span>");
    }
    put(to, "</td>");
}

/* The means of what weighs most, a row for each run. */
static void put_overview(struct tb_outfile *to, const struct tb_report *r)
{
    char text[32];
    size_t n;
    const struct tb_report_run *base = &r->runs[0];
    const struct tb_report_group **top = tb_html_heaviest(base, 1, MOST_COLUMNS, &n);
    put(to, "<div class='scroll'><table><tr><th>run</th><th>simulated</th>");
    for (size_t k = 0; top && k < n; k++) {
        put(to, "<th>");
        tb_html_name(to, top[k]);
        put(to, "</th>");
    }
    put(to, "</tr>\n");
    for (size_t i = 0; i < r->count; i++) {
        put(to, "<tr><td>");
        tb_draw_text(to, r->runs[i].label);
        put(to, "</td><td>%s</td>", tb_draw_time(r->runs[i].end, text));
        for (size_t k = 0; top && k < n; k++)
            put_mean(to, top[k], tb_report_group_match(base, top[k], &r->runs[i]));
        put(to, "</tr>\n");
    }
    put(to, "</table></div>\n<p class='note'>Mean latencies, and how they differ from the "
            "first run's.</p>\n");
    free(top);
}

/* The same transactions in all runs, under each other, at one scale. */
static void put_side_by_side(struct tb_outfile *to, const struct tb_report *r,
                             const struct tb_report_group *g)
{
    uint64_t whole = 0;
    char text[32];
    for (size_t i = 0; i < r->count; i++) {
        const struct tb_report_group *o = tb_report_group_match(&r->runs[0], g, &r->runs[i]);
        whole = o && o->mean > whole ? o->mean : whole;
    }
    put(to, "<span class='head'>");
    tb_html_name(to, g);
    put(to, "</span>\n");
    for (size_t i = 0; i < r->count; i++) {
        const struct tb_report_group *o = tb_report_group_match(&r->runs[0], g, &r->runs[i]);
        if (!o || !o->has_parts)
            continue;
        put(to, "<span class='name'>");
        tb_draw_text(to, r->runs[i].label);
        put(to, "</span>");
        struct tb_html_shares shares = tb_html_shares_of(o);
        tb_html_bar(to, &shares, whole);
        put(to, "<span class='end'>%s</span>\n", tb_draw_time(o->mean, text));
    }
}

/* A run keeps its colour in every chart. */
static void put_panel(struct tb_outfile *to, const struct tb_report *r,
                      const struct tb_report_group *g)
{
    struct tb_draw_curve curves[TB_DRAW_CURVES];
    size_t n = 0;
    for (size_t i = 0; i < r->count && n < TB_DRAW_CURVES; i++) {
        const struct tb_report_group *o = tb_report_group_match(&r->runs[0], g, &r->runs[i]);
        curves[n++] = (struct tb_draw_curve){o && o->timed ? o : g, r->runs[i].label};
    }
    put(to, "<div><strong>");
    tb_html_name(to, g);
    put(to, "</strong>");
    tb_draw_cdf(to, curves, n);
    put(to, "</div>\n");
}

static void put_panels(struct tb_outfile *to, const struct tb_report *r,
                       const struct tb_report_group *const *top, size_t n)
{
    struct tb_draw_curve legend[TB_DRAW_CURVES];
    size_t shown = 0, runs = r->count < TB_DRAW_CURVES ? r->count : TB_DRAW_CURVES;
    put(to, "<h3>Latencies, side by side</h3>\n");
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
    if (r->count > runs)
        put(to, "<p class='note'>The first %zu runs.</p>\n", runs);
}

void tb_html_comparison(struct tb_outfile *to, const struct tb_report *r)
{
    size_t n, groups = MOST_BARS / r->count;
    put(to, "<h2>What moved</h2>\n");
    if (r->count > 2)
        put_overview(to, r);
    for (size_t i = 1; i < r->count; i++)
        put_pair(to, &r->runs[0], &r->runs[i], r->count > MOST_OPEN + 1);
    const struct tb_report_group **top = tb_html_heaviest(&r->runs[0], 1,
                                                          groups < 1              ? 1
                                                          : groups < MOST_GROUPED ? groups
                                                                                  : MOST_GROUPED,
                                                          &n);
    if (top && n) {
        put(to, "<h3>Where the time goes, side by side</h3>\n");
        tb_html_part_legend(to);
        put(to, "<div class='bars'>\n");
        for (size_t i = 0; i < n; i++)
            if (top[i]->has_parts && top[i]->mean)
                put_side_by_side(to, r, top[i]);
        put(to, "</div>\n");
        put_panels(to, r, top, n);
    }
    free(top);
}
