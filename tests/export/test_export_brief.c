/* SPDX-License-Identifier: MIT */
#include "export/brief.h"

#include "test.h"

#include <stdlib.h>

static char *cut(const char *json)
{
    struct erg_buf out = {0};
    erg_summary_brief(json, &out);
    return erg_buf_take(&out);
}

static void expect_same(const char *json)
{
    char *got = cut(json);
    assert_string_equal(got, json);
    free(got);
}

static void test_what_is_short_stays(void **state)
{
    (void)state;
    expect_same("{}");
    expect_same(
        "{\"total_energy_mj\":649.92243,\"n\":3,\"prompt\":\"a \\\"b\\\" \\\\\",\"x\":null}");
    expect_same("{\"prompt\":null,\"response\":\"\",\"list\":[\"prompt\",{\"prompt\":\"p\"}]}");
}

/* 200 characters are kept, however each of them is written; then the object goes on. */
static void test_long_bodies_are_cut(void **state)
{
    static const char *const characters[] = {
        "a", "\\n", "\\u00e9", "\\ud83d\\ude00", "\xC3\xA9", "\xF0\x9F\x98\x80", "\\\"", "\\\\"};
    (void)state;
    for (size_t c = 0; c < ERG_COUNT(characters); c++) {
        for (size_t n = 199; n <= 201; n++) {
            struct erg_buf json = {0}, expected = {0};
            for (size_t body = 0; body < 2; body++) {
                struct erg_buf *to = body ? &expected : &json;
                erg_buf_puts(to, "{\"prompt\":\"");
                for (size_t i = 0; i < n && !(body && i == 200); i++)
                    erg_buf_puts(to, characters[c]);
                erg_buf_puts(to, "\",\"n\":1}");
            }
            char *got = cut(erg_buf_view(&json));
            assert_string_equal(got, erg_buf_view(&expected));
            free(got);
            erg_buf_deinit(&json);
            erg_buf_deinit(&expected);
        }
    }
}

/* Only members of the summary itself; a value that looks like the key is none. */
static void test_only_the_bodies(void **state)
{
    (void)state;
    struct erg_buf json = {0};
    erg_buf_puts(&json, "{\"failure\":\"prompt\",\"model\":{\"prompt\":\"");
    for (int i = 0; i < 300; i++)
        erg_buf_putc(&json, 'x');
    erg_buf_puts(&json, "\"}}");
    expect_same(erg_buf_view(&json));
    erg_buf_deinit(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_short_stays),
        cmocka_unit_test(test_long_bodies_are_cut),
        cmocka_unit_test(test_only_the_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
