/* PCI Express: rates, what a message is on the wire, credits, switches, what the loader gives out.
 */
#include "../seen.h"
#include "../suite.h"
#include "kernel/kernel.h"
#include "load/graph.h"

#include <math.h>
#include <stdarg.h>

static const struct tb_pcie_params *params(struct tb_pcie_params *p, unsigned gen, unsigned width,
                                           unsigned mps)
{
    *p = (struct tb_pcie_params){.gen = gen, .width = width, .mps = mps, .mrrs = 512, .rcb = 64};
    return p;
}

/* Symbol times of the specification's tables (3-7 to 3-9), and rates in Mbit/s that are known. */
static void test_rates(void)
{
    static const struct {
        unsigned gen, width, mps, limit;
        double mbit;
    } rows[] = {{1, 1, 128, 237, 1859.8},  {1, 4, 128, 73, 0},        {1, 8, 256, 107, 0},
                {1, 16, 512, 86, 0},       {1, 12, 1024, 194, 0},     {2, 4, 128, 124, 13894},
                {3, 8, 128, 163, 56666},   {3, 8, 256, 203, 57885},   {3, 8, 512, 182, 57311},
                {4, 16, 256, 168, 227400}, {4, 16, 512, 182, 229247}, {5, 16, 512, 182, 458493}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_pcie_params p;
        params(&p, rows[i].gen, rows[i].width, rows[i].mps);
        struct tb_rate r = tb_pcie_rate(&p);
        CU_ASSERT_EQUAL(tb_pcie_ack_limit(&p), rows[i].limit);
        if (rows[i].mbit)
            CU_ASSERT(fabs((double)r.units / (double)r.time * 8e6 / rows[i].mbit - 1) < 1e-4);
    }
}

/* gen3 x8 with a payload of 256: 64 x 128/130 Gbit/s, of which 1 - 16/203 - 4/1538 are left, to the
 * last digit. */
static void test_rate_is_exact(void)
{
    struct tb_pcie_params p;
    struct tb_rate r = tb_pcie_rate(params(&p, 3, 8, 256));
    unsigned __int128 up = (unsigned __int128)64 * 128 * (203 * 1538 - 16 * 1538 - 4 * 203);
    unsigned __int128 down = (unsigned __int128)8000 * 130 * 203 * 1538;
    CU_ASSERT(up * r.time == down * r.units);
    r = tb_pcie_rate(params(&p, 6, 4, 256)); /* flits: 256 Gbit/s x 242/256 */
    CU_ASSERT_EQUAL(r.units * 8000 * 256, r.time * 256 * 242);
    params(&p, 3, 8, 256);
    p.ack_limit = 32;
    p.fc_interval = 32; /* half of it for acknowledgements and updates */
    r = tb_pcie_rate(&p);
    CU_ASSERT_EQUAL(r.units * 8000 * 130 * 32 * 1538, r.time * 64 * 128 * (16 * 1538 - 32 * 4));
}

#define LONG 0x100000000u
static void test_sizes(void)
{
    static const struct {
        enum tb_msg_kind kind;
        uint64_t address;
        unsigned length, completions, tlps, data, bytes;
    } rows[] = {
        {TB_WRITE, LONG, 64, 0, 1, 4, 88},
        {TB_WRITE, 0, 64, 0, 1, 4, 84},
        {TB_WRITE, LONG, 257, 0, 2, 17, 305},
        {TB_WRITE, LONG, 4096, 0, 16, 256, 4480},
        {TB_READ, LONG, 512, 0, 1, 0, 24},
        {TB_READ, 0, 512, 0, 1, 0, 20},
        {TB_READ, LONG, 513, 0, 2, 0, 48},
        {TB_DONE, LONG, 64, 0, 1, 0, 20},
        {TB_DATA, LONG, 512, 0, 2, 32, 552},
        {TB_DATA, LONG, 1, 0, 1, 1, 21},
        {TB_DATA, LONG + 16, 256, 0, 2, 16, 296}, /* 240 to the boundary, 16 */
        {TB_DATA, LONG + 16, 240, 0, 1, 15, 260},
        {TB_DATA, LONG + 60, 8, 0, 1, 1, 28},     /* fits in 196 */
        {TB_DATA, LONG, 256, 1, 4, 16, 336},      /* a completion per boundary */
        {TB_DATA, LONG + 16, 256, 1, 5, 16, 356}, /* 48, 3 x 64, 16 */
        {TB_DATA, LONG + 60, 8, 1, 2, 2, 48},
        {TB_ATS_TRANSLATE, LONG, 8, 0, 1, 0, 24},
        {TB_ATS_INVALIDATE, 0, 8, 0, 1, 1, 32},
        {TB_PAGE_REQUEST, 0, 0, 0, 1, 0, 24},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tb_pcie_params p;
        params(&p, 3, 8, 256);
        p.completions = rows[i].completions;
        struct tb_msg msg = {.kind = (uint8_t)rows[i].kind,
                             .address = rows[i].address,
                             .length = (uint16_t)rows[i].length};
        struct tb_pcie_size size = tb_pcie_size(&p, &msg);
        CU_ASSERT_EQUAL(size.tlps, rows[i].tlps);
        CU_ASSERT_EQUAL(size.data, rows[i].data);
        CU_ASSERT_EQUAL(size.bytes, rows[i].bytes);
    }
}

