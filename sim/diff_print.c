/* What a comparison of logs says, to a person and to a machine; see diff.h. */
#include "diff.h"

#include <inttypes.h>
#include <string.h>

#define CONTEXT 3 /* lines shown before the first divergence */

struct paper {
    FILE *to;
    bool colour;
};

static void say(const struct paper *p, const char *colour, const char *sign, const char *text,
                size_t length)
{
    fprintf(p->to, "%s%s%.*s%s\n", p->colour ? colour : "", sign, (int)length, text,
            p->colour && *colour ? "\033[0m" : "");
}

static void say_entry(const struct paper *p, const char *colour, const char *sign,
                      const struct tb_log_file *f, const struct tb_log_entry *e)
{
    say(p, colour, sign, f->text + e->offset, e->length);
}

/* -- The first divergence --------------------------------------------------------------------- */

static bool same_context(const struct tb_diff *d, uint32_t lines)
{
    const struct tb_log_entry *a = d->golden->runs[d->first.run].entries + d->first.golden_at;
    const struct tb_log_entry *b = d->new->runs[d->first.run].entries + d->first.new_at;
    for (uint32_t i = 1; i <= lines; i++)
        if (a[-(int)i].length != b[-(int)i].length ||
            memcmp(d->golden->text + a[-(int)i].offset, d->new->text + b[-(int)i].offset,
                   a[-(int)i].length) != 0)
            return false;
    return true;
}

static uint32_t at_most(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void print_before(const struct paper *p, const struct tb_log_file *f, size_t run,
                         uint32_t at, const char *sign)
{
    for (uint32_t i = at_most(at, CONTEXT); i > 0; i--)
        say_entry(p, "", sign, f, &f->runs[run].entries[at - i]);
}

static void print_context(const struct paper *p, const struct tb_diff *d)
{
    uint32_t golden = at_most(d->first.golden_at, CONTEXT), new = at_most(d->first.new_at, CONTEXT);
    if (golden == new &&same_context(d, golden)) {
        print_before(p, d->golden, d->first.run, d->first.golden_at, "    ");
        return;
    }
    print_before(p, d->golden, d->first.run, d->first.golden_at, "  < ");
    print_before(p, d->new, d->first.run, d->first.new_at, "  > ");
}

static void print_move(const struct paper *p, tb_time a, tb_time b)
{
    char text[64], *at = text;
    *at++ = b >= a ? '+' : '-';
    at = tb_put_time(at, b >= a ? b - a : a - b);
    *at = '\0';
    fprintf(p->to, "   (%s ns", text);
    if (a)
        fprintf(p->to, ", %+.2f%%", ((double)b - (double)a) * 100.0 / (double)a);
    fprintf(p->to, ")");
}

static void print_keys(const struct paper *p, const struct tb_diff *d, const struct tb_line *golden,
                       const struct tb_line *new)
{
    for (unsigned k = 0; k < golden->keys; k++) {
        if (!tb_diff_key(d->options, golden, new, k))
            continue;
        tb_time a, b;
        fprintf(p->to, "      %-8s %.*s -> %.*s", golden->kind->keys[k].name,
                (int)golden->value[k].length, golden->text + golden->value[k].at,
                (int)new->value[k].length, new->text + new->value[k].at);
        if (golden->kind->keys[k].ingredient == TB_TIMES && tb_line_time(golden, k, &a) &&
            tb_line_time(new, k, &b))
            print_move(p, a, b);
        fprintf(p->to, "\n");
    }
}

static void print_place(const struct paper *p, const struct tb_log_file *f,
                        const struct tb_log_entry *e)
{
    if (e && e->line)
        fprintf(p->to, " %s:%u", f->name, e->line);
    else
        fprintf(p->to, " %s", f->name);
}

static const char *const divergence_words[] = {
    [TB_SAME] = "",
    [TB_KEYS_DIFFER] = "the same transaction, with other values",
    [TB_MISSING] = "a transaction of the golden log that is not in the new one",
    [TB_EXTRA] = "a transaction that is not in the golden log",
    [TB_REORDERED] = "another place in the order",
};

static const struct tb_log_entry *entry_of(const struct tb_log_file *f, size_t run, uint32_t entry)
{
    return entry == TB_NO_ENTRY ? NULL : &f->runs[run].entries[entry];
}

static void print_first(const struct paper *p, const struct tb_diff *d)
{
    const struct tb_first *f = &d->first;
    const struct tb_log_entry *golden = entry_of(d->golden, f->run, f->golden);
    const struct tb_log_entry *new = entry_of(d->new, f->run, f->new);
    fprintf(p->to, "first difference:");
    print_place(p, d->golden, golden);
    fprintf(p->to, " and");
    print_place(p, d->new, new);
    if (d->golden->count > 1)
        fprintf(p->to, ", run %zu", f->run + 1);
    fprintf(p->to, ": %s\n", divergence_words[f->what]);
    print_context(p, d);
    if (golden)
        say_entry(p, "\033[31m", "  - ", d->golden, golden);
    if (new)
        say_entry(p, "\033[32m", "  + ", d->new, new);
    if (f->what == TB_KEYS_DIFFER) {
        struct tb_line a, b;
        tb_log_file_line(d->golden, golden, &a);
        tb_log_file_line(d->new, new, &b);
        print_keys(p, d, &a, &b);
    }
    fprintf(p->to, "\n");
}

/* -- What moved ---------------------------------------------------------------------------------
 */

static uint64_t of_key(const struct tb_diff *d, unsigned ingredient, const char *name)
{
    uint64_t count = 0;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        int key = tb_line_key(&tb_line_kinds[k], name);
        if (key >= 0 && tb_line_kinds[k].keys[key].ingredient == ingredient)
            count += d->by_key[k][key];
    }
    return count;
}

