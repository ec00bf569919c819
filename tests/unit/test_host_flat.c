/* The driver's flat tables (sun4m, GART) against an array, the bytes it stores for them, and what
 * it refuses. */
#include "host/host.h"
#include "kernel/kernel.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

#define BASE  0x10000000u
#define SIZE  (4u << 20)
#define PAGES 4096u /* of 16 MiB */

struct bench {
    struct host *h;
    struct host_iommu iommu;
    struct host_domain domain;
    uint8_t memory[PAGES * 4]; /* the table, as the stores leave it */
};

static struct tb_sim sim;
static struct tb_model model = {.sim = &sim};

static void begin(struct bench *b, const struct host_format *format, uint64_t first)
{
    memset(b, 0, sizeof *b);
    b->h = calloc(1, sizeof *b->h);
    b->h->m = &model;
    b->h->domains = &b->domain;
    b->h->mirror = calloc(SIZE, 1);
    b->h->flow = &b->h->flows[HOST_PROGRAM];
    b->h->memory_at = BASE;
    b->h->memory_size = SIZE;
    b->iommu = (struct host_iommu){.format = format,
                                   .first = first,
                                   .size = (uint64_t)PAGES * HOST_PAGE,
                                   .lowest = HOST_4GIB - 1,
                                   .table_at = BASE + 0x10000};
    b->domain = (struct host_domain){.iommu = &b->iommu, .root = b->iommu.table_at};
}

static void end(struct bench *b)
{
    free(b->h->mirror);
    free(b->h);
}

/* Does what the driver has queued. */
static void store_all(struct bench *b)
{
    struct host_flow *f = b->h->flow;
    for (unsigned i = 0; i < f->count; i++) {
        uint64_t at = f->ops[i].address - b->iommu.table_at;
        CU_ASSERT_TRUE_FATAL(f->ops[i].write && f->ops[i].size == 4 && at < sizeof b->memory);
        for (unsigned k = 0; k < 4; k++)
            b->memory[at + k] = (uint8_t)(f->ops[i].value >> 8 * k);
    }
    f->count = 0;
}

