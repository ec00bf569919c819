/* The IOMMU as a whole, with a requester below it and memory above: faults and their records, the
 * log's overflow, commands, invalidations that overtake walks, order. Registers are accessed
 * without time, through the bridge. */
#include "../seen.h"
#include "suite.h"

#include "iommu/internal.h"

#include <inttypes.h>

#define MMIO   0xfed80000
#define DEVTAB 0x400000
#define CMDS   0x300000
#define EVENTS 0x310000
#define STORE  0x320000
#define TABLE  0x800000 /* levels 3, 2, 1 in a row */
#define DEVICE 0x10     /* 00:02.0 */
#define RW     0x6000000000000000

static const char platform[] =
    "scenario: test\n"
    "platform:\n"
    "  models:\n"
    "    dram: {model: memory, base: 0, size: 512MiB}\n"
    "    root: {model: bridge, iommu: {%s reset: {devtab: 0x400001, cmdbuf: 0x0800000000300000,\n"
    "           evtlog: 0x0800000000310000, control: 0x%x}}}\n"
    "    dev: {model: requester, id: \"00:02.0\", %s}\n"
    "  links:\n"
    "    - {from: dev, to: root.down}\n"
    "    - {from: root.up, to: dram}\n";

struct rig {
    struct seen s;
    struct tb_model *root;
    uint32_t tail;
};

/* -- Setting up ---------------------------------------------------------------------------------
 */

static void put(struct rig *r, uint64_t address, uint64_t value)
{
    CU_ASSERT(tb_sim_poke(r->s.sim, address, &value, 8));
}

static uint64_t get(struct rig *r, uint64_t address)
{
    uint64_t value = 0;
    CU_ASSERT(tb_sim_peek(r->s.sim, address, &value, 8));
    return value;
}

static uint64_t reg(struct rig *r, uint64_t offset)
{
    uint64_t value = 0;
    struct tb_debug d = {.address = MMIO + offset, .data = (uint8_t *)&value, .length = 8};
    CU_ASSERT(r->root->class->debug(r->root, TB_UP_PORT, &d));
    return value;
}

static void set(struct rig *r, uint64_t offset, uint64_t value)
{
    struct tb_debug d = {
        .address = MMIO + offset, .data = (uint8_t *)&value, .length = 8, .write = true};
    CU_ASSERT(r->root->class->debug(r->root, TB_UP_PORT, &d));
}

static void map(struct rig *r, uint64_t iova, uint64_t entry)
{
    put(r, TABLE + 0x2000 + (iova >> 12 & 0x1ff) * 8, entry);
}

/* A device with three levels of tables in domain 7, and a simulator at time 0. */
static void make(struct rig *r, const char *iommu, unsigned control, const char *requests)
{
    char text[16384];
    snprintf(text, sizeof text, platform, iommu, control, requests);
    *r = (struct rig){0};
    seen_load(&r->s, text);
    tb_diag_print(r->s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->s.sim);
    r->root = tb_sim_model(r->s.sim, "root");
    put(r, DEVTAB + DEVICE * 32, RW | TABLE | 3 << 9 | 3);
    put(r, DEVTAB + DEVICE * 32 + 8, 7);
    put(r, TABLE, RW | (TABLE + 0x1000) | 2 << 9 | 1);
    put(r, TABLE + 0x1000, RW | (TABLE + 0x2000) | 1 << 9 | 1);
    map(r, 0x7000, RW | 0x10000001);
    map(r, 0x8000, RW | 0x10008001);
}

static void run(struct rig *r, tb_time until)
{
    tb_sim_run(r->s.sim, until);
}

static uint64_t counter(struct rig *r, const char *name)
{
    uint64_t value = UINT64_MAX;
    CU_ASSERT(tb_sim_counter(r->s.sim, "root", name, &value));
    return value;
}

/* Puts a command into the ring, and lets it be seen. */
static void command(struct rig *r, uint64_t q0, uint64_t q1)
{
    put(r, CMDS + r->tail, q0);
    put(r, CMDS + r->tail + 8, q1);
    r->tail = (r->tail + 16) & 0xfff;
    set(r, AMDVI_CMD_TAIL, r->tail);
}

/* The n-th DMA, and how it ended; its status is TB_UNFINISHED if it did not. */
static const struct seen_txn *dma(const struct rig *r, uint32_t n)
{
    static const struct seen_txn none = {.status = TB_UNFINISHED};
    for (size_t i = 0; i < r->s.count; i++)
        if (r->s.at[i].txn.kind == TB_TXN_DMA && r->s.at[i].txn.number == n)
            return &r->s.at[i];
    return &none;
}

