/* What a run came to, for a person to read and for a machine: no figure in it depends on the host.
 */
#ifndef TB_SUMMARY_H
#define TB_SUMMARY_H

#include "log/log.h"

#include "tollbridge/sim.h"

#include <jansson.h>

/* Prints scenario, simulated time, transactions by kind and status with their latencies and where
 * the time went, and the counters that are not zero. */
void tb_summary_print(struct tb_sim *s, const struct tb_log *log, FILE *to, bool colour);

/* The same, complete: a new reference. Times are whole picoseconds. */
json_t *tb_summary_json(struct tb_sim *s, const struct tb_log *log);

#endif
