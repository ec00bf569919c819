/* Reading logs back; see logfile.h. */
#include "logfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reader {
    struct tb_log_file *file;
    struct tb_diag *diag;
    size_t errors_before; /* another file's */
    const char *text;     /* the current line */
    size_t length;
    unsigned line;
    struct tb_log_run *run; /* NULL before the first header */
    unsigned announced;     /* by `#run I of N`: 0 none */
    unsigned announced_of;
    char *announced_name;
};

static void complain(const struct reader *r, size_t column, const char *what)
{
    struct tb_place place = {r->file->name, r->line, (unsigned)column};
    tb_diag_at(r->diag, place, "%s", what);
}

static bool no_memory(const struct reader *r)
{
    if (r->diag)
        tb_diag_host(r->diag, "%s: no memory to read it", r->file->name);
    return false;
}

/* -- Words of a header line ------------------------------------------------------------------ */

struct cursor {
    const char *at, *end;
};

static bool next_word(struct cursor *c, const char **word, size_t *length)
{
    while (c->at < c->end && *c->at == ' ')
        c->at++;
    *word = c->at;
    while (c->at < c->end && *c->at != ' ')
        c->at++;
    *length = (size_t)(c->at - *word);
    return *length > 0;
}

static bool take_word(struct cursor *c, const char *expected)
{
    const char *word;
    size_t length;
    return next_word(c, &word, &length) && length == strlen(expected) &&
           memcmp(word, expected, length) == 0;
}

static char *take_copy(struct cursor *c)
{
    const char *word;
    size_t length;
    return next_word(c, &word, &length) ? strndup(word, length) : NULL;
}

static bool take_number(struct cursor *c, uint64_t *value)
{
    const char *word;
    size_t length;
    if (!next_word(c, &word, &length) || length > 20)
        return false;
    *value = 0;
    for (size_t i = 0; i < length; i++) {
        if (word[i] < '0' || word[i] > '9' || __builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, (unsigned)(word[i] - '0'), value))
            return false;
    }
    return true;
}

static bool at_end(const struct cursor *c)
{
    return c->at == c->end;
}

/* -- Header lines ----------------------------------------------------------------------------- */

static struct cursor words_after(const struct reader *r, const char *name)
{
    return (struct cursor){r->text + strlen(name), r->text + r->length};
}

static bool header_run(struct reader *r)
{
    struct cursor c = words_after(r, "#run");
    uint64_t run, runs;
    bool ok = take_number(&c, &run) && take_word(&c, "of") && take_number(&c, &runs) &&
              run == r->file->count + 1 && run <= runs && runs <= UINT32_MAX;
    char *name = ok ? take_copy(&c) : NULL;
    if (!ok || !at_end(&c) || r->announced) {
        free(name);
        complain(r, 1, "expected '#run I of N NAME', counting from 1");
        return true;
    }
    r->announced_name = name;
    r->announced = (unsigned)run;
    r->announced_of = (unsigned)runs;
    return true;
}

static bool new_run(struct reader *r, struct tb_log_header *header)
{
    struct tb_log_file *f = r->file;
    struct tb_log_run *more = realloc(f->runs, (f->count + 1) * sizeof *f->runs);
    if (!more) {
        tb_log_header_clear(header);
        return no_memory(r);
    }
    f->runs = more;
    r->run = &f->runs[f->count++];
    *r->run = (struct tb_log_run){.header = *header, .line = r->line};
    if (f->fingerprint)
        tb_fingerprint_begin(&r->run->print);
    return true;
}

static bool header_scenario(struct reader *r)
{
    struct tb_log_header h = {.run = 1, .runs = 1};
    struct cursor c = words_after(r, "#scenario");
    bool ok = (h.scenario = take_copy(&c)) && take_word(&c, "platform") &&
              (h.platform = take_copy(&c)) && take_word(&c, "resolved") &&
              (h.resolved = take_copy(&c)) && take_word(&c, "seed") && take_number(&c, &h.seed) &&
              at_end(&c);
    if (!ok)
        complain(r, 1, "expected '#scenario NAME  platform NAME  resolved HASH  seed NUMBER'");
    else if (!r->announced && r->file->count > 0)
        complain(r, 1, "a second '#scenario' without '#run' before it");
    if (r->announced) {
        h.run = r->announced;
        h.runs = r->announced_of;
        h.run_name = r->announced_name;
        r->announced_name = NULL;
    }
    r->announced = 0;
    return new_run(r, &h);
}

static bool header_only(struct reader *r)
{
    if (r->run->header.only || r->length < sizeof "#only") {
        complain(r, 1, "expected one '#only' with words after it");
        return true;
    }
    r->run->header.only = strndup(r->text + sizeof "#only", r->length - sizeof "#only");
    return r->run->header.only || no_memory(r);
}

