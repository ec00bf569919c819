/* ATA drives without a kernel: registers, addresses, IDENTIFY, PIO and DMA data, errors, medium,
 * rates. */
#include "../suite.h"

#include "ide/ata.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECTORS 8192u

static void *page(void *owner, size_t size)
{
    void **chain = calloc(1, size + sizeof(void *));

    if (!chain)
        abort();
    *chain = *(void **)owner;
    *(void **)owner = chain;
    return chain + 1;
}

/* A cable with disk 0 of 4 MiB of pattern mix64; what a test needs different it changes before
 * `plug`. */
struct bench {
    struct disk_params params[2];
    struct ata_bus bus;
    void *pages;
};

static void prepare(struct bench *b)
{
    memset(b, 0, sizeof *b);
    for (unsigned i = 0; i < 2; i++)
        b->params[i] = (struct disk_params){.medium = {.size = SECTORS * ATA_SECTOR,
                                                       .pattern = TB_MEDIUM_MIX64,
                                                       .seed = 5,
                                                       .track = 1008,
                                                       .surfaces = 4},
                                            .mode = 13,
                                            .model = "MODEL",
                                            .serial = "123",
                                            .firmware = "1"};
}

static void plug(struct bench *b, enum ata_conform conform, bool second)
{
    const struct disk_params *const params[2] = {&b->params[0], second ? &b->params[1] : NULL};
    unsigned which;
    char why[160];

    CU_ASSERT_TRUE_FATAL(ata_bus_open(&b->bus, params, conform, page, &b->pages, &which, why));
}

static void unplug(struct bench *b)
{
    ata_bus_close(&b->bus);
    while (b->pages) {
        void **next = *(void **)b->pages;
        free(b->pages);
        b->pages = next;
    }
}

static void out(struct bench *b, unsigned reg, unsigned value)
{
    ata_bus_write(&b->bus, reg, (uint8_t)value, 0);
}

static unsigned in(struct bench *b, unsigned reg)
{
    return ata_bus_read(&b->bus, reg);
}

/* A command with a 28-bit address. */
static void command(struct bench *b, unsigned opcode, uint32_t lba, unsigned count)
{
    out(b, ATA_REG_DEVICE, ATA_DEV_LBA | (lba >> 24 & 15));
    out(b, ATA_REG_NSECT, count);
    out(b, ATA_REG_LBAL, lba);
    out(b, ATA_REG_LBAM, lba >> 8);
    out(b, ATA_REG_LBAH, lba >> 16);
    out(b, ATA_REG_COMMAND, opcode);
}

static void command_ext(struct bench *b, unsigned opcode, uint64_t lba, unsigned count)
{
    out(b, ATA_REG_DEVICE, ATA_DEV_LBA);
    out(b, ATA_REG_NSECT, count >> 8);
    out(b, ATA_REG_LBAL, (unsigned)(lba >> 24));
    out(b, ATA_REG_LBAM, (unsigned)(lba >> 32));
    out(b, ATA_REG_LBAH, (unsigned)(lba >> 40));
    out(b, ATA_REG_NSECT, count);
    out(b, ATA_REG_LBAL, (unsigned)lba);
    out(b, ATA_REG_LBAM, (unsigned)(lba >> 8));
    out(b, ATA_REG_LBAH, (unsigned)(lba >> 16));
    out(b, ATA_REG_COMMAND, opcode);
}

static uint32_t address_now(struct bench *b)
{
    return (in(b, ATA_REG_DEVICE) & 15) << 24 | in(b, ATA_REG_LBAH) << 16 |
           in(b, ATA_REG_LBAM) << 8 | in(b, ATA_REG_LBAL);
}

static void check_end(struct bench *b, unsigned status, unsigned error)
{
    CU_ASSERT_EQUAL(in(b, ATA_REG_CONTROL), status);
    CU_ASSERT_EQUAL(in(b, ATA_REG_ERROR), error);
    CU_ASSERT_TRUE(ata_bus_line(&b->bus));
    CU_ASSERT_EQUAL(in(b, ATA_REG_STATUS), status);
    CU_ASSERT_FALSE(ata_bus_line(&b->bus));
}

/* -- Addresses ------------------------------------------------------------------------------- */

