/* A set-associative cache of keys: what the IOTLB, the device-table cache, the page-directory
 * cache and a device's translation cache share.
 *
 * The cache keeps only keys and the order of replacement; what a line stands for lies in an array
 * of the owner, indexed by the line's number. Every operation but tb_cache_clear is O(1), for any
 * number of entries and ways: a hash over all lines finds a key, a list per set keeps the order.
 *
 * Invariants: a key is in at most one line; a used line is in its set's list and in the hash, an
 * unused one in its set's free list; a set's list runs from the newest to the oldest (newest by use
 * for LRU, by fill for FIFO and random).
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "tollbridge/model.h"
#include "tollbridge/param.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TB_NO_LINE UINT32_MAX

enum tb_replacement { TB_LRU, TB_FIFO, TB_RANDOM };

struct tb_cache_key {
    uint64_t high, low;
};

struct tb_cache_line {
    struct tb_cache_key key;
    uint32_t newer, older; /* in the set's list; `older` also links free lines */
    uint32_t next;         /* in the hash chain */
    uint32_t set;
    bool used;
};

struct tb_cache_set {
    uint32_t newest, oldest, free;
};

struct tb_cache {
    struct tb_cache_line *lines;
    struct tb_cache_set *sets;
    uint32_t *buckets;
    uint32_t entries, ways, set_count, bucket_mask, used;
    enum tb_replacement replacement;
    struct tb_random random;
};

/* How large a cache is, as a user says it. */
struct tb_cache_params {
    uint64_t entries;
    const char *ways; /* "full" or a number */
    unsigned replacement;
};

extern const char *const tb_replacement_names[]; /* of enum tb_replacement */

/* The rows of a struct tb_cache_params that is member `cache` of struct `owner`. */
#define TB_CACHE_ROWS(owner, default_entries, least, what)                                         \
    {.name = "entries",                                                                            \
     .type = TB_COUNT,                                                                             \
     .offset = offsetof(owner, cache.entries),                                                     \
     .def = default_entries,                                                                       \
     .min = least,                                                                                 \
     .max = "65536",                                                                               \
     .doc = "how many " what " it holds"},                                                         \
        {.name = "ways",                                                                           \
         .type = TB_STRING,                                                                        \
         .offset = offsetof(owner, cache.ways),                                                    \
         .def = "full",                                                                            \
         .doc = "entries per set: a divisor of `entries`, or `full` for one set"},                 \
    {                                                                                              \
        .name = "replacement", .type = TB_ENUM, .offset = offsetof(owner, cache.replacement),      \
        .def = "lru", .names = tb_replacement_names, .doc = "which entry of a full set has to go"  \
    }

/* Allocates and makes the cache that the parameters describe. False: they are wrong, which is
 * reported at `ways` of group `what` of `node`. `stream` is the random stream of the model. */
bool tb_cache_make(struct tb_model *m, struct tb_cache *c, const struct tb_cache_params *p,
                   const char *what, unsigned stream, const struct tb_node *node,
                   struct tb_diag *diag);

/* Bytes of memory that tb_cache_init needs. */
size_t tb_cache_bytes(uint32_t entries, uint32_t ways);

/* Makes an empty cache in `memory` (tb_cache_bytes, aligned as malloc does; the caller keeps it).
 * entries 0 is a cache that never holds anything; else ways divides entries, ways 0 means all of
 * them. `random` is used by TB_RANDOM only. */
void tb_cache_init(struct tb_cache *c, void *memory, uint32_t entries, uint32_t ways,
                   enum tb_replacement replacement, struct tb_random random);

/* The line that holds the key, or TB_NO_LINE. Does not count as a use. */
uint32_t tb_cache_find(const struct tb_cache *c, struct tb_cache_key key);

/* Counts as a use of a line: makes it the most recent, if replacement is LRU. */
void tb_cache_touch(struct tb_cache *c, uint32_t line);

/* Puts a key that is not in the cache into set `index` modulo the number of sets. Returns its line,
 * TB_NO_LINE if the cache has no entries. If a key had to go, *gone is it and *evicted true (both
 * may not be NULL). */
uint32_t tb_cache_insert(struct tb_cache *c, struct tb_cache_key key, uint64_t index,
                         struct tb_cache_key *gone, bool *evicted);

/* Empties a used line. */
void tb_cache_remove(struct tb_cache *c, uint32_t line);

/* Empties all lines. */
void tb_cache_clear(struct tb_cache *c);

#endif
