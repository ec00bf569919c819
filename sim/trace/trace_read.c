/* Reading the binary trace; see trace_read.h and docs/trace-format.md. */
#include "trace/trace_read.h"

#include "trace/trace.h"
#include "trace/trace_header.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#ifdef TB_HAS_ZSTD
#include <zstd.h>
#endif

#define CHUNK_MAX (16u << 20) /* a header may be long, records never are */
#define PAD       32u         /* zeros after a chunk: a number may be looked at past the end */
#define NONE      UINT32_MAX

#define MARK_LONGEST ((tb_time)1 << 32) /* time of a mark */

struct past {
    uint64_t iova, iova_step, offset, value[2];
    uint32_t number, number_step, length, count, pasid, tag, chunk;
    uint16_t by, to, requester;
    uint8_t kind, flags, status;
    uint32_t code[TB_MARKS_MOST];
    tb_time time[TB_MARKS_MOST];
    tb_time wire[TB_MARKS_MOST]; /* of hops: how long on the wire */
};

struct head {
    uint8_t type, flags;
    uint32_t size, unfolded, crc;
    uint64_t records, first, last;
};

struct tb_trace_file {
    FILE *in;
    char *path;
    struct tb_diag *diag;
    uint64_t offset;     /* of the chunk, for messages */
    uint8_t *raw, *data; /* as stored, as unfolded */
    size_t raw_room, data_room;
    const uint8_t *at, *end;
    uint32_t chunk;
    tb_time previous, from, to;
    struct past *pasts;
    struct tb_trace_run run;
    bool in_run, partial, cut, broken, done, headers_only, one_run;
    unsigned runs;
    struct tb_trace_record record;
};

/* -- Numbers -------------------------------------------------------------------------------- */

/* Reads a number; false when the chunk ends in it. */
static inline bool get(struct tb_trace_file *f, uint64_t *v)
{
    const uint8_t *at = f->at;
    uint64_t raw;
    memcpy(&raw, at, 8);
    raw = le64toh(raw);
    unsigned bytes = (unsigned)__builtin_ctzll(raw | 0x100) + 1;
    if (__builtin_expect(bytes == 9, 0)) {
        memcpy(&raw, at + 1, 8);
        *v = le64toh(raw);
    } else {
        *v = raw << (64 - 8 * bytes) >> (64 - 8 * bytes) >> bytes;
    }
    f->at = at + bytes;
    return f->at <= f->end;
}

static inline bool get_below(struct tb_trace_file *f, uint64_t limit, uint64_t *v)
{
    return get(f, v) && *v < limit;
}

/* -- Chunks --------------------------------------------------------------------------------- */

static void broken(struct tb_trace_file *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void broken(struct tb_trace_file *f, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    f->broken = f->done = true;
    tb_diag_at(f->diag, (struct tb_place){0}, "%s: at byte %" PRIu64 ": %s", f->path, f->offset,
               text);
}

static uint64_t word(const uint8_t *at, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned k = 0; k < bytes; k++)
        v |= (uint64_t)at[k] << (8 * k);
    return v;
}

static bool reserve(uint8_t **buffer, size_t *room, size_t need)
{
    if (*room >= need + PAD)
        return true;
    uint8_t *more = realloc(*buffer, need + PAD);
    if (!more)
        return false;
    *buffer = more;
    *room = need + PAD;
    return true;
}

static bool no_memory(struct tb_trace_file *f)
{
    f->broken = f->done = true;
    tb_diag_host(f->diag, "%s: no memory", f->path);
    return false;
}

/* The end of the file: is it one of the run too? */
static bool at_end(struct tb_trace_file *f)
{
    f->done = true;
    if (ferror(f->in)) {
        f->broken = true;
        tb_diag_host(f->diag, "%s: %s", f->path, strerror(errno ? errno : EIO));
    }
    return false;
}

