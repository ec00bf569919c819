/* The command line's tables and their interpreter; see cli.h. */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- Tables ---------------------------------------------------------------------------------- */

enum option_type { OPTION_SWITCH, OPTION_TEXT, OPTION_LIST };

static const struct option {
    const char *name, *argument;
    enum option_type type;
    size_t offset; /* in struct cli_args */
    char letter;   /* or 0 */
    const char *doc;
} options[] = {
    {"--set", "PATH=VALUE", OPTION_LIST, offsetof(struct cli_args, sets), 0,
     "change a value of the platform or scenario, such as root.latency=60ns; repeatable"},
    {"--seed", "NUMBER", OPTION_TEXT, offsetof(struct cli_args, seed), 0,
     "seed of every random stream, in place of the scenario's"},
    {"--until", "TIME", OPTION_TEXT, offsetof(struct cli_args, until), 0,
     "end the run at this simulated time, such as 2ms"},
    {"--out", "FOLDER", OPTION_TEXT, offsetof(struct cli_args, out), 'o',
     "where to write logs, results and the trace (default: out/SCENARIO, without a trace)"},
    {"--golden", "FILE", OPTION_TEXT, offsetof(struct cli_args, golden), 0,
     "compare the transaction log with this one: exit status 1 if they differ"},
    {"--bless", NULL, OPTION_SWITCH, offsetof(struct cli_args, bless), 0,
     "write the log of this run to the file of --golden instead of comparing; not where CI=true"},
    {"--failed", NULL, OPTION_SWITCH, offsetof(struct cli_args, failed), 0,
     "bless the log of a run that is meant to fail (exit status 1), and of no other"},
    {"--time-tolerance", "5%|10ns", OPTION_TEXT, offsetof(struct cli_args, tolerance), 0,
     "times may differ by so much"},
    {"--map", "OLD=NEW", OPTION_LIST, offsetof(struct cli_args, maps), 0,
     "a model that the golden calls OLD is called NEW by now; repeatable"},
    {"--junit", "FILE", OPTION_TEXT, offsetof(struct cli_args, junit), 0,
     "write the comparison as JUnit tests as well: one for each ingredient"},
    {"--reason", "TEXT", OPTION_TEXT, offsetof(struct cli_args, reason), 0,
     "why a golden changes: --bless writes it to the LEDGER beside the golden"},
    {"--goldens", "FOLDER", OPTION_TEXT, offsetof(struct cli_args, goldens), 0,
     "every FILE has a golden FOLDER/NAME.log that is whole, and every golden there has its FILE: "
     "else exit status 1"},
    {"--write", NULL, OPTION_SWITCH, offsetof(struct cli_args, write), 0,
     "write them into the header of each log that has none there; not where CI=true"},
    {"--ignore", "KEY,...", OPTION_LIST, offsetof(struct cli_args, ignores), 0,
     "leave out keys of the log (lat,tlb), ingredients (times, order, addresses, outcome, data), "
     "`scenario` or the whole `header`; repeatable"},
    {"--from", "TIME", OPTION_TEXT, offsetof(struct cli_args, from), 0,
     "only what lived at this simulated time or later"},
    {"--to", "TIME|FORMAT", OPTION_LIST, offsetof(struct cli_args, tos), 0,
     "only what lived at this simulated time or earlier; or what to convert to: csv, jsonl, ctf, "
     "perfetto, vcd, "
     "fst, folded, hgrm, hlog"},
    {"--model", "NAME", OPTION_LIST, offsetof(struct cli_args, models), 0,
     "only what this model began or served, or what came through it; repeatable"},
    {"--kind", "KIND|OP", OPTION_LIST, offsetof(struct cli_args, kinds), 0,
     "only this kind or op of transaction, such as dma or write; repeatable"},
    {"--at", "TYPE", OPTION_LIST, offsetof(struct cli_args, ats), 0,
     "only this address type: untranslated, translation, translated; repeatable"},
    {"--status", "STATUS", OPTION_LIST, offsetof(struct cli_args, statuses), 0,
     "only what ended like this, such as fault; repeatable"},
    {"--slowest", "N", OPTION_TEXT, offsetof(struct cli_args, slowest), 0,
     "of all that, only the N that took longest, the slowest first"},
    {"--run", "NAME|N", OPTION_TEXT, offsetof(struct cli_args, run), 0,
     "only this run of a scenario with several, by name or number (from 1)"},
    {"--output", "FILE", OPTION_TEXT, offsetof(struct cli_args, output), 0,
     "the file to write (of a trace to ctf: the folder)"},
    {"--text", NULL, OPTION_SWITCH, offsetof(struct cli_args, text), 0, "for a terminal, as text"},
    {"--markdown", NULL, OPTION_SWITCH, offsetof(struct cli_args, markdown), 0,
     "print all of it as Markdown"},
    {"--json", NULL, OPTION_SWITCH, offsetof(struct cli_args, json), 0, "print results as JSON"},
    {"--quiet", NULL, OPTION_SWITCH, offsetof(struct cli_args, quiet), 'q',
     "print errors and differences only"},
    {"--help", NULL, OPTION_SWITCH, offsetof(struct cli_args, help), 'h', "print this"},
    {"--version", NULL, OPTION_SWITCH, offsetof(struct cli_args, version), 'V',
     "print the version"},
};
#define OPTIONS (sizeof options / sizeof *options)

