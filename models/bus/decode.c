/* Who gets a message: what the ports claim, and what that makes of an address. */
#include "bus.h"

#include <assert.h>

/* The claim that a route came from: routes may have been joined and cut since. */
static struct tb_range claim_of(const struct tb_ranges *all, const struct bus_route *r,
                                unsigned space, bool subtractive)
{
    const struct tb_ranges *port = &all[r->port];
    for (size_t i = 0; i < port->count; i++) {
        const struct tb_range *a = &port->at[i];
        if (a->model == r->model && a->space == space && a->subtractive == subtractive &&
            a->base <= r->last && r->base <= a->last)
            return *a;
    }
    return (struct tb_range){.model = r->model, .space = (uint8_t)space};
}

static void report_overlap(struct tb_model *m, struct tb_diag *diag, unsigned space,
                           bool subtractive, const struct bus_route *one,
                           const struct bus_route *other)
{
    const struct bus *bus = m->state;
    struct tb_range a = claim_of(bus->found, one, space, subtractive);
    struct tb_range b = claim_of(bus->found, other, space, subtractive);
    char where[96];
    snprintf(where, sizeof where, "on bus '%s'", m->name);
    a.base = one->base;
    a.last = one->last;
    b.base = other->base;
    b.last = other->last;
    tb_report_overlap(m, &a, &b, subtractive ? "take the unclaimed" : "claim", where, diag);
}

/* What the ports claim of a space, as it was told. */
static void collect(struct bus *b, unsigned space, bool subtractive)
{
    struct bus_routes *r = &b->claimed;
    r->count = 0;
    for (unsigned p = 0; p < b->ports; p++)
        for (size_t i = 0; i < b->found[p].count; i++) {
            const struct tb_range *a = &b->found[p].at[i];
            if (a->space == space && a->subtractive == subtractive && !a->off)
                r->at[r->count++] = (struct bus_route){a->base, a->last, (uint16_t)p, a->model};
        }
}

/* Makes a table of it: sorted, without overlaps. Two that cannot be told from each other are an
 * error of the platform. Where software has moved one onto another, on hardware both would answer;
 * here the wider one does (of equals, the one whose link is listed first). */
static void settle(struct tb_model *m, unsigned space, bool subtractive, struct tb_diag *diag)
{
    struct bus *b = m->state;
    struct bus_routes *r = &b->routes[space][subtractive];
    collect(b, space, subtractive);
    bus_routes_join(&b->claimed);
    bus_routes_sort_widths(&b->claimed);
    r->count = 0;
    for (size_t i = 0; i < b->claimed.count; i++) {
        const struct bus_route *other = bus_routes_place(r, &b->claimed.at[i]);
        if (other && diag)
            report_overlap(m, diag, space, subtractive, other, &b->claimed.at[i]);
        if (other)
            bus_routes_place_rest(r, &b->claimed.at[i]);
        b->contested += other != NULL;
    }
}

static void make_room(struct tb_model *m, struct bus_routes *r, size_t room)
{
    if (r->room >= room)
        return;
    r->at = tb_alloc(m, room, sizeof *r->at);
    r->room = room;
}

/* Room for all there is: whoever claims something always claims as many ranges. A hole makes three
 * of two. */
static void make_tables(struct tb_model *m)
{
    struct bus *b = m->state;
    size_t total[TB_SPACES][2] = {{0}}, most = 0;
    for (unsigned p = 0; p < b->ports; p++) {
        for (size_t i = 0; i < b->found[p].count; i++)
            total[b->found[p].at[i].space][b->found[p].at[i].subtractive]++;
        most += b->found[p].count;
    }
    make_room(m, &b->claimed, most + 1);
    for (unsigned s = 0; s < TB_SPACES; s++)
        for (unsigned k = 0; k < 2; k++)
            make_room(m, &b->routes[s][k], 2 * total[s][k] + 1);
}