static void test_pad(void)
{
    struct tb_pcie_params p;
    struct tb_msg msg = {.kind = TB_WRITE, .address = LONG + 3, .length = 2};
    params(&p, 3, 8, 256);
    p.pad = true; /* bytes 3 and 4: two words */
    CU_ASSERT_EQUAL(tb_pcie_size(&p, &msg).bytes, 24 + 8);
    msg.address = LONG;
    CU_ASSERT_EQUAL(tb_pcie_size(&p, &msg).bytes, 24 + 4);
}

/* -- runs ----------------------------------------------------------------------------------- */

static tb_time wire_time(unsigned gen, unsigned width, unsigned mps, unsigned bytes)
{
    struct tb_pcie_params p;
    return tb_rate_time(tb_pcie_rate(params(&p, gen, width, mps)), bytes);
}

static void run(struct seen *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void run(struct seen *s, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    seen_run(s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_finish(s->sim); /* credits are back, parts add up: or the status says so */
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), TB_EXIT_OK);
    tb_diag_print(tb_sim_diag(s->sim), stderr);
}

/* A6: a read of 64 bytes that takes 500 ns, so many tags: so many reads per 500 ns, until the link
 * is full. */
static double reads_per_us(unsigned tags)
{
    struct seen s;
    tb_time latency = 500 * TB_NS - 2 * TB_NS - wire_time(3, 8, 256, 24) - wire_time(3, 8, 256, 84);
    run(&s,
        "scenario: a6\nplatform:\n  models:\n"
        "    dram: {model: memory, base: 0x100000000, size: 1MiB, latency: %llups, bandwidth: "
        "unlimited}\n"
        "    nic: {model: requester, pattern: sequential, count: 6000, base: 0x100000000, "
        "outstanding: %u}\n"
        "  links: [{from: nic, to: dram, pcie: {gen: 3, width: 8}}]\n",
        (unsigned long long)latency, tags);
    CU_ASSERT_EQUAL_FATAL(s.count, 6000);
    double rate = 4800.0 / ((double)(s.at[5599].ended - s.at[799].ended) / (double)TB_US);
    seen_free(&s);
    return rate;
}

static void test_tags(void)
{
    CU_ASSERT(fabs(reads_per_us(16) - 32.0) < 1e-9);
    CU_ASSERT(fabs(reads_per_us(40) - 80.0) < 1e-9);
    CU_ASSERT(fabs(reads_per_us(44) - 86.1) < 0.1);
    CU_ASSERT(fabs(reads_per_us(64) - 86.1) < 0.1);
}

/* Posted writes of 64 bytes over a link whose receiver grants so much, which takes 100 ns to come
 * back: how much the last one ends after the first. */
static tb_time posted_span(unsigned count, const char *credits)
{
    struct seen s;
    run(&s,
        "scenario: credits\nplatform:\n  models:\n"
        "    dram: {model: memory, size: 1MiB, latency: 0ns, bandwidth: unlimited}\n"
        "    nic: {model: requester, pattern: sequential, op: write, posted: true, count: %u, "
        "outstanding: 64}\n"
        "  links: [{from: nic, to: dram, latency: 10ns, credit_return: 100ns, pcie: {gen: 3, "
        "width: 8, %s}}]\n",
        count, credits);
    CU_ASSERT_EQUAL_FATAL(s.count, count);
    tb_time span = s.at[count - 1].ended - s.at[0].ended;
    seen_free(&s);
    return span;
}

