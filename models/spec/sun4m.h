/* The IOMMU between MBus and SBus of Sun's sun4m machines (SPARCstation 5, 10, 20).
 *
 * After "Sun-4M System Architecture" (950-1373), which was not at hand: offsets and bits as Linux
 * (arch/sparc/include/asm/iommu_32.h) and QEMU (hw/sparc/sun4m_iommu.c) have them; both agree but
 * where noted. Bits are numbered from 0. The machine is big-endian: entries of the table lie in
 * memory with their most significant byte first. Registers are told by their values, whatever the
 * order of the bytes on the wires: an access reads and writes them as it does all others here.
 */
#ifndef SPEC_SUN4M_H
#define SPEC_SUN4M_H

#include <stdint.h>

/* Registers, 32 bits each. */
#define SUN4M_CONTROL   0x0000u
#define SUN4M_BASE      0x0004u
#define SUN4M_FLUSH     0x0014u /* write: forget everything */
#define SUN4M_PAGEFLUSH 0x0018u /* write: forget the page of this address */
#define SUN4M_AFSR      0x1000u
#define SUN4M_AFAR      0x1004u
#define SUN4M_MMIO_SIZE 0x4000u /* three pages, and one that is not used */

/* Control: 16 MiB << range bytes are translated, the topmost of the 32-bit space. */
#define SUN4M_CONTROL_ENABLE      ((uint32_t)1 << 0)
#define SUN4M_CONTROL_RANGE       ((uint32_t)7 << 2)
#define SUN4M_CONTROL_RANGE_SHIFT 2
#define SUN4M_CONTROL_VERSION     0xff000000u /* implementation and version: read-only */
#define SUN4M_RANGE_BITS          24u         /* of range 0 */

/* Base: bits 35:14 of the table's address, which Linux aligns to the table's size. (QEMU keeps
 * 30:14.) */
#define SUN4M_BASE_ADDRESS 0xfffffc00u
#define SUN4M_BASE_SHIFT   4

/* Asynchronous fault status; AFAR has the address of the page. */
#define SUN4M_AFSR_ERR        ((uint32_t)1 << 31) /* any of the next three */
#define SUN4M_AFSR_LE         ((uint32_t)1 << 30) /* late error: as QEMU, of refused translations */
#define SUN4M_AFSR_TO         ((uint32_t)1 << 29) /* time-out */
#define SUN4M_AFSR_BE         ((uint32_t)1 << 28) /* bus error: here, of a table that cannot be read */
#define SUN4M_AFSR_SIZE_SHIFT 25 /* 27:25, of the transfer, as SBus' SIZ[2:0] has it */
#define SUN4M_AFSR_RESERVED   ((uint32_t)8 << 20) /* reads so */
#define SUN4M_AFSR_ME         ((uint32_t)1 << 19) /* there were more: the first is told */
#define SUN4M_AFSR_RD         ((uint32_t)1 << 18) /* of a read */
#define SUN4M_AFSR_FAV        ((uint32_t)1 << 17) /* AFAR is valid */

/* Entries of the table: 36-bit physical addresses. */
#define SUN4M_PTE_PAGE       0xffffff00u /* address bits 35:12 */
#define SUN4M_PTE_PAGE_SHIFT 4
#define SUN4M_PTE_CACHEABLE  ((uint32_t)1 << 7)
#define SUN4M_PTE_WRITE      ((uint32_t)1 << 2)
#define SUN4M_PTE_VALID      ((uint32_t)1 << 1)
#define SUN4M_PTE_WAZ        ((uint32_t)1 << 0) /* must be zero */
#define SUN4M_PA_BITS        36

/* The first address that is translated. */
static inline uint64_t sun4m_first(unsigned range)
{
    return ((uint64_t)1 << 32) - ((uint64_t)1 << (SUN4M_RANGE_BITS + range));
}

/* SBus' code for the size of a transfer (IEEE 1496: SIZ[2:0]); what is no size of its own is told
 * as the next larger. */
static inline uint32_t sun4m_size_code(unsigned bytes)
{
    static const struct {
        uint8_t bytes, code;
    } sizes[] = {{1, 1}, {2, 2}, {4, 0}, {8, 7}, {16, 4}, {32, 5}};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (bytes <= sizes[i].bytes)
            return sizes[i].code;
    return 6;
}

#endif
