/* Accesses to memory: cut into pieces, sent, and put together again. What they are for, rings or
 * data, is the owner's. Writes of one struct virtio_dma are all answered before its owner goes on,
 * so an index never passes what it tells of; posted ones keep their order by PCI's rules. */
#include "virtio/virtio.h"

#include <string.h>

void virtio_dma_begin_list(struct virtio_dma *d, const struct virtio_segment *segments,
                           struct virtio_place place, uint8_t *data, uint32_t length, bool write)
{
    d->segments = segments;
    d->place = place;
    d->data = data;
    d->length = length;
    d->asked = d->flying = 0;
    d->write = write;
    d->failed = false;
    d->live = true;
}

void virtio_dma_begin(struct virtio_dma *d, uint64_t address, uint8_t *data, uint32_t length,
                      bool write)
{
    d->one = (struct virtio_segment){.address = address, .length = length};
    virtio_dma_begin_list(d, &d->one, (struct virtio_place){0, 0}, data, length, write);
}

bool virtio_dma_over(const struct virtio_dma *d)
{
    return d->flying == 0 && (d->failed || d->asked == d->length);
}

void virtio_dma_drop(struct virtio *v, struct virtio_dma *d)
{
    for (uint64_t i = 0; d->flying > 0 && i < v->p.outstanding; i++)
        if (v->pieces[i].dma == d)
            v->pieces[i].dma = NULL;
    d->live = false;
    d->flying = 0;
}

static struct virtio_piece *free_piece(struct virtio *v)
{
    for (uint64_t i = 0; i < v->p.outstanding; i++)
        if (v->pieces[i].txn == TB_NO_TXN)
            return &v->pieces[i];
    return NULL;
}

/* The platform decides, if that was agreed on; else the hypervisor's own way, if there is one. */
static unsigned port_of(const struct virtio *v)
{
    bool platform = v->features & VIRTIO_F_ACCESS_PLATFORM;
    return !platform && v->has_memory_port ? VIRTIO_PORT_MEMORY : VIRTIO_PORT_BUS;
}

/* Where the next piece goes; it ends with the segment, a 4 KiB page, or a burst. */
static struct virtio_segment cut(const struct virtio *v, struct virtio_dma *d, unsigned port)
{
    while (d->place.at == d->segments[d->place.segment].length)
        d->place = (struct virtio_place){d->place.segment + 1, 0};
    const struct virtio_segment *s = &d->segments[d->place.segment];
    uint64_t address = s->address + d->place.at;
    uint32_t length = v->most[port][d->write], page = 4096 - (uint32_t)(address % 4096);
    if (length > page)
        length = page;
    if (length > s->length - d->place.at)
        length = s->length - d->place.at;
    if (length > d->length - d->asked)
        length = d->length - d->asked;
    d->place.at += length;
    return (struct virtio_segment){.address = address, .length = length};
}

static void fill_txn(struct tb_txn *t, const struct virtio *v, const struct virtio_dma *d,
                     const struct virtio_segment *to)
{
    t->iova = to->address;
    t->length = to->length;
    t->requester = v->p.id;
    t->write = d->write;
    t->at = TB_UNTRANSLATED;
    t->owner = d->job;
}

static void send_piece(struct tb_model *m, struct virtio_dma *d, tb_time now)
{
    struct virtio *v = m->state;
    struct virtio_piece *p = free_piece(v);
    unsigned port = port_of(v);
    uint32_t at = d->asked;
    struct virtio_segment to = cut(v, d, port);
    bool posted = d->write && v->p.posted;
    uint32_t txn = tb_txn_begin(m, TB_TXN_DMA, now);
    struct tb_msg msg = {.address = to.address,
                         .txn = txn,
                         .length = (uint16_t)to.length,
                         .requester = v->p.id,
                         .kind = d->write ? TB_WRITE : TB_READ,
                         .at = TB_UNTRANSLATED,
                         .space = TB_MEMORY,
                         .class = posted ? TB_POSTED : TB_NONPOSTED};

    *p = (struct virtio_piece){.txn = txn, .at = at, .length = to.length, .dma = posted ? NULL : d};
    fill_txn(tb_txn(m, txn), v, d, &to);
    if (d->write)
        memcpy(tb_txn(m, txn)->data, d->data + at, to.length);
    d->asked += to.length;
    d->flying += !posted;
    v->flying++;
    v->count.bursts++;
    tb_send(m, port, &msg, now, TB_NO_CREDIT);
}

static bool wants(const struct virtio_dma *d)
{
    return d->live && !d->failed && d->asked < d->length;
}

/* Owners take turns, a piece each. */
bool virtio_dma_step(struct tb_model *m, tb_time now)
{
    struct virtio *v = m->state;
    bool sent = false;

    if (v->broken || v->resetting || (v->transport->may_master && !v->transport->may_master(m)))
        return false;
    for (uint32_t idle = 0; v->flying < v->p.outstanding && idle < v->dma_count;) {
        struct virtio_dma *d = v->dmas[v->dma_next];
        v->dma_next = v->dma_next + 1 < v->dma_count ? v->dma_next + 1 : 0;
        idle = wants(d) ? 0 : idle + 1;
        if (idle)
            continue;
        send_piece(m, d, now);
        sent = true;
    }
    return sent;
}

void virtio_dma_answered(struct tb_model *m, uint32_t txn, enum tb_status status)
{
    struct virtio *v = m->state;

    for (uint64_t i = 0; i < v->p.outstanding; i++) {
        struct virtio_piece *p = &v->pieces[i];
        if (p->txn != txn)
            continue;
        struct virtio_dma *d = p->dma;
        v->flying--;
        v->count.faults += status != TB_OK;
        if (status != TB_OK && v->transport->failed)
            v->transport->failed(m, status);
        if (d) {
            d->flying--;
            d->failed = d->failed || status != TB_OK;
            if (!d->write && status == TB_OK)
                memcpy(d->data + p->at, tb_txn(m, txn)->data, p->length);
        }
        *p = (struct virtio_piece){.txn = TB_NO_TXN};
        return;
    }
}
