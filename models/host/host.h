/* Inside of the host: a CPU that does one access at a time (or a few stores at once), the flows of
 * code that share it, and what the driver knows of the machine.
 *
 * Invariants: a flow queues accesses, the CPU does them in order, and the flow's code runs again
 * only when all of them are done. An interrupt handler goes before a caller's access, and that
 * before the program's steps; one flow never starts an access while another has one on its way. In
 * set-up (`instant`) every access is a debug access and done at once, so the same code serves both.
 * Everything is allocated when the program is compiled.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "tollbridge/model.h"

#define HOST_OPS         64 /* accesses a flow may queue at once */
#define HOST_LINE_BYTES  64 /* largest access of the CPU, naturally aligned */
#define HOST_PAGE        4096u
#define HOST_4GIB        ((uint64_t)1 << 32)
#define HOST_CHANNELS    2
#define HOST_DRIVES      2 /* per channel */
#define HOST_EVENT_CODES 16

enum { HOST_TIMER_CPU, HOST_TIMER_IRQ, HOST_TIMER_WAKE, HOST_TIMERS };

/* What a piece of code says when it returns: its accesses have to be done first; something has to
 * happen first (an interrupt, the wake-up timer); it is at its end. */
enum host_verdict { HOST_AGAIN, HOST_WAITS, HOST_DONE };

enum host_flow_id { HOST_HANDLER, HOST_CALLER, HOST_PROGRAM, HOST_FLOWS };

struct host;
struct host_step;
struct host_virtio; /* driver_virtio.h */
struct iolog;
struct host_isa;

struct host_params {
    uint64_t outstanding;
    bool posted;
    uint16_t id;
    tb_time access_time, step_time, irq_latency, timeout, poll;
    unsigned completion;
    unsigned events;
    unsigned invalidation_timeout; /* as the control register has it */
    uint64_t levels;
    struct {
        uint64_t at, size;
        bool at_given;
    } memory;
    struct {
        uint64_t at, size;
    } bounce;
};

enum { HOST_COMPLETION_POLL, HOST_COMPLETION_INTERRUPT };
enum { HOST_EVENTS_DRAIN, HOST_EVENTS_LEAVE };

/* One access: up to 8 bytes in `value`, more in `data`. */
struct host_op {
    uint64_t address, value;
    uint64_t *into; /* where the value read goes; NULL: nowhere */
    uint8_t *data;
    uint16_t size;
    uint8_t space; /* enum tb_space */
    bool write;
    bool overlap; /* a store to memory: may be on its way together with others of its kind */
};

struct host_flow {
    struct host_op ops[HOST_OPS];
    unsigned count, issued, done;
    bool waits;     /* its code has nothing to do until woken */
    uint8_t status; /* first of the last accesses' that was not TB_OK */
};

/* A register as an access needs it. size 0: there is none. */
struct host_register {
    uint64_t address;
    uint8_t space, size;
};

/* -- Driver: IOMMU ----------------------------------------------------------------------------- */

/* A domain: one page table, in the driver's memory. */
struct host_domain {
    struct host_iommu *iommu;
    uint64_t root; /* 0: not built yet */
    unsigned levels;
    uint16_t id;
};

/* An invalidation that was given and not waited for: what may be declared when a wait has ended. */
struct host_pending {
    uint32_t space; /* for who checks */
    uint64_t iova, last;
    uint64_t value; /* of the first completion wait behind it */
    tb_time began;
};

#define HOST_PENDING 64 /* of those given without a wait; older ones are never declared done */

struct host_format;

enum iommu_state { IOMMU_UNTOUCHED, IOMMU_STARTING, IOMMU_RUNS };

