/* Loads a scenario: which platform, with which overrides, what memory holds, what is recorded. */
#include "load/scenario.h"

#include "kernel/kernel.h"
#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct top {
    const char *scenario;
    const struct tb_node *platform, *set, *memory, *record, *runs, *setup, *steps, *compare;
    struct explore {
        uint64_t seeds, first;
        tb_time jitter;
    } explore;
    bool has_explore;
    uint64_t seed, page_limit;
    tb_time until, warmup;
    bool has_until;
    unsigned unclaimed;
};

static const char *const unclaimed_names[] = {"report", "allow", NULL};

static const struct tb_param explore_table[] = {
    {.name = "seeds",
     .type = TB_COUNT,
     .offset = offsetof(struct explore, seeds),
     .flags = TB_REQUIRED,
     .min = "1",
     .max = "1000",
     .doc = "how many interleavings are run"},
    {.name = "first",
     .type = TB_COUNT,
     .offset = offsetof(struct explore, first),
     .def = "0",
     .max = "0xffffffff",
     .doc = "the first one's number; number 0 is the run without jitter"},
    {.name = "jitter",
     .type = TB_TIME,
     .offset = offsetof(struct explore, jitter),
     .def = "10ns",
     .min = "1ps",
     .max = "1ms",
     .doc = "most that a message takes longer on a link"},
    {0}};

const struct tb_param tb_scenario_table[] = {
    {.name = "scenario",
     .type = TB_STRING,
     .offset = offsetof(struct top, scenario),
     .flags = TB_REQUIRED,
     .doc = "its name"},
    {.name = "platform",
     .type = TB_NODE,
     .offset = offsetof(struct top, platform),
     .flags = TB_REQUIRED,
     .doc = "a platform's file, relative to this one, or the platform itself"},
    {.name = "seed",
     .type = TB_COUNT,
     .offset = offsetof(struct top, seed),
     .def = "1",
     .doc = "of every random stream"},
    {.name = "set",
     .type = TB_NODE,
     .offset = offsetof(struct top, set),
     .doc = "what to change in the platform: path: value"},
    {.name = "memory",
     .type = TB_NODE,
     .offset = offsetof(struct top, memory),
     .doc = "what memory holds at time 0"},
    {.name = "memory_limit",
     .type = TB_SIZE,
     .offset = offsetof(struct top, page_limit),
     .def = "4GiB",
     .min = "1MiB",
     .doc = "most of the host's memory that simulated memory and disks may take"},
    {.name = "record",
     .type = TB_NODE,
     .offset = offsetof(struct top, record),
     .doc = "what is recorded"},
    {.name = "until",
     .type = TB_TIME,
     .offset = offsetof(struct top, until),
     .flags = TB_OPTIONAL,
     .present = offsetof(struct top, has_until) + 1,
     .doc = "when the run ends at the latest"},
    {.name = "unclaimed",
     .type = TB_ENUM,
     .offset = offsetof(struct top, unclaimed),
     .names = unclaimed_names,
     .def = "report",
     .doc = "what `tollbridge check` does about requests to addresses that nobody claims"},
    {.name = "warmup",
     .type = TB_TIME,
     .offset = offsetof(struct top, warmup),
     .def = "0ns",
     .doc = "from when statistics count"},
    {.name = "runs",
     .type = TB_NODE,
     .offset = offsetof(struct top, runs),
     .doc = "several runs: a list of {name, set}"},
    {.name = "explore",
     .type = TB_GROUP,
     .offset = offsetof(struct top, explore),
     .sub = explore_table,
     .present = offsetof(struct top, has_explore) + 1,
     .doc = "many interleavings of every run"},
    {.name = "compare",
     .type = TB_NODE,
     .offset = offsetof(struct top, compare),
     .doc = "a table of the runs: a list of columns, or {columns:, baseline:}"},
    {.name = "setup",
     .type = TB_NODE,
     .offset = offsetof(struct top, setup),
     .doc = "steps that take no time, before time 0"},
    {.name = "steps",
     .type = TB_NODE,
     .offset = offsetof(struct top, steps),
     .doc = "what software does, in order"},
    {0}};

struct run {
    const char *name;
    const struct tb_node *set;
};

