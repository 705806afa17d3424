/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "power/gauge.h"
#include "power/gpu_metrics.h"
#include "power/hwmon_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "power/sensor_rig.h"

/* --- recorded machines ------------------------------------------------------------------------ */

struct expected_channel {
    const char *name, *measures;
    enum erg_domain domain;
    int device;
    enum erg_quantity quantity;
    bool raw;
    int64_t value; /* first reading: µW, or nJ since then */
    int64_t update_period_ms;
};

static const struct {
    const char *driver, *root, *reason;
    struct expected_channel channels[4];
} machines[] = {
    {"amdgpu",
     "amd-gpus",
     "2 AMD GPUs: 0000:03:00.0: power1_average, 0000:0c:00.0: power1_input",
     {{"gpu0", "gpu:0000:03:00.0", ERG_DOMAIN_GPU, 0, ERG_QUANTITY_POWER, false, 97000000, 50},
      {"gpu1", "gpu:0000:0c:00.0", ERG_DOMAIN_GPU, 1, ERG_QUANTITY_POWER, false, 18000000, 50}}},
    {"amdgpu",
     "amd-apu",
     "1 AMD GPU: 0000:04:00.0: power1_average (APU, CPU included)",
     {{"apu package", "cpu", ERG_DOMAIN_CPU, 0, ERG_QUANTITY_POWER, false, 11000000, 50}}},
    {"hwmon",
     "intel-arc",
     "Intel GPU energy 0000:03:00.0",
     {{"Intel GPU energy 0000:03:00.0", "gpu:0000:03:00.0", ERG_DOMAIN_GPU, 0, ERG_QUANTITY_ENERGY,
       false, 0, 10}}},
    {"hwmon",
     "intel-xe",
     "Intel GPU energy 0000:04:00.0, Intel GPU energy 0000:4d:00.0",
     {{"Intel GPU energy 0000:04:00.0", "gpu:0000:04:00.0", ERG_DOMAIN_GPU, 0, ERG_QUANTITY_ENERGY,
       false, 0, 10},
      {"Intel GPU energy 0000:4d:00.0", "gpu:0000:4d:00.0", ERG_DOMAIN_GPU, 1, ERG_QUANTITY_ENERGY,
       false, 0, 10}}},
    {"hwmon",
     "acpi-server",
     "machine power (ACPI)",
     {{"machine power (ACPI)", "machine", ERG_DOMAIN_SOC, 0, ERG_QUANTITY_POWER, true, 213000000,
       1000}}},
    {"hwmon",
     "grace",
     "module power (ACPI), Grace power (ACPI)",
     {{"module power (ACPI)", "machine", ERG_DOMAIN_SOC, 0, ERG_QUANTITY_POWER, true, 310000000,
       50},
      {"Grace power (ACPI)", "cpu", ERG_DOMAIN_CPU, 0, ERG_QUANTITY_POWER, false, 180000000, 50}}},
    {"hwmon",
     "asahi",
     "machine power (SMC)",
     {{"machine power (SMC)", "machine", ERG_DOMAIN_SOC, 0, ERG_QUANTITY_POWER, true, 8450000,
       1000}}},
    {"jetson",
     "jetson-orin-nano",
     "INA3221 rails: VDD_IN (whole board), VDD_CPU_GPU_CV (CPU, GPU and accelerators together), "
     "VDD_SOC",
     {{"VDD_IN", "machine", ERG_DOMAIN_SOC, 0, ERG_QUANTITY_POWER, true, 5072 * 968, 2},
      {"VDD_CPU_GPU_CV", "cpu", ERG_DOMAIN_CPU, 0, ERG_QUANTITY_POWER, false, 5064 * 280, 2},
      {"VDD_SOC", "", ERG_DOMAIN_SOC, 1, ERG_QUANTITY_POWER, false, 5064 * 296, 2}}},
    {"jetson",
     "jetson-agx-orin",
     "INA3221 rails: VDD_GPU_SOC, VDD_CPU_CV, VIN_SYS_5V0",
     {{"VDD_GPU_SOC", "gpu", ERG_DOMAIN_GPU, 0, ERG_QUANTITY_POWER, false, 6000000, 20},
      {"VDD_CPU_CV", "cpu", ERG_DOMAIN_CPU, 0, ERG_QUANTITY_POWER, false, 1600000, 20},
      {"VIN_SYS_5V0", "", ERG_DOMAIN_OTHER, 0, ERG_QUANTITY_POWER, false, 4500000, 20}}},
    {"jetson",
     "jetson-nano",
     "INA3221 rails: POM_5V_IN (whole board), POM_5V_GPU, POM_5V_CPU",
     {{"POM_5V_IN", "machine", ERG_DOMAIN_SOC, 0, ERG_QUANTITY_POWER, true, 2142000, 10},
      {"POM_5V_GPU", "gpu", ERG_DOMAIN_GPU, 0, ERG_QUANTITY_POWER, false, 40000, 10},
      {"POM_5V_CPU", "cpu", ERG_DOMAIN_CPU, 0, ERG_QUANTITY_POWER, false, 446000, 10}}},
};

