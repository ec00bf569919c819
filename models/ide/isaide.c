/* isa-ide: an IDE card on the ISA bus, with a DMA channel. The class, its ports, transactions of
 * commands, interrupts and timers. */
#include "ide/isaide.h"

#include "ide/ports.h"
#include "tollbridge/sim.h"

#include <string.h>

static const char *const conforms[] = {"ata", "qemu", NULL};
static const char *const port_names[] = {"isa", "dma", NULL};

#define ROW(field) offsetof(struct isaide_params, field)
#define DISK(n)                                                                                    \
    {                                                                                              \
        "disk" #n, TB_GROUP, ROW(disk[n]), .sub = disk_table, .present = ROW(has_disk[n]) + 1,     \
                                           .flags = TB_OPTIONAL,                                   \
                                           .doc = "drive " #n ", of a mode without UltraDMA"       \
    }

static const struct tb_param params[] = {
    {"command", TB_COUNT, ROW(command), .def = "0x1f0", .max = "0xfff8",
     .doc = "first of the 8 ports of the command block"},
    {"control", TB_COUNT, ROW(control), .def = "0x3f6", .max = "0xffff",
     .doc = "port of the control register"},
    {"irq", TB_COUNT, ROW(irq), .def = "14", .doc = "interrupt line"},
    {"dma", TB_COUNT, ROW(dma), .def = "5", .max = "7",
     .doc = "DMA channel: 5, 6, 7 move words, 0 to 3 bytes"},
    {"buffer", TB_SIZE, ROW(piece), .def = "512B", .min = "2B", .max = "4KiB",
     .doc = "bytes for which it raises DREQ at a time: as much again is in the drive's hands"},
    {"conform", TB_ENUM, ROW(conform), .def = "ata", .names = conforms,
     .doc = "whose behaviour where QEMU's drives do otherwise than the specification"},
    {"register_latency", TB_TIME, ROW(register_latency), .def = "0ns", .max = "1ms",
     .doc = "of a register access, beside the bus cycle; a word of PIO data takes its PIO cycle"},
    DISK(0),
    DISK(1),
    {.name = NULL},
};

#define COUNTER(field, what)                                                                       \
    {                                                                                              \
#field, offsetof(struct isaide, count.field), what                                         \
    }
static const struct tb_counter counters[] = {
    COUNTER(commands, "ATA commands that touched a medium, ended"),
    COUNTER(failed, "of them, ended with an error"),
    COUNTER(read_bytes, "bytes that drives gave for DMA"),
    COUNTER(written_bytes, "bytes that they took"),
    COUNTER(dreqs, "times that DREQ was raised or lowered"),
    COUNTER(refused, "services of the DMA controller that were for nobody"),
    COUNTER(interrupts, "times the interrupt line rose"),
    {NULL, 0, NULL},
};

/* -- Commands as transactions ---------------------------------------------------------------- */

static void end_command(struct tb_model *m, unsigned i, tb_time now)
{
    struct isaide *s = m->state;
    const struct ata_job *j = &s->bus.drive[i].job;
    uint32_t txn = s->job_txn[i];

    s->count.commands++;
    s->count.failed += !j->ok;
    s->job_txn[i] = TB_NO_TXN;
    ata_front_end(m, j, txn, now);
}

static void follow_commands(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;
    for (unsigned i = 0; i < 2; i++) {
        const struct ata_job *j = &s->bus.drive[i].job;
        if (j->begun != s->seen[i]) {
            s->seen[i] = j->begun;
            if (j->medium)
                s->job_txn[i] = ata_front_begin(m, j, i, now);
        }
        if (s->job_txn[i] != TB_NO_TXN && !j->live)
            end_command(m, i, now);
    }
}

/* -- Interrupts ------------------------------------------------------------------------------ */

