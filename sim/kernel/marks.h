/* Marks: where each open transaction spent its time so far, in order; what the trace is made of.
 *
 * A mark is one word: picoseconds above a code of 32 bits that says where (site) and as what (part,
 * detail). Every slot has room for TB_MARKS_FULL of them, and one. What comes when these are taken
 * is summed up behind them, two words per part, at no site: so the marks add up to the latency
 * whatever a transaction lived through.
 *
 * A message's hop over a simple wire is one mark: the time is what it waited for the wire, the code
 * has the bytes of its payload, from which follows how long it was on the wire (kernel.h,
 * kernel_wire_time), and whether it went on through the model at its end. So a hop costs one word
 * to note, and the writer compares it with its predecessor's at once.
 *
 * Sites: the wires (0 is the first link's from -> to, 1 back, and so on), then the models, in
 * document order.
 */
#ifndef TB_MARKS_H
#define TB_MARKS_H

#include "tollbridge/model.h"

#define TB_MARK_SITE    4u      /* where in a code: part 0..3, site 4..18, then flags; */
#define TB_MARK_NOWHERE 0x7fffu /* the site of what is summed up */
#define TB_MARK_THROUGH                                                                            \
    (1u << 19) /* of a wire's: went on through the model at its end, at the wire's own latency */
#define TB_MARK_HOP   (1u << 20)             /* in files only: a hop in one mark */
#define TB_MARK_LONG  (1u << 21)             /* the time counts 2^32 ps; the rest of it follows */
#define TB_MARK_BACK  (1u << TB_MARK_DETAIL) /* the detail BACK */
#define TB_MARK_CODES (1u << 28)

/* In memory a hop's code is another: payload 0..12, site 13..27, then: */
#define TB_MARK_HOP_SITE    13u
#define TB_MARK_HOP_BACK    (1u << 28) /* as a completion */
#define TB_MARK_HOP_THROUGH (1u << 29)
#define TB_MARK_IS_HOP      (1u << 31)
#define TB_MARK_NOT_SIMPLE  ((uint64_t)1 << 32) /* of a lane's code: this takes two marks */

#define TB_MARKS_MOST (TB_MARKS_FULL + 1 + 2 * TB_PARTS) /* that a slot can have */

_Static_assert(TB_MARKS_MOST < TB_MARKS, "a slot that is full does not end where the next begins");
_Static_assert(TB_PARTS <= 16, "a part has four bits of a code");
_Static_assert(TB_DETAILS <= 64, "a detail has six bits of a code, and one of tb_txn.details");

static inline uint32_t tb_mark_code(uint32_t site, enum tb_part part)
{
    return site << TB_MARK_SITE | part;
}

static inline bool tb_mark_is_hop(uint64_t mark)
{
    return mark & TB_MARK_IS_HOP;
}

static inline uint32_t tb_mark_site(uint64_t mark)
{
    unsigned shift = tb_mark_is_hop(mark) ? TB_MARK_HOP_SITE : TB_MARK_SITE;
    return (uint32_t)mark >> shift & TB_MARK_NOWHERE;
}

/* Bytes of payload of a hop. */
static inline uint32_t tb_mark_payload(uint64_t mark)
{
    return mark & ((1u << TB_MARK_HOP_SITE) - 1);
}

/* The first of a slot's marks. */
static inline uint64_t *tb_marks_of(const struct tb_txn *t)
{
    return (uint64_t *)((uintptr_t)t->mark & ~(uintptr_t)(TB_MARK_ALIGNED - 1));
}

static inline void tb_marks_clear(struct tb_txn *t)
{
    t->mark = tb_marks_of(t);
}

/* marks.c: a mark that is too long or finds no room. */
void tb_mark_slowly(struct tb_txn *t, uint32_t code, tb_time spent) __attribute__((noinline, cold));

static inline void tb_mark(struct tb_txn *t, uint32_t code, tb_time spent)
{
    uint64_t *at = t->mark;
    if (__builtin_expect(tb_marks_are_full(at) | (spent > UINT32_MAX), 0)) {
        tb_mark_slowly(t, code, spent);
        return;
    }
    *at = spent << 32 | code;
    t->mark = at + 1;
}

/* The two marks of a wire that is not simple: waiting for it, being on it. */
void tb_mark_wire(struct tb_txn *t, uint32_t site, bool back, tb_time waited, tb_time spent);

/* A hop over a simple wire: `code` is that of its lane. `spent` and `through` are what is known of
 * it anyway, for when there is no room. */
struct tb_hop {
    tb_time waited, spent, through;
    enum tb_part through_part;
};
void tb_mark_hop_slowly(struct tb_txn *t, uint32_t code, const struct tb_hop *hop)
    __attribute__((noinline, cold));

/* After a wire's: the message goes on through the model at its end, which takes `spent`, as the
 * wire says. */
void tb_mark_through(struct tb_txn *t, uint32_t site, enum tb_part part, tb_time spent);

#endif
