/* The AMD IOMMU as software and hardware both see it: registers, table entries, commands, events.
 *
 * After "AMD I/O Virtualization Technology (IOMMU) Specification", document 48882. Layouts were
 * checked against the headers of Linux and VirtualBox; section numbers in comments are meant as
 * pointers into that document and were not checked against a revision of it. Bits are numbered from
 * 0, everything is little-endian. A device table entry is four quadwords, a command or an event
 * record two.
 */
#ifndef SPEC_AMDVI_H
#define SPEC_AMDVI_H

#include <stdint.h>

#define AMDVI_BIT(n) ((uint64_t)1 << (n))
/* Bits high..low of a quadword. */
#define AMDVI_MASK(high, low) ((~(uint64_t)0 >> (63 - (high))) & (~(uint64_t)0 << (low)))

/* -- Registers (3.4): offsets in the MMIO region, 64 bits each --------------------------------- */

#define AMDVI_MMIO_SIZE 0x4000

enum {
    AMDVI_DEVTAB = 0x0000, /* device table base */
    AMDVI_CMDBUF = 0x0008, /* command buffer base */
    AMDVI_EVTLOG = 0x0010, /* event log base */
    AMDVI_CONTROL = 0x0018,
    AMDVI_EXCL_BASE = 0x0020, /* exclusion range */
    AMDVI_EXCL_LIMIT = 0x0028,
    AMDVI_EFR = 0x0030,      /* extended features, read-only */
    AMDVI_PPR_BASE = 0x0038, /* peripheral page request log base */
    AMDVI_CMD_HEAD = 0x2000,
    AMDVI_CMD_TAIL = 0x2008,
    AMDVI_EVT_HEAD = 0x2010,
    AMDVI_EVT_TAIL = 0x2018,
    AMDVI_STATUS = 0x2020,
    AMDVI_PPR_HEAD = 0x2030,
    AMDVI_PPR_TAIL = 0x2038
};

/* Base registers: the address of tables and rings. */
#define AMDVI_BASE_ADDRESS      AMDVI_MASK(51, 12)
#define AMDVI_DEVTAB_SIZE       AMDVI_MASK(8, 0) /* in units of 4 KiB, minus 1 */
#define AMDVI_RING_LENGTH_SHIFT 56               /* 59:56: log2 of the entries, 8 (256) to 15 */
#define AMDVI_RING_LENGTH_MIN   8
#define AMDVI_RING_ENTRY        16                /* bytes of a command, an event, a page request */
#define AMDVI_RING_POINTER      AMDVI_MASK(18, 4) /* of head and tail: byte offset in the ring */

/* How many entries the ring of a base register has; 0 for the reserved lengths below 8. */
static inline uint32_t tb_amdvi_ring_entries(uint64_t base)
{
    unsigned length = (unsigned)(base >> AMDVI_RING_LENGTH_SHIFT) & 0xf;
    return length < AMDVI_RING_LENGTH_MIN ? 0 : (uint32_t)1 << length;
}

/* How many devices a device table has room for. */
static inline uint32_t tb_amdvi_devtab_entries(uint64_t devtab)
{
    return (uint32_t)((devtab & AMDVI_DEVTAB_SIZE) + 1) * 128;
}

/* Control register (3.4.1). */
#define AMDVI_CONTROL_ENABLE        AMDVI_BIT(0)
#define AMDVI_CONTROL_EVENT_LOG     AMDVI_BIT(2)
#define AMDVI_CONTROL_EVENT_INT     AMDVI_BIT(3)
#define AMDVI_CONTROL_WAIT_INT      AMDVI_BIT(4)
#define AMDVI_CONTROL_TIMEOUT_SHIFT 5 /* 7:5: none, 1 ms, 10 ms, 100 ms, 1 s, 10 s, 100 s */
#define AMDVI_CONTROL_CMDBUF        AMDVI_BIT(12)
#define AMDVI_CONTROL_PPR_LOG       AMDVI_BIT(13)
#define AMDVI_CONTROL_PPR_INT       AMDVI_BIT(14)
#define AMDVI_CONTROL_PPR           AMDVI_BIT(15)
#define AMDVI_CONTROL_GT            AMDVI_BIT(16)
#define AMDVI_CONTROL_PPR_AUTO      AMDVI_BIT(39) /* page requests that cannot be logged succeed */
#define AMDVI_CONTROL_GCR3_GUEST    AMDVI_BIT(58) /* GCR3 tables are at guest physical addresses */

/* The invalidation timeout of a control register in milliseconds; 0: none (0 and the reserved 7).
 */
static inline uint32_t tb_amdvi_timeout_ms(uint64_t control)
{
    static const uint32_t ms[8] = {0, 1, 10, 100, 1000, 10000, 100000, 0};
    return ms[control >> AMDVI_CONTROL_TIMEOUT_SHIFT & 7];
}