static const char *const run_options[] = {
    "--set",    "--seed",           "--until",  "--out",  "--golden", "--bless", "--failed",
    "--reason", "--time-tolerance", "--ignore", "--json", "--quiet",  NULL};
static const char *const diff_options[] = {"--time-tolerance", "--ignore", "--map", "--junit",
                                           "--json",           "--quiet",  NULL};
static const char *const trace_options[] = {"--from",   "--to",      "--model", "--kind",   "--at",
                                            "--status", "--slowest", "--run",   "--output", NULL};
static const char *const report_options[] = {"--output", "--text", NULL};
static const char *const load_options[] = {"--set", "--seed", NULL};
static const char *const check_options[] = {"--set", "--seed", "--goldens", "--quiet", NULL};
static const char *const fingerprint_options[] = {"--write", "--json", "--quiet", NULL};
static const char *const models_options[] = {"--json", "--markdown", NULL};
static const char *const no_options[] = {NULL};

static const struct cli_verb verbs[] = {
    {"run", "SCENARIO", "run a scenario, record it, compare it with a golden log",
     "Writes the transaction log and the statistics of the run under --out and prints a summary. "
     "A\n"
     "platform alone can be run too. If --out is given the trace is written as well (trace.tbt), "
     "unless\n"
     "`record: {trace: false}`. Only timing.json depends on this machine.\n",
     run_options, 1, 1, cli_run},
    {"check", "FILE...", "parse, resolve and check files; say everything that is wrong",
     "Takes scenarios, platforms, transaction logs and files of fingerprints.\n"
     "With --goldens the FILEs are scenarios, and each is to have its golden log.\n",
     check_options, 1, SIZE_MAX, cli_check},
    {"diff", "GOLDEN NEW", "compare two transaction logs, or two traces, by meaning",
     "Transactions are matched by who made them, their kind and their number. Both are "
     "read once, in\n"
     "step, so memory is bounded; either may be a golden of fingerprints, and a log may be a pipe "
     "or, as '-', standard\n"
     "input. Or both are traces, or output folders with a trace. Exit status: 0 equal, 1 "
     "different, 2 could not be compared.\n",
     diff_options, 2, 2, cli_diff},
    {"fingerprint", "LOG...", "hash transaction logs, each ingredient by itself",
     "Prints, for each run of each log, how many transactions it has and the hash of their times, "
     "order,\n"
     "addresses, outcome and data. A golden has them in its header; they are held to its lines "
     "whenever it is read.\n",
     fingerprint_options, 1, SIZE_MAX, cli_fingerprint},
    {"trace", "FILE|FOLDER", "list, filter and convert the trace of a run",
     "Takes a trace, or the output folder of a run that holds trace.tbt. Without --to FORMAT it "
     "lists transactions\n"
     "with their hops. A trace that was cut off is read as far as it goes. csv, jsonl, folded, "
     "hgrm and hlog are\n"
     "written to standard output if no --output is given. Of a scenario with several runs these "
     "take all, "
     "the others\nthe first, if --run does not say which.\n",
     trace_options, 1, 1, cli_trace},
    {"report", "DIR...", "draw what a run came to, or compare runs: one HTML file, or text",
     "DIR is the output folder of a run (stats.json in it is read). The HTML is one file: no "
     "scripts, nothing\n"
     "fetched. With several runs, each is held to the first: what moved, and in which part.\n",
     report_options, 1, SIZE_MAX, cli_report},
    {"resolve", "FILE", "write a scenario or platform with every value filled in",
     "What is written loads to the same.\n", load_options, 1, 1, cli_resolve},
    {"models", "[NAME]", "list every model, or one with its parameters", "", models_options, 0, 1,
     cli_models},
    {"schema", "", "write the JSON schema of platforms and scenarios, for editors", "", no_options,
     0, 0, cli_schema},
    {"graph", "FILE", "draw the platform, for Graphviz",
     "For a picture: tollbridge graph FILE | dot -Tsvg > platform.svg\n", load_options, 1, 1,
     cli_graph},
};
#define VERBS (sizeof verbs / sizeof *verbs)

