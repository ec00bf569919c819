/* Traces as VCD, and as FST through GTKWave's vcd2fst; see convert.h.
 *
 * A variable for every site and part in which time was spent: how many transactions are there. So a
 * wire has its queue, and a model shows its states. Records come in the order of their ends, VCD
 * wants the order of instants: the first reading finds the longest latency, the second one keeps
 * what lies less than that back.
 */
#include "convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NONE UINT32_MAX

struct change {
    tb_time at;
    uint32_t variable;
    int32_t by;
};

struct vcd {
    struct tb_outfile *to;
    const struct tb_trace_run *run;
    uint32_t *variable; /* by site and part; then "open" by model */
    uint32_t *count;    /* now */
    uint32_t *touched;  /* at this instant, each once */
    bool *marked;       /* is it among those */
    uint32_t *shown;
    uint32_t variables, touched_count;
    tb_time now, longest, first;
    bool begun;
    struct change *heap; /* the earliest on top */
    size_t heap_count, heap_room;
};

static size_t open_place(const struct vcd *v, unsigned model)
{
    return (size_t)v->run->site_count * v->run->parts.count + model;
}

/* -- What there is -------------------------------------------------------------------------- */

static void want(struct vcd *v, size_t place)
{
    if (v->variable[place] == NONE)
        v->variable[place] = 0;
}

static bool look(struct vcd *v, struct tb_trace_source *s)
{
    const struct tb_trace_record *t;
    v->first = TB_NEVER;
    while ((t = tb_source_next(s))) {
        tb_time latency = t->ended - t->created;
        v->longest = latency > v->longest ? latency : v->longest;
        v->first = t->created < v->first ? t->created : v->first;
        want(v, open_place(v, t->by));
        for (unsigned k = 0; k < t->span_count; k++)
            want(v, (size_t)t->spans[k].site * v->run->parts.count + t->spans[k].part);
    }
    return true;
}

static void number_variables(struct vcd *v)
{
    size_t places = open_place(v, v->run->model_count);
    for (size_t k = 0; k < places; k++)
        if (v->variable[k] != NONE)
            v->variable[k] = v->variables++;
}

/* A variable's short name: base 94, as VCD has it. */
static const char *code(uint32_t n, char out[8])
{
    char *at = out;
    do {
        *at++ = (char)('!' + n % 94);
        n /= 94;
    } while (n);
    *at = '\0';
    return out;
}

/* Names of scopes: letters, digits and _ everywhere; "a->b" is a_to_b. */
static const char *scope_name(const char *name, char out[160])
{
    size_t n = 0;
    for (; *name && n < 150; name++) {
        if (name[0] == '-' && name[1] == '>') {
            memcpy(out + n, "_to_", 4);
            n += 4;
            name++;
        } else {
            bool plain = strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_",
                                *name) != NULL;
            out[n++] = plain ? *name : '_';
        }
    }
    out[n] = '\0';
    return out;
}

static void declare(struct vcd *v, size_t place, const char *name, bool *scope, const char *site)
{
    char text[160], id[8];
    if (v->variable[place] == NONE)
        return;
    if (!*scope)
        tb_outfile_print(v->to, "$scope module %s $end\n", scope_name(site, text));
    *scope = true;
    tb_outfile_print(v->to, "$var integer 32 %s %s $end\n", code(v->variable[place], id), name);
}

static void write_head(struct vcd *v)
{
    char text[160];
    const struct tb_trace_run *r = v->run;
    tb_outfile_print(
        v->to,
        "$comment how many transactions are where, and as what $end\n$version tollbridge $end\n"
        "$timescale 1ps $end\n$scope module %s $end\n",
        scope_name(r->scenario, text));
    for (unsigned site = 0; site < r->site_count; site++) {
        bool scope = false;
        for (unsigned p = 0; p < r->parts.count; p++)
            declare(v, (size_t)site * r->parts.count + p, r->parts.word[p], &scope,
                    r->sites[site].name);
        if (site >= r->wire_count && site + 1 < r->site_count)
            declare(v, open_place(v, site - r->wire_count), "open", &scope, r->sites[site].name);
        if (scope)
            tb_outfile_print(v->to, "$upscope $end\n");
    }
    tb_outfile_print(v->to, "$upscope $end\n$enddefinitions $end\n");
}

