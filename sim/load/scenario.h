/* A scenario as the kernel and the command line see it: which platform, which overrides, what to
 * record.
 *
 * `setup:` and `steps:` belong to the model that runs them (class->program).
 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "kernel/pcie.h"
#include "tollbridge/sim.h"

#include <stdio.h>

/* What a run records: `record:` of the scenario. */
struct tb_record {
    bool none;            /* nothing at all, but with --out: `record: none` */
    bool breakdown;       /* the parts of every latency */
    bool fingerprint;     /* the log as fingerprints only */
    bool stats;           /* percentiles and the like, as files under --out */
    unsigned slowest;     /* how many of the slowest transactions of each kind are kept */
    bool safety;          /* the DMA-safety checker is on */
    const char *log;      /* file name under --out; NULL: no log */
    const char *trace;    /* file name under --out; NULL: no trace */
    bool compress;        /* the trace, by zstd */
    struct tb_items only; /* struct tb_record_only: ops or kinds to log; none: all */
};

struct tb_record_only {
    const char *op;
};

struct tb_scenario {
    struct tb_tree *tree; /* the scenario's (or the platform's own, if it was given alone) */
    struct tb_tree *platform_tree; /* NULL: inline, in `tree` */
    const struct tb_node *root;    /* of the scenario; NULL for a platform alone */
    const struct tb_node *platform;
    const struct tb_node *memory; /* what it holds at time 0 */
    const char *name, *platform_name;
    uint64_t seed;
    tb_time until, warmup;
    bool unclaimed; /* addresses that nobody claims are meant */
    uint64_t page_limit;
    unsigned runs;     /* how many runs the scenario has, at least 1: variants times seeds */
    unsigned variants; /* its `runs:`, at least 1 */
    bool explored;     /* every variant is run with several seeds */
    uint64_t explore_seed;
    tb_time jitter;                /* most that a message takes longer on a link; 0: none */
    const struct tb_node *compare; /* a table of the runs; NULL: none */
    bool in_run;                   /* one of its `runs:` has been applied */
    const char *run_name;          /* of this one; "" if there is only one */
    struct tb_record record;
};

/* Loads a scenario or platform, applies its own overrides, the run's and the command line's; reads
 * everything but the platform's models. False: errors were reported. The trees belong to `out` even
 * then. */
bool tb_scenario_load(const struct tb_input *input, struct tb_scenario *out, struct tb_arena *arena,
                      struct tb_diag *diag);
void tb_scenario_free(struct tb_scenario *sc);

/* Writes what `memory:` says into the simulated memory. */
void tb_scenario_fill(struct tb_sim *s, struct tb_diag *diag);

/* Of a simulator's scenario. */
const char *tb_sim_platform(const struct tb_sim *s);
uint64_t tb_sim_seed(const struct tb_sim *s);
unsigned tb_sim_runs(const struct tb_sim *s);
const char *tb_sim_run_name(const struct tb_sim *s);
bool tb_sim_explores(const struct tb_sim *s);
unsigned tb_sim_variants(const struct tb_sim *s);
const struct tb_node *tb_sim_compare(const struct tb_sim *s);
const struct tb_record *tb_sim_record(const struct tb_sim *s);

/* SHA-256, as 64 hex digits and a NUL, over the resolved values that differ from their defaults. */
void tb_sim_hash(struct tb_sim *s, char out[65]);

/* Writes the resolved platform (or scenario) as YAML that loads to the same. Returns 0, or -1 when
 * writing failed. */
int tb_sim_resolve(struct tb_sim *s, FILE *to);

/* Writes the resolved platform alone, with a comment behind each value that says where it came
 * from. Returns as tb_sim_resolve. */
int tb_sim_resolve_platform(struct tb_sim *s, FILE *to);

/* Every class there is, in the order of models.def; *count says how many. */
const struct tb_class *const *tb_classes(size_t *count);

/* May the parameter of a model of this class say `auto`: an ID or a window that the platform's
 * loader gives out? */
bool tb_class_auto(const struct tb_class *class, const char *key);

/* The table of a scenario's top-level keys: for the schema. */
extern const struct tb_param tb_scenario_table[];

/* The tables of what it leaves to others: a member of `memory:`, a member of `runs:`, the map
 * `record:`. */
extern const struct tb_param tb_memory_table[];
extern const struct tb_param tb_run_table[];
extern const struct tb_param tb_record_table[];

/* The table of a link's parameters. */
extern const struct tb_param tb_link_table[];

/* One link as resolved: for drawings. dir 0 = from->to ("forward"), 1 = back. */
struct tb_link_params {
    const char *from, *to;
    const struct tb_node *latency, *bandwidth, *credits;
    uint64_t header;
    tb_time credit_return;
    bool has_credit_return;
    struct tb_pcie_params pcie;
    bool has_pcie;
    const struct tb_node *node;
    tb_time latency_of[2];
    struct tb_rate rate_of[2];
    uint64_t credits_of[2][TB_CLASSES]; /* 0: unlimited */
    struct tb_model *end[2];
    unsigned port[2];
};
size_t tb_sim_link_count(const struct tb_sim *s);
const struct tb_link_params *tb_sim_link(const struct tb_sim *s, size_t n);

#endif
