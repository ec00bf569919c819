/* Steps of the IOMMU's driver: mapping, attaching, invalidating, raw commands. */
#include "host.h"

#include "spec/amdvi.h"

#include <inttypes.h>
#include <string.h>

enum { ACCESS_R, ACCESS_W, ACCESS_RW, ACCESS_NONE };
static const char *const access_names[] = {"r", "w", "rw", "none", NULL};
static const uint64_t access_bits[] = {HOST_MAY_READ, HOST_MAY_WRITE,
                                       HOST_MAY_READ | HOST_MAY_WRITE, 0};
static const char *const mode_names[] = {"translate", "passthrough", "blocked",
                                         NULL};                             /* enum host_mode */
static const char *const guest_names[] = {"none", "alone", "nested", NULL}; /* enum host_guests */
static const char *const policy_names[] = {"map",     "identity", "invalid",
                                           "failure", "ignore",   NULL}; /* enum host_policy */
static const char *const suppress_names[] = {"none", "repeated", "all", NULL};

/* One struct for all of them: what they can be told is much the same. */
struct iommu_args {
    const char *device, *iommu;
    uint64_t iova, pa, size, page, domain_id, levels;
    unsigned access, mode, suppress;
    bool has_domain, has_levels, has_iova, has_size, invalidate, device_invalidate, wait, skip, ats,
        all, has_reuse;
    struct host_reuse reuse;
    uint64_t pasid, guest_levels;
    bool has_pasid, has_pri;
    unsigned guests;
    struct host_pri pri;
    struct host_guest *guest;
    struct tb_items quadwords;
    struct host_device *of;
    struct host_iommu *unit;
    struct host_domain *domain;
};

#define FIELD(f)    .offset = offsetof(struct iommu_args, f)
#define OPTIONAL(f) .flags = TB_OPTIONAL, .present = offsetof(struct iommu_args, f) + 1

#define DEVICE_ROW                                                                                 \
    {                                                                                              \
        .name = "device", .type = TB_STRING, FIELD(device), .flags = TB_REQUIRED,                  \
        .doc = "whose requests"                                                                    \
    }
#define IOVA_ROW                                                                                   \
    {                                                                                              \
        .name = "iova", .type = TB_COUNT, FIELD(iova), .flags = TB_REQUIRED,                       \
        .doc = "the device's address"                                                              \
    }
#define SIZE_ROW                                                                                   \
    {                                                                                              \
        .name = "size", .type = TB_BYTES, FIELD(size), .flags = TB_REQUIRED, .min = "1",           \
        .doc = "how much"                                                                          \
    }
#define DOMAIN_ROW                                                                                 \
    {                                                                                              \
        .name = "domain", .type = TB_COUNT, FIELD(domain_id), OPTIONAL(has_domain),                \
        .max = "0xffff",                                                                           \
        .doc = "domain ID; default: the device's own (its number among the devices, from 1)"       \
    }
#define PASID_ROW                                                                                  \
    {                                                                                              \
        .name = "pasid", .type = TB_COUNT, FIELD(pasid), OPTIONAL(has_pasid), .max = "511",        \
        .doc = "in the table of this process or guest (x86-64's format), not the domain's"         \
    }
#define ACCESS_ROW                                                                                 \
    {                                                                                              \
        .name = "access", .type = TB_ENUM, FIELD(access), .names = access_names, .def = "rw",      \
        .doc = "what is allowed"                                                                   \
    }
#define PAGE_ROWS                                                                                  \
    {.name = "page",                                                                               \
     .type = TB_SIZE,                                                                              \
     FIELD(page),                                                                                  \
     .def = "4KiB",                                                                                \
     .min = "4KiB",                                                                                \
     .max = "2048TiB",                                                                             \
     .doc = "page size, any power of two: those that are no level's own are coded in the "         \
            "entries' addresses"},                                                                 \
    {                                                                                              \
        .name = "skip", .type = TB_BOOL, FIELD(skip), .def = "false",                              \
        .doc = "leave out levels of the table where the addresses allow it"                        \
    }
#define WAIT_ROW                                                                                   \
    {                                                                                              \
        .name = "wait", .type = TB_BOOL, FIELD(wait), .def = "true",                               \
        .doc = "with a completion wait, and wait for it"                                           \
    }

