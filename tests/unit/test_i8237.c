/* The DMA controllers: registers as the data sheet has them, and services of a device that does
 * what the test has it do, through an ISA bus to memory. */
#include "../seen.h"
#include "../suite.h"

#include "spec/i8237.h"

#define CLOCK (120 * TB_NS)

/* -- A device on a DMA channel ---------------------------------------------------------------- */

struct fake {
    uint64_t channel;
    bool write;      /* its bytes go to memory */
    uint32_t wanted; /* for which DREQ is high */
    uint8_t out;     /* next byte that it gives */
    uint8_t in[65536];
    uint32_t count, services, ends, told;
};

static const struct tb_param fake_rows[] = {
    {.name = "channel", .type = TB_COUNT, .offset = offsetof(struct fake, channel), .doc = "its"},
    {0}};
static const char *const fake_ports[] = {"dma", NULL};

static void fake_slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    (void)m;
    *count = 8;
    *bytes = 8;
}

static bool fake_takes(struct fake *f, const struct tb_msg *msg, uint8_t *data)
{
    bool strobe = msg->kind == TB_READ; /* IOR# */
    if (f->wanted == 0 || strobe != f->write)
        return false;
    for (unsigned i = 0; i < msg->length; i++) {
        if (strobe)
            data[i] = f->out++;
        else
            f->in[f->count++ & 0xffff] = data[i];
    }
    f->wanted -= f->wanted < msg->length ? f->wanted : msg->length;
    return true;
}

static void fake_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                      tb_time when)
{
    struct fake *f = m->state;
    struct tb_msg answer = *msg;
    if (msg->class != TB_NONPOSTED) { /* the end of its last cycle */
        f->told++;
        tb_release(m, credit, when);
        tb_txn_end(m, answer.txn, answer.status, when);
        return;
    }
    bool ok = fake_takes(f, msg, tb_txn(m, msg->txn)->data);
    f->services++;
    f->ends += msg->last;
    tb_msg_answer(&answer, ok ? TB_OK : TB_ABORT);
    answer.last = f->wanted == 0;
    tb_send(m, port, &answer, when, credit);
}

static bool fake_fact(struct tb_model *m, const char *key, uint64_t *out)
{
    *out = ((struct fake *)m->state)->channel;
    return strcmp(key, "dma") == 0;
}

static const struct tb_class tb_class_fake = {.name = "fake",
                                              .brief = "does what a test has it do",
                                              .state_size = sizeof(struct fake),
                                              .params = fake_rows,
                                              .ports = fake_ports,
                                              .slots = fake_slots,
                                              .recv = fake_recv,
                                              .fact = fake_fact};

extern const struct tb_class tb_class_bus, tb_class_memory, tb_class_i8237, tb_class_requester;
const struct tb_class *const *tb_classes(size_t *count);

/* In place of sim/kernel/classes.c. */
const struct tb_class *const *tb_classes(size_t *count)
{
    static const struct tb_class *const classes[] = {
        &tb_class_bus, &tb_class_memory, &tb_class_i8237, &tb_class_requester, &tb_class_fake};
    *count = 5;
    return classes;
}

/* -- The rig ----------------------------------------------------------------------------------- */

struct rig {
    struct seen s;
    struct tb_model *dma, *dev[8];
};

