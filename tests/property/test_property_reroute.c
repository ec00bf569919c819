/* Bases and windows move at random instants under random traffic.
 *
 * Exact: on a platform where nothing waits, the instant at which each decoder has each request
 * follows from the links. An oracle of its own, which knows nothing of the models but the
 * specification's registers, plays the writes to configuration space back and says of every request
 * who answers it and how. Its answer must be the simulator's, for each.
 *
 * Under contention (PCI buses, few credits, posted writes, PCI Express, a plain bridge between):
 * every request ends exactly once; where its way was open during all of its life it is served,
 * where it was closed during all of it, it is not; memory has served just those that ended well;
 * every credit comes back.
 *
 * With any value in any register, nothing is known but that: every request ends, every credit comes
 * back.
 */
#include "seen.h"
#include "suite.h"

#include <stdarg.h>

/* -- Random numbers ---------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((state >> 33) % below);
}

/* -- Text -------------------------------------------------------------------------------------- */

#define TEXT 400000
static char text[TEXT];
static size_t used;

static void put(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void put(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    used += (size_t)vsnprintf(text + used, TEXT - used, format, args);
    va_end(args);
    CU_ASSERT_FATAL(used < TEXT);
}

/* -- The oracle: registers by the books --------------------------------------------------------
 *
 * Type 0 (PCI 6.2): command at 04h, bit 1 memory; base address at 10h, here of 64 KiB. Type 1
 * (Bridge 3.2.5): memory base at 20h and limit at 22h, bits 31:20 of the address in their bits
 * 15:4. */

#define CARDS 2
#define AREA  UINT64_C(0xc0000000) /* everything moves within 256 MiB from here */

struct oracle {
    uint32_t bar[CARDS], window;
    uint16_t command[CARDS], bridge_command;
};

static const uint64_t card_config[CARDS] = {0x110000, 0x118000}, bridge_config = 0x0f0000;

/* A write of the host's to configuration space, as it takes effect. */
static void apply(struct oracle *o, const struct tb_txn *t)
{
    uint32_t value = (uint32_t)t->value[0];
    for (unsigned c = 0; c < CARDS; c++) {
        if (t->iova == card_config[c] + 0x10)
            o->bar[c] = value & 0xffff0000;
        if (t->iova == card_config[c] + 0x04)
            o->command[c] = (uint16_t)value;
    }
    if (t->iova == bridge_config + 0x20)
        o->window = value;
    if (t->iova == bridge_config + 0x04)
        o->bridge_command = (uint16_t)value;
}

static bool in_window(const struct oracle *o, uint64_t address)
{
    uint64_t base = (uint64_t)(o->window & 0xfff0) << 16;
    uint64_t last = (uint64_t)(o->window >> 16 & 0xfff0) << 16 | 0xfffff;
    return (o->bridge_command & 2) && address >= base && address <= last;
}

static bool in_card(const struct oracle *o, unsigned c, uint64_t address)
{
    return (o->command[c] & 2) && address >= o->bar[c] && address - o->bar[c] < 0x10000;
}

/* -- Scenarios --------------------------------------------------------------------------------- */

/* Latencies of the exact platform's links and models, in ps; the host's link alone is odd, so that
 * no write ever takes effect at the very instant of a request. */
struct ways {
    uint32_t dma, host, sys, upper, bridge, lower, low, card[CARDS];
};

static uint64_t slot(unsigned card)
{
    return AREA + ((uint64_t)draw(3) * CARDS + card) * 0x10000;
}

static void put_moves(unsigned count, uint32_t gap)
{
    put("steps:\n");
    for (unsigned n = 0; n < count; n++) {
        unsigned card = draw(CARDS);
        put("- delay: %uns\n", 1 + draw(gap));
        switch (draw(6)) {
        case 0:
        case 1:
            put("- move_bar: {device: card%u, to: 0x%llx, live: %s}\n", card,
                (unsigned long long)slot(card), draw(2) ? "true" : "false");
            break;
        case 2:
        case 3:
            put("- move_window: {bridge: br0, base: 0x%llx, size: %uMiB, live: %s}\n",
                (unsigned long long)(AREA + draw(3) / 2 * 0x100000), 1 + draw(8),
                draw(2) ? "true" : "false");
            break;
        case 4:
            put("- write: {to: card%u.pcicmd, value: %u}\n", card, draw(5) ? 2 : 0);
            break;
        default:
            put("- write: {to: br0.pcicmd, value: %u}\n", draw(5) ? 7 : 5);
        }
    }
}

/* Requests where the cards may be, and (`near`) mostly where they were at first. */
static void put_requests(unsigned count, uint32_t span, bool fixed_size)
{
    put("requests: [");
    for (unsigned n = 0; n < count; n++)
        put("{time: %ups, op: %s, address: 0x%llx, bytes: %u},\n      ", 2 * draw(span / 2),
            draw(2) ? "write" : "read", (unsigned long long)(slot(draw(CARDS)) + draw(1023) * 64),
            fixed_size ? 64 : 4 + 4 * draw(16));
    put("{time: %ups, op: read, address: 0x1000, bytes: 64}]", span);
}

static struct oracle begin_platform(void)
{
    struct oracle o = {.window = 0xc070c000, .command = {2, 2}, .bridge_command = 7};
    used = 0;
    put("scenario: reroute\nplatform:\n  models:\n"
        "    dram: {model: memory, size: 16MiB}\n"
        "    host: {model: host, access_time: 0ns, timeout: 100ms}\n");
    for (unsigned c = 0; c < CARDS; c++) {
        o.bar[c] = (uint32_t)(AREA + c * 0x10000);
        put("    card%u: {model: endpoint, id: \"01:0%u.0\", base: 0x%x, size: 64KiB}\n", c, 2 + c,
            (unsigned)o.bar[c]);
    }
    return o;
}

static void finish(struct seen *s)
{
    seen_load(s, text);
    tb_diag_print(s->diag, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sim);
    tb_sim_run(s->sim, TB_NEVER);
    tb_sim_finish(s->sim);
    tb_diag_print(tb_sim_diag(s->sim), stderr);
    CU_ASSERT_EQUAL(tb_sim_status(s->sim), TB_EXIT_OK);
}

static uint16_t index_of(const struct seen *s, const char *name)
{
    return tb_sim_model(s->sim, name)->index;
}

static bool is_config_write(const struct seen_txn *t)
{
    return !strcmp(t->by, "host") && t->txn.kind == TB_TXN_REGISTER && t->txn.write;
}

/* -- Exact ---------------------------------------------------------------------------------------
 */

/* The state of a decoder at an instant: of all writes that arrive at it before. `way`: from the
 * host to where the register is, which for the tables above is the same instant. */
static struct oracle at_instant(const struct seen *s, struct oracle o, const struct ways *w,
                                tb_time when)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct tb_txn *t = &s->at[i].txn;
        if (!is_config_write(&s->at[i]))
            continue;
        tb_time effect = t->created + w->host + w->sys + w->upper;
        for (unsigned c = 0; c < CARDS; c++)
            if (t->iova >> 12 == card_config[c] >> 12)
                effect += (tb_time)w->bridge + w->lower + w->low + w->card[c];
        CU_ASSERT_NOT_EQUAL(effect, when);
        if (effect < when)
            apply(&o, t);
    }
    return o;
}

