/* `memory:` of a scenario: what simulated memory holds at time 0. */
#include "kernel/kernel.h"

#include <stdio.h>
#include <string.h>

struct entry {
    uint64_t at, size, seed;
    const char *in, *file;
    unsigned pattern;
    struct tb_items u8, u32, u64;
    bool has_pattern, has_size, has_fill;
    struct {
        uint64_t first, step, count;
    } fill;
};

enum { COUNTER, MIX64, ZERO };
static const char *const patterns[] = {"counter", "mix64", "zero", NULL};

static const struct tb_param fill_table[] = {
    {.name = "u64", .type = TB_COUNT, .offset = 0, .flags = TB_REQUIRED, .doc = "the first value"},
    {.name = "step",
     .type = TB_COUNT,
     .offset = 8,
     .def = "0",
     .doc = "added from one value to the next"},
    {.name = "count",
     .type = TB_COUNT,
     .offset = 16,
     .flags = TB_REQUIRED,
     .min = "1",
     .max = "16777216",
     .doc = "how many"},
    {0}};

const struct tb_param tb_memory_table[] = {
    {.name = "at",
     .type = TB_COUNT,
     .offset = offsetof(struct entry, at),
     .flags = TB_REQUIRED,
     .doc = "address of the first byte"},
    {.name = "in",
     .type = TB_STRING,
     .offset = offsetof(struct entry, in),
     .doc = "which memory; default: the one that the host, or nobody else, reaches there"},
    {.name = "u8", .type = TB_NUMBERS, .offset = offsetof(struct entry, u8), .doc = "bytes"},
    {.name = "u32",
     .type = TB_NUMBERS,
     .offset = offsetof(struct entry, u32),
     .doc = "little-endian words"},
    {.name = "u64",
     .type = TB_NUMBERS,
     .offset = offsetof(struct entry, u64),
     .doc = "little-endian words"},
    {.name = "pattern",
     .type = TB_ENUM,
     .offset = offsetof(struct entry, pattern),
     .names = patterns,
     .flags = TB_OPTIONAL,
     .present = offsetof(struct entry, has_pattern) + 1,
     .doc = "counter: byte i is i mod 256; mix64: a hash of seed and address; zero"},
    {.name = "size",
     .type = TB_BYTES,
     .offset = offsetof(struct entry, size),
     .flags = TB_OPTIONAL,
     .min = "1",
     .max = "1GiB",
     .present = offsetof(struct entry, has_size) + 1,
     .doc = "of the pattern"},
    {.name = "seed",
     .type = TB_COUNT,
     .offset = offsetof(struct entry, seed),
     .def = "0",
     .doc = "of mix64"},
    {.name = "file",
     .type = TB_PATH,
     .offset = offsetof(struct entry, file),
     .doc = "its bytes, at most 1 GiB"},
    {.name = "fill",
     .type = TB_GROUP,
     .offset = offsetof(struct entry, fill),
     .sub = fill_table,
     .flags = TB_OPTIONAL,
     .present = offsetof(struct entry, has_fill) + 1,
     .doc = "an arithmetic row of 64-bit words"},
    {0}};

struct writer {
    struct tb_sim *s;
    struct tb_model *in;
    struct tb_diag *diag;
    const struct tb_node *node;
    uint64_t at;
    bool failed;
};

static void put(struct writer *w, const void *bytes, size_t length)
{
    if (w->failed)
        return;
    struct tb_debug d = {.address = w->at,
                         .data = (uint8_t *)(uintptr_t)bytes,
                         .length = (uint32_t)length,
                         .write = true};
    bool ok = w->in ? w->in->class->debug && w->in->class->debug(w->in, 0, &d)
                    : tb_sim_poke(w->s, w->at, bytes, length);
    if (!ok)
        tb_diag_node(w->diag, w->node, "there is no memory at 0x%llx", (unsigned long long)w->at);
    w->failed = !ok;
    w->at += length;
}

