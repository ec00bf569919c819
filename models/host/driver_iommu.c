/* The driver of an AMD IOMMU: registers, device table, command buffer, completion wait, event log.
 *
 * As an OS does it: tables and rings in memory of its own, stores and register writes one by one, a
 * completion wait that stores a growing number which the driver polls (or sleeps until the
 * interrupt and then looks once). In set-up no command is given: nothing can be cached before time
 * 0. Section numbers: AMD IOMMU specification (48882).
 */
#include "host.h"

#include "spec/amdvi.h"

#define RING_BYTES   HOST_PAGE
#define RING_ENTRIES (RING_BYTES / AMDVI_RING_ENTRY)
#define RING_LENGTH  ((uint64_t)AMDVI_RING_LENGTH_MIN << AMDVI_RING_LENGTH_SHIFT)
#define FLAG_BYTES   64

/* -- Start ------------------------------------------------------------------------------------- */

static uint64_t devtab_bytes(const struct host *h)
{
    uint64_t top = 0;
    for (size_t i = 0; i < h->device_count; i++)
        if (h->devices[i].id > top)
            top = h->devices[i].id;
    return ((top + 1) * AMDVI_DTE_SIZE + HOST_PAGE - 1) & ~(uint64_t)(HOST_PAGE - 1);
}

static bool reserve(struct host *h, struct host_iommu *u, const struct tb_node *node,
                    struct tb_diag *diag)
{
    if (u->flag_at)
        return true;
    u->devtab_bytes = devtab_bytes(h);
    u->devtab_at = host_memory(h, u->devtab_bytes, HOST_PAGE);
    u->ring_at = host_memory(h, RING_BYTES, HOST_PAGE);
    u->log_at = host_memory(h, RING_BYTES, HOST_PAGE);
    u->flag_at = host_memory(h, HOST_PAGE, HOST_PAGE);
    if (host_begin_memory(h) && u->devtab_at && u->ring_at && u->log_at && u->flag_at)
        return true;
    tb_diag_node(diag, node,
                 "the driver has no memory for the tables of '%s': see 'driver_memory' of '%s'",
                 u->model->name, h->m->name);
    return false;
}

static uint64_t control_bits(const struct host *h, const struct host_iommu *u)
{
    uint64_t bits = AMDVI_CONTROL_ENABLE | AMDVI_CONTROL_EVENT_LOG | AMDVI_CONTROL_CMDBUF;
    if (u->has_line && h->params.events == HOST_EVENTS_DRAIN)
        bits |= AMDVI_CONTROL_EVENT_INT;
    if (u->has_line && h->params.completion == HOST_COMPLETION_INTERRUPT)
        bits |= AMDVI_CONTROL_WAIT_INT;
    bits |= (uint64_t)h->params.invalidation_timeout << AMDVI_CONTROL_TIMEOUT_SHIFT;
    if (u->requests_at)
        bits |= AMDVI_CONTROL_PPR_LOG | AMDVI_CONTROL_PPR_INT | AMDVI_CONTROL_PPR;
    if (u->wants_guests)
        bits |= AMDVI_CONTROL_GT;
    return bits;
}

static enum host_verdict start(struct host *h, struct host_iommu *u)
{
    u->control_value = control_bits(h, u);
    u->room = RING_ENTRIES - 1;
    host_write(h, u->devtab, u->devtab_at | (u->devtab_bytes / HOST_PAGE - 1));
    host_write(h, u->cmdbuf, u->ring_at | RING_LENGTH);
    host_write(h, u->evtlog, u->log_at | RING_LENGTH);
    host_write(h, u->cmd_head, 0);
    host_write(h, u->cmd_tail, 0);
    host_write(h, u->evt_head, 0);
    host_write(h, u->evt_tail, 0);
    if (u->requests_at) {
        host_write(h, u->ppr_base, u->requests_at | RING_LENGTH);
        host_write(h, u->ppr_head, 0);
        host_write(h, u->ppr_tail, 0);
    }
    host_write(h, u->control, u->control_value);
    u->state = IOMMU_RUNS;
    return HOST_AGAIN;
}

