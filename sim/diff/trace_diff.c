/* Comparing traces: matching; see trace_diff.h. */
#include "diff/trace_diff.h"

#include "diff/trace_pair.h"
#include "diff/window.h"
#include "trace/trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { GOLDEN, NEW };

/* A record that waits for its match. */
struct waiting {
    struct tb_trace_record *record; /* as much of one as there is room for */
    size_t room;
    uint64_t place,
        other_place;    /* records of its own side before it; of the other's when it came */
    tb_time other_time; /* when the golden's beside it ended */
};

struct side {
    struct tb_trace_file *file;
    const struct tb_trace_record *at; /* still to be placed; NULL: none, or the run has ended */
    bool ended;
    uint64_t place;  /* records of this run before it */
    uint64_t passed; /* the furthest place that was matched, and one */
    tb_time time;    /* the golden's: when that ended */
    struct tb_window window;
    struct waiting *waiting;
};

struct compare {
    struct tb_trace_diff *d;
    const struct tb_trace_diff_options *options;
    struct tb_trace_pairing pairing;
    struct side side[2];
};

/* -- A pair -------------------------------------------------------------------------------------
 */

static void count_cause(struct compare *c, const struct tb_trace_record *a,
                        const struct tb_trace_moved *m)
{
    struct tb_trace_diff *d = c->d;
    if (m->own)
        d->own++;
    else if (m->waited)
        d->waited++;
    else
        d->shifted++;
    if (m->own && !d->cause && !(d->cause = tb_trace_sentence(&c->pairing, GOLDEN, a, "changed")))
        d->failed = true;
}

static void compare_pair(struct compare *c, const struct tb_trace_record *a,
                         const struct tb_trace_record *b, uint64_t place)
{
    struct tb_trace_diff *d = c->d;
    struct tb_trace_moved m;
    d->matched++;
    if (!tb_trace_compare(&c->pairing, a, b, &m)) {
        d->equal++;
        return;
    }
    d->times += m.times;
    d->addresses += m.addresses;
    d->outcome += m.outcome;
    d->data += m.data;
    count_cause(c, a, &m);
    struct tb_trace_component *of = tb_trace_component_of(&c->pairing, GOLDEN, a->by);
    if (of && !tb_trace_is_first(&c->pairing, of, place))
        of->changed++;
    else
        tb_trace_diverge_pair(&c->pairing, a, b, place, &m);
}

/* -- Matching -----------------------------------------------------------------------------------
 */

/* Who a record is, in the golden's numbers. */
static uint64_t identity(const struct compare *c, unsigned which, const struct tb_trace_record *t)
{
    uint64_t by = which == NEW ? c->pairing.model_of[t->by] : t->by;
    return by << 40 | (uint64_t)t->kind << 32 | t->number;
}

static void fetch(struct compare *c, unsigned which)
{
    struct side *s = &c->side[which];
    if (s->at || s->ended)
        return;
    s->at = tb_trace_next(s->file);
    s->ended = !s->at;
    if (which == GOLDEN)
        c->d->golden += s->at != NULL;
    else
        c->d->new += s->at != NULL;
}

static void pass(struct side *s)
{
    s->at = NULL;
    s->place++;
}

/* What waited longest has no match. */
static void give_up(struct compare *c, unsigned which)
{
    struct side *s = &c->side[which];
    uint32_t slot = tb_window_oldest(&s->window);
    const struct waiting *w = &s->waiting[slot];
    if (which == GOLDEN) {
        c->d->missing++;
        tb_trace_diverge(&c->pairing, GOLDEN, w->record, w->place, TB_TRACE_COUNTER(missing),
                         "missing");
    } else {
        c->d->extra++;
        tb_trace_diverge(&c->pairing, NEW, w->record, w->other_place, TB_TRACE_COUNTER(extra),
                         "extra");
    }
    tb_window_take(&s->window, slot);
}