/* -- Changes -------------------------------------------------------------------------------- */

static void write_value(struct vcd *v, uint32_t variable)
{
    char id[8], bits[33];
    unsigned n = 0;
    for (int k = 31; k >= 0; k--)
        if (n || v->count[variable] >> k & 1 || k == 0)
            bits[n++] = (char)('0' + (v->count[variable] >> k & 1));
    bits[n] = '\0';
    tb_outfile_print(v->to, "b%s %s\n", bits, code(variable, id));
}

/* All changes of an instant are known: writes those that are some. */
static void end_instant(struct vcd *v)
{
    bool told = false;
    for (uint32_t k = 0; k < v->touched_count; k++) {
        uint32_t n = v->touched[k];
        v->marked[n] = false;
        if (v->shown[n] == v->count[n])
            continue;
        if (!told)
            tb_outfile_print(v->to, "#%" PRIu64 "\n", v->now);
        told = true;
        write_value(v, n);
        v->shown[n] = v->count[n];
    }
    v->touched_count = 0;
}

static void apply(struct vcd *v, const struct change *c)
{
    if (c->at > v->now) {
        end_instant(v);
        v->now = c->at;
    }
    v->count[c->variable] += (uint32_t)c->by;
    if (!v->marked[c->variable])
        v->touched[v->touched_count++] = c->variable;
    v->marked[c->variable] = true;
}

static bool before(const struct change *a, const struct change *b)
{
    return a->at != b->at ? a->at < b->at : a->variable < b->variable;
}

static void pop(struct vcd *v)
{
    struct change last = v->heap[--v->heap_count];
    size_t k = 0;
    for (size_t child; (child = 2 * k + 1) < v->heap_count; k = child) {
        if (child + 1 < v->heap_count && before(&v->heap[child + 1], &v->heap[child]))
            child++;
        if (!before(&v->heap[child], &last))
            break;
        v->heap[k] = v->heap[child];
    }
    v->heap[k] = last;
}

static bool push(struct vcd *v, tb_time at, uint32_t variable, int by)
{
    if (v->heap_count == v->heap_room) {
        size_t room = v->heap_room ? 2 * v->heap_room : 4096;
        void *more = realloc(v->heap, room * sizeof *v->heap);
        if (!more)
            return false;
        v->heap = more;
        v->heap_room = room;
    }
    size_t k = v->heap_count++;
    struct change c = {at, variable, by};
    for (; k && before(&c, &v->heap[(k - 1) / 2]); k = (k - 1) / 2)
        v->heap[k] = v->heap[(k - 1) / 2];
    v->heap[k] = c;
    return true;
}

/* Writes what nothing can come before any more. */
static void flush(struct vcd *v, tb_time until)
{
    while (v->heap_count && v->heap[0].at < until) {
        struct change c = v->heap[0];
        pop(v);
        apply(v, &c);
    }
}

static bool add(struct vcd *v, const struct tb_trace_record *t)
{
    tb_time at = t->created;
    uint32_t open = v->variable[open_place(v, t->by)];
    bool ok = push(v, t->created, open, 1) && push(v, t->ended, open, -1);
    for (unsigned k = 0; ok && k < t->span_count; k++) {
        uint32_t n = v->variable[(size_t)t->spans[k].site * v->run->parts.count + t->spans[k].part];
        if (t->spans[k].time)
            ok = push(v, at, n, 1) && push(v, at + t->spans[k].time, n, -1);
        at += t->spans[k].time;
    }
    return ok;
}

static bool write_changes(struct vcd *v, struct tb_trace_source *s)
{
    const struct tb_trace_record *t;
    bool ok = true;
    tb_outfile_print(v->to, "#%" PRIu64 "\n$dumpvars\n", v->first);
    for (uint32_t k = 0; k < v->variables; k++)
        write_value(v, k);
    tb_outfile_print(v->to, "$end\n");
    v->now = v->first;
    while (ok && !tb_outfile_failed(v->to) && (t = tb_source_next(s))) {
        flush(v, t->ended - (v->longest < t->ended ? v->longest : t->ended));
        ok = add(v, t);
    }
    flush(v, TB_NEVER);
    end_instant(v);
    return ok;
}

