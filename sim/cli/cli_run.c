/* `tollbridge run`: the runs of a scenario one after another into one log, then the golden log. */
#include "cli/cli_diff.h"
#include "diff/golden.h"
#include "kernel/observe.h"
#include "load/scenario.h"
#include "log/log.h"
#include "report/folder.h"
#include "stats/compare.h"
#include "stats/stats.h"
#include "stats/summary.h"
#include "trace/trace.h"

#include "tollbridge/param.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROGRESS_EVERY 65536 /* transactions between two looks at the clock */

struct session {
    const struct cli_args *args;
    const char **sets;
    struct tb_diff_options compare;
    struct tb_diag *diag;
    tb_time until;
    char *folder;     /* where output goes */
    char *log_path;   /* NULL: no log on disk */
    char *print_path; /* NULL: no fingerprints on disk */
    bool writes;      /* results, at all */
    enum tb_golden_form form;
    struct tb_log log;
    struct tb_folder out;  /* results under `folder`, if it writes any */
    struct tb_stats stats; /* of the current run, if `counts` */
    bool counts;
    struct tb_compare *table;    /* NULL: none is asked for */
    unsigned explored, violated; /* interleavings */
    char *trace_path;            /* NULL: no trace */
    struct tb_trace_writer *trace;
    bool traced; /* the current run */
    json_t *runs;
    double wall;
    uint64_t events, transactions;
    bool progress;
    char *trace_name;   /* of the first run that records a trace; NULL: none does */
    bool compress;      /* that trace */
    struct tb_sim *sim; /* the current one */
    struct timespec began;
    unsigned long looked;
};

static double seconds_since(const struct timespec *then)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

/* -- While it runs --------------------------------------------------------------------------------
 */

static void show_progress(struct session *s)
{
    char time[40] = "";
    *tb_put_decimal(time, tb_sim_now(s->sim) / TB_US) = '\0';
    fprintf(stderr, "\r  %s us simulated, %lu transactions, %.0f s\033[K", time, s->looked,
            seconds_since(&s->began));
    fflush(stderr);
}

static void end_progress(struct session *s)
{
    if (s->progress && s->looked >= PROGRESS_EVERY)
        fprintf(stderr, "\r\033[K");
}

static void give_up(struct session *s, const char *path, int error)
{
    end_progress(s);
    tb_log_close(&s->log);
    tb_trace_abandon(s->trace);
    exit(cli_host(path, error));
}

/* The log and the trace, with an eye on the disk: a log that cannot be written ends the program at
 * once, not hours later. */
static void observe(void *context, struct tb_model *by, const struct tb_txn *txn,
                    enum tb_status status, tb_time when)
{
    struct session *s = context;
    tb_log_observe(&s->log, by, txn, status, when);
    if (s->traced)
        tb_trace_observe(s->trace, by, txn, status, when);
    if (s->counts)
        tb_stats_observe(&s->stats, by, txn, status, when);
    if (tb_log_failed(&s->log))
        give_up(s, s->log_path, s->log.file.error);
    if (s->traced && tb_trace_error(s->trace))
        give_up(s, s->trace_path, tb_trace_error(s->trace));
    if (++s->looked % PROGRESS_EVERY == 0 && s->progress)
        show_progress(s);
}

/* -- Preparing ------------------------------------------------------------------------------------
 */

static struct tb_sim *load(struct session *s, unsigned run)
{
    const struct tb_input input = {
        .path = s->args->words[0], .sets = s->sets, .run = run, .folder = s->args->out != NULL};
    return tb_sim_new(&input, s->diag);
}

