/* For tests: runs a scenario given as text and keeps what became of every transaction. */
#ifndef TESTS_SEEN_H
#define TESTS_SEEN_H

#include "tollbridge/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A transaction that ended. */
struct seen_txn {
    struct tb_txn txn;
    enum tb_status status;
    tb_time ended;
    char by[32];
    struct tb_details details; /* valid where txn.details has their bits */
};

struct seen {
    struct tb_diag *diag;
    struct tb_sim *sim; /* NULL if it could not be made */
    struct seen_txn *at;
    size_t count, room;
};

static inline void seen_observer(void *context, struct tb_model *by, const struct tb_txn *txn,
                                 enum tb_status status, tb_time when)
{
    struct seen *s = context;
    if (s->count == s->room) {
        s->room = s->room ? 2 * s->room : 1024;
        s->at = realloc(s->at, s->room * sizeof *s->at);
        if (!s->at)
            abort();
    }
    struct seen_txn *t = &s->at[s->count++];
    *t = (struct seen_txn){.txn = *txn, .status = status, .ended = when};
    snprintf(t->by, sizeof t->by, "%s", by->name);
    if (txn->details)
        t->details = by->details[txn - by->txns];
}

/* Elaborates a scenario; s->sim is NULL on errors, which s->diag holds. */
static inline void seen_load(struct seen *s, const char *text)
{
    struct tb_input input = {.text = text, .length = strlen(text), .name = "test.yaml"};
    *s = (struct seen){.diag = tb_diag_new()};
    s->sim = tb_sim_new(&input, s->diag);
    if (s->sim)
        tb_sim_observe(s->sim, seen_observer, s);
}

/* The same, and runs it to its end. Errors are printed: the caller expects none. */
static inline void seen_run(struct seen *s, const char *text)
{
    seen_load(s, text);
    tb_diag_print(s->diag, stderr);
    if (s->sim)
        tb_sim_run(s->sim, TB_NEVER);
}

static inline void seen_free(struct seen *s)
{
    if (s->sim)
        tb_sim_free(s->sim);
    tb_diag_free(s->diag);
    free(s->at);
}

/* The n-th transaction that a model began, if it has ended; NULL otherwise. */
static inline const struct seen_txn *seen_find(const struct seen *s, const char *by,
                                               uint32_t number)
{
    for (size_t i = 0; i < s->count; i++)
        if (!strcmp(s->at[i].by, by) && s->at[i].txn.number == number)
            return &s->at[i];
    return NULL;
}

static inline uint64_t seen_counter(const struct seen *s, const char *model, const char *counter)
{
    uint64_t value = UINT64_MAX;
    return s->sim && tb_sim_counter(s->sim, model, counter, &value) ? value : UINT64_MAX;
}

#endif
