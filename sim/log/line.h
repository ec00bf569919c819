/* One line of the transaction log: the table of kinds and keys, writing a line, reading one back.
 *
 * Invariants: every line of one kind has the same keys in the same order, an absent value is `-`;
 * what the writer produces the reader accepts; a value never contains a space. The table
 * (sim/README.md prints it) is the only place that knows a key: the log, the fingerprints and the
 * comparison all read it.
 */
#ifndef TB_LINE_H
#define TB_LINE_H

#include "tollbridge/message.h"
#include "tollbridge/time.h"
#include "tollbridge/txn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a key tells about a transaction. A fingerprint has a hash for each. */
enum tb_ingredient { TB_TIMES, TB_ORDER, TB_ADDRESSES, TB_OUTCOME, TB_BYTES_MOVED, TB_INGREDIENTS };

#define TB_LINE_KEYS 32 /* no kind has more keys */
#define TB_LINE_FIXED                                                                              \
    832 /* bytes of a line without its names, newline included: an upper bound                     \
         */
#define TB_LINE_LONGEST 8192 /* longer ones are not lines of a log */
#define TB_LOG_STATUSES (TB_UNFINISHED + 1)

/* What a line is made from. */
struct tb_line_source {
    const struct tb_txn *txn;
    const char *const *names; /* of the models, by index */
    size_t name_count;
    enum tb_status status;
    tb_time when;
    bool parts; /* somebody recorded the breakdown: else its values are absent */
};

struct tb_key;

/* How a value is written and what it looks like. `put` returns the end of what it wrote. */
struct tb_key_format {
    char *(*put)(char *out, const struct tb_key *key, const struct tb_line_source *from);
    bool (*valid)(const struct tb_key *key, const char *text, size_t length);
    const char *doc; /* "nanoseconds, three decimals" */
};

struct tb_key {
    const char *name;
    size_t name_length;
    enum tb_ingredient ingredient;
    const struct tb_key_format *format;
    size_t offset;            /* of the source field in struct tb_txn, where one field is enough */
    const char *const *words; /* allowed words, NULL-terminated, where the value is one */
};

struct tb_line_kind {
    const char *name;       /* "dma" */
    const char *const *ops; /* [0] reads, [1] writes; NULL-terminated; one op: both the same */
    const struct tb_key *keys;
    const char *doc;
};

/* A line with the places of its values; text is not terminated, and excludes the newline. */
struct tb_line {
    const char *text;
    size_t length;
    const struct tb_line_kind *kind;
    unsigned keys; /* how many */
    struct {
        uint16_t at, length;
    } value[TB_LINE_KEYS];
};

extern const struct tb_line_kind tb_line_kinds[TB_TXN_KINDS];
extern const char *const tb_ingredient_names[TB_INGREDIENTS + 1];

/* Where every kind's line has these two: t= txn= by= come first. */
enum { TB_KEY_T, TB_KEY_TXN, TB_KEY_BY };

/* The word of a status ("ok", ... "unfinished"); NULL-terminated list of all. */
extern const char *const tb_status_names[TB_LOG_STATUSES + 1];

/* Writes the line of an ended transaction to `out` (TB_LINE_FIXED bytes and twice the longest
 * name), newline included; fills *line, whose text is `out`. Returns the bytes written. */
size_t tb_line_write(const struct tb_line_source *from, char *out, struct tb_line *line);

/* Reads one line (without its newline). On success fills *line and returns NULL; else returns what
 * is wrong in `why`
 * (>= 200 bytes), and *column (from 1). */
const char *tb_line_read(const char *text, size_t length, struct tb_line *line, size_t *column,
                         char *why);

/* The place of the key in lines of the kind, or -1. */
int tb_line_key(const struct tb_line_kind *kind, const char *name);

/* Whether any kind has a key of that name. */
bool tb_line_key_known(const char *name);

/* The op of a kind and direction; the kind of an op or of a kind's own name (TB_TXN_KINDS: none).
 */
enum tb_txn_kind tb_line_kind_of(const char *word, size_t length);

/* The value of a time key in picoseconds; false for `-`. The text must have been accepted by
 * tb_line_read. */
bool tb_line_time(const struct tb_line *line, unsigned key, tb_time *out);

/* The txn= of a line. */
uint32_t tb_line_number(const struct tb_line *line);

/* The status= of a line. */
enum tb_status tb_line_status(const struct tb_line *line);

/* Writes an unsigned number in decimal; returns its end. */
char *tb_put_decimal(char *out, uint64_t value);
/* Writes picoseconds as nanoseconds with three decimals; returns the end. */
char *tb_put_time(char *out, tb_time value);

#endif
