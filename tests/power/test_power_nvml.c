/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "power/fake-nvml/fake_nvml.h"
#include "power/nvml_api.h"

#include <dlfcn.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "power/sensor_rig.h"

#define LIBRARY FAKE_NVML_FOLDER "/fake_nvml.so"
#define OLD     FAKE_NVML_FOLDER "/fake_nvml_old.so"

static void *library;
static struct fake_nvml_script *script; /* of the library that is loaded */

static void load(const char *path, const char *models)
{
    if (library)
        dlclose(library);
    library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    script = dlsym(library, "fake_nvml_script");
    assert_non_null(script);
    setenv("ERGON_NVML_LIBRARY", path, 1);
    setenv("FAKE_NVML", models, 1);
    int (*init)(void);
    *(void **)&init = dlsym(library, "nvmlInit_v2");
    script->init_result = 0;
    init();
    unsetenv("FAKE_NVML"); /* from now on the test says what the GPUs are */
    script->now_ms = 10000;
    script->initialised = script->energy_calls = 0;
    script->on_energy = NULL;
}

static void open_rig(struct rig *rig)
{
    rig_init(rig, "nvml", "");
    assert_int_equal(rig_open(rig), 0);
}

/* At a time of the fake's clock. */
static int read_at(struct rig *rig, int64_t ms)
{
    script->now_ms = ms;
    return rig_read(rig, ms * MS);
}

static void close_rig(struct rig *rig)
{
    rig_close(rig);
    assert_int_equal(script->initialised, 0);
}

static void generations_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *model, *detail;
        enum erg_quantity quantity;
        int64_t update_period_ms;
    } rows[] = {
        {"hopper",
         "1 GPU: NVIDIA H200 0000:41:00.0 (Hopper: energy counter every 100 ms, its sensor sees 25 "
         "% of the time)",
         ERG_QUANTITY_ENERGY, 100},
        {"ampere",
         "1 GPU: NVIDIA GeForce RTX 3090 0000:41:00.0 (Ampere: energy counter every 100 ms)",
         ERG_QUANTITY_ENERGY, 100},
        {"a100",
         "1 GPU: NVIDIA A100-SXM4-80GB 0000:41:00.0 (Ampere GA100: energy counter every 100 ms, "
         "its "
         "sensor sees 25 % of the time, MIG)",
         ERG_QUANTITY_ENERGY, 100},
        {"turing",
         "1 GPU: NVIDIA GeForce RTX 2080 Ti 0000:41:00.0 (Turing: energy counter every 100 ms)",
         ERG_QUANTITY_ENERGY, 100},
        {"pascal",
         "1 GPU: NVIDIA GeForce GTX 1080 0000:41:00.0 (Pascal: power every 20 ms, its sensor sees "
         "50 "
         "% of the time)",
         ERG_QUANTITY_POWER, 20},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        load(LIBRARY, rows[i].model);
        open_rig(&rig);
        assert_string_equal(rig.driver->detail(rig.source), rows[i].detail);
        struct erg_power_probe probe = rig_probe(&rig);
        assert_string_equal(erg_power_state_name(probe.state), "ready");
        assert_int_equal(strncmp(probe.reason, rows[i].detail, 100), 0);
        assert_int_equal(rig.count, 1);
        assert_string_equal(rig.channels[0].name, "gpu0");
        assert_string_equal(rig.channels[0].measures, "gpu:0000:41:00.0");
        assert_int_equal(rig.channels[0].domain, ERG_DOMAIN_GPU);
        assert_int_equal(rig.channels[0].quantity, rows[i].quantity);
        assert_int_equal(rig.channels[0].update_period_ns, rows[i].update_period_ms * MS);
        close_rig(&rig);
    }
    struct rig rig;
    rig_init(&rig, "nvml", "");
    assert_true(rig.driver->own_thread); /* a slow call delays nobody else */
}

