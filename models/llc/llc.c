/* llc: a last-level cache in front of a memory, which devices write into as well (as Intel's DDIO
 * does).
 *
 * Requests are looked up in order of arrival, line by line. A hit is answered `hit` later. A miss
 * takes a miss register (MSHR), which fetches the line from memory and answers all that came for it
 * meanwhile, `hit` after the line came; or it takes a line without a fetch, if all of it is
 * written. What cannot go on (no register, no place for the line that has to go) keeps what is
 * behind it waiting.
 *
 * Who may take a line: a CPU (transactions of kind TB_TXN_MEMORY) any way; a device's write the
 * first `ddio_ways` ways only; a device's reads and walks as the parameters say. Everybody finds
 * what is there.
 *
 * Dirty lines that go, and writes that take no line, are posted writes to memory: ordering on the
 * way keeps them in front of any later fetch of the same bytes, so a fetch never waits for one.
 */
#include "lines.h"

#include <inttypes.h>
#include <string.h>

#define NONE UINT32_MAX
enum { MEM, FIRST_ABOVE }; /* ports */

enum write_policy { BACK, THROUGH };
static const char *const write_names[] = {"back", "through", NULL};
enum allocation { AROUND, ALLOCATE };
static const char *const allocation_names[] = {"around", "allocate", NULL};

/* A request that is not answered yet. */
struct request {
    struct tb_msg msg;
    tb_credit credit;
    uint16_t port;
    uint8_t status;
    tb_time arrived, issued; /* issued: when the last of its lines was looked up */
    uint32_t next_byte;      /* from which it is not looked up yet */
    uint32_t left;           /* bytes that are not done */
    uint32_t next_free;
};

/* A part of a request that lies in one line. */
struct piece {
    uint32_t request, at, length; /* at: its offset in the request */
    uint32_t offset;              /* in the line */
};

/* A fetch on its way, and who waits for it. */
struct mshr {
    uint64_t tag;
    uint32_t line; /* where it goes; LLC_NO_LINE: nowhere */
    bool used;
    struct piece *targets;
    uint32_t count;
};

struct llc {
    /* parameters */
    uint64_t size, ways, line, ddio_ways, mshr_count, target_count, store_count;
    unsigned replacement, write, device_reads, walks;
    tb_time hit;
    /* state */
    struct llc_lines lines;
    struct mshr *mshrs;
    uint32_t mshrs_used;
    uint32_t *stores; /* transactions of posted writes on their way to memory, the oldest first */
    uint32_t stores_used;
    struct request *requests;
    uint32_t free_request;
    uint32_t *input; /* requests that are not wholly looked up: a ring */
    uint32_t input_head, input_count, input_size;
    uint16_t *port_of; /* where a request that merely passes came from, by transaction */
    struct tb_ranges reach;
    uint64_t base, bytes; /* of the first memory behind it */
    uint64_t hits[2], misses[2], walk_hits, walk_misses, ddio, around;
    uint64_t fetches, write_backs, write_throughs, evictions, coalesced, stalls;
};

