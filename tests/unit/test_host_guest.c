/* The driver's tables of PASIDs against a naive reading of x86-64's paging, alone and over a host's
 * table. */
#include "host/host.h"
#include "kernel/kernel.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#define BASE 0x10000000u
#define SIZE (8u << 20)

struct bench {
    struct host *h;
    struct host_device device;
    struct host_iommu iommu;
    struct host_domain domain;
    struct host_guest guest;
};

/* Nobody checks. */
static struct tb_sim sim;
static struct tb_model model = {.sim = &sim};

static void begin(struct bench *b, enum host_guests how, unsigned levels)
{
    memset(b, 0, sizeof *b);
    b->h = calloc(1, sizeof *b->h);
    b->h->m = &model;
    b->h->domains = &b->domain;
    b->h->guests = &b->guest;
    b->h->mirror = calloc(SIZE, 1);
    b->h->flow = &b->h->flows[HOST_PROGRAM];
    b->h->memory_at = BASE;
    b->h->memory_size = SIZE;
    b->iommu.format = &host_format_amdvi;
    b->domain = (struct host_domain){.iommu = &b->iommu, .levels = 4};
    b->domain.root = table_page(b->h);
    b->device.domain = &b->domain;
    b->device.guests = how;
    b->device.guest_levels = levels;
    b->device.gcr3_at = table_page(b->h);
    b->guest = (struct host_guest){.device = &b->device, .pasid = 5};
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

/* Where the device finds a guest physical address. */
static uint64_t host_address(const struct bench *b, uint64_t address)
{
    uint64_t pa = address;
    if (b->device.guests == HOST_NESTED)
        CU_ASSERT_TRUE_FATAL(table_lookup(b->h, &b->domain, address, &pa));
    return pa;
}

static bool walk(const struct bench *b, uint64_t iova, uint64_t *pa, bool *writes)
{
    uint64_t entry = word(b, b->device.gcr3_at + 8 * 5);
    *writes = true;
    CU_ASSERT_EQUAL(entry & 1, 1);
    for (unsigned level = b->device.guest_levels;; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        entry = word(b, host_address(b, entry & 0x000ffffffffff000) + 8 * (iova >> shift & 511));
        if (!(entry & 1))
            return false;
        CU_ASSERT_EQUAL(entry >> 2 & 1, 1);
        *writes = *writes && (entry & 2);
        if (level == 1 || entry & 0x80) {
            uint64_t mask = ((uint64_t)1 << shift) - 1;
            *pa = (entry & 0x000ffffffffff000 & ~mask) | (iova & mask);
            return true;
        }
    }
}

static const char *apply(struct bench *b, uint64_t iova, uint64_t pa, uint64_t size, uint64_t page,
                         bool writes, bool unmap)
{
    struct table_job job = {.domain = &b->domain,
                            .guest = &b->guest,
                            .start = iova,
                            .iova = iova,
                            .last = iova + size - 1,
                            .pa = pa,
                            .page = page,
                            .unmap = unmap,
                            .permissions = HOST_MAY_READ | (writes ? HOST_MAY_WRITE : 0)};
    const char *wrong = NULL;
    while (!job.over && !wrong) {
        wrong = table_step(b->h, &job, 0);
        b->h->flow->count = 0;
    }
    return wrong;
}

/* Random pages in a window, and what the table says of every page after each change. */
static void random_maps(enum host_guests how, unsigned levels)
{
    enum { PAGES = 256, TURNS = 300 };
    uint64_t pa_of[PAGES] = {0}, found;
    bool writes_of[PAGES] = {false}, writes;
    struct tb_random random = {levels + how};
    const uint64_t window = levels == 5 ? (uint64_t)3 << 50 : (uint64_t)0x7fff << 32;
    struct bench b;
    begin(&b, how, levels);
    CU_ASSERT_PTR_NULL(guest_begin(b.h, &b.guest, NULL, 0));
    for (unsigned turn = 0; turn < TURNS; turn++) {
        uint64_t first = tb_random_below(&random, PAGES),
                 count = 1 + tb_random_below(&random, PAGES - first);
        bool unmap = tb_random_below(&random, 3) == 0, w = tb_random_below(&random, 2);
        uint64_t pa = (1 + tb_random_below(&random, 1000)) << 24;
        CU_ASSERT_PTR_NULL(apply(&b, window + first * 4096, pa, count * 4096, 4096, w, unmap));
        for (uint64_t p = first; p < first + count; p++) {
            pa_of[p] = unmap ? 0 : pa + (p - first) * 4096;
            writes_of[p] = w;
        }
        for (uint64_t p = 0; p < PAGES; p++) {
            bool there = walk(&b, window + p * 4096 + 8, &found, &writes);
            CU_ASSERT_EQUAL(there, pa_of[p] != 0);
            if (there && pa_of[p])
                CU_ASSERT(found == pa_of[p] + 8 && writes == writes_of[p]);
        }
    }
    end(&b);
}

static void alone(void)
{
    random_maps(HOST_ALONE, 4);
    random_maps(HOST_ALONE, 5);
}

static void nested(void)
{
    random_maps(HOST_NESTED, 4);
    random_maps(HOST_NESTED, 5);
}

static void large_pages(void)
{
    struct bench b;
    uint64_t pa;
    bool writes;
    begin(&b, HOST_ALONE, 4);
    CU_ASSERT_PTR_NULL(guest_begin(b.h, &b.guest, NULL, 0));
    CU_ASSERT_PTR_NULL(apply(&b, 0x40000000, 0x80000000, 1 << 30, 1 << 30, true, false));
    CU_ASSERT_PTR_NULL(apply(&b, 0x200000, 0x600000, 2 << 20, 2 << 20, false, false));
    CU_ASSERT(walk(&b, 0x7fffffff, &pa, &writes) && pa == 0xbfffffff && writes);
    CU_ASSERT(walk(&b, 0x3fffff, &pa, &writes) && pa == 0x7fffff && !writes);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(apply(&b, 0x201000, 0, 4096, 4096, true, false), "a larger page"));
    CU_ASSERT_PTR_NOT_NULL(strstr(apply(&b, 0x201000, 0, 4096, 4096, true, true), "within a page"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(apply(&b, (uint64_t)1 << 47, 0, 4096, 4096, true, false), "canonical"));
    CU_ASSERT_PTR_NULL(apply(&b, ~(uint64_t)0 << 47, 0x5000, 4096, 4096, true, false));
    CU_ASSERT(walk(&b, ~(uint64_t)0 << 47, &pa, &writes) && pa == 0x5000);
    CU_ASSERT_PTR_NULL(apply(&b, 0x200000, 0, 2 << 20, 4096, true, true));
    CU_ASSERT_FALSE(walk(&b, 0x200000, &pa, &writes));
    end(&b);
}

static void refusals(void)
{
    struct bench b;
    begin(&b, HOST_NO_GUESTS, 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(guest_begin(b.h, &b.guest, NULL, 0), "not attached with 'guest"));
    end(&b);
    begin(&b, HOST_ALONE, 4);
    b.h->memory_used = SIZE - 4096;
    CU_ASSERT_PTR_NULL(guest_begin(b.h, &b.guest, NULL, 0));
    CU_ASSERT_PTR_NOT_NULL(strstr(apply(&b, 0, 0, 4096, 4096, true, false), "memory is used up"));
    end(&b);
}

SUITE("host_guest", {"alone", alone}, {"nested", nested}, {"large pages", large_pages},
      {"refusals", refusals})
