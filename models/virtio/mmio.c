/* virtio-blk-mmio: the device behind memory-mapped registers, version 2 (4.2.2). 4 KiB: registers
 * in the first 256 bytes, 32 bits wide, then the device's configuration. */
#include "virtio/virtio.h"

#include <string.h>

#define SPACE 0x1000u

static const struct tb_param params[] = {
    {"id", TB_ID, VIRTIO_ROW(id), .def = "00:03.0",
     .doc = "requester ID of its DMA: what an interconnect calls its stream"},
    {"base", TB_COUNT, VIRTIO_ROW(base), .def = "0xfeb00000", .max = "0xfffffffff000",
     .doc = "address of its registers, 4 KiB"},
    {"irq", TB_COUNT, VIRTIO_ROW(irq), .def = "12", .doc = "interrupt line"},
    VIRTIO_ROWS,
    {.name = NULL},
};

/* -- Registers ------------------------------------------------------------------------------- */

static uint32_t read_queue(struct virtio *v, uint32_t offset)
{
    const struct virtio_queue *q = virtio_selected(v);

    if (!q)
        return 0;
    switch (offset) {
    case VIRTIO_MMIO_QUEUE_NUM_MAX:
        return (uint32_t)v->p.queue_size;
    case VIRTIO_MMIO_QUEUE_READY:
        return q->enabled;
    default:
        return 0; /* addresses and size are written only */
    }
}

static uint32_t read_register(struct virtio *v, uint32_t offset)
{
    switch (offset) {
    case VIRTIO_MMIO_MAGIC:
        return VIRTIO_MMIO_MAGIC_IS;
    case VIRTIO_MMIO_VERSION:
        return VIRTIO_MMIO_VERSION_IS;
    case VIRTIO_MMIO_DEVICE_ID:
        return VIRTIO_ID_BLOCK;
    case VIRTIO_MMIO_VENDOR_ID:
        return 0x4c4f4254; /* "TBOL" */
    case VIRTIO_MMIO_DEVICE_FEATURES:
        return virtio_features_read(v, false);
    case VIRTIO_MMIO_INTERRUPT_STATUS:
        return v->isr;
    case VIRTIO_MMIO_STATUS:
        return virtio_status_read(v);
    case VIRTIO_MMIO_SHM_LEN:
    case VIRTIO_MMIO_SHM_LEN + 4:
    case VIRTIO_MMIO_SHM_BASE:
    case VIRTIO_MMIO_SHM_BASE + 4:
        return UINT32_MAX;
    default:
        return read_queue(v, offset);
    }
}

static void write_queue(struct tb_model *m, uint32_t offset, uint32_t value, tb_time now)
{
    struct virtio *v = m->state;
    struct virtio_queue *q = virtio_selected(v);

    if (!q)
        return;
    if (offset == VIRTIO_MMIO_QUEUE_READY) {
        virtio_queue_enable(m, q, value & 1, now);
        return;
    }
    if (q->enabled)
        return;
    if (offset == VIRTIO_MMIO_QUEUE_NUM)
        virtio_queue_set_size(q, v, value);
    else if ((offset & ~4u) == VIRTIO_MMIO_QUEUE_DESC)
        virtio_queue_set_half(&q->desc, offset & 4, value);
    else if ((offset & ~4u) == VIRTIO_MMIO_QUEUE_DRIVER)
        virtio_queue_set_half(&q->driver, offset & 4, value);
    else if ((offset & ~4u) == VIRTIO_MMIO_QUEUE_DEVICE)
        virtio_queue_set_half(&q->device, offset & 4, value);
}

static void write_register(struct tb_model *m, uint32_t offset, uint32_t value, tb_time now)
{
    struct virtio *v = m->state;

    switch (offset) {
    case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
        v->device_select = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
        v->driver_select = value;
        break;
    case VIRTIO_MMIO_DRIVER_FEATURES:
        virtio_features_write(v, value);
        break;
    case VIRTIO_MMIO_QUEUE_SEL:
        v->queue_select = value < VIRTIO_QUEUES_MAX ? (uint16_t)value : VIRTIO_QUEUES_MAX;
        break;
    case VIRTIO_MMIO_QUEUE_NOTIFY:
        virtio_kick(m, value, now);
        break;
    case VIRTIO_MMIO_INTERRUPT_ACK:
        virtio_isr_take(m, (uint8_t)value, now);
        break;
    case VIRTIO_MMIO_STATUS:
        virtio_status_write(m, (uint8_t)value, now);
        break;
    default:
        write_queue(m, offset, value, now);
    }
}

/* 4.2.2.2: registers are accessed 32 bits at a time; else they read as 0 and take no write. */
static enum tb_status mmio_access(struct tb_model *m, const struct tb_debug *a, tb_time now)
{
    struct virtio *v = m->state;
    uint32_t offset = (uint32_t)(a->address - v->p.base);