/* An edge that finds all its messages on their way merges with what follows. */
static void set_line(struct tb_model *m, bool level, tb_time now)
{
    struct isaide *s = m->state;

    s->line = level;
    if (s->line == s->sent || s->irq_open == ISAIDE_IRQ_SLOTS)
        return;
    uint32_t txn = tb_txn_begin(m, TB_TXN_INTERRUPT, now);
    struct tb_txn *t = tb_txn(m, txn);
    struct tb_msg msg = {.address = s->p.irq,
                         .txn = txn,
                         .tag = level,
                         .kind = TB_IRQ,
                         .class = TB_INTERRUPT,
                         .space = TB_SPACE_IRQ};
    t->iova = s->p.irq;
    t->value[0] = level;
    s->sent = level;
    s->irq_open++;
    s->count.interrupts += level;
    tb_send(m, ISAIDE_ISA, &msg, now, TB_NO_CREDIT);
}

/* A line that fell and rose again at one instant has both edges. */
static void follow_line(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;

    if (s->line && s->bus.fell)
        set_line(m, false, now);
    s->bus.fell = false;
    set_line(m, ata_bus_line(&s->bus), now);
}

/* -- Whatever happened ----------------------------------------------------------------------- */

void isaide_settle(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;

    follow_commands(m, now);
    isadma_step(m, now);
    follow_commands(m, now);
    follow_line(m, now);
    ata_front_timers(m, &s->bus, ISAIDE_TIMER_DRIVE, s->armed);
}

/* -- Ports ----------------------------------------------------------------------------------- */

/* The register at a port; ATA_REGS: none of the card's. */
static uint32_t register_at(const struct isaide *s, uint8_t space, uint64_t address)
{
    if (space != TB_IO)
        return ATA_REGS;
    if (address == s->p.control)
        return ATA_REG_CONTROL;
    return address - s->p.command < ATA_REG_CONTROL ? (uint32_t)(address - s->p.command) : ATA_REGS;
}

static enum tb_status do_access(struct tb_model *m, const struct tb_debug *a, tb_time now)
{
    struct isaide *s = m->state;
    uint32_t reg = register_at(s, a->space, a->address);
    uint32_t room = reg == ATA_REG_CONTROL ? 1 : ATA_REG_CONTROL - reg;

    if (reg == ATA_REGS || a->length == 0)
        return TB_UNSUPPORTED;
    if (!ata_ports_are_data(reg, a->length) && a->length > room)
        return TB_ABORT;
    ata_ports_access(&s->bus, reg, a, now);
    isaide_settle(m, now);
    return TB_OK;
}

static tb_time access_time(const struct isaide *s, const struct tb_msg *msg)
{
    if (ata_ports_are_data(register_at(s, msg->space, msg->address), msg->length))
        return msg->length / 2 * ata_bus_word_time(&s->bus);
    return s->p.register_latency;
}

static void answer(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                   enum tb_status status, tb_time now)
{
    struct tb_msg reply = *msg;

    if (reply.class != TB_NONPOSTED) {
        tb_release(m, credit, now);
        tb_txn_end(m, reply.txn, status, now);
        return;
    }
    tb_msg_answer(&reply, status);
    tb_send(m, port, &reply, now, credit);
}

static void serve(struct tb_model *m, const struct ata_access *r, tb_time now)
{
    struct tb_txn *t = tb_txn(m, r->msg.txn);
    const struct tb_debug access = {.address = r->msg.address,
                                    .data = t->data,
                                    .length = r->msg.length,
                                    .space = r->msg.space,
                                    .write = r->msg.kind == TB_WRITE};

    t->to = m->index;
    answer(m, ISAIDE_ISA, &r->msg, r->credit, do_access(m, &access, now), now);
}

static void serve_due(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;

    for (struct ata_access r; ata_accesses_next(&s->accesses, now, &r);)
        serve(m, &r, now);
    if (s->accesses.count > 0)
        tb_timer_set(m, ISAIDE_TIMER_REGISTER, s->accesses.at[s->accesses.head].due);
}

