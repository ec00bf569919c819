/* Transactions: one request and what came of it, kept in a slot of its initiator.
 *
 * Invariants: a slot belongs to the model that began it, from tb_txn_begin to tb_txn_end; there
 * are as many as the model asked for at elaboration and never more; while a message of the
 * transaction is on its way, only the model that holds the message touches the slot. The parts
 * of a transaction's latency add up to it exactly, and details to the parts they are of (checked
 * at every end).
 */
#ifndef TOLLBRIDGE_TXN_H
#define TOLLBRIDGE_TXN_H

#include "tollbridge/message.h"
#include "tollbridge/time.h"

#include <stdbool.h>

struct tb_model;

/* Kinds of transaction: what a line of the log can be about. Lines of one kind have the same keys;
 * the table of them is in sim/README.md. `op=` of a line names kind and direction. */
enum tb_txn_kind {
    TB_TXN_DMA,      /* op=read|write: a device's memory access */
    TB_TXN_REGISTER, /* op=regread|regwrite: a CPU's access to a register, value[0] the data */
    TB_TXN_MEMORY,   /* op=load|store: a CPU's access to memory */
    TB_TXN_WALK,     /* op=walk: one read of a page table, value[0] the entry, value[1] the level */
    TB_TXN_DEVTAB,   /* op=devtab: a read of a device table entry */
    TB_TXN_COMMAND,  /* op=command: an IOMMU command, value[0..1] its quadwords */
    TB_TXN_EVENT,    /* op=event: an IOMMU event record, value[0..1] its quadwords */
    TB_TXN_INTERRUPT,    /* op=interrupt: address the line, value[0] 1 = raised, 0 = lowered */
    TB_TXN_DISK,         /* op=disk: an ATA command: iova = LBA, len = sectors, value[0] = opcode,
                            value[1] the drive (0..3) */
    TB_TXN_TRANSLATION,  /* op=translate: a device asks for translations (ATS): length = 8 bytes per
                            page,  write: it will write, value[0] the first answer, value[1] pages
                            answered */
    TB_TXN_INVALIDATION, /* op=invalidate: an IOMMU has a device forget, until it says it did: iova
                            the first address, tag the ITag, value[0] the range as coded, value[1]
                            flags */
    TB_TXN_PAGE_REQUEST, /* op=pagereq: a device asks for a page (PRI), until the response for its
                            group: tag the group, value[0] the access, value[1] the response code */
    TB_TXN_PAGE_RESPONSE, /* op=pageresp: an IOMMU answers a group: tag the group, value[0] the code
                           */
    TB_TXN_DREQ, /* op=dreq: a device's DMA request line: iova the channel, length the bytes for
                    which it goes high (0: it goes low), value[0] 1 = raised, 0 = lowered */
    TB_TXN_KINDS
};

/* Where time goes. Every picosecond of a transaction is in exactly one of these. */
enum tb_part {
    TB_PART_QUEUE,  /* waiting: for a credit, a wire, a bus, a memory slot, a walker */
    TB_PART_WIRE,   /* on a link: occupancy and latency */
    TB_PART_BUS,    /* on a bus: arbitration won, the transfer itself */
    TB_PART_BRIDGE, /* through a bridge: its latency */
    TB_PART_LOOKUP, /* device-table cache and IOTLB */
    TB_PART_ATS,    /* in a device, waiting for a translation it asked for, or for its cache */
    TB_PART_WALK,   /* waiting for a walk of one's page */
    TB_PART_MEM,    /* the memory's latency */
    TB_PART_DEVICE, /* inside a device or completer: register access, seek, media */
    TB_PARTS
};

#define TB_WAY_PARTS 4 /* the first parts: those of a message's way, there or back */

/* Finer than parts: as what of a part time was spent. A part without a detail is whole; of `lookup`
 * and `walk` every picosecond has one. Each belongs to one part (tb_detail_part). */
