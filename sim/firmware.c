/* What models may ask of the graph at elaboration: peers, who answers where, facts, debug accesses.
 */
#include "kernel.h"

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

/* The walk over the graph marks where it is. Where it comes back to itself there are two ways from
 * one model to another, and no telling which one an address takes: elaboration reports that, and
 * the walk is over (in a mesh there are too many ways to try them all). */
void tb_reach(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    struct instance *self = instance_of(m);
    struct tb_model *peer = tb_port_peer(m, port);
    if (!peer || !peer->class->claims || m->sim->loop)
        return;
    if (instance_of(peer)->visiting) {
        m->sim->loop = peer;
        return;
    }
    bool was = self->visiting;
    self->visiting = true;
    instance_of(peer)->visiting = true;
    peer->class->claims(peer, self->ports[port].peer_port, out);
    instance_of(peer)->visiting = false;
    self->visiting = was;
}

void tb_ranges_add(struct tb_model *m, struct tb_ranges *to, struct tb_range range)
{
    struct tb_range *more = kernel_alloc(m->sim, to->count + 1, sizeof *more);
    if (to->count)
        memcpy(more, to->at, to->count * sizeof *more);
    more[to->count] = range;
    to->at = more;
    to->count++;
}

bool tb_debug_send(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct instance *self = instance_of(m);
    struct tb_model *peer = tb_port_peer(m, port);
    if (!peer || !peer->class->debug || instance_of(peer)->visiting)
        return false;
    bool was = self->visiting;
    self->visiting = true;
    instance_of(peer)->visiting = true;
    bool ok = peer->class->debug(peer, self->ports[port].peer_port, d);
    instance_of(peer)->visiting = false;
    self->visiting = was;
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
