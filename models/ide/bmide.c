/* ide: a PIIX-like IDE controller. The class, its parameters, the service of register accesses,
 * transactions of commands, interrupts and timers. */
#include "ide/bmide.h"

#include "tollbridge/sim.h"

#include <string.h>

static const char *const conforms[] = {"ata", "qemu", NULL};
static const char *const on_faults[] = {"pretend", "abort", NULL};
static const char *const short_tables[] = {"nothing", "prefix", NULL};
static const char *const prd_fetches[] = {"whole", "ahead", NULL};
static const char *const ports[] = {"pci", NULL};

#define ROW(field) offsetof(struct ide_params, field)
#define DISK(n, what)                                                                              \
    {                                                                                              \
        "disk" #n, TB_GROUP, ROW(disk[n]), .sub = disk_table, .present = ROW(has_disk[n]) + 1,     \
                                           .flags = TB_OPTIONAL, .doc = what                       \
    }

static const struct tb_param params[] = {
    {"id", TB_ID, ROW(id), .def = "00:01.1",
     .doc = "requester ID, and where its configuration space is"},
    {"io", TB_COUNT, ROW(io), .def = "0xC000", .min = "0x100", .max = "0xFFC0",
     .doc = "I/O port of the bus-master block (base address register 4), a multiple of 64"},
    {"irq0", TB_COUNT, ROW(irq[0]), .def = "14", .doc = "interrupt line of the primary channel"},
    {"irq1", TB_COUNT, ROW(irq[1]), .def = "15", .doc = "interrupt line of the secondary channel"},
    {"legacy", TB_BOOL, ROW(legacy), .def = "true",
     .doc =
         "task files at 1F0h, 3F6h, 170h, 376h; false: at io + 20h, 32h, 28h, 36h (native mode)"},
    {"burst", TB_SIZE, ROW(burst), .def = "64B", .min = "4B", .max = "4KiB",
     .doc = "most bytes of a DMA request; none crosses 4 KiB"},
    {"outstanding", TB_COUNT, ROW(outstanding), .def = "2", .min = "1", .max = "64",
     .doc = "data requests of a channel on their way at a time"},
    {"posted", TB_BOOL, ROW(posted), .def = "false", .doc = "DMA writes are posted"},
    {"pasid", TB_COUNT, ROW(pasid), .max = "0xfffff", .present = ROW(has_pasid) + 1,
     .flags = TB_OPTIONAL, .doc = "process address space of its DMA"},
    {"atc", TB_GROUP, ROW(atc), .sub = tb_atc_param_table, .present = ROW(has_atc) + 1,
     .flags = TB_OPTIONAL, .doc = "a translation cache: its DMA asks an IOMMU first (PCIe ATS)"},
    {"conform", TB_ENUM, ROW(conform), .def = "ata", .names = conforms,
     .doc = "whose behaviour where QEMU does otherwise than the specifications"},
    {"on_fault", TB_ENUM, ROW(on_fault), .def = "abort", .names = on_faults,
     .doc = "a DMA request fails: the command is aborted, or seems to go through"},
    {"short_table", TB_ENUM, ROW(short_table), .def = "prefix", .names = short_tables,
     .doc = "what moves if the descriptors offer less than the command asks for"},
    {"prd_fetch", TB_ENUM, ROW(prd_fetch), .def = "ahead", .names = prd_fetches,
     .doc = "descriptors are fetched before any data, or each ahead of its use"},
    {"register_latency", TB_TIME, ROW(register_latency), .def = "120ns", .max = "1ms",
     .doc = "of a register access; a word of PIO data takes its PIO cycle"},
    DISK(0, "primary channel, drive 0"),
    DISK(1, "primary channel, drive 1"),
    DISK(2, "secondary channel, drive 0"),
    DISK(3, "secondary channel, drive 1"),
    {.name = NULL},
};

#define COUNTER(field, what)                                                                       \
    {                                                                                              \
#field, offsetof(struct ide, count.field), what                                            \
    }
