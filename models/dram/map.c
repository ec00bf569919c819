/* Address mapping: see map.h. */
#include "map.h"

#include <string.h>

static const char *const names[DRAM_FIELDS] = {"row", "bank", "group", "column"};

static unsigned field_named(const char *text, size_t length)
{
    unsigned i = 0;
    while (i < DRAM_FIELDS && (strlen(names[i]) != length || strncmp(names[i], text, length)))
        i++;
    return i;
}

bool dram_map_read(struct dram_map *map, const char *text)
{
    unsigned seen = 0;
    for (unsigned k = DRAM_FIELDS; k-- > 0;) {
        size_t length = strcspn(text, ":");
        unsigned field = field_named(text, length);
        if (field == DRAM_FIELDS || seen >> field & 1 || (text[length] == ':') != (k > 0))
            return false;
        seen |= 1u << field;
        map->order[k] = field;
        text += length + 1;
    }
    return true;
}

void dram_map_place(const struct dram_map *map, uint64_t n, uint64_t out[DRAM_FIELDS])
{
    for (unsigned k = 0; k + 1 < DRAM_FIELDS; k++) {
        uint64_t count = map->count[map->order[k]];
        out[map->order[k]] = n % count;
        n /= count;
    }
    out[map->order[DRAM_FIELDS - 1]] = n;
}
