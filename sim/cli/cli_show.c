/* The verbs that run nothing: check, resolve, models, graph. */
#include "cli/cli_diff.h"
#include "cli/cli_reference.h"
#include "load/graph.h"
#include "load/scenario.h"
#include "log/logfile.h"
#include "yaml/table.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- Loading -------------------------------------------------------------------------------------
 */

static struct tb_sim *load(const struct cli_args *args, const char *path, unsigned run,
                           struct tb_diag *diag)
{
    const char **sets = cli_sets(args);
    const struct tb_input input = {
        .path = path, .sets = sets, .run = run, .lint = strcmp(args->verb, "check") == 0};
    struct tb_sim *s = tb_sim_new(&input, diag);
    cli_free_sets(args, sets);
    return s;
}

/* -- check
 * ----------------------------------------------------------------------------------------- */

static void check_yaml(const struct cli_args *args, const char *path, struct tb_diag *diag)
{
    unsigned runs = 1;
    for (unsigned i = 0; i < runs; i++) {
        struct tb_sim *s = load(args, path, i, diag);
        if (s)
            runs = tb_sim_variants(s);
        tb_sim_free(s);
    }
}

static enum tb_exit check_file(const struct cli_args *args, const char *path)
{
    struct tb_diag *diag = tb_diag_new();
    if (tb_log_file_is(path))
        tb_log_file_valid(path, diag);
    else
        check_yaml(args, path, diag);
    enum tb_exit status = cli_errors(diag);
    if (status == TB_EXIT_OK && !args->quiet)
        printf("%s: ok\n", path);
    tb_diag_free(diag);
    return status;
}

/* -- check --goldens
 * --------------------------------------------------------------------------------- */

/* The name of a file without folder and ending. */
static const char *stem(const char *path, size_t *length)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    *length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    return name;
}

static char *golden_of(const char *folder, const char *file)
{
    size_t length;
    const char *name = stem(file, &length);
    char *path;
    if (asprintf(&path, "%s/%.*s.log", folder, (int)length, name) < 0)
        exit(cli_host("no memory", ENOMEM));
    return path;
}

/* There is one, and it is whole. */
static enum tb_exit check_golden_of(const char *folder, const char *file)
{
    char *path = golden_of(folder, file);
    struct tb_diag *diag = tb_diag_new();
    enum tb_exit status = TB_EXIT_OK;
    if (access(path, F_OK) != 0) {
        fprintf(stderr, "%s has no golden: there is no %s\n", file, path);
        status = TB_EXIT_VIOLATION;
    } else if (!tb_log_file_valid(path, diag)) {
        status = cli_errors(diag);
    }
    tb_diag_free(diag);
    free(path);
    return status;
}

static bool has_scenario(const struct cli_args *args, const char *golden)
{
    size_t length, other;
    const char *name = stem(golden, &length);
    for (size_t i = 0; i < args->word_count; i++) {
        const char *file = stem(args->words[i], &other);
        if (other == length && memcmp(file, name, length) == 0)
            return true;
    }
    return false;
}

static int is_log_name(const struct dirent *e)
{
    size_t length = strlen(e->d_name);
    return length > 4 && strcmp(e->d_name + length - 4, ".log") == 0;
}

/* Every scenario has a golden, every golden a scenario. */
static enum tb_exit check_goldens(const struct cli_args *args)
{
    struct dirent **entries;
    enum tb_exit worst = TB_EXIT_OK;
    int count = scandir(args->goldens, &entries, is_log_name, alphasort);
    if (count < 0) {
        fprintf(stderr, "%s: %s\n", args->goldens, strerror(errno));
        return TB_EXIT_INPUT;
    }
    for (size_t i = 0; i < args->word_count; i++)
        worst = cli_worse(worst, check_golden_of(args->goldens, args->words[i]));
    for (int i = 0; i < count; i++) {
        if (!has_scenario(args, entries[i]->d_name)) {
            fprintf(stderr, "%s/%s is a golden without a scenario\n", args->goldens,
                    entries[i]->d_name);
            worst = cli_worse(worst, TB_EXIT_VIOLATION);
        }
        free(entries[i]);
    }
    free(entries);
    return worst;
}

enum tb_exit cli_check(const struct cli_args *args)
{
    enum tb_exit worst = TB_EXIT_OK;
    for (size_t i = 0; i < args->word_count; i++)
        worst = cli_worse(worst, check_file(args, args->words[i]));
    if (args->goldens)
        worst = cli_worse(worst, check_goldens(args));
    return worst;
}

