#ifndef TESTS_FUZZ_TREE_H
#define TESTS_FUZZ_TREE_H

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer calls: one input; a failed assertion or a sanitizer's report is a failure. Returns
 * 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
