/* The comparison of logs: what must be equal, and above all what must not. */
#include "diff/golden.h"
#include "log_text.h"
#include "suite.h"

#define HEADER 2 /* lines before the first transaction */

struct outcome {
    enum tb_exit status;
    struct tb_diff d;
    char *printed;
    size_t errors;
};

static struct outcome compare(const char *golden, const char *new, const char *tolerance,
                              const char *ignore)
{
    struct tb_diff_options o = {0};
    struct outcome out = {0};
    char why[256];
    size_t size;
    struct tb_diag *diag = tb_diag_new();
    if (tolerance)
        CU_ASSERT_TRUE(tb_diff_tolerance(&o, tolerance, why));
    if (ignore)
        CU_ASSERT_TRUE(tb_diff_ignore(&o, ignore, why));
    struct tb_log_file *a = log_text_parse("golden.log", golden, diag);
    struct tb_log_file *b = log_text_parse("new.log", new, diag);
    out.status = a && b ? tb_diff_files(a, b, &o, &out.d, diag) : TB_EXIT_INPUT;
    FILE *to = open_memstream(&out.printed, &size);
    if (tb_diag_count(diag) == 0)
        tb_diff_print(&out.d, to, false);
    else
        tb_diag_print(diag, to);
    fclose(to);
    out.errors = tb_diag_count(diag);
    json_decref(tb_diag_count(diag) ? NULL : tb_diff_json(&out.d));
    tb_diff_clear(&out.d);
    tb_log_file_free(a);
    tb_log_file_free(b);
    tb_diag_free(diag);
    return out;
}

/* Compares ten DMAs with an edited copy; says whether `text` was printed. */
static bool says(char *new, const char *tolerance, const char *ignore, enum tb_exit status,
                 const char *text)
{
    char *golden = log_text_dmas(10);
    struct outcome o = compare(golden, new, tolerance, ignore);
    bool ok = o.status == status && strstr(o.printed, text);
    if (!ok)
        printf("\nexpected %d and '%s', got %d and:\n%s", status, text, o.status, o.printed);
    free(o.printed);
    free(golden);
    free(new);
    return ok;
}

static char *edited(unsigned line, const char *from, const char *to)
{
    return log_text_edit(log_text_dmas(10), HEADER + line, from, to);
}

static void test_equal(void)
{
    CU_ASSERT_TRUE(says(log_text_dmas(10), NULL, NULL, TB_EXIT_OK, "equal: 10 transactions"));
}

static void test_wrong_numbers(void)
{
    CU_ASSERT_TRUE(says(edited(4, "lat=100.000", "lat=100.001"), NULL, NULL, TB_EXIT_VIOLATION,
                        "lat      100.000 -> 100.001   (+0.001 ns"));
    CU_ASSERT_TRUE(says(edited(4, "iova=0x000000000001", "iova=0x000000000002"), NULL, NULL,
                        TB_EXIT_VIOLATION, "addresses  1   iova 1"));
    CU_ASSERT_TRUE(says(edited(9, "status=ok", "status=abort"), NULL, NULL, TB_EXIT_VIOLATION,
                        "outcome    1   status 1"));
    CU_ASSERT_TRUE(says(edited(0, "data=", "data=0"), NULL, NULL, TB_EXIT_INPUT, "new.log:3:"));
    CU_ASSERT_TRUE(says(edited(0, "op=read", "op=write"), NULL, NULL, TB_EXIT_VIOLATION, "op 1"));
}

static void test_missing_line(void)
{
    CU_ASSERT_TRUE(says(log_text_cut(log_text_dmas(10), HEADER + 3), NULL, NULL, TB_EXIT_VIOLATION,
                        "golden.log:6 and new.log: a transaction of the golden log"));
    CU_ASSERT_TRUE(says(log_text_cut(log_text_dmas(10), HEADER + 9), NULL, NULL, TB_EXIT_VIOLATION,
                        "1 missing, 0 extra"));
    CU_ASSERT_TRUE(says(log_text_dmas(9), "100%", "times,order", TB_EXIT_VIOLATION, "1 missing"));
}

static void test_extra_line(void)
{
    CU_ASSERT_TRUE(says(log_text_dmas(12), NULL, NULL, TB_EXIT_VIOLATION,
                        "golden.log and new.log:13: a transaction that is not in the golden"));
}

