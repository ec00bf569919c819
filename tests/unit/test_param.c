#include "every_type.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
    struct tb_diag *diag;
    struct tb_tree *tree;
    struct tb_arena *arena;
    struct device device;
    bool good;
};

static struct outcome read_with(const char *text, const char *const *skip)
{
    struct outcome o = {.diag = tb_diag_new(), .arena = tb_arena_new()};
    o.tree = tb_tree_text("dir/p.yaml", text, strlen(text), o.diag);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o.tree);
    o.good = tb_params_read(every_type, tb_tree_root(o.tree), skip, &o.device, o.arena, o.diag);
    CU_ASSERT_EQUAL(o.good, tb_diag_count(o.diag) == 0);
    return o;
}

static void done(struct outcome *o)
{
    tb_tree_free(o->tree);
    tb_arena_free(o->arena);
    tb_diag_free(o->diag);
}

/* All that is printed about a text. */
static void expect_errors(const char *text, const char *expected)
{
    struct outcome o = read_with(text, NULL);
    char *printed = NULL;
    size_t size;
    FILE *to = open_memstream(&printed, &size);
    tb_diag_print(o.diag, to);
    fclose(to);
    if (strcmp(printed, expected))
        fprintf(stderr, "expected:\n%sgot:\n%s", expected, printed);
    CU_ASSERT_STRING_EQUAL(printed, expected);
    free(printed);
    done(&o);
}

static void expect_defaults(const struct device *d)
{
    CU_ASSERT_EQUAL(d->burst, 64);
    CU_ASSERT_EQUAL(d->depth, 0);
    CU_ASSERT_FALSE(d->has_seed);
    CU_ASSERT_EQUAL(d->length, 512);
    CU_ASSERT_EQUAL(d->latency, 50000);
    CU_ASSERT_EQUAL(d->bandwidth.time, 0);
    CU_ASSERT_EQUAL(d->bandwidth.units, 1); /* an unlimited rate can be divided by */
    CU_ASSERT_EQUAL(tb_rate_time(d->clock, 100), 0);
    CU_ASSERT_EQUAL(d->rate.time, 12500);
    CU_ASSERT_EQUAL(d->id, 9);
    CU_ASSERT_STRING_EQUAL(d->label, "disk");
    CU_ASSERT_PTR_NULL(d->image);
    CU_ASSERT_FALSE(d->has_iotlb);
    CU_ASSERT_EQUAL(d->iotlb.hit, 2000); /* an absent group still holds its defaults */
    CU_ASSERT_EQUAL(d->iotlb.walk.step, 5000);
    CU_ASSERT_EQUAL(d->plain.entries, 16);
    CU_ASSERT_EQUAL(d->entries.count, 0);
    CU_ASSERT_PTR_NULL(d->raw);
}

static void test_defaults(void)
{
    struct outcome o = read_with("{}", NULL);
    CU_ASSERT(o.good);
    expect_defaults(&o.device);
    struct device other = {0};
    CU_ASSERT(tb_params_read(every_type, NULL, NULL, &other, o.arena, o.diag));
    expect_defaults(&other);
    done(&o);
}