const struct tb_param tb_run_table[] = {{.name = "name",
                                         .type = TB_STRING,
                                         .offset = offsetof(struct run, name),
                                         .flags = TB_REQUIRED,
                                         .doc = "of the run"},
                                        {.name = "set",
                                         .type = TB_NODE,
                                         .offset = offsetof(struct run, set),
                                         .doc = "what to change for it"},
                                        {0}};

/* -- record --------------------------------------------------------------------------------- */

#define SLOWEST 8

struct record_map {
    const struct tb_node *log, *trace;
    bool breakdown, fingerprint, stats;
    uint64_t slowest;
    unsigned check;
};

enum { CHECK_NONE, CHECK_DMA_SAFETY };
static const char *const check_names[] = {"none", "dma-safety", NULL};

const struct tb_param tb_record_table[] = {
    {.name = "log",
     .type = TB_NODE,
     .offset = offsetof(struct record_map, log),
     .doc = "the log's file name, `none`, or {file:, only: [...]}"},
    {.name = "breakdown",
     .type = TB_BOOL,
     .offset = offsetof(struct record_map, breakdown),
     .def = "true",
     .doc = "the parts of every latency"},
    {.name = "fingerprint",
     .type = TB_BOOL,
     .offset = offsetof(struct record_map, fingerprint),
     .def = "false",
     .doc = "the log as fingerprints instead of lines"},
    {.name = "trace",
     .type = TB_NODE,
     .offset = offsetof(struct record_map, trace),
     .doc = "where each transaction was when: `true` (trace.tbt), a file's name, or {file:, "
            "compress: true}; with --out it is recorded unless this is `false`"},
    {.name = "stats",
     .type = TB_BOOL,
     .offset = offsetof(struct record_map, stats),
     .def = "true",
     .doc = "percentiles, parts and utilisation: stats.*, latency.csv, breakdown.csv, util.csv, "
            "slowest.txt"},
    {.name = "slowest",
     .type = TB_COUNT,
     .offset = offsetof(struct record_map, slowest),
     .def = "8",
     .min = "1",
     .max = "1000",
     .doc = "how many of the slowest transactions of each kind are kept"},
    {.name = "check",
     .type = TB_ENUM,
     .offset = offsetof(struct record_map, check),
     .names = check_names,
     .def = "none",
     .doc = "watch the run: dma-safety holds accesses to what the driver declared unmapped"},
    {0}};

struct trace_map {
    const char *file;
    bool compress;
};

static const struct tb_param trace_table[] = {{.name = "file",
                                               .type = TB_STRING,
                                               .offset = offsetof(struct trace_map, file),
                                               .short_form = true,
                                               .doc = "relative to the output folder"},
                                              {.name = "compress",
                                               .type = TB_BOOL,
                                               .offset = offsetof(struct trace_map, compress),
                                               .def = "false",
                                               .doc = "by zstd"},
                                              {0}};

struct log_map {
    const char *file;
    const struct tb_node *only;
};

static const struct tb_param log_table[] = {{.name = "file",
                                             .type = TB_STRING,
                                             .offset = offsetof(struct log_map, file),
                                             .short_form = true,
                                             .doc = "relative to the output folder"},
                                            {.name = "only",
                                             .type = TB_NODE,
                                             .offset = offsetof(struct log_map, only),
                                             .doc = "a list of the ops or kinds to keep"},
                                            {0}};

static void read_only(const struct tb_node *only, struct tb_record *out, struct tb_arena *arena,
                      struct tb_diag *diag)
{
    if (!only)
        return;
    if (only->kind != TB_LIST) {
        tb_diag_node(diag, only, "'only' must be a list of ops or kinds");
        return;
    }
    struct tb_record_only *list = tb_arena_get(arena, (only->count + 1) * sizeof *list);
    for (size_t k = 0; k < only->count; k++) {
        if (only->items[k]->kind != TB_SCALAR)
            tb_diag_node(diag, only->items[k], "an op or a kind is a word");
        else
            list[k].op = only->items[k]->text;
    }
    out->only = (struct tb_items){list, only->items, only->count};
}

/* What a name of ours holds: nothing that a terminal, a shell or a line of the log would trip over.
 */
static bool is_plain(const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    return true;
}

