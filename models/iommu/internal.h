/* What the parts of the IOMMU share: its state, and what they ask of each other. */
#ifndef IOMMU_INTERNAL_H
#define IOMMU_INTERNAL_H

#include "iommu.h"
#include "spec/amdvi.h"
#include "spec/ats.h"

#define TB_NOTHING UINT32_MAX /* no transaction, walk, line: end of a list */

enum { TB_DOWN_PORT, TB_UP_PORT }; /* bridge.c names its ports in this order */

/* A queue of transactions, linked through request.next. */
struct tb_list {
    uint32_t head, tail;
};

enum tb_request_state {
    TB_REQUEST_AWAY,    /* not here */
    TB_REQUEST_LOOKUP,  /* awaits its look-up */
    TB_REQUEST_CONTEXT, /* awaits its device's entry */
    TB_REQUEST_WALK,    /* awaits a walk */
    TB_REQUEST_ORDER,   /* awaits an earlier posted write's leaving */
    TB_REQUEST_EVENT    /* awaits a buffer for its event */
};

/* What the IOMMU knows of a transaction. One entry per transaction of the simulator: a transaction
 * has one message at a time, so nothing here can run out. */
struct tb_request {
    struct tb_msg msg;
    struct tb_context context;
    tb_time since; /* in the present state */
    tb_time
        due; /* TB_REQUEST_LOOKUP, and what passes up: when its time through the bridge is over */
    uint64_t order;                      /* place in the order of arrival */
    uint64_t where;                      /* address of what could not be read */
    uint64_t space;                      /* of its addresses: tag of what is cached for it */
    uint32_t next;                       /* in the list it waits in */
    uint32_t posted_older, posted_newer; /* in the list of posted writes */
    tb_credit credit;
    uint8_t state;   /* enum tb_request_state */
    uint8_t refusal; /* enum tb_refusal, of TB_REQUEST_EVENT */
    uint8_t failure; /* enum tb_status of the read that failed */
    bool counted;    /* in iommu.inside[epoch] */
    uint8_t epoch;
    bool early;       /* arrived while nothing was translated: pays no look-up */
    bool guest;       /* its addresses are a guest's, of a PASID */
    bool host_fault;  /* it was refused for a guest physical address: `where` */
    uint8_t answered; /* of a translation request: pages so far; of a register's: it was done */
    uint32_t changes; /* iommu.changes when it was looked up first */
    uint16_t more;    /* of an Invalidate Completion that passes up: others behind it */
    bool passing;     /* it passes up */
    uint8_t port;     /* by which its answer leaves, or what passes up */
};

enum tb_walk_state { TB_WALK_FREE, TB_WALK_WAITS, TB_WALK_DELAY, TB_WALK_READS };

struct tb_walk {
    struct tb_context context;
    struct tb_cursor cursor;
    uint64_t space, iova; /* what is looked for */
    tb_time started;      /* has had a walker since; TB_NEVER: none yet */
    tb_time due;          /* TB_WALK_DELAY: end of the look-up in the page-directory cache */
    struct tb_list waiters;
    uint32_t next; /* free, waiting or delayed */
    uint32_t hash_next;
    uint32_t txn;    /* read under way */
    uint16_t device; /* who asked first */
    uint8_t state;
    bool guest;       /* of a guest's tables: there is a tb_nest */
    bool hashed;      /* further misses may join */
    bool poisoned;    /* an invalidation of its page came since: must not be cached */
    bool invalidated; /* one of first..last came: a page that overlaps must not be cached */
    uint64_t first, last;
    uint32_t story;     /* of the walker that it has */
    uint8_t read_level; /* level of the table that is being read */
};

/* What a walk of a guest's tables needs besides; see guest.c. */
struct tb_nest {
    struct tb_cursor guest;
    uint64_t target; /* what is being translated by the host's table: a guest physical address */
    uint32_t pasid;
    uint8_t purpose, stage;
    uint8_t gcr3_level; /* to be read next */
    bool host_fault;    /* the host's table refused `target` */
};

/* A read of a table: until when, and how long of that it was in the memory and on its way back. */
struct tb_walk_read {
    tb_time until, memory, back;
    enum tb_detail what;
};

/* Where the time of a walk went, for those who wait for it; while the breakdown is recorded. Nested
 * over 6 levels of the host's, the GCR3 table takes 21 reads, a guest's table of 6 levels 48. */
