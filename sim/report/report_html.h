/* Pieces of the page that its parts share: report_html.c (a run), report_compare.c (several). */
#ifndef TB_REPORT_HTML_H
#define TB_REPORT_HTML_H

#include "report/report_draw.h"

extern const char *const tb_html_part_names[TB_PARTS];

/* The heaviest groups (count times mean) with at least `count` transactions, heaviest first, at
 * most `most`; to be freed. NULL: no memory. */
const struct tb_report_group **tb_html_heaviest(const struct tb_report_run *r, uint64_t count,
                                                size_t most, size_t *n);

void tb_html_name(struct tb_outfile *to, const struct tb_report_group *g);
void tb_html_cell(struct tb_outfile *to, uint64_t ps);
void tb_html_part_legend(struct tb_outfile *to);
/* Parts that are `sum` together, and what is told apart of them, in the order of the parts. */
struct tb_html_shares {
    const uint64_t *parts;
    const struct tb_report_detail *details;
    size_t detail_count;
    uint64_t sum;
};
static inline struct tb_html_shares tb_html_shares_of(const struct tb_report_group *g)
{
    return (struct tb_html_shares){g->parts, g->details, g->detail_count, g->mean};
}
/* A bar of them, as long as their sum is of `whole`. */
void tb_html_bar(struct tb_outfile *to, const struct tb_html_shares *of, uint64_t whole);

/* What moved from the first run to each other. */
void tb_html_comparison(struct tb_outfile *to, const struct tb_report *r);

#endif
