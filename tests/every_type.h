/* A table with a row of every type, in every shape that a model can use, for tests of what reads,
 * prints and describes tables. */
#ifndef TESTS_EVERY_TYPE_H
#define TESTS_EVERY_TYPE_H

#include "tollbridge/param.h"

struct cache {
    uint64_t entries;
    unsigned replacement;
    tb_time hit;
    bool has_walk;
    struct {
        tb_time step;
    } walk;
};

struct entry {
    uint64_t at;
    const char *file;
    struct tb_items words;
};

struct device {
    uint64_t burst, depth, seed, length;
    tb_time latency;
    struct tb_rate bandwidth, clock, rate;
    uint16_t id;
    bool posted, has_seed, has_iotlb;
    const char *label, *image;
    struct cache iotlb, plain;
    struct tb_items entries, numbers;
    const struct tb_node *raw;
};

static const char *const replacements[] = {"lru", "fifo", "random", NULL};

#define AT(type, field) .offset = offsetof(struct type, field)

static const struct tb_param walk_table[] = {
    {.name = "step", .type = TB_TIME, .offset = 0, .def = "5ns", .max = "1us"},
    {.name = NULL},
};
static const struct tb_param cache_table[] = {
    {.name = "entries",
     .type = TB_COUNT,
     AT(cache, entries),
     .flags = TB_REQUIRED,
     .min = "1",
     .max = "65536"},
    {.name = "replacement",
     .type = TB_ENUM,
     AT(cache, replacement),
     .def = "lru",
     .names = replacements},
    {.name = "hit", .type = TB_TIME, AT(cache, hit), .def = "2ns"},
    {.name = "walk",
     .type = TB_GROUP,
     AT(cache, walk),
     .sub = walk_table,
     .present = offsetof(struct cache, has_walk) + 1},
    {.name = NULL},
};
static const struct tb_param plain_table[] = {
    {.name = "entries", .type = TB_COUNT, AT(cache, entries), .def = "16", .short_form = true},
    {.name = "hit", .type = TB_TIME, AT(cache, hit), .def = "1ns"},
    {.name = NULL},
};
static const struct tb_param entry_table[] = {
    {.name = "at", .type = TB_COUNT, AT(entry, at), .flags = TB_REQUIRED, .short_form = true},
    {.name = "file", .type = TB_PATH, AT(entry, file), .flags = TB_OPTIONAL},
    {.name = "words", .type = TB_NUMBERS, AT(entry, words), .max = "9"},
    {.name = NULL},
};
static const struct tb_param every_type[] = {
    {.name = "burst", .type = TB_SIZE, AT(device, burst), .def = "64B", .min = "4B", .max = "4KiB"},
    {.name = "depth", .type = TB_CREDITS, AT(device, depth), .def = "unlimited"},
    {.name = "seed",
     .type = TB_COUNT,
     AT(device, seed),
     .flags = TB_OPTIONAL,
     .present = offsetof(struct device, has_seed) + 1},
    {.name = "length", .type = TB_BYTES, AT(device, length), .def = "512"},
    {.name = "latency",
     .type = TB_TIME,
     AT(device, latency),
     .def = "50ns",
     .min = "1ps",
     .max = "1s"},
    {.name = "bandwidth", .type = TB_RATE, AT(device, bandwidth)},
    {.name = "clock", .type = TB_CLOCK, AT(device, clock), .def = "none"},
    {.name = "rate", .type = TB_PER_S, AT(device, rate), .def = "80M/s"},
    {.name = "id", .type = TB_ID, AT(device, id), .def = "00:01.1"},
    {.name = "posted", .type = TB_BOOL, AT(device, posted), .def = "false"},
    {.name = "label", .type = TB_STRING, AT(device, label), .def = "disk"},
    {.name = "image", .type = TB_PATH, AT(device, image), .flags = TB_OPTIONAL},
    {.name = "iotlb",
     .type = TB_GROUP,
     AT(device, iotlb),
     .sub = cache_table,
     .present = offsetof(struct device, has_iotlb) + 1},
    {.name = "plain", .type = TB_GROUP, AT(device, plain), .sub = plain_table},
    {.name = "entries",
     .type = TB_ITEMS,
     AT(device, entries),
     .sub = entry_table,
     .size = sizeof(struct entry),
     .max = "3"},
    {.name = "numbers", .type = TB_NUMBERS, AT(device, numbers), .max = "0xff"},
    {.name = "raw", .type = TB_NODE, AT(device, raw)},
    {.name = NULL},
};

#endif
