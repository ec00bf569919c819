/* Whatever a device and a guest say to the IOMMU about translations, invalidations and page
 * requests, in any order and with any bits: it answers, nothing is lost, and the parts of every
 * latency add up.
 *
 * A device that the test plays sends random messages, forged ones among them, keeps some
 * invalidations and answers them late, twice or wrongly; software writes random commands, table
 * entries and registers. In the end the device answers what it kept, and everything has to be over:
 * every message that has an answer got it, every command was taken.
 */
#include "../fake.h"

enum { ROUNDS = 60, STEPS = 150 };

struct world {
    struct rig r;
    uint64_t random;
    size_t answered; /* of what the device got, how far it has answered */
    unsigned asked;  /* messages that have to be answered */
    bool lies;       /* the device answers what it has answered already, too */
};

static uint64_t draw(struct world *w, uint64_t n)
{
    uint64_t z = w->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

static uint64_t some_address(struct world *w)
{
    return draw(w, 8) ? draw(w, 32) << 12 | draw(w, 512) * 8 : draw(w, UINT64_MAX);
}

/* -- The device -------------------------------------------------------------------------------- */

static void translate(struct world *w)
{
    fake_send(
        &w->r, TB_TXN_TRANSLATION,
        (struct tb_msg){.address = some_address(w),
                        .length = (uint16_t)(draw(w, 10) ? 8 * (1 + draw(w, 32)) : draw(w, 256)),
                        .kind = TB_ATS_TRANSLATE,
                        .class = TB_NONPOSTED,
                        .at = TB_TRANSLATION_REQUEST,
                        .no_write = draw(w, 2),
                        .has_pasid = draw(w, 3) == 0,
                        .pasid = draw(w, 6) & 0xfffff,
                        .privileged = draw(w, 2),
                        .execute = draw(w, 2)});
    w->asked++;
}

static void access_memory(struct world *w)
{
    static const enum tb_at types[] = {TB_UNTRANSLATED, TB_UNTRANSLATED, TB_TRANSLATED,
                                       TB_TRANSLATION_REQUEST, (enum tb_at)3};
    uint64_t address = some_address(w);
    bool is_write = draw(w, 2), posted = is_write && draw(w, 2);
    enum tb_at at = types[draw(w, 5)];
    if (at == TB_TRANSLATED && address < (uint64_t)16 << 20)
        address += (uint64_t)64 << 20; /* not the tables */
    fake_send(&w->r, TB_TXN_DMA,
              (struct tb_msg){.address = address,
                              .length = (uint16_t)(1 + draw(w, 200)),
                              .kind = is_write ? TB_WRITE : TB_READ,
                              .class = posted ? TB_POSTED : TB_NONPOSTED,
                              .at = (uint32_t)at & 3,
                              .relaxed = draw(w, 4) == 0,
                              .has_pasid = draw(w, 4) == 0,
                              .pasid = draw(w, 6) & 0xfffff});
    w->asked += !posted;
}

static void page_request(struct world *w)
{
    uint32_t txn = fake_send(&w->r, TB_TXN_PAGE_REQUEST,
                             (struct tb_msg){.tag = (uint16_t)draw(w, 1024),
                                             .kind = TB_PAGE_REQUEST,
                                             .class = TB_POSTED,
                                             .space = TB_CONFIG,
                                             .last = draw(w, 2),
                                             .has_pasid = draw(w, 2),
                                             .pasid = draw(w, 0x100000) & 0xfffff});
    tb_txn(w->r.dev, txn)->value[0] = draw(w, 64);
}

/* A completion for a transaction that is no invalidation. */
static void forge(struct world *w)
{
    fake_send(&w->r, TB_TXN_DMA,
              (struct tb_msg){.tag = (uint16_t)draw(w, 40),
                              .length = (uint16_t)draw(w, 9),
                              .kind = TB_ATS_INVALIDATED,
                              .class = TB_POSTED,
                              .space = TB_CONFIG});
}

/* Answers the next invalidation it kept; now and then with a wrong tag before that. */
static bool answer(struct world *w, bool cleanly)
{
    struct rig *r = &w->r;
    while (w->answered < r->fake->count &&
           !(r->fake->got[w->answered].msg.kind == TB_ATS_INVALIDATE &&
             (r->fake->got[w->answered].kept || w->lies)))
        w->answered++;
    if (w->answered == r->fake->count)
        return false;
    const struct tb_msg *request = &r->fake->got[w->answered++].msg;
    if (!cleanly && draw(w, 4) == 0) {
        fake_answer(r->dev, request, request->tag ^ 1, 1, tb_sim_now(r->s.sim));
        run(r, tb_sim_now(r->s.sim) + TB_US);
    }
    fake_answer(r->dev, request, request->tag, 1, tb_sim_now(r->s.sim));
    return true;
}

/* -- Software ------------------------------------------------------------------------------------
 */

static void some_command(struct world *w)
{
    static const uint64_t kinds[] = {1, 2, 3, 4, 4, 4, 6, 7, 7, 8};
    uint64_t kind = kinds[draw(w, 10)], q0 = 0, q1 = 0;
    uint64_t device = draw(w, 5) ? DEVICE : draw(w, 64);
    if (kind == 1)
        q0 = STORE | draw(w, 8);
    else if (kind == 3)
        q0 = 7ull << 32 | draw(w, 6), q1 = draw(w, 4) ? some_address(w) : AMDVI_PAGES_ALL;
    else if (kind == 4)
        q0 = device | draw(w, 6) << 24 | device << 32, q1 = some_address(w);
    else if (kind == 7)
        q0 = device, q1 = draw(w, 0x10000) << 32;
    else if (kind != 8)
        q0 = device;
    q1 &= kind == 3 ? ~(uint64_t)0xff8 : kind == 4 || kind == 6 ? ~(uint64_t)0xffa : UINT64_MAX;
    if (kind == 6)
        q1 &= ~(uint64_t)0xfff;
    command(&w->r, kind << 60 | q0, q1);
}

static void change_tables(struct world *w)
{
    static const uint64_t dtes[] = {RW | TABLE | 0x603,
                                    0,
                                    1,
                                    RW | 3,
                                    RW | TABLE | 0xe03,
                                    AMDVI_DTE_GV | RW | TABLE | 0x603,
                                    AMDVI_DTE_GV | AMDVI_DTE_GIOV | RW | 3};
    uint64_t ppr = draw(w, 2) ? AMDVI_DTE_PPR : 0;
    uint64_t q0 = dtes[draw(w, 7)] | ppr, q1 = (draw(w, 4) ? ATS : 0) | 7;
    if (draw(w, 3) == 0) {
        put(&w->r, DEVTAB + DEVICE * 32, q0 | tb_amdvi_gcr3_first(TABLE));
        put(&w->r, DEVTAB + DEVICE * 32 + 8, q1 | tb_amdvi_gcr3_second(TABLE));
    }
    map(&w->r, draw(w, 32) << 12,
        draw(w, 4) << 61 | draw(w, 4) << 59 | (uint64_t)(0x10000 + draw(w, 64)) << 12 |
            (draw(w, 6) ? 0 : draw(w, 8) << 9) | (draw(w, 8) != 0) | draw(w, 8) << 1);
}

static void change_registers(struct world *w)
{
    uint64_t control = 0x1005 | AMDVI_CONTROL_PPR_LOG | AMDVI_CONTROL_PPR | draw(w, 8) << 5;
    set(&w->r, AMDVI_CONTROL,
        control ^ draw(w, 2) << 13 ^ draw(w, 2) << 15 ^ draw(w, 2) << 16 ^ draw(w, 2) << 39 ^
            (draw(w, 6) == 0));
    set(&w->r, AMDVI_PPR_HEAD, draw(w, 256) << 4);
    set(&w->r, AMDVI_STATUS, 0x7f);
}

/* -- Rounds --------------------------------------------------------------------------------------
 */

static void step(struct world *w)
{
    static void (*const acts[])(struct world *) = {translate,     translate,     access_memory,
                                                   access_memory, page_request,  some_command,
                                                   some_command,  change_tables, change_registers};
    if (draw(w, 12) == 0)
        forge(w);
    else if (draw(w, 5) == 0)
        answer(w, false);
    else
        acts[draw(w, 9)](w);
    if (draw(w, 2))
        run(&w->r, tb_sim_now(w->r.s.sim) + draw(w, 500) * TB_NS);
    w->r.fake->keeps = draw(w, 3) == 0;
}

static void end_pages(struct world *w)
{
    struct tb_model *dev = w->r.dev;
    for (uint32_t i = 0; i < tb_txn_total(dev); i++) {
        struct tb_txn *t = tb_txn(dev, i);
        tb_time spent = 0;
        if (!t->live || t->by != dev->index || t->kind != TB_TXN_PAGE_REQUEST)
            continue;
        for (unsigned p = 0; p < TB_PARTS; p++)
            spent += t->spent[p];
        tb_txn_spend(dev, i, TB_PART_QUEUE, tb_sim_now(w->r.s.sim) - t->created - spent);
        tb_txn_end(dev, i, TB_OK, tb_sim_now(w->r.s.sim));
    }
}

static unsigned answers(const struct world *w)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->r.fake->count; i++)
        n += w->r.fake->got[i].msg.class == TB_COMPLETION;
    return n;
}

