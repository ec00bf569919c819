/* Virtual I/O Device (VIRTIO) 1.2, OASIS Committee Specification 01: what a device and its driver
 * share. Section numbers are that document's. All fields are little-endian (1.4).
 */
#ifndef SPEC_VIRTIO_H
#define SPEC_VIRTIO_H

#include <stdint.h>

/* -- Device status (2.1) --------------------------------------------------------------------- */

#define VIRTIO_ACKNOWLEDGE 0x01u
#define VIRTIO_DRIVER      0x02u
#define VIRTIO_DRIVER_OK   0x04u
#define VIRTIO_FEATURES_OK 0x08u
#define VIRTIO_NEEDS_RESET 0x40u
#define VIRTIO_FAILED      0x80u

/* Interrupt status: ISR of PCI (4.1.4.5), InterruptStatus of MMIO (4.2.2). */
#define VIRTIO_ISR_USED   1u
#define VIRTIO_ISR_CONFIG 2u

/* -- Feature bits (6), device independent ---------------------------------------------------- */

#define VIRTIO_BIT(n)            ((uint64_t)1 << (n))
#define VIRTIO_F_INDIRECT        VIRTIO_BIT(28) /* 2.7.5.3 */
#define VIRTIO_F_EVENT_IDX       VIRTIO_BIT(29) /* 2.7.7, 2.7.10 */
#define VIRTIO_F_VERSION_1       VIRTIO_BIT(32)
#define VIRTIO_F_ACCESS_PLATFORM VIRTIO_BIT(33) /* 6.1, 6.2 */

/* -- Split virtqueues (2.7) ------------------------------------------------------------------ */

#define VIRTIO_DESC_BYTES    16u /* address 64, length 32, flags 16, next 16 (2.7.5) */
#define VIRTIO_DESC_NEXT     1u
#define VIRTIO_DESC_WRITE    2u
#define VIRTIO_DESC_INDIRECT 4u
#define VIRTIO_QUEUE_MOST    32768u /* entries (2.7) */

/* Available ring (2.7.6): flags 16, idx 16, ring 16 each, used_event 16. */
#define VIRTIO_AVAIL_FLAGS        0u
#define VIRTIO_AVAIL_INDEX        2u
#define VIRTIO_AVAIL_RING(n)      (4u + 2u * (n))
#define VIRTIO_AVAIL_NO_INTERRUPT 1u
#define VIRTIO_AVAIL_BYTES(size)  (6u + 2u * (size))

/* Used ring (2.7.8): flags 16, idx 16, ring of id 32 and length 32 each, avail_event 16. */
#define VIRTIO_USED_FLAGS       0u
#define VIRTIO_USED_INDEX       2u
#define VIRTIO_USED_RING(n)     (4u + 8u * (n))
#define VIRTIO_USED_ELEM_BYTES  8u
#define VIRTIO_USED_BYTES(size) (6u + 8u * (size))

/* 2.7.7.2: after the index went from `before` to `now`, does whoever waits for `event` want to be
 * told. */