static void test_swapped_lines(void)
{
    CU_ASSERT_TRUE(says(log_text_swap(log_text_dmas(10), HEADER + 3), NULL, NULL, TB_EXIT_VIOLATION,
                        "0 of 10 transactions changed, 1 out of order"));
    CU_ASSERT_TRUE(
        says(log_text_swap(log_text_dmas(10), HEADER + 3), NULL, "order", TB_EXIT_OK, "equal"));
    /* 10 ns apart: within 10 ns of each other, so their order means nothing. */
    CU_ASSERT_TRUE(
        says(log_text_swap(log_text_dmas(10), HEADER + 3), "10ns", NULL, TB_EXIT_OK, "equal"));
    CU_ASSERT_TRUE(says(log_text_swap(log_text_dmas(10), HEADER + 3), "9ns", NULL,
                        TB_EXIT_VIOLATION, "1 out of order"));
}

static void test_other_header(void)
{
    CU_ASSERT_TRUE(says(log_text_edit(log_text_dmas(10), 0, "log v1", "log v2"), NULL, NULL,
                        TB_EXIT_INPUT, "new.log:1:1: the first line must be"));
    CU_ASSERT_TRUE(says(log_text_edit(log_text_dmas(10), 1, "hand-made", "other"), NULL, NULL,
                        TB_EXIT_VIOLATION, "scenario hand-made -> other"));
    CU_ASSERT_TRUE(says(log_text_edit(log_text_dmas(10), 1, "hand-made", "other"), NULL, "scenario",
                        TB_EXIT_OK, "equal"));
    /* Another hash or seed is told, and is no difference of its own. */
    CU_ASSERT_TRUE(says(log_text_edit(log_text_dmas(10), 1, "5f3c", "77aa"), NULL, NULL, TB_EXIT_OK,
                        "5f3c -> 77aa"));
    CU_ASSERT_TRUE(says(log_text_edit(log_text_dmas(10), 1, "seed 1", "seed 2"), NULL, NULL,
                        TB_EXIT_OK, "seed 1 -> 2"));
}

static void test_tolerance(void)
{
    CU_ASSERT_TRUE(says(edited(4, "lat=100.000", "lat=105.000"), "5%", NULL, TB_EXIT_OK, "equal"));
    CU_ASSERT_TRUE(
        says(edited(4, "lat=100.000", "lat=105.001"), "5%", NULL, TB_EXIT_VIOLATION, "lat 1"));
    CU_ASSERT_TRUE(
        says(edited(4, "lat=100.000", "lat=94.999"), "5%", NULL, TB_EXIT_VIOLATION, "lat 1"));
    CU_ASSERT_TRUE(
        says(edited(4, "lat=100.000", "lat=110.000"), "10ns", NULL, TB_EXIT_OK, "equal"));
    CU_ASSERT_TRUE(
        says(edited(4, "lat=100.000", "lat=110.001"), "10ns", NULL, TB_EXIT_VIOLATION, "lat 1"));
    /* Times only: no tolerance for anything else. */
    CU_ASSERT_TRUE(says(edited(4, "len=64", "len=65"), "50%", NULL, TB_EXIT_VIOLATION, "len 1"));
    CU_ASSERT_TRUE(says(edited(4, "wire=0.000", "wire=-"), "50%", NULL, TB_EXIT_VIOLATION, "wire"));
}

static void test_ignore(void)
{
    CU_ASSERT_TRUE(
        says(edited(4, "lat=100.000", "lat=105.000"), NULL, "tlb,lat", TB_EXIT_OK, "equal"));
    CU_ASSERT_TRUE(
        says(edited(4, "lat=100.000", "lat=105.000"), NULL, "tlb", TB_EXIT_VIOLATION, "lat 1"));
    CU_ASSERT_TRUE(
        says(edited(4, "lat=100.000", "lat=105.000"), NULL, "times", TB_EXIT_OK, "equal"));
    CU_ASSERT_TRUE(says(edited(4, "tlb=miss", "tlb=hit"), NULL, "outcome", TB_EXIT_OK, "equal"));
}

