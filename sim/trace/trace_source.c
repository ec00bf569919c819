/* Filtering a trace; see trace_source.h. */
#include "trace/trace_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define OPS (2 * TB_TRACE_WORDS)

/* One that was kept because it is slow. */
struct kept {
    uint64_t order;
    struct tb_trace_record *record; /* with as many spans as it has */
};

struct tb_trace_source {
    struct tb_trace_file *file;
    const struct tb_trace_filter *filter;
    struct tb_diag *diag;
    const struct tb_trace_run *run;
    unsigned run_number; /* for which the tables below hold; -1: none */
    bool run_wanted;
    bool any_model;
    bool *model, op[OPS], at[TB_TRACE_WORDS], status[TB_TRACE_WORDS];
    unsigned runs, chosen; /* of which only this one, counted from 1; 0: all */
    char names[160];
    struct kept *kept; /* a heap with the fastest on top; then sorted */
    size_t kept_count, kept_next;
    uint64_t seen;
    bool cut;
};

/* -- What is wanted of a run ---------------------------------------------------------------- */

static bool is_in(const char *const *list, const char *word)
{
    for (size_t k = 0; list && list[k]; k++)
        if (strcmp(list[k], word) == 0)
            return true;
    return list == NULL;
}

static bool wants_run(const struct tb_trace_filter *filter, const struct tb_trace_run *r)
{
    char *end;
    if (!filter->run || strcmp(filter->run, r->name) == 0)
        return true;
    unsigned long number = strtoul(filter->run, &end, 10);
    return *filter->run && *end == '\0' && number == (unsigned long)r->number + 1;
}

static void choose_words(const struct tb_trace_word_list *words, const char *const *list, bool *out)
{
    for (unsigned k = 0; k < words->count; k++)
        out[k] = is_in(list, words->word[k]);
}

static void choose_ops(struct tb_trace_source *s, const struct tb_trace_run *r)
{
    const char *const *kinds = s->filter->kinds;
    for (unsigned k = 0; k < r->kinds.count; k++) {
        bool kind = is_in(kinds, r->kinds.word[k]);
        s->op[2 * k] = kind || is_in(kinds, r->reads.word[k]);
        s->op[2 * k + 1] = kind || is_in(kinds, r->writes.word[k]);
    }
}

/* The tables of a run that begins. */
static void begin_run(struct tb_trace_source *s, const struct tb_trace_run *r)
{
    s->run = r;
    s->run_number = r->number;
    s->run_wanted = wants_run(s->filter, r);
    choose_ops(s, r);
    choose_words(&r->at, s->filter->ats, s->at);
    choose_words(&r->statuses, s->filter->statuses, s->status);
    s->any_model = s->filter->models == NULL;
    bool *model = realloc(s->model, r->model_count * sizeof *model);
    if (!model) {
        tb_diag_host(s->diag, "no memory");
        s->run_wanted = false;
        return;
    }
    s->model = model;
    for (unsigned k = 0; k < r->model_count; k++)
        model[k] = is_in(s->filter->models, tb_trace_model(r, k));
}

static bool visits(const struct tb_trace_source *s, const struct tb_trace_record *t)
{
    if (s->model[t->by] || (t->to < s->run->model_count && s->model[t->to]))
        return true;
    for (unsigned k = 0; k < t->span_count; k++) {
        const struct tb_trace_site *site = &s->run->sites[t->spans[k].site];
        if (site->is_wire && s->model[site->to])
            return true;
    }
    return false;
}

static bool is_wanted(const struct tb_trace_source *s, const struct tb_trace_record *t)
{
    return s->run_wanted && t->ended >= s->filter->from && t->created <= s->filter->to &&
           s->op[2 * t->kind + t->write] && s->at[t->at] && s->status[t->status] &&
           (s->any_model || visits(s, t));
}

/* To the beginning; if one run is wanted, to it. */
static void go_to_start(struct tb_trace_source *s)
{
    tb_trace_rewind(s->file);
    s->run_number = UINT32_MAX;
    unsigned left = s->runs == 1 ? 1 : s->chosen;
    if (left == 0)
        return;
    while (tb_trace_next_run(s->file))
        if (wants_run(s->filter, tb_trace_run(s->file)) && --left == 0) {
            begin_run(s, tb_trace_run(s->file));
            tb_trace_this_run_only(s->file);
            return;
        }
}

static const struct tb_trace_record *next_of_file(struct tb_trace_source *s)
{
    const struct tb_trace_record *t;
    while ((t = tb_trace_next(s->file))) {
        const struct tb_trace_run *r = tb_trace_run(s->file);
        if (r->number != s->run_number)
            begin_run(s, r);
        if (is_wanted(s, t))
            return t;
    }
    return NULL;
}

