#include "suite.h"
#include "yaml/value.h"

#include <string.h>

static struct tb_param row_of(enum tb_type type)
{
    return (struct tb_param){.name = "x", .type = type};
}

/* -- Parsing -------------------------------------------------------------------------------- */

struct number_case {
    enum tb_type type;
    const char *text;
    uint64_t value;
};

static const struct number_case numbers[] = {
    {TB_COUNT, "0", 0},
    {TB_COUNT, "18446744073709551615", UINT64_MAX},
    {TB_COUNT, "0xffffffffffffffff", UINT64_MAX},
    {TB_COUNT, "0x00000000000000000010", 16},
    {TB_COUNT, "1_000_000", 1000000},
    {TB_COUNT, "0xFEE0_0000", 0xfee00000},
    {TB_COUNT, "4/2", 2},
    {TB_COUNT, "2.0", 2},
    {TB_BYTES, "64", 64},
    {TB_BYTES, "64KiB", 65536},
    {TB_BYTES, "0x10", 16},
    {TB_SIZE, "4KiB", 4096},
    {TB_SIZE, "1.5KiB", 1536},
    {TB_SIZE, "0.5 KiB", 512},
    {TB_SIZE, "4GiB", (uint64_t)4 << 30},
    {TB_SIZE, "1TiB", (uint64_t)1 << 40},
    {TB_SIZE, "1kB", 1000},
    {TB_SIZE, "2TB", 2000000000000},
    {TB_SIZE, "18446744073709551615B", UINT64_MAX},
    {TB_SIZE, "0B", 0},
    {TB_TIME, "1ps", 1},
    {TB_TIME, "1.5ns", 1500},
    {TB_TIME, "50 ns", 50000},
    {TB_TIME, "0.001ns", 1},
    {TB_TIME, "2us", 2000000},
    {TB_TIME, "10ms", 10000000000},
    {TB_TIME, "1s", 1000000000000},
    {TB_TIME, "18446744.073709551615s", UINT64_MAX},
    {TB_TIME, "1/4ns", 250},
    {TB_CREDITS, "8", 8},
    {TB_CREDITS, "unlimited", 0},
};

static void test_numbers(void)
{
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uint64_t value = 77;
        char why[TB_WHY_SIZE] = "";
        bool good = tb_value_parse(numbers[i].type, numbers[i].text, &value, why);
        if (!good || value != numbers[i].value)
            fprintf(stderr, "%s: %s\n", numbers[i].text, why);
        CU_ASSERT(good);
        CU_ASSERT_EQUAL(value, numbers[i].value);
    }
}

struct rate_case {
    enum tb_type type;
    const char *text;
    uint64_t units, time;
};

static const struct rate_case rates[] = {
    {TB_RATE, "12.8GB/s", 8, 625},
    {TB_RATE, "133MB/s", 133, 1000000},
    {TB_RATE, "4B per 30ns", 1, 7500},
    {TB_RATE, "4 B per 1.5 ns", 1, 375},
    {TB_RATE, "1KiB per 1us", 16, 15625},
    {TB_RATE, "400/3MB/s", 1, 7500},
    {TB_RATE, "1B/s", 1, TB_S},
    {TB_RATE, "1GiB/s", 262144, 244140625},
    {TB_RATE, "unlimited", 1, 0},
    {TB_CLOCK, "30ns", 1, 30000},
    {TB_CLOCK, "33MHz", 33, 1000000},
    {TB_CLOCK, "100/3MHz", 1, 30000},
    {TB_CLOCK, "3GHz", 3, 1000},
    {TB_CLOCK, "1Hz", 1, TB_S},
    {TB_CLOCK, "7 per 30ns", 7, 30000},
    {TB_CLOCK, "none", 1, 0},
    {TB_PER_S, "80M/s", 1, 12500},
    {TB_PER_S, "1000/s", 1, 1000000000},
    {TB_PER_S, "100/3/s", 1, 30000000000},
    {TB_PER_S, "2.5 k/s", 1, 400000000},
    {TB_PER_S, "12.5ns", 1, 12500},
    {TB_PER_S, "unlimited", 1, 0},
};

