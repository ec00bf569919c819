/* pcie-model: the rows of tests/data/model_bw.csv, each as three simulations (writes, reads, both
 * in turn) of a card on a PCI Express link, with the published figure beside what was measured. */
#include "bench.h"
#include "load/scenario.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS    256
#define ALLOWED 0.5  /* per cent */
#define PIECES  6000 /* transactions of a run, about */
#define FIGURES 4

static const char *const figure_names[FIGURES] = {"tlp_gbit_s", "write_gbit_s", "read_gbit_s",
                                                  "readwrite_gbit_s"};
static const char *const ops[FIGURES] = {NULL, "write", "read", "alternate"};

struct row {
    unsigned gen, lanes, mps, mrrs, bits, size;
    double raw, published[FIGURES], ours[FIGURES];
};

/* Bytes and instants of the middle half of a run, when it has neither just begun nor nothing left
 * to do. */
struct window {
    uint64_t ended, first, last;
    uint64_t bytes;
    tb_time from, to;
};

static void see(void *context, struct tb_model *by, const struct tb_txn *txn, enum tb_status status,
                tb_time when)
{
    struct window *w = context;
    (void)by;
    (void)status;
    uint64_t n = w->ended++;
    if (n == w->first)
        w->from = when;
    if (n > w->first && n <= w->last) {
        w->bytes += txn->length;
        w->to = when;
    }
}

static uint64_t pieces_of(const struct row *r, const char *op)
{
    uint64_t write = (r->size + r->mps - 1) / r->mps, read = (r->size + r->mrrs - 1) / r->mrrs;
    return strcmp(op, "write") == 0  ? write
           : strcmp(op, "read") == 0 ? read
                                     : (write + read + 1) / 2;
}

/* Addresses from 4 GiB on have the long header that the rows are for. */
static void write_platform(char *text, size_t room, const struct row *r, const char *op,
                           uint64_t count)
{
    snprintf(
        text, room,
        "scenario: pcie-model\nrecord: none\nplatform:\n  models:\n"
        "    dram: {model: memory, base: 0x100000000, size: 64MiB, latency: 1ns, bandwidth: "
        "unlimited}\n"
        "    port: {model: root-port, latency: 1ns}\n"
        "    card: {model: requester, posted: true, burst: 4KiB, outstanding: 256, pattern: "
        "strided, op: %s,\n"
        "           count: %llu, length: %uB, stride: 4KiB, base: 0x100000000, window: 64MiB}\n"
        "  links:\n"
        "    - {from: card, to: port.down, pcie: {gen: %u, width: %u, mps: %uB, mrrs: %uB}}\n"
        "    - {from: port.up, to: dram}\n",
        op, (unsigned long long)count, r->size, r->gen, r->lanes, r->mps, r->mrrs);
}

static double gbit_s(uint64_t bytes, tb_time time)
{
    return time ? (double)bytes * 8000 / (double)time : 0;
}

static int run_one(struct row *r, unsigned figure)
{
    char text[1024];
    uint64_t pieces = pieces_of(r, ops[figure]), count = PIECES / pieces;
    struct window w = {.first = count * pieces / 4, .last = count * pieces * 3 / 4};
    write_platform(text, sizeof text, r, ops[figure], count);
    struct tb_diag *diag = tb_diag_new();
    struct tb_input input = {.text = text, .length = strlen(text), .name = "pcie-model"};
    struct tb_sim *s = tb_sim_new(&input, diag);
    int status = s ? TB_EXIT_OK : tb_diag_is_host(diag) ? TB_EXIT_HOST : TB_EXIT_INPUT;
    if (s) {
        tb_sim_observe(s, see, &w);
        status = tb_sim_run(s, TB_NEVER);
        struct tb_rate rate = tb_sim_link(s, 0)->rate_of[0];
        r->ours[0] = gbit_s(rate.units, rate.time);
        r->ours[figure] =
            gbit_s(w.bytes, w.to - w.from) / (strcmp(ops[figure], "alternate") == 0 ? 2 : 1);
        tb_sim_finish(s);
        tb_sim_free(s);
    }
    tb_diag_print(diag, stderr);
    tb_diag_free(diag);
    return status;
}

static bool parse_row(const char *line, struct row *r)
{
    double *p = r->published;
    return sscanf(line, "gen%u,x%u,%u,%u,%u,%u,%lf,%lf,%lf,%lf,%lf", &r->gen, &r->lanes, &r->mps,
                  &r->mrrs, &r->bits, &r->size, &r->raw, &p[0], &p[1], &p[2], &p[3]) == 11 &&
           r->size > 0 && r->mps > 0 && r->mrrs > 0;
}

/* The rows after the line of names; 0: unreadable. */
static size_t read_rows(const char *path, struct row *rows)
{
    char line[256];
    size_t n = 0;
    FILE *f = fopen(path, "r");
    bool good = f && fgets(line, sizeof line, f);
    while (good && n < ROWS && fgets(line, sizeof line, f))
        good = parse_row(line, &rows[n++]);
    if (f)
        fclose(f);
    return good ? n : 0;
}

static double error_of(const struct row *r, unsigned figure)
{
    return fabs(r->ours[figure] / r->published[figure] - 1) * 100;
}

static void print_row(const struct row *r, bool json, bool last)
{
    const char *format = json ? "    {\"gen\": \"gen%u\", \"lanes\": \"x%u\", \"mps_b\": %u, "
                                "\"mrrs_b\": %u, \"size_b\": %u"
                              : "gen%u x%-2u mps %-4u mrrs %-4u size %-5u";
    double worst = 0;
    printf(format, r->gen, r->lanes, r->mps, r->mrrs, r->size);
    for (unsigned f = 0; f < FIGURES; f++) {
        if (json)
            printf(", \"%s\": %.3f, \"ours_%s\": %.3f", figure_names[f], r->published[f],
                   figure_names[f], r->ours[f]);
        else
            printf("  %8.3f %8.3f", r->published[f], r->ours[f]);
        worst = fmax(worst, error_of(r, f));
    }
    printf(json ? ", \"error_percent\": %.4f}%s\n" : "  %.4f %%%s\n", worst,
           json && !last ? "," : "");
}

int pcie_model_run(const struct knobs *k)
{
    struct row rows[ROWS] = {{0}};
    size_t n = read_rows(TB_SOURCE_DIR "/tests/data/model_bw.csv", rows);
    double worst = 0;
    if (n == 0) {
        fprintf(stderr, "tollbridge-bench: cannot read tests/data/model_bw.csv\n");
        return TB_EXIT_INPUT;
    }
    fputs(k->json ? "{\n  \"workload\": \"pcie-model\",\n  \"rows\": [\n"
                  : "gbit/s of TLPs, writes, reads, both in turn: published, ours\n",
          stdout);
    for (size_t i = 0; i < n; i++) {
        for (unsigned f = 1; f < FIGURES; f++) {
            int status = run_one(&rows[i], f);
            if (status != TB_EXIT_OK)
                return status;
        }
        for (unsigned f = 0; f < FIGURES; f++)
            worst = fmax(worst, error_of(&rows[i], f));
        print_row(&rows[i], k->json, i + 1 == n);
    }
    printf(k->json ? "  ],\n  \"count\": %zu,\n  \"largest_error_percent\": %.4f\n}\n"
                   : "%zu rows, largest error %.4f %%\n",
           n, worst);
    return worst <= ALLOWED ? TB_EXIT_OK : TB_EXIT_VIOLATION;
}
