/* ATS at the IOMMU, with a device that the test plays message by message: what translation requests
 * are answered, who may send translated requests, and the invalidations' tags, times and order. */
#include "../fake.h"

#define INVALIDATE(device, pend)                                                                   \
    ((uint64_t)4 << 60 | (uint64_t)(device) << 32 | (pend) << 24 | (device))

/* -- Translation requests ------------------------------------------------------------------------
 */

/* One page each: entry of the table, what is answered. */
static const struct {
    uint64_t entry, answer;
} pages[] = {
    {RW | 0x10000001, 0x10000003},
    {0x2000000010000001, 0x10000001},      /* IR only */
    {0x4000000010000001, 0x10000002},      /* IW only */
    {0x0000000010000001, 0},               /* neither: success without permission */
    {RW | 0x10000000, 0},                  /* not present */
    {RW | 0x1800000010000001, 0x10000407}, /* U and FC */
    {RW | 0x10000e01, 0x10000803},         /* 8 KiB, coded: S with a zero in bit 12 */
    {RW | 0x10007e01, 0x10007803},         /* 64 KiB */
};

static void test_pages(void)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct rig r;
        make(&r, "", 5);
        map(&r, 0x10000, pages[i].entry);
        fake_translate(&r, 0x10123, 1);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(fake_last(&r)->kind, TB_DATA);
        CU_ASSERT_EQUAL(fake_last(&r)->status, TB_OK);
        CU_ASSERT_EQUAL(fake_last(&r)->length, 8);
        CU_ASSERT_EQUAL(fake_page(&r, 0), pages[i].answer);
        CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 0); /* no event for what merely lacks permission */
        CU_ASSERT_EQUAL(counter(&r, "translations"), 1);
        CU_ASSERT_EQUAL(counter(&r, "faults"), 0);
        seen_free(&r.s);
    }
}

/* NW: the answer does not allow writing. */
static void test_no_write(void)
{
    struct rig r;
    make(&r, "", 5);
    fake_send(&r, TB_TXN_TRANSLATION,
              (struct tb_msg){.address = 0x7000,
                              .length = 8,
                              .kind = TB_ATS_TRANSLATE,
                              .class = TB_NONPOSTED,
                              .at = TB_TRANSLATION_REQUEST,
                              .no_write = 1});
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(fake_page(&r, 0), 0x10000001);
    seen_free(&r.s);
}

/* Several pages: those that lack permission among them; a big page ends the answer. */
static void test_several(void)
{
    struct rig r;
    make(&r, "", 5);
    fake_translate(&r, 0x7000, 4);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(fake_last(&r)->length, 32);
    CU_ASSERT_EQUAL(fake_page(&r, 0), 0x10000003);
    CU_ASSERT_EQUAL(fake_page(&r, 1), 0x10008003);
    CU_ASSERT_EQUAL(fake_page(&r, 2), 0);
    CU_ASSERT_EQUAL(fake_page(&r, 3), 0);
    CU_ASSERT_EQUAL(counter(&r, "walk_reads"), 4 * 3);
    map(&r, 0xa000, RW | 0x10002e01); /* 8 KiB */
    command(&r, 0x3000000700000000, AMDVI_PAGES_ALL);
    fake_translate(&r, 0x8000, 4);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(fake_last(&r)->length, 16); /* up to the page that is of another size */
    fake_translate(&r, 0xa000, 4);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(fake_last(&r)->length, 8);
    CU_ASSERT_EQUAL(fake_page(&r, 0), 0x10002803);
    seen_free(&r.s);
}

