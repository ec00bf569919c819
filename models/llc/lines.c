/* Tags and replacement: see lines.h. */
#include "lines.h"

static uint32_t first_of_set(const struct llc_lines *c, uint64_t tag)
{
    return (uint32_t)(tag % c->sets * c->ways);
}

uint32_t llc_lines_find(const struct llc_lines *c, uint64_t tag)
{
    uint32_t first = first_of_set(c, tag);
    for (uint32_t i = first; i < first + c->ways; i++)
        if (c->line[i].state != LLC_EMPTY && c->line[i].tag == tag)
            return i;
    return LLC_NO_LINE;
}

/* The oldest that is not pending. */
static uint32_t oldest(const struct llc_lines *c, uint32_t first, uint64_t ways)
{
    uint32_t best = LLC_NO_LINE;
    for (uint32_t i = first; i < first + ways; i++)
        if (c->line[i].state == LLC_VALID &&
            (best == LLC_NO_LINE || c->line[i].stamp < c->line[best].stamp))
            best = i;
    return best;
}

/* A random one; the next that is not pending. */
static uint32_t any(struct llc_lines *c, uint32_t first, uint64_t ways)
{
    uint64_t from = tb_random_below(&c->random, ways);
    for (uint64_t k = 0; k < ways; k++) {
        uint32_t i = first + (uint32_t)((from + k) % ways);
        if (c->line[i].state == LLC_VALID)
            return i;
    }
    return LLC_NO_LINE;
}

uint32_t llc_lines_place(struct llc_lines *c, uint64_t tag, uint64_t ways)
{
    uint32_t first = first_of_set(c, tag);
    for (uint32_t i = first; i < first + ways; i++)
        if (c->line[i].state == LLC_EMPTY)
            return i;
    return c->replacement == TB_RANDOM ? any(c, first, ways) : oldest(c, first, ways);
}

void llc_lines_fill(struct llc_lines *c, uint32_t line, uint64_t tag, enum llc_state state)
{
    c->line[line] = (struct llc_line){.tag = tag, .stamp = ++c->clock, .state = (uint8_t)state};
}

void llc_lines_touch(struct llc_lines *c, uint32_t line)
{
    if (c->replacement == TB_LRU)
        c->line[line].stamp = ++c->clock;
}
