/* For tests: a virtio block device on a bus with memory, and a driver that writes rings byte by
 * byte. Numbers are VIRTIO 1.2's, written out. */
#ifndef TESTS_VIRTIO_RIG_H
#define TESTS_VIRTIO_RIG_H

#include "seen.h"
#include "suite.h"

#define RINGS                                                                                      \
    0x100000u /* of queue q: + q * 0x10000; the table, 0x4000 the driver's, 0x8000 the device's */
#define HEADS  0x300000u
#define DATA   0x400000u
#define TABLES 0x800000u
#define STATUS 0x900000u

enum { NEXT = 1, WRITE = 2, INDIRECT = 4 };

#define VERSION_1 ((uint64_t)1 << 32)
#define PLATFORM  ((uint64_t)1 << 33)
#define EVENT_IDX ((uint64_t)1 << 29)
#define INDIRECTS ((uint64_t)1 << 28)

struct rig {
    struct seen seen;
    struct tb_model *dev;
    bool pci;
    unsigned size; /* of queues */
    uint16_t avail[16], used[16];
    uint64_t features;
};

static inline void rig_load(struct rig *r, bool pci, const char *device, const char *disk,
                            const char *more)
{
    char text[1500];

    *r = (struct rig){.pci = pci, .size = 16};
    snprintf(text, sizeof text,
             "platform: test\n"
             "models:\n"
             "  cpu: {model: requester}\n"
             "  sys: {model: bus}\n"
             "  dram: {model: memory, size: 16MiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
             "  v0: {model: virtio-blk-%s, queue_size: 16%s, disk: {size: 4MiB, pattern: mix64, "
             "seed: 7%s}}\n"
             "links: [{from: cpu, to: sys}, {from: sys, to: dram}, {from: v0, to: sys}%s]\n",
             pci ? "pci" : "mmio", device, disk, more);
    seen_load(&r->seen, text);
    tb_diag_print(r->seen.diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->seen.sim);
    r->dev = tb_sim_model(r->seen.sim, "v0");
}

/* Nothing is left, and every picosecond is somewhere. */
static inline void rig_free(struct rig *r)
{
    bool sums = true;

    for (size_t i = 0; i < r->seen.count; i++) {
        const struct seen_txn *t = &r->seen.at[i];
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += t->txn.spent[p];
        sums = sums && sum == t->ended - t->txn.created;
    }
    CU_ASSERT_TRUE(sums);
    CU_ASSERT_EQUAL(tb_open(r->dev), 0);
    tb_sim_finish(r->seen.sim);
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(r->seen.sim)), 0);
    seen_free(&r->seen);
}

/* -- Registers --------------------------------------------------------------------------------- */

static inline enum tb_status rig_access(struct rig *r, uint8_t space, uint64_t address,
                                        unsigned size, bool write, uint64_t *value)
{
    uint8_t data[8] = {0};

    memcpy(data, value, 8);
    struct tb_access a = {
        .address = address, .data = data, .length = size, .space = space, .write = write};
    CU_ASSERT_TRUE(tb_sim_access(r->seen.sim, "cpu", &a));
    if (!write) {
        *value = 0;
        memcpy(value, data, size);
    }
    return (enum tb_status)a.status;
}

static inline void rig_out(struct rig *r, const char *name, uint64_t value)
{
    struct tb_symbol s;

    CU_ASSERT_TRUE_FATAL(tb_symbol(r->dev, name, &s));
    CU_ASSERT_EQUAL(rig_access(r, s.space, s.address, s.size, true, &value), TB_OK);
}

static inline uint64_t rig_in(struct rig *r, const char *name)
{
    struct tb_symbol s;
    uint64_t value = 0;

    CU_ASSERT_TRUE_FATAL(tb_symbol(r->dev, name, &s));
    CU_ASSERT_EQUAL(rig_access(r, s.space, s.address, s.size, false, &value), TB_OK);
    return value;
}

static inline uint64_t rig_offered(struct rig *r)
{
    rig_out(r, "device_features_sel", 0);
    uint64_t low = rig_in(r, "device_features");
    rig_out(r, "device_features_sel", 1);
    return low | rig_in(r, "device_features") << 32;
}

static inline bool rig_agree(struct rig *r, uint64_t features)
{
    rig_out(r, "status", 0);
    while (rig_in(r, "status"))
        ;
    rig_out(r, "status", 1);
    rig_out(r, "status", 3);
    for (unsigned i = 0; i < 2; i++) {
        rig_out(r, "driver_features_sel", i);
        rig_out(r, "driver_features", features >> 32 * i & 0xffffffff);
    }
    rig_out(r, "status", 11);
    r->features = features;
    return rig_in(r, "status") == 11;
}

static inline void rig_poke(struct rig *r, uint64_t at, uint64_t value, unsigned bytes)
{
    CU_ASSERT_TRUE(tb_sim_poke(r->seen.sim, at, &value, bytes));
}

static inline uint64_t rig_peek(struct rig *r, uint64_t at, unsigned bytes)
{
    uint64_t value = 0;

    CU_ASSERT_TRUE(tb_sim_peek(r->seen.sim, at, &value, bytes));
    return value;
}