static bool read_head(struct tb_trace_file *f, struct head *h)
{
    uint8_t raw[TB_TRACE_HEAD];
    f->offset = (uint64_t)ftello(f->in);
    size_t got = fread(raw, 1, sizeof raw, f->in);
    if (got < sizeof raw) {
        f->cut |= got > 0 || f->in_run;
        return at_end(f);
    }
    *h = (struct head){.type = raw[0],
                       .flags = raw[1],
                       .size = (uint32_t)word(raw + 4, 4),
                       .unfolded = (uint32_t)word(raw + 8, 4),
                       .crc = (uint32_t)word(raw + 12, 4),
                       .records = word(raw + 16, 8),
                       .first = word(raw + 24, 8),
                       .last = word(raw + 32, 8)};
    bool known = h->type == TB_TRACE_RUN || h->type == TB_TRACE_RECORDS || h->type == TB_TRACE_END;
    if (!known || raw[2] || raw[3] || h->flags > TB_TRACE_ZSTD || h->size > CHUNK_MAX ||
        h->unfolded > CHUNK_MAX)
        broken(f, "this is no chunk of a trace");
    else if (!f->in_run && h->type != TB_TRACE_RUN)
        broken(f, "records without the header of a run");
    return !f->broken;
}

/* Decompresses what there is of a chunk; *size is what came out. */
static bool unfold(struct tb_trace_file *f, const struct head *h, size_t stored, size_t *size)
{
#ifdef TB_HAS_ZSTD
    ZSTD_DStream *z = ZSTD_createDStream();
    ZSTD_inBuffer in = {f->raw, stored, 0};
    if (!z || !reserve(&f->data, &f->data_room, h->unfolded)) {
        ZSTD_freeDStream(z);
        return no_memory(f);
    }
    ZSTD_outBuffer out = {f->data, h->unfolded, 0};
    size_t rest = 1;
    for (size_t before = SIZE_MAX; rest != 0 && !ZSTD_isError(rest) && out.pos != before;) {
        before = out.pos;
        rest = ZSTD_decompressStream(z, &out, &in);
    }
    ZSTD_freeDStream(z);
    *size = out.pos;
    if (ZSTD_isError(rest) || (!f->partial && out.pos != h->unfolded))
        broken(f, "a chunk cannot be decompressed");
    return !f->broken;
#else
    (void)h;
    (void)stored;
    (void)size;
    broken(f, "the trace is compressed, and this build is without zstd (libzstd-dev)");
    return false;
#endif
}

/* Reads what follows a head; what is missing of it was cut off. */
static bool read_body(struct tb_trace_file *f, const struct head *h)
{
    if (!reserve(&f->raw, &f->raw_room, h->size))
        return no_memory(f);
    size_t got = fread(f->raw, 1, h->size, f->in), size = got;
    f->partial = got < h->size;
    f->cut |= f->partial;
    if (f->partial && ferror(f->in))
        return at_end(f);
    if (!f->partial && crc32(0, f->raw, h->size) != h->crc)
        broken(f, "a chunk was changed: its CRC-32 is wrong");
    else if (!(h->flags & TB_TRACE_ZSTD) && h->size != h->unfolded)
        broken(f, "a chunk's sizes do not agree");
    if (f->broken || ((h->flags & TB_TRACE_ZSTD) && !unfold(f, h, got, &size)))
        return false;
    uint8_t *data = h->flags & TB_TRACE_ZSTD ? f->data : f->raw;
    memset(data + size, 0, PAD);
    f->at = data;
    f->end = data + size;
    return true;
}

static bool begin_run(struct tb_trace_file *f)
{
    char why[160];
    if (f->partial)
        return at_end(f);
    tb_trace_run_clear(&f->run);
    if (!tb_trace_run_parse(&f->run, (const char *)f->at, (size_t)(f->end - f->at), why)) {
        broken(f, "%s", why);
        return false;
    }
    f->run.number = f->runs++;
    f->in_run = true;
    f->at = f->end;
    return true;
}

static bool is_outside(const struct tb_trace_file *f, const struct head *h)
{
    return h->type == TB_TRACE_RECORDS &&
           (f->headers_only || h->last < f->from || h->first > f->to);
}

static bool skip_body(struct tb_trace_file *f, const struct head *h)
{
    if (fseeko(f->in, (off_t)h->size, SEEK_CUR) != 0)
        return at_end(f);
    return true;
}

/* The next chunk that matters. */
static bool next_chunk(struct tb_trace_file *f)
{
    struct head h;
    f->at = f->end = NULL;
    if (!read_head(f, &h))
        return false;
    if (h.type == TB_TRACE_RUN && f->one_run) {
        f->done = true;
        return false;
    }
    if (is_outside(f, &h))
        return skip_body(f, &h);
    if (!read_body(f, &h))
        return false;
    f->chunk++;
    f->previous = 0;
    if (h.type == TB_TRACE_RUN)
        return begin_run(f);
    if (h.type == TB_TRACE_END) {
        f->in_run = false;
        f->at = f->end;
    }
    return true;
}

