/* A PCI function's configuration header, as bytes of which software can write some bits. A part
 * that models include, no model.
 *
 * Invariants: what is not made writable never changes; reading has no effect; registers beyond
 * what was put, and beyond 256 bytes, read as zeros and ignore writes (PCI Local Bus 3.0, 6.1). The
 * base address register of `size` bytes holds size-aligned addresses only, so writing ones to it
 * and reading back tells the size (6.2.5.1).
 */
#ifndef PCI_CONFIG_H
#define PCI_CONFIG_H

#include "spec/pci.h"
#include "tollbridge/model.h"

struct tb_pci_config {
    uint8_t value[PCI_SPACE_BYTES];
    uint8_t writable[PCI_SPACE_BYTES]; /* bits that software can write */
    uint8_t clears[PCI_SPACE_BYTES];   /* bits that writing a one clears */
};

/* The windows of a type 1 header. */
enum tb_pci_window {
    TB_PCI_WINDOW_IO,
    TB_PCI_WINDOW_MEMORY,
    TB_PCI_WINDOW_PREFETCH,
    TB_PCI_WINDOWS
};

/* A register by name, for struct tb_class's `symbol`. */
struct tb_pci_name {
    const char *name; /* NULL ends the table */
    uint8_t offset, size;
};

/* A register's value, and which of its bits software can write; 1 to 8 bytes. */
void tb_pci_put(struct tb_pci_config *c, unsigned offset, unsigned bytes, uint64_t value,
                uint64_t writable);
uint64_t tb_pci_get(const struct tb_pci_config *c, unsigned offset, unsigned bytes);
/* Sets bits, as hardware does (of the status register). */
void tb_pci_note(struct tb_pci_config *c, unsigned offset, uint16_t bits);

/* What both headers have: IDs, class and header type, the command bits that can be written and are
 * set, the status bits that can be cleared. */
void tb_pci_make(struct tb_pci_config *c, uint32_t id, uint32_t class, uint8_t type,
                 uint16_t command);

/* Base address register 0 (and 1, `wide`: 64 bits) of `size` bytes of memory, a power of two from
 * 16 on. */
void tb_pci_make_bar(struct tb_pci_config *c, uint64_t base, uint64_t size, bool wide);
/* Where it answers now: `off` without the command register's memory bit. */
struct tb_range tb_pci_bar(const struct tb_pci_config *c, uint64_t size);

/* A type 1 header's windows, closed; and one of them opened to [base, last], which are whole
 * grains. */
void tb_pci_make_windows(struct tb_pci_config *c);
void tb_pci_open(struct tb_pci_config *c, enum tb_pci_window w, uint64_t base, uint64_t last);
/* What it passes down now: `off` if it is closed, or the command register says so. */
struct tb_range tb_pci_window(const struct tb_pci_config *c, enum tb_pci_window w);

/* An access of 1, 2 or 4 aligned bytes; TB_ABORT otherwise. The address's low 12 bits are the
 * offset. */
enum tb_status tb_pci_access(struct tb_pci_config *c, const struct tb_debug *a);

/* Is it an address of the function's configuration space. */
static inline bool tb_pci_is_own(uint16_t id, uint8_t space, uint64_t address)
{
    return space == TB_CONFIG && address >> 12 == id;
}

/* Adds the function's configuration space to what it claims. */
void tb_pci_claim_config(struct tb_model *m, uint16_t id, struct tb_ranges *out);

bool tb_pci_symbol(const struct tb_pci_name *names, uint16_t id, const char *name,
                   struct tb_symbol *out);

#endif
