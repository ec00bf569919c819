/* Values as users write them. Everything is exact: a number is a ratio of integers until its unit
 * has made it a whole number of ticks or bytes, or a rate in lowest terms. */
#include "value.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 wide;

#define DIGITS_MAX 24 /* of a number; with the largest scale it stays within 128 bits */
#define RATE_MAX   ((uint64_t)1 << 47) /* neither side of a rate reaches it (tollbridge/time.h) */
#define SECOND     ((uint64_t)1000000000000)

struct unit {
    const char *name;
    uint64_t scale;
};

/* -- The types ------------------------------------------------------------------------------ */

static const struct unit no_units[] = {{NULL, 0}};
static const struct unit time_units[] = {{"ps", 1},     {"ns", TB_NS}, {"us", TB_US},
                                         {"ms", TB_MS}, {"s", TB_S},   {NULL, 0}};
static const struct unit size_units[] = {
    {"B", 1},
    {"KiB", (uint64_t)1 << 10},
    {"MiB", (uint64_t)1 << 20},
    {"GiB", (uint64_t)1 << 30},
    {"TiB", (uint64_t)1 << 40},
    {"kB", 1000},
    {"MB", 1000000},
    {"GB", 1000000000},
    {"TB", SECOND},
    {NULL, 0},
};
static const struct unit rate_units[] = {
    {"B/s", 1},
    {"kB/s", 1000},
    {"MB/s", 1000000},
    {"GB/s", 1000000000},
    {"TB/s", SECOND},
    {"KiB/s", (uint64_t)1 << 10},
    {"MiB/s", (uint64_t)1 << 20},
    {"GiB/s", (uint64_t)1 << 30},
    {"TiB/s", (uint64_t)1 << 40},
    {NULL, 0},
};
static const struct unit clock_units[] = {{"Hz", 1},           {"kHz", 1000},   {"MHz", 1000000},
                                          {"GHz", 1000000000}, {"THz", SECOND}, {NULL, 0}};
static const struct unit event_units[] = {{"/s", 1},           {"k/s", 1000},   {"M/s", 1000000},
                                          {"G/s", 1000000000}, {"T/s", SECOND}, {NULL, 0}};

/* What a type is; `parse` gets the row of this table as `t`. */
struct type {
    const char *name;
    const char *units_text; /* for people */
    const struct unit *units;
    const char *grain;         /* what a value is a whole number of */
    const char *unlimited;     /* the word for no limit */
    const struct unit *things; /* of a rate: units of N in "N per TIME" */
    bool period;               /* of a rate: a bare time is the time of one thing */
    bool bare;                 /* of a whole number: may stand without a unit */
    size_t size;
    bool (*parse)(const struct type *t, const char *text, void *to, char *why);
    int (*print)(const struct type *t, const void *field, char *out, size_t size);
};

static bool parse_bool(const struct type *t, const char *text, void *to, char *why);
static bool parse_whole(const struct type *t, const char *text, void *to, char *why);
static bool parse_rate(const struct type *t, const char *text, void *to, char *why);
static bool parse_text(const struct type *t, const char *text, void *to, char *why);
static bool parse_id(const struct type *t, const char *text, void *to, char *why);
static int print_bool(const struct type *t, const void *field, char *out, size_t size);
static int print_whole(const struct type *t, const void *field, char *out, size_t size);
static int print_rate(const struct type *t, const void *field, char *out, size_t size);
static int print_text(const struct type *t, const void *field, char *out, size_t size);
static int print_id(const struct type *t, const void *field, char *out, size_t size);

