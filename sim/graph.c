/* Drawings of platforms; see graph.h. */
#include "graph.h"

#include "scenario.h"
#include "summary.h"

#include "tollbridge/param.h"

#include <string.h>

static void write_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
}

/* Where it stands tells how it looks: what holds memory, what runs software, ends and what is
 * between them. */
static const struct look {
    const char *shape, *colour;
} looks[] = {[TB_ROLE_STORAGE] = {"cylinder", "#e6f2df"},
             [TB_ROLE_SOFTWARE] = {"box3d", "#dfe8f5"},
             [TB_ROLE_END] = {"component", "#f5dfe3"},
             [TB_ROLE_BETWEEN] = {"box", "#fbeccd"}};

enum tb_role tb_graph_role(struct tb_model *m)
{
    uint64_t value;
    if (m->class->fact && tb_fact(m, "base", &value) && tb_fact(m, "size", &value))
        return TB_ROLE_STORAGE;
    if (m->class->program)
        return TB_ROLE_SOFTWARE;
    return tb_port_count(m) > 1 ? TB_ROLE_BETWEEN : TB_ROLE_END;
}

/* Any model may say by this fact that it translates. */
bool tb_graph_translates(struct tb_model *m)
{
    uint64_t format;
    return m->class->fact && tb_fact(m, "iommu.format", &format);
}

static void write_model(FILE *to, struct tb_model *m)
{
    const struct look *look = &looks[tb_graph_role(m)];
    fprintf(to, "    \"");
    write_text(to, m->name);
    fprintf(to, "\" [label=\"");
    write_text(to, m->name);
    fprintf(to, "\\n%s%s\", shape=%s, fillcolor=\"%s\"];\n", m->class->name,
            tb_graph_translates(m) ? " with IOMMU" : "", look->shape, look->colour);
}

/* The name of a port, if the model has more than one; those of any number have none. */
static void write_port(FILE *to, const char *where, const struct tb_link_params *link,
                       unsigned side)
{
    const char *const *ports = link->end[side]->class->ports;
    unsigned named = 0;
    while (ports && ports[named] && strcmp(ports[named], "*") != 0)
        named++;
    if (!ports || !ports[0] || !ports[1] || link->port[side] >= named)
        return;
    fprintf(to, ", %slabel=\"", where);
    write_text(to, ports[link->port[side]]);
    fprintf(to, "\"");
}

static void write_value(FILE *to, enum tb_type type, const void *value)
{
    const struct tb_param row = {.type = type};
    char text[80];
    tb_value_print(&row, value, text, sizeof text);
    fprintf(to, "%s", text);
}

static void write_direction(FILE *to, const struct tb_link_params *link, unsigned dir)
{
    write_value(to, TB_TIME, &link->latency_of[dir]);
    if (link->rate_of[dir].time && !link->has_pcie) {
        fprintf(to, ", ");
        write_value(to, TB_RATE, &link->rate_of[dir]);
    }
}

static bool symmetric(const struct tb_link_params *link)
{
    return link->latency_of[0] == link->latency_of[1] &&
           memcmp(&link->rate_of[0], &link->rate_of[1], sizeof link->rate_of[0]) == 0;
}

static void write_link(FILE *to, const struct tb_link_params *link)
{
    fprintf(to, "    \"");
    write_text(to, link->end[0]->name);
    fprintf(to, "\" -> \"");
    write_text(to, link->end[1]->name);
    fprintf(to, "\" [label=\"");
    if (link->has_pcie)
        fprintf(to, "PCIe gen%u x%u, ", (unsigned)link->pcie.gen, (unsigned)link->pcie.width);
    write_direction(to, link, 0);
    if (!symmetric(link)) {
        fprintf(to, "\\nback ");
        write_direction(to, link, 1);
    }
    fprintf(to, "\"");
    write_port(to, "tail", link, 0);
    write_port(to, "head", link, 1);
    fprintf(to, "];\n");
}

void tb_graph_write(struct tb_sim *s, FILE *to)
{
    struct tb_model *m;
    fprintf(to, "digraph \"");
    write_text(to, tb_sim_platform(s));
    fprintf(to, "\" {\n    rankdir=BT;\n    node [style=filled, fontname=\"sans-serif\"];\n"
                "    edge [dir=both, fontname=\"sans-serif\", fontsize=10];\n");
    for (size_t n = 0; (m = tb_summary_model(s, n)); n++)
        write_model(to, m);
    for (size_t n = 0; n < tb_sim_link_count(s); n++)
        write_link(to, tb_sim_link(s, n));
    fprintf(to, "}\n");
}
