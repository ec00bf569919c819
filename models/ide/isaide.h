/* An IDE card on the ISA bus: a cable with two drives and a DMA channel. Shared by isaide.c (class,
 * ports, transactions) and isadma.c (the stream between drive and DMA channel).
 *
 * The card has a buffer of two pieces between the drive and the bus. For what is in it (to memory),
 * or for what fits (from memory), it raises DREQ; the DMA controller moves it when it likes.
 * Invariants: `announced` are the bytes for which DREQ was raised and that were not moved yet;
 * they are in the buffer, or have room there. What the controller does for a stream that is no more
 * is refused, by the number of the stream.
 */
#ifndef IDE_ISAIDE_H
#define IDE_ISAIDE_H

#include "ide/front.h"
#include "tollbridge/model.h"

#define ISAIDE_IRQ_SLOTS  4
#define ISAIDE_DREQ_SLOTS 4

struct isaide_params {
    uint64_t command, control, irq, dma, piece;
    unsigned conform;
    tb_time register_latency;
    struct disk_params disk[2];
    bool has_disk[2];
};

/* What the stream awaits. */
enum isadma_state {
    ISADMA_AWAIT_COMMAND,
    ISADMA_AWAIT_DRIVE, /* its medium */
    ISADMA_AWAIT_DATA,  /* drive or DMA channel */
    ISADMA_AWAIT_CYCLE  /* the end of the last bus cycle: its bytes are not in memory yet */
};

struct isadma {
    enum isadma_state state;
    unsigned drive;  /* whose command it is */
    uint32_t begun;  /* which command of it */
    uint16_t number; /* of the stream, from 1 */
    uint8_t *buffer; /* a ring of two pieces */
    uint32_t space, head, held;
    uint32_t announced;
    uint32_t piece;    /* bytes between drive and buffer; 0: none */
    uint32_t in_cycle; /* services that ended with DREQ low and whose bytes have not arrived */
    uint32_t dreqs;    /* messages on their way */
};

struct isaide {
    struct isaide_params p; /* first: see tollbridge/model.h */
    struct ata_bus bus;
    struct isadma dma;
    struct ata_accesses accesses;
    /* interrupt */
    bool line, sent;
    uint32_t irq_open;
    /* the drives, as the front last saw them */
    uint32_t seen[2], job_txn[2];
    tb_time armed[2];
    struct {
        uint64_t commands, failed, read_bytes, written_bytes, dreqs, refused, interrupts;
    } count;
};

enum { ISAIDE_ISA, ISAIDE_DMA }; /* ports */
enum { ISAIDE_TIMER_REGISTER, ISAIDE_TIMER_STREAM, ISAIDE_TIMER_DRIVE, ISAIDE_TIMERS = 4 };

/* -- isadma.c -------------------------------------------------------------------------------- */

/* Goes on as far as it can at `now`. */
void isadma_step(struct tb_model *m, tb_time now);
/* The stream timer: the piece between drive and buffer is through. */
void isadma_streamed(struct tb_model *m);
/* A message of the DMA controller: DACK# with a strobe, or the end of a cycle. */
void isadma_take(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time now);

/* -- isaide.c -------------------------------------------------------------------------------- */

/* After anything that happened: transactions of commands, stream, interrupt, timers. */
void isaide_settle(struct tb_model *m, tb_time now);

#endif