/* Who answers a request, by the book; TB_NOBODY: nobody. `overtaken` counts those for which the
 * bridge's window moved on their way to it. */
static uint16_t expected(const struct seen *s, const struct oracle *first, const struct ways *w,
                         const struct tb_txn *t, unsigned *overtaken)
{
    static const char *const names[CARDS] = {"card0", "card1"};
    tb_time at_sys = t->created + w->dma, at_bridge = at_sys + w->sys + w->upper;
    tb_time at_low = at_bridge + w->bridge + w->lower;
    if (t->iova < 0x1000000)
        return index_of(s, "dram");
    struct oracle sys = at_instant(s, *first, w, at_sys);
    struct oracle bridge = at_instant(s, *first, w, at_bridge);
    struct oracle low = at_instant(s, *first, w, at_low);
    *overtaken += in_window(&sys, t->iova) != in_window(&bridge, t->iova) &&
                  (in_card(&low, 0, t->iova) || in_card(&low, 1, t->iova));
    if (!in_window(&sys, t->iova) || !in_window(&bridge, t->iova))
        return TB_NOBODY;
    for (unsigned c = 0; c < CARDS; c++) {
        struct oracle card = at_instant(s, *first, w, at_low + w->low + w->card[c]);
        if (in_card(&low, c, t->iova))
            return in_card(&card, c, t->iova) ? index_of(s, names[c]) : TB_NOBODY;
    }
    return TB_NOBODY;
}

