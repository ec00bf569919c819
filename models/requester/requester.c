/* requester: raw requests, from a list, a pattern, or an embedding program.
 *
 * What it wants to move is split into pieces that do not cross a multiple of the burst size (a
 * power of two, at most 4 KiB), or of what its link takes in one TLP if that is less; each piece is
 * a transaction. It keeps at most `outstanding` of them open, and goes on at the very instant at
 * which one ends. A failed read leaves the caller's bytes as they were.
 */
#include "ats/atc.h"
#include "draw.h"

#include <string.h>

enum pattern { NONE, SEQUENTIAL, RANDOM, STRIDED, ZIPF };
static const char *const pattern_names[] = {"none",    "sequential", "random",
                                            "strided", "zipf",       NULL};
enum op { READ, WRITE, ALTERNATE, MIXED };
static const char *const op_names[] = {"read", "write", "alternate", "mixed", NULL};
static const char *const list_op_names[] = {"read", "write", NULL};
enum arrival { FIXED, POISSON };
static const char *const arrival_names[] = {"fixed", "poisson", NULL};
static const char *const at_names[] = {"untranslated", "translation-request", "translated", NULL};
enum data { ZERO, COUNTER, ADDRESS };
static const char *const data_names[] = {"zero", "counter", "address", NULL};

/* What a plain requester, whose instructions the reference workloads count, shares with others. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* One thing to do; an element of `requests:`. */
struct request {
    tb_time time; /* not before */
    unsigned op, at;
    uint64_t address, bytes, pasid;
    bool has_pasid;
};

struct requester {
    /* parameters */
    uint16_t id;
    bool posted, relaxed, has_stream, has_pasid, has_atc;
    unsigned pattern, op, arrival, data;
    uint64_t base, window, length, stride, count, outstanding, burst, alpha, read_share, stream;
    uint64_t pasid;
    struct tb_rate rate;
    struct tb_items requests;
    struct tb_atc_params atc_params;
    /* state */
    struct tb_atc *atc;     /* NULL: requests go as they are */
    struct tb_msg template; /* what the pieces of `now` share */
    bool plain;             /* no translation cache, no translation requests */
    bool special;           /* `now` has an address type or a PASID, or is an access */
    struct tb_random random, arrivals;
    uint64_t grain;           /* distance of two addresses of the pattern */
    uint64_t lines;           /* of the pattern's window */
    uint64_t *zipf;           /* cumulative weights of the lines */
    uint64_t created;         /* requests so far, of list or pattern */
    uint64_t total;           /* how many there will be */
    tb_time next;             /* when the next one may come */
    struct request now;       /* what is being issued */
    uint64_t piece[2];        /* largest read, largest write */
    uint64_t left;            /* bytes of it that are not under way yet */
    struct tb_access *access; /* of an embedding program */
    uint64_t undone;          /* its bytes that are not answered */
    uint64_t begun;           /* transactions */
    uint64_t completed, failed, bytes, digest;
    struct tb_atc_counters ats;
};

#define AT(field) offsetof(struct requester, field)
static const struct tb_param request_table[] = {{.name = "time",
                                                 .type = TB_TIME,
                                                 .offset = offsetof(struct request, time),
                                                 .def = "0ns",
                                                 .max = "8640000s",
                                                 .doc = "not before"},
                                                {.name = "op",
                                                 .type = TB_ENUM,
                                                 .offset = offsetof(struct request, op),
                                                 .names = list_op_names,
                                                 .def = "read",
                                                 .doc = "what to do"},
                                                {.name = "at",
                                                 .type = TB_ENUM,
                                                 .offset = offsetof(struct request, at),
                                                 .names = at_names,
                                                 .def = "untranslated",
                                                 .doc = "PCIe's address type"},
                                                {.name = "address",
                                                 .type = TB_COUNT,
                                                 .offset = offsetof(struct request, address),
                                                 .flags = TB_REQUIRED,
                                                 .doc = "first byte"},
                                                {.name = "bytes",
                                                 .type = TB_BYTES,
                                                 .offset = offsetof(struct request, bytes),
                                                 .flags = TB_REQUIRED,
                                                 .min = "1",
                                                 .max = "1GiB",
                                                 .doc = "how many"},
                                                {.name = "pasid",
                                                 .type = TB_COUNT,
                                                 .offset = offsetof(struct request, pasid),
                                                 .max = "0xfffff",
                                                 .flags = TB_OPTIONAL,
                                                 .present = offsetof(struct request, has_pasid) + 1,
                                                 .doc = "process address space"},
                                                {0}};

