/* Statistics as files: one registry of named figures, written as text, CSV and JSON; and tables of
 * latencies, parts and usage. What a run is called is the first column of every table: empty if the
 * scenario has one run only. */
#ifndef TB_STATS_WRITE_H
#define TB_STATS_WRITE_H

#include "log/log.h"
#include "log/outfile.h"
#include "stats/stats.h"

#include <jansson.h>

/* The registry: calls `visit` for every figure of the run, in a fixed order: time and events,
 * models' counters, transactions by kind and status, latencies with percentiles and parts by group,
 * links, caches. `value` may exceed 64 bits (sums); units are "ps", "bytes", "count". */
typedef void tb_stat_visit(void *context, const char *name, unsigned __int128 value,
                           const char *unit, const char *doc);
void tb_stats_visit(const struct tb_stats *st, const struct tb_log *log, tb_stat_visit *visit,
                    void *context);

/* First lines, then what one run adds. */
void tb_stats_text(const struct tb_stats *st, const struct tb_log *log, const char *run,
                   struct tb_outfile *to);
void tb_stats_csv_head(struct tb_outfile *to);
void tb_stats_csv(const struct tb_stats *st, const struct tb_log *log, const char *run,
                  struct tb_outfile *to);
void tb_latency_csv_head(struct tb_outfile *to);
void tb_latency_csv(const struct tb_stats *st, const char *run, struct tb_outfile *to);
void tb_breakdown_csv_head(struct tb_outfile *to);
void tb_breakdown_csv(const struct tb_stats *st, const char *run, struct tb_outfile *to);
void tb_util_csv_head(struct tb_outfile *to);
void tb_util_csv(const struct tb_stats *st, const char *run, struct tb_outfile *to);

/* Adds to `run`, a run's summary, what reports are made from: "stats" (the registry), "latency",
 * "usage", "slowest" and "graph". false: no memory. */
bool tb_stats_json(struct tb_stats *st, const struct tb_log *log, json_t *run);

#endif
