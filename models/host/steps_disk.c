/* Steps of the IDE driver: commands for a drive. */
#include "host.h"
#include "isa.h"

#include "driver_virtio.h"

#include "spec/ata.h"
#include "spec/bmide.h"
#include "spec/i8237.h"

#include <inttypes.h>
#include <stdio.h>

enum { AUTO, YES, NO };
static const char *const lba48_names[] = {"auto", "always", "never", NULL};
static const char *const end_names[] = {"auto", "yes", "no", NULL};
static const char *const outcome_names[] = {"ok", "error", "any", NULL};     /* enum ide_outcome */
static const char *const bounce_names[] = {"auto", "always", "never", NULL}; /* enum isa_bounce */
static const char *const dma_mode_names[] = {"demand", "single", "block", NULL};
static const uint8_t dma_modes[] = {I8237_DEMAND, I8237_SINGLE, I8237_BLOCK};
static const char *const mode_names[] = {"none",   "pio0",   "pio1",   "pio2",  "pio3",  "pio4",
                                         "mwdma0", "mwdma1", "mwdma2", "udma0", "udma1", "udma2",
                                         "udma3",  "udma4",  "udma5",  "udma6", NULL};
/* Sector count of SET FEATURES for each of them (ATA/ATAPI-6, 8.46.11). */
static const uint8_t mode_values[] = {0,    0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x20, 0x21,
                                      0x22, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46};

#define IDENTIFY_WORDS 256u
#define PRDS_MAX       (HOST_PRD_TABLE / BMIDE_PRD_BYTES)
#define ISSUE_ACCESSES 24u

struct prd {
    uint64_t iova, pa, bytes;
    unsigned end;
    bool has_iova, has_pa;
};

/* Regions made up: pieces at places of a window. */
struct scatter {
    uint64_t at, window, piece, stride, seed;
    unsigned order;
    bool given, has_stride;
};

enum { SEQUENTIAL, RANDOM };
static const char *const order_names[] = {"sequential", "random", NULL};

struct disk_args {
    struct scatter scatter;
    const char *name;
    uint64_t drive, lba, sectors, prd_at, prd_pa, feature, value, at;
    struct tb_items prds;
    unsigned lba48, status, mode;
    tb_time timeout;
    bool wait, start, has_prd_at, has_prd_pa, has_timeout, has_at;
    struct host_channel *channel;
    struct ide_command command;
    struct host_virtio *virtio; /* in place of a channel */
    struct virtio_command request;
    struct isa_transfer isa;
    unsigned bounce, dma_mode;
    uint64_t *words; /* of IDENTIFY */
    uint8_t *bytes;
};

#define FIELD(f)        .offset = offsetof(struct disk_args, f)
#define OPTIONAL(f)     .flags = TB_OPTIONAL, .present = offsetof(struct disk_args, f) + 1
#define PRD(f)          .offset = offsetof(struct prd, f)
#define PRD_OPTIONAL(f) .flags = TB_OPTIONAL, .present = offsetof(struct prd, f) + 1

static const struct tb_param prd_table[] = {
    {.name = "iova",
     .type = TB_COUNT,
     PRD(iova),
     PRD_OPTIONAL(has_iova),
     .max = "0xffffffff",
     .doc = "address as the device uses it"},
    {.name = "pa",
     .type = TB_COUNT,
     PRD(pa),
     PRD_OPTIONAL(has_pa),
     .max = "0xffffffff",
     .doc = "the same thing, where nothing translates"},
    {.name = "bytes",
     .type = TB_BYTES,
     PRD(bytes),
     .flags = TB_REQUIRED,
     .min = "1",
     .max = "64KiB",
     .doc = "length; the hardware ignores the lowest bit"},
    {.name = "end",
     .type = TB_ENUM,
     PRD(end),
     .names = end_names,
     .def = "auto",
     .doc = "end-of-table mark; auto: on the last one"},
    {0},
};

#define SCATTER(f) .offset = offsetof(struct scatter, f)

