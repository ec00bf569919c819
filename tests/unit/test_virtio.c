/* The virtio block device on the real kernel, behind both transports: handshake, requests, timing,
 * interrupts, which port its accesses take, PCI's header. */
#include "../virtio_rig.h"

#define BOTH(pci) for (unsigned pci = 0; pci < 2; pci++)

/* -- Handshake ------------------------------------------------------------------------------- */

static void test_identity(void)
{
    struct rig r;
    uint64_t value = 0;

    rig_load(&r, false, "", "", "");
    static const struct {
        unsigned offset;
        uint32_t value;
    } rows[] = {{0, 0x74726976}, {4, 2}, {8, 2}, {0x34, 16}, {0x44, 0}, {0x60, 0}, {0x70, 0}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_access(&r, TB_MEMORY, 0xfeb00000 + rows[i].offset, 4, false, &value);
        CU_ASSERT_EQUAL(value, rows[i].value);
    }
    CU_ASSERT_EQUAL(rig_in(&r, "capacity_low"), 8192);
    CU_ASSERT_EQUAL(rig_in(&r, "seg_max"), 14);
    CU_ASSERT_EQUAL(rig_in(&r, "blk_size"), 512);
    rig_free(&r);
}

static void test_features(void)
{
    struct rig r;

    BOTH(pci)
    {
        rig_load(&r, pci, ", access_platform: no, indirect: false, discard: false", "", "");
        CU_ASSERT_EQUAL(rig_offered(&r), VERSION_1 | EVENT_IDX | 0x244);
        rig_free(&r);
        rig_load(&r, pci, ", queues: 2, size_max: 4096, read_only: true", "", "");
        CU_ASSERT_EQUAL(rig_offered(&r), VERSION_1 | PLATFORM | EVENT_IDX | INDIRECTS | 0x7266);
        rig_out(&r, "device_features_sel", 2);
        CU_ASSERT_EQUAL(rig_in(&r, "device_features"), 0);
        rig_free(&r);
    }
}

/* FEATURES_OK holds only for a subset of what is offered, with VERSION_1 (2.2.2); and if the device
 * insists, with ACCESS_PLATFORM (6.2). */
static void test_refusal(void)
{
    struct rig r;

    BOTH(pci)
    {
        rig_load(&r, pci, ", event_idx: false", "", "");
        CU_ASSERT_TRUE(rig_agree(&r, VERSION_1));
        CU_ASSERT_TRUE(rig_agree(&r, VERSION_1 | PLATFORM));
        CU_ASSERT_FALSE(rig_agree(&r, 0));
        CU_ASSERT_FALSE(rig_agree(&r, VERSION_1 | EVENT_IDX));
        CU_ASSERT_EQUAL(rig_in(&r, "status"), 3);
        rig_out(&r, "status", 15); /* DRIVER_OK without FEATURES_OK */
        CU_ASSERT_EQUAL(rig_in(&r, "status"), 3);
        rig_free(&r);
        rig_load(&r, pci, ", access_platform: required", "", "");
        CU_ASSERT_FALSE(rig_agree(&r, VERSION_1));
        CU_ASSERT_TRUE(rig_agree(&r, VERSION_1 | PLATFORM));
        rig_out(&r, "driver_features", 0); /* agreed: what comes later changes nothing */
        CU_ASSERT_EQUAL(rig_in(&r, "status"), 11);
        rig_free(&r);
    }
}

/* -- Requests -------------------------------------------------------------------------------- */

