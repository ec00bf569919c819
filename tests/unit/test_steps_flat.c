/* The driver's steps on platforms with flat tables (platforms/sun4m.yaml, gart.yaml): what they do
 * to registers and tables, and what they refuse. */
#include "../seen.h"
#include "../suite.h"

#define PLATFORM(name) "scenario: test\nplatform: " TB_SOURCE_DIR "/platforms/" name ".yaml\n"

static bool says(const struct tb_diag *diag, const char *what)
{
    for (size_t i = 0; i < tb_diag_count(diag); i++)
        if (strstr(tb_diag_text(diag, i), what))
            return true;
    fprintf(stderr, "nobody said '%s', but:\n", what);
    tb_diag_print((struct tb_diag *)(uintptr_t)diag, stderr);
    return false;
}

/* Runs a scenario all of whose expectations must hold. */
static void holds(struct seen *s, const char *text)
{
    seen_run(s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_finish(s->sim);
    tb_diag_print(tb_sim_diag(s->sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), TB_EXIT_OK);
}

/* -- Refusals ------------------------------------------------------------------------------------
 */

static void test_refusals(void)
{
    static const struct {
        const char *platform, *step, *what;
    } cases[] = {
        {"sun4m", "map: {device: dma0, iova: 0x10000, pa: 0, size: 4KiB}", "top of the 32-bit"},
        {"sun4m", "map: {device: dma0, iova: 0x80000000, pa: 0, size: 2MiB, page: 2MiB}",
         "one table of 4 KiB pages"},
        {"sun4m", "map: {device: dma0, iova: 0xff000000, pa: 0, size: 4KiB, pasid: 3}",
         "no 'domain', 'pasid'"},
        {"sun4m", "map: {device: dma0, iova: 0xff000000, pa: 0, size: 4KiB, domain: 3}",
         "no 'domain', 'pasid'"},
        {"sun4m", "map: {device: dma0, iova: 0xff000000, pa: 0, size: 4KiB, access: w}",
         "'r' or 'rw'"},
        {"sun4m", "map: {device: dma0, iova: 0xff000000, pa: 0x1000000000, size: 4KiB}", "36 bits"},
        {"sun4m", "map: {device: dma0, iova: 0xffff0000, pa: 0, size: 4KiB}", "are the driver's"},
        {"sun4m", "unmap: {device: dma0, iova: 0x1000, size: 4KiB}", "cannot unmap that"},
        {"sun4m", "attach: {device: dma0, mode: blocked}", "one table for all devices"},
        {"sun4m", "attach: {device: dma0, mode: passthrough}", "one table for all devices"},
        {"sun4m", "attach: {device: dma0, levels: 3}", "one table for all devices"},
        {"sun4m", "attach: {device: dma0, guest: alone}", "one table for all devices"},
        {"sun4m", "teardown: {device: dma0}", "'teardown' means nothing"},
        {"sun4m", "command: {q: [0, 0]}", "'command' means nothing"},
        {"sun4m", "completion_wait: iommu0", "'completion_wait' means nothing"},
        {"sun4m", "drain_events: iommu0", "(format sun4m)"},
        {"sun4m", "expect: {events: {iommu: iommu0, count: 0}}", "has no event log"},
        {"gart", "map: {device: ide0, iova: 0x7fff000, pa: 0, size: 8KiB}", "not in the aperture"},
        {"gart", "map: {device: ide0, iova: 0x9fff000, pa: 0, size: 8KiB}", "not in the aperture"},
        {"gart", "map: {device: ide0, iova: 0x8000000, pa: 0, size: 4KiB, access: r}",
         "no permissions"},
        {"gart", "map: {device: ide0, iova: 0x8000000, pa: 0x10000000000, size: 4KiB}", "40 bits"},
        {"gart", "expect: {events: {iommu: nb, count: 0}}", "has no event log"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        struct seen s;
        snprintf(text, sizeof text,
                 "scenario: test\nplatform: " TB_SOURCE_DIR "/platforms/%s.yaml\nsteps:\n  - %s\n",
                 cases[i].platform, cases[i].step);
        seen_load(&s, text);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT(says(s.diag, cases[i].what));
        CU_ASSERT(says(s.diag, "test.yaml:4:")); /* its place */
        seen_free(&s);
    }
}

static void test_memory(void)
{
    struct seen s;
    seen_load(&s, PLATFORM("gart") "set: {host.driver_memory.at: 0x8000000}\nsteps:\n"
                                   "  - start_iommu: nb\n");
    CU_ASSERT_PTR_NULL(s.sim);
    CU_ASSERT(says(s.diag, "lies in the aperture of 'nb'"));
    seen_free(&s);
    seen_run(&s,
             PLATFORM("sun4m") "set: {host.driver_memory.size: 256KiB}\nsteps:\n"
                               "  - map: {device: dma0, iova: 0x80000000, pa: 0, size: 4KiB}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    tb_sim_finish(s.sim);
    CU_ASSERT_EQUAL(tb_sim_status(s.sim), TB_EXIT_VIOLATION);
    CU_ASSERT(says(tb_sim_diag(s.sim), "the driver's memory is used up"));
    seen_free(&s);
}

/* -- sun4m ---------------------------------------------------------------------------------------
 */

/* The table is as large as the lowest address needs; pages are flushed one by one up to 16. */
static void test_sun4m_tables(void)
{
    struct seen s;
    holds(&s, PLATFORM("sun4m") "steps:\n"
                                "  - map: {device: dma0, iova: 0xff000000, pa: 0, size: 4KiB}\n"
                                "  - read: {from: iommu0.control, expect: 1}\n");
    seen_free(&s);
    holds(&s,
          PLATFORM("sun4m") "steps:\n"
                            "  - map: {device: dma0, iova: 0xff000000, pa: 0, size: 128KiB}\n"
                            "  - read: {from: iommu0.control, expect: 9}\n"
                            "  - map: {device: ide0, iova: 0xfc000000, pa: 0x100000, size: 4KiB}\n"
                            "  - unmap: {device: dma0, iova: 0xff000000, size: 64KiB}\n"
                            "  - expect: {counter: {of: iommu0, name: invalidations, value: 17}}\n"
                            "  - unmap: {device: dma0, iova: 0xff000000, size: 68KiB}\n"
                            "  - expect: {counter: {of: iommu0, name: invalidations, value: 18}}\n"
                            "  - expect: {counter: {of: host, name: unmaps, value: 17}}\n");
    seen_free(&s);
}

/* The handler reads what the fault was, and has the next one noted. */
static void test_sun4m_handler(void)
{
    struct seen s;
    holds(&s, PLATFORM("sun4m") "set: {host.events: drain, host.posted: true, dma0.requests: [\n"
                                "  {time: 10us, op: read, address: 0xff001000, bytes: 4},\n"
                                "  {time: 20us, op: read, address: 0xff001000, bytes: 4}]}\n"
                                "steps:\n"
                                "  - start_iommu: iommu0\n"
                                "  - delay: 30us\n"
                                "  - expect: {counter: {of: host, name: events, value: 2}}\n"
                                "  - read: {from: iommu0.afsr, expect: 0x800000}\n");
    seen_free(&s);
}

/* A device goes on while its page is taken away: until the unmap is over by the page, then not. */
static void check_safety(const char *host, unsigned delay)
{
    char text[2048];
    struct seen s;
    snprintf(
        text, sizeof text,
        PLATFORM("sun4m") "set: {dma0.pattern: random, dma0.op: read, dma0.base: 0xff000000, "
                          "dma0.window: 4KiB, dma0.count: 60, dma0.outstanding: 4%s}\n"
                          "setup:\n"
                          "  - map: {device: dma0, iova: 0xff000000, pa: 0x200000, size: 4KiB}\n"
                          "steps:\n"
                          "  - delay: %uns\n"
                          "  - unmap: {device: dma0, iova: 0xff000000, size: 4KiB}\n"
                          "  - wait: idle\n"
                          "  - expect: {safety: {count: 0}}\n"
                          "  - expect: {counter: {of: iommu0, name: faults, min: 10}}\n"
                          "record: {check: dma-safety}\n",
        host, delay);
    holds(&s, text);
    seen_free(&s);
}

static void test_sun4m_safety(void)
{
    for (unsigned delay = 15000; delay < 16500; delay += 61) {
        check_safety("", delay);
        check_safety(", host.posted: true", delay);
    }
}

/* -- GART ----------------------------------------------------------------------------------------
 */

/* Firmware's settings are kept; the bit is polled. */
static void test_gart_steps(void)
{
    struct seen s;
    holds(&s,
          PLATFORM("gart") "set: {nb.aperture.io: false}\nsteps:\n"
                           "  - map: {device: ide0, iova: 0x8000000, pa: 0x100000, size: 8KiB}\n"
                           "  - read: {from: nb.control, expect: 0x61}\n"
                           "  - store: {at: 0x8001008, u64: 0x1234}\n"
                           "  - load: {at: 0x101008, size: 8, expect: 0x1234}\n"
                           "  - remap: {device: ide0, iova: 0x8001000, pa: 0x300000, size: 4KiB}\n"
                           "  - load: {at: 0x8001008, size: 8, expect: 0}\n"
                           "  - unmap: {device: ide0, iova: 0x8000000, size: 8KiB, wait: false}\n"
                           "  - invalidate: {iommu: nb, all: true}\n"
                           "  - expect: {counter: {of: nb, name: invalidations, value: 4}}\n"
                           "  - load: {at: 0x300008, size: 8, expect: 0}\n"
                           "record: {check: dma-safety}\n");
    seen_free(&s);
}

/* The same as for sun4m; look-ups stop while one request waits, so a CPU's posted store to the
 * table waits behind them, and InvGart behind that. */
static void check_gart_safety(const char *host, unsigned delay)
{
    char text[2048];
    struct seen s;
    snprintf(text, sizeof text,
             "scenario: test\nplatform:\n  models:\n"
             "    host: {model: host%s}\n"
             "    nb: {model: gart, latency: 20ns, aperture: {base: 0x2000000, size: 32MiB}, "
             "pending: 1, iotlb: {entries: 2}}\n"
             "    dram: {model: memory, base: 0, size: 32MiB, latency: 150ns}\n"
             "    dev: {model: requester, id: \"00:02.0\", pattern: random, op: read, base: "
             "0x2000000, window: 16KiB, count: 120, outstanding: 6}\n"
             "  links: [{from: host, to: nb.cpu}, {from: dev, to: nb.io}, {from: nb.mem, to: "
             "dram}]\n"
             "setup:\n"
             "  - map: {device: dev, iova: 0x2000000, pa: 0x200000, size: 16KiB}\n"
             "steps:\n"
             "  - delay: %uns\n"
             "  - unmap: {device: dev, iova: 0x2001000, size: 4KiB}\n"
             "  - wait: idle\n"
             "  - expect: {safety: {count: 0}}\n"
             "  - expect: {counter: {of: nb, name: faults, min: 5}}\n"
             "record: {check: dma-safety}\n",
             host, delay);
    holds(&s, text);
    seen_free(&s);
}

static void test_gart_safety(void)
{
    for (unsigned delay = 3000; delay < 6000; delay += 37) {
        check_gart_safety("", delay);
        check_gart_safety(", posted: true", delay);
    }
}

SUITE("steps: flat tables", {"refusals", test_refusals}, {"driver memory", test_memory},
      {"sun4m: range and flushes", test_sun4m_tables}, {"sun4m: faults", test_sun4m_handler},
      {"sun4m: unmapped is unreachable", test_sun4m_safety}, {"gart", test_gart_steps},
      {"gart: unmapped is unreachable", test_gart_safety})