#define AT(field) offsetof(struct llc, field)
static const struct tb_param params[] = {
    {.name = "size",
     .type = TB_SIZE,
     .offset = AT(size),
     .def = "1MiB",
     .min = "8B",
     .max = "256MiB",
     .doc = "bytes it holds: sets x ways x line"},
    {.name = "ways",
     .type = TB_COUNT,
     .offset = AT(ways),
     .def = "16",
     .min = "1",
     .max = "64",
     .doc = "lines per set"},
    {.name = "line",
     .type = TB_SIZE,
     .offset = AT(line),
     .def = "64B",
     .min = "8B",
     .max = "4KiB",
     .doc = "bytes of a line: a power of two"},
    {.name = "hit",
     .type = TB_TIME,
     .offset = AT(hit),
     .def = "10ns",
     .max = "1ms",
     .doc = "to the answer, from the look-up of a hit, or from the arrival of the line it missed"},
    {.name = "ddio_ways",
     .type = TB_COUNT,
     .offset = AT(ddio_ways),
     .def = "2",
     .max = "64",
     .doc = "ways of a set that devices' writes may take; 0: what misses goes on to memory"},
    {.name = "replacement",
     .type = TB_ENUM,
     .offset = AT(replacement),
     .names = tb_replacement_names,
     .def = "lru",
     .doc = "which line of a full set has to go"},
    {.name = "write",
     .type = TB_ENUM,
     .offset = AT(write),
     .names = write_names,
     .def = "back",
     .doc = "back: a line that was written goes to memory when it has to go; through: every write "
            "goes on at once, and takes no line"},
    {.name = "device_reads",
     .type = TB_ENUM,
     .offset = AT(device_reads),
     .names = allocation_names,
     .def = "around",
     .doc = "does a device's read that misses take a line"},
    {.name = "walks",
     .type = TB_ENUM,
     .offset = AT(walks),
     .names = allocation_names,
     .def = "allocate",
     .doc = "does a walk's read of a table that misses take a line"},
    {.name = "mshrs",
     .type = TB_COUNT,
     .offset = AT(mshr_count),
     .def = "16",
     .min = "1",
     .max = "256",
     .doc = "lines on their way from memory at once"},
    {.name = "targets",
     .type = TB_COUNT,
     .offset = AT(target_count),
     .def = "16",
     .min = "1",
     .max = "256",
     .doc = "accesses that can wait for one of them"},
    {.name = "stores",
     .type = TB_COUNT,
     .offset = AT(store_count),
     .def = "16",
     .min = "1",
     .max = "256",
     .doc = "lines and writes on their way to memory at once"},
    {0}};

static const struct tb_counter counters[] = {
    {"read_hits", AT(hits[0]), "reads, line by line, that found their line"},
    {"read_misses", AT(misses[0]), "reads that did not"},
    {"write_hits", AT(hits[1]), "writes that found their line"},
    {"write_misses", AT(misses[1]), "writes that did not"},
    {"walk_hits", AT(walk_hits), "of the reads, walks that found their line"},
    {"walk_misses", AT(walk_misses), "of the reads, walks that did not"},
    {"ddio", AT(ddio), "lines taken by devices' writes"},
    {"around", AT(around), "misses that took no line"},
    {"coalesced", AT(coalesced), "misses whose line was on its way already"},
    {"fetches", AT(fetches), "lines read from memory"},
    {"evictions", AT(evictions), "lines that had to go"},
    {"write_backs", AT(write_backs), "of them, lines written to memory"},
    {"write_throughs", AT(write_throughs), "writes sent on to memory"},
    {"stalls", AT(stalls),
     "times the look-up had to wait: no register, no place, too many for one line"},
    {NULL, 0, NULL}};

static const char *const ports[] = {"mem", "*", NULL};

/* -- whose is it ---------------------------------------------------------------------------- */

static bool is_walk(const struct tb_txn *t)
{
    return t->kind == TB_TXN_WALK || t->kind == TB_TXN_DEVTAB;
}

/* How many ways of a set a miss may take a line from; 0: none. */
static uint64_t ways_for(const struct llc *s, const struct tb_txn *t, bool write)
{
    if (t->kind == TB_TXN_MEMORY)
        return write && s->write == THROUGH ? 0 : s->ways;
    if (write)
        return s->write == THROUGH ? 0 : s->ddio_ways;
    return (is_walk(t) ? s->walks : s->device_reads) == ALLOCATE ? s->ways : 0;
}

static void count(struct llc *s, const struct tb_txn *t, bool write, bool hit)
{
    (hit ? s->hits : s->misses)[write]++;
    if (is_walk(t))
        (*(hit ? &s->walk_hits : &s->walk_misses))++;
}

/* -- to memory ------------------------------------------------------------------------------ */

static uint32_t begin(struct tb_model *m, uint64_t address, uint32_t length, bool write,
                      tb_time when)
{
    uint32_t txn = tb_txn_begin(m, TB_TXN_MEMORY, when);
    struct tb_txn *t = tb_txn(m, txn);
    t->iova = address;
    t->length = length;
    t->write = write;
    return txn;
}