static void test_bad_options(void)
{
    static const char *const tolerances[] = {"", "%", "5", "5%%", "-1%", "1.00001%", "x%", "10"};
    static const char *const ignores[] = {"", "latt", "lat,", "txn", "lat,by"};
    struct tb_diff_options o = {0};
    char why[256];
    for (size_t i = 0; i < sizeof tolerances / sizeof *tolerances; i++)
        CU_ASSERT_FALSE(tb_diff_tolerance(&o, tolerances[i], why));
    for (size_t i = 0; i < sizeof ignores / sizeof *ignores; i++)
        CU_ASSERT_FALSE(tb_diff_ignore(&o, ignores[i], why));
    CU_ASSERT_TRUE(tb_diff_tolerance(&o, "0.25%", why));
    CU_ASSERT_EQUAL(o.per_million, 2500);
}

static void test_malformed_files(void)
{
    CU_ASSERT_TRUE(says(strdup(""), NULL, NULL, TB_EXIT_INPUT, "new.log:1:1: the file ends"));
    CU_ASSERT_TRUE(says(strdup("t=1\n"), NULL, NULL, TB_EXIT_INPUT, "new.log:1:1"));
    CU_ASSERT_TRUE(says(strdup("#tollbridge-log v1\n"), NULL, NULL, TB_EXIT_INPUT,
                        "new.log:1:1: the file ends before"));
    CU_ASSERT_TRUE(says(edited(4, "txn=4", "txn=3"), NULL, NULL, TB_EXIT_INPUT,
                        "new.log:7:20: dma 3 of ide0 was already in this run"));
    CU_ASSERT_TRUE(says(edited(4, "txn=4", "txn=four"), NULL, NULL, TB_EXIT_INPUT, "new.log:7:15"));
    CU_ASSERT_TRUE(says(edited(4, "t=", "#what t="), NULL, NULL, TB_EXIT_INPUT,
                        "new.log:7:1: unknown kind of header line"));
    char *cut = log_text_dmas(10);
    cut[strlen(cut) - 20] = '\0';
    CU_ASSERT_TRUE(says(cut, NULL, NULL, TB_EXIT_INPUT, "new.log:12:"));
    char *twice = edited(4, "\n", "\n#scenario x  platform y  resolved z  seed 1\n");
    CU_ASSERT_TRUE(says(twice, NULL, NULL, TB_EXIT_INPUT, "without '#run'"));
    char *within = log_text_dmas(10);
    within[strlen(within) - 1] = '\0';
    CU_ASSERT_TRUE(says(within, NULL, NULL, TB_EXIT_INPUT, "the file ends within a line"));
}

static void test_comments_are_skipped(void)
{
    CU_ASSERT_TRUE(says(edited(4, "\n", "\n# why this is so\n"), NULL, NULL, TB_EXIT_OK, "equal"));
}

/* Two runs in one log: the same (by, kind, txn) may be in both. */
static char *two_runs(const char *change)
{
    char *text = log_text_dmas(3), *body = log_text_line(text, HEADER), *out = NULL;
    const char *head = "#scenario s  platform p  resolved r  seed 1\n";
    if (asprintf(&out, "#tollbridge-log v1\n#run 1 of 2 first\n%s%s#run 2 of 2 second\n%s%s", head,
                 body, head, body) < 0)
        abort();
    free(text);
    return change ? log_text_edit(out, 7, "lat=100.000", change) : out;
}

static void test_runs(void)
{
    char *golden = two_runs(NULL), *new = two_runs("lat=101.000");
    struct outcome o = compare(golden, golden, NULL, NULL);
    CU_ASSERT_EQUAL(o.status, TB_EXIT_OK);
    CU_ASSERT_EQUAL(o.d.transactions, 6);
    free(o.printed);
    o = compare(golden, new, NULL, NULL);
    CU_ASSERT_EQUAL(o.status, TB_EXIT_VIOLATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "run 2"));
    free(o.printed);
    char *one = strdup(golden);
    strstr(one, "#run 2")[0] = '\0';
    o = compare(golden, one, NULL, NULL);
    CU_ASSERT_EQUAL(o.status, TB_EXIT_INPUT); /* it says itself that there were two */
    free(o.printed);
    free(one);
    o = compare(golden, new, NULL, "times");
    CU_ASSERT_EQUAL(o.status, TB_EXIT_OK);
    free(o.printed);
    free(golden);
    free(new);
}

