/* Statistics as JSON: what reports are made from; see stats_write.h. */
#include "stats/stats_write.h"

#include "kernel/kernel.h"
#include "kernel/observe.h"
#include "load/graph.h"

#include <string.h>

typedef unsigned __int128 u128;

#define CDF_POINTS 160u /* of a curve, at most */

/* JSON's integers end at 2^63: what is larger (a digest, a sum of ages) is told as a hexadecimal
 * string. */
static json_t *number(u128 value)
{
    char text[48];
    if (value <= INT64_MAX)
        return json_integer((json_int_t)value);
    if (value >> 64)
        snprintf(text, sizeof text, "0x%llx%016llx", (unsigned long long)(value >> 64),
                 (unsigned long long)value);
    else
        snprintf(text, sizeof text, "0x%016llx", (unsigned long long)value);
    return json_string(text);
}

static void add_stat(void *context, const char *name, u128 value, const char *unit, const char *doc)
{
    (void)unit;
    (void)doc;
    json_object_set_new(context, name, number(value));
}

/* -- Latencies
 * -------------------------------------------------------------------------------------- */

/* The curve of a histogram, thinned: a point where the share has grown by 1/80, or the latency by
 * 1/80 of the range in the tail: [latency in ps, how many took at most that]. */
static json_t *cdf_json(const struct tb_histogram *h)
{
    json_t *points = json_array();
    uint64_t seen = 0, told = 0, told_at = 0, step = h->count / (CDF_POINTS / 2) + 1;
    uint64_t range = (h->max - h->min) / (CDF_POINTS / 2) + 1;
    for (uint32_t b = tb_histogram_bucket(h->min); b <= tb_histogram_bucket(h->max); b++) {
        uint64_t largest = tb_histogram_largest(b), at = largest < h->max ? largest : h->max;
        if (h->buckets[b] == 0)
            continue;
        seen += h->buckets[b];
        if (seen - told < step && at - told_at < range && seen < h->count)
            continue;
        json_array_append_new(points, json_pack("[I,I]", (json_int_t)at, (json_int_t)seen));
        told = seen;
        told_at = at;
    }
    return points;
}

static json_t *percentiles_json(const struct tb_group *g)
{
    json_t *o = json_object();
    for (unsigned p = 0; p < TB_PERCENTILES; p++)
        json_object_set_new(o, tb_percentiles[p].name,
                            number(tb_group_percentile(g, tb_percentiles[p].per_100k)));
    return o;
}

static json_t *parts_json(const struct tb_group *g)
{
    json_t *o = json_object();
    for (unsigned p = 0; p < TB_PARTS; p++)
        json_object_set_new(o, tb_part_names[p], number(g->parts[p] / g->count));
    return o;
}

/* What of the parts is told apart. */
static json_t *details_json(const struct tb_group *g)
{
    char name[TB_FINE_NAME];
    json_t *o = json_object();
    for (unsigned p = 0; p < TB_PARTS; p++)
        for (unsigned d = TB_DETAIL_BACK; d < TB_DETAILS; d++)
            if (tb_group_detail(g, p, d))
                json_object_set_new(o, tb_fine_name(p, d, name),
                                    number(tb_group_detail(g, p, d) / g->count));
    return o;
}

static json_t *group_json(const struct tb_stats *st, const struct tb_group *g)
{
    json_t *o = json_object();
    json_object_set_new(o, "kind", json_string(tb_line_kinds[g->kind].name));
    json_object_set_new(o, "by", json_string(st->sim->models[g->by].pub.name));
    json_object_set_new(o, "op", json_string(tb_group_op(g)));
    json_object_set_new(o, "at", json_string(tb_group_at(g)));
    json_object_set_new(o, "status", json_string(tb_status_names[g->status]));
    json_object_set_new(o, "count", number(g->count));
    if (g->status == TB_UNFINISHED)
        return o;
    json_object_set_new(o, "min_ps", number(g->min));
    json_object_set_new(o, "mean_ps", number(g->sum / g->count));
    json_object_set_new(o, "max_ps", number(g->max));
    json_object_set_new(o, "percentiles_ps", percentiles_json(g));
    if (st->sim->breakdown) {
        json_object_set_new(o, "mean_parts_ps", parts_json(g));
        json_object_set_new(o, "mean_details_ps", details_json(g));
    }
    json_object_set_new(o, "cdf", cdf_json(&g->histogram));
    return o;
}

/* -- Usage
 * --------------------------------------------------------------------------------------------- */