/* Two GPUs of different kinds, read at random times: the counter's energy to the last step. */
static void counters_give_true_energy_however_they_are_read(void **state)
{
    (void)state;
    uint64_t seed = 11;
    struct rig rig;
    load(LIBRARY, "hopper,turing");
    open_rig(&rig);
    int64_t ms = 10000, news = 0, repeats = 0;
    int64_t first_ms[2] = {-1, -1}, last_ms[2] = {-1, -1};
    while (ms < 70000) {
        ms += 10 + rig_random(&seed, ms < 40000 ? 80 : 700);
        int rc = read_at(&rig, ms);
        assert_true(rc == 0 || rc == ERG_POWER_NOTHING_NEW);
        news += rc == 0;
        repeats += rc != 0;
        for (int i = 0; i < 2 && rc == 0; i++) {
            assert_true(rig.values[i].status == 0 || rig.values[i].status == (uint32_t)-ERG_BUSY);
            if (rig.values[i].status)
                continue;
            first_ms[i] = first_ms[i] < 0 ? ms : first_ms[i];
            last_ms[i] = ms;
            uint64_t mj = fake_nvml_energy_mj(&script->gpus[i], ms / 100) -
                          fake_nvml_energy_mj(&script->gpus[i], first_ms[i] / 100);
            assert_int_equal(rig.values[i].value, mj * 1000000);
        }
    }
    assert_true(news > 300 && repeats > 100);
    for (uint32_t i = 0; i < 2; i++) {
        int64_t truth = (int64_t)(fake_nvml_energy_mj(&script->gpus[i], last_ms[i] / 100) -
                                  fake_nvml_energy_mj(&script->gpus[i], first_ms[i] / 100));
        assert_int_equal(rig_energy(&rig, i, first_ms[i] * MS, last_ms[i] * MS), truth * 1000000);
    }
    close_rig(&rig);
}

static void a_counter_that_really_stands_still_is_read(void **state)
{
    (void)state;
    struct rig rig;
    load(LIBRARY, "hopper");
    open_rig(&rig);
    assert_int_equal(read_at(&rig, 10000), 0);
    script->now_ms = 10000;
    for (int64_t ms = 10050; ms < 11000; ms += 50)
        assert_int_equal(rig_read(&rig, ms * MS), ERG_POWER_NOTHING_NEW);
    assert_int_equal(rig_read(&rig, 11000 * MS), 0);
    assert_int_equal(rig_energy(&rig, 0, 10 * S, 11 * S), 0);
    close_rig(&rig);
}

/* Without a counter power is integrated: true to a step at either end. */
static void power_is_integrated_where_there_is_no_counter(void **state)
{
    (void)state;
    struct rig rig;
    load(LIBRARY, "pascal");
    open_rig(&rig);
    for (int64_t ms = 10000; ms <= 40000; ms += 10)
        assert_int_equal(read_at(&rig, ms), 0);
    uint64_t truth = fake_nvml_energy_mj(&script->gpus[0], 40000 / 20) -
                     fake_nvml_energy_mj(&script->gpus[0], 10000 / 20);
    int64_t nj = rig_energy(&rig, 0, 10 * S, 40 * S);
    assert_true(llabs(nj - (int64_t)truth * 1000000) < 2 * INT64_C(20 * 200) * 1000000);
    close_rig(&rig);
}

static void fields_of_an_unexpected_type_are_not_believed(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t value = 7;
    load(LIBRARY, "ampere");
    script->gpus[0].has_counter = false;
    script->gpus[0].field_type = ERG_NVML_TYPE_DOUBLE;
    open_rig(&rig);
    assert_non_null(strstr(rig.driver->detail(rig.source), "(Ampere: power every"));
    assert_int_equal(read_at(&rig, 10000), 0);
    assert_int_equal(rig.values[0].value, (int64_t)fake_nvml_power_mw(99) * 1000);
    close_rig(&rig);

    script->gpus[0].field_type = ERG_NVML_TYPE_UNSIGNED_INT;
    open_rig(&rig);
    assert_non_null(strstr(rig.driver->detail(rig.source), "(Ampere: instant power every"));
    assert_int_equal(read_at(&rig, 10000), 0);
    assert_int_equal(read_at(&rig, 10050), ERG_POWER_NOTHING_NEW); /* the same time stamp */
    script->gpus[0].field_type = 77;                               /* from one call to the next */
    assert_int_equal(read_at(&rig, 10100), 0);
    assert_int_equal(rig.values[0].status, (uint32_t)-ERG_UNSUPPORTED);
    close_rig(&rig);

    struct erg_nvml_field field = {.value_type = ERG_NVML_TYPE_UNSIGNED_INT,
                                   .ret = ERG_NVML_NOT_SUPPORTED};
    assert_int_equal(erg_nvml_field_value(&field, &value), ERG_NVML_NOT_SUPPORTED);
    assert_int_equal(value, 7);
}

