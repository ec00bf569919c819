/* Page requests (PRI): the IOMMU's log of them, the driver's policy, the response.
 *
 * The handler of the IOMMU's interrupt reads the log entry by entry, as it reads events. What the
 * policy maps is mapped by the stores that `map` does; behind the last page of a group goes
 * COMPLETE_PPR_REQUEST with the worst code of the group. AMD IOMMU (48882), 2.4.7 and 2.6.
 */
#include "host.h"

#include "spec/amdvi.h"
#include "spec/ats.h"

#define RING_BYTES HOST_PAGE
#define LOOKS_MAX  10000 /* at a command ring that stays full: then the response is given up */

bool request_reserve(struct host *h, struct host_iommu *u, const struct tb_node *node,
                     struct tb_diag *diag)
{
    if (!u->has_line || !u->ppr_base.size) {
        tb_diag_node(diag, node, "'%s' cannot tell of page requests: it has no interrupt ('irq')",
                     u->model->name);
        return false;
    }
    if (!u->requests_at)
        u->requests_at = host_memory(h, RING_BYTES, HOST_PAGE);
    if (!u->requests_at)
        tb_diag_node(diag, node, "the driver has no memory for a log of page requests");
    return u->requests_at != 0;
}

enum {
    REQUEST_AWAITS_NOTHING,
    REQUEST_AWAITS_STATUS,
    REQUEST_AWAITS_TAIL,
    REQUEST_AWAITS_RECORD,
    REQUEST_AWAITS_TABLES,
    REQUEST_AWAITS_ROOM,
    REQUEST_AWAITS_RESPONSE,
    REQUEST_AWAITS_END
};

static struct host_device *device_of(struct host *h, const struct host_iommu *u, uint16_t id)
{
    for (size_t i = 0; i < h->device_count; i++)
        if (h->devices[i].id == id && h->devices[i].iommu == u)
            return &h->devices[i];
    return NULL;
}

static uint32_t pasid_of(uint64_t q)
{
    return (uint32_t)(q >> AMDVI_PPR_PASID_LOW_SHIFT & 0xffff) |
           (uint32_t)(q >> AMDVI_PPR_PASID_HIGH_SHIFT & 0xf) << 16;
}

/* -- One request --------------------------------------------------------------------------------
 */

static void worsen(struct host_device *d, unsigned code)
{
    if (code > d->pri.code)
        d->pri.code = code;
}

/* The page to give; 0: none. */
static uint64_t page_for(struct host_device *d, uint64_t iova)
{
    struct host_pri *p = &d->pri;
    if (p->policy == HOST_PRI_IDENTITY)
        return iova;
    if (p->size - p->used < HOST_PAGE)
        return 0;
    p->used += HOST_PAGE;
    return p->pool + p->used - HOST_PAGE;
}

static bool begin_mapping(struct host *h, struct request_job *job, struct host_device *d)
{
    uint64_t iova = job->record[1] & ~(uint64_t)(HOST_PAGE - 1), ignored;
    bool of_guest = job->record[0] & AMDVI_PPR_GN;
    struct host_guest *guest = of_guest ? guest_of(h, d, pasid_of(job->record[0])) : NULL;
    if (of_guest ? !guest || !guest->root : d->mode != HOST_TRANSLATE || !d->domain->root)
        return false;
    if (!of_guest && table_lookup(h, d->domain, iova, &ignored))
        return true; /* by an earlier request: nothing to do */
    uint64_t page = page_for(d, iova);
    if (!page)
        return false;
    job->table = (struct table_job){.domain = d->domain,
                                    .guest = guest,
                                    .start = iova,
                                    .iova = iova,
                                    .last = iova + HOST_PAGE - 1,
                                    .pa = page,
                                    .page = HOST_PAGE,
                                    .permissions = HOST_MAY_READ | HOST_MAY_WRITE,
                                    .node = d->pri.node};
    return true;
}

/* By the policy: maps it, or knows the answer at once. */
static void decide(struct host *h, const struct host_iommu *u, struct request_job *job,
                   tb_time when)
{
    struct host_device *d = device_of(h, u, (uint16_t)(job->record[0] & AMDVI_PPR_DEVICE));
    job->device = d;
    job->table = (struct table_job){.over = true};
    job->phase = REQUEST_AWAITS_TABLES;
    h->count.page_requests++;
    if (!d)
        return;
    host_spend(h, when, d->pri.time);
    if (d->pri.policy == HOST_PRI_INVALID)
        worsen(d, PRI_INVALID);
    else if (d->pri.policy == HOST_PRI_FAILURE)
        worsen(d, PRI_FAILURE);
    else if (d->pri.policy != HOST_PRI_IGNORE && !begin_mapping(h, job, d))
        worsen(d, PRI_FAILURE);
}

static enum host_verdict map_page(struct host *h, struct request_job *job, tb_time when)
{
    bool mapping = !job->table.over;
    const char *wrong = mapping ? table_step(h, &job->table, when) : NULL;
    if (wrong) {
        worsen(job->device, PRI_FAILURE);
        job->table.over = true;
    }
    h->count.page_faults_mapped += mapping && !wrong && job->table.over;
    if (h->flow->count || !job->table.over)
        return HOST_AGAIN;
    job->looks = 0;
    job->phase = REQUEST_AWAITS_ROOM;
    return HOST_DONE;
}

