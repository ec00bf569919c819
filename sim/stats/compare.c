/* See compare.h. */
#include "stats/compare.h"

#include "kernel/observe.h"
#include "load/scenario.h"

#include "tollbridge/param.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16
#define NAME_MAX_   96
#define CELL        40

enum format { NUMBER, TIME };

/* Where a value comes from. */
enum source { OF_RUN, OF_KIND, OF_SAFETY, OF_COUNTER };

struct value {
    enum source source;
    enum format format;
    unsigned kind, what;
    char model[NAME_MAX_], counter[NAME_MAX_];
};

struct column {
    const char *text, *title_given, *percent_text;
    bool relative, has_percent;
    struct value value, of;
    char title[NAME_MAX_], name[NAME_MAX_], of_name[NAME_MAX_]; /* the texts die with their tree */
};

struct row {
    char name[NAME_MAX_];
    size_t group; /* letters of the name before its last '/' */
    uint64_t cells[COLUMNS_MAX], of[COLUMNS_MAX];
};

struct tb_compare {
    char baseline[NAME_MAX_];
    struct column columns[COLUMNS_MAX];
    size_t column_count, row_count;
    struct row *rows;
};

static const char *const run_words[] = {"time", "events", NULL};
static const char *const kind_words[] = {"count", "failed", "min", "mean", "max", NULL};
static const char *const safety_words[] = {"stale", "violations", "window", "late", NULL};
enum { COUNT, FAILED, MIN, MEAN, MAX };
enum { SAFETY_STALE, SAFETY_VIOLATIONS, SAFETY_WINDOW, SAFETY_LATE };

/* -- Reading -------------------------------------------------------------------------------- */

struct compare_map {
    const struct tb_node *columns;
    const char *baseline;
};

static const struct tb_param compare_table[] = {
    {.name = "columns",
     .type = TB_NODE,
     .offset = offsetof(struct compare_map, columns),
     .flags = TB_REQUIRED,
     .doc = "a list of values"},
    {.name = "baseline",
     .type = TB_STRING,
     .offset = offsetof(struct compare_map, baseline),
     .flags = TB_OPTIONAL,
     .doc = "the run that `relative` columns are held to"},
    {0}};

static const struct tb_param column_table[] = {
    {.name = "value",
     .type = TB_STRING,
     .offset = offsetof(struct column, text),
     .short_form = true,
     .flags = TB_REQUIRED,
     .doc = "time, events, KIND.mean, safety.stale, MODEL.COUNTER"},
    {.name = "title",
     .type = TB_STRING,
     .offset = offsetof(struct column, title_given),
     .flags = TB_OPTIONAL,
     .doc = "the column's head; default: the value"},
    {.name = "relative",
     .type = TB_BOOL,
     .offset = offsetof(struct column, relative),
     .def = "false",
     .doc = "to the baseline too"},
    {.name = "percent_of",
     .type = TB_STRING,
     .offset = offsetof(struct column, percent_text),
     .flags = TB_OPTIONAL,
     .present = offsetof(struct column, has_percent) + 1,
     .doc = "another value, of which this is a share"},
    {0}};

static bool find_word(const char *const *words, const char *word, unsigned *out)
{
    for (unsigned k = 0; words[k]; k++)
        if (strcmp(words[k], word) == 0) {
            *out = k;
            return true;
        }
    return false;
}

static bool is_counter(struct tb_sim *s, const struct value *v)
{
    uint64_t ignored;
    return tb_sim_counter(s, v->model, v->counter, &ignored);
}

