/* What a comparison of traces says; see trace_diff.h. */
#include "diff/trace_diff.h"

#include "log/line.h"

#include <inttypes.h>

#define MOST_HOPS  20 /* printed; JSON has all */
#define COMPONENTS 8

static const char *const ingredient_names[] = {"times", "addresses", "outcome", "data",
                                               "order", "missing",   "extra"};
#define INGREDIENTS (sizeof ingredient_names / sizeof *ingredient_names)

static uint64_t ingredient(const struct tb_trace_diff *d, size_t i)
{
    const uint64_t all[INGREDIENTS] = {d->times, d->addresses, d->outcome, d->data,
                                       d->order, d->missing,   d->extra};
    return all[i];
}

static void print_hop(const struct tb_moved_hop *h, FILE *to)
{
    bool more = h->more >= h->less;
    unsigned __int128 by = more ? h->more - h->less : h->less - h->more;
    char each[40] = "", sum[40] = "";
    *tb_put_time(each, (tb_time)(by / h->count)) = '\0';
    *tb_put_time(sum, (tb_time)by) = '\0';
    fprintf(to, "  %-24s %-20s %s%s ns in the mean of %" PRIu64 " (%s%s ns in all%s)\n", h->where,
            h->part, more ? "+" : "-", each, h->count, more ? "+" : "-", sum,
            h->more && h->less ? ", some more, some less" : "");
}

static void print_only(const struct tb_trace_diff *d, FILE *to)
{
    size_t last = INGREDIENTS;
    unsigned moved = 0;
    for (size_t i = 0; i < INGREDIENTS; i++)
        if (ingredient(d, i)) {
            last = i;
            moved++;
        }
    if (moved == 1 && last < 5)
        fprintf(to, "only %s moved: ", ingredient_names[last]);
}

/* The first of each model, the very first first; then how much of each. */
static void print_components(const struct tb_trace_diff *d, FILE *to)
{
    if (d->diverged)
        fprintf(to, "first difference: %s\n", d->components[0].first);
    for (size_t i = 1; i < d->diverged && i < COMPONENTS; i++)
        fprintf(to, "first of %s: %s\n", d->components[i].by, d->components[i].first);
    if (d->diverged > COMPONENTS)
        fprintf(to, "and the first of %zu models more, from %s on (--json has all)\n",
                d->diverged - COMPONENTS, d->components[COMPONENTS].by);
    if (d->diverged > 1)
        fprintf(to, "who differs (transactions):\n");
    for (size_t i = 0; d->diverged > 1 && i < d->diverged && i < 2 * COMPONENTS; i++) {
        const struct tb_trace_component *c = &d->components[i];
        fprintf(to,
                "  %-16s %" PRIu64 " changed, %" PRIu64 " out of order, %" PRIu64
                " missing, %" PRIu64 " extra\n",
                c->by, c->changed, c->reordered, c->missing, c->extra);
    }
}

static void print_cause(const struct tb_trace_diff *d, FILE *to)
{
    if (d->own || d->waited || d->shifted)
        fprintf(to,
                "cause and effect (transactions):\n  %10" PRIu64
                " changed by themselves\n  %10" PRIu64
                " only waited longer or shorter for others\n  %10" PRIu64
                " only came earlier or later\n",
                d->own, d->waited, d->shifted);
    if (d->cause)
        fprintf(to, "  first by itself: %s\n", d->cause);
}

