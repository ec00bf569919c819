/* What the parts of the translation cache share: its state, and what they ask of each other. */
#ifndef ATS_INTERNAL_H
#define ATS_INTERNAL_H

#include "ats/atc.h"
#include "spec/ats.h"

#define ATC_NONE          UINT32_MAX /* end of a list, no unit */
#define ATC_INVALIDATIONS ATS_ITAGS  /* the depth of the invalidate queue */

/* What became of a transaction of the simulator, as far as the cache knows. */
enum atc_state {
    ATC_IDLE,       /* not of the cache, or over */
    ATC_LOOKUP,     /* awaits its look-up */
    ATC_HELD,       /* awaits that an earlier posted write leaves */
    ATC_WAITS,      /* awaits a translation */
    ATC_FAILED,     /* awaits being answered */
    ATC_DIRECT,     /* awaits its completion, untranslated */
    ATC_TRANSLATED, /* awaits its completion, translated */
    ATC_ASK,        /* a translation request: `where` is which */
    ATC_PAGE        /* a page request: `where` is its group */
};

/* One per transaction of the simulator: a transaction has one message at a time. */
struct atc_request {
    struct tb_msg msg;     /* while it is here */
    tb_time since;         /* when it was submitted */
    tb_time due;           /* ATC_LOOKUP */
    uint32_t next;         /* in the list it waits in */
    uint32_t older, newer; /* ATC_TRANSLATED: in the list of those */
    uint32_t where;
    uint32_t against; /* ATC_TRANSLATED: invalidations that await its completion, a bit each */
    uint8_t state;    /* enum atc_state */
    uint8_t status;   /* ATC_FAILED: enum tb_status */
};

struct atc_list {
    uint32_t head, tail;
};

/* What a unit of addresses that is not cached awaits. */
enum atc_unit_state {
    UNIT_QUEUED, /* a translation request that is free */
    UNIT_ASKED,  /* the answer to one */
    UNIT_WANTED, /* room for a page request */
    UNIT_PAGED   /* the response to one */
};

/* One per line of `pending`, whose keys find them. */
struct atc_unit {
    uint64_t space, iova;
    struct atc_list waiters; /* requests */
    uint32_t newer, older;   /* UNIT_QUEUED, UNIT_WANTED: in that queue */
    uint32_t ask;            /* UNIT_ASKED */
    uint32_t tries;          /* page requests so far */
    uint8_t state;           /* enum atc_unit_state */
    bool write;              /* permission to write is asked for */
};

struct atc_units {
    uint32_t head, tail;
};

/* A translation request under way. */
struct atc_ask {
    uint64_t space, iova;
    uint64_t first, last; /* of all that was invalidated since, if any */
    uint32_t txn;         /* TB_NO_TXN: free */
    uint16_t count;       /* units asked for */
    bool write, overtaken;
};

struct atc_invalidation {
    struct tb_msg msg;
    tb_time since, due;
    uint32_t left; /* requests that stand against it */
    bool busy;
};

struct atc_group {
    uint32_t txns[32];
    uint32_t count, left; /* page requests, those that nobody ended */
    uint32_t unit;
    bool busy;
};

struct tb_atc {
    struct tb_model *m;
    const struct tb_atc_params *p;
    struct tb_atc_owner owner;
    struct tb_atc_counters *n;
    struct tb_iotlb cache;
    struct atc_request *requests;
    uint32_t total;          /* of them */
    struct atc_list lookups; /* requests */
    struct atc_list held;    /* requests behind a posted write that waits */
    struct atc_list failed;  /* requests to be answered */
    uint32_t inside;         /* requests submitted that have not left */
    uint32_t posted;         /* posted writes, not relaxed, that wait for a translation */
    uint32_t flying;         /* newest of the translated nonposted requests */
    struct tb_cache pending; /* units, by space and address */
    struct atc_unit *units;  /* per line of it */
    struct atc_units queued, wanted;
    struct atc_ask *asks;
    uint32_t asked;
    struct atc_invalidation invalidations[ATC_INVALIDATIONS];
    uint32_t answers[ATC_INVALIDATIONS]; /* ring: those that await their delay */
    uint32_t answer_head, answer_count;
    struct atc_group *groups;
    uint16_t group_of[PRI_GROUPS]; /* by index; pri.outstanding: none */
    uint32_t next_group, paged;    /* page requests open */
    bool pri;                      /* may ask for pages */
};

