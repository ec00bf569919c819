/* YAML into a tree of nodes: libyaml's document API behind a pass over the events.
 *
 * The document API has no limits of its own: a list in 16 MiB becomes 1.3 GB of its nodes, and deep
 * nesting takes square time. So the events are counted first; what they cannot tell (how large
 * aliases grow) is counted while the document is copied into nodes.
 */
#include "yaml/tree.h"
#include "tollbridge/param.h"
#include "yaml/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* One YAML text on its way into a tree. */
struct loader {
    struct tb_tree *tree;
    struct tb_diag *diag;
    const char *file; /* owned by the tree */
    const unsigned char *text;
    size_t length;
    const struct tb_place
        *fixed; /* every place is this one (the value of an override); NULL: as marked */
    yaml_document_t *document;
    bool *open; /* by document node: being expanded just now */
};

static struct tb_place place_of(const struct loader *l, yaml_mark_t mark)
{
    if (l->fixed)
        return *l->fixed;
    return (struct tb_place){l->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

/* -- What libyaml says ---------------------------------------------------------------------- */

/* Is the white space that the given line (from 0) begins with not only spaces? */
static bool tab_indents(const struct loader *l, size_t line)
{
    size_t i = 0;
    for (; line && i < l->length; i++)
        line -= l->text[i] == '\n';
    while (i < l->length && l->text[i] == ' ')
        i++;
    return i < l->length && l->text[i] == '\t';
}

/* libyaml's reader knows the byte only; columns are characters. */
static yaml_mark_t mark_of_byte(const struct loader *l, size_t byte)
{
    yaml_mark_t mark = {0};
    for (size_t i = 0; i < byte && i < l->length; i++) {
        bool newline = l->text[i] == '\n';
        mark.line += newline;
        mark.column = newline ? 0 : mark.column + ((l->text[i] & 0xc0) != 0x80);
    }
    return mark;
}

static void report_problem(const struct loader *l, const yaml_parser_t *parser)
{
    const char *problem = parser->problem ? parser->problem : "out of memory";
    if (parser->error == YAML_MEMORY_ERROR)
        tb_host_no_memory(l->length);
    if (parser->error == YAML_READER_ERROR) {
        tb_diag_at(l->diag, place_of(l, mark_of_byte(l, parser->problem_offset)),
                   "not YAML: %s (byte 0x%02x)", problem, (unsigned)parser->problem_value & 0xffu);
        return;
    }
    bool tab = tab_indents(l, parser->problem_mark.line);
    tb_diag_at(l->diag, place_of(l, parser->problem_mark), "not YAML: %s%s%s%s", problem,
               parser->context ? " " : "", parser->context ? parser->context : "",
               tab ? "; a tab cannot indent, use spaces" : "");
}

static void start_parser(const struct loader *l, yaml_parser_t *parser)
{
    if (!yaml_parser_initialize(parser))
        tb_host_no_memory(sizeof *parser);
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, l->text, l->length);
}

/* -- First pass: limits, one document, no tags ---------------------------------------------- */

struct survey {
    size_t nodes, depth, documents;
};

static const yaml_char_t *tag_of(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return e->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.tag;
    default:
        return NULL;
    }
}

static void count_event(struct survey *s, yaml_event_type_t type)
{
    bool begins = type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT;
    bool ends = type == YAML_SEQUENCE_END_EVENT || type == YAML_MAPPING_END_EVENT;
    s->depth = s->depth + begins - ends;
    s->nodes += begins || type == YAML_SCALAR_EVENT || type == YAML_ALIAS_EVENT;
    s->documents += type == YAML_DOCUMENT_START_EVENT;
}

static bool survey_event(const struct loader *l, struct survey *s, const yaml_event_t *e)
{
    struct tb_place place = place_of(l, e->start_mark);
    count_event(s, e->type);
    if (s->depth > TB_YAML_MAX_DEPTH)
        tb_diag_at(l->diag, place, "nested deeper than %d levels", TB_YAML_MAX_DEPTH);
    else if (s->nodes > 2 * TB_YAML_MAX_NODES) /* keys count here, in the tree they do not */
        tb_diag_at(l->diag, place, "more than %zu values", TB_YAML_MAX_NODES);
    else if (s->documents > 1)
        tb_diag_at(l->diag, place, "a second document: a file holds one");
    else if (tag_of(e))
        tb_diag_at(l->diag, place, "tags such as '%.40s' are not used here",
                   (const char *)tag_of(e));
    else
        return true;
    return false;
}

static bool survey(const struct loader *l)
{
    yaml_parser_t parser;
    struct survey s = {0};
    bool good = true, end = false;
    start_parser(l, &parser);
    while (good && !end) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            report_problem(l, &parser);
            good = false;
            break;
        }
        end = event.type == YAML_STREAM_END_EVENT;
        good = survey_event(l, &s, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return good;
}

/* -- Second pass: the document, aliases expanded -------------------------------------------- */

static struct tb_node *expand(struct loader *l, int index, unsigned depth);

