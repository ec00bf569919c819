/* The platform as a drawing, coloured by load; see report_draw.h. */
#include "report/report_draw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOX_WIDTH  136
#define BOX_HEIGHT 48
#define GAP_X      44
#define GAP_Y      62
#define MARGIN     10
#define MOST       400 /* models that are drawn */
#define SWEEPS     6

struct box {
    unsigned layer;
    double at; /* in its layer: order, then the place of its middle */
    bool placed;
};

struct layout {
    const struct tb_report_run *r;
    struct box *boxes;
    unsigned layers;
    double width;
};

/* Layers are distances from what holds memory (else from the first model). */
static void find_layers(struct layout *l)
{
    const struct tb_report_run *r = l->r;
    bool any = false, moved = true;
    for (size_t i = 0; i < r->model_count; i++)
        any |= l->boxes[i].placed = strcmp(r->models[i].role, "storage") == 0;
    if (!any)
        l->boxes[0].placed = true;
    for (unsigned layer = 0; moved; layer++) {
        moved = false;
        for (size_t k = 0; k < 2 * r->link_count; k++) {
            const struct box *from = &l->boxes[r->links[k / 2].end[k % 2]];
            struct box *to = &l->boxes[r->links[k / 2].end[1 - k % 2]];
            if (!from->placed || from->layer != layer || to->placed)
                continue;
            *to = (struct box){.layer = layer + 1, .placed = true};
            moved = true;
        }
    }
    for (size_t i = 0; i < r->model_count; i++)
        l->layers = l->boxes[i].layer + 1 > l->layers ? l->boxes[i].layer + 1 : l->layers;
}

/* The mean place of a model's neighbours in other layers; its own if it has none. */
static double mean_place(const struct layout *l, size_t model)
{
    double sum = 0;
    unsigned n = 0;
    for (size_t k = 0; k < 2 * l->r->link_count; k++) {
        const struct tb_report_link *link = &l->r->links[k / 2];
        if (link->end[k % 2] != model)
            continue;
        sum += l->boxes[link->end[1 - k % 2]].at;
        n++;
    }
    return n ? sum / n : l->boxes[model].at;
}

struct wish {
    double at;
    size_t model;
};

static int by_wish(const void *a, const void *b)
{
    const struct wish *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return x->model < y->model ? -1 : x->model > y->model;
}

/* Puts a layer's boxes side by side in the order of their wishes, around the middle of what they
 * wish. */
static void place_layer(struct layout *l, unsigned layer, struct wish *wishes)
{
    size_t n = 0;
    double sum = 0, step = BOX_WIDTH + GAP_X;
    for (size_t i = 0; i < l->r->model_count; i++)
        if (l->boxes[i].layer == layer)
            wishes[n++] = (struct wish){mean_place(l, i), i};
    qsort(wishes, n, sizeof *wishes, by_wish);
    for (size_t i = 0; i < n; i++)
        sum += wishes[i].at;
    for (size_t i = 0; i < n; i++)
        l->boxes[wishes[i].model].at = sum / (double)n + ((double)i - ((double)n - 1) / 2) * step;
}

static void find_places(struct layout *l, struct wish *wishes)
{
    for (unsigned sweep = 0; sweep < SWEEPS; sweep++)
        for (unsigned k = 0; k < l->layers; k++)
            place_layer(l, sweep % 2 ? l->layers - 1 - k : k, wishes);
    double min = 1e300, max = -1e300;
    for (size_t i = 0; i < l->r->model_count; i++) {
        min = l->boxes[i].at < min ? l->boxes[i].at : min;
        max = l->boxes[i].at > max ? l->boxes[i].at : max;
    }
    for (size_t i = 0; i < l->r->model_count; i++)
        l->boxes[i].at += MARGIN + BOX_WIDTH / 2.0 - min;
    l->width = max - min + BOX_WIDTH + 2 * MARGIN;
}

/* -- Drawing
 * ------------------------------------------------------------------------------------------------
 */

/* How busy a component was; below 0: nobody counted. */
static double load_of(const struct tb_report_run *r, const char *name)
{
    const struct tb_report_component *c = tb_report_component(r, name);
    if (!c || strcmp(c->kind, "cache") == 0 || !r->end)
        return -1;
    double load = (double)c->sum[TB_FIGURE_BUSY] / (double)r->end;
    return load > 1 ? 1 : load;
}

static double top_of(const struct box *b)
{
    return MARGIN + b->layer * (double)(BOX_HEIGHT + GAP_Y);
}

