#include "every_type.h"
#include "load/scenario.h"
#include "suite.h"
#include "yaml/table.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS      2000
#define ROUNDS_SOAK 100000

static uint64_t draw(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t below(uint64_t *state, uint64_t n)
{
    return draw(state) % n;
}

/* -- Random structs, as tb_params_read could have made them ---------------------------------- */

struct maker {
    uint64_t state;
    struct tb_arena *arena;
    const struct tb_node *nodes; /* a list, for rows that take any node */
};

/* Pieces that texts are made of: each has a meaning in YAML or in UTF-8. */
static const char *const pieces[] = {"a",
                                     "disk",
                                     "0",
                                     "-",
                                     ": ",
                                     ":",
                                     " ",
                                     "#",
                                     " #",
                                     "'",
                                     "\"",
                                     "\\",
                                     "\n",
                                     "\t",
                                     "{",
                                     "}",
                                     "[",
                                     "]",
                                     ",",
                                     "&",
                                     "*",
                                     "!",
                                     "|",
                                     ">",
                                     "%",
                                     "@",
                                     "`",
                                     "~",
                                     "?",
                                     "..",
                                     "/",
                                     "\xc3\xa4",
                                     "\r",
                                     "\x7f",
                                     "\xc2\x85",
                                     "\xe2\x80\xa8",
                                     "yes",
                                     "null",
                                     "\x01",
                                     "\\x",
                                     "---",
                                     "...",
                                     "\xef\xbb\xbf",
                                     "\xf0\x9f\x98\x80",
                                     "\xc2\xa0",
                                     "\xed\x9f\xbf"};

static const char *draw_text(struct maker *m)
{
    char text[256] = "";
    for (uint64_t n = below(&m->state, 6); n; n--)
        strcat(text, pieces[below(&m->state, sizeof pieces / sizeof pieces[0])]);
    return tb_arena_copy(m->arena, text);
}

static struct tb_rate draw_rate(struct maker *m)
{
    static const char *const some[] = {"12.8GB/s", "4B per 30ns", "133MB/s", "1B/s", "400/3MB/s"};
    struct tb_rate r = {1, 1 + below(&m->state, 1000000)};
    if (below(&m->state, 2))
        tb_value_parse(TB_RATE, some[below(&m->state, 5)], &r, NULL);
    else if (below(&m->state, 2))
        r = (struct tb_rate){1 + 2 * below(&m->state, 1 << 20),
                             (uint64_t)1 << below(&m->state, 47)};
    if (below(&m->state, 8) == 0)
        r = (struct tb_rate){1, 0};
    return r;
}

static union tb_value draw_any(struct maker *m, const struct tb_param *row)
{
    union tb_value v = {.number = draw(&m->state) >> below(&m->state, 64)};
    unsigned words = 0;
    switch (row->type) {
    case TB_BOOL:
        return (union tb_value){.flag = v.number & 1};
    case TB_ENUM:
        while (row->names[words])
            words++;
        return (union tb_value){.choice = (unsigned)(v.number % words)};
    case TB_RATE:
    case TB_CLOCK:
    case TB_PER_S:
        return (union tb_value){.rate = draw_rate(m)};
    case TB_STRING:
    case TB_PATH:
        return (union tb_value){.text = draw_text(m)};
    default:
        return v;
    }
}

/* Something within bounds: anything, if it is there, else one of the things the row itself names.
 */
static void draw_scalar(struct maker *m, const struct tb_param *row, void *field)
{
    const char *said[] = {row->def, row->min, row->max};
    union tb_value v;
    for (unsigned attempt = 0; attempt < 8; attempt++) {
        v = draw_any(m, row);
        if (tb_value_in_range(row, &v)) {
            memcpy(field, &v, tb_value_size(row->type));
            return;
        }
    }
    for (uint64_t i = below(&m->state, 3), end = i + 3; i < end; i++)
        if (said[i % 3] && tb_value_read(row, said[i % 3], &v, NULL)) {
            memcpy(field, &v, tb_value_size(row->type));
            return;
        }
}

static uint64_t draw_count(struct maker *m, const struct tb_param *row)
{
    uint64_t least = 0, most = 4;
    if (row->type == TB_ITEMS && row->min)
        tb_value_parse(TB_COUNT, row->min, &least, NULL);
    if (row->type == TB_ITEMS && row->max)
        tb_value_parse(TB_COUNT, row->max, &most, NULL);
    return least + below(&m->state, (most < 4 ? most : 4) + 1 - (least < most ? least : most));
}

static void draw_struct(struct maker *m, const struct tb_param *table, char *to);

static void draw_items(struct maker *m, const struct tb_param *row, struct tb_items *items)
{
    items->count = draw_count(m, row);
    char *at = tb_arena_get(m->arena, items->count * row->size);
    items->at = at;
    for (size_t i = 0; i < items->count; i++) {
        struct tb_diag *ignored = tb_diag_new();
        tb_params_read(row->sub, NULL, NULL, at + i * row->size, m->arena, ignored);
        tb_diag_free(ignored);
        draw_struct(m, row->sub, at + i * row->size);
    }
}

static void draw_numbers(struct maker *m, const struct tb_param *row, struct tb_items *items)
{
    struct tb_param number = *row;
    number.type = TB_COUNT;
    items->count = draw_count(m, row);
    uint64_t *at = tb_arena_get(m->arena, items->count * sizeof *at);
    items->at = at;
    for (size_t i = 0; i < items->count; i++)
        draw_scalar(m, &number, &at[i]);
}

static void draw_row(struct maker *m, const struct tb_param *row, char *to)
{
    bool required = row->flags & TB_REQUIRED;
    if (!required && below(&m->state, 3) == 0)
        return; /* not given */
    if (row->present)
        *(bool *)(to + row->present - 1) = true;
    if (row->type == TB_GROUP)
        draw_struct(m, row->sub, to + row->offset);
    else if (row->type == TB_ITEMS)
        draw_items(m, row, (struct tb_items *)(to + row->offset));
    else if (row->type == TB_NUMBERS)
        draw_numbers(m, row, (struct tb_items *)(to + row->offset));
    else if (row->type == TB_NODE)
        *(const struct tb_node **)(to + row->offset) =
            m->nodes->items[below(&m->state, m->nodes->count)];
    else
        draw_scalar(m, row, to + row->offset);
}

static void draw_struct(struct maker *m, const struct tb_param *table, char *to)
{
    for (; table->name; table++)
        draw_row(m, table, to);
}

/* -- Are two structs the same, by their table? ----------------------------------------------- */

static bool equal(const struct tb_param *table, const char *a, const char *b);

static bool equal_lists(const struct tb_param *row, const struct tb_items *a,
                        const struct tb_items *b)
{
    if (a->count != b->count)
        return false;
    if (row->type == TB_NUMBERS)
        return !a->count || !memcmp(a->at, b->at, a->count * sizeof(uint64_t));
    for (size_t i = 0; i < a->count; i++)
        if (!equal(row->sub, (const char *)a->at + i * row->size,
                   (const char *)b->at + i * row->size))
            return false;
    return true;
}

static bool equal_row(const struct tb_param *row, const char *a, const char *b)
{
    const char *left = a + row->offset, *right = b + row->offset;
    if (row->present && a[row->present - 1] != b[row->present - 1])
        return false;
    if (row->present && !a[row->present - 1])
        return true;
    switch (row->type) {
    case TB_GROUP:
        return equal(row->sub, left, right);
    case TB_ITEMS:
    case TB_NUMBERS:
        return equal_lists(row, (const struct tb_items *)left, (const struct tb_items *)right);
    case TB_NODE: {
        const struct tb_node *x = *(const struct tb_node *const *)left,
                             *y = *(const struct tb_node *const *)right;
        return x == y || (x && y && tb_node_equal(x, y));
    }
    default:
        return tb_value_equal(row->type, left, right);
    }
}

static bool equal(const struct tb_param *table, const char *a, const char *b)
{
    for (; table->name; table++)
        if (!equal_row(table, a, b)) {
            fprintf(stderr, "differs: %s\n", table->name);
            return false;
        }
    return true;
}

/* -- load(print(x)) = x ---------------------------------------------------------------------- */

static char *print(const struct tb_param *table, const void *from, struct tb_yaml_style style)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    if (!tb_table_yaml(to, table, from, style))
        fputs("{}\n", to);
    fclose(to);
    return text;
}

