/* Where times moved, and which transactions are a cause and which only followed; see diff.h. */
#include "diff.h"

#include "report_draw.h"
#include "summary.h"

#include <inttypes.h>
#include <string.h>

void tb_causes_begin(struct tb_causes *c)
{
    *c = (struct tb_causes){.golden = TB_NO_ENTRY, .new = TB_NO_ENTRY};
}

/* Time spent waiting for others: when it moves, somebody else is to blame. */
static bool is_waiting(unsigned part)
{
    return part == TB_PART_QUEUE || part == TB_PART_WALK || part == TB_PART_ATS;
}

static void add_part(struct tb_moved_part *m, tb_time golden, tb_time new)
{
    m->count++;
    if (new > golden)
        m->more += new - golden;
    else
        m->less += golden - new;
}

/* Parts come after one another in every kind's lines. Sets what moved; true if a part did that is
 * the transaction's own. */
static bool add_parts(struct tb_causes *c, const struct tb_diff *d, const struct tb_line *golden,
                      const struct tb_line *new, bool *waited)
{
    unsigned kind = (unsigned)(golden->kind - tb_line_kinds);
    int first = tb_line_key(golden->kind, tb_part_names[0]);
    bool own = false;
    for (unsigned p = 0; p < TB_PARTS && first >= 0; p++) {
        tb_time a, b;
        unsigned key = (unsigned)first + p;
        if (!tb_diff_key(d->options, golden, new, key))
            continue;
        if (tb_line_time(golden, key, &a) && tb_line_time(new, key, &b))
            add_part(&c->parts[kind][p], a, b);
        /* Within a disk's command lie the DMAs that it is made of. */
        bool others = is_waiting(p) || kind == TB_TXN_DISK;
        own |= !others;
        *waited |= others;
    }
    return own;
}

static bool does_something_else(const struct tb_diff *d, const struct tb_line *golden,
                                const struct tb_line *new)
{
    for (unsigned k = 0; k < golden->keys; k++)
        if (golden->kind->keys[k].ingredient != TB_TIMES && tb_diff_key(d->options, golden, new, k))
            return true;
    return false;
}

void tb_causes_add(struct tb_diff *d, const struct tb_line *golden, const struct tb_line *new,
                   size_t run, uint32_t golden_entry, uint32_t new_entry)
{
    struct tb_causes *c = &d->causes;
    bool waited = false, own = add_parts(c, d, golden, new, &waited);
    own |= does_something_else(d, golden, new);
    c->count[own ? TB_WHY_OWN : waited ? TB_WHY_WAITED : TB_WHY_SHIFTED]++;
    if (!own || c->golden != TB_NO_ENTRY)
        return;
    c->run = run;
    c->golden = golden_entry;
    c->new = new_entry;
}

/* -- For a person
 * ------------------------------------------------------------------------------------------ */

static void print_part(FILE *to, const struct tb_moved_part *m, const char *name)
{
    bool more = m->more >= m->less;
    unsigned __int128 by = more ? m->more - m->less : m->less - m->more;
    char each[40] = "", sum[40] = "";
    *tb_put_time(each, (tb_time)(by / m->count)) = '\0';
    *tb_put_time(sum, (tb_time)by) = '\0';
    fprintf(to, "    %-8s %s%s ns in the mean of %" PRIu64 " (%s%s ns in all%s)\n", name,
            more ? "+" : "-", each, m->count, more ? "+" : "-", sum,
            m->more && m->less ? ", some more, some less" : "");
}

static bool any_part(const struct tb_moved_part *m)
{
    for (unsigned p = 0; p < TB_PARTS; p++)
        if (m[p].count)
            return true;
    return false;
}

static void print_cause(const struct tb_diff *d, FILE *to)
{
    static const char *const why[TB_WHYS] = {"changed by themselves",
                                             "only waited longer or shorter for others",
                                             "only came earlier or later"};
    const struct tb_causes *c = &d->causes;
    fprintf(to, "cause and effect (transactions):\n");
    for (unsigned k = 0; k < TB_WHYS; k++)
        if (c->count[k])
            fprintf(to, "  %10" PRIu64 " %s\n", c->count[k], why[k]);
    if (c->golden == TB_NO_ENTRY)
        return;
    const struct tb_log_entry *e = &d->golden->runs[c->run].entries[c->golden];
    fprintf(to, "  first by itself: %s:%u: %s %u of %.*s\n", d->golden->name, e->line,
            tb_line_kinds[e->kind].name, e->txn, (int)e->by_length,
            d->golden->text + e->offset + e->by_at);
}

