/* Peripheral page requests (2.6; PCIe 10.4): their log, and the responses to devices.
 *
 * A page request is looked up in the device table, and becomes a record of the log; software maps
 * the page and has COMPLETE_PPR_REQUEST send the response of its group. What cannot be logged, or
 * may not be asked, is answered here: with the last request of a group, for a group has one
 * response.
 */
#include "internal.h"

static const struct tb_ring_kind ppr_log = {
    .base = TB_REG_PPR_BASE,
    .head = TB_REG_PPR_HEAD,
    .tail = TB_REG_PPR_TAIL,
    .overflow = AMDVI_STATUS_PPR_OVERFLOW,
    .interrupt = AMDVI_STATUS_PPR_INT,
    .running = AMDVI_STATUS_PPR_RUN,
    .txn_kind = TB_TXN_MEMORY,
};

void tb_ppr_make(struct tb_iommu *u)
{
    tb_ring_make(u, &u->ppr.log, &ppr_log, (uint32_t)u->p->events);
    u->ppr.most = (uint32_t)u->p->responses;
    u->ppr.waiting = tb_list_empty();
}

/* -- Responses ------------------------------------------------------------------------------- */

struct response {
    uint32_t pasid;
    uint16_t device, group;
    uint8_t code;
    bool has_pasid;
};

static void respond(struct tb_iommu *u, const struct response *p, tb_time when)
{
    struct tb_msg msg = {.address = (uint64_t)p->device << 12,
                         .requester = u->p->id,
                         .tag = p->group,
                         .kind = TB_PAGE_RESPONSE,
                         .class = TB_POSTED,
                         .space = TB_CONFIG,
                         .has_pasid = p->has_pasid,
                         .pasid = p->has_pasid ? p->pasid & 0xfffff : 0};
    if (!tb_iommu_is_below(u, p->device))
        return;
    msg.txn = tb_iommu_begin(u, TB_TXN_PAGE_RESPONSE, when);
    struct tb_txn *t = tb_txn(u->m, msg.txn);
    t->tag = p->group & 0xfff;
    t->value[0] = p->code;
    t->has_pasid = msg.has_pasid;
    t->pasid = msg.pasid;
    u->ppr.open++;
    u->n->page_responses++;
    tb_txn_spend(u->m, msg.txn, TB_PART_BRIDGE, u->down);
    tb_send(u->m, TB_DOWN_PORT, &msg, when + u->down, TB_NO_CREDIT);
}

/* 2.4.7: device, PASID if GN, group and code as software found them. */
bool tb_ppr_complete(struct tb_iommu *u, const uint64_t q[2], tb_time when)
{
    const struct response p = {.device = (uint16_t)(q[0] & AMDVI_COMMAND_DEVICE),
                               .group = q[1] >> AMDVI_COMPLETE_TAG_SHIFT & 0x1ff,
                               .code = q[1] >> AMDVI_COMPLETE_STATUS_SHIFT & 0xf,
                               .has_pasid = q[1] & AMDVI_COMPLETE_GN,
                               .pasid = q[0] >> AMDVI_COMPLETE_PASID_SHIFT & 0xfffff};
    if (u->ppr.open == u->ppr.most)
        return false;
    respond(u, &p, when);
    return true;
}

void tb_ppr_retired(struct tb_iommu *u, tb_time when)
{
    u->ppr.open--;
    tb_ppr_continue(u, when);
    tb_commands_response(u, when);
}

/* -- Requests -------------------------------------------------------------------------------- */

/* A record of the log, and of INVALID_PPR_REQUEST, which is laid out in the same way. */
static void compose(struct tb_iommu *u, uint32_t txn, unsigned code, uint64_t q[2])
{
    const struct tb_msg *msg = &u->requests[txn].msg;
    uint64_t access = tb_txn(u->m, txn)->value[0], pasid = msg->has_pasid ? msg->pasid : 0;
    q[0] = (uint64_t)code << AMDVI_OPCODE_SHIFT | msg->requester |
           (pasid & 0xffff) << AMDVI_PPR_PASID_LOW_SHIFT |
           (uint64_t)(msg->tag & 0x1ff) << AMDVI_PPR_TAG_SHIFT | (msg->last ? AMDVI_PPR_LAST : 0) |
           pasid >> 16 << AMDVI_PPR_PASID_HIGH_SHIFT | (access & ATS_R ? AMDVI_PPR_READ : 0) |
           (access & ATS_W ? AMDVI_PPR_WRITE : 0) | (access & ATS_EXE ? AMDVI_PPR_EXEC : 0);
    if (msg->has_pasid)
        q[0] |= AMDVI_PPR_GN | (access & ATS_PRIV ? 0 : AMDVI_PPR_USER);
    q[1] = tb_txn(u->m, txn)->iova & ATS_ADDRESS;
}

/* May the device ask (2.6.2). */
static bool may_ask(const struct tb_iommu *u, const struct tb_request *r)
{
    return u->reg[TB_REG_CONTROL] & AMDVI_CONTROL_PPR && r->context.ppr;
}

/* Logs it, or says what it is answered instead: *code, of PCIe's. False: no buffer. */
static bool log_request(struct tb_iommu *u, uint32_t txn, int *code, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    uint64_t q[2];
    if (!tb_iommu_enabled(u) || u->front->flat) { /* no log: nobody will answer */
        *code = PRI_FAILURE;
        return true;
    }
    if (!may_ask(u, r)) {
        *code = PRI_INVALID;
        compose(u, txn, AMDVI_INVALID_PPR_REQUEST, q);
        return tb_event_record(u, q, when);
    }
    compose(u, txn, AMDVI_PAGE_REQUEST, q);
    switch (tb_ring_record(u, &u->ppr.log, q, when)) {
    case TB_LOGGED:
        return true;
    case TB_LOG_BUSY:
        return false;
    case TB_LOG_LOST:
        u->n->page_requests_lost++;
        *code = u->reg[TB_REG_CONTROL] & AMDVI_CONTROL_PPR_AUTO ? PRI_SUCCESS : PRI_FAILURE;
        break;
    }
    return true;
}

/* False: it has to wait, for a buffer or for the end of a response. */
static bool step(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    const struct tb_msg *msg = &u->requests[txn].msg;
    int code = -1;
    if ((msg->last && u->ppr.open == u->ppr.most) || !log_request(u, txn, &code, when))
        return false;
    if (msg->last && code >= 0)
        respond(u,
                &(struct response){.device = msg->requester,
                                   .group = msg->tag & 0x1ff,
                                   .code = (uint8_t)code,
                                   .has_pasid = msg->has_pasid,
                                   .pasid = msg->pasid},
                when);
    tb_request_taken(u, txn, when);
    return true;
}

void tb_ppr_request(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    u->n->page_requests++;
    if (u->ppr.waiting.head == TB_NOTHING && step(u, txn, when))
        return;
    r->state = TB_REQUEST_EVENT;
    r->since = when;
    tb_list_push(u, &u->ppr.waiting, txn);
}

void tb_ppr_continue(struct tb_iommu *u, tb_time when)
{
    while (u->ppr.waiting.head != TB_NOTHING) {
        uint32_t txn = u->ppr.waiting.head;
        tb_time since = u->requests[txn].since;
        if (!step(u, txn, when))
            return;
        tb_txn_spend(u->m, txn, TB_PART_QUEUE, when - since);
        tb_list_pop(u, &u->ppr.waiting);
    }
}

void tb_ppr_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    if (!tb_ring_arrived(u, &u->ppr.log, msg, when))
        u->n->page_requests_lost++;
    tb_ppr_continue(u, when);
}
