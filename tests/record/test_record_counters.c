/* SPDX-License-Identifier: MIT */
#include "record/fake_session.h"

#include "base/clock.h"
#include "export/export.h"
#include "power/pmu.h"
#include "record/counters.h"
#include "record/join.h"
#include "store/store.h"

#include <jansson.h>
#include <math.h>

/*
 * Performance counters: of the engine by a processor that counts as it is told to, per phase, and
 * the same again from the recording and from what is exported.
 */

/* A processor whose instructions, cycles and cache misses grow with time at fixed rates. */
struct fake_pmu {
    struct erg_pmu pmu;
    int64_t t0_ns;
    uint32_t offers; /* bit i: has counter i */
    int denied;      /* open() answers this */
    int opened, closed;
    uint64_t share_percent; /* of the time that a counter is its own */
};

static const uint64_t per_us[ERG_COUNTS] = {3000, 1500, 7};

static int fake_open(void *user, pid_t pid, enum erg_count what, int *out_fd, struct erg_err *err)
{
    struct fake_pmu *fake = user;
    assert_true(pid > 0);
    if (fake->denied)
        return erg_fail(err, fake->denied, "not permitted");
    if (!(fake->offers >> what & 1))
        return erg_fail(err, ERG_UNSUPPORTED, "not offered by this machine");
    if (!fake->t0_ns)
        fake->t0_ns = erg_clock_now_ns(erg_clock_system());
    fake->opened++;
    *out_fd = (int)what;
    return 0;
}

static int fake_read(void *user, int fd, struct erg_pmu_value *out)
{
    struct fake_pmu *fake = user;
    uint64_t ns = (uint64_t)(erg_clock_now_ns(erg_clock_system()) - fake->t0_ns);
    uint64_t running = ns / 100 * fake->share_percent;
    *out = (struct erg_pmu_value){per_us[fd] * (running / 1000), ns, running};
    return 0;
}

static void fake_close(void *user, int fd)
{
    struct fake_pmu *fake = user;
    (void)fd;
    fake->closed++;
}

static void fake_pmu_init(struct fake_pmu *fake, uint32_t offers, uint64_t share_percent)
{
    *fake = (struct fake_pmu){
        .pmu = {.open = fake_open, .read = fake_read, .close = fake_close, .user = fake},
        .offers = offers,
        .share_percent = share_percent,
    };
}

static const char script[] = "realtime on\n"
                             "run_begin {}\n"
                             "section pre_inference tokenization 1ms\n"
                             "pass prefill duration=400ms\ntoken 5 \"x\"\n"
                             "repeat 3\npass decode duration=200ms\ntoken 6 \"y\"\nend\n"
                             "run_end\n";

static void run_with(struct fake_session *fake, const struct erg_pmu *pmu)
{
    struct erg_session *session = NULL;
    struct erg_root root;
    fake_session_init(fake, script);
    assert_int_equal(erg_root_init(&root, NULL, NULL), 0);
    struct erg_session_options options = {
        .engine_path = fake->engine_path, .root = &root, .pmu = pmu};
    assert_int_equal(erg_session_open(&session, &options, &fake->err), 0);
    assert_int_equal(
        erg_session_run(session, &fake->options, &fake->observer, &fake->result, &fake->err), 0);
    erg_session_close(session);
    assert_string_equal(fake->result.status, "complete");
}

/* The object of a phase in a summary. */
static const json_t *phase_of(const json_t *summary, const char *name)
{
    const json_t *list = json_object_get(summary, "phases");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *phase = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(phase, "phase")), name) == 0)
            return phase;
    }
    fail_msg("no phase '%s'", name);
    return NULL;
}

static bool has_rate(const json_t *phase, const char *key, double rate_per_us)
{
    const json_t *counters = json_object_get(phase, "counters");
    double us = json_number_value(json_object_get(phase, "duration_ms")) * 1e3;
    double count = (double)json_integer_value(json_object_get(counters, key));
    return fabs(count / us - rate_per_us) < rate_per_us * 0.02;
}

static bool has_rates(const json_t *phase)
{
    const json_t *counters = json_object_get(phase, "counters");
    return has_rate(phase, "instructions", 3000) && has_rate(phase, "cycles", 1500) &&
           has_rate(phase, "cache_misses", 7) &&
           fabs(json_number_value(json_object_get(counters, "ipc")) - 2) < 0.01;
}

static const char *reason_of(const json_t *summary)
{
    return json_string_value(
        json_object_get(json_object_get(summary, "profiler"), "counters_reason"));
}

