/* amd-iommu: tables, DMA and commands on a platform with one AMD IOMMU on its bridge. */
#include "amdvi.h"
#include "spec/amdvi.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_SEED    0x4A4D000000000003
#define BUFFER_SEED   0xED00000000000004
#define DISK_SEED     0xD15C000000000002
#define HIGH_RAM      0x100000000ull
#define LOW_RAM_LAST  0x7FFFFFFFull
#define HIGH_RAM_LAST 0x1FFFFFFFFull
#define EDU_SLOT      4
#define IDE_SLOT      5

static const char platform[] =
    "platform: vectors-amdvi\n"
    "models:\n"
    "  ram0: {model: memory, base: 0, size: 2GiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
    "  ram1: {model: memory, base: 0x100000000, size: 4GiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
    "  host: {model: host}\n"
    "  sys: {model: bus}\n"
    "  root: {model: bridge, latency: 50ns, iommu: {format: amdvi, mmio: 0xFED80000,\n"
    "         iotlb: {entries: 64, ways: full, replacement: lru, hit: 2ns}, walkers: 4}}\n"
    "  pci0: {model: bus, protocol: pci, clock: 30ns, width: 4B}\n"
    "  edu: {model: requester, id: \"00:%02x.0\", burst: 4KiB}\n"
    "%s"
    "links:\n"
    "  - {from: host, to: sys}\n"
    "  - {from: sys, to: ram0}\n"
    "  - {from: sys, to: ram1}\n"
    "  - {from: root.up, to: sys}\n"
    "  - {from: pci0, to: root.down}\n"
    "  - {from: edu, to: pci0}\n"
    "%s";

static const char disk_model[] =
    "  ide0: {model: ide, id: \"00:05.0\", io: 0xC000, burst: 4KiB, " IDE_LIKE_QEMU ",\n"
    "         disk0: {size: 4MiB}}\n";
static const char disk_link[] = "  - {from: ide0, to: pci0}\n";

const char *field(const struct amdvi *a, char out[64], const char *name)
{
    snprintf(out, 64, "steps[%zu].%s", a->step, name);
    return out;
}

bool is_ram(uint64_t address)
{
    return address <= LOW_RAM_LAST || (address >= HIGH_RAM && address <= HIGH_RAM_LAST);
}

/* -- watched memory ------------------------------------------ */

static void *get(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (!p) {
        fputs("tollbridge-vectors: out of memory\n", stderr);
        exit(TB_EXIT_HOST);
    }
    return p;
}

static void open_watch(struct amdvi *a)
{
    const json_t *list = json_object_get(a->vector, "watch");
    a->watch = get(json_array_size(list) * sizeof *a->watch);
    a->watch_count = json_array_size(list);
    for (size_t i = 0; i < a->watch_count; i++) {
        const json_t *region = json_array_get(list, i);
        a->watch[i].base = num(json_array_get(region, 0));
        a->watch[i].size = num(json_array_get(region, 1));
        a->watch[i].before = get(a->watch[i].size);
    }
}

/* Refilled before every step: pattern with bit 7 of each byte clear; the DMA engine's buffer has it
 * set. */
static void refill(struct amdvi *a)
{
    for (size_t i = 0; i < a->watch_count; i++) {
        struct watched *w = &a->watch[i];
        pattern_fill(w->before, WATCH_SEED, w->base, w->size);
        for (size_t k = 0; k < w->size; k++)
            w->before[k] &= 0x7F;
        rig_poke(&a->rig, w->base, w->before, w->size);
    }
    pattern_fill(a->buffer, BUFFER_SEED, 0, BUFFER);
    for (size_t k = 0; k < BUFFER; k++)
        a->buffer[k] |= 0x80;
}

uint8_t *watched_byte(struct amdvi *a, uint64_t address)
{
    for (size_t i = 0; i < a->watch_count; i++)
        if (address - a->watch[i].base < a->watch[i].size)
            return &a->watch[i].before[address - a->watch[i].base];
    return NULL;
}

