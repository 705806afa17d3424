/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "power/power.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int fail_at; /* the allocation that fails, counting from 1; 0 = none */

void *__real_erg_calloc(size_t count, size_t size);
void *__wrap_erg_calloc(size_t count, size_t size);
int __real_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max);
int __wrap_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max);

void *__wrap_erg_calloc(size_t count, size_t size)
{
    if (fail_at && --fail_at == 0)
        return NULL;
    return __real_erg_calloc(count, size);
}

int __wrap_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max)
{
    if (fail_at && --fail_at == 0)
        return ERG_NOMEM;
    return __real_erg_grow(items, capacity, need, item_bytes, max);
}

/* Fail the k-th allocation for every k: an error or a working set, and nothing is lost. */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const specs[] = {"none", "auto", "estimate", "synthetic:cpu=1W,gpu=2W",
                                        "replay:power/traces/power.csv"};
    struct erg_root root;
    assert_int_equal(erg_root_init(&root, "power/roots/desktop", NULL), 0);
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct erg_power_options options = {.spec = specs[i], .root = &root, .allow_files = true};
        bool exhausted = false;
        int refused = 0;
        for (int k = 1; !exhausted; k++) {
            struct erg_power *power = NULL;
            struct erg_err err = {.text = ""};
            bool unusable = false;
            assert_true(k < 100);
            fail_at = k;
            int rc = erg_power_open(&power, &options, &unusable, &err);
            exhausted = fail_at > 0;
            fail_at = 0;
            assert_true(rc == 0 || rc == ERG_NOMEM);
            assert_false(unusable);
            refused += rc != 0;
            if (rc == 0) {
                struct erg_buf json;
                erg_buf_init(&json);
                assert_int_equal(erg_power_describe(power, &json, NULL), 0);
                erg_buf_deinit(&json);
            }
            erg_power_close(power);
        }
        assert_true(refused > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