static const struct tb_param scatter_table[] = {
    {.name = "iova",
     .type = TB_COUNT,
     SCATTER(at),
     .flags = TB_REQUIRED,
     .max = "0xffffffff",
     .doc = "where the window begins, as the device uses it"},
    {.name = "window",
     .type = TB_BYTES,
     SCATTER(window),
     .flags = TB_REQUIRED,
     .min = "2",
     .doc = "its size"},
    {.name = "piece",
     .type = TB_BYTES,
     SCATTER(piece),
     .flags = TB_REQUIRED,
     .min = "2",
     .max = "64KiB",
     .doc = "bytes of a region"},
    {.name = "stride",
     .type = TB_BYTES,
     SCATTER(stride),
     .flags = TB_OPTIONAL,
     .present = offsetof(struct scatter, has_stride) + 1,
     .min = "2",
     .doc = "from one place of the window to the next; default: a piece"},
    {.name = "order",
     .type = TB_ENUM,
     SCATTER(order),
     .names = order_names,
     .def = "sequential",
     .doc = "of the places; none is used twice"},
    {.name = "seed", .type = TB_COUNT, SCATTER(seed), .def = "1", .doc = "of the random order"},
    {0},
};

#define DEVICE_ROWS                                                                                \
    {.name = "device",                                                                             \
     .type = TB_STRING,                                                                            \
     FIELD(name),                                                                                  \
     .flags = TB_REQUIRED,                                                                         \
     .doc = "an ide controller, or a virtio block device"},                                        \
    {                                                                                              \
        .name = "drive", .type = TB_COUNT, FIELD(drive), .def = "0", .max = "3",                   \
        .doc = "0, 1: primary master and slave; 2, 3: secondary"                                   \
    }
#define END_ROWS(waits)                                                                            \
    {.name = "wait",                                                                               \
     .type = TB_BOOL,                                                                              \
     FIELD(wait),                                                                                  \
     .def = waits,                                                                                 \
     .doc = "wait for the command's end (and take its interrupt); false: a later `wait: "          \
            "interrupt` does"},                                                                    \
        {.name = "status",                                                                         \
         .type = TB_ENUM,                                                                          \
         FIELD(status),                                                                            \
         .names = outcome_names,                                                                   \
         .def = "ok",                                                                              \
         .doc = "how the command must end"},                                                       \
    {                                                                                              \
        .name = "timeout", .type = TB_TIME, FIELD(timeout), OPTIONAL(has_timeout), .min = "1ns",   \
        .max = "10000s",                                                                           \
        .doc = "for the channel to become free, and for the command's end; default: the host's"    \
    }

static const struct tb_param transfer_table[] = {
    DEVICE_ROWS,
    {.name = "lba",
     .type = TB_COUNT,
     FIELD(lba),
     .flags = TB_REQUIRED,
     .max = "0xffffffffffff",
     .doc = "first sector"},
    {.name = "sectors",
     .type = TB_COUNT,
     FIELD(sectors),
     .flags = TB_REQUIRED,
     .min = "1",
     .max = "65536",
     .doc = "how many, of 512 bytes"},
    {.name = "prd",
     .type = TB_ITEMS,
     FIELD(prds),
     .sub = prd_table,
     .size = sizeof(struct prd),
     .flags = TB_OPTIONAL,
     .doc = "the regions of memory; without: whatever table is at `prd_at`"},
    {.name = "scatter",
     .type = TB_GROUP,
     FIELD(scatter),
     .sub = scatter_table,
     .present = offsetof(struct disk_args, scatter.given) + 1,
     .doc = "or regions made up: as many as the sectors need"},
    {.name = "prd_at",
     .type = TB_COUNT,
     FIELD(prd_at),
     OPTIONAL(has_prd_at),
     .max = "0xfffffffc",
     .doc = "where the device finds the table; default: the driver's own"},
    {.name = "prd_pa",
     .type = TB_COUNT,
     FIELD(prd_pa),
     OPTIONAL(has_prd_pa),
     .doc = "where the driver writes it; default: where its own mappings of `prd_at` lead"},
    {.name = "lba48",
     .type = TB_ENUM,
     FIELD(lba48),
     .names = lba48_names,
     .def = "auto",
     .doc = "48-bit commands; auto: if 28 bits or 256 sectors do not do"},
    {.name = "start",
     .type = TB_BOOL,
     FIELD(start),
     .def = "true",
     .doc = "set the bus master's start bit"},
    {.name = "bounce",
     .type = TB_ENUM,
     FIELD(bounce),
     .names = bounce_names,
     .def = "auto",
     .doc = "ISA DMA: what its channel does not reach goes through the bounce buffer; always: all; "
            "never: the channel gets the address as far as it fits"},
    {.name = "dma_mode",
     .type = TB_ENUM,
     FIELD(dma_mode),
     .names = dma_mode_names,
     .def = "demand",
     .doc = "ISA DMA: the mode of the DMA channel"},
    END_ROWS("false"),
    {0},
};

