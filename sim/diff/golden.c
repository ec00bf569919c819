/* Golden logs; see golden.h. */
#include "diff/golden.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum tb_golden_form tb_golden_form(const char *path)
{
    bool exists;
    if (tb_log_file_is_print(path, &exists))
        return TB_GOLDEN_PRINT;
    return exists ? TB_GOLDEN_LOG : TB_GOLDEN_NONE;
}

struct tb_log_file *tb_golden_new(struct tb_golden_run *run, enum tb_golden_form form,
                                  struct tb_diag *diag)
{
    if (run->log && !(form == TB_GOLDEN_PRINT && run->prints))
        return tb_log_file_open(run->log, diag);
    struct tb_log_file *f = tb_log_file_prints("this run", run->prints, run->count);
    if (!f)
        tb_diag_host(diag, "no memory to compare with the golden log");
    return f;
}

bool tb_golden_write_prints(const char *path, const struct tb_fingerprint *prints, size_t count)
{
    struct tb_outfile out;
    tb_outfile_open(&out, path);
    tb_outfile_print(&out, "%s\n", TB_FINGERPRINT_MAGIC);
    for (size_t i = 0; i < count; i++)
        tb_fingerprint_write(&prints[i], &out);
    bool ok = tb_outfile_commit(&out);
    errno = out.error;
    return ok;
}

/* The lines of a header that tell what the lines below must be. */
static void write_claim(const struct tb_fingerprint *print, struct tb_outfile *out)
{
    tb_outfile_print(out, "#lines %" PRIu64 "\n", print->lines);
    tb_fingerprint_write_all(print, out);
}

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* Copies a log; behind the header of each run come its hashes, in place of what stood there. */
static bool copy_lines(FILE *in, const struct tb_log_file *f, struct tb_outfile *out)
{
    char *line = NULL;
    size_t room = 0, run = 0;
    bool due = false;
    for (ssize_t n; (n = getline(&line, &room, in)) > 0;) {
        if (due && !begins(line, "#only ")) {
            write_claim(&f->runs[run++].print, out);
            due = false;
        }
        if (!begins(line, "#lines ") && !begins(line, "#all "))
            tb_outfile_put(out, line, (size_t)n);
        if (begins(line, "#scenario "))
            due = run < f->count;
    }
    if (due)
        write_claim(&f->runs[run].print, out);
    free(line);
    return !ferror(in);
}

bool tb_golden_write_log(const char *path, const char *log, struct tb_diag *diag)
{
    struct tb_log_file *f = tb_log_file_open(log, diag);
    FILE *in = f && tb_log_file_drain(f, true) ? fopen(log, "rb") : NULL;
    struct tb_outfile out;
    if (!in) {
        errno = errno ? errno : EIO;
        tb_log_file_free(f);
        return false;
    }
    tb_outfile_open(&out, path);
    bool whole = copy_lines(in, f, &out);
    fclose(in);
    tb_log_file_free(f);
    if (!whole)
        tb_outfile_abandon(&out);
    bool ok = whole && tb_outfile_commit(&out);
    errno = whole ? out.error : EIO;
    return ok;
}

static bool write_golden(const char *path, const struct tb_golden_run *run,
                         enum tb_golden_form form)
{
    if (form == TB_GOLDEN_PRINT)
        return tb_golden_write_prints(path, run->prints, run->count);
    struct tb_diag *diag = tb_diag_new();
    errno = 0;
    bool ok = tb_golden_write_log(path, run->log, diag);
    tb_diag_free(diag);
    return ok;
}

/* -- The ledger
 * --------------------------------------------------------------------------------------------------
 */

static void describe_diff(const struct tb_diff *d, char out[400])
{
    char only[120];
    if (!tb_diff_any(d))
        snprintf(out, 400, "the header moved, no transaction");
    else if (d->by_fingerprint)
        snprintf(out, 400, "%sfingerprints moved, %" PRIu64 " -> %" PRIu64 " transactions",
                 tb_diff_only(d, only), d->transactions, d->new_transactions);
    else
        snprintf(out, 400,
                 "%s%" PRIu64 " of %" PRIu64 " transactions changed, %" PRIu64
                 " out of order, %" PRIu64 " missing, %" PRIu64 " extra",
                 tb_diff_only(d, only), d->differing, d->transactions, d->moved[TB_ORDER],
                 d->missing, d->extra);
}

