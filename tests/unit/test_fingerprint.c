/* Fingerprints: the same lines give the same, and a change shows in the right ingredient and block.
 */
#include "diff/golden.h"
#include "log_text.h"
#include "suite.h"

#define LINES 25000

/* What is changed in the log that is compared: every ingredient at a line of its own. */
struct change {
    uint32_t line;
    void (*make)(struct tb_txn *t);
    enum tb_ingredient shows;
    size_t block;
};

static void run_log(struct tb_log *log, const struct change *change, uint32_t lines)
{
    log_text_begin(log, "long");
    for (uint32_t i = 0; i < lines; i++) {
        struct tb_txn t = log_text_dma(i, i * 10 * TB_NS, 100 * TB_NS);
        if (change && i == change->line)
            change->make(&t);
        log_text_end(log, &t, TB_OK, i * 10 * TB_NS + 100 * TB_NS);
    }
    tb_log_end(log);
}

static struct tb_log_file *make(const struct change *change, uint32_t lines)
{
    struct tb_log log;
    tb_log_open(&log, NULL, true);
    run_log(&log, change, lines);
    struct tb_log_file *f = tb_log_file_prints("new", log.prints, log.run_count);
    tb_log_close(&log);
    return f;
}

/* Writes the fingerprints as a file and reads them back. */
static struct tb_log_file *make_file(const struct change *change, uint32_t lines)
{
    char path[80];
    struct tb_log log;
    log_text_path(path, sizeof path, "print");
    tb_log_open(&log, NULL, true);
    run_log(&log, change, lines);
    CU_ASSERT_TRUE(tb_golden_write_prints(path, log.prints, log.run_count));
    tb_log_close(&log);
    CU_ASSERT_EQUAL(tb_golden_form(path), TB_GOLDEN_PRINT);
    char *text = log_text_read(path);
    unlink(path);
    struct tb_diag *diag = tb_diag_new();
    struct tb_log_file *f = tb_log_file_text("golden", text, strlen(text), diag);
    CU_ASSERT_TRUE(f && tb_log_file_drain(f, true));
    tb_diag_print(diag, stdout);
    tb_diag_free(diag);
    return f;
}

static enum tb_exit compare(struct tb_log_file *golden, struct tb_log_file *new,
                            const char *tolerance, const char *ignore, struct tb_diff *d,
                            char **printed)
{
    static struct tb_diff_options o;
    size_t size;
    char why[256];
    o = (struct tb_diff_options){0};
    if (tolerance)
        CU_ASSERT_TRUE(tb_diff_tolerance(&o, tolerance, why));
    if (ignore)
        CU_ASSERT_TRUE(tb_diff_ignore(&o, ignore, why));
    struct tb_diag *diag = tb_diag_new();
    enum tb_exit status = tb_diff_files(golden, new, &o, d, diag);
    FILE *to = open_memstream(printed, &size);
    if (tb_diag_count(diag))
        tb_diag_print(diag, to);
    else
        tb_diff_print(d, to, false);
    fclose(to);
    tb_diag_free(diag);
    return status;
}

static void later(struct tb_txn *t)
{
    t->created -= 1;
}

static void elsewhere(struct tb_txn *t)
{
    t->pa ^= 0x1000;
}

static void other_hit(struct tb_txn *t)
{
    t->tlb = TB_TLB_HIT;
}

static void other_bytes(struct tb_txn *t)
{
    static uint8_t other[64];
    t->data = other;
}

static void other_pasid(struct tb_txn *t) /* the last key of the line */
{
    t->has_pasid = 1;
}

static void other_number(struct tb_txn *t)
{
    t->number += LINES;
}

static const struct change changes[] = {
    {3, later, TB_TIMES, 0},
    {9999, elsewhere, TB_ADDRESSES, 0},
    {10000, other_hit, TB_OUTCOME, 1},
    {15000, other_pasid, TB_ADDRESSES, 1},
    {20000, other_bytes, TB_BYTES_MOVED, 2},
    {24999, other_number, TB_ORDER, 2},
};