static bool loads_to(const char *text, const struct tb_param *table, size_t size,
                     const char *expected)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_arena *arena = tb_arena_new();
    struct tb_tree *tree = tb_tree_text("t", text, strlen(text), diag);
    char *again = calloc(1, size);
    bool good = tree && tb_params_read(table, tb_tree_root(tree), NULL, again, arena, diag) &&
                equal(table, expected, again);
    if (!good) {
        tb_diag_print(diag, stderr);
        fputs(text, stderr);
    }
    free(again);
    tb_tree_free(tree);
    tb_arena_free(arena);
    tb_diag_free(diag);
    return good;
}

/* One random struct, printed whole and printed without its defaults, at some indentation. */
static bool round_trip(struct maker *m, const struct tb_param *table, size_t size)
{
    struct tb_diag *ignored = tb_diag_new();
    char *x = calloc(1, size);
    tb_params_read(table, NULL, NULL, x, m->arena, ignored); /* what is required is missing */
    draw_struct(m, table, x);
    struct tb_yaml_style style = {.indent = (unsigned)below(&m->state, 3) * 2};
    char *all = print(table, x, style);
    style.changed_only = true;
    char *changed = print(table, x, style);
    bool good = loads_to(all, table, size, x) && loads_to(changed, table, size, x) &&
                strlen(changed) <= strlen(all);
    free(all);
    free(changed);
    free(x);
    tb_diag_free(ignored);
    return good;
}