static void send_down(struct tb_model *m, uint32_t txn, tb_time when)
{
    const struct tb_txn *t = tb_txn(m, txn);
    struct tb_msg msg = {.address = t->iova,
                         .txn = txn,
                         .length = (uint16_t)t->length,
                         .kind = t->write ? TB_WRITE : TB_READ,
                         .class = t->write ? TB_POSTED : TB_NONPOSTED,
                         .space = TB_MEMORY};
    tb_send(m, MEM, &msg, when, TB_NO_CREDIT);
}

/* Needs a store register. */
static void store(struct tb_model *m, uint64_t address, const uint8_t *bytes, uint32_t length,
                  tb_time when)
{
    struct llc *s = m->state;
    uint32_t txn = begin(m, address, length, true, when);
    memcpy(tb_txn(m, txn)->data, bytes, length);
    s->stores[s->stores_used++] = txn;
    send_down(m, txn, when);
}

/* Needs an MSHR. */
static struct mshr *fetch(struct tb_model *m, uint64_t tag, uint32_t line, tb_time when)
{
    struct llc *s = m->state;
    uint32_t i = 0, txn = begin(m, tag * s->line, (uint32_t)s->line, false, when);
    while (s->mshrs[i].used)
        i++;
    struct mshr *r = &s->mshrs[i];
    r->tag = tag;
    r->line = line;
    r->used = true;
    r->count = 0;
    tb_txn(m, txn)->owner = i;
    s->mshrs_used++;
    s->fetches++;
    send_down(m, txn, when);
    return r;
}

static struct mshr *find_mshr(struct llc *s, uint64_t tag)
{
    for (uint32_t i = 0; s->mshrs_used && i < s->mshr_count; i++)
        if (s->mshrs[i].used && s->mshrs[i].tag == tag)
            return &s->mshrs[i];
    return NULL;
}

/* -- requests ------------------------------------------------------------------------------- */

/* All of a request is done. What leaves upwards is ready a constant time later. */
static void answer(struct tb_model *m, uint32_t request, tb_time when)
{
    struct llc *s = m->state;
    struct request r = s->requests[request];
    bool posted = r.msg.class != TB_NONPOSTED;
    s->requests[request].next_free = s->free_request;
    s->free_request = request;
    tb_txn_spend(m, r.msg.txn, TB_PART_QUEUE, r.issued - r.arrived);
    tb_txn_spend(m, r.msg.txn, TB_PART_MEM, when - r.issued + (posted ? 0 : s->hit));
    if (posted) {
        tb_txn_end(m, r.msg.txn, r.status, when);
    } else {
        tb_msg_answer(&r.msg, r.status);
        tb_send(m, r.port, &r.msg, when + s->hit, TB_NO_CREDIT);
    }
    tb_release(m, r.credit, when); /* last: it may bring the next request */
}

static void piece_done(struct tb_model *m, const struct piece *p, tb_time when)
{
    struct llc *s = m->state;
    struct request *r = &s->requests[p->request];
    r->left -= p->length;
    if (r->left == 0)
        answer(m, p->request, when);
}

/* Moves the bytes of a piece between its request and those of the line, wherever they are. */
static void move(struct tb_model *m, const struct piece *p, uint8_t *line, tb_time when)
{
    struct llc *s = m->state;
    const struct request *r = &s->requests[p->request];
    struct tb_txn *t = tb_txn(m, r->msg.txn);
    t->served = when;
    if (r->msg.kind == TB_WRITE)
        memcpy(line + p->offset, t->data + p->at, p->length);
    else
        memcpy(t->data + p->at, line + p->offset, p->length);
}

/* A piece finds its line. */
static void use_line(struct tb_model *m, const struct piece *p, uint32_t line, tb_time when)
{
    struct llc *s = m->state;
    move(m, p, llc_lines_bytes(&s->lines, line), when);
    if (s->requests[p->request].msg.kind == TB_WRITE && s->write == BACK)
        s->lines.line[line].dirty = true;
    llc_lines_touch(&s->lines, line);
}

