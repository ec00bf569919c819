/* Reading stats.json; see report.h. */
#include "report/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LIST_MAX 100000 /* members of a list */

const char *const tb_report_percentile_names[TB_REPORT_PERCENTILES] = {"p50", "p90",   "p95",
                                                                       "p99", "p99.9", "p99.99"};

static const char *const part_names[TB_PARTS] = {"queue", "wire", "bus", "bridge", "lookup",
                                                 "ats",   "walk", "mem", "device"};

/* What is read, and the first thing that was wrong. */
struct reader {
    char *why;
    bool bad;
};

static void __attribute__((format(printf, 2, 3)))
complain(struct reader *r, const char *format, ...)
{
    va_list args;
    if (r->bad)
        return;
    r->bad = true;
    va_start(args, format);
    vsnprintf(r->why, 200, format, args);
    va_end(args);
}

/* -- Values
 * -------------------------------------------------------------------------------------------- */

static const char *get_text(struct reader *r, const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    if (!text)
        complain(r, "'%s' is missing or no text", key);
    return text ? text : "";
}

/* A whole number from 0; larger ones than JSON's integers are hexadecimal text. */
static bool is_number(const json_t *value, uint64_t *out)
{
    const char *text = json_string_value(value);
    char *end;
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        *out = (uint64_t)json_integer_value(value);
        return true;
    }
    if (!text || strncmp(text, "0x", 2) != 0)
        return false;
    errno = 0;
    *out = strtoull(text, &end, 16);
    return !*end && end > text + 2;
}

static uint64_t get_number(struct reader *r, const json_t *o, const char *key)
{
    uint64_t value = 0;
    if (!is_number(json_object_get(o, key), &value))
        complain(r, "'%s' is missing or no whole number", key);
    return value;
}

/* A list and room for its members. */
static size_t get_list(struct reader *r, const json_t *o, const char *key, size_t size,
                       void *members)
{
    const json_t *list = json_object_get(o, key);
    size_t count = json_array_size(list);
    void *room = calloc(count + 1, size);
    if (!json_is_array(list) || count > LIST_MAX)
        complain(r, "'%s' is missing, no list, or too long", key);
    if (!room)
        complain(r, "no memory");
    memcpy(members, &room, sizeof room);
    return r->bad ? 0 : count;
}

/* Of a part's name, or of one of what is told apart of it. */
static unsigned part_of(struct reader *r, const char *name)
{
    size_t length = name ? strcspn(name, ".") : 0;
    for (unsigned p = 0; p < TB_PARTS; p++)
        if (name && strlen(name) < 64 && strlen(part_names[p]) == length &&
            strncmp(name, part_names[p], length) == 0)
            return p;
    complain(r, "'%.40s' is no part of a latency", name ? name : "");
    return 0;
}

/* -- Latencies
 * ------------------------------------------------------------------------------------------- */

static void read_cdf(struct reader *r, const json_t *o, struct tb_report_group *g)
{
    const json_t *list = json_object_get(o, "cdf");
    size_t count = get_list(r, o, "cdf", sizeof *g->cdf, &g->cdf);
    for (size_t i = 0; i < count; i++) {
        struct tb_report_point *p = &g->cdf[i];
        const json_t *pair = json_array_get(list, i);
        if (!is_number(json_array_get(pair, 0), &p->value) ||
            !is_number(json_array_get(pair, 1), &p->count) || p->count > g->count ||
            (i && (p->value < p[-1].value || p->count < p[-1].count)))
            complain(r, "'cdf' of %.40s %.40s: a point does not follow the one before", g->by,
                     g->op);
    }
    g->points = count;
}

/* Details of a part are never more than it, and come in the order of parts. */
static void read_details(struct reader *r, const json_t *o, struct tb_report_group *g)
{
    const char *name;
    json_t *value;
    uint64_t sum = 0;
    json_t *all = json_object_get(o, "mean_details_ps");
    size_t count = json_object_size(all);
    g->details = calloc(count + 1, sizeof *g->details);
    if (!g->details || count > LIST_MAX) {
        complain(r, "too many details, or no memory");
        return;
    }
    json_object_foreach (all, name, value) {
        struct tb_report_detail *d = &g->details[g->detail_count++];
        *d = (struct tb_report_detail){.name = name, .part = part_of(r, name)};
        sum = g->detail_count > 1 && d[-1].part == d->part ? sum : 0;
        if (!is_number(value, &d->mean) || d->mean > g->parts[d->part] - sum ||
            (g->detail_count > 1 && d[-1].part > d->part)) {
            complain(r, "'%.40s' is no detail of a part", name);
            g->detail_count--;
            return;
        }
        sum += d->mean;
    }
}

