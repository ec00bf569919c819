/* What models may ask of the graph at elaboration: peers, who answers where, facts, debug accesses.
 */
#include "kernel/kernel.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

unsigned tb_port_count(const struct tb_model *m)
{
    return instance_of(m)->port_count;
}

struct tb_model *tb_port_peer(const struct tb_model *m, unsigned port)
{
    const struct instance *i = instance_of(m);
    return port < i->port_count ? i->ports[port].peer : NULL;
}

uint32_t tb_port_most(const struct tb_model *m, unsigned port, bool write)
{
    for (size_t k = 0; k < m->sim->link_count; k++) {
        const struct tb_link_params *l = &m->sim->links[k];
        for (unsigned end = 0; end < 2 && l->has_pcie; end++)
            if (l->end[end] == m && l->port[end] == port)
                return (uint32_t)(write ? l->pcie.mps : l->pcie.mrrs);
    }
    return 4096;
}

uint32_t tb_port_capacity(const struct tb_model *m, unsigned port, enum tb_msg_class class)
{
    (void)port;
    (void)class;
    return m->sim->txn_total;
}

/* -- Who answers where ---------------------------------------------------------------------- */

/* The walk over the graph marks where it is and where it was. Where it comes back to itself, or by
 * a second way to somebody whom it can pass, there is no telling which way an address takes:
 * elaboration reports that, and the walk is over (in a mesh there are too many ways to try them
 * all). */
static bool is_second_way(struct tb_sim *s, struct instance *from, struct instance *to)
{
    if (!to->visiting && !(to->walk == s->walks && to->passes))
        return false;
    s->loop.at = &to->pub;
    s->loop.first = to->via;
    s->loop.second = from;
    s->loop.round = to->visiting;
    return true;
}

void tb_reach(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    struct tb_sim *s = m->sim;
    struct instance *self = instance_of(m);
    struct tb_model *peer = tb_port_peer(m, port);
    if (!peer || !peer->class->claims || s->loop.at)
        return;
    bool was = self->visiting;
    if (s->depth == 0) {
        s->walks++;
        self->via = NULL;
    }
    self->passes |= was;
    self->visiting = true;
    self->walk = s->walks;
    struct instance *to = instance_of(peer);
    if (!is_second_way(s, self, to)) {
        to->visiting = true;
        to->passes &= to->walk == s->walks;
        to->walk = s->walks;
        to->via = self;
        s->depth++;
        peer->class->claims(peer, self->ports[port].peer_port, out);
        s->depth--;
        to->visiting = false;
    }
    self->visiting = was;
}

/* After elaboration nothing is had any more: kernel_alloc asserts it. */
void tb_ranges_add(struct tb_model *m, struct tb_ranges *to, struct tb_range range)
{
    if (to->count == to->room) {
        to->room = to->room ? 2 * to->room : 4;
        struct tb_range *more = kernel_alloc(m->sim, to->room, sizeof *more);
        if (to->count)
            memcpy(more, to->at, to->count * sizeof *more);
        to->at = more;
    }
    to->at[to->count++] = range;
}

void tb_claims_vary(struct tb_model *m)
{
    m->sim->claims_vary = true;
}

/* Claims are never told from copies, so whoever asks first gets what holds now. Before everybody
 * has started nobody has asked. */
void tb_claims_changed(struct tb_model *m)
{
    struct tb_sim *s = m->sim;
    assert(s->claims_vary);
    if (!s->started)
        return;
    s->rerouting = true;
    for (size_t k = 0; k < s->model_count; k++)
        if (s->models[k].pub.class->rerouted)
            s->models[k].pub.class->rerouted(&s->models[k].pub);
    s->rerouting = false;
}

/* Where the platform says that a range is there. */
static struct tb_place place_of(struct tb_sim *s, const struct tb_range *r)
{
    const struct tb_node *model = s->models[r->model].pub.node;
    const struct tb_node *base = r->node ? r->node : tb_node_get(model, "base");
    return base ? base->place : model->key_place;
}

