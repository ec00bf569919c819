/* Configuration headers: see config.h. */
#include "pci/config.h"

#include <string.h>

#define LOW(value, bits) ((value) & (((uint64_t)1 << (bits)) - 1))

void tb_pci_put(struct tb_pci_config *c, unsigned offset, unsigned bytes, uint64_t value,
                uint64_t writable)
{
    for (unsigned i = 0; i < bytes; i++) {
        c->value[offset + i] = (uint8_t)(value >> 8 * i);
        c->writable[offset + i] = (uint8_t)(writable >> 8 * i);
    }
}

uint64_t tb_pci_get(const struct tb_pci_config *c, unsigned offset, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = bytes; i-- > 0;)
        value = value << 8 | c->value[offset + i];
    return value;
}

void tb_pci_note(struct tb_pci_config *c, unsigned offset, uint16_t bits)
{
    c->value[offset] |= (uint8_t)bits;
    c->value[offset + 1] |= (uint8_t)(bits >> 8);
}

static void clear_by_ones(struct tb_pci_config *c, unsigned offset, uint16_t bits)
{
    c->clears[offset] = (uint8_t)bits;
    c->clears[offset + 1] = (uint8_t)(bits >> 8);
}

void tb_pci_make(struct tb_pci_config *c, uint32_t id, uint32_t class, uint8_t type,
                 uint16_t command)
{
    memset(c, 0, sizeof *c);
    tb_pci_put(c, PCI_ID, 4, id, 0);
    tb_pci_put(c, PCI_COMMAND, 2, command, command);
    tb_pci_put(c, PCI_CLASS, 4, class << 8, 0);
    tb_pci_put(c, PCI_HEADER_TYPE, 1, type, 0);
    clear_by_ones(c, PCI_STATUS,
                  PCI_STATUS_RECEIVED_TARGET_ABORT | PCI_STATUS_RECEIVED_MASTER_ABORT);
}

static bool has_command(const struct tb_pci_config *c, uint16_t bit)
{
    return tb_pci_get(c, PCI_COMMAND, 2) & bit;
}

/* -- Base address register --------------------------------------------------------------------- */

void tb_pci_make_bar(struct tb_pci_config *c, uint64_t base, uint64_t size, bool wide)
{
    uint64_t writable = ~(size - 1) & ~(uint64_t)PCI_BAR_FLAGS;
    tb_pci_put(c, PCI_BAR0, wide ? 8 : 4, (base & writable) | (wide ? PCI_BAR_64 : 0), writable);
}

struct tb_range tb_pci_bar(const struct tb_pci_config *c, uint64_t size)
{
    bool wide = c->value[PCI_BAR0] & PCI_BAR_64;
    uint64_t base = tb_pci_get(c, PCI_BAR0, wide ? 8 : 4) & ~(uint64_t)PCI_BAR_FLAGS;
    return (struct tb_range){.base = base,
                             .last = base + (size - 1),
                             .space = TB_MEMORY,
                             .moves = true,
                             .off = !has_command(c, PCI_COMMAND_MEMORY)};
}

/* -- Windows of a bridge ----------------------------------------------------------------------- */

/* Where a window's registers are: base and limit, of `bytes` each, hold the address from bit
 * `shift` on in their bits from 4 on; the bits above are in registers of their own. */
struct window_place {
    uint8_t base, limit, bytes, shift, flags;
    uint8_t upper_base, upper_limit, upper_bytes; /* 0 bytes: none */
    uint8_t space;
    uint16_t command;
};

static const struct window_place places[TB_PCI_WINDOWS] = {
    [TB_PCI_WINDOW_IO] = {PCI_BRIDGE_IO_BASE, PCI_BRIDGE_IO_LIMIT, 1, 12, PCI_BRIDGE_IO_32,
                          PCI_BRIDGE_IO_BASE_UPPER, PCI_BRIDGE_IO_LIMIT_UPPER, 2, TB_IO,
                          PCI_COMMAND_IO},
    [TB_PCI_WINDOW_MEMORY] = {PCI_BRIDGE_MEMORY_BASE, PCI_BRIDGE_MEMORY_LIMIT, 2, 20, 0, 0, 0, 0,
                              TB_MEMORY, PCI_COMMAND_MEMORY},
    [TB_PCI_WINDOW_PREFETCH] = {PCI_BRIDGE_PREFETCH_BASE, PCI_BRIDGE_PREFETCH_LIMIT, 2, 20,
                                PCI_BRIDGE_PREFETCH_64, PCI_BRIDGE_PREFETCH_BASE_UPPER,
                                PCI_BRIDGE_PREFETCH_LIMIT_UPPER, 4, TB_MEMORY, PCI_COMMAND_MEMORY}};

