/* Reads a platform: models into instances, links into link parameters, and connects ports. */
#include "kernel/kernel.h"

#include <string.h>

#define MODELS_MAX 4096
#define LINKS_MAX  8000 /* a credit's number has 16 bits: 8 lanes a link */

/* -- models --------------------------------------------------------------------------------- */

static const struct tb_class *find_class(const struct tb_node *name, struct tb_diag *diag)
{
    size_t count;
    const struct tb_class *const *classes = tb_classes(&count);
    const char *names[64] = {NULL};
    for (size_t k = 0; k < count; k++) {
        if (strcmp(classes[k]->name, name->text) == 0)
            return classes[k];
        names[k < 63 ? k : 62] = classes[k]->name;
    }
    const char *near = tb_nearest(name->text, names);
    tb_diag_node(diag, name, "unknown model '%s'%s%s%s", name->text, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
    return NULL;
}

static bool is_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    return n > 0 && text[n] == '\0' && n < 64;
}

static bool read_model(struct tb_sim *s, struct instance *i, const struct tb_node *node,
                       struct tb_diag *diag)
{
    const char *skip[4];
    const struct tb_node *class = tb_node_get(node, "model");
    if (!is_name(node->key))
        tb_diag_at(diag, node->key_place,
                   "'%s' cannot be a model's name (letters, digits, - and _, at most 63)",
                   node->key);
    if (node->kind != TB_MAP || !class || class->kind != TB_SCALAR) {
        tb_diag_node(diag, node, "'%s' needs a map with 'model: CLASS'", node->key);
        return false;
    }
    i->pub.class = find_class(class, diag);
    if (!i->pub.class)
        return false;
    i->pub.state = kernel_alloc(s, 1, i->pub.class->state_size);
    kernel_find_auto(i, skip);
    return tb_params_read(i->pub.class->params, node, skip, i->pub.state, s->arena, diag);
}

static bool read_models(struct tb_sim *s, const struct tb_node *models, struct tb_diag *diag)
{
    bool ok = true;
    if (models->count > MODELS_MAX) {
        tb_diag_node(diag, models, "%zu models are too many (at most %d)", models->count,
                     MODELS_MAX);
        return false;
    }
    s->models = kernel_alloc(s, models->count, sizeof *s->models);
    s->model_count = models->count;
    for (size_t k = 0; k < models->count; k++) {
        struct instance *i = &s->models[k];
        i->pub.sim = s;
        i->pub.name = models->items[k]->key;
        i->pub.node = models->items[k];
        i->pub.index = (uint16_t)k;
        i->pub.breakdown = s->breakdown;
        i->broken = !read_model(s, i, models->items[k], diag);
        ok &= !i->broken;
    }
    return ok;
}

/* -- links ---------------------------------------------------------------------------------- */

const struct tb_param tb_link_table[] = {
    {.name = "from",
     .type = TB_STRING,
     .offset = offsetof(struct tb_link_params, from),
     .flags = TB_REQUIRED,
     .doc = "one end: a model, or model.port"},
    {.name = "to",
     .type = TB_STRING,
     .offset = offsetof(struct tb_link_params, to),
     .flags = TB_REQUIRED,
     .doc = "the other end"},
    {.name = "latency",
     .type = TB_NODE,
     .offset = offsetof(struct tb_link_params, latency),
     .doc = "from the last byte sent to its arrival, at least 1ps (default 1ns); or {forward:, "
            "back:}"},
    {.name = "bandwidth",
     .type = TB_NODE,
     .offset = offsetof(struct tb_link_params, bandwidth),
     .doc = "of each direction (default unlimited); or {forward:, back:}"},
    {.name = "credits",
     .type = TB_NODE,
     .offset = offsetof(struct tb_link_params, credits),
     .doc = "messages the receiver can hold, per class (default unlimited); or {forward:, back:}, "
            "each a "
            "number or {posted:, nonposted:, completion:, interrupt:}"},
    {.name = "header",
     .type = TB_SIZE,
     .offset = offsetof(struct tb_link_params, header),
     .def = "0B",
     .max = "4KiB",
     .doc = "bytes that every message takes on the wire beyond its payload"},
    {.name = "credit_return",
     .type = TB_TIME,
     .offset = offsetof(struct tb_link_params, credit_return),
     .max = "1s",
     .flags = TB_OPTIONAL,
     .present = offsetof(struct tb_link_params, has_credit_return) + 1,
     .doc = "how long a credit takes back; default: the latency of the other direction"},
    {.name = "pcie",
     .type = TB_GROUP,
     .offset = offsetof(struct tb_link_params, pcie),
     .sub = tb_pcie_table,
     .flags = TB_OPTIONAL,
     .present = offsetof(struct tb_link_params, has_pcie) + 1,
     .doc = "PCI Express: sets bandwidth, headers and credits"},
    {0}};

