/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "power/sensor_rig.h"

#define SUPPLY "/sys/class/power_supply/"

static void laptops_on_battery_and_not(void **state)
{
    (void)state;
    static const struct {
        const char *root, *state, *reason, *detail;
        int64_t value_uw;
        int code;
    } rows[] = {
        {"laptop-battery", "ready", "on battery, 8.4 W for the whole machine",
         "whole machine, from 2 batteries (power)", 8450000, 0},
        {"laptop-current", "ready", "on battery, 11.3 W for the whole machine",
         "whole machine, from 1 battery (current × voltage)", 11285820, 0},
        {"laptop-mains", "absent",
         "on mains: a battery measures the machine only while it runs on it", "", 0,
         ERG_UNSUPPORTED},
        {"laptop-broken", "broken", "battery 'BAT0' does not show its power", "", 0,
         ERG_UNSUPPORTED},
        {"empty", "absent", "cannot list '/sys/class/power_supply': no such file or directory", "",
         0, ERG_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char dir[100];
        struct rig rig;
        snprintf(dir, sizeof dir, "power/roots/%s", rows[i].root);
        rig_init(&rig, "battery", dir);
        struct erg_power_probe probe = rig_probe(&rig);
        assert_string_equal(probe.reason, rows[i].reason);
        assert_string_equal(erg_power_state_name(probe.state), rows[i].state);
        assert_int_equal(rig_open(&rig), rows[i].code);
        if (rows[i].code)
            continue;
        assert_string_equal(rig.driver->detail(rig.source), rows[i].detail);
        assert_int_equal(rig.count, 1);
        assert_string_equal(rig.channels[0].measures, "machine");
        assert_true(rig.channels[0].raw);
        assert_int_equal(rig_read(&rig, S), 0);
        assert_int_equal(rig.values[0].status, 0);
        assert_int_equal(rig.values[0].value, rows[i].value_uw);
        rig_close(&rig);
    }
}

static void put_battery(const struct tree *tree, const char *status, int64_t uw, int64_t uwh)
{
    tree_put(tree, SUPPLY "BAT0/status", status);
    tree_put_number(tree, SUPPLY "BAT0/power_now", uw);
    tree_put_number(tree, SUPPLY "BAT0/energy_now", uwh);
}

static json_t *description(const struct rig *rig)
{
    struct erg_buf text;
    struct erg_jsonw w;
    erg_buf_init(&text);
    erg_jsonw_init(&w, &text);
    erg_jsonw_obj_begin(&w);
    rig->driver->describe(rig->source, &w);
    erg_jsonw_obj_end(&w);
    assert_int_equal(erg_jsonw_finish(&w), 0);
    json_t *json = json_loads(erg_buf_view(&text), 0, NULL);
    assert_non_null(json);
    erg_buf_deinit(&text);
    return json;
}

/* Five minutes at 36 W on the battery's own meter, of which its power shows nine tenths. */
static void the_batterys_meter_checks_its_power(void **state)
{
    (void)state;
    struct tree tree;
    struct rig rig;
    tree_init(&tree);
    tree_put(&tree, SUPPLY "BAT0/type", "Battery");
    put_battery(&tree, "Discharging", -32400000, 50000000);
    rig_init(&rig, "battery", tree.dir);
    assert_int_equal(rig_open(&rig), 0);
    json_t *json = description(&rig);
    assert_null(json_object_get(json, "residual_ratio"));
    json_decref(json);
    for (int s = 0; s <= 300; s++) {
        put_battery(&tree, "Discharging", -32400000, 50000000 - s * 10000); /* µWh in 1 s */
        assert_int_equal(rig_read(&rig, s * S), 0);
    }
    assert_int_equal(rig_energy(&rig, 0, 0, 300 * S), 300 * INT64_C(32400000000));
    json = description(&rig);
    assert_true(json_number_value(json_object_get(json, "metered_mj")) == 300 * 36000.0);
    assert_true(json_number_value(json_object_get(json, "integrated_mj")) == 300 * 32400.0);
    double ratio = json_number_value(json_object_get(json, "residual_ratio"));
    assert_true(ratio > -0.1000001 && ratio < -0.0999999);
    json_decref(json);
    rig_close(&rig);
    tree_deinit(&tree);
}

static void plugging_in_leaves_a_gap_and_is_said_once(void **state)
{
    (void)state;
    struct tree tree;
    struct rig rig;
    int warnings = 0;
    tree_init(&tree);
    tree_put(&tree, SUPPLY "BAT0/type", "Battery");
    tree_put(&tree, SUPPLY "AC/type", "Mains");
    tree_put(&tree, SUPPLY "AC/online", "0");
    put_battery(&tree, "Discharging", 10000000, 50000000);
    rig_init(&rig, "battery", tree.dir);
    assert_int_equal(rig_open(&rig), 0);
    for (int s = 0; s < 100; s++) {
        bool mains = s >= 30 && s < 60;
        tree_put(&tree, SUPPLY "AC/online", mains ? "1" : "0");
        put_battery(&tree, mains ? "Charging" : "Discharging", 10000000, 50000000);
        assert_int_equal(rig_read(&rig, s * S), 0);
        assert_int_equal(rig.values[0].status, mains ? (uint32_t)-ERG_UNSUPPORTED : 0);
        const char *warning = rig.driver->warning(rig.source);
        warnings += warning != NULL;
        if (warning)
            assert_int_equal(s, 30);
    }
    assert_int_equal(warnings, 1);
    assert_int_equal(rig_energy(&rig, 0, 0, 99 * S), (29 + 39) * INT64_C(10000000000));
    rig_close(&rig);
    tree_deinit(&tree);
}

static void impossible_values_are_gaps(void **state)
{
    (void)state;
    struct tree tree;
    struct rig rig;
    tree_init(&tree);
    tree_put(&tree, SUPPLY "BAT0/type", "Battery");
    put_battery(&tree, "Discharging", 10000000, 50000000);
    rig_init(&rig, "battery", tree.dir);
    assert_int_equal(rig_open(&rig), 0);
    static const struct {
        const char *status;
        int64_t uw;
        int code;
    } rows[] = {
        {"Discharging", INT64_MIN, ERG_CORRUPT},
        {"Discharging", INT64_MAX, ERG_CORRUPT},
        {"Discharging", 0, ERG_BUSY},
        {"Full", 10000000, ERG_UNSUPPORTED},
        {"", 10000000, ERG_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put_battery(&tree, rows[i].status, rows[i].uw, 50000000);
        assert_int_equal(rig_read(&rig, (int64_t)i * S), 0);
        assert_int_equal(rig.values[0].status, (uint32_t)-rows[i].code);
    }
    rig_close(&rig);
    tree_deinit(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laptops_on_battery_and_not),
        cmocka_unit_test(the_batterys_meter_checks_its_power),
        cmocka_unit_test(plugging_in_leaves_a_gap_and_is_said_once),
        cmocka_unit_test(impossible_values_are_gaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
