/* Steps that move what answers where: base address registers and windows of bridges, by writes to
 * configuration space.
 *
 * A careful driver switches the decoder off first (the command register's bit), writes, reads back,
 * and switches it on again, so that nothing is routed by half a value (PCI Local Bus 3.0, 6.2.5.1);
 * a careless one just writes (`live`). Neither stops DMA that is under way: to do so before is the
 * business of the steps before.
 */
#include "host.h"

#include "spec/pci.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WINDOW_MEMORY, WINDOW_PREFETCH, WINDOW_IO };
static const char *const window_names[] = {"memory", "prefetch", "io", NULL};

#define WRITES 3 /* at most, of one move */

struct config_args {
    const char *name;
    uint64_t bar, to, base, size;
    unsigned window;
    bool live;
    /* what the move writes, in order; the first register is read back */
    struct host_register command, registers[WRITES];
    uint64_t values[WRITES];
    uint64_t flags; /* bits of the first one that say what kind of register it is */
    uint64_t bit;   /* of the command register */
    unsigned count;
};

#define FIELD(f) .offset = offsetof(struct config_args, f)
#define LIVE_ROW                                                                                   \
    {                                                                                              \
        .name = "live", .type = TB_BOOL, FIELD(live), .def = "false",                              \
        .doc = "without switching the decoder off around it"                                       \
    }

static const struct tb_param bar_table[] = {
    {.name = "device",
     .type = TB_STRING,
     FIELD(name),
     .flags = TB_REQUIRED,
     .doc = "a function with base address registers, such as an endpoint"},
    {.name = "bar", .type = TB_COUNT, FIELD(bar), .def = "0", .max = "5", .doc = "which register"},
    {.name = "to",
     .type = TB_COUNT,
     FIELD(to),
     .flags = TB_REQUIRED,
     .doc = "where it is to answer: a multiple of its size"},
    LIVE_ROW,
    {0},
};

static const struct tb_param window_table[] = {
    {.name = "bridge",
     .type = TB_STRING,
     FIELD(name),
     .flags = TB_REQUIRED,
     .doc = "a bridge with a configuration header"},
    {.name = "window",
     .type = TB_ENUM,
     FIELD(window),
     .names = window_names,
     .def = "memory",
     .doc = "memory: below 4 GiB; prefetch: memory anywhere; io"},
    {.name = "base",
     .type = TB_COUNT,
     FIELD(base),
     .def = "0",
     .doc = "first address: whole MiB; whole 4 KiB of I/O"},
    {.name = "size",
     .type = TB_BYTES,
     FIELD(size),
     .flags = TB_REQUIRED,
     .doc = "how much, likewise; 0 closes it"},
    LIVE_ROW,
    {0},
};

/* -- Preparing --------------------------------------------------------------------------------- */

static bool find_register(struct host *h, const struct config_args *a, const char *name,
                          const struct tb_node *node, struct host_register *out,
                          struct tb_diag *diag)
{
    char path[160];
    snprintf(path, sizeof path, "%.100s.%s", a->name, name);
    return host_find_register(h, path, node, out, diag);
}

/* Adds a write to what the move does. */
static bool add(struct host *h, struct config_args *a, const char *name, uint64_t value,
                const struct tb_node *node, struct tb_diag *diag)
{
    a->values[a->count] = value;
    return find_register(h, a, name, node, &a->registers[a->count++], diag);
}

static bool is_wide(struct host *h, const struct config_args *a)
{
    char name[16];
    struct tb_symbol unused;
    struct tb_model *of = tb_find(h->m, a->name);
    snprintf(name, sizeof name, "bar%" PRIu64, a->bar + 1);
    return of && tb_symbol(of, name, &unused);
}

static bool prepare_bar(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct config_args *a = s->args;
    const struct tb_node *named = tb_node_get(s->node, "device");
    struct tb_model *of = tb_find(h->m, a->name);
    char low[16], high[16];
    uint64_t size;
    bool wide = is_wide(h, a);
    snprintf(low, sizeof low, "bar%" PRIu64, a->bar);
    snprintf(high, sizeof high, "bar%" PRIu64, a->bar + 1);
    a->bit = PCI_COMMAND_MEMORY;
    a->flags = PCI_BAR_FLAGS;
    if (!find_register(h, a, "pcicmd", named, &a->command, diag) ||
        !add(h, a, low, a->to & 0xffffffff, named, diag) ||
        (wide && !add(h, a, high, a->to >> 32, named, diag)))
        return false;
    bool fits = !of || !tb_fact(of, "size", &size) || a->to % size == 0;
    if (fits && (wide || !(a->to >> 32)))
        return true;
    tb_diag_node(diag, tb_node_get(s->node, "to"),
                 fits ? "the register has 32 bits" : "must be a multiple of the register's size");
    return false;
}