static const struct tb_param identify_table[] = {
    DEVICE_ROWS,
    {.name = "at",
     .type = TB_COUNT,
     FIELD(at),
     OPTIONAL(has_at),
     .doc = "where the 512 bytes (virtio: 20) are stored"},
    END_ROWS("true"),
    {0},
};

static const struct tb_param flush_table[] = {
    DEVICE_ROWS,
    {.name = "lba48",
     .type = TB_ENUM,
     FIELD(lba48),
     .names = lba48_names,
     .def = "auto",
     .doc = "FLUSH CACHE EXT; auto: FLUSH CACHE"},
    END_ROWS("true"),
    {0},
};

static const struct tb_param features_table[] = {
    DEVICE_ROWS,
    {.name = "mode",
     .type = TB_ENUM,
     FIELD(mode),
     .names = mode_names,
     .def = "none",
     .doc = "transfer mode to set"},
    {.name = "feature",
     .type = TB_COUNT,
     FIELD(feature),
     .def = "3",
     .max = "0xff",
     .doc = "subcommand"},
    {.name = "value",
     .type = TB_COUNT,
     FIELD(value),
     .def = "0",
     .max = "0xff",
     .doc = "sector count register"},
    END_ROWS("true"),
    {0},
};

static const struct tb_param finish_table[] = {
    DEVICE_ROWS,
    {.name = "reset",
     .type = TB_BOOL,
     FIELD(start),
     .def = "false",
     .doc = "reset the channel's drives afterwards"},
    {0},
};

/* -- Preparing --------------------------------------------------------------------------------- */

/* What has no meaning for a virtio device must not be said. */
static bool check_virtio(const struct disk_args *a, const struct tb_node *node,
                         struct tb_diag *diag)
{
    static const char *const others[] = {"drive", "prd_at", "prd_pa", "lba48", "start"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const struct tb_node *given = tb_node_get(node, others[i]);
        if (given) {
            tb_diag_node(diag, given, "'%s' is a virtio device: it has no '%s'", a->name,
                         others[i]);
            return false;
        }
    }
    return true;
}

static bool find_virtio(struct host *h, struct disk_args *a, struct host_virtio *v,
                        const struct tb_node *node, struct tb_diag *diag)
{
    if (!check_virtio(a, node, diag))
        return false;
    if (a->wait && !v->line) {
        tb_diag_node(diag, node, "'%s' has no interrupt line: 'wait' must be false", a->name);
        return false;
    }
    a->virtio = v;
    a->request = (struct virtio_command){
        .wanted = (uint8_t)a->status,
        .wait = a->wait,
        .timeout = a->has_timeout ? a->timeout : h->params.timeout,
        .node = node,
    };
    return virtio_reserve(h, v, node, diag);
}

/* A request moves what its regions hold: all of it, and nothing else. */
static bool prepare_request(struct disk_args *a, bool write, const struct tb_node *node,
                            struct tb_diag *diag)
{
    struct virtio_command *r = &a->request;
    uint64_t bytes = 0;
    for (size_t i = 0; i < a->command.region_count; i++)
        bytes += a->command.regions[i].bytes;
    if (bytes != a->sectors * ATA_SECTOR) {
        tb_diag_node(diag, node,
                     "the regions of a virtio request hold what it moves: %" PRIu64
                     " sectors are %" PRIu64 " bytes, not %" PRIu64,
                     a->sectors, a->sectors * ATA_SECTOR, bytes);
        return false;
    }
    r->type = write ? VIRTIO_BLK_OUT : VIRTIO_BLK_IN;
    r->sector = a->lba;
    r->regions = a->command.regions;
    r->region_count = a->command.region_count;
    return true;
}

