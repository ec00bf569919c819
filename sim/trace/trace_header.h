/* The header of a run in a trace: all that its records refer to, as JSON. */
#ifndef TB_TRACE_HEADER_H
#define TB_TRACE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct tb_sim;
struct tb_trace_run;

/* The text, to be freed; NULL: no memory. */
char *tb_trace_header(struct tb_sim *s);

/* Reads one. False: `why` (>= 160 bytes) says what is wrong; what was read is freed by clear all
 * the same. */
bool tb_trace_run_parse(struct tb_trace_run *r, const char *text, size_t size, char *why);
void tb_trace_run_clear(struct tb_trace_run *r);

#endif