struct both_times {
    tb_time dir[2];
};
struct both_rates {
    struct tb_rate dir[2];
};
struct both_nodes {
    const struct tb_node *dir[2];
};
struct class_credits {
    uint64_t of[TB_CLASSES];
};

static const struct tb_param time_table[] = {{.name = "forward",
                                              .type = TB_TIME,
                                              .offset = offsetof(struct both_times, dir[0]),
                                              .def = "1ns",
                                              .min = "1ps",
                                              .max = "1s",
                                              .doc = "from -> to"},
                                             {.name = "back",
                                              .type = TB_TIME,
                                              .offset = offsetof(struct both_times, dir[1]),
                                              .def = "1ns",
                                              .min = "1ps",
                                              .max = "1s",
                                              .doc = "to -> from"},
                                             {0}};
static const struct tb_param latency_table[] = {{.name = "latency",
                                                 .type = TB_TIME,
                                                 .offset = 0,
                                                 .def = "1ns",
                                                 .min = "1ps",
                                                 .max = "1s",
                                                 .short_form = true,
                                                 .doc = "both directions"},
                                                {0}};
static const struct tb_param rate_table[] = {{.name = "forward",
                                              .type = TB_RATE,
                                              .offset = offsetof(struct both_rates, dir[0]),
                                              .def = "unlimited",
                                              .doc = "from -> to"},
                                             {.name = "back",
                                              .type = TB_RATE,
                                              .offset = offsetof(struct both_rates, dir[1]),
                                              .def = "unlimited",
                                              .doc = "to -> from"},
                                             {0}};
static const struct tb_param bandwidth_table[] = {{.name = "bandwidth",
                                                   .type = TB_RATE,
                                                   .offset = 0,
                                                   .def = "unlimited",
                                                   .short_form = true,
                                                   .doc = "both directions"},
                                                  {0}};
static const struct tb_param credit_dirs_table[] = {{.name = "forward",
                                                     .type = TB_NODE,
                                                     .offset = offsetof(struct both_nodes, dir[0]),
                                                     .doc = "from -> to"},
                                                    {.name = "back",
                                                     .type = TB_NODE,
                                                     .offset = offsetof(struct both_nodes, dir[1]),
                                                     .doc = "to -> from"},
                                                    {0}};
#define CREDITS(class_name, number)                                                                \
    {                                                                                              \
        .name = class_name, .type = TB_CREDITS,                                                    \
        .offset = offsetof(struct class_credits, of[number]), .def = "unlimited", .max = "65536",  \
        .doc = "messages of this class"                                                            \
    }
static const struct tb_param credit_classes_table[] = {CREDITS("posted", TB_POSTED),
                                                       CREDITS("nonposted", TB_NONPOSTED),
                                                       CREDITS("completion", TB_COMPLETION),
                                                       CREDITS("interrupt", TB_INTERRUPT),
                                                       {0}};
static const struct tb_param credit_table[] = {{.name = "credits",
                                                .type = TB_CREDITS,
                                                .offset = 0,
                                                .def = "unlimited",
                                                .max = "65536",
                                                .short_form = true,
                                                .doc = "each class"},
                                               {0}};

static bool read_credits(struct tb_sim *s, const struct tb_node *node, uint64_t out[TB_CLASSES],
                         struct tb_diag *diag)
{
    struct class_credits c = {{0}};
    bool ok = true;
    if (node && node->kind == TB_MAP) {
        ok = tb_params_read(credit_classes_table, node, NULL, &c, s->arena, diag);
    } else if (node) {
        ok = tb_params_read(credit_table, node, NULL, &c.of[0], s->arena, diag);
        for (unsigned k = 1; k < TB_CLASSES; k++)
            c.of[k] = c.of[0];
    }
    memcpy(out, c.of, sizeof c.of);
    return ok;
}

static bool read_both_credits(struct tb_sim *s, struct tb_link_params *l, struct tb_diag *diag)
{
    struct both_nodes both = {{l->credits, l->credits}};
    const struct tb_node *n = l->credits;
    bool ok = true;
    if (n && n->kind == TB_MAP && (tb_node_get(n, "forward") || tb_node_get(n, "back"))) {
        both = (struct both_nodes){{NULL, NULL}};
        ok = tb_params_read(credit_dirs_table, n, NULL, &both, s->arena, diag);
    }
    for (unsigned dir = 0; dir < 2; dir++)
        ok = read_credits(s, both.dir[dir], l->credits_of[dir], diag) && ok;
    return ok;
}