static void test_everything_given(void)
{
    struct outcome o =
        read_with("burst: 4KiB\ndepth: 8\nseed: 0\nlength: 1KiB\nlatency: 1.5ns\n"
                  "bandwidth: 4B per 30ns\nclock: 33MHz\nrate: unlimited\nid: 02:03.4\n"
                  "posted: true\nlabel: \"\"\nimage: a.img\n"
                  "iotlb: {entries: 64, replacement: random, walk: {step: 1ns}}\n"
                  "plain: {entries: 3}\nentries: [{at: 0x10, words: [9, 1_0]}]\n"
                  "numbers: []\nraw: {a: [b]}\n",
                  NULL);
    CU_ASSERT_FALSE(o.good); /* 10 is past words' maximum of 9 */
    CU_ASSERT_EQUAL(tb_diag_count(o.diag), 1);
    const struct device *d = &o.device;
    CU_ASSERT_EQUAL(d->burst, 4096);
    CU_ASSERT_EQUAL(d->depth, 8);
    CU_ASSERT(d->has_seed && d->seed == 0);
    CU_ASSERT_EQUAL(d->latency, 1500);
    CU_ASSERT_EQUAL(d->bandwidth.time, 7500);
    CU_ASSERT_EQUAL(d->rate.time, 0);
    CU_ASSERT_EQUAL(d->id, 0x021c);
    CU_ASSERT(d->posted);
    CU_ASSERT_STRING_EQUAL(d->label, "");
    CU_ASSERT_STRING_EQUAL(d->image, "dir/a.img");
    CU_ASSERT(d->has_iotlb && d->iotlb.has_walk);
    CU_ASSERT_EQUAL(d->iotlb.replacement, 2);
    CU_ASSERT_EQUAL(d->iotlb.walk.step, 1000);
    CU_ASSERT_EQUAL(d->plain.entries, 3);
    CU_ASSERT_EQUAL(d->plain.hit, 1000);
    CU_ASSERT_EQUAL(d->entries.count, 1);
    CU_ASSERT_EQUAL(((struct entry *)d->entries.at)->at, 16);
    CU_ASSERT_EQUAL(d->entries.nodes[0]->place.line, 15);
    CU_ASSERT_EQUAL(d->raw->kind, TB_MAP);
    done(&o);
}

static void test_short_forms(void)
{
    struct outcome o = read_with("plain: 7\nentries: [1, {at: 2, file: /x}, 0x3]\n", NULL);
    CU_ASSERT(o.good);
    CU_ASSERT_EQUAL(o.device.plain.entries, 7);
    CU_ASSERT_EQUAL(o.device.plain.hit, 1000);
    const struct entry *e = o.device.entries.at;
    CU_ASSERT(e[0].at == 1 && e[1].at == 2 && e[2].at == 3);
    CU_ASSERT_STRING_EQUAL(e[1].file, "/x"); /* absolute: stays */
    done(&o);
}

static void test_the_designs_two_errors(void)
{
    expect_errors("#\n#\nburst:    8KiB\n\n\n    \n", "dir/p.yaml:3:11: '8KiB' is out of range "
                                                      "(burst: 4B to 4KiB, default 64B)\n");
    expect_errors("{}\n", "");
    expect_errors("\n\n{\n    depht: 3}\n",
                  "dir/p.yaml:4:5: unknown parameter 'depht'; did you mean 'depth'?\n");
}

static void test_all_errors_in_one_run(void)
{
    expect_errors(
        "burst: 3B\n"
        "latency: 50\n"
        "id: 00:20.0\n"
        "zzz: 1\n"
        "iotlb: {replacement: lur, hti: 3}\n"
        "posted: yes\n"
        "numbers: [1, x, 0x100]\n"
        "entries: [{file: a}, 5, {at: 1, words: 5}]\n"
        "rate:\n",
        "dir/p.yaml:1:8: '3B' is out of range (burst: 4B to 4KiB, default 64B)\n"
        "dir/p.yaml:2:10: '50' needs a unit (ps ns us ms s) (latency: 1ps to 1s, default 50ns)\n"
        "dir/p.yaml:3:5: '00:20.0' is not a requester ID such as 00:01.1 (bus 00 to ff, device 00 "
        "to 1f, "
        "function 0 to 7) (id: default 00:01.1)\n"
        "dir/p.yaml:4:1: unknown parameter 'zzz' (known: burst, depth, seed, length, latency, "
        "bandwidth, "
        "clock, rate, id, posted, label, image, iotlb, plain, entries, numbers, raw)\n"
        "dir/p.yaml:5:8: parameter 'entries' is missing (entries: 1 to 65536)\n"
        "dir/p.yaml:5:22: 'lur' is unknown; did you mean 'lru'? (replacement: lru, fifo or random, "
        "default "
        "lru)\n"
        "dir/p.yaml:5:27: unknown parameter 'hti'; did you mean 'hit'?\n"
        "dir/p.yaml:6:9: 'yes' is neither true nor false (posted: default false)\n"
        "dir/p.yaml:7:14: 'x' is not a number (numbers: at most 0xff)\n"
        "dir/p.yaml:7:17: '0x100' is out of range (numbers: at most 0xff)\n"
        "dir/p.yaml:8:11: parameter 'at' is missing (at: number)\n"
        "dir/p.yaml:8:40: 'words' must be a list, not a single value\n"
        "dir/p.yaml:9:6: '' is no value (rate: default 80M/s)\n");
}

