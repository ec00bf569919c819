/* The tree a YAML document becomes: every value remembers its place.
 *
 * Invariants: trees are immutable once loaded, but for tb_node_override; anchors are expanded
 * within limits; keys of a map are unique; a node belongs to its tree and dies with it.
 */
#ifndef TOLLBRIDGE_NODE_H
#define TOLLBRIDGE_NODE_H

#include "tollbridge/diag.h"

#include <stdbool.h>
#include <stddef.h>

enum tb_node_kind { TB_SCALAR, TB_LIST, TB_MAP };

struct tb_node {
    enum tb_node_kind kind;
    bool quoted; /* a scalar that was in quotes: a string even if it looks like a number */
    struct tb_place place; /* of the value */
    struct tb_place key_place;
    const char *key;                    /* if it is a member of a map */
    const char *text;                   /* of a scalar; "" for an empty value */
    const struct tb_node *const *items; /* members of a list or a map, in document order */
    size_t count;
};

struct tb_tree; /* owns nodes, texts and file names */

/* Limits against hostile files. */
#define TB_YAML_MAX_BYTES ((size_t)16 << 20)
#define TB_YAML_MAX_DEPTH 64
#define TB_YAML_MAX_NODES ((size_t)1 << 20) /* after expansion of aliases */

/* Loads a file (or text under a name for messages) with exactly one document. On errors
 * (unreadable, not YAML, empty, duplicate keys, tags, limits) reports to diag and returns NULL. */
struct tb_tree *tb_tree_file(const char *path, struct tb_diag *diag);
struct tb_tree *tb_tree_text(const char *name, const char *text, size_t length,
                             struct tb_diag *diag);
void tb_tree_free(struct tb_tree *t);
const struct tb_node *tb_tree_root(const struct tb_tree *t);

/* Sets the value at a dotted path ("root.iommu.walkers", "links.0.latency"; list members by
 * number), parsed as YAML text; `place` is used for messages about it. Maps on the way that are
 * missing are created. Paths are below `below` (a node of the tree). Reports and returns false if a
 * step of the path is a scalar or past the end of a list. */
bool tb_tree_override(struct tb_tree *t, const struct tb_node *below, const char *path,
                      const char *value, struct tb_place place, struct tb_diag *diag);
/* The same with a node of any tree that lives at least as long as t. */
bool tb_tree_override_node(struct tb_tree *t, const struct tb_node *below, const char *path,
                           const struct tb_node *value, struct tb_diag *diag);

/* The member of a map, or NULL. */
const struct tb_node *tb_node_get(const struct tb_node *map, const char *key);

#endif
