/* Guest translation: GCR3 tables of 1 to 3 levels, guests' tables alone and nested, how many reads
 * each walk takes, permissions, tags, invalidations, records of faults. */
#include "../fake.h"

#include "spec/x86.h"

#define GT    (0x1005 | AMDVI_CONTROL_GT)
#define GCR3  0x500000 /* a page per level */
#define GUEST 0x600000 /* levels 5 (if there are), 4, 3, 2, 1 of PASID 3, a page each */
#define HOST                                                                                       \
    0x900000 /* the host's four levels, the lowest of 512 pages: 2 MiB by 4 KiB from 0x600000 */
#define PASID 3
#define IOVA  ((uint64_t)0x7654321000)
#define PA    0x10008000
#define FULL  (X86_PTE_P | X86_PTE_W | X86_PTE_U)

struct shape {
    unsigned gcr3_levels, guest_levels;
    bool nested;
};

static void guest_put(struct rig *r, unsigned level, uint64_t iova, uint64_t entry)
{
    put(r, GUEST + (5 - level) * 4096 + (iova >> tb_x86_level_shift(level) & 0x1ff) * 8, entry);
}

static void put_device(struct rig *r, const struct shape *s, uint64_t q0, uint64_t q1)
{
    q0 |= AMDVI_DTE_GV | 3 | RW | tb_amdvi_gcr3_first(GCR3) |
          (uint64_t)(s->gcr3_levels - 1) << AMDVI_DTE_GLX_SHIFT;
    if (s->nested)
        q0 |= HOST | 4 << AMDVI_DTE_MODE_SHIFT;
    put(r, DEVTAB + DEVICE * 32, q0);
    put(r, DEVTAB + DEVICE * 32 + 8, q1 | ATS | 7 | tb_amdvi_gcr3_second(GCR3));
    put(r, DEVTAB + DEVICE * 32 + 16,
        (uint64_t)(s->guest_levels - 4) << AMDVI_DTE_GUEST_MODE_SHIFT);
}

/* Guest physical addresses from 0x600000 to 0x7fffff are themselves, from 0x20000000 on at PA: 4
 * KiB. */
static void put_host(struct rig *r)
{
    for (unsigned level = 4; level > 1; level--)
        put(r, HOST + (4 - level) * 4096, RW | (HOST + (5 - level) * 4096) | (level - 1) << 9 | 1);
    put(r, HOST + 0x2000 + 3 * 8, RW | (HOST + 0x3000) | 1 << 9 | 1);     /* 0x600000.. */
    put(r, HOST + 0x2000 + 0x100 * 8, RW | (HOST + 0x4000) | 1 << 9 | 1); /* 0x20000000.. */
    for (uint64_t i = 0; i < 512; i++)
        put(r, HOST + 0x3000 + 8 * i, RW | (0x600000 + i * 4096) | 1);
    put(r, HOST + 0x4000, RW | PA | 1);
}

static void put_guest(struct rig *r, const struct shape *s)
{
    for (unsigned level = s->gcr3_levels; level > 1; level--)
        put(r, GCR3 + (s->gcr3_levels - level) * 4096,
            (GCR3 + (s->gcr3_levels - level + 1) * 4096) | 1);
    put(r, GCR3 + (s->gcr3_levels - 1) * 4096 + PASID * 8,
        (GUEST + (5 - s->guest_levels) * 4096) | 1);
    for (unsigned level = s->guest_levels; level > 1; level--)
        guest_put(r, level, IOVA, (GUEST + (6 - level) * 4096) | FULL);
    guest_put(r, 1, IOVA, (s->nested ? 0x20000000 : PA) | FULL);
}

static void make_guest(struct rig *r, const char *iommu, const struct shape *s)
{
    make(r, iommu, GT);
    put_device(r, s, 0, 0);
    put_host(r);
    put_guest(r, s);
}

