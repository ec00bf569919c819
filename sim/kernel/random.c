/* Random streams: splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
 * OOPSLA 2014), one per model and purpose. */
#include "kernel/kernel.h"

uint64_t tb_random_next(struct tb_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t tb_random_below(struct tb_random *r, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)tb_random_next(r) * n) >> 64);
}

/* The name is folded in by FNV-1a, so that streams do not depend on the order of models. */
struct tb_random kernel_random(const char *name, uint64_t stream, uint64_t seed)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (const char *p = name; *p; p++)
        h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001B3);
    struct tb_random r = {h ^ stream};
    r.state = tb_random_next(&r) ^ seed;
    r.state = tb_random_next(&r);
    return r;
}

struct tb_random tb_random_of(const struct tb_model *m, unsigned stream)
{
    return kernel_random(m->name, stream, m->sim->scenario.seed);
}