void watch_expect(struct amdvi *a, uint64_t address, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < a->watch_count; i++)
        for (size_t k = 0; k < n; k++)
            if (address + k - a->watch[i].base < a->watch[i].size)
                a->watch[i].before[address + k - a->watch[i].base] = data[k];
}

void watch_compare(struct amdvi *a, struct verdict *v)
{
    char name[64];
    for (size_t i = 0; i < a->watch_count; i++) {
        const struct watched *w = &a->watch[i];
        uint8_t *now = get(w->size);
        bool there = is_ram(w->base) && rig_peek(&a->rig, w->base, now, w->size);
        for (size_t k = 0; there && k < w->size; k++)
            if (now[k] != w->before[k]) {
                verdict_fail(v, field(a, name, "memory"),
                             "at 0x%" PRIx64 " expected byte %02x, found %02x", w->base + k,
                             w->before[k], now[k]);
                break;
            }
        free(now);
    }
}

/* -- set-up ------------------------------------------ */

static void place_tables(struct amdvi *a)
{
    const char *id;
    json_t *value;
    size_t i;
    json_object_foreach ((json_t *)json_object_get(a->vector, "dte"), id, value)
        for (unsigned k = 0; k < 4; k++)
            rig_poke64(&a->rig, a->devtab + strtoull(id, NULL, 16) * AMDVI_DTE_SIZE + 8 * k,
                       num(json_array_get(value, k)));
    json_array_foreach (json_object_get(a->vector, "pt_ranges"), i, value) {
        uint64_t at = num(json_array_get(value, 0)), first = num(json_array_get(value, 2));
        for (uint64_t k = 0; k < num(json_array_get(value, 1)); k++)
            rig_poke64(&a->rig, at + 8 * k, first + k * num(json_array_get(value, 3)));
    }
    json_array_foreach (json_object_get(a->vector, "pt"), i, value)
        rig_poke64(&a->rig, num(json_array_get(value, 0)), num(json_array_get(value, 1)));
}

static void place_disk(struct amdvi *a)
{
    size_t size = (size_t)DISK_SECTORS * 512;
    uint8_t *data = get(size);
    pattern_fill(data, DISK_SEED, 0, size);
    for (size_t k = 0; k < size; k++)
        data[k] |= 0x80;
    rig_disk(&a->rig, "ide0", 0, data, size, true);
    free(data);
}

static void write_register(struct amdvi *a, unsigned offset, uint64_t value)
{
    rig_out(&a->rig, TB_MEMORY, MMIO + offset, 8, value);
}

static void start_iommu(struct amdvi *a)
{
    uint64_t ring = (uint64_t)8 << AMDVI_RING_LENGTH_SHIFT; /* 256 entries */
    write_register(a, AMDVI_DEVTAB, a->devtab | (a->devtab_pages - 1));
    write_register(a, AMDVI_CMDBUF, CMDBUF | ring);
    write_register(a, AMDVI_EVTLOG, EVTLOG | ring);
    write_register(a, AMDVI_CONTROL, a->control);
    a->running = (a->control & AMDVI_CONTROL_ENABLE) && (a->control & AMDVI_CONTROL_CMDBUF);
}

/* The recording driver forgets what the IOMMU may know of the entries it wrote, if commands are
 * processed at all. */
static void invalidate_entries(struct amdvi *a)
{
    const char *id;
    json_t *value;
    if (a->running)
        json_object_foreach ((json_t *)json_object_get(a->vector, "dte"), id, value)
            command_issue(a,
                          (uint64_t)AMDVI_INVALIDATE_DEVTAB_ENTRY << AMDVI_OPCODE_SHIFT |
                              strtoull(id, NULL, 16),
                          0);
}

static bool has_disk_step(const json_t *vector)
{
    size_t i;
    json_t *step;
    json_array_foreach (json_object_get(vector, "steps"), i, step)
        if (strcmp(text_of(step, "op"), "ide") == 0)
            return true;
    return false;
}

