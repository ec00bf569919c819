/* For tests of the IOMMU: a device that does only what the test has it do, message by message,
 * below a bridge with an AMD IOMMU, memory above. The test's own list of classes stands in for
 * models.def, so nothing but the bridge and the memory is a model of the house. Registers are
 * accessed without time.
 */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

#include "seen.h"
#include "suite.h"

#include "iommu/internal.h"

#include <inttypes.h>

#define MMIO   0xfed80000
#define DEVTAB 0x400000
#define CMDS   0x300000
#define EVENTS 0x310000
#define STORE  0x320000
#define PAGES  0x330000 /* the page request log */
#define TABLE  0x800000 /* levels 3, 2, 1 in a row */
#define DEVICE 0x10     /* 00:02.0 */
#define RW     0x6000000000000000
#define ATS    ((uint64_t)1 << 32) /* of a device's second quadword */

/* -- The device -------------------------------------------------------------------------------- */

struct fake_got {
    struct tb_msg msg;
    uint8_t data[256];
    tb_time when;
    bool kept; /* an invalidation that was not answered at once */
};

struct fake {
    uint16_t id;
    bool keeps;           /* an invalidation, instead of answering at once */
    struct fake_got *got; /* all it has received, in order */
    size_t count;
};

static const struct tb_param fake_rows[] = {
    {.name = "id",
     .type = TB_ID,
     .offset = offsetof(struct fake, id),
     .def = "00:02.0",
     .doc = "requester ID"},
    {0},
};

enum { FAKE_MOST = 512, FAKE_SLOTS = 256 };

static void fake_check(struct tb_model *m, struct tb_diag *diag)
{
    struct fake *f = m->state;
    (void)diag;
    f->got = tb_alloc(m, FAKE_MOST, sizeof *f->got);
}

static void fake_slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes)
{
    (void)m;
    *count = FAKE_SLOTS;
    *bytes = 256;
}

static void fake_claims(struct tb_model *m, unsigned port, struct tb_ranges *out)
{
    struct fake *f = m->state;
    (void)port;
    tb_ranges_add(m, out,
                  (struct tb_range){.base = (uint64_t)f->id << 12,
                                    .last = ((uint64_t)f->id << 12) + 4095,
                                    .space = TB_CONFIG,
                                    .model = m->index});
}

/* Answers an invalidation: `tag` instead of its own, `count` completions announced. */
static void fake_answer(struct tb_model *m, const struct tb_msg *request, uint16_t tag,
                        uint16_t count, tb_time when)
{
    struct tb_msg answer = *request;
    answer.kind = TB_ATS_INVALIDATED;
    answer.address = 0;
    answer.tag = tag;
    answer.length = count;
    tb_send(m, 0, &answer, when, TB_NO_CREDIT);
}

static void fake_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                      tb_time when)
{
    struct fake *f = m->state;
    struct tb_txn *t = tb_txn(m, msg->txn);
    (void)port;
    tb_release(m, credit, when);
    if (f->count < FAKE_MOST) {
        f->got[f->count] = (struct fake_got){.msg = *msg, .when = when, .kept = f->keeps};
        if (msg->kind == TB_DATA && msg->length <= sizeof f->got[0].data)
            memcpy(f->got[f->count].data, t->data, msg->length);
        f->count++;
    }
    if (msg->class == TB_COMPLETION || msg->kind == TB_PAGE_RESPONSE)
        tb_txn_end(m, msg->txn, msg->status, when);
    else if (msg->kind == TB_ATS_INVALIDATE && !f->keeps)
        fake_answer(m, msg, msg->tag, 1, when);
}

static const char *const fake_ports[] = {"bus", NULL};

static const struct tb_class tb_class_fake = {
    .name = "fake",
    .brief = "does what a test has it do",
    .state_size = sizeof(struct fake),
    .params = fake_rows,
    .ports = fake_ports,
    .timers = 1,
    .check = fake_check,
    .slots = fake_slots,
    .claims = fake_claims,
    .recv = fake_recv,
};

