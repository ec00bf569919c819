/* PCI Express on a wire; see pcie.h. */
#include "kernel/pcie.h"

#include <stdlib.h>

#define LOW    ((uint64_t)1 << 32) /* requests below use the short header (PCIe 2.2.4.1) */
#define CREDIT 16u                 /* bytes of a data credit */

/* -- parameters ----------------------------------------------------------------------------- */

#define CREDITS(text, unit, class, what)                                                           \
    {                                                                                              \
        .name = text, .type = TB_CREDITS, .offset = offsetof(struct tb_pcie_credits, unit[class]), \
        .def = "unlimited", .max = "65536", .doc = what                                            \
    }
static const struct tb_param credit_table[] = {
    CREDITS("ph", header, TB_POSTED, "headers of posted requests"),
    CREDITS("pd", data, TB_POSTED, "data of posted requests, in units of 16 bytes"),
    CREDITS("nph", header, TB_NONPOSTED, "headers of nonposted requests"),
    CREDITS("npd", data, TB_NONPOSTED, "data of nonposted requests, in units of 16 bytes"),
    CREDITS("cplh", header, TB_COMPLETION, "headers of completions"),
    CREDITS("cpld", data, TB_COMPLETION, "data of completions, in units of 16 bytes"),
    {0}};

static const char *const completion_names[] = {"mps", "rcb", NULL};

#define AT(field) offsetof(struct tb_pcie_params, field)
const struct tb_param tb_pcie_table[] = {
    {.name = "gen",
     .type = TB_COUNT,
     .offset = AT(gen),
     .flags = TB_REQUIRED,
     .min = "1",
     .max = "6",
     .doc = "generation: 2.5, 5, 8, 16, 32 or 64 GT/s per lane"},
    {.name = "width",
     .type = TB_COUNT,
     .offset = AT(width),
     .def = "1",
     .min = "1",
     .max = "32",
     .doc = "lanes: 1, 2, 4, 8, 12, 16 or 32"},
    {.name = "mps",
     .type = TB_SIZE,
     .offset = AT(mps),
     .def = "256B",
     .min = "128B",
     .max = "4KiB",
     .doc = "maximum payload of a TLP"},
    {.name = "mrrs",
     .type = TB_SIZE,
     .offset = AT(mrrs),
     .def = "512B",
     .min = "128B",
     .max = "4KiB",
     .doc = "maximum read request"},
    {.name = "rcb",
     .type = TB_SIZE,
     .offset = AT(rcb),
     .def = "64B",
     .min = "64B",
     .max = "128B",
     .doc = "read completion boundary: completions but the last end at a multiple of it"},
    {.name = "completions",
     .type = TB_ENUM,
     .offset = AT(completions),
     .names = completion_names,
     .def = "mps",
     .doc = "how a completer splits: as large as the payload may be, or at every read completion "
            "boundary"},
    {.name = "ack_limit",
     .type = TB_COUNT,
     .offset = AT(ack_limit),
     .def = "0",
     .max = "65536",
     .doc = "symbol times between acknowledgements; 0: the specification's limit"},
    {.name = "fc_interval",
     .type = TB_COUNT,
     .offset = AT(fc_interval),
     .def = "0",
     .max = "65536",
     .doc = "symbol times between updates of credits; 0: the specification's limit"},
    {.name = "pad",
     .type = TB_BOOL,
     .offset = AT(pad),
     .def = "false",
     .doc = "payload takes whole words of 4 bytes on the wire, from its first byte's on"},
    {.name = "forward",
     .type = TB_GROUP,
     .offset = AT(credits[0]),
     .sub = credit_table,
     .doc = "credits from -> to: what the receiver at `to` grants"},
    {.name = "back",
     .type = TB_GROUP,
     .offset = AT(credits[1]),
     .sub = credit_table,
     .doc = "credits to -> from"},
    {0}};

static const struct tb_node *place(const struct tb_node *node, const char *key)
{
    const struct tb_node *at = tb_node_get(node, key);
    return at ? at : node;
}

static bool is_power(uint64_t n)
{
    return (n & (n - 1)) == 0;
}