/* Records are copied as far as they are used: few have as many spans as there could be. */
static bool copy_record(struct waiting *w, const struct tb_trace_record *from)
{
    size_t size = offsetof(struct tb_trace_record, spans) + from->span_count * sizeof *from->spans;
    if (w->room < size) {
        void *more = realloc(w->record, size);
        if (!more)
            return false;
        w->record = more;
        w->room = size;
    }
    memcpy(w->record, from, size);
    return true;
}

struct beside {
    uint64_t place;
    tb_time time;
};

static void wait_for_match(struct compare *c, unsigned which, struct beside other)
{
    struct side *s = &c->side[which];
    if (tb_window_full(&s->window)) {
        give_up(c, which);
        c->d->gave_up++;
    }
    struct waiting *w = &s->waiting[tb_window_put(&s->window, identity(c, which, s->at))];
    c->d->failed |= !copy_record(w, s->at);
    w->place = s->place;
    w->other_place = other.place;
    w->other_time = other.time;
    pass(s);
}

/* Whether a pair of which one side waited has changed places with another pair. */
static bool is_reordered(const struct compare *c, unsigned late, const struct waiting *w,
                         const struct tb_trace_record *golden)
{
    const struct tb_diff_options *o = &c->options->values;
    const struct side *early = &c->side[!late];
    if (o->order || early->passed <= w->place)
        return false;
    tb_time beside = late == NEW ? early->time : w->other_time;
    return !o->tolerant || !tb_diff_near(o, golden->ended, beside, golden->ended);
}

static void match_late(struct compare *c, unsigned which, uint32_t slot)
{
    struct side *late = &c->side[which], *early = &c->side[!which];
    const struct waiting *w = &early->waiting[slot];
    const struct tb_trace_record *golden = which == GOLDEN ? late->at : w->record;
    const struct tb_trace_record *new = which == GOLDEN ? w->record : late->at;
    compare_pair(c, golden, new, which == GOLDEN ? late->place : w->place);
    if (is_reordered(c, which, w, golden)) {
        c->d->order++;
        tb_trace_diverge(&c->pairing, GOLDEN, golden, which == GOLDEN ? w->other_place : w->place,
                         TB_TRACE_COUNTER(reordered), "another place in the order");
    }
    if (early->passed <= w->place)
        early->passed = w->place + 1;
    late->passed = late->place + 1;
    if (which == GOLDEN)
        late->time = golden->ended;
    tb_window_take(&early->window, slot);
    pass(late);
}

static bool find_match(struct compare *c, unsigned which)
{
    struct side *s = &c->side[which], *other = &c->side[!which];
    if (!s->at || tb_window_empty(&other->window) ||
        (which == NEW && c->pairing.model_of[s->at->by] == TB_NOWHERE))
        return false;
    uint32_t slot = tb_window_find(&other->window, identity(c, which, s->at), TB_WINDOW_NONE);
    if (slot == TB_WINDOW_NONE)
        return false;
    match_late(c, which, slot);
    return true;
}

static void add_unknown(struct compare *c)
{
    struct side *s = &c->side[NEW];
    c->d->extra++;
    tb_trace_diverge(&c->pairing, NEW, s->at, c->side[GOLDEN].place, TB_TRACE_COUNTER(extra),
                     "extra");
    pass(s);
}

/* Neither side has seen the other's: both wait, but for what no model of the golden's can match. */
static void place_apart(struct compare *c)
{
    struct side *a = &c->side[GOLDEN], *b = &c->side[NEW];
    const struct beside at[2] = {{a->place, a->at ? a->at->ended : a->time}, {b->place, 0}};
    if (b->at && c->pairing.model_of[b->at->by] == TB_NOWHERE)
        add_unknown(c);
    else if (b->at)
        wait_for_match(c, NEW, at[GOLDEN]);
    if (a->at)
        wait_for_match(c, GOLDEN, at[NEW]);
}

