/* The event log (2.5): what becomes of a refusal.
 *
 * Records are logged in the order of the faults. While all buffers are busy, refused requests wait
 * (so the log loses none of them). A full log stops; translation goes on.
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

static const struct tb_ring_kind event_log = {
    .base = TB_REG_EVTLOG,
    .head = TB_REG_EVT_HEAD,
    .tail = TB_REG_EVT_TAIL,
    .overflow = AMDVI_STATUS_EVENT_OVERFLOW,
    .interrupt = AMDVI_STATUS_EVENT_INT,
    .running = AMDVI_STATUS_EVENT_RUN,
    .txn_kind = TB_TXN_EVENT,
};

void tb_events_make(struct tb_iommu *u)
{
    tb_ring_make(u, &u->events.log, &event_log, (uint32_t)u->p->events);
    u->events.waiting = tb_list_empty();
}

uint64_t tb_event_type(enum tb_status status)
{
    uint64_t type = status == TB_UNSUPPORTED ? AMDVI_MASTER_ABORT : AMDVI_TARGET_ABORT;
    return type << AMDVI_EVENT_TYPE_SHIFT;
}

/* -- The log --------------------------------------------------------------------------------- */

/* True: the record is on its way, or lost as the specification says. False: no buffer. */
static bool log_record(struct tb_iommu *u, const uint64_t q[2], tb_time when)
{
    enum tb_logged how = tb_ring_record(u, &u->events.log, q, when);
    u->n->events += how == TB_LOGGED;
    u->n->events_lost += how == TB_LOG_LOST;
    return how != TB_LOG_BUSY;
}

/* -- Records --------------------------------------------------------------------------------- */

bool tb_event_record(struct tb_iommu *u, const uint64_t q[2], tb_time when)
{
    return u->events.waiting.head == TB_NOTHING && log_record(u, q, when);
}

/* Is the address a guest's: not where the host's table refused a guest physical one. */
static bool in_guest(const struct tb_request *r)
{
    return (r->guest || r->refusal == TB_REFUSE_NO_PASID) && !r->host_fault;
}

/* GN, the PASID, and what is said of page faults with one. */
static uint64_t guest_fields(const struct tb_request *r, unsigned has)
{
    uint64_t pasid = r->msg.has_pasid ? r->msg.pasid : 0;
    uint64_t q = AMDVI_EVENT_GN | (pasid & 0xffff) << AMDVI_EVENT_DOMAIN_SHIFT;
    if (has & PASID_FIELD)
        q |= pasid >> 16 << AMDVI_EVENT_PASID_HIGH_SHIFT;
    if (has & DOMAIN_FIELD && has & PASID_FIELD)
        q |= (r->msg.execute ? AMDVI_EVENT_NX : 0) | (r->msg.privileged ? 0 : AMDVI_EVENT_US);
    return q;
}

static uint64_t address_of(const struct tb_request *r, unsigned has)
{
    if (has & WHERE_FIELD || (has & DOMAIN_FIELD && r->host_fault))
        return r->where;
    return has & DWORD_FIELD ? r->msg.address & ~(uint64_t)3 : r->msg.address;
}

static void compose(const struct tb_iommu *u, uint32_t txn, uint64_t q[2])
{
    const struct tb_request *r = &u->requests[txn];
    unsigned code = refusals[r->refusal].code, has = fields[code];
    q[0] = (uint64_t)code << AMDVI_OPCODE_SHIFT | refusals[r->refusal].flags | r->msg.requester;
    q[1] = address_of(r, has);
    if (has & DOMAIN_FIELD ? in_guest(r) : has & PASID_FIELD && r->msg.has_pasid)
        q[0] |= guest_fields(r, has);
    else if (has & DOMAIN_FIELD)
        q[0] |= (uint64_t)r->context.domain << AMDVI_EVENT_DOMAIN_SHIFT;
    if (has & RW_FIELD && tb_request_writes(r))
        q[0] |= AMDVI_EVENT_RW;
    if (has & TYPE_FIELD)
        q[0] |= tb_event_type(r->failure);
    if (r->msg.at == TB_TRANSLATION_REQUEST)
        q[0] |= AMDVI_EVENT_TR;
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
    tb_ppr_continue(u, when);
}

void tb_event_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    if (!tb_ring_arrived(u, &u->events.log, msg, when))
        u->n->events_lost++;
    refill(u, when);
}
