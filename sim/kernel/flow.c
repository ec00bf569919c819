/* Flow control of PCI Express; see flow.h. */
#include "kernel/flow.h"

#include "kernel/kernel.h"

#include <assert.h>

static uint32_t power_above(uint32_t n)
{
    uint32_t p = 2;
    while (p <= n)
        p *= 2;
    return p;
}

/* Every entry given back has at least one unit that is counted: so many there can be. */
struct tb_flow *tb_flow_new(struct tb_sim *s, struct tb_units limit, uint32_t places)
{
    struct tb_flow *f = kernel_alloc(s, 1, sizeof *f);
    uint32_t most = power_above(limit.header ? limit.header : limit.data);
    f->limit = f->free = limit;
    f->back = kernel_alloc(s, most, sizeof *f->back);
    f->back_mask = most - 1;
    f->held = kernel_alloc(s, places, sizeof *f->held);
    f->held_mask = places - 1;
    return f;
}

static uint32_t at_most(uint32_t n, uint32_t limit)
{
    return n < limit ? n : limit;
}

/* What is not counted needs nothing. */
static struct tb_units counted(const struct tb_flow *f, struct tb_units need)
{
    return (struct tb_units){at_most(need.header, f->limit.header),
                             at_most(need.data, f->limit.data)};
}

static bool enough(const struct tb_flow *f, struct tb_units need)
{
    return f->free.header >= need.header && f->free.data >= need.data;
}

/* Nothing of the lane can start before the message that asks: so what is looked at for it may count
 * as free from the latest of these instants on. */
bool tb_flow_ready(struct tb_flow *f, struct tb_units need, tb_time *from)
{
    need = counted(f, need);
    while (!enough(f, need) && f->back_head != f->back_tail) {
        const struct tb_returned *r = &f->back[f->back_head++ & f->back_mask];
        f->free.header += r->units.header;
        f->free.data += r->units.data;
        f->from = tb_max(f->from, r->at);
    }
    *from = f->from;
    return enough(f, need);
}

void tb_flow_take(struct tb_flow *f, struct tb_units need)
{
    need = counted(f, need);
    assert(enough(f, need) && f->held_tail - f->held_head <= f->held_mask);
    f->free.header -= need.header;
    f->free.data -= need.data;
    f->held[f->held_tail++ & f->held_mask] = need;
}

/* They nearly always come in order of time. */
void tb_flow_return(struct tb_flow *f, tb_time at)
{
    assert(f->held_head != f->held_tail);
    struct tb_units units = f->held[f->held_head++ & f->held_mask];
    if (units.header == 0 && units.data == 0)
        return;
    assert(f->back_tail - f->back_head <= f->back_mask);
    uint32_t i = f->back_tail++;
    for (; i != f->back_head && f->back[(i - 1) & f->back_mask].at > at; i--)
        f->back[i & f->back_mask] = f->back[(i - 1) & f->back_mask];
    f->back[i & f->back_mask] = (struct tb_returned){at, units};
}

bool tb_flow_whole(const struct tb_flow *f)
{
    struct tb_units all = f->free;
    for (uint32_t i = f->back_head; i != f->back_tail; i++) {
        all.header += f->back[i & f->back_mask].units.header;
        all.data += f->back[i & f->back_mask].units.data;
    }
    return all.header == f->limit.header && all.data == f->limit.data;
}
