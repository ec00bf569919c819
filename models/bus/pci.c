/* What a message costs on PCI and SBus, and when a long burst gives way. */
#include "bus.h"

#define BURST 64 /* bytes that a transfer on SBus has at most */

/* Transfers that a message takes: on SBus one for each aligned 64 bytes, which is as much as its
 * size code can say. */
static uint64_t transfers_of(const struct bus *b, const struct bus_entry *e)
{
    unsigned bytes = tb_msg_payload(&e->msg);
    if (b->p.protocol != BUS_SBUS || bytes <= 1)
        return 1;
    return (e->msg.address % BURST + bytes + BURST - 1) / BURST;
}

/* Clocks that come on top of the data phases. A read of N dwords takes N + `read` in all, of which
 * the request has had its address phase. */
uint64_t bus_pci_overhead(const struct bus *b, const struct bus_entry *e)
{
    if (e->out == BUS_NOWHERE)
        return b->p.address;
    switch (e->msg.kind) {
    case TB_WRITE:
        return b->p.write * transfers_of(b, e);
    case TB_DATA:
        return b->p.read * transfers_of(b, e) - b->p.address;
    case TB_DONE: /* PCI has no such phase: the write's data phases, or the abort, told it */
        return 0;
    default:
        return b->p.address;
    }
}

bool bus_pci_is_long(const struct bus *b, const struct bus_entry *e)
{
    return b->p.protocol == BUS_PCI && e->words > 1 &&
           bus_pci_overhead(b, e) + e->words > b->p.latency_timer;
}

/* First edge >= t at which a long burst gives way: after its latency timer, and after one data
 * phase at least, or it would never end. */
tb_time bus_pci_yield_time(const struct bus *b, const struct bus_entry *e, tb_time t)
{
    uint64_t least = bus_pci_overhead(b, e) + 1;
    uint64_t clocks = least > b->p.latency_timer ? least : b->p.latency_timer;
    tb_time allowed = bus_edge_time(b->p.clock, bus_edge_number(b->p.clock, e->since) + clocks);
    return tb_max(allowed, tb_clock_edge(b->p.clock, t));
}
