/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "cli/ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char program[] = "/tmp/ergon-ask-XXXXXX";

/* Run a shell script as the program. */
static int ask(const char *script, int patience_ms, char *out, size_t out_bytes,
               struct erg_err *err)
{
    FILE *file = fopen(program, "w");
    assert_non_null(file);
    fprintf(file, "#!/bin/sh\n%s\n", script);
    fclose(file);
    *err = (struct erg_err){0};
    return erg_ask_program(program, "--version", patience_ms, out, out_bytes, err);
}

static void test_first_line(void **state)
{
    static const struct {
        const char *script, *says;
    } rows[] = {
        {"echo engine 1.0, CPU", "engine 1.0, CPU"},
        {"echo $1", "--version"},
        {"echo one; echo two", "one"},
        {"printf 'no line break'", "no line break"},
        {"printf 'a\\033[2Jb\\n'", "a?[2Jb"},
        {"cat; echo no input", "no input"},
        {"echo early; yes | head -c 300000", "early"},
        {"printf '%0100d\\n' 7",
         "0000000000000000000000000000000000000000000000000000000000000000000"
         "000000000000"},
    };
    char out[80];
    struct erg_err err;
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        assert_int_equal(ask(rows[i].script, 20000, out, sizeof out, &err), 0);
        assert_string_equal(out, rows[i].says);
    }
}

static void test_failures(void **state)
{
    static const struct {
        const char *script;
        int code;
        const char *says;
    } rows[] = {
        {"true", ERG_IO, "printed nothing"},
        {"echo", ERG_IO, "printed nothing"},
        {"echo why >&2; exit 3", ERG_IO, "--version' failed: why"},
        {"kill -9 $$", ERG_IO, "was killed by signal 9"},
    };
    char out[80];
    struct erg_err err;
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        assert_int_equal(ask(rows[i].script, 20000, out, sizeof out, &err), rows[i].code);
        assert_non_null(strstr(err.text, rows[i].says));
    }
}

/* One that does not end is not waited for, nor are its children, which hold the pipe. */
static void test_patience(void **state)
{
    char out[80];
    struct erg_err err;
    (void)state;
    assert_int_equal(ask("sleep 1000", 50, out, sizeof out, &err), ERG_BUSY);
    assert_non_null(strstr(err.text, "did not end within 50 ms"));
    assert_int_equal(ask("echo here; sleep 1000", 50, out, sizeof out, &err), ERG_BUSY);
    assert_int_equal(ask("exec >/dev/null 2>&1; sleep 1000", 50, out, sizeof out, &err), ERG_BUSY);
}

static void test_no_program(void **state)
{
    char out[80];
    struct erg_err err = {0};
    (void)state;
    assert_int_equal(erg_ask_program("/no/such/program", "x", 1000, out, sizeof out, &err),
                     ERG_NOT_FOUND);
    assert_non_null(strstr(err.text, "/no/such/program"));
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(program);
    int rc = fd < 0 ? -1 : fchmod(fd, 0700);
    close(fd);
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_line),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_no_program),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
