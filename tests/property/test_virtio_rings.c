/* Virtqueues under whatever a driver may put there: random valid chains move the right bytes,
 * hostile ones end in a device that asks for a reset and works again after it, a reset at any
 * instant loses nothing of the simulator's. */
#include "../virtio_rig.h"

#define SECTORS 8192u

static const char *const ways[] = {
    "", ", posted: true, burst: 256B", ", requests: 1, outstanding: 1",
    ", burst: 100B, outstanding: 16, buffer: 4KiB", ", queues: 4, burst: 4KiB"};
#define WAYS (sizeof ways / sizeof ways[0])

/* -- Valid chains ------------------------------------------------------------------------------ */

/* A request as the test made it. */
struct request {
    bool write, gone;
    uint32_t bytes;
    uint64_t sector;
    uint64_t status; /* address */
    uint64_t at[24]; /* pieces of the data, in order */
    uint32_t length[24];
    unsigned pieces;
};

/* Descriptors in a list, to be linked in a random order. */
struct chain {
    uint64_t at[32];
    uint32_t length[32];
    bool write[32];
    unsigned count;
};

static void add(struct chain *c, uint64_t at, uint32_t length, bool write)
{
    c->at[c->count] = at;
    c->length[c->count] = length;
    c->write[c->count++] = write;
}

/* Cuts [at, at + length) of one of the three parts into up to `most` descriptors. */
static void add_cut(struct chain *c, struct tb_random *r, uint64_t at, uint32_t length, bool write,
                    unsigned most)
{
    while (length > 0) {
        uint32_t n = most > 1 ? 1 + (uint32_t)tb_random_below(r, length) : length;
        add(c, at, n, write);
        at += n;
        length -= n;
        most--;
    }
}

static void make_data(struct request *q, struct chain *c, struct tb_random *r, uint64_t *place,
                      unsigned most)
{
    uint32_t left = q->bytes;

    for (q->pieces = 0; left > 0; q->pieces++) {
        uint32_t n = q->pieces + 1 < most ? 1 + (uint32_t)tb_random_below(r, left) : left;
        *place += 1 + tb_random_below(r, 300);
        q->at[q->pieces] = *place;
        q->length[q->pieces] = n;
        add(c, *place, n, !q->write);
        *place += n;
        left -= n;
    }
}

/* Puts a chain into the table of a queue (at slots base..base+room-1, in random order), or into a
 * table of its own. Returns its head. */
static unsigned put_chain(struct rig *rig, struct tb_random *r, unsigned queue, unsigned base,
                          unsigned room, const struct chain *c, bool indirect, uint64_t table)
{
    uint64_t main = RINGS + queue * 0x10000;
    unsigned slot[32], first = indirect ? 0 : base;

    if (indirect) {
        rig_descriptor(rig, main, base, table, 16 * c->count, INDIRECT, 0);
        main = table;
        room = c->count;
    }
    for (unsigned i = 0; i < room; i++)
        slot[i] = first + i;
    for (unsigned i = indirect ? 1 : 0; i + 1 < room; i++) { /* an own table begins at its 0 */
        unsigned other = i + (unsigned)tb_random_below(r, room - i), was = slot[i];
        slot[i] = slot[other];
        slot[other] = was;
    }
    for (unsigned i = 0; i < c->count; i++)
        rig_descriptor(rig, main, slot[i], c->at[i], c->length[i],
                       (c->write[i] ? WRITE : 0) | (i + 1 < c->count ? NEXT : 0),
                       i + 1 < c->count ? slot[i + 1] : 0);
    return indirect ? base : slot[0];
}

static unsigned make_request(struct rig *rig, struct tb_random *r, struct request *q,
                             unsigned queue, unsigned base, uint64_t *place, bool indirect)
{
    struct chain c = {.count = 0};
    unsigned slots =
        indirect ? 14 : 7; /* of the data: a queue has 16, header and status take some */
    uint64_t header = *place, table = header + 64;

    q->write = tb_random_below(r, 2);
    q->bytes = 512 * (1 + (uint32_t)tb_random_below(r, 24));
    rig_poke(rig, header, q->write, 8);
    rig_poke(rig, header + 8, q->sector, 8);
    *place += 1024;
    add_cut(&c, r, header, 16, false, indirect ? 3 : 1 + (unsigned)tb_random_below(r, 2));
    unsigned status_alone = (unsigned)tb_random_below(r, 2);
    make_data(q, &c, r, place, slots - c.count - 1);
    if (!status_alone && !q->write) { /* the last byte of the last piece that is written */
        c.length[c.count - 1]++;
        q->status = q->at[q->pieces - 1] + q->length[q->pieces - 1];
        (*place)++;
    } else {
        q->status = *place + 7;
        *place += 16;
        add(&c, q->status, 1, true);
    }
    rig_poke(rig, q->status, 0xee, 1);
    return put_chain(rig, r, queue, base, 8, &c, indirect, table);
}

