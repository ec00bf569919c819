/* The benchmarks: workloads whose results are known exactly, and what they cost the host. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* The knobs of the command line; 0: the workload's own. */
struct knobs {
    uint64_t outstanding, depth, transactions;
    bool json;
    bool breakdown;
};

int rw0_run(const struct knobs *k);
/* Fails (TB_EXIT_VIOLATION) when a figure is off by more than half a per cent. */
int pcie_model_run(const struct knobs *k);
/* `name`: a scenario of configs/, rw1, rw2 or rw3. */
int scenario_run(const char *name, const struct knobs *k);
int trace_run(const struct knobs *k);
int diff_run(const struct knobs *k);
/* argv: histograms|trace|FORMAT FILE TRANSACTIONS: one part of it alone. */
int trace_part(int argc, char **argv);

/* Nanoseconds of the host since some fixed moment. */
static inline uint64_t host_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
