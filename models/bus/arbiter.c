/* Who waits for the medium, and who is next. */
#include "bus.h"

void bus_push_back(struct bus *b, struct bus_entry *e)
{
    struct bus_queue *q = &b->queues[e->from];
    e->next = BUS_NOBODY;
    if (q->head == BUS_NOBODY)
        q->head = bus_number_of(b, e);
    else
        b->entries[q->tail].next = bus_number_of(b, e);
    q->tail = bus_number_of(b, e);
    b->waiting++;
}

void bus_push_front(struct bus *b, struct bus_entry *e)
{
    struct bus_queue *q = &b->queues[e->from];
    e->next = q->head;
    if (q->head == BUS_NOBODY)
        q->tail = bus_number_of(b, e);
    q->head = bus_number_of(b, e);
    b->waiting++;
}

struct bus_entry *bus_pop(struct bus *b, unsigned port)
{
    struct bus_queue *q = &b->queues[port];
    struct bus_entry *e = &b->entries[q->head];
    q->head = e->next;
    b->waiting--;
    return e;
}

/* Its read awaits data, for which it keeps the medium. */
static bool is_blocked(const struct bus *b, unsigned port)
{
    return b->kept.entry != BUS_NOBODY && b->kept.port == port;
}

unsigned bus_grant(const struct bus *b, unsigned also)
{
    unsigned first = b->p.arbitration == BUS_ROUND_ROBIN ? b->last_port + 1 : 0;
    for (unsigned i = 0; i < b->ports; i++) {
        unsigned port = (first + i) % b->ports;
        if ((b->queues[port].head != BUS_NOBODY && !is_blocked(b, port)) || port == also)
            return port;
    }
    return BUS_NOWHERE;
}

bool bus_is_first(const struct bus *b, unsigned port)
{
    if (b->kept.entry == BUS_NOBODY)
        return !b->waiting;
    return !is_blocked(b, port) && bus_grant(b, BUS_NOWHERE) == BUS_NOWHERE;
}
