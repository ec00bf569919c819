/* amd-iommu-regs: what the IOMMU's registers hold after reset. */
#include "spec/amdvi.h"
#include "vectors.h"

#include <string.h>

#define MMIO 0xFED80000ull

static const char platform[] =
    "platform: vectors-registers\n"
    "models:\n"
    "  ram: {model: memory, base: 0, size: 64MiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
    "  host: {model: host}\n"
    "  sys: {model: bus}\n"
    "  root: {model: bridge, latency: 50ns, iommu: {format: amdvi, mmio: 0xFED80000}}\n"
    "  pci0: {model: bus, protocol: pci, clock: 30ns, width: 4B}\n"
    "  edu: {model: requester, id: \"00:04.0\"}\n"
    "links:\n"
    "  - {from: host, to: sys}\n"
    "  - {from: sys, to: ram}\n"
    "  - {from: root.up, to: sys}\n"
    "  - {from: pci0, to: root.down}\n"
    "  - {from: edu, to: pci0}\n";

static const struct {
    const char *name;
    unsigned offset;
} registers[] = {
    {"devtab", AMDVI_DEVTAB},     {"cmdbuf", AMDVI_CMDBUF},       {"evtlog", AMDVI_EVTLOG},
    {"control", AMDVI_CONTROL},   {"excl_base", AMDVI_EXCL_BASE}, {"excl_limit", AMDVI_EXCL_LIMIT},
    {"ppr_base", AMDVI_PPR_BASE}, {"cmd_head", AMDVI_CMD_HEAD},   {"cmd_tail", AMDVI_CMD_TAIL},
    {"evt_head", AMDVI_EVT_HEAD}, {"evt_tail", AMDVI_EVT_TAIL},   {"status", AMDVI_STATUS},
    {"ppr_head", AMDVI_PPR_HEAD}, {"ppr_tail", AMDVI_PPR_TAIL},
};

/* Not among them: `efr`. It tells what an implementation can do, and the recorded one promises what
 * it cannot. */
static void compare(struct rig *r, const json_t *reset, struct verdict *v)
{
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        const json_t *value = json_object_get(reset, registers[i].name);
        char name[40];
        snprintf(name, sizeof name, "reset.%s", registers[i].name);
        if (value)
            verdict_num(v, name, num(value), rig_in(r, TB_MEMORY, MMIO + registers[i].offset, 8));
    }
}

void regs_run(const json_t *vector, struct verdict *v)
{
    struct rig r;
    const char *version;
    json_t *result;
    if (rig_open(&r, platform, v))
        json_object_foreach ((json_t *)json_object_get(vector, "results"), version, result)
            compare(&r, json_object_get(result, "reset"), v);
    rig_close(&r);
}
