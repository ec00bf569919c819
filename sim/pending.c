/* The pending set: see pending.h. Channels are few, known from the start, and most of them idle.
 *
 * They are kept in groups of 16. A group knows which of its channels have an instant (a bit each) and which of
 * these is due first; a tournament (winner) tree over the groups knows the first of all. A change that does not
 * touch its group's winner ends there; else the group is looked through once, and the matches above are
 * replayed until one stays as it was.
 */
#include "pending.h"

#define GROUP 16u

/* Layout of work: matches 1..groups-1, the groups' winners groups..2*groups-1, then their bits. */
static inline uint32_t groups_of(const struct tb_pending *p)
{
    return p->leaves / GROUP;
}

uint32_t tb_pending_leaves(uint32_t channels)
{
    uint32_t n = GROUP;
    while (n < channels)
        n *= 2;
    return n;
}

void tb_pending_init(struct tb_pending *p, uint32_t channels)
{
    p->channels = channels;
    p->leaves = tb_pending_leaves(channels);
    uint32_t groups = groups_of(p);
    for (uint32_t i = 0; i < p->leaves; i++)
        p->time[i] = TB_NEVER;
    for (uint32_t g = 0; g < groups; g++) {
        p->work[groups + g] = g * GROUP;
        p->work[2 * groups + g] = 0;
    }
    for (uint32_t i = groups - 1; i >= 1 && i < groups; i--)
        p->work[i] = p->work[2 * i];
}

/* The first of a group, looking at all that have an instant; its first channel if none has. */
static inline uint32_t look_through(const tb_time *time, uint32_t first, uint32_t bits)
{
    uint32_t best = first;
    tb_time at = TB_NEVER;
    for (; bits; bits &= bits - 1) {
        uint32_t c = first + (uint32_t)__builtin_ctz(bits);
        if (time[c] < at) {
            at = time[c];
            best = c;
        }
    }
    return best;
}

/* Replays the matches above node i, whose winner is new or has a new instant. */
static inline void replay(struct tb_pending *p, uint32_t i)
{
    uint32_t *work = p->work;
    for (; i > 1; i >>= 1) {
        uint32_t a = work[i & ~1u], b = work[i | 1u]; /* a has the lower numbers */
        work[i >> 1] = p->time[b] < p->time[a] ? b : a;
    }
}

void tb_pending_set(struct tb_pending *p, uint32_t channel, tb_time at)
{
    uint32_t groups = groups_of(p), group = channel / GROUP, bit = 1u << channel % GROUP;
    uint32_t *won = &p->work[groups + group], *bits = &p->work[2 * groups + group];
    tb_time best = p->time[*won];
    p->time[channel] = at;
    *bits = at == TB_NEVER ? *bits & ~bit : *bits | bit;
    if (*won == channel)
        *won = look_through(p->time, group * GROUP, *bits);
    else if (at < best || (at == best && channel < *won))
        *won = channel;
    else
        return;
    replay(p, groups + group);
}

uint32_t tb_pending_first(const struct tb_pending *p)
{
    return p->work[1];
}
