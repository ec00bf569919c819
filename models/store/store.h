/* Sparse bytes: what a memory holds, in pages that come into being when something other than zero
 * is written to them. A part that models include, no model.
 *
 * Invariants: a page that does not exist reads as zeros; offsets are from the store's first byte,
 * and the caller has checked that offset + length is within its size; pages come from
 * tb_page_alloc, the one exception to "nothing allocates after elaboration".
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "tollbridge/model.h"

#include <string.h>

#define TB_STORE_PAGE  4096u
#define TB_STORE_TABLE 512u /* pages per directory entry: 2 MiB */

struct tb_store {
    uint8_t ***directory; /* of tables of pages; NULL where there is none */
    uint64_t pages;       /* how many exist */
};

/* Makes an empty store of `size` bytes; at elaboration. */
void tb_store_make(struct tb_model *m, struct tb_store *s, uint64_t size);

/* The page of an offset where there was none: of zeros, now held. */
uint8_t *tb_store_new_page(struct tb_model *m, struct tb_store *s, uint64_t offset);

/* As tb_store_move, over any number of pages. */
void tb_store_move_far(struct tb_model *m, struct tb_store *s, uint64_t offset, uint8_t *data,
                       size_t length, bool write);

/* What a memory of `size` bytes at `base` says of itself, for struct tb_class's `claims`, `debug`
 * and `fact`. */
void tb_store_claims(struct tb_model *m, uint64_t base, uint64_t size, struct tb_ranges *out);
bool tb_store_debug(struct tb_model *m, struct tb_store *s, uint64_t base, uint64_t size,
                    struct tb_debug *d);
bool tb_store_fact(uint64_t base, uint64_t size, const char *key, uint64_t *out);

/* Is [address, address + length) within `size` bytes from `base`? */
static inline bool tb_store_holds(uint64_t base, uint64_t size, uint64_t address, uint64_t length)
{
    return address >= base && length <= size && address - base <= size - length;
}

/* The page of an offset, or NULL. */
static inline uint8_t *tb_store_page(const struct tb_store *s, uint64_t offset)
{
    uint8_t **table = s->directory[offset / TB_STORE_PAGE / TB_STORE_TABLE];
    return table ? table[offset / TB_STORE_PAGE % TB_STORE_TABLE] : NULL;
}

static inline bool tb_store_is_zero(const uint8_t *data, size_t length)
{
    return data[0] == 0 && memcmp(data, data + 1, length - 1) == 0;
}

/* Copies bytes (at least one) from or to one page. Inline: it is the reference workloads' hottest
 * path. */
static inline void tb_store_move_piece(struct tb_model *m, struct tb_store *s, uint64_t offset,
                                       uint8_t *data, size_t length, bool write)
{
    uint8_t *page = tb_store_page(s, offset);
    if (!write) {
        if (page)
            memcpy(data, page + offset % TB_STORE_PAGE, length);
        else
            memset(data, 0, length);
        return;
    }
    if (!page) {
        if (tb_store_is_zero(data, length))
            return;
        page = tb_store_new_page(m, s, offset);
    }
    memcpy(page + offset % TB_STORE_PAGE, data, length);
}

/* Copies `length` (at least one) bytes between data and the store: from data if `write`. */
static inline void tb_store_move(struct tb_model *m, struct tb_store *s, uint64_t offset,
                                 uint8_t *data, size_t length, bool write)
{
    if (offset % TB_STORE_PAGE + length > TB_STORE_PAGE)
        tb_store_move_far(m, s, offset, data, length, write);
    else
        tb_store_move_piece(m, s, offset, data, length, write);
}

/* Serves a request from a store of `size` bytes at `base`: tells the transaction who served it, at
 * which address and when, and moves the bytes. TB_UNSUPPORTED: what lies elsewhere, or is no read
 * or write. */
static inline enum tb_status tb_store_serve(struct tb_model *m, struct tb_store *s, uint64_t base,
                                            uint64_t size, const struct tb_msg *msg, tb_time when)
{
    struct tb_txn *t = tb_txn(m, msg->txn);
    t->to = m->index;
    if (!t->has_pa) {
        t->pa = msg->address;
        t->has_pa = 1;
    }
    if (msg->kind > TB_WRITE || msg->space != TB_MEMORY ||
        !tb_store_holds(base, size, msg->address, msg->length))
        return TB_UNSUPPORTED;
    tb_store_move(m, s, msg->address - base, t->data, msg->length, msg->kind == TB_WRITE);
    t->served = when;
    return TB_OK;
}

#endif