static void test_requests(void)
{
    static const char *const ways[] = {"", ", burst: 4KiB, outstanding: 1", ", posted: true",
                                       ", buffer: 4KiB, burst: 100B, requests: 1"};
    struct rig r;
    uint32_t length;

    BOTH(pci)
    for (unsigned i = 0; i < 4; i++) {
        rig_load(&r, pci, ways[i], "", "");
        rig_begin(&r, 0);
        CU_ASSERT_EQUAL(rig_do(&r, 0, 3, DATA + 2, 65536, true, &length), 0);
        CU_ASSERT_EQUAL(length, 65537);
        CU_ASSERT_TRUE(rig_same(&r, DATA + 2, 3 * 512, 65536));
        for (unsigned k = 0; k < 4096; k++)
            rig_poke(&r, DATA + 8 * k, k * 0x9E3779B97F4A7C15u, 8);
        CU_ASSERT_EQUAL(rig_do(&r, 1, 8192 - 64, DATA, 32768, false, &length), 0);
        CU_ASSERT_EQUAL(length, 1);
        CU_ASSERT_TRUE(rig_same(&r, DATA, (8192 - 64) * 512, 32768));
        CU_ASSERT_EQUAL(rig_do(&r, 4, 0, 0, 0, false, &length), 0);
        CU_ASSERT_EQUAL(length, 1);
        CU_ASSERT_EQUAL(rig_count(&r, "requests"), 3);
        CU_ASSERT_EQUAL(rig_count(&r, "failed"), 0);
        CU_ASSERT_EQUAL(rig_count(&r, "read_bytes"), 65536);
        CU_ASSERT_EQUAL(rig_count(&r, "written_bytes"), 32768);
        CU_ASSERT_EQUAL(rig_in(&r, "status"), 15);
        rig_free(&r);
    }
}

static void test_identifier(void)
{
    struct rig r;
    uint32_t length;
    uint8_t id[21];

    rig_load(&r, true, ", serial: HELLO", "", "");
    rig_begin(&r, 0);
    rig_poke(&r, DATA + 20, 0x5a, 1);
    CU_ASSERT_EQUAL(rig_do(&r, 8, 0, DATA, 20, true, &length), 0);
    CU_ASSERT_EQUAL(length, 21);
    tb_sim_peek(r.seen.sim, DATA, id, 21);
    CU_ASSERT_EQUAL(memcmp(id, "HELLO\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x5a", 21), 0);
    CU_ASSERT_EQUAL(rig_do(&r, 8, 0, DATA, 3, true, &length), 0);
    CU_ASSERT_EQUAL(length, 4);
    rig_free(&r);
}

/* Requests that end with an error, and the device goes on. */
static void test_errors(void)
{
    static const struct {
        unsigned type;
        uint64_t sector;
        uint32_t bytes;
        bool write;
        unsigned status;
        uint32_t length;
    } rows[] = {{0, 8192, 512, true, 1, 0},  {0, 8191, 1024, true, 1, 0},
                {0, 0, 100, true, 1, 0},     {0, UINT64_MAX, 512, true, 1, 0},
                {1, 8192, 512, false, 1, 1}, {2, 0, 512, true, 2, 0},
                {14, 0, 16, false, 2, 1},    {0, 40, 1024, true, 1, 0},
                {1, 50, 512, false, 1, 1},   {0, 50, 512, true, 0, 513},
                {0, 8192, 0, false, 0, 1},   {0, 8191, 512, true, 0, 513}};
    struct rig r;
    uint32_t length;

    BOTH(pci)
    {
        rig_load(&r, pci, "", ", errors: [{lba: 41}, {lba: 50, op: write}]", "");
        rig_begin(&r, 0);
        for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            CU_ASSERT_EQUAL(rig_do(&r, rows[i].type, rows[i].sector, DATA, rows[i].bytes,
                                   rows[i].write, &length),
                            rows[i].status);
            CU_ASSERT_EQUAL(length, rows[i].length);
        }
        CU_ASSERT_EQUAL(rig_in(&r, "status"), 15);
        rig_free(&r);
    }
    rig_load(&r, true, ", read_only: true, block_size: 4KiB", "", "");
    rig_begin(&r, 0);
    CU_ASSERT_EQUAL(rig_do(&r, 1, 0, DATA, 4096, false, &length), 1);
    CU_ASSERT_EQUAL(rig_do(&r, 0, 0, DATA, 512, true, &length), 1);
    CU_ASSERT_EQUAL(rig_do(&r, 0, 1, DATA, 4096, true, &length), 1);
    CU_ASSERT_EQUAL(rig_do(&r, 0, 8, DATA, 4096, true, &length), 0);
    rig_free(&r);
}