static bool read_rates(struct tb_sim *s, struct tb_link_params *l, struct tb_diag *diag)
{
    struct both_rates r = {{{1, 0}, {1, 0}}};
    bool ok = true;
    if (l->bandwidth && l->bandwidth->kind == TB_MAP) {
        ok = tb_params_read(rate_table, l->bandwidth, NULL, &r, s->arena, diag);
    } else if (l->bandwidth) {
        ok = tb_params_read(bandwidth_table, l->bandwidth, NULL, &r.dir[0], s->arena, diag);
        r.dir[1] = r.dir[0];
    }
    memcpy(l->rate_of, r.dir, sizeof r.dir);
    return ok;
}

static bool read_latencies(struct tb_sim *s, struct tb_link_params *l, struct tb_diag *diag)
{
    struct both_times t = {{TB_NS, TB_NS}};
    bool ok = true;
    if (l->latency && l->latency->kind == TB_MAP) {
        ok = tb_params_read(time_table, l->latency, NULL, &t, s->arena, diag);
    } else if (l->latency) {
        ok = tb_params_read(latency_table, l->latency, NULL, &t.dir[0], s->arena, diag);
        t.dir[1] = t.dir[0];
    }
    memcpy(l->latency_of, t.dir, sizeof t.dir);
    return ok;
}

/* -- ports ---------------------------------------------------------------------------------- */

static bool is_any(const char *port)
{
    return strcmp(port, "*") == 0;
}

static struct instance *find_end(struct tb_sim *s, const char *text, size_t length,
                                 const struct tb_node *node, struct tb_diag *diag)
{
    for (size_t k = 0; k < s->model_count; k++) {
        const char *has = s->models[k].pub.name;
        if (strncmp(has, text, length) == 0 && has[length] == '\0')
            return &s->models[k];
    }
    const char **names = tb_arena_get(s->arena, (s->model_count + 1) * sizeof *names);
    char *name = tb_arena_get(s->arena, length + 1);
    memcpy(name, text, length);
    for (size_t k = 0; k < s->model_count; k++)
        names[k] = s->models[k].pub.name;
    const char *near = tb_nearest(name, names);
    tb_diag_node(diag, node, "there is no model '%s'%s%s%s", name, near ? "; did you mean '" : "",
                 near ? near : "", near ? "'?" : "");
    return NULL;
}

/* One more port of an instance; returns its number. */
static unsigned add_port(struct tb_sim *s, struct instance *i)
{
    struct port *ports = kernel_alloc(s, i->port_count + 1, sizeof *ports);
    if (i->port_count)
        memcpy(ports, i->ports, i->port_count * sizeof *ports);
    i->ports = ports;
    return i->port_count++;
}

