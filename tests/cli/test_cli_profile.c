/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "cli/profile.h"

#include <stdio.h>
#include <string.h>

static int parse(const char *text, struct erg_profile *out, struct erg_err *err)
{
    struct erg_string_list list = {.items = {text}, .count = 1};
    *out = (struct erg_profile){0};
    return erg_profile_parse(&list, out, err);
}

static void test_keys(void **state)
{
    struct erg_profile profile;
    (void)state;
    assert_int_equal(parse("instrument=observe,sparsity_threshold=0.5,power_sample_interval_ms=20,"
                           "flash_attention=off,capture_activations=true,deep_profiling=false",
                           &profile, NULL),
                     0);
    assert_string_equal(profile.instrument, "observe");
    assert_string_equal(profile.flash_attention, "off");
    assert_int_equal(profile.power_interval_ms, 20);
    assert_true(profile.sparsity_threshold == 0.5);
    assert_string_equal(profile.capture_activations, "true");
    assert_string_equal(profile.deep_profiling, "false");
}

static void test_sampling_keys(void **state)
{
    struct erg_profile profile;
    (void)state;
    assert_int_equal(parse("sample_every=4,layer_stride=2,bare_every=0,"
                           "attention_sparsity_threshold=0.1,flash_attention=true",
                           &profile, NULL),
                     0);
    assert_int_equal(profile.sample_every, 4);
    assert_int_equal(profile.layer_stride, 2);
    assert_int_equal(profile.bare_every, 0);
    assert_true(profile.attention_sparsity_threshold == 0.1);
    assert_string_equal(profile.flash_attention, "true");
    assert_int_equal(profile.layer_count, 0);
    assert_int_equal(parse("instrument=auto", &profile, NULL), 0);
    assert_int_equal(profile.bare_every, -1);
}

/* However a list of layers is written, and whatever stands around it. */
static void test_layers(void **state)
{
    static const char *const texts[] = {
        "layers=0,8,16",
        "layers=0;8;16",
        "layers=0;8,16",
        "sample_every=2,layers=0,8,16",
        "layers=0,8,16,sample_every=2",
        "layers=7,layers=0,8,16",
        "layers=3;4,bare_every=8,layers=0,8;16,instrument=trace",
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(texts); i++) {
        struct erg_profile profile;
        assert_int_equal(parse(texts[i], &profile, NULL), 0);
        assert_int_equal(profile.layer_count, 3);
        assert_int_equal(profile.layers[0], 0);
        assert_int_equal(profile.layers[1], 8);
        assert_int_equal(profile.layers[2], 16);
    }
}

/* A list of any length is taken whole or refused, never cut. */
static void test_long_lists(void **state)
{
    static char text[8192];
    struct erg_profile profile;
    struct erg_err err = {0};
    size_t len = (size_t)snprintf(text, sizeof text, "layers=0");
    (void)state;
    for (int layer = 1; layer < ERG_PROFILE_LAYERS; layer++)
        len += (size_t)snprintf(text + len, sizeof text - len, ";%d", layer);
    assert_int_equal(parse(text, &profile, &err), 0);
    assert_int_equal(profile.layer_count, ERG_PROFILE_LAYERS);
    for (int layer = 0; layer < ERG_PROFILE_LAYERS; layer++)
        assert_int_equal(profile.layers[layer], layer);
    snprintf(text + len, sizeof text - len, ";1");
    assert_int_equal(parse(text, &profile, &err), ERG_INVALID);
    memset(text + len, '0', 4000);
    assert_int_equal(parse(text, &profile, &err), ERG_INVALID);
    assert_non_null(strstr(err.text, "too long"));
    snprintf(text, sizeof text, "layers=%070d", 5);
    assert_int_equal(parse(text, &profile, &err), ERG_INVALID);
}

