/* The translation cache of a device, against an IOMMU that does as each test says: the other end of
 * its link is a requester whose class is replaced. It keeps what arrives, in order. */
#include "../seen.h"
#include "suite.h"

#include "kernel/kernel.h"
#include "spec/ats.h"

#include <inttypes.h>

#define PAGES 256 /* the fake translates addresses below 1 MiB */
#define HEARD 4096
#define LATER 64
#define BASE  0x1000000 /* where page 0 is at first */
#define OLD   0x8000000 /* added to what was mapped before a change */

static const char platform[] =
    "scenario: test\n"
    "record: {log: none, breakdown: %s}\n"
    "platform:\n"
    "  models:\n"
    "    iommu: {model: requester, id: \"00:00.2\", outstanding: 600, burst: 256B}\n"
    "    dev: {model: requester, id: \"00:02.0\", %s}\n"
    "  links:\n"
    "    - {from: dev, to: iommu, latency: 10ns}\n";

struct rig;
typedef void action(struct rig *r, tb_time when);

struct rig {
    struct tb_class class; /* first: how the fake finds its rig */
    struct seen s;
    struct tb_model *fake;
    uint64_t entry[PAGES]; /* what is answered */
    enum tb_status refuse; /* TB_OK: translations are answered */
    unsigned most;         /* translations of an answer */
    bool twice;            /* each answer comes twice */
    bool mute;             /* translation requests are not answered */
    tb_time think, memory; /* until a translation or a response, until any other answer */
    unsigned code;         /* of responses to page requests */
    bool grant;            /* which map the page first */
    bool deaf;             /* page requests get no response */
    action *at[8];         /* what to do when */
    tb_time due[8];
    unsigned actions, next;
    struct tb_msg send[LATER]; /* to be sent when due */
    tb_time send_at[LATER];
    unsigned waiting;
    struct tb_msg heard[HEARD];
    tb_time heard_at[HEARD];
    unsigned count;
    unsigned invalidated; /* completions of invalidations */
    tb_time invalidated_at;
    struct tb_random random;
    unsigned changing;    /* property: page whose invalidation is under way; PAGES: none */
    uint64_t dead[PAGES]; /* property: addresses that must not be seen any more; 0: none */
    unsigned violations, changes;
};

/* -- The fake -----------------------------------------------------------------------------------
 */

/* Sends what is due; by then, so that what is sent at once can go before it. */
static void send_due(struct rig *r, tb_time when)
{
    tb_time next = TB_NEVER;
    unsigned kept = 0;
    for (unsigned i = 0; i < r->waiting; i++)
        if (r->send_at[i] <= when) {
            tb_send(r->fake, 0, &r->send[i], when, TB_NO_CREDIT);
        } else {
            next = r->send_at[i] < next ? r->send_at[i] : next;
            r->send_at[kept] = r->send_at[i];
            r->send[kept++] = r->send[i];
        }
    r->waiting = kept;
    if (kept)
        tb_timer_set(r->fake, 1, next);
}

static void send_later(struct rig *r, const struct tb_msg *msg, tb_time delay, tb_time when)
{
    CU_ASSERT_FATAL(r->waiting < LATER);
    r->send[r->waiting] = *msg;
    r->send_at[r->waiting++] = when + delay;
    tb_txn_spend(r->fake, msg->txn, TB_PART_DEVICE, delay);
    send_due(r, when);
}

static void reply(struct rig *r, const struct tb_msg *msg, enum tb_status status, tb_time delay,
                  tb_time when)
{
    struct tb_msg answer = *msg;
    tb_msg_answer(&answer, status);
    if (msg->kind == TB_ATS_TRANSLATE && status == TB_OK)
        answer.kind = TB_DATA;
    send_later(r, &answer, delay, when);
}

static void translate(struct rig *r, struct tb_msg msg, tb_time when)
{
    struct tb_txn *t = tb_txn(r->fake, msg.txn);
    unsigned asked = msg.length / 8, n = asked < r->most ? asked : r->most;
    uint64_t iova = msg.address;
    for (unsigned i = 0; i < n; i++) {
        uint64_t e = iova >> 12 < PAGES ? r->entry[iova >> 12] : 0;
        for (unsigned k = 0; k < 8; k++)
            t->data[8 * i + k] = (uint8_t)(e >> 8 * k);
        iova = (iova >> ats_shift(e) << ats_shift(e)) + ((uint64_t)1 << ats_shift(e));
    }
    t->to = r->fake->index;
    if (r->mute)
        return;
    msg.length = (uint16_t)(n * 8);
    reply(r, &msg, r->refuse, r->think, when);
    if (r->twice)
        reply(r, &msg, r->refuse, r->think, when);
}

static void respond(struct rig *r, unsigned index, unsigned code, tb_time when)
{
    uint32_t txn = tb_txn_begin(r->fake, TB_TXN_PAGE_RESPONSE, when);
    struct tb_txn *t = tb_txn(r->fake, txn);
    struct tb_msg msg = {.address = 0x10 << 12,
                         .txn = txn,
                         .tag = (uint16_t)index,
                         .kind = TB_PAGE_RESPONSE,
                         .class = TB_POSTED,
                         .space = TB_CONFIG};
    t->value[0] = code;
    t->tag = index & 0xfff;
    send_later(r, &msg, r->think, when);
}

