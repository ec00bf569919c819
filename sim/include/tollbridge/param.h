/* Parameters: each is said once, in one row of a const table. From the row come parsing with units,
 * range checks, messages, `tollbridge models`, the reference, the resolved platform and the JSON
 * schema.
 *
 * A table describes how a YAML map fills a struct: one row per key, ended by a row without a name.
 * Defaults and bounds are written as a user would write them ("50ns", "4KiB") and parsed by the
 * same parser.
 *
 * Invariants: what tb_params_read accepted is within bounds, every field that has a default is set,
 * and unknown or repeated keys, missing units and fractions finer than a tick were errors.
 */
#ifndef TOLLBRIDGE_PARAM_H
#define TOLLBRIDGE_PARAM_H

#include "tollbridge/diag.h"
#include "tollbridge/node.h"
#include "tollbridge/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tb_type {
    TB_BOOL,  /* bool: true | false */
    TB_COUNT, /* uint64_t: a bare number, decimal, 0x or with _ between digits */
    TB_BYTES, /* uint64_t: a bare number or with a unit: `bytes:`, and sizes of software's things */
    TB_SIZE,  /* uint64_t: needs a unit: B KiB MiB GiB TiB (and kB MB GB TB, powers of ten) */
    TB_TIME,  /* tb_time: needs a unit: ps ns us ms s */
    TB_RATE,  /* struct tb_rate in bytes: B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s, `4B per 30ns`,
                 fractions  `400/3MB/s`; `unlimited` is time 0 */
    TB_CLOCK, /* struct tb_rate in cycles: a period `30ns` or a frequency `33MHz`, `100/3MHz`;
                 `none` is time 0 */
    TB_PER_S, /* struct tb_rate in events: `80M/s`, `1000/s`, or a period; `unlimited` is time 0 */
    TB_ENUM,  /* unsigned: index in `names` */
    TB_STRING, /* const char *: lives as long as the tree it was read from */
    TB_PATH,   /* const char *: a file, made relative to the file that names it */
    TB_ID,     /* uint16_t: requester ID, "00:01.1" */
    TB_GROUP,  /* a nested map: struct at offset, filled by `sub`. With `present`: optional */
    TB_ITEMS, /* struct tb_items: a list of maps, each an element of `size` bytes filled by `sub` */
    TB_NUMBERS, /* struct tb_items of uint64_t: a list of bare numbers */
    TB_CREDITS, /* uint64_t: a bare number >= 1, or `unlimited` (0) */
    TB_NODE     /* const struct tb_node *: taken as it is, checked by whoever reads it */
};

enum {
    TB_REQUIRED = 1, /* no default: must be given */
    TB_OPTIONAL =
        2 /* no default: field keeps its zero (a rate: {1, 0}, unlimited); `present` tells */
};

struct tb_items {
    void *at;                           /* count elements, owned by the reader's arena */
    const struct tb_node *const *nodes; /* the element's node each, for messages */
    size_t count;
};

struct tb_param {
    const char *name;
    enum tb_type type;
    size_t offset;
    const char *def; /* default, as text; NULL: see flags, or zero / empty */
    const char *min,
        *max; /* bounds, as text, both inclusive; NULL: none. TB_ITEMS: of the count (bare numbers);
                 TB_NUMBERS: of each; rates: by speed, a clock's by what they are written as.
                 `unlimited` and `none` are beyond every max but their own, unless the default */
    const char *const *names;   /* TB_ENUM: the allowed words, NULL-terminated */
    const struct tb_param *sub; /* TB_GROUP, TB_ITEMS */
    size_t size;                /* TB_ITEMS: of an element */
    size_t present;             /* offset + 1 of a bool that tells whether it was given; 0: none */
    unsigned flags;
    bool
        short_form; /* a scalar in place of the whole map stands for this row (`wait: interrupt`) */
    const char *doc; /* one sentence, no full stop */
};

/* An arena for what tables make (strings, lists): freed at once. */
struct tb_arena;
struct tb_arena *tb_arena_new(void);
void tb_arena_free(struct tb_arena *a);
/* Zeroed; never NULL: running out of memory ends the process with exit 3 and a message. */
void *tb_arena_get(struct tb_arena *a, size_t size);
char *tb_arena_copy(struct tb_arena *a, const char *text);

/* Fills `to` from a map (NULL: all defaults) by the table. `skip` names keys that somebody else
 * reads (NULL-terminated; NULL: none). Reports every error; returns true if there was none. `node`
 * must be a map, or a value of the short form's kind if the table has one. A group that was not
 * given holds its defaults too. */
bool tb_params_read(const struct tb_param *table, const struct tb_node *node,
                    const char *const *skip, void *to, struct tb_arena *arena,
                    struct tb_diag *diag);

/* Parses one value of a type given as text. false: `why` (NULL or >= 160 bytes) says what was
 * wrong. */
bool tb_value_parse(enum tb_type type, const char *text, void *to, char *why);

/* Writes the value of a field as a user would write it, exactly (what is written parses to the same
 * value). Returns its length; cuts at size like snprintf. */
int tb_value_print(const struct tb_param *row, const void *field, char *out, size_t size);

/* Looks a table row up by name; NULL if there is none. */
const struct tb_param *tb_param_find(const struct tb_param *table, const char *name);

#endif
