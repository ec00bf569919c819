/* What the platform's loader gives out, as firmware does at power-on: requester IDs and windows
 * that say `auto`; and whether two devices have one ID. */
#include "kernel/kernel.h"

#include <string.h>

#define IDS      65536
#define ID_SIZE  16
#define FOUR_GIB ((uint64_t)1 << 32)

static bool says_auto(const struct tb_node *node)
{
    return node && node->kind == TB_SCALAR && strcmp(node->text, "auto") == 0;
}

static const struct tb_param *row_of(const struct tb_class *class, const char *name,
                                     enum tb_type type)
{
    const struct tb_param *row = class->params ? tb_param_find(class->params, name) : NULL;
    return row && row->type == type ? row : NULL;
}

/* A window: `base` and `size` of a model. */
static bool has_window(const struct tb_class *class)
{
    return row_of(class, "base", TB_COUNT) && row_of(class, "size", TB_SIZE);
}

bool tb_class_auto(const struct tb_class *class, const char *key)
{
    return strcmp(key, "id") == 0 ? row_of(class, key, TB_ID) != NULL
                                  : strcmp(key, "base") == 0 && has_window(class);
}

void kernel_find_auto(struct instance *i, const char *skip[4])
{
    const struct tb_node *node = i->pub.node;
    unsigned n = 0;
    i->auto_id = tb_class_auto(i->pub.class, "id") && says_auto(tb_node_get(node, "id"));
    i->auto_base = tb_class_auto(i->pub.class, "base") && says_auto(tb_node_get(node, "base"));
    skip[n++] = "model";
    if (i->auto_id)
        skip[n++] = "id";
    if (i->auto_base)
        skip[n++] = "base";
    skip[n] = NULL;
}

static void *field(struct instance *i, const char *name)
{
    return (char *)i->pub.state + tb_param_find(i->pub.class->params, name)->offset;
}

/* -- IDs ------------------------------------------------------------------------------------ */

/* An ID somewhere in a model's parameters. */
struct said {
    const struct tb_model *by;
    const struct tb_node *node; /* NULL: its default */
    uint16_t id;
};

struct ids {
    struct said *at; /* NULL: only counted so far */
    size_t count;
    struct tb_diag *diag;
    bool defaults; /* report those that have one by default, and nothing else */
};

static void print_id(uint16_t id, char out[ID_SIZE])
{
    const struct tb_param row = {.type = TB_ID};
    tb_value_print(&row, &id, out, ID_SIZE);
}

/* Two that were not given are nobody's mistake, as models have defaults; `check` tells of them. */
static void compare_defaults(const struct ids *ids, const struct said *a, const struct said *b)
{
    char text[ID_SIZE];
    if (!ids->defaults)
        return;
    print_id(a->id, text);
    tb_diag_at(ids->diag, b->by->node->key_place,
               "'%s' has the ID %s by default, as '%s' has: an IOMMU takes them for one device",
               b->by->name, text, a->by->name);
}

static void compare(const struct ids *ids, const struct said *a, const struct said *b)
{
    const struct said *wrong = b->node ? b : a, *other = b->node ? a : b;
    char text[ID_SIZE];
    if (!wrong->node)
        compare_defaults(ids, a, b);
    if (!wrong->node || ids->defaults)
        return;
    print_id(a->id, text);
    tb_diag_node(ids->diag, wrong->node, "'%s' has the ID %s, which is that of '%s'",
                 wrong->by->name, text, other->by->name);
}

static const struct said *find_id(const struct ids *ids, uint16_t first, uint16_t last)
{
    for (size_t k = 0; k < ids->count; k++)
        if (ids->at[k].id >= first && ids->at[k].id <= last)
            return &ids->at[k];
    return NULL;
}

static void take_id(struct ids *ids, struct said said)
{
    const struct said *has = ids->at ? find_id(ids, said.id, said.id) : NULL;
    if (has)
        compare(ids, has, &said);
    if (ids->at)
        ids->at[ids->count] = said;
    ids->count++;
}

static void take_ids(struct ids *ids, const struct instance *i, const struct tb_param *row,
                     const char *state, const struct tb_node *node)
{
    for (; row && row->name; row++) {
        const struct tb_node *here = node ? tb_node_get(node, row->name) : NULL;
        bool given = !row->present || *(const bool *)(state + row->present - 1);
        if (row->type == TB_GROUP && given)
            take_ids(ids, i, row->sub, state + row->offset, here);
        else if (row->type == TB_ID && given && !says_auto(here))
            take_id(ids, (struct said){&i->pub, here, *(const uint16_t *)(state + row->offset)});
    }
}

