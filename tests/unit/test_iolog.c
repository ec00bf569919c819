/* fio iologs: both versions, and everything that can be wrong with one. */
#include "host/iolog.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DISK ((uint64_t)64 << 20)

struct result {
    struct tb_diag *diag;
    struct iolog *log;
    char path[64];
};

static void read_bytes(struct result *r, const char *text, size_t length, const char *file)
{
    snprintf(r->path, sizeof r->path, "/tmp/test_iolog.XXXXXX");
    int fd = mkstemp(r->path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, length), (ssize_t)length);
    close(fd);
    r->diag = tb_diag_new();
    r->log = iolog_read(r->path, file, DISK, NULL, r->diag);
    unlink(r->path);
}

static void read_text(struct result *r, const char *text, const char *file)
{
    read_bytes(r, text, strlen(text), file);
}

static void drop(struct result *r)
{
    iolog_free(r->log);
    tb_diag_free(r->diag);
}

static void test_version_3(void)
{
    struct result r;
    read_text(&r,
              "fio version 3 iolog\n"
              "26 /dev/sda add\n"
              "241 /dev/sda open\n"
              "249 /dev/sda write 4046848 8192\r\n"
              "\n"
              "282 /dev/sda read 512 65536\n"
              "281 /dev/sda sync 0 0\n"
              "300 /dev/sda datasync\n"
              "301 /dev/sda trim 0 4096\n"
              "302 /dev/sda close",
              NULL);
    CU_ASSERT_EQUAL(tb_diag_count(r.diag), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.log);
    CU_ASSERT_EQUAL_FATAL(r.log->count, 4);
    CU_ASSERT_EQUAL(r.log->trims, 1);
    CU_ASSERT_EQUAL(r.log->longest, 65536);
    CU_ASSERT_EQUAL(r.log->at[0].op, IOLOG_WRITE);
    CU_ASSERT_EQUAL(r.log->at[0].time, 249 * TB_US);
    CU_ASSERT_EQUAL(r.log->at[0].offset, 4046848);
    CU_ASSERT_EQUAL(r.log->at[0].length, 8192);
    CU_ASSERT_EQUAL(r.log->at[0].line, 4);
    CU_ASSERT_EQUAL(r.log->at[1].op, IOLOG_READ);
    CU_ASSERT_EQUAL(r.log->at[2].op, IOLOG_SYNC);
    CU_ASSERT_EQUAL(r.log->at[2].time, 282 * TB_US); /* never backwards */
    CU_ASSERT_EQUAL(r.log->at[3].op, IOLOG_SYNC);
    drop(&r);
}

static void test_version_2(void)
{
    struct result r;
    read_text(&r,
              "fio version 2 iolog\n"
              "/dev/sda add\n"
              "/dev/sda open\n"
              "/dev/sda read 0 512\n"
              "/dev/sda wait 100 0\n"
              "/dev/sda wait 50\n"
              "/dev/sda read 1024 512\n"
              "/dev/sda close\n",
              NULL);
    CU_ASSERT_EQUAL(tb_diag_count(r.diag), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.log);
    CU_ASSERT_EQUAL_FATAL(r.log->count, 2);
    CU_ASSERT_EQUAL(r.log->at[0].time, 0);
    CU_ASSERT_EQUAL(r.log->at[1].time, 150 * TB_US);
    drop(&r);
}

#define TWO_FILES                                                                                  \
    "fio version 3 iolog\n1 a add\n1 b add\n2 a open\n2 b open\n3 a read 0 512\n4 b read 512 "     \
    "512\n"

static void test_files(void)
{
    struct result r;
    read_text(&r, TWO_FILES, "b");
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.log);
    CU_ASSERT_EQUAL_FATAL(r.log->count, 1);
    CU_ASSERT_EQUAL(r.log->at[0].offset, 512);
    drop(&r);
    read_text(&r, TWO_FILES, "c");
    CU_ASSERT_PTR_NULL(r.log);
    CU_ASSERT_EQUAL(tb_diag_count(r.diag), 1);
    drop(&r);
    read_text(&r, TWO_FILES, NULL);
    CU_ASSERT_PTR_NULL(r.log);
    CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(r.diag, 0), ":7:3: requests for a second file"));
    drop(&r);
}

#define V3 "fio version 3 iolog\n1 f add\n2 f open\n3 f read 0 512\n"
#define V2 "fio version 2 iolog\nf add\nf open\nf read 0 512\n"