/* -- Records -------------------------------------------------------------------------------- */

static bool get_path(struct tb_trace_file *f, struct past *p)
{
    uint64_t by, kind, count, code;
    if (!get_below(f, f->run.model_count, &by) || !get_below(f, f->run.kinds.count, &kind) ||
        !get_below(f, TB_MARKS_MOST + 1, &count))
        return false;
    p->by = (uint16_t)by;
    p->kind = (uint8_t)kind;
    p->count = (uint32_t)count;
    for (unsigned k = 0; k < count; k++) {
        if (!get_below(f, TB_MARK_CODES, &code) || ((code & TB_MARK_HOP) && !get(f, &p->wire[k])) ||
            !get_below(f, MARK_LONGEST, &p->time[k]))
            return false;
        p->code[k] = (uint32_t)code;
    }
    return true;
}

/* Of 64 marks at most. */
static bool get_some_times(struct tb_trace_file *f, struct past *p, unsigned from, unsigned count)
{
    uint64_t changed = 0;
    unsigned bytes = (count + 7) / 8;
    memcpy(&changed, f->at, bytes);
    changed = le64toh(changed);
    f->at += bytes;
    if (f->at > f->end)
        return false;
    for (; changed; changed &= changed - 1) {
        unsigned k = (unsigned)__builtin_ctzll(changed);
        if (k >= count || !get_below(f, MARK_LONGEST, &p->time[from + k]))
            return false;
    }
    return f->at <= f->end;
}

static bool get_times(struct tb_trace_file *f, struct past *p)
{
    for (unsigned k = 0; k < p->count; k += 64)
        if (!get_some_times(f, p, k, p->count - k < 64 ? p->count - k : 64))
            return false;
    return true;
}

static bool get_route(struct tb_trace_file *f, struct past *p)
{
    uint64_t length, to;
    if (!get_below(f, (uint64_t)UINT32_MAX + 1, &length) ||
        !get_below(f, f->run.model_count + 1, &to))
        return false;
    p->length = (uint32_t)length;
    p->to = (uint16_t)(to - 1);
    return true;
}

static bool get_attributes(struct tb_trace_file *f, struct past *p)
{
    uint64_t requester, flags, pasid, tag;
    if (!get_below(f, 65536, &requester) || !get_below(f, 128, &flags) ||
        !get_below(f, 1 << 20, &pasid) || !get_below(f, 65536, &tag) ||
        (flags >> 1 & 3) >= f->run.at.count || (flags >> 4 & 3) >= f->run.tlb.count)
        return false;
    p->requester = (uint16_t)requester;
    p->flags = (uint8_t)flags;
    p->pasid = (uint32_t)pasid;
    p->tag = (uint32_t)tag;
    return true;
}

/* What seldom changes. */
static bool get_rest(struct tb_trace_file *f, struct past *p, unsigned rest, uint64_t *latency)
{
    uint64_t v = 0;
    if ((rest & TB_TRACE_ROUTE) && !get_route(f, p))
        return false;
    if ((rest & TB_TRACE_ATTR) && !get_attributes(f, p))
        return false;
    if ((rest & TB_TRACE_PA) && !get(f, &v))
        return false;
    p->offset += tb_trace_unfold(v);
    if ((rest & TB_TRACE_VALUE) && !(get(f, &p->value[0]) && get(f, &p->value[1])))
        return false;
    if (rest & TB_TRACE_STATUS)
        p->status = *f->at++;
    if ((rest & TB_TRACE_LATENCY) && !get(f, latency))
        return false;
    return f->at <= f->end && p->status < f->run.statuses.count;
}

/* Number and IOVA are one step further than the predecessor's, the same as that was from its own.
 */
static bool get_steps(struct tb_trace_file *f, struct past *p, unsigned what)
{
    uint64_t v;
    if (what & TB_TRACE_NUMBER) {
        if (!get(f, &v))
            return false;
        p->number_step = (uint32_t)tb_trace_unfold(v);
    }
    if (what & TB_TRACE_IOVA) {
        if (!get(f, &v))
            return false;
        p->iova_step = tb_trace_unfold(v);
    }
    p->number += p->number_step;
    p->iova += p->iova_step;
    return true;
}

/* What a mark's code says. */
struct told {
    unsigned site, part, detail;
    bool through, hop;
};

