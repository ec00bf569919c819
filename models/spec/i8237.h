/* The PC's DMA controllers: two Intel 8237A and their page registers, as hardware and driver must
 * know them (Intel 8237A data sheet, "Register description", "Software commands"; the ports and the
 * page registers as in the IBM Personal Computer AT Technical Reference and the Intel 82371AB data
 * sheet, 8.4).
 *
 * Controller 1 (channels 0 to 3, bytes) has a port per register; controller 2 (channels 4 to 7,
 * words) every other port. Channel 4 is the cascade: through it controller 1 gets to the bus.
 */
#ifndef SPEC_I8237_H
#define SPEC_I8237_H

#define I8237_CHANNELS 8u
#define I8237_CASCADE  4u /* the channel */

/* First port of each controller, and of the page registers. */
#define I8237_PORTS_1   0x00u
#define I8237_PORTS_2   0xc0u
#define I8237_PAGES     0x80u
#define I8237_REGISTERS 16u

/* Registers of a controller. 0 to 7: address and count of its four channels in turn, each 16 bits
 * through 8, the low byte first. */
enum {
    I8237_COMMAND = 8,  /* read: status */
    I8237_REQUEST,      /* bits 1:0 channel, bit 2 set */
    I8237_MASK,         /* bits 1:0 channel, bit 2 set */
    I8237_MODE,         /* bits 1:0 channel */
    I8237_CLEAR_TOGGLE, /* any value: the low byte is next */
    I8237_MASTER_CLEAR, /* any value; read: temporary register */
    I8237_CLEAR_MASK,   /* any value */
    I8237_ALL_MASK,     /* bits 3:0 */
    I8237_STATUS = I8237_COMMAND
};

/* Command */
#define I8237_DISABLE  0x04u
#define I8237_ROTATING 0x10u

/* Mode: what is moved, and how long the bus is kept. "Write" is to memory. */
#define I8237_TRANSFER   0x0cu
#define I8237_VERIFY     0x00u
#define I8237_WRITE      0x04u
#define I8237_READ       0x08u
#define I8237_AUTO       0x10u /* begin again at the terminal count */
#define I8237_DECREMENT  0x20u
#define I8237_KIND       0xc0u
#define I8237_DEMAND     0x00u
#define I8237_SINGLE     0x40u
#define I8237_BLOCK      0x80u
#define I8237_TO_CASCADE 0xc0u

/* Request and mask: the bit that says set. */
#define I8237_SET 0x04u

/* A channel's page register, as an offset from I8237_PAGES: address bits 23:16. */
static inline unsigned i8237_page(unsigned channel)
{
    static const unsigned char pages[I8237_CHANNELS] = {7, 3, 1, 2, 15, 11, 9, 10};
    return pages[channel];
}

/* Bytes that a channel moves at a time; what its address and count count. */
static inline unsigned i8237_unit(unsigned channel)
{
    return channel < I8237_CASCADE ? 1 : 2;
}

/* Port of a register of the controller that a channel belongs to. */
static inline unsigned i8237_port(unsigned channel, unsigned reg)
{
    return channel < 4 ? I8237_PORTS_1 + reg : I8237_PORTS_2 + 2 * reg;
}

#endif
