/* The parameters of `iommu:`, each said once. */
#include "iommu.h"

static const char *const formats[] = {"amdvi", "sun4m", NULL}; /* TB_IOMMU_... */

#define HIT_ROW(owner, time)                                                                       \
    {                                                                                              \
        .name = "hit", .type = TB_TIME, .offset = offsetof(owner, hit), .def = time, .max = "1ms", \
        .doc = "how long a look-up takes"                                                          \
    }

static const struct tb_param iotlb_rows[] = {
    TB_CACHE_ROWS(struct tb_iotlb_params, "64", "0", "translations"),
    HIT_ROW(struct tb_iotlb_params, "2ns"),
    {0},
};

static const struct tb_param devtab_rows[] = {
    TB_CACHE_ROWS(struct tb_devtab_params, "16", "1", "device table entries"),
    HIT_ROW(struct tb_devtab_params, "0ns"),
    {.name = "fetches",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_devtab_params, fetches),
     .def = "1",
     .min = "1",
     .max = "64",
     .doc = "how many device table entries are read at a time"},
    {.name = "preload",
     .type = TB_NODE,
     .offset = offsetof(struct tb_devtab_params, preload),
     .doc = "requester IDs whose entries are in the cache from the start"},
    {0},
};

static const struct tb_param pdc_rows[] = {
    TB_CACHE_ROWS(struct tb_pdc_params, "0", "0", "pointers to page tables"),
    HIT_ROW(struct tb_pdc_params, "0ns"),
    {0},
};

static const struct tb_param nested_rows[] = {
    TB_CACHE_ROWS(struct tb_nested_params, "0", "0", "guest physical pages"),
    {0},
};

#define RESET_ROW(field, value, text)                                                              \
    {                                                                                              \
        .name = #field, .type = TB_COUNT, .offset = offsetof(struct tb_iommu_reset, field),        \
        .def = value, .doc = text                                                                  \
    }

static const struct tb_param reset_rows[] = {
    RESET_ROW(devtab, "0", "device table base: bits 51:12, size in 4 KiB units minus 1 in 8:0"),
    RESET_ROW(cmdbuf, "0", "command buffer base: bits 51:12, log2 of the entries in 59:56"),
    RESET_ROW(evtlog, "0", "event log base: bits 51:12, log2 of the entries in 59:56"),
    RESET_ROW(control, "0", "control: bit 0 enables translation, 2 the event log, 12 commands"),
    RESET_ROW(excl_base, "0", "exclusion range base: bit 0 enables, 1 allows all devices"),
    RESET_ROW(excl_limit, "0", "exclusion range limit"),
    RESET_ROW(efr, "0x102330000985b", "extended features, as software reads them"),
    RESET_ROW(ppr_base, "0", "page request log base"),
    RESET_ROW(base, "0", "format sun4m: bits 35:14 of the table's address, from bit 10 on"),
    {0},
};

