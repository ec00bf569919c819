/* JSON values that know where they stand. jansson keeps no positions, so a place is found again,
 * only when there is something to say about it, by walking the line's text along the path of the
 * value. */
#include "vectors.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The text is known to be valid JSON. */
static size_t skip_space(const char *t, size_t i)
{
    while (t[i] == ' ' || t[i] == '\t' || t[i] == '\r' || t[i] == '\n')
        i++;
    return i;
}

static size_t skip_string(const char *t, size_t i)
{
    for (i++; t[i] && t[i] != '"'; i++)
        if (t[i] == '\\' && t[i + 1])
            i++;
    return t[i] ? i + 1 : i;
}

static size_t skip_value(const char *t, size_t i)
{
    size_t depth = 0;
    do {
        i = skip_space(t, i);
        if (t[i] == '"') {
            i = skip_string(t, i);
        } else if (strchr("{[", t[i]) && t[i]) {
            depth++;
            i++;
        } else if (strchr("}]", t[i]) && t[i]) {
            depth--;
            i++;
        } else if (t[i] == ',' || t[i] == ':') {
            i++;
        } else {
            while (t[i] && !strchr(",:]}[{ \t\r\n\"", t[i]))
                i++;
        }
    } while (depth && t[i]);
    return i;
}

/* Offset of a member's value in the object at i, or of the object if it is not found. */
static size_t find_member(const char *t, size_t i, const char *key)
{
    size_t start = i, n = strlen(key);
    for (i = skip_space(t, i + 1); t[i] == '"'; i = skip_space(t, i)) {
        size_t name = i + 1;
        i = skip_string(t, i);
        bool same = i - name - 1 == n && strncmp(t + name, key, n) == 0;
        i = skip_space(t, skip_space(t, i) + 1);
        if (same)
            return i;
        i = skip_space(t, skip_value(t, i));
        if (t[i] == ',')
            i++;
    }
    return start;
}

static size_t find_element(const char *t, size_t i, size_t index)
{
    i = skip_space(t, i + 1);
    while (index--) {
        i = skip_space(t, skip_value(t, i));
        i = skip_space(t, t[i] == ',' ? i + 1 : i);
    }
    return i;
}

static size_t find(const struct spot *at)
{
    const char *t = at->line->text;
    if (!at->up)
        return skip_space(t, 0);
    size_t i = find(at->up);
    return at->key ? find_member(t, i, at->key) : find_element(t, i, at->index);
}

static void say(const struct spot *at, const char *format, va_list args)
{
    fprintf(stderr, "%s:%u:%zu: ", at->line->file, at->line->number, find(at) + 1);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void spot_error(const struct spot *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(at, format, args);
    va_end(args);
    at->line->errors++;
}

void spot_warn(const struct spot *at, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(at, format, args);
    va_end(args);
}

struct spot spot_member(const struct spot *of, const char *key, json_t *value)
{
    return (struct spot){.up = of, .key = key, .value = value, .line = of->line};
}

struct spot spot_element(const struct spot *of, size_t index)
{
    return (struct spot){
        .up = of, .index = index, .value = json_array_get(of->value, index), .line = of->line};
}

bool json_is_hex(const json_t *value)
{
    const char *s = json_string_value(value);
    if (!s || s[0] != '0' || s[1] != 'x' || !s[2] || strlen(s) > 18)
        return false;
    for (s += 2; *s; s++)
        if (!isxdigit((unsigned char)*s))
            return false;
    return true;
}

uint64_t num(const json_t *value)
{
    if (json_is_integer(value))
        return (uint64_t)json_integer_value(value);
    return json_is_hex(value) ? strtoull(json_string_value(value), NULL, 16) : 0;
}

uint64_t num_of(const json_t *object, const char *key, uint64_t otherwise)
{
    const json_t *value = json_object_get(object, key);
    return value ? num(value) : otherwise;
}

const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}
