/* Values of parameters: what value.c shares with the tables' reader and writers, beyond
 * tb_value_parse and tb_value_print of tollbridge/param.h. */
#ifndef SIM_VALUE_H
#define SIM_VALUE_H

#include "tollbridge/param.h"

/* Room for any scalar field but a string. */
union tb_value {
    bool flag;
    uint64_t number;
    tb_time time;
    struct tb_rate rate;
    unsigned choice;
    uint16_t id;
    const char *text;
};

#define TB_WHY_SIZE 160
/* What tb_value_print writes of anything but a string fits here. */
#define TB_VALUE_SIZE 96

/* What a value of the type is called in a message or a reference: "time", "size", ... */
const char *tb_value_name(enum tb_type type);
/* The units of a type, for people: "ps ns us ms s"; "" if it has none. */
const char *tb_value_units(enum tb_type type);
/* Is it one value, written as one YAML scalar? */
bool tb_value_is_scalar(enum tb_type type);
/* Bytes that a field of a scalar type takes. */
size_t tb_value_size(enum tb_type type);
/* Is the field the same in both? (Texts are compared as texts.) */
bool tb_value_equal(enum tb_type type, const void *a, const void *b);

/* Parses the text of a row's value, words of TB_ENUM included. */
bool tb_value_read(const struct tb_param *row, const char *text, void *to, char *why);
/* Is the value within the row's bounds? Unlimited rates and credits are beyond every maximum unless
 * the row's default is unlimited; bounds of clocks are periods or frequencies as they are written.
 */
bool tb_value_in_range(const struct tb_param *row, const void *value);

#endif