static bool in_step(const struct compare *c, const struct tb_trace_record *a,
                    const struct tb_trace_record *b)
{
    return a->number == b->number && a->kind == b->kind && a->by == c->pairing.model_of[b->by];
}

static void step(struct compare *c)
{
    struct side *a = &c->side[GOLDEN], *b = &c->side[NEW];
    if (a->at && b->at && in_step(c, a->at, b->at)) {
        compare_pair(c, a->at, b->at, a->place);
        a->time = a->at->ended;
        a->passed = a->place + 1;
        b->passed = b->place + 1;
        pass(a);
        pass(b);
    } else if (!find_match(c, GOLDEN) && !find_match(c, NEW)) {
        place_apart(c);
    }
}

static void compare_records(struct compare *c)
{
    struct side *a = &c->side[GOLDEN], *b = &c->side[NEW];
    while (!c->d->failed) {
        fetch(c, GOLDEN);
        fetch(c, NEW);
        if (!a->at && !b->at)
            break;
        step(c);
    }
    for (unsigned which = GOLDEN; which <= NEW; which++)
        while (!tb_window_empty(&c->side[which].window))
            give_up(c, which);
}

/* -- Runs ---------------------------------------------------------------------------------------
 */

static bool begin_side(struct side *s)
{
    *s = (struct side){.file = s->file};
    s->waiting = calloc(TB_TRACE_DIFF_WAITING, sizeof *s->waiting);
    return tb_window_make(&s->window, TB_TRACE_DIFF_WAITING) && s->waiting;
}

static void end_side(struct side *s)
{
    tb_window_free(&s->window);
    for (unsigned i = 0; s->waiting && i < TB_TRACE_DIFF_WAITING; i++)
        free(s->waiting[i].record);
    free(s->waiting);
    s->waiting = NULL;
}

static bool same_words(const struct tb_trace_word_list *a, const struct tb_trace_word_list *b)
{
    for (unsigned i = 0; i < a->count && a->count == b->count; i++)
        if (strcmp(a->word[i], b->word[i]) != 0)
            return false;
    return a->count == b->count;
}

static void compare_run(struct compare *c)
{
    const struct tb_trace_run *a = c->pairing.run[GOLDEN], *b = c->pairing.run[NEW];
    if ((!c->options->values.scenario && strcmp(a->scenario, b->scenario) != 0) ||
        !same_words(&a->kinds, &b->kinds) || !same_words(&a->parts, &b->parts) ||
        !same_words(&a->statuses, &b->statuses)) {
        c->d->other_runs = true;
        return;
    }
    bool ok = begin_side(&c->side[GOLDEN]) & begin_side(&c->side[NEW]);
    if (ok && tb_trace_pairing_begin(&c->pairing))
        compare_records(c);
    else
        c->d->failed = true;
    tb_trace_pairing_end(&c->pairing);
    end_side(&c->side[GOLDEN]);
    end_side(&c->side[NEW]);
}

/* Goes to the n-th run and stays in it; false: there is none. */
static bool go_to_run(struct tb_trace_file *f, unsigned n)
{
    tb_trace_rewind(f);
    for (unsigned i = 0; i <= n; i++)
        if (!tb_trace_next_run(f))
            return false;
    tb_trace_this_run_only(f);
    return true;
}

static void compare_files(struct compare *c)
{
    for (unsigned n = 0; !c->d->failed; n++) {
        struct tb_trace_file *a = c->side[GOLDEN].file, *b = c->side[NEW].file;
        bool golden = go_to_run(a, n), new = go_to_run(b, n);
        if (golden != new)
            c->d->other_runs = true;
        if (!golden || !new)
            return;
        c->pairing.run[GOLDEN] = tb_trace_run(a);
        c->pairing.run[NEW] = tb_trace_run(b);
        compare_run(c);
    }
}

static unsigned __int128 amount(const struct tb_moved_hop *h)
{
    return h->more > h->less ? h->more - h->less : h->less - h->more;
}

