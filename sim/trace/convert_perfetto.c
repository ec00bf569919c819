/* Traces for Perfetto (ui.perfetto.dev): TrackEvent protobuf, written by hand; see convert.h.
 *
 * Every initiator has a track per slot in flight; on it lies a slice per transaction, and in that a
 * slice for each span of its time. The slices of its wires are tied by a flow: an arrow from hop to
 * hop. Two counter tracks per wire show how many wait in front of it and how busy it is, as means
 * over windows. Perfetto counts nanoseconds: slices begin at the nanosecond in which they do; the
 * exact picoseconds of a transaction are among its arguments.
 */
#include "trace/convert.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS     1024u
#define FIRST_SHIFT 10u /* a window is 2^10 ps wide at first */
#define ROOM        (96u * (2 * TB_TRACE_SPANS + 2) + 1024u)

/* protobuf: field << 3 | wire type */
#define VARINT(field)  ((field) << 3)
#define FIXED64(field) ((field) << 3 | 1)
#define BYTES(field)   ((field) << 3 | 2)

/* perfetto/trace: trace_packet.proto, track_event.proto, track_descriptor.proto,
 * interned_data.proto */
enum {
    TRACE_PACKET = 1,
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE = 10,
    PACKET_EVENT = 11,
    PACKET_INTERNED = 12,
    PACKET_FLAGS = 13,
    PACKET_DESCRIPTOR = 60,
    EVENT_ANNOTATION = 4,
    EVENT_TYPE = 9,
    EVENT_NAME_IID = 10,
    EVENT_TRACK = 11,
    EVENT_FLOW = 47,
    EVENT_DOUBLE = 44,
    ANNOTATION_NAME_IID = 1,
    ANNOTATION_UINT = 3,
    ANNOTATION_STRING = 6,
    ANNOTATION_POINTER = 7,
    DESCRIPTOR_UUID = 1,
    DESCRIPTOR_NAME = 2,
    DESCRIPTOR_PARENT = 5,
    DESCRIPTOR_COUNTER = 8,
    COUNTER_UNIT_NAME = 6,
    INTERNED_EVENT_NAME = 2,
    INTERNED_ANNOTATION_NAME = 3,
    INTERNED_IID = 1,
    INTERNED_NAME = 2
};
enum { SLICE_BEGIN = 1, SLICE_END = 2, COUNTER = 4 };
enum { CLEARED = 1, NEEDS = 2 };

static const char *const annotations[] = {"txn", "created_ps", "latency_ps", "iova", "pa", "bytes",
                                          "at",  "to",         "status",     "tlb",  NULL};
enum { A_TXN = 1, A_CREATED, A_LATENCY, A_IOVA, A_PA, A_BYTES, A_AT, A_TO, A_STATUS, A_TLB };

struct slot {
    tb_time until; /* taken until then */
    uint64_t uuid;
};

struct slots {
    struct slot *at;
    unsigned count;
    uint64_t uuid; /* of the initiator's track; 0: not told yet */
};

/* Time in windows: of waiting in front of a wire, and of being on it. */
struct load {
    tb_time waiting[WINDOWS], busy[WINDOWS];
};

struct perfetto {
    struct tb_outfile *to;
    const struct tb_trace_run *run;
    struct slots *slots; /* by model */
    uint64_t *iid;       /* of names, by site and part; 0: not told yet */
    struct load *loads;  /* by wire */
    unsigned shift;      /* width of a window */
    tb_time last;
    uint64_t uuids, iids, flows;
    bool failed;
};

/* -- protobuf ------------------------------------------------------------------------------- */

static inline uint8_t *put_varint(uint8_t *out, uint64_t v)
{
    while (v >= 128) {
        *out++ = (uint8_t)(v | 128);
        v >>= 7;
    }
    *out++ = (uint8_t)v;
    return out;
}

static inline uint8_t *put_number(uint8_t *out, unsigned field, uint64_t value)
{
    return put_varint(put_varint(out, VARINT(field)), value);
}

