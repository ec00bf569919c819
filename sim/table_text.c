/* Tables described for people: `tollbridge models NAME`, and the reference in Markdown. */
#include "param_text.h"
#include "table.h"
#include "value.h"

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

static void put_text(FILE *to, const struct entry *e, unsigned indent)
{
    const struct tb_param *row = e->row;
    const char *comma = "";
    fprintf(to, "%*s%-26s %-14s ", (int)indent, "", e->path, tb_value_name(row->type));
    if (row->def) {
        fprintf(to, "default %s", *row->def ? row->def : "\"\"");
        comma = ", ";
    }
    if (*e->allowed) {
        fprintf(to, "%s%s", comma, e->allowed);
        comma = ", ";
    }
    if (*e->status)
        fprintf(to, "%s%s", comma, e->status);
    fputc('\n', to);
    if (row->doc)
        put_wrapped(to, row->doc, indent + 4);
    if (*tb_value_units(row->type))
        fprintf(to, "%*sunits: %s\n", (int)indent + 4, "", tb_value_units(row->type));
}

void tb_table_text(FILE *to, const struct tb_param *table, unsigned indent)
{
    put_table(to, table, "", indent, put_text);
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
