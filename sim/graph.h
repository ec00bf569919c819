/* The platform as a drawing for Graphviz. */
#ifndef TB_GRAPH_H
#define TB_GRAPH_H

#include "tollbridge/sim.h"

#include <stdio.h>

/* Writes the models and links of a simulator in Graphviz's language. */
void tb_graph_write(struct tb_sim *s, FILE *to);

#endif
