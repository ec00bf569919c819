/* What differs between two records of traces; see trace_pair.h. */
#include "diff/trace_pair.h"

#include "kernel/observe.h"
#include "log/line.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* -- Names --------------------------------------------------------------------------------------
 */

/* The new name of a model's name at the beginning of a text, which may go on with '.' and a port.
 */
static const char *map_of(const char *const *maps, const char *text, size_t length, size_t *old)
{
    for (; maps && *maps; maps++) {
        *old = strcspn(*maps, "=");
        if (*old <= length && memcmp(*maps, text, *old) == 0 &&
            (*old == length || text[*old] == '.'))
            return *maps + *old + 1;
    }
    *old = 0;
    return "";
}

/* A site's name with the names that the maps give: of a wire, of both its ends. */
static char *mapped_name(const char *const *maps, const char *name)
{
    const char *arrow = strstr(name, "->");
    size_t first = arrow ? (size_t)(arrow - name) : strlen(name), old, other = 0;
    const char *from = map_of(maps, name, first, &old), *to = "";
    char *out = NULL;
    if (!arrow)
        return asprintf(&out, "%s%s", from, name + old) < 0 ? NULL : out;
    to = map_of(maps, arrow + 2, strlen(arrow + 2), &other);
    return asprintf(&out, "%s%.*s->%s%s", from, (int)(first - old), name + old, to,
                    arrow + 2 + other) < 0
               ? NULL
               : out;
}

static uint32_t find_site(const struct tb_trace_pairing *p, const char *name, unsigned from,
                          unsigned to)
{
    for (unsigned i = from; i < to; i++)
        if (strcmp(p->names[i], name) == 0)
            return i;
    return TB_NOWHERE;
}

static bool map_names(struct tb_trace_pairing *p)
{
    const struct tb_trace_run *a = p->run[0], *b = p->run[1];
    for (unsigned i = 0; i < a->site_count; i++)
        if (!(p->names[i] = mapped_name(p->options->maps, a->sites[i].name)))
            return false;
    for (unsigned i = 0; i < b->site_count; i++) {
        bool wire = i < b->wire_count;
        p->site_of[i] = find_site(p, b->sites[i].name, wire ? 0 : a->wire_count,
                                  wire ? a->wire_count : a->site_count);
    }
    for (unsigned i = 0; i < b->model_count; i++) {
        uint32_t site = p->site_of[b->wire_count + i];
        p->model_of[i] = site == TB_NOWHERE ? TB_NOWHERE : site - a->wire_count;
    }
    return true;
}

const char *tb_trace_name_of(const struct tb_trace_pairing *p, unsigned model)
{
    return model < p->run[0]->model_count ? p->names[p->run[0]->wire_count + model] : "-";
}

/* -- What counts --------------------------------------------------------------------------------
 */

/* What a key of a log's line is in a record; TB_FIELDS: it has nothing of it. */
static enum tb_trace_field field_of(const struct tb_key *key)
{
    static const struct {
        const char *name;
        enum tb_trace_field field;
    } named[] = {
        {"t", TB_FIELD_T},      {"lat", TB_FIELD_LAT},     {"rid", TB_FIELD_RID},
        {"op", TB_FIELD_OP},    {"want", TB_FIELD_OP},     {"at", TB_FIELD_AT},
        {"pa", TB_FIELD_PA},    {"to", TB_FIELD_TO},       {"pasid", TB_FIELD_PASID},
        {"itag", TB_FIELD_TAG}, {"group", TB_FIELD_TAG},   {"status", TB_FIELD_STATUS},
        {"tlb", TB_FIELD_TLB},  {"edge", TB_FIELD_VALUE0},
    };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, key->name) == 0)
            return named[i].field;
    if (key->offset == offsetof(struct tb_txn, iova))
        return TB_FIELD_IOVA;
    if (key->offset == offsetof(struct tb_txn, length))
        return TB_FIELD_LENGTH;
    if (key->offset == offsetof(struct tb_txn, value[0]))
        return TB_FIELD_VALUE0;
    return key->offset == offsetof(struct tb_txn, value[1]) ? TB_FIELD_VALUE1 : TB_FIELDS;
}

/* The words that are a part or tell some of it apart ("wire", "wire.back"): a bit each. */
static uint64_t bits_of(const struct tb_trace_pairing *p, const char *part)
{
    uint64_t bits = 0;
    size_t length = strlen(part);
    for (unsigned i = 0; i < p->words->count; i++)
        if (strncmp(p->words->word[i], part, length) == 0 &&
            strchr(".", p->words->word[i][length])) /* '.' or the end */
            bits |= (uint64_t)1 << i;
    return bits;
}