struct host_iommu {
    struct tb_model *model;
    const struct host_format *format;
    struct host_register devtab, cmdbuf, evtlog, control, status, cmd_head, cmd_tail, evt_head,
        evt_tail, ppr_base, ppr_head, ppr_tail;
    enum iommu_state state;
    bool has_line;        /* it can raise interrupts */
    bool wants_guests;    /* some device's PASIDs are to be translated */
    uint64_t requests_at; /* log of page requests; 0: no device has any */
    uint32_t request_head;
    uint64_t devtab_at, devtab_bytes, ring_at, log_at, flag_at; /* physical */
    uint64_t control_value;
    uint32_t tail;     /* byte offset in the ring where the next command goes */
    uint32_t room;     /* commands that certainly fit */
    uint32_t log_head; /* byte offset of the next event to be read */
    uint64_t waits;    /* value of the last completion wait issued */
    uint64_t seen;     /* what its flag in memory said last */
    uint64_t head;     /* as read from cmd_head */
    uint64_t drained[HOST_EVENT_CODES];
    uint64_t drained_total;
    struct host_pending pending[HOST_PENDING];
    uint64_t pending_first, pending_next;

    /* Of formats with one flat table (format_flat.c). */
    struct host_register base, flush, pageflush, afsr, table, cache;
    uint64_t table_at;
    uint64_t first, size; /* what it translates; sun4m: size 0 until it is known */
    uint64_t lowest;      /* sun4m: address that some step is going to map */
    uint64_t own;         /* sun4m: bytes at the top that the driver has for its own tables */
};

enum host_mode { HOST_TRANSLATE, HOST_PASSTHROUGH, HOST_BLOCKED };

/* How addresses with a PASID are translated: not at all, by the PASID's own table, or by that and
 * then the domain's. */
enum host_guests { HOST_NO_GUESTS, HOST_ALONE, HOST_NESTED };

/* The address space of a PASID: a page table of x86-64. */
struct host_guest {
    struct host_device *device;
    uint64_t root; /* 0: not built yet */
    uint32_t pasid;
};

#define HOST_PASIDS 512u /* a GCR3 table of one level */

/* What the driver does when a device asks for a page. */
enum host_policy {
    HOST_PRI_MAP,
    HOST_PRI_IDENTITY,
    HOST_PRI_INVALID,
    HOST_PRI_FAILURE,
    HOST_PRI_IGNORE
};

struct host_pri {
    unsigned policy;
    uint64_t pool, size,
        used;     /* pages for HOST_PRI_MAP: physical address, bytes, and of these handed out */
    tb_time time; /* of the driver's code, per page */
    const struct tb_node *node;
    unsigned code; /* the worst of the group so far */
};

/* -- Driver: IDE ------------------------------------------------------------------------------- */

enum ide_register {
    IDE_BMICOM,
    IDE_BMISTA,
    IDE_BMIDTP,
    IDE_DATA,
    IDE_ERROR,
    IDE_FEATURES,
    IDE_NSECT,
    IDE_LBAL,
    IDE_LBAM,
    IDE_LBAH,
    IDE_DEVICE,
    IDE_STATUS,
    IDE_COMMAND,
    IDE_CONTROL,
    IDE_ALTSTATUS,
    IDE_REGISTERS
};

/* Addresses of the device that a transfer goes to. */
struct ide_region {
    uint64_t iova, bytes;
};

/* A command as the driver gives it to the drive. */
struct ide_command {
    const struct ide_region *regions; /* of its table; none are known of one not the driver's own */
    size_t region_count;
    uint64_t lba;
    uint32_t sectors;
    uint32_t table; /* bus address of the PRD table */
    uint8_t opcode, features, drive;
    bool lba48, dma, to_memory, data_in;
    bool start;                 /* the bus master too */
    uint8_t dma_mode;           /* of an ISA DMA channel; its address is `table` */
    uint8_t wanted;             /* enum ide_outcome: how it should end */
    const struct tb_node *node; /* the step, for messages */
};

enum ide_outcome { IDE_OK, IDE_FAILS, IDE_ANY };