/* What a request as a whole is answered, by the device's entry and the table. */
static const struct {
    uint64_t q0, q1, entry, control;
    uint64_t page; /* of a successful answer */
    uint64_t event, address;
    enum tb_status status;
} whole[] = {
    {RW | TABLE | 0x603, ATS | 7, RW | 0x10000001, 5, 0x10000003, 0, 0, TB_OK},
    {RW | TABLE | 0x603, 7, RW | 0x10000001, 5, 0, 0x8300000000000010, 0x7000, TB_UNSUPPORTED},
    {0, ATS | 7, RW | 0x10000001, 5, 0, 0x8300000000000010, 0x7000, TB_UNSUPPORTED}, /* V = 0 */
    {RW | 3, ATS | 7, 0, 5, 0x7003, 0, 0, TB_OK},                                    /* mode 0 */
    {0x2000000000000003, ATS | 7, 0, 5, 0x7001, 0, 0, TB_OK},
    {1, ATS | 7, 0, 5, 0, 0, 0, TB_OK},                                           /* TV = 0 */
    {RW | TABLE | 0x60b, ATS | 7, 0, 5, 0, 0x1180000000000010, 0x7000, TB_ABORT}, /* reserved */
    {0x2000000000000000 | TABLE | 0x603, ATS | 7, RW | 0x10000001, 5, 0x10000001, 0, 0, TB_OK},
    {RW | TABLE | 0x603, ATS | 7, RW | 0x0010000010000001, 5, 0, 0x2190000700000010, 0x7000,
     TB_ABORT}, /* a reserved bit in the page's entry */
    {RW | 0x30000000 | 0x603, ATS | 7, 0, 5, 0, 0x4300000700000010, 0x30000000, TB_ABORT},
    {RW | TABLE | 0x603, ATS | 7, RW | 0x10000001, 4, 0, 0, 0, TB_UNSUPPORTED}, /* IOMMU off */
};

static void test_whole(void)
{
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        struct rig r;
        make(&r, "", whole[i].control);
        put(&r, DEVTAB + DEVICE * 32, whole[i].q0);
        put(&r, DEVTAB + DEVICE * 32 + 8, whole[i].q1);
        map(&r, 0x7000, whole[i].entry);
        fake_translate(&r, 0x7000, 1);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(fake_last(&r)->status, whole[i].status);
        CU_ASSERT_EQUAL(fake_last(&r)->kind, whole[i].status == TB_OK ? TB_DATA : TB_DONE);
        CU_ASSERT_EQUAL(fake_page(&r, 0), whole[i].page);
        CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), whole[i].event ? 16 : 0);
        check_event(&r, 0, whole[i].event, whole[i].address);
        seen_free(&r.s);
    }
}

static void test_malformed(void)
{
    static const uint16_t lengths[] = {0, 4, 12};
    for (size_t i = 0; i < 3; i++) {
        struct rig r;
        make(&r, "", 5);
        fake_send(&r, TB_TXN_TRANSLATION,
                  (struct tb_msg){.address = 0x7000,
                                  .length = lengths[i],
                                  .kind = TB_ATS_TRANSLATE,
                                  .class = TB_NONPOSTED,
                                  .at = TB_TRANSLATION_REQUEST});
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(fake_last(&r)->status, TB_UNSUPPORTED);
        seen_free(&r.s);
    }
}

/* Rule 17 of RW-3: looked up as any request, answered with the bridge's 50 ns. The second asks for
 * what is in the IOTLB: 50 + 2 up, 50 down; the links take 1 tick each by default. Rule 18: a
 * translated request is not delayed by the look-up of one before it. */
static void test_times(void)
{
    struct rig r;
    make(&r, "iotlb: {hit: 2ns}, devtab: {preload: [\"00:02.0\"]},", 5);
    fake_translate(&r, 0x7000, 1);
    run(&r, TB_NEVER);
    tb_time start = tb_sim_now(r.s.sim);
    fake_translate(&r, 0x7000, 1);
    run(&r, TB_NEVER);
    tb_time wires = fake_got(&r, TB_DATA, 1)->when - start - 102 * TB_NS;
    CU_ASSERT_EQUAL(wires, 2 * TB_NS);
    CU_ASSERT_EQUAL(counter(&r, "hits"), 1);
    start = tb_sim_now(r.s.sim);
    fake_translate(&r, 0x7000, 1);
    fake_access(&r, TB_READ, TB_TRANSLATED, 0x10000000);
    run(&r, start + 51 * TB_NS);
    CU_ASSERT_EQUAL(counter(&r, "pretranslated"), 1); /* gone on; the look-up is not done */
    CU_ASSERT_EQUAL(counter(&r, "hits"), 1);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "hits"), 2);
    seen_free(&r.s);
}

/* A translated request of a device that may not send any touches nothing. */
static void test_forged(void)
{
    struct rig r;
    make(&r, "", 5);
    put(&r, DEVTAB + DEVICE * 32 + 8, 7);
    put(&r, 0x10008000, 0x1122334455667788);
    uint32_t txn = fake_access(&r, TB_WRITE, TB_TRANSLATED, 0x10008000);
    memset(tb_txn(r.dev, txn)->data, 0xee, 8);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_ABORT);
    CU_ASSERT_EQUAL(get(&r, 0x10008000), 0x1122334455667788);
    check_event(&r, 0, 0x8200000000000010, 0x10008000);
    seen_free(&r.s);
}