static struct tb_msg request(enum tb_msg_kind kind, uint64_t iova, uint32_t pasid)
{
    return (struct tb_msg){.address = iova,
                           .length = 8,
                           .kind = (uint8_t)kind,
                           .class = TB_NONPOSTED,
                           .space = TB_MEMORY,
                           .at =
                               kind == TB_ATS_TRANSLATE ? TB_TRANSLATION_REQUEST : TB_UNTRANSLATED,
                           .has_pasid = 1,
                           .pasid = pasid & 0xfffff};
}

static void go(struct rig *r, struct tb_msg msg)
{
    fake_send(r, msg.kind == TB_ATS_TRANSLATE ? TB_TXN_TRANSLATION : TB_TXN_DMA, msg);
    run(r, TB_NEVER);
}

static uint64_t last_pa(const struct rig *r)
{
    for (size_t i = r->s.count; i-- > 0;)
        if (r->s.at[i].txn.kind == TB_TXN_DMA)
            return r->s.at[i].txn.has_pa ? r->s.at[i].txn.pa : 0;
    return 0;
}

/* -- Reads --------------------------------------------------------------------------------------
 */

/* A14: g alone, g(h + 1) + h nested, GCR3 apart; with every directory cached the last of each. */
static void test_reads(void)
{
    for (unsigned glx = 1; glx <= 3; glx++)
        for (unsigned levels = 4; levels <= 5; levels++)
            for (unsigned nested = 0; nested <= 1; nested++) {
                const struct shape s = {glx, levels, nested};
                struct rig r;
                make_guest(&r, "iotlb: {entries: 0},", &s);
                go(&r, request(TB_READ, IOVA + 8, PASID));
                CU_ASSERT_EQUAL(fake_last(&r)->status, TB_OK);
                CU_ASSERT_EQUAL(last_pa(&r), PA + 8);
                CU_ASSERT_EQUAL(counter(&r, "walk_reads"), nested ? levels * 5 + 4 : levels);
                CU_ASSERT_EQUAL(counter(&r, "gcr3_reads"), glx);
                CU_ASSERT_EQUAL(counter(&r, "devtab_reads"), 1);
                CU_ASSERT_EQUAL(ended(&r, TB_TXN_WALK, TB_OK),
                                glx + (nested ? levels * 5 + 4 : levels));
                seen_free(&r.s);
            }
}