static void zeros_and_refusals_are_gaps_and_nothing_is_lost(void **state)
{
    (void)state;
    struct rig rig;
    load(LIBRARY, "hopper");
    open_rig(&rig);
    for (int64_t ms = 10000; ms <= 20000; ms += 100) {
        bool zero = ms % 1100 == 0, refused = ms % 1300 == 0;
        script->gpus[0].zero = zero;
        script->gpus[0].energy_result = refused ? ERG_NVML_NOT_SUPPORTED : 0;
        int rc = read_at(&rig, ms);
        if (refused)
            assert_int_equal(rig.values[0].status, (uint32_t)-ERG_UNSUPPORTED);
        else
            assert_int_equal(rc, zero ? ERG_POWER_NOTHING_NEW : 0);
    }
    assert_int_equal(rig_energy(&rig, 0, 10 * S, 20 * S),
                     (int64_t)(fake_nvml_energy_mj(&script->gpus[0], 200) -
                               fake_nvml_energy_mj(&script->gpus[0], 100)) *
                         1000000);
    close_rig(&rig);
}

static void a_reloaded_driver_leaves_a_gap(void **state)
{
    (void)state;
    struct rig rig;
    int warnings = 0;
    load(LIBRARY, "hopper");
    script->gpus[0].counter_base_mj = 1000000000;
    open_rig(&rig);
    for (int64_t ms = 10000; ms <= 30000; ms += 100) {
        script->gpus[0].reset_ms = ms > 20000 ? 20000 : 0;
        int rc = read_at(&rig, ms);
        assert_int_equal(rc, ms == 20100 ? ERG_POWER_NOTHING_NEW : 0);
        if (ms == 20200)
            assert_int_equal(rig.values[0].status, (uint32_t)-ERG_OVERRUN);
        const char *warning = rig.driver->warning(rig.source);
        warnings += warning && strstr(warning, "was reset");
    }
    assert_int_equal(warnings, 1);
    const struct fake_nvml_gpu *gpu = &script->gpus[0];
    uint64_t before = fake_nvml_energy_mj(gpu, 200) - fake_nvml_energy_mj(gpu, 100);
    uint64_t after = fake_nvml_energy_mj(gpu, 300) - fake_nvml_energy_mj(gpu, 203);
    assert_int_equal(rig_energy(&rig, 0, 10 * S, 30 * S), (int64_t)(before + after) * 1000000);
    struct erg_window window = erg_timeline_window(rig.timeline, 10 * S, 30 * S);
    assert_true(window.coverage_ratio > 0.984 && window.coverage_ratio < 0.986);
    close_rig(&rig);
}

static void a_lost_gpu_is_told_and_the_others_go_on(void **state)
{
    (void)state;
    struct rig rig;
    load(LIBRARY, "hopper,ampere");
    open_rig(&rig);
    assert_int_equal(read_at(&rig, 10000), 0);
    script->gpus[1].energy_result = ERG_NVML_GPU_IS_LOST;
    assert_int_equal(read_at(&rig, 10100), 0);
    assert_int_equal(rig.values[0].status, 0);
    assert_int_equal(rig.values[1].status, (uint32_t)-ERG_GONE);
    assert_string_equal(rig.driver->warning(rig.source),
                        "GPU 1 (0000:42:00.0) is lost: no more readings of it");
    assert_null(rig.driver->warning(rig.source));
    script->gpus[1].energy_result = 0; /* it does not come back */
    assert_int_equal(read_at(&rig, 10200), 0);
    assert_int_equal(rig.values[1].status, (uint32_t)-ERG_GONE);
    script->gpus[0].energy_result = ERG_NVML_GPU_IS_LOST;
    assert_int_equal(read_at(&rig, 10300), ERG_GONE);
    assert_string_equal(rig.err.text,
                        "GPU 0 (0000:41:00.0) is lost: it has fallen off the bus or needs a reset");
    close_rig(&rig);
}

