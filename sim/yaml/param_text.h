/* What param.c tells those who describe tables (table.c). */
#ifndef SIM_PARAM_TEXT_H
#define SIM_PARAM_TEXT_H

#include "tollbridge/param.h"

#define TB_RANGE_SIZE 384

/* The values a row allows, for people: "4B to 4KiB", "at least 1", "a, b or c"; "" if all. */
void tb_param_range(const struct tb_param *row, char *out, size_t size);

#endif
