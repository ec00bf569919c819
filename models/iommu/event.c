/* The event log (2.5): a ring in memory, written by timed writes.
 *
 * A record gets a buffer and its place in the log at once, in the order of the faults; its write
 * goes up to memory, and the tail register moves over records that have landed, in order. While all
 * buffers are busy, refused requests wait (so the log loses none of them). A log without room sets
 * overflow and stops; translation goes on.
 */
#include "internal.h"

/* What AMD's log says of each refusal, and what the request is answered. */
static const struct {
    uint8_t code;
    uint8_t status;
    uint64_t flags;
} refusals[TB_REFUSALS] = {
    [TB_REFUSE_NO_DEVICE] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, 0},
    [TB_REFUSE_ENTRY_UNREADABLE] = {AMDVI_DEV_TAB_HARDWARE_ERROR, TB_ABORT, 0},
    [TB_REFUSE_ENTRY_RESERVED] = {AMDVI_ILLEGAL_DEV_TABLE_ENTRY, TB_ABORT, AMDVI_EVENT_RZ},
    [TB_REFUSE_ENTRY_LEVEL] = {AMDVI_ILLEGAL_DEV_TABLE_ENTRY, TB_ABORT, 0},
    [TB_REFUSE_NO_TRANSLATION] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, 0},
    [TB_REFUSE_NOT_ATS] = {AMDVI_INVALID_DEVICE_REQUEST, TB_ABORT, (uint64_t)1 << 57},
    [TB_REFUSE_TOO_HIGH] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, 0},
    [TB_REFUSE_TABLE_UNREADABLE] = {AMDVI_PAGE_TAB_HARDWARE_ERROR, TB_ABORT, 0},
    [TB_REFUSE_ABSENT] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, 0},
    [TB_REFUSE_RESERVED] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, AMDVI_EVENT_PR | AMDVI_EVENT_RZ},
    [TB_REFUSE_LEVEL] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, AMDVI_EVENT_PR},
    [TB_REFUSE_SKIPPED] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, AMDVI_EVENT_PR},
    [TB_REFUSE_SIZE] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, AMDVI_EVENT_PR},
    [TB_REFUSE_NO_PASID] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, 0},
    [TB_REFUSE_PERMISSION] = {AMDVI_IO_PAGE_FAULT, TB_FAULT, AMDVI_EVENT_PR | AMDVI_EVENT_PE},
};

/* Which fields a record of a code has beside code, device and address. */
enum {
    DOMAIN_FIELD = 1,
    RW_FIELD = 2,
    TYPE_FIELD = 4,
    WHERE_FIELD = 8,
    PASID_FIELD = 16,
    DWORD_FIELD = 32
};
static const uint8_t fields[16] = {
    [AMDVI_ILLEGAL_DEV_TABLE_ENTRY] = RW_FIELD | PASID_FIELD | DWORD_FIELD,
    [AMDVI_IO_PAGE_FAULT] = DOMAIN_FIELD | RW_FIELD | PASID_FIELD,
    [AMDVI_DEV_TAB_HARDWARE_ERROR] = RW_FIELD | TYPE_FIELD | WHERE_FIELD,
    [AMDVI_PAGE_TAB_HARDWARE_ERROR] = DOMAIN_FIELD | RW_FIELD | TYPE_FIELD | WHERE_FIELD,
    [AMDVI_INVALID_DEVICE_REQUEST] = PASID_FIELD,
};

bool tb_events_make(struct tb_iommu *u)
{
    u->events.size = (uint32_t)u->p->events;
    u->events.ring = tb_alloc(u->m, u->events.size, sizeof *u->events.ring);
    u->events.waiting = tb_list_empty();
    return true;
}

uint64_t tb_event_type(enum tb_status status)
{
    uint64_t type = status == TB_UNSUPPORTED ? AMDVI_MASTER_ABORT : AMDVI_TARGET_ABORT;
    return type << AMDVI_EVENT_TYPE_SHIFT;
}

/* -- The ring -------------------------------------------------------------------------------- */

static bool running(const struct tb_iommu *u)
{
    return u->reg[TB_REG_STATUS] & AMDVI_STATUS_EVENT_RUN;
}

