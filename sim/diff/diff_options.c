/* What a comparison leaves out or lets pass; see diff.h. */
#include "diff/diff.h"

#include "tollbridge/param.h"

#include <stdlib.h>
#include <string.h>

/* -- Options --------------------------------------------------------------------------------- */

/* "12.5" (before a %) in millionths of the whole: 125000. */
static bool parse_percent(const char *text, size_t length, uint64_t *per_million)
{
    uint64_t value = 0, unit = 10000;
    bool point = false, any = false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '.' && !point) {
            point = true;
        } else if (text[i] >= '0' && text[i] <= '9' && value < 1000000000 && (!point || unit > 1)) {
            value = value * 10 + (uint64_t)(text[i] - '0');
            unit = point ? unit / 10 : unit;
            any = true;
        } else {
            return false;
        }
    }
    *per_million = value * unit;
    return any;
}

bool tb_diff_tolerance(struct tb_diff_options *o, const char *text, char *why)
{
    size_t length = strlen(text);
    uint64_t value;
    if (length > 0 && text[length - 1] == '%') {
        if (!parse_percent(text, length - 1, &o->per_million)) {
            snprintf(why, 200, "'%.60s' is no percentage with at most four decimals", text);
            return false;
        }
    } else if (!tb_value_parse(TB_TIME, text, &value, why)) {
        return false;
    } else {
        o->within = value;
    }
    o->tolerant = true;
    return true;
}

static bool is_name(const char *name, const char *word, size_t length)
{
    return strlen(name) == length && memcmp(name, word, length) == 0;
}

/* Ignores the keys that have the name, or all of an ingredient (name NULL). */
static bool ignore_keys(struct tb_diff_options *o, const char *word, size_t length, int ingredient)
{
    bool any = false;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++) {
        const struct tb_key *keys = tb_line_kinds[k].keys;
        for (unsigned i = 0; keys[i].name; i++) {
            bool hit = ingredient >= 0 ? (int)keys[i].ingredient == ingredient
                                       : is_name(keys[i].name, word, length);
            o->keys[k][i] |= hit;
            any |= hit;
        }
    }
    return any;
}

static bool ignore_word(struct tb_diff_options *o, const char *word, size_t length)
{
    if (is_name("order", word, length))
        return o->order = true;
    if (is_name("scenario", word, length))
        return o->scenario = true;
    if (is_name("header", word, length))
        return o->scenario = o->notes_off = true;
    for (int i = 0; i < TB_INGREDIENTS; i++)
        if (is_name(tb_ingredient_names[i], word, length))
            return ignore_keys(o, word, length, i);
    return ignore_keys(o, word, length, -1);
}

bool tb_diff_ignore(struct tb_diff_options *o, const char *list, char *why)
{
    for (const char *at = list;;) {
        size_t length = strcspn(at, ",");
        if (is_name("txn", at, length) || is_name("by", at, length)) {
            snprintf(why, 200, "'%.*s' cannot be ignored: transactions are matched by it",
                     (int)length, at);
            return false;
        }
        if (!ignore_word(o, at, length)) {
            snprintf(why, 200,
                     "'%.*s' is no key of the log, no ingredient and no part of the header",
                     (int)(length < 60 ? length : 60), at);
            return false;
        }
        if (!at[length])
            return true;
        at += length + 1;
    }
}

/* -- Values ----------------------------------------------------------------------------------- */

bool tb_diff_near(const struct tb_diff_options *o, tb_time a, tb_time b, tb_time whole)
{
    tb_time apart = a > b ? a - b : b - a;
    return apart <= o->within ||
           (unsigned __int128)apart * 1000000 <= (unsigned __int128)whole * o->per_million;
}

/* A percentage is one of the golden's `t` for t, and of the golden's `lat` for lat and the parts of
 * it. */
static bool time_differs(const struct tb_diff_options *o, const struct tb_line *golden,
                         const struct tb_line *new, unsigned key)
{
    tb_time a, b, whole = 0;
    if (!o->tolerant || !tb_line_time(golden, key, &a) || !tb_line_time(new, key, &b))
        return true;
    unsigned base = key == TB_KEY_T ? TB_KEY_T : (unsigned)tb_line_key(golden->kind, "lat");
    tb_line_time(golden, base, &whole);
    return !tb_diff_near(o, a, b, whole);
}

uint32_t tb_diff_keys(const struct tb_diff_options *o, const struct tb_line *golden,
                      const struct tb_line *new)
{
    const bool *ignored = o->keys[golden->kind - tb_line_kinds];
    uint32_t differ = 0;
    for (unsigned k = 0; k < golden->keys; k++) {
        size_t length = golden->value[k].length;
        if (length == new->value[k].length &&
            memcmp(golden->text + golden->value[k].at, new->text + new->value[k].at, length) == 0)
            continue;
        if (ignored[k] || (o->tolerant && golden->kind->keys[k].ingredient == TB_TIMES &&
                           !time_differs(o, golden, new, k)))
            continue;
        differ |= (uint32_t)1 << k;
    }
    return differ;
}

bool tb_diff_ignored(const struct tb_diff_options *o, unsigned ingredient, bool all)
{
    bool some = false;
    if (ingredient == TB_ORDER)
        return o->order;
    for (unsigned k = 0; k < TB_TXN_KINDS; k++)
        for (unsigned i = 0; tb_line_kinds[k].keys[i].name; i++) {
            if (tb_line_kinds[k].keys[i].ingredient != ingredient)
                continue;
            if (all && !o->keys[k][i])
                return false;
            some |= o->keys[k][i];
        }
    return all || some;
}
