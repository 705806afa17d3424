/* SPDX-License-Identifier: MIT */
#include "power/fake_driver.h"
#include "power/set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *spec, *message;
} bad_specs[] = {
    {"foo", "'foo' is not a power source (LIST)"},
    {"estimat", "'estimat' is not a power source (LIST); did you mean "
                "'estimate'?"},
    {"Auto", "'Auto' is not a power source (LIST); did you "
             "mean 'auto'?"},
    {"", "'' is not a power source (LIST)"},
    {"estimate,", "'' is not a power source (LIST)"},
    {"estimate,estimate", "power source 'estimate' is named twice"},
    {"estimate:5", "power source 'estimate' takes no argument"},
    {"estimate,none", "'none' stands alone, not in a list"},
    {"auto,estimate", "'auto' stands alone, not in a list"},
    {"synthetic", "power source 'synthetic' stands alone, with an argument: 'synthetic:…'"},
    {"estimate,replay:x", "power source 'replay' stands alone, with an argument: 'replay:…'"},
    {"synthetic:", "power source 'synthetic': 'synthetic:' needs a waveform such as 'cpu=20W'"},
    {"synthetic:cpu", "power source 'synthetic': 'cpu' is not like 'cpu=20W'"},
    {"synthetic:=5W", "power source 'synthetic': '=5W' is not like 'cpu=20W'"},
    {"synthetic:cpu=5W,", "power source 'synthetic': nothing behind the last comma"},
    {"synthetic:cpu=5", "power source 'synthetic': cpu: '5' is not a number with a unit such as "
                        "'1.5W'"},
    {"synthetic:cpu=5w", "power source 'synthetic': cpu: '5w' is not a number with a unit such "
                         "as '1.5W'"},
    {"synthetic:cpu=-5W", "power source 'synthetic': cpu: -5 is not between 0 and 100000"},
    {"synthetic:cpu=101kW", "power source 'synthetic': cpu: 101 is not between 0 and 100"},
    {"synthetic:cpu=5W,cpu=6W", "power source 'synthetic': 'cpu' is given twice"},
    {"synthetic:npu=5W",
     "power source 'synthetic': 'npu' is neither a domain (cpu gpu ane dram soc other) nor one "
     "of drop, stale, wrap, die"},
    {"synthetic:drop=0.5", "power source 'synthetic': no domain has a waveform such as "
                           "'cpu=20W'"},
    {"synthetic:cpu=5W,drop=1.5", "power source 'synthetic': drop: 1.5 is not between 0 and 1"},
    {"synthetic:cpu=5W,stale=0", "power source 'synthetic': stale: 0 is not between 1 and "
                                 "1000000"},
    {"synthetic:cpu=5W,wrap=5", "power source 'synthetic': wrap: '5' is not a number with a "
                                "unit such as '1.5uJ'"},
    {"synthetic:cpu=5W,die=x",
     "power source 'synthetic': die: 'x' is not a duration such as 250ms, 30s, 10m, 12h or "
     "30d"},
    {"synthetic:cpu=ramp(5W)", "power source 'synthetic': cpu: 'ramp(5W)' does not have the 2 "
                               "arguments of ramp()"},
    {"synthetic:cpu=ramp(5W,1W)", "power source 'synthetic': cpu: '1W' is not a number with a "
                                  "unit such as '1.5W/s'"},
    {"synthetic:cpu=ramp(5W,1W/s)x", "power source 'synthetic': cpu: unexpected 'x' behind "
                                     "'ramp(…)'"},
    {"synthetic:cpu=square(5W,6W,0)", "power source 'synthetic': cpu: '0' is not a usable "
                                      "period"},
    {"synthetic:cpu=square(5W,6W", "power source 'synthetic': cpu: 'square(5W,6W' does not have "
                                   "the 3 arguments of square()"},
};

/* Where a message says LIST, every source there is stands. */
static void expand(const char *message, char *out, size_t out_bytes)
{
    const char *mark = strstr(message, "(LIST)");
    int head = mark ? (int)(mark - message) : (int)strlen(message);
    int len = snprintf(out, out_bytes, "%.*s%s", head, message, mark ? "(auto none" : "");
    for (size_t i = 0; mark && erg_power_drivers[i]; i++)
        len += snprintf(out + len, out_bytes - (size_t)len, " %s%s", erg_power_drivers[i]->name,
                        erg_power_drivers[i]->takes_argument ? ":…" : "");
    if (mark)
        snprintf(out + len, out_bytes - (size_t)len, ")%s", mark + strlen("(LIST)"));
}

static void bad_specifications_are_one_clear_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_specs / sizeof bad_specs[0]; i++) {
        char expected[512];
        struct erg_power_options options = {.spec = bad_specs[i].spec};
        struct erg_power *power = NULL;
        struct erg_err err = {.text = ""};
        bool unusable = true;
        assert_int_equal(erg_power_open(&power, &options, &unusable, &err), ERG_INVALID);
        expand(bad_specs[i].message, expected, sizeof expected);
        assert_string_equal(err.text, expected);
        assert_false(unusable);
        assert_null(power);
    }
}

