/* Formats of one flat table, sun4m and GART: entries, ranges, faults, registers, and flushes swept
 * in time. Numbers are written out, as Linux's and QEMU's headers have them. */
#include "../seen.h"
#include "../suite.h"

#include <inttypes.h>

#define HIGH UINT64_C(0xd00000000) /* memory beyond 32 bits */

static uint32_t big_endian(uint32_t v)
{
    return __builtin_bswap32(v);
}

static const struct tb_txn *dma(const struct seen *s, uint32_t n)
{
    static const struct tb_txn none;
    const struct seen_txn *t = seen_find(s, "dev", n);
    return t ? &t->txn : &none;
}

static enum tb_status dma_status(const struct seen *s, uint32_t n)
{
    const struct seen_txn *t = seen_find(s, "dev", n);
    return t ? t->status : TB_UNFINISHED;
}

static uint32_t reg(const struct seen *s, const char *model, unsigned port, uint8_t space,
                    uint64_t address, const uint32_t *value)
{
    struct tb_model *m = tb_sim_model(s->sim, model);
    uint32_t v = value ? *value : 0;
    struct tb_debug d = {
        .address = address, .data = (uint8_t *)&v, .length = 4, .space = space, .write = value};
    CU_ASSERT(m->class->debug(m, port, &d));
    return v;
}

/* -- sun4m ---------------------------------------------------------------------------------------
 */

#define MMIO UINT64_C(0xfe0000000)

/* `control` and the device's requests; the table of range 0 at 0x10000. */
static void make_sun4m(struct seen *s, unsigned control, const char *iommu, const char *requests)
{
    char text[4096];
    snprintf(
        text, sizeof text,
        "scenario: sun4m\nplatform:\n  models:\n"
        "    sys: {model: bus}\n"
        "    dram: {model: memory, base: 0, size: 64MiB, latency: 100ns}\n"
        "    high: {model: memory, base: 0xd00000000, size: 1MiB}\n"
        "    root: {model: bridge, latency: 20ns, iommu: {format: sun4m, mmio: 0xfe0000000, "
        "irq: 5, %s\n"
        "           reset: {control: 0x%x, base: 0x1000}}}\n"
        "    dev: {model: requester, id: \"00:02.0\", %s}\n"
        "    cpu: {model: requester, id: \"00:00.0\", outstanding: 1, %s}\n"
        "  links: [{from: dev, to: root.down}, {from: root.up, to: sys}, {from: sys, to: dram}, "
        "{from: sys, to: high}, {from: cpu, to: sys}]\n",
        iommu, control, requests, "requests: [{time: 900us, op: read, address: 0, bytes: 4}]");
    seen_load(s, text);
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
}

static void put_iopte(const struct seen *s, uint64_t at, uint32_t entry)
{
    uint32_t bytes = big_endian(entry);
    CU_ASSERT(tb_sim_poke(s->sim, at, &bytes, 4));
}

static uint32_t sun4m_reg(const struct seen *s, unsigned offset)
{
    return reg(s, "root", 1, TB_MEMORY, MMIO + offset, NULL);
}

static void sun4m_set(const struct seen *s, unsigned offset, uint32_t value)
{
    reg(s, "root", 1, TB_MEMORY, MMIO + offset, &value);
}

/* 36-bit addresses; valid is bit 1, writeable bit 2; bits 7 and 0 say nothing about where. */
static void test_sun4m_entries(void)
{
    static const struct {
        uint32_t entry;
        bool write;
        enum tb_status status;
        uint64_t pa;
    } rows[] = {
        {0x00020006, true, TB_OK, 0x200010},
        {0x00020002, false, TB_OK, 0x200010},
        {0x00020002, true, TB_FAULT, 0},
        {0xd0000187 & ~1u, true, TB_OK, 0xd00001010},
        {0x00020004, false, TB_FAULT, 0},
        {0x00020087, false, TB_OK, 0x200010},
        {0, false, TB_FAULT, 0},
    };
    char requests[1024] = "outstanding: 1, requests: [";
    unsigned count = sizeof rows / sizeof rows[0];
    struct seen s;
    for (unsigned i = 0; i < count; i++)
        snprintf(requests + strlen(requests), 100, "%s{op: %s, address: 0x%x, bytes: 8}",
                 i ? ", " : "", rows[i].write ? "write" : "read", 0xff000010u + 4096 * i);
    strcat(requests, "]");
    make_sun4m(&s, 1, "", requests);
    for (unsigned i = 0; i < count; i++)
        put_iopte(&s, 0x10000 + 4 * i, rows[i].entry);
    tb_sim_run(s.sim, TB_NEVER);
    for (unsigned i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(dma_status(&s, i), rows[i].status);
        CU_ASSERT_EQUAL(dma(&s, i)->pa, rows[i].pa);
    }
    CU_ASSERT_EQUAL(seen_counter(&s, "root", "walk_reads"), count);
    seen_free(&s);
}

