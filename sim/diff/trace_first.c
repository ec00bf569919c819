/* Whose records differ, and where each model's first do; see trace_pair.h. */
#include "diff/trace_pair.h"

#include "log/line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GOLDEN, NEW };

/* -- Who differs --------------------------------------------------------------------------------
 */

static const char *name_of(const struct tb_trace_pairing *p, unsigned which, uint16_t model)
{
    return which == GOLDEN ? tb_trace_name_of(p, model) : tb_trace_model(p->run[NEW], model);
}

static struct tb_trace_component *new_component(struct tb_trace_diff *d, const char *name)
{
    struct tb_trace_component *more =
        realloc(d->components, (d->component_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    d->components = more;
    more[d->component_count] = (struct tb_trace_component){.by = strdup(name)};
    return more[d->component_count].by ? &more[d->component_count++] : NULL;
}

struct tb_trace_component *tb_trace_component_of(struct tb_trace_pairing *p, unsigned which,
                                                 uint16_t model)
{
    struct tb_trace_diff *d = p->d;
    uint32_t *known = &p->component_of[which][model];
    const char *name = name_of(p, which, model);
    for (uint32_t i = 0; *known == TB_NOWHERE && i < d->component_count; i++)
        if (strcmp(d->components[i].by, name) == 0)
            *known = i;
    if (*known != TB_NOWHERE)
        return &d->components[*known];
    struct tb_trace_component *new = new_component(d, name);
    d->failed |= !new;
    if (new)
        *known = (uint32_t)(new - d->components);
    return new;
}

char *tb_trace_sentence(const struct tb_trace_pairing *p, unsigned which,
                        const struct tb_trace_record *a, const char *what)
{
    char *text;
    const struct tb_trace_run *r = p->run[which];
    int n = asprintf(&text, "run %u: %s %" PRIu32 " of %s, created at %" PRIu64 ".%03u ns: %s",
                     r->number + 1, r->kinds.word[a->kind], a->number, name_of(p, which, a->by),
                     a->created / TB_NS, (unsigned)(a->created % TB_NS), what);
    return n < 0 ? NULL : text;
}

bool tb_trace_is_first(const struct tb_trace_pairing *p, const struct tb_trace_component *of,
                       uint64_t place)
{
    unsigned run = p->run[GOLDEN]->number;
    return !of->first || run < of->run || (run == of->run && place < of->place);
}

/* `place` counts in the golden. */
void tb_trace_diverge(struct tb_trace_pairing *p, unsigned which, const struct tb_trace_record *t,
                      uint64_t place, size_t counter, const char *what)
{
    struct tb_trace_component *of = tb_trace_component_of(p, which, t->by);
    if (!of)
        return;
    ++*(uint64_t *)((char *)of + counter);
    if (!tb_trace_is_first(p, of, place))
        return;
    free(of->first);
    of->first = tb_trace_sentence(p, which, t, what);
    of->run = p->run[GOLDEN]->number;
    of->place = place;
    p->d->failed |= !of->first;
}

static void print_stay(const struct tb_trace_pairing *p, const struct tb_trace_stay *s, FILE *to)
{
    char by[40] = "";
    *tb_put_time(by, s->new > s->golden ? s->new - s->golden : s->golden - s->new) = '\0';
    fprintf(to, "%s %s %c%s", p->names[s->site], p->words->word[s->word],
            s->new > s->golden ? '+' : '-', by);
}

/* "other times, latency 61.000 -> 62.000 ns (dram mem +1.000)" */
static void describe(const struct tb_trace_pairing *p, const struct tb_trace_record *a,
                     const struct tb_trace_record *b, const struct tb_trace_moved *m, FILE *to)
{
    char golden[40] = "", new[40] = "";
    *tb_put_time(golden, a->ended - a->created) = '\0';
    *tb_put_time(new, b->ended - b->created) = '\0';
    fprintf(to, "%s, latency ",
            m->outcome     ? "another outcome"
            : m->addresses ? "another address"
            : m->data      ? "other data"
                           : "other times");
    if (a->ended - a->created == b->ended - b->created)
        fprintf(to, "%s ns as before", golden);
    else
        fprintf(to, "%s -> %s ns", golden, new);
    for (unsigned i = 0; i < m->stays && i < TB_TRACE_MOVED_STAYS; i++) {
        fprintf(to, "%s", i ? ", " : " (");
        print_stay(p, &m->stay[i], to);
    }
    if (m->stays)
        fprintf(to, "%s)", m->stays > TB_TRACE_MOVED_STAYS ? ", ..." : "");
}

/* The first of its model: says what it is. */
void tb_trace_diverge_pair(struct tb_trace_pairing *p, const struct tb_trace_record *a,
                           const struct tb_trace_record *b, uint64_t place,
                           const struct tb_trace_moved *m)
{
    char *what = NULL;
    size_t size;
    FILE *to = open_memstream(&what, &size);
    if (to)
        describe(p, a, b, m, to);
    if (to && fclose(to) == 0)
        tb_trace_diverge(p, GOLDEN, a, place, TB_TRACE_COUNTER(changed), what);
    else
        p->d->failed = true;
    free(what);
}
