/* The medium of a disk: what bytes it holds, which sectors are bad, how long the arm takes.
 *
 * Contents are a base (a file or a pattern) under a sparse overlay of the 4 KiB pages that were
 * written; with write_back: file there is no overlay, writes go to the file. Invariants: a read
 * after a write of the same bytes gives them back; nothing is allocated but overlay pages, through
 * the owner's pager; no call crashes for any offset inside the disk. Knows neither ATA nor the
 * kernel.
 */
#ifndef MEDIUM_MEDIUM_H
#define MEDIUM_MEDIUM_H

#include "tollbridge/diag.h"
#include "tollbridge/param.h"
#include "tollbridge/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_SECTOR 512u /* bytes */

enum tb_medium_write_back { TB_MEDIUM_DISCARD, TB_MEDIUM_TO_FILE };
enum tb_medium_pattern { TB_MEDIUM_ZERO, TB_MEDIUM_COUNTER, TB_MEDIUM_MIX64 };
enum tb_medium_bit7 { TB_MEDIUM_BIT7_KEEP, TB_MEDIUM_BIT7_SET, TB_MEDIUM_BIT7_CLEAR };
enum tb_medium_op { TB_MEDIUM_ANY, TB_MEDIUM_READ, TB_MEDIUM_WRITE };

/* Sectors that cannot be read or written: `errors:` of a disk. */
struct tb_medium_error {
    unsigned op; /* enum tb_medium_op */
    uint64_t lba;
    uint64_t count;
};

/* What can be said of a medium, as the rows of TB_MEDIUM_ROWS fill it. */
struct tb_medium_params {
    uint64_t size; /* bytes; 0: the file's */
    const char *file;
    unsigned write_back;
    unsigned pattern;
    uint64_t seed;
    unsigned bit7;
    struct tb_items errors; /* struct tb_medium_error */
    tb_time latency;        /* of every access to the medium */
    struct tb_medium_seek {
        tb_time track, average, full;
    } seek;
    uint64_t rpm;   /* 0: the medium is always under the head */
    uint64_t track; /* sectors per track */
    uint64_t surfaces;
    struct tb_rate media; /* the medium's own rate */
    bool rotates;         /* unused: seek was given */
};

extern const char *const tb_medium_write_backs[], *const tb_medium_patterns[],
                                                      *const tb_medium_bit7s[];
extern const struct tb_param tb_medium_error_table[], tb_medium_seek_table[];

