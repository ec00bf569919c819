/* The pending set once more, as a sorted list: an oracle.
 *
 * It implements sim/pending.h in the plainest way there is. A program built with it
 * (-DTB_SORTED_LIST=ON) must write the same logs to the byte: the order of events is (time,
 * channel) and owes nothing to a data structure.
 *
 * work[c] is the channel after c; work[channels] is the first one, and `channels` stands for the
 * end.
 */
#include "pending.h"

uint32_t tb_pending_leaves(uint32_t channels)
{
    return channels + 1;
}

void tb_pending_init(struct tb_pending *p, uint32_t channels)
{
    p->channels = channels;
    p->leaves = channels + 1;
    for (uint32_t c = 0; c <= channels; c++)
        p->time[c] = TB_NEVER;
    p->work[channels] = channels;
}

static void take_out(struct tb_pending *p, uint32_t channel)
{
    uint32_t at = p->channels;
    while (p->work[at] != channel)
        at = p->work[at];
    p->work[at] = p->work[channel];
}

static int is_before(const struct tb_pending *p, uint32_t a, uint32_t b)
{
    return p->time[a] < p->time[b] || (p->time[a] == p->time[b] && a < b);
}

void tb_pending_set(struct tb_pending *p, uint32_t channel, tb_time at)
{
    if (p->time[channel] != TB_NEVER)
        take_out(p, channel);
    p->time[channel] = at;
    if (at == TB_NEVER)
        return;
    uint32_t before = p->channels;
    while (p->work[before] != p->channels && is_before(p, p->work[before], channel))
        before = p->work[before];
    p->work[channel] = p->work[before];
    p->work[before] = channel;
}

uint32_t tb_pending_first(const struct tb_pending *p)
{
    return p->work[p->channels];
}
