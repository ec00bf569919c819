/* The binary trace: what was written is read, whatever is cut off or damaged. */
#include "kernel/kernel.h"
#include "seen.h"
#include "suite.h"
#include "trace/trace.h"
#include "trace/trace_read.h"

#include <unistd.h>
#include <zlib.h>

#define CONFIGS TB_SOURCE_DIR "/configs/"

/* A scenario's transactions as the kernel tells them, and its trace. */
struct traced {
    struct seen seen;
    char path[80];
    struct tb_trace_counts counts;
};

static void write_trace(struct traced *t, const struct tb_input *input, bool compress)
{
    *t = (struct traced){.seen = {.diag = tb_diag_new()}};
    snprintf(t->path, sizeof t->path, "/tmp/tollbridge-test-%ld.tbt", (long)getpid());
    t->seen.sim = tb_sim_new(input, t->seen.diag);
    tb_diag_print(t->seen.diag, stderr);
    CU_ASSERT_FATAL(t->seen.sim != NULL);
    struct tb_trace_writer *w = tb_trace_create(t->path, compress);
    CU_ASSERT_FATAL(w != NULL);
    CU_ASSERT_EQUAL(tb_trace_begin(w, t->seen.sim), 0);
    tb_sim_observe(t->seen.sim, tb_trace_observe, w);
    tb_sim_observe(t->seen.sim, seen_observer, &t->seen);
    tb_sim_run(t->seen.sim, TB_NEVER);
    tb_sim_finish(t->seen.sim);
    tb_diag_print(tb_sim_diag(t->seen.sim), stderr);
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(t->seen.sim)), 0);
    tb_trace_end(w);
    t->counts = tb_trace_counts(w);
    CU_ASSERT_EQUAL(tb_trace_commit(w), 0);
}

static void trace_config(struct traced *t, const char *name, bool compress)
{
    char path[256];
    static const char *const sets[] = {"record={log: none, trace: true, check: dma-safety}", NULL};
    snprintf(path, sizeof path, CONFIGS "%s.yaml", name);
    write_trace(t, &(struct tb_input){.path = path, .sets = sets}, compress);
}

static void free_traced(struct traced *t)
{
    unlink(t->path);
    seen_free(&t->seen);
}

static bool same_values(const struct tb_trace_record *r, const struct tb_txn *t)
{
    return r->has_pa == t->has_pa && (!t->has_pa || r->pa == t->pa) &&
           r->has_pasid == t->has_pasid && r->pasid == t->pasid && r->tag == t->tag &&
           r->value[0] == t->value[0] && r->value[1] == t->value[1];
}

static bool same(const struct tb_trace_record *r, const struct seen_txn *s)
{
    const struct tb_txn *t = &s->txn;
    return same_values(r, t) && r->created == t->created && r->ended == s->ended &&
           r->iova == t->iova && r->number == t->number && r->length == t->length &&
           r->by == t->by && r->to == t->to && r->requester == t->requester && r->kind == t->kind &&
           r->write == t->write && r->at == t->at && r->status == s->status && r->tlb == t->tlb;
}

/* What of the parts is told apart adds up to what the kernel has of it. */
static bool same_details(const struct tb_trace_run *run, const struct tb_trace_record *r,
                         const struct seen_txn *s)
{
    tb_time fine[TB_TRACE_WORDS];
    tb_trace_fine(r, fine);
    for (unsigned p = 0; p < TB_WAY_PARTS; p++)
        if (fine[run->fine_of[p][TB_DETAIL_BACK]] != s->txn.back[p])
            return false;
    for (unsigned d = TB_DETAIL_WALKER; d < TB_DETAILS; d++)
        if (fine[run->fine_of[tb_detail_part(d)][d]] !=
            (s->txn.details >> d & 1 ? s->details.of[d] : 0))
            return false;
    return true;
}