static void check_event(struct rig *r, unsigned n, uint64_t q0, uint64_t q1)
{
    uint64_t got0 = get(r, EVENTS + 16 * n), got1 = get(r, EVENTS + 16 * n + 8);
    CU_ASSERT_EQUAL(got0, q0);
    CU_ASSERT_EQUAL(got1, q1);
    if (got0 != q0 || got1 != q1)
        printf("\n    event %u: %016" PRIx64 " %016" PRIx64, n, got0, got1);
}

/* -- Faults --------------------------------------------------------------------------------------
 */

static void test_faults(void)
{
    struct rig r;
    make(&r, "", 5,
         "outstanding: 1, requests: [{op: write, address: 0x9010, bytes: 8}, {op: read, address: "
         "0xa000, bytes: 64},"
         " {op: write, address: 0xb000, bytes: 8}, {op: read, address: 0x4000000000, bytes: 8},"
         " {op: read, address: 0x7000, bytes: 8}, {op: read, address: 0x200000, bytes: 8}]");
    map(&r, 0xb000, 0x2000000010000001);
    put(&r, TABLE + 0x1008, RW | 0x30000000 | 1 << 9 | 1); /* a table outside memory */
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 5 * 16);
    CU_ASSERT_EQUAL(counter(&r, "faults"), 5);
    check_event(&r, 0, 0x2020000700000010, 0x9010); /* RW */
    check_event(&r, 1, 0x2000000700000010, 0xa000);
    check_event(&r, 2, 0x2070000700000010, 0xb000);       /* PR, RW, PE */
    check_event(&r, 3, 0x2000000700000010, 0x4000000000); /* beyond three levels */
    check_event(&r, 4, 0x4200000700000010, 0x30000000);   /* master abort at the table's address */
    CU_ASSERT_EQUAL(dma(&r, 0)->status, TB_FAULT);
    CU_ASSERT_EQUAL(dma(&r, 4)->status, TB_OK);
    CU_ASSERT_EQUAL(dma(&r, 4)->txn.pa, 0x10000000);
    CU_ASSERT_EQUAL(dma(&r, 5)->status, TB_ABORT);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_STATUS), AMDVI_STATUS_EVENT_RUN | AMDVI_STATUS_EVENT_INT);
    seen_free(&r.s);
}

/* What the device table says, entry by entry: status and record of one write to 0x9010. */
static const struct {
    uint64_t q0, q1, devtab;
    enum tb_status status;
    uint64_t event, address; /* 0: none */
} entries[] = {
    {0, 0, DEVTAB, TB_OK, 0, 0},                                           /* V = 0: untranslated */
    {1, 7, DEVTAB, TB_FAULT, 0x2020000700000010, 0x9010},                  /* TV = 0 */
    {RW | 3, 7, DEVTAB, TB_OK, 0, 0},                                      /* mode 0 */
    {0x2000000000000003, 7, DEVTAB, TB_FAULT, 0x2070000700000010, 0x9010}, /* mode 0, read only */
    {RW | TABLE | 0x60b, 7, DEVTAB, TB_ABORT, 0x10a0000000000010, 0x9010}, /* a reserved bit */
    {RW | TABLE | 7 << 9 | 3, 7, DEVTAB, TB_ABORT, 0x1020000000000010, 0x9010}, /* mode 7 */
    {RW | TABLE | 0x603, 0x400000007, DEVTAB, TB_FAULT, 0, 0},                  /* SA: no event */
    {RW | 3, 7, 0x30000000, TB_ABORT, 0x3220000000000010,
     0x30000000 + DEVICE * 32}, /* outside memory */
};

static void test_device_table(void)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct rig r;
        make(&r, "", 5, "requests: [{op: write, address: 0x9010, bytes: 8}]");
        put(&r, DEVTAB + DEVICE * 32, entries[i].q0);
        put(&r, DEVTAB + DEVICE * 32 + 8, entries[i].q1);
        set(&r, AMDVI_DEVTAB, entries[i].devtab);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(dma(&r, 0)->status, entries[i].status);
        CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), entries[i].event ? 16 : 0);
        check_event(&r, 0, entries[i].event, entries[i].address);
        seen_free(&r.s);
    }
}