static void read_group(struct reader *r, const json_t *o, struct tb_report_group *g)
{
    g->kind = get_text(r, o, "kind");
    g->by = get_text(r, o, "by");
    g->op = get_text(r, o, "op");
    g->at = get_text(r, o, "at");
    g->status = get_text(r, o, "status");
    g->count = get_number(r, o, "count");
    g->timed = strcmp(g->status, "unfinished") != 0;
    if (!g->timed)
        return;
    if (g->count == 0)
        complain(r, "a group of no transactions");
    g->min = get_number(r, o, "min_ps");
    g->mean = get_number(r, o, "mean_ps");
    g->max = get_number(r, o, "max_ps");
    for (unsigned p = 0; p < TB_REPORT_PERCENTILES; p++)
        g->percentiles[p] =
            get_number(r, json_object_get(o, "percentiles_ps"), tb_report_percentile_names[p]);
    const json_t *parts = json_object_get(o, "mean_parts_ps");
    g->has_parts = parts != NULL;
    for (unsigned p = 0; p < TB_PARTS && parts; p++)
        g->parts[p] = get_number(r, parts, part_names[p]);
    read_details(r, o, g);
    read_cdf(r, o, g);
}

static void read_groups(struct reader *r, const json_t *run, struct tb_report_run *out)
{
    const json_t *list = json_object_get(run, "latency");
    size_t count = get_list(r, run, "latency", sizeof *out->groups, &out->groups);
    out->group_count = count;
    for (size_t i = 0; i < count; i++)
        read_group(r, json_array_get(list, i), &out->groups[i]);
}

/* -- Usage
 * ------------------------------------------------------------------------------------------------
 */

static void read_figures(struct reader *r, const json_t *o, struct tb_report_component *c,
                         unsigned windows)
{
    static const char *const names[TB_REPORT_FIGURES] = {
        "busy_ps", "waited_ps", "stalled_ps", "stalls", "deepest", "hits", "misses"};
    for (unsigned k = 0; k < TB_REPORT_FIGURES; k++) {
        const json_t *list = json_object_get(o, names[k]);
        if (!list)
            continue;
        if (json_array_size(list) != windows)
            complain(r, "'%s' of '%.60s' does not have %u figures", names[k], c->name, windows);
        for (unsigned i = 0; i < windows && !r->bad; i++) {
            if (!is_number(json_array_get(list, i), &c->at[k][i]))
                complain(r, "'%s' of '%.60s': no whole number", names[k], c->name);
            if (k != TB_FIGURE_DEEPEST)
                c->sum[k] += c->at[k][i];
            else if (c->at[k][i] > c->sum[k])
                c->sum[k] = c->at[k][i];
        }
    }
}

static void read_usage(struct reader *r, const json_t *run, struct tb_report_run *out)
{
    const json_t *usage = json_object_get(run, "usage"),
                 *list = json_object_get(usage, "components");
    out->width = get_number(r, usage, "width_ps");
    uint64_t windows = get_number(r, usage, "windows");
    if (windows > TB_REPORT_WINDOWS || out->width == 0 ||
        (windows && (out->width > UINT64_MAX / TB_REPORT_WINDOWS ||
                     out->end <= (windows - 1) * out->width || out->end > windows * out->width)))
        complain(r, "the windows do not fit the time of the run");
    out->windows = r->bad ? 0 : (unsigned)windows;
    size_t count = get_list(r, usage, "components", sizeof *out->components, &out->components);
    out->component_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(list, i);
        out->components[i].name = get_text(r, o, "name");
        out->components[i].kind = get_text(r, o, "kind");
        read_figures(r, o, &out->components[i], out->windows);
    }
}

/* -- The slowest, the platform
 * ------------------------------------------------------------------------------ */

static void read_steps(struct reader *r, const json_t *o, struct tb_report_slow *s)
{
    const json_t *list = json_object_get(o, "steps");
    uint64_t sum = 0;
    size_t count = get_list(r, o, "steps", sizeof *s->steps, &s->steps);
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *step = json_array_get(list, i);
        s->steps[i].where = json_string_value(json_array_get(step, 0));
        s->steps[i].name = json_string_value(json_array_get(step, 1));
        s->steps[i].part = part_of(r, s->steps[i].name);
        if (!s->steps[i].where || !is_number(json_array_get(step, 2), &s->steps[i].spent) ||
            s->steps[i].spent > s->lat - sum) {
            complain(r, "the steps of '%.80s' do not make up its latency", s->what);
            return;
        }
        sum += s->steps[i].spent;
    }
}