static void test_rates(void)
{
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct tb_rate rate = {77, 77};
        char why[TB_WHY_SIZE] = "";
        bool good = tb_value_parse(rates[i].type, rates[i].text, &rate, why);
        if (!good || rate.units != rates[i].units || rate.time != rates[i].time)
            fprintf(stderr, "%s: %s (%llu/%llu)\n", rates[i].text, why,
                    (unsigned long long)rate.units, (unsigned long long)rate.time);
        CU_ASSERT(good);
        CU_ASSERT_EQUAL(rate.units, rates[i].units);
        CU_ASSERT_EQUAL(rate.time, rates[i].time);
    }
}

static void test_other_scalars(void)
{
    bool flag = false;
    uint16_t id = 0;
    const char *text = NULL, *given = "any: thing";
    CU_ASSERT(tb_value_parse(TB_BOOL, "true", &flag, NULL) && flag);
    CU_ASSERT(tb_value_parse(TB_BOOL, "false", &flag, NULL) && !flag);
    CU_ASSERT(tb_value_parse(TB_ID, "00:01.1", &id, NULL));
    CU_ASSERT_EQUAL(id, 0x0009);
    CU_ASSERT(tb_value_parse(TB_ID, "fF:1f.7", &id, NULL));
    CU_ASSERT_EQUAL(id, 0xffff);
    CU_ASSERT(tb_value_parse(TB_ID, "1:2.3", &id, NULL));
    CU_ASSERT_EQUAL(id, 0x0113);
    CU_ASSERT(tb_value_parse(TB_STRING, given, &text, NULL) && text == given);
}

struct bad_case {
    enum tb_type type;
    const char *text, *why;
};

static const struct bad_case bad[] = {
    {TB_COUNT, "", "is not a number"},
    {TB_COUNT, "x", "is not a number"},
    {TB_COUNT, "-1", "is negative"},
    {TB_COUNT, "+1", "is not a number"},
    {TB_COUNT, "1.5", "is finer than a whole number"},
    {TB_COUNT, "1k", "is not a bare number"},
    {TB_COUNT, "4B", "is not a bare number"},
    {TB_COUNT, "0x", "is not a bare number"},
    {TB_COUNT, "010", "begins with 0"},
    {TB_COUNT, "1__0", "is not a bare number"},
    {TB_COUNT, "1_", "is not a bare number"},
    {TB_COUNT, "1e3", "is not a bare number"},
    {TB_COUNT, "18446744073709551616", "is too large"},
    {TB_COUNT, "0x10000000000000000", "is too large"},
    {TB_COUNT, "1000000000000000000000000000000000000000000", "has too many digits"},
    {TB_COUNT, "1.0000000000000000000000000000000000000000", "has too many digits"},
    {TB_COUNT, "1/0", "divides by zero"},
    {TB_COUNT, "1/1000000000000000000000", "has too many digits"},
    {TB_BYTES, "1.5", "is finer than a byte"},
    {TB_BYTES, "4QB", "has the unknown unit 'QB' (known: B KiB"},
    {TB_SIZE, "4096", "needs a unit (B KiB MiB"},
    {TB_SIZE, "0.5B", "is finer than a byte"},
    {TB_SIZE, "1/3KiB", "is finer than a byte"},
    {TB_SIZE, "4kb", "has the unknown unit 'kb'"},
    {TB_SIZE, "4KB", "has the unknown unit 'KB'"},
    {TB_SIZE, "16777216TiB", "is too large"},
    {TB_SIZE, "-4KiB", "is negative"},
    {TB_TIME, "50", "needs a unit (ps ns us ms s)"},
    {TB_TIME, "0", "needs a unit"},
    {TB_TIME, "0.5ps", "is finer than a picosecond"},
    {TB_TIME, "1.0005ns", "is finer than a picosecond"},
    {TB_TIME, "50 nanoseconds", "has the unknown unit 'nanoseconds'"},
    {TB_TIME, "213503982d", "has the unknown unit 'd'"},
    {TB_TIME, "18446745s", "is too large"},
    {TB_TIME, "18446744.073709551616s", "is too large"},
    {TB_TIME, "ns", "is not a number"},
    {TB_RATE, "12.8", "needs a unit (B/s"},
    {TB_RATE, "12.8GB", "has the unknown unit 'GB'"},
    {TB_RATE, "30ns", "has the unknown unit 'ns'"},
    {TB_RATE, "0B/s", "must be more than 0"},
    {TB_RATE, "4 per 30ns", "has the unknown unit"},
    {TB_RATE, "4B per 30", "needs a unit"},
    {TB_RATE, "4B per 0ns", "must take some time"},
    {TB_RATE, "0B per 3ns", "must be more than 0"},
    {TB_RATE, "4B per ", "is not a number"},
    {TB_RATE, "4B per 0.5ps", "is finer than a picosecond"},
    {TB_RATE, "0.001B/s", "is too fine a ratio"},
    {TB_RATE, "999999999999999999TB/s", "is too fine a ratio"},
    {TB_RATE, "none", "is not a number"},
    {TB_CLOCK, "33", "needs a unit (Hz"},
    {TB_CLOCK, "0.5ps", "is finer than a picosecond"},
    {TB_CLOCK, "0ns", "must take some time"},
    {TB_CLOCK, "0MHz", "must be more than 0"},
    {TB_CLOCK, "unlimited", "is not a number"},
    {TB_CLOCK, "33mhz", "has the unknown unit 'mhz'"},
    {TB_CLOCK, "2B per 30ns", "has the unknown unit"},
    {TB_PER_S, "80", "needs a unit"},
    {TB_PER_S, "80M", "has the unknown unit 'M'"},
    {TB_BOOL, "yes", "is neither true nor false"},
    {TB_BOOL, "True", "is neither true nor false"},
    {TB_ID, "00:01", "is not a requester ID"},
    {TB_ID, "00:20.0", "is not a requester ID"},
    {TB_ID, "00:1.8", "is not a requester ID"},
    {TB_ID, "000:1.0", "is not a requester ID"},
    {TB_ID, "00:1.0 ", "is not a requester ID"},
    {TB_ID, "", "is not a requester ID"},
    {TB_CREDITS, "0", "must be at least 1, or unlimited"},
    {TB_CREDITS, "8B", "is not a bare number"},
    {TB_CREDITS, "none", "is not a number"},
    {TB_GROUP, "x", "is not a single value"},
};

