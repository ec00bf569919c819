/* Whether what an `expect` step says holds now. */
#include "expect.h"

#include "tollbridge/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- Contents ---------------------------------------------------------------------------------- */

static bool read_place(struct host *h, const struct expect_place *p, uint64_t offset, uint8_t *to,
                       uint32_t size)
{
    if (p->drive_of)
        return tb_storage(p->drive_of, p->storage, p->at + offset, to, size, false);
    return host_peek(h, p->at + offset, to, size);
}

static bool wanted_piece(struct host *h, const struct expect_content *c, uint64_t offset,
                         uint8_t *to, uint32_t size)
{
    if (c->has_pattern)
        host_pattern_fill(to, size, c->pattern, c->seed, c->offset + offset);
    else if (c->bytes)
        memcpy(to, c->bytes + offset, size);
    else
        return read_place(h, &c->other, offset, to, size);
    return true;
}

struct difference {
    uint64_t count, first;
    uint8_t found, wanted;
};

static void compare(struct difference *d, const uint8_t *found, const uint8_t *wanted,
                    uint64_t offset, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++) {
        if (found[i] == wanted[i] || d->count++ > 0)
            continue;
        d->first = offset + i;
        d->found = found[i];
        d->wanted = wanted[i];
    }
}

static void check_hash(struct host *h, const struct expect_content *c, struct sha256_ctx *hash,
                       const struct tb_node *node, tb_time when)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[SHA256_DIGITS + 1];
    sha256_digest(hash, sizeof digest, digest);
    for (unsigned i = 0; i < SHA256_DIGEST_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    if (strncasecmp(text, c->sha256, strlen(c->sha256)) != 0)
        host_complain(h, node, when, "the SHA-256 is %s, expected %s", text, c->sha256);
}

static void check_content(struct host *h, const struct expect_content *c,
                          const struct tb_node *node, tb_time when)
{
    uint8_t found[HOST_PAGE], wanted[HOST_PAGE];
    struct difference d = {0};
    struct sha256_ctx hash;
    bool hashed = c->sha256 && c->sha256[0];
    sha256_init(&hash);
    for (uint64_t done = 0; done < c->size; done += sizeof found) {
        uint32_t size =
            c->size - done < sizeof found ? (uint32_t)(c->size - done) : (uint32_t)sizeof found;
        if (!read_place(h, &c->place, done, found, size) ||
            (!hashed && !wanted_piece(h, c, done, wanted, size))) {
            host_complain(h, node, when, "there is nothing to read at offset 0x%" PRIx64, done);
            return;
        }
        if (hashed)
            sha256_update(&hash, size, found);
        else
            compare(&d, found, wanted, done, size);
    }
    if (hashed)
        check_hash(h, c, &hash, node, when);
    else if (d.count)
        host_complain(h, node, when,
                      "%" PRIu64 " of %" PRIu64 " bytes differ, first at 0x%" PRIx64
                      " (offset 0x%" PRIx64 "): found 0x%02x, expected 0x%02x",
                      d.count, c->size, c->place.at + d.first, d.first, d.found, d.wanted);
}

/* -- Numbers ----------------------------------------------------------------------------------- */

static void check_bounds(struct host *h, const struct expect_bounds *b, uint64_t found,
                         const char *what, const struct tb_node *node, tb_time when)
{
    if (b->has_count && found != b->count)
        host_complain(h, node, when, "%s: found %" PRIu64 ", expected %" PRIu64, what, found,
                      b->count);
    if (b->has_min && found < b->min)
        host_complain(h, node, when, "%s: found %" PRIu64 ", expected at least %" PRIu64, what,
                      found, b->min);
    if (b->has_max && found > b->max)
        host_complain(h, node, when, "%s: found %" PRIu64 ", expected at most %" PRIu64, what,
                      found, b->max);
}

static void check_register(struct host *h, const struct register_expect *r,
                           const struct tb_node *node, tb_time when)
{
    uint64_t value;
    if (!host_peek_register(h, r->target, &value))
        host_complain(h, node, when, "nobody answers for '%s'", r->name);
    else if ((value & r->mask) != (r->value & r->mask))
        host_complain(h, node, when,
                      "%s holds 0x%" PRIx64 ", expected 0x%" PRIx64 " (mask 0x%" PRIx64 ")",
                      r->name, value, r->value, r->mask);
}

static void check_log(struct host *h, const struct log_expect *l, const struct tb_node *node,
                      tb_time when)
{
    char what[64];
    uint64_t found = tb_ended(h->m, (enum tb_txn_kind)l->kind, (enum tb_status)l->status);
    snprintf(what, sizeof what, "%s transactions with status %s", expect_kind_names[l->kind],
             expect_status_names[l->status]);
    check_bounds(h, &l->bounds, found, what, node, when);
}