static void invalidate(struct rig *r, uint64_t iova, unsigned shift, unsigned itag, int64_t pasid,
                       uint64_t flags, tb_time when)
{
    uint32_t txn = tb_txn_begin(r->fake, TB_TXN_INVALIDATION, when);
    struct tb_txn *t = tb_txn(r->fake, txn);
    struct tb_msg msg = {.address = 0x10 << 12,
                         .txn = txn,
                         .tag = (uint16_t)itag,
                         .kind = TB_ATS_INVALIDATE,
                         .class = TB_POSTED,
                         .space = TB_CONFIG,
                         .has_pasid = pasid >= 0,
                         .pasid = pasid >= 0 ? (uint32_t)pasid & 0xfffff : 0};
    t->iova = iova;
    t->tag = itag & 0xfff;
    t->value[0] = ats_code(iova, shift);
    t->value[1] = flags;
    tb_send(r->fake, 0, &msg, when, TB_NO_CREDIT);
}

static void set_timer(struct rig *r)
{
    if (r->next < r->actions)
        tb_timer_set(r->fake, 0, r->due[r->next]);
}

static void fake_timer(struct tb_model *m, unsigned which, tb_time when)
{
    struct rig *r = (struct rig *)(uintptr_t)m->class;
    if (which == 1) {
        send_due(r, when);
        return;
    }
    while (r->next < r->actions && r->due[r->next] <= when)
        r->at[r->next++](r, when);
    set_timer(r);
}

static void page_request(struct rig *r, const struct tb_msg *msg, tb_time when)
{
    if (r->grant && msg->address >> 12 < PAGES)
        r->entry[msg->address >> 12] |= ATS_R | ATS_W;
    if (msg->last && !r->deaf)
        respond(r, msg->tag, r->code, when);
}

static void completed(struct rig *r, const struct tb_msg *msg, tb_time when)
{
    r->invalidated++;
    r->invalidated_at = when;
    if (r->changing < PAGES)
        r->dead[r->changing] = (r->entry[r->changing] & ATS_ADDRESS) ^ OLD;
    r->changing = PAGES;
    tb_txn_end(r->fake, msg->txn, TB_OK, when);
}

static void access_memory(struct rig *r, const struct tb_msg *msg, tb_time when)
{
    if (msg->at == TB_TRANSLATED)
        for (unsigned i = 0; i < PAGES; i++)
            r->violations += r->dead[i] && r->dead[i] == (msg->address & ATS_ADDRESS);
    tb_txn(r->fake, msg->txn)->to = r->fake->index;
    if (msg->class == TB_POSTED)
        tb_txn_end(r->fake, msg->txn, TB_OK, when);
    else
        reply(r, msg, TB_OK, r->memory, when);
}

static void fake_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                      tb_time when)
{
    struct rig *r = (struct rig *)(uintptr_t)m->class;
    (void)port;
    r->heard_at[r->count % HEARD] = when;
    struct tb_msg *kept = &r->heard[r->count++ % HEARD];
    *kept = *msg;
    if (msg->kind == TB_PAGE_REQUEST) { /* it goes to the IOMMU, whatever page it is about */
        CU_ASSERT_EQUAL(msg->address, 0);
        kept->address = tb_txn(m, msg->txn)->iova;
    }
    if (msg->kind == TB_ATS_TRANSLATE)
        translate(r, *msg, when);
    else if (msg->kind == TB_PAGE_REQUEST)
        page_request(r, kept, when);
    else if (msg->kind == TB_ATS_INVALIDATED)
        completed(r, msg, when);
    else
        access_memory(r, msg, when);
    tb_release(m, credit, when);
}

/* A message that comes twice, or for nothing, has no parts that add up: then none are recorded. */
static struct rig *rig_make(const char *device, bool breakdown)
{
    struct rig *r = calloc(1, sizeof *r);
    char text[8192];
    snprintf(text, sizeof text, platform, breakdown ? "true" : "false", device);
    seen_load(&r->s, text);
    tb_diag_print(r->s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->s.sim);
    r->fake = tb_sim_model(r->s.sim, "iommu");
    r->class = *r->fake->class;
    r->class.recv = fake_recv;
    r->class.timer = fake_timer;
    r->class.retired = NULL;
    r->fake->class = &r->class;
    for (size_t i = 0; i < r->s.sim->wire_count; i++)
        if (r->s.sim->wires[i].to == r->fake)
            r->s.sim->wires[i].recv = fake_recv;
    r->most = 32;
    r->think = 100 * TB_NS;
    r->memory = 50 * TB_NS;
    r->changing = PAGES;
    for (unsigned i = 0; i < PAGES; i++)
        r->entry[i] = (BASE + i * 4096) | ATS_R | ATS_W;
    return r;
}