/* -- Commands (2.4) ---------------------------------------------------------------------------- */

static uint64_t opcode(uint64_t code)
{
    return code << AMDVI_OPCODE_SHIFT;
}

static uint64_t of_domain(uint16_t domain)
{
    return (uint64_t)domain << AMDVI_COMMAND_DOMAIN_SHIFT;
}

void iommu_invalidate_domain(uint64_t command[2], uint16_t domain)
{
    command[0] = opcode(AMDVI_INVALIDATE_IOMMU_PAGES) | of_domain(domain);
    command[1] = AMDVI_PAGES_ALL | AMDVI_PAGES_PDE;
}

/* The smallest power of two, aligned to itself, that holds the range; page directory entries too,
 * for tables may go away with their pages. */
void iommu_invalidate_pages(uint64_t command[2], uint16_t domain, uint64_t iova, uint64_t last)
{
    uint64_t differ = (iova ^ last) >> 12;
    iommu_invalidate_domain(command, domain);
    if (differ >> (51 - 12))
        return;
    command[1] = (iova & AMDVI_PAGES_ADDRESS) | AMDVI_PAGES_PDE;
    if (differ == 0)
        return;
    uint64_t half = (uint64_t)1 << (63 - __builtin_clzll(differ) + 12);
    command[1] = (iova & ~(2 * half - 1)) | ((half - 1) & AMDVI_PAGES_ADDRESS) | AMDVI_PAGES_S |
                 AMDVI_PAGES_PDE;
}

/* INVALIDATE_IOTLB_PAGES (2.4.4): to the device, by way of the IOMMU. */
static void invalidate_cache_of(uint64_t command[2], const struct host_device *d, uint64_t iova,
                                uint64_t last)
{
    iommu_invalidate_pages(command, 0, iova, last);
    command[0] = opcode(AMDVI_INVALIDATE_IOTLB_PAGES) | d->id |
                 (uint64_t)d->id << AMDVI_IOTLB_QUEUE_SHIFT | d->depth << AMDVI_IOTLB_MAXPEND_SHIFT;
    command[1] &= ~AMDVI_PAGES_PDE;
}

/* The guest's addresses of a PASID, not the domain's: of a command for the IOMMU, and of one for a
 * device. */
static void of_guest(uint64_t command[2], const struct host_guest *g)
{
    command[0] |= g->pasid;
    command[1] |= AMDVI_PAGES_GN;
}

static void of_guest_cache(uint64_t command[2], const struct host_guest *g)
{
    command[0] |= (uint64_t)(g->pasid & 0xff) << AMDVI_IOTLB_PASID_LOW_SHIFT |
                  (uint64_t)(g->pasid >> 8 & 0xff) << AMDVI_IOTLB_PASID_MID_SHIFT |
                  (uint64_t)(g->pasid >> 16) << AMDVI_IOTLB_PASID_HIGH_SHIFT;
    command[1] |= AMDVI_PAGES_GN;
}

void iommu_invalidate_device(uint64_t command[2], uint16_t device)
{
    command[0] = opcode(AMDVI_INVALIDATE_DEVTAB_ENTRY) | device;
    command[1] = 0;
}

void iommu_invalidate_all(uint64_t command[2])
{
    command[0] = opcode(AMDVI_INVALIDATE_IOMMU_ALL);
    command[1] = 0;
}

static void put_command(struct host *h, struct host_iommu *u, uint64_t q0, uint64_t q1)
{
    host_store(h, u->ring_at + u->tail, q0, 8);
    host_store(h, u->ring_at + u->tail + 8, q1, 8);
    u->tail = (u->tail + AMDVI_RING_ENTRY) % RING_BYTES;
    u->room--;
}

