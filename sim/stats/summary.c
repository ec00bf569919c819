/* Summaries of a run; see summary.h. */
#include "stats/summary.h"

#include "kernel/kernel.h"
#include "kernel/observe.h"
#include "load/scenario.h"

#include <inttypes.h>
#include <string.h>

#define BAR 20 /* letters of the bar that shows the parts of a latency */

/* One letter per part in the bar: no two alike. */
static const char part_letters[TB_PARTS + 1] = "qwbrlakmd";

/* -- For a person -------------------------------------------------------------------------------
 */

/* Thousands apart: 1 234 567. */
static const char *grouped(uint64_t value, char *out)
{
    char plain[24] = "", *to = out;
    *tb_put_decimal(plain, value) = '\0';
    size_t length = strlen(plain);
    for (size_t i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ' ';
        *to++ = plain[i];
    }
    *to = '\0';
    return out;
}

/* "1 234.500" of picoseconds, as nanoseconds. */
static const char *nanoseconds(tb_time value, char *out)
{
    char plain[32] = "";
    grouped(value / TB_NS, out);
    *tb_put_time(plain, value % TB_NS) = '\0';
    strcat(out, plain + 1);
    return out;
}

static unsigned share(unsigned __int128 part, unsigned __int128 sum, unsigned of)
{
    return (unsigned)((part * of * 2 + sum) / (sum * 2));
}

/* The bar, by largest shares first come: what is left over by rounding is the last part's. */
static void print_bar(FILE *to, const struct tb_tally *t)
{
    char bar[BAR + 1] = "";
    unsigned __int128 upto = 0;
    unsigned done = 0;
    for (unsigned p = 0; p < TB_PARTS; p++) {
        upto += t->parts[p];
        unsigned end = share(upto, t->sum, BAR);
        for (; done < end && done < BAR; done++)
            bar[done] = part_letters[p];
    }
    fprintf(to, "  [%-*s]", BAR, bar);
}

static void print_parts(FILE *to, const struct tb_tally *t)
{
    unsigned __int128 sum = 0;
    for (unsigned p = 0; p < TB_PARTS; p++)
        sum += t->parts[p];
    if (sum == 0 || t->sum == 0)
        return;
    print_bar(to, t);
    for (unsigned p = 0; p < TB_PARTS; p++)
        if (share(t->parts[p], t->sum, 100))
            fprintf(to, " %s %u%%", tb_part_names[p], share(t->parts[p], t->sum, 100));
}

static void print_tally(FILE *to, unsigned kind, unsigned status, const struct tb_tally *t,
                        bool colour)
{
    char count[40], mean[48], max[48];
    const char *red = colour && status != TB_OK ? "\033[31m" : "";
    fprintf(to, "  %-12s %s%-11s%s %13s", tb_line_kinds[kind].name, red, tb_status_names[status],
            *red ? "\033[0m" : "", grouped(t->count, count));
    if (status != TB_UNFINISHED)
        fprintf(to, " %15s %15s", nanoseconds((tb_time)(t->sum / t->count), mean),
                nanoseconds(t->max, max));
    print_parts(to, t);
    fprintf(to, "\n");
}

static void print_tallies(FILE *to, const struct tb_log *log, bool colour)
{
    bool any = false;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned s = 0; s < TB_LOG_STATUSES; s++) {
            if (log->tally[k][s].count == 0)
                continue;
            if (!any)
                fprintf(to, "\n  %-12s %-11s %13s %15s %15s  %s\n", "kind", "status", "count",
                        "mean ns", "max ns", "where the time went");
            any = true;
            print_tally(to, k, s, &log->tally[k][s], colour);
        }
    if (!any)
        fprintf(to, "\n  no transactions\n");
}

static uint64_t counter_of(const struct tb_model *m, const struct tb_counter *c)
{
    uint64_t value;
    memcpy(&value, (const char *)m->state + c->offset, sizeof value);
    return value;
}

static void print_counters(FILE *to, struct tb_sim *s)
{
    struct tb_model *m;
    for (size_t n = 0; (m = tb_observe_model(s, n)); n++) {
        bool any = false;
        for (const struct tb_counter *c = m->class->counters; c && c->name; c++) {
            char text[40];
            if (counter_of(m, c) == 0)
                continue;
            if (any)
                fprintf(to, ", %s %s", c->name, grouped(counter_of(m, c), text));
            else
                fprintf(to, "  %-10s %s %s", m->name, c->name, grouped(counter_of(m, c), text));
            any = true;
        }
        if (any)
            fprintf(to, "\n");
    }
}

static void print_safety(FILE *to, const struct tb_safety *n, bool colour)
{
    char text[48];
    bool red = colour && n->violations;
    fprintf(to, "  %-10s %s%s violations%s", "dma-safety", red ? "\033[31m" : "",
            grouped(n->violations, text), red ? "\033[0m" : "");
    fprintf(to, " in %s accesses", grouped(n->checked, text));
    if (n->unwatched)
        fprintf(to, " (%s more unwatched)", grouped(n->unwatched, text));
    if (n->windows) {
        fprintf(to, "; %s unmaps", grouped(n->windows, text));
        fprintf(to, ", open for %s ns at most", nanoseconds(n->window_max, text));
    }
    if (n->stale) {
        fprintf(to, "; %s stale accesses", grouped(n->stale, text));
        fprintf(to, ", up to %s ns late", nanoseconds(n->stale_max, text));
    }
    fprintf(to, "\n");
}

