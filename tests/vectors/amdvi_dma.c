/* DMA of the engine: what `expect` says of every byte, in memory, in the engine's buffer, in the
 * transactions. */
#include "amdvi.h"

#include <inttypes.h>
#include <string.h>

#define PAGE 4096u

struct dma {
    uint64_t iova;
    uint32_t start, length; /* in the buffer */
    bool write;
    const uint8_t *sent; /* the buffer before */
};

/* The chunk that tells of the byte at `iova`; NULL if none does. */
static const json_t *chunk_at(const json_t *chunks, uint64_t iova)
{
    size_t i;
    json_t *chunk;
    json_array_foreach (chunks, i, chunk)
        if (iova - num(json_array_get(chunk, 0)) < num(json_array_get(chunk, 1)))
            return chunk;
    return NULL;
}

static bool is_fault(const json_t *chunk)
{
    return json_is_null(json_array_get(chunk, 2));
}

static uint64_t physical(const json_t *chunk, uint64_t iova)
{
    return num(json_array_get(chunk, 2)) + (iova - num(json_array_get(chunk, 0)));
}

static void check_status(struct amdvi *a, struct verdict *v, const struct piece *p,
                         const json_t *chunk)
{
    char name[64];
    bool fault = is_fault(chunk);
    bool good = fault                              ? p->status == TB_FAULT || p->status == TB_ABORT
                : is_ram(physical(chunk, p->iova)) ? p->status == TB_OK
                                                   : p->status == TB_UNSUPPORTED;
    if (!good)
        verdict_fail(v, field(a, name, "status"),
                     "of the %s of %u bytes at 0x%" PRIx64 ": expected %s, found status %u",
                     p->write ? "write" : "read", p->length, p->iova,
                     fault ? "a fault" : "a translated access", p->status);
    if (!fault && p->has_pa && p->pa != physical(chunk, p->iova))
        verdict_fail(v, field(a, name, "physical"),
                     "of 0x%" PRIx64 ": expected 0x%" PRIx64 ", found 0x%" PRIx64, p->iova,
                     physical(chunk, p->iova), p->pa);
}

/* The engine's transactions must cover the range, piece by piece, each within one page. */
static void check_pieces(struct amdvi *a, struct verdict *v, const struct dma *d,
                         const json_t *chunks)
{
    char name[64];
    uint64_t covered = 0;
    for (size_t i = 0; i < a->rig.piece_count; i++) {
        const struct piece *p = &a->rig.pieces[i];
        const json_t *chunk = chunk_at(chunks, p->iova);
        uint64_t offset = p->iova - d->iova;
        if (p->requester != a->edu || !chunk || p->write != d->write ||
            offset + p->length > d->length || (p->iova & (PAGE - 1)) + p->length > PAGE) {
            verdict_fail(v, field(a, name, "transactions"),
                         "a %s of %u bytes at 0x%" PRIx64 " was not asked for",
                         p->write ? "write" : "read", p->length, p->iova);
            continue;
        }
        covered += p->length;
        check_status(a, v, p, chunk);
    }
    if (covered != d->length)
        verdict_fail(v, field(a, name, "transactions"),
                     "expected %u bytes in transactions, found %" PRIu64, d->length, covered);
}

/* What a read must have brought: the watched pattern; where nothing came, the buffer as it was
 * (requester's promise). */
static void check_got(struct amdvi *a, struct verdict *v, const struct dma *d, const json_t *chunks)
{
    char name[64];
    for (uint32_t i = 0; i < d->length; i++) {
        const json_t *chunk = chunk_at(chunks, d->iova + i);
        uint8_t found = a->buffer[d->start + i], want = d->sent[d->start + i];
        if (chunk && !is_fault(chunk) && is_ram(physical(chunk, d->iova + i)))
            rig_peek(&a->rig, physical(chunk, d->iova + i), &want, 1);
        if (found != want) {
            verdict_fail(v, field(a, name, "got"), "offset %u: expected %02x, found %02x", i, want,
                         found);
            return;
        }
    }
}

/* What a write must have left: watched memory is compared whole, other memory where it was written.
 */
static void check_memory(struct amdvi *a, struct verdict *v, const struct dma *d,
                         const json_t *chunks)
{
    char name[64];
    for (uint32_t i = 0; d->write && i < d->length; i++) {
        const json_t *chunk = chunk_at(chunks, d->iova + i);
        if (!chunk || is_fault(chunk) || !is_ram(physical(chunk, d->iova + i)))
            continue;
        uint64_t at = physical(chunk, d->iova + i);
        uint8_t found = 0, want = d->sent[d->start + i];
        watch_expect(a, at, &want, 1);
        rig_peek(&a->rig, at, &found, 1);
        if (found != want) {
            verdict_fail(v, field(a, name, "memory"), "at 0x%" PRIx64 " expected %02x, found %02x",
                         at, want, found);
            return;
        }
    }
    watch_compare(a, v);
}

/* One event for every transaction that failed in the IOMMU. */
static void expect_events(struct amdvi *a, const json_t *chunks)
{
    for (size_t i = 0; i < a->rig.piece_count; i++) {
        const struct piece *p = &a->rig.pieces[i];
        const json_t *chunk = chunk_at(chunks, p->iova);
        const char *reason = json_string_value(json_array_get(chunk, 4));
        if (chunk && is_fault(chunk))
            event_of_fault(a, p, json_string_value(json_array_get(chunk, 3)), reason ? reason : "");
    }
}

/* Where a cached translation may still be used, the first outcome that has the transactions'
 * addresses is held to. */
static const json_t *pick(struct amdvi *a, const struct dma *d, const json_t *outcomes)
{
    size_t i;
    json_t *chunks;
    json_array_foreach (outcomes, i, chunks) {
        struct verdict trial;
        verdict_open(&trial);
        check_pieces(a, &trial, d, chunks);
        unsigned failures = trial.failures;
        verdict_close(&trial);
        if (failures == 0)
            return chunks;
    }
    return json_array_get(outcomes, 0);
}

/* Of a step that the vector says nothing of: whatever failed must have its event. */
static void unspecified(struct amdvi *a)
{
    for (size_t i = 0; i < a->rig.piece_count; i++) {
        const struct piece *p = &a->rig.pieces[i];
        if (p->status == TB_FAULT || p->status == TB_ABORT)
            event_of_fault(a, p, NULL, "");
    }
}

void dma_step(struct amdvi *a, const json_t *step, const json_t *outcomes)
{
    uint8_t sent[BUFFER];
    struct dma d = {.iova = num_of(step, "iova", 0),
                    .start = (uint32_t)num_of(step, "buf", 0),
                    .length = (uint32_t)num_of(step, "len", 1),
                    .write = strcmp(text_of(step, "op"), "dma_write") == 0,
                    .sent = sent};
    memcpy(sent, a->buffer, sizeof sent);
    struct tb_access access = {.address = d.iova,
                               .data = a->buffer + d.start,
                               .length = d.length,
                               .space = TB_MEMORY,
                               .write = d.write};
    rig_access(&a->rig, "edu", &access);
    rig_settle(&a->rig);
    if (json_array_size(outcomes) == 0) {
        unspecified(a);
        return;
    }
    const json_t *chunks = pick(a, &d, outcomes);
    check_pieces(a, a->v, &d, chunks);
    if (!d.write)
        check_got(a, a->v, &d, chunks);
    check_memory(a, a->v, &d, chunks);
    expect_events(a, chunks);
}
