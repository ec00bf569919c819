/* Lines of the transaction log; see line.h. */
#include "log/line.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

const char *const tb_ingredient_names[TB_INGREDIENTS + 1] = {"times",   "order", "addresses",
                                                             "outcome", "data",  NULL};
const char *const tb_status_names[TB_LOG_STATUSES + 1] = {"ok",    "unsupported", "abort",
                                                          "fault", "unfinished",  NULL};

static const char *const at_words[] = {"untranslated", "translation", "translated", NULL};
static const char *const tlb_words[] = {"-", "hit", "miss", "coalesced", NULL};
static const char *const edge_words[] = {"lower", "raise", NULL};
static const char *const want_words[] = {"r", "rw", NULL};

/* -- Writing values ------------------------------------------------------------------------- */

static char *put_text(char *out, const char *text)
{
    size_t length = strlen(text);
    memcpy(out, text, length);
    return out + length;
}

static char *put_absent(char *out)
{
    *out = '-';
    return out + 1;
}

/* Two digits at a time: half the divisions. */
char *tb_put_decimal(char *out, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char digits[20];
    char *at = digits + sizeof digits;
    while (value >= 100) {
        at -= 2;
        memcpy(at, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(at, pairs + value * 2, 2);
    } else {
        *--at = (char)('0' + value);
    }
    size_t length = (size_t)(digits + sizeof digits - at);
    memcpy(out, at, length);
    return out + length;
}

char *tb_put_time(char *out, tb_time value)
{
    if (value == 0) { /* most parts of most latencies */
        memcpy(out, "0.000", 5);
        return out + 5;
    }
    unsigned rest = (unsigned)(value % TB_NS);
    out = tb_put_decimal(out, value / TB_NS);
    out[0] = '.';
    out[1] = (char)('0' + rest / 100);
    out[2] = (char)('0' + rest / 10 % 10);
    out[3] = (char)('0' + rest % 10);
    return out + 4;
}

static char *put_hex(char *out, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value >>= 4)
        out[i] = "0123456789abcdef"[value & 15];
    return out + digits;
}

static char *put_address(char *out, uint64_t value)
{
    out[0] = '0';
    out[1] = 'x';
    return put_hex(out + 2, value, 16);
}

static uint64_t field64(const struct tb_key *key, const struct tb_line_source *from)
{
    uint64_t value;
    memcpy(&value, (const char *)from->txn + key->offset, sizeof value);
    return value;
}

static char *put_model(char *out, const struct tb_line_source *from, unsigned index)
{
    return index < from->name_count ? put_text(out, from->names[index]) : put_absent(out);
}

static char *put_t(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    (void)key;
    return tb_put_time(out, from->when);
}

static char *put_lat(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    (void)key;
    if (from->status == TB_UNFINISHED)
        return put_absent(out);
    return tb_put_time(out, from->when - from->txn->created);
}

/* Of what has not ended nobody knows where its time will have gone. */
static char *put_part(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    bool known = from->parts && from->status != TB_UNFINISHED;
    return known ? tb_put_time(out, field64(key, from)) : put_absent(out);
}

static char *put_u32(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    uint32_t value;
    memcpy(&value, (const char *)from->txn + key->offset, sizeof value);
    return tb_put_decimal(out, value);
}

static char *put_u64(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    return tb_put_decimal(out, field64(key, from));
}

static char *put_hex64(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    return put_address(out, field64(key, from));
}

static char *put_by(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    (void)key;
    return put_model(out, from, from->txn->by);
}

static char *put_to(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    (void)key;
    return put_model(out, from, from->txn->to);
}

static char *put_rid(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    unsigned id = from->txn->requester;
    (void)key;
    out = put_hex(out, id >> 8, 2);
    *out++ = ':';
    out = put_hex(out, id >> 3 & 31, 2);
    *out++ = '.';
    return put_hex(out, id & 7, 1);
}

static char *put_op(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    const char *const *ops = tb_line_kinds[from->txn->kind].ops;
    (void)key;
    return put_text(out, ops[from->txn->write && ops[1] ? 1 : 0]);
}

