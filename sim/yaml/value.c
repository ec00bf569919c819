/* Values of parameters: the table of types, and what is done by type or by row. */
#include "yaml/value_type.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* -- The types ------------------------------------------------------------------------------ */

const struct tb_unit tb_units_none[] = {{NULL, 0}};
const struct tb_unit tb_units_time[] = {{"ps", 1},     {"ns", TB_NS}, {"us", TB_US},
                                        {"ms", TB_MS}, {"s", TB_S},   {NULL, 0}};
static const struct tb_unit size_units[] = {
    {"B", 1},
    {"KiB", (uint64_t)1 << 10},
    {"MiB", (uint64_t)1 << 20},
    {"GiB", (uint64_t)1 << 30},
    {"TiB", (uint64_t)1 << 40},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", TB_PS_PER_S},
    {NULL, 0},
};
static const struct tb_unit rate_units[] = {
    {"B/s", 1},
    {"kB/s", 1000},
    {"MB/s", 1000000},
    {"GB/s", 1000000000},
    {"TB/s", TB_PS_PER_S},
    {"KiB/s", (uint64_t)1 << 10},
    {"MiB/s", (uint64_t)1 << 20},
    {"GiB/s", (uint64_t)1 << 30},
    {"TiB/s", (uint64_t)1 << 40},
    {NULL, 0},
};
static const struct tb_unit clock_units[] = {
    {"Hz", 1},           {"kHz", 1000},        {"MHz", 1000000},
    {"GHz", 1000000000}, {"THz", TB_PS_PER_S}, {NULL, 0}};
static const struct tb_unit event_units[] = {
    {"/s", 1},           {"k/s", 1000},        {"M/s", 1000000},
    {"G/s", 1000000000}, {"T/s", TB_PS_PER_S}, {NULL, 0}};

const struct tb_value_type tb_value_types[] = {
    [TB_BOOL] = {.name = "true or false",
                 .size = sizeof(bool),
                 .parse = tb_parse_bool,
                 .print = tb_print_bool},
    [TB_COUNT] = {.name = "number",
                  .units = tb_units_none,
                  .bare = true,
                  .size = sizeof(uint64_t),
                  .parse = tb_parse_whole,
                  .print = tb_print_whole},
    [TB_BYTES] = {.name = "bytes",
                  .units_text = "B KiB MiB GiB TiB kB MB GB TB, or none",
                  .units = size_units,
                  .grain = "byte",
                  .bare = true,
                  .size = sizeof(uint64_t),
                  .parse = tb_parse_whole,
                  .print = tb_print_whole},
    [TB_SIZE] = {.name = "size",
                 .units_text = "B KiB MiB GiB TiB kB MB GB TB",
                 .units = size_units,
                 .grain = "byte",
                 .size = sizeof(uint64_t),
                 .parse = tb_parse_whole,
                 .print = tb_print_whole},
    [TB_TIME] = {.name = "time",
                 .units_text = "ps ns us ms s",
                 .units = tb_units_time,
                 .grain = "picosecond",
                 .size = sizeof(tb_time),
                 .parse = tb_parse_whole,
                 .print = tb_print_whole},
    [TB_RATE] = {.name = "bandwidth",
                 .units_text = "B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s, or as in 4B per 30ns",
                 .units = rate_units,
                 .unlimited = "unlimited",
                 .things = size_units,
                 .size = sizeof(struct tb_rate),
                 .parse = tb_parse_rate,
                 .print = tb_print_rate},
    [TB_CLOCK] = {.name = "clock",
                  .units_text = "Hz kHz MHz GHz, or of a period ps ns us ms s",
                  .units = clock_units,
                  .unlimited = "none",
                  .things = tb_units_none,
                  .period = true,
                  .size = sizeof(struct tb_rate),
                  .parse = tb_parse_rate,
                  .print = tb_print_rate},
    [TB_PER_S] = {.name = "rate",
                  .units_text = "/s k/s M/s G/s, or of a period ps ns us ms s",
                  .units = event_units,
                  .unlimited = "unlimited",
                  .things = tb_units_none,
                  .period = true,
                  .size = sizeof(struct tb_rate),
                  .parse = tb_parse_rate,
                  .print = tb_print_rate},
    [TB_ENUM] = {.name = "word", .size = sizeof(unsigned)},
    [TB_STRING] = {.name = "text",
                   .size = sizeof(char *),
                   .parse = tb_parse_text,
                   .print = tb_print_text},
    [TB_PATH] = {.name = "path",
                 .size = sizeof(char *),
                 .parse = tb_parse_text,
                 .print = tb_print_text},
    [TB_ID] = {.name = "requester ID",
               .size = sizeof(uint16_t),
               .parse = tb_parse_id,
               .print = tb_print_id},
    [TB_GROUP] = {.name = "map"},
    [TB_ITEMS] = {.name = "list"},
    [TB_NUMBERS] = {.name = "list of numbers"},
    [TB_CREDITS] = {.name = "credits",
                    .units = tb_units_none,
                    .unlimited = "unlimited",
                    .bare = true,
                    .size = sizeof(uint64_t),
                    .parse = tb_parse_whole,
                    .print = tb_print_whole},
    [TB_NODE] = {.name = "YAML"},
};

const char *tb_value_name(enum tb_type type)
{
    return tb_value_types[type].name;
}