static bool check_power(uint64_t value, const struct tb_node *node, const char *key,
                        struct tb_diag *diag)
{
    if (!is_power(value))
        tb_diag_node(diag, place(node, key), "'%s' must be a power of two", key);
    return is_power(value);
}

/* An acknowledgement and an update of credits take 8 symbols each: they must leave room for
 * something else. */
static bool check_interval(uint64_t value, const struct tb_node *node, const char *key,
                           struct tb_diag *diag)
{
    bool good = value == 0 || value >= 32;
    if (!good)
        tb_diag_node(diag, place(node, key), "'%s' must be 0 or at least 32 symbol times", key);
    return good;
}

/* Room for one TLP of the maximum payload must be granted (PCIe 2.6.1, table 2-36). */
static bool check_data(const struct tb_pcie_params *p, unsigned dir, const struct tb_node *node,
                       struct tb_diag *diag)
{
    static const char *const names[] = {"pd", NULL, "cpld"};
    const struct tb_node *at = tb_node_get(node, dir ? "back" : "forward");
    uint64_t least = p->mps / CREDIT;
    bool good = true;
    for (unsigned class = 0; class < 3; class ++)
        if (names[class] && p->credits[dir].data[class] && p->credits[dir].data[class] < least) {
            tb_diag_node(diag, place(at ? at : node, names[class]),
                         "'%s' must be room for one TLP of the maximum payload: at least %u",
                         names[class], (unsigned)least);
            good = false;
        }
    return good;
}

bool tb_pcie_check(const struct tb_pcie_params *p, const struct tb_node *node, struct tb_diag *diag)
{
    bool good = check_power(p->mps, node, "mps", diag);
    good = check_power(p->mrrs, node, "mrrs", diag) && good;
    good = check_power(p->rcb, node, "rcb", diag) && good;
    good = check_interval(p->ack_limit, node, "ack_limit", diag) && good;
    good = check_interval(p->fc_interval, node, "fc_interval", diag) && good;
    if (!is_power(p->width) && p->width != 12) {
        tb_diag_node(diag, place(node, "width"), "a link has 1, 2, 4, 8, 12, 16 or 32 lanes");
        good = false;
    }
    for (unsigned dir = 0; dir < 2; dir++)
        good = check_data(p, dir, node, diag) && good;
    return good;
}

/* -- rate ----------------------------------------------------------------------------------- */

/* Gigatransfers per second in tenths, bits of data per bits sent, and the receiver's internal delay
 * in symbol times (PCIe 4.2, tables 3-7 to 3-9). */
static const struct generation {
    uint64_t tenths, data, sent, delay;
    bool flits; /* DLLPs and checksums have bytes of their own in every flit of 256 (PCIe 6, 4.2.3)
                 */
} generations[] = {{25, 8, 10, 19, false},      {50, 8, 10, 70, false},
                   {80, 128, 130, 115, false},  {160, 128, 130, 115, false},
                   {320, 128, 130, 115, false}, {640, 242, 256, 0, true}};

/* AckFactor in tenths: how many TLPs of that payload may come before one acknowledgement. */
static uint64_t ack_factor(const struct tb_pcie_params *p)
{
    bool small = p->mps <= 256;
    if (p->width >= 12)
        return small ? 30 : 20;
    if (p->width == 8)
        return small ? 25 : 10;
    return small ? 14 : 10;
}

#define TLP_OVERHEAD 28 /* of the formula of 3.5.3.1 */

