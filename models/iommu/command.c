/* The command processor (2.4): fetches commands from the ring one by one, and executes them in
 * order.
 *
 * Every command costs a timed read of its 16 bytes and `command_time`. COMPLETION_WAIT ends when
 * every request that was looked up before it is done: requests are counted in two epochs, and it
 * waits for the old one. Posted writes are done for the IOMMU when they leave; what it sends after
 * them (the store, or a read if there is none) pushes them ahead, and its completion ends the wait.
 */
#include "internal.h"

static void stop(struct tb_iommu *u, unsigned code, uint64_t flags, uint64_t address, tb_time when)
{
    tb_status_change(u, 0, AMDVI_STATUS_CMDBUF_RUN, when);
    tb_event_of_command(u, code, flags, address, when);
}

static uint32_t ring_bytes(const struct tb_iommu *u)
{
    return tb_amdvi_ring_entries(u->reg[TB_REG_CMDBUF]) * AMDVI_RING_ENTRY;
}

void tb_commands_make(struct tb_iommu *u)
{
    u->commands = (struct tb_commands){.txn = TB_NO_TXN, .push = TB_NO_TXN};
}

void tb_commands_kick(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    uint32_t mask = ring_bytes(u) - 1;
    if (c->state != TB_COMMAND_IDLE || !(u->reg[TB_REG_STATUS] & AMDVI_STATUS_CMDBUF_RUN) ||
        !ring_bytes(u))
        return;
    uint64_t head = u->reg[TB_REG_CMD_HEAD] & mask, tail = u->reg[TB_REG_CMD_TAIL] & mask;
    if (head == tail || !u->started)
        return;
    if (u->instant) {
        tb_timer_set(u->m, TB_IOMMU_COMMAND, when);
        return;
    }
    c->state = TB_COMMAND_FETCH;
    c->dropped = false;
    c->address = (u->reg[TB_REG_CMDBUF] & AMDVI_BASE_ADDRESS) + head;
    c->txn = tb_iommu_begin(u, TB_TXN_COMMAND, when);
    tb_iommu_send(u, c->txn, TB_READ, c->address, AMDVI_RING_ENTRY, when);
}

void tb_commands_enabled(struct tb_iommu *u, bool enabled, tb_time when)
{
    if (!enabled)
        u->commands.dropped = true;
    tb_status_change(u, enabled ? AMDVI_STATUS_CMDBUF_RUN : 0,
                     enabled ? 0 : AMDVI_STATUS_CMDBUF_RUN, when);
    tb_commands_kick(u, when);
}

/* Ends the command's transaction. */
static void close_command(struct tb_iommu *u, enum tb_status status, tb_time when)
{
    tb_txn_end(u->m, u->commands.txn, status, when);
    u->commands.txn = TB_NO_TXN;
    u->commands.state = TB_COMMAND_IDLE;
}

/* The command is done: the head moves on. */
static void advance(struct tb_iommu *u, tb_time when)
{
    uint32_t mask = ring_bytes(u) - 1;
    close_command(u, TB_OK, when);
    u->n->commands++;
    if (ring_bytes(u))
        u->reg[TB_REG_CMD_HEAD] = (u->reg[TB_REG_CMD_HEAD] + AMDVI_RING_ENTRY) & mask;
    tb_commands_kick(u, when);
}

/* -- COMPLETION_WAIT ------------------------------------------------------------------------- */

static void wait_done(struct tb_iommu *u, tb_time when)
{
    if (u->commands.q[0] & AMDVI_WAIT_INTERRUPT)
        tb_status_change(u, AMDVI_STATUS_WAIT_INT, 0, when);
    u->n->waits++;
    advance(u, when);
}

/* Pushes posted writes ahead: the store, or else a read of the command itself. */
static void push(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    bool store = c->q[0] & AMDVI_WAIT_STORE;
    if (!store && u->pushed) {
        wait_done(u, when);
        return;
    }
    u->pushed = true;
    c->state = TB_COMMAND_STORE;
    c->since = when;
    c->push = tb_iommu_begin(u, TB_TXN_MEMORY, when);
    tb_store64(tb_txn(u->m, c->push)->data, c->q[1]);
    if (store)
        tb_iommu_send(u, c->push, TB_WRITE, c->q[0] & AMDVI_WAIT_ADDRESS, 8, when);
    else
        tb_iommu_send(u, c->push, TB_READ, c->address, 8, when);
}

static void completion_wait(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    u->epoch = !u->epoch;
    c->state = TB_COMMAND_DRAIN;
    c->since = when;
    tb_commands_drained(u, when);
}

void tb_commands_drained(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    if (c->state != TB_COMMAND_DRAIN || u->inside[!u->epoch] || u->invalidations.open)
        return;
    tb_txn_spend(u->m, c->txn, TB_PART_QUEUE, when - c->since);
    push(u, when);
}

/* -- Invalidations and the rest -------------------------------------------------------------- */

