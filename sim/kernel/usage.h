/* Usage: how busy links, models and caches were in each window of simulated time.
 *
 * At most TB_WINDOWS windows of one width, from time 0. When the time runs past the last, the width
 * doubles and neighbours are joined: memory is bounded, and what comes out depends on the run
 * alone.
 *
 * Links are watched exactly: the kernel reports every message that starts on a wire
 * (tb_usage_wire). What a model counts by itself (busy_ps; hits and misses of its caches) is read
 * when a transaction ends in a new window, and shared out evenly over the time since it was last
 * read.
 */
#ifndef TB_USAGE_H
#define TB_USAGE_H

#include "tollbridge/sim.h"

#define TB_WINDOWS 128

/* One wire in one window; times in ps. */
struct tb_wire_window {
    tb_time busy;     /* a message was on it */
    tb_time waited;   /* sum over the messages in front of it */
    tb_time stalled;  /* part of that: the wire was free, but no credit (or the order forbade it) */
    uint32_t stalls;  /* messages that began to wait so */
    uint32_t deepest; /* most messages of one class that waited, seen whenever one came */
    uint32_t carried; /* messages of all classes that waited at the beginning of the window */
};

/* When the waiting messages of a lane start: to know how many wait. */
struct tb_usage_lane {
    tb_time *starts;
    uint32_t head, tail, mask;
};

struct tb_usage_track {
    struct tb_wire_window at[TB_WINDOWS];
    struct tb_usage_lane lanes[TB_CLASSES];
    tb_time free; /* since when the last message has left it */
};

/* What a model counts: time it was busy, or what a cache of its answered and what not. */
struct tb_usage_counter {
    struct tb_model *model;
    char name[48];    /* of the component: "sys", "root.iotlb" */
    bool cache;       /* else: busy */
    size_t offset[2]; /* of the counters in the model's state: busy; or hits, misses */
    uint64_t last[2];
    uint64_t at[TB_WINDOWS][2];
};

struct tb_usage {
    tb_time width;                 /* of a window */
    tb_time end;                   /* of what was seen */
    tb_time sampled;               /* counters were shared out up to here */
    tb_time next;                  /* when the next window begins for them */
    struct tb_usage_track *tracks; /* per wire */
    struct tb_usage_counter *counters;
    size_t wire_count, counter_count;
};

/* Prepares for the wires and counters of a simulator. false: no memory. */
bool tb_usage_begin(struct tb_usage *u, struct tb_sim *s);

/* Gives a simulator its usage, for its life: at elaboration, as the first messages are sent before
 * it runs. Wires are watched while the breakdown is recorded. false: no memory. */
bool tb_usage_attach(struct tb_sim *s);

/* The kernel's, for every message in the order in which they start: one of a class was ready at
 * `ready`, starts at `start` and keeps the wire busy up to `end`. */
void tb_usage_wire(struct tb_usage *u, uint32_t wire, unsigned class, tb_time ready, tb_time start,
                   tb_time end);

/* Reads the models' counters if `when` lies in a window past the last reading. */
void tb_usage_sample_slowly(struct tb_usage *u, tb_time when);
static inline void tb_usage_sample(struct tb_usage *u, tb_time when)
{
    if (when >= u->next)
        tb_usage_sample_slowly(u, when);
}

/* The run has ended at `end`: reads the counters a last time. */
void tb_usage_end(struct tb_usage *u, tb_time end);

/* How many windows there are; the last may be cut short by the end. */
unsigned tb_usage_windows(const struct tb_usage *u);
/* How long a window is: the last one only up to the end. */
tb_time tb_usage_length(const struct tb_usage *u, unsigned window);

/* Most messages that waited in a window. */
static inline uint32_t tb_usage_deepest(const struct tb_wire_window *w)
{
    return w->deepest > w->carried ? w->deepest : w->carried;
}

void tb_usage_free(struct tb_usage *u);

#endif
