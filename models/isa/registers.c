/* Registers of the two 8237A and of the page registers (8237A data sheet). */
#include "isa/i8237.h"

#include <stdio.h>
#include <string.h>

static const struct {
    uint8_t base, last;
} blocks[] = {{I8237_PORTS_1, I8237_PORTS_1 + 15},
              {I8237_PAGES, I8237_PAGES + 15},
              {I8237_PORTS_2, I8237_PORTS_2 + 31}};

bool i8237_is_port(uint64_t address)
{
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        if (address >= blocks[i].base && address <= blocks[i].last)
            return true;
    return false;
}

void i8237_add_claims(struct tb_model *m, struct tb_ranges *out)
{
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tb_ranges_add(
            m, out,
            (struct tb_range){
                .base = blocks[i].base, .last = blocks[i].last, .space = TB_IO, .model = m->index});
}

/* -- One controller -------------------------------------------------------------------------- */

static struct i8237_channel *channel_of(struct i8237 *s, unsigned unit, unsigned n)
{
    return &s->channel[4 * unit + (n & 3)];
}

/* A channel in block mode that is masked or programmed anew does not keep the controller. */
static void let_go(struct i8237 *s, unsigned channel)
{
    if (s->holder == channel)
        s->holder = I8237_NONE;
}

static void clear_unit(struct i8237 *s, unsigned unit)
{
    s->unit[unit] = (struct i8237_unit){.mask = 15, .last = 3};
    for (unsigned i = 0; i < 4; i++) {
        channel_of(s, unit, i)->software = false;
        let_go(s, 4 * unit + i);
    }
}

/* Power-on: as after a master clear; channel 4 is the cascade from the start (82371AB, 8.4). */
void i8237_reset(struct i8237 *s)
{
    s->holder = I8237_NONE;
    for (unsigned unit = 0; unit < 2; unit++)
        clear_unit(s, unit);
    s->channel[I8237_CASCADE].mode = I8237_TO_CASCADE;
}

/* Half of a 16-bit register; the flip-flop says which, and turns. */
static uint8_t read_half(struct i8237_unit *u, uint16_t value)
{
    u->high = !u->high;
    return (uint8_t)(u->high ? value : value >> 8);
}

/* Base and current are written together. */
static void write_half(struct i8237_unit *u, uint16_t *base, uint16_t *current, uint8_t value)
{
    unsigned shift = u->high ? 8 : 0;
    *base = (uint16_t)((*base & ~(0xffu << shift)) | (unsigned)value << shift);
    *current = (uint16_t)((*current & ~(0xffu << shift)) | (unsigned)value << shift);
    u->high = !u->high;
}

/* Reading the status forgets the terminal counts. */
static uint8_t read_status(struct i8237 *s, unsigned unit)
{
    uint8_t status = s->unit[unit].ended;
    for (unsigned i = 0; i < 4; i++)
        if (i8237_requested(s, 4 * unit + i))
            status |= (uint8_t)(0x10u << i);
    s->unit[unit].ended = 0;
    return status;
}

static uint8_t read_unit(struct i8237 *s, unsigned unit, unsigned reg)
{
    struct i8237_unit *u = &s->unit[unit];
    const struct i8237_channel *c = channel_of(s, unit, reg / 2);

    if (reg < I8237_COMMAND)
        return read_half(u, reg & 1 ? c->count : c->address);
    if (reg == I8237_STATUS)
        return read_status(s, unit);
    if (reg == I8237_ALL_MASK) /* the 82C37A's and the chip sets' */
        return u->mask | 0xf0u;
    return 0;
}

static void set_mask(struct i8237 *s, unsigned unit, uint8_t mask)
{
    s->unit[unit].mask = mask;
    for (unsigned i = 0; i < 4; i++)
        if (mask >> i & 1)
            let_go(s, 4 * unit + i);
}

static void write_mode(struct i8237 *s, unsigned unit, uint8_t value)
{
    struct i8237_channel *c = channel_of(s, unit, value);
    c->mode = value & 0xfcu;
    c->fruitless = false;
    let_go(s, 4 * unit + (value & 3));
}

