/* What waits for its match when two logs or traces are read in step.
 *
 * A bounded queue of slots, in the order in which they were taken into it, that can be searched by
 * key. What a slot holds lies in an array of the caller's, by the slot's number; two different
 * things may have one key where the caller can tell them apart. Nothing allocates after
 * tb_window_make.
 */
#ifndef TB_WINDOW_H
#define TB_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define TB_WINDOW_NONE UINT32_MAX

struct tb_window {
    uint32_t room; /* slots, a power of two; 0: not made */
    uint64_t head, tail;
    uint64_t *key;
    uint32_t *next, *bucket; /* lists of slots by key */
    bool *taken;             /* it has found its match: only the head has still to pass it */
};

/* Makes an empty one with room for a power of two of things. false: no memory. */
bool tb_window_make(struct tb_window *w, uint32_t room);
void tb_window_free(struct tb_window *w);

static inline bool tb_window_empty(const struct tb_window *w)
{
    return w->head == w->tail;
}

static inline bool tb_window_full(const struct tb_window *w)
{
    return w->tail - w->head == w->room;
}

/* The slot that was taken first. Not of an empty one. */
static inline uint32_t tb_window_oldest(const struct tb_window *w)
{
    return (uint32_t)(w->head & (w->room - 1));
}

/* A slot with the key, or the next one with it after `after`; TB_WINDOW_NONE: there is none. */
uint32_t tb_window_find(const struct tb_window *w, uint64_t key, uint32_t after);

/* A new slot. Not of a full one. */
uint32_t tb_window_put(struct tb_window *w, uint64_t key);

/* The slot is free again, as soon as all before it are. */
void tb_window_take(struct tb_window *w, uint32_t slot);

#endif
