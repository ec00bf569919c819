/* Comparing logs: both are read in step; see diff.h. */
#include "diff/diff.h"

#include "diff/window.h"

#include <stdlib.h>
#include <string.h>

enum { GOLDEN, NEW };

/* A line that waits for its match. */
struct waiting {
    struct tb_kept kept;
    uint64_t place;       /* lines of its own side before it */
    uint64_t other_place; /* and of the other side's when it came */
    uint64_t other_offset;
    tb_time other_time; /* when the golden's line beside it ended */
};

/* One of the two logs. */
struct side {
    struct tb_log_file *file;
    bool ended; /* the run */
    bool have;  /* a line that is still to be placed */
    bool split; /* and was checked */
    struct tb_log_at at;
    struct tb_line line;
    uint64_t place;  /* lines of this run before it */
    uint64_t passed; /* the furthest place that was matched, and one */
    tb_time time;    /* the golden's: when that ended */
    struct tb_window window;
    struct waiting *waiting; /* by the window's slots */
    size_t bytes;            /* that they hold */
};

struct compare {
    struct tb_diff *d;
    struct tb_diag *diag;
    struct side side[2];
    size_t run;
    bool failed; /* no memory */
};

/* -- Who a transaction is -----------------------------------------------------------------------
 */

static uint64_t key_of(const struct tb_line *line)
{
    uint64_t h = 0xcbf29ce484222325u ^ (uint64_t)(line->kind - tb_line_kinds);
    const char *by = line->text + line->value[TB_KEY_BY].at;
    for (unsigned i = 0; i < line->value[TB_KEY_BY].length; i++)
        h = (h ^ (unsigned char)by[i]) * 0x100000001b3u;
    return (h ^ tb_line_number(line)) * 0x9e3779b97f4a7c15u;
}

static bool same_value(const struct tb_line *a, const struct tb_line *b, unsigned key)
{
    return a->value[key].length == b->value[key].length &&
           memcmp(a->text + a->value[key].at, b->text + b->value[key].at, a->value[key].length) ==
               0;
}

static bool same_transaction(const struct tb_line *a, const struct tb_line *b)
{
    return a->kind == b->kind && tb_line_number(a) == tb_line_number(b) &&
           same_value(a, b, TB_KEY_BY);
}

static struct tb_component *component_of(struct compare *c, const struct tb_line *line)
{
    return tb_component_of(c->d, line->text + line->value[TB_KEY_BY].at,
                           line->value[TB_KEY_BY].length, &c->failed);
}

static tb_time time_of(const struct tb_line *line)
{
    tb_time t = 0;
    tb_line_time(line, TB_KEY_T, &t);
    return t;
}

/* -- Lines --------------------------------------------------------------------------------------
 */

/* The next line of the run, if it has one. */
static void fetch(struct side *s)
{
    if (s->have || s->ended)
        return;
    s->have = tb_log_file_next(s->file, &s->at) == TB_LOG_LINE;
    s->ended = !s->have;
    s->split = false;
}

static void pass(struct side *s)
{
    s->have = false;
    s->place++;
}

static void note_twice(struct compare *c, const struct side *s, const struct tb_line *line)
{
    struct tb_place place = {s->file->name, s->at.line, line->value[TB_KEY_BY].at + 1u};
    tb_diag_at(c->diag, place, "%s %u of %.*s was already in this run", line->kind->name,
               tb_line_number(line), line->value[TB_KEY_BY].length,
               line->text + line->value[TB_KEY_BY].at);
}

static void see(struct compare *c, struct side *s, struct tb_component *of,
                const struct tb_line *line)
{
    unsigned kind = (unsigned)(line->kind - tb_line_kinds);
    tb_log_file_count(s->file, line);
    if (of && !tb_component_see(of, s == &c->side[NEW], kind, tb_line_number(line), &c->failed))
        note_twice(c, s, line);
}

/* Checks the line of a side: it is passed if it is none. */
static bool split(struct compare *c, struct side *s)
{
    if (!s->have || s->split)
        return s->have;
    s->split = tb_log_file_check(s->file, &s->at, &s->line);
    if (s->split)
        see(c, s, component_of(c, &s->line), &s->line);
    else
        pass(s);
    return s->split;
}

/* -- Divergences --------------------------------------------------------------------------------
 */

static struct tb_kept keep(struct compare *c, const struct tb_log_at *at)
{
    char *text = strndup(at->text, at->length);
    c->failed |= !text;
    return (struct tb_kept){text, at->length, at->line, at->offset};
}

