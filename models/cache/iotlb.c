/* Translations by (space, page), pages of any size from 4 KiB up: see iotlb.h.
 *
 * A page's key is its address, with the size's log2 in the low bits that a page has free, and its
 * space. A look-up tries each size of which there is a page: with one size in use, one probe.
 */
#include "cache/iotlb.h"

bool tb_iotlb_make(struct tb_model *m, struct tb_iotlb *t, const struct tb_cache_params *p,
                   const char *what, unsigned stream, const struct tb_node *node,
                   struct tb_diag *diag)
{
    if (!tb_cache_make(m, &t->cache, p, what, stream, node, diag))
        return false;
    t->lines = tb_alloc(m, t->cache.entries + 1, sizeof *t->lines);
    return true;
}

static uint64_t page_mask(unsigned shift)
{
    return shift >= 64 ? 0 : ~(uint64_t)0 << shift;
}

static struct tb_cache_key key_of(uint64_t space, uint64_t iova, unsigned shift)
{
    return (struct tb_cache_key){space, (iova & page_mask(shift)) | shift};
}

static void count(struct tb_iotlb *t, unsigned shift, int by)
{
    t->of_size[shift] += (uint32_t)by;
    uint64_t bit = (uint64_t)1 << (shift - 1);
    t->sizes = t->of_size[shift] ? t->sizes | bit : t->sizes & ~bit;
}

static unsigned line_shift(const struct tb_iotlb *t, uint32_t line)
{
    return t->cache.lines[line].key.low & 0x7f;
}

static uint32_t find(const struct tb_iotlb *t, uint64_t space, uint64_t iova)
{
    for (uint64_t left = t->sizes; left; left &= left - 1) {
        unsigned shift = (unsigned)__builtin_ctzll(left) + 1;
        uint32_t line = tb_cache_find(&t->cache, key_of(space, iova, shift));
        if (line != TB_NO_LINE)
            return line;
    }
    return TB_NO_LINE;
}

static void read_line(const struct tb_iotlb *t, uint32_t line, uint64_t iova, struct tb_page *out)
{
    unsigned shift = line_shift(t, line);
    *out = (struct tb_page){.iova = iova & page_mask(shift),
                            .pa = t->lines[line].pa,
                            .shift = (uint8_t)shift,
                            .perm = t->lines[line].perm};
}

bool tb_iotlb_lookup(struct tb_iotlb *t, uint64_t space, uint64_t iova, struct tb_page *out)
{
    uint32_t line = find(t, space, iova);
    if (line == TB_NO_LINE)
        return false;
    tb_cache_touch(&t->cache, line);
    read_line(t, line, iova, out);
    return true;
}

bool tb_iotlb_peek(const struct tb_iotlb *t, uint64_t space, uint64_t iova, struct tb_page *out)
{
    uint32_t line = find(t, space, iova);
    if (line == TB_NO_LINE)
        return false;
    read_line(t, line, iova, out);
    return true;
}

bool tb_iotlb_fill(struct tb_iotlb *t, uint64_t space, const struct tb_page *page)
{
    struct tb_cache_key key = key_of(space, page->iova, page->shift), gone;
    bool evicted = false;
    uint32_t line = tb_cache_find(&t->cache, key);
    if (line != TB_NO_LINE) {
        tb_cache_touch(&t->cache, line);
    } else {
        uint64_t number = page->shift >= 64 ? 0 : page->iova >> page->shift;
        line = tb_cache_insert(&t->cache, key, number, &gone, &evicted);
        if (line == TB_NO_LINE)
            return false;
        if (evicted)
            count(t, gone.low & 0x7f, -1);
        count(t, page->shift, 1);
    }
    t->lines[line] = (struct tb_iotlb_line){page->pa, page->perm};
    return evicted;
}

static void drop(struct tb_iotlb *t, uint32_t line)
{
    count(t, line_shift(t, line), -1);
    tb_cache_remove(&t->cache, line);
}

static bool overlaps(const struct tb_iotlb *t, uint32_t line, uint64_t first, uint64_t last)
{
    uint64_t mask = page_mask(line_shift(t, line));
    uint64_t base = t->cache.lines[line].key.low & mask & ~(uint64_t)0xfff;
    return base <= last && (base | ~mask) >= first;
}

/* One page: a probe per size, instead of a look at every line. */
static uint32_t invalidate_page(struct tb_iotlb *t, uint64_t space, uint64_t iova)
{
    uint32_t n = 0, line;
    while ((line = find(t, space, iova)) != TB_NO_LINE) {
        drop(t, line);
        n++;
    }
    return n;
}

static bool is_space(uint64_t space, uint8_t perm, uint64_t with)
{
    (void)perm;
    return space == with;
}

uint32_t tb_iotlb_invalidate(struct tb_iotlb *t, uint64_t space, uint64_t first, uint64_t last)
{
    if (last - first < 4096)
        return invalidate_page(t, space, first);
    return tb_iotlb_invalidate_if(t, is_space, space, first, last);
}

uint32_t tb_iotlb_invalidate_if(struct tb_iotlb *t,
                                bool (*match)(uint64_t space, uint8_t perm, uint64_t with),
                                uint64_t with, uint64_t first, uint64_t last)
{
    uint32_t n = 0;
    for (uint32_t line = 0; line < t->cache.entries; line++)
        if (t->cache.lines[line].used &&
            match(t->cache.lines[line].key.high, t->lines[line].perm, with) &&
            overlaps(t, line, first, last)) {
            drop(t, line);
            n++;
        }
    return n;
}

uint32_t tb_iotlb_clear(struct tb_iotlb *t)
{
    uint32_t n = t->cache.used;
    tb_cache_clear(&t->cache);
    for (unsigned shift = 0; shift <= 64; shift++)
        t->of_size[shift] = 0;
    t->sizes = 0;
    return n;
}
