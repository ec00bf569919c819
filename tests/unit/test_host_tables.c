/* The driver's page tables against a naive reading of the specification, and its IOVA allocator. */
#include "host/host.h"
#include "host/iova.h"
#include "kernel/kernel.h"
#include "spec/amdvi.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#define BASE 0x10000000u
#define SIZE (4u << 20)

struct bench {
    struct host *h;
    struct host_iommu iommu;
    struct host_domain domain;
};

/* Nobody checks. */
static struct tb_sim sim;
static struct tb_model model = {.sim = &sim};

static void begin(struct bench *b, unsigned levels)
{
    b->h = calloc(1, sizeof *b->h);
    b->h->m = &model;
    b->h->domains = &b->domain;
    b->h->mirror = calloc(SIZE, 1);
    b->h->flow = &b->h->flows[HOST_PROGRAM];
    b->h->memory_at = BASE;
    b->h->memory_size = SIZE;
    b->iommu.format = &host_format_amdvi;
    b->domain = (struct host_domain){.iommu = &b->iommu, .levels = levels};
    b->domain.root = table_page(b->h);
}

static void end(struct bench *b)
{
    free(b->h->mirror);
    free(b->h);
}

static uint64_t word(const struct bench *b, uint64_t address)
{
    CU_ASSERT_TRUE_FATAL(address >= BASE && address < BASE + SIZE);
    return b->h->mirror[(address - BASE) / 8];
}

/* What the specification's walk finds (2.2.3). */
static bool walk(const struct bench *b, uint64_t iova, uint64_t *pa, uint64_t *permissions)
{
    unsigned level = b->domain.levels;
    uint64_t table = b->domain.root;
    *permissions = HOST_MAY_READ | HOST_MAY_WRITE;
    if (level < 6 && iova >> (12 + 9 * level))
        return false;
    for (;;) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t e = word(b, table + 8 * (iova >> shift & 511));
        unsigned next = e >> 9 & 7;
        if (!(e & 1))
            return false;
        *permissions &= e;
        uint64_t address = e & 0x000ffffffffff000;
        if (next == 0 || next == 7) {
            unsigned bits = shift;
            if (next == 7)
                for (bits = 12; address >> bits & 1; bits++)
                    ;
            bits += next == 7;
            uint64_t mask = ((uint64_t)1 << bits) - 1;
            *pa = (address & ~mask) | (iova & mask);
            return true;
        }
        CU_ASSERT_TRUE_FATAL(next < level);
        for (unsigned l = next + 1; l < level; l++)
            if (iova >> (12 + 9 * (l - 1)) & 511)
                return false;
        table = address;
        level = next;
    }
}

/* Does a job to its end, forgetting the stores. */
static const char *run(struct bench *b, struct table_job job)
{
    job.domain = &b->domain;
    job.iova = job.start;
    while (!job.over) {
        const char *wrong = table_step(b->h, &job, 0);
        b->h->flow->count = 0;
        if (wrong)
            return wrong;
    }
    return NULL;
}

static const char *map(struct bench *b, uint64_t iova, uint64_t pa, uint64_t size, uint64_t page,
                       bool skip)
{
    return run(b, (struct table_job){.start = iova,
                                     .last = iova + size - 1,
                                     .pa = pa,
                                     .page = page,
                                     .skip = skip,
                                     .permissions = HOST_MAY_READ});
}

static const char *unmap(struct bench *b, uint64_t iova, uint64_t size)
{
    return run(b, (struct table_job){.start = iova, .last = iova + size - 1, .unmap = true});
}

static void check(struct bench *b, uint64_t iova, bool mapped, uint64_t pa)
{
    uint64_t found = 0, looked = 0, permissions;
    CU_ASSERT_EQUAL(walk(b, iova, &found, &permissions), mapped);
    CU_ASSERT_EQUAL(table_lookup(b->h, &b->domain, iova, &looked), mapped);
    if (!mapped)
        return;
    CU_ASSERT_EQUAL(found, pa);
    CU_ASSERT_EQUAL(looked, pa);
    CU_ASSERT_EQUAL(permissions, HOST_MAY_READ);
}

/* Every size the format has room for in every depth, its first and last byte, and the bytes beside
 * it. */