static void test_errors(void)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        union tb_value value = {.number = 0x5a5a};
        char why[TB_WHY_SIZE] = "(nothing)";
        bool good = tb_value_parse(bad[i].type, bad[i].text, &value, why);
        bool said = !strncmp(why, bad[i].why, strlen(bad[i].why));
        if (good || !said)
            fprintf(stderr, "'%s': %s, not %s\n", bad[i].text, good ? "accepted" : why, bad[i].why);
        CU_ASSERT_FALSE(good);
        CU_ASSERT(said);
        CU_ASSERT_EQUAL(value.number, 0x5a5a); /* untouched */
        CU_ASSERT_FALSE(tb_value_parse(bad[i].type, bad[i].text, &value, NULL));
    }
}

/* -- Printing ------------------------------------------------------------------------------- */

struct print_case {
    enum tb_type type;
    const char *text, *printed;
};

static const struct print_case prints[] = {
    {TB_TIME, "1500ps", "1.5ns"},
    {TB_TIME, "30000ps", "30ns"},
    {TB_TIME, "0s", "0ns"},
    {TB_TIME, "1000us", "1ms"},
    {TB_TIME, "812500ps", "812.5ns"},
    {TB_TIME, "1ps", "1ps"},
    {TB_TIME, "40500203ns", "40500203ns"},
    {TB_SIZE, "4096B", "4KiB"},
    {TB_SIZE, "1000B", "1kB"},
    {TB_SIZE, "512B", "512B"},
    {TB_SIZE, "0KiB", "0B"},
    {TB_SIZE, "4194304KiB", "4GiB"},
    {TB_SIZE, "4097B", "4097B"},
    {TB_BYTES, "512B", "512"},
    {TB_BYTES, "65536", "64KiB"},
    {TB_BYTES, "1023", "1023"},
    {TB_COUNT, "65536", "65536"},
    {TB_RATE, "12800MB/s", "12.8GB/s"},
    {TB_RATE, "4B per 30ns", "400/3MB/s"},
    {TB_RATE, "1024MiB/s", "1GiB/s"},
    {TB_RATE, "unlimited", "unlimited"},
    {TB_CLOCK, "100/3MHz", "30ns"},
    {TB_CLOCK, "33000kHz", "33MHz"},
    {TB_CLOCK, "none", "none"},
    {TB_CLOCK, "400/3MHz", "7.5ns"},
    {TB_PER_S, "12.5ns", "80M/s"},
    {TB_PER_S, "7ns", "1000/7M/s"},
    {TB_ID, "0:1.1", "00:01.1"},
    {TB_ID, "FF:1F.7", "ff:1f.7"},
    {TB_CREDITS, "8", "8"},
    {TB_CREDITS, "unlimited", "unlimited"},
    {TB_BOOL, "true", "true"},
    {TB_STRING, "a b", "a b"},
};