static void check_record(struct host *h, const struct events_expect *e, const struct tb_node *node,
                         tb_time when)
{
    const uint64_t *q = e->record.q.at, *mask = e->record.mask.count ? e->record.mask.at : NULL;
    uint64_t found[2];
    if (!iommu_event(h, e->unit, e->record.index, found)) {
        host_complain(h, node, when, "the event log of '%s' has no record %" PRIu64,
                      e->unit->model->name, e->record.index);
        return;
    }
    if ((found[0] ^ q[0]) & (mask ? mask[0] : UINT64_MAX) ||
        (found[1] ^ q[1]) & (mask ? mask[1] : UINT64_MAX))
        host_complain(h, node, when,
                      "event record %" PRIu64 " is [0x%016" PRIx64 ", 0x%016" PRIx64
                      "], expected [0x%016" PRIx64 ", 0x%016" PRIx64 "]",
                      e->record.index, found[0], found[1], q[0], q[1]);
}

static void check_events(struct host *h, const struct events_expect *e, const struct tb_node *node,
                         tb_time when)
{
    char what[96];
    snprintf(what, sizeof what, "events of '%s' (%s)", e->unit->model->name,
             expect_code_names[e->code]);
    check_bounds(h, &e->bounds, iommu_events(h, e->unit, e->code), what, node, when);
    if (e->record.given)
        check_record(h, e, node, when);
}

static void check_counter(struct host *h, const struct counter_expect *c,
                          const struct tb_node *node, tb_time when)
{
    char what[128];
    uint64_t found = 0;
    tb_sim_counter(h->m->sim, c->of, c->name, &found);
    snprintf(what, sizeof what, "%s.%s", c->of, c->name);
    check_bounds(h, &c->bounds, found, what, node, when);
}

static void check_time(struct host *h, bool given, bool holds, const char *what, tb_time found,
                       tb_time bound, const char *most, const struct tb_node *node, tb_time when)
{
    if (given && !holds)
        host_complain(h, node, when,
                      "%s is %" PRIu64 ".%03u ns, expected at %s %" PRIu64 ".%03u ns", what,
                      found / TB_NS, (unsigned)(found % TB_NS), most, bound / TB_NS,
                      (unsigned)(bound % TB_NS));
}

static void check_latency(struct host *h, const struct latency_expect *l,
                          const struct tb_node *node, tb_time when)
{
    struct tb_latency found = tb_latency_of(h->m, (enum tb_txn_kind)l->kind);
    if (found.count == 0) {
        host_complain(h, node, when, "no %s transaction has ended yet", expect_kind_names[l->kind]);
        return;
    }
    tb_time mean = found.sum / found.count;
    check_time(h, l->has_min, found.min >= l->min, "the smallest latency", found.min, l->min,
               "least", node, when);
    check_time(h, l->has_max, found.max <= l->max, "the largest latency", found.max, l->max, "most",
               node, when);
    check_time(h, l->has_mean_min, mean >= l->mean_min, "the mean latency", mean, l->mean_min,
               "least", node, when);
    check_time(h, l->has_mean_max, mean <= l->mean_max, "the mean latency", mean, l->mean_max,
               "most", node, when);
}

static void check_safety(struct host *h, const struct safety_expect *e, const struct tb_node *node,
                         tb_time when)
{
    struct tb_safety n;
    char what[64];
    if (!tb_safety_of(h->m, &n)) {
        host_complain(h, node, when,
                      "nobody checks: the scenario needs `record: {check: dma-safety}`");
        return;
    }
    const uint64_t found[] = {n.violations, n.stale, n.checked, n.unwatched, n.windows};
    snprintf(what, sizeof what, "%s of the DMA-safety checker", expect_safety_names[e->what]);
    check_bounds(h, &e->bounds, found[e->what], what, node, when);
    check_time(h, e->has_window, n.window_max <= e->window, "the longest unmap", n.window_max,
               e->window, "most", node, when);
    check_time(h, e->has_late, n.stale_max <= e->late, "the latest stale access", n.stale_max,
               e->late, "most", node, when);
}

enum host_verdict expect_run(struct host *h, struct host_step *s, tb_time when)
{
    const struct expect_args *a = s->args;
    if (a->memory.given)
        check_content(h, &a->memory, tb_node_get(s->node, "memory"), when);
    if (a->disk.given)
        check_content(h, &a->disk, tb_node_get(s->node, "disk"), when);
    if (a->reg.given)
        check_register(h, &a->reg, tb_node_get(s->node, "register"), when);
    if (a->log.given)
        check_log(h, &a->log, tb_node_get(s->node, "log"), when);
    if (a->events.given)
        check_events(h, &a->events, tb_node_get(s->node, "events"), when);
    if (a->counter.given)
        check_counter(h, &a->counter, tb_node_get(s->node, "counter"), when);
    if (a->latency.given)
        check_latency(h, &a->latency, tb_node_get(s->node, "latency"), when);
    if (a->safety.given)
        check_safety(h, &a->safety, tb_node_get(s->node, "safety"), when);
    return HOST_DONE;
}