static void test_addresses(void)
{
    struct bench b;
    struct ata_drive *d = &b.bus.drive[0];

    prepare(&b);
    plug(&b, CONFORM_ATA, false);
    for (uint32_t lba = 0; lba < 70000; lba += 7) { /* CHS there and back, 16 heads, 63 sectors */
        d->device = ATA_DEV_ONES;
        ata_set_address(d, lba, false);
        CU_ASSERT_EQUAL(ata_address(d, false), lba);
        CU_ASSERT_TRUE(d->lbal.now >= 1 && d->lbal.now <= 63);
    }
    d->device = ATA_DEV_ONES | 2; /* CHS 3/2/7 */
    d->lbal.now = 7;
    d->lbam.now = 3;
    d->lbah.now = 0;
    CU_ASSERT_EQUAL(ata_address(d, false), (3 * 16 + 2) * 63 + 6);
    d->lbal.now = 0; /* there is no sector 0 */
    CU_ASSERT_EQUAL(ata_address(d, false), ATA_NOWHERE);
    d->lbal.now = 64;
    CU_ASSERT_EQUAL(ata_address(d, false), ATA_NOWHERE);
    d->device = ATA_DEV_ONES | ATA_DEV_LBA;
    ata_set_address(d, 0x0abcdef0, false);
    CU_ASSERT_EQUAL(ata_address(d, false), 0x0abcdef0);
    ata_set_address(d, 0x123456789abc, true);
    CU_ASSERT_EQUAL(ata_address(d, true), 0x123456789abc);
    unplug(&b);
}

static void test_high_order_bytes(void)
{
    struct bench b;

    prepare(&b);
    plug(&b, CONFORM_ATA, false);
    out(&b, ATA_REG_LBAL, 0x12);
    out(&b, ATA_REG_LBAL, 0x34);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_LBAL), 0x34);
    out(&b, ATA_REG_CONTROL, ATA_CTL_HOB);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_LBAL), 0x12);
    out(&b, ATA_REG_NSECT, 1); /* any write to the block clears HOB */
    CU_ASSERT_EQUAL(in(&b, ATA_REG_LBAL), 0x34);
    unplug(&b);
}

/* -- IDENTIFY -------------------------------------------------------------------------------- */

static void identify(struct bench *b, uint16_t *words)
{
    out(b, ATA_REG_COMMAND, ATA_IDENTIFY);
    CU_ASSERT_EQUAL(in(b, ATA_REG_CONTROL), ATA_DRDY | ATA_DSC | ATA_DRQ);
    CU_ASSERT_TRUE(ata_bus_line(&b->bus));
    for (unsigned i = 0; i < 256; i++)
        words[i] = ata_bus_read_data(&b->bus, 0);
    CU_ASSERT_EQUAL(in(b, ATA_REG_STATUS), ATA_DRDY | ATA_DSC);
    CU_ASSERT_EQUAL(ata_bus_read_data(&b->bus, 0), 0); /* past the end */
}

static void test_identify(void)
{
    static const struct {
        uint8_t mode;
        uint16_t w49, w63, w88;
    } modes[] = {{13, 0x0b00, 0x0007, 0x203f}, {14, 0x0b00, 0x0007, 0x407f},
                 {8, 0x0b00, 0x0007, 0x0101},  {7, 0x0b00, 0x0407, 0},
                 {5, 0x0b00, 0x0101, 0},       {2, 0x0a00, 0, 0}};
    uint16_t w[256];
    struct bench b;

    for (unsigned i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        prepare(&b);
        b.params[0].mode = modes[i].mode;
        plug(&b, CONFORM_ATA, false);
        identify(&b, w);
        CU_ASSERT_EQUAL(w[49], modes[i].w49);
        CU_ASSERT_EQUAL(w[63], modes[i].w63);
        CU_ASSERT_EQUAL(w[88], modes[i].w88);
        unplug(&b);
    }
    CU_ASSERT_EQUAL(w[1], 8);
    CU_ASSERT_EQUAL(w[60], SECTORS);
    CU_ASSERT_EQUAL(w[100], SECTORS);
    CU_ASSERT_EQUAL(w[27], 'M' << 8 | 'O');
    CU_ASSERT_EQUAL(w[29], 'L' << 8 | ' ');
    CU_ASSERT_EQUAL(w[10], '1' << 8 | '2');
    uint8_t sum = 0;
    for (unsigned i = 0; i < 256; i++)
        sum = (uint8_t)(sum + (w[i] & 0xff) + (w[i] >> 8));
    CU_ASSERT_EQUAL(sum, 0);
    CU_ASSERT_EQUAL(w[255] & 0xff, 0xa5);
}

