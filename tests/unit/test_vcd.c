/* VCD, whose changes are sorted in runs and merged: whatever the runs' length, the file is the same
 * as with one sort of all. And the sort itself, against another. */
#include "suite.h"
#include "trace/trace.h"

static size_t long_most, run_length;
#define LONG_MOST long_most
#define RUN       run_length
#include "../../sim/trace/convert_vcd.c"

#define CONFIGS TB_SOURCE_DIR "/configs/"

/* -- The sort ------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct tb_change *x = a, *y = b;
    return tb_change_is_before(x, y) ? -1 : tb_change_is_before(y, x);
}

static void check_sort(uint64_t seed, size_t count, tb_time span, uint32_t variables)
{
    struct tb_changes c = {0};
    struct tb_random random = {seed};
    CU_ASSERT_FATAL(tb_changes_reserve(&c, count + 1));
    for (size_t k = 0; k < count; k++)
        tb_changes_add(&c, seed + tb_random_below(&random, span),
                       (uint32_t)tb_random_below(&random, variables), 1);
    struct tb_change *other = malloc((count + 1) * sizeof *other);
    memcpy(other, c.at, count * sizeof *other);
    qsort(other, count, sizeof *other, compare);
    tb_changes_sort(&c);
    CU_ASSERT(memcmp(other, c.at, count * sizeof *other) == 0);
    free(other);
    tb_changes_free(&c);
}

static void test_sort(void)
{
    static const tb_time spans[] = {1, 2, 2048, 1 << 20, (tb_time)1 << 40, UINT64_MAX - 5000};
    for (size_t k = 0; k < sizeof spans / sizeof *spans; k++)
        for (size_t count = 0; count < 5000; count = 3 * count + 1)
            check_sort(k + 1, count, spans[k], k % 2 ? 7 : 100000);
}

/* -- The file ------------------------------------------------------------------------------- */

static void write_trace(const char *config, const char *path)
{
    static const char *const sets[] = {"record={log: none, trace: true}", NULL};
    char name[256];
    struct tb_diag *diag = tb_diag_new();
    snprintf(name, sizeof name, CONFIGS "%s.yaml", config);
    struct tb_sim *s = tb_sim_new(&(struct tb_input){.path = name, .sets = sets}, diag);
    struct tb_trace_writer *w = tb_trace_create(path, false);
    CU_ASSERT_FATAL(s && w && tb_trace_begin(w, s) == 0);
    tb_sim_observe(s, tb_trace_observe, w);
    tb_sim_run(s, TB_NEVER);
    tb_sim_finish(s);
    tb_trace_end(w);
    CU_ASSERT_EQUAL(tb_trace_commit(w), 0);
    tb_sim_free(s);
    tb_diag_free(diag);
}

/* The VCD of a trace with these limits; to be freed. */
static char *convert(const char *trace, size_t most, size_t run, size_t *size)
{
    static const struct tb_trace_filter all = {.to = TB_NEVER};
    char path[128], *text = NULL;
    struct tb_outfile to;
    struct tb_diag *diag = tb_diag_new();
    long_most = most;
    run_length = run;
    snprintf(path, sizeof path, "%s.vcd", trace);
    struct tb_trace_source *s = tb_source_open(trace, &all, diag);
    CU_ASSERT_FATAL(s != NULL);
    tb_outfile_open(&to, path);
    CU_ASSERT(tb_convert_vcd(s, &to, path, diag));
    CU_ASSERT(tb_outfile_commit(&to));
    tb_source_close(s);
    tb_diag_free(diag);
    FILE *in = fopen(path, "rb");
    CU_ASSERT_FATAL(in != NULL);
    fseek(in, 0, SEEK_END);
    *size = (size_t)ftell(in);
    rewind(in);
    text = calloc(*size + 1, 1);
    CU_ASSERT_EQUAL(fread(text, 1, *size, in), *size);
    fclose(in);
    unlink(path);
    return text;
}

static void check_runs(const char *config)
{
    static const size_t limits[][2] = {{0, 1}, {0, 4096}, {500, 1}, {500, 300}, {20000, 64}};
    char trace[80];
    size_t size, other;
    snprintf(trace, sizeof trace, "/tmp/tollbridge-vcd-%ld.tbt", (long)getpid());
    write_trace(config, trace);
    char *at_once = convert(trace, SIZE_MAX, SIZE_MAX, &size);
    CU_ASSERT(size > 1000);
    for (size_t k = 0; k < sizeof limits / sizeof *limits; k++) {
        char *text = convert(trace, limits[k][0], limits[k][1], &other);
        CU_ASSERT(other == size && memcmp(text, at_once, size) == 0);
        free(text);
    }
    free(at_once);
    unlink(trace);
}

static void test_runs(void)
{
    static const char *const configs[] = {"quickstart", "ide-amdvi", "posted", "pasid-nested"};
    for (size_t k = 0; k < sizeof configs / sizeof *configs; k++)
        check_runs(configs[k]);
}

SUITE("vcd", {"the sort", test_sort}, {"sorted in runs", test_runs})
