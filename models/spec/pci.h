/* PCI configuration space: PCI Local Bus 3.0, chapter 6 (type 0 header), and PCI-to-PCI Bridge
 * Architecture 1.2, chapter 3 (type 1 header). Offsets and bits of what is modelled.
 *
 * An address of configuration space is that of PCI Express's memory-mapped access (PCIe 7.2.2)
 * without its base: requester ID << 12, and the register's offset.
 */
#ifndef SPEC_PCI_H
#define SPEC_PCI_H

#include <stdint.h>

#define PCI_HEADER_BYTES 64u
#define PCI_SPACE_BYTES  256u  /* with the capabilities behind the header (6.7) */
#define PCI_CONFIG_BYTES 4096u /* a function's own, of the addresses */

/* Both headers (6.2.1 to 6.2.4). */
#define PCI_ID          0x00u
#define PCI_COMMAND     0x04u
#define PCI_STATUS      0x06u
#define PCI_CLASS       0x08u /* revision 7:0, class 31:8 */
#define PCI_HEADER_TYPE 0x0eu
#define PCI_BAR0        0x10u

#define PCI_COMMAND_IO     0x0001u /* answers in I/O space */
#define PCI_COMMAND_MEMORY 0x0002u /* answers in memory space */
#define PCI_COMMAND_MASTER 0x0004u /* begins requests; a bridge: passes requests up */

#define PCI_STATUS_RECEIVED_TARGET_ABORT 0x1000u /* write 1 to clear */
#define PCI_STATUS_RECEIVED_MASTER_ABORT 0x2000u /* write 1 to clear */

/* Base address registers of memory (6.2.5.1). */
#define PCI_BAR_64           0x4u
#define PCI_BAR_PREFETCHABLE 0x8u
#define PCI_BAR_FLAGS        0xfu

/* Type 1 header (Bridge 3.2.5). Windows are open if base <= limit; the low bits of a base read as
 * zeros and of a limit as ones. */
#define PCI_BRIDGE_IO_BASE              0x1cu /* bits 15:12 of the address in 7:4; 4 KiB */
#define PCI_BRIDGE_IO_LIMIT             0x1du
#define PCI_BRIDGE_SECONDARY_STATUS     0x1eu
#define PCI_BRIDGE_MEMORY_BASE          0x20u /* bits 31:20 in 15:4; 1 MiB */
#define PCI_BRIDGE_MEMORY_LIMIT         0x22u
#define PCI_BRIDGE_PREFETCH_BASE        0x24u /* likewise, and bits 63:32 in registers of their own */
#define PCI_BRIDGE_PREFETCH_LIMIT       0x26u
#define PCI_BRIDGE_PREFETCH_BASE_UPPER  0x28u
#define PCI_BRIDGE_PREFETCH_LIMIT_UPPER 0x2cu
#define PCI_BRIDGE_IO_BASE_UPPER        0x30u /* bits 31:16 */
#define PCI_BRIDGE_IO_LIMIT_UPPER       0x32u

#define PCI_BRIDGE_IO_GRAIN     0x1000u
#define PCI_BRIDGE_MEMORY_GRAIN 0x100000u
#define PCI_BRIDGE_IO_32        0x1u /* in the low bits of base and limit: 32-bit addresses */
#define PCI_BRIDGE_PREFETCH_64  0x1u /* likewise: 64-bit addresses */

#endif