struct host_channel {
    struct host_device *device;
    struct host_isa *isa; /* its DMA channel; NULL: it is a bus master */
    struct host_register registers[IDE_REGISTERS];
    struct host_line *line;
    struct host_channel *next;         /* on that line */
    struct ide_command command;        /* the one in progress */
    bool busy, failed;                 /* failed: the last command */
    bool holds;                        /* what `revoke` wants back */
    uint64_t issued, finished;         /* commands */
    uint64_t bm_status, status, error; /* as read at the end of the last one */
    uint64_t prd_at;           /* the driver's own table: PRD_TABLE bytes, aligned to that */
    uint64_t prd_pages_mapped; /* pages of it that the device's domain maps */
    uint64_t prd_bus;          /* where the device sees it, once it is translated */
    bool prd_direct;           /* without a mapping */
    unsigned index;
};

#define HOST_PRD_TABLE 65536u

struct host_device {
    struct tb_model *model;
    struct host_iommu *iommu; /* that concerns it; NULL: none */
    struct host_domain *domain;
    enum host_mode mode;
    bool attached;  /* its device table entry is the driver's */
    bool ats;       /* that says it may cache translations, and it can */
    bool capable;   /* it can */
    uint64_t depth; /* invalidations it takes at once */
    enum host_guests guests;
    unsigned guest_levels;
    uint64_t gcr3_at;
    struct host_pri pri;
    bool is_ide;
    struct host_virtio *virtio; /* NULL: it is none */
    uint16_t id;
    uint64_t sectors[HOST_CHANNELS * HOST_DRIVES];
    struct host_channel channels[HOST_CHANNELS];
};

/* An interrupt line: who may have raised it, and how often. */
struct host_line {
    uint64_t number;
    struct host_channel *channel; /* the first of them */
    struct host_iommu *iommu;
    struct host_virtio *virtio;      /* the first of them */
    uint64_t raised, handled, taken; /* taken: by steps that wait */
};

/* -- Program ----------------------------------------------------------------------------------- */

/* A kind of step: one row of a table. `prepare` resolves names and checks what the table of
 * parameters cannot (it may allocate); `run` is called until it says HOST_DONE. The state of a step
 * that runs is host.phase and host.work; both are zero at its beginning. */
struct host_step_kind {
    const char *name;
    const char *doc;
    const struct tb_param *params;
    size_t size;
    bool (*prepare)(struct host *h, struct host_step *s, struct tb_diag *diag); /* NULL: nothing */
    enum host_verdict (*run)(struct host *h, struct host_step *s, tb_time when);
    bool timed; /* makes sense in `steps:` only */
};

/* For `tollbridge check`: reports addresses of a step that nobody claims. */
struct host_step_lint {
    const char *name; /* of the kind; NULL ends a table */
    void (*lint)(const struct host *h, const struct host_step *s, struct tb_diag *diag);
};

struct host_step {
    const struct host_step_kind *kind;
    const struct tb_node *node; /* the value of its one key */
    void *args;
};

struct host_steps {
    struct host_step *at;
    size_t count, next;
    bool running; /* `next` was begun */
};

/* -- State machines of the driver, used by steps and by replay ----------------------------------
 */

/* Permissions of pages and device table entries, as bits of both. */
#define HOST_MAY_READ  ((uint64_t)1 << 61)
#define HOST_MAY_WRITE ((uint64_t)1 << 62)

/* Changes a page table entry by entry; see tables.c. */
struct table_job {
    struct host_domain *domain;
    struct host_guest *guest; /* its table, not the domain's; NULL: the domain's */
    uint64_t start, last;     /* IOVAs of the range, both inclusive */
    uint64_t iova, pa;        /* move on */
    uint64_t page, permissions;
    bool unmap, skip;
    bool over;                      /* the last entry was done */
    const struct host_reuse *reuse; /* of what is unmapped; NULL: it is left as it is */
    const struct tb_node *node;     /* the step, for who checks */
};

/* What the owner of memory writes there when it is his again. */
struct host_reuse {
    unsigned pattern; /* enum host_pattern */
    uint64_t seed;
};

/* Gives an IOMMU a command, and waits for its completion if asked. */
struct command_job {
    int phase;
    bool raw; /* a command even if it is all zeros */
    uint64_t command[2];
    uint64_t value;         /* that the completion wait stores */
    uint32_t tail;          /* of the ring behind that wait */
    tb_time deadline, next; /* of the waiting; of the next look */
    bool failed;            /* the wait has not ended within the timeout */
};

