/* The resolved platform: as YAML that loads to the same, and as a hash of what is not default. */
#include "kernel/kernel.h"
#include "yaml/table.h"
#include "yaml/value.h"

#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

static void print_row(FILE *to, const struct tb_param *row, const void *value)
{
    char text[TB_VALUE_SIZE];
    tb_value_print(row, value, text, sizeof text);
    fputs(text, to);
}

static void print_value(FILE *to, enum tb_type type, const void *value)
{
    const struct tb_param row = {.name = "", .type = type};
    print_row(to, &row, value);
}

/* "key: value" if both directions are alike, else "key: {forward: value, back: value}". */
static void print_both(FILE *to, const char *key, enum tb_type type, const void *forward,
                       const void *back, const void *def, bool changed_only)
{
    bool same = tb_value_equal(type, forward, back);
    if (changed_only && same && tb_value_equal(type, forward, def))
        return;
    fprintf(to, ", %s: %s", key, same ? "" : "{forward: ");
    print_value(to, type, forward);
    if (same)
        return;
    fputs(", back: ", to);
    print_value(to, type, back);
    putc('}', to);
}

static void print_class_credits(FILE *to, const uint64_t credits[TB_CLASSES])
{
    static const char *const names[] = {"posted", "nonposted", "completion", "interrupt"};
    for (unsigned class = 0; class < TB_CLASSES; class ++) {
        fprintf(to, "%s%s: ", class ? ", " : "{", names[class]);
        print_value(to, TB_CREDITS, &credits[class]);
    }
    putc('}', to);
}

static void print_credits(FILE *to, const struct tb_link_params *l, bool changed_only)
{
    bool any = false;
    for (unsigned k = 0; k < 2 * TB_CLASSES; k++)
        any |= l->credits_of[k / TB_CLASSES][k % TB_CLASSES] != 0;
    if (changed_only && !any)
        return;
    fputs(", credits: {forward: ", to);
    print_class_credits(to, l->credits_of[0]);
    fputs(", back: ", to);
    print_class_credits(to, l->credits_of[1]);
    putc('}', to);
}

/* The members of a group within braces. */
static void print_group(FILE *to, const struct tb_param *table, const void *from, bool changed_only)
{
    const char *between = "";
    putc('{', to);
    for (; table->name; table++) {
        const char *field = (const char *)from + table->offset;
        union tb_value def;
        bool scalar = tb_value_is_scalar(table->type);
        if (scalar && changed_only && table->def && tb_value_read(table, table->def, &def, NULL) &&
            tb_value_equal(table->type, field, &def))
            continue;
        fprintf(to, "%s%s: ", between, table->name);
        between = ", ";
        if (scalar)
            print_row(to, table, field);
        else
            print_group(to, table->sub, field, changed_only);
    }
    putc('}', to);
}

static void print_link(FILE *to, const struct tb_link_params *l, unsigned indent, bool changed_only)
{
    static const tb_time latency = TB_NS;
    static const struct tb_rate unlimited = {1, 0};
    fprintf(to, "%*s- {from: ", (int)indent, "");
    tb_text_yaml(to, l->from);
    fputs(", to: ", to);
    tb_text_yaml(to, l->to);
    print_both(to, "latency", TB_TIME, &l->latency_of[0], &l->latency_of[1], &latency,
               changed_only);
    if (l->has_pcie) {
        fputs(", pcie: ", to);
        print_group(to, tb_pcie_table, &l->pcie, changed_only);
    } else {
        print_both(to, "bandwidth", TB_RATE, &l->rate_of[0], &l->rate_of[1], &unlimited,
                   changed_only);
        print_credits(to, l, changed_only);
    }
    if (!l->has_pcie && (l->header || !changed_only)) {
        fputs(", header: ", to);
        print_value(to, TB_SIZE, &l->header);
    }
    if (l->has_credit_return) {
        fputs(", credit_return: ", to);
        print_value(to, TB_TIME, &l->credit_return);
    }
    fputs("}\n", to);
}

