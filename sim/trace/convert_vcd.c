/* Traces as VCD, and as FST through GTKWave's vcd2fst; see convert.h.
 *
 * A variable for every site and part in which time was spent: how many transactions are there. So a
 * wire has its queue, and a model shows its states. Records come in the order of their ends, VCD
 * wants the order of instants. The first reading finds what variables there are, and a latency that
 * few exceed. What those few change is sorted as a whole; of the others changes are sorted in runs,
 * of which what lies further back than that latency can be written: so memory is bounded by how
 * many transactions end in such a time, not by the longest. Both are merged.
 */
#include "log/line.h"
#include "trace/changes.h"
#include "trace/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NONE UINT32_MAX
#ifndef LONG_MOST                   /* as a test has them smaller */
#define LONG_MOST ((size_t)1 << 20) /* changes of the few that take long */
#define RUN       ((size_t)1 << 16) /* changes that are sorted at once, at least */
#endif
#define OF_RECORD (2 * (TB_TRACE_SPANS + 1))
#define NAME      8 /* a variable's short name and its end */

struct vcd {
    struct tb_outfile *to;
    const struct tb_trace_run *run;
    uint32_t *variable; /* by site and part; then "open" by model */
    uint32_t *count;    /* now */
    uint32_t *touched;  /* at this instant, each once */
    bool *marked;       /* is it among those */
    uint32_t *shown;
    uint32_t variables, touched_count;
    tb_time now, first;
    char (*name)[NAME];      /* of each variable */
    struct tb_changes all;   /* of those that end soon */
    struct tb_changes late;  /* of those that take long, sorted */
    size_t late_done;        /* of these */
    tb_time soon;            /* what takes less is short; TB_NEVER: all are */
    tb_time window;          /* no short one takes longer; TB_NEVER: all are sorted at once */
    tb_time disorder;        /* records end at most so much before an earlier one */
    uint64_t of_latency[64]; /* changes, by the latency's power of two */
};

static size_t open_place(const struct vcd *v, unsigned model)
{
    return (size_t)v->run->site_count * v->run->fine.count + model;
}

/* -- What there is -------------------------------------------------------------------------- */

static void want(struct vcd *v, size_t place)
{
    if (v->variable[place] == NONE)
        v->variable[place] = 0;
}

static unsigned power_of(tb_time latency)
{
    return latency ? 63 - (unsigned)__builtin_clzll(latency) : 0;
}

static void look(struct vcd *v, struct tb_trace_source *s)
{
    const struct tb_trace_record *t;
    tb_time latest = 0;
    v->first = TB_NEVER;
    while ((t = tb_source_next(s))) {
        latest = t->ended > latest ? t->ended : latest;
        v->disorder = latest - t->ended > v->disorder ? latest - t->ended : v->disorder;
        v->first = t->created < v->first ? t->created : v->first;
        v->of_latency[power_of(t->ended - t->created)] += 2 * t->span_count + 2;
        want(v, open_place(v, t->by));
        for (unsigned k = 0; k < t->span_count; k++)
            want(v, (size_t)t->spans[k].site * v->run->fine.count + t->spans[k].fine);
    }
}

/* The shortest power of two that so few exceed as can be kept; all are short where all can. */
static void find_soon(struct vcd *v)
{
    uint64_t above = 0, below = 0;
    unsigned power = 63;
    for (unsigned k = 0; k < 64; k++)
        below += v->of_latency[k];
    v->soon = TB_NEVER;
    for (; below > LONG_MOST && above + v->of_latency[power] <= LONG_MOST; power--)
        above += v->of_latency[power];
    if (above)
        v->soon = (tb_time)2 << power;
    v->window = power < 63 ? (tb_time)2 << power : TB_NEVER;
}

static void number_variables(struct vcd *v)
{
    size_t places = open_place(v, v->run->model_count);
    for (size_t k = 0; k < places; k++)
        if (v->variable[k] != NONE)
            v->variable[k] = v->variables++;
}

/* A variable's short name: base 94, as VCD has it. */
static const char *code(uint32_t n, char out[NAME])
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
    char text[160], id[NAME];
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
        char name[160];
        for (unsigned p = 0; p < r->fine.count; p++)
            declare(v, (size_t)site * r->fine.count + p, scope_name(r->fine.word[p], name), &scope,
                    r->sites[site].name);
        if (site >= r->wire_count && site + 1 < r->site_count)
            declare(v, open_place(v, site - r->wire_count), "open", &scope, r->sites[site].name);
        if (scope)
            tb_outfile_print(v->to, "$upscope $end\n");
    }
    tb_outfile_print(v->to, "$upscope $end\n$enddefinitions $end\n");
}

/* -- Changes -------------------------------------------------------------------------------- */

static char *put_text(char *out, const char *text)
{
    while (*text)
        *out++ = *text++;
    return out;
}

