/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

static int allocations_left = -1; /* -1 = unlimited */

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return __real_erg_realloc(block, bytes);
}

static void test_content(void **state)
{
    (void)state;
    struct erg_buf buf;
    erg_buf_init(&buf);
    assert_string_equal(erg_buf_view(&buf), "");
    erg_buf_printf(&buf, "%d-%s", 42, "x");
    erg_buf_putc(&buf, '!');
    erg_buf_append(&buf, "\0z", 2);
    assert_int_equal(buf.len, 7);
    assert_memory_equal(erg_buf_view(&buf), "42-x!\0z", 8);
    erg_buf_clear(&buf);
    assert_string_equal(erg_buf_view(&buf), "");
    for (int i = 0; i < 10000; i++)
        erg_buf_puts(&buf, "0123456789");
    assert_int_equal(buf.len, 100000);
    char *taken = erg_buf_take(&buf);
    assert_int_equal(strlen(taken), 100000);
    assert_null(buf.data);
    free(taken);
}

static void test_failure_is_sticky(void **state)
{
    (void)state;
    struct erg_buf buf;
    erg_buf_init(&buf);
    erg_buf_puts(&buf, "kept");
    allocations_left = 0;
    for (int i = 0; i < 100; i++)
        erg_buf_puts(&buf, "more than fits the first block");
    allocations_left = -1;
    assert_int_equal(erg_buf_status(&buf), ERG_NOMEM);
    size_t len = buf.len;
    erg_buf_puts(&buf, "ignored");
    assert_int_equal(buf.len, len);
    assert_null(erg_buf_take(&buf));
    erg_buf_deinit(&buf);
}

static void test_grow(void **state)
{
    (void)state;
    void *items = NULL;
    size_t capacity = 0;
    assert_int_equal(erg_grow(&items, &capacity, 5, 8, 20), 0);
    assert_true(capacity >= 5 && capacity <= 20);
    assert_int_equal(erg_grow(&items, &capacity, 20, 8, 20), 0);
    assert_int_equal(capacity, 20);
    assert_int_equal(erg_grow(&items, &capacity, 21, 8, 20), ERG_LIMIT);
    assert_int_equal(erg_grow(&items, &capacity, 21, 8, SIZE_MAX), ERG_LIMIT);
    allocations_left = 0;
    assert_int_equal(erg_grow(&items, &capacity, 21, 8, 99), ERG_NOMEM);
    allocations_left = -1;
    assert_int_equal(capacity, 20);
    free(items);
    assert_null(erg_calloc(SIZE_MAX / 2, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_failure_is_sticky),
        cmocka_unit_test(test_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