static struct rig *rig_new(const char *device)
{
    return rig_make(device, true);
}

static void then(struct rig *r, tb_time due, action *what)
{
    r->at[r->actions] = what;
    r->due[r->actions++] = due;
}

static void run(struct rig *r)
{
    set_timer(r);
    CU_ASSERT_EQUAL(tb_sim_run(r->s.sim, TB_NEVER), TB_EXIT_OK);
    tb_diag_print(tb_sim_diag(r->s.sim), stdout);
}

static void rig_free(struct rig *r)
{
    tb_sim_finish(r->s.sim);
    CU_ASSERT_EQUAL(tb_sim_status(r->s.sim), TB_EXIT_OK);
    seen_free(&r->s);
    free(r);
}

static uint64_t counter(const struct rig *r, const char *name)
{
    return seen_counter(&r->s, "dev", name);
}

/* The n-th message of a kind that the fake heard; NULL: none. */
static const struct tb_msg *heard(const struct rig *r, enum tb_msg_kind kind, unsigned n,
                                  tb_time *at)
{
    for (unsigned i = 0; i < r->count; i++)
        if (r->heard[i].kind == kind && n-- == 0) {
            if (at)
                *at = r->heard_at[i];
            return &r->heard[i];
        }
    return NULL;
}

static const struct seen_txn *dma(const struct rig *r, uint32_t number)
{
    for (size_t i = 0; i < r->s.count; i++)
        if (r->s.at[i].txn.kind == TB_TXN_DMA && r->s.at[i].txn.number == number &&
            !strcmp(r->s.at[i].by, "dev"))
            return &r->s.at[i];
    return NULL;
}

#define EXPECT_HEARD(r, kind, n, field, value)                                                     \
    do {                                                                                           \
        const struct tb_msg *heard_ = heard(r, kind, n, NULL);                                     \
        CU_ASSERT_PTR_NOT_NULL_FATAL(heard_);                                                      \
        CU_ASSERT_EQUAL(heard_->field, value);                                                     \
    } while (0)

static void expect_status(const struct rig *r, uint32_t number, enum tb_status status)
{
    const struct seen_txn *t = dma(r, number);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_EQUAL(t->status, status);
}

/* -- Misses, hits, order ------------------------------------------------------------------------
 */

static void test_miss_then_hit(void)
{
    struct rig *r = rig_new(
        "outstanding: 1, requests: [{address: 0x5040, bytes: 64}, {address: 0x5080, bytes: 64},\n"
        "  {op: write, address: 0x50c0, bytes: 4}], atc: {entries: 4}");
    tb_time at;
    run(r);
    EXPECT_HEARD(r, TB_ATS_TRANSLATE, 0, address, 0x5000);
    EXPECT_HEARD(r, TB_ATS_TRANSLATE, 0, length, 8);
    EXPECT_HEARD(r, TB_ATS_TRANSLATE, 0, no_write, 0);
    EXPECT_HEARD(r, TB_ATS_TRANSLATE, 0, class, TB_NONPOSTED);
    CU_ASSERT_PTR_NULL(heard(r, TB_ATS_TRANSLATE, 1, NULL));
    EXPECT_HEARD(r, TB_READ, 0, address, BASE + 0x5040);
    EXPECT_HEARD(r, TB_READ, 1, address, BASE + 0x5080);
    EXPECT_HEARD(r, TB_WRITE, 0, at, TB_TRANSLATED);
    heard(r, TB_READ, 0, &at);
    CU_ASSERT_EQUAL(at, 130 * TB_NS); /* 10 there, 100, 10 back, 10 */
    const struct seen_txn *t = dma(r, 0);
    CU_ASSERT_EQUAL(t->txn.spent[TB_PART_ATS], 120 * TB_NS);
    CU_ASSERT_EQUAL(t->txn.iova, 0x5040);
    CU_ASSERT_EQUAL(t->txn.pa, BASE + 0x5040);
    CU_ASSERT_EQUAL(counter(r, "atc_hits"), 2);
    CU_ASSERT_EQUAL(counter(r, "atc_misses"), 1);
    rig_free(r);
}

static void test_no_entries(void)
{
    struct rig *r = rig_new("requests: [{address: 0x5040, bytes: 64}], atc: {entries: 0}");
    run(r);
    EXPECT_HEARD(r, TB_READ, 0, at, TB_UNTRANSLATED);
    CU_ASSERT_EQUAL(r->count, 1);
    rig_free(r);
}

/* Rules 16 and 19 of RW-3: who waits for a page leaves in the order of creation; so many requests.
 */
