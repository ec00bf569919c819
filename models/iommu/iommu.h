/* The IOMMU that a bridge can host: translates what comes from below on its way up.
 *
 * The bridge owns the ports and hands over every message; the IOMMU answers with messages on the
 * same ports. It knows no device, no memory and no host. What leaves upwards leaves at the instant
 * of the call ("when"); what it answers downwards leaves `down` later, as everything that passes
 * the bridge downwards does: so departures never go backwards on either port.
 *
 * Timing of a request that arrives at t: looked up at t + bridge latency + devtab.hit + iotlb.hit,
 * pipelined. A hit leaves at once; a miss waits for a walk, and hits pass it. Requests of one
 * requester never pass its earlier posted writes (unless relaxed), completions going up pass no
 * earlier posted write at all.
 */
#ifndef IOMMU_IOMMU_H
#define IOMMU_IOMMU_H

#include "cache/cache.h"
#include "format.h"
#include "tollbridge/model.h"

struct tb_iotlb_params {
    struct tb_cache_params cache;
    tb_time hit;
};

struct tb_devtab_params {
    struct tb_cache_params cache;
    tb_time hit;
    uint64_t fetches;
    const struct tb_node *preload;
};

struct tb_pdc_params {
    struct tb_cache_params cache;
    tb_time hit;
};

struct tb_nested_params {
    struct tb_cache_params cache;
};

/* Values of parameter `format`. The last is not one of a bridge's: model `gart` has it. */
enum { TB_IOMMU_AMDVI, TB_IOMMU_SUN4M, TB_IOMMU_GART };

/* Registers' values at time 0. */
struct tb_iommu_reset {
    uint64_t base, table; /* of the range or table: flat formats' own coding */
    uint64_t devtab, cmdbuf, evtlog, control, excl_base, excl_limit, efr, ppr_base;
};

struct tb_iommu_params {
    unsigned format;
    uint64_t mmio;
    uint16_t id;
    uint64_t irq;
    bool has_irq;
    uint64_t walkers;
    uint64_t pending;
    uint64_t events;
    uint64_t invalidations, responses;
    tb_time command_time;
    struct tb_iotlb_params iotlb;
    struct tb_devtab_params devtab;
    struct tb_pdc_params pdc;
    struct tb_nested_params nested;
    struct tb_iommu_reset reset;
};

/* The rows of group `iommu:`. */
extern const struct tb_param tb_iommu_param_table[];

/* Reports parameters that mean nothing for the format they are given with; false: there are some.
 */
bool tb_iommu_params_check(const struct tb_iommu_params *p, const struct tb_node *node,
                           struct tb_diag *diag);

/* Timers of the bridge that belong to the IOMMU. */
enum {
    TB_IOMMU_LOOKUP,
    TB_IOMMU_DIRECT,
    TB_IOMMU_PASS,
    TB_IOMMU_WALK,
    TB_IOMMU_COMMAND,
    TB_IOMMU_TIMEOUT,
    TB_IOMMU_TIMERS
};

/* Counters, in the bridge's state. */
struct tb_iommu_counters {
    uint64_t requests, hits, misses, coalesced, walks, walk_reads, pdc_hits, pdc_misses;
    uint64_t devtab_hits, devtab_misses, devtab_reads, passed, faults;
    uint64_t events, events_lost, commands, illegal_commands, invalidations, invalidated;
    uint64_t waits, poisoned, prefetches, interrupts, evictions;
    uint64_t translations, denied, pretranslated;
    uint64_t ats_invalidations, ats_timeouts, spurious;
    uint64_t page_requests, page_requests_lost, page_responses;
    uint64_t gcr3_reads, nested_hits, nested_misses;
};

struct tb_iommu;

/* Checks parameters, allocates, sets registers to their reset values. `port_up` and `port_down` are
 * the bridge's ports, the latencies the bridge's in each direction. Call in `check`. NULL after
 * errors. */
struct tb_iommu *tb_iommu_new(struct tb_model *m, const struct tb_iommu_params *p,
                              const struct tb_node *node, struct tb_iommu_counters *counters,
                              tb_time up, tb_time down, struct tb_diag *diag);

/* Transactions it can have open, and bytes for each. */
void tb_iommu_slots(const struct tb_iommu *u, uint32_t *count, uint32_t *bytes);

/* Time 0. `below`: what the bridge passes down. */
void tb_iommu_start(struct tb_iommu *u, const struct tb_ranges *below);

/* Says by which port passes up what is not for memory, where that is not the way to memory. */
void tb_iommu_set_above(struct tb_iommu *u, unsigned port);

/* A message from below: requests, and what passes up (completions, interrupts). `port`: by which it
 * came, and its answer leaves. */
void tb_iommu_from_below(struct tb_iommu *u, unsigned port, const struct tb_msg *msg,
                         tb_credit credit, tb_time when);

/* The port by which a request of that transaction came from below. */
unsigned tb_iommu_port_of(const struct tb_iommu *u, uint32_t txn);

/* A message from above. True: it was the IOMMU's (its own completion, a register). False: it is the
 * bridge's to pass down; the IOMMU has taken note that a request of its was answered. */
bool tb_iommu_from_above(struct tb_iommu *u, const struct tb_msg *msg, tb_credit credit,
                         tb_time when);

/* Sends something up in order with the rest, `up` later than now: answers to what the bridge cannot
 * pass down. */
void tb_iommu_pass_up(struct tb_iommu *u, const struct tb_msg *msg, tb_credit credit, tb_time when);

void tb_iommu_timer(struct tb_iommu *u, unsigned timer, tb_time when);
void tb_iommu_retired(struct tb_iommu *u, uint32_t txn, tb_time when);

/* Registers: claims, instant access (false: not there), names, facts. */
void tb_iommu_claims(struct tb_iommu *u, struct tb_ranges *out);
bool tb_iommu_debug(struct tb_iommu *u, struct tb_debug *d);
bool tb_iommu_symbol(const struct tb_iommu *u, const char *name, struct tb_symbol *out);
bool tb_iommu_fact(const struct tb_iommu *u, const char *key, uint64_t *out);

#endif
