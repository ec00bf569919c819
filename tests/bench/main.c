/* tollbridge-bench WORKLOAD: see README.md in this folder. */
#include "bench.h"
#include "tollbridge/sim.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: tollbridge-bench rw0|rw1|rw2|rw3|pcie-model|trace|diff [--outstanding N] [--depth N] "
    "[--transactions N] [--breakdown] [--json]\n"
    "Runs a reference workload and prints its results and what they cost.\n"
    "  --outstanding N   rw0: entities; rw1 to rw3: requests in flight\n"
    "  --depth N         entries of each queue of the bridges (not rw0)\n"
    "  --transactions N  how many; rw0: events\n"
    "  --breakdown       record the parts of every latency (not rw0)\n";

static bool parse_number(const char *text, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return isdigit((unsigned char)*text) && *end == 0 && errno == 0 && *out > 0;
}

static bool parse(int argc, char **argv, struct knobs *k)
{
    for (int i = 2; i < argc; i++) {
        uint64_t *to = strcmp(argv[i], "--outstanding") == 0    ? &k->outstanding
                       : strcmp(argv[i], "--depth") == 0        ? &k->depth
                       : strcmp(argv[i], "--transactions") == 0 ? &k->transactions
                                                                : NULL;
        bool *flag = strcmp(argv[i], "--json") == 0        ? &k->json
                     : strcmp(argv[i], "--breakdown") == 0 ? &k->breakdown
                                                           : NULL;
        if (flag) {
            *flag = true;
            continue;
        }
        if (!to || i + 1 == argc || !parse_number(argv[++i], to)) {
            fprintf(stderr, "tollbridge-bench: bad argument '%s'\n", argv[i]);
            return false;
        }
    }
    return true;
}

static bool is_scenario(const char *name)
{
    return strcmp(name, "rw1") == 0 || strcmp(name, "rw2") == 0 || strcmp(name, "rw3") == 0;
}

int main(int argc, char **argv)
{
    struct knobs k = {0};
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return TB_EXIT_OK;
    }
    if (argc > 1 && strcmp(argv[1], "trace-part") == 0)
        return trace_part(argc, argv); /* of `trace`, under valgrind */
    if (argc < 2 || !parse(argc, argv, &k)) {
        fputs(usage, stderr);
        return TB_EXIT_INPUT;
    }
    if (strcmp(argv[1], "trace") == 0)
        return trace_run(&k);
    if (strcmp(argv[1], "diff") == 0)
        return diff_run(&k);
    if (strcmp(argv[1], "rw0") == 0)
        return rw0_run(&k);
    if (is_scenario(argv[1]))
        return scenario_run(argv[1], &k);
    if (strcmp(argv[1], "pcie-model") == 0)
        return pcie_model_run(&k);
    fprintf(
        stderr,
        "tollbridge-bench: unknown workload '%s' (rw0, rw1, rw2, rw3, pcie-model, trace, diff)\n",
        argv[1]);
    return TB_EXIT_INPUT;
}
