/* What a vector of each kind must look like: tables, and the one function that walks them. Checked
 * before anything is run, so that the code that runs vectors may take members and types for
 * granted. */
#include "vectors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    INT = 1, /* 0 or more, up to `max` if that is not 0 */
    HEX = 2, /* "0x...", 64 bits */
    TEXT = 4,
    BOOL = 8,
    NONE = 16, /* null */
    LIST = 32, /* of `item`, of the shapes in `tuple`, or of one of `variants` */
    MAP = 64,  /* an object: with `members`, any keys with `item`, or one of `variants` */
    OPTIONAL = 128,
    LOOSE = 256 /* an object whose further members are nobody's business (recordings) */
};

struct shape;

/* A list or an object that says by a word what it is: its first element, or its member "op". */
struct variant {
    const char *word;
    const struct shape *shape; /* the tuple, or the members */
};

struct shape {
    const char *key;
    unsigned is;
    uint64_t max;
    const struct shape *item;
    const struct shape *tuple; /* optional ones only at the end */
    const struct shape *members;
    const struct variant *variants;
    void (*also)(const struct spot *at);
};

static bool check(const struct shape *s, const struct spot *at);

/* -- the walk ------------------------------------------ */

static const struct {
    unsigned is;
    const char *what;
} words[] = {{INT, "a number"},  {HEX, "a string of hexadecimal digits after 0x"},
             {TEXT, "a string"}, {BOOL, "true or false"},
             {NONE, "null"},     {LIST, "a list"},
             {MAP, "an object"}};

static bool type_fits(const struct shape *s, const json_t *value)
{
    return ((s->is & INT) && json_is_integer(value)) || ((s->is & HEX) && json_is_hex(value)) ||
           ((s->is & TEXT) && json_is_string(value)) ||
           ((s->is & BOOL) && json_is_boolean(value)) || ((s->is & NONE) && json_is_null(value)) ||
           ((s->is & LIST) && json_is_array(value)) || ((s->is & MAP) && json_is_object(value));
}

static void wrong_type(const struct shape *s, const struct spot *at)
{
    char expected[160] = "";
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (s->is & words[i].is) {
            size_t n = strlen(expected);
            snprintf(expected + n, sizeof expected - n, "%s%s", n ? " or " : "", words[i].what);
        }
    if (at->key)
        spot_error(at, "'%s' must be %s", at->key, expected);
    else
        spot_error(at, "expected %s", expected);
}

static bool check_range(const struct shape *s, const struct spot *at)
{
    if (!json_is_integer(at->value))
        return true;
    json_int_t n = json_integer_value(at->value);
    if (n >= 0 && (s->max == 0 || (uint64_t)n <= s->max))
        return true;
    if (s->max)
        spot_error(at, "%" JSON_INTEGER_FORMAT " is out of range (0 to %" PRIu64 ")", n, s->max);
    else
        spot_error(at, "%" JSON_INTEGER_FORMAT " is out of range (0 or more)", n);
    return false;
}

static bool check_tuple(const struct shape *tuple, const struct spot *at)
{
    size_t n = json_array_size(at->value), least = 0, most = 0;
    bool good = true;
    for (const struct shape *s = tuple; s->is; s++, most++)
        least += !(s->is & OPTIONAL);
    if (n < least || n > most) {
        spot_error(at, "expected a list of %zu%s elements, found %zu", least,
                   most > least ? " or more" : "", n);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct spot element = spot_element(at, i);
        good &= check(&tuple[i], &element);
    }
    return good;
}

static const struct shape *member_named(const struct shape *members, const char *key)
{
    for (; members->key; members++)
        if (strcmp(members->key, key) == 0)
            return members;
    return NULL;
}

