/* Nothing is allocated once a simulator is made, but pages of sparse storage. The program's own
 * malloc counts. */
#include "suite.h"
#include "tollbridge/sim.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS 0 /* the sanitizer has a malloc of its own */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS 0
#endif
#endif
#ifndef COUNTS
#define COUNTS 1
#endif

static unsigned long calls; /* of malloc and its kin, since the start */

#if COUNTS
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    calls++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    calls++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    calls++;
    return __libc_realloc(old, size);
}
#endif

static struct tb_sim *load(const char *path, const char *const *sets)
{
    struct tb_diag *d = tb_diag_new();
    struct tb_input in = {.path = path, .sets = sets};
    struct tb_sim *s = tb_sim_new(&in, d);
    tb_diag_print(d, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    tb_diag_free(d);
    return s;
}

/* How often a run allocates. */
static unsigned long run(const char *path, const char *const *sets)
{
    struct tb_sim *s = load(path, sets);
    unsigned long before = calls;
    CU_ASSERT_EQUAL(tb_sim_run(s, TB_NEVER), TB_EXIT_OK);
    unsigned long made = calls - before;
    tb_sim_free(s);
    return made;
}

static void counting_counts(void)
{
    unsigned long before = calls;
    void *volatile p = malloc(10);
    free(p);
    CU_ASSERT_EQUAL(calls - before, COUNTS);
}

static void reference_workloads(void)
{
    static const char *const few[] = {"record=none", "dma.count=20000", NULL};
    CU_ASSERT_EQUAL(run(TB_SOURCE_DIR "/configs/rw1.yaml", few), 0);
    CU_ASSERT_EQUAL(run(TB_SOURCE_DIR "/configs/rw2.yaml", few), 0);
}

/* A disk's DMA makes pages of memory, and nothing else: no more than there are pages and tables of
 * them. */
static void disk_scenario(void)
{
    static const char *const quiet[] = {"record=none", NULL};
    struct tb_sim *s = load(TB_SOURCE_DIR "/configs/quickstart.yaml", quiet);
    uint64_t pages_before = 0, pages_after = 0;
    tb_sim_counter(s, "dram", "pages", &pages_before);
    unsigned long before = calls;
    CU_ASSERT_EQUAL(tb_sim_run(s, TB_NEVER), TB_EXIT_OK);
    tb_sim_counter(s, "dram", "pages", &pages_after);
    CU_ASSERT(calls - before <= 2 * (pages_after - pages_before));
    tb_sim_free(s);
}

SUITE("alloc", {"counting counts", counting_counts}, {"reference workloads", reference_workloads},
      {"a disk's DMA", disk_scenario})