#define INVALIDATE_ROWS                                                                            \
    {.name = "invalidate",                                                                         \
     .type = TB_BOOL,                                                                              \
     FIELD(invalidate),                                                                            \
     .def = "true",                                                                                \
     .doc = "tell the IOMMU; without, it may go on using what it has cached"},                     \
    {                                                                                              \
        .name = "device_invalidate", .type = TB_BOOL, FIELD(device_invalidate), .def = "true",     \
        .doc = "tell devices that cache translations (ATS) too, after the IOMMU"                   \
    }

static const struct tb_param map_table[] = {
    DEVICE_ROW,
    IOVA_ROW,
    {.name = "pa", .type = TB_COUNT, FIELD(pa), .flags = TB_REQUIRED, .doc = "physical address"},
    SIZE_ROW,
    ACCESS_ROW,
    PAGE_ROWS,
    PASID_ROW,
    DOMAIN_ROW,
    {0},
};

static const struct tb_param identity_table[] = {
    DEVICE_ROW,
    {.name = "at",
     .type = TB_COUNT,
     FIELD(iova),
     .flags = TB_REQUIRED,
     .doc = "address, physical and the device's"},
    SIZE_ROW,
    ACCESS_ROW,
    PAGE_ROWS,
    DOMAIN_ROW,
    {0},
};

static const struct tb_param unmap_table[] = {
    DEVICE_ROW, IOVA_ROW, SIZE_ROW, INVALIDATE_ROWS, WAIT_ROW, PASID_ROW, DOMAIN_ROW, {0},
};

static const struct tb_param remap_table[] = {
    DEVICE_ROW,
    IOVA_ROW,
    {.name = "pa",
     .type = TB_COUNT,
     FIELD(pa),
     .flags = TB_REQUIRED,
     .doc = "new physical address"},
    SIZE_ROW,
    ACCESS_ROW,
    PAGE_ROWS,
    INVALIDATE_ROWS,
    WAIT_ROW,
    PASID_ROW,
    DOMAIN_ROW,
    {0},
};

static const struct tb_param reuse_table[] = {
    {.name = "pattern",
     .type = TB_ENUM,
     .offset = offsetof(struct host_reuse, pattern),
     .names = host_pattern_names,
     .def = "zero",
     .doc = "what its new owner writes there; offsets are physical addresses"},
    {.name = "seed",
     .type = TB_COUNT,
     .offset = offsetof(struct host_reuse, seed),
     .def = "0",
     .doc = "of mix64"},
    {0},
};

static const struct tb_param teardown_table[] = {
    DEVICE_ROW,
    {.name = "device_invalidate",
     .type = TB_BOOL,
     FIELD(device_invalidate),
     .def = "true",
     .doc = "tell devices that cache translations (ATS) too"},
    {.name = "reuse",
     .type = TB_GROUP,
     FIELD(reuse),
     .sub = reuse_table,
     .present = offsetof(struct iommu_args, has_reuse) + 1,
     .doc = "every page that was mapped is another's at once, who writes to it"},
    DOMAIN_ROW,
    {0},
};

#define PRI(f) .offset = offsetof(struct host_pri, f)

static const struct tb_param pri_table[] = {
    {.name = "policy",
     .type = TB_ENUM,
     PRI(policy),
     .names = policy_names,
     .def = "map",
     .short_form = true,
     .doc = "map: to the next page of the pool; identity; invalid, failure: that response; ignore: "
            "none"},
    {.name = "pool",
     .type = TB_COUNT,
     PRI(pool),
     .def = "0",
     .doc = "map: physical address of the first page"},
    {.name = "size",
     .type = TB_BYTES,
     PRI(size),
     .def = "0",
     .doc = "map: how much there is; then failure"},
    {.name = "time",
     .type = TB_TIME,
     PRI(time),
     .def = "0ns",
     .max = "1s",
     .doc = "of the driver's code, per page"},
    {0},
};

