/* dram: a DRAM and its controller: banks, rows, refresh, and a queue that reorders.
 *
 * A request is cut into bursts (64 bytes: eight transfers on eight bytes), which wait in arrival
 * order for a place in the scheduling queue. At every clock at which some command may be issued,
 * the scheduler picks one: first-ready, first come first served (a column access to an open row,
 * then what opens a row, then what closes one; the oldest of each sort), or strictly in order.
 * banks.h has the rules between commands.
 *
 * Bytes are moved on arrival, in order of arrival over all ports; bursts to the same bytes are
 * never reordered if one of them writes, so times and bytes agree. A request is answered when its
 * last burst's data has ended, `latency` after that; a posted write ends when its last burst is
 * sent to the DRAM.
 */
#include "banks.h"
#include "map.h"
#include "store/store.h"

#define NONE UINT32_MAX

enum page { OPEN, CLOSED };
static const char *const page_names[] = {"open", "closed", NULL};
enum scheduler { FRFCFS, FIFO };
static const char *const scheduler_names[] = {"fr-fcfs", "fifo", NULL};

/* How the row of a burst was found. */
enum found { HIT, WAS_CLOSED, CONFLICT, FOUNDS };

/* A burst in the scheduling queue. */
struct burst {
    uint64_t line; /* its place in memory, counted in bursts */
    uint64_t row;
    uint64_t serial; /* from 1, by arrival */
    uint64_t after;  /* the serial of an earlier burst in the queue that must go first; 0: none */
    uint32_t request;
    unsigned bank;
    enum found found;
    bool write;
};

/* A request that is not answered yet. */
struct request {
    struct tb_msg msg;
    tb_credit credit;
    uint16_t port;
    bool started;
    tb_time arrived, start;  /* start: its first command */
    uint64_t next_line;      /* of the burst that is next to be queued */
    uint32_t unqueued, left; /* bursts: outside the queue, not served */
    uint32_t next;           /* in the free list */
};

struct dram {
    /* parameters */
    uint64_t base, size;
    unsigned preset, page, scheduler;
    struct tb_rate clock;
    uint64_t groups, bank_count, width, row, queue, patience;
    bool has_clock, has_groups, has_banks, refresh;
    const char *map_text;
    tb_time latency;
    struct dram_timing_params timing;
    /* state */
    struct tb_store store;
    struct dram_banks banks;
    struct dram_map map;
    uint64_t burst_bytes, serial;
    uint64_t passed;      /* column accesses since the oldest burst became the oldest */
    struct burst *bursts; /* the scheduling queue, the oldest first */
    uint32_t burst_count;
    struct request *requests;
    uint32_t free_request;
    uint32_t *input; /* requests with bursts outside the queue: a ring */
    uint32_t input_head, input_count, input_size;
    tb_time wake; /* the timer; TB_NEVER */
    uint64_t count[2], bytes[2], found[FOUNDS];
    uint64_t busy;
};