/* An answer is never older than the last invalidation before it: the table changes while the
 * request waits for its walk, at any time. */
static void test_changed_under_way(void)
{
    for (tb_time change = 60 * TB_NS; change < 700 * TB_NS; change += 17 * TB_NS) {
        struct rig r;
        make(&r, "command_time: 1ns,", 0x1005);
        fake_translate(&r, 0x7000, 2);
        run(&r, change);
        bool before = r.fake->count;
        map(&r, 0x7000, RW | 0x10004001);
        command(&r, 0x3000000700000000, 0x7000);
        tb_time t = change;
        while (!counter(&r, "invalidations"))
            run(&r, t += TB_NS);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(fake_last(&r)->length, 16);
        bool old = fake_page(&r, 0) == 0x10000003;
        CU_ASSERT(old || fake_page(&r, 0) == 0x10004003);
        /* it left the IOMMU 51 ns before it arrived: before the invalidation, if it is old */
        CU_ASSERT(!old || before || r.fake->got[r.fake->count - 1].when <= t + 60 * TB_NS);
        fake_translate(&r, 0x7000, 1);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(fake_page(&r, 0), 0x10004003);
        seen_free(&r.s);
    }
}

/* -- Invalidation ---------------------------------------------------------------------------------
 */

static void test_invalidate(void)
{
    struct rig r;
    make(&r, "", 0x1005);
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    const struct fake_got *got = fake_got(&r, TB_ATS_INVALIDATE, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->msg.address, DEVICE << 12);
    CU_ASSERT_EQUAL(got->msg.space, TB_CONFIG);
    CU_ASSERT_EQUAL(got->msg.class, TB_POSTED);
    CU_ASSERT_EQUAL(got->msg.tag, 0);
    CU_ASSERT_EQUAL(got->msg.has_pasid, 0);
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    CU_ASSERT_EQUAL(ended(&r, TB_TXN_INVALIDATION, TB_OK), 1);
    CU_ASSERT_EQUAL(counter(&r, "ats_invalidations"), 1);
    seen_free(&r.s);
}

/* Ranges: as coded in the command, and what the message says. */
static void test_ranges(void)
{
    static const struct {
        uint64_t q1, range, first;
    } rows[] = {
        {0x7000, 0x7000, 0x7000},
        {0x6001, 0x6800, 0x6000},                 /* 8 KiB */
        {0x107001, 0x107800, 0x100000},           /* 64 KiB */
        {AMDVI_PAGES_ALL, 0x7ffffffffffff800, 0}, /* everything */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig r;
        make(&r, "", 0x1005);
        command(&r, INVALIDATE(DEVICE, 1u), rows[i].q1);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(r.s.at[0].txn.kind, TB_TXN_COMMAND);
        for (size_t k = 0; k < r.s.count; k++)
            if (r.s.at[k].txn.kind == TB_TXN_INVALIDATION) {
                CU_ASSERT_EQUAL(r.s.at[k].txn.value[0], rows[i].range);
                CU_ASSERT_EQUAL(r.s.at[k].txn.iova, rows[i].first);
            }
        CU_ASSERT_EQUAL(ended(&r, TB_TXN_INVALIDATION, TB_OK), 1);
        seen_free(&r.s);
    }
}

