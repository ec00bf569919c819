/* What differs between two records of traces, by the options of a comparison. Private to
 * trace_diff*.c.
 */
#ifndef TB_TRACE_PAIR_H
#define TB_TRACE_PAIR_H

#include "diff/trace_diff.h"
#include "trace/trace_read.h"

#define TB_NOWHERE UINT32_MAX

/* What a record has beside its path; a bit each. */
enum tb_trace_field {
    TB_FIELD_T,
    TB_FIELD_LAT,
    TB_FIELD_RID,
    TB_FIELD_OP,
    TB_FIELD_AT,
    TB_FIELD_IOVA,
    TB_FIELD_PA,
    TB_FIELD_LENGTH,
    TB_FIELD_TO,
    TB_FIELD_PASID,
    TB_FIELD_TAG,
    TB_FIELD_STATUS,
    TB_FIELD_TLB,
    TB_FIELD_VALUE0,
    TB_FIELD_VALUE1,
    TB_FIELDS
};

/* Of a kind of the golden's run: which fields count as what. What is ignored counts as nothing. */
struct tb_trace_rules {
    uint32_t fields[TB_INGREDIENTS];
    uint64_t waits;   /* a bit per word of the pairing's: time spent waiting for others */
    uint64_t ignored; /* the same: times that do not count */
    bool paths;       /* anything of the path does */
};

/* Two runs, and how one is seen from the other. */
struct tb_trace_pairing {
    struct tb_trace_diff *d;
    const struct tb_trace_diff_options *options;
    const struct tb_trace_run *run[2]; /* the golden's, the new one's */
    const struct tb_trace_word_list
        *words;                   /* what spans are: the golden's fine ones, or its parts */
    bool by_part;                 /* its parts: the runs do not tell the same apart */
    char **names;                 /* of the golden's sites, as mapped */
    uint32_t *model_of, *site_of; /* of the new run's: the golden's, or TB_NOWHERE */
    uint32_t *hop_of; /* golden's site * TB_TRACE_WORDS + word: in d->hops, or TB_NOWHERE */
    uint32_t *component_of[2]; /* of either run's models: in d->components, or TB_NOWHERE */
    struct tb_trace_rules rules[TB_TRACE_WORDS]; /* by kind */
};

#define TB_TRACE_MOVED_STAYS 3 /* of a pair, that are told */

/* A stay at a place of the golden's that took another time. */
struct tb_trace_stay {
    uint32_t site;
    unsigned word; /* in the pairing's */
    tb_time golden, new;
};

/* What a pair came to. */
struct tb_trace_moved {
    uint32_t fields; /* of those that count */
    bool times, addresses, outcome, data;
    bool own, waited; /* as struct tb_causes */
    unsigned stays;   /* how many took another time; the first ones: */
    struct tb_trace_stay stay[TB_TRACE_MOVED_STAYS];
};

/* Prepares for the runs in p->run. false: no memory. */
bool tb_trace_pairing_begin(struct tb_trace_pairing *p);
void tb_trace_pairing_end(struct tb_trace_pairing *p);

/* Compares two records of the same transaction, and adds to d->hops what moved. False: nothing did.
 */
bool tb_trace_compare(struct tb_trace_pairing *p, const struct tb_trace_record *a,
                      const struct tb_trace_record *b, struct tb_trace_moved *m);

/* A model of the new run by the golden's number; nobody stays nobody. */
static inline uint32_t tb_trace_model_of(const struct tb_trace_pairing *p, uint16_t model)
{
    return model == UINT16_MAX ? UINT16_MAX : p->model_of[model];
}

/* The name of a model of the golden's, as mapped. */
const char *tb_trace_name_of(const struct tb_trace_pairing *p, unsigned model);

/* trace_first.c: a record in a sentence, by whose names (0 the golden's, 1 the new one's). NULL: no
 * memory. */
char *tb_trace_sentence(const struct tb_trace_pairing *p, unsigned which,
                        const struct tb_trace_record *a, const char *what);
/* What the model of a record came to; NULL: no memory. */
struct tb_trace_component *tb_trace_component_of(struct tb_trace_pairing *p, unsigned which,
                                                 uint16_t model);
/* Whether a divergence at that place, which counts in the golden, would be the model's first. */
bool tb_trace_is_first(const struct tb_trace_pairing *p, const struct tb_trace_component *of,
                       uint64_t place);

#define TB_TRACE_COUNTER(name) offsetof(struct tb_trace_component, name)
/* Counts a divergence, and keeps it if it is the model's first. */
void tb_trace_diverge(struct tb_trace_pairing *p, unsigned which, const struct tb_trace_record *t,
                      uint64_t place, size_t counter, const char *what);
/* The same for a pair of which that is known: tells what moved, and where. */
void tb_trace_diverge_pair(struct tb_trace_pairing *p, const struct tb_trace_record *a,
                           const struct tb_trace_record *b, uint64_t place,
                           const struct tb_trace_moved *m);

#endif
