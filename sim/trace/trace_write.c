/* Writing the binary trace; see trace.h and docs/trace-format.md. */
#include "trace/trace.h"

#include "kernel/kernel.h"
#include "log/line.h"
#include "log/outfile.h"
#include "trace/trace_header.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#ifdef TB_HAS_ZSTD
#include <zstd.h>
#endif

#define PLACES  13             /* bits */
#define NO_PAST TB_TRACE_PASTS /* the one behind all, which is of no chunk */
#define UNTOLD  UINT8_MAX /* a status that none is: what is unfinished tells its latency, too */

/* What the next record like this one is compared with. */
struct past {
    uint64_t iova, iova_step, offset, route, attributes, value[2];
    uint64_t has_pa; /* all ones, or 0 */
    uint32_t number, number_step, count, hops;
    uint32_t chunk; /* in which it was written: it is not known in another */
    uint8_t status;
    uint64_t marks[TB_MARKS_MOST];
};

struct tb_trace_writer {
    uint8_t *buffer, *at, *limit; /* the chunk that is being filled */
    uint64_t records, first, last;
    tb_time previous;
    uint32_t chunk;
    struct tb_sim *sim;
    uint16_t which[1u << PLACES]; /* predecessor by what records resemble each other in */
    uint32_t past_count;
    struct past *pasts;
    struct tb_trace_counts counts;
    int fd, error;
    bool compress;
    void *packed;
    size_t packed_size;
    char *path, *part;
};

/* Fields of a transaction that change together are compared together. */
_Static_assert(offsetof(struct tb_txn, to) == offsetof(struct tb_txn, length) + 6,
               "one word: length, by, to");
_Static_assert(offsetof(struct tb_txn, owner) == offsetof(struct tb_txn, requester) + 8,
               "one word: requester, kind, flags, PASID and tag");

bool tb_trace_can_compress(void)
{
#ifdef TB_HAS_ZSTD
    return true;
#else
    return false;
#endif
}

/* -- The file ------------------------------------------------------------------------------- */

static void fail(struct tb_trace_writer *w, int error)
{
    if (!w->error)
        w->error = error ? error : EIO;
}

static void write_all(struct tb_trace_writer *w, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size > 0 && !w->error) {
        ssize_t n = write(w->fd, from, size);
        if (n > 0) {
            from += n;
            size -= (size_t)n;
            w->counts.bytes += (uint64_t)n;
        } else if (n == 0 || errno != EINTR) {
            fail(w, errno);
        }
    }
}

static uint8_t *put_word(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned k = 0; k < bytes; k++)
        at[k] = (uint8_t)(value >> (8 * k));
    return at + bytes;
}

static void write_chunk(struct tb_trace_writer *w, int type, unsigned flags, const void *data,
                        size_t size, size_t unfolded)
{
    uint8_t head[TB_TRACE_HEAD] = {(uint8_t)type, (uint8_t)flags};
    uint8_t *at = put_word(head + 4, size, 4);
    at = put_word(at, unfolded, 4);
    at = put_word(at, crc32(0, data, (uInt)size), 4);
    at = put_word(at, w->records, 8);
    at = put_word(at, w->first == TB_NEVER ? 0 : w->first, 8);
    put_word(at, w->last, 8);
    write_all(w, head, sizeof head);
    write_all(w, data, size);
}

/* true: what is in the buffer is written compressed. */
static bool write_packed(struct tb_trace_writer *w, size_t size)
{
#ifdef TB_HAS_ZSTD
    size_t packed = w->compress ? ZSTD_compress(w->packed, w->packed_size, w->buffer, size, 3) : 0;
    if (packed == 0 || ZSTD_isError(packed) || packed >= size)
        return false;
    write_chunk(w, TB_TRACE_RECORDS, TB_TRACE_ZSTD, w->packed, packed, size);
    return true;
#else
    (void)w;
    (void)size;
    return false;
#endif
}

static void begin_chunk(struct tb_trace_writer *w)
{
    w->at = w->buffer;
    w->records = 0;
    w->previous = 0;
    w->first = TB_NEVER;
    w->last = 0;
    w->chunk++;
}

