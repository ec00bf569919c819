/* What a type of parameter is: shared by value.c (the table of types), value_parse.c and
 * value_print.c. */
#ifndef SIM_VALUE_TYPE_H
#define SIM_VALUE_TYPE_H

#include "yaml/value.h"

/* Ratios of integers until a unit has made them whole. */
typedef unsigned __int128 tb_wide;

#define TB_PS_PER_S ((uint64_t)1000000000000)

struct tb_unit {
    const char *name; /* NULL ends a table */
    uint64_t scale;
};

extern const struct tb_unit tb_units_none[];
extern const struct tb_unit tb_units_time[];

/* What a type is; `parse` gets the row of this table as `t`. */
struct tb_value_type {
    const char *name;
    const char *units_text; /* for people */
    const struct tb_unit *units;
    const char *grain;            /* what a value is a whole number of */
    const char *unlimited;        /* the word for no limit */
    const struct tb_unit *things; /* of a rate: units of N in "N per TIME" */
    bool period;                  /* of a rate: a bare time is the time of one thing */
    bool bare;                    /* of a whole number: may stand without a unit */
    size_t size;
    bool (*parse)(const struct tb_value_type *t, const char *text, void *to, char *why);
    int (*print)(const struct tb_value_type *t, const void *field, char *out, size_t size);
};

/* By enum tb_type. */
extern const struct tb_value_type tb_value_types[];

/* Says in `why` (NULL: to nobody) what is wrong with a value; returns false. */
bool tb_value_wrong(char *why, const char *what);

tb_wide tb_wide_gcd(tb_wide a, tb_wide b);

bool tb_parse_bool(const struct tb_value_type *t, const char *text, void *to, char *why);
bool tb_parse_whole(const struct tb_value_type *t, const char *text, void *to, char *why);
bool tb_parse_rate(const struct tb_value_type *t, const char *text, void *to, char *why);
bool tb_parse_text(const struct tb_value_type *t, const char *text, void *to, char *why);
bool tb_parse_id(const struct tb_value_type *t, const char *text, void *to, char *why);
int tb_print_bool(const struct tb_value_type *t, const void *field, char *out, size_t size);
int tb_print_whole(const struct tb_value_type *t, const void *field, char *out, size_t size);
int tb_print_rate(const struct tb_value_type *t, const void *field, char *out, size_t size);
int tb_print_text(const struct tb_value_type *t, const void *field, char *out, size_t size);
int tb_print_id(const struct tb_value_type *t, const void *field, char *out, size_t size);

#endif
