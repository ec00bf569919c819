/* Steps of the CPU itself: accesses to registers and memory, waiting, time. */
#include "host.h"

#include "driver_virtio.h"

#include <inttypes.h>
#include <string.h>

/* -- Accesses ---------------------------------------------------------------------------------- */

struct access_args {
    const char *name; /* of a register */
    uint64_t at, number[4], expect, mask, size;
    struct tb_items bytes;
    unsigned space, status;
    uint8_t *data;
    uint64_t pattern_size, seed;
    unsigned pattern;
    bool has_at, has_value, has[4], has_expect, has_pattern;
    uint64_t value;
    struct host_register target;
};

enum { STATUS_OK, STATUS_UNSUPPORTED, STATUS_ABORT, STATUS_FAULT, STATUS_ANY };
static const char *const status_names[] = {"ok", "unsupported", "abort", "fault", "any", NULL};
static const char *const space_names[] = {"memory", "io", "config", NULL}; /* enum tb_space */

#define FIELD(f)    .offset = offsetof(struct access_args, f)
#define PRESENT(f)  .present = offsetof(struct access_args, f) + 1
#define OPTIONAL(f) .flags = TB_OPTIONAL, PRESENT(f)

#define AT_ROW                                                                                     \
    {                                                                                              \
        .name = "at", .type = TB_COUNT, FIELD(at), OPTIONAL(has_at), .doc = "address"              \
    }
#define NUMBER_ROWS                                                                                \
    {.name = "u8",                                                                                 \
     .type = TB_COUNT,                                                                             \
     FIELD(number[0]),                                                                             \
     OPTIONAL(has[0]),                                                                             \
     .max = "0xff",                                                                                \
     .doc = "one byte"},                                                                           \
        {.name = "u16",                                                                            \
         .type = TB_COUNT,                                                                         \
         FIELD(number[1]),                                                                         \
         OPTIONAL(has[1]),                                                                         \
         .max = "0xffff",                                                                          \
         .doc = "2 bytes"},                                                                        \
        {.name = "u32",                                                                            \
         .type = TB_COUNT,                                                                         \
         FIELD(number[2]),                                                                         \
         OPTIONAL(has[2]),                                                                         \
         .max = "0xffffffff",                                                                      \
         .doc = "4 bytes"},                                                                        \
        {.name = "u64", .type = TB_COUNT, FIELD(number[3]), OPTIONAL(has[3]), .doc = "8 bytes"},   \
    {                                                                                              \
        .name = "bytes", .type = TB_NUMBERS, FIELD(bytes), .flags = TB_OPTIONAL,                   \
        .doc = "any number of bytes"                                                               \
    }
#define SPACE_ROW                                                                                  \
    {                                                                                              \
        .name = "space", .type = TB_ENUM, FIELD(space), .names = space_names, .def = "memory",     \
        .doc = "address space"                                                                     \
    }
#define STATUS_ROW                                                                                 \
    {                                                                                              \
        .name = "status", .type = TB_ENUM, FIELD(status), .names = status_names, .def = "ok",      \
        .doc = "how the access must be answered"                                                   \
    }
#define CHECK_ROWS                                                                                 \
    {.name = "expect",                                                                             \
     .type = TB_COUNT,                                                                             \
     FIELD(expect),                                                                                \
     OPTIONAL(has_expect),                                                                         \
     .doc = "the value it must read"},                                                             \
    {                                                                                              \
        .name = "mask", .type = TB_COUNT, FIELD(mask), .def = "0xffffffffffffffff",                \
        .doc = "bits of `expect` that count"                                                       \
    }
#define SIZE_ROW                                                                                   \
    {                                                                                              \
        .name = "size", .type = TB_COUNT, FIELD(size), .def = "4", .min = "1", .max = "8",         \
        .doc = "bytes: 1, 2, 4 or 8"                                                               \
    }

