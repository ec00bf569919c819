/* Drawings of platforms; see graph.h.
 *
 * A model is a table: its ports above and below, its name and class, its ID or addresses, what the
 * platform says of it, and a badge for every part that it was given (an IOMMU, a translation
 * cache). Nothing here knows one model from another: roles come from facts, badges from the
 * platform's text.
 */
#include "load/graph.h"

#include "kernel/observe.h"
#include "load/scenario.h"

#include "tollbridge/param.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LETTERS 30 /* of what the platform says, before the line is broken */
#define LINES_MOST   4  /* of that */

/* -- Text ----------------------------------------------------------------------------------------
 */

/* Inside quotes. */
static void write_text(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', to);
        fputc(*text, to);
    }
}

/* Inside a label of HTML's kind. */
static void write_html(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc((unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text, to);
        }
}

static void write_value(FILE *to, enum tb_type type, const void *value)
{
    const struct tb_param row = {.type = type};
    char text[80];
    tb_value_print(&row, value, text, sizeof text);
    write_html(to, text);
}

/* -- Roles ---------------------------------------------------------------------------------------
 */

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
    bool passes = tb_port_count(m) > 1 && !m->class->optional_ports;
    return passes ? TB_ROLE_BETWEEN : TB_ROLE_END;
}

/* Any model may say by this fact that it translates. */
/* -- What is above what --------------------------------------------------------------------------
 */

enum side { ABOVE, BELOW, ANYWHERE };

static unsigned named_ports(const struct tb_model *m)
{
    const char *const *ports = m->class->ports;
    unsigned named = 0;
    while (ports && ports[named] && strcmp(ports[named], "*") != 0)
        named++;
    return named;
}

/* The name of a port, if the model has others; those of any number have none. */
static const char *port_name(const struct tb_model *m, unsigned port)
{
    const char *const *ports = m->class->ports;
    return ports && ports[0] && ports[1] && port < named_ports(m) ? ports[port] : NULL;
}

/* On which side of the model a port is: `up` and `down` say so; one that has a name among others
 * that have none leads up (to a switch's root, a cache's memory), and they down. */
static enum side port_side(const struct tb_model *m, unsigned port)
{
    const char *name = port_name(m, port), *const *ports = m->class->ports;
    bool one_named = named_ports(m) == 1 && ports[1];
    if (name && strcmp(name, "down") == 0)
        return BELOW;
    if (name && (strcmp(name, "up") == 0 || one_named))
        return ABOVE;
    return !name && one_named ? BELOW : ANYWHERE;
}

/* Is nobody above this model, by the names of ports. */
static bool is_top(struct tb_sim *s, const struct tb_model *m)
{
    for (size_t n = 0; n < tb_sim_link_count(s); n++) {
        const struct tb_link_params *l = tb_sim_link(s, n);
        for (unsigned end = 0; end < 2; end++)
            if (l->end[end] == m && (port_side(l->end[1 - end], l->port[1 - end]) == BELOW ||
                                     port_side(m, l->port[end]) == ABOVE))
                return false;
    }
    return true;
}

/* Which end of a link is drawn above the other: as its ports say; else devices hang below, memory
 * and software stand on top of the highest bus and hang below another; else as the link is written.
 */
static unsigned upper_end(struct tb_sim *s, const struct tb_link_params *l)
{
    for (unsigned end = 0; end < 2; end++) {
        enum side side = port_side(l->end[end], l->port[end]);
        if (side != ANYWHERE)
            return side == BELOW ? end : 1 - end;
    }
    for (unsigned end = 0; end < 2; end++) {
        enum tb_role role = tb_graph_role(l->end[end]);
        if (role == TB_ROLE_END)
            return 1 - end;
        if (role == TB_ROLE_STORAGE || role == TB_ROLE_SOFTWARE)
            return is_top(s, l->end[1 - end]) ? end : 1 - end;
    }
    return 1;
}

/* -- Models --------------------------------------------------------------------------------------
 */

static void begin_row(FILE *to, const char *size)
{
    fprintf(to, "<tr><td><font point-size=\"%s\">", size);
}

static void end_row(FILE *to)
{
    fprintf(to, "</font></td></tr>");
}