/* Discard and write zeroes: one range, of at most `discard_max` sectors. */
static void test_ranges(void)
{
    static const struct {
        unsigned type, count, flags, bytes, status;
        uint64_t sector;
    } rows[] = {{13, 8, 0, 16, 0, 16},     {13, 8, 1, 16, 0, 32}, {11, 8, 0, 16, 0, 48},
                {11, 8, 1, 16, 2, 64},     {13, 8, 2, 16, 2, 64}, {13, 101, 0, 16, 1, 64},
                {13, 8, 0, 16, 1, 8185},   {13, 8, 0, 32, 2, 64}, {11, 8, 0, 8, 1, 64},
                {13, 8, 0, 16, 1, 1 << 20}};
    struct rig r;
    uint32_t length;
    uint8_t sector[512], zeros[512] = {0};

    rig_load(&r, false, ", discard_max: 100", "", "");
    rig_begin(&r, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig_poke(&r, DATA, rows[i].sector, 8);
        rig_poke(&r, DATA + 8, rows[i].count | (uint64_t)rows[i].flags << 32, 8);
        CU_ASSERT_EQUAL(rig_do(&r, rows[i].type, 0, DATA, rows[i].bytes, false, &length),
                        rows[i].status);
        for (unsigned k = 0; k < 8 && rows[i].sector < 8185; k++) {
            tb_storage(r.dev, "disk0", (rows[i].sector + k) * 512, sector, 512, false);
            CU_ASSERT_EQUAL(memcmp(sector, zeros, 512) == 0, rows[i].status == 0);
        }
    }
    rig_free(&r);
}

/* -- Time ------------------------------------------------------------------------------------ */

/* A request's own time is what the medium says: 10 us of latency, 2 us of overhead, and 64 KiB at
 * 256 B per 1 us. Two at once are served one after the other. */
static void test_time(void)
{
    struct rig r;
    uint32_t length;

    rig_load(&r, false, ", overhead: 2us, flush_time: 5us, buffer: 4KiB",
             ", latency: 10us, media: 256B per 1us", "");
    rig_begin(&r, 0); /* in sixteen parts: overhead and latency are the request's all the same */
    CU_ASSERT_EQUAL(rig_do(&r, 0, 0, DATA, 65536, true, &length), 0);
    CU_ASSERT_EQUAL(rig_last(&r, TB_TXN_DISK)->txn.spent[TB_PART_DEVICE], 268 * TB_US);
    rig_free(&r);
    rig_load(&r, false, ", overhead: 2us, flush_time: 5us", ", latency: 10us, media: 256B per 1us",
             "");
    rig_begin(&r, 0);
    CU_ASSERT_EQUAL(rig_do(&r, 0, 0, DATA, 65536, true, &length), 0);
    CU_ASSERT_EQUAL(rig_last(&r, TB_TXN_DISK)->txn.spent[TB_PART_DEVICE], 268 * TB_US);
    CU_ASSERT_EQUAL(rig_last(&r, TB_TXN_DISK)->txn.length, 128);
    CU_ASSERT_EQUAL(rig_do(&r, 4, 0, 0, 0, false, &length), 0);
    CU_ASSERT_EQUAL(rig_last(&r, TB_TXN_DISK)->txn.spent[TB_PART_DEVICE], 7 * TB_US);
    rig_put(&r, 3, 0, 0, DATA, 65536, true);
    rig_put(&r, 6, 0, 128, DATA + 65536, 65536, true);
    tb_time begun = tb_sim_now(r.seen.sim);
    rig_kick(&r, 0);
    rig_settle(&r);
    const struct seen_txn *last = rig_last(&r, TB_TXN_DISK);
    CU_ASSERT_EQUAL(last->txn.spent[TB_PART_DEVICE], 268 * TB_US);
    CU_ASSERT_TRUE(last->ended - begun > 536 * TB_US);
    CU_ASSERT_TRUE(last->ended - begun < 650 * TB_US);
    rig_free(&r);
}

/* -- Interrupts ------------------------------------------------------------------------------ */