/* Devices on channels 1, 2, 5 and 6; 16 MiB of memory on the bus itself. */
static void make(struct rig *r, const char *dma, const char *bus)
{
    char text[1024];
    snprintf(text, sizeof text,
             "scenario: test\nplatform:\n  models:\n"
             "    cpu: {model: requester}\n"
             "    isa: {model: bus, protocol: isa, clock: 120ns%s}\n"
             "    ram: {model: memory, size: 16MiB}\n"
             "    dma: {model: i8237, clock: 120ns%s}\n"
             "    d1: {model: fake, channel: 1}\n    d2: {model: fake, channel: 2}\n"
             "    d5: {model: fake, channel: 5}\n    d6: {model: fake, channel: 6}\n"
             "  links: [{from: cpu, to: isa}, {from: isa, to: ram}, {from: dma.isa, to: isa},\n"
             "          {from: d1, to: dma}, {from: d2, to: dma}, {from: d5, to: dma},\n"
             "          {from: d6, to: dma}]\n",
             bus, dma);
    *r = (struct rig){0};
    seen_load(&r->s, text);
    tb_diag_print(r->s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->s.sim);
    r->dma = tb_sim_model(r->s.sim, "dma");
    r->dev[1] = tb_sim_model(r->s.sim, "d1");
    r->dev[2] = tb_sim_model(r->s.sim, "d2");
    r->dev[5] = tb_sim_model(r->s.sim, "d5");
    r->dev[6] = tb_sim_model(r->s.sim, "d6");
}

static void end(struct rig *r)
{
    for (size_t i = 0; i < r->s.count; i++) {
        const struct seen_txn *t = &r->s.at[i];
        tb_time sum = 0;
        for (unsigned p = 0; p < TB_PARTS; p++)
            sum += t->txn.spent[p];
        CU_ASSERT_EQUAL(sum, t->ended - t->txn.created);
        CU_ASSERT_NOT_EQUAL(t->status, TB_UNFINISHED);
    }
    tb_sim_finish(r->s.sim); /* asserts that the credits are back */
    CU_ASSERT_EQUAL(tb_diag_count(tb_sim_diag(r->s.sim)), 0);
    seen_free(&r->s);
}

/* A register, at once. */
static uint8_t port(struct rig *r, unsigned address, int write)
{
    uint8_t value = (uint8_t)write;
    struct tb_debug d = {
        .address = address, .data = &value, .length = 1, .space = TB_IO, .write = write >= 0};
    CU_ASSERT(r->dma->class->debug(r->dma, 0, &d));
    return value;
}

static void out(struct rig *r, unsigned address, unsigned value)
{
    port(r, address, (int)(value & 0xff));
}

static unsigned in(struct rig *r, unsigned address)
{
    return port(r, address, -1);
}

static unsigned word(struct rig *r, unsigned address)
{
    unsigned low = in(r, address);
    return low | in(r, address) << 8;
}

/* What a driver writes for a transfer of `units` from byte address `at`. */
static void program(struct rig *r, unsigned channel, unsigned mode, uint32_t at, uint32_t units)
{
    unsigned unit = i8237_unit(channel), address = unit == 1 ? at : at >> 1;
    out(r, i8237_port(channel, I8237_MASK), I8237_SET | channel % 4);
    out(r, i8237_port(channel, I8237_CLEAR_TOGGLE), 0);
    out(r, i8237_port(channel, I8237_MODE), mode | channel % 4);
    out(r, i8237_port(channel, channel % 4 * 2), address);
    out(r, i8237_port(channel, channel % 4 * 2), address >> 8);
    out(r, I8237_PAGES + i8237_page(channel), at >> 16);
    out(r, i8237_port(channel, channel % 4 * 2 + 1), units - 1);
    out(r, i8237_port(channel, channel % 4 * 2 + 1), (units - 1) >> 8);
    out(r, i8237_port(channel, I8237_MASK), channel % 4);
}

/* Opens the cascade, as a PC's firmware does. */
static void cascade(struct rig *r)
{
    out(r, i8237_port(4, I8237_MODE), I8237_TO_CASCADE);
    out(r, i8237_port(4, I8237_MASK), 0);
}

static struct fake *device(const struct rig *r, unsigned channel)
{
    return r->dev[channel]->state;
}