static int by_amount(const void *a, const void *b)
{
    const struct tb_moved_hop *x = a, *y = b;
    if (amount(x) != amount(y))
        return amount(x) > amount(y) ? -1 : 1;
    int name = strcmp(x->where, y->where);
    return name ? name : strcmp(x->part, y->part);
}

/* What differs before what does not. */
static int by_place(const void *a, const void *b)
{
    const struct tb_trace_component *x = a, *y = b;
    if (!x->first != !y->first)
        return x->first ? -1 : 1;
    if (x->run != y->run)
        return x->run < y->run ? -1 : 1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return strcmp(x->by, y->by);
}

static void sort_results(struct tb_trace_diff *d)
{
    if (d->hop_count)
        qsort(d->hops, d->hop_count, sizeof *d->hops, by_amount);
    if (d->component_count)
        qsort(d->components, d->component_count, sizeof *d->components, by_place);
    while (d->diverged < d->component_count && d->components[d->diverged].first)
        d->diverged++;
}

static void close_side(struct side *s, const char *path, struct tb_diag *diag)
{
    if (!s->file)
        return;
    if (tb_trace_ok(s->file) && tb_trace_was_cut(s->file))
        tb_diag_at(diag, (struct tb_place){0}, "%s was cut off: it cannot be compared", path);
    tb_trace_close(s->file);
}

enum tb_exit tb_trace_diff(const char *golden, const char *new,
                           const struct tb_trace_diff_options *options, struct tb_trace_diff *d,
                           struct tb_diag *diag)
{
    struct compare c = {.d = d, .options = options, .pairing = {.d = d, .options = options}};
    *d = (struct tb_trace_diff){0};
    c.side[GOLDEN].file = tb_trace_open(golden, diag);
    c.side[NEW].file = tb_trace_open(new, diag);
    if (c.side[GOLDEN].file && c.side[NEW].file)
        compare_files(&c);
    close_side(&c.side[GOLDEN], golden, diag);
    close_side(&c.side[NEW], new, diag);
    for (size_t i = 0; i < d->hop_count; i++)
        d->failed |= !d->hops[i].where || !d->hops[i].part;
    if (d->failed)
        tb_diag_host(diag, "no memory to compare %s", new);
    if (tb_diag_count(diag))
        return tb_diag_is_host(diag) ? TB_EXIT_HOST : TB_EXIT_INPUT;
    sort_results(d);
    return tb_trace_diff_any(d) ? TB_EXIT_VIOLATION : TB_EXIT_OK;
}

bool tb_trace_diff_any(const struct tb_trace_diff *d)
{
    return d->other_runs || d->missing || d->extra || d->order || d->equal != d->matched;
}

void tb_trace_diff_clear(struct tb_trace_diff *d)
{
    for (size_t i = 0; i < d->hop_count; i++) {
        free(d->hops[i].where);
        free(d->hops[i].part);
    }
    free(d->hops);
    for (size_t i = 0; i < d->component_count; i++) {
        free(d->components[i].by);
        free(d->components[i].first);
    }
    free(d->components);
    free(d->cause);
    *d = (struct tb_trace_diff){0};
}

char *tb_trace_diff_path(const char *path)
{
    struct stat st;
    char *file, magic[TB_TRACE_MAGIC_BYTES];
    bool exists = stat(path, &st) == 0, folder = exists && S_ISDIR(st.st_mode);
    if (exists && !folder && !S_ISREG(st.st_mode))
        return NULL; /* a look at a pipe would take away from it */
    if (asprintf(&file, "%s%s", path, folder ? "/trace.tbt" : "") < 0)
        return NULL;
    FILE *in = fopen(file, "rb");
    bool is = in && fread(magic, 1, sizeof magic, in) == sizeof magic &&
              memcmp(magic, TB_TRACE_MAGIC, sizeof magic) == 0;
    if (in)
        fclose(in);
    if (is)
        return file;
    free(file);
    return NULL;
}