static void take_3_ms(void *user)
{
    (void)user;
    script->now_ms += 3;
}

static void slow_calls_change_no_energy(void **state)
{
    (void)state;
    struct rig rig;
    load(LIBRARY, "hopper,hopper");
    open_rig(&rig);
    script->on_energy = take_3_ms;
    for (int64_t ms = 10020; ms <= 20020; ms += 50)
        assert_true(read_at(&rig, ms) >= 0);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(rig_energy(&rig, i, 10020 * MS, 20020 * MS),
                         (int64_t)(fake_nvml_energy_mj(&script->gpus[i], 200) -
                                   fake_nvml_energy_mj(&script->gpus[i], 100)) *
                             1000000);
    assert_true(script->energy_calls > 400);
    close_rig(&rig);
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

static void a_gpu_says_what_slows_it_down(void **state)
{
    (void)state;
    struct rig rig;
    load(LIBRARY, "a100");
    script->gpus[0].throttle = 0x1 | ERG_NVML_THROTTLE_POWER_CAP;
    open_rig(&rig);
    assert_string_equal(rig.driver->warning(rig.source),
                        "GPU 0 is divided (MIG): its energy is that of all instances together");
    assert_int_equal(read_at(&rig, 12000), 0);
    assert_string_equal(rig.driver->warning(rig.source), "GPU 0 is slowed down by its power limit");
    script->gpus[0].throttle = ERG_NVML_THROTTLE_HW_THERMAL | ERG_NVML_THROTTLE_POWER_CAP;
    assert_int_equal(read_at(&rig, 14000), 0);
    assert_string_equal(rig.driver->warning(rig.source),
                        "GPU 0 is slowed down by its temperature (hardware)");
    assert_null(rig.driver->warning(rig.source));
    json_t *json = description(&rig);
    json_t *gpu = json_array_get(json_object_get(json, "gpus"), 0);
    assert_string_equal(json_string_value(json_object_get(json, "driver_version")), "580.95.05");
    assert_string_equal(json_string_value(json_object_get(gpu, "generation")), "Ampere GA100");
    static const struct {
        const char *key;
        int value;
    } numbers[] = {{"sensor_coverage_pct", 25},    {"utilisation_pct", 87},
                   {"memory_utilisation_pct", 41}, {"sm_clock_mhz", 1980},
                   {"memory_clock_mhz", 3201},     {"temperature_degrees", 61},
                   {"power_limit_mw", 700000},     {"power_limit_min_mw", 200000},
                   {"power_limit_max_mw", 700000}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_int_equal(json_integer_value(json_object_get(gpu, numbers[i].key)),
                         numbers[i].value);
    json_t *throttled = json_object_get(gpu, "throttled_by");
    assert_int_equal(json_array_size(throttled), 2);
    assert_string_equal(json_string_value(json_array_get(throttled, 1)), "hardware_thermal");
    json_decref(json);
    close_rig(&rig);
}

/* Power that shows four fifths of what the counter counts is told, once. */
static void power_and_counter_are_compared(void **state)
{
    (void)state;
    for (int pct = 80; pct <= 100; pct += 20) {
        struct rig rig;
        const char *warning, *told = NULL;
        load(LIBRARY, "hopper");
        script->gpus[0].power_pct = pct;
        open_rig(&rig);
        for (int64_t ms = 10000; ms <= 60000; ms += 50) {
            assert_true(read_at(&rig, ms) >= 0);
            warning = rig.driver->warning(rig.source);
            assert_true(!warning || !told);
            told = warning ? warning : told;
        }
        if (pct == 100)
            assert_null(told);
        else
            assert_string_equal(told,
                                "the power of GPU 0 adds up to 20 % less than its energy counter");
        json_t *json = description(&rig);
        double ratio = json_real_value(
            json_object_get(json_array_get(json_object_get(json, "gpus"), 0), "residual_ratio"));
        assert_true(ratio > pct / 100.0 - 1.01 && ratio < pct / 100.0 - 0.99);
        json_decref(json);
        close_rig(&rig);
    }
}

static void *describe_often(void *rig)
{
    for (int i = 0; i < 300; i++)
        json_decref(description(rig));
    return NULL;
}

/* What thread sanitizers look at: a live view describes what the sampling thread reads. */
static void it_is_described_while_it_is_read(void **state)
{
    (void)state;
    struct rig rig;
    pthread_t thread;
    load(LIBRARY, "hopper,turing");
    open_rig(&rig);
    assert_int_equal(pthread_create(&thread, NULL, describe_often, &rig), 0);
    for (int64_t ms = 10000; ms < 20000; ms += 10) {
        assert_true(read_at(&rig, ms) >= 0);
        (void)rig.driver->warning(rig.source);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    close_rig(&rig);
}

static void an_old_library_still_gives_power(void **state)
{
    (void)state;
    struct rig rig;
    load(OLD, "hopper");
    open_rig(&rig);
    assert_string_equal(rig.driver->detail(rig.source),
                        "1 GPU: NVIDIA GPU  (unknown generation: power every 100 ms)");
    assert_string_equal(rig.channels[0].measures, "");
    assert_int_equal(read_at(&rig, 10000), 0);
    assert_int_equal(rig.values[0].value, (int64_t)fake_nvml_power_mw(99) * 1000);
    json_t *json = description(&rig);
    assert_null(json_object_get(json_array_get(json_object_get(json, "gpus"), 0), "sm_clock_mhz"));
    json_decref(json);
    close_rig(&rig);
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *path, *models, *state, *reason;
        int init_result, code;
    } rows[] = {
        {"/nowhere/libnvidia-ml.so.1", "", "absent",
         "no NVML library ('/nowhere/libnvidia-ml.so.1')", 0, ERG_NOT_FOUND},
        {LIBRARY, "hopper", "absent", "the NVIDIA driver is not loaded", ERG_NVML_DRIVER_NOT_LOADED,
         ERG_NOT_FOUND},
        {LIBRARY, "hopper", "denied", "NVML: Insufficient Permissions", ERG_NVML_NO_PERMISSION,
         ERG_DENIED},
        {LIBRARY, "hopper", "broken", "NVML: Driver/library version mismatch",
         ERG_NVML_LIBRARY_MISMATCH, ERG_UNSUPPORTED},
        {LIBRARY, "", "absent", "the NVIDIA driver has no GPU", 0, ERG_NOT_FOUND},
        {LIBRARY, "mute", "broken", "GPU 0 (NVIDIA Quadro K420) shows neither energy nor power", 0,
         ERG_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rig rig;
        load(LIBRARY, rows[i].models);
        setenv("ERGON_NVML_LIBRARY", rows[i].path, 1);
        script->init_result = rows[i].init_result;
        rig_init(&rig, "nvml", "");
        struct erg_power_probe probe = rig_probe(&rig);
        assert_string_equal(probe.reason, rows[i].reason);
        assert_string_equal(erg_power_state_name(probe.state), rows[i].state);
        assert_string_not_equal(probe.remedy, "");
        assert_int_equal(rig_open(&rig), rows[i].code);
        assert_int_equal(script->initialised, 0);
    }
    /* A recorded tree is another machine than the one whose library this is. */
    struct rig rig;
    unsetenv("ERGON_NVML_LIBRARY");
    rig_init(&rig, "nvml", "power/roots/desktop");
    assert_int_equal(rig_probe(&rig).state, ERG_POWER_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generations_are_told_apart),
        cmocka_unit_test(counters_give_true_energy_however_they_are_read),
        cmocka_unit_test(a_counter_that_really_stands_still_is_read),
        cmocka_unit_test(power_is_integrated_where_there_is_no_counter),
        cmocka_unit_test(fields_of_an_unexpected_type_are_not_believed),
        cmocka_unit_test(zeros_and_refusals_are_gaps_and_nothing_is_lost),
        cmocka_unit_test(a_reloaded_driver_leaves_a_gap),
        cmocka_unit_test(a_lost_gpu_is_told_and_the_others_go_on),
        cmocka_unit_test(slow_calls_change_no_energy),
        cmocka_unit_test(a_gpu_says_what_slows_it_down),
        cmocka_unit_test(power_and_counter_are_compared),
        cmocka_unit_test(it_is_described_while_it_is_read),
        cmocka_unit_test(an_old_library_still_gives_power),
        cmocka_unit_test(what_is_missing_is_said),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (library)
        dlclose(library);
    return failed;
}
