/* What could be run, but makes no sense: only `tollbridge check` asks. A run leaves it to the
 * simulated hardware, which answers it as hardware does.
 */
#include "kernel/kernel.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -- Addresses that nobody claims ----------------------------------------------------------- */

static int compare_edges(const void *a, const void *b)
{
    const struct tb_range *x = a, *y = b;
    return x->last < y->last ? -1 : x->last > y->last;
}

/* All its ports are alike, and there are several: what it claims is others'. */
static bool is_bus(const struct tb_model *m)
{
    const char *const *ports = m->class->ports;
    return ports && ports[0] && strcmp(ports[0], "*") == 0 && tb_port_count(m) > 1;
}

/* All that is claimed anywhere, by the ends: between two edges one answer holds for all. */
static void find_edges(struct tb_sim *s)
{
    uint64_t base;
    if (s->edges.room)
        return;
    tb_ranges_add(&s->models[0].pub, &s->edges, (struct tb_range){.last = UINT64_MAX});
    for (size_t k = 0; k < s->model_count; k++) {
        struct tb_model *m = &s->models[k].pub;
        if (m->class->claims && (!is_bus(m) || tb_fact(m, "base", &base)) && tb_port_count(m) > 0)
            m->class->claims(m, 0, &s->edges);
    }
    qsort(s->edges.at, s->edges.count, sizeof *s->edges.at, compare_edges);
}

/* The lowest address above `address` where somebody's claim has just ended; 0: none. */
static uint64_t next_edge(const struct tb_sim *s, uint64_t address)
{
    size_t low = 0, high = s->edges.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->edges.at[middle].last < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->edges.count ? s->edges.at[low].last + 1 : 0;
}

static bool is_unclaimed(struct tb_model *m, unsigned port, uint64_t address)
{
    struct tb_sim *s = m->sim;
    uint8_t byte = 0;
    struct tb_debug d = {.address = address, .data = &byte, .length = 1, .space = TB_MEMORY};
    s->probe.on = true;
    s->probe.uncertain = s->claims_vary; /* software may move somebody there */
    bool taken = tb_debug_send(m, port, &d);
    s->probe.on = false;
    return !taken && !s->probe.uncertain;
}

bool tb_unclaimed(struct tb_model *m, unsigned port, uint64_t first, uint64_t last, uint64_t *where)
{
    find_edges(m->sim);
    for (uint64_t at = first; at <= last; at = next_edge(m->sim, at)) {
        if (is_unclaimed(m, port, at)) {
            *where = at;
            return true;
        }
        if (next_edge(m->sim, at) <= at)
            return false;
    }
    return false;
}

void tb_lint_range(struct tb_model *m, unsigned port, uint64_t first, uint64_t bytes,
                   const struct tb_node *node, struct tb_diag *diag)
{
    uint64_t where, last = bytes ? first + (bytes - 1) : first;
    if (m->sim->scenario.unclaimed || last < first || !tb_port_peer(m, port) ||
        !tb_unclaimed(m, port, first, last, &where))
        return;
    tb_diag_node(diag, node,
                 "nobody claims address 0x%" PRIx64 ", to which '%s' sends (if that is meant: "
                 "`unclaimed: allow` in the scenario)",
                 where, m->name);
}

/* -- Models that do nothing ------------------------------------------------------------------ */

/* A model that stands alone in a platform of several. */
static void check_linked(struct tb_model *m, struct tb_diag *diag)
{
    if (tb_port_count(m) == 0 && m->sim->model_count > 1)
        tb_diag_at(diag, m->node->key_place,
                   "'%s' has no link: nobody reaches it, and it reaches nobody", m->name);
}

/* Whoever has a requester ID sends requests: somebody should be there to take them. */
static void check_reaches(struct tb_model *m, struct tb_diag *diag)
{
    struct tb_ranges found = {0};
    uint64_t id;
    if (!tb_fact(m, "id", &id) || tb_port_count(m) == 0)
        return;
    for (unsigned port = 0; port < tb_port_count(m); port++)
        tb_reach(m, port, &found);
    if (found.count == 0)
        tb_diag_at(diag, m->node->key_place, "'%s' reaches nobody who answers", m->name);
}

