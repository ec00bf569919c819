/* The rules between commands: see banks.h. Names of timings are those of JESD79. */
#include "banks.h"

static void not_before(uint64_t *limit, uint64_t clock)
{
    if (*limit < clock)
        *limit = clock;
}

void dram_banks_make(struct dram_banks *b, const struct dram_timing *t, unsigned groups,
                     unsigned per_group, bool refresh)
{
    *b = (struct dram_banks){.t = *t,
                             .count = groups * per_group,
                             .per_group = per_group,
                             .refresh = refresh ? t->refi : UINT64_MAX};
    for (unsigned i = 0; i < b->count; i++)
        b->bank[i].row = DRAM_NO_ROW;
}

enum dram_command dram_banks_next(const struct dram_banks *b, unsigned bank, uint64_t row)
{
    if (b->bank[bank].row == row)
        return DRAM_COLUMN;
    return b->bank[bank].row == DRAM_NO_ROW ? DRAM_ACTIVATE : DRAM_PRECHARGE;
}

uint64_t dram_banks_earliest(const struct dram_banks *b, unsigned bank, enum dram_command command,
                             bool write)
{
    const struct dram_bank *k = &b->bank[bank];
    unsigned group = bank / b->per_group;
    uint64_t at = b->command;
    if (command == DRAM_COLUMN) {
        not_before(&at, k->column);
        not_before(&at, b->all_column[write]);
        not_before(&at, b->group_column[write][group]);
    } else if (command == DRAM_ACTIVATE) {
        not_before(&at, k->act);
        not_before(&at, b->all_act);
        not_before(&at, b->group_act[group]);
        not_before(&at, b->window[b->window_at]);
    } else {
        not_before(&at, k->pre);
    }
    return at;
}

void dram_banks_activate(struct dram_banks *b, unsigned bank, uint64_t row, uint64_t clock)
{
    struct dram_bank *k = &b->bank[bank];
    k->row = row;
    not_before(&k->column, clock + b->t.rcd);
    not_before(&k->pre, clock + b->t.ras);
    not_before(&k->act, clock + b->t.ras + b->t.rp); /* tRC */
    not_before(&b->all_act, clock + b->t.rrd_s);
    not_before(&b->group_act[bank / b->per_group], clock + b->t.rrd_l);
    b->window[b->window_at] = clock + b->t.faw;
    b->window_at = (b->window_at + 1) % 4;
    b->command = clock + 1;
    b->activations++;
}

static void close_row(struct dram_banks *b, struct dram_bank *k, uint64_t clock)
{
    k->row = DRAM_NO_ROW;
    not_before(&k->act, clock + b->t.rp);
    b->precharges++;
}

void dram_banks_precharge(struct dram_banks *b, unsigned bank, uint64_t clock)
{
    close_row(b, &b->bank[bank], clock);
    b->command = clock + 1;
}

/* Nothing on the data bus in between: writes begin at least two clocks after the data of a read
 * (preamble). */
static uint64_t read_to_write(const struct dram_timing *t)
{
    uint64_t end = t->cl + t->bl / 2 + 2;
    uint64_t distance = end > t->cwl ? end - t->cwl : 0;
    return distance > t->ccd_s ? distance : t->ccd_s;
}

uint64_t dram_banks_column(struct dram_banks *b, unsigned bank, bool write, bool last,
                           uint64_t clock)
{
    const struct dram_timing *t = &b->t;
    struct dram_bank *k = &b->bank[bank];
    unsigned group = bank / b->per_group;
    uint64_t end = clock + (write ? t->cwl : t->cl) + t->bl / 2;
    not_before(&b->all_column[write], clock + t->ccd_s);
    not_before(&b->group_column[write][group], clock + t->ccd_l);
    if (write) {
        not_before(&b->all_column[0], end + t->wtr_s);
        not_before(&b->group_column[0][group], end + t->wtr_l);
        not_before(&k->pre, end + t->wr);
    } else {
        not_before(&b->all_column[1], clock + read_to_write(t));
        not_before(&b->group_column[1][group], clock + t->ccd_l);
        not_before(&k->pre, clock + t->rtp);
    }
    if (last)
        close_row(b, k, k->pre);
    b->command = clock + 1;
    return end;
}

/* One refresh, as soon as it may come after it is due. */
static void refresh(struct dram_banks *b)
{
    uint64_t clock = b->refresh > b->command ? b->refresh : b->command;
    for (unsigned i = 0; i < b->count; i++)
        if (b->bank[i].row != DRAM_NO_ROW)
            not_before(&clock, b->bank[i].pre);
    uint64_t precharge = clock;
    for (unsigned i = 0; i < b->count; i++)
        if (b->bank[i].row != DRAM_NO_ROW)
            close_row(b, &b->bank[i], precharge);
    for (unsigned i = 0; i < b->count; i++)
        not_before(&clock, b->bank[i].act);
    for (unsigned i = 0; i < b->count; i++)
        b->bank[i].act = clock + b->t.rfc;
    b->command = clock + 1;
    b->refresh += b->t.refi;
    b->refreshes++;
}

void dram_banks_refresh(struct dram_banks *b, uint64_t clock)
{
    if (b->refresh > clock)
        return;
    /* While there is work, none is left behind; so of many, all but the last found the banks closed
     * and idle, or are followed by one that will. */
    uint64_t skip = (clock - b->refresh) / b->t.refi;
    if (skip > 1) {
        refresh(b);
        b->refresh += (skip - 1) * b->t.refi;
        b->refreshes += skip - 1;
    }
    while (b->refresh <= clock)
        refresh(b);
}