static void read_slowest(struct reader *r, const json_t *run, struct tb_report_run *out)
{
    const json_t *list = json_object_get(run, "slowest");
    size_t count = get_list(r, run, "slowest", sizeof *out->slow, &out->slow);
    out->slow_count = count;
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(list, i);
        out->slow[i].kind = get_text(r, o, "kind");
        out->slow[i].what = get_text(r, o, "what");
        out->slow[i].lat = get_number(r, o, "lat_ps");
        out->slow[i].end = get_number(r, o, "end_ps");
        out->slow[i].ordered = json_is_true(json_object_get(o, "ordered"));
        read_steps(r, o, &out->slow[i]);
    }
}

static void read_hops(struct reader *r, const json_t *run, struct tb_report_run *out)
{
    const json_t *list = json_object_get(run, "hops");
    if (!list) /* an earlier version's */
        return;
    size_t count = get_list(r, run, "hops", sizeof *out->hops, &out->hops);
    out->hop_count = count;
    for (size_t i = 0; i < count; i++) {
        struct tb_report_hop *hop = &out->hops[i];
        const json_t *o = json_array_get(list, i), *parts = json_object_get(o, "parts_ps");
        hop->where = get_text(r, o, "where");
        for (unsigned p = 0; p < TB_PARTS && parts; p++) {
            if (json_object_get(parts, part_names[p]))
                hop->parts[p] = get_number(r, parts, part_names[p]);
            if (__builtin_add_overflow(hop->sum, hop->parts[p], &hop->sum))
                complain(r, "the time at '%.60s' is out of range", hop->where);
        }
    }
}

static void read_link(struct reader *r, const json_t *o, struct tb_report_link *l, size_t models)
{
    uint64_t from = get_number(r, o, "from"), to = get_number(r, o, "to");
    if (from >= models || to >= models)
        complain(r, "a link ends at no model");
    l->end[0] = (unsigned)from;
    l->end[1] = (unsigned)to;
    l->way[0] = get_text(r, o, "forward");
    l->way[1] = get_text(r, o, "back");
}

static void read_graph(struct reader *r, const json_t *run, struct tb_report_run *out)
{
    const json_t *graph = json_object_get(run, "graph"), *models = json_object_get(graph, "models");
    size_t count = get_list(r, graph, "models", sizeof *out->models, &out->models);
    for (size_t i = 0; i < count; i++) {
        const json_t *o = json_array_get(models, i);
        out->models[i] = (struct tb_report_model){get_text(r, o, "name"), get_text(r, o, "class"),
                                                  get_text(r, o, "role"),
                                                  json_is_true(json_object_get(o, "translates"))};
    }
    out->model_count = count;
    count = get_list(r, graph, "links", sizeof *out->links, &out->links);
    out->link_count = count;
    for (size_t i = 0; i < count; i++)
        read_link(r, json_array_get(json_object_get(graph, "links"), i), &out->links[i],
                  out->model_count);
}

/* -- A run
 * -----------------------------------------------------------------------------------------------------
 */

bool tb_report_run_read(json_t *run, struct tb_report_run *out, char *why)
{
    struct reader r = {.why = why};
    *out = (struct tb_report_run){.json = json_incref(run), .label = ""};
    out->scenario = get_text(&r, run, "scenario");
    out->run = json_object_get(run, "run") ? get_text(&r, run, "run") : "";
    out->platform = get_text(&r, run, "platform");
    out->resolved = get_text(&r, run, "resolved");
    out->seed = get_number(&r, run, "seed");
    out->end = get_number(&r, run, "end_ps");
    out->events = get_number(&r, run, "events");
    out->violations = json_array_size(json_object_get(run, "violations"));
    out->has_stats = json_object_get(run, "latency") != NULL;
    if (out->has_stats) {
        out->stats = json_object_get(run, "stats");
        read_groups(&r, run, out);
        read_usage(&r, run, out);
        read_hops(&r, run, out);
        read_slowest(&r, run, out);
        read_graph(&r, run, out);
    }
    for (size_t i = 0; i < out->group_count; i++)
        out->transactions += out->groups[i].count;
    if (r.bad)
        tb_report_run_clear(out);
    return !r.bad;
}