/* -- resolve, graph
 * --------------------------------------------------------------------------------- */

static enum tb_exit with_loaded(const struct cli_args *args,
                                int (*show)(struct tb_sim *s, FILE *to))
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_sim *s = load(args, args->words[0], TB_NO_RUN, diag);
    enum tb_exit status = cli_errors(diag);
    if (s && show(s, stdout) != 0)
        status = cli_host("standard output", errno);
    tb_sim_free(s);
    tb_diag_free(diag);
    return status;
}

enum tb_exit cli_resolve(const struct cli_args *args)
{
    return with_loaded(args, tb_sim_resolve);
}

static int draw(struct tb_sim *s, FILE *to)
{
    tb_graph_write(s, to);
    return 0;
}

enum tb_exit cli_graph(const struct cli_args *args)
{
    return with_loaded(args, draw);
}

/* -- models
 * ------------------------------------------------------------------------------------------ */

static const struct tb_class *find_class(const char *name, const char **near)
{
    const char *names[256] = {NULL};
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(classes[i]->name, name) == 0)
            return classes[i];
        if (i < 255)
            names[i] = classes[i]->name;
    }
    *near = tb_nearest(name, names);
    return NULL;
}

static void list_models(void)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    for (size_t i = 0; i < count; i++)
        printf("%-15s %s\n", classes[i]->name, classes[i]->brief);
}

static void print_ports(const struct tb_class *c)
{
    printf("\nports:");
    for (size_t i = 0; c->ports && c->ports[i]; i++)
        printf("%s %s%s", i ? "," : "",
               strcmp(c->ports[i], "*") == 0 ? "any number of links" : c->ports[i],
               c->optional_ports >> i & 1 ? " (optional)" : "");
    printf("%s\n", c->ports && c->ports[0] ? "" : " none");
}

static void print_steps(const struct tb_class *c)
{
    struct tb_step_kind step;
    for (size_t n = 0; c->step && c->step(n, &step); n++) {
        printf("%s  %s%s: %s\n", n ? "" : "\nsteps of a scenario:\n", step.name,
               step.timed ? " (takes time: not in `setup:`)" : "", step.doc);
        tb_table_rows(stdout, step.params, 6);
    }
}

static void print_model(const struct tb_class *c)
{
    printf("%s: %s\n", c->name, c->brief);
    print_ports(c);
    printf("\nparameters:\n");
    if (c->params && c->params[0].name)
        tb_table_text(stdout, c->params, 2);
    else
        printf("  none\n");
    print_steps(c);
    if (c->counters && c->counters[0].name)
        printf("\ncounters:\n");
    for (const struct tb_counter *k = c->counters; k && k->name; k++)
        printf("  %-20s %s\n", k->name, k->doc);
}

static json_t *model_json(const struct tb_class *c)
{
    json_t *o = json_object(), *ports = json_array(), *counters = json_object();
    for (size_t i = 0; c->ports && c->ports[i]; i++)
        json_array_append_new(ports, json_string(c->ports[i]));
    for (const struct tb_counter *k = c->counters; k && k->name; k++)
        json_object_set_new(counters, k->name, json_string(k->doc));
    json_object_set_new(o, "name", json_string(c->name));
    json_object_set_new(o, "brief", json_string(c->brief));
    json_object_set_new(o, "ports", ports);
    json_object_set_new(o, "parameters", c->params ? tb_table_schema(c->params) : json_object());
    json_object_set_new(o, "counters", counters);
    if (c->step)
        json_object_set_new(o, "steps", cli_step_schemas(c, false));
    return o;
}

static enum tb_exit models_json(const struct tb_class *one)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    if (one)
        return cli_dump(model_json(one));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, model_json(classes[i]));
    return cli_dump(list);
}

enum tb_exit cli_models(const struct cli_args *args)
{
    const char *near = NULL;
    const struct tb_class *one = args->word_count ? find_class(args->words[0], &near) : NULL;
    if (args->word_count && !one)
        return cli_usage(args->verb, "there is no model '%s'%s%s%s", args->words[0],
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    if (args->json)
        return models_json(one);
    if (args->markdown)
        cli_reference_write(stdout, one);
    else if (one)
        print_model(one);
    else
        list_models();
    return TB_EXIT_OK;
}
