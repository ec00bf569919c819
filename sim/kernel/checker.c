/* See checker.h: who may go where, by a driver's own words.
 *
 * A space has two interval trees (treaps, by address and number): the mappings that a device may
 * still know, and those that are gone. An access that a mapping in force explains is fine, and that
 * is looked for first; only what it does not explain is looked for among the others. The better
 * explanation counts.
 */
#include "kernel/checker.h"

#include "kernel/kernel.h"

#include <inttypes.h>
#include <string.h>

#define RECORDS_AT_ONCE 256 /* that memory is taken for together */
#define TOLD_EACH       3   /* violations told of one mapping; further ones are counted */

/* A range that was mapped once, in one piece. */
struct record {
    struct record *left, *right;
    uint64_t iova, last, pa;
    uint64_t max;    /* no smaller than `last` of all below */
    uint64_t number; /* orders records of one address; also the random weight's source */
    tb_time mapped, started, done; /* the latter two: TB_NEVER as long as they have not come */
    const struct tb_node *map_node, *unmap_node;
    uint32_t weight, told;
    uint8_t access;
};

/* Whose requests go by which space, from when to when. */
struct attachment {
    struct attachment *next;
    tb_time from, started, done;
    const struct tb_node *node, *end_node;
    uint32_t space, pasid, told;
    uint16_t requester;
    bool has_pasid;
};

struct space {
    struct space *next;
    struct record *current, *gone;
    uint32_t number;
};

struct tb_checker {
    struct tb_sim *sim;
    struct space *spaces;
    struct attachment *attachments; /* latest first */
    struct record *free;
    uint64_t records;
    struct tb_random random;
    struct tb_safety result;
};

/* -- Trees ---------------------------------------------------------------------------------- */

static bool precedes(const struct record *a, const struct record *b)
{
    return a->iova != b->iova ? a->iova < b->iova : a->number < b->number;
}

static void update(struct record *n)
{
    n->max = n->last;
    if (n->left && n->left->max > n->max)
        n->max = n->left->max;
    if (n->right && n->right->max > n->max)
        n->max = n->right->max;
}

/* Parts a tree into what precedes `at` and what follows it. */
static void split(struct record *tree, const struct record *at, struct record **before,
                  struct record **after)
{
    if (!tree) {
        *before = *after = NULL;
        return;
    }
    if (precedes(tree, at)) {
        split(tree->right, at, &tree->right, after);
        *before = tree;
    } else {
        split(tree->left, at, before, &tree->left);
        *after = tree;
    }
    update(tree);
}

static struct record *join(struct record *a, struct record *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->weight > b->weight) {
        a->right = join(a->right, b);
        update(a);
        return a;
    }
    b->left = join(a, b->left);
    update(b);
    return b;
}

static struct record *insert(struct record *tree, struct record *r)
{
    if (!tree || r->weight > tree->weight) {
        split(tree, r, &r->left, &r->right);
        update(r);
        return r;
    }
    if (precedes(r, tree))
        tree->left = insert(tree->left, r);
    else
        tree->right = insert(tree->right, r);
    update(tree);
    return tree;
}

static struct record *without(struct record *tree, const struct record *r)
{
    if (tree == r)
        return join(tree->left, tree->right);
    if (precedes(r, tree))
        tree->left = without(tree->left, r);
    else
        tree->right = without(tree->right, r);
    update(tree);
    return tree;
}

/* The first record that overlaps first..last and that `wanted` accepts. */
static struct record *find(struct record *tree, uint64_t first, uint64_t last,
                           bool (*wanted)(const struct record *r, const void *of), const void *of)
{
    if (!tree || tree->max < first)
        return NULL;
    struct record *r = find(tree->left, first, last, wanted, of);
    if (r || tree->iova > last)
        return r;
    if (tree->last >= first && wanted(tree, of))
        return tree;
    return find(tree->right, first, last, wanted, of);
}

/* -- Declarations --------------------------------------------------------------------------- */