/* Its interrupts can be told from others': on a line of the ISA bus nobody else may be. */
static bool owns_line(const struct host_channel *c)
{
    const struct host_channel *k = c->line ? c->line->channel : c;
    if (c->line && c->isa && (c->line->virtio || c->line->iommu || k != c || c->next))
        return false;
    while (k && k != c)
        k = k->next;
    return k != NULL;
}

static bool find_channel(struct host *h, struct disk_args *a, const struct tb_node *node,
                         struct tb_diag *diag)
{
    const struct tb_node *named = tb_node_get(node, "device");
    struct host_device *d = host_find_device(h, a->name, named, diag);
    if (!d)
        return false;
    if (d->virtio)
        return find_virtio(h, a, d->virtio, node, diag);
    if (!d->is_ide) {
        tb_diag_node(diag, named, "'%s' is no ide controller and no virtio device", a->name);
        return false;
    }
    a->channel = &d->channels[a->drive / HOST_DRIVES];
    if (!a->channel->registers[IDE_COMMAND].size) {
        tb_diag_node(diag, tb_node_get(node, "drive"), "'%s' has drives 0 and 1", a->name);
        return false;
    }
    if (a->wait && !a->channel->line) {
        tb_diag_node(diag, named, "'%s' has no interrupt line: 'wait' must be false", a->name);
        return false;
    }
    if (!owns_line(a->channel)) {
        tb_diag_node(diag, named,
                     "interrupt line %" PRIu64
                     " of '%s' has others on it, and lines of the ISA bus "
                     "are not shared",
                     a->channel->line->number, a->name);
        return false;
    }
    if (!a->has_timeout)
        a->timeout = h->params.timeout;
    a->command = (struct ide_command){.drive = (uint8_t)(a->drive % HOST_DRIVES),
                                      .wanted = (uint8_t)a->status,
                                      .node = node,
                                      .start = true};
    return true;
}

static bool needs_48(const struct disk_args *a)
{
    return a->lba + a->sectors > (uint64_t)1 << 28 || a->sectors > 256;
}

static bool check_prds(const struct disk_args *a, const struct tb_node *node, struct tb_diag *diag)
{
    const struct prd *prds = a->prds.at;
    if (a->prds.count == 0 && !a->has_prd_at) {
        tb_diag_node(diag, node, "needs 'prd', or 'prd_at' of a table that is there already");
        return false;
    }
    if (a->prds.count > PRDS_MAX) {
        tb_diag_node(diag, tb_node_get(node, "prd"), "a table has room for %u regions",
                     (unsigned)PRDS_MAX);
        return false;
    }
    for (size_t i = 0; i < a->prds.count; i++)
        if (prds[i].has_iova == prds[i].has_pa) {
            tb_diag_node(diag, a->prds.nodes[i], "needs either 'iova' or 'pa'");
            return false;
        }
    return true;
}

/* The first of the places in random order: Fisher and Yates, as far as they are needed. */
static void place_pieces(struct host *h, const struct scatter *x, struct prd *prds, uint64_t count,
                         uint64_t places)
{
    struct tb_random random = {x->seed};
    uint32_t *order = tb_alloc(h->m, places, sizeof *order);
    for (uint64_t i = 0; i < places; i++)
        order[i] = (uint32_t)i;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t other = x->order == RANDOM ? i + tb_random_below(&random, places - i) : i;
        uint32_t place = order[other];
        order[other] = order[i];
        prds[i] =
            (struct prd){.iova = x->at + place * x->stride, .bytes = x->piece, .has_iova = true};
    }
}

