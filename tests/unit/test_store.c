/* The sparse bytes of memories, against a flat array; a part of a model, so driven through one. */
#include "../seen.h"
#include "../suite.h"

enum { SIZE = 0x410000, MOVES = 4000, LONGEST = 9000 };

static uint64_t draw(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    return (z ^ z >> 31) % n;
}

static void fill(uint8_t *data, size_t length, uint64_t *state)
{
    unsigned how = (unsigned)draw(state, 3);
    for (size_t i = 0; i < length; i++)
        data[i] = how == 0 ? 0 : how == 1 ? 0xa5 : (uint8_t)draw(state, 256);
}

/* Random reads and writes of any length, over pages and tables of pages. */
static void against_a_flat_array(const char *model)
{
    static uint8_t flat[SIZE], data[LONGEST];
    char text[256];
    uint64_t state = 1, wrong = 0;
    snprintf(text, sizeof text,
             "platform: store\nmodels:\n  r: {model: requester}\n  d: {model: %s, base: 0x7000, "
             "size: 4160KiB}\n"
             "links: [{from: r, to: d}]\n",
             model);
    struct seen s;
    seen_load(&s, text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    memset(flat, 0, sizeof flat);
    for (unsigned i = 0; i < MOVES; i++) {
        size_t length = 1 + draw(&state, LONGEST), at = draw(&state, SIZE - length + 1);
        if (draw(&state, 2)) {
            fill(data, length, &state);
            memcpy(flat + at, data, length);
            wrong += !tb_sim_poke(s.sim, 0x7000 + at, data, length);
        } else {
            wrong +=
                !tb_sim_peek(s.sim, 0x7000 + at, data, length) || memcmp(flat + at, data, length);
        }
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_TRUE(seen_counter(&s, "d", "pages") <= SIZE / 4096);
    CU_ASSERT_TRUE(seen_counter(&s, "d", "pages") > 0);
    seen_free(&s);
}

static void test_memory(void)
{
    against_a_flat_array("memory");
}

static void test_dram(void)
{
    against_a_flat_array("dram, row: 1KiB, groups: 1, banks: 5");
}

static void test_zeros_take_no_page(void)
{
    static uint8_t zeros[3 * 4096];
    uint8_t one = 1;
    struct seen s;
    seen_load(&s,
              "platform: store\nmodels: {r: {model: requester}, d: {model: memory, size: 4MiB}}\n"
              "links: [{from: r, to: d}]\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s.sim);
    CU_ASSERT_TRUE(tb_sim_poke(s.sim, 0x800, zeros, sizeof zeros));
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "pages"), 0);
    CU_ASSERT_TRUE(tb_sim_poke(s.sim, 0x3fffff, &one, 1));
    CU_ASSERT_EQUAL(seen_counter(&s, "d", "pages"), 1);
    CU_ASSERT_FALSE(tb_sim_poke(s.sim, 0x3fffff, zeros, 2)); /* past its end */
    seen_free(&s);
}

SUITE("store", {"memory against a flat array", test_memory},
      {"dram against a flat array", test_dram}, {"zeros take no page", test_zeros_take_no_page})