/* The earliest difference is the one that is shown, whatever its kind. */
static void test_first_divergence(void)
{
    char *new = log_text_cut(log_text_dmas(10), HEADER + 7);
    new = log_text_edit(new, HEADER + 5, "lat=100.000", "lat=100.010");
    CU_ASSERT_TRUE(says(new, NULL, NULL, TB_EXIT_VIOLATION, "golden.log:8 and new.log:8"));
    new = log_text_cut(log_text_dmas(10), HEADER + 2);
    new = log_text_edit(new, HEADER + 5, "lat=100.000", "lat=100.010");
    CU_ASSERT_TRUE(says(new, NULL, NULL, TB_EXIT_VIOLATION, "golden.log:5 and new.log: a trans"));
}

/* A part of its own moved: a cause. Only its waiting: it followed. Neither: it came later. Another
 * outcome: a cause. */
static void test_cause(void)
{
    char *new = edited(5, "mem=50.000", "mem=51.000");
    new = log_text_edit(new, HEADER + 5, "lat=100.000", "lat=101.000");
    new = log_text_edit(new, HEADER + 6, "queue=50.000", "queue=53.000");
    new = log_text_edit(new, HEADER + 6, "lat=100.000", "lat=103.000");
    new = log_text_edit(new, HEADER + 7, "t=170.000", "t=170.500");
    char *golden = log_text_dmas(10);
    struct outcome o = compare(golden, new, NULL, NULL);
    CU_ASSERT_EQUAL(o.d.causes.count[TB_WHY_OWN], 1);
    CU_ASSERT_EQUAL(o.d.causes.count[TB_WHY_WAITED], 1);
    CU_ASSERT_EQUAL(o.d.causes.count[TB_WHY_SHIFTED], 1);
    CU_ASSERT_TRUE(o.d.causes.any);
    CU_ASSERT_EQUAL(o.d.causes.place, 5);
    CU_ASSERT(o.d.causes.parts[TB_TXN_DMA][TB_PART_MEM].more == 1000);
    CU_ASSERT(o.d.causes.parts[TB_TXN_DMA][TB_PART_QUEUE].more == 3000);
    CU_ASSERT_EQUAL(o.d.causes.parts[TB_TXN_DMA][TB_PART_QUEUE].count, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "only times moved: 3 of 10"));
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "first by itself: golden.log:8: dma 5 of ide0"));
    free(o.printed);
    free(golden);
    free(new);
    CU_ASSERT_TRUE(says(edited(4, "status=ok", "status=abort"), NULL, NULL, TB_EXIT_VIOLATION,
                        "only outcome moved: 1 of 10"));
    CU_ASSERT_TRUE(says(edited(4, "status=ok", "status=abort"), NULL, NULL, TB_EXIT_VIOLATION,
                        "1 changed by themselves"));
    /* Within the tolerance nothing moved: the cause is what is left. */
    new = edited(5, "mem=50.000", "mem=50.500");
    new = log_text_edit(new, HEADER + 5, "queue=50.000", "queue=70.000");
    CU_ASSERT_TRUE(says(new, "1ns", NULL, TB_EXIT_VIOLATION, "1 only waited"));
}

/* A log whose two halves, of `half` lines each, have changed places. */
static struct outcome halves(uint32_t half)
{
    char *golden = log_text_dmas(2 * half), *new = NULL;
    char *first = log_text_line(golden, HEADER), *cut = log_text_line(first, half);
    if (asprintf(&new, "%.*s%s%.*s", (int)(first - golden), golden, cut, (int)(cut - first),
                 first) < 0)
        abort();
    struct outcome o = compare(golden, new, NULL, NULL);
    CU_ASSERT_EQUAL(o.status, TB_EXIT_VIOLATION);
    CU_ASSERT_EQUAL(o.d.transactions, 2 * half);
    CU_ASSERT_EQUAL(o.d.new_transactions, 2 * half);
    CU_ASSERT_EQUAL(o.d.missing, o.d.extra);
    CU_ASSERT_EQUAL(o.d.matched + o.d.missing, 2 * half);
    CU_ASSERT_EQUAL(o.d.differing, 0);
    free(golden);
    free(new);
    return o;
}

