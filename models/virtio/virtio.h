/* A virtio block device's own structures: shared by device.c (class, messages, interrupt), status.c
 * (status, features, reset), dma.c (its accesses to memory), queue.c (virtqueues), blk.c (requests)
 * and the transports pci.c and mmio.c.
 *
 * Two halves. The device (device, status, dma, queue, blk) knows status, features, queues and
 * requests, and that registers reach it and accesses leave it somehow. A transport (struct
 * virtio_transport) knows where the registers are and what they look like, and calls the functions
 * below. Neither knows of bridges or IOMMUs: with VIRTIO_F_ACCESS_PLATFORM accesses leave by the
 * port of the transport, where the platform translates them or does not; without it by the port
 * `memory` if that is linked (the hypervisor's own way to the guest's memory), else by the
 * transport's too.
 *
 * Invariants: at most `outstanding` accesses are on their way, each with its place in `pieces`;
 * every access belongs to one struct virtio_dma, whose owner goes on when its last byte has moved;
 * all waiting is in states, and virtio_step goes on wherever something can. What a driver writes
 * into rings, registers or requests can make the device ask for a reset, never more.
 */
#ifndef VIRTIO_VIRTIO_H
#define VIRTIO_VIRTIO_H

#include "medium/medium.h"
#include "pci/config.h"
#include "spec/virtio.h"
#include "tollbridge/model.h"

#define VIRTIO_IRQ_SLOTS  4 /* interrupt messages that may be on their way */
#define VIRTIO_QUEUES_MAX 16
#define VIRTIO_SIZE_MAX   1024 /* entries of a queue */

enum virtio_platform { VIRTIO_PLATFORM_NO, VIRTIO_PLATFORM_OFFERED, VIRTIO_PLATFORM_REQUIRED };
enum virtio_on_fault { VIRTIO_FAULT_RESET, VIRTIO_FAULT_IOERR };

struct virtio_params {
    uint16_t id;
    uint64_t irq, base;
    uint64_t queues, queue_size, requests, buffer;
    uint64_t burst, outstanding;
    bool posted;
    unsigned access_platform, on_fault;
    bool indirect, event_idx, read_only, flush, discard;
    uint64_t block_size, size_max, seg_max, discard_max;
    bool has_seg_max;
    const char *serial;
    tb_time register_latency, overhead, flush_time;
    struct tb_medium_params medium;
};

/* -- Accesses to memory (dma.c) -------------------------------------------------------------- */

struct virtio_segment {
    uint64_t address;
    uint32_t length; /* >= 1 */
    bool write;      /* for the device to write */
};

/* A place in a list of segments. */
struct virtio_place {
    uint32_t segment, at;
};

/* Bytes moved between `data` and a list of segments, from a place on. */
struct virtio_dma {
    const struct virtio_segment *segments;
    struct virtio_place place; /* of the next byte to be asked for; at the end: behind the last */
    struct virtio_segment one; /* the list, where there is no other */
    uint8_t *data;
    uint32_t length, asked, flying; /* bytes in all; bytes; accesses */
    bool live, write, failed;
    uint32_t job; /* transaction number of the request it is for, as `owner` of its own */
};

struct virtio_piece {
    uint32_t txn; /* TB_NO_TXN: free */
    uint32_t at, length;
    struct virtio_dma *dma; /* NULL: nobody waits for it any more */
};

/* -- Requests (blk.c) ------------------------------------------------------------------------ */

/* What a request awaits. */
enum virtio_request_state {
    VIRTIO_REQUEST_FREE,
    VIRTIO_REQUEST_CHAIN,   /* a descriptor */
    VIRTIO_REQUEST_HEADER,  /* its first 16 bytes */
    VIRTIO_REQUEST_GATHER,  /* data from memory */
    VIRTIO_REQUEST_SERVICE, /* the medium */
    VIRTIO_REQUEST_SCATTER, /* data to memory */
    VIRTIO_REQUEST_STATUS,  /* its status byte's way to memory */
    VIRTIO_REQUEST_USED     /* its turn at the used ring */
};

