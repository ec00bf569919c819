/* Reads the header of a run in a trace; see trace_header.h. Nothing in it is trusted. */
#include "trace/trace_header.h"

#include "trace/trace.h"
#include "trace/trace_read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MODELS_MAX 8192u
#define WIRES_MAX  16384u

static bool fail(char *why, const char *what)
{
    snprintf(why, 160, "the header's '%s' is missing or malformed", what);
    return false;
}

/* What ends up in file formats and on terminals: no control characters, quotes, spaces or
 * separators. */
static char *take_text(const json_t *o, size_t longest)
{
    const char *text = json_string_value(o);
    if (!text || !*text || json_string_length(o) != strlen(text) || strlen(text) > longest)
        return NULL;
    char *copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c <= ' ' || strchr("\"\\,;<|", *c) || *c == 0x7f)
            *c = '_';
    return copy;
}

/* A word or a model's name. */
static char *take_word(const json_t *o)
{
    return take_text(o, 63);
}

static bool add_word(struct tb_trace_word_list *to, const json_t *o)
{
    return to->count < TB_TRACE_WORDS && (to->word[to->count] = take_word(o)) != NULL &&
           ++to->count;
}

static bool read_words(const json_t *o, const char *key, struct tb_trace_word_list *to, char *why)
{
    const json_t *list = json_object_get(o, key);
    size_t k;
    json_t *item;
    json_array_foreach (list, k, item)
        if (!add_word(to, item))
            return fail(why, key);
    return to->count > 0 || fail(why, key);
}

static bool read_kinds(struct tb_trace_run *r, const json_t *o, char *why)
{
    size_t k;
    json_t *item;
    json_array_foreach (json_object_get(o, "kinds"), k, item) {
        const json_t *ops = json_object_get(item, "ops");
        const json_t *write = json_array_get(ops, json_array_size(ops) > 1 ? 1 : 0);
        if (!add_word(&r->kinds, json_object_get(item, "name")) ||
            !add_word(&r->reads, json_array_get(ops, 0)) || !add_word(&r->writes, write))
            return fail(why, "kinds");
    }
    return r->kinds.count > 0 || fail(why, "kinds");
}

static bool read_model(struct tb_trace_site *site, const json_t *o)
{
    site->through_part = -1;
    return (site->name = take_word(json_object_get(o, "name"))) != NULL;
}

static bool read_through(const struct tb_trace_run *r, struct tb_trace_site *site,
                         const json_t *through)
{
    const char *part = json_string_value(json_object_get(through, "part"));
    json_int_t ps = json_integer_value(json_object_get(through, "ps"));
    if (!part || ps < 0)
        return false;
    for (unsigned k = 0; k < r->parts.count; k++)
        if (strcmp(r->parts.word[k], part) == 0)
            site->through_part = (int)k;
    site->through = (tb_time)ps;
    return site->through_part >= 0;
}

static bool read_wire(struct tb_trace_run *r, struct tb_trace_site *site, const json_t *o)
{
    const json_t *from = json_object_get(o, "from"), *to = json_object_get(o, "to");
    const json_t *through = json_object_get(o, "through");
    json_int_t latency = json_integer_value(json_object_get(o, "latency_ps"));
    json_int_t a = json_is_integer(from) ? json_integer_value(from) : -1;
    json_int_t b = json_is_integer(to) ? json_integer_value(to) : -1;
    if (a < 0 || b < 0 || latency < 0 || a >= r->model_count || b >= r->model_count)
        return false;
    site->is_wire = true;
    site->from = (uint16_t)a;
    site->to = (uint16_t)b;
    site->latency = (tb_time)latency;
    site->through_part = -1;
    if (asprintf(&site->name, "%s->%s", r->sites[r->wire_count + a].name,
                 r->sites[r->wire_count + b].name) < 0)
        site->name = NULL;
    return site->name && (!through || read_through(r, site, through));
}

static bool read_sites(struct tb_trace_run *r, const json_t *o, char *why)
{
    const json_t *wires = json_object_get(o, "wires"), *models = json_object_get(o, "models");
    size_t wire_count = json_array_size(wires), model_count = json_array_size(models);
    if (!json_is_array(wires) || wire_count > WIRES_MAX)
        return fail(why, "wires");
    if (model_count == 0 || model_count > MODELS_MAX)
        return fail(why, "models");
    r->sites = calloc(wire_count + model_count + 1, sizeof *r->sites);
    if (!r->sites)
        return fail(why, "models");
    r->wire_count = (unsigned)wire_count;
    r->model_count = (unsigned)model_count;
    r->site_count = (unsigned)(wire_count + model_count + 1);
    for (unsigned k = 0; k < model_count; k++)
        if (!read_model(&r->sites[wire_count + k], json_array_get(models, k)))
            return fail(why, "models");
    for (unsigned k = 0; k < wire_count; k++)
        if (!read_wire(r, &r->sites[k], json_array_get(wires, k)))
            return fail(why, "wires");
    r->sites[r->site_count - 1] =
        (struct tb_trace_site){.name = strdup("elsewhere"), .through_part = -1};
    return r->sites[r->site_count - 1].name || fail(why, "models");
}