static char *put_at(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    return put_text(out, from->txn->at < 3 ? key->words[from->txn->at] : "-");
}

static char *put_pa(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    (void)key;
    return from->txn->has_pa ? put_address(out, from->txn->pa) : put_absent(out);
}

static char *put_status(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    return put_text(out, key->words[from->status < TB_LOG_STATUSES ? from->status : TB_UNFINISHED]);
}

static char *put_tlb(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    return put_text(out, key->words[from->txn->tlb]);
}

static char *put_edge(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    return put_text(out, key->words[from->txn->value[0] ? 1 : 0]);
}

static char *put_pasid(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    (void)key;
    return from->txn->has_pasid ? tb_put_decimal(out, from->txn->pasid) : put_absent(out);
}

/* A write has its bytes from the start, a read only if it went well. */
static char *put_crc(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    const struct tb_txn *txn = from->txn;
    (void)key;
    if (!txn->data || txn->length == 0 || (!txn->write && from->status != TB_OK))
        return put_absent(out);
    return put_hex(out, crc32(0, txn->data, txn->length), 8);
}

/* The value a register read or wrote: unknown if a read failed. */
static char *put_value(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    if (!from->txn->write && from->status != TB_OK)
        return put_absent(out);
    return put_hex64(out, key, from);
}

/* ITag or group. */
static char *put_tag(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    (void)key;
    return tb_put_decimal(out, from->txn->tag);
}

/* Whether a translation is to be written through. */
static char *put_want(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    return put_text(out, key->words[from->txn->write]);
}

/* The first of the translations: unknown if there was no answer, whatever was asked. */
static char *put_answer(char *out, const struct tb_key *key, const struct tb_line_source *from)
{
    if (from->status != TB_OK)
        return put_absent(out);
    return put_hex64(out, key, from);
}

/* -- Checking values ------------------------------------------------------------------------ */

static bool is_absent(const char *text, size_t length)
{
    return length == 1 && *text == '-';
}

static bool are_digits(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return length > 0;
}

static bool are_hex(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f'))
            return false;
    return length > 0;
}

static bool valid_decimal(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    return length <= 20 && are_digits(text, length);
}

static bool valid_number(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    return length <= 10 && are_digits(text, length) &&
           (length < 10 || memcmp(text, "4294967295", 10) <= 0);
}

static bool valid_time(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    return length >= 5 && length <= 21 && are_digits(text, length - 4) && text[length - 4] == '.' &&
           are_digits(text + length - 3, 3);
}

static bool valid_part(const struct tb_key *key, const char *text, size_t length)
{
    return is_absent(text, length) || valid_time(key, text, length);
}

static bool valid_address(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    return length == 18 && text[0] == '0' && text[1] == 'x' && are_hex(text + 2, 16);
}

static bool valid_address_or_absent(const struct tb_key *key, const char *text, size_t length)
{
    return is_absent(text, length) || valid_address(key, text, length);
}

static bool valid_decimal_or_absent(const struct tb_key *key, const char *text, size_t length)
{
    return is_absent(text, length) || valid_decimal(key, text, length);
}

static bool valid_crc(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    return is_absent(text, length) || (length == 8 && are_hex(text, 8));
}

static bool valid_rid(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    return length == 7 && are_hex(text, 2) && text[2] == ':' && are_hex(text + 3, 2) &&
           text[5] == '.' && text[6] >= '0' && text[6] <= '7';
}

static bool valid_name(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
            return false;
    return length > 0;
}

static bool is_word(const char *const *words, const char *text, size_t length)
{
    for (; *words; words++)
        if (strlen(*words) == length && memcmp(*words, text, length) == 0)
            return true;
    return false;
}

static bool valid_word(const struct tb_key *key, const char *text, size_t length)
{
    return is_word(key->words, text, length);
}

static bool valid_op(const struct tb_key *key, const char *text, size_t length)
{
    (void)key;
    return tb_line_kind_of(text, length) != TB_TXN_KINDS;
}

/* -- The table ------------------------------------------------------------------------------ */

#define FORMAT(name, put, valid, doc) static const struct tb_key_format name = {put, valid, doc}

