/* The page-directory cache: where the table of a level lies for a prefix of the address, and what
 * the levels above it allow. A walk begins at the lowest table it finds.
 */
#include "internal.h"

enum { ROOT_LEVEL = 7 };

static struct tb_cache_key key_of(const struct tb_iommu *u, uint64_t space, unsigned level,
                                  uint64_t iova)
{
    unsigned span = u->format->span(level);
    uint64_t prefix = span >= 64 ? 0 : iova >> span << span;
    return (struct tb_cache_key){space, prefix | level};
}

static unsigned key_level(struct tb_cache_key key)
{
    return key.low & 0x7;
}

static bool find(struct tb_iommu *u, uint64_t space, unsigned level, struct tb_cursor *cursor)
{
    uint32_t line = tb_cache_find(&u->pdc.cache, key_of(u, space, level, cursor->iova));
    if (line == TB_NO_LINE)
        return false;
    tb_cache_touch(&u->pdc.cache, line);
    cursor->level = (uint8_t)level;
    cursor->table = u->pdc.lines[line].table;
    cursor->perm = u->pdc.lines[line].perm;
    return true;
}

bool tb_pdc_lookup(struct tb_iommu *u, uint64_t space, struct tb_cursor *cursor)
{
    if (!u->pdc.cache.entries)
        return false;
    for (unsigned level = 1; level < cursor->level; level++)
        if (find(u, space, level, cursor)) {
            u->n->pdc_hits++;
            return true;
        }
    u->n->pdc_misses++;
    return false;
}

void tb_pdc_fill(struct tb_iommu *u, uint64_t space, const struct tb_cursor *cursor)
{
    if (!u->pdc.cache.entries)
        return;
    struct tb_cache_key key = key_of(u, space, cursor->level, cursor->iova), gone;
    bool evicted;
    uint32_t line = tb_cache_find(&u->pdc.cache, key);
    if (line == TB_NO_LINE)
        line = tb_cache_insert(&u->pdc.cache, key, cursor->iova >> 21, &gone, &evicted);
    else
        tb_cache_touch(&u->pdc.cache, line);
    u->pdc.lines[line] = (struct tb_pdc_line){cursor->table, cursor->perm};
}

/* A guest's root counts as the table of a level that no table has and that spans all addresses. */
bool tb_pdc_root(struct tb_iommu *u, uint64_t space, uint64_t *root)
{
    struct tb_cursor cursor = {0};
    if (!find(u, space, ROOT_LEVEL, &cursor))
        return false;
    *root = cursor.table;
    return true;
}

void tb_pdc_fill_root(struct tb_iommu *u, uint64_t space, uint64_t root)
{
    tb_pdc_fill(u, space, &(struct tb_cursor){.table = root, .level = ROOT_LEVEL});
}

static bool overlaps(const struct tb_iommu *u, struct tb_cache_key key, uint64_t first,
                     uint64_t last)
{
    unsigned span = u->format->span(key_level(key));
    uint64_t offset = span >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << span) - 1;
    uint64_t base = key.low & ~offset;
    return base <= last && (base | offset) >= first;
}

uint32_t tb_pdc_invalidate(struct tb_iommu *u, uint64_t space, uint64_t first, uint64_t last)
{
    struct tb_cache *c = &u->pdc.cache;
    uint32_t n = 0;
    for (uint32_t line = 0; line < c->entries; line++)
        if (c->lines[line].used && c->lines[line].key.high == space &&
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
