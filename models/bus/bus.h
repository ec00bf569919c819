/* A bus: decodes addresses, and is one medium that all its ports share, one message at a time.
 *
 * Routing: at time 0 the bus asks what is behind each port, and sorts the answers into one table
 * per address space (and again, in place, whenever somebody's claims have moved); a range inside
 * another port's is a hole in that (registers in front of memory); what nobody claims goes to who
 * claims subtractively (the bridge above). A request is never sent back where it came from.
 * Completions go back by transaction number: an entry per transaction remembers the port a request
 * came in by. A request is decoded when it gets the medium, as in an address phase: one that waits
 * for it while claims move goes by the new ones.
 *
 * The medium: a message that finds it idle is sent ahead, ready at the end of its occupancy: one
 * event per hop. One that finds it busy waits in the queue of its port, with its credit; the
 * arbiter picks at the end of the occupancy, so departures never go backwards. Queues are in order
 * of arrival whatever the class, which keeps posted writes ahead of what followed them; as the
 * medium never blocks, nothing needs to pass anything here (what waits for credits waits in front
 * of the wire, by class).
 *
 * What costs the medium nothing (on PCI a write's completion: its data phases told it; an interrupt
 * line) passes by a busy medium, but not what came before it from its own port.
 *
 * Not sent ahead, but held until the end, are a PCI burst longer than its latency timer, because it
 * may have to give the bus up, and a posted write that nobody claims, because it ends here.
 *
 * An ISA bus cannot split a read: while the target looks for its data, the master keeps the medium
 * (`kept`): what it sends next waits for these data, and the time they took counts as part of the
 * cycle. The first other message that takes the medium ends that, so nothing can wait in a circle.
 */
#ifndef BUS_H
#define BUS_H

#include "tollbridge/model.h"

enum bus_protocol { BUS_SYSTEM, BUS_PCI, BUS_SBUS, BUS_ISA };
enum bus_arbitration { BUS_ROUND_ROBIN, BUS_FIXED };

#define BUS_NOWHERE UINT16_MAX
#define BUS_NOBODY  UINT32_MAX /* end of a list of entries */
#define BUS_TRAIL   4          /* how often a request may cross the same bus on its way */

struct bus_params {
    unsigned protocol;
    unsigned arbitration;
    struct tb_rate clock;
    uint64_t width;
    struct tb_rate bandwidth;
    tb_time overhead;
    tb_time latency;
    tb_time interrupt;
    uint64_t address;
    uint64_t write;
    uint64_t read;
    uint64_t latency_timer;
    uint64_t word, io_word, byte;
    tb_time refresh;
    uint64_t refresh_clocks;
    bool turn;
};

/* What the bus knows of a transaction: who sent its requests here, and the message of it that waits
 * or is on the medium. A transaction has one message at a time, so one entry each is enough. */
struct bus_entry {
    struct tb_msg msg;
    tb_time since;  /* waits, or occupies the medium, since */
    uint32_t words; /* data phases that are left (PCI) */
    uint32_t next;  /* in the queue of its port */
    uint16_t from, out;
    tb_credit credit;
    bool decoded;   /* has had its address phase: keeps its way */
    uint16_t depth; /* requests open in trail */
    uint16_t trail[BUS_TRAIL];
};

struct bus_queue {
    uint32_t head, tail; /* entries, BUS_NOBODY if empty */
};

/* Where an interval of addresses leads. */
struct bus_route {
    uint64_t base, last;
    uint16_t port;
    uint16_t model;
};

struct bus_routes {
    struct bus_route *at;
    size_t count, room;
};

struct bus {
    struct bus_params p;
    struct bus_routes routes[TB_SPACES][2]; /* [1]: subtractive */
    struct bus_routes claimed;              /* what one of them is made of */
    struct tb_ranges *found;                /* per port: what is behind it */
    bool routed;
    unsigned ports;
    struct bus_queue *queues; /* per port */
    struct bus_entry *entries;
    uint32_t waiting;   /* messages in all queues */
    uint32_t held;      /* entry on the medium that is not sent yet, or BUS_NOBODY */
    unsigned last_port; /* had the medium last */
    tb_time free_at;    /* end of the present occupancy */
    struct {
        uint32_t entry; /* whose read has had its request, and awaits its data; BUS_NOBODY: none */
        uint16_t port;  /* its master's */
        tb_time since;
    } kept;
    uint64_t refreshed; /* number of the last refresh that was seen to */
    uint64_t transfers, busy, waits, preemptions, unclaimed, contested, refreshes;
};