static void recorded_machines_have_their_channels(void **state)
{
    (void)state;
    for (size_t m = 0; m < sizeof machines / sizeof machines[0]; m++) {
        char dir[100];
        struct rig rig;
        snprintf(dir, sizeof dir, "power/roots/%s", machines[m].root);
        rig_init(&rig, machines[m].driver, dir);
        struct erg_power_probe probe = rig_probe(&rig);
        assert_string_equal(probe.reason, machines[m].reason);
        assert_string_equal(erg_power_state_name(probe.state), "ready");
        assert_string_equal(probe.remedy, "");
        assert_int_equal(rig_open(&rig), 0);
        assert_string_equal(rig.driver->detail(rig.source), machines[m].reason);
        assert_int_equal(rig_read(&rig, S), 0);
        uint32_t count = 0;
        for (const struct expected_channel *want = machines[m].channels;
             count < 4 && want[count].name; count++) {
            const struct erg_channel *channel = &rig.channels[count];
            assert_true(count < rig.count);
            assert_string_equal(channel->name, want[count].name);
            assert_string_equal(channel->source, machines[m].driver);
            assert_string_equal(channel->measures, want[count].measures);
            assert_int_equal(channel->domain, want[count].domain);
            assert_int_equal(channel->device, want[count].device);
            assert_int_equal(channel->quantity, want[count].quantity);
            assert_int_equal(channel->raw, want[count].raw);
            assert_int_equal(channel->update_period_ns, want[count].update_period_ms * MS);
            assert_int_equal(rig.values[count].status, 0);
            assert_int_equal(rig.values[count].value, want[count].value);
        }
        assert_int_equal(rig.count, count);
        rig_close(&rig);
    }
}

static void six_rails_of_an_old_jetson(void **state)
{
    (void)state;
    struct rig rig;
    int64_t sum = 0;
    rig_init(&rig, "jetson", "power/roots/jetson-agx-xavier");
    assert_int_equal(rig_open(&rig), 0);
    assert_int_equal(rig.count, 6);
    assert_int_equal(rig_read(&rig, S), 0);
    for (uint32_t i = 0; i < rig.count; i++) {
        assert_false(rig.channels[i].raw);
        assert_int_equal(rig.values[i].status, 0);
        sum += rig.values[i].value;
    }
    assert_int_equal(sum, (1553 + 2174 + 1708 + 0 + 466 + 2520) * 1000);
    rig_close(&rig);
}