/* What goes on to memory at once, whether the line is here or not. */
static void write_through(struct tb_model *m, const struct piece *p, tb_time when)
{
    struct llc *s = m->state;
    const struct request *r = &s->requests[p->request];
    struct tb_txn *t = tb_txn(m, r->msg.txn);
    t->served = when;
    s->write_throughs++;
    store(m, r->msg.address + p->at, t->data + p->at, p->length, when);
}

static bool can_store(const struct llc *s)
{
    return s->stores_used < s->store_count;
}

/* The line of this piece is on its way. False: it cannot join those who wait. */
static bool join(struct tb_model *m, struct mshr *r, const struct piece *p)
{
    struct llc *s = m->state;
    const struct tb_txn *t = tb_txn(m, s->requests[p->request].msg.txn);
    bool write = s->requests[p->request].msg.kind == TB_WRITE;
    if (r->count == s->target_count)
        return false;
    if (write && s->write == THROUGH)
        return false; /* sent on, it could pass the fetch, and show in reads that came before it */
    if (r->line == LLC_NO_LINE && (write || ways_for(s, t, write)))
        return false; /* nobody will keep what it writes or wants kept */
    r->targets[r->count++] = *p;
    s->coalesced++;
    count(s, t, write, false);
    return true;
}

/* Makes room for a tag in one of the first `ways`. LLC_NO_LINE: not now. */
static uint32_t make_room(struct tb_model *m, uint64_t tag, uint64_t ways, tb_time when)
{
    struct llc *s = m->state;
    uint32_t line = llc_lines_place(&s->lines, tag, ways);
    if (line == LLC_NO_LINE)
        return line;
    struct llc_line *l = &s->lines.line[line];
    if (l->dirty && !can_store(s))
        return LLC_NO_LINE;
    if (l->state == LLC_VALID)
        s->evictions++;
    if (l->dirty) {
        s->write_backs++;
        store(m, l->tag * s->line, llc_lines_bytes(&s->lines, line), (uint32_t)s->line, when);
    }
    return line;
}

/* A miss that takes a line. */
static bool miss_allocating(struct tb_model *m, const struct piece *p, uint64_t tag, uint64_t ways,
                            tb_time when)
{
    struct llc *s = m->state;
    const struct request *r = &s->requests[p->request];
    bool whole = r->msg.kind == TB_WRITE && p->length == s->line;
    if (!whole && s->mshrs_used == s->mshr_count)
        return false;
    uint32_t line = make_room(m, tag, ways, when);
    if (line == LLC_NO_LINE)
        return false;
    llc_lines_fill(&s->lines, line, tag, whole ? LLC_VALID : LLC_PENDING);
    if (r->msg.kind == TB_WRITE && tb_txn(m, r->msg.txn)->kind != TB_TXN_MEMORY)
        s->ddio++;
    if (whole) {
        use_line(m, p, line, when);
        piece_done(m, p, when);
    } else {
        struct mshr *f = fetch(m, tag, line, when);
        f->targets[f->count++] = *p;
    }
    return true;
}

/* A miss that takes no line: a write goes on to memory, a read's line is fetched and not kept. */
static bool miss_around(struct tb_model *m, const struct piece *p, uint64_t tag, tb_time when)
{
    struct llc *s = m->state;
    bool write = s->requests[p->request].msg.kind == TB_WRITE;
    if (write ? !can_store(s) : s->mshrs_used == s->mshr_count)
        return false;
    s->around++;
    if (write) {
        write_through(m, p, when);
        piece_done(m, p, when);
    } else {
        struct mshr *f = fetch(m, tag, LLC_NO_LINE, when);
        f->targets[f->count++] = *p;
    }
    return true;
}

static bool miss(struct tb_model *m, const struct piece *p, uint64_t tag, tb_time when)
{
    struct llc *s = m->state;
    const struct tb_txn *t = tb_txn(m, s->requests[p->request].msg.txn);
    bool write = s->requests[p->request].msg.kind == TB_WRITE;
    uint64_t ways = ways_for(s, t, write);
    /* The piece may end its transaction: count before, and take it back if it has to wait. */
    count(s, t, write, false);
    if (ways ? miss_allocating(m, p, tag, ways, when) : miss_around(m, p, tag, when))
        return true;
    s->misses[write]--;
    s->walk_misses -= is_walk(t);
    return false;
}

