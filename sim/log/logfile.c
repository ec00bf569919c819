/* Reading logs back; see logfile.h. */
#include "log/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC  ((size_t)64)      /* bytes that hold the first line */
#define BEFORE ((size_t)1 << 16) /* bytes that context is looked for in */

static const char beginning[] = "#tollbridge-"; /* of either form */

void tb_log_file_complain(struct tb_log_file *f, size_t column, const char *what)
{
    struct tb_place place = {f->name, f->line_number, (unsigned)column};
    tb_diag_at(f->diag, place, "%s", what);
}

static void host_failed(struct tb_log_file *f)
{
    tb_diag_host(f->diag, "%s: no memory to read it", f->name);
    f->failed = true;
}

/* -- Bytes --------------------------------------------------------------------------------------
 */

/* Moves what is left to the front of the buffer, and fills it up. */
static void fill(struct tb_log_file *f)
{
    size_t left = f->used - f->next;
    memmove(f->buffer, f->buffer + f->next, left);
    f->base += f->next;
    f->used = left;
    f->next = 0;
    while (f->used < TB_LOG_BUFFER && !f->end) {
        ssize_t n = read(f->fd, f->buffer + f->used, TB_LOG_BUFFER - f->used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            tb_diag_at(f->diag, (struct tb_place){0}, "%s: %s", f->name, strerror(errno));
            f->failed = true;
        }
        f->end = n <= 0;
        f->used += n > 0 ? (size_t)n : 0;
        /* Whatever begins otherwise is no log, and may have no end: /dev/zero. */
        if (f->line_number == 0 && f->used >= MAGIC)
            break;
    }
}

/* The next line, without its newline. false: there is none. */
static bool next_line(struct tb_log_file *f)
{
    char *at = f->buffer + f->next;
    char *newline = memchr(at, '\n', f->used - f->next);
    size_t enough = f->line_number ? TB_LOG_BUFFER : MAGIC;
    while (!newline && !f->end && (f->next > 0 || f->used < enough)) {
        size_t had = f->used - f->next;
        fill(f);
        at = f->buffer;
        newline = memchr(at + had, '\n', f->used - had);
    }
    if (f->failed || (!newline && f->used == f->next))
        return false;
    f->line_number++;
    f->text = at;
    f->length = (size_t)((newline ? newline : f->buffer + f->used) - at);
    f->next += f->length + (newline != NULL);
    if (!newline && f->line_number > 1) {
        tb_log_file_complain(f, f->length + 1,
                             f->end ? "the file ends within a line: cut off?"
                                    : "the line is too long");
        f->failed = !f->end;
        return false;
    }
    return true;
}

/* -- Lines --------------------------------------------------------------------------------------
 */

bool tb_log_file_check(struct tb_log_file *f, const struct tb_log_at *at, struct tb_line *line)
{
    char why[200];
    size_t column;
    if (!tb_line_read(at->text, at->length, line, &column, why))
        return true;
    struct tb_place place = {f->name, at->line, (unsigned)column};
    tb_diag_at(f->diag, place, "%s", why);
    return false;
}

static struct tb_log_at current(const struct tb_log_file *f)
{
    return (struct tb_log_at){f->text, f->length, f->base + (uint64_t)(f->text - f->buffer),
                              f->line_number};
}

/* A line in clear of a fingerprint. */
static void keep_clear(struct tb_log_file *f)
{
    struct tb_log_run *run = &f->runs[f->count - 1];
    struct tb_log_at at = current(f);
    struct tb_line line;
    if (!tb_log_file_check(f, &at, &line))
        return;
    if (run->clear_left == 0) {
        tb_log_file_complain(f, 1, "more lines in clear than '#clear' said");
        return;
    }
    run->clear_left--;
    run->lines++;
    tb_fingerprint_keep(&run->print, &line);
    if (run->print.failed)
        host_failed(f);
}

/* The hashes of a log are those of its own names. */
static void map_line(struct tb_log_file *f, struct tb_log_at *at)
{
    struct tb_line line;
    if (f->runs[f->count - 1].hashed && tb_log_file_check(f, at, &line))
        tb_fingerprint_line(&f->runs[f->count - 1].print, &line);
    if (at->length > TB_LINE_LONGEST)
        return; /* found when it is looked at */
    at->length = tb_log_map_line(f->maps, at->text, at->length, f->mapped);
    at->text = f->mapped;
}

