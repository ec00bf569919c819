/* Usage over time; see usage.h. */
#include "kernel/usage.h"
#include "kernel/observe.h"

#include "kernel/kernel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- Windows
 * --------------------------------------------------------------------------------------- */

static void join(struct tb_wire_window *to, const struct tb_wire_window *a,
                 const struct tb_wire_window *b)
{
    struct tb_wire_window sum = {.busy = a->busy + b->busy,
                                 .waited = a->waited + b->waited,
                                 .stalled = a->stalled + b->stalled,
                                 .stalls = a->stalls + b->stalls,
                                 .carried = a->carried};
    sum.deepest = a->deepest > tb_usage_deepest(b) ? a->deepest : tb_usage_deepest(b);
    *to = sum;
}

/* A counter's window has two figures: busy, or hits and misses. */
static void join_counter(struct tb_usage_counter *c)
{
    for (unsigned i = 0; i < TB_WINDOWS / 2; i++)
        for (unsigned k = 0; k < 2; k++)
            c->at[i][k] = c->at[2 * i][k] + c->at[2 * i + 1][k];
    memset(c->at[TB_WINDOWS / 2], 0, sizeof c->at / 2);
}

static void double_width(struct tb_usage *u)
{
    for (size_t n = 0; n < u->wire_count; n++) {
        struct tb_wire_window *at = u->tracks[n].at;
        for (unsigned i = 0; i < TB_WINDOWS / 2; i++)
            join(&at[i], &at[2 * i], &at[2 * i + 1]);
        memset(&at[TB_WINDOWS / 2], 0, sizeof *at * TB_WINDOWS / 2);
    }
    for (size_t n = 0; n < u->counter_count; n++)
        join_counter(&u->counters[n]);
    u->width *= 2;
}

/* The window of an instant, once all windows are wide enough. */
static inline unsigned window_of(struct tb_usage *u, tb_time when)
{
    while (__builtin_expect(when / u->width >= TB_WINDOWS, 0))
        double_width(u);
    return (unsigned)(when / u->width);
}

/* The end of a piece of [from, to) that lies in one window. */
static inline tb_time piece_end(const struct tb_usage *u, tb_time from, tb_time to)
{
    tb_time end = (from / u->width + 1) * u->width;
    return end < to ? end : to;
}

unsigned tb_usage_windows(const struct tb_usage *u)
{
    return (unsigned)((u->end + u->width - 1) / u->width);
}

tb_time tb_usage_length(const struct tb_usage *u, unsigned window)
{
    tb_time from = window * u->width, to = from + u->width;
    return (to < u->end ? to : u->end) - from;
}

/* -- Wires
 * ------------------------------------------------------------------------------------------ */

/* How many of a lane wait at `ready`, with the one that comes then and starts at `start`. Within a
 * lane both only grow. */
static uint32_t depth(struct tb_usage_lane *l, tb_time ready, tb_time start)
{
    while (l->head != l->tail && l->starts[l->head & l->mask] <= ready)
        l->head++;
    if (start == ready)
        return 0;
    assert(l->tail - l->head <= l->mask);
    l->starts[l->tail++ & l->mask] = start;
    return l->tail - l->head;
}

static void add_waiting(struct tb_usage *u, struct tb_usage_track *t, tb_time from, tb_time to,
                        bool stalled)
{
    while (from < to) {
        tb_time end = piece_end(u, from, to);
        struct tb_wire_window *w = &t->at[from / u->width];
        w->waited += end - from;
        if (stalled)
            w->stalled += end - from;
        if (end < to)
            w[1].carried++;
        from = end;
    }
}

static void add_busy(struct tb_usage *u, struct tb_usage_track *t, tb_time from, tb_time to)
{
    while (from < to) {
        tb_time end = piece_end(u, from, to);
        t->at[from / u->width].busy += end - from;
        from = end;
    }
}

void tb_usage_wire(struct tb_usage *u, uint32_t wire, unsigned class, tb_time ready, tb_time start,
                   tb_time end)
{
    struct tb_usage_track *t = &u->tracks[wire];
    tb_time free = tb_max(ready, t->free);
    t->free = end;
    window_of(u, end);
    add_busy(u, t, start, end);
    uint32_t waiting = depth(&t->lanes[class], ready, start);
    if (start == ready)
        return;
    struct tb_wire_window *w = &t->at[ready / u->width];
    if (waiting > w->deepest)
        w->deepest = waiting;
    add_waiting(u, t, ready, free, false);
    if (start > free) {
        w->stalls++;
        add_waiting(u, t, free, start, true);
        if (free > ready && free % u->width == 0)
            t->at[free / u->width].carried++;
    }
}

/* -- Counters
 * ----------------------------------------------------------------------------------------- */

static uint64_t read_counter(const struct tb_usage_counter *c, unsigned k)
{
    uint64_t value;
    memcpy(&value, (const char *)c->model->state + c->offset[k], sizeof value);
    return value;
}

/* Shares `amount` out over [from, to), by time; what rounding leaves goes to the end. */
static void share_out(struct tb_usage *u, struct tb_usage_counter *c, unsigned k, uint64_t amount,
                      tb_time from, tb_time to)
{
    tb_time length = to - from;
    uint64_t left = amount;
    while (from < to) {
        tb_time end = piece_end(u, from, to);
        uint64_t part =
            end == to ? left : (uint64_t)((unsigned __int128)amount * (end - from) / length);
        c->at[from / u->width][k] += part;
        left -= part;
        from = end;
    }
}