static void put_wait(struct host *h, struct host_iommu *u, struct command_job *job)
{
    uint64_t flags = AMDVI_WAIT_STORE;
    if (u->control_value & AMDVI_CONTROL_WAIT_INT)
        flags |= AMDVI_WAIT_INTERRUPT;
    job->value = ++u->waits;
    h->count.waits++;
    put_command(h, u, opcode(AMDVI_COMPLETION_WAIT) | u->flag_at | flags, job->value);
    job->tail = u->tail;
}

static bool is_invalidation(uint64_t q0)
{
    uint64_t code = q0 >> AMDVI_OPCODE_SHIFT;
    return code >= AMDVI_INVALIDATE_DEVTAB_ENTRY && code <= AMDVI_INVALIDATE_IOMMU_ALL &&
           code != AMDVI_PREFETCH_IOMMU_PAGES && code != AMDVI_COMPLETE_PPR_REQUEST;
}

enum {
    COMMAND_AWAITS_NOTHING,
    COMMAND_AWAITS_HEAD, /* the ring looked full: where is the IOMMU by now */
    COMMAND_AWAITS_ROOM, /* it was full: pause */
    COMMAND_AWAITS_STORES,
    COMMAND_AWAITS_COMPLETION, /* pause before the next look */
    COMMAND_AWAITS_FLAG
};

static void give(struct host *h, struct host_iommu *u, struct command_job *job, bool wait)
{
    if (job->raw || job->command[0]) {
        h->count.invalidations += is_invalidation(job->command[0]);
        h->count.device_invalidations +=
            job->command[0] >> AMDVI_OPCODE_SHIFT == AMDVI_INVALIDATE_IOTLB_PAGES;
        put_command(h, u, job->command[0], job->command[1]);
    }
    if (wait)
        put_wait(h, u, job);
    host_write(h, u->cmd_tail, u->tail);
    if (u->requests_at)
        h->locked = h->flow;
    job->phase = COMMAND_AWAITS_STORES;
}

static enum host_verdict pause_until(struct host *h, struct command_job *job, int phase,
                                     tb_time when)
{
    job->phase = phase;
    job->next = when + h->params.poll;
    host_sleep(h, job->next);
    return HOST_WAITS;
}

static enum host_verdict give_up(struct host *h, struct host_iommu *u, struct command_job *job,
                                 const struct tb_node *node, tb_time when)
{
    job->failed = true;
    host_complain(h, node, when, "'%s' has not done its commands within the timeout",
                  u->model->name);
    return HOST_DONE;
}

void iommu_saw_head(struct host_iommu *u)
{
    uint32_t head = (uint32_t)(u->head & AMDVI_RING_POINTER) % RING_BYTES;
    u->room = (head + RING_BYTES - u->tail - AMDVI_RING_ENTRY) % RING_BYTES / AMDVI_RING_ENTRY;
}

bool iommu_has_room(const struct host_iommu *u)
{
    return u->room > 0;
}

void iommu_give(struct host *h, struct host_iommu *u, const uint64_t command[2])
{
    put_command(h, u, command[0], command[1]);
    host_write(h, u->cmd_tail, u->tail);
}

static enum host_verdict look_for_room(struct host *h, struct host_iommu *u,
                                       struct command_job *job, bool wait,
                                       const struct tb_node *node, tb_time when)
{
    iommu_saw_head(u);
    if (u->room < 2 && when >= job->deadline)
        return give_up(h, u, job, node, when);
    if (u->room < 2)
        return pause_until(h, job, COMMAND_AWAITS_ROOM, when);
    give(h, u, job, wait);
    return HOST_AGAIN;
}

/* Every invalidation in front of the wait that has ended is done: nobody may go by what was
 * unmapped when it was given. */
