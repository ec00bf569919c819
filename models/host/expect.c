/* The `expect` step: what must hold now. It takes no time and disturbs nothing; what does not hold
 * is a violation that says what was found. Several things can be expected in one step.
 */
#include "expect.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CONTENT_MAX       "1GiB"
#define SHA256_DIGITS_MIN 16

const char *const expect_kind_names[] = {
    "dma",  "register",    "memory",       "walk",    "devtab",   "command", "event", "interrupt",
    "disk", "translation", "invalidation", "pagereq", "pageresp", NULL}; /* enum tb_txn_kind */
const char *const expect_status_names[] = {"ok",    "unsupported", "abort",
                                           "fault", "any",         NULL}; /* enum tb_status */
const char *const expect_safety_names[] = {"violations", "stale",  "checked",
                                           "unwatched",  "unmaps", NULL};
const char *const expect_code_names[] = {"any",
                                         "illegal_dev_table_entry",
                                         "io_page_fault",
                                         "dev_tab_hardware_error",
                                         "page_tab_hardware_error",
                                         "illegal_command_error",
                                         "command_hardware_error",
                                         "iotlb_inv_timeout",
                                         "invalid_device_request",
                                         "invalid_ppr_request",
                                         NULL};

#define AT(type, f)       .offset = offsetof(struct type, f)
#define OPTIONAL(type, f) .flags = TB_OPTIONAL, .present = offsetof(struct type, f) + 1

static const struct tb_param equals_table[] = {
    {.name = "device",
     .type = TB_STRING,
     AT(expect_disk_place, device),
     .flags = TB_REQUIRED,
     .doc = "an ide controller"},
    {.name = "drive",
     .type = TB_COUNT,
     AT(expect_disk_place, drive),
     .def = "0",
     .max = "3",
     .doc = "which drive of it"},
    {.name = "lba",
     .type = TB_COUNT,
     AT(expect_disk_place, lba),
     .def = "0",
     .max = "0xffffffffffff",
     .doc = "from this sector on"},
    {0},
};

#define CONTENT_ROWS                                                                               \
    {.name = "sha256",                                                                             \
     .type = TB_STRING,                                                                            \
     AT(expect_content, sha256),                                                                   \
     .flags = TB_OPTIONAL,                                                                         \
     .doc = "hash of the bytes, or its first digits (16 at least)"},                               \
        {.name = "bytes",                                                                          \
         .type = TB_NUMBERS,                                                                       \
         AT(expect_content, numbers[0]),                                                           \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the bytes"},                                                                      \
        {.name = "u16",                                                                            \
         .type = TB_NUMBERS,                                                                       \
         AT(expect_content, numbers[1]),                                                           \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the bytes, as little-endian numbers"},                                            \
        {.name = "u32",                                                                            \
         .type = TB_NUMBERS,                                                                       \
         AT(expect_content, numbers[2]),                                                           \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the same"},                                                                       \
        {.name = "u64",                                                                            \
         .type = TB_NUMBERS,                                                                       \
         AT(expect_content, numbers[3]),                                                           \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the same"},                                                                       \
        {.name = "pattern",                                                                        \
         .type = TB_ENUM,                                                                          \
         AT(expect_content, pattern),                                                              \
         .names = host_pattern_names,                                                              \
         OPTIONAL(expect_content, has_pattern),                                                    \
         .doc = "the bytes are this pattern's"},                                                   \
        {.name = "seed",                                                                           \
         .type = TB_COUNT,                                                                         \
         AT(expect_content, seed),                                                                 \
         .def = "0",                                                                               \
         .doc = "of mix64"},                                                                       \
        {.name = "offset",                                                                         \
         .type = TB_COUNT,                                                                         \
         AT(expect_content, offset),                                                               \
         OPTIONAL(expect_content, has_offset),                                                     \
         .doc = "where in the pattern; default: 0, for mix64 the place itself"},                   \
    {                                                                                              \
        .name = "equals_disk", .type = TB_GROUP, AT(expect_content, equals_disk),                  \
        .sub = equals_table, OPTIONAL(expect_content, has_equals_disk),                            \
        .doc = "the bytes are those of a drive"                                                    \
    }