FORMAT(as_t, put_t, valid_time, "nanoseconds, three decimals");
FORMAT(as_lat, put_lat, valid_part, "nanoseconds, three decimals, or -");
FORMAT(as_part, put_part, valid_part, "nanoseconds, three decimals, or -");
FORMAT(as_number, put_u32, valid_number, "a decimal number");
FORMAT(as_decimal, put_u64, valid_decimal, "a decimal number");
FORMAT(as_address, put_hex64, valid_address, "0x and 16 hexadecimal digits");
FORMAT(as_value, put_value, valid_address_or_absent, "0x and 16 hexadecimal digits, or -");
FORMAT(as_pa, put_pa, valid_address_or_absent, "0x and 16 hexadecimal digits, or -");
FORMAT(as_crc, put_crc, valid_crc, "8 hexadecimal digits, or -");
FORMAT(as_rid, put_rid, valid_rid, "a requester ID such as 00:01.1");
FORMAT(as_by, put_by, valid_name, "a model");
FORMAT(as_to, put_to, valid_name, "a model, or -");
FORMAT(as_op, put_op, valid_op, "an operation");
FORMAT(as_at, put_at, valid_word, "an address type");
FORMAT(as_status, put_status, valid_word, "a status");
FORMAT(as_tlb, put_tlb, valid_word, "hit, miss, coalesced or -");
FORMAT(as_tag, put_tag, valid_number, "a decimal number");
FORMAT(as_want, put_want, valid_word, "r or rw");
FORMAT(as_answer, put_answer, valid_address_or_absent, "0x and 16 hexadecimal digits, or -");
FORMAT(as_edge, put_edge, valid_word, "raise or lower");
FORMAT(as_pasid, put_pasid, valid_decimal_or_absent, "a decimal number, or -");

#define FIELD(field) offsetof(struct tb_txn, field)
/* clang-format off */
/* A name and its length. */
#define NAME(name) name, sizeof name - 1
#define PART(name, part) {NAME(name), TB_TIMES, &as_part, FIELD(spent) + (part) * sizeof(tb_time), NULL}

#define KEY_START                                                                                  \
    {NAME("t"), TB_TIMES, &as_t, 0, NULL},                                                         \
    {NAME("txn"), TB_ORDER, &as_number, FIELD(number), NULL},                                      \
    {NAME("by"), TB_ORDER, &as_by, 0, NULL}
#define KEY_RID {NAME("rid"), TB_ADDRESSES, &as_rid, 0, NULL}
#define KEY_OP {NAME("op"), TB_ADDRESSES, &as_op, 0, NULL}
#define KEY_AT {NAME("at"), TB_ADDRESSES, &as_at, 0, at_words}
#define KEY_ADDRESS(name) {NAME(name), TB_ADDRESSES, &as_address, FIELD(iova), NULL}
#define KEY_DECIMAL(name, field) {NAME(name), TB_ADDRESSES, &as_decimal, FIELD(field), NULL}
#define KEY_PA {NAME("pa"), TB_ADDRESSES, &as_pa, 0, NULL}
#define KEY_PASID {NAME("pasid"), TB_ADDRESSES, &as_pasid, 0, NULL}
#define KEY_LENGTH(name) {NAME(name), TB_ADDRESSES, &as_number, FIELD(length), NULL}
#define KEY_TO {NAME("to"), TB_ADDRESSES, &as_to, 0, NULL}
#define KEY_STATUS                                                                                 \
    {NAME("status"), TB_OUTCOME, &as_status, 0, tb_status_names},                                  \
    {NAME("lat"), TB_TIMES, &as_lat, 0, NULL}
