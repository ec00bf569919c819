/* The bus-master front on the real kernel: registers by messages, descriptor tables, bursts,
 * faults, interrupts, time. */
#include "../seen.h"
#include "../suite.h"

#include "spec/ata.h"
#include "spec/bmide.h"

#define RAM   0x1000000u /* 16 MiB */
#define TABLE 0x80000u
#define DATA  0x100000u
#define HOLE  0xd0000000u

/* A CPU, memory and a controller on a bus that costs next to nothing. */
struct bench {
    struct seen seen;
    struct tb_model *ide;
};

static void build(struct bench *b, const char *controller, const char *disk)
{
    char text[1024];

    snprintf(text, sizeof text,
             "platform: test\n"
             "models:\n"
             "  cpu: {model: requester}\n"
             "  sys: {model: bus}\n"
             "  dram: {model: memory, size: 16MiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
             "  ide0: {model: ide%s, disk0: {size: 4MiB, pattern: mix64, seed: 7%s}}\n"
             "links: [{from: cpu, to: sys}, {from: sys, to: dram}, {from: ide0, to: sys}]\n",
             controller, disk);
    seen_load(&b->seen, text);
    tb_diag_print(b->seen.diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->seen.sim);
    b->ide = tb_sim_model(b->seen.sim, "ide0");
}

static void finish(struct bench *b)
{
    for (size_t i = 0; i < b->seen.count; i++) {
        const struct seen_txn *t = &b->seen.at[i];
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += t->txn.spent[p];
        CU_ASSERT_EQUAL(sum, t->ended - t->txn.created);
    }
    tb_sim_finish(b->seen.sim);
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(b->seen.sim)), 0);
    seen_free(&b->seen);
}

static enum tb_status reg(struct bench *b, const char *name, bool write, uint32_t *value)
{
    struct tb_symbol s;
    uint8_t data[4];

    CU_ASSERT_TRUE_FATAL(tb_symbol(b->ide, name, &s));
    memcpy(data, value, 4);
    struct tb_access a = {
        .address = s.address, .data = data, .length = s.size, .space = s.space, .write = write};
    CU_ASSERT_TRUE(tb_sim_access(b->seen.sim, "cpu", &a));
    *value = 0;
    memcpy(value, data, s.size);
    return (enum tb_status)a.status;
}

static void out(struct bench *b, const char *name, uint32_t value)
{
    CU_ASSERT_EQUAL(reg(b, name, true, &value), TB_OK);
}

static uint32_t in(struct bench *b, const char *name)
{
    uint32_t value = 0;

    CU_ASSERT_EQUAL(reg(b, name, false, &value), TB_OK);
    return value;
}

static void settle(struct bench *b)
{
    tb_sim_run(b->seen.sim, tb_sim_now(b->seen.sim) + 10 * TB_S);
    CU_ASSERT_TRUE(tb_sim_idle(b->seen.sim));
}

static void put_prd(struct bench *b, unsigned i, uint32_t base, uint32_t word)
{
    uint32_t prd[2] = {base, word};

    tb_sim_poke(b->seen.sim, TABLE + 8 * i, prd, 8);
}

static void command(struct bench *b, unsigned opcode, uint32_t lba, unsigned count)
{
    out(b, "device", ATA_DEV_LBA);
    out(b, "nsect", count);
    out(b, "lbal", lba & 0xff);
    out(b, "lbam", lba >> 8 & 0xff);
    out(b, "lbah", lba >> 16 & 0xff);
    out(b, "command", opcode);
}

/* The driver's order (Bus Master IDE 1.0, 3.1). */
static void transfer(struct bench *b, unsigned opcode, uint32_t lba, unsigned count)
{
    unsigned direction = opcode == ATA_READ_DMA ? BMIDE_TO_MEMORY : 0;

    out(b, "bmicom", direction);
    out(b, "bmista", BMIDE_ERROR | BMIDE_INTERRUPT);
    out(b, "bmidtp", TABLE);
    command(b, opcode, lba, count);
    out(b, "bmicom", direction | BMIDE_START);
    settle(b);
}

static void check_status(struct bench *b, unsigned master, unsigned drive)
{
    CU_ASSERT_EQUAL(in(b, "bmista"), master);
    CU_ASSERT_EQUAL(in(b, "altstatus"), drive);
}

static unsigned edges(const struct bench *b, uint64_t line)
{
    unsigned n = 0;

    for (size_t i = 0; i < b->seen.count; i++)
        n += b->seen.at[i].txn.kind == TB_TXN_INTERRUPT && b->seen.at[i].txn.iova == line;
    return n;
}

static const struct seen_txn *last_of(const struct bench *b, enum tb_txn_kind kind)
{
    for (size_t i = b->seen.count; i-- > 0;)
        if (b->seen.at[i].txn.kind == kind && !strcmp(b->seen.at[i].by, "ide0"))
            return &b->seen.at[i];
    return NULL;
}

