/* What a model is, and all that it may ask of the kernel.
 *
 * A model is a piece of hardware: one `const struct tb_class` and a state struct per instance. The
 * state is a struct whose *first member is its parameter struct*, filled from the class's table
 * before `check`. Models know no other model: all that one says to another is a message on a port.
 *
 * Time is explicit: every callback gets the instant it happens at as `when`, and every call that
 * lets something happen takes the instant it is to happen at. A callback may be run for an instant
 * that the rest of the simulation has not reached, where the order of its inputs is certain.
 *
 * Elaboration, each step for all models in document order before the next: parameters, links,
 * check, slots, start; then the scenario's `memory:` is written, `program` runs the set-up, and
 * `ready` opens time 0. Only up to `program` may a model allocate, with tb_alloc.
 */
#ifndef TOLLBRIDGE_MODEL_H
#define TOLLBRIDGE_MODEL_H

#include "tollbridge/diag.h"
#include "tollbridge/message.h"
#include "tollbridge/node.h"
#include "tollbridge/param.h"
#include "tollbridge/time.h"
#include "tollbridge/txn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tb_sim;
struct tb_class;

/* The credit that a message took on the link it came over. Whoever takes the message from the
 * kernel holds it, and must pass it on once: to tb_send (which returns it when the message that was
 * sent starts on its wire) or to tb_release. TB_NO_CREDIT needs nothing. */
typedef uint16_t tb_credit;
#define TB_NO_CREDIT ((tb_credit)UINT16_MAX)

struct tb_model {
    void *state; /* class->state_size bytes, zeroed, parameters first */
    struct tb_sim *sim;
    struct tb_txn *txns;        /* all slots of the simulator, for tb_txn() below */
    struct tb_details *details; /* of each slot; NULL: nobody records the parts */
    const struct tb_class *class;
    const char *name;
    const struct tb_node *node; /* where it stands in the platform, for messages at elaboration */
    uint16_t index;             /* place in the platform's document order */
    bool breakdown;             /* somebody records the parts of latencies */
    bool traced;                /* somebody records where they were spent, too */
    uint32_t site;              /* its number in traces, where the code of a mark has it */
    tb_time spent[TB_PARTS];    /* by all transactions here so far, if the breakdown is recorded */
};

/* A region of an address space that something claims. */
struct tb_range {
    uint64_t base;
    uint64_t last;    /* inclusive */
    uint8_t space;    /* enum tb_space */
    bool subtractive; /* takes only what nobody else claims (PCI's subtractive decode) */
    bool moves;       /* software may move it, or switch it off, while the simulation runs */
    bool off;       /* it is switched off: answers nowhere, and only keeps its place in the list */
    uint16_t model; /* who claims it in the end */
    const struct tb_node
        *node; /* where the platform says so; NULL: the model's `base`, or itself */
};

/* A list of ranges. It grows at elaboration only; afterwards it is emptied (count = 0) and filled
 * anew within its room. */
struct tb_ranges {
    struct tb_range *at;
    size_t count, room;
};

/* A named register: `write: {to: ide0.bmicom}` finds it. */
struct tb_symbol {
    uint64_t address;
    uint8_t space; /* enum tb_space */
    uint8_t size;  /* bytes */
};

/* An access without time and without side effects on timing (TLM-2.0's transport_dbg): set-up,
 * checks, debuggers. Routed over the graph like a request. */
struct tb_debug {
    uint64_t address;
    uint8_t *data;
    uint32_t length;
    uint8_t space;
    bool write;
};

/* A counter that `--json` and the summary show and `expect` can ask for. */
struct tb_counter {
    const char *name; /* NULL ends the table */
    size_t offset;    /* of a uint64_t in the state */
    const char *doc;
};

/* A kind of step that a class's program can be made of. */
struct tb_step_kind {
    const char *name;
    const char *doc;
    const struct tb_param *params;
    bool timed; /* belongs to `steps:` only: `setup:` takes no time */
};

