/* ide-bmdma: programs of a bus-master IDE controller, without an IOMMU.
 *
 * What was written is told exactly, although a byte may be overwritten by its own value: each
 * program is run on three simulators, one with the patterned memory inverted, one with the disk
 * inverted, and one as recorded. Bytes that moved between disk and memory differ in the first or
 * the third, zeros that reached the disk in the second. */
#include "vectors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE           4096u
#define RAM_SIZE       ((size_t)64 << 20)
#define RAM_SEED       0x1DE0000000000001
#define DISK_SEED      0xD15C000000000002
#define ARENA          0x100000u
#define ARENA_SIZE     0x100000u
#define SECTOR         512u
#define SMALL_SECTORS  8192u
#define BIG            ((uint64_t)1 << 28)
#define CONFIG_COMMAND ((0x0001u << 3 | 1) << 12 | 4) /* 00:01.1, register 4 */

/* A stretch of memory or disk that is watched. */
struct window {
    uint64_t base;
    size_t size;
    uint8_t *initial; /* contents of the variant that runs now */
    uint8_t *written; /* a byte each: differed in some variant */
    uint8_t *dirty;   /* a page each: some byte of it is written */
};

#define WINDOWS 24

struct bench {
    const json_t *vector;
    bool big;
    struct window ram;
    struct window disk[WINDOWS];
    size_t disks;
};

enum variant { RAM_INVERTED, DISK_INVERTED, AS_RECORDED, VARIANTS };

/* -- windows ------------------------------------------ */

static void *get(size_t n)
{
    void *p = calloc(1, n);
    if (!p) {
        fputs("tollbridge-vectors: out of memory\n", stderr);
        exit(TB_EXIT_HOST);
    }
    return p;
}

static void window_open(struct window *w, uint64_t base, size_t size)
{
    *w = (struct window){.base = base, .size = size};
    w->initial = get(size);
    w->written = get(size);
    w->dirty = get(size / PAGE + 1);
}

static void window_close(struct window *w)
{
    free(w->initial);
    free(w->written);
    free(w->dirty);
}

static void invert(uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        data[i] = (uint8_t)~data[i];
}

typedef bool reader(struct rig *r, uint64_t at, void *data, size_t n);

static bool read_disk(struct rig *r, uint64_t at, void *data, size_t n)
{
    return rig_disk(r, "ide0", at, data, n, false);
}

/* Marks what differs from the initial contents. */
static void window_compare(struct window *w, struct rig *r, reader *read, struct verdict *v)
{
    uint8_t now[16 * PAGE];
    for (size_t at = 0, n; at < w->size; at += n) {
        n = w->size - at < sizeof now ? w->size - at : sizeof now;
        if (!read(r, w->base + at, now, n)) {
            verdict_fail(v, "memory or disk", "cannot be read at 0x%" PRIx64, w->base + at);
            return;
        }
        if (memcmp(now, w->initial + at, n) == 0)
            continue;
        for (size_t i = 0; i < n; i++)
            if (now[i] != w->initial[at + i]) {
                w->written[at + i] = 1;
                w->dirty[(at + i) / PAGE] = 1;
            }
    }
}

/* -- initial contents ------------------------------------------ */

static const struct {
    uint32_t at, size;
} patterned[] = {{0, PAGE}, {0x8F000, 0x2000}, {ARENA, ARENA_SIZE}};

static void place_table(const struct bench *b, uint8_t *ram)
{
    uint64_t at = num_of(b->vector, "prd_addr", 0);
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(b->vector, "prd"), i, entry) {
        uint32_t address = (uint32_t)num(json_array_get(entry, 0));
        uint32_t count = (uint32_t)num(json_array_get(entry, 1));
        if (num(json_array_get(entry, 2)))
            count |= (uint32_t)1 << 31;
        memcpy(ram + at + 8 * i, &address, 4);
        memcpy(ram + at + 8 * i + 4, &count, 4);
    }
}