    if (a->length > SPACE - offset)
        return TB_UNSUPPORTED;
    if (!a->write && offset >= VIRTIO_MMIO_CONFIG) {
        memset(a->data, 0, a->length);
        virtio_blk_config(v, offset - VIRTIO_MMIO_CONFIG, a->data, a->length);
    } else if (a->length != 4 || offset % 4) {
        if (!a->write)
            memset(a->data, 0, a->length);
    } else if (!a->write) {
        virtio_put(a->data, read_register(v, offset), 4);
    } else if (!v->resetting && offset < VIRTIO_MMIO_CONFIG) {
        write_register(m, offset, virtio_get32(a->data), now);
    }
    return TB_OK;
}

/* -- The transport --------------------------------------------------------------------------- */

static void mmio_reset(struct tb_model *m)
{
    (void)m;
}

static void mmio_claims(struct tb_model *m, struct tb_ranges *out)
{
    const struct virtio *v = m->state;

    tb_ranges_add(m, out,
                  (struct tb_range){.base = v->p.base,
                                    .last = v->p.base + SPACE - 1,
                                    .space = TB_MEMORY,
                                    .model = m->index});
}

static bool mmio_answers(const struct tb_model *m, uint8_t space, uint64_t address)
{
    const struct virtio *v = m->state;

    return space == TB_MEMORY && address >= v->p.base && address - v->p.base < SPACE;
}

static bool mmio_may_interrupt(const struct tb_model *m)
{
    (void)m;
    return true;
}

static const struct {
    const char *name;
    uint16_t offset;
} names[] = {{"magic", VIRTIO_MMIO_MAGIC},
             {"version", VIRTIO_MMIO_VERSION},
             {"device_id", VIRTIO_MMIO_DEVICE_ID},
             {"device_features", VIRTIO_MMIO_DEVICE_FEATURES},
             {"device_features_sel", VIRTIO_MMIO_DEVICE_FEATURES_SEL},
             {"driver_features", VIRTIO_MMIO_DRIVER_FEATURES},
             {"driver_features_sel", VIRTIO_MMIO_DRIVER_FEATURES_SEL},
             {"queue_sel", VIRTIO_MMIO_QUEUE_SEL},
             {"queue_max", VIRTIO_MMIO_QUEUE_NUM_MAX},
             {"queue_size", VIRTIO_MMIO_QUEUE_NUM},
             {"queue_enable", VIRTIO_MMIO_QUEUE_READY},
             {"notify", VIRTIO_MMIO_QUEUE_NOTIFY},
             {"isr", VIRTIO_MMIO_INTERRUPT_STATUS},
             {"isr_ack", VIRTIO_MMIO_INTERRUPT_ACK},
             {"status", VIRTIO_MMIO_STATUS},
             {"desc_low", VIRTIO_MMIO_QUEUE_DESC},
             {"desc_high", VIRTIO_MMIO_QUEUE_DESC + 4},
             {"driver_low", VIRTIO_MMIO_QUEUE_DRIVER},
             {"driver_high", VIRTIO_MMIO_QUEUE_DRIVER + 4},
             {"device_low", VIRTIO_MMIO_QUEUE_DEVICE},
             {"device_high", VIRTIO_MMIO_QUEUE_DEVICE + 4},
             {"generation", VIRTIO_MMIO_GENERATION},
             {"capacity_low", VIRTIO_MMIO_CONFIG + VIRTIO_BLK_CAPACITY},
             {"capacity_high", VIRTIO_MMIO_CONFIG + VIRTIO_BLK_CAPACITY + 4},
             {"size_max", VIRTIO_MMIO_CONFIG + VIRTIO_BLK_SIZE_MAX},
             {"seg_max", VIRTIO_MMIO_CONFIG + VIRTIO_BLK_SEG_MAX},
             {"blk_size", VIRTIO_MMIO_CONFIG + VIRTIO_BLK_BLK_SIZE}};

static bool mmio_symbol(const struct tb_model *m, const char *name, struct tb_symbol *out)
{
    const struct virtio *v = m->state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].name, name) == 0) {
            *out = (struct tb_symbol){v->p.base + names[i].offset, TB_MEMORY, 4};
            return true;
        }
    return false;
}

static const struct virtio_transport mmio = {
    .reset = mmio_reset,
    .claims = mmio_claims,
    .answers = mmio_answers,
    .access = mmio_access,
    .symbol = mmio_symbol,
    .may_interrupt = mmio_may_interrupt,
};

static void check(struct tb_model *m, struct tb_diag *diag)
{
    const struct virtio *v = m->state;

    if (v->p.base % SPACE)
        tb_diag_node(diag, tb_node_get(m->node, "base"), "'base' must be a multiple of 4 KiB");
    virtio_check(m, diag, &mmio);
}

const struct tb_class tb_class_virtio_blk_mmio = {
    .name = "virtio-blk-mmio",
    .brief = "virtio block device behind memory-mapped registers",
    .params = params,
    .check = check,
    VIRTIO_CLASS,
};