static void fill(struct rig *rig, struct tb_random *r, const struct request *q)
{
    for (unsigned i = 0; i < q->pieces; i++)
        for (uint32_t k = 0; k < q->length[i]; k++)
            rig_poke(rig, q->at[i] + k, q->write ? tb_random_next(r) & 0xff : 0x11, 1);
}

/* Memory and disk hold the same bytes where the request says. */
static bool agrees(struct rig *rig, const struct request *q)
{
    uint64_t offset = q->sector * 512;
    bool same = true;

    for (unsigned i = 0; i < q->pieces; i++) {
        same = same && rig_same(rig, q->at[i], offset, q->length[i]);
        offset += q->length[i];
    }
    return same;
}

/* Two requests a round in every queue: chains of every shape, as tables of their own or not, the
 * index told with events or flags; every one comes back once, with its length, and right bytes. */
static void random_chains(unsigned seed, bool pci, const char *way, unsigned queues)
{
    struct tb_random r = {seed};
    struct rig rig;
    bool events = seed & 1, indirect = seed & 2;

    rig_load(&rig, pci, way, ", latency: 1us, media: 200MB/s", "");
    CU_ASSERT_TRUE(rig_agree(&rig, VERSION_1 | PLATFORM | (events ? EVENT_IDX : 0) |
                                       (indirect ? INDIRECTS : 0) | (queues > 1 ? 1u << 12 : 0)));
    for (unsigned q = 0; q < queues; q++)
        rig_queue(&rig, q);
    rig_out(&rig, "status", 15);
    for (unsigned round = 0; round < 6; round++) {
        struct request requests[4][2];
        uint64_t place = DATA, sector = 0;
        unsigned heads[4][2];
        for (unsigned q = 0; q < queues; q++)
            for (unsigned i = 0; i < 2; i++) {
                struct request *x = &requests[q][i];
                memset(x, 0, sizeof *x);
                x->sector = sector + tb_random_below(&r, 500);
                sector += 1000;
                heads[q][i] = make_request(&rig, &r, x, q, 8 * i, &place, indirect);
                fill(&rig, &r, x);
                rig_offer(&rig, q, heads[q][i]);
                if (events) /* it wants to hear of everything */
                    rig_poke(&rig, RINGS + q * 0x10000 + 0x4000 + 4 + 2 * 16, rig.used[q], 2);
                if (i == 1 || tb_random_below(&r, 2))
                    rig_kick(&rig, q);
            }
        rig_settle(&rig);
        for (unsigned q = 0; q < queues; q++)
            for (unsigned i = 0; i < 2; i++) {
                uint32_t id = 0, length = 0;
                CU_ASSERT_TRUE_FATAL(rig_used(&rig, q, &id, &length));
                struct request *x = &requests[q][id == heads[q][1]];
                CU_ASSERT_TRUE(id == heads[q][0] || id == heads[q][1]);
                CU_ASSERT_FALSE(x->gone);
                x->gone = true;
                CU_ASSERT_EQUAL(length, x->write ? 1 : x->bytes + 1);
                CU_ASSERT_EQUAL(rig_peek(&rig, x->status, 1), 0);
                CU_ASSERT_TRUE(agrees(&rig, x));
            }
    }
    CU_ASSERT_EQUAL(rig_in(&rig, "status"), 15);
    rig_free(&rig);
}

static void test_chains(void)
{
    for (unsigned seed = 1; seed <= 40; seed++) {
        unsigned way = seed % WAYS;
        random_chains(seed, seed / 4 % 2, ways[way], way == 4 ? 4 : 1);
    }
}

/* -- Hostile rings ----------------------------------------------------------------------------- */