/* What is far from its place waits for its match; one line further than the window reaches it is
 * missing where it was and extra where it came, nothing passes for equal, and that is said. */
static void test_window(void)
{
    struct outcome o = halves(TB_DIFF_WAITING);
    CU_ASSERT_EQUAL(o.d.missing, 0);
    CU_ASSERT_EQUAL(o.d.moved[TB_ORDER], TB_DIFF_WAITING);
    CU_ASSERT_PTR_NULL(strstr(o.printed, "far from their place"));
    free(o.printed);
    o = halves(TB_DIFF_WAITING + 1);
    CU_ASSERT_TRUE(o.d.missing > 0);
    CU_ASSERT_TRUE(o.d.gave_up > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "may only be far from their place: at most 65536"));
    free(o.printed);
}

/* What moved is what changed places, not all that lies between. */
static void test_moved_line(void)
{
    char *golden = log_text_dmas(50), *new = NULL;
    char *a = log_text_line(golden, HEADER + 5), *b = strchr(a, '\n') + 1;
    char *c = log_text_line(golden, HEADER + 40);
    if (asprintf(&new, "%.*s%.*s%.*s%s", (int)(a - golden), golden, (int)(c - b), b, (int)(b - a),
                 a, c) < 0)
        abort();
    struct outcome later = compare(golden, new, NULL, NULL);
    struct outcome earlier = compare(new, golden, NULL, NULL);
    CU_ASSERT_EQUAL(later.d.moved[TB_ORDER], 1);
    CU_ASSERT_EQUAL(earlier.d.moved[TB_ORDER], 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(later.printed, "golden.log:8 and new.log:42: another place"));
    CU_ASSERT_PTR_NOT_NULL(strstr(earlier.printed, "golden.log:42 and new.log:8: another place"));
    free(later.printed);
    free(earlier.printed);
    free(golden);
    free(new);
}

/* Two lines are missing, and so the two behind them, which have changed places, are out of step. */
static void test_swapped_behind_missing(void)
{
    char *new = log_text_swap(log_text_dmas(10), HEADER + 5);
    new = log_text_cut(log_text_cut(new, HEADER + 3), HEADER + 3);
    CU_ASSERT_TRUE(says(strdup(new), NULL, NULL, TB_EXIT_VIOLATION,
                        "0 of 10 transactions changed, 1 out of order, 2 missing, 0 extra"));
    CU_ASSERT_TRUE(says(new, NULL, "order", TB_EXIT_VIOLATION,
                        "0 of 10 transactions changed, 0 out of order, 2 missing, 0 extra"));
}

/* The first divergence of each model, by its place in the golden, with what that model did before.
 */
static void test_components(void)
{
    char *golden = log_text_dmas(30);
    for (unsigned i = 1; i < 30; i += 3)
        golden = log_text_edit(golden, HEADER + i, "by=ide0", "by=nic0");
    char *new = strdup(golden);
    new = log_text_edit(new, HEADER + 19, "lat=100.000", "lat=105.000"); /* nic0 */
    new = log_text_edit(new, HEADER + 22, "lat=100.000", "lat=106.000"); /* nic0 */
    new = log_text_cut(new, HEADER + 12);                                /* ide0 */
    struct outcome o = compare(golden, new, NULL, NULL);
    CU_ASSERT_EQUAL(o.status, TB_EXIT_VIOLATION);
    CU_ASSERT_EQUAL(o.d.missing, 1);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(o.printed, "first difference: golden.log:15 and new.log: a trans"));
    char *nic = strstr(o.printed, "first of nic0: golden.log:22 and new.log:21: the same trans");
    CU_ASSERT_PTR_NOT_NULL_FATAL(nic);
    char *before = strstr(nic, "    t=260.000 txn=16 by=nic0"), *it = strstr(nic, "  - t=290.000");
    CU_ASSERT_TRUE(before && it && before < it); /* its own lines, none of ide0's */
    CU_ASSERT_TRUE(!strstr(nic, "by=ide0") || strstr(nic, "by=ide0") > it);
    CU_ASSERT_PTR_NOT_NULL(strstr(nic, "lat      100.000 -> 105.000"));
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "nic0             2 changed, 0 out of order, 0 miss"));
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "ide0             0 changed, 0 out of order, 1 miss"));
    free(o.printed);
    free(golden);
    free(new);
}

