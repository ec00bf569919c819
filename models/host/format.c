/* What the driver does by way of an IOMMU's format. */
#include "host.h"

const struct host_format *host_format_of(uint64_t number)
{
    static const struct host_format *const formats[] = {&host_format_amdvi, &host_format_sun4m,
                                                        &host_format_gart};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (formats[i]->number == number)
            return formats[i];
    return NULL;
}

bool iommu_reserve(struct host *h, struct host_iommu *u, const struct tb_node *node,
                   struct tb_diag *diag)
{
    return u->format->reserve(h, u, node, diag);
}

enum host_verdict iommu_start(struct host *h, struct host_iommu *u)
{
    return u->state == IOMMU_RUNS ? HOST_DONE : u->format->start(h, u);
}

enum host_verdict iommu_attach(struct host *h, struct host_device *d, struct host_domain *domain,
                               enum host_mode mode, struct attach_job *job,
                               const struct tb_node *node, tb_time when)
{
    return d->iommu->format->attach(h, d, domain, mode, job, node, when);
}

enum host_verdict iommu_flush(struct host *h, struct host_iommu *u, struct flush_job *job,
                              bool wait, const struct tb_node *node, tb_time when)
{
    return u->format->flush(h, u, job, wait, node, when);
}

enum host_verdict iommu_handler(struct host *h, struct host_iommu *u, struct drain_job *job)
{
    return u->format->handler(h, u, job);
}

const char *table_step(struct host *h, struct table_job *job, tb_time when)
{
    const struct host_format *f = job->domain->iommu->format;
    unsigned room = job->guest ? GUEST_ACCESSES : f->stores;
    while (!job->over && host_room(h) >= room) {
        const char *wrong = job->guest   ? guest_entry(h, job, when)
                            : job->unmap ? f->unmap(h, job, when)
                                         : f->map(h, job, when);
        if (wrong)
            return wrong;
    }
    return NULL;
}

bool table_lookup(struct host *h, const struct host_domain *d, uint64_t iova, uint64_t *pa)
{
    return d->iommu->format->lookup(h, d, iova, pa);
}