static void take_request(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                         tb_time now)
{
    struct isaide *s = m->state;

    ata_accesses_add(m, &s->accesses, msg, credit, access_time(s, msg), now);
    if (s->accesses.count == 1)
        serve_due(m, now);
}

/* -- Messages and timers --------------------------------------------------------------------- */

static void isaide_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg,
                        tb_credit credit, tb_time when)
{
    bool access = msg->kind == TB_READ || msg->kind == TB_WRITE;

    if (port == ISAIDE_DMA) {
        isadma_take(m, msg, credit, when);
        isaide_settle(m, when);
    } else if (access) {
        take_request(m, msg, credit, when);
    } else {
        answer(m, port, msg, credit, TB_UNSUPPORTED, when);
    }
}

static void isaide_timer(struct tb_model *m, unsigned timer, tb_time when)
{
    struct isaide *s = m->state;

    if (timer == ISAIDE_TIMER_REGISTER) {
        serve_due(m, when);
        return;
    }
    if (timer == ISAIDE_TIMER_STREAM) {
        isadma_streamed(m);
    } else {
        s->armed[timer - ISAIDE_TIMER_DRIVE] = TB_NEVER;
        ata_due(&s->bus.drive[timer - ISAIDE_TIMER_DRIVE], when);
    }
    isaide_settle(m, when);
}

/* An interrupt was taken, or a DREQ. */
static void isaide_retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct isaide *s = m->state;

    if (tb_txn(m, txn)->kind == TB_TXN_DREQ)
        s->dma.dreqs--;
    else
        s->irq_open--;
    isaide_settle(m, when);
}

/* -- Elaboration ----------------------------------------------------------------------------- */

static void check_disk(struct tb_model *m, const char *name, const struct disk_params *p,
                       struct tb_diag *diag)
{
    tb_medium_check(&p->medium, name, tb_model_node(m, name), diag);
    if (ata_modes[p->mode].kind == ATA_KIND_UDMA)
        tb_diag_node(
            diag, tb_model_node(m, name),
            "'%s': a DMA channel of the ISA bus knows no UltraDMA: mode is mwdma0, mwdma1, "
            "mwdma2, or one of pio0 to pio4",
            name);
}

static void isaide_check(struct tb_model *m, struct tb_diag *diag)
{
    static const char *const names[] = {"disk0", "disk1"};
    struct isaide *s = m->state;
    const struct disk_params *disks[2];
    unsigned which = 0;
    char why[160];

    for (unsigned i = 0; i < 2; i++) {
        disks[i] = s->p.has_disk[i] ? &s->p.disk[i] : NULL;
        s->job_txn[i] = TB_NO_TXN;
        s->armed[i] = TB_NEVER;
        if (disks[i])
            check_disk(m, names[i], disks[i], diag);
    }
    if (s->p.piece % 2)
        tb_diag_node(diag, tb_model_node(m, "buffer"), "'buffer' must be even");
    if (s->p.control >= s->p.command && s->p.control < s->p.command + 8)
        tb_diag_node(diag, tb_model_node(m, "control"),
                     "the control register is one of the command block's ports");
    if (!ata_bus_open(&s->bus, disks, (enum ata_conform)s->p.conform, ata_front_page, m, &which,
                      why))
        tb_diag_node(diag, tb_model_node(m, names[which]), "'%s': %s", names[which], why);
    s->dma.space = 2 * (uint32_t)s->p.piece;
    s->dma.buffer = tb_alloc(m, s->dma.space, 1);
}

static void isaide_slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    (void)m;
    *count = 2 + ISAIDE_IRQ_SLOTS + ISAIDE_DREQ_SLOTS;
    *bytes = 8;
}

static void add_ports(struct tb_model *m, uint64_t base, unsigned count, struct tb_ranges *out)
{
    tb_ranges_add(m, out,
                  (struct tb_range){
                      .base = base, .last = base + count - 1, .space = TB_IO, .model = m->index});
}

