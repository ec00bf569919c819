/* The output folder; see folder.h. */
#include "report/folder.h"

#include "load/scenario.h"
#include "report/report.h"
#include "stats/stats_write.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    void (*head)(struct tb_outfile *to);
} files[TB_FOLDER_FILES] = {
    [TB_FOLDER_JSON] = {"stats.json", NULL},
    [TB_FOLDER_TEXT] = {"stats.txt", NULL},
    [TB_FOLDER_CSV] = {"stats.csv", tb_stats_csv_head},
    [TB_FOLDER_LATENCY] = {"latency.csv", tb_latency_csv_head},
    [TB_FOLDER_BREAKDOWN] = {"breakdown.csv", tb_breakdown_csv_head},
    [TB_FOLDER_UTIL] = {"util.csv", tb_util_csv_head},
    [TB_FOLDER_SLOWEST] = {"slowest.txt", NULL},
};

static char *path_of(const struct tb_folder *f, const char *name)
{
    char *path;
    return asprintf(&path, "%s/%s", f->path, name) < 0 ? NULL : path;
}

static bool fail(struct tb_folder *f, const char *name, int error)
{
    if (!f->error) {
        f->error = error ? error : EIO;
        f->failed = path_of(f, name);
    }
    return false;
}

void tb_folder_open(struct tb_folder *f, const char *path, bool stats)
{
    *f = (struct tb_folder){
        .path = strdup(path), .run_list = json_array(), .outputs = json_object()};
    f->stats = stats;
    for (unsigned k = 0; k < TB_FOLDER_FILES && stats; k++) {
        char *name = path_of(f, files[k].name);
        tb_outfile_open(&f->files[k], name ? name : files[k].name);
        free(name);
        if (files[k].head)
            files[k].head(&f->files[k]);
    }
    if (stats)
        tb_outfile_print(&f->files[TB_FOLDER_JSON], "{\"format\": \"%s\",\n\"runs\": [",
                         TB_STATS_FORMAT);
}

/* -- A run
 * ------------------------------------------------------------------------------------------- */

static void put_json(struct tb_folder *f, struct tb_outfile *to, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text)
        tb_outfile_print(to, "%s", text);
    else
        fail(f, files[TB_FOLDER_JSON].name, ENOMEM);
    free(text);
}

/* An object with one line per member. */
static void put_members(struct tb_folder *f, struct tb_outfile *to, const json_t *o)
{
    const char *key, *before = "";
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)o, key, value) {
        tb_outfile_print(to, "%s\"%s\": ", before, key);
        put_json(f, to, value);
        before = ",\n";
    }
}

static void add_json(struct tb_folder *f, json_t *run)
{
    struct tb_outfile *to = &f->files[TB_FOLDER_JSON];
    tb_outfile_print(to, "%s\n{", f->runs ? "," : "");
    put_members(f, to, run);
    tb_outfile_print(to, "}");
}

static void add_slowest(struct tb_folder *f, json_t *run)
{
    char why[200];
    struct tb_report_run r;
    if (!tb_report_run_read(run, &r, why)) {
        fail(f, files[TB_FOLDER_SLOWEST].name, ENOMEM);
        return;
    }
    tb_report_slowest_text(&r, &f->files[TB_FOLDER_SLOWEST]);
    tb_report_run_clear(&r);
}

static void add_stats(struct tb_folder *f, struct tb_stats *st, const struct tb_log *log,
                      const char *name, json_t *run)
{
    if (st->failed || !tb_stats_json(st, log, run)) {
        fail(f, files[TB_FOLDER_JSON].name, ENOMEM);
        return;
    }
    tb_stats_text(st, log, name, &f->files[TB_FOLDER_TEXT]);
    tb_stats_csv(st, log, name, &f->files[TB_FOLDER_CSV]);
    tb_latency_csv(st, name, &f->files[TB_FOLDER_LATENCY]);
    tb_breakdown_csv(st, name, &f->files[TB_FOLDER_BREAKDOWN]);
    tb_util_csv(st, name, &f->files[TB_FOLDER_UTIL]);
    add_slowest(f, run);
}

