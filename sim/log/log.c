/* The transaction log; see log.h. */
#include "log/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void tb_log_open(struct tb_log *log, const char *path, bool fingerprint)
{
    *log = (struct tb_log){
        .file_wanted = path != NULL, .print_wanted = fingerprint, .any = path || fingerprint};
    if (!path)
        return;
    tb_outfile_open(&log->file, path);
    tb_outfile_put(&log->file, TB_LOG_MAGIC "\n", sizeof TB_LOG_MAGIC);
}

char *tb_log_name(const char *name)
{
    char *copy = strdup(*name ? name : "_");
    for (char *at = copy; at && *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f)
            *at = '_';
    return copy;
}

static void free_names(struct tb_log *log)
{
    for (size_t i = 0; log->names && i < log->name_count; i++)
        free(log->names[i]);
    free(log->names);
    log->names = NULL;
    log->name_count = 0;
}

static bool copy_names(struct tb_log *log, const char *const *names, size_t count)
{
    size_t longest = 0;
    log->names = calloc(count ? count : 1, sizeof *log->names);
    for (size_t i = 0; log->names && i < count; i++) {
        log->names[i] = tb_log_name(names[i]);
        if (!log->names[i])
            return false;
        size_t length = strlen(log->names[i]);
        longest = length > longest ? length : longest;
        log->name_count = i + 1;
    }
    log->room = TB_LINE_FIXED + 2 * longest;
    return log->names != NULL && log->room <= TB_LINE_LONGEST;
}

static bool begin_print(struct tb_log *log, struct tb_log_header *header)
{
    void *more = realloc(log->prints, (log->run_count + 1) * sizeof *log->prints);
    if (!more)
        return false;
    log->prints = more;
    log->print = &log->prints[log->run_count];
    tb_fingerprint_begin(log->print);
    log->print->header = *header;
    *header = (struct tb_log_header){0};
    return true;
}

bool tb_log_begin(struct tb_log *log, struct tb_log_header *header, const char *const *names,
                  size_t count)
{
    memset(log->tally, 0, sizeof log->tally);
    log->lines = 0;
    log->from = 0;
    log->wanted = UINT32_MAX;
    free_names(log);
    if (!copy_names(log, names, count))
        return false;
    if (log->file_wanted)
        tb_log_header_write(header, &log->file);
    if (log->print_wanted && !begin_print(log, header))
        return false;
    tb_log_header_clear(header);
    log->run_count++;
    return true;
}

/* One word: an op gives its direction, a kind's name both. */
static uint32_t wanted_bits(const char *word)
{
    enum tb_txn_kind kind = tb_line_kind_of(word, strlen(word));
    if (kind == TB_TXN_KINDS)
        return 0;
    const char *const *ops = tb_line_kinds[kind].ops;
    uint32_t both = 3u << (kind * 2);
    if (!ops[1])
        return both;
    if (strcmp(word, ops[0]) == 0)
        return 1u << (kind * 2);
    return strcmp(word, ops[1]) == 0 ? 2u << (kind * 2) : both;
}

const char *tb_log_only(struct tb_log *log, const char *const *words, size_t count)
{
    uint32_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = wanted_bits(words[i]);
        if (!bits)
            return words[i];
        wanted |= bits;
    }
    log->wanted = wanted;
    return NULL;
}

const char *const *tb_log_words(void)
{
    static const char *const words[] = {
        "dma",   "read", "write",  "register", "regread", "regwrite",  "memory", "load",
        "store", "walk", "devtab", "command",  "event",   "interrupt", "disk",   NULL};
    return words;
}

static void tally(struct tb_tally *t, const struct tb_txn *txn, enum tb_status status, tb_time when)
{
    tb_time lat = when - txn->created;
    if (status == TB_UNFINISHED) {
        t->count++;
        return;
    }
    if (t->count++ == 0 || lat < t->min)
        t->min = lat;
    if (lat > t->max)
        t->max = lat;
    t->sum += lat;
    for (unsigned p = 0; p < TB_PARTS; p++)
        t->parts[p] += txn->spent[p];
}

void tb_log_observe(void *context, struct tb_model *by, const struct tb_txn *txn,
                    enum tb_status status, tb_time when)
{
    struct tb_log *log = context;
    if (txn->created >= log->from)
        tally(&log->tally[txn->kind][status], txn, status, when);
    if (!log->any || !(log->wanted >> (txn->kind * 2 + txn->write) & 1) || tb_log_failed(log))
        return;
    const struct tb_line_source from = {.txn = txn,
                                        .names = (const char *const *)log->names,
                                        .name_count = log->name_count,
                                        .status = status,
                                        .when = when,
                                        .parts = by->breakdown};
    struct tb_line line;
    char only_print[TB_LINE_LONGEST];
    char *out = log->file_wanted ? tb_outfile_room(&log->file, log->room) : only_print;
    size_t length = tb_line_write(&from, out, &line);
    if (log->print)
        tb_fingerprint_line(log->print, &line);
    if (log->file_wanted)
        tb_outfile_add(&log->file, length);
    log->lines++;
    log->all_lines++;
}

void tb_log_end(struct tb_log *log)
{
    if (log->print)
        tb_fingerprint_end(log->print);
    log->print = NULL;
}

bool tb_log_commit(struct tb_log *log)
{
    if (!log->file_wanted)
        return true;
    log->file_wanted = false;
    bool ok = tb_outfile_commit(&log->file);
    errno = log->file.error;
    return ok;
}

void tb_log_close(struct tb_log *log)
{
    if (log->file_wanted)
        tb_outfile_abandon(&log->file);
    for (size_t i = 0; log->prints && i < log->run_count; i++)
        tb_fingerprint_clear(&log->prints[i]);
    free(log->prints);
    free_names(log);
    *log = (struct tb_log){0};
}
