/* Traces as CTF 1.8: a folder with `metadata` (TSDL) and one stream; see convert.h.
 *
 * An event per transaction, at its end, so that times never go back; its hops are a sequence of
 * structures. All numbers that mean a word are enumerations, all times are picoseconds, and the
 * clock ticks once per picosecond.
 */
#include "trace/convert.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC       0xc1fc1fc1u
#define PACKET      (128u << 10) /* a packet is written when so much is in it */
#define PACKET_HEAD 40u
#define EVENT       (96u + TB_TRACE_SPANS * 11u)

struct packet {
    uint8_t *data, *at;
    uint64_t first, last;
};

static uint8_t *put(uint8_t *at, uint64_t value, unsigned bytes)
{
    for (unsigned k = 0; k < bytes; k++)
        at[k] = (uint8_t)(value >> (8 * k));
    return at + bytes;
}

/* -- Metadata ------------------------------------------------------------------------------- */

static const char head[] =
    "/* CTF 1.8 */\n\n"
    "typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n"
    "typealias integer { size = 16; align = 8; signed = false; } := uint16_t;\n"
    "typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
    "typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n"
    "typealias integer { size = 64; align = 8; signed = false; base = hex; } := address_t;\n\n"
    "trace {\n    major = 1;\n    minor = 8;\n    byte_order = le;\n"
    "    packet.header := struct { uint32_t magic; uint32_t stream_id; };\n};\n\n";

static const char clock_text[] =
    "clock {\n    name = simulated;\n    description = \"simulated time in picoseconds\";\n"
    "    freq = 1000000000000;\n    offset = 0;\n};\n\n"
    "typealias integer { size = 64; align = 8; signed = false; map = clock.simulated.value; } := "
    "when_t;\n\n"
    "stream {\n    id = 0;\n    event.header := struct { uint16_t id; when_t timestamp; };\n"
    "    packet.context := struct {\n        when_t timestamp_begin;\n        when_t "
    "timestamp_end;\n"
    "        uint64_t content_size;\n        uint64_t packet_size;\n    };\n};\n\n";

static const char fields[] =
    "    fields := struct {\n"
    "        enum model by;\n        uint32_t txn;\n        enum direction direction;\n        "
    "enum at at;\n"
    "        enum status status;\n        enum tlb tlb;\n        enum model to;\n        uint16_t "
    "requester;\n"
    "        uint32_t pasid;\n        uint8_t has_pasid;\n        address_t iova;\n        "
    "address_t pa;\n"
    "        uint8_t has_pa;\n        uint32_t length_bytes;\n        address_t value0;\n        "
    "address_t value1;\n"
    "        uint64_t created_ps;\n        uint64_t latency_ps;\n        uint16_t span_count;\n"
    "        struct span spans[span_count];\n    };\n};\n\n";

static void write_words(struct tb_outfile *to, const char *name,
                        const struct tb_trace_word_list *list)
{
    tb_outfile_print(to, "enum %s : uint8_t {\n", name);
    for (unsigned k = 0; k < list->count; k++)
        tb_outfile_print(to, "    \"%s\" = %u,\n", list->word[k], k);
    tb_outfile_print(to, "};\n\n");
}

static void write_sites(struct tb_outfile *to, const struct tb_trace_run *r)
{
    tb_outfile_print(to, "enum model : uint16_t {\n");
    for (unsigned k = 0; k < r->model_count; k++)
        tb_outfile_print(to, "    \"%s\" = %u,\n", tb_trace_model(r, k), k);
    tb_outfile_print(to, "    \"-\" = 65535,\n};\n\nenum site : uint16_t {\n");
    for (unsigned k = 0; k < r->site_count; k++)
        tb_outfile_print(to, "    \"%s\" = %u,\n", r->sites[k].name, k);
    tb_outfile_print(to, "};\n\nenum direction : uint8_t { \"read\" = 0, \"write\" = 1 };\n\n");
}

