/* The parameters of `atc:`, each said once. */
#include "ats/atc.h"

static const char *const on_misses[] = {"translate", "untranslated", NULL};
static const char *const on_unsupporteds[] = {"untranslated", "fault", NULL};
static const char *const answers[] = {"false", "true", "early", "deaf", NULL};

#define ROW(field) offsetof(struct tb_atc_params, field)

static const struct tb_param invalidate_rows[] = {
    {.name = "answer", .type = TB_ENUM, .offset = ROW(invalidate.answer) - ROW(invalidate), .def = "true",
     .names = answers,
     .doc = "Invalidate Requests are answered; a broken device: false: never; early: before its requests are "
            "done; deaf: at once, and keeps its translations"},
    {.name = "delay", .type = TB_TIME, .offset = ROW(invalidate.delay) - ROW(invalidate), .def = "0ns",
     .max = "100s", .doc = "from when nothing stands against it any more to the answer"},
    {0},
};

static const struct tb_param pri_rows[] = {
    {.name = "outstanding", .type = TB_COUNT, .offset = ROW(pri.outstanding) - ROW(pri), .def = "8",
     .min = "1", .max = "256", .doc = "page requests open at once"},
    {.name = "group", .type = TB_COUNT, .offset = ROW(pri.group) - ROW(pri), .def = "1", .min = "1",
     .max = "32", .doc = "pages of a group: the one that is missing and those behind it"},
    {.name = "tries", .type = TB_COUNT, .offset = ROW(pri.tries) - ROW(pri), .def = "4", .min = "1",
     .max = "1000", .doc = "how often the same page is asked for before the request fails"},
    {0},
};

const struct tb_param tb_atc_param_table[] = {
    TB_CACHE_ROWS(struct tb_atc_params, "64", "0", "translations"),
    {.name = "hit", .type = TB_TIME, .offset = ROW(hit), .def = "0ns", .max = "1ms",
     .doc = "how long a look-up takes"},
    {.name = "unit", .type = TB_SIZE, .offset = ROW(unit), .def = "4KiB", .min = "4KiB", .max = "1GiB",
     .doc = "smallest translation unit, a power of two: what a translation request asks for"},
    {.name = "outstanding", .type = TB_COUNT, .offset = ROW(outstanding), .def = "8", .min = "1",
     .max = "256", .doc = "translation requests open at once"},
    {.name = "pages", .type = TB_COUNT, .offset = ROW(pages), .def = "1", .min = "1", .max = "32",
     .doc = "units that a translation request asks for"},
    {.name = "prefetch", .type = TB_COUNT, .offset = ROW(prefetch), .def = "0", .max = "32",
     .doc = "units behind those of a miss that requests of their own ask for, while one is free"},
    {.name = "on_miss", .type = TB_ENUM, .offset = ROW(on_miss), .def = "translate", .names = on_misses,
     .doc = "a request whose page is missing waits for it, or goes untranslated meanwhile"},
    {.name = "on_unsupported", .type = TB_ENUM, .offset = ROW(on_unsupported), .def = "untranslated",
     .names = on_unsupporteds,
     .doc = "a request whose translation request is unsupported (ATS is off) goes untranslated, or fails"},
    {.name = "no_write", .type = TB_BOOL, .offset = ROW(no_write), .def = "false",
     .doc = "reads ask for permission to read only; a write to the page asks again"},
    {.name = "invalidate", .type = TB_GROUP, .offset = ROW(invalidate), .sub = invalidate_rows,
     .doc = "what it does with an Invalidate Request"},
    {.name = "pri", .type = TB_GROUP, .offset = ROW(pri), .present = ROW(has_pri) + 1, .flags = TB_OPTIONAL,
     .sub = pri_rows, .doc = "pages without permission are asked for by page requests"},
    {0},
};
