/* Ports in front of a cable: what an access of 1 to 4 bytes (or of words, to the data register)
 * does. Shared by the fronts. */
#ifndef IDE_PORTS_H
#define IDE_PORTS_H

#include "ide/ata.h"
#include "tollbridge/model.h"

/* The data register takes words; an access to the others is one to each byte's register, in order.
 */
bool ata_ports_are_data(uint32_t reg, uint32_t length);
/* Does an access that begins at register `reg`; what is past the control register is its. */
void ata_ports_access(struct ata_bus *b, uint32_t reg, const struct tb_debug *a, tb_time now);

#endif
