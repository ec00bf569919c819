/* Comparing two traces: record by record, as they are read.
 *
 * Records are matched by (initiator, kind, number) within a run. As long as both come in the same
 * order nothing is kept; what comes at another place waits, at most TB_TRACE_DIFF_WAITING on each
 * side, so memory is bounded whatever the length: a record that is further from its place than that
 * counts as missing and as extra. Models and wires are matched by name. Which one is out of order
 * is told as for logs (diff.h).
 */
#ifndef TB_TRACE_DIFF_H
#define TB_TRACE_DIFF_H

#include "diff/diff.h"
#include "trace/trace_read.h"

#include "tollbridge/sim.h"

#include <jansson.h>
#include <stdio.h>

#define TB_TRACE_DIFF_WAITING 8192

/* At one place (a wire or model) as one part: how many transactions' stay there took another time.
 */
struct tb_moved_hop {
    char *where; /* the name of the place */
    char *part;  /* "wire", or what of it is told apart: "wire.back" */
    uint64_t count;
    unsigned __int128 more, less;
};

/* All that one model began: how much of it differs, and where it first does. */
struct tb_trace_component {
    char *by;
    uint64_t changed, reordered, missing, extra;
    char *first; /* in a sentence; NULL: nothing differs */
    unsigned run;
    uint64_t place; /* records of the golden's run before it */
};

struct tb_trace_diff {
    uint64_t golden, new; /* records */
    uint64_t matched, equal;
    uint64_t times, addresses, outcome, data, order; /* matched ones that differ in it */
    uint64_t missing, extra;
    uint64_t gave_up;              /* of these: what waited until others needed its place */
    uint64_t own, waited, shifted; /* as struct tb_causes: causes, and what only followed */
    bool other_runs;               /* another scenario, or number of runs */
    char *cause;                   /* the first cause */
    struct tb_moved_hop *hops;     /* that moved, by how much in all, most first */
    size_t hop_count, hop_room;
    struct tb_trace_component *components; /* those that differ first, by place */
    size_t component_count, diverged;
    bool failed; /* no memory */
};

/* What a comparison leaves out or lets pass, as for logs: keys of the log's lines stand for what a
 * record has of them, and a part for the time of a stay. `maps`: models that the golden calls by
 * another name, "old=new", NULL-terminated; NULL: none. */
struct tb_trace_diff_options {
    struct tb_diff_options values;
    const char *const *maps;
};

/* TB_EXIT_OK: equal, TB_EXIT_VIOLATION: different, TB_EXIT_INPUT: not readable (diag says why),
 * TB_EXIT_HOST. */
enum tb_exit tb_trace_diff(const char *golden, const char *new,
                           const struct tb_trace_diff_options *options, struct tb_trace_diff *d,
                           struct tb_diag *diag);
void tb_trace_diff_clear(struct tb_trace_diff *d);
bool tb_trace_diff_any(const struct tb_trace_diff *d);

void tb_trace_diff_print(const struct tb_trace_diff *d, FILE *to, bool colour);
json_t *tb_trace_diff_json(const struct tb_trace_diff *d);
void tb_trace_diff_junit(const struct tb_trace_diff *d, const char *golden, struct tb_outfile *to);

/* Whether there is a trace at the path: the file, or the folder of a run that has one; its own path
 * then, to be freed; else NULL. */
char *tb_trace_diff_path(const char *path);

#endif
