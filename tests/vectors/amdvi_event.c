/* Events by the specification (48882, section 2.5): one for each faulting transaction, with its
 * record's fields. */
#include "amdvi.h"
#include "spec/amdvi.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    [AMDVI_ILLEGAL_DEV_TABLE_ENTRY] = "ILLEGAL_DEV_TABLE_ENTRY",
    [AMDVI_IO_PAGE_FAULT] = "IO_PAGE_FAULT",
    [AMDVI_DEV_TAB_HARDWARE_ERROR] = "DEV_TAB_HARDWARE_ERROR",
    [AMDVI_PAGE_TAB_HARDWARE_ERROR] = "PAGE_TAB_HARDWARE_ERROR",
    [AMDVI_ILLEGAL_COMMAND_ERROR] = "ILLEGAL_COMMAND_ERROR",
    [AMDVI_COMMAND_HARDWARE_ERROR] = "COMMAND_HARDWARE_ERROR",
    [AMDVI_IOTLB_INV_TIMEOUT] = "IOTLB_INV_TIMEOUT",
    [AMDVI_INVALID_DEVICE_REQUEST] = "INVALID_DEVICE_REQUEST",
    [AMDVI_INVALID_PPR_REQUEST] = "INVALID_PPR_REQUEST",
};

unsigned amdvi_event_code(const char *name)
{
    for (unsigned i = 1; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return 0;
}

void event_add(struct amdvi *a, struct event e)
{
    if (a->event_count == a->event_space) {
        a->event_space = a->event_space ? 2 * a->event_space : 64;
        a->events = realloc(a->events, a->event_space * sizeof *a->events);
        if (!a->events) {
            fputs("tollbridge-vectors: out of memory\n", stderr);
            exit(TB_EXIT_HOST);
        }
    }
    a->events[a->event_count++] = e;
}

/* PR, PE and RZ of an IO_PAGE_FAULT by the vectors' words for its reason (2.5.3). A mask of 0 in a
 * flag: the specification does not tell it for this reason. The longest prefix counts. */
static const struct {
    const char *reason;
    uint64_t flags, mask;
} reasons[] = {
    {"entry not present", 0, AMDVI_EVENT_PR | AMDVI_EVENT_PE | AMDVI_EVENT_RZ},
    {"no permission", AMDVI_EVENT_PR | AMDVI_EVENT_PE,
     AMDVI_EVENT_PR | AMDVI_EVENT_PE | AMDVI_EVENT_RZ},
    {"DTE permission", AMDVI_EVENT_PR | AMDVI_EVENT_PE,
     AMDVI_EVENT_PR | AMDVI_EVENT_PE | AMDVI_EVENT_RZ},
    {"next level", AMDVI_EVENT_PR, AMDVI_EVENT_PR | AMDVI_EVENT_PE},
    {"V=1, TV=0", 0, AMDVI_EVENT_PR | AMDVI_EVENT_PE},
    {"", 0, 0},
};

static uint64_t quadword(struct amdvi *a, uint64_t address)
{
    uint64_t value = 0;
    rig_peek(&a->rig, address, &value, sizeof value);
    return value;
}

/* A device beyond the end of the table: IO_PAGE_FAULT, of no domain, whatever a vector calls it
 * (README.md). */
static bool beyond_table(const struct amdvi *a, const struct piece *p)
{
    return (uint64_t)p->requester * AMDVI_DTE_SIZE >= a->devtab_pages * 4096;
}

static void page_fault(struct amdvi *a, struct event *e, const struct piece *p, const char *reason)
{
    size_t i = 0;
    while (strncmp(reasons[i].reason, reason, strlen(reasons[i].reason)) != 0)
        i++;
    uint64_t dte = a->devtab + (uint64_t)p->requester * AMDVI_DTE_SIZE;
    uint64_t domain = beyond_table(a, p) ? 0 : quadword(a, dte + 8) & AMDVI_DTE_DOMAIN;
    e->q0 |= domain << AMDVI_EVENT_DOMAIN_SHIFT | reasons[i].flags;
    e->q0_mask = ~(AMDVI_EVENT_PR | AMDVI_EVENT_PE | AMDVI_EVENT_RZ) | reasons[i].mask;
    e->q1 = p->iova;
    e->q1_mask = ~(uint64_t)0;
}

static void illegal_entry(struct amdvi *a, struct event *e, const struct piece *p,
                          const char *reason)
{
    (void)a;
    bool reserved = strncmp(reason, "reserved DTE bits", 17) == 0;
    e->q0 |= reserved ? AMDVI_EVENT_RZ : 0;
    e->q0_mask = ~(reserved ? 0 : AMDVI_EVENT_RZ);
    e->q1 = p->iova & AMDVI_MASK(63, 2);
    e->q1_mask = AMDVI_MASK(63, 2);
}

/* The address is that of the entry that could not be read; the type may be any but the reserved 0.
 */
static void table_unreadable(struct amdvi *a, struct event *e, const struct piece *p,
                             const char *reason)
{
    (void)reason;
    e->q0_mask = ~AMDVI_MASK(58, 57);
    e->q1 = a->devtab + (uint64_t)p->requester * AMDVI_DTE_SIZE;
    e->q1_mask = AMDVI_MASK(63, 4);
}

/* As above, but which entry it was the vector does not tell. */
static void walk_unreadable(struct amdvi *a, struct event *e, const struct piece *p,
                            const char *reason)
{
    page_fault(a, e, p, reason);
    e->q0_mask = ~AMDVI_MASK(58, 57);
    e->q1_mask = 0;
}

static void (*const fields[])(struct amdvi *a, struct event *e, const struct piece *p,
                              const char *reason) = {
    [AMDVI_ILLEGAL_DEV_TABLE_ENTRY] = illegal_entry,
    [AMDVI_IO_PAGE_FAULT] = page_fault,
    [AMDVI_DEV_TAB_HARDWARE_ERROR] = table_unreadable,
    [AMDVI_PAGE_TAB_HARDWARE_ERROR] = walk_unreadable,
};

void event_of_fault(struct amdvi *a, const struct piece *p, const char *name, const char *reason)
{
    unsigned code = beyond_table(a, p) ? AMDVI_IO_PAGE_FAULT : name ? amdvi_event_code(name) : 0;
    struct event e = {.step = a->step,
                      .q0 = (uint64_t)code << AMDVI_OPCODE_SHIFT | p->requester |
                            (p->write ? AMDVI_EVENT_RW : 0),
                      .q0_mask = ~(uint64_t)0};
    if (!code) /* the vector does not tell: some event of the device */
        e.q0_mask = AMDVI_EVENT_DEVICE;
    if (code < sizeof fields / sizeof fields[0] && fields[code])
        fields[code](a, &e, p, reason);
    event_add(a, e);
}

/* -- comparing ------------------------------------------ */

static bool logging(const struct amdvi *a)
{
    return (a->control & AMDVI_CONTROL_ENABLE) && (a->control & AMDVI_CONTROL_EVENT_LOG);
}

/* The log is full when the tail is one entry behind the head: 255 records of 256 (2.5). */
unsigned events_expected(const struct amdvi *a)
{
    if (!logging(a))
        return 0;
    return a->event_count < RING_ENTRIES ? (unsigned)a->event_count : RING_ENTRIES - 1;
}

static bool matches(const struct event *e, const uint64_t record[2])
{
    return (record[0] & e->q0_mask) == (e->q0 & e->q0_mask) &&
           (record[1] & e->q1_mask) == (e->q1 & e->q1_mask);
}

/* Steps are logged in order; within one step, the order is that in which the IOMMU met the
 * transactions. */
static void compare_record(struct amdvi *a, unsigned n, const uint64_t record[2])
{
    char name[64];
    size_t step = a->events[n].step;
    for (size_t i = 0; i < a->event_count; i++) {
        struct event *e = &a->events[i];
        if (e->step == step && !e->found && matches(e, record)) {
            e->found = true;
            return;
        }
    }
    const struct event *e = &a->events[n];
    snprintf(name, sizeof name, "events[%u]", n);
    verdict_fail(a->v, name,
                 "of step %zu: expected %016" PRIx64 " %016" PRIx64 " (bits %016" PRIx64
                 " %016" PRIx64 "), found %016" PRIx64 " %016" PRIx64,
                 step, e->q0 & e->q0_mask, e->q1 & e->q1_mask, e->q0_mask, e->q1_mask, record[0],
                 record[1]);
}

static uint64_t status_expected(const struct amdvi *a)
{
    bool overflow = logging(a) && a->event_count >= RING_ENTRIES;
    return (overflow ? AMDVI_STATUS_EVENT_OVERFLOW : 0) |
           (events_expected(a) ? AMDVI_STATUS_EVENT_INT : 0) |
           (a->wait_interrupt ? AMDVI_STATUS_WAIT_INT : 0) |
           (logging(a) && !overflow ? AMDVI_STATUS_EVENT_RUN : 0) |
           (a->running ? AMDVI_STATUS_CMDBUF_RUN : 0);
}

static uint64_t read_register(struct amdvi *a, unsigned offset)
{
    return rig_in(&a->rig, TB_MEMORY, MMIO + offset, 8);
}

void events_compare(struct amdvi *a)
{
    unsigned n = events_expected(a);
    uint64_t tail = read_register(a, AMDVI_EVT_TAIL);
    verdict_num(a->v, "evt_tail", n * ENTRY, tail);
    verdict_num(a->v, "evt_head", 0, read_register(a, AMDVI_EVT_HEAD));
    verdict_num(a->v, "cmd_head", a->head * ENTRY, read_register(a, AMDVI_CMD_HEAD));
    verdict_num(a->v, "cmd_tail", a->tail * ENTRY, read_register(a, AMDVI_CMD_TAIL));
    verdict_num(a->v, "status", status_expected(a), read_register(a, AMDVI_STATUS));
    for (unsigned i = 0; i < n && i < tail / ENTRY; i++) {
        uint64_t record[2] = {0, 0};
        rig_peek(&a->rig, EVTLOG + ENTRY * i, record, sizeof record);
        compare_record(a, i, record);
    }
}