static bool make_scatter(struct host *h, struct disk_args *a, const struct tb_node *node,
                         struct tb_diag *diag)
{
    struct scatter *x = &a->scatter;
    const struct tb_node *at = tb_node_get(node, "scatter");
    uint64_t bytes = a->sectors * ATA_SECTOR;
    if (!x->has_stride)
        x->stride = x->piece;
    uint64_t count = bytes / x->piece, places = x->window / x->stride;
    if (a->prds.count || bytes % x->piece || x->piece % 2 || x->stride % 2 || x->at % 2 ||
        x->piece > x->stride) {
        tb_diag_node(diag, at,
                     "the transfer is made of whole pieces, all even, each within its stride; and "
                     "of no 'prd'");
        return false;
    }
    if (count > PRDS_MAX || count > places || places > (uint64_t)1 << 20 ||
        x->at + x->window > HOST_4GIB) {
        tb_diag_node(
            diag, at,
            "%" PRIu64
            " pieces need as many places in the window below 4 GiB (at most 2^20), and a table has "
            "room for %u",
            count, (unsigned)PRDS_MAX);
        return false;
    }
    if ((x->at & 0xffff) % x->stride || 65536 % x->stride) {
        tb_diag_node(diag, at,
                     "no region crosses 64 KiB: a stride is a power of two up to that, and 'iova' "
                     "a multiple");
        return false;
    }
    struct prd *prds = tb_alloc(h->m, count, sizeof *prds);
    place_pieces(h, x, prds, count, places);
    a->prds = (struct tb_items){.at = prds, .count = count};
    return true;
}

/* What the device will go to, for `revoke`. */
static void note_regions(struct host *h, struct disk_args *a)
{
    const struct prd *prds = a->prds.at;
    struct ide_region *regions = tb_alloc(h->m, a->prds.count + 1, sizeof *regions);
    for (size_t i = 0; i < a->prds.count; i++)
        regions[i] =
            (struct ide_region){prds[i].has_iova ? prds[i].iova : prds[i].pa, prds[i].bytes};
    a->command.regions = regions;
    a->command.region_count = a->prds.count;
}

static bool is_isa(const struct disk_args *a)
{
    return a->channel && a->channel->isa;
}

/* A bus master's table is not for a DMA channel, nor the other way round. */
static bool check_front(const struct disk_args *a, const struct tb_node *node, struct tb_diag *diag)
{
    static const char *const masters[] = {"prd_at", "prd_pa", "start"}, *const channels[] = {
                                                                            "bounce", "dma_mode"};
    bool isa = is_isa(a);
    const char *const *keys = isa ? masters : channels;
    for (unsigned i = 0; i < (isa ? 3 : 2); i++)
        if (tb_node_get(node, keys[i])) {
            tb_diag_node(diag, tb_node_get(node, keys[i]),
                         "'%s' means nothing to '%s', which is %s", keys[i], a->name,
                         isa ? "on a DMA channel" : "a bus master");
            return false;
        }
    if (isa && !a->wait)
        tb_diag_node(diag, node,
                     "over a DMA channel the driver transfers run by run: it needs 'wait: true'");
    return !isa || a->wait;
}

static bool prepare_isa(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct disk_args *a = s->args;
    a->isa = (struct isa_transfer){.channel = a->channel,
                                   .command = &a->command,
                                   .bounce = a->bounce,
                                   .mode = dma_modes[a->dma_mode],
                                   .timeout = a->timeout,
                                   .name = a->name};
    return isa_prepare(h, &a->isa, s->node, diag);
}

static bool prepare_transfer(struct host *h, struct host_step *s, struct tb_diag *diag, bool write)
{
    struct disk_args *a = s->args;
    if (!find_channel(h, a, s->node, diag) || !check_front(a, s->node, diag) ||
        (a->scatter.given && !make_scatter(h, a, s->node, diag)) || !check_prds(a, s->node, diag))
        return false;
    if (a->virtio) {
        note_regions(h, a);
        return prepare_request(a, write, s->node, diag);
    }
    if (a->lba48 == NO && needs_48(a)) {
        tb_diag_node(diag, s->node,
                     "a 28-bit command reaches LBA 0xfffffff, and 256 sectors at once");
        return false;
    }
    if (a->lba + a->sectors > (uint64_t)1 << 48) {
        tb_diag_node(diag, s->node, "it ends past the last 48-bit address");
        return false;
    }
    a->command.lba48 = a->lba48 == YES || (a->lba48 == AUTO && needs_48(a));
    a->command.opcode = ide_opcode(write, a->command.lba48);
    a->command.lba = a->lba;
    a->command.sectors = (uint32_t)a->sectors;
    a->command.dma = true;
    a->command.to_memory = !write;
    a->command.start = a->start;
    note_regions(h, a);
    if (a->channel->isa)
        return prepare_isa(h, s, diag);
    return a->has_prd_at || ide_reserve(h, a->channel, s->node, diag);
}