static void invalidate_devtab_entry(struct tb_iommu *u, tb_time when)
{
    uint16_t device = (uint16_t)(u->commands.q[0] & AMDVI_COMMAND_DEVICE);
    u->n->invalidations++;
    u->changes++;
    u->n->invalidated += tb_devtab_invalidate(u, device);
    tb_walker_poison_device(u, device);
    advance(u, when);
}

/* First and last address of the range that address and S of a command code. */
static void range_of(uint64_t q, uint64_t *first, uint64_t *last)
{
    uint64_t offset = 0xfff;
    if (q & AMDVI_PAGES_S) {
        uint64_t ones = (q & AMDVI_PAGES_ADDRESS) | 0xfff;
        offset = ones ^ (ones + 1); /* trailing ones and the zero above them */
    }
    *first = q & ~offset;
    *last = q | offset;
}

static bool is_of_guests(uint64_t space, uint8_t perm, uint64_t domain)
{
    (void)perm;
    return space & TB_SPACE_GUEST && (space & 0xffff) == domain;
}

/* Of a space: a domain, or a PASID of it. A change in a domain's own table may concern any page of
 * its guests, and the nested cache. */
static void invalidate_pages(struct tb_iommu *u, uint64_t space, uint64_t q)
{
    uint64_t first, last;
    range_of(q, &first, &last);
    u->n->invalidations++;
    u->changes++;
    u->n->invalidated += tb_iotlb_invalidate(&u->iotlb, space, first, last);
    if (u->guests && !(space & TB_SPACE_GUEST)) {
        u->n->invalidated += tb_iotlb_invalidate_if(&u->iotlb, is_of_guests, space, 0, UINT64_MAX);
        tb_iotlb_invalidate(&u->nested, space, first, last);
    }
    if (q & AMDVI_PAGES_PDE)
        tb_pdc_invalidate(u, space, first, last);
    tb_walker_poison(u, space, first, last);
}

static void invalidate_iommu_pages(struct tb_iommu *u, tb_time when)
{
    const struct tb_commands *c = &u->commands;
    uint16_t domain = (uint16_t)(c->q[0] >> AMDVI_COMMAND_DOMAIN_SHIFT);
    uint32_t pasid = c->q[0] & AMDVI_PAGES_PASID;
    invalidate_pages(u, c->q[1] & AMDVI_PAGES_GN ? tb_guest_space(domain, pasid) : domain, c->q[1]);
    advance(u, when);
}

static void invalidate_all(struct tb_iommu *u, tb_time when)
{
    u->n->invalidations++;
    u->changes++;
    u->n->invalidated += tb_devtab_clear(u) + tb_iotlb_clear(&u->iotlb);
    tb_iotlb_clear(&u->nested);
    tb_pdc_clear(u);
    tb_walker_poison_all(u);
    advance(u, when);
}

/* A hint (2.4.6): as many pages as walks can be had for, if the device's entry is at hand. */
static void prefetch(struct tb_iommu *u, tb_time when)
{
    const struct tb_commands *c = &u->commands;
    uint16_t device = (uint16_t)(c->q[0] & AMDVI_COMMAND_DEVICE);
    unsigned count = c->q[0] >> AMDVI_PREFETCH_COUNT_SHIFT & 0xff;
    const struct tb_context *context = tb_devtab_cached(u, device);
    uint64_t iova = c->q[1] & AMDVI_PAGES_ADDRESS;
    struct tb_cursor cursor;
    struct tb_page page;
    if (context && context->kind == TB_CONTEXT_TABLE && !(c->q[1] & AMDVI_PAGES_GN)) {
        if (c->q[1] & AMDVI_PREFETCH_INVALIDATE)
            invalidate_pages(u, context->domain, c->q[1]);
        for (unsigned i = 0; i < (count ? count : 1); i++, iova += 4096)
            if (u->format->begin(context, iova, &cursor) == TB_STEP_READ &&
                !tb_iotlb_lookup(&u->iotlb, context->domain, iova, &page))
                u->n->prefetches += tb_walker_prefetch(u, context, device, iova, when);
    }
    advance(u, when);
}

/* The device's own cache. While no tag is free, it waits, and with it what comes after it (2.4.4).
 */
static void invalidate_iotlb_pages(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    if (tb_invalidation_send(u, c->q, c->address, when)) {
        advance(u, when);
        return;
    }
    c->state = TB_COMMAND_TAG;
    c->since = when;
    tb_invalidations_wait(u, when);
}

void tb_commands_tag(struct tb_iommu *u, bool expired, tb_time when)
{
    struct tb_commands *c = &u->commands;
    if (c->state != TB_COMMAND_TAG ||
        (!expired && !tb_invalidation_send(u, c->q, c->address, when)))
        return;
    tb_txn_spend(u->m, c->txn, TB_PART_QUEUE, when - c->since);
    advance(u, when);
}

static void complete_ppr_request(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    if (tb_ppr_complete(u, c->q, when)) {
        advance(u, when);
        return;
    }
    c->state = TB_COMMAND_RESPONSE;
    c->since = when;
}