static void test_coalesce_in_order(void)
{
    struct rig *r = rig_new("requests: [{address: 0x1000, bytes: 4}, {address: 0x2000, bytes: 4}, "
                            "{address: 0x1004, bytes: 4},\n"
                            "  {address: 0x3000, bytes: 4}, {address: 0x2004, bytes: 4}], atc: "
                            "{entries: 4, outstanding: 2, hit: 3ns}");
    static const uint64_t order[] = {0x1000, 0x1004, 0x2000, 0x2004, 0x3000};
    tb_time at;
    run(r);
    for (unsigned i = 0; i < 5; i++)
        EXPECT_HEARD(r, TB_READ, i, address, BASE + order[i]);
    heard(r, TB_ATS_TRANSLATE, 1, &at);
    CU_ASSERT_EQUAL(at, 13 * TB_NS);
    heard(r, TB_ATS_TRANSLATE, 2, &at);
    CU_ASSERT_EQUAL(at, 133 * TB_NS); /* when the first came back */
    CU_ASSERT_EQUAL(counter(r, "atc_coalesced"), 2);
    rig_free(r);
}

/* Nothing that is not relaxed passes a posted write that waits. */
static void test_posted_order(void)
{
    static const char *const devices[] = {"posted: true, ", "posted: true, relaxed: true, "};
    static const uint64_t order[2][4] = {{0x1000, 0x2000, 0x3000, 0x2004},
                                         {0x2000, 0x2004, 0x1000, 0x3000}};
    for (unsigned k = 0; k < 2; k++) {
        char text[512];
        unsigned n = 0;
        snprintf(
            text, sizeof text,
            "%srequests: [{address: 0x2000, bytes: 4}, {time: 300ns, op: write, address: 0x1000, "
            "bytes: 4},\n"
            "  {op: write, address: 0x2000, bytes: 4}, {op: write, address: 0x3000, bytes: 4},\n"
            "  {address: 0x2004, bytes: 4}], atc: {entries: 4}",
            devices[k]);
        struct rig *r = rig_new(text);
        run(r);
        for (unsigned i = 0; i < r->count; i++)
            if (r->heard[i].at == TB_TRANSLATED && r->heard_at[i] > 300 * TB_NS) {
                CU_ASSERT_EQUAL(r->heard[i].address, BASE + order[k][n]);
                n++;
            }
        CU_ASSERT_EQUAL(n, 4);
        for (unsigned i = 0; i < 5; i++)
            expect_status(r, i, TB_OK);
        rig_free(r);
    }
}

static void test_lru(void)
{
    struct rig *r = rig_new("outstanding: 1, requests: [{address: 0x1000, bytes: 4}, {address: "
                            "0x2000, bytes: 4}, {address: 0x1004, bytes: 4},\n"
                            "  {address: 0x3000, bytes: 4}, {address: 0x1008, bytes: 4}, {address: "
                            "0x2004, bytes: 4}], atc: {entries: 2}");
    run(r);
    CU_ASSERT_EQUAL(counter(r, "atc_asked"), 4);
    CU_ASSERT_EQUAL(counter(r, "atc_hits"), 2);
    CU_ASSERT_EQUAL(counter(r, "atc_evictions"), 2);
    rig_free(r);
}

static void test_on_miss_untranslated(void)
{
    struct rig *r = rig_new("requests: [{address: 0x1000, bytes: 4}, {address: 0x1004, bytes: 4}, "
                            "{time: 400ns, address: 0x1008, bytes: 4}],\n"
                            "atc: {on_miss: untranslated}");
    run(r);
    EXPECT_HEARD(r, TB_READ, 0, at, TB_UNTRANSLATED);
    EXPECT_HEARD(r, TB_READ, 1, at, TB_UNTRANSLATED);
    EXPECT_HEARD(r, TB_READ, 2, at, TB_TRANSLATED);
    CU_ASSERT_EQUAL(counter(r, "atc_asked"), 1);
    rig_free(r);
}

/* -- What is answered ---------------------------------------------------------------------------
 */

#define TWO "requests: [{address: 0x1000, bytes: 4}, {op: write, address: 0x1004, bytes: 4}], "

static void test_permissions(void)
{
    static const struct {
        uint64_t entry;
        enum tb_status read, write;
    } cases[] = {{BASE | ATS_R | ATS_W, TB_OK, TB_OK},
                 {BASE | ATS_R, TB_OK, TB_FAULT},
                 {BASE | ATS_W, TB_FAULT, TB_OK},
                 {BASE, TB_FAULT, TB_FAULT},
                 {BASE | ATS_U, TB_OK, TB_OK}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_new(TWO "atc: {entries: 4}");
        r->entry[1] = cases[i].entry;
        run(r);
        expect_status(r, 0, cases[i].read);
        expect_status(r, 1, cases[i].write);
        CU_ASSERT_EQUAL(counter(r, "atc_untranslated"), cases[i].entry & ATS_U ? 2 : 0);
        CU_ASSERT_EQUAL(counter(r, "atc_refused"),
                        (uint64_t)(cases[i].read != TB_OK) + (cases[i].write != TB_OK));
        rig_free(r);
    }
}

