/* Page requests (PCIe 10.4): a page without permission is asked for, and what the response does. */
#include "ats/internal.h"

void atc_pri_make(struct tb_atc *a)
{
    uint64_t most = a->p->has_pri ? a->p->pri.outstanding : 0;
    a->pri = a->p->has_pri;
    a->groups = tb_alloc(a->m, most + 1, sizeof *a->groups);
    for (unsigned i = 0; i < PRI_GROUPS; i++)
        a->group_of[i] = (uint16_t)most;
}

/* An index that is not in use: there are more than groups. */
static uint32_t free_index(struct tb_atc *a)
{
    while (a->group_of[a->next_group] != a->p->pri.outstanding)
        a->next_group = (a->next_group + 1) % PRI_GROUPS;
    uint32_t index = a->next_group;
    a->next_group = (a->next_group + 1) % PRI_GROUPS;
    return index;
}

static uint32_t free_group(const struct tb_atc *a)
{
    uint32_t g = 0;
    while (a->groups[g].busy)
        g++;
    return g;
}

/* One page of a group. Its transaction lives until the response. */
static uint32_t send_page(struct tb_atc *a, const struct atc_unit *u, uint64_t address,
                          uint32_t index, bool last, tb_time when)
{
    uint32_t txn = tb_txn_begin(a->m, TB_TXN_PAGE_REQUEST, when);
    struct tb_txn *t = tb_txn(a->m, txn);
    struct tb_msg msg = {.address = 0, /* the IOMMU */
                         .txn = txn,
                         .requester = a->owner.id,
                         .tag = (uint16_t)index,
                         .kind = TB_PAGE_REQUEST,
                         .class = TB_POSTED,
                         .space = TB_CONFIG,
                         .pasid = u->space & 0xfffff,
                         .has_pasid = (u->space & ATC_SPACE_HAS_PASID) != 0,
                         .privileged = u->space >> 21 & 1,
                         .last = last};
    t->iova = address;
    t->requester = a->owner.id;
    t->tag = index & 0xfff;
    t->value[0] =
        ATS_R | (u->write ? ATS_W : 0) | (last ? PRI_LAST : 0) | (msg.privileged ? ATS_PRIV : 0);
    t->has_pasid = msg.has_pasid;
    t->pasid = msg.pasid;
    a->n->page_requests++;
    a->paged++;
    tb_send(a->m, a->owner.port, &msg, when, TB_NO_CREDIT);
    return txn;
}

static void send_group(struct tb_atc *a, uint32_t unit, tb_time when)
{
    struct atc_unit *u = &a->units[unit];
    uint32_t number = free_group(a), index = free_index(a);
    struct atc_group *g = &a->groups[number];
    uint64_t room = (~u->iova / a->p->unit) + 1; /* units up to the end of the address space */
    uint32_t count = (uint32_t)(room < a->p->pri.group ? room : a->p->pri.group);
    *g = (struct atc_group){.count = count, .left = count, .unit = unit, .busy = true};
    a->group_of[index] = (uint16_t)number;
    u->state = UNIT_PAGED;
    u->tries++;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t address = u->iova + i * a->p->unit;
        g->txns[i] = send_page(a, u, address, index, i + 1 == count, when);
        a->requests[g->txns[i]].state = ATC_PAGE;
        a->requests[g->txns[i]].where = index;
    }
}

static void page_more(struct tb_atc *a, tb_time when)
{
    while (a->wanted.head != ATC_NONE && a->paged + a->p->pri.group <= a->p->pri.outstanding)
        send_group(a, atc_queue_pop(a, &a->wanted), when);
}

bool atc_pri_want(struct tb_atc *a, uint32_t unit, tb_time when)
{
    if (!a->pri || a->units[unit].tries >= a->p->pri.tries)
        return false;
    atc_queue(a, &a->wanted, unit, UNIT_WANTED);
    page_more(a, when);
    return true;
}

/* -- Responses --------------------------------------------------------------------------------- */

/* What nobody booked is the time that software took. */
static void end_page(struct tb_atc *a, uint32_t txn, unsigned code, tb_time when)
{
    struct tb_txn *t = tb_txn(a->m, txn);
    tb_time spent = 0;
    for (unsigned p = 0; p < TB_PARTS; p++)
        spent += t->spent[p];
    tb_txn_spend(a->m, txn, TB_PART_QUEUE, when - t->created - spent);
    t->value[1] = code;
    a->requests[txn].state = ATC_IDLE;
    tb_txn_end(a->m, txn,
               code == PRI_SUCCESS   ? TB_OK
               : code == PRI_INVALID ? TB_FAULT
                                     : TB_ABORT,
               when);
}

/* Code 15: the device asks no more (10.4.2.1), and what waits fails. */
static void give_up(struct tb_atc *a, tb_time when)
{
    uint32_t unit;
    a->pri = false;
    while ((unit = atc_queue_pop(a, &a->wanted)) != ATC_NONE)
        atc_fail_unit(a, unit, TB_FAULT, when);
}

/* The group is over; with PRI_SUCCESS the unit's translation is asked for again. */
static void conclude(struct tb_atc *a, uint32_t index, unsigned code, tb_time when)
{
    struct atc_group *g = &a->groups[a->group_of[index]];
    a->group_of[index] = (uint16_t)a->p->pri.outstanding;
    g->busy = false;
    a->paged -= g->count;
    if (code == PRI_SUCCESS)
        atc_again(a, g->unit);
    else
        atc_fail_unit(a, g->unit, TB_FAULT, when);
    if (code != PRI_SUCCESS && code != PRI_INVALID)
        give_up(a, when);
    page_more(a, when);
    atc_ask_more(a, when);
}

void atc_pri_response(struct tb_atc *a, const struct tb_msg *msg, tb_time when)
{
    uint32_t index = msg->tag % PRI_GROUPS;
    struct tb_txn *t = tb_txn(a->m, msg->txn);
    unsigned code = (unsigned)t->value[0];
    bool known = a->p->has_pri && a->group_of[index] != a->p->pri.outstanding;
    t->to = a->m->index;
    tb_txn_end(a->m, msg->txn, known ? TB_OK : TB_UNSUPPORTED, when);
    if (!known) {
        a->n->unexpected++;
        return;
    }
    a->n->page_responses++;
    const struct atc_group *g = &a->groups[a->group_of[index]];
    for (uint32_t i = 0; i < g->count; i++)
        if (g->txns[i] != TB_NO_TXN)
            end_page(a, g->txns[i], code, when);
    conclude(a, index, code, when);
}

/* Nobody takes page requests: when all of a group are back, it is as if it had been refused. */
void atc_pri_retired(struct tb_atc *a, uint32_t txn, tb_time when)
{
    uint32_t index = a->requests[txn].where;
    struct atc_group *g = &a->groups[a->group_of[index]];
    a->requests[txn].state = ATC_IDLE;
    for (uint32_t i = 0; i < g->count; i++)
        if (g->txns[i] == txn)
            g->txns[i] = TB_NO_TXN;
    if (--g->left == 0)
        conclude(a, index, PRI_INVALID, when);
}