/* The spans add up, part by part, and the message leaves each model by a wire from it. */
static bool is_whole(const struct tb_trace_run *run, const struct tb_trace_record *r,
                     const struct seen_txn *s)
{
    tb_time parts[TB_TRACE_WORDS];
    tb_trace_parts(r, parts);
    unsigned here = r->by;
    for (unsigned p = 0; p < TB_PARTS; p++)
        if (parts[p] != s->txn.spent[p])
            return false;
    if (!same_details(run, r, s))
        return false;
    if (r->kind == TB_TXN_PAGE_REQUEST) /* its device waits for the response, another transaction */
        return true;
    for (unsigned k = 0; k < r->span_count; k++) {
        const struct tb_trace_site *site = &run->sites[r->spans[k].site];
        if (site->is_wire && site->from != here)
            return false;
        if (site->is_wire && r->spans[k].part == TB_PART_WIRE)
            here = site->to;
        else if (!site->is_wire && r->spans[k].site != run->wire_count + here)
            return false;
    }
    return true;
}

static void compare(struct traced *t)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_trace_file *f = tb_trace_open(t->path, diag);
    CU_ASSERT_FATAL(f != NULL);
    size_t n = 0, wrong = 0, torn = 0;
    const struct tb_trace_record *r;
    uint64_t hops = 0;
    for (; (r = tb_trace_next(f)); n++) {
        CU_ASSERT_FATAL(n < t->seen.count);
        wrong += !same(r, &t->seen.at[n]);
        torn += !is_whole(tb_trace_run(f), r, &t->seen.at[n]);
        hops += r->hops;
    }
    tb_diag_print(diag, stderr);
    CU_ASSERT_EQUAL(n, t->seen.count);
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(torn, 0);
    CU_ASSERT_EQUAL(hops, t->counts.hops);
    CU_ASSERT_EQUAL(n, t->counts.records);
    CU_ASSERT(tb_trace_ok(f) && !tb_trace_was_cut(f) && tb_diag_count(diag) == 0);
    CU_ASSERT(t->counts.bytes <= 16 * hops + 65536);
    tb_trace_close(f);
    tb_diag_free(diag);
}

static void test_round_trip(void)
{
    static const char *const names[] = {
        "quickstart",   "ide-amdvi", "two-iommus",    "posted",       "prd-ahead", "ide-fault",
        "peer-to-peer", "ide-plain", "nested-iommus", "pasid-nested", "pri",       "pcie-switch",
        "race-walk",    "posting",   "dram",          "ddio"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        struct traced t;
        trace_config(&t, names[k], false);
        compare(&t);
        free_traced(&t);
    }
}

static const char random_pages[] =
    "scenario: s\n"
    "platform:\n"
    "  platform: p\n"
    "  models:\n"
    "    dma: {model: requester, id: \"00:02.0\", outstanding: 16, pattern: random, op: alternate, "
    "length: 64B,"
    " window: 1MiB, count: 60000}\n"
    "    b: {model: bridge, latency: 50ns}\n"
    "    dram: {model: memory, base: 0, size: 1MiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
    "  links:\n"
    "    - {from: dma, to: b.down, latency: 10ns, bandwidth: 8GB/s, credits: {forward: 4}}\n"
    "    - {from: b.up, to: dram, latency: 10ns, bandwidth: 8GB/s}\n"
    "record: {log: none, trace: true}\n";

static void trace_text(struct traced *t, const char *text, bool compress)
{
    write_trace(t, &(struct tb_input){.text = text, .length = strlen(text), .name = "test.yaml"},
                compress);
}

/* Many chunks. */
static void test_long(void)
{
    struct traced t;
    trace_text(&t, random_pages, false);
    CU_ASSERT(t.counts.bytes > 2 * TB_TRACE_CHUNK);
    CU_ASSERT(t.counts.bytes < 16 * t.counts.hops);
    compare(&t);
    free_traced(&t);
}

static void test_compressed(void)
{
    struct traced t, plain;
    if (!tb_trace_can_compress()) {
        printf("(skipped: built without zstd) ");
        return;
    }
    trace_text(&plain, random_pages, false);
    free_traced(&plain);
    trace_text(&t, random_pages, true);
    compare(&t);
    CU_ASSERT(t.counts.bytes < plain.counts.bytes);
    free_traced(&t);
}

/* -- Damage --------------------------------------------------------------------------------- */

struct bytes {
    uint8_t at[65536];
    size_t size;
};

static void get_bytes(const char *path, struct bytes *b)
{
    FILE *in = fopen(path, "rb");
    CU_ASSERT_FATAL(in != NULL);
    b->size = fread(b->at, 1, sizeof b->at, in);
    CU_ASSERT(b->size < sizeof b->at);
    fclose(in);
}