/* More than 28 bits: words 60 and 61 stop at 2^28 - 1, 100 to 103 tell all. */
static void test_identify_big(void)
{
    uint16_t w[256];
    struct bench b;

    prepare(&b);
    b.params[0].medium.size = ((1ull << 33) + 3) * ATA_SECTOR;
    b.params[0].medium.pattern = TB_MEDIUM_ZERO;
    plug(&b, CONFORM_ATA, false);
    identify(&b, w);
    CU_ASSERT_EQUAL((uint32_t)w[61] << 16 | w[60], ATA_MAX_28);
    CU_ASSERT_EQUAL(w[100], 3);
    CU_ASSERT_EQUAL(w[101], 0);
    CU_ASSERT_EQUAL(w[102], 2);
    CU_ASSERT_EQUAL(w[1], 16383);
    unplug(&b);
}

/* -- Errors ---------------------------------------------------------------------------------- */

static const struct tb_medium_error bad_sectors[] = {{TB_MEDIUM_READ, 100, 2},
                                                     {TB_MEDIUM_WRITE, 200, 1}};

static void plug_bad(struct bench *b, enum ata_conform conform)
{
    prepare(b);
    b->params[0].medium.errors =
        (struct tb_items){.at = (void *)(uintptr_t)bad_sectors, .count = 2};
    plug(b, conform, false);
}

/* What ends at once with an error, by both books. */
static void test_errors(void)
{
    static const struct {
        uint8_t opcode;
        uint32_t lba;
        uint8_t count, status, error; /* by the ATA specification */
        bool qemu_too;                /* QEMU ends it with 41/04 at once */
    } rows[] = {
        {0xff, 0, 1, 0x51, ATA_ABRT, true},
        {ATA_NOP, 0, 1, 0x51, ATA_ABRT, true},
        {ATA_READ_NATIVE_MAX, 0, 1, 0x51, ATA_ABRT, false},
        {ATA_READ_DMA, SECTORS, 1, 0x51, ATA_IDNF, false},
        {ATA_READ_DMA, SECTORS - 1, 2, 0x51, ATA_IDNF, false},
        {ATA_WRITE_DMA, SECTORS - 255, 0, 0x51, ATA_IDNF, false},
        {ATA_READ_SECTORS, SECTORS, 1, 0x51, ATA_IDNF, true},
        {ATA_READ_SECTORS, 101, 1, 0x51, ATA_UNC, true},
        {ATA_READ_DMA, 100, 1, 0x51, ATA_UNC, false},
        {ATA_READ_VERIFY, 99, 2, 0x51, ATA_UNC, false},
        {ATA_READ_VERIFY, SECTORS, 1, 0x51, ATA_IDNF, false},
        {ATA_SET_MULTIPLE, 0, 3, 0x51, ATA_ABRT, true},
        {ATA_SET_MULTIPLE, 0, 32, 0x51, ATA_ABRT, true},
        {ATA_INITIALIZE_PARAMETERS, 0, 0, 0x51, ATA_ABRT, true},
        {ATA_SEEK, SECTORS, 1, 0x51, ATA_IDNF, false},
    };
    struct bench b;

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        plug_bad(&b, CONFORM_ATA);
        command(&b, rows[i].opcode, rows[i].lba, rows[i].count);
        check_end(&b, rows[i].status, rows[i].error);
        unplug(&b);
        if (!rows[i].qemu_too)
            continue;
        plug_bad(&b, CONFORM_QEMU);
        command(&b, rows[i].opcode, rows[i].lba, rows[i].count);
        check_end(&b, 0x41, ATA_ABRT);
        unplug(&b);
    }
}

/* The registers show the sector that failed, and DF is set when it did not take its data. */
static void test_error_address(void)
{
    struct bench b;

    plug_bad(&b, CONFORM_ATA);
    command(&b, ATA_READ_DMA, 96, 8);
    struct ata_drive *d = &b.bus.drive[0];
    uint8_t data[4 * ATA_SECTOR];
    CU_ASSERT_TRUE(ata_dma_begin(d, 0));
    CU_ASSERT_EQUAL(ata_dma_left(d), 4 * ATA_SECTOR);
    CU_ASSERT_TRUE(ata_dma_read(d, data, sizeof data));
    ata_dma_end(d);
    CU_ASSERT_EQUAL(address_now(&b), 100);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_NSECT), 4);
    check_end(&b, 0x51, ATA_UNC);
    command(&b, ATA_WRITE_SECTORS, 200, 1);
    for (unsigned i = 0; i < 256; i++)
        ata_bus_write_data(&b.bus, 0x1234, 0);
    check_end(&b, 0x51 | ATA_DF, ATA_ABRT);
    CU_ASSERT_EQUAL(address_now(&b), 200);
    unplug(&b);
}