/* The response, behind the last of a group: COMPLETE_PPR_REQUEST. */
static void respond(struct host *h, struct host_iommu *u, struct request_job *job)
{
    struct host_device *d = job->device;
    uint64_t q = job->record[0], command[2];
    bool guest = q & AMDVI_PPR_GN;
    unsigned code = d ? d->pri.code : PRI_FAILURE;
    command[0] = (uint64_t)AMDVI_COMPLETE_PPR_REQUEST << AMDVI_OPCODE_SHIFT |
                 (q & AMDVI_PPR_DEVICE) |
                 (guest ? (uint64_t)pasid_of(q) << AMDVI_COMPLETE_PASID_SHIFT : 0);
    command[1] = (q >> AMDVI_PPR_TAG_SHIFT & (PRI_GROUPS - 1)) << AMDVI_COMPLETE_TAG_SHIFT |
                 (uint64_t)code << AMDVI_COMPLETE_STATUS_SHIFT | (guest ? AMDVI_COMPLETE_GN : 0);
    if (d)
        d->pri.code = PRI_SUCCESS;
    h->count.page_responses++;
    h->count.page_failures += code != PRI_SUCCESS;
    iommu_give(h, u, command);
}

static void next(struct host_iommu *u, struct request_job *job)
{
    u->request_head = (u->request_head + AMDVI_RING_ENTRY) % RING_BYTES;
    job->phase = REQUEST_AWAITS_TAIL;
}

/* Where the ring has no room, the handler looks until it has: the IOMMU goes on meanwhile. */
static enum host_verdict answer(struct host *h, struct host_iommu *u, struct request_job *job)
{
    bool last = job->record[0] & AMDVI_PPR_LAST;
    bool ignored = job->device && job->device->pri.policy == HOST_PRI_IGNORE;
    if (job->looks)
        iommu_saw_head(u);
    if (!last || ignored || job->looks == LOOKS_MAX) {
        next(u, job);
        return HOST_DONE;
    }
    if (!iommu_has_room(u)) {
        job->looks++;
        host_read(h, u->cmd_head, &u->head);
        return HOST_AGAIN;
    }
    respond(h, u, job);
    job->phase = REQUEST_AWAITS_RESPONSE;
    return HOST_AGAIN;
}

/* -- The log ------------------------------------------------------------------------------------
 */

static enum host_verdict next_record(struct host *h, struct host_iommu *u, struct request_job *job)
{
    uint64_t tail = job->tail & AMDVI_RING_POINTER & (RING_BYTES - 1);
    if (u->request_head != tail) {
        host_load(h, u->requests_at + u->request_head, 8, &job->record[0]);
        host_load(h, u->requests_at + u->request_head + 8, 8, &job->record[1]);
        job->phase = REQUEST_AWAITS_RECORD;
        return HOST_AGAIN;
    }
    host_write(h, u->ppr_head, u->request_head);
    if (job->status & AMDVI_STATUS_PPR_OVERFLOW) { /* stopped at its end: started again */
        host_write(h, u->control, u->control_value & ~AMDVI_CONTROL_PPR_LOG);
        host_write(h, u->status, AMDVI_STATUS_PPR_OVERFLOW);
        host_write(h, u->control, u->control_value);
    }
    job->phase = REQUEST_AWAITS_END;
    return HOST_AGAIN;
}

/* The interrupt bit is cleared before the tail is read: what comes later interrupts again. */
static enum host_verdict clear_status(struct host *h, struct host_iommu *u, struct request_job *job)
{
    if (!(job->status & (AMDVI_STATUS_PPR_INT | AMDVI_STATUS_PPR_OVERFLOW)))
        return HOST_DONE;
    host_write(h, u->status, AMDVI_STATUS_PPR_INT);
    host_read(h, u->ppr_tail, &job->tail);
    job->phase = REQUEST_AWAITS_TAIL;
    return HOST_AGAIN;
}

enum host_verdict request_handler(struct host *h, struct host_iommu *u, struct request_job *job,
                                  tb_time when)
{
    if (!u->requests_at || u->state != IOMMU_RUNS)
        return HOST_DONE;
    for (;;) {
        enum host_verdict v = HOST_DONE;
        switch (job->phase) {
        case REQUEST_AWAITS_NOTHING:
            host_read(h, u->status, &job->status);
            job->phase = REQUEST_AWAITS_STATUS;
            return HOST_AGAIN;
        case REQUEST_AWAITS_STATUS:
            return clear_status(h, u, job);
        case REQUEST_AWAITS_TAIL:
            return next_record(h, u, job);
        case REQUEST_AWAITS_RECORD:
            decide(h, u, job, when);
            break;
        case REQUEST_AWAITS_TABLES:
            v = map_page(h, job, when);
            break;
        case REQUEST_AWAITS_ROOM:
            v = answer(h, u, job);
            break;
        case REQUEST_AWAITS_RESPONSE:
            next(u, job);
            break;
        default:
            return HOST_DONE;
        }
        if (v != HOST_DONE)
            return v;
    }
}