#define TB_WALK_READS 72u
struct tb_walk_story {
    uint32_t count;
    struct tb_walk_read reads[TB_WALK_READS];
};

struct tb_walker {
    struct tb_walk_story *stories; /* per walker */
    uint32_t *free_stories;        /* a stack; its height is walkers - busy */
    struct tb_walk *walks;
    struct tb_nest *nests; /* per walk */
    uint32_t *buckets;
    uint32_t mask, count;
    uint32_t free;
    struct tb_list waiting, delayed; /* of walks */
    uint32_t busy, walkers;
};

enum tb_fetch_state { TB_FETCH_FREE, TB_FETCH_WAITS, TB_FETCH_READS };

struct tb_fetch {
    struct tb_list waiters;
    uint32_t txn;
    uint32_t next; /* free or waiting */
    uint16_t device;
    uint8_t state;
    bool stale; /* an invalidation came since: nobody may join, nothing is cached */
};

struct tb_devtab {
    struct tb_cache cache;
    struct tb_context *lines;
    bool *reported; /* per line: a page fault was reported since it was read */
    struct tb_fetch *fetches;
    uint32_t count;       /* of fetches */
    uint32_t reads, most; /* under way, at most */
    struct tb_list waiting;
    uint32_t free;
    uint16_t *preload;
    uint32_t preloads;
};

struct tb_pdc {
    struct tb_cache cache;
    struct tb_pdc_line {
        uint64_t table;
        uint8_t perm;
    } * lines;
};

/* A record on its way to memory. */
struct tb_ring_buffer {
    uint32_t txn; /* TB_NO_TXN: landed, or failed */
    bool done;
};

/* What tells the logs apart: registers, status bits, transactions that write. */
struct tb_ring_kind {
    uint8_t base, head, tail; /* enum tb_register */
    uint64_t overflow, interrupt, running;
    enum tb_txn_kind txn_kind;
};

struct tb_ring {
    const struct tb_ring_kind *kind;
    struct tb_ring_buffer *buffers; /* in the order of the log */
    uint32_t size, first, count;
    uint32_t next_tail; /* where the next record goes: ahead of the register while records are under
                           way */
};

struct tb_ppr {
    struct tb_ring log;
    struct tb_list waiting; /* page requests that wait for a buffer or for the end of a response */
    uint32_t open, most;    /* responses on their way */
};

struct tb_events {
    struct tb_ring log;
    struct tb_list waiting; /* requests that wait for a buffer */
    bool command_waits;     /* the command processor does */
    uint64_t command[2];    /* its record */
};

enum tb_command_state {
    TB_COMMAND_IDLE,
    TB_COMMAND_FETCH,    /* awaits the command's bytes */
    TB_COMMAND_BUSY,     /* awaits the end of its time */
    TB_COMMAND_RESPONSE, /* COMPLETE_PPR_REQUEST awaits an earlier response's end */
    TB_COMMAND_TAG,      /* INVALIDATE_IOTLB_PAGES awaits an earlier one's end */
    TB_COMMAND_DRAIN, /* COMPLETION_WAIT awaits what was translated before, and the devices' answers
                       */
    TB_COMMAND_STORE  /* COMPLETION_WAIT awaits its store, or the read in place of it */
};

struct tb_commands {
    uint64_t q[2];
    uint64_t address;
    uint32_t txn;  /* the command */
    uint32_t push; /* the store */
    tb_time since;
    uint8_t state;
    bool dropped; /* disabled meanwhile: its bytes are ignored when they come */
};

/* An Invalidate Request that a device has not answered. */
struct tb_invalidation {
    uint64_t command; /* address of its command, for the event */
    tb_time deadline; /* TB_NEVER: none */
    uint32_t txn;     /* TB_NO_TXN: free */
    uint16_t device, queue;
    uint8_t tag;
    uint8_t completions; /* that have come */
    bool late;           /* its time is over, which was reported; the tag stays taken */
};

struct tb_invalidations {
    struct tb_invalidation *at;
    uint32_t size;
    uint32_t open;         /* neither answered nor late */
    tb_time blocked_until; /* TB_COMMAND_TAG: the command waits no longer than this */
};

struct tb_interrupts {
    uint64_t cause; /* enabled status bits that are set */
    uint32_t open;  /* messages under way */
    bool unsent;    /* the line has changed while no message could be had */
};