/* 28-bit commands reach 2^28 - 1 sectors by the book; QEMU lets them run past. */
static void test_28_bits(void)
{
    struct bench b;

    for (unsigned conform = CONFORM_ATA; conform <= CONFORM_QEMU; conform++) {
        prepare(&b);
        b.params[0].medium.size = (1ull << 29) * ATA_SECTOR;
        plug(&b, (enum ata_conform)conform, false);
        command(&b, ATA_READ_DMA, 0x0fffffff, 2);
        if (conform == CONFORM_ATA)
            check_end(&b, 0x51, ATA_IDNF);
        CU_ASSERT_EQUAL(ata_dma_begin(&b.bus.drive[0], 0), conform == CONFORM_QEMU);
        if (conform == CONFORM_QEMU) {
            uint8_t data[2 * ATA_SECTOR];
            ata_dma_read(&b.bus.drive[0], data, sizeof data);
            ata_dma_end(&b.bus.drive[0]);
            CU_ASSERT_EQUAL(address_now(&b), 1);
        }
        unplug(&b);
    }
}

/* -- Data ------------------------------------------------------------------------------------ */

static void test_pio(void)
{
    uint8_t want[3 * ATA_SECTOR], back[3 * ATA_SECTOR];
    struct bench b;

    prepare(&b);
    plug(&b, CONFORM_ATA, false);
    command(&b, ATA_WRITE_SECTORS, 10, 3);
    CU_ASSERT_FALSE(ata_bus_line(&b.bus)); /* the first block comes without */
    for (unsigned i = 0; i < sizeof want; i += 2) {
        CU_ASSERT_EQUAL(in(&b, ATA_REG_CONTROL), 0x58);
        want[i] = (uint8_t)i;
        want[i + 1] = (uint8_t)(i >> 8);
        ata_bus_write_data(&b.bus, (uint16_t)(want[i] | want[i + 1] << 8), 0);
        if (i % ATA_SECTOR == ATA_SECTOR - 2)
            CU_ASSERT_TRUE(ata_bus_line(&b.bus));
    }
    check_end(&b, 0x50, 0);
    CU_ASSERT_EQUAL(address_now(&b), 13);
    command(&b, ATA_READ_MULTIPLE, 10, 3);
    CU_ASSERT_EQUAL(b.bus.drive[0].raises, 4); /* three blocks written, one of three sectors read */
    for (unsigned i = 0; i < sizeof back; i += 2) {
        uint16_t word = ata_bus_read_data(&b.bus, 0);
        back[i] = (uint8_t)word;
        back[i + 1] = (uint8_t)(word >> 8);
    }
    CU_ASSERT_EQUAL(memcmp(want, back, sizeof want), 0);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_CONTROL), 0x50);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_NSECT), 0);
    unplug(&b);
}

static void test_dma_ext(void)
{
    uint8_t data[600], back[1024];
    struct bench b;
    struct ata_drive *d = &b.bus.drive[0];

    prepare(&b);
    plug(&b, CONFORM_ATA, false);
    memset(data, 0x5a, sizeof data);
    command_ext(&b, ATA_WRITE_DMA_EXT, 4000, 2);
    CU_ASSERT_TRUE(ata_dma_wanted(d));
    CU_ASSERT_TRUE(ata_dma_begin(d, 0));
    CU_ASSERT_EQUAL(ata_dma_left(d), 1024);
    ata_dma_write(d, data, 600);
    out(&b, ATA_REG_LBAL, 77); /* not taken while DRQ is set */
    out(&b, ATA_REG_COMMAND, ATA_READ_DMA);
    CU_ASSERT_EQUAL(d->job.opcode, ATA_WRITE_DMA_EXT);
    out(&b, ATA_REG_CONTROL,
        ATA_CTL_SRST); /* in the middle of a sector: it is lost, the one before is not */
    CU_ASSERT_FALSE(ata_dma_wanted(d));
    CU_ASSERT_EQUAL(in(&b, ATA_REG_CONTROL), ATA_BSY);
    out(&b, ATA_REG_CONTROL, 0);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_CONTROL), 0x50);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_ERROR), ATA_DIAGNOSTIC_PASSED);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_NSECT), 1);
    CU_ASSERT_TRUE(tb_medium_read(&d->disk, 4000 * ATA_SECTOR, back, 1024));
    CU_ASSERT_EQUAL(memcmp(data, back, 512), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(data, back + 512, 80), 0);
    command_ext(&b, ATA_READ_DMA_EXT, 0, 0); /* 0: 65536 sectors, more than there are */
    check_end(&b, 0x51, ATA_IDNF);
    command(&b, ATA_READ_DMA, 0, 0); /* 0: 256 */
    CU_ASSERT_EQUAL(ata_dma_asked(d), 256 * ATA_SECTOR);
    unplug(&b);
}