/* Range n: 16 MiB << n at the top. */
static void test_sun4m_ranges(void)
{
    for (unsigned n = 0; n < 8; n++) {
        uint64_t first = UINT64_C(0x100000000) - (UINT64_C(0x1000000) << n);
        char requests[512];
        struct seen s;
        snprintf(requests, sizeof requests,
                 "outstanding: 1, requests: [{op: read, address: 0x%" PRIx64
                 ", bytes: 8}, {op: read, address: 0x%" PRIx64
                 ", bytes: 8}, {op: read, address: 0xfffff000, bytes: 8}, {op: read, address: "
                 "0x100000000, bytes: 8}]",
                 first, first - 8);
        make_sun4m(&s, n << 2 | 1, "", requests);
        put_iopte(&s, 0x10000, 0x00030002);
        put_iopte(&s, 0x10000 + 4 * ((0x1000000u << n) / 4096 - 1), 0x00040002);
        put_iopte(&s, 0x10000 - 4, 0x00050002); /* beside the table: not for it */
        put_iopte(&s, 0x10000 + 4 * ((0x1000000u << n) / 4096), 0x00050002);
        tb_sim_run(s.sim, TB_NEVER);
        CU_ASSERT_EQUAL(dma(&s, 0)->pa, 0x300000);
        CU_ASSERT_EQUAL(dma_status(&s, 1), TB_FAULT);
        CU_ASSERT_EQUAL(dma(&s, 2)->pa, 0x400000);
        CU_ASSERT_EQUAL(dma_status(&s, 3), TB_FAULT);
        CU_ASSERT_EQUAL(sun4m_reg(&s, 0), n << 2 | 1);
        seen_free(&s);
    }
}

/* What QEMU leaves in AFSR (but for SIZE, which it has not), the first of several, and the line. */
static void test_sun4m_faults(void)
{
    struct seen s;
    make_sun4m(&s, 0x04000001, "",
               "outstanding: 1, requests: [{op: read, address: 0xff001010, bytes: 16},"
               " {time: 5us, op: write, address: 0xff002020, bytes: 4},"
               " {time: 10us, op: write, address: 0xff003000, bytes: 64},"
               " {time: 15us, op: read, address: 0xff004000, bytes: 64}]");
    tb_sim_run(s.sim, 4 * TB_US);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0), 0x04000001);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1000) & 0xf1ffffff, 0xc0860000); /* ERR LE - RD FAV */
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1000) >> 25 & 7, 4);             /* 16 bytes */
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1004), 0xff001000);
    tb_sim_run(s.sim, 9 * TB_US);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1000) & 0xf1ffffff, 0xc08e0000); /* and more */
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1004), 0xff001000);
    CU_ASSERT_EQUAL(seen_counter(&s, "root", "interrupts"), 1);
    sun4m_set(&s, 0x1000, 0);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1000), 0x00800000);
    tb_sim_run(s.sim, 14 * TB_US);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1000), 0xcc820000); /* a write of 64 bytes */
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1004), 0xff003000);
    CU_ASSERT_EQUAL(seen_counter(&s, "root", "interrupts"), 2);
    sun4m_set(&s, 0x1000, 0);
    sun4m_set(&s, 4, 0xf0000000); /* the table is where nobody is */
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT_EQUAL(dma_status(&s, 3), TB_ABORT);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1000), 0x9c860000); /* BE */
    seen_free(&s);
}