/* Before the table of kinds has its say, and for kinds that it does not know. */
static void default_rules(const struct tb_trace_pairing *p, unsigned kind, struct tb_trace_rules *r)
{
    static const char *const waits[] = {"queue", "walk", "ats"};
    const struct tb_trace_run *run = p->run[0];
    *r = (struct tb_trace_rules){.paths = true};
    r->fields[TB_TIMES] = 1u << TB_FIELD_T | 1u << TB_FIELD_LAT;
    r->fields[TB_OUTCOME] = 1u << TB_FIELD_STATUS | 1u << TB_FIELD_TLB;
    r->fields[TB_BYTES_MOVED] = 1u << TB_FIELD_VALUE0 | 1u << TB_FIELD_VALUE1;
    r->fields[TB_ADDRESSES] = ((1u << TB_FIELDS) - 1) & ~r->fields[TB_TIMES] &
                              ~r->fields[TB_OUTCOME] & ~r->fields[TB_BYTES_MOVED];
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        r->waits |= bits_of(p, waits[i]);
    if (strcmp(run->kinds.word[kind], "disk") == 0) /* made of others' transfers */
        r->waits = UINT64_MAX;
}

static void apply_key(const struct tb_trace_pairing *p, const struct tb_key *key, bool ignored,
                      struct tb_trace_rules *r)
{
    enum tb_trace_field field = field_of(key);
    if (key->ingredient == TB_TIMES && ignored)
        r->ignored |= bits_of(p, key->name);
    if (field == TB_FIELDS)
        return;
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        r->fields[i] &= ~(1u << field);
    if (!ignored)
        r->fields[key->ingredient] |= 1u << field;
}

static void make_rules(struct tb_trace_pairing *p, unsigned kind)
{
    struct tb_trace_rules *r = &p->rules[kind];
    const char *name = p->run[0]->kinds.word[kind];
    uint64_t parts = 0;
    default_rules(p, kind, r);
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        if (strcmp(tb_line_kinds[k].name, name) != 0)
            continue;
        for (unsigned i = 0; tb_line_kinds[k].keys[i].name; i++)
            apply_key(p, &tb_line_kinds[k].keys[i], p->options->values.keys[k][i], r);
    }
    for (unsigned i = 0; i < p->words->count; i++)
        parts |= (uint64_t)1 << i;
    r->paths = (parts & ~r->ignored) != 0;
}

/* What spans are told apart by: as finely as both runs do. */
static void choose_words(struct tb_trace_pairing *p)
{
    const struct tb_trace_word_list *a = &p->run[0]->fine, *b = &p->run[1]->fine;
    bool same = a->count == b->count;
    for (unsigned i = 0; same && i < a->count; i++)
        same = strcmp(a->word[i], b->word[i]) == 0;
    p->words = same ? a : &p->run[0]->parts;
    p->by_part = !same;
}

bool tb_trace_pairing_begin(struct tb_trace_pairing *p)
{
    const struct tb_trace_run *a = p->run[0], *b = p->run[1];
    size_t hops = (size_t)(a->site_count + 1) * TB_TRACE_WORDS * sizeof *p->hop_of;
    p->names = calloc(a->site_count + 1, sizeof *p->names);
    p->model_of = calloc(b->model_count + 1, sizeof *p->model_of);
    p->site_of = calloc(b->site_count + 1, sizeof *p->site_of);
    p->hop_of = malloc(hops);
    for (unsigned i = 0; i < 2; i++)
        p->component_of[i] = malloc((p->run[i]->model_count + 1) * sizeof *p->component_of[i]);
    if (!p->names || !p->model_of || !p->site_of || !p->hop_of || !p->component_of[0] ||
        !p->component_of[1] || !map_names(p))
        return false;
    for (unsigned i = 0; i < 2; i++)
        memset(p->component_of[i], 0xff, (p->run[i]->model_count + 1) * sizeof *p->component_of[i]);
    memset(p->hop_of, 0xff, hops);
    choose_words(p);
    for (unsigned k = 0; k < a->kinds.count; k++)
        make_rules(p, k);
    return true;
}

void tb_trace_pairing_end(struct tb_trace_pairing *p)
{
    for (unsigned i = 0; p->names && i < p->run[0]->site_count; i++)
        free(p->names[i]);
    free(p->names);
    free(p->model_of);
    free(p->site_of);
    free(p->hop_of);
    free(p->component_of[0]);
    free(p->component_of[1]);
    p->component_of[0] = p->component_of[1] = NULL;
    p->names = NULL;
    p->model_of = p->site_of = p->hop_of = NULL;
}

/* -- What moved ---------------------------------------------------------------------------------
 */

