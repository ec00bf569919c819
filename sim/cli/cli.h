/* The command line: verbs and options as tables, from which parsing, `--help` and did-you-mean
 * come.
 *
 * Exit status of every verb: enum tb_exit. Diagnostics go to standard error, results to standard
 * output.
 */
#ifndef TB_CLI_H
#define TB_CLI_H

#include "tollbridge/sim.h"

#include <stdbool.h>
#include <stdio.h>

/* What was given. Lists are NULL-terminated. */
struct cli_args {
    const char *verb;
    const char **words; /* what is no option */
    size_t word_count;
    const char **sets, **ignores;
    const char **tos, **models, **kinds, **ats, **statuses; /* of `trace` */
    const char *from, *output, *slowest, *run;
    const char **maps; /* of `diff` */
    const char *junit, *reason, *goldens;
    const char *golden, *out, *until, *seed, *tolerance;
    bool bless, failed, write, json, text, markdown, quiet, help, version;
};

struct cli_verb {
    const char *name;
    const char *usage; /* what follows the name */
    const char *brief;
    const char *more; /* paragraphs of its --help */
    const char *const
        *options; /* names of those it takes, NULL-terminated; --help is taken by all */
    size_t min_words, max_words;
    enum tb_exit (*run)(const struct cli_args *args);
};

enum tb_exit cli_run(const struct cli_args *args);
enum tb_exit cli_check(const struct cli_args *args);
enum tb_exit cli_diff(const struct cli_args *args);
enum tb_exit cli_fingerprint(const struct cli_args *args);
enum tb_exit cli_trace(const struct cli_args *args);
enum tb_exit cli_report(const struct cli_args *args);
enum tb_exit cli_resolve(const struct cli_args *args);
enum tb_exit cli_models(const struct cli_args *args);
enum tb_exit cli_schema(const struct cli_args *args);
enum tb_exit cli_graph(const struct cli_args *args);

/* Runs the program: main's work. */
int cli_main(int argc, char **argv);

/* Prints all of diag to standard error; the exit status that they mean. */
enum tb_exit cli_errors(struct tb_diag *diag);
/* An error on the command line itself: prints it, with a hint at --help. Returns TB_EXIT_INPUT. */
enum tb_exit cli_usage(const char *verb, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The host failed at `what`: prints it with errno's text. Returns TB_EXIT_HOST. */
enum tb_exit cli_host(const char *what, int error);
/* The options as tb_sim_new wants them: --set, and --seed as one of them. To be freed (not its
 * strings but the last one, see cli_free_sets). */
const char **cli_sets(const struct cli_args *args);
void cli_free_sets(const struct cli_args *args, const char **sets);
/* Whether to colour what goes to a stream. */
bool cli_colour(FILE *to);
/* The worse of two. */
enum tb_exit cli_worse(enum tb_exit a, enum tb_exit b);

#endif