static void put_numbers(struct writer *w, const struct tb_items *items, size_t width)
{
    const uint64_t *values = items->at;
    for (size_t k = 0; k < items->count; k++) {
        if (width < 8 && values[k] >> (8 * width)) {
            tb_diag_node(w->diag, items->nodes[k], "does not fit in %zu bytes", width);
            return;
        }
        put(w, &values[k], width);
    }
}

static uint64_t mix64(uint64_t x)
{
    struct tb_random r = {x};
    return tb_random_next(&r);
}

static void put_pattern(struct writer *w, const struct entry *e)
{
    uint8_t piece[4096];
    uint64_t start = w->at;
    for (uint64_t done = 0; done < e->size && !w->failed;) {
        size_t n = e->size - done < sizeof piece ? (size_t)(e->size - done) : sizeof piece;
        for (size_t k = 0; k < n; k++) {
            uint64_t a = start + done + k;
            piece[k] = e->pattern == COUNTER ? (uint8_t)(done + k)
                       : e->pattern == MIX64
                           ? (uint8_t)(mix64(e->seed ^ (a & ~7ull)) >> (8 * (a & 7)))
                           : 0;
        }
        put(w, piece, n);
        done += n;
    }
}

static void put_file(struct writer *w, const struct entry *e)
{
    FILE *f = fopen(e->file, "rb");
    uint8_t piece[4096];
    size_t n;
    if (!f) {
        tb_diag_node(w->diag, w->node, "cannot read '%s': %m", e->file);
        return;
    }
    uint64_t left = (uint64_t)1 << 30;
    while (!w->failed && (n = fread(piece, 1, sizeof piece, f)) > 0 && n <= left) {
        put(w, piece, n);
        left -= n;
    }
    if (ferror(f))
        tb_diag_node(w->diag, w->node, "cannot read '%s': %m", e->file);
    else if (!w->failed && !feof(f))
        tb_diag_node(w->diag, w->node, "'%s' is longer than 1 GiB", e->file);
    fclose(f);
}

static void put_row(struct writer *w, const struct entry *e)
{
    for (uint64_t k = 0; k < e->fill.count && !w->failed; k++) {
        uint64_t value = e->fill.first + k * e->fill.step;
        put(w, &value, sizeof value);
    }
}

static void fill_entry(struct tb_sim *s, const struct tb_node *node, struct tb_diag *diag)
{
    struct entry e = {0};
    struct writer w = {.s = s, .diag = diag, .node = node};
    if (!tb_params_read(tb_memory_table, node, NULL, &e, s->arena, diag))
        return;
    unsigned kinds = (e.u8.count > 0) + (e.u32.count > 0) + (e.u64.count > 0) + e.has_pattern +
                     (e.file && e.file[0]) + e.has_fill;
    if (kinds != 1 || e.has_pattern != e.has_size) {
        tb_diag_node(diag, node,
                     "needs exactly one of u8, u32, u64, pattern with size, file, fill");
        return;
    }
    w.at = e.at;
    if (e.in && e.in[0] && !(w.in = tb_sim_model(s, e.in))) {
        tb_diag_node(diag, tb_node_get(node, "in"), "there is no model '%s'", e.in);
        return;
    }
    put_numbers(&w, &e.u8, 1);
    put_numbers(&w, &e.u32, 4);
    put_numbers(&w, &e.u64, 8);
    if (e.has_pattern)
        put_pattern(&w, &e);
    if (e.file && e.file[0])
        put_file(&w, &e);
    if (e.has_fill)
        put_row(&w, &e);
}

void tb_scenario_fill(struct tb_sim *s, struct tb_diag *diag)
{
    const struct tb_node *list = s->scenario.memory;
    if (!list)
        return;
    if (list->kind != TB_LIST) {
        tb_diag_node(diag, list, "'memory' must be a list");
        return;
    }
    for (size_t k = 0; k < list->count; k++)
        fill_entry(s, list->items[k], diag);
}