uint64_t tb_pcie_ack_limit(const struct tb_pcie_params *p)
{
    return (p->mps + TLP_OVERHEAD) * ack_factor(p) / (10 * p->width) +
           generations[p->gen - 1].delay;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

struct fraction {
    unsigned __int128 up, down;
};

static struct fraction times(struct fraction f, uint64_t up, uint64_t down)
{
    uint64_t common = gcd(up, down);
    return (struct fraction){f.up * (up / common), f.down * (down / common)};
}

/* What 8 symbols every `ack` and every `fc`, and 4 every 1538 (skip ordered sets), leave. */
static struct fraction left_of_dllps(uint64_t ack, uint64_t fc)
{
    uint64_t whole = ack * fc * 1538;
    return (struct fraction){whole - 8 * fc * 1538 - 8 * ack * 1538 - 4 * ack * fc, whole};
}

/* In lowest terms. Where a user's intervals make a ratio that is too long for exact products, its
 * last binary digits go: they are below 2^-30 of it. */
static struct tb_rate to_rate(struct fraction f)
{
    unsigned __int128 a = f.up, b = f.down;
    while (b) {
        unsigned __int128 r = a % b;
        a = b;
        b = r;
    }
    f.up /= a;
    f.down /= a;
    while (f.down >> 46 || f.up >> 46) {
        f.up >>= 1;
        f.down >>= 1;
    }
    return (struct tb_rate){(uint64_t)f.up, (uint64_t)f.down};
}

struct tb_rate tb_pcie_rate(const struct tb_pcie_params *p)
{
    const struct generation *g = &generations[p->gen - 1];
    struct fraction f = {1, 1};
    uint64_t limit = tb_pcie_ack_limit(p);
    if (!g->flits)
        f = left_of_dllps(p->ack_limit ? p->ack_limit : limit,
                          p->fc_interval ? p->fc_interval : limit);
    /* 1 GT/s is one bit per 1000 ps. */
    f = times(f, g->tenths * p->width, (uint64_t)10 * 8 * 1000);
    return to_rate(times(f, g->data, g->sent));
}

/* -- what a message is ---------------------------------------------------------------------- */

/* Sequence number, LCRC and framing: 8 bytes with every TLP. A flit has them once for all. */
static uint32_t header_bytes(const struct tb_pcie_params *p, bool four_words)
{
    return (four_words ? 16 : 12) + (generations[p->gen - 1].flits ? 0 : 8);
}

static bool has_long_header(const struct tb_msg *msg)
{
    switch (msg->kind) {
    case TB_DONE:
    case TB_DATA:
        return false;
    case TB_READ:
    case TB_WRITE:
    case TB_ATS_TRANSLATE:
        return msg->space == TB_MEMORY && msg->address >= LOW;
    default:
        return true; /* messages (2.2.8) */
    }
}

static uint32_t payload_of(const struct tb_pcie_params *p, const struct tb_msg *msg)
{
    uint32_t bytes = msg->kind == TB_ATS_INVALIDATE ? 8 : tb_msg_payload(msg);
    return p->pad && bytes ? (uint32_t)(((msg->address & 3) + bytes + 3) & ~3u) : bytes;
}

static uint32_t credits_of(uint32_t bytes)
{
    return (bytes + CREDIT - 1) / CREDIT;
}

/* So many bytes in a first TLP of at most `first`, and further ones of at most `most`. */
static void split(struct tb_pcie_size *size, uint32_t bytes, uint32_t first, uint32_t most)
{
    uint32_t rest = bytes > first ? bytes - first : 0;
    size->tlps = 1 + (rest + most - 1) / most;
    size->data =
        credits_of(bytes - rest) + rest / most * credits_of(most) + credits_of(rest % most);
}

static void split_completion(const struct tb_pcie_params *p, const struct tb_msg *msg,
                             uint32_t bytes, struct tb_pcie_size *size)
{
    uint32_t most = (uint32_t)(p->completions == TB_PCIE_BY_BOUNDARY ? p->rcb : p->mps);
    split(size, bytes, most - (uint32_t)(msg->address & (p->rcb - 1)), most);
}

struct tb_pcie_size tb_pcie_size(const struct tb_pcie_params *p, const struct tb_msg *msg)
{
    struct tb_pcie_size size = {.tlps = 1, .head = header_bytes(p, has_long_header(msg))};
    uint32_t payload = payload_of(p, msg);
    if (msg->kind == TB_READ)
        size.tlps = (uint32_t)((msg->length + p->mrrs - 1) / p->mrrs);
    else if (msg->kind == TB_DATA)
        split_completion(p, msg, payload, &size);
    else
        split(&size, payload, (uint32_t)p->mps, (uint32_t)p->mps);
    size.bytes = payload + size.tlps * size.head;
    return size;
}