/* On which side of the model a port is drawn: that of its link. ANYWHERE: it has none. */
static enum side drawn_side(struct tb_sim *s, const struct tb_model *m, unsigned port)
{
    for (size_t n = 0; n < tb_sim_link_count(s); n++) {
        const struct tb_link_params *l = tb_sim_link(s, n);
        for (unsigned end = 0; end < 2; end++)
            if (l->end[end] == m && l->port[end] == port)
                return upper_end(s, l) == end ? BELOW : ABOVE;
    }
    return ANYWHERE;
}

/* Its ports on one side, beside each other, for links to end at. */
static void write_ports(FILE *to, struct tb_model *m, enum side side)
{
    bool any = false;
    for (unsigned port = 0; port < named_ports(m); port++) {
        const char *name = port_name(m, port);
        if (!name || drawn_side(m->sim, m, port) != side)
            continue;
        if (!any)
            fprintf(to, "<tr><td><table border=\"0\" cellborder=\"0\" cellpadding=\"2\"><tr>");
        any = true;
        fprintf(to, "<td port=\"%s\"><font point-size=\"9\" color=\"#555555\"><i>", name);
        write_html(to, name);
        fprintf(to, "</i></font></td>");
    }
    if (any)
        fprintf(to, "</tr></table></td></tr>");
}

static void write_range(FILE *to, uint64_t base, uint64_t last)
{
    begin_row(to, "9");
    fprintf(to, "0x%" PRIx64 " to 0x%" PRIx64, base, last);
    end_row(to);
}

/* The windows that the platform gives it. */
static void write_windows(FILE *to, struct tb_model *m)
{
    struct tb_ranges claims = {0};
    for (unsigned port = 0; m->class->claims && port < named_ports(m); port++)
        if (port_side(m, port) == ABOVE)
            m->class->claims(m, port, &claims);
    for (size_t k = 0; k < claims.count; k++)
        if (claims.at[k].model == m->index && claims.at[k].node)
            write_range(to, claims.at[k].base, claims.at[k].last);
}

static void write_place(FILE *to, struct tb_model *m)
{
    uint64_t base, size, id;
    if (tb_fact(m, "id", &id)) {
        uint16_t value = (uint16_t)id;
        begin_row(to, "10");
        fprintf(to, "ID ");
        write_value(to, TB_ID, &value);
        end_row(to);
    }
    if (tb_fact(m, "base", &base) && tb_fact(m, "size", &size) && size)
        write_range(to, base, base + (size - 1));
    if (tb_graph_role(m) == TB_ROLE_BETWEEN)
        write_windows(to, m);
}

/* What the platform says of a model or of a part of it, a few lines at most. */
struct said {
    FILE *to;
    unsigned letters, lines;
    bool full;
};

static void say(struct said *s, const char *key, const char *value)
{
    unsigned length = (unsigned)(strlen(key) + strlen(value)) + 3;
    if (s->letters && s->letters + length > LINE_LETTERS) {
        s->letters = 0;
        s->lines++;
    }
    if (!s->full && (s->lines >= LINES_MOST || length > 2 * LINE_LETTERS)) {
        fprintf(s->to, " ...");
        s->full = true;
    }
    if (s->full)
        return;
    fprintf(s->to, "%s", s->letters ? ", " : s->lines ? ",<br/>" : "");
    write_html(s->to, key);
    fprintf(s->to, "%s", value[0] ? " " : "");
    write_html(s->to, value);
    s->letters += length;
}

/* The value that is told of a member of a map: a scalar; of a map its entries (a cache's), or its
 * base (an aperture's). NULL: none, or it is told elsewhere. */
static const struct tb_node *told_of(const struct tb_node *item)
{
    static const char *const elsewhere[] = {"model", "id", "base", "format"};
    const struct tb_node *value = item->kind == TB_SCALAR ? item : tb_node_get(item, "entries");
    value = value ? value : tb_node_get(item, "base");
    for (size_t k = 0; k < sizeof elsewhere / sizeof elsewhere[0]; k++)
        if (strcmp(item->key, elsewhere[k]) == 0)
            return NULL;
    return value && value->kind == TB_SCALAR ? value : NULL;
}

