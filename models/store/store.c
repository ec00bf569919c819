/* The slow ways of a store: see store.h. */
#include "store.h"

void tb_store_make(struct tb_model *m, struct tb_store *s, uint64_t size)
{
    s->directory = tb_alloc(m, size / TB_STORE_PAGE / TB_STORE_TABLE + 1, sizeof *s->directory);
}

uint8_t *tb_store_new_page(struct tb_model *m, struct tb_store *s, uint64_t offset)
{
    uint8_t ***table = &s->directory[offset / TB_STORE_PAGE / TB_STORE_TABLE];
    if (!*table)
        *table = tb_page_alloc(m, TB_STORE_TABLE * sizeof **table);
    uint8_t **page = &(*table)[offset / TB_STORE_PAGE % TB_STORE_TABLE];
    *page = tb_page_alloc(m, TB_STORE_PAGE);
    s->pages++;
    return *page;
}

void tb_store_move_far(struct tb_model *m, struct tb_store *s, uint64_t offset, uint8_t *data,
                       size_t length, bool write)
{
    while (length) {
        size_t piece = TB_STORE_PAGE - offset % TB_STORE_PAGE;
        if (piece > length)
            piece = length;
        tb_store_move_piece(m, s, offset, data, piece, write);
        offset += piece;
        data += piece;
        length -= piece;
    }
}

void tb_store_claims(struct tb_model *m, uint64_t base, uint64_t size, struct tb_ranges *out)
{
    tb_ranges_add(
        m, out,
        (struct tb_range){
            .base = base, .last = base + size - 1, .space = TB_MEMORY, .model = m->index});
}

bool tb_store_debug(struct tb_model *m, struct tb_store *s, uint64_t base, uint64_t size,
                    struct tb_debug *d)
{
    if (d->space != TB_MEMORY || !tb_store_holds(base, size, d->address, d->length))
        return false;
    tb_store_move(m, s, d->address - base, d->data, d->length, d->write);
    return true;
}

bool tb_store_fact(uint64_t base, uint64_t size, const char *key, uint64_t *out)
{
    if (strcmp(key, "base") == 0)
        *out = base;
    else if (strcmp(key, "size") == 0)
        *out = size;
    else
        return false;
    return true;
}
