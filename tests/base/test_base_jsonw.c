/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/err.h"
#include "base/jsonw.h"

#include <jansson.h>
#include <math.h>

static void write_sample(struct erg_jsonw *w)
{
    erg_jsonw_obj_begin(w);
    erg_jsonw_kstr(w, "text", "a\"b\\c\n\x01\x7f \xC3\xA9 \xFF");
    erg_jsonw_kint(w, "int", INT64_MIN);
    erg_jsonw_kreal(w, "real", 0.1);
    erg_jsonw_kreal(w, "nan", NAN);
    erg_jsonw_kmicro(w, "micro", -1500001);
    erg_jsonw_kbool(w, "yes", true);
    erg_jsonw_kstr(w, "none", NULL);
    erg_jsonw_key(w, "list");
    erg_jsonw_arr_begin(w);
    erg_jsonw_uint(w, UINT64_MAX);
    erg_jsonw_obj_begin(w);
    erg_jsonw_obj_end(w);
    erg_jsonw_arr_begin(w);
    erg_jsonw_arr_end(w);
    erg_jsonw_arr_end(w);
    erg_jsonw_obj_end(w);
}

static void test_values(void **state)
{
    (void)state;
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    write_sample(&w);
    assert_int_equal(erg_jsonw_finish(&w), 0);
    assert_string_equal(
        erg_buf_view(&buf),
        "{\"text\":\"a\\\"b\\\\c\\n\\u0001\\u007f \xC3\xA9 \xEF\xBF\xBD\","
        "\"int\":-9223372036854775808,\"real\":0.1,\"nan\":null,\"micro\":-1.500001,"
        "\"yes\":true,\"none\":null,\"list\":[18446744073709551615,{},[]]}");
    erg_buf_deinit(&buf);
}

static void test_pretty_means_the_same(void **state)
{
    (void)state;
    struct erg_buf buf;
    struct erg_jsonw w;
    erg_buf_init(&buf);
    erg_jsonw_init(&w, &buf);
    w.pretty = true;
    write_sample(&w);
    /* jansson has no integers beyond int64; the rest of the document must parse. */
    json_t *json = json_loads(erg_buf_view(&buf), JSON_DECODE_INT_AS_REAL, NULL);
    assert_non_null(json);
    assert_int_equal(json_object_size(json), 8);
    assert_non_null(strstr(erg_buf_view(&buf), "\n  \"yes\": true,\n"));
    json_decref(json);
    erg_buf_deinit(&buf);
}

struct sink {
    size_t calls, bytes;
    int result;
};

static int count_bytes(void *user, const char *bytes, size_t len)
{
    struct sink *sink = user;
    (void)bytes;
    sink->calls++;
    sink->bytes += len;
    return sink->result;
}

static void write_long(struct erg_jsonw *w)
{
    erg_jsonw_arr_begin(w);
    for (int i = 0; i < 100000; i++) {
        erg_jsonw_arr_begin(w);
        erg_jsonw_int(w, i);
        erg_jsonw_arr_end(w);
    }
    erg_jsonw_arr_end(w);
}

static void test_sink_gets_everything_in_pieces(void **state)
{
    (void)state;
    struct erg_buf whole, scratch;
    struct erg_jsonw w;
    struct sink sink = {0};
    erg_buf_init(&whole);
    erg_buf_init(&scratch);
    erg_jsonw_init(&w, &whole);
    write_long(&w);
    erg_jsonw_init_sink(&w, &scratch, count_bytes, &sink);
    write_long(&w);
    assert_int_equal(erg_jsonw_finish(&w), 0);
    assert_int_equal(sink.bytes, whole.len);
    assert_true(sink.calls > 5);
    assert_true(scratch.capacity < 200000);

    sink = (struct sink){.result = ERG_IO};
    erg_jsonw_init_sink(&w, &scratch, count_bytes, &sink);
    write_long(&w);
    assert_int_equal(erg_jsonw_finish(&w), ERG_IO);
    assert_int_equal(sink.calls, 1);
    erg_buf_deinit(&whole);
    erg_buf_deinit(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_pretty_means_the_same),
        cmocka_unit_test(test_sink_gets_everything_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
