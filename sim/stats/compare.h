/* `compare:` of a scenario: one table of all its runs.
 *
 *     compare:
 *       baseline: untranslated
 *       columns: [time, {value: dma.mean, relative: true}, {value: dma0.atc_hits, percent_of:
 * dma0.atc_lookups}]
 *
 * A value is `time` (the end of the run), `events`, KIND.count|failed|min|mean|max of the log's
 * kinds, safety.stale, safety.violations, safety.window, safety.late (the checker's), or
 * MODEL.COUNTER. Run names with a '/' form groups, and each is held to its own baseline.
 */
#ifndef TB_COMPARE_H
#define TB_COMPARE_H

#include "log/log.h"

#include <jansson.h>

struct tb_compare;

/* Reads the columns, against the models of a run; errors go to diag. NULL: there is none, or
 * errors. */
struct tb_compare *tb_compare_new(struct tb_sim *s, const struct tb_node *node,
                                  struct tb_diag *diag);
void tb_compare_free(struct tb_compare *c);

/* Adds the row of a run that has ended. False: no memory. */
bool tb_compare_add(struct tb_compare *c, struct tb_sim *s, const struct tb_log *log);

void tb_compare_print(const struct tb_compare *c, FILE *to, bool colour);

/* The same: times in picoseconds, a row per run, a first line of titles. */
void tb_compare_csv(const struct tb_compare *c, struct tb_outfile *to);

#endif