/* Off, it passes everything as it is; registers keep only what they have. */
static void test_sun4m_off(void)
{
    struct seen s;
    make_sun4m(&s, 0, "", "outstanding: 1, requests: [{op: read, address: 0x1000, bytes: 8}]");
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT_EQUAL(dma_status(&s, 0), TB_OK);
    CU_ASSERT_EQUAL(seen_counter(&s, "root", "requests"), 0);
    sun4m_set(&s, 0, 0xffffffff);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0), 0x1d);
    sun4m_set(&s, 4, 0xffffffff);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 4), 0xfffffc00);
    sun4m_set(&s, 0x1004, 5);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x1004), 0);
    CU_ASSERT_EQUAL(sun4m_reg(&s, 0x2000), 0);
    seen_free(&s);
}

/* A page is flushed, the other stays. */
static void test_sun4m_pageflush(void)
{
    struct seen s;
    make_sun4m(&s, 1, "",
               "outstanding: 1, requests: [{op: read, address: 0xff000000, bytes: 8},"
               " {op: read, address: 0xff001000, bytes: 8},"
               " {time: 10us, op: read, address: 0xff000000, bytes: 8},"
               " {op: read, address: 0xff001000, bytes: 8}]");
    put_iopte(&s, 0x10000, 0x00030002);
    put_iopte(&s, 0x10004, 0x00040002);
    tb_sim_run(s.sim, 5 * TB_US);
    put_iopte(&s, 0x10000, 0x00050002);
    put_iopte(&s, 0x10004, 0x00060002);
    sun4m_set(&s, 0x18, 0xff000abc);
    CU_ASSERT_EQUAL(seen_counter(&s, "root", "invalidated"), 1);
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT_EQUAL(dma(&s, 2)->pa, 0x500000);
    CU_ASSERT_EQUAL(dma(&s, 3)->pa, 0x400000);
    seen_free(&s);
}

#define DOWN (21 * TB_NS) /* through the bridge, or the northbridge, and the link below it */

/* The entry changes at t, and a CPU begins to write the flush register: whatever memory has
 * answered after that write's answer went by the new entry. Swept over a device's whole round. */