static void write_metadata(struct tb_outfile *to, const struct tb_trace_run *r)
{
    tb_outfile_print(to, "%s", head);
    tb_outfile_print(to,
                     "env {\n    hostname = \"%s\";\n    domain = \"simulation\";\n    tracer_name "
                     "= \"tollbridge\";\n"
                     "    scenario = \"%s\";\n    run = \"%s\";\n    seed = \"%" PRIu64
                     "\";\n};\n\n%s",
                     r->platform, r->scenario, r->name, r->seed, clock_text);
    write_sites(to, r);
    write_words(to, "at", &r->at);
    write_words(to, "status", &r->statuses);
    write_words(to, "tlb", &r->tlb);
    write_words(to, "part", &r->fine);
    tb_outfile_print(
        to, "struct span {\n    enum site site;\n    enum part part;\n    uint64_t ps;\n};\n\n");
    for (unsigned k = 0; k < r->kinds.count; k++)
        tb_outfile_print(to, "event {\n    id = %u;\n    stream_id = 0;\n    name = \"%s\";\n%s", k,
                         r->kinds.word[k], fields);
}

/* -- The stream ----------------------------------------------------------------------------- */

static void end_packet(struct packet *p, struct tb_outfile *to)
{
    size_t size = (size_t)(p->at - p->data);
    if (size <= PACKET_HEAD)
        return;
    uint8_t *at = put(put(p->data, MAGIC, 4), 0, 4);
    at = put(put(at, p->first, 8), p->last, 8);
    put(put(at, size * 8, 8), size * 8, 8);
    tb_outfile_put(to, (const char *)p->data, size);
    p->at = p->data + PACKET_HEAD;
}

static uint8_t *put_event(uint8_t *at, const struct tb_trace_record *t)
{
    at = put(put(at, t->kind, 2), t->ended, 8);
    at = put(put(at, t->by, 2), t->number, 4);
    *at++ = t->write;
    *at++ = t->at;
    *at++ = t->status;
    *at++ = t->tlb;
    at = put(put(at, t->to, 2), t->requester, 2);
    at = put(at, t->pasid, 4);
    *at++ = t->has_pasid;
    at = put(put(at, t->iova, 8), t->pa, 8);
    *at++ = t->has_pa;
    at = put(put(at, t->length, 4), t->value[0], 8);
    at = put(put(at, t->value[1], 8), t->created, 8);
    at = put(at, t->ended - t->created, 8);
    at = put(at, t->span_count, 2);
    for (unsigned k = 0; k < t->span_count; k++) {
        at = put(at, t->spans[k].site, 2);
        *at++ = t->spans[k].fine;
        at = put(at, t->spans[k].time, 8);
    }
    return at;
}

static bool write_stream(struct tb_trace_source *s, struct tb_outfile *to, struct tb_diag *diag)
{
    const struct tb_trace_record *t;
    struct packet p = {.data = malloc(PACKET + PACKET_HEAD + EVENT)};
    if (!p.data) {
        tb_diag_host(diag, "no memory");
        return false;
    }
    p.at = p.data + PACKET_HEAD;
    while (!tb_outfile_failed(to) && (t = tb_source_next(s))) {
        if (p.at == p.data + PACKET_HEAD)
            p.first = t->ended;
        p.last = t->ended;
        p.at = put_event(p.at, t);
        if (p.at >= p.data + PACKET)
            end_packet(&p, to);
    }
    end_packet(&p, to);
    free(p.data);
    return true;
}

static bool commit(struct tb_outfile *to, const char *path, struct tb_diag *diag)
{
    if (tb_outfile_commit(to))
        return true;
    tb_diag_host(diag, "%s: %s", path, strerror(to->error));
    return false;
}

static char *join(const char *folder, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

/* Both files of the folder get their names at the end only. */
bool tb_convert_ctf(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                    struct tb_diag *diag)
{
    struct tb_outfile metadata, stream;
    char *names[2] = {join(path, "metadata"), join(path, "stream")};
    const struct tb_trace_run *r = tb_source_run(s);
    (void)to;
    if (!names[0] || !names[1] || !r) {
        if (r)
            tb_diag_host(diag, "%s: no memory", path);
        else
            tb_diag_at(diag, (struct tb_place){0}, "%s: there is nothing to convert", path);
        free(names[0]);
        free(names[1]);
        return false;
    }
    tb_outfile_open(&stream, names[1]);
    bool ok = write_stream(s, &stream, diag) && tb_diag_count(diag) == 0;
    tb_outfile_open(&metadata, names[0]);
    write_metadata(&metadata, r);
    if (ok) {
        ok = commit(&stream, names[1], diag);
        ok = commit(&metadata, names[0], diag) && ok;
    } else {
        tb_outfile_abandon(&stream);
        tb_outfile_abandon(&metadata);
    }
    free(names[0]);
    free(names[1]);
    return ok;
}