/* The device raises DREQ for so many bytes (0: lowers it), now. */
static void dreq(struct rig *r, unsigned channel, bool write, uint32_t bytes)
{
    struct tb_model *m = r->dev[channel];
    struct fake *f = m->state;
    tb_time now = tb_sim_now(r->s.sim);
    uint32_t txn = tb_txn_begin(m, TB_TXN_DREQ, now);
    struct tb_txn *t = tb_txn(m, txn);
    struct tb_msg msg = {.address = channel,
                         .txn = txn,
                         .length = (uint16_t)bytes,
                         .tag = bytes > 0,
                         .kind = TB_IRQ,
                         .class = TB_INTERRUPT};
    t->iova = channel;
    t->length = bytes;
    t->value[0] = bytes > 0;
    f->write = write;
    f->wanted = bytes ? f->wanted + bytes : 0;
    tb_send(m, 0, &msg, now, TB_NO_CREDIT);
}

static void settle(struct rig *r)
{
    tb_sim_run(r->s.sim, tb_sim_now(r->s.sim) + TB_S);
    CU_ASSERT_TRUE(tb_sim_idle(r->s.sim));
}

static uint8_t byte(struct rig *r, uint32_t at)
{
    uint8_t value = 0;
    CU_ASSERT(tb_sim_peek(r->s.sim, at, &value, 1));
    return value;
}

/* Do `count` bytes from `at` count up from `first`? */
static bool counts(struct rig *r, uint32_t at, uint32_t count, unsigned first)
{
    bool ok = true;
    for (uint32_t i = 0; i < count; i++)
        ok = ok && byte(r, at + i) == (uint8_t)(first + i);
    return ok;
}

static uint64_t counter(struct rig *r, const char *name)
{
    return seen_counter(&r->s, "dma", name);
}

/* When the n-th DMA transaction began or ended. */
static const struct seen_txn *dma(const struct rig *r, uint32_t n)
{
    static const struct seen_txn none = {.status = TB_UNFINISHED, .ended = TB_NEVER};
    for (size_t i = 0; i < r->s.count; i++)
        if (r->s.at[i].txn.kind == TB_TXN_DMA && r->s.at[i].txn.number == n)
            return &r->s.at[i];
    CU_FAIL("no such transaction");
    return &none;
}

/* -- Registers --------------------------------------------------------------------------------- */

/* Address and count: 16 bits through 8, the low byte first, one flip-flop per controller. Numbers
 * are the data sheet's, not the header's. */
static void test_toggle(void)
{
    struct rig r;
    make(&r, "", "");
    out(&r, 0x0c, 0);
    out(&r, 0x04, 0x34);
    out(&r, 0xc4, 0x78); /* the other controller's own */
    out(&r, 0x04, 0x12);
    out(&r, 0xc4, 0x56);
    CU_ASSERT_EQUAL(word(&r, 0x04), 0x1234);
    CU_ASSERT_EQUAL(word(&r, 0xc4), 0x5678);
    CU_ASSERT_EQUAL(word(&r, 0xc5), 0x5678); /* A0 is not decoded there */
    CU_ASSERT_EQUAL(in(&r, 0x04), 0x34);
    out(&r, 0x0c, 0xff);
    CU_ASSERT_EQUAL(in(&r, 0x04), 0x34);
    out(&r, 0x0d, 0); /* master clear: the low byte is next, all are masked, the rest stays */
    CU_ASSERT_EQUAL(word(&r, 0x04), 0x1234);
    CU_ASSERT_EQUAL(in(&r, 0x0f) & 15, 15);
    out(&r, 0x81, 0xab);
    CU_ASSERT_EQUAL(in(&r, 0x81), 0xab);
    out(&r, 0x80, 0x55); /* a page register that no channel has */
    CU_ASSERT_EQUAL(in(&r, 0x80), 0x55);
    end(&r);
}

static void test_masks(void)
{
    struct rig r;
    make(&r, "", "");
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 15);
    out(&r, 0xd4, 1);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 13);
    out(&r, 0xd4, 5);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 15);
    out(&r, 0xdc, 0);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 0);
    out(&r, 0xde, 10);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 10);
    CU_ASSERT_EQUAL(in(&r, 0x0f) & 15, 15);
    end(&r);
}

/* -- Transfers --------------------------------------------------------------------------------- */