/* -- The cable ------------------------------------------------------------------------------- */

static void test_two_drives(void)
{
    struct bench b;

    prepare(&b);
    b.params[1].medium.size = 2 * b.params[0].medium.size;
    plug(&b, CONFORM_ATA, true);
    out(&b, ATA_REG_LBAM, 0x55); /* both hear it */
    out(&b, ATA_REG_DEVICE, ATA_DEV_DEV);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_LBAM), 0x55);
    out(&b, ATA_REG_COMMAND, ATA_CHECK_POWER);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_NSECT), ATA_POWER_ACTIVE);
    CU_ASSERT_TRUE(ata_bus_line(&b.bus));
    out(&b, ATA_REG_DEVICE, 0); /* the line is the selected drive's */
    CU_ASSERT_FALSE(ata_bus_line(&b.bus));
    out(&b, ATA_REG_DEVICE, ATA_DEV_DEV);
    CU_ASSERT_TRUE(ata_bus_line(&b.bus));
    out(&b, ATA_REG_CONTROL, ATA_CTL_NIEN);
    CU_ASSERT_FALSE(ata_bus_line(&b.bus));
    out(&b, ATA_REG_COMMAND, ATA_DEVICE_DIAGNOSTIC);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_DEVICE), ATA_DEV_ONES);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_ERROR), ATA_DIAGNOSTIC_PASSED);
    unplug(&b);
}

static void test_absent(void)
{
    struct bench b;
    unsigned which;
    char why[160];
    static const struct disk_params *const none[2] = {NULL, NULL};

    prepare(&b);
    plug(&b, CONFORM_ATA, false);
    out(&b, ATA_REG_DEVICE, ATA_DEV_DEV);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_STATUS), 0);
    command(&b, ATA_READ_DMA, 0, 1);
    out(&b, ATA_REG_DEVICE, ATA_DEV_DEV);
    out(&b, ATA_REG_COMMAND, ATA_IDENTIFY); /* nobody takes it */
    CU_ASSERT_FALSE(b.bus.drive[1].job.live);
    unplug(&b);
    for (unsigned conform = CONFORM_ATA; conform <= CONFORM_QEMU; conform++) {
        CU_ASSERT_TRUE(
            ata_bus_open(&b.bus, none, (enum ata_conform)conform, page, &b.pages, &which, why));
        for (unsigned opcode = 0; opcode < 256; opcode++)
            for (unsigned device = 0; device < 2; device++) {
                out(&b, ATA_REG_DEVICE, device * ATA_DEV_DEV);
                out(&b, ATA_REG_COMMAND, opcode);
                CU_ASSERT_EQUAL(in(&b, ATA_REG_STATUS), conform == CONFORM_QEMU ? 0 : 0x7f);
                CU_ASSERT_EQUAL(ata_bus_read_data(&b.bus, 0), 0);
            }
        ata_bus_close(&b.bus);
    }
}

/* Every command code on a drive: something becomes of it, and a reset brings the drive back. */
static void test_all_commands(void)
{
    struct bench b;

    for (unsigned conform = CONFORM_ATA; conform <= CONFORM_QEMU; conform++)
        for (unsigned opcode = 0; opcode < 256; opcode++) {
            prepare(&b);
            plug(&b, (enum ata_conform)conform, false);
            command(&b, opcode, 3, 2);
            for (unsigned i = 0; i < 2000; i++) {
                ata_bus_write_data(&b.bus, 0xaaaa, 0);
                ata_bus_read_data(&b.bus, 0);
            }
            unsigned status = in(&b, ATA_REG_STATUS);
            CU_ASSERT_FALSE(status & ATA_BSY);
            out(&b, ATA_REG_CONTROL, ATA_CTL_SRST);
            out(&b, ATA_REG_CONTROL, 0);
            CU_ASSERT_EQUAL(in(&b, ATA_REG_STATUS), 0x50);
            unplug(&b);
        }
}