static void long_words_are_cut(void **state)
{
    (void)state;
    char word[3000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    struct erg_power_options options = {.spec = word};
    struct erg_power *power = NULL;
    struct erg_err err = {.text = ""};
    assert_int_equal(erg_power_open(&power, &options, NULL, &err), ERG_INVALID);
    assert_true(strstr(err.text, "is not a power source") != NULL);
    memcpy(word, "synthetic:", 10);
    assert_int_equal(erg_power_open(&power, &options, NULL, &err), ERG_INVALID);
}

static void none_is_an_empty_set(void **state)
{
    (void)state;
    struct erg_power_options options = {.spec = "none"};
    struct erg_power *power = NULL;
    const struct erg_channel *channels;
    assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_channels(power, &channels), 0);
    assert_false(erg_power_is_polled(power));
    assert_false(erg_power_is_exact(power));
    assert_int_equal(erg_power_interval_ns(power), 100000000);
    assert_int_equal(erg_power_start(power, 0, NULL, NULL, NULL, NULL), 0);
    erg_power_poke(power);
    erg_power_read_exact(power, 5, ERG_READING_GRID);
    erg_power_stop(power);
    erg_power_close(power);
    erg_power_close(NULL);
}

static void description_is_as_recorded(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *json;
        int64_t interval_ns;
    } rows[] = {
        {"none", "{\"sources\":[],\"channels\":[],\"interval_ms\":100}", 0},
        {"synthetic:gpu=5W,cpu=ramp(1W,2W/s)",
         "{\"sources\":[{\"name\":\"synthetic\",\"detail\":\"simulation, not this machine: "
         "gpu=5W,cpu=ramp(1W,2W/s)\",\"grade\":\"measured\",\"synthetic\":true}],\"channels\":["
         "{\"name\":\"cpu\",\"source\":\"synthetic\",\"domain\":\"cpu\",\"device\":0,\"quantity\":"
         "\"energy\",\"update_period_ns\":0,\"max_gap_ns\":0,\"estimated\":false,\"synthetic\":"
         "true},{\"name\":\"gpu\",\"source\":\"synthetic\",\"domain\":\"gpu\",\"device\":0,"
         "\"quantity\":\"energy\",\"update_period_ns\":0,\"max_gap_ns\":0,\"estimated\":false,"
         "\"synthetic\":true}],\"interval_ms\":2.5}",
         2500000},
        {"synthetic:ane=1mW,stale=3",
         "{\"sources\":[{\"name\":\"synthetic\",\"detail\":\"simulation, not this machine: "
         "ane=1mW,stale=3\",\"grade\":\"measured\",\"synthetic\":true}],\"channels\":["
         "{\"name\":\"ane\",\"source\":\"synthetic\",\"domain\":\"ane\",\"device\":0,\"quantity\":"
         "\"energy\",\"update_period_ns\":300000000,\"max_gap_ns\":0,\"estimated\":false,"
         "\"synthetic\":true}],\"interval_ms\":100}",
         0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct erg_power_options options = {.spec = rows[i].spec,
                                            .interval_ns = rows[i].interval_ns};
        struct erg_power *power = NULL;
        struct erg_buf json;
        erg_buf_init(&json);
        assert_int_equal(erg_power_open(&power, &options, NULL, NULL), 0);
        assert_int_equal(erg_power_describe(power, &json, NULL), 0);
        assert_string_equal(erg_buf_view(&json), rows[i].json);
        erg_buf_deinit(&json);
        erg_power_close(power);
    }
}

/* --- several sources: a table of our own ------------------------------------------------------ */

static int open_good(const struct erg_power_options *options, const char *argument,
                     struct erg_power_source **out, struct erg_channel *channels, uint32_t *count,
                     bool *exact, struct erg_err *err)
{
    static const enum erg_domain domains[] = {ERG_DOMAIN_CPU, ERG_DOMAIN_CPU, ERG_DOMAIN_DRAM};
    (void)options, (void)argument, (void)err;
    return fake_open_channels(domains, 3, out, channels, count, exact);
}

static int open_worse(const struct erg_power_options *options, const char *argument,
                      struct erg_power_source **out, struct erg_channel *channels, uint32_t *count,
                      bool *exact, struct erg_err *err)
{
    static const enum erg_domain domains[] = {ERG_DOMAIN_GPU, ERG_DOMAIN_DRAM, ERG_DOMAIN_SOC};
    (void)options, (void)argument, (void)err;
    return fake_open_channels(domains, 3, out, channels, count, exact);
}

static int open_broken(const struct erg_power_options *options, const char *argument,
                       struct erg_power_source **out, struct erg_channel *channels, uint32_t *count,
                       bool *exact, struct erg_err *err)
{
    (void)options, (void)argument, (void)out, (void)channels, (void)count, (void)exact;
    return erg_fail(err, ERG_DENIED, "cannot read the fake sensor");
}

static void probe_absent(const struct erg_root *root, struct erg_power_probe *out)
{
    (void)root;
    out->state = ERG_POWER_ABSENT;
}