static void test_later_values_win(void **state)
{
    struct erg_string_list list = {.items = {"instrument=trace,instrument=none", "instrument=auto"},
                                   .count = 2};
    struct erg_profile profile;
    (void)state;
    assert_int_equal(erg_profile_parse(&list, &profile, NULL), 0);
    assert_string_equal(profile.instrument, "auto");
    assert_null(profile.flash_attention);
    assert_int_equal(profile.power_interval_ms, 0);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "takes KEY=VALUE"},
        {"=1", "takes KEY=VALUE"},
        {"instrument=trace,", "takes KEY=VALUE"},
        {"instrument", "instrument needs a value"},
        {"instrument=", "takes auto|trace|observe|none, not ''"},
        {"instrument=fast", "takes auto|trace|observe|none, not 'fast'"},
        {"instrumen=trace", "unknown key 'instrumen'; known are capture_activations, "},
        {"instruments=trace", "unknown key 'instruments'"},
        {"sparsity_threshold=0", "takes a number above 0"},
        {"sparsity_threshold=nan", "takes a number above 0"},
        {"power_sample_interval_ms=0", "takes a whole number from 1 to 60000"},
        {"power_sample_interval_ms=1.5", "takes a whole number"},
        {"deep_profiling=yes", "takes true|false, not 'yes'"},
        {"layers=", "layers takes numbers of layers"},
        {"layers=0,", "takes KEY=VALUE"},
        {"layers=1;", "layers takes numbers of layers"},
        {"layers=-1", "layers takes numbers of layers"},
        {"layers=5000", "layers takes numbers of layers"},
        {"layers=a", "not 'a'"},
        {"layers=1,a", "unknown key 'a'"},
        {"sample_every=2,8", "unknown key '8'"},
        {"layers=1,layer_stride=2", "only one of layers and layer_stride"},
        {"layer_stride=0", "layer_stride takes a whole number from 1"},
        {"sample_every=0", "sample_every takes a whole number from 1"},
        {"bare_every=1", "bare_every takes 0 or a whole number from 2"},
        {"bare_every=-2", "bare_every takes 0 or a whole number from 2"},
        {"attention_sparsity_threshold=1.5", "takes a number above 0 and at most 1"},
        {"flash_attention=maybe", "takes on|off|auto|true|false, not 'maybe'"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_profile profile;
        struct erg_err err = {0};
        assert_int_equal(parse(rows[i].text, &profile, &err), ERG_INVALID);
        if (!strstr(err.text, rows[i].says))
            print_error("%s: %s\n", rows[i].text, err.text);
        assert_non_null(strstr(err.text, rows[i].says));
    }
}

static void test_modes(void **state)
{
    static const struct {
        const char *mode, *capture, *deep, *gives; /* NULL = a contradiction */
    } rows[] = {
        {NULL, NULL, NULL, "standard"},      {"minimal", NULL, NULL, "minimal"},
        {NULL, "true", NULL, "standard"},    {NULL, "false", NULL, "minimal"},
        {NULL, NULL, "true", "deep"},        {NULL, NULL, "false", "standard"},
        {NULL, "true", "true", "deep"},      {NULL, "false", "true", NULL},
        {NULL, "false", "false", "minimal"}, {NULL, "true", "false", "standard"},
        {"deep", "true", NULL, "deep"},      {"deep", "false", NULL, NULL},
        {"minimal", "true", NULL, NULL},     {"standard", NULL, "true", NULL},
        {"deep", NULL, "false", NULL},       {"minimal", NULL, "false", "minimal"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_profile profile = {.capture_activations = rows[i].capture,
                                      .deep_profiling = rows[i].deep};
        const char *mode = NULL;
        int rc = erg_profile_mode(&profile, rows[i].mode, &mode, NULL);
        assert_int_equal(rc, rows[i].gives ? 0 : ERG_INVALID);
        if (rows[i].gives)
            assert_string_equal(mode, rows[i].gives);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_sampling_keys),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_long_lists),
        cmocka_unit_test(test_later_values_win),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_modes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