#define KEY_TLB {NAME("tlb"), TB_OUTCOME, &as_tlb, 0, tlb_words}
#define KEY_CRC {NAME("data"), TB_BYTES_MOVED, &as_crc, 0, NULL}
#define KEY_VALUE(name, n) {NAME(name), TB_BYTES_MOVED, &as_value, FIELD(value[n]), NULL}
#define KEY_WORD(name, n) {NAME(name), TB_BYTES_MOVED, &as_address, FIELD(value[n]), NULL}
#define KEY_TAG(name) {NAME(name), TB_ADDRESSES, &as_tag, 0, NULL}
#define KEY_WANT {NAME("want"), TB_ADDRESSES, &as_want, 0, want_words}
#define KEY_EDGE {NAME("edge"), TB_BYTES_MOVED, &as_edge, 0, edge_words}
#define KEY_PARTS                                                                                  \
    PART("queue", TB_PART_QUEUE), PART("wire", TB_PART_WIRE), PART("bus", TB_PART_BUS),            \
    PART("bridge", TB_PART_BRIDGE), PART("lookup", TB_PART_LOOKUP), PART("ats", TB_PART_ATS),      \
    PART("walk", TB_PART_WALK), PART("mem", TB_PART_MEM), PART("device", TB_PART_DEVICE)
#define KEY_END {NULL, 0, 0, NULL, 0, NULL}

static const struct tb_key dma_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_AT, KEY_ADDRESS("iova"), KEY_PA, KEY_LENGTH("len"), KEY_TO,
    KEY_STATUS, KEY_TLB, KEY_CRC, KEY_PARTS, KEY_PASID, KEY_END};
static const struct tb_key register_keys[] = {
    KEY_START, KEY_OP, KEY_ADDRESS("addr"), KEY_LENGTH("len"), KEY_TO, KEY_STATUS,
    KEY_VALUE("value", 0), KEY_PARTS, KEY_END};
static const struct tb_key memory_keys[] = {
    KEY_START, KEY_OP, KEY_ADDRESS("addr"), KEY_PA, KEY_LENGTH("len"), KEY_TO, KEY_STATUS,
    KEY_CRC, KEY_PARTS, KEY_END};
static const struct tb_key walk_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_ADDRESS("addr"), KEY_LENGTH("len"), KEY_TO,
    KEY_DECIMAL("level", value[1]), KEY_STATUS, KEY_VALUE("entry", 0), KEY_PARTS, KEY_END};
static const struct tb_key devtab_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_ADDRESS("addr"), KEY_LENGTH("len"), KEY_TO, KEY_STATUS,
    KEY_CRC, KEY_PARTS, KEY_END};
static const struct tb_key command_keys[] = {
    KEY_START, KEY_OP, KEY_ADDRESS("addr"), KEY_TO, KEY_STATUS, KEY_WORD("q0", 0),
    KEY_WORD("q1", 1), KEY_PARTS, KEY_END};
static const struct tb_key event_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_ADDRESS("addr"), KEY_TO, KEY_STATUS, KEY_WORD("q0", 0),
    KEY_WORD("q1", 1), KEY_PARTS, KEY_END};
static const struct tb_key interrupt_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_DECIMAL("line", iova), KEY_TO, KEY_STATUS, KEY_EDGE,
    KEY_PARTS, KEY_END};
static const struct tb_key disk_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_DECIMAL("drive", value[1]), KEY_DECIMAL("lba", iova),
    KEY_LENGTH("sectors"), KEY_STATUS, KEY_WORD("opcode", 0), KEY_PARTS, KEY_END};
static const struct tb_key translation_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_WANT, KEY_ADDRESS("iova"), KEY_LENGTH("len"), KEY_TO,
    KEY_STATUS, KEY_TLB, {NAME("answer"), TB_BYTES_MOVED, &as_answer, FIELD(value[0]), NULL}, KEY_DECIMAL("pages", value[1]), KEY_PARTS,
    KEY_PASID, KEY_END};
static const struct tb_key invalidation_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_TAG("itag"), KEY_ADDRESS("iova"), KEY_TO, KEY_STATUS,
    KEY_WORD("range", 0), KEY_WORD("flags", 1), KEY_PARTS, KEY_PASID, KEY_END};
static const struct tb_key pagereq_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_TAG("group"), KEY_ADDRESS("iova"), KEY_TO, KEY_STATUS,
    KEY_WORD("access", 0), KEY_DECIMAL("code", value[1]), KEY_PARTS, KEY_PASID, KEY_END};
static const struct tb_key pageresp_keys[] = {
    KEY_START, KEY_RID, KEY_OP, KEY_TAG("group"), KEY_TO, KEY_STATUS,
    KEY_DECIMAL("code", value[0]), KEY_PARTS, KEY_PASID, KEY_END};
