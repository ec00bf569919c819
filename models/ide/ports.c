/* What an access to the ports of a cable does. */
#include "ide/ports.h"

bool ata_ports_are_data(uint32_t reg, uint32_t length)
{
    return reg == ATA_REG_DATA && length % 2 == 0;
}

static void access_data(struct ata_bus *b, const struct tb_debug *a, tb_time now)
{
    for (uint32_t i = 0; i < a->length; i += 2) {
        if (a->write) {
            ata_bus_write_data(b, (uint16_t)(a->data[i] | a->data[i + 1] << 8), now);
        } else {
            uint16_t word = ata_bus_read_data(b, now);
            a->data[i] = (uint8_t)word;
            a->data[i + 1] = (uint8_t)(word >> 8);
        }
    }
}

void ata_ports_access(struct ata_bus *b, uint32_t reg, const struct tb_debug *a, tb_time now)
{
    if (ata_ports_are_data(reg, a->length)) {
        access_data(b, a, now);
        return;
    }
    for (uint32_t i = 0; i < a->length; i++) {
        unsigned at = reg + i < ATA_REG_CONTROL ? reg + i : ATA_REG_CONTROL;
        if (!a->write)
            a->data[i] = ata_bus_read(b, at);
        else if (at != ATA_REG_DATA)
            ata_bus_write(b, at, a->data[i], now);
    }
}