struct tb_node *tb_tree_node(struct tb_tree *t, enum tb_node_kind kind, struct tb_place place)
{
    struct tb_node *n = tb_arena_get(t->arena, sizeof *n);
    *n = (struct tb_node){.kind = kind, .place = place, .text = ""};
    t->count++;
    return n;
}

static bool copy_text(struct loader *l, const yaml_node_t *from, const char **to)
{
    size_t length = from->data.scalar.length;
    if (memchr(from->data.scalar.value, 0, length)) {
        tb_diag_at(l->diag, place_of(l, from->start_mark), "a text holds a NUL character");
        return false;
    }
    char *text = tb_arena_get(l->tree->arena, length + 1);
    memcpy(text, from->data.scalar.value, length);
    *to = text;
    return true;
}

static bool expand_scalar(struct loader *l, const yaml_node_t *from, struct tb_node *to)
{
    yaml_scalar_style_t style = from->data.scalar.style;
    to->quoted = style != YAML_PLAIN_SCALAR_STYLE;
    return copy_text(l, from, &to->text);
}

static bool expand_list(struct loader *l, const yaml_node_t *from, struct tb_node *to,
                        unsigned depth)
{
    size_t count = (size_t)(from->data.sequence.items.top - from->data.sequence.items.start);
    const struct tb_node **items = tb_arena_get(l->tree->arena, count * sizeof *items);
    to->items = items;
    for (size_t i = 0; i < count; i++) {
        items[i] = expand(l, from->data.sequence.items.start[i], depth + 1);
        if (!items[i])
            return false;
        to->count++;
    }
    return true;
}

static bool expand_key(struct loader *l, int index, struct tb_node *member)
{
    const yaml_node_t *key = yaml_document_get_node(l->document, index);
    member->key_place = place_of(l, key->start_mark);
    if (key->type == YAML_SCALAR_NODE && key->data.scalar.length > 0)
        return copy_text(l, key, &member->key);
    tb_diag_at(l->diag, member->key_place, "a key must be a word");
    return false;
}

static int compare_keys(const void *left, const void *right)
{
    const struct tb_node *a = *(const struct tb_node *const *)left;
    const struct tb_node *b = *(const struct tb_node *const *)right;
    int order = strcmp(a->key, b->key);
    if (order)
        return order;
    if (a->key_place.line != b->key_place.line)
        return a->key_place.line < b->key_place.line ? -1 : 1;
    return (a->key_place.column > b->key_place.column) -
           (a->key_place.column < b->key_place.column);
}

/* Sorted, so that a map of a million keys takes no million times a million comparisons. */
static bool keys_unique(const struct loader *l, const struct tb_node *map)
{
    if (map->count < 2)
        return true;
    const struct tb_node **sorted = malloc(map->count * sizeof *sorted);
    if (!sorted)
        tb_host_no_memory(map->count * sizeof *sorted);
    memcpy(sorted, map->items, map->count * sizeof *sorted);
    qsort(sorted, map->count, sizeof *sorted, compare_keys);
    bool good = true;
    for (size_t i = 1; i < map->count; i++)
        if (!strcmp(sorted[i - 1]->key, sorted[i]->key)) {
            tb_diag_at(l->diag, sorted[i]->key_place, "duplicate key '%.40s' (first in line %u)",
                       sorted[i]->key, sorted[i - 1]->key_place.line);
            good = false;
        }
    free(sorted);
    return good;
}

static bool expand_map(struct loader *l, const yaml_node_t *from, struct tb_node *to,
                       unsigned depth)
{
    size_t count = (size_t)(from->data.mapping.pairs.top - from->data.mapping.pairs.start);
    const struct tb_node **items = tb_arena_get(l->tree->arena, count * sizeof *items);
    to->items = items;
    for (size_t i = 0; i < count; i++) {
        yaml_node_pair_t pair = from->data.mapping.pairs.start[i];
        struct tb_node *member = expand(l, pair.value, depth + 1);
        if (!member || !expand_key(l, pair.key, member))
            return false;
        items[to->count++] = member;
    }
    return keys_unique(l, to);
}

static bool expand_content(struct loader *l, const yaml_node_t *from, struct tb_node *to,
                           unsigned depth)
{
    switch (from->type) {
    case YAML_SCALAR_NODE:
        return expand_scalar(l, from, to);
    case YAML_SEQUENCE_NODE:
        return expand_list(l, from, to, depth);
    default:
        return expand_map(l, from, to, depth);
    }
}

static enum tb_node_kind kind_of(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE     ? TB_SCALAR
           : node->type == YAML_SEQUENCE_NODE ? TB_LIST
                                              : TB_MAP;
}

/* Copies a node of the document; every use of an alias gets a copy of its own, so that an override
 * changes the place it names and no other. NULL: reported. */