static bool prepare_read(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    return prepare_transfer(h, s, diag, false);
}

static bool prepare_write(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    return prepare_transfer(h, s, diag, true);
}

static bool prepare_identify(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct disk_args *a = s->args;
    if (!find_channel(h, a, s->node, diag))
        return false;
    if (!a->wait) {
        tb_diag_node(diag, tb_node_get(s->node, "wait"),
                     "the driver has to wait: it reads the data itself");
        return false;
    }
    if (a->has_at && a->at % 8) {
        tb_diag_node(diag, tb_node_get(s->node, "at"), "must be a multiple of 8");
        return false;
    }
    a->request.type = VIRTIO_BLK_GET_ID;
    a->request.at = a->at;
    a->request.has_at = a->has_at;
    a->words = tb_alloc(h->m, IDENTIFY_WORDS, sizeof *a->words);
    a->bytes = tb_alloc(h->m, IDENTIFY_WORDS, 2);
    a->command.opcode = ATA_IDENTIFY;
    a->command.data_in = true;
    return true;
}

static bool prepare_flush(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct disk_args *a = s->args;
    if (!find_channel(h, a, s->node, diag))
        return false;
    a->request.type = VIRTIO_BLK_FLUSH;
    a->command.opcode = a->lba48 == YES ? ATA_FLUSH_CACHE_EXT : ATA_FLUSH_CACHE;
    return true;
}

/* A command that only ATA has. */
static bool find_ata(struct host *h, struct disk_args *a, const struct tb_node *node,
                     struct tb_diag *diag)
{
    if (!find_channel(h, a, node, diag))
        return false;
    if (a->virtio)
        tb_diag_node(diag, tb_node_get(node, "device"), "'%s' is no ide controller", a->name);
    return !a->virtio;
}

static bool prepare_features(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct disk_args *a = s->args;
    if (!find_ata(h, a, s->node, diag))
        return false;
    if (a->mode && (tb_node_get(s->node, "feature") || tb_node_get(s->node, "value"))) {
        tb_diag_node(diag, s->node, "'mode' stands for 'feature' and 'value'");
        return false;
    }
    a->command.opcode = ATA_SET_FEATURES;
    a->command.features = (uint8_t)a->feature;
    a->command.sectors = a->mode ? mode_values[a->mode] : (uint32_t)a->value;
    return true;
}

static bool prepare_finish(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    return find_ata(h, s->args, s->node, diag);
}

/* -- Running ----------------------------------------------------------------------------------- */

enum {
    DISK_AWAITS_CHANNEL,
    DISK_AWAITS_TABLE_PAGES,
    DISK_AWAITS_TABLE,
    DISK_AWAITS_START,
    DISK_AWAITS_END,
    DISK_AWAITS_DATA,
    DISK_AWAITS_STORES
};

static bool expired(struct host *h, const struct host_step *s, tb_time when, const char *what)
{
    if (when < h->work.deadline) {
        host_sleep(h, h->work.deadline);
        return false;
    }
    const struct disk_args *a = s->args;
    host_complain_of_wait(h, s->node, when, a->timeout, what, a->name);
    return true;
}

/* Where the driver writes the table: through its own mappings if the device is translated. */
static uint64_t table_place(struct host *h, const struct disk_args *a)
{
    const struct host_device *d = a->channel->device;
    uint64_t pa;
    if (!a->has_prd_at)
        return a->channel->prd_at;
    if (a->has_prd_pa)
        return a->prd_pa;
    bool translated = d->attached && d->mode == HOST_TRANSLATE;
    return translated && table_lookup(h, d->domain, a->prd_at, &pa) ? pa : a->prd_at;
}