static uint8_t *put_fixed(uint8_t *out, unsigned field, uint64_t value)
{
    out = put_varint(out, FIXED64(field));
    for (unsigned k = 0; k < 8; k++)
        *out++ = (uint8_t)(value >> (8 * k));
    return out;
}

static uint8_t *put_text(uint8_t *out, unsigned field, const char *text)
{
    size_t length = strlen(text);
    out = put_varint(put_varint(out, BYTES(field)), length);
    memcpy(out, text, length);
    return out + length;
}

/* A message in a message: two bytes for its length, whatever that is. */
static inline uint8_t *begin(uint8_t *out, unsigned field)
{
    return put_varint(out, BYTES(field)) + 2;
}

static inline void end(uint8_t *begun, const uint8_t *out)
{
    size_t length = (size_t)(out - begun);
    begun[-2] = (uint8_t)(length | 128);
    begun[-1] = (uint8_t)(length >> 7);
}

static uint8_t *begin_packet(uint8_t *out, unsigned flags)
{
    out = put_number(begin(out, TRACE_PACKET), PACKET_SEQUENCE, 1);
    return put_number(out, PACKET_FLAGS, flags);
}

/* -- Tracks and names ----------------------------------------------------------------------- */

static uint64_t describe(struct perfetto *p, const char *name, uint64_t parent, const char *unit)
{
    uint8_t packet[2048], *at = begin_packet(packet, p->uuids ? NEEDS : CLEARED),
                          *start = packet + 3, *track, *counter;
    uint64_t uuid = ++p->uuids;
    track = at = begin(at, PACKET_DESCRIPTOR);
    at = put_text(put_number(at, DESCRIPTOR_UUID, uuid), DESCRIPTOR_NAME, name);
    if (parent)
        at = put_number(at, DESCRIPTOR_PARENT, parent);
    if (unit) {
        counter = at = begin(at, DESCRIPTOR_COUNTER);
        at = put_text(at, COUNTER_UNIT_NAME, unit);
        end(counter, at);
    }
    end(track, at);
    end(start, at);
    tb_outfile_put(p->to, (const char *)packet, (size_t)(at - packet));
    return uuid;
}

static void intern(struct perfetto *p, unsigned table, uint64_t iid, const char *name)
{
    uint8_t packet[2048], *at = begin_packet(packet, NEEDS), *data, *entry;
    data = at = begin(at, PACKET_INTERNED);
    entry = at = begin(at, table);
    at = put_text(put_number(at, INTERNED_IID, iid), INTERNED_NAME, name);
    end(entry, at);
    end(data, at);
    end(packet + 3, at);
    tb_outfile_put(p->to, (const char *)packet, (size_t)(at - packet));
}

static __attribute__((noinline)) uint64_t new_name(struct perfetto *p, unsigned site, unsigned fine)
{
    char name[1024];
    uint64_t *iid = &p->iid[(size_t)site * p->run->fine.count + fine];
    snprintf(name, sizeof name, "%s %s", p->run->sites[site].name, p->run->fine.word[fine]);
    *iid = ++p->iids;
    intern(p, INTERNED_EVENT_NAME, *iid, name);
    return *iid;
}

static inline uint64_t name_of(struct perfetto *p, const struct tb_trace_span *span)
{
    uint64_t iid = p->iid[(size_t)span->site * p->run->fine.count + span->fine];
    return iid ? iid : new_name(p, span->site, span->fine);
}

static uint64_t op_iid(const struct tb_trace_record *t)
{
    return 1 + 2u * t->kind + t->write;
}