static uint32_t even(uint32_t below)
{
    return 2 + 2 * draw(below / 2);
}

static struct oracle put_exact(struct ways *w)
{
    *w = (struct ways){.dma = even(9000),
                       .host = even(9000) + 1,
                       .sys = even(9000),
                       .upper = even(draw(2) ? 9000 : 3000000),
                       .bridge = even(60000),
                       .lower = even(draw(2) ? 9000 : 3000000),
                       .low = even(20000),
                       .card = {even(9000), even(9000)}};
    struct oracle o = begin_platform();
    put("    sys: {model: bus, latency: %ups}\n    low: {model: bus, latency: %ups}\n"
        "    br0: {model: bridge, latency: %ups, header: {id: \"00:1e.0\"}, windows: [{base: "
        "0xc0000000, size: 8MiB}]}\n    dma0: {model: requester, id: \"00:02.0\", outstanding: "
        "1000, posted: %s, ",
        w->sys, w->low, w->bridge, draw(2) ? "true" : "false");
    put_requests(300, 400000000, true);
    put("}\n  links:\n    - {from: dma0, to: sys, latency: %ups}\n"
        "    - {from: host, to: sys, latency: %ups}\n    - {from: sys, to: dram}\n"
        "    - {from: br0.up, to: sys, latency: %ups}\n    - {from: low, to: br0.down, latency: "
        "%ups}\n    - {from: card0, to: low, latency: %ups}\n    - {from: card1, to: low, latency: "
        "%ups}\n",
        w->dma, w->host, w->upper, w->lower, w->card[0], w->card[1]);
    put_moves(60, 9000);
    return o;
}

static void test_exact(void)
{
    unsigned served = 0, refused = 0, overtaken = 0;
    for (unsigned seed = 1; seed <= 100; seed++) {
        struct ways w;
        struct seen s;
        state = seed;
        struct oracle first = put_exact(&w);
        finish(&s);
        unsigned ended = 0;
        for (size_t i = 0; i < s.count; i++) {
            const struct seen_txn *t = &s.at[i];
            if (strcmp(t->by, "dma0") != 0)
                continue;
            uint16_t who = expected(&s, &first, &w, &t->txn, &overtaken);
            CU_ASSERT_EQUAL(t->status, who == TB_NOBODY ? TB_UNSUPPORTED : TB_OK);
            if (who != TB_NOBODY)
                CU_ASSERT_EQUAL(t->txn.to, who);
            served += t->status == TB_OK && t->txn.iova > 0x1000000;
            refused += t->status != TB_OK;
            ended++;
        }
        CU_ASSERT_EQUAL(ended, 301);
        CU_ASSERT_EQUAL(seen_counter(&s, "sys", "contested"), 0);
        seen_free(&s);
    }
    /* or nothing would have been tried */
    CU_ASSERT(served > 3000);
    CU_ASSERT(refused > 3000);
    CU_ASSERT(overtaken > 30);
}

/* -- Under contention ----------------------------------------------------------------------------
 */

static void put_link(const char *from, const char *to, bool slow)
{
    put("    - {from: %s, to: %s, latency: %uns", from, to, 1 + draw(200));
    if (slow && draw(2))
        put(", bandwidth: %uMB/s", 50 + draw(2000));
    if (slow && draw(2))
        put(", credits: %u", 1 + draw(6));
    put("}\n");
}

