/* The transaction log: lines, the writer, files that appear whole or not at all. */
#include "log_text.h"
#include "suite.h"

#include <errno.h>
#include <sys/stat.h>
#include <zlib.h>

static char *line_of(const struct tb_txn *t, enum tb_status status, tb_time when)
{
    static char text[TB_LINE_LONGEST];
    struct tb_line line;
    const struct tb_line_source from = {t, log_text_names, 3, status, when, true};
    size_t length = tb_line_write(&from, text, &line);
    CU_ASSERT_EQUAL(text[length - 1], '\n');
    text[length - 1] = '\0';
    return text;
}

static void test_dma_line(void)
{
    struct tb_txn t = log_text_dma(17, 437500, 812500);
    char expected[400];
    snprintf(
        expected, sizeof expected,
        "t=1250.000 txn=17 by=ide0 rid=00:01.1 op=write at=untranslated iova=0x0000000000010440 "
        "pa=0x0000000000100440 len=64 to=dram status=ok lat=812.500 tlb=miss data=%08lx "
        "queue=406.250 wire=0.000 bus=0.000 bridge=0.000 lookup=0.000 ats=0.000 walk=0.000 "
        "mem=406.250 "
        "device=0.000 pasid=-",
        crc32(0, t.data, 64));
    CU_ASSERT_STRING_EQUAL(line_of(&t, TB_OK, 1250000), expected);
}

static void test_absent_values(void)
{
    struct tb_txn t = log_text_dma(2, 0, 1000);
    t.has_pa = 0;
    t.to = TB_NOBODY;
    t.tlb = TB_TLB_NONE;
    const char *text = line_of(&t, TB_FAULT, 1000);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " pa=- "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " to=- "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " tlb=- "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " status=fault "));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " data=- ")); /* a read that failed has no bytes */
    t.write = 1;
    CU_ASSERT_PTR_NULL(strstr(line_of(&t, TB_FAULT, 1000), " data=- "));
    CU_ASSERT_PTR_NOT_NULL(strstr(line_of(&t, TB_UNFINISHED, 1000), " lat=- "));
}

static void test_numbers(void)
{
    static const struct {
        uint64_t value;
        const char *decimal, *time;
    } cases[] = {
        {0, "0", "0.000"},
        {7, "7", "0.007"},
        {99, "99", "0.099"},
        {100, "100", "0.100"},
        {12345, "12345", "12.345"},
        {1000000, "1000000", "1000.000"},
        {UINT64_MAX, "18446744073709551615", "18446744073709551.615"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32] = "";
        *tb_put_decimal(text, cases[i].value) = '\0';
        CU_ASSERT_STRING_EQUAL(text, cases[i].decimal);
        *tb_put_time(text, cases[i].value) = '\0';
        CU_ASSERT_STRING_EQUAL(text, cases[i].time);
    }
}

/* Whatever is written can be read, for every kind, op and status. */
static void test_every_kind_reads_back(void)
{
    for (unsigned n = 0; n < TB_TXN_KINDS * 2 * TB_LOG_STATUSES; n++) {
        struct tb_txn t = log_text_dma(UINT32_MAX, 0, UINT64_MAX / 2);
        t.kind = (uint8_t)(n % TB_TXN_KINDS);
        t.write = n / TB_TXN_KINDS & 1;
        t.value[0] = t.value[1] = t.iova = UINT64_MAX;
        t.has_pasid = t.write;
        t.pasid = 0xfffff;
        enum tb_status status = n / (2 * TB_TXN_KINDS);
        const char *text = line_of(&t, status, UINT64_MAX);
        struct tb_line line;
        size_t column = 0;
        char why[200] = "";
        CU_ASSERT_TRUE(strlen(text) < TB_LINE_FIXED);
        CU_ASSERT_PTR_NULL(tb_line_read(text, strlen(text), &line, &column, why));
        CU_ASSERT_EQUAL(line.kind - tb_line_kinds, t.kind);
        CU_ASSERT_EQUAL(tb_line_status(&line), status);
        CU_ASSERT_EQUAL(tb_line_number(&line), UINT32_MAX);
    }
}

static void test_malformed_lines(void)
{
    static const struct {
        const char *from, *to;
        size_t column;
    } cases[] = {
        {"t=1250.000", "t=1250.00", 3},
        {"t=1250.000", "t=-1250.000", 3},
        {"txn=17", "txn=4294967296", 16},
        {"txn=17", "txn=", 16},
        {"by=ide0", "by=", 22},
        {"op=write", "op=wrote", 1},
        {" len=64", "", 96},
        {"status=ok", "status=fine", 125},
        {"len=64", "length=64", 97},
        {" pasid=-", "", 270},
        {"pasid=-", "pasid=- ", 277},
        {"pasid=-", "pasid=- x=1", 278},
        {"tlb=miss", "tlb=Miss", 0},
        {"iova=0x0000000000010440", "iova=0x10440", 0},
        {"rid=00:01.1", "rid=00:01.9", 0},
    };
    struct tb_txn t = log_text_dma(17, 437500, 812500);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *text =
            log_text_edit(strdup(line_of(&t, TB_OK, 1250000)), 0, cases[i].from, cases[i].to);
        struct tb_line line;
        size_t column = 0;
        char why[200] = "";
        CU_ASSERT_PTR_NOT_NULL(tb_line_read(text, strlen(text), &line, &column, why));
        CU_ASSERT_TRUE(column >= 1 && column <= strlen(text) + 1);
        if (i < 6)
            CU_ASSERT_EQUAL(column, cases[i].column);
        free(text);
    }
}

