/* A bus's parameters: the table, and what single ones cannot say. */
#include "bus.h"

#include <inttypes.h>

static const char *const protocol_names[] = {"system", "pci", "sbus", "isa", NULL};

static const char *const arbitration_names[] = {"round-robin", "fixed", NULL};

#define AT(field) offsetof(struct bus_params, field)
const struct tb_param bus_param_table[] = {
    {.name = "protocol",
     .type = TB_ENUM,
     .offset = AT(protocol),
     .def = "system",
     .names = protocol_names,
     .doc = "what a message costs: by the rules of a system bus, of PCI, of SBus, of ISA"},
    {.name = "arbitration",
     .type = TB_ENUM,
     .offset = AT(arbitration),
     .def = "round-robin",
     .names = arbitration_names,
     .doc = "who is next: each port in turn, or always the port whose link is listed first"},
    {.name = "clock",
     .type = TB_CLOCK,
     .offset = AT(clock),
     .def = "none",
     .doc = "transfers start and end on its edges; protocols pci, sbus and isa need one"},
    {.name = "width",
     .type = TB_SIZE,
     .offset = AT(width),
     .def = "4B",
     .min = "1B",
     .max = "4KiB",
     .doc = "bytes per clock, if there is a clock and no bandwidth; protocol isa: 1B or 2B (2B)"},
    {.name = "bandwidth",
     .type = TB_RATE,
     .offset = AT(bandwidth),
     .def = "unlimited",
     .doc = "of a system bus; in place of width x clock"},
    {.name = "overhead",
     .type = TB_TIME,
     .offset = AT(overhead),
     .def = "0ns",
     .max = "1ms",
     .doc = "of a system bus: the medium's time for the address phase of a request"},
    {.name = "latency",
     .type = TB_TIME,
     .offset = AT(latency),
     .def = "0ns",
     .max = "1ms",
     .doc = "from the end of the transfer to the departure; does not occupy the medium"},
    {.name = "interrupt",
     .type = TB_TIME,
     .offset = AT(interrupt),
     .def = "0ns",
     .max = "1ms",
     .doc = "the medium's time for an interrupt message"},
    {.name = "address",
     .type = TB_COUNT,
     .offset = AT(address),
     .def = "1",
     .max = "64",
     .doc = "pci, sbus: clocks of a read's address phase, or of any request nobody claims"},
    {.name = "write",
     .type = TB_COUNT,
     .offset = AT(write),
     .def = "2",
     .max = "64",
     .doc = "pci, sbus: clocks of a write burst on top of its data phases"},
    {.name = "read",
     .type = TB_COUNT,
     .offset = AT(read),
     .def = "16",
     .max = "1024",
     .doc = "pci, sbus: clocks of a read burst on top of its data phases, address phase included"},
    {.name = "latency_timer",
     .type = TB_COUNT,
     .offset = AT(latency_timer),
     .def = "64",
     .min = "16",
     .max = "128",
     .doc = "protocol pci: clocks after which a burst gives way, to pay its overhead again"},
    {.name = "word",
     .type = TB_COUNT,
     .offset = AT(word),
     .def = "3",
     .min = "2",
     .max = "64",
     .doc = "protocol isa: clocks of a 16-bit memory cycle; 2 without its wait state (0WS#)"},
    {.name = "io_word",
     .type = TB_COUNT,
     .offset = AT(io_word),
     .def = "3",
     .min = "2",
     .max = "64",
     .doc = "protocol isa: clocks of a 16-bit I/O cycle"},
    {.name = "byte",
     .type = TB_COUNT,
     .offset = AT(byte),
     .def = "6",
     .min = "2",
     .max = "64",
     .doc = "protocol isa: clocks of an 8-bit cycle; 3 with 0WS#"},
    {.name = "refresh",
     .type = TB_TIME,
     .offset = AT(refresh),
     .def = "0ns",
     .max = "1s",
     .doc = "protocol isa: a refresh cycle takes the bus so often (15.6us); 0ns: never"},
    {.name = "refresh_clocks",
     .type = TB_COUNT,
     .offset = AT(refresh_clocks),
     .def = "4",
     .min = "1",
     .max = "64",
     .doc = "protocol isa: how long that takes"},
    {.name = "turn",
     .type = TB_BOOL,
     .offset = AT(turn),
     .def = "false",
     .doc =
         "a request may leave by the port it came in by: peers below that an IOMMU there sent up"},
    {0},
};