static void test_prints(void)
{
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        union tb_value value;
        char text[TB_VALUE_SIZE];
        struct tb_param row = row_of(prints[i].type);
        CU_ASSERT_FATAL(tb_value_parse(row.type, prints[i].text, &value, NULL));
        int length = tb_value_print(&row, &value, text, sizeof text);
        CU_ASSERT_STRING_EQUAL(text, prints[i].printed);
        CU_ASSERT_EQUAL(length, (int)strlen(prints[i].printed));
        CU_ASSERT_EQUAL(tb_value_print(&row, &value, text, 2), length); /* cut, as snprintf does */
        CU_ASSERT_EQUAL(strlen(text), 1);
    }
}

static void test_addresses_print_in_hex(void)
{
    static const struct {
        const char *def, *max;
        uint64_t value;
        const char *printed;
    } cases[] = {{"0x1000", NULL, 5, "0x5"},      {"0", NULL, 0xfee00000, "0xfee00000"},
                 {"0", "0xffffffff", 5, "5"},     {NULL, "0xffff", 5, "0x5"},
                 {"0", NULL, 2000000, "2000000"}, {"0", NULL, 65536, "65536"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tb_param row = {
            .name = "x", .type = TB_COUNT, .def = cases[i].def, .max = cases[i].max};
        char text[TB_VALUE_SIZE];
        tb_value_print(&row, &cases[i].value, text, sizeof text);
        CU_ASSERT_STRING_EQUAL(text, cases[i].printed);
    }
}

static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Numbers as people have them: few digits, or a few bits, or anything. */
static uint64_t draw_number(uint64_t *state)
{
    uint64_t n = draw(state) >> draw(state) % 64;
    switch (draw(state) % 4) {
    case 0:
        return n;
    case 1:
        return n % 1000 * 1000;
    case 2:
        return n % 100 * 1000000000;
    default:
        return (n & 0xff) << draw(state) % 48;
    }
}

static void round_trip(enum tb_type type, const void *value, const char *unit)
{
    struct tb_param row = row_of(type);
    union tb_value again = {.rate = {0, 0}};
    char text[TB_VALUE_SIZE], why[TB_WHY_SIZE] = "";
    int length = tb_value_print(&row, value, text, sizeof text);
    CU_ASSERT(length > 0 && length < TB_VALUE_SIZE);
    bool good = tb_value_parse(type, text, &again, why) && tb_value_equal(type, value, &again);
    if (!good)
        fprintf(stderr, "%s: '%s' %s\n", unit, text, why);
    CU_ASSERT(good);
}

static void test_what_is_printed_parses_back(void)
{
    static const enum tb_type whole[] = {TB_COUNT, TB_BYTES, TB_SIZE, TB_TIME, TB_CREDITS};
    static const enum tb_type ratios[] = {TB_RATE, TB_CLOCK, TB_PER_S};
    uint64_t state = 1;
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t n = draw_number(&state);
        uint16_t id = (uint16_t)n;
        for (size_t t = 0; t < sizeof whole / sizeof whole[0]; t++)
            round_trip(whole[t], &n, "whole");
        round_trip(TB_ID, &id, "id");
        uint64_t a = draw_number(&state) % (1ull << 47), b = draw_number(&state) % (1ull << 47),
                 c = a, d = b;
        while (d) {
            uint64_t rest = c % d;
            c = d;
            d = rest;
        }
        struct tb_rate rate = {a / (c ? c : 1), b / (c ? c : 1)};
        for (size_t t = 0; t < 3 && a && b; t++)
            round_trip(ratios[t], &rate, "rate");
    }
}