/* SET FEATURES 66h: settings outlive a software reset; CCh: they do not (8.46.21). */
static void test_keep_settings(void)
{
    struct bench b;

    for (unsigned i = 0; i < 2; i++) {
        prepare(&b);
        plug(&b, CONFORM_ATA, false);
        out(&b, ATA_REG_FEATURES, i ? ATA_FEATURE_KEEP_SETTINGS : ATA_FEATURE_REVERT_SETTINGS);
        out(&b, ATA_REG_COMMAND, ATA_SET_FEATURES);
        command(&b, ATA_SET_MULTIPLE, 0, 4);
        out(&b, ATA_REG_CONTROL, ATA_CTL_SRST);
        out(&b, ATA_REG_CONTROL, 0);
        CU_ASSERT_EQUAL(b.bus.drive[0].multiple, i ? 4 : ATA_MULTIPLE_MAX);
        unplug(&b);
    }
}

static void test_power(void)
{
    struct bench b;

    prepare(&b);
    plug(&b, CONFORM_ATA, false);
    out(&b, ATA_REG_COMMAND, ATA_STANDBY_IMMEDIATE);
    out(&b, ATA_REG_COMMAND, ATA_CHECK_POWER);
    CU_ASSERT_EQUAL(in(&b, ATA_REG_NSECT), ATA_POWER_STANDBY);
    out(&b, ATA_REG_COMMAND, ATA_SLEEP);
    out(&b, ATA_REG_COMMAND, ATA_IDENTIFY); /* asleep */
    CU_ASSERT_EQUAL(ata_bus_read_data(&b.bus, 0), 0);
    out(&b, ATA_REG_CONTROL, ATA_CTL_SRST);
    out(&b, ATA_REG_CONTROL, 0);
    out(&b, ATA_REG_COMMAND, ATA_IDENTIFY);
    CU_ASSERT_EQUAL(ata_bus_read_data(&b.bus, 0), 0x0040);
    unplug(&b);
}

/* -- Modes and rates ------------------------------------------------------------------------- */

static void set_mode(struct bench *b, unsigned value)
{
    out(b, ATA_REG_FEATURES, ATA_FEATURE_TRANSFER_MODE);
    out(b, ATA_REG_NSECT, value);
    out(b, ATA_REG_COMMAND, ATA_SET_FEATURES);
}

/* A18, and every other mode: time of 64 KiB in picoseconds. */
static void test_rates(void)
{
    static const struct {
        uint8_t value;
        uint64_t time;
    } rows[] = {{0x46, 491520000},  {0x45, 655360000},  {0x44, 983040000},  {0x43, 1474560000},
                {0x42, 1966080000}, {0x41, 2621440000}, {0x40, 3932160000}, {0x22, 3932160000},
                {0x21, 4915200000}, {0x20, 15728640000}};
    static const uint32_t pio[] = {600000, 383000, 240000, 180000, 120000};
    struct bench b;

    prepare(&b);
    b.params[0].mode = 14;
    plug(&b, CONFORM_ATA, false);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        set_mode(&b, rows[i].value);
        CU_ASSERT_EQUAL(in(&b, ATA_REG_STATUS), 0x50);
        CU_ASSERT_EQUAL(ata_dma_time(&b.bus.drive[0], 65536), rows[i].time);
    }
    for (unsigned i = 0; i < 5; i++) {
        set_mode(&b, ATA_XFER_PIO + i);
        CU_ASSERT_EQUAL(ata_bus_word_time(&b.bus), pio[i]);
    }
    CU_ASSERT_EQUAL(256 * ata_bus_word_time(&b.bus), 30720000); /* 512 B at PIO4: 30.72 us */
    b.params[0].medium.media = (struct tb_rate){1, 40000};      /* 25 MB/s is slower than UDMA6 */
    set_mode(&b, 0x46);
    CU_ASSERT_EQUAL(ata_dma_time(&b.bus.drive[0], 65536), 2621440000);
    unplug(&b);
}

static void test_modes_are_checked(void)
{
    static const struct {
        uint8_t mode, value;
        bool taken;
    } rows[] = {{10, 0x42, true},  {10, 0x43, false}, {10, 0x22, true},  {10, 0x0c, true},
                {6, 0x21, true},   {6, 0x22, false},  {6, 0x40, false},  {3, 0x0b, true},
                {3, 0x0c, false},  {3, 0x20, false},  {14, 0x47, false}, {14, 0x10, false},
                {14, 0x0d, false}, {14, 0x00, true},  {14, 0x80, false}};
    struct bench b;

    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        prepare(&b);
        b.params[0].mode = rows[i].mode;
        plug(&b, CONFORM_ATA, false);
        set_mode(&b, rows[i].value);
        check_end(&b, rows[i].taken ? 0x50 : 0x51, rows[i].taken ? 0 : ATA_ABRT);
        unplug(&b);
    }
    prepare(&b); /* a drive without DMA */
    b.params[0].mode = 4;
    plug(&b, CONFORM_ATA, false);
    command(&b, ATA_READ_DMA, 0, 1);
    check_end(&b, 0x51, ATA_ABRT);
    unplug(&b);
}