static const struct tb_param write_table[] = {
    {.name = "to",
     .type = TB_STRING,
     FIELD(name),
     .flags = TB_OPTIONAL,
     .doc = "a register, such as ide0.bmicom"},
    {.name = "value",
     .type = TB_COUNT,
     FIELD(value),
     OPTIONAL(has_value),
     .doc = "the register's new value"},
    AT_ROW,
    NUMBER_ROWS,
    SPACE_ROW,
    STATUS_ROW,
    {0},
};

static const struct tb_param read_table[] = {
    {.name = "from",
     .type = TB_STRING,
     FIELD(name),
     .flags = TB_OPTIONAL,
     .doc = "a register, such as ide0.bmista"},
    AT_ROW,
    SIZE_ROW,
    SPACE_ROW,
    CHECK_ROWS,
    STATUS_ROW,
    {0},
};

static const struct tb_param store_table[] = {AT_ROW, NUMBER_ROWS, STATUS_ROW, {0}};
static const struct tb_param load_table[] = {AT_ROW, SIZE_ROW, CHECK_ROWS, STATUS_ROW, {0}};

static const struct tb_param poke_table[] = {
    AT_ROW,
    NUMBER_ROWS,
    {.name = "pattern",
     .type = TB_ENUM,
     FIELD(pattern),
     .names = host_pattern_names,
     OPTIONAL(has_pattern),
     .doc = "counter: byte i is i mod 256; mix64: a hash of seed and address; zero"},
    {.name = "size",
     .type = TB_BYTES,
     FIELD(pattern_size),
     .def = "0",
     .max = "1GiB",
     .doc = "of the pattern"},
    {.name = "seed", .type = TB_COUNT, FIELD(seed), .def = "0", .doc = "of mix64"},
    {0},
};

/* What is written, as bytes in memory: a single number, or a list. */
static bool compile_bytes(struct host *h, struct access_args *a, const struct tb_node *node,
                          struct tb_diag *diag)
{
    unsigned given = a->bytes.count > 0, kind = 0;
    for (unsigned i = 0; i < 4; i++) {
        kind = a->has[i] ? i : kind;
        given += a->has[i];
    }
    if (given != 1) {
        tb_diag_node(diag, node, "needs exactly one of u8, u16, u32, u64 and bytes");
        return false;
    }
    a->size = a->bytes.count ? a->bytes.count : (uint64_t)1 << kind;
    a->data = tb_alloc(h->m, a->size, 1);
    for (size_t i = 0; i < a->size; i++) {
        uint64_t byte =
            a->bytes.count ? ((const uint64_t *)a->bytes.at)[i] : a->number[kind] >> 8 * i & 0xff;
        if (byte > 0xff) {
            tb_diag_node(diag, a->bytes.nodes[i], "a byte is at most 255");
            return false;
        }
        a->data[i] = (uint8_t)byte;
    }
    if (a->at + a->size - 1 < a->at) {
        tb_diag_node(diag, node, "it ends past the end of the address space");
        return false;
    }
    return true;
}

static bool needs_at(const struct access_args *a, const struct tb_node *node, struct tb_diag *diag)
{
    if (!a->has_at)
        tb_diag_node(diag, node, "needs 'at', the address");
    return a->has_at;
}

static bool prepare_target(struct host *h, struct access_args *a, const struct tb_node *node,
                           const char *key, struct tb_diag *diag)
{
    bool named = a->name && a->name[0];
    if (named == a->has_at) {
        tb_diag_node(diag, node, "needs either '%s', a register, or 'at', an address", key);
        return false;
    }
    if (named)
        return host_find_register(h, a->name, tb_node_get(node, key), &a->target, diag);
    a->target = (struct host_register){
        .address = a->at, .space = (uint8_t)a->space, .size = (uint8_t)a->size};
    return true;
}

static bool prepare_write(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct access_args *a = s->args;
    if (!prepare_target(h, a, s->node, "to", diag))
        return false;
    if (a->has_at)
        return compile_bytes(h, a, s->node, diag);
    if (!a->has_value || (a->target.size < 8 && a->value >> 8 * a->target.size)) {
        tb_diag_node(diag, s->node, "a register of %u bytes needs a 'value' that fits",
                     a->target.size);
        return false;
    }
    return true;
}

