/* virtio-blk-pci: the device as a PCI function without the transitional half (4.1): a header with
 * vendor capabilities, and one memory BAR that holds the structures they point to. The platform
 * gives the BAR its address; software can size and move it. No MSI-X: the interrupt is the line of
 * 4.1.5.4.
 */
#include "virtio/virtio.h"

#include <string.h>

/* Where in the BAR the structures are, 4 KiB each. */
enum { COMMON = 0x0000, ISR = 0x1000, CONFIG = 0x2000, NOTIFY = 0x3000, BAR_SIZE = 0x4000 };

#define MULTIPLIER 4u /* bytes from one queue's notification register to the next */

/* Of the header (PCI 3.0, 6.1), and where our capabilities are behind it. */
enum {
    CACHE_LINE = 0x0c,
    LATENCY_TIMER = 0x0d,
    SUBSYSTEM = 0x2c,
    CAPABILITIES = 0x34,
    INTERRUPT_LINE = 0x3c,
    INTERRUPT_PIN = 0x3d,
    CAP_COMMON = 0x40,
    CAP_NOTIFY = 0x50,
    CAP_ISR = 0x64,
    CAP_DEVICE = 0x74,
    CAP_WINDOW = 0x84
};

#define COMMAND_NO_INTX  0x400u
#define STATUS_CAPS      0x0010u
#define STATUS_INTERRUPT 0x0008u

static const struct tb_param params[] = {
    {"id", TB_ID, VIRTIO_ROW(id), .def = "00:03.0",
     .doc = "requester ID, and where its configuration space is"},
    {"bar", TB_COUNT, VIRTIO_ROW(base), .def = "0xfe000000", .min = "0x4000", .max = "0xffffc000",
     .doc = "address of its registers (base address register 0), 16 KiB"},
    {"irq", TB_COUNT, VIRTIO_ROW(irq), .def = "11", .doc = "interrupt line (INTA)"},
    VIRTIO_ROWS,
    {.name = NULL},
};

/* -- The header ------------------------------------------------------------------------------ */

static void put_capability(struct tb_pci_config *c, unsigned at, unsigned next, unsigned bytes,
                           unsigned type, uint32_t offset, uint32_t length)
{
    tb_pci_put(c, at, 4, VIRTIO_PCI_CAP_VENDOR | next << 8 | bytes << 16 | type << 24, 0);
    tb_pci_put(c, at + VIRTIO_PCI_CAP_OFFSET, 4, offset, 0);
    tb_pci_put(c, at + VIRTIO_PCI_CAP_LENGTH, 4, length, 0);
}

static void put_capabilities(struct tb_pci_config *c, unsigned queues)
{
    tb_pci_put(c, CAPABILITIES, 1, CAP_COMMON, 0);
    put_capability(c, CAP_COMMON, CAP_NOTIFY, 16, VIRTIO_PCI_COMMON, COMMON,
                   VIRTIO_PCI_COMMON_BYTES);
    put_capability(c, CAP_NOTIFY, CAP_ISR, 20, VIRTIO_PCI_NOTIFY, NOTIFY, MULTIPLIER * queues);
    tb_pci_put(c, CAP_NOTIFY + VIRTIO_PCI_CAP_MULTIPLY, 4, MULTIPLIER, 0);
    put_capability(c, CAP_ISR, CAP_DEVICE, 16, VIRTIO_PCI_ISR, ISR, 1);
    put_capability(c, CAP_DEVICE, CAP_WINDOW, 16, VIRTIO_PCI_DEVICE_CONFIG, CONFIG,
                   VIRTIO_BLK_CONFIG_BYTES);
    put_capability(c, CAP_WINDOW, 0, 20, VIRTIO_PCI_WINDOW, 0, 0);
    tb_pci_put(c, CAP_WINDOW + VIRTIO_PCI_CAP_BAR, 1, 0, 0xff); /* software points the window */
    tb_pci_put(c, CAP_WINDOW + VIRTIO_PCI_CAP_OFFSET, 8, 0, UINT64_MAX);
}

