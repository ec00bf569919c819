/* What `diff` and `run --golden` share. */
#ifndef TB_CLI_DIFF_H
#define TB_CLI_DIFF_H

#include "cli.h"
#include "diff.h"

/* --time-tolerance and --ignore; reports what is wrong with them. */
enum tb_exit cli_diff_options(const struct cli_args *args, struct tb_diff_options *o);

/* Prints a JSON value to standard output, and takes it over. */
enum tb_exit cli_dump(json_t *o);

#endif
