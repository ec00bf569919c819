/* Sorting changes; see changes.h. */
#include "trace/changes.h"

#include <stdlib.h>
#include <string.h>

#define DIGIT  11u /* bits */
#define DIGITS (1u << DIGIT)

bool tb_changes_reserve(struct tb_changes *c, size_t more)
{
    if (c->count + more <= c->room)
        return true;
    size_t room = c->room ? 2 * c->room : 4096;
    room = room < c->count + more ? c->count + more : room;
    struct tb_change *at = realloc(c->at, room * sizeof *at);
    c->at = at ? at : c->at;
    struct tb_change *spare = at ? realloc(c->spare, room * sizeof *spare) : NULL;
    c->spare = spare ? spare : c->spare;
    if (!at || !spare)
        return false;
    c->room = room;
    return true;
}

static inline uint32_t digit_of(const struct tb_change *c, bool time, unsigned shift, tb_time base)
{
    uint64_t key = time ? c->at - base : c->variable;
    return key >> shift & (DIGITS - 1);
}

/* One digit, the order otherwise kept; nothing where all have the same. */
static void pass(struct tb_changes *c, bool time, unsigned shift, tb_time base)
{
    size_t first[DIGITS] = {0}, sum = 0;
    for (size_t k = 0; k < c->count; k++)
        first[digit_of(&c->at[k], time, shift, base)]++;
    if (first[digit_of(&c->at[0], time, shift, base)] == c->count)
        return;
    for (unsigned d = 0; d < DIGITS; d++) {
        size_t here = first[d];
        first[d] = sum;
        sum += here;
    }
    for (size_t k = 0; k < c->count; k++)
        c->spare[first[digit_of(&c->at[k], time, shift, base)]++] = c->at[k];
    struct tb_change *sorted = c->spare;
    c->spare = c->at;
    c->at = sorted;
}

/* The least digit first: of the variable, then of the time. */
void tb_changes_sort(struct tb_changes *c)
{
    tb_time low = TB_NEVER, high = 0;
    uint32_t last = 0;
    for (size_t k = 0; k < c->count; k++) {
        low = c->at[k].at < low ? c->at[k].at : low;
        high = c->at[k].at > high ? c->at[k].at : high;
        last = c->at[k].variable > last ? c->at[k].variable : last;
    }
    for (unsigned shift = 0; c->count && shift < 32 && last >> shift; shift += DIGIT)
        pass(c, false, shift, 0);
    for (unsigned shift = 0; c->count && shift < 64 && (high - low) >> shift; shift += DIGIT)
        pass(c, true, shift, low);
}

void tb_changes_drop(struct tb_changes *c, size_t count)
{
    memmove(c->at, c->at + count, (c->count - count) * sizeof *c->at);
    c->count -= count;
}

void tb_changes_free(struct tb_changes *c)
{
    free(c->at);
    free(c->spare);
    *c = (struct tb_changes){0};
}
