/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "export/gunzip64.h"
#include "export/gzip64.h"
#include "export/redact.h"

#include <stdio.h>

static int collect(void *user, const char *bytes, size_t len)
{
    erg_buf_append(user, bytes, len);
    return 0;
}

/* --- what was read and written ---------------------------------------------------------------- */

static const struct {
    const char *json, *expected;
} cases[] = {
    {"{\"prompt\":\"a secret\",\"response\":\"another\"}", "{\"prompt\":\"\",\"response\":\"\"}"},
    {"{\"prompt\":null,\"x\":\"kept\"}", "{\"prompt\":null,\"x\":\"kept\"}"},
    {"[{\"text\":\"\\\"text\\\":\\\"x\\\\\",\"token\":417,\"y\":[1,-2.5e3]}]",
     "[{\"text\":\"\",\"token\":-1,\"y\":[1,-2.5e3]}]"},
    {"{\"token\":-7}", "{\"token\":-1}"},
    {"{\"token\":null,\"token\":[12],\"tokens\":3}",
     "{\"token\":null,\"token\":[12],\"tokens\":3}"},
    /* a value that looks like a key, and a key that only begins like one */
    {"{\"name\":\"prompt\",\"text_bytes\":5,\"texts\":\"kept\",\"x\":\"text\"}",
     "{\"name\":\"prompt\",\"text_bytes\":5,\"texts\":\"kept\",\"x\":\"text\"}"},
    {"[\"prompt\",\"a\",\"text\",\"b\"]", "[\"prompt\",\"a\",\"text\",\"b\"]"},
    {"{\"prompt\":[\"kept\"],\"text\":{\"a\":\"kept\"}}",
     "{\"prompt\":[\"kept\"],\"text\":{\"a\":\"kept\"}}"},
    {"{\"text\":\"\\u0022 \xf0\x9f\x98\x80\",\"z\":\"\\\\\"}", "{\"text\":\"\",\"z\":\"\\\\\"}"},
};

static void test_texts_are_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        size_t len = strlen(cases[i].json);
        for (size_t piece = 1; piece <= len; piece++) {
            struct erg_redact redact;
            struct erg_buf out;
            erg_buf_init(&out);
            erg_redact_init(&redact, collect, &out);
            for (size_t at = 0; at < len; at += piece) {
                size_t n = at + piece > len ? len - at : piece;
                assert_int_equal(erg_redact_put(&redact, cases[i].json + at, n), 0);
            }
            assert_string_equal(erg_buf_view(&out), cases[i].expected);
            erg_buf_deinit(&out);
        }
    }
}

static void test_long_texts_are_left_out(void **state)
{
    struct erg_redact redact;
    struct erg_buf json, out;
    (void)state;
    erg_buf_init(&json);
    erg_buf_init(&out);
    erg_buf_puts(&json, "[");
    for (int i = 0; i < 3000; i++)
        erg_buf_printf(&json, "%s{\"text\":\"%0*d\",\"n\":%d}", i ? "," : "", i % 70, i, i);
    erg_buf_puts(&json, "]");
    erg_redact_init(&redact, collect, &out);
    assert_int_equal(erg_redact_put(&redact, json.data, json.len), 0);
    const char *at = erg_buf_view(&out);
    for (int i = 0; i < 3000; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "%c{\"text\":\"\",\"n\":%d}", i ? ',' : '[', i);
        assert_memory_equal(at, expected, strlen(expected));
        at += strlen(expected);
    }
    assert_string_equal(at, "]");
    erg_buf_deinit(&json);
    erg_buf_deinit(&out);
}

/* --- gzip in base64 --------------------------------------------------------------------------- */

static void write_all(struct erg_buf *text, const char *bytes, size_t len, size_t piece)
{
    struct erg_gzip64 *gzip64;
    assert_int_equal(erg_gzip64_open(&gzip64, collect, text, NULL), 0);
    for (size_t at = 0; at < len; at += piece)
        assert_int_equal(erg_gzip64_put(gzip64, bytes + at, at + piece > len ? len - at : piece),
                         0);
    assert_int_equal(erg_gzip64_finish(gzip64, NULL), 0);
    erg_gzip64_close(gzip64);
}

static void test_bytes_come_back(void **state)
{
    static const size_t lengths[] = {1, 2, 3, 4, 100, 4095, 70000};
    static char bytes[70000];
    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * i * 31 >> 5);
    for (size_t i = 0; i < ERG_COUNT(lengths); i++) {
        struct erg_buf text, out, again;
        erg_buf_init(&text);
        erg_buf_init(&out);
        erg_buf_init(&again);
        write_all(&text, bytes, lengths[i], 997);
        gunzip64(text.data, text.len, &out);
        assert_int_equal(out.len, lengths[i]);
        assert_memory_equal(out.data, bytes, out.len);
        write_all(&again, bytes, lengths[i], 997);
        assert_string_equal(erg_buf_view(&again), erg_buf_view(&text));
        erg_buf_deinit(&text);
        erg_buf_deinit(&out);
        erg_buf_deinit(&again);
    }
}

static int refuse(void *user, const char *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    ++*(int *)user;
    return ERG_IO;
}

static void test_a_full_disk_is_told(void **state)
{
    struct erg_gzip64 *gzip64;
    struct erg_err err = {0};
    int calls = 0;
    (void)state;
    assert_int_equal(erg_gzip64_open(&gzip64, refuse, &calls, NULL), 0);
    assert_int_equal(erg_gzip64_put(gzip64, "abcdefghi", 9), 0); /* not written before the end */
    assert_int_equal(erg_gzip64_finish(gzip64, &err), ERG_IO);
    assert_int_equal(calls, 1);
    assert_non_null(strstr(err.text, "cannot compress"));
    erg_gzip64_close(gzip64);
    erg_gzip64_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_left_out),
        cmocka_unit_test(test_long_texts_are_left_out),
        cmocka_unit_test(test_bytes_come_back),
        cmocka_unit_test(test_a_full_disk_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
