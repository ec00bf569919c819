/* What else a table of parameters gives: the resolved YAML of a struct, the reference for people,
 * Markdown, and the JSON schema for editors. Internal to sim/: models only declare tables.
 */
#ifndef SIM_TABLE_H
#define SIM_TABLE_H

#include "tollbridge/node.h"
#include "tollbridge/param.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* How YAML is written. */
struct tb_yaml_style {
    unsigned indent;   /* spaces before every line */
    bool changed_only; /* leave out what equals its default: for the hash of a resolved platform */
    const char
        *base;    /* paths below this file's folder are written relative to it; NULL: as they are */
    bool origins; /* say behind each value where it came from, as a comment */
    const struct tb_node *from; /* the map that the struct was read from; NULL: unknown */
};

/* Writes "  # file:line:column" for the place of a value (its file relative to `base`'s folder), or
 * "  # default" if it was not given (NULL). */
void tb_origin_yaml(FILE *to, const struct tb_node *given, const char *base);

/* Writes the members of a struct that was filled by its table, one per line, as YAML that
 * tb_params_read turns into the same struct. What was not given and has no default is left out.
 * Returns false if there was nothing to write: the caller writes `{}` where the map is needed. */
bool tb_table_yaml(FILE *to, const struct tb_param *table, const void *from,
                   struct tb_yaml_style style);

/* Writes a node: the members of a map or a list, one per line, or a single value without
 * indentation. Loading what was written gives an equal tree. Returns false for an empty map or
 * list: nothing was written. */
bool tb_node_yaml(FILE *to, const struct tb_node *node, unsigned indent);

/* Writes one text as a YAML scalar, plain if any reader takes it for itself, else in double quotes.
 * The text is UTF-8. */
void tb_text_yaml(FILE *to, const char *text);

/* Are the two trees equal in all but places and quotes? */
bool tb_node_equal(const struct tb_node *a, const struct tb_node *b);

/* Writes the reference of a table for a terminal: per parameter its path, type, range and
 * default, and below its sentence; at the end, the units of the types it has. */
void tb_table_text(FILE *to, const struct tb_param *table, unsigned indent);

/* The same without the units. */
void tb_table_rows(FILE *to, const struct tb_param *table, unsigned indent);

/* The same as the rows of a Markdown table, with its head. */
void tb_table_markdown(FILE *to, const struct tb_param *table);

/* A JSON schema of the map that the table reads: a new reference, never NULL. Keys that somebody
 * else reads are the caller's to add to its "properties". */
json_t *tb_table_schema(const struct tb_param *table);

#endif
