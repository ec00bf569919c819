/* The `expect` step: what must hold now. It takes no time and disturbs nothing; what does not hold
 * is a violation that says what was found. Several things can be expected in one step.
 */
#include "host.h"

#include "tollbridge/sim.h"

#include <ctype.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

#define CONTENT_MAX       "1GiB"
#define SHA256_DIGITS     (2 * SHA256_DIGEST_SIZE)
#define SHA256_DIGITS_MIN 16

/* -- What is expected -------------------------------------------------------------------------- */

/* Bytes somewhere: in memory, or on a drive. */
struct place {
    uint64_t at; /* address, or byte offset on the drive */
    struct tb_model *drive_of;
    char storage[16];
};

struct disk_place {
    const char *device;
    uint64_t drive, lba;
};

struct content {
    uint64_t at, size, lba, sectors, seed, offset, drive;
    const char *device, *sha256;
    struct tb_items numbers[4]; /* u8 u16 u32 u64 */
    unsigned pattern;
    struct disk_place equals_disk;
    bool given, has_size, has_pattern, has_offset, has_equals_disk;
    struct place place, other;
    uint8_t *bytes; /* the numbers', in memory order */
};

struct bounds {
    uint64_t count, min, max;
    bool has_count, has_min, has_max;
};

struct register_expect {
    bool given;
    const char *name;
    uint64_t value, mask;
    struct host_register target;
};

struct log_expect {
    bool given;
    unsigned kind, status;
    struct bounds bounds;
};

struct events_expect {
    bool given;
    const char *iommu;
    unsigned code;
    struct bounds bounds;
    struct {
        bool given;
        uint64_t index;
        struct tb_items q, mask;
    } record;
    struct host_iommu *unit;
};

struct counter_expect {
    bool given;
    const char *of, *name;
    struct bounds bounds;
};

struct latency_expect {
    bool given, has_min, has_max, has_mean_min, has_mean_max;
    unsigned kind;
    tb_time min, max, mean_min, mean_max;
};

struct safety_expect {
    bool given, has_window, has_late;
    unsigned what;
    struct bounds bounds;
    tb_time window, late;
};

struct expect_args {
    struct safety_expect safety;
    struct content memory, disk;
    struct register_expect reg;
    struct log_expect log;
    struct events_expect events;
    struct counter_expect counter;
    struct latency_expect latency;
};

static const char *const kind_names[] = {
    "dma",  "register",    "memory",       "walk",    "devtab",   "command", "event", "interrupt",
    "disk", "translation", "invalidation", "pagereq", "pageresp", NULL}; /* enum tb_txn_kind */
static const char *const status_names[] = {"ok",    "unsupported", "abort",
                                           "fault", "any",         NULL}; /* enum tb_status */
static const char *const safety_names[] = {"violations", "stale",  "checked",
                                           "unwatched",  "unmaps", NULL};
static const char *const code_names[] = {"any",
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
     AT(disk_place, device),
     .flags = TB_REQUIRED,
     .doc = "an ide controller"},
    {.name = "drive",
     .type = TB_COUNT,
     AT(disk_place, drive),
     .def = "0",
     .max = "3",
     .doc = "which drive of it"},
    {.name = "lba",
     .type = TB_COUNT,
     AT(disk_place, lba),
     .def = "0",
     .max = "0xffffffffffff",
     .doc = "from this sector on"},
    {0},
};