static void test_credits(void)
{
    tb_time one = wire_time(3, 8, 256, 84), round = one + 110 * TB_NS;
    CU_ASSERT_EQUAL(posted_span(9, "forward: {}"), 8 * one);
    CU_ASSERT_EQUAL(posted_span(9, "back: {ph: 1, pd: 16}"), 8 * one);
    CU_ASSERT_EQUAL(posted_span(9, "forward: {nph: 1, cplh: 1}"), 8 * one);
    CU_ASSERT_EQUAL(posted_span(9, "forward: {ph: 1}"), 8 * round);
    CU_ASSERT_EQUAL(posted_span(9, "forward: {ph: 4}"), 2 * round);
    CU_ASSERT_EQUAL(posted_span(9, "forward: {pd: 16}"), 2 * round); /* 256 bytes: four writes */
    CU_ASSERT_EQUAL(posted_span(9, "forward: {ph: 2, pd: 16}"), 4 * round);
    CU_ASSERT_EQUAL(posted_span(9, "forward: {ph: 64, pd: 19}"), 2 * round);
}

/* A read's completions are several TLPs: they need as many headers, and may need more than there is
 * at all. */
static void test_completion_credits(void)
{
    static const char *const credits[] = {"{}", "{cplh: 3, cpld: 20}", "{cplh: 1}", "{cpld: 16}"};
    for (size_t i = 0; i < sizeof credits / sizeof credits[0]; i++) {
        struct seen s;
        run(&s,
            "scenario: completions\nplatform:\n  models:\n"
            "    dram: {model: memory, size: 1MiB, bandwidth: unlimited}\n"
            "    nic: {model: requester, pattern: sequential, op: alternate, length: 1500B, burst: "
            "4KiB, count: 300}\n"
            "  links: [{from: nic, to: dram, credit_return: %s, pcie: {gen: 3, width: 8, forward: "
            "{ph: 2}, back: %s}}]\n",
            i & 1 ? "0ns" : "300ns", credits[i]);
        CU_ASSERT_EQUAL(seen_counter(&s, "nic", "bytes"), 300 * 1500);
        CU_ASSERT_EQUAL(seen_counter(&s, "nic", "failed"), 0);
        seen_free(&s);
    }
}

/* Requests are split at the maximum payload and at the maximum read request. */
static void test_pieces(void)
{
    struct seen s;
    run(&s,
        "scenario: pieces\nplatform:\n  models:\n    dram: {model: memory, size: 1MiB}\n"
        "    nic: {model: requester, burst: 4KiB, requests: [\n"
        "      {op: write, address: 0x80, bytes: 1KiB}, {op: read, address: 0x80, bytes: 1KiB}]}\n"
        "  links: [{from: nic, to: dram, pcie: {gen: 3, width: 8, mps: 256B, mrrs: 512B}}]\n");
    CU_ASSERT_EQUAL_FATAL(s.count, 5 + 3);
    CU_ASSERT_EQUAL(seen_find(&s, "nic", 0)->txn.length, 128);
    CU_ASSERT_EQUAL(seen_find(&s, "nic", 1)->txn.length, 256);
    CU_ASSERT_EQUAL(seen_find(&s, "nic", 4)->txn.length, 128);
    CU_ASSERT_EQUAL(seen_find(&s, "nic", 5)->txn.length, 384);
    CU_ASSERT_EQUAL(seen_find(&s, "nic", 6)->txn.length, 512);
    CU_ASSERT_EQUAL(seen_find(&s, "nic", 7)->txn.length, 128);
    seen_free(&s);
}

/* -- switches ------------------------------------------------------------------------------- */

#define SWITCH                                                                                     \
    "scenario: sw\nplatform:\n  models:\n"                                                         \
    "    dram: {model: memory, size: 1MiB, latency: 0ns, bandwidth: unlimited}\n"                  \
    "    sw: {model: switch, latency: 100ns, %s}\n"                                                \
    "    a: {model: requester, id: auto, burst: 256B, %s}\n"                                       \
    "    b: {model: memory, base: auto, size: 1MiB, latency: 0ns, bandwidth: unlimited}\n"         \
    "  links:\n"                                                                                   \
    "    - {from: sw.up, to: dram, pcie: {gen: %u, width: 8}}\n"                                   \
    "    - {from: a, to: sw, pcie: {gen: %u, width: 8}}\n"                                         \
    "    - {from: sw, to: b, pcie: {gen: %u, width: 8}}\n"