/* Has an IOMMU forget a range, then the devices that cache translations of it, and waits. */
struct flush_job {
    struct host_domain *domain;     /* whose; NULL: of all domains of the IOMMU */
    const struct host_guest *guest; /* of this space of it only; NULL: of the domain's */
    uint64_t iova, last;
    bool without_devices; /* only the IOMMU */
    bool begun;
    size_t next; /* device to be told */
    struct command_job command;
};

struct attach_job {
    int phase;
    uint64_t permissions; /* of the device table entry */
    uint64_t flags[3];    /* of its first three quadwords, but for what the domain says */
    bool without_devices; /* leave out the invalidation of the device's own cache */
    bool had_ats;         /* it may have one */
    struct host_domain *former;
    struct command_job command;
};

/* Reads an event log up to its tail. */
struct drain_job {
    int phase;
    uint64_t status, tail;
    uint64_t record[2];
};

/* Answers page requests up to the log's tail. */
struct request_job {
    int phase;
    uint64_t status, tail, looks;
    uint64_t record[2];
    unsigned code;
    struct table_job table;
    struct host_device *device;
};

/* Ends an ATA command, or resets a channel. */
struct finish_job {
    int phase;
    uint64_t bm_status, status, error;
    tb_time deadline, next;
};

/* Brings a virtio device up, gives it a command, or handles its interrupt. */
struct virtio_job {
    int phase;
    uint64_t value[6];
    uint64_t wanted;  /* features */
    uint32_t segment; /* next to be put */
    uint32_t told;    /* one more than the used index the device was told of; 0: none */
    unsigned slot;
    tb_time deadline, next;
    struct table_job table;
};

/* A place in a list of regions. */
struct isa_place {
    size_t region;
    uint64_t offset;
};

/* A transfer over an ISA DMA channel, run by run: see isa.h. */
struct isa_job {
    int phase;
    struct isa_place place, copy; /* of the run; of the CPU's copy */
    uint32_t sectors;             /* done */
    uint32_t address, bytes;      /* of the run, for the channel */
    uint32_t copied;
    bool bounces;
    uint64_t issued;
    tb_time deadline;
};

struct host_work {
    int phase;
    uint64_t count, value, begun;
    tb_time deadline, next;
    struct table_job table;
    struct command_job command;
    struct flush_job flush;
    struct attach_job attach;
    struct drain_job drain;
    struct finish_job finish;
    struct virtio_job virtio;
    struct isa_job isa;
};

struct host {
    struct host_params params;
    struct tb_model *m;
    struct host_flow flows[HOST_FLOWS];
    struct host_flow *flow;  /* whose code runs */
    struct host_flow *owner; /* whose accesses are on their way; NULL: nobody's */
    uint32_t posted_open;
    bool instant; /* set-up: no time passes */
    bool in_run;
    bool irq_due;
    tb_time free;         /* when the CPU can begin its next access */
    struct tb_diag *diag; /* during set-up */

    struct tb_arena *arena;
    struct host_steps setup, steps;
    struct host_work work;
    uint64_t scratch[8]; /* values the program's accesses read */

    struct tb_access *access; /* of an embedding program */
    uint32_t access_done;

    /* The handler's state. */
    int handler_phase;
    struct finish_job disk_handler;
    struct drain_job iommu_handler;
    struct request_job request_handler;
    struct virtio_job virtio_handler;
    struct host_channel *disk_handled;  /* whose handler runs */
    struct host_virtio *virtio_handled; /* likewise */
    struct host_line *handling;
    struct host_flow *locked; /* it is putting a command into a ring: no handler in between */

    /* The machine. */
    struct tb_ranges ranges, memory_ranges; /* all that answers; of these, memories' */
    struct host_device *devices;
    struct host_iommu *iommus;
    struct host_line *lines;
    struct host_domain *domains;
    struct host_guest *guests;
    size_t guest_count, guest_limit;
    size_t device_count, iommu_count, line_count, domain_count, domain_limit, line_limit;