/* What moved, in one line. */
static void describe(const char *old, const char *new, char out[400])
{
    const struct tb_diff_options options = {0};
    struct tb_diff d = {0};
    struct tb_diag *diag = tb_diag_new();
    struct tb_log_file *a = tb_log_file_open(old, diag), *b = tb_log_file_open(new, diag);
    snprintf(out, 400, "in place of a file that was no log");
    if (a && b && tb_diff_files(a, b, &options, &d, diag) <= TB_EXIT_VIOLATION)
        describe_diff(&d, out);
    else if (a)
        snprintf(out, 400, "in place of a log that was malformed or edited by hand");
    tb_diff_clear(&d);
    tb_log_file_free(a);
    tb_log_file_free(b);
    tb_diag_free(diag);
}

static bool append(const char *path, const char *line)
{
    struct tb_outfile out;
    char buffer[8192];
    tb_outfile_open(&out, path);
    FILE *in = fopen(path, "rb");
    if (!in)
        tb_outfile_print(
            &out,
            "# Why goldens changed: `tollbridge run --bless --reason` adds a line for each.\n");
    for (size_t n; in && (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        tb_outfile_put(&out, buffer, n);
    bool whole = !in || !ferror(in);
    if (in)
        fclose(in);
    tb_outfile_print(&out, "%s\n", line);
    if (!whole)
        tb_outfile_abandon(&out);
    bool ok = whole && tb_outfile_commit(&out);
    errno = ok ? 0 : out.error ? out.error : EIO;
    return ok;
}

static bool keep_ledger(const char *path, const char *what, const char *reason)
{
    const char *slash = strrchr(path, '/');
    char *ledger = NULL, *line = NULL;
    bool ok = asprintf(&ledger, "%.*sLEDGER", slash ? (int)(slash - path + 1) : 0, path) >= 0;
    ok = ok && asprintf(&line, "%s: %s%s%s", slash ? slash + 1 : path, what, reason ? ". " : "",
                        reason ? reason : "") >= 0;
    ok = ok && append(ledger, line);
    free(ledger);
    free(line);
    return ok;
}

/* -- Blessing
 * ------------------------------------------------------------------------------------------------------
 */

static bool same_bytes(const char *a, const char *b)
{
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    bool same = x && y;
    char left[8192], right[8192];
    for (size_t n = 1; same && n;) {
        n = fread(left, 1, sizeof left, x);
        same = fread(right, 1, sizeof right, y) == n && memcmp(left, right, n) == 0;
    }
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return same;
}

/* Writes beside it, and takes its place only if it is another. */
static bool replace(const char *path, const struct tb_golden_run *run, const char *reason,
                    struct tb_blessed *out)
{
    char what[400], *beside;
    if (asprintf(&beside, "%s.blessed", path) < 0)
        return false;
    if (!write_golden(beside, run, out->form)) {
        free(beside);
        return false;
    }
    bool ok = true;
    if (same_bytes(beside, path)) {
        unlink(beside);
        out->what = TB_BLESSED_SAME;
    } else {
        describe(path, beside, what);
        out->what = TB_BLESSED_CHANGED;
        out->failed = "the golden's LEDGER";
        /* The reason first: a golden that changed without one is what must not be. */
        ok = keep_ledger(path, what, reason);
        if (ok && rename(beside, path) != 0)
            ok = false;
        if (!ok)
            unlink(beside);
    }
    free(beside);
    return ok;
}

/* What is no regular file (a device) is written to, and has no ledger. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

bool tb_golden_bless(const char *path, const struct tb_golden_run *run, const char *reason,
                     struct tb_blessed *out)
{
    char what[400];
    *out = (struct tb_blessed){.form = tb_golden_form(path), .failed = path};
    bool new = out->form == TB_GOLDEN_NONE;
    if (new)
        out->form = run->lines > TB_GOLDEN_LINES ? TB_GOLDEN_PRINT : TB_GOLDEN_LOG;
    if (!run->log)
        out->form = TB_GOLDEN_PRINT;
    if (!new && !is_special(path))
        return replace(path, run, reason, out);
    if (!write_golden(path, run, out->form))
        return false;
    if (is_special(path))
        return true;
    snprintf(what, sizeof what, "new, %" PRIu64 " transactions", run->lines);
    out->failed = "the golden's LEDGER";
    return keep_ledger(path, what, reason);
}
