/* The platform as a drawing for Graphviz. */
#ifndef TB_GRAPH_H
#define TB_GRAPH_H

#include "tollbridge/sim.h"

#include <stdio.h>

/* Writes the models and links of a simulator in Graphviz's language. */
void tb_graph_write(struct tb_sim *s, FILE *to);

/* What a model is in a drawing: by where it stands, as nobody here knows one model from another. */
enum tb_role { TB_ROLE_STORAGE, TB_ROLE_SOFTWARE, TB_ROLE_END, TB_ROLE_BETWEEN };
enum tb_role tb_graph_role(struct tb_model *m);

#endif