/* -- The slowest ---------------------------------------------------------------------------- */

static tb_time latency(const struct tb_trace_record *t)
{
    return t->ended - t->created;
}

/* Does a go before b: faster, or as fast and later. */
static bool goes_first(const struct kept *a, const struct kept *b)
{
    tb_time x = latency(a->record), y = latency(b->record);
    return x != y ? x < y : a->order > b->order;
}

static void swap(struct kept *a, struct kept *b)
{
    struct kept c = *a;
    *a = *b;
    *b = c;
}

static void sink(struct kept *heap, size_t count)
{
    for (size_t k = 0, child; (child = 2 * k + 1) < count; k = child) {
        if (child + 1 < count && goes_first(&heap[child + 1], &heap[child]))
            child++;
        if (!goes_first(&heap[child], &heap[k]))
            return;
        swap(&heap[child], &heap[k]);
    }
}

static void rise(struct kept *heap, size_t k)
{
    for (; k && goes_first(&heap[k], &heap[(k - 1) / 2]); k = (k - 1) / 2)
        swap(&heap[k], &heap[(k - 1) / 2]);
}

static struct tb_trace_record *copy(const struct tb_trace_record *t)
{
    size_t size = offsetof(struct tb_trace_record, spans) + t->span_count * sizeof t->spans[0];
    struct tb_trace_record *c = malloc(size);
    if (c)
        memcpy(c, t, size);
    return c;
}

static bool keep(struct tb_trace_source *s, const struct tb_trace_record *t)
{
    size_t limit = (size_t)s->filter->slowest;
    uint64_t order = s->seen++;
    if (s->kept_count == limit && latency(t) <= latency(s->kept[0].record))
        return true;
    struct kept new = {order, copy(t)};
    if (!new.record)
        return false;
    if (s->kept_count < limit) {
        s->kept[s->kept_count] = new;
        rise(s->kept, s->kept_count++);
        return true;
    }
    free(s->kept[0].record);
    s->kept[0] = new;
    sink(s->kept, s->kept_count);
    return true;
}

static int by_latency(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    return goes_first(x, y) ? 1 : -1;
}