static void test_cached(void)
{
    static const struct {
        const char *iommu;
        unsigned reads, gcr3;
        bool nested;
    } rows[] = {
        {"iotlb: {entries: 0}, pdc: {entries: 64},", 1, 0, false},
        {"iotlb: {entries: 0}, pdc: {entries: 64},", 3, 0,
         true}, /* a leaf for the leaf, it, a leaf */
        {"iotlb: {entries: 0}, nested: {entries: 64},", 4, 1, true},
        {"iotlb: {entries: 0}, nested: {entries: 64}, pdc: {entries: 64},", 1, 0, true},
        {"iotlb: {entries: 8},", 0, 0, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct shape s = {1, 4, rows[i].nested};
        struct rig r;
        make_guest(&r, rows[i].iommu, &s);
        go(&r, request(TB_READ, IOVA, PASID));
        uint64_t reads = counter(&r, "walk_reads"), gcr3 = counter(&r, "gcr3_reads");
        go(&r, request(TB_READ, IOVA, PASID));
        CU_ASSERT_EQUAL(counter(&r, "walk_reads") - reads, rows[i].reads);
        CU_ASSERT_EQUAL(counter(&r, "gcr3_reads") - gcr3, rows[i].gcr3);
        CU_ASSERT_EQUAL(last_pa(&r), PA);
        seen_free(&r.s);
    }
}

/* Control bit 58: the GCR3 table too is at guest physical addresses. */
static void test_gcr3_guest(void)
{
    const struct shape s = {2, 4, true};
    struct rig r;
    make_guest(&r, "iotlb: {entries: 0},", &s);
    set(&r, AMDVI_CONTROL, GT | AMDVI_CONTROL_GCR3_GUEST);
    put(&r, HOST + 0x2000 + 2 * 8, RW | (HOST + 0x5000) | 1 << 9 | 1); /* 0x400000.. */
    for (uint64_t i = 0; i < 512; i++)
        put(&r, HOST + 0x5000 + 8 * i, RW | (0x400000 + i * 4096) | 1);
    go(&r, request(TB_READ, IOVA, PASID));
    CU_ASSERT_EQUAL(last_pa(&r), PA);
    CU_ASSERT_EQUAL(counter(&r, "gcr3_reads"), 2);
    CU_ASSERT_EQUAL(counter(&r, "walk_reads"), 24 + 2 * 4);
    seen_free(&r.s);
}

/* -- Rights and faults ---------------------------------------------------------------------------
 */

static const struct {
    uint64_t leaf;
    enum tb_msg_kind kind;
    bool privileged, execute;
    uint64_t event; /* 0: allowed */
} accesses[] = {
    {FULL, TB_READ, false, false, 0},
    {FULL, TB_WRITE, false, false, 0},
    {FULL, TB_READ, false, true, 0},
    {X86_PTE_P | X86_PTE_U, TB_WRITE, false, false, 0x2075000300000010}, /* PR, RW, PE, US, GN */
    {X86_PTE_P | X86_PTE_U, TB_WRITE, true, false, 0x2071000300000010},  /* as with CR0.WP */
    {X86_PTE_P | X86_PTE_W, TB_READ, false, false, 0x2055000300000010},  /* supervisor's */
    {X86_PTE_P | X86_PTE_W, TB_READ, true, false, 0},
    {FULL | X86_PTE_NX, TB_READ, false, true, 0x2057000300000010}, /* NX */
    {FULL | X86_PTE_NX, TB_READ, false, false, 0},
    {0, TB_READ, false, false, 0x2005000300000010}, /* not present */
};

static void test_rights(void)
{
    for (unsigned nested = 0; nested <= 1; nested++)
        for (size_t i = 0; i < sizeof accesses / sizeof accesses[0]; i++) {
            const struct shape s = {1, 4, nested};
            struct rig r;
            make_guest(&r, "", &s);
            guest_put(&r, 1, IOVA, (nested ? 0x20000000 : PA) | accesses[i].leaf);
            for (unsigned again = 0; again <= 1; again++) { /* a walk, and from the IOTLB */
                struct tb_msg msg = request(accesses[i].kind, IOVA, PASID);
                msg.privileged = accesses[i].privileged;
                msg.execute = accesses[i].execute;
                go(&r, msg);
                CU_ASSERT_EQUAL(fake_last(&r)->status, accesses[i].event ? TB_FAULT : TB_OK);
                check_event(&r, again, accesses[i].event, accesses[i].event ? IOVA : 0);
            }
            seen_free(&r.s);
        }
}

/* A guest physical address that the host does not map is reported as such: no GN, the domain. */
static void test_host_faults(void)
{
    const struct shape s = {1, 4, true};
    struct rig r;
    make_guest(&r, "", &s);
    guest_put(&r, 1, IOVA, 0x20001000 | FULL); /* the page */
    go(&r, request(TB_WRITE, IOVA + 0x10, PASID));
    check_event(&r, 0, 0x2020000700000010, 0x20001000);
    guest_put(&r, 2, IOVA, 0x30000000 | FULL); /* a table */
    go(&r, request(TB_READ, IOVA, PASID));
    check_event(&r, 1, 0x2000000700000010, 0x30000000 + (IOVA >> 12 & 0x1ff) * 8);
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_FAULT);
    put(&r, HOST + 0x3000, 0x4000000000600001); /* IW only: the root cannot be read */
    seen_free(&r.s);
}