/* Whether a key of the model is a part that not every one of its class has. */
static bool is_part(const struct tb_model *m, const struct tb_node *node)
{
    const struct tb_param *row =
        m->class->params ? tb_param_find(m->class->params, node->key) : NULL;
    return node->kind == TB_MAP && row && row->type == TB_GROUP && row->present;
}

static const char *badge_colour(const char *part)
{
    if (strcmp(part, "iommu") == 0)
        return "#f4b6a6";
    return strcmp(part, "atc") == 0 ? "#f9d3a0" : "#ffffff";
}

/* IOMMU, ATC, POSTING: short names are abbreviations. */
static void write_badge(FILE *to, const struct tb_node *part)
{
    const struct tb_node *format = tb_node_get(part, "format");
    struct said said = {.to = to};
    fprintf(to, "<tr><td bgcolor=\"%s\"><font point-size=\"10\"><b>", badge_colour(part->key));
    for (const char *c = part->key; *c; c++)
        fputc(isalnum((unsigned char)*c) ? toupper((unsigned char)*c) : ' ', to);
    fprintf(to, "</b>");
    if (format && format->kind == TB_SCALAR) {
        fputc(' ', to);
        write_html(to, format->text);
    }
    for (size_t k = 0; k < part->count; k++)
        if (told_of(part->items[k])) {
            fprintf(to, "%s",
                    said.letters || said.lines ? "" : "</font><br/><font point-size=\"9\">");
            say(&said, part->items[k]->key, told_of(part->items[k])->text);
        }
    end_row(to);
}

/* Of its parts; of a model that translates by itself, of that. */
static void write_badges(FILE *to, struct tb_model *m)
{
    if (tb_observe_translates(m) && !tb_node_get(m->node, "iommu"))
        fprintf(to, "<tr><td bgcolor=\"%s\"><font point-size=\"10\"><b>IOMMU</b></font></td></tr>",
                badge_colour("iommu"));
    for (size_t k = 0; k < m->node->count; k++)
        if (is_part(m, m->node->items[k]))
            write_badge(to, m->node->items[k]);
}

static void write_said(FILE *to, const struct tb_model *m)
{
    struct said said = {.to = to};
    for (size_t k = 0; k < m->node->count; k++) {
        const struct tb_node *item = m->node->items[k], *value = told_of(item);
        if (!value || is_part(m, item))
            continue;
        if (!said.letters && !said.lines)
            begin_row(to, "9");
        say(&said, item->key, value->text);
    }
    if (said.letters || said.lines)
        end_row(to);
}

static void write_model(FILE *to, struct tb_model *m)
{
    const struct look *look = &looks[tb_graph_role(m)];
    fprintf(to, "    \"");
    write_text(to, m->name);
    fprintf(to,
            "\" [shape=%s, fillcolor=\"%s\", label=<<table border=\"0\" cellborder=\"0\" "
            "cellspacing=\"0\" cellpadding=\"2\">",
            look->shape, look->colour);
    write_ports(to, m, ABOVE);
    fprintf(to, "<tr><td><font point-size=\"14\"><b>");
    write_html(to, m->name);
    fprintf(to, "</b></font> <font point-size=\"10\" color=\"#555555\">%s</font></td></tr>",
            m->class->name);
    write_place(to, m);
    write_said(to, m);
    write_badges(to, m);
    write_ports(to, m, BELOW);
    fprintf(to, "</table>>];\n");
}

/* -- Links ---------------------------------------------------------------------------------------
 */

static void write_end(FILE *to, const struct tb_link_params *l, unsigned end, unsigned upper)
{
    const char *port = port_name(l->end[end], l->port[end]);
    fputc('"', to);
    write_text(to, l->end[end]->name);
    fputc('"', to);
    if (port)
        fprintf(to, ":\"%s\":%c", port, end == upper ? 's' : 'n');
}

static bool same_credits(const struct tb_link_params *l, unsigned dir)
{
    for (unsigned class = 1; class < TB_CLASSES; class ++)
        if (l->credits_of[dir][class] != l->credits_of[dir][0])
            return false;
    return true;
}