static void test_page_sizes(void)
{
    for (unsigned bits = 12; bits <= 51; bits++)
        for (unsigned levels = (bits - 12) / 9 + 1; levels <= 6; levels++) {
            struct bench b;
            uint64_t page = (uint64_t)1 << bits;
            unsigned top = levels == 6 ? 64 : 12 + 9 * levels;
            /* A page that ends where the table's addresses do, unless it is all of them. */
            uint64_t iova = top == 64 ? -page : ((uint64_t)1 << top) - page;
            uint64_t pa = bits < 51 ? page : 0;
            begin(&b, levels);
            CU_ASSERT_TRUE(table_page_size(page));
            CU_ASSERT_PTR_NULL(map(&b, iova, pa, page, page, false));
            check(&b, iova, true, pa);
            check(&b, iova + page - 1, true, pa + page - 1);
            if (iova)
                check(&b, iova - 1, false, 0);
            CU_ASSERT_PTR_NULL(unmap(&b, iova, page));
            check(&b, iova, false, 0);
            check(&b, iova + page - 1, false, 0);
            end(&b);
        }
    CU_ASSERT_FALSE(table_page_size(2048));
    CU_ASSERT_FALSE(table_page_size(12288));
    CU_ASSERT_FALSE(table_page_size((uint64_t)1 << 52));
}

static void test_refusals(void)
{
    struct bench b;
    begin(&b, 3);
    CU_ASSERT_PTR_NULL(map(&b, 0x200000, 0, 0x200000, 0x200000, false));
    CU_ASSERT_PTR_NOT_NULL(map(&b, 0x201000, 0, 4096, 4096, false)); /* inside a larger page */
    CU_ASSERT_PTR_NOT_NULL(unmap(&b, 0x201000, 4096));               /* a part of it */
    CU_ASSERT_PTR_NOT_NULL(
        map(&b, (uint64_t)1 << 39, 0, 4096, 4096, false)); /* beyond three levels */
    CU_ASSERT_PTR_NOT_NULL(map(&b, 0, 0, (uint64_t)1 << 39, (uint64_t)1 << 39, false));
    CU_ASSERT_PTR_NULL(map(&b, 0x400000, 0, 4096, 4096, false));
    CU_ASSERT_PTR_NOT_NULL(
        map(&b, 0x400000, 0, 0x200000, 0x200000, false)); /* over a smaller one */
    CU_ASSERT_PTR_NULL(unmap(&b, 0x400000, 0x200000));
    CU_ASSERT_PTR_NULL(unmap(&b, 0, UINT64_MAX));
    check(&b, 0x200000, false, 0);
    end(&b);
}

/* The driver's memory is used up: it says so, and what is mapped stays. */
static void test_memory(void)
{
    struct bench b;
    begin(&b, 4);
    b.h->memory_size = 64 * HOST_PAGE;
    const char *wrong = NULL;
    uint64_t n = 0;
    for (; !wrong && n < 1000; n++)
        wrong = map(&b, n << 30, n << 12, 4096, 4096, false);
    CU_ASSERT_PTR_NOT_NULL(wrong);
    CU_ASSERT_TRUE(n > 20);
    check(&b, 0, true, 0);
    check(&b, (n - 2) << 30, true, (n - 2) << 12);
    end(&b);
}

static uint64_t next_random(uint64_t *state)
{
    struct tb_random r = {*state};
    uint64_t value = tb_random_next(&r);
    *state = r.state;
    return value;
}

#define PLACES 400

/* Random pages of many sizes in a table with few addresses, mapped, remapped and unmapped; a plain
 * list of what should be there is the judge. */
static void random_run(uint64_t seed, bool skip)
{
    static struct {
        uint64_t iova, pa, page;
    } list[PLACES];
    size_t count = 0;
    struct bench b;
    begin(&b, 4 + seed % 3);
    for (unsigned i = 0; i < PLACES; i++) {
        uint64_t r = next_random(&seed), page = (uint64_t)4096 << r % 14;
        uint64_t iova = (next_random(&seed) & 0x80003fffffffull) & ~(page - 1);
        uint64_t pa = (next_random(&seed) & 0xffffffffffull) & ~(page - 1);
        if (map(&b, iova, pa, page, page, skip))
            continue; /* refused: nothing may have changed */
        for (size_t k = 0; k < count; k++)
            if (list[k].iova == iova)
                list[k--] = list[--count];
        list[count].iova = iova;
        list[count].pa = pa;
        list[count++].page = page;
        if (r >> 60 == 0) {
            CU_ASSERT_PTR_NULL(unmap(&b, list[0].iova, list[0].page));
            check(&b, list[0].iova, false, 0);
            list[0] = list[--count];
        }
    }
    CU_ASSERT_TRUE(count > 20);
    for (size_t k = 0; k < count; k++) {
        check(&b, list[k].iova, true, list[k].pa);
        check(&b, list[k].iova + list[k].page - 1, true, list[k].pa + list[k].page - 1);
    }
    CU_ASSERT_PTR_NULL(unmap(&b, 0, UINT64_MAX));
    for (size_t k = 0; k < count; k++)
        check(&b, list[k].iova, false, 0);
    end(&b);
}