/* When the first burst to memory left. */
static tb_time first_write(const struct bench *b)
{
    for (size_t i = 0; i < b->seen.count; i++)
        if (b->seen.at[i].txn.kind == TB_TXN_DMA && b->seen.at[i].txn.write &&
            !strcmp(b->seen.at[i].by, "ide0"))
            return b->seen.at[i].txn.created;
    return TB_NEVER;
}

/* Does memory hold the disk's bytes? */
static bool holds(struct bench *b, uint32_t at, uint64_t offset, size_t length)
{
    uint8_t *bytes = malloc(2 * length);
    bool same = bytes && tb_sim_peek(b->seen.sim, at, bytes, length) &&
                tb_storage(b->ide, "disk0", offset, bytes + length, length, false) &&
                memcmp(bytes, bytes + length, length) == 0;

    free(bytes);
    return same;
}

/* -- Time ------------------------------------------------------------------------------------ */

/* A18: where the platform is not the limit, 64 KiB take what the mode says, to the picosecond. What
 * the command takes beside it is the driver's START, the descriptor and the last burst's way. */
static void test_udma_rates(void)
{
    static const struct {
        const char *mode;
        tb_time time;
    } rows[] = {{", mode: udma6", 491520 * TB_NS},
                {", mode: udma5", 655360 * TB_NS},
                {", mode: udma2", 1966080 * TB_NS},
                {", mode: mwdma0", 15728640 * TB_NS}};
    struct bench b;

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (unsigned write = 0; write < 2; write++) {
            build(&b, "", rows[i].mode);
            put_prd(&b, 0, DATA, BMIDE_PRD_EOT);
            transfer(&b, write ? ATA_WRITE_DMA : ATA_READ_DMA, 64, 128);
            const struct seen_txn *disk = last_of(&b, TB_TXN_DISK);
            CU_ASSERT_PTR_NOT_NULL_FATAL(disk);
            CU_ASSERT_EQUAL(disk->txn.spent[TB_PART_DEVICE], rows[i].time);
            CU_ASSERT_TRUE(disk->txn.spent[TB_PART_QUEUE] < TB_US);
            if (!write) /* from the first burst to the last */
                CU_ASSERT_EQUAL(last_of(&b, TB_TXN_DMA)->txn.created - first_write(&b),
                                rows[i].time / 1024 * 1023);
            CU_ASSERT_EQUAL(disk->txn.value[0], write ? ATA_WRITE_DMA : ATA_READ_DMA);
            CU_ASSERT_EQUAL(disk->txn.length, 128);
            CU_ASSERT_EQUAL(seen_counter(&b.seen, "ide0", "bursts"), 1024);
            check_status(&b, BMIDE_INTERRUPT, 0x50);
            CU_ASSERT_TRUE(holds(&b, DATA, 64 * 512, 65536));
            finish(&b);
        }
}

#define SLOW(outstanding)                                                                          \
    "platform: slow\nmodels:\n  cpu: {model: requester}\n  sys: {model: bus}\n"                    \
    "  dram: {model: memory, size: 16MiB, latency: 3us}\n"                                         \
    "  ide0: {model: ide, outstanding: " outstanding ", disk0: {size: 4MiB, mode: udma6}}\n"       \
    "links: [{from: cpu, to: sys}, {from: sys, to: dram}, {from: ide0, to: sys}]\n"

/* With one request at a time over a slow way, the way sets the time; with enough of them the drive
 * does. */
static void test_outstanding(void)
{
    tb_time took[2];
    struct bench b;

    for (unsigned i = 0; i < 2; i++) {
        seen_load(&b.seen, i ? SLOW("8") : SLOW("1"));
        b.ide = tb_sim_model(b.seen.sim, "ide0");
        put_prd(&b, 0, DATA, BMIDE_PRD_EOT);
        transfer(&b, ATA_READ_DMA, 0, 128);
        const struct seen_txn *disk = last_of(&b, TB_TXN_DISK);
        took[i] = disk->ended - disk->txn.created;
        finish(&b);
    }
    CU_ASSERT_TRUE(took[0] > 1024 * 3 * TB_US);
    CU_ASSERT_TRUE(took[1] < 491520 * TB_NS + 10 * TB_US);
}

