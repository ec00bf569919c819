/* Reading fio iologs: see iolog.h. */
#include "iolog.h"

#include "tollbridge/node.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR    512
#define WORDS_MAX 6
#define FILES_MAX 256
#define TIME_MAX_US                                                                                \
    ((uint64_t)10 * 24 * 3600 * 1000000) /* ten days: far from the end of simulated time */

struct word {
    const char *text;
    unsigned column;
};

struct file {
    char *name;
    bool open;
};

struct reader {
    const char *path, *only;
    const struct tb_node *node;
    struct tb_diag *diag;
    struct iolog *log;
    size_t room;
    uint64_t disk;
    uint64_t clock; /* us: what waits add up to, or the last time */
    struct file files[FILES_MAX];
    size_t file_count;
    const char *used; /* the file whose requests these are */
    unsigned version, line;
    size_t errors;
};

__attribute__((format(printf, 3, 4))) static void complain(struct reader *r, unsigned column,
                                                           const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tb_diag_at(r->diag, (struct tb_place){r->path, r->line, column}, "%s", text);
    r->errors++;
}

/* -- Words ------------------------------------------------------------------------------------- */

static unsigned split(char *line, struct word words[WORDS_MAX + 1])
{
    unsigned count = 0;
    char *p = line;
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (!*p || count > WORDS_MAX)
            return count;
        words[count++] = (struct word){p, (unsigned)(p - line) + 1};
        p += strcspn(p, " \t\r\n");
        if (*p)
            *p++ = '\0';
    }
}

static bool number(struct reader *r, const struct word *w, const char *what, uint64_t *out)
{
    uint64_t value = 0;
    for (const char *p = w->text; *p; p++) {
        if (*p < '0' || *p > '9' || value > (UINT64_MAX - (uint64_t)(*p - '0')) / 10) {
            complain(r, w->column, "'%.40s' is no %s: a decimal number below 2^64", w->text, what);
            return false;
        }
        value = value * 10 + (uint64_t)(*p - '0');
    }
    *out = value;
    return true;
}

/* -- Files ------------------------------------------------------------------------------------- */

static struct file *find_file(struct reader *r, const char *name)
{
    for (size_t i = 0; i < r->file_count; i++)
        if (strcmp(r->files[i].name, name) == 0)
            return &r->files[i];
    return NULL;
}

static void file_action(struct reader *r, const struct word *name, const struct word *action)
{
    struct file *f = find_file(r, name->text);
    if (strcmp(action->text, "add") == 0) {
        if (f)
            return;
        if (r->file_count == FILES_MAX) {
            complain(r, name->column, "more than %d files", FILES_MAX);
            return;
        }
        char *copy = strdup(name->text);
        if (copy)
            r->files[r->file_count++] = (struct file){copy, false};
        else
            tb_diag_host(r->diag, "out of memory");
        return;
    }
    if (!f)
        complain(r, name->column, "'%.80s' was not added before it is %s", name->text,
                 action->text[0] == 'o' ? "opened" : "closed");
    else
        f->open = action->text[0] == 'o';
}

/* Is the file the one whose requests are wanted. */
static bool is_wanted(struct reader *r, const struct word *name, const struct file *f)
{
    if (r->only && r->only[0])
        return strcmp(r->only, name->text) == 0;
    if (!r->used)
        r->used = f->name;
    if (strcmp(r->used, name->text) == 0)
        return true;
    complain(r, name->column,
             "requests for a second file, '%.80s' beside '%.80s': 'file' must say which to replay",
             name->text, r->used);
    return false;
}

/* -- Requests ---------------------------------------------------------------------------------- */

static void append(struct reader *r, enum iolog_op op, uint64_t offset, uint64_t length)
{
    struct iolog *log = r->log;
    if (log->count == r->room) {
        size_t room = r->room ? 2 * r->room : 1024;
        struct iolog_entry *more = realloc(log->at, room * sizeof *more);
        if (!more) {
            tb_diag_host(r->diag, "out of memory for '%s'", r->path);
            r->errors++;
            return;
        }
        log->at = more;
        r->room = room;
    }
    log->at[log->count++] = (struct iolog_entry){.time = r->clock * TB_US,
                                                 .offset = offset,
                                                 .length = (uint32_t)length,
                                                 .line = r->line & 0x3fffffff,
                                                 .op = op & 3};
    if (op != IOLOG_SYNC && length > log->longest)
        log->longest = (uint32_t)length;
}

static void transfer(struct reader *r, enum iolog_op op, const struct word *args)
{
    uint64_t offset, length;
    if (!number(r, &args[0], "offset", &offset) || !number(r, &args[1], "length", &length))
        return;
    if (offset % SECTOR)
        complain(r, args[0].column, "the offset is not a multiple of %d", SECTOR);
    else if (length == 0 || length % SECTOR)
        complain(r, args[1].column, "the length is not a positive multiple of %d", SECTOR);
    else if (length > IOLOG_LENGTH_MAX)
        complain(r, args[1].column, "the length is more than 1 GiB");
    else if (offset >= r->disk || length > r->disk - offset)
        complain(r, args[0].column, "the request ends past the end of the disk (%llu bytes)",
                 (unsigned long long)r->disk);
    else
        append(r, op, offset, length);
}

static void wait_action(struct reader *r, const struct word *arg)
{
    uint64_t us;
    if (r->version == 3) {
        complain(r, arg[-1].column, "version 3 has no 'wait'");
        return;
    }
    if (!number(r, arg, "time", &us))
        return;
    if (us > TIME_MAX_US || r->clock + us > TIME_MAX_US)
        complain(r, arg->column, "later than ten days");
    else
        r->clock += us;
}

