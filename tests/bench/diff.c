/* What comparing costs: logs and traces of rw2, each with itself copied and with one whose memory
 * is a nanosecond slower, so that every transaction differs. Each part runs in a process of its
 * own, whose memory is told. */
#include "diff/diff.h"
#include "bench.h"
#include "diff/trace_diff.h"
#include "kernel/observe.h"
#include "log/log.h"
#include "trace/trace.h"

#include "tollbridge/sim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TRANSACTIONS 100000 /* DMAs; with their walks 4.7 times as many are in the log */
#define TIMES        5      /* the fastest counts */

/* What a part came to; crosses a pipe. */
struct part {
    bool ok;
    bool differs;
    uint64_t host, cpu;    /* nanoseconds: by the clock, and of the processor */
    uint64_t transactions; /* compared */
    long peak;             /* KiB resident */
};

struct job {
    const char *golden, *new;
    bool trace;
};

/* -- Making logs and traces ---------------------------------------------------------------------
 */

struct recorder {
    struct tb_log log;
    struct tb_trace_writer *trace;
};

static void observe(void *context, struct tb_model *by, const struct tb_txn *t,
                    enum tb_status status, tb_time when)
{
    struct recorder *r = context;
    tb_log_observe(&r->log, by, t, status, when);
    tb_trace_observe(r->trace, by, t, status, when);
}

static bool begin(struct recorder *r, struct tb_sim *s, const char *log, const char *trace)
{
    const char *names[64];
    size_t count = 0;
    struct tb_log_header header;
    for (; count < 64 && tb_observe_model(s, count); count++)
        names[count] = tb_observe_model(s, count)->name;
    tb_log_open(&r->log, log, false);
    r->trace = tb_trace_create(trace, false);
    return tb_log_header_set(&header, "rw2", "rw2", "-", 1) &&
           tb_log_begin(&r->log, &header, names, count) && r->trace &&
           tb_trace_begin(r->trace, s) == 0;
}

static bool make(const char *folder, const char *name, uint64_t transactions, const char *latency)
{
    char count[64], memory[64], log[300], trace[300];
    const char *const sets[] = {"record={trace: true}", count, memory, NULL};
    struct tb_input input = {.path = TB_SOURCE_DIR "/configs/rw2.yaml", .sets = sets};
    snprintf(count, sizeof count, "dma.count=%" PRIu64, transactions);
    snprintf(memory, sizeof memory, "dram.latency=%s", latency);
    snprintf(log, sizeof log, "%s/%s.log", folder, name);
    snprintf(trace, sizeof trace, "%s/%s.tbt", folder, name);
    struct tb_diag *diag = tb_diag_new();
    struct tb_sim *s = tb_sim_new(&input, diag);
    struct recorder *r = calloc(1, sizeof *r);
    bool ok = s && r && begin(r, s, log, trace);
    if (ok) {
        tb_sim_observe(s, observe, r);
        tb_sim_run(s, TB_NEVER);
        tb_sim_finish(s);
        tb_log_end(&r->log);
        tb_trace_end(r->trace);
        ok = tb_log_commit(&r->log) && tb_trace_commit(r->trace) == 0;
    }
    tb_diag_print(diag, stderr);
    tb_diag_free(diag);
    tb_sim_free(s);
    free(r);
    return ok;
}

/* -- Comparing ----------------------------------------------------------------------------------
 */

static void compare_logs(const struct job *j, struct part *out, struct tb_diag *diag)
{
    static const struct tb_diff_options options;
    struct tb_diff d = {0};
    struct tb_log_file *golden = tb_log_file_open(j->golden, diag);
    struct tb_log_file *new = tb_log_file_open(j->new, diag);
    if (golden && new)
        out->differs = tb_diff_files(golden, new, &options, &d, diag) != TB_EXIT_OK;
    out->transactions = d.transactions;
    tb_diff_clear(&d);
    tb_log_file_free(golden);
    tb_log_file_free(new);
}

static void compare_traces(const struct job *j, struct part *out, struct tb_diag *diag)
{
    static const struct tb_trace_diff_options options;
    struct tb_trace_diff d;
    out->differs = tb_trace_diff(j->golden, j->new, &options, &d, diag) != TB_EXIT_OK;
    out->transactions = d.golden;
    tb_trace_diff_clear(&d);
}