static void test_refusals(void)
{
    static const struct {
        const char *device;
        enum tb_status answer, status;
    } cases[] = {{TWO "atc: {entries: 4}", TB_UNSUPPORTED, TB_OK},
                 {TWO "atc: {entries: 4, on_unsupported: fault}", TB_UNSUPPORTED, TB_UNSUPPORTED},
                 {TWO "posted: true, atc: {entries: 4, on_unsupported: fault}", TB_UNSUPPORTED,
                  TB_UNSUPPORTED},
                 {TWO "atc: {entries: 4}", TB_ABORT, TB_ABORT}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_new(cases[i].device);
        r->refuse = cases[i].answer;
        run(r);
        expect_status(r, 0, cases[i].status);
        expect_status(r, 1, cases[i].status);
        CU_ASSERT_EQUAL(counter(r, "atc_untranslated"), cases[i].status == TB_OK ? 2 : 0);
        CU_ASSERT_EQUAL(counter(r, "failed"), cases[i].status == TB_OK ? 0 : 2);
        rig_free(r);
    }
}

/* Who may read only asks so; a write to the page asks again. An upgrade needs no invalidation. */
static void test_no_write(void)
{
    struct rig *r = rig_new(TWO "outstanding: 1, atc: {entries: 4, no_write: true}");
    run(r);
    EXPECT_HEARD(r, TB_ATS_TRANSLATE, 0, no_write, 1);
    CU_ASSERT_PTR_NULL(heard(r, TB_ATS_TRANSLATE, 1, NULL)); /* answered with both */
    rig_free(r);
    r = rig_new(TWO "atc: {entries: 4, no_write: true}");
    r->entry[1] = BASE | ATS_R;
    run(r);
    EXPECT_HEARD(r, TB_ATS_TRANSLATE, 0, no_write, 1);
    EXPECT_HEARD(r, TB_ATS_TRANSLATE, 1, no_write, 0);
    expect_status(r, 0, TB_OK);
    expect_status(r, 1, TB_FAULT);
    rig_free(r);
}

#define FOUR                                                                                       \
    "outstanding: 1, requests: [{address: 0x10000, bytes: 4}, {address: 0x11000, bytes: 4}, "      \
    "{address: 0x12000, bytes: 4}, {address: 0x13000, bytes: 4}], "

static void test_pages(void)
{
    static const struct {
        const char *atc;
        unsigned most, asked;
    } cases[] = {{"atc: {pages: 4}", 32, 1},
                 {"atc: {pages: 4}", 2, 2},
                 {"atc: {pages: 4}", 1, 4},
                 {"atc: {prefetch: 3}", 32, 4},
                 {"atc: {unit: 16KiB}", 1, 1}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, FOUR "%s", cases[i].atc);
        struct rig *r = rig_new(text);
        r->most = cases[i].most;
        if (i == 4)
            r->entry[16] = ats_code(BASE + 0x10000, 14) | ATS_R | ATS_W;
        run(r);
        CU_ASSERT_EQUAL(counter(r, "atc_asked"), cases[i].asked);
        for (unsigned k = 0; k < 4; k++)
            EXPECT_HEARD(r, TB_READ, k, address, BASE + 0x10000 + k * 0x1000);
        rig_free(r);
    }
}

/* One big page serves what lies in it, also those that were queued to ask. */
static void test_big_page(void)
{
    struct rig *r = rig_new("requests: [{address: 0x10000, bytes: 4}, {address: 0x1f000, bytes: "
                            "4}, {address: 0x18000, bytes: 4}],\n"
                            "atc: {outstanding: 1}");
    r->entry[16] = ats_code(BASE + 0x40000, 16) | ATS_R | ATS_W;
    run(r);
    EXPECT_HEARD(r, TB_READ, 0, address, BASE + 0x40000);
    EXPECT_HEARD(r, TB_READ, 1, address, BASE + 0x4f000);
    EXPECT_HEARD(r, TB_READ, 2, address, BASE + 0x48000);
    CU_ASSERT_EQUAL(counter(r, "atc_asked"), 1);
    rig_free(r);
}

/* Less than the smallest unit: what it does not cover goes untranslated, and it is not kept. */
static void test_small_answer(void)
{
    struct rig *r = rig_new("requests: [{address: 0x10000, bytes: 4}, {address: 0x11000, bytes: "
                            "4}], atc: {unit: 8KiB}");
    run(r);
    EXPECT_HEARD(r, TB_READ, 0, at, TB_TRANSLATED);
    EXPECT_HEARD(r, TB_READ, 1, at, TB_UNTRANSLATED);
    EXPECT_HEARD(r, TB_READ, 1, address, 0x11000);
    rig_free(r);
}

/* -- Invalidation -------------------------------------------------------------------------------
 */

static void invalidate_page_1(struct rig *r, tb_time when)
{
    invalidate(r, 0x1000, 12, 7, -1, 0, when);
}

/* The read leaves at 120, arrives at 130 and is answered at 190 + think; the invalidation arrives
 * at 160. */