/* -- Lines that only fingerprints have --------------------------------------------------------- */

static bool print_lines(struct reader *r)
{
    struct cursor c = words_after(r, "#lines");
    if (r->run->has_lines || !take_number(&c, &r->run->print.lines) || !at_end(&c))
        complain(r, 1, "expected one '#lines NUMBER'");
    r->run->has_lines = true;
    return true;
}

static int find_name(const char *const *names, const char *word, size_t length)
{
    for (int i = 0; names[i]; i++)
        if (strlen(names[i]) == length && memcmp(names[i], word, length) == 0)
            return i;
    return -1;
}

static bool print_count(struct reader *r)
{
    struct cursor c = words_after(r, "#count");
    const char *word;
    size_t length;
    uint64_t count;
    int kind = -1, status = -1;
    if (next_word(&c, &word, &length))
        for (unsigned k = 0; k < TB_TXN_KINDS; k++)
            if (strlen(tb_line_kinds[k].name) == length &&
                memcmp(tb_line_kinds[k].name, word, length) == 0)
                kind = (int)k;
    if (next_word(&c, &word, &length))
        status = find_name(tb_status_names, word, length);
    if (kind < 0 || status < 0 || !take_number(&c, &count) || !at_end(&c))
        complain(r, 1, "expected '#count KIND STATUS NUMBER'");
    else
        r->run->print.counts[kind][status] = count;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* " name=HEX" */
static bool take_hash(struct cursor *c, const char *name, uint8_t *hash, size_t size)
{
    const char *word;
    size_t length, skip = strlen(name) + 1;
    if (!next_word(c, &word, &length) || length != skip + 2 * size ||
        memcmp(word, name, skip - 1) != 0 || word[skip - 1] != '=')
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(word[skip + 2 * i]), low = hex_digit(word[skip + 2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool print_all(struct reader *r)
{
    struct cursor c = words_after(r, "#all");
    bool ok = !r->run->has_all;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        ok = ok && take_hash(&c, tb_ingredient_names[i], r->run->print.all[i], SHA256_DIGEST_SIZE);
    if (!ok || !at_end(&c))
        complain(r, 1,
                 "expected one '#all times=HASH order=HASH addresses=HASH outcome=HASH "
                 "data=HASH' of 64 hexadecimal digits each");
    r->run->has_all = true;
    return true;
}

static bool print_block(struct reader *r)
{
    struct tb_fingerprint *p = &r->run->print;
    struct cursor c = words_after(r, "#block");
    struct tb_block b;
    uint64_t number;
    bool ok = take_number(&c, &number) && number == p->block_count;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        ok = ok && take_hash(&c, tb_ingredient_names[i], b.hash[i], TB_BLOCK_HASH);
    if (!ok || !at_end(&c)) {
        complain(r, 1,
                 "expected '#block N times=HASH ...' with the next number and five hashes "
                 "of 16 hexadecimal digits");
        return true;
    }
    if (p->block_count == p->block_room) {
        size_t room = p->block_room ? p->block_room * 2 : 64;
        void *more = realloc(p->blocks, room * sizeof b);
        if (!more)
            return no_memory(r);
        p->blocks = more;
        p->block_room = room;
    }
    p->blocks[p->block_count++] = b;
    return true;
}

static bool print_clear(struct reader *r)
{
    struct cursor c = words_after(r, "#clear");
    uint64_t count;
    if (!take_number(&c, &count) || !at_end(&c) || count > r->run->print.lines ||
        r->run->print.clear_lines)
        complain(r, 1, "expected one '#clear NUMBER', not above that of '#lines'");
    else
        r->run->clear_left = r->run->print.clear_lines = count;
    return true;
}

/* Every line that begins with '#'. `run`: only after the header of a run; `print`: only in
 * fingerprints. */
static const struct directive {
    const char *name;
    bool run, print;
    bool (*read)(struct reader *r);
} directives[] = {
    {"#run", false, false, header_run},  {"#scenario", false, false, header_scenario},
    {"#only", true, false, header_only}, {"#lines", true, true, print_lines},
    {"#count", true, true, print_count}, {"#all", true, true, print_all},
    {"#block", true, true, print_block}, {"#clear", true, true, print_clear},
};

static bool read_directive(struct reader *r)
{
    size_t name = strcspn(r->text, " \n");
    if (name > r->length)
        name = r->length;
    if (name == 1) /* "# a comment" */
        return true;
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
        const struct directive *d = &directives[i];
        if (strlen(d->name) != name || memcmp(d->name, r->text, name) != 0)
            continue;
        if (d->print && !r->file->fingerprint)
            complain(r, 1, "a log has no such line, only fingerprints have");
        else if (d->run && !r->run)
            complain(r, 1, "expected '#scenario' before this");
        else
            return d->read(r);
        return true;
    }
    complain(r, 1, "unknown kind of header line");
    return true;
}

/* -- Lines of transactions -------------------------------------------------------------------- */

static bool add_entry(struct reader *r, const struct tb_line *line)
{
    struct tb_log_run *run = r->run;
    if (run->count == run->room) {
        size_t room = run->room ? run->room * 2 : 1024;
        void *more = realloc(run->entries, room * sizeof *run->entries);
        if (!more)
            return no_memory(r);
        run->entries = more;
        run->room = room;
    }
    run->entries[run->count++] = (struct tb_log_entry){
        .offset = (uint64_t)(r->text - r->file->text),
        .line = r->line,
        .txn = tb_line_number(line),
        .length = (uint16_t)r->length,
        .by_at = line->value[TB_KEY_BY].at,
        .by_length = line->value[TB_KEY_BY].length,
        .kind = (uint8_t)(line->kind - tb_line_kinds),
    };
    return true;
}

static bool read_transaction(struct reader *r)
{
    struct tb_line line;
    char why[200];
    size_t column;
    if (!r->run || r->announced) {
        complain(r, 1, "expected '#scenario' before the first transaction");
        return true;
    }
    if (tb_line_read(r->text, r->length, &line, &column, why)) {
        complain(r, column, why);
        return true;
    }
    if (r->file->fingerprint && r->run->clear_left-- == 0) {
        r->run->clear_left = 0;
        complain(r, 1, "more lines in clear than '#clear' said");
        return true;
    }
    return add_entry(r, &line);
}

/* -- Files ------------------------------------------------------------------------------------- */

static bool read_magic(struct reader *r)
{
    static const char log[] = TB_LOG_MAGIC, print[] = TB_FINGERPRINT_MAGIC;
    if (r->length == sizeof log - 1 && memcmp(r->text, log, r->length) == 0)
        return true;
    r->file->fingerprint = r->length == sizeof print - 1 && memcmp(r->text, print, r->length) == 0;
    if (r->file->fingerprint)
        return true;
    if (r->length > 0 && r->text[r->length - 1] == '\r') {
        complain(r, r->length, "lines end in CR and LF: a log's end in LF alone");
        return false;
    }
    complain(r, 1, "the first line must be '" TB_LOG_MAGIC "' or '" TB_FINGERPRINT_MAGIC "'");
    return false;
}

/* A fingerprint must have all its parts, and as many as it says. */
static void check_print(struct reader *r, const struct tb_log_run *run)
{
    const struct tb_fingerprint *p = &run->print;
    r->line = run->line;
    if (!run->has_lines || !run->has_all)
        complain(r, 1, "this run has no '#lines' or no '#all'");
    else if (p->block_count != p->lines / TB_BLOCK_LINES + (p->lines % TB_BLOCK_LINES != 0))
        complain(r, 1, "this run has not as many blocks as '#lines' needs: cut off?");
    if (run->clear_left)
        complain(r, 1, "this run has fewer lines in clear than '#clear' says: cut off?");
}

static void check_end(struct reader *r)
{
    struct tb_log_file *f = r->file;
    r->line += r->line == 0; /* an empty file */
    if (f->count == 0 || r->announced)
        complain(r, 1, "the file ends before a '#scenario' line");
    else if (f->count != f->runs[0].header.runs)
        complain(r, 1, "fewer runs than '#run' said: cut off?");
    for (size_t i = 0; f->fingerprint && i < f->count; i++)
        check_print(r, &f->runs[i]);
}

static bool read_line(struct reader *r)
{
    if (r->line == 1)
        return read_magic(r);
    return r->length && *r->text == '#' ? read_directive(r) : read_transaction(r);
}

static bool read_lines(struct reader *r)
{
    const char *at = r->file->text, *end = at + r->file->size;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        r->text = at;
        r->length = (size_t)((newline ? newline : end) - at);
        r->line++;
        if (!read_line(r))
            return false;
        if (tb_diag_count(r->diag) - r->errors_before >= TB_DIAG_MAX)
            return false; /* no use in more of them */
        at = newline ? newline + 1 : end;
    }
    check_end(r);
    return tb_diag_count(r->diag) == r->errors_before;
}

struct tb_log_file *tb_log_file_text(const char *name, char *text, size_t size,
                                     struct tb_diag *diag)
{
    struct tb_log_file *f = calloc(1, sizeof *f);
    if (!f) {
        free(text);
        tb_diag_host(diag, "%s: no memory to read it", name);
        return NULL;
    }
    *f = (struct tb_log_file){.name = name, .text = text, .size = size};
    struct reader r = {.file = f, .diag = diag, .errors_before = tb_diag_count(diag)};
    bool ok = read_lines(&r);
    free(r.announced_name);
    if (ok)
        return f;
    tb_log_file_free(f);
    return NULL;
}

static const char beginning[] = "#tollbridge-"; /* of either form */

/* Whatever begins otherwise is no log, and may have no end: /dev/zero. */
static bool begins_like_a_log(const char *text, size_t size)
{
    size_t n = size < sizeof beginning - 1 ? size : sizeof beginning - 1;
    return memcmp(text, beginning, n) == 0;
}

static char *read_all(const char *path, size_t *size)
{
    FILE *in = fopen(path, "rb");
    if (!in)
        return NULL;
    size_t room = 1 << 16;
    struct stat st;
    if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode))
        room = (size_t)st.st_size + 2;
    char *text = malloc(room);
    *size = 0;
    while (text) {
        size_t n = fread(text + *size, 1, room - *size - 1, in);
        if (n == 0)
            break;
        *size += n;
        if (!begins_like_a_log(text, *size))
            break;
        if (*size + 1 < room)
            continue;
        char *more = realloc(text, room *= 2);
        if (!more)
            free(text);
        text = more;
    }
    int error = ferror(in) ? errno : 0;
    fclose(in);
    if (!text || error) {
        free(text);
        errno = text ? error : ENOMEM;
        return NULL;
    }
    text[*size] = '\0';
    return text;
}

