/* What a run came to, for a person to read and for a machine: no figure in it depends on the host.
 */
#ifndef TB_SUMMARY_H
#define TB_SUMMARY_H

#include "log.h"

#include "tollbridge/sim.h"

#include <jansson.h>

/* Prints scenario, simulated time, transactions by kind and status with their latencies and where
 * the time went, and the counters that are not zero. */
void tb_summary_print(struct tb_sim *s, const struct tb_log *log, FILE *to, bool colour);

/* The same, complete: a new reference. Times are whole picoseconds. */
json_t *tb_summary_json(struct tb_sim *s, const struct tb_log *log);

/* The words of the parts of a latency, NULL-terminated. */
extern const char *const tb_part_names[TB_PARTS + 1];
/* What of a part is told apart; the first stands for none. Which part: txn.h. Together:
 * "walk.level4". */
extern const char *const tb_detail_names[TB_DETAILS + 1];

/* The models of a simulator, in the order of the platform; NULL past the last. */
struct tb_model *tb_summary_model(struct tb_sim *s, size_t n);

/* From when transactions count: the scenario's warm-up. */
tb_time tb_summary_from(const struct tb_sim *s);

#endif
