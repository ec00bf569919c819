/* Contents that scenarios name instead of listing them. */
#include "host.h"

#include <string.h>

const char *const host_pattern_names[] = {"counter", "mix64", "zero", NULL};

static uint8_t mix64_byte(uint64_t seed, uint64_t offset)
{
    struct tb_random r = {seed ^ (offset & ~(uint64_t)7)};
    return (uint8_t)(tb_random_next(&r) >> 8 * (offset & 7));
}

void host_pattern_fill(uint8_t *to, size_t size, enum host_pattern pattern, uint64_t seed,
                       uint64_t offset)
{
    for (size_t i = 0; i < size; i++)
        to[i] = pattern == HOST_COUNTER ? (uint8_t)(offset + i)
                : pattern == HOST_MIX64 ? mix64_byte(seed, offset + i)
                                        : 0;
}
