/* Tables of routes: sorted, and without overlaps. */
#include "bus.h"

#include <stdlib.h>

static int compare_ports(const void *a, const void *b)
{
    const struct bus_route *x = a, *y = b;
    if (x->port != y->port)
        return (int)x->port - (int)y->port;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    return x->last < y->last ? -1 : x->last > y->last;
}

/* The widest first. */
static int compare_widths(const void *a, const void *b)
{
    const struct bus_route *x = a, *y = b;
    uint64_t wx = x->last - x->base, wy = y->last - y->base;
    if (wx != wy)
        return wx > wy ? -1 : 1;
    return compare_ports(a, b);
}

void bus_routes_join(struct bus_routes *r)
{
    size_t kept = 0;
    if (r->count)
        qsort(r->at, r->count, sizeof *r->at, compare_ports);
    for (size_t i = 0; i < r->count; i++) {
        struct bus_route *top = kept ? &r->at[kept - 1] : NULL;
        const struct bus_route *next = &r->at[i];
        bool same = top && top->port == next->port;
        if (same && (next->base <= top->last || top->last + 1 == next->base)) {
            if (next->last > top->last)
                top->last = next->last;
        } else {
            r->at[kept++] = *next;
        }
    }
    r->count = kept;
}

void bus_routes_sort_widths(struct bus_routes *r)
{
    if (r->count)
        qsort(r->at, r->count, sizeof *r->at, compare_widths);
}

static void insert(struct bus_routes *r, size_t at, struct bus_route route)
{
    for (size_t i = r->count++; i > at; i--)
        r->at[i] = r->at[i - 1];
    r->at[at] = route;
}

const struct bus_route *bus_routes_place(struct bus_routes *r, const struct bus_route *next)
{
    size_t at = 0;
    while (at < r->count && r->at[at].last < next->base)
        at++;
    struct bus_route *wide = at < r->count && r->at[at].base <= next->last ? &r->at[at] : NULL;
    if (!wide) {
        insert(r, at, *next);
        return NULL;
    }
    if (wide->base > next->base || wide->last < next->last ||
        wide->last - wide->base == next->last - next->base)
        return wide;
    struct bus_route after = *wide;
    after.base = next->last + 1;
    bool has_after = next->last < wide->last;
    if (wide->base == next->base) {
        *wide = *next;
    } else {
        wide->last = next->base - 1;
        insert(r, ++at, *next);
    }
    if (has_after)
        insert(r, at + 1, after);
    return NULL;
}

void bus_routes_place_rest(struct bus_routes *r, const struct bus_route *next)
{
    uint64_t from = next->base;
    size_t at = 0;
    while (at < r->count && r->at[at].last < from)
        at++;
    for (;; at++) {
        bool more = at < r->count && r->at[at].base <= next->last;
        if (!more || r->at[at].base > from) {
            struct bus_route piece = *next;
            piece.base = from;
            piece.last = more ? r->at[at].base - 1 : next->last;
            insert(r, at++, piece);
        }
        if (!more || r->at[at].last >= next->last)
            return;
        from = r->at[at].last + 1;
    }
}

const struct bus_route *bus_routes_find(const struct bus_routes *r, uint64_t address)
{
    size_t low = 0, high = r->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (r->at[middle].last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < r->count && r->at[low].base <= address ? &r->at[low] : NULL;
}