/* What is wrong before the tables: flags of the device's entry, PASIDs without a root. */
static void test_no_pasid(void)
{
    static const struct {
        uint32_t pasid;
        unsigned glx;
        uint64_t control, event;
    } rows[] = {
        {4, 1, GT, 0x2005000400000010},         /* V = 0 in the GCR3 table */
        {0x203, 1, GT, 0x2005020300000010},     /* beyond one level */
        {0x90203, 2, GT, 0x2005020300090010},   /* beyond two, PASID in two pieces */
        {PASID, 1, 0x1005, 0x2005000300000010}, /* GTEn = 0 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct shape s = {rows[i].glx, 4, false};
        struct rig r;
        make_guest(&r, "", &s);
        set(&r, AMDVI_CONTROL, rows[i].control);
        go(&r, request(TB_READ, IOVA, rows[i].pasid));
        CU_ASSERT_EQUAL(fake_last(&r)->status, TB_FAULT);
        check_event(&r, 0, rows[i].event, IOVA);
        seen_free(&r.s);
    }
}

static void test_reserved(void)
{
    const struct shape s = {1, 4, false};
    struct rig r;
    make_guest(&r, "", &s);
    put_device(&r, &s, (uint64_t)3 << AMDVI_DTE_GLX_SHIFT, 0);
    go(&r, request(TB_READ, IOVA, PASID));
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_ABORT);
    check_event(&r, 0, 0x1001000300000010, IOVA);
    seen_free(&r.s);
}

/* Tables that cannot be read, at any step: the record has the address of the entry. */
static void test_unreadable(void)
{
    const struct shape s = {2, 4, false};
    struct rig r;
    make_guest(&r, "", &s);
    put(&r, GCR3, 0x30000000 | 1);
    go(&r, request(TB_READ, IOVA, PASID));
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_ABORT);
    check_event(&r, 0, 0x4201000300000010, 0x30000000 + PASID * 8);
    seen_free(&r.s);
}

/* Without a PASID: the host's table, or (GIoV) the guest's of PASID 0. */
static void test_default(void)
{
    const struct shape s = {1, 4, true};
    struct rig r;
    make_guest(&r, "", &s);
    fake_access(&r, TB_READ, TB_UNTRANSLATED, 0x20000008);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(last_pa(&r), PA + 8);
    put_device(&r, &s, AMDVI_DTE_GIOV, 0);
    put(&r, GCR3, (GUEST + 4096) | 1);
    command(&r, 0x2000000000000010, 0);
    run(&r, TB_NEVER);
    fake_access(&r, TB_READ, TB_UNTRANSLATED, IOVA + 16);
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(last_pa(&r), PA + 16);
    seen_free(&r.s);
}

/* -- Tags and invalidations
 * ------------------------------------------------------------------------ */

static void test_tags(void)
{
    const struct shape s = {1, 4, false};
    struct rig r;
    make_guest(&r, "", &s);
    put(&r, GCR3 + 5 * 8, (GUEST + 0x8000) | 1); /* another address space, empty */
    go(&r, request(TB_READ, IOVA, PASID));
    go(&r, request(TB_READ, IOVA, 5));
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_FAULT);
    go(&r, request(TB_READ, IOVA, PASID));
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_OK);
    CU_ASSERT_EQUAL(counter(&r, "hits"), 1);
    seen_free(&r.s);
}

