/* Comparing logs; see diff.h. */
#include "diff.h"

#include "tollbridge/param.h"

#include <stdlib.h>
#include <string.h>

/* -- Options --------------------------------------------------------------------------------- */

/* "12.5" (before a %) in millionths of the whole: 125000. */
static bool parse_percent(const char *text, size_t length, uint64_t *per_million)
{
    uint64_t value = 0, unit = 10000;
    bool point = false, any = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' && !point) {
            point = true;
        } else if (text[i] >= '0' && text[i] <= '9' && value < 1000000000 && (!point || unit > 1)) {
            value = value * 10 + (uint64_t)(text[i] - '0');
            unit = point ? unit / 10 : unit;
            any = true;
        } else {
            return false;
        }
    }
    *per_million = value * unit;
    return any;
}

bool tb_diff_tolerance(struct tb_diff_options *o, const char *text, char *why)
{
    size_t length = strlen(text);
    uint64_t value;
    if (length > 0 && text[length - 1] == '%') {
        if (!parse_percent(text, length - 1, &o->per_million)) {
            snprintf(why, 200, "'%.60s' is no percentage with at most four decimals", text);
            return false;
        }
    } else if (!tb_value_parse(TB_TIME, text, &value, why)) {
        return false;
    } else {
        o->within = value;
    }
    o->tolerant = true;
    return true;
}

static bool is_name(const char *name, const char *word, size_t length)
{
    return strlen(name) == length && memcmp(name, word, length) == 0;
}

/* Ignores the keys that have the name, or all of an ingredient (name NULL). */
static bool ignore_keys(struct tb_diff_options *o, const char *word, size_t length, int ingredient)
{
    bool any = false;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        const struct tb_key *keys = tb_line_kinds[k].keys;
        for (unsigned i = 0; keys[i].name; i++) {
            bool hit = ingredient >= 0 ? (int)keys[i].ingredient == ingredient
                                       : is_name(keys[i].name, word, length);
            o->keys[k][i] |= hit;
            any |= hit;
        }
    }
    return any;
}

static bool ignore_word(struct tb_diff_options *o, const char *word, size_t length)
{
    if (is_name("order", word, length))
        return o->order = true;
    if (is_name("scenario", word, length))
        return o->scenario = true;
    if (is_name("header", word, length))
        return o->scenario = o->notes_off = true;
    for (int i = 0; i < TB_INGREDIENTS; i++)
        if (is_name(tb_ingredient_names[i], word, length))
            return ignore_keys(o, word, length, i);
    return ignore_keys(o, word, length, -1);
}

bool tb_diff_ignore(struct tb_diff_options *o, const char *list, char *why)
{
    for (const char *at = list;;) {
        size_t length = strcspn(at, ",");
        if (is_name("txn", at, length) || is_name("by", at, length)) {
            snprintf(why, 200, "'%.*s' cannot be ignored: transactions are matched by it",
                     (int)length, at);
            return false;
        }
        if (!ignore_word(o, at, length)) {
            snprintf(why, 200,
                     "'%.*s' is no key of the log, no ingredient and no part of the header",
                     (int)(length < 60 ? length : 60), at);
            return false;
        }
        if (!at[length])
            return true;
        at += length + 1;
    }
}

/* -- Values ----------------------------------------------------------------------------------- */

static bool near(const struct tb_diff_options *o, tb_time a, tb_time b, tb_time whole)
{
    tb_time apart = a > b ? a - b : b - a;
    return apart <= o->within ||
           (unsigned __int128)apart * 1000000 <= (unsigned __int128)whole * o->per_million;
}

/* A percentage is one of the golden's `t` for t, and of the golden's `lat` for lat and the parts of
 * it. */
static bool time_differs(const struct tb_diff_options *o, const struct tb_line *golden,
                         const struct tb_line *new, unsigned key)
{
    tb_time a, b, whole = 0;
    if (!o->tolerant || !tb_line_time(golden, key, &a) || !tb_line_time(new, key, &b))
        return true;
    unsigned base = key == TB_KEY_T ? TB_KEY_T : (unsigned)tb_line_key(golden->kind, "lat");
    tb_line_time(golden, base, &whole);
    return !near(o, a, b, whole);
}