/* -- Helpers ----------------------------------------------------------------------------------- */

enum tb_exit cli_worse(enum tb_exit a, enum tb_exit b)
{
    return a > b ? a : b;
}

enum tb_exit cli_errors(struct tb_diag *diag)
{
    tb_diag_print(diag, stderr);
    if (tb_diag_is_host(diag))
        return TB_EXIT_HOST;
    return tb_diag_count(diag) ? TB_EXIT_INPUT : TB_EXIT_OK;
}

enum tb_exit cli_usage(const char *verb, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "tollbridge%s%s: ", verb ? " " : "", verb ? verb : "");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\ntry: tollbridge %s%s--help\n", verb ? verb : "", verb ? " " : "");
    return TB_EXIT_INPUT;
}

enum tb_exit cli_host(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, strerror(error ? error : EIO));
    return TB_EXIT_HOST;
}

bool cli_colour(FILE *to)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(to)) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static size_t list_length(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

const char **cli_sets(const struct cli_args *args)
{
    size_t n = list_length(args->sets);
    const char **sets = calloc(n + 2, sizeof *sets);
    char *seed = NULL;
    if (!sets || (args->seed && asprintf(&seed, "seed=%s", args->seed) < 0))
        exit(cli_host("no memory", ENOMEM));
    for (size_t i = 0; i < n; i++)
        sets[i] = args->sets[i];
    sets[n] = seed;
    return sets;
}

void cli_free_sets(const struct cli_args *args, const char **sets)
{
    if (args->seed)
        free((char *)(uintptr_t)sets[list_length(args->sets)]);
    free(sets);
}

/* -- Help ----------------------------------------------------------------------------------------
 */

static bool takes(const struct cli_verb *verb, const char *option)
{
    for (size_t i = 0; verb && verb->options[i]; i++)
        if (strcmp(verb->options[i], option) == 0)
            return true;
    return strcmp(option, "--help") == 0 || strcmp(option, "--version") == 0;
}

static void help_option(const struct option *o)
{
    char left[40], letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "%s%s%s%s", letter, o->name, o->argument ? " " : "",
             o->argument ? o->argument : "");
    printf("  %-28s %s\n", left, o->doc);
}

static enum tb_exit help_verb(const struct cli_verb *v)
{
    printf("usage: tollbridge %s%s%s%s\n\n%c%s.\n%s\n", v->name, *v->usage ? " " : "", v->usage,
           v->options[0] ? " [option]..." : "", v->brief[0] - 'a' + 'A', v->brief + 1, v->more);
    for (size_t i = 0; i < OPTIONS; i++)
        if (takes(v, options[i].name))
            help_option(&options[i]);
    return TB_EXIT_OK;
}

static enum tb_exit help_all(FILE *to)
{
    fprintf(to, "usage: tollbridge VERB ...\n\n"
                "A simulator of the I/O path: device DMA through buses, bridges and IOMMUs.\n\n");
    for (size_t i = 0; i < VERBS; i++) {
        char left[40];
        snprintf(left, sizeof left, "%s %s", verbs[i].name, verbs[i].usage);
        fprintf(to, "  %-20s %s\n", left, verbs[i].brief);
    }
    fprintf(to, "\n'tollbridge VERB --help' tells more of each; --version prints the version.\n"
                "Exit status: 0 done; 1 the run ended, but what was asked of it does not hold;\n"
                "2 bad input, nothing was run; 3 the host failed (no memory, disk full).\n");
    return TB_EXIT_OK;
}

static enum tb_exit version(void)
{
    printf("tollbridge %s\n", TB_VERSION);
    return TB_EXIT_OK;
}

/* -- Parsing ----------------------------------------------------------------------------------- */