static const struct tb_counter counters[] = {
    COUNTER(commands, "ATA commands that touched a medium, ended"),
    COUNTER(failed, "of them, ended with an error"),
    COUNTER(bursts, "DMA requests for data"),
    COUNTER(read_bytes, "bytes sent from disks to memory"),
    COUNTER(written_bytes, "bytes asked of memory for disks"),
    COUNTER(descriptors, "PRDs taken"),
    COUNTER(faults, "DMA requests that failed"),
    COUNTER(interrupts, "times an interrupt line rose"),
    TB_ATC_COUNTERS(offsetof(struct ide, ats)),
    {NULL, 0, NULL},
};

/* -- Commands as transactions ---------------------------------------------------------------- */

static void begin_command(struct tb_model *m, struct bm_channel *c, unsigned i, tb_time now)
{
    const struct ide *s = m->state;
    const struct ata_job *j = &c->bus.drive[i].job;
    uint32_t txn = ata_front_begin(m, j, 2 * c->index + i, now);
    struct tb_txn *t = tb_txn(m, txn);

    t->requester = s->p.id;
    t->owner = 2 * c->index + i;
    c->job_txn[i] = txn;
    c->job_number[i] = t->number;
}

static void end_command(struct tb_model *m, struct bm_channel *c, unsigned i, tb_time now)
{
    struct ide *s = m->state;
    const struct ata_job *j = &c->bus.drive[i].job;
    uint32_t txn = c->job_txn[i];

    s->count.commands++;
    s->count.failed += !j->ok;
    c->job_txn[i] = TB_NO_TXN;
    ata_front_end(m, j, txn, now);
}

static void follow_commands(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct ata_job *j = &c->bus.drive[i].job;
        if (j->begun != c->seen[i]) {
            c->seen[i] = j->begun;
            if (j->medium)
                begin_command(m, c, i, now);
        }
        if (c->job_txn[i] != TB_NO_TXN && !j->live)
            end_command(m, c, i, now);
    }
}

/* -- Interrupts ------------------------------------------------------------------------------ */

static void send_edge(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    struct ide *s = m->state;
    uint32_t txn = tb_txn_begin(m, TB_TXN_INTERRUPT, now);
    struct tb_txn *t = tb_txn(m, txn);
    struct tb_msg msg = {.address = s->p.irq[c->index],
                         .txn = txn,
                         .requester = s->p.id,
                         .tag = c->line,
                         .kind = TB_IRQ,
                         .class = TB_INTERRUPT,
                         .space = TB_SPACE_IRQ};

    t->iova = msg.address;
    t->value[0] = c->line;
    t->requester = s->p.id;
    t->owner = c->index;
    c->sent = c->line;
    c->irq_open++;
    s->count.interrupts += c->line;
    tb_send(m, IDE_PORT, &msg, now, TB_NO_CREDIT);
}

/* An edge that finds all its messages on their way merges with what follows, until one is free: who
 * is late sees the level. */
static void set_line(struct tb_model *m, struct bm_channel *c, bool level, tb_time now)
{
    c->line = level;
    if (c->line != c->sent && c->irq_open < BM_IRQ_SLOTS)
        send_edge(m, c, now);
}

/* The bus-master status notes a rising line; QEMU's notes every wish to raise it. A line that fell
 * and rose again at one instant has both edges. */
static void follow_line(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    const struct ide *s = m->state;
    bool level = ata_bus_line(&c->bus), wished = false;

    for (unsigned i = 0; i < 2; i++) {
        wished = wished || c->raises[i] != c->bus.drive[i].raises;
        c->raises[i] = c->bus.drive[i].raises;
    }
    if (c->line && c->bus.fell)
        set_line(m, c, false, now);
    c->bus.fell = false;
    if ((level && !c->line) || (wished && s->p.conform == CONFORM_QEMU))
        c->status |= BMIDE_INTERRUPT;
    set_line(m, c, level, now);
}

/* -- Whatever happened ----------------------------------------------------------------------- */

static void answer_held(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    struct tb_msg answer = c->held;

    if (!c->holding || c->drain)
        return;
    c->holding = false;
    tb_txn_spend(m, answer.txn, TB_PART_DEVICE, now - c->held_since);
    tb_msg_answer(&answer, TB_OK);
    tb_send(m, IDE_PORT, &answer, now, c->held_credit);
}

