/* Diagnostics: every error of an input, with its place, collected and printed together.
 *
 * Invariants: messages keep the order in which they were added, except that printing sorts them by
 * file, line and column (stable); past TB_DIAG_MAX messages, further ones are only counted. Text is
 * copied.
 */
#ifndef TOLLBRIDGE_DIAG_H
#define TOLLBRIDGE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TB_DIAG_MAX 100

struct tb_node;

/* A place in an input. file is kept alive by whoever owns the tree it came from. line 0: no place.
 */
struct tb_place {
    const char *file;
    unsigned line;   /* from 1 */
    unsigned column; /* from 1 */
};

struct tb_diag;

struct tb_diag *tb_diag_new(void);
void tb_diag_free(struct tb_diag *d);

/* Adds an error at a place: printed as "file:line:column: message". */
void tb_diag_at(struct tb_diag *d, struct tb_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same at a node's place (its value; node may be NULL: no place). */
void tb_diag_node(struct tb_diag *d, const struct tb_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Takes over the messages of another, in their order. */
void tb_diag_move(struct tb_diag *to, struct tb_diag *from);

/* How many errors there are. */
size_t tb_diag_count(const struct tb_diag *d);

/* The n-th message, as it would be printed, without the newline. */
const char *tb_diag_text(const struct tb_diag *d, size_t n);

/* Prints all, one per line. */
void tb_diag_print(const struct tb_diag *d, FILE *to);

/* The host failed (memory, disk): the run must end with exit 3. The message is kept as an error
 * too. */
void tb_diag_host(struct tb_diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool tb_diag_is_host(const struct tb_diag *d);

/* The name in the NULL-terminated list that is nearest to `word`, or NULL if none is near (at most
 * a third of its letters differ, by insertion, deletion, change or swap of neighbours). */
const char *tb_nearest(const char *word, const char *const *names);

#endif
