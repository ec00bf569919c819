/* Reading a transaction log, or a file of fingerprints, back.
 *
 * The whole text is held in memory, with 24 bytes of index per line and nothing per value; every
 * line is checked against the table of kinds when it is read, so whoever walks it later meets no
 * error. Messages have file, line and column.
 */
#ifndef TB_LOGFILE_H
#define TB_LOGFILE_H

#include "fingerprint.h"
#include "line.h"

#include "tollbridge/diag.h"

struct tb_log_entry {
    uint64_t offset; /* in the text */
    uint32_t line;   /* of the file, from 1 */
    uint32_t txn;
    uint16_t length; /* without the newline */
    uint16_t by_at, by_length;
    uint8_t kind; /* enum tb_txn_kind */
};

/* One run of a log: lines, or a fingerprint. */
struct tb_log_run {
    struct tb_log_header header;
    unsigned line; /* where its header stands */
    struct tb_log_entry *entries;
    size_t count, room;
    struct tb_fingerprint print; /* if the file holds fingerprints; the entries are then its lines
                                    in clear. Of a log: after tb_log_file_print */
    bool has_lines, has_all;     /* of a fingerprint: what was met */
    size_t clear_left;           /* of a fingerprint: lines in clear still to come */
};

struct tb_log_file {
    const char *name; /* for messages: the caller's string */
    char *text;
    size_t size;
    bool fingerprint;
    struct tb_log_run *runs;
    size_t count;
};

/* Loads a file. NULL: errors are in diag (tb_diag_is_host if the host failed). */
struct tb_log_file *tb_log_file_load(const char *path, struct tb_diag *diag);
/* The same, after replacing names of models: `maps` is a NULL-terminated list of "old=new". A file
 * of fingerprints cannot be mapped: an error. */
struct tb_log_file *tb_log_file_load_mapped(const char *path, const char *const *maps,
                                            struct tb_diag *diag);
/* The same from text in memory, which it takes over (malloc'ed). */
struct tb_log_file *tb_log_file_text(const char *name, char *text, size_t size,
                                     struct tb_diag *diag);
/* A file of fingerprints that is not on disk: takes over the contents of `prints`. */
struct tb_log_file *tb_log_file_prints(const char *name, struct tb_fingerprint *prints,
                                       size_t count);
void tb_log_file_free(struct tb_log_file *f);

/* The line of an entry, split into its values. */
void tb_log_file_line(const struct tb_log_file *f, const struct tb_log_entry *e,
                      struct tb_line *line);

/* Makes the fingerprints of a log (nothing to do if it is one). false: no memory. */
bool tb_log_file_print(struct tb_log_file *f);

/* Whether a file on disk looks like a log or fingerprints; like fingerprints, and *exists: whether
 * there is one at all. */
bool tb_log_file_is(const char *path);
bool tb_log_file_is_print(const char *path, bool *exists);

#endif
