/* Files that appear whole or not at all; see outfile.h. */
#include "log/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(struct tb_outfile *f)
{
    if (!f->error)
        f->error = errno ? errno : EIO;
}

bool tb_make_folder(const char *path)
{
    char *copy = strdup(path);
    if (!copy)
        return false;
    bool ok = true;
    for (char *at = copy + 1; ok && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        ok = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *at = '/';
    }
    struct stat st;
    ok = ok && (mkdir(copy, 0777) == 0 || errno == EEXIST);
    if (ok && stat(copy, &st) == 0 && !S_ISDIR(st.st_mode)) {
        errno = ENOTDIR;
        ok = false;
    }
    free(copy);
    return ok;
}

static bool make_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return true;
    char *folder = strndup(path, (size_t)(slash - path));
    bool ok = folder && tb_make_folder(folder);
    free(folder);
    return ok;
}

/* A file that is not a regular one keeps its name and its nature: no rename over a device. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Linux's O_TMPFILE; some file systems lack it. */
static bool open_nameless(struct tb_outfile *f)
{
    char *slash = strrchr(f->path, '/');
    char *folder = slash ? strndup(f->path, (size_t)(slash - f->path) + 1) : strdup(".");
    f->fd = folder ? open(folder, O_TMPFILE | O_WRONLY, 0666) : -1;
    free(folder);
    return f->nameless = f->fd >= 0;
}

static void open_temporary(struct tb_outfile *f)
{
    if (asprintf(&f->temporary, "%s.%ld", f->path, (long)getpid()) < 0) {
        f->temporary = NULL;
        f->error = ENOMEM;
        return;
    }
    if (open_nameless(f))
        return;
    f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (f->fd < 0)
        fail(f);
}

void tb_outfile_open(struct tb_outfile *f, const char *path)
{
    *f = (struct tb_outfile){.fd = -1};
    f->buffer = malloc(TB_OUTFILE_BUFFER);
    char *resolved = realpath(path, NULL); /* rename would replace a link, not what it points to */
    f->path = resolved ? resolved : strdup(path);
    if (!f->buffer || !f->path) {
        f->error = ENOMEM;
        return;
    }
    errno = 0;
    if (is_special(f->path)) {
        f->fd = open(f->path, O_WRONLY);
        if (f->fd < 0)
            fail(f);
    } else if (make_parent(f->path)) {
        open_temporary(f);
    } else {
        fail(f);
    }
}

void tb_outfile_descriptor(struct tb_outfile *f, int fd)
{
    *f = (struct tb_outfile){.fd = dup(fd)};
    f->buffer = malloc(TB_OUTFILE_BUFFER);
    if (!f->buffer)
        f->error = ENOMEM;
    else if (f->fd < 0)
        fail(f);
}

static void flush(struct tb_outfile *f)
{
    for (size_t done = 0; done < f->used && !f->error;) {
        ssize_t n = write(f->fd, f->buffer + done, f->used - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            fail(f);
    }
    f->used = 0;
}

char *tb_outfile_room(struct tb_outfile *f, size_t need)
{
    if (f->used + need > TB_OUTFILE_BUFFER)
        flush(f);
    return f->buffer + f->used;
}

void tb_outfile_put(struct tb_outfile *f, const char *text, size_t length)
{
    while (length > 0 && !f->error) {
        size_t part = length < TB_OUTFILE_BUFFER ? length : TB_OUTFILE_BUFFER;
        memcpy(tb_outfile_room(f, part), text, part);
        f->used += part;
        text += part;
        length -= part;
    }
}

void tb_outfile_print(struct tb_outfile *f, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&text, format, args);
    va_end(args);
    if (length < 0) {
        if (!f->error)
            f->error = ENOMEM;
        return;
    }
    tb_outfile_put(f, text, (size_t)length);
    free(text);
}

static void release(struct tb_outfile *f)
{
    free(f->path);
    free(f->temporary);
    free(f->buffer);
    f->path = f->temporary = f->buffer = NULL;
}

/* A link never replaces what is there, a rename does: so a nameless file is first linked beside. */
static void give_temporary_name(struct tb_outfile *f)
{
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", f->fd);
    unlink(f->temporary); /* left by a process that had our number */
    if (linkat(AT_FDCWD, self, AT_FDCWD, f->temporary, AT_SYMLINK_FOLLOW) != 0 &&
        linkat(f->fd, "", AT_FDCWD, f->temporary, AT_EMPTY_PATH) != 0) /* where /proc is missing */
        fail(f);
}

bool tb_outfile_commit(struct tb_outfile *f)
{
    if (!f->error)
        flush(f);
    if (!f->error && f->nameless)
        give_temporary_name(f);
    if (f->fd >= 0 && close(f->fd) != 0)
        fail(f);
    f->fd = -1;
    if (!f->error && f->temporary && rename(f->temporary, f->path) != 0)
        fail(f);
    bool ok = !f->error;
    if (!ok && f->temporary)
        unlink(f->temporary);
    release(f);
    return ok;
}

void tb_outfile_abandon(struct tb_outfile *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    if (f->temporary && !f->nameless)
        unlink(f->temporary);
    release(f);
}
