/* Values of a loaded tree set anew: `set:` of a scenario and --set. */
#include "tollbridge/param.h"
#include "yaml/tree.h"

#include <string.h>

/* All nodes of a tree were made by tb_tree_node and may be written by the tree. */
static struct tb_node *writable(const struct tb_node *n)
{
    return (struct tb_node *)(uintptr_t)n;
}

static struct tb_node *add_member(struct tb_tree *t, struct tb_node *map, const char *key,
                                  struct tb_place place)
{
    const struct tb_node **items = tb_arena_get(t->arena, (map->count + 1) * sizeof *items);
    if (map->count)
        memcpy(items, map->items, map->count * sizeof *items);
    struct tb_node *member = tb_tree_node(t, TB_MAP, place);
    member->key = tb_arena_copy(t->arena, key);
    member->key_place = place;
    items[map->count++] = member;
    map->items = items;
    return member;
}

/* The member of a list that a step of a path names; NULL: it names none. */
static const struct tb_node *list_member(const struct tb_node *list, const char *step)
{
    size_t index = 0;
    if (!*step || strlen(step) > 9)
        return NULL;
    for (; *step; step++) {
        if (*step < '0' || *step > '9')
            return NULL;
        index = index * 10 + (size_t)(*step - '0');
    }
    return index < list->count ? list->items[index] : NULL;
}

/* One step down; `made` is set where the path leaves what was there. NULL: reported. */
static struct tb_node *step_down(struct tb_tree *t, struct tb_node *at, const char *step,
                                 struct tb_place place, struct tb_diag *diag)
{
    const struct tb_node *next = NULL;
    if (!*step) {
        tb_diag_at(diag, place, "a path has an empty step");
        return NULL;
    }
    switch (at->kind) {
    case TB_MAP:
        next = tb_node_get(at, step);
        return next ? writable(next) : add_member(t, at, step, place);
    case TB_LIST:
        next = list_member(at, step);
        if (!next)
            tb_diag_at(diag, place, "'%.40s' is no member of a list of %zu (they count from 0)",
                       step, at->count);
        return next ? writable(next) : NULL;
    default:
        tb_diag_at(diag, place, "'%.40s' cannot be set: what holds it is the single value '%.40s'",
                   step, at->text);
        return NULL;
    }
}

/* Walks the path, making maps that are missing. NULL: reported. */
static struct tb_node *walk_down(struct tb_tree *t, const struct tb_node *below, const char *path,
                                 struct tb_place place, struct tb_diag *diag)
{
    struct tb_node *at = writable(below);
    char *steps = tb_arena_copy(t->arena, path), *step = steps;
    size_t depth = 0;
    while (at && step) {
        char *dot = strchr(step, '.');
        if (dot)
            *dot = '\0';
        if (++depth > TB_YAML_MAX_DEPTH) {
            tb_diag_at(diag, place, "a path has more than %d steps", TB_YAML_MAX_DEPTH);
            return NULL;
        }
        at = step_down(t, at, step, place, diag);
        step = dot ? dot + 1 : NULL;
    }
    return at;
}

/* The node becomes what `value` is, but stays the member that it was. */
static void assign(struct tb_node *to, const struct tb_node *value)
{
    to->kind = value->kind;
    to->quoted = value->quoted;
    to->place = value->place;
    to->text = value->text;
    to->items = value->items;
    to->count = value->count;
}

bool tb_tree_override(struct tb_tree *t, const struct tb_node *below, const char *path,
                      const char *value, struct tb_place place, struct tb_diag *diag)
{
    place.file = place.file ? tb_arena_copy(t->arena, place.file) : NULL;
    struct tb_node *loaded = tb_tree_value(t, value, &place, diag);
    struct tb_node *to = loaded ? walk_down(t, below, path, place, diag) : NULL;
    if (to)
        assign(to, loaded);
    return to;
}

/* A copy of a node and all below; texts are shared. NULL: too many. */
static struct tb_node *copy_node(struct tb_tree *t, const struct tb_node *from)
{
    if (t->count >= TB_YAML_MAX_NODES)
        return NULL;
    struct tb_node *to = tb_tree_node(t, from->kind, from->place);
    const struct tb_node **items = tb_arena_get(t->arena, from->count * sizeof *items);
    *to = *from;
    to->items = items;
    for (size_t i = 0; i < from->count; i++) {
        items[i] = copy_node(t, from->items[i]);
        if (!items[i])
            return NULL;
    }
    return to;
}

bool tb_tree_override_node(struct tb_tree *t, const struct tb_node *below, const char *path,
                           const struct tb_node *value, struct tb_diag *diag)
{
    struct tb_node *copy = copy_node(t, value);
    if (!copy) {
        tb_diag_node(diag, value, "too many values after overrides");
        return false;
    }
    struct tb_place place = value->key ? value->key_place : value->place;
    struct tb_node *to = walk_down(t, below, path, place, diag);
    if (to)
        assign(to, copy);
    return to;
}
