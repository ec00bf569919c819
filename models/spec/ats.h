/* PCIe address translation services and page requests as device and IOMMU both see them.
 *
 * After the PCI Express Base Specification, chapter 10 ("ATS Specification"). Bits are numbered
 * from 0, quadwords are little-endian. Numbers of sections are pointers and were not checked
 * against a revision.
 *
 * How the messages of the simulator (tollbridge/message.h) carry what a packet's header would:
 *
 *   TB_ATS_TRANSLATE    nonposted, at = TB_TRANSLATION_REQUEST, space TB_MEMORY, address = IOVA of
 * the first page, length = 8 bytes per page asked, no_write, PASID. Answered by TB_DATA with length
 * = 8 bytes per page answered (at least one), or TB_DONE with TB_UNSUPPORTED, TB_ABORT
 *   TB_ATS_INVALIDATE   posted, space TB_CONFIG, address = requester ID of the device << 12, tag =
 * ITag, PASID; transaction: value[0] the range, value[1] ATS_INV_* TB_ATS_INVALIDATED  posted,
 * space TB_CONFIG, address = 0 (the IOMMU), same transaction, tag = an ITag, length = how many
 * completions there are for it in all (one per traffic class; 0 means 8); it goes out behind all
 * that the device has posted before TB_PAGE_REQUEST     posted, space TB_CONFIG, address = 0 (the
 * IOMMU: a page's address would lead to the device whose ID it happens to look like), tag = group
 * index, last, PASID; transaction: iova = the page, value[0] = ATS_R, ATS_W, ATS_EXE, ATS_PRIV,
 * PRI_LAST TB_PAGE_RESPONSE    posted, space TB_CONFIG, address = requester ID of the device << 12,
 * tag = group index, PASID; transaction: value[0] = PRI_SUCCESS ...
 */
#ifndef SPEC_ATS_H
#define SPEC_ATS_H

#include <stdbool.h>
#include <stdint.h>

/* A translation, 8 bytes per page (10.2.3.2). R and W both 0: success without permission. */
#define ATS_R       ((uint64_t)1 << 0)
#define ATS_W       ((uint64_t)1 << 1)
#define ATS_U       ((uint64_t)1 << 2) /* only untranslated requests may be used */
#define ATS_EXE     ((uint64_t)1 << 3)
#define ATS_PRIV    ((uint64_t)1 << 4)
#define ATS_GLOBAL  ((uint64_t)1 << 5)  /* the same for every PASID */
#define ATS_N       ((uint64_t)1 << 10) /* no snoop must not be set */
#define ATS_S       ((uint64_t)1 << 11) /* larger than 4 KiB: size by trailing ones from bit 12 */
#define ATS_ADDRESS (~(uint64_t)0xfff)

#define ATS_ENTRY     8u  /* bytes of a translation */
#define ATS_MAX_PAGES 32u /* a request asks for at most so many (10.2.2: 64 dwords) */
#define ATS_ITAGS     32u /* invalidations of one device in flight (10.3.1) */

/* Flags of an invalidation, value[1] of its transaction. */
#define ATS_INV_GLOBAL ((uint64_t)1 << 0) /* whatever the PASID */

/* A page request's group (10.4.1): 9 bits. */
#define PRI_GROUPS 512u
#define PRI_LAST   ((uint64_t)1 << 2) /* in value[0], beside ATS_R, ATS_W, ATS_EXE, ATS_PRIV */

/* Response codes (10.4.2.1). */
#define PRI_SUCCESS 0u
#define PRI_INVALID 1u
#define PRI_FAILURE 15u

/* log2 of the size that an address with S codes: trailing ones from bit 12 up, and a zero. Without
 * S 4 KiB; all ones from bit 12 up: everything (64). Of translations and of invalidated ranges. */
static inline unsigned ats_shift(uint64_t coded)
{
    uint64_t zeros = ~(coded >> 12) & (~(uint64_t)0 >> 12);
    if (!(coded & ATS_S))
        return 12;
    return zeros ? 13 + (unsigned)__builtin_ctzll(zeros) : 64;
}

/* The other way round: address (of any byte) and size of 1 << shift bytes, 12 <= shift <= 64. */
static inline uint64_t ats_code(uint64_t address, unsigned shift)
{
    uint64_t low = shift >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << shift) - 1;
    if (shift <= 12)
        return address & ATS_ADDRESS;
    return (address & ~low) | ((low >> 1) & ATS_ADDRESS) | ATS_S;
}

#endif