static const struct tb_key dreq_keys[] = {
    KEY_START, KEY_OP, KEY_DECIMAL("channel", iova), KEY_LENGTH("len"), KEY_TO, KEY_STATUS, KEY_EDGE,
    KEY_PARTS, KEY_END};
/* clang-format on */

static const char *const dma_ops[] = {"read", "write", NULL};
static const char *const register_ops[] = {"regread", "regwrite", NULL};
static const char *const memory_ops[] = {"load", "store", NULL};
static const char *const walk_ops[] = {"walk", NULL};
static const char *const devtab_ops[] = {"devtab", NULL};
static const char *const command_ops[] = {"command", NULL};
static const char *const event_ops[] = {"event", NULL};
static const char *const interrupt_ops[] = {"interrupt", NULL};
static const char *const disk_ops[] = {"disk", NULL};
static const char *const translation_ops[] = {"translate", NULL};
static const char *const invalidation_ops[] = {"invalidate", NULL};
static const char *const pagereq_ops[] = {"pagereq", NULL};
static const char *const pageresp_ops[] = {"pageresp", NULL};
static const char *const dreq_ops[] = {"dreq", NULL};

const struct tb_line_kind tb_line_kinds[TB_TXN_KINDS] = {
    [TB_TXN_DMA] = {"dma", dma_ops, dma_keys, "a device's memory access"},
    [TB_TXN_REGISTER] = {"register", register_ops, register_keys, "a CPU's register access"},
    [TB_TXN_MEMORY] = {"memory", memory_ops, memory_keys, "a CPU's memory access"},
    [TB_TXN_WALK] = {"walk", walk_ops, walk_keys, "one read of a page table"},
    [TB_TXN_DEVTAB] = {"devtab", devtab_ops, devtab_keys, "a read of a device table entry"},
    [TB_TXN_COMMAND] = {"command", command_ops, command_keys, "an IOMMU command"},
    [TB_TXN_EVENT] = {"event", event_ops, event_keys, "an IOMMU event record"},
    [TB_TXN_INTERRUPT] = {"interrupt", interrupt_ops, interrupt_keys, "an interrupt"},
    [TB_TXN_DISK] = {"disk", disk_ops, disk_keys, "an ATA command"},
    [TB_TXN_TRANSLATION] = {"translation", translation_ops, translation_keys,
                            "a device's translation request"},
    [TB_TXN_INVALIDATION] = {"invalidation", invalidation_ops, invalidation_keys,
                             "an invalidation of a device's translations"},
    [TB_TXN_PAGE_REQUEST] = {"pagereq", pagereq_ops, pagereq_keys, "a device's page request"},
    [TB_TXN_PAGE_RESPONSE] = {"pageresp", pageresp_ops, pageresp_keys,
                              "the response to a group of page requests"},
    [TB_TXN_DREQ] = {"dreq", dreq_ops, dreq_keys, "a device's DMA request line (ISA)"},
};

/* -- Lines ---------------------------------------------------------------------------------- */

size_t tb_line_write(const struct tb_line_source *from, char *out, struct tb_line *line)
{
    const struct tb_line_kind *kind = &tb_line_kinds[from->txn->kind];
    char *at = out;
    unsigned i = 0;
    for (const struct tb_key *key = kind->keys; key->name; key++, i++) {
        memcpy(at, key->name, key->name_length);
        at += key->name_length;
        *at++ = '=';
        char *value = at;
        at = key->format->put(at, key, from);
        line->value[i].at = (uint16_t)(value - out);
        line->value[i].length = (uint16_t)(at - value);
        *at++ = ' ';
    }
    at[-1] = '\n';
    line->text = out;
    line->length = (size_t)(at - out) - 1;
    line->kind = kind;
    line->keys = i;
    return (size_t)(at - out);
}

enum tb_txn_kind tb_line_kind_of(const char *word, size_t length)
{
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        const char *const own[] = {tb_line_kinds[k].name, NULL};
        if (is_word(tb_line_kinds[k].ops, word, length) || is_word(own, word, length))
            return k;
    }
    return TB_TXN_KINDS;
}