static void write_pcie_credits(FILE *to, const struct tb_pcie_credits *c)
{
    static const char *const names[] = {"ph", "pd", "nph", "npd", "cplh", "cpld"};
    for (unsigned k = 0; k < 6; k++) {
        uint64_t value = k % 2 ? c->data[k / 2] : c->header[k / 2];
        if (value)
            fprintf(to, " %s %" PRIu64, names[k], value);
    }
}

static void write_credits(FILE *to, const struct tb_link_params *l, unsigned dir)
{
    static const char *const names[TB_CLASSES] = {"posted", "nonposted", "completion", "interrupt"};
    if (l->has_pcie) {
        write_pcie_credits(to, &l->pcie.credits[dir]);
        return;
    }
    if (same_credits(l, dir)) {
        if (l->credits_of[dir][0])
            fprintf(to, " credits %" PRIu64, l->credits_of[dir][0]);
        return;
    }
    fprintf(to, " credits");
    for (unsigned class = 0; class < TB_CLASSES; class ++)
        if (l->credits_of[dir][class])
            fprintf(to, " %s %" PRIu64, names[class], l->credits_of[dir][class]);
}

/* One direction: latency, rate, credits. */
static void write_direction(FILE *to, const struct tb_link_params *l, unsigned dir)
{
    write_value(to, TB_TIME, &l->latency_of[dir]);
    if (l->rate_of[dir].time && !l->has_pcie) {
        fprintf(to, " ");
        write_value(to, TB_RATE, &l->rate_of[dir]);
    }
    write_credits(to, l, dir);
}

static bool symmetric(const struct tb_link_params *l)
{
    return l->latency_of[0] == l->latency_of[1] &&
           memcmp(&l->rate_of[0], &l->rate_of[1], sizeof l->rate_of[0]) == 0 &&
           memcmp(l->credits_of[0], l->credits_of[1], sizeof l->credits_of[0]) == 0 &&
           (!l->has_pcie ||
            memcmp(&l->pcie.credits[0], &l->pcie.credits[1], sizeof l->pcie.credits[0]) == 0);
}

static void write_label(FILE *to, const struct tb_link_params *l, unsigned upper)
{
    unsigned up = upper == 1 ? 0 : 1; /* the direction that leads to the upper end */
    if (l->has_pcie)
        fprintf(to, "  PCIe gen%u x%u\\l", (unsigned)l->pcie.gen, (unsigned)l->pcie.width);
    fprintf(to, symmetric(l) ? "  " : "  up ");
    write_direction(to, l, up);
    if (!symmetric(l)) {
        fprintf(to, "\\l  down ");
        write_direction(to, l, 1 - up);
    }
    fprintf(to, "\\l");
}

static void write_link(FILE *to, struct tb_sim *s, const struct tb_link_params *l)
{
    unsigned upper = upper_end(s, l);
    fprintf(to, "    ");
    write_end(to, l, upper, upper);
    fprintf(to, " -> ");
    write_end(to, l, 1 - upper, upper);
    fprintf(to, " [label=\"");
    write_label(to, l, upper);
    fprintf(to, "\"%s];\n", l->has_pcie ? ", penwidth=2.5, color=\"#3a6ea5\"" : "");
}

void tb_graph_write(struct tb_sim *s, FILE *to)
{
    static const char font[] = "fontname=\"Helvetica,Arial,sans-serif\"";
    struct tb_model *m;
    fprintf(to, "digraph \"");
    write_text(to, tb_sim_platform(s));
    fprintf(to,
            "\" {\n    graph [rankdir=TB, bgcolor=white, pad=0.2, nodesep=0.4, ranksep=0.45, %s];\n"
            "    node [style=filled, color=\"#666666\", margin=\"0.12,0.06\", %s];\n"
            "    edge [dir=none, color=\"#666666\", fontsize=9, %s];\n",
            font, font, font);
    for (size_t n = 0; (m = tb_observe_model(s, n)); n++)
        write_model(to, m);
    for (size_t n = 0; n < tb_sim_link_count(s); n++)
        write_link(to, s, tb_sim_link(s, n));
    fprintf(to, "}\n");
}