static void play(struct world *w)
{
    static const char *const iommus[] = {
        "", "events: 1, responses: 1, invalidations: 2, pending: 2, walkers: 1,",
        "iotlb: {entries: 0}, nested: {entries: 4}, pdc: {entries: 4, hit: 1ns},",
        "iotlb: {entries: 4, hit: 0ns}, devtab: {entries: 1, hit: 3ns}, command_time: 0ns,"};
    make(&w->r, iommus[draw(w, 4)], 0x1005 | AMDVI_CONTROL_PPR_LOG | AMDVI_CONTROL_PPR);
    w->answered = w->asked = 0;
    w->lies = draw(w, 4) == 0;
    for (unsigned i = 0; i < STEPS && w->r.fake->count < FAKE_MOST / 2; i++)
        step(w);
    w->r.fake->keeps = false;
    set(&w->r, AMDVI_CONTROL, 0x1005); /* from here on all is enabled, and nothing is late */
    run(&w->r, tb_sim_now(w->r.s.sim) + 200 * TB_MS * 1000);
    while (answer(w, true))
        run(&w->r, tb_sim_now(w->r.s.sim) + TB_US);
    run(&w->r, TB_NEVER);
    set(&w->r, AMDVI_CONTROL, 0x5); /* should a command have been illegal */
    set(&w->r, AMDVI_CMD_HEAD, w->r.tail);
    set(&w->r, AMDVI_CONTROL, 0x1005);
    run(&w->r, TB_NEVER);
    wait_store(&w->r, 0xabcdef);
    run(&w->r, TB_NEVER);
    end_pages(w);
    CU_ASSERT_EQUAL(answers(w), w->asked);
    if (!w->lies) { /* an answer too many may be taken for another's, which then has none */
        CU_ASSERT_EQUAL(get(&w->r, STORE), 0xabcdef);
        CU_ASSERT_EQUAL(tb_open(w->r.dev), 0);
    }
    seen_free(&w->r.s);
}

static void test_anything(void)
{
    const char *seed = getenv("TB_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
    for (uint64_t round = first; round < first + ROUNDS; round++) {
        struct world w = {.random = round};
        unsigned before = CU_get_number_of_failures();
        play(&w);
        if (CU_get_number_of_failures() != before)
            printf("\n    TB_SEED=%" PRIu64, round);
    }
}

SUITE("whatever is said of translations", {"it ends", test_anything})