static bool check_members(const struct shape *members, bool loose, const struct spot *at)
{
    bool good = true;
    for (const struct shape *s = members; s->key; s++)
        if (!(s->is & OPTIONAL) && !json_object_get(at->value, s->key)) {
            spot_error(at, "missing member '%s'", s->key);
            good = false;
        }
    const char *key;
    json_t *value;
    json_object_foreach (at->value, key, value) {
        struct spot member = spot_member(at, key, value);
        const struct shape *s = member_named(members, key);
        if (s)
            good &= check(s, &member);
        else if (!loose)
            spot_warn(&member, "unknown member '%s' is not looked at", key);
    }
    return good;
}

static bool check_each(const struct shape *s, const struct spot *at)
{
    bool good = true;
    for (size_t i = 0; json_is_array(at->value) && i < json_array_size(at->value); i++) {
        struct spot element = spot_element(at, i);
        good &= check(s->item, &element);
    }
    const char *key;
    json_t *value;
    if (json_is_object(at->value))
        json_object_foreach (at->value, key, value) {
            struct spot member = spot_member(at, key, value);
            good &= check(s->item, &member);
        }
    return good;
}

static bool check_variant(const struct variant *variants, const struct spot *at)
{
    bool list = json_is_array(at->value);
    json_t *tag = list ? json_array_get(at->value, 0) : json_object_get(at->value, "op");
    const char *word = json_string_value(tag);
    struct spot spot = list ? spot_element(at, 0) : spot_member(at, "op", tag);
    if (!word) {
        spot_error(at, list ? "expected a list that begins with a word" : "missing member 'op'");
        return false;
    }
    for (const struct variant *v = variants; v->word; v++)
        if (strcmp(v->word, word) == 0)
            return list ? check_tuple(v->shape, at) : check_members(v->shape, false, at);
    const char *names[16] = {0};
    for (size_t i = 0; variants[i].word && i < 15; i++)
        names[i] = variants[i].word;
    const char *near = tb_nearest(word, names);
    spot_error(&spot, "unknown step '%s'%s%s%s", word, near ? "; did you mean '" : "",
               near ? near : "", near ? "'?" : "");
    return false;
}

static bool check(const struct shape *s, const struct spot *at)
{
    if (!type_fits(s, at->value)) {
        wrong_type(s, at);
        return false;
    }
    bool good = check_range(s, at), whole = json_is_array(at->value) || json_is_object(at->value);
    if (whole && s->variants)
        good &= check_variant(s->variants, at);
    else if (whole && s->tuple)
        good &= check_tuple(s->tuple, at);
    else if (whole && s->members)
        good &= check_members(s->members, s->is & LOOSE, at);
    else if (whole && s->item)
        good &= check_each(s, at);
    if (good && s->also) {
        s->also(at);
        good = at->line->errors == 0;
    }
    return good;
}

/* -- shared shapes ------------------------------------------ */

static const struct shape hex = {.is = HEX}, word = {.is = TEXT};

static void hex_key(const struct spot *at)
{
    json_t *name = json_string(at->key);
    if (!json_is_hex(name) || strtoull(at->key, NULL, 16) > 0xFFFF)
        spot_error(at, "'%s' is not a device id (0x0 to 0xffff)", at->key);
    json_decref(name);
}

/* -- ide-bmdma ------------------------------------------ */

static void known_register(const struct spot *at)
{
    if (!ide_register_find(json_string_value(at->value)))
        spot_error(at, "unknown register '%s'", json_string_value(at->value));
}

static const struct shape reg_out[] = {
    {.is = TEXT}, {.is = TEXT, .also = known_register}, {.is = INT, .max = UINT32_MAX}, {0}};
static const struct shape reg_in[] = {{.is = TEXT}, {.is = TEXT, .also = known_register}, {0}};
static const struct shape alone[] = {{.is = TEXT}, {0}};
static const struct shape words_in[] = {{.is = TEXT}, {.is = INT, .max = 65536}, {0}};
static const struct variant ide_steps[] = {{"out8", reg_out},   {"out16", reg_out},
                                           {"out32", reg_out},  {"in8", reg_in},
                                           {"in16", reg_in},    {"in32", reg_in},
                                           {"wait", alone},     {"settle", alone},
                                           {"pio16", words_in}, {0}};
