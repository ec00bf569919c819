/* A libFuzzer entry for all that reads YAML: any bytes become a tree or errors, any tree becomes a
 * struct or errors; and what was accepted is printed, loaded again and must print the same.
 *
 * As a test (fuzz_replay.c) it runs over tests/fuzz/corpus. To search with it:
 *     clang -g -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isim -Isim/include -Itests
 * tests/fuzz/fuzz_tree.c \ sim/{arena,diag,tree*,value*,param,table}.c -lyaml -o fuzz_tree &&
 * ./fuzz_tree tests/fuzz/corpus
 */
#include "fuzz/fuzz_tree.h"
#include "every_type.h"
#include "yaml/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Fills a struct from a text. NULL: it was refused, with at least one error told. */
static char *printed(const char *name, const uint8_t *text, size_t length)
{
    struct tb_diag *diag = tb_diag_new();
    struct tb_arena *arena = tb_arena_new();
    struct tb_tree *tree = tb_tree_text(name, (const char *)text, length, diag);
    struct device device = {0};
    char *yaml = NULL;
    size_t size;
    FILE *null = fopen("/dev/null", "w");
    bool good = tree && tb_params_read(every_type, tb_tree_root(tree), NULL, &device, arena, diag);
    assert(good == (tb_diag_count(diag) == 0) && null);
    tb_diag_print(diag, null);
    if (good) {
        FILE *to = open_memstream(&yaml, &size);
        if (!tb_table_yaml(to, every_type, &device, (struct tb_yaml_style){0}))
            fputs("{}\n", to);
        fclose(to);
    }
    if (tree)
        tb_node_yaml(null, tb_tree_root(tree), 0);
    fclose(null);
    tb_tree_free(tree);
    tb_arena_free(arena);
    tb_diag_free(diag);
    return yaml;
}

/* The first line as an override ("path=value") of the rest. */
static void override(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    size_t line = end ? (size_t)(end - data) : size;
    char path[256] = "";
    memcpy(path, data, line < sizeof path - 1 ? line : sizeof path - 1);
    char *equals = strchr(path, '=');
    struct tb_diag *diag = tb_diag_new();
    struct tb_tree *tree =
        end && equals ? tb_tree_text("f", (const char *)end, size - line, diag) : NULL;
    if (tree) {
        *equals = '\0';
        size_t before = tb_diag_count(diag);
        bool good = tb_tree_override(tree, tb_tree_root(tree), path, equals + 1,
                                     (struct tb_place){"--set", 0, 0}, diag);
        assert(good == (tb_diag_count(diag) == before));
    }
    tb_tree_free(tree);
    tb_diag_free(diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *yaml = printed("f", data, size);
    char *again = yaml ? printed("f", (const uint8_t *)yaml, strlen(yaml)) : NULL;
    assert(!yaml || (again && !strcmp(yaml, again)));
    free(yaml);
    free(again);
    override(data, size);
    return 0;
}
