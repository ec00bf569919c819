/* Elaboration: from parameters and links to a simulator at time 0. Each step is done for all
 * models, in document order, before the next (tollbridge/model.h). */
#include "kernel/flow.h"
#include "kernel/kernel.h"
#include "kernel/usage.h"

#include <stdlib.h>
#include <string.h>

static uint32_t power_of_two(uint64_t n)
{
    uint32_t p = 2;
    while (p < n)
        p *= 2;
    return p;
}

/* A lane's places: every message belongs to a transaction, and a transaction has one message at a
 * time on one lane; so no lane ever holds more than there are slots. */
static void make_lane(struct tb_sim *s, struct lane *l, struct wire *w, uint64_t limit)
{
    uint32_t places = power_of_two((uint64_t)s->txn_total + 1);
    if (w->credit_return == 0 && limit >= s->txn_total)
        limit = 0; /* every transaction at once could not use them up: nothing to count */
    l->wire = w;
    l->channel = (uint32_t)(l - s->lanes);
    l->ring = kernel_alloc(s, places, sizeof *l->ring);
    l->queue = kernel_alloc(s, places, sizeof *l->queue);
    l->mask = places - 1;
    l->limit = (uint32_t)limit;
    if (limit == 0)
        return;
    l->credits = kernel_alloc(s, power_of_two(limit), sizeof *l->credits);
    l->credit_mask = power_of_two(limit) - 1;
    l->credit_tail = l->limit; /* all free, from time 0 */
}

/* PCI Express counts headers and data of each class; interrupts are lines of their own here, and
 * not counted. */
static void make_flow(struct tb_sim *s, struct lane *l, const struct tb_pcie_credits *c,
                      unsigned class)
{
    if (class > TB_COMPLETION || (c->header[class] == 0 && c->data[class] == 0))
        return;
    struct tb_units limit = {(uint32_t)c->header[class], (uint32_t)c->data[class]};
    l->flow = tb_flow_new(s, limit, 2 * (l->mask + 1));
    l->has_flow = true;
    l->limit = 1;
}

static void make_pcie(struct tb_sim *s, struct wire *w, const struct tb_link_params *p,
                      unsigned dir)
{
    if (!p->has_pcie)
        return;
    w->pcie = &p->pcie;
    for (unsigned class = 0; class < TB_CLASSES; class ++)
        make_flow(s, &w->lanes[class], &p->pcie.credits[dir], class);
}

/* Could all there is to send, over every wire there is, go on to the end of time: then it is looked
 * at, for every message. */
static bool outlasts_time(const struct tb_sim *s, tb_time per_byte)
{
    unsigned __int128 bytes =
        (unsigned __int128)(s->txn_total + UINT64_C(1)) * s->wire_count * 8192;
    return bytes * per_byte >= TB_END / 4;
}

static void make_wire(struct tb_sim *s, const struct tb_link_params *p, size_t link, unsigned dir)
{
    uint32_t n = (uint32_t)(2 * link + dir);
    struct wire *w = &s->wires[n];
    w->latency = p->latency_of[dir];
    w->credit_return = p->has_credit_return ? p->credit_return : p->latency_of[1 - dir];
    w->rate = p->rate_of[dir];
    w->per_byte = w->rate.units == 1 ? w->rate.time : w->rate.time ? TB_NEVER : 0;
    w->header = (uint32_t)p->header;
    w->kick = s->lane_count + n;
    w->site = n;
    w->jitter = s->scenario.jitter;
    if (w->jitter || outlasts_time(s, w->per_byte))
        w->per_byte = TB_NEVER;
    w->random = kernel_random(p->from, n, s->scenario.explore_seed);
    w->to = p->end[1 - dir];
    w->recv = w->to->class->recv;
    w->to_port = (uint16_t)p->port[1 - dir];
    w->lanes = &s->lanes[n * TB_CLASSES];
    for (unsigned class = 0; class < TB_CLASSES; class ++) {
        w->lanes[class].bit = (uint8_t)(1u << class);
        make_lane(s, &w->lanes[class], w, p->credits_of[dir][class]);
    }
    make_pcie(s, w, p, dir);
    if (w->pcie)
        w->per_byte = TB_NEVER;
    for (unsigned class = 0; class < TB_CLASSES; class ++)
        w->lanes[class].counted = w->lanes[class].limit || w->per_byte == TB_NEVER;
    instance_of(p->end[dir])->ports[p->port[dir]].out = w;
}