static void fill_ram(struct bench *b, struct rig *r, enum variant variant)
{
    uint8_t *ram = b->ram.initial;
    for (size_t i = 0; i < sizeof patterned / sizeof patterned[0]; i++) {
        pattern_fill(ram + patterned[i].at, RAM_SEED, patterned[i].at, patterned[i].size);
        if (variant == RAM_INVERTED)
            invert(ram + patterned[i].at, patterned[i].size);
    }
    place_table(b, ram);
    for (size_t i = 0; i < sizeof patterned / sizeof patterned[0]; i++)
        rig_poke(r, patterned[i].at, ram + patterned[i].at, patterned[i].size);
    size_t table = 8 * json_array_size(json_object_get(b->vector, "prd"));
    if (table)
        rig_poke(r, num_of(b->vector, "prd_addr", 0), ram + num_of(b->vector, "prd_addr", 0),
                 table);
}

/* The big disk is zero but for three areas; the pattern is keyed by the byte offset. */
static const struct {
    uint64_t at;
    uint32_t size;
} areas[] = {{(BIG - 1) * SECTOR, 4096},
             {(BIG + 7) * SECTOR, 1024},
             {(BIG + 0x1000 + 65536 - 128) * SECTOR, 65536}};

static void overlay(struct window *w, uint64_t at, size_t size)
{
    for (uint64_t i = at; i < at + size; i += 8)
        if (i >= w->base && i + 8 <= w->base + w->size)
            pattern_fill(w->initial + (i - w->base), DISK_SEED, i, 8);
}

static void fill_disk(struct bench *b, struct rig *r, enum variant variant)
{
    for (size_t k = 0; k < b->disks; k++) {
        struct window *w = &b->disk[k];
        memset(w->initial, 0, w->size);
        if (!b->big)
            pattern_fill(w->initial, DISK_SEED, w->base, w->size);
        for (size_t i = 0; b->big && i < sizeof areas / sizeof areas[0]; i++)
            overlay(w, areas[i].at, areas[i].size);
        if (variant == DISK_INVERTED)
            invert(w->initial, w->size);
        rig_disk(r, "ide0", w->base, w->initial, w->size, true);
    }
}

/* Of a big disk, the patterned areas and what the recording says was written are watched, each with
 * a margin: */
#define MARGIN ((uint64_t)64 << 10)

static void add_window(struct bench *b, uint64_t from, uint64_t to)
{
    uint64_t end = (BIG + 0x20000) * SECTOR;
    from = from > MARGIN ? (from - MARGIN) & ~(uint64_t)(PAGE - 1) : 0;
    to = to + MARGIN < end ? (to + MARGIN) & ~(uint64_t)(PAGE - 1) : end;
    for (size_t k = 0; k < b->disks; k++) {
        struct window *w = &b->disk[k];
        if (from <= w->base + w->size &&
            w->base <= to) { /* merged, so that windows never overlap */
            uint64_t low = from < w->base ? from : w->base,
                     high = to > w->base + w->size ? to : w->base + w->size;
            window_close(w);
            window_open(w, low, high - low);
            return;
        }
    }
    if (b->disks < WINDOWS)
        window_open(&b->disk[b->disks++], from, to - from);
}

static void open_windows(struct bench *b, const json_t *result)
{
    window_open(&b->ram, 0, RAM_SIZE);
    if (!b->big) {
        window_open(&b->disk[b->disks++], 0, SMALL_SECTORS * SECTOR);
        return;
    }
    for (size_t i = 0; i < sizeof areas / sizeof areas[0]; i++)
        add_window(b, areas[i].at, areas[i].at + areas[i].size);
    size_t i;
    json_t *run;
    json_array_foreach (json_object_get(result, "disk_written"), i, run) {
        uint64_t at = num(json_array_get(run, 0));
        if (at < (BIG + 0x20000) * SECTOR)
            add_window(b, at, at + num(json_array_get(run, 1)));
    }
}

static void close_windows(struct bench *b)
{
    window_close(&b->ram);
    for (size_t k = 0; k < b->disks; k++)
        window_close(&b->disk[k]);
}

/* -- the program ------------------------------------------ */

