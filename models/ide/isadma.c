/* The stream between a drive and an ISA DMA channel.
 *
 * Reading the disk, the drive fills one piece while the one before is moved to memory; writing it,
 * a piece is fetched while the drive takes the one before. Where the DMA controller is slower than
 * the drive, as it mostly is, it alone sets the rate. */
#include "ide/isaide.h"

#include <string.h>

static struct ata_drive *drive_of(struct isaide *s)
{
    return &s->bus.drive[s->dma.drive];
}

static bool is_out(struct isaide *s)
{
    return drive_of(s)->job.flags & ATA_OUT;
}

static uint64_t at_most(uint64_t n, uint64_t most)
{
    return n < most ? n : most;
}

/* -- The buffer ------------------------------------------------------------------------------ */

static void put(struct isadma *d, const uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        d->buffer[(d->head + d->held + i) % d->space] = data[i];
    d->held += bytes;
}

static void get(struct isadma *d, uint8_t *data, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        data[i] = d->buffer[(d->head + i) % d->space];
    d->head = (d->head + bytes) % d->space;
    d->held -= bytes;
}

/* -- DREQ ------------------------------------------------------------------------------------ */

static void send_dreq(struct tb_model *m, uint32_t bytes, tb_time now)
{
    struct isaide *s = m->state;
    uint32_t txn = tb_txn_begin(m, TB_TXN_DREQ, now);
    struct tb_txn *t = tb_txn(m, txn);
    struct tb_msg msg = {.address = s->p.dma,
                         .txn = txn,
                         .length = (uint16_t)bytes,
                         .tag = bytes ? s->dma.number : 0,
                         .kind = TB_IRQ,
                         .class = TB_INTERRUPT};

    t->iova = s->p.dma;
    t->length = bytes;
    t->value[0] = bytes > 0;
    s->dma.announced = bytes ? s->dma.announced + bytes : 0;
    s->dma.dreqs++;
    s->count.dreqs++;
    tb_send(m, ISAIDE_DMA, &msg, now, TB_NO_CREDIT);
}

/* Bytes for which DREQ can be raised now, beyond those it is raised for. */
static uint32_t to_announce(struct isaide *s)
{
    const struct isadma *d = &s->dma;
    if (!is_out(s))
        return d->held - d->announced;
    uint64_t rest = ata_dma_left(drive_of(s)) - d->held - d->announced;
    uint64_t next = at_most(rest, s->p.piece);
    return d->space - d->held - d->announced >= next ? (uint32_t)next : 0;
}

/* -- The stream ------------------------------------------------------------------------------ */

static bool is_gone(struct isaide *s)
{
    return drive_of(s)->job.begun != s->dma.begun || !ata_dma_wanted(drive_of(s));
}

/* Forgets everything; a DREQ that is still raised is lowered. */
static void become_idle(struct isadma *d)
{
    d->state = ISADMA_AWAIT_COMMAND;
    d->held = d->piece = 0;
    d->in_cycle = 0;
}

/* There is no start bit: a drive that wants to transfer does. */
static bool step_idle(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;
    struct isadma *d = &s->dma;

    if (d->announced > 0) {
        if (d->dreqs < ISAIDE_DREQ_SLOTS)
            send_dreq(m, 0, now);
        return d->announced == 0;
    }
    for (unsigned i = 0; i < 2; i++) {
        unsigned which = s->bus.selected ^ i;
        if (!ata_dma_wanted(&s->bus.drive[which]))
            continue;
        d->drive = which;
        d->begun = s->bus.drive[which].job.begun;
        d->number = (uint16_t)(d->number == UINT16_MAX ? 1 : d->number + 1);
        d->state = ISADMA_AWAIT_DRIVE;
        return true;
    }
    return false;
}

/* The next piece between drive and buffer, if both are ready for it. */
static bool begin_piece(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;
    struct isadma *d = &s->dma;
    uint32_t bytes = (uint32_t)at_most(ata_dma_left(drive_of(s)), s->p.piece);
    uint32_t ready = is_out(s) ? d->held : d->space - d->held;
    tb_time time = ata_dma_time(drive_of(s), bytes);

    if (d->piece || bytes == 0 || ready < bytes)
        return false;
    d->piece = bytes;
    drive_of(s)->job.own += time;
    tb_timer_set(m, ISAIDE_TIMER_STREAM, now + time);
    return true;
}