static void put_bytes(const char *path, const struct bytes *b, size_t size)
{
    FILE *out = fopen(path, "wb");
    CU_ASSERT_FATAL(out != NULL);
    fwrite(b->at, 1, size, out);
    fclose(out);
}

/* How many records can be read; *ok: without an error; they must be the first ones that were
 * written. */
static size_t read_all(const struct traced *t, bool check, bool *ok, bool *cut)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_trace_file *f = tb_trace_open(t->path, diag);
    const struct tb_trace_record *r;
    size_t n = 0;
    for (; f && (r = tb_trace_next(f)); n++)
        if (check)
            CU_ASSERT(n < t->seen.count && same(r, &t->seen.at[n]));
    *ok = f && tb_trace_ok(f);
    *cut = f && tb_trace_was_cut(f);
    CU_ASSERT(*ok == (tb_diag_count(diag) == 0));
    if (f)
        tb_trace_close(f);
    tb_diag_free(diag);
    return n;
}

static const char small[] =
    "scenario: s\n"
    "platform:\n"
    "  platform: p\n"
    "  models:\n"
    "    dma: {model: requester, id: \"00:02.0\", outstanding: 4, pattern: random, op: alternate, "
    "length: 64B,"
    " window: 64KiB, count: 24}\n"
    "    dram: {model: memory, base: 0, size: 64KiB, latency: 40ns, bandwidth: 12.8GB/s}\n"
    "  links:\n"
    "    - {from: dma, to: dram, latency: 10ns, bandwidth: 8GB/s, credits: {forward: 2}}\n"
    "record: {log: none, trace: true}\n";

static void cut_everywhere(bool compress)
{
    struct traced t;
    struct bytes b;
    size_t before = 0;
    bool ok, cut;
    trace_text(&t, small, compress);
    get_bytes(t.path, &b);
    for (size_t size = 0; size < b.size; size++) {
        put_bytes(t.path, &b, size);
        size_t n = read_all(&t, true, &ok, &cut);
        CU_ASSERT(ok && n >= before && (cut || size == TB_TRACE_MAGIC_BYTES));
        before = n;
    }
    CU_ASSERT_EQUAL(before, t.seen.count); /* all but the end's mark */
    put_bytes(t.path, &b, b.size);
    CU_ASSERT(read_all(&t, true, &ok, &cut) == t.seen.count && ok && !cut);
    free_traced(&t);
}

static void test_cut(void)
{
    cut_everywhere(false);
    if (tb_trace_can_compress())
        cut_everywhere(true);
}

/* Any changed byte is found: by a check, or by the CRC-32. */
static void test_changed(void)
{
    struct traced t;
    struct bytes b;
    bool ok, cut;
    unsigned missed = 0;
    trace_text(&t, small, false);
    get_bytes(t.path, &b);
    for (size_t k = 0; k < b.size; k++) {
        b.at[k] ^= (uint8_t)(1u << k % 8);
        put_bytes(t.path, &b, b.size);
        read_all(&t, false, &ok, &cut);
        missed += ok && !cut;
        b.at[k] ^= (uint8_t)(1u << k % 8);
    }
    CU_ASSERT(
        missed <=
        3 * 24); /* the head's summary (how many, from when to when) of each chunk is no data */
    free_traced(&t);
}

/* Damage that the CRC-32 does not show: the parser itself must stand it. */
static void test_hostile(void)
{
    struct traced t;
    struct bytes b;
    bool ok, cut;
    uint64_t x = 4711;
    trace_text(&t, small, false);
    get_bytes(t.path, &b);
    const struct bytes good = b;
    for (unsigned round = 0; round < 3000; round++) {
        b = good;
        for (unsigned k = 0; k < 1 + round % 4; k++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            b.at[8 + (x >> 33) % (b.size - 8)] = (uint8_t)(x >> 20);
        }
        for (size_t at = 8; at + TB_TRACE_HEAD <= b.size;) {
            uint32_t size, crc;
            memcpy(&size, b.at + at + 4, 4);
            if (size > b.size - at - TB_TRACE_HEAD)
                break;
            crc = (uint32_t)crc32(0, b.at + at + TB_TRACE_HEAD, size);
            memcpy(b.at + at + 12, &crc, 4);
            at += TB_TRACE_HEAD + size;
        }
        put_bytes(t.path, &b, b.size);
        read_all(&t, false, &ok, &cut);
    }
    free_traced(&t);
}