/* Of formats whose one table is in a register; see flat.c. */
struct tb_flat {
    struct tb_context context; /* of every request */
    struct tb_list held;       /* register accesses that wait for the end of a flush */
    bool draining;             /* a flush waits for what was translated before it */
    bool again;                /* and another one came meanwhile */
};

#define TB_IOMMU_INTERRUPTS 8
#define TB_IOMMU_DATA       32 /* bytes of a transaction: a device table entry is the longest */

struct tb_iommu {
    struct tb_model *m;
    const struct tb_iommu_params *p;
    const struct tb_format *format;
    const struct tb_front *front;
    struct tb_iommu_counters *n;
    tb_time up, down; /* the bridge's latencies */
    uint8_t above;    /* port by which passes up what is not for memory */
    bool started;
    bool instant; /* within an access without time: what follows from it waits for a timer */
    struct tb_request *requests; /* per transaction of the simulator */
    uint32_t total;
    struct tb_list lookups, passing;
    struct tb_list direct;                       /* translated requests: no look-up delays them */
    tb_time last_lookup, last_pass, last_direct; /* due times never go backwards */
    uint64_t arrivals;
    struct tb_list posted; /* posted writes inside, oldest first, by posted_newer */
    struct tb_list held;   /* TB_REQUEST_ORDER */
    bool releasing, again; /* going through `held` / and a posted write left meanwhile */
    uint32_t waiting;      /* requests that wait for an entry or a walk */
    bool stalled;          /* the look-ups are, by `pending` */
    uint32_t inside[2];    /* requests translated in an epoch and not done */
    uint8_t epoch;
    bool pushed; /* no posted write has left since the last flush */
    struct tb_iotlb iotlb;
    struct tb_devtab devtab;
    struct tb_iotlb nested; /* guest physical pages */
    bool guests;            /* a guest's tables were walked: pages of guests may be cached */
    struct tb_pdc pdc;
    struct tb_walker walker;
    struct tb_events events;
    struct tb_ppr ppr;
    struct tb_commands commands;
    struct tb_invalidations invalidations;
    uint32_t changes;              /* counts what was invalidated */
    const struct tb_ranges *below; /* what the bridge passes down */
    struct tb_interrupts interrupts;
    struct tb_flat flat;
    uint64_t reg[16]; /* by enum tb_register, or as the format's own file numbers them */
};

/* -- What software sees of a format ------------------------------------------------------------ */

/* A register for firmware's knowledge: its name, its offset, its size in bytes. */
struct tb_register_name {
    const char *name;
    uint32_t offset, size;
};

/* Registers and faults. Register 3 (TB_REG_CONTROL) is the one whose bit 0 enables translation, in
 * every format. */
struct tb_front {
    uint32_t bytes; /* of the region of registers */
    uint8_t space;  /* enum tb_space */
    bool flat;      /* there is no device table: iommu.flat.context is everybody's */
    bool holds;     /* accesses of registers wait for the end of a flush */
    const struct tb_register_name *names; /* ended by one without a name */
    void (*reset)(struct tb_iommu *u);
    /* Time 0; NULL: nothing. */
    void (*start)(struct tb_iommu *u);
    void (*access)(struct tb_iommu *u, uint64_t offset, uint8_t *data, uint32_t length, bool write,
                   tb_time when);
    /* Does an enabled IOMMU translate this request; NULL: every one. */
    bool (*concerns)(const struct tb_iommu *u, const struct tb_request *r);
    /* Reports why a request was refused; see tb_event_of_request. */
    bool (*report)(struct tb_iommu *u, uint32_t txn, tb_time when, enum tb_status *status);
    /* The last request of an earlier epoch is done. */
    void (*drained)(struct tb_iommu *u, tb_time when);
};

extern const struct tb_front tb_front_amdvi, tb_front_sun4m, tb_front_gart;

/* -- Spaces of addresses: what cached translations are tagged with ----------------------------- */

#define TB_SPACE_GUEST ((uint64_t)1 << 16)

/* A domain's own addresses are in the space of its number; a PASID's in this one. */
static inline uint64_t tb_guest_space(uint16_t domain, uint32_t pasid)
{
    return (uint64_t)pasid << 32 | TB_SPACE_GUEST | domain;
}

/* -- Lists ----------------------------------------------------------------------------------- */

