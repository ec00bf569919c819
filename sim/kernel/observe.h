/* What those who look on (log, statistics, traces, drawings) may ask of a simulator beyond sim.h.
 */
#ifndef TB_OBSERVE_H
#define TB_OBSERVE_H

#include "tollbridge/sim.h"
#include "tollbridge/txn.h"

#include <stdbool.h>
#include <stddef.h>

/* The words of the parts of a latency, NULL-terminated. */
extern const char *const tb_part_names[TB_PARTS + 1];
/* What of a part is told apart; the first stands for none. Which part: txn.h. Together:
 * "walk.level4". */
extern const char *const tb_detail_names[TB_DETAILS + 1];

/* The models of a simulator, in the order of the platform; NULL past the last. */
struct tb_model *tb_observe_model(struct tb_sim *s, size_t n);

/* From when transactions count: the scenario's warm-up. */
tb_time tb_observe_from(const struct tb_sim *s);

/* Whether a model says that it translates: hosts an IOMMU. */
bool tb_observe_translates(struct tb_model *m);

#endif