void tb_summary_print(struct tb_sim *s, const struct tb_log *log, FILE *to, bool colour)
{
    char time[48], events[40];
    const char *run = tb_sim_run_name(s);
    fprintf(to, "%s%s%s%s%s%s on %s, seed %" PRIu64 "\n", colour ? "\033[1m" : "", tb_sim_name(s),
            *run ? ", run " : "", run, colour ? "\033[0m" : "", "", tb_sim_platform(s),
            tb_sim_seed(s));
    fprintf(to, "  simulated %s ns in %s events\n", nanoseconds(tb_sim_now(s), time),
            grouped(tb_sim_events(s), events));
    print_tallies(to, log, colour);
    fprintf(to, "\n");
    print_counters(to, s);
    struct tb_safety safety;
    if (tb_safety_of(tb_observe_model(s, 0), &safety))
        print_safety(to, &safety, colour);
}

/* -- For a machine --------------------------------------------------------------------------------
 */

static json_t *parts_json(const struct tb_tally *t)
{
    json_t *o = json_object();
    for (unsigned p = 0; p < TB_PARTS; p++)
        json_object_set_new(o, tb_part_names[p], json_integer((json_int_t)t->parts[p]));
    return o;
}

static json_t *tally_json(const struct tb_tally *t, bool parts)
{
    json_t *o = json_object();
    json_object_set_new(o, "count", json_integer((json_int_t)t->count));
    json_object_set_new(o, "min_ps", json_integer((json_int_t)t->min));
    json_object_set_new(o, "max_ps", json_integer((json_int_t)t->max));
    json_object_set_new(o, "sum_ps", json_integer((json_int_t)t->sum));
    json_object_set_new(o, "mean_ps", json_integer((json_int_t)(t->sum / t->count)));
    if (parts)
        json_object_set_new(o, "parts_ps", parts_json(t));
    return o;
}

static json_t *tallies_json(const struct tb_log *log, bool parts)
{
    json_t *kinds = json_object();
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        json_t *kind = json_object();
        for (unsigned s = 0; s < TB_LOG_STATUSES; s++)
            if (log->tally[k][s].count)
                json_object_set_new(kind, tb_status_names[s],
                                    tally_json(&log->tally[k][s], parts && s != TB_UNFINISHED));
        if (json_object_size(kind))
            json_object_set(kinds, tb_line_kinds[k].name, kind);
        json_decref(kind);
    }
    return kinds;
}

/* JSON's integers end at 2^63: what is larger (a digest) is told as a hexadecimal string. */
static json_t *counter_json(uint64_t value)
{
    char text[24];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    snprintf(text, sizeof text, "0x%016" PRIx64, value);
    return json_string(text);
}

static json_t *counters_json(struct tb_sim *s)
{
    json_t *models = json_object();
    struct tb_model *m;
    for (size_t n = 0; (m = tb_observe_model(s, n)); n++) {
        json_t *o = json_object();
        for (const struct tb_counter *c = m->class->counters; c && c->name; c++)
            json_object_set_new(o, c->name, counter_json(counter_of(m, c)));
        if (json_object_size(o))
            json_object_set(models, m->name, o);
        json_decref(o);
    }
    return models;
}

static json_t *violations_json(struct tb_sim *s)
{
    json_t *list = json_array();
    struct tb_diag *diag = tb_sim_diag(s);
    for (size_t i = 0; i < tb_diag_count(diag) && i < TB_DIAG_MAX; i++)
        json_array_append_new(list, json_string(tb_diag_text(diag, i)));
    return list;
}

static json_t *safety_json(const struct tb_safety *n)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "checked", (json_int_t)n->checked,
                     "unwatched", (json_int_t)n->unwatched, "violations", (json_int_t)n->violations,
                     "stale", (json_int_t)n->stale, "stale_max_ps", (json_int_t)n->stale_max,
                     "unmaps", (json_int_t)n->windows, "window_max_ps", (json_int_t)n->window_max,
                     "window_sum_ps", (json_int_t)n->window_sum);
}

json_t *tb_summary_json(struct tb_sim *s, const struct tb_log *log)
{
    char hash[65];
    json_t *o = json_object();
    tb_sim_hash(s, hash);
    json_object_set_new(o, "scenario", json_string(tb_sim_name(s)));
    if (*tb_sim_run_name(s))
        json_object_set_new(o, "run", json_string(tb_sim_run_name(s)));
    json_object_set_new(o, "platform", json_string(tb_sim_platform(s)));
    json_object_set_new(o, "resolved", json_string(hash));
    json_object_set_new(o, "seed", json_integer((json_int_t)tb_sim_seed(s)));
    json_object_set_new(o, "end_ps", json_integer((json_int_t)tb_sim_now(s)));
    json_object_set_new(o, "events", json_integer((json_int_t)tb_sim_events(s)));
    json_object_set_new(o, "transactions", tallies_json(log, tb_sim_record(s)->breakdown));
    json_object_set_new(o, "counters", counters_json(s));
    json_object_set_new(o, "violations", violations_json(s));
    struct tb_safety safety;
    if (tb_safety_of(tb_observe_model(s, 0), &safety))
        json_object_set_new(o, "dma_safety", safety_json(&safety));
    return o;
}
