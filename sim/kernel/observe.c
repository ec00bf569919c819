/* For those who look on; see observe.h. */
#include "kernel/observe.h"

#include "kernel/kernel.h"

const char *const tb_part_names[TB_PARTS + 1] = {"queue", "wire", "bus", "bridge", "lookup",
                                                 "ats",   "walk", "mem", "device", NULL};

#define LEVELS(of, rest)                                                                           \
    of "1" rest, of "2" rest, of "3" rest, of "4" rest, of "5" rest, of "6" rest

const char *const tb_detail_names[TB_DETAILS + 1] = {"-",
                                                     "back",
                                                     "walker",
                                                     "devtab",
                                                     "iotlb",
                                                     "pdc",
                                                     "devtab",
                                                     LEVELS("level", ""),
                                                     LEVELS("guest", ""),
                                                     "gcr3",
                                                     "devtab.memory",
                                                     LEVELS("level", ".memory"),
                                                     LEVELS("guest", ".memory"),
                                                     "gcr3.memory",
                                                     NULL};

struct tb_model *tb_observe_model(struct tb_sim *s, size_t n)
{
    return n < s->model_count ? &s->models[n].pub : NULL;
}

tb_time tb_observe_from(const struct tb_sim *s)
{
    return s->warmup;
}

bool tb_observe_translates(struct tb_model *m)
{
    uint64_t format;
    return m->class->fact && tb_fact(m, "iommu.format", &format);
}