static __attribute__((noinline)) struct slot *new_slot(struct perfetto *p, unsigned model)
{
    struct slots *s = &p->slots[model];
    struct slot *more = realloc(s->at, (s->count + 1) * sizeof *more);
    char name[300];
    if (!more) {
        p->failed = true;
        return NULL;
    }
    s->at = more;
    if (!s->uuid)
        s->uuid = describe(p, tb_trace_model(p->run, model), 0, NULL);
    snprintf(name, sizeof name, "%s slot %u", tb_trace_model(p->run, model), s->count);
    more[s->count] = (struct slot){0, describe(p, name, s->uuid, NULL)};
    return &more[s->count++];
}

/* The first track of the initiator that is free from the record's beginning on. */
static struct slot *slot_of(struct perfetto *p, const struct tb_trace_record *t)
{
    struct slots *s = &p->slots[t->by];
    for (unsigned k = 0; k < s->count; k++)
        if (s->at[k].until <= t->created)
            return &s->at[k];
    return new_slot(p, t->by);
}

/* -- Counters ------------------------------------------------------------------------------- */

static void widen(struct perfetto *p)
{
    for (unsigned w = 0; w < p->run->wire_count; w++) {
        struct load *l = &p->loads[w];
        for (unsigned k = 0; k < WINDOWS; k++) {
            bool low = k < WINDOWS / 2;
            l->waiting[k] = low ? l->waiting[2 * k] + l->waiting[2 * k + 1] : 0;
            l->busy[k] = low ? l->busy[2 * k] + l->busy[2 * k + 1] : 0;
        }
    }
    p->shift++;
}

/* Adds from..to to windows. */
static inline void add_time(const struct perfetto *p, tb_time *windows, tb_time from, tb_time to)
{
    while (from < to) {
        size_t k = from >> p->shift;
        tb_time edge = (tb_time)(k + 1) << p->shift, until = to < edge ? to : edge;
        windows[k] += until - from;
        from = until;
    }
}

static inline void add_load(struct perfetto *p, const struct tb_trace_span *span, tb_time at)
{
    if (span->site >= p->run->wire_count)
        return;
    struct load *l = &p->loads[span->site];
    tb_time latency = p->run->sites[span->site].latency;
    if (strcmp(p->run->parts.word[span->part], "wire") != 0)
        add_time(p, l->waiting, at, at + span->time);
    else if (span->time > latency)
        add_time(p, l->busy, at, at + span->time - latency);
}

static void write_counter(struct perfetto *p, uint64_t uuid, tb_time at, double value)
{
    uint8_t packet[64], *out = begin_packet(packet, NEEDS), *event;
    uint64_t raw;
    memcpy(&raw, &value, sizeof raw);
    out = put_number(out, PACKET_TIMESTAMP, at / TB_NS);
    event = out = begin(out, PACKET_EVENT);
    out = put_number(put_number(out, EVENT_TYPE, COUNTER), EVENT_TRACK, uuid);
    out = put_fixed(out, EVENT_DOUBLE, raw);
    end(event, out);
    end(packet + 3, out);
    tb_outfile_put(p->to, (const char *)packet, (size_t)(out - packet));
}

/* A counter's values: where they change only. */
static void write_track(struct perfetto *p, const tb_time *windows, uint64_t uuid, double scale)
{
    double before = -1;
    for (size_t k = 0; k <= p->last >> p->shift && k < WINDOWS; k++) {
        tb_time from = (tb_time)k << p->shift;
        double value = scale * (double)windows[k] / (double)((tb_time)1 << p->shift);
        if (value != before)
            write_counter(p, uuid, from, value);
        before = value;
    }
}

static void write_counters(struct perfetto *p)
{
    uint64_t group = describe(p, "links", 0, NULL);
    char name[600];
    for (unsigned w = 0; w < p->run->wire_count; w++) {
        const char *wire = p->run->sites[w].name;
        snprintf(name, sizeof name, "%s queue", wire);
        write_track(p, p->loads[w].waiting, describe(p, name, group, "messages"), 1);
        snprintf(name, sizeof name, "%s busy", wire);
        write_track(p, p->loads[w].busy, describe(p, name, group, "%"), 100);
    }
}

/* -- Slices --------------------------------------------------------------------------------- */