static const struct type types[] = {
    [TB_BOOL] = {.name = "true or false",
                 .size = sizeof(bool),
                 .parse = parse_bool,
                 .print = print_bool},
    [TB_COUNT] = {.name = "number",
                  .units = no_units,
                  .bare = true,
                  .size = sizeof(uint64_t),
                  .parse = parse_whole,
                  .print = print_whole},
    [TB_BYTES] = {.name = "bytes",
                  .units_text = "B KiB MiB GiB TiB kB MB GB TB, or none",
                  .units = size_units,
                  .grain = "byte",
                  .bare = true,
                  .size = sizeof(uint64_t),
                  .parse = parse_whole,
                  .print = print_whole},
    [TB_SIZE] = {.name = "size",
                 .units_text = "B KiB MiB GiB TiB kB MB GB TB",
                 .units = size_units,
                 .grain = "byte",
                 .size = sizeof(uint64_t),
                 .parse = parse_whole,
                 .print = print_whole},
    [TB_TIME] = {.name = "time",
                 .units_text = "ps ns us ms s",
                 .units = time_units,
                 .grain = "picosecond",
                 .size = sizeof(tb_time),
                 .parse = parse_whole,
                 .print = print_whole},
    [TB_RATE] = {.name = "bandwidth",
                 .units_text = "B/s kB/s MB/s GB/s KiB/s MiB/s GiB/s, or as in 4B per 30ns",
                 .units = rate_units,
                 .unlimited = "unlimited",
                 .things = size_units,
                 .size = sizeof(struct tb_rate),
                 .parse = parse_rate,
                 .print = print_rate},
    [TB_CLOCK] = {.name = "clock",
                  .units_text = "Hz kHz MHz GHz, or of a period ps ns us ms s",
                  .units = clock_units,
                  .unlimited = "none",
                  .things = no_units,
                  .period = true,
                  .size = sizeof(struct tb_rate),
                  .parse = parse_rate,
                  .print = print_rate},
    [TB_PER_S] = {.name = "rate",
                  .units_text = "/s k/s M/s G/s, or of a period ps ns us ms s",
                  .units = event_units,
                  .unlimited = "unlimited",
                  .things = no_units,
                  .period = true,
                  .size = sizeof(struct tb_rate),
                  .parse = parse_rate,
                  .print = print_rate},
    [TB_ENUM] = {.name = "word", .size = sizeof(unsigned)},
    [TB_STRING] = {.name = "text",
                   .size = sizeof(char *),
                   .parse = parse_text,
                   .print = print_text},
    [TB_PATH] = {.name = "path", .size = sizeof(char *), .parse = parse_text, .print = print_text},
    [TB_ID] = {.name = "requester ID",
               .size = sizeof(uint16_t),
               .parse = parse_id,
               .print = print_id},
    [TB_GROUP] = {.name = "map"},
    [TB_ITEMS] = {.name = "list"},
    [TB_NUMBERS] = {.name = "list of numbers"},
    [TB_CREDITS] = {.name = "credits",
                    .units = no_units,
                    .unlimited = "unlimited",
                    .bare = true,
                    .size = sizeof(uint64_t),
                    .parse = parse_whole,
                    .print = print_whole},
    [TB_NODE] = {.name = "YAML"},
};

const char *tb_value_name(enum tb_type type)
{
    return types[type].name;
}

const char *tb_value_units(enum tb_type type)
{
    return types[type].units_text ? types[type].units_text : "";
}

bool tb_value_is_scalar(enum tb_type type)
{
    return types[type].size != 0;
}

size_t tb_value_size(enum tb_type type)
{
    return types[type].size;
}

/* -- Numbers -------------------------------------------------------------------------------- */

/* A number as it was written: num/den, and what stands behind it. */
struct number {
    wide num, den;
    const char *rest;
    bool whole; /* neither a point nor a slash */
};