/* Which of a guest's page, another PASID's and the domain's own are looked up again. */
static void test_invalidation(void)
{
    static const struct {
        uint64_t q0, q1;
        bool guest, other, own;
    } rows[] = {
        {0x3000000700000003, IOVA | 4, true, false, false},
        {0x3000000700000003, 0x5000 | 4, false, false, false},
        {0x3000000700000003, AMDVI_PAGES_ALL | 4, true, false, false},
        {0x3000000700000005, IOVA | 4, false, true, false},
        {0x3000000700000000, 0x20000000, true, true, true},
        {0x3000000700000000, 0x99000000, true, true, false}, /* any guest page may be of it */
        {0x3000000800000000, 0x20000000, false, false, false},
        {0x8000000000000000, 0, true, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct shape s = {1, 4, true};
        struct rig r;
        make_guest(&r, "nested: {entries: 16},", &s);
        put(&r, GCR3 + 5 * 8, (GUEST + 4096) | 1);
        for (unsigned round = 0; round <= 1; round++) {
            const bool again[3] = {rows[i].guest, rows[i].other, rows[i].own};
            for (unsigned k = 0; k < 3; k++) {
                uint64_t misses = counter(&r, "misses");
                if (k < 2)
                    go(&r, request(TB_READ, IOVA, k ? 5 : PASID));
                else
                    fake_access(&r, TB_READ, TB_UNTRANSLATED, 0x20000000), run(&r, TB_NEVER);
                CU_ASSERT_EQUAL(counter(&r, "misses") - misses, round ? again[k] : 1);
            }
            if (round)
                break;
            command(&r, rows[i].q0, rows[i].q1);
            run(&r, TB_NEVER);
        }
        seen_free(&r.s);
    }
}

/* The host's mapping of a guest's table and page changes, at any time of a walk: after the
 * invalidation nothing old is found, whatever is cached. */
static void test_changed_under_way(void)
{
    for (tb_time change = 0; change < 2200 * TB_NS; change += 61 * TB_NS) {
        const struct shape s = {1, 4, true};
        struct rig r;
        make_guest(&r, "nested: {entries: 16}, pdc: {entries: 32}, command_time: 1ns,", &s);
        fake_send(&r, TB_TXN_DMA, request(TB_READ, IOVA, PASID));
        run(&r, change);
        put(&r, HOST + 0x4000, RW | (PA + 0x4000) | 1);
        command(&r, 0x3000000700000000, 0x20000000 | AMDVI_PAGES_PDE);
        run(&r, TB_NEVER);
        go(&r, request(TB_READ, IOVA, PASID));
        CU_ASSERT_EQUAL(last_pa(&r), PA + 0x4000);
        seen_free(&r.s);
    }
}

/* The host moves a guest's table, to where it is empty, while a walk is past it: what the walk
 * found must not be found again after the invalidation. */
static void test_moved_under_way(void)
{
    for (tb_time change = 100 * TB_NS; change < 4000 * TB_NS; change += 61 * TB_NS) {
        const struct shape s = {1, 4, true};
        struct rig r;
        make_guest(&r, "nested: {entries: 16}, command_time: 1ns,", &s);
        fake_send(&r, TB_TXN_DMA, request(TB_READ, IOVA, PASID));
        run(&r, change);
        put(&r, HOST + 0x3000 + 8, RW | 0x700000 | 1); /* GUEST + 4096: level 4 */
        command(&r, 0x3000000700000000, 0x601000);
        run(&r, TB_NEVER);
        go(&r, request(TB_READ, IOVA, PASID));
        CU_ASSERT_EQUAL(fake_last(&r)->status, TB_FAULT);
        seen_free(&r.s);
    }
}

/* Directories and roots of a PASID are forgotten when PDE says so. */
static void test_directories(void)
{
    for (unsigned root = 0; root <= 1; root++) {
        const struct shape s = {1, 4, false};
        struct rig r;
        make_guest(&r, "iotlb: {entries: 0}, pdc: {entries: 32},", &s);
        go(&r, request(TB_READ, IOVA, PASID));
        if (root)
            put(&r, GCR3 + PASID * 8, 0);
        else
            guest_put(&r, 2, IOVA, 0);
        command(&r, 0x3000000700000003, IOVA | 4);
        run(&r, TB_NEVER);
        go(&r, request(TB_READ, IOVA, PASID));
        CU_ASSERT_EQUAL(fake_last(&r)->status, TB_OK); /* still cached: nothing said it may not */
        command(&r, 0x3000000700000003, IOVA | 6);
        run(&r, TB_NEVER);
        go(&r, request(TB_READ, IOVA, PASID));
        CU_ASSERT_EQUAL(fake_last(&r)->status, TB_FAULT);
        seen_free(&r.s);
    }
}

/* -- ATS with PASID
 * -------------------------------------------------------------------------------- */

static void test_ats(void)
{
    static const struct {
        uint64_t leaf;
        bool privileged, execute;
        uint64_t answer;
    } rows[] = {
        {FULL, false, false, ATS_R | ATS_W},
        {FULL, false, true, ATS_R | ATS_W | ATS_EXE},
        {FULL | X86_PTE_NX, false, true, ATS_R | ATS_W},
        {FULL | X86_PTE_G, false, false, ATS_R | ATS_W | ATS_GLOBAL},
        {FULL, true, false, ATS_R | ATS_W | ATS_PRIV},
        {X86_PTE_P, false, false, 0},
        {X86_PTE_P, true, false, ATS_R | ATS_PRIV},
        {0, false, false, 0},
    };
    for (unsigned nested = 0; nested <= 1; nested++)
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            const struct shape s = {1, 4, nested};
            struct rig r;
            make_guest(&r, "", &s);
            guest_put(&r, 1, IOVA, (nested ? 0x20000000 : PA) | rows[i].leaf);
            struct tb_msg msg = request(TB_ATS_TRANSLATE, IOVA, PASID);
            msg.privileged = rows[i].privileged;
            msg.execute = rows[i].execute;
            go(&r, msg);
            CU_ASSERT_EQUAL(fake_last(&r)->status, TB_OK);
            CU_ASSERT_EQUAL(fake_page(&r, 0), rows[i].answer ? PA | rows[i].answer : 0);
            CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 0);
            seen_free(&r.s);
        }
}

