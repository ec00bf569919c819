/* Page requests at the IOMMU, with a device that the test plays message by message: the log and its
 * records, overflow, interrupts' causes, responses of software and of the IOMMU itself. */
#include "../fake.h"

#define ON (0x1005 | AMDVI_CONTROL_PPR_LOG | AMDVI_CONTROL_PPR)

/* A device that may ask for pages. */
static void make_ppr(struct rig *r, const char *iommu, uint64_t control)
{
    make(r, iommu, control);
    put(r, DEVTAB + DEVICE * 32, AMDVI_DTE_PPR | RW | TABLE | 3 << 9 | 3);
}

static uint32_t ask(struct rig *r, uint64_t address, unsigned group, bool last, uint64_t access)
{
    uint32_t txn = fake_send(r, TB_TXN_PAGE_REQUEST,
                             (struct tb_msg){.address = address,
                                             .tag = (uint16_t)group,
                                             .kind = TB_PAGE_REQUEST,
                                             .class = TB_POSTED,
                                             .space = TB_CONFIG,
                                             .last = last});
    tb_txn(r->dev, txn)->value[0] = access;
    return txn;
}

static void respond(struct rig *r, unsigned group, unsigned code)
{
    command(r, (uint64_t)7 << 60 | DEVICE, (uint64_t)group << 32 | (uint64_t)code << 44);
}

static uint64_t record(struct rig *r, unsigned n)
{
    return get(r, PAGES + 16 * n);
}

/* The response that the device got, if it is the n-th: group in 8:0, code in 15:12; -1: none. */
static int response(struct rig *r, size_t n)
{
    const struct fake_got *got = fake_got(r, TB_PAGE_RESPONSE, n);
    size_t seen = 0;
    for (size_t i = 0; got && i < r->s.count; i++)
        if (r->s.at[i].txn.kind == TB_TXN_PAGE_RESPONSE && seen++ == n)
            return (int)(got->msg.tag | r->s.at[i].txn.value[0] << 12);
    return -1;
}

static void test_round_trip(void)
{
    struct rig r;
    make_ppr(&r, "", ON);
    ask(&r, 0x9000, 5, false, ATS_R);
    ask(&r, 0xa000, 5, true, ATS_R | ATS_W);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(record(&r, 0), 0x1004000500000010);
    CU_ASSERT_EQUAL(get(&r, PAGES + 8), 0x9000);
    CU_ASSERT_EQUAL(record(&r, 1), 0x1024020500000010);
    CU_ASSERT_EQUAL(get(&r, PAGES + 24), 0xa000);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_PPR_TAIL), 32);
    CU_ASSERT(reg(&r, AMDVI_STATUS) & AMDVI_STATUS_PPR_INT);
    CU_ASSERT(reg(&r, AMDVI_STATUS) & AMDVI_STATUS_PPR_RUN);
    CU_ASSERT_EQUAL(response(&r, 0), -1);
    respond(&r, 5, PRI_SUCCESS);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(response(&r, 0), 5);
    CU_ASSERT_EQUAL(fake_last(&r)->address, DEVICE << 12);
    CU_ASSERT_EQUAL(fake_last(&r)->class, TB_POSTED);
    CU_ASSERT_EQUAL(counter(&r, "page_requests"), 2);
    CU_ASSERT_EQUAL(counter(&r, "page_responses"), 1);
    seen_free(&r.s);
}

static void test_codes(void)
{
    struct rig r;
    make_ppr(&r, "", ON);
    respond(&r, 0x1ff, PRI_SUCCESS);
    respond(&r, 1, PRI_INVALID);
    respond(&r, 2, PRI_FAILURE);
    command(&r, (uint64_t)7 << 60 | 0x30, 0); /* nobody is there */
    wait_store(&r, 9);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(response(&r, 0), 0x1ff);
    CU_ASSERT_EQUAL(response(&r, 1), 0x1001);
    CU_ASSERT_EQUAL(response(&r, 2), 0xf002);
    CU_ASSERT_EQUAL(response(&r, 3), -1);
    CU_ASSERT_EQUAL(get(&r, STORE), 9);
    seen_free(&r.s);
}

static void test_pasid(void)
{
    struct rig r;
    make_ppr(&r, "", ON);
    uint32_t txn = fake_send(&r, TB_TXN_PAGE_REQUEST,
                             (struct tb_msg){.address = 0x9000,
                                             .tag = 0x155,
                                             .kind = TB_PAGE_REQUEST,
                                             .class = TB_POSTED,
                                             .space = TB_CONFIG,
                                             .last = 1,
                                             .has_pasid = 1,
                                             .pasid = 0x91234});
    tb_txn(r.dev, txn)->value[0] = ATS_R | ATS_EXE;
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(record(&r, 0),
                    0x1146275512340010); /* GN, US, READ, EXEC, PASID in two pieces */
    command(&r, (uint64_t)7 << 60 | (uint64_t)0x91234 << 32 | DEVICE, (uint64_t)0x155 << 32 | 4);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(fake_last(&r)->has_pasid, 1);
    CU_ASSERT_EQUAL(fake_last(&r)->pasid, 0x91234);
    CU_ASSERT_EQUAL(response(&r, 0), 0x155);
    seen_free(&r.s);
}

