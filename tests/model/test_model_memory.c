/* SPDX-License-Identifier: MIT */
/* Finding a model with the k-th allocation failing, for every k: an error or a result, no leak. */
#include "base/mem.h"
#include "model/discover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int calls_left;

/* base/mem.c calls itself inside its own file, so each way in is wrapped. */
int __real_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max);
int __wrap_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max);
char *__real_erg_strndup(const char *text, size_t len);
char *__wrap_erg_strndup(const char *text, size_t len);
char *__real_erg_strdup(const char *text);
char *__wrap_erg_strdup(const char *text);

int __wrap_erg_grow(void **items, size_t *capacity, size_t need, size_t item_bytes, size_t max)
{
    if (calls_left-- == 0)
        return ERG_NOMEM;
    return __real_erg_grow(items, capacity, need, item_bytes, max);
}

char *__wrap_erg_strndup(const char *text, size_t len)
{
    return calls_left-- == 0 ? NULL : __real_erg_strndup(text, len);
}

char *__wrap_erg_strdup(const char *text)
{
    return calls_left-- == 0 ? NULL : __real_erg_strdup(text);
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    struct erg_model_dirs dirs = {.count = 1, .path = {"model"}};
    int k = 0, failed = 0;
    for (;; k++) {
        char *path = NULL, *note = NULL;
        calls_left = k;
        int rc = erg_model_resolve(&dirs, "absent", &path, &note, NULL);
        bool ran_out = calls_left < 0;
        calls_left = -1;
        assert_null(path);
        assert_true(rc == ERG_NOMEM || rc == ERG_NOT_FOUND);
        failed += rc == ERG_NOMEM;
        if (!ran_out)
            break;
    }
    assert_true(failed > 0 && failed == k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation_fails_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