static void test_no_trace(void)
{
    struct tb_diag *diag = tb_diag_new();
    CU_ASSERT_PTR_NULL(tb_trace_open("/nonexistent/trace.tbt", diag));
    CU_ASSERT_PTR_NULL(tb_trace_open(CONFIGS "quickstart.yaml", diag));
    CU_ASSERT_EQUAL(tb_diag_count(diag), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(diag, 1), "no trace"));
    tb_diag_free(diag);
}

/* -- Marks ---------------------------------------------------------------------------------- */

static tb_time sum_of_marks(const struct tb_txn *t)
{
    tb_time sum = 0;
    for (const uint64_t *at = tb_marks_of(t); at < t->mark; at++)
        sum += *at & TB_MARK_LONG ? *at >> 32 << 32 : *at >> 32;
    return sum;
}

/* More marks than a slot has room for, and longer ones than a mark can tell: the sum stays right.
 */
static void test_marks(void)
{
    static _Alignas(TB_MARK_ALIGNED) uint64_t room[2 * TB_MARKS];
    struct tb_txn t = {.mark = room + TB_MARKS};
    for (unsigned n = 0; n < 300; n++) {
        tb_marks_clear(&t);
        for (unsigned i = 0; i < n; i++) {
            tb_mark_wire(&t, 2, i % 2, i, 1000);
            tb_mark_through(&t, 2, TB_PART_BRIDGE, 0);
            tb_mark(&t, tb_mark_code(7, TB_PART_MEM), 5);
        }
        CU_ASSERT_EQUAL(sum_of_marks(&t), n * 1005 + n * (n - 1) / 2 * (n > 0));
        CU_ASSERT(t.mark < room + 2 * TB_MARKS);
    }
    tb_marks_clear(&t);
    tb_mark(&t, tb_mark_code(7, TB_PART_DEVICE), 3 * (tb_time)UINT32_MAX);
    CU_ASSERT_EQUAL(t.mark - tb_marks_of(&t), 2);
    CU_ASSERT_EQUAL(sum_of_marks(&t), 3 * (tb_time)UINT32_MAX);
}

/* Long ones that find no room, and one that finds room for half of it. */
static void test_long_marks(void)
{
    static _Alignas(TB_MARK_ALIGNED) uint64_t room[TB_MARKS];
    struct tb_txn t = {.mark = room};
    for (unsigned before = 0; before < 2; before++) {
        tb_marks_clear(&t);
        if (before)
            tb_mark(&t, tb_mark_code(7, TB_PART_MEM), 1);
        for (unsigned i = 0; i < 100; i++)
            tb_mark(&t, tb_mark_code(7, TB_PART_DEVICE), (tb_time)1 << 40);
        CU_ASSERT_EQUAL(sum_of_marks(&t), 100 * ((tb_time)1 << 40) + before);
        CU_ASSERT(t.mark < room + TB_MARKS);
    }
}

static void test_numbers(void)
{
    uint8_t out[16];
    static const struct {
        uint64_t value;
        unsigned bytes;
        uint8_t first;
    } cases[] = {{0, 1, 1},
                 {1, 1, 3},
                 {127, 1, 255},
                 {128, 2, 2},
                 {16383, 2, 0xfe},
                 {16384, 3, 4},
                 {(1ull << 56) - 1, 8, 0x80},
                 {1ull << 56, 9, 0},
                 {UINT64_MAX, 9, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        CU_ASSERT_EQUAL(tb_trace_put(out, cases[k].value) - out, cases[k].bytes);
        CU_ASSERT_EQUAL(out[0], cases[k].first);
    }
    CU_ASSERT_EQUAL(tb_trace_unfold(tb_trace_fold((uint64_t)-5)), (uint64_t)-5);
    CU_ASSERT_EQUAL(tb_trace_fold((uint64_t)-1), 1);
    CU_ASSERT_EQUAL(tb_trace_fold(1), 2);
}

SUITE("trace", {"numbers", test_numbers}, {"marks", test_marks}, {"long marks", test_long_marks},
      {"round trip of scenarios", test_round_trip}, {"many chunks", test_long},
      {"compressed", test_compressed}, {"cut off at every byte", test_cut},
      {"every byte changed", test_changed}, {"damage under a good CRC", test_hostile},
      {"what is no trace", test_no_trace})