/* What is answered at once: by the last request of the group, and only by it. */
static const struct {
    uint64_t dte, control;
    int response;
    uint64_t event;
} refused[] = {
    {RW | TABLE | 0x603, ON, 0x1005, 0x9004020500000010}, /* DTE.PPR = 0 */
    {0, ON, 0x1005, 0x9004020500000010},                  /* V = 0 */
    {AMDVI_DTE_PPR | 3, 0x1005 | AMDVI_CONTROL_PPR_LOG, 0x1005, 0x9004020500000010}, /* PPREn */
    {AMDVI_DTE_PPR | 3, 0x1005 | AMDVI_CONTROL_PPR, 0xf005, 0}, /* the log is off */
    {AMDVI_DTE_PPR | 3, 0x1005 | AMDVI_CONTROL_PPR | AMDVI_CONTROL_PPR_AUTO, 0x0005, 0},
    {AMDVI_DTE_PPR | 3, ON & ~(uint64_t)1, 0xf005, 0}, /* the IOMMU is off */
};

static void test_refused(void)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct rig r;
        make(&r, "", refused[i].control);
        put(&r, DEVTAB + DEVICE * 32, refused[i].dte);
        ask(&r, 0x9000, 5, false, ATS_R);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(response(&r, 0), -1);
        ask(&r, 0xa000, 5, true, ATS_R);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(response(&r, 0), refused[i].response);
        CU_ASSERT_EQUAL(response(&r, 1), -1);
        check_event(&r, 1, refused[i].event, refused[i].event ? 0xa000 : 0);
        CU_ASSERT_EQUAL(reg(&r, AMDVI_PPR_TAIL), 0);
        seen_free(&r.s);
    }
}

/* A record for which there is no room is lost, and what comes after it. They are answered, and
 * software starts the log again. */
static void test_overflow(void)
{
    for (unsigned automatic = 0; automatic <= 1; automatic++) {
        struct rig r;
        uint64_t control = ON | (automatic ? AMDVI_CONTROL_PPR_AUTO : 0);
        make_ppr(&r, "events: 2,", control);
        set(&r, AMDVI_PPR_HEAD, 32); /* room for one record: the one at 0 */
        set(&r, AMDVI_PPR_TAIL, 0);
        for (unsigned i = 0; i < 4; i++)
            ask(&r, 0x9000, i, true, ATS_R);
        run(&r, TB_NEVER);
        uint64_t status = reg(&r, AMDVI_STATUS);
        CU_ASSERT(status & AMDVI_STATUS_PPR_OVERFLOW);
        CU_ASSERT_FALSE(status & AMDVI_STATUS_PPR_RUN);
        CU_ASSERT_EQUAL(reg(&r, AMDVI_PPR_TAIL), 16);
        CU_ASSERT_EQUAL(counter(&r, "page_requests_lost"), 3);
        for (unsigned i = 0; i < 3; i++)
            CU_ASSERT_EQUAL(response(&r, i), (int)((i + 1) | (automatic ? 0 : 0xf000)));
        set(&r, AMDVI_CONTROL, control & ~AMDVI_CONTROL_PPR_LOG);
        set(&r, AMDVI_STATUS, AMDVI_STATUS_PPR_OVERFLOW | AMDVI_STATUS_PPR_INT);
        set(&r, AMDVI_PPR_HEAD, 16);
        set(&r, AMDVI_CONTROL, control);
        ask(&r, 0x9000, 9, true, ATS_R);
        run(&r, TB_NEVER);
        CU_ASSERT_EQUAL(reg(&r, AMDVI_PPR_TAIL), 32);
        seen_free(&r.s);
    }
}

static void test_outside_memory(void)
{
    struct rig r;
    make_ppr(&r, "", ON);
    set(&r, AMDVI_PPR_BASE, 0x0800000030000000);
    ask(&r, 0x9000, 1, true, ATS_R);
    run(&r, TB_NEVER);
    CU_ASSERT_FALSE(reg(&r, AMDVI_STATUS) & AMDVI_STATUS_PPR_RUN);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_PPR_TAIL), 0);
    CU_ASSERT_EQUAL(counter(&r, "page_requests_lost"), 1);
    ask(&r, 0x9000, 2, true, ATS_R);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(response(&r, 0), 0xf002);
    seen_free(&r.s);
}

/* More responses than may be on their way: commands wait, automatic ones too, and none is lost. */
static void test_many(void)
{
    struct rig r;
    make_ppr(&r, "responses: 1, events: 1,", ON);
    for (unsigned i = 0; i < 50; i++)
        respond(&r, i, PRI_SUCCESS);
    wait_store(&r, 1);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(get(&r, STORE), 1);
    CU_ASSERT_EQUAL(r.fake->count, 50);
    for (unsigned i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(response(&r, i), (int)i);
        CU_ASSERT(!i || r.fake->got[i].when - r.fake->got[i - 1].when >= 51 * TB_NS);
    }
    seen_free(&r.s);
    make(&r, "responses: 1, events: 1,", ON);
    for (unsigned i = 0; i < 50; i++)
        ask(&r, 0x9000, i, true, ATS_R);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(counter(&r, "page_responses"), 50);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 50 * 16);
    for (unsigned i = 0; i < 50; i++) {
        CU_ASSERT_EQUAL(response(&r, i), (int)(0x1000 | i));
        CU_ASSERT(!i || r.fake->got[i].when - r.fake->got[i - 1].when >= 51 * TB_NS);
    }
    seen_free(&r.s);
}

/* Nothing of the device passes its page request, for it is posted. */
static void test_order(void)
{
    struct rig r;
    make_ppr(&r, "devtab: {entries: 1},", ON);
    ask(&r, 0x9000, 1, true, ATS_R);
    fake_access(&r, TB_READ, TB_UNTRANSLATED, 0x7000);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_OK);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_PPR_TAIL), 16);
    seen_free(&r.s);
}

SUITE("iommu ppr", {"there and back", test_round_trip}, {"response codes", test_codes},
      {"PASID", test_pasid}, {"answered by the IOMMU", test_refused}, {"overflow", test_overflow},
      {"log outside memory", test_outside_memory}, {"many at once", test_many},
      {"order", test_order})
