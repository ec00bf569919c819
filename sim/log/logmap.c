/* Reading a log whose models have other names by now; see logfile.h. */
#include "log/logfile.h"

#include <stdlib.h>
#include <string.h>

/* The name after "by=" or "to=" at `at`, if it is `old`. */
static bool is_model(const char *at, const char *end, const char *old, size_t length)
{
    return (size_t)(end - at) >= length + 3 &&
           (memcmp(at, "by=", 3) == 0 || memcmp(at, "to=", 3) == 0) &&
           memcmp(at + 3, old, length) == 0 && (at + 3 + length == end || at[3 + length] == ' ');
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

size_t tb_log_map_line(const char *const *maps, const char *text, size_t length, char *out)
{
    const char *end = text + length;
    char *to = out;
    for (const char *at = text; at < end;) {
        size_t old, new;
        const char *map = map_at(at, end, maps, &old);
        new = map ? strlen(map + old + 1) : 0;
        if (map && (size_t)(to - out) + new + (size_t)(end - at) <= TB_LOG_MAPPED) {
            memcpy(to, at, 3);
            memcpy(to + 3, map + old + 1, new);
            to += 3 + new;
            at += 3 + old;
        }
        const char *space = memchr(at, ' ', (size_t)(end - at));
        const char *next = space ? space + 1 : end;
        memcpy(to, at, (size_t)(next - at));
        to += next - at;
        at = next;
    }
    return (size_t)(to - out);
}

bool tb_log_file_map(struct tb_log_file *f, const char *const *maps)
{
    if (f->fingerprint) {
        tb_diag_at(f->diag, (struct tb_place){0},
                   "%s: fingerprints hold no names that --map could replace", f->name);
        return false;
    }
    f->maps = maps;
    f->mapped = malloc(TB_LOG_MAPPED);
    if (!f->mapped)
        tb_diag_host(f->diag, "%s: no memory to read it", f->name);
    return f->mapped != NULL;
}