/* PASID: 15:8 in 23:16, 7:0 in 55:48, 19:16 in 59:56. */
static void test_pasid(void)
{
    struct rig r;
    make(&r, "", 0x1005);
    command(&r, INVALIDATE(DEVICE, 0u) | 0xa << 16 | (uint64_t)0x7bc << 48, 0x7004);
    run(&r, TB_NEVER);
    const struct fake_got *got = fake_got(&r, TB_ATS_INVALIDATE, 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(got);
    CU_ASSERT_EQUAL(got->msg.has_pasid, 1);
    CU_ASSERT_EQUAL(got->msg.pasid, 0x70abc);
    seen_free(&r.s);
}

/* A device that is not there, or whose entry says that it has no cache, has nothing to forget. */
static void test_nobody(void)
{
    struct rig r;
    make(&r, "devtab: {preload: [\"00:02.0\"]},", 0x1005);
    put(&r, DEVTAB + DEVICE * 32 + 8, 7);
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    command(&r, INVALIDATE(0x20, 0u), 0x7000);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    CU_ASSERT_EQUAL(counter(&r, "ats_invalidations"), 0);
    seen_free(&r.s);
}

/* How many may be unanswered: MAXPEND, at most 32; the rest wait their turn, in order. */
static void in_flight(unsigned pend, unsigned most)
{
    struct rig r;
    make(&r, "invalidations: 100,", 0x1005);
    r.fake->keeps = true;
    for (unsigned i = 0; i < 40; i++)
        command(&r, INVALIDATE(DEVICE, pend), i << 12);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(r.fake->count, most);
    uint32_t tags = 0;
    for (size_t i = 0; i < r.fake->count; i++)
        tags |= (uint32_t)1 << r.fake->got[i].msg.tag;
    CU_ASSERT_EQUAL(__builtin_popcount(tags), most);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_CMD_HEAD), most * 16);
    fake_answer(r.dev, &r.fake->got[0].msg, r.fake->got[0].msg.tag, 1, tb_sim_now(r.s.sim));
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(r.fake->count, most + 1);
    CU_ASSERT_EQUAL(r.fake->got[most].msg.tag, r.fake->got[0].msg.tag); /* free again */
    for (size_t i = 1; i < 40; i++) {
        CU_ASSERT_EQUAL(get(&r, STORE), 0);
        fake_answer(r.dev, &r.fake->got[i].msg, r.fake->got[i].msg.tag, 1, tb_sim_now(r.s.sim));
        run(&r, TB_NEVER);
    }
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    CU_ASSERT_EQUAL(ended(&r, TB_TXN_INVALIDATION, TB_OK), 40);
    seen_free(&r.s);
}

static void test_in_flight(void)
{
    in_flight(0, 32);
    in_flight(1, 1);
    in_flight(5, 5);
    in_flight(255, 32);
}

/* A tag is free when as many completions have come as were announced. */
static void test_completion_count(void)
{
    struct rig r;
    make(&r, "", 0x1005);
    r.fake->keeps = true;
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    for (unsigned i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(get(&r, STORE), 0);
        fake_answer(r.dev, &r.fake->got[0].msg, 0, 3, tb_sim_now(r.s.sim));
        run(&r, TB_NEVER);
    }
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    seen_free(&r.s);
}

/* All of them at once, behind a posted write that is not through: they share a transaction. */
static void test_completions_together(void)
{
    struct rig r;
    make(&r, "", 0x1005);
    r.fake->keeps = true;
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    fake_send(
        &r, TB_TXN_DMA,
        (struct tb_msg){.address = 0x8000, .length = 8, .kind = TB_WRITE, .class = TB_POSTED});
    for (unsigned i = 0; i < 4; i++)
        fake_answer(r.dev, &r.fake->got[0].msg, i == 1 ? 7 : 0, 3, tb_sim_now(r.s.sim));
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    CU_ASSERT_EQUAL(counter(&r, "spurious"), 1);
    CU_ASSERT_EQUAL(ended(&r, TB_TXN_INVALIDATION, TB_OK), 1);
    seen_free(&r.s);
}

/* Completions for nothing: a wrong tag, one too many, one for a transaction that is none. */
static void test_spurious(void)
{
    struct rig r;
    make(&r, "", 0x1005);
    r.fake->keeps = true;
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    struct tb_msg request = r.fake->got[0].msg;
    fake_answer(r.dev, &request, 9, 1, tb_sim_now(r.s.sim));
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 0);
    fake_answer(r.dev, &request, 0, 1, tb_sim_now(r.s.sim));
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    fake_answer(r.dev, &request, 0, 1, tb_sim_now(r.s.sim));
    fake_send(&r, TB_TXN_DMA,
              (struct tb_msg){.kind = TB_ATS_INVALIDATED, .class = TB_POSTED, .space = TB_CONFIG});
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "spurious"), 3);
    CU_ASSERT_EQUAL(ended(&r, TB_TXN_DMA, TB_UNSUPPORTED), 1);
    CU_ASSERT_EQUAL(ended(&r, TB_TXN_INVALIDATION, TB_OK), 1);
    seen_free(&r.s);
}