static const struct tb_param attach_table[] = {
    DEVICE_ROW,
    DOMAIN_ROW,
    ACCESS_ROW,
    {.name = "mode",
     .type = TB_ENUM,
     FIELD(mode),
     .names = mode_names,
     .def = "translate",
     .doc = "by the domain's page table, not at all, or nothing is allowed"},
    {.name = "levels",
     .type = TB_COUNT,
     FIELD(levels),
     OPTIONAL(has_levels),
     .min = "1",
     .max = "6",
     .doc = "of the domain's page table; default: the host's"},
    {.name = "ats",
     .type = TB_BOOL,
     FIELD(ats),
     .def = "false",
     .doc = "the device may cache translations (ATS)"},
    {.name = "suppress_events",
     .type = TB_ENUM,
     FIELD(suppress),
     .names = suppress_names,
     .def = "none",
     .doc = "page-fault events of the device that are not logged"},
    {.name = "guest",
     .type = TB_ENUM,
     FIELD(guests),
     .names = guest_names,
     .def = "none",
     .doc = "requests with a PASID: by the PASID's own table; alone: by nothing else, and without "
            "a PASID "
            "untranslated; nested: then by the domain's"},
    {.name = "guest_levels",
     .type = TB_COUNT,
     FIELD(guest_levels),
     .def = "4",
     .min = "4",
     .max = "5",
     .doc = "of those tables"},
    {.name = "pri",
     .type = TB_GROUP,
     FIELD(pri),
     .sub = pri_table,
     .present = offsetof(struct iommu_args, has_pri) + 1,
     .doc = "the device may ask for pages (PRI): what the driver does then"},
    {0},
};

static const struct tb_param invalidate_table[] = {
    {.name = "device",
     .type = TB_STRING,
     FIELD(device),
     .flags = TB_OPTIONAL,
     .doc = "whose domain, or with neither address nor domain its device table entry too"},
    {.name = "iommu",
     .type = TB_STRING,
     FIELD(iommu),
     .flags = TB_OPTIONAL,
     .doc = "which, if no device is named"},
    {.name = "iova",
     .type = TB_COUNT,
     FIELD(iova),
     OPTIONAL(has_iova),
     .doc = "only from this address on"},
    {.name = "size",
     .type = TB_BYTES,
     FIELD(size),
     OPTIONAL(has_size),
     .min = "1",
     .doc = "and only that much"},
    {.name = "all",
     .type = TB_BOOL,
     FIELD(all),
     .def = "false",
     .doc = "everything the IOMMU has cached"},
    {.name = "device_invalidate",
     .type = TB_BOOL,
     FIELD(device_invalidate),
     .def = "true",
     .doc = "tell devices that cache translations (ATS) too, after the IOMMU"},
    DOMAIN_ROW,
    WAIT_ROW,
    {0},
};

static const struct tb_param unit_table[] = {
    {.name = "iommu",
     .type = TB_STRING,
     FIELD(iommu),
     .flags = TB_OPTIONAL,
     .short_form = true,
     .doc = "a bridge with an IOMMU; default: the only one"},
    {0},
};

static const struct tb_param command_table[] = {
    {.name = "iommu",
     .type = TB_STRING,
     FIELD(iommu),
     .flags = TB_OPTIONAL,
     .doc = "a bridge with an IOMMU; default: the only one"},
    {.name = "q",
     .type = TB_NUMBERS,
     FIELD(quadwords),
     .flags = TB_REQUIRED,
     .doc = "the command's two quadwords"},
    {.name = "wait",
     .type = TB_BOOL,
     FIELD(wait),
     .def = "false",
     .doc = "with a completion wait behind it, and wait for that"},
    {0},
};

/* -- Preparing --------------------------------------------------------------------------------- */

static bool find_unit(struct host *h, struct iommu_args *a, const struct tb_node *node,
                      struct tb_diag *diag)
{
    if (a->iommu && a->iommu[0]) {
        const struct tb_node *named = node->kind == TB_MAP ? tb_node_get(node, "iommu") : node;
        a->unit = host_find_iommu(h, a->iommu, named, diag);
    } else if (h->iommu_count == 1) {
        a->unit = &h->iommus[0];
    } else {
        tb_diag_node(diag, node, "the platform has %zu IOMMUs: 'iommu' must say which",
                     h->iommu_count);
    }
    return a->unit && iommu_reserve(h, a->unit, node, diag);
}

static bool find_domain(struct host *h, struct iommu_args *a, const struct tb_node *node,
                        struct tb_diag *diag)
{
    bool own = a->of && a->unit->format->devices;
    uint16_t id = (uint16_t)(a->has_domain ? a->domain_id
                             : own         ? (uint64_t)(a->of - h->devices) + 1
                                           : 0);
    a->domain = host_domain_of(h, a->unit, id);
    if (!a->domain)
        tb_diag_node(diag, node, "too many domains");
    return a->domain != NULL;
}