static bool good_size(const struct access_args *a, const struct tb_node *node, struct tb_diag *diag)
{
    bool good = (a->size & (a->size - 1)) == 0;
    if (!good)
        tb_diag_node(diag, node, "'size' is 1, 2, 4 or 8");
    return good;
}

static bool prepare_read(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct access_args *a = s->args;
    return good_size(a, s->node, diag) && prepare_target(h, a, s->node, "from", diag);
}

static bool prepare_store(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct access_args *a = s->args;
    return needs_at(a, s->node, diag) && compile_bytes(h, a, s->node, diag);
}

static bool prepare_load(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct access_args *a = s->args;
    (void)h;
    a->target =
        (struct host_register){.address = a->at, .space = TB_MEMORY, .size = (uint8_t)a->size};
    return needs_at(a, s->node, diag) && good_size(a, s->node, diag);
}

static bool prepare_poke(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct access_args *a = s->args;
    if (!needs_at(a, s->node, diag))
        return false;
    if (!a->has_pattern)
        return compile_bytes(h, a, s->node, diag);
    if (a->pattern_size == 0 || a->at + a->pattern_size - 1 < a->at) {
        tb_diag_node(diag, s->node, "a pattern needs a 'size' within the address space");
        return false;
    }
    return true;
}

static void check_status(struct host *h, const struct host_step *s, unsigned wanted, tb_time when)
{
    unsigned got = h->flow->status;
    if (wanted == STATUS_ANY || wanted == got)
        return;
    host_complain(h, s->node, when, "the access was answered '%s', not '%s'", status_names[got],
                  status_names[wanted]);
}

enum { ACCESS_AWAITS_NOTHING, ACCESS_AWAITS_ANSWER };

/* Bytes go as the largest pieces of 1, 2, 4... 64 bytes that are aligned to themselves. */
static void queue_pieces(struct host *h, struct access_args *a, uint64_t *done, uint8_t space)
{
    while (*done < a->size && host_room(h) > 0) {
        uint64_t at = a->at + *done, piece = HOST_LINE_BYTES;
        while (piece > a->size - *done || at % piece)
            piece /= 2;
        host_move(h, at, space, a->data + *done, (unsigned)piece, true);
        *done += piece;
    }
}

static enum host_verdict run_write(struct host *h, struct host_step *s, tb_time when)
{
    struct access_args *a = s->args;
    struct host_work *w = &h->work;
    bool named = a->target.size != 0 && !a->has_at;
    if (w->phase == ACCESS_AWAITS_NOTHING && named)
        host_write(h, a->target, a->value);
    else if (!named && w->count < a->size)
        queue_pieces(h, a, &w->count, (uint8_t)a->space);
    else {
        check_status(h, s, a->status, when);
        return HOST_DONE;
    }
    w->phase = ACCESS_AWAITS_ANSWER;
    return HOST_AGAIN;
}

static enum host_verdict run_read(struct host *h, struct host_step *s, tb_time when)
{
    struct access_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == ACCESS_AWAITS_NOTHING) {
        host_read(h, a->target, &w->value);
        w->phase = ACCESS_AWAITS_ANSWER;
        return HOST_AGAIN;
    }
    check_status(h, s, a->status, when);
    if (a->has_expect && (w->value & a->mask) != (a->expect & a->mask))
        host_complain(h, s->node, when,
                      "read 0x%" PRIx64 ", expected 0x%" PRIx64 " (mask 0x%" PRIx64 ")", w->value,
                      a->expect, a->mask);
    return HOST_DONE;
}

static bool poke_pattern(struct host *h, const struct access_args *a)
{
    uint8_t piece[HOST_PAGE];
    bool ok = true;
    for (uint64_t done = 0; ok && done < a->pattern_size; done += sizeof piece) {
        uint64_t left = a->pattern_size - done;
        uint32_t size = left < sizeof piece ? (uint32_t)left : (uint32_t)sizeof piece;
        host_pattern_fill(piece, size, a->pattern, a->seed,
                          (a->pattern == HOST_MIX64 ? a->at : 0) + done);
        ok = host_poke(h, a->at + done, piece, size);
    }
    return ok;
}

