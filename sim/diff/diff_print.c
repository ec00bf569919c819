/* What a comparison of logs says, to a person and to a machine; see diff.h. */
#include "diff/diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT    3 /* lines shown before a divergence */
#define COMPONENTS 8 /* models whose first divergence is shown */

/* Logs are read in step: what comes too late is taken for missing, and for extra where it comes. */
#define WINDOW_NOTE                                                                                \
    "  (of these %" PRIu64 " may only be far from their place: at most %d lines or %zu MiB wait "  \
    "for their match)\n"

const char *const tb_divergence_words[] = {
    [TB_SAME] = "",
    [TB_KEYS_DIFFER] = "the same transaction, with other values",
    [TB_MISSING] = "a transaction of the golden log that is not in the new one",
    [TB_EXTRA] = "a transaction that is not in the golden log",
    [TB_REORDERED] = "another place in the order",
};

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

static void say_text(const struct paper *p, const char *colour, const char *sign, const char *text)
{
    say(p, colour, sign, text, strlen(text));
}

/* -- Divergences ------------------------------------------------------------------------------- */

/* Of fingerprints, lines in clear. */
static size_t clear_before(const struct tb_fingerprint *print, uint64_t place, char **lines)
{
    const char *at = print->clear, *newline;
    size_t n = 0;
    for (uint64_t i = 0; i < place; i++, at = newline + 1) {
        newline = strchr(at, '\n');
        if (i + CONTEXT >= place)
            lines[n++] = strndup(at, (size_t)(newline - at));
    }
    return n;
}

static size_t lines_before(const struct tb_diff *d, const struct tb_first *f, bool new,
                           const char *by, char **lines)
{
    const struct tb_log_file *file = new ? d->new : d->golden;
    if (d->by_fingerprint)
        return clear_before(&file->runs[f->run].print, f->place, lines);
    return tb_log_file_before(file, f->run, new ? f->new.offset : f->golden.offset, by, CONTEXT,
                              lines);
}

static void print_lines(const struct paper *p, const char *sign, char **lines, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (lines[i])
            say_text(p, "", sign, lines[i]);
}

static bool same_lines(char *const *a, char *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!a[i] || !b[i] || strcmp(a[i], b[i]) != 0)
            return false;
    return true;
}

