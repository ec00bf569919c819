/* Values written as users write them: the shortest text that parses back to the same value. */
#include "yaml/value_type.h"

#include <stdio.h>
#include <string.h>

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
static bool write_decimal(tb_wide num, tb_wide den, char *out, size_t size)
{
    unsigned places = 0;
    tb_wide scale = 1;
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
static void offer_ratio(struct best *b, tb_wide num, tb_wide den, const char *unit, bool fractions)
{
    char number[TB_VALUE_SIZE / 2], text[TB_VALUE_SIZE];
    tb_wide common = tb_wide_gcd(num, den);
    num /= common;
    den /= common;
    if (num < den)
        return;
    bool fits = num <= UINT64_MAX && den < TB_PS_PER_S * 1000;
    if (!write_decimal(num, den, number, sizeof number)) {
        if (!fractions || !fits)
            return;
        snprintf(number, sizeof number, "%llu/%llu", (unsigned long long)num,
                 (unsigned long long)den);
    }
    snprintf(text, sizeof text, "%s%s", number, unit);
    offer(b, text);
}

int tb_print_whole(const struct tb_value_type *t, const void *field, char *out, size_t size)
{
    uint64_t value = *(const uint64_t *)field;
    struct best best = {.length = 0};
    if (t->unlimited && value == 0)
        return snprintf(out, size, "%s", t->unlimited);
    if (t->units == tb_units_none || (t->bare && value < 1024))
        return snprintf(out, size, "%llu", (unsigned long long)value);
    if (value == 0)
        return snprintf(out, size, "0%s", t == &tb_value_types[TB_TIME] ? "ns" : t->units->name);
    for (const struct tb_unit *u = t->units; u->name; u++)
        offer_ratio(&best, value, u->scale, u->name, false);
    return put(&best, out, size);
}

static void offer_per(struct best *b, const struct tb_value_type *t, const struct tb_rate *r)
{
    char time[TB_VALUE_SIZE / 2], text[TB_VALUE_SIZE];
    tb_print_whole(&tb_value_types[TB_TIME], &r->time, time, sizeof time);
    snprintf(text, sizeof text, "%llu%s per %s", (unsigned long long)r->units,
             t->things == tb_units_none ? "" : "B", time);
    offer(b, text);
    if (t == &tb_value_types[TB_CLOCK] && r->units == 1)
        offer(b, time);
}

int tb_print_rate(const struct tb_value_type *t, const void *field, char *out, size_t size)
{
    const struct tb_rate *r = field;
    struct best best = {.length = 0};
    if (r->time == 0)
        return snprintf(out, size, "%s", t->unlimited);
    for (const struct tb_unit *u = t->units; u->name; u++)
        offer_ratio(&best, (tb_wide)r->units * TB_PS_PER_S, (tb_wide)r->time * u->scale, u->name,
                    true);
    offer_per(&best, t, r);
    return put(&best, out, size);
}

int tb_print_bool(const struct tb_value_type *t, const void *field, char *out, size_t size)
{
    (void)t;
    return snprintf(out, size, "%s", *(const bool *)field ? "true" : "false");
}

int tb_print_text(const struct tb_value_type *t, const void *field, char *out, size_t size)
{
    (void)t;
    const char *text = *(const char *const *)field;
    return snprintf(out, size, "%s", text ? text : "");
}

int tb_print_id(const struct tb_value_type *t, const void *field, char *out, size_t size)
{
    (void)t;
    unsigned id = *(const uint16_t *)field;
    return snprintf(out, size, "%02x:%02x.%x", id >> 8, id >> 3 & 0x1f, id & 7);
}
