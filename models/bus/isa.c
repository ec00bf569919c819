/* What is ISA's own: its address lines, cycles, a master that keeps the bus, refresh. */
#include "bus.h"

#define ISA_MEMORY 0xffffffu /* last address that 24 lines tell apart */
#define ISA_PORTS  0xffffu   /* and that 16 do */

void bus_isa_cut_off(const struct bus *b, struct tb_ranges *of, size_t n)
{
    size_t kept = n;
    for (; b->p.protocol == BUS_ISA && n < of->count; n++) {
        struct tb_range r = of->at[n];
        uint64_t last = r.space == TB_MEMORY ? ISA_MEMORY : ISA_PORTS;
        if (r.space != TB_SPACE_IRQ && (r.space == TB_CONFIG || r.base > last)) {
            if (!r.moves)
                continue;
            r.off = true;
        } else if (r.space != TB_SPACE_IRQ && r.last > last) {
            r.last = last;
        }
        of->at[kept++] = r;
    }
    if (b->p.protocol == BUS_ISA)
        of->count = kept;
}

/* Clocks of all cycles of a transfer on ISA: a cycle for each aligned word, a slower one for each
 * byte besides. A master that drives its own cycles (a DMA controller) has said how long they take.
 */
static uint64_t isa_clocks(const struct bus *b, const struct tb_msg *msg)
{
    if (msg->clocks)
        return msg->clocks;
    uint64_t odd = b->p.width == 1 ? msg->length : msg->address & 1, rest = msg->length - odd;
    return (odd + (rest & 1)) * b->p.byte +
           rest / 2 * (msg->space == TB_IO ? b->p.io_word : b->p.word);
}

/* A read's request is the first clock of its first cycle, its data are the rest of them; what the
 * target took meanwhile is part of the cycle, unless somebody else had the medium. */
uint64_t bus_isa_occupied(const struct bus *b, const struct bus_entry *e, tb_time start)
{
    uint64_t clocks = isa_clocks(b, &e->msg), past = 1;
    if (e->msg.kind == TB_WRITE || (e->msg.kind == TB_READ && e->out == BUS_NOWHERE))
        return clocks;
    if (e->msg.kind != TB_DATA) /* DONE: the write's own cycles told it */
        return e->msg.kind == TB_DONE ? 0 : 1;
    if (b->kept.entry == e->msg.txn)
        past = bus_edge_number(b->p.clock, start) - bus_edge_number(b->p.clock, b->kept.since);
    return clocks > past ? clocks - past : 1;
}

/* The refresh that came due last goes first: when it was due, or when the medium was free after
 * that. Those before it found the medium idle, or were lost. */
tb_time bus_isa_after_refresh(struct bus *b, tb_time start)
{
    uint64_t number = b->p.refresh ? start / b->p.refresh : 0;
    if (number == b->refreshed)
        return start;
    b->refreshed = number;
    tb_time due = tb_clock_edge(b->p.clock, tb_max(number * b->p.refresh, b->free_at));
    tb_time end = bus_edge_time(b->p.clock, bus_edge_number(b->p.clock, due) + b->p.refresh_clocks);
    b->refreshes += end > start;
    return tb_max(start, end);
}

void bus_isa_keep(struct bus *b, const struct bus_entry *e, tb_time start)
{
    bool asks = e->msg.kind == TB_READ && e->msg.class == TB_NONPOSTED && e->out != BUS_NOWHERE;
    b->kept.entry = asks ? e->msg.txn : BUS_NOBODY;
    b->kept.port = e->from;
    b->kept.since = start;
}