#define TRANSLATED(mode)                                                                           \
    "scenario: a19\n"                                                                              \
    "platform:\n"                                                                                  \
    "  models:\n"                                                                                  \
    "    dram: {model: memory, size: 64MiB, latency: 71ns}\n"                                      \
    "    host: {model: host}\n"                                                                    \
    "    sys: {model: bus}\n"                                                                      \
    "    root: {model: bridge, latency: 10ns, iommu: {format: amdvi}}\n"                           \
    "    ide0: {model: ide, disk0: {size: 4MiB, mode: " mode "}}\n"                                \
    "  links: [{from: ide0, to: root.down}, {from: root.up, to: sys}, {from: sys, to: dram},\n"    \
    "          {from: host, to: sys}]\n"                                                           \
    "setup:\n"                                                                                     \
    "  - attach: {device: ide0, domain: 1, levels: 4}\n"                                           \
    "  - map: {device: ide0, iova: 0x100000, pa: 0x200000, size: 64KiB}\n"                         \
    "steps:\n"                                                                                     \
    "  - disk_read: {device: ide0, lba: 0, sectors: 128, wait: true,\n"                            \
    "                prd: [{iova: 0x100000, bytes: 64KiB}]}\n"

/* A19: a walk of 300 ns (four reads, each 71 ns and four links of 1 ns) per page of 30.72 us at
 * UDMA6 is 0.98 %, at UDMA2 0.24 %; the drive's own time stays what it is. */
static void test_walk_per_page(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct seen s;
        tb_time walked = 0, device = 0;
        unsigned misses = 0;
        seen_run(&s, i ? TRANSLATED("udma2") : TRANSLATED("udma6"));
        for (size_t k = 0; k < s.count; k++) {
            const struct tb_txn *t = &s.at[k].txn;
            if (t->kind == TB_TXN_DISK)
                device += t->spent[TB_PART_DEVICE];
            if (t->kind == TB_TXN_DMA && t->write && t->tlb == TB_TLB_MISS) {
                walked += t->spent[TB_PART_WALK];
                misses++;
            }
        }
        CU_ASSERT_EQUAL(misses, 16);
        CU_ASSERT_EQUAL(walked, 16 * 300 * TB_NS);
        CU_ASSERT_EQUAL(device, (i ? 1966080 : 491520) * TB_NS);
        CU_ASSERT_EQUAL((walked * 10000 + device / 2) / device, i ? 24 : 98);
        seen_free(&s);
    }
}

/* A18: 512 bytes by PIO4 are 30.72 us of the data register. */
static void test_pio(void)
{
    struct bench b;
    tb_time device = 0;
    uint8_t bytes[512];

    build(&b, "", "");
    command(&b, ATA_READ_SECTORS, 5, 1);
    CU_ASSERT_EQUAL(in(&b, "altstatus"), 0x58);
    size_t first = b.seen.count;
    for (unsigned i = 0; i < 512;) {
        struct tb_access a = {
            .address = 0x1f0, .data = bytes + i, .length = i % 8 ? 4 : 2, .space = TB_IO};
        if (i % 8 == 6)
            a.length = 2;
        CU_ASSERT_TRUE(tb_sim_access(b.seen.sim, "cpu", &a));
        i += a.length;
    }
    for (size_t i = first; i < b.seen.count; i++)
        device += b.seen.at[i].txn.spent[TB_PART_DEVICE];
    CU_ASSERT_EQUAL(device, 30720 * TB_NS);
    tb_sim_poke(b.seen.sim, DATA, bytes, 512);
    CU_ASSERT_TRUE(holds(&b, DATA, 5 * 512, 512));
    CU_ASSERT_EQUAL(in(&b, "data"), 0);
    CU_ASSERT_EQUAL(in(&b, "status"), 0x50);
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 14), 2);
    finish(&b);
}

/* -- Descriptors ----------------------------------------------------------------------------- */

/* Random tables, both ways, in every way of working: what arrives is what left, in order, and every
 * request lies within a page and a burst. */
static void test_random_tables(void)
{
    static const char *const ways[] = {
        "",
        ", burst: 4KiB, outstanding: 1",
        ", burst: 4B, outstanding: 3, conform: qemu",
        ", prd_fetch: whole, short_table: nothing, burst: 512B",
        ", posted: true, burst: 100B",
        ", conform: qemu, on_fault: pretend, short_table: nothing, prd_fetch: whole"};
    struct tb_random r = {42};
    struct bench b;

    for (unsigned round = 0; round < 36; round++) {
        uint8_t memory[32 * 512], disk[32 * 512];
        uint32_t base[40], length[40], n = 0, left = sizeof memory;
        bool write = round & 1;
        build(&b, ways[round / 2 % 6], "");
        for (uint32_t at = DATA; left > 0; n++) {
            at += (uint32_t)tb_random_below(&r, 2000) * 2;
            length[n] = 2 + (uint32_t)tb_random_below(&r, 1000) * 2;
            if (length[n] > left || n == 39)
                length[n] = left;
            base[n] = at;
            at += length[n];
            left -= length[n];
        }
        for (unsigned i = 0; i < n; i++)
            put_prd(&b, i, base[i], length[i] | (i + 1 == n ? BMIDE_PRD_EOT : 0) | 0x7ffe0000);
        for (unsigned i = 0; write && i < n; i++)
            for (uint32_t k = 0; k < length[i]; k++)
                tb_sim_poke(b.seen.sim, base[i] + k, &(uint8_t){(uint8_t)tb_random_next(&r)}, 1);
        transfer(&b, write ? ATA_WRITE_DMA : ATA_READ_DMA, 100, 32);
        check_status(&b, BMIDE_INTERRUPT, 0x50);
        for (uint32_t i = 0, at = 0; i < n; at += length[i++])
            tb_sim_peek(b.seen.sim, base[i], memory + at, length[i]);
        tb_storage(b.ide, "disk0", 100 * 512, disk, sizeof disk, false);
        CU_ASSERT_EQUAL(memcmp(memory, disk, sizeof disk), 0);
        for (size_t i = 0; i < b.seen.count; i++)
            if (b.seen.at[i].txn.kind == TB_TXN_DMA)
                CU_ASSERT_EQUAL(b.seen.at[i].txn.iova / 4096,
                                (b.seen.at[i].txn.iova + b.seen.at[i].txn.length - 1) / 4096);
        CU_ASSERT_EQUAL(seen_counter(&b.seen, "ide0", "descriptors"), n);
        finish(&b);
    }
}