extern const struct tb_class tb_class_bridge, tb_class_memory;
const struct tb_class *const *tb_classes(size_t *count);

/* In place of sim/kernel/classes.c. */
const struct tb_class *const *tb_classes(size_t *count)
{
    static const struct tb_class *const classes[] = {&tb_class_bridge, &tb_class_memory,
                                                     &tb_class_fake};
    *count = 3;
    return classes;
}

/* -- The platform ------------------------------------------------------------------------------ */

static const char fake_platform[] =
    "scenario: test\n"
    "platform:\n"
    "  models:\n"
    "    dram: {model: memory, base: 0, size: 512MiB}\n"
    "    root: {model: bridge, iommu: {%s reset: {devtab: 0x400001, cmdbuf: 0x0800000000300000,\n"
    "           evtlog: 0x0800000000310000, ppr_base: 0x0800000000330000, control: 0x%" PRIx64
    "}}}\n"
    "    dev: {model: fake}\n"
    "  links:\n"
    "    - {from: dev, to: root.down}\n"
    "    - {from: root.up, to: dram}\n"
    "record: {breakdown: true}\n";

struct rig {
    struct seen s;
    struct tb_model *root, *dev;
    struct fake *fake;
    uint32_t tail;
    tb_time at; /* the device sends nothing before */
};

static inline void put(struct rig *r, uint64_t address, uint64_t value)
{
    CU_ASSERT(tb_sim_poke(r->s.sim, address, &value, 8));
}

static inline uint64_t get(struct rig *r, uint64_t address)
{
    uint64_t value = 0;
    CU_ASSERT(tb_sim_peek(r->s.sim, address, &value, 8));
    return value;
}

static inline uint64_t reg(struct rig *r, uint64_t offset)
{
    uint64_t value = 0;
    struct tb_debug d = {.address = MMIO + offset, .data = (uint8_t *)&value, .length = 8};
    CU_ASSERT(r->root->class->debug(r->root, TB_UP_PORT, &d));
    return value;
}

static inline void set(struct rig *r, uint64_t offset, uint64_t value)
{
    struct tb_debug d = {
        .address = MMIO + offset, .data = (uint8_t *)&value, .length = 8, .write = true};
    CU_ASSERT(r->root->class->debug(r->root, TB_UP_PORT, &d));
}

static inline void map(struct rig *r, uint64_t iova, uint64_t entry)
{
    put(r, TABLE + 0x2000 + (iova >> 12 & 0x1ff) * 8, entry);
}

/* The device may use ATS; three levels of tables in domain 7; time 0. */
static inline void make(struct rig *r, const char *iommu, uint64_t control)
{
    char text[4096];
    snprintf(text, sizeof text, fake_platform, iommu, control);
    *r = (struct rig){0};
    seen_load(&r->s, text);
    tb_diag_print(r->s.diag, stdout);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r->s.sim);
    r->root = tb_sim_model(r->s.sim, "root");
    r->dev = tb_sim_model(r->s.sim, "dev");
    r->fake = r->dev->state;
    put(r, DEVTAB + DEVICE * 32, RW | TABLE | 3 << 9 | 3);
    put(r, DEVTAB + DEVICE * 32 + 8, ATS | 7);
    put(r, TABLE, RW | (TABLE + 0x1000) | 2 << 9 | 1);
    put(r, TABLE + 0x1000, RW | (TABLE + 0x2000) | 1 << 9 | 1);
    map(r, 0x7000, RW | 0x10000001);
    map(r, 0x8000, RW | 0x10008001);
}

static inline void run(struct rig *r, tb_time until)
{
    tb_sim_run(r->s.sim, until);
}

static inline uint64_t counter(struct rig *r, const char *name)
{
    uint64_t value = UINT64_MAX;
    CU_ASSERT(tb_sim_counter(r->s.sim, "root", name, &value));
    return value;
}

