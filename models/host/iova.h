/* IO virtual addresses: a window of pages, handed out top-down (the highest place that fits, as
 * Linux does) or round and round (the next place that fits). A range is aligned to its size rounded
 * up to a power of two.
 */
#ifndef HOST_IOVA_H
#define HOST_IOVA_H

#include <stdbool.h>
#include <stdint.h>

struct iova_space {
    uint64_t base;  /* multiple of the largest alignment wanted */
    uint64_t pages; /* multiple of 64 */
    uint64_t *used; /* a bit per page */
    uint64_t next;  /* where the ring goes on */
    bool ring;
};

/* The address of a free range of so many pages, now taken; 0: there is none. */
uint64_t iova_take(struct iova_space *s, uint64_t pages);
void iova_give(struct iova_space *s, uint64_t iova, uint64_t pages);

#endif