static void what_is_missing_or_broken_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *driver, *root, *state, *reason;
        int code;
    } rows[] = {
        {"amdgpu", "empty", "absent", "cannot list '/sys/class/hwmon': no such file or directory",
         ERG_NOT_FOUND},
        {"amdgpu", "intel-arc", "absent", "no AMD GPU in '/sys/class/hwmon'", ERG_NOT_FOUND},
        {"amdgpu", "amd-mute", "broken", "'/sys/class/hwmon/hwmon1/power1_average' shows no power",
         ERG_UNSUPPORTED},
        {"amdgpu", "amd-broken", "broken", "the sensor shows 'N/A' instead of a number",
         ERG_CORRUPT},
        {"hwmon", "empty", "absent", "cannot list '/sys/class/hwmon': no such file or directory",
         ERG_NOT_FOUND},
        {"hwmon", "amd-gpus", "absent", "no known power sensor in '/sys/class/hwmon'",
         ERG_NOT_FOUND},
        {"hwmon", "hwmon-broken", "broken",
         "'/sys/class/hwmon/hwmon0/power1_average': the sensor shows 'unknown' instead of a number",
         ERG_CORRUPT},
        {"jetson", "empty", "absent", "no INA3221 power monitor with rails of a Jetson",
         ERG_NOT_FOUND},
        {"jetson", "jetson-broken", "broken",
         "rail 'VDD_IN': the sensor shows '?' instead of a number", ERG_CORRUPT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char dir[100];
        struct rig rig;
        snprintf(dir, sizeof dir, "power/roots/%s", rows[i].root);
        rig_init(&rig, rows[i].driver, dir);
        struct erg_power_probe probe = rig_probe(&rig);
        assert_string_equal(probe.reason, rows[i].reason);
        assert_string_equal(erg_power_state_name(probe.state), rows[i].state);
        assert_int_equal(rig_open(&rig), rows[i].code);
        assert_string_equal(rig.err.text, rows[i].reason);
    }
    struct erg_power_probe probe = {.name = ""};
    erg_gauge_probe_failed(&probe, &(struct erg_err){.code = ERG_DENIED, .text = "no"}, "ask");
    assert_int_equal(probe.state, ERG_POWER_DENIED);
    assert_string_equal(probe.remedy, "ask");
}

static void a_card_describes_itself(void **state)
{
    (void)state;
    struct rig rig;
    struct erg_buf json;
    struct erg_jsonw w;
    rig_init(&rig, "amdgpu", "power/roots/amd-gpus");
    assert_int_equal(rig_open(&rig), 0);
    erg_buf_init(&json);
    erg_jsonw_init(&w, &json);
    erg_jsonw_obj_begin(&w);
    rig.driver->describe(rig.source, &w);
    erg_jsonw_obj_end(&w);
    assert_int_equal(erg_jsonw_finish(&w), 0);
    assert_string_equal(
        erg_buf_view(&json),
        "{\"gpus\":[{\"pci\":\"0000:03:00.0\",\"sensor\":\"power1_average\",\"apu\":false,"
        "\"power_limit_uw\":339000000,\"clock_hz\":2304000000,\"memory_clock_hz\":1249000000,"
        "\"temperature_millidegrees\":51000,\"utilisation_pct\":42},"
        "{\"pci\":\"0000:0c:00.0\",\"sensor\":\"power1_input\",\"apu\":false,"
        "\"power_limit_uw\":245000000,\"clock_hz\":24000000,\"temperature_millidegrees\":40000,"
        "\"utilisation_pct\":0}]}");
    erg_buf_deinit(&json);
    rig_close(&rig);
}

/* --- energy over time ------------------------------------------------------------------------- */

#define CARD "/sys/class/hwmon/hwmon0/"

static void put_card(const struct tree *tree, const char *driver)
{
    char uevent[100];
    snprintf(uevent, sizeof uevent, "DRIVER=%s\nPCI_SLOT_NAME=0000:03:00.0\n", driver);
    tree_put(tree, CARD "name", driver);
    tree_put(tree, CARD "device/uevent", uevent);
}

static void put_metrics(const struct tree *tree, unsigned revision, uint64_t energy)
{
    uint8_t bytes[400] = {sizeof bytes & 0xff, sizeof bytes >> 8, 1, (uint8_t)revision};
    for (int i = 0; i < 8; i++)
        bytes[(revision == 4 ? 24 : 88) + i] = (uint8_t)(energy >> (8 * i));
    tree_write(tree, CARD "device/gpu_metrics", bytes, sizeof bytes);
}

/*
 * Counters in µJ (Intel) and 2^-16 J (AMD), read at random times while power changes, readings fail
 * and the counter is reset: energy is the truth outside the gaps, to the quantum.
 */