static inline struct tb_list tb_list_empty(void)
{
    return (struct tb_list){TB_NOTHING, TB_NOTHING};
}

static inline void tb_list_push(struct tb_iommu *u, struct tb_list *l, uint32_t txn)
{
    u->requests[txn].next = TB_NOTHING;
    *(l->head == TB_NOTHING ? &l->head : &u->requests[l->tail].next) = txn;
    l->tail = txn;
}

static inline uint32_t tb_list_pop(struct tb_iommu *u, struct tb_list *l)
{
    uint32_t txn = l->head;
    if (txn != TB_NOTHING)
        l->head = u->requests[txn].next;
    return txn;
}

/* -- iommu.c: what becomes of requests -------------------------------------------------------- */

/* Goes on with a request whose device's entry is known, in request.context. */
void tb_request_translate(struct tb_iommu *u, uint32_t txn, tb_time when);
/* Its page is known. */
void tb_request_mapped(struct tb_iommu *u, uint32_t txn, const struct tb_page *page, tb_time when);
/* Sends it on, in order. */
void tb_request_depart(struct tb_iommu *u, uint32_t txn, tb_time when);
/* Goes on with a request whose address has to be translated by tables. */
void tb_request_look_up_page(struct tb_iommu *u, uint32_t txn, tb_time when);
/* Finds the space of its addresses, or why it has none. */
enum tb_refusal tb_request_space(struct tb_iommu *u, struct tb_request *r);
/* Its address is in the exclusion range, and the range is for its device. */
bool tb_request_excluded(const struct tb_iommu *u, const struct tb_request *r);
/* A posted message was for the IOMMU, and ends here; its transaction does not. */
void tb_request_taken(struct tb_iommu *u, uint32_t txn, tb_time when);
/* It is refused: event, answer. */
void tb_request_refuse(struct tb_iommu *u, uint32_t txn, enum tb_refusal refusal, tb_time when);
/* Its event is on its way: answer. */
void tb_request_answer(struct tb_iommu *u, uint32_t txn, enum tb_status status, tb_time when);
/* It waits no longer for an entry or a walk: a stalled look-up may go on. */
void tb_request_resume(struct tb_iommu *u, tb_time when);

static inline bool tb_request_writes(const struct tb_request *r)
{
    return r->msg.kind == TB_WRITE;
}

/* Is it one of the messages of ATS and PRI that an IOMMU takes. */
static inline bool tb_request_is_ats(const struct tb_request *r)
{
    return r->msg.kind == TB_ATS_TRANSLATE || r->msg.kind == TB_PAGE_REQUEST;
}

/* The table's permission and the device's are both needed (2.2.3). */
static inline uint8_t tb_request_perm(const struct tb_request *r, uint8_t perm)
{
    return perm & (r->context.perm | (uint8_t) ~(TB_PERM_READ | TB_PERM_WRITE));
}

/* A transaction of the IOMMU's own, and its request: `length` bytes at `address`, a write's from
 * the slot. */
uint32_t tb_iommu_begin(struct tb_iommu *u, enum tb_txn_kind kind, tb_time when);
void tb_iommu_send(struct tb_iommu *u, uint32_t txn, enum tb_msg_kind kind, uint64_t address,
                   uint16_t length, tb_time when);

/* Is there a device of that ID below the bridge. */
bool tb_iommu_is_below(const struct tb_iommu *u, uint16_t device);

/* Where the IOMMU's registers begin, in the space of its format. */
static inline uint64_t tb_iommu_registers(const struct tb_iommu *u)
{
    return u->front->space == TB_CONFIG ? (uint64_t)u->p->id << 12 : u->p->mmio;
}

/* Little-endian quadwords. */
uint64_t tb_load64(const uint8_t *p);
void tb_store64(uint8_t *p, uint64_t v);

/* -- order.c: a requester does not pass its own posted writes ---------------------------------- */

/* A posted write has come; has left, and lets go what it held up. */
void tb_order_add(struct tb_iommu *u, uint32_t txn);
void tb_order_gone(struct tb_iommu *u, uint32_t txn, tb_time when);
/* Is an earlier posted write of the same requester still inside. */
bool tb_order_must_wait(const struct tb_iommu *u, const struct tb_request *r);

/* -- passing.c: what passes up without translation --------------------------------------------- */