struct virtio_request {
    enum virtio_request_state state;
    uint16_t queue, head;
    /* the chain */
    struct virtio_segment *segments; /* as many as a queue has entries */
    uint32_t count, readable;        /* segments; those that come first, for reading */
    uint64_t table;                  /* of the descriptors */
    uint32_t entries, next;          /* of that table; the one awaited */
    bool indirect;
    uint8_t raw[VIRTIO_BLK_HEADER_BYTES]; /* a descriptor, the header, a used element */
    /* the request */
    uint32_t type;
    uint64_t sector;
    uint64_t out, in;          /* bytes of data, without header and status */
    uint64_t moved;            /* of those that count */
    uint32_t chunk;            /* bytes in the buffer */
    struct virtio_place place; /* where the data goes on */
    uint8_t *buffer;
    uint8_t status;
    uint64_t written; /* of `in`, in order from the first on */
    bool placed;      /* the arm is where it has to be */
    tb_time due, own;
    uint32_t txn, number;
    struct virtio_dma dma;
};

/* -- Virtqueues (queue.c) -------------------------------------------------------------------- */

/* What the reading side of a queue awaits. */
enum virtio_fetch { VIRTIO_FETCH_IDLE, VIRTIO_FETCH_INDEX, VIRTIO_FETCH_HEAD, VIRTIO_FETCH_EVENT };

/* What the writing side of a queue awaits. */
enum virtio_publish {
    VIRTIO_PUBLISH_IDLE,
    VIRTIO_PUBLISH_ELEMENT,
    VIRTIO_PUBLISH_INDEX,
    VIRTIO_PUBLISH_EVENT
};

struct virtio_queue {
    uint64_t desc, driver, device; /* addresses of the table and the two rings */
    uint16_t size;
    bool enabled, kicked;
    /* reading */
    enum virtio_fetch fetch;
    uint16_t available, taken; /* the driver's index as last read; ours */
    uint16_t event;            /* as last written; valid if told */
    bool told;
    uint8_t fetch_raw[2];
    struct virtio_dma fetch_dma;
    /* writing */
    enum virtio_publish publish;
    uint16_t used, signalled; /* the index; what it was when the driver was last told */
    bool has_signalled;
    uint16_t *done; /* ring of requests that wait for the used ring */
    uint32_t done_head, done_count;
    uint8_t publish_raw[VIRTIO_USED_ELEM_BYTES];
    struct virtio_dma publish_dma;
};

/* -- The device ------------------------------------------------------------------------------ */

/* How registers reach a device. Addresses are of the space that the access is in. */
struct virtio_transport {
    void (*reset)(struct tb_model *m); /* at power-on */
    void (*claims)(struct tb_model *m, struct tb_ranges *out);
    bool (*answers)(const struct tb_model *m, uint8_t space, uint64_t address);
    enum tb_status (*access)(struct tb_model *m, const struct tb_debug *a, tb_time now);
    bool (*symbol)(const struct tb_model *m, const char *name, struct tb_symbol *out);
    bool (*may_master)(const struct tb_model *m); /* NULL: always */
    bool (*may_interrupt)(const struct tb_model *m);
    void (*failed)(struct tb_model *m,
                   enum tb_status status); /* an access of ours; NULL: nothing */
};

/* A register access that is being served. */
struct virtio_access {
    struct tb_msg msg;
    tb_credit credit;
    tb_time due;
};

struct virtio {
    struct virtio_params p; /* first: see tollbridge/model.h */
    const struct virtio_transport *transport;
    /* registers */
    uint64_t driver_features, features; /* as written; as agreed on at FEATURES_OK */
    uint32_t device_select, driver_select;
    uint16_t queue_select;
    uint8_t status, isr;
    bool resetting; /* accesses are still on their way: the status says 0 when they are not */
    bool broken;    /* it needs a reset, and does nothing until then */
    struct tb_pci_config header; /* PCI's */
    /* accesses */
    struct virtio_dma **dmas; /* every one there is */
    uint32_t dma_count, dma_next;
    struct virtio_piece *pieces; /* outstanding */
    uint32_t flying;
    bool has_memory_port;
    uint32_t most[2][2]; /* bytes of an access, by port and direction */
    /* queues, requests, the medium */
    struct virtio_queue *queues;
    uint64_t queue_next; /* whose turn it is at the next free request */
    struct virtio_request *requests;
    struct tb_medium medium;
    tb_time medium_free; /* when it can begin the next */
    uint32_t *line;      /* ring of requests that the medium serves, in order */
    uint32_t line_head, line_count;
    /* interrupt */
    bool level, sent, fell;
    uint32_t irq_open;
    /* register accesses: ring, in order of arrival */
    struct virtio_access *accesses;
    uint32_t access_space, access_head, access_count;
    tb_time register_free;
    struct {
        uint64_t requests, failed, unsupported, read_bytes, written_bytes, bursts, descriptors,
            ring_accesses, faults, kicks, interrupts, suppressed, resets, needs_reset;
    } count;
};