struct tb_log_file *tb_log_file_load(const char *path, struct tb_diag *diag)
{
    size_t size;
    errno = 0;
    char *text = read_all(path, &size);
    if (text)
        return tb_log_file_text(path, text, size, diag);
    if (errno == ENOMEM)
        tb_diag_host(diag, "%s: no memory to read it", path);
    else
        tb_diag_at(diag, (struct tb_place){0}, "%s: %s", path, strerror(errno));
    return NULL;
}

/* The lines in clear of all runs become the text, and entries. They were written by tb_line_write.
 */
static bool index_clear(struct tb_log_file *f, struct tb_log_run *run)
{
    struct reader r = {.file = f, .run = run};
    const struct tb_fingerprint *p = &run->print;
    char *at = f->text + f->size;
    memcpy(at, p->clear ? p->clear : "", p->clear_size);
    f->size += p->clear_size;
    for (size_t i = 0; i < p->clear_lines; i++) {
        char why[200], *newline = memchr(at, '\n', (size_t)(f->text + f->size - at));
        struct tb_line line;
        size_t column;
        r.text = at;
        r.length = (size_t)(newline - at);
        tb_line_read(r.text, r.length, &line, &column, why);
        if (!add_entry(&r, &line))
            return false;
        at = newline + 1;
    }
    return true;
}