/* By the specification a region does not leave its 64 KiB, nor does the table; bit 0 of the base
 * does not count. */
static void test_boundaries(void)
{
    struct bench b;
    uint8_t prd[8] = {0x01, 0xfe, 0x10, 0, 0, 0x04, 0, 0x80}; /* 10fe01h: 1024 bytes */

    build(&b, "", "");
    tb_sim_poke(b.seen.sim, 0x8fffc, prd, 4);
    tb_sim_poke(b.seen.sim, 0x80000, prd + 4, 4);
    out(&b, "bmidtp", 0x8fffc + 3);
    CU_ASSERT_EQUAL(in(&b, "bmidtp"), 0x8fffc);
    command(&b, ATA_READ_DMA, 8, 2);
    out(&b, "bmicom", BMIDE_START | BMIDE_TO_MEMORY);
    settle(&b);
    check_status(&b, BMIDE_INTERRUPT, 0x50);
    CU_ASSERT_TRUE(holds(&b, 0x10fe00, 8 * 512, 512));
    CU_ASSERT_TRUE(holds(&b, 0x100000, 9 * 512, 512));
    finish(&b);
}

/* Longer tables leave ACTIVE set, shorter ones give no interrupt (1.2: what the bits say). */
static void test_lengths(void)
{
    struct bench b;

    build(&b, "", "");
    put_prd(&b, 0, DATA, 512);
    put_prd(&b, 1, DATA + 0x1000, 1024 | BMIDE_PRD_EOT);
    transfer(&b, ATA_READ_DMA, 0, 2);
    check_status(&b, BMIDE_INTERRUPT | BMIDE_ACTIVE, 0x50);
    command(&b, ATA_READ_DMA, 50, 1); /* goes on where the first stopped */
    settle(&b);
    CU_ASSERT_TRUE(holds(&b, DATA + 0x1000 + 512, 50 * 512, 512));
    check_status(&b, BMIDE_INTERRUPT, 0x50);
    transfer(&b, ATA_READ_DMA, 0, 4); /* 2048 bytes asked, 1536 offered */
    check_status(&b, 0, 0x58);
    CU_ASSERT_TRUE(holds(&b, DATA, 0, 512));
    CU_ASSERT_TRUE(holds(&b, DATA + 0x1000, 512, 1024));
    put_prd(&b, 0, DATA + 0x2000, 512 | BMIDE_PRD_EOT);
    out(&b, "bmicom", BMIDE_TO_MEMORY); /* a new table: the drive still waits, and goes on */
    out(&b, "bmicom", BMIDE_TO_MEMORY | BMIDE_START);
    settle(&b);
    check_status(&b, BMIDE_INTERRUPT, 0x50);
    CU_ASSERT_TRUE(holds(&b, DATA + 0x2000, 1536, 512));
    finish(&b);

    build(&b, ", short_table: nothing, prd_fetch: whole", "");
    put_prd(&b, 0, DATA, 512 | BMIDE_PRD_EOT);
    transfer(&b, ATA_READ_DMA, 0, 2);
    check_status(&b, 0, 0x58);
    CU_ASSERT_EQUAL(seen_counter(&b.seen, "ide0", "bursts"), 0);
    finish(&b);
}

/* -- Hostile --------------------------------------------------------------------------------- */