bool tb_diff_key(const struct tb_diff_options *o, const struct tb_line *golden,
                 const struct tb_line *new, unsigned key)
{
    if (golden->value[key].length == new->value[key].length &&
        memcmp(golden->text + golden->value[key].at, new->text + new->value[key].at,
               golden->value[key].length) == 0)
        return false;
    if (o->keys[golden->kind - tb_line_kinds][key])
        return false;
    return golden->kind->keys[key].ingredient != TB_TIMES || time_differs(o, golden, new, key);
}

/* -- Matching --------------------------------------------------------------------------------- */

/* The runs being compared. `place[i]`: which new line matches golden line i. */
struct match {
    struct tb_diff *d;
    struct tb_diag *diag;
    size_t run_number;
    const struct tb_log_run *golden, *new;
    uint32_t *place; /* golden -> new */
    uint32_t *back;  /* new -> golden */
    uint32_t *slots; /* hash table of golden lines */
    size_t mask;
    bool duplicates;
};

static const char *by_of(const struct tb_log_file *f, const struct tb_log_entry *e)
{
    return f->text + e->offset + e->by_at;
}

static uint64_t hash_of(const struct tb_log_file *f, const struct tb_log_entry *e)
{
    uint64_t h = 0xcbf29ce484222325u ^ e->kind;
    const char *by = by_of(f, e);
    for (unsigned i = 0; i < e->by_length; i++)
        h = (h ^ (unsigned char)by[i]) * 0x100000001b3u;
    h = (h ^ e->txn) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 32;
}

static bool same_transaction(const struct tb_log_file *f, const struct tb_log_entry *a,
                             const struct tb_log_file *g, const struct tb_log_entry *b)
{
    return a->txn == b->txn && a->kind == b->kind && a->by_length == b->by_length &&
           memcmp(by_of(f, a), by_of(g, b), a->by_length) == 0;
}

static void report_duplicate(struct match *m, const struct tb_log_file *f,
                             const struct tb_log_entry *first, const struct tb_log_entry *again)
{
    struct tb_place place = {f->name, again->line, again->by_at + 1u};
    tb_diag_at(m->diag, place, "%s %u of %.*s was already in line %u",
               tb_line_kinds[again->kind].name, again->txn, (int)again->by_length, by_of(f, again),
               first->line);
    m->duplicates = true;
}

/* The slot of the golden line that is the same transaction, or the free one. */
static uint32_t *find_slot(struct match *m, const struct tb_log_file *f,
                           const struct tb_log_entry *e)
{
    const struct tb_log_file *golden = m->d->golden;
    for (size_t i = hash_of(f, e) & m->mask;; i = (i + 1) & m->mask) {
        uint32_t *slot = &m->slots[i];
        if (*slot == TB_NO_ENTRY || same_transaction(golden, &m->golden->entries[*slot], f, e))
            return slot;
    }
}

static void index_golden(struct match *m)
{
    for (uint32_t i = 0; i < m->golden->count; i++) {
        const struct tb_log_entry *e = &m->golden->entries[i];
        uint32_t *slot = find_slot(m, m->d->golden, e);
        if (*slot != TB_NO_ENTRY)
            report_duplicate(m, m->d->golden, &m->golden->entries[*slot], e);
        else
            *slot = i;
    }
}

static void match_new(struct match *m)
{
    for (uint32_t j = 0; j < m->new->count; j++) {
        const struct tb_log_entry *e = &m->new->entries[j];
        uint32_t i = *find_slot(m, m->d->new, e);
        m->back[j] = i;
        if (i == TB_NO_ENTRY)
            continue;
        if (m->place[i] != TB_NO_ENTRY)
            report_duplicate(m, m->d->new, &m->new->entries[m->place[i]], e);
        m->place[i] = j;
    }
}