static const char nodes_text[] =
    "[1, '', \"a: b\", {}, [], {a: {b: []}}, [[1, [2, {c: d}]], []], {x: , \"y z\": [~]}]\n";

static void with_random_structs(const struct tb_param *table, size_t size, unsigned rounds)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_tree *nodes = tb_tree_text("nodes", nodes_text, strlen(nodes_text), diag);
    CU_ASSERT_PTR_NOT_NULL_FATAL(nodes);
    bool good = true;
    for (unsigned i = 0; i < rounds && good; i++) {
        struct maker m = {.state = i, .arena = tb_arena_new(), .nodes = tb_tree_root(nodes)};
        good = round_trip(&m, table, size);
        if (!good)
            fprintf(stderr, "round %u\n", i);
        tb_arena_free(m.arena);
    }
    CU_ASSERT(good);
    tb_tree_free(nodes);
    tb_diag_free(diag);
}

static void test_every_type(void)
{
    with_random_structs(every_type, sizeof(struct device),
                        getenv("TB_SOAK_SECONDS") ? ROUNDS_SOAK : ROUNDS);
}

static void test_every_model(void)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    for (size_t i = 0; i < count; i++)
        if (classes[i]->params)
            with_random_structs(classes[i]->params, classes[i]->state_size, 200);
}

/* -- Tables are data that nobody compiles: what they say is checked here ---------------------- */

static bool parses(const struct tb_param *row, const char *text)
{
    union tb_value v;
    struct tb_param number = *row;
    if (row->type == TB_ITEMS || row->type == TB_NUMBERS)
        number.type = TB_COUNT;
    return !text || (tb_value_read(&number, text, &v, NULL) && tb_value_in_range(&number, &v));
}

static bool sound_row(const struct tb_param *row)
{
    size_t length = row->doc ? strlen(row->doc) : 0;
    return parses(row, row->def) && parses(row, row->min) && parses(row, row->max) && length &&
           row->doc[length - 1] != '.' && (!row->def || !(row->flags & TB_REQUIRED)) &&
           (row->type != TB_ENUM || row->names) && (row->type != TB_ITEMS || row->size);
}

static void expect_sound(const char *model, const struct tb_param *table)
{
    for (const struct tb_param *row = table; row->name; row++) {
        CU_ASSERT(sound_row(row));
        CU_ASSERT_PTR_EQUAL(tb_param_find(table, row->name), row); /* no name twice */
        if (!sound_row(row))
            fprintf(stderr, "%s: row '%s'\n", model, row->name);
        if (row->sub)
            expect_sound(model, row->sub);
    }
}

