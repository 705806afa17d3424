/* SPDX-License-Identifier: MIT */
#include "cli/options.h"

#include "test.h"

#include <stdlib.h>

struct values {
    bool flag, other;
    const char *text, *choice;
    int64_t count, age_ns;
    double ratio;
    struct erg_string_list tags;
};

static const struct erg_option table[] = {
    {.kind = ERG_OPT_HEADING, .help = "First:"},
    {.kind = ERG_OPT_FLAG,
     .letter = 'a',
     .name = "all",
     .help = "everything",
     .offset = offsetof(struct values, flag)},
    {.kind = ERG_OPT_FLAG,
     .letter = 'b',
     .name = "both",
     .help = "two",
     .offset = offsetof(struct values, other)},
    {.kind = ERG_OPT_STRING,
     .letter = 'm',
     .name = "model",
     .value = "FILE",
     .help = "a model",
     .offset = offsetof(struct values, text)},
    {.kind = ERG_OPT_CHOICE,
     .name = "mode",
     .value = "MODE",
     .choices = "minimal|standard|deep",
     .help = "a mode",
     .offset = offsetof(struct values, choice)},
    {.kind = ERG_OPT_INT,
     .letter = 'n',
     .name = "tokens",
     .value = "N",
     .min = 1,
     .max = 100,
     .help = "how many",
     .offset = offsetof(struct values, count)},
    {.kind = ERG_OPT_REAL,
     .name = "temp",
     .value = "X",
     .real_max = 2,
     .help = "how warm",
     .offset = offsetof(struct values, ratio)},
    {.kind = ERG_OPT_DURATION,
     .name = "older-than-anything-else",
     .value = "TIME",
     .max = INT64_MAX,
     .help = "how old",
     .offset = offsetof(struct values, age_ns)},
    {.kind = ERG_OPT_LIST,
     .name = "tag",
     .value = "T",
     .max = 3,
     .help = "a label",
     .offset = offsetof(struct values, tags)},
    {.kind = ERG_OPT_HEADING},
};

static const char *rest[64];
static size_t rest_count;

static int parse(struct values *values, struct erg_err *err, bool stop, const char *const *argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    struct erg_option_set set = {table, values};
    memset(values, 0, sizeof *values);
    return erg_options_parse(&set, 1, argc, argv, stop, rest, &rest_count, err);
}

#define PARSE(values, ...) parse(values, NULL, false, (const char *const[]){__VA_ARGS__, NULL})

static void test_every_way_to_write_a_value(void **state)
{
    struct values v;
    (void)state;
    assert_int_equal(PARSE(&v, "--tokens", "5"), 2);
    assert_int_equal(v.count, 5);
    assert_int_equal(PARSE(&v, "--tokens=6"), 1);
    assert_int_equal(v.count, 6);
    assert_int_equal(PARSE(&v, "-n7"), 1);
    assert_int_equal(v.count, 7);
    assert_int_equal(PARSE(&v, "-n", "8"), 2);
    assert_int_equal(v.count, 8);
    assert_int_equal(PARSE(&v, "-abn9"), 1);
    assert_true(v.flag && v.other);
    assert_int_equal(v.count, 9);
    assert_int_equal(PARSE(&v, "--model="), 1);
    assert_string_equal(v.text, "");
    assert_int_equal(PARSE(&v, "-m", "--tokens"), 2);
    assert_string_equal(v.text, "--tokens");
    assert_int_equal(PARSE(&v, "-n", "1", "-n", "2"), 4);
    assert_int_equal(v.count, 2);
}

static void test_every_kind(void **state)
{
    struct values v;
    (void)state;
    PARSE(&v, "--mode", "deep", "--temp=0.5", "--older-than-anything-else", "2h", "--tag", "x",
          "--tag=y");
    assert_string_equal(v.choice, "deep");
    assert_true(v.ratio == 0.5);
    assert_true(v.age_ns == INT64_C(7200000000000));
    assert_int_equal(v.tags.count, 2);
    assert_string_equal(v.tags.items[0], "x");
    assert_string_equal(v.tags.items[1], "y");
}

/* Options may stand anywhere between the other arguments, until "--". */
static void test_every_position(void **state)
{
    static const char *const words[] = {"one", "two", "-"};
    (void)state;
    for (size_t at = 0; at <= 3; at++) {
        const char *argv[8] = {0};
        size_t argc = 0;
        struct values v;
        for (size_t i = 0; i <= 3; i++) {
            if (i == at) {
                argv[argc++] = "-n";
                argv[argc++] = "5";
            }
            if (i < 3)
                argv[argc++] = words[i];
        }
        assert_int_equal(parse(&v, NULL, false, argv), argc);
        assert_int_equal(v.count, 5);
        assert_int_equal(rest_count, 3);
        for (size_t i = 0; i < 3; i++)
            assert_string_equal(rest[i], words[i]);
    }
    struct values v;
    assert_int_equal(PARSE(&v, "-a", "--", "-b", "--tokens"), 4);
    assert_true(v.flag && !v.other);
    assert_int_equal(rest_count, 2);
}