static bool make_match(struct match *m)
{
    size_t golden = m->golden->count, new = m->new->count;
    for (m->mask = 15; m->mask < golden * 2; m->mask = m->mask * 2 + 1)
        continue;
    m->place = malloc((golden + 1) * sizeof *m->place);
    m->back = malloc((new + 1) * sizeof *m->back);
    m->slots = malloc((m->mask + 1) * sizeof *m->slots);
    if (!m->place || !m->back || !m->slots)
        return false;
    memset(m->place, 0xff, golden * sizeof *m->place);
    memset(m->slots, 0xff, (m->mask + 1) * sizeof *m->slots);
    index_golden(m);
    match_new(m);
    return true;
}

static void free_match(struct match *m)
{
    free(m->place);
    free(m->back);
    free(m->slots);
}

/* -- Comparing a run -------------------------------------------------------------------------- */

/* Remembers a divergence at place `at` of the golden if it is the first. */
static void note_first(struct match *m, enum tb_divergence what, uint32_t golden, uint32_t new,
                       uint32_t golden_at, uint32_t new_at)
{
    struct tb_first *f = &m->d->first;
    if (f->what != TB_SAME && (f->run != m->run_number || f->golden_at <= golden_at))
        return;
    *f = (struct tb_first){what, m->run_number, golden, new, golden_at, new_at};
}

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

/* Counts the keys that differ; true if any does. */
static bool compare_lines(struct tb_diff *d, const struct tb_line *golden,
                          const struct tb_line *new)
{
    bool moved[TB_INGREDIENTS] = {false}, any = false;
    add_latencies(d, golden, new);
    for (unsigned k = 0; k < golden->keys; k++) {
        if (!tb_diff_key(d->options, golden, new, k))
            continue;
        d->by_key[golden->kind - tb_line_kinds][k]++;
        moved[golden->kind->keys[k].ingredient] = any = true;
    }
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        d->moved[i] += moved[i];
    d->differing += any;
    return any;
}

static bool identical(const struct match *m, const struct tb_log_entry *a,
                      const struct tb_log_entry *b)
{
    return a->length == b->length &&
           memcmp(m->d->golden->text + a->offset, m->d->new->text + b->offset, a->length) == 0;
}

static void compare_golden(struct match *m)
{
    uint32_t last = 0; /* where new lines are, for context */
    for (uint32_t i = 0; i < m->golden->count; i++) {
        uint32_t j = m->place[i];
        if (j == TB_NO_ENTRY) {
            m->d->missing++;
            note_first(m, TB_MISSING, i, TB_NO_ENTRY, i, last);
            continue;
        }
        last = j + 1;
        struct tb_line golden, new;
        m->d->matched++;
        if (identical(m, &m->golden->entries[i], &m->new->entries[j]))
            continue;
        tb_log_file_line(m->d->golden, &m->golden->entries[i], &golden);
        tb_log_file_line(m->d->new, &m->new->entries[j], &new);
        if (!compare_lines(m->d, &golden, &new))
            continue;
        note_first(m, TB_KEYS_DIFFER, i, j, i, j);
        tb_causes_add(m->d, &golden, &new, m->run_number, i, j);
    }
}

static void compare_extra(struct match *m)
{
    uint32_t last = 0;
    for (uint32_t j = 0; j < m->new->count; j++) {
        if (m->back[j] != TB_NO_ENTRY) {
            last = m->back[j] + 1;
            continue;
        }
        m->d->extra++;
        note_first(m, TB_EXTRA, TB_NO_ENTRY, j, last, j);
    }
}

static tb_time time_of(const struct tb_log_file *f, const struct tb_log_entry *e)
{
    struct tb_line line = {.text = f->text + e->offset};
    tb_time t = 0;
    const char *space = memchr(line.text, ' ', e->length);
    line.value[TB_KEY_T].at = 2;
    line.value[TB_KEY_T].length = (uint16_t)(space - line.text - 2);
    tb_line_time(&line, TB_KEY_T, &t);
    return t;
}

/* The golden line that is in the new log where golden line i is in the golden. */
static void note_reordered(struct match *m, uint32_t i)
{
    note_first(m, TB_REORDERED, i, m->place[i], i, m->place[i]);
}

