/* What the trace costs: the workload rw1 with histograms only and with the full trace, the size of
 * the trace, and how fast each converter reads it. Instructions are counted by valgrind where it is
 * installed. */
#include "trace/trace.h"
#include "bench.h"
#include "log/log.h"
#include "stats/stats.h"
#include "tollbridge/sim.h"
#include "trace/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRANSACTIONS 200000
#define SLOWEST      20    /* kept by the statistics, as by default */
#define SHORT        10000 /* of the two runs under valgrind, whose difference counts */
#define LONG         40000

/* What `tollbridge run` always records: tallies, and the statistics with their histograms and
 * usage. */
struct always {
    struct tb_log log;
    struct tb_stats stats;
    struct tb_trace_writer *trace; /* NULL: none */
};

static void observe(void *context, struct tb_model *by, const struct tb_txn *t,
                    enum tb_status status, tb_time when)
{
    struct always *a = context;
    tb_log_observe(&a->log, by, t, status, when);
    tb_stats_observe(&a->stats, by, t, status, when);
    if (a->trace)
        tb_trace_observe(a->trace, by, t, status, when);
}

static void clear(struct always *a)
{
    tb_log_close(&a->log);
    free(a);
}

struct sizes {
    struct tb_trace_counts counts;
    uint64_t host; /* nanoseconds of the run */
};

static bool begin(struct always *a, struct tb_sim *s, const char *path)
{
    struct tb_log_header header = {0};
    tb_log_open(&a->log, NULL, false);
    if (!tb_log_begin(&a->log, &header, NULL, 0) || !tb_stats_begin(&a->stats, s, SLOWEST))
        return false;
    if (!path)
        return true;
    a->trace = tb_trace_create(path, false);
    return a->trace && tb_trace_begin(a->trace, s) == 0;
}

static bool end(struct always *a, struct sizes *out)
{
    tb_stats_end(&a->stats);
    tb_stats_free(&a->stats);
    if (!a->trace)
        return true;
    tb_trace_end(a->trace);
    out->counts = tb_trace_counts(a->trace);
    return tb_trace_commit(a->trace) == 0;
}

/* Runs rw1; path NULL: without a trace. false: told. */
static bool run(uint64_t transactions, const char *path, struct sizes *out)
{
    char count[64];
    const char *const sets[] = {path ? "record={log: none, trace: true}" : "record={log: none}",
                                count, NULL};
    struct tb_diag *diag = tb_diag_new();
    struct tb_input input = {.path = TB_SOURCE_DIR "/configs/rw1.yaml", .sets = sets};
    snprintf(count, sizeof count, "dma.count=%" PRIu64, transactions);
    struct tb_sim *s = tb_sim_new(&input, diag);
    struct always *a = calloc(1, sizeof *a);
    bool ok = s && a && begin(a, s, path);
    if (ok) {
        tb_sim_observe(s, observe, a);
        uint64_t start = host_now();
        tb_sim_run(s, TB_NEVER);
        out->host = host_now() - start;
        tb_sim_finish(s);
        ok = end(a, out);
    }
    tb_diag_print(diag, stderr);
    tb_diag_free(diag);
    tb_sim_free(s);
    if (a)
        clear(a);
    return ok;
}

/* Converts a trace to a file beside it; 0 on failure, else nanoseconds. */
static uint64_t convert(const struct tb_converter *c, const char *trace)
{
    char path[256];
    static const struct tb_trace_filter all = {.to = TB_NEVER};
    struct tb_diag *diag = tb_diag_new();
    struct tb_outfile to;
    snprintf(path, sizeof path, "%s.%s", trace, c->name);
    uint64_t start = host_now();
    struct tb_trace_source *s = tb_source_open(trace, &all, diag);
    if (s && c->by_file)
        c->write(s, NULL, path, diag);
    if (s && !c->by_file) {
        tb_outfile_open(&to, path);
        c->write(s, &to, path, diag);
        if (!tb_outfile_commit(&to))
            tb_diag_host(diag, "%s: %s", path, strerror(to.error));
    }
    tb_source_close(s);
    uint64_t took = host_now() - start;
    bool ok = tb_diag_count(diag) == 0;
    tb_diag_free(diag);
    return ok ? took : 0;
}

static void remove_outputs(const char *trace)
{
    char path[256];
    for (const struct tb_converter *c = tb_converters; c->name; c++) {
        snprintf(path, sizeof path, "%s.%s/stream", trace, c->name);
        unlink(path);
        snprintf(path, sizeof path, "%s.%s/metadata", trace, c->name);
        unlink(path);
        snprintf(path, sizeof path, "%s.%s", trace, c->name);
        if (unlink(path) != 0)
            rmdir(path);
    }
    unlink(trace);
}

/* -- Instructions --------------------------------------------------------------------------- */

/* Of this program with these arguments; 0: valgrind is not there, or failed. */
static uint64_t instructions(const char *arguments)
{
    char self[4096], command[8192], line[256];
    uint64_t found = 0;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return 0;
    self[n] = '\0';
    snprintf(command, sizeof command,
             "valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null '%s' "
             "trace-part %s 2>&1",
             self, arguments);
    FILE *in = popen(command, "r");
    while (in && fgets(line, sizeof line, in)) {
        const char *at = strstr(line, "I   refs:");
        at = at ? at : strstr(line, "I refs:");
        for (; at && *at; at++)
            if (*at >= '0' && *at <= '9')
                found = found * 10 + (uint64_t)(*at - '0');
    }
    return in && pclose(in) == 0 ? found : 0;
}