/* `port`: by which it, or its answer, is to leave. */
void tb_passing_add(struct tb_iommu *u, unsigned port, const struct tb_msg *msg, tb_credit credit,
                    uint64_t order, tb_time when);
/* Those that are due leave. */
void tb_passing_run(struct tb_iommu *u, tb_time when);

/* -- devtab.c ---------------------------------------------------------------------------------- */

bool tb_devtab_make(struct tb_iommu *u, const struct tb_node *node, struct tb_diag *diag);
void tb_devtab_start(struct tb_iommu *u);
/* Finds the context of a request, now or later; goes on with tb_request_translate or _refuse. */
void tb_devtab_lookup(struct tb_iommu *u, uint32_t txn, tb_time when);
/* The context of a device if it is cached; else NULL. */
const struct tb_context *tb_devtab_cached(struct tb_iommu *u, uint16_t device);
void tb_devtab_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when);
uint32_t tb_devtab_invalidate(struct tb_iommu *u, uint16_t device);
uint32_t tb_devtab_clear(struct tb_iommu *u);
/* A page fault of the device is about to be reported: false if its entry says not to. */
bool tb_devtab_report(struct tb_iommu *u, uint16_t device, const struct tb_context *context);

/* -- pdc.c ------------------------------------------------------------------------------------- */

/* Lets a walk that stands at its root begin as low as the cache allows; false: at the root. */
bool tb_pdc_lookup(struct tb_iommu *u, uint64_t space, struct tb_cursor *cursor);
void tb_pdc_fill(struct tb_iommu *u, uint64_t space, const struct tb_cursor *cursor);
/* The same for a guest's root, which takes reads to find. */
bool tb_pdc_root(struct tb_iommu *u, uint64_t space, uint64_t *root);
void tb_pdc_fill_root(struct tb_iommu *u, uint64_t space, uint64_t root);
uint32_t tb_pdc_invalidate(struct tb_iommu *u, uint64_t space, uint64_t first, uint64_t last);
void tb_pdc_clear(struct tb_iommu *u);

/* -- walker.c ---------------------------------------------------------------------------------- */

void tb_walker_start(struct tb_iommu *u);
/* Makes a request wait for its page: joins the walk there is, or adds one. True if it joined. */
bool tb_walker_miss(struct tb_iommu *u, uint32_t txn, tb_time when);
/* Walks for nobody; false if there is already one or no room. */
bool tb_walker_prefetch(struct tb_iommu *u, const struct tb_context *context, uint16_t device,
                        uint64_t iova, tb_time when);
/* Where the time of a read of a table went, that ends now (while the breakdown is recorded); and
 * what of it a request has waited for since `from`. */
void tb_walk_read_note(struct tb_iommu *u, uint32_t txn, enum tb_detail what, tb_time when,
                       struct tb_walk_read *to);
void tb_iommu_book_read(struct tb_iommu *u, uint32_t txn, const struct tb_walk_read *read,
                        tb_time from);

void tb_walker_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when);
void tb_walker_timer(struct tb_iommu *u, tb_time when);
/* Poisons the walks of a space that overlap first..last, of a device, or all. Where a domain's own
 * addresses change, all its guests' walks are poisoned. */
void tb_walker_poison(struct tb_iommu *u, uint64_t space, uint64_t first, uint64_t last);
void tb_walker_poison_device(struct tb_iommu *u, uint16_t device);
void tb_walker_poison_all(struct tb_iommu *u);

/* For guest.c: reads an entry at an address, for a table of that level as the log tells it. */
void tb_walk_read(struct tb_iommu *u, uint32_t walk, uint64_t address, unsigned level,
                  tb_time when);
/* The walk's page is in its cursor, or it was refused; `failed`: by the answer to a read. */
void tb_walk_finish(struct tb_iommu *u, uint32_t walk, enum tb_refusal refusal,
                    const struct tb_msg *failed, tb_time when);

/* Nothing it has read so far was invalidated since. */
static inline bool tb_walk_may_cache(const struct tb_walk *k)
{
    return !k->poisoned && !k->invalidated;
}

/* -- guest.c ----------------------------------------------------------------------------------- */

void tb_guest_begin(struct tb_iommu *u, uint32_t walk, tb_time when);
/* A read of the walk was answered with an entry. */
void tb_guest_arrived(struct tb_iommu *u, uint32_t walk, uint64_t entry, tb_time when);