/* A requester beyond the table: page fault without a domain (the table has room for 128). */
static void test_beyond_table(void)
{
    struct rig r;
    make(&r, "", 5, "");
    seen_free(&r.s);
    char text[4096];
    snprintf(text, sizeof text, platform, "", 5,
             "requests: [{op: read, address: 0x7000, bytes: 8}]");
    char *id = strstr(text, "00:02.0");
    memcpy(id, "7f:1f.7", 7);
    seen_load(&r.s, text);
    tb_diag_print(r.s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.s.sim);
    r.root = tb_sim_model(r.s.sim, "root");
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(dma(&r, 0)->status, TB_FAULT);
    check_event(&r, 0, 0x2000000000007fff, 0x7000);
    CU_ASSERT_EQUAL(counter(&r, "devtab_reads"), 0);
    seen_free(&r.s);
}

/* 255 records fit into 256 entries; the rest are lost, but every request is answered. */
static void test_overflow(void)
{
    struct rig r;
    make(&r, "events: 4,", 5,
         "outstanding: 32, pattern: sequential, op: write, base: 0x9000, window: 1MiB, count: 300");
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "faults"), 300);
    CU_ASSERT_EQUAL(counter(&r, "events"), 255);
    CU_ASSERT_EQUAL(counter(&r, "events_lost"), 45);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 255 * 16);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_STATUS), AMDVI_STATUS_EVENT_OVERFLOW | AMDVI_STATUS_EVENT_INT);
    for (uint32_t i = 0; i < 300; i++)
        CU_ASSERT_EQUAL(dma(&r, i)->status, TB_FAULT);
    for (unsigned i = 0; i < 255; i++)
        CU_ASSERT_EQUAL(get(&r, EVENTS + 16 * i) >> 60, AMDVI_IO_PAGE_FAULT);
    set(&r, AMDVI_CONTROL, 1); /* as Linux starts it again */
    set(&r, AMDVI_STATUS, AMDVI_STATUS_EVENT_OVERFLOW | AMDVI_STATUS_EVENT_INT);
    set(&r, AMDVI_EVT_HEAD, 255 * 16);
    set(&r, AMDVI_CONTROL, 5);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_STATUS), AMDVI_STATUS_EVENT_RUN);
    seen_free(&r.s);
}

static void test_unwritable_log(void)
{
    struct rig r;
    make(&r, "", 5,
         "outstanding: 1, pattern: sequential, op: read, base: 0x9000, window: 1MiB, count: 20");
    set(&r, AMDVI_EVTLOG, 0x0800000030000000);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 0);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_STATUS), 0);
    CU_ASSERT_EQUAL(counter(&r, "faults"), 20);
    for (uint32_t i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(dma(&r, i)->status, TB_FAULT);
    seen_free(&r.s);
}

/* -- Commands ------------------------------------------------------------------------------------
 */

static void test_wait_store(void)
{
    struct rig r;
    make(&r, "", 0x1005, "");
    command(&r, (uint64_t)1 << 60 | STORE | 1, 0x123456789abcdef);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 0x123456789abcdef);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_CMD_HEAD), 16);
    command(&r, (uint64_t)1 << 60 | STORE | 2, 5); /* no store; interrupt status */
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 0x123456789abcdef);
    CU_ASSERT(reg(&r, AMDVI_STATUS) & AMDVI_STATUS_WAIT_INT);
    CU_ASSERT_EQUAL(counter(&r, "waits"), 2);
    seen_free(&r.s);
}

/* Which commands are accepted: opcode, reserved bits. */
static const struct {
    uint64_t q[2];
    bool good;
} commands[] = {
    {{0x0000000000000000, 0}, false},
    {{0x1000000000320001, 9}, true},
    {{0x1010000000320001, 9}, false},
    {{0x2000000000000010, 0}, true},
    {{0x2000000000100020, 0}, false},
    {{0x2000000000000010, 1}, false},
    {{0x3000000700000000, 0x7000}, true},
    {{0x3000000700000000, 0x7008}, false},
    {{0x3000000700000000, 0x7ffffffffffff003}, true},
    {{0x3001000700000000, 0x7000}, false},
    {{0x40000000ff000020, 0x7000}, true},
    {{0x40000000ff000020, 0x7002}, false},
    {{0x5000000000000010, 0}, true},
    {{0x5000000000010010, 0}, false},
    {{0x6000000000000010, 0x7000}, true},
    {{0x6000000004000010, 0x9011}, true},
    {{0x7000000000000020, 0x100000000}, true},
    {{0x7000000000000020, 1}, false},
    {{0x8000000000000000, 0}, true},
    {{0x8000000000000001, 0}, false},
    {{0x9000000000000000, 0}, false},
    {{0xf000000000000000, 0}, false},
};