/* A name under the output folder: nothing that could lead out of it, or be another file of it. */
static bool is_file_name(const char *text)
{
    const char *slash = strrchr(text, '/');
    const char *last = slash ? slash + 1 : text;
    return last[0] && strcmp(last, ".") != 0 && text[0] != '/' && !strstr(text, "..") &&
           is_plain(text) && strcmp(text, "summary.json") != 0 &&
           strcmp(text, "timing.json") != 0 && strlen(text) < 200;
}

static void read_log(const struct tb_node *log, struct tb_record *out, struct tb_arena *arena,
                     struct tb_diag *diag)
{
    struct log_map m = {.file = out->log};
    if (log->kind == TB_SCALAR && strcmp(log->text, "none") == 0 && !log->quoted) {
        out->log = NULL;
        return;
    }
    if (!tb_params_read(log_table, log, NULL, &m, arena, diag))
        return;
    if (m.file && m.file[0])
        out->log = m.file;
    if (!is_file_name(out->log))
        tb_diag_node(diag, log, "'%s' is not a file name under the output folder", out->log);
    read_only(m.only, out, arena, diag);
}

static bool is_word(const struct tb_node *node, const char *word)
{
    return node->kind == TB_SCALAR && !node->quoted && strcmp(node->text, word) == 0;
}

static void read_trace(const struct tb_node *trace, struct tb_record *out, struct tb_arena *arena,
                       struct tb_diag *diag)
{
    struct trace_map m = {0};
    if (is_word(trace, "false") || is_word(trace, "none"))
        return;
    if (is_word(trace, "true"))
        m.file = "";
    else if (!tb_params_read(trace_table, trace, NULL, &m, arena, diag))
        return;
    out->trace = m.file && m.file[0] ? m.file : "trace.tbt";
    out->compress = m.compress;
    if (!is_file_name(out->trace))
        tb_diag_node(diag, trace, "'%s' is not a file name under the output folder", out->trace);
    if (!out->breakdown)
        tb_diag_node(diag, trace, "a trace needs 'breakdown: true'");
    if (m.compress && !tb_trace_can_compress())
        tb_diag_node(diag, trace,
                     "'compress: true' needs a build with libzstd-dev, which this one is not");
}

/* What was asked for by naming a folder alone: the trace, where `record:` does not speak of it. Of
 * interleavings, that they hold is what is asked. */
static void trace_by_folder(struct tb_scenario *sc, const struct tb_node *record)
{
    bool says = record && record->kind == TB_MAP && tb_node_get(record, "trace");
    if (!says && sc->record.breakdown && !sc->explored)
        sc->record.trace = "trace.tbt";
}

static void read_record(const struct tb_node *record, bool folder, struct tb_scenario *sc,
                        struct tb_arena *arena, struct tb_diag *diag)
{
    struct record_map m = {.breakdown = true, .stats = true, .slowest = SLOWEST};
    char *log = tb_arena_get(arena, strlen(sc->name) + 5);
    strcat(strcpy(log, sc->name), ".log");
    sc->record =
        (struct tb_record){.log = log, .breakdown = true, .stats = true, .slowest = SLOWEST};
    if (record && record->kind == TB_SCALAR && strcmp(record->text, "none") == 0) {
        sc->record = (struct tb_record){.none = true,
                                        .breakdown = folder,
                                        .stats = true, /* if --out asks for it */
                                        .slowest = SLOWEST};
    } else if (record && tb_params_read(tb_record_table, record, NULL, &m, arena, diag)) {
        sc->record.breakdown = m.breakdown;
        sc->record.fingerprint = m.fingerprint;
        sc->record.stats = m.stats;
        sc->record.slowest = (unsigned)m.slowest;
        sc->record.safety = m.check == CHECK_DMA_SAFETY;
        if (m.log)
            read_log(m.log, &sc->record, arena, diag);
        if (m.trace)
            read_trace(m.trace, &sc->record, arena, diag);
    }
}

/* -- overrides ------------------------------------------------------------------------------ */

/* Where a path leads: into the scenario, or into its platform (links.N..., or a model by name). */
struct target {
    struct tb_tree *tree;
    const struct tb_node *below;
    char path[512];
};

/* Does a path go into a model of the platform: one may well be called `memory`, as a key of
 * scenarios is. */