static void test_waits_for_reads(void)
{
    static const struct {
        const char *how;
        tb_time memory, due;
    } cases[] = {
        {"true", 500, 650}, {"early", 500, 170}, {"true, delay: 40ns", 500, 690}, {"true", 5, 170}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "requests: [{address: 0x1000, bytes: 4}, {address: 0x2000, bytes: 4}], atc: "
                 "{invalidate: {answer: %s}}",
                 cases[i].how);
        struct rig *r = rig_new(text);
        r->memory = cases[i].memory * TB_NS;
        r->think = 100 * TB_NS;
        then(r, 150 * TB_NS, invalidate_page_1);
        run(r);
        CU_ASSERT_EQUAL(r->invalidated, 1);
        EXPECT_HEARD(r, TB_ATS_INVALIDATED, 0, tag, 7);
        EXPECT_HEARD(r, TB_ATS_INVALIDATED, 0, length, 1);
        CU_ASSERT_EQUAL(r->invalidated_at, cases[i].due * TB_NS);
        rig_free(r);
    }
}

static void test_pushes_writes(void)
{
    struct rig *r =
        rig_new("posted: true, requests: [{op: write, address: 0x1000, bytes: 64}, {op: write, "
                "address: 0x1040, bytes: 64},\n"
                "  {time: 160ns, op: write, address: 0x1080, bytes: 64}], atc: {entries: 4}");
    then(r, 150 * TB_NS, invalidate_page_1);
    run(r);
    tb_time last, done;
    heard(r, TB_WRITE, 1, &last);
    CU_ASSERT_PTR_NOT_NULL(heard(r, TB_ATS_INVALIDATED, 0, &done));
    CU_ASSERT(done >= last);
    CU_ASSERT_EQUAL(counter(r, "atc_dropped"), 1);
    CU_ASSERT_EQUAL(counter(r, "atc_asked"), 2); /* the third write finds nothing */
    rig_free(r);
}

static void test_broken_devices(void)
{
    static const struct {
        const char *how;
        unsigned answers, asked;
    } cases[] = {{"false", 0, 2}, {"deaf", 1, 1}, {"true", 1, 2}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "requests: [{address: 0x1000, bytes: 4}, {time: 900ns, address: 0x1000, bytes: "
                 "4}], atc: {invalidate: {answer: %s}}",
                 cases[i].how);
        struct rig *r = rig_new(text);
        then(r, 500 * TB_NS, invalidate_page_1);
        run(r);
        CU_ASSERT_EQUAL(r->invalidated, cases[i].answers);
        CU_ASSERT_EQUAL(counter(r, "atc_asked"), cases[i].asked);
        rig_free(r);
    }
}

/* The answer was given before the page changed, and comes after the invalidation. */
static void change_and_invalidate(struct rig *r, tb_time when)
{
    r->entry[1] ^= OLD;
    invalidate(r, 0x1000, 12, 3, -1, 0, when);
}

static void test_race(void)
{
    struct rig *r = rig_new("requests: [{address: 0x1000, bytes: 4}], atc: {entries: 4}");
    then(r, 5 * TB_NS, invalidate_page_1); /* arrives at 15, before the answer */
    then(r, 6 * TB_NS, change_and_invalidate);
    run(r);
    CU_ASSERT_EQUAL(counter(r, "atc_asked"), 2);
    CU_ASSERT_EQUAL(counter(r, "atc_stale"), 1);
    EXPECT_HEARD(r, TB_READ, 0, address, (BASE + 0x1000) ^ OLD);
    CU_ASSERT_EQUAL(r->invalidated, 2);
    rig_free(r);
}

/* PASID, Global, sizes: what of four translations is dropped. */
#define SPACES                                                                                     \
    "outstanding: 1, requests: [{address: 0x1000, bytes: 4}, {address: 0x1000, bytes: 4, pasid: "  \
    "5}, {address: 0x1000, bytes: 4, pasid: 6},\n"                                                 \
    "  {address: 0x4000, bytes: 4, pasid: 5}], atc: {entries: 16}"

static void inv_plain(struct rig *r, tb_time when)
{
    invalidate(r, 0x1000, 12, 0, -1, 0, when);
}
static void inv_pasid(struct rig *r, tb_time when)
{
    invalidate(r, 0x1000, 12, 0, 5, 0, when);
}
static void inv_pasid_large(struct rig *r, tb_time when)
{
    invalidate(r, 0, 16, 0, 5, 0, when);
}
static void inv_global(struct rig *r, tb_time when)
{
    invalidate(r, 0x1000, 12, 0, 5, ATS_INV_GLOBAL, when);
}
static void inv_all(struct rig *r, tb_time when)
{
    invalidate(r, 0, 64, 0, 0, ATS_INV_GLOBAL, when);
}
static void inv_beside(struct rig *r, tb_time when)
{
    invalidate(r, 0x2000, 13, 0, -1, 0, when);
}

