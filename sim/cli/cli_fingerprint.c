/* `tollbridge fingerprint`: the hashes of logs, and putting them into the headers of goldens. */
#include "cli/cli_diff.h"
#include "diff/golden.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void hex(const uint8_t *hash, char out[2 * SHA256_DIGEST_SIZE + 1])
{
    for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
        sprintf(out + 2 * i, "%02x", hash[i]);
}

static void print_run(const struct tb_log_file *f, const struct tb_log_run *run)
{
    const struct tb_log_header *h = &run->header;
    char text[2 * SHA256_DIGEST_SIZE + 1];
    printf("%s", f->name);
    if (h->runs > 1)
        printf(", run %u of %u%s%s", h->run, h->runs, h->run_name ? " " : "",
               h->run_name ? h->run_name : "");
    printf(": scenario %s, %" PRIu64 " transactions%s\n", h->scenario, run->print.lines,
           run->claim.has_all ? "" : " (its header has no hashes)");
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        hex(run->print.all[i], text);
        printf("  %-10s %s\n", tb_ingredient_names[i], text);
    }
}

static json_t *run_json(const struct tb_log_run *run)
{
    json_t *hashes = json_object();
    char text[2 * SHA256_DIGEST_SIZE + 1];
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        hex(run->print.all[i], text);
        json_object_set_new(hashes, tb_ingredient_names[i], json_string(text));
    }
    return json_pack("{s:s,s:s?,s:I,s:b,s:o}", "scenario", run->header.scenario, "run",
                     run->header.run_name, "transactions", (json_int_t)run->print.lines, "header",
                     run->claim.has_all, "hashes", hashes);
}

static void tell(const struct cli_args *args, const struct tb_log_file *f, json_t *files)
{
    json_t *runs = json_array();
    for (size_t i = 0; i < f->count; i++) {
        json_array_append_new(runs, run_json(&f->runs[i]));
        if (!args->json && !args->quiet)
            print_run(f, &f->runs[i]);
    }
    json_object_set_new(files, f->name, runs);
}

static bool is_told(const struct tb_log_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->runs[i].claim.has_all)
            return false;
    return true;
}

/* What is there already was true, or reading it was an error: it stays. */
static enum tb_exit write_header(const struct cli_args *args, const char *path,
                                 struct tb_diag *diag)
{
    errno = 0;
    if (!tb_golden_write_log(path, path, diag))
        return tb_diag_count(diag) ? cli_errors(diag) : cli_host(path, errno);
    if (!args->json && !args->quiet)
        printf("%s: its header has the hashes now\n", path);
    return TB_EXIT_OK;
}

static enum tb_exit fingerprint_file(const struct cli_args *args, const char *path, json_t *files)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_log_file *f = tb_log_file_open(path, diag);
    enum tb_exit status = TB_EXIT_OK;
    if (!f || !tb_log_file_drain(f, true))
        status = cli_errors(diag);
    else if (!args->write)
        tell(args, f, files);
    else if (!f->fingerprint && !is_told(f))
        status = write_header(args, path, diag);
    tb_log_file_free(f);
    tb_diag_free(diag);
    return status;
}

enum tb_exit cli_fingerprint(const struct cli_args *args)
{
    const char *ci = getenv("CI");
    enum tb_exit worst = TB_EXIT_OK;
    if (args->write && ci && strcmp(ci, "true") == 0)
        return cli_usage(args->verb, "--write is refused where CI=true: a golden is changed by a "
                                     "person, who looks at it");
    json_t *files = json_object();
    for (size_t i = 0; i < args->word_count; i++)
        worst = cli_worse(worst, fingerprint_file(args, args->words[i], files));
    if (args->json && !args->write && worst == TB_EXIT_OK)
        return cli_worse(worst, cli_dump(files));
    json_decref(files);
    return worst;
}
