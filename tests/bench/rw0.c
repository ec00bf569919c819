/* RW-0 "hold": N entities, each of which schedules its next event when one fires; on the kernel's
 * pending set, one channel per entity. */
#include "bench.h"
#include "kernel/pending.h"
#include "tollbridge/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define ENTITIES     1024
#define ENTITIES_MAX (1u << 24)
#define EVENTS       2000000

struct hold {
    struct tb_pending pending;
    uint64_t *fired; /* by each entity */
    uint64_t state;  /* xorshift64 */
    tb_time end, sum;
};

/* Uniform on 1..2000, in nanoseconds. */
static uint64_t delay(struct hold *h)
{
    h->state ^= h->state << 13;
    h->state ^= h->state >> 7;
    h->state ^= h->state << 17;
    return 1 + ((h->state >> 32) * 2000 >> 32);
}

static bool prepare(struct hold *h, uint32_t entities)
{
    *h = (struct hold){.state = 0x9E3779B97F4A7C15};
    h->pending.time = calloc(entities, sizeof *h->pending.time);
    h->pending.work = calloc(1, tb_pending_work(entities));
    h->fired = calloc(entities, sizeof *h->fired);
    if (!h->pending.time || !h->pending.work || !h->fired)
        return false;
    tb_pending_init(&h->pending, entities);
    for (uint32_t i = 0; i < entities; i++)
        tb_pending_set(&h->pending, i, delay(h) * TB_NS);
    return true;
}

static void run(struct hold *h, uint64_t events)
{
    for (uint64_t n = 0; n < events; n++) {
        uint32_t entity = tb_pending_first(&h->pending);
        tb_time now = h->pending.time[entity];
        h->fired[entity]++;
        h->sum += now / TB_NS;
        h->end = now / TB_NS;
        tb_pending_set(&h->pending, entity, now + delay(h) * TB_NS);
    }
}

static void print(const struct hold *h, const struct knobs *k, uint32_t entities, uint64_t events,
                  uint64_t host)
{
    double each = events ? (double)host / (double)events : 0;
    if (k->json)
        printf("{\"workload\": \"rw0\", \"entities\": %" PRIu32 ", \"events\": %" PRIu64
               ", \"end\": %" PRIu64 ", \"sum\": %" PRIu64 ", \"host_ns_per_event\": %.3f}\n",
               entities, events, h->end, h->sum, each);
    else
        printf("workload           rw0\nentities           %" PRIu32 "\nevents             %" PRIu64
               "\nend                %" PRIu64 "\nsum                %" PRIu64
               "\nhost_ns_per_event  %.3f\n",
               entities, events, h->end, h->sum, each);
}

int rw0_run(const struct knobs *k)
{
    uint64_t events = k->transactions ? k->transactions : EVENTS;
    uint64_t entities = k->outstanding ? k->outstanding : ENTITIES;
    struct hold h = {0};
    int status = TB_EXIT_HOST;
    if (entities > ENTITIES_MAX) {
        fprintf(stderr, "tollbridge-bench: --outstanding %" PRIu64 " is out of range (1 to %u)\n",
                entities, ENTITIES_MAX);
        return TB_EXIT_INPUT;
    }
    if (prepare(&h, (uint32_t)entities)) {
        uint64_t start = host_now();
        run(&h, events);
        print(&h, k, (uint32_t)entities, events, host_now() - start);
        status = TB_EXIT_OK;
    } else {
        fputs("tollbridge-bench: out of memory\n", stderr);
    }
    free(h.pending.time);
    free(h.pending.work);
    free(h.fired);
    return status;
}