static struct tb_node *expand(struct loader *l, int index, unsigned depth)
{
    const yaml_node_t *from = yaml_document_get_node(l->document, index);
    struct tb_place place = place_of(l, from->start_mark);
    const char *wrong = NULL;
    if (l->open[index])
        wrong = "the anchor holds itself";
    else if (depth > TB_YAML_MAX_DEPTH)
        wrong = "nested too deep after expansion of aliases";
    else if (l->tree->count >= TB_YAML_MAX_NODES)
        wrong = "too many values after expansion of aliases";
    if (wrong) {
        tb_diag_at(l->diag, place, "%s", wrong);
        return NULL;
    }
    struct tb_node *to = tb_tree_node(l->tree, kind_of(from), place);
    l->open[index] = true;
    bool good = expand_content(l, from, to, depth);
    l->open[index] = false;
    return good ? to : NULL;
}

static struct tb_node *expand_document(struct loader *l, yaml_document_t *document)
{
    size_t count = (size_t)(document->nodes.top - document->nodes.start);
    if (count == 0)
        return tb_tree_node(l->tree, TB_SCALAR, place_of(l, (yaml_mark_t){0}));
    l->document = document;
    l->open = calloc(count + 1, sizeof *l->open); /* numbered from 1 */
    if (!l->open)
        tb_host_no_memory(count);
    struct tb_node *root = expand(l, 1, 0);
    free(l->open);
    return root;
}

/* Text to nodes; nothing at all becomes an empty scalar. NULL: reported. */
static struct tb_node *load(struct loader *l)
{
    yaml_parser_t parser;
    yaml_document_t document;
    struct tb_node *root = NULL;
    if (l->length > TB_YAML_MAX_BYTES) {
        tb_diag_at(l->diag, place_of(l, (yaml_mark_t){0}), "longer than %zu MiB",
                   TB_YAML_MAX_BYTES >> 20);
        return NULL;
    }
    if (!survey(l))
        return NULL;
    start_parser(l, &parser);
    if (yaml_parser_load(&parser, &document)) {
        root = expand_document(l, &document);
        yaml_document_delete(&document);
    } else {
        report_problem(l, &parser);
    }
    yaml_parser_delete(&parser);
    return root;
}

struct tb_node *tb_tree_value(struct tb_tree *t, const char *text, const struct tb_place *place,
                              struct tb_diag *diag)
{
    struct loader l = {.tree = t,
                       .diag = diag,
                       .file = place->file,
                       .text = (const unsigned char *)text,
                       .length = strlen(text),
                       .fixed = place};
    return load(&l);
}

/* -- Trees ---------------------------------------------------------------------------------- */

static bool is_empty(const struct tb_node *n)
{
    return n->kind == TB_SCALAR && !n->quoted && n->text[0] == '\0';
}

/* The mark some editors put before the text: libyaml would count it as a column. */
static size_t byte_order_mark(const char *text, size_t length)
{
    return length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

struct tb_tree *tb_tree_text(const char *name, const char *text, size_t length,
                             struct tb_diag *diag)
{
    size_t mark = byte_order_mark(text, length);
    struct tb_tree *t = calloc(1, sizeof *t);
    if (!t)
        tb_host_no_memory(sizeof *t);
    t->arena = tb_arena_new();
    struct loader l = {.tree = t,
                       .diag = diag,
                       .file = tb_arena_copy(t->arena, name),
                       .text = (const unsigned char *)text + mark,
                       .length = length - mark};
    t->root = load(&l);
    if (t->root && is_empty(t->root)) {
        tb_diag_at(diag, (struct tb_place){l.file, 1, 1}, "the document is empty");
        t->root = NULL;
    }
    if (t->root)
        return t;
    tb_tree_free(t);
    return NULL;
}

/* The whole of a file, at most one byte more than is allowed. NULL: errno says why. */
static char *read_all(const char *path, size_t *length)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    size_t size = 0, room = 0;
    char *text = NULL;
    do {
        room = room ? room * 2 : (size_t)64 << 10;
        room = room > TB_YAML_MAX_BYTES ? TB_YAML_MAX_BYTES + 1 : room;
        char *grown = realloc(text, room);
        if (!grown)
            tb_host_no_memory(room);
        text = grown;
        size += fread(text + size, 1, room - size, f);
    } while (size == room && room <= TB_YAML_MAX_BYTES);
    int error = ferror(f) ? errno : 0;
    fclose(f);
    *length = size;
    if (!error)
        return text;
    free(text);
    errno = error;
    return NULL;
}

struct tb_tree *tb_tree_file(const char *path, struct tb_diag *diag)
{
    size_t length;
    char *text = read_all(path, &length);
    if (!text) {
        tb_diag_at(diag, (struct tb_place){path, 0, 0}, "cannot be read: %s", strerror(errno));
        return NULL;
    }
    struct tb_tree *t = tb_tree_text(path, text, length, diag);
    free(text);
    return t;
}

void tb_tree_free(struct tb_tree *t)
{
    if (!t)
        return;
    tb_arena_free(t->arena);
    free(t);
}

const struct tb_node *tb_tree_root(const struct tb_tree *t)
{
    return t->root;
}

const struct tb_node *tb_node_get(const struct tb_node *map, const char *key)
{
    if (!map || map->kind != TB_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (!strcmp(map->items[i]->key, key))
            return map->items[i];
    return NULL;
}