void ide_settle(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    follow_commands(m, c, now);
    bm_step(m, c, now);
    follow_commands(m, c, now);
    follow_line(m, c, now);
    ata_front_timers(m, &c->bus, IDE_TIMER_DRIVE + 2 * c->index, c->armed);
    answer_held(m, c, now);
}

/* -- Register accesses ----------------------------------------------------------------------- */

/* A write of START = 0 that QEMU lets wait for the end of the transfer. */
static struct bm_channel *is_draining(struct ide *s, bool drained_before[BM_CHANNELS])
{
    for (unsigned i = 0; i < BM_CHANNELS; i++)
        if (s->channel[i].drain && !drained_before[i] && !s->channel[i].holding)
            return &s->channel[i];
    return NULL;
}

static void serve(struct tb_model *m, const struct ata_access *r, tb_time now)
{
    struct ide *s = m->state;
    struct tb_txn *t = tb_txn(m, r->msg.txn);
    struct tb_debug access = {.address = r->msg.address,
                              .data = t->data,
                              .length = r->msg.length,
                              .space = r->msg.space,
                              .write = r->msg.kind == TB_WRITE};
    bool drained[BM_CHANNELS] = {s->channel[0].drain, s->channel[1].drain};
    enum tb_status status = ide_access(m, &access, now);
    struct bm_channel *c = is_draining(s, drained);
    struct tb_msg answer = r->msg;

    t->to = m->index;
    if (answer.class != TB_NONPOSTED) {
        tb_release(m, r->credit, now);
        tb_txn_end(m, answer.txn, status, now);
    } else if (c) {
        c->held = r->msg;
        c->held_credit = r->credit;
        c->held_since = now;
        c->holding = true;
    } else {
        tb_msg_answer(&answer, status);
        tb_send(m, IDE_PORT, &answer, now, r->credit);
    }
}

static void serve_due(struct tb_model *m, tb_time now)
{
    struct ide *s = m->state;

    for (struct ata_access r; ata_accesses_next(&s->accesses, now, &r);)
        serve(m, &r, now);
    if (s->accesses.count > 0)
        tb_timer_set(m, IDE_TIMER_REGISTER, s->accesses.at[s->accesses.head].due);
}

static void take_request(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                         tb_time now)
{
    struct ide *s = m->state;

    ata_accesses_add(m, &s->accesses, msg, credit,
                     ide_access_time(s, msg->space, msg->address, msg->length), now);
    if (s->accesses.count == 1)
        serve_due(m, now);
}

/* -- Messages and timers --------------------------------------------------------------------- */

static void take_answer(struct tb_model *m, const struct tb_msg *msg, tb_time now)
{
    struct ide *s = m->state;

    for (unsigned i = 0; i < BM_CHANNELS; i++)
        if (bm_answered(m, &s->channel[i], msg->txn, (enum tb_status)msg->status)) {
            tb_txn_end(m, msg->txn, (enum tb_status)msg->status, now);
            ide_settle(m, &s->channel[i], now);
            return;
        }
}

/* A message that a controller has no use for: refused. */
static void refuse(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time now)
{
    struct tb_msg answer = *msg;

    if (msg->class == TB_NONPOSTED) {
        tb_msg_answer(&answer, TB_UNSUPPORTED);
        tb_send(m, IDE_PORT, &answer, now, credit);
        return;
    }
    tb_release(m, credit, now);
    tb_txn_end(m, msg->txn, TB_UNSUPPORTED, now);
}

/* What waited behind the cache may have left, and a posted transfer be over with it. */
static void settle_all(struct tb_model *m, tb_time now)
{
    struct ide *s = m->state;

    for (unsigned i = 0; i < BM_CHANNELS; i++)
        ide_settle(m, &s->channel[i], now);
}

static void ide_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                     tb_time when)
{
    struct ide *s = m->state;

    (void)port;
    if (s->atc && tb_atc_recv(s->atc, msg, credit, when)) {
        settle_all(m, when);
        return;
    }
    if (msg->class == TB_COMPLETION) {
        tb_release(m, credit, when);
        take_answer(m, msg, when);
    } else if (msg->kind == TB_READ || msg->kind == TB_WRITE) {
        take_request(m, msg, credit, when);
    } else {
        refuse(m, msg, credit, when);
    }
}

