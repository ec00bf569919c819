/* What formats of one flat table share: an array of 32-bit entries, one per 4 KiB page of a window,
 * and a few registers that say where both are.
 *
 * There is no device table, no command buffer and no log: every request is looked up in the one
 * table, and a flush is a write to a register. A flush drops pages at once, poisons walks (as
 * INVALIDATE_IOMMU_PAGES of AMD's does), and is over when every request that was looked up before
 * it has been answered: requests are counted in two epochs, as for COMPLETION_WAIT. How software
 * sees that it is over is the format's: a bit that it can poll (GART), or accesses of registers,
 * the flush itself first, that are answered only then (sun4m; on its bus nothing else could be
 * between).
 */
#include "internal.h"

#include <string.h>

enum { PAGE_SHIFT = 12, ENTRY = 4 };

/* -- The table --------------------------------------------------------------------------------- */

/* The cursor's table is where the entry of address 0 would be, wrapped: then an entry's place needs
 * nothing but the address. */
enum tb_step tb_flat_begin(const struct tb_context *context, uint64_t iova, struct tb_cursor *out)
{
    *out = (struct tb_cursor){.iova = iova,
                              .table = context->root - (context->first >> PAGE_SHIFT) * ENTRY,
                              .level = 1,
                              .perm = TB_PERM_READ | TB_PERM_WRITE};
    if ((iova - context->first) >> context->bits == 0)
        return TB_STEP_READ;
    out->refusal = TB_REFUSE_TOO_HIGH;
    return TB_STEP_REFUSED;
}

uint64_t tb_flat_where(const struct tb_cursor *cursor)
{
    return cursor->table + (cursor->iova >> PAGE_SHIFT) * ENTRY;
}

unsigned tb_flat_span(unsigned level)
{
    (void)level;
    return 64;
}

void tb_flat_use(struct tb_iommu *u, uint64_t root, uint64_t first, unsigned bits)
{
    u->flat.context = (struct tb_context){.root = root,
                                          .first = first,
                                          .bits = (uint8_t)bits,
                                          .kind = TB_CONTEXT_TABLE,
                                          .perm = TB_PERM_READ | TB_PERM_WRITE};
}

/* -- Flushes ----------------------------------------------------------------------------------- */

static void new_epoch(struct tb_iommu *u)
{
    u->epoch = !u->epoch;
    u->flat.draining = u->inside[!u->epoch] != 0;
}

void tb_flat_flush(struct tb_iommu *u, uint64_t first, uint64_t last, tb_time when)
{
    (void)when;
    u->n->invalidations++;
    u->changes++;
    u->n->invalidated += tb_iotlb_invalidate(&u->iotlb, 0, first, last);
    tb_walker_poison(u, 0, first, last);
    if (u->flat.draining)
        u->flat.again = true;
    else
        new_epoch(u);
}

void tb_flat_hold(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    tb_release(u->m, r->credit, when); /* what it waits for may need the room */
    r->credit = TB_NO_CREDIT;
    tb_list_push(u, &u->flat.held, txn);
}

void tb_flat_drained(struct tb_iommu *u, tb_time when)
{
    uint32_t txn;
    if (!u->flat.draining)
        return;
    u->flat.draining = false;
    if (u->flat.again) {
        u->flat.again = false;
        new_epoch(u);
    }
    while (!u->flat.draining && (txn = tb_list_pop(u, &u->flat.held)) != TB_NOTHING)
        tb_request_access(u, txn, when);
}

/* -- Registers --------------------------------------------------------------------------------- */

static void access_word(struct tb_iommu *u, const struct tb_flat_words *words, uint64_t offset,
                        uint8_t *data, unsigned from, unsigned to, bool write, tb_time when)
{
    uint8_t bytes[8] = {0}, written[8] = {0};
    tb_store64(bytes, words->read(u, offset));
    if (!write) {
        memcpy(data, bytes + from, to - from);
        return;
    }
    memcpy(bytes + from, data, to - from);
    memset(written + from, 0xff, to - from);
    words->write(u, offset, (uint32_t)tb_load64(bytes), (uint32_t)tb_load64(written), when);
}

void tb_flat_access(struct tb_iommu *u, const struct tb_flat_words *words, uint64_t offset,
                    uint8_t *data, uint32_t length, bool write, tb_time when)
{
    while (length) {
        unsigned from = offset % 4;
        unsigned to = length < 4 - from ? from + length : 4;
        access_word(u, words, offset - from, data, from, to, write, when);
        offset += to - from;
        data += to - from;
        length -= to - from;
    }
}
