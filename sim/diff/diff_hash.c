/* Comparing fingerprints of logs; see diff.h. */
#include "diff/diff.h"

#include <stdlib.h>
#include <string.h>

static struct tb_moved_blocks compare_hashes(const struct tb_fingerprint *a,
                                             const struct tb_fingerprint *b, unsigned i)
{
    struct tb_moved_blocks moved = {0, 0, memcmp(a->all[i], b->all[i], sizeof a->all[i]) != 0};
    size_t longest = a->block_count > b->block_count ? a->block_count : b->block_count;
    for (size_t n = 0; n < longest; n++) {
        if (n < a->block_count && n < b->block_count &&
            memcmp(a->blocks[n].hash[i], b->blocks[n].hash[i], TB_BLOCK_HASH) == 0)
            continue;
        if (moved.count++ == 0)
            moved.first = n;
    }
    return moved;
}

/* What hashes cannot answer is refused. */
static bool can_tell(const struct tb_diff *d, size_t run, struct tb_diag *diag)
{
    const struct tb_diff_options *o = d->options;
    const struct tb_moved_blocks *moved = &d->blocks[run * TB_INGREDIENTS];
    size_t before = tb_diag_count(diag);
    struct tb_place place = {.file = d->golden->fingerprint ? d->golden->name : d->new->name};
    if (moved[TB_TIMES].differs && !tb_diff_ignored(o, TB_TIMES, true) && o->tolerant)
        tb_diag_at(diag, place,
                   "a golden of fingerprints cannot serve a time tolerance: its times "
                   "are a hash, and that differs (--ignore times compares the rest)");
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        if (!moved[i].differs || tb_diff_ignored(o, i, true))
            continue;
        if (tb_diff_ignored(o, i, false))
            tb_diag_at(diag, place,
                       "a golden of fingerprints cannot ignore a single key: the hash of %s "
                       "differs (--ignore %s leaves out all of them)",
                       tb_ingredient_names[i], tb_ingredient_names[i]);
        else if (o->order && moved[TB_ORDER].differs)
            tb_diag_at(diag, place,
                       "a golden of fingerprints cannot ignore the order: its hashes "
                       "run over the lines in their order");
        else
            continue;
        break;
    }
    return tb_diag_count(diag) == before;
}

/* -- Lines in clear ----------------------------------------------------------------------------
 */

/* The next of the lines in clear of a fingerprint. */
static bool next_clear(const struct tb_fingerprint *p, size_t *at, const char **text,
                       size_t *length)
{
    if (*at >= p->clear_size)
        return false;
    *text = p->clear + *at;
    *length = (size_t)((char *)memchr(*text, '\n', p->clear_size - *at) - *text);
    *at += *length + 1;
    return true;
}

static bool is_same(const struct tb_line *a, const struct tb_line *b, unsigned key)
{
    return a->value[key].length == b->value[key].length &&
           memcmp(a->text + a->value[key].at, b->text + b->value[key].at, a->value[key].length) ==
               0;
}

/* What of two lines at one place differs. */
static enum tb_divergence compare_lines(const struct tb_diff *d, const char *a, size_t a_length,
                                        const char *b, size_t b_length)
{
    struct tb_line golden, new;
    size_t column;
    char why[200];
    if (a_length == b_length && memcmp(a, b, a_length) == 0)
        return TB_SAME;
    if (tb_line_read(a, a_length, &golden, &column, why) ||
        tb_line_read(b, b_length, &new, &column, why))
        return TB_SAME; /* they were read before */
    if (golden.kind != new.kind || !is_same(&golden, &new, TB_KEY_TXN) ||
        !is_same(&golden, &new, TB_KEY_BY))
        return TB_REORDERED;
    return tb_diff_keys(d->options, &golden, &new) ? TB_KEYS_DIFFER : TB_SAME;
}

/* The lines in clear tell more than hashes, if it is there that they differ. */
static void compare_clear(struct tb_diff *d, size_t number)
{
    const struct tb_fingerprint *golden = &d->golden->runs[number].print,
                                *new = &d->new->runs[number].print;
    size_t x = 0, y = 0, a_length, b_length;
    const char *a, *b;
    for (uint64_t place = 0;
         next_clear(golden, &x, &a, &a_length) && next_clear(new, &y, &b, &b_length); place++) {
        enum tb_divergence what = compare_lines(d, a, a_length, b, b_length);
        if (what == TB_SAME)
            continue;
        d->clear = (struct tb_first){.what = what, .run = number, .place = place};
        d->clear.golden = (struct tb_kept){.text = strndup(a, a_length), .length = a_length};
        d->clear.new = (struct tb_kept){.text = strndup(b, b_length), .length = b_length};
        if (d->clear.golden.text && d->clear.new.text)
            d->first = &d->clear;
        return;
    }
}

static enum tb_exit compare_print(struct tb_diff *d, size_t number, struct tb_diag *diag)
{
    const struct tb_fingerprint *a = &d->golden->runs[number].print;
    const struct tb_fingerprint *b = &d->new->runs[number].print;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        d->blocks[number * TB_INGREDIENTS + i] = compare_hashes(a, b, i);
    if (!can_tell(d, number, diag))
        return TB_EXIT_INPUT;
    bool any = false;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        struct tb_moved_blocks *moved = &d->blocks[number * TB_INGREDIENTS + i];
        if (tb_diff_ignored(d->options, i, true))
            *moved = (struct tb_moved_blocks){0};
        d->moved[i] += moved->differs ? moved->count + !moved->count : 0;
        any |= moved->differs;
    }
    if (any && d->clear.what == TB_SAME)
        compare_clear(d, number);
    return TB_EXIT_OK;
}

enum tb_exit tb_diff_hashes(struct tb_diff *d, struct tb_diag *diag)
{
    size_t runs = d->golden->count < d->new->count ? d->golden->count : d->new->count;
    d->blocks = calloc((runs + 1) * TB_INGREDIENTS, sizeof *d->blocks);
    if (!d->blocks) {
        tb_diag_host(diag, "no memory to compare %s", d->new->name);
        return TB_EXIT_HOST;
    }
    for (size_t i = 0; i < d->golden->count; i++)
        d->transactions += d->golden->runs[i].print.lines;
    for (size_t i = 0; i < d->new->count; i++)
        d->new_transactions += d->new->runs[i].print.lines;
    for (size_t i = 0; i < runs; i++) {
        enum tb_exit status = compare_print(d, i, diag);
        if (status != TB_EXIT_OK)
            return status;
    }
    return TB_EXIT_OK;
}