static inline void command(struct rig *r, uint64_t q0, uint64_t q1)
{
    put(r, CMDS + r->tail, q0);
    put(r, CMDS + r->tail + 8, q1);
    r->tail = (r->tail + 16) & 0xfff;
    set(r, AMDVI_CMD_TAIL, r->tail);
}

/* COMPLETION_WAIT with a store of `value`. */
static inline void wait_store(struct rig *r, uint64_t value)
{
    command(r, (uint64_t)1 << 60 | STORE | 1, value);
}

static inline void check_event(struct rig *r, unsigned n, uint64_t q0, uint64_t q1)
{
    uint64_t got0 = get(r, EVENTS + 16 * n), got1 = get(r, EVENTS + 16 * n + 8);
    CU_ASSERT_EQUAL(got0, q0);
    CU_ASSERT_EQUAL(got1, q1);
    if (got0 != q0 || got1 != q1)
        printf("\n    event %u: %016" PRIx64 " %016" PRIx64, n, got0, got1);
}

/* -- What the device does ---------------------------------------------------------------------- */

/* Sends a message of a transaction of its own, now; returns the transaction. The rest of *msg is
 * the caller's. */
static inline uint32_t fake_send(struct rig *r, enum tb_txn_kind kind, struct tb_msg msg)
{
    tb_time now = tb_max(r->at, tb_sim_now(r->s.sim));
    uint32_t txn = tb_txn_begin(r->dev, kind, now);
    struct tb_txn *t = tb_txn(r->dev, txn);
    t->iova = msg.address;
    t->length = msg.length;
    t->requester = msg.requester = r->fake->id;
    t->write = msg.kind == TB_WRITE;
    t->at = msg.at;
    t->has_pasid = msg.has_pasid;
    t->pasid = msg.pasid;
    msg.txn = txn;
    tb_send(r->dev, 0, &msg, now, TB_NO_CREDIT);
    return txn;
}

static inline uint32_t fake_access(struct rig *r, enum tb_msg_kind kind, enum tb_at at,
                                   uint64_t address)
{
    return fake_send(r, TB_TXN_DMA,
                     (struct tb_msg){.address = address,
                                     .length = 8,
                                     .kind = kind,
                                     .class = TB_NONPOSTED,
                                     .space = TB_MEMORY,
                                     .at = at});
}

static inline uint32_t fake_translate(struct rig *r, uint64_t address, unsigned pages)
{
    return fake_send(r, TB_TXN_TRANSLATION,
                     (struct tb_msg){.address = address,
                                     .length = (uint16_t)(8 * pages),
                                     .kind = TB_ATS_TRANSLATE,
                                     .class = TB_NONPOSTED,
                                     .space = TB_MEMORY,
                                     .at = TB_TRANSLATION_REQUEST});
}

/* The n-th message the device got, of those of a kind (TB_MSG_KINDS: of any); NULL: none. */
static inline const struct fake_got *fake_got(const struct rig *r, enum tb_msg_kind kind, size_t n)
{
    for (size_t i = 0; i < r->fake->count; i++)
        if ((kind == TB_MSG_KINDS || r->fake->got[i].msg.kind == kind) && !n--)
            return &r->fake->got[i];
    return NULL;
}

/* The n-th page of the last answer. */
static inline uint64_t fake_page(const struct rig *r, unsigned n)
{
    return r->fake->count ? tb_load64(r->fake->got[r->fake->count - 1].data + 8 * n) : 0;
}

static inline const struct tb_msg *fake_last(const struct rig *r)
{
    static const struct tb_msg none = {.kind = TB_MSG_KINDS, .status = TB_UNFINISHED};
    return r->fake->count ? &r->fake->got[r->fake->count - 1].msg : &none;
}

/* How many transactions of a kind ended with a status. */
static inline unsigned ended(const struct rig *r, enum tb_txn_kind kind, enum tb_status status)
{
    unsigned n = 0;
    for (size_t i = 0; i < r->s.count; i++)
        n += r->s.at[i].txn.kind == kind && r->s.at[i].status == status;
    return n;
}

#endif