enum figure { BUSY, WAITED, STALLED, STALLS, DEEPEST, FIGURES };
static const char *const figure_names[FIGURES] = {"busy_ps", "waited_ps", "stalled_ps", "stalls",
                                                  "deepest"};

static uint64_t figure_of(const struct tb_wire_window *w, unsigned what)
{
    const uint64_t all[FIGURES] = {w->busy, w->waited, w->stalled, w->stalls, tb_usage_deepest(w)};
    return all[what];
}

/* A row of figures by window; nothing if all are 0. */
static void add_figures(json_t *o, const struct tb_usage *u, const struct tb_usage_track *t,
                        unsigned what)
{
    json_t *list = json_array();
    uint64_t any = 0;
    for (unsigned i = 0; i < tb_usage_windows(u); i++) {
        any |= figure_of(&t->at[i], what);
        json_array_append_new(list, number(figure_of(&t->at[i], what)));
    }
    if (any)
        json_object_set(o, figure_names[what], list);
    json_decref(list);
}

static json_t *component(const char *name, const char *kind)
{
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(name));
    json_object_set_new(o, "kind", json_string(kind));
    return o;
}

static json_t *wire_json(const struct tb_stats *st, uint32_t wire)
{
    char name[128];
    tb_site_name(st->sim, wire, name);
    json_t *o = component(name, "link");
    for (unsigned k = 0; k < FIGURES; k++)
        add_figures(o, st->usage, &st->usage->tracks[wire], k);
    return o;
}

static json_t *counter_json(const struct tb_usage *u, const struct tb_usage_counter *c)
{
    static const char *const names[2][2] = {{"busy_ps", NULL}, {"hits", "misses"}};
    json_t *o = component(c->name, c->cache ? "cache" : "model");
    for (unsigned k = 0; k < 2 && names[c->cache][k]; k++) {
        json_t *list = json_array();
        for (unsigned i = 0; i < tb_usage_windows(u); i++)
            json_array_append_new(list, number(c->at[i][k]));
        json_object_set_new(o, names[c->cache][k], list);
    }
    return o;
}

static json_t *usage_json(const struct tb_stats *st)
{
    const struct tb_usage *u = st->usage;
    json_t *list = json_array();
    for (uint32_t n = 0; n < u->wire_count; n++) {
        json_t *o = wire_json(st, n);
        if (json_object_size(o) > 2)
            json_array_append(list, o);
        json_decref(o);
    }
    for (size_t n = 0; n < u->counter_count; n++)
        if (u->counters[n].last[0] || u->counters[n].last[1])
            json_array_append_new(list, counter_json(u, &u->counters[n]));
    return json_pack("{s:o,s:I,s:o}", "width_ps", number(u->width), "windows",
                     (json_int_t)tb_usage_windows(u), "components", list);
}

/* -- Hops
 * ---------------------------------------------------------------------------------------------- */

/* What all transactions spent at a link or model, by part; nothing if that is nothing. */
static void add_hop(json_t *hops, const char *where, const tb_time spent[TB_PARTS])
{
    json_t *parts = json_object();
    for (unsigned p = 0; p < TB_PARTS; p++)
        if (spent[p])
            json_object_set_new(parts, tb_part_names[p], number(spent[p]));
    if (json_object_size(parts))
        json_array_append_new(hops, json_pack("{s:s,s:O}", "where", where, "parts_ps", parts));
    json_decref(parts);
}

static json_t *hops_json(const struct tb_sim *s)
{
    json_t *hops = json_array();
    for (uint32_t n = 0; n < s->wire_count; n++) {
        tb_time spent[TB_PARTS] = {
            [TB_PART_QUEUE] = s->wires[n].booked[0], [TB_PART_WIRE] = s->wires[n].booked[1]};
        char name[128];
        tb_site_name(s, n, name);
        add_hop(hops, name, spent);
    }
    for (size_t n = 0; n < s->model_count; n++)
        add_hop(hops, s->models[n].pub.name, s->models[n].pub.spent);
    return hops;
}

/* -- The slowest
 * ------------------------------------------------------------------------------------------ */

static void add_step(json_t *steps, const char *where, unsigned part, unsigned detail,
                     tb_time spent)
{
    char name[TB_FINE_NAME];
    json_array_append_new(
        steps, json_pack("[s,s,o]", where, tb_fine_name(part, detail, name), number(spent)));
}

/* Without an order: how much of each. */
static void add_sums(json_t *steps, const struct tb_slow *slow)
{
    for (unsigned p = 0; p < TB_PARTS; p++)
        for (unsigned d = 0; d < TB_DETAILS && slow->txn.spent[p]; d++)
            if (tb_slow_detail(slow, p, d))
                add_step(steps, "", p, d, tb_slow_detail(slow, p, d));
}