static void test_interrupts(void)
{
    struct rig r;
    uint32_t length;

    BOTH(pci)
    {
        rig_load(&r, pci, "", "", "");
        rig_begin(&r, 0);
        rig_do(&r, 4, 0, 0, 0, false, &length);
        CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 1);
        rig_do(&r, 4, 0, 0, 0, false, &length); /* the line is still up */
        CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 1);
        CU_ASSERT_EQUAL(rig_in(&r, "isr"), 1);
        if (!pci) {
            CU_ASSERT_EQUAL(rig_in(&r, "isr"), 1);
            rig_out(&r, "isr_ack", 1);
        }
        CU_ASSERT_EQUAL(rig_in(&r, "isr"), 0);
        rig_do(&r, 4, 0, 0, 0, false, &length);
        CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 2);
        rig_poke(&r, RINGS + 0x4000, 1, 2); /* VIRTQ_AVAIL_F_NO_INTERRUPT */
        rig_in(&r, "isr");
        if (!pci)
            rig_out(&r, "isr_ack", 1);
        rig_do(&r, 4, 0, 0, 0, false, &length);
        CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 2);
        CU_ASSERT_EQUAL(rig_count(&r, "suppressed"), 1);
        rig_poke(&r, RINGS + 0x4000, 0, 2);
        rig_do(&r, 4, 0, 0, 0, false, &length);
        rig_offer(&r, 0, 99); /* it breaks, and wants to say that, too */
        rig_kick(&r, 0);
        rig_settle(&r);
        CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 3);
        if (!pci) { /* one is acknowledged, the other is still there: a new edge */
            rig_out(&r, "isr_ack", 1);
            CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 4);
        }
        CU_ASSERT_EQUAL(rig_in(&r, "isr"), pci ? 3 : 2);
        rig_free(&r);
    }
}

/* EVENT_IDX: the driver says from which used element on it wants to hear (2.7.7), the device at
 * which available one (2.7.10). */
static void test_events(void)
{
    struct rig r;
    uint32_t length;

    BOTH(pci)
    {
        rig_load(&r, pci, "", "", "");
        rig_begin(&r, EVENT_IDX);
        rig_poke(&r, RINGS + 0x4000 + 4 + 2 * 16, 3, 2); /* used_event */
        for (unsigned i = 0; i < 5; i++) {
            rig_do(&r, 4, 0, 0, 0, false, &length);
            CU_ASSERT_EQUAL(rig_peek(&r, RINGS + 0x8000 + 4 + 8 * 16, 2), i + 1);
            /* the first is always told of; then the fourth, whose index 3 it waits for */
            CU_ASSERT_EQUAL(rig_count(&r, "suppressed"), i == 0 ? 0 : i < 3 ? i : i == 3 ? 2 : 3);
        }
        rig_free(&r);
    }
}

/* -- Who decides about DMA ------------------------------------------------------------------- */

#define TWO_WAYS                                                                                   \
    "platform: two\nmodels:\n  cpu: {model: requester}\n  sys: {model: bus}\n"                     \
    "  dram: {model: memory, size: 16MiB}\n  guest: {model: memory, size: 16MiB}\n"                \
    "  v0: {model: virtio-blk-pci, queue_size: 16, disk: {size: 4MiB, pattern: mix64}}\n"          \
    "links: [{from: cpu, to: sys}, {from: sys, to: dram}, {from: v0, to: sys}, {from: v0.memory, " \
    "to: guest}]\n"

/* With ACCESS_PLATFORM every access goes the way of the transport; without it none does, if there
 * is another way. */
