/* Charts of the HTML report; see report_draw.h. */
#include "report/report_draw.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* -- Words
 * ------------------------------------------------------------------------------------------------
 */

void tb_draw_text(struct tb_outfile *to, const char *text)
{
    static const struct {
        char c;
        const char *as;
    } escapes[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (; *text; text++) {
        const char *as = NULL;
        for (size_t k = 0; k < sizeof escapes / sizeof *escapes; k++)
            as = escapes[k].c == *text ? escapes[k].as : as;
        if ((unsigned char)*text < ' ')
            as = " ";
        tb_outfile_put(to, as ? as : text, as ? strlen(as) : 1);
    }
}

const char *tb_draw_time(uint64_t ps, char out[32])
{
    static const struct {
        double ps;
        const char *unit;
    } units[] = {{1e12, "s"}, {1e9, "ms"}, {1e6, "µs"}, {1e3, "ns"}};
    for (size_t k = 0; k < sizeof units / sizeof *units; k++) {
        double value = (double)ps / units[k].ps;
        if (value < 1 && k + 1 < sizeof units / sizeof *units)
            continue;
        snprintf(out, 32, "%.*f %s", value < 10 ? 3 : value < 100 ? 2 : 1, value, units[k].unit);
        break;
    }
    return out;
}

const char *tb_draw_count(uint64_t value, char out[32])
{
    char digits[24], *to = out;
    size_t length = (size_t)snprintf(digits, sizeof digits, "%" PRIu64, value);
    for (size_t i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            *to++ = ' ';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

/* -- Axes of latencies
 * --------------------------------------------------------------------------------------- */

struct axis {
    double from, to; /* logarithms of ps */
};

static struct axis axis_of(const struct tb_draw_curve *curves, size_t count)
{
    double min = 1e300, max = 0;
    for (size_t i = 0; i < count; i++) {
        min = fmin(min, (double)curves[i].group->min);
        max = fmax(max, (double)curves[i].group->max);
    }
    min = fmax(min, 1);
    max = fmax(max, min);
    struct axis a = {log10(min), log10(max)};
    double room = fmax((a.to - a.from) * 0.03, 0.02);
    return (struct axis){a.from - room, a.to + room};
}

/* Where a latency lies, 0 to 1. */
static double place(const struct axis *a, uint64_t value)
{
    double at = (log10(value ? (double)value : 1) - a->from) / (a->to - a->from);
    return at < 0 ? 0 : at > 1 ? 1 : at;
}

/* Round values: 1, 2 and 5 times powers of ten where there is room for them, else powers of ten; on
 * a short axis, steps of a tenth of its first power. Returns how many. */
static unsigned ticks_of(const struct axis *a, double ticks[16])
{
    static const double fine[] = {1, 2, 5}, coarse[] = {1};
    double span = a->to - a->from;
    const double *steps = span > 2.2 ? coarse : fine;
    unsigned per = span > 2.2 ? 1 : 3, n = 0;
    if (span < 0.5) { /* linear steps */
        double low = pow(10, a->from), high = pow(10, a->to),
               step = pow(10, floor(log10(high - low)));
        step = (high - low) / step > 5 ? step * 2 : (high - low) / step < 2 ? step / 2 : step;
        for (double v = ceil(low / step) * step; v <= high && n < 16; v += step)
            ticks[n++] = v;
        return n;
    }
    for (int e = (int)floor(a->from); e <= (int)ceil(a->to); e++)
        for (unsigned k = 0; k < per; k++) {
            double v = steps[k] * pow(10, e), at = log10(v);
            if (at >= a->from && at <= a->to && n < 16)
                ticks[n++] = v;
        }
    return n;
}

/* A tick's words are short: "500 ns", "2 µs". */
static void put_tick(struct tb_outfile *to, double ps)
{
    static const char *const units[] = {"ps", "ns", "µs", "ms", "s"};
    unsigned k = 0;
    for (; ps >= 999.9995 && k < 4; k++)
        ps /= 1000;
    tb_outfile_print(to, "%.4g %s", ps, units[k]);
}

static void begin_chart(struct tb_outfile *to, const char *title)
{
    tb_outfile_print(to, "<figure class='chart'><figcaption>%s</figcaption><div class='plot'>",
                     title);
}

static void put_y(struct tb_outfile *to, double share)
{
    tb_outfile_print(to, "<i class='gy' style='top:%.2f%%'></i><b class='ly' style='top:%.2f%%'>",
                     share * 100, share * 100);
}

static void put_x(struct tb_outfile *to, double share)
{
    tb_outfile_print(to, "<i class='gx' style='left:%.2f%%'></i><b class='lx' style='left:%.2f%%'>",
                     share * 100, share * 100);
}

static void begin_curves(struct tb_outfile *to)
{
    tb_outfile_print(to,
                     "<svg viewBox='0 0 1000 1000' preserveAspectRatio='none' aria-hidden='true'>");
}

static void end_chart(struct tb_outfile *to)
{
    tb_outfile_print(to, "</svg></div></figure>\n");
}

/* -- Shares by latency
 * ------------------------------------------------------------------------------------------- */

static void cdf_curve(struct tb_outfile *to, const struct axis *a, const struct tb_report_group *g,
                      unsigned colour)
{
    tb_outfile_print(to, "<path class='curve c%u' d='M%.1f 1000", colour, place(a, g->min) * 1000);
    for (size_t i = 0; i < g->points; i++)
        tb_outfile_print(to, "H%.1fV%.1f", place(a, g->cdf[i].value) * 1000,
                         1000 - (double)g->cdf[i].count / (double)g->count * 1000);
    tb_outfile_print(to, "'/>");
}

void tb_draw_cdf(struct tb_outfile *to, const struct tb_draw_curve *curves, size_t count)
{
    static const char *const shares[] = {"100 %", "75 %", "50 %", "25 %", "0"};
    struct axis a = axis_of(curves, count);
    double ticks[16];
    unsigned n = ticks_of(&a, ticks);
    begin_chart(to, "Share of transactions that took at most so long");
    for (unsigned i = 0; i < 5; i++) {
        put_y(to, i * 0.25);
        tb_outfile_print(to, "%s</b>", shares[i]);
    }
    for (unsigned i = 0; i < n; i++) {
        put_x(to, (log10(ticks[i]) - a.from) / (a.to - a.from));
        put_tick(to, ticks[i]);
        tb_outfile_print(to, "</b>");
    }
    begin_curves(to);
    for (size_t i = 0; i < count; i++)
        cdf_curve(to, &a, curves[i].group, (unsigned)i);
    end_chart(to);
}

/* -- The tail
 * ----------------------------------------------------------------------------------------------------------
 */

#define NINES 4.0 /* the axis ends at 99.99 % */

/* Percentiles lie by their number of nines. */
static double nines(double share)
{
    double n = -log10(fmax(1 - share, 1e-12));
    return n > NINES ? 1 : n / NINES;
}

static void tail_curve(struct tb_outfile *to, const struct axis *a, const struct tb_report_group *g,
                       unsigned colour)
{
    double before = 0;
    tb_outfile_print(to, "<path class='curve c%u' d='M0 %.1f", colour,
                     1000 - place(a, g->min) * 1000);
    for (size_t i = 0; i < g->points && before < 1; i++) {
        double share = (double)g->cdf[i].count / (double)g->count;
        tb_outfile_print(to, "V%.1fH%.1f", 1000 - place(a, g->cdf[i].value) * 1000,
                         nines(share) * 1000);
        before = nines(share);
    }
    tb_outfile_print(to, "'/>");
}

void tb_draw_tail(struct tb_outfile *to, const struct tb_draw_curve *curves, size_t count)
{
    static const struct {
        double share;
        const char *name;
    } marks[] = {{0, "0"},     {0.5, "50"},     {0.9, "90"},
                 {0.99, "99"}, {0.999, "99.9"}, {0.9999, "99.99 %"}};
    struct axis a = axis_of(curves, count);
    double ticks[16];
    unsigned n = ticks_of(&a, ticks);
    begin_chart(to, "The tail: latency by percentile");
    for (unsigned i = 0; i < n; i++) {
        put_y(to, 1 - (log10(ticks[i]) - a.from) / (a.to - a.from));
        put_tick(to, ticks[i]);
        tb_outfile_print(to, "</b>");
    }
    for (unsigned i = 0; i < sizeof marks / sizeof *marks; i++) {
        put_x(to, nines(marks[i].share));
        tb_outfile_print(to, "%s</b>", marks[i].name);
    }
    begin_curves(to);
    for (size_t i = 0; i < count; i++)
        tail_curve(to, &a, curves[i].group, (unsigned)i);
    end_chart(to);
}

void tb_draw_legend(struct tb_outfile *to, const struct tb_draw_curve *curves, size_t count)
{
    tb_outfile_print(to, "<p class='legend'>");
    for (size_t i = 0; i < count; i++) {
        tb_outfile_print(to, "<span><i class='line c%zu'></i>", i);
        tb_draw_text(to, curves[i].name);
        tb_outfile_print(to, "</span> ");
    }
    tb_outfile_print(to, "</p>\n");
}

/* -- Over time
 * --------------------------------------------------------------------------------------------------------------
 */

static double share_of(uint64_t part, uint64_t whole)
{
    double share = whole ? (double)part / (double)whole : 0;
    return share > 1 ? 1 : share;
}

/* An area under a row of shares. */
static void area(struct tb_outfile *to, const struct tb_report_run *r,
                 const struct tb_report_component *c, unsigned scale)
{
    double x = 0;
    tb_outfile_print(to, "<path class='area' d='M0 100");
    for (unsigned w = 0; w < r->windows; w++) {
        x += (double)tb_report_length(r, w) / (double)r->end * 1000;
        tb_outfile_print(
            to, "V%.1fH%.1f",
            100 - share_of(c->at[TB_FIGURE_BUSY][w], tb_report_length(r, w)) * 1e4 / scale, x);
    }
    tb_outfile_print(to, "V100z'/>");
}

/* The mean queue, on a scale of its own. */
static void queue_line(struct tb_outfile *to, const struct tb_report_run *r,
                       const struct tb_report_component *c)
{
    double most = 0, x = 0;
    for (unsigned w = 0; w < r->windows; w++)
        most = fmax(most, (double)c->at[TB_FIGURE_WAITED][w] / (double)tb_report_length(r, w));
    if (most == 0)
        return;
    most = fmax(most, 1);
    const char *draw = "M0 ";
    tb_outfile_print(to, "<path class='queue' d='");
    for (unsigned w = 0; w < r->windows; w++) {
        double mean = (double)c->at[TB_FIGURE_WAITED][w] / (double)tb_report_length(r, w);
        x += (double)tb_report_length(r, w) / (double)r->end * 1000;
        tb_outfile_print(to, "%s%.1fH%.1f", draw, 100 - mean / most * 96, x);
        draw = "V";
    }
    tb_outfile_print(to, "'/>");
}

/* Hit rates; where nothing was looked up there is no line. */
static void rate_line(struct tb_outfile *to, const struct tb_report_run *r,
                      const struct tb_report_component *c)
{
    double x = 0;
    bool down = false;
    tb_outfile_print(to, "<path class='rate' d='");
    for (unsigned w = 0; w < r->windows; w++) {
        uint64_t hits = c->at[TB_FIGURE_HITS][w], all = hits + c->at[TB_FIGURE_MISSES][w];
        double from = x, y = 98 - share_of(hits, all) * 96;
        x += (double)tb_report_length(r, w) / (double)r->end * 1000;
        if (all && !down)
            tb_outfile_print(to, "M%.1f %.1fH%.1f", from, y, x);
        else if (all)
            tb_outfile_print(to, "V%.1fH%.1f", y, x);
        down = all != 0;
    }
    tb_outfile_print(to, "'/>");
}

static void series_figures(struct tb_outfile *to, const struct tb_report_run *r,
                           const struct tb_report_component *c)
{
    char text[32];
    uint64_t hits = c->sum[TB_FIGURE_HITS], all = hits + c->sum[TB_FIGURE_MISSES];
    if (all) {
        tb_outfile_print(to, "<strong>%.1f %%</strong> of %s", share_of(hits, all) * 100,
                         tb_draw_count(all, text));
        return;
    }
    tb_outfile_print(to, "<strong>%.1f %%</strong>",
                     share_of(c->sum[TB_FIGURE_BUSY], r->end) * 100);
    if (c->sum[TB_FIGURE_DEEPEST])
        tb_outfile_print(to, " <em>queue ≤ %" PRIu64 "</em>", c->sum[TB_FIGURE_DEEPEST]);
    if (c->sum[TB_FIGURE_STALLS])
        tb_outfile_print(to, " %s stalls", tb_draw_count(c->sum[TB_FIGURE_STALLS], text));
}

/* A link's name may break between its ends. */
void tb_draw_link(struct tb_outfile *to, const char *name)
{
    const char *ends = strchr(name, '>');
    char from[128];
    snprintf(from, sizeof from, "%.*s", ends ? (int)(ends - name) : 127, name);
    tb_draw_text(to, from);
    if (!ends)
        return;
    tb_outfile_print(to, "<wbr/>&gt;");
    tb_draw_text(to, ends + 1);
}

void tb_draw_series(struct tb_outfile *to, const struct tb_report_run *r,
                    const struct tb_report_component *c, unsigned scale)
{
    tb_outfile_print(to, "<div class='row'><span class='name'>");
    tb_draw_link(to, c->name);
    tb_outfile_print(
        to, "</span><svg viewBox='0 0 1000 100' preserveAspectRatio='none' aria-hidden='true'>");
    if (strcmp(c->kind, "cache") == 0) {
        rate_line(to, r, c);
    } else {
        area(to, r, c, scale);
        queue_line(to, r, c);
    }
    tb_outfile_print(to, "</svg><span class='figure'>");
    series_figures(to, r, c);
    tb_outfile_print(to, "</span></div>\n");
}
