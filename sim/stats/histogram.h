/* Log-linear histograms of whole numbers, as HdrHistogram keeps them with three significant digits.
 *
 * A value below 2048 has a bucket of its own; above, every power of two has 1024 buckets, so that a
 * bucket is at most a thousandth of its values wide. Buckets are numbered without gaps. Memory
 * grows with the logarithm of the largest value: 90 KB up to 1 us in ps, 170 KB up to 1 ms.
 */
#ifndef TB_HISTOGRAM_H
#define TB_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

struct tb_histogram {
    uint64_t *buckets;
    uint32_t size;     /* how many buckets there are */
    uint64_t count;    /* of values */
    uint64_t min, max; /* valid if count > 0 */
};

#define TB_HISTOGRAM_BITS 10u /* 2^10 buckets per power of two */

/* The bucket of a value, and the least and largest value of a bucket. */
static inline uint32_t tb_histogram_bucket(uint64_t value)
{
    unsigned top = 63 - (unsigned)__builtin_clzll(value | 1);
    unsigned shift = top > TB_HISTOGRAM_BITS ? top - TB_HISTOGRAM_BITS : 0;
    return (shift << TB_HISTOGRAM_BITS) + (uint32_t)(value >> shift);
}

static inline uint64_t tb_histogram_least(uint32_t bucket)
{
    uint32_t shift = bucket >> TB_HISTOGRAM_BITS;
    shift = shift ? shift - 1 : 0;
    return (uint64_t)(bucket - (shift << TB_HISTOGRAM_BITS)) << shift;
}

static inline uint64_t tb_histogram_largest(uint32_t bucket)
{
    uint32_t shift = bucket >> TB_HISTOGRAM_BITS;
    shift = shift ? shift - 1 : 0;
    return tb_histogram_least(bucket) + (((uint64_t)1 << shift) - 1);
}

/* Counts `times` values; a zeroed histogram is an empty one. false: no memory, nothing was counted.
 */
bool tb_histogram_add_many(struct tb_histogram *h, uint64_t value, uint64_t times);

static inline bool tb_histogram_add(struct tb_histogram *h, uint64_t value)
{
    uint32_t bucket = tb_histogram_bucket(value);
    if (__builtin_expect(bucket >= h->size || h->count == 0, 0))
        return tb_histogram_add_many(h, value, 1);
    h->buckets[bucket]++;
    h->count++;
    h->min = value < h->min ? value : h->min;
    h->max = value > h->max ? value : h->max;
    return true;
}

/* The least bucket value that so many thousandths of a percent of the values do not exceed: 50000
 * is the median. Told is the bucket's largest value, but never more than the largest that was
 * counted, nor less than the smallest. 0 if nothing was counted. */
uint64_t tb_histogram_percentile(const struct tb_histogram *h, uint32_t per_100k);

/* Adds what another counted. false: no memory, nothing was added. */
bool tb_histogram_merge(struct tb_histogram *to, const struct tb_histogram *from);

void tb_histogram_free(struct tb_histogram *h);

#endif