/* What every packet of a slice begins with; its event's length is one byte, as no slice has more.
 */
static inline uint8_t *slice(uint8_t *out, tb_time at, unsigned type, uint64_t uuid)
{
    *out++ = PACKET_TIMESTAMP << 3;
    out = put_varint(out, at);
    *out++ = PACKET_SEQUENCE << 3;
    *out++ = 1;
    *out++ = PACKET_FLAGS << 3;
    *out++ = NEEDS;
    *out++ = BYTES(PACKET_EVENT);
    out++;
    *out++ = EVENT_TYPE << 3;
    *out++ = (uint8_t)type;
    *out++ = EVENT_TRACK << 3;
    return put_varint(out, uuid);
}

/* Where the event's length stands: `body` is what `slice` began at. */
static inline uint8_t *close_slice(uint8_t *packet, const uint8_t *event, uint8_t *out)
{
    ((uint8_t *)(uintptr_t)event)[-1] = (uint8_t)(out - event);
    packet[0] = BYTES(TRACE_PACKET);
    packet[1] = (uint8_t)(out - packet - 2);
    return out;
}

static inline size_t varint_size(uint64_t v)
{
    return (70u - (unsigned)__builtin_clzll(v | 1)) / 7;
}

static inline uint8_t *begin_span(uint8_t *out, tb_time at, uint64_t uuid, uint64_t name,
                                  uint64_t flow)
{
    uint8_t *packet = out;
    out = slice(out + 2, at, SLICE_BEGIN, uuid);
    const uint8_t *event = packet + 2 + 1 + varint_size(at) + 6;
    *out++ = EVENT_NAME_IID << 3;
    out = put_varint(out, name);
    if (flow) {
        *out++ = (uint8_t)(FIXED64(EVENT_FLOW) | 128);
        *out++ = FIXED64(EVENT_FLOW) >> 7;
        memcpy(out, &flow,
               8); /* little-endian by protobuf, and by every machine this is built for */
        out += 8;
    }
    return close_slice(packet, event, out);
}

static inline uint8_t *end_span(uint8_t *out, tb_time at, uint64_t uuid)
{
    uint8_t *packet = out;
    out = slice(out + 2, at, SLICE_END, uuid);
    return close_slice(packet, packet + 2 + 1 + varint_size(at) + 6, out);
}

static uint8_t *annotate(uint8_t *out, unsigned name, unsigned field, uint64_t value)
{
    uint8_t *length = put_varint(out, BYTES(EVENT_ANNOTATION));
    out = put_number(put_number(length + 1, ANNOTATION_NAME_IID, name), field, value);
    *length = (uint8_t)(out - length - 1);
    return out;
}

static uint8_t *annotate_word(uint8_t *out, unsigned name, const char *word)
{
    uint8_t *length = put_varint(out, BYTES(EVENT_ANNOTATION));
    out = put_text(put_number(length + 1, ANNOTATION_NAME_IID, name), ANNOTATION_STRING, word);
    *length = (uint8_t)(out - length - 1); /* words have at most 63 letters */
    return out;
}

static uint8_t *begin_transaction(const struct perfetto *p, uint8_t *out,
                                  const struct tb_trace_record *t, uint64_t uuid)
{
    const struct tb_trace_run *r = p->run;
    uint8_t *packet = out, *event;
    out = begin_packet(out, NEEDS);
    out = put_number(out, PACKET_TIMESTAMP, t->created / TB_NS);
    event = out = begin(out, PACKET_EVENT);
    out = put_number(put_number(out, EVENT_TYPE, SLICE_BEGIN), EVENT_TRACK, uuid);
    out = put_number(out, EVENT_NAME_IID, op_iid(t));
    out = annotate(out, A_TXN, ANNOTATION_UINT, t->number);
    out = annotate(out, A_CREATED, ANNOTATION_UINT, t->created);
    out = annotate(out, A_LATENCY, ANNOTATION_UINT, t->ended - t->created);
    out = annotate(out, A_IOVA, ANNOTATION_POINTER, t->iova);
    if (t->has_pa)
        out = annotate(out, A_PA, ANNOTATION_POINTER, t->pa);
    out = annotate(out, A_BYTES, ANNOTATION_UINT, t->length);
    out = annotate_word(out, A_AT, r->at.word[t->at]);
    out = annotate_word(out, A_TO, tb_trace_model(r, t->to));
    out = annotate_word(out, A_STATUS, r->statuses.word[t->status]);
    out = annotate_word(out, A_TLB, r->tlb.word[t->tlb]);
    end(event, out);
    end(packet + 3, out);
    return out;
}

