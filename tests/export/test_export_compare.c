/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/mem.h"
#include "export/compare_runs.h"
#include "store/make_store.h"
#include "store/temp_store.h"

#include <stdbool.h>
#include <stdlib.h>

/* Reading the groups of a comparison: what is refused, and each allocation failing once. */

static int calls_left = -1;

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    return calls_left-- == 0 ? NULL : __real_erg_realloc(block, bytes);
}

static void test_groups(void **state)
{
    static const struct {
        const char *name;
        int code;
        const char *says;
    } rows[] = {
        {MAKE_STORE_MINIMAL, ERG_UNSUPPORTED, "is failed: only complete runs can be compared"},
        {"tag:baseline", ERG_INVALID, "stands on both sides"},
        {"experiment:none", ERG_NOT_FOUND, "'experiment:none' has no complete run"},
        {"no-such-run", ERG_NOT_FOUND, "no-such-run"},
    };
    struct temp_store temp = temp_store_new();
    struct erg_store *store = NULL;
    (void)state;
    make_store(temp.path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_compare compare = {0};
        struct erg_err err = {0};
        assert_int_equal(erg_compare_add_group(&compare, store, "0190a0b1", &err), 0);
        assert_string_equal(compare.groups[0].name, MAKE_STORE_DEEP);
        assert_int_equal(erg_compare_add_group(&compare, store, rows[i].name, &err), rows[i].code);
        assert_int_equal(err.code, rows[i].code);
        assert_non_null(strstr(err.text, rows[i].says));
        erg_compare_deinit(&compare);
    }
    erg_store_close(store);
    temp_store_remove(&temp);
}

static int read_all(struct erg_store *store, struct erg_err *err)
{
    struct erg_compare compare = {0};
    int rc = erg_compare_add_group(&compare, store, "experiment:fixture", err);
    if (!rc)
        rc = erg_compare_load_tokens(&compare, store, err);
    if (!rc) {
        assert_int_equal(compare.groups[0].run_count, 1);
        assert_int_equal(compare.groups[0].token_count, 7);
        assert_true(compare.groups[0].tokens_agree && compare.groups[0].token_runs == 1);
    }
    erg_compare_deinit(&compare);
    return rc;
}

static void test_every_allocation_fails_once(void **state)
{
    struct temp_store temp = temp_store_new();
    struct erg_store *store = NULL;
    int failed = 0;
    (void)state;
    make_store(temp.path);
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_READ, NULL, NULL), 0);
    for (int k = 0;; k++) {
        struct erg_err err = {0};
        calls_left = k;
        int rc = read_all(store, &err);
        bool ran_out = calls_left < 0;
        calls_left = -1;
        assert_int_equal(rc, ran_out ? ERG_NOMEM : 0);
        assert_int_equal(err.code, rc);
        failed += rc != 0;
        if (!ran_out)
            break;
    }
    assert_true(failed > 10);
    erg_store_close(store);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
