/* The registers, reached by messages from above and by instant accesses: what all formats share,
 * and AMD's (3.4). */
#include "internal.h"

#include "tollbridge/sim.h"

#include <string.h>

#define RING_BASE (AMDVI_MASK(59, 56) | AMDVI_BASE_ADDRESS)

static void write_base(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when);
static void write_control(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when);
static void write_tail(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when);
static void write_log_tail(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when);

/* Bits not in `writable` keep their value; bits in `clears` are set to 0 by writing 1. */
static const struct {
    uint32_t offset;
    uint64_t writable, clears;
    void (*write)(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when);
} registers[TB_REGS] = {
    [TB_REG_DEVTAB] = {AMDVI_DEVTAB, AMDVI_BASE_ADDRESS | AMDVI_DEVTAB_SIZE, 0, NULL},
    [TB_REG_CMDBUF] = {AMDVI_CMDBUF, RING_BASE, 0, write_base},
    [TB_REG_EVTLOG] = {AMDVI_EVTLOG, RING_BASE, 0, write_base},
    [TB_REG_CONTROL] = {AMDVI_CONTROL, AMDVI_MASK(63, 0), 0, write_control},
    [TB_REG_EXCL_BASE] = {AMDVI_EXCL_BASE, AMDVI_BASE_ADDRESS | 3, 0, NULL},
    [TB_REG_EXCL_LIMIT] = {AMDVI_EXCL_LIMIT, AMDVI_BASE_ADDRESS, 0, NULL},
    [TB_REG_EFR] = {AMDVI_EFR, 0, 0, NULL},
    [TB_REG_PPR_BASE] = {AMDVI_PPR_BASE, RING_BASE, 0, write_base},
    [TB_REG_CMD_HEAD] = {AMDVI_CMD_HEAD, AMDVI_RING_POINTER, 0, NULL},
    [TB_REG_CMD_TAIL] = {AMDVI_CMD_TAIL, AMDVI_RING_POINTER, 0, write_tail},
    [TB_REG_EVT_HEAD] = {AMDVI_EVT_HEAD, AMDVI_RING_POINTER, 0, NULL},
    [TB_REG_EVT_TAIL] = {AMDVI_EVT_TAIL, AMDVI_RING_POINTER, 0, write_log_tail},
    [TB_REG_STATUS] = {AMDVI_STATUS, 0,
                       AMDVI_STATUS_EVENT_OVERFLOW | AMDVI_STATUS_EVENT_INT |
                           AMDVI_STATUS_WAIT_INT | AMDVI_STATUS_PPR_OVERFLOW | AMDVI_STATUS_PPR_INT,
                       NULL},
    [TB_REG_PPR_HEAD] = {AMDVI_PPR_HEAD, AMDVI_RING_POINTER, 0, NULL},
    [TB_REG_PPR_TAIL] = {AMDVI_PPR_TAIL, AMDVI_RING_POINTER, 0, write_log_tail},
};

/* -- Status and interrupt -------------------------------------------------------------------- */

/* Which status bits ask for an interrupt, and what enables each (3.4.9). */
static uint64_t causes(const struct tb_iommu *u)
{
    static const struct {
        uint64_t status, enable;
    } rows[] = {
        {AMDVI_STATUS_EVENT_OVERFLOW | AMDVI_STATUS_EVENT_INT, AMDVI_CONTROL_EVENT_INT},
        {AMDVI_STATUS_WAIT_INT, AMDVI_CONTROL_WAIT_INT},
        {AMDVI_STATUS_PPR_OVERFLOW | AMDVI_STATUS_PPR_INT, AMDVI_CONTROL_PPR_INT},
    };
    uint64_t set = 0;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (u->reg[TB_REG_CONTROL] & rows[i].enable)
            set |= u->reg[TB_REG_STATUS] & rows[i].status;
    return set;
}

static void send_interrupt(struct tb_iommu *u, bool raise, tb_time when)
{
    if (u->interrupts.open == TB_IOMMU_INTERRUPTS) {
        u->interrupts.unsent = true;
        return;
    }
    uint32_t txn = tb_iommu_begin(u, TB_TXN_INTERRUPT, when);
    struct tb_msg msg = {.address = u->p->irq,
                         .txn = txn,
                         .requester = u->p->id,
                         .tag = raise,
                         .kind = TB_IRQ,
                         .class = TB_INTERRUPT,
                         .space = TB_SPACE_IRQ};
    u->interrupts.open++;
    u->n->interrupts += raise;
    tb_txn(u->m, txn)->iova = u->p->irq;
    tb_txn(u->m, txn)->value[0] = raise;
    tb_send(u->m, TB_UP_PORT, &msg, when, TB_NO_CREDIT);
}

/* A message per new cause, as an MSI would be; and one when the last cause has gone, as for a line.
 */
