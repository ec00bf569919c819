/* Structs and nodes written as YAML. */
#include "yaml/table.h"
#include "yaml/value.h"

#include <ctype.h>
#include <string.h>

/* -- Scalars -------------------------------------------------------------------------------- */

/* Words and numbers that other readers would not take for text stay plain: every value here is text
 * until a table says otherwise. What could end a plain scalar or begin something else is quoted. */
static bool is_plain(const char *text)
{
    size_t length = strlen(text);
    if (!isalnum((unsigned char)text[0]) && !strchr("/_.", text[0]))
        return false;
    if (length == 0 || text[length - 1] == ' ')
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("_./+- ", *text))
            return false;
    return true;
}

/* One character of UTF-8; what is no UTF-8 becomes U+FFFD. */
static const char *next_character(const char *text, uint32_t *out)
{
    const unsigned char *p = (const unsigned char *)text;
    unsigned more = p[0] < 0x80       ? 0
                    : p[0] >> 5 == 6  ? 1
                    : p[0] >> 4 == 14 ? 2
                    : p[0] >> 3 == 30 ? 3
                                      : 4;
    *out = more == 4 ? 0xfffd : more ? p[0] & (0x3fu >> more) : p[0];
    if (more == 4)
        return text + 1;
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *out = 0xfffd;
            return text + i;
        }
        *out = *out << 6 | (p[i] & 0x3f);
    }
    return text + more + 1;
}

/* Escapes what YAML would not read back: control characters, its line breaks, the byte order mark.
 */
static void write_character(FILE *to, const char *at, int length, uint32_t c)
{
    bool printable = (c >= 0x20 && c < 0x7f) || (c > 0xa0 && c < 0x2000) ||
                     (c > 0x2060 && c < 0xd800) || (c >= 0x10000 && c <= 0x10ffff);
    if (c == '"' || c == '\\')
        fprintf(to, "\\%c", (int)c);
    else if (c == '\n')
        fputs("\\n", to);
    else if (c == 0xfffd)
        fputs("\\uFFFD", to);
    else if (printable)
        fprintf(to, "%.*s", length, at);
    else
        fprintf(to, c < 0x10000 ? "\\u%04X" : "\\U%08X", (unsigned)c);
}

static void write_quoted(FILE *to, const char *text)
{
    fputc('"', to);
    while (*text) {
        uint32_t c;
        const char *next = next_character(text, &c);
        write_character(to, text, (int)(next - text), c);
        text = next;
    }
    fputc('"', to);
}

void tb_text_yaml(FILE *to, const char *text)
{
    if (is_plain(text))
        fputs(text, to);
    else
        write_quoted(to, text);
}

/* -- Lines ---------------------------------------------------------------------------------- */

struct writer {
    FILE *to;
    struct tb_yaml_style style;
    const struct tb_node *from; /* what the members being written were read from, or NULL */
    unsigned indent;
    unsigned dashes; /* so many lists begin a member on the next line */
};

static void begin_line(struct writer *w)
{
    fprintf(w->to, "%*s", (int)(w->indent - 2 * w->dashes), "");
    for (; w->dashes; w->dashes--)
        fputs("- ", w->to);
}

static void write_key(struct writer *w, const char *key)
{
    begin_line(w);
    tb_text_yaml(w->to, key);
    fputc(':', w->to);
}

/* -- Nodes ---------------------------------------------------------------------------------- */

static void write_node_scalar(struct writer *w, const struct tb_node *node)
{
    if (node->quoted)
        write_quoted(w->to, node->text);
    else if (*node->text)
        tb_text_yaml(w->to, node->text);
    fputc('\n', w->to);
}

static bool is_leaf(const struct tb_node *node)
{
    return node->kind == TB_SCALAR || node->count == 0;
}

static void write_leaf(struct writer *w, const struct tb_node *node)
{
    if (node->kind == TB_SCALAR)
        write_node_scalar(w, node);
    else
        fputs(node->kind == TB_MAP ? "{}\n" : "[]\n", w->to);
}