/* `place` counts in the golden. The lines are copied if they are wanted. */
static void diverge(struct compare *c, struct tb_component *of, enum tb_divergence what,
                    uint64_t place, const struct tb_log_at *golden, const struct tb_log_at *new)
{
    if (!of) {
        c->d->overlooked++;
        return;
    }
    of->changed += what == TB_KEYS_DIFFER;
    of->reordered += what == TB_REORDERED;
    of->missing += what == TB_MISSING;
    of->extra += what == TB_EXTRA;
    if (!tb_component_is_first(of, c->run, place))
        return;
    struct tb_first first = {.what = what, .run = c->run, .place = place};
    first.golden.offset = golden->offset;
    first.new.offset = new->offset;
    if (what != TB_EXTRA)
        first.golden = keep(c, golden);
    if (what != TB_MISSING)
        first.new = keep(c, new);
    tb_component_set_first(of, &first);
}

/* -- Pairs --------------------------------------------------------------------------------------
 */

static void add_latencies(struct tb_diff *d, const struct tb_line *golden,
                          const struct tb_line *new)
{
    tb_time a = 0, b = 0;
    unsigned key = (unsigned)tb_line_key(golden->kind, "lat");
    tb_line_time(golden, key, &a);
    tb_line_time(new, key, &b);
    d->golden_lat += a;
    d->new_lat += b;
}

static void count_keys(struct tb_diff *d, const struct tb_line_kind *kind, uint32_t differ)
{
    bool moved[TB_INGREDIENTS] = {false};
    for (; differ; differ &= differ - 1) {
        unsigned k = (unsigned)__builtin_ctz(differ);
        d->by_key[kind - tb_line_kinds][k]++;
        moved[kind->keys[k].ingredient] = true;
    }
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        d->moved[i] += moved[i];
    d->differing++;
}

static void compare_pair(struct compare *c, uint64_t place, const struct tb_line *golden,
                         const struct tb_log_at *golden_at, const struct tb_line *new,
                         const struct tb_log_at *new_at)
{
    uint32_t differ = tb_diff_keys(c->d->options, golden, new);
    c->d->matched++;
    if (!differ)
        return;
    count_keys(c->d, golden->kind, differ);
    add_latencies(c->d, golden, new);
    tb_causes_add(c->d, golden, new, differ, c->run, place, golden_at->line);
    diverge(c, component_of(c, golden), TB_KEYS_DIFFER, place, golden_at, new_at);
}

/* Both sides are further than ever before. */
static void advance(struct compare *c, const struct tb_line *golden)
{
    struct side *a = &c->side[GOLDEN], *b = &c->side[NEW];
    if (c->d->options->tolerant)
        a->time = time_of(golden);
    a->passed = a->place + 1;
    b->passed = b->place + 1;
}

static bool same_bytes(const struct side *a, const struct side *b)
{
    return a->have && b->have && a->at.length == b->at.length &&
           memcmp(a->at.text, b->at.text, a->at.length) == 0;
}

/* The same bytes are looked at once: what is wrong with one is wrong with both. */
static void pass_equal(struct compare *c)
{
    struct side *a = &c->side[GOLDEN], *b = &c->side[NEW];
    struct tb_line *line = a->split ? &a->line : b->split ? &b->line : &a->line;
    if (!a->split && !b->split && !tb_log_file_check(a->file, &a->at, line)) {
        pass(a);
        pass(b);
        return;
    }
    struct tb_component *of = component_of(c, line);
    if (!a->split)
        see(c, a, of, line);
    if (!b->split)
        see(c, b, of, line);
    advance(c, line);
    c->d->matched++;
    pass(a);
    pass(b);
}

/* -- Out of step --------------------------------------------------------------------------------
 */

static struct tb_log_at at_of(const struct waiting *w)
{
    return (struct tb_log_at){w->kept.text, w->kept.length, w->kept.offset, w->kept.line};
}

static void read_again(const struct waiting *w, struct tb_line *line)
{
    char why[200];
    size_t column;
    tb_line_read(w->kept.text, w->kept.length, line, &column, why);
}

static void forget(struct side *s, uint32_t slot)
{
    s->bytes -= s->waiting[slot].kept.length;
    free(s->waiting[slot].kept.text);
    s->waiting[slot].kept.text = NULL;
    tb_window_take(&s->window, slot);
}

