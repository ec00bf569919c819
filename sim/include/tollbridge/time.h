/* Simulated time: whole picoseconds, and exact ratios that become picoseconds.
 *
 * Invariants: no floating point ever touches simulated time; a duration that is not a whole
 * number of ticks is rounded up; no instant is later than TB_END.
 */
#ifndef TOLLBRIDGE_TIME_H
#define TOLLBRIDGE_TIME_H

#include <stdint.h>

typedef uint64_t tb_time; /* picoseconds since the start of simulation */

#define TB_NS    ((tb_time)1000)
#define TB_US    ((tb_time)1000000)
#define TB_MS    ((tb_time)1000000000)
#define TB_S     ((tb_time)1000000000000)
#define TB_NEVER UINT64_MAX

/* The end of simulated time, 106 days: nothing happens then or later, a run stops before. So the
 * sum of an instant and of any durations that a table of parameters allows does not overflow. */
#define TB_END ((tb_time)1 << 63)

/* An exact rate: `units` things take `time` picoseconds. As a bandwidth the things are bytes, as
 * a clock they are cycles. time == 0 means infinitely fast (a bandwidth that was not given). Kept
 * in lowest terms, with time < 2^47, so that 64 KiB never overflow. */
struct tb_rate {
    uint64_t units;
    uint64_t time;
};

/* How long n units (at most 2^16 of them for an arbitrary rate) take, rounded up to the tick. */
static inline tb_time tb_rate_time(struct tb_rate r, uint64_t n)
{
    return r.units == 1 ? n * r.time : (n * r.time + r.units - 1) / r.units;
}

/* As tb_rate_time, for any n: the product is 128 bits wide. */
static inline tb_time tb_rate_time_wide(struct tb_rate r, uint64_t n)
{
    return (tb_time)(((unsigned __int128)n * r.time + r.units - 1) / r.units);
}

/* The first instant >= t on a clock's edge (edge k is at the rounded-up time of k cycles, edge 0 at
 * 0). A clock with time == 0 is no clock: t itself. */
static inline tb_time tb_clock_edge(struct tb_rate clock, tb_time t)
{
    if (clock.time == 0)
        return t;
    if (clock.units == 1) {
        tb_time over = t % clock.time;
        return over ? t + clock.time - over : t;
    }
    unsigned __int128 cycles = (unsigned __int128)t * clock.units / clock.time;
    tb_time edge = tb_rate_time_wide(clock, (uint64_t)cycles);
    return edge >= t ? edge : tb_rate_time_wide(clock, (uint64_t)cycles + 1);
}

static inline tb_time tb_max(tb_time a, tb_time b)
{
    return a > b ? a : b;
}

#endif
