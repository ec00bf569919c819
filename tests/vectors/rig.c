/* One vector's simulator: bounded in simulated time and in events, with every DMA and interrupt
 * edge noted. */
#include "vectors.h"

#include <stdlib.h>
#include <string.h>

/* Limits of one vector. The longest recorded transfer (32 MiB) takes half a second; a vector that
 * goes on beyond these does not end. */
#define LIMIT_TIME   (100 * TB_S)
#define LIMIT_EVENTS 50000000

/* Accesses are run in short slices so that the limit of events is looked at even if an access never
 * ends. */
#define SLICE_ACCESS     (200 * TB_NS)
#define SLICE_SETTLE_MAX TB_MS

static void note_piece(struct rig *r, const struct tb_txn *t, enum tb_status status)
{
    if (r->piece_count == r->piece_space) {
        r->piece_space = r->piece_space ? 2 * r->piece_space : 256;
        r->pieces = realloc(r->pieces, r->piece_space * sizeof *r->pieces);
        if (!r->pieces) {
            fputs("tollbridge-vectors: out of memory\n", stderr);
            exit(TB_EXIT_HOST);
        }
    }
    r->pieces[r->piece_count++] = (struct piece){.iova = t->iova,
                                                 .pa = t->pa,
                                                 .length = t->length,
                                                 .requester = t->requester,
                                                 .status = (uint8_t)status,
                                                 .write = t->write,
                                                 .has_pa = t->has_pa};
}

static void observe(void *context, struct tb_model *by, const struct tb_txn *t,
                    enum tb_status status, tb_time when)
{
    struct rig *r = context;
    (void)by;
    (void)when;
    if (t->kind == TB_TXN_DMA)
        note_piece(r, t, status);
    else if (t->kind == TB_TXN_INTERRUPT && t->iova == r->irq_line && r->edge_count < RIG_EDGES)
        r->edges[r->edge_count++] = t->value[0] != 0;
}

bool rig_open(struct rig *r, const char *yaml, struct verdict *v)
{
    *r = (struct rig){.irq_line = 14};
    r->diag = tb_diag_new();
    struct tb_input input = {.text = yaml, .length = strlen(yaml), .name = "vector"};
    r->sim = tb_sim_new(&input, r->diag);
    for (size_t i = 0; !r->sim && i < tb_diag_count(r->diag); i++)
        verdict_fail(v, "platform", "%s", tb_diag_text(r->diag, i));
    if (r->sim)
        tb_sim_observe(r->sim, observe, r);
    return r->sim != NULL;
}

void rig_close(struct rig *r)
{
    if (r->sim)
        tb_sim_free(r->sim);
    tb_diag_free(r->diag);
    free(r->pieces);
}

static bool spent(struct rig *r)
{
    if (tb_sim_now(r->sim) > LIMIT_TIME || tb_sim_events(r->sim) > LIMIT_EVENTS)
        r->endless = true;
    return r->endless;
}

void rig_settle(struct rig *r)
{
    tb_time slice = SLICE_ACCESS;
    for (tb_time to = tb_sim_now(r->sim); !tb_sim_idle(r->sim) && !spent(r); to += slice) {
        tb_sim_run(r->sim, to);
        if (slice < SLICE_SETTLE_MAX)
            slice *= 2;
        if (to > LIMIT_TIME)
            r->endless = true;
    }
}

enum tb_status rig_access(struct rig *r, const char *name, struct tb_access *a)
{
    struct tb_model *m = tb_sim_model(r->sim, name);
    if (r->endless || !m || !m->class->access)
        return TB_UNFINISHED;
    a->done = false;
    tb_time to = tb_sim_now(r->sim);
    for (m->class->access(m, a, to); !a->done && !tb_sim_idle(r->sim) && !spent(r);
         to += SLICE_ACCESS)
        tb_sim_run(r->sim, to);
    return a->done ? a->status : TB_UNFINISHED;
}

uint64_t rig_in(struct rig *r, enum tb_space space, uint64_t address, unsigned size)
{
    uint8_t data[8];
    memset(data, 0xFF, sizeof data); /* what a bus reads where nobody answers */
    struct tb_access a = {.address = address, .data = data, .length = size, .space = space};
    rig_access(r, "host", &a);
    uint64_t value = 0;
    memcpy(&value, data, size);
    return value;
}

void rig_out(struct rig *r, enum tb_space space, uint64_t address, unsigned size, uint64_t value)
{
    uint8_t data[8];
    memcpy(data, &value, sizeof data);
    struct tb_access a = {
        .address = address, .data = data, .length = size, .space = space, .write = true};
    rig_access(r, "host", &a);
}

void rig_poke(struct rig *r, uint64_t address, const void *data, size_t n)
{
    tb_sim_poke(r->sim, address, data, n);
}

bool rig_peek(struct rig *r, uint64_t address, void *data, size_t n)
{
    return tb_sim_peek(r->sim, address, data, n);
}

void rig_poke64(struct rig *r, uint64_t address, uint64_t value)
{
    rig_poke(r, address, &value, sizeof value);
}

bool rig_disk(struct rig *r, const char *model, uint64_t offset, void *data, size_t n, bool write)
{
    struct tb_model *m = tb_sim_model(r->sim, model);
    return m && tb_storage(m, "disk0", offset, data, n, write);
}

void rig_forget(struct rig *r)
{
    r->piece_count = 0;
    r->edge_count = 0;
}

void rig_edges(struct rig *r, struct verdict *v, const char *field, size_t first,
               const json_t *expected)
{
    size_t n = r->edge_count - first;
    if (json_array_size(expected) != n) {
        verdict_fail(v, field, "expected %zu edges of IRQ 14, found %zu", json_array_size(expected),
                     n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        verdict_text(v, field, json_string_value(json_array_get(expected, i)),
                     r->edges[first + i] ? "raise" : "lower");
}