static inline bool add_span(struct tb_trace_record *t, const struct tb_trace_run *r, unsigned site,
                            unsigned part, unsigned detail, tb_time time)
{
    uint8_t fine = r->fine_of[part][detail];
    t->spans[t->span_count++] = (struct tb_trace_span){
        .time = time, .site = (uint16_t)site, .part = (uint8_t)part, .fine = fine};
    return !detail || fine;
}

/* The span behind a wire's: of the model that was merely passed through. */
static bool add_passed(const struct tb_trace_run *r, struct tb_trace_record *t,
                       const struct told *m, tb_time *sum)
{
    const struct tb_trace_site *w = &r->sites[m->site];
    if (w->through_part < 0)
        return false;
    *sum += w->through;
    return add_span(t, r, r->wire_count + w->to, (unsigned)w->through_part, m->detail, w->through);
}

/* A hop: waiting for the wire, being on it. */
static bool add_hop(const struct tb_trace_run *r, struct tb_trace_record *t, const struct told *m,
                    tb_time waited, tb_time *sum)
{
    if (r->queue < 0 || (int)m->part != r->wire || m->site >= r->wire_count)
        return false;
    *sum += waited;
    return add_span(t, r, m->site, (unsigned)r->queue, m->detail, waited);
}

static bool tell(const struct tb_trace_run *r, uint32_t code, struct told *m)
{
    *m = (struct told){.site = tb_mark_site(code),
                       .part = code & 15,
                       .detail = code >> TB_MARK_DETAIL & 63,
                       .through = code & TB_MARK_THROUGH,
                       .hop = code & TB_MARK_HOP};
    if (m->site == TB_MARK_NOWHERE)
        m->site = r->site_count - 1;
    return m->site < r->site_count && m->part < r->parts.count;
}

/* The marks as spans, and what they add up to; false: a code that means nothing. */
static bool expand(const struct tb_trace_run *r, const struct past *p, struct tb_trace_record *t,
                   tb_time *sum)
{
    struct told m;
    t->span_count = 0;
    t->hops = 0;
    for (unsigned k = 0; k < p->count; k++) {
        uint32_t code = p->code[k];
        if (!tell(r, code, &m) || (m.hop && !add_hop(r, t, &m, p->time[k], sum)))
            return false;
        tb_time time = m.hop ? p->wire[k] : p->time[k];
        time = code & TB_MARK_LONG ? time << 32 : time;
        if (!add_span(t, r, m.site, m.part, m.detail, time))
            return false;
        *sum += time;
        t->hops += m.site < r->wire_count && (int)m.part == r->wire && !(code & TB_MARK_LONG);
        if (m.through && !add_passed(r, t, &m, sum))
            return false;
    }
    return true;
}

static void fill(struct tb_trace_record *t, const struct past *p)
{
    t->iova = p->iova;
    t->has_pa = p->flags >> 3 & 1;
    t->pa = t->has_pa ? p->iova + p->offset : 0;
    t->value[0] = p->value[0];
    t->value[1] = p->value[1];
    t->number = p->number;
    t->length = p->length;
    t->pasid = p->pasid;
    t->tag = p->tag;
    t->by = p->by;
    t->to = p->to;
    t->requester = p->requester;
    t->kind = p->kind;
    t->write = p->flags & 1;
    t->at = p->flags >> 1 & 3;
    t->tlb = p->flags >> 4 & 3;
    t->has_pasid = p->flags >> 6 & 1;
    t->status = p->status;
}

static bool get_marks(struct tb_trace_file *f, struct past *p, unsigned what)
{
    if (what & TB_TRACE_PATH)
        return get_path(f, p);
    return p->count != NONE && (!(what & TB_TRACE_MARKS) || get_times(f, p));
}

static bool get_record(struct tb_trace_file *f)
{
    uint64_t past, ended, latency = 0;
    if (!get_below(f, TB_TRACE_PASTS, &past))
        return false;
    struct past *p = &f->pasts[past];
    unsigned what = *f->at++, rest = 0;
    if (p->chunk != f->chunk)
        *p = (struct past){.chunk = f->chunk, .count = NONE, .to = UINT16_MAX};
    if (!get(f, &ended) || !get_steps(f, p, what))
        return false;
    if (what & TB_TRACE_REST)
        rest = *f->at++;
    if (f->at > f->end || !get_rest(f, p, rest, &latency) || !get_marks(f, p, what) ||
        f->at > f->end)
        return false;
    tb_time sum = 0;
    f->previous += tb_trace_unfold(ended);
    fill(&f->record, p);
    f->record.ended = f->previous;
    if (!expand(&f->run, p, &f->record, &sum))
        return false;
    sum = rest & TB_TRACE_LATENCY ? latency : sum;
    f->record.created = f->record.ended - sum;
    return sum <= f->record.ended;
}

