/* The pending set as a tournament (winner) tree over the channels: see pending.h.
 *
 * work[1] is the winner of all, work[i] the winner of the matches work[2i] and work[2i+1]; below the
 * last row of matches are the channels themselves. A change replays the matches from its channel
 * upwards, and stops as soon as a match that the channel did not win stays as it was. Channels are
 * few and known from the start, so this is smaller and steadier than a heap.
 */
#include "pending.h"

uint32_t tb_pending_leaves(uint32_t channels)
{
    uint32_t n = 2;
    while (n < channels)
        n *= 2;
    return n;
}

void tb_pending_init(struct tb_pending *p, uint32_t channels)
{
    p->channels = channels;
    p->leaves = tb_pending_leaves(channels);
    for (uint32_t i = 0; i < p->leaves; i++)
        p->time[i] = TB_NEVER;
    for (uint32_t i = p->leaves / 2; i < p->leaves; i++)
        p->work[i] = 2 * i - p->leaves;
    for (uint32_t i = p->leaves / 2 - 1; i >= 1; i--)
        p->work[i] = p->work[2 * i];
}

/* Of two channels the one that is due first; a has the lower number. */
static inline uint32_t winner(const tb_time *time, uint32_t a, uint32_t b)
{
    return time[b] < time[a] ? b : a;
}

void tb_pending_set(struct tb_pending *p, uint32_t channel, tb_time at)
{
    tb_time *time = p->time;
    uint32_t *work = p->work;
    time[channel] = at;
    uint32_t i = (channel + p->leaves) >> 1;
    uint32_t won = winner(time, channel & ~1u, channel | 1u);
    for (;;) {
        if (work[i] == won && won != channel)
            return;
        work[i] = won;
        if (i == 1)
            return;
        won = winner(time, work[i & ~1u], work[i | 1u]);
        i >>= 1;
    }
}

uint32_t tb_pending_first(const struct tb_pending *p)
{
    return p->work[1];
}
