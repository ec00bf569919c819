/* Walks of guests' tables on random tables, alone and nested, through the whole simulator, against
 * a naive recursive oracle: whatever is cached, the same addresses and the same refusals; without
 * caches exactly the oracle's number of reads.
 *
 * 32 frames hold guests' tables (any of them at any level), 32 more are pages; the host's table
 * maps the 64 somewhere, or not, or without a right. Addresses hit what is in the tables or just
 * beside it.
 */
#include "../fake.h"

#include "spec/x86.h"

enum { FRAMES = 32, GPAS = 64, REQUESTS = 60, ROUNDS = 60 };

#define FIRST   ((uint64_t)0x100000) /* of the frames, guest physical and physical */
#define OUTSIDE ((uint64_t)0x40000000)
#define MEMORY  ((uint64_t)512 << 20)
#define HOST    0x900000 /* a frame per level */
#define GCR3    0x500000
#define IR      ((uint64_t)1 << 61)
#define IW      ((uint64_t)1 << 62)

static const unsigned indices[] = {0,   1,   2, 255,
                                   256, 511, 77}; /* the last one never has an entry */
#define USED 6

struct ask {
    uint64_t iova;
    uint32_t pasid;
    bool write, privileged, execute;
};

struct verdict {
    enum tb_status status;
    uint64_t pa;
};

struct world {
    uint64_t random;
    unsigned guest_levels, host_levels, glx;
    uint64_t frame[FRAMES][512]; /* by guest physical frame */
    uint64_t leaf[GPAS];         /* the host's lowest entries */
    uint64_t root[3];            /* of PASIDs 1 to 3: entries of the GCR3 table */
    uint64_t rights;             /* of the device's entry */
    struct ask asks[REQUESTS];
    struct verdict verdicts[REQUESTS];
    uint64_t reads, gcr3; /* that the oracle needed */
};