static const struct shape ide_step = {.is = LIST, .variants = ide_steps};

static const struct shape prd_tuple[] = {
    {.is = INT, .max = UINT32_MAX}, {.is = INT, .max = UINT32_MAX}, {.is = INT, .max = 1}, {0}};
static const struct shape prd_entry = {.is = LIST, .tuple = prd_tuple};

static void read_or_write(const struct spot *at)
{
    const char *s = json_string_value(at->value);
    if (strcmp(s, "read") != 0 && strcmp(s, "write") != 0)
        spot_error(at, "expected \"read\" or \"write\"");
}

static void big_disk(const struct spot *at)
{
    if (strcmp(json_string_value(at->value), "big") != 0)
        spot_error(at, "unknown disk '%s'", json_string_value(at->value));
}

static void table_in_memory(const struct spot *at)
{
    uint64_t base = num(at->value);
    json_t *vector = at->up->value;
    if (base + 8 * json_array_size(json_object_get(vector, "prd")) > 64 << 20)
        spot_error(at, "the table does not lie within 64 MiB");
}

static const struct shape blkdebug[] = {
    {.is = TEXT, .also = read_or_write}, {.is = INT}, {.is = INT}, {0}};

static const struct shape read_tuple[] = {{.is = TEXT}, {.is = INT}, {0}};
static const struct shape read_value = {.is = LIST, .tuple = read_tuple};
static const struct shape run_tuple[] = {
    {.is = INT}, {.is = INT, .max = 64 << 20}, {.is = TEXT}, {0}};
static const struct shape run = {.is = LIST, .tuple = run_tuple};

static const struct shape ide_result[] = {
    {.key = "reads", .is = LIST, .item = &read_value},
    {.key = "still_active_after_wait", .is = BOOL},
    {.key = "irq14_before_status_read", .is = LIST, .item = &word},
    {.key = "bm_cmd", .is = INT},
    {.key = "bm_status", .is = INT},
    {.key = "bm_prd", .is = INT},
    {.key = "altstatus", .is = INT},
    {.key = "error", .is = INT},
    {.key = "nsect", .is = INT},
    {.key = "lbal", .is = INT},
    {.key = "lbam", .is = INT},
    {.key = "lbah", .is = INT},
    {.key = "device", .is = INT},
    {.key = "status", .is = INT},
    {.key = "irq14_at_status_read", .is = LIST, .item = &word},
    {.key = "bm_status_after_status_read", .is = INT | OPTIONAL},
    {.key = "bm_status_after_stop", .is = INT},
    {.key = "mem_written", .is = LIST, .item = &run},
    {.key = "arena_sha256", .is = TEXT},
    {.key = "disk_written", .is = LIST, .item = &run},
    {.key = "pio16", .is = TEXT | OPTIONAL},
    {0}};
static const struct shape ide_of_version = {.is = MAP | LOOSE, .members = ide_result};

static void some_result(const struct spot *at)
{
    if (json_object_size(at->value) == 0)
        spot_error(at, "no results");
}

static const struct shape ide_vector[] = {
    {.key = "id", .is = TEXT},
    {.key = "kind", .is = TEXT},
    {.key = "note", .is = TEXT | OPTIONAL},
    {.key = "versions", .is = LIST | OPTIONAL, .item = &word},
    {.key = "prd_addr", .is = INT, .also = table_in_memory},
    {.key = "prd", .is = LIST, .item = &prd_entry},
    {.key = "program", .is = LIST, .item = &ide_step},
    {.key = "disk", .is = TEXT | OPTIONAL, .also = big_disk},
    {.key = "pci_command", .is = INT | OPTIONAL, .max = 0xFFFF},
    {.key = "blkdebug", .is = LIST | OPTIONAL, .tuple = blkdebug},
    {.key = "implementation_defined", .is = BOOL | OPTIONAL},
    {.key = "results", .is = MAP, .item = &ide_of_version, .also = some_result},
    {0}};

