/* Making and destroying a simulator: see tollbridge/sim.h. */
#include "kernel/checker.h"
#include "kernel/kernel.h"
#include "kernel/usage.h"

#include <stdlib.h>

/* The model that runs the scenario, if one can. */
static struct tb_model *find_program(struct tb_sim *s)
{
    for (size_t k = 0; k < s->model_count; k++)
        if (s->models[k].pub.class->program)
            return &s->models[k].pub;
    return NULL;
}

static void run_setup(struct tb_sim *s, struct tb_diag *diag)
{
    const struct tb_node *root = s->scenario.root;
    s->program = find_program(s);
    tb_scenario_fill(s, diag);
    if (s->program && root && tb_diag_count(diag) == 0)
        s->program->class->program(s->program, root, diag);
    for (int k = 0; root && !s->program && k < 2; k++) {
        const struct tb_node *steps = tb_node_get(root, k ? "steps" : "setup");
        if (steps)
            tb_diag_at(diag, steps->key_place, "this platform has no host to run '%s'", steps->key);
    }
}

static bool build(struct tb_sim *s, const struct tb_input *input, struct tb_diag *diag)
{
    jmp_buf here;
    if (setjmp(here)) {
        s->escape = NULL;
        return false;
    }
    s->escape = &here;
    bool ok = tb_scenario_load(input, &s->scenario, s->arena, diag);
    s->page_limit = s->scenario.page_limit;
    s->breakdown = s->scenario.record.breakdown;
    s->watched = s->breakdown;
    for (unsigned kind = 0; kind < TB_TXN_KINDS; kind++)
        s->tally[kind].latency.min = TB_NEVER;
    s->until = s->scenario.until;
    s->warmup = s->scenario.warmup;
    ok = ok && kernel_elaborate(s, diag);
    if (ok && s->scenario.record.safety) {
        s->checker = tb_checker_new(s);
        tb_sim_observe(s, tb_checker_observe, s->checker);
    }
    if (ok)
        run_setup(s, diag);
    if (ok && input->lint)
        kernel_lint(s, diag);
    ok = ok && tb_diag_count(diag) == 0;
    for (size_t k = 0; ok && k < s->model_count; k++)
        if (s->models[k].pub.class->ready)
            s->models[k].pub.class->ready(&s->models[k].pub);
    s->escape = NULL;
    return ok;
}

struct tb_sim *tb_sim_new(const struct tb_input *input, struct tb_diag *diag)
{
    struct tb_sim *s = calloc(1, sizeof *s);
    if (!s) {
        tb_diag_host(diag, "out of memory");
        return NULL;
    }
    s->arena = tb_arena_new();
    s->page_limit = SIZE_MAX;
    s->diag = diag; /* while elaborating, the host's failures are told to the caller */
    bool ok = build(s, input, diag);
    s->diag = tb_diag_new();
    if (ok)
        return s;
    s->finished = true;
    for (size_t k = 0; k < s->model_count; k++)
        if (s->models[k].checked && s->models[k].pub.class->stop)
            s->models[k].pub.class->stop(&s->models[k].pub);
    tb_sim_free(s);
    return NULL;
}

void tb_sim_free(struct tb_sim *s)
{
    if (!s)
        return;
    tb_sim_finish(s);
    if (s->usage)
        tb_usage_free(s->usage);
    free(s->usage);
    kernel_free_all(s);
    tb_arena_free(s->arena);
    tb_scenario_free(&s->scenario);
    tb_diag_free(s->diag);
    free(s);
}