static void platform_text(const struct bench *b, char *out, size_t size)
{
    const json_t *bad = json_object_get(b->vector, "blkdebug");
    char errors[96] = "";
    if (bad)
        snprintf(errors, sizeof errors, ", errors: [{op: %s, lba: %" PRIu64 "}]",
                 json_string_value(json_array_get(bad, 0)), num(json_array_get(bad, 2)));
    snprintf(
        out, size,
        "platform: vectors-ide\n"
        "models:\n"
        "  ram: {model: memory, base: 0, size: 64MiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
        "  host: {model: host}\n"
        "  pci0: {model: bus, protocol: pci, clock: 30ns, width: 4B}\n"
        "  ide0: {model: ide, id: \"00:01.1\", io: 0x%x, burst: 4KiB, " IDE_LIKE_QEMU ",\n"
        "         disk0: {size: %s, mode: udma5, model: QVEC, serial: VECTOR, firmware: \"1\"%s}}\n"
        "links:\n"
        "  - {from: host, to: pci0}\n"
        "  - {from: ram, to: pci0}\n"
        "  - {from: ide0, to: pci0}\n",
        IDE_BM, b->big ? "131136MiB" : "4MiB", errors);
}

struct session {
    struct rig rig;
    json_t *reads; /* [name, value] each, as recorded */
    char *pio;     /* words in hexadecimal */
    size_t pio_words;
    bool still_active;
};

static void note_read(struct session *s, const char *name, uint64_t value)
{
    json_array_append_new(s->reads, json_pack("[sI]", name, (json_int_t)value));
}

void ide_wait(struct rig *r)
{
    rig_settle(r);
}

static void step_out(struct session *s, const json_t *step)
{
    const struct ide_register *reg = ide_register_find(json_string_value(json_array_get(step, 1)));
    unsigned size = (unsigned)atoi(json_string_value(json_array_get(step, 0)) + 3) / 8;
    rig_out(&s->rig, TB_IO, reg->port, size, num(json_array_get(step, 2)));
}

static void step_in(struct session *s, const json_t *step)
{
    const char *name = json_string_value(json_array_get(step, 1));
    unsigned size = (unsigned)atoi(json_string_value(json_array_get(step, 0)) + 2) / 8;
    note_read(s, name, rig_in(&s->rig, TB_IO, ide_register_find(name)->port, size));
}

static void step_wait(struct session *s, const json_t *step)
{
    (void)step;
    ide_wait(&s->rig);
    uint64_t status = ide_in(&s->rig, "bm.status");
    s->still_active = (status & 5) == 1;
    note_read(s, "bm.status", status);
    note_read(s, "altstatus", ide_in(&s->rig, "altstatus"));
}

static void step_settle(struct session *s, const json_t *step)
{
    (void)step;
    rig_settle(&s->rig);
    note_read(s, "altstatus", ide_in(&s->rig, "altstatus"));
}

static void step_pio(struct session *s, const json_t *step)
{
    size_t n = num(json_array_get(step, 1));
    s->pio = realloc(s->pio, 4 * (s->pio_words + n) + 1);
    for (size_t i = 0; s->pio && i < n; i++, s->pio_words++) {
        if (i % (SECTOR / 2) == 0) /* the drive may have to fetch the next sector */
            rig_settle(&s->rig);
        snprintf(s->pio + 4 * s->pio_words, 5, "%04x", (unsigned)ide_in(&s->rig, "data"));
    }
}

static const struct {
    const char *word;
    void (*run)(struct session *s, const json_t *step);
} steps[] = {{"out8", step_out},  {"out16", step_out},     {"out32", step_out},
             {"in8", step_in},    {"in16", step_in},       {"in32", step_in},
             {"wait", step_wait}, {"settle", step_settle}, {"pio16", step_pio}};

static void run_program(struct session *s, const json_t *vector)
{
    rig_out(&s->rig, TB_CONFIG, CONFIG_COMMAND, 2, num_of(vector, "pci_command", 5));
    rig_settle(&s->rig);
    rig_forget(&s->rig);
    size_t i;
    json_t *step;
    json_array_foreach (json_object_get(vector, "program"), i, step)
        for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++)
            if (strcmp(steps[k].word, json_string_value(json_array_get(step, 0))) == 0)
                steps[k].run(s, step);
    rig_settle(&s->rig);
}

