/* What the fronts (bmide.c, isaide.c) do alike: a cable's drives as transactions and timers, and
 * the queue of register accesses. */
#ifndef IDE_FRONT_H
#define IDE_FRONT_H

#include "ide/ata.h"
#include "tollbridge/model.h"

/* A register access that waits, or is being served. */
struct ata_access {
    struct tb_msg msg;
    tb_credit credit;
    tb_time due;
};

/* Those of a front, in order of arrival: served one after the other, each at the end of its time.
 */
struct ata_accesses {
    struct ata_access *at; /* a ring */
    uint32_t space, head, count;
    tb_time free; /* when the next one may begin */
};

/* Room for all that can come by a port. */
void ata_accesses_make(struct tb_model *m, struct ata_accesses *q, unsigned port);
/* One arrives that takes `time`. */
void ata_accesses_add(struct tb_model *m, struct ata_accesses *q, const struct tb_msg *msg,
                      tb_credit credit, tb_time time, tb_time now);
/* Takes out the first if its time is over. */
bool ata_accesses_next(struct ata_accesses *q, tb_time now, struct ata_access *out);

/* A command as a transaction: its number. `unit`: which of the front's drives has it. */
uint32_t ata_front_begin(struct tb_model *m, const struct ata_job *j, unsigned unit, tb_time now);
/* Its end: the drive's own time is DEVICE; the rest it waited for the host, the engine or the bus.
 */
void ata_front_end(struct tb_model *m, const struct ata_job *j, uint32_t txn, tb_time now);
/* Sets the timers of a cable's two drives, from `timer` on, to when they want ata_due called;
 * armed: to what they are set. */
void ata_front_timers(struct tb_model *m, const struct ata_bus *b, unsigned timer,
                      tb_time armed[2]);

/* The pager of a drive's medium; `owner`: its struct tb_model. */
void *ata_front_page(void *owner, size_t size);

#endif