void tb_report_run_clear(struct tb_report_run *r)
{
    for (size_t i = 0; i < r->group_count; i++) {
        free(r->groups[i].cdf);
        free(r->groups[i].details);
    }
    for (size_t i = 0; i < r->slow_count; i++)
        free(r->slow[i].steps);
    free(r->groups);
    free(r->components);
    free(r->hops);
    free(r->slow);
    free(r->models);
    free(r->links);
    json_decref(r->json);
    *r = (struct tb_report_run){0};
}

/* -- Folders
 * -----------------------------------------------------------------------------------------------------
 */

static char *file_of(const char *folder)
{
    struct stat st;
    char *path;
    bool is_file = stat(folder, &st) == 0 && !S_ISDIR(st.st_mode);
    return asprintf(&path, "%s%s", folder, is_file ? "" : "/stats.json") < 0 ? NULL : path;
}

static json_t *load_file(const char *folder, char *why, bool *host)
{
    char *path = file_of(folder);
    json_error_t error;
    FILE *in = path ? fopen(path, "rb") : NULL;
    *host = !path;
    json_t *all = in ? json_loadf(in, JSON_REJECT_DUPLICATES, &error) : NULL;
    if (!in)
        snprintf(why, 400, "%.250s: %s%s", path ? path : folder, strerror(errno),
                 errno == ENOENT ? " (the folder of a run that records stats has one)" : "");
    else if (!all)
        snprintf(why, 400, "%.200s:%d:%d: %.150s", path, error.line, error.column, error.text);
    else if (strcmp(json_string_value(json_object_get(all, "format")) ?: "", TB_STATS_FORMAT) !=
                 0 ||
             !json_is_array(json_object_get(all, "runs")) ||
             !json_array_size(json_object_get(all, "runs"))) {
        snprintf(why, 400, "%.250s: not statistics of a run (format %s)", path, TB_STATS_FORMAT);
        json_decref(all);
        all = NULL;
    }
    if (in)
        fclose(in);
    free(path);
    return all;
}

static char *make_label(const char *folder, const char *run)
{
    char *label;
    size_t length = strlen(folder);
    while (length > 1 && folder[length - 1] == '/')
        length--;
    if (asprintf(&label, "%.*s%s%s", (int)length, folder, *run && length ? " · " : "", run) < 0)
        return NULL;
    return label;
}

static bool add_runs(struct tb_report *r, const char *folder, bool more, const json_t *all,
                     char *why)
{
    const json_t *list = json_object_get(all, "runs");
    size_t count = json_array_size(list);
    struct tb_report_run *runs = realloc(r->runs, (r->count + count) * sizeof *runs);
    r->runs = runs ? runs : r->runs;
    char **labels = realloc(r->labels, (r->count + count) * sizeof *labels);
    r->labels = labels ? labels : r->labels;
    snprintf(why, 400, "no memory");
    for (size_t i = 0; i < count; i++) {
        char what[200];
        if (!runs || !labels)
            return false;
        if (!tb_report_run_read(json_array_get(list, i), &runs[r->count], what)) {
            snprintf(why, 400, "%.150s: run %zu: %s", folder, i + 1, what);
            return false;
        }
        bool alone = !more && *runs[r->count].run; /* then the folder says nothing */
        labels[r->count] = make_label(alone ? "" : folder, runs[r->count].run);
        runs[r->count].label = labels[r->count] ? labels[r->count] : "";
        r->count++;
    }
    return true;
}

bool tb_report_load(struct tb_report *r, const char *const *folders, char *why, bool *host)
{
    bool more = folders[0] && folders[1];
    *r = (struct tb_report){0};
    *host = false;
    for (; *folders; folders++) {
        json_t *all = load_file(*folders, why, host);
        bool ok = all && add_runs(r, *folders, more, all, why);
        json_decref(all);
        if (!ok)
            return false;
    }
    return true;
}

void tb_report_free(struct tb_report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        tb_report_run_clear(&r->runs[i]);
        free(r->labels[i]);
    }
    free(r->runs);
    free(r->labels);
    *r = (struct tb_report){0};
}

/* -- Questions
 * ------------------------------------------------------------------------------------------------------
 */

uint64_t tb_report_length(const struct tb_report_run *r, unsigned window)
{
    uint64_t from = window * r->width, left = r->end - from;
    return left < r->width ? left : r->width;
}

const struct tb_report_component *tb_report_component(const struct tb_report_run *r,
                                                      const char *name)
{
    for (size_t i = 0; i < r->component_count; i++)
        if (strcmp(r->components[i].name, name) == 0)
            return &r->components[i];
    return NULL;
}