const char *tb_value_units(enum tb_type type)
{
    return tb_value_types[type].units_text ? tb_value_types[type].units_text : "";
}

bool tb_value_is_scalar(enum tb_type type)
{
    return tb_value_types[type].size != 0;
}

size_t tb_value_size(enum tb_type type)
{
    return tb_value_types[type].size;
}

/* -- By type and by row --------------------------------------------------------------------- */

bool tb_value_parse(enum tb_type type, const char *text, void *to, char *why)
{
    const struct tb_value_type *t = &tb_value_types[type];
    return t->parse ? t->parse(t, text, to, why) : tb_value_wrong(why, "is not a single value");
}

static bool read_word(const struct tb_param *row, const char *text, unsigned *to, char *why)
{
    for (unsigned i = 0; row->names[i]; i++)
        if (!strcmp(row->names[i], text)) {
            *to = i;
            return true;
        }
    const char *near = tb_nearest(text, row->names);
    if (why && near)
        snprintf(why, TB_WHY_SIZE, "is unknown; did you mean '%.60s'?", near);
    return near ? false : tb_value_wrong(why, "is unknown");
}

bool tb_value_read(const struct tb_param *row, const char *text, void *to, char *why)
{
    if (row->type == TB_ENUM)
        return read_word(row, text, to, why);
    return tb_value_parse(row->type, text, to, why);
}

/* Addresses are read in hexadecimal: rows whose default (or else a bound) is written so, and what
 * looks like the beginning of a page above 1 MiB. */
static bool is_address(const struct tb_param *row, uint64_t value)
{
    const char *said = row->def ? row->def : row->min ? row->min : row->max;
    return (said && !strncmp(said, "0x", 2)) || (value >= 0x100000 && value % 4096 == 0);
}

int tb_value_print(const struct tb_param *row, const void *field, char *out, size_t size)
{
    const struct tb_value_type *t = &tb_value_types[row->type];
    if (row->type == TB_ENUM)
        return snprintf(out, size, "%s", row->names[*(const unsigned *)field]);
    if (row->type == TB_COUNT && is_address(row, *(const uint64_t *)field))
        return snprintf(out, size, "0x%llx", (unsigned long long)*(const uint64_t *)field);
    return t->print ? t->print(t, field, out, size) : snprintf(out, size, "%s", "");
}

/* -- Comparing ------------------------------------------------------------------------------ */

bool tb_value_equal(enum tb_type type, const void *a, const void *b)
{
    if (tb_value_types[type].parse != tb_parse_text)
        return !memcmp(a, b, tb_value_types[type].size);
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    return left == right || (left && right && !strcmp(left, right));
}

static int compare_numbers(tb_wide a, tb_wide b)
{
    return (a > b) - (a < b);
}

/* By speed; time 0 is the fastest. */
static int compare_rates(const struct tb_rate *a, const struct tb_rate *b)
{
    if (a->time == 0 || b->time == 0)
        return (a->time == 0) - (b->time == 0);
    return compare_numbers((tb_wide)a->units * b->time, (tb_wide)b->units * a->time);
}

/* Order of two values as the bound `written` means it; a period is larger when it is slower. */
static int compare(const struct tb_param *row, const void *a, const void *b, const char *written)
{
    const struct tb_value_type *t = &tb_value_types[row->type];
    if (t->parse == tb_parse_rate) {
        struct tb_rate left = *(const struct tb_rate *)a, right = *(const struct tb_rate *)b;
        char last = written[strlen(written) - 1];
        bool period = t->period && last == 's' && !strchr(written, '/') && !strstr(written, "per");
        return period ? compare_rates(&right, &left) : compare_rates(&left, &right);
    }
    if (t->size == sizeof(uint16_t))
        return compare_numbers(*(const uint16_t *)a, *(const uint16_t *)b);
    uint64_t less =
        t->unlimited != NULL; /* wraps the 0 that stands for unlimited beyond all others */
    return compare_numbers(*(const uint64_t *)a - less, *(const uint64_t *)b - less);
}

static void read_bound(const struct tb_param *row, const char *text, union tb_value *to)
{
    char why[TB_WHY_SIZE] = "";
    bool good = tb_value_parse(row->type, text, to, why);
    if (!good)
        fprintf(stderr, "parameter table: %s: '%s' %s\n", row->name, text, why);
    assert(good && "a bound in a parameter table does not parse");
}

/* Unlimited: allowed if that is the default, or if no bound says how fast is too fast. */
static bool unlimited_allowed(const struct tb_param *row, const char *word)
{
    return !row->max || (row->def && !strcmp(row->def, word)) || !strcmp(row->max, word);
}

bool tb_value_in_range(const struct tb_param *row, const void *value)
{
    const struct tb_value_type *t = &tb_value_types[row->type];
    union tb_value bound;
    bool is_rate = t->parse == tb_parse_rate;
    uint64_t zero = is_rate ? ((const struct tb_rate *)value)->time : 0;
    if (t->unlimited && (is_rate ? zero == 0 : *(const uint64_t *)value == 0))
        return unlimited_allowed(row, t->unlimited);
    if (row->min) {
        read_bound(row, row->min, &bound);
        if (compare(row, value, &bound, row->min) < 0)
            return false;
    }
    if (row->max) {
        read_bound(row, row->max, &bound);
        return compare(row, value, &bound, row->max) <= 0;
    }
    return true;
}