/* An access that an embedding program wants done in simulated time (sim.h, tb_sim_access). */
struct tb_access {
    uint64_t address;
    uint8_t *data;   /* length bytes, the caller's */
    uint32_t length; /* 1..4096 */
    uint8_t space;   /* enum tb_space */
    bool write;
    bool done;      /* set by the model, with the two below */
    uint8_t status; /* enum tb_status: the first that was not TB_OK */
    tb_time finished;
};

/* How messages pass through a model that does nothing else with them. */
struct tb_through {
    tb_time latency;
    unsigned port;
    enum tb_part part;
    const struct tb_ranges
        *only; /* requests to other addresses come by recv; NULL: all addresses. Where claims can
                  change everything comes by recv: an address decides when its message is there */
};

/* The class object: everything the kernel knows of a kind of hardware. Callbacks that are NULL are
 * not called. `m->state` is the instance. */
struct tb_class {
    const char *name;
    const char *brief; /* one line for `tollbridge models` */
    size_t state_size;
    const struct tb_param *params; /* table of the parameters, see param.h */
    const char *const *ports;      /* names of its ports, NULL-terminated. A last name of "*" means
                                      any number of further ports, numbered as links name them */
    unsigned
        optional_ports; /* bit 1 << n: port n (a named one, never the first) need not be linked;
                           tb_port_peer then says NULL, and nothing may be sent there. A link
                           that names no port means the first if all others are optional */
    const struct tb_counter *counters;
    unsigned timers; /* how many timers, numbered from 0 */

    /* Checks what single parameters cannot say, allocates what depends on parameters, and says how
     * many transactions it can have open. Ports are connected (tb_port_count, tb_port_peer).
     * Reports every error to diag, at the parameter's place; allocates with tb_alloc. */
    void (*check)(struct tb_model *m, struct tb_diag *diag);

    /* How many transaction slots, and bytes of data for each: after check, before start. */
    void (*slots)(const struct tb_model *m, uint32_t *count, uint32_t *bytes);

    /* Adds the ranges that answer now when the model is reached through `port`: never from a copy
     * that may be out of date. Always as many, of the same address spaces: what is switched off
     * says so. */
    void (*claims)(struct tb_model *m, unsigned port, struct tb_ranges *out);

    /* Somebody's claims have changed: whoever keeps what tb_reach said asks again, in place.
     * Requests that it has decoded already keep their way; those that only wait to be decoded do
     * not. Sends nothing and allocates nothing. The order among models means nothing. */
    void (*rerouted)(struct tb_model *m);

    /* The graph is complete and sized: tb_reach, tb_txn_total and tb_port_capacity work. Builds
     * what depends on them (decode tables, queues). May still tb_alloc. */
    void (*start)(struct tb_model *m, struct tb_diag *diag);

    /* Time 0: memory holds what the scenario says, `setup:` is done. Preloads caches, sends first
     * messages, sets timers. */
    void (*ready)(struct tb_model *m);

    /* A message arrived. `credit` is now the model's to give back. */
    void (*recv)(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when);

    /* What merely passes through: the classes (bit 1 << class) of messages to `port` that the model
     * would do nothing with but send them on by out->port, unchanged, out->latency later, booked as
     * out->part, where nothing else leaves by that port but what comes this way or at the same
     * constant distance. For them the kernel does so by itself, as soon as their arrival is known,
     * and recv is not called: a chain of bridges costs one event, at its end. Asked once, after
     * start; 0: nothing. */
    unsigned (*through)(const struct tb_model *m, unsigned port, struct tb_through *out);

    /* The classes of messages to `port` whose order of arrival on that one wire is all that
     * matters: the model may take them (recv) as soon as their arrival is known, with its instant
     * as `when`, while nobody can look at its state in between. Never a class that ends
     * transactions. Asked once, after start. */
    unsigned (*ahead)(const struct tb_model *m, unsigned port);

    /* Does the model take messages to `port` as soon as their first header has come (a cut-through
     * switch) in place of whole? Of a PCI Express link; elsewhere it makes no difference. Asked
     * once, after start. */
    bool (*cuts)(const struct tb_model *m, unsigned port);

    void (*timer)(struct tb_model *m, unsigned timer, tb_time when);

    /* A transaction of m was ended by somebody else (a posted write was taken); its slot is free.
     */
    void (*retired)(struct tb_model *m, uint32_t txn, tb_time when);

