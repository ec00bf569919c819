/* The vector runner: recorded behaviour of other systems, replayed on a simulated platform.
 *
 * A file is read and checked whole (json.c, schema.c) before anything is run; a vector then gets a
 * fresh simulator (rig.c), is driven through the library's public interface, and everything it
 * tells is compared (ide.c, amdvi*.c).
 */
#ifndef VECTORS_H
#define VECTORS_H

#include "tollbridge/sim.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* -- JSON with places (json.c) ------------------------------------------ */

/* One line of the file: one vector. */
struct line {
    const char *file;
    unsigned number;
    const char *text;
    size_t length;
    unsigned errors;
};

/* A value and the way to it, for messages: up == NULL is the line's value itself. */
struct spot {
    const struct spot *up;
    const char *key; /* of a member; NULL: element `index` of a list */
    size_t index;
    json_t *value;
    struct line *line;
};

/* Prints "file:line:column: message" to standard error and counts the error. */
void spot_error(const struct spot *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void spot_warn(const struct spot *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct spot spot_member(const struct spot *of, const char *key, json_t *value);
struct spot spot_element(const struct spot *of, size_t index);

/* Numbers of checked vectors: an integer, or a string of hexadecimal digits after 0x. */
bool json_is_hex(const json_t *value);
uint64_t num(const json_t *value);
uint64_t num_of(const json_t *object, const char *key, uint64_t otherwise);
const char *text_of(const json_t *object, const char *key);

/* -- What a vector must look like (schema.c) ------------------------------------------ */

/* Checks a parsed line against its kind's tables; false: errors were printed. */
bool schema_check(struct line *line, json_t *vector);

/* -- Verdict of one vector (verdict.c) ------------------------------------------ */

struct verdict {
    unsigned failures;
    char *text; /* what failed, a line each */
    size_t length;
    FILE *to;
};

void verdict_open(struct verdict *v);
void verdict_close(struct verdict *v); /* frees; the text is gone */
void verdict_fail(struct verdict *v, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void verdict_num(struct verdict *v, const char *field, uint64_t expected, uint64_t found);
void verdict_text(struct verdict *v, const char *field, const char *expected, const char *found);

/* -- Patterns (pattern.c) ------------------------------------------ */

/* Fills n bytes that stand at `address` (both multiples of 8 or not) with pat(seed, address). */
void pattern_fill(uint8_t *to, uint64_t seed, uint64_t address, size_t n);
/* The first 32 hexadecimal digits of the SHA-256, and a NUL. */
void hash_hex(const uint8_t *data, size_t n, char out[33]);

/* The code of an event by its name in the vectors; 0: there is none. */
unsigned amdvi_event_code(const char *name);

/* -- A simulator with eyes (rig.c) ------------------------------------------ */

/* A DMA piece as it ended. */
struct piece {
    uint64_t iova, pa;
    uint32_t length;
    uint16_t requester;
    uint8_t status;
    bool write, has_pa;
};

#define RIG_EDGES 4096

struct rig {
    struct tb_sim *sim;
    struct tb_diag *diag;
    const char *device; /* the model that does DMA on request; NULL: none */
    struct piece *pieces;
    size_t piece_count, piece_space;
    uint64_t irq_line;
    bool edges[RIG_EDGES]; /* of irq_line, true = raised */
    size_t edge_count;
    bool endless; /* a limit was hit: every answer from now on is void */
};

/* Makes a simulator from YAML text; false: the messages are in the verdict. */
bool rig_open(struct rig *r, const char *yaml, struct verdict *v);
void rig_close(struct rig *r);

/* Runs until nothing is pending, within the limits of one vector. */
void rig_settle(struct rig *r);

/* One timed access by a model; the status it ended with. */
enum tb_status rig_access(struct rig *r, const char *model, struct tb_access *a);

/* The host's register accesses, in I/O, configuration or memory space. */
uint64_t rig_in(struct rig *r, enum tb_space space, uint64_t address, unsigned size);
void rig_out(struct rig *r, enum tb_space space, uint64_t address, unsigned size, uint64_t value);

/* Instant memory. A poke where there is none is lost. */
void rig_poke(struct rig *r, uint64_t address, const void *data, size_t n);
bool rig_peek(struct rig *r, uint64_t address, void *data, size_t n);
void rig_poke64(struct rig *r, uint64_t address, uint64_t value);
bool rig_disk(struct rig *r, const char *model, uint64_t offset, void *data, size_t n, bool write);

/* Forgets pieces and edges seen so far. */
void rig_forget(struct rig *r);
/* Compares edges from `first` on with a list of "raise" and "lower". */
void rig_edges(struct rig *r, struct verdict *v, const char *field, size_t first,
               const json_t *expected);

/* -- Registers of an IDE channel, by the vectors' names (ide_regs.c)
 * ------------------------------------------ */

#define IDE_BM 0xC000

struct ide_register {
    const char *name;
    uint16_t port;
    uint8_t size;
};
const struct ide_register *ide_register_find(const char *name); /* NULL: there is none */
uint64_t ide_in(struct rig *r, const char *name);
void ide_out(struct rig *r, const char *name, uint64_t value);
/* Runs until the channel is still, as `wait` of a vector means it. */
void ide_wait(struct rig *r);
/* The parameters that make `ide` behave as the recorded machines do. */
#define IDE_LIKE_QEMU "conform: qemu, on_fault: pretend, short_table: nothing, prd_fetch: whole"

/* -- The kinds ------------------------------------------ */

enum outcome { PASSED, FAILED, SKIPPED };

struct kind {
    const char *name;
    void (*run)(const json_t *vector, struct verdict *v);
};

void ide_run(const json_t *vector, struct verdict *v);
void amdvi_run(const json_t *vector, struct verdict *v);
void regs_run(const json_t *vector, struct verdict *v);
void virtio_vector_run(const json_t *vector, struct verdict *v);

/* Registers of a virtio device, by the vectors' names (virtio.c). */
bool virtio_register_known(const char *name);

#endif