/* Per transaction: the difference of two runs, so that start and end drop out. */
static double instructions_each(const char *what, const char *path)
{
    char few[512], many[512];
    snprintf(few, sizeof few, "%s %s %d", what, path, SHORT);
    snprintf(many, sizeof many, "%s %s %d", what, path, LONG);
    uint64_t a = instructions(few), b = a ? instructions(many) : 0;
    return b > a ? (double)(b - a) / (LONG - SHORT) : 0;
}

int trace_part(int argc, char **argv)
{
    struct sizes sizes;
    if (argc != 5)
        return TB_EXIT_INPUT;
    uint64_t transactions = strtoull(argv[4], NULL, 10);
    if (strcmp(argv[2], "histograms") == 0)
        return run(transactions, NULL, &sizes) ? TB_EXIT_OK : TB_EXIT_HOST;
    if (strcmp(argv[2], "trace") == 0)
        return run(transactions, argv[3], &sizes) ? TB_EXIT_OK : TB_EXIT_HOST;
    const struct tb_converter *c = tb_converter_of(argv[2]);
    return c && convert(c, argv[3]) ? TB_EXIT_OK : TB_EXIT_HOST;
}

/* -- Results -------------------------------------------------------------------------------- */

struct converted {
    const char *name;
    uint64_t host;
    uint64_t instructions; /* of the whole conversion; 0: not counted */
};

static void print_json(const struct sizes *s, double with, double without,
                       const struct converted *c, size_t count)
{
    double hops = (double)s->counts.hops;
    printf("{\"workload\": \"trace\", \"transactions\": %" PRIu64 ", \"hops\": %" PRIu64
           ", \"bytes\": %" PRIu64 ", \"bytes_per_hop\": %.3f, \"bytes_per_transaction\": %.3f",
           s->counts.records, s->counts.hops, s->counts.bytes, (double)s->counts.bytes / hops,
           (double)s->counts.bytes / (double)s->counts.records);
    if (with > 0)
        printf(", \"instructions_per_transaction\": {\"histograms\": %.1f, \"trace\": %.1f, "
               "\"more_percent\": %.1f}",
               without, with, 100 * (with - without) / without);
    printf(", \"host_ns_per_transaction\": %.3f, \"converters\": {",
           (double)s->host / (double)s->counts.records);
    for (size_t k = 0; k < count; k++) {
        printf("%s\"%s\": {\"records_per_s\": %.0f, \"transactions_per_s\": %.0f", k ? ", " : "",
               c[k].name, hops * 1e9 / (double)c[k].host,
               (double)s->counts.records * 1e9 / (double)c[k].host);
        if (c[k].instructions)
            printf(", \"instructions_per_record\": %.1f", (double)c[k].instructions / hops);
        printf("}");
    }
    puts("}}");
}

static void print_text(const struct sizes *s, double with, double without,
                       const struct converted *c, size_t count)
{
    double hops = (double)s->counts.hops;
    printf("%-32s%" PRIu64 "\n%-32s%" PRIu64 "\n%-32s%.3f\n", "transactions", s->counts.records,
           "hops", s->counts.hops, "bytes_per_hop", (double)s->counts.bytes / hops);
    if (with > 0)
        printf("%-32s%.1f\n%-32s%.1f (%.1f%% more)\n", "instructions with histograms", without,
               "instructions with the trace", with, 100 * (with - without) / without);
    else
        puts("instructions: not counted (valgrind is missing)");
    for (size_t k = 0; k < count; k++)
        printf("%-9s %12.0f hop records/s\n", c[k].name, hops * 1e9 / (double)c[k].host);
}

/* Instructions of a conversion, counted on the trace as it is. */
static uint64_t instructions_of(const char *name, const char *trace, bool wanted)
{
    char arguments[512];
    snprintf(arguments, sizeof arguments, "%s %s 0", name, trace);
    return wanted ? instructions(arguments) : 0;
}

int trace_run(const struct knobs *k)
{
    char path[] = "/tmp/tollbridge-bench-XXXXXX";
    struct sizes sizes = {0};
    struct converted done[16];
    size_t count = 0;
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) != 0) {
        perror(path);
        return TB_EXIT_HOST;
    }
    double without = instructions_each("histograms", path);
    double with = without > 0 ? instructions_each("trace", path) : 0;
    bool ok = run(k->transactions ? k->transactions : TRANSACTIONS, path, &sizes) &&
              sizes.counts.hops > 0;
    bool counts = with > 0 && sizes.counts.records <= TRANSACTIONS; /* valgrind takes its time */
    for (const struct tb_converter *c = tb_converters; ok && c->name; c++) {
        if (strcmp(c->name, "fst") == 0)
            continue; /* vcd, and another program */
        done[count] =
            (struct converted){c->name, convert(c, path), instructions_of(c->name, path, counts)};
        ok = done[count++].host > 0;
    }
    remove_outputs(path);
    if (ok)
        (k->json ? print_json : print_text)(&sizes, with, without, done, count);
    return ok ? TB_EXIT_OK : TB_EXIT_HOST;
}
