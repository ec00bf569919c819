/* The graphics aperture remapping table (GART) of AMD64 northbridges.
 *
 * After AMD's "BIOS and Kernel Developer's Guide" (function 3 of the northbridge, D18F3x90 to x9C),
 * which was not at hand: offsets and bits as Linux has them (arch/x86/include/asm/gart.h,
 * arch/x86/kernel/amd_gart_64.c). Bits are numbered from 0, all is little-endian.
 */
#ifndef SPEC_GART_H
#define SPEC_GART_H

#include <stdint.h>

/* Registers in configuration space, 32 bits each. */
#define GART_APERTURE_CONTROL 0x90u
#define GART_APERTURE_BASE    0x94u
#define GART_TABLE_BASE       0x98u
#define GART_CACHE_CONTROL    0x9cu
#define GART_CONFIG_SIZE      0x1000u /* of a function */

/* Aperture control. */
#define GART_ENABLE         ((uint32_t)1 << 0)
#define GART_SIZE           ((uint32_t)7 << 1) /* 32 MiB << size */
#define GART_SIZE_SHIFT     1
#define GART_DISABLE_CPU    ((uint32_t)1 << 4) /* CPUs' accesses are not translated */
#define GART_DISABLE_IO     ((uint32_t)1 << 5) /* devices' are not */
#define GART_DISABLE_PROBES ((uint32_t)1 << 6) /* table walks do not probe caches */
#define GART_SIZE_BITS      25u                /* log2 of the smallest aperture */
#define GART_SIZES          7u                 /* 32 MiB to 2 GiB */

#define GART_BASE_MASK   0x7fffu /* bits 39:25 of the aperture's address */
#define GART_BASE_SHIFT  25
#define GART_TABLE_MASK  0xfffffff0u /* bits 39:12 of the table's, from bit 4 on */
#define GART_TABLE_SHIFT 8

/* Cache control. */
#define GART_INVALIDATE ((uint32_t)1 << 0) /* written 1: forget everything; 0 when that is done */
#define GART_PTE_ERROR  ((uint32_t)1 << 1) /* an entry was not valid; written 1: cleared */

/* Entries of the table. */
#define GART_PTE_VALID    ((uint32_t)1 << 0)
#define GART_PTE_COHERENT ((uint32_t)1 << 1)
#define GART_PA_BITS      40

static inline uint64_t gart_pte_address(uint32_t entry)
{
    return (entry & 0xfffff000u) | (uint64_t)(entry & 0xff0u) << 28;
}

static inline uint32_t gart_pte(uint64_t pa, uint32_t flags)
{
    return (uint32_t)(pa & 0xfffff000u) | (uint32_t)(pa >> 28 & 0xff0u) | flags;
}

#endif