static bool enters_model(const struct tb_scenario *sc, const char *path, size_t first)
{
    const struct tb_node *models = tb_node_get(sc->platform, "models");
    if (path[first] != '.' || !models || models->kind != TB_MAP)
        return false;
    for (size_t k = 0; k < models->count; k++)
        if (strlen(models->items[k]->key) == first &&
            strncmp(models->items[k]->key, path, first) == 0)
            return true;
    return false;
}

static bool resolve_path(struct tb_scenario *sc, const char *path, struct target *out)
{
    size_t first = strcspn(path, ".");
    bool links = first == 5 && strncmp(path, "links", 5) == 0;
    bool own = false;
    for (const struct tb_param *p = tb_scenario_table;
         sc->root && p->name && !enters_model(sc, path, first); p++)
        own |= strlen(p->name) == first && strncmp(p->name, path, first) == 0 &&
               !(strcmp(p->name, "platform") == 0 && path[first]);
    bool model = sc->platform && tb_node_get(sc->platform, "models") && !links;
    out->tree = own || !sc->platform_tree ? sc->tree : sc->platform_tree;
    out->below = own ? sc->root : sc->platform;
    int n = snprintf(out->path, sizeof out->path, "%s%s", !own && model ? "models." : "", path);
    return n > 0 && (size_t)n < sizeof out->path && out->below;
}

/* A model that is not there is a mis-spelt one, not a new one. */
static bool model_exists(const struct tb_scenario *sc, const char *path, struct tb_place place,
                         struct tb_diag *diag)
{
    const struct tb_node *models = tb_node_get(sc->platform, "models");
    if (strncmp(path, "models.", 7) != 0 || !models || models->kind != TB_MAP)
        return true;
    const char **names = calloc(models->count + 1, sizeof *names);
    size_t length = strcspn(path + 7, ".");
    bool found = false;
    for (size_t k = 0; names && k < models->count; k++) {
        names[k] = models->items[k]->key;
        found |= strlen(names[k]) == length && strncmp(names[k], path + 7, length) == 0;
    }
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, path + 7);
    const char *near = found || !names ? NULL : tb_nearest(name, names);
    if (!found)
        tb_diag_at(diag, place, "there is no model '%s'%s%s%s", name,
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(names);
    return found;
}

static void apply_map(struct tb_scenario *sc, const struct tb_node *set, struct tb_diag *diag)
{
    if (set && set->kind != TB_MAP) {
        tb_diag_node(diag, set, "'set' must be a map of path: value");
        return;
    }
    for (size_t k = 0; set && k < set->count; k++) {
        const struct tb_node *value = set->items[k];
        struct target t;
        if (!resolve_path(sc, value->key, &t))
            tb_diag_at(diag, value->key_place, "cannot set '%s'", value->key);
        else if (model_exists(sc, t.path, value->key_place, diag))
            tb_tree_override_node(t.tree, t.below, t.path, value, diag);
    }
}

static void apply_one(struct tb_scenario *sc, const char *set, struct tb_arena *arena,
                      struct tb_diag *diag)
{
    char *name = tb_arena_get(arena, strlen(set) + 8);
    strcat(strcpy(name, "--set "), set);
    struct tb_place place = {name, 0, 0};
    const char *equals = strchr(set, '=');
    if (!equals || equals == set) {
        tb_diag_at(diag, place, "'%s' is not path=value", set);
        return;
    }
    char *path = tb_arena_copy(arena, set);
    path[equals - set] = '\0';
    struct target t;
    if (!resolve_path(sc, path, &t))
        tb_diag_at(diag, place, "cannot set '%s'", path);
    else if (model_exists(sc, t.path, place, diag))
        tb_tree_override(t.tree, t.below, t.path, equals + 1, place, diag);
}

/* -- loading -------------------------------------------------------------------------------- */

static const char *beside(const char *base, const char *path, struct tb_arena *arena)
{
    const char *slash = base ? strrchr(base, '/') : NULL;
    if (path[0] == '/' || !slash)
        return tb_arena_copy(arena, path);
    size_t dir = (size_t)(slash - base) + 1;
    char *full = tb_arena_get(arena, dir + strlen(path) + 1);
    memcpy(full, base, dir);
    strcpy(full + dir, path);
    return full;
}