static bool find_device(struct host *h, struct iommu_args *a, const struct tb_node *node,
                        struct tb_diag *diag)
{
    const struct tb_node *named = tb_node_get(node, "device");
    a->of = host_find_device(h, a->device, named, diag);
    if (!a->of)
        return false;
    a->unit = a->of->iommu;
    if (!a->unit)
        tb_diag_node(diag, named, "there is no IOMMU between '%s' and '%s'", a->device, h->m->name);
    return a->unit && iommu_reserve(h, a->unit, node, diag) && find_domain(h, a, node, diag);
}

static bool prepare_guests(struct host *h, struct iommu_args *a, const struct tb_node *node,
                           struct tb_diag *diag)
{
    if (a->guests == HOST_NO_GUESTS)
        return true;
    if (a->mode == HOST_BLOCKED) {
        tb_diag_node(diag, node, "a blocked device has no guests");
        return false;
    }
    a->mode = a->guests == HOST_ALONE ? HOST_PASSTHROUGH : HOST_TRANSLATE;
    if (!a->of->gcr3_at)
        a->of->gcr3_at = host_memory(h, HOST_PAGE, HOST_PAGE);
    if (!a->of->gcr3_at)
        tb_diag_node(diag, node, "the driver has no memory for a GCR3 table");
    a->unit->wants_guests = true;
    return a->of->gcr3_at != 0;
}

static bool prepare_pri(struct host *h, struct iommu_args *a, const struct tb_node *node,
                        struct tb_diag *diag)
{
    const struct tb_node *pri = tb_node_get(node, "pri");
    if (!a->has_pri)
        return true;
    a->pri.node = pri;
    if (a->pri.policy == HOST_PRI_MAP &&
        (a->pri.pool % HOST_PAGE || a->pri.size < HOST_PAGE ||
         a->pri.pool + a->pri.size < a->pri.pool || (a->pri.pool + a->pri.size - 1) >> 52)) {
        tb_diag_node(diag, pri,
                     "'pool' and 'size' say which pages are given: multiples of 4 KiB below 2^52");
        return false;
    }
    return request_reserve(h, a->unit, pri, diag);
}

/* Of a format that does not know devices, `attach` says only that it is to be used. */
static bool check_attach(const struct iommu_args *a, const struct tb_node *node,
                         struct tb_diag *diag)
{
    bool plain = a->mode == HOST_TRANSLATE && a->access == ACCESS_RW && !a->has_levels && !a->ats &&
                 !a->suppress && !a->guests && !a->has_pri && !a->has_domain;
    if (a->unit->format->devices || plain)
        return true;
    tb_diag_node(diag, node,
                 "the IOMMU of '%s' (format %s) has one table for all devices: there is nothing "
                 "else to be said of one",
                 a->unit->model->name, a->unit->format->name);
    return false;
}

static bool prepare_device(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct iommu_args *a = s->args;
    if (!find_device(h, a, s->node, diag) || !check_attach(a, s->node, diag))
        return false;
    if (a->has_levels && a->domain->levels && a->domain->levels != a->levels) {
        tb_diag_node(diag, tb_node_get(s->node, "levels"),
                     "an earlier step gave domain %u %u levels", a->domain->id, a->domain->levels);
        return false;
    }
    if (a->has_levels)
        a->domain->levels = (unsigned)a->levels;
    return prepare_guests(h, a, s->node, diag) && prepare_pri(h, a, s->node, diag);
}

static bool check_range(const struct iommu_args *a, uint64_t unit, const struct tb_node *node,
                        struct tb_diag *diag)
{
    uint64_t last = a->iova + a->size - 1;
    if (a->iova % unit || a->size % unit || last < a->iova) {
        tb_diag_node(diag, node,
                     "iova 0x%" PRIx64 " and size 0x%" PRIx64
                     " must be multiples of the page size 0x%" PRIx64
                     ", and end within the address space",
                     a->iova, a->size, unit);
        return false;
    }
    return true;
}

