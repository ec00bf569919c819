/* The banks of a DRAM: which rows are open, and from which clock on each command may come.
 *
 * Invariants: commands are issued at non-decreasing clocks, at most one per clock; every rule
 * between two commands is kept as "the next one of that sort not before": on the bank, its group,
 * or all; so the earliest clock of a command is the maximum of a few numbers. Data bursts never
 * overlap on the bus and end in the order of their column commands.
 */
#ifndef DRAM_BANKS_H
#define DRAM_BANKS_H

#include "timing.h"

#define DRAM_MAX_BANKS 64
#define DRAM_NO_ROW    UINT64_MAX

/* In the order in which a scheduler prefers them: what ends a request first. */
enum dram_command { DRAM_COLUMN, DRAM_ACTIVATE, DRAM_PRECHARGE };

struct dram_bank {
    uint64_t row;              /* the open one, or DRAM_NO_ROW */
    uint64_t act, pre, column; /* the next command of that sort not before */
};

struct dram_banks {
    struct dram_timing t;
    unsigned count, per_group;
    struct dram_bank bank[DRAM_MAX_BANKS];
    uint64_t group_act[DRAM_MAX_BANKS], all_act;
    uint64_t group_column[2][DRAM_MAX_BANKS], all_column[2]; /* reads, writes */
    uint64_t window[4]; /* tFAW: the fourth next activation not before; a ring */
    unsigned window_at;
    uint64_t command; /* the command bus is free from here */
    uint64_t refresh; /* the next one is due; UINT64_MAX: never */
    uint64_t activations, precharges, refreshes;
};

/* All rows closed, everything allowed at clock 0. */
void dram_banks_make(struct dram_banks *b, const struct dram_timing *t, unsigned groups,
                     unsigned per_group, bool refresh);

/* The command that a burst to a row needs next. */
enum dram_command dram_banks_next(const struct dram_banks *b, unsigned bank, uint64_t row);

/* From which clock on it may come. */
uint64_t dram_banks_earliest(const struct dram_banks *b, unsigned bank, enum dram_command command,
                             bool write);

/* Each issues a command at `clock`, which must be no earlier than dram_banks_earliest. */
void dram_banks_activate(struct dram_banks *b, unsigned bank, uint64_t row, uint64_t clock);
void dram_banks_precharge(struct dram_banks *b, unsigned bank, uint64_t clock);
/* Returns the clock at which the burst's data ends. `last`: with auto-precharge. */
uint64_t dram_banks_column(struct dram_banks *b, unsigned bank, bool write, bool last,
                           uint64_t clock);

/* Does all refreshes that are due at `clock` or before: each closes all rows as soon as it may, and
 * nothing else happens until it is over. Must be called whenever one is due while there is work;
 * time without work may be made up for later. */
void dram_banks_refresh(struct dram_banks *b, uint64_t clock);

#endif
