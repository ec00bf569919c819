/* What tree.c (YAML into nodes) and tree_override.c share. */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include "tollbridge/node.h"

struct tb_arena;

struct tb_tree {
    struct tb_arena *arena;
    const struct tb_node *root;
    size_t count; /* nodes so far, against TB_YAML_MAX_NODES */
};

/* A node of the tree, empty. All nodes are made here, so a tree may write to its own. */
struct tb_node *tb_tree_node(struct tb_tree *t, enum tb_node_kind kind, struct tb_place place);

/* YAML text into nodes of the tree that all stand at one place. NULL: reported. */
struct tb_node *tb_tree_value(struct tb_tree *t, const char *text, const struct tb_place *place,
                              struct tb_diag *diag);

#endif
