/* `tollbridge trace`: lists, filters and converts the trace of a run. */
#include "cli/cli.h"
#include "trace/convert.h"

#include "tollbridge/param.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLOWEST_MAX 1000000u

const struct tb_converter tb_converters[] = {{"csv", true, false, false, tb_convert_csv},
                                             {"jsonl", true, false, false, tb_convert_jsonl},
                                             {"ctf", false, true, true, tb_convert_ctf},
                                             {"perfetto", false, true, false, tb_convert_perfetto},
                                             {"vcd", false, true, false, tb_convert_vcd},
                                             {"fst", false, true, true, tb_convert_fst},
                                             {"folded", true, false, false, tb_convert_folded},
                                             {"hgrm", true, false, false, tb_convert_hgrm},
                                             {"hlog", true, false, false, tb_convert_hlog},
                                             {0}};

static const struct tb_converter list = {"list", true, false, false, tb_convert_list};

const struct tb_converter *tb_converter_of(const char *name)
{
    for (const struct tb_converter *c = tb_converters; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}

static enum tb_exit parse_time(const struct cli_args *args, const char *option, const char *text,
                               tb_time *out)
{
    char why[256];
    if (tb_value_parse(TB_TIME, text, out, why))
        return TB_EXIT_OK;
    return cli_usage(args->verb, "%s %s: %s", option, text, why);
}

static enum tb_exit unknown_format(const struct cli_args *args, const char *word)
{
    const char *names[16] = {NULL};
    for (size_t k = 0; tb_converters[k].name && k < 15; k++)
        names[k] = tb_converters[k].name;
    const char *near = tb_nearest(word, names);
    return cli_usage(args->verb, "--to %s: neither a time nor a format%s%s%s", word,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

/* --to has two meanings, which cannot be mixed up: a time begins with a digit. */
static enum tb_exit parse_to(const struct cli_args *args, struct tb_trace_filter *f,
                             const struct tb_converter **format)
{
    for (size_t k = 0; args->tos && args->tos[k]; k++) {
        const char *word = args->tos[k];
        if (isdigit((unsigned char)*word)) {
            if (parse_time(args, "--to", word, &f->to) != TB_EXIT_OK)
                return TB_EXIT_INPUT;
            continue;
        }
        if (*format)
            return cli_usage(args->verb, "two formats: %s and %s", (*format)->name, word);
        *format = tb_converter_of(word);
        if (!*format)
            return unknown_format(args, word);
    }
    return TB_EXIT_OK;
}

static enum tb_exit parse_slowest(const struct cli_args *args, struct tb_trace_filter *f)
{
    char why[256];
    if (!args->slowest)
        return TB_EXIT_OK;
    if (!tb_value_parse(TB_COUNT, args->slowest, &f->slowest, why))
        return cli_usage(args->verb, "--slowest %s: %s", args->slowest, why);
    if (f->slowest == 0 || f->slowest > SLOWEST_MAX)
        return cli_usage(args->verb, "--slowest %s is out of range (1 to %u)", args->slowest,
                         SLOWEST_MAX);
    return TB_EXIT_OK;
}

static enum tb_exit parse(const struct cli_args *args, struct tb_trace_filter *f,
                          const struct tb_converter **format)
{
    *f = (struct tb_trace_filter){.to = TB_NEVER,
                                  .models = args->models,
                                  .kinds = args->kinds,
                                  .ats = args->ats,
                                  .statuses = args->statuses,
                                  .run = args->run};
    if (args->from && parse_time(args, "--from", args->from, &f->from) != TB_EXIT_OK)
        return TB_EXIT_INPUT;
    if (parse_to(args, f, format) != TB_EXIT_OK || parse_slowest(args, f) != TB_EXIT_OK)
        return TB_EXIT_INPUT;
    if (f->from > f->to)
        return cli_usage(args->verb, "--from is later than --to");
    f->by_latency = !*format;
    if (*format && !(*format)->streams && !args->output)
        return cli_usage(args->verb, "--to %s needs --output", (*format)->name);
    return TB_EXIT_OK;
}

/* FOLDER: FOLDER/trace.tbt. To be freed; NULL: no memory, or reported to diag. */
static char *find_trace(const char *word, struct tb_diag *diag)
{
    struct stat st;
    char *path = NULL;
    if (stat(word, &st) != 0 || !S_ISDIR(st.st_mode))
        path = strdup(word);
    else if (asprintf(&path, "%s/trace.tbt", word) < 0)
        path = NULL;
    else if (stat(path, &st) != 0 && errno == ENOENT) {
        tb_diag_at(diag, (struct tb_place){0},
                   "%s: no such file: `run --out FOLDER` or `--set record.trace=true` records one",
                   path);
        free(path);
        return NULL;
    }
    if (!path)
        tb_diag_host(diag, "no memory");
    return path;
}

static enum tb_exit write_to(struct tb_trace_source *s, const struct tb_converter *c,
                             const char *output, struct tb_diag *diag)
{
    struct tb_outfile to;
    if (c->by_file)
        return c->write(s, NULL, output, diag) ? TB_EXIT_OK : cli_errors(diag);
    if (output)
        tb_outfile_open(&to, output);
    else
        tb_outfile_descriptor(&to, STDOUT_FILENO);
    c->write(s, &to, output, diag);
    if (tb_diag_count(diag)) {
        tb_outfile_abandon(&to);
        return cli_errors(diag);
    }
    if (!tb_outfile_commit(&to))
        return cli_host(output ? output : "standard output", to.error);
    return TB_EXIT_OK;
}

/* What has one axis of time cannot hold several runs, which all begin at 0. */
static void take_first(struct tb_trace_source *s, const struct tb_converter *c, const char *path)
{
    fprintf(stderr, "%s: %s has one axis of time: the first of %u runs; another with --run (%s)\n",
            path, c->name, tb_source_runs(s), tb_source_run_names(s));
    tb_source_choose(s, 0);
}

static enum tb_exit convert(const struct cli_args *args, const struct tb_trace_filter *f,
                            const struct tb_converter *c, const char *path, struct tb_diag *diag)
{
    struct tb_trace_source *s = tb_source_open(path, f, diag);
    enum tb_exit status;
    if (!s)
        return cli_errors(diag);
    if (tb_source_runs(s) > 1 && f->slowest) {
        status = cli_usage(args->verb, "%s holds %u runs: choose one with --run (%s)", path,
                           tb_source_runs(s), tb_source_run_names(s));
    } else {
        if (tb_source_runs(s) > 1 && c->one_run)
            take_first(s, c, path);
        status = write_to(s, c, args->output, diag);
    }
    if (status == TB_EXIT_OK && tb_source_was_cut(s))
        fprintf(stderr, "%s: the trace was cut off; what is whole of it was read\n", path);
    tb_source_close(s);
    return status;
}

enum tb_exit cli_trace(const struct cli_args *args)
{
    struct tb_trace_filter filter;
    const struct tb_converter *format = NULL;
    enum tb_exit status = parse(args, &filter, &format);
    if (status != TB_EXIT_OK)
        return status;
    struct tb_diag *diag = tb_diag_new();
    char *path = find_trace(args->words[0], diag);
    if (path)
        status = convert(args, &filter, format ? format : &list, path, diag);
    else
        status = cli_errors(diag);
    tb_diag_free(diag);
    free(path);
    return status;
}