/* Tables that no driver writes: everything ends, and the machine goes on. */
static void test_hostile_tables(void)
{
    static const char *const ways[] = {
        "", ", on_fault: pretend", ", prd_fetch: whole",
        ", conform: qemu, on_fault: pretend, short_table: nothing, prd_fetch: whole",
        ", conform: qemu, posted: true"};
    static const uint32_t tables[] = {TABLE, HOLE, 0xfffffffc, 0xfff4, RAM - 4};
    struct bench b;

    for (unsigned way = 0; way < 5; way++)
        for (unsigned t = 0; t < 5; t++)
            for (unsigned write = 0; write < 2; write++) {
                build(&b, ways[way], "");
                for (unsigned i = 0; i < 8192;
                     i++) /* no end, two bytes each, odd places, some nowhere */
                    put_prd(&b, i, i % 7 ? DATA + 3 * i : HOLE + i, 2);
                out(&b, "bmidtp", tables[t]);
                command(&b, write ? ATA_WRITE_DMA : ATA_READ_DMA, 0, 3);
                out(&b, "bmicom", BMIDE_START | (write ? 0 : BMIDE_TO_MEMORY));
                settle(&b);
                out(&b, "command", ATA_READ_DMA);
                out(&b, "bmicom", 0);
                out(&b, "control", ATA_CTL_SRST);
                out(&b, "control", 0);
                settle(&b);
                check_status(&b, in(&b, "bmista"), 0x50);
                put_prd(&b, 0, DATA, 512 | BMIDE_PRD_EOT);
                transfer(&b, ATA_READ_DMA, 77, 1);
                check_status(&b, BMIDE_INTERRUPT, 0x50);
                CU_ASSERT_TRUE(holds(&b, DATA, 77 * 512, 512));
                finish(&b);
            }
}

/* Random writes of every size to every register; nothing may hang, and credits come back. */
static void test_random_registers(void)
{
    static const char *const ways[] = {"", ", conform: qemu, burst: 4KiB",
                                       ", legacy: false, burst: 2KiB",
                                       ", posted: true, on_fault: pretend, burst: 1KiB"};
    static const char *const names[] = {
        "bmicom", "bmista", "bmidtp",  "data",    "features", "nsect",    "lbal",    "lbam",
        "lbah",   "device", "command", "control", "bmicom1",  "command1", "device1", "pcicmd"};
    static const uint8_t opcodes[] = {0xc8, 0xca, 0x25, 0x35, 0x20, 0x30,
                                      0xc4, 0xc5, 0xec, 0xe7, 0x90, 0xe6};
    struct tb_random r = {99};
    struct bench b;
    uint8_t bytes[8];

    for (unsigned way = 0; way < 4; way++) {
        build(&b, ways[way], ", latency: 3us}, disk1: {size: 1MiB");
        put_prd(&b, 0, DATA, 512);
        put_prd(&b, 1, DATA, 6000 | BMIDE_PRD_EOT);
        for (unsigned i = 0; i < 4000; i++) {
            struct tb_symbol s;
            uint64_t value = tb_random_next(&r);
            unsigned which = (unsigned)tb_random_below(&r, sizeof names / sizeof names[0]);
            CU_ASSERT_TRUE(tb_symbol(b.ide, names[which], &s));
            memcpy(bytes, &value, 8);
            if (!strncmp(names[which], "command", 7))
                bytes[0] = opcodes[value % sizeof opcodes];
            if (!strcmp(names[which], "nsect"))
                bytes[0] &= 7;
            if (!strcmp(names[which], "bmidtp"))
                *(uint32_t *)(void *)bytes = TABLE;
            struct tb_access a = {.address = s.address + (value >> 60 == 0),
                                  .data = bytes,
                                  .space = s.space,
                                  .length = value >> 56 & 7 ? s.size : 1u << (value >> 40 & 3),
                                  .write = value >> 32 & 3};
            tb_sim_access(b.seen.sim, "cpu", &a);
        }
        for (unsigned i = 0; i < 2; i++)
            out(&b, "pcicmd", BMIDE_CMD_IO | BMIDE_CMD_MASTER);
        settle(&b);
        out(&b, "control", ATA_CTL_SRST);
        out(&b, "control", 0);
        out(&b, "bmicom", 0);
        settle(&b);
        put_prd(&b, 0, DATA, 512 | BMIDE_PRD_EOT);
        out(&b, "device", 0);
        transfer(&b, ATA_READ_DMA, 77, 1);
        CU_ASSERT_EQUAL(in(&b, "altstatus"), 0x50);
        CU_ASSERT_TRUE(holds(&b, DATA, 77 * 512, 512));
        finish(&b);
    }
}

/* The simulation may end in the middle of anything. */
static void test_ends_anywhere(void)
{
    struct bench b;

    for (tb_time t = 0; t < 30 * TB_US; t += 777 * TB_NS) {
        build(&b, "", ", latency: 2us");
        put_prd(&b, 0, DATA, BMIDE_PRD_EOT);
        command(&b, ATA_READ_DMA, 0, 4);
        out(&b, "bmicom", BMIDE_START | BMIDE_TO_MEMORY);
        tb_sim_run(b.seen.sim, t);
        seen_free(&b.seen);
    }
}