/* No answer in time: an event with the command's address, the wait ends, the tag stays taken until
 * the completion comes after all. What waits for a tag is late, too. */
static void test_timeout(void)
{
    struct rig r;
    make(&r, "invalidations: 1, events: 1,", 0x1005 | 1 << 5); /* 1 ms */
    r.fake->keeps = true;
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 1);
    run(&r, TB_MS);
    CU_ASSERT_EQUAL(get(&r, STORE), 0);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    CU_ASSERT(tb_sim_now(r.s.sim) < TB_MS + TB_US);
    check_event(&r, 0, 0x7000000000000010, CMDS);
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 2);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 2);
    CU_ASSERT(tb_sim_now(r.s.sim) > 2 * TB_MS);
    CU_ASSERT_EQUAL(r.fake->count, 1);
    check_event(&r, 1, 0x7000000000000010, CMDS + 32);
    CU_ASSERT_EQUAL(counter(&r, "ats_timeouts"), 2);
    fake_answer(r.dev, &r.fake->got[0].msg, 0, 1, tb_sim_now(r.s.sim));
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(ended(&r, TB_TXN_INVALIDATION, TB_ABORT), 1);
    r.fake->keeps = false;
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 3);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 3);
    CU_ASSERT_EQUAL(r.fake->count, 2);
    wait_store(&r, 4);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 4);
    seen_free(&r.s);
}

/* Many late at once, and one buffer for events, for which page faults wait too: none is lost. */
static void test_many_timeouts(void)
{
    struct rig r;
    make(&r, "events: 1,", 0x1005 | 1 << 5);
    r.fake->keeps = true;
    for (unsigned i = 0; i < 20; i++)
        command(&r, INVALIDATE(DEVICE, 0u), i << 12);
    wait_store(&r, 1);
    run(&r, TB_MS - TB_US);
    r.at = TB_MS - TB_US;
    for (unsigned i = 0; i < 200; i++)
        fake_access(&r, TB_READ, TB_UNTRANSLATED, 0x100000);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 220 * 16);
    CU_ASSERT_EQUAL(counter(&r, "events_lost"), 0);
    CU_ASSERT_EQUAL(counter(&r, "ats_timeouts"), 20);
    unsigned late = 0;
    for (unsigned i = 0; i < 220; i++)
        if (get(&r, EVENTS + 16 * i) == 0x7000000000000010)
            CU_ASSERT_EQUAL(get(&r, EVENTS + 16 * i + 8), CMDS + 16 * late++);
    CU_ASSERT_EQUAL(late, 20);
    seen_free(&r.s);
}

/* What the device posted before its completion is in memory before the wait's store is. */
static void test_pushes(void)
{
    struct rig r;
    make(&r, "walkers: 1,", 0x1005);
    r.fake->keeps = true;
    command(&r, INVALIDATE(DEVICE, 0u), 0x7000);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    uint32_t txn = fake_send(&r, TB_TXN_DMA,
                             (struct tb_msg){.address = 0x8000,
                                             .length = 8,
                                             .kind = TB_WRITE,
                                             .class = TB_POSTED,
                                             .space = TB_MEMORY});
    memset(tb_txn(r.dev, txn)->data, 0x5a, 8);
    fake_answer(r.dev, &r.fake->got[0].msg, 0, 1, tb_sim_now(r.s.sim));
    for (tb_time t = tb_sim_now(r.s.sim); !get(&r, STORE);)
        run(&r, t += TB_NS);
    CU_ASSERT_EQUAL(get(&r, 0x10008000), 0x5a5a5a5a5a5a5a5a);
    run(&r, TB_NEVER);
    seen_free(&r.s);
}

SUITE("iommu ats", {"pages, one at a time", test_pages}, {"no write", test_no_write},
      {"several pages", test_several}, {"requests as a whole", test_whole},
      {"malformed requests", test_malformed}, {"times", test_times},
      {"forged translated requests", test_forged},
      {"tables changed under way", test_changed_under_way}, {"an invalidation", test_invalidate},
      {"ranges", test_ranges}, {"PASID", test_pasid}, {"nobody to ask", test_nobody},
      {"how many in flight", test_in_flight}, {"count of completions", test_completion_count},
      {"completions together", test_completions_together},
      {"completions for nothing", test_spurious}, {"timeout", test_timeout},
      {"many timeouts", test_many_timeouts}, {"completions push posted writes", test_pushes})
