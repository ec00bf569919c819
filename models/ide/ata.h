/* ATA drives and the cable they share: registers, command set, state of a command (ATA/ATAPI-6).
 *
 * A state machine without kernel: every call gets the instant it happens at, and leaves in `due`
 * when the drive wants ata_due called (TB_NEVER: nothing of its own to do; it awaits the host or
 * the front). The front (bmide.c) moves the bytes of a DMA command: it asks ata_dma_begin until the
 * drive is ready, then reads or writes the stream in order, and ends it. Invariants: at most one
 * command at a time per drive; a drive with a live job is in a state other than ATA_AWAIT_COMMAND;
 * no input of a host can make a call fail, only the registers say so. Nothing here is of one front:
 * ISA DMA or AHCI use the same calls.
 */
#ifndef IDE_ATA_H
#define IDE_ATA_H

#include "ide/disk.h"
#include "spec/ata.h"

#define ATA_MULTIPLE_MAX 16u

/* Whose word counts where the ATA specification and the recordings of QEMU differ (README.md lists
 * it). */
enum ata_conform { CONFORM_ATA, CONFORM_QEMU };

/* Transfer modes, slowest first within each kind. */
enum ata_mode_kind { ATA_KIND_PIO, ATA_KIND_MWDMA, ATA_KIND_UDMA };
struct ata_mode {
    uint8_t kind;   /* enum ata_mode_kind */
    uint8_t number; /* 0.. of its kind */
    uint32_t cycle; /* picoseconds per 16-bit word */
};
extern const struct ata_mode ata_modes[];
extern const char *const ata_mode_names[]; /* NULL-terminated, same order */
enum {
    ATA_MODE_PIO0 = 0,
    ATA_MODE_PIO4 = 4,
    ATA_MODE_MWDMA0 = 5,
    ATA_MODE_UDMA0 = 8,
    ATA_MODES = 15
};

/* States, named for what is awaited. */
enum ata_state {
    ATA_AWAIT_COMMAND,
    ATA_AWAIT_END,       /* of a command without data, or of a failing one */
    ATA_AWAIT_BLOCK_IN,  /* the medium: a PIO block to be read */
    ATA_AWAIT_READER,    /* the host, to take a block of data */
    ATA_AWAIT_WRITER,    /* the host, to bring one */
    ATA_AWAIT_BLOCK_OUT, /* the medium: a PIO block to be written */
    ATA_AWAIT_MEDIUM,    /* the medium, before a DMA transfer */
    ATA_AWAIT_DMA,       /* the front */
    ATA_AWAIT_RELEASE,   /* the end of a software reset's SRST */
    ATA_AWAIT_RESET,     /* the drive's own start-up after it */
    ATA_AWAIT_WAKING     /* a reset, after SLEEP */
};

/* A command in progress, and what became of the last one. */
struct ata_job {
    uint8_t opcode;
    uint8_t flags; /* of its row of the command table: enum ata_flags */
    uint8_t error; /* to end with; 0: none */
    bool live;     /* in progress */
    bool ok;       /* how it ended */
    bool medium;   /* touches the medium: worth a transaction */
    bool checked;  /* range and bad sectors have been looked at */
    bool broken;   /* the host's file failed */
    uint32_t sectors;
    uint32_t done;  /* sectors the task file counts as done */
    uint64_t lba;   /* of the first; ATA_NOWHERE: no such address */
    uint64_t good;  /* sectors before the first that fails */
    uint64_t at;    /* bytes streamed by DMA */
    tb_time own;    /* the drive's own share of the command's time, without waiting for others */
    uint32_t begun; /* counts commands */
};
#define ATA_NOWHERE UINT64_MAX

enum ata_flags {
    ATA_EXT = 1, /* 48-bit addresses and counts */
    ATA_OUT = 2, /* data go to the drive */
    ATA_DMA = 4,
    ATA_BLOCKS = 8, /* interrupts per `multiple` sectors, not per sector */
    ATA_MEDIUM = 16,
    ATA_NO_DSC = 32, /* QEMU ends it without the DSC bit */
    ATA_ONLY_QEMU = 64
};

/* A register that remembers what it held before: LBA48's "high order byte". */
struct ata_pair {
    uint8_t now, before;
};

struct ata_drive {
    struct tb_medium disk;
    const struct disk_params *params;
    bool present;
    uint8_t unit;    /* 0 or 1 */
    uint8_t conform; /* enum ata_conform */
    /* registers */
    struct ata_pair feature, nsect, lbal, lbam, lbah;
    uint8_t device, control, status, error;
    /* settings */
    uint8_t heads, track; /* default CHS translation, INITIALIZE DEVICE PARAMETERS */
    uint8_t multiple;     /* sectors per block of READ MULTIPLE; 0: not allowed */
    uint8_t pio, dma;     /* selected modes, in ata_modes */
    uint8_t power;        /* CHECK POWER MODE's answer */
    bool write_cache, look_ahead;
    bool keep; /* a software reset leaves the settings alone */
    /* interrupt */
    bool pending;    /* INTRQ is wanted */
    uint32_t raises; /* how often it was wanted */
    /* state */
    enum ata_state state;
    tb_time due;
    struct ata_job job;
    uint8_t block[ATA_MULTIPLE_MAX * ATA_SECTOR]; /* PIO data, or the sector a DMA write fills */
    uint32_t block_at, block_size;
};

/* Two drives on a cable. */
struct ata_bus {
    struct ata_drive drive[2];
    uint8_t selected;
    uint8_t conform;
    bool fell; /* the line fell since the front last looked; it may have risen again */
};

/* -- The cable ------------------------------------------------------------------------------- */