/* A parameter that means nothing in this protocol must not be given. */
static void refuse(struct tb_model *m, struct tb_diag *diag, bool given, const char *name)
{
    const struct bus *b = m->state;
    if (given)
        tb_diag_node(diag, tb_model_node(m, name), "'%s' means nothing for protocol %s", name,
                     protocol_names[b->p.protocol]);
}

static void check_pci(struct tb_model *m, struct tb_diag *diag)
{
    const struct bus_params *p = &((struct bus *)m->state)->p;
    if (p->address > p->read)
        tb_diag_node(diag, tb_model_node(m, "address"),
                     "more clocks for the address phase (%" PRIu64
                     ") than for all of a read's overhead (%" PRIu64 ")",
                     p->address, p->read);
}

/* 16 data lines, or the 8 of the first PC: what is not said otherwise is 16. */
static void check_isa(struct tb_model *m, struct tb_diag *diag)
{
    struct bus_params *p = &((struct bus *)m->state)->p;
    if (!tb_node_get(m->node, "width"))
        p->width = 2;
    if (p->width > 2)
        tb_diag_node(diag, tb_model_node(m, "width"), "an ISA bus is 1B or 2B wide");
    if (p->refresh && p->clock.time && bus_edge_time(p->clock, p->refresh_clocks + 1) >= p->refresh)
        tb_diag_node(diag, tb_model_node(m, "refresh"),
                     "refreshes leave no time for anything else");
}

static void refuse_pci(struct tb_model *m, struct tb_diag *diag)
{
    const struct bus_params *p = &((struct bus *)m->state)->p;
    refuse(m, diag, p->address != 1, "address");
    refuse(m, diag, p->write != 2, "write");
    refuse(m, diag, p->read != 16, "read");
    refuse(m, diag, p->latency_timer != 64, "latency_timer");
}

static void refuse_isa(struct tb_model *m, struct tb_diag *diag)
{
    const struct bus_params *p = &((struct bus *)m->state)->p;
    refuse(m, diag, p->word != 3, "word");
    refuse(m, diag, p->io_word != 3, "io_word");
    refuse(m, diag, p->byte != 6, "byte");
    refuse(m, diag, p->refresh != 0, "refresh");
    refuse(m, diag, p->refresh_clocks != 4, "refresh_clocks");
}

void bus_check(struct tb_model *m, struct tb_diag *diag)
{
    struct bus *b = m->state;
    const struct bus_params *p = &b->p;
    b->held = b->kept.entry = BUS_NOBODY;
    b->ports = tb_port_count(m);
    if (p->width & (p->width - 1))
        tb_diag_node(diag, tb_model_node(m, "width"), "a bus is a power of two of bytes wide");
    if (p->protocol != BUS_ISA)
        refuse_isa(m, diag);
    if (p->protocol == BUS_SYSTEM || p->protocol == BUS_ISA)
        refuse_pci(m, diag);
    if (p->protocol == BUS_SBUS)
        refuse(m, diag, p->latency_timer != 64, "latency_timer");
    if (p->protocol == BUS_SYSTEM)
        return;
    refuse(m, diag, p->bandwidth.time != 0, "bandwidth");
    refuse(m, diag, p->overhead != 0, "overhead");
    if (!p->clock.time)
        tb_diag_node(diag, m->node, "protocol %s needs a clock, for instance %s",
                     protocol_names[p->protocol], p->protocol == BUS_ISA ? "120ns" : "30ns");
    if (p->protocol == BUS_ISA)
        check_isa(m, diag);
    else
        check_pci(m, diag);
}