enum action { READ, WRITE, SYNC, DATASYNC, TRIM, WAIT, ACTIONS };
static const char *const actions[] = {"read", "write", "sync", "datasync", "trim", "wait", NULL};
static const char *const file_actions[] = {"add", "open", "close", NULL};

static int index_of(const char *const *names, const char *name)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static void io_action(struct reader *r, enum action what, const struct word *w)
{
    const struct file *f = find_file(r, w[0].text);
    if (what == WAIT) {
        wait_action(r, &w[2]);
        return;
    }
    if (!f || !f->open) {
        complain(r, w[0].column, "'%.80s' is not open", w[0].text);
        return;
    }
    if (!is_wanted(r, &w[0], f))
        return;
    if (what == READ || what == WRITE)
        transfer(r, what == READ ? IOLOG_READ : IOLOG_WRITE, &w[2]);
    else if (what == TRIM)
        r->log->trims++;
    else
        append(r, IOLOG_SYNC, 0, 0);
}

/* -- Lines ------------------------------------------------------------------------------------- */

static bool timestamp(struct reader *r, const struct word *w)
{
    uint64_t us;
    if (!number(r, w, "time", &us))
        return false;
    if (us > TIME_MAX_US) {
        complain(r, w->column, "later than ten days");
        return false;
    }
    if (us > r->clock) /* threads write their lines late now and then: fio does not wait for those
                          either */
        r->clock = us;
    return true;
}

/* `w` begins at the file name; `count` words follow from there. */
static void action_line(struct reader *r, const struct word *w, unsigned count)
{
    if (count < 2) {
        complain(r, w[0].column, "a line is 'file action' or 'file action offset length'%s",
                 r->version == 3 ? ", behind a time" : "");
        return;
    }
    int file = index_of(file_actions, w[1].text), io = index_of(actions, w[1].text);
    bool bare = count == 2 && (io == SYNC || io == DATASYNC);
    if (file < 0 && io < 0)
        complain(r, w[1].column, "unknown action '%.40s'", w[1].text);
    else if (file >= 0 && count != 2)
        complain(r, w[2].column, "nothing can follow '%s'", w[1].text);
    else if (file >= 0)
        file_action(r, &w[0], &w[1]);
    else if (count != 4 && !bare && !(io == WAIT && count == 3))
        complain(r, w[1].column, "'%s' needs an offset and a length, and nothing else", w[1].text);
    else
        io_action(r, (enum action)io, w);
}

static void body_line(struct reader *r, char *line)
{
    struct word words[WORDS_MAX + 1];
    unsigned count = split(line, words), skip = r->version == 3;
    if (count == 0)
        return;
    if (skip && !timestamp(r, &words[0]))
        return;
    if (count <= skip) {
        complain(r, words[0].column,
                 "a line is 'time file action' or 'time file action offset length'");
        return;
    }
    action_line(r, words + skip, count - skip);
}

static bool header(struct reader *r, const char *line)
{
    size_t length = strcspn(line, "\r\n");
    if (length == 19 && strncmp(line, "fio version 2 iolog", 19) == 0)
        r->version = 2;
    else if (length == 19 && strncmp(line, "fio version 3 iolog", 19) == 0)
        r->version = 3;
    else
        complain(r, 1,
                 "not a fio iolog of version 2 or 3: the first line is 'fio version 3 iolog'");
    return r->version != 0;
}

/* False: no more lines, or no point in going on. */
static bool next_line(struct reader *r, FILE *f, char *line)
{
    memset(line, '\n', IOLOG_LINE_MAX + 2);
    if (!fgets(line, IOLOG_LINE_MAX + 2, f))
        return false;
    r->line++;
    size_t length = strlen(line);
    if (length > IOLOG_LINE_MAX) {
        complain(r, IOLOG_LINE_MAX, "the line is longer than %d characters", IOLOG_LINE_MAX);
        return false;
    }
    if (length && line[length - 1] != '\n' && !feof(f)) {
        complain(r, (unsigned)length + 1, "the line holds a zero byte");
        return false;
    }
    return r->errors < TB_DIAG_MAX;
}

static void read_lines(struct reader *r, FILE *f)
{
    char line[IOLOG_LINE_MAX + 2];
    if (!next_line(r, f, line)) {
        if (ferror(f)) {
            tb_diag_node(r->diag, r->node, "cannot read '%s': %m", r->path);
        } else if (r->errors == 0) {
            r->line = 1;
            complain(r, 1, "the log is empty");
        }
        return;
    }
    if (!header(r, line))
        return;
    while (next_line(r, f, line))
        body_line(r, line);
    if (ferror(f))
        tb_diag_node(r->diag, r->node, "cannot read '%s': %m", r->path);
    else if (r->errors == 0 && r->log->longest == 0)
        complain(r, 1, "the log has no read or write%s%.80s", r->only && r->only[0] ? " of " : "",
                 r->only ? r->only : "");
}

struct iolog *iolog_read(const char *path, const char *file, uint64_t bytes,
                         const struct tb_node *node, struct tb_diag *diag)
{
    struct reader r = {.path = path, .only = file, .node = node, .diag = diag, .disk = bytes};
    size_t before = tb_diag_count(diag);
    FILE *f = fopen(path, "rb");
    if (!f) {
        tb_diag_node(diag, node, "cannot read '%s': %m", path);
        return NULL;
    }
    r.log = calloc(1, sizeof *r.log);
    if (r.log)
        read_lines(&r, f);
    else
        tb_diag_host(diag, "out of memory");
    fclose(f);
    for (size_t i = 0; i < r.file_count; i++)
        free(r.files[i].name);
    if (tb_diag_count(diag) == before && r.errors == 0)
        return r.log;
    iolog_free(r.log);
    return NULL;
}

void iolog_free(struct iolog *log)
{
    if (log)
        free(log->at);
    free(log);
}