static enum host_verdict run_poke(struct host *h, struct host_step *s, tb_time when)
{
    const struct access_args *a = s->args;
    bool ok = a->has_pattern ? poke_pattern(h, a) : host_poke(h, a->at, a->data, (uint32_t)a->size);
    if (!ok)
        host_complain(h, s->node, when, "nobody answers at 0x%" PRIx64, a->at);
    return HOST_DONE;
}

/* -- Waiting ----------------------------------------------------------------------------------- */

enum { FOR_INTERRUPT, FOR_IDLE };
static const char *const for_names[] = {"interrupt", "idle", NULL};

struct wait_args {
    unsigned kind;
    tb_time time, timeout, every;
    const char *name, *device;
    uint64_t memory, size, mask, value, drive, number, count;
    bool has_kind, has_time, has_memory, has_number, has_timeout, has_every;
    struct host_register target;
    struct host_line *line; /* NULL: any */
    struct host_channel *channel;
};

#undef FIELD
#undef PRESENT
#define FIELD(f)   .offset = offsetof(struct wait_args, f)
#define PRESENT(f) .present = offsetof(struct wait_args, f) + 1

static const struct tb_param wait_table[] = {
    {.name = "for",
     .type = TB_ENUM,
     FIELD(kind),
     .names = for_names,
     .short_form = true,
     OPTIONAL(has_kind),
     .doc = "interrupt: one that no step has waited for yet; idle: nothing is under way any more"},
    {.name = "device",
     .type = TB_STRING,
     FIELD(device),
     .flags = TB_OPTIONAL,
     .doc = "whose interrupt; default: any"},
    {.name = "drive",
     .type = TB_COUNT,
     FIELD(drive),
     .def = "0",
     .max = "3",
     .doc = "of that device, for its channel's line"},
    {.name = "line",
     .type = TB_COUNT,
     FIELD(number),
     OPTIONAL(has_number),
     .doc = "the interrupt's number"},
    {.name = "count",
     .type = TB_COUNT,
     FIELD(count),
     .def = "1",
     .min = "1",
     .max = "1000000",
     .doc = "how many interrupts"},
    {.name = "time",
     .type = TB_TIME,
     FIELD(time),
     OPTIONAL(has_time),
     .max = "10000s",
     .doc = "just that long"},
    {.name = "register",
     .type = TB_STRING,
     FIELD(name),
     .flags = TB_OPTIONAL,
     .doc = "poll this register"},
    {.name = "memory",
     .type = TB_COUNT,
     FIELD(memory),
     OPTIONAL(has_memory),
     .doc = "poll memory at this address"},
    {.name = "size",
     .type = TB_COUNT,
     FIELD(size),
     .def = "4",
     .min = "1",
     .max = "8",
     .doc = "of what is polled"},
    {.name = "mask",
     .type = TB_COUNT,
     FIELD(mask),
     .def = "0xffffffffffffffff",
     .doc = "bits of `value` that count"},
    {.name = "value", .type = TB_COUNT, FIELD(value), .def = "0", .doc = "what must be read"},
    {.name = "every",
     .type = TB_TIME,
     FIELD(every),
     OPTIONAL(has_every),
     .min = "1ns",
     .max = "1000s",
     .doc = "pause between two looks; default: the host's poll"},
    {.name = "timeout",
     .type = TB_TIME,
     FIELD(timeout),
     OPTIONAL(has_timeout),
     .min = "1ns",
     .max = "10000s",
     .doc = "after which it is a violation; default: the host's timeout"},
    {0},
};

