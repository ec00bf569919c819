/* What a comparison of logs says, to a machine: JSON and JUnit; see diff.h. */
#include "diff/diff.h"

#include "report/report_draw.h"

#include <inttypes.h>

static void kept_json(json_t *o, const char *name, const char *line, const struct tb_kept *kept)
{
    if (!kept->text)
        return;
    json_object_set_new(o, name, json_stringn(kept->text, kept->length));
    json_object_set_new(o, line, json_integer(kept->line));
}

static json_t *first_json(const struct tb_first *f)
{
    json_t *o = json_object();
    json_object_set_new(o, "what", json_string(tb_divergence_words[f->what]));
    json_object_set_new(o, "run", json_integer((json_int_t)f->run + 1));
    kept_json(o, "golden", "golden_line", &f->golden);
    kept_json(o, "new", "new_line", &f->new);
    return o;
}

/* Models with a divergence, by the place of the first. */
static json_t *components_json(const struct tb_diff *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->diverged; i++) {
        const struct tb_component *c = &d->components[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:I,s:I,s:I,s:I,s:o}", "by", c->name, "changed",
                                        (json_int_t)c->changed, "order", (json_int_t)c->reordered,
                                        "missing", (json_int_t)c->missing, "extra",
                                        (json_int_t)c->extra, "first", first_json(&c->first)));
    }
    return list;
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
    json_object_set_new(o, "gave_up", json_integer((json_int_t)d->gave_up));
    if (d->first)
        json_object_set_new(o, "first", first_json(d->first));
    if (!d->by_fingerprint) {
        json_object_set_new(o, "components", components_json(d));
        json_object_set_new(o, "times", tb_causes_json(d));
    }
    return o;
}

/* -- JUnit ---------------------------------------------------------------------------------------
 */

void tb_junit_begin(struct tb_outfile *to, const char *golden, unsigned tests, unsigned failures)
{
    tb_outfile_print(to, "<?xml version='1.0' encoding='UTF-8'?>\n<testsuite name='");
    tb_draw_text(to, golden);
    tb_outfile_print(to, "' tests='%u' failures='%u'>\n", tests, failures);
}

void tb_junit_case(struct tb_outfile *to, const char *name, uint64_t count, bool failed,
                   const char *of)
{
    tb_outfile_print(to, "  <testcase classname='tollbridge.diff' name='%s'", name);
    if (failed)
        tb_outfile_print(to, "><failure message='%" PRIu64 " %s'/></testcase>\n", count, of);
    else
        tb_outfile_print(to, "/>\n");
}

void tb_junit_end(struct tb_outfile *to)
{
    tb_outfile_print(to, "</testsuite>\n");
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
    tb_junit_begin(to, golden, TB_INGREDIENTS + 3, failures);
    tb_junit_case(to, "runs", 1, d->other_runs, "other scenario or number of runs");
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        tb_junit_case(to, tb_ingredient_names[i], d->moved[i], ingredient_differs(d, i),
                      d->by_fingerprint ? "blocks differ" : "transactions differ");
    tb_junit_case(to, "missing", d->missing, d->missing != 0, "transactions are missing");
    tb_junit_case(to, "extra", d->extra, d->extra != 0, "transactions are extra");
    tb_junit_end(to);
}