/* The configuration header tells of the master abort until a one is written. */
static void check_pci_status(struct bench *b)
{
    uint8_t data[2];
    struct tb_access a = {.address = (uint64_t)9 << 12 | BMIDE_CFG_STATUS,
                          .data = data,
                          .length = 2,
                          .space = TB_CONFIG};

    for (unsigned i = 0; i < 2; i++) {
        a.write = false;
        CU_ASSERT_TRUE(tb_sim_access(b->seen.sim, "cpu", &a));
        CU_ASSERT_EQUAL(data[1] << 8 & BMIDE_STS_MASTER_ABORT, i ? 0 : BMIDE_STS_MASTER_ABORT);
        data[1] = BMIDE_STS_MASTER_ABORT >> 8;
        a.write = true;
        CU_ASSERT_TRUE(tb_sim_access(b->seen.sim, "cpu", &a));
    }
}

/* -- Faults ---------------------------------------------------------------------------------- */

static void test_faults(void)
{
    static const struct {
        const char *how;
        bool table, write;
        uint8_t master, drive, error, edges;
    } rows[] = {
        {"", false, false, BMIDE_ERROR, 0x51, ATA_ABRT, 0},
        {"", false, true, BMIDE_ERROR, 0x51, ATA_ABRT, 0},
        {"", true, false, BMIDE_ERROR, 0x51, ATA_ABRT, 0},
        {", prd_fetch: whole", true, true, BMIDE_ERROR, 0x51, ATA_ABRT, 0},
        {", on_fault: pretend", false, false, BMIDE_INTERRUPT, 0x50, 0, 1},
        {", on_fault: pretend", false, true, BMIDE_INTERRUPT, 0x50, 0, 1},
        {", on_fault: pretend", true, false, BMIDE_INTERRUPT | BMIDE_ACTIVE, 0x50, 0, 1},
        {", conform: qemu", false, false, BMIDE_ERROR, 0x41, ATA_ABRT, 0},
    };
    struct bench b;

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t disk[512], memory[512];
        build(&b, rows[i].how, "");
        put_prd(&b, 0, DATA, 256);
        put_prd(&b, 1, HOLE, 256 | BMIDE_PRD_EOT);
        memset(memory, 0xa5, sizeof memory);
        tb_sim_poke(b.seen.sim, DATA, memory, sizeof memory);
        out(&b, "bmidtp", rows[i].table ? HOLE : TABLE);
        command(&b, rows[i].write ? ATA_WRITE_DMA : ATA_READ_DMA, 9, 1);
        out(&b, "bmicom", BMIDE_START | (rows[i].write ? 0 : BMIDE_TO_MEMORY));
        settle(&b);
        check_status(&b, rows[i].master, rows[i].drive);
        CU_ASSERT_EQUAL(in(&b, "error"), rows[i].error);
        CU_ASSERT_EQUAL(edges(&b, 14), rows[i].edges);
        CU_ASSERT_TRUE(seen_counter(&b.seen, "ide0", "faults") >= 1);
        check_pci_status(&b);
        tb_storage(b.ide, "disk0", 9 * 512, disk, 512, false);
        tb_sim_peek(b.seen.sim, DATA, memory, 512);
        if (rows[i].edges && rows[i].write) { /* pretended: what could not be read is zero */
            CU_ASSERT_EQUAL(memcmp(disk, memory, 256), 0);
            for (unsigned k = 256; k < 512; k++)
                CU_ASSERT_EQUAL(disk[k], 0);
        } else if (rows[i].write) {
            CU_ASSERT_NOT_EQUAL(disk[0], 0); /* the sector was never complete */
        }
        finish(&b);
    }
}

