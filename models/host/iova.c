/* The IOVA allocator: see iova.h. */
#include "iova.h"

#define PAGE 4096u

static bool is_used(const struct iova_space *s, uint64_t page)
{
    return s->used[page / 64] >> (page % 64) & 1;
}

static bool is_free(const struct iova_space *s, uint64_t page, uint64_t pages)
{
    for (uint64_t i = 0; i < pages; i++)
        if (is_used(s, page + i))
            return false;
    return true;
}

static uint64_t alignment(uint64_t pages)
{
    uint64_t align = 1;
    while (align < pages)
        align *= 2;
    return align;
}

static uint64_t take(struct iova_space *s, uint64_t page, uint64_t pages)
{
    for (uint64_t i = page; i < page + pages; i++)
        s->used[i / 64] |= (uint64_t)1 << i % 64;
    s->next = page + pages;
    return s->base + page * PAGE;
}

static uint64_t take_top(struct iova_space *s, uint64_t pages, uint64_t align)
{
    for (uint64_t page = s->pages - align + 1; page-- > 0;) {
        page -= page % align;
        if (is_free(s, page, pages))
            return take(s, page, pages);
    }
    return 0;
}

static uint64_t take_next(struct iova_space *s, uint64_t pages, uint64_t align)
{
    uint64_t places = s->pages / align, first = (s->next + align - 1) / align;
    for (uint64_t i = 0; i < places; i++) {
        uint64_t page = (first + i) % places * align;
        if (is_free(s, page, pages))
            return take(s, page, pages);
    }
    return 0;
}

uint64_t iova_take(struct iova_space *s, uint64_t pages)
{
    uint64_t align = alignment(pages);
    if (pages == 0 || align > s->pages)
        return 0;
    return s->ring ? take_next(s, pages, align) : take_top(s, pages, align);
}

void iova_give(struct iova_space *s, uint64_t iova, uint64_t pages)
{
    uint64_t page = (iova - s->base) / PAGE;
    for (uint64_t i = page; i < page + pages; i++)
        s->used[i / 64] &= ~((uint64_t)1 << i % 64);
}