static bool parse_value(struct tb_sim *s, const char *text, struct value *v)
{
    const char *dot = strrchr(text, '.');
    *v = (struct value){.source = OF_RUN};
    if (!dot) {
        v->format = strcmp(text, "time") == 0 ? TIME : NUMBER;
        return find_word(run_words, text, &v->what);
    }
    snprintf(v->model, sizeof v->model, "%.*s", (int)(dot - text), text);
    snprintf(v->counter, sizeof v->counter, "%s", dot + 1);
    for (v->kind = 0; v->kind < TB_TXN_KINDS; v->kind++)
        if (strcmp(tb_line_kinds[v->kind].name, v->model) == 0 &&
            find_word(kind_words, dot + 1, &v->what)) {
            v->source = OF_KIND;
            v->format = v->what >= MIN ? TIME : NUMBER;
            return true;
        }
    if (strcmp(v->model, "safety") == 0 && find_word(safety_words, dot + 1, &v->what)) {
        v->source = OF_SAFETY;
        v->format = v->what >= SAFETY_WINDOW ? TIME : NUMBER;
        return true;
    }
    v->source = OF_COUNTER;
    return is_counter(s, v);
}

static void read_value(struct tb_sim *s, const char *text, struct value *v,
                       const struct tb_node *node, struct tb_diag *diag)
{
    if (!parse_value(s, text, v))
        tb_diag_node(diag, node,
                     "'%s' cannot be compared: time, events, KIND.count|failed|min|mean|max, "
                     "safety.stale|violations|window|late, or MODEL.COUNTER",
                     text);
}

static void read_column(struct tb_compare *c, struct tb_sim *s, const struct tb_node *node,
                        struct tb_arena *arena, struct tb_diag *diag)
{
    struct column *column = &c->columns[c->column_count++];
    if (!tb_params_read(column_table, node, NULL, column, arena, diag))
        return;
    read_value(s, column->text, &column->value, node, diag);
    if (column->has_percent)
        read_value(s, column->percent_text, &column->of, node, diag);
    snprintf(column->name, sizeof column->name, "%s", column->text);
    snprintf(column->of_name, sizeof column->of_name, "%s",
             column->has_percent ? column->percent_text : "");
    const char *title =
        column->title_given && column->title_given[0] ? column->title_given : column->text;
    snprintf(column->title, sizeof column->title, "%s%s", title,
             column->has_percent            ? " %"
             : column->value.format == TIME ? " ns"
                                            : "");
}

static void read_columns(struct tb_compare *c, struct tb_sim *s, const struct tb_node *node,
                         struct tb_arena *arena, struct tb_diag *diag)
{
    struct compare_map map = {.columns = node};
    if (node->kind != TB_LIST && !tb_params_read(compare_table, node, NULL, &map, arena, diag))
        return;
    if (map.baseline)
        snprintf(c->baseline, sizeof c->baseline, "%s", map.baseline);
    if (map.columns->kind != TB_LIST || map.columns->count == 0 ||
        map.columns->count > COLUMNS_MAX) {
        tb_diag_node(diag, map.columns, "a comparison is a list of 1 to %d values", COLUMNS_MAX);
        return;
    }
    for (size_t k = 0; k < map.columns->count; k++)
        read_column(c, s, map.columns->items[k], arena, diag);
}

struct tb_compare *tb_compare_new(struct tb_sim *s, const struct tb_node *node,
                                  struct tb_diag *diag)
{
    size_t before = tb_diag_count(diag);
    struct tb_compare *c = node ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return NULL;
    struct tb_arena *arena = tb_arena_new();
    read_columns(c, s, node, arena, diag);
    tb_arena_free(arena);
    if (tb_diag_count(diag) == before)
        return c;
    tb_compare_free(c);
    return NULL;
}

void tb_compare_free(struct tb_compare *c)
{
    if (c)
        free(c->rows);
    free(c);
}

/* -- Rows ----------------------------------------------------------------------------------- */