static bool hit(struct tb_model *m, const struct piece *p, uint32_t line, tb_time when)
{
    struct llc *s = m->state;
    const struct request *r = &s->requests[p->request];
    bool write = r->msg.kind == TB_WRITE, through = write && s->write == THROUGH;
    if (through && !can_store(s))
        return false;
    if (through)
        write_through(m, p, when);
    count(s, tb_txn(m, r->msg.txn), write, true);
    use_line(m, p, line, when);
    piece_done(m, p, when);
    return true;
}

/* Looks a piece up. False: it must wait. */
static bool look_up(struct tb_model *m, const struct piece *p, uint64_t tag, tb_time when)
{
    struct llc *s = m->state;
    struct mshr *r = find_mshr(s, tag);
    if (r)
        return join(m, r, p);
    uint32_t line = llc_lines_find(&s->lines, tag);
    return line == LLC_NO_LINE ? miss(m, p, tag, when) : hit(m, p, line, when);
}

/* Looks up what has come, in order, as far as it goes. */
static void look_up_all(struct tb_model *m, tb_time when)
{
    struct llc *s = m->state;
    while (s->input_count) {
        uint32_t request = s->input[s->input_head];
        struct request *r = &s->requests[request];
        uint64_t address = r->msg.address + r->next_byte;
        uint32_t offset = (uint32_t)(address % s->line), room = (uint32_t)s->line - offset;
        uint32_t left = r->msg.length - r->next_byte;
        struct piece p = {request, r->next_byte, left < room ? left : room, offset};
        tb_time issued = r->issued;
        bool last = left <= room;
        r->issued = when;
        r->next_byte += p.length;
        if (!look_up(m, &p, address / s->line, when)) {
            r->issued = issued;
            r->next_byte = p.at;
            s->stalls++;
            return;
        }
        if (last) {
            s->input_head = (s->input_head + 1) % s->input_size;
            s->input_count--;
        }
    }
}

static bool is_within(const struct tb_range *r, const struct tb_msg *msg)
{
    return r->space == TB_MEMORY && msg->address >= r->base &&
           msg->address + (msg->length - 1u) <= r->last &&
           msg->address + (msg->length - 1u) >= msg->address;
}

/* A memory, as firmware would describe it, not the registers of a device; nor what software can
 * move, which no CPU would cache. */
static bool is_memory(const struct tb_model *m, const struct tb_range *r)
{
    uint64_t base, size;
    struct tb_model *of = tb_model_at(m, r->model);
    return r->space == TB_MEMORY && !r->moves && of && tb_fact(of, "base", &base) &&
           tb_fact(of, "size", &size);
}

static bool is_cacheable(const struct llc *s, const struct tb_msg *msg)
{
    if (msg->kind > TB_WRITE || msg->space != TB_MEMORY)
        return false;
    for (size_t i = 0; i < s->reach.count; i++)
        if (is_within(&s->reach.at[i], msg))
            return true;
    return false;
}

static void take(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct llc *s = m->state;
    struct tb_txn *t = tb_txn(m, msg->txn);
    uint32_t request = s->free_request;
    struct request *r = &s->requests[request];
    s->free_request = r->next_free;
    *r = (struct request){.msg = *msg,
                          .credit = credit,
                          .port = (uint16_t)port,
                          .arrived = when,
                          .issued = when,
                          .left = msg->length};
    t->to = m->index;
    if (!t->has_pa) {
        t->pa = msg->address;
        t->has_pa = 1;
    }
    s->input[(s->input_head + s->input_count++) % s->input_size] = request;
    if (s->input_count == 1) /* else somebody is waiting for his turn already */
        look_up_all(m, when);
}

/* -- from memory ---------------------------------------------------------------------------- */

static void serve_targets(struct tb_model *m, struct mshr *r, struct tb_txn *fetched,
                          enum tb_status status, tb_time when)
{
    struct llc *s = m->state;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct piece p = r->targets[i];
        if (status != TB_OK)
            s->requests[p.request].status = (uint8_t)status;
        else if (r->line == LLC_NO_LINE)
            move(m, &p, fetched->data, when);
        else
            use_line(m, &p, r->line, when);
        piece_done(m, &p, when);
    }
}