enum tb_detail {
    TB_DETAIL_NONE,
    TB_DETAIL_BACK,   /* of queue, wire, bus, bridge: on the way back, as a completion */
    TB_DETAIL_WALKER, /* of queue: waiting for a walker */
    TB_DETAIL_DEVTAB, /* of lookup: the cache of device table entries */
    TB_DETAIL_IOTLB,  /* of lookup */
    TB_DETAIL_PDC,    /* of walk: the page-directory cache */
    TB_DETAIL_READS,  /* of walk, and all that follow: reads of tables, on their way there and back:
                         the device table entry, */
    TB_DETAIL_LEVEL,  /* levels 1 to 6 of a page table, */
    TB_DETAIL_GUEST = TB_DETAIL_LEVEL + 6, /* levels 1 to 6 of a guest's, */
    TB_DETAIL_GCR3 = TB_DETAIL_GUEST + 6,  /* and the table of guests' roots */
    TB_DETAIL_MEMORY,                      /* the same once more: these reads in the memory */
    TB_DETAILS = TB_DETAIL_MEMORY + TB_DETAIL_MEMORY - TB_DETAIL_READS
};

/* A read of a table, in its memory. */
static inline enum tb_detail tb_detail_memory(enum tb_detail read)
{
    return (enum tb_detail)(read + TB_DETAIL_MEMORY - TB_DETAIL_READS);
}

/* The part that a detail belongs to; not of NONE and BACK. */
static inline enum tb_part tb_detail_part(enum tb_detail detail)
{
    if (detail == TB_DETAIL_WALKER)
        return TB_PART_QUEUE;
    return detail <= TB_DETAIL_IOTLB ? TB_PART_LOOKUP : TB_PART_WALK;
}

/* How much was spent as each detail from WALKER on; valid where its bit of tb_txn.details is set.
 */
struct tb_details {
    tb_time of[TB_DETAILS];
};

/* What the IOTLB said of a request. */
enum tb_tlb { TB_TLB_NONE, TB_TLB_HIT, TB_TLB_MISS, TB_TLB_COALESCED };

struct tb_txn {
    uint8_t *data;   /* the transaction's bytes: as many as the model asked for per slot */
    uint64_t *mark;  /* the kernel's: where the next thing to trace goes; NULL: nobody traces */
    tb_time created; /* when it came to be */
    uint64_t iova;   /* the address its initiator used */
    uint64_t pa;     /* the address it was served at; valid if has_pa */
    uint64_t value[2];
    tb_time served;  /* when memory served it, which is when its bytes moved; 0: it has not */
    uint32_t number; /* counts per (model, kind), from 0, in the order of creation */
    uint32_t length;
    uint16_t by; /* index of the model that began it */
    uint16_t to; /* index of the model that served it; TB_NOBODY */
    uint16_t requester;
    uint8_t kind; /* enum tb_txn_kind */
    uint8_t write : 1, at : 2, has_pa : 1, tlb : 2, live : 1, has_pasid : 1;
    uint32_t pasid : 20;
    uint32_t tag : 12; /* ITag of an invalidation, group of page requests and their response */
    uint32_t owner;    /* for the initiator's use: what this transaction is part of */
    uint64_t details;  /* which it has: bit 1 << enum tb_detail */
    tb_time spent[TB_PARTS];
    tb_time back[TB_WAY_PARTS]; /* of that, on the way back */
};

#define TB_NOBODY UINT16_MAX
#define TB_NO_TXN UINT32_MAX

/* Begins a transaction of `m` at `when`: takes a free slot of m, zeroes all but `data`, sets
 * number, by, kind, created, to = TB_NOBODY. Returns the slot, or TB_NO_TXN when all are taken (an
 * initiator that bounds what it has outstanding never sees that). */
uint32_t tb_txn_begin(struct tb_model *m, enum tb_txn_kind kind, tb_time when);

/* Ends it at `when` with `status`: logs it, counts it, frees the slot. Called by its initiator when
 * the completion arrives; for a posted write, by whoever takes it (target or IOMMU). */
void tb_txn_end(struct tb_model *m, uint32_t txn, enum tb_status status, tb_time when);

/* The slot behind a number that came in a message or from tb_txn_begin: tb_txn(m, n); and
 * tb_txn_spend(m, n, part, time), which adds to a part of its latency, with tb_msg_spend and
 * tb_txn_spend_as: inline in model.h. */

#endif
