#include "yaml/arena.h"
#include "tollbridge/param.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN      ((size_t)16)
#define CHUNK_SIZE ((size_t)16 << 10)

struct chunk {
    struct chunk *next;
    size_t size; /* bytes behind the header */
    size_t used;
    _Alignas(16) unsigned char bytes[];
};

struct tb_arena {
    struct chunk *chunks; /* the one to take from first */
};

_Noreturn void tb_host_no_memory(size_t size)
{
    fprintf(stderr, "tollbridge: out of memory (%zu bytes wanted)\n", size);
    exit(3);
}

struct tb_arena *tb_arena_new(void)
{
    struct tb_arena *a = calloc(1, sizeof *a);
    if (!a)
        tb_host_no_memory(sizeof *a);
    return a;
}

void tb_arena_free(struct tb_arena *a)
{
    if (!a)
        return;
    for (struct chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(a);
}

static struct chunk *chunk_new(size_t size)
{
    struct chunk *c = size <= SIZE_MAX - sizeof *c ? calloc(1, sizeof *c + size) : NULL;
    if (!c)
        tb_host_no_memory(size);
    c->size = size;
    return c;
}

/* A chunk with `size` bytes free. A large request gets a chunk of its own, behind the first one,
 * whose rest stays in use. */
static struct chunk *chunk_with(struct tb_arena *a, size_t size)
{
    struct chunk *first = a->chunks;
    if (first && first->size - first->used >= size)
        return first;
    struct chunk *c = chunk_new(size > CHUNK_SIZE / 4 ? size : CHUNK_SIZE);
    if (first && c->size == size) {
        c->next = first->next;
        first->next = c;
    } else {
        c->next = first;
        a->chunks = c;
    }
    return c;
}

void *tb_arena_get(struct tb_arena *a, size_t size)
{
    if (size > SIZE_MAX - ALIGN)
        tb_host_no_memory(size);
    size = (size + ALIGN - 1) & ~(ALIGN - 1);
    struct chunk *c = chunk_with(a, size);
    void *got = c->bytes + c->used;
    c->used += size;
    return got;
}

char *tb_arena_copy(struct tb_arena *a, const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(tb_arena_get(a, size), text, size);
}