/* -- amd-iommu ------------------------------------------ */

static const struct shape quadword_tuple[] = {
    {.is = HEX}, {.is = HEX}, {.is = HEX}, {.is = HEX}, {0}};
static const struct shape dte = {.is = LIST, .tuple = quadword_tuple, .also = hex_key};
static const struct shape poke_tuple[] = {{.is = HEX}, {.is = HEX}, {0}};
static const struct shape poke = {.is = LIST, .tuple = poke_tuple};
static const struct shape range_tuple[] = {{.is = HEX | INT},
                                           {.is = HEX | INT, .max = 1 << 20},
                                           {.is = HEX | INT},
                                           {.is = HEX | INT},
                                           {0}};
static const struct shape range = {.is = LIST, .tuple = range_tuple};
static const struct shape watch_tuple[] = {{.is = HEX}, {.is = INT, .max = 16 << 20}, {0}};
static const struct shape watch = {.is = LIST, .tuple = watch_tuple};

static void fits_buffer(const struct spot *at)
{
    uint64_t length = num(at->value), start = num_of(at->up->value, "buf", 0);
    if (length == 0 || start + length > 4096)
        spot_error(at, "a DMA must have 1 byte at least and stay within the buffer of 4096 bytes");
}

static const struct shape dma_step[] = {{.key = "op", .is = TEXT},
                                        {.key = "iova", .is = HEX},
                                        {.key = "buf", .is = INT, .max = 4095},
                                        {.key = "len", .is = INT, .max = 4096, .also = fits_buffer},
                                        {.key = "stale_ok", .is = BOOL | OPTIONAL},
                                        {0}};
static const struct shape cmd_step[] = {
    {.key = "op", .is = TEXT}, {.key = "q", .is = LIST, .tuple = poke_tuple}, {0}};
static const struct shape cmds_step[] = {{.key = "op", .is = TEXT},
                                         {.key = "q", .is = LIST, .tuple = poke_tuple},
                                         {.key = "n", .is = INT, .max = 100000},
                                         {0}};
static const struct shape poke_step[] = {
    {.key = "op", .is = TEXT}, {.key = "addr", .is = HEX}, {.key = "val", .is = HEX}, {0}};
static const struct shape ide_iommu_step[] = {{.key = "op", .is = TEXT},
                                              {.key = "prd_iova", .is = HEX},
                                              {.key = "prd_mem", .is = LIST, .item = &poke},
                                              {.key = "prd", .is = LIST, .item = &prd_entry},
                                              {.key = "cmd", .is = INT, .max = 255},
                                              {.key = "lba", .is = INT, .max = (1ull << 48) - 1},
                                              {.key = "nsect", .is = INT, .max = 65536},
                                              {0}};
static const struct variant amdvi_steps[] = {{"dma_write", dma_step},
                                             {"dma_read", dma_step},
                                             {"cmd", cmd_step},
                                             {"cmds", cmds_step},
                                             {"poke64", poke_step},
                                             {"ide", ide_iommu_step},
                                             {0}};
static const struct shape amdvi_step = {.is = MAP, .variants = amdvi_steps};

static void known_event(const struct spot *at)
{
    if (!amdvi_event_code(json_string_value(at->value)))
        spot_error(at, "unknown event '%s'", json_string_value(at->value));
}

static const struct shape chunk_tuple[] = {{.is = HEX},
                                           {.is = INT, .max = 64 << 20},
                                           {.is = HEX | NONE},
                                           {.is = TEXT | OPTIONAL, .also = known_event},
                                           {.is = TEXT | OPTIONAL},
                                           {0}};

static void named_fault(const struct spot *at)
{
    if (json_is_null(json_array_get(at->value, 2)) && json_array_size(at->value) < 4)
        spot_error(at, "a chunk without a physical address must name its event");
}