static void ide_timer(struct tb_model *m, unsigned timer, tb_time when)
{
    struct ide *s = m->state;
    struct bm_channel *c;

    if (timer == IDE_TIMER_REGISTER) {
        serve_due(m, when);
        return;
    }
    if (timer >= IDE_TIMER_ATC) {
        tb_atc_timer(s->atc, timer - IDE_TIMER_ATC, when);
        settle_all(m, when);
        return;
    }
    if (timer >= IDE_TIMER_STREAM) {
        c = &s->channel[timer - IDE_TIMER_STREAM];
        bm_streamed(m, c);
    } else {
        unsigned i = timer - IDE_TIMER_DRIVE;
        c = &s->channel[i / 2];
        c->armed[i % 2] = TB_NEVER;
        ata_due(&c->bus.drive[i % 2], when);
    }
    ide_settle(m, c, when);
}

/* A posted write was taken, or an interrupt. */
static void ide_retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct ide *s = m->state;
    const struct tb_txn *t = tb_txn(m, txn);
    struct bm_channel *c = &s->channel[t->owner & 1];

    if (s->atc && tb_atc_retired(s->atc, txn, when)) {
        settle_all(m, when);
        return;
    }
    if (t->kind == TB_TXN_INTERRUPT) {
        c->irq_open--;
        ide_settle(m, c, when);
        return;
    }
    for (unsigned i = 0; i < BM_CHANNELS; i++)
        if (bm_answered(m, &s->channel[i], txn, TB_OK)) {
            ide_settle(m, &s->channel[i], when);
            return;
        }
}

/* -- Elaboration ----------------------------------------------------------------------------- */

static void check_disk(struct tb_model *m, unsigned i, struct tb_diag *diag)
{
    const struct ide *s = m->state;
    const struct disk_params *p = &s->p.disk[i];
    char name[] = "disk0";

    name[4] = (char)('0' + i);
    tb_medium_check(&p->medium, name, tb_model_node(m, name), diag);
}

static void open_channel(struct tb_model *m, unsigned i, struct tb_diag *diag)
{
    static const char *const names[] = {"disk0", "disk1", "disk2", "disk3"};
    struct ide *s = m->state;
    struct bm_channel *c = &s->channel[i];
    const struct disk_params *disks[2];
    unsigned which = 0;
    char why[160];

    for (unsigned k = 0; k < 2; k++) {
        disks[k] = s->p.has_disk[2 * i + k] ? &s->p.disk[2 * i + k] : NULL;
        c->job_txn[k] = TB_NO_TXN;
        c->armed[k] = TB_NEVER;
    }
    c->index = i;
    c->fetch.txn = TB_NO_TXN;
    if (!ata_bus_open(&c->bus, disks, (enum ata_conform)s->p.conform, ata_front_page, m, &which,
                      why))
        tb_diag_node(diag, tb_model_node(m, names[2 * i + which]), "'%s': %s", names[2 * i + which],
                     why);
    /* One place more than QEMU reads, so that reading stops at its limit and not at the ring's. */
    c->prd_space = s->p.conform == CONFORM_QEMU ? BM_TABLE_QEMU / BMIDE_PRD_BYTES + 1
                                                : BM_TABLE_MAX / BMIDE_PRD_BYTES;
    c->prds = tb_alloc(m, c->prd_space, sizeof *c->prds);
    c->pieces = tb_alloc(m, s->p.outstanding + 1, sizeof *c->pieces);
    for (uint32_t k = 0; k <= s->p.outstanding; k++)
        c->pieces[k].data = tb_alloc(m, s->p.burst, 1);
}

static void open_atc(struct tb_model *m, struct tb_diag *diag)
{
    struct ide *s = m->state;
    const struct tb_atc_owner owner = {.port = IDE_PORT,
                                       .timer = IDE_TIMER_ATC,
                                       .id = s->p.id,
                                       .open = BM_CHANNELS * ((uint32_t)s->p.outstanding + 1),
                                       .failed = take_answer};

    s->atc = tb_atc_new(m, &s->p.atc, &owner, &s->ats, tb_model_node(m, "atc"), diag);
}

