/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/utf8.h"

/* Every code point, encoded by the definition, is one step; one byte less is an incomplete tail. */
static void test_all_code_points(void **state)
{
    (void)state;
    for (uint32_t cp = 0x80; cp < 0x110000; cp++) {
        char text[4];
        size_t len;
        if (cp < 0x800) {
            text[0] = (char)(0xC0 | cp >> 6);
            len = 2;
        } else if (cp < 0x10000) {
            text[0] = (char)(0xE0 | cp >> 12);
            len = 3;
        } else {
            text[0] = (char)(0xF0 | cp >> 18);
            len = 4;
        }
        for (size_t i = 1; i < len; i++)
            text[i] = (char)(0x80 | (cp >> (6 * (len - 1 - i)) & 0x3F));
        bool surrogate = cp >= 0xD800 && cp <= 0xDFFF;
        assert_int_equal(erg_utf8_step(text, len), surrogate ? 0 : len);
        assert_int_equal(erg_utf8_step(text, len - 1), 0);
        if (!surrogate)
            assert_int_equal(erg_utf8_incomplete_tail(text, len - 1), len - 1);
        assert_int_equal(erg_utf8_incomplete_tail(text, len), 0);
    }
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x80\x80",
                                      "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xC3(",
                                      "\xE2\x82("};
    for (size_t i = 0; i < ERG_COUNT(bad); i++) {
        assert_int_equal(erg_utf8_step(bad[i], strlen(bad[i])), 0);
        assert_false(erg_utf8_valid(bad[i], strlen(bad[i])));
    }
    assert_true(erg_utf8_valid("na\xC3\xAFve", 6));
    assert_int_equal(erg_utf8_length("na\xC3\xAFve", 6), 5);
    assert_int_equal(erg_utf8_truncate("na\xC3\xAFve", 6, 3), 2);
}

/* Whatever goes in, what comes out is valid, and valid text is not changed. */
static void test_sanitize(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct erg_buf buf;
    erg_buf_init(&buf);
    for (int k = 0; k < 5000; k++) {
        char text[24];
        size_t len = test_below(&seed, sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)test_random(&seed);
        erg_buf_clear(&buf);
        erg_utf8_sanitize(text, len, &buf);
        assert_true(erg_utf8_valid(erg_buf_view(&buf), buf.len));
        if (erg_utf8_valid(text, len)) {
            assert_int_equal(buf.len, len);
            assert_memory_equal(erg_buf_view(&buf), text, len);
        } else {
            assert_non_null(memmem(erg_buf_view(&buf), buf.len, "\xEF\xBF\xBD", 3));
        }
    }
    erg_buf_deinit(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_code_points),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_sanitize),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
