/* Fingerprints of logs; see fingerprint.h. */
#include "log/fingerprint.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool tb_log_header_set(struct tb_log_header *h, const char *scenario, const char *platform,
                       const char *resolved, uint64_t seed)
{
    *h = (struct tb_log_header){.scenario = strdup(scenario),
                                .platform = strdup(platform),
                                .resolved = strdup(resolved),
                                .seed = seed,
                                .run = 1,
                                .runs = 1};
    return h->scenario && h->platform && h->resolved;
}

void tb_log_header_clear(struct tb_log_header *h)
{
    free(h->scenario);
    free(h->platform);
    free(h->resolved);
    free(h->only);
    free(h->run_name);
    *h = (struct tb_log_header){0};
}

void tb_log_header_write(const struct tb_log_header *h, struct tb_outfile *to)
{
    if (h->runs > 1)
        tb_outfile_print(to, "#run %u of %u%s%s\n", h->run, h->runs, h->run_name ? " " : "",
                         h->run_name ? h->run_name : "");
    tb_outfile_print(to, "#scenario %s  platform %s  resolved %s  seed %" PRIu64 "\n", h->scenario,
                     h->platform, h->resolved, h->seed);
    if (h->only)
        tb_outfile_print(to, "#only %s\n", h->only);
}

void tb_fingerprint_begin(struct tb_fingerprint *f)
{
    *f = (struct tb_fingerprint){0};
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        sha256_init(&f->block[i]);
        sha256_init(&f->total[i]);
    }
}

/* Doubles an array that is full. */
static bool grow(struct tb_fingerprint *f, void *array, size_t *room, size_t need, size_t size)
{
    void **at = array;
    if (need <= *room)
        return true;
    size_t more = *room ? *room * 2 : 64;
    while (more < need)
        more *= 2;
    void *bigger = realloc(*at, more * size);
    if (!bigger) {
        f->failed = true;
        return false;
    }
    *at = bigger;
    *room = more;
    return true;
}

static void end_block(struct tb_fingerprint *f)
{
    if (!grow(f, &f->blocks, &f->block_room, f->block_count + 1, sizeof *f->blocks))
        return;
    struct tb_block *b = &f->blocks[f->block_count++];
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        uint8_t digest[SHA256_DIGEST_SIZE];
        sha256_digest(&f->block[i], sizeof digest, digest);
        sha256_update(&f->total[i], sizeof digest, digest);
        memcpy(b->hash[i], digest, sizeof b->hash[i]);
    }
}

void tb_fingerprint_keep(struct tb_fingerprint *f, const struct tb_line *line)
{
    size_t need = f->clear_size + line->length + 1;
    if (!grow(f, &f->clear, &f->clear_room, need, 1))
        return;
    memcpy(f->clear + f->clear_size, line->text, line->length);
    f->clear[need - 1] = '\n';
    f->clear_size = need;
    f->clear_lines++;
}

/* Of each ingredient: the kind (the order's only), then the values, in the order of the line, each
 * followed by a space, and a newline. */
static void hash_line(struct tb_fingerprint *f, const struct tb_line *line)
{
    uint8_t text[TB_INGREDIENTS][TB_LINE_FIXED];
    size_t used[TB_INGREDIENTS] = {0};
    size_t kind = strlen(line->kind->name);
    memcpy(text[TB_ORDER], line->kind->name, kind);
    text[TB_ORDER][kind] = ' ';
    used[TB_ORDER] = kind + 1;
    for (unsigned k = 0; k < line->keys; k++) {
        unsigned i = line->kind->keys[k].ingredient;
        size_t length = line->value[k].length;
        if (used[i] + length + 2 > sizeof text[i]) { /* a very long name */
            sha256_update(&f->block[i], used[i], text[i]);
            used[i] = 0;
        }
        if (length + 2 > sizeof text[i]) {
            sha256_update(&f->block[i], length, (const uint8_t *)line->text + line->value[k].at);
        } else {
            memcpy(text[i] + used[i], line->text + line->value[k].at, length);
            used[i] += length;
        }
        text[i][used[i]++] = ' ';
    }
    for (unsigned i = 0; i < TB_INGREDIENTS; i++) {
        text[i][used[i]++] = '\n';
        sha256_update(&f->block[i], used[i], text[i]);
    }
}

void tb_fingerprint_line(struct tb_fingerprint *f, const struct tb_line *line)
{
    hash_line(f, line);
    f->counts[line->kind - tb_line_kinds][tb_line_status(line)]++;
    if (f->clear_lines < TB_CLEAR_LINES)
        tb_fingerprint_keep(f, line);
    if (++f->lines % TB_BLOCK_LINES == 0)
        end_block(f);
}

void tb_fingerprint_end(struct tb_fingerprint *f)
{
    if (f->lines % TB_BLOCK_LINES != 0)
        end_block(f);
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        sha256_digest(&f->total[i], sizeof f->all[i], f->all[i]);
}

void tb_fingerprint_clear(struct tb_fingerprint *f)
{
    tb_log_header_clear(&f->header);
    free(f->blocks);
    free(f->clear);
    *f = (struct tb_fingerprint){0};
}

static void write_hash(struct tb_outfile *to, unsigned ingredient, const uint8_t *hash, size_t size)
{
    char text[2 * SHA256_DIGEST_SIZE + 1] = "";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    tb_outfile_print(to, " %s=%s", tb_ingredient_names[ingredient], text);
}

static void write_counts(const struct tb_fingerprint *f, struct tb_outfile *to)
{
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned s = 0; s < TB_LOG_STATUSES; s++)
            if (f->counts[k][s])
                tb_outfile_print(to, "#count %s %s %" PRIu64 "\n", tb_line_kinds[k].name,
                                 tb_status_names[s], f->counts[k][s]);
}

void tb_fingerprint_write_all(const struct tb_fingerprint *f, struct tb_outfile *to)
{
    tb_outfile_print(to, "#all");
    for (unsigned i = 0; i < TB_INGREDIENTS; i++)
        write_hash(to, i, f->all[i], sizeof f->all[i]);
    tb_outfile_print(to, "\n");
}

void tb_fingerprint_write(const struct tb_fingerprint *f, struct tb_outfile *to)
{
    tb_log_header_write(&f->header, to);
    tb_outfile_print(to, "#lines %" PRIu64 "\n", f->lines);
    write_counts(f, to);
    tb_fingerprint_write_all(f, to);
    for (size_t b = 0; b < f->block_count; b++) {
        tb_outfile_print(to, "#block %zu", b);
        for (unsigned i = 0; i < TB_INGREDIENTS; i++)
            write_hash(to, i, f->blocks[b].hash[i], TB_BLOCK_HASH);
        tb_outfile_print(to, "\n");
    }
    tb_outfile_print(to, "#clear %zu\n", f->clear_lines);
    tb_outfile_put(to, f->clear ? f->clear : "", f->clear_size);
}
