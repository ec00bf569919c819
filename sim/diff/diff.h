/* Comparing two transaction logs by meaning.
 *
 * Transactions are matched by (by, kind, txn) within a run; a key that differs makes its ingredient
 * differ; times may be given a tolerance, any key can be ignored. A hash or seed in the header that
 * differs is noted, and is no difference of its own. A file of fingerprints is compared as far as
 * its hashes can tell, and what they cannot tell is refused, not guessed.
 *
 * Both logs are read once, in step, in bounded memory: what comes at another place waits for its
 * match, at most TB_DIFF_WAITING lines and TB_DIFF_WAITING_BYTES on each side. What is further from
 * its place than that counts as missing and as extra.
 */
#ifndef TB_DIFF_H
#define TB_DIFF_H

#include "log/logfile.h"

#include "tollbridge/sim.h"

#include <jansson.h>

#define TB_DIFF_WAITING       65536
#define TB_DIFF_WAITING_BYTES ((size_t)32 << 20)
#define TB_DIFF_COMPONENTS    1024 /* whose first divergences are kept */
#define TB_DIFF_TWICE         8192 /* numbers back that a transaction is known to have been there */

struct tb_diff_options {
    bool tolerant;
    tb_time within;                        /* absolute tolerance */
    uint64_t per_million;                  /* relative tolerance */
    bool order;                            /* ignored */
    bool scenario;                         /* ignored */
    bool notes_off;                        /* do not note other hashes, seeds, platforms */
    bool keys[TB_TXN_KINDS][TB_LINE_KEYS]; /* ignored */
};

/* Reads "5%", "0.1%" or a time such as "10ns". false: `why` (>= 200 bytes) says what is wrong. */
bool tb_diff_tolerance(struct tb_diff_options *o, const char *text, char *why);
/* Reads "lat,tlb": keys of lines, ingredients (times, order, addresses, outcome, data), or header
 * words (scenario, header). */
bool tb_diff_ignore(struct tb_diff_options *o, const char *list, char *why);
/* Whether an ingredient is ignored: all its keys, or any of them. */
bool tb_diff_ignored(const struct tb_diff_options *o, unsigned ingredient, bool all);
/* Whether two times are within the tolerance of each other; `whole` is what percentages are of. */
bool tb_diff_near(const struct tb_diff_options *o, tb_time a, tb_time b, tb_time whole);
/* The keys in which two lines of one kind differ, by the options: a bit for each. */
uint32_t tb_diff_keys(const struct tb_diff_options *o, const struct tb_line *golden,
                      const struct tb_line *new);

enum tb_divergence { TB_SAME, TB_KEYS_DIFFER, TB_MISSING, TB_EXTRA, TB_REORDERED };
extern const char *const tb_divergence_words[];

/* A line that is kept. */
struct tb_kept {
    char *text; /* NULL: there is none on this side */
    size_t length;
    unsigned line;   /* of the file; 0: of a run in memory */
    uint64_t offset; /* where it stands; without a text, where it would */
};

/* Where two logs first differ. */
struct tb_first {
    enum tb_divergence what;
    size_t run;
    uint64_t place; /* lines of the golden's run before it */
    struct tb_kept golden, new;
};

/* All that one model began. */
struct tb_component {
    char *name;
    uint64_t hash;
    uint64_t changed, reordered, missing, extra;
    struct tb_first first; /* its first divergence, by the place in the golden */
    struct tb_seen *seen;  /* NULL or one per side and kind */
};

/* What a comparison of fingerprints says of an ingredient in a run. */
struct tb_moved_blocks {
    size_t first, count; /* blocks */
    bool differs;
};

/* Of a kind and part: how many transactions' moved, and the sums of what came to it and what went.
 */
struct tb_moved_part {
    uint64_t count;
    unsigned __int128 more, less;
};

/* Why a matched transaction's times differ. */
enum tb_why {
    TB_WHY_OWN, /* what it does by itself takes another time, or it does something else: a cause */
    TB_WHY_WAITED,  /* only what it waited for others (queue, walk, ats; a disk's command: all) */
    TB_WHY_SHIFTED, /* it took as long, but came earlier or later */
    TB_WHYS
};

struct tb_causes {
    uint64_t count[TB_WHYS];
    bool any; /* the first cause, by its place in the golden */
    size_t run;
    uint64_t place;
    unsigned line;
    char what[200]; /* "dma 5 of ide0" */
    struct tb_moved_part parts[TB_TXN_KINDS][TB_PARTS];
};

