/* A disk command behind the IOMMU: `expect` for the table's and the data's translations, and where
 * a recorded release moved the data as the architecture says, its registers and what it wrote. */
#include "amdvi.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR      512u
#define DISK_BYTES  ((size_t)DISK_SECTORS * SECTOR)
#define DISK_ID     0x28
#define TABLE_BYTES 4096u

struct disk {
    const json_t *step, *expected, *recorded;
    uint64_t table;
    bool read;         /* from the disk */
    uint8_t *before;   /* the disk's contents */
    size_t irq_status; /* edges seen when the status was read */
    uint64_t bm_status, ata_status, ata_error, bm_after;
};

/* -- the command ------------------------------------------ */

static bool is_ext(uint64_t cmd)
{
    return cmd == 0x25 || cmd == 0x35;
}

static void place_table(struct amdvi *a, const struct disk *d)
{
    size_t i;
    json_t *entry;
    json_array_foreach (json_object_get(d->step, "prd_mem"), i, entry)
        rig_poke64(&a->rig, num(json_array_get(entry, 0)), num(json_array_get(entry, 1)));
}

static void write_task_file(struct rig *r, const struct disk *d)
{
    uint64_t lba = num_of(d->step, "lba", 0), n = num_of(d->step, "nsect", 0);
    bool ext = is_ext(num_of(d->step, "cmd", 0));
    ide_out(r, "device", 0xE0 | (ext ? 0 : lba >> 24 & 0xF));
    if (ext) {
        ide_out(r, "nsect", n >> 8 & 0xFF);
        ide_out(r, "lbal", lba >> 24 & 0xFF);
        ide_out(r, "lbam", lba >> 32 & 0xFF);
        ide_out(r, "lbah", lba >> 40 & 0xFF);
    }
    ide_out(r, "nsect", n & 0xFF);
    ide_out(r, "lbal", lba & 0xFF);
    ide_out(r, "lbam", lba >> 8 & 0xFF);
    ide_out(r, "lbah", lba >> 16 & 0xFF);
}

static void run_command(struct amdvi *a, struct disk *d)
{
    struct rig *r = &a->rig;
    rig_out(r, TB_CONFIG, (uint64_t)DISK_ID << 12 | 4, 2, 5);
    ide_out(r, "bm.cmd", 0);
    ide_out(r, "bm.status", 6);
    ide_out(r, "bm.prd", d->table);
    write_task_file(r, d);
    ide_out(r, "command", num_of(d->step, "cmd", 0));
    ide_out(r, "bm.cmd", d->read ? 9 : 1);
    ide_wait(r);
    d->bm_status = ide_in(r, "bm.status");
    d->irq_status = r->edge_count;
    d->ata_status = ide_in(r, "status");
    d->ata_error = ide_in(r, "error");
    ide_out(r, "bm.cmd", 0);
    d->bm_after = ide_in(r, "bm.status");
    rig_settle(r);
}

/* -- transactions ------------------------------------------ */

/* The chunk of a list of lists that tells of an address; elements may overlap, so the one is meant
 * that no transaction has used up yet is not asked for: any that fits is good. */
static const json_t *chunk_in(const json_t *chunks, const struct piece *p)
{
    size_t i;
    json_t *chunk;
    json_array_foreach (chunks, i, chunk) {
        uint64_t offset = p->iova - num(json_array_get(chunk, 0));
        if (offset < num(json_array_get(chunk, 1)))
            return chunk;
    }
    return NULL;
}

static const json_t *chunk_of(const struct disk *d, const struct piece *p, bool table)
{
    if (table)
        return chunk_in(json_object_get(d->expected, "descriptor_fetch"), p);
    size_t i;
    json_t *chunks;
    json_array_foreach (json_object_get(d->expected, "data"), i, chunks) {
        const json_t *chunk = chunk_in(chunks, p);
        if (chunk)
            return chunk;
    }
    return NULL;
}

