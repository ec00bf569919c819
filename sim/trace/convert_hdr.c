/* Traces as HdrHistogram's files: .hgrm (percentiles, for plotters) and .hlog (histograms, for its
 * log tools); see convert.h. Formats: HdrHistogram's HistogramLogWriter and
 * encodeIntoCompressedByteBuffer, V2. */
#include "trace/convert.h"

#include "stats/histogram.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define TICKS_PER_HALF 5

/* One for each run, initiator, op, address type and status that occurs. */
struct tagged {
    struct tb_histogram histogram;
    char *tag; /* their names, as the run's are gone when the next one begins */
    unsigned run, by, kind, write, at, status;
};

struct set {
    struct tagged *at;
    size_t count;
    tb_time first, last;
};

/* The run is named where there are several. NULL: no memory. */
static char *name_tag(const struct tb_trace_source *s, const struct tb_trace_record *t)
{
    const struct tb_trace_run *r = tb_source_run(s);
    bool several = tb_source_runs(s) > 1;
    char *tag = NULL;
    int length = asprintf(&tag, "%s%s%s.%s.%s.%s", several ? r->name : "", several ? "." : "",
                          tb_trace_model(r, t->by), tb_trace_op(r, t), r->at.word[t->at],
                          r->statuses.word[t->status]);
    return length < 0 ? NULL : tag;
}

static struct tagged *tag_of(const struct tb_trace_source *s, struct set *set,
                             const struct tb_trace_record *t)
{
    unsigned run = tb_source_run(s)->number;
    for (size_t k = 0; k < set->count; k++) {
        struct tagged *g = &set->at[k];
        if (g->run == run && g->by == t->by && g->kind == t->kind && g->write == t->write &&
            g->at == t->at && g->status == t->status)
            return g;
    }
    struct tagged *more = realloc(set->at, (set->count + 1) * sizeof *more);
    if (!more)
        return NULL;
    set->at = more;
    more[set->count] = (struct tagged){.tag = name_tag(s, t),
                                       .run = run,
                                       .by = t->by,
                                       .kind = t->kind,
                                       .write = t->write,
                                       .at = t->at,
                                       .status = t->status};
    if (!more[set->count].tag)
        return NULL;
    return &more[set->count++];
}

/* Latencies by tag; those of unfinished transactions are none. */
static bool gather(struct tb_trace_source *s, struct set *set, struct tb_diag *diag)
{
    const struct tb_trace_record *t;
    const struct tagged *last = NULL;
    *set = (struct set){.first = TB_NEVER};
    while ((t = tb_source_next(s))) {
        if (strcmp(tb_source_run(s)->statuses.word[t->status], "unfinished") == 0)
            continue;
        struct tagged *g = tag_of(s, set, t);
        if (!g || !tb_histogram_add(&g->histogram, t->ended - t->created)) {
            tb_diag_host(diag, "no memory");
            return false;
        }
        last = g;
        set->first = t->created < set->first ? t->created : set->first;
        set->last = t->ended > set->last ? t->ended : set->last;
    }
    if (!last)
        set->first = 0;
    return true;
}

static void clear(struct set *set)
{
    for (size_t k = 0; k < set->count; k++) {
        tb_histogram_free(&set->at[k].histogram);
        free(set->at[k].tag);
    }
    free(set->at);
}

/* -- .hgrm ---------------------------------------------------------------------------------- */

struct moments {
    double mean, deviation;
};

/* As HdrHistogram has it: of the buckets' middles. */
static struct moments moments_of(const struct tb_histogram *h)
{
    struct moments m = {0, 0};
    double sum = 0, squares = 0;
    for (uint32_t k = 0; k < h->size; k++)
        if (h->buckets[k])
            sum += (double)h->buckets[k] *
                   ((double)tb_histogram_least(k) + (double)tb_histogram_largest(k)) / 2;
    m.mean = h->count ? sum / (double)h->count : 0;
    for (uint32_t k = 0; k < h->size; k++)
        if (h->buckets[k]) {
            double d =
                ((double)tb_histogram_least(k) + (double)tb_histogram_largest(k)) / 2 - m.mean;
            squares += (double)h->buckets[k] * d * d;
        }
    m.deviation = h->count ? sqrt(squares / (double)h->count) : 0;
    return m;
}

/* The next percentile of the table: five per halving of what is left to 100 %. */
static double next_level(double level)
{
    double halvings = floor(log2(100 / (100 - level))) + 1;
    return level + 100 / (TICKS_PER_HALF * exp2(halvings));
}

static void write_rows(const struct tb_histogram *h, struct tb_outfile *to)
{
    double level = 0;
    uint64_t seen = 0;
    for (uint32_t k = 0; k < h->size && seen < h->count; k++) {
        seen += h->buckets[k];
        uint64_t value = tb_histogram_largest(k) < h->max ? tb_histogram_largest(k) : h->max;
        while (h->buckets[k] && seen < h->count &&
               100.0 * (double)seen / (double)h->count >= level) {
            tb_outfile_print(to, "%12.3f %2.12f %10" PRIu64 " %14.2f\n", (double)value / 1000,
                             level / 100, seen, 1 / (1 - level / 100));
            level = next_level(level);
        }
    }
    if (h->count)
        tb_outfile_print(to, "%12.3f %2.12f %10" PRIu64 "\n", (double)h->max / 1000, 1.0, h->count);
}