static bool put_prds(struct host *h, const struct disk_args *a)
{
    const struct prd *prds = a->prds.at;
    struct host_work *w = &h->work;
    for (; w->count < a->prds.count && host_room(h) > 0; w->count++) {
        const struct prd *p = &prds[w->count];
        bool end = p->end == AUTO ? w->count + 1 == a->prds.count : p->end == YES;
        uint64_t address = p->has_iova ? p->iova : p->pa;
        ide_put_prd(h, w->value + w->count * BMIDE_PRD_BYTES, (uint32_t)address, (uint32_t)p->bytes,
                    end);
    }
    return w->count == a->prds.count;
}

/* Up to the start of the command; HOST_DONE when its last access is done. */
static enum host_verdict issue(struct host *h, struct host_step *s, tb_time when)
{
    struct disk_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == DISK_AWAITS_CHANNEL) {
        w->deadline = w->begun + a->timeout;
        if (a->channel->busy)
            return expired(h, s, when, "the last command") ? HOST_DONE : HOST_WAITS;
        w->phase = DISK_AWAITS_TABLE_PAGES;
        w->value = a->command.dma ? table_place(h, a) : 0;
        a->command.table = a->has_prd_at ? (uint32_t)a->prd_at : ide_table_bus(a->channel);
    }
    if (w->phase == DISK_AWAITS_TABLE_PAGES) {
        uint64_t bytes = a->has_prd_at ? 0 : a->prds.count * BMIDE_PRD_BYTES;
        enum host_verdict v = ide_map_table(h, a->channel, bytes, &w->table, s->node, when);
        if (v != HOST_DONE)
            return v;
        w->phase = DISK_AWAITS_TABLE;
    }
    if (w->phase == DISK_AWAITS_TABLE) {
        if (!put_prds(h, a) || host_room(h) < ISSUE_ACCESSES)
            return HOST_AGAIN;
        ide_issue(h, a->channel, &a->command);
        w->value = a->channel->issued;
        w->phase = DISK_AWAITS_START;
        return HOST_AGAIN;
    }
    return HOST_DONE;
}

/* The command's end, and its interrupt, which no later step is to see. */
static enum host_verdict await_end(struct host *h, struct host_step *s, tb_time when)
{
    struct disk_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == DISK_AWAITS_START) {
        w->deadline = when + a->timeout;
        w->phase = DISK_AWAITS_END;
    }
    if (a->channel->finished < w->value)
        return expired(h, s, when, "the command's end") ? HOST_DONE : HOST_WAITS;
    struct host_line *line = a->channel->line;
    if (line && line->taken < line->handled)
        line->taken++;
    return HOST_DONE;
}

static enum host_verdict run_command(struct host *h, struct host_step *s, tb_time when)
{
    struct disk_args *a = s->args;
    if (a->virtio)
        return virtio_run(h, a->virtio, &a->request, when);
    if (h->work.phase < DISK_AWAITS_START) {
        enum host_verdict v = issue(h, s, when);
        if (v != HOST_DONE || h->work.phase < DISK_AWAITS_START)
            return v;
    }
    return a->wait ? await_end(h, s, when) : HOST_DONE;
}

static enum host_verdict run_transfer(struct host *h, struct host_step *s, tb_time when)
{
    const struct disk_args *a = s->args;
    return is_isa(a) ? isa_run(h, &a->isa, when) : run_command(h, s, when);
}

/* -- IDENTIFY: the CPU reads the data, 16 bits at a time -----------------------------------------
 */

static enum host_verdict read_words(struct host *h, struct disk_args *a)
{
    struct host_work *w = &h->work;
    if (w->count == IDENTIFY_WORDS) {
        for (unsigned i = 0; i < IDENTIFY_WORDS; i++) {
            a->bytes[2 * i] = (uint8_t)a->words[i];
            a->bytes[2 * i + 1] = (uint8_t)(a->words[i] >> 8);
        }
        w->phase = DISK_AWAITS_STORES;
        w->count = 0;
        return HOST_AGAIN;
    }
    for (; w->count < IDENTIFY_WORDS && host_room(h) > 0; w->count++)
        host_read(h, a->channel->registers[IDE_DATA], &a->words[w->count]);
    return HOST_AGAIN;
}