static struct oracle put_contended(bool *express)
{
    struct oracle o = begin_platform();
    bool plain = draw(2);      /* a bridge without a header between */
    bool iommu = draw(3) == 0; /* an IOMMU, which is off, between an engine and the others */
    *express = draw(3) == 0;
    put("    sys: {model: bus, overhead: %uns, bandwidth: %uMB/s}\n", draw(40), 200 + draw(4000));
    if (*express)
        put("    low: {model: switch, forwarding: %s}\n",
            draw(2) ? "cut-through" : "store-and-forward");
    else
        put("    low: {model: bus, protocol: pci, clock: 30ns, latency_timer: %u}\n",
            16 + draw(30));
    put("    br0: {model: bridge, header: {id: \"00:1e.0\"}, latency: %uns, windows: [{base: "
        "0xc0000000, size: 8MiB}]}\n",
        1 + draw(100));
    if (plain)
        put("    br1: {model: bridge, latency: %uns}\n", 1 + draw(100));
    if (iommu)
        put("    root: {model: bridge, latency: %uns, iommu: {format: amdvi}}\n", 1 + draw(100));
    for (unsigned d = 0; d < 2; d++) {
        put("    dma%u: {model: requester, id: \"00:0%u.0\", outstanding: %u, posted: %s, burst: "
            "%uB, ",
            d, 4 + d, 1 + draw(12), draw(2) ? "true" : "false", 64u << draw(3));
        put_requests(150, 200000000, false);
        put("}\n");
    }
    put("  links:\n    - {from: host, to: sys}\n");
    put_link("sys", "dram", true);
    put_link("dma0", iommu ? "root.down" : "sys", true);
    if (iommu)
        put_link("root.up", "sys", true);
    put_link("dma1", *express || draw(2) ? "sys" : "low", true);
    put_link("br0.up", plain ? "br1.down" : "sys", true);
    if (plain)
        put_link("br1.up", "sys", true);
    for (unsigned c = 0; c < CARDS + (unsigned)*express; c++) {
        char at[16], card[16];
        snprintf(card, sizeof card, c < CARDS ? "card%u" : "br0.down", c);
        snprintf(at, sizeof at, "%s", c < CARDS ? "low" : "low.up");
        if (*express)
            put("    - {from: %s, to: %s, pcie: {gen: 3, width: %u}}\n", card, at, 1u << draw(5));
        else
            put_link(card, "low", true);
    }
    if (!*express)
        put_link("low", "br0.down", true);
    put_moves(40, 9000);
    return o;
}

/* Was its way open, or closed, during all of a request's life, as far as a write's own life says
 * when it took effect? */
struct judged {
    bool open, closed;
};

/* Every state that a decoder may have had in a request's life: what holds between two writes, and
 * during the second, from the end of the first on. */
static struct judged judge(const struct seen *s, struct oracle o, const struct seen_txn *t,
                           bool above)
{
    uint64_t address = t->txn.iova;
    bool window[2] = {false}, card[2] = {false}; /* was it ever closed, ever open */
    for (size_t i = 0; i <= s->count; i++) {
        const struct seen_txn *w = i < s->count ? &s->at[i] : NULL;
        if (w && !is_config_write(w))
            continue;
        if (!w || w->ended >= t->txn.created) {
            window[!above || in_window(&o, address)] = true;
            card[in_card(&o, 0, address) || in_card(&o, 1, address)] = true;
        }
        if (!w || w->txn.created > t->ended)
            break;
        apply(&o, &w->txn);
    }
    return (struct judged){.open = !window[0] && !card[0], .closed = !window[1] || !card[1]};
}

