/* The PC's two DMA controllers: shared by i8237.c (class, messages), service.c (services)
 * and registers.c.
 *
 * A device holds its request line (DREQ) high for a number of bytes. The controller grants it
 * *services*: a number of transfers for which it owns the ISA bus, each a transaction of its own
 * whose bytes lie in its slot from device to memory or back, as they fly by on the bus. At most two
 * services are under way, so that one can follow another without a pause; what they move stays in
 * the order in which they were granted. Invariants: one service at a time asks a device; a
 * channel's registers move on when it is certain that its transfers are made; nothing that is
 * written to a register makes the simulation go on for ever.
 */
#ifndef ISA_I8237_H
#define ISA_I8237_H

#include "spec/i8237.h"
#include "tollbridge/model.h"

#define I8237_SERVICES 2
#define I8237_NONE     UINT8_MAX

struct i8237_params {
    uint16_t id;
    unsigned timing;
    struct tb_rate clock;
    uint64_t burst;
};

struct i8237_channel {
    uint16_t base_address, base_count, address, count;
    uint8_t mode;
    uint32_t wanted; /* bytes for which the device holds DREQ high */
    uint16_t number; /* that its last request had, for what is said to it */
    bool software;   /* requested by software */
    bool fruitless;  /* since it was programmed, transfers were made that moved nothing */
};

/* One of the two controllers. */
struct i8237_unit {
    uint8_t command, mask, ended; /* ended: terminal counts that nobody has read */
    bool high;                    /* the high byte is next */
    uint8_t last;                 /* channel that was served last, of its four */
};

enum i8237_state {
    I8237_FREE,
    I8237_ASKS,    /* the device, for its bytes */
    I8237_ON_BUS,  /* to or from memory */
    I8237_IS_HERE, /* bytes from memory, that wait for those before them */
    I8237_GIVES,   /* bytes to the device */
    I8237_TELLS,   /* the device that its bytes are there */
    I8237_PRETENDS /* a verify: only time passes */
};

struct i8237_service {
    uint32_t txn;
    uint16_t units, number;
    uint8_t state; /* enum i8237_state */
    uint8_t channel, mode, status;
    bool last;   /* reaches the terminal count */
    bool alone;  /* asked for by software: no device takes part */
    bool lowers; /* the device gave its last byte: it is told when the cycle is over */
};

struct i8237 {
    struct i8237_params p; /* first: see tollbridge/model.h */
    struct i8237_channel channel[I8237_CHANNELS];
    struct i8237_unit unit[2];
    uint8_t pages[I8237_REGISTERS];
    struct i8237_service service[I8237_SERVICES];
    unsigned head, used; /* services as a ring, in the order in which they were granted */
    uint16_t port_of[I8237_CHANNELS]; /* its device's; 0: none */
    uint8_t holder; /* a channel in block mode that keeps the controller; I8237_NONE */
    struct {
        uint64_t services, transfers, read_bytes, written_bytes, verified, ends, failed, undriven;
    } count;
};

enum { I8237_ISA }; /* ports; the others are devices' */

/* -- service.c ------------------------------------------------------------------------------- */

/* Grants what can be granted: after whatever may have changed something. */
void i8237_step(struct tb_model *m, tb_time now);
bool i8237_requested(const struct i8237 *s, unsigned channel);
/* Memory or a device answered a service. */
void i8237_answered(struct tb_model *m, const struct tb_msg *msg, tb_time now);
/* A device was told that its last cycle is over. */
void i8237_told(struct tb_model *m, uint32_t txn, tb_time when);
/* The timer: a verify is over. */
void i8237_pretended(struct tb_model *m, tb_time when);

/* -- registers.c ----------------------------------------------------------------------------- */

void i8237_reset(struct i8237 *s);
bool i8237_is_port(uint64_t address);
/* An access to ports that are all the controller's. */
void i8237_access(struct i8237 *s, const struct tb_debug *a);
void i8237_add_claims(struct tb_model *m, struct tb_ranges *out);
bool i8237_symbol(const char *name, struct tb_symbol *out);

#endif