void tb_interrupts_update(struct tb_iommu *u, uint64_t now, tb_time when)
{
    uint64_t before = u->interrupts.cause;
    u->interrupts.cause = now;
    if (!u->p->has_irq || !u->started)
        return;
    if (now & ~before)
        send_interrupt(u, true, when);
    else if (before && !now)
        send_interrupt(u, false, when);
}

void tb_interrupts_retired(struct tb_iommu *u, tb_time when)
{
    u->interrupts.open--;
    if (!u->interrupts.unsent)
        return;
    u->interrupts.unsent = false;
    send_interrupt(u, u->interrupts.cause, when);
}

void tb_status_change(struct tb_iommu *u, uint64_t set, uint64_t clear, tb_time when)
{
    u->reg[TB_REG_STATUS] = (u->reg[TB_REG_STATUS] & ~clear) | set;
    tb_interrupts_update(u, causes(u), when);
}

/* -- What writing does ----------------------------------------------------------------------- */

/* The base of a ring: its pointers start over. */
static void write_base(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when)
{
    static const enum tb_register heads[TB_REGS] = {[TB_REG_CMDBUF] = TB_REG_CMD_HEAD,
                                                    [TB_REG_EVTLOG] = TB_REG_EVT_HEAD,
                                                    [TB_REG_PPR_BASE] = TB_REG_PPR_HEAD};
    (void)when;
    u->reg[reg] = value;
    u->reg[heads[reg]] = 0;
    u->reg[heads[reg] + 1] = 0;
    tb_ring_moved(u, &u->events.log);
    tb_ring_moved(u, &u->ppr.log);
}

static bool is_on(uint64_t control, uint64_t what)
{
    return (control & AMDVI_CONTROL_ENABLE) && (control & what);
}

/* Command buffer and logs run from the moment they and the IOMMU are enabled. */
static void write_control(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when)
{
    uint64_t old = u->reg[reg];
    u->reg[reg] = value;
    if (is_on(old, AMDVI_CONTROL_EVENT_LOG) != is_on(value, AMDVI_CONTROL_EVENT_LOG))
        tb_ring_enabled(u, &u->events.log, is_on(value, AMDVI_CONTROL_EVENT_LOG), when);
    if (is_on(old, AMDVI_CONTROL_PPR_LOG) != is_on(value, AMDVI_CONTROL_PPR_LOG))
        tb_ring_enabled(u, &u->ppr.log, is_on(value, AMDVI_CONTROL_PPR_LOG), when);
    if (is_on(old, AMDVI_CONTROL_CMDBUF) != is_on(value, AMDVI_CONTROL_CMDBUF))
        tb_commands_enabled(u, is_on(value, AMDVI_CONTROL_CMDBUF), when);
    tb_interrupts_update(u, causes(u), when);
}

static void write_tail(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when)
{
    u->reg[reg] = value;
    tb_commands_kick(u, when);
}

static void write_log_tail(struct tb_iommu *u, enum tb_register reg, uint64_t value, tb_time when)
{
    (void)when;
    u->reg[reg] = value;
    tb_ring_moved(u, reg == TB_REG_EVT_TAIL ? &u->events.log : &u->ppr.log);
}

static void reset(struct tb_iommu *u)
{
    const struct tb_iommu_reset *r = &u->p->reset;
    u->reg[TB_REG_DEVTAB] = r->devtab & registers[TB_REG_DEVTAB].writable;
    u->reg[TB_REG_CMDBUF] = r->cmdbuf & RING_BASE;
    u->reg[TB_REG_EVTLOG] = r->evtlog & RING_BASE;
    u->reg[TB_REG_EXCL_BASE] = r->excl_base & registers[TB_REG_EXCL_BASE].writable;
    u->reg[TB_REG_EXCL_LIMIT] = r->excl_limit & AMDVI_BASE_ADDRESS;
    u->reg[TB_REG_EFR] = r->efr;
    u->reg[TB_REG_PPR_BASE] = r->ppr_base & RING_BASE;
    write_control(u, TB_REG_CONTROL, r->control, 0);
}

/* -- Access ---------------------------------------------------------------------------------- */

bool tb_registers_claim(const struct tb_iommu *u, uint64_t address, uint8_t space)
{
    return space == u->front->space && address - tb_iommu_registers(u) < u->front->bytes;
}

static unsigned register_at(uint64_t offset)
{
    unsigned reg = 0;
    while (reg < TB_REGS && registers[reg].offset != offset)
        reg++;
    return reg;
}

static void write_register(struct tb_iommu *u, unsigned reg, uint64_t value, uint64_t written,
                           tb_time when)
{
    uint64_t mask = registers[reg].writable & written;
    uint64_t result = (u->reg[reg] & ~mask) | (value & mask);
    if (registers[reg].clears)
        tb_status_change(u, 0, value & written & registers[reg].clears, when);
    else if (registers[reg].write)
        registers[reg].write(u, reg, result, when);
    else
        u->reg[reg] = result;
}