static tb_time one_write(const char *forwarding, unsigned in, unsigned out)
{
    struct seen s;
    run(&s, SWITCH, forwarding, "posted: true, requests: [{op: write, address: 0, bytes: 256}]",
        out, in, in);
    CU_ASSERT_EQUAL_FATAL(s.count, 1);
    CU_ASSERT_EQUAL(s.at[0].status, TB_OK);
    tb_time ended = s.at[0].ended;
    seen_free(&s);
    return ended;
}

/* Through a switch: whole, or as soon as the header is there; but never so soon that bytes would be
 * missing. */
static void test_forwarding(void)
{
    tb_time slow = wire_time(3, 8, 256, 276), fast = wire_time(4, 8, 256, 276),
            head = wire_time(3, 8, 256, 20);
    CU_ASSERT_EQUAL(one_write("forwarding: store-and-forward", 3, 3), 2 * slow + 102 * TB_NS);
    CU_ASSERT_EQUAL(one_write("forwarding: cut-through", 3, 3), head + slow + 102 * TB_NS);
    CU_ASSERT_EQUAL(one_write("forwarding: cut-through", 4, 3),
                    wire_time(4, 8, 256, 20) + slow + 102 * TB_NS);
    /* To a faster link: its end leaves when the end has come. */
    CU_ASSERT_EQUAL(one_write("forwarding: cut-through", 3, 4), slow + 102 * TB_NS);
    CU_ASSERT_EQUAL(one_write("forwarding: store-and-forward", 3, 4), slow + fast + 102 * TB_NS);
}

static void test_peers(void)
{
    static const char requests[] =
        "requests: [{op: write, address: 0x100000000, bytes: 256}, "
        "{op: read, address: 0x100000000, bytes: 256}, {op: read, address: 0, bytes: 256}, "
        "{op: read, address: 0x8000000000, bytes: 64}]";
    struct seen s;
    run(&s, SWITCH, "acs: false", requests, 3u, 3u, 3u);
    CU_ASSERT_EQUAL(seen_counter(&s, "sw", "peer"), 4);
    CU_ASSERT_EQUAL(seen_counter(&s, "sw", "up"), 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "b", "reads"), 1);
    CU_ASSERT_EQUAL(seen_counter(&s, "a", "failed"), 1);
    CU_ASSERT_EQUAL(seen_find(&s, "a", 3)->status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(seen_find(&s, "a", 0)->txn.requester, 0x0100);
    seen_free(&s);
    /* Redirected, to a memory that has no such address: that is where it fails. */
    run(&s, SWITCH, "acs: true", requests, 3u, 3u, 3u);
    CU_ASSERT_EQUAL(seen_counter(&s, "sw", "peer"), 0);
    CU_ASSERT_EQUAL(seen_counter(&s, "sw", "redirected"), 2);
    CU_ASSERT_EQUAL(seen_counter(&s, "b", "reads"), 0);
    CU_ASSERT_EQUAL(seen_counter(&s, "a", "failed"), 3);
    seen_free(&s);
}

static void test_direct_translated(void)
{
    static const char requests[] =
        "requests: [{op: read, address: 0x100000000, bytes: 64, at: translated}, "
        "{op: read, address: 0x100000000, bytes: 64}]";
    struct seen s;
    run(&s, SWITCH, "acs: true, direct_translated: true", requests, 3u, 3u, 3u);
    CU_ASSERT_EQUAL(seen_counter(&s, "b", "reads"), 1);
    CU_ASSERT_EQUAL(seen_find(&s, "a", 0)->status, TB_OK);
    CU_ASSERT_EQUAL(seen_find(&s, "a", 1)->status, TB_UNSUPPORTED);
    seen_free(&s);
}

/* From above: what is below is reached by address; what is not is refused, posted or not. A root
 * port too. */