static bool prepare_wait_line(struct host *h, struct wait_args *a, const struct tb_node *node,
                              struct tb_diag *diag)
{
    if (a->has_number)
        a->line = host_line_of(h, a->number);
    if (!a->device || !a->device[0])
        return true;
    const struct tb_node *named = tb_node_get(node, "device");
    struct host_device *d = host_find_device(h, a->device, named, diag);
    if (!d)
        return false;
    a->channel = d->is_ide ? &d->channels[a->drive / HOST_DRIVES] : NULL;
    a->line = a->channel ? a->channel->line : virtio_line(d->virtio);
    if (!a->line)
        tb_diag_node(diag, named, "'%s' has no interrupt line", a->device);
    return a->line != NULL;
}

static bool prepare_wait(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct wait_args *a = s->args;
    bool named = a->name && a->name[0];
    if (!a->has_timeout)
        a->timeout = h->params.timeout;
    if (!a->has_every)
        a->every = h->params.poll;
    if (a->has_number || (a->device && a->device[0]))
        a->has_kind = true;
    if (a->has_kind + a->has_time + a->has_memory + named != 1) {
        tb_diag_node(diag, s->node,
                     "waits for exactly one of: interrupt, idle, 'time', 'register', 'memory'");
        return false;
    }
    if (named)
        return host_find_register(h, a->name, tb_node_get(s->node, "register"), &a->target, diag);
    if (a->has_memory && (a->size & (a->size - 1))) {
        tb_diag_node(diag, s->node, "'size' is 1, 2, 4 or 8");
        return false;
    }
    a->target =
        (struct host_register){.address = a->memory, .space = TB_MEMORY, .size = (uint8_t)a->size};
    return prepare_wait_line(h, a, s->node, diag);
}

static bool take_line(struct host_line *line)
{
    if (line->taken >= line->handled)
        return false;
    line->taken++;
    return true;
}

static bool take_any(struct host *h, const struct wait_args *a)
{
    if (a->line)
        return take_line(a->line);
    for (size_t i = 0; i < h->line_count; i++)
        if (!h->lines[i].iommu && take_line(&h->lines[i]))
            return true;
    return false;
}

static enum host_verdict expire(struct host *h, const struct host_step *s,
                                const struct wait_args *a, tb_time when, const char *what)
{
    if (when < h->work.deadline) {
        host_sleep(h, h->work.deadline);
        return HOST_WAITS;
    }
    host_complain_of_wait(h, s->node, when, a->timeout, what, NULL);
    return HOST_DONE;
}

static enum host_verdict wait_interrupt(struct host *h, struct host_step *s, tb_time when)
{
    const struct wait_args *a = s->args;
    while (h->work.count < a->count && take_any(h, a))
        h->work.count++;
    return h->work.count == a->count ? HOST_DONE : expire(h, s, a, when, "an interrupt");
}

static bool is_idle(const struct host *h)
{
    for (size_t i = 0; i < h->device_count; i++)
        for (unsigned c = 0; c < HOST_CHANNELS; c++)
            if (h->devices[i].channels[c].busy || virtio_is_busy(h->devices[i].virtio))
                return false;
    for (size_t i = 0; i < h->line_count; i++)
        if (h->lines[i].handled < h->lines[i].raised)
            return false;
    return tb_open(h->m) == 0;
}

static enum host_verdict wait_idle(struct host *h, struct host_step *s, tb_time when)
{
    const struct wait_args *a = s->args;
    if (is_idle(h))
        return HOST_DONE;
    if (when >= h->work.deadline)
        return expire(h, s, a, when, "quiet");
    host_sleep(h, when + a->every);
    return HOST_WAITS;
}

enum { POLL_AWAITS_PAUSE, POLL_AWAITS_VALUE };

static enum host_verdict wait_value(struct host *h, struct host_step *s, tb_time when)
{
    const struct wait_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == POLL_AWAITS_VALUE) {
        w->phase = POLL_AWAITS_PAUSE;
        w->next = when + a->every;
        if ((w->value & a->mask) == (a->value & a->mask))
            return HOST_DONE;
        if (when >= w->deadline) {
            host_complain(h, s->node, when,
                          "waited %" PRIu64 " ns for 0x%" PRIx64 " (mask 0x%" PRIx64
                          ") in vain: read 0x%" PRIx64,
                          a->timeout / TB_NS, a->value, a->mask, w->value);
            return HOST_DONE;
        }
    }
    if (when < w->next) {
        host_sleep(h, w->next);
        return HOST_WAITS;
    }
    host_read(h, a->target, &w->value);
    w->phase = POLL_AWAITS_VALUE;
    return HOST_AGAIN;
}