/* Exclusion range (3.4.1): accesses in it pass untranslated, for all or with DTE.EX. */
#define AMDVI_EXCL_ENABLE AMDVI_BIT(0)
#define AMDVI_EXCL_ALLOW  AMDVI_BIT(1)

/* Status register (3.4.9). Overflow and the interrupt bits are write-1-to-clear. */
#define AMDVI_STATUS_EVENT_OVERFLOW AMDVI_BIT(0)
#define AMDVI_STATUS_EVENT_INT      AMDVI_BIT(1)
#define AMDVI_STATUS_WAIT_INT       AMDVI_BIT(2)
#define AMDVI_STATUS_EVENT_RUN      AMDVI_BIT(3)
#define AMDVI_STATUS_CMDBUF_RUN     AMDVI_BIT(4)
#define AMDVI_STATUS_PPR_OVERFLOW   AMDVI_BIT(5)
#define AMDVI_STATUS_PPR_INT        AMDVI_BIT(6)
#define AMDVI_STATUS_PPR_RUN        AMDVI_BIT(7)

/* Extended features (3.4.2). */
#define AMDVI_EFR_PREFETCH       AMDVI_BIT(0)
#define AMDVI_EFR_PPR            AMDVI_BIT(1)
#define AMDVI_EFR_NX             AMDVI_BIT(3)
#define AMDVI_EFR_GT             AMDVI_BIT(4)
#define AMDVI_EFR_INVALIDATE_ALL AMDVI_BIT(6)
#define AMDVI_EFR_HATS_SHIFT     10            /* 11:10: levels of host tables: 4, 5, 6 */
#define AMDVI_EFR_GATS_SHIFT     12            /* 13:12: levels of guest tables: 4, 5, 6 */
#define AMDVI_EFR_GLX_SHIFT      14            /* 15:14: levels of GCR3 tables: 1, 2, 3 */
#define AMDVI_EFR_PASID_SHIFT    32            /* 36:32: bits of a PASID, less one */
#define AMDVI_EFR_US             AMDVI_BIT(37) /* user and supervisor pages */
#define AMDVI_EFR_PPR_AUTO       AMDVI_BIT(41)
#define AMDVI_EFR_GIO            AMDVI_BIT(48) /* DTE.GIoV */

/* -- Device table entry (2.2.2.1), indexed by requester ID ------------------------------------- */

#define AMDVI_DTE_SIZE 32

/* First quadword. */
#define AMDVI_DTE_V            AMDVI_BIT(0)
#define AMDVI_DTE_TV           AMDVI_BIT(1)
#define AMDVI_DTE_HAD_SHIFT    7
#define AMDVI_DTE_MODE_SHIFT   9 /* 11:9: 0 = no translation, 1..6 levels, 7 reserved */
#define AMDVI_DTE_ROOT         AMDVI_MASK(51, 12)
#define AMDVI_DTE_PPR          AMDVI_BIT(52)
#define AMDVI_DTE_GPRP         AMDVI_BIT(53)
#define AMDVI_DTE_GIOV         AMDVI_BIT(54)
#define AMDVI_DTE_GV           AMDVI_BIT(55)
#define AMDVI_DTE_GLX_SHIFT    56
#define AMDVI_DTE_GCR3_A_SHIFT 58 /* 60:58: bits 14:12 of the GCR3 table's address */
#define AMDVI_DTE_IR           AMDVI_BIT(61)
#define AMDVI_DTE_IW           AMDVI_BIT(62)
#define AMDVI_DTE_RESERVED0    (AMDVI_BIT(63) | AMDVI_MASK(6, 2))

/* Second quadword. */
#define AMDVI_DTE_DOMAIN       AMDVI_MASK(15, 0)
#define AMDVI_DTE_GCR3_B_SHIFT 16            /* 31:16: bits 30:15 */
#define AMDVI_DTE_I            AMDVI_BIT(32) /* the device may use ATS */
#define AMDVI_DTE_SE           AMDVI_BIT(33) /* suppress further page-fault events of the device */
#define AMDVI_DTE_SA           AMDVI_BIT(34) /* suppress all page-fault events */
#define AMDVI_DTE_IOCTL_SHIFT  35            /* 36:35: port I/O */
#define AMDVI_DTE_CACHE        AMDVI_BIT(37)
#define AMDVI_DTE_SD           AMDVI_BIT(38)
#define AMDVI_DTE_EX           AMDVI_BIT(39) /* the exclusion range applies */
#define AMDVI_DTE_SYSMGT_SHIFT 40
#define AMDVI_DTE_GCR3_C_SHIFT 43 /* 63:43: bits 51:31 */
#define AMDVI_DTE_RESERVED1    AMDVI_BIT(42)