static uint64_t total(const json_t *chunks)
{
    uint64_t n = 0;
    size_t i;
    json_t *chunk;
    json_array_foreach (chunks, i, chunk)
        n += num(json_array_get(chunk, 1));
    return n;
}

static uint64_t total_data(const json_t *elements)
{
    uint64_t n = 0;
    size_t i;
    json_t *chunks;
    json_array_foreach (elements, i, chunks)
        n += total(chunks);
    return n;
}

static bool fetch_faults(const struct disk *d)
{
    size_t i;
    json_t *chunk;
    json_array_foreach (json_object_get(d->expected, "descriptor_fetch"), i, chunk)
        if (json_is_null(json_array_get(chunk, 2)))
            return true;
    return false;
}

static void check_piece(struct amdvi *a, const struct piece *p, const json_t *chunk)
{
    char name[64];
    bool fault = json_is_null(json_array_get(chunk, 2));
    uint64_t pa = num(json_array_get(chunk, 2)) + (p->iova - num(json_array_get(chunk, 0)));
    bool good = fault ? p->status == TB_FAULT || p->status == TB_ABORT
                      : p->status == (is_ram(pa) ? TB_OK : TB_UNSUPPORTED);
    if (!good)
        verdict_fail(a->v, field(a, name, "status"),
                     "of %u bytes at 0x%" PRIx64 ": expected %s, found status %u", p->length,
                     p->iova, fault ? "a fault" : "a translated access", p->status);
    if (!fault && p->has_pa && p->pa != pa)
        verdict_fail(a->v, field(a, name, "physical"),
                     "of 0x%" PRIx64 ": expected 0x%" PRIx64 ", found 0x%" PRIx64, p->iova, pa,
                     p->pa);
    const char *reason = json_string_value(json_array_get(chunk, 4));
    if (fault)
        event_of_fault(a, p, json_string_value(json_array_get(chunk, 3)), reason ? reason : "");
}

/* Every transaction must have been expected, and all that was expected must have been asked for.
 * Where the table cannot be fetched, it counts as zeros and the data goes to address 0, of which
 * `expect` does not tell: those transactions are held to the recorded contents, and each that
 * faults to an event. The same where the vector does not say what becomes of the step. */
static void check_transactions(struct amdvi *a, const struct disk *d)
{
    char name[64];
    uint64_t fetched = 0, moved = 0;
    bool lost = !json_is_object(d->expected) || fetch_faults(d);
    for (size_t i = 0; i < a->rig.piece_count; i++) {
        const struct piece *p = &a->rig.pieces[i];
        bool table = !p->write && p->iova - d->table < TABLE_BYTES && chunk_of(d, p, true);
        const json_t *chunk = lost && !table ? NULL : chunk_of(d, p, table);
        *(table ? &fetched : &moved) += p->length;
        if (chunk)
            check_piece(a, p, chunk);
        else if (lost && (p->status == TB_FAULT || p->status == TB_ABORT))
            event_of_fault(a, p, json_is_object(d->expected) ? "IO_PAGE_FAULT" : NULL, "");
        else if (!lost)
            verdict_fail(a->v, field(a, name, "transactions"),
                         "%u bytes at 0x%" PRIx64 " were not asked for", p->length, p->iova);
    }
    if (!lost)
        verdict_num(a->v, field(a, name, "data bytes"),
                    total_data(json_object_get(d->expected, "data")), moved);
    if (!lost || (fetched == 0 && json_is_object(d->expected)))
        verdict_num(a->v, field(a, name, "descriptor bytes"),
                    total(json_object_get(d->expected, "descriptor_fetch")), fetched);
}

/* -- contents ------------------------------------------ */