/* -- The medium ------------------------------------------------------------------------------ */

static void test_seek(void)
{
    static const struct tb_medium_seek s = {2 * TB_MS, 8 * TB_MS, 16 * TB_MS};
    tb_time last = 0;

    CU_ASSERT_EQUAL(tb_medium_seek_time(&s, 0, 3001), 0);
    CU_ASSERT_EQUAL(tb_medium_seek_time(&s, 1, 3001), 2 * TB_MS);
    CU_ASSERT_EQUAL(tb_medium_seek_time(&s, 1000, 3001), 8 * TB_MS);
    CU_ASSERT_EQUAL(tb_medium_seek_time(&s, 2000, 3001), 12 * TB_MS);
    CU_ASSERT_EQUAL(tb_medium_seek_time(&s, 3000, 3001), 16 * TB_MS);
    for (uint64_t cylinders = 1; cylinders < 12; cylinders++) {
        last = 0;
        for (uint64_t distance = 0; distance < cylinders; distance++) {
            tb_time t = tb_medium_seek_time(&s, distance, cylinders);
            CU_ASSERT_TRUE(t >= last);
            last = t;
        }
    }
}

/* 7200 rpm, 1000 sectors a track: a sector passes in 8333 1/3 ns, a turn takes 8333333 1/3 ns;
 * nothing drifts. */
static void test_rotation(void)
{
    struct bench b;
    struct tb_medium *d = &b.bus.drive[0].disk;

    prepare(&b);
    b.params[0].medium.rpm = 7200;
    b.params[0].medium.track = 1000;
    plug(&b, CONFORM_ATA, false);
    CU_ASSERT_EQUAL(tb_medium_access(d, 0, 1, 0), 0);
    CU_ASSERT_EQUAL(tb_medium_access(d, 1, 1, 0), 8333334);
    CU_ASSERT_EQUAL(tb_medium_access(d, 3, 1, 0), 25000000);
    CU_ASSERT_EQUAL(tb_medium_access(d, 0, 1, 1), 8333333334);
    CU_ASSERT_EQUAL(tb_medium_access(d, 2, 1, 3600 * TB_S + 1), 3600 * TB_S + 16666667);
    b.params[0].medium.latency = 25 * TB_US; /* time that passes before the platter matters */
    CU_ASSERT_EQUAL(tb_medium_access(d, 3, 1, 0), 25000000);
    CU_ASSERT_EQUAL(tb_medium_access(d, 2, 1, 0), 8333333334 + 16666667 - 1);
    unplug(&b);
}

static void test_contents(void)
{
    static const uint8_t counter[] = {0xfe, 0xff, 0x00, 0x01};
    uint8_t data[16], ones[16];
    struct bench b;
    struct tb_medium *d = &b.bus.drive[0].disk;

    prepare(&b);
    b.params[0].medium.pattern = TB_MEDIUM_COUNTER;
    plug(&b, CONFORM_ATA, false);
    CU_ASSERT_TRUE(tb_medium_read(d, 254, data, 4));
    CU_ASSERT_EQUAL(memcmp(data, counter, 4), 0);
    b.params[0].medium.bit7 = TB_MEDIUM_BIT7_SET;
    CU_ASSERT_TRUE(tb_medium_read(d, 256, data, 2));
    CU_ASSERT_EQUAL(data[1], 0x81);
    memset(ones, 1, sizeof ones);
    CU_ASSERT_TRUE(tb_medium_write(d, 4096 - 8, ones, 16)); /* over two pages of the overlay */
    CU_ASSERT_TRUE(tb_medium_read(d, 4096 - 8, data, 16));
    CU_ASSERT_EQUAL(memcmp(data, ones, 16), 0);
    CU_ASSERT_TRUE(tb_medium_read(d, 4096 + 8, data, 1));
    CU_ASSERT_EQUAL(data[0], 0x88);
    unplug(&b);

    prepare(&b); /* zeros on zeros take no page, at the end of the largest disk neither */
    b.params[0].medium.pattern = TB_MEDIUM_ZERO;
    b.params[0].medium.size = 1ull << 56;
    plug(&b, CONFORM_ATA, false);
    memset(data, 0, sizeof data);
    CU_ASSERT_TRUE(tb_medium_write(d, (1ull << 56) - 16, data, 16));
    CU_ASSERT_PTR_NULL(b.pages);
    CU_ASSERT_TRUE(tb_medium_write(d, (1ull << 56) - 16, ones, 16));
    CU_ASSERT_TRUE(tb_medium_read(d, (1ull << 56) - 16, data, 16));
    CU_ASSERT_EQUAL(memcmp(data, ones, 16), 0);
    unplug(&b);
}