static const struct tb_param params[] = {
    {.name = "id",
     .type = TB_ID,
     .offset = AT(id),
     .def = "00:02.0",
     .doc = "requester ID, or auto"},
    {.name = "posted",
     .type = TB_BOOL,
     .offset = AT(posted),
     .def = "false",
     .doc = "writes are posted"},
    {.name = "relaxed",
     .type = TB_BOOL,
     .offset = AT(relaxed),
     .def = "false",
     .doc = "requests may pass earlier posted writes"},
    {.name = "outstanding",
     .type = TB_COUNT,
     .offset = AT(outstanding),
     .def = "16",
     .min = "1",
     .max = "65536",
     .doc = "transactions open at once: the tags of a PCI Express function"},
    {.name = "burst",
     .type = TB_SIZE,
     .offset = AT(burst),
     .def = "64B",
     .min = "4B",
     .max = "4KiB",
     .doc = "largest piece; a PCI Express link's maximum payload or read request, if that is less"},
    {.name = "requests",
     .type = TB_ITEMS,
     .offset = AT(requests),
     .sub = request_table,
     .size = sizeof(struct request),
     .doc = "what to do, in this order"},
    {.name = "pattern",
     .type = TB_ENUM,
     .offset = AT(pattern),
     .names = pattern_names,
     .def = "none",
     .doc = "addresses to make up, after `requests`"},
    {.name = "op",
     .type = TB_ENUM,
     .offset = AT(op),
     .names = op_names,
     .def = "read",
     .doc = "of the pattern; alternate: even ones read; mixed: by read_share"},
    {.name = "read_share",
     .type = TB_COUNT,
     .offset = AT(read_share),
     .def = "50",
     .max = "100",
     .doc = "percentage of reads when mixed"},
    {.name = "count",
     .type = TB_COUNT,
     .offset = AT(count),
     .def = "0",
     .max = "0xffffffff",
     .doc = "requests of the pattern"},
    {.name = "base",
     .type = TB_COUNT,
     .offset = AT(base),
     .def = "0",
     .doc = "where the window begins"},
    {.name = "window",
     .type = TB_SIZE,
     .offset = AT(window),
     .def = "1MiB",
     .min = "4B",
     .max = "16TiB",
     .doc = "addresses come from here"},
    {.name = "length",
     .type = TB_SIZE,
     .offset = AT(length),
     .def = "64B",
     .min = "1B",
     .max = "1GiB",
     .doc = "bytes of a request, and the grain of its address"},
    {.name = "stride",
     .type = TB_SIZE,
     .offset = AT(stride),
     .def = "4KiB",
     .min = "1B",
     .max = "16TiB",
     .doc = "from one strided address to the next"},
    {.name = "alpha",
     .type = TB_COUNT,
     .offset = AT(alpha),
     .def = "1000",
     .max = "10000",
     .doc = "Zipf's exponent in thousandths"},
    {.name = "pasid",
     .type = TB_COUNT,
     .offset = AT(pasid),
     .max = "0xfffff",
     .flags = TB_OPTIONAL,
     .present = AT(has_pasid) + 1,
     .doc = "process address space of the pattern's requests"},
    {.name = "rate",
     .type = TB_PER_S,
     .offset = AT(rate),
     .def = "unlimited",
     .doc = "requests of the pattern per time; unlimited: as fast as answers come"},
    {.name = "arrival",
     .type = TB_ENUM,
     .offset = AT(arrival),
     .names = arrival_names,
     .def = "fixed",
     .doc = "spacing at that rate"},
    {.name = "data",
     .type = TB_ENUM,
     .offset = AT(data),
     .names = data_names,
     .def = "zero",
     .doc = "what is written; counter: byte i is i mod 256; address: each 8 bytes their address"},
    {.name = "stream",
     .type = TB_COUNT,
     .offset = AT(stream),
     .flags = TB_OPTIONAL,
     .present = AT(has_stream) + 1,
     .doc = "state of the address stream (splitmix64); default: from seed and name"},
    {.name = "atc",
     .type = TB_GROUP,
     .offset = AT(atc_params),
     .present = AT(has_atc) + 1,
     .flags = TB_OPTIONAL,
     .sub = tb_atc_param_table,
     .doc = "a translation cache: untranslated requests ask an IOMMU first (PCIe ATS)"},
    {0}};