    /* The driver's memory: physical, handed out upwards; `mirror` is what the driver wrote there
     * itself. */
    uint64_t buffers_at; /* replays' buffers are below */
    struct iolog **logs; /* to be freed */
    size_t log_count;
    const char *mark; /* text of the last `mark` step */
    uint64_t memory_at, memory_size, memory_used;
    bool memory_begun;
    uint64_t free_page; /* list of free page-table pages, through the mirror; 0: none */
    uint64_t *mirror;

    struct {
        uint64_t accesses, failed, steps, interrupts, spurious, maps, unmaps, invalidations, waits,
            events, commands, command_errors, requests, read_bytes, written_bytes, trims, syncs,
            device_errors, mismatches, timeouts, latency_sum, latency_max, flushes, stale_max,
            device_invalidations, page_requests, page_faults_mapped, page_responses, page_failures,
            bounces, bounced_bytes, notifications, needs_reset, moves, move_time, revokes,
            revokes_held, revokes_aborted, revoke_time, revoke_max, revoke_end_time;
    } count;
};

/* -- cpu.c ------------------------------------------------------------------------------------- */

/* Room for further accesses of the flow that runs. */
unsigned host_room(const struct host *h);

/* Queue an access of the flow whose code runs; room is asserted. */
void host_read(struct host *h, struct host_register r, uint64_t *into);
void host_write(struct host *h, struct host_register r, uint64_t value);
void host_store(struct host *h, uint64_t address, uint64_t value, unsigned size);
void host_load(struct host *h, uint64_t address, unsigned size, uint64_t *into);
/* size bytes (1..64, within an aligned 64) from or to `data`, which must live until the access is
 * done. */
void host_move(struct host *h, uint64_t address, uint8_t space, uint8_t *data, unsigned size,
               bool write);

/* The program's flow goes on at `at` at the latest (and earlier, if something happens). */
void host_sleep(struct host *h, tb_time at);
void host_wake(struct host *h);
/* Nobody waits for the wake-up timer any more. */
void host_idle(struct host *h);
/* The CPU computes for a while. */
void host_spend(struct host *h, tb_time when, tb_time time);
/* Runs all code that can run, up to where everybody waits; the same in no time. */
void host_run(struct host *h, tb_time when);
void host_run_instantly(struct host *h);
/* An access has its answer: what was read (without `ok`: all ones, as a CPU gets from what nobody
 * answers), and the first status of its flow that was not TB_OK. */
void host_take_data(const struct host_op *op, const uint8_t *from, bool ok);
void host_note_status(struct host *h, struct host_flow *f, enum tb_status status);
/* A little-endian number of at most 8 bytes. */
uint64_t host_value_of(const uint8_t *from, unsigned size);

/* -- host.c ------------------------------------------------------------------------------------ */

/* The code of two flows: an embedding program's access, an interrupt's handler. */
enum host_verdict host_caller_next(struct host *h, tb_time when);
enum host_verdict host_handler_next(struct host *h, tb_time when);

/* Something the program asked for cannot be done: an error of the input during set-up, a violation
 * later. */