static void sweep_sun4m(tb_time t, unsigned *old_ones)
{
    char text[4096];
    struct seen s;
    snprintf(
        text, sizeof text,
        "scenario: sweep\nplatform:\n  models:\n"
        "    sys: {model: bus}\n"
        "    dram: {model: memory, base: 0, size: 64MiB, latency: 100ns}\n"
        "    root: {model: bridge, latency: 20ns, iommu: {format: sun4m, mmio: 0xfe0000000, "
        "iotlb: {entries: 4},\n"
        "           reset: {control: 1, base: 0x1000}}}\n"
        "    dev: {model: requester, id: \"00:02.0\", outstanding: 4, pattern: random, op: "
        "read, base: 0xff000000, window: 4KiB, count: 60}\n"
        "    cpu: {model: requester, id: \"00:00.0\", requests: [{time: %" PRIu64
        "ns, op: write, address: 0xfe0000014, bytes: 4}]}\n"
        "  links: [{from: dev, to: root.down}, {from: root.up, to: sys}, {from: sys, to: dram}, "
        "{from: cpu, to: sys, credits: 1}]\n",
        t / TB_NS);
    seen_load(&s, text);
    tb_diag_print(s.diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    put_iopte(&s, 0x10000, 0x00030002);
    tb_sim_run(s.sim, t);
    put_iopte(&s, 0x10000, 0x00040002);
    tb_sim_run(s.sim, TB_NEVER);
    const struct seen_txn *flush = seen_find(&s, "cpu", 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(flush);
    CU_ASSERT_EQUAL(flush->status, TB_OK);
    for (size_t i = 0; i < s.count; i++)
        if (!strcmp(s.at[i].by, "dev") && s.at[i].txn.pa >> 20 == 3) {
            CU_ASSERT(s.at[i].ended - DOWN < flush->ended);
            *old_ones += s.at[i].ended - DOWN > t;
        }
    CU_ASSERT(tb_sim_idle(s.sim));
    seen_free(&s);
}

static void test_sun4m_sweep(void)
{
    unsigned old_ones = 0;
    for (tb_time t = 0; t < 900 * TB_NS; t += 9 * TB_NS)
        sweep_sun4m(t, &old_ones);
    CU_ASSERT(old_ones > 100); /* or there was nothing to wait for */
}

/* -- GART ----------------------------------------------------------------------------------------
 */

static const char gart_platform[] =
    "scenario: gart\nplatform:\n  models:\n"
    "    nb: {model: gart, latency: 20ns, aperture: {base: 0x8000000, size: %s, enabled: true, "
    "cpu: %s, io: %s}, table: 0x10000, iotlb: {entries: 4}}\n"
    "    dram: {model: memory, base: 0, size: 512MiB, latency: 100ns}\n"
    "    dev: {model: requester, id: \"00:02.0\", %s}\n"
    "    cpu: {model: requester, id: \"00:00.0\", %s}\n"
    "  links: [{from: dev, to: nb.io}, {from: cpu, to: nb.cpu}, {from: nb.mem, to: dram}]\n";

#define CONFIG UINT64_C(0xc3000) /* 00:18.3 */

static void make_gart(struct seen *s, const char *size, bool cpu, bool io, const char *of_dev,
                      const char *of_cpu)
{
    char text[4096];
    snprintf(text, sizeof text, gart_platform, size, cpu ? "true" : "false", io ? "true" : "false",
             of_dev, of_cpu);
    seen_load(s, text);
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
}

static void put_gpte(const struct seen *s, uint64_t at, uint32_t entry)
{
    CU_ASSERT(tb_sim_poke(s->sim, at, &entry, 4));
}

static uint32_t gart_reg(const struct seen *s, unsigned offset)
{
    return reg(s, "nb", 2, TB_CONFIG, CONFIG + offset, NULL);
}

static void gart_set(const struct seen *s, unsigned offset, uint32_t value)
{
    reg(s, "nb", 2, TB_CONFIG, CONFIG + offset, &value);
}

/* For whom it translates, in all four combinations. */
static void test_gart_sides(void)
{
    for (unsigned i = 0; i < 4; i++) {
        bool cpu = i & 1, io = i & 2;
        struct seen s;
        make_gart(&s, "32MiB", cpu, io,
                  "outstanding: 1, requests: [{op: read, address: 0x8001010, bytes: 8},"
                  " {op: read, address: 0x7ffff00, bytes: 8}, {op: read, address: 0xa000000, "
                  "bytes: 8}]",
                  "outstanding: 1, requests: [{op: read, address: 0x8002020, bytes: 8}]");
        put_gpte(&s, 0x10004, 0x00300001);
        put_gpte(&s, 0x10008, 0x00400001);
        tb_sim_run(s.sim, TB_NEVER);
        CU_ASSERT_EQUAL(dma(&s, 0)->pa, io ? 0x300010 : 0x8001010);
        CU_ASSERT_EQUAL(dma_status(&s, 1), TB_OK);
        CU_ASSERT_EQUAL(dma_status(&s, 2), TB_OK); /* just beside the aperture */
        CU_ASSERT_EQUAL(seen_find(&s, "cpu", 0)->txn.pa, cpu ? 0x400020 : 0x8002020);
        CU_ASSERT_EQUAL(seen_counter(&s, "nb", "requests"), cpu + io);
        CU_ASSERT_EQUAL(gart_reg(&s, 0x90), 1u | (cpu ? 0 : 0x10) | (io ? 0 : 0x20));
        CU_ASSERT_EQUAL(gart_reg(&s, 0x94), 0x8000000 >> 25);
        CU_ASSERT_EQUAL(gart_reg(&s, 0x98), 0x10000 >> 8);
        seen_free(&s);
    }
}

/* 40-bit addresses, and an entry that is not valid. */
static void test_gart_entries(void)
{
    struct seen s;
    make_gart(&s, "32MiB", true, true,
              "outstanding: 1, requests: [{op: read, address: 0x8000ff8, bytes: 8},"
              " {op: read, address: 0x8001000, bytes: 8}]",
              "requests: [{op: write, address: 0x8001000, bytes: 8}]");
    put_gpte(&s, 0x10000, 0x12345ab3); /* bits 11:4 are 0xab */
    put_gpte(&s, 0x10004, 0x00300002);
    tb_sim_run(s.sim, TB_NEVER);
    CU_ASSERT_EQUAL(dma(&s, 0)->pa, UINT64_C(0xab12345ff8));
    CU_ASSERT_EQUAL(dma_status(&s, 0), TB_UNSUPPORTED); /* nobody is there */
    CU_ASSERT_EQUAL(dma_status(&s, 1), TB_FAULT);
    CU_ASSERT_EQUAL(seen_find(&s, "cpu", 0)->status, TB_FAULT);
    CU_ASSERT_EQUAL(gart_reg(&s, 0x9c), 2);
    gart_set(&s, 0x9c, 0);
    CU_ASSERT_EQUAL(gart_reg(&s, 0x9c), 2); /* written 1 to clear */
    gart_set(&s, 0x9c, 2);
    CU_ASSERT_EQUAL(gart_reg(&s, 0x9c), 0);
    gart_set(&s, 0x90, 0xffffffff);
    CU_ASSERT_EQUAL(gart_reg(&s, 0x90), 0x7f);
    gart_set(&s, 0x94, 0xffffffff);
    CU_ASSERT_EQUAL(gart_reg(&s, 0x94), 0x7fff);
    gart_set(&s, 0x98, 0xffffffff);
    CU_ASSERT_EQUAL(gart_reg(&s, 0x98), 0xfffffff0);
    seen_free(&s);
}

/* Every size ends where it should. */
static void test_gart_sizes(void)
{
    static const char *const sizes[] = {"32MiB", "64MiB", "128MiB"};
    for (unsigned n = 0; n < 3; n++) {
        uint64_t last = 0x8000000 + (UINT64_C(32) << 20 << n) - 4096;
        char requests[256];
        struct seen s;
        snprintf(requests, sizeof requests,
                 "outstanding: 1, requests: [{op: read, address: 0x%" PRIx64
                 ", bytes: 8}, {op: read, address: 0x%" PRIx64 ", bytes: 8}]",
                 last, last + 4096);
        make_gart(&s, sizes[n], true, true, requests, "count: 0");
        put_gpte(&s, 0x10000 + (8192u << n << 2) - 4, 0x00300001);
        tb_sim_run(s.sim, TB_NEVER);
        CU_ASSERT_EQUAL(dma(&s, 0)->pa, 0x300000);
        CU_ASSERT_EQUAL(dma(&s, 1)->pa, last + 4096);
        CU_ASSERT_EQUAL(gart_reg(&s, 0x90), n << 1 | 1);
        seen_free(&s);
    }
}

/* As for sun4m, but software polls the bit. */
static void sweep_gart(tb_time t, unsigned *old_ones)
{
    struct seen s;
    make_gart(&s, "32MiB", true, true,
              "outstanding: 4, pattern: random, op: read, base: 0x8000000, window: 4KiB, count: 60",
              "count: 0");
    put_gpte(&s, 0x10000, 0x00300001);
    tb_sim_run(s.sim, t);
    put_gpte(&s, 0x10000, 0x00400001);
    gart_set(&s, 0x9c, 1);
    tb_time done = t;
    while (gart_reg(&s, 0x9c) & 1)
        tb_sim_run(s.sim, done += TB_NS);
    tb_sim_run(s.sim, TB_NEVER);
    for (size_t i = 0; i < s.count; i++)
        if (s.at[i].txn.kind == TB_TXN_DMA && s.at[i].txn.pa >> 20 == 3) {
            CU_ASSERT(s.at[i].ended - DOWN <= done);
            *old_ones += s.at[i].ended - DOWN > t;
        }
    CU_ASSERT_EQUAL(gart_reg(&s, 0x9c), 0);
    seen_free(&s);
}

static void test_gart_sweep(void)
{
    unsigned old_ones = 0;
    for (tb_time t = 0; t < 900 * TB_NS; t += 9 * TB_NS)
        sweep_gart(t, &old_ones);
    CU_ASSERT(old_ones > 100);
}

/* A device's posted write waits for its walk; a CPU that reads the device's register meanwhile has
 * the answer only behind it, so that it finds the data (PCI's ordering). */
static void test_gart_order(void)
{
    struct seen s;
    seen_run(
        &s,
        "scenario: order\nplatform:\n  models:\n"
        "    nb: {model: gart, latency: 20ns, aperture: {base: 0x8000000, size: 32MiB, enabled: "
        "true}, table: 0x10000}\n"
        "    dram: {model: memory, base: 0, size: 64MiB, latency: 1us}\n"
        "    low: {model: bus}\n"
        "    regs: {model: memory, base: 0xe0000000, size: 4KiB}\n"
        "    dev: {model: requester, id: \"00:02.0\", posted: true, requests: [{op: write, "
        "address: 0x8000000, bytes: 8}]}\n"
        "    cpu: {model: requester, id: \"00:00.0\", outstanding: 1, requests: [{op: read, "
        "address: 0xe0000000, bytes: 4}, {op: read, address: 0x300000, bytes: 8}]}\n"
        "  links: [{from: dev, to: low}, {from: low, to: nb.io}, {from: low, to: regs}, {from: "
        "cpu, to: nb.cpu}, {from: nb.mem, to: dram}]\n"
        "memory: [{at: 0x10000, u32: [0x300001]}, {at: 0x300000, u64: [1]}]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    const struct seen_txn *post = seen_find(&s, "dev", 0), *read = seen_find(&s, "cpu", 0);
    CU_ASSERT(post && read && post->txn.pa == 0x300000);
    CU_ASSERT(post && post->ended > TB_US); /* by its walk */
    CU_ASSERT(post && read && read->ended >= post->ended);
    seen_free(&s);
}

/* -- Mistakes ------------------------------------------------------------------------------------
 */

static void refused(const char *model, const char *with)
{
    char text[1024];
    struct seen s;
    snprintf(text, sizeof text,
             "scenario: mistake\nplatform:\n  models:\n    x: {model: %s}\n"
             "    r: {model: requester}\n  links: [{from: r, to: x.%s}]\n",
             model, !strncmp(model, "gart", 4) ? "cpu" : "down");
    seen_load(&s, text);
    CU_ASSERT_PTR_NULL(s.sim);
    bool found = false;
    for (size_t i = 0; i < tb_diag_count(s.diag); i++)
        found = found || strstr(tb_diag_text(s.diag, i), with);
    CU_ASSERT_TRUE(found);
    if (!found)
        tb_diag_print(s.diag, stderr);
    seen_free(&s);
}

static void test_mistakes(void)
{
    refused("gart, aperture: {base: 0x1000000}", "power of two");
    refused("gart, aperture: {base: 0x10000000, size: 48MiB}", "power of two");
    refused("gart, aperture: {base: 0x10000000000}", "below 2^40");
    refused("gart, aperture: {base: 0x10000000}, table: 0x1001", "4 KiB");
    refused("bridge, iommu: {format: sun4m, pdc: {entries: 4}}", "'entries' means nothing");
    refused("bridge, iommu: {format: sun4m, reset: {devtab: 1}}", "'devtab' means nothing");
    refused("bridge, iommu: {reset: {base: 1}}", "'base' means nothing");
    refused("bridge, iommu: {format: sun4m, mmio: 0x1000}", "multiple of 0x4000");
}

SUITE("flat", {"sun4m: entries", test_sun4m_entries}, {"sun4m: ranges", test_sun4m_ranges},
      {"sun4m: faults", test_sun4m_faults}, {"sun4m: off", test_sun4m_off},
      {"sun4m: one page is flushed", test_sun4m_pageflush},
      {"sun4m: no stale translation after a flush", test_sun4m_sweep},
      {"gart: for whom", test_gart_sides}, {"gart: entries", test_gart_entries},
      {"gart: sizes", test_gart_sizes},
      {"gart: no stale translation after InvGart", test_gart_sweep},
      {"gart: reads behind posted writes", test_gart_order}, {"mistakes", test_mistakes})