static void test_legality(void)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct rig r;
        make(&r, "", 0x1005, "");
        command(&r, 0x5000000000000010, 0);
        command(&r, commands[i].q[0], commands[i].q[1]);
        command(&r, (uint64_t)1 << 60 | (STORE + 8) | 1, 77);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(get(&r, STORE + 8), commands[i].good ? 77 : 0);
        CU_ASSERT_EQUAL(reg(&r, AMDVI_CMD_HEAD), commands[i].good ? 48 : 16);
        CU_ASSERT_EQUAL(!(reg(&r, AMDVI_STATUS) & AMDVI_STATUS_CMDBUF_RUN), !commands[i].good);
        check_event(&r, 0, commands[i].good ? 0 : 0x5000000000000000,
                    commands[i].good ? 0 : CMDS + 16);
        seen_free(&r.s);
    }
}

/* Processing goes on where it stopped when the enable bit goes from 0 to 1. */
static void test_restart(void)
{
    struct rig r;
    make(&r, "", 0x1005, "");
    command(&r, 0xf000000000000000, 0);
    run(&r, TB_NEVER);
    put(&r, CMDS, (uint64_t)1 << 60 | STORE | 1);
    put(&r, CMDS + 8, 42);
    set(&r, AMDVI_CMD_TAIL, 16); /* a tail alone starts nothing */
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 0);
    set(&r, AMDVI_CONTROL, 5);
    set(&r, AMDVI_CONTROL, 0x1005);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 42);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_CMD_HEAD), 16);
    seen_free(&r.s);
}

static void test_ring_outside_memory(void)
{
    struct rig r;
    make(&r, "", 0x1005, "");
    set(&r, AMDVI_CMDBUF, 0x0800000030000000);
    set(&r, AMDVI_CMD_TAIL, 16);
    run(&r, TB_NEVER);
    check_event(&r, 0, 0x6200000000000000, 0x30000000);
    CU_ASSERT_FALSE(reg(&r, AMDVI_STATUS) & AMDVI_STATUS_CMDBUF_RUN);
    set(&r, AMDVI_CMDBUF, 0x0300000030000000); /* a reserved length: no ring */
    set(&r, AMDVI_CONTROL, 5);
    set(&r, AMDVI_CONTROL, 0x1005);
    set(&r, AMDVI_CMD_TAIL, 0x40);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_CMD_HEAD), 0);
    seen_free(&r.s);
}

/* A tail past the ring's end counts within the ring: garbage, but it ends. */
static void test_tail_out_of_range(void)
{
    struct rig r;
    make(&r, "", 0x1005, "");
    put(&r, CMDS, (uint64_t)5 << 60 | DEVICE);
    put(&r, CMDS + 16, (uint64_t)5 << 60 | DEVICE);
    set(&r, AMDVI_CMD_TAIL, 0x10020);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "commands"), 2);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_CMD_HEAD), 32);
    seen_free(&r.s);
}

static void test_wrap(void)
{
    struct rig r;
    make(&r, "", 0x1005, "");
    for (unsigned i = 0; i < 300; i++) {
        command(&r, (uint64_t)1 << 60 | STORE | 1, i);
        run(&r, TB_NEVER);
    }
    CU_ASSERT_EQUAL(get(&r, STORE), 299);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_CMD_HEAD), (300 - 256) * 16);
    seen_free(&r.s);
}

/* PREFETCH fills the IOTLB for who comes after. */
static void test_prefetch(void)
{
    struct rig r;
    make(&r, "devtab: {preload: [\"00:02.0\"]},", 0x1005,
         "requests: [{op: read, address: 0x8000, bytes: 8, time: 5us}]");
    command(&r, 0x6000000002000010, 0x7000);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "prefetches"), 2);
    CU_ASSERT_EQUAL(counter(&r, "hits"), 1);
    CU_ASSERT_EQUAL(counter(&r, "misses"), 0);
    seen_free(&r.s);
}

/* -- Races ---------------------------------------------------------------------------------------
 */

/* A stream of reads of a page whose mapping is changed at `change`; then it is invalidated, with a
 * wait. What is looked up after the wait's store has landed must have the new address; no read of
 * the old one ends later; nothing stale stays behind. */