static void test_direction_and_master(void)
{
    struct bench b;

    build(&b, "", "");
    put_prd(&b, 0, DATA, 512 | BMIDE_PRD_EOT);
    out(&b, "bmidtp", TABLE);
    command(&b, ATA_READ_DMA, 3, 1);
    out(&b, "bmicom", BMIDE_START); /* the wrong way: the drive is never acknowledged */
    settle(&b);
    check_status(&b, BMIDE_ACTIVE, 0x58);
    out(&b, "pcicmd", BMIDE_CMD_IO); /* not a master: waits until it may */
    out(&b, "bmicom", 0);
    out(&b, "bmicom", BMIDE_START | BMIDE_TO_MEMORY);
    settle(&b);
    check_status(&b, BMIDE_ACTIVE, 0x58);
    out(&b, "pcicmd", BMIDE_CMD_IO | BMIDE_CMD_MASTER);
    settle(&b);
    check_status(&b, BMIDE_INTERRUPT, 0x50);
    CU_ASSERT_TRUE(holds(&b, DATA, 3 * 512, 512));
    put_prd(&b, 0, DATA, BMIDE_PRD_EOT);
    out(&b, "bmicom", BMIDE_TO_MEMORY);
    command(&b, ATA_READ_DMA, 0, 128);
    out(&b, "bmicom", BMIDE_START | BMIDE_TO_MEMORY);
    out(&b, "pcicmd", BMIDE_CMD_IO); /* in the middle: nothing is lost */
    settle(&b);
    check_status(&b, BMIDE_ACTIVE | BMIDE_INTERRUPT, 0x58);
    out(&b, "pcicmd", BMIDE_CMD_IO | BMIDE_CMD_MASTER);
    settle(&b);
    check_status(&b, BMIDE_INTERRUPT, 0x50);
    CU_ASSERT_TRUE(holds(&b, DATA, 0, 65536));
    uint32_t value = 0;
    out(&b, "pcicmd", BMIDE_CMD_MASTER); /* no I/O: nobody answers */
    CU_ASSERT_EQUAL(reg(&b, "bmista", false, &value), TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(reg(&b, "altstatus", false, &value), TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(in(&b, "pcicmd"), BMIDE_CMD_MASTER);
    finish(&b);
}

static void poke_master(struct bench *b, uint8_t value)
{
    struct tb_debug d = {
        .address = 0xc000, .data = &value, .length = 1, .space = TB_IO, .write = true};

    CU_ASSERT_TRUE(b->ide->class->debug(b->ide, 0, &d));
}

/* START cleared while data moves: by the specification all is lost and the drive waits; QEMU
 * finishes. */
static void test_stop(void)
{
    struct bench b;

    build(&b, "", "");
    put_prd(&b, 0, DATA, BMIDE_PRD_EOT);
    out(&b, "bmidtp", TABLE);
    command(&b, ATA_READ_DMA, 0, 128);
    out(&b, "bmicom", BMIDE_START | BMIDE_TO_MEMORY);
    tb_sim_run(b.seen.sim, tb_sim_now(b.seen.sim) + 100 * TB_US);
    out(&b, "bmicom", BMIDE_TO_MEMORY);
    settle(&b);
    check_status(&b, 0, 0x58);
    CU_ASSERT_EQUAL(edges(&b, 14), 0);
    CU_ASSERT_TRUE(seen_counter(&b.seen, "ide0", "bursts") < 200);
    out(&b, "control", ATA_CTL_SRST);
    out(&b, "control", 0);
    check_status(&b, 0, 0x50);
    finish(&b);

    build(&b, ", conform: qemu", "");
    put_prd(&b, 0, DATA, BMIDE_PRD_EOT);
    out(&b, "bmidtp", TABLE);
    command(&b, ATA_READ_DMA, 0, 127);
    out(&b, "bmicom", BMIDE_START);
    out(&b, "bmicom", 0); /* is answered when the transfer is over */
    CU_ASSERT_TRUE(tb_sim_now(b.seen.sim) > 640 * TB_US);
    check_status(&b, BMIDE_INTERRUPT, 0x50);
    /* A debugger does not wait: what it sets while the engine drains holds when it has. */
    command(&b, ATA_READ_DMA, 0, 127);
    out(&b, "bmicom", BMIDE_START);
    poke_master(&b, 0);
    CU_ASSERT_EQUAL(in(&b, "bmista") & BMIDE_ACTIVE, BMIDE_ACTIVE);
    poke_master(&b, BMIDE_START);
    settle(&b);
    check_status(&b, BMIDE_INTERRUPT | BMIDE_ACTIVE, 0x50);
    finish(&b);
}

/* -- Interrupts and addresses ---------------------------------------------------------------- */

static void test_interrupts(void)
{
    struct bench b;

    build(&b, ", irq0: 20", "");
    out(&b, "command", ATA_CHECK_POWER);
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 20), 1);
    CU_ASSERT_EQUAL(last_of(&b, TB_TXN_INTERRUPT)->txn.value[0], 1);
    CU_ASSERT_EQUAL(in(&b, "bmista"), BMIDE_INTERRUPT);
    CU_ASSERT_EQUAL(in(&b, "altstatus"), 0x50); /* drops nothing */
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 20), 1);
    CU_ASSERT_EQUAL(in(&b, "status"), 0x50);
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 20), 2);
    CU_ASSERT_EQUAL(in(&b, "bmista"), BMIDE_INTERRUPT); /* until software clears it */
    out(&b, "bmista", BMIDE_INTERRUPT | 0x20);
    CU_ASSERT_EQUAL(in(&b, "bmista"), 0x20);
    out(&b, "control", ATA_CTL_NIEN);
    out(&b, "command", ATA_CHECK_POWER);
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 20), 2);
    out(&b, "control", 0); /* it was waiting behind nIEN */
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 20), 3);
    out(&b, "bmista", BMIDE_INTERRUPT);
    out(&b, "command", ATA_CHECK_POWER); /* falls and rises at one instant */
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 20), 5);
    CU_ASSERT_EQUAL(in(&b, "bmista"), BMIDE_INTERRUPT);
    finish(&b);
}

