/* Comparing traces; see trace_diff.h. */
#include "trace_diff.h"

#include "summary.h"
#include "trace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NONE UINT32_MAX

/* Records of one side that wait for their match: a ring in the order in which they came, and a hash
 * table of it. */
struct waiting {
    struct tb_trace_record *ring;
    bool *taken;     /* it has found its match */
    uint32_t *table; /* 2 * TB_TRACE_DIFF_WAITING places in the ring */
    uint64_t head, tail;
};

enum { TABLE = 4 * TB_TRACE_DIFF_WAITING };

struct compare {
    struct tb_trace_diff *d;
    struct tb_trace_file *file[2];
    const struct tb_trace_run *run[2];
    uint32_t *model_of, *site_of; /* of the new run's: the golden's, or NONE */
    uint32_t *hop_of;             /* golden's site * TB_TRACE_WORDS + part: in d->hops, or NONE */
    struct waiting waiting[2];
};

/* -- Names
 * --------------------------------------------------------------------------------------------------
 */

static uint32_t find_site(const struct tb_trace_run *r, const char *name, unsigned from,
                          unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if (strcmp(r->sites[i].name, name) == 0)
            return i;
    return NONE;
}

static bool same_words(const struct tb_trace_word_list *a, const struct tb_trace_word_list *b)
{
    for (unsigned i = 0; i < a->count && a->count == b->count; i++)
        if (strcmp(a->word[i], b->word[i]) != 0)
            return false;
    return a->count == b->count;
}

static bool map_names(struct compare *c)
{
    const struct tb_trace_run *a = c->run[0], *b = c->run[1];
    c->model_of = calloc(b->model_count + 1, sizeof *c->model_of);
    c->site_of = calloc(b->site_count + 1, sizeof *c->site_of);
    c->hop_of = malloc((size_t)(a->site_count + 1) * TB_TRACE_WORDS * sizeof *c->hop_of);
    if (!c->model_of || !c->site_of || !c->hop_of)
        return false;
    memset(c->hop_of, 0xff, (size_t)(a->site_count + 1) * TB_TRACE_WORDS * sizeof *c->hop_of);
    for (unsigned i = 0; i < b->site_count; i++) {
        bool wire = i < b->wire_count;
        c->site_of[i] = find_site(a, b->sites[i].name, wire ? 0 : a->wire_count,
                                  wire ? a->wire_count : a->site_count);
    }
    for (unsigned i = 0; i < b->model_count; i++) {
        uint32_t site = c->site_of[b->wire_count + i];
        c->model_of[i] = site == NONE ? NONE : site - a->wire_count;
    }
    return true;
}

/* A model of the new run by the golden's number; nobody stays nobody. */
static uint32_t model_of(const struct compare *c, uint16_t model)
{
    return model == UINT16_MAX ? UINT16_MAX : c->model_of[model];
}

/* -- What moved
 * ------------------------------------------------------------------------------------------------
 */

/* The word outlives the file if it is one of this program's own, as it is unless the trace is a
 * stranger's. */
static const char *part_word(const struct tb_trace_run *r, unsigned part)
{
    for (unsigned p = 0; p < TB_PARTS; p++)
        if (strcmp(tb_part_names[p], r->parts.word[part]) == 0)
            return tb_part_names[p];
    return "other";
}

static struct tb_moved_hop *hop_at(struct compare *c, uint32_t site, unsigned part)
{
    struct tb_trace_diff *d = c->d;
    uint32_t *place = &c->hop_of[(size_t)site * TB_TRACE_WORDS + part];
    if (*place != NONE)
        return &d->hops[*place];
    if (d->hop_count == d->hop_room) {
        size_t room = d->hop_room ? 2 * d->hop_room : 32;
        struct tb_moved_hop *more = realloc(d->hops, room * sizeof *more);
        if (!more)
            return NULL;
        d->hops = more;
        d->hop_room = room;
    }
    *place = (uint32_t)d->hop_count;
    struct tb_moved_hop *h = &d->hops[d->hop_count++];
    *h = (struct tb_moved_hop){.where = strdup(c->run[0]->sites[site].name),
                               .part = part_word(c->run[0], part)};
    return h;
}