/* After a reset it works. */
static void works_again(struct rig *r)
{
    uint32_t length;

    rig_begin(r, PLATFORM);
    CU_ASSERT_EQUAL(rig_do(r, 0, 9, DATA, 4096, true, &length), 0);
    CU_ASSERT_EQUAL(length, 4097);
    CU_ASSERT_TRUE(rig_same(r, DATA, 9 * 512, 4096));
}

struct bad {
    const char *what;
    uint64_t address[3];
    uint32_t length[3];
    unsigned flags[3], next[3];
    unsigned head, index;
    uint64_t features;
};

static const struct bad hostile[] = {
    {"a loop", {HEADS, DATA, DATA}, {16, 512, 512}, {NEXT, NEXT, NEXT}, {1, 2, 1}, 0, 1, 0},
    {"next past the table", {HEADS}, {16}, {NEXT}, {16}, 0, 1, 0},
    {"next far past the table", {HEADS}, {16}, {NEXT}, {65535}, 0, 1, 0},
    {"an empty buffer", {HEADS, DATA, STATUS}, {16, 0, 1}, {NEXT, NEXT, WRITE}, {1, 2}, 0, 1, 0},
    {"read after write",
     {HEADS, DATA, STATUS},
     {16, 8, 1},
     {NEXT, NEXT | WRITE, 0},
     {1, 2},
     0,
     1,
     0},
    {"no header", {STATUS}, {1}, {WRITE}, {0}, 0, 1, 0},
    {"half a header", {HEADS, STATUS}, {8, 1}, {NEXT, WRITE}, {1}, 0, 1, 0},
    {"no status", {HEADS, DATA}, {16, 512}, {NEXT, 0}, {1}, 0, 1, 0},
    {"a head past the table", {HEADS}, {16}, {0}, {0}, 16, 1, 0},
    {"an index too far", {HEADS}, {16}, {0}, {0}, 0, 17, 0},
    {"an index gone back", {HEADS}, {16}, {0}, {0}, 0, 65535, 0},
    {"a table not agreed on", {TABLES}, {16}, {INDIRECT}, {0}, 0, 1, 0},
    {"an empty table", {TABLES}, {0}, {INDIRECT}, {0}, 0, 1, INDIRECTS},
    {"a table and a half", {TABLES}, {24}, {INDIRECT}, {0}, 0, 1, INDIRECTS},
    {"a table with a next", {TABLES}, {32}, {INDIRECT | NEXT}, {1}, 0, 1, INDIRECTS},
    {"past the last address",
     {HEADS, UINT64_MAX - 7, STATUS},
     {16, 512, 1},
     {NEXT, NEXT | WRITE, WRITE},
     {1, 2},
     0,
     1,
     0},
    {"nobody's header", {0xd0000000, STATUS}, {16, 1}, {NEXT, WRITE}, {1}, 0, 1, 0},
    {"nobody's data",
     {HEADS, 0xd0000000, STATUS},
     {16, 512, 1},
     {NEXT, NEXT | WRITE, WRITE},
     {1, 2},
     0,
     1,
     0},
    {"nobody's status", {HEADS, 0xd0000000}, {16, 1}, {NEXT, WRITE}, {1}, 0, 1, 0},
    {"a table in a table", {TABLES}, {16}, {INDIRECT}, {0}, 0, 1, INDIRECTS},
    {"nobody's table", {0xd0000000}, {16}, {INDIRECT}, {0}, 0, 1, INDIRECTS},
};

