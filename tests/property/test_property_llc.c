/* A cache changes times, never bytes: random requests of two devices whose windows share a line,
 * with and without a cache of random shape in front of memory. Every read gets the same bytes,
 * memory holds the same in the end.
 *
 * TB_SEED=n starts elsewhere; a counterexample is printed with its seed.
 */
#include "../seen.h"
#include "../suite.h"

enum { ROUNDS = 120, REQUESTS = 150, WINDOW = 5000, DEVICES = 2 };

static uint64_t draw(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

/* What became of a run: a hash of each read's bytes, by device and number, and memory in the end.
 */
struct outcome {
    uint64_t reads[DEVICES][REQUESTS * 64];
    uint8_t bytes[DEVICES * WINDOW];
    uint64_t failed;
    bool posted[DEVICES]; /* its writes may pass its earlier reads: what those get is a matter of
                             time */
};

static void observe(void *context, struct tb_model *by, const struct tb_txn *t,
                    enum tb_status status, tb_time when)
{
    struct outcome *o = context;
    uint64_t hash = 14695981039346656037u;
    (void)when;
    o->failed += status != TB_OK;
    if (by->name[0] != 'r' || t->write || o->posted[by->name[1] - '0'])
        return;
    for (uint32_t i = 0; i < t->length; i++)
        hash = (hash ^ t->data[i]) * 1099511628211u;
    o->reads[by->name[1] - '0'][t->number] = hash;
}

static void write_device(FILE *to, unsigned i, bool posted, uint64_t *state)
{
    fprintf(to,
            "  r%u: {model: requester, outstanding: %u, posted: %s, burst: %uB, data: counter, "
            "requests: [",
            i, 1 + (unsigned)draw(state, 40), posted ? "true" : "false", 16u << draw(state, 8));
    for (unsigned k = 0; k < REQUESTS; k++) {
        uint64_t bytes = 1 + (draw(state, 3) ? draw(state, 64) : draw(state, 700));
        fprintf(to, "%s{op: %s, address: %u, bytes: %u}", k ? ", " : "",
                draw(state, 2) ? "read" : "write",
                (unsigned)(i * WINDOW + draw(state, WINDOW - bytes + 1)), (unsigned)bytes);
    }
    fprintf(to, "]}\n");
}

static void write_cache(FILE *to, uint64_t *state)
{
    static const char *const names[] = {"lru", "fifo", "random"};
    unsigned ways = 1u << draw(state, 4), line = 16u << draw(state, 5),
             sets = 1 + (unsigned)draw(state, 6);
    fprintf(to,
            "  c: {model: llc, ways: %u, line: %uB, size: %uB, ddio_ways: %u, replacement: %s, "
            "write: %s,"
            " device_reads: %s, mshrs: %u, targets: %u, stores: %u}\n",
            ways, line, ways * line * sets, (unsigned)draw(state, ways + 1), names[draw(state, 3)],
            draw(state, 3) ? "back" : "through", draw(state, 2) ? "around" : "allocate",
            1 + (unsigned)draw(state, 8), 1 + (unsigned)draw(state, 5),
            1 + (unsigned)draw(state, 4));
}

static char *write_platform(uint64_t seed, bool cached, struct outcome *o)
{
    char *text = NULL;
    size_t length;
    uint64_t state = seed, cache = seed ^ 0x5555;
    FILE *to = open_memstream(&text, &length);
    fprintf(to, "platform: llc\nmodels:\n");
    if (cached)
        write_cache(to, &cache);
    fprintf(to, "  d: {model: %s, size: 64KiB}\n  b: {model: bus}\n",
            draw(&state, 2) ? "memory" : "dram, row: 256B, groups: 2, banks: 2, refresh: false");
    for (unsigned i = 0; i < DEVICES; i++)
        write_device(to, i, o->posted[i] = draw(&state, 2), &state);
    fprintf(to,
            "links:\n  - {from: r0, to: b, credits: %u}\n  - {from: r1, to: b}\n  - {from: b, to: "
            "%s, credits: %u}\n",
            1 + (unsigned)draw(&state, 8), cached ? "c" : "d", 1 + (unsigned)draw(&state, 8));
    if (cached)
        fprintf(to, "  - {from: c.mem, to: d, latency: %uns, credits: %u}\n",
                1 + (unsigned)draw(&cache, 100), 1 + (unsigned)draw(&cache, 4));
    fclose(to);
    return text;
}

static bool run(uint64_t seed, bool cached, struct outcome *o)
{
    struct seen s;
    memset(o, 0, sizeof *o);
    char *text = write_platform(seed, cached, o);
    seen_load(&s, text);
    tb_diag_print(s.diag, stderr);
    bool good = s.sim && tb_sim_observe(s.sim, observe, o) &&
                tb_sim_run(s.sim, TB_NEVER) == TB_EXIT_OK && tb_sim_idle(s.sim) &&
                tb_sim_peek(s.sim, 0, o->bytes, sizeof o->bytes) &&
                seen_counter(&s, "r0", "completed") && seen_counter(&s, "r0", "failed") == 0;
    if (!good)
        fprintf(stderr, "%s\n", text);
    seen_free(&s);
    free(text);
    return good;
}

static void tell(uint64_t seed, const struct outcome *a, const struct outcome *b)
{
    char *text = write_platform(seed, true, &(struct outcome){.failed = 0});
    fprintf(stderr, "TB_SEED=%llu\n%s\n", (unsigned long long)seed, text);
    free(text);
    for (unsigned i = 0; i < DEVICES; i++)
        for (unsigned k = 0; k < REQUESTS * 64; k++)
            if (a->reads[i][k] != b->reads[i][k])
                fprintf(stderr, "r%u: read %u differs\n", i, k);
    for (unsigned i = 0; i < DEVICES * WINDOW; i++)
        if (a->bytes[i] != b->bytes[i])
            fprintf(stderr, "byte %u: %u, with the cache %u\n", i, a->bytes[i], b->bytes[i]);
}

static void test_same_bytes(void)
{
    static struct outcome plain, cached;
    const char *seed = getenv("TB_SEED");
    uint64_t first = seed ? strtoull(seed, NULL, 0) : 1;
    for (uint64_t k = first; k < first + ROUNDS; k++) {
        bool good = run(k, false, &plain) && run(k, true, &cached) &&
                    !memcmp(&plain, &cached, sizeof plain);
        if (!good)
            tell(k, &plain, &cached);
        CU_ASSERT_TRUE_FATAL(good);
    }
}

SUITE("llc: bytes", {"the same bytes with and without", test_same_bytes})
