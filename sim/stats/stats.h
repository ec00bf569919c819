/* Statistics of a run: latencies by who, what, how and outcome; where the time went; the slowest;
 * how busy everything was (usage.h). One observer fills them, one place each writes them as text,
 * CSV and JSON.
 *
 * Invariants: bounded memory, whatever the number of transactions; every figure is a whole number
 * of picoseconds or things, so what is written depends on the run alone. Transactions created
 * before the scenario's warm-up are not counted; usage runs from time 0.
 */
#ifndef TB_STATS_H
#define TB_STATS_H

#include "kernel/usage.h"
#include "log/line.h"
#include "stats/histogram.h"

/* Transactions of one initiator, operation, address type and outcome. */
struct tb_group {
    uint16_t by;
    uint8_t kind, write, at, status;
    uint64_t count;
    tb_time min, max;
    unsigned __int128 sum;
    unsigned __int128 parts[TB_PARTS], back[TB_WAY_PARTS]; /* back: of that, on the way back */
    unsigned __int128 details[TB_DETAILS];                 /* from WALKER on */
    struct tb_histogram histogram;                         /* of latencies in ps */
};

/* One of the slowest of its kind. */
struct tb_slow {
    struct tb_txn txn; /* without its data */
    struct tb_details details;
    enum tb_status status;
    tb_time lat, when;
    unsigned step_count; /* 0: nobody recorded where it was when, only the parts are known */
    struct tb_slow_step {
        tb_time spent;
        uint32_t site; /* wire, or wire_count + model; TB_SITE_NONE */
        uint8_t part, detail;
    } * steps;
};

#define TB_SITE_NONE  UINT32_MAX
#define TB_SLOW_STEPS (3 * TB_MARKS_MOST)

struct tb_stats {
    struct tb_sim *sim;
    tb_time from;     /* warm-up */
    unsigned slowest; /* how many of each kind are kept */
    struct tb_group *
        *groups; /* in the order in which they came to be, until tb_stats_end sorts them */
    size_t group_count, group_room;
    struct tb_group **index;            /* by initiator, kind, direction, address type, status */
    struct tb_slow *slow[TB_TXN_KINDS]; /* slowest first; equal ones in the order of their ends */
    unsigned slow_count[TB_TXN_KINDS];
    struct tb_usage *usage; /* the simulator's */
    bool failed;            /* no memory: nothing else is valid */
};

/* Begins to count a simulator that has not run; keeps the `slowest` of each kind. false: no memory.
 */
bool tb_stats_begin(struct tb_stats *st, struct tb_sim *s, unsigned slowest);
/* The tb_observer; context is the struct tb_stats. */
tb_observer tb_stats_observe;
/* The run is over (tb_sim_finish was called). */
void tb_stats_end(struct tb_stats *st);
void tb_stats_free(struct tb_stats *st);

/* The percentiles that are told, in thousandths of a percent. */
#define TB_PERCENTILES 6
extern const struct tb_percentile {
    const char *name; /* "p99.9" */
    uint32_t per_100k;
} tb_percentiles[TB_PERCENTILES];

/* A percentile of a group's latencies; 0 if it has none (unfinished). */
tb_time tb_group_percentile(const struct tb_group *g, uint32_t per_100k);

/* How much of a part was spent as a detail; as NONE: as nothing that is told apart. */
unsigned __int128 tb_group_detail(const struct tb_group *g, enum tb_part part,
                                  enum tb_detail detail);
/* The same of one of the slowest, which has no order of steps. */
tb_time tb_slow_detail(const struct tb_slow *slow, enum tb_part part, enum tb_detail detail);

/* "walk.level4", or the part alone. */
#define TB_FINE_NAME 32
const char *tb_fine_name(enum tb_part part, enum tb_detail detail, char out[TB_FINE_NAME]);

/* The words of a group: op, address type ("-" where it means nothing). */
const char *tb_group_op(const struct tb_group *g);
const char *tb_group_at(const struct tb_group *g);

/* Where a step was spent: the name of a link and direction ("ide0>pci0") or of a model; "elsewhere"
 * where that was not kept. */
void tb_site_name(const struct tb_sim *s, uint32_t site, char out[128]);

#endif