static void number_channels(struct tb_sim *s)
{
    s->wire_count = (uint32_t)(2 * s->link_count);
    s->lane_count = s->wire_count * TB_CLASSES;
    s->timer_base = s->lane_count + s->wire_count;
    s->channel_count = s->timer_base;
    for (size_t k = 0; k < s->model_count; k++) {
        s->models[k].first_timer = s->channel_count;
        s->channel_count += s->models[k].pub.class->timers;
    }
    s->timer_owner = kernel_alloc(s, s->channel_count - s->timer_base + 1, sizeof *s->timer_owner);
    for (size_t k = 0; k < s->model_count; k++)
        for (unsigned t = 0; t < s->models[k].pub.class->timers; t++)
            s->timer_owner[s->models[k].first_timer - s->timer_base + t] = &s->models[k];
}

static void make_channels(struct tb_sim *s)
{
    number_channels(s);
    s->pending.time = kernel_alloc(s, s->channel_count + 1, sizeof *s->pending.time);
    s->pending.work = kernel_alloc(s, 1, tb_pending_work(s->channel_count + 1));
    tb_pending_init(&s->pending, s->channel_count + 1);
    s->lanes = kernel_alloc(s, s->lane_count + 1, sizeof *s->lanes);
    s->wires = kernel_alloc(s, s->wire_count + 1, sizeof *s->wires);
    for (size_t k = 0; k < s->link_count; k++) {
        make_wire(s, &s->links[k], k, 0);
        make_wire(s, &s->links[k], k, 1);
    }
}

/* Every port that has a name must be linked, unless it is optional. */
static void check_ports(const struct tb_model *m, struct tb_diag *diag)
{
    const char *const *names = m->class->ports;
    for (unsigned p = 0; names && names[p] && strcmp(names[p], "*") != 0; p++)
        if (!tb_port_peer(m, p) && !(m->class->optional_ports >> p & 1))
            tb_diag_at(diag, m->node->key_place, "'%s' has nothing linked to its port '%s'",
                       m->name, names[p]);
}

static bool check_all(struct tb_sim *s, struct tb_diag *diag)
{
    size_t before = tb_diag_count(diag);
    for (size_t k = 0; k < s->model_count; k++) {
        struct tb_model *m = &s->models[k].pub;
        s->models[k].checked = true;
        check_ports(m, diag);
        if (m->class->check)
            m->class->check(m, diag);
    }
    return tb_diag_count(diag) == before;
}

/* What the model at the wire's end may take before its time. */
static void ask_ahead(struct wire *w)
{
    unsigned classes = w->to->class->ahead ? w->to->class->ahead(w->to, w->to_port) : 0;
    for (unsigned class = 0; class < TB_CLASSES; class ++)
        if (classes >> class & 1)
            w->lanes[class].through = AHEAD;
}

/* What is booked with every hop of a lane, and how a trace notes one. */
static void note_pass(struct lane *l, const struct tb_through *through)
{
    l->passes = l->through == THROUGH_ALL && l->wire->per_byte != TB_NEVER;
    l->pass_part = l->passes ? (uint8_t)through->part : 0;
    l->pass_latency = l->passes ? through->latency : 0;
}