void iommu_declare_done(struct host *h, struct host_iommu *u, tb_time when)
{
    for (; u->pending_first < u->pending_next; u->pending_first++) {
        const struct host_pending *p = &u->pending[u->pending_first % HOST_PENDING];
        if (p->value > u->seen)
            return;
        uint64_t size = p->last - p->iova + 1;
        struct tb_mapping of = {.iova = p->iova,
                                .size = size ? size : UINT64_MAX,
                                .space = p->space,
                                .started_by = p->began};
        tb_declare(h->m, TB_UNMAPPED, &of, when);
    }
}

/* The flag says which wait was done last; numbers grow, so `at least` is the question. */
static enum host_verdict look_at_flag(struct host *h, struct host_iommu *u, struct command_job *job,
                                      const struct tb_node *node, tb_time when)
{
    if (u->seen - job->value < (uint64_t)1 << 63) {
        u->room =
            RING_ENTRIES - 1 - (u->tail + RING_BYTES - job->tail) % RING_BYTES / AMDVI_RING_ENTRY;
        iommu_declare_done(h, u, when);
        return HOST_DONE;
    }
    if (when >= job->deadline)
        return give_up(h, u, job, node, when);
    if (u->control_value & AMDVI_CONTROL_WAIT_INT) {
        job->phase = COMMAND_AWAITS_COMPLETION;
        job->next = job->deadline; /* the handler of the interrupt wakes the program */
        host_sleep(h, job->deadline);
        return HOST_WAITS;
    }
    return pause_until(h, job, COMMAND_AWAITS_COMPLETION, when);
}

static enum host_verdict look(struct host *h, struct host_register r, uint64_t *into,
                              struct command_job *job, int phase)
{
    job->phase = phase;
    host_read(h, r, into);
    return HOST_AGAIN;
}

static bool too_early(struct host *h, const struct host_iommu *u, const struct command_job *job,
                      tb_time when)
{
    bool by_interrupt =
        job->phase == COMMAND_AWAITS_COMPLETION && (u->control_value & AMDVI_CONTROL_WAIT_INT);
    if (by_interrupt || when >= job->next)
        return false;
    host_sleep(h, job->next);
    return true;
}

enum host_verdict iommu_command(struct host *h, struct host_iommu *u, struct command_job *job,
                                bool wait, const struct tb_node *node, tb_time when)
{
    struct host_register flag = {.address = u->flag_at, .space = TB_MEMORY, .size = 8};
    if (h->instant)
        return HOST_DONE;
    switch (job->phase) {
    case COMMAND_AWAITS_NOTHING:
        job->deadline = when + h->params.timeout;
        if (u->room < 2)
            return look(h, u->cmd_head, &u->head, job, COMMAND_AWAITS_HEAD);
        give(h, u, job, wait);
        return HOST_AGAIN;
    case COMMAND_AWAITS_HEAD:
        return look_for_room(h, u, job, wait, node, when);
    case COMMAND_AWAITS_ROOM:
        return too_early(h, u, job, when)
                   ? HOST_WAITS
                   : look(h, u->cmd_head, &u->head, job, COMMAND_AWAITS_HEAD);
    case COMMAND_AWAITS_STORES:
        h->locked = NULL;
        if (!wait)
            return HOST_DONE;
        /* fall through */
    case COMMAND_AWAITS_COMPLETION:
        return too_early(h, u, job, when) ? HOST_WAITS
                                          : look(h, flag, &u->seen, job, COMMAND_AWAITS_FLAG);
    default:
        return look_at_flag(h, u, job, node, when);
    }
}

/* -- Invalidation of a range, in the IOMMU and then in the devices (2.4.3, 2.4.4) ----------------
 */

struct flush_job iommu_flush_of(struct host_domain *domain, uint64_t iova, uint64_t last)
{
    struct flush_job job = {.domain = domain, .iova = iova, .last = last};
    if (!domain)
        iommu_invalidate_all(job.command.command);
    else if (iova == 0 && last == UINT64_MAX)
        iommu_invalidate_domain(job.command.command, domain->id);
    else
        iommu_invalidate_pages(job.command.command, domain->id, iova, last);
    return job;
}

