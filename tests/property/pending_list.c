/* The pending set once more, as a sorted list: an oracle.
 *
 * It implements sim/kernel/pending.h in the plainest way there is. A program built with it
 * (-DTB_SORTED_LIST=ON) must write the same logs to the byte: the order of events is (time,
 * channel) and owes nothing to a data structure.
 *
 * links(p)[c] is the channel after c; links(p)[channels] is the first one, and `channels` stands
 * for the end.
 */
#include "kernel/pending.h"

size_t tb_pending_work(uint32_t channels)
{
    return (channels + 1) * sizeof(uint32_t);
}

static uint32_t *links(const struct tb_pending *p)
{
    return p->work;
}

void tb_pending_init(struct tb_pending *p, uint32_t channels)
{
    p->channels = channels;
    for (uint32_t c = 0; c < channels; c++)
        p->time[c] = TB_NEVER;
    links(p)[channels] = channels;
}

static void take_out(struct tb_pending *p, uint32_t channel)
{
    uint32_t at = p->channels;
    while (links(p)[at] != channel)
        at = links(p)[at];
    links(p)[at] = links(p)[channel];
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
    while (links(p)[before] != p->channels && is_before(p, links(p)[before], channel))
        before = links(p)[before];
    links(p)[channel] = links(p)[before];
    links(p)[before] = channel;
}

uint32_t tb_pending_first(const struct tb_pending *p)
{
    uint32_t first = links(p)[p->channels];
    return first == p->channels ? 0 : first; /* of an empty set any: none has an instant */
}