static void random_counters_give_true_energy(void **state)
{
    (void)state;
    static const char *const drivers[] = {"hwmon", "amdgpu"};
    uint64_t seed = 5;
    for (int round = 0; round < 20; round++) {
        bool intel = round % 2 == 0;
        struct tree tree;
        struct rig rig;
        uint64_t units = 1000000 + rig_random(&seed, 1u << 30), origin = 0;
        double nj_per_unit = intel ? 1000 : 1e9 / 65536, lost_nj = 0, good_nj;
        int64_t t_ns = S;
        bool restarting = false;
        tree_init(&tree);
        put_card(&tree, intel ? "i915" : "amdgpu");
        for (int i = 0, calm = 0; i < 150; i++, calm++) {
            const char *path = intel ? CARD "energy1_input" : CARD "device/gpu_metrics";
            int64_t ms = 20 + rig_random(&seed, 500);
            bool broken = calm > 5 && rig_random(&seed, 20) == 0;
            bool reset = !broken && calm > 5 && rig_random(&seed, 30) == 0;
            uint64_t before = units;
            units += (uint64_t)((double)ms * 1e6 * rig_random(&seed, 300) / nj_per_unit) + 1;
            t_ns += ms * MS;
            if (reset)
                origin = before;
            restarting = restarting || reset;
            if (intel)
                tree_put_number(&tree, path, (int64_t)(units - origin));
            else
                put_metrics(&tree, 4 + (unsigned)round % 3, units - origin);
            if (broken)
                tree_put(&tree, path, "");
            if (i == 0) {
                rig_init(&rig, drivers[!intel], tree.dir);
                assert_int_equal(rig_open(&rig), 0);
                good_nj = (double)units * nj_per_unit;
                lost_nj = good_nj;
            }
            assert_int_equal(rig_read(&rig, t_ns), 0);
            int status = -(int)rig.values[0].status;
            calm = broken || reset ? 0 : calm;
            if (broken)
                assert_int_equal(status, ERG_CORRUPT);
            if (status == ERG_OVERRUN) {
                assert_true(restarting);
                assert_non_null(rig.driver->warning(rig.source));
                restarting = false;
                lost_nj += (double)units * nj_per_unit - good_nj;
                good_nj = (double)units * nj_per_unit;
            }
            if (status || restarting)
                continue;
            good_nj = (double)units * nj_per_unit;
            assert_true(good_nj - lost_nj - (double)rig.values[0].value < 2);
            assert_true((double)rig.values[0].value - (good_nj - lost_nj) < 2);
        }
        assert_true(rig_energy(&rig, 0, 0, t_ns) > 0);
        rig_close(&rig);
        tree_deinit(&tree);
    }
}

static void power_that_stops_leaves_a_gap(void **state)
{
    (void)state;
    struct tree tree;
    struct rig rig;
    tree_init(&tree);
    put_card(&tree, "amdgpu");
    tree_put_number(&tree, CARD "power1_average", 50000000);
    rig_init(&rig, "amdgpu", tree.dir);
    assert_int_equal(rig_open(&rig), 0);
    for (int i = 0; i <= 10; i++)
        assert_int_equal(rig_read(&rig, i * 100 * MS), 0);
    tree_put_number(&tree, CARD "power1_average", 0); /* what a sleeping card shows */
    for (int i = 11; i <= 30; i++) {
        assert_int_equal(rig_read(&rig, i * 100 * MS), 0);
        assert_int_equal(rig.values[0].status, (uint32_t)-ERG_UNSUPPORTED);
    }
    tree_put_number(&tree, CARD "power1_average", 70000000);
    for (int i = 31; i <= 40; i++)
        assert_int_equal(rig_read(&rig, i * 100 * MS), 0);
    assert_int_equal(rig_energy(&rig, 0, 0, 4 * S), 50000000000 + 63000000000);
    struct erg_window window = erg_timeline_window(rig.timeline, 0, 4 * S);
    assert_true(window.coverage_ratio > 0.474 && window.coverage_ratio < 0.476); /* 1.9 of 4 s */
    rig_close(&rig);
    tree_deinit(&tree);
}

/* Random walks of V × I, integrated by the trapezoid rule by hand. */
static void rails_are_voltage_times_current(void **state)
{
    (void)state;
    static const char *const folder = "/sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/";
    struct tree tree;
    struct rig rig;
    uint64_t seed = 77;
    char path[160];
    double truth_nj = 0, last_uw = 0;
    int64_t t_ns = 0, last_ns = 0;
    tree_init(&tree);
    snprintf(path, sizeof path, "%sin1_label", folder);
    tree_put(&tree, path, "VDD_IN\n");
    for (int i = 0; i < 200; i++) {
        int64_t mv = 4800 + rig_random(&seed, 400), ma = 200 + rig_random(&seed, 4000);
        snprintf(path, sizeof path, "%sin1_input", folder);
        tree_put_number(&tree, path, mv);
        snprintf(path, sizeof path, "%scurr1_input", folder);
        tree_put_number(&tree, path, ma);
        t_ns += (10 + rig_random(&seed, 300)) * MS;
        if (i == 0) {
            rig_init(&rig, "jetson", tree.dir);
            assert_int_equal(rig_open(&rig), 0);
        } else {
            truth_nj += (last_uw + (double)(mv * ma)) / 2 * (double)(t_ns - last_ns) / 1e6;
        }
        last_uw = (double)(mv * ma);
        last_ns = t_ns;
        assert_int_equal(rig_read(&rig, t_ns), 0);
        assert_int_equal(rig.values[0].value, mv * ma);
    }
    assert_true(llabs(rig_energy(&rig, 0, 0, t_ns) - (int64_t)truth_nj) <= 2);
    rig_close(&rig);
    tree_deinit(&tree);
}