/* What waited longest has no match. */
static void give_up(struct compare *c, unsigned which)
{
    struct side *s = &c->side[which];
    uint32_t slot = tb_window_oldest(&s->window);
    const struct waiting *w = &s->waiting[slot];
    struct tb_log_at here = at_of(w), there = {.offset = w->other_offset};
    struct tb_line line;
    read_again(w, &line);
    if (which == GOLDEN) {
        c->d->missing++;
        diverge(c, component_of(c, &line), TB_MISSING, w->place, &here, &there);
    } else {
        c->d->extra++;
        diverge(c, component_of(c, &line), TB_EXTRA, w->other_place, &there, &here);
    }
    forget(s, slot);
}

static bool make_window(struct side *s)
{
    s->waiting = calloc(TB_DIFF_WAITING, sizeof *s->waiting);
    return tb_window_make(&s->window, TB_DIFF_WAITING) && s->waiting;
}

/* Where a side is. */
struct beside {
    uint64_t place, offset;
    tb_time time;
};

static struct beside where_is(const struct side *s)
{
    const struct tb_log_file *f = s->file;
    return (struct beside){s->place, s->have ? s->at.offset : f->base + f->next,
                           s->have ? time_of(&s->line) : s->time};
}

static void wait_for_match(struct compare *c, unsigned which, struct beside other)
{
    struct side *s = &c->side[which];
    if (!s->window.room && !make_window(s)) {
        c->failed = true;
        pass(s);
        return;
    }
    while (tb_window_full(&s->window) ||
           (s->bytes + s->at.length > TB_DIFF_WAITING_BYTES && !tb_window_empty(&s->window))) {
        give_up(c, which);
        c->d->gave_up++;
    }
    uint32_t slot = tb_window_put(&s->window, key_of(&s->line));
    s->waiting[slot] = (struct waiting){.kept = keep(c, &s->at),
                                        .place = s->place,
                                        .other_place = other.place,
                                        .other_offset = other.offset,
                                        .other_time = other.time};
    s->bytes += s->at.length;
    pass(s);
}

/* Whether a pair of which one side waited has changed places with another pair. */
static bool is_reordered(const struct compare *c, const struct side *late, const struct waiting *w,
                         const struct tb_line *golden)
{
    const struct tb_diff_options *o = c->d->options;
    const struct side *early = late == &c->side[GOLDEN] ? &c->side[NEW] : &c->side[GOLDEN];
    tb_time now = time_of(golden);
    if (o->order || early->passed <= w->place)
        return false;
    tb_time beside = early == &c->side[GOLDEN] ? early->time : w->other_time;
    return !o->tolerant || !tb_diff_near(o, now, beside, now);
}

/* The line of a side and one of the other side that waited for it. */
static void match_late(struct compare *c, unsigned which, uint32_t slot,
                       const struct tb_line *found)
{
    struct side *late = &c->side[which], *early = &c->side[!which];
    const struct waiting *w = &early->waiting[slot];
    struct tb_log_at found_at = at_of(w);
    const struct tb_line *golden = which == GOLDEN ? &late->line : found;
    const struct tb_line *new = which == GOLDEN ? found : &late->line;
    const struct tb_log_at *golden_at = which == GOLDEN ? &late->at : &found_at;
    const struct tb_log_at *new_at = which == GOLDEN ? &found_at : &late->at;
    compare_pair(c, which == GOLDEN ? late->place : w->place, golden, golden_at, new, new_at);
    if (is_reordered(c, late, w, golden)) {
        uint64_t first = which == GOLDEN ? w->other_place : w->place;
        c->d->moved[TB_ORDER]++;
        diverge(c, component_of(c, golden), TB_REORDERED, first, golden_at, new_at);
    }
    if (early->passed <= w->place)
        early->passed = w->place + 1;
    late->passed = late->place + 1;
    if (which == GOLDEN && c->d->options->tolerant)
        late->time = time_of(golden);
    forget(early, slot);
    pass(late);
}

/* Matches the line of a side with one of the other side's that waited. */
static bool find_match(struct compare *c, unsigned which)
{
    struct side *s = &c->side[which], *other = &c->side[!which];
    if (!s->have || tb_window_empty(&other->window))
        return false;
    uint64_t key = key_of(&s->line);
    struct tb_line found;
    for (uint32_t slot = tb_window_find(&other->window, key, TB_WINDOW_NONE);
         slot != TB_WINDOW_NONE; slot = tb_window_find(&other->window, key, slot)) {
        read_again(&other->waiting[slot], &found);
        if (!same_transaction(&s->line, &found))
            continue;
        match_late(c, which, slot, &found);
        return true;
    }
    return false;
}

/* -- Runs ---------------------------------------------------------------------------------------
 */