static struct tb_moved_hop *hop_at(struct tb_trace_pairing *p, uint32_t site, unsigned part)
{
    struct tb_trace_diff *d = p->d;
    uint32_t *place = &p->hop_of[(size_t)site * TB_TRACE_WORDS + part];
    if (*place != TB_NOWHERE)
        return &d->hops[*place];
    if (d->hop_count == d->hop_room) {
        size_t room = d->hop_room ? 2 * d->hop_room : 32;
        struct tb_moved_hop *more = realloc(d->hops, room * sizeof *more);
        if (!more)
            return NULL;
        d->hops = more;
        d->hop_room = room;
    }
    *place = (uint32_t)d->hop_count;
    struct tb_moved_hop *h = &d->hops[d->hop_count++];
    *h = (struct tb_moved_hop){.where = strdup(p->names[site]),
                               .part = strdup(p->words->word[part])};
    return h;
}

static void move(struct tb_trace_pairing *p, uint32_t site, unsigned part, tb_time golden,
                 tb_time new)
{
    struct tb_moved_hop *h = hop_at(p, site, part);
    if (!h) {
        p->d->failed = true;
        return;
    }
    h->count++;
    if (new > golden)
        h->more += new - golden;
    else
        h->less += golden - new;
}

/* Whether two times of a stay differ; a percentage is one of the golden's latency. */
static bool differs(const struct tb_trace_pairing *p, const struct tb_trace_record *a, tb_time x,
                    tb_time y)
{
    const struct tb_diff_options *o = &p->options->values;
    return x != y && !(o->tolerant && tb_diff_near(o, x, y, a->ended - a->created));
}

/* What a span is, in p->words. */
static unsigned word_of(const struct tb_trace_pairing *p, const struct tb_trace_span *s)
{
    return p->by_part ? s->part : s->fine;
}

static bool same_path(const struct tb_trace_pairing *p, const struct tb_trace_record *a,
                      const struct tb_trace_record *b)
{
    if (a->span_count != b->span_count)
        return false;
    for (unsigned i = 0; i < a->span_count; i++)
        if (word_of(p, &a->spans[i]) != word_of(p, &b->spans[i]) ||
            a->spans[i].site != p->site_of[b->spans[i].site])
            return false;
    return true;
}

static void moved_span(struct tb_trace_pairing *p, const struct tb_trace_record *a, uint32_t site,
                       unsigned part, tb_time golden, tb_time new, struct tb_trace_moved *m)
{
    const struct tb_trace_rules *r = &p->rules[a->kind];
    if ((r->ignored >> part & 1) || !differs(p, a, golden, new))
        return;
    m->times = true;
    if (r->waits >> part & 1)
        m->waited = true;
    else
        m->own = true;
    if (m->stays < TB_TRACE_MOVED_STAYS)
        m->stay[m->stays] = (struct tb_trace_stay){site, part, golden, new};
    m->stays++;
    move(p, site, part, golden, new);
}

/* Span by span where both went the same way. */
static void compare_same_path(struct tb_trace_pairing *p, const struct tb_trace_record *a,
                              const struct tb_trace_record *b, struct tb_trace_moved *m)
{
    for (unsigned i = 0; i < a->span_count; i++)
        if (a->spans[i].time != b->spans[i].time)
            moved_span(p, a, a->spans[i].site, word_of(p, &a->spans[i]), a->spans[i].time,
                       b->spans[i].time, m);
}

/* The time of all stays at a place as a part, from span `from` on; TB_NEVER: there was one before.
 */
static tb_time sum_at(const struct tb_trace_pairing *p, const struct tb_trace_record *t,
                      const uint32_t *sites, unsigned from, uint32_t site, unsigned part)
{
    tb_time sum = 0;
    for (unsigned i = 0; i < t->span_count; i++) {
        uint32_t at = sites ? sites[t->spans[i].site] : t->spans[i].site;
        if (at != site || word_of(p, &t->spans[i]) != part)
            continue;
        if (i < from)
            return TB_NEVER;
        sum += t->spans[i].time;
    }
    return sum;
}

static bool stays_at(const struct tb_trace_pairing *p, const struct tb_trace_record *t,
                     uint32_t site, unsigned part)
{
    for (unsigned i = 0; i < t->span_count; i++)
        if (t->spans[i].site == site && word_of(p, &t->spans[i]) == part)
            return true;
    return false;
}

static unsigned next_that_counts(const struct tb_trace_pairing *p, const struct tb_trace_record *t,
                                 uint64_t ignored, unsigned i)
{
    while (i < t->span_count && (ignored >> word_of(p, &t->spans[i]) & 1))
        i++;
    return i;
}