static void test_tables_of_models(void)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    for (size_t i = 0; i < count; i++)
        if (classes[i]->params)
            expect_sound(classes[i]->name, classes[i]->params);
}

/* -- How it looks ---------------------------------------------------------------------------- */

static void expect_yaml(const char *given, struct tb_yaml_style style, const char *expected)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_arena *arena = tb_arena_new();
    struct tb_tree *tree = tb_tree_text("dir/sub/t.yaml", given, strlen(given), diag);
    struct device d = {0};
    CU_ASSERT_FATAL(tree && tb_params_read(every_type, tb_tree_root(tree), NULL, &d, arena, diag));
    char *text = print(every_type, &d, style);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected))
        fputs(text, stderr);
    free(text);
    tb_tree_free(tree);
    tb_arena_free(arena);
    tb_diag_free(diag);
}

static void test_all_values(void)
{
    expect_yaml("entries: [7, {at: 8, words: [1, 2]}]\nimage: x.img\niotlb: {entries: 4}\nraw: {a: "
                "[[b]]}\n",
                (struct tb_yaml_style){.indent = 2},
                "  burst: 64B\n"
                "  depth: unlimited\n"
                "  length: 512\n"
                "  latency: 50ns\n"
                "  clock: none\n"
                "  rate: 80M/s\n"
                "  id: \"00:01.1\"\n"
                "  posted: false\n"
                "  label: disk\n"
                "  image: dir/sub/x.img\n"
                "  iotlb:\n"
                "    entries: 4\n"
                "    replacement: lru\n"
                "    hit: 2ns\n"
                "  plain:\n"
                "    entries: 16\n"
                "    hit: 1ns\n"
                "  entries:\n"
                "    - at: 7\n"
                "    - at: 8\n"
                "      words: [1, 2]\n"
                "  raw:\n"
                "    a:\n"
                "      - - b\n");
}

static void test_changed_values_only(void)
{
    struct tb_yaml_style style = {.changed_only = true, .base = "dir/s.yaml"};
    expect_yaml("{}", style, "{}\n");
    expect_yaml("burst: 0.0625KiB\nclock: none\nplain: {}\n", style,
                "{}\n"); /* said, but as the default */
    expect_yaml("burst: 32B\niotlb: {entries: 4, walk: {}}\nimage: x.img\n", style,
                "burst: 32B\n"
                "image: sub/x.img\n"
                "iotlb:\n"
                "  entries: 4\n"
                "  walk: {}\n");
}

static void test_texts(void)
{
    static const struct {
        const char *text, *yaml;
    } cases[] = {{"plain", "plain"},         {"4B per 30ns", "4B per 30ns"},
                 {"400/3MB/s", "400/3MB/s"}, {"", "\"\""},
                 {"a: b", "\"a: b\""},       {" a", "\" a\""},
                 {"a ", "\"a \""},           {"-a", "\"-a\""},
                 {"\"\\", "\"\\\"\\\\\""},   {"a\nb", "\"a\\nb\""},
                 {"\x01", "\"\\u0001\""},    {"\xc3\xa4", "\"\xc3\xa4\""},
                 {"\xff", "\"\\uFFFD\""},    {"\xe2\x80\xa8", "\"\\u2028\""}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *text = NULL;
        size_t size;
        FILE *to = open_memstream(&text, &size);
        tb_text_yaml(to, cases[i].text);
        fclose(to);
        CU_ASSERT_STRING_EQUAL(text, cases[i].yaml);
        free(text);
    }
}

static void test_nodes(void)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_tree *t = tb_tree_text("t", nodes_text, strlen(nodes_text), diag);
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    CU_ASSERT(tb_node_yaml(to, tb_tree_root(t), 4));
    CU_ASSERT_FALSE(tb_node_yaml(to, tb_tree_root(t)->items[3], 4));
    fclose(to);
    struct tb_tree *again = tb_tree_text("t", text, strlen(text), diag);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT(tb_node_equal(tb_tree_root(t), tb_tree_root(again)));
    CU_ASSERT_FALSE(tb_node_equal(tb_tree_root(t), tb_tree_root(t)->items[5]));
    free(text);
    tb_tree_free(again);
    tb_tree_free(t);
    tb_diag_free(diag);
}