#define FAKE(text, opener, prober, interval)                                                       \
    {                                                                                              \
        .name = (text), .default_interval_ns = (interval), .automatic = true, .probe = (prober),   \
        .open = (opener), .detail = fake_detail, .close = fake_close                               \
    }

static const struct erg_power_driver good = FAKE("good", open_good, fake_probe, 70),
                                     worse = FAKE("worse", open_worse, fake_probe, 50),
                                     worst = FAKE("worst", open_good, fake_probe, 90),
                                     broken = FAKE("broken", open_broken, fake_probe, 10),
                                     absent = FAKE("absent", open_broken, probe_absent, 10);
static const struct erg_power_driver *const table[] = {&good,  &broken, &absent,
                                                       &worse, &worst,  NULL};

static void collect(void *user, const char *text)
{
    char *all = user;
    snprintf(all + strlen(all), 1000 - strlen(all), "%s\n", text);
}

static void auto_takes_the_best_source_of_each_domain(void **state)
{
    (void)state;
    struct erg_power_options options = {0};
    struct erg_power *power = NULL;
    const struct erg_channel *channels;
    assert_int_equal(erg_power_open_from(table, &power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_channels(power, &channels), 5);
    static const enum erg_domain expected[] = {ERG_DOMAIN_CPU, ERG_DOMAIN_CPU, ERG_DOMAIN_DRAM,
                                               ERG_DOMAIN_GPU, ERG_DOMAIN_SOC};
    for (int i = 0; i < 5; i++)
        assert_int_equal(channels[i].domain, expected[i]);
    assert_int_equal(erg_power_interval_ns(power), 50);

    struct erg_channel_value values[3] = {{.value = 1}, {.value = 2}, {.value = 3}};
    assert_int_equal(erg_power_place(&power->members[1], values), 2);
    assert_int_equal(values[0].channel, 3);
    assert_int_equal(values[0].value, 1);
    assert_int_equal(values[1].channel, 4);
    assert_int_equal(values[1].value, 3);

    char warnings[1000] = "";
    for (size_t i = 0; i < power->warning_count; i++)
        collect(warnings, power->warnings[i]);
    assert_string_equal(warnings, "cannot read the fake sensor\n");
    assert_int_equal(power->member_count, 2); /* what adds nothing is not kept */
    erg_power_close(power);
}

static void named_sources_come_in_the_users_order(void **state)
{
    (void)state;
    struct erg_power_options options = {.spec = "worse,good"};
    struct erg_power *power = NULL;
    const struct erg_channel *channels;
    assert_int_equal(erg_power_open_from(table, &power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_channels(power, &channels), 5);
    assert_int_equal(channels[0].domain, ERG_DOMAIN_GPU);
    assert_int_equal(channels[3].domain, ERG_DOMAIN_CPU);
    erg_power_close(power);
    options.spec = "good,worst";
    assert_int_equal(erg_power_open_from(table, &power, &options, NULL, NULL), 0);
    assert_int_equal(power->warning_count, 1);
    assert_string_equal(power->warnings[0],
                        "power source 'worst' adds nothing: other sources measure its domains");
    erg_power_close(power);
    power = NULL;

    struct erg_err err = {.text = ""};
    bool unusable = false;
    options.spec = "good,broken";
    assert_int_equal(erg_power_open_from(table, &power, &options, &unusable, &err), ERG_DENIED);
    assert_true(unusable);
    assert_string_equal(err.text, "power source 'broken': cannot read the fake sensor");
    assert_null(power);
}

static void nothing_ready_is_a_warning(void **state)
{
    (void)state;
    static const struct erg_power_driver *const empty[] = {&absent, NULL};
    struct erg_power_options options = {.spec = "auto"};
    struct erg_power *power = NULL;
    char warnings[1000] = "";
    assert_int_equal(erg_power_open_from(empty, &power, &options, NULL, NULL), 0);
    assert_int_equal(erg_power_start(power, 0, NULL, collect, warnings, NULL), 0);
    assert_string_equal(warnings,
                        "no power source is ready: energy is not available (see 'ergon doctor')\n");
    erg_power_close(power);
}

static void watts_of_an_estimate(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     "5",   ":",      "5:",       ":65",   "65:5",  "0:0",
                                      "-1:5", "5:x", "5:65:7", "1:100001", "nan:5", "5W:65W"};
    int64_t idle = -1, full = -1;
    struct erg_err err = {.text = ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(erg_power_parse_watts(bad[i], &idle, &full, &err), ERG_INVALID);
    assert_int_equal(idle, -1);
    assert_int_equal(erg_power_parse_watts("4.5:65", &idle, &full, NULL), 0);
    assert_int_equal(idle, 4500);
    assert_int_equal(full, 65000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_specifications_are_one_clear_line),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(none_is_an_empty_set),
        cmocka_unit_test(description_is_as_recorded),
        cmocka_unit_test(auto_takes_the_best_source_of_each_domain),
        cmocka_unit_test(named_sources_come_in_the_users_order),
        cmocka_unit_test(nothing_ready_is_a_warning),
        cmocka_unit_test(watts_of_an_estimate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
