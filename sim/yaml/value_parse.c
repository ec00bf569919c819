/* Values as users write them. Everything is exact: a number is a ratio of integers until its unit
 * has made it a whole number of ticks or bytes, or a rate in lowest terms. */
#include "yaml/value_type.h"

#include <stdio.h>
#include <string.h>

#define DIGITS_MAX 24 /* of a number; with the largest scale it stays within 128 bits */
#define RATE_MAX   ((uint64_t)1 << 47) /* neither side of a rate reaches it (tollbridge/time.h) */

/* -- Numbers -------------------------------------------------------------------------------- */

/* A number as it was written: num/den, and what stands behind it. */
struct number {
    tb_wide num, den;
    const char *rest;
    bool whole; /* neither a point nor a slash */
};

bool tb_value_wrong(char *why, const char *what)
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
static const char *read_digits(const char *p, tb_wide *value, unsigned *count)
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
            return tb_value_wrong(why, "is too large (64 bits)");
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
        return tb_value_wrong(why, "has too many digits");
    return n->den ? true : tb_value_wrong(why, "divides by zero");
}

static bool read_decimals(const char *p, struct number *n, unsigned digits, char *why)
{
    unsigned before = digits;
    n->rest = read_digits(p, &n->num, &digits);
    n->whole = false;
    if (digits > DIGITS_MAX)
        return tb_value_wrong(why, "has too many digits");
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
        return tb_value_wrong(why, "is negative");
    if (!is_digit(text[0]))
        return tb_value_wrong(why, "is not a number");
    if (text[0] == '0' && (text[1] | 0x20) == 'x' && hex_digit(text[2]) >= 0)
        return read_hex(text + 2, n, why);
    if (text[0] == '0' && is_digit(text[1]))
        return tb_value_wrong(why, "begins with 0: write 0x for hexadecimal, else leave it out");
    n->rest = read_digits(text, &n->num, &digits);
    if (digits > DIGITS_MAX)
        return tb_value_wrong(why, "has too many digits");
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
static const struct tb_unit *find_unit(const struct tb_unit *units, const char *text,
                                       const char *end)
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

static bool say_units(const struct tb_value_type *t, const char *rest, char *why)
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

tb_wide tb_wide_gcd(tb_wide a, tb_wide b)
{
    while (b) {
        tb_wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* -- Whole numbers: counts, bytes, sizes, times, credits ------------------------------------ */

/* n * scale as a whole number of grains. */
static bool make_whole(const struct tb_value_type *t, const struct number *n, uint64_t scale,
                       uint64_t *to, char *why)
{
    tb_wide common = tb_wide_gcd(n->num, n->den);
    tb_wide num = n->num / common, den = n->den / common;
    tb_wide product = num * scale; /* < 10^24 * 2^40 */
    if (product % den) {
        char text[TB_WHY_SIZE];
        snprintf(text, sizeof text, "is finer than a %s", t->grain ? t->grain : "whole number");
        return tb_value_wrong(why, text);
    }
    if (product / den > UINT64_MAX)
        return tb_value_wrong(why, "is too large (64 bits)");
    *to = (uint64_t)(product / den);
    return true;
}

bool tb_parse_whole(const struct tb_value_type *t, const char *text, void *to, char *why)
{
    struct number n;
    uint64_t value;
    if (t->unlimited && !strcmp(text, t->unlimited)) {
        *(uint64_t *)to = 0;
        return true;
    }
    if (!read_number(text, &n, why))
        return false;
    const struct tb_unit *unit = find_unit(t->units, n.rest, NULL);
    bool bare = t->bare && !*skip_spaces(n.rest);
    if (!unit && !bare)
        return say_units(t, n.rest, why);
    if (!make_whole(t, &n, unit ? unit->scale : 1, &value, why))
        return false;
    if (t->unlimited && value == 0)
        return tb_value_wrong(why, "must be at least 1, or unlimited");
    *(uint64_t *)to = value;
    return true;
}

/* -- Rates ---------------------------------------------------------------------------------- */

/* things/time in lowest terms, if it can be kept. */
static bool make_rate(tb_wide things, tb_wide time, struct tb_rate *to, char *why)
{
    tb_wide common = tb_wide_gcd(things, time);
    if (things == 0)
        return tb_value_wrong(why, "must be more than 0");
    things /= common;
    time /= common;
    if (things >= RATE_MAX || time >= RATE_MAX)
        return tb_value_wrong(why, "is too fine a ratio, too fast or too slow (47 bits)");
    *to = (struct tb_rate){(uint64_t)things, (uint64_t)time};
    return true;
}

/* A time without a unit or with a wrong one is explained by the type it is part of. */
static bool read_period(const struct tb_value_type *t, const char *text, uint64_t *to, char *why)
{
    struct number n;
    if (!read_number(text, &n, why))
        return false;
    const struct tb_unit *unit = find_unit(tb_units_time, n.rest, NULL);
    if (!unit)
        return say_units(t, n.rest, why);
    if (!make_whole(&tb_value_types[TB_TIME], &n, unit->scale, to, why))
        return false;
    return *to ? true : tb_value_wrong(why, "must take some time");
}

/* "4B per 30ns", "2 per 15ns" */
static bool parse_per(const struct tb_value_type *t, const struct number *n, const char *per,
                      struct tb_rate *to, char *why)
{
    uint64_t things, time;
    const struct tb_unit *unit = find_unit(t->things, n->rest, per);
    bool bare = t->things == tb_units_none && skip_spaces(n->rest) == per;
    struct tb_value_type thing = {.grain = t->things == tb_units_none ? NULL : "byte"};
    if (!unit && !bare)
        return say_units(t, n->rest, why);
    return make_whole(&thing, n, unit ? unit->scale : 1, &things, why) &&
           read_period(t, skip_spaces(per + 3), &time, why) && make_rate(things, time, to, why);
}

bool tb_parse_rate(const struct tb_value_type *t, const char *text, void *to, char *why)
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
    const struct tb_unit *unit = find_unit(t->units, n.rest, NULL);
    if (unit)
        return make_rate(n.num * unit->scale, n.den * TB_PS_PER_S, rate, why);
    if (!t->period)
        return say_units(t, n.rest, why);
    uint64_t period;
    return read_period(t, text, &period, why) && make_rate(1, period, rate, why);
}

/* -- The other scalars ---------------------------------------------------------------------- */

bool tb_parse_bool(const struct tb_value_type *t, const char *text, void *to, char *why)
{
    (void)t;
    bool yes = !strcmp(text, "true");
    if (!yes && strcmp(text, "false"))
        return tb_value_wrong(why, "is neither true nor false");
    *(bool *)to = yes;
    return true;
}

bool tb_parse_text(const struct tb_value_type *t, const char *text, void *to, char *why)
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
bool tb_parse_id(const struct tb_value_type *t, const char *text, void *to, char *why)
{
    (void)t;
    unsigned bus, device;
    const char *p = read_byte(text, &bus);
    p = p && *p == ':' ? read_byte(p + 1, &device) : NULL;
    if (!p || *p != '.' || p[1] < '0' || p[1] > '7' || p[2] || device > 0x1f)
        return tb_value_wrong(
            why, "is not a requester ID such as 00:01.1 (bus 00 to ff, device 00 to 1f, "
                 "function 0 to 7)");
    *(uint16_t *)to = (uint16_t)(bus << 8 | device << 3 | (unsigned)(p[1] - '0'));
    return true;
}