static const struct tb_counter counters[] = {
    {"completed", AT(completed), "transactions answered"},
    {"failed", AT(failed), "of these with a status other than ok"},
    {"bytes", AT(bytes), "moved"},
    {"digest", AT(digest),
     "FNV-like hash over (time in ns + number * 2^40) of the answers, in order"},
    TB_ATC_COUNTERS(AT(ats)),
    {NULL, 0, NULL}};

static const char *const ports[] = {"bus", NULL};

/* -- what to do next ------------------------------------------------------------------------ */

static uint64_t pattern_line(struct requester *s, uint64_t n)
{
    switch (s->pattern) {
    case RANDOM:
        return tb_random_below(&s->random, s->lines);
    case ZIPF:
        return draw_zipf(&s->random, s->zipf, s->lines);
    default:
        return n % s->lines;
    }
}

static bool pattern_write(struct requester *s, uint64_t n)
{
    if (s->op == ALTERNATE)
        return n & 1;
    return s->op == WRITE ||
           (s->op == MIXED && tb_random_below(&s->arrivals, 100) >= s->read_share);
}

static tb_time spacing(struct requester *s, uint64_t n)
{
    if (s->rate.time == 0)
        return 0;
    if (s->arrival == POISSON)
        return draw_exponential(&s->arrivals, tb_rate_time(s->rate, 1));
    return tb_rate_time_wide(s->rate, n + 1) - tb_rate_time_wide(s->rate, n);
}

static void set_template(struct requester *s);

/* The n-th of the pattern. */
static void make_up(struct requester *s, uint64_t n)
{
    s->now.op = pattern_write(s, n) ? WRITE : READ;
    s->now.address = s->base + s->grain * pattern_line(s, n);
    s->now.bytes = s->length;
    if (n == 0 || s->posted) {
        s->now.at = TB_UNTRANSLATED;
        s->now.has_pasid = s->has_pasid;
        s->now.pasid = s->pasid;
        set_template(s);
    }
}

/* The next of list or pattern; false if there is none, or not yet. */
static bool next_request(struct tb_model *m, tb_time when)
{
    struct requester *s = m->state;
    const struct request *list = s->requests.at;
    if (s->created >= s->total)
        return false;
    bool from_list = s->created < s->requests.count;
    uint64_t n = s->created - s->requests.count;
    tb_time due = from_list ? list[s->created].time : s->next;
    if (due > when) {
        tb_timer_set(m, 0, due);
        return false;
    }
    if (from_list) {
        s->now = list[s->created];
        set_template(s);
    } else {
        make_up(s, n);
        s->next = s->rate.time ? due + spacing(s, n) : when;
    }
    s->created++;
    s->left = s->now.bytes;
    return true;
}

/* -- issuing -------------------------------------------------------------------------------- */

/* Up to the next multiple of the largest piece, a power of two of at most 4 KiB. */
static uint32_t piece_length(const struct requester *s, uint64_t address)
{
    uint64_t most = s->piece[s->now.op], room = most - (address & (most - 1));
    return (uint32_t)(s->left < room ? s->left : room);
}

static void fill_data(const struct requester *s, struct tb_txn *t, uint64_t from)
{
    if (s->data == ZERO) {
        memset(t->data, 0, t->length);
        return;
    }
    for (uint32_t k = 0; k < t->length; k++) {
        uint64_t a = t->iova + k;
        t->data[k] =
            s->data == COUNTER ? (uint8_t)(from + k) : (uint8_t)((a & ~7ull) >> (8 * (a & 7)));
    }
}

ALWAYS_INLINE void prepare(struct tb_model *m, struct tb_txn *t, uint64_t address, uint32_t length)
{
    struct requester *s = m->state;
    uint64_t done = s->now.bytes - s->left;
    t->iova = address;
    t->length = length;
    t->requester = s->id;
    t->value[0] = done;
    if (s->now.op == WRITE) {
        t->write = 1;
        if (s->access)
            memcpy(t->data, s->access->data + done, length);
        else
            fill_data(s, t, done);
    }
    if (s->special) {
        t->at = s->now.at & 3;
        t->has_pasid = s->now.has_pasid;
        t->pasid = (uint32_t)s->now.pasid;
        t->owner = s->access != NULL;
    }
}