#define AT(field) offsetof(struct dram, field)
static const struct tb_param params[] = {
    {.name = "base",
     .type = TB_COUNT,
     .offset = AT(base),
     .def = "0",
     .doc = "address of the first byte, or auto: a window that the platform's loader gives out"},
    {.name = "size",
     .type = TB_SIZE,
     .offset = AT(size),
     .flags = TB_REQUIRED,
     .min = "4KiB",
     .max = "16TiB",
     .doc = "how many bytes: whole rows of all banks"},
    {.name = "preset",
     .type = TB_ENUM,
     .offset = AT(preset),
     .names = dram_preset_names,
     .def = "ddr4-2400",
     .doc = "what clock, banks and timing are where nothing else is said"},
    {.name = "clock",
     .type = TB_CLOCK,
     .offset = AT(clock),
     .flags = TB_OPTIONAL,
     .min = "100ps",
     .max = "100ns",
     .present = AT(has_clock) + 1,
     .doc = "tCK: commands are issued on its edges, one per edge"},
    {.name = "groups",
     .type = TB_COUNT,
     .offset = AT(groups),
     .flags = TB_OPTIONAL,
     .min = "1",
     .max = "16",
     .present = AT(has_groups) + 1,
     .doc = "bank groups (preset: 4 of DDR4, 1 of DDR3)"},
    {.name = "banks",
     .type = TB_COUNT,
     .offset = AT(bank_count),
     .flags = TB_OPTIONAL,
     .min = "1",
     .max = "64",
     .present = AT(has_banks) + 1,
     .doc = "banks in each group (preset: 4 of DDR4, 8 of DDR3); at most 64 in all"},
    {.name = "width",
     .type = TB_SIZE,
     .offset = AT(width),
     .def = "8B",
     .min = "1B",
     .max = "64B",
     .doc = "of the data bus: bytes per transfer, two transfers per clock"},
    {.name = "row",
     .type = TB_SIZE,
     .offset = AT(row),
     .def = "8KiB",
     .min = "64B",
     .max = "1MiB",
     .doc = "bytes of a row over the whole width"},
    {.name = "timing",
     .type = TB_GROUP,
     .offset = AT(timing),
     .sub = dram_timing_rows,
     .doc = "clocks between commands, where they are not the preset's"},
    {.name = "map",
     .type = TB_STRING,
     .offset = AT(map_text),
     .def = "row:bank:column:group",
     .doc = "what the bits of an address choose, the most significant first: row, bank, group, "
            "column"},
    {.name = "page",
     .type = TB_ENUM,
     .offset = AT(page),
     .names = page_names,
     .def = "open",
     .doc = "open: a row stays open until another is wanted; closed: until nobody in the queue "
            "wants it"},
    {.name = "scheduler",
     .type = TB_ENUM,
     .offset = AT(scheduler),
     .names = scheduler_names,
     .def = "fr-fcfs",
     .doc = "fr-fcfs: open rows first, then by age; fifo: in order of arrival"},
    {.name = "queue",
     .type = TB_COUNT,
     .offset = AT(queue),
     .def = "32",
     .min = "1",
     .max = "256",
     .doc = "bursts that the scheduler sees"},
    {.name = "patience",
     .type = TB_COUNT,
     .offset = AT(patience),
     .def = "32",
     .min = "1",
     .max = "65536",
     .doc = "so many bursts may pass the oldest; then it alone is served"},
    {.name = "refresh",
     .type = TB_BOOL,
     .offset = AT(refresh),
     .def = "true",
     .doc = "refresh all banks every tREFI"},
    {.name = "latency",
     .type = TB_TIME,
     .offset = AT(latency),
     .def = "0ns",
     .max = "1ms",
     .doc = "of the controller, from the end of the data to the answer"},
    {0}};

static const struct tb_counter counters[] = {
    {"reads", AT(count[0]), "read requests served"},
    {"writes", AT(count[1]), "write requests served"},
    {"read_bytes", AT(bytes[0]), "bytes read"},
    {"written_bytes", AT(bytes[1]), "bytes written"},
    {"row_hits", AT(found[HIT]), "bursts that found their row open"},
    {"row_closed", AT(found[WAS_CLOSED]), "bursts that found no row open"},
    {"row_conflicts", AT(found[CONFLICT]), "bursts that found another row open"},
    {"activations", AT(banks.activations), "rows opened"},
    {"precharges", AT(banks.precharges), "rows closed"},
    {"refreshes", AT(banks.refreshes), "refreshes of all banks, up to the last request"},
    {"busy_clocks", AT(busy), "clocks in which the data bus was taken"},
    {"pages", AT(store.pages), "4 KiB pages of the host that hold its bytes"},
    {NULL, 0, NULL}};

static const char *const ports[] = {"*", NULL};

/* -- clocks --------------------------------------------------------------------------------- */

static tb_time time_of(const struct dram *s, uint64_t clock)
{
    return tb_rate_time_wide(s->clock, clock);
}

/* The first clock at `t` or later. */
static uint64_t clock_at(const struct dram *s, tb_time t)
{
    uint64_t clock = (uint64_t)((unsigned __int128)t * s->clock.units / s->clock.time);
    return time_of(s, clock) < t ? clock + 1 : clock;
}

static void wake_at(struct tb_model *m, tb_time at)
{
    struct dram *s = m->state;
    s->wake = at;
    tb_timer_set(m, 0, at);
}

/* -- the scheduling queue --------------------------------------------------------------------- */

/* The latest burst in the queue that must go before one to `line`, or 0. */
static uint64_t before(const struct dram *s, uint64_t line, bool write)
{
    for (uint32_t i = s->burst_count; i-- > 0;)
        if (s->bursts[i].line == line && (write || s->bursts[i].write))
            return s->bursts[i].serial;
    return 0;
}

