/* Statistics as text and tables; see stats_write.h. */
#include "stats/stats_write.h"

#include "kernel/kernel.h"
#include "kernel/observe.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef unsigned __int128 u128;

/* -- The registry --------------------------------------------------------------------------------
 */

struct visitor {
    tb_stat_visit *visit;
    void *context;
};

static void __attribute__((format(printf, 5, 6)))
tell(const struct visitor *v, u128 value, const char *unit, const char *doc, const char *format,
     ...)
{
    char name[320];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    v->visit(v->context, name, value, unit, doc);
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static const char *unit_of(const struct tb_counter *c)
{
    if (ends_in(c->name, "_ps") || ends_in(c->doc, ", ps"))
        return "ps";
    return ends_in(c->name, "bytes") ? "bytes" : "count";
}

static void visit_models(const struct visitor *v, struct tb_sim *s)
{
    for (size_t n = 0; n < s->model_count; n++) {
        const struct tb_model *m = &s->models[n].pub;
        for (const struct tb_counter *c = m->class->counters; c && c->name; c++) {
            uint64_t value;
            memcpy(&value, (const char *)m->state + c->offset, sizeof value);
            tell(v, value, unit_of(c), c->doc, "%s.%s", m->name, c->name);
        }
    }
}

static void visit_tallies(const struct visitor *v, const struct tb_log *log)
{
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned s = 0; s < TB_LOG_STATUSES; s++)
            if (log->tally[k][s].count)
                tell(v, log->tally[k][s].count, "count", "transactions of this kind and outcome",
                     "txn.%s.%s", tb_line_kinds[k].name, tb_status_names[s]);
}

/* A part, and what of it is told apart. */
static void visit_part(const struct visitor *v, const struct tb_group *g, unsigned part,
                       const char *name)
{
    char fine[TB_FINE_NAME];
    if (g->parts[part])
        tell(v, g->parts[part], "ps", "part of the sum", "latency.%s.%s", name,
             tb_part_names[part]);
    for (unsigned d = TB_DETAIL_BACK; g->parts[part] && d < TB_DETAILS; d++)
        if (tb_group_detail(g, part, d))
            tell(v, tb_group_detail(g, part, d), "ps", "of that", "latency.%s.%s", name,
                 tb_fine_name(part, d, fine));
}

static void visit_group(const struct visitor *v, const struct tb_stats *st,
                        const struct tb_group *g)
{
    char name[200];
    snprintf(name, sizeof name, "%.100s.%s.%s.%s", st->sim->models[g->by].pub.name, tb_group_op(g),
             tb_group_at(g), tb_status_names[g->status]);
    tell(v, g->count, "count", "transactions", "latency.%s.count", name);
    if (g->status == TB_UNFINISHED)
        return;
    tell(v, g->min, "ps", "the shortest", "latency.%s.min", name);
    tell(v, g->sum / g->count, "ps", "the mean", "latency.%s.mean", name);
    for (unsigned p = 0; p < TB_PERCENTILES; p++)
        tell(v, tb_group_percentile(g, tb_percentiles[p].per_100k), "ps", "a percentile",
             "latency.%s.%s", name, tb_percentiles[p].name);
    tell(v, g->max, "ps", "the longest", "latency.%s.max", name);
    tell(v, g->sum, "ps", "the sum", "latency.%s.sum", name);
    for (unsigned p = 0; p < TB_PARTS; p++)
        visit_part(v, g, p, name);
}

/* All windows together. */
static struct tb_wire_window total_of(const struct tb_usage_track *t)
{
    struct tb_wire_window sum = {0};
    for (unsigned i = 0; i < TB_WINDOWS; i++) {
        const struct tb_wire_window *w = &t->at[i];
        sum.busy += w->busy;
        sum.waited += w->waited;
        sum.stalled += w->stalled;
        sum.stalls += w->stalls;
        sum.deepest = sum.deepest > tb_usage_deepest(w) ? sum.deepest : tb_usage_deepest(w);
    }
    return sum;
}

static bool is_used(const struct tb_wire_window *w)
{
    return w->busy || w->waited || w->deepest;
}

static void visit_wires(const struct visitor *v, const struct tb_stats *st)
{
    char name[128];
    for (uint32_t n = 0; n < st->usage->wire_count; n++) {
        struct tb_wire_window all = total_of(&st->usage->tracks[n]);
        if (!is_used(&all))
            continue;
        tb_site_name(st->sim, n, name);
        tell(v, all.busy, "ps", "time during which a message was on it", "link.%s.busy", name);
        tell(v, all.waited, "ps", "time that messages waited in front of it", "link.%s.waited",
             name);
        tell(v, all.deepest, "count", "most messages that waited", "link.%s.deepest", name);
        tell(v, all.stalls, "count", "messages that waited for a credit", "link.%s.stalls", name);
        tell(v, all.stalled, "ps", "time that messages waited for credits", "link.%s.stalled",
             name);
    }
}