static const struct tb_param memory_table[] = {
    {.name = "at",
     .type = TB_COUNT,
     AT(expect_content, at),
     .flags = TB_REQUIRED,
     .doc = "physical address"},
    {.name = "size",
     .type = TB_BYTES,
     AT(expect_content, size),
     OPTIONAL(expect_content, has_size),
     .min = "1",
     .max = CONTENT_MAX,
     .doc = "how much; default: as much as is listed"},
    CONTENT_ROWS,
    {0},
};

static const struct tb_param disk_table[] = {
    {.name = "device",
     .type = TB_STRING,
     AT(expect_content, device),
     .flags = TB_REQUIRED,
     .doc = "an ide controller"},
    {.name = "drive",
     .type = TB_COUNT,
     AT(expect_content, drive),
     .def = "0",
     .max = "3",
     .doc = "which drive of it"},
    {.name = "lba",
     .type = TB_COUNT,
     AT(expect_content, lba),
     .def = "0",
     .max = "0xffffffffffff",
     .doc = "first sector"},
    {.name = "sectors",
     .type = TB_COUNT,
     AT(expect_content, sectors),
     OPTIONAL(expect_content, has_size),
     .min = "1",
     .max = "2097152",
     .doc = "how many; default: as much as is listed"},
    CONTENT_ROWS,
    {0},
};

static const struct tb_param register_table[] = {
    {.name = "name",
     .type = TB_STRING,
     AT(register_expect, name),
     .flags = TB_REQUIRED,
     .doc = "such as ide0.bmista"},
    {.name = "value",
     .type = TB_COUNT,
     AT(register_expect, value),
     .flags = TB_REQUIRED,
     .doc = "what it holds"},
    {.name = "mask",
     .type = TB_COUNT,
     AT(register_expect, mask),
     .def = "0xffffffffffffffff",
     .doc = "bits that count"},
    {0},
};

#define BOUND_ROWS(whose)                                                                          \
    {.name = "count",                                                                              \
     .type = TB_COUNT,                                                                             \
     AT(whose, bounds.count),                                                                      \
     OPTIONAL(whose, bounds.has_count),                                                            \
     .doc = "exactly that many"},                                                                  \
        {.name = "min",                                                                            \
         .type = TB_COUNT,                                                                         \
         AT(whose, bounds.min),                                                                    \
         OPTIONAL(whose, bounds.has_min),                                                          \
         .doc = "at least"},                                                                       \
    {                                                                                              \
        .name = "max", .type = TB_COUNT, AT(whose, bounds.max), OPTIONAL(whose, bounds.has_max),   \
        .doc = "at most"                                                                           \
    }

static const struct tb_param log_table[] = {
    {.name = "kind",
     .type = TB_ENUM,
     AT(log_expect, kind),
     .names = expect_kind_names,
     .def = "dma",
     .doc = "kind of transaction"},
    {.name = "status",
     .type = TB_ENUM,
     AT(log_expect, status),
     .names = expect_status_names,
     .def = "any",
     .doc = "how they ended"},
    BOUND_ROWS(log_expect),
    {0},
};

static const struct tb_param record_table[] = {
    {.name = "index",
     .type = TB_COUNT,
     .offset = 0,
     .def = "0",
     .max = "32767",
     .doc = "which of those that are still in the log, oldest first"},
    {.name = "q",
     .type = TB_NUMBERS,
     .offset =
         offsetof(struct events_expect, record.q) - offsetof(struct events_expect, record.index),
     .flags = TB_REQUIRED,
     .doc = "its two quadwords"},
    {.name = "mask",
     .type = TB_NUMBERS,
     .offset =
         offsetof(struct events_expect, record.mask) - offsetof(struct events_expect, record.index),
     .flags = TB_OPTIONAL,
     .doc = "bits of them that count"},
    {0},
};

