#include "suite.h"
#include "tollbridge/node.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A text loaded, with what was said about it. */
struct loaded {
    struct tb_diag *diag;
    struct tb_tree *tree;
    const struct tb_node *root;
};

static struct loaded load_bytes(const char *text, size_t length)
{
    struct loaded l = {.diag = tb_diag_new()};
    l.tree = tb_tree_text("f.yaml", text, length, l.diag);
    l.root = l.tree ? tb_tree_root(l.tree) : NULL;
    return l;
}

static struct loaded load(const char *text)
{
    return load_bytes(text, strlen(text));
}

static void done(struct loaded *l)
{
    tb_tree_free(l->tree);
    tb_diag_free(l->diag);
}

static bool told(const struct tb_diag *d, const char *part)
{
    for (size_t i = 0; tb_diag_text(d, i); i++)
        if (strstr(tb_diag_text(d, i), part))
            return true;
    fprintf(stderr, "not told: %s (first: %s)\n", part,
            tb_diag_count(d) ? tb_diag_text(d, 0) : "none");
    return false;
}

static void expect_error_in(const char *text, size_t length, const char *message)
{
    struct loaded l = load_bytes(text, length);
    CU_ASSERT_PTR_NULL(l.tree);
    CU_ASSERT(told(l.diag, message));
    done(&l);
}

static void expect_error(const char *text, const char *message)
{
    expect_error_in(text, strlen(text), message);
}