static void test_mix64(void)
{
    /* mix64(0) = splitmix64's first output for state 0 */
    uint8_t data[8];
    struct bench b;

    prepare(&b);
    b.params[0].medium.seed = 0;
    plug(&b, CONFORM_ATA, false);
    CU_ASSERT_TRUE(tb_medium_read(&b.bus.drive[0].disk, 0, data, 8));
    uint64_t v = 0;
    for (unsigned i = 8; i-- > 0;)
        v = v << 8 | data[i];
    CU_ASSERT_EQUAL(v, 0xE220A8397B1DCDAFull);
    unplug(&b);
}

static void test_file(void)
{
    char path[] = "/tmp/tollbridge-test-XXXXXX";
    int fd = mkstemp(path);
    uint8_t data[1024], back[512];
    struct bench b;
    struct tb_medium *d = &b.bus.drive[0].disk;

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    memset(data, 7, sizeof data);
    CU_ASSERT_EQUAL(write(fd, data, sizeof data), (ssize_t)sizeof data);
    for (unsigned back_to = TB_MEDIUM_DISCARD; back_to <= TB_MEDIUM_TO_FILE; back_to++) {
        prepare(&b);
        b.params[0].medium.size = 0;
        b.params[0].medium.file = path;
        b.params[0].medium.write_back = back_to;
        plug(&b, CONFORM_ATA, false);
        CU_ASSERT_EQUAL(d->sectors, 2);
        memset(back, 9, sizeof back);
        CU_ASSERT_TRUE(tb_medium_write(d, 512, back, 512));
        CU_ASSERT_TRUE(tb_medium_read(d, 511, back, 2));
        CU_ASSERT_EQUAL(back[0], 7);
        CU_ASSERT_EQUAL(back[1], 9);
        CU_ASSERT_EQUAL(pread(fd, back, 1, 512), 1);
        CU_ASSERT_EQUAL(back[0], back_to == TB_MEDIUM_TO_FILE ? 9 : 7);
        unplug(&b);
    }
    CU_ASSERT_EQUAL(ftruncate(fd, 600), 0); /* what is past the file's end is zero */
    b.params[0].medium.size = 4096;
    plug(&b, CONFORM_ATA, false);
    CU_ASSERT_TRUE(tb_medium_read(d, 590, back, 20));
    CU_ASSERT_EQUAL(back[0], 9);
    CU_ASSERT_EQUAL(back[10], 0);
    /* The host's file fails under the drive: the command ends with UNC at that sector. */
    close(d->fd);
    d->fd = 9999;
    command(&b, ATA_READ_DMA, 2, 4);
    CU_ASSERT_TRUE(ata_dma_begin(&b.bus.drive[0], 0));
    CU_ASSERT_FALSE(ata_dma_read(&b.bus.drive[0], data, 64));
    CU_ASSERT_EQUAL(ata_dma_left(&b.bus.drive[0]), 0);
    ata_dma_end(&b.bus.drive[0]);
    check_end(&b, 0x51, ATA_UNC);
    CU_ASSERT_EQUAL(address_now(&b), 2);
    d->fd = -1;
    unplug(&b);
    close(fd);
    unlink(path);
}

SUITE("ata", {"addresses", test_addresses}, {"high order bytes", test_high_order_bytes},
      {"identify", test_identify}, {"identify a big disk", test_identify_big},
      {"errors", test_errors}, {"address of an error", test_error_address},
      {"28 bits", test_28_bits}, {"pio", test_pio}, {"dma, 48 bits, reset", test_dma_ext},
      {"two drives", test_two_drives}, {"absent drives", test_absent},
      {"all commands", test_all_commands}, {"power", test_power},
      {"kept settings", test_keep_settings}, {"rates (A18)", test_rates},
      {"modes are checked", test_modes_are_checked}, {"seek", test_seek},
      {"rotation", test_rotation}, {"contents", test_contents}, {"mix64", test_mix64},
      {"file", test_file})
