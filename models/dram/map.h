/* Which bits of an address choose row, bank, bank group and column: `map: row:bank:column:group`,
 * the most significant first. The unit is a burst.
 */
#ifndef DRAM_MAP_H
#define DRAM_MAP_H

#include <stdbool.h>
#include <stdint.h>

enum dram_field { DRAM_ROW, DRAM_BANK, DRAM_GROUP, DRAM_COLUMN_FIELD, DRAM_FIELDS };

struct dram_map {
    unsigned order[DRAM_FIELDS]; /* enum dram_field, least significant first */
    uint64_t count[DRAM_FIELDS]; /* how many there are of each */
};

/* Reads the order. False: not each of the four names once. */
bool dram_map_read(struct dram_map *map, const char *text);

/* Where the n-th burst lies; out[] is by enum dram_field. */
void dram_map_place(const struct dram_map *map, uint64_t n, uint64_t out[DRAM_FIELDS]);

#endif