void tb_causes_print(const struct tb_diff *d, FILE *to)
{
    bool any = false;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        const struct tb_moved_part *m = d->causes.parts[k];
        if (!any_part(m))
            continue;
        if (!any)
            fprintf(to, "where times moved:\n");
        any = true;
        fprintf(to, "  %s\n", tb_line_kinds[k].name);
        for (unsigned p = 0; p < TB_PARTS; p++)
            if (m[p].count)
                print_part(to, &m[p], tb_part_names[p]);
    }
    if (d->differing)
        print_cause(d, to);
}

const char *tb_diff_only(const struct tb_diff *d, char out[120])
{
    unsigned moved = 0;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        moved += d->moved[i] != 0;
    *out = '\0';
    if (d->by_fingerprint || d->other_runs || d->missing || d->extra || moved == 0 ||
        moved == TB_INGREDIENTS)
        return out;
    size_t length = (size_t)snprintf(out, 120, "only ");
    unsigned told = 0;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        if (!d->moved[i])
            continue;
        const char *between = told == 0 ? "" : told + 1 == moved ? " and " : ", ";
        length +=
            (size_t)snprintf(out + length, 120 - length, "%s%s", between, tb_ingredient_names[i]);
        told++;
    }
    snprintf(out + length, 120 - length, " moved: ");
    return out;
}

/* -- For machines
 * -------------------------------------------------------------------------------------------- */

json_t *tb_causes_json(const struct tb_diff *d)
{
    static const char *const why[TB_WHYS] = {"own", "waited", "shifted"};
    const struct tb_causes *c = &d->causes;
    json_t *o = json_object(), *kinds = json_object();
    for (unsigned k = 0; k < TB_WHYS; k++)
        json_object_set_new(o, why[k], json_integer((json_int_t)c->count[k]));
    if (c->golden != TB_NO_ENTRY)
        json_object_set_new(
            o, "first_own_line",
            json_integer((json_int_t)d->golden->runs[c->run].entries[c->golden].line));
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        json_t *kind = json_object();
        for (unsigned p = 0; p < TB_PARTS; p++) {
            const struct tb_moved_part *m = &c->parts[k][p];
            if (m->count)
                json_object_set_new(kind, tb_part_names[p],
                                    json_pack("{s:I,s:I,s:I}", "count", (json_int_t)m->count,
                                              "more_ps", (json_int_t)m->more, "less_ps",
                                              (json_int_t)m->less));
        }
        if (json_object_size(kind))
            json_object_set(kinds, tb_line_kinds[k].name, kind);
        json_decref(kind);
    }
    json_object_set_new(o, "parts", kinds);
    return o;
}

static void junit_case(struct tb_outfile *to, const char *name, uint64_t count, bool failed,
                       const char *of)
{
    tb_outfile_print(to, "  <testcase classname='tollbridge.diff' name='%s'", name);
    if (failed)
        tb_outfile_print(to, "><failure message='%" PRIu64 " %s'/></testcase>\n", count, of);
    else
        tb_outfile_print(to, "/>\n");
}

/* By fingerprint blocks are counted; an ingredient whose only trace is in lines that are not kept
 * counts none. */
static bool ingredient_differs(const struct tb_diff *d, unsigned ingredient)
{
    bool differs = d->moved[ingredient] != 0;
    for (size_t r = 0; d->blocks && r < d->golden->count && r < d->new->count; r++)
        differs |= d->blocks[r * TB_INGREDIENTS + ingredient].differs;
    return differs;
}

void tb_diff_junit(const struct tb_diff *d, const char *golden, struct tb_outfile *to)
{
    unsigned failures = (d->missing != 0) + (d->extra != 0) + d->other_runs;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        failures += ingredient_differs(d, i);
    tb_outfile_print(to, "<?xml version='1.0' encoding='UTF-8'?>\n<testsuite name='");
    tb_draw_text(to, golden);
    tb_outfile_print(to, "' tests='%d' failures='%u'>\n", TB_INGREDIENTS + 3, failures);
    junit_case(to, "runs", 1, d->other_runs, "other scenario or number of runs");
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        junit_case(to, tb_ingredient_names[i], d->moved[i], ingredient_differs(d, i),
                   d->by_fingerprint ? "blocks differ" : "transactions differ");
    junit_case(to, "missing", d->missing, d->missing != 0, "transactions are missing");
    junit_case(to, "extra", d->extra, d->extra != 0, "transactions are extra");
    tb_outfile_print(to, "</testsuite>\n");
}