static void test_hostile(void)
{
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        for (unsigned pci = 0; pci < 2; pci++) {
            const struct bad *b = &hostile[i];
            struct rig r;
            rig_load(&r, pci, "", "", "");
            rig_begin(&r, b->features | PLATFORM);
            rig_poke(&r, HEADS, 0, 8);
            rig_poke(&r, HEADS + 8, 0, 8);
            for (unsigned k = 0; k < 3; k++)
                rig_descriptor(&r, RINGS, k, b->address[k], b->length[k], b->flags[k], b->next[k]);
            rig_descriptor(&r, TABLES, 0, TABLES + 64, 32, INDIRECT, 0); /* a whole request in it */
            rig_descriptor(&r, TABLES + 64, 0, HEADS, 16, NEXT, 1);
            rig_descriptor(&r, TABLES + 64, 1, STATUS, 1, WRITE, 0);
            rig_poke(&r, RINGS + 0x4000 + 4, b->head, 2);
            rig_poke(&r, RINGS + 0x4000 + 2, b->index, 2);
            rig_kick(&r, 0);
            rig_settle(&r);
            CU_ASSERT_EQUAL(rig_in(&r, "status"), 15 | 0x40);
            if (rig_in(&r, "status") != (15 | 0x40))
                printf("\n    %s", b->what);
            CU_ASSERT_EQUAL(rig_peek(&r, RINGS + 0x8000 + 2, 2), 0);
            CU_ASSERT_EQUAL(rig_in(&r, "isr"),
                            2); /* the configuration changed: look at the status */
            uint64_t bursts = rig_count(&r, "bursts");
            rig_kick(&r, 0);
            rig_settle(&r);
            CU_ASSERT_EQUAL(rig_count(&r, "bursts"), bursts);
            works_again(&r);
            rig_free(&r);
        }
}

/* Rings that nobody has memory for, or whose addresses are nonsense. */
static void test_nowhere(void)
{
    static const char *const which[] = {"desc_low",  "driver_low",  "device_low",
                                        "desc_high", "driver_high", "device_high"};
    for (unsigned i = 0; i < 6; i++) {
        struct rig r;
        rig_load(&r, i & 1, "", "", "");
        CU_ASSERT_TRUE(rig_agree(&r, VERSION_1 | PLATFORM));
        rig_queue(&r, 0);
        rig_out(&r, "queue_sel", 0);
        if (!r.pci)
            rig_out(&r, "queue_enable", 0);
        rig_out(&r, which[i], 0xd0000000); /* PCI: takes no write while it is in use */
        rig_out(&r, "queue_enable", 1);
        rig_out(&r, "status", 15);
        rig_put(&r, 0, 0, 0, DATA, 512, true);
        rig_kick(&r, 0);
        rig_settle(&r);
        CU_ASSERT_EQUAL(rig_in(&r, "status"), r.pci ? 15 : 15 | 0x40);
        works_again(&r);
        rig_free(&r);
    }
}

/* on_fault: ioerr: data that goes nowhere ends the request, not the device. */
static void test_ioerr(void)
{
    for (unsigned write = 0; write < 2; write++) {
        struct rig r;
        uint32_t length;
        rig_load(&r, true, ", on_fault: ioerr", "", "");
        rig_begin(&r, PLATFORM);
        CU_ASSERT_EQUAL(rig_do(&r, write, 0, 0xd0000000, 4096, !write, &length), 1);
        CU_ASSERT_EQUAL(length, write ? 1 : 0);
        CU_ASSERT_EQUAL(rig_do(&r, 0, 0, DATA, 4096, true, &length), 0);
        CU_ASSERT_TRUE(rig_same(&r, DATA, 0, 4096));
        rig_free(&r);
    }
}

/* Memory full of noise, plausible noise: whatever it does, it ends, and can be reset. */
static void test_noise(void)
{
    unsigned broke = 0;

    for (unsigned seed = 0; seed < 200; seed++) {
        struct tb_random x = {seed};
        struct rig r;
        rig_load(&r, seed & 1, ways[seed / 2 % WAYS], "", "");
        rig_begin(&r, PLATFORM | (seed & 4 ? EVENT_IDX : 0) | (seed & 8 ? INDIRECTS : 0));
        for (unsigned i = 0; i < 16; i++) {
            uint64_t at =
                tb_random_below(&x, 8) ? RINGS + tb_random_below(&x, 0x900000) : tb_random_next(&x);
            uint32_t length = tb_random_below(&x, 4) ? (uint32_t)tb_random_below(&x, 70)
                                                     : (uint32_t)tb_random_below(&x, 70000);
            rig_descriptor(&r, RINGS, i, at, length, (unsigned)tb_random_below(&x, 8),
                           (unsigned)tb_random_below(&x, 17));
            rig_poke(&r, RINGS + 0x4000 + 4 + 2 * i, tb_random_below(&x, 17), 2);
        }
        for (unsigned i = 0; i < 64; i++) /* headers, some of them valid */
            rig_poke(&r, HEADS + 8 * i, tb_random_below(&x, 16), 8);
        rig_poke(&r, RINGS + 0x4000 + 2, tb_random_below(&x, 17), 2);
        rig_kick(&r, 0);
        rig_settle(&r);
        broke += (rig_in(&r, "status") & 0x40) != 0;
        works_again(&r);
        rig_free(&r);
    }
    CU_ASSERT_TRUE(broke > 100); /* and some did no harm */
    CU_ASSERT_TRUE(broke < 200);
}

