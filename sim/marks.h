/* Marks: where each open transaction spent its time so far, in order; what the trace is made of.
 *
 * A mark is one word: picoseconds above a code that says where (site) and as what (part). Every
 * slot has room for TB_MARKS of them. What comes when most are taken is summed up in the last ones,
 * one per part, at no site: so the marks add up to the latency whatever a transaction lived
 * through.
 *
 * Sites: the wires (0 is the first link's from -> to, 1 back, and so on), then the models, in
 * document order.
 */
#ifndef TB_MARKS_H
#define TB_MARKS_H

#include "tollbridge/time.h"
#include "tollbridge/txn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_MARKS      64u /* per slot */
#define TB_MARK_SHIFT 20u /* time above, code below */
#define TB_MARK_CODES (1u << TB_MARK_SHIFT)
#define TB_MARK_LONGEST                                                                            \
    ((tb_time)1 << (64 - TB_MARK_SHIFT)) /* 17 s; what is longer takes several */
#define TB_MARK_NOWHERE 0x7fffu          /* the site of what is summed up */
#define TB_MARK_THROUGH                                                                            \
    (1u << 19) /* of a wire's: went on through the model at its end, at the wire's own latency */
#define TB_MARKS_IN_FULL                                                                           \
    (TB_MARKS - TB_PARTS - 1) /* so that a slot that is full does not end where the next begins */

_Static_assert(TB_PARTS <= 16, "a part has four bits of a code");

struct tb_marks {
    uint64_t *base;  /* TB_MARKS for each slot; aligned to so many, so that a place tells how many
                        are taken */
    uint64_t **next; /* of each slot: where its next mark goes */
};

static inline uint32_t tb_mark_code(uint32_t site, enum tb_part part)
{
    return site << 4 | part;
}

static inline void tb_marks_clear(struct tb_marks *k, uint32_t txn)
{
    k->next[txn] = k->base + (size_t)txn * TB_MARKS;
}

/* marks.c: marks that are too long or find no room. */
void tb_mark_slowly(struct tb_marks *k, uint32_t txn, uint32_t code, tb_time spent)
    __attribute__((noinline, cold));
void tb_mark_wire_slowly(struct tb_marks *k, uint32_t txn, uint32_t site, tb_time waited,
                         tb_time spent) __attribute__((noinline, cold));

static inline uint64_t *tb_marks_limit(const struct tb_marks *k, uint32_t txn)
{
    return k->base + (size_t)txn * TB_MARKS + TB_MARKS_IN_FULL;
}

/* Is there no room for two marks at this place of a slot's? */
static inline bool tb_marks_are_full(const uint64_t *at)
{
    return (uintptr_t)at % (TB_MARKS * sizeof *at) >= (TB_MARKS_IN_FULL - 1) * sizeof *at;
}

static inline void tb_mark(struct tb_marks *k, uint32_t txn, uint32_t code, tb_time spent)
{
    uint64_t *at = k->next[txn];
    if (__builtin_expect(tb_marks_are_full(at) | (spent >= TB_MARK_LONGEST), 0)) {
        tb_mark_slowly(k, txn, code, spent);
        return;
    }
    *at = spent << TB_MARK_SHIFT | code;
    k->next[txn] = at + 1;
}

/* The two marks of a wire: waiting for it, being on it. */
static inline void tb_mark_wire(struct tb_marks *k, uint32_t txn, uint32_t site, tb_time waited,
                                tb_time spent)
{
    uint64_t *at = k->next[txn];
    uint32_t code = tb_mark_code(site, TB_PART_WIRE);
    if (__builtin_expect(tb_marks_are_full(at) | ((waited | spent) >= TB_MARK_LONGEST), 0)) {
        tb_mark_wire_slowly(k, txn, site, waited, spent);
        return;
    }
    k->next[txn] = at + 2;
    at[0] = waited << TB_MARK_SHIFT | tb_mark_code(site, TB_PART_QUEUE);
    at[1] = spent << TB_MARK_SHIFT | code;
}

/* After a wire's: the message goes on through the model at its end, which takes `spent`, as the
 * wire says. */
static inline void tb_mark_through(struct tb_marks *k, uint32_t txn, uint32_t site,
                                   enum tb_part part, tb_time spent)
{
    uint64_t *last = k->next[txn] - 1;
    if (__builtin_expect((*last & (TB_MARK_CODES - 1)) == tb_mark_code(site, TB_PART_WIRE), 1))
        *last |= TB_MARK_THROUGH;
    else
        tb_mark_slowly(k, txn, tb_mark_code(TB_MARK_NOWHERE, part), spent);
}

#endif