/* -- registers.c ------------------------------------------------------------------------------- */

enum tb_register {
    TB_REG_DEVTAB,
    TB_REG_CMDBUF,
    TB_REG_EVTLOG,
    TB_REG_CONTROL,
    TB_REG_EXCL_BASE,
    TB_REG_EXCL_LIMIT,
    TB_REG_EFR,
    TB_REG_PPR_BASE,
    TB_REG_CMD_HEAD,
    TB_REG_CMD_TAIL,
    TB_REG_EVT_HEAD,
    TB_REG_EVT_TAIL,
    TB_REG_STATUS,
    TB_REG_PPR_HEAD,
    TB_REG_PPR_TAIL,
    TB_REGS
};

bool tb_registers_claim(const struct tb_iommu *u, uint64_t address, uint8_t space);
/* Reads or writes `length` bytes at an address in the region. */
void tb_registers_access(struct tb_iommu *u, uint64_t address, uint8_t *data, uint32_t length,
                         bool write, tb_time when);
/* Sets and clears status bits, and raises or lowers the interrupt line accordingly. */
void tb_status_change(struct tb_iommu *u, uint64_t set, uint64_t clear, tb_time when);
/* Bits that ask for an interrupt have changed: raises or lowers the line accordingly. */
void tb_interrupts_update(struct tb_iommu *u, uint64_t now, tb_time when);
/* An interrupt message was taken. */
void tb_interrupts_retired(struct tb_iommu *u, tb_time when);

static inline bool tb_iommu_enabled(const struct tb_iommu *u)
{
    return u->reg[TB_REG_CONTROL] & AMDVI_CONTROL_ENABLE;
}

/* -- flat.c ------------------------------------------------------------------------------------ */

/* From now on 2^bits bytes from `first` are translated by the table at `root`. What is cached
 * stays, until software flushes. */
void tb_flat_use(struct tb_iommu *u, uint64_t root, uint64_t first, unsigned bits);
/* Has pages first..last forgotten (0..UINT64_MAX: all). It is over when what was translated before
 * has been answered: until then iommu.flat.draining. */
void tb_flat_flush(struct tb_iommu *u, uint64_t first, uint64_t last, tb_time when);
/* front.drained of these formats. */
void tb_flat_drained(struct tb_iommu *u, tb_time when);
/* The access of a register waits until the flush is over. */
void tb_flat_hold(struct tb_iommu *u, uint32_t txn, tb_time when);

/* Registers of 32 bits, little-endian. */
struct tb_flat_words {
    uint32_t (*read)(const struct tb_iommu *u, uint64_t offset);
    /* `written`: its bits that were written to; the others of `value` are as read. */
    void (*write)(struct tb_iommu *u, uint64_t offset, uint32_t value, uint32_t written,
                  tb_time when);
};
void tb_flat_access(struct tb_iommu *u, const struct tb_flat_words *words, uint64_t offset,
                    uint8_t *data, uint32_t length, bool write, tb_time when);

/* The format's part: where an address' entry lies, see format.h. */
enum tb_step tb_flat_begin(const struct tb_context *context, uint64_t iova, struct tb_cursor *out);
uint64_t tb_flat_where(const struct tb_cursor *cursor);
unsigned tb_flat_span(unsigned level);

/* passing.c: a request for one of the registers goes on. */
void tb_request_access(struct tb_iommu *u, uint32_t txn, tb_time when);

/* -- ring.c ------------------------------------------------------------------------------------ */

void tb_ring_make(struct tb_iommu *u, struct tb_ring *g, const struct tb_ring_kind *kind,
                  uint32_t size);
enum tb_logged {
    TB_LOGGED,   /* the record is on its way */
    TB_LOG_LOST, /* the log is off or full: no record */
    TB_LOG_BUSY  /* no buffer is free: later */
};
enum tb_logged tb_ring_record(struct tb_iommu *u, struct tb_ring *g, const uint64_t q[2],
                              tb_time when);
/* A record's write was answered: false if it failed. */
bool tb_ring_arrived(struct tb_iommu *u, struct tb_ring *g, const struct tb_msg *msg, tb_time when);
/* Software has moved the tail or the log: records under way still land where they were sent. */
void tb_ring_moved(struct tb_iommu *u, struct tb_ring *g);
void tb_ring_enabled(struct tb_iommu *u, struct tb_ring *g, bool enabled, tb_time when);