static struct space *space_of(struct tb_checker *c, struct tb_model *m, uint32_t number)
{
    for (struct space *s = c->spaces; s; s = s->next)
        if (s->number == number)
            return s;
    struct space *s = tb_page_alloc(m, sizeof *s);
    *s = (struct space){.next = c->spaces, .number = number};
    return c->spaces = s;
}

static struct record *new_record(struct tb_checker *c, struct tb_model *m)
{
    if (!c->free) {
        struct record *block = tb_page_alloc(m, RECORDS_AT_ONCE * sizeof *block);
        for (unsigned k = 0; k < RECORDS_AT_ONCE; k++) {
            block[k].right = c->free;
            c->free = &block[k];
        }
    }
    struct record *r = c->free;
    c->free = r->right;
    *r = (struct record){.number = c->records++, .started = TB_NEVER, .done = TB_NEVER};
    r->weight = (uint32_t)(tb_random_next(&c->random) >> 32);
    return r;
}

/* Cuts a record at `at`, its second piece's first address. Returns the second piece. */
static struct record *cut(struct tb_checker *c, struct tb_model *m, struct space *s,
                          struct record *r, uint64_t at)
{
    struct record *second = new_record(c, m);
    uint64_t number = second->number;
    uint32_t weight = second->weight;
    *second = *r;
    second->number = number;
    second->weight = weight;
    second->left = second->right = NULL;
    second->iova = at;
    second->pa = r->pa + (at - r->iova);
    r->last = at - 1; /* `max` above it stays too large, which costs a look, no more */
    s->current = insert(s->current, second);
    return second;
}

/* The piece of a record that lies within first..last, as a record of its own. */
static struct record *piece_within(struct tb_checker *c, struct tb_model *m, struct space *s,
                                   struct record *r, uint64_t first, uint64_t last)
{
    if (r->iova < first)
        r = cut(c, m, s, r, first);
    if (r->last > last)
        cut(c, m, s, r, last + 1);
    return r;
}

static bool in_force(const struct record *r, const void *of)
{
    (void)of;
    return r->started == TB_NEVER;
}

static bool started_by(const struct record *r, const void *of)
{
    const tb_time *by = of;
    return r->started != TB_NEVER && r->started <= *by;
}

static void start_unmap(struct tb_checker *c, struct tb_model *m, struct space *s,
                        const struct tb_mapping *of, tb_time when)
{
    uint64_t last = of->iova + of->size - 1;
    struct record *r;
    while ((r = find(s->current, of->iova, last, in_force, NULL))) {
        r = piece_within(c, m, s, r, of->iova, last);
        r->started = when;
        r->unmap_node = of->node;
    }
}

static void end_window(struct tb_checker *c, tb_time began, tb_time when)
{
    struct tb_safety *n = &c->result;
    n->windows++;
    n->window_sum += when - began;
    n->window_max = tb_max(n->window_max, when - began);
}

static void end_unmap(struct tb_checker *c, struct tb_model *m, struct space *s,
                      const struct tb_mapping *of, tb_time when)
{
    uint64_t last = of->iova + of->size - 1;
    struct record *r;
    while ((r = find(s->current, of->iova, last, started_by, &of->started_by))) {
        r = piece_within(c, m, s, r, of->iova, last);
        r->done = when;
        end_window(c, r->started, when);
        s->current = without(s->current, r);
        s->gone = insert(s->gone, r);
    }
}

/* What was mapped there is being replaced. */
static void map(struct tb_checker *c, struct tb_model *m, struct space *s,
                const struct tb_mapping *of, tb_time when)
{
    start_unmap(c, m, s, of, when);
    struct record *r = new_record(c, m);
    r->iova = of->iova;
    r->last = of->iova + of->size - 1;
    r->pa = of->pa;
    r->access = of->access;
    r->mapped = when;
    r->map_node = of->node;
    s->current = insert(s->current, r);
}