/* Both directions, bytes and words; page registers as a PC has them. */
static void test_transfers(void)
{
    static const struct {
        unsigned channel, page;
    } rows[] = {{1, 0x83}, {2, 0x81}, {5, 0x8b}, {6, 0x89}};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned kind = 0; kind < 2; kind++) {
            struct rig r;
            unsigned c = rows[i].channel, unit = c < 4 ? 1 : 2, mode = kind ? I8237_SINGLE : 0;
            make(&r, "", "");
            cascade(&r);
            program(&r, c, mode | I8237_WRITE, 0x345678, 100 / unit);
            CU_ASSERT_EQUAL(in(&r, rows[i].page), 0x34);
            dreq(&r, c, true, 100);
            settle(&r);
            CU_ASSERT_TRUE(counts(&r, 0x345678, 100, 0));
            CU_ASSERT_EQUAL(byte(&r, 0x345678 + 100), 0);
            CU_ASSERT_EQUAL(byte(&r, 0x345677), 0);
            CU_ASSERT_EQUAL(device(&r, c)->ends, 1);
            CU_ASSERT_EQUAL(device(&r, c)->told, 1);
            program(&r, c, mode | I8237_READ, 0x345678, 100 / unit);
            dreq(&r, c, false, 100);
            settle(&r);
            CU_ASSERT_EQUAL(device(&r, c)->count, 100);
            for (unsigned k = 0; k < 100; k++)
                CU_ASSERT_EQUAL(device(&r, c)->in[k], k);
            CU_ASSERT_EQUAL(counter(&r, "ends"), 2);
            CU_ASSERT_EQUAL(counter(&r, "transfers"), 200 / unit);
            /* single: a service each */
            CU_ASSERT_EQUAL(counter(&r, "services"), kind ? 200 / unit : unit == 1 ? 26 : 14);
            end(&r);
        }
}

/* Current registers move, base registers do not; TC is in the status until that is read; the
 * channel is masked. */
static void test_terminal_count(void)
{
    struct rig r;
    make(&r, "", "");
    program(&r, 5, I8237_WRITE, 0x20000, 16);
    dreq(&r, 5, true, 20);
    settle(&r);
    CU_ASSERT_EQUAL(in(&r, 0xd0), 0);
    CU_ASSERT_EQUAL(word(&r, 0xc4), (0x20000 >> 1 & 0xffff) + 10);
    CU_ASSERT_EQUAL(word(&r, 0xc6), 15 - 10);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 13);
    dreq(&r, 5, true, 20); /* more than is left */
    settle(&r);
    CU_ASSERT_EQUAL(word(&r, 0xc6), 0xffff);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 15);
    CU_ASSERT_EQUAL(in(&r, 0xd0), 0x22); /* TC, and it still asks */
    CU_ASSERT_EQUAL(in(&r, 0xd0), 0x20);
    CU_ASSERT_TRUE(counts(&r, 0x20000, 32, 0));
    CU_ASSERT_EQUAL(byte(&r, 0x20020), 0);
    dreq(&r, 5, true, 0);
    settle(&r);
    CU_ASSERT_EQUAL(in(&r, 0xd0), 0);
    end(&r);
}

static void test_autoinit(void)
{
    struct rig r;
    make(&r, "", "");
    program(&r, 6, I8237_WRITE | I8237_AUTO, 0x40000, 8);
    dreq(&r, 6, true, 40);
    settle(&r);
    CU_ASSERT_EQUAL(counter(&r, "ends"), 2);
    CU_ASSERT_EQUAL(word(&r, 0xc8), 4); /* of words: 40 - 32 bytes into the third round */
    CU_ASSERT_EQUAL(word(&r, 0xca), 3);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 11);
    CU_ASSERT_TRUE(counts(&r, 0x40000, 8, 32));
    CU_ASSERT_TRUE(counts(&r, 0x40008, 8, 24));
    end(&r);
}

/* The counters have 16 bits: bytes wrap within 64 KiB, words within 128 KiB, whose page register's
 * lowest bit does not count. */