static void queue_burst(struct dram *s, uint32_t request)
{
    struct request *r = &s->requests[request];
    uint64_t place[DRAM_FIELDS];
    dram_map_place(&s->map, r->next_line, place);
    bool write = r->msg.kind == TB_WRITE;
    struct burst b = {.line = r->next_line,
                      .row = place[DRAM_ROW],
                      .bank = (unsigned)(place[DRAM_GROUP] * s->bank_count + place[DRAM_BANK]),
                      .serial = ++s->serial,
                      .after = before(s, r->next_line, write),
                      .request = request,
                      .write = write};
    s->bursts[s->burst_count++] = b;
    r->next_line++;
    r->unqueued--;
}

static void fill_queue(struct dram *s)
{
    while (s->input_count && s->burst_count < s->queue) {
        uint32_t request = s->input[s->input_head];
        queue_burst(s, request);
        if (s->requests[request].unqueued)
            continue;
        s->input_head = (s->input_head + 1) % s->input_size;
        s->input_count--;
    }
}

/* Does anybody else in the queue want the row that burst i is in? */
static bool is_wanted(const struct dram *s, uint32_t i)
{
    for (uint32_t k = 0; k < s->burst_count; k++)
        if (k != i && s->bursts[k].bank == s->bursts[i].bank &&
            s->bursts[k].row == s->bursts[i].row)
            return true;
    return false;
}

/* Banks, as bits, whose open row somebody in the queue wants: it is not closed. */
static uint64_t wanted_banks(const struct dram *s)
{
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < s->burst_count; i++)
        if (s->banks.bank[s->bursts[i].bank].row == s->bursts[i].row)
            wanted |= UINT64_C(1) << s->bursts[i].bank;
    return wanted;
}

/* What to do for a burst next, if its turn has come; `seen` are banks that somebody older wants
 * changed. */
static bool has_turn(const struct dram *s, const struct burst *b, uint64_t *seen, uint64_t wanted,
                     enum dram_command *command)
{
    uint64_t bit = UINT64_C(1) << b->bank;
    *command = dram_banks_next(&s->banks, b->bank, b->row);
    if (*command == DRAM_COLUMN)
        return b->after == 0;
    bool first = !(*seen & bit);
    *seen |= bit;
    return first && (*command == DRAM_ACTIVATE || !(wanted & bit));
}

/* The burst whose command may be issued at `now`, and the command; or NONE, and when one may be. */
static uint32_t choose(const struct dram *s, uint64_t now, enum dram_command *command,
                       uint64_t *later)
{
    bool in_order = s->scheduler == FIFO || s->passed >= s->patience;
    uint32_t seen_bursts = in_order ? 1 : s->burst_count, best = NONE;
    uint64_t seen = 0, wanted = in_order ? 0 : wanted_banks(s);
    *later = UINT64_MAX;
    for (uint32_t i = 0; i < seen_bursts; i++) {
        const struct burst *b = &s->bursts[i];
        enum dram_command c;
        if (!has_turn(s, b, &seen, wanted, &c))
            continue;
        uint64_t at = dram_banks_earliest(&s->banks, b->bank, c, b->write);
        if (at <= now && (best == NONE || c < *command)) {
            best = i;
            *command = c;
        } else if (at > now && at < *later) {
            *later = at;
        }
    }
    return best;
}

/* -- serving -------------------------------------------------------------------------------- */

static void free_request(struct dram *s, uint32_t request)
{
    s->requests[request].next = s->free_request;
    s->free_request = request;
}

/* The last burst of a request was issued at `when`; its data ends at `end`. */
static void finish(struct tb_model *m, uint32_t request, tb_time end, tb_time when)
{
    struct dram *s = m->state;
    struct request r = s->requests[request];
    free_request(s, request);
    bool posted = r.msg.class != TB_NONPOSTED;
    tb_time done = posted ? when : tb_max(end + s->latency, tb_port_ready(m, r.port));
    tb_txn_spend(m, r.msg.txn, TB_PART_QUEUE, r.start - r.arrived);
    tb_txn_spend(m, r.msg.txn, TB_PART_MEM, done - r.start);
    if (posted) {
        tb_txn_end(m, r.msg.txn, TB_OK, when);
    } else {
        struct tb_msg answer = r.msg;
        tb_msg_answer(&answer, TB_OK);
        tb_send(m, r.port, &answer, done, TB_NO_CREDIT);
    }
    tb_release(m, r.credit, when); /* last: it may bring the next request */
}

static void remove_burst(struct dram *s, uint32_t i)
{
    uint64_t serial = s->bursts[i].serial;
    s->passed = i ? s->passed + 1 : 0;
    s->burst_count--;
    memmove(&s->bursts[i], &s->bursts[i + 1], (s->burst_count - i) * sizeof *s->bursts);
    for (uint32_t k = i; k < s->burst_count; k++)
        if (s->bursts[k].after == serial)
            s->bursts[k].after = 0;
}

