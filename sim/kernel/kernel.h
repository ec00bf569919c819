/* The kernel's own structures: models with their ports, links with their two wires, a wire with a
 * lane per message class, transaction slots, and the pending set that orders it all.
 *
 * Channels of the pending set, in this order: every lane of every wire (the lane's oldest message
 * on its way), every wire once more (it may start what waits), every timer of every model. Their
 * numbers come from the order of the YAML document.
 */
#ifndef SIM_KERNEL_H
#define SIM_KERNEL_H

#include "kernel/marks.h"
#include "kernel/pending.h"
#include "load/scenario.h"
#include "tollbridge/sim.h"

#include <setjmp.h>

/* A message on its way: where it will be when. */
struct flight {
    tb_time at;
    struct tb_msg msg;
};

/* A message in front of a wire. */
struct waiting {
    tb_time ready;
    uint64_t order; /* of tb_send calls on this wire */
    tb_credit carried;
    struct tb_msg msg;
};

/* What arrives on a lane: waits for its event, passes through the model there, does so if its
 * address is one of some, or is taken ahead of time while nobody looks. */
enum through { BY_EVENT, THROUGH_ALL, THROUGH_SOME, AHEAD };

/* One message class on one wire: a channel of the pending set. */
struct lane {
    struct flight *ring; /* on their way; mask + 1 places */
    union {
        tb_time
            *credits; /* free ones: when each may be used, earliest first; credit_mask + 1 places */
        struct tb_flow *flow; /* PCI Express's in their place (has_flow) */
    };
    struct wire *wire;
    uint32_t head, tail, mask;
    uint32_t credit_head, credit_tail, credit_mask;
    uint32_t limit; /* how many credits there are; 0: unlimited */
    uint32_t channel;
    uint8_t bit;     /* of its class, for the wire's sets of classes */
    uint8_t through; /* enum through */
    bool has_flow;
    uint8_t counted;   /* credits are, or the wire is not simple */
    bool passes;       /* on a simple wire at whose end all pass through a model (THROUGH_ALL): */
    uint8_t pass_part; /* as what it is booked, with the wire, */
    tb_time pass_latency; /* and for how long; 0 of others */
    uint64_t mark;        /* code of a hop in traces */
    struct waiting *queue;
    uint32_t queue_head, queue_tail; /* in `queue`, with the ring's mask */
};

/* One direction of a link. */
struct wire {
    tb_time free;       /* when the next message may start */
    tb_time last_ready; /* of tb_send calls so far */
    tb_time latency;
    tb_time credit_return;
    tb_time per_byte; /* 0: infinitely fast; TB_NEVER: not so simple, see rate, pcie and jitter */
    struct tb_rate rate;
    tb_time jitter;       /* most that a message takes longer: of explored interleavings */
    tb_time last_arrival; /* of one that is not simple; with jitter: nothing overtakes */
    struct tb_random random;
    uint64_t order;
    uint32_t header;   /* bytes that every message costs beyond its payload */
    uint32_t kick;     /* its channel for "may start what waits" */
    uint32_t site;     /* its number in traces */
    tb_time booked[2]; /* by all messages, if the breakdown is recorded: waiting for it, on it */
    uint16_t to_port;
    uint8_t used;    /* classes that were ever sent: bit per class */
    uint8_t waiting; /* classes that wait: bit per class */
    uint8_t through_part;
    tb_time through_latency;
    const struct tb_ranges *through_only; /* requests to other addresses do not; NULL: all do */
    struct wire *next;                    /* by which they leave it */
    struct tb_model *to;
    void (*recv)(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when);
    const struct tb_pcie_params *pcie; /* NULL: a plain link */
    bool cuts;          /* hands messages over when their first header has come (pcie) */
    struct lane *lanes; /* TB_CLASSES of them, consecutive channels */
};

struct port {
    struct wire *out;      /* what is sent here; NULL: not connected */
    struct tb_model *peer; /* who gets it */
    uint16_t peer_port;
};

/* A model as the kernel sees it. `pub` comes first: a struct tb_model is one of these. */
struct instance {
    struct tb_model pub;
    struct port *ports;
    uint32_t port_count;
    uint32_t first_timer; /* channel */
    uint32_t slot_base, slot_count, slot_bytes;
    uint32_t *free_slots; /* a stack */
    uint32_t free_count;
    uint32_t numbers[TB_TXN_KINDS];
    bool visiting;        /* a walk over the graph is inside it */
    bool passing;         /* so is an access without time */
    bool passes;          /* such a walk went on through it */
    uint32_t walk;        /* the last one that came here */
    struct instance *via; /* from where it came */
    bool broken;          /* its parameters could not be read */
    bool checked;
    bool auto_id, auto_base; /* the platform leaves them to its loader */
};

