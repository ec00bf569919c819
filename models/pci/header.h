/* The configuration header of a PCI-to-PCI bridge (type 1): its windows, which software can move. A
 * part that `bridge` includes.
 *
 * Firmware's values come from a list of windows at elaboration. A write takes effect at the instant
 * at which it is served; a change of a window is told at once (tb_claims_changed).
 */
#ifndef PCI_HEADER_H
#define PCI_HEADER_H

#include "pci/config.h"

struct tb_pci_header_params {
    uint16_t id;
    tb_time register_latency; /* of an access */
};
extern const struct tb_param tb_pci_header_param_table[];

struct tb_pci_header {
    struct tb_pci_config config;
    const struct tb_node *nodes[TB_PCI_WINDOWS]; /* where firmware's values come from */
    uint16_t id;
    uint64_t moves; /* changes of its windows by software */
};

/* A header with all windows closed, and everything enabled; in `check`. */
void tb_pci_header_make(struct tb_model *m, struct tb_pci_header *h, uint16_t id);
/* Opens [base, last] of a space, as firmware does; false if none of the registers can hold that, or
 * the one that can is taken. */
bool tb_pci_header_open(struct tb_pci_header *h, unsigned space, uint64_t base, uint64_t last,
                        const struct tb_node *node);
/* Adds the windows as they are now. */
void tb_pci_header_claims(struct tb_model *m, const struct tb_pci_header *h, struct tb_ranges *out);
/* An access to its registers, which are told by tb_pci_is_own. */
enum tb_status tb_pci_header_access(struct tb_model *m, struct tb_pci_header *h,
                                    const struct tb_debug *a);
/* The same, by a message. */
enum tb_status tb_pci_header_serve(struct tb_model *m, struct tb_pci_header *h,
                                   const struct tb_msg *msg);
/* Notes in a status register how a request ended of which the bridge was the master: `below` if its
 * completion comes from there. */
void tb_pci_header_note(struct tb_pci_header *h, const struct tb_msg *msg, bool below);
/* May it pass requests up? */
bool tb_pci_header_is_master(const struct tb_pci_header *h);
bool tb_pci_header_symbol(const struct tb_pci_header *h, const char *name, struct tb_symbol *out);

#endif