/* One direction of a link: a line beside the other direction's. */
static void draw_way(struct tb_outfile *to, const struct layout *l,
                     const struct tb_report_link *link, unsigned way)
{
    const struct box *a = &l->boxes[link->end[way]], *b = &l->boxes[link->end[1 - way]];
    double load = load_of(l->r, link->way[way]), side = way ? 4 : -4;
    double x1 = a->at + side, x2 = b->at + side, y1 = top_of(a) + BOX_HEIGHT / 2.0,
           y2 = top_of(b) + BOX_HEIGHT / 2.0;
    if (a->layer == b->layer) {
        x1 -= side;
        x2 -= side;
        y1 += side;
        y2 += side;
    }
    tb_outfile_print(to, "<path class='wire' d='M%.1f %.1fL%.1f %.1f'/>", x1, y1, x2, y2);
    if (load > 0)
        tb_outfile_print(
            to, "<path class='load' style='stroke-opacity:%.3f' d='M%.1f %.1fL%.1f %.1f'><title>",
            0.15 + 0.85 * load, x1, y1, x2, y2);
    if (load > 0) {
        tb_draw_text(to, link->way[way]);
        tb_outfile_print(to, ": %.1f %% busy</title></path>", load * 100);
    }
}

/* The busier direction's figure, beside the middle of the link. */
static void draw_figure(struct tb_outfile *to, const struct layout *l,
                        const struct tb_report_link *link)
{
    const struct box *a = &l->boxes[link->end[0]], *b = &l->boxes[link->end[1]];
    double there = load_of(l->r, link->way[0]), back = load_of(l->r, link->way[1]);
    double most = there > back ? there : back;
    if (most < 0.005)
        return;
    tb_outfile_print(to, "<text class='pct' x='%.1f' y='%.1f'>%.0f %%</text>",
                     (a->at + b->at) / 2 + 11, (top_of(a) + top_of(b) + BOX_HEIGHT) / 2 + 4,
                     most * 100);
}

static void draw_model(struct tb_outfile *to, const struct layout *l, size_t i)
{
    const struct tb_report_model *m = &l->r->models[i];
    double load = load_of(l->r, m->name), x = l->boxes[i].at, y = top_of(&l->boxes[i]);
    tb_outfile_print(to, "<rect class='box' x='%.1f' y='%.1f' width='%d' height='%d' rx='%d' />",
                     x - BOX_WIDTH / 2.0, y, BOX_WIDTH, BOX_HEIGHT,
                     strcmp(m->role, "storage") == 0 ? 14 : 5);
    if (load > 0)
        tb_outfile_print(to,
                         "<rect class='heat' style='fill-opacity:%.3f' x='%.1f' y='%.1f' "
                         "width='%d' height='%d' rx='%d' />",
                         0.08 + 0.62 * load, x - BOX_WIDTH / 2.0, y, BOX_WIDTH, BOX_HEIGHT,
                         strcmp(m->role, "storage") == 0 ? 14 : 5);
    tb_outfile_print(to, "<text class='who' x='%.1f' y='%.1f'>", x, y + 20);
    tb_draw_text(to, m->name);
    tb_outfile_print(to, "</text><text class='what' x='%.1f' y='%.1f'>", x, y + 36);
    tb_draw_text(to, m->class);
    if (m->translates)
        tb_outfile_print(to, " + IOMMU");
    if (load >= 0)
        tb_outfile_print(to, " · %.0f %%", load * 100);
    tb_outfile_print(to, "</text>");
}

static void draw(struct tb_outfile *to, const struct layout *l)
{
    double height = l->layers * (double)(BOX_HEIGHT + GAP_Y) - GAP_Y + 2 * MARGIN;
    tb_outfile_print(
        to,
        "<div class='scroll'><svg class='graph' viewBox='0 0 %.0f %.0f' style='max-width:%.0fpx;"
        "min-width:%.0fpx' role='img' aria-label='the platform'>",
        l->width, height, l->width, l->width * 0.5);
    for (size_t k = 0; k < 2 * l->r->link_count; k++)
        draw_way(to, l, &l->r->links[k / 2], k % 2);
    for (size_t k = 0; k < l->r->link_count; k++)
        draw_figure(to, l, &l->r->links[k]);
    for (size_t i = 0; i < l->r->model_count; i++)
        draw_model(to, l, i);
    tb_outfile_print(to, "</svg></div>\n");
}

void tb_draw_graph(struct tb_outfile *to, const struct tb_report_run *r)
{
    struct layout l = {.r = r, .boxes = calloc(r->model_count + 1, sizeof *l.boxes)};
    struct wish *wishes = calloc(r->model_count + 1, sizeof *wishes);
    if (r->model_count > MOST)
        tb_outfile_print(to, "<p>%zu models are too many to draw.</p>", r->model_count);
    else if (l.boxes && wishes && r->model_count) {
        find_layers(&l);
        find_places(&l, wishes);
        draw(to, &l);
    }
    free(l.boxes);
    free(wishes);
}