static void ide_check(struct tb_model *m, struct tb_diag *diag)
{
    struct ide *s = m->state;

    if (s->p.io % 64)
        tb_diag_node(diag, tb_model_node(m, "io"), "'io' must be a multiple of 64");
    if (s->p.short_table == BM_NOTHING && s->p.prd_fetch == BM_AHEAD)
        tb_diag_node(diag, tb_model_node(m, "short_table"),
                     "'short_table: nothing' needs 'prd_fetch: whole': descriptors that are "
                     "fetched ahead of their "
                     "use do not tell their sum before data moves");
    for (unsigned i = 0; i < 4; i++)
        if (s->p.has_disk[i])
            check_disk(m, i, diag);
    for (unsigned i = 0; i < BM_CHANNELS; i++)
        open_channel(m, i, diag);
    if (s->p.has_atc)
        open_atc(m, diag);
    pci_reset(s);
}

static void ide_slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    const struct ide *s = m->state;

    /* per channel: data, one descriptor, two commands, interrupts */
    *count = BM_CHANNELS * ((uint32_t)s->p.outstanding + 1 + 2 + BM_IRQ_SLOTS);
    *bytes = s->p.burst > BMIDE_PRD_BYTES ? (uint32_t)s->p.burst : BMIDE_PRD_BYTES;
    if (s->atc)
        tb_atc_slots(s->atc, count, bytes);
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    (void)port;
    ide_add_claims(m, out);
}

static void ide_start(struct tb_model *m, struct tb_diag *diag)
{
    struct ide *s = m->state;

    (void)diag;
    ata_accesses_make(m, &s->accesses, IDE_PORT);
    if (s->atc)
        tb_atc_start(s->atc);
}

static void ide_stop(struct tb_model *m)
{
    struct ide *s = m->state;

    for (unsigned i = 0; i < BM_CHANNELS; i++)
        ata_bus_close(&s->channel[i].bus);
}

/* -- Without time ---------------------------------------------------------------------------- */

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    const struct ide *s = m->state;

    (void)port;
    if (!ide_claims(s, d->space, d->address))
        return false;
    return ide_access(m, d, tb_sim_now(m->sim)) == TB_OK;
}

/* Which disk a name means; NULL: none. */
static struct tb_medium *disk_named(struct ide *s, const char *name, const char *after)
{
    if (strncmp(name, "disk", 4) != 0 || name[4] < '0' || name[4] > '3' ||
        strcmp(name + 5, after) != 0)
        return NULL;
    unsigned i = (unsigned)(name[4] - '0');
    return s->p.has_disk[i] ? &s->channel[i / 2].bus.drive[i % 2].disk : NULL;
}

static bool storage(struct tb_model *m, const char *what, uint64_t offset, uint8_t *data,
                    size_t length, bool write)
{
    struct tb_medium *d = disk_named(m->state, what, "");

    return d && tb_medium_move(d, offset, data, length, write);
}

static bool symbol(struct tb_model *m, const char *name, struct tb_symbol *out)
{
    return ide_find_symbol(m->state, name, out);
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    struct ide *s = m->state;
    const struct {
        const char *key;
        uint64_t value;
    } facts[] = {{"id", s->p.id},
                 {"io", s->p.io},
                 {"irq0", s->p.irq[0]},
                 {"irq1", s->p.irq[1]},
                 {"burst", s->p.burst}};
    const struct tb_medium *d = disk_named(s, key, ".sectors");

    if (d) {
        *out = d->sectors;
        return true;
    }
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        if (strcmp(facts[i].key, key) == 0) {
            *out = facts[i].value;
            return true;
        }
    return tb_atc_fact(s->atc, key, out);
}

const struct tb_class tb_class_ide = {
    .name = "ide",
    .brief = "IDE controller with bus-master DMA (PIIX-like) and up to four ATA drives",
    .state_size = sizeof(struct ide),
    .params = params,
    .ports = ports,
    .counters = counters,
    .timers = IDE_TIMERS,
    .check = ide_check,
    .slots = ide_slots,
    .claims = claims,
    .start = ide_start,
    .recv = ide_recv,
    .timer = ide_timer,
    .retired = ide_retired,
    .stop = ide_stop,
    .debug = debug,
    .storage = storage,
    .symbol = symbol,
    .fact = fact,
};