static uint64_t draw(struct world *w, uint64_t n)
{
    uint64_t z = w->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

/* -- The oracle ------------------------------------------------------------------------------- */

static struct verdict no(enum tb_status status)
{
    return (struct verdict){status, 0};
}

/* A guest physical address; *rights becomes what the host's table allows. */
static struct verdict host(struct world *w, uint64_t gpa, unsigned level, uint64_t *rights)
{
    *rights = IR | IW;
    if (level == 0)
        return (struct verdict){TB_OK, gpa};
    if (level == w->host_levels && level < 6 && gpa >> (12 + 9 * level))
        return no(TB_FAULT);
    w->reads++;
    if (level > 1)
        return gpa >> (3 + 9 * level) & 0x1ff ? no(TB_FAULT) : host(w, gpa, level - 1, rights);
    if (gpa < FIRST || gpa >= FIRST + GPAS * 4096)
        return no(TB_FAULT);
    uint64_t entry = w->leaf[(gpa - FIRST) / 4096];
    *rights = entry;
    if (!(entry & 1) || entry >> 52 & 0x7f)
        return no(TB_FAULT);
    return (struct verdict){TB_OK, (entry & X86_PTE_ADDRESS) | (gpa & 4095)};
}

static struct verdict page(struct world *w, const struct ask *a, uint64_t gpa, uint64_t flags)
{
    uint64_t rights;
    struct verdict v = host(w, gpa, w->host_levels, &rights);
    rights &= w->rights;
    if (v.status != TB_OK)
        return v;
    bool allowed = rights & (a->write ? IW : IR) && (!a->write || flags & X86_PTE_W) &&
                   (a->privileged || flags & X86_PTE_U) && (!a->execute || !(flags & X86_PTE_NX));
    return allowed ? v : no(TB_FAULT);
}

/* Physical contents, wherever the host has put the guest's frames. */
static uint64_t contents(const struct world *w, uint64_t pa, uint64_t gpa)
{
    (void)pa;
    return gpa < FIRST + FRAMES * 4096 && gpa >= FIRST
               ? w->frame[(gpa - FIRST) / 4096][gpa % 4096 / 8]
               : 0;
}

/* `flags`: W and U of all levels so far, NX of any. */
static struct verdict guest(struct world *w, const struct ask *a, uint64_t table, unsigned level,
                            uint64_t flags)
{
    uint64_t slot = table + (a->iova >> (3 + 9 * level) & 0x1ff) * 8, rights;
    struct verdict v = host(w, slot, w->host_levels, &rights);
    if (v.status != TB_OK)
        return v;
    if (!(rights & IR))
        return no(TB_FAULT);
    w->reads++;
    if (v.pa >= MEMORY)
        return no(TB_ABORT);
    uint64_t entry = contents(w, v.pa, slot), inside = ((uint64_t)1 << (3 + 9 * level)) - 1;
    if (!(entry & X86_PTE_P))
        return no(TB_FAULT);
    flags = (flags & entry & (X86_PTE_W | X86_PTE_U)) | ((flags | entry) & X86_PTE_NX);
    if (level > 3 && entry & X86_PTE_PS)
        return no(TB_FAULT);
    if (level > 1 && !(entry & X86_PTE_PS))
        return guest(w, a, entry & X86_PTE_ADDRESS, level - 1, flags);
    if (level > 1 && entry & X86_PTE_ADDRESS & inside & ~(uint64_t)4096)
        return no(TB_FAULT);
    return page(w, a, (entry & X86_PTE_ADDRESS & ~inside) | (a->iova & inside), flags);
}

static struct verdict judge(struct world *w, const struct ask *a)
{
    uint64_t above = (uint64_t)((int64_t)a->iova >> (11 + 9 * w->guest_levels));
    if (above != 0 && above != UINT64_MAX)
        return no(TB_FAULT);
    if (a->pasid >> 9 * w->glx)
        return no(TB_FAULT);
    w->gcr3 += w->glx;
    if (!(w->root[a->pasid - 1] & 1))
        return no(TB_FAULT);
    return guest(w, a, w->root[a->pasid - 1] & X86_PTE_ADDRESS, w->guest_levels,
                 X86_PTE_W | X86_PTE_U);
}

/* -- Random worlds ---------------------------------------------------------------------------- */

static uint64_t flags_of(struct world *w)
{
    return (draw(w, 60) ? X86_PTE_P : 0) | (draw(w, 30) ? X86_PTE_W : 0) |
           (draw(w, 30) ? X86_PTE_U : 0) | (draw(w, 12) ? 0 : X86_PTE_NX) |
           (draw(w, 10) ? 0 : X86_PTE_G);
}

/* A table, or now and then a page; or nothing that there is. */
static uint64_t guest_entry(struct world *w)
{
    uint64_t what = draw(w, 40);
    uint64_t frame = what < 36 ? draw(w, FRAMES) : FRAMES + draw(w, GPAS - FRAMES);
    if (what == 0)
        return flags_of(w) | (FIRST + 4096 * (GPAS + draw(w, 4)));
    if (what < 3) /* a big page: from 0, or with reserved bits */
        return flags_of(w) | X86_PTE_PS | (draw(w, 4) ? 0 : FIRST) | draw(w, 2) << 12;
    return flags_of(w) | (FIRST + 4096 * frame);
}

static uint64_t host_leaf(struct world *w, uint64_t place, bool table)
{
    uint64_t pa = table ? FIRST + place * 4096 : OUTSIDE + draw(w, 1 << 20) * 4096;
    uint64_t rights = draw(w, 12) ? IR | IW : draw(w, 4) << 61;
    if (table && !draw(w, 30))
        pa = OUTSIDE; /* a table outside memory */
    return pa | rights | (draw(w, 30) != 0) | (draw(w, 40) ? 0 : (uint64_t)1 << 55);
}

static void make_world(struct world *w)
{
    w->guest_levels = 4 + (unsigned)draw(w, 2);
    w->host_levels = (unsigned)draw(w, 7);
    w->glx = 1 + (unsigned)draw(w, 3);
    w->rights = draw(w, 6) ? IR | IW : draw(w, 4) << 61;
    memset(w->frame, 0, sizeof w->frame);
    for (unsigned f = 0; f < FRAMES; f++)
        for (unsigned i = 0; i < USED; i++)
            w->frame[f][indices[i]] = guest_entry(w);
    uint64_t turn = draw(w, FRAMES); /* the host puts frames elsewhere */
    for (unsigned g = 0; g < GPAS; g++)
        w->leaf[g] = host_leaf(w, g < FRAMES ? (g + turn) % FRAMES : g, g < FRAMES);
    for (unsigned p = 0; p < 3; p++)
        w->root[p] = (FIRST + 4096 * draw(w, FRAMES)) | (draw(w, 6) != 0);
}

static uint64_t address(struct world *w)
{
    uint64_t iova = draw(w, 512) * 8;
    for (unsigned level = 1; level <= w->guest_levels; level++)
        iova |= (uint64_t)indices[draw(w, USED + (draw(w, 8) == 0))] << (3 + 9 * level);
    unsigned top = 11 + 9 * w->guest_levels;
    if (iova >> top & 1 && draw(w, 20))
        iova |= ~(uint64_t)0 << top;
    return iova;
}

/* An allowed write to what is in memory would change tables: it becomes a read. */
static void ask(struct world *w)
{
    w->reads = w->gcr3 = 0;
    for (unsigned i = 0; i < REQUESTS; i++) {
        struct ask *a = &w->asks[i];
        *a =
            (struct ask){address(w), 1 + (uint32_t)draw(w, 3), draw(w, 2), draw(w, 2), !draw(w, 4)};
        uint64_t reads = w->reads, gcr3 = w->gcr3;
        w->verdicts[i] = judge(w, a);
        if (w->verdicts[i].status != TB_OK || w->verdicts[i].pa >= MEMORY || !a->write)
            continue;
        a->write = false;
        w->reads = reads;
        w->gcr3 = gcr3;
        w->verdicts[i] = judge(w, a);
    }
}

/* -- The simulator ---------------------------------------------------------------------------- */

static void load_host(struct rig *r, const struct world *w)
{
    for (unsigned level = w->host_levels; level > 1; level--)
        put(r, HOST + (w->host_levels - level) * 4096,
            IR | IW | (HOST + (w->host_levels - level + 1) * 4096) | (uint64_t)(level - 1) << 9 |
                1);
    for (unsigned g = 0; w->host_levels && g < GPAS; g++)
        put(r, HOST + (w->host_levels - 1) * 4096 + (FIRST / 4096 + g) * 8, w->leaf[g]);
}

static void load(struct rig *r, const struct world *w)
{
    uint64_t gcr3 = GCR3;
    put(r, DEVTAB + DEVICE * 32,
        AMDVI_DTE_GV | 3 | w->rights | tb_amdvi_gcr3_first(GCR3) |
            (uint64_t)(w->glx - 1) << AMDVI_DTE_GLX_SHIFT | HOST |
            w->host_levels << AMDVI_DTE_MODE_SHIFT);
    put(r, DEVTAB + DEVICE * 32 + 8, 7 | tb_amdvi_gcr3_second(GCR3));
    put(r, DEVTAB + DEVICE * 32 + 16,
        (uint64_t)(w->guest_levels - 4) << AMDVI_DTE_GUEST_MODE_SHIFT);
    load_host(r, w);
    for (unsigned level = w->glx; level > 1; level--, gcr3 += 4096)
        put(r, gcr3, (gcr3 + 4096) | 1);
    for (unsigned p = 0; p < 3; p++)
        put(r, gcr3 + (p + 1) * 8, w->root[p]);
    for (unsigned f = 0; f < FRAMES; f++) {
        uint64_t rights, pa = FIRST + f * 4096;
        struct world copy = *w;
        struct verdict v = host(&copy, pa, w->host_levels, &rights);
        pa = v.status == TB_OK ? v.pa : w->leaf[f] & X86_PTE_ADDRESS;
        if (pa < MEMORY)
            tb_sim_poke(r->s.sim, pa, w->frame[f], 4096);
    }
}

static bool agrees(const struct seen_txn *t, const struct verdict *v)
{
    if (v->status != TB_OK)
        return t->status == v->status;
    return t->status == (v->pa < MEMORY ? TB_OK : TB_UNSUPPORTED) && t->txn.has_pa &&
           t->txn.pa == v->pa;
}

static unsigned compare(const struct rig *r, const struct world *w)
{
    unsigned seen = 0, wrong = 0;
    for (size_t i = 0; i < r->s.count; i++) {
        const struct seen_txn *t = &r->s.at[i];
        if (t->txn.kind != TB_TXN_DMA)
            continue;
        seen++;
        const struct verdict *v = &w->verdicts[t->txn.number];
        if (agrees(t, v))
            continue;
        wrong++;
        printf("\n    g %u h %u glx %u iova 0x%" PRIx64 ": status %d pa 0x%" PRIx64
               ", expected %d 0x%" PRIx64,
               w->guest_levels, w->host_levels, w->glx, t->txn.iova, t->status, t->txn.pa,
               v->status, v->pa);
    }
    return wrong + (seen != REQUESTS);
}

static void send(struct rig *r, const struct ask *a)
{
    fake_send(r, TB_TXN_DMA,
              (struct tb_msg){.address = a->iova,
                              .length = 8,
                              .kind = a->write ? TB_WRITE : TB_READ,
                              .class = TB_NONPOSTED,
                              .space = TB_MEMORY,
                              .has_pasid = 1,
                              .pasid = a->pasid & 0xfffff,
                              .privileged = a->privileged,
                              .execute = a->execute});
}

/* One by one or all at once, as `together` says. */
static void hold(const struct world *w, const char *iommu, bool together, bool exact)
{
    struct rig r;
    make(&r, iommu, 1 | AMDVI_CONTROL_GT);
    load(&r, w);
    for (unsigned i = 0; i < REQUESTS; i++) {
        send(&r, &w->asks[i]);
        if (!together)
            run(&r, TB_NEVER);
    }
    run(&r, TB_NEVER);
    CU_ASSERT_EQUAL(compare(&r, w), 0);
    if (exact) {
        CU_ASSERT_EQUAL(counter(&r, "walk_reads"), w->reads);
        CU_ASSERT_EQUAL(counter(&r, "gcr3_reads"), w->gcr3);
    } else {
        CU_ASSERT(counter(&r, "walk_reads") <= w->reads);
    }
    seen_free(&r.s);
}

static void test_nested(void)
{
    struct world *w = calloc(1, sizeof *w);
    const char *seed = getenv("TB_SEED");
    unsigned good = 0;
    w->random = seed ? strtoull(seed, NULL, 0) : 1;
    for (unsigned round = 0; round < ROUNDS; round++) {
        make_world(w);
        ask(w);
        for (unsigned i = 0; i < REQUESTS; i++)
            good += w->verdicts[i].status == TB_OK;
        hold(w, "iotlb: {entries: 0},", false, true);
        hold(w, "iotlb: {entries: 16, ways: 4},", true, false);
        hold(w, "iotlb: {entries: 4}, nested: {entries: 8}, walkers: 2,", true, false);
        hold(w, "iotlb: {entries: 8}, pdc: {entries: 16}, nested: {entries: 32},", false, false);
        hold(w, "pdc: {entries: 64, hit: 1ns}, walkers: 1,", true, false);
    }
    CU_ASSERT(good > ROUNDS * 5);
    printf("%u of %u translated ", good, ROUNDS * REQUESTS);
    free(w);
}

SUITE("nested", {"random tables", test_nested})
