/* A disk on an ISA DMA channel: card, controller, driver and bounce buffer on the real kernel. */
#include "../seen.h"
#include "../suite.h"

#include "spec/ata.h"
#include "spec/i8237.h"

#define CLOCK (120 * TB_NS)

#define PLATFORM                                                                                   \
    "scenario: test\nplatform:\n  models:\n"                                                       \
    "    dram: {model: memory, size: 64MiB, latency: %s}\n"                                        \
    "    host: {model: host%s}\n    sys: {model: bus}\n    root: {model: bridge%s}\n"              \
    "    isa: {model: bus, protocol: isa, clock: 120ns}\n"                                         \
    "    dma0: {model: i8237%s}\n"                                                                 \
    "    ide0: {model: isa-ide%s, disk0: {size: 4MiB, pattern: mix64, seed: 7%s}}\n"               \
    "  links: [{from: ide0.isa, to: isa}, {from: ide0.dma, to: dma0}, {from: dma0.isa, to: "       \
    "isa},\n"                                                                                      \
    "          {from: isa, to: root.down}, {from: root.up, to: sys}, {from: sys, to: dram},\n"     \
    "          {from: host, to: sys}]\n"                                                           \
    "steps:\n%s"

struct parts {
    const char *latency, *host, *root, *dma, *ide, *disk;
};

static void load(struct seen *s, struct parts p, const char *steps)
{
    static char text[20000];
    snprintf(text, sizeof text, PLATFORM, p.latency ? p.latency : "40ns", p.host ? p.host : "",
             p.root ? p.root : "", p.dma ? p.dma : "", p.ide ? p.ide : "",
             p.disk ? p.disk : ", mode: mwdma2", steps);
    seen_load(s, text);
}

/* Runs it to its end; nothing that it expects may fail. */
static void run(struct seen *s, struct parts p, const char *steps)
{
    load(s, p, steps);
    tb_diag_print(s->diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_run(s->sim, TB_NEVER);
}

static void end(struct seen *s, enum tb_exit status)
{
    for (size_t i = 0; i < s->count; i++) {
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += s->at[i].txn.spent[p];
        CU_ASSERT_EQUAL(sum, s->at[i].ended - s->at[i].txn.created);
    }
    tb_sim_finish(s->sim); /* asserts that the credits are back */
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), status);
    if (tb_sim_status(s->sim) != status)
        tb_diag_print(tb_sim_diag(s->sim), stdout);
    seen_free(s);
}

static const struct seen_txn *nth(const struct seen *s, enum tb_txn_kind kind, uint32_t n)
{
    static const struct seen_txn none = {.status = TB_UNFINISHED};
    for (size_t i = 0; i < s->count; i++)
        if (s->at[i].txn.kind == kind && s->at[i].txn.number == n &&
            (kind != TB_TXN_DMA || !strcmp(s->at[i].by, "dma0")))
            return &s->at[i];
    CU_FAIL("no such transaction");
    return &none;
}

static bool said(const struct seen *s, const char *what)
{
    const struct tb_diag *diag = s->sim ? tb_sim_diag(s->sim) : s->diag;
    for (size_t i = 0; i < tb_diag_count(diag); i++)
        if (strstr(tb_diag_text(diag, i), what))
            return true;
    tb_diag_print(diag, stdout);
    return false;
}

/* -- Time -------------------------------------------------------------------------------------- */

/* Services of 8 words, back to back: 1 + 8 * 8 clocks by compatible timing, or what the type says;
 * where the drive is slower (480 ns a word, against 3 clocks), the drive. */
