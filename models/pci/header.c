/* A bridge's configuration header: see header.h. */
#include "pci/header.h"

#define AT(field) offsetof(struct tb_pci_header_params, field)
const struct tb_param tb_pci_header_param_table[] = {
    {.name = "id",
     .type = TB_ID,
     .offset = AT(id),
     .flags = TB_REQUIRED,
     .doc = "where its configuration space is"},
    {.name = "register_latency",
     .type = TB_TIME,
     .offset = AT(register_latency),
     .def = "60ns",
     .max = "1ms",
     .doc = "of an access to it"},
    {0},
};

static const struct tb_pci_name names[] = {
    {"pcicmd", PCI_COMMAND, 2},
    {"pcists", PCI_STATUS, 2},
    {"secondary_status", PCI_BRIDGE_SECONDARY_STATUS, 2},
    {"io_window", PCI_BRIDGE_IO_BASE, 2}, /* base and limit at once */
    {"io_upper", PCI_BRIDGE_IO_BASE_UPPER, 4},
    {"memory_base", PCI_BRIDGE_MEMORY_BASE, 2},
    {"memory_limit", PCI_BRIDGE_MEMORY_LIMIT, 2},
    {"memory_window", PCI_BRIDGE_MEMORY_BASE, 4},
    {"prefetch_base", PCI_BRIDGE_PREFETCH_BASE, 2},
    {"prefetch_limit", PCI_BRIDGE_PREFETCH_LIMIT, 2},
    {"prefetch_window", PCI_BRIDGE_PREFETCH_BASE, 4},
    {"prefetch_base_upper", PCI_BRIDGE_PREFETCH_BASE_UPPER, 4},
    {"prefetch_limit_upper", PCI_BRIDGE_PREFETCH_LIMIT_UPPER, 4},
    {NULL, 0, 0},
};

/* -- At elaboration ---------------------------------------------------------------------------- */

/* What QEMU's bridge says it is; class: PCI-to-PCI bridge. */
void tb_pci_header_make(struct tb_model *m, struct tb_pci_header *h, uint16_t id)
{
    h->id = id;
    tb_pci_make(&h->config, 0x00011b36, 0x060400, 1,
                PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    tb_pci_make_windows(&h->config);
    tb_claims_vary(m);
}

/* The registers for a window; TB_PCI_WINDOWS: none can hold it. Memory below 4 GiB has two, the
 * second of which (prefetchable) reaches further. */
static enum tb_pci_window place_of(const struct tb_pci_header *h, unsigned space, uint64_t base,
                                   uint64_t last)
{
    uint64_t grain = space == TB_IO ? PCI_BRIDGE_IO_GRAIN : PCI_BRIDGE_MEMORY_GRAIN;
    if (base % grain || (last + 1) % grain || space == TB_CONFIG)
        return TB_PCI_WINDOWS;
    if (space == TB_IO)
        return h->nodes[TB_PCI_WINDOW_IO] || last >> 32 ? TB_PCI_WINDOWS : TB_PCI_WINDOW_IO;
    if (!h->nodes[TB_PCI_WINDOW_MEMORY] && !(last >> 32))
        return TB_PCI_WINDOW_MEMORY;
    return h->nodes[TB_PCI_WINDOW_PREFETCH] ? TB_PCI_WINDOWS : TB_PCI_WINDOW_PREFETCH;
}

bool tb_pci_header_open(struct tb_pci_header *h, unsigned space, uint64_t base, uint64_t last,
                        const struct tb_node *node)
{
    enum tb_pci_window to = place_of(h, space, base, last);
    if (to == TB_PCI_WINDOWS)
        return false;
    tb_pci_open(&h->config, to, base, last);
    h->nodes[to] = node;
    return true;
}

void tb_pci_header_claims(struct tb_model *m, const struct tb_pci_header *h, struct tb_ranges *out)
{
    for (unsigned w = 0; w < TB_PCI_WINDOWS; w++) {
        struct tb_range r = tb_pci_window(&h->config, w);
        r.model = m->index;
        r.node = h->nodes[w];
        tb_ranges_add(m, out, r);
    }
}

bool tb_pci_header_symbol(const struct tb_pci_header *h, const char *name, struct tb_symbol *out)
{
    return tb_pci_symbol(names, h->id, name, out);
}

/* -- Accesses ---------------------------------------------------------------------------------- */

static bool same(const struct tb_range *a, const struct tb_range *b)
{
    return a->off == b->off && (a->off || (a->base == b->base && a->last == b->last));
}

enum tb_status tb_pci_header_access(struct tb_model *m, struct tb_pci_header *h,
                                    const struct tb_debug *a)
{
    struct tb_range was[TB_PCI_WINDOWS], is;
    bool changed = false;
    for (unsigned w = 0; w < TB_PCI_WINDOWS; w++)
        was[w] = tb_pci_window(&h->config, w);
    enum tb_status status = tb_pci_access(&h->config, a);
    for (unsigned w = 0; w < TB_PCI_WINDOWS; w++) {
        is = tb_pci_window(&h->config, w);
        changed = changed || !same(&was[w], &is);
    }
    if (changed) {
        h->moves++;
        tb_claims_changed(m);
    }
    return status;
}

enum tb_status tb_pci_header_serve(struct tb_model *m, struct tb_pci_header *h,
                                   const struct tb_msg *msg)
{
    struct tb_txn *t = tb_txn(m, msg->txn);
    struct tb_debug a = {.address = msg->address,
                         .data = t->data,
                         .length = msg->length,
                         .space = TB_CONFIG,
                         .write = msg->kind == TB_WRITE};
    t->to = m->index;
    return msg->kind <= TB_WRITE ? tb_pci_header_access(m, h, &a) : TB_UNSUPPORTED;
}

/* -- What passes the bridge -------------------------------------------------------------------- */

/* Bridge 3.2.4.4 (status) and 3.2.5.7 (secondary status). */
void tb_pci_header_note(struct tb_pci_header *h, const struct tb_msg *msg, bool below)
{
    if (msg->class != TB_COMPLETION || msg->status == TB_OK)
        return;
    tb_pci_note(&h->config, below ? PCI_BRIDGE_SECONDARY_STATUS : PCI_STATUS,
                msg->status == TB_UNSUPPORTED ? PCI_STATUS_RECEIVED_MASTER_ABORT
                                              : PCI_STATUS_RECEIVED_TARGET_ABORT);
}

bool tb_pci_header_is_master(const struct tb_pci_header *h)
{
    return tb_pci_get(&h->config, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}