/* One step: places a line of one side or of both. */
static void step(struct compare *c)
{
    struct side *a = &c->side[GOLDEN], *b = &c->side[NEW];
    if (same_bytes(a, b)) {
        pass_equal(c);
        return;
    }
    bool golden = split(c, a), new = split(c, b);
    if (golden && new &&same_transaction(&a->line, &b->line)) {
        compare_pair(c, a->place, &a->line, &a->at, &b->line, &b->at);
        advance(c, &a->line);
        pass(a);
        pass(b);
    } else if (!find_match(c, GOLDEN) && !find_match(c, NEW)) {
        const struct beside at[2] = {where_is(a), where_is(b)};
        if (golden)
            wait_for_match(c, GOLDEN, at[NEW]);
        if (new)
            wait_for_match(c, NEW, at[GOLDEN]);
    }
}

static void begin_run(struct side *s)
{
    s->ended = s->have = false;
    s->place = s->passed = 0;
    s->time = 0;
}

/* Both files are at the beginning of a run. */
static void compare_run(struct compare *c)
{
    struct side *a = &c->side[GOLDEN], *b = &c->side[NEW];
    begin_run(a);
    begin_run(b);
    tb_components_begin_run(c->d);
    while (!c->failed) {
        fetch(a);
        fetch(b);
        if (!a->have && !b->have)
            break;
        step(c);
    }
    for (unsigned which = GOLDEN; which <= NEW; which++)
        while (!tb_window_empty(&c->side[which].window))
            give_up(c, which);
    c->run++;
}

/* A log's header comes before its first line. */
static void find_first_run(struct tb_log_file *f)
{
    struct tb_log_at at;
    while (tb_log_file_next(f, &at) == TB_LOG_LINE)
        continue;
}

static void compare_logs(struct compare *c)
{
    struct tb_log_file *golden = c->side[GOLDEN].file, *new = c->side[NEW].file;
    find_first_run(golden);
    find_first_run(new);
    while (!c->failed && golden->count > c->run && new->count > c->run)
        compare_run(c);
    for (unsigned which = GOLDEN; which <= NEW; which++) {
        tb_log_file_drain(c->side[which].file, false);
        tb_window_free(&c->side[which].window);
        free(c->side[which].waiting);
    }
    for (size_t i = 0; i < golden->count; i++)
        c->d->transactions += golden->runs[i].lines;
    for (size_t i = 0; i < new->count; i++)
        c->d->new_transactions += new->runs[i].lines;
    tb_components_end(c->d);
    if (c->failed)
        tb_diag_host(c->diag, "no memory to compare %s", new->name);
}

/* -- Files --------------------------------------------------------------------------------------
 */

static bool other_runs(const struct tb_diff *d)
{
    if (d->golden->count != d->new->count)
        return true;
    for (size_t i = 0; i < d->golden->count; i++)
        if (!d->options->scenario &&
            strcmp(d->golden->runs[i].header.scenario, d->new->runs[i].header.scenario) != 0)
            return true;
    return false;
}

bool tb_diff_any(const struct tb_diff *d)
{
    bool any = d->other_runs || d->missing || d->extra || d->differing ||
               d->transactions != d->new_transactions;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        any |= d->moved[i] != 0;
    return any;
}

enum tb_exit tb_diff_files(struct tb_log_file *golden, struct tb_log_file *new,
                           const struct tb_diff_options *options, struct tb_diff *d,
                           struct tb_diag *diag)
{
    size_t errors = tb_diag_count(diag);
    enum tb_exit status = TB_EXIT_OK;
    *d = (struct tb_diff){.golden = golden, .new = new, .options = options};
    d->by_fingerprint = golden->fingerprint || new->fingerprint;
    if (d->by_fingerprint) {
        if (tb_log_file_drain(golden, true) && tb_log_file_drain(new, true))
            status = tb_diff_hashes(d, diag);
    } else {
        struct compare c = {.d = d, .diag = diag};
        c.side[GOLDEN].file = golden;
        c.side[NEW].file = new;
        compare_logs(&c);
    }
    if (tb_diag_count(diag) > errors)
        return tb_diag_is_host(diag) ? TB_EXIT_HOST : TB_EXIT_INPUT;
    if (status != TB_EXIT_OK)
        return status;
    d->other_runs = other_runs(d);
    return tb_diff_any(d) ? TB_EXIT_VIOLATION : TB_EXIT_OK;
}

void tb_diff_clear(struct tb_diff *d)
{
    tb_components_clear(d);
    tb_first_clear(&d->clear);
    free(d->blocks);
    d->blocks = NULL;
}