static void remember(struct host_iommu *u, uint32_t space, const struct flush_job *job,
                     tb_time when)
{
    if (u->pending_next - u->pending_first == HOST_PENDING)
        u->pending_first++;
    u->pending[u->pending_next++ % HOST_PENDING] = (struct host_pending){
        .space = space, .iova = job->iova, .last = job->last, .value = u->waits + 1, .began = when};
}

void iommu_remember(struct host *h, struct host_iommu *u, const struct flush_job *job, tb_time when)
{
    if (job->guest)
        remember(u, guest_space(h, job->guest), job, when);
    for (size_t i = 0; i < h->domain_count && !job->guest; i++)
        if (h->domains[i].iommu == u && (!job->domain || job->domain == &h->domains[i]))
            remember(u, table_space(h, &h->domains[i]), job, when);
}

static void begin_flush(struct host *h, struct host_iommu *u, struct flush_job *job, tb_time when)
{
    job->begun = true;
    if (job->guest)
        of_guest(job->command.command, job->guest);
    iommu_remember(h, u, job, when);
}

/* The next device that may have translations of the range. */
static const struct host_device *next_cache(const struct host *h, const struct host_iommu *u,
                                            struct flush_job *job)
{
    for (; job->next < h->device_count && !job->without_devices; job->next++) {
        const struct host_device *d = &h->devices[job->next];
        bool concerned =
            job->guest ? job->guest->device == d : !job->domain || d->domain == job->domain;
        if (d->iommu == u && d->ats && concerned)
            return d;
    }
    return NULL;
}

static enum host_verdict flush(struct host *h, struct host_iommu *u, struct flush_job *job,
                               bool wait, const struct tb_node *node, tb_time when)
{
    if (!job->begun)
        begin_flush(h, u, job, when);
    for (;;) {
        const struct host_device *d = next_cache(h, u, job);
        enum host_verdict v = iommu_command(h, u, &job->command, wait && !d, node, when);
        if (v != HOST_DONE)
            return v;
        if (!d || job->command.failed)
            break;
        job->next++;
        job->command = (struct command_job){0};
        invalidate_cache_of(job->command.command, d, job->iova, job->last);
        if (job->guest)
            of_guest_cache(job->command.command, job->guest);
    }
    if (h->instant) { /* nothing is cached before time 0 */
        u->seen = UINT64_MAX;
        iommu_declare_done(h, u, when);
        u->seen = 0;
    }
    return HOST_DONE;
}

/* -- Device table (2.2.2) ---------------------------------------------------------------------- */

enum {
    ATTACH_AWAITS_START,
    ATTACH_AWAITS_ENTRY,
    ATTACH_AWAITS_DEVICE_INVALIDATION,
    ATTACH_AWAITS_DOMAIN_INVALIDATION,
    ATTACH_AWAITS_CACHE_INVALIDATION /* the device's own */
};

static uint64_t first_quadword(const struct host_domain *domain, enum host_mode mode,
                               uint64_t permissions)
{
    uint64_t q = AMDVI_DTE_V | AMDVI_DTE_TV;
    if (mode == HOST_BLOCKED)
        return q; /* neither IR nor IW */
    if (mode == HOST_TRANSLATE)
        q |= domain->root | (uint64_t)domain->levels << AMDVI_DTE_MODE_SHIFT;
    return q | permissions;
}

/* The quadword with V is written last. */
static void write_entry(struct host *h, const struct host_device *d, const struct attach_job *job)
{
    uint64_t at = d->iommu->devtab_at + (uint64_t)d->id * AMDVI_DTE_SIZE;
    uint64_t domain = d->domain ? d->domain->id : 0;
    host_store(h, at + 24, 0, 8);
    host_store(h, at + 16, job->flags[2], 8);
    host_store(h, at + 8, domain | job->flags[1], 8);
    host_store(h, at, first_quadword(d->domain, d->mode, job->permissions) | job->flags[0], 8);
}