/* Base and limit as a window's registers have them, next to each other. */
static uint64_t ends(uint64_t base, uint64_t last, unsigned shift, unsigned bytes)
{
    uint64_t mask = ((uint64_t)1 << 8 * bytes) - 16;
    return (base >> shift << 4 & mask) | (last >> shift << 4 & mask) << 8 * bytes;
}

static bool prepare_window(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct config_args *a = s->args;
    const struct tb_node *named = tb_node_get(s->node, "bridge");
    bool io = a->window == WINDOW_IO;
    uint64_t grain = io ? PCI_BRIDGE_IO_GRAIN : PCI_BRIDGE_MEMORY_GRAIN;
    uint64_t base = a->size ? a->base : grain, last = a->size ? a->base + (a->size - 1) : 0;
    if (a->base % grain || a->size % grain || (a->size && last < base) ||
        (a->window != WINDOW_PREFETCH && last >> 32)) {
        tb_diag_node(diag, s->node,
                     "base and size are multiples of 0x%" PRIx64 ", and it ends below %s", grain,
                     a->window == WINDOW_PREFETCH ? "2^64" : "4 GiB");
        return false;
    }
    a->flags = io ? 0x0f0f : 0x000f000f;
    a->bit = io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
    if (!find_register(h, a, "pcicmd", named, &a->command, diag))
        return false;
    if (io)
        return add(h, a, "io_window", ends(base, last, 12, 1), named, diag) &&
               add(h, a, "io_upper", base >> 16 | last >> 16 << 16, named, diag);
    if (a->window == WINDOW_MEMORY)
        return add(h, a, "memory_window", ends(base, last, 20, 2), named, diag);
    return add(h, a, "prefetch_window", ends(base, last, 20, 2), named, diag) &&
           add(h, a, "prefetch_base_upper", base >> 32, named, diag) &&
           add(h, a, "prefetch_limit_upper", last >> 32, named, diag);
}

/* -- Running ----------------------------------------------------------------------------------- */

enum { MOVE_BEGINS, MOVE_AWAITS_COMMAND, MOVE_AWAITS_WRITES };

enum { COMMAND, READ_BACK }; /* in host.scratch */

static void queue_writes(struct host *h, const struct config_args *a)
{
    uint64_t command = h->scratch[COMMAND];
    if (!a->live)
        host_write(h, a->command, command & ~a->bit);
    for (unsigned i = 0; i < a->count; i++)
        host_write(h, a->registers[i], a->values[i]);
    host_read(h, a->registers[0], &h->scratch[READ_BACK]);
    if (!a->live)
        host_write(h, a->command, command);
}

static bool is_written(const struct host *h, const struct config_args *a)
{
    return ((h->scratch[READ_BACK] ^ a->values[0]) & ~a->flags) == 0;
}

static enum host_verdict run_move(struct host *h, struct host_step *s, tb_time when)
{
    const struct config_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == MOVE_BEGINS) {
        w->phase = MOVE_AWAITS_COMMAND;
        if (!a->live)
            host_read(h, a->command, &h->scratch[COMMAND]);
        return HOST_AGAIN;
    }
    if (w->phase == MOVE_AWAITS_COMMAND) {
        w->phase = MOVE_AWAITS_WRITES;
        queue_writes(h, a);
        return HOST_AGAIN;
    }
    h->count.moves++;
    h->count.move_time = when - w->begun;
    if (h->flow->status != TB_OK || !is_written(h, a))
        host_complain(h, s->node, when,
                      "'%s' did not take the value 0x%" PRIx64 ": it reads as 0x%" PRIx64, a->name,
                      a->values[0], h->scratch[READ_BACK]);
    return HOST_DONE;
}

#define ARGS sizeof(struct config_args)

const struct host_step_kind host_steps_config[] = {
    {"move_bar", "moves a base address register, which decoders follow from then on", bar_table,
     ARGS, prepare_bar, run_move, false},
    {"move_window", "moves or closes a window of a bridge with a header", window_table, ARGS,
     prepare_window, run_move, false},
    {0},
};