/* -- Descriptions ---------------------------------------------------------------------------- */

static const char *const words[] = {"one", "two", NULL};
static const struct tb_param small_sub[] = {
    {.name = "at",
     .type = TB_COUNT,
     .flags = TB_REQUIRED,
     .doc = "where it is",
     .short_form = true},
    {.name = NULL},
};
static const struct tb_param small[] = {
    {.name = "hit",
     .type = TB_TIME,
     .def = "2ns",
     .min = "0ns",
     .max = "1us",
     .doc = "what a hit costs"},
    {.name = "mode", .type = TB_ENUM, .def = "one", .names = words, .doc = "this | that"},
    {.name = "ways", .type = TB_COUNT, .def = "4", .min = "1", .max = "64", .doc = "how many ways"},
    {.name = "list", .type = TB_ITEMS, .sub = small_sub, .size = 8, .max = "9", .doc = "entries"},
    {.name = NULL},
};

static void expect_description(void (*write)(FILE *, const struct tb_param *), const char *expected)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    write(to, small);
    fclose(to);
    CU_ASSERT_STRING_EQUAL(text, expected);
    if (strcmp(text, expected))
        fputs(text, stderr);
    free(text);
}

static void write_text(FILE *to, const struct tb_param *table)
{
    tb_table_text(to, table, 2);
}

static void test_reference(void)
{
    expect_description(write_text,
                       "  hit                        time           0ns to 1us, default 2ns\n"
                       "      what a hit costs\n"
                       "  mode                       word           one or two, default one\n"
                       "      this | that\n"
                       "  ways                       number         1 to 64, default 4\n"
                       "      how many ways\n"
                       "  list[]                     list           at most 9, optional\n"
                       "      entries\n"
                       "  list[].at                  number         required\n"
                       "      where it is\n"
                       "\n"
                       "  units:\n"
                       "      time       ps ns us ms s\n");
    expect_description(tb_table_markdown,
                       "| parameter | type | default | allowed | meaning |\n"
                       "| --- | --- | --- | --- | --- |\n"
                       "| `hit` | time | `2ns` | 0ns to 1us | what a hit costs |\n"
                       "| `mode` | word | `one` | one or two | this \\| that |\n"
                       "| `ways` | number | `4` | 1 to 64 | how many ways |\n"
                       "| `list[]` | list | optional | at most 9 | entries |\n"
                       "| `list[].at` | number | required |  | where it is |\n");
}

static void test_schema(void)
{
    json_t *got = tb_table_schema(small);
    json_t *ways = json_pack("{s:[s,s], s:s, s:i, s:i, s:s, s:i}", "type", "integer", "string",
                             "pattern", "^([0-9][0-9_]*|0[xX][0-9a-fA-F_]+) *$", "minimum", 1,
                             "maximum", 64, "description", "how many ways", "default", 4);
    json_t *properties = json_object_get(got, "properties");
    CU_ASSERT(json_equal(json_object_get(properties, "ways"), ways));
    CU_ASSERT(json_is_false(json_object_get(got, "additionalProperties")));
    json_t *list = json_object_get(properties, "list");
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(list, "maxItems")), 9);
    json_t *either = json_object_get(json_object_get(list, "items"), "anyOf");
    CU_ASSERT_EQUAL(json_array_size(either), 2);
    json_t *required = json_object_get(json_array_get(either, 0), "required");
    CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(required, 0)), "at");
    CU_ASSERT_EQUAL(json_array_size(json_object_get(json_object_get(properties, "mode"), "enum")),
                    2);
    json_decref(ways);
    json_decref(got);
}

SUITE("table", {"load(print(x)) = x, every type", test_every_type},
      {"load(print(x)) = x, every model", test_every_model},
      {"tables of models are sound", test_tables_of_models}, {"all values", test_all_values},
      {"changed values only", test_changed_values_only}, {"texts", test_texts},
      {"nodes", test_nodes}, {"reference and Markdown", test_reference},
      {"JSON schema", test_schema})