/* A transaction is out of order when one that was before it in the golden is behind it now. With a
 * tolerance, times that were within it of each other may change places. */
static void compare_order(struct match *m)
{
    const struct tb_diff_options *o = m->d->options;
    uint32_t behind = 0; /* golden lines before this one are certainly earlier than line i */
    uint32_t furthest = 0;
    bool any = false;
    for (uint32_t i = 0; i < m->golden->count; i++) {
        if (m->place[i] == TB_NO_ENTRY)
            continue;
        tb_time now = o->tolerant ? time_of(m->d->golden, &m->golden->entries[i]) : 0;
        for (; behind < i; behind++) {
            const struct tb_log_entry *e = &m->golden->entries[behind];
            if (o->tolerant && near(o, now, time_of(m->d->golden, e), now))
                break;
            if (m->place[behind] == TB_NO_ENTRY)
                continue;
            if (!any || m->place[behind] > furthest)
                furthest = m->place[behind];
            any = true;
        }
        if (!any || furthest < m->place[i])
            continue;
        m->d->moved[TB_ORDER]++;
        note_reordered(m, i);
    }
}

static enum tb_exit compare_run(struct tb_diff *d, size_t number, struct tb_diag *diag)
{
    struct match m = {.d = d,
                      .diag = diag,
                      .run_number = number,
                      .golden = &d->golden->runs[number],
                      .new = &d->new->runs[number]};
    enum tb_exit status = TB_EXIT_OK;
    if (!make_match(&m)) {
        tb_diag_host(diag, "no memory to compare %s", d->new->name);
        status = TB_EXIT_HOST;
    } else if (m.duplicates) {
        status = TB_EXIT_INPUT;
    } else {
        compare_golden(&m);
        compare_extra(&m);
        if (!d->options->order)
            compare_order(&m);
    }
    free_match(&m);
    return status;
}

/* -- Comparing fingerprints -------------------------------------------------------------------- */

static bool all_ignored(const struct tb_diff_options *o, unsigned ingredient)
{
    if (ingredient == TB_ORDER)
        return o->order;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned i = 0; tb_line_kinds[k].keys[i].name; i++)
            if (tb_line_kinds[k].keys[i].ingredient == ingredient && !o->keys[k][i])
                return false;
    return true;
}

static bool some_ignored(const struct tb_diff_options *o, unsigned ingredient)
{
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned i = 0; tb_line_kinds[k].keys[i].name; i++)
            if (tb_line_kinds[k].keys[i].ingredient == ingredient && o->keys[k][i])
                return true;
    return false;
}

static struct tb_moved_blocks compare_hashes(const struct tb_fingerprint *a,
                                             const struct tb_fingerprint *b, unsigned i)
{
    struct tb_moved_blocks moved = {0, 0, memcmp(a->all[i], b->all[i], sizeof a->all[i]) != 0};
    size_t longest = a->block_count > b->block_count ? a->block_count : b->block_count;
    for (size_t n = 0; n < longest; n++) {
        if (n < a->block_count && n < b->block_count &&
            memcmp(a->blocks[n].hash[i], b->blocks[n].hash[i], TB_BLOCK_HASH) == 0)
            continue;
        if (moved.count++ == 0)
            moved.first = n;
    }
    return moved;
}

/* What hashes cannot answer is refused. */
static bool can_tell(const struct tb_diff *d, size_t run, struct tb_diag *diag)
{
    const struct tb_diff_options *o = d->options;
    const struct tb_moved_blocks *moved = &d->blocks[run * TB_INGREDIENTS];
    size_t before = tb_diag_count(diag);
    struct tb_place place = {.file = d->golden->fingerprint ? d->golden->name : d->new->name};
    if (moved[TB_TIMES].differs && !all_ignored(o, TB_TIMES) && o->tolerant)
        tb_diag_at(diag, place,
                   "a golden of fingerprints cannot serve a time tolerance: its times "
                   "are a hash, and that differs (--ignore times compares the rest)");
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        if (!moved[i].differs || all_ignored(o, i))
            continue;
        if (some_ignored(o, i))
            tb_diag_at(diag, place,
                       "a golden of fingerprints cannot ignore a single key: the hash of %s "
                       "differs (--ignore %s leaves out all of them)",
                       tb_ingredient_names[i], tb_ingredient_names[i]);
        else if (o->order && moved[TB_ORDER].differs)
            tb_diag_at(diag, place,
                       "a golden of fingerprints cannot ignore the order: its hashes "
                       "run over the lines in their order");
        else
            continue;
        break;
    }
    return tb_diag_count(diag) == before;
}