/* Third quadword. */
#define AMDVI_DTE_IV               AMDVI_BIT(0)
#define AMDVI_DTE_GUEST_MODE_SHIFT 54 /* 55:54 */

/* -- Guest translation (2.2.6): the GCR3 table, indexed by PASID ---------------------------------
 */

/* GLX of a device table entry: levels of the table less one; level 1 decodes PASID 8:0, level 2
 * 17:9, level 3 19:18. An entry of level 1 holds the root of the PASID's page table (x86.h), a
 * guest physical address where the host translates too. Guest mode of the third quadword: 0: four
 * levels, 1: five. */
#define AMDVI_GCR3_V       AMDVI_BIT(0)
#define AMDVI_GCR3_ADDRESS AMDVI_MASK(51, 12)

/* Splits the GCR3 table's address over the first two quadwords. */
static inline uint64_t tb_amdvi_gcr3_first(uint64_t address)
{
    return (address >> 12 & 7) << AMDVI_DTE_GCR3_A_SHIFT;
}

static inline uint64_t tb_amdvi_gcr3_second(uint64_t address)
{
    return (address >> 15 & 0xffff) << AMDVI_DTE_GCR3_B_SHIFT | (address >> 31 & 0x1fffff)
                                                                    << AMDVI_DTE_GCR3_C_SHIFT;
}

/* -- Page table entries (2.2.3) ---------------------------------------------------------------- */

#define AMDVI_PTE_PR AMDVI_BIT(0)
#define AMDVI_PTE_A  AMDVI_BIT(5)
#define AMDVI_PTE_D  AMDVI_BIT(6)
/* Next level, 11:9: 0 = a page of the level's size, 7 = a page whose size is coded in the address
 * by trailing ones from bit 12 (a zero in bit 12 means 8 KiB), else the level of the table it
 * points to. */
#define AMDVI_PTE_NEXT_SHIFT 9
#define AMDVI_PTE_ADDRESS    AMDVI_MASK(51, 12)
#define AMDVI_PTE_U          AMDVI_BIT(59)
#define AMDVI_PTE_FC         AMDVI_BIT(60)
#define AMDVI_PTE_IR         AMDVI_BIT(61)
#define AMDVI_PTE_IW         AMDVI_BIT(62)
#define AMDVI_PTE_RESERVED   AMDVI_MASK(58, 52) /* of an entry that maps a page */
#define AMDVI_PDE_RESERVED   AMDVI_MASK(60, 52) /* of an entry that points to a table */
#define AMDVI_LEVELS         6

/* Lowest address bit that the table of a level (1..6) decodes; level 7 stands for what is above. */
static inline unsigned tb_amdvi_level_shift(unsigned level)
{
    return 12 + 9 * (level - 1);
}

/* -- Commands (2.4) ---------------------------------------------------------------------------- */

#define AMDVI_OPCODE_SHIFT 60 /* of commands and events, first quadword */

enum {
    AMDVI_COMPLETION_WAIT = 1,
    AMDVI_INVALIDATE_DEVTAB_ENTRY,
    AMDVI_INVALIDATE_IOMMU_PAGES,
    AMDVI_INVALIDATE_IOTLB_PAGES,
    AMDVI_INVALIDATE_INTERRUPT_TABLE,
    AMDVI_PREFETCH_IOMMU_PAGES,
    AMDVI_COMPLETE_PPR_REQUEST,
    AMDVI_INVALIDATE_IOMMU_ALL
};

/* COMPLETION_WAIT, first quadword; the second is what is stored. */
#define AMDVI_WAIT_STORE     AMDVI_BIT(0)
#define AMDVI_WAIT_INTERRUPT AMDVI_BIT(1)
#define AMDVI_WAIT_FLUSH     AMDVI_BIT(2) /* later commands wait for the end of this one */
#define AMDVI_WAIT_ADDRESS   AMDVI_MASK(51, 3)

#define AMDVI_COMMAND_DEVICE       AMDVI_MASK(15, 0) /* of those for a device, first quadword */
#define AMDVI_COMMAND_DOMAIN_SHIFT 32                /* 47:32 of INVALIDATE_IOMMU_PAGES */

/* INVALIDATE_IOTLB_PAGES, first quadword. */
#define AMDVI_IOTLB_PASID_MID_SHIFT 16 /* 23:16: PASID 15:8 */
#define AMDVI_IOTLB_MAXPEND_SHIFT                                                                  \
    24 /* 31:24: how many may be unanswered; 0: as many as there are tags */
#define AMDVI_IOTLB_QUEUE_SHIFT      32 /* 47:32: of which queue */
#define AMDVI_IOTLB_PASID_LOW_SHIFT  48 /* 55:48: PASID 7:0 */
#define AMDVI_IOTLB_PASID_HIGH_SHIFT 56 /* 59:56: PASID 19:16 */

