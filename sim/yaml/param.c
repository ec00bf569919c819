/* Reads maps into structs by tables. */
#include "tollbridge/param.h"
#include "yaml/param_text.h"
#include "yaml/value.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64 /* of one table, skipped ones included, for did-you-mean */

/* What stays the same while a map and all below it are read. */
struct reader {
    struct tb_arena *arena;
    struct tb_diag *diag;
    bool good;
    bool quiet; /* only defaults: what is required may be missing */
};

static bool read_map(struct reader *r, const struct tb_param *table, const struct tb_node *map,
                     const char *const *skip, void *to);

const struct tb_param *tb_param_find(const struct tb_param *table, const char *name)
{
    for (; table->name; table++)
        if (!strcmp(table->name, name))
            return table;
    return NULL;
}

static const struct tb_param *short_row(const struct tb_param *table)
{
    for (; table->name; table++)
        if (table->short_form)
            return table;
    return NULL;
}

static bool named(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (!strcmp(*names, name))
            return true;
    return false;
}

/* -- What is allowed, for messages ---------------------------------------------------------- */

static int append(char *out, size_t size, const char *text)
{
    size_t used = strlen(out);
    return snprintf(out + used, size - used, "%s", text);
}

/* "4B to 4KiB", "at least 1", "at most 4KiB", "a, b or c", "" */
void tb_param_range(const struct tb_param *row, char *out, size_t size)
{
    out[0] = '\0';
    if (row->type == TB_ENUM) {
        for (unsigned i = 0; row->names[i]; i++) {
            append(out, size, i == 0 ? "" : row->names[i + 1] ? ", " : " or ");
            append(out, size, row->names[i]);
        }
    } else if (row->min && row->max) {
        snprintf(out, size, "%s to %s", row->min, row->max);
    } else if (row->min || row->max) {
        snprintf(out, size, "at %s %s", row->min ? "least" : "most",
                 row->min ? row->min : row->max);
    }
}

/* "burst: 4B to 4KiB, default 64B" */
static void describe(const struct tb_param *row, char *out, size_t size)
{
    char range[TB_RANGE_SIZE];
    tb_param_range(row, range, sizeof range);
    if (!*range && !row->def)
        snprintf(range, sizeof range, "%s", tb_value_name(row->type));
    snprintf(out, size, "%s: %s%s%s%s", row->name, range, *range && row->def ? ", " : "",
             row->def ? "default " : "", row->def ? row->def : "");
}

static void complain(struct reader *r, const struct tb_param *row, const struct tb_node *node,
                     const char *why)
{
    char allowed[TB_RANGE_SIZE + 128];
    describe(row, allowed, sizeof allowed);
    tb_diag_node(r->diag, node, "'%.60s%s' %s (%s)", node->text,
                 strlen(node->text) > 60 ? "..." : "", why, allowed);
    r->good = false;
}

static void unknown(struct reader *r, const struct tb_param *table, const struct tb_node *member,
                    const char *const *skip)
{
    const char *names[NAMES_MAX + 1];
    char list[512] = "";
    size_t count = 0;
    for (; table->name && count < NAMES_MAX; table++)
        names[count++] = table->name;
    for (; skip && *skip && count < NAMES_MAX; skip++)
        names[count++] = *skip;
    names[count] = NULL;
    r->good = false;
    const char *near = tb_nearest(member->key, names);
    if (near) {
        tb_diag_at(r->diag, member->key_place, "unknown parameter '%.60s'; did you mean '%s'?",
                   member->key, near);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        append(list, sizeof list, i ? ", " : "");
        append(list, sizeof list, names[i]);
    }
    tb_diag_at(r->diag, member->key_place, "unknown parameter '%.60s' (known: %s)", member->key,
               count ? list : "none");
}

/* -- One row -------------------------------------------------------------------------------- */

static void read_default(struct reader *r, const struct tb_param *row, void *field)
{
    char why[TB_WHY_SIZE] = "";
    if (row->type == TB_RATE || row->type == TB_CLOCK || row->type == TB_PER_S)
        *(struct tb_rate *)field = (struct tb_rate){1, 0};
    if (row->type == TB_GROUP) {
        struct reader inner = *r;
        inner.quiet = r->quiet || row->present || (row->flags & TB_OPTIONAL);
        read_map(&inner, row->sub, NULL, NULL, field);
        r->good = inner.good;
    } else if (row->def && tb_value_size(row->type)) {
        bool good = tb_value_read(row, row->def, field, why);
        if (!good)
            fprintf(stderr, "parameter table: %s: default '%s' %s\n", row->name, row->def, why);
        assert(good && "a default in a parameter table does not parse");
    }
}

static const char *const kind_names[] = {
    [TB_SCALAR] = "a single value", [TB_LIST] = "a list", [TB_MAP] = "a map"};

static bool is_kind(struct reader *r, const struct tb_param *row, const struct tb_node *node,
                    enum tb_node_kind kind)
{
    if (node->kind == kind)
        return true;
    bool empty = node->kind == TB_SCALAR && !*node->text && !node->quoted;
    tb_diag_node(r->diag, node, "'%s' must be %s, not %s%s", row->name, kind_names[kind],
                 empty ? "empty" : kind_names[node->kind],
                 empty && kind == TB_MAP ? " ({} for all defaults)" : "");
    r->good = false;
    return false;
}

