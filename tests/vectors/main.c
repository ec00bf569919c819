/* tollbridge-vectors FILE.jsonl: runs test vectors; see README.md in this folder. */
#include "vectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct kind kinds[] = {{"ide-bmdma", ide_run},
                                    {"amd-iommu", amdvi_run},
                                    {"amd-iommu-regs", regs_run},
                                    {"virtio-blk", virtio_vector_run}};

struct vectors {
    json_t **at;
    size_t count, space;
};

struct options {
    const char *file, *only;
    bool verbose;
};

static void *grow(void *p, size_t n)
{
    p = realloc(p, n);
    if (!p) {
        fputs("tollbridge-vectors: out of memory\n", stderr);
        exit(TB_EXIT_HOST);
    }
    return p;
}

/* -- reading ------------------------------------------ */

static void add(struct vectors *all, json_t *vector)
{
    if (all->count == all->space) {
        all->space = all->space ? 2 * all->space : 64;
        all->at = grow(all->at, all->space * sizeof *all->at);
    }
    all->at[all->count++] = vector;
}

/* jansson counts lines of what it was given: one. Its column is that of the last character it took.
 */
static json_t *parse_line(struct line *line)
{
    json_error_t error;
    json_t *vector =
        json_loadb(line->text, line->length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!vector) {
        int column = error.column > 0 ? error.column : 1;
        fprintf(stderr, "%s:%u:%d: %s\n", line->file, line->number, column, error.text);
        line->errors++;
        return NULL;
    }
    if (!schema_check(line, vector)) {
        line->errors += line->errors == 0;
        json_decref(vector);
        return NULL;
    }
    return vector;
}

/* The longest line that is read: a vector's is far below a megabyte, an endless file's has no end.
 */
#define LINE_BYTES ((size_t)64 << 20)

/* Reads a line without its end into text. -1: there is none left; -2: it is too long. */
static ssize_t read_line(FILE *from, char **text, size_t *space)
{
    size_t n = 0;
    int c;
    while ((c = getc(from)) != EOF && c != '\n') {
        if (n == LINE_BYTES)
            return -2;
        if (n + 1 >= *space)
            *text = grow(*text, *space = 2 * n + 4096);
        (*text)[n++] = (char)c;
    }
    if (n == 0 && c == EOF)
        return -1;
    if (*space == 0)
        *text = grow(*text, *space = 4096);
    (*text)[n] = 0;
    return (ssize_t)n;
}

/* Reads and checks all lines before anything is run; false: errors were printed. */
static bool read_vectors(FILE *from, const char *file, struct vectors *all)
{
    char *text = NULL;
    size_t space = 0;
    ssize_t n;
    unsigned number = 0, errors = 0;
    while ((n = read_line(from, &text, &space)) >= 0) {
        while (n > 0 && text[n - 1] == '\r')
            text[--n] = 0;
        struct line line = {.file = file, .number = ++number, .text = text, .length = (size_t)n};
        if (strspn(text, " \t\r\n") == (size_t)n)
            continue;
        json_t *vector = parse_line(&line);
        if (vector)
            add(all, vector);
        errors += line.errors;
    }
    free(text);
    if (n == -2) {
        fprintf(stderr, "%s:%u:1: the line is longer than 64 MiB\n", file, number + 1);
        return false;
    }
    if (ferror(from)) {
        fprintf(stderr, "%s: %s\n", file, strerror(errno));
        return false;
    }
    if (errors == 0 && all->count == 0)
        fprintf(stderr, "%s:1:1: no vectors\n", file);
    return errors == 0 && all->count > 0;
}

/* -- running ------------------------------------------ */

static enum outcome run_vector(const json_t *vector, const struct options *o)
{
    const char *id = text_of(vector, "id");
    struct verdict v;
    if (json_is_true(json_object_get(vector, "implementation_defined"))) {
        printf("skipped %s: implementation_defined\n", id);
        return SKIPPED;
    }
    verdict_open(&v);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, text_of(vector, "kind")) == 0)
            kinds[i].run(vector, &v);
    fflush(v.to);
    if (v.failures)
        printf("FAILED %s (%s)\n%s", id, text_of(vector, "kind"), v.text);
    else if (o->verbose)
        printf("passed %s\n", id);
    unsigned failures = v.failures;
    verdict_close(&v);
    return failures ? FAILED : PASSED;
}

static int run_all(const struct vectors *all, const struct options *o)
{
    size_t counts[SKIPPED + 1] = {0};
    for (size_t i = 0; i < all->count; i++)
        if (!o->only || strcmp(o->only, text_of(all->at[i], "id")) == 0)
            counts[run_vector(all->at[i], o)]++;
    if (o->only && counts[PASSED] + counts[FAILED] + counts[SKIPPED] == 0) {
        fprintf(stderr, "%s: no vector has the id '%s'\n", o->file, o->only);
        return TB_EXIT_INPUT;
    }
    printf("%zu passed, %zu failed\n", counts[PASSED], counts[FAILED]);
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "standard output: %s\n", strerror(errno));
        return TB_EXIT_HOST;
    }
    return counts[FAILED] ? TB_EXIT_VIOLATION : TB_EXIT_OK;
}

/* -- command line ------------------------------------------ */

static const char usage[] =
    "usage: tollbridge-vectors [--verbose] [--only ID] FILE.jsonl\n"
    "Runs test vectors on simulated platforms. Exit: 0 all passed, 1 some failed, 2 bad input.\n";

static bool parse_options(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--verbose") == 0)
            o->verbose = true;
        else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
            o->only = argv[++i];
        else if (argv[i][0] == '-' || o->file)
            return false;
        else
            o->file = argv[i];
    }
    return o->file != NULL;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return TB_EXIT_OK;
    }
    if (!parse_options(argc, argv, &o)) {
        fputs(usage, stderr);
        return TB_EXIT_INPUT;
    }
    FILE *from = fopen(o.file, "r");
    if (!from) {
        fprintf(stderr, "%s: %s\n", o.file, strerror(errno));
        return TB_EXIT_INPUT;
    }
    struct vectors all = {0};
    int status = read_vectors(from, o.file, &all) ? run_all(&all, &o) : TB_EXIT_INPUT;
    fclose(from);
    for (size_t i = 0; i < all.count; i++)
        json_decref(all.at[i]);
    free(all.at);
    return status;
}