static void isaide_claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    const struct isaide *s = m->state;

    if (port != ISAIDE_ISA)
        return;
    add_ports(m, s->p.command, 8, out);
    add_ports(m, s->p.control, 1, out);
}

static void isaide_start(struct tb_model *m, struct tb_diag *diag)
{
    struct isaide *s = m->state;

    (void)diag;
    ata_accesses_make(m, &s->accesses, ISAIDE_ISA);
}

static void isaide_stop(struct tb_model *m)
{
    ata_bus_close(&((struct isaide *)m->state)->bus);
}

/* -- Without time ---------------------------------------------------------------------------- */

static bool isaide_debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    return port == ISAIDE_ISA && do_access(m, d, tb_sim_now(m->sim)) == TB_OK;
}

/* Which disk a name means; NULL: none. */
static struct tb_medium *disk_named(struct isaide *s, const char *name, const char *after)
{
    if (strncmp(name, "disk", 4) != 0 || (name[4] != '0' && name[4] != '1') ||
        strcmp(name + 5, after) != 0)
        return NULL;
    unsigned i = (unsigned)(name[4] - '0');
    return s->p.has_disk[i] ? &s->bus.drive[i].disk : NULL;
}

static bool isaide_storage(struct tb_model *m, const char *what, uint64_t offset, uint8_t *data,
                           size_t length, bool write)
{
    struct tb_medium *d = disk_named(m->state, what, "");

    return d && tb_medium_move(d, offset, data, length, write);
}

static bool isaide_symbol(struct tb_model *m, const char *name, struct tb_symbol *out)
{
    static const struct {
        const char *name;
        uint8_t reg, size;
    } names[] = {{"data", ATA_REG_DATA, 2},         {"error", ATA_REG_ERROR, 1},
                 {"features", ATA_REG_FEATURES, 1}, {"nsect", ATA_REG_NSECT, 1},
                 {"lbal", ATA_REG_LBAL, 1},         {"lbam", ATA_REG_LBAM, 1},
                 {"lbah", ATA_REG_LBAH, 1},         {"device", ATA_REG_DEVICE, 1},
                 {"status", ATA_REG_STATUS, 1},     {"command", ATA_REG_COMMAND, 1},
                 {"control", ATA_REG_CONTROL, 1},   {"altstatus", ATA_REG_CONTROL, 1}};
    const struct isaide *s = m->state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i].name, name) != 0)
            continue;
        bool control = names[i].reg == ATA_REG_CONTROL;
        *out = (struct tb_symbol){control ? s->p.control : s->p.command + names[i].reg, TB_IO,
                                  names[i].size};
        return true;
    }
    return false;
}

/* No "id": who sends its requests is the DMA controller. */
static bool isaide_fact(struct tb_model *m, const char *key, uint64_t *out)
{
    struct isaide *s = m->state;
    const struct tb_medium *d = disk_named(s, key, ".sectors");

    if (d)
        *out = d->sectors;
    else if (strcmp(key, "irq0") == 0)
        *out = s->p.irq;
    else if (strcmp(key, "dma") == 0)
        *out = s->p.dma;
    else
        return false;
    return true;
}

const struct tb_class tb_class_isa_ide = {
    .name = "isa-ide",
    .brief = "IDE card on the ISA bus with a DMA channel and up to two ATA drives",
    .state_size = sizeof(struct isaide),
    .params = params,
    .ports = port_names,
    .counters = counters,
    .timers = ISAIDE_TIMERS,
    .check = isaide_check,
    .slots = isaide_slots,
    .claims = isaide_claims,
    .start = isaide_start,
    .recv = isaide_recv,
    .timer = isaide_timer,
    .retired = isaide_retired,
    .stop = isaide_stop,
    .debug = isaide_debug,
    .storage = isaide_storage,
    .symbol = isaide_symbol,
    .fact = isaide_fact,
};
