/* Histograms; see histogram.h. */
#include "stats/histogram.h"

#include <stdlib.h>
#include <string.h>

static bool grow(struct tb_histogram *h, uint32_t bucket)
{
    uint32_t step = 1u << TB_HISTOGRAM_BITS;
    uint32_t size = (bucket / step + 1) * step;
    if (size <= h->size)
        return true;
    uint64_t *more = realloc(h->buckets, size * sizeof *more);
    if (!more)
        return false;
    memset(more + h->size, 0, (size - h->size) * sizeof *more);
    h->buckets = more;
    h->size = size;
    return true;
}

static void widen(struct tb_histogram *h, uint64_t min, uint64_t max)
{
    h->min = h->count == 0 || min < h->min ? min : h->min;
    h->max = h->count == 0 || max > h->max ? max : h->max;
}

bool tb_histogram_add_many(struct tb_histogram *h, uint64_t value, uint64_t times)
{
    uint32_t bucket = tb_histogram_bucket(value);
    if (times == 0)
        return true;
    if (!grow(h, bucket))
        return false;
    widen(h, value, value);
    h->buckets[bucket] += times;
    h->count += times;
    return true;
}

uint64_t tb_histogram_percentile(const struct tb_histogram *h, uint32_t per_100k)
{
    if (h->count == 0)
        return 0;
    /* The rank, rounded up, at least the first. */
    unsigned __int128 rank = ((unsigned __int128)h->count * per_100k + 99999) / 100000;
    uint64_t wanted = rank ? (uint64_t)rank : 1, seen = 0;
    uint32_t bucket = tb_histogram_bucket(h->min);
    for (; bucket + 1 < h->size; bucket++) {
        seen += h->buckets[bucket];
        if (seen >= wanted)
            break;
    }
    uint64_t value = tb_histogram_largest(bucket);
    return value < h->min ? h->min : value > h->max ? h->max : value;
}

bool tb_histogram_merge(struct tb_histogram *to, const struct tb_histogram *from)
{
    if (from->count == 0)
        return true;
    if (!grow(to, tb_histogram_bucket(from->max)))
        return false;
    for (uint32_t i = tb_histogram_bucket(from->min); i <= tb_histogram_bucket(from->max); i++)
        to->buckets[i] += from->buckets[i];
    widen(to, from->min, from->max);
    to->count += from->count;
    return true;
}

void tb_histogram_free(struct tb_histogram *h)
{
    free(h->buckets);
    *h = (struct tb_histogram){0};
}
