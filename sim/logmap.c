/* Reading a log whose models have other names by now; see logfile.h. */
#include "logfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The name after "by=" or "to=" at `at`, if it is `old`. */
static bool is_model(const char *at, const char *end, const char *old, size_t length)
{
    return (size_t)(end - at) > length + 3 &&
           (memcmp(at, "by=", 3) == 0 || memcmp(at, "to=", 3) == 0) &&
           memcmp(at + 3, old, length) == 0 && (at[3 + length] == ' ' || at[3 + length] == '\n');
}

/* The map that a place in the text falls under; NULL: none. */
static const char *map_at(const char *at, const char *end, const char *const *maps, size_t *old)
{
    for (; *maps; maps++) {
        *old = strcspn(*maps, "=");
        if (is_model(at, end, *maps, *old))
            return *maps;
    }
    return NULL;
}

static void write_mapped(FILE *to, const char *text, const char *end, const char *const *maps)
{
    for (const char *at = text; at < end;) {
        size_t old;
        const char *map = map_at(at, end, maps, &old);
        if (map) {
            fprintf(to, "%.3s%s", at, map + old + 1);
            at += 3 + old;
        }
        const char *next = at;
        while (next < end && *next != ' ' && *next != '\n')
            next++;
        next += next < end;
        fwrite(at, 1, (size_t)(next - at), to);
        at = next;
    }
}

static char *read_file(const char *path, size_t *size)
{
    char *text = NULL, buffer[65536];
    FILE *in = fopen(path, "rb"), *to = in ? open_memstream(&text, size) : NULL;
    bool ok = to != NULL;
    for (size_t n; ok && (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        ok = fwrite(buffer, 1, n, to) == n;
    ok = ok && !ferror(in);
    if (to && fclose(to) != 0)
        ok = false;
    if (in)
        fclose(in);
    if (!ok) {
        free(text);
        text = NULL;
    }
    return text;
}

struct tb_log_file *tb_log_file_load_mapped(const char *path, const char *const *maps,
                                            struct tb_diag *diag)
{
    bool exists;
    size_t size, length;
    char *mapped = NULL;
    if (tb_log_file_is_print(path, &exists)) {
        tb_diag_at(diag, (struct tb_place){0},
                   "%s: fingerprints hold no names that --map could replace", path);
        return NULL;
    }
    errno = 0;
    char *text = read_file(path, &size);
    if (!text) {
        tb_diag_at(diag, (struct tb_place){0}, "%s: %s", path, strerror(errno ? errno : EIO));
        return NULL;
    }
    FILE *to = open_memstream(&mapped, &length);
    if (to)
        write_mapped(to, text, text + size, maps);
    free(text);
    if (!to || fclose(to) != 0) {
        tb_diag_host(diag, "%s: no memory to read it", path);
        return NULL;
    }
    return tb_log_file_text(path, mapped, length, diag);
}
