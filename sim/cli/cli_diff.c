/* `tollbridge diff`, and the comparing options that `run` shares with it. */
#include "cli/cli_diff.h"
#include "diff/trace_diff.h"

#include <stdlib.h>
#include <string.h>

enum tb_exit cli_diff_options(const struct cli_args *args, struct tb_diff_options *o)
{
    char why[256];
    *o = (struct tb_diff_options){0};
    if (args->tolerance && !tb_diff_tolerance(o, args->tolerance, why))
        return cli_usage(args->verb, "--time-tolerance %s: %s", args->tolerance, why);
    for (size_t i = 0; args->ignores && args->ignores[i]; i++)
        if (!tb_diff_ignore(o, args->ignores[i], why))
            return cli_usage(args->verb, "--ignore %s: %s", args->ignores[i], why);
    return TB_EXIT_OK;
}

enum tb_exit cli_dump(json_t *o)
{
    int failed = o ? json_dumpf(o, stdout, JSON_INDENT(2)) : -1;
    json_decref(o);
    if (failed)
        return cli_host("standard output", 0);
    printf("\n");
    return TB_EXIT_OK;
}

static void show(const struct cli_args *args, const struct tb_diff *d, enum tb_exit status)
{
    if (args->json)
        cli_dump(tb_diff_json(d));
    else if (!args->quiet || status != TB_EXIT_OK)
        tb_diff_print(d, stdout, cli_colour(stdout));
}

/* One of the two was compared. */
static enum tb_exit write_junit(const struct cli_args *args, const struct tb_diff *d,
                                const struct tb_trace_diff *t)
{
    struct tb_outfile out;
    if (!args->junit)
        return TB_EXIT_OK;
    tb_outfile_open(&out, args->junit);
    if (d)
        tb_diff_junit(d, args->words[0], &out);
    else
        tb_trace_diff_junit(t, args->words[0], &out);
    return tb_outfile_commit(&out) ? TB_EXIT_OK : cli_host(args->junit, out.error);
}

static enum tb_exit check_maps(const struct cli_args *args)
{
    for (size_t i = 0; args->maps && args->maps[i]; i++) {
        const char *equals = strchr(args->maps[i], '=');
        if (!equals || equals == args->maps[i] || !equals[1] || strpbrk(args->maps[i], " \n"))
            return cli_usage(args->verb, "--map %s: it is old=new, two names of models",
                             args->maps[i]);
    }
    return TB_EXIT_OK;
}

static enum tb_exit diff_traces(const struct cli_args *args, const struct tb_diff_options *options,
                                const char *golden, const char *new)
{
    const struct tb_trace_diff_options o = {*options, args->maps};
    struct tb_trace_diff d;
    struct tb_diag *diag = tb_diag_new();
    enum tb_exit status = tb_trace_diff(golden, new, &o, &d, diag);
    if (tb_diag_count(diag))
        status = cli_errors(diag);
    else if (args->json)
        status = cli_worse(status, cli_dump(tb_trace_diff_json(&d)));
    else if (!args->quiet || status != TB_EXIT_OK)
        tb_trace_diff_print(&d, stdout, cli_colour(stdout));
    if (!tb_diag_count(diag))
        status = cli_worse(status, write_junit(args, NULL, &d));
    tb_trace_diff_clear(&d);
    tb_diag_free(diag);
    return status;
}

static enum tb_exit diff_logs(const struct cli_args *args, const struct tb_diff_options *options)
{
    struct tb_diff d = {0};
    enum tb_exit status = TB_EXIT_INPUT;
    struct tb_diag *diag = tb_diag_new();
    struct tb_log_file *golden = tb_log_file_open(args->words[0], diag);
    struct tb_log_file *new = tb_log_file_open(args->words[1], diag);
    bool mapped = !golden || !args->maps || tb_log_file_map(golden, args->maps);
    if (golden && new &&mapped)
        status = tb_diff_files(golden, new, options, &d, diag);
    if (tb_diag_count(diag))
        status = cli_errors(diag);
    else
        show(args, &d, status);
    if (!tb_diag_count(diag))
        status = cli_worse(status, write_junit(args, &d, NULL));
    tb_diff_clear(&d);
    tb_log_file_free(golden);
    tb_log_file_free(new);
    tb_diag_free(diag);
    return status;
}

enum tb_exit cli_diff(const struct cli_args *args)
{
    struct tb_diff_options options;
    enum tb_exit status = cli_diff_options(args, &options);
    if (status != TB_EXIT_OK || (status = check_maps(args)) != TB_EXIT_OK)
        return status;
    if (strcmp(args->words[0], "-") == 0 && strcmp(args->words[1], "-") == 0)
        return cli_usage(args->verb, "standard input cannot be read twice");
    char *golden = tb_trace_diff_path(args->words[0]), *new = tb_trace_diff_path(args->words[1]);
    if (!golden && !new)
        status = diff_logs(args, &options);
    else if (golden && new)
        status = diff_traces(args, &options, golden, new);
    else
        status = cli_usage(args->verb, "%s is a trace, %s is none", args->words[golden ? 0 : 1],
                           args->words[golden ? 1 : 0]);
    free(golden);
    free(new);
    return status;
}