static void test_random(void)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        random_run(seed, false);
        random_run(seed, true);
    }
}

static void test_skip(void)
{
    struct bench b;
    begin(&b, 6);
    /* All bits between the sixth level's and the page's are zero: two tables do for six levels. */
    CU_ASSERT_PTR_NULL(map(&b, (uint64_t)5 << 57, 0x5000, 8192, 4096, true));
    check(&b, ((uint64_t)5 << 57) + 4096, true, 0x6000);
    CU_ASSERT_EQUAL(b.h->memory_used, 2 * HOST_PAGE);
    CU_ASSERT_PTR_NOT_NULL(map(&b, ((uint64_t)5 << 57) + (1 << 21), 0, 4096, 4096, true));
    end(&b);
}

static void invalidation(uint64_t iova, uint64_t last, uint64_t expected)
{
    uint64_t q[2];
    iommu_invalidate_pages(q, 7, iova, last);
    CU_ASSERT_EQUAL(q[0], 0x3000000700000000);
    CU_ASSERT_EQUAL(q[1], expected);
}

/* The address and size of INVALIDATE_IOMMU_PAGES (2.4.3): trailing ones from bit 12 code the size.
 */
static void test_invalidations(void)
{
    invalidation(0x12000, 0x12fff, 0x12002);
    invalidation(0x12000, 0x13fff, 0x12003);
    invalidation(0x13000, 0x14fff, 0x13003); /* 0x10000..0x17fff is the smallest that holds both */
    invalidation(0x10000, 0x1ffff, 0x17003);
    invalidation(0, 0x1fffff, 0xff003);
    invalidation(0, UINT64_MAX, 0x7ffffffffffff003);
}

static void test_iova(void)
{
    uint64_t used[16] = {0};
    struct iova_space s = {.base = 0x10000000, .pages = 1024, .used = used};
    CU_ASSERT_EQUAL(iova_take(&s, 1), 0x10000000 + 1023 * 4096);
    CU_ASSERT_EQUAL(iova_take(&s, 1), 0x10000000 + 1022 * 4096);
    CU_ASSERT_EQUAL(iova_take(&s, 3),
                    0x10000000 + 1016 * 4096); /* aligned to 4 pages, below the two */
    iova_give(&s, 0x10000000 + 1023 * 4096, 1);
    CU_ASSERT_EQUAL(iova_take(&s, 1), 0x10000000 + 1023 * 4096);
    CU_ASSERT_EQUAL(iova_take(&s, 1025), 0);
    CU_ASSERT_EQUAL(iova_take(&s, 0), 0);
    CU_ASSERT_EQUAL(iova_take(&s, 1024), 0);
    for (unsigned i = 0; i < 15; i++)
        CU_ASSERT_NOT_EQUAL(iova_take(&s, 64), 0);
    CU_ASSERT_EQUAL(iova_take(&s, 64), 0);

    uint64_t ring_used[16] = {0};
    struct iova_space ring = {.base = 0x10000000, .pages = 1024, .used = ring_used, .ring = true};
    uint64_t first = iova_take(&ring, 16);
    iova_give(&ring, first, 16);
    CU_ASSERT_EQUAL(first, 0x10000000);
    for (unsigned i = 1; i < 64; i++) {
        uint64_t iova = iova_take(&ring, 16);
        CU_ASSERT_EQUAL(iova, 0x10000000 + i * 65536);
        iova_give(&ring, iova, 16);
    }
    CU_ASSERT_EQUAL(iova_take(&ring, 16), 0x10000000);
}

SUITE("host tables", {"page sizes", test_page_sizes}, {"refusals", test_refusals},
      {"memory", test_memory}, {"random", test_random}, {"skipped levels", test_skip},
      {"invalidations", test_invalidations}, {"IOVA allocator", test_iova})