void tb_stats_visit(const struct tb_stats *st, const struct tb_log *log, tb_stat_visit *visit,
                    void *context)
{
    const struct visitor v = {visit, context};
    tell(&v, st->sim->now, "ps", "simulated time", "sim.time");
    tell(&v, st->sim->events, "count", "events of the kernel", "sim.events");
    visit_models(&v, st->sim);
    visit_tallies(&v, log);
    for (size_t n = 0; n < st->group_count; n++)
        visit_group(&v, st, st->groups[n]);
    visit_wires(&v, st);
}

/* -- Values
 * ---------------------------------------------------------------------------------------- */

static void put_wide(struct tb_outfile *to, u128 value)
{
    char digits[48], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + (unsigned)(value % 10));
    while (value /= 10);
    tb_outfile_print(to, "%s", at);
}

/* Picoseconds as nanoseconds with three decimals. */
static void put_ns(struct tb_outfile *to, u128 ps)
{
    put_wide(to, ps / TB_NS);
    tb_outfile_print(to, ".%03u", (unsigned)(ps % TB_NS));
}

/* A share of a whole with six decimals; 0 of nothing. */
static void put_share(struct tb_outfile *to, u128 part, u128 whole)
{
    uint64_t millionths = whole ? (uint64_t)((part * 1000000 + whole / 2) / whole) : 0;
    tb_outfile_print(to, "%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
}

/* A field of a table; in quotes where a reader would stumble. */
static void put_field(struct tb_outfile *to, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        tb_outfile_print(to, "%s", text);
        return;
    }
    tb_outfile_put(to, "\"", 1);
    for (; *text; text++)
        tb_outfile_print(to, *text == '"' ? "\"\"" : "%c", *text);
    tb_outfile_put(to, "\"", 1);
}

/* -- stats.txt, stats.csv
 * ---------------------------------------------------------------------------- */

struct paper {
    struct tb_outfile *to;
    const char *run;
};

static void text_line(void *context, const char *name, u128 value, const char *unit,
                      const char *doc)
{
    struct paper *p = context;
    char digits[48], *at = digits + sizeof digits - 1;
    *at = '\0';
    do
        *--at = (char)('0' + (unsigned)(value % 10));
    while (value /= 10);
    tb_outfile_print(p->to, "%-56s %20s %-5s # %s\n", name, at, unit, doc);
}

void tb_stats_text(const struct tb_stats *st, const struct tb_log *log, const char *run,
                   struct tb_outfile *to)
{
    struct paper p = {to, run};
    tb_outfile_print(to, "# %s%s%s\n", tb_sim_name(st->sim), *run ? ", run " : "", run);
    tb_stats_visit(st, log, text_line, &p);
}

static void csv_line(void *context, const char *name, u128 value, const char *unit, const char *doc)
{
    struct paper *p = context;
    put_field(p->to, p->run);
    tb_outfile_put(p->to, ",", 1);
    put_field(p->to, name);
    tb_outfile_put(p->to, ",", 1);
    put_wide(p->to, value);
    tb_outfile_print(p->to, ",%s,", unit);
    put_field(p->to, doc);
    tb_outfile_put(p->to, "\n", 1);
}

void tb_stats_csv_head(struct tb_outfile *to)
{
    tb_outfile_print(to, "run,name,value,unit,doc\n");
}

void tb_stats_csv(const struct tb_stats *st, const struct tb_log *log, const char *run,
                  struct tb_outfile *to)
{
    struct paper p = {to, run};
    tb_stats_visit(st, log, csv_line, &p);
}

/* -- latency.csv, breakdown.csv
 * ------------------------------------------------------------------------ */

static void put_group(struct tb_outfile *to, const struct tb_stats *st, const struct tb_group *g,
                      const char *run)
{
    put_field(to, run);
    tb_outfile_put(to, ",", 1);
    put_field(to, st->sim->models[g->by].pub.name);
    tb_outfile_print(to, ",%s,%s,%s,%" PRIu64, tb_group_op(g), tb_group_at(g),
                     tb_status_names[g->status], g->count);
}

void tb_latency_csv_head(struct tb_outfile *to)
{
    tb_outfile_print(to, "run,by,op,at,status,count,min_ns,mean_ns");
    for (unsigned p = 0; p < TB_PERCENTILES; p++)
        tb_outfile_print(to, ",%s_ns", tb_percentiles[p].name);
    tb_outfile_print(to, ",max_ns\n");
}

static void latency_line(struct tb_outfile *to, const struct tb_group *g)
{
    tb_time values[TB_PERCENTILES + 3] = {g->min, (tb_time)(g->sum / g->count)};
    for (unsigned p = 0; p < TB_PERCENTILES; p++)
        values[p + 2] = tb_group_percentile(g, tb_percentiles[p].per_100k);
    values[TB_PERCENTILES + 2] = g->max;
    for (unsigned i = 0; i < TB_PERCENTILES + 3; i++) {
        tb_outfile_put(to, ",", 1);
        if (g->status != TB_UNFINISHED)
            put_ns(to, values[i]);
    }
}

