/* The bus-master IDE controller's own structures: shared by bmide.c (class, registers), bmdma.c
 * (descriptor table and data) and pci.c (configuration header).
 *
 * A channel is a cable with two drives and one DMA engine. The engine is a state machine that is
 * asked to go on (bm_step) after everything that may have changed something; all its waiting is in
 * its state. Invariants: at most `outstanding` data requests and one descriptor request are on
 * their way per channel; each has its place in `pieces` or `fetch`, so that an answer always finds
 * who asked.
 */
#ifndef IDE_BMIDE_H
#define IDE_BMIDE_H

#include "ats/atc.h"
#include "ide/front.h"
#include "spec/bmide.h"
#include "tollbridge/model.h"

enum bm_on_fault { BM_PRETEND, BM_ABORT };
enum bm_short { BM_NOTHING, BM_PREFIX };
enum bm_fetch { BM_WHOLE, BM_AHEAD };

#define BM_CHANNELS   2
#define BM_IRQ_SLOTS  4      /* interrupt messages of a channel that may be on their way */
#define BM_TABLE_QEMU 4096u  /* bytes of a table that QEMU reads at most */
#define BM_TABLE_MAX  65536u /* a table lies within 64 KiB (Bus Master IDE 1.0, 1.2) */

struct ide_params {
    uint16_t id;
    uint64_t io;
    uint64_t irq[BM_CHANNELS];
    bool legacy;
    uint64_t burst, outstanding;
    bool posted;
    uint64_t pasid;
    bool has_pasid;
    struct tb_atc_params atc;
    bool has_atc;
    unsigned conform, on_fault, short_table, prd_fetch;
    tb_time register_latency;
    struct disk_params disk[4];
    bool has_disk[4];
};

/* What the engine awaits. */
enum bm_state {
    BM_AWAIT_START, /* START, and a drive that wants DMA */
    BM_AWAIT_TABLE, /* the descriptor table, before any data */
    BM_AWAIT_DRIVE, /* the drive's medium */
    BM_AWAIT_DATA,  /* drive, memory or descriptors: data moves */
    BM_AWAIT_QUIET  /* answers still on their way; then `after` is done */
};

/* What is done when all is quiet. */
enum bm_after { BM_THEN_NOTHING, BM_THEN_END, BM_THEN_SHORT, BM_THEN_FAULT };

struct bm_prd {
    uint32_t base, count; /* count: 2..65536 */
    bool last;
};

enum bm_piece_state { BM_FREE, BM_ASKED, BM_HERE };
struct bm_piece {
    uint32_t txn, length;
    uint8_t state; /* enum bm_piece_state */
    uint8_t *data; /* bytes from memory on their way to the drive */
};

struct bm_channel {
    struct ata_bus bus;
    unsigned index;
    /* registers */
    uint8_t command, status;
    uint32_t table;
    /* descriptors: a ring of fetched ones, and the one in use */
    uint32_t cursor; /* address of the next to fetch */
    struct bm_prd *prds;
    uint32_t prd_space, prd_head, prd_count;
    struct bm_prd use; /* count: what is left of it */
    bool table_end;    /* no more to fetch */
    struct {
        uint32_t txn; /* TB_NO_TXN: none on its way */
        uint8_t have; /* bytes of raw */
        bool stale;
        uint8_t raw[BMIDE_PRD_BYTES];
    } fetch;
    /* the transfer */
    enum bm_state state;
    enum bm_after after;
    unsigned drive;          /* whose command it is */
    uint32_t begun;          /* which command of it */
    bool drain;              /* START was cleared, QEMU finishes first */
    struct bm_piece *pieces; /* outstanding + 1 */
    uint32_t head, used;     /* pieces as a ring: those on their way to the drive, in order */
    uint32_t flying;         /* requests without an answer yet */
    uint64_t ringed;         /* bytes in the ring */
    struct {
        bool open, full; /* the piece that the drive fills; its bytes are all there */
        uint32_t address, length;
    } fill;
    bool streaming; /* the stream timer runs: a piece between drive and engine */
    /* a write of the command register that is answered when the engine has drained */
    struct tb_msg held;
    tb_credit held_credit;
    tb_time held_since;
    bool holding;
    /* interrupt */
    bool line, sent;
    uint32_t raises[2], irq_open;
    /* the drives, as the front last saw them */
    uint32_t seen[2]; /* ata_job.begun */
    uint32_t job_txn[2];
    uint32_t job_number[2];
    tb_time armed[2];
};

struct ide {
    struct ide_params p; /* first: see tollbridge/model.h */
    struct tb_atc *atc;  /* NULL: requests go as they are */
    struct bm_channel channel[BM_CHANNELS];
    uint8_t config[256];
    struct ata_accesses accesses;
    struct {
        uint64_t commands, failed, bursts, read_bytes, written_bytes, descriptors, faults,
            interrupts;
    } count;
    struct tb_atc_counters ats;
};

enum { IDE_PORT };
enum {
    IDE_TIMER_REGISTER,
    IDE_TIMER_DRIVE,
    IDE_TIMER_STREAM = IDE_TIMER_DRIVE + 4,
    IDE_TIMER_ATC = IDE_TIMER_STREAM + BM_CHANNELS,
    IDE_TIMERS = IDE_TIMER_ATC + TB_ATC_TIMERS
};

/* -- bmdma.c --------------------------------------------------------------------------------- */

/* Goes on as far as it can at `now`. */
void bm_step(struct tb_model *m, struct bm_channel *c, tb_time now);
/* START went from 0 to 1, or from 1 to 0. */
void bm_start(struct tb_model *m, struct bm_channel *c);
void bm_stop(struct tb_model *m, struct bm_channel *c);
/* The stream timer: the piece between drive and engine is through. */
void bm_streamed(struct tb_model *m, struct bm_channel *c);
/* A request of the channel's engine has its answer (posted writes: was taken). false: not this
 * channel's. */
bool bm_answered(struct tb_model *m, struct bm_channel *c, uint32_t txn, enum tb_status status);
/* QEMU: a new DMA command forgets the descriptor that was in use. */
void bm_new_command(struct tb_model *m, struct bm_channel *c);

/* -- pci.c ----------------------------------------------------------------------------------- */

void pci_reset(struct ide *s);
/* 1, 2 or 4 bytes at an aligned offset within 4 KiB. */
void pci_read(const struct ide *s, uint32_t offset, uint8_t *data, unsigned size);
void pci_write(struct ide *s, uint32_t offset, const uint8_t *data, unsigned size);
bool pci_master(const struct ide *s);
bool pci_io(const struct ide *s);
/* The controller received an abort: bits of the status register. */
void pci_note_abort(struct ide *s, enum tb_status status);

/* -- registers.c ----------------------------------------------------------------------------- */

/* Does an access at once. The status is what its answer carries. */
enum tb_status ide_access(struct tb_model *m, const struct tb_debug *access, tb_time now);
/* How long such an access takes. */
tb_time ide_access_time(const struct ide *s, uint8_t space, uint64_t address, uint32_t length);
bool ide_claims(const struct ide *s, uint8_t space, uint64_t address);
void ide_add_claims(struct tb_model *m, struct tb_ranges *out);
bool ide_find_symbol(const struct ide *s, const char *name, struct tb_symbol *out);

/* -- bmide.c --------------------------------------------------------------------------------- */

/* After anything that happened to a channel: transactions of commands, engine, interrupt, timers.
 */
void ide_settle(struct tb_model *m, struct bm_channel *c, tb_time now);

#endif