static void test_from_above(void)
{
    static const char *const classes[] = {"switch", "root-port"};
    for (unsigned i = 0; i < 4; i++) {
        struct seen s;
        run(&s,
            "scenario: down\nplatform:\n  models:\n    cpu: {model: requester, posted: %s, "
            "requests: [\n"
            "      {op: write, address: 0x1000, bytes: 64}, {op: write, address: 0x9000, bytes: "
            "64}]}\n"
            "    sw: {model: %s}\n    low: {model: memory, base: 0, size: 8KiB}\n"
            "  links:\n    - {from: cpu, to: sw.up}\n    - {from: %s, to: low, pcie: {gen: 1}}\n",
            i & 1 ? "true" : "false", classes[i / 2], i / 2 ? "sw.down" : "sw");
        CU_ASSERT_EQUAL(seen_counter(&s, "low", "writes"), 1);
        CU_ASSERT_EQUAL(seen_counter(&s, "sw", "refused"), 1);
        CU_ASSERT_EQUAL(seen_find(&s, "cpu", 0)->status, TB_OK);
        CU_ASSERT_EQUAL(seen_find(&s, "cpu", 1)->status, TB_UNSUPPORTED);
        seen_free(&s);
    }
}

/* -- platforms ------------------------------------------------------------------------------ */

static void refuse(const char *models, const char *links, const char *message)
{
    char text[2048];
    struct seen s;
    snprintf(text, sizeof text,
             "platform: p\nmodels:\n  dram: {model: memory, size: 1MiB}\n%slinks:\n%s", models,
             links);
    seen_load(&s, text);
    CU_ASSERT_PTR_NULL(s.sim);
    bool found = false;
    for (size_t k = 0; k < tb_diag_count(s.diag); k++)
        found |= strcmp(tb_diag_text(s.diag, k), message) == 0;
    CU_ASSERT(found);
    if (!found)
        tb_diag_print(s.diag, stderr);
    seen_free(&s);
}

static void test_bad_links(void)
{
    static const char nic[] = "  nic: {model: requester}\n";
    refuse(nic, "  - {from: nic, to: dram, pcie: {gen: 3, width: 3}}\n",
           "test.yaml:6:49: a link has 1, 2, 4, 8, 12, 16 or 32 lanes");
    refuse(nic, "  - {from: nic, to: dram, bandwidth: 1GB/s, pcie: {gen: 3}}\n",
           "test.yaml:6:27: 'bandwidth' is what 'pcie' says: not both");
    refuse(nic, "  - {from: nic, to: dram, pcie: {gen: 3, mps: 200B}}\n",
           "test.yaml:6:47: 'mps' must be a power of two");
    refuse(nic, "  - {from: nic, to: dram, pcie: {gen: 7}}\n",
           "test.yaml:6:39: '7' is out of range (gen: 1 to 6)");
    refuse(nic, "  - {from: nic, to: dram, pcie: {gen: 3, ack_limit: 5}}\n",
           "test.yaml:6:53: 'ack_limit' must be 0 or at least 32 symbol times");
    refuse(nic, "  - {from: nic, to: dram, pcie: {gen: 3, mps: 512B, forward: {pd: 31}}}\n",
           "test.yaml:6:67: 'pd' must be room for one TLP of the maximum payload: at least 32");
}