static enum tb_exit unknown_option(const struct cli_verb *verb, const char *word)
{
    const char *names[OPTIONS + 1] = {NULL};
    size_t n = 0;
    for (size_t i = 0; i < OPTIONS; i++)
        if (takes(verb, options[i].name))
            names[n++] = options[i].name;
    const char *near = tb_nearest(word, names);
    return cli_usage(verb ? verb->name : NULL, "unknown option '%s'%s%s%s", word,
                     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static enum tb_exit unknown_verb(const char *word)
{
    const char *names[VERBS + 1] = {NULL};
    for (size_t i = 0; i < VERBS; i++)
        names[i] = verbs[i].name;
    const char *near = tb_nearest(word, names);
    return cli_usage(NULL, "unknown verb '%s'%s%s%s", word, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
}

/* The option a word names, up to its '='. */
static const struct option *find_option(const struct cli_verb *verb, const char *word)
{
    size_t length = strcspn(word, "=");
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct option *o = &options[i];
        bool letter = word[0] == '-' && word[1] == o->letter && o->letter && !word[2];
        bool name = strlen(o->name) == length && memcmp(o->name, word, length) == 0;
        if ((letter || name) && takes(verb, o->name))
            return o;
    }
    return NULL;
}

static void add_word(const char ***list, const char *word)
{
    size_t n = list_length(*list);
    const char **more = realloc(*list, (n + 2) * sizeof *more);
    if (!more)
        exit(cli_host("no memory", ENOMEM));
    more[n] = word;
    more[n + 1] = NULL;
    *list = more;
}

static void store(struct cli_args *args, const struct option *o, const char *value)
{
    char *at = (char *)args + o->offset;
    if (o->type == OPTION_SWITCH)
        *(bool *)at = true;
    else if (o->type == OPTION_TEXT)
        *(const char **)at = value;
    else
        add_word((const char ***)at, value);
}

/* One option at argv[*i]. */
static enum tb_exit parse_option(const struct cli_verb *verb, struct cli_args *args, char **argv,
                                 int *i)
{
    const char *word = argv[*i];
    const struct option *o = find_option(verb, word);
    if (!o) {
        char name[80];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
        return unknown_option(verb, name);
    }
    const char *equals = strchr(word, '=');
    if (o->type == OPTION_SWITCH && equals)
        return cli_usage(args->verb, "%s takes no value", o->name);
    if (o->type != OPTION_SWITCH && !equals && !argv[*i + 1])
        return cli_usage(args->verb, "%s needs a value: %s", o->name, o->argument);
    if (o->type == OPTION_SWITCH)
        store(args, o, NULL);
    else
        store(args, o, equals ? equals + 1 : argv[++*i]);
    return TB_EXIT_OK;
}

static enum tb_exit parse(const struct cli_verb *verb, struct cli_args *args, char **argv)
{
    bool only_words = false;
    for (int i = 0; argv[i]; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (only_words || argv[i][0] != '-' || !argv[i][1]) {
            add_word(&args->words, argv[i]);
        } else {
            enum tb_exit status = parse_option(verb, args, argv, &i);
            if (status != TB_EXIT_OK)
                return status;
        }
    }
    args->word_count = list_length(args->words);
    return TB_EXIT_OK;
}

static enum tb_exit run_verb(const struct cli_verb *verb, struct cli_args *args, char **argv)
{
    enum tb_exit status = parse(verb, args, argv);
    if (status != TB_EXIT_OK)
        return status;
    if (args->help)
        return help_verb(verb);
    if (args->version)
        return version();
    if (args->word_count < verb->min_words || args->word_count > verb->max_words)
        return cli_usage(verb->name, "%s: tollbridge %s %s",
                         args->word_count < verb->min_words ? "too few words" : "too many words",
                         verb->name, verb->usage);
    return verb->run(args);
}

static enum tb_exit dispatch(char **argv)
{
    const char *word = argv[1];
    if (!word) {
        help_all(stderr);
        return TB_EXIT_INPUT;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help_all(stdout);
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0)
        return version();
    if (word[0] == '-')
        return unknown_option(NULL, word);
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(verbs[i].name, word) != 0)
            continue;
        struct cli_args args = {.verb = word};
        enum tb_exit status = run_verb(&verbs[i], &args, argv + 2);
        free(args.words);
        free(args.sets);
        free(args.ignores);
        free(args.maps);
        free(args.tos);
        free(args.models);
        free(args.kinds);
        free(args.ats);
        free(args.statuses);
        return status;
    }
    return unknown_verb(word);
}

int cli_main(int argc, char **argv)
{
    if (argc < 1)
        return TB_EXIT_INPUT;
    enum tb_exit status = dispatch(argv);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && status != TB_EXIT_HOST)
        status = cli_host("standard output", errno);
    return status;
}