/* A big page of the guest over small ones of the host is answered as a small one; alone as it is.
 */
static void test_ats_sizes(void)
{
    for (unsigned nested = 0; nested <= 1; nested++) {
        const struct shape s = {1, 4, nested};
        struct rig r;
        make_guest(&r, "", &s);
        guest_put(&r, 2, IOVA, 0x20000000 | FULL | X86_PTE_PS);
        put(&r, HOST + 0x4000 + (IOVA >> 12 & 0x1ff) * 8, RW | PA | 1);
        go(&r, request(TB_ATS_TRANSLATE, IOVA, PASID));
        CU_ASSERT_EQUAL(fake_page(&r, 0),
                        nested ? PA | 3 : ats_code(0x20000000, 21) | ATS_R | ATS_W);
        seen_free(&r.s);
    }
}

static void test_ats_no_pasid(void)
{
    const struct shape s = {1, 4, false};
    struct rig r;
    make_guest(&r, "", &s);
    struct tb_msg msg = request(TB_ATS_TRANSLATE, IOVA, 0x999);
    msg.length = 24;
    go(&r, msg);
    CU_ASSERT_EQUAL(fake_last(&r)->status, TB_OK);
    CU_ASSERT_EQUAL(fake_last(&r)->length, 24);
    CU_ASSERT_EQUAL(fake_page(&r, 2), 0);
    CU_ASSERT_EQUAL(reg(&r, AMDVI_EVT_TAIL), 0);
    seen_free(&r.s);
}

SUITE("iommu guest", {"A14: reads per walk", test_reads}, {"reads with caches", test_cached},
      {"GCR3 tables at guest addresses", test_gcr3_guest}, {"rights", test_rights},
      {"faults of the host's table", test_host_faults}, {"no such PASID", test_no_pasid},
      {"reserved encodings", test_reserved}, {"unreadable tables", test_unreadable},
      {"without a PASID", test_default}, {"tags", test_tags}, {"invalidation", test_invalidation},
      {"tables changed under way", test_changed_under_way},
      {"tables moved under way", test_moved_under_way}, {"directories", test_directories},
      {"ATS with PASID", test_ats}, {"ATS: sizes", test_ats_sizes},
      {"ATS: no such PASID", test_ats_no_pasid})