    /* End of simulation: still allowed to write logs of what is unfinished; frees what is not
     * tb_alloc'ed (files). Called once, also after a failed elaboration if check was reached. */
    void (*stop)(struct tb_model *m);

    /* Instant access; false if nobody here or behind answers at that address. */
    bool (*debug)(struct tb_model *m, unsigned port, struct tb_debug *d);

    /* Named storage that is on no bus, such as "disk0": instant read or write of `length` bytes.
     * False when there is no such thing or offset + length is past its end. */
    bool (*storage)(struct tb_model *m, const char *what, uint64_t offset, uint8_t *data,
                    size_t length, bool write);

    /* Firmware's knowledge, for drivers at elaboration: the named register, e.g. "bmicom". */
    bool (*symbol)(struct tb_model *m, const char *name, struct tb_symbol *out);

    /* Firmware's knowledge: a fact by key, e.g. "id", "io", "iommu.mmio", "irq". False if it has
     * none. */
    bool (*fact)(struct tb_model *m, const char *key, uint64_t *out);

    /* Runs a scenario: gets its `setup`, `steps` and so on. At most one model of a platform has it
     * called (the first in document order that can). After start, before ready. */
    void (*program)(struct tb_model *m, const struct tb_node *scenario, struct tb_diag *diag);

    /* The n-th kind of step that `program` knows, for `tollbridge models` and the schema; false
     * past the last. Needs no instance. */
    bool (*step)(size_t n, struct tb_step_kind *out);

    /* True while steps of the program are left (a run ends when false and nothing is pending). */
    bool (*busy)(const struct tb_model *m);

    /* For `tollbridge check`, after the set-up: reports what could be run, but makes no sense (an
     * address that nobody claims: tb_unclaimed). A run does not ask. */
    void (*lint)(struct tb_model *m, struct tb_diag *diag);

    /* Begins an access for tb_sim_access. */
    void (*access)(struct tb_model *m, struct tb_access *a, tb_time when);
};

/* -- Messages ------------------------------------------------------------------------------- */

/* Sends msg over the link at `port`, not before `ready`. The kernel queues it in front of the wire,
 * by class, until the wire is free and a credit is there; it starts at the first instant when all
 * three hold, and PCI's ordering allows (nothing of classes nonposted and completion passes an
 * earlier posted one unless msg->relaxed). When it starts, `carried` is returned to the link it
 * came from. Waiting is booked as TB_PART_QUEUE, the wire as TB_PART_WIRE.
 * `ready` must not go backwards between calls for the same port (asserted): either everything that
 * leaves by a port takes the same constant time through the model, or it is sent at `when`. */
void tb_send(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_time ready,
             tb_credit carried);

/* The earliest `ready` that tb_send still takes at this port: what was reserved ahead goes first.
 */
tb_time tb_port_ready(const struct tb_model *m, unsigned port);

/* Of a message that was taken at its first header by `in` (class->cuts) and is to leave by `out`:
 * how much later than at once it must leave, so that the wire never waits for bytes that have not
 * come. 0 where out is no faster. */
tb_time tb_port_lag(const struct tb_model *m, unsigned in, unsigned out, const struct tb_msg *msg);

/* Returns a credit at `at` (not before the instant of the current callback). */
void tb_release(struct tb_model *m, tb_credit credit, tb_time at);

/* Turns a request into its completion in place: kind, class, status; keeps the rest (creditless
 * too). A read that is TB_OK becomes TB_DATA. */
void tb_msg_answer(struct tb_msg *msg, enum tb_status status);

/* -- Timers --------------------------------------------------------------------------------- */

/* Arms a timer of the model for `at` (>= now); an armed timer is moved. At one instant, messages
 * come before timers, timers in order of (model, timer). */
void tb_timer_set(struct tb_model *m, unsigned timer, tb_time at);
void tb_timer_cancel(struct tb_model *m, unsigned timer);

/* -- Elaboration ---------------------------------------------------------------------------- */

/* Zeroed memory that lives as long as the simulator; never NULL (running out is the host's error:
 * exit 3). Not to be called after `program`. */