static inline uint32_t bus_number_of(const struct bus *b, const struct bus_entry *e)
{
    return (uint32_t)(e - b->entries);
}

/* Number of the clock edge at t, which is one (model.h's tb_clock_edge rounds edges up). */
static inline uint64_t bus_edge_number(struct tb_rate clock, tb_time t)
{
    return (uint64_t)((unsigned __int128)t * clock.units / clock.time);
}

static inline tb_time bus_edge_time(struct tb_rate clock, uint64_t number)
{
    return tb_rate_time_wide(clock, number);
}

/* -- params.c --------------------------------------------------------------------------------- */

extern const struct tb_param bus_param_table[];
void bus_check(struct tb_model *m, struct tb_diag *diag);

/* -- routes.c: sorted tables of routes, without overlaps -------------------------------------- */

/* Joins what leads to the same port. What overlaps behind one port is the business of whoever is
 * there. */
void bus_routes_join(struct bus_routes *r);
/* Sorts them, the widest first. */
void bus_routes_sort_widths(struct bus_routes *r);
/* Puts a range into a table of wider ones, whose room has to suffice. In the middle of a wider one
 * it is a hole in that: a device's registers, or an aperture, in front of memory, as a PC's chipset
 * has them. Returns the range it cannot be told from, or NULL. */
const struct bus_route *bus_routes_place(struct bus_routes *r, const struct bus_route *next);
/* Of a range that overlaps others, puts in what they leave of it. */
void bus_routes_place_rest(struct bus_routes *r, const struct bus_route *next);
/* The route of an address, or NULL. */
const struct bus_route *bus_routes_find(const struct bus_routes *r, uint64_t address);

/* -- decode.c: who claims what, and so gets a message ----------------------------------------- */

/* Asks what is behind every port and fills the tables. Instant accesses may need them before
 * `start` is called. diag may be NULL: errors are reported later, by start. */
void bus_gather(struct tb_model *m, struct tb_diag *diag);
/* The address phase: the port by which a message leaves, and its data phases. */
void bus_decode(struct bus *b, struct bus_entry *e);
/* Callbacks of the class. */
void bus_rerouted(struct tb_model *m);
void bus_claims(struct tb_model *m, unsigned port, struct tb_ranges *out);
bool bus_debug(struct tb_model *m, unsigned port, struct tb_debug *d);

/* -- cost.c, pci.c (and SBus), isa.c: how long a message occupies the medium ------------------ */

/* Data phases: words of the bus that the payload touches. */
uint32_t bus_data_words(const struct bus *b, const struct bus_entry *e);
/* When a message that takes the medium at `start`, on an edge, leaves it if nobody interrupts. */
tb_time bus_occupancy_end(const struct bus *b, const struct bus_entry *e, tb_time start);

/* Clocks that come on top of the data phases. */
uint64_t bus_pci_overhead(const struct bus *b, const struct bus_entry *e);
/* Can this tenure outlast its latency timer. */
bool bus_pci_is_long(const struct bus *b, const struct bus_entry *e);
/* First edge >= t at which a long burst gives way. */
tb_time bus_pci_yield_time(const struct bus *b, const struct bus_entry *e, tb_time t);

/* Clocks of a message that takes the medium at `start`. */
uint64_t bus_isa_occupied(const struct bus *b, const struct bus_entry *e, tb_time start);
/* When the medium is there for who wants it at `start`, and a refresh may have been due. */
tb_time bus_isa_after_refresh(struct bus *b, tb_time start);
/* A message has taken the medium. An ISA master's read keeps it. */
void bus_isa_keep(struct bus *b, const struct bus_entry *e, tb_time start);
/* Cuts off what an ISA bus has no address lines for, from the n-th range on. In place: claims may
 * change while the simulation runs; what has moved out of reach may come back, and keeps its place.
 */
void bus_isa_cut_off(const struct bus *b, struct tb_ranges *of, size_t n);

/* -- arbiter.c: who waits, and who is next ---------------------------------------------------- */

void bus_push_back(struct bus *b, struct bus_entry *e); /* into the queue of its port */
void bus_push_front(struct bus *b, struct bus_entry *e);
struct bus_entry *bus_pop(struct bus *b, unsigned port); /* of a queue that is not empty */
/* Whom the arbiter would grant the medium; BUS_NOWHERE: nobody. `also`: a port to be counted as
 * waiting (who has the medium), or BUS_NOWHERE. */
unsigned bus_grant(const struct bus *b, unsigned also);
/* Nobody who may have the medium waits for it: a message that comes by `port` may have it. */
bool bus_is_first(const struct bus *b, unsigned port);

#endif
