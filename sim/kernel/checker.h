/* The DMA-safety checker: `record: {check: dma-safety}`.
 *
 * Invariants: it learns of mappings by what a driver declares (tb_declare), and of accesses when
 * their transactions end; it changes no time and no byte. An access is judged by the instant at
 * which memory served it, not by the end of its transaction.
 */
#ifndef SIM_CHECKER_H
#define SIM_CHECKER_H

#include "tollbridge/sim.h"

struct tb_checker;

/* Watches a simulator from time 0 on. It lives as long as the simulator. */
struct tb_checker *tb_checker_new(struct tb_sim *s);

/* What tb_declare passes on. */
void tb_checker_declare(struct tb_checker *c, struct tb_model *m, enum tb_declared what,
                        const struct tb_mapping *of, tb_time when);

/* The observer (sim.h). */
tb_observer tb_checker_observe;

const struct tb_safety *tb_checker_result(const struct tb_checker *c);

#endif