static void write_transaction(struct perfetto *p, const struct tb_trace_record *t)
{
    struct slot *slot = slot_of(p, t);
    if (!slot)
        return;
    while (t->ended >> p->shift >= WINDOWS)
        widen(p);
    for (unsigned k = 0; k < t->span_count; k++)
        name_of(p, &t->spans[k]);
    uint64_t uuid = slot->uuid, flow = t->hops > 1 ? ++p->flows : 0;
    uint8_t *from = (uint8_t *)tb_outfile_room(p->to, ROOM),
            *out = begin_transaction(p, from, t, uuid);
    tb_time at = t->created;
    slot->until = t->ended;
    p->last = t->ended > p->last ? t->ended : p->last;
    for (unsigned k = 0; k < t->span_count; k++) {
        const struct tb_trace_span *span = &t->spans[k];
        if (span->time == 0 || at + span->time > t->ended)
            continue;
        bool hop = span->site < p->run->wire_count && p->run->parts.word[span->part][0] == 'w';
        add_load(p, span, at);
        out = begin_span(out, at / TB_NS, uuid, name_of(p, span), hop ? flow : 0);
        at += span->time;
        out = end_span(out, at / TB_NS, uuid);
    }
    out = end_span(out, t->ended / TB_NS, uuid);
    tb_outfile_add(p->to, (size_t)(out - from));
}

static void write_names(struct perfetto *p)
{
    const struct tb_trace_run *r = p->run;
    for (unsigned k = 0; k < r->kinds.count; k++) {
        intern(p, INTERNED_EVENT_NAME, 1 + 2 * k, r->reads.word[k]);
        intern(p, INTERNED_EVENT_NAME, 2 + 2 * k, r->writes.word[k]);
    }
    p->iids = 2u * r->kinds.count;
    for (unsigned k = 0; annotations[k]; k++)
        intern(p, INTERNED_ANNOTATION_NAME, k + 1, annotations[k]);
}

bool tb_convert_perfetto(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                         struct tb_diag *diag)
{
    const struct tb_trace_record *t;
    const struct tb_trace_run *r = tb_source_run(s);
    struct perfetto p = {.to = to, .run = r, .shift = FIRST_SHIFT};
    (void)path;
    if (!r)
        return true;
    p.slots = calloc(r->model_count, sizeof *p.slots);
    p.iid = calloc((size_t)r->site_count * r->fine.count, sizeof *p.iid);
    p.loads = calloc(r->wire_count + 1, sizeof *p.loads);
    p.failed = !p.slots || !p.iid || !p.loads;
    if (!p.failed) {
        char name[600];
        snprintf(name, sizeof name, "%s%s%s", r->scenario, *r->name ? " " : "", r->name);
        describe(&p, name, 0, NULL);
        write_names(&p);
    }
    while (!p.failed && !tb_outfile_failed(to) && (t = tb_source_next(s)))
        write_transaction(&p, t);
    if (!p.failed)
        write_counters(&p);
    for (unsigned k = 0; p.slots && k < r->model_count; k++)
        free(p.slots[k].at);
    free(p.slots);
    free(p.iid);
    free(p.loads);
    if (p.failed)
        tb_diag_host(diag, "no memory");
    return !p.failed && !tb_outfile_failed(to);
}