static enum host_verdict store_words(struct host *h, struct disk_args *a)
{
    struct host_work *w = &h->work;
    if (!a->has_at || w->count == IDENTIFY_WORDS * 2)
        return HOST_DONE;
    for (; w->count < IDENTIFY_WORDS * 2 && host_room(h) > 0; w->count += 8)
        host_move(h, a->at + w->count, TB_MEMORY, a->bytes + w->count, 8, true);
    return HOST_AGAIN;
}

static enum host_verdict run_identify(struct host *h, struct host_step *s, tb_time when)
{
    struct disk_args *a = s->args;
    struct host_work *w = &h->work;
    if (a->virtio)
        return virtio_run(h, a->virtio, &a->request, when);
    if (w->phase <= DISK_AWAITS_END) {
        enum host_verdict v = run_command(h, s, when);
        if (v != HOST_DONE || a->channel->finished < w->value || !(a->channel->status & ATA_DRQ))
            return v;
        w->phase = DISK_AWAITS_DATA;
        w->count = 0;
    }
    return w->phase == DISK_AWAITS_DATA ? read_words(h, a) : store_words(h, a);
}

static enum host_verdict run_finish(struct host *h, struct host_step *s, tb_time when)
{
    struct disk_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->count == 0) {
        enum host_verdict v = ide_finish(h, a->channel, &w->finish, true, when);
        if (v != HOST_DONE)
            return v;
        w->finish = (struct finish_job){0};
        w->count = 1;
    }
    return a->start ? ide_reset(h, a->channel, &w->finish, when) : HOST_DONE;
}

#define ARGS sizeof(struct disk_args)

/* A region to which a device sends requests that nobody takes, whichever way out it has. */
static void lint_region(struct tb_model *m, uint64_t first, uint64_t bytes,
                        const struct tb_node *node, struct tb_diag *diag)
{
    uint64_t last = first + (bytes ? bytes - 1 : 0), where;
    unsigned by = 0;
    for (unsigned port = 0; port < tb_port_count(m); port++) {
        if (tb_port_peer(m, port) && !tb_unclaimed(m, port, first, last, &where))
            return;
        by = tb_port_peer(m, port) ? port : by;
    }
    tb_lint_range(m, by, first, bytes, node, diag);
}

static void lint_transfer(const struct host *h, const struct host_step *s, struct tb_diag *diag)
{
    const struct disk_args *a = s->args;
    const struct prd *prds = a->prds.at;
    struct tb_model *m = a->virtio ? a->virtio->device->model : a->channel->device->model;
    (void)h;
    if (a->command.wanted != IDE_OK || a->scatter.given || is_isa(a))
        return;
    for (size_t i = 0; i < a->prds.count; i++)
        lint_region(m, prds[i].has_pa ? prds[i].pa : prds[i].iova, prds[i].bytes, a->prds.nodes[i],
                    diag);
    if (a->has_prd_at)
        lint_region(m, a->prd_at, BMIDE_PRD_BYTES, tb_node_get(s->node, "prd_at"), diag);
}

const struct host_step_lint host_lints_disk[] = {
    {"disk_read", lint_transfer},
    {"disk_write", lint_transfer},
    {0},
};

const struct host_step_kind host_steps_disk[] = {
    {"disk_read", "gives a drive a DMA read command, with its PRD table", transfer_table, ARGS,
     prepare_read, run_transfer, true},
    {"disk_write", "gives a drive a DMA write command, with its PRD table", transfer_table, ARGS,
     prepare_write, run_transfer, true},
    {"identify", "IDENTIFY DEVICE: the CPU reads the 256 words; virtio: GET_ID, 20 bytes",
     identify_table, ARGS, prepare_identify, run_identify, true},
    {"disk_flush", "FLUSH CACHE", flush_table, ARGS, prepare_flush, run_command, true},
    {"set_features", "SET FEATURES, such as the transfer mode", features_table, ARGS,
     prepare_features, run_command, true},
    {"disk_finish",
     "ends a command that raised no interrupt: reads its status and stops the bus master",
     finish_table, ARGS, prepare_finish, run_finish, true},
    {0},
};