/* A line that is no header's: true if it is one of a log's run. */
static bool take_line(struct tb_log_file *f, struct tb_log_at *at)
{
    if (!f->count || f->announced) {
        tb_log_file_complain(f, 1, "expected '#scenario' before the first transaction");
        return false;
    }
    if (f->fingerprint) {
        keep_clear(f);
        return false;
    }
    f->runs[f->count - 1].lines++;
    *at = current(f);
    if (f->maps)
        map_line(f, at);
    return true;
}

static enum tb_log_event the_end(struct tb_log_file *f)
{
    if (f->line_number == UINT32_MAX)
        return TB_LOG_END;
    if (f->count)
        tb_log_file_end_run(f, &f->runs[f->count - 1]);
    if (!f->failed)
        tb_log_file_end(f);
    f->end = true;
    f->next = f->used;
    f->line_number = UINT32_MAX; /* all was said */
    return TB_LOG_END;
}

enum tb_log_event tb_log_file_next(struct tb_log_file *f, struct tb_log_at *at)
{
    while (f->line_number != UINT32_MAX) {
        bool run = false;
        if (tb_diag_count(f->diag) - f->errors_before >= TB_DIAG_MAX)
            f->failed = true; /* no use in more of them */
        if (f->failed || !next_line(f))
            break;
        if (f->length == 0 || *f->text != '#') {
            if (take_line(f, at))
                return TB_LOG_LINE;
            continue;
        }
        size_t last = f->count;
        if (!tb_log_file_header(f, &run))
            f->failed = true;
        if (run && last)
            tb_log_file_end_run(f, &f->runs[last - 1]);
        if (run)
            return TB_LOG_RUN;
    }
    return the_end(f);
}

/* -- Opening ------------------------------------------------------------------------------------
 */

static bool is_line(const struct tb_log_file *f, const char *text)
{
    return f->length == strlen(text) && memcmp(f->text, text, f->length) == 0;
}

static bool read_magic(struct tb_log_file *f)
{
    if (!next_line(f)) {
        if (!f->failed)
            tb_log_file_end(f);
        return false;
    }
    f->fingerprint = is_line(f, TB_FINGERPRINT_MAGIC);
    if (f->fingerprint || is_line(f, TB_LOG_MAGIC))
        return true;
    if (f->length > 0 && f->text[f->length - 1] == '\r')
        tb_log_file_complain(f, f->length, "lines end in CR and LF: a log's end in LF alone");
    else
        tb_log_file_complain(
            f, 1, "the first line must be '" TB_LOG_MAGIC "' or '" TB_FINGERPRINT_MAGIC "'");
    return false;
}

static struct tb_log_file *open_as(struct tb_log_file f)
{
    struct tb_log_file *out = malloc(sizeof *out);
    f.errors_before = tb_diag_count(f.diag);
    if (out && f.buffer) {
        *out = f;
        if (read_magic(out))
            return out;
    } else {
        tb_diag_host(f.diag, "%s: no memory to read it", f.name);
        free(f.buffer);
        if (f.fd > STDIN_FILENO)
            close(f.fd);
        free(out);
        return NULL;
    }
    tb_log_file_free(out);
    return NULL;
}

struct tb_log_file *tb_log_file_open(const char *path, struct tb_diag *diag)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        tb_diag_at(diag, (struct tb_place){0}, "%s: %s", path, strerror(fd >= 0 ? EISDIR : errno));
        if (fd > STDIN_FILENO)
            close(fd);
        return NULL;
    }
    return open_as((struct tb_log_file){.name = standard ? "standard input" : path,
                                        .diag = diag,
                                        .fd = fd,
                                        .buffer = malloc(TB_LOG_BUFFER)});
}

struct tb_log_file *tb_log_file_text(const char *name, char *text, size_t size,
                                     struct tb_diag *diag)
{
    return open_as((struct tb_log_file){
        .name = name, .diag = diag, .fd = -1, .buffer = text, .used = size, .end = true});
}

struct tb_log_file *tb_log_file_prints(const char *name, struct tb_fingerprint *prints,
                                       size_t count)
{
    struct tb_log_file *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct tb_log_file){
        .name = name, .fingerprint = true, .fd = -1, .line_number = UINT32_MAX};
    f->runs = calloc(count ? count : 1, sizeof *f->runs);
    bool ok = f->runs != NULL;
    for (size_t i = 0; f->runs && i < count; i++) {
        f->runs[i].print = prints[i];
        f->runs[i].header = prints[i].header;
        f->runs[i].print.header = (struct tb_log_header){0};
        ok &= !prints[i].failed;
        prints[i] = (struct tb_fingerprint){0};
        f->count = i + 1;
    }
    if (ok)
        return f;
    tb_log_file_free(f);
    return NULL;
}