static uint32_t ring_bytes(const struct tb_iommu *u)
{
    return tb_amdvi_ring_entries(u->reg[TB_REG_EVTLOG]) * AMDVI_RING_ENTRY;
}

void tb_events_moved(struct tb_iommu *u)
{
    u->events.next_tail = (uint32_t)u->reg[TB_REG_EVT_TAIL] + u->events.count * AMDVI_RING_ENTRY;
}

void tb_events_enabled(struct tb_iommu *u, bool enabled, tb_time when)
{
    bool overflow = u->reg[TB_REG_STATUS] & AMDVI_STATUS_EVENT_OVERFLOW;
    tb_events_moved(u);
    if (enabled && !overflow)
        tb_status_change(u, AMDVI_STATUS_EVENT_RUN, 0, when);
    else
        tb_status_change(u, 0, AMDVI_STATUS_EVENT_RUN, when);
}

/* 2.5.1: one entry stays empty. A full log sets overflow, and logging stops until software starts
 * it again. */
static bool has_room(struct tb_iommu *u, tb_time when)
{
    uint32_t bytes = ring_bytes(u);
    if (bytes) {
        uint32_t next = (u->events.next_tail + AMDVI_RING_ENTRY) & (bytes - 1);
        if (next != (u->reg[TB_REG_EVT_HEAD] & (bytes - 1)))
            return true;
    }
    tb_status_change(u, AMDVI_STATUS_EVENT_OVERFLOW, AMDVI_STATUS_EVENT_RUN, when);
    return false;
}

static void write_record(struct tb_iommu *u, const uint64_t q[2], tb_time when)
{
    struct tb_events *e = &u->events;
    uint32_t at = (e->first + e->count++) % e->size, mask = ring_bytes(u) - 1;
    uint64_t base = u->reg[TB_REG_EVTLOG] & AMDVI_BASE_ADDRESS;
    uint32_t txn = tb_iommu_begin(u, TB_TXN_EVENT, when);
    struct tb_txn *t = tb_txn(u->m, txn);
    e->ring[at] = (struct tb_event){.txn = txn, .busy = true};
    t->owner = at;
    t->value[0] = q[0];
    t->value[1] = q[1];
    tb_store64(t->data, q[0]);
    tb_store64(t->data + 8, q[1]);
    u->n->events++;
    tb_iommu_send(u, txn, TB_WRITE, base + (e->next_tail & mask), AMDVI_RING_ENTRY, when);
    e->next_tail = (e->next_tail + AMDVI_RING_ENTRY) & mask;
}

/* True: the record is on its way, or lost as the specification says. False: no buffer. */
static bool log_record(struct tb_iommu *u, const uint64_t q[2], tb_time when)
{
    if (!running(u)) {
        u->n->events_lost++;
        return true;
    }
    if (u->events.count == u->events.size)
        return false;
    if (has_room(u, when))
        write_record(u, q, when);
    else
        u->n->events_lost++;
    return true;
}

/* -- Records --------------------------------------------------------------------------------- */

bool tb_event_record(struct tb_iommu *u, const uint64_t q[2], tb_time when)
{
    return u->events.waiting.head == TB_NOTHING && log_record(u, q, when);
}

static void compose(const struct tb_iommu *u, uint32_t txn, uint64_t q[2])
{
    const struct tb_request *r = &u->requests[txn];
    unsigned code = refusals[r->refusal].code, has = fields[code];
    q[0] = (uint64_t)code << AMDVI_OPCODE_SHIFT | refusals[r->refusal].flags | r->msg.requester;
    q[1] = has & WHERE_FIELD ? r->where : r->msg.address;
    if (has & DOMAIN_FIELD)
        q[0] |= (uint64_t)r->context.domain << AMDVI_EVENT_DOMAIN_SHIFT;
    if (has & RW_FIELD && tb_request_writes(r))
        q[0] |= AMDVI_EVENT_RW;
    if (has & TYPE_FIELD)
        q[0] |= tb_event_type(r->failure);
    if (has & DWORD_FIELD)
        q[1] &= ~(uint64_t)3;
    if (r->msg.at == TB_TRANSLATION_REQUEST)
        q[0] |= AMDVI_EVENT_TR;
    if (has & PASID_FIELD && r->msg.has_pasid && !(has & DOMAIN_FIELD))
        q[0] |= AMDVI_EVENT_GN | (uint64_t)(r->msg.pasid >> 16) << AMDVI_EVENT_PASID_HIGH_SHIFT |
                (uint64_t)(r->msg.pasid & 0xffff) << AMDVI_EVENT_DOMAIN_SHIFT;
}

