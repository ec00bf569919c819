/* PCI Express on a wire: how fast it is, what a message costs, and its credits.
 *
 * A message is a request or an answer whole; on a wire it is one or several TLPs, each with its
 * header and framing. So a read's answer stays one message and one event, while its completions,
 * split at the read completion boundary and the maximum payload, take the time and the credits that
 * they take.
 *
 * Invariants: rates are exact ratios; sizes are in bytes on the wire, framing included; credits are
 * in the specification's units (PCIe 2.6.1: a header; 16 bytes of data).
 */
#ifndef SIM_PCIE_H
#define SIM_PCIE_H

#include "tollbridge/message.h"
#include "tollbridge/param.h"

enum tb_pcie_completions { TB_PCIE_BY_PAYLOAD, TB_PCIE_BY_BOUNDARY };

/* What a receiver grants, per class (posted, nonposted, completion); 0: unlimited. */
struct tb_pcie_credits {
    uint64_t header[3], data[3];
};

struct tb_pcie_params {
    uint64_t gen, width, mps, mrrs, rcb;
    uint64_t ack_limit, fc_interval; /* 0: the specification's */
    unsigned completions;            /* enum tb_pcie_completions */
    bool pad;
    struct tb_pcie_credits credits[2]; /* of the receiver at `to`, of the one at `from` */
};

/* The rows of `pcie:` of a link. */
extern const struct tb_param tb_pcie_table[];

/* Reports what single rows cannot say, at the parameter's place below `node`. */
bool tb_pcie_check(const struct tb_pcie_params *p, const struct tb_node *node,
                   struct tb_diag *diag);

/* Symbol times after which an acknowledgement is due at the latest (PCIe 3.5.3.1, tables 3-7 to
 * 3-9; the update of credits, 2.6.1.2, is due as often), rounded down. */
uint64_t tb_pcie_ack_limit(const struct tb_pcie_params *p);

/* Bytes per time that TLPs have of one direction: GT/s x lanes x encoding, less the share of DLLPs
 * and skip ordered sets. */
struct tb_rate tb_pcie_rate(const struct tb_pcie_params *p);

/* What a message is on the wire. */
struct tb_pcie_size {
    uint32_t tlps;  /* so many header credits */
    uint32_t data;  /* so many data credits */
    uint32_t bytes; /* of all TLPs, headers and framing included */
    uint32_t head;  /* of these, what has come when the first header has */
};
struct tb_pcie_size tb_pcie_size(const struct tb_pcie_params *p, const struct tb_msg *msg);

#endif
