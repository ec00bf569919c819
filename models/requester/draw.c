/* Exponential and Zipf draws from tables: see draw.h. */
#include "draw.h"

#include "tables.h"

/* Between two points of a table: `x` is the position in units of 2^-24 of a step. */
static uint64_t interpolate(const uint64_t *table, unsigned i, uint64_t x)
{
    int64_t step = (int64_t)table[i + 1] - (int64_t)table[i];
    return (uint64_t)((int64_t)table[i] + step * (int64_t)x / (1 << 24));
}

/* -ln(u / 2^64) in units of 2^-32, for u >= 1: u = m * 2^-(k+1) with m in [1, 2). */
static uint64_t minus_ln(uint64_t u)
{
    unsigned k = (unsigned)__builtin_clzll(u);
    uint64_t fraction = u << k << 1; /* m - 1 in units of 2^-64 */
    return (k + 1) * LN2_Q32 -
           interpolate(table_ln, (unsigned)(fraction >> 56), fraction >> 32 & 0xffffff);
}

tb_time draw_exponential(struct tb_random *r, tb_time mean)
{
    uint64_t u = tb_random_next(r);
    return (tb_time)(((unsigned __int128)minus_ln(u ? u : 1) * mean) >> 32);
}

/* log2(n) in units of 2^-32. */
static uint64_t log2_q32(uint64_t n)
{
    unsigned k = (unsigned)__builtin_clzll(n);
    uint64_t fraction = n << k << 1;
    uint64_t ln = interpolate(table_ln, (unsigned)(fraction >> 56), fraction >> 32 & 0xffffff);
    return ((uint64_t)(63 - k) << 32) + (uint64_t)(((unsigned __int128)ln << 32) / LN2_Q32);
}

/* 2^-x for x in units of 2^-32. */
static uint64_t exp2_minus(uint64_t x)
{
    uint64_t fraction = x & 0xffffffff;
    uint64_t v = interpolate(table_exp2, (unsigned)(fraction >> 24), fraction & 0xffffff);
    return x >> 32 < 64 ? v >> (x >> 32) : 0;
}

void draw_zipf_prepare(uint64_t *cumulative, uint64_t n, uint64_t alpha)
{
    uint64_t sum = 0;
    for (uint64_t k = 0; k < n; k++) {
        uint64_t x = (uint64_t)((unsigned __int128)log2_q32(k + 1) * alpha / 1000);
        sum += exp2_minus(x);
        cumulative[k] = sum;
    }
}

uint64_t draw_zipf(struct tb_random *r, const uint64_t *cumulative, uint64_t n)
{
    uint64_t x = tb_random_below(r, cumulative[n - 1]);
    uint64_t low = 0, high = n - 1;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (cumulative[middle] > x)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}
