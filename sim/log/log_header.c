/* The '#' lines of logs and fingerprints; see logfile.h. */
#include "log/logfile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool no_memory(const struct tb_log_file *f)
{
    tb_diag_host(f->diag, "%s: no memory to read it", f->name);
    return false;
}

/* The run that is being read; not before the first header. */
static struct tb_log_run *run_of(const struct tb_log_file *f)
{
    return &f->runs[f->count - 1];
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

static struct cursor words_after(const struct tb_log_file *f, const char *name)
{
    return (struct cursor){f->text + strlen(name), f->text + f->length};
}

static bool header_run(struct tb_log_file *f)
{
    struct cursor c = words_after(f, "#run");
    uint64_t run, runs;
    bool ok = take_number(&c, &run) && take_word(&c, "of") && take_number(&c, &runs) &&
              run == f->count + 1 && run <= runs && runs <= UINT32_MAX;
    char *name = ok ? take_copy(&c) : NULL;
    if (!ok || !at_end(&c) || f->announced) {
        free(name);
        tb_log_file_complain(f, 1, "expected '#run I of N NAME', counting from 1");
        return true;
    }
    f->announced_name = name;
    f->announced = (unsigned)run;
    f->announced_of = (unsigned)runs;
    return true;
}

static bool new_run(struct tb_log_file *f, struct tb_log_header *header)
{
    struct tb_log_run *more = realloc(f->runs, (f->count + 1) * sizeof *f->runs);
    if (!more) {
        tb_log_header_clear(header);
        return no_memory(f);
    }
    f->runs = more;
    f->runs[f->count++] = (struct tb_log_run){.header = *header,
                                              .line = f->line_number,
                                              .begin = f->base + f->next,
                                              .hashed = f->print_all};
    tb_fingerprint_begin(&run_of(f)->print);
    return true;
}

static bool header_scenario(struct tb_log_file *f)
{
    struct tb_log_header h = {.run = 1, .runs = 1};
    struct cursor c = words_after(f, "#scenario");
    bool ok = (h.scenario = take_copy(&c)) && take_word(&c, "platform") &&
              (h.platform = take_copy(&c)) && take_word(&c, "resolved") &&
              (h.resolved = take_copy(&c)) && take_word(&c, "seed") && take_number(&c, &h.seed) &&
              at_end(&c);
    if (!ok)
        tb_log_file_complain(
            f, 1, "expected '#scenario NAME  platform NAME  resolved HASH  seed NUMBER'");
    else if (!f->announced && f->count > 0)
        tb_log_file_complain(f, 1, "a second '#scenario' without '#run' before it");
    if (f->announced) {
        h.run = f->announced;
        h.runs = f->announced_of;
        h.run_name = f->announced_name;
        f->announced_name = NULL;
    }
    f->announced = 0;
    return new_run(f, &h);
}

static bool header_only(struct tb_log_file *f)
{
    if (run_of(f)->header.only || f->length < sizeof "#only") {
        tb_log_file_complain(f, 1, "expected one '#only' with words after it");
        return true;
    }
    run_of(f)->header.only = strndup(f->text + sizeof "#only", f->length - sizeof "#only");
    return run_of(f)->header.only || no_memory(f);
}

/* -- What the lines must be, and lines that only fingerprints have ------------------------------
 */

/* A log's header tells of its lines before the first of them. */
static bool is_late(struct tb_log_file *f)
{
    if (f->fingerprint || run_of(f)->lines == 0)
        return false;
    tb_log_file_complain(f, 1, "expected this before the first transaction of the run");
    return true;
}

static bool claim_lines(struct tb_log_file *f)
{
    struct cursor c = words_after(f, "#lines");
    struct tb_log_claim *claim = &run_of(f)->claim;
    if (is_late(f))
        return true;
    if (claim->has_lines || !take_number(&c, &claim->lines) || !at_end(&c))
        tb_log_file_complain(f, 1, "expected one '#lines NUMBER'");
    claim->has_lines = true;
    return true;
}

static int find_name(const char *const *names, const char *word, size_t length)
{
    for (int i = 0; names[i]; i++)
        if (strlen(names[i]) == length && memcmp(names[i], word, length) == 0)
            return i;
    return -1;
}

static bool print_count(struct tb_log_file *f)
{
    struct cursor c = words_after(f, "#count");
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
        tb_log_file_complain(f, 1, "expected '#count KIND STATUS NUMBER'");
    else
        run_of(f)->print.counts[kind][status] = count;
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

static bool claim_all(struct tb_log_file *f)
{
    struct cursor c = words_after(f, "#all");
    struct tb_log_claim *claim = &run_of(f)->claim;
    bool ok = !claim->has_all;
    if (is_late(f))
        return true;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        ok = ok && take_hash(&c, tb_ingredient_names[i], claim->all[i], SHA256_DIGEST_SIZE);
    if (!ok || !at_end(&c))
        tb_log_file_complain(f, 1,
                             "expected one '#all times=HASH order=HASH addresses=HASH outcome=HASH "
                             "data=HASH' of 64 hexadecimal digits each");
    else
        run_of(f)->hashed = !f->fingerprint;
    claim->has_all = true;
    claim->line = f->line_number;
    return true;
}

static bool print_block(struct tb_log_file *f)
{
    struct tb_fingerprint *p = &run_of(f)->print;
    struct cursor c = words_after(f, "#block");
    struct tb_block b;
    uint64_t number;
    bool ok = take_number(&c, &number) && number == p->block_count;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        ok = ok && take_hash(&c, tb_ingredient_names[i], b.hash[i], TB_BLOCK_HASH);
    if (!ok || !at_end(&c)) {
        tb_log_file_complain(
            f, 1,
            "expected '#block N times=HASH ...' with the next number and five hashes "
            "of 16 hexadecimal digits");
        return true;
    }
    if (p->block_count == p->block_room) {
        size_t room = p->block_room ? p->block_room * 2 : 64;
        void *more = realloc(p->blocks, room * sizeof b);
        if (!more)
            return no_memory(f);
        p->blocks = more;
        p->block_room = room;
    }
    p->blocks[p->block_count++] = b;
    return true;
}

static bool print_clear(struct tb_log_file *f)
{
    struct cursor c = words_after(f, "#clear");
    struct tb_log_run *run = run_of(f);
    uint64_t count;
    if (!take_number(&c, &count) || !at_end(&c) || count > run->claim.lines || run->clear_left ||
        run->lines)
        tb_log_file_complain(f, 1, "expected one '#clear NUMBER', not above that of '#lines'");
    else
        run->clear_left = count;
    return true;
}

/* Every line that begins with '#'. `run`: only after the header of a run; `print`: only in
 * fingerprints. */
static const struct directive {
    const char *name;
    bool run, print;
    bool (*read)(struct tb_log_file *f);
} directives[] = {
    {"#run", false, false, header_run},  {"#scenario", false, false, header_scenario},
    {"#only", true, false, header_only}, {"#lines", true, false, claim_lines},
    {"#all", true, false, claim_all},    {"#count", true, true, print_count},
    {"#block", true, true, print_block}, {"#clear", true, true, print_clear},
};

static bool is_directive(const struct tb_log_file *f, const char *name)
{
    size_t length = strlen(name);
    return f->length >= length && memcmp(f->text, name, length) == 0 &&
           (f->length == length || f->text[length] == ' ');
}

bool tb_log_file_header(struct tb_log_file *f, bool *run)
{
    size_t runs = f->count;
    *run = false;
    if (f->length == 1 || f->text[1] == ' ') /* "# a comment" */
        return true;
    for (size_t i = 0; i < sizeof directives / sizeof *directives; i++) {
        const struct directive *d = &directives[i];
        if (!is_directive(f, d->name))
            continue;
        if (d->print && !f->fingerprint)
            tb_log_file_complain(f, 1, "a log has no such line, only fingerprints have");
        else if (d->run && !f->count)
            tb_log_file_complain(f, 1, "expected '#scenario' before this");
        else if (!d->read(f))
            return false;
        *run = f->count > runs;
        return true;
    }
    tb_log_file_complain(f, 1, "unknown kind of header line");
    return true;
}

/* -- When all lines were read -------------------------------------------------------------------
 */

/* A fingerprint must have all its parts, and as many as it says. */
static void end_print(struct tb_log_file *f, struct tb_log_run *run)
{
    struct tb_fingerprint *p = &run->print;
    p->lines = run->claim.lines;
    memcpy(p->all, run->claim.all, sizeof p->all);
    f->line_number = run->line;
    if (!run->claim.has_lines || !run->claim.has_all)
        tb_log_file_complain(f, 1, "this run has no '#lines' or no '#all'");
    else if (p->block_count != p->lines / TB_BLOCK_LINES + (p->lines % TB_BLOCK_LINES != 0))
        tb_log_file_complain(f, 1, "this run has not as many blocks as '#lines' needs: cut off?");
    if (run->clear_left)
        tb_log_file_complain(f, 1,
                             "this run has fewer lines in clear than '#clear' says: cut off?");
}

static void complain_of_hashes(struct tb_log_file *f, const struct tb_log_run *run)
{
    char what[200], *at = what;
    at += sprintf(at, "the lines of this run are not those whose hashes stand here (");
    for (unsigned i = 0, told = 0; i < TB_INGREDIENTS; i++)
        if (memcmp(run->claim.all[i], run->print.all[i], SHA256_DIGEST_SIZE) != 0)
            at += sprintf(at, "%s%s", told++ ? ", " : "", tb_ingredient_names[i]);
    sprintf(at, " differ): edited by hand? '--bless' writes it anew");
    f->line_number = run->claim.line;
    tb_log_file_complain(f, 1, what);
}

/* A log's lines must be those that its header tells of. */
static void check_claim(struct tb_log_file *f, struct tb_log_run *run)
{
    const struct tb_log_claim *claim = &run->claim;
    char what[160];
    if (claim->has_lines && claim->lines != run->lines) {
        snprintf(what, sizeof what,
                 "this run has %" PRIu64 " transactions, '#lines' says %" PRIu64
                 ": cut off, or edited by hand?",
                 run->lines, claim->lines);
        f->line_number = run->line;
        tb_log_file_complain(f, 1, what);
    } else if (claim->has_all && memcmp(claim->all, run->print.all, sizeof claim->all) != 0) {
        complain_of_hashes(f, run);
    }
}

void tb_log_file_end_run(struct tb_log_file *f, struct tb_log_run *run)
{
    unsigned line = f->line_number;
    size_t wrong = tb_diag_count(f->diag) - f->errors_before; /* lines that were not counted */
    if (f->fingerprint) {
        end_print(f, run);
    } else if (run->hashed) {
        tb_fingerprint_end(&run->print);
        if (run->print.failed)
            no_memory(f);
    }
    if (!f->fingerprint && !wrong)
        check_claim(f, run);
    f->line_number = line;
}

void tb_log_file_end(struct tb_log_file *f)
{
    f->line_number += f->line_number == 0; /* an empty file */
    if (f->count == 0 || f->announced)
        tb_log_file_complain(f, 1, "the file ends before a '#scenario' line");
    else if (f->count != f->runs[0].header.runs)
        tb_log_file_complain(f, 1, "fewer runs than '#run' said: cut off?");
}
