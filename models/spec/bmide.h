/* Bus-master IDE: registers, bits and descriptors that controller and driver both must know
 * (Programming Interface for Bus Master IDE Controller, revision 1.0; PIIX3 data sheet).
 */
#ifndef SPEC_BMIDE_H
#define SPEC_BMIDE_H

/* The block of 16 ports: 8 per channel. */
#define BMIDE_PORTS   16u
#define BMIDE_CHANNEL 8u
#define BMIDE_COMMAND 0u
#define BMIDE_STATUS  2u
#define BMIDE_TABLE   4u

/* Command */
#define BMIDE_START     0x01u
#define BMIDE_TO_MEMORY 0x08u /* direction: the device is read */

/* Status */
#define BMIDE_ACTIVE    0x01u /* read only */
#define BMIDE_ERROR     0x02u /* write 1 to clear */
#define BMIDE_INTERRUPT 0x04u /* write 1 to clear */
#define BMIDE_CAPABLE   0x60u /* drives 0 and 1 are capable of DMA: software's notes */

/* Physical region descriptor: base, then count in bits 15:1 (0 is 64 KiB) and end of table. */
#define BMIDE_PRD_BYTES 8u
#define BMIDE_PRD_COUNT 0xfffeu
#define BMIDE_PRD_MAX   0x10000u
#define BMIDE_PRD_EOT   0x80000000u

/* PCI configuration header of the function (PCI 2.1, 6.1) and what of it the PIIX3 implements. */
#define BMIDE_CFG_ID           0x00u
#define BMIDE_CFG_COMMAND      0x04u
#define BMIDE_CFG_STATUS       0x06u
#define BMIDE_CFG_CLASS        0x08u
#define BMIDE_CFG_BAR0         0x10u
#define BMIDE_CFG_BAR4         0x20u
#define BMIDE_CFG_TIMING       0x40u
#define BMIDE_CMD_IO           0x0001u
#define BMIDE_CMD_MASTER       0x0004u
#define BMIDE_STS_TARGET_ABORT 0x1000u /* received; write 1 to clear */
#define BMIDE_STS_MASTER_ABORT 0x2000u /* received; write 1 to clear */

#endif
