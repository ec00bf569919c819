/* What several verbs share: comparing (`diff`, `run --golden`), JSON. */
#ifndef TB_CLI_DIFF_H
#define TB_CLI_DIFF_H

#include "cli/cli.h"
#include "diff/diff.h"

/* --time-tolerance and --ignore; reports what is wrong with them. */
enum tb_exit cli_diff_options(const struct cli_args *args, struct tb_diff_options *o);

/* Prints a JSON value to standard output, and takes it over. */
enum tb_exit cli_dump(json_t *o);

/* The kinds of step of a class (of `setup:` only those that take no time): an object of their
 * schemas by name; a new reference. */
json_t *cli_step_schemas(const struct tb_class *c, bool setup);

#endif
