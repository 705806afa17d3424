/* SPDX-License-Identifier: MIT */
#include "model/gguf.h"

#include "model/make_gguf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int parse(const struct erg_buf *buf, struct erg_model_info *info, struct erg_err *err)
{
    /* A copy of exact size, so that AddressSanitizer sees a read behind the end. */
    char *copy = malloc(buf->len ? buf->len : 1);
    if (buf->len)
        memcpy(copy, buf->data, buf->len);
    int rc = erg_gguf_parse(copy, buf->len, info, err);
    free(copy);
    return rc;
}

static void expect_failure(struct erg_buf *buf, int code, const char *message)
{
    struct erg_model_info info;
    struct erg_err err = {0};
    assert_int_equal(parse(buf, &info, &err), code);
    if (!strstr(err.text, message))
        fail_msg("'%s' does not say '%s'", err.text, message);
    erg_buf_deinit(buf);
}

static void test_whole_model(void **state)
{
    (void)state;
    for (uint32_t version = 2; version <= 3; version++) {
        struct erg_buf buf = {0};
        struct erg_model_info info;
        make_model(&buf, version, 15);
        assert_int_equal(parse(&buf, &info, NULL), 0);
        assert_string_equal(info.architecture, "llama");
        assert_string_equal(info.name, "Tiny");
        assert_string_equal(info.quantization, "Q4_K_M");
        assert_int_equal(info.parameters, 64 * 10 + 64 * 2);
        assert_int_equal(info.layers, 3);
        assert_int_equal(info.embedding_length, 64);
        assert_int_equal(info.heads, 8);
        assert_int_equal(info.kv_heads, 8);
        assert_int_equal(info.feed_forward_length, 96);
        assert_int_equal(info.context_length, 512);
        assert_int_equal(info.vocab_size, 10);
        assert_int_equal(info.tensor_count, 2);
        assert_int_equal(info.tensor_bytes, 680 + 512);
        assert_int_equal(info.file_bytes, buf.len);
        assert_true(info.has_chat_template);
        erg_buf_deinit(&buf);
    }
}

static void test_quantization_from_tensors(void **state)
{
    (void)state;
    struct erg_buf buf = {0};
    struct erg_model_info info;
    make_model(&buf, 3, -1);
    assert_int_equal(parse(&buf, &info, NULL), 0);
    assert_string_equal(info.quantization, "Q8_0"); /* 680 bytes against 512 */
    erg_buf_deinit(&buf);
}

static void test_keys_before_the_architecture(void **state)
{
    (void)state;
    struct erg_buf buf = {0};
    struct erg_model_info info;
    put_header(&buf, 3, 0, 2);
    put_key_u32(&buf, "gemma.block_count", 26);
    put_key_text(&buf, "general.architecture", "gemma");
    assert_int_equal(parse(&buf, &info, NULL), 0);
    assert_int_equal(info.layers, 26);
    erg_buf_deinit(&buf);
}

static void test_truncated_at_every_byte(void **state)
{
    (void)state;
    struct erg_buf buf = {0};
    make_model(&buf, 3, 7);
    size_t whole = buf.len;
    for (size_t len = 0; len < whole; len++) {
        struct erg_model_info info;
        struct erg_err err = {0};
        buf.len = len;
        assert_int_equal(parse(&buf, &info, &err), ERG_CORRUPT);
        assert_true(err.text[0] != '\0');
    }
    erg_buf_deinit(&buf);
}

static void test_every_byte_changed(void **state)
{
    static const unsigned char masks[] = {0x01, 0x80, 0xFF};
    (void)state;
    struct erg_buf buf = {0};
    make_model(&buf, 3, 7);
    for (size_t i = 0; i < buf.len; i++) {
        for (size_t m = 0; m < sizeof masks; m++) {
            struct erg_model_info info;
            struct erg_err err = {0};
            buf.data[i] = (char)(buf.data[i] ^ masks[m]);
            int rc = parse(&buf, &info, &err);
            assert_true(rc == 0 || rc == ERG_CORRUPT || rc == ERG_UNSUPPORTED);
            assert_int_equal(rc, err.code);
            buf.data[i] = (char)(buf.data[i] ^ masks[m]);
        }
    }
    erg_buf_deinit(&buf);
}

static void test_truncation_says_where(void **state)
{
    (void)state;
    struct erg_buf buf = {0};
    make_model(&buf, 3, 7);
    buf.len -= 1;
    expect_failure(&buf, ERG_CORRUPT, "is truncated: tensor 'blk.0.ffn_up.weight' needs 512 bytes");
    put_header(&buf, 3, 1, 1);
    put_key_text(&buf, "general.architecture", "llama");
    put_tensor(&buf, "token_embd.weight", 64, 10, 8, 0);
    buf.len -= 3;
    expect_failure(&buf, ERG_CORRUPT, "it ends inside the tensor table");
    put_header(&buf, 3, 0, 1);
    put_key_text(&buf, "general.architecture", "llama");
    buf.len -= 3;
    expect_failure(&buf, ERG_CORRUPT, "it ends inside the metadata");
}