static void write_node_members(struct writer *w, const struct tb_node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        const struct tb_node *member = node->items[i];
        if (node->kind == TB_MAP) {
            write_key(w, member->key);
            fputc(is_leaf(member) ? ' ' : '\n', w->to);
        } else {
            w->dashes++;
        }
        w->indent += 2;
        if (is_leaf(member)) {
            if (node->kind == TB_LIST)
                begin_line(w);
            write_leaf(w, member);
        } else {
            write_node_members(w, member);
        }
        w->indent -= 2;
    }
}

bool tb_node_yaml(FILE *to, const struct tb_node *node, unsigned indent)
{
    struct writer w = {.to = to, .indent = indent};
    if (node->kind == TB_SCALAR)
        write_node_scalar(&w, node);
    else
        write_node_members(&w, node);
    return node->kind == TB_SCALAR || node->count != 0;
}

bool tb_node_equal(const struct tb_node *a, const struct tb_node *b)
{
    if (a->kind != b->kind || a->count != b->count || strcmp(a->text, b->text))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == TB_MAP && strcmp(a->items[i]->key, b->items[i]->key))
            return false;
        if (!tb_node_equal(a->items[i], b->items[i]))
            return false;
    }
    return true;
}

/* -- Structs: what is worth a line ---------------------------------------------------------- */

static bool is_rate(enum tb_type type)
{
    return type == TB_RATE || type == TB_CLOCK || type == TB_PER_S;
}

static bool is_zero(const struct tb_param *row, const void *field)
{
    static const union tb_value zero;
    if (is_rate(row->type))
        return ((const struct tb_rate *)field)->time == 0;
    return !memcmp(field, &zero, tb_value_size(row->type));
}

static bool is_default(const struct tb_param *row, const void *field)
{
    union tb_value def;
    return tb_value_read(row, row->def, &def, NULL) && tb_value_equal(row->type, field, &def);
}

/* A row without default that was not given is zero, and zero need not be within its bounds. */
static bool wants_scalar(const struct tb_param *row, const void *field,
                         const struct tb_yaml_style *style)
{
    if (row->def)
        return !style->changed_only || !is_default(row, field);
    return row->present || (row->flags & TB_REQUIRED) || !is_zero(row, field);
}

static bool wants_any(const struct tb_param *table, const char *from,
                      const struct tb_yaml_style *style);

static bool wants_row(const struct tb_param *row, const char *from,
                      const struct tb_yaml_style *style)
{
    const char *field = from + row->offset;
    bool must = row->present || (row->flags & TB_REQUIRED);
    if (row->present && !*(const bool *)(from + row->present - 1))
        return row->def && wants_scalar(row, field, style);
    switch (row->type) {
    case TB_GROUP:
        return must || wants_any(row->sub, field, style);
    case TB_ITEMS:
    case TB_NUMBERS:
        return must || ((const struct tb_items *)field)->count;
    case TB_NODE:
        return *(const struct tb_node *const *)field;
    default:
        return wants_scalar(row, field, style);
    }
}

static bool wants_any(const struct tb_param *table, const char *from,
                      const struct tb_yaml_style *style)
{
    for (; table->name; table++)
        if (wants_row(table, from, style))
            return true;
    return false;
}

/* -- Structs: their lines ------------------------------------------------------------------- */

static void write_members(struct writer *w, const struct tb_param *table, const char *from);

/* The path as somebody in the folder of `base` would write it. */
static const char *relative(const char *path, const char *base)
{
    const char *slash = base ? strrchr(base, '/') : NULL;
    size_t folder = slash ? (size_t)(slash - base) + 1 : 0;
    return folder && !strncmp(path, base, folder) && path[folder] != '/' ? path + folder : path;
}

void tb_origin_yaml(FILE *to, const struct tb_node *given, const char *base)
{
    if (!given || !given->place.file)
        fputs("  # default", to);
    else if (given->place.line)
        fprintf(to, "  # %s:%u:%u", relative(given->place.file, base), given->place.line,
                given->place.column);
    else
        fprintf(to, "  # %s", given->place.file);
}