/* What all pieces of the request share but for the kind: a pattern of nonposted requests never
 * changes it. */
static void set_template(struct requester *s)
{
    s->special = s->access || s->now.at || s->now.has_pasid;
    s->template.class = s->now.op == WRITE && s->posted && !s->access ? TB_POSTED : TB_NONPOSTED;
    s->template.at = s->now.at & 3;
    s->template.pasid = s->now.pasid & 0xfffff;
    s->template.has_pasid = s->now.has_pasid;
    s->template.space = s->access ? s->access->space : TB_MEMORY;
}

ALWAYS_INLINE struct tb_msg message_of(const struct requester *s, uint32_t txn,
                                       const struct tb_txn *t)
{
    struct tb_msg msg = s->template;
    msg.address = t->iova;
    msg.txn = txn;
    msg.length = (uint16_t)t->length;
    msg.tag = (uint16_t)txn;
    msg.kind = t->write ? TB_WRITE : TB_READ;
    return msg;
}

/* The next piece, with its bytes. */
ALWAYS_INLINE struct tb_txn *cut_piece(struct tb_model *m, uint32_t txn)
{
    struct requester *s = m->state;
    struct tb_txn *t = tb_txn(m, txn);
    uint64_t address = s->now.address + (s->now.bytes - s->left);
    uint32_t length = piece_length(s, address);
    prepare(m, t, address, length);
    s->left -= length;
    return t;
}

/* Sends a piece of a requester that is not plain; false: no more can be open (slots beyond
 * `outstanding` are the translation cache's). */
static __attribute__((noinline)) bool issue_special(struct tb_model *m, tb_time when)
{
    struct requester *s = m->state;
    bool translation = s->now.at == TB_TRANSLATION_REQUEST;
    if (s->begun - s->completed == s->outstanding)
        return false;
    uint32_t txn = tb_txn_begin(m, translation ? TB_TXN_TRANSLATION : TB_TXN_DMA, when);
    struct tb_msg msg = message_of(s, txn, cut_piece(m, txn));
    s->begun++;
    if (translation)
        msg.kind = TB_ATS_TRANSLATE;
    if (s->atc)
        tb_atc_submit(s->atc, &msg, when);
    else
        tb_send(m, 0, &msg, when, TB_NO_CREDIT);
    return true;
}

static void issue(struct tb_model *m, tb_time when)
{
    struct requester *s = m->state;
    while (s->left || (!s->access && next_request(m, when))) {
        if (__builtin_expect(!s->plain, 0)) {
            if (issue_special(m, when))
                continue;
            return;
        }
        uint32_t txn = tb_txn_begin(m, TB_TXN_DMA, when);
        if (txn == TB_NO_TXN)
            return;
        struct tb_msg msg = message_of(s, txn, cut_piece(m, txn));
        tb_send(m, 0, &msg, when, TB_NO_CREDIT);
    }
}

/* -- answers -------------------------------------------------------------------------------- */

static void finish_access(struct requester *s, const struct tb_txn *t, enum tb_status status,
                          tb_time when)
{
    struct tb_access *a = s->access;
    if (status != TB_OK && a->status == TB_OK)
        a->status = (uint8_t)status;
    if (status == TB_OK && !t->write)
        memcpy(a->data + t->value[0], t->data, t->length);
    s->undone -= t->length;
    if (s->undone)
        return;
    a->finished = when;
    a->done = true;
    s->access = NULL;
}

/* The first translation of an answer, and how many there are. */
static void note_translation(struct tb_txn *t, const struct tb_msg *msg)
{
    uint32_t length = msg->kind == TB_DATA ? msg->length : 0;
    for (unsigned i = 8; i-- > 0 && length >= 8;)
        t->value[0] = t->value[0] << 8 | t->data[i];
    t->value[1] = length / 8;
}