void tb_log_file_free(struct tb_log_file *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++) {
        tb_log_header_clear(&f->runs[i].header);
        tb_fingerprint_clear(&f->runs[i].print);
    }
    if (f->fd > STDIN_FILENO)
        close(f->fd);
    free(f->announced_name);
    free(f->mapped);
    free(f->buffer);
    free(f->runs);
    free(f);
}

bool tb_log_file_drain(struct tb_log_file *f, bool print)
{
    struct tb_log_at at;
    struct tb_line line;
    if (f->line_number == UINT32_MAX)
        return true; /* it was never on disk */
    size_t errors = tb_diag_count(f->diag);
    f->print_all = print;
    for (enum tb_log_event e; (e = tb_log_file_next(f, &at)) != TB_LOG_END;)
        if (e == TB_LOG_LINE && tb_log_file_check(f, &at, &line))
            tb_log_file_count(f, &line);
    return tb_diag_count(f->diag) == errors;
}

bool tb_log_file_valid(const char *path, struct tb_diag *diag)
{
    struct tb_log_file *f = tb_log_file_open(path, diag);
    bool ok = f && tb_log_file_drain(f, false);
    tb_log_file_free(f);
    return ok;
}

static bool file_begins(const char *path, const char *text, bool *exists)
{
    char start[64] = "";
    FILE *in = fopen(path, "rb");
    *exists = in != NULL;
    if (!in)
        return false;
    size_t length = strlen(text), n = fread(start, 1, length, in);
    fclose(in);
    return n == length && memcmp(start, text, n) == 0;
}

bool tb_log_file_is(const char *path)
{
    bool exists;
    return file_begins(path, beginning, &exists);
}

bool tb_log_file_is_print(const char *path, bool *exists)
{
    return file_begins(path, TB_FINGERPRINT_MAGIC, exists);
}

/* -- What stands before -------------------------------------------------------------------------
 */

/* The bytes before a place, not before the run's own: malloc'ed. */
static char *read_before(const struct tb_log_file *f, uint64_t begin, uint64_t offset, size_t *size)
{
    uint64_t from = offset - begin > BEFORE ? offset - BEFORE : begin;
    *size = (size_t)(offset - from);
    char *text = malloc(*size + 1);
    if (!text)
        return NULL;
    if (f->fd < 0) {
        memcpy(text, f->buffer + from, *size);
    } else if (pread(f->fd, text, *size, (off_t)from) != (ssize_t)*size) {
        free(text);
        return NULL;
    }
    text[*size] = '\0';
    return text;
}

static bool is_by(const char *text, size_t length, const char *by)
{
    size_t name = strlen(by);
    const char *at = memmem(text, length, " by=", 4);
    size_t rest = at ? length - (size_t)(at - text) - 4 : 0;
    return rest > name && memcmp(at + 4, by, name) == 0 && at[4 + name] == ' ';
}

static char *copy_line(const struct tb_log_file *f, const char *text, size_t length)
{
    if (!f->maps || length > TB_LINE_LONGEST)
        return strndup(text, length);
    length = tb_log_map_line(f->maps, text, length, f->mapped);
    return strndup(f->mapped, length);
}

size_t tb_log_file_before(const struct tb_log_file *f, size_t run, uint64_t offset, const char *by,
                          size_t most, char **lines)
{
    uint64_t begin = f->runs[run].begin;
    size_t size, n = 0;
    char *text = offset > begin ? read_before(f, begin, offset, &size) : NULL;
    if (!text)
        return 0;
    char *end = text + size; /* behind the newline of the line before */
    while (n < most && end > text) {
        char *start = memrchr(text, '\n', (size_t)(end - 1 - text));
        if (!start && size == BEFORE)
            break; /* it may have begun earlier */
        start = start ? start + 1 : text;
        char *copy = copy_line(f, start, (size_t)(end - 1 - start));
        if (copy && *copy != '#' && (!by || is_by(copy, strlen(copy), by)))
            lines[most - ++n] = copy;
        else
            free(copy);
        end = start;
    }
    memmove(lines, lines + most - n, n * sizeof *lines);
    free(text);
    return n;
}