/* Ends the line of a value. */
static void end_line(struct writer *w, const struct tb_param *row)
{
    const struct tb_node *given = NULL;
    if (w->from && w->from->kind == TB_MAP)
        given = tb_node_get(w->from, row->name);
    else if (w->from && w->from->kind == TB_SCALAR && row->short_form)
        given = w->from;
    if (w->style.origins)
        tb_origin_yaml(w->to, given, w->style.base);
    fputc('\n', w->to);
}

static void write_scalar(struct writer *w, const struct tb_param *row, const void *field)
{
    char text[TB_VALUE_SIZE];
    fputc(' ', w->to);
    if (row->type == TB_STRING || row->type == TB_PATH) {
        const char *value = *(const char *const *)field;
        tb_text_yaml(w->to, row->type == TB_PATH ? relative(value, w->style.base) : value);
    } else {
        tb_value_print(row, field, text, sizeof text);
        tb_text_yaml(w->to, text);
    }
    end_line(w, row);
}

static void write_group(struct writer *w, const struct tb_param *table, const char *from)
{
    if (!wants_any(table, from, &w->style)) {
        fputs(" {}\n", w->to);
        return;
    }
    fputc('\n', w->to);
    w->indent += 2;
    write_members(w, table, from);
    w->indent -= 2;
}

/* The node below the current one that a row was read from; NULL: none, or unknown. */
static const struct tb_node *below(const struct tb_node *from, const char *key)
{
    return from && from->kind == TB_MAP ? tb_node_get(from, key) : NULL;
}

static void write_items(struct writer *w, const struct tb_param *row, const struct tb_items *items)
{
    fputs(items->count ? "\n" : " []\n", w->to);
    w->indent += 4;
    for (size_t i = 0; i < items->count; i++) {
        const char *item = (const char *)items->at + i * row->size;
        w->from = items->nodes ? items->nodes[i] : NULL;
        w->dashes = 1;
        if (wants_any(row->sub, item, &w->style)) {
            write_members(w, row->sub, item);
        } else {
            begin_line(w);
            fputs("{}\n", w->to);
        }
    }
    w->indent -= 4;
}

static void write_numbers(struct writer *w, const struct tb_param *row,
                          const struct tb_items *items)
{
    struct tb_param number = *row;
    char text[TB_VALUE_SIZE];
    number.type = TB_COUNT;
    fputs(" [", w->to);
    for (size_t i = 0; i < items->count; i++) {
        tb_value_print(&number, (const uint64_t *)items->at + i, text, sizeof text);
        fprintf(w->to, "%s%s", i ? ", " : "", text);
    }
    fputs("]", w->to);
    end_line(w, row);
}

static void write_node(struct writer *w, const struct tb_node *node)
{
    fputc(is_leaf(node) ? ' ' : '\n', w->to);
    w->indent += 2;
    if (is_leaf(node))
        write_leaf(w, node);
    else
        write_node_members(w, node);
    w->indent -= 2;
}

static void write_row(struct writer *w, const struct tb_param *row, const char *field)
{
    const struct tb_node *from = w->from;
    write_key(w, row->name);
    switch (row->type) {
    case TB_GROUP:
        w->from = below(from, row->name);
        write_group(w, row->sub, field);
        w->from = from;
        break;
    case TB_ITEMS:
        write_items(w, row, (const struct tb_items *)field);
        w->from = from;
        break;
    case TB_NUMBERS:
        write_numbers(w, row, (const struct tb_items *)field);
        break;
    case TB_NODE:
        write_node(w, *(const struct tb_node *const *)field);
        break;
    default:
        write_scalar(w, row, field);
    }
}

static void write_members(struct writer *w, const struct tb_param *table, const char *from)
{
    for (; table->name; table++)
        if (wants_row(table, from, &w->style))
            write_row(w, table, from + table->offset);
}

bool tb_table_yaml(FILE *to, const struct tb_param *table, const void *from,
                   struct tb_yaml_style style)
{
    struct writer w = {.to = to, .style = style, .indent = style.indent, .from = style.from};
    write_members(&w, table, from);
    return wants_any(table, from, &style);
}