void tb_trace_diff_print(const struct tb_trace_diff *d, FILE *to, bool colour)
{
    const char *end = colour ? "\033[0m" : "";
    if (!tb_trace_diff_any(d)) {
        fprintf(to, "%sequal: %" PRIu64 " transactions%s\n", colour ? "\033[32m" : "", d->matched,
                end);
        return;
    }
    if (d->other_runs)
        fprintf(to, "another scenario or number of runs\n");
    print_components(d, to);
    fprintf(to, "what moved (transactions):\n");
    for (size_t i = 0; i < INGREDIENTS; i++)
        fprintf(to, "  %-10s %" PRIu64 "\n", ingredient_names[i], ingredient(d, i));
    if (d->hop_count)
        fprintf(to, "where times moved:\n");
    for (size_t i = 0; i < d->hop_count && i < MOST_HOPS; i++)
        print_hop(&d->hops[i], to);
    if (d->hop_count > MOST_HOPS)
        fprintf(to, "  and %zu places more\n", d->hop_count - MOST_HOPS);
    if (d->gave_up)
        fprintf(to,
                "  (%" PRIu64
                " that are missing or extra may only be far from their place: at most "
                "%d wait for their match)\n",
                d->gave_up, TB_TRACE_DIFF_WAITING);
    print_cause(d, to);
    fprintf(to, "%sdifferent: ", colour ? "\033[31m" : "");
    print_only(d, to);
    fprintf(to,
            "%" PRIu64 " of %" PRIu64 " transactions changed, %" PRIu64 " out of order, %" PRIu64
            " missing, %" PRIu64 " extra%s\n",
            d->matched - d->equal, d->golden, d->order, d->missing, d->extra, end);
}

static json_t *components_json(const struct tb_trace_diff *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < d->diverged; i++) {
        const struct tb_trace_component *c = &d->components[i];
        json_array_append_new(list,
                              json_pack("{s:s,s:I,s:I,s:I,s:I,s:s}", "by", c->by, "changed",
                                        (json_int_t)c->changed, "order", (json_int_t)c->reordered,
                                        "missing", (json_int_t)c->missing, "extra",
                                        (json_int_t)c->extra, "first", c->first));
    }
    return list;
}

json_t *tb_trace_diff_json(const struct tb_trace_diff *d)
{
    json_t *moved = json_object(), *hops = json_array();
    for (size_t i = 0; i < INGREDIENTS; i++)
        json_object_set_new(moved, ingredient_names[i], json_integer((json_int_t)ingredient(d, i)));
    for (size_t i = 0; i < d->hop_count; i++) {
        const struct tb_moved_hop *h = &d->hops[i];
        json_array_append_new(hops, json_pack("{s:s,s:s,s:I,s:I,s:I}", "where", h->where, "part",
                                              h->part, "count", (json_int_t)h->count, "more_ps",
                                              (json_int_t)h->more, "less_ps", (json_int_t)h->less));
    }
    return json_pack("{s:b,s:b,s:I,s:I,s:o,s:I,s:o,s:I,s:I,s:I,s:s?,s:s?,s:o}", "equal",
                     !tb_trace_diff_any(d), "other_runs", d->other_runs, "transactions",
                     (json_int_t)d->golden, "new_transactions", (json_int_t)d->new, "moved", moved,
                     "gave_up", (json_int_t)d->gave_up, "hops", hops, "own", (json_int_t)d->own,
                     "waited", (json_int_t)d->waited, "shifted", (json_int_t)d->shifted, "first",
                     d->diverged ? d->components[0].first : NULL, "cause", d->cause, "components",
                     components_json(d));
}

void tb_trace_diff_junit(const struct tb_trace_diff *d, const char *golden, struct tb_outfile *to)
{
    unsigned failures = d->other_runs;
    for (size_t i = 0; i < INGREDIENTS; i++)
        failures += ingredient(d, i) != 0;
    tb_junit_begin(to, golden, INGREDIENTS + 1, failures);
    tb_junit_case(to, "runs", 1, d->other_runs, "other scenario or number of runs");
    for (size_t i = 0; i < INGREDIENTS; i++)
        tb_junit_case(to, ingredient_names[i], ingredient(d, i), ingredient(d, i) != 0,
                      i < 5    ? "transactions differ"
                      : i == 5 ? "transactions are missing"
                               : "transactions are extra");
    tb_junit_end(to);
}