static bool get_memory(struct vcd *v)
{
    v->count = calloc(v->variables + 1, sizeof *v->count);
    v->shown = calloc(v->variables + 1, sizeof *v->shown);
    v->touched = calloc(v->variables + 1, sizeof *v->touched);
    v->marked = calloc(v->variables + 1, sizeof *v->marked);
    return v->count && v->shown && v->touched && v->marked;
}

bool tb_convert_vcd(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag)
{
    struct vcd v = {.to = to, .run = tb_source_run(s)};
    (void)path;
    if (!v.run)
        return true;
    size_t places = open_place(&v, v.run->model_count);
    v.variable = malloc(places * sizeof *v.variable);
    bool ok = v.variable != NULL;
    for (size_t k = 0; ok && k < places; k++)
        v.variable[k] = NONE;
    if (ok) {
        look(&v, s);
        number_variables(&v);
        tb_source_rewind(s);
        v.first = v.first == TB_NEVER ? 0 : v.first;
        write_head(&v);
        ok = get_memory(&v) && write_changes(&v, s);
    }
    if (!ok)
        tb_diag_host(diag, "no memory");
    free(v.variable);
    free(v.count);
    free(v.shown);
    free(v.touched);
    free(v.marked);
    free(v.heap);
    return ok && !tb_outfile_failed(to);
}

/* -- FST ------------------------------------------------------------------------------------ */

static bool is_there(const char *program)
{
    const char *path = getenv("PATH");
    char *list = strdup(path ? path : ""), *save = NULL, *full = NULL;
    bool found = false;
    for (char *dir = list ? strtok_r(list, ":", &save) : NULL; dir && !found;
         dir = strtok_r(NULL, ":", &save)) {
        found = asprintf(&full, "%s/%s", dir, program) > 0 && access(full, X_OK) == 0;
        free(full);
    }
    free(list);
    return found;
}

/* Runs vcd2fst FROM TO; what it says goes nowhere. Its exit status; -1: it could not be run. */
static int run_vcd2fst(const char *from, const char *to)
{
    pid_t child = fork();
    int status;
    if (child == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(127);
        execlp("vcd2fst", "vcd2fst", from, to, (char *)NULL);
        _exit(127);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool by_way_of(struct tb_trace_source *s, const char *vcd, const char *fst, const char *path,
                      struct tb_diag *diag)
{
    struct tb_outfile to;
    tb_outfile_open(&to, vcd);
    bool ok = tb_convert_vcd(s, &to, vcd, diag) && tb_diag_count(diag) == 0;
    if (!tb_outfile_commit(&to)) {
        tb_diag_host(diag, "%s: %s", vcd, strerror(to.error));
        return false;
    }
    if (ok && (run_vcd2fst(vcd, fst) != 0 || rename(fst, path) != 0)) {
        tb_diag_host(diag, "%s: vcd2fst failed", path);
        ok = false;
    }
    unlink(vcd);
    unlink(fst);
    return ok;
}

bool tb_convert_fst(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag)
{
    char *vcd = NULL, *fst = NULL;
    (void)to;
    if (!is_there("vcd2fst")) {
        tb_diag_at(
            diag, (struct tb_place){0},
            "FST is written by way of GTKWave's vcd2fst, which is not installed (Debian: gtkwave); "
            "--to vcd does without");
        return false;
    }
    if (asprintf(&vcd, "%s.%ld.vcd", path, (long)getpid()) < 0)
        vcd = NULL;
    if (asprintf(&fst, "%s.%ld.fst", path, (long)getpid()) < 0)
        fst = NULL;
    bool ok = vcd && fst && by_way_of(s, vcd, fst, path, diag);
    if (!vcd || !fst)
        tb_diag_host(diag, "no memory");
    free(vcd);
    free(fst);
    return ok;
}