static const char *run(struct bench *b, struct table_job job)
{
    job.domain = &b->domain;
    job.iova = job.start;
    job.page = HOST_PAGE;
    while (!job.over) {
        const char *wrong = table_step(b->h, &job, 0);
        store_all(b);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static uint64_t draw(uint64_t n)
{
    static uint64_t state = 1;
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

/* An entry as hardware reads it. */
static uint32_t entry_of(const struct bench *b, unsigned page)
{
    const uint8_t *p = b->memory + 4 * page;
    return b->iommu.format == &host_format_sun4m
               ? (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3]
               : (uint32_t)p[3] << 24 | p[2] << 16 | p[1] << 8 | p[0];
}

struct expected {
    uint64_t pa;
    bool mapped, write;
};

static void compare(struct bench *b, const struct expected *pages)
{
    for (unsigned i = 0; i < PAGES; i++) {
        const struct expected *e = &pages[i];
        uint32_t sun = (uint32_t)(e->pa >> 4) | 2 | (e->write ? 4 : 0);
        uint32_t gart = (uint32_t)(e->pa & 0xfffff000) | (uint32_t)(e->pa >> 28 & 0xff0) | 3;
        uint32_t entry = b->iommu.format == &host_format_sun4m ? sun : gart;
        CU_ASSERT_EQUAL(entry_of(b, i), e->mapped ? entry : 0);
        uint64_t pa = 0, iova = b->iommu.first + (uint64_t)i * HOST_PAGE + 0x123;
        bool found = table_lookup(b->h, &b->domain, iova, &pa);
        CU_ASSERT_EQUAL(found, e->mapped);
        CU_ASSERT(!found || pa == (e->pa | 0x123));
    }
}

static void random_tables(const struct host_format *format, uint64_t first, unsigned pa_bits)
{
    static struct bench b;
    static struct expected pages[PAGES];
    memset(pages, 0, sizeof pages);
    begin(&b, format, first);
    for (unsigned n = 0; n < 400; n++) {
        unsigned page = (unsigned)draw(PAGES), count = 1 + (unsigned)draw(40);
        count = count < PAGES - page ? count : PAGES - page;
        bool unmap = draw(3) == 0, write = draw(2) || format == &host_format_gart;
        struct table_job job = {.start = first + (uint64_t)page * HOST_PAGE,
                                .pa = draw((uint64_t)1 << (pa_bits - 13)) * HOST_PAGE,
                                .permissions =
                                    HOST_MAY_READ | (write ? HOST_MAY_WRITE : (uint64_t)0),
                                .unmap = unmap};
        job.last = job.start + count * HOST_PAGE - 1;
        CU_ASSERT_PTR_NULL(run(&b, job));
        for (unsigned i = 0; i < count; i++)
            pages[page + i] =
                unmap ? (struct expected){0}
                      : (struct expected){job.pa + (uint64_t)i * HOST_PAGE, true, write};
    }
    compare(&b, pages);
    end(&b);
}

static void test_random(void)
{
    random_tables(&host_format_sun4m, 0xff000000, 36);
    random_tables(&host_format_gart, 0x8000000, 40);
}

/* -- Refusals ------------------------------------------------------------------------------------
 */

#define RW (HOST_MAY_READ | HOST_MAY_WRITE)

static void refuses(const struct host_format *format, uint64_t first, struct table_job job,
                    const char *with)
{
    static struct bench b;
    begin(&b, format, first);
    job.domain = &b.domain;
    job.iova = job.start;
    job.page = job.page ? job.page : HOST_PAGE;
    const char *wrong = format->refuses(b.h, &b.iommu, &job);
    CU_ASSERT(with ? wrong && strstr(wrong, with) : !wrong);
    end(&b);
}

static void test_refusals(void)
{
    const struct host_format *sun = &host_format_sun4m, *gart = &host_format_gart;
    const struct table_job good = {.start = 0x80000000, .last = 0x80000fff, .permissions = RW};
    struct table_job job = good;
    refuses(sun, 0, job, NULL);
    job.start -= HOST_PAGE;
    refuses(sun, 0, job, "top of the 32-bit space");
    job = good, job.last = HOST_4GIB;
    refuses(sun, 0, job, "top of the 32-bit space");
    job = good, job.permissions = HOST_MAY_WRITE;
    refuses(sun, 0, job, "'r' or 'rw'");
    job = good, job.pa = (uint64_t)1 << 36;
    refuses(sun, 0, job, "36 bits");
    job = good, job.page = 2 * HOST_PAGE;
    refuses(sun, 0, job, "4 KiB");
    job = good, job.skip = true;
    refuses(gart, 0x80000000, job, "one table");
    job = good;
    refuses(gart, 0x80000000, job, NULL);
    refuses(gart, 0x8000000, job, "aperture");
    job.pa = (uint64_t)1 << 40;
    refuses(gart, 0x80000000, job, "40 bits");
    job = good, job.permissions = HOST_MAY_READ;
    refuses(gart, 0x80000000, job, "no permissions");
}

/* What no step could know beforehand is refused when it comes to it. */
static void test_late(void)
{
    static struct bench b;
    begin(&b, &host_format_sun4m, 0xff000000);
    CU_ASSERT_PTR_NOT_NULL(
        run(&b, (struct table_job){.start = 0xfe000000, .last = 0xfe000fff, .permissions = RW}));
    CU_ASSERT_PTR_NOT_NULL(
        run(&b, (struct table_job){.start = 0xfe000000, .last = 0xfe000fff, .unmap = true}));
    CU_ASSERT_PTR_NOT_NULL(run(&b, (struct table_job){.start = 0xff000000,
                                                      .last = 0xff000fff,
                                                      .pa = (uint64_t)1 << 36,
                                                      .permissions = RW}));
    end(&b);
}

SUITE("host: flat tables", {"random maps", test_random}, {"refusals", test_refusals},
      {"late refusals", test_late})