/* Whether a kind before this one has a key of that name: it was told there. */
static bool told_before(unsigned kind, const char *name)
{
    for (unsigned k = 0; k < kind; k++)
        if (tb_line_key(&tb_line_kinds[k], name) >= 0)
            return true;
    return false;
}

static void print_moved_keys(const struct paper *p, const struct tb_diff *d, unsigned ingredient)
{
    const char *comma = "";
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (const struct tb_key *key = tb_line_kinds[k].keys; key->name; key++) {
            if (key->ingredient != ingredient || told_before(k, key->name))
                continue;
            uint64_t count = of_key(d, ingredient, key->name);
            if (count == 0)
                continue;
            fprintf(p->to, "%s%s %" PRIu64, *comma ? comma : "   ", key->name, count);
            comma = ", ";
        }
}

static void print_mean(const struct paper *p, const struct tb_diff *d)
{
    char a[40] = "", b[40] = "";
    tb_time was = (tb_time)(d->golden_lat / d->differing);
    tb_time is = (tb_time)(d->new_lat / d->differing);
    *tb_put_time(a, was) = '\0';
    *tb_put_time(b, is) = '\0';
    fprintf(p->to, "  latency of these, mean: %s -> %s ns", a, b);
    print_move(p, was, is);
    fprintf(p->to, "\n");
}

static void print_moved(const struct paper *p, const struct tb_diff *d)
{
    fprintf(p->to, "what moved (transactions):\n");
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        fprintf(p->to, "  %-10s %" PRIu64, tb_ingredient_names[i], d->moved[i]);
        print_moved_keys(p, d, i);
        fprintf(p->to, "\n");
    }
    fprintf(p->to, "  %-10s %" PRIu64 "\n  %-10s %" PRIu64 "\n", "missing", d->missing, "extra",
            d->extra);
    if (d->differing)
        print_mean(p, d);
    tb_causes_print(d, p->to);
}

static void print_blocks(const struct paper *p, const struct tb_diff *d, size_t run)
{
    size_t a = d->golden->runs[run].print.block_count, b = d->new->runs[run].print.block_count;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        const struct tb_moved_blocks *m = &d->blocks[run * TB_INGREDIENTS + i];
        if (!m->differs) {
            fprintf(p->to, "  %-10s equal\n", tb_ingredient_names[i]);
            continue;
        }
        fprintf(p->to,
                "  %-10s begins to differ in block %zu (lines %zu to %zu); %zu of %zu blocks\n",
                tb_ingredient_names[i], m->first, m->first * TB_BLOCK_LINES + 1,
                (m->first + 1) * TB_BLOCK_LINES, m->count, a > b ? a : b);
    }
    if (d->blocks[run * TB_INGREDIENTS + TB_ORDER].differs)
        fprintf(p->to, "  (from where the order differs, the other hashes differ with it)\n");
}

static void print_counts(const struct paper *p, const struct tb_diff *d, size_t run)
{
    const struct tb_fingerprint *a = &d->golden->runs[run].print, *b = &d->new->runs[run].print;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned s = 0; s < TB_LOG_STATUSES; s++)
            if (a->counts[k][s] != b->counts[k][s])
                fprintf(p->to, "  %s %s: %" PRIu64 " -> %" PRIu64 " lines\n", tb_line_kinds[k].name,
                        tb_status_names[s], a->counts[k][s], b->counts[k][s]);
}

static void print_prints(const struct paper *p, const struct tb_diff *d)
{
    for (size_t i = 0; i < d->golden->count && i < d->new->count; i++) {
        if (d->golden->count > 1)
            fprintf(p->to, "run %zu, what moved (hashes):\n", i + 1);
        else
            fprintf(p->to, "what moved (hashes):\n");
        print_blocks(p, d, i);
        print_counts(p, d, i);
    }
}

/* -- Headers -------------------------------------------------------------------------------------
 */

static void note(const struct paper *p, size_t run, const char *what, const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        fprintf(p->to, "note: run %zu: %s %s -> %s\n", run + 1, what, a, b);
}

