/* One CUnit suite per program: a table of named tests, run in CUnit's Basic mode.
 *
 *     static void test_something(void) { CU_ASSERT_EQUAL(1 + 1, 2); }
 *     SUITE("something", {"adds", test_something})
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <CUnit/Basic.h>
#include <stddef.h>

struct suite_test {
    const char *name;
    void (*run)(void);
};

static inline int suite_main(const char *name, const struct suite_test *tests, size_t count)
{
    if (CU_initialize_registry() != CUE_SUCCESS)
        return 1;
    CU_pSuite suite = CU_add_suite(name, NULL, NULL);
    for (size_t i = 0; suite && i < count; i++)
        CU_add_test(suite, tests[i].name, tests[i].run);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures() || CU_get_number_of_tests_run() != count;
    CU_cleanup_registry();
    return failed ? 1 : 0;
}

#define SUITE(name, ...)                                                                           \
    int main(void)                                                                                 \
    {                                                                                              \
        static const struct suite_test tests[] = {__VA_ARGS__};                                    \
        return suite_main(name, tests, sizeof tests / sizeof tests[0]);                            \
    }

#endif