static enum host_verdict run_wait(struct host *h, struct host_step *s, tb_time when)
{
    const struct wait_args *a = s->args;
    if (h->work.deadline == 0)
        h->work.deadline = h->work.begun + (a->has_time ? a->time : a->timeout);
    if (a->target.size && (a->has_memory || (a->name && a->name[0])))
        return wait_value(h, s, when);
    if (a->has_kind)
        return a->kind == FOR_IDLE ? wait_idle(h, s, when) : wait_interrupt(h, s, when);
    if (when >= h->work.deadline)
        return HOST_DONE;
    host_sleep(h, h->work.deadline);
    return HOST_WAITS;
}

/* -- Time and marks ---------------------------------------------------------------------------- */

struct delay_args {
    tb_time time;
};

static const struct tb_param delay_table[] = {
    {.name = "time",
     .type = TB_TIME,
     .offset = offsetof(struct delay_args, time),
     .flags = TB_REQUIRED,
     .max = "10000s",
     .short_form = true,
     .doc = "how long"},
    {0},
};

static enum host_verdict run_delay(struct host *h, struct host_step *s, tb_time when)
{
    const struct delay_args *a = s->args;
    tb_time end = h->work.begun + a->time;
    if (when >= end)
        return HOST_DONE;
    host_sleep(h, end);
    return HOST_WAITS;
}

struct mark_args {
    const char *text;
};

static const struct tb_param mark_table[] = {
    {.name = "text",
     .type = TB_STRING,
     .offset = offsetof(struct mark_args, text),
     .flags = TB_REQUIRED,
     .short_form = true,
     .doc = "what messages about later steps mention"},
    {0},
};

static enum host_verdict run_mark(struct host *h, struct host_step *s, tb_time when)
{
    const struct mark_args *a = s->args;
    (void)when;
    h->mark = a->text;
    return HOST_DONE;
}

/* An access that is to be refused is one to nowhere on purpose. */
static void lint_access(const struct host *h, const struct host_step *s, struct tb_diag *diag)
{
    const struct access_args *a = s->args;
    uint64_t bytes = a->target.size    ? a->target.size
                     : a->bytes.count  ? a->bytes.count
                     : a->pattern_size ? a->pattern_size
                                       : a->size;
    if (a->has_at && a->target.space == TB_MEMORY && a->status == STATUS_OK)
        tb_lint_range(h->m, 0, a->at, bytes, tb_node_get(s->node, "at"), diag);
}

const struct host_step_lint host_lints_cpu[] = {
    {"write", lint_access}, {"read", lint_access}, {"store", lint_access},
    {"load", lint_access},  {"poke", lint_access}, {0},
};

const struct host_step_kind host_steps_cpu[] = {
    {"write", "writes a register, or a number or bytes to an address", write_table,
     sizeof(struct access_args), prepare_write, run_write, false},
    {"read", "reads a register or address, and checks what it reads", read_table,
     sizeof(struct access_args), prepare_read, run_read, false},
    {"store", "stores a number or bytes to memory", store_table, sizeof(struct access_args),
     prepare_store, run_write, false},
    {"load", "loads from memory, and checks what it loads", load_table, sizeof(struct access_args),
     prepare_load, run_read, false},
    {"poke", "changes memory at once, without an access", poke_table, sizeof(struct access_args),
     prepare_poke, run_poke, false},
    {"wait", "waits for an interrupt, a time, a register's or memory's value, or until all is idle",
     wait_table, sizeof(struct wait_args), prepare_wait, run_wait, true},
    {"delay", "lets time pass", delay_table, sizeof(struct delay_args), NULL, run_delay, true},
    {"mark", "names the part of the scenario that follows, for messages", mark_table,
     sizeof(struct mark_args), NULL, run_mark, false},
    {0},
};