static void test_equal(void)
{
    struct tb_log_file *golden = make_file(NULL, LINES), *new = make(NULL, LINES);
    struct tb_diff d;
    char *printed;
    CU_ASSERT_EQUAL(compare(golden, new, NULL, NULL, &d, &printed), TB_EXIT_OK);
    CU_ASSERT_EQUAL(d.transactions, LINES);
    CU_ASSERT_EQUAL(golden->runs[0].print.block_count, 3);
    CU_ASSERT_EQUAL(golden->runs[0].lines, TB_CLEAR_LINES);
    free(printed);
    tb_diff_clear(&d);
    CU_ASSERT_EQUAL(compare(golden, new, "5%", NULL, &d, &printed), TB_EXIT_OK);
    free(printed);
    tb_diff_clear(&d);
    tb_log_file_free(golden);
    tb_log_file_free(new);
}

static void test_changes(void)
{
    struct tb_log_file *golden = make_file(NULL, LINES);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct tb_log_file *new = make(&changes[i], LINES);
        struct tb_diff d;
        char *printed, expected[80];
        CU_ASSERT_EQUAL(compare(golden, new, NULL, NULL, &d, &printed), TB_EXIT_VIOLATION);
        for (unsigned k = 0; k < TB_INGREDIENTS; k++)
            CU_ASSERT_EQUAL(d.blocks[k].differs, k == changes[i].shows);
        CU_ASSERT_EQUAL(d.blocks[changes[i].shows].first, changes[i].block);
        CU_ASSERT_EQUAL(d.blocks[changes[i].shows].count, 1);
        snprintf(expected, sizeof expected, "%-10s begins to differ in block %zu",
                 tb_ingredient_names[changes[i].shows], changes[i].block);
        CU_ASSERT_PTR_NOT_NULL(strstr(printed, expected));
        CU_ASSERT_EQUAL(d.clear.what,
                        i == 0 ? TB_KEYS_DIFFER : TB_SAME); /* in the lines in clear */
        free(printed);
        tb_diff_clear(&d);
        tb_log_file_free(new);
    }
    tb_log_file_free(golden);
}

static void test_missing_line(void)
{
    struct tb_log_file *golden = make_file(NULL, LINES), *new = make(NULL, LINES - 1);
    struct tb_diff d;
    char *printed;
    CU_ASSERT_EQUAL(compare(golden, new, NULL, NULL, &d, &printed), TB_EXIT_VIOLATION);
    CU_ASSERT_PTR_NOT_NULL(strstr(printed, "dma ok: 25000 -> 24999 lines"));
    free(printed);
    tb_diff_clear(&d);
    CU_ASSERT_EQUAL(compare(golden, new, NULL, "times,order,addresses,outcome,data", &d, &printed),
                    TB_EXIT_VIOLATION);
    free(printed);
    tb_diff_clear(&d);
    tb_log_file_free(golden);
    tb_log_file_free(new);
}

