/* Golden logs; see golden.h. */
#include "golden.h"

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
        return tb_log_file_load(run->log, diag);
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

static bool copy_log(const char *to, const char *from)
{
    FILE *in = fopen(from, "rb");
    if (!in)
        return false;
    struct tb_outfile out;
    char buffer[8192];
    tb_outfile_open(&out, to);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        tb_outfile_put(&out, buffer, n);
    bool whole = !ferror(in);
    fclose(in);
    if (!whole) {
        tb_outfile_abandon(&out);
        errno = EIO;
        return false;
    }
    bool ok = tb_outfile_commit(&out);
    errno = out.error;
    return ok;
}

static bool write_golden(const char *path, const struct tb_golden_run *run,
                         enum tb_golden_form form)
{
    return form == TB_GOLDEN_PRINT ? tb_golden_write_prints(path, run->prints, run->count)
                                   : copy_log(path, run->log);
}

/* -- The ledger
 * --------------------------------------------------------------------------------------------------
 */

/* What moved, in one line. */
static void describe(const struct tb_log_file *old, const struct tb_log_file *new, char out[400])
{
    const struct tb_diff_options options = {0};
    struct tb_diff d;
    struct tb_diag *diag = tb_diag_new();
    char only[120];
    snprintf(out, 400, "changed");
    if (!old)
        snprintf(out, 400, "in place of a file that was no log");
    else if (new &&tb_diff_files((struct tb_log_file *)(uintptr_t)old,
                                 (struct tb_log_file *)(uintptr_t) new, &options, &d,
                                 diag) != TB_EXIT_HOST) {
        if (tb_diag_count(diag) == 0 && !tb_diff_any(&d))
            snprintf(out, 400, "the header moved, no transaction");
        else if (tb_diag_count(diag) == 0 && d.by_fingerprint)
            snprintf(out, 400, "fingerprints moved, %" PRIu64 " -> %" PRIu64 " transactions",
                     d.transactions, d.new_transactions);
        else if (tb_diag_count(diag) == 0)
            snprintf(out, 400,
                     "%s%" PRIu64 " of %" PRIu64 " transactions changed, %" PRIu64
                     " out of order, %" PRIu64 " missing, %" PRIu64 " extra",
                     tb_diff_only(&d, only), d.differing, d.transactions, d.moved[TB_ORDER],
                     d.missing, d.extra);
        tb_diff_clear(&d);
    }
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
    struct tb_diag *diag = tb_diag_new();
    if (asprintf(&beside, "%s.blessed", path) < 0 || !write_golden(beside, run, out->form)) {
        tb_diag_free(diag);
        return false;
    }
    bool ok = true;
    if (same_bytes(beside, path)) {
        unlink(beside);
        out->what = TB_BLESSED_SAME;
    } else {
        struct tb_log_file *old = tb_log_file_load(path, diag),
                           *new = tb_log_file_load(beside, diag);
        describe(old, new, what);
        tb_log_file_free(old);
        tb_log_file_free(new);
        out->what = TB_BLESSED_CHANGED;
        out->failed = "the golden's LEDGER";
        /* The reason first: a golden that changed without one is what must not be. */
        ok = keep_ledger(path, what, reason);
        if (ok && rename(beside, path) != 0)
            ok = false;
        if (!ok)
            unlink(beside);
    }
    tb_diag_free(diag);
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