static void test_wrap(void)
{
    struct rig r;
    make(&r, "", "");
    cascade(&r);
    program(&r, 1, I8237_WRITE, 0x12fff8, 16);
    dreq(&r, 1, true, 16);
    settle(&r);
    CU_ASSERT_TRUE(counts(&r, 0x12fff8, 8, 0));
    CU_ASSERT_TRUE(counts(&r, 0x120000, 8, 8));
    CU_ASSERT_EQUAL(byte(&r, 0x130001), 0);
    program(&r, 5, I8237_WRITE, 0x33fff8, 8);
    dreq(&r, 5, true, 16);
    settle(&r);
    CU_ASSERT_TRUE(counts(&r, 0x33fff8, 8, 0));
    CU_ASSERT_TRUE(counts(&r, 0x320000, 8, 8));
    CU_ASSERT_EQUAL(byte(&r, 0x340001), 0);
    end(&r);
}

static void test_decrement(void)
{
    struct rig r;
    make(&r, "", "");
    cascade(&r);
    program(&r, 2, I8237_WRITE | I8237_DECREMENT, 0x5007, 20); /* down into another page */
    dreq(&r, 2, true, 20);
    settle(&r);
    for (unsigned i = 0; i < 20; i++)
        CU_ASSERT_EQUAL(byte(&r, 0x5007 - i), i);
    CU_ASSERT_EQUAL(word(&r, 0x04), 0x5007 - 20);
    program(&r, 6, I8237_READ | I8237_DECREMENT, 0x5006, 4);
    dreq(&r, 6, false, 8);
    settle(&r);
    for (unsigned i = 0; i < 8; i++) /* words go down, their bytes do not */
        CU_ASSERT_EQUAL(device(&r, 6)->in[i], (1 + i / 2 * 2) - i % 2);
    end(&r);
}

/* -- Time -------------------------------------------------------------------------------------- */

/* A service of n transfers owns the bus for 1 + n * 8 clocks (6, 5, 3 by type A, B, F), and the
 * next follows at once: 82378ZB, 4.5.1; 82371AB, 8.4.2. Writes end a link and the memory's time
 * later; reads too, so that the distance of two ends is exact. */
static void test_rates(void)
{
    static const struct {
        const char *timing;
        unsigned clocks;
    } rows[] = {{"", 8}, {", timing: a", 6}, {", timing: b", 5}, {", timing: f", 3}};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned write = 0; write < 2; write++)
            for (unsigned single = 0; single < 2; single++) {
                struct rig r;
                unsigned words = single ? 1 : 8, services = 4096 / 2 / words;
                make(&r, rows[i].timing, "");
                program(&r, 5,
                        (write ? I8237_WRITE : I8237_READ) | (single ? I8237_SINGLE : I8237_DEMAND),
                        0x10000, 2048);
                dreq(&r, 5, write, 4096);
                settle(&r);
                /* of the last the device is told, which takes a link more */
                CU_ASSERT_EQUAL(dma(&r, services - 2)->ended - dma(&r, 0)->ended,
                                (services - 2) * (1 + words * rows[i].clocks) * CLOCK);
                CU_ASSERT_EQUAL(counter(&r, "services"), services);
                end(&r);
            }
}

/* Bytes cost what words do. */
static void test_bytes_cost(void)
{
    struct rig r;
    make(&r, "", "");
    cascade(&r);
    program(&r, 1, I8237_WRITE, 0x10000, 160);
    dreq(&r, 1, true, 160);
    settle(&r);
    CU_ASSERT_EQUAL(dma(&r, 18)->ended - dma(&r, 0)->ended, 18 * (1 + 8 * 8) * CLOCK);
    CU_ASSERT_EQUAL(seen_counter(&r.s, "isa", "busy_ps"), 20 * (1 + 8 * 8) * CLOCK);
    end(&r);
}

/* -- Whose turn it is -------------------------------------------------------------------------- */