const struct tb_param tb_iommu_param_table[] = {
    {.name = "format",
     .type = TB_ENUM,
     .offset = offsetof(struct tb_iommu_params, format),
     .def = "amdvi",
     .names = formats,
     .doc = "of page tables, registers and faults; what is AMD's alone means nothing for others"},
    {.name = "mmio",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_iommu_params, mmio),
     .def = "0xfed80000",
     .doc = "address of its registers, 16 KiB, seen from above"},
    {.name = "id",
     .type = TB_ID,
     .offset = offsetof(struct tb_iommu_params, id),
     .def = "00:00.2",
     .doc = "its own requester ID"},
    {.name = "irq",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_iommu_params, irq),
     .present = offsetof(struct tb_iommu_params, has_irq) + 1,
     .flags = TB_OPTIONAL,
     .doc = "line of its interrupt; without one it has none"},
    {.name = "walkers",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_iommu_params, walkers),
     .def = "4",
     .min = "1",
     .max = "256",
     .doc = "how many page walks are under way at a time"},
    {.name = "pending",
     .type = TB_CREDITS,
     .offset = offsetof(struct tb_iommu_params, pending),
     .def = "unlimited",
     .doc = "how many requests wait for entries and walks before look-ups stop"},
    {.name = "events",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_iommu_params, events),
     .def = "8",
     .min = "1",
     .max = "256",
     .doc = "how many records of each log are on their way to memory at a time"},
    {.name = "invalidations",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_iommu_params, invalidations),
     .def = "32",
     .min = "1",
     .max = "1024",
     .doc = "how many Invalidate Requests to devices are unanswered at a time"},
    {.name = "responses",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_iommu_params, responses),
     .def = "8",
     .min = "1",
     .max = "256",
     .doc = "how many responses to page requests are on their way to devices at a time"},
    {.name = "command_time",
     .type = TB_TIME,
     .offset = offsetof(struct tb_iommu_params, command_time),
     .def = "50ns",
     .max = "1s",
     .doc = "how long a command takes once its bytes are there"},
    {.name = "iotlb",
     .type = TB_GROUP,
     .offset = offsetof(struct tb_iommu_params, iotlb),
     .sub = iotlb_rows,
     .doc = "cache of translations"},
    {.name = "devtab",
     .type = TB_GROUP,
     .offset = offsetof(struct tb_iommu_params, devtab),
     .sub = devtab_rows,
     .doc = "cache of device table entries"},
    {.name = "pdc",
     .type = TB_GROUP,
     .offset = offsetof(struct tb_iommu_params, pdc),
     .sub = pdc_rows,
     .doc = "page-directory cache: lets a walk begin below the root; off with 0 entries"},
    {.name = "nested",
     .type = TB_GROUP,
     .offset = offsetof(struct tb_iommu_params, nested),
     .sub = nested_rows,
     .doc = "cache of the host's part of nested walks: guest physical pages; off with 0 entries"},
    {.name = "reset",
     .type = TB_GROUP,
     .offset = offsetof(struct tb_iommu_params, reset),
     .sub = reset_rows,
     .doc = "registers at time 0, for platforms on which no host sets them"},
    {0},
};

/* -- What a format does not have --------------------------------------------------------------- */

/* Parameters that mean something for one format only, and are said: not as they are by default, for
 * a resolved platform says everything. */
struct misplaced {
    const char *group, *name;
    bool said;
};

static bool refuse(const struct misplaced *rows, size_t count, const char *format,
                   const struct tb_node *node, struct tb_diag *diag)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const struct tb_node *group = rows[i].group ? tb_node_get(node, rows[i].group) : node;
        const struct tb_node *at = group ? tb_node_get(group, rows[i].name) : NULL;
        if (rows[i].said)
            tb_diag_node(diag, at ? at : node, "'%s' means nothing for format %s", rows[i].name,
                         format);
        any = any || rows[i].said;
    }
    return any;
}

bool tb_iommu_params_check(const struct tb_iommu_params *p, const struct tb_node *node,
                           struct tb_diag *diag)
{
    const struct tb_iommu_reset *r = &p->reset;
    const struct misplaced flat[] = {{"reset", "base", r->base != 0}};
    const struct misplaced amd[] = {
        {NULL, "events", p->events != 8},
        {NULL, "invalidations", p->invalidations != 32},
        {NULL, "responses", p->responses != 8},
        {NULL, "command_time", p->command_time != 50 * TB_NS},
        {"devtab", "entries", p->devtab.cache.entries != 16},
        {"devtab", "hit", p->devtab.hit != 0},
        {"devtab", "fetches", p->devtab.fetches != 1},
        {"devtab", "preload", p->devtab.preload != NULL},
        {"pdc", "entries", p->pdc.cache.entries != 0},
        {"pdc", "hit", p->pdc.hit != 0},
        {"nested", "entries", p->nested.cache.entries != 0},
        {"reset", "devtab", r->devtab != 0},
        {"reset", "cmdbuf", r->cmdbuf != 0},
        {"reset", "evtlog", r->evtlog != 0},
        {"reset", "excl_base", r->excl_base != 0},
        {"reset", "excl_limit", r->excl_limit != 0},
        {"reset", "ppr_base", r->ppr_base != 0},
    };
    return p->format == TB_IOMMU_AMDVI
               ? !refuse(flat, sizeof flat / sizeof flat[0], formats[p->format], node, diag)
               : !refuse(amd, sizeof amd / sizeof amd[0], formats[p->format], node, diag);
}
