/* The binary trace: one record per transaction, with where it was when. docs/trace-format.md is the
 * format.
 *
 * What both sides share, and the writer. Invariants of a file: it is a row of chunks, each of which
 * can be read without those before it but the header of its run; whatever is cut off, the chunks
 * before are whole, and of an uncompressed chunk the records before the cut.
 */
#ifndef TB_TRACE_H
#define TB_TRACE_H

#include "kernel/marks.h"

#include "tollbridge/sim.h"

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TB_TRACE_MAGIC       "TBTRACE1"
#define TB_TRACE_MAGIC_BYTES 8

/* A chunk's head, little-endian: type, flags, 0, 0, then 32 bits each: bytes that follow, bytes
 * they unfold to, CRC-32 of what follows; then 64 bits each: records, earliest creation, latest end
 * (of 'R' and 'E'). */
#define TB_TRACE_HEAD    40u
#define TB_TRACE_CHUNK   (256u << 10) /* most bytes of a chunk of records before compression */
#define TB_TRACE_RECORD  4096u        /* more than a record's longest */
#define TB_TRACE_VERSION 2
#define TB_TRACE_PASTS   2048u /* predecessors that records can refer to */

enum { TB_TRACE_RUN = 'H', TB_TRACE_RECORDS = 'R', TB_TRACE_END = 'E' };
enum { TB_TRACE_ZSTD = 1 };

/* What a record tells anew; the rest is as in its predecessor, or as far from it as that was from
 * its own. */
enum {
    TB_TRACE_PATH = 1,   /* initiator, kind, marks in full */
    TB_TRACE_MARKS = 2,  /* times of the same marks */
    TB_TRACE_NUMBER = 4, /* of the transaction */
    TB_TRACE_IOVA = 8,
    TB_TRACE_REST = 16 /* what follows, told by a byte of its own */
};
enum {
    TB_TRACE_ROUTE = 1,   /* length, who served it */
    TB_TRACE_ATTR = 2,    /* requester, flags, PASID, tag */
    TB_TRACE_PA = 4,      /* distance from the IOVA to the PA */
    TB_TRACE_VALUE = 8,   /* the two values */
    TB_TRACE_STATUS = 16, /* the outcome */
    TB_TRACE_LATENCY = 32 /* the marks are not the whole latency */
};

/* Writes v in 1 to 9 bytes: as many zeros as bytes follow, a one, then v, from the lowest bit up.
 */
static inline uint8_t *tb_trace_put(uint8_t *out, uint64_t v)
{
    if (__builtin_expect(v < 128, 1)) {
        *out = (uint8_t)(v * 2 + 1);
        return out + 1;
    }
    unsigned bits = 64 - (unsigned)__builtin_clzll(v);
    if (__builtin_expect(bits > 56, 0)) {
        uint64_t raw = htole64(v);
        *out = 0;
        memcpy(out + 1, &raw, 8);
        return out + 9;
    }
    unsigned bytes = (bits * 37 + 222) >> 8; /* (bits + 6) / 7 */
    uint64_t raw = htole64((v * 2 + 1) << (bytes - 1));
    memcpy(out, &raw, 8);
    return out + bytes;
}

/* Small numbers of either sign as small numbers. */
static inline uint64_t tb_trace_fold(uint64_t difference)
{
    return difference << 1 ^ (uint64_t)((int64_t)difference >> 63);
}

static inline uint64_t tb_trace_unfold(uint64_t folded)
{
    return folded >> 1 ^ -(folded & 1);
}

/* Whether this build can write and read compressed traces. */
bool tb_trace_can_compress(void);

struct tb_trace_writer;

/* Makes a file that is called `path` with .part appended until tb_trace_commit: what a killed
 * program wrote can be read under that name. Missing folders are made. NULL: errno. */
struct tb_trace_writer *tb_trace_create(const char *path, bool compress);

/* Begins a run of a simulator that records a trace (record.trace); 0, or an errno. */
int tb_trace_begin(struct tb_trace_writer *w, struct tb_sim *s);

/* The tb_observer; context is the writer. */
tb_observer tb_trace_observe;

/* Ends the run. */
void tb_trace_end(struct tb_trace_writer *w);

/* errno of the first failure, 0: none. */
int tb_trace_error(const struct tb_trace_writer *w);

/* Bytes, records and hops (messages that went over a wire) written so far. */
struct tb_trace_counts {
    uint64_t bytes, records, hops;
};
struct tb_trace_counts tb_trace_counts(const struct tb_trace_writer *w);

/* Gives the file its name; 0, or an errno. Ends the writer either way. */
int tb_trace_commit(struct tb_trace_writer *w);

/* Ends the writer; what was written is removed. NULL is allowed. */
void tb_trace_abandon(struct tb_trace_writer *w);

#endif
