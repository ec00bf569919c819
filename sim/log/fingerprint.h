/* Fingerprints: what is kept of a log that is too long to keep.
 *
 * A streaming pass over lines, while a run writes them or from a log file: the same lines give the
 * same fingerprint. Per run of the log it holds a hash per ingredient (times, order, addresses,
 * outcome, data) over every line and over each block of ten thousand, the number of lines by kind
 * and status, and the first lines in clear. sim/README.md fixes the format.
 *
 * Invariants: the hash of a run is that of its blocks' hashes, so a line is hashed once; every line
 * counts in every ingredient.
 */
#ifndef TB_FINGERPRINT_H
#define TB_FINGERPRINT_H

#include "log/line.h"
#include "log/outfile.h"

#include <nettle/sha2.h>

#define TB_BLOCK_LINES 10000
#define TB_CLEAR_LINES 200
#define TB_BLOCK_HASH  8 /* bytes of a block's hash that are kept */

/* What the header of a run says: strings belong to the header. */
struct tb_log_header {
    char *scenario, *platform, *resolved;
    char *only;     /* words of `only:`, separated by spaces; NULL: everything is logged */
    char *run_name; /* NULL: none */
    uint64_t seed;
    unsigned run, runs; /* 1-based; runs == 1: no `#run` line */
};

bool tb_log_header_set(struct tb_log_header *h, const char *scenario, const char *platform,
                       const char *resolved, uint64_t seed);
void tb_log_header_clear(struct tb_log_header *h);
void tb_log_header_write(const struct tb_log_header *h, struct tb_outfile *to);

struct tb_block {
    uint8_t hash[TB_INGREDIENTS][TB_BLOCK_HASH];
};

struct tb_fingerprint {
    struct tb_log_header header;
    uint64_t lines;
    uint64_t counts[TB_TXN_KINDS][TB_LOG_STATUSES];
    uint8_t all[TB_INGREDIENTS][SHA256_DIGEST_SIZE]; /* valid after tb_fingerprint_end */
    struct tb_block *blocks;
    size_t block_count, block_room;
    char *clear; /* the first lines, each with its newline */
    size_t clear_size, clear_room, clear_lines;
    bool failed; /* no memory: nothing else is valid */
    struct sha256_ctx block[TB_INGREDIENTS], total[TB_INGREDIENTS];
};

/* Begins a fingerprint; the header is the caller's to fill. */
void tb_fingerprint_begin(struct tb_fingerprint *f);
/* Adds the next line. */
void tb_fingerprint_line(struct tb_fingerprint *f, const struct tb_line *line);
/* Only keeps a line in clear, behind those that are there. */
void tb_fingerprint_keep(struct tb_fingerprint *f, const struct tb_line *line);
/* Ends it: `all` is valid. */
void tb_fingerprint_end(struct tb_fingerprint *f);
/* Frees what it holds, header included. */
void tb_fingerprint_clear(struct tb_fingerprint *f);

/* First line of a file of fingerprints, and of a log. */
#define TB_FINGERPRINT_MAGIC "#tollbridge-fingerprint v1"
#define TB_LOG_MAGIC         "#tollbridge-log v1"

/* Writes the `#all` line. */
void tb_fingerprint_write_all(const struct tb_fingerprint *f, struct tb_outfile *to);
/* Writes the section of one run; the magic line is the caller's. */
void tb_fingerprint_write(const struct tb_fingerprint *f, struct tb_outfile *to);

#endif