static const struct tb_param events_table[] = {
    {.name = "iommu",
     .type = TB_STRING,
     AT(events_expect, iommu),
     .flags = TB_OPTIONAL,
     .doc = "a bridge with an IOMMU; default: the only one"},
    {.name = "code",
     .type = TB_ENUM,
     AT(events_expect, code),
     .names = expect_code_names,
     .def = "any",
     .doc = "of events"},
    {.name = "record",
     .type = TB_GROUP,
     AT(events_expect, record.index),
     .sub = record_table,
     OPTIONAL(events_expect, record.given),
     .doc = "a record as it is in the log"},
    BOUND_ROWS(events_expect),
    {0},
};

static const struct tb_param counter_table[] = {
    {.name = "of",
     .type = TB_STRING,
     AT(counter_expect, of),
     .flags = TB_REQUIRED,
     .doc = "a model"},
    {.name = "name",
     .type = TB_STRING,
     AT(counter_expect, name),
     .flags = TB_REQUIRED,
     .doc = "a counter of it"},
    {.name = "value",
     .type = TB_COUNT,
     AT(counter_expect, bounds.count),
     OPTIONAL(counter_expect, bounds.has_count),
     .doc = "exactly"},
    {.name = "min",
     .type = TB_COUNT,
     AT(counter_expect, bounds.min),
     OPTIONAL(counter_expect, bounds.has_min),
     .doc = "at least"},
    {.name = "max",
     .type = TB_COUNT,
     AT(counter_expect, bounds.max),
     OPTIONAL(counter_expect, bounds.has_max),
     .doc = "at most"},
    {0},
};

static const struct tb_param latency_table[] = {
    {.name = "kind",
     .type = TB_ENUM,
     AT(latency_expect, kind),
     .names = expect_kind_names,
     .def = "dma",
     .doc = "kind of transaction"},
    {.name = "min",
     .type = TB_TIME,
     AT(latency_expect, min),
     OPTIONAL(latency_expect, has_min),
     .doc = "none is shorter"},
    {.name = "max",
     .type = TB_TIME,
     AT(latency_expect, max),
     OPTIONAL(latency_expect, has_max),
     .doc = "none is longer"},
    {.name = "mean_min",
     .type = TB_TIME,
     AT(latency_expect, mean_min),
     OPTIONAL(latency_expect, has_mean_min),
     .doc = "the mean is no less"},
    {.name = "mean_max",
     .type = TB_TIME,
     AT(latency_expect, mean_max),
     OPTIONAL(latency_expect, has_mean_max),
     .doc = "the mean is no more"},
    {0},
};

#define GROUP(key, field, table, text)                                                             \
    {                                                                                              \
        .name = key, .type = TB_GROUP, .offset = offsetof(struct expect_args, field),              \
        .sub = table, .flags = TB_OPTIONAL,                                                        \
        .present = offsetof(struct expect_args, field.given) + 1, .doc = text                      \
    }

static const struct tb_param safety_table[] = {
    {.name = "name",
     .type = TB_ENUM,
     AT(safety_expect, what),
     .names = expect_safety_names,
     .def = "violations",
     .doc = "what the checker counts"},
    BOUND_ROWS(safety_expect),
    {.name = "window",
     .type = TB_TIME,
     AT(safety_expect, window),
     OPTIONAL(safety_expect, has_window),
     .doc = "no unmap took longer from its beginning to its end"},
    {.name = "late",
     .type = TB_TIME,
     AT(safety_expect, late),
     OPTIONAL(safety_expect, has_late),
     .doc = "no access came longer after its unmap's beginning"},
    {0},
};

static const struct tb_param expect_table[] = {
    GROUP("memory", memory, memory_table, "bytes in memory"),
    GROUP("disk", disk, disk_table, "bytes on a drive"),
    GROUP("register", reg, register_table,
          "a register's value, without the side effects of reading it"),
    GROUP("log", log, log_table, "how many transactions ended so"),
    GROUP("events", events, events_table,
          "event records of an IOMMU, read by the driver or still in the log"),
    GROUP("counter", counter, counter_table, "a model's counter"),
    GROUP("latency", latency, latency_table, "bounds of latencies"),
    GROUP("safety", safety, safety_table, "what the DMA-safety checker has seen"),
    {0},
};