static void end_chunk(struct tb_trace_writer *w)
{
    size_t size = (size_t)(w->at - w->buffer);
    w->counts.records += w->records;
    if (size > 0 && !write_packed(w, size))
        write_chunk(w, TB_TRACE_RECORDS, 0, w->buffer, size, size);
    begin_chunk(w);
}

static bool open_file(struct tb_trace_writer *w, const char *path)
{
    char *slash = strrchr(path, '/');
    w->path = strdup(path);
    if (!w->path || asprintf(&w->part, "%s.part", path) < 0) {
        w->part = NULL;
        errno = ENOMEM;
        return false;
    }
    if (slash && slash != path) {
        w->path[slash - path] = '\0';
        bool made = tb_make_folder(w->path);
        w->path[slash - path] = '/';
        if (!made)
            return false;
    }
    w->fd = open(w->part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return w->fd >= 0;
}

static bool get_memory(struct tb_trace_writer *w)
{
    w->buffer = malloc(TB_TRACE_CHUNK);
    w->pasts = calloc(TB_TRACE_PASTS + 1, sizeof *w->pasts);
    w->limit = w->buffer + TB_TRACE_CHUNK - TB_TRACE_RECORD;
#ifdef TB_HAS_ZSTD
    w->packed_size = w->compress ? ZSTD_compressBound(TB_TRACE_CHUNK) : 1;
    w->packed = malloc(w->packed_size);
    return w->buffer && w->pasts && w->packed;
#else
    return w->buffer && w->pasts;
#endif
}

static void free_writer(struct tb_trace_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    free(w->buffer);
    free(w->pasts);
    free(w->packed);
    free(w->path);
    free(w->part);
    free(w);
}

struct tb_trace_writer *tb_trace_create(const char *path, bool compress)
{
    struct tb_trace_writer *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->fd = -1;
    w->compress = compress;
    if (get_memory(w) && open_file(w, path)) {
        begin_chunk(w);
        write_all(w, TB_TRACE_MAGIC, TB_TRACE_MAGIC_BYTES);
        return w;
    }
    int error = errno;
    free_writer(w);
    errno = error;
    return NULL;
}

int tb_trace_error(const struct tb_trace_writer *w)
{
    return w->error;
}

struct tb_trace_counts tb_trace_counts(const struct tb_trace_writer *w)
{
    struct tb_trace_counts counts = w->counts;
    counts.bytes += (uint64_t)(w->at - w->buffer);
    counts.records += w->records;
    return counts;
}

int tb_trace_commit(struct tb_trace_writer *w)
{
    end_chunk(w);
    if (close(w->fd) != 0)
        fail(w, errno);
    w->fd = -1;
    if (!w->error && rename(w->part, w->path) != 0)
        fail(w, errno);
    int error = w->error;
    if (error)
        unlink(w->part);
    free_writer(w);
    return error;
}

void tb_trace_abandon(struct tb_trace_writer *w)
{
    if (!w)
        return;
    unlink(w->part);
    free_writer(w);
}

/* -- Runs ----------------------------------------------------------------------------------- */

int tb_trace_begin(struct tb_trace_writer *w, struct tb_sim *s)
{
    char *header = tb_trace_header(s);
    w->sim = s;
    if (!header)
        fail(w, ENOMEM);
    for (size_t k = 0; k < 1u << PLACES; k++)
        w->which[k] = NO_PAST;
    w->past_count = 0;
    begin_chunk(w);
    if (!w->error)
        write_chunk(w, TB_TRACE_RUN, 0, header, strlen(header), strlen(header));
    free(header);
    return w->error;
}

void tb_trace_end(struct tb_trace_writer *w)
{
    end_chunk(w);
    w->last = tb_sim_now(w->sim);
    write_chunk(w, TB_TRACE_END, 0, "", 0, 0);
    begin_chunk(w);
}

/* -- Records -------------------------------------------------------------------------------- */

static inline uint64_t word_at(const void *from)
{
    uint64_t v;
    memcpy(&v, from, sizeof v);
    return v;
}

/* What a record resembles: one of the same initiator, length, target, requester, kind and flags,
 * with as many marks. */
static inline size_t place_of(const struct tb_txn *t, uint32_t count)
{
    uint32_t who;
    memcpy(&who, &t->requester, sizeof who);
    uint64_t key = word_at(&t->length) + ((uint64_t)who << 24);
    return (key + count) * 0x9e3779b97f4a7c15u >> (64 - PLACES);
}

/* In a chunk, the first record of its kind has nothing before it. A new kind of record gets a
 * predecessor of its own, as long as there are any. */
static __attribute__((noinline)) uint32_t new_past(struct tb_trace_writer *w, size_t place)
{
    uint32_t n = w->which[place];
    if (n == NO_PAST)
        n = w->past_count < TB_TRACE_PASTS ? w->past_count++ : (uint32_t)(place % TB_TRACE_PASTS);
    w->which[place] = (uint16_t)n;
    struct past *p = &w->pasts[n];
    memset(p, 0, offsetof(struct past, marks));
    p->chunk = w->chunk;
    p->count = TB_MARKS_MOST + 1;
    p->attributes = p->route = UINT64_MAX;
    return n;
}

/* A mark as files have it: its code; of a hop, how long it was on the wire. */
static uint8_t *put_mark(uint8_t *at, const struct tb_sim *s, uint64_t mark)
{
    uint32_t code = (uint32_t)mark;
    if (!tb_mark_is_hop(mark)) {
        at = tb_trace_put(at, code);
        return tb_trace_put(at, mark >> 32);
    }
    const struct wire *w = &s->wires[tb_mark_site(mark)];
    uint32_t told = tb_mark_code(w->site, TB_PART_WIRE) | TB_MARK_HOP;
    told |= code & TB_MARK_HOP_THROUGH ? TB_MARK_THROUGH : 0;
    told |= code & TB_MARK_HOP_BACK ? TB_MARK_BACK : 0;
    at = tb_trace_put(at, told);
    at = tb_trace_put(at, kernel_wire_time(w, tb_mark_payload(mark)));
    return tb_trace_put(at, mark >> 32);
}

static bool is_hop(uint64_t mark)
{
    return tb_mark_is_hop(mark) || ((mark & 15) == TB_PART_WIRE && !(mark & TB_MARK_LONG));
}

/* The marks in full. */
static __attribute__((noinline)) uint8_t *put_path(struct tb_trace_writer *w, uint8_t *at,
                                                   struct past *p, const struct tb_txn *t,
                                                   const uint64_t *marks, uint32_t count)
{
    at = tb_trace_put(at, t->by);
    at = tb_trace_put(at, t->kind);
    at = tb_trace_put(at, count);
    p->hops = 0;
    p->count = count;
    for (uint32_t k = 0; k < count; k++) {
        p->marks[k] = marks[k];
        p->hops += is_hop(marks[k]) && tb_mark_site(marks[k]) < w->sim->wire_count;
        at = put_mark(at, w->sim, marks[k]);
    }
    return at;
}

/* Of 64 marks at most, which changed, a bit each, then these. *codes: bits of codes that did. */
static inline uint8_t *put_times(uint8_t *at, uint64_t *past, const uint64_t *marks, uint32_t count,
                                 uint32_t *codes)
{
    uint64_t changed = 0;
    uint8_t *bits = at;
    at += (count + 7) / 8;
    for (uint32_t k = 0; k < count; k++) {
        uint64_t difference = marks[k] ^ past[k];
        if (difference == 0)
            continue;
        *codes |= (uint32_t)difference;
        changed |= (uint64_t)1 << k;
        past[k] = marks[k];
        at = tb_trace_put(at, marks[k] >> 32);
    }
    changed = htole64(changed);
    memcpy(bits, &changed, (count + 7) / 8);
    return at;
}

static __attribute__((noinline)) uint8_t *put_route(uint8_t *at, const struct tb_txn *t)
{
    at = tb_trace_put(at, t->length);
    return tb_trace_put(at, (uint16_t)(t->to + 1)); /* 0: nobody */
}

static __attribute__((noinline)) uint8_t *put_attributes(uint8_t *at, const struct tb_txn *t)
{
    unsigned flags = t->write | t->at << 1 | t->has_pa << 3 | t->tlb << 4 | t->has_pasid << 6;
    at = tb_trace_put(at, t->requester);
    at = tb_trace_put(at, flags);
    at = tb_trace_put(at, t->pasid);
    return tb_trace_put(at, t->tag);
}

static __attribute__((noinline)) uint8_t *put_values(uint8_t *at, struct past *p,
                                                     const struct tb_txn *t)
{
    p->value[0] = t->value[0];
    p->value[1] = t->value[1];
    return tb_trace_put(tb_trace_put(at, t->value[0]), t->value[1]);
}

/* From the IOVA to the PA, if there is one. */
static inline uint64_t offset_of(const struct past *p, const struct tb_txn *t)
{
    return t->has_pa ? t->pa - t->iova : p->offset;
}

/* Is anything of what seldom changes not as in the predecessor's? */
static inline bool rest_differs(const struct past *p, const struct tb_txn *t, enum tb_status status)
{
    uint64_t attributes = word_at(&t->requester) ^ p->attributes;
    return ((word_at(&t->length) ^ p->route) | attributes |
            (((t->pa - t->iova) ^ p->offset) & p->has_pa) | (t->value[0] ^ p->value[0]) |
            (t->value[1] ^ p->value[1]) | (status ^ p->status)) != 0;
}

/* What is seldom not as in the predecessor's: a byte that tells, then these in the order of bits.
 */
static __attribute__((noinline)) uint8_t *
put_rest(uint8_t *at, struct past *p, const struct tb_txn *t, enum tb_status status, tb_time when)
{
    uint64_t offset = offset_of(p, t);
    uint64_t route = word_at(&t->length), attributes = word_at(&t->requester);
    uint8_t *rest = at++, what = 0;
    if (route != p->route) {
        what |= TB_TRACE_ROUTE;
        p->route = route;
        at = put_route(at, t);
    }
    if (attributes != p->attributes) {
        what |= TB_TRACE_ATTR;
        p->attributes = attributes;
        p->has_pa = t->has_pa ? UINT64_MAX : 0;
        at = put_attributes(at, t);
    }
    if (offset != p->offset) {
        what |= TB_TRACE_PA;
        at = tb_trace_put(at, tb_trace_fold(offset - p->offset));
        p->offset = offset;
    }
    if ((t->value[0] ^ p->value[0]) | (t->value[1] ^ p->value[1])) {
        what |= TB_TRACE_VALUE;
        at = put_values(at, p, t);
    }
    if (status != p->status) {
        what |= TB_TRACE_STATUS;
        p->status = status == TB_UNFINISHED ? UNTOLD : (uint8_t)status;
        *at++ = (uint8_t)status;
    }
    if (status == TB_UNFINISHED) {
        what |= TB_TRACE_LATENCY;
        at = tb_trace_put(at, when - t->created);
    }
    *rest = what;
    return at;
}

static __attribute__((noinline)) uint8_t *put_folded(uint8_t *at, uint64_t difference)
{
    return tb_trace_put(at, tb_trace_fold(difference));
}

static __attribute__((noinline)) uint8_t *put_number_step(uint8_t *at, struct past *p,
                                                          uint32_t step)
{
    p->number_step = step;
    return put_folded(at, (uint64_t)(int64_t)(int32_t)step);
}

static __attribute__((noinline)) uint8_t *put_iova_step(uint8_t *at, struct past *p, uint64_t step)
{
    p->iova_step = step;
    return put_folded(at, step);
}

/* When it ended, after the one before: at the same instant, or up to 1 us later, in three bytes
 * whatever the number. */
static inline uint8_t *put_end(uint8_t *at, tb_time after)
{
    if (after == 0) {
        *at = 1;
        return at + 1;
    }
    if (__builtin_expect(after >= 1u << 20, 0))
        return put_folded(at, after);
    uint32_t three = htole32((uint32_t)after << 4 | 4);
    memcpy(at, &three, sizeof three);
    return at + 3;
}

/* Does nothing differ: words ahead of `count` are not looked at. */
static inline bool are_same(const uint64_t *a, const uint64_t *b, uint32_t count)
{
    uint64_t difference = 0;
    for (uint32_t k = 0; k < count; k++)
        difference |= a[k] ^ b[k];
    return difference == 0;
}

/* The marks: as they were, with other times, or another path. */
static __attribute__((noinline)) uint8_t *put_marks(struct tb_trace_writer *w, uint8_t *at,
                                                    struct past *p, const struct tb_txn *t,
                                                    uint8_t *what)
{
    const uint64_t *marks = tb_marks_of(t);
    uint32_t codes = 0, count = (uint32_t)(t->mark - marks);
    uint8_t *end = at;
    for (uint32_t k = 0; k < count && count == p->count; k += 64)
        end = put_times(end, p->marks + k, marks + k, count - k < 64 ? count - k : 64, &codes);
    if (count == p->count && codes == 0) {
        *what |= TB_TRACE_MARKS;
        return end;
    }
    *what |= TB_TRACE_PATH;
    return put_path(w, at, p, t, marks, count);
}

static inline void note(struct tb_trace_writer *w, struct past *p, const struct tb_txn *t,
                        tb_time when)
{
    p->number = t->number;
    p->iova = t->iova;
    w->previous = when;
    if (t->created < w->first)
        w->first = t->created;
    if (when > w->last)
        w->last = when;
    w->counts.hops += p->hops;
    w->records++;
}

/* One record; TB_TRACE_RECORD bytes are there. */
static uint8_t *put_record(struct tb_trace_writer *w, struct past *p, const struct tb_txn *t,
                           enum tb_status status, tb_time when)
{
    uint32_t count = (uint32_t)(t->mark - tb_marks_of(t)), number_step = t->number - p->number;
    uint64_t iova_step = t->iova - p->iova;
    uint8_t *at = tb_trace_put(w->at, (uint64_t)(p - w->pasts)), *head = at++;
    *head = 0;
    at = put_end(at, when - w->previous);
    if (number_step != p->number_step) {
        *head |= TB_TRACE_NUMBER;
        at = put_number_step(at, p, number_step);
    }
    if (iova_step != p->iova_step) {
        *head |= TB_TRACE_IOVA;
        at = put_iova_step(at, p, iova_step);
    }
    if (rest_differs(p, t, status)) {
        *head |= TB_TRACE_REST;
        at = put_rest(at, p, t, status, when);
    }
    if (count != p->count || !are_same(tb_marks_of(t), p->marks, count))
        at = put_marks(w, at, p, t, head);
    return at;
}

static __attribute__((noinline)) void
write_record(struct tb_trace_writer *w, const struct tb_txn *t, enum tb_status status, tb_time when)
{
    if (w->at >= w->limit)
        end_chunk(w);
    size_t place = place_of(t, (uint32_t)(t->mark - tb_marks_of(t)));
    uint32_t n = w->which[place];
    if (w->pasts[n].chunk != w->chunk)
        n = new_past(w, place);
    struct past *p = &w->pasts[n];
    w->at = put_record(w, p, t, status, when);
    note(w, p, t, when);
}

/* What is just as its predecessor lets expect is told at once, and needs no registers saved. */
void tb_trace_observe(void *context, struct tb_model *by, const struct tb_txn *t,
                      enum tb_status status, tb_time when)
{
    struct tb_trace_writer *w = context;
    const uint64_t *marks = tb_marks_of(t);
    uint32_t count = (uint32_t)(t->mark - marks), n = w->which[place_of(t, count)];
    struct past *p = &w->pasts[n];
    (void)by;
    if (n >= 128 || p->chunk != w->chunk || w->at >= w->limit || count != p->count ||
        ((t->number - p->number) ^ p->number_step) | ((t->iova - p->iova) ^ p->iova_step) ||
        rest_differs(p, t, status) || !are_same(marks, p->marks, count)) {
        write_record(w, t, status, when);
        return;
    }
    uint8_t *at = w->at;
    at[0] = (uint8_t)(n * 2 + 1);
    at[1] = 0;
    w->at = put_end(at + 2, when - w->previous);
    note(w, p, t, when);
}