/* The kind is what its op= says, wherever that stands; kinds' own names are not ops. */
static const struct tb_line_kind *find_kind(const char *text, size_t length)
{
    static const char mark[] = " op=";
    const char *op = memmem(text, length, mark, 4);
    if (!op)
        return NULL;
    op += 4;
    const char *end = memchr(op, ' ', length - (size_t)(op - text));
    size_t size = end ? (size_t)(end - op) : length - (size_t)(op - text);
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        if (is_word(tb_line_kinds[k].ops, op, size))
            return &tb_line_kinds[k];
    return NULL;
}

static const char *wrong(char *why, size_t *column, size_t at, const char *format, const char *a,
                         const char *b)
{
    *column = at + 1;
    snprintf(why, 200, format, a, b);
    return why;
}

/* One `key=value` at *at, which must be the key given. */
static const char *read_value(const struct tb_key *key, struct tb_line *line, size_t *at,
                              size_t *column, char *why)
{
    const char *text = line->text;
    size_t name = key->name_length, rest = line->length - *at;
    if (rest < name + 1 || memcmp(text + *at, key->name, name) || text[*at + name] != '=')
        return wrong(why, column, *at, "expected '%s=' in a line of kind %s", key->name,
                     line->kind->name);
    size_t start = *at + name + 1;
    const char *space = memchr(text + start, ' ', line->length - start);
    size_t end = space ? (size_t)(space - text) : line->length;
    if (!key->format->valid(key, text + start, end - start))
        return wrong(why, column, start, "the value of '%s' must be %s", key->name,
                     key->format->doc);
    line->value[line->keys].at = (uint16_t)start;
    line->value[line->keys].length = (uint16_t)(end - start);
    line->keys++;
    *at = space ? end + 1 : end;
    return NULL;
}

const char *tb_line_read(const char *text, size_t length, struct tb_line *line, size_t *column,
                         char *why)
{
    *line = (struct tb_line){.text = text, .length = length};
    if (length > TB_LINE_LONGEST)
        return wrong(why, column, TB_LINE_LONGEST, "the line is too long%s%s", "", "");
    line->kind = find_kind(text, length);
    if (!line->kind)
        return wrong(why, column, 0, "not a line of a transaction log: no known 'op='%s%s", "", "");
    size_t at = 0;
    for (const struct tb_key *key = line->kind->keys; key->name; key++)
        if (read_value(key, line, &at, column, why))
            return why;
    if (at < length)
        return wrong(why, column, at, "a line of kind %s ends before this%s", line->kind->name, "");
    if (text[length - 1] == ' ')
        return wrong(why, column, length - 1, "a space at the end of the line%s%s", "", "");
    return NULL;
}

int tb_line_key(const struct tb_line_kind *kind, const char *name)
{
    for (int i = 0; kind->keys[i].name; i++)
        if (strcmp(kind->keys[i].name, name) == 0)
            return i;
    return -1;
}

bool tb_line_key_known(const char *name)
{
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        if (tb_line_key(&tb_line_kinds[k], name) >= 0)
            return true;
    return false;
}

static uint64_t digits(const char *text, size_t length)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] != '.')
            value = value * 10 + (uint64_t)(text[i] - '0');
    return value;
}

bool tb_line_time(const struct tb_line *line, unsigned key, tb_time *out)
{
    const char *text = line->text + line->value[key].at;
    if (*text == '-')
        return false;
    *out = digits(text, line->value[key].length);
    return true;
}

uint32_t tb_line_number(const struct tb_line *line)
{
    return (uint32_t)digits(line->text + line->value[TB_KEY_TXN].at,
                            line->value[TB_KEY_TXN].length);
}

enum tb_status tb_line_status(const struct tb_line *line)
{
    int key = tb_line_key(line->kind, "status");
    const char *text = line->text + line->value[key].at;
    for (unsigned s = 0; s < TB_LOG_STATUSES; s++)
        if (strlen(tb_status_names[s]) == line->value[key].length &&
            memcmp(tb_status_names[s], text, line->value[key].length) == 0)
            return s;
    return TB_UNFINISHED;
}