/* Where the members of a link came from: comments below it, as it is one line. */
static void print_link_origins(FILE *to, const struct tb_link_params *l, unsigned indent,
                               const char *base)
{
    static const char *const keys[] = {"latency", "bandwidth", "credits", "header",
                                       "credit_return"};
    fprintf(to, "%*s# from, to:", (int)indent, "");
    tb_origin_yaml(to, tb_node_get(l->node, "from"), base);
    fputc('\n', to);
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        fprintf(to, "%*s# %s:", (int)indent, "", keys[k]);
        tb_origin_yaml(to, tb_node_get(l->node, keys[k]), base);
        fputc('\n', to);
    }
}

enum detail { CHANGED_ONLY, ALL, ALL_WITH_ORIGINS };

static void print_platform(FILE *to, struct tb_sim *s, unsigned indent, enum detail detail)
{
    const struct tb_node *top = s->scenario.root ? s->scenario.root : s->scenario.platform;
    bool changed_only = detail == CHANGED_ONLY, origins = detail == ALL_WITH_ORIGINS;
    struct tb_yaml_style style = {.indent = indent + 4,
                                  .changed_only = changed_only,
                                  .base = top->place.file,
                                  .origins = origins};
    fprintf(to, "%*splatform: ", (int)indent, "");
    tb_text_yaml(to, s->scenario.platform_name);
    fprintf(to, "\n%*smodels:\n", (int)indent, "");
    for (size_t k = 0; k < s->model_count; k++) {
        const struct tb_model *m = &s->models[k].pub;
        fprintf(to, "%*s", (int)indent + 2, "");
        tb_text_yaml(to, m->name);
        fprintf(to, ":\n%*smodel: %s", (int)indent + 4, "", m->class->name);
        if (origins)
            tb_origin_yaml(to, tb_node_get(m->node, "model"), style.base);
        fputc('\n', to);
        style.from = m->node;
        tb_table_yaml(to, m->class->params, m->state, style);
    }
    if (s->link_count)
        fprintf(to, "%*slinks:\n", (int)indent, "");
    for (size_t k = 0; k < s->link_count; k++) {
        print_link(to, &s->links[k], indent + 2, changed_only);
        if (origins)
            print_link_origins(to, &s->links[k], indent + 4, style.base);
    }
}

/* What a scenario says beside its platform, as it was given; overrides have been applied, and one
 * of its runs, or else they are still to come. */
static void print_scenario_keys(FILE *to, const struct tb_scenario *sc)
{
    const struct tb_node *root = sc->root;
    for (size_t k = 0; k < root->count; k++) {
        const struct tb_node *n = root->items[k];
        if (strcmp(n->key, "platform") == 0 || strcmp(n->key, "set") == 0 ||
            (sc->in_run && strcmp(n->key, "runs") == 0))
            continue;
        fprintf(to, "%s:%s", n->key, n->kind == TB_SCALAR ? " " : "\n");
        if (!tb_node_yaml(to, n, 2) && n->kind != TB_SCALAR)
            fprintf(to, "  %s", n->kind == TB_LIST ? "[]" : "{}");
        if (n->kind == TB_SCALAR || n->count == 0)
            putc('\n', to);
    }
}

int tb_sim_resolve(struct tb_sim *s, FILE *to)
{
    if (s->scenario.root) {
        print_scenario_keys(to, &s->scenario);
        fputs("platform:\n", to);
        print_platform(to, s, 2, ALL);
    } else {
        print_platform(to, s, 0, ALL);
    }
    return ferror(to) ? -1 : 0;
}

int tb_sim_resolve_platform(struct tb_sim *s, FILE *to)
{
    print_platform(to, s, 0, ALL_WITH_ORIGINS);
    return ferror(to) ? -1 : 0;
}

void tb_sim_hash(struct tb_sim *s, char out[65])
{
    char *text = NULL;
    size_t length = 0;
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx ctx;
    FILE *to = open_memstream(&text, &length);
    sha256_init(&ctx);
    if (to) {
        print_platform(to, s, 0, CHANGED_ONLY);
        fclose(to);
        sha256_update(&ctx, length, (const uint8_t *)text);
    }
    free(text);
    sha256_digest(&ctx, sizeof digest, digest);
    for (size_t k = 0; k < sizeof digest; k++)
        sprintf(out + 2 * k, "%02x", digest[k]);
}