static void note_mark(struct lane *l)
{
    l->mark = (uint64_t)l->wire->site << TB_MARK_HOP_SITE | TB_MARK_IS_HOP;
    l->mark |= l->bit == 1u << TB_COMPLETION ? TB_MARK_HOP_BACK : 0;
    l->mark |= l->passes ? TB_MARK_HOP_THROUGH : 0;
    l->mark |= l->wire->per_byte == TB_NEVER ? TB_MARK_NOT_SIMPLE : 0;
}

/* What passes through the model at the wire's end goes straight on to the next wire. */
static void ask_through(const struct tb_sim *s, struct wire *w)
{
    struct tb_through through = {0};
    if (!w->to->class->through)
        return;
    unsigned classes = w->to->class->through(w->to, w->to_port, &through);
    if (through.only && s->claims_vary)
        return; /* by the time it arrives another address may be the one that passes */
    for (unsigned class = 0; class < TB_CLASSES; class ++)
        if (classes >> class & 1)
            w->lanes[class].through =
                through.only && class != TB_COMPLETION ? THROUGH_SOME : THROUGH_ALL;
    for (unsigned class = 0; class < TB_CLASSES; class ++)
        note_pass(&w->lanes[class], &through);
    w->through_part = (uint8_t)through.part;
    w->through_latency = through.latency;
    w->through_only = through.only;
    w->next = classes ? instance_of(w->to)->ports[through.port].out : NULL;
}

/* Whether the model at the wire's end takes messages when their first header has come. */
static void ask_cuts(struct wire *w)
{
    w->cuts = w->pcie && w->to->class->cuts && w->to->class->cuts(w->to, w->to_port);
}

/* A loop, from where it was closed back to where it began: "a > b > c > a". */
static void print_loop(const struct tb_sim *s, char *out, size_t size)
{
    const struct instance *at = instance_of(s->loop.at);
    size_t n = 0;
    for (const struct instance *i = s->loop.second; i && n < size; i = i == at ? NULL : i->via)
        n += (size_t)snprintf(out + n, size - n, "%s > ", i->pub.name);
    if (n < size)
        snprintf(out + n, size - n, "%s", s->loop.second->pub.name);
}

static void report_loop(const struct tb_sim *s, struct tb_diag *diag)
{
    static const char why[] = "there must be one way only from one model to another";
    struct tb_place place = s->loop.at->node->key_place;
    char names[400];
    if (!s->loop.round) {
        tb_diag_at(diag, place, "there are two ways to '%s', by '%s' and by '%s': %s",
                   s->loop.at->name, s->loop.first->pub.name, s->loop.second->pub.name, why);
        return;
    }
    print_loop(s, names, sizeof names);
    tb_diag_at(diag, place, "'%s' is on a loop of links (%s): %s", s->loop.at->name, names, why);
}

/* Starts all models. What they find on a loop of links is not worth telling. */
static void start_all(struct tb_sim *s, struct tb_diag *diag)
{
    struct tb_diag *found = tb_diag_new();
    for (size_t k = 0; k < s->model_count; k++)
        if (s->models[k].pub.class->start)
            s->models[k].pub.class->start(&s->models[k].pub, found);
    if (s->loop.at)
        report_loop(s, diag);
    else
        tb_diag_move(diag, found);
    tb_diag_free(found);
}

bool kernel_elaborate(struct tb_sim *s, struct tb_diag *diag)
{
    if (!kernel_read_platform(s, s->scenario.platform, diag) || !check_all(s, diag))
        return false;
    kernel_size_slots(s);
    make_channels(s);
    start_all(s, diag);
    s->started = true;
    for (uint32_t k = 0; k < s->wire_count; k++) {
        ask_ahead(&s->wires[k]);
        ask_through(s, &s->wires[k]);
        ask_cuts(&s->wires[k]);
        for (unsigned class = 0; class < TB_CLASSES; class ++)
            note_mark(&s->wires[k].lanes[class]);
    }
    if (s->scenario.record.stats && s->scenario.record.breakdown && !tb_usage_attach(s))
        tb_diag_host(diag, "no memory for statistics");
    return tb_diag_count(diag) == 0;
}