static void filled(struct tb_model *m, const struct tb_msg *msg, tb_credit credit, tb_time when)
{
    struct llc *s = m->state;
    struct tb_txn *t = tb_txn(m, msg->txn);
    struct mshr *r = &s->mshrs[t->owner];
    enum tb_status status = msg->status;
    if (r->line != LLC_NO_LINE) {
        s->lines.line[r->line].state = status == TB_OK ? LLC_VALID : LLC_EMPTY;
        if (status == TB_OK)
            memcpy(llc_lines_bytes(&s->lines, r->line), t->data, s->line);
    }
    serve_targets(m, r, t, status, when);
    r->used = false;
    s->mshrs_used--;
    tb_txn_end(m, msg->txn, status, when);
    tb_release(m, credit, when);
    look_up_all(m, when);
}

/* Memory took a posted write. */
static void retired(struct tb_model *m, uint32_t txn, tb_time when)
{
    struct llc *s = m->state;
    uint32_t i = 0;
    while (i < s->stores_used && s->stores[i] != txn)
        i++;
    if (i == s->stores_used)
        return;
    s->stores_used--;
    memmove(&s->stores[i], &s->stores[i + 1], (s->stores_used - i) * sizeof *s->stores);
    look_up_all(m, when);
}

/* Nobody below is meant to ask anything of who is above: a memory does not. */
static void refuse_from_below(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                              tb_time when)
{
    struct tb_msg out = *msg;
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, TB_UNSUPPORTED, when);
        tb_release(m, credit, when);
        return;
    }
    tb_msg_answer(&out, TB_UNSUPPORTED);
    tb_send(m, MEM, &out, when, credit);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct llc *s = m->state;
    if (port >= FIRST_ABOVE && is_cacheable(s, msg)) {
        take(m, port, msg, credit, when);
    } else if (port >= FIRST_ABOVE) {
        s->port_of[msg->txn] = (uint16_t)port;
        tb_send(m, MEM, msg, when, credit);
    } else if (msg->class != TB_COMPLETION) {
        refuse_from_below(m, msg, credit, when);
    } else if (tb_txn(m, msg->txn)->by == m->index) {
        filled(m, msg, credit, when);
    } else {
        tb_txn_spend(m, msg->txn, TB_PART_MEM, s->hit);
        tb_send(m, s->port_of[msg->txn], msg, when + s->hit, credit);
    }
}

/* -- elaboration ---------------------------------------------------------------------------- */

static void make_lines(struct tb_model *m)
{
    struct llc *s = m->state;
    uint64_t count_of_lines = s->size / s->line;
    s->lines = (struct llc_lines){.line_bytes = s->line,
                                  .ways = s->ways,
                                  .sets = count_of_lines / s->ways,
                                  .replacement = s->replacement,
                                  .random = tb_random_of(m, 0)};
    s->lines.line = tb_alloc(m, count_of_lines, sizeof *s->lines.line);
    s->lines.bytes = tb_alloc(m, count_of_lines, s->line);
}

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct llc *s = m->state;
    size_t errors = tb_diag_count(diag);
    if (s->line & (s->line - 1))
        tb_diag_node(diag, tb_model_node(m, "line"), "'%s': line must be a power of two", m->name);
    if (s->size % (s->line * s->ways))
        tb_diag_node(diag, tb_model_node(m, "size"),
                     "'%s': size must be whole sets of %" PRIu64 " lines of %" PRIu64 " bytes",
                     m->name, s->ways, s->line);
    if (s->ddio_ways > s->ways)
        tb_diag_node(diag, tb_model_node(m, "ddio_ways"),
                     "'%s': ddio_ways must be at most ways (%" PRIu64 ")", m->name, s->ways);
    if (tb_diag_count(diag) == errors)
        make_lines(m);
    s->mshrs = tb_alloc(m, s->mshr_count, sizeof *s->mshrs);
    for (uint64_t i = 0; i < s->mshr_count; i++)
        s->mshrs[i].targets = tb_alloc(m, s->target_count, sizeof *s->mshrs[i].targets);
    s->stores = tb_alloc(m, s->store_count, sizeof *s->stores);
}