static void test_kinds_and_places(void)
{
    struct loaded l = load("platform: pc\n"
                           "models:\n"
                           "  dram:  {model: memory, size: \"4\"}\n"
                           "links:\n"
                           "  - a\n"
                           "  - {from: x}\n"
                           "empty:\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.root);
    CU_ASSERT_EQUAL(l.root->kind, TB_MAP);
    CU_ASSERT_EQUAL(l.root->count, 4);
    const struct tb_node *dram = tb_node_get(tb_node_get(l.root, "models"), "dram");
    CU_ASSERT_EQUAL(dram->kind, TB_MAP);
    CU_ASSERT_EQUAL(dram->key_place.line, 3);
    CU_ASSERT_EQUAL(dram->key_place.column, 3);
    CU_ASSERT_EQUAL(dram->place.column, 10);
    CU_ASSERT_STRING_EQUAL(dram->place.file, "f.yaml");
    CU_ASSERT(tb_node_get(dram, "size")->quoted);
    CU_ASSERT_FALSE(tb_node_get(dram, "model")->quoted);
    const struct tb_node *links = tb_node_get(l.root, "links");
    CU_ASSERT_EQUAL(links->kind, TB_LIST);
    CU_ASSERT_EQUAL(links->count, 2);
    CU_ASSERT_STRING_EQUAL(links->items[0]->text, "a");
    CU_ASSERT_PTR_NULL(links->items[0]->key);
    CU_ASSERT_EQUAL(links->items[1]->place.line, 6);
    CU_ASSERT_STRING_EQUAL(tb_node_get(l.root, "empty")->text, "");
    CU_ASSERT_PTR_NULL(tb_node_get(l.root, "none"));
    CU_ASSERT_PTR_NULL(tb_node_get(links, "from"));
    CU_ASSERT_PTR_NULL(tb_node_get(NULL, "from"));
    done(&l);
}

static void test_columns_are_characters(void)
{
    struct loaded l = load("{\"\xc3\xa4\xc3\xb6\": 1, b: 2}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.root);
    CU_ASSERT_EQUAL(tb_node_get(l.root, "b")->place.column, 14);
    done(&l);
}

static void test_aliases_are_copies(void)
{
    struct loaded l = load("a: &x {n: 1, m: [1, 2]}\nb: *x\nc: *x\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.root);
    const struct tb_node *b = tb_node_get(l.root, "b");
    CU_ASSERT_STRING_EQUAL(tb_node_get(b, "n")->text, "1");
    CU_ASSERT_STRING_EQUAL(b->key, "b");
    CU_ASSERT(
        tb_tree_override(l.tree, l.root, "b.n", "7", (struct tb_place){"--set", 0, 0}, l.diag));
    CU_ASSERT_STRING_EQUAL(tb_node_get(b, "n")->text, "7");
    CU_ASSERT_STRING_EQUAL(tb_node_get(tb_node_get(l.root, "a"), "n")->text, "1");
    CU_ASSERT_STRING_EQUAL(tb_node_get(tb_node_get(l.root, "c"), "n")->text, "1");
    done(&l);
}

static void test_not_yaml(void)
{
    expect_error("", "f.yaml:1:1: the document is empty");
    expect_error("# only a comment\n", "the document is empty");
    expect_error("---\n...\n", "the document is empty");
    expect_error("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document");
    expect_error("a: 1\n\tb: 2\n", "a tab cannot indent, use spaces");
    expect_error("a:\n\t- 1\n", "f.yaml:2:1: not YAML");
    expect_error("a: [1, 2\nb: 3\n", "not YAML");
    expect_error("a: 'open\n", "not YAML");
    expect_error("a: *nobody\n", "f.yaml:1:4: not YAML: found undefined alias");
    expect_error("{a: 1}}\n", "not YAML");
    expect_error("a: 1\n  b: 2\n", "f.yaml:2:4: not YAML");
}

static void test_bytes_that_are_no_text(void)
{
    expect_error("a: 1\nb: \xff\n",
                 "f.yaml:2:4: not YAML: invalid leading UTF-8 octet (byte 0xff)");
    expect_error("\xc3\xa4: \xc3\n", "f.yaml:1:5: not YAML");
    expect_error("a: \xed\xa0\x80\n", "not YAML"); /* a surrogate */
    expect_error("a: \001\n", "control characters are not allowed");
    expect_error_in("a: x\0y\n", 7, "f.yaml:1:5: not YAML: control characters are not allowed");
    expect_error_in("\xff\xfe"
                    "a\0:\0",
                    6, "not YAML"); /* UTF-16 */
    expect_error("a: \"x\\0y\"\n", "f.yaml:1:4: a text holds a NUL character");
    expect_error("\"x\\0y\": 1\n", "a text holds a NUL character");
}

static void test_keys(void)
{
    expect_error("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: duplicate key 'a' (first in line 1)");
    expect_error("x: {a: 1, 'a': 2}\n", "f.yaml:1:11: duplicate key 'a'");
    expect_error("a: 1\na: 2\na: 3\n", "f.yaml:3:1: duplicate key 'a'");
    expect_error("[1]: 2\n", "f.yaml:1:1: a key must be a word");
    expect_error("? {a: 1}\n: 2\n", "a key must be a word");
}

static void test_tags_are_refused(void)
{
    expect_error("a: !!int 5\n",
                 "f.yaml:1:4: tags such as 'tag:yaml.org,2002:int' are not used here");
    expect_error("a: !x {}\n", "tags such as '!x'");
    expect_error("a: !x []\n", "tags such as '!x'");
}

/* -- Hostile files -------------------------------------------------------------------------- */

static void test_anchors_that_hold_themselves(void)
{
    expect_error("a: &x [*x]\n", "f.yaml:1:4: the anchor holds itself");
    expect_error("&x a: &y {b: &z [*y]}\n", "the anchor holds itself");
}

static void test_billion_laughs(void)
{
    char text[4096] = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (unsigned i = 1; i < 30; i++) {
        char line[128];
        snprintf(line, sizeof line,
                 "l%u: &l%u [*l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u, *l%u]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
        strcat(text, line);
    }
    expect_error(text, "too many values after expansion of aliases");
}

static void test_a_ladder_of_aliases_is_too_deep(void)
{
    char text[4096] = "l0: &l0 [x]\n";
    for (unsigned i = 1; i < 80; i++) {
        char line[64];
        snprintf(line, sizeof line, "l%u: &l%u [*l%u]\n", i, i, i - 1);
        strcat(text, line);
    }
    expect_error(text, "nested too deep after expansion of aliases");
}

static char *repeated(const char *part, size_t times, size_t *length)
{
    size_t one = strlen(part);
    *length = one * times;
    char *text = malloc(*length + 1);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * one, part, one);
    text[*length] = '\0';
    return text;
}

static void expect_error_repeated(const char *part, size_t times, const char *message)
{
    size_t length;
    char *text = repeated(part, times, &length);
    expect_error_in(text, length, message);
    free(text);
}

static void test_deep_nesting(void)
{
    expect_error_repeated("[", 1000000, "nested deeper than 64 levels");
    expect_error_repeated("{a: ", 100000, "nested deeper than 64 levels");
    expect_error_repeated("- ", 100000, "nested deeper than 64 levels");
    size_t length;
    char *text = repeated("[", 64, &length), *end = repeated("]", 64, &length);
    char both[200];
    snprintf(both, sizeof both, "%s%s", text, end);
    struct loaded l = load(both);
    CU_ASSERT_PTR_NOT_NULL(l.tree);
    done(&l);
    free(text);
    free(end);
}

static void test_many_values(void)
{
    expect_error_repeated("- a\n", TB_YAML_MAX_NODES + 1, "too many values");
    expect_error_repeated("- a\n", 2 * TB_YAML_MAX_NODES + 9, "more than 1048576 values");
}

static void test_many_keys_take_no_square_time(void)
{
    enum { KEYS = 200000 };
    char *text = malloc(KEYS * 16 + 16), *at = text;
    for (unsigned i = 0; i < KEYS; i++)
        at += sprintf(at, "k%u: 1\n", i);
    at += sprintf(at, "k77: 2\n");
    expect_error_in(text, (size_t)(at - text),
                    "f.yaml:200001:1: duplicate key 'k77' (first in line 78)");
    free(text);
}

static void test_huge_file(void)
{
    size_t length;
    char *text = repeated("# nothing\n", TB_YAML_MAX_BYTES / 10 + 1, &length);
    expect_error_in(text, length, "f.yaml:1:1: longer than 16 MiB");
    free(text);
}

/* -- Files ---------------------------------------------------------------------------------- */

static void expect_file_error(const char *path, const char *message)
{
    struct tb_diag *d = tb_diag_new();
    CU_ASSERT_PTR_NULL(tb_tree_file(path, d));
    CU_ASSERT(told(d, message));
    tb_diag_free(d);
}

static void test_files(void)
{
    char path[] = "/tmp/tollbridge-test-XXXXXX";
    int f = mkstemp(path);
    CU_ASSERT_FATAL(f >= 0);
    CU_ASSERT_EQUAL(write(f, "a: 5\n", 5), 5);
    close(f);
    struct tb_diag *d = tb_diag_new();
    struct tb_tree *t = tb_tree_file(path, d);
    CU_ASSERT_PTR_NOT_NULL_FATAL(t);
    CU_ASSERT_STRING_EQUAL(tb_node_get(tb_tree_root(t), "a")->text, "5");
    CU_ASSERT_STRING_EQUAL(tb_tree_root(t)->place.file, path);
    tb_tree_free(t);
    tb_diag_free(d);
    unlink(path);
    expect_file_error(path, "cannot be read: No such file or directory");
    expect_file_error("/", "/: cannot be read: Is a directory");
    expect_file_error("/dev/zero", "longer than 16 MiB");
}

/* -- Overrides ------------------------------------------------------------------------------ */

static const struct tb_place command_line = {"--set", 0, 0};

static bool set(struct loaded *l, const char *path, const char *value)
{
    return tb_tree_override(l->tree, l->root, path, value, command_line, l->diag);
}

static void test_overrides(void)
{
    struct loaded l = load("root: {latency: 50ns}\nlinks:\n  - {from: a}\n  - {from: b}\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.root);
    CU_ASSERT(set(&l, "root.latency", "60ns"));
    CU_ASSERT(set(&l, "root.iommu.iotlb.entries", "32"));
    CU_ASSERT(set(&l, "links.1.from", "[x, {y: z}]"));
    CU_ASSERT(set(&l, "name", "\"a: b\""));
    const struct tb_node *root = tb_node_get(l.root, "root");
    CU_ASSERT_STRING_EQUAL(tb_node_get(root, "latency")->text, "60ns");
    CU_ASSERT_STRING_EQUAL(tb_node_get(root, "latency")->place.file, "--set");
    CU_ASSERT_EQUAL(tb_node_get(root, "latency")->key_place.line, 1);
    CU_ASSERT_EQUAL(root->count, 2);
    const struct tb_node *entries =
        tb_node_get(tb_node_get(tb_node_get(root, "iommu"), "iotlb"), "entries");
    CU_ASSERT_STRING_EQUAL(entries->text, "32");
    const struct tb_node *from = tb_node_get(tb_node_get(l.root, "links")->items[1], "from");
    CU_ASSERT_EQUAL(from->count, 2);
    CU_ASSERT_STRING_EQUAL(tb_node_get(from->items[1], "y")->text, "z");
    CU_ASSERT_STRING_EQUAL(tb_node_get(l.root, "name")->text, "a: b");
    CU_ASSERT(set(&l, "root", "5")); /* a map may become a value */
    CU_ASSERT_STRING_EQUAL(root->text, "5");
    CU_ASSERT_EQUAL(root->count, 0);
    CU_ASSERT_EQUAL(tb_diag_count(l.diag), 0);
    done(&l);
}

static void test_bad_overrides(void)
{
    struct loaded l = load("root: {latency: 50ns}\nlinks: [a, b]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.root);
    CU_ASSERT_FALSE(set(&l, "root.latency.x", "1"));
    CU_ASSERT(told(l.diag, "--set: 'x' cannot be set: what holds it is the single value '50ns'"));
    CU_ASSERT_FALSE(set(&l, "links.2", "1"));
    CU_ASSERT(told(l.diag, "--set: '2' is no member of a list of 2 (they count from 0)"));
    CU_ASSERT_FALSE(set(&l, "links.-1", "1"));
    CU_ASSERT_FALSE(set(&l, "links.99999999999999999999", "1"));
    CU_ASSERT_FALSE(set(&l, "links.x", "1"));
    CU_ASSERT_FALSE(set(&l, "", "1"));
    CU_ASSERT_FALSE(set(&l, "root..latency", "1"));
    CU_ASSERT(told(l.diag, "--set: a path has an empty step"));
    CU_ASSERT_FALSE(set(&l, "root.latency", "[1"));
    CU_ASSERT(told(l.diag, "--set: not YAML"));
    CU_ASSERT_FALSE(set(&l, "root.latency", "1\n---\n2"));
    CU_ASSERT_FALSE(set(&l, "root.latency", "{a: 1, a: 2}"));
    CU_ASSERT_EQUAL(tb_diag_count(l.diag), 10);
    CU_ASSERT_STRING_EQUAL(tb_node_get(tb_node_get(l.root, "root"), "latency")->text, "50ns");
    size_t length;
    char *path = repeated("a.", 100, &length);
    path[length - 1] = '\0';
    CU_ASSERT_FALSE(set(&l, path, "1"));
    CU_ASSERT(told(l.diag, "more than 64 steps"));
    free(path);
    done(&l);
}

static void test_override_by_node(void)
{
    struct loaded l = load("root: {latency: 50ns}\n");
    struct loaded other = load("set:\n  root: {iommu: {walkers: 4}}\n  x.y: 3\n");
    CU_ASSERT_FATAL(l.root && other.root);
    const struct tb_node *sets = tb_node_get(other.root, "set");
    for (size_t i = 0; i < sets->count; i++)
        CU_ASSERT(
            tb_tree_override_node(l.tree, l.root, sets->items[i]->key, sets->items[i], l.diag));
    const struct tb_node *iommu = tb_node_get(tb_node_get(l.root, "root"), "iommu");
    CU_ASSERT_STRING_EQUAL(tb_node_get(iommu, "walkers")->text, "4");
    CU_ASSERT_EQUAL(tb_node_get(iommu, "walkers")->place.line, 2);
    CU_ASSERT_STRING_EQUAL(tb_node_get(tb_node_get(l.root, "x"), "y")->text, "3");
    /* A later override changes this tree, not the one that the node came from. */
    CU_ASSERT(set(&l, "root.iommu.walkers", "8"));
    CU_ASSERT_STRING_EQUAL(tb_node_get(iommu, "walkers")->text, "8");
    const struct tb_node *source = tb_node_get(tb_node_get(sets, "root"), "iommu");
    CU_ASSERT_STRING_EQUAL(tb_node_get(source, "walkers")->text, "4");
    done(&l);
    done(&other);
}

SUITE("tree", {"kinds and places", test_kinds_and_places},
      {"columns are characters", test_columns_are_characters},
      {"every alias is a copy", test_aliases_are_copies}, {"what is not YAML", test_not_yaml},
      {"bytes that are no text", test_bytes_that_are_no_text}, {"keys", test_keys},
      {"tags are refused", test_tags_are_refused},
      {"an anchor in itself", test_anchors_that_hold_themselves},
      {"billion laughs", test_billion_laughs},
      {"a ladder of aliases", test_a_ladder_of_aliases_is_too_deep},
      {"deep nesting", test_deep_nesting}, {"many values", test_many_values},
      {"many keys", test_many_keys_take_no_square_time}, {"a huge file", test_huge_file},
      {"files", test_files}, {"overrides", test_overrides}, {"bad overrides", test_bad_overrides},
      {"an override by a node", test_override_by_node})