static void test_ports(void)
{
    for (unsigned platform = 0; platform < 2; platform++) {
        struct rig r = {.pci = true, .size = 16};
        seen_load(&r.seen, TWO_WAYS);
        tb_diag_print(r.seen.diag, stderr);
        CU_ASSERT_PTR_NOT_NULL_FATAL(r.seen.sim);
        r.dev = tb_sim_model(r.seen.sim, "v0");
        unsigned wanted = tb_sim_model(r.seen.sim, platform ? "dram" : "guest")->index, wrong = 0;
        uint32_t length;
        rig_begin(&r, platform ? PLATFORM : 0);
        rig_do(&r, 0, 0, DATA, 4096, true, &length);
        for (size_t i = 0; i < r.seen.count; i++)
            wrong += r.seen.at[i].txn.kind == TB_TXN_DMA && !strcmp(r.seen.at[i].by, "v0") &&
                     r.seen.at[i].txn.to != wanted;
        CU_ASSERT_EQUAL(wrong, 0);
        CU_ASSERT_TRUE(rig_count(&r, "bursts") > 0);
        CU_ASSERT_EQUAL(rig_count(&r, "requests"), platform); /* guest memory has no rings */
        rig_free(&r);
    }
}

/* What is refused before anything runs: parameters that do not go together, and links. */
static void test_refused(void)
{
    static const struct {
        const char *device, *more, *what;
    } rows[] = {
        {", queue_size: 12", "", "'queue_size' must be a power of two"},
        {", block_size: 1000B", "", "'block_size' must be a power of two"},
        {", serial: abcdefghijklmnopqrstu", "", "'serial' has more than 20 letters"},
        {", seg_max: 255, queue_size: 256", "", "'seg_max' and two more"},
        {", base: 0x1800", "", "'base' must be a multiple of 4 KiB"},
        {", bar: 0xfe001000", "", "unknown parameter 'bar'"},
        {", disk: {pattern: zero}", "", "needs a size or a file"},
        {"", ", {from: v0, to: sys}", "'v0' has no free port 'bus'"},
        {"", ", {from: v0.memory, to: sys}, {from: v0.memory, to: sys}",
         "'v0' has no free port 'memory'"},
        {"", ", {from: v0.ram, to: sys}", "'v0' has no free port 'ram'"},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct seen s;
        char text[1000];
        bool found = false;
        snprintf(text, sizeof text,
                 "platform: test\nmodels:\n  cpu: {model: requester}\n  sys: {model: bus}\n"
                 "  dram: {model: memory, size: 16MiB}\n  v0: {model: virtio-blk-mmio%s%s}\n"
                 "links: [{from: cpu, to: sys}, {from: sys, to: dram}, {from: v0, to: sys}%s]\n",
                 rows[i].device, strstr(rows[i].device, "disk") ? "" : ", disk: {size: 4MiB}",
                 rows[i].more);
        seen_load(&s, text);
        CU_ASSERT_PTR_NULL(s.sim);
        for (size_t k = 0; k < tb_diag_count(s.diag); k++)
            found = found || strstr(tb_diag_text(s.diag, k), rows[i].what);
        CU_ASSERT_TRUE(found);
        if (!found) {
            printf("\n    nobody said %s", rows[i].what);
            tb_diag_print(s.diag, stdout);
        }
        seen_free(&s);
    }
}

/* -- PCI ------------------------------------------------------------------------------------- */

static uint32_t config(struct rig *r, unsigned offset, unsigned size, bool write, uint32_t value)
{
    uint64_t v = value;

    CU_ASSERT_EQUAL(rig_access(r, TB_CONFIG, (0x18 << 12) + offset, size, write, &v), TB_OK);
    return (uint32_t)v;
}

/* The list of capabilities leads to every structure; what is behind it is what the registers say.
 */