static bool is_waiting(const struct compare *c, const struct tb_trace_record *a, unsigned part)
{
    static const char *const words[] = {"queue", "walk", "ats"};
    const char *name = c->run[0]->parts.word[part];
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(name, words[i]) == 0)
            return true;
    return strcmp(c->run[0]->kinds.word[a->kind], "disk") == 0; /* made of others' transfers */
}

static void move(struct compare *c, uint32_t site, unsigned part, tb_time golden, tb_time new)
{
    struct tb_moved_hop *h = golden == new ? NULL : hop_at(c, site, part);
    if (!h) {
        c->d->failed |= golden != new;
        return;
    }
    h->count++;
    if (new > golden)
        h->more += new - golden;
    else
        h->less += golden - new;
}

static bool same_path(const struct compare *c, const struct tb_trace_record *a,
                      const struct tb_trace_record *b)
{
    if (a->span_count != b->span_count)
        return false;
    for (unsigned i = 0; i < a->span_count; i++)
        if (a->spans[i].part != b->spans[i].part ||
            a->spans[i].site != c->site_of[b->spans[i].site])
            return false;
    return true;
}

enum { OWN = 1, WAITED = 2, MOVED = 4 };

/* Span by span where both went the same way. */
static unsigned compare_same_path(struct compare *c, const struct tb_trace_record *a,
                                  const struct tb_trace_record *b)
{
    unsigned what = 0;
    for (unsigned i = 0; i < a->span_count; i++) {
        if (a->spans[i].time == b->spans[i].time)
            continue;
        what |= MOVED | (is_waiting(c, a, a->spans[i].part) ? WAITED : OWN);
        move(c, a->spans[i].site, a->spans[i].part, a->spans[i].time, b->spans[i].time);
    }
    return what;
}

/* Another way: what one did not do it took no time for. Going another way is the transaction's own.
 */
static unsigned compare_paths(struct compare *c, const struct tb_trace_record *a,
                              const struct tb_trace_record *b)
{
    if (same_path(c, a, b))
        return compare_same_path(c, a, b);
    for (unsigned i = 0; i < a->span_count; i++)
        move(c, a->spans[i].site, a->spans[i].part, a->spans[i].time, 0);
    for (unsigned i = 0; i < b->span_count; i++)
        if (c->site_of[b->spans[i].site] != NONE)
            move(c, c->site_of[b->spans[i].site], b->spans[i].part, 0, b->spans[i].time);
    return OWN | MOVED;
}

/* -- A pair
 * -----------------------------------------------------------------------------------------------------
 */

static char *sentence(const struct compare *c, const struct tb_trace_record *a, const char *what)
{
    char *text;
    const struct tb_trace_run *r = c->run[0];
    int n = asprintf(&text, "run %u: %s %" PRIu32 " of %s, created at %" PRIu64 ".%03u ns: %s",
                     r->number + 1, r->kinds.word[a->kind], a->number, tb_trace_model(r, a->by),
                     a->created / TB_NS, (unsigned)(a->created % TB_NS), what);
    return n < 0 ? NULL : text;
}

static void note(struct compare *c, const struct tb_trace_record *a, const char *what)
{
    if (!c->d->first && !(c->d->first = sentence(c, a, what)))
        c->d->failed = true;
}

static bool same_address(const struct compare *c, const struct tb_trace_record *a,
                         const struct tb_trace_record *b)
{
    return a->iova == b->iova && a->has_pa == b->has_pa && (!a->has_pa || a->pa == b->pa) &&
           a->length == b->length && a->to == model_of(c, b->to) && a->requester == b->requester &&
           a->write == b->write && a->at == b->at && a->has_pasid == b->has_pasid &&
           a->pasid == b->pasid && a->tag == b->tag;
}

static void count_cause(struct compare *c, const struct tb_trace_record *a, unsigned what)
{
    struct tb_trace_diff *d = c->d;
    if (what & OWN)
        d->own++;
    else if (what & WAITED)
        d->waited++;
    else
        d->shifted++;
    if ((what & OWN) && !d->cause && !(d->cause = sentence(c, a, "changed by itself")))
        d->failed = true;
}