#define CONTENT_ROWS                                                                               \
    {.name = "sha256",                                                                             \
     .type = TB_STRING,                                                                            \
     AT(content, sha256),                                                                          \
     .flags = TB_OPTIONAL,                                                                         \
     .doc = "hash of the bytes, or its first digits (16 at least)"},                               \
        {.name = "bytes",                                                                          \
         .type = TB_NUMBERS,                                                                       \
         AT(content, numbers[0]),                                                                  \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the bytes"},                                                                      \
        {.name = "u16",                                                                            \
         .type = TB_NUMBERS,                                                                       \
         AT(content, numbers[1]),                                                                  \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the bytes, as little-endian numbers"},                                            \
        {.name = "u32",                                                                            \
         .type = TB_NUMBERS,                                                                       \
         AT(content, numbers[2]),                                                                  \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the same"},                                                                       \
        {.name = "u64",                                                                            \
         .type = TB_NUMBERS,                                                                       \
         AT(content, numbers[3]),                                                                  \
         .flags = TB_OPTIONAL,                                                                     \
         .doc = "the same"},                                                                       \
        {.name = "pattern",                                                                        \
         .type = TB_ENUM,                                                                          \
         AT(content, pattern),                                                                     \
         .names = host_pattern_names,                                                              \
         OPTIONAL(content, has_pattern),                                                           \
         .doc = "the bytes are this pattern's"},                                                   \
        {.name = "seed", .type = TB_COUNT, AT(content, seed), .def = "0", .doc = "of mix64"},      \
        {.name = "offset",                                                                         \
         .type = TB_COUNT,                                                                         \
         AT(content, offset),                                                                      \
         OPTIONAL(content, has_offset),                                                            \
         .doc = "where in the pattern; default: 0, for mix64 the place itself"},                   \
    {                                                                                              \
        .name = "equals_disk", .type = TB_GROUP, AT(content, equals_disk), .sub = equals_table,    \
        OPTIONAL(content, has_equals_disk), .doc = "the bytes are those of a drive"                \
    }

static const struct tb_param memory_table[] = {
    {.name = "at",
     .type = TB_COUNT,
     AT(content, at),
     .flags = TB_REQUIRED,
     .doc = "physical address"},
    {.name = "size",
     .type = TB_BYTES,
     AT(content, size),
     OPTIONAL(content, has_size),
     .min = "1",
     .max = CONTENT_MAX,
     .doc = "how much; default: as much as is listed"},
    CONTENT_ROWS,
    {0},
};

static const struct tb_param disk_table[] = {
    {.name = "device",
     .type = TB_STRING,
     AT(content, device),
     .flags = TB_REQUIRED,
     .doc = "an ide controller"},
    {.name = "drive",
     .type = TB_COUNT,
     AT(content, drive),
     .def = "0",
     .max = "3",
     .doc = "which drive of it"},
    {.name = "lba",
     .type = TB_COUNT,
     AT(content, lba),
     .def = "0",
     .max = "0xffffffffffff",
     .doc = "first sector"},
    {.name = "sectors",
     .type = TB_COUNT,
     AT(content, sectors),
     OPTIONAL(content, has_size),
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
     .names = kind_names,
     .def = "dma",
     .doc = "kind of transaction"},
    {.name = "status",
     .type = TB_ENUM,
     AT(log_expect, status),
     .names = status_names,
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
     .names = code_names,
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
     .names = kind_names,
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
     .names = safety_names,
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

static bool compile_numbers(struct host *h, struct content *c, unsigned kind, struct tb_diag *diag)
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

static bool find_drive(struct host *h, struct place *p, const struct disk_place *d,
                       const struct tb_node *node, struct tb_diag *diag)
{
    p->drive_of = tb_find(h->m, d->device);
    p->at = d->lba * 512;
    snprintf(p->storage, sizeof p->storage, "disk%u", (unsigned)d->drive);
    if (!p->drive_of)
        tb_diag_node(diag, tb_node_get(node, "device"), "there is no model '%s'", d->device);
    return p->drive_of != NULL;
}

static bool prepare_content(struct host *h, struct content *c, const struct tb_node *node,
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

static bool has_bounds(const struct bounds *b, const struct tb_node *node, struct tb_diag *diag)
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
        a->memory.place = (struct place){.at = a->memory.at};
        good = prepare_content(h, &a->memory, tb_node_get(s->node, "memory"), diag) && good;
    }
    if (a->disk.given) {
        const struct tb_node *node = tb_node_get(s->node, "disk");
        struct disk_place d = {
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

/* -- Contents ---------------------------------------------------------------------------------- */

static bool read_place(struct host *h, const struct place *p, uint64_t offset, uint8_t *to,
                       uint32_t size)
{
    if (p->drive_of)
        return tb_storage(p->drive_of, p->storage, p->at + offset, to, size, false);
    return host_peek(h, p->at + offset, to, size);
}

static bool wanted_piece(struct host *h, const struct content *c, uint64_t offset, uint8_t *to,
                         uint32_t size)
{
    if (c->has_pattern)
        host_pattern_fill(to, size, c->pattern, c->seed, c->offset + offset);
    else if (c->bytes)
        memcpy(to, c->bytes + offset, size);
    else
        return read_place(h, &c->other, offset, to, size);
    return true;
}

struct difference {
    uint64_t count, first;
    uint8_t found, wanted;
};

static void compare(struct difference *d, const uint8_t *found, const uint8_t *wanted,
                    uint64_t offset, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        if (found[i] == wanted[i] || d->count++ > 0)
            continue;
        d->first = offset + i;
        d->found = found[i];
        d->wanted = wanted[i];
    }
}

static void check_hash(struct host *h, const struct content *c, struct sha256_ctx *hash,
                       const struct tb_node *node, tb_time when)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[SHA256_DIGITS + 1];
    sha256_digest(hash, sizeof digest, digest);
    for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    if (strncasecmp(text, c->sha256, strlen(c->sha256)) != 0)
        host_complain(h, node, when, "the SHA-256 is %s, expected %s", text, c->sha256);
}

static void check_content(struct host *h, const struct content *c, const struct tb_node *node,
                          tb_time when)
{
    uint8_t found[HOST_PAGE], wanted[HOST_PAGE];
    struct difference d = {0};
    struct sha256_ctx hash;
    bool hashed = c->sha256 && c->sha256[0];
    sha256_init(&hash);
    for (uint64_t done = 0; done < c->size; done += sizeof found) {
        uint32_t size =
            c->size - done < sizeof found ? (uint32_t)(c->size - done) : (uint32_t)sizeof found;
        if (!read_place(h, &c->place, done, found, size) ||
            (!hashed && !wanted_piece(h, c, done, wanted, size))) {
            host_complain(h, node, when, "there is nothing to read at offset 0x%" PRIx64, done);
            return;
        }
        if (hashed)
            sha256_update(&hash, size, found);
        else
            compare(&d, found, wanted, done, size);
    }
    if (hashed)
        check_hash(h, c, &hash, node, when);
    else if (d.count)
        host_complain(h, node, when,
                      "%" PRIu64 " of %" PRIu64 " bytes differ, first at 0x%" PRIx64
                      " (offset 0x%" PRIx64 "): found 0x%02x, expected 0x%02x",
                      d.count, c->size, c->place.at + d.first, d.first, d.found, d.wanted);
}

/* -- Numbers ----------------------------------------------------------------------------------- */

static void check_bounds(struct host *h, const struct bounds *b, uint64_t found, const char *what,
                         const struct tb_node *node, tb_time when)
{
    if (b->has_count && found != b->count)
        host_complain(h, node, when, "%s: found %" PRIu64 ", expected %" PRIu64, what, found,
                      b->count);
    if (b->has_min && found < b->min)
        host_complain(h, node, when, "%s: found %" PRIu64 ", expected at least %" PRIu64, what,
                      found, b->min);
    if (b->has_max && found > b->max)
        host_complain(h, node, when, "%s: found %" PRIu64 ", expected at most %" PRIu64, what,
                      found, b->max);
}

static void check_register(struct host *h, const struct register_expect *r,
                           const struct tb_node *node, tb_time when)
{
    uint64_t value;
    if (!host_peek_register(h, r->target, &value))
        host_complain(h, node, when, "nobody answers for '%s'", r->name);
    else if ((value & r->mask) != (r->value & r->mask))
        host_complain(h, node, when,
                      "%s holds 0x%" PRIx64 ", expected 0x%" PRIx64 " (mask 0x%" PRIx64 ")",
                      r->name, value, r->value, r->mask);
}

static void check_log(struct host *h, const struct log_expect *l, const struct tb_node *node,
                      tb_time when)
{
    char what[64];
    uint64_t found = tb_ended(h->m, (enum tb_txn_kind)l->kind, (enum tb_status)l->status);
    snprintf(what, sizeof what, "%s transactions with status %s", kind_names[l->kind],
             status_names[l->status]);
    check_bounds(h, &l->bounds, found, what, node, when);
}

static void check_record(struct host *h, const struct events_expect *e, const struct tb_node *node,
                         tb_time when)
{
    const uint64_t *q = e->record.q.at, *mask = e->record.mask.count ? e->record.mask.at : NULL;
    uint64_t found[2];
    if (!iommu_event(h, e->unit, e->record.index, found)) {
        host_complain(h, node, when, "the event log of '%s' has no record %" PRIu64,
                      e->unit->model->name, e->record.index);
        return;
    }
    if ((found[0] ^ q[0]) & (mask ? mask[0] : UINT64_MAX) ||
        (found[1] ^ q[1]) & (mask ? mask[1] : UINT64_MAX))
        host_complain(h, node, when,
                      "event record %" PRIu64 " is [0x%016" PRIx64 ", 0x%016" PRIx64
                      "], expected [0x%016" PRIx64 ", 0x%016" PRIx64 "]",
                      e->record.index, found[0], found[1], q[0], q[1]);
}

static void check_events(struct host *h, const struct events_expect *e, const struct tb_node *node,
                         tb_time when)
{
    char what[96];
    snprintf(what, sizeof what, "events of '%s' (%s)", e->unit->model->name, code_names[e->code]);
    check_bounds(h, &e->bounds, iommu_events(h, e->unit, e->code), what, node, when);
    if (e->record.given)
        check_record(h, e, node, when);
}

static void check_counter(struct host *h, const struct counter_expect *c,
                          const struct tb_node *node, tb_time when)
{
    char what[128];
    uint64_t found = 0;
    tb_sim_counter(h->m->sim, c->of, c->name, &found);
    snprintf(what, sizeof what, "%s.%s", c->of, c->name);
    check_bounds(h, &c->bounds, found, what, node, when);
}

static void check_time(struct host *h, bool given, bool holds, const char *what, tb_time found,
                       tb_time bound, const char *most, const struct tb_node *node, tb_time when)
{
    if (given && !holds)
        host_complain(h, node, when,
                      "%s is %" PRIu64 ".%03u ns, expected at %s %" PRIu64 ".%03u ns", what,
                      found / TB_NS, (unsigned)(found % TB_NS), most, bound / TB_NS,
                      (unsigned)(bound % TB_NS));
}

static void check_latency(struct host *h, const struct latency_expect *l,
                          const struct tb_node *node, tb_time when)
{
    struct tb_latency found = tb_latency_of(h->m, (enum tb_txn_kind)l->kind);
    if (found.count == 0) {
        host_complain(h, node, when, "no %s transaction has ended yet", kind_names[l->kind]);
        return;
    }
    tb_time mean = found.sum / found.count;
    check_time(h, l->has_min, found.min >= l->min, "the smallest latency", found.min, l->min,
               "least", node, when);
    check_time(h, l->has_max, found.max <= l->max, "the largest latency", found.max, l->max, "most",
               node, when);
    check_time(h, l->has_mean_min, mean >= l->mean_min, "the mean latency", mean, l->mean_min,
               "least", node, when);
    check_time(h, l->has_mean_max, mean <= l->mean_max, "the mean latency", mean, l->mean_max,
               "most", node, when);
}

static void check_safety(struct host *h, const struct safety_expect *e, const struct tb_node *node,
                         tb_time when)
{
    struct tb_safety n;
    char what[64];
    if (!tb_safety_of(h->m, &n)) {
        host_complain(h, node, when,
                      "nobody checks: the scenario needs `record: {check: dma-safety}`");
        return;
    }
    const uint64_t found[] = {n.violations, n.stale, n.checked, n.unwatched, n.windows};
    snprintf(what, sizeof what, "%s of the DMA-safety checker", safety_names[e->what]);
    check_bounds(h, &e->bounds, found[e->what], what, node, when);
    check_time(h, e->has_window, n.window_max <= e->window, "the longest unmap", n.window_max,
               e->window, "most", node, when);
    check_time(h, e->has_late, n.stale_max <= e->late, "the latest stale access", n.stale_max,
               e->late, "most", node, when);
}

static enum host_verdict run_expect(struct host *h, struct host_step *s, tb_time when)
{
    const struct expect_args *a = s->args;
    if (a->memory.given)
        check_content(h, &a->memory, tb_node_get(s->node, "memory"), when);
    if (a->disk.given)
        check_content(h, &a->disk, tb_node_get(s->node, "disk"), when);
    if (a->reg.given)
        check_register(h, &a->reg, tb_node_get(s->node, "register"), when);
    if (a->log.given)
        check_log(h, &a->log, tb_node_get(s->node, "log"), when);
    if (a->events.given)
        check_events(h, &a->events, tb_node_get(s->node, "events"), when);
    if (a->counter.given)
        check_counter(h, &a->counter, tb_node_get(s->node, "counter"), when);
    if (a->latency.given)
        check_latency(h, &a->latency, tb_node_get(s->node, "latency"), when);
    if (a->safety.given)
        check_safety(h, &a->safety, tb_node_get(s->node, "safety"), when);
    return HOST_DONE;
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
     sizeof(struct expect_args), prepare_expect, run_expect, false},
    {0},
};
