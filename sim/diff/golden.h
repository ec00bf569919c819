/* Golden logs: holding a run against one, and writing one.
 *
 * A golden is a whole log, with the hashes of its lines in its header, or a file of fingerprints;
 * blessing keeps the form of what is there, and a new one becomes fingerprints above
 * TB_GOLDEN_LINES lines. Writing is atomic.
 */
#ifndef TB_GOLDEN_H
#define TB_GOLDEN_H

#include "diff/diff.h"

#include "tollbridge/sim.h"

#define TB_GOLDEN_LINES 20000

enum tb_golden_form { TB_GOLDEN_NONE, TB_GOLDEN_LOG, TB_GOLDEN_PRINT };

/* What a run left to be compared: a file of its log, its fingerprints, or both. */
struct tb_golden_run {
    const char *log;               /* NULL: none */
    struct tb_fingerprint *prints; /* NULL: none; taken over by tb_golden_compare */
    size_t count;
    uint64_t lines; /* of all runs together */
};

/* The form of the file; TB_GOLDEN_NONE: it does not exist. */
enum tb_golden_form tb_golden_form(const char *path);

/* The new side of a comparison with a golden of that form, opened: log or fingerprints, whichever
 * answers most. NULL: errors are in diag. */
struct tb_log_file *tb_golden_new(struct tb_golden_run *run, enum tb_golden_form form,
                                  struct tb_diag *diag);

/* What blessing did. */
struct tb_blessed {
    enum tb_golden_form form; /* which one it became */
    enum { TB_BLESSED_NEW, TB_BLESSED_SAME, TB_BLESSED_CHANGED } what;
    const char *failed; /* what could not be written: the golden, or its ledger */
};

/* Writes the golden if it is to change, and why to the file LEDGER in its folder: what moved, then
 * `reason` (NULL: none was given). false: the host failed, errno says how. */
bool tb_golden_bless(const char *path, const struct tb_golden_run *run, const char *reason,
                     struct tb_blessed *out);

/* Writes a log as a golden: behind the header of each run stand how many lines it has and their
 * hash per ingredient. Both paths may be the same. false: errno says how the host failed, or diag
 * what is wrong with the log. */
bool tb_golden_write_log(const char *path, const char *log, struct tb_diag *diag);

/* Writes fingerprints as a file. */
bool tb_golden_write_prints(const char *path, const struct tb_fingerprint *prints, size_t count);

#endif