/* The order in which channels were served, as digits. */
static void order(const struct rig *r, char *to, size_t most)
{
    size_t n = 0;
    for (uint32_t k = 0; n + 1 < most; k++) {
        const struct seen_txn *found = NULL;
        for (size_t i = 0; !found && i < r->s.count; i++)
            if (r->s.at[i].txn.kind == TB_TXN_DMA && r->s.at[i].txn.number == k)
                found = &r->s.at[i];
        if (!found)
            break;
        to[n++] = (char)('0' + found->txn.owner);
    }
    to[n] = '\0';
}

static void test_priority(void)
{
    static const struct {
        unsigned command;
        const char *order;
    } rows[] = {
        {0, "1111222255556666"},
        {I8237_ROTATING, "1562561562561212"}, /* channels 1 and 2 take the cascade's turns */
    };
    for (unsigned i = 0; i < 2; i++) {
        static const unsigned all[] = {1, 2, 5, 6};
        struct rig r;
        char text[32];
        make(&r, "", "");
        cascade(&r);
        out(&r, 0x08, I8237_DISABLE);
        out(&r, 0xd0, I8237_DISABLE);
        for (unsigned k = 0; k < 4; k++) {
            program(&r, all[k], I8237_WRITE, 0x10000 * all[k], 32);
            dreq(&r, all[k], true, 32 * i8237_unit(all[k]));
        }
        settle(&r);
        CU_ASSERT_EQUAL(counter(&r, "services"), 0);
        CU_ASSERT_EQUAL(in(&r, 0xd0), 0x60); /* requests show */
        CU_ASSERT_EQUAL(in(&r, 0x08), 0x60);
        out(&r, 0x08, rows[i].command);
        out(&r, 0xd0, rows[i].command);
        settle(&r);
        order(&r, text, sizeof text);
        CU_ASSERT_STRING_EQUAL(text, rows[i].order);
        for (unsigned k = 0; k < 4; k++)
            CU_ASSERT_TRUE(counts(&r, 0x10000 * all[k], 32 * i8237_unit(all[k]), 0));
        end(&r);
    }
}

/* A channel in block mode keeps the controller to its terminal count. */
static void test_block(void)
{
    struct rig r;
    char text[32];
    make(&r, "", "");
    cascade(&r);
    program(&r, 1, I8237_WRITE, 0x10000, 8);
    program(&r, 5, I8237_WRITE | I8237_BLOCK, 0x50000, 16);
    dreq(&r, 5, true, 16);
    settle(&r);
    dreq(&r, 1, true, 8);
    settle(&r);
    dreq(&r, 5, true, 16);
    settle(&r);
    order(&r, text, sizeof text);
    CU_ASSERT_STRING_EQUAL(text, "551");
    program(&r, 1, I8237_WRITE, 0x10000, 8);
    program(&r, 5, I8237_WRITE | I8237_BLOCK, 0x50000, 16);
    dreq(&r, 5, true, 16);
    settle(&r);
    dreq(&r, 1, true, 8);
    settle(&r);
    CU_ASSERT_EQUAL(counter(&r, "services"), 4);
    out(&r, 0xd6, I8237_WRITE | 1); /* programmed anew, it lets go */
    settle(&r);
    CU_ASSERT_EQUAL(counter(&r, "services"), 5);
    end(&r);
}

/* Without the cascade controller 1 does not get to the bus. */
static void test_cascade(void)
{
    struct rig r;
    make(&r, "", "");
    program(&r, 1, I8237_WRITE, 0x10000, 16);
    dreq(&r, 1, true, 16);
    settle(&r);
    CU_ASSERT_EQUAL(counter(&r, "services"), 0);
    cascade(&r);
    settle(&r);
    CU_ASSERT_TRUE(counts(&r, 0x10000, 16, 0));
    end(&r);
}

/* -- What goes wrong --------------------------------------------------------------------------- */

