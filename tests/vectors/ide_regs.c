/* Registers of the primary channel, by the vectors' names for them. */
#include "vectors.h"

#include <string.h>

static const struct ide_register registers[] = {
    {"data", 0x1F0, 2},           {"error", 0x1F1, 1},       {"features", 0x1F1, 1},
    {"feature", 0x1F1, 1},        {"nsect", 0x1F2, 1},       {"lbal", 0x1F3, 1},
    {"lbam", 0x1F4, 1},           {"lbah", 0x1F5, 1},        {"device", 0x1F6, 1},
    {"status", 0x1F7, 1},         {"command", 0x1F7, 1},     {"altstatus", 0x3F6, 1},
    {"devctl", 0x3F6, 1},         {"control", 0x3F6, 1},     {"bm.cmd", IDE_BM, 1},
    {"bm.status", IDE_BM + 2, 1}, {"bm.prd", IDE_BM + 4, 4},
};

const struct ide_register *ide_register_find(const char *name)
{
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++)
        if (strcmp(registers[i].name, name) == 0)
            return &registers[i];
    return NULL;
}

uint64_t ide_in(struct rig *r, const char *name)
{
    const struct ide_register *reg = ide_register_find(name);
    return rig_in(r, TB_IO, reg->port, reg->size);
}

void ide_out(struct rig *r, const char *name, uint64_t value)
{
    const struct ide_register *reg = ide_register_find(name);
    rig_out(r, TB_IO, reg->port, reg->size, value);
}
