/* Logs made by hand for the tests of the log and of its comparison. */
#ifndef TESTS_LOG_TEXT_H
#define TESTS_LOG_TEXT_H

#include "diff/diff.h"
#include "log/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const log_text_names[] = {"ide0", "dram", "root"};

/* A DMA of ide0 whose parts add up. */
static inline struct tb_txn log_text_dma(uint32_t number, tb_time created, tb_time lat)
{
    static uint8_t bytes[64] = "the bytes of a transaction";
    struct tb_txn t = {.data = bytes,
                       .created = created,
                       .iova = 0x10000 + 64u * number,
                       .pa = 0x100000 + 64u * number,
                       .has_pa = 1,
                       .number = number,
                       .length = 64,
                       .by = 0,
                       .to = 1,
                       .requester = 0x0009,
                       .kind = TB_TXN_DMA,
                       .write = number & 1,
                       .tlb = TB_TLB_MISS};
    t.spent[TB_PART_QUEUE] = lat / 2;
    t.spent[TB_PART_MEM] = lat - lat / 2;
    return t;
}

static inline void log_text_begin(struct tb_log *log, const char *scenario)
{
    struct tb_log_header h = {0};
    tb_log_header_set(&h, scenario, "pc", "5f3c", 1);
    tb_log_begin(log, &h, log_text_names, 3);
}

static inline void log_text_end(struct tb_log *log, const struct tb_txn *t, enum tb_status status,
                                tb_time when)
{
    struct tb_model by = {.name = "ide0", .breakdown = true};
    tb_log_observe(log, &by, t, status, when);
}

/* The text of a log file, malloc'ed and terminated. */
static inline char *log_text_read(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return NULL;
    fseek(in, 0, SEEK_END);
    size_t size = (size_t)ftell(in);
    rewind(in);
    char *text = calloc(size + 1, 1);
    size_t got = fread(text, 1, size, in);
    fclose(in);
    text[got] = '\0';
    return text;
}

/* A file name of the test's own. */
static inline const char *log_text_path(char *out, size_t size, const char *name)
{
    snprintf(out, size, "/tmp/tollbridge-test-%ld-%s", (long)getpid(), name);
    return out;
}

/* A log of `count` DMAs as text: created 10 ns apart, 100 ns each. */
static inline char *log_text_dmas(uint32_t count)
{
    char path[80];
    struct tb_log log;
    log_text_path(path, sizeof path, "dmas.log");
    tb_log_open(&log, path, false);
    log_text_begin(&log, "hand-made");
    for (uint32_t i = 0; i < count; i++) {
        struct tb_txn t = log_text_dma(i, i * 10 * TB_NS, 100 * TB_NS);
        log_text_end(&log, &t, TB_OK, t.created + 100 * TB_NS);
    }
    tb_log_end(&log);
    tb_log_commit(&log);
    tb_log_close(&log);
    char *text = log_text_read(path);
    unlink(path);
    return text;
}

/* Start of line n (from 0, header included) of a text. */
static inline char *log_text_line(char *text, unsigned n)
{
    while (n-- > 0)
        text = strchr(text, '\n') + 1;
    return text;
}

/* The text with the first `from` at or after line n replaced by `to`; frees the old one. */
static inline char *log_text_edit(char *text, unsigned n, const char *from, const char *to)
{
    char *at = strstr(log_text_line(text, n), from), *out = NULL;
    if (!at || asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) < 0)
        abort();
    free(text);
    return out;
}

/* The text without line n; frees the old one. */
static inline char *log_text_cut(char *text, unsigned n)
{
    char *at = log_text_line(text, n), *next = strchr(at, '\n') + 1;
    memmove(at, next, strlen(next) + 1);
    return text;
}

/* The text with lines n and n + 1 swapped; frees the old one. */
static inline char *log_text_swap(char *text, unsigned n)
{
    char *a = log_text_line(text, n), *b = log_text_line(text, n + 1), *c = strchr(b, '\n') + 1;
    char *out = NULL;
    if (asprintf(&out, "%.*s%.*s%.*s%s", (int)(a - text), text, (int)(c - b), b, (int)(b - a), a,
                 c) < 0)
        abort();
    free(text);
    return out;
}

static inline struct tb_log_file *log_text_parse(const char *name, const char *text,
                                                 struct tb_diag *diag)
{
    return tb_log_file_text(name, strdup(text), strlen(text), diag);
}

#endif