/* -- Preparing --------------------------------------------------------------------------------- */

static bool check_sha256(const char *text, const struct tb_node *node, struct tb_diag *diag)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    bool good = text[digits] == '\0' && digits >= SHA256_DIGITS_MIN && digits <= SHA256_DIGITS;
    if (!good)
        tb_diag_node(diag, tb_node_get(node, "sha256"),
                     "a SHA-256 is %u hexadecimal digits, or its first %u at least",
                     (unsigned)SHA256_DIGITS, (unsigned)SHA256_DIGITS_MIN);
    return good;
}

static bool compile_numbers(struct host *h, struct expect_content *c, unsigned kind,
                            struct tb_diag *diag)
{
    const uint64_t *numbers = c->numbers[kind].at;
    size_t width = (size_t)1 << kind, count = c->numbers[kind].count;
    c->bytes = tb_alloc(h->m, count, width);
    if (!c->has_size)
        c->size = count * width;
    if (c->size != count * width) {
        tb_diag_node(diag, c->numbers[kind].nodes[0],
                     "%zu bytes are listed, the size says %" PRIu64, count * width, c->size);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (width < 8 && numbers[i] >> 8 * width) {
            tb_diag_node(diag, c->numbers[kind].nodes[i], "does not fit into %zu bytes", width);
            return false;
        }
        for (size_t b = 0; b < width; b++)
            c->bytes[i * width + b] = (uint8_t)(numbers[i] >> 8 * b);
    }
    return true;
}

static bool find_drive(struct host *h, struct expect_place *p, const struct expect_disk_place *d,
                       const struct tb_node *node, struct tb_diag *diag)
{
    p->drive_of = tb_find(h->m, d->device);
    p->at = d->lba * 512;
    snprintf(p->storage, sizeof p->storage, "disk%u", (unsigned)d->drive);
    if (!p->drive_of)
        tb_diag_node(diag, tb_node_get(node, "device"), "there is no model '%s'", d->device);
    return p->drive_of != NULL;
}

static bool prepare_content(struct host *h, struct expect_content *c, const struct tb_node *node,
                            struct tb_diag *diag)
{
    bool hash = c->sha256 && c->sha256[0];
    unsigned given = hash + c->has_pattern + c->has_equals_disk;
    for (unsigned k = 0; k < 4; k++)
        given += c->numbers[k].count > 0;
    if (given != 1) {
        tb_diag_node(diag, node,
                     "needs exactly one of sha256, bytes, u16, u32, u64, pattern and equals_disk");
        return false;
    }
    if (c->sectors)
        c->size = c->sectors * 512;
    for (unsigned k = 0; k < 4; k++)
        if (c->numbers[k].count)
            return compile_numbers(h, c, k, diag);
    if (!c->has_size) {
        tb_diag_node(diag, node, "needs to know how much: 'size' or 'sectors'");
        return false;
    }
    if (!c->has_offset)
        c->offset = c->pattern == HOST_MIX64 ? c->place.at : 0;
    if (c->has_equals_disk)
        return find_drive(h, &c->other, &c->equals_disk, tb_node_get(node, "equals_disk"), diag);
    return !hash || check_sha256(c->sha256, node, diag);
}

static bool prepare_events(struct host *h, struct events_expect *e, const struct tb_node *node,
                           struct tb_diag *diag)
{
    if (e->record.given &&
        (e->record.q.count != 2 || (e->record.mask.count != 2 && e->record.mask.count != 0))) {
        tb_diag_node(diag, tb_node_get(node, "record"),
                     "'q', and 'mask' if it is given, are two quadwords");
        return false;
    }
    if (e->iommu && e->iommu[0])
        e->unit = host_find_iommu(h, e->iommu, tb_node_get(node, "iommu"), diag);
    else if (h->iommu_count == 1)
        e->unit = &h->iommus[0];
    else
        tb_diag_node(diag, node, "the platform has %zu IOMMUs: 'iommu' must say which",
                     h->iommu_count);
    if (e->unit && !e->unit->format->devices) {
        tb_diag_node(diag, node, "the IOMMU of '%s' (format %s) has no event log",
                     e->unit->model->name, e->unit->format->name);
        return false;
    }
    return e->unit != NULL;
}