const struct tb_report_group *tb_report_group_like(const struct tb_report_run *r,
                                                   const struct tb_report_group *g)
{
    for (size_t i = 0; i < r->group_count; i++) {
        const struct tb_report_group *o = &r->groups[i];
        if (strcmp(o->by, g->by) == 0 && strcmp(o->op, g->op) == 0 && strcmp(o->at, g->at) == 0 &&
            strcmp(o->status, g->status) == 0 && strcmp(o->kind, g->kind) == 0)
            return o;
    }
    return NULL;
}

/* The only group that is g but for the address type. */
static const struct tb_report_group *other_type(const struct tb_report_run *r,
                                                const struct tb_report_group *g)
{
    const struct tb_report_group *found = NULL;
    for (size_t i = 0; i < r->group_count; i++) {
        const struct tb_report_group *o = &r->groups[i];
        if (strcmp(o->by, g->by) != 0 || strcmp(o->op, g->op) != 0 ||
            strcmp(o->status, g->status) != 0 || strcmp(o->kind, g->kind) != 0)
            continue;
        if (found)
            return NULL;
        found = o;
    }
    return found;
}

const struct tb_report_group *tb_report_group_match(const struct tb_report_run *base,
                                                    const struct tb_report_group *g,
                                                    const struct tb_report_run *r)
{
    const struct tb_report_group *same = tb_report_group_like(r, g);
    return same || other_type(base, g) != g ? same : other_type(r, g);
}

/* -- Hops
 * ---------------------------------------------------------------------------------------------- */

uint64_t tb_report_per(const struct tb_report_run *r, const char **name)
{
    uint64_t dmas = 0, all = 0;
    for (size_t i = 0; i < r->group_count; i++) {
        all += r->groups[i].count;
        dmas += strcmp(r->groups[i].kind, "dma") == 0 ? r->groups[i].count : 0;
    }
    if (name)
        *name = dmas ? "DMA" : "transaction";
    return dmas ? dmas : all ? all : 1;
}

const struct tb_report_hop *tb_report_hop(const struct tb_report_run *r, const char *where)
{
    for (size_t i = 0; i < r->hop_count; i++)
        if (strcmp(r->hops[i].where, where) == 0)
            return &r->hops[i];
    return NULL;
}

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static int by_move(const void *a, const void *b)
{
    const struct tb_report_moved *x = a, *y = b;
    uint64_t left = apart(x->from_sum, x->now_sum), right = apart(y->from_sum, y->now_sum);
    return left != right ? (left > right ? -1 : 1) : strcmp(x->where, y->where);
}

static void set_moved(struct tb_report_moved *m, const char *where, const struct tb_report_run *a,
                      const struct tb_report_run *b)
{
    const struct tb_report_hop *from = tb_report_hop(a, where), *now = tb_report_hop(b, where);
    *m = (struct tb_report_moved){.where = where};
    for (unsigned p = 0; p < TB_PARTS; p++) {
        m->from[p] = from ? from->parts[p] / tb_report_per(a, NULL) : 0;
        m->now[p] = now ? now->parts[p] / tb_report_per(b, NULL) : 0;
    }
    m->from_sum = from ? from->sum / tb_report_per(a, NULL) : 0;
    m->now_sum = now ? now->sum / tb_report_per(b, NULL) : 0;
}

struct tb_report_moved *tb_report_hops_moved(const struct tb_report_run *a,
                                             const struct tb_report_run *b, size_t *n)
{
    struct tb_report_moved *all = calloc(a->hop_count + b->hop_count + 1, sizeof *all);
    *n = 0;
    for (size_t i = 0; all && i < a->hop_count + b->hop_count; i++) {
        const struct tb_report_hop *hop =
            i < a->hop_count ? &a->hops[i] : &b->hops[i - a->hop_count];
        if (i >= a->hop_count && tb_report_hop(a, hop->where))
            continue;
        set_moved(&all[*n], hop->where, a, b);
        *n += memcmp(all[*n].from, all[*n].now, sizeof all->from) != 0;
    }
    if (all && *n)
        qsort(all, *n, sizeof *all, by_move);
    return all;
}

void tb_report_group_name(const struct tb_report_group *g, char out[160])
{
    bool usual = strcmp(g->at, "-") == 0 || strcmp(g->at, "untranslated") == 0;
    snprintf(out, 160, "%.50s %.20s%s%.20s%s%.20s", g->by, g->op, usual ? "" : " ",
             usual ? "" : g->at, strcmp(g->status, "ok") ? " " : "",
             strcmp(g->status, "ok") ? g->status : "");
}