/* What a memory, or a list of windows, on a link of `hub` claims for itself. */
static void add_own_claims(struct tb_model *hub, unsigned port, struct tb_ranges *out)
{
    struct tb_model *peer = tb_port_peer(hub, port);
    struct tb_ranges found = {0};
    uint64_t base;
    if (!peer || !peer->class->claims || (is_bus(peer) && !tb_fact(peer, "base", &base)))
        return;
    bool memory = tb_fact(peer, "base", &base);
    peer->class->claims(peer, instance_of(hub)->ports[port].peer_port, &found);
    for (size_t k = 0; k < found.count; k++) {
        const struct tb_range *r = &found.at[k];
        if (r->model == peer->index && r->space == TB_MEMORY && !r->subtractive &&
            (memory || r->node))
            tb_ranges_add(hub, out, *r);
    }
}

static int compare_bases(const void *a, const void *b)
{
    const struct tb_range *x = a, *y = b;
    if (x->base != y->base)
        return x->base < y->base ? -1 : 1;
    if (x->last != y->last)
        return x->last > y->last ? -1 : 1;
    return (x->model > y->model) - (x->model < y->model);
}

/* A claim inside a wider one is a hole in that, as registers in front of memory are. But of two
 * memories on one bus, or two windows, one would hide a part of the other for ever. (What overlaps
 * otherwise is an error of elaboration.) */
static void check_hidden(struct tb_model *m, struct tb_diag *diag)
{
    struct tb_ranges own = {0};
    char where[128];
    if (tb_port_count(m) < 2)
        return;
    for (unsigned port = 0; port < tb_port_count(m); port++)
        add_own_claims(m, port, &own);
    if (own.count)
        qsort(own.at, own.count, sizeof *own.at, compare_bases);
    snprintf(where, sizeof where, "behind '%s', where the smaller one hides the other", m->name);
    for (size_t k = 1, widest = 0; k < own.count; k++) {
        if (own.at[k].base <= own.at[widest].last && own.at[k].model != own.at[widest].model)
            tb_report_overlap(m, &own.at[widest], &own.at[k], "claim", where, diag);
        if (own.at[k].last > own.at[widest].last)
            widest = k;
    }
}

static int port_named(const struct tb_model *m, const char *name)
{
    const char *const *ports = m->class->ports;
    for (int k = 0; ports && ports[k]; k++)
        if (strcmp(ports[k], name) == 0)
            return k;
    return -1;
}

/* Is somebody with a requester ID on this side of the links. `seen` is marked on the way. */
static bool has_device(struct tb_model *m, bool *seen)
{
    uint64_t id;
    if (seen[m->index])
        return false;
    seen[m->index] = true;
    if (tb_fact(m, "id", &id))
        return true;
    for (unsigned port = 0; port < tb_port_count(m); port++) {
        struct tb_model *peer = tb_port_peer(m, port);
        if (peer && has_device(peer, seen))
            return true;
    }
    return false;
}

static void check_translates(struct tb_model *m, struct tb_diag *diag)
{
    uint64_t format;
    int down = port_named(m, "down");
    if (down < 0 || m->sim->scenario.runs > 1 || !tb_fact(m, "iommu.format", &format))
        return; /* `runs:` may well move a platform's only device */
    bool *seen = tb_arena_get(m->sim->arena, m->sim->model_count * sizeof *seen);
    struct tb_model *peer = tb_port_peer(m, (unsigned)down);
    seen[m->index] = true;
    if (peer && !has_device(peer, seen)) {
        const struct tb_node *node = tb_node_get(m->node, "iommu");
        tb_diag_at(diag, node ? node->key_place : m->node->key_place,
                   "there is no device below '%s' whose requests its IOMMU could translate",
                   m->name);
    }
}

void kernel_lint(struct tb_sim *s, struct tb_diag *diag)
{
    for (size_t k = 0; k < s->model_count; k++) {
        struct tb_model *m = &s->models[k].pub;
        check_linked(m, diag);
        check_reaches(m, diag);
        check_translates(m, diag);
        check_hidden(m, diag);
        if (m->class->lint)
            m->class->lint(m, diag);
    }
    kernel_lint_ids(s, diag);
}
