/* Which model's transactions differ, and where each first does; see diff.h. */
#include "diff/diff.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = TB_DIFF_TWICE / 64 };

/* Which of the last TB_DIFF_TWICE numbers below `top` were there. */
struct tb_seen {
    bool any;
    uint32_t top; /* the highest so far */
    uint64_t bits[WORDS];
};

/* -- Components ---------------------------------------------------------------------------------
 */

static uint64_t hash_of(const char *name, size_t length)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)name[i]) * 0x100000001b3u;
    return h;
}

static bool has_name(const struct tb_component *c, uint64_t hash, const char *name, size_t length)
{
    return c->hash == hash && strncmp(c->name, name, length) == 0 && c->name[length] == '\0';
}

/* The array has twice TB_DIFF_COMPONENTS places while it grows, and is its own hash table. */
struct tb_component *tb_component_of(struct tb_diff *d, const char *name, size_t length,
                                     bool *failed)
{
    const size_t mask = 2 * TB_DIFF_COMPONENTS - 1;
    uint64_t hash = hash_of(name, length);
    if (!d->components && !(d->components = calloc(mask + 1, sizeof *d->components))) {
        *failed = true;
        return NULL;
    }
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        struct tb_component *c = &d->components[i];
        if (c->name && !has_name(c, hash, name, length))
            continue;
        if (c->name || d->component_count == TB_DIFF_COMPONENTS)
            return c->name ? c : NULL;
        c->name = strndup(name, length);
        c->hash = hash;
        d->component_count += c->name != NULL;
        *failed |= !c->name;
        return c->name ? c : NULL;
    }
}

/* -- What is there twice ------------------------------------------------------------------------
 */

static void move_on(struct tb_seen *s, uint32_t number)
{
    if (!s->any || number - s->top >= TB_DIFF_TWICE)
        memset(s->bits, 0, sizeof s->bits);
    else
        for (uint32_t n = s->top + 1; n != number + 1; n++)
            s->bits[n / 64 % WORDS] &= ~((uint64_t)1 << n % 64);
    s->any = true;
    s->top = number;
}

bool tb_component_see(struct tb_component *c, bool new, unsigned kind, uint32_t number,
                      bool *failed)
{
    if (!c->seen && !(c->seen = calloc((size_t)2 * TB_TXN_KINDS, sizeof *c->seen))) {
        *failed = true;
        return true;
    }
    struct tb_seen *s = &c->seen[new *TB_TXN_KINDS + kind];
    uint64_t bit = (uint64_t)1 << number % 64;
    if (!s->any || number > s->top)
        move_on(s, number);
    else if (s->top - number >= TB_DIFF_TWICE)
        return true; /* nobody knows */
    else if (s->bits[number / 64 % WORDS] & bit)
        return false;
    s->bits[number / 64 % WORDS] |= bit;
    return true;
}

void tb_components_begin_run(struct tb_diff *d)
{
    for (size_t i = 0; d->components && i < 2 * TB_DIFF_COMPONENTS; i++)
        for (unsigned s = 0; d->components[i].seen && s < 2 * TB_TXN_KINDS; s++)
            d->components[i].seen[s].any = false;
}

/* -- First divergences --------------------------------------------------------------------------
 */

static bool is_before(size_t run, uint64_t place, const struct tb_first *f)
{
    return run < f->run || (run == f->run && place < f->place);
}

bool tb_component_is_first(const struct tb_component *c, size_t run, uint64_t place)
{
    return c->first.what == TB_SAME || is_before(run, place, &c->first);
}

void tb_component_set_first(struct tb_component *c, const struct tb_first *first)
{
    tb_first_clear(&c->first);
    c->first = *first;
}

void tb_first_clear(struct tb_first *f)
{
    free(f->golden.text);
    free(f->new.text);
    *f = (struct tb_first){0};
}

/* What diverges before what does not, what is free last. */
static int by_place(const void *a, const void *b)
{
    const struct tb_component *x = a, *y = b;
    bool differ[2] = {x->first.what != TB_SAME, y->first.what != TB_SAME};
    if (differ[0] != differ[1])
        return differ[0] ? -1 : 1;
    if (!x->name || !y->name)
        return x->name ? -1 : y->name != NULL;
    if (!differ[0] || (x->first.run == y->first.run && x->first.place == y->first.place))
        return strcmp(x->name, y->name);
    return is_before(x->first.run, x->first.place, &y->first) ? -1 : 1;
}

void tb_components_end(struct tb_diff *d)
{
    if (!d->components)
        return;
    qsort(d->components, 2 * (size_t)TB_DIFF_COMPONENTS, sizeof *d->components, by_place);
    while (d->diverged < d->component_count && d->components[d->diverged].first.what != TB_SAME)
        d->diverged++;
    if (d->diverged)
        d->first = &d->components[0].first;
}

void tb_components_clear(struct tb_diff *d)
{
    for (size_t i = 0; d->components && i < 2 * TB_DIFF_COMPONENTS; i++) {
        tb_first_clear(&d->components[i].first);
        free(d->components[i].name);
        free(d->components[i].seen);
    }
    free(d->components);
    d->components = NULL;
}