static bool say(char *why, const char *what)
{
    if (why)
        snprintf(why, TB_WHY_SIZE, "%s", what);
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Reads digits, with single '_' between them; *count says how many. The value is kept while it
 * fits. */
static const char *read_digits(const char *p, wide *value, unsigned *count)
{
    while (is_digit(*p) || (*p == '_' && *count && is_digit(p[1]))) {
        if (*p != '_' && ++*count <= DIGITS_MAX)
            *value = *value * 10 + (unsigned)(*p - '0');
        p++;
    }
    return p;
}

static bool read_hex(const char *p, struct number *n, char *why)
{
    unsigned digits = 0;
    for (; hex_digit(*p) >= 0 || (*p == '_' && digits && hex_digit(p[1]) >= 0); p++) {
        if (*p == '_')
            continue;
        digits += digits || *p != '0';
        if (digits > 16)
            return say(why, "is too large (64 bits)");
        n->num = n->num << 4 | (unsigned)hex_digit(*p);
    }
    n->rest = p;
    return true;
}

static bool read_denominator(const char *p, struct number *n, char *why)
{
    unsigned digits = 0;
    n->den = 0;
    n->rest = read_digits(p, &n->den, &digits);
    n->whole = false;
    if (digits > 18 || n->num > UINT64_MAX)
        return say(why, "has too many digits");
    return n->den ? true : say(why, "divides by zero");
}

static bool read_decimals(const char *p, struct number *n, unsigned digits, char *why)
{
    unsigned before = digits;
    n->rest = read_digits(p, &n->num, &digits);
    n->whole = false;
    if (digits > DIGITS_MAX)
        return say(why, "has too many digits");
    for (unsigned i = before; i < digits; i++)
        n->den *= 10;
    return true;
}

/* number = "0x" hex+ | digit+ | digit+ "." digit+ | digit+ "/" digit+ */
static bool read_number(const char *text, struct number *n, char *why)
{
    unsigned digits = 0;
    *n = (struct number){.den = 1, .whole = true, .rest = text};
    if (text[0] == '-' && is_digit(text[1]))
        return say(why, "is negative");
    if (!is_digit(text[0]))
        return say(why, "is not a number");
    if (text[0] == '0' && (text[1] | 0x20) == 'x' && hex_digit(text[2]) >= 0)
        return read_hex(text + 2, n, why);
    if (text[0] == '0' && is_digit(text[1]))
        return say(why, "begins with 0: write 0x for hexadecimal, else leave it out");
    n->rest = read_digits(text, &n->num, &digits);
    if (digits > DIGITS_MAX)
        return say(why, "has too many digits");
    if (n->rest[0] == '.' && is_digit(n->rest[1]))
        return read_decimals(n->rest + 1, n, digits, why);
    if (n->rest[0] == '/' && is_digit(n->rest[1]))
        return read_denominator(n->rest + 1, n, why);
    return true;
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* The unit whose name is the text up to `end` (NULL: its end), spaces aside. */
static const struct unit *find_unit(const struct unit *units, const char *text, const char *end)
{
    text = skip_spaces(text);
    size_t length = end ? (size_t)(end - text) : strlen(text);
    while (length && text[length - 1] == ' ')
        length--;
    for (; units->name; units++)
        if (strlen(units->name) == length && !memcmp(units->name, text, length))
            return units;
    return NULL;
}

static bool say_units(const struct type *t, const char *rest, char *why)
{
    rest = skip_spaces(rest);
    if (!why)
        return false;
    if (!t->units_text)
        snprintf(why, TB_WHY_SIZE, "is not a bare number");
    else if (!*rest)
        snprintf(why, TB_WHY_SIZE, "needs a unit (%s)", t->units_text);
    else
        snprintf(why, TB_WHY_SIZE, "has the unknown unit '%.20s' (known: %s)", rest, t->units_text);
    return false;
}

static wide gcd(wide a, wide b)
{
    while (b) {
        wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* -- Whole numbers: counts, bytes, sizes, times, credits ------------------------------------ */

/* n * scale as a whole number of grains. */
static bool make_whole(const struct type *t, const struct number *n, uint64_t scale, uint64_t *to,
                       char *why)
{
    wide common = gcd(n->num, n->den);
    wide num = n->num / common, den = n->den / common;
    wide product = num * scale; /* < 10^24 * 2^40 */
    if (product % den) {
        char text[TB_WHY_SIZE];
        snprintf(text, sizeof text, "is finer than a %s", t->grain ? t->grain : "whole number");
        return say(why, text);
    }
    if (product / den > UINT64_MAX)
        return say(why, "is too large (64 bits)");
    *to = (uint64_t)(product / den);
    return true;
}

static bool parse_whole(const struct type *t, const char *text, void *to, char *why)
{
    struct number n;
    uint64_t value;
    if (t->unlimited && !strcmp(text, t->unlimited)) {
        *(uint64_t *)to = 0;
        return true;
    }
    if (!read_number(text, &n, why))
        return false;
    const struct unit *unit = find_unit(t->units, n.rest, NULL);
    bool bare = t->bare && !*skip_spaces(n.rest);
    if (!unit && !bare)
        return say_units(t, n.rest, why);
    if (!make_whole(t, &n, unit ? unit->scale : 1, &value, why))
        return false;
    if (t->unlimited && value == 0)
        return say(why, "must be at least 1, or unlimited");
    *(uint64_t *)to = value;
    return true;
}

/* -- Rates ---------------------------------------------------------------------------------- */

/* things/time in lowest terms, if it can be kept. */
static bool make_rate(wide things, wide time, struct tb_rate *to, char *why)
{
    wide common = gcd(things, time);
    if (things == 0)
        return say(why, "must be more than 0");
    things /= common;
    time /= common;
    if (things >= RATE_MAX || time >= RATE_MAX)
        return say(why, "is too fine a ratio, too fast or too slow (47 bits)");
    *to = (struct tb_rate){(uint64_t)things, (uint64_t)time};
    return true;
}

/* A time without a unit or with a wrong one is explained by the type it is part of. */
static bool read_period(const struct type *t, const char *text, uint64_t *to, char *why)
{
    struct number n;
    if (!read_number(text, &n, why))
        return false;
    const struct unit *unit = find_unit(time_units, n.rest, NULL);
    if (!unit)
        return say_units(t, n.rest, why);
    if (!make_whole(&types[TB_TIME], &n, unit->scale, to, why))
        return false;
    return *to ? true : say(why, "must take some time");
}

/* "4B per 30ns", "2 per 15ns" */
static bool parse_per(const struct type *t, const struct number *n, const char *per,
                      struct tb_rate *to, char *why)
{
    uint64_t things, time;
    const struct unit *unit = find_unit(t->things, n->rest, per);
    bool bare = t->things == no_units && skip_spaces(n->rest) == per;
    struct type thing = {.grain = t->things == no_units ? NULL : "byte"};
    if (!unit && !bare)
        return say_units(t, n->rest, why);
    return make_whole(&thing, n, unit ? unit->scale : 1, &things, why) &&
           read_period(t, skip_spaces(per + 3), &time, why) && make_rate(things, time, to, why);
}

static bool parse_rate(const struct type *t, const char *text, void *to, char *why)
{
    struct number n;
    struct tb_rate *rate = to;
    if (!strcmp(text, t->unlimited)) {
        *rate = (struct tb_rate){1, 0};
        return true;
    }
    if (!read_number(text, &n, why))
        return false;
    const char *per = strstr(n.rest, "per ");
    if (per)
        return parse_per(t, &n, per, rate, why);
    const struct unit *unit = find_unit(t->units, n.rest, NULL);
    if (unit)
        return make_rate(n.num * unit->scale, n.den * SECOND, rate, why);
    if (!t->period)
        return say_units(t, n.rest, why);
    uint64_t period;
    return read_period(t, text, &period, why) && make_rate(1, period, rate, why);
}

/* -- The other scalars ---------------------------------------------------------------------- */

static bool parse_bool(const struct type *t, const char *text, void *to, char *why)
{
    (void)t;
    bool yes = !strcmp(text, "true");
    if (!yes && strcmp(text, "false"))
        return say(why, "is neither true nor false");
    *(bool *)to = yes;
    return true;
}

static bool parse_text(const struct type *t, const char *text, void *to, char *why)
{
    (void)t;
    (void)why;
    *(const char **)to = text;
    return true;
}

/* One or two hexadecimal digits. */
static const char *read_byte(const char *p, unsigned *value)
{
    if (hex_digit(*p) < 0)
        return NULL;
    *value = (unsigned)hex_digit(*p++);
    if (hex_digit(*p) >= 0)
        *value = *value << 4 | (unsigned)hex_digit(*p++);
    return p;
}

/* bus:device.function, as lspci writes it */
static bool parse_id(const struct type *t, const char *text, void *to, char *why)
{
    (void)t;
    unsigned bus, device;
    const char *p = read_byte(text, &bus);
    p = p && *p == ':' ? read_byte(p + 1, &device) : NULL;
    if (!p || *p != '.' || p[1] < '0' || p[1] > '7' || p[2] || device > 0x1f)
        return say(why, "is not a requester ID such as 00:01.1 (bus 00 to ff, device 00 to 1f, "
                        "function 0 to 7)");
    *(uint16_t *)to = (uint16_t)(bus << 8 | device << 3 | (unsigned)(p[1] - '0'));
    return true;
}

bool tb_value_parse(enum tb_type type, const char *text, void *to, char *why)
{
    const struct type *t = &types[type];
    return t->parse ? t->parse(t, text, to, why) : say(why, "is not a single value");
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
    return near ? false : say(why, "is unknown");
}

bool tb_value_read(const struct tb_param *row, const char *text, void *to, char *why)
{
    if (row->type == TB_ENUM)
        return read_word(row, text, to, why);
    return tb_value_parse(row->type, text, to, why);
}

/* -- Printing: the shortest text that parses back to the same value -------------------------- */

struct best {
    char text[TB_VALUE_SIZE];
    int length; /* 0: none yet */
};

static void offer(struct best *b, const char *text)
{
    int length = (int)strlen(text);
    if (b->length && b->length <= length)
        return;
    b->length = length;
    snprintf(b->text, sizeof b->text, "%s", text);
}

static int put(const struct best *b, char *out, size_t size)
{
    return snprintf(out, size, "%s", b->text);
}

/* num/den (lowest terms) as a decimal number of at most six places; false if it is none. */
static bool write_decimal(wide num, wide den, char *out, size_t size)
{
    unsigned places = 0;
    wide scale = 1;
    while (scale % den && places < 6) {
        scale *= 10;
        places++;
    }
    if (scale % den || num / den > UINT64_MAX)
        return false;
    uint64_t fraction = (uint64_t)(num % den * (scale / den));
    if (places == 0)
        snprintf(out, size, "%llu", (unsigned long long)(num / den));
    else
        snprintf(out, size, "%llu.%0*llu", (unsigned long long)(num / den), (int)places,
                 (unsigned long long)fraction);
    return true;
}

/* num/den of a unit, if that is at least one of it: as a decimal number, or a fraction where
 * allowed. */
static void offer_ratio(struct best *b, wide num, wide den, const char *unit, bool fractions)
{
    char number[TB_VALUE_SIZE / 2], text[TB_VALUE_SIZE];
    wide common = gcd(num, den);
    num /= common;
    den /= common;
    if (num < den)
        return;
    bool fits = num <= UINT64_MAX && den < SECOND * 1000;
    if (!write_decimal(num, den, number, sizeof number)) {
        if (!fractions || !fits)
            return;
        snprintf(number, sizeof number, "%llu/%llu", (unsigned long long)num,
                 (unsigned long long)den);
    }
    snprintf(text, sizeof text, "%s%s", number, unit);
    offer(b, text);
}

static int print_whole(const struct type *t, const void *field, char *out, size_t size)
{
    uint64_t value = *(const uint64_t *)field;
    struct best best = {.length = 0};
    if (t->unlimited && value == 0)
        return snprintf(out, size, "%s", t->unlimited);
    if (t->units == no_units || (t->bare && value < 1024))
        return snprintf(out, size, "%llu", (unsigned long long)value);
    if (value == 0)
        return snprintf(out, size, "0%s", t == &types[TB_TIME] ? "ns" : t->units->name);
    for (const struct unit *u = t->units; u->name; u++)
        offer_ratio(&best, value, u->scale, u->name, false);
    return put(&best, out, size);
}

static void offer_per(struct best *b, const struct type *t, const struct tb_rate *r)
{
    char time[TB_VALUE_SIZE / 2], text[TB_VALUE_SIZE];
    print_whole(&types[TB_TIME], &r->time, time, sizeof time);
    snprintf(text, sizeof text, "%llu%s per %s", (unsigned long long)r->units,
             t->things == no_units ? "" : "B", time);
    offer(b, text);
    if (t == &types[TB_CLOCK] && r->units == 1)
        offer(b, time);
}

static int print_rate(const struct type *t, const void *field, char *out, size_t size)
{
    const struct tb_rate *r = field;
    struct best best = {.length = 0};
    if (r->time == 0)
        return snprintf(out, size, "%s", t->unlimited);
    for (const struct unit *u = t->units; u->name; u++)
        offer_ratio(&best, (wide)r->units * SECOND, (wide)r->time * u->scale, u->name, true);
    offer_per(&best, t, r);
    return put(&best, out, size);
}

static int print_bool(const struct type *t, const void *field, char *out, size_t size)
{
    (void)t;
    return snprintf(out, size, "%s", *(const bool *)field ? "true" : "false");
}

static int print_text(const struct type *t, const void *field, char *out, size_t size)
{
    (void)t;
    const char *text = *(const char *const *)field;
    return snprintf(out, size, "%s", text ? text : "");
}

static int print_id(const struct type *t, const void *field, char *out, size_t size)
{
    (void)t;
    unsigned id = *(const uint16_t *)field;
    return snprintf(out, size, "%02x:%02x.%x", id >> 8, id >> 3 & 0x1f, id & 7);
}

/* A row whose default or bounds are written in hexadecimal holds addresses. */
static bool is_hex(const struct tb_param *row)
{
    const char *said[] = {row->def, row->min, row->max};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++)
        if (said[i] && !strncmp(said[i], "0x", 2))
            return true;
    return false;
}

int tb_value_print(const struct tb_param *row, const void *field, char *out, size_t size)
{
    const struct type *t = &types[row->type];
    if (row->type == TB_ENUM)
        return snprintf(out, size, "%s", row->names[*(const unsigned *)field]);
    if (row->type == TB_COUNT && is_hex(row))
        return snprintf(out, size, "0x%llx", (unsigned long long)*(const uint64_t *)field);
    return t->print ? t->print(t, field, out, size) : snprintf(out, size, "%s", "");
}

/* -- Comparing ------------------------------------------------------------------------------ */

bool tb_value_equal(enum tb_type type, const void *a, const void *b)
{
    if (types[type].parse != parse_text)
        return !memcmp(a, b, types[type].size);
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    return left == right || (left && right && !strcmp(left, right));
}

static int compare_numbers(wide a, wide b)
{
    return (a > b) - (a < b);
}

/* By speed; time 0 is the fastest. */
static int compare_rates(const struct tb_rate *a, const struct tb_rate *b)
{
    if (a->time == 0 || b->time == 0)
        return (a->time == 0) - (b->time == 0);
    return compare_numbers((wide)a->units * b->time, (wide)b->units * a->time);
}

/* Order of two values as the bound `written` means it; a period is larger when it is slower. */
static int compare(const struct tb_param *row, const void *a, const void *b, const char *written)
{
    const struct type *t = &types[row->type];
    if (t->parse == parse_rate) {
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
    const struct type *t = &types[row->type];
    union tb_value bound;
    bool is_rate = t->parse == parse_rate;
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