static bool make_root(struct host *h, struct host_domain *domain, const struct tb_node *node,
                      tb_time when)
{
    if (!domain->levels)
        domain->levels = (unsigned)h->params.levels;
    if (!domain->root)
        domain->root = table_page(h);
    if (!domain->root)
        host_complain(h, node, when, "the driver's memory is used up ('driver_memory' of '%s')",
                      h->m->name);
    return domain->root != 0;
}

void iommu_declare_attached(struct host *h, const struct host_device *d, enum tb_declared what,
                            const struct tb_node *node, tb_time when)
{
    struct tb_mapping of = {.requester = d->id, .node = node, .started_by = when};
    of.space = d->mode == HOST_PASSTHROUGH ? TB_EVERYWHERE
               : d->mode == HOST_BLOCKED   ? TB_NOWHERE
                                           : table_space(h, d->domain);
    tb_declare(h->m, what, &of, when);
    for (size_t i = 0; i < h->guest_count; i++) {
        const struct host_guest *g = &h->guests[i];
        of.has_pasid = true;
        of.pasid = g->pasid;
        of.space = d->guests ? guest_space(h, g) : TB_NOWHERE;
        if (g->device == d && g->root)
            tb_declare(h->m, what, &of, when);
    }
}

static bool take_over(struct host *h, struct host_device *d, struct host_domain *domain,
                      enum host_mode mode, struct attach_job *job, const struct tb_node *node,
                      tb_time when)
{
    if (mode == HOST_TRANSLATE && !make_root(h, domain, node, when))
        return false;
    job->former = d->attached && d->mode == HOST_TRANSLATE ? d->domain : NULL;
    if (d->domain != domain || mode != HOST_TRANSLATE)
        for (unsigned i = 0; i < HOST_CHANNELS; i++)
            d->channels[i].prd_pages_mapped = 0;
    job->had_ats = d->ats;
    d->domain = domain;
    d->mode = mode;
    d->attached = true;
    d->ats = d->capable && job->flags[1] & AMDVI_DTE_I;
    write_entry(h, d, job);
    iommu_declare_attached(h, d, TB_ATTACHED, node, when);
    return true;
}

/* After the device's entry: what was cached of its former domain, in the IOMMU and in itself. */
static bool next_invalidation(const struct host_device *d, struct attach_job *job)
{
    bool of_domain =
        job->phase == ATTACH_AWAITS_DEVICE_INVALIDATION && job->former && job->former != d->domain;
    bool of_cache =
        job->phase < ATTACH_AWAITS_CACHE_INVALIDATION && job->had_ats && !job->without_devices;
    job->command = (struct command_job){0};
    if (of_domain) {
        iommu_invalidate_domain(job->command.command, job->former->id);
        job->phase = ATTACH_AWAITS_DOMAIN_INVALIDATION;
    } else if (of_cache) {
        invalidate_cache_of(job->command.command, d, 0, UINT64_MAX);
        job->phase = ATTACH_AWAITS_CACHE_INVALIDATION;
    }
    return of_domain || of_cache;
}

static enum host_verdict attach(struct host *h, struct host_device *d, struct host_domain *domain,
                                enum host_mode mode, struct attach_job *job,
                                const struct tb_node *node, tb_time when)
{
    switch (job->phase) {
    case ATTACH_AWAITS_START:
        if (iommu_start(h, d->iommu) != HOST_DONE)
            return HOST_AGAIN;
        if (!take_over(h, d, domain, mode, job, node, when))
            return HOST_DONE;
        job->phase = ATTACH_AWAITS_ENTRY;
        return HOST_AGAIN;
    case ATTACH_AWAITS_ENTRY:
        iommu_invalidate_device(job->command.command, d->id);
        job->phase = ATTACH_AWAITS_DEVICE_INVALIDATION;
        /* fall through */
    default:
        break;
    }
    for (;;) {
        enum host_verdict v = iommu_command(h, d->iommu, &job->command, true, node, when);
        if (v != HOST_DONE)
            return v;
        if (job->command.failed || !next_invalidation(d, job))
            break;
    }
    if (!job->command.failed)
        iommu_declare_attached(h, d, TB_DETACHED, node, when);
    return HOST_DONE;
}

