/* Links with several classes on a wire: who may pass whom, and when what waits starts. */
#include "kernel/kernel.h"
#include "suite.h"

#include <string.h>

/* A platform whose models only serve as ends of the link; the test sends by hand. */
static struct tb_sim *load(const char *link)
{
    char text[1024];
    snprintf(text, sizeof text,
             "platform: p\nmodels:\n  dram: {model: memory, size: 1MiB, latency: 0ns, bandwidth: "
             "unlimited}\n"
             "  r: {model: requester, outstanding: 8}\nlinks:\n  - {from: r, to: dram, %s}\n",
             link);
    struct tb_diag *d = tb_diag_new();
    struct tb_input in = {.text = text, .length = strlen(text), .name = "test"};
    struct tb_sim *s = tb_sim_new(&in, d);
    tb_diag_print(d, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    tb_diag_free(d);
    return s;
}

static struct {
    unsigned count;
    struct {
        unsigned class;
        uint64_t address;
        tb_time when;
        tb_credit credit;
    } at[16];
} got;

static void take(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when)
{
    (void)m;
    (void)port;
    got.at[got.count].class = msg->class;
    got.at[got.count].address = msg->address;
    got.at[got.count].when = when;
    got.at[got.count++].credit = credit;
}

static struct tb_sim *rig(const char *link)
{
    struct tb_sim *s = load(link);
    got.count = 0;
    for (uint32_t w = 0; w < s->wire_count; w++)
        s->wires[w].recv = take;
    for (uint32_t l = 0; l < s->lane_count; l++)
        s->lanes[l].through = BY_EVENT;
    return s;
}

static void send(struct tb_sim *s, unsigned class, uint64_t address, tb_time ready, bool relaxed)
{
    struct tb_model *r = tb_sim_model(s, "r");
    struct tb_msg msg = {.address = address,
                         .txn = tb_txn_begin(r, TB_TXN_DMA, ready),
                         .length = 8,
                         .kind = class == TB_COMPLETION ? TB_DATA : TB_WRITE,
                         .class = class & 3,
                         .relaxed = relaxed};
    tb_send(r, 0, &msg, ready, TB_NO_CREDIT);
}

static void expect(unsigned n, unsigned class, uint64_t address, tb_time when)
{
    CU_ASSERT_FATAL(n < got.count);
    CU_ASSERT_EQUAL(got.at[n].class, class);
    CU_ASSERT_EQUAL(got.at[n].address, address);
    CU_ASSERT_EQUAL(got.at[n].when, when);
}

/* One nonposted credit, long in coming back: posted writes and completions go past, a second
 * request waits. */
static void posted_passes_blocked_requests(void)
{
    struct tb_sim *s = rig("latency: 10ns, bandwidth: 1GB/s, credits: {forward: {nonposted: 1}}, "
                           "credit_return: 0ns");
    send(s, TB_NONPOSTED, 1, 0, false);
    send(s, TB_NONPOSTED, 2, 0, false);
    send(s, TB_POSTED, 3, 0, false);
    send(s, TB_COMPLETION, 4, 0, false);
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL(got.count, 3);
    expect(0, TB_NONPOSTED, 1, 18 * TB_NS);
    expect(1, TB_POSTED, 3, 26 * TB_NS);
    expect(2, TB_COMPLETION, 4, 34 * TB_NS);
    tb_release(tb_sim_model(s, "dram"), got.at[0].credit, 100 * TB_NS);
    tb_sim_run(s, TB_NEVER);
    expect(3, TB_NONPOSTED, 2, 118 * TB_NS);
    tb_sim_free(s);
}

/* Without a posted credit nothing behind the posted write goes on, but what is relaxed, or of no
 * such class. */
static void nothing_passes_posted(void)
{
    struct tb_sim *s = rig("latency: 10ns, credits: {forward: {posted: 1}}, credit_return: 0ns");
    send(s, TB_POSTED, 1, 0, false);
    send(s, TB_POSTED, 2, 0, false);
    send(s, TB_NONPOSTED, 3, 0, false);
    send(s, TB_COMPLETION, 4, 0, true);
    send(s, TB_INTERRUPT, 5, 0, false);
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL(got.count, 3);
    expect(0, TB_POSTED, 1, 10 * TB_NS);
    expect(1, TB_COMPLETION, 4, 10 * TB_NS);
    expect(2, TB_INTERRUPT, 5, 10 * TB_NS);
    tb_release(tb_sim_model(s, "dram"), got.at[0].credit, 50 * TB_NS);
    tb_sim_run(s, TB_NEVER);
    expect(3, TB_POSTED, 2, 60 * TB_NS);
    expect(4, TB_NONPOSTED, 3, 60 * TB_NS);
    tb_sim_free(s);
}

/* A credit that is known to come at 100 ns: what becomes ready before it, of another class, goes
 * first, and the wire is not kept for the one that waits. */
static void idle_wire_is_not_reserved(void)
{
    struct tb_sim *s = rig("latency: 10ns, bandwidth: 1GB/s, credits: {forward: {nonposted: 1}}, "
                           "credit_return: 0ns");
    send(s, TB_POSTED, 9, 0, false);
    send(s, TB_NONPOSTED, 1, 0, false);
    send(s, TB_NONPOSTED, 2, 0, false);
    tb_sim_run(s, 30 * TB_NS);
    CU_ASSERT_EQUAL_FATAL(got.count, 2);
    tb_release(tb_sim_model(s, "dram"), got.at[1].credit, 100 * TB_NS);
    send(s, TB_POSTED, 3, 40 * TB_NS, false);
    tb_sim_run(s, TB_NEVER);
    expect(2, TB_POSTED, 3, 58 * TB_NS);
    expect(3, TB_NONPOSTED, 2, 118 * TB_NS);
    tb_sim_free(s);
}

/* Credits may come back in any order; the earliest is used first. */
static void credits_out_of_order(void)
{
    struct tb_sim *s = rig("latency: 10ns, credits: {forward: 2}, credit_return: 5ns");
    for (uint64_t a = 1; a <= 4; a++)
        send(s, TB_NONPOSTED, a, 0, false);
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL_FATAL(got.count, 2);
    tb_release(tb_sim_model(s, "dram"), got.at[0].credit, 90 * TB_NS);
    tb_release(tb_sim_model(s, "dram"), got.at[1].credit, 20 * TB_NS);
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL_FATAL(got.count, 4);
    /* The first release was computed at once for the message that waited, the second for the next.
     */
    expect(2, TB_NONPOSTED, 3, 105 * TB_NS);
    expect(3, TB_NONPOSTED, 4, 105 * TB_NS);
    tb_sim_free(s);
}

/* The same instant: posted first, interrupts last, whatever was sent first. */
static void ties_by_class(void)
{
    struct tb_sim *s = rig("latency: 10ns");
    send(s, TB_INTERRUPT, 1, 0, false);
    send(s, TB_COMPLETION, 2, 0, false);
    send(s, TB_NONPOSTED, 3, 0, false);
    send(s, TB_POSTED, 4, 0, false);
    tb_sim_run(s, TB_NEVER);
    for (unsigned n = 0; n < 4; n++)
        expect(n, n, 4 - n, 10 * TB_NS);
    tb_sim_free(s);
}

/* A message without a credit of its own still waits while there is none. */
static void creditless_waits(void)
{
    struct tb_sim *s = rig("latency: 10ns, credits: {forward: 1}, credit_return: 0ns");
    struct tb_model *r = tb_sim_model(s, "r");
    send(s, TB_NONPOSTED, 1, 0, false);
    struct tb_msg walk = {.address = 2,
                          .txn = tb_txn_begin(r, TB_TXN_WALK, 0),
                          .length = 8,
                          .kind = TB_READ,
                          .class = TB_NONPOSTED,
                          .creditless = 1};
    tb_send(r, 0, &walk, 0, TB_NO_CREDIT);
    walk.address = 3;
    walk.txn = tb_txn_begin(r, TB_TXN_WALK, 0);
    tb_send(r, 0, &walk, 0, TB_NO_CREDIT);
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL_FATAL(got.count, 1);
    tb_release(tb_sim_model(s, "dram"), got.at[0].credit, 30 * TB_NS);
    tb_sim_run(s, TB_NEVER);
    CU_ASSERT_EQUAL_FATAL(got.count, 3);
    expect(1, TB_NONPOSTED, 2, 40 * TB_NS);
    expect(2, TB_NONPOSTED, 3, 40 * TB_NS);
    CU_ASSERT_EQUAL(got.at[1].credit, TB_NO_CREDIT);
    tb_sim_free(s);
}

/* What an explored interleaving may do: take longer, by at most the jitter of the wires, and in
 * order. */
struct arrivals {
    tb_time last, least, most;
    unsigned count;
};

static void note_arrival(void *context, struct tb_model *by, const struct tb_txn *t,
                         enum tb_status status, tb_time when)
{
    struct arrivals *a = context;
    tb_time lasts = when - t->created;
    (void)by;
    CU_ASSERT(status == TB_OK && t->served >= a->last);
    a->last = t->served;
    a->least = a->count && a->least < lasts ? a->least : lasts;
    a->most = tb_max(a->most, lasts);
    a->count++;
}

static struct arrivals interleave(unsigned run)
{
    static const char text[] =
        "scenario: jitter\nexplore: {seeds: 3, jitter: 40ns}\nplatform:\n  models:\n"
        "    dram: {model: memory, size: 1MiB, latency: 10ns, bandwidth: unlimited}\n"
        "    b: {model: bridge, latency: 5ns}\n"
        "    r: {model: requester, outstanding: 8, pattern: sequential, op: alternate, count: "
        "500}\n"
        "  links: [{from: r, to: b.down, latency: 5ns}, {from: b.up, to: dram, latency: 5ns, "
        "credits: 4}]\n";
    struct tb_diag *d = tb_diag_new();
    struct tb_input in = {.text = text, .length = sizeof text - 1, .name = "test", .run = run};
    struct tb_sim *s = tb_sim_new(&in, d);
    struct arrivals a = {0};
    tb_diag_print(d, stderr);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    tb_sim_observe(s, note_arrival, &a);
    tb_sim_run(s, TB_NEVER);
    tb_sim_finish(s);
    CU_ASSERT_EQUAL(tb_sim_status(s), TB_EXIT_OK); /* credits came back, parts add up */
    CU_ASSERT_EQUAL(a.count, 500);
    tb_sim_free(s);
    tb_diag_free(d);
    return a;
}

static void jitter(void)
{
    struct arrivals plain = interleave(0), other = interleave(1), again = interleave(1),
                    third = interleave(2);
    CU_ASSERT(plain.least == 40 * TB_NS);
    CU_ASSERT(other.most > plain.most && other.least >= plain.least);
    CU_ASSERT(other.most <= 500 * TB_NS);
    CU_ASSERT(other.last == again.last && other.most == again.most && other.least == again.least);
    CU_ASSERT(third.last != other.last);
}

SUITE("link", {"interleavings", jitter},
      {"posted and completions pass blocked requests", posted_passes_blocked_requests},
      {"nothing passes a posted write", nothing_passes_posted},
      {"an idle wire is not reserved", idle_wire_is_not_reserved},
      {"credits come back out of order", credits_out_of_order}, {"ties go by class", ties_by_class},
      {"creditless messages wait", creditless_waits})
