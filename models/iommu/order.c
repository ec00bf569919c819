/* Order: a requester does not pass its own posted writes. */
#include "internal.h"

void tb_order_add(struct tb_iommu *u, uint32_t txn)
{
    struct tb_request *r = &u->requests[txn];
    r->posted_older = u->posted.tail;
    r->posted_newer = TB_NOTHING;
    if (u->posted.head == TB_NOTHING)
        u->posted.head = txn;
    else
        u->requests[u->posted.tail].posted_newer = txn;
    u->posted.tail = txn;
}

static void posted_remove(struct tb_iommu *u, uint32_t txn)
{
    struct tb_request *r = &u->requests[txn];
    *(r->posted_older == TB_NOTHING ? &u->posted.head
                                    : &u->requests[r->posted_older].posted_newer) = r->posted_newer;
    *(r->posted_newer == TB_NOTHING ? &u->posted.tail
                                    : &u->requests[r->posted_newer].posted_older) = r->posted_older;
}

bool tb_order_must_wait(const struct tb_iommu *u, const struct tb_request *r)
{
    if (r->msg.relaxed)
        return false;
    for (uint32_t i = u->posted.head; i != TB_NOTHING && u->requests[i].order < r->order;
         i = u->requests[i].posted_newer)
        if (u->requests[i].msg.requester == r->msg.requester)
            return true;
    return false;
}

/* A posted write has left: what it held up may go. Goes round again when that lets go another one.
 */
static void release_held(struct tb_iommu *u, tb_time when)
{
    u->again = true;
    if (u->releasing)
        return;
    u->releasing = true;
    while (u->again) {
        struct tb_list held = u->held;
        uint32_t txn;
        u->again = false;
        u->held = tb_list_empty();
        while ((txn = tb_list_pop(u, &held)) != TB_NOTHING)
            tb_request_depart(u, txn, when);
    }
    u->releasing = false;
}

void tb_order_gone(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    posted_remove(u, txn);
    if (u->held.head != TB_NOTHING || u->releasing)
        release_held(u, when);
    if (u->passing.head != TB_NOTHING)
        tb_timer_set(u->m, TB_IOMMU_PASS, tb_max(when, u->requests[u->passing.head].due));
}