static void test_bad_lines(void)
{
    static const struct {
        const char *text, *what; /* behind the path */
    } bad[] = {
        {"", ":1:1: the log is empty"},
        {"\n", ":1:1: not a fio iolog"},
        {"fio version 1 iolog\n", ":1:1: not a fio iolog"},
        {"fio version 3 iolog \n", ":1:1: not a fio iolog"},
        {"fio version 3 iolog\n", ": the log has no read or write"},
        {"fio version 3 iolog\n1 f add\n2 f open\n3 f sync 0 0\n",
         ": the log has no read or write"},
        {V3 "4 f read 67108864 512\n", ":5:10: the request ends past the end of the disk"},
        {V3 "4 f read 67108352 1024\n", ":5:10: the request ends past the end of the disk"},
        {V3 "4 f read 18446744073709551104 1024\n", ":5:10: the request ends past"},
        {V3 "4 f read 18446744073709551616 512\n", ":5:10: '18446744073709551616' is no offset"},
        {V3 "4 f read -512 512\n", ":5:10: '-512' is no offset"},
        {V3 "4 f read 5 512\n", ":5:10: the offset is not a multiple of 512"},
        {V3 "4 f write 512 0\n", ":5:15: the length is not a positive multiple"},
        {V3 "4 f write 512 513\n", ":5:15: the length is not a positive multiple"},
        {V3 "4 f write 0 4294967296\n", ":5:13: the length is more than 1 GiB"},
        {V3 "x f read 0 512\n", ":5:1: 'x' is no time"},
        {V3 "99999999999999 f read 0 512\n", ":5:1: later than ten days"},
        {V3 "4 f frob 0 512\n", ":5:5: unknown action 'frob'"},
        {V3 "4 f read 0\n", ":5:5: 'read' needs an offset and a length"},
        {V3 "4 f read 0 512 1\n", ":5:5: 'read' needs an offset and a length"},
        {V3 "4 f read 0 512 1 2 3 4 5 6 7 8\n", ":5:5: 'read' needs an offset and a length"},
        {V3 "4 f close 1\n", ":5:11: nothing can follow 'close'"},
        {V3 "4 f wait 5 0\n", ":5:5: version 3 has no 'wait'"},
        {V3 "4\n", ":5:1: a line is"},
        {V3 "4 f\n", ":5:3: a line is"},
        {V3 "4 g open\n", ":5:3: 'g' was not added before it is opened"},
        {V3 "4 g close\n", ":5:3: 'g' was not added before it is closed"},
        {V3 "4 g read 0 512\n", ":5:3: 'g' is not open"},
        {V3 "4 f close\n5 f read 0 512\n", ":6:3: 'f' is not open"},
        {V2 "f wait 864000000001 0\n", ":5:8: later than ten days"},
        {V2 "f wait x 0\n", ":5:8: 'x' is no time"},
        {V2 "5 f read 0 512\n", ":5:3: unknown action 'f'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct result r;
        read_text(&r, bad[i].text, NULL);
        CU_ASSERT_PTR_NULL(r.log);
        CU_ASSERT_EQUAL(tb_diag_count(r.diag), 1);
        const char *said = tb_diag_count(r.diag) ? tb_diag_text(r.diag, 0) : "";
        if (!strstr(said, bad[i].what))
            fprintf(stderr, "log %zu: said '%s', not '%s'\n", i, said, bad[i].what);
        CU_ASSERT_PTR_NOT_NULL(strstr(said, bad[i].what));
        drop(&r);
    }
}

static void test_all_errors_at_once(void)
{
    struct result r;
    read_text(&r, V3 "4 f frob 0 512\n5 f read 1 512\n6 f read 0 512\n7 f\n", NULL);
    CU_ASSERT_PTR_NULL(r.log);
    CU_ASSERT_EQUAL(tb_diag_count(r.diag), 3);
    drop(&r);
}

static void test_odd_bytes(void)
{
    struct result r;
    static char big[3 * IOLOG_LINE_MAX];
    read_bytes(&r, V3 "4 f\0read 0 512\n", sizeof V3 + 15, NULL);
    CU_ASSERT_PTR_NULL(r.log);
    CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(r.diag, 0), "zero byte"));
    drop(&r);
    memset(big, 'x', sizeof big);
    memcpy(big, V3, strlen(V3));
    read_bytes(&r, big, sizeof big, NULL);
    CU_ASSERT_PTR_NULL(r.log);
    CU_ASSERT_PTR_NOT_NULL(strstr(tb_diag_text(r.diag, 0), "longer than"));
    drop(&r);
}

/* Only bytes 0xff, or a torn file, at every length: an error or a log, never more. */
static void test_torn(void)
{
    static const char text[] = TWO_FILES "5 a close\n";
    for (size_t length = 0; length < sizeof text; length++) {
        struct result r;
        char copy[sizeof text];
        memcpy(copy, text, sizeof text);
        copy[length] = (char)0xff;
        read_bytes(&r, copy, sizeof text - 1, "a");
        CU_ASSERT_TRUE((r.log != NULL) == (tb_diag_count(r.diag) == 0));
        drop(&r);
        read_bytes(&r, text, length, "a");
        CU_ASSERT_TRUE((r.log != NULL) == (tb_diag_count(r.diag) == 0));
        drop(&r);
    }
}

static void test_recorded(void)
{
    struct tb_diag *diag = tb_diag_new();
    struct iolog *log =
        iolog_read(TB_SOURCE_DIR "/configs/workloads/mix.iolog", NULL, DISK, NULL, diag);
    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    CU_ASSERT_EQUAL(log->count, 3000);
    CU_ASSERT_EQUAL(log->longest, 65536);
    uint64_t bytes = 0;
    for (size_t i = 0; i < log->count; i++)
        bytes += log->at[i].length;
    CU_ASSERT_EQUAL(bytes, 35389440);
    iolog_free(log);
    CU_ASSERT_PTR_NULL(iolog_read("/nowhere/at/all", NULL, DISK, NULL, diag));
    CU_ASSERT_PTR_NULL(iolog_read("/", NULL, DISK, NULL, diag));
    CU_ASSERT_EQUAL(tb_diag_count(diag), 2);
    tb_diag_free(diag);
}

SUITE("iolog", {"version 3", test_version_3}, {"version 2", test_version_2}, {"files", test_files},
      {"bad lines", test_bad_lines}, {"all errors at once", test_all_errors_at_once},
      {"odd bytes", test_odd_bytes}, {"torn", test_torn}, {"recorded", test_recorded})