/* The rows of a table that has a struct tb_medium_params at offset `at`. */
#define TB_MEDIUM_ROW(at, field) ((at) + offsetof(struct tb_medium_params, field))
#define TB_MEDIUM_ROWS(at)                                                                         \
    {"size",                                                                                       \
     TB_SIZE,                                                                                      \
     TB_MEDIUM_ROW(at, size),                                                                      \
     .min = "512B",                                                                                \
     .max = "65536TiB",                                                                            \
     .flags = TB_OPTIONAL,                                                                         \
     .doc = "capacity, cut to whole sectors; needed unless a file gives it"},                      \
        {"file", TB_PATH, TB_MEDIUM_ROW(at, file), .flags = TB_OPTIONAL,                           \
         .doc = "a raw image that holds the contents"},                                            \
        {"write_back",                                                                             \
         TB_ENUM,                                                                                  \
         TB_MEDIUM_ROW(at, write_back),                                                            \
         .def = "discard",                                                                         \
         .names = tb_medium_write_backs,                                                           \
         .doc = "where writes go: into the file, or nowhere but the simulation"},                  \
        {"pattern",                                                                                \
         TB_ENUM,                                                                                  \
         TB_MEDIUM_ROW(at, pattern),                                                               \
         .def = "zero",                                                                            \
         .names = tb_medium_patterns,                                                              \
         .doc = "contents where there is no file"},                                                \
        {"seed", TB_COUNT, TB_MEDIUM_ROW(at, seed), .def = "0", .doc = "of pattern mix64"},        \
        {"bit7",                                                                                   \
         TB_ENUM,                                                                                  \
         TB_MEDIUM_ROW(at, bit7),                                                                  \
         .def = "keep",                                                                            \
         .names = tb_medium_bit7s,                                                                 \
         .doc = "what becomes of the top bit of each byte of the pattern"},                        \
        {"errors",                                                                                 \
         TB_ITEMS,                                                                                 \
         TB_MEDIUM_ROW(at, errors),                                                                \
         .sub = tb_medium_error_table,                                                             \
         .size = sizeof(struct tb_medium_error),                                                   \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "sectors that cannot be read or written"},                                         \
        {"latency",                                                                                \
         TB_TIME,                                                                                  \
         TB_MEDIUM_ROW(at, latency),                                                               \
         .def = "0ns",                                                                             \
         .max = "1000s",                                                                           \
         .doc = "of every access to the medium, before seek and rotation"},                        \
        {"seek",                                                                                   \
         TB_GROUP,                                                                                 \
         TB_MEDIUM_ROW(at, seek),                                                                  \
         .sub = tb_medium_seek_table,                                                              \
         .present = TB_MEDIUM_ROW(at, rotates) + 1,                                                \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "times of the arm"},                                                               \
        {"rpm",      TB_COUNT,        TB_MEDIUM_ROW(at, rpm),                                      \
         .def = "0", .max = "100000", .doc = "speed of the platter; 0: no rotational latency"},    \
        {"track",    TB_COUNT,       TB_MEDIUM_ROW(at, track),  .def = "1008",                     \
         .min = "1", .max = "65536", .doc = "sectors per track"},                                  \
        {"surfaces", TB_COUNT,     TB_MEDIUM_ROW(at, surfaces), .def = "4",                        \
         .min = "1", .max = "256", .doc = "tracks per cylinder"},                                  \
    {                                                                                              \
        "media", TB_RATE, TB_MEDIUM_ROW(at, media),                                                \
            .def = "unlimited",                                                                    \
            .doc = "rate of the medium, where it is slower than the transfer mode"                 \
    }

struct tb_medium {
    const struct tb_medium_params *params;
    uint64_t sectors;
    int fd;                                  /* -1: none */
    void *(*page)(void *owner, size_t size); /* zeroed memory for good; never NULL */
    void *owner;
    void **root; /* of the overlay: a radix tree of 512-way nodes */
    unsigned levels;
    uint64_t cylinder; /* where the arm is */
};

/* Reports what single parameters of disk `name` cannot say, at `node`. */
void tb_medium_check(const struct tb_medium_params *params, const char *name,
                     const struct tb_node *node, struct tb_diag *diag);

/* Opens the medium. `page` is asked for overlay memory, the tree's nodes included. Returns false
 * and says in why (>= 160 bytes) what is wrong: no size, a file that cannot be opened. */
bool tb_medium_open(struct tb_medium *d, const struct tb_medium_params *params,
                    void *(*page)(void *, size_t), void *owner, char *why);
void tb_medium_close(struct tb_medium *d);

/* Reads or writes length bytes at a byte offset; offset + length <= sectors * 512. False when the
 * host's file failed; then the bytes read are undefined, and those written partly there. */
bool tb_medium_read(struct tb_medium *d, uint64_t offset, uint8_t *data, size_t length);
bool tb_medium_write(struct tb_medium *d, uint64_t offset, const uint8_t *data, size_t length);

/* Reads, or writes, whatever is asked for: false, too, where it is not within the disk. */
bool tb_medium_move(struct tb_medium *d, uint64_t offset, uint8_t *data, size_t length, bool write);

/* How many of the `count` sectors from lba come before the first bad one (count: none is bad). */
uint64_t tb_medium_good(const struct tb_medium *d, enum tb_medium_op op, uint64_t lba,
                        uint64_t count);

/* When an access to `count` (>= 1) sectors from lba that begins at `now` has the first of them
 * under the head: now + latency + seek + rotation, each rounded up to the tick. The arm ends where
 * the access ends. */
tb_time tb_medium_access(struct tb_medium *d, uint64_t lba, uint64_t count, tb_time now);

/* How long the arm takes over `distance` of `cylinders`: 0 for 0, then linear from track (1) over
 * average (a third) to full (all but one). */
tb_time tb_medium_seek_time(const struct tb_medium_seek *s, uint64_t distance, uint64_t cylinders);

#endif
