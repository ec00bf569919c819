/* Comparing two transaction logs by meaning.
 *
 * Transactions are matched by (by, kind, txn) within a run; a key that differs makes its ingredient
 * differ; times may be given a tolerance, any key can be ignored. A hash or seed in the header that
 * differs is noted, and is no difference of its own. A file of fingerprints is compared as far as
 * its hashes can tell, and what they cannot tell is refused, not guessed.
 */
#ifndef TB_DIFF_H
#define TB_DIFF_H

#include "logfile.h"

#include "tollbridge/sim.h"

#include <jansson.h>

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

#define TB_NO_ENTRY UINT32_MAX

enum tb_divergence { TB_SAME, TB_KEYS_DIFFER, TB_MISSING, TB_EXTRA, TB_REORDERED };

/* Where two logs first differ: entries of the golden and the new one, TB_NO_ENTRY where there is
 * none. */
struct tb_first {
    enum tb_divergence what;
    size_t run;
    uint32_t golden, new;       /* the lines */
    uint32_t golden_at, new_at; /* how far context may go */
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
    size_t run; /* the first cause, by its place in the golden; golden TB_NO_ENTRY: none */
    uint32_t golden, new;
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
    unsigned __int128 golden_lat, new_lat; /* sums over matched transactions */
    uint64_t matched;
    struct tb_first first;
    struct tb_causes causes;        /* not by_fingerprint */
    struct tb_moved_blocks *blocks; /* run * TB_INGREDIENTS + ingredient; by_fingerprint only */
};

/* Compares. TB_EXIT_OK: equal, TB_EXIT_VIOLATION: different, TB_EXIT_INPUT: cannot be compared
 * (diag says why), TB_EXIT_HOST. *d is filled unless it cannot; it refers to the files and options.
 */
enum tb_exit tb_diff_files(struct tb_log_file *golden, struct tb_log_file *new,
                           const struct tb_diff_options *options, struct tb_diff *d,
                           struct tb_diag *diag);
void tb_diff_clear(struct tb_diff *d);
/* Whether anything differs. */
bool tb_diff_any(const struct tb_diff *d);

/* Whether a key of two lines of one kind differs, by the options. */
bool tb_diff_key(const struct tb_diff_options *o, const struct tb_line *golden,
                 const struct tb_line *new, unsigned key);

/* diff_cause.c: counts a matched pair that differs; says where it went and why. */
void tb_causes_begin(struct tb_causes *c);
void tb_causes_add(struct tb_diff *d, const struct tb_line *golden, const struct tb_line *new,
                   size_t run, uint32_t golden_entry, uint32_t new_entry);
void tb_causes_print(const struct tb_diff *d, FILE *to);
json_t *tb_causes_json(const struct tb_diff *d);
/* "only times moved", "only times and order moved"; "" if nothing or everything did. */
const char *tb_diff_only(const struct tb_diff *d, char out[120]);

/* The comparison as a JUnit file: a test for every ingredient, for what is missing and for what is
 * extra. */
void tb_diff_junit(const struct tb_diff *d, const char *golden, struct tb_outfile *to);

/* Prints what a person wants to know: the first divergence with its context, what moved, a verdict.
 */
void tb_diff_print(const struct tb_diff *d, FILE *to, bool colour);
/* The same for machines. */
json_t *tb_diff_json(const struct tb_diff *d);

#endif