void *tb_alloc(struct tb_model *m, size_t count, size_t size);

/* Like tb_alloc, for the one exception: a sparse memory's pages and the like. Counts against the
 * limit of the simulator; ends the run with exit 3 when that or the host's memory is used up; never
 * NULL. */
void *tb_page_alloc(struct tb_model *m, size_t size);

unsigned tb_port_count(const struct tb_model *m);
/* The most bytes that one request sent by this port should write or read: the maximum payload or
 * read request of a PCI Express link, else 4096. A power of two. */
uint32_t tb_port_most(const struct tb_model *m, unsigned port, bool write);
/* The model on the other end of the port's link, or NULL if it has none. */
struct tb_model *tb_port_peer(const struct tb_model *m, unsigned port);
/* How many messages of a class can be on their way to m through port, or taken and not released: an
 * upper bound to size queues by (known in start, not in check). */
uint32_t tb_port_capacity(const struct tb_model *m, unsigned port, enum tb_msg_class class);
/* Total number of transaction slots of the simulator (known in start, not in check). */
uint32_t tb_txn_total(const struct tb_model *m);

/* Adds everything that can be reached by sending through `port` of m: the claims of the peer. */
void tb_reach(struct tb_model *m, unsigned port, struct tb_ranges *out);
/* In check: what m claims may change while the simulation runs. */
void tb_claims_vary(struct tb_model *m);
/* What m claims has changed, now: every decoder of the platform follows at once (`rerouted`). Of a
 * model that said so in check. */
void tb_claims_changed(struct tb_model *m);
/* Adds one range. */
void tb_ranges_add(struct tb_model *m, struct tb_ranges *to, struct tb_range range);

/* Is there a memory address from `first` to `last` (inclusive) that certainly nobody takes when m
 * sends it through `port`: the lowest one goes to *where. What leads through somebody who
 * translates (has the fact "iommu.format") is never certain. */
bool tb_unclaimed(struct tb_model *m, unsigned port, uint64_t first, uint64_t last,
                  uint64_t *where);
/* For class->lint: reports it at `node`, unless the scenario says `unclaimed: allow`. */
void tb_lint_range(struct tb_model *m, unsigned port, uint64_t first, uint64_t bytes,
                   const struct tb_node *node, struct tb_diag *diag);

/* Reports that two ranges of one address space overlap, for a model `at` that would have to tell
 * them apart: at the place of the later claimant of the two, with that of the other in the text.
 * `how` is what they do ("claim"), `where` ends the sentence ("on bus 'pci'"). */
void tb_report_overlap(struct tb_model *at, const struct tb_range *a, const struct tb_range *b,
                       const char *how, const char *where, struct tb_diag *diag);

/* Passes a debug access on to the peer of `port`. */
bool tb_debug_send(struct tb_model *m, unsigned port, struct tb_debug *d);

/* Other models by name, for firmware's knowledge only (a driver asking where a device is). */
struct tb_model *tb_find(const struct tb_model *m, const char *name);
size_t tb_model_count(const struct tb_model *m);
struct tb_model *tb_model_at(const struct tb_model *m, size_t index);
/* Asks a model for a fact or a register; false if it is not known. */
bool tb_fact(struct tb_model *of, const char *key, uint64_t *out);
bool tb_symbol(struct tb_model *of, const char *name, struct tb_symbol *out);
/* Reaches a model's named storage; false as `storage` says. */
bool tb_storage(struct tb_model *of, const char *what, uint64_t offset, uint8_t *data,
                size_t length, bool write);

/* -- Random --------------------------------------------------------------------------------- */

/* A random stream of its own: splitmix64. */
struct tb_random {
    uint64_t state;
};
/* The stream of a model: derived from the scenario's seed, the model's name and `stream`. */
struct tb_random tb_random_of(const struct tb_model *m, unsigned stream);
uint64_t tb_random_next(struct tb_random *r);
/* Uniform on 0..n-1 (n >= 1): the high word of the 128-bit product. */
uint64_t tb_random_below(struct tb_random *r, uint64_t n);

/* -- What a driver declares ------------------------------------------------------------------ */