/* Opens the drives whose params are not NULL and puts both into their power-on state. `page`,
 * `owner`: see disk_open. false: drive `*which` could not be opened, `why` says why. */
bool ata_bus_open(struct ata_bus *b, const struct disk_params *const params[2],
                  enum ata_conform conform, void *(*page)(void *, size_t), void *owner,
                  unsigned *which, char *why);
void ata_bus_close(struct ata_bus *b);

/* 8-bit register access, ATA_REG_FEATURES..ATA_REG_CONTROL; reading the status drops the interrupt.
 */
uint8_t ata_bus_read(struct ata_bus *b, unsigned reg);
void ata_bus_write(struct ata_bus *b, unsigned reg, uint8_t value, tb_time now);

/* One word through the data register; 0 / no effect when the selected drive does not await it. */
uint16_t ata_bus_read_data(struct ata_bus *b, tb_time now);
void ata_bus_write_data(struct ata_bus *b, uint16_t word, tb_time now);

/* Level of the interrupt line. */
bool ata_bus_line(const struct ata_bus *b);

/* Time of one word through the data register. */
tb_time ata_bus_word_time(const struct ata_bus *b);

/* -- A drive --------------------------------------------------------------------------------- */

/* The instant d->due has come. */
void ata_due(struct ata_drive *d, tb_time now);

/* A DMA command is in progress (its data may not be there yet). */
bool ata_dma_wanted(const struct ata_drive *d);

/* The front is ready to transfer. True when the drive is, too; false: it will be when its due has
 * come, or the command has just failed (ata_dma_wanted tells). */
bool ata_dma_begin(struct ata_drive *d, tb_time now);

/* Bytes that the command still asks for, and those of them that come before the first bad sector.
 */
uint64_t ata_dma_asked(const struct ata_drive *d);
uint64_t ata_dma_left(const struct ata_drive *d);

/* How long `bytes` take between drive and front: transfer mode, or medium where that is slower. */
tb_time ata_dma_time(const struct ata_drive *d, uint64_t bytes);

/* The next bytes of the stream, at most ata_dma_left of them. A failing file of the host ends the
 * stream early (the read is false, its bytes are not to be used): left becomes 0, ata_dma_end
 * reports it. */
bool ata_dma_read(struct ata_drive *d, uint8_t *data, uint64_t bytes);
void ata_dma_write(struct ata_drive *d, const uint8_t *data, uint64_t bytes);

/* The stream has been moved to its end: the command ends, by success or by its bad sector;
 * interrupt. */
void ata_dma_end(struct ata_drive *d);

/* The front's bus failed: command aborted, without an interrupt (bus-master specification, 3.1). */
void ata_dma_abort(struct ata_drive *d);

/* QEMU's answer to a PRD table that is too short: the command is forgotten without a word. */
void ata_dma_drop(struct ata_drive *d);

/* -- Between ata.c and its parts (data.c, cable.c, command.c, identify.c) --------------------- */

enum { ATA_READY = ATA_DRDY | ATA_DSC }; /* the status of a drive at rest */

/* Looks the command up in the table and begins it. */
void ata_command(struct ata_drive *d, uint8_t opcode, tb_time now);
/* Ends the command: success, or with error bits. Both raise the interrupt. */
void ata_finish(struct ata_drive *d);
void ata_fail(struct ata_drive *d, uint8_t error);
void ata_raise(struct ata_drive *d);
/* Enters a state that ends at `due`; at once if that is now. */
void ata_await(struct ata_drive *d, enum ata_state state, tb_time due, tb_time now);
/* The registers' address: of the command being given, and after it. */
uint64_t ata_address(const struct ata_drive *d, bool ext);
void ata_set_address(struct ata_drive *d, uint64_t lba, bool ext);
/* Puts the registers into the state after a reset or DEVICE DIAGNOSTIC (9.12). */
void ata_signature(struct ata_drive *d);
/* Power comes; what the drive was doing is forgotten and a software reset begins (9.2). */
void ata_power_on(struct ata_drive *d);
void ata_reset(struct ata_drive *d, tb_time now);
/* Leaves the command's outcome in the registers, without an interrupt. */
void ata_end_job(struct ata_drive *d, bool ok, uint8_t status, uint8_t error);
/* Ends a command at its first bad sector, whose address the registers show (8.26.6); QEMU leaves
 * them. */
void ata_fail_medium(struct ata_drive *d);
/* The registers after `done` sectors: the next address, and how many are left. */
void ata_show_progress(struct ata_drive *d, uint64_t done);
bool ata_in_range(const struct ata_drive *d, uint64_t lba, uint64_t count);
static inline enum tb_medium_op ata_job_op(const struct ata_job *j)
{
    return j->flags & ATA_OUT ? TB_MEDIUM_WRITE : TB_MEDIUM_READ;
}
/* Begins a command that moves data through the data register. */
void ata_begin_pio(struct ata_drive *d, tb_time now);
/* A word through the data register, of a block that has one left. */
uint16_t ata_take_word(struct ata_drive *d, tb_time now);
void ata_bring_word(struct ata_drive *d, uint16_t word, tb_time now);
/* Its time has come: a block from the medium, one onto it, the stream of a DMA command. */
void ata_load_block(struct ata_drive *d);
void ata_store_block(struct ata_drive *d);
void ata_request_dma(struct ata_drive *d);
/* Looks at range and bad sectors of the job; 0 or the error to end with before any data. */
uint8_t ata_check(struct ata_drive *d);
/* Writes the 512 bytes of IDENTIFY DEVICE. */
void ata_identify(const struct ata_drive *d, uint8_t *out);

#endif
