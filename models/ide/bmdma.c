/* The engine of a bus-master channel: fetches descriptors by DMA, cuts their regions into bursts,
 * and moves the bytes between memory and the drive's stream.
 *
 * Reading the disk, the drive fills one piece while up to `outstanding` are on their way to memory;
 * writing it, up to `outstanding` are asked for while the drive takes one. So the drive's rate
 * alone sets the time as long as a burst's way through the platform is shorter than `outstanding`
 * pieces take at that rate. */
#include "ide/bmide.h"

#include <string.h>

static bool is_qemu(const struct ide *s)
{
    return s->p.conform == CONFORM_QEMU;
}

static const struct ide *ide_of(const struct tb_model *m)
{
    return m->state;
}

static struct ata_drive *drive_of(struct bm_channel *c)
{
    return &c->bus.drive[c->drive];
}

/* -- Requests -------------------------------------------------------------------------------- */

/* Sends a request; the transaction's bytes are there already if it is a write. */
static void send_request(struct tb_model *m, struct bm_channel *c, uint32_t txn, uint32_t address,
                         uint32_t length, bool write, tb_time now)
{
    const struct ide *s = ide_of(m);
    struct tb_txn *t = tb_txn(m, txn);
    struct tb_msg msg = {.address = address,
                         .txn = txn,
                         .length = (uint16_t)length,
                         .requester = s->p.id,
                         .tag = (uint16_t)c->index,
                         .kind = write ? TB_WRITE : TB_READ,
                         .at = TB_UNTRANSLATED,
                         .space = TB_MEMORY,
                         .pasid = s->p.pasid & 0xfffff,
                         .has_pasid = s->p.has_pasid,
                         .class = write && s->p.posted ? TB_POSTED : TB_NONPOSTED};

    t->iova = address;
    t->length = length;
    t->requester = s->p.id;
    t->write = write;
    t->at = TB_UNTRANSLATED;
    t->owner = c->job_number[c->drive];
    t->has_pasid = s->p.has_pasid;
    t->pasid = msg.pasid;
    if (s->atc)
        tb_atc_submit(s->atc, &msg, now);
    else
        tb_send(m, IDE_PORT, &msg, now, TB_NO_CREDIT);
}

static uint32_t to_page_end(uint32_t address, uint64_t length)
{
    uint32_t room = 4096 - address % 4096;

    return length < room ? (uint32_t)length : room;
}

/* -- Descriptors ----------------------------------------------------------------------------- */

static void forget_table(struct bm_channel *c)
{
    c->prd_head = c->prd_count = 0;
    c->use = (struct bm_prd){0};
    c->table_end = false;
    c->fetch.have = 0;
    c->fetch.stale = c->fetch.txn != TB_NO_TXN;
}

/* Bytes that the fetched descriptors still offer. */
static uint64_t offered(const struct bm_channel *c)
{
    uint64_t sum = c->use.count;

    for (uint32_t i = 0; i < c->prd_count; i++)
        sum += c->prds[(c->prd_head + i) % c->prd_space].count;
    return sum;
}

/* No more bytes, now or later. */
static bool used_up(const struct bm_channel *c)
{
    return c->table_end && c->prd_count == 0 && c->use.count == 0;
}