/* What x86-64's tables cannot say. */
static bool check_guest(const struct iommu_args *a, const struct tb_node *node,
                        struct tb_diag *diag)
{
    if (!guest_page_size(a->page))
        tb_diag_node(diag, tb_node_get(node, "page"), "pages of a PASID are 4 KiB, 2 MiB or 1 GiB");
    else if (a->access == ACCESS_W || a->access == ACCESS_NONE || a->skip)
        tb_diag_node(diag, node, "pages of a PASID are 'r' or 'rw', and no level is skipped");
    else
        return true;
    return false;
}

static bool find_guest(struct host *h, struct iommu_args *a, const struct tb_node *node,
                       struct tb_diag *diag)
{
    if (!find_device(h, a, node, diag))
        return false;
    a->guest = a->has_pasid ? guest_of(h, a->of, (uint32_t)a->pasid) : NULL;
    return true;
}

static struct table_job job_of(const struct iommu_args *a, const struct tb_node *node, bool unmap)
{
    return (struct table_job){.domain = a->has_domain || !a->of->domain ? a->domain : a->of->domain,
                              .start = a->iova,
                              .iova = a->iova,
                              .last = a->iova + a->size - 1,
                              .pa = a->pa,
                              .page = unmap ? HOST_PAGE : a->page,
                              .permissions = access_bits[a->access],
                              .skip = a->skip,
                              .guest = a->guest,
                              .unmap = unmap,
                              .node = node};
}

/* What the format's tables cannot have. */
static bool check_format(struct host *h, const struct host_step *s, bool unmap,
                         struct tb_diag *diag)
{
    const struct iommu_args *a = s->args;
    const struct table_job job = job_of(a, s->node, unmap);
    const char *wrong = a->unit->format->refuses(h, a->unit, &job);
    if (wrong)
        tb_diag_node(diag, s->node, "'%s' (format %s) cannot %s that: %s", a->unit->model->name,
                     a->unit->format->name, s->kind->name, wrong);
    return !wrong;
}

static bool prepare_map(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct iommu_args *a = s->args;
    if (!table_page_size(a->page)) {
        tb_diag_node(diag, tb_node_get(s->node, "page"),
                     "no page has that size: a power of two, 4 KiB or more");
        return false;
    }
    if (!check_range(a, a->page, s->node, diag) || (a->has_pasid && !check_guest(a, s->node, diag)))
        return false;
    if (a->pa % a->page || (a->pa + a->size - 1) >> 52 || a->pa + a->size - 1 < a->pa) {
        tb_diag_node(diag, tb_node_get(s->node, "pa"),
                     "must be a multiple of the page size, and end below 2^52");
        return false;
    }
    return find_guest(h, a, s->node, diag) && check_format(h, s, false, diag);
}

static bool prepare_identity(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct iommu_args *a = s->args;
    a->pa = a->iova;
    return prepare_map(h, s, diag);
}

static bool prepare_unmap(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct iommu_args *a = s->args;
    return check_range(a, HOST_PAGE, s->node, diag) && find_guest(h, a, s->node, diag) &&
           check_format(h, s, true, diag);
}

/* Steps that need a format with devices, commands and an event log. */
static bool needs_devices(const struct host_step *s, struct tb_diag *diag)
{
    const struct iommu_args *a = s->args;
    if (!a->unit->format->devices)
        tb_diag_node(diag, s->node, "'%s' means nothing for the IOMMU of '%s' (format %s)",
                     s->kind->name, a->unit->model->name, a->unit->format->name);
    return a->unit->format->devices;
}

static bool prepare_teardown(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    return find_device(h, s->args, s->node, diag) && needs_devices(s, diag);
}

static bool prepare_invalidate(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct iommu_args *a = s->args;
    bool device = a->device && a->device[0];
    if (a->has_iova != a->has_size || (a->has_iova && a->iova + a->size - 1 < a->iova)) {
        tb_diag_node(diag, s->node,
                     "'iova' and 'size' come together, and end within the address space");
        return false;
    }
    if (device)
        return find_device(h, a, s->node, diag);
    if (!a->all && !a->has_domain) {
        tb_diag_node(diag, s->node, "needs 'device', 'domain' or 'all: true'");
        return false;
    }
    return find_unit(h, a, s->node, diag) && find_domain(h, a, s->node, diag);
}

static bool prepare_unit(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    return find_unit(h, s->args, s->node, diag);
}

static bool prepare_commands(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    return find_unit(h, s->args, s->node, diag) && needs_devices(s, diag);
}