static void test_rates(void)
{
    static const struct {
        const char *dma, *disk;
        unsigned clocks;
        tb_time drive;
    } rows[] = {
        {"", ", mode: mwdma2", 65, 0},
        {", timing: a", ", mode: mwdma2", 49, 0},
        {", timing: f", ", mode: mwdma2", 25, 0},
        {", burst: 32", ", mode: mwdma2", 257, 0},
        {", timing: f", ", mode: mwdma0", 0, 480 * TB_NS},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned write = 0; write < 2; write++) {
            struct seen s;
            uint64_t services;
            char steps[256];
            snprintf(steps, sizeof steps,
                     "  - disk_%s: {device: ide0, lba: 64, sectors: 128, prd: [{pa: 0x100000, "
                     "bytes: 64KiB}], wait: true}\n",
                     write ? "write" : "read");
            run(&s, (struct parts){.dma = rows[i].dma, .disk = rows[i].disk}, steps);
            services = seen_counter(&s, "dma0", "services");
            CU_ASSERT_EQUAL(services, rows[i].clocks == 257 ? 1024 : 4096);
            const struct seen_txn *first = nth(&s, TB_TXN_DMA, 0),
                                  *last = nth(&s, TB_TXN_DMA, (uint32_t)services - 2),
                                  *disk = nth(&s, TB_TXN_DISK, 0);
            if (rows[i].clocks)
                CU_ASSERT_EQUAL(last->ended - first->ended,
                                (services - 2) * rows[i].clocks * CLOCK);
            if (rows[i].drive) { /* and a sector more, to or from the buffer */
                tb_time all = 32768 * rows[i].drive;
                CU_ASSERT_EQUAL(disk->txn.spent[TB_PART_DEVICE], all);
                CU_ASSERT_TRUE(disk->ended - disk->txn.created < all + 256 * rows[i].drive);
            }
            end(&s, TB_EXIT_OK);
        }
}

/* The interrupt comes when all is in memory, however slow that is. */
static void test_interrupt_last(void)
{
    struct seen s;
    run(&s, (struct parts){.latency = "20us"},
        "  - disk_read: {device: ide0, lba: 1, sectors: 3, prd: [{pa: 0x100000, bytes: 2KiB}], "
        "wait: true}\n");
    tb_time raised = nth(&s, TB_TXN_INTERRUPT, 0)->txn.created;
    for (size_t i = 0; i < s.count; i++)
        if (s.at[i].txn.kind == TB_TXN_DMA)
            CU_ASSERT_TRUE(s.at[i].txn.served && s.at[i].txn.served < raised);
    end(&s, TB_EXIT_OK);
}

/* -- Runs -------------------------------------------------------------------------------------- */

/* Where a buffer may lie, and how many commands and bounced bytes that makes. */
static void test_runs(void)
{
    static const struct {
        const char *ide, *prd;
        unsigned sectors, commands, bounced;
    } rows[] = {
        {", dma: 5", "{pa: 0x100000, bytes: 64KiB}", 128, 1, 0},
        /* neighbours are one row, up to the boundary and to 256 sectors */
        {", dma: 5", "{pa: 0x100000, bytes: 64KiB}, {pa: 0x110000, bytes: 64KiB}", 256, 1, 0},
        {", dma: 5", "{pa: 0x110000, bytes: 64KiB}, {pa: 0x120000, bytes: 64KiB}", 256, 2, 0},
        {", dma: 1", "{pa: 0x100000, bytes: 64KiB}, {pa: 0x110000, bytes: 64KiB}", 256, 2, 0},
        {", dma: 5", "{pa: 0x100000, bytes: 1KiB}, {pa: 0x200000, bytes: 1KiB}", 4, 2, 0},
        /* a sector across a boundary goes alone */
        {", dma: 5", "{pa: 0x11fe00, bytes: 2KiB}", 4, 2, 0},
        {", dma: 5", "{pa: 0x11fd00, bytes: 2KiB}", 4, 3, 512},
        {", dma: 1", "{pa: 0x10fd00, bytes: 2KiB}", 4, 3, 512},
        /* out of reach, at its edge, odd for a word, smaller than a sector */
        {", dma: 5", "{pa: 0x2000000, bytes: 8KiB}", 16, 1, 8192},
        {", dma: 5", "{pa: 0x1000000, bytes: 64KiB}, {pa: 0x1010000, bytes: 64KiB}", 256, 2,
         131072},
        {", dma: 5", "{pa: 0xfffc00, bytes: 2KiB}", 4, 2, 1024},
        {", dma: 5", "{pa: 0x100001, bytes: 1KiB}", 2, 1, 1024},
        {", dma: 1", "{pa: 0x100001, bytes: 1KiB}", 2, 1, 0},
        {", dma: 5", "{pa: 0x100000, bytes: 100}, {pa: 0x200000, bytes: 924}", 2, 2, 512},
        {", dma: 5", "{pa: 0x2000021, bytes: 3KiB}, {pa: 0x300000, bytes: 1KiB}", 8, 2, 3072},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned write = 0; write < 2; write++) {
            struct seen s;
            char steps[512];
            snprintf(steps, sizeof steps,
                     "  - disk_%s: {device: ide0, lba: 64, sectors: %u, prd: [%s], wait: true, "
                     "lba48: never}\n",
                     write ? "write" : "read", rows[i].sectors, rows[i].prd);
            run(&s, (struct parts){.ide = rows[i].ide}, steps);
            CU_ASSERT_EQUAL(seen_counter(&s, "host", "commands"), rows[i].commands);
            CU_ASSERT_EQUAL(seen_counter(&s, "host", "bounced_bytes"), rows[i].bounced);
            if (seen_counter(&s, "host", "commands") != rows[i].commands ||
                seen_counter(&s, "host", "bounced_bytes") != rows[i].bounced)
                printf("\n    row %u", i);
            end(&s, TB_EXIT_OK);
        }
}

