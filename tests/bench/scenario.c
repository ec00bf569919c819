/* RW-1 to RW-3: scenarios of configs/, with the command line's knobs as overrides and nothing
 * recorded. */
#include "bench.h"
#include "tollbridge/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096
#define SETS      8

/* The scenarios name their parts alike: the requester, and the bridge that may translate. */
#define INITIATOR  "dma"
#define TRANSLATOR "bridge2"

/* What one knob sets: links 0 and 1 lead through bridge 1 to bridge 2, link 2 to the memory. */
static const char *const depth_paths[] = {"links.0.credits.forward", "links.1.credits.forward",
                                          "links.1.credits.back", "links.2.credits.back"};

struct overrides {
    char text[SETS][64];
    const char *list[SETS + 1];
    size_t count;
};

static void set(struct overrides *o, const char *path, uint64_t value)
{
    snprintf(o->text[o->count], sizeof o->text[0], "%s=%" PRIu64, path, value);
    o->list[o->count] = o->text[o->count];
    o->count++;
}

static void apply(struct overrides *o, const struct knobs *k)
{
    snprintf(o->text[o->count], sizeof o->text[0], "record=%s",
             k->breakdown ? "{log: none, breakdown: true, stats: false}" : "none");
    o->list[o->count] = o->text[o->count];
    o->count++;
    if (k->outstanding)
        set(o, INITIATOR ".outstanding", k->outstanding);
    if (k->transactions)
        set(o, INITIATOR ".count", k->transactions);
    for (size_t i = 0; k->depth && i < sizeof depth_paths / sizeof depth_paths[0]; i++)
        set(o, depth_paths[i], k->depth);
}

static uint64_t counter(struct tb_sim *s, const char *model, const char *name)
{
    uint64_t value = 0;
    tb_sim_counter(s, model, name, &value);
    return value;
}

/* sum / count with six decimals, rounded half to even (rw2's published average is such a half). */
static void average(char out[48], struct tb_latency l)
{
    unsigned __int128 scaled = (unsigned __int128)l.sum * 1000000 / TB_NS;
    unsigned __int128 micro = l.count ? scaled / l.count : 0;
    uint64_t rest = l.count ? (uint64_t)(scaled % l.count) : 0;
    if (rest * 2 > l.count || (rest * 2 == l.count && micro % 2 && rest))
        micro++;
    snprintf(out, 48, "%" PRIu64 ".%06" PRIu64, (uint64_t)(micro / 1000000),
             (uint64_t)(micro % 1000000));
}

struct result {
    const char *name;
    char text[64];
    bool quoted;
};

static void print(struct result *r, size_t n, bool json)
{
    for (size_t i = 0; i < n; i++) {
        const char *quote = r[i].quoted ? "\"" : "";
        if (json)
            printf("%s\"%s\": %s%s%s", i ? ", " : "{", r[i].name, quote, r[i].text, quote);
        else
            printf("%-24s%s\n", r[i].name, r[i].text);
    }
    if (json)
        puts("}");
}

static void report(struct tb_sim *s, const char *name, const struct knobs *k, uint64_t host)
{
    static const struct {
        const char *name, *model, *counter;
    } translations[] = {{"hits", TRANSLATOR, "hits"},
                        {"misses", TRANSLATOR, "misses"},
                        {"coalesced", TRANSLATOR, "coalesced"},
                        {"walks", TRANSLATOR, "walks"},
                        {"atc_hits", INITIATOR, "atc_hits"},
                        {"atc_misses", INITIATOR, "atc_misses"},
                        {"atc_coalesced", INITIATOR, "atc_coalesced"},
                        {"atc_asked", INITIATOR, "atc_asked"}};
    struct tb_latency l = tb_latency_of(tb_sim_model(s, INITIATOR), TB_TXN_DMA);
    struct result r[20] = {{.name = "workload", .quoted = true},
                           {.name = "transactions"},
                           {.name = "avg_latency_ns"},
                           {.name = "max_latency_ns"},
                           {.name = "end_ns"},
                           {.name = "digest", .quoted = true}};
    size_t n = 6;
    snprintf(r[0].text, sizeof r[0].text, "%s", name);
    snprintf(r[1].text, sizeof r[1].text, "%" PRIu64, l.count);
    average(r[2].text, l);
    snprintf(r[3].text, sizeof r[3].text, "%" PRIu64, l.max / TB_NS);
    snprintf(r[4].text, sizeof r[4].text, "%" PRIu64, tb_sim_now(s) / TB_NS);
    snprintf(r[5].text, sizeof r[5].text, "%016" PRIx64, counter(s, INITIATOR, "digest"));
    for (size_t i = 0; i < sizeof translations / sizeof translations[0]; i++, n++) {
        r[n].name = translations[i].name;
        snprintf(r[n].text, sizeof r[n].text, "%" PRIu64,
                 counter(s, translations[i].model, translations[i].counter));
    }
    r[n].name = "events";
    snprintf(r[n++].text, sizeof r[0].text, "%" PRIu64, tb_sim_events(s));
    r[n].name = "host_ns_per_transaction";
    snprintf(r[n++].text, sizeof r[0].text, "%.3f", l.count ? (double)host / (double)l.count : 0);
    print(r, n, k->json);
}

int scenario_run(const char *name, const struct knobs *k)
{
    char path[PATH_SIZE];
    struct overrides o = {0};
    snprintf(path, sizeof path, "%s/configs/%s.yaml", TB_SOURCE_DIR, name);
    apply(&o, k);
    struct tb_diag *diag = tb_diag_new();
    struct tb_input input = {.path = path, .sets = o.list};
    struct tb_sim *s = tb_sim_new(&input, diag);
    int status = s ? TB_EXIT_OK : tb_diag_is_host(diag) ? TB_EXIT_HOST : TB_EXIT_INPUT;
    if (s) {
        uint64_t start = host_now();
        status = tb_sim_run(s, TB_NEVER);
        uint64_t host = host_now() - start;
        report(s, name, k, host);
        tb_sim_finish(s);
        tb_diag_print(tb_sim_diag(s), stderr);
        tb_sim_free(s);
    }
    tb_diag_print(diag, stderr);
    tb_diag_free(diag);
    return status;
}