/* For `record: {check: dma-safety}`: a driver says what it lets devices do, the checker compares
 * that with what they did. Costs nothing when nobody checks. */
enum tb_declared {
    TB_MAPPED, /* devices of the space may go there; what was mapped there before is being replaced
                */
    TB_UNMAP_STARTED, /* what is mapped there is being taken away; caches may still know it */
    TB_UNMAPPED, /* the driver waited for that: nobody may go there any more by what was started */
    TB_ATTACHED, /* the requester goes by this space; by the one before, not for much longer */
    TB_DETACHED  /* the driver waited for that: it may not go by an earlier space any more */
};

enum { TB_MAY_READ = 1, TB_MAY_WRITE = 2 };

#define TB_EVERYWHERE 0u /* a space: whoever is attached to it may go anywhere (passthrough) */
#define TB_NOWHERE    UINT32_MAX /* a space in which nothing is mapped (blocked) */

/* What is declared. The first group of fields is of TB_MAPPED .. TB_UNMAPPED, the second of
 * TB_ATTACHED and TB_DETACHED. */
struct tb_mapping {
    uint64_t iova, pa, size; /* pa: of TB_MAPPED */
    uint8_t access;          /* of TB_MAPPED: TB_MAY_... */
    uint16_t requester;
    bool has_pasid;
    uint32_t pasid;
    uint32_t space;     /* of both: an address space, numbered by the driver */
    tb_time started_by; /* of TB_UNMAPPED, TB_DETACHED: only what was started then or before */
    const struct tb_node *node; /* the step, for messages; NULL: none */
};

void tb_declare(struct tb_model *m, enum tb_declared what, const struct tb_mapping *of,
                tb_time when);

/* What the checker has found so far. */
struct tb_safety {
    uint64_t checked;    /* accesses to memory of requesters that are attached somewhere */
    uint64_t unwatched;  /* of others, or where nothing was ever declared */
    uint64_t stale;      /* of the checked, through a mapping that was being taken away */
    uint64_t violations; /* of the checked, through one that was declared unmapped */
    uint64_t windows;    /* times between the beginning of an unmap and its end */
    tb_time stale_max;   /* longest after its unmap had begun that an access went through */
    tb_time window_max, window_sum;
};

/* False if nobody checks. */
bool tb_safety_of(const struct tb_model *m, struct tb_safety *out);

/* -- Outcome of a scenario ------------------------------------------------------------------ */

/* An expectation of the scenario does not hold: the run's exit status becomes 1. `node` says where
 * it stands; the message is printed with its place and the simulated time. */
