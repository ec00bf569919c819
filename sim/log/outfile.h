/* A file that appears whole or not at all.
 *
 * Invariants: text goes to a file without a name (where the file system cannot do that: with a
 * temporary one beside the final one) and takes its name only in tb_outfile_commit, after
 * everything was written; until then what was there before stays, and a program that is killed
 * leaves nothing. The first failure sticks, later calls do nothing. What exists and is no regular
 * file (a pipe, /dev/full) is written directly.
 */
#ifndef TB_OUTFILE_H
#define TB_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TB_OUTFILE_BUFFER ((size_t)1 << 18)

struct tb_outfile {
    char *path;      /* the final name, links resolved */
    char *temporary; /* NULL: it has no such name */
    char *buffer;
    size_t used;
    bool nameless; /* until the commit */
    int fd;        /* -1: closed */
    int error;     /* errno of the first failure, 0: none */
};

/* Opens for writing; creates missing folders on the way. Failures stick (tb_outfile_failed). */
void tb_outfile_open(struct tb_outfile *f, const char *path);

/* The same for an open descriptor, such as standard output; it stays open. */
void tb_outfile_descriptor(struct tb_outfile *f, int fd);

/* A place for at least `need` bytes (<= TB_OUTFILE_BUFFER) at the end of the buffer; NULL only if
 * opening failed for want of memory. */
char *tb_outfile_room(struct tb_outfile *f, size_t need);
/* Says how many of them were used. */
static inline void tb_outfile_add(struct tb_outfile *f, size_t used)
{
    f->used += used;
}

void tb_outfile_put(struct tb_outfile *f, const char *text, size_t length);
void tb_outfile_print(struct tb_outfile *f, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline bool tb_outfile_failed(const struct tb_outfile *f)
{
    return f->error != 0;
}

/* Gives the file its name. Returns false, and leaves nothing behind, if anything failed. Once. */
bool tb_outfile_commit(struct tb_outfile *f);

/* Removes what was written. Harmless after a commit. */
void tb_outfile_abandon(struct tb_outfile *f);

/* mkdir -p of the folder. false: errno. */
bool tb_make_folder(const char *path);

#endif
