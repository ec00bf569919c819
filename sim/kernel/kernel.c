/* The kernel's loop, timers, violations, and what an embedding program may ask: see
 * tollbridge/sim.h. */
#include "kernel/kernel.h"
#include "kernel/flow.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- timers --------------------------------------------------------------------------------- */

void tb_timer_set(struct tb_model *m, unsigned timer, tb_time at)
{
    assert(timer < m->class->timers && at >= m->sim->now);
    tb_pending_set(&m->sim->pending, instance_of(m)->first_timer + timer, at);
}

void tb_timer_cancel(struct tb_model *m, unsigned timer)
{
    tb_pending_set(&m->sim->pending, instance_of(m)->first_timer + timer, TB_NEVER);
}

static void fire_timer(struct tb_sim *s, uint32_t channel, tb_time when)
{
    struct instance *i = s->timer_owner[channel - s->timer_base];
    tb_pending_set(&s->pending, channel, TB_NEVER);
    i->pub.class->timer(&i->pub, channel - i->first_timer, when);
}

/* -- the loop ------------------------------------------------------------------------------- */

static void run_event(struct tb_sim *s, uint32_t channel, tb_time when)
{
    s->now = when;
    s->events++;
    if (channel < s->lane_count)
        kernel_deliver(s, channel, when);
    else if (channel < s->timer_base)
        kernel_kick(s, channel, when);
    else
        fire_timer(s, channel, when);
}

/* Runs events up to and with `until` (below TB_END), or until *done. */
static void run_events(struct tb_sim *s, tb_time until, const bool *done)
{
    for (;;) {
        uint32_t channel = tb_pending_first(&s->pending);
        tb_time when = s->pending.time[channel];
        if (when > until || (done && *done))
            return;
        run_event(s, channel, when);
    }
}

/* The same, coming back with exit 3 when the host's memory is used up. */
static bool run_guarded(struct tb_sim *s, tb_time until, const bool *done)
{
    jmp_buf here;
    if (setjmp(here)) {
        s->escape = NULL;
        return false;
    }
    s->escape = &here;
    run_events(s, until < TB_END ? until : TB_END - 1, done);
    s->escape = NULL;
    return true;
}

bool tb_sim_idle(const struct tb_sim *s)
{
    return s->pending.time[tb_pending_first(&s->pending)] == TB_NEVER;
}

/* A scenario that goes on beyond the end of time is told so, once. */
static void check_end(struct tb_sim *s)
{
    if (tb_sim_idle(s) || s->status != TB_EXIT_OK)
        return;
    tb_diag_at(s->diag, (struct tb_place){NULL, 0, 0},
               "the run was stopped: simulated time ends after 2^63 ps (106 days)");
    s->status = TB_EXIT_VIOLATION;
}

enum tb_exit tb_sim_run(struct tb_sim *s, tb_time until)
{
    if (s->status == TB_EXIT_HOST)
        return s->status;
    tb_time limit = until < s->until ? until : s->until;
    s->unseen = !s->program && limit == TB_NEVER;
    if (run_guarded(s, limit, NULL) && limit >= TB_END)
        check_end(s);
    s->unseen = false;
    return s->status;
}

/* -- outcome -------------------------------------------------------------------------------- */

void tb_violation(struct tb_model *m, const struct tb_node *node, tb_time when, const char *format,
                  ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tb_diag_node(m->sim->diag, node, "%s: at %llu.%03u ns: %s", m->name,
                 (unsigned long long)(when / TB_NS), (unsigned)(when % TB_NS), text);
    if (m->sim->status == TB_EXIT_OK)
        m->sim->status = TB_EXIT_VIOLATION;
}

/* What is still open is reported once, in the order of slots: by model, as the log wants it last.
 */
static void report_unfinished(struct tb_sim *s)
{
    for (uint32_t n = 0; n < s->txn_total; n++) {
        struct tb_txn *t = &s->txns[n];
        if (!t->live)
            continue;
        s->tally[t->kind].ended[TB_UNFINISHED]++;
        for (unsigned k = 0; k < s->observer_count; k++)
            s->observers[k].call(s->observers[k].context, &s->models[t->by].pub, t, TB_UNFINISHED,
                                 s->now);
    }
}

