/* A message: the 32-byte value that travels over a link.
 *
 * Copied into the link's ring, owned by nobody. What does not fit (the bytes of a DMA, a
 * register's value, several addresses) lies in the transaction's slot (txn.h), found by `txn`;
 * exactly one model, the one that holds the message, may touch that slot.
 */
#ifndef TOLLBRIDGE_MESSAGE_H
#define TOLLBRIDGE_MESSAGE_H

#include <stdint.h>

/* Ordering class, and so the flow-control class of a link (PCIe 2.4.1 and 2.6.1). At one instant a
 * lower number is delivered first: a posted write is never overtaken by what came with it. */
enum tb_msg_class { TB_POSTED, TB_NONPOSTED, TB_COMPLETION, TB_INTERRUPT, TB_CLASSES };

/* What a message is. Read and write are requests; the three answers have class TB_COMPLETION. */
enum tb_msg_kind {
    TB_READ,            /* request: `length` bytes from `address` */
    TB_WRITE,           /* request: `length` bytes of the slot to `address` */
    TB_DONE,            /* completion without data: a write's, or a failed read's */
    TB_DATA,            /* completion with the `length` bytes a read asked for, now in the slot */
    TB_IRQ,             /* interrupt: `address` is the line or vector, `tag` 1 = raise, 0 = lower */
    TB_ATS_TRANSLATE,   /* ATS translation request (PCIe 10.2.2) */
    TB_ATS_INVALIDATE,  /* ATS invalidate request (PCIe 10.3.1) */
    TB_ATS_INVALIDATED, /* ATS invalidate completion (PCIe 10.3.2) */
    TB_PAGE_REQUEST,    /* PRI page request (PCIe 10.4.1) */
    TB_PAGE_RESPONSE,   /* PRI page request group response (PCIe 10.4.2) */
    TB_MSG_KINDS
};

/* PCIe's address type of a request (PCIe 10.2.1). */
enum tb_at { TB_UNTRANSLATED, TB_TRANSLATION_REQUEST, TB_TRANSLATED };

/* The address spaces a request can be for. TB_SPACE_IRQ routes interrupts to who takes them. */
enum tb_space { TB_MEMORY, TB_IO, TB_CONFIG, TB_SPACE_IRQ, TB_SPACES };

/* Completion status: PCIe's (2.2.9), and what the log needs beyond it. */
enum tb_status {
    TB_OK,
    TB_UNSUPPORTED, /* Unsupported Request: nobody claims the address (PCI: master abort) */
    TB_ABORT,       /* Completer Abort (PCI: target abort): an IOMMU refused it, or the completer */
    TB_FAULT,       /* an IOMMU found no translation that allows the access */
    TB_STATUS_COUNT, /* of the above; below: only in logs */
    TB_UNFINISHED = TB_STATUS_COUNT
};

struct tb_msg {
    uint64_t address;
    uint32_t txn;       /* slot of the transaction it belongs to */
    uint16_t length;    /* bytes, 1..4096 */
    uint16_t requester; /* bus 15:8, device 7:3, function 2:0 */
    uint16_t tag;
    uint8_t kind;   /* enum tb_msg_kind */
    uint8_t status; /* enum tb_status; of completions */
    uint32_t pasid : 20, has_pasid : 1, execute : 1, privileged : 1;
    uint32_t at : 2, class : 2, space : 2;
    uint32_t relaxed : 1, no_snoop : 1, last : 1;
    uint32_t creditless : 1; /* takes no credit, yet waits while there is none: an IOMMU's walks */
    uint32_t no_write : 1;   /* translation request: will not write (PCIe 10.2.2, NW) */
    uint32_t reserved : 30;
    uint16_t clocks; /* of all bus cycles, where the master drives them itself (ISA DMA); 0: as the
                        bus has them */
    uint16_t reserved2;
};
_Static_assert(sizeof(struct tb_msg) == 32, "a message is 32 bytes");

/* Bytes of payload the message carries over a wire. */
static inline unsigned tb_msg_payload(const struct tb_msg *m)
{
    return m->kind == TB_WRITE || m->kind == TB_DATA ? m->length : 0;
}

#endif
