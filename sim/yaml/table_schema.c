/* Tables as JSON schema, in the words that draft-07 and 2020-12 share. What a schema cannot say
 * exactly (bounds of values with units) is left to the program: it accepts everything the program
 * accepts. */
#include "yaml/arena.h"
#include "yaml/param_text.h"
#include "yaml/table.h"
#include "yaml/value.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER "[0-9][0-9_]*(\\.[0-9][0-9_]*)?(/[0-9][0-9_]*)?|0[xX][0-9a-fA-F_]+"
#define PLAIN  "([0-9][0-9_]*|0[xX][0-9a-fA-F_]+)"
#define SIZES  "(B|[KMGT]iB|[kMGT]B)"
#define TIMES  "([pnum]?s)"

/* How a scalar of each type looks as text; NULL: any text. */
static const char *const patterns[] = {
    [TB_COUNT] = "^" PLAIN " *$",
    [TB_BYTES] = "^(" NUMBER ") *" SIZES "? *$",
    [TB_SIZE] = "^(" NUMBER ") *" SIZES " *$",
    [TB_TIME] = "^(" NUMBER ") *" TIMES " *$",
    [TB_RATE] =
        "^(unlimited|(" NUMBER ") *(" SIZES "/s|" SIZES " *per +(" NUMBER ") *" TIMES ") *)$",
    [TB_CLOCK] = "^(none|(" NUMBER ") *([kMGT]?Hz|" TIMES "|per +(" NUMBER ") *" TIMES ") *)$",
    [TB_PER_S] = "^(unlimited|(" NUMBER ") *([kMGT]?/s|" TIMES "|per +(" NUMBER ") *" TIMES ") *)$",
    [TB_ID] = "^[0-9a-fA-F]{1,2}:[01]?[0-9a-fA-F]\\.[0-7]$",
    [TB_CREDITS] = "^(unlimited|" PLAIN ") *$",
    [TB_NODE] = NULL,
};

static json_t *must(json_t *made)
{
    if (!made)
        tb_host_no_memory(sizeof(void *));
    return made;
}

static void set(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, must(value)))
        tb_host_no_memory(strlen(key));
}

static void append(json_t *array, json_t *value)
{
    if (json_array_append_new(array, must(value)))
        tb_host_no_memory(sizeof(void *));
}

static void set_text(json_t *object, const char *key, const char *text)
{
    set(object, key, json_string(text));
}

/* JSON's own integers have 63 bits here; what is larger stays text, or unsaid. */
static bool small_number(const char *text, uint64_t *number)
{
    return text && tb_value_parse(TB_COUNT, text, number, NULL) && *number <= INT64_MAX;
}

static void set_bound(json_t *schema, const char *key, const char *text)
{
    uint64_t number;
    if (small_number(text, &number))
        set(schema, key, json_integer((json_int_t)number));
}

static bool may_be_integer(enum tb_type type)
{
    return type == TB_COUNT || type == TB_BYTES || type == TB_CREDITS;
}

static void set_default(json_t *schema, const struct tb_param *row)
{
    uint64_t number;
    if (!row->def)
        return;
    if (row->type == TB_BOOL)
        set(schema, "default", json_boolean(!strcmp(row->def, "true")));
    else if (may_be_integer(row->type) && small_number(row->def, &number))
        set(schema, "default", json_integer((json_int_t)number));
    else
        set_text(schema, "default", row->def);
}

static void set_types(json_t *schema, const char *first, const char *second)
{
    json_t *types = must(json_array());
    append(types, json_string(first));
    append(types, json_string(second));
    set(schema, "type", types);
}

static void fill_enum(json_t *schema, const struct tb_param *row)
{
    json_t *words = must(json_array());
    for (unsigned i = 0; row->names[i]; i++)
        append(words, json_string(row->names[i]));
    set(schema, "enum", words);
}

static void fill_scalar(json_t *schema, const struct tb_param *row)
{
    bool any_text = row->type == TB_STRING || row->type == TB_PATH;
    if (row->type == TB_BOOL)
        set_text(schema, "type", "boolean");
    else if (any_text)
        set_types(schema, "string", "number");
    else if (may_be_integer(row->type))
        set_types(schema, "integer", "string");
    else
        set_text(schema, "type", "string");
    if (patterns[row->type])
        set_text(schema, "pattern", patterns[row->type]);
    if (may_be_integer(row->type)) {
        set_bound(schema, "minimum", row->min ? row->min : "0");
        set_bound(schema, "maximum", row->max);
    }
}

static void fill_list(json_t *schema, const struct tb_param *row)
{
    struct tb_param number = {
        .name = row->name, .type = TB_COUNT, .min = row->min, .max = row->max};
    json_t *member = must(json_object());
    set_text(schema, "type", "array");
    if (row->type == TB_ITEMS) {
        json_decref(member);
        member = tb_table_schema(row->sub);
        set_bound(schema, "minItems", row->min);
        set_bound(schema, "maxItems", row->max);
    } else {
        fill_scalar(member, &number);
    }
    set(schema, "items", member);
}

static json_t *row_schema(const struct tb_param *row)
{
    json_t *schema = row->type == TB_GROUP ? tb_table_schema(row->sub) : must(json_object());
    if (row->type == TB_ENUM)
        fill_enum(schema, row);
    else if (row->type == TB_ITEMS || row->type == TB_NUMBERS)
        fill_list(schema, row);
    else if (tb_value_is_scalar(row->type))
        fill_scalar(schema, row);
    if (row->doc)
        set_text(schema, "description", row->doc);
    set_default(schema, row);
    return schema;
}

/* Either the whole map or what its short form stands for. */
static json_t *with_short_form(json_t *map, const struct tb_param *row)
{
    json_t *either = must(json_array()), *schema = must(json_object());
    append(either, map);
    append(either, row_schema(row));
    set(schema, "anyOf", either);
    return schema;
}

json_t *tb_table_schema(const struct tb_param *table)
{
    json_t *map = must(json_object()), *properties = must(json_object()),
           *required = must(json_array());
    const struct tb_param *short_row = NULL;
    for (; table->name; table++) {
        set(properties, table->name, row_schema(table));
        if (table->flags & TB_REQUIRED)
            append(required, json_string(table->name));
        if (table->short_form)
            short_row = table;
    }
    set_text(map, "type", "object");
    set(map, "additionalProperties", json_false());
    set(map, "properties", properties);
    if (json_array_size(required))
        set(map, "required", required);
    else
        json_decref(required);
    return short_row ? with_short_form(map, short_row) : map;
}