static void test_ranges(void)
{
    static const struct {
        action *what;
        unsigned dropped;
    } cases[] = {{inv_plain, 1},  {inv_pasid, 1}, {inv_pasid_large, 2},
                 {inv_global, 3}, {inv_all, 4},   {inv_beside, 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig *r = rig_new(SPACES);
        then(r, 5000 * TB_NS, cases[i].what);
        run(r);
        CU_ASSERT_EQUAL(counter(r, "atc_asked"), 4);
        CU_ASSERT_EQUAL(counter(r, "atc_dropped"), cases[i].dropped);
        CU_ASSERT_EQUAL(r->invalidated, 1);
        EXPECT_HEARD(r, TB_ATS_TRANSLATE, 1, pasid, 5);
        EXPECT_HEARD(r, TB_READ, 1, has_pasid, 1);
        rig_free(r);
    }
}

static void too_many(struct rig *r, tb_time when)
{
    for (unsigned i = 0; i < 40; i++)
        invalidate(r, 0x1000, 12, i % 32, -1, 0, when);
}

static void test_queue_depth(void)
{
    struct rig *r =
        rig_new("requests: [{address: 0x1000, bytes: 4}], atc: {invalidate: {delay: 10us}}");
    then(r, 500 * TB_NS, too_many);
    run(r);
    CU_ASSERT_EQUAL(r->invalidated, 32);
    CU_ASSERT_EQUAL(counter(r, "atc_unexpected"), 8);
    rig_free(r);
}

/* Pages change under a stream of requests; once an invalidation has its completion, the old address
 * is never seen again. */
static void change_some(struct rig *r, tb_time when)
{
    unsigned page = (unsigned)tb_random_below(&r->random, 16);
    r->changing = page;
    r->dead[page] = 0;
    r->entry[page] ^= OLD;
    invalidate(r, (uint64_t)page << 12, 12, r->changes++ % 32, -1, 0, when);
}

static void change_again(struct rig *r, tb_time when)
{
    if (r->changing == PAGES)
        change_some(r, when);
    if (r->changes < 200) {
        r->next = 0;
        r->due[0] = when + (20 + tb_random_below(&r->random, 400)) * TB_NS;
    }
}

static void check_safety(const char *device, unsigned seed, bool broken)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "%s, pattern: random, op: mixed, window: 64KiB, count: 3000, stream: %u, outstanding: 8",
        device, seed);
    struct rig *r = rig_new(text);
    r->random.state = seed;
    r->think = (10 + tb_random_below(&r->random, 300)) * TB_NS;
    r->memory = (10 + tb_random_below(&r->random, 600)) * TB_NS;
    then(r, 100 * TB_NS, change_again);
    run(r);
    CU_ASSERT(r->changes >= 50);
    CU_ASSERT_EQUAL(r->violations > 0, broken);
    CU_ASSERT_EQUAL(counter(r, "completed"), 3000);
    CU_ASSERT_EQUAL(counter(r, "failed"), 0);
    rig_free(r);
}

static void test_safety(void)
{
    for (unsigned seed = 1; seed <= 12; seed++) {
        check_safety("atc: {entries: 8, outstanding: 3}", seed, false);
        check_safety("atc: {entries: 16, hit: 7ns, invalidate: {delay: 30ns}}", seed, false);
        check_safety("posted: true, atc: {entries: 16, pages: 4, prefetch: 2}", seed, false);
        check_safety("posted: true, relaxed: true, atc: {entries: 16}", seed, false);
        check_safety("atc: {entries: 16, on_miss: untranslated}", seed, false);
        check_safety("atc: {entries: 16, invalidate: {answer: deaf}}", seed, true);
    }
}

/* -- Page requests ------------------------------------------------------------------------------
 */

#define PRI                                                                                        \
    "requests: [{address: 0x1000, bytes: 4}, {op: write, address: 0x1004, bytes: 4}, {address: "   \
    "0x2000, bytes: 4}], "

static void test_pri(void)
{
    static const struct {
        const char *atc;
        unsigned code;
        bool grant;
        enum tb_status status;
        unsigned requests;
    } cases[] = {{"atc: {pri: {}}", PRI_SUCCESS, true, TB_OK, 1},
                 {"atc: {pri: {group: 3}}", PRI_SUCCESS, true, TB_OK, 3},
                 {"atc: {pri: {tries: 3}}", PRI_SUCCESS, false, TB_FAULT, 3},
                 {"atc: {pri: {}}", PRI_INVALID, true, TB_FAULT, 1},
                 {"atc: {pri: {}}", PRI_FAILURE, true, TB_FAULT, 1},
                 {"atc: {pri: {}}", 9, true, TB_FAULT, 1}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, PRI "%s", cases[i].atc);
        struct rig *r = rig_new(text);
        r->entry[1] = BASE + 0x1000;
        r->code = cases[i].code;
        r->grant = cases[i].grant;
        run(r);
        expect_status(r, 0, cases[i].status);
        expect_status(r, 1, cases[i].status);
        expect_status(r, 2, TB_OK);
        CU_ASSERT_EQUAL(counter(r, "atc_page_requests"), cases[i].requests);
        EXPECT_HEARD(r, TB_PAGE_REQUEST, 0, address, 0x1000);
        EXPECT_HEARD(r, TB_PAGE_REQUEST, 0, last, i != 1);
        if (i == 1) {
            EXPECT_HEARD(r, TB_PAGE_REQUEST, 2, address, 0x3000);
            EXPECT_HEARD(r, TB_PAGE_REQUEST, 2, last, 1);
        }
        rig_free(r);
    }
}

