/* The page-directory cache: where the table of a level lies for a prefix of the address, and what
 * the levels above it allow. A walk begins at the lowest table it finds.
 */
#include "internal.h"

static struct tb_cache_key key_of(const struct tb_iommu *u, uint16_t domain, unsigned level,
                                  uint64_t iova)
{
    unsigned span = u->format->span(level);
    uint64_t prefix = span >= 64 ? 0 : iova >> span << span;
    return (struct tb_cache_key){domain, prefix | level};
}

static unsigned key_level(struct tb_cache_key key)
{
    return key.low & 0x7;
}

void tb_pdc_lookup(struct tb_iommu *u, const struct tb_context *context, struct tb_cursor *cursor)
{
    if (!u->pdc.cache.entries)
        return;
    for (unsigned level = 1; level < cursor->level; level++) {
        uint32_t line =
            tb_cache_find(&u->pdc.cache, key_of(u, context->domain, level, cursor->iova));
        if (line == TB_NO_LINE)
            continue;
        tb_cache_touch(&u->pdc.cache, line);
        cursor->level = (uint8_t)level;
        cursor->table = u->pdc.lines[line].table;
        cursor->perm = u->pdc.lines[line].perm;
        u->n->pdc_hits++;
        return;
    }
    u->n->pdc_misses++;
}

void tb_pdc_fill(struct tb_iommu *u, uint16_t domain, const struct tb_cursor *cursor)
{
    if (!u->pdc.cache.entries)
        return;
    struct tb_cache_key key = key_of(u, domain, cursor->level, cursor->iova), gone;
    bool evicted;
    uint32_t line = tb_cache_find(&u->pdc.cache, key);
    if (line == TB_NO_LINE)
        line = tb_cache_insert(&u->pdc.cache, key, cursor->iova >> 21, &gone, &evicted);
    else
        tb_cache_touch(&u->pdc.cache, line);
    u->pdc.lines[line] = (struct tb_pdc_line){cursor->table, cursor->perm};
}

static bool overlaps(const struct tb_iommu *u, struct tb_cache_key key, uint64_t first,
                     uint64_t last)
{
    unsigned span = u->format->span(key_level(key));
    uint64_t offset = span >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << span) - 1;
    uint64_t base = key.low & ~offset;
    return base <= last && (base | offset) >= first;
}

uint32_t tb_pdc_invalidate(struct tb_iommu *u, uint16_t domain, uint64_t first, uint64_t last)
{
    struct tb_cache *c = &u->pdc.cache;
    uint32_t n = 0;
    for (uint32_t line = 0; line < c->entries; line++)
        if (c->lines[line].used && c->lines[line].key.high == domain &&
            overlaps(u, c->lines[line].key, first, last)) {
            tb_cache_remove(c, line);
            n++;
        }
    return n;
}

void tb_pdc_clear(struct tb_iommu *u)
{
    tb_cache_clear(&u->pdc.cache);
}