static size_t clear_bytes(const struct tb_fingerprint *prints, size_t count)
{
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++)
        bytes += prints[i].clear_size;
    return bytes;
}

struct tb_log_file *tb_log_file_prints(const char *name, struct tb_fingerprint *prints,
                                       size_t count)
{
    struct tb_log_file *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct tb_log_file){.name = name, .fingerprint = true};
    f->runs = calloc(count ? count : 1, sizeof *f->runs);
    f->text = malloc(clear_bytes(prints, count));
    bool ok = f->runs && f->text;
    for (size_t i = 0; ok && i < count; i++) {
        f->runs[i].print = prints[i];
        f->runs[i].header = prints[i].header;
        f->runs[i].print.header = (struct tb_log_header){0};
        ok = !prints[i].failed && index_clear(f, &f->runs[i]);
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
    for (size_t i = 0; f && i < f->count; i++) {
        tb_log_header_clear(&f->runs[i].header);
        tb_fingerprint_clear(&f->runs[i].print);
        free(f->runs[i].entries);
    }
    if (f) {
        free(f->runs);
        free(f->text);
    }
    free(f);
}

void tb_log_file_line(const struct tb_log_file *f, const struct tb_log_entry *e,
                      struct tb_line *line)
{
    char why[200];
    size_t column;
    tb_line_read(f->text + e->offset, e->length, line, &column, why);
}

bool tb_log_file_print(struct tb_log_file *f)
{
    for (size_t i = 0; !f->fingerprint && i < f->count; i++) {
        struct tb_log_run *run = &f->runs[i];
        tb_fingerprint_begin(&run->print);
        for (size_t n = 0; n < run->count; n++) {
            struct tb_line line;
            tb_log_file_line(f, &run->entries[n], &line);
            tb_fingerprint_line(&run->print, &line);
        }
        tb_fingerprint_end(&run->print);
        if (run->print.failed)
            return false;
    }
    return true;
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