static void access_column(struct tb_model *m, uint32_t i, uint64_t clock, tb_time when)
{
    struct dram *s = m->state;
    struct burst b = s->bursts[i];
    bool last = s->page == CLOSED && !is_wanted(s, i);
    uint64_t end = dram_banks_column(&s->banks, b.bank, b.write, last, clock);
    s->found[b.found]++;
    s->busy += s->timing.t.bl / 2;
    remove_burst(s, i);
    fill_queue(s);
    if (--s->requests[b.request].left == 0)
        finish(m, b.request, time_of(s, end), when);
}

static void issue(struct tb_model *m, uint32_t i, enum dram_command command, uint64_t clock,
                  tb_time when)
{
    struct dram *s = m->state;
    struct burst *b = &s->bursts[i];
    struct request *r = &s->requests[b->request];
    if (!r->started) {
        r->started = true;
        r->start = when;
    }
    if (command == DRAM_COLUMN) {
        access_column(m, i, clock, when);
    } else if (command == DRAM_PRECHARGE) {
        b->found = CONFLICT;
        dram_banks_precharge(&s->banks, b->bank, clock);
    } else {
        b->found = b->found == CONFLICT ? CONFLICT : WAS_CLOSED;
        dram_banks_activate(&s->banks, b->bank, b->row, clock);
    }
}

/* A clock at which something may be issued: at most one command; then the next such clock. */
static void timer(struct tb_model *m, unsigned which, tb_time when)
{
    struct dram *s = m->state;
    uint64_t clock = clock_at(s, when), later;
    enum dram_command command = DRAM_COLUMN;
    (void)which;
    s->wake = TB_NEVER;
    dram_banks_refresh(&s->banks, clock);
    uint32_t i = choose(s, clock, &command, &later);
    if (i != NONE) {
        issue(m, i, command, clock, when);
        choose(s, clock, &command, &later);
    }
    if (s->burst_count)
        wake_at(m, time_of(s, later < s->banks.refresh ? later : s->banks.refresh));
}

/* -- requests ------------------------------------------------------------------------------- */

static void refuse(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                   tb_time when)
{
    struct dram *s = m->state;
    if (msg->class != TB_NONPOSTED) {
        tb_txn_end(m, msg->txn, TB_UNSUPPORTED, when);
    } else {
        struct tb_msg answer = *msg;
        tb_time ready = tb_max(when + s->latency, tb_port_ready(m, port));
        tb_msg_answer(&answer, TB_UNSUPPORTED);
        tb_txn_spend(m, msg->txn, TB_PART_MEM, ready - when);
        tb_send(m, port, &answer, ready, TB_NO_CREDIT);
    }
    tb_release(m, credit, when);
}

static void recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    struct dram *s = m->state;
    bool write = msg->kind == TB_WRITE;
    if (tb_store_serve(m, &s->store, s->base, s->size, msg, when) != TB_OK) {
        refuse(m, port, msg, credit, when);
        return;
    }
    s->count[write]++;
    s->bytes[write] += msg->length;
    uint64_t offset = msg->address - s->base;
    uint64_t first = offset / s->burst_bytes, last = (offset + msg->length - 1) / s->burst_bytes;
    uint32_t request = s->free_request;
    struct request *r = &s->requests[request];
    s->free_request = r->next;
    *r = (struct request){.msg = *msg,
                          .credit = credit,
                          .port = (uint16_t)port,
                          .arrived = when,
                          .next_line = first,
                          .unqueued = (uint32_t)(last - first + 1),
                          .left = (uint32_t)(last - first + 1)};
    s->input[(s->input_head + s->input_count++) % s->input_size] = request;
    fill_queue(s);
    tb_time edge = time_of(s, clock_at(s, when));
    if (edge < s->wake)
        wake_at(m, edge);
}

/* -- elaboration ---------------------------------------------------------------------------- */

static void complete(struct dram *s)
{
    const struct dram_kind *kind = &dram_kinds[s->preset];
    dram_timing_complete(&s->timing, s->preset);
    if (!s->has_clock)
        s->clock = kind->clock;
    if (!s->has_groups)
        s->groups = kind->groups;
    if (!s->has_banks)
        s->bank_count = kind->banks;
    s->burst_bytes = s->width * s->timing.t.bl;
}

