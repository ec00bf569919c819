/* Sets, ways and replacement: see cache.h. */
#include "cache.h"

#include <string.h>

const char *const tb_replacement_names[] = {"lru", "fifo", "random", NULL};

static uint32_t bucket_count(uint32_t entries)
{
    uint32_t n = 1;
    while (n < entries * 2)
        n *= 2;
    return n;
}

static uint32_t bucket_of(const struct tb_cache *c, struct tb_cache_key key)
{
    uint64_t h = (key.low ^ key.high * 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
    return (uint32_t)(h >> 32 ^ h >> 47) & c->bucket_mask;
}

static bool same_key(struct tb_cache_key a, struct tb_cache_key b)
{
    return a.low == b.low && a.high == b.high;
}

static uint32_t ways_of(uint32_t entries, uint32_t ways)
{
    return ways ? ways : entries;
}

size_t tb_cache_bytes(uint32_t entries, uint32_t ways)
{
    if (!entries)
        return 0;
    return entries * sizeof(struct tb_cache_line) +
           entries / ways_of(entries, ways) * sizeof(struct tb_cache_set) +
           bucket_count(entries) * sizeof(uint32_t);
}

void tb_cache_init(struct tb_cache *c, void *memory, uint32_t entries, uint32_t ways,
                   enum tb_replacement replacement, struct tb_random random)
{
    *c = (struct tb_cache){.entries = entries, .replacement = replacement, .random = random};
    if (!entries)
        return;
    c->ways = ways_of(entries, ways);
    c->set_count = entries / c->ways;
    c->bucket_mask = bucket_count(entries) - 1;
    c->lines = memory;
    c->sets = (struct tb_cache_set *)(c->lines + entries);
    c->buckets = (uint32_t *)(c->sets + c->set_count);
    tb_cache_clear(c);
}

void tb_cache_clear(struct tb_cache *c)
{
    if (!c->entries)
        return;
    for (uint32_t i = 0; i <= c->bucket_mask; i++)
        c->buckets[i] = TB_NO_LINE;
    for (uint32_t s = 0; s < c->set_count; s++)
        c->sets[s] = (struct tb_cache_set){TB_NO_LINE, TB_NO_LINE, s * c->ways};
    for (uint32_t i = 0; i < c->entries; i++) {
        bool last = (i + 1) % c->ways == 0;
        c->lines[i].used = false;
        c->lines[i].set = i / c->ways;
        c->lines[i].older = last ? TB_NO_LINE : i + 1;
    }
    c->used = 0;
}

uint32_t tb_cache_find(const struct tb_cache *c, struct tb_cache_key key)
{
    if (!c->used)
        return TB_NO_LINE;
    uint32_t i = c->buckets[bucket_of(c, key)];
    while (i != TB_NO_LINE && !same_key(c->lines[i].key, key))
        i = c->lines[i].next;
    return i;
}

static void list_remove(struct tb_cache *c, uint32_t line)
{
    struct tb_cache_line *l = &c->lines[line];
    struct tb_cache_set *set = &c->sets[l->set];
    *(l->newer == TB_NO_LINE ? &set->newest : &c->lines[l->newer].older) = l->older;
    *(l->older == TB_NO_LINE ? &set->oldest : &c->lines[l->older].newer) = l->newer;
}

static void list_add(struct tb_cache *c, uint32_t line)
{
    struct tb_cache_line *l = &c->lines[line];
    struct tb_cache_set *set = &c->sets[l->set];
    l->newer = TB_NO_LINE;
    l->older = set->newest;
    *(set->newest == TB_NO_LINE ? &set->oldest : &c->lines[set->newest].newer) = line;
    set->newest = line;
}

void tb_cache_touch(struct tb_cache *c, uint32_t line)
{
    if (c->replacement != TB_LRU || c->lines[line].newer == TB_NO_LINE)
        return;
    list_remove(c, line);
    list_add(c, line);
}

static void hash_remove(struct tb_cache *c, uint32_t line)
{
    uint32_t *at = &c->buckets[bucket_of(c, c->lines[line].key)];
    while (*at != line)
        at = &c->lines[*at].next;
    *at = c->lines[line].next;
}

void tb_cache_remove(struct tb_cache *c, uint32_t line)
{
    struct tb_cache_line *l = &c->lines[line];
    hash_remove(c, line);
    list_remove(c, line);
    l->used = false;
    l->older = c->sets[l->set].free;
    c->sets[l->set].free = line;
    c->used--;
}

static uint32_t victim(struct tb_cache *c, uint32_t set)
{
    if (c->replacement != TB_RANDOM)
        return c->sets[set].oldest;
    return set * c->ways + (uint32_t)tb_random_below(&c->random, c->ways);
}

uint32_t tb_cache_insert(struct tb_cache *c, struct tb_cache_key key, uint64_t index,
                         struct tb_cache_key *gone, bool *evicted)
{
    *evicted = false;
    if (!c->entries)
        return TB_NO_LINE;
    uint32_t set = c->set_count == 1 ? 0 : (uint32_t)(index % c->set_count);
    if (c->sets[set].free == TB_NO_LINE) {
        uint32_t old = victim(c, set);
        *evicted = true;
        *gone = c->lines[old].key;
        tb_cache_remove(c, old);
    }
    uint32_t line = c->sets[set].free;
    struct tb_cache_line *l = &c->lines[line];
    uint32_t *bucket = &c->buckets[bucket_of(c, key)];
    c->sets[set].free = l->older;
    l->key = key;
    l->used = true;
    l->next = *bucket;
    *bucket = line;
    list_add(c, line);
    c->used++;
    return line;
}

/* -- From parameters --------------------------------------------------------------------------- */

/* The parameter, or what is nearest to it in the file: its group, the group around. */
static const struct tb_node *node_of(const struct tb_node *group, const char *what, const char *key)
{
    const struct tb_node *part =
        what && group && group->kind == TB_MAP ? tb_node_get(group, what) : group;
    const struct tb_node *row = part && part->kind == TB_MAP ? tb_node_get(part, key) : NULL;
    return row ? row : part ? part : group;
}

static bool read_ways(const struct tb_cache_params *p, uint64_t *ways)
{
    *ways = 0;
    if (!strcmp(p->ways, "full"))
        return true;
    char why[160];
    return tb_value_parse(TB_COUNT, p->ways, ways, why) && *ways && *ways <= p->entries &&
           p->entries % *ways == 0;
}

bool tb_cache_make(struct tb_model *m, struct tb_cache *c, const struct tb_cache_params *p,
                   const char *what, unsigned stream, const struct tb_node *node,
                   struct tb_diag *diag)
{
    uint64_t ways;
    if (!read_ways(p, &ways)) {
        tb_diag_node(diag, node_of(node, what, "ways"),
                     "'%s' is no way to divide %llu entries (ways: a divisor of entries, or full)",
                     p->ways, (unsigned long long)p->entries);
        return false;
    }
    size_t bytes = tb_cache_bytes((uint32_t)p->entries, (uint32_t)ways);
    tb_cache_init(c, tb_alloc(m, bytes + 1, 1), (uint32_t)p->entries, (uint32_t)ways,
                  p->replacement, tb_random_of(m, stream));
    return true;
}