struct tb_diff {
    const struct tb_log_file *golden, *new;
    const struct tb_diff_options *options;
    bool by_fingerprint;
    bool other_runs;       /* not the same number of runs, or another scenario */
    uint64_t transactions; /* of the golden */
    uint64_t new_transactions;
    uint64_t differing;             /* matched, with a difference */
    uint64_t moved[TB_INGREDIENTS]; /* transactions (by_fingerprint: blocks), by ingredient */
    uint64_t by_key[TB_TXN_KINDS][TB_LINE_KEYS];
    uint64_t missing, extra;
    uint64_t gave_up;                      /* of these: what waited until others needed its place */
    unsigned __int128 golden_lat, new_lat; /* sums over those that differ */
    uint64_t matched;
    struct tb_first *first;          /* the very first; NULL: none */
    struct tb_component *components; /* those with a divergence first, by its place */
    size_t component_count;          /* of all that began anything */
    size_t diverged;                 /* of these, how many have one */
    size_t overlooked;               /* divergences of models beyond TB_DIFF_COMPONENTS */
    struct tb_first clear;           /* by_fingerprint: in the lines in clear */
    struct tb_causes causes;         /* not by_fingerprint */
    struct tb_moved_blocks *blocks;  /* run * TB_INGREDIENTS + ingredient; by_fingerprint only */
};

/* Compares, and reads both files to their end. TB_EXIT_OK: equal, TB_EXIT_VIOLATION: different,
 * TB_EXIT_INPUT: cannot be compared (diag says why), TB_EXIT_HOST. *d refers to the files and
 * options, and is filled unless it cannot. */
enum tb_exit tb_diff_files(struct tb_log_file *golden, struct tb_log_file *new,
                           const struct tb_diff_options *options, struct tb_diff *d,
                           struct tb_diag *diag);
void tb_diff_clear(struct tb_diff *d);
/* Whether anything differs. */
bool tb_diff_any(const struct tb_diff *d);

/* diff_hash.c: compares the fingerprints of two drained files. */
enum tb_exit tb_diff_hashes(struct tb_diff *d, struct tb_diag *diag);

/* diff_first.c: who differs first. The component of a name (NULL: there are too many, or no memory:
 * *failed). */
struct tb_component *tb_component_of(struct tb_diff *d, const char *name, size_t length,
                                     bool *failed);
/* Notes a transaction's number; false: it was there before, as far as that is known. */
bool tb_component_see(struct tb_component *c, bool new, unsigned kind, uint32_t number,
                      bool *failed);
/* A run begins: numbers are counted anew. */
void tb_components_begin_run(struct tb_diff *d);
/* Whether a divergence at that place would be the component's first so far. */
bool tb_component_is_first(const struct tb_component *c, size_t run, uint64_t place);
/* Has it be so: takes over the lines. */
void tb_component_set_first(struct tb_component *c, const struct tb_first *first);
/* Sorts them, and finds the very first. */
void tb_components_end(struct tb_diff *d);
void tb_components_clear(struct tb_diff *d);
void tb_first_clear(struct tb_first *f);

/* diff_cause.c: counts a matched pair that differs in these keys; says where it went and why. */
void tb_causes_add(struct tb_diff *d, const struct tb_line *golden, const struct tb_line *new,
                   uint32_t differ, size_t run, uint64_t place, unsigned line);
void tb_causes_print(const struct tb_diff *d, FILE *to);
json_t *tb_causes_json(const struct tb_diff *d);
/* "only times moved: ", "only times and order moved: "; "" if nothing or everything did. */
const char *tb_diff_only(const struct tb_diff *d, char out[120]);

/* The comparison as a JUnit file: a test for every ingredient, for what is missing and for what is
 * extra. */
void tb_diff_junit(const struct tb_diff *d, const char *golden, struct tb_outfile *to);

/* The parts of such a file: of `failed`, `count` and what they are of. */
void tb_junit_begin(struct tb_outfile *to, const char *golden, unsigned tests, unsigned failures);
void tb_junit_case(struct tb_outfile *to, const char *name, uint64_t count, bool failed,
                   const char *of);
void tb_junit_end(struct tb_outfile *to);

/* Prints what a person wants to know: the first divergence with its context, what moved, a verdict.
 */
void tb_diff_print(const struct tb_diff *d, FILE *to, bool colour);
/* The same for machines. */
json_t *tb_diff_json(const struct tb_diff *d);

#endif