void isadma_streamed(struct tb_model *m)
{
    struct isaide *s = m->state;
    struct isadma *d = &s->dma;
    uint8_t bytes[4096];
    uint32_t n = d->piece;

    d->piece = 0;
    if (d->state != ISADMA_AWAIT_DATA || n == 0 || is_gone(s))
        return;
    if (is_out(s)) {
        get(d, bytes, n);
        ata_dma_write(drive_of(s), bytes, n);
        s->count.written_bytes += n;
    } else if (ata_dma_read(drive_of(s), bytes, n)) { /* else the host's file failed: it ends */
        put(d, bytes, n);
        s->count.read_bytes += n;
    }
}

static bool is_through(struct isaide *s)
{
    const struct isadma *d = &s->dma;
    return ata_dma_left(drive_of(s)) == 0 && d->piece == 0 && (is_out(s) || d->held == 0);
}

static bool step_data(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;
    struct isadma *d = &s->dma;

    if (is_through(s)) {
        d->state = ISADMA_AWAIT_CYCLE;
        return true;
    }
    if (d->dreqs < ISAIDE_DREQ_SLOTS && to_announce(s) > 0) {
        send_dreq(m, to_announce(s), now);
        return true;
    }
    return begin_piece(m, now);
}

/* The interrupt must not come before the last bytes are in memory. */
static bool step_cycle(struct isaide *s)
{
    if (s->dma.in_cycle > 0)
        return false;
    become_idle(&s->dma);
    ata_dma_end(drive_of(s));
    return true;
}

static bool step_once(struct tb_model *m, tb_time now)
{
    struct isaide *s = m->state;

    if (s->dma.state == ISADMA_AWAIT_COMMAND)
        return step_idle(m, now);
    if (is_gone(s)) {
        become_idle(&s->dma);
        tb_timer_cancel(m, ISAIDE_TIMER_STREAM);
        return true;
    }
    if (s->dma.state == ISADMA_AWAIT_DATA)
        return step_data(m, now);
    if (s->dma.state == ISADMA_AWAIT_CYCLE)
        return step_cycle(s);
    if (!ata_dma_begin(drive_of(s), now))
        return is_gone(s);
    s->dma.state = ISADMA_AWAIT_DATA;
    return true;
}

void isadma_step(struct tb_model *m, tb_time now)
{
    while (step_once(m, now))
        ;
}

/* -- DACK# ----------------------------------------------------------------------------------- */

/* Is it for this stream, and its direction? */
static bool is_mine(struct isaide *s, const struct tb_msg *msg)
{
    const struct isadma *d = &s->dma;
    return d->state == ISADMA_AWAIT_DATA && d->announced > 0 && msg->tag == d->number &&
           !is_gone(s) && is_out(s) == (msg->kind == TB_WRITE);
}

/* The bytes of a strobe; what a word has more than was asked for floats. */
static void move(struct isaide *s, const struct tb_msg *msg, uint8_t *data)
{
    struct isadma *d = &s->dma;
    uint32_t n = (uint32_t)at_most(msg->length, d->announced);

    d->announced -= n;
    if (msg->kind == TB_WRITE) {
        put(d, data, n);
        return;
    }
    get(d, data, n);
    memset(data + n, 0xff, msg->length - n);
    d->in_cycle += d->announced == 0;
}

void isadma_take(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time now)
{
    struct isaide *s = m->state;
    struct tb_msg answer = *msg;
    bool mine = is_mine(s, msg);

    if (msg->class != TB_NONPOSTED) { /* the end of a cycle; nothing else comes so */
        if (msg->tag == s->dma.number && s->dma.in_cycle > 0)
            s->dma.in_cycle--;
        tb_release(m, credit, now);
        tb_txn_end(m, answer.txn, (enum tb_status)answer.status, now);
        return;
    }
    if (mine)
        move(s, msg, tb_txn(m, msg->txn)->data);
    s->count.refused += !mine;
    tb_msg_answer(&answer, mine ? TB_OK : TB_ABORT);
    answer.last = s->dma.announced == 0;
    tb_send(m, ISAIDE_DMA, &answer, now, credit);
}