static const struct shape chunk = {.is = LIST, .tuple = chunk_tuple, .also = named_fault};
static const struct shape chunks = {.is = LIST, .item = &chunk};
static const struct shape ide_expected[] = {{.key = "descriptor_fetch", .is = LIST, .item = &chunk},
                                            {.key = "data", .is = LIST, .item = &chunks},
                                            {0}};
/* Outcomes of a DMA (a list of lists of chunks), null, or an object for a step of the disk. */
static const struct shape expected = {.is = LIST | NONE | MAP, .item = &chunks, .members = NULL};

/* What a step must be answered by depends on the step: checked here, for the list as a whole. Null:
 * the vector does not say what becomes of the step. */
static void expect_matches(const struct spot *at)
{
    json_t *steps = json_object_get(at->up->value, "steps");
    if (json_array_size(at->value) != json_array_size(steps)) {
        spot_error(at, "expected one element per step (%zu), found %zu", json_array_size(steps),
                   json_array_size(at->value));
        return;
    }
    for (size_t i = 0; i < json_array_size(steps); i++) {
        struct spot element = spot_element(at, i);
        bool disk = strcmp(text_of(json_array_get(steps, i), "op"), "ide") == 0;
        if (disk && json_is_array(element.value))
            spot_error(&element, "a step of the disk needs 'descriptor_fetch' and 'data'");
        else if (!disk && json_is_object(element.value))
            spot_error(&element, "a DMA needs a list of outcomes");
        else if (json_is_object(element.value))
            check_members(ide_expected, false, &element);
        else if (json_is_array(element.value))
            check_each(&expected, &element);
    }
}

static const struct shape expected_any = {.is = LIST | NONE | MAP};

static const struct shape amdvi_vector[] = {
    {.key = "id", .is = TEXT},
    {.key = "kind", .is = TEXT},
    {.key = "note", .is = TEXT | OPTIONAL},
    {.key = "versions", .is = LIST | OPTIONAL, .item = &word},
    {.key = "dte", .is = MAP, .item = &dte},
    {.key = "pt", .is = LIST | OPTIONAL, .item = &poke},
    {.key = "pt_ranges", .is = LIST | OPTIONAL, .item = &range},
    {.key = "watch", .is = LIST, .item = &watch},
    {.key = "steps", .is = LIST, .item = &amdvi_step},
    {.key = "expect", .is = LIST, .item = &expected_any, .also = expect_matches},
    {.key = "control", .is = HEX | INT | OPTIONAL},
    {.key = "enabled", .is = BOOL | OPTIONAL},
    {.key = "devtab", .is = HEX | INT | OPTIONAL},
    {.key = "devtab_pages", .is = INT | OPTIONAL, .max = 512},
    {.key = "edu_slot", .is = INT | OPTIONAL, .max = 31},
    {.key = "device", .is = TEXT | OPTIONAL},
    {.key = "seed", .is = INT | OPTIONAL},
    {.key = "agrees", .is = MAP | OPTIONAL},
    {.key = "implementation_defined", .is = BOOL | OPTIONAL},
    {.key = "results", .is = MAP | OPTIONAL},
    {0}};

/* -- amd-iommu-regs ------------------------------------------ */

static const struct shape reset_members[] = {{.key = "reset", .is = MAP, .item = &hex}, {0}};
static const struct shape regs_of_version = {.is = MAP | LOOSE, .members = reset_members};
static const struct shape regs_vector[] = {
    {.key = "id", .is = TEXT},
    {.key = "kind", .is = TEXT},
    {.key = "note", .is = TEXT | OPTIONAL},
    {.key = "versions", .is = LIST | OPTIONAL, .item = &word},
    {.key = "results", .is = MAP, .item = &regs_of_version, .also = some_result},
    {0}};

/* -- virtio-blk ------------------------------------------ */

#define VIRTIO_RAM (64u << 20)

