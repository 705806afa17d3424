/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Bad input: one clear line, the documented exit status, nothing on stdout, nothing stored. */

/* The tales model with `len` bytes (0 = all) and `patch` written at `at`. */
static const char *make_model(const char *name, size_t len, size_t at, const void *patch,
                              size_t patch_len)
{
    char *bytes = malloc(1 << 23);
    FILE *file = fopen(TALES, "rb");
    assert_non_null(file);
    size_t all = fread(bytes, 1, 1 << 23, file);
    fclose(file);
    memcpy(bytes + at, patch, patch_len);
    const char *path = in_folder(name);
    file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(bytes, 1, len ? len : all, file);
    fclose(file);
    free(bytes);
    return path;
}

/* Offset of `text` in the tales model. */
static size_t find_in_model(const char *text)
{
    char *bytes = malloc(1 << 20);
    FILE *file = fopen(TALES, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, 1 << 20, file);
    fclose(file);
    char *at = memmem(bytes, len, text, strlen(text));
    assert_non_null(at);
    size_t offset = (size_t)(at - bytes);
    free(bytes);
    return offset;
}

#define check_error(status, must_say, ...)                                                         \
    do {                                                                                           \
        struct output output = ergon(__VA_ARGS__);                                                 \
        assert_one_line_error(&output, status, must_say);                                          \
        free_output(&output);                                                                      \
    } while (0)

static void test_models(void **state)
{
    (void)state;
    static const uint64_t huge = UINT64_C(0x7fffffffffffffff);
    const char *garbage = make_model("garbage.gguf", 0, 0, "MZ\x90", 3);
    const char *cut = make_model("cut.gguf", 100000, 0, "", 0);
    const char *stub = make_model("stub.gguf", 20, 0, "", 0);
    const char *tensors = make_model("tensors.gguf", 0, 8, &huge, 8);
    const char *keys = make_model("keys.gguf", 0, 16, &huge, 8);
    /* The value of general.architecture comes after its type (4 bytes) and length (8). */
    size_t architecture = find_in_model("general.architecture") + 20 + 12;
    const char *other = make_model("other.gguf", 0, architecture, "lloma", 5);
    check_error(4, "no-such.gguf", "run", "-m", "no-such.gguf", "-p", "x");
    check_error(4, "garbage.gguf", "run", "-m", garbage, "-p", "x");
    check_error(4, "truncated", "run", "-m", cut, "-p", "x");
    check_error(4, "truncated", "run", "-m", stub, "-p", "x");
    check_error(4, "tensors.gguf", "run", "-m", tensors, "-p", "x");
    check_error(4, "keys.gguf", "run", "-m", keys, "-p", "x");
    check_error(4, "lloma", "run", "-m", other, "-p", "x");
    check_error(4, in_folder(""), "run", "-m", in_folder(""), "-p", "x");
}

static void test_prompts(void **state)
{
    (void)state;
    char *prompt = calloc(1, 20001);
    for (size_t i = 0; i < 20000; i++)
        prompt[i] = i % 5 ? 'a' : ' ';
    check_error(2, "context", "run", "-m", TALES, "-p", prompt, "-n", "4", "--ctx", "64");
    free(prompt);
    check_error(2, "empty", "run", "-m", TALES, "-p", "");
    check_error(2, "UTF-8", "run", "-m", TALES, "-p", "abc\xff");
    const char *link = in_folder("a\xff.gguf");
    char target[4096];
    assert_non_null(realpath(TALES, target));
    assert_int_equal(symlink(target, link), 0);
    check_error(2, "its path is not UTF-8", "run", "-m", link, "-p", "x");
    check_error(4, "/no\xEF\xBF\xBD", "run", "-m", "/no\xff", "-p", "x");
    check_error(2, "prompt", "run", "-m", TALES);
}

static void test_usage(void **state)
{
    (void)state;
    check_error(2, "'--tokens'", "run", "-m", TALES, "-p", "x", "-n", "0");
    check_error(2, "--tokenz", "run", "-m", TALES, "-p", "x", "--tokenz", "5");
    check_error(2, "rum", "rum");
    check_error(2, "model", "run", "-p", "x");
    check_error(2, "--mode", "run", "-m", TALES, "-p", "x", "--mode", "deeper");
    check_error(2, "wattmeter", "run", "-m", TALES, "-p", "x", "--power", "wattmeter");
    check_error(2, "twenty", "run", "-m", TALES, "-p", "x", "--power", "synthetic:cpu=twenty");
}

static void test_engines_and_stores(void **state)
{
    (void)state;
    check_error(4, "/no/engine", "run", "-m", TALES, "-p", "x", "--engine", "/no/engine");
    check_error(5, "engine", "run", "-m", TALES, "-p", "x", "--engine", "/bin/false");
    check_error(4, "/proc/no/store.db", "run", "-m", TALES, "-p", "x", "--db", "/proc/no/store.db");
    check_error(4, "tales-q8_0.gguf", "runs", "--db", TALES);
    check_error(4, "no-such-run", "show", "no-such-run");
}

/* None of the above may have left a run behind. */
static void test_nothing_was_stored(void **state)
{
    (void)state;
    json_t *runs = ergon_json("runs");
    assert_int_equal(json_array_size(runs), 0);
    json_decref(runs);
}

/* A store to look into: one run. */
static int make_run(void **state)
{
    if (make_folder(state))
        return -1;
    json_t *run = ergon_json("run", "-m", TALES, "-p", "x", "-n", "1", "--power", "none");
    json_decref(run);
    struct output output = ergon("delete", "last");
    assert_int_equal(output.status, 0);
    free_output(&output);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_engines_and_stores),
        cmocka_unit_test(test_nothing_was_stored),
    };
    return cmocka_run_group_tests(tests, make_run, remove_folder);
}
