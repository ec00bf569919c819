/* The driver of virtio block devices. It knows registers by their names, as firmware tells it, and
 * so not which transport they belong to.
 *
 * One queue, the device's first. A command takes one of `slots`: it has the slot's descriptors, or
 * one descriptor and the slot's indirect table, and the slot's header and status byte. All of that
 * lies in one range of the driver's memory, which is mapped for the device at its own address if
 * the platform decides about its DMA and an IOMMU translates it.
 */
#ifndef HOST_DRIVER_VIRTIO_H
#define HOST_DRIVER_VIRTIO_H

#include "host.h"

#include "spec/virtio.h"

enum virtio_register {
    VIRTIO_R_STATUS,
    VIRTIO_R_DEVICE_FEATURES_SEL,
    VIRTIO_R_DEVICE_FEATURES,
    VIRTIO_R_DRIVER_FEATURES_SEL,
    VIRTIO_R_DRIVER_FEATURES,
    VIRTIO_R_QUEUE_SEL,
    VIRTIO_R_QUEUE_MAX,
    VIRTIO_R_QUEUE_SIZE,
    VIRTIO_R_QUEUE_ENABLE,
    VIRTIO_R_DESC_LOW,
    VIRTIO_R_DESC_HIGH,
    VIRTIO_R_DRIVER_LOW,
    VIRTIO_R_DRIVER_HIGH,
    VIRTIO_R_DEVICE_LOW,
    VIRTIO_R_DEVICE_HIGH,
    VIRTIO_R_NOTIFY,
    VIRTIO_R_ISR,
    VIRTIO_R_SIZE_MAX,
    VIRTIO_R_SEG_MAX,
    VIRTIO_R_NEEDED, /* of those above; below: only some transports have it */
    VIRTIO_R_ISR_ACK = VIRTIO_R_NEEDED,
    VIRTIO_REGISTERS
};

#define HOST_VIRTIO_SLOTS   8u
#define HOST_VIRTIO_ENTRIES 128u /* of the queue at most */

/* A command as a step has it. */
struct virtio_command {
    uint32_t type; /* enum virtio_blk_type */
    uint64_t sector;
    const struct ide_region *regions; /* of data */
    size_t region_count;
    uint64_t at; /* GET_ID: where the answer is stored, if has_at */
    bool has_at, wait;
    uint8_t wanted; /* enum ide_outcome */
    tb_time timeout;
    const struct tb_node *node; /* the step, for messages */
    uint8_t answer[24];
};

struct virtio_slot {
    bool busy;
    uint32_t type;
    uint8_t wanted;
    uint64_t serial;                  /* which command it has, or had last: from 1 */
    const struct ide_region *regions; /* of its data */
    size_t region_count;
    const struct tb_node *node;
};

enum virtio_state { VIRTIO_UNTOUCHED, VIRTIO_RUNS, VIRTIO_DEAD };

struct host_virtio {
    struct host_device *device;
    struct host_register registers[VIRTIO_REGISTERS];
    struct host_line *line;
    struct host_virtio *next; /* on that line */
    enum virtio_state state;  /* dead: it was refused, or needs a reset */
    uint64_t features;
    uint32_t size, slots;       /* of the queue; commands at a time */
    uint64_t size_max, seg_max; /* of a segment in bytes, 0: none; segments */
    uint64_t memory, bytes;     /* physical; 0: not reserved */
    uint64_t bus;               /* where a device that is translated sees it */
    bool direct;                /* ... without a mapping */
    struct host_domain *mapped; /* that maps it */
    uint16_t offered, seen;     /* our available index; the used index as far as it was looked at */
    struct virtio_slot slot[HOST_VIRTIO_SLOTS];
    uint64_t issued, finished;
    bool holds;                 /* what `revoke` wants back */
    const struct tb_node *node; /* the step that gave the last command, for messages */
};

/* Finds the registers of a device that is one. */
void virtio_survey(struct host *h, struct host_device *d);
bool virtio_is_busy(const struct host_virtio *v); /* NULL: it is not */
struct host_line *virtio_line(const struct host_virtio *v);
/* Reserves the driver's memory. */
bool virtio_reserve(struct host *h, struct host_virtio *v, const struct tb_node *node,
                    struct tb_diag *diag);
/* Resets the device and brings it up with what it offers of job->wanted; HOST_DONE when it runs, or
 * was given up (`state` tells), which is a complaint unless `may_fail`. */
enum host_verdict virtio_bring_up(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                  bool may_fail, const struct tb_node *node, tb_time timeout,
                                  tb_time when);
/* Gives a command, brings the device up first if nobody has, and waits for its end if it says so.
 */
enum host_verdict virtio_run(struct host *h, struct host_virtio *v, struct virtio_command *c,
                             tb_time when);
/* Does a command under way go to [iova, last], by a translation? */
bool virtio_holds(const struct host_virtio *v, uint64_t iova, uint64_t last);
/* Has the device stop: a reset, which nobody waits for yet. */
void virtio_halt(struct host *h, const struct host_virtio *v);
/* Resets the device, waits for that (at most `timeout`), and fails what was under way. */
enum host_verdict virtio_abort(struct host *h, struct host_virtio *v, struct virtio_job *job,
                               tb_time timeout, tb_time when);
/* The handler of its interrupt. */
enum host_verdict virtio_handler(struct host *h, struct host_virtio *v, struct virtio_job *job,
                                 tb_time when);

#define VIRTIO_DRIVER_FEATURES                                                                     \
    (VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT |      \
     VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_SEG_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_BLK_SIZE |      \
     VIRTIO_BLK_F_FLUSH)

#endif
