/* Commands by the specification (48882, section 2.4): what must be stored, flagged and logged for
 * them.
 *
 * Recorded machines go on after an illegal command; the specification stops there, so here the
 * tables below are the golden and the recording only a witness. */
#include "amdvi.h"
#include "spec/amdvi.h"

#include <inttypes.h>
#include <string.h>

/* Reserved bits of each command, by opcode; a command with one of them set is illegal. */
static const struct {
    bool known;
    uint64_t q0, q1;
} reserved[16] = {
    [AMDVI_COMPLETION_WAIT] = {true, AMDVI_MASK(59, 52), 0},
    [AMDVI_INVALIDATE_DEVTAB_ENTRY] = {true, AMDVI_MASK(59, 16), AMDVI_MASK(63, 0)},
    [AMDVI_INVALIDATE_IOMMU_PAGES] = {true, AMDVI_MASK(31, 20) | AMDVI_MASK(59, 48),
                                      AMDVI_MASK(11, 3)},
    [AMDVI_INVALIDATE_IOTLB_PAGES] = {true, 0, AMDVI_BIT(3) | AMDVI_MASK(11, 6)},
    [AMDVI_INVALIDATE_INTERRUPT_TABLE] = {true, AMDVI_MASK(59, 16), AMDVI_MASK(63, 0)},
    [AMDVI_PREFETCH_IOMMU_PAGES] = {true, 0, AMDVI_BIT(1) | AMDVI_BIT(3) | AMDVI_MASK(11, 5)},
    [AMDVI_COMPLETE_PPR_REQUEST] = {true, AMDVI_MASK(31, 16) | AMDVI_MASK(59, 52), 0},
    [AMDVI_INVALIDATE_IOMMU_ALL] = {true, AMDVI_MASK(59, 0), AMDVI_MASK(63, 0)},
};

/* ILLEGAL_COMMAND_ERROR (2.5.6): the record's address is that of the command; processing stops and
 * the head stays. */
static void illegal(struct amdvi *a)
{
    event_add(a, (struct event){.step = a->step,
                                .q0 = (uint64_t)AMDVI_ILLEGAL_COMMAND_ERROR << AMDVI_OPCODE_SHIFT,
                                .q0_mask = AMDVI_MASK(63, 60),
                                .q1 = CMDBUF + ENTRY * a->head,
                                .q1_mask = AMDVI_MASK(63, 4)});
    a->running = false;
}

static void completion_wait(struct amdvi *a, uint64_t q0, uint64_t q1)
{
    if (q0 & AMDVI_WAIT_STORE)
        watch_expect(a, q0 & AMDVI_WAIT_ADDRESS, (const uint8_t *)&q1, sizeof q1);
    if (q0 & AMDVI_WAIT_INTERRUPT)
        a->wait_interrupt = true;
}

/* What the specification makes of the command at the head. */
static void obey(struct amdvi *a, uint64_t q0, uint64_t q1)
{
    unsigned opcode = (unsigned)(q0 >> AMDVI_OPCODE_SHIFT);
    if (!a->running)
        return;
    if (!reserved[opcode].known || (q0 & reserved[opcode].q0) || (q1 & reserved[opcode].q1)) {
        illegal(a);
        return;
    }
    if (opcode == AMDVI_COMPLETION_WAIT)
        completion_wait(a, q0, q1);
    a->head = (a->head + 1) % RING_ENTRIES;
}

static bool ring_full(const struct amdvi *a)
{
    return (a->tail + 1) % RING_ENTRIES == a->head;
}

void command_issue(struct amdvi *a, uint64_t q0, uint64_t q1)
{
    uint64_t entry[2] = {q0, q1};
    if (ring_full(a))
        return;
    rig_poke(&a->rig, CMDBUF + ENTRY * a->tail, entry, sizeof entry);
    a->tail = (a->tail + 1) % RING_ENTRIES;
    rig_out(&a->rig, TB_MEMORY, MMIO + AMDVI_CMD_TAIL, 8, ENTRY * a->tail);
    rig_settle(&a->rig);
    obey(a, q0, q1);
}

/* `cmd`: one command. `cmds`: n of them, the operand counting up. */
void command_step(struct amdvi *a, const json_t *step)
{
    const json_t *q = json_object_get(step, "q");
    uint64_t n = num_of(step, "n", 1);
    for (uint64_t i = 0; i < n && !a->rig.endless; i++)
        command_issue(a, num(json_array_get(q, 0)), num(json_array_get(q, 1)) + i);
    watch_compare(a, a->v);
}