/* What came before: of all, or of one model. */
static void print_context(const struct paper *p, const struct tb_diff *d, const struct tb_first *f,
                          const char *by)
{
    char *a[CONTEXT] = {NULL}, *b[CONTEXT] = {NULL};
    size_t golden = lines_before(d, f, false, by, a), new = lines_before(d, f, true, by, b);
    if (golden == new &&same_lines(a, b, golden)) {
        print_lines(p, "    ", a, golden);
    } else {
        print_lines(p, "  < ", a, golden);
        print_lines(p, "  > ", b, new);
    }
    while (golden > 0)
        free(a[--golden]);
    while (new > 0)
        free(b[--new]);
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

static void print_key(const struct paper *p, const struct tb_line *golden,
                      const struct tb_line *new, unsigned k)
{
    tb_time a, b;
    fprintf(p->to, "      %-8s %.*s -> %.*s", golden->kind->keys[k].name,
            (int)golden->value[k].length, golden->text + golden->value[k].at,
            (int)new->value[k].length, new->text + new->value[k].at);
    if (golden->kind->keys[k].ingredient == TB_TIMES && tb_line_time(golden, k, &a) &&
        tb_line_time(new, k, &b))
        print_move(p, a, b);
    fprintf(p->to, "\n");
}

static void print_keys(const struct paper *p, const struct tb_diff *d, const struct tb_first *f)
{
    struct tb_line golden, new;
    size_t column;
    char why[200];
    if (tb_line_read(f->golden.text, f->golden.length, &golden, &column, why) ||
        tb_line_read(f->new.text, f->new.length, &new, &column, why))
        return; /* they were read before */
    for (uint32_t differ = tb_diff_keys(d->options, &golden, &new); differ; differ &= differ - 1)
        print_key(p, &golden, &new, (unsigned)__builtin_ctz(differ));
}

static void print_place(const struct paper *p, const struct tb_log_file *f,
                        const struct tb_kept *kept)
{
    if (kept->line)
        fprintf(p->to, " %s:%u", f->name, kept->line);
    else
        fprintf(p->to, " %s", f->name);
}

static void print_divergence(const struct paper *p, const struct tb_diff *d,
                             const struct tb_first *f, const char *by)
{
    print_place(p, d->golden, &f->golden);
    fprintf(p->to, " and");
    print_place(p, d->new, &f->new);
    if (d->golden->count > 1)
        fprintf(p->to, ", run %zu", f->run + 1);
    fprintf(p->to, ": %s\n", tb_divergence_words[f->what]);
    print_context(p, d, f, by);
    if (f->golden.text)
        say(p, "\033[31m", "  - ", f->golden.text, f->golden.length);
    if (f->new.text)
        say(p, "\033[32m", "  + ", f->new.text, f->new.length);
    if (f->what == TB_KEYS_DIFFER)
        print_keys(p, d, f);
    fprintf(p->to, "\n");
}

static void print_first(const struct paper *p, const struct tb_diff *d)
{
    fprintf(p->to, "first difference:");
    print_divergence(p, d, d->first, NULL);
}

/* The very first is some model's, and was told. */
static void print_components(const struct paper *p, const struct tb_diff *d)
{
    for (size_t i = 1; i < d->diverged && i < COMPONENTS; i++) {
        fprintf(p->to, "first of %s:", d->components[i].name);
        print_divergence(p, d, &d->components[i].first, d->components[i].name);
    }
    if (d->diverged > COMPONENTS)
        fprintf(p->to, "and the first of %zu models more, from %s on (--json has all)\n\n",
                d->diverged - COMPONENTS, d->components[COMPONENTS].name);
    if (d->diverged < 2)
        return;
    fprintf(p->to, "who differs (transactions):\n");
    for (size_t i = 0; i < d->diverged && i < 2 * COMPONENTS; i++) {
        const struct tb_component *c = &d->components[i];
        fprintf(p->to,
                "  %-16s %" PRIu64 " changed, %" PRIu64 " out of order, %" PRIu64
                " missing, %" PRIu64 " extra\n",
                c->name, c->changed, c->reordered, c->missing, c->extra);
    }
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
    if (d->gave_up)
        fprintf(p->to, WINDOW_NOTE, d->gave_up, TB_DIFF_WAITING, TB_DIFF_WAITING_BYTES >> 20);
    if (d->overlooked)
        fprintf(p->to, "  (%zu divergences are of models beyond the first %d)\n", d->overlooked,
                TB_DIFF_COMPONENTS);
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

/* What the hashes say that both headers have, as goldens' do. */
static void note_hashes(const struct paper *p, size_t run, const struct tb_log_claim *a,
                        const struct tb_log_claim *b)
{
    const char *between = "";
    if (!a->has_all || !b->has_all || memcmp(a->all, b->all, sizeof a->all) == 0)
        return;
    fprintf(p->to, "note: run %zu: by the hashes in the headers, only ", run + 1);
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        if (memcmp(a->all[i], b->all[i], sizeof a->all[i]) == 0)
            continue;
        fprintf(p->to, "%s%s", between, tb_ingredient_names[i]);
        between = ", ";
    }
    fprintf(p->to, " moved\n");
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
        note_hashes(p, i, &d->golden->runs[i].claim, &d->new->runs[i].claim);
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
        length = snprintf(text, sizeof text,
                          "different: %sgolden %" PRIu64 " transactions, new %" PRIu64,
                          tb_diff_only(d, only), d->transactions, d->new_transactions);
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
    if (d->first)
        print_first(&p, d);
    print_components(&p, d);
    if (tb_diff_any(d) && d->by_fingerprint)
        print_prints(&p, d);
    else if (tb_diff_any(d))
        print_moved(&p, d);
    print_verdict(&p, d);
}