static int by_order(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Reads the whole trace once. */
static bool keep_slowest(struct tb_trace_source *s)
{
    const struct tb_trace_record *t;
    s->kept = calloc((size_t)s->filter->slowest, sizeof *s->kept);
    bool ok = s->kept != NULL;
    while (ok && (t = next_of_file(s)))
        ok = keep(s, t);
    if (!ok)
        tb_diag_host(s->diag, "no memory");
    s->cut = tb_trace_was_cut(s->file);
    if (s->kept_count)
        qsort(s->kept, s->kept_count, sizeof *s->kept,
              s->filter->by_latency ? by_latency : by_order);
    return ok && tb_trace_ok(s->file);
}

/* -- Opening -------------------------------------------------------------------------------- */

/* Which words of the filter no run knows, and which there are. */
struct unknown {
    const char *const *list;
    const char *what;
    bool known[256];
    char there[64][64]; /* of the words there are, those of the first runs */
    size_t count;
};

static bool is_there(const struct unknown *u, const char *word)
{
    for (size_t k = 0; k < u->count; k++)
        if (strcmp(u->there[k], word) == 0)
            return true;
    return false;
}

static void note(struct unknown *u, const char *word)
{
    for (size_t k = 0; u->list && u->list[k] && k < 256; k++)
        u->known[k] |= strcmp(u->list[k], word) == 0;
    size_t most = sizeof u->there / sizeof *u->there;
    if (u->list && u->count < most && strlen(word) < sizeof *u->there && !is_there(u, word))
        strcpy(u->there[u->count++], word);
}

static void note_words(struct unknown *u, const struct tb_trace_word_list *words)
{
    for (unsigned k = 0; k < words->count; k++)
        note(u, words->word[k]);
}

static void report_word(const struct unknown *u, const char *word, struct tb_diag *diag)
{
    const char *names[sizeof u->there / sizeof *u->there + 1] = {NULL};
    char all[400] = "";
    size_t used = 0;
    for (size_t k = 0; k < u->count; k++) {
        names[k] = u->there[k];
        if (used + strlen(names[k]) + 3 < sizeof all)
            used += (size_t)sprintf(all + used, "%s%s", k ? ", " : "", names[k]);
    }
    const char *near = tb_nearest(word, names);
    if (near)
        tb_diag_at(diag, (struct tb_place){0},
                   "--%s %s: the trace knows no such %s; did you mean '%s'?", u->what, word,
                   u->what, near);
    else
        tb_diag_at(diag, (struct tb_place){0}, "--%s %s: the trace knows no such %s (it has: %s)",
                   u->what, word, u->what, all);
}

static bool report_unknown(const struct unknown *u, struct tb_diag *diag)
{
    bool ok = true;
    for (size_t k = 0; u->list && u->list[k] && k < 256; k++)
        if (!u->known[k]) {
            report_word(u, u->list[k], diag);
            ok = false;
        }
    return ok;
}

static void add_name(struct tb_trace_source *s, const struct tb_trace_run *r)
{
    size_t used = strlen(s->names), room = sizeof s->names - used;
    if (s->runs && used == 0)
        return;
    if (strlen(r->name) + sizeof ", ..." <= room - (sizeof ", ..." - 1))
        snprintf(s->names + used, room, "%s%s", used ? ", " : "", r->name);
    else if (used < 3 || strcmp(s->names + used - 3, "...") != 0)
        snprintf(s->names + used, room, ", ...");
}

/* Goes over the headers alone: counts the wanted runs, and checks the filter's words. */
static bool check_filter(struct tb_trace_source *s)
{
    const struct tb_trace_filter *f = s->filter;
    struct unknown unknown[] = {{.list = f->models, .what = "model"},
                                {.list = f->kinds, .what = "kind"},
                                {.list = f->ats, .what = "at"},
                                {.list = f->statuses, .what = "status"}};
    bool ok = true;
    unsigned any = 0;
    while (tb_trace_next_run(s->file)) {
        const struct tb_trace_run *r = tb_trace_run(s->file);
        any++;
        if (wants_run(f, r)) {
            add_name(s, r);
            s->runs++;
        }
        for (unsigned k = 0; k < r->model_count; k++)
            note(&unknown[0], tb_trace_model(r, k));
        note_words(&unknown[1], &r->kinds);
        note_words(&unknown[1], &r->reads);
        note_words(&unknown[1], &r->writes);
        note_words(&unknown[2], &r->at);
        note_words(&unknown[3], &r->statuses);
    }
    for (size_t k = 0; any && k < sizeof unknown / sizeof *unknown; k++)
        ok &= report_unknown(&unknown[k], s->diag);
    if (any && s->runs == 0) {
        tb_diag_at(s->diag, (struct tb_place){0},
                   "--run %s: the trace has no such run, but %u others", f->run, any);
        ok = false;
    }
    ok &= tb_trace_ok(s->file);
    tb_trace_window(s->file, f->from, f->to);
    go_to_start(s);
    return ok;
}

struct tb_trace_source *tb_source_open(const char *path, const struct tb_trace_filter *filter,
                                       struct tb_diag *diag)
{
    struct tb_trace_source *s = calloc(1, sizeof *s);
    if (!s) {
        tb_diag_host(diag, "no memory");
        return NULL;
    }
    s->filter = filter;
    s->diag = diag;
    s->run_number = UINT32_MAX;
    s->file = tb_trace_open(path, diag);
    if (s->file && check_filter(s) && (filter->slowest == 0 || keep_slowest(s)))
        return s;
    tb_source_close(s);
    return NULL;
}

void tb_source_close(struct tb_trace_source *s)
{
    if (!s)
        return;
    for (size_t k = 0; k < s->kept_count; k++)
        free(s->kept[k].record);
    free(s->kept);
    free(s->model);
    tb_trace_close(s->file);
    free(s);
}

const struct tb_trace_record *tb_source_next(struct tb_trace_source *s)
{
    if (s->filter->slowest)
        return s->kept_next < s->kept_count ? s->kept[s->kept_next++].record : NULL;
    return next_of_file(s);
}

const struct tb_trace_run *tb_source_run(const struct tb_trace_source *s)
{
    return s->run;
}

void tb_source_rewind(struct tb_trace_source *s)
{
    s->kept_next = 0;
    if (s->filter->slowest)
        return;
    go_to_start(s);
}

unsigned tb_source_runs(const struct tb_trace_source *s)
{
    return s->runs;
}

const char *tb_source_run_names(const struct tb_trace_source *s)
{
    return s->names;
}

void tb_source_choose(struct tb_trace_source *s, unsigned n)
{
    s->chosen = n + 1;
    go_to_start(s);
}

bool tb_source_was_cut(const struct tb_trace_source *s)
{
    return s->cut || tb_trace_was_cut(s->file);
}