static void write_value(struct vcd *v, uint32_t variable)
{
    char *from = tb_outfile_room(v->to, 64), *out = from;
    if (!from)
        return;
    uint32_t count = v->count[variable];
    *out++ = 'b';
    for (int k = count ? 31 - __builtin_clz(count) : 0; k >= 0; k--)
        *out++ = (char)('0' + (count >> k & 1));
    *out++ = ' ';
    out = put_text(out, v->name[variable]);
    *out++ = '\n';
    tb_outfile_add(v->to, (size_t)(out - from));
}

static void write_instant(struct vcd *v)
{
    char *from = tb_outfile_room(v->to, 32), *out = from;
    if (!from)
        return;
    *out++ = '#';
    out = tb_put_decimal(out, v->now);
    *out++ = '\n';
    tb_outfile_add(v->to, (size_t)(out - from));
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
            write_instant(v);
        told = true;
        write_value(v, n);
        v->shown[n] = v->count[n];
    }
    v->touched_count = 0;
}

static void apply(struct vcd *v, const struct tb_change *c)
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

/* Writes what nothing can come before any more: from both lists, merged. */
static void flush(struct vcd *v, tb_time until)
{
    size_t done = 0;
    tb_changes_sort(&v->all);
    while (!tb_outfile_failed(v->to)) {
        const struct tb_change *a = done < v->all.count ? &v->all.at[done] : NULL;
        const struct tb_change *b = v->late_done < v->late.count ? &v->late.at[v->late_done] : NULL;
        bool late = b && (!a || tb_change_is_before(b, a));
        a = late ? b : a;
        if (!a || a->at >= until)
            break;
        apply(v, a);
        v->late_done += late;
        done += !late;
    }
    tb_changes_drop(&v->all, done);
}

static bool add(struct vcd *v, struct tb_changes *to, const struct tb_trace_record *t)
{
    tb_time at = t->created;
    uint32_t open = v->variable[open_place(v, t->by)];
    if (!tb_changes_reserve(to, OF_RECORD))
        return false;
    tb_changes_add(to, t->created, open, 1);
    tb_changes_add(to, t->ended, open, -1);
    for (unsigned k = 0; k < t->span_count; k++) {
        uint32_t n = v->variable[(size_t)t->spans[k].site * v->run->fine.count + t->spans[k].fine];
        if (t->spans[k].time) {
            tb_changes_add(to, at, n, 1);
            tb_changes_add(to, at + t->spans[k].time, n, -1);
        }
        at += t->spans[k].time;
    }
    return true;
}

/* A reading for those that take long, if there are any. */
static bool gather_late(struct vcd *v, struct tb_trace_source *s)
{
    const struct tb_trace_record *t;
    bool ok = true;
    if (v->soon == TB_NEVER)
        return true;
    while (ok && (t = tb_source_next(s)))
        if (t->ended - t->created >= v->soon)
            ok = add(v, &v->late, t);
    tb_changes_sort(&v->late);
    tb_source_rewind(s);
    return ok;
}

static void write_begin(struct vcd *v)
{
    tb_outfile_print(v->to, "#%" PRIu64 "\n$dumpvars\n", v->first);
    for (uint32_t k = 0; k < v->variables; k++)
        write_value(v, k);
    tb_outfile_print(v->to, "$end\n");
    v->now = v->first;
}

/* Nothing that is still to come was created more than the window, and what records are out of
 * order, before the end of this one. */
static bool write_changes(struct vcd *v, struct tb_trace_source *s)
{
    const struct tb_trace_record *t;
    bool ok = true;
    size_t enough = RUN;
    tb_time back = v->window < TB_NEVER - v->disorder ? v->window + v->disorder : TB_NEVER;
    while (ok && !tb_outfile_failed(v->to) && (t = tb_source_next(s))) {
        if (t->ended - t->created >= v->soon)
            continue;
        ok = add(v, &v->all, t);
        if (v->all.count < enough)
            continue;
        if (t->ended > back)
            flush(v, t->ended - back);
        enough = 4 * v->all.count > RUN ? 4 * v->all.count : RUN;
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
    v->name = calloc(v->variables + 1, sizeof *v->name);
    for (uint32_t k = 0; v->name && k < v->variables; k++)
        code(k, v->name[k]);
    return v->count && v->shown && v->touched && v->marked && v->name;
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
        find_soon(&v);
        number_variables(&v);
        tb_source_rewind(s);
        v.first = v.first == TB_NEVER ? 0 : v.first;
        write_head(&v);
        ok = get_memory(&v) && gather_late(&v, s);
        if (ok)
            write_begin(&v);
        ok = ok && write_changes(&v, s);
    }
    if (!ok)
        tb_diag_host(diag, "no memory");
    free(v.variable);
    free(v.count);
    free(v.shown);
    free(v.touched);
    free(v.marked);
    free(v.name);
    tb_changes_free(&v.all);
    tb_changes_free(&v.late);
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