/* The eight bytes of a descriptor are there. */
static void take_descriptor(struct tb_model *m, struct bm_channel *c)
{
    struct ide *s = m->state;
    uint32_t word[2];
    struct bm_prd *prd = &c->prds[(c->prd_head + c->prd_count++) % c->prd_space];

    for (unsigned i = 0; i < 2; i++) {
        const uint8_t *b = c->fetch.raw + 4 * i;
        word[i] =
            (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    }
    prd->base = is_qemu(s) ? word[0] : word[0] & ~1u;
    prd->count = word[1] & BMIDE_PRD_COUNT ? word[1] & BMIDE_PRD_COUNT : BMIDE_PRD_MAX;
    prd->last = word[1] & BMIDE_PRD_EOT;
    c->fetch.have = 0;
    c->table_end = prd->last;
    s->count.descriptors++;
}

/* The next address in the table, `n` bytes on. A table does not cross 64 KiB: the counter has 16
 * bits. */
static void advance_cursor(const struct ide *s, struct bm_channel *c, uint32_t n)
{
    if (is_qemu(s))
        c->cursor += n;
    else
        c->cursor = (c->cursor & 0xffff0000u) | ((c->cursor + n) & 0xffff);
}

/* Part of a descriptor came (NULL: could not be read, and counts as zeros). */
static void take_raw(struct tb_model *m, struct bm_channel *c, const uint8_t *data, uint32_t length)
{
    if (data)
        memcpy(c->fetch.raw + c->fetch.have, data, length);
    else
        memset(c->fetch.raw + c->fetch.have, 0, length);
    c->fetch.have = (uint8_t)(c->fetch.have + length);
    advance_cursor(ide_of(m), c, length);
    if (c->fetch.have == BMIDE_PRD_BYTES)
        take_descriptor(m, c);
}

/* QEMU reads 4096 bytes of a table and no more, counted from where the register points now. */
static bool past_limit(const struct ide *s, const struct bm_channel *c)
{
    return is_qemu(s) && c->fetch.have == 0 && c->cursor - c->table >= BM_TABLE_QEMU;
}

static void fault(struct bm_channel *c);

/* Fetches (the rest of) the next descriptor. Without bus mastering QEMU's read fails at once. */
static void fetch_more(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    const struct ide *s = ide_of(m);
    uint32_t length = to_page_end(c->cursor, BMIDE_PRD_BYTES - c->fetch.have);

    if (!pci_master(s)) {
        if (s->p.on_fault == BM_ABORT)
            fault(c);
        else
            take_raw(m, c, NULL, length);
        return;
    }
    c->fetch.txn = tb_txn_begin(m, TB_TXN_DMA, now);
    send_request(m, c, c->fetch.txn, c->cursor, length, false, now);
}

/* Fetches what may be fetched now: all of the table, or one descriptor ahead of the one in use. A
 * ring that is full (a table of 64 KiB without an end) is read on as it empties. */
static void keep_fetching(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    const struct ide *s = ide_of(m);
    uint32_t want = s->p.prd_fetch == BM_WHOLE && c->state == BM_AWAIT_TABLE ? c->prd_space : 1;

    while (!c->table_end && c->fetch.txn == TB_NO_TXN && c->prd_count < want &&
           c->state != BM_AWAIT_QUIET) {
        if (past_limit(s, c))
            c->table_end = true;
        else
            fetch_more(m, c, now);
    }
}

/* Takes the next region into use if there is none; false: none is there. */
static bool have_region(struct bm_channel *c)
{
    if (c->use.count == 0 && c->prd_count > 0) {
        c->use = c->prds[c->prd_head];
        c->prd_head = (c->prd_head + 1) % c->prd_space;
        c->prd_count--;
    }
    return c->use.count > 0;
}

/* Cuts the next piece off the region in use: at most `most` bytes, a burst, to the end of a 4 KiB
 * page. */
static uint32_t cut_piece(const struct ide *s, struct bm_channel *c, uint64_t most,
                          uint32_t *address)
{
    uint32_t length = to_page_end(c->use.base, s->p.burst);

    if (length > c->use.count)
        length = c->use.count;
    if (length > most)
        length = (uint32_t)most;
    *address = c->use.base;
    c->use.count -= length;
    c->use.base += length;
    /* A region must not cross 64 KiB (1.2); the address counter's upper half does not count. */
    if (!is_qemu(s) && (c->use.base & 0xffff) == 0)
        c->use.base -= 0x10000;
    return length;
}

/* -- Ends ------------------------------------------------------------------------------------ */

/* The command that the engine worked for is gone: it failed, or the drive was reset. */
static bool is_gone(struct bm_channel *c)
{
    return drive_of(c)->job.begun != c->begun || !ata_dma_wanted(drive_of(c));
}

/* Nothing more is asked for; when the last answer is here, `after` is done. */
static void fall_quiet(struct bm_channel *c, enum bm_after after)
{
    c->state = BM_AWAIT_QUIET;
    c->after = after;
    c->fill.open = c->fill.full = false;
    c->fetch.stale = c->fetch.txn != TB_NO_TXN;
    c->fetch.have = 0;
}

/* A request failed and the scenario wants to see it (on_fault: abort). */
static void fault(struct bm_channel *c)
{
    fall_quiet(c, BM_THEN_FAULT);
}

/* Forgets what came from memory and did not get to the drive. */
static void drop_ring(const struct ide *s, struct bm_channel *c)
{
    for (uint32_t i = 0; i <= s->p.outstanding; i++)
        if (c->pieces[i].state == BM_HERE)
            c->pieces[i].state = BM_FREE;
    c->head = c->used = 0;
    c->ringed = 0;
}

static void clear_active(struct bm_channel *c)
{
    c->status &= (uint8_t)~BMIDE_ACTIVE;
}

/* The transfer is complete, or ends at a bad sector: drive and ACTIVE. ACTIVE falls when the
 * regions are used up (3.1); QEMU's falls on every error, too. */
static void after_end(const struct ide *s, struct bm_channel *c)
{
    ata_dma_end(drive_of(c));
    if (used_up(c) || (is_qemu(s) && !drive_of(c)->job.ok))
        clear_active(c);
}

/* The regions are shorter than the transfer: no interrupt. The drive goes on waiting, QEMU's
 * forgets. */
static void after_short(const struct ide *s, struct bm_channel *c)
{
    clear_active(c);
    forget_table(c);
    if (is_qemu(s))
        ata_dma_drop(drive_of(c));
}

/* Bus error: the engine stops, ERROR is set, no interrupt (2.2, status bit 1). */
static void after_fault(struct bm_channel *c)
{
    c->status |= BMIDE_ERROR;
    clear_active(c);
    forget_table(c);
    if (!is_gone(c))
        ata_dma_abort(drive_of(c));
}

static void become_idle(struct tb_model *m, struct bm_channel *c)
{
    const struct ide *s = ide_of(m);

    drop_ring(s, c);
    c->state = BM_AWAIT_START;
    if (c->after == BM_THEN_FAULT)
        after_fault(c);
    else if (c->after == BM_THEN_END && !is_gone(c))
        after_end(s, c);
    else if (c->after == BM_THEN_SHORT && !is_gone(c))
        after_short(s, c);
    c->after = BM_THEN_NOTHING;
    if (c->drain) {
        c->drain = false;
        clear_active(c);
        if (c->command & BMIDE_START) /* set again while it drained */
            bm_start(m, c);
    }
}

/* -- Data ------------------------------------------------------------------------------------ */

static void begin_streaming(struct tb_model *m, struct bm_channel *c, uint32_t bytes, tb_time now)
{
    tb_time time = ata_dma_time(drive_of(c), bytes);

    drive_of(c)->job.own += time;
    c->streaming = true;
    tb_timer_set(m, IDE_TIMER_STREAM + c->index, now + time);
}

static struct bm_piece *free_piece(const struct ide *s, struct bm_channel *c)
{
    for (uint32_t i = 0; i <= s->p.outstanding; i++)
        if (c->pieces[i].state == BM_FREE)
            return &c->pieces[i];
    return NULL;
}

static void fly(struct bm_channel *c, struct bm_piece *p, uint32_t txn, uint32_t length)
{
    p->txn = txn;
    p->length = length;
    p->state = BM_ASKED;
    c->flying++;
}

/* The filled piece goes to memory. QEMU without bus mastering: it goes nowhere. */
static void send_piece(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    struct ide *s = m->state;
    uint8_t bytes[4096];
    uint32_t txn, length = c->fill.length;

    c->fill.open = c->fill.full = false;
    if (!ata_dma_read(drive_of(c), bytes,
                      length)) /* the host's file failed: the stream has ended */
        return;
    if (!pci_master(s)) {
        if (s->p.on_fault == BM_ABORT)
            fault(c);
        return;
    }
    txn = tb_txn_begin(m, TB_TXN_DMA, now);
    memcpy(tb_txn(m, txn)->data, bytes, length);
    fly(c, free_piece(s, c), txn, length);
    s->count.bursts++;
    s->count.read_bytes += length;
    send_request(m, c, txn, c->fill.address, length, true, now);
}

/* From the drive to memory. Returns whether something was done. */
static bool step_in(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    const struct ide *s = ide_of(m);
    uint64_t left = ata_dma_left(drive_of(c));

    if (c->fill.full) {
        if (c->flying >= s->p.outstanding)
            return false;
        send_piece(m, c, now);
        return true;
    }
    if (c->fill.open)
        return false;
    if (left == 0) {
        fall_quiet(c, BM_THEN_END);
        return true;
    }
    if (have_region(c)) {
        c->fill.length = cut_piece(s, c, left, &c->fill.address);
        c->fill.open = true;
        begin_streaming(m, c, c->fill.length, now);
        return true;
    }
    if (used_up(c))
        fall_quiet(c, BM_THEN_SHORT);
    return used_up(c);
}

/* Asks memory for the next piece of a disk write. */
static void ask_piece(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    struct ide *s = m->state;
    struct bm_piece *p = &c->pieces[(c->head + c->used) % (s->p.outstanding + 1)];
    uint32_t address, length = cut_piece(s, c, ata_dma_left(drive_of(c)) - c->ringed, &address);

    c->used++;
    c->ringed += length;
    if (!pci_master(s)) {
        *p = (struct bm_piece){
            .txn = TB_NO_TXN, .length = length, .state = BM_HERE, .data = p->data};
        memset(p->data, 0, length);
        if (s->p.on_fault == BM_ABORT)
            fault(c);
        return;
    }
    fly(c, p, tb_txn_begin(m, TB_TXN_DMA, now), length);
    s->count.bursts++;
    s->count.written_bytes += length;
    send_request(m, c, p->txn, address, length, false, now);
}

/* From memory to the drive. */
static bool step_out(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    const struct ide *s = ide_of(m);
    uint64_t left = ata_dma_left(drive_of(c));

    if (!c->streaming && c->used > 0 && c->pieces[c->head].state == BM_HERE && left > 0) {
        begin_streaming(m, c, c->pieces[c->head].length, now);
        return true;
    }
    if (left > c->ringed && c->flying < s->p.outstanding && c->used <= s->p.outstanding &&
        have_region(c)) {
        ask_piece(m, c, now);
        return true;
    }
    if (left == 0) {
        fall_quiet(c, BM_THEN_END);
        return true;
    }
    if (used_up(c) && c->used == 0) {
        fall_quiet(c, BM_THEN_SHORT);
        return true;
    }
    return false;
}

void bm_streamed(struct tb_model *m, struct bm_channel *c)
{
    const struct ide *s = ide_of(m);
    struct bm_piece *p = &c->pieces[c->head];

    c->streaming = false;
    if (c->state != BM_AWAIT_DATA)
        return;
    if (c->fill.open) {
        c->fill.full = true;
        return;
    }
    ata_dma_write(drive_of(c), p->data, p->length);
    p->state = BM_FREE;
    c->ringed -= p->length;
    c->head = (c->head + 1) % ((uint32_t)s->p.outstanding + 1);
    c->used--;
}

/* -- Answers --------------------------------------------------------------------------------- */

static void fetched(struct tb_model *m, struct bm_channel *c, enum tb_status status)
{
    const struct ide *s = ide_of(m);
    const struct tb_txn *t = tb_txn(m, c->fetch.txn);

    c->fetch.txn = TB_NO_TXN;
    if (c->fetch.stale)
        c->fetch.stale = false;
    else if (status != TB_OK && s->p.on_fault == BM_ABORT)
        fault(c);
    else
        take_raw(m, c, status == TB_OK ? t->data : NULL, t->length);
}

/* Stopped by software: what still comes is not looked at. */
static bool was_stopped(const struct bm_channel *c)
{
    return c->state == BM_AWAIT_QUIET && c->after == BM_THEN_NOTHING;
}

/* A burst came back. A failed one that is to go unnoticed was skipped (read) or counts as zeros
 * (write). */
static void moved(struct tb_model *m, struct bm_channel *c, struct bm_piece *p,
                  enum tb_status status)
{
    const struct ide *s = ide_of(m);
    const struct tb_txn *t = tb_txn(m, p->txn);

    c->flying--;
    p->state = t->write || c->state != BM_AWAIT_DATA ? BM_FREE : BM_HERE;
    p->txn = TB_NO_TXN;
    if (p->state == BM_HERE && status == TB_OK)
        memcpy(p->data, t->data, p->length);
    else if (p->state == BM_HERE)
        memset(p->data, 0, p->length);
    if (status != TB_OK && s->p.on_fault == BM_ABORT && c->state >= BM_AWAIT_DATA &&
        !was_stopped(c))
        fault(c);
}

bool bm_answered(struct tb_model *m, struct bm_channel *c, uint32_t txn, enum tb_status status)
{
    struct ide *s = m->state;
    bool mine = c->fetch.txn == txn;

    if (mine)
        fetched(m, c, status);
    for (uint32_t i = 0; !mine && i <= s->p.outstanding; i++) {
        struct bm_piece *p = &c->pieces[i];
        if (p->state == BM_ASKED && p->txn == txn) {
            moved(m, c, p, status);
            mine = true;
        }
    }
    if (mine && status != TB_OK) {
        s->count.faults++;
        pci_note_abort(s, status);
    }
    return mine;
}

/* -- Start and stop -------------------------------------------------------------------------- */

void bm_start(struct tb_model *m, struct bm_channel *c)
{
    (void)m;
    if (c->drain)
        return;
    c->cursor = c->table;
    forget_table(c);
    c->status |= BMIDE_ACTIVE;
}

/* START cleared. By the specification (2.1) the engine halts and its state is lost; data on their
 * way may be discarded. QEMU finishes the transfer first, and the write to the register takes that
 * long. */
void bm_stop(struct tb_model *m, struct bm_channel *c)
{
    bool running = c->state != BM_AWAIT_START;

    if (running && is_qemu(ide_of(m))) {
        c->drain = true;
        return;
    }
    clear_active(c);
    forget_table(c);
    if (running && c->state != BM_AWAIT_QUIET)
        fall_quiet(c, BM_THEN_NOTHING);
}

void bm_new_command(struct tb_model *m, struct bm_channel *c)
{
    if (!is_qemu(ide_of(m)) || c->state != BM_AWAIT_START)
        return;
    for (unsigned i = 0; i < 2; i++) {
        const struct ata_drive *d = &c->bus.drive[i];
        if (d->job.begun != c->seen[i] && ata_dma_wanted(d))
            forget_table(c);
    }
}

/* -- Steps ----------------------------------------------------------------------------------- */

/* May the engine serve this drive? By the specification only in the direction that was set up, and
 * only while the function may be a master; QEMU asks neither. */
static bool may_begin(const struct ide *s, const struct bm_channel *c, const struct ata_drive *d)
{
    bool to_memory = c->command & BMIDE_TO_MEMORY;

    if (!ata_dma_wanted(d))
        return false;
    return is_qemu(s) || (pci_master(s) && to_memory == !(d->job.flags & ATA_OUT));
}

static bool step_idle(struct tb_model *m, struct bm_channel *c)
{
    const struct ide *s = ide_of(m);

    if (!(c->status & BMIDE_ACTIVE) || c->flying > 0 || c->streaming)
        return false;
    for (unsigned i = 0; i < 2; i++) {
        unsigned which = c->bus.selected ^ i;
        if (!may_begin(s, c, &c->bus.drive[which]))
            continue;
        c->drive = which;
        c->begun = c->bus.drive[which].job.begun;
        c->state = BM_AWAIT_TABLE;
        return true;
    }
    return false;
}

/* The table is there as far as it has to be. */
static bool step_table(struct tb_model *m, struct bm_channel *c)
{
    const struct ide *s = ide_of(m);
    bool whole = s->p.prd_fetch == BM_WHOLE, some = c->prd_count > 0 || c->use.count > 0;

    if (!c->table_end && (whole ? c->prd_count < c->prd_space : !some))
        return false;
    if (s->p.short_table == BM_NOTHING && c->table_end && offered(c) < ata_dma_asked(drive_of(c)))
        fall_quiet(c, BM_THEN_SHORT);
    else
        c->state = BM_AWAIT_DRIVE;
    return true;
}

static void give_up(const struct ide *s, struct bm_channel *c)
{
    if (is_qemu(s))
        clear_active(c);
    fall_quiet(c, BM_THEN_NOTHING);
}

static bool step_drive(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    if (ata_dma_begin(drive_of(c), now)) {
        c->state = BM_AWAIT_DATA;
        return true;
    }
    if (!is_gone(c))
        return false;
    give_up(ide_of(m), c);
    return true;
}

/* Posted writes that are on their way are ahead of the interrupt; those that wait for a translation
 * are not. */
static bool step_quiet(struct tb_model *m, struct bm_channel *c)
{
    const struct ide *s = ide_of(m);
    bool posted_in = s->p.posted && c->after == BM_THEN_END && !(s->atc && tb_atc_holds(s->atc));

    if (c->streaming)
        return false;
    if (c->fetch.txn != TB_NO_TXN || (c->flying > 0 && !posted_in))
        return false;
    become_idle(m, c);
    return true;
}

static bool step_once(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    if (c->state > BM_AWAIT_START && c->state < BM_AWAIT_QUIET && is_gone(c)) {
        give_up(ide_of(m), c);
        return true;
    }
    if (c->state > BM_AWAIT_START && c->state < BM_AWAIT_QUIET) {
        if (!is_qemu(ide_of(m)) && !pci_master(ide_of(m)))
            return false; /* may not ask the bus for anything: goes on when it may */
        keep_fetching(m, c, now);
    }
    switch (c->state) {
    case BM_AWAIT_START:
        return step_idle(m, c);
    case BM_AWAIT_TABLE:
        return step_table(m, c);
    case BM_AWAIT_DRIVE:
        return step_drive(m, c, now);
    case BM_AWAIT_DATA:
        return drive_of(c)->job.flags & ATA_OUT ? step_out(m, c, now) : step_in(m, c, now);
    default:
        return step_quiet(m, c);
    }
}

void bm_step(struct tb_model *m, struct bm_channel *c, tb_time now)
{
    while (step_once(m, c, now))
        ;
}
