/* Histograms: every value in a bucket that holds it, percentiles against a sorted list. */
#include "suite.h"

#include "stats/histogram.h"

#include <stdlib.h>

static uint64_t next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = *state;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void check_bucket(uint64_t value)
{
    uint32_t b = tb_histogram_bucket(value);
    uint64_t least = tb_histogram_least(b), largest = tb_histogram_largest(b);
    CU_ASSERT(least <= value && value <= largest);
    CU_ASSERT(largest - least <= least / 1000);
    CU_ASSERT_EQUAL(tb_histogram_bucket(least), b);
    CU_ASSERT_EQUAL(tb_histogram_bucket(largest), b);
    if (largest != UINT64_MAX)
        CU_ASSERT_EQUAL(tb_histogram_bucket(largest + 1), b + 1);
}

static void test_buckets(void)
{
    uint64_t state = 1;
    for (uint64_t v = 0; v < 5000; v++)
        check_bucket(v);
    for (unsigned bit = 0; bit < 64; bit++) {
        check_bucket((uint64_t)1 << bit);
        check_bucket(((uint64_t)1 << bit) - 1);
        check_bucket(UINT64_MAX >> bit);
        for (unsigned i = 0; i < 100; i++)
            check_bucket(next(&state) >> bit);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void test_percentiles(void)
{
    enum { COUNT = 20000 };
    static const uint32_t asked[] = {0, 1, 50000, 90000, 99000, 99900, 99990, 99999, 100000};
    uint64_t *all = calloc(COUNT, sizeof *all), state = 7;
    struct tb_histogram h = {0};
    for (unsigned i = 0; i < COUNT; i++) {
        all[i] = 40000 + (next(&state) >> (24 + next(&state) % 30));
        CU_ASSERT(tb_histogram_add(&h, all[i]));
    }
    qsort(all, COUNT, sizeof *all, compare);
    for (unsigned i = 0; i < sizeof asked / sizeof *asked; i++) {
        size_t rank = ((size_t)COUNT * asked[i] + 99999) / 100000;
        uint64_t exact = all[rank ? rank - 1 : 0], told = tb_histogram_percentile(&h, asked[i]);
        CU_ASSERT(told >= exact && told - exact <= exact / 1000);
    }
    CU_ASSERT_EQUAL(h.min, all[0]);
    CU_ASSERT_EQUAL(h.max, all[COUNT - 1]);
    CU_ASSERT_EQUAL(tb_histogram_percentile(&h, 100000), all[COUNT - 1]);
    tb_histogram_free(&h);
    free(all);
}

static void test_few(void)
{
    struct tb_histogram h = {0};
    CU_ASSERT_EQUAL(tb_histogram_percentile(&h, 50000), 0);
    tb_histogram_add(&h, 123456789);
    CU_ASSERT_EQUAL(tb_histogram_percentile(&h, 0), 123456789);
    CU_ASSERT_EQUAL(tb_histogram_percentile(&h, 50000), 123456789);
    CU_ASSERT_EQUAL(tb_histogram_percentile(&h, 100000), 123456789);
    tb_histogram_add_many(&h, 5, 99);
    CU_ASSERT_EQUAL(h.count, 100);
    CU_ASSERT_EQUAL(tb_histogram_percentile(&h, 99000), 5);
    CU_ASSERT_EQUAL(tb_histogram_percentile(&h, 99001), 123456789);
    tb_histogram_free(&h);
}

static void test_merge(void)
{
    struct tb_histogram a = {0}, b = {0}, both = {0};
    uint64_t state = 3;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t v = next(&state) >> (i % 50);
        tb_histogram_add(i & 1 ? &a : &b, v);
        tb_histogram_add(&both, v);
    }
    CU_ASSERT(tb_histogram_merge(&a, &b));
    CU_ASSERT_EQUAL(a.count, both.count);
    CU_ASSERT_EQUAL(a.min, both.min);
    CU_ASSERT_EQUAL(a.max, both.max);
    for (uint32_t p = 0; p <= 100000; p += 500)
        CU_ASSERT_EQUAL(tb_histogram_percentile(&a, p), tb_histogram_percentile(&both, p));
    tb_histogram_free(&a);
    tb_histogram_free(&b);
    tb_histogram_free(&both);
}

SUITE("histogram", {"buckets", test_buckets}, {"percentiles", test_percentiles},
      {"few values", test_few}, {"merge", test_merge})
