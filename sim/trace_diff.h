/* Comparing two traces: record by record, as they are read.
 *
 * Records are matched by (initiator, kind, number) within a run. As long as both come in the same
 * order nothing is kept; what comes at another place waits, at most TB_TRACE_DIFF_WAITING on each
 * side, so memory is bounded whatever the length: a record that is further from its place than that
 * counts as missing and as extra. Models and wires are matched by name.
 */
#ifndef TB_TRACE_DIFF_H
#define TB_TRACE_DIFF_H

#include "trace_read.h"

#include "tollbridge/sim.h"

#include <jansson.h>
#include <stdio.h>

#define TB_TRACE_DIFF_WAITING 8192

/* At one place (a wire or model) as one part: how many transactions' stay there took another time.
 */
struct tb_moved_hop {
    char *where; /* the name of the place */
    const char *part;
    uint64_t count;
    unsigned __int128 more, less;
};

struct tb_trace_diff {
    uint64_t golden, new; /* records */
    uint64_t matched, equal;
    uint64_t times, addresses, outcome, data, order; /* matched ones that differ in it */
    uint64_t missing, extra;
    uint64_t own, waited, shifted; /* as struct tb_causes: causes, and what only followed */
    bool other_runs;               /* another scenario, or number of runs */
    char *first;                   /* the first difference in a sentence; NULL: none */
    char *cause;                   /* the first cause */
    struct tb_moved_hop *hops;     /* that moved, by how much in all, most first */
    size_t hop_count, hop_room;
    bool failed; /* no memory */
};

/* TB_EXIT_OK: equal, TB_EXIT_VIOLATION: different, TB_EXIT_INPUT: not readable (diag says why),
 * TB_EXIT_HOST. */
enum tb_exit tb_trace_diff(const char *golden, const char *new, struct tb_trace_diff *d,
                           struct tb_diag *diag);
void tb_trace_diff_clear(struct tb_trace_diff *d);
bool tb_trace_diff_any(const struct tb_trace_diff *d);

void tb_trace_diff_print(const struct tb_trace_diff *d, FILE *to, bool colour);
json_t *tb_trace_diff_json(const struct tb_trace_diff *d);

/* Whether there is a trace at the path: the file, or the folder of a run that has one; its own path
 * then, to be freed; else NULL. */
char *tb_trace_diff_path(const char *path);

#endif