static void compare_pair(struct compare *c, const struct tb_trace_record *a,
                         const struct tb_trace_record *b)
{
    struct tb_trace_diff *d = c->d;
    unsigned what = compare_paths(c, a, b);
    bool times = (what & MOVED) || a->created != b->created || a->ended != b->ended;
    bool addresses = !same_address(c, a, b);
    bool outcome = a->status != b->status || a->tlb != b->tlb;
    bool data = a->value[0] != b->value[0] || a->value[1] != b->value[1];
    d->matched++;
    d->times += times;
    d->addresses += addresses;
    d->outcome += outcome;
    d->data += data;
    if (!times && !addresses && !outcome && !data) {
        d->equal++;
        return;
    }
    note(c, a,
         outcome     ? "another outcome"
         : addresses ? "another address"
         : data      ? "other data"
                     : "other times");
    count_cause(c, a, addresses || outcome || data ? what | OWN : what);
}

/* -- Matching
 * ------------------------------------------------------------------------------------------------------
 */

/* Who a record is, in the golden's numbers. */
static uint64_t identity(const struct compare *c, unsigned side, const struct tb_trace_record *t)
{
    uint64_t by = side ? c->model_of[t->by] : t->by;
    return by << 40 | (uint64_t)t->kind << 32 | t->number;
}

static uint32_t slot_of(uint64_t identity)
{
    return (uint32_t)((identity * 0x9e3779b97f4a7c15u) >> 32) % TABLE;
}

/* Its place in the ring, or NONE; records in one run are unique. */
static uint32_t find(const struct compare *c, unsigned side, uint64_t wanted)
{
    const struct waiting *w = &c->waiting[side];
    for (uint32_t i = slot_of(wanted);; i = (i + 1) % TABLE) {
        uint32_t at = w->table[i];
        if (at == NONE)
            return NONE;
        if (!w->taken[at] && identity(c, side, &w->ring[at]) == wanted)
            return at;
    }
}

static void enter(struct compare *c, unsigned side, uint32_t at)
{
    struct waiting *w = &c->waiting[side];
    uint32_t i = slot_of(identity(c, side, &w->ring[at]));
    while (w->table[i] != NONE)
        i = (i + 1) % TABLE;
    w->table[i] = at;
}

/* What was taken still stands in the table: it is built anew when the ring has gone round. */
static void rebuild(struct compare *c, unsigned side)
{
    struct waiting *w = &c->waiting[side];
    memset(w->table, 0xff, TABLE * sizeof *w->table);
    for (uint64_t k = w->head; k < w->tail; k++)
        if (!w->taken[k % TB_TRACE_DIFF_WAITING])
            enter(c, side, (uint32_t)(k % TB_TRACE_DIFF_WAITING));
}

static void give_up_on(struct compare *c, unsigned side)
{
    struct waiting *w = &c->waiting[side];
    uint32_t at = (uint32_t)(w->head++ % TB_TRACE_DIFF_WAITING);
    if (w->taken[at])
        return;
    if (side == 0) {
        c->d->missing++;
        note(c, &w->ring[at], "missing");
    } else {
        c->d->extra++;
    }
    w->taken[at] = true;
}

static void wait(struct compare *c, unsigned side, const struct tb_trace_record *t)
{
    struct waiting *w = &c->waiting[side];
    if (w->tail - w->head == TB_TRACE_DIFF_WAITING)
        give_up_on(c, side);
    uint32_t at = (uint32_t)(w->tail % TB_TRACE_DIFF_WAITING);
    w->ring[at] = *t;
    w->taken[at] = false;
    if (w->tail++ % TB_TRACE_DIFF_WAITING == 0)
        rebuild(c, side);
    else
        enter(c, side, at);
}

/* A record that is not in step: its match waits on the other side, or it waits itself. */
static void place(struct compare *c, unsigned side, const struct tb_trace_record *t)
{
    struct waiting *other = &c->waiting[!side];
    bool known = side == 0 || c->model_of[t->by] != NONE;
    uint32_t at = known ? find(c, !side, identity(c, side, t)) : NONE;
    if (!known) {
        c->d->extra++;
    } else if (at == NONE) {
        wait(c, side, t);
    } else {
        other->taken[at] = true;
        c->d->order++;
        if (side == 0)
            note(c, t, "out of order");
        else
            note(c, &other->ring[at], "out of order");
        compare_pair(c, side == 0 ? t : &other->ring[at], side == 0 ? &other->ring[at] : t);
    }
    while (other->head < other->tail && other->taken[other->head % TB_TRACE_DIFF_WAITING])
        other->head++;
}