/* A request that was lowered before it was granted leaves nothing behind. */
static void test_withdrawn(void)
{
    struct rig r;
    make(&r, "", "");
    dreq(&r, 5, true, 16);
    settle(&r);
    dreq(&r, 5, true, 0);
    settle(&r);
    program(&r, 5, I8237_WRITE, 0x50000, 16);
    settle(&r);
    CU_ASSERT_EQUAL(counter(&r, "services"), 0);
    CU_ASSERT_EQUAL(word(&r, 0xc6), 15);
    /* lowered while DACK is on its way: the registers stay, nothing is written */
    dreq(&r, 5, true, 16);
    tb_sim_run(r.s.sim, tb_sim_now(r.s.sim) + TB_NS);
    device(&r, 5)->wanted = 0;
    settle(&r);
    CU_ASSERT_EQUAL(counter(&r, "services"), 1);
    CU_ASSERT_EQUAL(counter(&r, "undriven"), 1);
    CU_ASSERT_EQUAL(dma(&r, 0)->status, TB_ABORT);
    CU_ASSERT_EQUAL(word(&r, 0xc6), 15);
    CU_ASSERT_EQUAL(byte(&r, 0x50000), 0);
    end(&r);
}

/* The mode against the device's direction: nobody drives the data lines, the device goes on asking,
 * and it ends, automatic or not. */
static void test_wrong_way(void)
{
    for (unsigned automatic = 0; automatic < 2; automatic++) {
        struct rig r;
        make(&r, "", "");
        program(&r, 5, I8237_WRITE | (automatic ? I8237_AUTO : 0), 0x50000, 16);
        dreq(&r, 5, false, 64);
        settle(&r);
        CU_ASSERT_EQUAL(byte(&r, 0x50000), 0xff);
        CU_ASSERT_EQUAL(byte(&r, 0x5001f), 0xff);
        CU_ASSERT_EQUAL(byte(&r, 0x50020), 0);
        CU_ASSERT_EQUAL(counter(&r, "ends"), 1);
        CU_ASSERT_EQUAL(device(&r, 5)->wanted, 64);
        CU_ASSERT_EQUAL(in(&r, 0xd0), 0x22);
        program(&r, 5, I8237_READ, 0x50000, 32);
        settle(&r);
        CU_ASSERT_EQUAL(device(&r, 5)->count, 64);
        end(&r);
    }
}

/* A verify moves nothing and takes its time; two of one channel, automatic, end. */
static void test_verify(void)
{
    struct rig r;
    make(&r, "", "");
    program(&r, 5, I8237_VERIFY | I8237_AUTO, 0x50000, 16);
    dreq(&r, 5, true, 64);
    settle(&r);
    CU_ASSERT_EQUAL(counter(&r, "verified"), 16);
    CU_ASSERT_EQUAL(counter(&r, "ends"), 1);
    CU_ASSERT_EQUAL(device(&r, 5)->services, 0);
    CU_ASSERT_EQUAL(byte(&r, 0x50000), 0);
    CU_ASSERT_EQUAL(in(&r, 0xde) & 15, 15);
    end(&r);
}

/* Requested by software: no mask counts, no device takes part, it ends with the count. */
static void test_software(void)
{
    struct rig r;
    make(&r, "", "");
    program(&r, 5, I8237_WRITE | I8237_BLOCK, 0x50000, 20);
    out(&r, 0xde, 15);
    out(&r, 0xd2, I8237_SET | 1);
    CU_ASSERT_EQUAL(in(&r, 0xd0) & 0x20, 0x20);
    settle(&r);
    CU_ASSERT_EQUAL(byte(&r, 0x50000), 0xff);
    CU_ASSERT_EQUAL(byte(&r, 0x50027), 0xff);
    CU_ASSERT_EQUAL(byte(&r, 0x50028), 0);
    CU_ASSERT_EQUAL(in(&r, 0xd0), 0x02);
    CU_ASSERT_EQUAL(device(&r, 5)->services, 0);
    end(&r);
}

