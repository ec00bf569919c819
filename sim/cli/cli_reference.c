/* The reference of all models as one page of Markdown (docs/reference.md), from the same tables as
 * everything else. */
#include "cli/cli_reference.h"

#include "load/scenario.h"
#include "yaml/table.h"

#include <ctype.h>
#include <string.h>

static void write_ports(FILE *to, const struct tb_class *c)
{
    fputs("Ports:", to);
    for (size_t i = 0; c->ports && c->ports[i]; i++) {
        bool any = strcmp(c->ports[i], "*") == 0;
        fprintf(to, any ? "%s any number of links" : "%s `%s`%s", i ? "," : "", c->ports[i],
                c->optional_ports >> i & 1 ? " (optional)" : "");
    }
    fputs(c->ports && c->ports[0] ? ".\n\n" : " none.\n\n", to);
}

static void write_counters(FILE *to, const struct tb_counter *k)
{
    if (!k || !k->name)
        return;
    fputs("\n| counter | what it counts |\n| --- | --- |\n", to);
    for (; k->name; k++)
        fprintf(to, "| `%s` | %s |\n", k->name, k->doc);
}

static void write_steps(FILE *to, const struct tb_class *c)
{
    struct tb_step_kind step;
    for (size_t n = 0; c->step && c->step(n, &step); n++) {
        fprintf(to, "\n### step `%s`\n\n%c%s%s.\n", step.name, toupper(step.doc[0]), step.doc + 1,
                step.timed ? " (takes time: not in `setup:`)" : "");
        if (step.params && step.params[0].name) {
            fputc('\n', to);
            tb_table_markdown(to, step.params);
        }
    }
}

static void write_model(FILE *to, const struct tb_class *c)
{
    fprintf(to, "\n## %s\n\n%c%s.\n\n", c->name, toupper(c->brief[0]), c->brief + 1);
    write_ports(to, c);
    if (c->params && c->params[0].name)
        tb_table_markdown(to, c->params);
    write_counters(to, c->counters);
    write_steps(to, c);
}

void cli_reference_write(FILE *to, const struct tb_class *one)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    fputs("# Reference\n\nEvery model, its ports, parameters and counters, and the steps of "
          "scenarios. Written by "
          "`tollbridge models --markdown`;\ndo not edit it.\n",
          to);
    for (size_t i = 0; i < count; i++)
        if (!one || one == classes[i])
            write_model(to, classes[i]);
}