/* Firmware has placed it and enabled it. Revision 1: not transitional (4.1.2). */
static void pci_reset(struct tb_model *m)
{
    struct virtio *v = m->state;
    struct tb_pci_config *c = &v->header;
    uint16_t command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;

    tb_pci_make(c, VIRTIO_PCI_VENDOR | VIRTIO_PCI_DEVICE(VIRTIO_ID_BLOCK) << 16, 0x010000, 0,
                command);
    tb_pci_put(c, PCI_CLASS, 1, 1, 0);
    tb_pci_put(c, PCI_COMMAND, 2, command, command | COMMAND_NO_INTX);
    tb_pci_put(c, PCI_STATUS, 2, STATUS_CAPS, 0);
    tb_pci_put(c, CACHE_LINE, 1, 0, 0xff);
    tb_pci_put(c, LATENCY_TIMER, 1, 0, 0xff);
    tb_pci_make_bar(c, v->p.base, BAR_SIZE, false);
    tb_pci_put(c, SUBSYSTEM, 4, VIRTIO_PCI_VENDOR | 0x1100u << 16, 0);
    tb_pci_put(c, INTERRUPT_LINE, 1, v->p.irq, 0xff);
    tb_pci_put(c, INTERRUPT_PIN, 1, 1, 0);
    put_capabilities(c, (unsigned)v->p.queues);
}

/* -- Common configuration (4.1.4.3) ---------------------------------------------------------- */

/* A field at each offset that has one: its width. Addresses are two fields of 32 bits each. */
static unsigned width_at(uint32_t offset)
{
    static const uint8_t widths[VIRTIO_PCI_COMMON_BYTES] = {
        [VIRTIO_PCI_DEVICE_SELECT] = 4,    [VIRTIO_PCI_DEVICE_FEATURE] = 4,
        [VIRTIO_PCI_DRIVER_SELECT] = 4,    [VIRTIO_PCI_DRIVER_FEATURE] = 4,
        [VIRTIO_PCI_CONFIG_VECTOR] = 2,    [VIRTIO_PCI_NUM_QUEUES] = 2,
        [VIRTIO_PCI_STATUS] = 1,           [VIRTIO_PCI_GENERATION] = 1,
        [VIRTIO_PCI_QUEUE_SELECT] = 2,     [VIRTIO_PCI_QUEUE_SIZE] = 2,
        [VIRTIO_PCI_QUEUE_VECTOR] = 2,     [VIRTIO_PCI_QUEUE_ENABLE] = 2,
        [VIRTIO_PCI_QUEUE_NOTIFY_OFF] = 2, [VIRTIO_PCI_QUEUE_DESC] = 4,
        [VIRTIO_PCI_QUEUE_DESC + 4] = 4,   [VIRTIO_PCI_QUEUE_DRIVER] = 4,
        [VIRTIO_PCI_QUEUE_DRIVER + 4] = 4, [VIRTIO_PCI_QUEUE_DEVICE] = 4,
        [VIRTIO_PCI_QUEUE_DEVICE + 4] = 4};

    return offset < sizeof widths ? widths[offset] : 0;
}

static uint64_t *address_at(struct virtio_queue *q, uint32_t offset)
{
    switch (offset & ~4u) {
    case VIRTIO_PCI_QUEUE_DESC:
        return &q->desc;
    case VIRTIO_PCI_QUEUE_DRIVER:
        return &q->driver;
    case VIRTIO_PCI_QUEUE_DEVICE:
        return &q->device;
    default:
        return NULL;
    }
}

/* The high half of an address register is at its offset + 4. */
static bool is_high(uint32_t offset)
{
    return (offset - VIRTIO_PCI_QUEUE_DESC) & 4;
}

static uint32_t read_queue(struct virtio *v, uint32_t offset)
{
    struct virtio_queue *q = virtio_selected(v);
    const uint64_t *address = q ? address_at(q, offset) : NULL;

    if (!q)
        return 0;
    if (address)
        return (uint32_t)(is_high(offset) ? *address >> 32 : *address);
    switch (offset) {
    case VIRTIO_PCI_QUEUE_SIZE:
        return q->size;
    case VIRTIO_PCI_QUEUE_ENABLE:
        return q->enabled;
    default: /* the notification's place is the queue's number */
        return v->queue_select;
    }
}

