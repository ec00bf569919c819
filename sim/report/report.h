/* Reports: what stats.json of one or more folders says, drawn for people.
 *
 * The reader checks everything: a file that somebody edited gets a message, never a crash. Drawing
 * needs no file but these; the HTML is one file without scripts and without anything that is
 * fetched.
 */
#ifndef TB_REPORT_H
#define TB_REPORT_H

#include "log/outfile.h"

#include "tollbridge/time.h"
#include "tollbridge/txn.h"

#include <jansson.h>
#include <stdbool.h>

#define TB_STATS_FORMAT "tollbridge-stats v1"

#define TB_REPORT_PERCENTILES 6
#define TB_REPORT_WINDOWS     128
#define TB_REPORT_FIGURES     7

/* Strings belong to the JSON value that the run keeps. Times in ps. */

struct tb_report_point {
    uint64_t value, count; /* so many took at most that */
};

/* What of a part is told apart. */
struct tb_report_detail {
    const char *name; /* "walk.level4" */
    unsigned part;
    uint64_t mean;
};

struct tb_report_group {
    const char *kind, *by, *op, *at, *status;
    uint64_t count;
    bool timed; /* the rest is there: it ended */
    uint64_t min, mean, max, percentiles[TB_REPORT_PERCENTILES];
    bool has_parts;
    uint64_t parts[TB_PARTS];         /* means */
    struct tb_report_detail *details; /* of parts, in their order */
    size_t detail_count;
    struct tb_report_point *cdf;
    size_t points;
};

/* Figures of a component by window. */
enum {
    TB_FIGURE_BUSY,
    TB_FIGURE_WAITED,
    TB_FIGURE_STALLED,
    TB_FIGURE_STALLS,
    TB_FIGURE_DEEPEST,
    TB_FIGURE_HITS,
    TB_FIGURE_MISSES
};

struct tb_report_component {
    const char *name, *kind; /* link, model, cache */
    uint64_t at[TB_REPORT_FIGURES][TB_REPORT_WINDOWS];
    uint64_t sum[TB_REPORT_FIGURES]; /* over all windows; of DEEPEST the largest */
};

struct tb_report_step {
    const char *where; /* "" if unknown */
    const char *name;  /* the part, or what is told apart of it: "walk.level4" */
    unsigned part;
    uint64_t spent;
};

struct tb_report_slow {
    const char *kind, *what;
    uint64_t lat, end;
    bool ordered; /* steps are in the order in which they happened; else a sum for each part */
    struct tb_report_step *steps;
    size_t count;
};

struct tb_report_model {
    const char *name, *class, *role;
    bool translates;
};

struct tb_report_link {
    unsigned end[2];    /* models */
    const char *way[2]; /* names of its components: there and back */
};

/* Where time was spent, by all transactions of the run. */
struct tb_report_hop {
    const char *where; /* a link's way or a model */
    uint64_t parts[TB_PARTS], sum;
};

struct tb_report_run {
    json_t *json;
    const char *label; /* for headings, when there are several */
    const char *scenario, *run, *platform, *resolved;
    uint64_t seed, end, events, transactions;
    bool has_stats; /* else the rest is empty */
    struct tb_report_group *groups;
    size_t group_count;
    uint64_t width;
    unsigned windows;
    struct tb_report_component *components;
    size_t component_count;
    struct tb_report_hop *hops;
    size_t hop_count;
    struct tb_report_slow *slow;
    size_t slow_count;
    struct tb_report_model *models;
    size_t model_count;
    struct tb_report_link *links;
    size_t link_count;
    json_t *stats;
    size_t violations;
};

extern const char *const tb_report_percentile_names[TB_REPORT_PERCENTILES];

/* Reads one run of a stats.json; keeps a reference to it. false: `why` (>= 200 bytes) says what is
 * wrong, or that there is no memory; nothing is kept. */
bool tb_report_run_read(json_t *run, struct tb_report_run *out, char *why);
void tb_report_run_clear(struct tb_report_run *r);

/* All runs of some folders. */
struct tb_report {
    struct tb_report_run *runs;
    size_t count;
    char **labels;
};

/* Reads DIR/stats.json of each folder (or the file itself). false: why. *host: the host failed, the
 * input is not to blame. */
bool tb_report_load(struct tb_report *r, const char *const *folders, char *why, bool *host);
void tb_report_free(struct tb_report *r);

/* How long a window is: the last one only up to the end. */
uint64_t tb_report_length(const struct tb_report_run *r, unsigned window);
/* A component by name, or NULL. */
const struct tb_report_component *tb_report_component(const struct tb_report_run *r,
                                                      const char *name);
/* The group of another run that is the same transactions, or NULL. */
const struct tb_report_group *tb_report_group_like(const struct tb_report_run *r,
                                                   const struct tb_report_group *g);
/* The same, or if there is none the one that differs in the address type alone (a device asks for
 * translations in one run and not in the other), which `base`, the run of g, has not. */
const struct tb_report_group *tb_report_group_match(const struct tb_report_run *base,
                                                    const struct tb_report_group *g,
                                                    const struct tb_report_run *r);
/* What a hop's time is shared out over: the run's DMAs, or all transactions if it has none; *name
 * (may be NULL) is what they are called. At least 1. */
uint64_t tb_report_per(const struct tb_report_run *r, const char **name);
/* The hop of this name, or NULL. */
const struct tb_report_hop *tb_report_hop(const struct tb_report_run *r, const char *where);

/* A hop before and now: ps per DMA. */
struct tb_report_moved {
    const char *where;
    uint64_t from[TB_PARTS], now[TB_PARTS], from_sum, now_sum;
};
/* The hops of either run that moved, most first; to be freed. *n: how many. NULL: none, or no
 * memory. */
struct tb_report_moved *tb_report_hops_moved(const struct tb_report_run *a,
                                             const struct tb_report_run *b, size_t *n);
/* A short name of a group: "ide0 read", with address type and outcome where they are not the usual.
 */
void tb_report_group_name(const struct tb_report_group *g, char out[160]);

/* slowest.txt. */
void tb_report_slowest_text(const struct tb_report_run *r, struct tb_outfile *to);

/* The report, as HTML and for a terminal. */
void tb_report_html(const struct tb_report *r, struct tb_outfile *to);
void tb_report_text(const struct tb_report *r, struct tb_outfile *to, bool colour,
                    unsigned columns);

#endif