static bool prepare_counter(struct host *h, const struct counter_expect *c,
                            const struct tb_node *node, struct tb_diag *diag)
{
    const struct tb_model *of = tb_find(h->m, c->of);
    if (!of) {
        tb_diag_node(diag, tb_node_get(node, "of"), "there is no model '%s'", c->of);
        return false;
    }
    for (const struct tb_counter *k = of->class->counters; k && k->name; k++)
        if (strcmp(k->name, c->name) == 0)
            return true;
    tb_diag_node(diag, tb_node_get(node, "name"), "'%s' has no counter '%s'", c->of, c->name);
    return false;
}

static bool has_bounds(const struct expect_bounds *b, const struct tb_node *node,
                       struct tb_diag *diag)
{
    bool good = b->has_count || b->has_min || b->has_max;
    if (!good)
        tb_diag_node(diag, node, "needs a number to hold it to: count (value), min or max");
    return good;
}

static bool prepare_counts(struct host *h, struct expect_args *a, const struct tb_node *node,
                           struct tb_diag *diag)
{
    const struct tb_node *log = tb_node_get(node, "log"), *events = tb_node_get(node, "events");
    const struct tb_node *counter = tb_node_get(node, "counter");
    bool good = true;
    if (a->log.given)
        good = has_bounds(&a->log.bounds, log, diag);
    if (a->events.given) {
        good = (a->events.record.given || has_bounds(&a->events.bounds, events, diag)) && good;
        good = prepare_events(h, &a->events, events, diag) && good;
    }
    if (a->counter.given) {
        good = has_bounds(&a->counter.bounds, counter, diag) && good;
        good = prepare_counter(h, &a->counter, counter, diag) && good;
    }
    if (a->safety.given && !a->safety.has_window && !a->safety.has_late)
        good = has_bounds(&a->safety.bounds, tb_node_get(node, "safety"), diag) && good;
    return good;
}

static bool prepare_expect(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct expect_args *a = s->args;
    if (s->node->kind != TB_MAP || s->node->count == 0) {
        tb_diag_at(diag, s->node->key_place, "nothing is expected");
        return false;
    }
    bool good = prepare_counts(h, a, s->node, diag);
    if (a->memory.given) {
        a->memory.place = (struct expect_place){.at = a->memory.at};
        good = prepare_content(h, &a->memory, tb_node_get(s->node, "memory"), diag) && good;
    }
    if (a->disk.given) {
        const struct tb_node *node = tb_node_get(s->node, "disk");
        struct expect_disk_place d = {
            .device = a->disk.device, .drive = a->disk.drive, .lba = a->disk.lba};
        good = find_drive(h, &a->disk.place, &d, node, diag) &&
               prepare_content(h, &a->disk, node, diag) && good;
    }
    if (a->reg.given)
        good = host_find_register(h, a->reg.name,
                                  tb_node_get(tb_node_get(s->node, "register"), "name"),
                                  &a->reg.target, diag) &&
               good;
    return good;
}

static void lint_expect(const struct host *h, const struct host_step *s, struct tb_diag *diag)
{
    const struct expect_args *a = s->args;
    if (a->memory.given)
        tb_lint_range(h->m, 0, a->memory.at, a->memory.size ? a->memory.size : 1,
                      tb_node_get(s->node, "memory"), diag);
}

const struct host_step_lint host_lints_expect[] = {
    {"expect", lint_expect},
    {0},
};

const struct host_step_kind host_steps_expect[] = {
    {"expect", "checks memory, drives, registers, events, counters and latencies", expect_table,
     sizeof(struct expect_args), prepare_expect, expect_run, false},
    {0},
};