/* Nothing is in flight: then every credit must be back where it was. */
static void check_credits(struct tb_sim *s)
{
    for (uint32_t c = 0; c < s->lane_count; c++) {
        struct lane *l = &s->lanes[c];
        if (l->has_flow && !tb_flow_whole(l->flow))
            tb_violation(l->wire->to, NULL, s->now,
                         "internal error: not all credits of class %u came back", c % TB_CLASSES);
        else if (!l->has_flow && l->limit && l->credit_tail - l->credit_head != l->limit)
            tb_violation(l->wire->to, NULL, s->now,
                         "internal error: %u of %u credits of class %u came back",
                         l->credit_tail - l->credit_head, l->limit, c % TB_CLASSES);
    }
}

void tb_sim_finish(struct tb_sim *s)
{
    if (s->finished)
        return;
    s->finished = true;
    if (s->status == TB_EXIT_HOST)
        return;
    for (size_t k = 0; k < s->model_count; k++)
        if (s->models[k].checked && s->models[k].pub.class->stop)
            s->models[k].pub.class->stop(&s->models[k].pub);
    if (tb_sim_idle(s) && s->txn_open == 0)
        check_credits(s);
    report_unfinished(s);
}

/* -- questions ------------------------------------------------------------------------------ */

tb_time tb_sim_now(const struct tb_sim *s)
{
    return s->now;
}

uint64_t tb_sim_events(const struct tb_sim *s)
{
    return s->events;
}

enum tb_exit tb_sim_status(const struct tb_sim *s)
{
    return s->status;
}

struct tb_diag *tb_sim_diag(struct tb_sim *s)
{
    return s->diag;
}

struct tb_model *tb_sim_model(struct tb_sim *s, const char *name)
{
    for (size_t k = 0; k < s->model_count; k++)
        if (strcmp(s->models[k].pub.name, name) == 0)
            return &s->models[k].pub;
    return NULL;
}

bool tb_sim_counter(struct tb_sim *s, const char *model, const char *counter, uint64_t *out)
{
    struct tb_model *m = tb_sim_model(s, model);
    const struct tb_counter *c = m ? m->class->counters : NULL;
    for (; c && c->name; c++)
        if (strcmp(c->name, counter) == 0) {
            memcpy(out, (const char *)m->state + c->offset, sizeof *out);
            return true;
        }
    return false;
}

bool tb_sim_observe(struct tb_sim *s, tb_observer *observer, void *context)
{
    if (s->observer_count == TB_OBSERVERS)
        return false;
    s->observers[s->observer_count].call = observer;
    s->observers[s->observer_count++].context = context;
    s->watched = true;
    return true;
}

bool tb_sim_access(struct tb_sim *s, const char *model, struct tb_access *a)
{
    struct tb_model *m = tb_sim_model(s, model);
    if (!m || !m->class->access || s->status == TB_EXIT_HOST)
        return false;
    a->done = false;
    m->class->access(m, a, s->now);
    return run_guarded(s, s->until, &a->done) && a->done;
}

/* A memory, as firmware would describe it: facts "base" and "size". */
static bool holds(struct tb_model *m, const struct tb_debug *d)
{
    uint64_t base, size;
    return m->class->debug && tb_fact(m, "base", &base) && tb_fact(m, "size", &size) &&
           d->address >= base && d->length <= size && d->address - base <= size - d->length;
}

/* Routed from the model that runs the scenario; without one, straight to the first memory that has
 * the address. */
static bool debug_access(struct tb_sim *s, struct tb_debug *d)
{
    if (s->program)
        return s->program->class->debug && s->program->class->debug(s->program, 0, d);
    for (size_t k = 0; k < s->model_count; k++)
        if (holds(&s->models[k].pub, d))
            return s->models[k].pub.class->debug(&s->models[k].pub, 0, d);
    return false;
}

static bool debug_bytes(struct tb_sim *s, uint64_t address, uint8_t *data, size_t length,
                        bool write)
{
    while (length) {
        size_t piece = 4096 - (address & 4095);
        if (piece > length)
            piece = length;
        struct tb_debug d = {
            .address = address, .data = data, .length = (uint32_t)piece, .write = write};
        if (!debug_access(s, &d))
            return false;
        address += piece;
        data += piece;
        length -= piece;
    }
    return true;
}

bool tb_sim_peek(struct tb_sim *s, uint64_t address, void *data, size_t length)
{
    return debug_bytes(s, address, data, length, false);
}

bool tb_sim_poke(struct tb_sim *s, uint64_t address, const void *data, size_t length)
{
    /* A debug write only reads its data. */
    return debug_bytes(s, address, (uint8_t *)(uintptr_t)data, length, true);
}
