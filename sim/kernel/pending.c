/* The pending set: see pending.h. Channels are few, known from the start, and most of them idle.
 *
 * They are kept in groups of 32. A group knows which of its channels have an instant (a bit each)
 * and which of these is due first; a tournament (winner) tree over the groups knows the first of
 * all. A change that does not touch its group's winner ends there; else the group is looked through
 * once, and the matches above are replayed.
 */
#include "kernel/pending.h"

#define GROUP 32u

/* A match of the tournament: nodes 1..groups-1; or a group: nodes groups..2*groups-1. */
struct node {
    tb_time at;       /* of the winner; TB_NEVER if there is none */
    uint32_t channel; /* the winner */
    uint32_t bits;    /* of a group: which of its channels have an instant */
};

static uint32_t groups_for(uint32_t channels)
{
    uint32_t n = 1;
    while (n * GROUP < channels)
        n *= 2;
    return n;
}

size_t tb_pending_work(uint32_t channels)
{
    return 2 * groups_for(channels) * sizeof(struct node);
}

void tb_pending_init(struct tb_pending *p, uint32_t channels)
{
    struct node *nodes = p->work;
    p->channels = channels;
    p->groups = groups_for(channels);
    for (uint32_t c = 0; c < channels; c++)
        p->time[c] = TB_NEVER;
    for (uint32_t g = 0; g < p->groups; g++)
        nodes[p->groups + g] = (struct node){TB_NEVER, g * GROUP < channels ? g * GROUP : 0, 0};
    for (uint32_t i = p->groups - 1; i >= 1; i--)
        nodes[i] = nodes[2 * i];
}

/* Finds the first of a group among all that have an instant. */
static inline void look_through(const tb_time *time, uint32_t first, struct node *group)
{
    tb_time at = TB_NEVER;
    uint32_t best = group->channel;
    for (uint32_t bits = group->bits; bits; bits &= bits - 1) {
        uint32_t c = first + (uint32_t)__builtin_ctz(bits);
        if (time[c] < at) {
            at = time[c];
            best = c;
        }
    }
    group->at = at;
    group->channel = best;
}

void tb_pending_set(struct tb_pending *p, uint32_t channel, tb_time at)
{
    uint32_t i = p->groups + channel / GROUP;
    struct node *nodes = p->work, *group = &nodes[i];
    p->time[channel] = at;
    if (at == TB_NEVER)
        group->bits &= ~(1u << channel % GROUP);
    else
        group->bits |= 1u << channel % GROUP;
    if (group->channel == channel) {
        look_through(p->time, channel & ~(GROUP - 1), group);
    } else if (at < group->at || (at == group->at && channel < group->channel)) {
        group->at = at;
        group->channel = channel;
    } else {
        return;
    }
    for (; i > 1; i >>= 1) {
        const struct node *a = &nodes[i & ~1u], *b = a + 1; /* a has the lower numbers */
        nodes[i >> 1] = b->at < a->at ? *b : *a;
    }
}

uint32_t tb_pending_first(const struct tb_pending *p)
{
    return ((const struct node *)p->work)[1].channel;
}
