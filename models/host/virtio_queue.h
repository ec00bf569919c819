/* The virtio driver's parts share: where queue and requests are in the driver's memory, and access
 * to registers. */
#ifndef HOST_VIRTIO_QUEUE_H
#define HOST_VIRTIO_QUEUE_H

#include "driver_virtio.h"

enum {
    VIRTIO_AT_HEADER = 0,
    VIRTIO_AT_STATUS = 16,
    VIRTIO_AT_ANSWER = 32,
    VIRTIO_AT_TABLE = 64
}; /* in a slot */

static inline uint64_t virtio_avail_at(const struct host_virtio *v)
{
    return v->memory + VIRTIO_DESC_BYTES * HOST_VIRTIO_ENTRIES;
}

static inline uint64_t virtio_used_at(const struct host_virtio *v)
{
    return virtio_avail_at(v) +
           ((VIRTIO_AVAIL_BYTES(HOST_VIRTIO_ENTRIES) + 3) & ~3u); /* 2.7: by four */
}

#define VIRTIO_SLOT_BYTES (VIRTIO_AT_TABLE + VIRTIO_DESC_BYTES * HOST_VIRTIO_ENTRIES)
#define VIRTIO_QUEUE_BYTES                                                                         \
    ((VIRTIO_DESC_BYTES * HOST_VIRTIO_ENTRIES + VIRTIO_AVAIL_BYTES(HOST_VIRTIO_ENTRIES) + 3 +      \
      VIRTIO_USED_BYTES(HOST_VIRTIO_ENTRIES) + 63) &                                               \
     ~63u)

static inline uint64_t virtio_slot_at(const struct host_virtio *v, unsigned slot)
{
    return v->memory + VIRTIO_QUEUE_BYTES + (uint64_t)VIRTIO_SLOT_BYTES * slot;
}

static inline bool virtio_has(const struct host_virtio *v, uint64_t feature)
{
    return v->features & feature;
}

/* An address of the driver's memory, as the device uses it. */
static inline uint64_t virtio_seen_by_device(const struct host_virtio *v, uint64_t pa)
{
    return virtio_has(v, VIRTIO_F_ACCESS_PLATFORM) ? pa - v->memory + v->bus : pa;
}

/* Descriptors that a slot has of its own in the queue. */
static inline uint32_t virtio_share(const struct host_virtio *v)
{
    return v->size / v->slots;
}

static inline void virtio_set(struct host *h, const struct host_virtio *v, enum virtio_register r,
                              uint64_t value)
{
    host_write(h, v->registers[r], value);
}

static inline void virtio_get(struct host *h, const struct host_virtio *v, enum virtio_register r,
                              uint64_t *to)
{
    host_read(h, v->registers[r], to);
}

/* Nothing of what is under way will end: the device is dead (2.1.2), or was reset. */
void virtio_fail_commands(struct host *h, struct host_virtio *v, tb_time when);

#endif