static bool check_only(struct session *s, struct tb_sim *sim)
{
    const struct tb_record *record = tb_sim_record(sim);
    const struct tb_record_only *only = record->only.at;
    for (size_t i = 0; i < record->only.count; i++) {
        if (only[i].op && tb_line_kind_of(only[i].op, strlen(only[i].op)) != TB_TXN_KINDS)
            continue;
        const char *word = only[i].op ? only[i].op : "";
        const char *near = tb_nearest(word, tb_log_words());
        tb_diag_node(s->diag, record->only.nodes[i], "'%s' is no op or kind of the log%s%s%s", word,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return tb_diag_count(s->diag) == 0;
}

/* All runs go into one trace. */
static void note_trace(struct session *s, const struct tb_sim *sim)
{
    const struct tb_record *record = tb_sim_record(sim);
    if (s->trace_name || !record->trace)
        return;
    s->compress = record->compress;
    if (!(s->trace_name = strdup(record->trace)))
        exit(cli_host("no memory", ENOMEM));
}

/* Bad input is found before anything is run or written. */
static bool check_other_runs(struct session *s, unsigned variants)
{
    for (unsigned i = 1; i < variants; i++) {
        struct tb_sim *sim = load(s, i);
        if (sim && check_only(s, sim))
            note_trace(s, sim);
        tb_sim_free(sim);
    }
    return tb_diag_count(s->diag) == 0;
}

static bool parse_until(struct session *s)
{
    char why[256];
    s->until = TB_NEVER;
    if (!s->args->until || tb_value_parse(TB_TIME, s->args->until, &s->until, why))
        return true;
    cli_usage(s->args->verb, "--until %s: %s", s->args->until, why);
    return false;
}

static char *join(const char *folder, const char *name)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        exit(cli_host("no memory", ENOMEM));
    return path;
}

/* What is written, and where: --golden needs a log of its form even if the scenario records none.
 */
static void plan_output(struct session *s, struct tb_sim *sim)
{
    const struct tb_record *record = tb_sim_record(sim);
    const struct cli_args *a = s->args;
    char *own = NULL;
    if (asprintf(&own, "%s%s", tb_sim_name(sim), record->fingerprint ? ".lines.log" : ".log") < 0)
        exit(cli_host("no memory", ENOMEM));
    s->folder = a->out ? join(a->out, "") : join("out", tb_sim_name(sim));
    if (a->out)
        s->folder[strlen(s->folder) - 1] = '\0';
    s->writes = !record->none || a->out;
    if (record->log && record->fingerprint)
        s->print_path = join(s->folder, record->log);
    bool lines = a->golden && (s->form == TB_GOLDEN_LOG || !(s->form || s->print_path));
    if (record->log && !record->fingerprint)
        s->log_path = join(s->folder, record->log);
    else if (lines)
        s->log_path = join(s->folder, own);
    free(own);
    if (s->trace_name)
        s->trace_path = join(s->folder, s->trace_name);
    tb_log_open(&s->log, s->log_path, s->print_path || (a->golden && s->form != TB_GOLDEN_LOG));
}

/* The golden is read before the run: if it is malformed, nothing is run. */
static bool load_golden(struct session *s)
{
    if (!s->args->golden)
        return true;
    struct stat st;
    if (!s->args->bless && stat(s->args->golden, &st) == 0 && S_ISFIFO(st.st_mode)) {
        tb_diag_at(s->diag, (struct tb_place){0},
                   "%s: a golden is read before the run and after it: it must be a regular file",
                   s->args->golden);
        return false;
    }
    s->form = tb_golden_form(s->args->golden);
    return s->args->bless || tb_log_file_valid(s->args->golden, s->diag);
}

/* -- One run
 * --------------------------------------------------------------------------------------- */

static char *only_words(const struct tb_record *record)
{
    const struct tb_record_only *only = record->only.at;
    size_t length = 1;
    for (size_t i = 0; i < record->only.count; i++)
        length += strlen(only[i].op) + 1;
    char *text = calloc(length, 1);
    for (size_t i = 0; text && i < record->only.count; i++)
        strcat(strcat(text, i ? " " : ""), only[i].op);
    return text;
}

static bool make_header(struct tb_sim *sim, unsigned run, struct tb_log_header *h)
{
    char hash[65];
    tb_sim_hash(sim, hash);
    char *name = tb_log_name(tb_sim_name(sim)), *platform = tb_log_name(tb_sim_platform(sim));
    bool ok = name && platform && tb_log_header_set(h, name, platform, hash, tb_sim_seed(sim));
    free(name);
    free(platform);
    h->run = run + 1;
    h->runs = tb_sim_runs(sim);
    if (h->runs > 1)
        h->run_name = tb_log_name(tb_sim_run_name(sim));
    if (tb_sim_record(sim)->only.count)
        h->only = only_words(tb_sim_record(sim));
    return ok;
}

static void begin_log(struct session *s, struct tb_sim *sim, unsigned run)
{
    const struct tb_record *record = tb_sim_record(sim);
    const struct tb_record_only *only = record->only.at;
    struct tb_log_header header = {0};
    const char **names = NULL, **words = NULL;
    size_t count = 0;
    while (tb_observe_model(sim, count))
        count++;
    names = calloc(count + 1, sizeof *names);
    words = calloc(record->only.count + 1, sizeof *words);
    bool ok = names && words && make_header(sim, run, &header);
    for (size_t i = 0; ok && i < count; i++)
        names[i] = tb_observe_model(sim, i)->name;
    for (size_t i = 0; ok && i < record->only.count; i++)
        words[i] = only[i].op;
    if (!ok || !tb_log_begin(&s->log, &header, names, count)) {
        tb_log_close(&s->log);
        exit(cli_host("no memory for the log", ENOMEM));
    }
    if (record->only.count)
        tb_log_only(&s->log, words, record->only.count);
    s->log.from = tb_observe_from(sim);
    free(names);
    free(words);
}

/* One line for one of many interleavings. */
static void print_interleaving(const struct session *s, struct tb_sim *sim)
{
    struct tb_safety n;
    char time[40] = "";
    *tb_put_time(time, tb_sim_now(sim)) = '\0';
    printf("  %-24s %s, end at %s ns", tb_sim_run_name(sim),
           tb_sim_status(sim) == TB_EXIT_OK ? "holds" : "VIOLATED", time);
    if (tb_safety_of(tb_observe_model(sim, 0), &n))
        printf(", %" PRIu64 " accesses, %" PRIu64 " stale, %" PRIu64 " violations", n.checked,
               n.stale, n.violations);
    printf("\n");
    (void)s;
}

/* Tells what became of a run: violations, always; the rest as it was asked for. */
static void tell_run(struct session *s, struct tb_sim *sim)
{
    bool quiet = s->args->json || s->args->quiet, explores = tb_sim_explores(sim);
    s->explored += explores;
    s->violated += explores && tb_sim_status(sim) != TB_EXIT_OK;
    if (explores && tb_diag_count(tb_sim_diag(sim)))
        fprintf(stderr, "run %s:\n", tb_sim_run_name(sim));
    tb_diag_print(tb_sim_diag(sim), stderr);
    if (s->table && !tb_compare_add(s->table, sim, &s->log))
        exit(cli_host("the comparison", ENOMEM));
    if (explores && !quiet)
        print_interleaving(s, sim);
    else if (!quiet && !s->table)
        tb_summary_print(sim, &s->log, stdout, cli_colour(stdout));
    json_t *summary = tb_summary_json(sim, &s->log);
    tb_folder_add(&s->out, sim, s->counts ? &s->stats : NULL, &s->log, summary);
    json_array_append_new(s->runs, summary);
}

/* Statistics are for the folder; of interleavings, that they hold is what is asked. */
static void begin_stats(struct session *s, struct tb_sim *sim)
{
    s->counts = s->out.stats && !tb_sim_explores(sim);
    if (s->counts && !tb_stats_begin(&s->stats, sim, tb_sim_record(sim)->slowest))
        exit(cli_host("no memory for statistics", ENOMEM));
}

static void end_stats(struct session *s)
{
    if (s->counts)
        tb_stats_free(&s->stats);
    s->counts = false;
}

/* A run can switch the trace off for itself. */
static void begin_trace(struct session *s, struct tb_sim *sim)
{
    s->traced = s->trace && tb_sim_record(sim)->trace;
    if (s->traced && tb_trace_begin(s->trace, sim) != 0)
        give_up(s, s->trace_path, tb_trace_error(s->trace));
}

static void end_trace(struct session *s)
{
    if (!s->traced)
        return;
    tb_trace_end(s->trace);
    if (tb_trace_error(s->trace))
        give_up(s, s->trace_path, tb_trace_error(s->trace));
    s->traced = false;
}

static enum tb_exit run_one(struct session *s, struct tb_sim *sim, unsigned run)
{
    s->sim = sim;
    begin_log(s, sim, run);
    begin_trace(s, sim);
    begin_stats(s, sim);
    tb_sim_observe(sim, observe, s);
    clock_gettime(CLOCK_MONOTONIC, &s->began);
    tb_sim_run(sim, s->until);
    tb_sim_finish(sim);
    s->wall += seconds_since(&s->began);
    end_progress(s);
    tb_log_end(&s->log);
    end_trace(s);
    s->events += tb_sim_events(sim);
    if (s->counts)
        tb_stats_end(&s->stats);
    tell_run(s, sim);
    end_stats(s);
    return tb_sim_status(sim);
}

static enum tb_exit run_all(struct session *s, struct tb_sim *first)
{
    unsigned runs = tb_sim_runs(first);
    enum tb_exit worst = TB_EXIT_OK;
    for (unsigned i = 0; i < runs; i++) {
        struct tb_sim *sim = i ? load(s, i) : first;
        if (!sim)
            return cli_errors(s->diag);
        worst = cli_worse(worst, run_one(s, sim, i));
        s->sim = NULL;
        tb_sim_free(sim);
        if (worst == TB_EXIT_HOST)
            break; /* there will be no log */
    }
    return worst;
}

/* -- After it
 * ---------------------------------------------------------------------------------------- */

static void wrote(const struct session *s, const char *what, const char *path)
{
    if (!s->args->json && !s->args->quiet)
        printf("  %-10s %s\n", what, path);
}

static enum tb_exit write_json(const char *path, const json_t *o)
{
    char *text = json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    struct tb_outfile out;
    if (!text)
        return cli_host(path, ENOMEM);
    tb_outfile_open(&out, path);
    tb_outfile_print(&out, "%s\n", text);
    free(text);
    return tb_outfile_commit(&out) ? TB_EXIT_OK : cli_host(path, out.error);
}

static enum tb_exit write_named(struct session *s, const char *name, json_t *o)
{
    char *path = join(s->folder, name);
    enum tb_exit status = write_json(path, o);
    free(path);
    json_decref(o);
    return status;
}

static json_t *timing(const struct session *s)
{
    double wall = s->wall > 0 ? s->wall : 1e-9;
    return json_pack("{s:f,s:I,s:f,s:I,s:f}", "wall_s", s->wall, "events", (json_int_t)s->events,
                     "events_per_s", (double)s->events / wall, "transactions",
                     (json_int_t)s->looked, "transactions_per_s", (double)s->looked / wall);
}

static enum tb_exit write_trace(struct session *s)
{
    if (!s->trace)
        return TB_EXIT_OK;
    int error = tb_trace_commit(s->trace);
    s->trace = NULL;
    if (error)
        return cli_host(s->trace_path, error);
    wrote(s, "trace", s->trace_path);
    return TB_EXIT_OK;
}

static enum tb_exit write_logs(struct session *s)
{
    if (s->log_path && !tb_log_commit(&s->log))
        return cli_host(s->log_path, errno);
    if (s->log_path)
        wrote(s, "log", s->log_path);
    if (write_trace(s) != TB_EXIT_OK)
        return TB_EXIT_HOST;
    if (!s->print_path)
        return TB_EXIT_OK;
    if (!tb_golden_write_prints(s->print_path, s->log.prints, s->log.run_count))
        return cli_host(s->print_path, errno);
    wrote(s, "fingerprints", s->print_path);
    return TB_EXIT_OK;
}

static enum tb_exit bless(struct session *s, const struct tb_golden_run *run)
{
    struct tb_blessed b;
    if (!tb_golden_bless(s->args->golden, run, s->args->reason, &b))
        return cli_host(b.failed, errno);
    wrote(s,
          b.what == TB_BLESSED_SAME   ? "unchanged:"
          : b.form == TB_GOLDEN_PRINT ? "blessed, as fingerprints:"
                                      : "blessed:",
          s->args->golden);
    return TB_EXIT_OK;
}

/* A golden is changed by a person, who says why. */
static enum tb_exit may_bless(const struct cli_args *args)
{
    const char *ci = getenv("CI");
    if (!args->bless)
        return args->reason || args->failed ? cli_usage(args->verb, "%s is for --bless",
                                                        args->reason ? "--reason" : "--failed")
                                            : TB_EXIT_OK;
    if (!args->golden)
        return cli_usage(args->verb, "--bless needs --golden FILE");
    if (ci && strcmp(ci, "true") == 0)
        return cli_usage(
            args->verb,
            "--bless is refused where CI=true: a golden is changed by a person, who looks at it");
    if (!args->reason && tb_golden_form(args->golden) != TB_GOLDEN_NONE)
        return cli_usage(
            args->verb,
            "--bless needs --reason TEXT: %s is there already, and its LEDGER tells why it changes",
            args->golden);
    for (const char *c = args->reason; c && *c; c++)
        if ((unsigned char)*c < ' ')
            return cli_usage(args->verb, "--reason is one line");
    if (args->reason && strspn(args->reason, " ") == strlen(args->reason))
        return cli_usage(args->verb, "--reason says nothing");
    return TB_EXIT_OK;
}

static enum tb_exit compare(struct session *s, struct tb_golden_run *run, json_t *result)
{
    struct tb_diff d = {0};
    enum tb_exit status = TB_EXIT_INPUT;
    struct tb_log_file *golden = tb_log_file_open(s->args->golden, s->diag);
    struct tb_log_file *new = golden ? tb_golden_new(run, s->form, s->diag) : NULL;
    if (new)
        status = tb_diff_files(golden, new, &s->compare, &d, s->diag);
    if (tb_diag_count(s->diag)) {
        status = cli_errors(s->diag);
    } else {
        json_object_set_new(result, "golden", tb_diff_json(&d));
        if (status != TB_EXIT_OK && !s->args->json)
            tb_diff_print(&d, stdout, cli_colour(stdout));
        else if (!s->args->json && !s->args->quiet)
            printf("  %-10s %s: equal\n", "golden", s->args->golden);
    }
    tb_diff_clear(&d);
    tb_log_file_free(golden);
    tb_log_file_free(new);
    return status;
}

static enum tb_exit hold_to_golden(struct session *s, enum tb_exit so_far, json_t *result)
{
    struct tb_golden_run run = {.log = s->log_path,
                                .prints = s->log.prints,
                                .count = s->log.run_count,
                                .lines = s->log.all_lines};
    if (!s->args->golden)
        return TB_EXIT_OK;
    if (!s->args->bless)
        return compare(s, &run, result);
    if (so_far == (s->args->failed ? TB_EXIT_VIOLATION : TB_EXIT_OK))
        return bless(s, &run);
    if (so_far == TB_EXIT_OK) {
        fprintf(stderr, "%s: not blessed, the run did not fail (--failed)\n", s->args->golden);
        return TB_EXIT_VIOLATION;
    }
    fprintf(stderr, "%s: not blessed, the run itself failed\n", s->args->golden);
    return so_far;
}

/* What only all runs together show. */
static void tell_all(const struct session *s)
{
    if (s->args->json || s->args->quiet)
        return;
    if (s->explored)
        printf("  explored %u interleavings: %u hold, %u violated\n", s->explored,
               s->explored - s->violated, s->violated);
    if (s->table)
        tb_compare_print(s->table, stdout, cli_colour(stdout));
}

static enum tb_exit write_table(struct session *s)
{
    struct tb_outfile out;
    char *path = join(s->folder, "compare.csv");
    tb_outfile_open(&out, path);
    tb_compare_csv(s->table, &out);
    enum tb_exit status = tb_outfile_commit(&out) ? TB_EXIT_OK : cli_host(path, out.error);
    if (status == TB_EXIT_OK)
        wrote(s, "table", path);
    free(path);
    return status;
}

static void append_text(json_t *list, const char *text)
{
    json_array_append_new(list, json_string(text));
}

/* What of the command line the outputs depend on, whatever the folders are called. */
static json_t *command(const struct session *s)
{
    const struct cli_args *a = s->args;
    const char *slash = strrchr(a->words[0], '/');
    json_t *list = json_pack("[s,s,s]", "tollbridge", "run", slash ? slash + 1 : a->words[0]);
    for (size_t i = 0; a->sets && a->sets[i]; i++) {
        append_text(list, "--set");
        append_text(list, a->sets[i]);
    }
    const char *const others[][2] = {{"--seed", a->seed}, {"--until", a->until}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (!others[i][1])
            continue;
        append_text(list, others[i][0]);
        append_text(list, others[i][1]);
    }
    return list;
}

static json_t *overrides(const struct session *s)
{
    json_t *list = json_array();
    for (size_t i = 0; s->sets && s->sets[i]; i++)
        append_text(list, s->sets[i]);
    return list;
}

static json_t *about(const struct session *s)
{
    const json_t *first = json_array_get(s->runs, 0);
    return json_pack("{s:s,s:s,s:O?,s:O?,s:o,s:o,s:I,s:I}", "format", "tollbridge-manifest v1",
                     "version", TB_VERSION, "scenario", json_object_get(first, "scenario"),
                     "platform", json_object_get(first, "platform"), "command", command(s),
                     "overrides", overrides(s), "events", (json_int_t)s->events, "transactions",
                     (json_int_t)s->looked);
}

/* A name under the folder, for the manifest. */
static void add_output(struct session *s, const char *path)
{
    size_t folder = strlen(s->folder);
    if (path && strncmp(path, s->folder, folder) == 0 && path[folder] == '/')
        tb_folder_output(&s->out, path + folder + 1);
}

static enum tb_exit write_manifest(struct session *s)
{
    json_t *o = about(s);
    bool ok = tb_folder_manifest(&s->out, o);
    json_decref(o);
    if (!ok)
        return cli_host(s->out.failed ? s->out.failed : s->folder, s->out.error);
    return TB_EXIT_OK;
}

/* Everything but the logs. The manifest comes last. */
static enum tb_exit write_results(struct session *s, const json_t *result)
{
    if (!tb_folder_commit(&s->out, result))
        return cli_host(s->out.failed ? s->out.failed : s->folder, s->out.error);
    enum tb_exit status = write_named(s, "timing.json", timing(s));
    if (s->table && status == TB_EXIT_OK)
        status = write_table(s);
    if (status != TB_EXIT_OK)
        return status;
    add_output(s, s->log_path);
    add_output(s, s->print_path);
    add_output(s, s->trace_path);
    if (s->table)
        tb_folder_output(&s->out, "compare.csv");
    wrote(s, "results", s->folder);
    return write_manifest(s);
}

/* Writes everything; the order is: logs, golden, results. */
static enum tb_exit finish(struct session *s, enum tb_exit status)
{
    json_t *result = json_object();
    tell_all(s);
    enum tb_exit host = status == TB_EXIT_HOST ? TB_EXIT_HOST : write_logs(s);
    if (host == TB_EXIT_OK)
        status = cli_worse(status, hold_to_golden(s, status, result));
    status = cli_worse(status, host);
    json_object_set_new(result, "status", json_integer(status));
    if (s->writes && status != TB_EXIT_HOST)
        status = cli_worse(status, write_results(s, result));
    json_object_set(result, "runs", s->runs);
    if (s->args->json)
        return cli_worse(status, cli_dump(result));
    json_decref(result);
    return status;
}

static enum tb_exit run_session(struct session *s)
{
    struct tb_sim *first = load(s, 0);
    if (!first)
        return cli_errors(s->diag);
    note_trace(s, first);
    if (!check_only(s, first) || !check_other_runs(s, tb_sim_variants(first)) || !load_golden(s)) {
        tb_sim_free(first);
        return cli_errors(s->diag);
    }
    s->table = tb_compare_new(first, tb_sim_compare(first), s->diag);
    if (tb_diag_count(s->diag)) {
        tb_sim_free(first);
        return cli_errors(s->diag);
    }
    plan_output(s, first);
    if (s->writes)
        tb_folder_open(&s->out, s->folder, tb_sim_record(first)->stats);
    if (tb_log_failed(&s->log)) {
        tb_sim_free(first);
        return cli_host(s->log_path, s->log.file.error);
    }
    if (s->trace_path && !(s->trace = tb_trace_create(s->trace_path, s->compress))) {
        int error = errno;
        tb_sim_free(first);
        return cli_host(s->trace_path, error);
    }
    enum tb_exit status = run_all(s, first);
    return tb_diag_count(s->diag) ? TB_EXIT_INPUT : finish(s, status);
}

enum tb_exit cli_run(const struct cli_args *args)
{
    struct session s = {.args = args, .diag = NULL};
    enum tb_exit status = cli_diff_options(args, &s.compare);
    if (status != TB_EXIT_OK || !parse_until(&s))
        return TB_EXIT_INPUT;
    status = may_bless(args);
    if (status != TB_EXIT_OK)
        return status;
    s.sets = cli_sets(args);
    s.diag = tb_diag_new();
    s.runs = json_array();
    s.progress = isatty(STDERR_FILENO) && !args->quiet;
    status = run_session(&s);
    tb_log_close(&s.log);
    tb_trace_abandon(s.trace);
    tb_folder_close(&s.out);
    tb_compare_free(s.table);
    json_decref(s.runs);
    free(s.folder);
    free(s.log_path);
    free(s.print_path);
    free(s.trace_path);
    free(s.trace_name);
    tb_diag_free(s.diag);
    cli_free_sets(args, s.sets);
    return status;
}