/* How many bits of an address the registers without the upper ones know. */
static unsigned low_bits(const struct window_place *p)
{
    return p->shift + 8u * p->bytes - 4;
}

static void put_end(struct tb_pci_config *c, const struct window_place *p, unsigned offset,
                    unsigned upper, uint64_t address)
{
    uint64_t writable = LOW(UINT64_MAX, 8u * p->bytes) & ~(uint64_t)0xf;
    tb_pci_put(c, offset, p->bytes, (address >> p->shift << 4 & writable) | p->flags, writable);
    if (p->upper_bytes)
        tb_pci_put(c, upper, p->upper_bytes, address >> low_bits(p), UINT64_MAX);
}

static uint64_t get_end(const struct tb_pci_config *c, const struct window_place *p,
                        unsigned offset, unsigned upper)
{
    uint64_t low = tb_pci_get(c, offset, p->bytes) >> 4 << p->shift;
    return p->upper_bytes ? tb_pci_get(c, upper, p->upper_bytes) << low_bits(p) | low : low;
}

void tb_pci_open(struct tb_pci_config *c, enum tb_pci_window w, uint64_t base, uint64_t last)
{
    const struct window_place *p = &places[w];
    put_end(c, p, p->base, p->upper_base, base);
    put_end(c, p, p->limit, p->upper_limit, last);
}

void tb_pci_make_windows(struct tb_pci_config *c)
{
    for (unsigned w = 0; w < TB_PCI_WINDOWS; w++)
        tb_pci_open(c, w, (uint64_t)1 << places[w].shift, 0);
    clear_by_ones(c, PCI_BRIDGE_SECONDARY_STATUS,
                  PCI_STATUS_RECEIVED_TARGET_ABORT | PCI_STATUS_RECEIVED_MASTER_ABORT);
}

struct tb_range tb_pci_window(const struct tb_pci_config *c, enum tb_pci_window w)
{
    const struct window_place *p = &places[w];
    uint64_t base = get_end(c, p, p->base, p->upper_base);
    uint64_t last = get_end(c, p, p->limit, p->upper_limit) | LOW(UINT64_MAX, p->shift);
    return (struct tb_range){.base = base,
                             .last = last,
                             .space = p->space,
                             .moves = true,
                             .off = base > last || !has_command(c, p->command)};
}

/* -- Accesses ---------------------------------------------------------------------------------- */

static void write_byte(struct tb_pci_config *c, unsigned offset, uint8_t value)
{
    uint8_t *at = &c->value[offset], mask = c->writable[offset];
    *at = (uint8_t)(((*at & ~mask) | (value & mask)) & ~(value & c->clears[offset]));
}

enum tb_status tb_pci_access(struct tb_pci_config *c, const struct tb_debug *a)
{
    uint32_t offset = a->address % PCI_CONFIG_BYTES;
    if (a->length == 0 || a->length > 4 || a->length == 3 || offset % a->length)
        return TB_ABORT;
    for (unsigned i = 0; i < a->length; i++) {
        bool there = offset + i < PCI_SPACE_BYTES;
        if (!a->write)
            a->data[i] = there ? c->value[offset + i] : 0;
        else if (there)
            write_byte(c, offset + i, a->data[i]);
    }
    return TB_OK;
}

void tb_pci_claim_config(struct tb_model *m, uint16_t id, struct tb_ranges *out)
{
    uint64_t base = (uint64_t)id * PCI_CONFIG_BYTES;
    tb_ranges_add(m, out,
                  (struct tb_range){.base = base,
                                    .last = base + PCI_CONFIG_BYTES - 1,
                                    .space = TB_CONFIG,
                                    .model = m->index});
}

bool tb_pci_symbol(const struct tb_pci_name *names, uint16_t id, const char *name,
                   struct tb_symbol *out)
{
    for (; names->name; names++)
        if (strcmp(names->name, name) == 0) {
            *out = (struct tb_symbol){(uint64_t)id * PCI_CONFIG_BYTES + names->offset, TB_CONFIG,
                                      names->size};
            return true;
        }
    return false;
}
