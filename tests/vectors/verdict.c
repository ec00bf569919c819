/* What failed in one vector, collected so that an alternative outcome can be tried before anything
 * is printed. */
#include "vectors.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void verdict_open(struct verdict *v)
{
    *v = (struct verdict){0};
    v->to = open_memstream(&v->text, &v->length);
    if (!v->to) {
        fputs("tollbridge-vectors: out of memory\n", stderr);
        exit(TB_EXIT_HOST);
    }
}

void verdict_close(struct verdict *v)
{
    fclose(v->to);
    free(v->text);
}

void verdict_fail(struct verdict *v, const char *field, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(v->to, "    %s: ", field);
    vfprintf(v->to, format, args);
    fputc('\n', v->to);
    va_end(args);
    v->failures++;
}

void verdict_num(struct verdict *v, const char *field, uint64_t expected, uint64_t found)
{
    if (expected != found)
        verdict_fail(v, field,
                     "expected 0x%" PRIx64 " (%" PRIu64 "), found 0x%" PRIx64 " (%" PRIu64 ")",
                     expected, expected, found, found);
}

void verdict_text(struct verdict *v, const char *field, const char *expected, const char *found)
{
    if (strcmp(expected, found) != 0)
        verdict_fail(v, field, "expected %s, found %s", expected, found);
}
