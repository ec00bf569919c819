/* Changes of counts at instants, to be had in the order of instants: what a VCD is made of.
 *
 * A list is filled in any order and sorted as a whole, by digits (time, then variable): some 50
 * instructions per change, whatever their number.
 */
#ifndef TB_CHANGES_H
#define TB_CHANGES_H

#include "tollbridge/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tb_change {
    tb_time at;
    uint32_t variable;
    int32_t by;
};

struct tb_changes {
    struct tb_change *at, *spare; /* `room` of each */
    size_t count, room;
};

/* Makes room for so many more; false: no memory. */
bool tb_changes_reserve(struct tb_changes *c, size_t more);

/* Room must be there. */
static inline void tb_changes_add(struct tb_changes *c, tb_time at, uint32_t variable, int32_t by)
{
    c->at[c->count++] = (struct tb_change){at, variable, by};
}

static inline bool tb_change_is_before(const struct tb_change *a, const struct tb_change *b)
{
    return a->at != b->at ? a->at < b->at : a->variable < b->variable;
}

void tb_changes_sort(struct tb_changes *c);

/* Drops the first ones. */
void tb_changes_drop(struct tb_changes *c, size_t count);

void tb_changes_free(struct tb_changes *c);

#endif