static void expect_memory(struct amdvi *a, const struct disk *d)
{
    char name[64];
    size_t i;
    json_t *run;
    json_array_foreach (json_object_get(d->recorded, "mem_written"), i, run) {
        uint64_t at = num(json_array_get(run, 0)), n = num(json_array_get(run, 1)),
                 from = num(json_array_get(run, 2));
        uint8_t found;
        if (from + n > DISK_BYTES)
            continue;
        watch_expect(a, at, d->before + from, n);
        for (uint64_t k = 0; k < n; k++)
            if (!rig_peek(&a->rig, at + k, &found, 1) || found != d->before[from + k]) {
                verdict_fail(a->v, field(a, name, "mem_written"),
                             "at 0x%" PRIx64 " expected byte %02x of the disk's offset %" PRIu64
                             ", found %02x",
                             at + k, d->before[from + k], from + k, found);
                break;
            }
    }
}

/* Sources of a recorded run on the disk: memory, or zeros where nothing could be read. */
static void expect_run(struct amdvi *a, uint8_t *disk, const json_t *run)
{
    uint64_t at = num(json_array_get(run, 0));
    size_t i;
    json_t *source;
    json_array_foreach (json_array_get(run, 2), i, source) {
        const json_t *from = json_array_get(source, 0);
        uint64_t n = num(json_array_get(source, 1));
        if (at + n > DISK_BYTES)
            return;
        if (json_is_hex(from))
            rig_peek(&a->rig, num(from), disk + at, n);
        else
            memset(disk + at, 0, n);
        at += n;
    }
}

static void compare_disk(struct amdvi *a, const struct disk *d)
{
    char name[64];
    uint8_t *want = malloc(DISK_BYTES), *now = malloc(DISK_BYTES);
    size_t i;
    json_t *run;
    if (want && now) {
        memcpy(want, d->before, DISK_BYTES);
        json_array_foreach (json_object_get(d->recorded, "disk_written"), i, run)
            expect_run(a, want, run);
        rig_disk(&a->rig, "ide0", 0, now, DISK_BYTES, false);
        for (i = 0; i < DISK_BYTES; i++)
            if (want[i] != now[i]) {
                verdict_fail(a->v, field(a, name, "disk_written"),
                             "at offset %zu expected %02x, found %02x", i, want[i], now[i]);
                break;
            }
    }
    free(want);
    free(now);
}

static void compare_registers(struct amdvi *a, const struct disk *d)
{
    const struct {
        const char *name;
        uint64_t found;
    } registers[] = {{"bm_status", d->bm_status},
                     {"ata_status", d->ata_status},
                     {"ata_error", d->ata_error},
                     {"bm_status_after_stop", d->bm_after}};
    char name[64];
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++)
        verdict_num(a->v, field(a, name, registers[i].name),
                    num_of(d->recorded, registers[i].name, 0), registers[i].found);
    size_t all = a->rig.edge_count;
    a->rig.edge_count = d->irq_status;
    rig_edges(&a->rig, a->v, field(a, name, "irq14"), 0, json_object_get(d->recorded, "irq14"));
    a->rig.edge_count = all;
}

void disk_step(struct amdvi *a, const json_t *step, const json_t *expected, const json_t *recorded)
{
    uint64_t cmd = num_of(step, "cmd", 0);
    struct disk d = {.step = step,
                     .expected = expected,
                     .recorded = recorded,
                     .table = num_of(step, "prd_iova", 0),
                     .read = cmd == 0xC8 || cmd == 0xC9 || cmd == 0x25,
                     .before = malloc(DISK_BYTES)};
    if (!d.before) {
        fputs("tollbridge-vectors: out of memory\n", stderr);
        exit(TB_EXIT_HOST);
    }
    place_table(a, &d);
    rig_disk(&a->rig, "ide0", 0, d.before, DISK_BYTES, false);
    run_command(a, &d);
    check_transactions(a, &d);
    if (recorded) {
        compare_registers(a, &d);
        expect_memory(a, &d);
        compare_disk(a, &d);
        watch_compare(a, a->v);
    }
    free(d.before);
}
