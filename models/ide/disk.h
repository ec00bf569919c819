/* The medium of a disk: what bytes it holds, which sectors are bad, how long the arm takes.
 *
 * Contents are a base (a file or a pattern) under a sparse overlay of the 4 KiB pages that were
 * written; with write_back: file there is no overlay, writes go to the file. Invariants: a read
 * after a write of the same bytes gives them back; nothing is allocated but overlay pages, through
 * the owner's pager; no call crashes for any offset inside the disk. Knows neither ATA nor the
 * kernel.
 */
#ifndef IDE_DISK_H
#define IDE_DISK_H

#include "tollbridge/param.h"
#include "tollbridge/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_write_back { DISK_DISCARD, DISK_TO_FILE };
enum disk_pattern { DISK_ZERO, DISK_COUNTER, DISK_MIX64 };
enum disk_bit7 { DISK_BIT7_KEEP, DISK_BIT7_SET, DISK_BIT7_CLEAR };
enum disk_op { DISK_ANY, DISK_READ, DISK_WRITE };

/* Sectors that cannot be read or written: `errors:` of a disk. */
struct disk_error {
    unsigned op; /* enum disk_op */
    uint64_t lba;
    uint64_t count;
};

/* The parameters of one disk, as disk_table fills them. The last five are the drive's (ata.h). */
struct disk_params {
    uint64_t size; /* bytes; 0: the file's */
    const char *file;
    unsigned write_back;
    unsigned pattern;
    uint64_t seed;
    unsigned bit7;
    struct tb_items errors; /* struct disk_error */
    tb_time latency;        /* of every access to the medium */
    struct disk_seek {
        tb_time track, average, full;
    } seek;
    uint64_t rpm;   /* 0: the medium is always under the head */
    uint64_t track; /* sectors per track */
    uint64_t surfaces;
    struct tb_rate media; /* the medium's own rate */
    tb_time overhead, flush, reset;
    unsigned mode; /* index in ata_modes */
    const char *model, *serial, *firmware;
    bool rotates; /* unused by the table: seek was given */
};

/* The table that fills it (rows for `disk0:` and so on). */
extern const struct tb_param disk_table[];

struct disk {
    const struct disk_params *params;
    uint64_t sectors;
    int fd;                                  /* -1: none */
    void *(*page)(void *owner, size_t size); /* zeroed memory for good; never NULL */
    void *owner;
    void **root; /* of the overlay: a radix tree of 512-way nodes */
    unsigned levels;
    uint64_t cylinder; /* where the arm is */
};

/* Opens the medium. `page` is asked for overlay memory, the tree's nodes included. Returns false
 * and says in why (>= 160 bytes) what is wrong: no size, a file that cannot be opened. */
bool disk_open(struct disk *d, const struct disk_params *params, void *(*page)(void *, size_t),
               void *owner, char *why);
void disk_close(struct disk *d);

/* Reads or writes length bytes at a byte offset; offset + length <= sectors * 512. False when the
 * host's file failed; then the bytes read are undefined, and those written partly there. */
bool disk_read(struct disk *d, uint64_t offset, uint8_t *data, size_t length);
bool disk_write(struct disk *d, uint64_t offset, const uint8_t *data, size_t length);

/* How many of the `count` sectors from lba come before the first bad one (count: none is bad). */
uint64_t disk_good(const struct disk *d, enum disk_op op, uint64_t lba, uint64_t count);

/* When an access to `count` (>= 1) sectors from lba that begins at `now` has the first of them
 * under the head: now + latency + seek + rotation, each rounded up to the tick. The arm ends where
 * the access ends. */
tb_time disk_access(struct disk *d, uint64_t lba, uint64_t count, tb_time now);

/* How long the arm takes over `distance` of `cylinders`: 0 for 0, then linear from track (1) over
 * average (a third) to full (all but one). */
tb_time disk_seek_time(const struct disk_seek *s, uint64_t distance, uint64_t cylinders);

#endif