static bool prepare_command(struct host *h, struct host_step *s, struct tb_diag *diag)
{
    struct iommu_args *a = s->args;
    if (a->quadwords.count != 2) {
        tb_diag_node(diag, tb_node_get(s->node, "q"), "a command is two quadwords");
        return false;
    }
    return prepare_commands(h, s, diag);
}

/* -- Running ----------------------------------------------------------------------------------- */

enum { MAP_AWAITS_ATTACH, MAP_AWAITS_TABLES, MAP_AWAITS_INVALIDATION };

/* A device that nobody attached is attached by its first mapping. */
static enum host_verdict attach_first(struct host *h, const struct iommu_args *a,
                                      const struct tb_node *node, tb_time when)
{
    struct host_work *w = &h->work;
    if (w->count == 0 && (a->of->attached || a->guest))
        return HOST_DONE;
    w->count = 1;
    w->attach.permissions = HOST_MAY_READ | HOST_MAY_WRITE;
    return iommu_attach(h, a->of, a->domain, HOST_TRANSLATE, &w->attach, node, when);
}

static void begin_job(struct host *h, const struct iommu_args *a, const struct tb_node *node,
                      bool unmap)
{
    h->work.table = job_of(a, node, unmap);
    h->work.phase = MAP_AWAITS_TABLES;
}

static enum host_verdict fail(struct host *h, const struct host_step *s, tb_time when,
                              const char *wrong)
{
    host_complain(h, s->node, when, "cannot %s 0x%" PRIx64 ": %s", s->kind->name,
                  h->work.table.iova, wrong);
    return HOST_DONE;
}

/* Changes the tables; HOST_DONE when the last store is done. w->value tells if something was wrong.
 */
static enum host_verdict change_tables(struct host *h, const struct host_step *s, tb_time when)
{
    struct host_work *w = &h->work;
    const char *wrong = table_step(h, &w->table, when);
    if (wrong)
        w->value = 1;
    if (wrong)
        return fail(h, s, when, wrong);
    return w->table.over && h->flow->count == 0 ? HOST_DONE : HOST_AGAIN;
}

static enum host_verdict run_map(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == MAP_AWAITS_ATTACH) {
        enum host_verdict v = attach_first(h, a, s->node, when);
        if (v != HOST_DONE)
            return v;
        begin_job(h, a, s->node, false);
        if (a->guest) {
            const char *wrong = guest_begin(h, a->guest, s->node, when);
            w->value = wrong != NULL;
            return wrong ? fail(h, s, when, wrong) : HOST_AGAIN;
        }
        if (!w->table.domain->root) {
            w->value = 1;
            return fail(h, s, when, "its domain has no page table: no device is attached to it");
        }
    }
    return change_tables(h, s, when);
}

/* What was changed is to be forgotten. */
static enum host_verdict flush_changed(struct host *h, const struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    struct host_work *w = &h->work;
    if (!a->invalidate)
        return HOST_DONE;
    if (w->phase == MAP_AWAITS_TABLES) {
        w->flush = iommu_flush_of(w->table.domain, w->table.start, w->table.last);
        w->flush.without_devices = !a->device_invalidate;
        w->flush.guest = a->guest;
        w->phase = MAP_AWAITS_INVALIDATION;
    }
    return iommu_flush(h, a->unit, &w->flush, a->wait, s->node, when);
}

static enum host_verdict run_remap(struct host *h, struct host_step *s, tb_time when)
{
    struct host_work *w = &h->work;
    if (w->phase != MAP_AWAITS_INVALIDATION) {
        enum host_verdict v = run_map(h, s, when);
        if (v != HOST_DONE || w->value)
            return v;
    }
    return flush_changed(h, s, when);
}

static enum host_verdict run_unmap(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == MAP_AWAITS_ATTACH) {
        begin_job(h, a, s->node, true);
        if (a->guest ? !a->guest->root : !w->table.domain->root)
            return fail(h, s, when, "nothing was mapped in its domain");
    }
    if (w->phase == MAP_AWAITS_TABLES) {
        enum host_verdict v = change_tables(h, s, when);
        if (v != HOST_DONE || w->value)
            return v;
    }
    return flush_changed(h, s, when);
}

enum { TEARDOWN_AWAITS_DEVICES, TEARDOWN_AWAITS_TABLES, TEARDOWN_AWAITS_INVALIDATION };

