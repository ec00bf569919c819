/* virtio-blk: programs for a virtio block device, over PCI and over MMIO. Registers go by names, so
 * that where a machine has them is no matter of the vector; what every read found is compared. */
#include "vectors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DISK_SEED "0xD15C000000000003"

/* The recorded device, in the words of ours: it insists on ACCESS_PLATFORM. */
#define DEVICE                                                                                     \
    "access_platform: required, serial: RECORDED, disk: {size: 4MiB, pattern: mix64, "             \
    "seed: " DISK_SEED "}}\n"
#define PLATFORM(device)                                                                           \
    "platform: vectors-virtio\n"                                                                   \
    "models:\n"                                                                                    \
    "  ram: {model: memory, base: 0, size: 64MiB, latency: 40ns, bandwidth: 12.8GB/s}\n"           \
    "  host: {model: host}\n"                                                                      \
    "  sys: {model: bus}\n"                                                                        \
    "  v0: {" device ", " DEVICE                                                                   \
    "links: [{from: host, to: sys}, {from: sys, to: ram}, {from: v0, "                             \
    "to: sys}]\n"

static const char pci[] = PLATFORM("model: virtio-blk-pci, queue_size: 256");
static const char mmio[] = PLATFORM("model: virtio-blk-mmio, queue_size: 1024, seg_max: 254");

static const char *const registers[] = {"device_features_sel",
                                        "device_features",
                                        "driver_features_sel",
                                        "driver_features",
                                        "num_queues",
                                        "status",
                                        "generation",
                                        "queue_sel",
                                        "queue_size",
                                        "queue_max",
                                        "queue_enable",
                                        "desc_low",
                                        "desc_high",
                                        "driver_low",
                                        "driver_high",
                                        "device_low",
                                        "device_high",
                                        "notify",
                                        "isr",
                                        "isr_ack",
                                        "capacity_low",
                                        "capacity_high",
                                        "size_max",
                                        "seg_max",
                                        "blk_size",
                                        "magic",
                                        "version",
                                        "device_id",
                                        NULL};

bool virtio_register_known(const char *name)
{
    for (size_t i = 0; registers[i]; i++)
        if (strcmp(registers[i], name) == 0)
            return true;
    return false;
}

/* A run: where it is in what was found. */
struct run {
    struct rig *rig;
    struct verdict *v;
    const json_t *found;
    size_t step, next;
};

static const json_t *take(struct run *r)
{
    return json_array_get(r->found, r->next++);
}

static void field_of(const struct run *r, const json_t *step, char *name, size_t size)
{
    const json_t *what = json_array_get(step, 1);
    if (json_is_string(what))
        snprintf(name, size, "found[%zu] (step %zu, %s)", r->next - 1, r->step,
                 json_string_value(what));
    else
        snprintf(name, size, "found[%zu] (step %zu, 0x%" PRIx64 ")", r->next - 1, r->step,
                 num(what));
}

static bool find(const struct run *r, const json_t *step, struct tb_symbol *s)
{
    struct tb_model *m = tb_sim_model(r->rig->sim, "v0");
    const char *name = json_string_value(json_array_get(step, 1));
    bool known = tb_symbol(m, name, s);
    if (!known)
        verdict_fail(r->v, "program", "step %zu: the transport has no register '%s'", r->step,
                     name);
    return known;
}

static void do_out(struct run *r, const json_t *step)
{
    struct tb_symbol s;
    if (find(r, step, &s))
        rig_out(r->rig, s.space, s.address, s.size, num(json_array_get(step, 2)));
}

static void do_in(struct run *r, const json_t *step)
{
    const json_t *mask = json_array_get(step, 2), *expected = take(r);
    struct tb_symbol s;
    char name[100];
    if (!find(r, step, &s))
        return;
    uint64_t value = rig_in(r->rig, s.space, s.address, s.size);
    field_of(r, step, name, sizeof name);
    if (json_is_integer(expected))
        verdict_num(r->v, name, num(expected), value & (mask ? num(mask) : UINT64_MAX));
    else
        verdict_fail(r->v, name, "there is no number for it");
}

static void do_poke(struct run *r, const json_t *step)
{
    const char *hex = json_string_value(json_array_get(step, 2));
    uint64_t at = num(json_array_get(step, 1));
    for (; hex[0]; hex += 2, at++) {
        unsigned byte = 0;
        sscanf(hex, "%2x", &byte);
        rig_poke(r->rig, at, &(uint8_t){(uint8_t)byte}, 1);
    }
}

/* Up to 16 bytes as they are, more as a hash. */
static void show(const uint8_t *data, size_t n, char out[48])
{
    strcpy(out, "sha256:");
    if (n > 16)
        hash_hex(data, n, out + 7);
    for (size_t i = 0; n <= 16 && i < n; i++)
        snprintf(out + 2 * i, 3, "%02x", data[i]);
}

static void do_peek(struct run *r, const json_t *step)
{
    const json_t *expected = take(r);
    size_t n = num(json_array_get(step, 2));
    uint8_t *data = calloc(n, 1);
    char found[48], name[100];
    field_of(r, step, name, sizeof name);
    if (data && json_is_string(expected) &&
        rig_peek(r->rig, num(json_array_get(step, 1)), data, n)) {
        show(data, n, found);
        verdict_text(r->v, name, json_string_value(expected), found);
    } else {
        verdict_fail(r->v, name, "there are no bytes for it");
    }
    free(data);
}

/* Recorded, and not compared. */
static void do_note(struct run *r, const json_t *step)
{
    (void)step;
    take(r);
}

static void do_wait(struct run *r, const json_t *step)
{
    (void)step;
    rig_settle(r->rig);
}

static void do_step(struct run *r, const json_t *step)
{
    static const struct {
        const char *word;
        void (*run)(struct run *r, const json_t *step);
    } kinds[] = {{"out", do_out},   {"in", do_in},     {"poke", do_poke},
                 {"peek", do_peek}, {"note", do_note}, {"wait", do_wait}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].word, json_string_value(json_array_get(step, 0))) == 0)
            kinds[i].run(r, step);
}

void virtio_vector_run(const json_t *vector, struct verdict *v)
{
    const json_t *program = json_object_get(vector, "program");
    bool is_pci = strcmp(text_of(vector, "transport"), "pci") == 0;
    const char *version;
    json_t *result;
    json_object_foreach ((json_t *)json_object_get(vector, "results"), version, result) {
        struct rig rig;
        struct run r = {.rig = &rig, .v = v, .found = json_object_get(result, "found")};
        bool open = rig_open(&rig, is_pci ? pci : mmio, v);
        for (; open && r.step < json_array_size(program); r.step++)
            do_step(&r, json_array_get(program, r.step));
        if (open && r.next != json_array_size(r.found))
            verdict_fail(v, "found", "the program reads %zu times, %zu were recorded", r.next,
                         json_array_size(r.found));
        if (rig.endless)
            verdict_fail(v, "program", "it does not end");
        rig_close(&rig);
    }
}