void host_complain(struct host *h, const struct tb_node *node, tb_time when, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* Something did not come for as long as `waited`: a violation, which tells of DMAs that failed, as
 * that may be why. `of`: whose it is; NULL: anybody's. */
void host_complain_of_wait(struct host *h, const struct tb_node *node, tb_time when, tb_time waited,
                           const char *what, const char *of);

/* Instant access to memory. */
bool host_peek(struct host *h, uint64_t address, void *data, uint32_t length);
bool host_peek_register(struct host *h, struct host_register r, uint64_t *value);
bool host_poke(struct host *h, uint64_t address, const void *data, uint32_t length);

/* -- program.c --------------------------------------------------------------------------------- */

bool host_compile(struct host *h, const struct tb_node *scenario, struct tb_diag *diag);
/* class->lint of the host: every step that has one. */
void host_lint(struct tb_model *m, struct tb_diag *diag);
void host_run_setup(struct host *h, struct tb_diag *diag);
enum host_verdict host_program_next(struct host *h, tb_time when);
const struct host_step *host_step_left(const struct host *h);

/* The n-th kind of step; NULL past the last. */
const struct host_step_kind *host_step_kind_at(size_t n);

/* The rows of every kind of step, by the file that has them; ended by a row without a name. */
extern const struct host_step_kind host_steps_cpu[];
extern const struct host_step_kind host_steps_iommu[];
extern const struct host_step_kind host_steps_disk[];
extern const struct host_step_kind host_steps_expect[];
extern const struct host_step_kind host_steps_replay[];
extern const struct host_step_kind host_steps_revoke[];
extern const struct host_step_kind host_steps_virtio[];
extern const struct host_step_lint host_lints_cpu[];
extern const struct host_step_lint host_lints_iommu[];
extern const struct host_step_lint host_lints_disk[];
extern const struct host_step_lint host_lints_expect[];
extern const struct host_step_kind host_steps_config[];

/* -- machine.c --------------------------------------------------------------------------------- */

/* Learns what answers where; may be called again. */
void host_survey_ranges(struct host *h);
/* Finds devices, IOMMUs, interrupt lines and the driver's memory. `steps`: how many there are. */
bool host_survey(struct host *h, size_t steps, struct tb_diag *diag);
struct host_device *host_find_device(struct host *h, const char *name, const struct tb_node *node,
                                     struct tb_diag *diag);
struct host_iommu *host_find_iommu(struct host *h, const char *name, const struct tb_node *node,
                                   struct tb_diag *diag);
/* The register "model.name". */
bool host_find_register(struct host *h, const char *path, const struct tb_node *node,
                        struct host_register *out, struct tb_diag *diag);
/* The line of a number: if it is known; made if need be (only while compiling). */
struct host_line *host_line_known(struct host *h, uint64_t number);
struct host_line *host_line_of(struct host *h, uint64_t number);
struct host_domain *host_domain_of(struct host *h, struct host_iommu *iommu, uint16_t id);
/* Is the address one of memory's. */
bool host_is_memory(const struct host *h, uint64_t address);
/* Zeroes the driver's memory, once; false if there is none, or no memory is there. */
bool host_begin_memory(struct host *h);
/* Bytes of it, aligned to `align` (a power of two); 0: used up. */
uint64_t host_memory(struct host *h, uint64_t bytes, uint64_t align);

/* -- format.c: what an IOMMU's format has the driver do ---------------------------------------- */

struct host_register_name {
    const char *name;
    size_t offset; /* of a struct host_register in struct host_iommu */
};

/* One row per format: all that the driver does differently for it. */
struct host_format {
    const char *name;
    uint64_t number; /* fact "iommu.format" */
    bool devices;    /* it knows devices one by one: domains, modes, commands, an event log */
    unsigned stores; /* most that one entry of a table takes, with all tables above it */
    const struct host_register_name *registers; /* ended by one without a name */
    bool (*reserve)(struct host *h, struct host_iommu *u, const struct tb_node *node,
                    struct tb_diag *diag);
    enum host_verdict (*start)(struct host *h, struct host_iommu *u);
    enum host_verdict (*attach)(struct host *h, struct host_device *d, struct host_domain *domain,
                                enum host_mode mode, struct attach_job *job,
                                const struct tb_node *node, tb_time when);
    enum host_verdict (*flush)(struct host *h, struct host_iommu *u, struct flush_job *job,
                               bool wait, const struct tb_node *node, tb_time when);
    enum host_verdict (*handler)(struct host *h, struct host_iommu *u, struct drain_job *job);
    /* Why its tables cannot have the pages of a job, or NULL: before anything runs. */
    const char *(*refuses)(struct host *h, struct host_iommu *u, const struct table_job *job);
    /* The next entry of a job. NULL, or what is wrong. */
    const char *(*map)(struct host *h, struct table_job *job, tb_time when);
    const char *(*unmap)(struct host *h, struct table_job *job, tb_time when);
    bool (*lookup)(const struct host *h, const struct host_domain *d, uint64_t iova, uint64_t *pa);
    /* Where translated devices are to see the driver's own bytes at `pa`. False: there, without a
     * mapping. */
    bool (*place)(struct host *h, struct host_iommu *u, uint64_t pa, uint64_t bytes, uint64_t *bus);
};

extern const struct host_format host_format_amdvi, host_format_sun4m, host_format_gart;

/* The format of that number; NULL: the driver knows none. */
const struct host_format *host_format_of(uint64_t number);

/* -- tables.c: page tables --------------------------------------------------------------------- */

/* AMD's part of struct host_format. */
const char *amdvi_map(struct host *h, struct table_job *job, tb_time when);
const char *amdvi_unmap(struct host *h, struct table_job *job, tb_time when);
bool amdvi_lookup(const struct host *h, const struct host_domain *d, uint64_t iova, uint64_t *pa);
#define AMDVI_STORES 7u

/* To the next entry, or the end. */
void table_move_on(struct table_job *job, uint64_t by);
/* Tells who checks of `size` bytes at job->iova. */
void table_declare(struct host *h, const struct table_job *job, enum tb_declared what,
                   uint64_t size, tb_time when);

/* Can the format have pages of this size. */
bool table_page_size(uint64_t page);
/* Goes on with a job while there is room for stores (format.c). Returns NULL, or what is wrong. */
const char *table_step(struct host *h, struct table_job *job, tb_time when);
/* The domain's number for who checks (tb_declare). */
uint32_t table_space(const struct host *h, const struct host_domain *d);
/* Physical address of an IOVA by the driver's own books. false: not mapped. */
bool table_lookup(struct host *h, const struct host_domain *d, uint64_t iova, uint64_t *pa);
/* A page for a table, zeroed; 0: none is left. */
uint64_t table_page(struct host *h);
/* An entry in the driver's mirror; changing it is a store too. */
uint64_t *table_entry(const struct host *h, uint64_t address);
void table_set(struct host *h, uint64_t address, uint64_t value);

/* -- guest.c: tables of PASIDs ------------------------------------------------------------------
 */

struct host_guest *guest_of(struct host *h, struct host_device *d, uint32_t pasid);
/* Its number for who checks. */
uint32_t guest_space(const struct host *h, const struct host_guest *g);
/* Links its root into the device's GCR3 table, if that was not done. Returns NULL, or what is
 * wrong. */
const char *guest_begin(struct host *h, struct host_guest *g, const struct tb_node *node,
                        tb_time when);
/* Can x86-64 tables have pages of this size. */
bool guest_page_size(uint64_t page);
/* The next entry of a job. */
const char *guest_entry(struct host *h, struct table_job *job, tb_time when);
#define GUEST_ACCESSES                                                                             \
    44 /* at most, of one entry with all tables above it, mapped for the host too */

/* -- driver_pri.c: page requests ----------------------------------------------------------------
 */

/* Reserves the log. */
bool request_reserve(struct host *h, struct host_iommu *u, const struct tb_node *node,
                     struct tb_diag *diag);
enum host_verdict request_handler(struct host *h, struct host_iommu *u, struct request_job *job,
                                  tb_time when);

/* -- driver_iommu.c, and by way of the format (format.c) -----------------------------------------
 */

/* For formats: the invalidation of a job was begun; everything begun up to wait number u->seen is
 * done. */
void iommu_remember(struct host *h, struct host_iommu *u, const struct flush_job *job,
                    tb_time when);
void iommu_declare_done(struct host *h, struct host_iommu *u, tb_time when);
/* Declares of a device, and of its PASIDs, whose space it goes by. */
void iommu_declare_attached(struct host *h, const struct host_device *d, enum tb_declared what,
                            const struct tb_node *node, tb_time when);

/* Reserves the driver's memory for an IOMMU: a step is going to need it. */
bool iommu_reserve(struct host *h, struct host_iommu *u, const struct tb_node *node,
                   struct tb_diag *diag);
/* Points the registers to tables and rings, and enables it. Nothing if that was done. */
enum host_verdict iommu_start(struct host *h, struct host_iommu *u);
/* Has the device translated by the domain, pass, or be blocked. */
enum host_verdict iommu_attach(struct host *h, struct host_device *d, struct host_domain *domain,
                               enum host_mode mode, struct attach_job *job,
                               const struct tb_node *node, tb_time when);
/* Gives job->command (none if both quadwords are zero), with `wait` followed by a completion wait,
 * and waits for that. */
enum host_verdict iommu_command(struct host *h, struct host_iommu *u, struct command_job *job,
                                bool wait, const struct tb_node *node, tb_time when);
/* Carries out a job; with `wait` until it is done. */
enum host_verdict iommu_flush(struct host *h, struct host_iommu *u, struct flush_job *job,
                              bool wait, const struct tb_node *node, tb_time when);
/* A job for a range of a domain, or (NULL) for everything. */
struct flush_job iommu_flush_of(struct host_domain *domain, uint64_t iova, uint64_t last);
/* Room for a command, as far as the driver knows; tells it where the IOMMU is by now. */
bool iommu_has_room(const struct host_iommu *u);
void iommu_saw_head(struct host_iommu *u);
/* Puts a command into the ring; there must be room for it. */
void iommu_give(struct host *h, struct host_iommu *u, const uint64_t command[2]);
void iommu_invalidate_pages(uint64_t command[2], uint16_t domain, uint64_t iova, uint64_t last);
void iommu_invalidate_domain(uint64_t command[2], uint16_t domain);
void iommu_invalidate_device(uint64_t command[2], uint16_t device);
void iommu_invalidate_all(uint64_t command[2]);
/* The handler of an IOMMU's interrupt. */
enum host_verdict iommu_handler(struct host *h, struct host_iommu *u, struct drain_job *job);
/* Reads the event log; a log that had overflowed is started again. */
enum host_verdict iommu_drain(struct host *h, struct host_iommu *u, struct drain_job *job);
/* Events so far, drained or still in the log; code 0: all. */
uint64_t iommu_events(struct host *h, struct host_iommu *u, unsigned code);
/* The n-th record that is still in the log, oldest first. */
bool iommu_event(struct host *h, struct host_iommu *u, uint64_t n, uint64_t record[2]);

/* -- driver_ide.c ------------------------------------------------------------------------------ */

/* Reserves the driver's own PRD table of a channel. */
bool ide_reserve(struct host *h, struct host_channel *c, const struct tb_node *node,
                 struct tb_diag *diag);
/* Writes the task file and starts the command: one batch of accesses, for which there must be room
 * (24). */
void ide_issue(struct host *h, struct host_channel *c, const struct ide_command *command);
/* Reads the outcome and stops the bus master: the handler does (if the interrupt is the channel's),
 * and with `forced` a driver whose patience is over. */
enum host_verdict ide_finish(struct host *h, struct host_channel *c, struct finish_job *job,
                             bool forced, tb_time when);
/* Resets both drives of a channel. */
enum host_verdict ide_reset(struct host *h, struct host_channel *c, struct finish_job *job,
                            tb_time when);
/* Where the device finds the driver's own PRD table. */
uint32_t ide_table_bus(const struct host_channel *c);
/* Has the first `bytes` of the driver's own PRD table mapped, if the device is translated by a
 * domain. */
enum host_verdict ide_map_table(struct host *h, struct host_channel *c, uint64_t bytes,
                                struct table_job *job, const struct tb_node *node, tb_time when);
/* Opcode of a transfer. */
uint8_t ide_opcode(bool write, bool lba48);
/* Writes a descriptor. */
void ide_put_prd(struct host *h, uint64_t at, uint32_t address, uint32_t bytes, bool last);

/* -- pattern.c: contents that scenarios name ----------------------------------------------------
 */

enum host_pattern { HOST_COUNTER, HOST_MIX64, HOST_ZERO };
extern const char *const host_pattern_names[];
/* `size` bytes of a pattern from its byte `offset` on: counter: byte i is i mod 256; mix64: a hash
 * of the seed and the 8-aligned offset. */
void host_pattern_fill(uint8_t *to, size_t size, enum host_pattern pattern, uint64_t seed,
                       uint64_t offset);

#endif