/* So many at once; 15 ends all, also those that wait for their turn. */
static void test_pri_limit(void)
{
    static const char device[] =
        "requests: [{address: 0x1000, bytes: 4}, {address: 0x2000, bytes: 4}, {address: 0x3000, "
        "bytes: 4},\n"
        "  {time: 9us, address: 0x4000, bytes: 4}], atc: {pri: {outstanding: 1}}";
    for (unsigned code = 0; code < 16; code += 15) {
        struct rig *r = rig_new(device);
        for (unsigned i = 1; i < 5; i++)
            r->entry[i] &= ATS_ADDRESS;
        r->code = code;
        r->grant = true;
        run(r);
        for (unsigned i = 0; i < 4; i++)
            expect_status(r, i, code ? TB_FAULT : TB_OK);
        CU_ASSERT_EQUAL(counter(r, "atc_page_requests"), code ? 1 : 4);
        rig_free(r);
    }
}

/* Without a response the device waits, and the simulation ends. */
static void test_pri_silence(void)
{
    struct rig *r = rig_new(PRI "atc: {pri: {}}");
    r->entry[1] = 0;
    r->deaf = true;
    run(r);
    expect_status(r, 2, TB_OK);
    CU_ASSERT_PTR_NULL(dma(r, 0));
    rig_free(r);
}

/* -- What comes unasked -------------------------------------------------------------------------
 */

static void test_twice(void)
{
    struct rig *r = rig_make("requests: [{address: 0x1000, bytes: 4}, {address: 0x2000, bytes: "
                             "4}], atc: {outstanding: 1}",
                             false);
    r->twice = true;
    run(r);
    CU_ASSERT_EQUAL(counter(r, "atc_unexpected"), 2);
    expect_status(r, 0, TB_OK);
    expect_status(r, 1, TB_OK);
    rig_free(r);
}

static void nonsense(struct rig *r, tb_time when)
{
    struct tb_msg msg = {.kind = TB_DONE, .class = TB_COMPLETION, .txn = 0};
    respond(r, 77, 0, when); /* for no group */
    invalidate(r, 0x1000, 12, 4000, -1, 0, when);
    tb_send(r->fake, 0, &msg, when, TB_NO_CREDIT); /* for a transaction of nobody's */
    msg.txn = 620;                                 /* a free slot of the device */
    tb_send(r->fake, 0, &msg, when, TB_NO_CREDIT);
}

static void test_nonsense(void)
{
    struct rig *r = rig_make("requests: [{address: 0x1000, bytes: 4}], atc: {pri: {}}", false);
    then(r, 800 * TB_NS, nonsense);
    run(r);
    CU_ASSERT_EQUAL(counter(r, "atc_unexpected"), 3);
    CU_ASSERT_EQUAL(r->invalidated, 1);
    rig_free(r);
}

static void test_mute(void)
{
    struct rig *r = rig_new("requests: [{address: 0x1000, bytes: 4}], atc: {entries: 4}");
    r->mute = true;
    run(r);
    CU_ASSERT_PTR_NULL(dma(r, 0));
    rig_free(r);
}

static void test_bad_parameters(void)
{
    static const char *const bad[] = {"atc: {entries: 0, pri: {}}", "atc: {unit: 12KiB}",
                                      "atc: {entries: 6, ways: 4}",
                                      "atc: {pri: {outstanding: 2, group: 3}}", "atc: {pages: 33}"};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[2048];
        struct seen s;
        snprintf(text, sizeof text, platform, "true", bad[i]);
        seen_load(&s, text);
        CU_ASSERT_PTR_NULL(s.sim);
        CU_ASSERT_EQUAL(tb_diag_count(s.diag), 1);
        seen_free(&s);
    }
}

SUITE("atc", {"a miss asks, hits follow", test_miss_then_hit},
      {"no entries: nothing changes", test_no_entries},
      {"misses of a page wait together, in order", test_coalesce_in_order},
      {"posted writes keep their order", test_posted_order}, {"least recently used", test_lru},
      {"untranslated meanwhile", test_on_miss_untranslated}, {"permissions", test_permissions},
      {"unsupported, aborted", test_refusals}, {"no write", test_no_write},
      {"pages, prefetch, unit", test_pages}, {"a big page", test_big_page},
      {"an answer below the unit", test_small_answer},
      {"an invalidation waits for reads", test_waits_for_reads},
      {"and pushes writes", test_pushes_writes}, {"broken devices", test_broken_devices},
      {"an answer that an invalidation overtakes", test_race},
      {"ranges, PASID, global", test_ranges}, {"depth of the queue", test_queue_depth},
      {"no stale address after a completion", test_safety}, {"page requests", test_pri},
      {"page requests: limit", test_pri_limit}, {"page requests: silence", test_pri_silence},
      {"an answer twice", test_twice}, {"nonsense", test_nonsense}, {"no answer", test_mute},
      {"bad parameters", test_bad_parameters})