static void test_huge_counts(void **state)
{
    (void)state;
    static const uint64_t huge[] = {1000000, UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        struct erg_buf buf = {0};
        put_header(&buf, 3, huge[i], 0);
        expect_failure(&buf, ERG_CORRUPT, "more than its 24 bytes can hold");
        put_header(&buf, 3, 0, huge[i]);
        expect_failure(&buf, ERG_CORRUPT, "more than its 24 bytes can hold");
        for (uint32_t type = 4; type <= 9; type += 4) { /* numbers, texts */
            put_header(&buf, 3, 0, 1);
            put_text(&buf, "x");
            put_u32(&buf, 9);
            put_u32(&buf, type);
            put_u64(&buf, huge[i]);
            expect_failure(&buf, ERG_CORRUPT, "more than the file can hold");
        }
        put_header(&buf, 3, 0, 1);
        put_u64(&buf, huge[i]); /* length of a key */
        erg_buf_puts(&buf, "0123456789");
        expect_failure(&buf, ERG_CORRUPT, "it ends inside the metadata");
        put_header(&buf, 3, 1, 1);
        put_key_text(&buf, "general.architecture", "llama");
        put_tensor(&buf, "t", huge[i], huge[i], 0, 0);
        expect_failure(&buf, ERG_CORRUPT, i ? "is impossibly large" : "is truncated: tensor 't'");
    }
}

static void test_wrong_files(void **state)
{
    (void)state;
    struct erg_buf buf = {0};
    expect_failure(&buf, ERG_CORRUPT, "is empty");
    erg_buf_puts(&buf, "PK\3\4 something else altogether");
    expect_failure(&buf, ERG_CORRUPT, "is not a GGUF file");
    erg_buf_puts(&buf, "version https://git-lfs.github.com/spec/v1\n");
    expect_failure(&buf, ERG_CORRUPT, "git lfs pull");
    put_header(&buf, 1, 0, 0);
    expect_failure(&buf, ERG_UNSUPPORTED, "GGUF version 1");
    put_header(&buf, 0x03000000, 0, 0);
    expect_failure(&buf, ERG_UNSUPPORTED, "big-endian");
    put_header(&buf, 3, 0, 0);
    expect_failure(&buf, ERG_CORRUPT, "names no architecture");
}

static void test_bad_tensors(void **state)
{
    (void)state;
    static const struct {
        uint64_t ne0;
        uint32_t type;
        uint64_t offset;
        const char *message;
    } rows[] = {
        {65, 8, 0, "not a multiple of Q8_0's 32"},
        {64, 8, 7, "not a place for a tensor"},
        {64, 8, UINT64_MAX - 31, "not a place for a tensor"},
        {64, 8, 1 << 20, "is truncated: tensor 't'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_buf buf = {0};
        put_header(&buf, 3, 1, 1);
        put_key_text(&buf, "general.architecture", "llama");
        put_tensor(&buf, "t", rows[i].ne0, 1, rows[i].type, rows[i].offset);
        expect_failure(&buf, ERG_CORRUPT, rows[i].message);
    }
}

static void test_nested_arrays_end(void **state)
{
    (void)state;
    struct erg_buf buf = {0};
    put_header(&buf, 3, 0, 1);
    put_text(&buf, "x");
    put_u32(&buf, 9);
    for (int i = 0; i < 2000; i++) {
        put_u32(&buf, 9);
        put_u64(&buf, 1);
    }
    expect_failure(&buf, ERG_CORRUPT, "nest too deep");
}

static void test_control_characters_do_not_reach_a_terminal(void **state)
{
    (void)state;
    struct erg_buf buf = {0};
    struct erg_model_info info;
    put_header(&buf, 3, 0, 2);
    put_key_text(&buf, "general.architecture", "llama");
    put_key_text(&buf, "general.name", "a\x1b[31m\xC2\x9B\xFF\xC3\xA9");
    assert_int_equal(parse(&buf, &info, NULL), 0);
    assert_string_equal(info.name, "a?[31m???\xC3\xA9");
    erg_buf_deinit(&buf);
}

static void test_bundled_model(void **state)
{
    (void)state;
    struct erg_model_info info;
    struct erg_err err = {0};
    if (erg_gguf_read("../models/tales-q8_0.gguf", &info, &err))
        fail_msg("%s", err.text);
    assert_string_equal(info.architecture, "llama");
    assert_string_equal(info.name, "Tales 2.5M");
    assert_string_equal(info.quantization, "Q8_0");
    assert_int_equal(info.layers, 6);
    assert_int_equal(info.embedding_length, 192);
    assert_int_equal(info.heads, 6);
    assert_int_equal(info.kv_heads, 2);
    assert_int_equal(info.feed_forward_length, 512);
    assert_int_equal(info.context_length, 512);
    assert_int_equal(info.vocab_size, 946);
    assert_in_range(info.parameters, 2535000, 2545000);
    assert_false(info.has_chat_template);
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    struct erg_model_info info;
    struct erg_err err = {0};
    assert_int_equal(erg_gguf_read("no/such.gguf", &info, &err), ERG_NOT_FOUND);
    assert_non_null(strstr(err.text, "'no/such.gguf'"));
    assert_int_equal(erg_gguf_read("/", &info, &err), ERG_INVALID);
    assert_int_equal(erg_gguf_read("CMakeLists.txt", &info, &err), ERG_CORRUPT);
    assert_string_equal(err.text, "model 'CMakeLists.txt' is not a GGUF file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_model),
        cmocka_unit_test(test_quantization_from_tensors),
        cmocka_unit_test(test_keys_before_the_architecture),
        cmocka_unit_test(test_truncated_at_every_byte),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_truncation_says_where),
        cmocka_unit_test(test_huge_counts),
        cmocka_unit_test(test_wrong_files),
        cmocka_unit_test(test_bad_tensors),
        cmocka_unit_test(test_nested_arrays_end),
        cmocka_unit_test(test_control_characters_do_not_reach_a_terminal),
        cmocka_unit_test(test_bundled_model),
        cmocka_unit_test(test_files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