static uint32_t read_common(struct virtio *v, uint32_t offset)
{
    switch (offset) {
    case VIRTIO_PCI_DEVICE_SELECT:
        return v->device_select;
    case VIRTIO_PCI_DEVICE_FEATURE:
        return virtio_features_read(v, false);
    case VIRTIO_PCI_DRIVER_SELECT:
        return v->driver_select;
    case VIRTIO_PCI_DRIVER_FEATURE:
        return virtio_features_read(v, true);
    case VIRTIO_PCI_CONFIG_VECTOR:
    case VIRTIO_PCI_QUEUE_VECTOR:
        return VIRTIO_PCI_NO_VECTOR;
    case VIRTIO_PCI_NUM_QUEUES:
        return (uint32_t)v->p.queues;
    case VIRTIO_PCI_STATUS:
        return virtio_status_read(v);
    case VIRTIO_PCI_GENERATION:
        return 0; /* the configuration does not change */
    case VIRTIO_PCI_QUEUE_SELECT:
        return v->queue_select;
    default:
        return read_queue(v, offset);
    }
}

/* 4.1.4.3.2: 0 is not written to queue_enable; a queue in use does not move. */
static void write_queue(struct tb_model *m, uint32_t offset, uint32_t value, tb_time now)
{
    struct virtio *v = m->state;
    struct virtio_queue *q = virtio_selected(v);
    uint64_t *address = q ? address_at(q, offset) : NULL;

    if (!q || q->enabled)
        return;
    if (address)
        virtio_queue_set_half(address, is_high(offset), value);
    else if (offset == VIRTIO_PCI_QUEUE_SIZE)
        virtio_queue_set_size(q, v, value);
    else if (offset == VIRTIO_PCI_QUEUE_ENABLE && value == 1)
        virtio_queue_enable(m, q, true, now);
}

static void write_common(struct tb_model *m, uint32_t offset, uint32_t value, tb_time now)
{
    struct virtio *v = m->state;

    switch (offset) {
    case VIRTIO_PCI_DEVICE_SELECT:
        v->device_select = value;
        break;
    case VIRTIO_PCI_DRIVER_SELECT:
        v->driver_select = value;
        break;
    case VIRTIO_PCI_DRIVER_FEATURE:
        virtio_features_write(v, value);
        break;
    case VIRTIO_PCI_STATUS:
        virtio_status_write(m, (uint8_t)value, now);
        break;
    case VIRTIO_PCI_QUEUE_SELECT:
        v->queue_select = (uint16_t)value;
        break;
    default:
        write_queue(m, offset, value, now);
    }
}

/* -- The BAR --------------------------------------------------------------------------------- */

static uint64_t value_of(const struct tb_debug *a)
{
    uint64_t value = 0;

    for (uint32_t i = a->length < 8 ? a->length : 8; i-- > 0;)
        value = value << 8 | a->data[i];
    return value;
}

/* 4.1.3.1: fields are accessed in their width; else they read as 0 and take no write. */
static void access_common(struct tb_model *m, uint32_t offset, const struct tb_debug *a,
                          tb_time now)
{
    if (width_at(offset) != a->length)
        return;
    if (a->write)
        write_common(m, offset, (uint32_t)value_of(a), now);
    else
        virtio_put(a->data, read_common(m->state, offset), a->length);
}

static void access_bar(struct tb_model *m, uint32_t offset, const struct tb_debug *a, tb_time now)
{
    struct virtio *v = m->state;
    uint32_t within = offset % 0x1000;

    if (!a->write)
        memset(a->data, 0, a->length);
    else if (v->resetting)
        return;
    switch (offset - within) {
    case COMMON:
        access_common(m, within, a, now);
        break;
    case ISR: /* 4.1.4.5: reading clears it */
        if (!a->write && within == 0)
            a->data[0] = virtio_isr_take(m, 0xff, now);
        break;
    case CONFIG:
        if (!a->write)
            virtio_blk_config(v, within, a->data, a->length);
        break;
    default: /* 4.1.4.4: the place says which queue, as long as it is one's */
        if (a->write && within % MULTIPLIER == 0)
            virtio_kick(m, within / MULTIPLIER, now);
    }
}