/* Every device of the domain is blocked, and forgets, before a page is anybody else's. */
static enum host_verdict block_devices(struct host *h, struct host_domain *domain,
                                       const struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    struct host_work *w = &h->work;
    for (; w->count < h->device_count; w->count++) {
        struct host_device *d = &h->devices[w->count];
        bool begun = w->attach.phase != 0;
        if (!begun && !(d->attached && d->domain == domain && d->mode == HOST_TRANSLATE))
            continue;
        w->attach.flags[1] = w->attach.flags[1] | (d->ats ? AMDVI_DTE_I : 0);
        w->attach.without_devices = !a->device_invalidate;
        d->guests = HOST_NO_GUESTS;
        enum host_verdict v = iommu_attach(h, d, domain, HOST_BLOCKED, &w->attach, s->node, when);
        if (v != HOST_DONE)
            return v;
        w->attach = (struct attach_job){0};
    }
    return HOST_DONE;
}

static enum host_verdict run_teardown(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    struct host_work *w = &h->work;
    struct host_domain *domain = w->table.domain                   ? w->table.domain
                                 : a->has_domain || !a->of->domain ? a->domain
                                                                   : a->of->domain;
    enum host_verdict v;
    if (!domain->root)
        return fail(h, s, when, "nothing was mapped in its domain");
    if (w->phase == TEARDOWN_AWAITS_DEVICES) {
        v = block_devices(h, domain, s, when);
        if (v != HOST_DONE)
            return v;
        w->table = (struct table_job){.domain = domain,
                                      .last = UINT64_MAX,
                                      .unmap = true,
                                      .reuse = a->has_reuse ? &a->reuse : NULL,
                                      .node = s->node};
        w->phase = TEARDOWN_AWAITS_TABLES;
    }
    if (w->phase == TEARDOWN_AWAITS_TABLES) {
        v = change_tables(h, s, when);
        if (v != HOST_DONE || w->value)
            return v;
        w->flush = iommu_flush_of(domain, 0, UINT64_MAX);
        w->flush.without_devices = !a->device_invalidate;
        w->phase = TEARDOWN_AWAITS_INVALIDATION;
    }
    return iommu_flush(h, a->unit, &w->flush, true, s->node, when);
}

static void put_guest_flags(const struct iommu_args *a, uint64_t flags[3])
{
    uint64_t table = a->of->gcr3_at;
    flags[0] |= AMDVI_DTE_GV | tb_amdvi_gcr3_first(table);
    flags[1] |= tb_amdvi_gcr3_second(table);
    flags[2] |= (a->guest_levels - 4) << AMDVI_DTE_GUEST_MODE_SHIFT;
}

static enum host_verdict run_attach(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    struct attach_job *job = &h->work.attach;
    static const uint64_t suppress[] = {0, AMDVI_DTE_SE, AMDVI_DTE_SA};
    job->permissions = access_bits[a->access];
    if (job->phase == 0) {
        job->flags[0] = a->has_pri ? AMDVI_DTE_PPR : 0;
        job->flags[1] = suppress[a->suppress] | (a->ats ? AMDVI_DTE_I : 0);
        job->flags[2] = 0;
        if (a->guests)
            put_guest_flags(a, job->flags);
        a->of->guests = (enum host_guests)a->guests;
        a->of->guest_levels = (unsigned)a->guest_levels;
        if (a->has_pri)
            a->of->pri = a->pri;
    }
    return iommu_attach(h, a->of, a->domain, (enum host_mode)a->mode, job, s->node, when);
}

enum { INVALIDATE_AWAITS_START, INVALIDATE_AWAITS_DEVICE, INVALIDATE_AWAITS_PAGES };

static struct flush_job choose_invalidation(const struct iommu_args *a)
{
    struct host_domain *domain =
        a->of && a->of->domain && !a->has_domain ? a->of->domain : a->domain;
    struct flush_job job = a->all        ? iommu_flush_of(NULL, 0, UINT64_MAX)
                           : a->has_iova ? iommu_flush_of(domain, a->iova, a->iova + a->size - 1)
                                         : iommu_flush_of(domain, 0, UINT64_MAX);
    job.without_devices = !a->device_invalidate;
    return job;
}

