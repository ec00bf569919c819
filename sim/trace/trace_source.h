/* A trace as converters see it: the records that a filter lets through, as often as they like.
 */
#ifndef TB_TRACE_SOURCE_H
#define TB_TRACE_SOURCE_H

#include "trace/trace_read.h"

/* What is asked for. Lists are NULL-terminated; NULL: all. */
struct tb_trace_filter {
    tb_time from, to; /* records that lived in this window */
    const char *const *models, *const *kinds, *const *ats, *const *statuses;
    uint64_t slowest; /* 0: all */
    bool by_latency;  /* the slowest are told slowest first, else in the order of completion */
    const char *run;  /* name or number; NULL: all */
};

struct tb_trace_source;

/* Opens a trace and checks that every word of the filter means something in it. NULL: reported. The
 * filter is the caller's, and stays. */
struct tb_trace_source *tb_source_open(const char *path, const struct tb_trace_filter *filter,
                                       struct tb_diag *diag);
void tb_source_close(struct tb_trace_source *s);

/* The next record or NULL, as tb_trace_next; the run it belongs to: with one run only, known from
 * the start and valid to the end. */
const struct tb_trace_record *tb_source_next(struct tb_trace_source *s);
const struct tb_trace_run *tb_source_run(const struct tb_trace_source *s);

/* From the beginning again. */
void tb_source_rewind(struct tb_trace_source *s);

/* How many runs the filter lets through, and their names (the first of them, if they are many). */
unsigned tb_source_runs(const struct tb_trace_source *s);
const char *tb_source_run_names(const struct tb_trace_source *s);

/* From the beginning of the n-th of these runs, from 0, and of it alone. Not with `slowest`. */
void tb_source_choose(struct tb_trace_source *s, unsigned n);

/* As of the file. */
bool tb_source_was_cut(const struct tb_trace_source *s);

#endif
