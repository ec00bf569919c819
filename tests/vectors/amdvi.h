/* amd-iommu vectors: state shared between the steps (amdvi.c), what translations must have done
 * (amdvi_dma.c, amdvi_disk.c), what commands must do (amdvi_command.c) and what the log must say
 * (amdvi_event.c). */
#ifndef AMDVI_H
#define AMDVI_H

#include "vectors.h"

#define MMIO         0xFED80000ull
#define CMDBUF       0x300000ull
#define EVTLOG       0x310000ull
#define RING_ENTRIES 256u
#define ENTRY        16u
#define BUFFER       4096u
#define DISK_SECTORS 8192u

/* An event that the specification asks for. Bits of q0 and q1 that are not in their masks are not
 * compared: what the specification leaves open. */
struct event {
    size_t step;
    uint64_t q0, q0_mask, q1, q1_mask;
    uint64_t q0_also; /* another acceptable first quadword (same mask); 0: none */
    bool found;
};

struct watched {
    uint64_t base;
    size_t size;
    uint8_t *before; /* contents when the step began */
};

struct amdvi {
    const json_t *vector;
    struct rig rig;
    struct verdict *v;
    uint64_t control, devtab, devtab_pages;
    uint16_t edu;           /* requester id of the DMA engine */
    uint8_t buffer[BUFFER]; /* the DMA engine's */
    struct watched *watch;
    size_t watch_count;
    size_t step;

    /* the command processor by the specification */
    bool running;
    uint32_t head, tail; /* entries */
    bool wait_interrupt;

    /* the event log by the specification */
    struct event *events;
    size_t event_count, event_space;
};

/* -- Events ------------------------------------------ */

/* One faulting piece of a device: which event (NULL: the vector does not tell) and the vector's
 * word for the reason ("": none). */
void event_of_fault(struct amdvi *a, const struct piece *p, const char *name, const char *reason);
void event_add(struct amdvi *a, struct event e);
/* Compares the log in memory, its pointers and the status register at the end. */
void events_compare(struct amdvi *a);
unsigned events_expected(const struct amdvi *a); /* records that fit in the log */

/* -- Commands ------------------------------------------ */

/* Puts a command into the ring and moves the tail by a timed write; then waits until all is still.
 */
void command_issue(struct amdvi *a, uint64_t q0, uint64_t q1);
void command_step(struct amdvi *a, const json_t *step);

/* -- Steps ------------------------------------------ */

void dma_step(struct amdvi *a, const json_t *step, const json_t *outcomes);
void disk_step(struct amdvi *a, const json_t *step, const json_t *expected, const json_t *recorded);

/* Where a byte was before the step, if it is watched; NULL otherwise. */
uint8_t *watched_byte(struct amdvi *a, uint64_t address);
/* Is there memory at the address. */
bool is_ram(uint64_t address);
/* Sets what the step is expected to have left in watched memory, then compares all of it. */
void watch_compare(struct amdvi *a, struct verdict *v);
void watch_expect(struct amdvi *a, uint64_t address, const uint8_t *data, size_t n);

/* A field's name within the current step. */
const char *field(const struct amdvi *a, char out[64], const char *name);

#endif