static void test_capabilities(void)
{
    struct rig r;
    unsigned found = 0;
    uint64_t value = 0;

    rig_load(&r, true, "", "", "");
    CU_ASSERT_EQUAL(config(&r, 0, 4, false, 0), 0x10421af4);
    CU_ASSERT_EQUAL(config(&r, 8, 4, false, 0), 0x01000001);
    CU_ASSERT_EQUAL(config(&r, 6, 2, false, 0) & 0x10, 0x10);
    config(&r, 0x10, 4, true, UINT32_MAX);
    CU_ASSERT_EQUAL(config(&r, 0x10, 4, false, 0), 0xffffc000);
    CU_ASSERT_EQUAL(rig_access(&r, TB_MEMORY, 0xfe000014, 1, false, &value), TB_UNSUPPORTED);
    config(&r, 0x10, 4, true, 0xfe000000);
    for (unsigned at = config(&r, 0x34, 1, false, 0); at; at = config(&r, at + 1, 1, false, 0)) {
        unsigned type = config(&r, at + 3, 1, false, 0);
        CU_ASSERT_EQUAL(config(&r, at, 1, false, 0), 9);
        CU_ASSERT_TRUE_FATAL(type >= 1 && type <= 5);
        found |= 1u << type;
        uint64_t where = 0xfe000000 + config(&r, at + 8, 4, false, 0);
        if (type == 1) {
            CU_ASSERT_EQUAL(config(&r, at + 12, 4, false, 0), 0x38);
            rig_access(&r, TB_MEMORY, where + 0x12, 2, false, &value);
            CU_ASSERT_EQUAL(value, 1); /* num_queues */
        } else if (type == 2) {
            CU_ASSERT_EQUAL(config(&r, at + 16, 4, false, 0), 4);
        } else if (type == 4) {
            rig_access(&r, TB_MEMORY, where, 8, false, &value);
            CU_ASSERT_EQUAL(value, 8192); /* capacity */
        } else if (type == 5) {
            config(&r, at + 8, 4, true, 0x2000);
            config(&r, at + 12, 4, true, 4);
            CU_ASSERT_EQUAL(config(&r, at + 16, 4, false, 0), 8192);
            config(&r, at + 8, 4, true, 0x14);
            config(&r, at + 12, 4, true, 1);
            config(&r, at + 16, 1, true, 1);
            CU_ASSERT_EQUAL(rig_in(&r, "status"), 1);
        }
    }
    CU_ASSERT_EQUAL(found, 0x3e);
    static const unsigned wrong[][2] = {{0x14, 4}, {0x14, 2}, {0x12, 4},
                                        {0x13, 1}, {0x20, 8}, {4, 2}};
    for (unsigned i = 0; i < 6; i++) { /* not a field's width: no value, no effect */
        value = UINT64_MAX;
        rig_access(&r, TB_MEMORY, 0xfe000000 + wrong[i][0], wrong[i][1], true, &value);
        rig_access(&r, TB_MEMORY, 0xfe000000 + wrong[i][0], wrong[i][1], false, &value);
        CU_ASSERT_EQUAL(value, 0);
    }
    CU_ASSERT_EQUAL(rig_in(&r, "status"), 1);
    CU_ASSERT_EQUAL(rig_in(&r, "desc_low"), 0);
    rig_free(&r);
}

/* Moved, it answers at the new place and not at the old; a transfer that is under way goes on. */
static void test_moved(void)
{
    struct rig r;
    uint64_t value = 0;

    rig_load(&r, true, "", ", media: 1GB/s", "");
    rig_begin(&r, 0);
    rig_put(&r, 0, 0, 0, DATA, 65536, true);
    rig_kick(&r, 0);
    config(&r, 0x10, 4, true, 0xe0004000);
    CU_ASSERT_EQUAL(rig_peek(&r, STATUS, 1), 0xee);
    CU_ASSERT_EQUAL(rig_access(&r, TB_MEMORY, 0xfe000014, 1, false, &value), TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(rig_access(&r, TB_MEMORY, 0xe0004014, 1, false, &value), TB_OK);
    CU_ASSERT_EQUAL(value, 15);
    rig_settle(&r);
    CU_ASSERT_EQUAL(rig_peek(&r, STATUS, 1), 0);
    CU_ASSERT_TRUE(rig_same(&r, DATA, 0, 65536));
    CU_ASSERT_EQUAL(rig_in(&r, "isr"), 1); /* the symbol moved, too */
    rig_free(&r);
}

static void test_command(void)
{
    struct rig r;
    uint32_t length;
    uint64_t value = 0;

    rig_load(&r, true, "", "", "");
    rig_begin(&r, 0);
    config(&r, 4, 2, true, 2); /* no bus master: it waits */
    CU_ASSERT_EQUAL(rig_do(&r, 4, 0, 0, 0, false, &length), 0xee);
    CU_ASSERT_EQUAL(rig_count(&r, "bursts"), 0);
    config(&r, 4, 2, true, 0x406); /* no interrupt line either */
    rig_settle(&r);
    CU_ASSERT_EQUAL(rig_peek(&r, STATUS, 1), 0);
    CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 0);
    CU_ASSERT_EQUAL(config(&r, 6, 2, false, 0) & 8, 8);
    config(&r, 4, 2, true, 6);
    rig_settle(&r);
    CU_ASSERT_EQUAL(rig_count(&r, "interrupts"), 1);
    config(&r, 4, 2, true, 4); /* no memory space */
    CU_ASSERT_EQUAL(rig_access(&r, TB_MEMORY, 0xfe000014, 1, false, &value), TB_UNSUPPORTED);
    rig_free(&r);
}