/* A path is relative to the file that names it. */
static const char *make_path(struct reader *r, const struct tb_node *node)
{
    const char *file = node->place.line ? node->place.file : NULL;
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (!slash || node->text[0] == '/')
        return node->text;
    size_t directory = (size_t)(slash - file) + 1;
    char *path = tb_arena_get(r->arena, directory + strlen(node->text) + 1);
    memcpy(path, file, directory);
    strcpy(path + directory, node->text);
    return path;
}

static void read_scalar(struct reader *r, const struct tb_param *row, const struct tb_node *node,
                        void *field)
{
    char why[TB_WHY_SIZE] = "";
    union tb_value value;
    if (!is_kind(r, row, node, TB_SCALAR))
        return;
    if (!*node->text && !node->quoted) {
        complain(r, row, node, "is no value");
    } else if (!tb_value_read(row, node->text, &value, why)) {
        complain(r, row, node, why);
    } else if (!tb_value_in_range(row, &value)) {
        complain(r, row, node, "is out of range");
    } else {
        memcpy(field, &value, tb_value_size(row->type));
        if (row->type == TB_PATH)
            *(const char **)field = make_path(r, node);
    }
}

static bool count_in_range(struct reader *r, const struct tb_param *row, const struct tb_node *list)
{
    struct tb_param count = *row;
    uint64_t n = list->count;
    char allowed[TB_RANGE_SIZE];
    count.type = TB_COUNT;
    if (tb_value_in_range(&count, &n))
        return true;
    tb_param_range(&count, allowed, sizeof allowed);
    tb_diag_node(r->diag, list, "'%s' has %zu members (allowed: %s)", row->name, list->count,
                 allowed);
    r->good = false;
    return false;
}

static void read_items(struct reader *r, const struct tb_param *row, const struct tb_node *list,
                       struct tb_items *items)
{
    if (!is_kind(r, row, list, TB_LIST) || !count_in_range(r, row, list))
        return;
    char *at = tb_arena_get(r->arena, list->count * row->size);
    for (size_t i = 0; i < list->count; i++)
        read_map(r, row->sub, list->items[i], NULL, at + i * row->size);
    *items = (struct tb_items){at, list->items, list->count};
}

static void read_numbers(struct reader *r, const struct tb_param *row, const struct tb_node *list,
                         struct tb_items *items)
{
    struct tb_param number = *row;
    number.type = TB_COUNT;
    if (!is_kind(r, row, list, TB_LIST))
        return;
    uint64_t *at = tb_arena_get(r->arena, list->count * sizeof *at);
    for (size_t i = 0; i < list->count; i++)
        read_scalar(r, &number, list->items[i], &at[i]);
    *items = (struct tb_items){at, list->items, list->count};
}

static void read_row(struct reader *r, const struct tb_param *row, const struct tb_node *node,
                     void *to)
{
    void *field = (char *)to + row->offset;
    if (row->present)
        *(bool *)((char *)to + row->present - 1) = true;
    switch (row->type) {
    case TB_GROUP:
        read_map(r, row->sub, node, NULL, field);
        break;
    case TB_ITEMS:
        read_items(r, row, node, field);
        break;
    case TB_NUMBERS:
        read_numbers(r, row, node, field);
        break;
    case TB_NODE:
        *(const struct tb_node **)field = node;
        break;
    default:
        read_scalar(r, row, node, field);
    }
}

/* -- One map -------------------------------------------------------------------------------- */

static void missing(struct reader *r, const struct tb_param *row, const struct tb_node *map)
{
    char allowed[TB_RANGE_SIZE + 128];
    if (r->quiet)
        return;
    describe(row, allowed, sizeof allowed);
    tb_diag_node(r->diag, map, "parameter '%s' is missing (%s)", row->name, allowed);
    r->good = false;
}

static void fill_defaults(struct reader *r, const struct tb_param *table, const struct tb_node *map,
                          void *to)
{
    for (const struct tb_param *row = table; row->name; row++) {
        bool given = map && (map->kind == TB_MAP ? tb_node_get(map, row->name) != NULL
                                                 : row == short_row(table));
        bool group = row->type == TB_GROUP;
        if (!given && (row->flags & TB_REQUIRED))
            missing(r, row, map);
        else if (!given || !group)
            read_default(r, row, (char *)to + row->offset);
    }
}

static bool is_map(struct reader *r, const struct tb_param *table, const struct tb_node *node)
{
    static const struct tb_param nameless = {.name = "this"};
    struct tb_param named_row = nameless;
    if (!node || (node->kind != TB_MAP && short_row(table)))
        return true;
    if (node->key)
        named_row.name = node->key;
    return is_kind(r, &named_row, node, TB_MAP);
}

/* map: a map, a value in the short form, or NULL for all defaults. */
static bool read_map(struct reader *r, const struct tb_param *table, const struct tb_node *map,
                     const char *const *skip, void *to)
{
    if (!is_map(r, table, map))
        return false;
    fill_defaults(r, table, map, to);
    if (map && map->kind != TB_MAP)
        read_row(r, short_row(table), map, to);
    for (size_t i = 0; map && map->kind == TB_MAP && i < map->count; i++) {
        const struct tb_node *member = map->items[i];
        const struct tb_param *row = tb_param_find(table, member->key);
        if (named(skip, member->key))
            continue;
        if (row)
            read_row(r, row, member, to);
        else
            unknown(r, table, member, skip);
    }
    return r->good;
}

bool tb_params_read(const struct tb_param *table, const struct tb_node *node,
                    const char *const *skip, void *to, struct tb_arena *arena, struct tb_diag *diag)
{
    struct reader r = {.arena = arena, .diag = diag, .good = true};
    return read_map(&r, table, node, skip, to);
}