/* A file that is not there is an error of who names it. */
static struct tb_tree *load_platform(const struct tb_node *named, const char *path,
                                     struct tb_diag *diag)
{
    struct stat st = {0};
    bool there = stat(path, &st) == 0 && access(path, R_OK) == 0;
    if (there && !S_ISDIR(st.st_mode))
        return tb_tree_file(path, diag);
    tb_diag_node(diag, named, "cannot read '%s': %s", path, strerror(there ? EISDIR : errno));
    return NULL;
}

static bool find_platform(struct tb_scenario *sc, const char *base, struct tb_arena *arena,
                          struct tb_diag *diag)
{
    const struct tb_node *p = tb_node_get(sc->root, "platform");
    if (!p) {
        tb_diag_node(diag, sc->root, "a scenario needs 'platform:'");
        return false;
    }
    sc->platform = p;
    if (p->kind == TB_SCALAR) {
        sc->platform_tree = load_platform(p, beside(base, p->text, arena), diag);
        sc->platform = sc->platform_tree ? tb_tree_root(sc->platform_tree) : NULL;
    }
    if (!sc->platform)
        return false;
    if (sc->platform->kind != TB_MAP)
        tb_diag_node(diag, sc->platform, "a platform is a map with 'models:' and 'links:'");
    return sc->platform->kind == TB_MAP;
}

static void find_root(struct tb_scenario *sc)
{
    const struct tb_node *root = tb_tree_root(sc->tree);
    bool alone = !tb_node_get(root, "scenario");
    sc->root = alone ? NULL : root;
    if (alone)
        sc->platform = root;
    else if (sc->platform && !sc->platform_tree)
        sc->platform = tb_node_get(root, "platform");
    if (sc->platform_tree)
        sc->platform = tb_tree_root(sc->platform_tree);
}

/* The name of one run is not another's: said at that other one, which is read too. */
static void check_run_names(const struct tb_node *runs, unsigned run, struct tb_diag *diag)
{
    const struct tb_node *mine = run < runs->count ? tb_node_get(runs->items[run], "name") : NULL;
    for (unsigned k = 0; mine && mine->kind == TB_SCALAR && k < run; k++) {
        const struct tb_node *other = tb_node_get(runs->items[k], "name");
        if (other && other->kind == TB_SCALAR && strcmp(mine->text, other->text) == 0) {
            tb_diag_node(diag, mine, "run %u has the name '%s' already", k + 1, mine->text);
            return;
        }
    }
}

static void apply_run(struct tb_scenario *sc, unsigned run, struct tb_arena *arena,
                      struct tb_diag *diag)
{
    const struct tb_node *runs = sc->root ? tb_node_get(sc->root, "runs") : NULL;
    sc->runs = 1;
    sc->run_name = "";
    if (!runs)
        return;
    if (runs->kind != TB_LIST || runs->count == 0 || runs->count > 1000) {
        tb_diag_node(diag, runs, "'runs' must be a list of 1 to 1000 {name, set}");
        return;
    }
    sc->runs = (unsigned)runs->count;
    check_run_names(runs, run, diag);
    struct run r = {0};
    if (run != TB_NO_RUN &&
        tb_params_read(tb_run_table, runs->items[run % runs->count], NULL, &r, arena, diag)) {
        sc->run_name = r.name;
        sc->in_run = true;
        apply_map(sc, r.set, diag);
    }
}

/* The runs of a scenario once for every seed: all with the first, then all with the next. */
static void explore(struct tb_scenario *sc, const struct top *top, unsigned run,
                    struct tb_arena *arena)
{
    if (!top->has_explore)
        return;
    const struct explore *e = &top->explore;
    uint64_t turn = run == TB_NO_RUN ? 0 : run / sc->runs;
    sc->explored = true;
    sc->variants = sc->runs;
    sc->runs *= (unsigned)e->seeds;
    sc->explore_seed = e->first + turn;
    sc->jitter = run == TB_NO_RUN || sc->explore_seed == 0 ? 0 : e->jitter;
    char *name = tb_arena_get(arena, strlen(sc->run_name) + 32);
    sprintf(name, "seed-%llu%s%s", (unsigned long long)sc->explore_seed, sc->run_name[0] ? "/" : "",
            sc->run_name);
    if (run != TB_NO_RUN)
        sc->run_name = name;
}

