/* The verb schema: platforms and scenarios as JSON schema, for editors. Everything comes from the
 * tables: what a map holds from tb_table_schema, what it is made of from here. */
#include "cli/cli_diff.h"
#include "load/scenario.h"
#include "yaml/table.h"

/* -- Models
 * ----------------------------------------------------------------------------------------- */

static json_t *constant(const char *key, const char *value)
{
    return json_pack("{s:{s:s}}", key, "const", value);
}

/* What the platform's loader may choose can be `auto` too. */
static void allow_auto(json_t *properties, const struct tb_class *c)
{
    static const char *const keys[] = {"id", "base"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (tb_class_auto(c, keys[i]))
            json_object_set_new(properties, keys[i],
                                json_pack("{s:[{s:s},O]}", "anyOf", "const", "auto",
                                          json_object_get(properties, keys[i])));
}

/* A model of a platform: `model:` says which table the other keys follow. */
static json_t *class_schema(const struct tb_class *c)
{
    json_t *o = c->params ? tb_table_schema(c->params) : json_pack("{s:s}", "type", "object");
    json_t *properties = json_object_get(o, "properties");
    json_t *model = constant("model", c->name);
    if (!properties) {
        properties = json_object();
        json_object_set_new(o, "properties", properties);
    }
    json_object_update(properties, model);
    allow_auto(properties, c);
    json_decref(model);
    json_t *required = json_object_get(o, "required");
    if (!required) {
        required = json_array();
        json_object_set_new(o, "required", required);
    }
    json_array_append_new(required, json_string("model"));
    json_object_set_new(o, "title", json_string(c->name));
    json_object_set_new(o, "description", json_string(c->brief));
    return o;
}

static json_t *models_schema(void)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    json_t *any = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(any, class_schema(classes[i]));
    return json_pack("{s:s,s:{s:o}}", "type", "object", "additionalProperties", "oneOf", any);
}

static json_t *platform_schema(void)
{
    return json_pack("{s:s,s:[s],s:b,s:{s:{s:s},s:o,s:{s:s,s:o}}}", "type", "object", "required",
                     "models", "additionalProperties", 0, "properties", "platform", "type",
                     "string", "models", models_schema(), "links", "type", "array", "items",
                     tb_table_schema(tb_link_table));
}

/* -- Steps
 * ------------------------------------------------------------------------------------------ */

static bool needs_nothing(const struct tb_param *table)
{
    for (; table->name; table++)
        if (table->flags & TB_REQUIRED)
            return false;
    return true;
}

/* What stands behind a step's name: its map or its short form, or nothing where nothing is needed.
 */
static json_t *step_schema(const struct tb_step_kind *step)
{
    json_t *o = tb_table_schema(step->params);
    if (needs_nothing(step->params))
        o = json_pack("{s:[o,{s:s}]}", "anyOf", o, "type", "null");
    json_object_set_new(o, "description", json_string(step->doc));
    return o;
}

json_t *cli_step_schemas(const struct tb_class *c, bool setup)
{
    json_t *steps = json_object();
    struct tb_step_kind step;
    for (size_t n = 0; c->step && c->step(n, &step); n++)
        if (!setup || !step.timed)
            json_object_set_new(steps, step.name, step_schema(&step));
    return steps;
}

static json_t *bare_names(const struct tb_class *c, bool setup)
{
    json_t *names = json_array();
    struct tb_step_kind step;
    for (size_t n = 0; c->step && c->step(n, &step); n++)
        if ((!setup || !step.timed) && needs_nothing(step.params))
            json_array_append_new(names, json_string(step.name));
    return json_pack("{s:o}", "enum", names);
}

/* A list of steps of whoever runs a scenario: each a map of one key, or a bare name. */
static json_t *steps_schema(bool setup)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    json_t *any = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!classes[i]->step)
            continue;
        json_array_append_new(any, json_pack("{s:s,s:b,s:i,s:i,s:o}", "type", "object",
                                             "additionalProperties", 0, "minProperties", 1,
                                             "maxProperties", 1, "properties",
                                             cli_step_schemas(classes[i], setup)));
        json_array_append_new(any, bare_names(classes[i], setup));
    }
    return json_pack("{s:[s,s],s:{s:o}}", "type", "array", "null", "items", "anyOf", any);
}

/* -- Scenarios
 * -------------------------------------------------------------------------------------- */

/* Puts in place of a key that somebody else reads what that somebody reads; its sentence stays. */
static void replace(json_t *properties, const char *key, json_t *schema)
{
    json_t *said = json_object_get(json_object_get(properties, key), "description");
    if (said)
        json_object_set(schema, "description", said);
    json_object_set_new(properties, key, schema);
}

static json_t *list_of(const struct tb_param *table)
{
    return json_pack("{s:s,s:o}", "type", "array", "items", tb_table_schema(table));
}

static json_t *scenario_schema(void)
{
    json_t *scenario = tb_table_schema(tb_scenario_table);
    json_t *properties = json_object_get(scenario, "properties");
    replace(properties, "platform",
            json_pack("{s:[{s:s},{s:s}]}", "oneOf", "type", "string", "$ref", "#/$defs/platform"));
    replace(properties, "memory", list_of(tb_memory_table));
    replace(properties, "runs", list_of(tb_run_table));
    replace(properties, "record",
            json_pack("{s:[{s:s},o]}", "anyOf", "const", "none", tb_table_schema(tb_record_table)));
    replace(properties, "setup", steps_schema(true));
    replace(properties, "steps", steps_schema(false));
    return scenario;
}

enum tb_exit cli_schema(const struct cli_args *args)
{
    (void)args;
    return cli_dump(json_pack("{s:s,s:s,s:{s:o,s:o},s:[{s:s},{s:s}]}", "$schema",
                              "https://json-schema.org/draft/2020-12/schema", "title",
                              "Tollbridge platforms and scenarios", "$defs", "platform",
                              platform_schema(), "scenario", scenario_schema(), "oneOf", "$ref",
                              "#/$defs/scenario", "$ref", "#/$defs/platform"));
}