static void change_under_way(tb_time change, bool whole_entry)
{
    struct rig r;
    char requests[512];
    snprintf(
        requests, sizeof requests,
        "outstanding: 4, pattern: sequential, op: read, base: 0x7000, window: 4KiB, count: 120");
    make(&r, "iotlb: {entries: 1}, walkers: 2,", 0x1005, requests);
    run(&r, change);
    map(&r, 0x7000, RW | 0x10004001);
    if (whole_entry)
        command(&r, 0x2000000000000010, 0);
    command(&r, 0x3000000700000000, 0x7000);
    command(&r, (uint64_t)1 << 60 | STORE | 1, 1);
    tb_time done = TB_NEVER;
    for (tb_time t = change; done == TB_NEVER && t < change + 100 * TB_US; t += TB_NS) {
        run(&r, t);
        done = get(&r, STORE) ? t : TB_NEVER;
    }
    run(&r, TB_NEVER);
    for (uint32_t i = 0; i < 120; i++) {
        const struct seen_txn *t = dma(&r, i);
        bool old = t->txn.pa >> 12 == 0x10000;
        CU_ASSERT_EQUAL(t->status, TB_OK);
        CU_ASSERT(old || t->txn.pa >> 12 == 0x10004);
        CU_ASSERT_FALSE(old && t->txn.created >= done);
        CU_ASSERT_FALSE(old && t->ended - 60 * TB_NS >
                                   done); /* it left memory before: the way back may be longer */
    }
    CU_ASSERT_EQUAL(dma(&r, 119)->txn.pa >> 12, 0x10004);
    seen_free(&r.s);
}

static void test_race(void)
{
    for (tb_time change = 0; change < 1200 * TB_NS; change += 13 * TB_NS)
        change_under_way(change, change % 2);
}

/* COMPLETION_WAIT ends when what was looked up before it has been answered; the way down takes it
 * 51 ns. */
static void test_drain(void)
{
    struct rig r;
    make(&r, "devtab: {preload: [\"00:02.0\"]}, command_time: 1ns,", 0x1005,
         "requests: [{op: read, address: 0x7000, bytes: 8, time: 100ns}]");
    run(&r, 170 * TB_NS); /* the walk is under way */
    command(&r, (uint64_t)1 << 60 | 2, 0);
    tb_time t = 170 * TB_NS;
    while (!(reg(&r, AMDVI_STATUS) & AMDVI_STATUS_WAIT_INT) && t < 10 * TB_US)
        run(&r, t += TB_NS);
    run(&r, TB_NEVER);
    CU_ASSERT(t < 10 * TB_US);
    CU_ASSERT(t + 51 * TB_NS >= dma(&r, 0)->ended);
    seen_free(&r.s);
}

/* A walk that an invalidation overtook serves who waited for it, and leaves nothing behind. */
static void test_poison(void)
{
    struct rig r;
    make(&r, "devtab: {preload: [\"00:02.0\"]}, command_time: 1ns,", 0x1005,
         "requests: [{op: read, address: 0x7000, bytes: 8, time: 100ns}, {op: read, address: "
         "0x7040, bytes: 8, time: 3us}]");
    run(&r, 170 * TB_NS); /* the walk is under way */
    CU_ASSERT_EQUAL(counter(&r, "walks"), 1);
    map(&r, 0x7000, RW | 0x10004001);
    command(&r, 0x3000000700000000, 0x7000);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "poisoned"), 1);
    CU_ASSERT_EQUAL(counter(&r, "walks"), 2);
    CU_ASSERT_EQUAL(dma(&r, 1)->txn.pa, 0x10004040);
    seen_free(&r.s);
}

/* -- Order ----------------------------------------------------------------------------------------
 */

/* A posted write that misses is not passed by what its requester sends after it, unless that is
 * relaxed. */