/* Twenty models differ: eight are shown, the rest are counted. */
static void test_many_components(void)
{
    char *golden = log_text_dmas(20), name[20], *new;
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "by=m%u", i);
        golden = log_text_edit(golden, HEADER + i, "by=ide0", name);
    }
    new = strdup(golden);
    for (unsigned i = 0; i < 20; i++)
        new = log_text_edit(new, HEADER + i, "lat=100.000", "lat=101.000");
    struct outcome o = compare(golden, new, NULL, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "first of m7:"));
    CU_ASSERT_PTR_NULL(strstr(o.printed, "first of m8:"));
    CU_ASSERT_PTR_NOT_NULL(strstr(o.printed, "and the first of 12 models more, from m8 on"));
    free(o.printed);
    free(golden);
    free(new);
}

/* A log that tells the hashes of its lines, as a golden does. */
static char *told(void)
{
    char path[80], *text = log_text_dmas(10);
    struct tb_diag *diag = tb_diag_new();
    log_text_path(path, sizeof path, "told.log");
    FILE *to = fopen(path, "w");
    fputs(text, to);
    fclose(to);
    CU_ASSERT_TRUE(tb_golden_write_log(path, path, diag));
    CU_ASSERT_TRUE(tb_golden_write_log(path, path, diag)); /* once is enough */
    free(text);
    text = log_text_read(path);
    unlink(path);
    tb_diag_free(diag);
    return text;
}

static void test_hashes_in_header(void)
{
    static const struct {
        unsigned line;
        const char *from, *to, *says;
    } cases[] = {
        {8, "status=ok", "status=abort",
         "new.log:4:1: the lines of this run are not those whose "
         "hashes stand here (outcome differ)"},
        {8, "lat=100.000", "lat=100.001", "(times differ)"},
        {8, "pa=0x0000000000100", "pa=0x0000000000200", "(addresses differ)"},
        {8, "data=", "data=0", "new.log:9:"},
        {2, "#lines 10", "#lines 11",
         "new.log:2:1: this run has 10 transactions, '#lines' says 11"},
        {2, "#lines 10", "#lines ten", "new.log:3:1: expected one '#lines"},
        {3, "times=", "times=0", "new.log:4:1: expected one '#all"},
        {3, "\n", "\n#lines 10\n", "new.log:5:1: expected one '#lines"},
        {5, "t=", "#lines 10\nt=", "new.log:6:1: expected this before the first"},
        {5, "t=", "#block 0\nt=", "new.log:6:1: a log has no such line"},
    };
    CU_ASSERT_TRUE(says(told(), NULL, NULL, TB_EXIT_OK, "equal: 10"));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CU_ASSERT_TRUE(says(log_text_edit(told(), cases[i].line, cases[i].from, cases[i].to), NULL,
                            NULL, TB_EXIT_INPUT, cases[i].says));
    CU_ASSERT_TRUE(says(log_text_cut(told(), 13), NULL, NULL, TB_EXIT_INPUT, "this run has 9"));
    CU_ASSERT_TRUE(says(log_text_swap(told(), 7), NULL, NULL, TB_EXIT_INPUT, "(times, order, "));
}

SUITE("diff", {"swapped, out of step", test_swapped_behind_missing}, {"the window", test_window},
      {"a moved line", test_moved_line}, {"components", test_components},
      {"many components", test_many_components}, {"hashes in the header", test_hashes_in_header},
      {"equal", test_equal}, {"wrong numbers", test_wrong_numbers},
      {"a missing line", test_missing_line}, {"an extra line", test_extra_line},
      {"swapped lines", test_swapped_lines}, {"another header", test_other_header},
      {"tolerance", test_tolerance}, {"ignored keys", test_ignore},
      {"bad options", test_bad_options}, {"malformed files", test_malformed_files},
      {"comments", test_comments_are_skipped}, {"several runs", test_runs},
      {"the first divergence", test_first_divergence}, {"cause and effect", test_cause})