/* 4.1.4.9: a window into the BAR, for who has no other way to it. */
static bool access_window(struct tb_model *m, struct tb_debug a, tb_time now)
{
    struct virtio *v = m->state;
    uint32_t offset = (uint32_t)tb_pci_get(&v->header, CAP_WINDOW + VIRTIO_PCI_CAP_OFFSET, 4);
    uint32_t length = (uint32_t)tb_pci_get(&v->header, CAP_WINDOW + VIRTIO_PCI_CAP_LENGTH, 4);
    unsigned bar = (unsigned)tb_pci_get(&v->header, CAP_WINDOW + VIRTIO_PCI_CAP_BAR, 1);

    if ((length != 1 && length != 2 && length != 4) || length > a.length || bar != 0 ||
        offset % length || offset > BAR_SIZE - length)
        return false;
    if (!a.write)
        memset(a.data, 0, a.length);
    a.length = length;
    access_bar(m, offset, &a, now);
    return true;
}

/* -- Any access ------------------------------------------------------------------------------ */

static enum tb_status access_header(struct tb_model *m, const struct tb_debug *a, tb_time now)
{
    struct virtio *v = m->state;
    uint32_t offset = a->address & 0xfff;
    struct tb_range was = tb_pci_bar(&v->header, BAR_SIZE);

    if (offset == CAP_WINDOW + VIRTIO_PCI_CAP_DATA && a->length <= 4 && access_window(m, *a, now))
        return TB_OK;
    enum tb_status status = tb_pci_access(&v->header, a);
    struct tb_range is = tb_pci_bar(&v->header, BAR_SIZE);
    if (was.off != is.off || (!is.off && was.base != is.base))
        tb_claims_changed(m);
    if (status == TB_OK && !a->write && offset <= PCI_STATUS && offset + a->length > PCI_STATUS &&
        v->isr)
        a->data[PCI_STATUS - offset] |= STATUS_INTERRUPT;
    return status;
}

static enum tb_status pci_access(struct tb_model *m, const struct tb_debug *a, tb_time now)
{
    struct tb_range bar = tb_pci_bar(&((struct virtio *)m->state)->header, BAR_SIZE);

    if (a->space == TB_CONFIG)
        return access_header(m, a, now);
    if (a->space != TB_MEMORY || bar.off || a->address < bar.base || a->address > bar.last ||
        a->length - 1 > bar.last - a->address)
        return TB_UNSUPPORTED; /* it was moved meanwhile */
    access_bar(m, (uint32_t)(a->address - bar.base), a, now);
    return TB_OK;
}

/* -- The transport --------------------------------------------------------------------------- */

static void pci_claims(struct tb_model *m, struct tb_ranges *out)
{
    const struct virtio *v = m->state;
    struct tb_range bar = tb_pci_bar(&v->header, BAR_SIZE);

    bar.model = m->index;
    bar.node = m->node ? tb_node_get(m->node, "bar") : NULL;
    tb_ranges_add(m, out, bar);
    tb_pci_claim_config(m, v->p.id, out);
}

static bool pci_answers(const struct tb_model *m, uint8_t space, uint64_t address)
{
    const struct virtio *v = m->state;

    if (space == TB_CONFIG)
        return tb_pci_is_own(v->p.id, space, address);
    struct tb_range bar = tb_pci_bar(&v->header, BAR_SIZE);
    return space == TB_MEMORY && !bar.off && address >= bar.base && address <= bar.last;
}

static bool pci_may_master(const struct tb_model *m)
{
    const struct virtio *v = m->state;

    return tb_pci_get(&v->header, PCI_COMMAND, 2) & PCI_COMMAND_MASTER;
}

static bool pci_may_interrupt(const struct tb_model *m)
{
    const struct virtio *v = m->state;

    return !(tb_pci_get(&v->header, PCI_COMMAND, 2) & COMMAND_NO_INTX);
}

