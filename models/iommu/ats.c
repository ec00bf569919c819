/* ATS as the IOMMU sees it: translation requests (PCIe 10.2), and translated requests.
 *
 * A translation request is looked up like any other, page by page of those it asks for, and
 * answered with the bytes of a completion. Pages that are not there, or that nothing may be done
 * with, are answered all the same: R and W are clear (10.2.3), and no event is logged. What was
 * invalidated while it waited is looked up again, so an answer is never older than the last
 * invalidation before it.
 */
#include "internal.h"

/* A device that may use ATS has checked the translation itself; another one has forged it. */
void tb_ats_translated(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    if (!u->requests[txn].context.ats) {
        tb_request_refuse(u, txn, TB_REFUSE_NOT_ATS, when);
        return;
    }
    u->n->pretranslated++;
    tb_request_depart(u, txn, when);
}

static unsigned pages_wanted(const struct tb_txn *t)
{
    unsigned pages = t->length / ATS_ENTRY;
    return pages < ATS_MAX_PAGES ? pages : ATS_MAX_PAGES;
}

/* -- Answers --------------------------------------------------------------------------------- */

static void begin_again(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    r->answered = 0;
    r->changes = u->changes;
    r->msg.address = tb_txn(u->m, txn)->iova;
    tb_devtab_lookup(u, txn, when);
}

static void finish(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    struct tb_txn *t = tb_txn(u->m, txn);
    if (r->changes != u->changes) {
        begin_again(u, txn, when);
        return;
    }
    t->to = u->m->index;
    t->value[0] = tb_load64(t->data);
    t->value[1] = r->answered;
    r->msg.address = t->iova;
    r->msg.length = (uint16_t)(r->answered * ATS_ENTRY);
    tb_request_answer(u, txn, TB_OK, when);
}

/* Adds a page to the answer, and goes on with the next one: the one after it, if it is of 4 KiB. */
static void add(struct tb_iommu *u, uint32_t txn, uint64_t entry, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    struct tb_txn *t = tb_txn(u->m, txn);
    uint64_t next = r->msg.address + 4096;
    tb_store64(t->data + (size_t)ATS_ENTRY * r->answered++, entry);
    if (r->answered >= pages_wanted(t) || entry & ATS_S || next < r->msg.address) {
        finish(u, txn, when);
        return;
    }
    r->msg.address = next;
    tb_ats_next(u, txn, when);
}

/* What the device may do with a page, in a completion's bits. */
static uint64_t rights(const struct tb_request *r, uint8_t perm)
{
    uint64_t bits = 0;
    if (!r->guest || r->msg.privileged || perm & TB_PERM_USER)
        bits = (perm & TB_PERM_READ ? ATS_R : 0) |
               (perm & TB_PERM_WRITE && !r->msg.no_write ? ATS_W : 0);
    if (!bits)
        return 0;
    if (r->guest && r->msg.execute && perm & TB_PERM_EXEC)
        bits |= ATS_EXE;
    if (r->guest && r->msg.has_pasid)
        bits |= (r->msg.privileged ? ATS_PRIV : 0) | (perm & TB_PERM_GLOBAL ? ATS_GLOBAL : 0);
    return bits | (perm & TB_PERM_UNTRANSLATED ? ATS_U : 0) | (perm & TB_PERM_COHERENT ? ATS_N : 0);
}

/* Pages larger than physical addresses go are answered as the part that holds the address. */
void tb_ats_page(struct tb_iommu *u, uint32_t txn, const struct tb_page *page, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    struct tb_txn *t = tb_txn(u->m, txn);
    unsigned shift = page->shift < 51 ? page->shift : 51;
    uint64_t pa = page->pa | (r->msg.address - page->iova);
    uint64_t bits = rights(r, tb_request_perm(r, page->perm));
    bool last = r->answered && shift > 12; /* pages of one answer are of one size */
    if (bits && !r->answered && !t->has_pa) {
        t->pa = pa;
        t->has_pa = 1;
    }
    if (!bits)
        u->n->denied++;
    if (last)
        finish(u, txn, when);
    else
        add(u, txn, bits ? ats_code(pa, shift) | bits : 0, when);
}

/* -- What stands in the way ------------------------------------------------------------------ */

static bool merely_lacks(enum tb_refusal refusal)
{
    return refusal == TB_REFUSE_ABSENT || refusal == TB_REFUSE_TOO_HIGH ||
           refusal == TB_REFUSE_PERMISSION || refusal == TB_REFUSE_NO_TRANSLATION ||
           refusal == TB_REFUSE_NO_PASID;
}

bool tb_ats_refused(struct tb_iommu *u, uint32_t txn, enum tb_refusal refusal, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    if (r->changes != u->changes) {
        begin_again(u, txn, when);
    } else if (merely_lacks(refusal)) {
        u->n->denied++;
        add(u, txn, 0, when);
    } else if (r->answered) { /* what is broken will be reported when it is asked for first */
        finish(u, txn, when);
    } else {
        return false;
    }
    return true;
}

/* -- The way of a translation request -------------------------------------------------------- */

/* Untranslated, with the permissions of the device's entry, or all in the exclusion range. */
static void same_address(struct tb_iommu *u, uint32_t txn, uint8_t perm, tb_time when)
{
    uint64_t address = u->requests[txn].msg.address & ATS_ADDRESS;
    struct tb_page page = {.iova = address, .pa = address, .shift = 12, .perm = perm};
    tb_ats_page(u, txn, &page, when);
}

void tb_ats_next(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    const struct tb_context *c = &r->context;
    enum tb_refusal refusal = tb_request_space(u, r);
    if (tb_request_excluded(u, r)) {
        r->context.perm = TB_PERM_READ | TB_PERM_WRITE;
        same_address(u, txn, c->perm, when);
    } else if (c->kind == TB_CONTEXT_REFUSE) {
        tb_request_refuse(u, txn, c->refusal, when);
    } else if (refusal != TB_REFUSE_NOTHING) {
        tb_request_refuse(u, txn, refusal, when);
    } else if (r->guest || c->kind == TB_CONTEXT_TABLE) {
        tb_request_look_up_page(u, txn, when);
    } else {
        same_address(u, txn, c->perm, when);
    }
}

void tb_ats_begin(struct tb_iommu *u, uint32_t txn, tb_time when)
{
    struct tb_request *r = &u->requests[txn];
    r->msg.address &= ATS_ADDRESS;
    if (!r->context.ats)
        tb_request_refuse(u, txn, TB_REFUSE_NOT_ATS, when);
    else
        tb_ats_next(u, txn, when);
}