static void test_writer(void)
{
    char *text = log_text_dmas(3);
    static const char start[] = "#tollbridge-log v1\n"
                                "#scenario hand-made  platform pc  resolved 5f3c  seed 1\n"
                                "t=100.000 txn=0 by=ide0 ";
    CU_ASSERT_EQUAL(strncmp(text, start, sizeof start - 1), 0);
    CU_ASSERT_STRING_EQUAL(strchr(log_text_line(text, 4), '\n'), "\n");
    free(text);
}

static void test_only(void)
{
    static const char *const words[] = {"write", "walk"}, *const wrong[] = {"read", "wite"};
    struct tb_log log;
    tb_log_open(&log, NULL, true);
    log_text_begin(&log, "x");
    CU_ASSERT_STRING_EQUAL(tb_log_only(&log, wrong, 2), "wite");
    CU_ASSERT_PTR_NULL(tb_log_only(&log, words, 2));
    for (uint32_t i = 0; i < 4; i++) { /* two reads, two writes */
        struct tb_txn t = log_text_dma(i, 0, 1000);
        log_text_end(&log, &t, TB_OK, 1000);
    }
    CU_ASSERT_EQUAL(log.lines, 2);
    CU_ASSERT_EQUAL(log.tally[TB_TXN_DMA][TB_OK].count, 4);
    struct tb_txn walk = log_text_dma(0, 0, 1000);
    walk.kind = TB_TXN_WALK;
    log_text_end(&log, &walk, TB_OK, 1000);
    CU_ASSERT_EQUAL(log.lines, 3);
    tb_log_close(&log);
}

static void test_tally(void)
{
    struct tb_log log;
    tb_log_open(&log, NULL, false);
    log_text_begin(&log, "x");
    log.from = 50;
    for (uint32_t i = 0; i < 3; i++) {
        struct tb_txn t = log_text_dma(i, i * 50, 1000 * (i + 1));
        log_text_end(&log, &t, i == 2 ? TB_FAULT : TB_OK, t.created + 1000 * (i + 1));
    }
    const struct tb_tally *ok = &log.tally[TB_TXN_DMA][TB_OK];
    CU_ASSERT_EQUAL(ok->count, 1); /* the first was before the warm-up's end */
    CU_ASSERT_TRUE(ok->min == 2000 && ok->max == 2000 && ok->sum == 2000);
    CU_ASSERT_TRUE(ok->parts[TB_PART_QUEUE] == 1000);
    CU_ASSERT_EQUAL(log.tally[TB_TXN_DMA][TB_FAULT].count, 1);
    tb_log_close(&log);
}

static void test_nothing_before_commit(void)
{
    char path[80];
    log_text_path(path, sizeof path, "whole.log");
    struct tb_outfile f;
    tb_outfile_open(&f, path);
    for (int i = 0; i < 100000; i++) /* more than a buffer */
        tb_outfile_print(&f, "half");
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    tb_outfile_abandon(&f);
    CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
    tb_outfile_open(&f, path);
    tb_outfile_print(&f, "whole");
    CU_ASSERT_TRUE(tb_outfile_commit(&f));
    char *text = log_text_read(path);
    CU_ASSERT_STRING_EQUAL(text, "whole");
    free(text);
    unlink(path);
}

static void test_full_disk(void)
{
    char path[80];
    struct stat st;
    log_text_path(path, sizeof path, "full.log");
    CU_ASSERT_EQUAL(symlink("/dev/full", path), 0);
    struct tb_log log;
    tb_log_open(&log, path, false);
    log_text_begin(&log, "x");
    for (uint32_t i = 0; i < 5000; i++) { /* more than a buffer */
        struct tb_txn t = log_text_dma(i, 0, 1000);
        log_text_end(&log, &t, TB_OK, 1000);
    }
    CU_ASSERT_TRUE(tb_log_failed(&log));
    CU_ASSERT_FALSE(tb_log_commit(&log));
    CU_ASSERT_EQUAL(errno, ENOSPC);
    tb_log_close(&log);
    CU_ASSERT_TRUE(stat("/dev/full", &st) == 0 && S_ISCHR(st.st_mode));
    unlink(path);
}

static void test_names_are_cleaned(void)
{
    char *name = tb_log_name("a b\nc");
    CU_ASSERT_STRING_EQUAL(name, "a_b_c");
    free(name);
}

SUITE("log", {"a DMA's line", test_dma_line}, {"absent values", test_absent_values},
      {"numbers", test_numbers}, {"every kind reads back", test_every_kind_reads_back},
      {"malformed lines", test_malformed_lines}, {"the writer", test_writer}, {"only", test_only},
      {"counting", test_tally}, {"nothing before commit", test_nothing_before_commit},
      {"a full disk", test_full_disk}, {"names are cleaned", test_names_are_cleaned})