static uint64_t of_kind(const struct tb_log *log, const struct value *v)
{
    const struct tb_tally *t = log->tally[v->kind];
    unsigned __int128 sum = 0;
    uint64_t count = 0, min = UINT64_MAX, max = 0;
    for (unsigned status = 0; status < TB_LOG_STATUSES; status++) {
        if (status == TB_UNFINISHED || t[status].count == 0)
            continue;
        count += t[status].count;
        sum += t[status].sum;
        min = t[status].min < min ? t[status].min : min;
        max = t[status].max > max ? t[status].max : max;
    }
    const uint64_t values[] = {
        [COUNT] = count,
        [FAILED] = count - t[TB_OK].count,
        [MIN] = count ? min : 0,
        [MEAN] = count ? (uint64_t)(sum / count) : 0,
        [MAX] = max,
    };
    return values[v->what];
}

static uint64_t of_safety(struct tb_sim *s, const struct value *v)
{
    struct tb_safety n = {0};
    if (!tb_safety_of(tb_observe_model(s, 0), &n))
        return 0;
    const uint64_t values[] = {[SAFETY_STALE] = n.stale,
                               [SAFETY_VIOLATIONS] = n.violations,
                               [SAFETY_WINDOW] = n.window_max,
                               [SAFETY_LATE] = n.stale_max};
    return values[v->what];
}

static uint64_t take(struct tb_sim *s, const struct tb_log *log, const struct value *v)
{
    uint64_t counter = 0;
    switch (v->source) {
    case OF_RUN:
        return v->what ? tb_sim_events(s) : tb_sim_now(s);
    case OF_KIND:
        return of_kind(log, v);
    case OF_SAFETY:
        return of_safety(s, v);
    default:
        tb_sim_counter(s, v->model, v->counter, &counter);
        return counter;
    }
}

bool tb_compare_add(struct tb_compare *c, struct tb_sim *s, const struct tb_log *log)
{
    struct row *rows = realloc(c->rows, (c->row_count + 1) * sizeof *rows);
    if (!rows)
        return false;
    c->rows = rows;
    struct row *r = &rows[c->row_count++];
    memset(r, 0, sizeof *r);
    snprintf(r->name, sizeof r->name, "%s", tb_sim_run_name(s));
    const char *slash = strrchr(r->name, '/');
    r->group = slash ? (size_t)(slash - r->name) : 0;
    for (size_t k = 0; k < c->column_count; k++) {
        r->cells[k] = take(s, log, &c->columns[k].value);
        if (c->columns[k].has_percent)
            r->of[k] = take(s, log, &c->columns[k].of);
    }
    return true;
}

/* -- Showing -------------------------------------------------------------------------------- */

static const char *own_name(const struct row *r)
{
    return r->group ? r->name + r->group + 1 : r->name;
}

static bool same_group(const struct row *a, const struct row *b)
{
    return a->group == b->group && strncmp(a->name, b->name, a->group) == 0;
}

/* The baseline of a row's group, or NULL. */
static const struct row *baseline_of(const struct tb_compare *c, const struct row *r)
{
    for (size_t k = 0; k < c->row_count; k++)
        if (same_group(&c->rows[k], r) && strcmp(own_name(&c->rows[k]), c->baseline) == 0)
            return &c->rows[k];
    return NULL;
}

static void put_percent(char *out, uint64_t part, uint64_t whole)
{
    uint64_t tenths =
        whole
            ? (uint64_t)(((unsigned __int128)part * 2000 + whole) / ((unsigned __int128)whole * 2))
            : 0;
    snprintf(out, CELL, whole ? "%" PRIu64 ".%" PRIu64 : "-", tenths / 10, tenths % 10);
}

static void put_cell(const struct tb_compare *c, const struct row *r, size_t k, char out[CELL])
{
    const struct column *column = &c->columns[k];
    if (column->has_percent)
        put_percent(out, r->cells[k], r->of[k]);
    else if (column->value.format == TIME)
        snprintf(out, CELL, "%" PRIu64 ".%03u", r->cells[k] / TB_NS,
                 (unsigned)(r->cells[k] % TB_NS));
    else
        snprintf(out, CELL, "%" PRIu64, r->cells[k]);
}