/* Phases and reason of the summary that the recording gives when it is read again. */
static void assert_same_when_imported(const char *path, const json_t *summary)
{
    struct erg_run_result result = {0};
    bool torn;
    assert_int_equal(erg_import(path, NULL, &result, &torn, NULL), 0);
    json_t *again = json_loads(result.summary_json, 0, NULL);
    assert_non_null(again);
    const json_t *a = json_object_get(summary, "phases"), *b = json_object_get(again, "phases");
    assert_int_equal(json_array_size(a), json_array_size(b));
    for (size_t i = 0; i < json_array_size(a); i++)
        assert_true(json_equal(json_object_get(json_array_get(a, i), "counters"),
                               json_object_get(json_array_get(b, i), "counters")));
    assert_true(json_equal(json_object_get(json_object_get(summary, "profiler"), "counters_reason"),
                           json_object_get(json_object_get(again, "profiler"), "counters_reason")));
    json_decref(again);
    erg_run_result_deinit(&result);
}

static int append_bytes(void *user, const void *bytes, size_t len)
{
    return fwrite(bytes, 1, len, user) == len ? 0 : ERG_IO;
}

static void assert_same_when_exported(const struct fake_session *fake, const json_t *summary)
{
    struct erg_store *store = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/stream", fake->folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(erg_store_open(&store, fake->store, ERG_STORE_READ, NULL, NULL), 0);
    struct erg_export_request request = {
        .store = store, .run_id = fake->result.id, .sink = append_bytes, .user = file};
    assert_int_equal(erg_exporter_find("erg")->write(&request, NULL), 0);
    erg_store_close(store);
    fclose(file);
    assert_same_when_imported(path, summary);
}

/* A run of two phases with counts, and whether they are right. */
static bool counts_are_right(uint64_t share_percent)
{
    struct fake_session fake;
    struct fake_pmu pmu;
    fake_pmu_init(&pmu, 7, share_percent);
    run_with(&fake, &pmu.pmu);
    assert_int_equal(pmu.opened, ERG_COUNTS);
    assert_int_equal(pmu.closed, ERG_COUNTS);
    json_t *summary = json_loads(fake.result.summary_json, 0, NULL);
    bool right = has_rates(phase_of(summary, "prefill")) && has_rates(phase_of(summary, "decode"));
    /* 1 ms between readings 20 ms apart: nothing is made up. */
    assert_true(json_is_null(json_object_get(phase_of(summary, "pre_inference"), "counters")));
    assert_non_null(strstr(reason_of(summary), "too short"));
    assert_same_when_imported(fake.recording, summary);
    assert_same_when_exported(&fake, summary);
    json_decref(summary);
    fake_session_deinit(&fake);
    return right;
}

/*
 * A reader that the machine keeps waiting for a good part of a phase has no counts of it, and says
 * so: then there is another run.
 */
static void test_phases_have_their_counts(void **state)
{
    enum { TRIES = 8 };
    static const uint64_t shares[] = {100, 25};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(shares); i++) {
        bool right = false;
        for (int k = 0; k < TRIES && !right; k++)
            right = counts_are_right(shares[i]);
        assert_true(right);
    }
}

static void test_a_counter_may_be_missing(void **state)
{
    struct fake_session fake;
    struct fake_pmu pmu;
    (void)state;
    fake_pmu_init(&pmu, 1u << ERG_COUNT_INSTRUCTIONS | 1u << ERG_COUNT_CYCLES, 100);
    run_with(&fake, &pmu.pmu);
    json_t *summary = json_loads(fake.result.summary_json, 0, NULL);
    const json_t *counters = json_object_get(phase_of(summary, "decode"), "counters");
    assert_true(json_is_null(json_object_get(counters, "cache_misses")));
    assert_true(json_is_integer(json_object_get(counters, "cycles")));
    assert_string_equal(reason_of(summary), "this machine does not count cache misses");
    assert_same_when_imported(fake.recording, summary);
    assert_same_when_exported(&fake, summary);
    json_decref(summary);
    fake_session_deinit(&fake);
}

/* No counters: null and a reason, and no warning that would make a good run look bad. */
static void test_no_counters_are_no_warning(void **state)
{
    static const int codes[] = {ERG_DENIED, ERG_UNSUPPORTED};
    static const char *const words[] = {"nobody but root", "virtual"};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(codes); i++) {
        struct fake_session fake;
        struct fake_pmu pmu;
        fake_pmu_init(&pmu, 0, 100);
        pmu.denied = codes[i];
        run_with(&fake, &pmu.pmu);
        json_t *summary = json_loads(fake.result.summary_json, 0, NULL);
        assert_true(json_is_null(json_object_get(phase_of(summary, "decode"), "counters")));
        assert_non_null(strstr(reason_of(summary), words[i]));
        const json_t *warnings = json_object_get(json_object_get(summary, "power"), "warnings");
        for (size_t w = 0; w < json_array_size(warnings); w++)
            assert_null(strstr(json_string_value(json_array_get(warnings, w)), "counter"));
        assert_same_when_imported(fake.recording, summary);
        assert_same_when_exported(&fake, summary);
        json_decref(summary);
        fake_session_deinit(&fake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_phases_have_their_counts),
        cmocka_unit_test(test_a_counter_may_be_missing),
        cmocka_unit_test(test_no_counters_are_no_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
