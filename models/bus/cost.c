/* How long a message occupies the medium; the rules of a system bus. */
#include "bus.h"

uint32_t bus_data_words(const struct bus *b, const struct bus_entry *e)
{
    unsigned bytes = tb_msg_payload(&e->msg);
    if (!bytes || e->out == BUS_NOWHERE) /* no answer to the address phase: no data phase either */
        return 0;
    return (uint32_t)((e->msg.address % b->p.width + bytes + b->p.width - 1) / b->p.width);
}

static tb_time system_end(const struct bus *b, const struct bus_entry *e, tb_time start)
{
    const struct bus_params *p = &b->p;
    tb_time end = start + (e->msg.class == TB_COMPLETION ? 0 : p->overhead);
    if (p->bandwidth.time && e->out != BUS_NOWHERE)
        end += tb_rate_time(p->bandwidth, tb_msg_payload(&e->msg));
    end = tb_clock_edge(p->clock, end);
    if (!p->bandwidth.time && p->clock.time)
        end = bus_edge_time(p->clock, bus_edge_number(p->clock, end) + e->words);
    return end;
}

tb_time bus_occupancy_end(const struct bus *b, const struct bus_entry *e, tb_time start)
{
    if (e->msg.class == TB_INTERRUPT)
        return tb_clock_edge(b->p.clock, start + b->p.interrupt);
    if (b->p.protocol == BUS_SYSTEM)
        return system_end(b, e, start);
    if (b->p.protocol == BUS_ISA)
        return bus_edge_time(b->p.clock,
                             bus_edge_number(b->p.clock, start) + bus_isa_occupied(b, e, start));
    return bus_edge_time(b->p.clock,
                         bus_edge_number(b->p.clock, start) + bus_pci_overhead(b, e) + e->words);
}