/* -- Event log (2.5) --------------------------------------------------------------------------- */

enum {
    DRAIN_AWAITS_NOTHING,
    DRAIN_AWAITS_STATUS,
    DRAIN_AWAITS_TAIL,
    DRAIN_AWAITS_RECORD,
    DRAIN_AWAITS_HEAD
};

static void count_event(struct host *h, struct host_iommu *u, const uint64_t record[2])
{
    u->drained[record[0] >> AMDVI_OPCODE_SHIFT]++;
    u->drained_total++;
    h->count.events++;
}

/* The next record, or the new head when there is none; a log that stopped at its end is started
 * again (3.4.9: the enable bit from 0 to 1, overflow cleared in between). */
static enum host_verdict next_record(struct host *h, struct host_iommu *u, struct drain_job *job)
{
    uint64_t tail = job->tail & AMDVI_RING_POINTER & (RING_BYTES - 1);
    if (u->log_head != tail) {
        host_load(h, u->log_at + u->log_head, 8, &job->record[0]);
        host_load(h, u->log_at + u->log_head + 8, 8, &job->record[1]);
        job->phase = DRAIN_AWAITS_RECORD;
        return HOST_AGAIN;
    }
    host_write(h, u->evt_head, u->log_head);
    if (job->status & AMDVI_STATUS_EVENT_OVERFLOW) {
        host_write(h, u->control, u->control_value & ~AMDVI_CONTROL_EVENT_LOG);
        host_write(h, u->status, AMDVI_STATUS_EVENT_OVERFLOW);
        host_write(h, u->control, u->control_value);
    }
    job->phase = DRAIN_AWAITS_HEAD;
    return HOST_AGAIN;
}

/* The interrupt bits are cleared before the tail is read: what comes later interrupts again. */
static enum host_verdict clear_status(struct host *h, struct host_iommu *u, struct drain_job *job,
                                      bool forced)
{
    uint64_t events = job->status & (AMDVI_STATUS_EVENT_INT | AMDVI_STATUS_EVENT_OVERFLOW);
    uint64_t interrupts = job->status & (AMDVI_STATUS_EVENT_INT | AMDVI_STATUS_WAIT_INT);
    if (interrupts)
        host_write(h, u->status, interrupts);
    job->phase = DRAIN_AWAITS_HEAD;
    if (events || forced) {
        host_read(h, u->evt_tail, &job->tail);
        job->phase = DRAIN_AWAITS_TAIL;
    }
    return interrupts || events || forced ? HOST_AGAIN : HOST_DONE;
}

static enum host_verdict drain(struct host *h, struct host_iommu *u, struct drain_job *job,
                               bool forced)
{
    if (u->state != IOMMU_RUNS)
        return HOST_DONE;
    switch (job->phase) {
    case DRAIN_AWAITS_NOTHING:
        host_read(h, u->status, &job->status);
        job->phase = DRAIN_AWAITS_STATUS;
        return HOST_AGAIN;
    case DRAIN_AWAITS_STATUS:
        return clear_status(h, u, job, forced);
    case DRAIN_AWAITS_RECORD:
        count_event(h, u, job->record);
        u->log_head = (u->log_head + AMDVI_RING_ENTRY) % RING_BYTES;
        /* fall through */
    case DRAIN_AWAITS_TAIL:
        return next_record(h, u, job);
    default:
        return HOST_DONE;
    }
}