/* What the cell is of the baseline's, in percent; empty if there is none. */
static void put_relative(const struct tb_compare *c, const struct row *r, size_t k, char out[CELL])
{
    const struct row *base = c->columns[k].relative ? baseline_of(c, r) : NULL;
    char percent[CELL];
    out[0] = '\0';
    if (!base || base->cells[k] == 0)
        return;
    put_percent(percent, r->cells[k], base->cells[k]);
    snprintf(out, CELL, " %5.10s%%", percent);
}

static int width_of(const struct tb_compare *c, size_t k)
{
    char cell[CELL];
    size_t widest = strlen(c->columns[k].title);
    for (size_t r = 0; r < c->row_count; r++) {
        put_cell(c, &c->rows[r], k, cell);
        widest = strlen(cell) > widest ? strlen(cell) : widest;
    }
    return (int)widest;
}

static int name_width(const struct tb_compare *c)
{
    size_t widest = 3;
    for (size_t r = 0; r < c->row_count; r++) {
        size_t length = strlen(own_name(&c->rows[r]));
        length = length > c->rows[r].group ? length : c->rows[r].group;
        widest = length > widest ? length : widest;
    }
    return (int)widest;
}

static void print_head(const struct tb_compare *c, FILE *to, bool colour, int name)
{
    fprintf(to, "\n%s  %-*s", colour ? "\033[1m" : "", name + 2, "run");
    for (size_t k = 0; k < c->column_count; k++)
        fprintf(to, "  %*s%s", width_of(c, k), c->columns[k].title,
                c->columns[k].relative ? "       " : "");
    fprintf(to, "%s\n", colour ? "\033[0m" : "");
}

static void print_row(const struct tb_compare *c, FILE *to, const struct row *r, int name)
{
    char cell[CELL], relative[CELL];
    fprintf(to, "  %s%-*s", r->group ? "  " : "", name + (r->group ? 0 : 2), own_name(r));
    for (size_t k = 0; k < c->column_count; k++) {
        put_cell(c, r, k, cell);
        put_relative(c, r, k, relative);
        fprintf(to, "  %*s%*s", width_of(c, k), cell, c->columns[k].relative ? 7 : 0, relative);
    }
    fprintf(to, "\n");
}

void tb_compare_print(const struct tb_compare *c, FILE *to, bool colour)
{
    int name = name_width(c);
    print_head(c, to, colour, name);
    for (size_t k = 0; k < c->row_count; k++) {
        const struct row *r = &c->rows[k];
        if (r->group && (k == 0 || !same_group(r - 1, r)))
            fprintf(to, "  %.*s\n", (int)r->group, r->name);
        print_row(c, to, r, name);
    }
}

static void put_quoted(struct tb_outfile *to, const char *text)
{
    tb_outfile_put(to, "\"", 1);
    for (; *text; text++)
        tb_outfile_print(to, "%s%c", *text == '"' ? "\"" : "", *text);
    tb_outfile_put(to, "\"", 1);
}

void tb_compare_csv(const struct tb_compare *c, struct tb_outfile *to)
{
    tb_outfile_print(to, "run");
    for (size_t k = 0; k < c->column_count; k++) {
        tb_outfile_print(to, ",");
        put_quoted(to, c->columns[k].name);
        if (c->columns[k].has_percent)
            tb_outfile_print(to, ",");
        if (c->columns[k].has_percent)
            put_quoted(to, c->columns[k].of_name);
    }
    tb_outfile_print(to, "\n");
    for (size_t r = 0; r < c->row_count; r++) {
        put_quoted(to, c->rows[r].name);
        for (size_t k = 0; k < c->column_count; k++) {
            tb_outfile_print(to, ",%" PRIu64, c->rows[r].cells[k]);
            if (c->columns[k].has_percent)
                tb_outfile_print(to, ",%" PRIu64, c->rows[r].of[k]);
        }
        tb_outfile_print(to, "\n");
    }
}