void tb_report_overlap(struct tb_model *at, const struct tb_range *a, const struct tb_range *b,
                       const char *how, const char *where, struct tb_diag *diag)
{
    static const char *const spaces[TB_SPACES] = {"memory", "I/O", "configuration", "interrupt"};
    struct tb_sim *s = at->sim;
    if (a->model > b->model || (a->model == b->model && a->base > b->base)) {
        const struct tb_range *swap = a;
        a = b;
        b = swap;
    }
    struct tb_place other = place_of(s, a);
    const char *name = s->models[a->model].pub.name;
    if (a->model == b->model) {
        tb_diag_at(diag, other,
                   "two ways lead to %s addresses 0x%" PRIx64 " to 0x%" PRIx64 " of '%s' %s",
                   spaces[b->space], b->base, a->last < b->last ? a->last : b->last, name, where);
        return;
    }
    tb_diag_at(diag, place_of(s, b),
               "'%s' and '%s' both %s %s addresses 0x%" PRIx64 " to 0x%" PRIx64
               " %s ('%s': %s:%u:%u)",
               name, s->models[b->model].pub.name, how, spaces[b->space],
               a->base > b->base ? a->base : b->base, a->last < b->last ? a->last : b->last, where,
               name, other.file ? other.file : "", other.line, other.column);
}

/* -- Accesses without time ------------------------------------------------------------------ */

/* A probe does not touch whom it finds at the end of a wire: it asks what he claims. */
static bool would_take(struct tb_model *m, unsigned port, const struct tb_debug *d)
{
    struct tb_ranges *claims = &m->sim->probe.claims;
    claims->count = 0;
    if (m->class->claims)
        m->class->claims(m, port, claims);
    for (size_t k = 0; k < claims->count; k++)
        if (claims->at[k].space == d->space && !claims->at[k].subtractive && !claims->at[k].off &&
            d->address >= claims->at[k].base && d->address <= claims->at[k].last)
            return true;
    return false;
}

static bool is_uncertain(struct tb_model *m)
{
    uint64_t format;
    return !m->class->debug || tb_fact(m, "iommu.format", &format);
}

bool tb_debug_send(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct instance *self = instance_of(m);
    struct tb_model *peer = tb_port_peer(m, port);
    bool probe = m->sim->probe.on;
    if (probe && peer && (tb_port_count(peer) == 1 || peer->class->optional_ports))
        return would_take(peer, self->ports[port].peer_port, d);
    if (probe && peer)
        m->sim->probe.uncertain |= is_uncertain(peer);
    if (!peer || !peer->class->debug || instance_of(peer)->passing)
        return false;
    bool was = self->passing;
    self->passing = true;
    instance_of(peer)->passing = true;
    bool ok = peer->class->debug(peer, self->ports[port].peer_port, d);
    instance_of(peer)->passing = false;
    self->passing = was;
    return ok;
}

struct tb_model *tb_find(const struct tb_model *m, const char *name)
{
    return tb_sim_model(m->sim, name);
}

size_t tb_model_count(const struct tb_model *m)
{
    return m->sim->model_count;
}

struct tb_model *tb_model_at(const struct tb_model *m, size_t index)
{
    return index < m->sim->model_count ? &m->sim->models[index].pub : NULL;
}

bool tb_fact(struct tb_model *of, const char *key, uint64_t *out)
{
    return of->class->fact && of->class->fact(of, key, out);
}

bool tb_symbol(struct tb_model *of, const char *name, struct tb_symbol *out)
{
    return of->class->symbol && of->class->symbol(of, name, out);
}

bool tb_storage(struct tb_model *of, const char *what, uint64_t offset, uint8_t *data,
                size_t length, bool write)
{
    return of->class->storage && of->class->storage(of, what, offset, data, length, write);
}