static enum host_verdict run_invalidate(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    struct host_work *w = &h->work;
    if (w->phase == INVALIDATE_AWAITS_START) {
        if (iommu_start(h, a->unit) != HOST_DONE)
            return HOST_AGAIN;
        w->phase = INVALIDATE_AWAITS_PAGES;
        w->flush = choose_invalidation(a);
        if (a->of && a->unit->format->devices && !a->has_iova && !a->has_domain && !a->all) {
            iommu_invalidate_device(w->command.command, a->of->id);
            w->phase = INVALIDATE_AWAITS_DEVICE;
        }
    }
    if (w->phase == INVALIDATE_AWAITS_DEVICE) {
        enum host_verdict v = iommu_command(h, a->unit, &w->command, false, s->node, when);
        if (v != HOST_DONE)
            return v;
        w->phase = INVALIDATE_AWAITS_PAGES;
    }
    return iommu_flush(h, a->unit, &w->flush, a->wait, s->node, when);
}

static enum host_verdict run_completion_wait(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    if (h->work.command.phase == 0 && iommu_start(h, a->unit) != HOST_DONE)
        return HOST_AGAIN;
    return iommu_command(h, a->unit, &h->work.command, true, s->node, when);
}

static enum host_verdict run_command(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    const uint64_t *q = a->quadwords.at;
    if (h->work.command.phase == 0 && iommu_start(h, a->unit) != HOST_DONE)
        return HOST_AGAIN;
    h->work.command.command[0] = q[0];
    h->work.command.command[1] = q[1];
    h->work.command.raw = true;
    return iommu_command(h, a->unit, &h->work.command, a->wait, s->node, when);
}

static enum host_verdict run_drain(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    (void)when;
    return iommu_drain(h, a->unit, &h->work.drain);
}

static enum host_verdict run_start(struct host *h, struct host_step *s, tb_time when)
{
    const struct iommu_args *a = s->args;
    (void)when;
    return iommu_start(h, a->unit);
}

#define ARGS sizeof(struct iommu_args)

/* Where a device's IOMMU would send what it maps: nobody may be there. */
static void lint_map(const struct host *h, const struct host_step *s, struct tb_diag *diag)
{
    const struct iommu_args *a = s->args;
    const struct tb_node *pa = tb_node_get(s->node, "pa");
    struct tb_model *unit = a->of && a->of->iommu ? a->of->iommu->model : NULL;
    const char *const *ports = unit ? unit->class->ports : NULL;
    (void)h;
    for (unsigned port = 0; ports && ports[port]; port++)
        if (strcmp(ports[port], "up") == 0)
            tb_lint_range(unit, port, pa ? a->pa : a->iova, a->size,
                          pa ? pa : tb_node_get(s->node, "at"), diag);
}

const struct host_step_lint host_lints_iommu[] = {
    {"map", lint_map},
    {"identity", lint_map},
    {"remap", lint_map},
    {0},
};

const struct host_step_kind host_steps_iommu[] = {
    {"map", "maps a range for a device; attaches the device first, if nobody did", map_table, ARGS,
     prepare_map, run_map, false},
    {"identity", "maps a range for a device at its own address", identity_table, ARGS,
     prepare_identity, run_map, false},
    {"unmap", "takes mappings of a device away, and invalidates them", unmap_table, ARGS,
     prepare_unmap, run_unmap, false},
    {"remap", "maps a range elsewhere, over what is mapped there, and invalidates that",
     remap_table, ARGS, prepare_map, run_remap, false},
    {"teardown", "ends a domain: blocks its devices, invalidates, unmaps everything, reuses memory",
     teardown_table, ARGS, prepare_teardown, run_teardown, true},
    {"attach", "writes a device's entry of the device table", attach_table, ARGS, prepare_device,
     run_attach, false},
    {"invalidate",
     "has the IOMMU forget what it cached of a range, a domain, a device, or everything",
     invalidate_table, ARGS, prepare_invalidate, run_invalidate, true},
    {"completion_wait", "waits until the IOMMU has done all commands", unit_table, ARGS,
     prepare_commands, run_completion_wait, true},
    {"command", "gives the IOMMU any command", command_table, ARGS, prepare_command, run_command,
     true},
    {"drain_events", "reads the event log up to its tail", unit_table, ARGS, prepare_commands,
     run_drain, true},
    {"start_iommu", "points the IOMMU's registers to the driver's tables and enables it",
     unit_table, ARGS, prepare_unit, run_start, false},
    {0},
};