void bus_gather(struct tb_model *m, struct tb_diag *diag)
{
    struct bus *b = m->state;
    if (!b->found)
        b->found = tb_alloc(m, b->ports + 1, sizeof *b->found);
    for (unsigned p = 0; p < b->ports; p++) {
        b->found[p].count = 0;
        tb_reach(m, p, &b->found[p]);
    }
    make_tables(m);
    for (unsigned p = 0; p < b->ports; p++)
        bus_isa_cut_off(b, &b->found[p], 0);
    for (unsigned s = 0; s < TB_SPACES; s++)
        settle(m, s, false, diag);
    size_t before = diag ? tb_diag_count(diag) : 0;
    for (unsigned s = 0; s < TB_SPACES; s++) {
        bool told = diag && tb_diag_count(diag) > before; /* of two bridges up: once is enough */
        settle(m, s, true, told ? NULL : diag);
    }
    b->routed = true;
}

/* Who takes an address that came in by `from`; NULL: nobody. */
static const struct bus_route *decode(const struct bus *b, unsigned space, uint64_t address,
                                      unsigned from)
{
    const struct bus_route *r = bus_routes_find(&b->routes[space][0], address);
    if (!r)
        r = bus_routes_find(&b->routes[space][1], address);
    return r && (r->port != from || b->p.turn) ? r : NULL;
}

/* The port by which a message leaves, and the trail for its completion. */
static uint16_t route(struct bus *b, struct bus_entry *e)
{
    if (e->msg.class == TB_COMPLETION) {
        assert(e->depth > 0); /* a completion that nobody asked for: a model's error */
        return e->trail[--e->depth];
    }
    const struct bus_route *r = decode(b, e->msg.space, e->msg.address, e->from);
    if (!r || e->depth == BUS_TRAIL)
        return BUS_NOWHERE;
    if (e->msg.class == TB_NONPOSTED)
        e->trail[e->depth++] = e->from;
    return r->port;
}

void bus_decode(struct bus *b, struct bus_entry *e)
{
    e->out = route(b, e);
    e->words = bus_data_words(b, e);
    b->unclaimed += e->out == BUS_NOWHERE;
}

/* Takes back what bus_decode did to a request. */
static void forget_way(struct bus *b, struct bus_entry *e)
{
    if (e->out == BUS_NOWHERE)
        b->unclaimed--;
    else if (e->msg.class == TB_NONPOSTED)
        e->depth--;
}

/* Somebody's claims have moved: new tables, and new ways for requests that wait for the medium. */
void bus_rerouted(struct tb_model *m)
{
    struct bus *b = m->state;
    bus_gather(m, NULL);
    for (unsigned p = 0; p < b->ports; p++)
        for (uint32_t n = b->queues[p].head; n != BUS_NOBODY; n = b->entries[n].next) {
            struct bus_entry *e = &b->entries[n];
            if (e->decoded || e->msg.class == TB_COMPLETION)
                continue;
            forget_way(b, e);
            bus_decode(b, e);
        }
}

void bus_claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    size_t before = out->count;
    for (unsigned p = 0; p < tb_port_count(m); p++)
        if (p != port)
            tb_reach(m, p, out);
    bus_isa_cut_off(m->state, out, before);
}

/* The part of an access that starts at d->address and stays within one route. */
static bool debug_part(struct tb_model *m, unsigned port, const struct tb_debug *d,
                       uint32_t *length)
{
    const struct bus_route *r = decode(m->state, d->space, d->address, port);
    if (!r)
        return false;
    struct tb_debug part = *d;
    if (r->last - d->address < d->length)
        part.length = (uint32_t)(r->last - d->address + 1);
    if (part.length > d->length)
        part.length = d->length;
    *length = part.length;
    return tb_debug_send(m, r->port, &part);
}

bool bus_debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct bus *b = m->state;
    if (!b->routed)
        bus_gather(m, NULL);
    struct tb_debug rest = *d;
    while (rest.length) {
        uint32_t done = 0;
        if (!debug_part(m, port, &rest, &done))
            return false;
        rest.address += done;
        rest.data += done;
        rest.length -= done;
    }
    return true;
}
