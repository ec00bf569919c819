/* Flow control of PCI Express (PCIe 2.6.1): header and data credits, counted apart.
 *
 * A receiver's buffer is a queue: what is given back first is what came first, whoever gives it
 * back; so the units of a message need not travel with it. Like a lane's plain credits they carry
 * the instant from which they may be used, and so a start is computed, not waited for.
 *
 * Invariant: free + given back and not yet looked at + held = limit, per unit.
 */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include "tollbridge/time.h"

#include <stdbool.h>

struct tb_sim;

struct tb_units {
    uint32_t header, data;
};

struct tb_returned {
    tb_time at;
    struct tb_units units;
};

struct tb_flow {
    struct tb_units limit; /* 0: not counted */
    struct tb_units free;  /* from `from` on */
    tb_time from;
    struct tb_returned *back; /* given back, by time */
    uint32_t back_head, back_tail, back_mask;
    struct tb_units *held; /* by receivers, in the order in which they came */
    uint32_t held_head, held_tail, held_mask;
};

/* Made at elaboration, for at most `places` messages (a power of two) held at once. */
struct tb_flow *tb_flow_new(struct tb_sim *s, struct tb_units limit, uint32_t places);

/* May a message that needs so much start, and from when? What needs more than there is at all
 * (several TLPs of one message) is content with all. */
bool tb_flow_ready(struct tb_flow *f, struct tb_units need, tb_time *from);

/* It starts: after tb_flow_ready said so. */
void tb_flow_take(struct tb_flow *f, struct tb_units need);

/* The oldest message that is held gives its units back, to be used from `at` on. */
void tb_flow_return(struct tb_flow *f, tb_time at);

/* Is everything back? */
bool tb_flow_whole(const struct tb_flow *f);

#endif
