/* Marks that are no plain case; see marks.h. */
#include "marks.h"

static void sum_up(struct tb_marks *k, uint32_t txn, enum tb_part part, tb_time spent)
{
    uint64_t *rest = tb_marks_limit(k, txn);
    if (k->next[txn] == rest) {
        for (unsigned p = 0; p < TB_PARTS; p++)
            rest[p] = tb_mark_code(TB_MARK_NOWHERE, p);
        k->next[txn] = rest + TB_PARTS;
    }
    tb_time sum = (rest[part] >> TB_MARK_SHIFT) + spent;
    if (sum >= TB_MARK_LONGEST || sum < spent)
        sum = TB_MARK_LONGEST - 1; /* the record tells the latency as well, then */
    rest[part] = sum << TB_MARK_SHIFT | tb_mark_code(TB_MARK_NOWHERE, part);
}

void tb_mark_slowly(struct tb_marks *k, uint32_t txn, uint32_t code, tb_time spent)
{
    while (k->next[txn] < tb_marks_limit(k, txn)) {
        tb_time piece = spent < TB_MARK_LONGEST ? spent : TB_MARK_LONGEST - 1;
        *k->next[txn]++ = piece << TB_MARK_SHIFT | code;
        spent -= piece;
        if (spent == 0)
            return;
    }
    sum_up(k, txn, code & 15, spent);
}

void tb_mark_wire_slowly(struct tb_marks *k, uint32_t txn, uint32_t site, tb_time waited,
                         tb_time spent)
{
    tb_mark_slowly(k, txn, tb_mark_code(site, TB_PART_QUEUE), waited);
    tb_mark_slowly(k, txn, tb_mark_code(site, TB_PART_WIRE), spent);
}