static uint64_t draw(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

static uint64_t seed(void)
{
    const char *text = getenv("TB_SEED");
    return text ? strtoull(text, NULL, 0) : 1;
}

#define SLOT   0x8000u /* of a region, in either half of memory */
#define SPACES 12

struct place {
    uint32_t at, bytes;
};

/* A list of regions, each in a slot of its own, low or high, mostly askew. */
static unsigned draw_regions(uint64_t *r, struct place *to, uint32_t bytes, char *text, size_t size)
{
    unsigned n = 0;
    size_t used = 0;
    for (uint32_t left = bytes; left > 0; n++) {
        uint32_t most = n + 1 == SPACES ? left : 1 + (uint32_t)draw(r, 2 * SLOT / 3);
        uint32_t half = draw(r, 2) ? 0x3f0000 : 0x1410000;
        to[n].at = half + n * SLOT + (draw(r, 3) ? (uint32_t)draw(r, 600) : 0);
        to[n].bytes = most < left ? most : left;
        left -= to[n].bytes;
        used += (size_t)snprintf(text + used, size - used, "%s{pa: 0x%x, bytes: %u}", n ? ", " : "",
                                 to[n].at, to[n].bytes);
    }
    return n;
}

/* Random regions, both ways: the right bytes, nothing beside them, and nothing that a DMA channel
 * could not have moved. */
static void test_random(void)
{
    uint64_t r = seed();
    for (unsigned round = 0; round < 60; round++) {
        struct place at[SPACES];
        char prd[1024], steps[4096];
        unsigned sectors = 1 + (unsigned)draw(&r, 40), lba = (unsigned)draw(&r, 4000);
        unsigned n = draw_regions(&r, at, sectors * 512, prd, sizeof prd);
        static uint8_t bytes[SPACES * SLOT], disk[64 * 512];
        struct seen s;
        uint64_t moved = 0;
        snprintf(steps, sizeof steps,
                 "  - disk_read: {device: ide0, lba: %u, sectors: %u, prd: [%s], wait: true}\n"
                 "  - disk_write: {device: ide0, lba: 5000, sectors: %u, prd: [%s], wait: true}\n",
                 lba, sectors, prd, sectors, prd);
        run(&s, (struct parts){.ide = draw(&r, 2) ? ", dma: 3" : ""}, steps);
        struct tb_model *ide = tb_sim_model(s.sim, "ide0");
        CU_ASSERT(tb_storage(ide, "disk0", lba * 512, disk, sectors * 512, false));
        for (unsigned k = 0; k < n; moved += at[k++].bytes) {
            CU_ASSERT(tb_sim_peek(s.sim, at[k].at - 8, bytes, at[k].bytes + 16));
            CU_ASSERT_EQUAL(memcmp(bytes + 8, disk + moved, at[k].bytes), 0);
            CU_ASSERT_EQUAL(memcmp(bytes, "\0\0\0\0\0\0\0\0", 8), 0);
            CU_ASSERT_EQUAL(memcmp(bytes + 8 + at[k].bytes, "\0\0\0\0\0\0\0\0", 8), 0);
        }
        CU_ASSERT(tb_storage(ide, "disk0", 5000 * 512, bytes, sectors * 512, false));
        CU_ASSERT_EQUAL(memcmp(bytes, disk, sectors * 512), 0);
        for (size_t i = 0; i < s.count; i++)
            if (s.at[i].txn.kind == TB_TXN_DMA)
                CU_ASSERT_TRUE(s.at[i].txn.iova < 1 << 24);
        end(&s, TB_EXIT_OK);
    }
}

/* When the step has ended the bytes are there, even if the CPU's stores are posted. */
static void test_posted(void)
{
    struct seen s;
    run(&s, (struct parts){.latency = "1us", .host = ", posted: true, outstanding: 8"},
        "  - disk_read: {device: ide0, lba: 64, sectors: 2, wait: true, lba48: never,\n"
        "                prd: [{pa: 0x2000000, bytes: 1KiB}]}\n"
        "  - expect: {memory: {at: 0x2000000, size: 1KiB, equals_disk: {device: ide0, lba: "
        "64}}}\n");
    end(&s, TB_EXIT_OK);
}

/* -- An IOMMU ---------------------------------------------------------------------------------- */

static void test_iommu(void)
{
    struct seen s;
    run(&s, (struct parts){.root = ", iommu: {format: amdvi}"},
        "  - map: {device: ide0, iova: 0x300000, pa: 0x3000000, size: 64KiB}\n"
        "  - disk_read: {device: ide0, lba: 9, sectors: 128, prd: [{iova: 0x300000, bytes: 64KiB}],"
        " wait: true}\n"
        "  - expect: {memory: {at: 0x3000000, size: 64KiB, equals_disk: {device: ide0, lba: "
        "9}}}\n");
    CU_ASSERT_EQUAL(seen_counter(&s, "host", "bounces"), 0);
    CU_ASSERT_EQUAL(nth(&s, TB_TXN_DMA, 0)->txn.requester, 0x08); /* the controller's: 00:01.0 */
    end(&s, TB_EXIT_OK);
    /* Nothing is mapped: the card does not hear of it. */
    run(&s, (struct parts){.root = ", iommu: {format: amdvi}"},
        "  - map: {device: ide0, iova: 0x300000, pa: 0x3000000, size: 4KiB}\n"
        "  - disk_read: {device: ide0, lba: 9, sectors: 1, prd: [{iova: 0x400000, bytes: 512}],"
        " wait: true}\n");
    CU_ASSERT_EQUAL(nth(&s, TB_TXN_DMA, 0)->status, TB_FAULT);
    CU_ASSERT_EQUAL(nth(&s, TB_TXN_DISK, 0)->status, TB_OK);
    end(&s, TB_EXIT_OK);
    /* Mapped where the channel does not reach. */
    run(&s, (struct parts){.root = ", iommu: {format: amdvi}"},
        "  - map: {device: ide0, iova: 0x3000000, pa: 0x300000, size: 4KiB}\n"
        "  - disk_read: {device: ide0, lba: 9, sectors: 1, prd: [{iova: 0x3000000, bytes: 512}],"
        " wait: true}\n");
    CU_ASSERT_TRUE(said(&s, "map it below 16 MiB"));
    end(&s, TB_EXIT_VIOLATION);
}

/* -- What goes wrong --------------------------------------------------------------------------- */

static void test_bad_sector(void)
{
    struct seen s;
    run(&s, (struct parts){.disk = ", mode: mwdma2, errors: [{lba: 12, count: 1}]"},
        "  - disk_read: {device: ide0, lba: 10, sectors: 4, prd: [{pa: 0x100000, bytes: 2KiB}],"
        " wait: true, status: error}\n"
        "  - expect: {memory: {at: 0x100000, size: 1KiB, equals_disk: {device: ide0, lba: 10}}}\n"
        "  - expect: {memory: {at: 0x100400, size: 1KiB, pattern: zero}}\n"
        "  - read: {from: ide0.error, expect: 0x40}\n"
        "  - read: {from: dma0.all_mask2, expect: 15, mask: 15}\n"
        "  - disk_read: {device: ide0, lba: 12, sectors: 4, prd: [{pa: 0x100000, bytes: 1KiB},"
        " {pa: 0x200000, bytes: 1KiB}], wait: true, status: error}\n"
        "  - expect: {counter: {of: host, name: commands, value: 2}}\n"
        "  - disk_read: {device: ide0, lba: 20, sectors: 1, prd: [{pa: 0x2000000, bytes: 512}],"
        " wait: true}\n"
        "  - expect: {memory: {at: 0x2000000, size: 512B, equals_disk: {device: ide0, lba: "
        "20}}}\n");
    end(&s, TB_EXIT_OK);
}

/* A reset while a transfer runs: DREQ falls, and the next one gets its own bytes. */
static void test_reset(void)
{
    for (unsigned write = 0; write < 2; write++)
        for (unsigned at = 20; at < 500; at += 67) {
            struct seen s;
            char steps[1024];
            snprintf(steps, sizeof steps,
                     "  - write: {to: dma0.mode2, value: %u}\n"
                     "  - write: {to: dma0.mask2, value: 1}\n"
                     "  - write: {to: dma0.count5, value: 0}\n"
                     "  - write: {to: dma0.count5, value: 4}\n"
                     "  - write: {to: ide0.device, value: 0xe0}\n"
                     "  - write: {to: ide0.nsect, value: 2}\n"
                     "  - write: {to: ide0.command, value: %u}\n"
                     "  - delay: %uus\n"
                     "  - disk_finish: {device: ide0, reset: true}\n"
                     "  - read: {from: dma0.status2, expect: 0, mask: 0xf0}\n"
                     "  - disk_read: {device: ide0, lba: 77, sectors: 8, prd: [{pa: 0x800000, "
                     "bytes: 4KiB}], wait: true}\n"
                     "  - expect: {memory: {at: 0x800000, size: 4KiB, equals_disk: {device: ide0, "
                     "lba: 77}}}\n",
                     write ? 9u : 5u, write ? ATA_WRITE_DMA : ATA_READ_DMA, at);
            run(&s, (struct parts){0}, steps);
            end(&s, TB_EXIT_OK);
        }
}

/* The same while the channel is masked: nothing was moved, and DREQ falls. */
static void test_reset_masked(void)
{
    struct seen s;
    run(&s, (struct parts){0},
        "  - write: {to: ide0.device, value: 0xe0}\n"
        "  - write: {to: ide0.nsect, value: 2}\n"
        "  - write: {to: ide0.command, value: 0xc8}\n"
        "  - delay: 100us\n"
        "  - read: {from: dma0.status2, expect: 0x20}\n"
        "  - disk_finish: {device: ide0, reset: true}\n"
        "  - read: {from: dma0.status2, expect: 0}\n"
        "  - expect: {counter: {of: dma0, name: services, value: 0}}\n");
    end(&s, TB_EXIT_OK);
}

/* What was fetched for a transfer that was reset comes when another has begun: it is not its. */
static void test_stale(void)
{
    static const char text[] =
        "scenario: stale\nplatform:\n  models:\n"
        "    dram: {model: memory, size: 1MiB}\n    host: {model: host, driver_memory: {size: "
        "256KiB}}\n"
        "    sys: {model: bus}\n    root: {model: bridge}\n"
        "    isa: {model: bus, protocol: isa, clock: 120ns}\n    dma0: {model: i8237}\n"
        "    ide0: {model: isa-ide, disk0: {size: 4MiB, mode: mwdma2, reset: 0ns}}\n"
        "  links: [{from: ide0.isa, to: isa}, {from: ide0.dma, to: dma0, latency: 300us},\n"
        "          {from: dma0.isa, to: isa}, {from: isa, to: root.down}, {from: root.up, to: "
        "sys},\n"
        "          {from: sys, to: dram}, {from: host, to: sys}]\n"
        "memory:\n  - {at: 0x10000, pattern: counter, size: 4KiB}\n"
        "  - {at: 0x20000, pattern: mix64, seed: 3, size: 4KiB}\n"
        "steps:\n"
        "  - write: {to: dma0.mode2, value: 9}\n"
        "  - write: {to: dma0.address5, value: 0}\n"
        "  - write: {to: dma0.address5, value: 0x80}\n"
        "  - write: {to: dma0.count5, value: 0xff}\n"
        "  - write: {to: dma0.count5, value: 0}\n"
        "  - write: {to: dma0.mask2, value: 1}\n"
        "  - write: {to: ide0.device, value: 0xe0}\n"
        "  - write: {to: ide0.nsect, value: 1}\n"
        "  - write: {to: ide0.command, value: 0xca}\n"
        "  - delay: 500us\n"
        "  - write: {to: ide0.control, value: 4}\n"
        "  - write: {to: ide0.control, value: 0}\n"
        "  - disk_write: {device: ide0, lba: 9, sectors: 2, prd: [{pa: 0x20000, bytes: 1KiB}], "
        "wait: "
        "true}\n"
        "  - expect: {disk: {device: ide0, lba: 9, sectors: 2, pattern: mix64, seed: 3, offset: "
        "0x20000}}\n"
        "  - expect: {counter: {of: ide0, name: refused, min: 1}}\n";
    struct seen s;
    seen_run(&s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    end(&s, TB_EXIT_OK);
}

/* PIO and the other commands go by the same ports. */
static void test_pio(void)
{
    struct seen s;
    run(&s, (struct parts){0},
        "  - identify: {device: ide0, at: 0x100000}\n"
        "  - expect: {memory: {at: 0x10000c, u16: [63]}}\n"
        "  - set_features: {device: ide0, mode: mwdma0}\n"
        "  - disk_flush: {device: ide0}\n");
    /* A word of PIO data: its cycle (PIO 4: 120 ns) is part of the bus's three clocks. */
    for (size_t i = 0; i < s.count; i++)
        if (s.at[i].txn.kind == TB_TXN_REGISTER && s.at[i].txn.iova == 0x1f0)
            CU_ASSERT_TRUE(s.at[i].txn.spent[TB_PART_BUS] + s.at[i].txn.spent[TB_PART_DEVICE] <=
                           3 * CLOCK);
    end(&s, TB_EXIT_OK);
}

/* Random port writes to card and controller: it comes to rest, and the driver finds its way back.
 */
static void test_garbage(void)
{
    uint64_t r = seed();
    for (unsigned round = 0; round < 40; round++) {
        static char steps[16384];
        struct seen s;
        size_t n = 0;
        for (unsigned i = 0; i < 120; i++) {
            static const uint16_t ports[] = {0x1f1, 0x1f2, 0x1f3, 0x1f6, 0x1f7, 0x1f7,
                                             0x3f6, 0xd0,  0xd2,  0xd4,  0xd6,  0xd6,
                                             0xc4,  0xc6,  0xdc,  0x8b,  0xd8};
            static const uint8_t commands[] = {ATA_READ_DMA, ATA_WRITE_DMA, ATA_READ_SECTORS, 0};
            unsigned port = ports[draw(&r, sizeof ports / sizeof ports[0])];
            unsigned value = (unsigned)draw(&r, 256);
            if (port == 0x1f7 && draw(&r, 4))
                value = commands[draw(&r, 4)];
            if (port == 0x3f6)
                value &= 0x86;
            n += (size_t)snprintf(steps + n, sizeof steps - n,
                                  "  - write: {at: 0x%x, u8: %u, space: io}\n", port, value);
            if (draw(&r, 6) == 0)
                n += (size_t)snprintf(steps + n, sizeof steps - n, "  - delay: %uus\n",
                                      (unsigned)draw(&r, 300));
        }
        snprintf(steps + n, sizeof steps - n,
                 "  - write: {to: dma0.master_clear2, value: 0}\n"
                 "  - disk_finish: {device: ide0, reset: true}\n"
                 "  - read: {from: ide0.status}\n"
                 "  - write: {to: ide0.device, value: 0xe0}\n"
                 "  - delay: 50us\n"
                 "  - disk_read: {device: ide0, lba: 77, sectors: 8, prd: [{pa: 0x800000, bytes: "
                 "4KiB}], wait: true}\n"
                 "  - expect: {memory: {at: 0x800000, size: 4KiB, equals_disk: {device: ide0, "
                 "lba: 77}}}\n");
        run(&s, (struct parts){.dma = draw(&r, 2) ? ", burst: 32" : ""}, steps);
        CU_ASSERT_TRUE(tb_sim_idle(s.sim));
        end(&s, TB_EXIT_OK);
    }
}

static void expect_error(struct parts p, const char *steps, const char *what)
{
    struct seen s;
    load(&s, p, steps);
    CU_ASSERT_PTR_NULL(s.sim);
    CU_ASSERT_TRUE(said(&s, what));
    seen_free(&s);
}

static void test_errors(void)
{
    const struct parts none = {0};
    expect_error((struct parts){.disk = ", mode: udma2"}, "  - wait: idle\n", "knows no UltraDMA");
    expect_error((struct parts){.ide = ", dma: 4"}, "  - wait: idle\n", "is the cascade");
    expect_error((struct parts){.ide = ", control: 0x1f2"}, "  - wait: idle\n", "command block's");
    expect_error(none,
                 "  - disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{pa: 0, bytes: 512}]}\n",
                 "needs 'wait: true'");
    expect_error(none,
                 "  - disk_read: {device: ide0, lba: 0, sectors: 2, prd: [{pa: 0, bytes: 512}], "
                 "wait: true}\n",
                 "the regions hold 512 bytes, the sectors 1024");
    expect_error(none,
                 "  - disk_read: {device: ide0, lba: 0, sectors: 1, prd_at: 0x1000, wait: true}\n",
                 "'prd_at' means nothing to 'ide0', which is on a DMA channel");
    expect_error(none,
                 "  - disk_read: {device: ide0, drive: 2, lba: 0, sectors: 1, prd: [{pa: 0, bytes: "
                 "512}], wait: true}\n",
                 "'ide0' has drives 0 and 1");
    expect_error(none, "  - replay: {device: ide0, iolog: none.log}\n", "no bus-master ide");
    expect_error((struct parts){.root = ", iommu: {format: amdvi, irq: 14}"},
                 "  - disk_read: {device: ide0, lba: 0, sectors: 1, prd: [{pa: 0, bytes: 512}], "
                 "wait: true}\n",
                 "interrupt line 14 of 'ide0' has others on it");
}

SUITE("isa-ide", {"rates to the clock", test_rates},
      {"the interrupt comes last", test_interrupt_last}, {"runs", test_runs},
      {"random regions", test_random}, {"posted stores", test_posted}, {"an IOMMU", test_iommu},
      {"bad sector", test_bad_sector}, {"reset", test_reset}, {"reset, masked", test_reset_masked},
      {"what comes too late", test_stale}, {"PIO", test_pio}, {"garbage", test_garbage},
      {"errors", test_errors})
