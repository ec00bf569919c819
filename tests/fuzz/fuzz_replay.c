/* Runs a fuzzer's entry over files, without libFuzzer: fuzz_tree FILE... Each file is also tried
 * cut off at every byte of its first few hundred, and with each of those bytes changed. */
#include "fuzz/fuzz_tree.h"

#include <stdio.h>
#include <stdlib.h>

#define LONGEST 300 /* bytes that are cut and changed */

static void damage(uint8_t *data, size_t size)
{
    static const uint8_t put[] = {0, '\t', '\n', '"', '*', ':', '[', '}', '9', 0x80, 0xff};
    for (size_t i = 0; i < size && i < LONGEST; i++) {
        uint8_t was = data[i];
        LLVMFuzzerTestOneInput(data, i);
        data[i] = put[i % sizeof put];
        LLVMFuzzerTestOneInput(data, size);
        data[i] = was;
    }
}

static int replay(const char *path)
{
    static const size_t most = (size_t)1 << 20;
    uint8_t *data = malloc(most);
    FILE *f = fopen(path, "rb");
    if (!data || !f) {
        perror(path);
        return 1;
    }
    size_t size = fread(data, 1, most, f);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    damage(data, size);
    free(data);
    return 0;
}

int main(int count, char **arguments)
{
    int status = count > 1 ? 0 : 1;
    for (int i = 1; i < count; i++)
        status |= replay(arguments[i]);
    printf("fuzz_tree: %d files\n", count - 1);
    return status;
}