static void write_control(struct i8237 *s, unsigned unit, unsigned reg, uint8_t value)
{
    struct i8237_unit *u = &s->unit[unit];
    uint8_t bit = (uint8_t)(1u << (value & 3));

    switch (reg) {
    case I8237_COMMAND:
        u->command = value;
        break;
    case I8237_REQUEST:
        channel_of(s, unit, value)->software = value & I8237_SET;
        break;
    case I8237_MASK:
        set_mask(s, unit, (uint8_t)(value & I8237_SET ? u->mask | bit : u->mask & ~bit));
        break;
    case I8237_MODE:
        write_mode(s, unit, value);
        break;
    case I8237_CLEAR_TOGGLE:
        u->high = false;
        break;
    case I8237_MASTER_CLEAR:
        clear_unit(s, unit);
        break;
    case I8237_CLEAR_MASK:
        set_mask(s, unit, 0);
        break;
    default:
        set_mask(s, unit, value & 15);
    }
}

static void write_unit(struct i8237 *s, unsigned unit, unsigned reg, uint8_t value)
{
    struct i8237_channel *c = channel_of(s, unit, reg / 2);

    if (reg >= I8237_COMMAND)
        write_control(s, unit, reg, value);
    else if (reg & 1)
        write_half(&s->unit[unit], &c->base_count, &c->count, value);
    else
        write_half(&s->unit[unit], &c->base_address, &c->address, value);
}

/* -- Ports ----------------------------------------------------------------------------------- */

static void access_port(struct i8237 *s, unsigned port, uint8_t *data, bool write)
{
    unsigned unit = port >= I8237_PORTS_2;
    unsigned reg = unit ? (port - I8237_PORTS_2) / 2 : port;

    if (!unit && port >= I8237_PAGES) {
        if (write)
            s->pages[port & 15] = *data;
        else
            *data = s->pages[port & 15];
    } else if (write) {
        write_unit(s, unit, reg, *data);
    } else {
        *data = read_unit(s, unit, reg);
    }
}

/* Eight bits wide: a wider access is one to each byte's port, in order. */
void i8237_access(struct i8237 *s, const struct tb_debug *a)
{
    for (uint32_t i = 0; i < a->length; i++) {
        if (i8237_is_port(a->address + i))
            access_port(s, (unsigned)(a->address + i), a->data + i, a->write);
        else if (!a->write)
            a->data[i] = 0xff;
    }
}

/* -- Names ----------------------------------------------------------------------------------- */

static const char *const control_names[] = {
    "command", "request", "mask", "mode", "clear_toggle", "master_clear", "clear_mask", "all_mask"};

static bool symbol_at(unsigned port, struct tb_symbol *out)
{
    *out = (struct tb_symbol){.address = port, .space = TB_IO, .size = 1};
    return true;
}

/* "address5", "count5", "page5": of a channel; "command2", "status2"...: of a controller. */
bool i8237_symbol(const char *name, struct tb_symbol *out)
{
    size_t length = strlen(name);
    unsigned n = length ? (unsigned)(name[length - 1] - '0') : 10;
    char stem[16];

    if (n > 7 || length > sizeof stem)
        return false;
    snprintf(stem, sizeof stem, "%.*s", (int)length - 1, name);
    if (strcmp(stem, "page") == 0)
        return symbol_at(I8237_PAGES + i8237_page(n), out);
    if (strcmp(stem, "address") == 0)
        return symbol_at(i8237_port(n, n % 4 * 2), out);
    if (strcmp(stem, "count") == 0)
        return symbol_at(i8237_port(n, n % 4 * 2 + 1), out);
    if (n != 1 && n != 2)
        return false;
    if (strcmp(stem, "status") == 0)
        return symbol_at(i8237_port(4 * (n - 1), I8237_STATUS), out);
    for (unsigned i = 0; i < 8; i++)
        if (strcmp(stem, control_names[i]) == 0)
            return symbol_at(i8237_port(4 * (n - 1), I8237_COMMAND + i), out);
    return false;
}
