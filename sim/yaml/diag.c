#include "tollbridge/diag.h"
#include "tollbridge/node.h"
#include "yaml/arena.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 1024 /* bytes of one message, with its place */
#define WORD_MAX    64   /* letters of a word that did-you-mean looks at */

struct message {
    char *file; /* NULL: no place */
    unsigned line, column;
    char *text; /* as it is printed */
};

struct tb_diag {
    struct message messages[TB_DIAG_MAX];
    size_t count; /* of all, also of those that were not kept */
    bool host;
};

static size_t kept(const struct tb_diag *d)
{
    return d->count < TB_DIAG_MAX ? d->count : TB_DIAG_MAX;
}

static char *copy(const char *text)
{
    char *c = strdup(text);
    if (!c)
        tb_host_no_memory(strlen(text) + 1);
    return c;
}

struct tb_diag *tb_diag_new(void)
{
    struct tb_diag *d = calloc(1, sizeof *d);
    if (!d)
        tb_host_no_memory(sizeof *d);
    return d;
}

void tb_diag_free(struct tb_diag *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < kept(d); i++) {
        free(d->messages[i].file);
        free(d->messages[i].text);
    }
    free(d);
}

/* A message is one line of text whatever a hostile input has put into it. */
static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

static int write_place(char *out, size_t size, struct tb_place place)
{
    if (!place.file)
        return snprintf(out, size, "%s", "");
    if (place.line == 0)
        return snprintf(out, size, "%.500s: ", place.file);
    if (place.column == 0)
        return snprintf(out, size, "%.500s:%u: ", place.file, place.line);
    return snprintf(out, size, "%.500s:%u:%u: ", place.file, place.line, place.column);
}

static void add(struct tb_diag *d, struct tb_place place, const char *format, va_list args)
{
    if (d->count++ >= TB_DIAG_MAX)
        return;
    char text[MESSAGE_MAX];
    int used = write_place(text, sizeof text, place);
    vsnprintf(text + used, sizeof text - (size_t)used, format, args);
    clean(text);
    d->messages[d->count - 1] = (struct message){
        .file = place.file ? copy(place.file) : NULL,
        .line = place.line,
        .column = place.column,
        .text = copy(text),
    };
}

void tb_diag_at(struct tb_diag *d, struct tb_place place, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, place, format, args);
    va_end(args);
}

void tb_diag_node(struct tb_diag *d, const struct tb_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, node ? node->place : (struct tb_place){0}, format, args);
    va_end(args);
}

void tb_diag_move(struct tb_diag *to, struct tb_diag *from)
{
    size_t have = kept(from), room = TB_DIAG_MAX - kept(to), moved = have < room ? have : room;
    if (moved)
        memcpy(&to->messages[kept(to)], from->messages, moved * sizeof from->messages[0]);
    for (size_t i = moved; i < have; i++) {
        free(from->messages[i].file);
        free(from->messages[i].text);
    }
    to->count += from->count;
    to->host |= from->host;
    from->count = 0;
}

void tb_diag_host(struct tb_diag *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(d, (struct tb_place){0}, format, args);
    va_end(args);
    d->host = true;
}

bool tb_diag_is_host(const struct tb_diag *d)
{
    return d->host;
}

size_t tb_diag_count(const struct tb_diag *d)
{
    return d->count;
}

const char *tb_diag_text(const struct tb_diag *d, size_t n)
{
    return n < kept(d) ? d->messages[n].text : NULL;
}

/* By file (none: last), line, column, and else as they were added: addresses within one array. */
static int compare(const void *left, const void *right)
{
    const struct message *a = *(const struct message *const *)left;
    const struct message *b = *(const struct message *const *)right;
    if (!a->file != !b->file)
        return a->file ? -1 : 1;
    int files = a->file ? strcmp(a->file, b->file) : 0;
    if (files)
        return files;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return a < b ? -1 : 1;
}

void tb_diag_print(const struct tb_diag *d, FILE *to)
{
    const struct message *sorted[TB_DIAG_MAX];
    size_t n = kept(d);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &d->messages[i];
    qsort(sorted, n, sizeof sorted[0], compare);
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%s\n", sorted[i]->text);
    if (d->count > n)
        fprintf(to, "and %zu more errors\n", d->count - n);
}

static unsigned smallest(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Damerau-Levenshtein in its restricted form (no substring is edited twice): three rows of the
 * table are enough. Letters that differ in case only are equal. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][WORD_MAX + 1];
    for (unsigned j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a_length; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (unsigned j = 1; j <= b_length; j++) {
            now[j] =
                smallest(before[j] + 1, now[j - 1] + 1, before[j - 1] + !same(a[i - 1], b[j - 1]));
            bool swapped = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
            if (swapped && earlier[j - 2] + 1 < now[j])
                now[j] = earlier[j - 2] + 1;
        }
    }
    return rows[a_length % 3][b_length];
}

const char *tb_nearest(const char *word, const char *const *names)
{
    size_t length = strlen(word);
    const char *nearest = NULL;
    unsigned least = WORD_MAX;
    for (; length <= WORD_MAX && *names; names++) {
        size_t other = strlen(*names);
        if (other > WORD_MAX)
            continue;
        unsigned apart = distance(word, length, *names, other);
        if (apart < least && apart * 3 <= (length > other ? length : other)) {
            least = apart;
            nearest = *names;
        }
    }
    return nearest;
}