/* -- Resets and registers ---------------------------------------------------------------------- */

/* A reset at any instant of a transfer: when the status says 0 nothing of the device is on its way,
 * and nothing comes later; then it works. */
static void test_reset(void)
{
    for (unsigned seed = 0; seed < 120; seed++) {
        struct tb_random x = {seed};
        struct rig r;
        rig_load(&r, seed & 1, ways[seed / 2 % 3], ", latency: 2us, media: 1GB/s", "");
        rig_begin(&r, PLATFORM);
        rig_put(&r, 0, 0, 0, DATA, 16384, true);
        rig_put(&r, 3, 1, 100, DATA + 0x10000, 16384, false);
        rig_kick(&r, 0);
        tb_sim_run(r.seen.sim, tb_sim_now(r.seen.sim) + tb_random_below(&x, 60 * TB_US));
        rig_out(&r, "status", 0);
        while (rig_in(&r, "status"))
            ;
        uint64_t bursts = rig_count(&r, "bursts");
        CU_ASSERT_EQUAL(tb_open(r.dev), 0);
        rig_settle(&r);
        CU_ASSERT_EQUAL(rig_count(&r, "bursts"), bursts);
        CU_ASSERT_EQUAL(rig_in(&r, "isr"), 0);
        works_again(&r);
        rig_free(&r);
    }
}

/* A queue is taken out of use in the midst of it (MMIO), and put back. */
static void test_disable(void)
{
    for (unsigned seed = 0; seed < 40; seed++) {
        struct tb_random x = {seed};
        struct rig r;
        uint32_t length;
        rig_load(&r, false, "", ", latency: 2us, media: 1GB/s", "");
        rig_begin(&r, PLATFORM);
        rig_put(&r, 0, 0, 0, DATA, 16384, true);
        rig_kick(&r, 0);
        tb_sim_run(r.seen.sim, tb_sim_now(r.seen.sim) + tb_random_below(&x, 30 * TB_US));
        rig_out(&r, "queue_sel", 0);
        rig_out(&r, "queue_enable", 0);
        CU_ASSERT_EQUAL(rig_in(&r, "queue_enable"), 0);
        rig_settle(&r);
        rig_queue(&r, 0);
        CU_ASSERT_EQUAL(rig_do(&r, 0, 9, DATA, 4096, true, &length), 0);
        CU_ASSERT_TRUE(rig_same(&r, DATA, 9 * 512, 4096));
        rig_free(&r);
    }
}

/* Registers written with anything, in any width, anywhere. */
static void test_registers(void)
{
    for (unsigned seed = 0; seed < 40; seed++) {
        struct tb_random x = {seed};
        struct rig r;
        bool pci = seed & 1;
        rig_load(&r, pci, ways[seed / 2 % WAYS], "", "");
        for (unsigned i = 0; i < 400; i++) {
            uint64_t value = tb_random_below(&x, 2) ? tb_random_next(&x) : tb_random_below(&x, 32);
            unsigned size = 1u << tb_random_below(&x, 4);
            uint64_t offset = pci ? tb_random_below(&x, 4) * 0x1000 + tb_random_below(&x, 0x40)
                                  : tb_random_below(&x, 0x120);
            bool header = pci && tb_random_below(&x, 8) == 0;
            if (header)
                offset = 0x40 + tb_random_below(&x, 0x60);
            rig_access(&r, header ? TB_CONFIG : TB_MEMORY,
                       header ? (0x18u << 12) + offset : (pci ? 0xfe000000 : 0xfeb00000) + offset,
                       size, tb_random_below(&x, 4), &value);
        }
        rig_settle(&r);
        works_again(&r);
        rig_free(&r);
    }
}

SUITE("virtio rings", {"chains", test_chains}, {"hostile", test_hostile}, {"nowhere", test_nowhere},
      {"ioerr", test_ioerr}, {"noise", test_noise}, {"reset", test_reset},
      {"disable", test_disable}, {"registers", test_registers})
