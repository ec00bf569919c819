/* The reference of all models as a page of Markdown: docs/reference.md. */
#ifndef TB_CLI_REFERENCE_H
#define TB_CLI_REFERENCE_H

#include <stdio.h>

struct tb_class;

/* Writes the page, of one model or of all (NULL). Errors are the stream's. */
void cli_reference_write(FILE *to, const struct tb_class *one);

#endif
