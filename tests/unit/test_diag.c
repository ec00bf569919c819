#include "suite.h"
#include "tollbridge/diag.h"

#include <stdlib.h>
#include <string.h>

static char *printed(const struct tb_diag *d)
{
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    tb_diag_print(d, to);
    fclose(to);
    return text;
}

static void expect_printed(const struct tb_diag *d, const char *expected)
{
    char *text = printed(d);
    CU_ASSERT_STRING_EQUAL(text, expected);
    free(text);
}

static void test_places(void)
{
    struct tb_diag *d = tb_diag_new();
    tb_diag_at(d, (struct tb_place){"b.yaml", 3, 9}, "late %d", 1);
    tb_diag_at(d, (struct tb_place){NULL, 0, 0}, "nowhere");
    tb_diag_at(d, (struct tb_place){"b.yaml", 3, 2}, "early");
    tb_diag_at(d, (struct tb_place){"b.yaml", 3, 9}, "late 2");
    tb_diag_at(d, (struct tb_place){"a.yaml", 0, 0}, "whole file");
    tb_diag_at(d, (struct tb_place){"b.yaml", 12, 0}, "whole line");
    CU_ASSERT_EQUAL(tb_diag_count(d), 6);
    CU_ASSERT_STRING_EQUAL(tb_diag_text(d, 0), "b.yaml:3:9: late 1");
    CU_ASSERT_PTR_NULL(tb_diag_text(d, 6));
    CU_ASSERT_FALSE(tb_diag_is_host(d));
    expect_printed(d, "a.yaml: whole file\n"
                      "b.yaml:3:2: early\n"
                      "b.yaml:3:9: late 1\n"
                      "b.yaml:3:9: late 2\n"
                      "b.yaml:12: whole line\n"
                      "nowhere\n");
    tb_diag_free(d);
}

static void test_text_is_copied(void)
{
    struct tb_diag *d = tb_diag_new();
    char file[] = "f.yaml", what[] = "what";
    tb_diag_at(d, (struct tb_place){file, 1, 1}, "%s", what);
    memset(file, 'x', sizeof file - 1);
    memset(what, 'x', sizeof what - 1);
    expect_printed(d, "f.yaml:1:1: what\n");
    tb_diag_free(d);
}

static void test_one_line_each(void)
{
    struct tb_diag *d = tb_diag_new();
    tb_diag_at(d, (struct tb_place){"a\nb", 1, 1}, "x\ny\033[31m\r\t\177z");
    expect_printed(d, "a?b:1:1: x?y?[31m???z\n");
    tb_diag_free(d);
}

static void test_long_messages_are_cut(void)
{
    struct tb_diag *d = tb_diag_new();
    char *endless = malloc(100001);
    memset(endless, 'a', 100000);
    endless[100000] = '\0';
    tb_diag_at(d, (struct tb_place){endless, 1, 1}, "%s", endless);
    CU_ASSERT(strlen(tb_diag_text(d, 0)) < 2000);
    free(endless);
    tb_diag_free(d);
}

static void test_no_more_than_the_maximum(void)
{
    struct tb_diag *d = tb_diag_new();
    for (unsigned i = 0; i < TB_DIAG_MAX + 7; i++)
        tb_diag_at(d, (struct tb_place){"f", 1000 - i, 1}, "e%u", i);
    CU_ASSERT_EQUAL(tb_diag_count(d), TB_DIAG_MAX + 7);
    CU_ASSERT_PTR_NOT_NULL(tb_diag_text(d, TB_DIAG_MAX - 1));
    CU_ASSERT_PTR_NULL(tb_diag_text(d, TB_DIAG_MAX));
    char *text = printed(d);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "and 7 more errors\n"));
    free(text);
    tb_diag_free(d);
}

static void test_host(void)
{
    struct tb_diag *d = tb_diag_new();
    tb_diag_host(d, "disk %s", "full");
    CU_ASSERT(tb_diag_is_host(d));
    expect_printed(d, "disk full\n");
    tb_diag_free(d);
}

static void test_nearest(void)
{
    static const char *const names[] = {"latency", "depth", "size", "bandwidth", "id", "hit", NULL};
    static const struct {
        const char *word, *nearest;
    } cases[] = {
        {"depht", "depth"},
        {"dept", "depth"},
        {"deepth", "depth"},
        {"latncy", "latency"},
        {"Latency", "latency"},
        {"latancy", "latency"},
        {"siz", "size"},
        {"band_width", "bandwidth"},
        {"bandwdith", "bandwidth"},
        {"hits", "hit"},
        {"x", NULL},
        {"", NULL},
        {"di", NULL},
        {"entirely", NULL},
        {"latitude", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = tb_nearest(cases[i].word, names);
        if (cases[i].nearest)
            CU_ASSERT_STRING_EQUAL(got ? got : "(none)", cases[i].nearest)
        else
            CU_ASSERT_PTR_NULL(got)
    }
    static const char *const tie[] = {"cat", "car", NULL};
    CU_ASSERT_STRING_EQUAL(tb_nearest("cax", tie), "cat");
    static const char *const empty[] = {NULL};
    CU_ASSERT_PTR_NULL(tb_nearest("cat", empty));
}

static void test_nearest_of_endless_words(void)
{
    char word[1000];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const names[] = {"aaaa", word, NULL};
    CU_ASSERT_PTR_NULL(tb_nearest(word, names));
    CU_ASSERT_STRING_EQUAL(tb_nearest("aaab", names), "aaaa");
}

SUITE("diag", {"places, in order", test_places}, {"texts are copied", test_text_is_copied},
      {"a message is one line", test_one_line_each},
      {"long messages are cut", test_long_messages_are_cut},
      {"past the maximum only counted", test_no_more_than_the_maximum},
      {"the host's failures are told apart", test_host}, {"nearest name", test_nearest},
      {"nearest name of endless words", test_nearest_of_endless_words})