/* What hashes cannot answer is refused. */
static void test_refusals(void)
{
    struct tb_log_file *golden = make_file(NULL, 300), *new = make(&changes[0], 300);
    static const struct {
        const char *tolerance, *ignore;
        enum tb_exit status;
        const char *says;
    } cases[] = {
        {"5%", NULL, TB_EXIT_INPUT, "cannot serve a time tolerance"},
        {"5%", "times", TB_EXIT_OK, "equal"},
        {NULL, "times", TB_EXIT_OK, "equal"},
        {NULL, "lat", TB_EXIT_INPUT, "cannot ignore a single key"},
        {NULL, "t,lat,queue,wire,bus,bridge,lookup,ats,walk,mem,device", TB_EXIT_OK, "equal"},
        {NULL, "tlb", TB_EXIT_VIOLATION, "different"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tb_diff d;
        char *printed;
        CU_ASSERT_EQUAL(compare(golden, new, cases[i].tolerance, cases[i].ignore, &d, &printed),
                        cases[i].status);
        CU_ASSERT_PTR_NOT_NULL(strstr(printed, cases[i].says));
        free(printed);
        tb_diff_clear(&d);
    }
    tb_log_file_free(golden);
    tb_log_file_free(new);
}

/* Computed while running, and from the log that was written: the same. */
static void test_from_log(void)
{
    char path[80];
    struct tb_log log;
    struct tb_diag *diag = tb_diag_new();
    log_text_path(path, sizeof path, "both.log");
    tb_log_open(&log, path, true);
    run_log(&log, NULL, LINES);
    CU_ASSERT_TRUE(tb_log_commit(&log));
    struct tb_log_file *print = tb_log_file_prints("p", log.prints, log.run_count);
    struct tb_log_file *full = tb_log_file_open(path, diag);
    struct tb_diff d;
    char *printed;
    CU_ASSERT_PTR_NOT_NULL_FATAL(full);
    CU_ASSERT_EQUAL(compare(print, full, NULL, NULL, &d, &printed), TB_EXIT_OK);
    free(printed);
    tb_diff_clear(&d);
    tb_log_file_free(print);
    tb_log_file_free(full);
    tb_diag_free(diag);
    tb_log_close(&log);
    unlink(path);
}

static void test_malformed(void)
{
    static const struct {
        unsigned line;
        const char *from, *to, *says;
    } cases[] = {
        {2, "#lines 300", "#lines x", "f:3:1"},
        {2, "#lines 300", "#lines 30000", "not as many blocks"},
        {3, "#count dma ok", "#count dma fine", "f:4:1"},
        {4, "times=", "tims=", "f:5:1"},
        {5, "#block 0", "#block 1", "f:6:1"},
        {6, "#clear 200", "#clear 201", "fewer lines in clear"},
        {6, "#clear 200", "#clear 199", "more lines in clear"},
        {6, "#clear 200", "#clear 301", "f:7:1"},
        {7, "t=", "u=", "f:8:1"},
    };
    char path[80];
    struct tb_log log;
    log_text_path(path, sizeof path, "print");
    tb_log_open(&log, NULL, true);
    run_log(&log, NULL, 300);
    tb_golden_write_prints(path, log.prints, log.run_count);
    tb_log_close(&log);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tb_diag *diag = tb_diag_new();
        char *text = log_text_edit(log_text_read(path), cases[i].line, cases[i].from, cases[i].to);
        struct tb_log_file *f = tb_log_file_text("f", text, strlen(text), diag);
        CU_ASSERT_FALSE(f && tb_log_file_drain(f, true));
        tb_log_file_free(f);
        CU_ASSERT_TRUE_FATAL(tb_diag_count(diag) > 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(diag, 0), cases[i].says));
        tb_diag_free(diag);
    }
    unlink(path);
}

static void test_bless_keeps_form(void)
{
    char folder[40], golden[80], ledger[80], path[80];
    struct tb_log log;
    struct tb_blessed b;
    mkdtemp(strcpy(folder, "/tmp/tb-bless-XXXXXX"));
    snprintf(golden, sizeof golden, "%s/golden", folder);
    snprintf(ledger, sizeof ledger, "%s/LEDGER", folder);
    log_text_path(path, sizeof path, "run.log");
    tb_log_open(&log, path, true);
    run_log(&log, NULL, 300);
    tb_log_commit(&log);
    struct tb_golden_run run = {path, log.prints, log.run_count, 300};
    CU_ASSERT_TRUE(tb_golden_bless(golden, &run, "why", &b));
    CU_ASSERT_EQUAL(b.form, TB_GOLDEN_LOG);
    CU_ASSERT_EQUAL(b.what, TB_BLESSED_NEW);
    run.lines = TB_GOLDEN_LINES + 1;
    CU_ASSERT_TRUE(tb_golden_bless(golden, &run, "why", &b));
    CU_ASSERT_EQUAL(b.form, TB_GOLDEN_LOG); /* it was a log */
    CU_ASSERT_EQUAL(b.what, TB_BLESSED_SAME);
    unlink(golden);
    CU_ASSERT_TRUE(tb_golden_bless(golden, &run, "why", &b));
    CU_ASSERT_EQUAL(b.form, TB_GOLDEN_PRINT);
    run.lines = 300;
    CU_ASSERT_TRUE(tb_golden_bless(golden, &run, "why", &b));
    CU_ASSERT_EQUAL(b.form, TB_GOLDEN_PRINT); /* it was fingerprints */
    tb_log_close(&log);
    unlink(golden);
    unlink(ledger);
    rmdir(folder);
    unlink(path);
}

SUITE("fingerprint", {"equal", test_equal}, {"each ingredient", test_changes},
      {"a missing line", test_missing_line}, {"refusals", test_refusals},
      {"from a log", test_from_log}, {"malformed", test_malformed},
      {"blessing keeps the form", test_bless_keeps_form})