static void read_names(struct tb_scenario *sc, const struct top *top, struct tb_diag *diag)
{
    const struct tb_node *p = tb_node_get(sc->platform, "platform");
    if (p && p->kind != TB_SCALAR)
        tb_diag_node(diag, p, "'platform' is the platform's name here");
    sc->platform_name = p && p->kind == TB_SCALAR ? p->text : "unnamed";
    sc->name = top->scenario && top->scenario[0] ? top->scenario : sc->platform_name;
    if (!is_plain(sc->name) || strchr(sc->name, '/') || sc->name[0] == '.' ||
        strlen(sc->name) > 100)
        tb_diag_node(
            diag, sc->root ? tb_node_get(sc->root, "scenario") : p,
            "a scenario's name has at most 100 letters, no space, no '/', and no '.' in front");
}

static bool load_tree(const struct tb_input *in, struct tb_scenario *sc, struct tb_diag *diag)
{
    sc->tree = in->path ? tb_tree_file(in->path, diag)
                        : tb_tree_text(in->name ? in->name : "text", in->text, in->length, diag);
    if (!sc->tree)
        return false;
    const struct tb_node *root = tb_tree_root(sc->tree);
    if (root->kind != TB_MAP)
        tb_diag_node(diag, root, "a scenario or a platform is a map");
    return root->kind == TB_MAP;
}

bool tb_scenario_load(const struct tb_input *in, struct tb_scenario *sc, struct tb_arena *arena,
                      struct tb_diag *diag)
{
    struct top top = {.seed = 1, .page_limit = (uint64_t)4 << 30};
    *sc = (struct tb_scenario){.runs = 1, .run_name = "", .name = "", .until = TB_NEVER};
    if (!load_tree(in, sc, diag))
        return false;
    find_root(sc);
    if (sc->root && !find_platform(sc, in->path ? in->path : in->name, arena, diag))
        return false;
    if (sc->root)
        apply_map(sc, tb_node_get(sc->root, "set"), diag);
    apply_run(sc, in->run, arena, diag);
    for (size_t k = 0; in->sets && in->sets[k]; k++)
        apply_one(sc, in->sets[k], arena, diag);
    find_root(sc);
    if (sc->root && !tb_params_read(tb_scenario_table, sc->root, NULL, &top, arena, diag))
        return false;
    read_names(sc, &top, diag);
    read_record(top.record, in->folder, sc, arena, diag);
    sc->variants = sc->runs;
    explore(sc, &top, in->run, arena);
    if (in->folder)
        trace_by_folder(sc, top.record);
    sc->compare = top.compare;
    sc->memory = top.memory;
    sc->seed = top.seed;
    sc->until = top.has_until ? top.until : TB_NEVER;
    sc->warmup = top.warmup;
    sc->unclaimed = top.unclaimed == 1;
    sc->page_limit = top.page_limit;
    return tb_diag_count(diag) == 0;
}

void tb_scenario_free(struct tb_scenario *sc)
{
    tb_tree_free(sc->tree);
    tb_tree_free(sc->platform_tree);
    sc->tree = sc->platform_tree = NULL;
}

/* -- accessors ------------------------------------------------------------------------------ */

const char *tb_sim_name(const struct tb_sim *s)
{
    return s->scenario.name;
}

const char *tb_sim_platform(const struct tb_sim *s)
{
    return s->scenario.platform_name;
}

uint64_t tb_sim_seed(const struct tb_sim *s)
{
    return s->scenario.seed;
}

unsigned tb_sim_runs(const struct tb_sim *s)
{
    return s->scenario.runs;
}

const char *tb_sim_run_name(const struct tb_sim *s)
{
    return s->scenario.run_name;
}

bool tb_sim_explores(const struct tb_sim *s)
{
    return s->scenario.explored;
}

unsigned tb_sim_variants(const struct tb_sim *s)
{
    return s->scenario.variants;
}

const struct tb_node *tb_sim_compare(const struct tb_sim *s)
{
    return s->scenario.compare;
}

const struct tb_record *tb_sim_record(const struct tb_sim *s)
{
    return &s->scenario.record;
}

size_t tb_sim_link_count(const struct tb_sim *s)
{
    return s->link_count;
}

const struct tb_link_params *tb_sim_link(const struct tb_sim *s, size_t n)
{
    return &s->links[n];
}