const struct tb_trace_record *tb_trace_next(struct tb_trace_file *f)
{
    while (!f->done && f->at == f->end)
        if (!next_chunk(f))
            return NULL;
    if (f->done)
        return NULL;
    if (get_record(f))
        return &f->record;
    if (f->partial && f->at >= f->end)
        at_end(f);
    else
        broken(f, "a record is malformed");
    return NULL;
}

bool tb_trace_next_run(struct tb_trace_file *f)
{
    unsigned before = f->runs;
    f->headers_only = true;
    while (!f->done && f->runs == before)
        next_chunk(f);
    f->headers_only = false;
    return f->runs > before;
}

void tb_trace_this_run_only(struct tb_trace_file *f)
{
    f->one_run = true;
}

/* -- The file ------------------------------------------------------------------------------- */

void tb_trace_rewind(struct tb_trace_file *f)
{
    if (f->broken)
        return;
    fseeko(f->in, TB_TRACE_MAGIC_BYTES, SEEK_SET);
    f->at = f->end = NULL;
    f->in_run = f->partial = f->cut = f->done = f->one_run = false;
    f->runs = 0;
}

static bool check_magic(struct tb_trace_file *f)
{
    char magic[TB_TRACE_MAGIC_BYTES];
    size_t got = fread(magic, 1, sizeof magic, f->in);
    if (ferror(f->in))
        tb_diag_host(f->diag, "%s: %s", f->path, strerror(errno ? errno : EIO));
    else if (got < sizeof magic && memcmp(magic, TB_TRACE_MAGIC, got) == 0)
        f->cut = f->done = true;
    else if (memcmp(magic, TB_TRACE_MAGIC, got) != 0)
        tb_diag_at(f->diag, (struct tb_place){0}, "%s: this is no trace of tollbridge", f->path);
    return tb_diag_count(f->diag) == 0;
}

struct tb_trace_file *tb_trace_open(const char *path, struct tb_diag *diag)
{
    struct tb_trace_file *f = calloc(1, sizeof *f);
    if (!f) {
        tb_diag_host(diag, "%s: no memory", path);
        return NULL;
    }
    f->diag = diag;
    f->to = TB_NEVER;
    f->path = strdup(path);
    f->pasts = calloc(TB_TRACE_PASTS, sizeof *f->pasts);
    f->in = fopen(path, "rb");
    if (!f->path || !f->pasts)
        no_memory(f);
    else if (!f->in)
        tb_diag_at(diag, (struct tb_place){0}, "%s: %s", path, strerror(errno));
    else if (check_magic(f))
        return f;
    tb_trace_close(f);
    return NULL;
}

void tb_trace_close(struct tb_trace_file *f)
{
    if (!f)
        return;
    if (f->in)
        fclose(f->in);
    tb_trace_run_clear(&f->run);
    free(f->raw);
    free(f->data);
    free(f->pasts);
    free(f->path);
    free(f);
}

void tb_trace_window(struct tb_trace_file *f, tb_time from, tb_time to)
{
    f->from = from;
    f->to = to;
}

const struct tb_trace_run *tb_trace_run(const struct tb_trace_file *f)
{
    return f->runs ? &f->run : NULL;
}

bool tb_trace_ok(const struct tb_trace_file *f)
{
    return !f->broken;
}

bool tb_trace_was_cut(const struct tb_trace_file *f)
{
    return f->cut;
}

const char *tb_trace_model(const struct tb_trace_run *r, unsigned model)
{
    return model < r->model_count ? r->sites[r->wire_count + model].name : "-";
}

const char *tb_trace_op(const struct tb_trace_run *r, const struct tb_trace_record *t)
{
    return (t->write ? &r->writes : &r->reads)->word[t->kind];
}

void tb_trace_parts(const struct tb_trace_record *t, tb_time *out)
{
    memset(out, 0, TB_TRACE_WORDS * sizeof *out);
    for (unsigned k = 0; k < t->span_count; k++)
        out[t->spans[k].part] += t->spans[k].time;
}

void tb_trace_fine(const struct tb_trace_record *t, tb_time *out)
{
    memset(out, 0, TB_TRACE_WORDS * sizeof *out);
    for (unsigned k = 0; k < t->span_count; k++)
        out[t->spans[k].fine] += t->spans[k].time;
}
