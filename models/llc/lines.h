/* The lines of a cache of bytes: tags, what they hold, and who has to go.
 *
 * Invariants: an address is in at most one line; a line that is pending (its bytes are on their
 * way) holds a tag but no bytes, and is never chosen to go; a dirty line is valid.
 */
#ifndef LLC_LINES_H
#define LLC_LINES_H

#include "cache/cache.h"

#define LLC_NO_LINE UINT32_MAX

enum llc_state { LLC_EMPTY, LLC_PENDING, LLC_VALID };

struct llc_line {
    uint64_t tag;   /* address / line size */
    uint64_t stamp; /* of the last use (lru) or the fill (fifo) */
    uint8_t state;  /* enum llc_state */
    bool dirty;
};

struct llc_lines {
    struct llc_line *line; /* sets * ways */
    uint8_t *bytes;        /* line_bytes of each */
    uint64_t line_bytes, sets, ways, clock;
    enum tb_replacement replacement;
    struct tb_random random;
};

/* The line of an address, pending or valid; or LLC_NO_LINE. */
uint32_t llc_lines_find(const struct llc_lines *c, uint64_t tag);

/* Where a new tag may go, within the first `ways` of its set: an empty line, else by the
 * replacement; LLC_NO_LINE if all are pending. Changes nothing but the random stream. */
uint32_t llc_lines_place(struct llc_lines *c, uint64_t tag, uint64_t ways);

/* Puts a tag into a line. */
void llc_lines_fill(struct llc_lines *c, uint32_t line, uint64_t tag, enum llc_state state);

/* Counts as a use. */
void llc_lines_touch(struct llc_lines *c, uint32_t line);

static inline uint8_t *llc_lines_bytes(const struct llc_lines *c, uint32_t line)
{
    return c->bytes + line * c->line_bytes;
}

#endif
