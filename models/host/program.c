/* The scenario's program: its lists of steps are compiled into arrays once, and run one step after
 * the other. */
#include "host.h"

#include <stdio.h>
#include <string.h>

static const struct host_step_kind *const tables[] = {
    host_steps_cpu,    host_steps_iommu,  host_steps_disk,   host_steps_expect,
    host_steps_replay, host_steps_revoke, host_steps_config, host_steps_virtio};

#define TABLES    (sizeof tables / sizeof tables[0])
#define KINDS_MAX 64

static const struct host_step_kind *find_kind(const char *name)
{
    for (size_t t = 0; t < TABLES; t++)
        for (const struct host_step_kind *k = tables[t]; k->name; k++)
            if (strcmp(k->name, name) == 0)
                return k;
    return NULL;
}

const struct host_step_kind *host_step_kind_at(size_t n)
{
    for (size_t t = 0; t < TABLES; t++)
        for (const struct host_step_kind *k = tables[t]; k->name; k++)
            if (n-- == 0)
                return k;
    return NULL;
}

static void unknown_kind(const struct tb_node *node, const char *name, struct tb_diag *diag)
{
    const char *names[KINDS_MAX + 1] = {NULL};
    for (size_t n = 0; n < KINDS_MAX && host_step_kind_at(n); n++)
        names[n] = host_step_kind_at(n)->name;
    const char *near = tb_nearest(name, names);
    if (near)
        tb_diag_at(diag, node->key ? node->key_place : node->place,
                   "unknown step '%s'; did you mean '%s'?", name, near);
    else
        tb_diag_at(diag, node->key ? node->key_place : node->place, "unknown step '%s'", name);
}

static bool is_empty(const struct tb_node *node)
{
    return node->kind == TB_SCALAR && !node->quoted && node->text[0] == '\0';
}

/* A step is a map of one key, or the bare name of a step that needs nothing said. */
static bool compile_step(struct host *h, const struct tb_node *item, struct host_step *s,
                         bool setup, struct tb_diag *diag)
{
    if (item->kind == TB_LIST || (item->kind == TB_MAP && item->count != 1)) {
        tb_diag_node(diag, item, "a step is a map of one key, such as '- wait: interrupt'");
        return false;
    }
    const struct tb_node *value = item->kind == TB_MAP ? item->items[0] : item;
    const char *name = item->kind == TB_MAP ? value->key : item->text;
    const struct tb_node *given = item->kind == TB_MAP && !is_empty(value) ? value : NULL;
    s->kind = find_kind(name);
    s->node = value;
    if (!s->kind) {
        unknown_kind(value, name, diag);
        return false;
    }
    if (setup && s->kind->timed) {
        tb_diag_at(diag, value->key_place, "'%s' takes time: it belongs to 'steps', not to 'setup'",
                   name);
        return false;
    }
    s->args = tb_arena_get(h->arena, s->kind->size);
    return tb_params_read(s->kind->params, given, NULL, s->args, h->arena, diag) &&
           (!s->kind->prepare || s->kind->prepare(h, s, diag));
}

static void compile_list(struct host *h, const struct tb_node *list, struct host_steps *out,
                         bool setup, struct tb_diag *diag)
{
    if (!list || is_empty(list))
        return;
    if (list->kind != TB_LIST) {
        tb_diag_node(diag, list, "'%s' is a list of steps", list->key);
        return;
    }
    out->at = tb_alloc(h->m, list->count + 1, sizeof *out->at);
    out->count = list->count;
    for (size_t i = 0; i < list->count; i++)
        compile_step(h, list->items[i], &out->at[i], setup, diag);
}

bool host_compile(struct host *h, const struct tb_node *scenario, struct tb_diag *diag)
{
    const struct tb_node *setup = scenario ? tb_node_get(scenario, "setup") : NULL;
    const struct tb_node *steps = scenario ? tb_node_get(scenario, "steps") : NULL;
    size_t before = tb_diag_count(diag);
    h->arena = tb_arena_new();
    if (!host_survey(h, (setup ? setup->count : 0) + (steps ? steps->count : 0), diag))
        return false;
    compile_list(h, setup, &h->setup, true, diag);
    compile_list(h, steps, &h->steps, false, diag);
    if (tb_diag_count(diag) == before)
        return true;
    h->setup.count = h->steps.count = 0;
    return false;
}

static const struct host_step_lint *const lints[] = {host_lints_cpu, host_lints_iommu,
                                                     host_lints_disk, host_lints_expect};

static void lint_step(const struct host *h, const struct host_step *s, struct tb_diag *diag)
{
    for (size_t t = 0; t < sizeof lints / sizeof lints[0]; t++)
        for (const struct host_step_lint *l = lints[t]; l->name; l++)
            if (strcmp(l->name, s->kind->name) == 0)
                l->lint(h, s, diag);
}

void host_lint(struct tb_model *m, struct tb_diag *diag)
{
    const struct host *h = m->state;
    for (size_t i = 0; i < h->setup.count; i++)
        lint_step(h, &h->setup.at[i], diag);
    for (size_t i = 0; i < h->steps.count; i++)
        lint_step(h, &h->steps.at[i], diag);
}

static void begin_step(struct host *h, struct host_steps *list, tb_time when)
{
    memset(&h->work, 0, sizeof h->work);
    h->work.begun = when;
    h->flows[HOST_PROGRAM].status = TB_OK;
    list->running = true;
    if (!h->instant)
        host_spend(h, when, h->params.step_time);
}

enum host_verdict host_program_next(struct host *h, tb_time when)
{
    struct host_steps *list = h->instant ? &h->setup : &h->steps;
    if (list->next >= list->count)
        return HOST_DONE;
    struct host_step *s = &list->at[list->next];
    if (!list->running)
        begin_step(h, list, when);
    enum host_verdict verdict = s->kind->run(h, s, when);
    if (verdict != HOST_DONE)
        return verdict;
    host_idle(h);
    h->count.steps += !h->instant;
    list->running = false;
    list->next++;
    return HOST_AGAIN;
}

void host_run_setup(struct host *h, struct tb_diag *diag)
{
    h->diag = diag;
    h->flows[HOST_PROGRAM].waits = h->setup.count == 0;
    host_run_instantly(h);
    h->diag = NULL;
}

const struct host_step *host_step_left(const struct host *h)
{
    return h->steps.next < h->steps.count ? &h->steps.at[h->steps.next] : NULL;
}