/* Of this process. */
static uint64_t cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct part compare(const struct job *j)
{
    struct part out = {0};
    struct rusage usage;
    struct tb_diag *diag = tb_diag_new();
    uint64_t start = host_now(), cpu = cpu_now();
    (j->trace ? compare_traces : compare_logs)(j, &out, diag);
    out.host = host_now() - start;
    out.cpu = cpu_now() - cpu;
    out.ok = tb_diag_count(diag) == 0;
    tb_diag_print(diag, stderr);
    tb_diag_free(diag);
    getrusage(RUSAGE_SELF, &usage);
    out.peak = usage.ru_maxrss;
    return out;
}

/* In a process of its own. */
static struct part compare_apart(const struct job *j)
{
    struct part out = {0};
    int ends[2];
    if (pipe(ends) != 0)
        return out;
    pid_t child = fork();
    if (child == 0) {
        out = compare(j);
        _exit(write(ends[1], &out, sizeof out) == sizeof out ? 0 : 1);
    }
    close(ends[1]);
    if (child < 0 || read(ends[0], &out, sizeof out) != sizeof out)
        out.ok = false;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    return out;
}

static struct part fastest(const struct job *j)
{
    struct part best = compare_apart(j);
    for (unsigned i = 1; i < TIMES && best.ok; i++) {
        struct part again = compare_apart(j);
        if (again.ok && again.cpu < best.cpu)
            best = again;
    }
    return best;
}

/* Also in a process of its own: what a simulation needs is not what comparing needs. */
static bool make_apart(const char *folder, const char *name, uint64_t transactions,
                       const char *latency)
{
    int status = 1;
    pid_t child = fork();
    if (child == 0)
        _exit(make(folder, name, transactions, latency) ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

/* -- Results ------------------------------------------------------------------------------------
 */

/* Rates are by the processor's time: one thread, whose input is in memory; a busy machine has
 * little effect on it. */
static void print(const char *what, const struct part *p, uint64_t bytes, bool json, bool first)
{
    double s = (double)p->cpu / 1e9, rate = (double)p->transactions / s;
    if (json)
        printf("%s\"%s\": {\"cpu_s\": %.4f, \"host_s\": %.4f, \"mb_per_s\": %.1f, "
               "\"transactions_per_s\": %.0f, \"peak_kib\": %ld}",
               first ? "" : ", ", what, s, (double)p->host / 1e9, (double)bytes / 1e6 / s, rate,
               p->peak);
    else
        printf("%-18s %8.4f s of processor %8.0f MB/s %10.0f transactions/s %7.1f MiB resident\n",
               what, s, (double)bytes / 1e6 / s, rate, (double)p->peak / 1024);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void remove_all(const char *folder)
{
    static const char *const names[] = {"golden.log", "golden.tbt", "slower.log",
                                        "slower.tbt", "same.log",   "same.tbt"};
    char path[300];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static bool compare_all(const char *folder, bool json)
{
    static const struct {
        const char *what, *new, *ending;
        bool differs;
    } all[] = {{"logs, equal", "same", "log", false},
               {"logs, different", "slower", "log", true},
               {"traces, equal", "same", "tbt", false},
               {"traces, different", "slower", "tbt", true}};
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof all / sizeof *all; i++) {
        char golden[300], new[300];
        snprintf(golden, sizeof golden, "%s/golden.%s", folder, all[i].ending);
        snprintf(new, sizeof new, "%s/%s.%s", folder, all[i].new, all[i].ending);
        const struct job j = {golden, new, strcmp(all[i].ending, "tbt") == 0};
        struct part p = fastest(&j);
        ok = p.ok && p.differs == all[i].differs;
        if (ok)
            print(all[i].what, &p, size_of(golden), json, i == 0);
    }
    return ok;
}

int diff_run(const struct knobs *k)
{
    char folder[] = "/tmp/tollbridge-bench-XXXXXX";
    uint64_t n = k->transactions ? k->transactions : TRANSACTIONS;
    if (!mkdtemp(folder)) {
        perror(folder);
        return TB_EXIT_HOST;
    }
    bool ok = make_apart(folder, "golden", n, "40ns") && make_apart(folder, "same", n, "40ns") &&
              make_apart(folder, "slower", n, "41ns");
    if (k->json)
        printf("{\"workload\": \"diff\", ");
    fflush(stdout);
    ok = ok && compare_all(folder, k->json);
    if (k->json)
        printf("}\n");
    remove_all(folder);
    return ok ? TB_EXIT_OK : TB_EXIT_HOST;
}