/* The lines in clear tell more than hashes, if it is there that they differ. */
static void compare_clear(struct tb_diff *d, size_t number)
{
    const struct tb_log_run *golden = &d->golden->runs[number], *new = &d->new->runs[number];
    size_t count = golden->count < new->count ? golden->count : new->count;
    struct match m = {.d = d, .run_number = number, .golden = golden, .new = new};
    for (uint32_t i = 0; i < count && i < TB_CLEAR_LINES; i++) {
        struct tb_line a, b;
        if (identical(&m, &golden->entries[i], &new->entries[i]))
            continue;
        tb_log_file_line(d->golden, &golden->entries[i], &a);
        tb_log_file_line(d->new, &new->entries[i], &b);
        bool same = same_transaction(d->golden, &golden->entries[i], d->new, &new->entries[i]);
        bool differ = !same;
        for (unsigned k = 0; same && k < a.keys; k++)
            differ |= tb_diff_key(d->options, &a, &b, k);
        if (differ)
            note_first(&m, same ? TB_KEYS_DIFFER : TB_REORDERED, i, i, i, i);
    }
}

static enum tb_exit compare_print(struct tb_diff *d, size_t number, struct tb_diag *diag)
{
    const struct tb_fingerprint *a = &d->golden->runs[number].print;
    const struct tb_fingerprint *b = &d->new->runs[number].print;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        d->blocks[number * TB_INGREDIENTS + i] = compare_hashes(a, b, i);
    if (!can_tell(d, number, diag))
        return TB_EXIT_INPUT;
    bool any = false;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        struct tb_moved_blocks *moved = &d->blocks[number * TB_INGREDIENTS + i];
        if (all_ignored(d->options, i))
            *moved = (struct tb_moved_blocks){0};
        d->moved[i] += moved->differs ? moved->count + !moved->count : 0;
        any |= moved->differs;
    }
    if (any)
        compare_clear(d, number);
    return TB_EXIT_OK;
}

static bool prepare_prints(struct tb_diff *d, struct tb_log_file *golden, struct tb_log_file *new)
{
    d->blocks = calloc(golden->count * TB_INGREDIENTS, sizeof *d->blocks);
    return d->blocks && tb_log_file_print(golden) && tb_log_file_print(new);
}

/* -- Comparing files ----------------------------------------------------------------------------
 */

static uint64_t lines_of(const struct tb_log_file *f, bool print)
{
    uint64_t lines = 0;
    for (size_t i = 0; i < f->count; i++)
        lines += print ? f->runs[i].print.lines : f->runs[i].count;
    return lines;
}

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
    *d = (struct tb_diff){.golden = golden, .new = new, .options = options};
    tb_causes_begin(&d->causes);
    d->by_fingerprint = golden->fingerprint || new->fingerprint;
    d->other_runs = other_runs(d);
    if (d->by_fingerprint && !prepare_prints(d, golden, new)) {
        tb_diag_host(diag, "no memory to compare %s", new->name);
        return TB_EXIT_HOST;
    }
    d->transactions = lines_of(golden, d->by_fingerprint);
    d->new_transactions = lines_of(new, d->by_fingerprint);
    for (size_t i = 0; i < golden->count && i < new->count; i++) {
        enum tb_exit status =
            d->by_fingerprint ? compare_print(d, i, diag) : compare_run(d, i, diag);
        if (status != TB_EXIT_OK)
            return status;
    }
    return tb_diff_any(d) ? TB_EXIT_VIOLATION : TB_EXIT_OK;
}

void tb_diff_clear(struct tb_diff *d)
{
    free(d->blocks);
    d->blocks = NULL;
}