static bool is_of(const struct attachment *a, const struct tb_mapping *of)
{
    return a->requester == of->requester && a->has_pasid == of->has_pasid &&
           (!a->has_pasid || a->pasid == of->pasid);
}

static void attach(struct tb_checker *c, struct tb_model *m, const struct tb_mapping *of,
                   tb_time when)
{
    for (struct attachment *a = c->attachments; a; a = a->next) {
        if (!is_of(a, of) || a->started != TB_NEVER)
            continue;
        if (a->space == of->space)
            return;
        a->started = when;
        a->end_node = of->node;
    }
    struct attachment *a = tb_page_alloc(m, sizeof *a);
    *a = (struct attachment){.next = c->attachments,
                             .from = when,
                             .started = TB_NEVER,
                             .done = TB_NEVER,
                             .node = of->node,
                             .space = of->space,
                             .pasid = of->pasid,
                             .requester = of->requester,
                             .has_pasid = of->has_pasid};
    c->attachments = a;
}

static void detach(struct tb_checker *c, const struct tb_mapping *of, tb_time when)
{
    for (struct attachment *a = c->attachments; a; a = a->next)
        if (is_of(a, of) && a->started <= of->started_by && a->started != TB_NEVER &&
            a->done == TB_NEVER) {
            a->done = when;
            end_window(c, a->started, when);
        }
}

void tb_checker_declare(struct tb_checker *c, struct tb_model *m, enum tb_declared what,
                        const struct tb_mapping *of, tb_time when)
{
    static void (*const of_mapping[])(struct tb_checker *, struct tb_model *, struct space *,
                                      const struct tb_mapping *, tb_time) = {
        [TB_MAPPED] = map, [TB_UNMAP_STARTED] = start_unmap, [TB_UNMAPPED] = end_unmap};
    if (what == TB_ATTACHED)
        attach(c, m, of, when);
    else if (what == TB_DETACHED)
        detach(c, of, when);
    else if (of->size)
        of_mapping[what](c, m, space_of(c, m, of->space), of, when);
}

void tb_declare(struct tb_model *m, enum tb_declared what, const struct tb_mapping *of,
                tb_time when)
{
    if (m->sim->checker)
        tb_checker_declare(m->sim->checker, m, what, of, when);
}

/* -- Accesses ------------------------------------------------------------------------------- */

enum rank { FINE, STALE, BAD, UNKNOWN };

/* The best explanation of an access so far. */
struct verdict {
    enum rank rank;
    struct record *record; /* NULL: none is needed */
    struct attachment *attachment;
    tb_time since; /* what counts: when the unmap began (STALE), when it was declared done (BAD) */
    bool detached; /* by the attachment's end, not the record's */
};

struct access {
    const struct tb_txn *txn;
    tb_time served;
    struct attachment *attachment;
    struct verdict *verdict;
};

static enum rank rank_of(tb_time served, tb_time started, tb_time done)
{
    return served <= started ? FINE : served <= done ? STALE : BAD;
}

static void consider(struct access *x, struct record *r)
{
    struct attachment *a = x->attachment;
    enum rank by_attachment = rank_of(x->served, a->started, a->done);
    enum rank by_record = r ? rank_of(x->served, r->started, r->done) : FINE;
    bool detached = by_attachment > by_record;
    enum rank rank = detached ? by_attachment : by_record;
    tb_time started = detached ? a->started : r ? r->started : 0;
    tb_time done = detached ? a->done : r ? r->done : 0;
    if (rank < x->verdict->rank)
        *x->verdict = (struct verdict){rank, r, a, rank == BAD ? done : started, detached};
}

/* Looks at every record that leads to where the access went; goes on until one makes it fine. */
static bool explains(const struct record *r, const void *of)
{
    struct access *x = (struct access *)(uintptr_t)of;
    const struct tb_txn *t = x->txn;
    bool leads = r->pa + (t->iova - r->iova) == t->pa && x->served >= r->mapped &&
                 (r->access & (t->write ? TB_MAY_WRITE : TB_MAY_READ));
    if (leads)
        consider(x, (struct record *)(uintptr_t)r);
    return x->verdict->rank == FINE;
}