/* -- comparing ------------------------------------------ */

static void compare_reads(struct session *s, const json_t *expected, struct verdict *v)
{
    size_t n = json_array_size(expected);
    if (json_array_size(s->reads) != n)
        verdict_fail(v, "reads", "expected %zu values, found %zu", n, json_array_size(s->reads));
    for (size_t i = 0; i < n && i < json_array_size(s->reads); i++) {
        const json_t *want = json_array_get(expected, i), *have = json_array_get(s->reads, i);
        char field[32];
        snprintf(field, sizeof field, "reads[%zu]", i);
        verdict_text(v, field, json_string_value(json_array_get(want, 0)),
                     json_string_value(json_array_get(have, 0)));
        verdict_num(v, field, num(json_array_get(want, 1)), num(json_array_get(have, 1)));
    }
}

/* Registers are read back in the recorder's order: `status` last, for that read drops the interrupt
 * line. */
static void compare_registers(struct session *s, const json_t *result, struct verdict *v)
{
    static const char *const names[][2] = {{"bm_cmd", "bm.cmd"}, {"bm_status", "bm.status"},
                                           {"bm_prd", "bm.prd"}, {"altstatus", "altstatus"},
                                           {"error", "error"},   {"nsect", "nsect"},
                                           {"lbal", "lbal"},     {"lbam", "lbam"},
                                           {"lbah", "lbah"},     {"device", "device"}};
    struct rig *r = &s->rig;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        verdict_num(v, names[i][0], num_of(result, names[i][0], 0), ide_in(r, names[i][1]));
    rig_settle(r);
    rig_edges(r, v, "irq14_before_status_read", 0,
              json_object_get(result, "irq14_before_status_read"));
    size_t edges = r->edge_count;
    verdict_num(v, "status", num_of(result, "status", 0), ide_in(r, "status"));
    rig_settle(r);
    rig_edges(r, v, "irq14_at_status_read", edges, json_object_get(result, "irq14_at_status_read"));
    uint64_t status = ide_in(r, "bm.status");
    verdict_num(v, "bm_status_after_status_read",
                num_of(result, "bm_status_after_status_read", status), status);
    ide_out(r, "bm.cmd", 0);
    verdict_num(v, "bm_status_after_stop", num_of(result, "bm_status_after_stop", 0),
                ide_in(r, "bm.status"));
}

static void print_run(struct verdict *v, const char *field, uint64_t at, size_t n, const char *hash)
{
    verdict_fail(v, field, "found a run [%" PRIu64 ", %zu, %s] that was not recorded", at, n, hash);
}

struct run_check {
    struct rig *rig;
    reader *read;
    struct verdict *v;
    const char *field;
    const json_t *expected;
    size_t found;
};

static void compare_run(struct run_check *c, uint64_t at, size_t n)
{
    char hash[33] = "unreadable";
    uint8_t *data = get(n);
    if (c->read(c->rig, at, data, n))
        hash_hex(data, n, hash);
    free(data);
    const json_t *want = json_array_get(c->expected, c->found++);
    if (!want) {
        print_run(c->v, c->field, at, n, hash);
        return;
    }
    const char *recorded = json_string_value(json_array_get(want, 2));
    if (num(json_array_get(want, 0)) != at || num(json_array_get(want, 1)) != n ||
        strcmp(recorded, hash) != 0)
        verdict_fail(
            c->v, c->field, "expected [%" PRIu64 ", %" PRIu64 ", %s], found [%" PRIu64 ", %zu, %s]",
            num(json_array_get(want, 0)), num(json_array_get(want, 1)), recorded, at, n, hash);
}

