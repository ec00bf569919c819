/* Tables described for people: `tollbridge models NAME`, and the reference in Markdown. */
#include "yaml/param_text.h"
#include "yaml/table.h"
#include "yaml/value.h"

#include <string.h>

#define PATH_SIZE  128
#define TEXT_WIDTH 92

/* One row with its path, ready to be laid out. */
struct entry {
    char path[PATH_SIZE];
    char allowed[TB_RANGE_SIZE];
    const struct tb_param *row;
    const char *status; /* "required", "optional", or "" */
};

typedef void put_entry(FILE *to, const struct entry *e, unsigned indent);

static const char *status_of(const struct tb_param *row)
{
    if (row->flags & TB_REQUIRED)
        return "required";
    return row->def || row->type == TB_GROUP ? (row->present ? "optional" : "") : "optional";
}

static bool has_rows(const struct tb_param *row)
{
    return row->type == TB_GROUP || row->type == TB_ITEMS;
}

static void put_table(FILE *to, const struct tb_param *table, const char *path, unsigned indent,
                      put_entry *put)
{
    for (; table->name; table++) {
        struct entry e = {.row = table, .status = status_of(table)};
        snprintf(e.path, sizeof e.path, "%s%s%s", path, table->name,
                 table->type == TB_ITEMS ? "[]" : "");
        tb_param_range(table, e.allowed, sizeof e.allowed);
        put(to, &e, indent);
        if (has_rows(table)) {
            char below[PATH_SIZE + 1];
            snprintf(below, sizeof below, "%s.", e.path);
            put_table(to, table->sub, below, indent, put);
        }
    }
}

/* Breaks a text at spaces. */
static void put_wrapped(FILE *to, const char *text, unsigned indent)
{
    size_t column = 0;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column && column + 1 + word > TEXT_WIDTH - indent) {
            fputc('\n', to);
            column = 0;
        }
        if (column)
            column += (size_t)fprintf(to, " ");
        else
            fprintf(to, "%*s", (int)indent, "");
        column += (size_t)fprintf(to, "%.*s", (int)word, text);
        text += word + (text[word] == ' ');
    }
    fputc('\n', to);
}

/* "1 to 64, default 4, required" */
static void put_said(FILE *to, const struct entry *e)
{
    const char *def = e->row->def;
    const char *parts[] = {e->allowed, def ? "default " : "", e->status};
    bool any = false;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (!*parts[i])
            continue;
        fprintf(to, "%s%s%s", any ? ", " : " ", parts[i], i != 1 ? "" : *def ? def : "\"\"");
        any = true;
    }
}

static void put_text(FILE *to, const struct entry *e, unsigned indent)
{
    char head[PATH_SIZE + 32];
    int width = snprintf(head, sizeof head, "%-26s %s", e->path, tb_value_name(e->row->type));
    fprintf(to, "%*s%s", (int)indent, "", head);
    if (*e->allowed || e->row->def || *e->status)
        fprintf(to, "%*s", width < 41 ? 41 - width : 0, "");
    put_said(to, e);
    fputc('\n', to);
    if (e->row->doc)
        put_wrapped(to, e->row->doc, indent + 4);
}

static bool uses(const struct tb_param *table, enum tb_type type)
{
    for (; table->name; table++)
        if (table->type == type || (table->sub && uses(table->sub, type)))
            return true;
    return false;
}

static void put_units(FILE *to, const struct tb_param *table, unsigned indent)
{
    bool any = false;
    for (enum tb_type type = TB_BOOL; type <= TB_NODE; type++) {
        if (!*tb_value_units(type) || !uses(table, type))
            continue;
        if (!any)
            fprintf(to, "\n%*sunits:\n", (int)indent, "");
        fprintf(to, "%*s%-10s %s\n", (int)indent + 4, "", tb_value_name(type),
                tb_value_units(type));
        any = true;
    }
}

void tb_table_rows(FILE *to, const struct tb_param *table, unsigned indent)
{
    put_table(to, table, "", indent, put_text);
}

void tb_table_text(FILE *to, const struct tb_param *table, unsigned indent)
{
    tb_table_rows(to, table, indent);
    put_units(to, table, indent);
}

/* A cell must not end at a bar of its own. */
static void put_cell(FILE *to, const char *text)
{
    fputs("| ", to);
    for (; text && *text; text++)
        fprintf(to, *text == '|' ? "\\%c" : "%c", *text);
    fputs(" ", to);
}

static void put_code(FILE *to, const char *text)
{
    fprintf(to, text && *text ? "| `%s` " : "| ", text);
}

static void put_markdown(FILE *to, const struct entry *e, unsigned indent)
{
    (void)indent;
    put_code(to, e->path);
    put_cell(to, tb_value_name(e->row->type));
    if (e->row->def)
        put_code(to, *e->row->def ? e->row->def : "\"\"");
    else
        put_cell(to, e->status);
    put_cell(to, e->allowed);
    put_cell(to, e->row->doc);
    fputs("|\n", to);
}

void tb_table_markdown(FILE *to, const struct tb_param *table)
{
    fputs("| parameter | type | default | allowed | meaning |\n| --- | --- | --- | --- | --- |\n",
          to);
    put_table(to, table, "", 0, put_markdown);
}