static void test_wrong_kinds(void)
{
    expect_errors("burst: [1]\nlabel: {a: b}\niotlb: 5\nplain: [1]\nentries: {}\nnumbers: 3\n",
                  "dir/p.yaml:1:8: 'burst' must be a single value, not a list\n"
                  "dir/p.yaml:2:8: 'label' must be a single value, not a map\n"
                  "dir/p.yaml:3:8: 'iotlb' must be a map, not a single value\n"
                  "dir/p.yaml:4:8: 'entries' must be a single value, not a list\n"
                  "dir/p.yaml:5:10: 'entries' must be a list, not a map\n"
                  "dir/p.yaml:6:10: 'numbers' must be a list, not a single value\n");
    expect_errors("iotlb:\n",
                  "dir/p.yaml:1:7: 'iotlb' must be a map, not empty ({} for all defaults)\n");
    expect_errors("[1, 2]\n", "dir/p.yaml:1:1: 'this' must be a map, not a list\n");
    expect_errors("entries: [1, 2, 3, 4]\n",
                  "dir/p.yaml:1:10: 'entries' has 4 members (allowed: at most 3)\n");
}

static void test_skipped_keys(void)
{
    static const char *const skip[] = {"model", "port", NULL};
    struct outcome o = read_with("model: x\nmodle: y\n", skip);
    CU_ASSERT_FALSE(o.good);
    CU_ASSERT_STRING_EQUAL(tb_diag_text(o.diag, 0),
                           "dir/p.yaml:2:1: unknown parameter 'modle'; did you mean 'model'?");
    CU_ASSERT_EQUAL(tb_diag_count(o.diag), 1);
    done(&o);
}

static void test_overridden_values_point_at_the_override(void)
{
    struct outcome o = read_with("burst: 64B\n", NULL);
    const struct tb_node *root = tb_tree_root(o.tree);
    struct tb_place place = {"--set burst=9KiB", 0, 0};
    CU_ASSERT(tb_tree_override(o.tree, root, "burst", "9KiB", place, o.diag));
    CU_ASSERT(tb_tree_override(o.tree, root, "image", "b.img", place, o.diag));
    CU_ASSERT_FALSE(tb_params_read(every_type, root, NULL, &o.device, o.arena, o.diag));
    CU_ASSERT_STRING_EQUAL(tb_diag_text(o.diag, 0), "--set burst=9KiB: '9KiB' is out of range "
                                                    "(burst: 4B to 4KiB, default 64B)");
    CU_ASSERT_STRING_EQUAL(o.device.image, "b.img"); /* relative to where the command is given */
    done(&o);
}

static void test_long_values_are_cut(void)
{
    char text[3000] = "label: [\nburst: ";
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "burst: ", 7);
    struct outcome o = read_with(text, NULL);
    CU_ASSERT_FALSE(o.good);
    CU_ASSERT(strlen(tb_diag_text(o.diag, 0)) < 200);
    done(&o);
}

static void test_find(void)
{
    CU_ASSERT_PTR_EQUAL(tb_param_find(every_type, "depth"), &every_type[1]);
    CU_ASSERT_PTR_NULL(tb_param_find(every_type, "none"));
}

SUITE("param", {"defaults", test_defaults}, {"everything given", test_everything_given},
      {"short forms", test_short_forms}, {"the design's two errors", test_the_designs_two_errors},
      {"all errors in one run", test_all_errors_in_one_run}, {"wrong kinds", test_wrong_kinds},
      {"keys that others read", test_skipped_keys},
      {"errors of overrides", test_overridden_values_point_at_the_override},
      {"long values are cut", test_long_values_are_cut}, {"rows by name", test_find})