static enum host_verdict handler(struct host *h, struct host_iommu *u, struct drain_job *job)
{
    return drain(h, u, job, false);
}

enum host_verdict iommu_drain(struct host *h, struct host_iommu *u, struct drain_job *job)
{
    return drain(h, u, job, true);
}

/* -- What is in the log (for expectations: instant) ---------------------------------------------
 */

static uint64_t peek_register(struct host *h, struct host_register r)
{
    uint64_t value = 0;
    return host_peek_register(h, r, &value) ? value : 0;
}

struct log_view {
    uint64_t at, bytes, head, tail;
};

/* The log may be the scenario's own: its place comes from the registers. */
static struct log_view view_log(struct host *h, struct host_iommu *u)
{
    uint64_t base = peek_register(h, u->evtlog);
    uint64_t bytes = (uint64_t)tb_amdvi_ring_entries(base) * AMDVI_RING_ENTRY;
    struct log_view v = {.at = base & AMDVI_BASE_ADDRESS, .bytes = bytes};
    if (bytes == 0)
        return v;
    v.head = (u->state == IOMMU_RUNS ? u->log_head : peek_register(h, u->evt_head)) % bytes;
    v.tail = peek_register(h, u->evt_tail) % bytes;
    return v;
}

bool iommu_event(struct host *h, struct host_iommu *u, uint64_t n, uint64_t record[2])
{
    struct log_view v = view_log(h, u);
    uint64_t used = v.bytes ? (v.tail + v.bytes - v.head) % v.bytes / AMDVI_RING_ENTRY : 0;
    uint64_t at = v.at + (v.bytes ? (v.head + n * AMDVI_RING_ENTRY) % v.bytes : 0);
    struct host_register half[2] = {{at, TB_MEMORY, 8}, {at + 8, TB_MEMORY, 8}};
    return n < used && host_peek_register(h, half[0], &record[0]) &&
           host_peek_register(h, half[1], &record[1]);
}

uint64_t iommu_events(struct host *h, struct host_iommu *u, unsigned code)
{
    uint64_t record[2], count = code ? u->drained[code % HOST_EVENT_CODES] : u->drained_total;
    for (uint64_t n = 0; iommu_event(h, u, n, record); n++)
        count += code == 0 || record[0] >> AMDVI_OPCODE_SHIFT == code;
    return count;
}

/* -- The format -------------------------------------------------------------------------------- */

static const char *refuses(struct host *h, struct host_iommu *u, const struct table_job *job)
{
    (void)h;
    (void)u;
    (void)job;
    return NULL; /* what its tables cannot say is refused entry by entry */
}

/* Its own tables are mapped at their own address. */
static bool place(struct host *h, struct host_iommu *u, uint64_t pa, uint64_t bytes, uint64_t *bus)
{
    (void)h;
    (void)u;
    (void)bytes;
    *bus = pa;
    return true;
}

#define REGISTER(name)                                                                             \
    {                                                                                              \
#name, offsetof(struct host_iommu, name)                                                   \
    }

static const struct host_register_name registers[] = {
    REGISTER(devtab),   REGISTER(cmdbuf),   REGISTER(evtlog),   REGISTER(control),
    REGISTER(status),   REGISTER(cmd_head), REGISTER(cmd_tail), REGISTER(evt_head),
    REGISTER(evt_tail), REGISTER(ppr_base), REGISTER(ppr_head), REGISTER(ppr_tail),
    {NULL, 0},
};

const struct host_format host_format_amdvi = {
    .name = "amdvi",
    .number = 1,
    .devices = true,
    .stores = AMDVI_STORES,
    .registers = registers,
    .reserve = reserve,
    .start = start,
    .attach = attach,
    .flush = flush,
    .handler = handler,
    .refuses = refuses,
    .map = amdvi_map,
    .unmap = amdvi_unmap,
    .lookup = amdvi_lookup,
    .place = place,
};