static inline void rig_queue(struct rig *r, unsigned q)
{
    static const uint8_t zeros[0x10000];
    uint64_t at = RINGS + q * 0x10000;

    CU_ASSERT_TRUE(tb_sim_poke(r->seen.sim, at, zeros, sizeof zeros));
    r->avail[q] = r->used[q] = 0;
    rig_out(r, "queue_sel", q);
    rig_out(r, "queue_size", r->size);
    rig_out(r, "desc_low", at);
    rig_out(r, "desc_high", 0);
    rig_out(r, "driver_low", at + 0x4000);
    rig_out(r, "driver_high", 0);
    rig_out(r, "device_low", at + 0x8000);
    rig_out(r, "device_high", 0);
    rig_out(r, "queue_enable", 1);
}

/* From reset to DRIVER_OK, with one queue. */
static inline void rig_begin(struct rig *r, uint64_t features)
{
    CU_ASSERT_TRUE(rig_agree(r, features | VERSION_1));
    rig_queue(r, 0);
    rig_out(r, "status", 15);
}

static inline void rig_settle(struct rig *r)
{
    tb_sim_run(r->seen.sim, tb_sim_now(r->seen.sim) + 10 * TB_S);
    CU_ASSERT_TRUE(tb_sim_idle(r->seen.sim));
}

/* -- Rings ------------------------------------------------------------------------------------- */

static inline void rig_descriptor(struct rig *r, uint64_t table, unsigned i, uint64_t address,
                                  uint32_t length, unsigned flags, unsigned next)
{
    rig_poke(r, table + 16 * i, address, 8);
    rig_poke(r, table + 16 * i + 8, length | (uint64_t)flags << 32 | (uint64_t)next << 48, 8);
}

static inline void rig_offer(struct rig *r, unsigned q, unsigned head)
{
    uint64_t ring = RINGS + q * 0x10000 + 0x4000;

    rig_poke(r, ring + 4 + 2 * (r->avail[q] % r->size), head, 2);
    rig_poke(r, ring + 2, ++r->avail[q], 2);
}

static inline void rig_kick(struct rig *r, unsigned q)
{
    struct tb_symbol s;
    uint64_t value = q;

    CU_ASSERT_TRUE_FATAL(tb_symbol(r->dev, "notify", &s));
    rig_access(r, s.space, s.address + (r->pci ? 4 * q : 0), s.size, true, &value);
}

/* The next used element of a queue; false: there is none. */
static inline bool rig_used(struct rig *r, unsigned q, uint32_t *id, uint32_t *length)
{
    uint64_t ring = RINGS + q * 0x10000 + 0x8000, element;

    if ((uint16_t)rig_peek(r, ring + 2, 2) == r->used[q])
        return false;
    element = rig_peek(r, ring + 4 + 8 * (r->used[q]++ % r->size), 8);
    *id = (uint32_t)element;
    *length = (uint32_t)(element >> 32);
    return true;
}

/* A request of three descriptors from `head` on, of queue 0: header, data (none if 0 bytes), status
 * byte, which holds 0xee before. */
static inline void rig_put(struct rig *r, unsigned head, unsigned type, uint64_t sector,
                           uint64_t data, uint32_t bytes, bool write)
{
    uint64_t header = HEADS + 16 * head;

    rig_poke(r, header, type, 8);
    rig_poke(r, header + 8, sector, 8);
    rig_poke(r, STATUS + head, 0xee, 1);
    rig_descriptor(r, RINGS, head, header, 16, NEXT, bytes ? head + 1 : head + 2);
    if (bytes)
        rig_descriptor(r, RINGS, head + 1, data, bytes, NEXT | (write ? WRITE : 0), head + 2);
    rig_descriptor(r, RINGS, head + 2, STATUS + head, 1, WRITE, 0);
    rig_offer(r, 0, head);
}

/* Does one request; returns its status byte (0xee: it has none), with the length that was told. */
static inline unsigned rig_do(struct rig *r, unsigned type, uint64_t sector, uint64_t data,
                              uint32_t bytes, bool write, uint32_t *length)
{
    uint32_t id;

    rig_put(r, 0, type, sector, data, bytes, write);
    rig_kick(r, 0);
    rig_settle(r);
    *length = UINT32_MAX;
    if (rig_used(r, 0, &id, length))
        CU_ASSERT_EQUAL(id, 0);
    return (unsigned)rig_peek(r, STATUS, 1);
}

static inline bool rig_same(struct rig *r, uint64_t at, uint64_t offset, size_t length)
{
    uint8_t *bytes = malloc(2 * length);
    bool same = bytes && tb_sim_peek(r->seen.sim, at, bytes, length) &&
                tb_storage(r->dev, "disk0", offset, bytes + length, length, false) &&
                memcmp(bytes, bytes + length, length) == 0;

    free(bytes);
    return same;
}

static inline const struct seen_txn *rig_last(const struct rig *r, enum tb_txn_kind kind)
{
    for (size_t i = r->seen.count; i-- > 0;)
        if (r->seen.at[i].txn.kind == kind && !strcmp(r->seen.at[i].by, "v0"))
            return &r->seen.at[i];
    return NULL;
}

static inline uint64_t rig_count(const struct rig *r, const char *counter)
{
    return seen_counter(&r->seen, "v0", counter);
}

#endif