/* The same places in the same order, but for what is ignored. */
static bool same_way(const struct tb_trace_pairing *p, const struct tb_trace_record *a,
                     const struct tb_trace_record *b)
{
    uint64_t ignored = p->rules[a->kind].ignored;
    unsigned i = next_that_counts(p, a, ignored, 0), k = next_that_counts(p, b, ignored, 0);
    while (i < a->span_count && k < b->span_count &&
           word_of(p, &a->spans[i]) == word_of(p, &b->spans[k]) &&
           a->spans[i].site == p->site_of[b->spans[k].site]) {
        i = next_that_counts(p, a, ignored, i + 1);
        k = next_that_counts(p, b, ignored, k + 1);
    }
    return i == a->span_count && k == b->span_count;
}

/* Another way: place by place, where it spent another time. What one did not do it took no time
 * for: so a wait that is new is a wait. */
static void compare_other_path(struct tb_trace_pairing *p, const struct tb_trace_record *a,
                               const struct tb_trace_record *b, struct tb_trace_moved *m)
{
    for (unsigned i = 0; i < a->span_count; i++) {
        unsigned site = a->spans[i].site, word = word_of(p, &a->spans[i]);
        tb_time golden = sum_at(p, a, NULL, i, site, word);
        if (golden != TB_NEVER)
            moved_span(p, a, site, word, golden, sum_at(p, b, p->site_of, 0, site, word), m);
    }
    for (unsigned i = 0; i < b->span_count; i++) {
        uint32_t site = p->site_of[b->spans[i].site];
        unsigned word = word_of(p, &b->spans[i]);
        tb_time new = sum_at(p, b, p->site_of, i, site, word);
        if (site != TB_NOWHERE && new != TB_NEVER && !stays_at(p, a, site, word))
            moved_span(p, a, site, word, 0, new, m);
        else if (site == TB_NOWHERE && !(p->rules[a->kind].ignored >> word & 1))
            m->times = m->own = true; /* a place that the golden has not got */
    }
    if (!m->times && !p->options->values.tolerant && !same_way(p, a, b))
        m->times = m->own = true;
}

/* -- A pair -------------------------------------------------------------------------------------
 */

static uint32_t bit(bool differ, enum tb_trace_field field)
{
    return (uint32_t)differ << field;
}

static uint32_t time_fields(const struct tb_trace_pairing *p, const struct tb_trace_record *a,
                            const struct tb_trace_record *b)
{
    const struct tb_diff_options *o = &p->options->values;
    tb_time x = a->ended - a->created, y = b->ended - b->created;
    if (a->ended == b->ended && x == y)
        return 0;
    if (!o->tolerant)
        return bit(a->ended != b->ended, TB_FIELD_T) | bit(x != y, TB_FIELD_LAT);
    return bit(!tb_diff_near(o, a->ended, b->ended, a->ended), TB_FIELD_T) |
           bit(!tb_diff_near(o, x, y, x), TB_FIELD_LAT);
}

static uint32_t other_fields(const struct tb_trace_pairing *p, const struct tb_trace_record *a,
                             const struct tb_trace_record *b)
{
    return bit(a->requester != b->requester, TB_FIELD_RID) |
           bit(a->write != b->write, TB_FIELD_OP) | bit(a->at != b->at, TB_FIELD_AT) |
           bit(a->iova != b->iova, TB_FIELD_IOVA) |
           bit(a->has_pa != b->has_pa || (a->has_pa && a->pa != b->pa), TB_FIELD_PA) |
           bit(a->length != b->length, TB_FIELD_LENGTH) |
           bit(a->to != tb_trace_model_of(p, b->to), TB_FIELD_TO) |
           bit(a->has_pasid != b->has_pasid || a->pasid != b->pasid, TB_FIELD_PASID) |
           bit(a->tag != b->tag, TB_FIELD_TAG) | bit(a->status != b->status, TB_FIELD_STATUS) |
           bit(a->tlb != b->tlb, TB_FIELD_TLB) | bit(a->value[0] != b->value[0], TB_FIELD_VALUE0) |
           bit(a->value[1] != b->value[1], TB_FIELD_VALUE1);
}

bool tb_trace_compare(struct tb_trace_pairing *p, const struct tb_trace_record *a,
                      const struct tb_trace_record *b, struct tb_trace_moved *m)
{
    const struct tb_trace_rules *r = &p->rules[a->kind];
    uint32_t differ = time_fields(p, a, b) | other_fields(p, a, b);
    m->times = m->own = m->waited = false;
    m->stays = 0;
    if (same_path(p, a, b))
        compare_same_path(p, a, b, m);
    else if (r->paths)
        compare_other_path(p, a, b, m);
    m->times |= (differ & r->fields[TB_TIMES]) != 0;
    m->addresses = (differ & r->fields[TB_ADDRESSES]) != 0;
    m->outcome = (differ & r->fields[TB_OUTCOME]) != 0;
    m->data = (differ & r->fields[TB_BYTES_MOVED]) != 0;
    m->own |= m->addresses || m->outcome || m->data;
    return m->times || m->addresses || m->outcome || m->data;
}
