/* Page tables of x86-64, as an IOMMU that translates for guests and processes reads them (AMD APM
 * volume 2, 5.3; AMD IOMMU 48882, 2.2.6: "v2"): 4 or 5 levels of 512 entries of 8 bytes, pages of 4
 * KiB, 2 MiB, 1 GiB.
 */
#ifndef SPEC_X86_H
#define SPEC_X86_H

#include <stdint.h>

#define X86_PTE_P       ((uint64_t)1 << 0) /* present */
#define X86_PTE_W       ((uint64_t)1 << 1) /* may be written */
#define X86_PTE_U       ((uint64_t)1 << 2) /* by unprivileged requests too */
#define X86_PTE_A       ((uint64_t)1 << 5)
#define X86_PTE_D       ((uint64_t)1 << 6)
#define X86_PTE_PS      ((uint64_t)1 << 7) /* at levels 2 and 3: a page, not a table */
#define X86_PTE_G       ((uint64_t)1 << 8)
#define X86_PTE_NX      ((uint64_t)1 << 63)
#define X86_PTE_ADDRESS (((uint64_t)1 << 52) - 4096)

/* Lowest address bit that the table of a level (1..5) decodes. Addresses are canonical: what is
 * above the topmost level's bits repeats its highest one. */
static inline unsigned tb_x86_level_shift(unsigned level)
{
    return 12 + 9 * (level - 1);
}

#endif
