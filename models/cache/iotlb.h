/* A cache of translations: pages of any size from 4 KiB up, each in a space of addresses (an
 * IOMMU's domain, a device's PASID). The IOTLB of an IOMMU, and the translation cache of a device.
 *
 * Invariants: no two pages of the same size, address and space; `sizes` tells of which sizes there
 * are any. A look-up prefers the smallest page that holds the address.
 */
#ifndef CACHE_IOTLB_H
#define CACHE_IOTLB_H

#include "cache/cache.h"

/* A translation: 2^shift bytes (12..64) at iova are at pa. What `perm` means is the owner's. */
struct tb_page {
    uint64_t iova;
    uint64_t pa;
    uint8_t shift;
    uint8_t perm;
};

struct tb_iotlb {
    struct tb_cache cache;
    struct tb_iotlb_line {
        uint64_t pa;
        uint8_t perm;
    } * lines;
    uint32_t of_size[65]; /* how many lines have pages of 2^n bytes */
    uint64_t sizes;       /* bit n - 1: of_size[n] > 0 */
};

/* Makes an empty one by its parameters; false: they are wrong, see tb_cache_make. */
bool tb_iotlb_make(struct tb_model *m, struct tb_iotlb *t, const struct tb_cache_params *p,
                   const char *what, unsigned stream, const struct tb_node *node,
                   struct tb_diag *diag);
/* The translation of an address in a space, and makes it the most recent. False: a miss. */
bool tb_iotlb_lookup(struct tb_iotlb *t, uint64_t space, uint64_t iova, struct tb_page *out);
/* The same without making it the most recent. */
bool tb_iotlb_peek(const struct tb_iotlb *t, uint64_t space, uint64_t iova, struct tb_page *out);
/* Makes a page the most recent. Returns true if another had to go. */
bool tb_iotlb_fill(struct tb_iotlb *t, uint64_t space, const struct tb_page *page);
/* Drops every page of the space that overlaps first..last; how many. */
uint32_t tb_iotlb_invalidate(struct tb_iotlb *t, uint64_t space, uint64_t first, uint64_t last);
/* Drops the pages of the spaces for which `match` says so that overlap first..last; how many. */
uint32_t tb_iotlb_invalidate_if(struct tb_iotlb *t,
                                bool (*match)(uint64_t space, uint8_t perm, uint64_t with),
                                uint64_t with, uint64_t first, uint64_t last);
uint32_t tb_iotlb_clear(struct tb_iotlb *t);

#endif