void tb_latency_csv(const struct tb_stats *st, const char *run, struct tb_outfile *to)
{
    for (size_t n = 0; n < st->group_count; n++) {
        put_group(to, st, st->groups[n], run);
        latency_line(to, st->groups[n]);
        tb_outfile_put(to, "\n", 1);
    }
}

void tb_breakdown_csv_head(struct tb_outfile *to)
{
    tb_outfile_print(to, "run,by,op,at,status,count,part,detail,mean_ns,sum_ns,share\n");
}

static void breakdown_line(const struct tb_stats *st, const struct tb_group *g, unsigned part,
                           unsigned detail, const char *run, struct tb_outfile *to)
{
    u128 sum = tb_group_detail(g, part, detail);
    put_group(to, st, g, run);
    tb_outfile_print(to, ",%s,%s,", tb_part_names[part], tb_detail_names[detail]);
    put_ns(to, sum / g->count);
    tb_outfile_put(to, ",", 1);
    put_ns(to, sum);
    tb_outfile_put(to, ",", 1);
    put_share(to, sum, g->sum);
    tb_outfile_put(to, "\n", 1);
}

/* What there is of a part; a line at least. */
static void breakdown_part(const struct tb_stats *st, const struct tb_group *g, unsigned part,
                           const char *run, struct tb_outfile *to)
{
    for (unsigned d = TB_DETAIL_NONE; d < TB_DETAILS; d++)
        if (tb_group_detail(g, part, d) || (d == TB_DETAIL_NONE && !g->parts[part]))
            breakdown_line(st, g, part, d, run, to);
}

void tb_breakdown_csv(const struct tb_stats *st, const char *run, struct tb_outfile *to)
{
    for (size_t n = 0; n < st->group_count && st->sim->breakdown; n++)
        for (unsigned p = 0; p < TB_PARTS && st->groups[n]->status != TB_UNFINISHED; p++)
            breakdown_part(st, st->groups[n], p, run, to);
}

/* -- util.csv
 * ---------------------------------------------------------------------------------------- */

void tb_util_csv_head(struct tb_outfile *to)
{
    tb_outfile_print(
        to, "run,window,start_ns,length_ns,component,kind,busy,queue_mean,queue_max,credit_stalls,"
            "stalled_ns,hits,misses\n");
}

static void util_begin(const struct tb_usage *u, unsigned window, const char *component,
                       const char *kind, const char *run, struct tb_outfile *to)
{
    put_field(to, run);
    tb_outfile_print(to, ",%u,", window);
    put_ns(to, (u128)window * u->width);
    tb_outfile_put(to, ",", 1);
    put_ns(to, tb_usage_length(u, window));
    tb_outfile_put(to, ",", 1);
    put_field(to, component);
    tb_outfile_print(to, ",%s,", kind);
}

static void util_wire(const struct tb_usage *u, const struct tb_usage_track *t, unsigned window,
                      struct tb_outfile *to)
{
    const struct tb_wire_window *w = &t->at[window];
    put_share(to, w->busy, tb_usage_length(u, window));
    tb_outfile_put(to, ",", 1);
    put_share(to, w->waited, tb_usage_length(u, window));
    tb_outfile_print(to, ",%" PRIu32 ",%" PRIu32 ",", tb_usage_deepest(w), w->stalls);
    put_ns(to, w->stalled);
    tb_outfile_print(to, ",,\n");
}

static void util_wires(const struct tb_stats *st, const char *run, struct tb_outfile *to)
{
    char name[128];
    for (uint32_t n = 0; n < st->usage->wire_count; n++) {
        struct tb_wire_window all = total_of(&st->usage->tracks[n]);
        tb_site_name(st->sim, n, name);
        for (unsigned i = 0; i < tb_usage_windows(st->usage) && is_used(&all); i++) {
            util_begin(st->usage, i, name, "link", run, to);
            util_wire(st->usage, &st->usage->tracks[n], i, to);
        }
    }
}

static void util_counter(const struct tb_usage *u, const struct tb_usage_counter *c,
                         unsigned window, const char *run, struct tb_outfile *to)
{
    util_begin(u, window, c->name, c->cache ? "cache" : "model", run, to);
    if (c->cache) {
        tb_outfile_print(to, ",,,,,%" PRIu64 ",%" PRIu64 "\n", c->at[window][0], c->at[window][1]);
        return;
    }
    put_share(to, c->at[window][0], tb_usage_length(u, window));
    tb_outfile_print(to, ",,,,,,\n");
}

void tb_util_csv(const struct tb_stats *st, const char *run, struct tb_outfile *to)
{
    const struct tb_usage *u = st->usage;
    util_wires(st, run, to);
    for (size_t n = 0; n < u->counter_count; n++)
        for (unsigned i = 0;
             i < tb_usage_windows(u) && (u->counters[n].last[0] || u->counters[n].last[1]); i++)
            util_counter(u, &u->counters[n], i, run, to);
}
