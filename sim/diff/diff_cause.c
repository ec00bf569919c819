/* Where times moved, and which transactions are a cause and which only followed; see diff.h. */
#include "diff/diff.h"

#include "kernel/observe.h"

#include <inttypes.h>
#include <string.h>

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
static bool add_parts(struct tb_causes *c, const struct tb_line *golden, const struct tb_line *new,
                      uint32_t differ, bool *waited)
{
    unsigned kind = (unsigned)(golden->kind - tb_line_kinds);
    int first = tb_line_key(golden->kind, tb_part_names[0]);
    bool own = false;
    for (unsigned p = 0; p < TB_PARTS && first >= 0; p++) {
        tb_time a, b;
        unsigned key = (unsigned)first + p;
        if (!(differ >> key & 1))
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

static bool does_something_else(const struct tb_line_kind *kind, uint32_t differ)
{
    for (; differ; differ &= differ - 1)
        if (kind->keys[__builtin_ctz(differ)].ingredient != TB_TIMES)
            return true;
    return false;
}

void tb_causes_add(struct tb_diff *d, const struct tb_line *golden, const struct tb_line *new,
                   uint32_t differ, size_t run, uint64_t place, unsigned line)
{
    struct tb_causes *c = &d->causes;
    bool waited = false, own = add_parts(c, golden, new, differ, &waited);
    own |= does_something_else(golden->kind, differ);
    c->count[own ? TB_WHY_OWN : waited ? TB_WHY_WAITED : TB_WHY_SHIFTED]++;
    if (!own || (c->any && (c->run < run || (c->run == run && c->place < place))))
        return;
    c->any = true;
    c->run = run;
    c->place = place;
    c->line = line;
    snprintf(c->what, sizeof c->what, "%s %u of %.*s", golden->kind->name, tb_line_number(golden),
             golden->value[TB_KEY_BY].length, golden->text + golden->value[TB_KEY_BY].at);
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
    if (c->any)
        fprintf(to, "  first by itself: %s:%u: %s\n", d->golden->name, c->line, c->what);
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
    if (d->other_runs || d->missing || d->extra || d->transactions != d->new_transactions ||
        moved == 0 || moved == TB_INGREDIENTS)
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
    if (c->any) {
        json_object_set_new(o, "first_own_line", json_integer((json_int_t)c->line));
        json_object_set_new(o, "first_own", json_string(c->what));
    }
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