/* -- Bounds --------------------------------------------------------------------------------- */

struct bound_case {
    enum tb_type type;
    const char *min, *max, *def, *value;
    bool good;
};

static const struct bound_case bounds[] = {
    {TB_SIZE, "4B", "4KiB", NULL, "4B", true},
    {TB_SIZE, "4B", "4KiB", NULL, "4KiB", true},
    {TB_SIZE, "4B", "4KiB", NULL, "3B", false},
    {TB_SIZE, "4B", "4KiB", NULL, "4097B", false},
    {TB_TIME, "1ns", NULL, NULL, "0ns", false},
    {TB_TIME, NULL, "1s", NULL, "1.000000000001s", false},
    {TB_RATE, "1MB/s", "1GB/s", NULL, "1GB/s", true},
    {TB_RATE, "1MB/s", "1GB/s", NULL, "1B per 999ps", false},
    {TB_RATE, "1MB/s", "1GB/s", NULL, "999kB/s", false},
    {TB_RATE, "1MB/s", "1GB/s", NULL, "unlimited", false},
    {TB_RATE, "1MB/s", NULL, NULL, "unlimited", true},
    {TB_RATE, "1MB/s", "1GB/s", "unlimited", "unlimited", true},
    {TB_CLOCK, "1ns", "1us", NULL, "30ns", true},
    {TB_CLOCK, "1ns", "1us", NULL, "1MHz", true},
    {TB_CLOCK, "1ns", "1us", NULL, "999kHz", false},
    {TB_CLOCK, "1ns", "1us", NULL, "999ps", false},
    {TB_CLOCK, "1MHz", "1GHz", NULL, "1ns", true},
    {TB_CLOCK, "1MHz", "1GHz", NULL, "1001ns", false},
    {TB_CLOCK, "1MHz", "1GHz", "none", "none", true},
    {TB_PER_S, "1/s", "1G/s", NULL, "999ps", false},
    {TB_PER_S, "1/s", "1G/s", NULL, "1ns", true},
    {TB_CREDITS, "2", "64", NULL, "1", false},
    {TB_CREDITS, "2", "64", NULL, "unlimited", false},
    {TB_CREDITS, "2", "unlimited", NULL, "unlimited", true},
    {TB_CREDITS, "2", "unlimited", NULL, "5", true},
    {TB_CREDITS, "2", NULL, NULL, "unlimited", true},
    {TB_ID, "00:01.0", "00:1f.7", NULL, "01:00.0", false},
    {TB_ID, "00:01.0", "00:1f.7", NULL, "00:02.0", true},
};

static void test_bounds(void)
{
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        const struct bound_case *c = &bounds[i];
        struct tb_param row = {
            .name = "x", .type = c->type, .min = c->min, .max = c->max, .def = c->def};
        union tb_value value;
        CU_ASSERT_FATAL(tb_value_parse(c->type, c->value, &value, NULL));
        if (tb_value_in_range(&row, &value) != c->good)
            fprintf(stderr, "bounds case %zu\n", i);
        CU_ASSERT_EQUAL(tb_value_in_range(&row, &value), c->good);
    }
}

SUITE("value", {"whole numbers", test_numbers}, {"rates are exact", test_rates},
      {"other scalars", test_other_scalars}, {"errors", test_errors}, {"printing", test_prints},
      {"addresses in hexadecimal", test_addresses_print_in_hex},
      {"print then parse is the identity", test_what_is_printed_parses_back},
      {"bounds", test_bounds})