static void known_virtio_register(const struct spot *at)
{
    if (!virtio_register_known(json_string_value(at->value)))
        spot_error(at, "unknown register '%s'", json_string_value(at->value));
}

static void known_transport(const struct spot *at)
{
    const char *s = json_string_value(at->value);
    if (strcmp(s, "pci") != 0 && strcmp(s, "mmio") != 0)
        spot_error(at, "expected \"pci\" or \"mmio\"");
}

static void hex_bytes(const struct spot *at)
{
    const char *s = json_string_value(at->value);
    size_t n = strlen(s);
    if (n % 2 || strspn(s, "0123456789abcdefABCDEF") != n)
        spot_error(at, "expected bytes of two hexadecimal digits each");
}

static const struct shape virtio_out[] = {
    {.is = TEXT}, {.is = TEXT, .also = known_virtio_register}, {.is = INT, .max = UINT32_MAX}, {0}};
static const struct shape virtio_in[] = {{.is = TEXT},
                                         {.is = TEXT, .also = known_virtio_register},
                                         {.is = INT | OPTIONAL, .max = UINT32_MAX},
                                         {0}};
static const struct shape virtio_poke[] = {
    {.is = TEXT}, {.is = INT, .max = VIRTIO_RAM}, {.is = TEXT, .also = hex_bytes}, {0}};
static const struct shape virtio_peek[] = {
    {.is = TEXT}, {.is = INT, .max = VIRTIO_RAM}, {.is = INT, .max = 1 << 20}, {0}};
static const struct variant virtio_steps[] = {{"out", virtio_out},
                                              {"in", virtio_in},
                                              {"poke", virtio_poke},
                                              {"peek", virtio_peek},
                                              {"note", virtio_peek},
                                              {"wait", alone},
                                              {0}};
static const struct shape virtio_step = {.is = LIST, .variants = virtio_steps};
static const struct shape virtio_found = {.is = INT | TEXT};
static const struct shape virtio_result[] = {{.key = "found", .is = LIST, .item = &virtio_found},
                                             {0}};
static const struct shape virtio_of_version = {.is = MAP, .members = virtio_result};
static const struct shape virtio_vector[] = {
    {.key = "id", .is = TEXT},
    {.key = "kind", .is = TEXT},
    {.key = "note", .is = TEXT | OPTIONAL},
    {.key = "versions", .is = LIST | OPTIONAL, .item = &word},
    {.key = "transport", .is = TEXT, .also = known_transport},
    {.key = "program", .is = LIST, .item = &virtio_step},
    {.key = "implementation_defined", .is = BOOL | OPTIONAL},
    {.key = "results", .is = MAP, .item = &virtio_of_version, .also = some_result},
    {0}};

/* -- kinds ------------------------------------------ */

static const struct {
    const char *kind;
    const struct shape *members;
} kinds[] = {{"ide-bmdma", ide_vector},
             {"amd-iommu", amdvi_vector},
             {"amd-iommu-regs", regs_vector},
             {"virtio-blk", virtio_vector}};

bool schema_check(struct line *line, json_t *vector)
{
    struct spot at = {.value = vector, .line = line};
    json_t *kind = json_object_get(vector, "kind");
    const char *names[sizeof kinds / sizeof kinds[0] + 1] = {0};
    if (!json_is_object(vector)) {
        spot_error(&at, "a vector must be an object");
        return false;
    }
    if (!json_is_string(kind)) {
        spot_error(&at, kind ? "'kind' must be a string" : "missing member 'kind'");
        return false;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        names[i] = kinds[i].kind;
        if (strcmp(kinds[i].kind, json_string_value(kind)) == 0)
            return check_members(kinds[i].members, false, &at) && line->errors == 0;
    }
    struct spot where = spot_member(&at, "kind", kind);
    const char *near = tb_nearest(json_string_value(kind), names);
    spot_error(&where, "unknown kind '%s'%s%s%s", json_string_value(kind),
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return false;
}