static json_t *steps_json(const struct tb_stats *st, const struct tb_slow *slow)
{
    json_t *steps = json_array();
    for (unsigned i = 0; i < slow->step_count; i++) {
        const struct tb_slow_step *step = &slow->steps[i];
        char name[128];
        tb_site_name(st->sim, step->site, name);
        add_step(steps, name, step->part, step->detail, step->spent);
    }
    if (!slow->step_count && st->sim->breakdown)
        add_sums(steps, slow);
    return steps;
}

/* The line of the log without its times and what is absent: "txn=17 by=ide0 op=read ...". */
static json_t *what_json(const struct tb_log *log, const struct tb_slow *slow)
{
    char text[TB_LINE_LONGEST], what[TB_LINE_LONGEST], *to = what;
    struct tb_line line;
    const struct tb_line_source from = {.txn = &slow->txn,
                                        .names = (const char *const *)log->names,
                                        .name_count = log->name_count,
                                        .status = slow->status,
                                        .when = slow->when};
    tb_line_write(&from, text, &line);
    for (unsigned k = 0; k < line.keys; k++) {
        const char *value = text + line.value[k].at;
        if (line.kind->keys[k].ingredient == TB_TIMES ||
            (line.value[k].length == 1 && *value == '-'))
            continue;
        to += snprintf(to, (size_t)(what + sizeof what - to), "%s%s=%.*s", to == what ? "" : " ",
                       line.kind->keys[k].name, (int)line.value[k].length, value);
    }
    return json_stringn(what, (size_t)(to - what));
}

static json_t *slow_json(const struct tb_stats *st, const struct tb_log *log,
                         const struct tb_slow *slow)
{
    json_t *o = json_object();
    json_object_set_new(o, "kind", json_string(tb_line_kinds[slow->txn.kind].name));
    json_object_set_new(o, "what", what_json(log, slow));
    json_object_set_new(o, "lat_ps", number(slow->lat));
    json_object_set_new(o, "end_ps", number(slow->when));
    json_object_set_new(o, "ordered", json_boolean(slow->step_count != 0));
    json_object_set_new(o, "steps", steps_json(st, slow));
    return o;
}

static json_t *slowest_json(const struct tb_stats *st, const struct tb_log *log)
{
    json_t *list = json_array();
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned i = 0; i < st->slow_count[k]; i++)
            json_array_append_new(list, slow_json(st, log, &st->slow[k][i]));
    return list;
}

/* -- The platform
 * -------------------------------------------------------------------------------------------- */

static json_t *graph_json(struct tb_sim *s)
{
    static const char *const roles[] = {[TB_ROLE_STORAGE] = "storage",
                                        [TB_ROLE_SOFTWARE] = "software",
                                        [TB_ROLE_END] = "device",
                                        [TB_ROLE_BETWEEN] = "between"};
    json_t *models = json_array(), *links = json_array();
    for (size_t n = 0; n < s->model_count; n++) {
        struct tb_model *m = &s->models[n].pub;
        json_array_append_new(models, json_pack("{s:s,s:s,s:s,s:b}", "name", m->name, "class",
                                                m->class->name, "role", roles[tb_graph_role(m)],
                                                "translates", tb_observe_translates(m)));
    }
    for (uint32_t n = 0; n < s->wire_count; n += 2) {
        char forward[128], back[128];
        const struct tb_link_params *l = &s->links[n / 2];
        tb_site_name(s, n, forward);
        tb_site_name(s, n + 1, back);
        json_array_append_new(links,
                              json_pack("{s:i,s:i,s:s,s:s}", "from", (int)l->end[0]->index, "to",
                                        (int)l->end[1]->index, "forward", forward, "back", back));
    }
    return json_pack("{s:o,s:o}", "models", models, "links", links);
}

bool tb_stats_json(struct tb_stats *st, const struct tb_log *log, json_t *run)
{
    json_t *stats = json_object(), *latency = json_array();
    tb_stats_visit(st, log, add_stat, stats);
    for (size_t n = 0; n < st->group_count; n++)
        json_array_append_new(latency, group_json(st, st->groups[n]));
    json_object_set_new(run, "stats", stats);
    json_object_set_new(run, "latency", latency);
    json_object_set_new(run, "usage", usage_json(st));
    json_object_set_new(run, "hops", hops_json(st->sim));
    json_object_set_new(run, "slowest", slowest_json(st, log));
    return json_object_set_new(run, "graph", graph_json(st->sim)) == 0;
}
