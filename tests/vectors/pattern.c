/* The patterns from which recorded machines' memory and disks were made, and the hashes they were
 * recorded with. */
#include "vectors.h"

#include <nettle/sha2.h>
#include <string.h>

static uint64_t mix64(uint64_t x)
{
    uint64_t z = x + 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

void pattern_fill(uint8_t *to, uint64_t seed, uint64_t address, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint64_t at = address + i, word = mix64(seed ^ (at & ~(uint64_t)7));
        for (unsigned k = at & 7; k < 8 && i < n; k++, i++)
            to[i] = (uint8_t)(word >> 8 * k);
    }
}

void hash_hex(const uint8_t *data, size_t n, char out[33])
{
    struct sha256_ctx ctx;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&ctx);
    sha256_update(&ctx, n, data);
    sha256_digest(&ctx, sizeof digest, digest);
    for (unsigned i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}