enum { VIRTIO_PORT_BUS, VIRTIO_PORT_MEMORY };
enum { VIRTIO_TIMER_REGISTER, VIRTIO_TIMER_MEDIUM, VIRTIO_TIMERS };

static inline uint16_t virtio_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t virtio_get32(const uint8_t *p)
{
    return virtio_get16(p) | (uint32_t)virtio_get16(p + 2) << 16;
}

static inline uint64_t virtio_get64(const uint8_t *p)
{
    return virtio_get32(p) | (uint64_t)virtio_get32(p + 4) << 32;
}

static inline void virtio_put(uint8_t *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

/* -- device.c -------------------------------------------------------------------------------- */

/* Does everything that can be done at `now`. */
void virtio_step(struct tb_model *m, tb_time now);
/* Used buffers, or the configuration: for the driver's attention. */
void virtio_interrupt(struct tb_model *m, uint8_t why, tb_time now);

/* Acknowledges bits of the interrupt status; returns what it was. */
uint8_t virtio_isr_take(struct tb_model *m, uint8_t which, tb_time now);

/* -- status.c -------------------------------------------------------------------------------- */

/* The device cannot go on until it is reset (2.1.2). */
void virtio_break(struct tb_model *m, tb_time now);
/* Nothing of a device that is being reset is on its way any more. */
void virtio_reset_over(struct virtio *v);
/* Registers, as transports need them. What a selector points nowhere reads as 0 and takes no write.
 */
uint64_t virtio_offered(const struct virtio *v);
uint32_t virtio_features_read(const struct virtio *v, bool driver);
void virtio_features_write(struct virtio *v, uint32_t value);
uint8_t virtio_status_read(const struct virtio *v);
void virtio_status_write(struct tb_model *m, uint8_t value, tb_time now);
struct virtio_queue *virtio_selected(struct virtio *v); /* NULL: there is no such queue */
void virtio_queue_set_size(struct virtio_queue *q, const struct virtio *v, uint32_t value);
void virtio_queue_set_half(uint64_t *address, bool high, uint32_t value);
void virtio_queue_enable(struct tb_model *m, struct virtio_queue *q, bool on, tb_time now);
void virtio_kick(struct tb_model *m, uint32_t queue, tb_time now);

/* -- device.c again: what transports' classes have ------------------------------------------- */

/* What every transport's class has: callbacks, and the rows that tell of the device. */
extern const struct tb_counter virtio_counters[];
extern const char *const virtio_ports[], *const virtio_platforms[], *const virtio_on_faults[];
void virtio_check(struct tb_model *m, struct tb_diag *diag, const struct virtio_transport *by);
void virtio_slots(const struct tb_model *m, uint32_t *count, uint32_t *bytes);
void virtio_claims(struct tb_model *m, unsigned port, struct tb_ranges *out);
void virtio_start(struct tb_model *m, struct tb_diag *diag);
void virtio_recv(struct tb_model *m, unsigned port, const struct tb_msg *msg, tb_credit credit,
                 tb_time when);
void virtio_timer(struct tb_model *m, unsigned timer, tb_time when);
void virtio_retired(struct tb_model *m, uint32_t txn, tb_time when);
void virtio_stop(struct tb_model *m);
bool virtio_debug(struct tb_model *m, unsigned port, struct tb_debug *d);
bool virtio_storage(struct tb_model *m, const char *what, uint64_t offset, uint8_t *data,
                    size_t length, bool write);
bool virtio_symbol(struct tb_model *m, const char *name, struct tb_symbol *out);
bool virtio_fact(struct tb_model *m, const char *key, uint64_t *out);

/* -- dma.c ----------------------------------------------------------------------------------- */

/* Has `length` bytes moved at one address, or in a list of segments from a place on. */
void virtio_dma_begin(struct virtio_dma *d, uint64_t address, uint8_t *data, uint32_t length,
                      bool write);
void virtio_dma_begin_list(struct virtio_dma *d, const struct virtio_segment *segments,
                           struct virtio_place place, uint8_t *data, uint32_t length, bool write);
/* Nothing more is asked for, and what comes is not looked at. */
void virtio_dma_drop(struct virtio *v, struct virtio_dma *d);
/* Sends what may be sent. Returns whether something was. */
bool virtio_dma_step(struct tb_model *m, tb_time now);
/* An access was answered, or a posted one taken. */
void virtio_dma_answered(struct tb_model *m, uint32_t txn, enum tb_status status);
/* Its last byte has moved, or an access of it failed and none is on its way. */
bool virtio_dma_over(const struct virtio_dma *d);

/* -- queue.c --------------------------------------------------------------------------------- */

/* Go on with the reading and the writing side of a queue as far as they can. Return whether
 * something was done. */
bool virtio_queue_fetch(struct tb_model *m, struct virtio_queue *q, tb_time now);
bool virtio_queue_publish(struct tb_model *m, struct virtio_queue *q, tb_time now);
/* Goes on with the chain of a request. */
bool virtio_chain_step(struct tb_model *m, struct virtio_request *r, tb_time now);
void virtio_queue_reset(struct virtio *v, struct virtio_queue *q);

/* -- blk.c ----------------------------------------------------------------------------------- */

uint64_t virtio_blk_features(const struct virtio *v);
void virtio_blk_config(const struct virtio *v, uint32_t offset, uint8_t *data, unsigned size);
/* A head was taken from a queue. */
void virtio_request_begin(struct tb_model *m, struct virtio_request *r, uint16_t queue,
                          uint16_t head, tb_time now);
bool virtio_request_step(struct tb_model *m, struct virtio_request *r, tb_time now);
/* The medium's timer. */
void virtio_medium_due(struct tb_model *m, tb_time now);
/* The driver has it back: its transaction ends. Also of one that is given up. */
void virtio_request_end(struct tb_model *m, struct virtio_request *r, bool ok, tb_time now);

#define VIRTIO_ROW(field) offsetof(struct virtio_params, field)

/* The rows of the device, whatever its transport. */
#define VIRTIO_ROWS                                                                                \
    {"queues",   TB_COUNT,    VIRTIO_ROW(queues), .def = "1",                                      \
     .min = "1", .max = "16", .doc = "virtqueues"},                                                \
        {"queue_size",                                                                             \
         TB_COUNT,                                                                                 \
         VIRTIO_ROW(queue_size),                                                                   \
         .def = "256",                                                                             \
         .min = "2",                                                                               \
         .max = "1024",                                                                            \
         .doc = "most entries of a queue, a power of two"},                                        \
        {"requests",                                                                               \
         TB_COUNT,                                                                                 \
         VIRTIO_ROW(requests),                                                                     \
         .def = "8",                                                                               \
         .min = "1",                                                                               \
         .max = "256",                                                                             \
         .doc = "requests worked on at a time, of all queues"},                                    \
        {"buffer",                                                                                 \
         TB_SIZE,                                                                                  \
         VIRTIO_ROW(buffer),                                                                       \
         .def = "64KiB",                                                                           \
         .min = "4KiB",                                                                            \
         .max = "1MiB",                                                                            \
         .doc = "data of a request held in the device; longer ones go in parts of that"},          \
        {"burst",                                                                                  \
         TB_SIZE,                                                                                  \
         VIRTIO_ROW(burst),                                                                        \
         .def = "64B",                                                                             \
         .min = "4B",                                                                              \
         .max = "4KiB",                                                                            \
         .doc = "most bytes of a DMA request; none crosses 4 KiB"},                                \
        {"outstanding",                                                                            \
         TB_COUNT,                                                                                 \
         VIRTIO_ROW(outstanding),                                                                  \
         .def = "4",                                                                               \
         .min = "1",                                                                               \
         .max = "256",                                                                             \
         .doc = "DMA requests on their way at a time, of rings, descriptors and data"},            \
        {"posted", TB_BOOL, VIRTIO_ROW(posted), .def = "false", .doc = "DMA writes are posted"},   \
        {"access_platform",                                                                        \
         TB_ENUM,                                                                                  \
         VIRTIO_ROW(access_platform),                                                              \
         .def = "offered",                                                                         \
         .names = virtio_platforms,                                                                \
         .doc = "VIRTIO_F_ACCESS_PLATFORM: not offered, offered, or FEATURES_OK is refused "       \
                "without it"},                                                                     \
        {"on_fault",                                                                               \
         TB_ENUM,                                                                                  \
         VIRTIO_ROW(on_fault),                                                                     \
         .def = "needs-reset",                                                                     \
         .names = virtio_on_faults,                                                                \
         .doc = "a DMA request for data fails: the device needs a reset (so it does for rings, "   \
                "always), or the request ends with IOERR"},                                        \
        {"indirect", TB_BOOL, VIRTIO_ROW(indirect), .def = "true",                                 \
         .doc = "offers VIRTIO_F_INDIRECT_DESC"},                                                  \
        {"event_idx", TB_BOOL, VIRTIO_ROW(event_idx), .def = "true",                               \
         .doc = "offers VIRTIO_F_EVENT_IDX"},                                                      \
        {"read_only", TB_BOOL, VIRTIO_ROW(read_only), .def = "false",                              \
         .doc = "offers VIRTIO_BLK_F_RO, and refuses writes"},                                     \
        {"flush", TB_BOOL, VIRTIO_ROW(flush), .def = "true", .doc = "offers VIRTIO_BLK_F_FLUSH"},  \
        {"discard", TB_BOOL, VIRTIO_ROW(discard), .def = "true",                                   \
         .doc = "offers VIRTIO_BLK_F_DISCARD and _WRITE_ZEROES"},                                  \
        {"discard_max",                                                                            \
         TB_COUNT,                                                                                 \
         VIRTIO_ROW(discard_max),                                                                  \
         .def = "8192",                                                                            \
         .min = "1",                                                                               \
         .max = "65536",                                                                           \
         .doc = "sectors of one such request at most"},                                            \
        {"block_size",                                                                             \
         TB_SIZE,                                                                                  \
         VIRTIO_ROW(block_size),                                                                   \
         .def = "512B",                                                                            \
         .min = "512B",                                                                            \
         .max = "4KiB",                                                                            \
         .doc = "logical blocks, in whole numbers of which data moves"},                           \
        {"size_max",           TB_BYTES,                                                           \
         VIRTIO_ROW(size_max), .def = "0",                                                         \
         .max = "0xffffffff",  .doc = "offers VIRTIO_BLK_F_SIZE_MAX with it; 0: does not"},        \
        {"seg_max",                                                                                \
         TB_COUNT,                                                                                 \
         VIRTIO_ROW(seg_max),                                                                      \
         .present = VIRTIO_ROW(has_seg_max) + 1,                                                   \
         .flags = TB_OPTIONAL,                                                                     \
         .min = "1",                                                                               \
         .max = "1022",                                                                            \
         .doc = "VIRTIO_BLK_F_SEG_MAX; default: two less than a queue has entries"},               \
        {"serial", TB_STRING, VIRTIO_ROW(serial), .def = "TB00001",                                \
         .doc = "what GET_ID says: 20 letters"},                                                   \
        {"register_latency", TB_TIME,      VIRTIO_ROW(register_latency),                           \
         .def = "120ns",     .max = "1ms", .doc = "of a register access"},                         \
        {"overhead",   TB_TIME,        VIRTIO_ROW(overhead),                                       \
         .def = "0ns", .max = "1000s", .doc = "of every request, before the medium"},              \
        {"flush_time", TB_TIME,        VIRTIO_ROW(flush_time),                                     \
         .def = "0ns", .max = "1000s", .doc = "of a flush"},                                       \
    {                                                                                              \
        "disk", TB_GROUP, VIRTIO_ROW(medium), .sub = virtio_disk_table, .doc = "the medium"        \
    }

extern const struct tb_param virtio_disk_table[];

/* The callbacks of a transport's class; it has name, brief, params and check itself. */
#define VIRTIO_CLASS                                                                               \
    .state_size = sizeof(struct virtio), .ports = virtio_ports,                                    \
    .optional_ports = 1u << VIRTIO_PORT_MEMORY, .counters = virtio_counters,                       \
    .timers = VIRTIO_TIMERS, .slots = virtio_slots, .claims = virtio_claims,                       \
    .start = virtio_start, .recv = virtio_recv, .timer = virtio_timer, .retired = virtio_retired,  \
    .stop = virtio_stop, .debug = virtio_debug, .storage = virtio_storage,                         \
    .symbol = virtio_symbol, .fact = virtio_fact

#endif