static void slots(const struct tb_model *m, uint32_t *number, uint32_t *bytes)
{
    const struct llc *s = m->state;
    *number = (uint32_t)(s->mshr_count + s->store_count);
    *bytes = (uint32_t)s->line;
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    if (port != MEM)
        tb_reach(m, MEM, out);
}

/* Keeps of what is behind it the memories. */
static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct llc *s = m->state;
    struct tb_ranges found = {0};
    tb_reach(m, MEM, &found);
    for (size_t i = 0; i < found.count; i++) {
        const struct tb_range *r = &found.at[i];
        if (!is_memory(m, r))
            continue;
        tb_ranges_add(m, &s->reach, *r);
        if (r->base % s->line || (r->last + 1) % s->line)
            tb_diag_node(diag, tb_model_node(m, "line"),
                         "'%s': memory '%s' does not begin and end with a line", m->name,
                         tb_model_at(m, r->model)->name);
    }
    if (!s->reach.count)
        tb_diag_node(diag, m->node, "'%s' has no memory behind its port 'mem'", m->name);
    s->base = s->reach.count ? s->reach.at[0].base : 0;
    s->bytes = s->reach.count ? s->reach.at[0].last - s->base + 1 : 0;
    s->input_size = tb_txn_total(m) + 1;
    s->requests = tb_alloc(m, s->input_size, sizeof *s->requests);
    s->input = tb_alloc(m, s->input_size, sizeof *s->input);
    s->port_of = tb_alloc(m, s->input_size, sizeof *s->port_of);
    for (uint32_t i = 0; i < s->input_size; i++)
        s->requests[i].next_free = i + 1;
}

/* -- without time --------------------------------------------------------------------------- */

/* Copies what [at, at + length) and the access have in common: to `bytes` if it writes. */
static void overlay(const struct tb_debug *d, uint64_t at, uint8_t *bytes, uint64_t length)
{
    uint64_t first = tb_max(at, d->address), end = at + length,
             end_of_access = d->address + d->length;
    end = end < end_of_access ? end : end_of_access;
    if (first >= end)
        return;
    if (d->write)
        memcpy(bytes + (first - at), d->data + (first - d->address), end - first);
    else
        memcpy(d->data + (first - d->address), bytes + (first - at), end - first);
}

/* Memory, then what is on its way there, the oldest first, then the lines: each is newer. A write
 * goes to all. */
static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct llc *s = m->state;
    (void)port;
    if (!tb_debug_send(m, MEM, d))
        return false;
    if (d->space != TB_MEMORY || !d->length)
        return true;
    for (uint32_t i = 0; i < s->stores_used; i++) {
        struct tb_txn *t = tb_txn(m, s->stores[i]);
        overlay(d, t->iova, t->data, t->length);
    }
    for (uint64_t tag = d->address / s->line; tag <= (d->address + d->length - 1) / s->line;
         tag++) {
        uint32_t line = llc_lines_find(&s->lines, tag);
        if (line != LLC_NO_LINE && s->lines.line[line].state == LLC_VALID)
            overlay(d, tag * s->line, llc_lines_bytes(&s->lines, line), s->line);
    }
    return true;
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    const struct llc *s = m->state;
    if (strcmp(key, "base") == 0)
        *out = s->base;
    else if (strcmp(key, "size") == 0)
        *out = s->bytes;
    else
        return false;
    return s->bytes != 0;
}

const struct tb_class tb_class_llc = {
    .name = "llc",
    .brief = "last-level cache in front of a memory: write-back, devices write into a share of its "
             "ways (DDIO)",
    .state_size = sizeof(struct llc),
    .params = params,
    .ports = ports,
    .counters = counters,
    .check = check,
    .slots = slots,
    .claims = claims,
    .start = start,
    .recv = recv,
    .retired = retired,
    .debug = debug,
    .fact = fact,
};