ALWAYS_INLINE void account(struct requester *s, const struct tb_txn *t, enum tb_status status,
                           tb_time when)
{
    s->completed++;
    if (status == TB_OK)
        s->bytes += t->length;
    else
        s->failed++;
    s->digest =
        (s->digest ^ (when / TB_NS + ((uint64_t)t->number << 40))) * UINT64_C(0x100000001B3);
}

/* A request of its own has its completion. */
ALWAYS_INLINE void answered(struct tb_model *m, const struct tb_msg *msg, const bool plain,
                            tb_time when)
{
    struct requester *s = m->state;
    struct tb_txn *t = tb_txn(m, msg->txn);
    if (!plain && t->kind == TB_TXN_TRANSLATION)
        note_translation(t, msg);
    account(s, t, msg->status, when);
    if (t->owner)
        finish_access(s, t, msg->status, when);
    tb_txn_end(m, msg->txn, msg->status, when);
    issue(m, when);
}

/* The same for one that is not plain; also from the translation cache, for one that never left. */
static __attribute__((noinline)) void answered_special(struct tb_model *m, const struct tb_msg *msg,
                                                       tb_time when)
{
    answered(m, msg, false, when);
}

/* A request to it: it has no registers. */
static void refuse(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct tb_msg answer = *msg;
    if (msg->class != TB_NONPOSTED) {
        tb_release(m, credit, when);
        tb_txn_end(m, msg->txn, TB_UNSUPPORTED, when);
        return;
    }
    tb_msg_answer(&answer, TB_UNSUPPORTED);
    tb_send(m, 0, &answer, when, credit);
}

static __attribute__((noinline)) void take_special(struct tb_model *m, const struct tb_msg *msg,
                                                   tb_credit credit, tb_time when)
{
    struct requester *s = m->state;
    if (s->atc && tb_atc_recv(s->atc, msg, credit, when))
        return;
    if (msg->class != TB_COMPLETION) {
        refuse(m, msg, credit, when);
        return;
    }
    tb_release(m, credit, when);
    answered_special(m, msg, when);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct requester *s = m->state;
    (void)port;
    if (__builtin_expect(!s->plain || msg->class != TB_COMPLETION, 0)) {
        take_special(m, msg, credit, when);
        return;
    }
    tb_release(m, credit, when);
    answered(m, msg, true, when);
}

/* A posted write was taken. The slot is free; its content is still what it was. */
static void retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct requester *s = m->state;
    if (s->atc && tb_atc_retired(s->atc, txn, when))
        return;
    account(s, tb_txn(m, txn), TB_OK, when);
    if (!s->access)
        tb_timer_set(m, 0, when);
}

static void timer(struct tb_model *m, unsigned which, tb_time when)
{
    struct requester *s = m->state;
    if (which > 0)
        tb_atc_timer(s->atc, which - 1, when);
    else
        issue(m, when);
}

/* Only while nothing else is under way: an embedding program drives it, or a pattern does. */
static void begin_access(struct tb_model *m, struct tb_access *a, tb_time when)
{
    struct requester *s = m->state;
    if (s->left || s->access || a->length == 0)
        return;
    s->now =
        (struct request){.op = a->write ? WRITE : READ, .address = a->address, .bytes = a->length};
    s->access = a;
    s->left = s->undone = a->length;
    set_template(s);
    a->status = TB_OK;
    issue(m, when);
}

/* -- elaboration ---------------------------------------------------------------------------- */

static bool is_plain(const struct requester *s)
{
    const struct request *list = s->requests.at;
    for (size_t i = 0; i < s->requests.count; i++)
        if (list[i].at == TB_TRANSLATION_REQUEST)
            return false;
    return !s->atc;
}

static void make_atc(struct tb_model *m, struct tb_diag *diag)
{
    struct requester *s = m->state;
    const struct tb_atc_owner owner = {.port = 0,
                                       .timer = 1,
                                       .id = s->id,
                                       .open = (uint32_t)s->outstanding,
                                       .failed = answered_special};
    s->atc = tb_atc_new(m, &s->atc_params, &owner, &s->ats, tb_node_get(m->node, "atc"), diag);
}