/* What became of the transactions of a kind. */
struct tally {
    struct tb_latency latency; /* min is TB_NEVER as long as count is 0 */
    uint64_t ended[TB_STATUS_COUNT + 1];
};

struct chunk; /* of allocated memory, see alloc.c */
struct tb_usage;

struct tb_sim {
    struct tb_pending pending;
    tb_time now;
    uint64_t events;
    struct lane *lanes; /* by channel */
    struct wire *wires; /* two per link */
    struct tb_txn *txns;
    uint32_t lane_count, wire_count, timer_base, channel_count;
    uint32_t txn_total, txn_open;
    struct instance **timer_owner; /* by channel - timer_base */
    struct instance *models;
    size_t model_count;
    size_t link_count;
    const struct tb_link_params *links;
    bool breakdown;
    bool traced; /* marks are noted */
    struct tb_usage
        *usage; /* who is told what the wires do while the breakdown is recorded; NULL: nobody */
    bool finished;
    bool started;     /* every model was */
    bool claims_vary; /* software can move what models claim */
    bool rerouting;   /* it has: decoders are following */
    enum tb_exit status;
    tb_time until, warmup;
    struct {
        struct tb_model *at; /* to which there are two ways; NULL: no such thing was found */
        struct instance *first, *second; /* from where they come to it */
        bool round;                      /* the second leads from `at` to `at` */
    } loop;
    uint32_t walks; /* over the graph, so far */
    unsigned depth; /* of the present one */
    struct {
        bool on;        /* debug accesses only look who would take them */
        bool uncertain; /* somebody on the way translates, or cannot be asked */
        struct tb_ranges claims;
    } probe;
    struct tb_ranges edges;   /* claims of all models, when lint has asked for them */
    struct tb_model *program; /* who runs the scenario, or NULL */
    struct {
        tb_observer *call;
        void *context;
    } observers[TB_OBSERVERS];
    unsigned observer_count;
    bool unseen;  /* nobody can look at the models before the run has ended: they may be ahead */
    bool watched; /* by observers, or for the breakdown */
    struct tally tally[TB_TXN_KINDS];
    struct tb_diag *diag;   /* of the run */
    struct tb_arena *arena; /* of parameters */
    struct chunk *chunks;
    size_t page_bytes, page_limit;
    jmp_buf *escape; /* where to go when the host's memory is used up */
    struct tb_scenario scenario;
    struct tb_checker *checker; /* of `record: {check: ...}`; NULL: none */
};

/* How long a message is on a simple wire. */
static inline tb_time kernel_wire_time(const struct wire *w, uint32_t payload)
{
    return (w->header + payload) * w->per_byte + w->latency;
}

static inline struct instance *instance_of(const struct tb_model *m)
{
    return (struct instance *)(uintptr_t)m;
}

/* link.c: delivers the oldest message of a lane; starts what waits in front of a wire. */
void kernel_deliver(struct tb_sim *s, uint32_t channel, tb_time when);
void kernel_kick(struct tb_sim *s, uint32_t channel, tb_time when);

/* alloc.c: zeroed memory of the simulator's life; leaves by s->escape when there is none. */
void *kernel_alloc(struct tb_sim *s, size_t count, size_t size);
void kernel_free_all(struct tb_sim *s);

/* elaborate.c: from a resolved platform to a simulator at time 0 before the scenario's set-up. */
bool kernel_elaborate(struct tb_sim *s, struct tb_diag *diag);

/* random.c: the stream of a name, a number of its own, and a seed. */
struct tb_random kernel_random(const char *name, uint64_t stream, uint64_t seed);

/* assign.c: notes which parameters of a model say `auto`, for its reader to skip (with "model": at
 * most 3); gives them values once all is read, and reports IDs that two devices have, which needs
 * not be `whole`. False: there was nothing left to give out. */
void kernel_find_auto(struct instance *i, const char *skip[4]);
bool kernel_assign(struct tb_sim *s, bool whole, struct tb_diag *diag);

/* For `check`: IDs that several devices have by default, where there is an IOMMU to mistake them.
 */
void kernel_lint_ids(struct tb_sim *s, struct tb_diag *diag);

/* lint.c: what could be run, but makes no sense. */
void kernel_lint(struct tb_sim *s, struct tb_diag *diag);

/* txn.c: sizes the slots of all models. */
void kernel_size_slots(struct tb_sim *s);

/* platform.c: reads models and links of the platform into instances and link parameters. */
bool kernel_read_platform(struct tb_sim *s, const struct tb_node *platform, struct tb_diag *diag);

#endif