static bool refuse_port(struct instance *i, const char *port, const struct tb_node *node,
                        struct tb_diag *diag)
{
    const char *const *names = i->pub.class->ports;
    char list[256] = "";
    for (size_t k = 0, n = 0; names && names[k] && n < sizeof list - 1; k++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", k ? ", " : "", names[k]);
    if (port)
        tb_diag_node(diag, node, "'%s' has no free port '%s' (ports of a %s: %s)", i->pub.name,
                     port, i->pub.class->name, list);
    else
        tb_diag_node(diag, node, "which port of '%s'? (ports of a %s: %s; written '%s.%s')",
                     i->pub.name, i->pub.class->name, list, i->pub.name,
                     names && names[0] ? names[0] : "");
    return false;
}

/* Is the first port the only one that must be linked. */
static bool is_plain(const struct tb_class *class, size_t fixed)
{
    return fixed > 0 && class->optional_ports + 2 == (1u << fixed);
}

/* The port a link's end means: the one named, else the only one (that is not optional), else a new
 * one where any number goes. */
static bool find_port(struct tb_sim *s, struct instance *i, const char *port,
                      const struct tb_node *node, struct tb_diag *diag, unsigned *out)
{
    const char *const *names = i->pub.class->ports;
    size_t fixed = 0;
    while (names && names[fixed] && !is_any(names[fixed]))
        fixed++;
    bool any = names && names[fixed];
    bool plain = !any && is_plain(i->pub.class, fixed);
    while (i->port_count < fixed)
        add_port(s, i);
    for (size_t k = 0; k < fixed; k++)
        if (port ? strcmp(port, names[k]) == 0 : (k == 0 && plain)) {
            *out = (unsigned)k;
            return !i->ports[k].peer || refuse_port(i, names[k], node, diag);
        }
    if (!any || port)
        return refuse_port(i, port, node, diag);
    *out = add_port(s, i);
    return true;
}

static bool connect_end(struct tb_sim *s, struct tb_link_params *l, unsigned end, const char *text,
                        struct tb_diag *diag)
{
    const struct tb_node *node = tb_node_get(l->node, end == 0 ? "from" : "to");
    const char *dot = strchr(text, '.');
    struct instance *i = find_end(s, text, dot ? (size_t)(dot - text) : strlen(text), node, diag);
    if (!i || !i->pub.class)
        return false;
    l->end[end] = &i->pub;
    return find_port(s, i, dot ? dot + 1 : NULL, node, diag, &l->port[end]);
}

/* What PCI Express says itself must not be said beside it. */
static bool read_pcie(struct tb_link_params *l, struct tb_diag *diag)
{
    static const char *const own[] = {"bandwidth", "credits", "header"};
    bool ok = true;
    if (!l->has_pcie)
        return true;
    for (unsigned k = 0; k < sizeof own / sizeof own[0]; k++) {
        const struct tb_node *given = tb_node_get(l->node, own[k]);
        if (given)
            tb_diag_at(diag, given->key_place, "'%s' is what 'pcie' says: not both", own[k]);
        ok &= !given;
    }
    if (!tb_pcie_check(&l->pcie, tb_node_get(l->node, "pcie"), diag))
        return false;
    l->rate_of[0] = l->rate_of[1] = tb_pcie_rate(&l->pcie);
    return ok;
}

static bool read_link(struct tb_sim *s, struct tb_link_params *l, const struct tb_node *node,
                      struct tb_diag *diag)
{
    l->node = node;
    if (!tb_params_read(tb_link_table, node, NULL, l, s->arena, diag))
        return false;
    bool ok = read_both_credits(s, l, diag);
    ok = read_rates(s, l, diag) && ok;
    ok = read_latencies(s, l, diag) && ok;
    ok = read_pcie(l, diag) && ok;
    if (!connect_end(s, l, 0, l->from, diag) || !connect_end(s, l, 1, l->to, diag))
        return false;
    for (unsigned end = 0; end < 2; end++) {
        struct port *p = &instance_of(l->end[end])->ports[l->port[end]];
        if (p->peer) {
            tb_diag_node(diag, node, "a link needs two different ports");
            return false;
        }
        p->peer = l->end[1 - end];
        p->peer_port = (uint16_t)l->port[1 - end];
    }
    return ok;
}

static bool read_links(struct tb_sim *s, const struct tb_node *links, struct tb_diag *diag)
{
    if (links->count > LINKS_MAX) {
        tb_diag_node(diag, links, "%zu links are too many (at most %d)", links->count, LINKS_MAX);
        return false;
    }
    struct tb_link_params *l = kernel_alloc(s, links->count + 1, sizeof *l);
    bool ok = true;
    s->links = l;
    s->link_count = links->count;
    for (size_t k = 0; k < links->count; k++)
        ok &= read_link(s, &l[k], links->items[k], diag);
    return ok;
}

bool kernel_read_platform(struct tb_sim *s, const struct tb_node *platform, struct tb_diag *diag)
{
    const struct tb_node *models = tb_node_get(platform, "models");
    const struct tb_node *links = tb_node_get(platform, "links");
    for (size_t k = 0; k < platform->count; k++) {
        static const char *const known[] = {"platform", "models", "links", NULL};
        const char *key = platform->items[k]->key, *near = tb_nearest(key, known);
        if (platform->items[k] != models && platform->items[k] != links &&
            strcmp(key, "platform") != 0)
            tb_diag_at(diag, platform->items[k]->key_place, "unknown key '%s'%s%s%s", key,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    if (!models || models->kind != TB_MAP || models->count == 0) {
        tb_diag_node(diag, models ? models : platform,
                     "a platform needs 'models:', a map of at least one");
        return false;
    }
    if (links && links->kind != TB_LIST) {
        tb_diag_node(diag, links, "'links' must be a list");
        return false;
    }
    bool ok = read_models(s, models, diag);
    ok = (!links || read_links(s, links, diag)) && ok;
    return kernel_assign(s, ok, diag) && ok;
}
