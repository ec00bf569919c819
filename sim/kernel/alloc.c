/* Memory of a simulator: taken in elaboration, given back all at once.
 *
 * Running out of it is the host's failure (exit 3): it is noted in the diagnostics and control
 * leaves to whoever set s->escape (tb_sim_new or tb_sim_run).
 */
#include "kernel/kernel.h"

#include <assert.h>
#include <stdlib.h>

struct chunk {
    struct chunk *next;
    _Alignas(16) unsigned char bytes[];
};

static _Noreturn void give_up(struct tb_sim *s, const char *what, size_t bytes)
{
    tb_diag_host(s->diag, "out of memory: %s of %zu bytes (%zu bytes of pages in use, limit %zu)",
                 what, bytes, s->page_bytes, s->page_limit);
    s->status = TB_EXIT_HOST;
    if (!s->escape)
        abort();
    longjmp(*s->escape, 1);
}

void *kernel_alloc(struct tb_sim *s, size_t count, size_t size)
{
    size_t bytes;
    assert(!s->rerouting); /* decoders follow in place */
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - sizeof(struct chunk) - 64)
        give_up(s, "a table", SIZE_MAX);
    struct chunk *c = calloc(1, sizeof *c + bytes);
    if (!c)
        give_up(s, "a table", bytes);
    c->next = s->chunks;
    s->chunks = c;
    return c->bytes;
}

void kernel_free_all(struct tb_sim *s)
{
    while (s->chunks) {
        struct chunk *next = s->chunks->next;
        free(s->chunks);
        s->chunks = next;
    }
}

void *tb_alloc(struct tb_model *m, size_t count, size_t size)
{
    return kernel_alloc(m->sim, count, size);
}

void *tb_page_alloc(struct tb_model *m, size_t size)
{
    struct tb_sim *s = m->sim;
    if (size > s->page_limit - s->page_bytes)
        give_up(s, "a page", size);
    s->page_bytes += size;
    return kernel_alloc(s, 1, size);
}