/* The bytes of one aligned quadword: those from..to-1 are accessed. Offsets without a register read
 * 0. */
static void access_quadword(struct tb_iommu *u, uint64_t offset, uint8_t *data, unsigned from,
                            unsigned to, bool write, tb_time when)
{
    unsigned reg = register_at(offset);
    uint8_t bytes[8], written[8] = {0};
    tb_store64(bytes, reg < TB_REGS ? u->reg[reg] : 0);
    if (!write) {
        memcpy(data, bytes + from, to - from);
        return;
    }
    memcpy(bytes + from, data, to - from);
    memset(written + from, 0xff, to - from);
    if (reg < TB_REGS)
        write_register(u, reg, tb_load64(bytes), tb_load64(written), when);
}

static void access(struct tb_iommu *u, uint64_t offset, uint8_t *data, uint32_t length, bool write,
                   tb_time when)
{
    while (length) {
        unsigned from = offset % 8;
        unsigned to = length < 8 - from ? from + length : 8;
        access_quadword(u, offset - from, data, from, to, write, when);
        offset += to - from;
        data += to - from;
        length -= to - from;
    }
}

/* 3.4.9: a command buffer may have been enabled from the start. */
static void start(struct tb_iommu *u)
{
    tb_commands_kick(u, 0);
}

static const struct tb_register_name names[TB_REGS + 1] = {
    {"devtab", AMDVI_DEVTAB, 8},
    {"cmdbuf", AMDVI_CMDBUF, 8},
    {"evtlog", AMDVI_EVTLOG, 8},
    {"control", AMDVI_CONTROL, 8},
    {"excl_base", AMDVI_EXCL_BASE, 8},
    {"excl_limit", AMDVI_EXCL_LIMIT, 8},
    {"efr", AMDVI_EFR, 8},
    {"ppr_base", AMDVI_PPR_BASE, 8},
    {"cmd_head", AMDVI_CMD_HEAD, 8},
    {"cmd_tail", AMDVI_CMD_TAIL, 8},
    {"evt_head", AMDVI_EVT_HEAD, 8},
    {"evt_tail", AMDVI_EVT_TAIL, 8},
    {"status", AMDVI_STATUS, 8},
    {"ppr_head", AMDVI_PPR_HEAD, 8},
    {"ppr_tail", AMDVI_PPR_TAIL, 8},
    {NULL, 0, 0},
};

const struct tb_front tb_front_amdvi = {
    .bytes = AMDVI_MMIO_SIZE,
    .space = TB_MEMORY,
    .names = names,
    .reset = reset,
    .start = start,
    .access = access,
    .report = tb_event_of_request,
    .drained = tb_commands_drained,
};

/* -- Of all formats ---------------------------------------------------------------------------- */

void tb_registers_access(struct tb_iommu *u, uint64_t address, uint8_t *data, uint32_t length,
                         bool write, tb_time when)
{
    u->front->access(u, address - tb_iommu_registers(u), data, length, write, when);
}

bool tb_iommu_debug(struct tb_iommu *u, struct tb_debug *d)
{
    if (!tb_registers_claim(u, d->address, d->space))
        return false;
    u->instant = true;
    tb_registers_access(u, d->address, d->data, d->length, d->write, tb_sim_now(u->m->sim));
    u->instant = false;
    return true;
}

/* -- Firmware's knowledge -------------------------------------------------------------------- */

void tb_iommu_claims(struct tb_iommu *u, struct tb_ranges *out)
{
    tb_ranges_add(u->m, out,
                  (struct tb_range){.base = tb_iommu_registers(u),
                                    .last = tb_iommu_registers(u) + u->front->bytes - 1,
                                    .space = u->front->space,
                                    .model = u->m->index});
}

bool tb_iommu_symbol(const struct tb_iommu *u, const char *name, struct tb_symbol *out)
{
    for (const struct tb_register_name *r = u->front->names; r->name; r++)
        if (!strcmp(r->name, name)) {
            *out = (struct tb_symbol){.address = tb_iommu_registers(u) + r->offset,
                                      .space = u->front->space,
                                      .size = (uint8_t)r->size};
            return true;
        }
    return false;
}

bool tb_iommu_fact(const struct tb_iommu *u, const char *key, uint64_t *out)
{
    const struct {
        const char *key;
        uint64_t value;
        bool known;
    } facts[] = {
        {"iommu.mmio", tb_iommu_registers(u), true},
        {"iommu.format", u->format->number, true},
        {"iommu.id", u->p->id, true},
        {"iommu.irq", u->p->irq, u->p->has_irq},
        {"iommu.efr", u->p->reset.efr, !u->front->flat},
    };
    for (unsigned i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (facts[i].known && !strcmp(facts[i].key, key)) {
            *out = facts[i].value;
            return true;
        }
    return false;
}
