/* What the fronts do alike. */
#include "ide/front.h"

void ata_accesses_make(struct tb_model *m, struct ata_accesses *q, unsigned port)
{
    q->space = tb_port_capacity(m, port, TB_NONPOSTED) + tb_port_capacity(m, port, TB_POSTED) + 1;
    q->at = tb_alloc(m, q->space, sizeof *q->at);
}

void ata_accesses_add(struct tb_model *m, struct ata_accesses *q, const struct tb_msg *msg,
                      tb_credit credit, tb_time time, tb_time now)
{
    tb_time begins = tb_max(now, q->free), due = begins + time;

    q->at[(q->head + q->count++) % q->space] = (struct ata_access){*msg, credit, due};
    q->free = due;
    tb_txn_spend(m, msg->txn, TB_PART_QUEUE, begins - now);
    tb_txn_spend(m, msg->txn, TB_PART_DEVICE, due - begins);
}

bool ata_accesses_next(struct ata_accesses *q, tb_time now, struct ata_access *out)
{
    if (q->count == 0 || q->at[q->head].due > now)
        return false;
    *out = q->at[q->head];
    q->head = (q->head + 1) % q->space;
    q->count--;
    return true;
}

uint32_t ata_front_begin(struct tb_model *m, const struct ata_job *j, unsigned unit, tb_time now)
{
    uint32_t txn = tb_txn_begin(m, TB_TXN_DISK, now);
    struct tb_txn *t = tb_txn(m, txn);

    t->iova = j->lba == ATA_NOWHERE ? 0 : j->lba;
    t->length = j->sectors;
    t->value[0] = j->opcode;
    t->value[1] = unit;
    t->write = j->flags & ATA_OUT ? 1 : 0;
    t->to = m->index;
    return txn;
}

void ata_front_end(struct tb_model *m, const struct ata_job *j, uint32_t txn, tb_time now)
{
    tb_time took = now - tb_txn(m, txn)->created, own = j->own < took ? j->own : took;

    tb_txn_spend(m, txn, TB_PART_DEVICE, own);
    tb_txn_spend(m, txn, TB_PART_QUEUE, took - own);
    tb_txn_end(m, txn, j->ok ? TB_OK : TB_ABORT, now);
}

void ata_front_timers(struct tb_model *m, const struct ata_bus *b, unsigned timer, tb_time armed[2])
{
    for (unsigned i = 0; i < 2; i++) {
        tb_time due = b->drive[i].due;
        if (due == armed[i])
            continue;
        if (due == TB_NEVER)
            tb_timer_cancel(m, timer + i);
        else
            tb_timer_set(m, timer + i, due);
        armed[i] = due;
    }
}

void *ata_front_page(void *owner, size_t size)
{
    return tb_page_alloc(owner, size);
}
