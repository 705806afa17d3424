/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/err.h"

#include <errno.h>

static void test_codes(void **state)
{
    (void)state;
    assert_string_equal(erg_code_name(ERG_DENIED), "DENIED");
    assert_string_equal(erg_code_text(ERG_CORRUPT), "damaged data");
    assert_int_equal(erg_code_exit_status(0), 0);
    assert_int_equal(erg_code_exit_status(ERG_INVALID), 2);
    assert_int_equal(erg_code_exit_status(ERG_CANCELLED), 5);
    assert_int_equal(erg_code_exit_status(-99), 4);
    assert_string_equal(erg_code_name(-99), "UNKNOWN");
}

static void test_message_and_context(void **state)
{
    (void)state;
    struct erg_err err;
    assert_int_equal(erg_fail(&err, ERG_LIMIT, "%d tokens", 7), ERG_LIMIT);
    erg_err_prefix(&err, "run '%s'", "x");
    assert_string_equal(err.text, "run 'x': 7 tokens");
    assert_int_equal(err.code, ERG_LIMIT);
    assert_int_equal(erg_fail(NULL, ERG_IO, "nobody listens"), ERG_IO);
    erg_err_prefix(NULL, "nobody listens");
}

static void test_errno(void **state)
{
    (void)state;
    static const struct {
        int sys_errno, code;
    } rows[] = {{ENOENT, ERG_NOT_FOUND},  {EACCES, ERG_DENIED}, {ENOMEM, ERG_NOMEM},
                {EPIPE, ERG_GONE},        {EIO, ERG_IO},        {EBUSY, ERG_BUSY},
                {ENOSYS, ERG_UNSUPPORTED}};
    struct erg_err err;
    for (size_t i = 0; i < ERG_COUNT(rows); i++)
        assert_int_equal(erg_fail_errno(&err, rows[i].sys_errno, "x"), rows[i].code);
    erg_fail_errno(&err, EACCES, "cannot read '%s'", "f");
    assert_string_equal(err.text, "cannot read 'f': permission denied");
    assert_int_equal(err.sys_errno, EACCES);
}

static void test_long_messages_are_cut(void **state)
{
    (void)state;
    char name[600];
    struct erg_err err;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    erg_fail_errno(&err, EIO, "%s", name);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    erg_err_prefix(&err, "%s", name);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_message_and_context),
        cmocka_unit_test(test_errno),
        cmocka_unit_test(test_long_messages_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
