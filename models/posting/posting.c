/* Write buffer: see posting.h. */
#include "posting.h"

const struct tb_param tb_posting_param_table[] = {
    {.name = "entries",
     .type = TB_COUNT,
     .offset = offsetof(struct tb_posting_params, entries),
     .def = "8",
     .min = "1",
     .max = "4096",
     .doc = "posted writes that wait at once; with one more the oldest goes on"},
    {.name = "hold",
     .type = TB_TIME,
     .offset = offsetof(struct tb_posting_params, hold),
     .def = "200ns",
     .max = "1s",
     .doc = "how long each waits"},
    {.name = "line",
     .type = TB_SIZE,
     .offset = offsetof(struct tb_posting_params, line),
     .def = "64B",
     .min = "1B",
     .max = "4KiB",
     .doc = "writes of whole lines of this size do not wait"},
    {.name = "ordered",
     .type = TB_BOOL,
     .offset = offsetof(struct tb_posting_params, ordered),
     .def = "true",
     .doc = "what comes behind a posted write that waits sends it on first; false: it passes"},
    {0},
};

void tb_posting_make(struct tb_model *m, struct tb_posting *b, const struct tb_posting_params *p,
                     struct tb_posting_counters *n, unsigned timer, tb_posting_next *next)
{
    *b = (struct tb_posting){.p = p,
                             .n = n,
                             .ring = tb_alloc(m, p->entries, sizeof *b->ring),
                             .timer = timer,
                             .next = next};
}

/* The oldest goes on. */
static void send_oldest(struct tb_model *m, struct tb_posting *b, tb_time when)
{
    struct tb_posted w = b->ring[b->head];
    b->head = (b->head + 1) % b->p->entries;
    b->count--;
    tb_txn_spend(m, w.msg.txn, TB_PART_QUEUE, when - w.arrived);
    b->next(m, &w.msg, w.credit, when);
}

static void set_timer(struct tb_model *m, struct tb_posting *b)
{
    if (b->count)
        tb_timer_set(m, b->timer, b->ring[b->head].arrived + b->p->hold);
    else
        tb_timer_cancel(m, b->timer);
}

static bool waits(const struct tb_posting *b, const struct tb_msg *msg)
{
    bool whole = msg->address % b->p->line == 0 && msg->length % b->p->line == 0;
    return msg->class == TB_POSTED && msg->kind == TB_WRITE && !whole;
}

static void hold(struct tb_model *m, struct tb_posting *b, const struct tb_msg *msg,
                 tb_credit credit, tb_time when)
{
    if (b->count == b->p->entries)
        send_oldest(m, b, when);
    b->ring[(b->head + b->count++) % b->p->entries] = (struct tb_posted){*msg, credit, when};
    b->n->held++;
    set_timer(m, b);
}

/* May it go before the writes that wait? Relaxed ordering says so itself (PCIe 2.2.6.4). */
static bool may_pass(const struct tb_posting *b, const struct tb_msg *msg)
{
    return !b->p->ordered || msg->relaxed || msg->class == TB_INTERRUPT;
}

void tb_posting_take(struct tb_model *m, struct tb_posting *b, const struct tb_msg *msg,
                     tb_credit credit, tb_time when)
{
    if (waits(b, msg)) {
        hold(m, b, msg, credit, when);
        return;
    }
    if (b->count && may_pass(b, msg)) {
        b->n->passed++;
    } else if (b->count) {
        b->n->flushed++;
        while (b->count)
            send_oldest(m, b, when);
        set_timer(m, b);
    }
    b->next(m, msg, credit, when);
}

void tb_posting_timer(struct tb_model *m, struct tb_posting *b, tb_time when)
{
    while (b->count && b->ring[b->head].arrived + b->p->hold <= when)
        send_oldest(m, b, when);
    set_timer(m, b);
}