static void pci_failed(struct tb_model *m, enum tb_status status)
{
    struct virtio *v = m->state;

    tb_pci_note(&v->header, PCI_STATUS,
                status == TB_UNSUPPORTED ? PCI_STATUS_RECEIVED_MASTER_ABORT
                                         : PCI_STATUS_RECEIVED_TARGET_ABORT);
}

static const struct {
    const char *name;
    uint16_t offset;
    uint8_t size;
} names[] = {{"device_features", COMMON + VIRTIO_PCI_DEVICE_FEATURE, 4},
             {"device_features_sel", COMMON + VIRTIO_PCI_DEVICE_SELECT, 4},
             {"driver_features", COMMON + VIRTIO_PCI_DRIVER_FEATURE, 4},
             {"driver_features_sel", COMMON + VIRTIO_PCI_DRIVER_SELECT, 4},
             {"num_queues", COMMON + VIRTIO_PCI_NUM_QUEUES, 2},
             {"queue_sel", COMMON + VIRTIO_PCI_QUEUE_SELECT, 2},
             {"queue_max", COMMON + VIRTIO_PCI_QUEUE_SIZE, 2},
             {"queue_size", COMMON + VIRTIO_PCI_QUEUE_SIZE, 2},
             {"queue_enable", COMMON + VIRTIO_PCI_QUEUE_ENABLE, 2},
             {"notify", NOTIFY, 2},
             {"isr", ISR, 1},
             {"status", COMMON + VIRTIO_PCI_STATUS, 1},
             {"desc_low", COMMON + VIRTIO_PCI_QUEUE_DESC, 4},
             {"desc_high", COMMON + VIRTIO_PCI_QUEUE_DESC + 4, 4},
             {"driver_low", COMMON + VIRTIO_PCI_QUEUE_DRIVER, 4},
             {"driver_high", COMMON + VIRTIO_PCI_QUEUE_DRIVER + 4, 4},
             {"device_low", COMMON + VIRTIO_PCI_QUEUE_DEVICE, 4},
             {"device_high", COMMON + VIRTIO_PCI_QUEUE_DEVICE + 4, 4},
             {"generation", COMMON + VIRTIO_PCI_GENERATION, 1},
             {"capacity_low", CONFIG + VIRTIO_BLK_CAPACITY, 4},
             {"capacity_high", CONFIG + VIRTIO_BLK_CAPACITY + 4, 4},
             {"size_max", CONFIG + VIRTIO_BLK_SIZE_MAX, 4},
             {"seg_max", CONFIG + VIRTIO_BLK_SEG_MAX, 4},
             {"blk_size", CONFIG + VIRTIO_BLK_BLK_SIZE, 4}};

static bool pci_symbol(const struct tb_model *m, const char *name, struct tb_symbol *out)
{
    const struct virtio *v = m->state;

    if (strcmp(name, "pcicmd") == 0) {
        *out = (struct tb_symbol){(uint64_t)v->p.id << 12 | PCI_COMMAND, TB_CONFIG, 2};
        return true;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = (struct tb_symbol){tb_pci_bar(&v->header, BAR_SIZE).base + names[i].offset,
                                      TB_MEMORY, names[i].size};
            return true;
        }
    return false;
}

static const struct virtio_transport pci = {
    .reset = pci_reset,
    .claims = pci_claims,
    .answers = pci_answers,
    .access = pci_access,
    .symbol = pci_symbol,
    .may_master = pci_may_master,
    .may_interrupt = pci_may_interrupt,
    .failed = pci_failed,
};

static void check(struct tb_model *m, struct tb_diag *diag)
{
    const struct virtio *v = m->state;

    if (v->p.base % BAR_SIZE)
        tb_diag_node(diag, tb_node_get(m->node, "bar"), "'bar' must be a multiple of 16 KiB");
    virtio_check(m, diag, &pci);
    tb_claims_vary(m);
}

const struct tb_class tb_class_virtio_blk_pci = {
    .name = "virtio-blk-pci",
    .brief = "virtio block device as a PCI function",
    .params = params,
    .check = check,
    VIRTIO_CLASS,
};