static bool in_step(const struct compare *c, const struct tb_trace_record *a,
                    const struct tb_trace_record *b)
{
    return a->number == b->number && a->kind == b->kind && a->by == c->model_of[b->by] &&
           c->waiting[0].head == c->waiting[0].tail && c->waiting[1].head == c->waiting[1].tail;
}

static void compare_records(struct compare *c)
{
    struct tb_trace_diff *d = c->d;
    const struct tb_trace_record *a, *b;
    do {
        a = tb_trace_next(c->file[0]);
        b = tb_trace_next(c->file[1]);
        d->golden += a != NULL;
        d->new += b != NULL;
        if (a && b && in_step(c, a, b)) {
            compare_pair(c, a, b);
            continue;
        }
        if (a)
            place(c, 0, a);
        if (b)
            place(c, 1, b);
    } while ((a || b) && !d->failed);
    for (unsigned side = 0; side < 2; side++)
        while (c->waiting[side].head < c->waiting[side].tail)
            give_up_on(c, side);
}

/* -- Runs
 * -------------------------------------------------------------------------------------------------------------
 */

static bool make_waiting(struct waiting *w)
{
    w->ring = malloc(TB_TRACE_DIFF_WAITING * sizeof *w->ring);
    w->taken = calloc(TB_TRACE_DIFF_WAITING, sizeof *w->taken);
    w->table = malloc(TABLE * sizeof *w->table);
    if (w->table)
        memset(w->table, 0xff, TABLE * sizeof *w->table);
    return w->ring && w->taken && w->table;
}

static void compare_run(struct compare *c)
{
    const struct tb_trace_run *a = c->run[0], *b = c->run[1];
    if (strcmp(a->scenario, b->scenario) != 0 || !same_words(&a->kinds, &b->kinds) ||
        !same_words(&a->parts, &b->parts) || !same_words(&a->statuses, &b->statuses)) {
        c->d->other_runs = true;
        return;
    }
    if (map_names(c) && make_waiting(&c->waiting[0]) && make_waiting(&c->waiting[1]))
        compare_records(c);
    else
        c->d->failed = true;
    for (unsigned side = 0; side < 2; side++) {
        free(c->waiting[side].ring);
        free(c->waiting[side].taken);
        free(c->waiting[side].table);
        c->waiting[side] = (struct waiting){0};
    }
    free(c->model_of);
    free(c->site_of);
    free(c->hop_of);
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
        bool golden = go_to_run(c->file[0], n), new = go_to_run(c->file[1], n);
        if (golden != new)
            c->d->other_runs = true;
        if (!golden || !new)
            return;
        c->run[0] = tb_trace_run(c->file[0]);
        c->run[1] = tb_trace_run(c->file[1]);
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

enum tb_exit tb_trace_diff(const char *golden, const char *new, struct tb_trace_diff *d,
                           struct tb_diag *diag)
{
    struct compare c = {.d = d};
    *d = (struct tb_trace_diff){0};
    c.file[0] = tb_trace_open(golden, diag);
    c.file[1] = tb_trace_open(new, diag);
    if (c.file[0] && c.file[1])
        compare_files(&c);
    for (unsigned side = 0; side < 2; side++) {
        if (c.file[side] && tb_trace_ok(c.file[side]) && tb_trace_was_cut(c.file[side]))
            tb_diag_at(diag, (struct tb_place){0}, "%s was cut off: it cannot be compared",
                       side ? new : golden);
        if (c.file[side])
            tb_trace_close(c.file[side]);
    }
    for (size_t i = 0; i < d->hop_count; i++)
        d->failed |= !d->hops[i].where;
    if (d->failed)
        tb_diag_host(diag, "no memory to compare %s", new);
    if (tb_diag_count(diag))
        return tb_diag_is_host(diag) ? TB_EXIT_HOST : TB_EXIT_INPUT;
    if (d->hop_count)
        qsort(d->hops, d->hop_count, sizeof *d->hops, by_amount);
    return tb_trace_diff_any(d) ? TB_EXIT_VIOLATION : TB_EXIT_OK;
}

bool tb_trace_diff_any(const struct tb_trace_diff *d)
{
    return d->other_runs || d->missing || d->extra || d->order || d->equal != d->matched;
}

void tb_trace_diff_clear(struct tb_trace_diff *d)
{
    for (size_t i = 0; i < d->hop_count; i++)
        free(d->hops[i].where);
    free(d->hops);
    free(d->first);
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