static void look_in_space(struct tb_checker *c, struct access *x)
{
    uint64_t at = x->txn->iova;
    for (struct space *s = c->spaces; s; s = s->next)
        if (s->number == x->attachment->space) {
            find(s->current, at, at, explains, x);
            if (x->verdict->rank != FINE)
                find(s->gone, at, at, explains, x);
        }
}

static struct verdict judge(struct tb_checker *c, const struct tb_txn *t)
{
    struct verdict v = {.rank = UNKNOWN};
    const struct tb_mapping who = {
        .requester = t->requester, .has_pasid = t->has_pasid, .pasid = t->pasid};
    for (struct attachment *a = c->attachments; a && v.rank != FINE; a = a->next) {
        struct access x = {t, t->served, a, &v};
        if (!is_of(a, &who) || t->served < a->from)
            continue;
        if (a->space == TB_EVERYWHERE)
            consider(&x, NULL);
        else
            look_in_space(c, &x);
    }
    return v;
}

static void put_place(char *out, size_t size, const char *before, const struct tb_node *node)
{
    out[0] = '\0';
    if (node && node->place.line)
        snprintf(out, size, "%s%u", before, node->place.line);
}

static void tell(struct tb_model *by, const struct tb_txn *t, const struct verdict *v)
{
    char mapped[40], unmapped[40];
    uint32_t *told = v->detached ? &v->attachment->told : &v->record->told;
    const struct tb_node *from = v->detached ? v->attachment->node : v->record->map_node;
    const struct tb_node *to = v->detached ? v->attachment->end_node : v->record->unmap_node;
    tb_time late = t->served - v->since;
    if ((*told)++ >= TOLD_EACH)
        return;
    put_place(mapped, sizeof mapped, " of line ", from);
    put_place(unmapped, sizeof unmapped, " on line ", to);
    tb_violation(by, to, t->served,
                 "dma-safety: txn %" PRIu32 " (op=%s, %" PRIu32 " bytes, iova 0x%" PRIx64
                 ") reached 0x%" PRIx64 " through the %s%s, %" PRIu64
                 ".%03u ns after it was declared %s%s%s",
                 t->number, t->write ? "write" : "read", t->length, t->iova, t->pa,
                 v->detached ? "attachment" : "mapping", mapped, late / TB_NS,
                 (unsigned)(late % TB_NS), v->detached ? "ended" : "unmapped", unmapped,
                 *told == TOLD_EACH ? " (further ones are counted only)" : "");
}

void tb_checker_observe(void *context, struct tb_model *by, const struct tb_txn *txn,
                        enum tb_status status, tb_time when)
{
    struct tb_checker *c = context;
    struct tb_safety *n = &c->result;
    (void)when;
    if (txn->kind != TB_TXN_DMA || txn->served == 0 || (status != TB_OK && status != TB_UNFINISHED))
        return;
    struct verdict v = judge(c, txn);
    n->checked += v.rank != UNKNOWN;
    n->unwatched += v.rank == UNKNOWN;
    if (v.rank == STALE) {
        n->stale++;
        n->stale_max = tb_max(n->stale_max, txn->served - v.since);
    } else if (v.rank == BAD) {
        n->violations++;
        tell(by, txn, &v);
    }
}

struct tb_checker *tb_checker_new(struct tb_sim *s)
{
    struct tb_checker *c = kernel_alloc(s, 1, sizeof *c);
    c->sim = s;
    return c;
}

const struct tb_safety *tb_checker_result(const struct tb_checker *c)
{
    return &c->result;
}

bool tb_safety_of(const struct tb_model *m, struct tb_safety *out)
{
    if (m->sim->checker)
        *out = *tb_checker_result(m->sim->checker);
    return m->sim->checker != NULL;
}
