/* The transaction log: an observer that writes a line for every transaction that ends, fingerprints
 * it, counts it.
 *
 * Invariants: the file appears under its name only when the whole log was written (tb_log_commit);
 * a failed write sticks. What is counted is everything that ended, whatever `only:` keeps out of
 * the file. One log may hold several runs of a scenario, one after another.
 */
#ifndef TB_LOG_H
#define TB_LOG_H

#include "log/fingerprint.h"
#include "log/line.h"
#include "log/outfile.h"

#include "tollbridge/sim.h"

/* Of a kind and status: how many ended, and how long they took. */
struct tb_tally {
    uint64_t count;
    tb_time min, max;
    unsigned __int128 sum;
    unsigned __int128 parts[TB_PARTS]; /* all zero if nobody recorded the breakdown */
};

struct tb_log {
    bool file_wanted, print_wanted;
    bool any; /* of the two */
    struct tb_outfile file;
    struct tb_fingerprint *prints; /* one per run; NULL: none wanted */
    size_t run_count;
    struct tb_fingerprint *print; /* of the current run, or NULL */
    uint64_t lines;               /* of the current run that passed `only:` */
    uint64_t all_lines;           /* of all runs */
    uint32_t wanted;              /* a bit per kind and direction: kind * 2 + write */
    char **names;                 /* of the current run's models */
    size_t name_count;
    size_t room;  /* an upper bound for a line */
    tb_time from; /* transactions created earlier are logged, but not counted */
    struct tb_tally tally[TB_TXN_KINDS][TB_LOG_STATUSES]; /* of the current run */
};

/* Opens a log. path NULL: no file; `fingerprint`: also keep fingerprints, in log->prints. With
 * neither it only counts. */
void tb_log_open(struct tb_log *log, const char *path, bool fingerprint);

/* Begins a run, with everything logged; takes over what `header` holds. Names are copied; what
 * cannot stand in a line (a space) becomes '_'. false: no memory. */
bool tb_log_begin(struct tb_log *log, struct tb_log_header *header, const char *const *names,
                  size_t count);

/* Parses the words of `only:` (ops or kinds) into log->wanted. Returns the first word that is
 * neither, or NULL. */
const char *tb_log_only(struct tb_log *log, const char *const *words, size_t count);

/* The tb_observer; context is the log. */
tb_observer tb_log_observe;

/* Ends the current run. */
void tb_log_end(struct tb_log *log);

static inline bool tb_log_failed(const struct tb_log *log)
{
    return log->file_wanted && tb_outfile_failed(&log->file);
}

/* Gives the file its name; false: the host failed, errno says how, nothing is left. */
bool tb_log_commit(struct tb_log *log);
/* Frees everything; a file that was not committed is removed. */
void tb_log_close(struct tb_log *log);

/* A name as it can stand in a line or header: a copy with '_' for what cannot. */
char *tb_log_name(const char *name);

/* Every kind and op that `only:` takes, NULL-terminated, for messages. */
const char *const *tb_log_words(void);

#endif
