/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "record/conditions.h"
#include "record/header.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/ergon-conditions-XXXXXX";

/* Write a file of the root and make the folders above it; `text` NULL removes it. */
static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", folder, path);
    for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = text ? fopen(full, "w") : NULL;
    if (file) {
        fprintf(file, "%s\n", text);
        fclose(file);
    } else {
        unlink(full);
    }
}

static struct erg_conditions read_root(const char *dir)
{
    struct erg_conditions conditions;
    struct erg_root root;
    assert_int_equal(erg_root_init(&root, dir, NULL), 0);
    erg_conditions_read(&root, &conditions);
    return conditions;
}

static void test_a_laptop(void **state)
{
    (void)state;
    struct erg_conditions c = read_root("record/roots/laptop");
    assert_string_equal(c.governor, "powersave");
    assert_int_equal(c.clock_min_mhz, 400);
    assert_int_equal(c.clock_max_mhz, 4800);
    assert_int_equal(c.clock_mhz, 2600);
    assert_int_equal(c.throttle_count, 5 + 7 + 30);
    assert_int_equal(c.cpus_online_count, 2);
    assert_true(c.cpus_allowed_count >= 1);
    assert_int_equal(c.on_battery, 1);
}

static void test_nothing_is_known(void **state)
{
    (void)state;
    struct erg_conditions c = read_root("power/roots/empty");
    assert_string_equal(c.governor, "");
    assert_int_equal(c.clock_min_mhz, -1);
    assert_int_equal(c.clock_max_mhz, -1);
    assert_int_equal(c.clock_mhz, -1);
    assert_int_equal(c.throttle_count, -1);
    assert_int_equal(c.cpus_online_count, -1);
    assert_int_equal(c.on_battery, -1);
}

#define POLICY "/sys/devices/system/cpu/cpufreq/policy"
#define SUPPLY "/sys/class/power_supply/"

static void test_odd_machines(void **state)
{
    (void)state;
    put(POLICY "0/scaling_governor", "performance");
    put(POLICY "1/scaling_governor", "schedutil");
    put(POLICY "2/scaling_governor", "performance");
    put(POLICY "0/scaling_max_freq", "rubbish");
    put(POLICY "1/scaling_cur_freq", "-5");
    put("/sys/devices/system/cpu/online", "0-3,8,10-11");
    put(SUPPLY "AC/type", "Mains");
    put(SUPPLY "AC/online", "1");
    put(SUPPLY "BAT/type", "Battery");
    put(SUPPLY "BAT/status", "Discharging"); /* beside its mains: not what it runs on */
    struct erg_conditions c = read_root(folder);
    assert_string_equal(c.governor, "mixed");
    assert_int_equal(c.clock_max_mhz, -1);
    assert_int_equal(c.clock_mhz, -1);
    assert_int_equal(c.cpus_online_count, 7);
    assert_int_equal(c.on_battery, 0);
    static const char *const lists[] = {"", "x", "3-1", "0-", "-3", "1,,2", "99999999"};
    for (size_t i = 0; i < ERG_COUNT(lists); i++) {
        put("/sys/devices/system/cpu/online", lists[i]);
        assert_int_equal(read_root(folder).cpus_online_count, -1);
    }
}

/* What is written is read back, whatever is known. */
static void test_json_round_trip(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct erg_conditions c, back;
        struct erg_buf buf = {0};
        struct erg_jsonw w;
        int64_t *fields[] = {&c.clock_min_mhz,      &c.clock_max_mhz,     &c.clock_mhz,
                             &c.cpus_allowed_count, &c.cpus_online_count, &c.throttle_count};
        erg_conditions_init(&c);
        for (size_t f = 0; f < ERG_COUNT(fields); f++)
            *fields[f] = (int64_t)test_below(&seed, 5000) - 1000 < 0
                             ? -1
                             : (int64_t)test_below(&seed, 100000);
        c.on_battery = (int64_t)test_below(&seed, 3) - 1;
        if (test_below(&seed, 2))
            memcpy(c.governor, "ondemand", 9);
        erg_jsonw_init(&w, &buf);
        erg_jsonw_obj_begin(&w);
        erg_conditions_write(&c, &w);
        erg_jsonw_obj_end(&w);
        erg_header_parse_conditions(erg_buf_view(&buf), &back);
        assert_memory_equal(&c, &back, sizeof c);
        erg_buf_deinit(&buf);
    }
}

static void test_warnings(void **state)
{
    static const struct {
        const char *governor;
        int64_t throttle_count, on_battery;
        double others;
        const char *says;
    } rows[] = {
        {"", -1, -1, NAN, "[]"},
        {"performance", 0, 0, 0.1, "[]"},
        {"powersave", 0, 0, 0, "governor is 'powersave'"},
        {"performance", 3, 0, 0, "slowed down 3 times"},
        {"performance", 0, 1, 0, "on its battery"},
        {"performance", 0, 0, 0.25, "used 25 % of the CPUs"},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_conditions c;
        struct erg_buf buf = {0};
        struct erg_jsonw w;
        erg_conditions_init(&c);
        snprintf(c.governor, sizeof c.governor, "%s", rows[i].governor);
        c.throttle_count = rows[i].throttle_count;
        c.on_battery = rows[i].on_battery;
        erg_jsonw_init(&w, &buf);
        erg_conditions_write_warnings(&c, rows[i].others, &w);
        assert_non_null(strstr(erg_buf_view(&buf), rows[i].says));
        assert_null(strstr(erg_buf_view(&buf), "\",\"")); /* one at most */
        erg_buf_deinit(&buf);
    }
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const files[] = {POLICY "0/scaling_governor",
                                        POLICY "1/scaling_governor",
                                        POLICY "2/scaling_governor",
                                        POLICY "0/scaling_max_freq",
                                        POLICY "1/scaling_cur_freq",
                                        "/sys/devices/system/cpu/online",
                                        SUPPLY "AC/type",
                                        SUPPLY "AC/online",
                                        SUPPLY "BAT/type",
                                        SUPPLY "BAT/status"};
    static const char *const folders[] = {POLICY "0",
                                          POLICY "1",
                                          POLICY "2",
                                          "/sys/devices/system/cpu/cpufreq",
                                          "/sys/devices/system/cpu",
                                          "/sys/devices/system",
                                          "/sys/devices",
                                          SUPPLY "AC",
                                          SUPPLY "BAT",
                                          SUPPLY "",
                                          "/sys/class",
                                          "/sys",
                                          ""};
    char path[512];
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(files); i++)
        put(files[i], NULL);
    for (size_t i = 0; i < ERG_COUNT(folders); i++) {
        snprintf(path, sizeof path, "%s%s", folder, folders[i]);
        rmdir(path);
    }
    return access(folder, F_OK) == 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_laptop),     cmocka_unit_test(test_nothing_is_known),
        cmocka_unit_test(test_odd_machines), cmocka_unit_test(test_json_round_trip),
        cmocka_unit_test(test_warnings),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
