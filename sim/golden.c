/* Golden logs; see golden.h. */
#include "golden.h"

#include <errno.h>

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

bool tb_golden_bless(const char *path, const struct tb_golden_run *run, enum tb_golden_form *form)
{
    *form = tb_golden_form(path);
    if (*form == TB_GOLDEN_NONE)
        *form = run->lines > TB_GOLDEN_LINES ? TB_GOLDEN_PRINT : TB_GOLDEN_LOG;
    if (!run->log)
        *form = TB_GOLDEN_PRINT;
    return *form == TB_GOLDEN_PRINT ? tb_golden_write_prints(path, run->prints, run->count)
                                    : copy_log(path, run->log);
}