/* The invalidations of pages and PREFETCH, second quadword. */
#define AMDVI_PAGES_S   AMDVI_BIT(0) /* more than 4 KiB: coded as for next level 7 */
#define AMDVI_PAGES_PDE AMDVI_BIT(1) /* page directory entries too */
#define AMDVI_PAGES_GN  AMDVI_BIT(2) /* guest addresses of a PASID */
#define AMDVI_PAGES_PASID                                                                          \
    AMDVI_MASK(19, 0) /* with GN, of INVALIDATE_IOMMU_PAGES: first quadword                        \
                       */
#define AMDVI_PAGES_ADDRESS        AMDVI_MASK(63, 12)
#define AMDVI_PAGES_ALL            (AMDVI_MASK(62, 12) | AMDVI_PAGES_S) /* everything */
#define AMDVI_PREFETCH_COUNT_SHIFT 24 /* 31:24 of the first quadword */
#define AMDVI_PREFETCH_INVALIDATE  AMDVI_BIT(4)

/* COMPLETE_PPR_REQUEST: 51:32 of the first quadword the PASID, the second: */
#define AMDVI_COMPLETE_PASID_SHIFT  32
#define AMDVI_COMPLETE_GN           AMDVI_BIT(2)
#define AMDVI_COMPLETE_TAG_SHIFT    32 /* 40:32: the group */
#define AMDVI_COMPLETE_STATUS_SHIFT 44 /* 47:44: response code (ats.h) */

/* -- Peripheral page requests (2.6): entries of the PPR log -------------------------------------
 */

/* First quadword, after Linux's PPR_ macros; the second is the page's address. INVALID_PPR_REQUEST
 * is laid out in the same way. */
#define AMDVI_PPR_DEVICE           AMDVI_MASK(15, 0)
#define AMDVI_PPR_PASID_LOW_SHIFT  16            /* 31:16: PASID 15:0 */
#define AMDVI_PPR_TAG_SHIFT        32            /* 40:32: the group */
#define AMDVI_PPR_LAST             AMDVI_BIT(41) /* of its group */
#define AMDVI_PPR_PASID_HIGH_SHIFT 42            /* 45:42: PASID 19:16 */
#define AMDVI_PPR_EXEC             AMDVI_BIT(49)
#define AMDVI_PPR_READ             AMDVI_BIT(50)
#define AMDVI_PPR_WRITE            AMDVI_BIT(53)
#define AMDVI_PPR_USER             AMDVI_BIT(54)
#define AMDVI_PPR_GN               AMDVI_BIT(56) /* a guest address, of the PASID */
#define AMDVI_PAGE_REQUEST         1             /* 63:60, the only code */

/* -- Events (2.5) ------------------------------------------------------------------------------ */

enum {
    AMDVI_ILLEGAL_DEV_TABLE_ENTRY = 1,
    AMDVI_IO_PAGE_FAULT,
    AMDVI_DEV_TAB_HARDWARE_ERROR,
    AMDVI_PAGE_TAB_HARDWARE_ERROR,
    AMDVI_ILLEGAL_COMMAND_ERROR,
    AMDVI_COMMAND_HARDWARE_ERROR,
    AMDVI_IOTLB_INV_TIMEOUT,
    AMDVI_INVALID_DEVICE_REQUEST,
    AMDVI_INVALID_PPR_REQUEST
};

/* First quadword; the second is the address (of the access, or of what could not be read). */
#define AMDVI_EVENT_DEVICE           AMDVI_MASK(15, 0)
#define AMDVI_EVENT_PASID_HIGH_SHIFT 16            /* 19:16: PASID 19:16 */
#define AMDVI_EVENT_DOMAIN_SHIFT     32            /* 47:32: domain, or PASID 15:0 with GN */
#define AMDVI_EVENT_GN               AMDVI_BIT(48) /* guest address with PASID */
#define AMDVI_EVENT_NX               AMDVI_BIT(49) /* execute was asked for */
#define AMDVI_EVENT_US               AMDVI_BIT(50) /* user privilege */
#define AMDVI_EVENT_I                AMDVI_BIT(51) /* an interrupt request */
#define AMDVI_EVENT_PR               AMDVI_BIT(52) /* the page was present */
#define AMDVI_EVENT_RW               AMDVI_BIT(53) /* a write */
#define AMDVI_EVENT_PE               AMDVI_BIT(54) /* permission was missing */
#define AMDVI_EVENT_RZ               AMDVI_BIT(55) /* a reserved bit set (0: illegal level) */
#define AMDVI_EVENT_TR               AMDVI_BIT(56) /* a translation request, not a transaction */
#define AMDVI_EVENT_TYPE_SHIFT       57            /* 58:57 of the hardware errors */

/* Types of hardware errors. */
enum { AMDVI_MASTER_ABORT = 1, AMDVI_TARGET_ABORT, AMDVI_DATA_ERROR };

#endif
