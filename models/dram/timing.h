/* What a DRAM's data sheet says: clocks between its commands.
 *
 * DRAM_TIMINGS lists every one once, with the values of DDR4-2400 and DDR3-1600 (JESD79-4 and
 * JESD79-3 speed bins; parts with rows of 1 KiB per chip) and a sentence; the struct, the
 * parameters and the presets come from it. All are counted in clocks.
 */
#ifndef DRAM_TIMING_H
#define DRAM_TIMING_H

#include "tollbridge/param.h"

#define DRAM_TIMINGS(X)                                                                            \
    X(cl, 17, 11, "2", "1000", "CL: from a read command to its data")                              \
    X(cwl, 12, 8, "1", "1000", "CWL: from a write command to its data")                            \
    X(bl, 8, 8, "2", "64", "BL: transfers per burst, two per clock")                               \
    X(rcd, 17, 11, "1", "1000", "tRCD: from opening a row to a column access")                     \
    X(rp, 17, 11, "1", "1000", "tRP: closing a row")                                               \
    X(ras, 39, 28, "1", "1000", "tRAS: from opening a row to closing it, at least")                \
    X(ccd_s, 4, 4, "1", "1000", "tCCD_S: between column accesses, other bank group")               \
    X(ccd_l, 6, 4, "1", "1000", "tCCD_L: between column accesses, same bank group")                \
    X(rrd_s, 4, 5, "1", "1000", "tRRD_S: between rows opened, other bank group")                   \
    X(rrd_l, 6, 5, "1", "1000", "tRRD_L: between rows opened, same bank group")                    \
    X(faw, 26, 24, "1", "1000", "tFAW: in which at most four rows are opened")                     \
    X(rtp, 9, 6, "1", "1000", "tRTP: from a read command to closing its row")                      \
    X(wr, 18, 12, "1", "1000", "tWR: from the end of a write's data to closing its row")           \
    X(wtr_s, 3, 6, "1", "1000",                                                                    \
      "tWTR_S: from the end of a write's data to a read, other bank group")                        \
    X(wtr_l, 9, 6, "1", "1000",                                                                    \
      "tWTR_L: from the end of a write's data to a read, same bank group")                         \
    X(rfc, 420, 208, "1", "100000", "tRFC: how long a refresh takes")                              \
    X(refi, 9360, 6240, "100", "10000000", "tREFI: from one refresh to the next")

#define DRAM_TIMING_FIELD(name, ddr4, ddr3, min, max, doc) uint64_t name;
#define DRAM_TIMING_GIVEN(name, ddr4, ddr3, min, max, doc) bool name;

struct dram_timing {
    DRAM_TIMINGS(DRAM_TIMING_FIELD)
};

struct dram_timing_given {
    DRAM_TIMINGS(DRAM_TIMING_GIVEN)
};

/* The group `timing:` as a user says it. */
struct dram_timing_params {
    struct dram_timing t;
    struct dram_timing_given given;
};

extern const struct tb_param dram_timing_rows[];

enum dram_preset { DRAM_DDR4_2400, DRAM_DDR3_1600, DRAM_PRESETS };
extern const char *const dram_preset_names[]; /* of enum dram_preset, NULL-terminated */

/* What else a preset says. */
struct dram_kind {
    struct dram_timing timing;
    struct tb_rate clock;
    uint64_t groups, banks; /* bank groups, banks in each */
};
extern const struct dram_kind dram_kinds[DRAM_PRESETS];

/* Puts the preset's clocks where the user gave none. */
void dram_timing_complete(struct dram_timing_params *p, enum dram_preset preset);

/* The sum of all but refi and bl: within so many clocks of opening a row any access to it is done.
 */
uint64_t dram_timing_sum(const struct dram_timing *t);

#endif