static void posted_order(const char *relaxed, bool passes)
{
    struct rig r;
    char requests[1024];
    snprintf(requests, sizeof requests,
             "posted: true, %s requests: [{op: read, address: 0x8000, bytes: 8}, {op: write, "
             "address: 0x7000, bytes: 8, "
             "time: 3us}, {op: write, address: 0x8008, bytes: 8, time: 3us}, {op: read, address: "
             "0x8010, bytes: 8, "
             "time: 3us}, {op: write, address: 0x8018, bytes: 8, time: 3us}]",
             relaxed);
    make(&r, "", 5, requests);
    run(&r, TB_NEVER);
    for (uint32_t i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(dma(&r, i)->status, TB_OK);
    CU_ASSERT_EQUAL(dma(&r, 2)->ended < dma(&r, 1)->ended, passes);
    CU_ASSERT_EQUAL(dma(&r, 3)->ended < dma(&r, 1)->ended, passes);
    CU_ASSERT(passes || dma(&r, 4)->ended >= dma(&r, 2)->ended);
    seen_free(&r.s);
}

static void test_posted_order(void)
{
    posted_order("", false);
    posted_order("relaxed: true,", true);
}

/* Hits pass misses. */
static void test_hit_under_miss(void)
{
    struct rig r;
    make(&r, "", 5,
         "requests: [{op: read, address: 0x8000, bytes: 8}, {op: read, address: 0x7000, bytes: 8, "
         "time: 3us},"
         " {op: read, address: 0x8008, bytes: 8, time: 3us}, {op: write, address: 0x7040, bytes: "
         "8, time: 3us}]");
    run(&r, TB_NEVER);
    CU_ASSERT(dma(&r, 2)->ended < dma(&r, 1)->ended);
    CU_ASSERT_EQUAL(dma(&r, 2)->txn.tlb, TB_TLB_HIT);
    CU_ASSERT_EQUAL(dma(&r, 1)->txn.tlb, TB_TLB_MISS);
    CU_ASSERT_EQUAL(dma(&r, 3)->txn.tlb, TB_TLB_COALESCED);
    CU_ASSERT_EQUAL(counter(&r, "walks"), 2);
    seen_free(&r.s);
}

/* Posted writes that fault end here, each with one event. */
static void test_posted_faults(void)
{
    struct rig r;
    make(&r, "events: 1,", 5,
         "posted: true, outstanding: 64, pattern: sequential, op: write, base: 0x9000, window: "
         "64KiB, "
         "count: 100");
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "events"), 100);
    for (uint32_t i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(dma(&r, i)->status, TB_FAULT);
        CU_ASSERT_EQUAL(get(&r, EVENTS + 16 * i + 8), 0x9000 + 64 * i);
    }
    seen_free(&r.s);
}

/* A device may not send translated addresses unless its entry says so. */
static void test_translated(void)
{
    for (unsigned ats = 0; ats <= 1; ats++) {
        struct rig r;
        make(&r, "", 5, "requests: [{op: write, at: translated, address: 0x10008000, bytes: 8}]");
        put(&r, DEVTAB + DEVICE * 32 + 8, 7 | (uint64_t)ats << 32);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(dma(&r, 0)->status, ats ? TB_OK : TB_ABORT);
        check_event(&r, 0, ats ? 0 : 0x8200000000000010, ats ? 0 : 0x10008000);
        seen_free(&r.s);
    }
}

static void test_exclusion(void)
{
    struct rig r;
    make(
        &r, "", 5,
        "requests: [{op: read, address: 0x9000, bytes: 8}, {op: read, address: 0xb000, bytes: 8}]");
    set(&r, AMDVI_EXCL_BASE, 0x9000 | 3);
    set(&r, AMDVI_EXCL_LIMIT, 0xa000);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(dma(&r, 0)->status, TB_OK);
    CU_ASSERT_EQUAL(dma(&r, 0)->txn.pa, 0x9000);
    CU_ASSERT_EQUAL(dma(&r, 1)->status, TB_FAULT);
    seen_free(&r.s);
}

SUITE("iommu", {"faults and their records", test_faults},
      {"device table entries", test_device_table}, {"beyond the device table", test_beyond_table},
      {"full log", test_overflow}, {"log outside memory", test_unwritable_log},
      {"COMPLETION_WAIT", test_wait_store}, {"legal and illegal commands", test_legality},
      {"restart after an illegal command", test_restart},
      {"ring outside memory", test_ring_outside_memory},
      {"tail out of range", test_tail_out_of_range}, {"ring wraps", test_wrap},
      {"PREFETCH", test_prefetch}, {"mapping changed under way", test_race},
      {"COMPLETION_WAIT waits for the end", test_drain},
      {"walk overtaken by an invalidation", test_poison},
      {"order of posted writes", test_posted_order}, {"hits pass misses", test_hit_under_miss},
      {"posted writes that fault", test_posted_faults}, {"translated requests", test_translated},
      {"exclusion range", test_exclusion})
