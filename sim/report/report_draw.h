/* Pieces of the HTML report. Charts stretch with the page: curves are SVG without text, labels are
 * HTML beside them, so that letters keep their size on a telephone and in a paper. Colours are the
 * page's variables. */
#ifndef TB_REPORT_DRAW_H
#define TB_REPORT_DRAW_H

#include "report/report.h"

#define TB_DRAW_CURVES 8 /* in one chart, at most: there are so many colours */

/* Text with what HTML would take for its own escaped. */
void tb_draw_text(struct tb_outfile *to, const char *text);

/* A duration with four digits and its unit: "812.5 ns", "1.32 µs". */
const char *tb_draw_time(uint64_t ps, char out[32]);
/* A count, thousands apart. */
const char *tb_draw_count(uint64_t value, char out[32]);

/* One curve: whose latencies, and what it is called. */
struct tb_draw_curve {
    const struct tb_report_group *group;
    const char *name;
};

/* Shares by latency (log), and the tail: latency (log) by percentile. */
void tb_draw_cdf(struct tb_outfile *to, const struct tb_draw_curve *curves, size_t count);
void tb_draw_tail(struct tb_outfile *to, const struct tb_draw_curve *curves, size_t count);
void tb_draw_legend(struct tb_outfile *to, const struct tb_draw_curve *curves, size_t count);

/* A link's or model's name; a link's may be broken between its ends. */
void tb_draw_link(struct tb_outfile *to, const char *name);

/* A component's row: how busy it was (up to `scale` percent), or how often it hit, by window. */
void tb_draw_series(struct tb_outfile *to, const struct tb_report_run *r,
                    const struct tb_report_component *c, unsigned scale);

/* The platform: models in layers above and below each other, by their distance from memory. */
void tb_draw_graph(struct tb_outfile *to, const struct tb_report_run *r);

extern const char tb_report_style[]; /* the page's CSS */

#endif
