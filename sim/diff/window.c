/* What waits for its match; see window.h. */
#include "diff/window.h"

#include <stdlib.h>
#include <string.h>

bool tb_window_make(struct tb_window *w, uint32_t room)
{
    *w = (struct tb_window){.room = room};
    w->key = malloc(room * sizeof *w->key);
    w->next = malloc(room * sizeof *w->next);
    w->bucket = malloc(room * sizeof *w->bucket);
    w->taken = calloc(room, sizeof *w->taken);
    if (!w->key || !w->next || !w->bucket || !w->taken)
        return false;
    memset(w->bucket, 0xff, room * sizeof *w->bucket);
    return true;
}

void tb_window_free(struct tb_window *w)
{
    free(w->key);
    free(w->next);
    free(w->bucket);
    free(w->taken);
    *w = (struct tb_window){0};
}

static uint32_t *bucket_of(const struct tb_window *w, uint64_t key)
{
    return &w->bucket[(key * 0x9e3779b97f4a7c15u >> 32) & (w->room - 1)];
}

uint32_t tb_window_find(const struct tb_window *w, uint64_t key, uint32_t after)
{
    if (tb_window_empty(w))
        return TB_WINDOW_NONE;
    uint32_t slot = after == TB_WINDOW_NONE ? *bucket_of(w, key) : w->next[after];
    while (slot != TB_WINDOW_NONE && w->key[slot] != key)
        slot = w->next[slot];
    return slot;
}

uint32_t tb_window_put(struct tb_window *w, uint64_t key)
{
    uint32_t slot = (uint32_t)(w->tail++ & (w->room - 1));
    uint32_t *bucket = bucket_of(w, key);
    w->key[slot] = key;
    w->taken[slot] = false;
    w->next[slot] = *bucket;
    *bucket = slot;
    return slot;
}

void tb_window_take(struct tb_window *w, uint32_t slot)
{
    uint32_t *at = bucket_of(w, w->key[slot]);
    while (*at != slot)
        at = &w->next[*at];
    *at = w->next[slot];
    w->taken[slot] = true;
    while (!tb_window_empty(w) && w->taken[tb_window_oldest(w)])
        w->head++;
}