static int part_of(const struct tb_trace_run *r, const char *word)
{
    for (unsigned k = 0; word && k < r->parts.count; k++)
        if (strcmp(r->parts.word[k], word) == 0)
            return (int)k;
    return -1;
}

static bool add_fine(struct tb_trace_run *r, unsigned part, unsigned detail, const char *name)
{
    char **to = &r->fine.word[r->fine.count];
    if (r->fine.count >= TB_TRACE_WORDS || asprintf(to, "%s.%s", r->parts.word[part], name) < 0)
        return false;
    r->fine_of[part][detail] = (uint8_t)r->fine.count++;
    return true;
}

/* A detail may be of several parts; the first, which stands for none, is of no part. */
static bool read_detail(struct tb_trace_run *r, const json_t *o, unsigned detail)
{
    size_t k;
    json_t *word;
    char *name = take_word(json_object_get(o, "name"));
    bool ok = name && detail < TB_TRACE_DETAILS;
    json_array_foreach (json_object_get(o, "parts"), k, word) {
        int part = part_of(r, json_string_value(word));
        ok = ok && detail > 0 && part >= 0 && !r->fine_of[part][detail] &&
             add_fine(r, (unsigned)part, detail, name);
    }
    free(name);
    return ok;
}

/* The parts, then what of them is told apart. */
static bool read_fine(struct tb_trace_run *r, const json_t *o, char *why)
{
    size_t k;
    json_t *item;
    if (r->parts.count > TB_TRACE_PARTS)
        return fail(why, "parts");
    for (; r->fine.count < r->parts.count; r->fine.count++) {
        r->fine_of[r->fine.count][0] = (uint8_t)r->fine.count;
        if (!(r->fine.word[r->fine.count] = strdup(r->parts.word[r->fine.count])))
            return fail(why, "parts");
    }
    json_array_foreach (json_object_get(o, "details"), k, item)
        if (!read_detail(r, item, (unsigned)k))
            return fail(why, "details");
    r->queue = part_of(r, "queue");
    r->wire = part_of(r, "wire");
    return true;
}

static bool read_text(const json_t *o, const char *key, char **to, char *why)
{
    const json_t *text = json_object_get(o, key);
    if (json_is_string(text) && json_string_length(text) == 0)
        return (*to = strdup("")) != NULL;
    return (*to = take_text(text, 255)) != NULL || fail(why, key);
}

static bool read_all(struct tb_trace_run *r, const json_t *o, char *why)
{
    const char *unit = json_string_value(json_object_get(o, "unit"));
    json_int_t version = json_integer_value(json_object_get(o, "version"));
    if (version != TB_TRACE_VERSION) {
        snprintf(why, 160, "the trace is of version %lld of its format; this program reads %d",
                 (long long)version, TB_TRACE_VERSION);
        return false;
    }
    if (!unit || strcmp(unit, "ps") != 0)
        return fail(why, "unit");
    r->seed = (uint64_t)json_integer_value(json_object_get(o, "seed"));
    return read_text(o, "scenario", &r->scenario, why) && read_text(o, "run", &r->name, why) &&
           read_text(o, "platform", &r->platform, why) &&
           read_text(o, "resolved", &r->resolved, why) && read_kinds(r, o, why) &&
           read_words(o, "statuses", &r->statuses, why) && read_words(o, "at", &r->at, why) &&
           read_words(o, "tlb", &r->tlb, why) && read_words(o, "parts", &r->parts, why) &&
           read_fine(r, o, why) && read_sites(r, o, why);
}

bool tb_trace_run_parse(struct tb_trace_run *r, const char *text, size_t size, char *why)
{
    json_error_t error;
    json_t *o = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    *r = (struct tb_trace_run){0};
    if (!json_is_object(o)) {
        snprintf(why, 160, "the header is not JSON: %.100s", o ? "no object" : error.text);
        json_decref(o);
        return false;
    }
    bool ok = read_all(r, o, why);
    json_decref(o);
    return ok;
}

static void clear_words(struct tb_trace_word_list *list)
{
    for (unsigned k = 0; k < list->count; k++)
        free(list->word[k]);
}

void tb_trace_run_clear(struct tb_trace_run *r)
{
    struct tb_trace_word_list *const lists[] = {&r->kinds, &r->reads, &r->writes, &r->statuses,
                                                &r->at,    &r->tlb,   &r->parts,  &r->fine};
    for (unsigned k = 0; k < sizeof lists / sizeof *lists; k++)
        clear_words(lists[k]);
    for (unsigned k = 0; r->sites && k < r->site_count; k++)
        free(r->sites[k].name);
    free(r->sites);
    free(r->scenario);
    free(r->name);
    free(r->platform);
    free(r->resolved);
    *r = (struct tb_trace_run){0};
}