/* A translation request is answered in PCIe's words (10.2.3.3). */
static enum tb_status status_of(const struct tb_request *r)
{
    if (r->msg.kind != TB_ATS_TRANSLATE)
        return refusals[r->refusal].status;
    return r->refusal == TB_REFUSE_NOT_ATS ? TB_UNSUPPORTED : TB_ABORT;
}

bool tb_event_of_request(struct tb_iommu *u, uint32_t txn, tb_time when, enum tb_status *status)
{
    struct tb_request *r = &u->requests[txn];
    uint64_t q[2];
    *status = status_of(r);
    if (refusals[r->refusal].code == AMDVI_IO_PAGE_FAULT &&
        !tb_devtab_report(u, r->msg.requester, &r->context))
        return true;
    compose(u, txn, q);
    if (u->events.waiting.head == TB_NOTHING && log_record(u, q, when))
        return true;
    r->state = TB_REQUEST_EVENT;
    r->since = when;
    tb_list_push(u, &u->events.waiting, txn);
    return false;
}

void tb_event_of_command(struct tb_iommu *u, unsigned code, uint64_t flags, uint64_t address,
                         tb_time when)
{
    struct tb_events *e = &u->events;
    uint64_t q[2] = {(uint64_t)code << AMDVI_OPCODE_SHIFT | flags, address};
    if (log_record(u, q, when))
        return;
    if (e->command_waits) /* processing stopped and was started again meanwhile: the first one
                             counts */
        u->n->events_lost++;
    else
        e->command[0] = q[0], e->command[1] = q[1];
    e->command_waits = true;
}

/* A buffer is free: who waited for one goes on. */
static void refill(struct tb_iommu *u, tb_time when)
{
    struct tb_events *e = &u->events;
    if (e->command_waits && log_record(u, e->command, when))
        e->command_waits = false;
    while (e->waiting.head != TB_NOTHING) {
        uint32_t txn = e->waiting.head;
        uint64_t q[2];
        compose(u, txn, q);
        if (!log_record(u, q, when))
            return;
        tb_list_pop(u, &e->waiting);
        tb_txn_spend(u->m, txn, TB_PART_QUEUE, when - u->requests[txn].since);
        tb_request_answer(u, txn, status_of(&u->requests[txn]), when);
    }
    tb_invalidations_report(u, when);
}

static void land(struct tb_iommu *u, struct tb_event *record)
{
    uint32_t mask = ring_bytes(u) - 1;
    if (ring_bytes(u) && record->done)
        u->reg[TB_REG_EVT_TAIL] = (u->reg[TB_REG_EVT_TAIL] + AMDVI_RING_ENTRY) & mask;
    record->busy = false;
}

void tb_event_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    struct tb_events *e = &u->events;
    uint64_t set = AMDVI_STATUS_EVENT_INT, clear = 0;
    struct tb_event *record = &e->ring[tb_txn(u->m, msg->txn)->owner];
    tb_txn_end(u->m, msg->txn, msg->status, when);
    record->txn = TB_NO_TXN;
    record->done = msg->status == TB_OK;
    if (!record->done) { /* the log is not in memory: nothing can be logged */
        set = 0;
        clear = AMDVI_STATUS_EVENT_RUN;
        u->n->events_lost++;
    }
    while (e->count && e->ring[e->first].txn == TB_NO_TXN) {
        land(u, &e->ring[e->first]);
        e->first = (e->first + 1) % e->size;
        e->count--;
    }
    tb_status_change(u, set, clear, when);
    refill(u, when);
}
