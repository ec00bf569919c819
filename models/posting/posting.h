/* A write buffer: posted writes wait in it for a while before they go on, as bridges have them wait
 * so as to go in larger bursts. A part that a bridge has for what goes up (group `posting:`), no
 * model.
 *
 * What waits: posted writes that are not whole lines; each for at most `hold`, and at most
 * `entries` of them. Ordered (PCI 2.3, appendix E; PCIe 2.4.1): nothing passes a posted write, so
 * whatever comes behind (a whole line, a read, the completion of a read) first sends on all that
 * waits. Unordered: what comes behind goes at once. Interrupts are not ordered with data either
 * way.
 *
 * Invariants: what waits holds its credit; writes that wait leave in order of arrival; everything
 * goes on in the end.
 */
#ifndef POSTING_POSTING_H
#define POSTING_POSTING_H

#include "tollbridge/model.h"

struct tb_posting_params {
    uint64_t entries, line;
    tb_time hold;
    bool ordered;
};

extern const struct tb_param tb_posting_param_table[];

struct tb_posting_counters {
    uint64_t held, flushed, passed;
};

/* Where messages go on to. */
typedef void tb_posting_next(struct tb_model *m, const struct tb_msg *msg, tb_credit credit,
                             tb_time when);

struct tb_posted {
    struct tb_msg msg;
    tb_credit credit;
    tb_time arrived;
};

struct tb_posting {
    const struct tb_posting_params *p;
    struct tb_posting_counters *n;
    struct tb_posted *ring; /* p->entries of them */
    uint64_t head, count;
    unsigned timer;
    tb_posting_next *next;
};

/* At elaboration. `timer` is the number of a timer of the model that tb_posting_timer gets. */
void tb_posting_make(struct tb_model *m, struct tb_posting *b, const struct tb_posting_params *p,
                     struct tb_posting_counters *n, unsigned timer, tb_posting_next *next);

/* A message to go on, through the buffer. */
void tb_posting_take(struct tb_model *m, struct tb_posting *b, const struct tb_msg *msg,
                     tb_credit credit, tb_time when);

void tb_posting_timer(struct tb_model *m, struct tb_posting *b, tb_time when);

#endif