static bool set_up(struct amdvi *a)
{
    const json_t *vector = a->vector;
    const json_t *enabled = json_object_get(vector, "enabled");
    bool disk = has_disk_step(vector);
    unsigned slot = (unsigned)num_of(vector, "edu_slot", EDU_SLOT);
    char yaml[2048];
    a->edu = (uint16_t)(slot << 3);
    a->devtab = num_of(vector, "devtab", 0x400000) & AMDVI_BASE_ADDRESS;
    a->devtab_pages = num_of(vector, "devtab_pages", 512);
    a->devtab_pages += a->devtab_pages == 0;
    a->control = num_of(vector, "control", 0x1005) & ~(uint64_t)(enabled && !json_is_true(enabled));
    if (disk && slot == IDE_SLOT)
        a->edu = (uint16_t)(++slot
                            << 3); /* the disk keeps its slot; nothing is asked of the DMA engine */
    snprintf(yaml, sizeof yaml, platform, slot, disk ? disk_model : "", disk ? disk_link : "");
    if (!rig_open(&a->rig, yaml, a->v))
        return false;
    place_tables(a);
    if (disk)
        place_disk(a);
    start_iommu(a);
    invalidate_entries(a);
    return true;
}

/* -- steps ------------------------------------------ */

static void dma(struct amdvi *a, const json_t *step, const json_t *expected, const json_t *recorded)
{
    (void)recorded;
    dma_step(a, step, expected);
}

static void command(struct amdvi *a, const json_t *step, const json_t *expected,
                    const json_t *recorded)
{
    (void)expected;
    (void)recorded;
    command_step(a, step);
}

static void poke(struct amdvi *a, const json_t *step, const json_t *expected,
                 const json_t *recorded)
{
    (void)expected;
    (void)recorded;
    rig_poke64(&a->rig, num_of(step, "addr", 0), num_of(step, "val", 0));
}

static const struct {
    const char *op;
    void (*run)(struct amdvi *a, const json_t *step, const json_t *expected,
                const json_t *recorded);
} ops[] = {{"dma_read", dma}, {"dma_write", dma}, {"cmd", command},
           {"cmds", command}, {"poke64", poke},   {"ide", disk_step}};

/* The result of a release that moved the data as the architecture says, if there is one. */
static const json_t *witness(const json_t *vector)
{
    const json_t *results = json_object_get(vector, "results");
    const char *version;
    json_t *agrees;
    json_object_foreach ((json_t *)json_object_get(vector, "agrees"), version, agrees)
        if (json_is_true(agrees)) {
            const json_t *all = json_object_get(results, "all");
            return all ? all : json_object_get(results, version);
        }
    return NULL;
}

static void run_steps(struct amdvi *a)
{
    const json_t *recorded = json_object_get(witness(a->vector), "steps");
    size_t i;
    json_t *step;
    json_array_foreach (json_object_get(a->vector, "steps"), i, step) {
        a->step = i;
        refill(a);
        rig_forget(&a->rig);
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
            if (strcmp(ops[k].op, text_of(step, "op")) == 0)
                ops[k].run(a, step, json_array_get(json_object_get(a->vector, "expect"), i),
                           json_array_get(recorded, i));
        if (a->rig.endless)
            return;
    }
}

static void tear_down(struct amdvi *a)
{
    rig_close(&a->rig);
    for (size_t i = 0; i < a->watch_count; i++)
        free(a->watch[i].before);
    free(a->watch);
    free(a->events);
}

void amdvi_run(const json_t *vector, struct verdict *v)
{
    struct amdvi a = {.vector = vector, .v = v};
    open_watch(&a);
    if (set_up(&a)) {
        run_steps(&a);
        if (a.rig.endless)
            verdict_fail(v, "end",
                         "the vector did not end within the limits of simulated time and events");
        else
            events_compare(&a);
    }
    tear_down(&a);
}
