/* Presets and parameters of the clocks: see timing.h. */
#include "timing.h"

#define ROW(field, ddr4, ddr3, least, most, text)                                                  \
    {.name = #field,                                                                               \
     .type = TB_COUNT,                                                                             \
     .offset = offsetof(struct dram_timing_params, t.field),                                       \
     .present = offsetof(struct dram_timing_params, given.field) + 1,                              \
     .flags = TB_OPTIONAL,                                                                         \
     .min = least,                                                                                 \
     .max = most,                                                                                  \
     .doc = text ", in clocks"},

const struct tb_param dram_timing_rows[] = {DRAM_TIMINGS(ROW){0}};

const char *const dram_preset_names[] = {"ddr4-2400", "ddr3-1600", NULL};

#define DDR4(name, ddr4, ddr3, min, max, doc) .name = (ddr4),
#define DDR3(name, ddr4, ddr3, min, max, doc) .name = (ddr3),

const struct dram_kind dram_kinds[DRAM_PRESETS] = {
    [DRAM_DDR4_2400] = {.timing = {DRAM_TIMINGS(DDR4)},
                        .clock = {6, 5000},
                        .groups = 4,
                        .banks = 4},
    [DRAM_DDR3_1600] = {.timing = {DRAM_TIMINGS(DDR3)},
                        .clock = {4, 5000},
                        .groups = 1,
                        .banks = 8},
};

#define COMPLETE(name, ddr4, ddr3, min, max, doc)                                                  \
    if (!p->given.name)                                                                            \
        p->t.name = kind->timing.name;

void dram_timing_complete(struct dram_timing_params *p, enum dram_preset preset)
{
    const struct dram_kind *kind = &dram_kinds[preset];
    DRAM_TIMINGS(COMPLETE)
}

#define ADD(name, ddr4, ddr3, min, max, doc) sum += t->name;

uint64_t dram_timing_sum(const struct dram_timing *t)
{
    uint64_t sum = 0;
    DRAM_TIMINGS(ADD)
    return sum - t->refi - t->bl;
}