static inline int virtio_wants_event(uint16_t event, uint16_t now, uint16_t before)
{
    return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* -- Block device (5.2) ---------------------------------------------------------------------- */

#define VIRTIO_ID_BLOCK 2u

#define VIRTIO_BLK_F_SIZE_MAX     VIRTIO_BIT(1)
#define VIRTIO_BLK_F_SEG_MAX      VIRTIO_BIT(2)
#define VIRTIO_BLK_F_RO           VIRTIO_BIT(5)
#define VIRTIO_BLK_F_BLK_SIZE     VIRTIO_BIT(6)
#define VIRTIO_BLK_F_FLUSH        VIRTIO_BIT(9)
#define VIRTIO_BLK_F_MQ           VIRTIO_BIT(12)
#define VIRTIO_BLK_F_DISCARD      VIRTIO_BIT(13)
#define VIRTIO_BLK_F_WRITE_ZEROES VIRTIO_BIT(14)

/* Configuration (5.2.4). */
#define VIRTIO_BLK_CAPACITY           0u /* 64, in sectors of 512 bytes */
#define VIRTIO_BLK_SIZE_MAX           8u /* 32 */
#define VIRTIO_BLK_SEG_MAX            12u
#define VIRTIO_BLK_BLK_SIZE           20u
#define VIRTIO_BLK_NUM_QUEUES         34u /* 16 */
#define VIRTIO_BLK_MAX_DISCARD        36u /* 32: sectors, segments, alignment */
#define VIRTIO_BLK_MAX_DISCARD_SEG    40u
#define VIRTIO_BLK_DISCARD_ALIGNMENT  44u
#define VIRTIO_BLK_MAX_ZEROES         48u
#define VIRTIO_BLK_MAX_ZEROES_SEG     52u
#define VIRTIO_BLK_ZEROES_MAY_DISCARD 56u /* 8 */
#define VIRTIO_BLK_CONFIG_BYTES       72u

/* Requests (5.2.6): type 32, reserved 32, sector 64; data; status 8. */
#define VIRTIO_BLK_HEADER_BYTES 16u
#define VIRTIO_BLK_ID_BYTES     20u
#define VIRTIO_BLK_RANGE_BYTES                                                                     \
    16u /* of discard and write zeroes: sector 64, count 32, flags 32                              \
         */
#define VIRTIO_BLK_RANGE_UNMAP 1u

enum virtio_blk_type {
    VIRTIO_BLK_IN = 0,
    VIRTIO_BLK_OUT = 1,
    VIRTIO_BLK_FLUSH = 4,
    VIRTIO_BLK_GET_ID = 8,
    VIRTIO_BLK_DISCARD = 11,
    VIRTIO_BLK_WRITE_ZEROES = 13
};

enum virtio_blk_status { VIRTIO_BLK_OK, VIRTIO_BLK_IOERR, VIRTIO_BLK_UNSUPP };

/* -- PCI (4.1) ------------------------------------------------------------------------------- */

#define VIRTIO_PCI_VENDOR     0x1af4u
#define VIRTIO_PCI_DEVICE(id) (0x1040u + (id)) /* 4.1.2 */

/* A vendor capability (4.1.4): id 09h, next, length, type, bar, id, 0, 0, offset 32, length 32; of
 * notifications the multiplier 32 behind it (4.1.4.4); of the window data 32 (4.1.4.9). */
enum virtio_pci_structure {
    VIRTIO_PCI_COMMON = 1,
    VIRTIO_PCI_NOTIFY,
    VIRTIO_PCI_ISR,
    VIRTIO_PCI_DEVICE_CONFIG,
    VIRTIO_PCI_WINDOW
};
#define VIRTIO_PCI_CAP_BYTES    16u
#define VIRTIO_PCI_CAP_VENDOR   0x09u
#define VIRTIO_PCI_CAP_TYPE     3u
#define VIRTIO_PCI_CAP_BAR      4u
#define VIRTIO_PCI_CAP_OFFSET   8u
#define VIRTIO_PCI_CAP_LENGTH   12u
#define VIRTIO_PCI_CAP_MULTIPLY 16u
#define VIRTIO_PCI_CAP_DATA     16u

/* Common configuration (4.1.4.3). */
enum virtio_pci_common {
    VIRTIO_PCI_DEVICE_SELECT = 0x00,
    VIRTIO_PCI_DEVICE_FEATURE = 0x04,
    VIRTIO_PCI_DRIVER_SELECT = 0x08,
    VIRTIO_PCI_DRIVER_FEATURE = 0x0c,
    VIRTIO_PCI_CONFIG_VECTOR = 0x10,
    VIRTIO_PCI_NUM_QUEUES = 0x12,
    VIRTIO_PCI_STATUS = 0x14,
    VIRTIO_PCI_GENERATION = 0x15,
    VIRTIO_PCI_QUEUE_SELECT = 0x16,
    VIRTIO_PCI_QUEUE_SIZE = 0x18,
    VIRTIO_PCI_QUEUE_VECTOR = 0x1a,
    VIRTIO_PCI_QUEUE_ENABLE = 0x1c,
    VIRTIO_PCI_QUEUE_NOTIFY_OFF = 0x1e,
    VIRTIO_PCI_QUEUE_DESC = 0x20,
    VIRTIO_PCI_QUEUE_DRIVER = 0x28,
    VIRTIO_PCI_QUEUE_DEVICE = 0x30,
    VIRTIO_PCI_COMMON_BYTES = 0x38
};
#define VIRTIO_PCI_NO_VECTOR 0xffffu

/* -- Memory-mapped registers (4.2.2) --------------------------------------------------------- */

#define VIRTIO_MMIO_MAGIC_IS   0x74726976u /* "virt" */
#define VIRTIO_MMIO_VERSION_IS 2u

enum virtio_mmio {
    VIRTIO_MMIO_MAGIC = 0x000,
    VIRTIO_MMIO_VERSION = 0x004,
    VIRTIO_MMIO_DEVICE_ID = 0x008,
    VIRTIO_MMIO_VENDOR_ID = 0x00c,
    VIRTIO_MMIO_DEVICE_FEATURES = 0x010,
    VIRTIO_MMIO_DEVICE_FEATURES_SEL = 0x014,
    VIRTIO_MMIO_DRIVER_FEATURES = 0x020,
    VIRTIO_MMIO_DRIVER_FEATURES_SEL = 0x024,
    VIRTIO_MMIO_QUEUE_SEL = 0x030,
    VIRTIO_MMIO_QUEUE_NUM_MAX = 0x034,
    VIRTIO_MMIO_QUEUE_NUM = 0x038,
    VIRTIO_MMIO_QUEUE_READY = 0x044,
    VIRTIO_MMIO_QUEUE_NOTIFY = 0x050,
    VIRTIO_MMIO_INTERRUPT_STATUS = 0x060,
    VIRTIO_MMIO_INTERRUPT_ACK = 0x064,
    VIRTIO_MMIO_STATUS = 0x070,
    VIRTIO_MMIO_QUEUE_DESC = 0x080,   /* low, high */
    VIRTIO_MMIO_QUEUE_DRIVER = 0x090, /* low, high */
    VIRTIO_MMIO_QUEUE_DEVICE = 0x0a0, /* low, high */
    VIRTIO_MMIO_SHM_LEN = 0x0b0,      /* low, high: all ones, there is no shared memory (4.2.2.1) */
    VIRTIO_MMIO_SHM_BASE = 0x0b8,
    VIRTIO_MMIO_GENERATION = 0x0fc,
    VIRTIO_MMIO_CONFIG = 0x100
};

#endif