/* -- atc.c: requests --------------------------------------------------------------------------- */

static inline uint64_t atc_space(const struct tb_msg *msg)
{
    return msg->pasid | (uint64_t)msg->has_pasid << 20 | (uint64_t)msg->privileged << 21;
}

#define ATC_SPACE_HAS_PASID ((uint64_t)1 << 20)

static inline void atc_push(struct tb_atc *a, struct atc_list *l, uint32_t txn)
{
    a->requests[txn].next = ATC_NONE;
    *(l->head == ATC_NONE ? &l->head : &a->requests[l->tail].next) = txn;
    l->tail = txn;
}

static inline uint32_t atc_pop(struct tb_atc *a, struct atc_list *l)
{
    uint32_t txn = l->head;
    if (txn != ATC_NONE)
        l->head = a->requests[txn].next;
    return txn;
}

static inline struct atc_list atc_empty(void)
{
    return (struct atc_list){ATC_NONE, ATC_NONE};
}

/* A request that waited goes on its way; a translated one through `page`. */
void atc_go(struct tb_atc *a, uint32_t txn, const struct tb_page *page, tb_time when);
void atc_go_untranslated(struct tb_atc *a, uint32_t txn, tb_time when);
/* It will be answered with `status`, at this instant but not within this call. */
void atc_fail(struct tb_atc *a, uint32_t txn, enum tb_status status, tb_time when);
/* Whether `page` lets it pass. */
bool atc_allowed(const struct tb_atc *a, uint32_t txn, const struct tb_page *page);
/* Requests behind a posted write may go if none waits any more. */
void atc_release(struct tb_atc *a, tb_time when);

/* -- pending.c: units that are asked for --------------------------------------------------------
 */

bool atc_pending_make(struct tb_atc *a);
/* Makes a request wait for its unit, which is asked for if it is not yet. With txn ATC_NONE nobody
 * waits. */
void atc_want(struct tb_atc *a, uint32_t txn, const struct tb_msg *msg, tb_time when);
/* Sends translation requests while there are units queued, and any is free. */
void atc_ask_more(struct tb_atc *a, tb_time when);
/* The answer to one. */
void atc_take_translation(struct tb_atc *a, const struct tb_msg *msg, tb_time when);
/* A unit is to be asked for again, or (without waiters) forgotten. */
void atc_again(struct tb_atc *a, uint32_t unit);
/* All that wait for a unit fail. */
void atc_fail_unit(struct tb_atc *a, uint32_t unit, enum tb_status status, tb_time when);
void atc_queue(struct tb_atc *a, struct atc_units *q, uint32_t unit, enum atc_unit_state state);
uint32_t atc_queue_pop(struct tb_atc *a, struct atc_units *q);

/* -- invalidate.c -------------------------------------------------------------------------------
 */

void atc_invalidate(struct tb_atc *a, const struct tb_msg *msg, tb_time when);
void atc_invalidate_timer(struct tb_atc *a, tb_time when);
/* A translated request was answered. */
void atc_landed(struct tb_atc *a, uint32_t txn, tb_time when);

/* -- pri.c --------------------------------------------------------------------------------------
 */

void atc_pri_make(struct tb_atc *a);
/* Asks for the page of a unit without permission; false: cannot. */
bool atc_pri_want(struct tb_atc *a, uint32_t unit, tb_time when);
void atc_pri_response(struct tb_atc *a, const struct tb_msg *msg, tb_time when);
void atc_pri_retired(struct tb_atc *a, uint32_t txn, tb_time when);

#endif
