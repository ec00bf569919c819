/* Tollbridge as a library: make a simulator from a platform or scenario, run it, ask it, destroy
 * it.
 *
 * Invariants: simulators share nothing (no writable globals), any number can live in a process,
 * each used by one thread at a time. Nothing is allocated between tb_sim_new and tb_sim_free but
 * pages of sparse storage.
 */
#ifndef TOLLBRIDGE_SIM_H
#define TOLLBRIDGE_SIM_H

#include "tollbridge/diag.h"
#include "tollbridge/model.h"
#include "tollbridge/time.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tb_sim;

/* How a run ended; also the exit status of the program (design, section 7). */
enum tb_exit { TB_EXIT_OK = 0, TB_EXIT_VIOLATION = 1, TB_EXIT_INPUT = 2, TB_EXIT_HOST = 3 };

#define TB_NO_RUN UINT_MAX

/* What to load. Either a path, or text with a name for messages. */
struct tb_input {
    const char *path; /* a scenario or a platform file; NULL: text */
    const char *text;
    size_t length;
    const char *name;        /* of the text, for messages and as the base of relative paths */
    const char *const *sets; /* NULL-terminated "path=value" overrides; NULL: none */
    unsigned run; /* which of the scenario's `runs:`, from 0; TB_NO_RUN: what they all begin with */
    bool lint;    /* report as well what could be run but makes no sense (`tollbridge check`) */
    bool folder;  /* results go to a folder that the user named: what `record:` leaves open is
                     recorded with the parts of latencies and the trace */
};

/* Loads, resolves, checks and elaborates; the simulator stands at time 0, set-up done. On any error
 * reports all of them to diag and returns NULL. */
struct tb_sim *tb_sim_new(const struct tb_input *input, struct tb_diag *diag);
void tb_sim_free(struct tb_sim *s);

/* Runs until the scenario is done and nothing is pending, or until `until` (TB_NEVER: no limit of
 * the caller's; the scenario's own `until:` holds as well). Events at `until` itself are still run.
 * Can be called again. */
enum tb_exit tb_sim_run(struct tb_sim *s, tb_time until);

/* Has everything ended: nothing pending. */
bool tb_sim_idle(const struct tb_sim *s);

tb_time tb_sim_now(const struct tb_sim *s);      /* instant of the last event */
uint64_t tb_sim_events(const struct tb_sim *s);  /* events so far */
const char *tb_sim_name(const struct tb_sim *s); /* the scenario's */
enum tb_exit tb_sim_status(const struct tb_sim *s);

/* Errors and violations of the run so far. */
struct tb_diag *tb_sim_diag(struct tb_sim *s);

/* Models by name (NULL if there is none) and a counter of one (false if it has none of that name).
 */
struct tb_model *tb_sim_model(struct tb_sim *s, const char *name);
bool tb_sim_counter(struct tb_sim *s, const char *model, const char *counter, uint64_t *out);

/* Has `model` (a host or a requester) do one access in simulated time, and runs until it is done or
 * nothing is pending. Returns false if the model cannot, or the access never finished. */
bool tb_sim_access(struct tb_sim *s, const char *model, struct tb_access *a);

/* Instant access to memory, seen from the model that runs the scenario (else from the model that
 * claims it). */
bool tb_sim_peek(struct tb_sim *s, uint64_t address, void *data, size_t length);
bool tb_sim_poke(struct tb_sim *s, uint64_t address, const void *data, size_t length);

/* Called for every transaction that ends, before its slot is free: embedding programs, tests, the
 * log. Adds an observer (at most TB_OBSERVERS; false if there are more). `status` is TB_UNFINISHED
 * for those still open at the end of the simulation. */
typedef void tb_observer(void *context, struct tb_model *by, const struct tb_txn *txn,
                         enum tb_status status, tb_time when);
#define TB_OBSERVERS 5
bool tb_sim_observe(struct tb_sim *s, tb_observer *observer, void *context);

/* Ends the simulation: reports open transactions to the observers as unfinished, checks that
 * credits are back where nothing is in flight. Once; implied by tb_sim_free. */
void tb_sim_finish(struct tb_sim *s);

#endif