static void write_platform(struct tb_folder *f, struct tb_sim *sim)
{
    char *text = NULL, name[60] = "platform.resolved.yaml";
    size_t length = 0;
    struct tb_outfile out;
    if (tb_sim_runs(sim) > 1)
        snprintf(name, sizeof name, "platform.resolved.%u.yaml", f->runs + 1);
    FILE *to = open_memstream(&text, &length);
    bool ok = to && tb_sim_resolve_platform(sim, to) == 0;
    ok = to && fclose(to) == 0 && ok;
    char *path = path_of(f, name);
    if (ok && path) {
        tb_outfile_open(&out, path);
        tb_outfile_put(&out, text, length);
        if (!tb_outfile_commit(&out))
            fail(f, name, out.error);
        tb_folder_output(f, name);
    } else {
        fail(f, name, ENOMEM);
    }
    free(path);
    free(text);
}

/* What the manifest says of a run. */
static json_t *about_run(const json_t *summary)
{
    static const char *const keys[] = {"run", "resolved", "seed", "end_ps", "events"};
    json_t *o = json_object();
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (json_object_get(summary, keys[k]))
            json_object_set(o, keys[k], json_object_get(summary, keys[k]));
    return o;
}

void tb_folder_add(struct tb_folder *f, struct tb_sim *sim, struct tb_stats *st,
                   const struct tb_log *log, const json_t *summary)
{
    if (!f->path)
        return;
    json_array_append_new(f->run_list, about_run(summary));
    /* Interleavings differ by their seed alone: one platform is enough. */
    if (!tb_sim_explores(sim) || f->runs == 0)
        write_platform(f, sim);
    if (f->stats) {
        json_t *run = json_copy((json_t *)(uintptr_t)summary);
        if (st)
            add_stats(f, st, log, tb_sim_run_name(sim), run);
        add_json(f, run);
        json_decref(run);
    }
    f->runs++;
}

/* -- The end
 * -------------------------------------------------------------------------------------------- */

bool tb_folder_commit(struct tb_folder *f, const json_t *result)
{
    if (!f->path || !f->stats || f->error)
        return !f->error;
    struct tb_outfile *to = &f->files[TB_FOLDER_JSON];
    tb_outfile_print(to, "\n]");
    if (json_object_size(result))
        tb_outfile_print(to, ",\n");
    put_members(f, to, result);
    tb_outfile_print(to, "}\n");
    f->stats = false;
    for (unsigned k = 0; k < TB_FOLDER_FILES; k++) {
        if (!tb_outfile_commit(&f->files[k]))
            fail(f, files[k].name, f->files[k].error);
        else if (!f->error)
            tb_folder_output(f, files[k].name);
    }
    return !f->error;
}

/* SHA-256 of a file as 64 digits, and its size. */
static bool hash_file(FILE *in, char digits[65], json_int_t *bytes)
{
    struct sha256_ctx ctx;
    uint8_t buffer[65536], digest[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    *bytes = 0;
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0; *bytes += (json_int_t)n)
        sha256_update(&ctx, n, buffer);
    sha256_digest(&ctx, sizeof digest, digest);
    for (size_t k = 0; k < sizeof digest; k++)
        sprintf(digits + 2 * k, "%02x", digest[k]);
    return !ferror(in);
}

void tb_folder_output(struct tb_folder *f, const char *name)
{
    struct stat st;
    char digits[65], *path = path_of(f, name);
    json_int_t bytes;
    if (!path || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        free(path);
        return;
    }
    FILE *in = fopen(path, "rb");
    if (in && hash_file(in, digits, &bytes))
        json_object_set_new(f->outputs, name,
                            json_pack("{s:I,s:s}", "bytes", bytes, "sha256", digits));
    else
        fail(f, name, errno);
    if (in)
        fclose(in);
    free(path);
}

bool tb_folder_manifest(struct tb_folder *f, json_t *about)
{
    struct tb_outfile out;
    json_object_set(about, "runs", f->run_list);
    json_object_set(about, "outputs", f->outputs);
    char *text = json_dumps(about, JSON_INDENT(2)), *path = path_of(f, "manifest.json");
    bool ok = text && path && !f->error;
    if (ok) {
        tb_outfile_open(&out, path);
        tb_outfile_print(&out, "%s\n", text);
        ok = tb_outfile_commit(&out) || fail(f, "manifest.json", out.error);
    } else {
        fail(f, "manifest.json", ENOMEM);
    }
    free(text);
    free(path);
    return ok;
}

void tb_folder_close(struct tb_folder *f)
{
    for (unsigned k = 0; k < TB_FOLDER_FILES && f->stats; k++)
        tb_outfile_abandon(&f->files[k]);
    json_decref(f->run_list);
    json_decref(f->outputs);
    free(f->failed);
    free(f->path);
    *f = (struct tb_folder){0};
}