void tb_violation(struct tb_model *m, const struct tb_node *node, tb_time when, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* How many transactions ended so far with this kind and status (TB_STATUS_COUNT: any status). */
uint64_t tb_ended(const struct tb_model *m, enum tb_txn_kind kind, enum tb_status status);

/* How many transactions of all models are open now. */
uint32_t tb_open(const struct tb_model *m);

/* Bounds on the latency of ended transactions of a kind: smallest, largest, sum, count. */
struct tb_latency {
    uint64_t count;
    tb_time min, max, sum;
};
struct tb_latency tb_latency_of(const struct tb_model *m, enum tb_txn_kind kind);

/* -- Inline --------------------------------------------------------------------------------- */

/* The slot behind a number that came in a message or from tb_txn_begin. */
static inline struct tb_txn *tb_txn(struct tb_model *m, uint32_t txn)
{
    return &m->txns[txn];
}

/* Where the platform says a parameter, for messages about it; the model's own place if it has its
 * default. */
static inline const struct tb_node *tb_model_node(const struct tb_model *m, const char *name)
{
    const struct tb_node *node = m->node ? tb_node_get(m->node, name) : NULL;
    return node ? node : m->node;
}

/* -- Inline: where time goes ---------------------------------------------------------------- */

/* Marks, of which a trace is made: a word each, picoseconds above a code; see sim/kernel/marks.h.
 */
#define TB_MARKS        256u /* per slot, in a place aligned to so many */
#define TB_MARKS_FULL   128u /* a half: so that one bit of a place tells whether there is room */
#define TB_MARK_DETAIL  22u  /* bits of a code: part 0..3, site 4..18, detail 22..27 */
#define TB_MARK_ALIGNED (TB_MARKS * sizeof(uint64_t))

/* Is there no room for another mark at this place of a slot's? */
static inline bool tb_marks_are_full(const uint64_t *at)
{
    return ((uintptr_t)at & TB_MARKS_FULL * sizeof *at) != 0;
}

/* The mark that is no plain case. */
void tb_txn_mark_slowly(struct tb_model *m, uint32_t txn, uint32_t what, tb_time spent);

/* Notes in the trace that the transaction was here for so long, as `what`. */
static inline void tb_txn_mark(struct tb_model *m, uint32_t txn, uint32_t what, tb_time spent)
{
    uint64_t *at = m->txns[txn].mark;
    if (__builtin_expect(tb_marks_are_full(at) | (spent > UINT32_MAX), 0)) {
        tb_txn_mark_slowly(m, txn, what, spent);
        return;
    }
    *at = spent << 32 | m->site | what;
    m->txns[txn].mark = at + 1;
}

/* Adds `spent` to a part of the transaction's latency; what is booked first was spent first. Free
 * when nobody records the breakdown. Not for `lookup` and `walk`, which have details. */
static inline void tb_txn_spend(struct tb_model *m, uint32_t txn, enum tb_part part, tb_time spent)
{
    if (!m->breakdown)
        return;
    m->txns[txn].spent[part] += spent;
    m->spent[part] += spent;
    if (m->traced)
        tb_txn_mark(m, txn, part, spent);
}

/* tb_txn_spend twice: the transaction waited (`queue`), then it was served as `part`. */
static inline void tb_txn_serve(struct tb_model *m, uint32_t txn, tb_time waited, enum tb_part part,
                                tb_time spent)
{
    if (!m->breakdown)
        return;
    struct tb_txn *t = &m->txns[txn];
    t->spent[TB_PART_QUEUE] += waited;
    t->spent[part] += spent;
    m->spent[TB_PART_QUEUE] += waited;
    m->spent[part] += spent;
    if (!m->traced)
        return;
    uint64_t *at = t->mark;
    if (__builtin_expect(tb_marks_are_full(at) | ((waited | spent) > UINT32_MAX), 0)) {
        tb_txn_mark_slowly(m, txn, TB_PART_QUEUE, waited);
        tb_txn_mark_slowly(m, txn, part, spent);
        return;
    }
    at[0] = waited << 32 | m->site | TB_PART_QUEUE;
    at[1] = spent << 32 | m->site | part;
    t->mark = at + 2;
}

/* Forgets what was booked. */
void tb_txn_unspend(struct tb_model *m, uint32_t txn);

/* As tb_txn_spend, of a message's way: a completion is on its way back. The part is one of the
 * first TB_WAY_PARTS. */
static inline void tb_msg_spend(struct tb_model *m, const struct tb_msg *msg, enum tb_part part,
                                tb_time spent)
{
    if (!m->breakdown)
        return;
    struct tb_txn *t = &m->txns[msg->txn];
    bool back = msg->class == TB_COMPLETION;
    t->spent[part] += spent;
    m->spent[part] += spent;
    if (back)
        t->back[part] += spent;
    if (m->traced)
        tb_txn_mark(m, msg->txn, part | (uint32_t)back << TB_MARK_DETAIL, spent);
}

/* As tb_txn_spend, as a detail of its part (from WALKER on). */
static inline void tb_txn_spend_as(struct tb_model *m, uint32_t txn, enum tb_detail detail,
                                   tb_time spent)
{
    if (!m->breakdown || spent == 0)
        return;
    struct tb_txn *t = &m->txns[txn];
    tb_time *of = &m->details[txn].of[detail];
    *of = (t->details >> detail & 1 ? *of : 0) + spent;
    t->details |= (uint64_t)1 << detail;
    t->spent[tb_detail_part(detail)] += spent;
    m->spent[tb_detail_part(detail)] += spent;
    if (m->traced)
        tb_txn_mark(m, txn, tb_detail_part(detail) | (uint32_t)detail << TB_MARK_DETAIL, spent);
}

#endif
