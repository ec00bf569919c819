/* The pending set: which channel is due next.
 *
 * It holds channels, not events: each channel has at most one instant, that of its oldest message
 * or of its timer. Order is by (time, channel number); so the outcome does not depend on the data
 * structure. tests/property/pending_list.c implements the same interface as a sorted list, as an
 * oracle.
 */
#ifndef SIM_PENDING_H
#define SIM_PENDING_H

#include "tollbridge/time.h"

#include <stddef.h>
#include <stdint.h>

struct tb_pending {
    tb_time *time;     /* of each channel; TB_NEVER if it has nothing */
    void *work;        /* the implementation's */
    uint32_t channels; /* how many there are */
    uint32_t groups;   /* the implementation's */
};

/* How many bytes `work` must have for a number of channels; `time` has one element per channel. */
size_t tb_pending_work(uint32_t channels);

/* Makes an empty set of at least one channel. The caller has allocated time and work. */
void tb_pending_init(struct tb_pending *p, uint32_t channels);

/* Sets a channel's instant (TB_NEVER: it has none). */
void tb_pending_set(struct tb_pending *p, uint32_t channel, tb_time at);

/* The channel that is due first; its instant is p->time[it], TB_NEVER if nothing is pending. */
uint32_t tb_pending_first(const struct tb_pending *p);

#endif
