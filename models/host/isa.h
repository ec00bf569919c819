/* The driver of a disk on an ISA DMA channel: what it knows of the channel, and a transfer as it
 * makes it, command by command.
 *
 * A channel reaches 16 MiB, moves at most 64 KiB (bytes) or 128 KiB (words) at a time, and its
 * address counter wraps within as much. So a transfer is cut into runs of whole sectors, a command
 * each; a run that the channel cannot reach goes through a buffer that it can (the bounce buffer),
 * to or from which the CPU copies by loads and stores.
 */
#ifndef HOST_ISA_H
#define HOST_ISA_H

#include "host.h"

#define ISA_REACH ((uint64_t)1 << 24)

enum isa_bounce { ISA_BOUNCE_AUTO, ISA_BOUNCE_ALWAYS, ISA_BOUNCE_NEVER };

/* Registers of a device's DMA channel. */
struct host_isa {
    unsigned channel;
    struct host_register address, count, page, mask, mode, toggle;
    struct host_register cascade_mode, cascade_mask; /* of controller 2, for a channel of 1 */
    bool open;                                       /* the cascade is */
};

/* A transfer, as a step asks for it. */
struct isa_transfer {
    struct host_channel *channel;
    const struct ide_command *command; /* its address, sectors and regions are the whole's */
    unsigned bounce;                   /* enum isa_bounce */
    uint8_t mode;                      /* of the 8237A: demand, single, block */
    tb_time timeout;                   /* of each command */
    const char *name;                  /* the device's */
    uint8_t *lines;                    /* ISA_LINES * HOST_LINE_BYTES, for the copy */
};

#define ISA_LINES (HOST_OPS / 2)

/* If the model is on a channel of a DMA controller: learns of that. */
bool isa_find(struct host *h, struct tb_model *model, struct host_device *d);

/* Checks a transfer while it is compiled, and reserves the bounce buffer if it may need one. */
bool isa_prepare(struct host *h, struct isa_transfer *t, const struct tb_node *node,
                 struct tb_diag *diag);
/* Programs the channel for the command in progress: at most 11 accesses. */
void isa_program(struct host *h, struct host_channel *c, const struct ide_command *k);
/* Masks the channel. */
void isa_stop(struct host *h, struct host_channel *c);
/* Makes the transfer; HOST_DONE at its end, be that good or bad. */
enum host_verdict isa_run(struct host *h, const struct isa_transfer *t, tb_time when);

#endif