static void test_stop_at_the_first_word(void **state)
{
    struct values v;
    (void)state;
    const char *const argv[] = {"-a", "run", "-b", NULL};
    assert_int_equal(parse(&v, NULL, true, argv), 2);
    assert_true(v.flag && !v.other);
    assert_int_equal(rest_count, 1);
    assert_string_equal(rest[0], "run");
}

static void test_errors_name_the_option(void **state)
{
    static const struct {
        const char *argv[3];
        const char *message;
    } rows[] = {
        {{"--tokns", "5"}, "unknown option '--tokns' (did you mean '--tokens'?)"},
        {{"--tok", "5"}, "unknown option '--tok' (did you mean '--tokens'?)"},
        {{"--zzzzzzzzzzzz"}, "unknown option '--zzzzzzzzzzzz'"},
        {{"-x"}, "unknown option '-x'"},
        {{"-\xC3\xA9"}, "unknown option '-\xC3\xA9'"},
        {{"-\xFF"}, "unknown option '-?'"},
        {{"--tokens"}, "option '--tokens' needs a value: --tokens N"},
        {{"-n"}, "option '--tokens' needs a value: --tokens N"},
        {{"--all=yes"}, "option '--all' takes no value"},
        {{"-n0"}, "option '--tokens' takes a whole number from 1 to 100, not '0'"},
        {{"-n", "101"}, "option '--tokens' takes a whole number from 1 to 100, not '101'"},
        {{"-n", "5x"}, "option '--tokens' takes a whole number from 1 to 100, not '5x'"},
        {{"-n", ""}, "option '--tokens' takes a whole number from 1 to 100, not ''"},
        {{"--temp", "nan"}, "option '--temp' takes a number from 0 to 2, not 'nan'"},
        {{"--temp=-1"}, "option '--temp' takes a number from 0 to 2, not '-1'"},
        {{"--mode", "dee"}, "option '--mode' takes minimal|standard|deep, not 'dee'"},
        {{"--mode", "minimal|standard"},
         "option '--mode' takes minimal|standard|deep, not 'minimal|standard'"},
        {{"--mode="}, "option '--mode' takes minimal|standard|deep, not ''"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct values v;
        struct erg_err err = {0};
        const char *argv[4] = {rows[i].argv[0], rows[i].argv[1], NULL};
        assert_int_equal(parse(&v, &err, false, argv), ERG_INVALID);
        assert_string_equal(err.text, rows[i].message);
    }
}

static void test_lists_have_an_end(void **state)
{
    struct values v;
    struct erg_err err = {0};
    (void)state;
    const char *const argv[] = {"--tag=1", "--tag=2", "--tag=3", "--tag=4", NULL};
    assert_int_equal(parse(&v, &err, false, argv), ERG_INVALID);
    assert_string_equal(err.text, "option '--tag' is given too often");
}

static void test_help_is_aligned(void **state)
{
    (void)state;
    struct erg_buf help = {0};
    erg_options_help(table, &help);
    assert_string_equal(erg_buf_view(&help), "\nFirst:\n"
                                             "  -a, --all                 everything\n"
                                             "  -b, --both                two\n"
                                             "  -m, --model FILE          a model\n"
                                             "      --mode MODE           a mode\n"
                                             "  -n, --tokens N            how many\n"
                                             "      --temp X              how warm\n"
                                             "      --older-than-anything-else TIME\n"
                                             "                            how old\n"
                                             "      --tag T               a label\n");
    erg_buf_deinit(&help);
}

static void test_nearest(void **state)
{
    static const char *const words[] = {"run", "runs", "show", "export", "import", NULL};
    (void)state;
    assert_string_equal(erg_nearest("rnu", words), "run");
    assert_string_equal(erg_nearest("shwo", words), "show");
    assert_string_equal(erg_nearest("exprot", words), "export");
    assert_string_equal(erg_nearest("imp", words), "import");
    assert_null(erg_nearest("calibrate", words));
    assert_null(erg_nearest("", words));
    assert_null(erg_nearest("a-word-that-is-much-longer-than-any-name-of-anything-in-here", words));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_to_write_a_value),
        cmocka_unit_test(test_every_kind),
        cmocka_unit_test(test_every_position),
        cmocka_unit_test(test_stop_at_the_first_word),
        cmocka_unit_test(test_errors_name_the_option),
        cmocka_unit_test(test_lists_have_an_end),
        cmocka_unit_test(test_help_is_aligned),
        cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
