/* The address translation cache of a device (PCIe, chapter 10): a part that any initiator can have.
 *
 * The device hands over the requests that it would send; they leave by the same port, translated if
 * the cache has their page, else after it has asked for the page. All that it exchanges with an
 * IOMMU are messages (spec/ats.h says how they carry what a packet would).
 *
 * Invariants:
 * - A request leaves once, or is answered to the device as failed once; requests that wait for one
 *   page leave in the order in which they were submitted.
 * - A request that is not relaxed never leaves before an earlier posted write that still waits.
 * - What an invalidation covers is gone from the cache when its message has been taken, no answer
 *   that raced it is used, and its completion is sent after everything that was issued with a
 *   translation it covers is done (nonposted: answered; posted: sent, ahead of it on the same
 * wire).
 * - Whatever comes unasked is counted and has no effect.
 *
 * Everything is sent at the instant of the call, so departures never go backwards at the port.
 */
#ifndef ATS_ATC_H
#define ATS_ATC_H

#include "cache/iotlb.h"
#include "tollbridge/model.h"

/* What it does with an Invalidate Request. All but `true` are broken devices. */
enum tb_atc_answer { TB_ATC_SILENT, TB_ATC_PROPER, TB_ATC_EARLY, TB_ATC_DEAF };

struct tb_atc_params {
    struct tb_cache_params cache;
    tb_time hit;
    uint64_t unit, outstanding, pages, prefetch;
    unsigned on_miss, on_unsupported;
    bool no_write;
    struct {
        unsigned answer; /* enum tb_atc_answer */
        tb_time delay;
    } invalidate;
    struct {
        uint64_t outstanding, group, tries;
    } pri;
    bool has_pri;
};

/* The rows of group `atc:`. */
extern const struct tb_param tb_atc_param_table[];

struct tb_atc_counters {
    uint64_t hits, misses, coalesced, asked, prefetched, evictions;
    uint64_t untranslated, unsupported, aborted, refused;
    uint64_t invalidations, dropped, stale, page_requests, page_responses, unexpected;
};

/* The rows of a model's counters, for a struct tb_atc_counters at `offset` of its state. */
#define TB_ATC_COUNTER(at, field, doc)                                                             \
    {                                                                                              \
        "atc_" #field, (at) + offsetof(struct tb_atc_counters, field), doc                         \
    }
#define TB_ATC_COUNTERS(at)                                                                        \
    TB_ATC_COUNTER(at, hits, "look-ups that the translation cache answered"),                      \
        TB_ATC_COUNTER(at, misses, "look-ups that it did not"),                                    \
        TB_ATC_COUNTER(at, coalesced, "misses of a page that was being asked for"),                \
        TB_ATC_COUNTER(at, asked, "translation requests"),                                         \
        TB_ATC_COUNTER(at, prefetched, "of these for nobody yet"),                                 \
        TB_ATC_COUNTER(at, evictions, "translations that had to go for others"),                   \
        TB_ATC_COUNTER(at, untranslated, "requests that went untranslated"),                       \
        TB_ATC_COUNTER(at, unsupported, "translation requests answered Unsupported Request"),      \
        TB_ATC_COUNTER(at, aborted, "translation requests answered Completer Abort"),              \
        TB_ATC_COUNTER(at, refused, "requests that failed here: no permission, no translation"),   \
        TB_ATC_COUNTER(at, invalidations, "Invalidate Requests"),                                  \
        TB_ATC_COUNTER(at, dropped, "translations that they dropped"),                             \
        TB_ATC_COUNTER(at, stale, "answers that an invalidation overtook: asked again"),           \
        TB_ATC_COUNTER(at, page_requests, "page requests"),                                        \
        TB_ATC_COUNTER(at, page_responses, "responses to groups of them"),                         \
        TB_ATC_COUNTER(at, unexpected, "messages that answer nothing: ignored")

/* Timers of the model that belong to the cache, from tb_atc_owner.timer on. */
enum { TB_ATC_LOOKUP, TB_ATC_FAILED, TB_ATC_INVALIDATE, TB_ATC_TIMERS };

/* Whose part it is. */
struct tb_atc_owner {
    unsigned port, timer;
    uint16_t id;
    uint32_t open; /* requests that can be open at once */
    /* A request that was submitted has failed without having left. `msg` is its completion, as if
     * it had arrived now; called from tb_atc_timer only. A posted write is the owner's to end, too.
     */
    void (*failed)(struct tb_model *m, const struct tb_msg *msg, tb_time when);
};

struct tb_atc;

/* Checks parameters, allocates. Call in `check`. NULL after errors, and for a cache without
 * entries. `node` is the group's; `counters` lie in the model's state. */
struct tb_atc *tb_atc_new(struct tb_model *m, const struct tb_atc_params *p,
                          const struct tb_atc_owner *owner, struct tb_atc_counters *counters,
                          const struct tb_node *node, struct tb_diag *diag);

/* Adds the transactions it can have open to *count; raises *bytes to what they need. */
void tb_atc_slots(const struct tb_atc *a, uint32_t *count, uint32_t *bytes);
void tb_atc_start(struct tb_atc *a);

/* Sends a request of the device, at `when` or as soon as its translation is there. What is not an
 * untranslated access to memory passes. Its transaction is complete but for that (tb_txn.iova,
 * length). */
void tb_atc_submit(struct tb_atc *a, const struct tb_msg *msg, tb_time when);

/* A message to the device. True: it was the cache's, credit and all. False: it is the device's; the
 * cache has taken note that a request was answered. */
bool tb_atc_recv(struct tb_atc *a, const struct tb_msg *msg, tb_credit credit, tb_time when);

/* A timer of the cache, counted from its first. */
void tb_atc_timer(struct tb_atc *a, unsigned timer, tb_time when);

/* A transaction was ended by somebody else. True: it was the cache's. */
bool tb_atc_retired(struct tb_atc *a, uint32_t txn, tb_time when);

/* Whether requests that were submitted have not left yet. */
bool tb_atc_holds(const struct tb_atc *a);

/* Where messages to the device go: the configuration space of its requester ID. */
void tb_atc_claims(const struct tb_atc *a, struct tb_ranges *out);

/* Firmware's knowledge: "ats" (1), "ats.depth" (invalidations it takes at once), "pri" (page
 * requests it can have open). `a` may be NULL: knows nothing. */
bool tb_atc_fact(const struct tb_atc *a, const char *key, uint64_t *out);

#endif