/* Memory that is not there: writes are lost, reads are ones, the transaction says so. */
static void test_no_memory(void)
{
    struct seen s;
    seen_load(&s, "scenario: none\nplatform:\n  models:\n"
                  "    isa: {model: bus, protocol: isa, clock: 120ns}\n"
                  "    dma: {model: i8237}\n    d4: {model: fake, channel: 4}\n"
                  "  links: [{from: dma.isa, to: isa}, {from: d4, to: dma}]\n");
    CU_ASSERT_PTR_NULL(s.sim); /* channel 4 is no device's */
    CU_ASSERT_TRUE(tb_diag_count(s.diag) > 0);
    seen_free(&s);
    struct rig r = {0};
    seen_load(&r.s, "scenario: none\nplatform:\n  models:\n"
                    "    isa: {model: bus, protocol: isa, clock: 120ns}\n"
                    "    dma: {model: i8237}\n    d5: {model: fake, channel: 5}\n"
                    "  links: [{from: dma.isa, to: isa}, {from: d5, to: dma}]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.s.sim);
    r.dma = tb_sim_model(r.s.sim, "dma");
    r.dev[5] = tb_sim_model(r.s.sim, "d5");
    program(&r, 5, I8237_READ, 0x50000, 8);
    dreq(&r, 5, false, 16);
    settle(&r);
    CU_ASSERT_EQUAL(dma(&r, 0)->status, TB_UNSUPPORTED);
    CU_ASSERT_EQUAL(device(&r, 5)->in[15], 0xff);
    CU_ASSERT_EQUAL(counter(&r, "failed"), 1);
    end(&r);
}

/* -- Whatever is written ----------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % n;
}

/* Random registers, random requests: it comes to rest, credits come back, bytes are conserved. */
static void test_garbage(void)
{
    static const unsigned channels[] = {1, 2, 5, 6};
    uint64_t state = getenv("TB_SEED") ? strtoull(getenv("TB_SEED"), NULL, 0) : 1, moved = 0;
    for (unsigned round = 0; round < 60; round++) {
        struct rig r;
        make(&r, draw(&state, 2) ? ", burst: 32" : "", draw(&state, 2) ? ", refresh: 15us" : "");
        for (unsigned i = 0; i < 200; i++) {
            unsigned c = channels[draw(&state, 4)];
            if (draw(&state, 3) == 0)
                dreq(&r, c, draw(&state, 2), draw(&state, 5) ? 1 + (uint32_t)draw(&state, 600) : 0);
            else if (draw(&state, 2))
                program(&r, c, (unsigned)draw(&state, 64) << 2, (uint32_t)draw(&state, 1 << 24),
                        1 + (uint32_t)draw(&state, 400));
            else
                out(&r, (draw(&state, 2) ? 0xc0 : 0) + (unsigned)draw(&state, 16),
                    (unsigned)draw(&state, 256));
            tb_sim_run(r.s.sim, tb_sim_now(r.s.sim) + draw(&state, 40 * TB_US));
        }
        settle(&r);
        moved += counter(&r, "read_bytes") + counter(&r, "written_bytes");
        CU_ASSERT_EQUAL(counter(&r, "written_bytes"), seen_counter(&r.s, "ram", "written_bytes"));
        CU_ASSERT_EQUAL(counter(&r, "read_bytes"), seen_counter(&r.s, "ram", "read_bytes"));
        end(&r);
    }
    CU_ASSERT_TRUE(moved > 60 * 1000); /* it is not so bad that nothing happens */
}

SUITE("i8237", {"flip-flop, pages, master clear", test_toggle}, {"masks", test_masks},
      {"transfers", test_transfers}, {"terminal count", test_terminal_count},
      {"autoinitialise", test_autoinit}, {"wraps at 64 and 128 KiB", test_wrap},
      {"decrement", test_decrement}, {"rates to the clock", test_rates},
      {"bytes cost what words do", test_bytes_cost}, {"priority", test_priority},
      {"block", test_block}, {"cascade", test_cascade}, {"withdrawn", test_withdrawn},
      {"the wrong way", test_wrong_way}, {"verify", test_verify}, {"by software", test_software},
      {"no memory", test_no_memory}, {"garbage", test_garbage})