static void check_timing(struct tb_model *m, const struct dram_timing *t, struct tb_diag *diag)
{
    const struct tb_node *node = tb_model_node(m, "timing");
    if (t->bl % 2)
        tb_diag_node(diag, node, "'%s': bl must be even: two transfers per clock", m->name);
    if (t->ccd_s < t->bl / 2 || t->ccd_l < t->ccd_s)
        tb_diag_node(diag, node,
                     "'%s': bursts of %llu clocks need ccd_s >= %llu and ccd_l >= ccd_s", m->name,
                     (unsigned long long)t->bl / 2, (unsigned long long)t->bl / 2);
    if (t->refi < dram_timing_sum(t))
        tb_diag_node(diag, node,
                     "'%s': refi must be at least the sum of the others (%llu), or nothing is "
                     "served between refreshes",
                     m->name, (unsigned long long)dram_timing_sum(t));
}

static bool check_geometry(struct tb_model *m, struct tb_diag *diag)
{
    struct dram *s = m->state;
    size_t before_errors = tb_diag_count(diag);
    uint64_t banks = s->groups * s->bank_count;
    if (s->base > UINT64_MAX - s->size + 1)
        tb_diag_node(diag, m->node, "'%s' reaches past the end of the address space", m->name);
    if (banks > DRAM_MAX_BANKS)
        tb_diag_node(diag, tb_model_node(m, "banks"),
                     "'%s': %llu groups of %llu banks are more than %d banks", m->name,
                     (unsigned long long)s->groups, (unsigned long long)s->bank_count,
                     DRAM_MAX_BANKS);
    if (s->row % s->burst_bytes)
        tb_diag_node(diag, tb_model_node(m, "row"),
                     "'%s': a row must be whole bursts of %llu bytes", m->name,
                     (unsigned long long)s->burst_bytes);
    if (s->size % (s->row * banks))
        tb_diag_node(diag, tb_model_node(m, "size"),
                     "'%s': size must be whole rows of all banks, a multiple of %llu bytes",
                     m->name, (unsigned long long)(s->row * banks));
    if (!dram_map_read(&s->map, s->map_text))
        tb_diag_node(diag, tb_model_node(m, "map"),
                     "'%s' must name row, bank, group and column once each, with ':' between",
                     s->map_text);
    return tb_diag_count(diag) == before_errors;
}

static void check(struct tb_model *m, struct tb_diag *diag)
{
    struct dram *s = m->state;
    complete(s);
    check_timing(m, &s->timing.t, diag);
    tb_store_make(m, &s->store, s->size);
    if (!check_geometry(m, diag))
        return;
    s->map.count[DRAM_ROW] = s->size / s->row / (s->groups * s->bank_count);
    s->map.count[DRAM_BANK] = s->bank_count;
    s->map.count[DRAM_GROUP] = s->groups;
    s->map.count[DRAM_COLUMN_FIELD] = s->row / s->burst_bytes;
    dram_banks_make(&s->banks, &s->timing.t, (unsigned)s->groups, (unsigned)s->bank_count,
                    s->refresh);
    s->wake = TB_NEVER;
}

/* Every open transaction can have one request here. */
static void start(struct tb_model *m, struct tb_diag *diag)
{
    struct dram *s = m->state;
    (void)diag;
    s->input_size = tb_txn_total(m) + 1;
    s->requests = tb_alloc(m, s->input_size, sizeof *s->requests);
    s->input = tb_alloc(m, s->input_size, sizeof *s->input);
    s->bursts = tb_alloc(m, s->queue, sizeof *s->bursts);
    for (uint32_t i = 0; i < s->input_size; i++)
        s->requests[i].next = i + 1;
}

static void claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    const struct dram *s = m->state;
    (void)port;
    tb_store_claims(m, s->base, s->size, out);
}

static bool debug(struct tb_model *m, unsigned port, struct tb_debug *d)
{
    struct dram *s = m->state;
    (void)port;
    return tb_store_debug(m, &s->store, s->base, s->size, d);
}

static bool fact(struct tb_model *m, const char *key, uint64_t *out)
{
    const struct dram *s = m->state;
    return tb_store_fact(s->base, s->size, key, out);
}

const struct tb_class tb_class_dram = {
    .name = "dram",
    .brief =
        "DRAM with its controller: banks, rows, refresh, FR-FCFS scheduling, DDR4 and DDR3 timings",
    .state_size = sizeof(struct dram),
    .params = params,
    .ports = ports,
    .counters = counters,
    .timers = 1,
    .check = check,
    .claims = claims,
    .start = start,
    .recv = recv,
    .timer = timer,
    .debug = debug,
    .fact = fact,
};