/* Two that come at once are served one after the other. */
static void test_register_latency(void)
{
    static const char text[] =
        "platform: two\nmodels:\n  a: {model: requester}\n  b: {model: requester}\n  sys: {model: "
        "bus}\n"
        "  ide0: {model: ide, register_latency: 500ns, disk0: {size: 1MiB}}\n"
        "links: [{from: a, to: sys}, {from: b, to: sys}, {from: ide0, to: sys}]\n";
    uint8_t data[2];
    struct tb_access a[2];
    struct bench b;

    seen_load(&b.seen, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b.seen.sim);
    for (unsigned i = 0; i < 2; i++) {
        struct tb_model *m = tb_sim_model(b.seen.sim, i ? "b" : "a");
        a[i] = (struct tb_access){.address = 0x1f7, .data = &data[i], .length = 1, .space = TB_IO};
        m->class->access(m, &a[i], 0);
    }
    settle(&b);
    CU_ASSERT_TRUE(a[0].done && a[1].done);
    CU_ASSERT_EQUAL(a[1].finished - a[0].finished, 500 * TB_NS);
    finish(&b);
}

static void test_native_mode(void)
{
    struct bench b;
    struct tb_symbol s;

    build(&b, ", legacy: false, io: 0xE000", "}, disk2: {size: 1MiB");
    CU_ASSERT_TRUE(tb_symbol(b.ide, "command1", &s));
    CU_ASSERT_EQUAL(s.address, 0xe02f);
    CU_ASSERT_TRUE(tb_symbol(b.ide, "altstatus1", &s));
    CU_ASSERT_EQUAL(s.address, 0xe036);
    CU_ASSERT_FALSE(tb_symbol(b.ide, "nonsense", &s));
    out(&b, "command1", ATA_IDENTIFY);
    CU_ASSERT_EQUAL(in(&b, "data1"), 0x0040);
    CU_ASSERT_EQUAL(in(&b, "bmista1"), BMIDE_INTERRUPT);
    settle(&b);
    CU_ASSERT_EQUAL(edges(&b, 15), 1);
    uint8_t bar[4];
    struct tb_access a = {.address = (uint64_t)9 << 12 | BMIDE_CFG_BAR4,
                          .data = bar,
                          .length = 4,
                          .space = TB_CONFIG};
    CU_ASSERT_TRUE(tb_sim_access(b.seen.sim, "cpu", &a));
    CU_ASSERT_EQUAL(bar[0], 1);
    CU_ASSERT_EQUAL(bar[1], 0xe0);
    uint64_t value;
    CU_ASSERT_TRUE(tb_fact(b.ide, "disk2.sectors", &value));
    CU_ASSERT_EQUAL(value, 2048);
    CU_ASSERT_FALSE(tb_fact(b.ide, "disk1.sectors", &value));
    finish(&b);
}

/* -- Elaboration ----------------------------------------------------------------------------- */

static void test_bad_parameters(void)
{
    static const char *const wrong[] = {
        "short_table: nothing",
        "io: 0xC001",
        "disk0: {pattern: zero}",
        "disk0: {file: /nonexistent/x}",
        "disk0: {size: 1MiB, write_back: file}",
        "disk1: {size: 1MiB, seek: {track: 2ms, average: 1ms, full: 3ms}}",
        "burst: 8KiB",
        "outstanding: 0",
        "disk0: {size: 100B}",
        "disk3: {size: 1MiB, mode: udma7}",
        "disk0: {size: 1MiB, errors: [{op: read}]}"};
    char text[400];

    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct seen s;
        snprintf(text, sizeof text,
                 "platform: bad\nmodels:\n  ide0: {model: ide, %s}\n  dram: {model: memory, size: "
                 "1MiB}\n"
                 "links: [{from: ide0, to: dram}]\n",
                 wrong[i]);
        seen_load(&s, text);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT_EQUAL(tb_diag_count(s.diag), 1);
        seen_free(&s);
    }
}

SUITE("ide", {"UDMA rates (A18)", test_udma_rates}, {"outstanding", test_outstanding},
      {"walk per page (A19)", test_walk_per_page}, {"pio (A18)", test_pio},
      {"random tables", test_random_tables}, {"boundaries", test_boundaries},
      {"lengths of tables", test_lengths}, {"hostile tables", test_hostile_tables},
      {"random registers", test_random_registers}, {"ends anywhere", test_ends_anywhere},
      {"faults", test_faults}, {"direction and bus mastering", test_direction_and_master},
      {"stop", test_stop}, {"interrupts", test_interrupts},
      {"register latency", test_register_latency}, {"native mode", test_native_mode},
      {"bad parameters", test_bad_parameters})