static bool is_pcie(const struct tb_sim *s, const struct tb_model *m)
{
    for (size_t k = 0; k < s->link_count; k++)
        if (s->links[k].has_pcie && (s->links[k].end[0] == m || s->links[k].end[1] == m))
            return true;
    return false;
}

/* At the end of a PCI Express link is a bus of its own with one device (PCIe 7.3.1); elsewhere all
 * share bus 0. */
static bool assign_id(struct ids *ids, struct instance *i, bool own_bus)
{
    unsigned step = own_bus ? 256 : 8, end = own_bus ? IDS : 256;
    for (unsigned id = step; id < end; id += step)
        if (!find_id(ids, (uint16_t)id, (uint16_t)(id + step - 1))) {
            *(uint16_t *)field(i, "id") = (uint16_t)id;
            ids->at[ids->count++] =
                (struct said){&i->pub, tb_node_get(i->pub.node, "id"), (uint16_t)id};
            return true;
        }
    tb_diag_node(ids->diag, tb_node_get(i->pub.node, "id"), "no ID is left for '%s'", i->pub.name);
    return false;
}

/* -- windows -------------------------------------------------------------------------------- */

/* Above everything that has been given a place, and above 4 GiB: out of the way of 32-bit windows.
 */
static uint64_t first_window(struct tb_sim *s)
{
    uint64_t first = FOUR_GIB;
    for (size_t k = 0; k < s->model_count; k++) {
        struct instance *i = &s->models[k];
        if (!has_window(i->pub.class) || i->auto_base)
            continue;
        uint64_t base = *(uint64_t *)field(i, "base"), size = *(uint64_t *)field(i, "size");
        if (base + size > first && base + size >= base)
            first = base + size;
    }
    return first;
}

/* A base address register has a multiple of its size, a power of two (PCI 6.2.5.1). */
static bool assign_window(struct instance *i, uint64_t *next, struct tb_diag *diag)
{
    uint64_t size = *(uint64_t *)field(i, "size"), grain = 4096;
    while (grain < size && grain << 1)
        grain <<= 1;
    uint64_t base = (*next + grain - 1) & ~(grain - 1);
    if (base < *next || base + grain < base) {
        tb_diag_node(diag, tb_node_get(i->pub.node, "base"), "no window is left for '%s'",
                     i->pub.name);
        return false;
    }
    *(uint64_t *)field(i, "base") = base;
    *next = base + grain;
    return true;
}

static void take_all(struct ids *ids, struct tb_sim *s)
{
    ids->count = 0;
    for (size_t k = 0; k < s->model_count; k++) {
        const struct tb_model *m = &s->models[k].pub;
        if (s->models[k].broken)
            continue;
        take_ids(ids, &s->models[k], m->class->params, m->state, m->node);
    }
}

static bool has_iommu(struct tb_sim *s)
{
    uint64_t format;
    for (size_t k = 0; k < s->model_count; k++)
        if (tb_fact(&s->models[k].pub, "iommu.format", &format))
            return true;
    return false;
}

void kernel_lint_ids(struct tb_sim *s, struct tb_diag *diag)
{
    struct ids ids = {.diag = diag, .defaults = true};
    if (!has_iommu(s))
        return;
    take_all(&ids, s);
    ids.at = tb_arena_get(s->arena, ids.count * sizeof *ids.at);
    take_all(&ids, s);
}

bool kernel_assign(struct tb_sim *s, bool whole, struct tb_diag *diag)
{
    struct ids ids = {.diag = diag};
    uint64_t next = whole ? first_window(s) : 0;
    bool ok = true;
    take_all(&ids, s);
    ids.at = tb_arena_get(s->arena, (ids.count + s->model_count) * sizeof *ids.at);
    take_all(&ids, s);
    for (size_t k = 0; whole && ok && k < s->model_count; k++) {
        if (s->models[k].auto_id)
            ok = assign_id(&ids, &s->models[k], is_pcie(s, &s->models[k].pub));
        if (ok && s->models[k].auto_base)
            ok = assign_window(&s->models[k], &next, diag);
    }
    return ok;
}