static void print_notes(const struct paper *p, const struct tb_diff *d)
{
    for (size_t i = 0; i < d->golden->count && i < d->new->count; i++) {
        const struct tb_log_header *a = &d->golden->runs[i].header, *b = &d->new->runs[i].header;
        char x[24] = "", y[24] = "";
        *tb_put_decimal(x, a->seed) = '\0';
        *tb_put_decimal(y, b->seed) = '\0';
        if (!d->options->scenario)
            note(p, i, "scenario", a->scenario, b->scenario);
        if (d->options->notes_off)
            continue;
        note(p, i, "platform", a->platform, b->platform);
        note(p, i, "resolved values, hash", a->resolved, b->resolved);
        note(p, i, "seed", x, y);
        note(p, i, "only", a->only ? a->only : "(everything)", b->only ? b->only : "(everything)");
    }
    if (d->golden->count != d->new->count)
        fprintf(p->to, "note: %zu runs -> %zu runs\n", d->golden->count, d->new->count);
}

static void print_verdict(const struct paper *p, const struct tb_diff *d)
{
    char text[400], only[120];
    int length;
    if (!tb_diff_any(d))
        length = snprintf(text, sizeof text, "equal: %" PRIu64 " transactions", d->transactions);
    else if (d->by_fingerprint)
        length =
            snprintf(text, sizeof text, "different: golden %" PRIu64 " transactions, new %" PRIu64,
                     d->transactions, d->new_transactions);
    else
        length = snprintf(text, sizeof text,
                          "different: %s%" PRIu64 " of %" PRIu64 " transactions changed, %" PRIu64
                          " out of order, %" PRIu64 " missing, %" PRIu64 " extra",
                          tb_diff_only(d, only), d->differing, d->transactions, d->moved[TB_ORDER],
                          d->missing, d->extra);
    say(p, tb_diff_any(d) ? "\033[31m" : "\033[32m", "", text, (size_t)length);
}

void tb_diff_print(const struct tb_diff *d, FILE *to, bool colour)
{
    const struct paper p = {to, colour};
    print_notes(&p, d);
    if (d->first.what != TB_SAME)
        print_first(&p, d);
    if (tb_diff_any(d) && d->by_fingerprint)
        print_prints(&p, d);
    else if (tb_diff_any(d))
        print_moved(&p, d);
    print_verdict(&p, d);
}

/* -- For machines ---------------------------------------------------------------------------------
 */

static json_t *first_json(const struct tb_diff *d)
{
    const struct tb_log_entry *a = entry_of(d->golden, d->first.run, d->first.golden);
    const struct tb_log_entry *b = entry_of(d->new, d->first.run, d->first.new);
    json_t *o = json_object();
    json_object_set_new(o, "what", json_string(divergence_words[d->first.what]));
    json_object_set_new(o, "run", json_integer((json_int_t)d->first.run + 1));
    if (a) {
        json_object_set_new(o, "golden", json_stringn(d->golden->text + a->offset, a->length));
        json_object_set_new(o, "golden_line", json_integer(a->line));
    }
    if (b) {
        json_object_set_new(o, "new", json_stringn(d->new->text + b->offset, b->length));
        json_object_set_new(o, "new_line", json_integer(b->line));
    }
    return o;
}

static json_t *blocks_json(const struct tb_diff *d)
{
    json_t *runs = json_array();
    for (size_t r = 0; r < d->golden->count && r < d->new->count; r++) {
        json_t *o = json_object();
        for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
            const struct tb_moved_blocks *m = &d->blocks[r * TB_INGREDIENTS + i];
            json_object_set_new(o, tb_ingredient_names[i],
                                m->differs ? json_pack("{s:I,s:I}", "first", (json_int_t)m->first,
                                                       "count", (json_int_t)m->count)
                                           : json_null());
        }
        json_array_append_new(runs, o);
    }
    return runs;
}

json_t *tb_diff_json(const struct tb_diff *d)
{
    json_t *o = json_object(), *moved = json_object();
    json_object_set_new(o, "equal", json_boolean(!tb_diff_any(d)));
    json_object_set_new(o, "fingerprints", json_boolean(d->by_fingerprint));
    json_object_set_new(o, "transactions", json_integer((json_int_t)d->transactions));
    json_object_set_new(o, "new_transactions", json_integer((json_int_t)d->new_transactions));
    json_object_set_new(o, "differing", json_integer((json_int_t)d->differing));
    json_object_set_new(o, "missing", json_integer((json_int_t)d->missing));
    json_object_set_new(o, "extra", json_integer((json_int_t)d->extra));
    for (unsigned i = 0; i < TB_INGREDIENTS && !d->by_fingerprint; i++)
        json_object_set_new(moved, tb_ingredient_names[i], json_integer((json_int_t)d->moved[i]));
    json_object_set_new(o, "moved", d->by_fingerprint ? blocks_json(d) : moved);
    if (d->by_fingerprint)
        json_decref(moved);
    if (d->first.what != TB_SAME)
        json_object_set_new(o, "first", first_json(d));
    if (!d->by_fingerprint)
        json_object_set_new(o, "times", tb_causes_json(d));
    return o;
}
