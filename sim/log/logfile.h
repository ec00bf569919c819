/* Reading a transaction log, or a file of fingerprints, back: line by line, as it is compared.
 *
 * Of a file TB_LOG_BUFFER bytes are in memory, whatever its length; a pipe can be read as well.
 * What stands in '#' lines is taken in on the way; lines of transactions are handed out as text,
 * and who takes one has it checked against the table of kinds (tb_log_file_check) unless the same
 * bytes were. What is wrong goes to diag with file, line and column; reading goes on behind it.
 *
 * A log's header may say how many lines the run has and what their hashes are (`#lines`, `#all`, as
 * a golden's does): then they are computed on the way too, and another result is an error.
 */
#ifndef TB_LOGFILE_H
#define TB_LOGFILE_H

#include "log/fingerprint.h"
#include "log/line.h"

#include "tollbridge/diag.h"

#define TB_LOG_BUFFER ((size_t)1 << 18)
#define TB_LOG_MAPPED                                                                              \
    ((size_t)2 * TB_LINE_LONGEST) /* bytes of a line with other names, at most                     \
                                   */

/* What the header of a run says of its lines. */
struct tb_log_claim {
    bool has_lines, has_all;
    uint64_t lines;
    uint8_t all[TB_INGREDIENTS][SHA256_DIGEST_SIZE];
    unsigned line; /* where #all stands */
};

/* One run of a log: as far as it was read. */
struct tb_log_run {
    struct tb_log_header header;
    unsigned line;  /* where its header stands */
    uint64_t begin; /* where in the file its first line is */
    uint64_t lines; /* of transactions, met so far; of a fingerprint: those in clear */
    struct tb_log_claim claim;
    struct tb_fingerprint
        print; /* of a file of fingerprints; of a log: if `hashed`, while it is read */
    bool hashed;
    size_t clear_left; /* of a fingerprint: lines in clear still to come */
};

/* A line as it stands in the file. */
struct tb_log_at {
    const char *text;
    size_t length;
    uint64_t offset;
    unsigned line;
};

enum tb_log_event { TB_LOG_LINE, TB_LOG_RUN, TB_LOG_END };

struct tb_log_file {
    const char *name; /* for messages: the caller's string */
    bool fingerprint;
    bool print_all; /* compute fingerprints of every run (tb_log_file_print) */
    struct tb_log_run *runs;
    size_t count;

    /* The rest is the reader's own. */
    struct tb_diag *diag;
    size_t errors_before; /* another file's */
    int fd;               /* -1: the text is all in memory */
    char *buffer;
    size_t used, next; /* bytes in it; where the next line begins */
    uint64_t base;     /* of the buffer, in the file */
    bool end, failed;  /* nothing more to be read; nor worth it */
    unsigned line_number;
    const char *text; /* the current line */
    size_t length;
    unsigned announced; /* by `#run I of N`: 0 none */
    unsigned announced_of;
    char *announced_name;
    const char *const *maps; /* "old=new", NULL-terminated; NULL: none */
    char *mapped;
};

/* Opens a file, or standard input ("-"), and reads its first line. NULL: errors are in diag
 * (tb_diag_is_host if the host failed). */
struct tb_log_file *tb_log_file_open(const char *path, struct tb_diag *diag);
/* The same for text in memory, which it takes over (malloc'ed). */
struct tb_log_file *tb_log_file_text(const char *name, char *text, size_t size,
                                     struct tb_diag *diag);
/* A file of fingerprints that is not on disk: takes over the contents of `prints`. NULL: no memory.
 */
struct tb_log_file *tb_log_file_prints(const char *name, struct tb_fingerprint *prints,
                                       size_t count);
void tb_log_file_free(struct tb_log_file *f);

/* Names of models are replaced from now on: a NULL-terminated list of "old=new", the caller's.
 * false: it holds fingerprints, which have none: an error in diag. */
bool tb_log_file_map(struct tb_log_file *f, const char *const *maps);
/* The line with the names that the maps give, in `out` (TB_LOG_MAPPED bytes): its length. */
size_t tb_log_map_line(const char *const *maps, const char *text, size_t length, char *out);

/* What comes next: a line of the current run, unchecked, valid until the next call; the beginning
 * of a run (runs[count - 1]); the end, everything having been checked. */
enum tb_log_event tb_log_file_next(struct tb_log_file *f, struct tb_log_at *at);

/* Splits a line into its values. false: it is none, and diag has why. */
bool tb_log_file_check(struct tb_log_file *f, const struct tb_log_at *at, struct tb_line *line);
/* Has a checked line counted in the hashes of its run, if there are to be any. Once for each. */
static inline void tb_log_file_count(struct tb_log_file *f, const struct tb_line *line)
{
    struct tb_log_run *run = &f->runs[f->count - 1];
    if (run->hashed && !f->maps)
        tb_fingerprint_line(&run->print, line);
}

/* Reads to the end, everything checked; `print`: the fingerprints of every run are there then.
 * false: errors are in diag. */
bool tb_log_file_drain(struct tb_log_file *f, bool print);
/* Opens, reads to the end, frees: whether the file is all right. */
bool tb_log_file_valid(const char *path, struct tb_diag *diag);

/* The last lines of transactions of a run that stand before a place in the file; of one model if
 * `by` is given, as far as they are near. At most `most`, the last one last; malloc'ed, with names
 * as mapped. Returns how many: none if the file cannot be read a second time (a pipe). */
size_t tb_log_file_before(const struct tb_log_file *f, size_t run, uint64_t offset, const char *by,
                          size_t most, char **lines);

/* Adds an error at a place in the current line. */
void tb_log_file_complain(struct tb_log_file *f, size_t column, const char *what);
/* log_header.c: takes in a line that begins with '#'. false: no memory. *run: whether a run begins
 * with it. */
bool tb_log_file_header(struct tb_log_file *f, bool *run);
/* Every part of a run's header must have been there, and be true. */
void tb_log_file_end_run(struct tb_log_file *f, struct tb_log_run *run);
/* The end of the file was met. */
void tb_log_file_end(struct tb_log_file *f);

/* Whether a file on disk looks like a log or fingerprints; like fingerprints, and *exists: whether
 * there is one at all. */
bool tb_log_file_is(const char *path);
bool tb_log_file_is_print(const char *path, bool *exists);

#endif