static void sample_to(struct tb_usage *u, tb_time to)
{
    for (size_t n = 0; n < u->counter_count; n++) {
        struct tb_usage_counter *c = &u->counters[n];
        for (unsigned k = 0; k <= (unsigned)c->cache; k++) {
            uint64_t now = read_counter(c, k);
            if (now > c->last[k])
                share_out(u, c, k, now - c->last[k], u->sampled, to);
            c->last[k] = now;
        }
    }
    u->sampled = to;
}

void tb_usage_sample_slowly(struct tb_usage *u, tb_time when)
{
    tb_time boundary = window_of(u, when) * u->width;
    if (boundary > u->sampled)
        sample_to(u, boundary);
    u->next = boundary + u->width;
}

void tb_usage_end(struct tb_usage *u, tb_time end)
{
    u->end = end;
    if (end == 0)
        return;
    window_of(u, end - 1);
    /* What was counted since: in the time that is left, or else in the last tick. */
    tb_time from = u->sampled < end ? u->sampled : end - 1;
    u->sampled = from;
    sample_to(u, end);
}

/* "hits" with "misses", "pdc_hits" with "pdc_misses": a cache. Returns its name's length in `hits`,
 * or -1. */
static int cache_name(const struct tb_counter *hits, const struct tb_counter *misses)
{
    size_t length = strlen(hits->name);
    if (length < 4 || strcmp(hits->name + length - 4, "hits") != 0)
        return -1;
    size_t head = length - 4;
    bool same = strlen(misses->name) == head + 6 && memcmp(hits->name, misses->name, head) == 0 &&
                strcmp(misses->name + head, "misses") == 0;
    return same ? (int)(head ? head - 1 : 0) : -1;
}

static const struct tb_counter *find_misses(const struct tb_counter *all,
                                            const struct tb_counter *hits)
{
    for (; all->name; all++)
        if (cache_name(hits, all) >= 0)
            return all;
    return NULL;
}

static void add_cache(struct tb_usage *u, struct tb_model *m, const struct tb_counter *hits,
                      const struct tb_counter *misses)
{
    struct tb_usage_counter *c = &u->counters[u->counter_count++];
    int length = cache_name(hits, misses);
    *c = (struct tb_usage_counter){
        .model = m, .cache = true, .offset = {hits->offset, misses->offset}};
    if (length > 0)
        snprintf(c->name, sizeof c->name, "%.31s.%.*s", m->name, length < 14 ? length : 14,
                 hits->name);
    else
        snprintf(c->name, sizeof c->name, "%.31s.%s", m->name,
                 tb_observe_translates(m) ? "iotlb" : "cache");
}

static void add_counters(struct tb_usage *u, struct tb_model *m)
{
    for (const struct tb_counter *c = m->class->counters; c && c->name; c++) {
        const struct tb_counter *misses = find_misses(m->class->counters, c);
        if (misses) {
            add_cache(u, m, c, misses);
        } else if (strcmp(c->name, "busy_ps") == 0) {
            struct tb_usage_counter *to = &u->counters[u->counter_count++];
            *to = (struct tb_usage_counter){.model = m, .offset = {c->offset}};
            snprintf(to->name, sizeof to->name, "%.47s", m->name);
        }
    }
}

/* -- Life
 * -----------------------------------------------------------------------------------------------
 */

static size_t all_counters(const struct tb_sim *s)
{
    size_t n = 0;
    for (size_t k = 0; k < s->model_count; k++)
        for (const struct tb_counter *c = s->models[k].pub.class->counters; c && c->name; c++)
            n++;
    return n;
}

/* No more can wait than there are transactions: as many places as the kernel's own queues have. */
static bool make_lanes(struct tb_usage_track *t, const struct wire *w)
{
    for (unsigned class = 0; class < TB_CLASSES; class ++) {
        struct tb_usage_lane *l = &t->lanes[class];
        l->mask = w->lanes[class].mask;
        l->starts = calloc((size_t)l->mask + 1, sizeof *l->starts);
        if (!l->starts)
            return false;
    }
    return true;
}

bool tb_usage_begin(struct tb_usage *u, struct tb_sim *s)
{
    *u = (struct tb_usage){.width = TB_NS, .next = TB_NS, .wire_count = s->wire_count};
    u->tracks = calloc(s->wire_count + 1, sizeof *u->tracks);
    u->counters = calloc(all_counters(s) + 1, sizeof *u->counters);
    bool ok = u->tracks && u->counters;
    for (uint32_t n = 0; ok && n < u->wire_count; n++)
        ok = make_lanes(&u->tracks[n], &s->wires[n]);
    if (!ok) {
        tb_usage_free(u);
        return false;
    }
    for (size_t k = 0; k < s->model_count; k++)
        add_counters(u, &s->models[k].pub);
    return true;
}

bool tb_usage_attach(struct tb_sim *s)
{
    s->usage = calloc(1, sizeof *s->usage);
    if (s->usage && tb_usage_begin(s->usage, s))
        return true;
    free(s->usage);
    s->usage = NULL;
    return false;
}

void tb_usage_free(struct tb_usage *u)
{
    for (size_t n = 0; u->tracks && n < u->wire_count; n++)
        for (unsigned c = 0; c < TB_CLASSES; c++)
            free(u->tracks[n].lanes[c].starts);
    free(u->tracks);
    free(u->counters);
    *u = (struct tb_usage){0};
}