/* Runs of written bytes, in order; clean pages are stepped over whole. */
static void compare_runs(struct run_check *c, const struct window *w)
{
    size_t start = SIZE_MAX;
    for (size_t i = 0; i <= w->size;) {
        bool in = i < w->size && w->written[i];
        if (in && start == SIZE_MAX)
            start = i;
        if (!in && start != SIZE_MAX) {
            compare_run(c, w->base + start, i - start);
            start = SIZE_MAX;
        }
        i = !in && i < w->size && !w->dirty[i / PAGE] ? (i / PAGE + 1) * PAGE : i + 1;
    }
}

static int by_base(const void *a, const void *b)
{
    uint64_t x = ((const struct window *)a)->base, y = ((const struct window *)b)->base;
    return x < y ? -1 : x > y;
}

static void missing_runs(const struct run_check *c)
{
    for (size_t i = c->found; i < json_array_size(c->expected); i++) {
        const json_t *want = json_array_get(c->expected, i);
        verdict_fail(c->v, c->field, "expected a run [%" PRIu64 ", %" PRIu64 "], found none",
                     num(json_array_get(want, 0)), num(json_array_get(want, 1)));
    }
}

static void compare_contents(struct bench *b, struct rig *r, const json_t *result,
                             struct verdict *v)
{
    struct run_check memory = {
        r, rig_peek, v, "mem_written", json_object_get(result, "mem_written"), 0};
    compare_runs(&memory, &b->ram);
    missing_runs(&memory);
    struct run_check disk = {
        r, read_disk, v, "disk_written", json_object_get(result, "disk_written"), 0};
    qsort(b->disk, b->disks, sizeof b->disk[0], by_base);
    for (size_t k = 0; k < b->disks; k++)
        compare_runs(&disk, &b->disk[k]);
    missing_runs(&disk);
    uint8_t *arena = get(ARENA_SIZE);
    char hash[33] = "unreadable";
    if (rig_peek(r, ARENA, arena, ARENA_SIZE))
        hash_hex(arena, ARENA_SIZE, hash);
    free(arena);
    verdict_text(v, "arena_sha256", text_of(result, "arena_sha256"), hash);
}

static void compare_result(struct session *s, const json_t *result, struct verdict *v)
{
    compare_reads(s, json_object_get(result, "reads"), v);
    verdict_num(v, "still_active_after_wait",
                json_is_true(json_object_get(result, "still_active_after_wait")), s->still_active);
    if (json_object_get(result, "pio16") || s->pio)
        verdict_text(v, "pio16", text_of(result, "pio16"), s->pio ? s->pio : "");
    compare_registers(s, result, v);
}

static void run_variant(struct bench *b, enum variant variant, const json_t *result,
                        struct verdict *v)
{
    char yaml[1024];
    struct session s = {.reads = json_array()};
    platform_text(b, yaml, sizeof yaml);
    if (rig_open(&s.rig, yaml, v)) {
        fill_ram(b, &s.rig, variant);
        fill_disk(b, &s.rig, variant);
        run_program(&s, b->vector);
        if (variant == AS_RECORDED)
            compare_result(&s, result, v);
        window_compare(&b->ram, &s.rig, rig_peek, v);
        for (size_t k = 0; k < b->disks; k++)
            window_compare(&b->disk[k], &s.rig, read_disk, v);
        if (variant == AS_RECORDED)
            compare_contents(b, &s.rig, result, v);
        if (s.rig.endless)
            verdict_fail(v, "end", "the program did not end within the limits of a vector");
    }
    rig_close(&s.rig);
    json_decref(s.reads);
    free(s.pio);
}

/* The recorded releases agree on every vector; if a file holds several results, the first is the
 * one to meet. */
void ide_run(const json_t *vector, struct verdict *v)
{
    const json_t *results = json_object_get(vector, "results");
    const json_t *result = json_object_get(results, "all");
    if (!result)
        result = json_object_iter_value(json_object_iter((json_t *)(uintptr_t)results));
    struct bench b = {.vector = vector, .big = json_object_get(vector, "disk") != NULL};
    open_windows(&b, result);
    for (enum variant k = 0; k < VARIANTS && v->failures == 0; k++)
        run_variant(&b, k, result, v);
    close_windows(&b);
}