/* Its window is in memory: at the same address of I/O space there is nothing of it. */
static void test_space(void)
{
    struct seen s;
    seen_run(&s, "scenario: space\nplatform:\n  models:\n    host: {model: host}\n"
                 "    v0: {model: virtio-blk-pci, bar: 0xfe010000, disk: {size: 1MiB}}\n"
                 "  links: [{from: host, to: v0}]\n"
                 "steps:\n"
                 "  - read: {at: 0xfe010014, size: 1}\n"
                 "  - read: {at: 0xfe010014, size: 1, space: io, status: unsupported}\n");
    tb_sim_finish(s.sim);
    CU_ASSERT_EQUAL(tb_sim_status(s.sim), TB_EXIT_OK);
    seen_free(&s);
}

/* -- Queues ---------------------------------------------------------------------------------- */

/* Heads of several queues are read at once; there may be a request for one of them only. */
static void test_crowded(void)
{
    struct rig r;
    uint32_t id, length;

    BOTH(pci)
    {
        rig_load(&r, pci, ", queues: 3, requests: 1", "", "");
        CU_ASSERT_TRUE(rig_agree(&r, VERSION_1));
        rig_poke(&r, HEADS, 4, 8);
        for (unsigned q = 0; q < 3; q++) {
            uint64_t table = RINGS + q * 0x10000;
            rig_queue(&r, q);
            rig_descriptor(&r, table, 0, HEADS, 16, NEXT, 1);
            rig_descriptor(&r, table, 1, STATUS + q, 1, WRITE, 0);
            rig_offer(&r, q, 0);
            rig_offer(&r, q, 0);
            rig_kick(&r, q);
        }
        rig_out(&r, "status", 15); /* here all of them begin */
        rig_settle(&r);
        for (unsigned q = 0; q < 3; q++) {
            CU_ASSERT_TRUE(rig_used(&r, q, &id, &length));
            CU_ASSERT_TRUE(rig_used(&r, q, &id, &length));
            CU_ASSERT_FALSE(rig_used(&r, q, &id, &length));
        }
        CU_ASSERT_EQUAL(rig_count(&r, "requests"), 6);
        CU_ASSERT_EQUAL(rig_count(&r, "failed"), 0);
        CU_ASSERT_EQUAL(rig_in(&r, "status"), 15);
        unsigned turn = 0; /* they take turns */
        for (size_t i = 0; i < r.seen.count; i++)
            if (r.seen.at[i].txn.kind == TB_TXN_DISK)
                CU_ASSERT_EQUAL(r.seen.at[i].txn.value[1], turn++ % 3);
        CU_ASSERT_EQUAL(turn, 6);
        rig_free(&r);
    }
}

SUITE("virtio", {"identity", test_identity}, {"features", test_features}, {"refusal", test_refusal},
      {"requests", test_requests}, {"identifier", test_identifier}, {"errors", test_errors},
      {"ranges", test_ranges}, {"time", test_time}, {"interrupts", test_interrupts},
      {"events", test_events}, {"ports", test_ports}, {"refused", test_refused},
      {"capabilities", test_capabilities}, {"moved", test_moved}, {"command", test_command},
      {"crowded", test_crowded}, {"space", test_space})