void tb_commands_response(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    if (c->state != TB_COMMAND_RESPONSE || !tb_ppr_complete(u, c->q, when))
        return;
    tb_txn_spend(u->m, c->txn, TB_PART_QUEUE, when - c->since);
    advance(u, when);
}

/* Interrupt remapping: nothing is cached, so the command is answered at once. */
static void nothing(struct tb_iommu *u, tb_time when)
{
    advance(u, when);
}

/* -- Execution ------------------------------------------------------------------------------- */

/* Bits that may be set, by opcode (2.4.1 to 2.4.8); no function: illegal. */
static const struct {
    uint64_t allowed[2];
    void (*execute)(struct tb_iommu *u, tb_time when);
} commands[16] = {
    [AMDVI_COMPLETION_WAIT] = {{AMDVI_MASK(51, 0), ~(uint64_t)0}, completion_wait},
    [AMDVI_INVALIDATE_DEVTAB_ENTRY] = {{AMDVI_MASK(15, 0), 0}, invalidate_devtab_entry},
    [AMDVI_INVALIDATE_IOMMU_PAGES] = {{AMDVI_MASK(47, 32) | AMDVI_MASK(19, 0),
                                       AMDVI_MASK(63, 12) | AMDVI_MASK(2, 0)},
                                      invalidate_iommu_pages},
    [AMDVI_INVALIDATE_IOTLB_PAGES] = {{AMDVI_MASK(59, 0), AMDVI_MASK(63, 12) | AMDVI_MASK(5, 4) |
                                                              AMDVI_BIT(2) | AMDVI_BIT(0)},
                                      invalidate_iotlb_pages},
    [AMDVI_INVALIDATE_INTERRUPT_TABLE] = {{AMDVI_MASK(15, 0), 0}, nothing},
    [AMDVI_PREFETCH_IOMMU_PAGES] = {{AMDVI_MASK(51, 24) | AMDVI_MASK(15, 0),
                                     AMDVI_MASK(63, 12) | AMDVI_BIT(4) | AMDVI_BIT(2) |
                                         AMDVI_BIT(0)},
                                    prefetch},
    [AMDVI_COMPLETE_PPR_REQUEST] = {{AMDVI_MASK(51, 32) | AMDVI_MASK(15, 0),
                                     AMDVI_MASK(47, 32) | AMDVI_BIT(2)},
                                    complete_ppr_request},
    [AMDVI_INVALIDATE_IOMMU_ALL] = {{0, 0}, invalidate_all},
};

static bool legal(const uint64_t q[2])
{
    unsigned opcode = q[0] >> AMDVI_OPCODE_SHIFT;
    return commands[opcode].execute && !(q[0] & AMDVI_MASK(59, 0) & ~commands[opcode].allowed[0]) &&
           !(q[1] & ~commands[opcode].allowed[1]);
}

void tb_commands_timer(struct tb_iommu *u, tb_time when)
{
    struct tb_commands *c = &u->commands;
    if (c->state == TB_COMMAND_IDLE) { /* an instant access has moved the tail */
        tb_commands_kick(u, when);
        return;
    }
    if (c->state != TB_COMMAND_BUSY)
        return;
    tb_txn_spend(u->m, c->txn, TB_PART_DEVICE, when - c->since);
    if (!legal(c->q)) {
        u->n->illegal_commands++;
        close_command(u, TB_ABORT, when);
        stop(u, AMDVI_ILLEGAL_COMMAND_ERROR, 0, c->address, when);
        return;
    }
    commands[c->q[0] >> AMDVI_OPCODE_SHIFT].execute(u, when);
}

static void fetched(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    struct tb_commands *c = &u->commands;
    struct tb_txn *t = tb_txn(u->m, msg->txn);
    if (msg->status != TB_OK || c->dropped) {
        close_command(u, msg->status, when);
        if (msg->status != TB_OK)
            stop(u, AMDVI_COMMAND_HARDWARE_ERROR, tb_event_type(msg->status), msg->address, when);
        else
            tb_commands_kick(u, when);
        return;
    }
    for (unsigned i = 0; i < 2; i++)
        c->q[i] = t->value[i] = tb_load64(t->data + 8 * i);
    c->state = TB_COMMAND_BUSY;
    c->since = when;
    tb_timer_set(u->m, TB_IOMMU_COMMAND, when + u->p->command_time);
}

/* A store that found no memory: the wait fails (2.5.7), and processing stops at it. */
static void stored(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    struct tb_commands *c = &u->commands;
    tb_txn_end(u->m, msg->txn, msg->status, when);
    c->push = TB_NO_TXN;
    tb_txn_spend(u->m, c->txn, TB_PART_QUEUE, when - c->since);
    if (msg->status == TB_OK) {
        wait_done(u, when);
        return;
    }
    close_command(u, TB_ABORT, when);
    stop(u, AMDVI_COMMAND_HARDWARE_ERROR, tb_event_type(msg->status), msg->address, when);
}

void tb_commands_arrived(struct tb_iommu *u, const struct tb_msg *msg, tb_time when)
{
    if (msg->txn == u->commands.push)
        stored(u, msg, when);
    else
        fetched(u, msg, when);
}
