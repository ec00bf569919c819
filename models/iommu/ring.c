/* The two logs in memory, of events and of page requests: rings written by timed writes
 * (2.5.1, 2.6.1).
 *
 * A record gets a buffer and its place in the log at once; its write goes up to memory, and the
 * tail register moves over records that have landed, in order. A log without room sets overflow and
 * stops.
 */
#include "internal.h"

void tb_ring_make(struct tb_iommu *u, struct tb_ring *g, const struct tb_ring_kind *kind,
                  uint32_t size)
{
    g->kind = kind;
    g->size = size;
    g->buffers = tb_alloc(u->m, size, sizeof *g->buffers);
}

static uint32_t ring_bytes(const struct tb_iommu *u, const struct tb_ring *g)
{
    return tb_amdvi_ring_entries(u->reg[g->kind->base]) * AMDVI_RING_ENTRY;
}

void tb_ring_moved(struct tb_iommu *u, struct tb_ring *g)
{
    g->next_tail = (uint32_t)u->reg[g->kind->tail] + g->count * AMDVI_RING_ENTRY;
}

void tb_ring_enabled(struct tb_iommu *u, struct tb_ring *g, bool enabled, tb_time when)
{
    bool run = enabled && !(u->reg[TB_REG_STATUS] & g->kind->overflow);
    tb_ring_moved(u, g);
    tb_status_change(u, run ? g->kind->running : 0, run ? 0 : g->kind->running, when);
}

/* 2.5.1: one entry stays empty. A full log sets overflow, and logging stops until software starts
 * it again. */
static bool has_room(struct tb_iommu *u, struct tb_ring *g, tb_time when)
{
    uint32_t bytes = ring_bytes(u, g);
    if (bytes) {
        uint32_t next = (g->next_tail + AMDVI_RING_ENTRY) & (bytes - 1);
        if (next != (u->reg[g->kind->head] & (bytes - 1)))
            return true;
    }
    tb_status_change(u, g->kind->overflow, g->kind->running, when);
    return false;
}

static void write_record(struct tb_iommu *u, struct tb_ring *g, const uint64_t q[2], tb_time when)
{
    uint32_t at = (g->first + g->count++) % g->size, mask = ring_bytes(u, g) - 1;
    uint64_t base = u->reg[g->kind->base] & AMDVI_BASE_ADDRESS;
    uint32_t txn = tb_iommu_begin(u, g->kind->txn_kind, when);
    struct tb_txn *t = tb_txn(u->m, txn);
    g->buffers[at] = (struct tb_ring_buffer){.txn = txn};
    t->owner = at;
    t->value[0] = q[0];
    t->value[1] = q[1];
    tb_store64(t->data, q[0]);
    tb_store64(t->data + 8, q[1]);
    tb_iommu_send(u, txn, TB_WRITE, base + (g->next_tail & mask), AMDVI_RING_ENTRY, when);
    g->next_tail = (g->next_tail + AMDVI_RING_ENTRY) & mask;
}

enum tb_logged tb_ring_record(struct tb_iommu *u, struct tb_ring *g, const uint64_t q[2],
                              tb_time when)
{
    if (!(u->reg[TB_REG_STATUS] & g->kind->running))
        return TB_LOG_LOST;
    if (g->count == g->size)
        return TB_LOG_BUSY;
    if (!has_room(u, g, when))
        return TB_LOG_LOST;
    write_record(u, g, q, when);
    return TB_LOGGED;
}

static void land(struct tb_iommu *u, struct tb_ring *g, const struct tb_ring_buffer *record)
{
    uint32_t bytes = ring_bytes(u, g);
    if (bytes && record->done)
        u->reg[g->kind->tail] = (u->reg[g->kind->tail] + AMDVI_RING_ENTRY) & (bytes - 1);
}

bool tb_ring_arrived(struct tb_iommu *u, struct tb_ring *g, const struct tb_msg *msg, tb_time when)
{
    struct tb_ring_buffer *record = &g->buffers[tb_txn(u->m, msg->txn)->owner];
    bool good = msg->status == TB_OK;
    tb_txn_end(u->m, msg->txn, msg->status, when);
    record->txn = TB_NO_TXN;
    record->done = good;
    while (g->count && g->buffers[g->first].txn == TB_NO_TXN) {
        land(u, g, &g->buffers[g->first]);
        g->first = (g->first + 1) % g->size;
        g->count--;
    }
    /* A log that is not in memory: nothing can be logged. */
    tb_status_change(u, good ? g->kind->interrupt : 0, good ? 0 : g->kind->running, when);
    return good;
}