/* -- event.c ----------------------------------------------------------------------------------- */

void tb_events_make(struct tb_iommu *u);
/* Reports why a request was refused, if at all. False: no buffer is free, it has been queued and
 * tb_request_answer will be called. *status: what it is to be answered. */
bool tb_event_of_request(struct tb_iommu *u, uint32_t txn, tb_time when, enum tb_status *status);
/* Reports an error of command processing. */
void tb_event_of_command(struct tb_iommu *u, unsigned code, uint64_t flags, uint64_t address,
                         tb_time when);
/* The same for others; false: no buffer is free, tb_invalidations_report will be called. */
bool tb_event_record(struct tb_iommu *u, const uint64_t q[2], tb_time when);
void tb_event_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when);
/* Type field of a hardware error event, from the status of the read that failed. */
uint64_t tb_event_type(enum tb_status status);

/* -- ats.c ------------------------------------------------------------------------------------- */

/* Goes on with a translation request whose device's entry is known. */
void tb_ats_begin(struct tb_iommu *u, uint32_t txn, tb_time when);
/* Goes on with the next of its pages. */
void tb_ats_next(struct tb_iommu *u, uint32_t txn, tb_time when);
/* The page it asked for is known. */
void tb_ats_page(struct tb_iommu *u, uint32_t txn, const struct tb_page *page, tb_time when);
/* True: that was no reason to refuse it as a whole, and it has gone on. */
bool tb_ats_refused(struct tb_iommu *u, uint32_t txn, enum tb_refusal refusal, tb_time when);
/* A translated request: goes on if its device may send any. */
void tb_ats_translated(struct tb_iommu *u, uint32_t txn, tb_time when);

/* -- invalidate.c ------------------------------------------------------------------------------ */

void tb_invalidations_make(struct tb_iommu *u);
/* INVALIDATE_IOTLB_PAGES: sends an Invalidate Request for command q, which lies at `command`.
 * False: no tag or place is free. True as well if there is nobody to send it to. */
bool tb_invalidation_send(struct tb_iommu *u, const uint64_t q[2], uint64_t command, tb_time when);
/* The command processor waits for a tag from now on. */
void tb_invalidations_wait(struct tb_iommu *u, tb_time when);
/* Is it a completion that answers an open request. */
bool tb_invalidation_expects(struct tb_iommu *u, const struct tb_msg *msg);
/* An Invalidate Completion. */
void tb_invalidation_answered(struct tb_iommu *u, uint32_t txn, tb_time when);
/* Somebody else has ended it: nobody is there who could answer. */
void tb_invalidation_retired(struct tb_iommu *u, uint32_t txn, tb_time when);
void tb_invalidations_timer(struct tb_iommu *u, tb_time when);
/* A buffer for events is free. */
void tb_invalidations_report(struct tb_iommu *u, tb_time when);

/* -- ppr.c ------------------------------------------------------------------------------------- */

void tb_ppr_make(struct tb_iommu *u);
/* A page request whose device's entry is known, or cannot be (an empty context). */
void tb_ppr_request(struct tb_iommu *u, uint32_t txn, tb_time when);
/* A buffer is free, or a response is over. */
void tb_ppr_continue(struct tb_iommu *u, tb_time when);
void tb_ppr_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when);
/* COMPLETE_PPR_REQUEST; false: too many responses are on their way. */
bool tb_ppr_complete(struct tb_iommu *u, const uint64_t q[2], tb_time when);
void tb_ppr_retired(struct tb_iommu *u, tb_time when);

/* -- command.c --------------------------------------------------------------------------------- */

void tb_commands_make(struct tb_iommu *u);
/* The tail or the enable bits have changed. */
void tb_commands_kick(struct tb_iommu *u, tb_time when);
void tb_commands_enabled(struct tb_iommu *u, bool enabled, tb_time when);
void tb_commands_timer(struct tb_iommu *u, tb_time when);
void tb_commands_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when);
/* The last request of an earlier epoch is done, or the last device has answered. */
void tb_commands_drained(struct tb_iommu *u, tb_time when);
/* A response is over. */
void tb_commands_response(struct tb_iommu *u, tb_time when);
/* A tag is free, or (expired) will not be in time. */
void tb_commands_tag(struct tb_iommu *u, bool expired, tb_time when);

#endif
