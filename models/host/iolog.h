/* A fio iolog, versions 2 and 3, as requests for one drive.
 *
 * Version 2: `file action [offset length]`, with `wait` lines that give microseconds since the last
 * one. Version 3: the same behind a time in microseconds since the start, without `wait`. Actions:
 * add open close read write sync datasync trim wait. Invariants of what was read without errors:
 * times do not go backwards, requests are whole sectors on the disk, and there is at least one read
 * or write.
 */
#ifndef HOST_IOLOG_H
#define HOST_IOLOG_H

#include "tollbridge/diag.h"
#include "tollbridge/time.h"

#include <stddef.h>
#include <stdint.h>

enum iolog_op { IOLOG_READ, IOLOG_WRITE, IOLOG_SYNC };

struct iolog_entry {
    tb_time time; /* since the start */
    uint64_t offset;
    uint32_t length;
    uint32_t line : 30, op : 2;
};

struct iolog {
    struct iolog_entry *at;
    size_t count;
    uint64_t trims;   /* skipped */
    uint32_t longest; /* bytes of the longest read or write */
};

#define IOLOG_LINE_MAX   4096       /* characters of a line */
#define IOLOG_LENGTH_MAX (1u << 30) /* bytes of a request */

/* Reads the log. `file` selects one of its files (NULL or "": there must be only one with
 * requests). `bytes` is the size of the disk. Every error goes to diag with the log's own line and
 * column; a log that cannot be read at all is reported at `node`. Returns NULL after errors; free
 * with iolog_free. */
struct iolog *iolog_read(const char *path, const char *file, uint64_t bytes,
                         const struct tb_node *node, struct tb_diag *diag);
void iolog_free(struct iolog *log);

#endif