static void write_table(const struct tb_histogram *h, struct tb_outfile *to)
{
    struct moments m = moments_of(h);
    tb_outfile_print(to, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount",
                     "1/(1-Percentile)");
    write_rows(h, to);
    tb_outfile_print(to, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", m.mean / 1000,
                     m.deviation / 1000);
    tb_outfile_print(to, "#[Max     = %12.3f, Total count    = %12" PRIu64 "]\n",
                     (double)h->max / 1000, h->count);
    tb_outfile_print(to, "#[Buckets = %12u, SubBuckets     = %12u]\n", 54u, 2048u);
}

/* One table of all that the filter lets through, in nanoseconds. */
bool tb_convert_hgrm(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                     struct tb_diag *diag)
{
    struct set set;
    struct tb_histogram all = {0};
    bool ok = gather(s, &set, diag);
    (void)path;
    for (size_t k = 0; ok && k < set.count; k++)
        if (!tb_histogram_merge(&all, &set.at[k].histogram)) {
            tb_diag_host(diag, "no memory");
            ok = false;
        }
    if (ok)
        write_table(&all, to);
    tb_histogram_free(&all);
    clear(&set);
    return ok && !tb_outfile_failed(to);
}

/* -- .hlog ---------------------------------------------------------------------------------- */

static uint8_t *put_big(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned k = 0; k < bytes; k++)
        out[k] = (uint8_t)(value >> (8 * (bytes - 1 - k)));
    return out + bytes;
}

/* HdrHistogram's LEB128 with at most 9 bytes, of a zigzag number. */
static uint8_t *put_leb(uint8_t *out, int64_t number)
{
    uint64_t v = (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
    for (unsigned k = 0; k < 8 && v >= 128; k++, v >>= 7)
        *out++ = (uint8_t)(v | 128);
    *out++ = (uint8_t)v;
    return out;
}

/* Counts up to the last one that is not 0; runs of zeros as one negative number. */
static uint8_t *put_counts(uint8_t *out, const struct tb_histogram *h)
{
    uint32_t end = tb_histogram_bucket(h->max) + 1;
    for (uint32_t k = 0; k < end;) {
        uint32_t zeros = 0;
        while (k + zeros < end && h->buckets[k + zeros] == 0)
            zeros++;
        if (zeros)
            out = put_leb(out, zeros == 1 ? 0 : -(int64_t)zeros);
        else
            out = put_leb(out, (int64_t)h->buckets[k]);
        k += zeros ? zeros : 1;
    }
    return out;
}

/* The V2 encoding, to be freed. */
static uint8_t *encode(const struct tb_histogram *h, size_t *size)
{
    uint8_t *out = malloc(40 + (size_t)h->size * 9 + 9);
    if (!out)
        return NULL;
    uint8_t *end = put_counts(out + 40, h), *at = out;
    at = put_big(at, 0x1c849303 | 0x10, 4); /* cookie: V2, base */
    at = put_big(at, (uint64_t)(end - out - 40), 4);
    at = put_big(at, 0, 4); /* normalizing index offset */
    at = put_big(at, 3, 4); /* significant digits */
    at = put_big(at, 1, 8); /* lowest discernible value */
    at = put_big(at, h->max < 2 ? 2 : h->max & INT64_MAX, 8);
    put_big(at, 0x3ff0000000000000, 8); /* integer to double: 1.0 */
    *size = (size_t)(end - out);
    return out;
}

static void put_base64(struct tb_outfile *to, const uint8_t *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t k = 0; k < size; k += 3) {
        uint32_t v = (uint32_t)data[k] << 16 | (k + 1 < size ? (uint32_t)data[k + 1] << 8 : 0) |
                     (k + 2 < size ? data[k + 2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
                        k + 1 < size ? digits[v >> 6 & 63] : '=',
                        k + 2 < size ? digits[v & 63] : '='};
        tb_outfile_put(to, four, 4);
    }
}

static bool write_compressed(const struct tb_histogram *h, struct tb_outfile *to)
{
    size_t size = 0;
    uint8_t *raw = encode(h, &size);
    uLongf packed = compressBound((uLong)size);
    uint8_t *out = raw ? malloc(packed + 8) : NULL;
    bool ok = out && compress2(out + 8, &packed, raw, (uLong)size, 6) == Z_OK;
    if (ok) {
        put_big(put_big(out, 0x1c849304 | 0x10, 4), packed, 4); /* cookie: V2, compressed */
        put_base64(to, out, packed + 8);
    }
    free(raw);
    free(out);
    return ok;
}

static bool write_interval(const struct set *set, const struct tagged *g, struct tb_outfile *to)
{
    tb_outfile_print(to, "Tag=%s,%.3f,%.3f,%.3f,", g->tag, (double)set->first / 1e12,
                     (double)(set->last - set->first) / 1e12, (double)g->histogram.max / 1e6);
    bool ok = write_compressed(&g->histogram, to);
    tb_outfile_put(to, "\n", 1);
    return ok;
}

/* One interval, with a line for every initiator, op, address type and status; values in
 * picoseconds. */
bool tb_convert_hlog(struct tb_trace_source *s, struct tb_outfile *to, const char *path,
                     struct tb_diag *diag)
{
    struct set set;
    bool ok = gather(s, &set, diag);
    (void)path;
    tb_outfile_print(
        to,
        "#[Latencies in ps by %sinitiator.op.address-type.status, of a trace of tollbridge]\n"
        "#[Histogram log format version 1.3]\n"
        "#[StartTime: 0.000 (seconds since epoch), of simulated time]\n"
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_"
        "Histogram\"\n",
        tb_source_runs(s) > 1 ? "run." : "");
    for (size_t k = 0; ok && k < set.count; k++)
        if (!(ok = write_interval(&set, &set.at[k], to)))
            tb_diag_host(diag, "no memory");
    clear(&set);
    return ok && !tb_outfile_failed(to);
}