/* --- the small parsers ------------------------------------------------------------------------ */

static void numbers_are_whole_or_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    " 1",  "1 2", "0x10",
                                        "1.5", "N/A", "-",   "9223372036854775808"};
    int64_t value = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(erg_gauge_parse(wrong[i], strlen(wrong[i]), &value, NULL), ERG_CORRUPT);
    assert_int_equal(erg_gauge_parse("1\0002", 3, &value, NULL), ERG_CORRUPT);
    assert_int_equal(erg_gauge_parse("-742000\n", 8, &value, NULL), 0);
    assert_int_equal(value, -742000);
    assert_int_equal(erg_gauge_parse("9223372036854775807 \r\n", 22, &value, NULL), 0);
    assert_int_equal(value, INT64_MAX);
}

static void uevents_are_searched_line_by_line(void **state)
{
    (void)state;
    char out[8];
    assert_true(erg_gauge_uevent("XKEY=no\nKEY=yes\nKEY=late", "KEY", out, sizeof out));
    assert_string_equal(out, "yes");
    assert_false(erg_gauge_uevent("KEY=much too long\n", "KEY", out, sizeof out));
    assert_false(erg_gauge_uevent("KEY=\n", "KEY", out, sizeof out));
    assert_false(erg_gauge_uevent("", "KEY", out, sizeof out));
}

static void gpu_metrics_are_checked(void **state)
{
    (void)state;
    uint8_t bytes[96] = {96, 0, 1, 4};
    struct erg_gpu_metrics metrics;
    bytes[24] = 0x34;
    bytes[31] = 0x12;
    assert_int_equal(erg_gpu_metrics_parse(bytes, 96, &metrics, NULL), 0);
    assert_true(metrics.has_energy && !metrics.apu);
    assert_true(metrics.energy_count == UINT64_C(0x1200000000000034));
    for (size_t len = 0; len < 96; len++)
        assert_int_equal(erg_gpu_metrics_parse(bytes, len, &metrics, NULL), ERG_CORRUPT);
    bytes[0] = 31; /* ends within the accumulator */
    assert_int_equal(erg_gpu_metrics_parse(bytes, 96, &metrics, NULL), ERG_CORRUPT);
    bytes[0] = 96;
    bytes[3] = 3; /* an accumulator in units that nobody documents */
    assert_int_equal(erg_gpu_metrics_parse(bytes, 96, &metrics, NULL), 0);
    assert_false(metrics.has_energy);
    bytes[3] = 6;
    memset(bytes + 88, 0xff, 8); /* not measured */
    assert_int_equal(erg_gpu_metrics_parse(bytes, 96, &metrics, NULL), 0);
    assert_false(metrics.has_energy);
    bytes[2] = 2;
    bytes[3] = 4;
    assert_int_equal(erg_gpu_metrics_parse(bytes, 96, &metrics, NULL), 0);
    assert_true(metrics.apu && !metrics.has_energy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_machines_have_their_channels),
        cmocka_unit_test(six_rails_of_an_old_jetson),
        cmocka_unit_test(what_is_missing_or_broken_is_said),
        cmocka_unit_test(a_card_describes_itself),
        cmocka_unit_test(random_counters_give_true_energy),
        cmocka_unit_test(power_that_stops_leaves_a_gap),
        cmocka_unit_test(rails_are_voltage_times_current),
        cmocka_unit_test(numbers_are_whole_or_nothing),
        cmocka_unit_test(uevents_are_searched_line_by_line),
        cmocka_unit_test(gpu_metrics_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
