/* The function's PCI configuration header, as a PIIX3 has it: addresses are fixed by the platform,
 * so the base address registers do not move (models/pci has those that do). */
#include "ide/bmide.h"

#include <string.h>

/* Bits that software can write; everything else is fixed. Status bits are cleared by writing ones.
 */
struct field {
    uint8_t offset, mask, clear;
};
static const struct field fields[] = {
    {BMIDE_CFG_COMMAND, BMIDE_CMD_IO | BMIDE_CMD_MASTER, 0},
    {BMIDE_CFG_STATUS + 1, 0, (BMIDE_STS_TARGET_ABORT | BMIDE_STS_MASTER_ABORT) >> 8},
    {0x0d, 0xf0, 0}, /* latency timer */
    {0x3c, 0xff, 0}, /* interrupt line */
    {BMIDE_CFG_TIMING, 0xff, 0},
    {BMIDE_CFG_TIMING + 1, 0xff, 0},
    {BMIDE_CFG_TIMING + 2, 0xff, 0},
    {BMIDE_CFG_TIMING + 3, 0xff, 0},
};

static void put(struct ide *s, unsigned offset, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        s->config[offset + i] = (uint8_t)(value >> 8 * i);
}

void pci_reset(struct ide *s)
{
    memset(s->config, 0, sizeof s->config);
    put(s, BMIDE_CFG_ID, 0x70108086, 4);                           /* 82371SB IDE */
    put(s, BMIDE_CFG_COMMAND, BMIDE_CMD_IO | BMIDE_CMD_MASTER, 2); /* firmware has enabled it */
    put(s, BMIDE_CFG_STATUS, 0x0280, 2); /* medium decode, fast back-to-back */
    put(s, BMIDE_CFG_CLASS, 0x01018000 | (s->p.legacy ? 0 : 0x0500), 4);
    for (unsigned i = 0; !s->p.legacy && i < 4; i++)
        put(s, BMIDE_CFG_BAR0 + 4 * i,
            (uint32_t)(s->p.io + (uint64_t)(i & 1 ? 0x30 + 2 * (i - 1) : 0x20 + 4 * i)) | 1, 4);
    put(s, BMIDE_CFG_BAR4, (uint32_t)s->p.io | 1, 4);
    put(s, BMIDE_CFG_TIMING, 0x80008000, 4); /* both channels decode */
}

void pci_read(const struct ide *s, uint32_t offset, uint8_t *data, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        data[i] = offset + i < sizeof s->config ? s->config[offset + i] : 0;
}

static void write_byte(struct ide *s, uint32_t offset, uint8_t value)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const struct field *f = &fields[i];
        if (f->offset != offset)
            continue;
        uint8_t *at = &s->config[offset];
        *at = (uint8_t)(((*at & ~f->mask) | (value & f->mask)) & ~(value & f->clear));
    }
}

void pci_write(struct ide *s, uint32_t offset, const uint8_t *data, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        write_byte(s, offset + i, data[i]);
}

bool pci_master(const struct ide *s)
{
    return s->config[BMIDE_CFG_COMMAND] & BMIDE_CMD_MASTER;
}

bool pci_io(const struct ide *s)
{
    return s->config[BMIDE_CFG_COMMAND] & BMIDE_CMD_IO;
}

void pci_note_abort(struct ide *s, enum tb_status status)
{
    uint8_t *high = &s->config[BMIDE_CFG_STATUS + 1];

    if (status == TB_UNSUPPORTED)
        *high |= BMIDE_STS_MASTER_ABORT >> 8;
    else if (status != TB_OK)
        *high |= BMIDE_STS_TARGET_ABORT >> 8;
}
