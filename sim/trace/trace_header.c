/* The header of a run in a trace; see docs/trace-format.md. */
#include "trace/trace_header.h"

#include "kernel/kernel.h"
#include "kernel/observe.h"
#include "log/line.h"
#include "trace/trace.h"

#include <jansson.h>

static json_t *words(const char *const *list)
{
    json_t *o = json_array();
    for (; *list; list++)
        json_array_append_new(o, json_string(*list));
    return o;
}

static json_t *kinds(void)
{
    json_t *list = json_array();
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        json_array_append_new(list, json_pack("{s:s,s:o}", "name", tb_line_kinds[k].name, "ops",
                                              words(tb_line_kinds[k].ops)));
    return list;
}

/* By number; the first, which stands for none, is of no part. */
static json_t *details(void)
{
    json_t *list = json_array();
    for (unsigned d = 0; d < TB_DETAILS; d++) {
        json_t *of = json_array();
        for (unsigned p = 0; p < TB_PARTS; p++)
            if (d >= TB_DETAIL_WALKER ? p == tb_detail_part(d) : d && p < TB_WAY_PARTS)
                json_array_append_new(of, json_string(tb_part_names[p]));
        json_array_append_new(list,
                              json_pack("{s:s,s:o}", "name", tb_detail_names[d], "parts", of));
    }
    return list;
}

static json_t *models(const struct tb_sim *s)
{
    json_t *list = json_array();
    for (size_t k = 0; k < s->model_count; k++)
        json_array_append_new(list, json_pack("{s:s,s:s}", "name", s->models[k].pub.name, "class",
                                              s->models[k].pub.class->name));
    return list;
}

static json_t *wire(const struct wire *w, const struct wire *back)
{
    json_t *o = json_pack("{s:i,s:i,s:I}", "from", back->to->index, "to", w->to->index,
                          "latency_ps", (json_int_t)w->latency);
    if (w->next)
        json_object_set_new(o, "through",
                            json_pack("{s:s,s:I}", "part", tb_part_names[w->through_part], "ps",
                                      (json_int_t)w->through_latency));
    return o;
}

static json_t *wires(const struct tb_sim *s)
{
    json_t *list = json_array();
    for (uint32_t k = 0; k < s->wire_count; k++)
        json_array_append_new(list, wire(&s->wires[k], &s->wires[k ^ 1]));
    return list;
}

char *tb_trace_header(struct tb_sim *s)
{
    static const char *const addresses[] = {"untranslated", "translation", "translated", NULL};
    static const char *const tlb[] = {"-", "hit", "miss", "coalesced", NULL};
    char hash[65];
    tb_sim_hash(s, hash);
    json_t *o = json_pack("{s:i,s:s,s:s,s:s,s:s,s:I,s:s}", "version", TB_TRACE_VERSION, "scenario",
                          tb_sim_name(s), "run", tb_sim_run_name(s), "platform", tb_sim_platform(s),
                          "resolved", hash, "seed", (json_int_t)tb_sim_seed(s), "unit", "ps");
    json_object_set_new(o, "kinds", kinds());
    json_object_set_new(o, "statuses", words(tb_status_names));
    json_object_set_new(o, "at", words(addresses));
    json_object_set_new(o, "tlb", words(tlb));
    json_object_set_new(o, "parts", words(tb_part_names));
    json_object_set_new(o, "details", details());
    json_object_set_new(o, "models", models(s));
    json_object_set_new(o, "wires", wires(s));
    char *text = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return text;
}
