/* Traces as text: the list, CSV, JSON lines, folded stacks; see convert.h. */
#include "trace/convert.h"

#include "log/line.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROW                                                                                        \
    (TB_TRACE_SPANS * 400u +                                                                       \
     8192u) /* no record is longer as text: names of sites and parts have at most 128 letters */

_Static_assert(ROW <= TB_OUTFILE_BUFFER, "a row fits into the buffer");

static char *put(char *out, const char *text)
{
    size_t length = strlen(text);
    memcpy(out, text, length);
    return out + length;
}

static char *put_hex(char *out, uint64_t value)
{
    out = put(out, "0x");
    for (int shift = 60; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[value >> shift & 15];
    return out;
}

/* "00:01.1": bus, device, function. */
static char *put_requester(char *out, uint16_t id)
{
    return out + sprintf(out, "%02x:%02x.%x", id >> 8, id >> 3 & 31, id & 7);
}

/* -- The list ------------------------------------------------------------------------------- */

static char *put_word(char *out, const char *key, const char *word)
{
    *out++ = ' ';
    out = put(out, key);
    *out++ = '=';
    return put(out, word);
}

static char *list_record(char *out, const struct tb_trace_run *r, const struct tb_trace_record *t)
{
    out = tb_put_time(put(out, "t="), t->ended);
    out = tb_put_time(put(out, " lat="), t->ended - t->created);
    out = put_word(out, "by", tb_trace_model(r, t->by));
    out = tb_put_decimal(put(out, " txn="), t->number);
    out = put_word(out, "op", tb_trace_op(r, t));
    out = put_word(out, "at", r->at.word[t->at]);
    out = put_hex(put(out, " iova="), t->iova);
    out = put(out, " pa=");
    out = t->has_pa ? put_hex(out, t->pa) : put(out, "-");
    out = tb_put_decimal(put(out, " len="), t->length);
    out = put_word(out, "to", tb_trace_model(r, t->to));
    out = put_word(out, "status", r->statuses.word[t->status]);
    out = put_word(out, "tlb", r->tlb.word[t->tlb]);
    *out++ = '\n';
    for (unsigned k = 0; k < t->span_count; k++) {
        if (t->spans[k].time == 0)
            continue;
        out = put(put(out, "    "), r->sites[t->spans[k].site].name);
        *out++ = ' ';
        out = put(out, r->fine.word[t->spans[k].fine]);
        *out++ = ' ';
        out = tb_put_time(out, t->spans[k].time);
        *out++ = '\n';
    }
    return out;
}

bool tb_convert_list(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                     struct tb_diag *diag)
{
    const struct tb_trace_record *t;
    unsigned run = UINT32_MAX;
    (void)path;
    (void)diag;
    while (!tb_outfile_failed(to) && (t = tb_source_next(s))) {
        const struct tb_trace_run *r = tb_source_run(s);
        if (r->number != run)
            tb_outfile_print(to, "# %s%s%s on %s, seed %" PRIu64 "; times in ns\n", r->scenario,
                             *r->name ? ", run " : "", r->name, r->platform, r->seed);
        run = r->number;
        char *at = tb_outfile_room(to, ROW);
        tb_outfile_add(to, (size_t)(list_record(at, r, t) - at));
    }
    return !tb_outfile_failed(to);
}

/* -- CSV ------------------------------------------------------------------------------------ */

static void csv_head(struct tb_outfile *to, const struct tb_trace_run *r)
{
    tb_outfile_print(to, "run,by,txn,op,at,created_ps,ended_ps,latency_ps,iova,pa,length,requester,"
                         "pasid,to,status,tlb,"
                         "value0,value1,hops");
    for (unsigned k = 0; k < r->parts.count; k++)
        tb_outfile_print(to, ",%s_ps", r->parts.word[k]);
    for (unsigned k = r->parts.count; k < r->fine.count; k++)
        tb_outfile_print(to, ",%s_ps", r->fine.word[k]);
    tb_outfile_print(to, "\n");
}

static char *csv_number(char *out, uint64_t value)
{
    *out++ = ',';
    return tb_put_decimal(out, value);
}

static char *csv_word(char *out, const char *word)
{
    *out++ = ',';
    return put(out, word);
}

/* The parts, whole; then what of them is told apart. */
static char *csv_parts(char *out, const struct tb_trace_run *r, const struct tb_trace_record *t)
{
    tb_time parts[TB_TRACE_WORDS], fine[TB_TRACE_WORDS];
    tb_trace_parts(t, parts);
    tb_trace_fine(t, fine);
    for (unsigned k = 0; k < r->parts.count; k++)
        out = csv_number(out, parts[k]);
    for (unsigned k = r->parts.count; k < r->fine.count; k++)
        if (fine[k]) {
            out = csv_number(out, fine[k]);
        } else {
            *out++ = ',';
            *out++ = '0';
        }
    return out;
}

static char *csv_record(char *out, const struct tb_trace_run *r, const struct tb_trace_record *t)
{
    out = put(out, *r->name ? r->name : r->scenario);
    out = csv_number(csv_word(out, tb_trace_model(r, t->by)), t->number);
    out = csv_word(csv_word(out, tb_trace_op(r, t)), r->at.word[t->at]);
    out = csv_number(csv_number(csv_number(out, t->created), t->ended), t->ended - t->created);
    *out++ = ',';
    out = put_hex(out, t->iova);
    *out++ = ',';
    out = t->has_pa ? put_hex(out, t->pa) : out;
    out = csv_number(out, t->length);
    *out++ = ',';
    out = put_requester(out, t->requester);
    *out++ = ',';
    out = t->has_pasid ? tb_put_decimal(out, t->pasid) : out;
    out = csv_word(csv_word(out, tb_trace_model(r, t->to)), r->statuses.word[t->status]);
    out = csv_word(out, r->tlb.word[t->tlb]);
    *out++ = ',';
    out = put_hex(out, t->value[0]);
    *out++ = ',';
    out = csv_number(put_hex(out, t->value[1]), t->hops);
    out = csv_parts(out, r, t);
    *out++ = '\n';
    return out;
}

bool tb_convert_csv(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag)
{
    const struct tb_trace_record *t;
    bool begun = false;
    (void)path;
    (void)diag;
    while (!tb_outfile_failed(to) && (t = tb_source_next(s))) {
        const struct tb_trace_run *r = tb_source_run(s);
        if (!begun)
            csv_head(to, r);
        begun = true;
        char *at = tb_outfile_room(to, ROW);
        tb_outfile_add(to, (size_t)(csv_record(at, r, t) - at));
    }
    if (!begun && tb_source_run(s))
        csv_head(to, tb_source_run(s));
    return !tb_outfile_failed(to);
}

/* -- JSON lines ----------------------------------------------------------------------------- */

static char *json_word(char *out, const char *key, const char *word)
{
    out = put(put(put(out, ",\""), key), "\":\"");
    out = put(out, word);
    *out++ = '"';
    return out;
}

static char *json_number(char *out, const char *key, uint64_t value)
{
    out = put(put(put(out, ",\""), key), "\":");
    return tb_put_decimal(out, value);
}

static char *json_address(char *out, const char *key, uint64_t value)
{
    out = put_hex(put(put(put(out, ",\""), key), "\":\""), value);
    *out++ = '"';
    return out;
}

static char *json_spans(char *out, const struct tb_trace_run *r, const struct tb_trace_record *t)
{
    out = put(out, ",\"spans\":[");
    for (unsigned k = 0; k < t->span_count; k++) {
        if (k)
            *out++ = ',';
        out = put(put(out, "[\""), r->sites[t->spans[k].site].name);
        out = put(put(out, "\",\""), r->fine.word[t->spans[k].fine]);
        out = tb_put_decimal(put(out, "\","), t->spans[k].time);
        *out++ = ']';
    }
    return put(out, "]}\n");
}

static char *json_record(char *out, const struct tb_trace_run *r, const struct tb_trace_record *t)
{
    char requester[16] = "";
    *put_requester(requester, t->requester) = '\0';
    out = put(put(put(out, "{\"run\":\""), *r->name ? r->name : r->scenario), "\"");
    out = json_number(json_word(out, "by", tb_trace_model(r, t->by)), "txn", t->number);
    out = json_word(json_word(out, "op", tb_trace_op(r, t)), "at", r->at.word[t->at]);
    out = json_number(json_number(out, "created_ps", t->created), "ended_ps", t->ended);
    out = json_number(out, "latency_ps", t->ended - t->created);
    out = json_address(out, "iova", t->iova);
    if (t->has_pa)
        out = json_address(out, "pa", t->pa);
    out = json_word(json_number(out, "length", t->length), "requester", requester);
    if (t->has_pasid)
        out = json_number(out, "pasid", t->pasid);
    out = json_word(json_word(out, "to", tb_trace_model(r, t->to)), "status",
                    r->statuses.word[t->status]);
    out = json_word(out, "tlb", r->tlb.word[t->tlb]);
    out = json_address(json_address(out, "value0", t->value[0]), "value1", t->value[1]);
    return json_spans(out, r, t);
}

bool tb_convert_jsonl(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                      struct tb_diag *diag)
{
    const struct tb_trace_record *t;
    (void)path;
    (void)diag;
    while (!tb_outfile_failed(to) && (t = tb_source_next(s))) {
        char *at = tb_outfile_room(to, ROW);
        tb_outfile_add(to, (size_t)(json_record(at, tb_source_run(s), t) - at));
    }
    return !tb_outfile_failed(to);
}

/* -- Folded stacks -------------------------------------------------------------------------- */

/* Time by initiator and op, then by site and part. */
struct stacks {
    tb_time **of; /* initiator * kinds * 2 + kind * 2 + write; NULL: none */
    size_t count, each;
};

static bool add_stack(struct stacks *st, const struct tb_trace_run *r,
                      const struct tb_trace_record *t)
{
    size_t op = ((size_t)t->by * r->kinds.count + t->kind) * 2 + t->write;
    if (!st->of[op] && !(st->of[op] = calloc(st->each, sizeof **st->of)))
        return false;
    for (unsigned k = 0; k < t->span_count; k++)
        st->of[op][(size_t)t->spans[k].site * r->fine.count + t->spans[k].fine] += t->spans[k].time;
    return true;
}

/* `root` is the name of the run where there are several, with its separator. */
static void write_stacks(const struct stacks *st, const struct tb_trace_run *r, size_t op,
                         const char *const root[2], struct tb_outfile *to)
{
    unsigned by = (unsigned)(op / (r->kinds.count * 2)), kind = (unsigned)(op / 2 % r->kinds.count);
    const char *name = (op % 2 ? &r->writes : &r->reads)->word[kind];
    for (size_t k = 0; k < st->each; k++)
        if (st->of[op][k])
            tb_outfile_print(to, "%s%s%s;%s;%s;%s %" PRIu64 "\n", root[0], root[1],
                             tb_trace_model(r, by), name, r->sites[k / r->fine.count].name,
                             r->fine.word[k % r->fine.count], st->of[op][k]);
}

/* The run on which the source stands. */
static bool fold_run(struct tb_trace_source *s, bool several, struct tb_outfile *to)
{
    const struct tb_trace_record *t;
    const struct tb_trace_run *r = tb_source_run(s);
    const char *const root[2] = {several ? r->name : "", several ? ";" : ""};
    struct stacks st = {.count = (size_t)r->model_count * r->kinds.count * 2,
                        .each = (size_t)r->site_count * r->fine.count};
    st.of = calloc(st.count, sizeof *st.of);
    bool ok = st.of != NULL;
    while (ok && (t = tb_source_next(s)))
        ok = add_stack(&st, r, t);
    for (size_t k = 0; st.of && k < st.count; k++) {
        if (ok && st.of[k])
            write_stacks(&st, r, k, root, to);
        free(st.of[k]);
    }
    free(st.of);
    return ok;
}

bool tb_convert_folded(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                       struct tb_diag *diag)
{
    unsigned runs = tb_source_runs(s);
    bool ok = true;
    (void)path;
    for (unsigned n = 0; ok && n < runs; n++) {
        if (runs > 1)
            tb_source_choose(s, n);
        ok = !tb_source_run(s) || fold_run(s, runs > 1, to);
    }
    if (!ok)
        tb_diag_host(diag, "no memory");
    return ok && !tb_outfile_failed(to);
}