static void test_contended(void)
{
    unsigned open = 0, closed = 0, between = 0; /* what cannot be told from outside */
    for (unsigned seed = 1; seed <= 150; seed++) {
        struct seen s;
        bool express;
        uint64_t served[2] = {0}, ended[2] = {0};
        state = seed * 77;
        struct oracle first = put_contended(&express);
        finish(&s);
        bool below = strstr(text, "{from: dma1, to: low") != NULL;
        for (size_t i = 0; i < s.count; i++) {
            const struct seen_txn *t = &s.at[i];
            unsigned d = t->by[3] == '1';
            if (strncmp(t->by, "dma", 3) != 0)
                continue;
            ended[d]++;
            if (t->txn.iova < 0x1000000) {
                CU_ASSERT_EQUAL(t->status, TB_OK);
                continue;
            }
            served[t->txn.write] += t->status == TB_OK;
            struct judged j = judge(&s, first, t, !(d == 1 && below));
            if (j.open)
                CU_ASSERT_EQUAL(t->status, TB_OK);
            if (j.closed)
                CU_ASSERT_EQUAL(t->status, TB_UNSUPPORTED);
            open += j.open;
            closed += j.closed;
            between += !j.open && !j.closed;
        }
        for (unsigned d = 0; d < 2; d++) {
            char name[8];
            snprintf(name, sizeof name, "dma%u", d);
            CU_ASSERT(ended[d] >= 151);
            CU_ASSERT_EQUAL(seen_counter(&s, name, "completed"), ended[d]);
        }
        CU_ASSERT_EQUAL(served[0],
                        seen_counter(&s, "card0", "reads") + seen_counter(&s, "card1", "reads"));
        CU_ASSERT_EQUAL(served[1],
                        seen_counter(&s, "card0", "writes") + seen_counter(&s, "card1", "writes"));
        seen_free(&s);
    }
    CU_ASSERT(open > 500);
    CU_ASSERT(closed > 500);
    CU_ASSERT(between > 100);
}

/* -- Anything
 * -------------------------------------------------------------------------------------- */

/* Any value to any register of the three functions, at any time, on top of memory, of each other,
 * half of them: whatever answers, every request ends once, and every credit comes back. */
static void put_anything(unsigned count)
{
    static const uint8_t registers[] = {0x00, 0x04, 0x06, 0x10, 0x14, 0x1c, 0x1e, 0x20,
                                        0x20, 0x22, 0x24, 0x24, 0x28, 0x2c, 0x30, 0x3c};
    static const uint32_t values[] = {0,          UINT32_MAX, 7,          2,          0xc070c000,
                                      0xfff00000, 0x00f00000, 0xc0000000, 0xc0010000, 0x1000};
    put("unclaimed: allow\nsteps:\n");
    for (unsigned n = 0; n < count; n++) {
        uint64_t function = draw(3) ? card_config[draw(CARDS)] : bridge_config;
        uint32_t value = draw(4) ? values[draw(10)] : draw(UINT32_MAX);
        uint64_t at = function + registers[draw(16)];
        put("- delay: %uns\n", 1 + draw(4000));
        if (draw(4) == 0)
            put("- load: {at: 0x%llx, size: 8, status: any}\n",
                (unsigned long long)(draw(2) ? slot(0) : draw(0xfff) * 0x1000));
        else if (at % 4 == 0 && draw(4))
            put("- write: {at: 0x%llx, space: config, u32: %u, status: any}\n",
                (unsigned long long)at, value);
        else
            put("- write: {at: 0x%llx, space: config, u16: %u, status: any}\n",
                (unsigned long long)at, value & 0xffff);
    }
}

static void test_anything(void)
{
    for (unsigned seed = 1; seed <= 150; seed++) {
        struct seen s;
        bool express;
        uint64_t ended[2] = {0};
        state = seed * 1013;
        put_contended(&express);
        used = (size_t)(strstr(text, "steps:") - text);
        text[used] = '\0';
        put_anything(80);
        finish(&s);
        for (size_t i = 0; i < s.count; i++)
            if (strncmp(s.at[i].by, "dma", 3) == 0)
                ended[s.at[i].by[3] == '1']++;
        CU_ASSERT_EQUAL(seen_counter(&s, "dma0", "completed"), ended[0]);
        CU_ASSERT_EQUAL(seen_counter(&s, "dma1", "completed"), ended[1]);
        CU_ASSERT(ended[0] >= 151 && ended[1] >= 151);
        seen_free(&s);
    }
}

SUITE("reroute", {"exact", test_exact}, {"contended", test_contended}, {"anything", test_anything})