/* A request does not go round the end of the address space. */
static void check_ends(const struct requester *s, struct tb_diag *diag)
{
    const struct request *list = s->requests.at;
    for (size_t i = 0; i < s->requests.count; i++)
        if (list[i].bytes - 1 > UINT64_MAX - list[i].address)
            tb_diag_node(diag, s->requests.nodes[i],
                         "the request goes past the end of the address space");
}

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct requester *s = m->state;
    check_ends(s, diag);
    s->grain = s->pattern == STRIDED ? s->stride : s->length;
    s->lines = s->window / s->grain;
    s->total = s->requests.count + (s->pattern == NONE ? 0 : s->count);
    s->digest = UINT64_C(0xCBF29CE484222325);
    s->template = (struct tb_msg){.requester = s->id, .class = TB_NONPOSTED, .relaxed = s->relaxed};
    if (s->burst & (s->burst - 1))
        tb_diag_node(diag, tb_node_get(m->node, "burst"), "'%s': burst must be a power of two",
                     m->name);
    for (unsigned write = 0; write < 2; write++) {
        uint32_t most = tb_port_most(m, 0, write);
        s->piece[write] = s->burst < most ? s->burst : most;
    }
    if (s->has_atc)
        make_atc(m, diag);
    s->plain = is_plain(s);
    if (s->pattern == NONE)
        return;
    if (s->lines && s->grain * (s->lines - 1) + s->length - 1 > UINT64_MAX - s->base)
        tb_diag_node(diag, tb_node_get(m->node, "base"),
                     "'%s': the window goes past the end of the address space", m->name);
    if (s->lines == 0)
        tb_diag_node(diag, tb_node_get(m->node, "window"),
                     "'%s': not one request fits in the window", m->name);
    if (s->pattern == ZIPF && s->lines > 1u << 24)
        tb_diag_node(diag, tb_node_get(m->node, "window"),
                     "'%s': a Zipf window has at most 2^24 grains", m->name);
    else if (s->pattern == ZIPF && s->lines)
        draw_zipf_prepare(s->zipf = tb_alloc(m, s->lines, sizeof *s->zipf), s->lines, s->alpha);
}

/* Untranslated requests of the list, and all of the pattern's, to where nobody is. */
static void lint(struct tb_model *m, struct tb_diag *diag)
{
    const struct requester *s = m->state;
    const struct request *list = s->requests.at;
    for (size_t i = 0; i < s->requests.count; i++)
        if (list[i].at == TB_UNTRANSLATED)
            tb_lint_range(m, 0, list[i].address, list[i].bytes, s->requests.nodes[i], diag);
    if (s->pattern != NONE && s->lines) {
        const struct tb_node *base = tb_node_get(m->node, "base");
        tb_lint_range(m, 0, s->base, s->grain * (s->lines - 1) + s->length, base ? base : m->node,
                      diag);
    }
}

static void slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    const struct requester *s = m->state;
    *count = (uint32_t)s->outstanding;
    *bytes = (uint32_t)s->burst;
    if (s->atc)
        tb_atc_slots(s->atc, count, bytes);
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    const struct requester *s = m->state;
    (void)port;
    if (s->atc)
        tb_atc_claims(s->atc, out);
}

static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct requester *s = m->state;
    (void)diag;
    if (s->atc)
        tb_atc_start(s->atc);
}

static void ready(struct tb_model *m)
{
    struct requester *s = m->state;
    s->random = s->has_stream ? (struct tb_random){s->stream} : tb_random_of(m, 0);
    s->arrivals = tb_random_of(m, 1);
    s->next = s->rate.time ? spacing(s, 0) : 0;
    issue(m, 0);
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    const struct requester *s = m->state;
    if (strcmp(key, "id") != 0)
        return tb_atc_fact(s->atc, key, out);
    *out = s->id;
    return true;
}

static bool busy(const struct tb_model *m)
{
    const struct requester *s = m->state;
    return s->left != 0;
}

const struct tb_class tb_class_requester = {
    .name = "requester",
    .brief =
        "raw requests from a list or a pattern, with a rate and a limit on what is outstanding",
    .state_size = sizeof(struct requester),
    .params = params,
    .ports = ports,
    .counters = counters,
    .timers = 1 + TB_ATC_TIMERS,
    .check = check,
    .slots = slots,
    .claims = claims,
    .start = start,
    .ready = ready,
    .recv = recv,
    .timer = timer,
    .retired = retired,
    .busy = busy,
    .lint = lint,
    .fact = fact,
    .access = begin_access,
};
