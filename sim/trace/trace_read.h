/* Reading the binary trace: record by record, each with the spans of time that make up its latency.
 *
 * Invariants: a file is never trusted: what is malformed ends the reading with a message that tells
 * where, and everything a record refers to (models, wires, words) exists in its run. A file that
 * was cut off is no error: what is whole is read, and tb_trace_was_cut tells.
 */
#ifndef TB_TRACE_READ_H
#define TB_TRACE_READ_H

#include "tollbridge/diag.h"
#include "tollbridge/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_TRACE_SPANS   448u /* most spans of a record: three of a mark */
#define TB_TRACE_WORDS   64u  /* most words of a list of the header */
#define TB_TRACE_PARTS   16u  /* what a mark can tell */
#define TB_TRACE_DETAILS 64u

/* Where time can be spent: a wire or a model. */
struct tb_trace_site {
    char *name; /* of a model its own, of a wire "from->to" */
    bool is_wire;
    uint16_t from, to; /* of a wire: models */
    tb_time latency;   /* of a wire: what of its time a message does not keep it busy */
    int through_part;  /* -1: its messages go through nothing by themselves */
    tb_time through;
};

struct tb_trace_word_list {
    char *word[TB_TRACE_WORDS + 1]; /* NULL-terminated */
    unsigned count;
};

/* A run, from its header: names for all numbers in records. */
struct tb_trace_run {
    unsigned number; /* from 0 */
    char *scenario, *name, *platform, *resolved;
    uint64_t seed;
    struct tb_trace_word_list kinds, reads,
        writes; /* the ops of a kind; of one op, both the same */
    struct tb_trace_word_list statuses, at, tlb, parts;
    struct tb_trace_word_list fine; /* the parts, then what of them is told apart: "wire.back" */
    uint8_t fine_of[TB_TRACE_PARTS][TB_TRACE_DETAILS]; /* by part and detail; 0 with a detail: none
                                                          such */
    int queue, wire;             /* parts of these names, of which hops are; -1: none */
    struct tb_trace_site *sites; /* wires, then models, then one for "elsewhere" */
    unsigned wire_count, model_count, site_count;
};

struct tb_trace_span {
    tb_time time;
    uint16_t site; /* in run->sites */
    uint8_t part;  /* in run->parts */
    uint8_t fine;  /* in run->fine */
};

struct tb_trace_record {
    tb_time created, ended;
    uint64_t iova, pa, value[2];
    uint32_t number, length, pasid, tag;
    uint16_t by, to; /* models; to: UINT16_MAX for nobody */
    uint16_t requester;
    uint8_t kind, write, at, status, tlb;
    bool has_pa, has_pasid;
    unsigned span_count, hops; /* hops: messages that went over a wire */
    /* In order from `created`; they add up to the latency, unless the transaction is unfinished. */
    struct tb_trace_span spans[TB_TRACE_SPANS];
};

struct tb_trace_file;

/* NULL: reported. */
struct tb_trace_file *tb_trace_open(const char *path, struct tb_diag *diag);
void tb_trace_close(struct tb_trace_file *f);

/* Only chunks with records that lived in from..to are read (a record outside may still come). */
void tb_trace_window(struct tb_trace_file *f, tb_time from, tb_time to);

/* The next record, in the order of completion, or NULL at the end or at an error. It is the file's,
 * until the next call. */
const struct tb_trace_record *tb_trace_next(struct tb_trace_file *f);

/* Goes on to the header of the next run, over all records before it; false at the end or at an
 * error. */
bool tb_trace_next_run(struct tb_trace_file *f);

/* From now on the end of this run is the end, until tb_trace_rewind. */
void tb_trace_this_run_only(struct tb_trace_file *f);

/* Back to the beginning. */
void tb_trace_rewind(struct tb_trace_file *f);

/* The run of the last record; NULL before the first. Valid until the first record of another run,
 * or the close. */
const struct tb_trace_run *tb_trace_run(const struct tb_trace_file *f);

/* False: the end was no end but an error, which was reported. */
bool tb_trace_ok(const struct tb_trace_file *f);

/* The file ended in the middle of a run. */
bool tb_trace_was_cut(const struct tb_trace_file *f);

/* A model's name; "-" for nobody. The op of a record. */
const char *tb_trace_model(const struct tb_trace_run *r, unsigned model);
const char *tb_trace_op(const struct tb_trace_run *r, const struct tb_trace_record *t);

/* The sum of a record's spans by part, and by what is told apart of parts; out has TB_TRACE_WORDS
 * places. */
void tb_trace_parts(const struct tb_trace_record *t, tb_time *out);
void tb_trace_fine(const struct tb_trace_record *t, tb_time *out);

#endif
