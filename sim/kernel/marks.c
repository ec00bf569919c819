/* Marks that are no plain case; see marks.h. */
#include "kernel/marks.h"

/* Two words for each part: 2^32 ps and the rest. One word before them may be taken. */
static void sum_up(struct tb_txn *t, enum tb_part part, tb_time spent)
{
    uint64_t *rest = tb_marks_of(t) + TB_MARKS_FULL + 1;
    if (t->mark <= rest) {
        if (t->mark < rest)
            *t->mark = tb_mark_code(TB_MARK_NOWHERE, TB_PART_QUEUE);
        for (unsigned p = 0; p < TB_PARTS; p++) {
            rest[2 * p] = tb_mark_code(TB_MARK_NOWHERE, p) | TB_MARK_LONG;
            rest[2 * p + 1] = tb_mark_code(TB_MARK_NOWHERE, p);
        }
        t->mark = rest + 2 * TB_PARTS;
    }
    rest += 2 * part;
    spent += rest[1] >> 32;
    rest[0] += spent >> 32 << 32;
    rest[1] = spent << 32 | (uint32_t)rest[1];
}

void tb_mark_slowly(struct tb_txn *t, uint32_t code, tb_time spent)
{
    if (tb_marks_are_full(t->mark)) {
        sum_up(t, code & 15, spent);
        return;
    }
    if (spent > UINT32_MAX)
        *t->mark++ = spent >> 32 << 32 | code | TB_MARK_LONG;
    *t->mark++ = spent << 32 | code;
}

void tb_mark_wire(struct tb_txn *t, uint32_t site, bool back, tb_time waited, tb_time spent)
{
    uint32_t direction = back ? TB_MARK_BACK : 0;
    tb_mark(t, tb_mark_code(site, TB_PART_QUEUE) | direction, waited);
    tb_mark(t, tb_mark_code(site, TB_PART_WIRE) | direction, spent);
}

/* As of a wire that is not simple. */
void tb_mark_hop_slowly(struct tb_txn *t, uint32_t code, const struct tb_hop *hop)
{
    tb_mark_wire(t, tb_mark_site(code), code & TB_MARK_HOP_BACK, hop->waited, hop->spent);
    if (code & TB_MARK_HOP_THROUGH)
        tb_mark_through(t, tb_mark_site(code), hop->through_part, hop->through);
}

void tb_mark_through(struct tb_txn *t, uint32_t site, enum tb_part part, tb_time spent)
{
    uint64_t none = tb_mark_code(TB_MARK_NOWHERE, part);
    uint64_t *last = t->mark == tb_marks_of(t) ? &none : t->mark - 1;
    if (tb_mark_site(*last) == site && tb_mark_is_hop(*last))
        *last |= TB_MARK_HOP_THROUGH;
    else if (tb_mark_site(*last) == site && (*last & 15) == TB_PART_WIRE)
        *last |= TB_MARK_THROUGH;
    else
        tb_mark_slowly(t, (uint32_t)none, spent);
}

void tb_txn_mark_slowly(struct tb_model *m, uint32_t txn, uint32_t what, tb_time spent)
{
    tb_mark_slowly(&m->txns[txn], m->site | what, spent);
}
