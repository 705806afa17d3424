/* SPDX-License-Identifier: MIT */
#include "cli/prompt.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/ergon-prompt-XXXXXX";

static void write_file(const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fwrite(bytes, 1, len, file);
    fclose(file);
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static void expect(const char *text, bool lines, const char *const *prompts, size_t count)
{
    struct erg_prompts got;
    struct erg_err err = {0};
    if (erg_prompts_read(&got, text, path, lines, &err))
        fail_msg("%s", err.text);
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(got.items[i], prompts[i]);
    erg_prompts_deinit(&got);
}

static void refuse(const char *text, const char *message)
{
    struct erg_prompts got;
    struct erg_err err = {0};
    assert_int_equal(erg_prompts_read(&got, text, path, false, &err), ERG_INVALID);
    assert_string_equal(err.text, message);
}

static void test_texts(void **state)
{
    static const char *const kept[] = {"one\n"};
    (void)state;
    expect("one\n", false, kept, 1);
    refuse("", "the prompt is empty");
    refuse("ab\xFF", "the prompt is not UTF-8: byte 0xff at offset 2");
    refuse("\xC3", "the prompt is not UTF-8: byte 0xc3 at offset 0");
}

static void test_files(void **state)
{
    static const char *const whole[] = {"one\n\ntwo"};
    static const char *const lines[] = {"one", "two", "three"};
    (void)state;
    write_file("one\n\ntwo\n", 9);
    expect(NULL, false, whole, 1);
    write_file("one\n\ntwo\r\nthree", 15);
    expect(NULL, true, lines, 3);
    write_file("\n", 1);
    refuse(NULL, "the prompt is empty");
    write_file("a\0b", 3);
    refuse(NULL, "the prompt holds a NUL byte at offset 1");
}

/* Control characters take six bytes each on the way to an engine. */
static void test_control_characters(void **state)
{
    enum { MANY = 6 << 20 };
    char *text = malloc(MANY);
    (void)state;
    assert_non_null(text);
    memset(text, 1, MANY);
    write_file(text, MANY);
    refuse(NULL,
           "the prompt is longer than 32505856 bytes with its control characters written out, "
           "as engines get it");
    memset(text, '\n', MANY);
    text[0] = 'x';
    write_file(text, MANY);
    struct erg_prompts got;
    assert_int_equal(erg_prompts_read(&got, NULL, path, false, NULL), 0);
    erg_prompts_deinit(&got);
    free(text);
}

static void test_no_file(void **state)
{
    struct erg_prompts got;
    struct erg_err err = {0};
    (void)state;
    assert_int_equal(erg_prompts_read(&got, NULL, "/no/such/file", false, &err), ERG_NOT_FOUND);
    assert_non_null(strstr(err.text, "/no/such/file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