static void test_bad_platforms(void)
{
    refuse("  a: {model: requester, id: \"01:00.0\"}\n  b: {model: requester, id: \"01:00.0\"}\n  "
           "bus: {model: bus}\n",
           "  - {from: a, to: bus}\n  - {from: b, to: bus}\n  - {from: bus, to: dram}\n",
           "test.yaml:5:29: 'b' has the ID 01:00.0, which is that of 'a'");
    refuse(
        "  a: {model: requester}\n  b: {model: requester, id: \"00:02.0\"}\n  bus: {model: bus}\n",
        "  - {from: a, to: bus}\n  - {from: b, to: bus}\n  - {from: bus, to: dram}\n",
        "test.yaml:5:29: 'b' has the ID 00:02.0, which is that of 'a'");
    refuse("  sw: {model: switch}\n  x: {model: memory, base: 0x200000, size: 8KiB}\n"
           "  y: {model: memory, base: 0x201000, size: 8KiB}\n",
           "  - {from: sw.up, to: dram}\n  - {from: sw, to: x}\n  - {from: sw, to: y}\n",
           "test.yaml:6:28: 'x' and 'y' both claim memory addresses 0x201000 to 0x201fff below "
           "different ports of 'sw' ('x': test.yaml:5:28)");
    refuse("  sw: {model: switch}\n", "  - {from: sw.up, to: dram}\n",
           "test.yaml:4:7: switch 'sw' has no link below it");
    refuse("  bus: {model: bus}\n  br: {model: bridge, windows: [{base: 0x5000, size: 4KiB}]}\n  "
           "nic: {model: requester}\n",
           "  - {from: nic, to: br.down}\n  - {from: br.up, to: bus}\n  - {from: bus, to: dram}\n",
           "test.yaml:5:33: nobody below 'br' claims an address of this window, 0x5000 to 0x5fff");
    refuse("  one: {model: bus}\n  two: {model: bus}\n",
           "  - {from: one, to: two}\n  - {from: two, to: one}\n  - {from: two, to: dram}\n",
           "test.yaml:4:3: 'one' is on a loop of links (two > one > two): there must be one way "
           "only from one model to another");
    refuse("  nic: {model: requester}\n", "  - {from: nic, to: drma}\n",
           "test.yaml:6:21: there is no model 'drma'; did you mean 'dram'?");
}

/* IDs: a bus of its own at the end of a PCI Express link, else the next device of bus 0; never one
 * that was given. Windows: multiples of their size, above all that was given. */
static void test_assigned(void)
{
    struct seen s;
    uint64_t value = 0;
    run(&s, "scenario: auto\nplatform:\n  models:\n    dram: {model: memory, base: 0x100000000, "
            "size: 4GiB}\n"
            "    sw: {model: switch}\n    pci: {model: bus}\n"
            "    a: {model: requester, id: auto}\n    b: {model: requester, id: \"02:03.1\"}\n"
            "    c: {model: requester, id: auto}\n    d: {model: requester, id: \"00:01.0\"}\n"
            "    e: {model: requester, id: auto}\n"
            "    m: {model: memory, base: auto, size: 3MiB}\n    n: {model: memory, base: auto, "
            "size: 8KiB}\n"
            "  links:\n    - {from: sw.up, to: dram}\n    - {from: a, to: sw, pcie: {gen: 3}}\n"
            "    - {from: c, to: sw, pcie: {gen: 3}}\n    - {from: pci, to: sw}\n    - {from: b, "
            "to: pci}\n"
            "    - {from: d, to: pci}\n    - {from: e, to: pci}\n    - {from: m, to: sw}\n    - "
            "{from: n, to: sw}\n");
    static const struct {
        const char *model, *fact;
        uint64_t value;
    } rows[] = {{"a", "id", 0x100},
                {"c", "id", 0x300},
                {"e", "id", 0x010},
                {"m", "base", 0x200000000},
                {"n", "base", 0x200400000}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CU_ASSERT(tb_fact(tb_sim_model(s.sim, rows[i].model), rows[i].fact, &value));
        CU_ASSERT_EQUAL(value, rows[i].value);
    }
    seen_free(&s);
}

static void test_drawing(void)
{
    struct seen s;
    char *text = NULL;
    size_t length = 0;
    run(&s, SWITCH, "acs: true", "count: 0", 4u, 3u, 3u);
    FILE *to = open_memstream(&text, &length);
    tb_graph_write(s.sim, to);
    fclose(to);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"dram\" -> \"sw\":\"up\":n [label=\"  PCIe gen4 x8\\l"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"sw\" -> \"a\" [label=\"  PCIe gen3 x8\\l"));
    free(text);
    seen_free(&s);
}

SUITE("pcie", {"rates and limits", test_rates}, {"a rate is exact", test_rate_is_exact},
      {"what a message is on the wire", test_sizes}, {"padding", test_pad},
      {"tags (A6)", test_tags}, {"header and data credits", test_credits},
      {"credits of completions", test_completion_credits}, {"requests are split", test_pieces},
      {"store and forward, cut-through", test_forwarding},
      {"peers, direct and redirected", test_peers},
      {"translated requests may go direct", test_direct_translated},
      {"from above", test_from_above}, {"links that make no sense", test_bad_links},
      {"platforms that make no sense", test_bad_platforms},
      {"IDs and windows that are given out", test_assigned},
      {"a drawing names generation and width", test_drawing})
