/* SPDX-License-Identifier: MIT */
#include "record/fake_session.h"

#include "base/mem.h"
#include "server/feed.h"
#include "server/frames.h"
#include "store/store.h"

#include <jansson.h>

/* What a run looks like to those who watch: the frames of the feed against the rows of the store.
 */

static const char script[] = "run_begin {}\n"
                             "section pre_inference tokenization 1ms\n"
                             "section pre_inference kv_cache_init 2ms\n"
                             "pass prefill tokens=3 duration=10ms stats\n"
                             "token 5 \"x\"\ntoken 6 \"\\\"quoted\\\"\"\ntoken 7 \"\\n\"\n"
                             "progress decode 1 2 3 4 5\n"
                             "log warning it is warm here\n"
                             "repeat 40\npass decode duration=10ms stats\ntoken 7 \"z\"\nend\n"
                             "pass decode duration=10ms deep stats layers=3\n"
                             "token 8 \"last\"\n"
                             "section post_inference detokenization 1ms\n"
                             "run_end\n";

struct rig {
    struct fake_session fake;
    struct erg_ring *ring;
    struct erg_feed *feed;
    atomic_bool cancelled, interrupted;
    struct erg_feed_run run;
    uint64_t cursor;
    json_t *frames;       /* array */
    struct erg_buf texts; /* the same as they came, a line each */
};

static void rig_init(struct rig *rig, const char *text, bool watched)
{
    *rig = (struct rig){0};
    fake_session_init(&rig->fake, text);
    assert_int_equal(erg_ring_new(&rig->ring, 1 << 22, 1, NULL), 0);
    assert_int_equal(erg_feed_new(&rig->feed, rig->ring, erg_clock_system(), NULL), 0);
    rig->fake.options.id = "20260101-000000-abcdef";
    rig->fake.options.model_name = "model";
    rig->fake.options.mode = "standard";
    rig->fake.options.power_spec = "synthetic:cpu=square(5W,25W,7ms)";
    rig->fake.options.power_interval_ns = 5000000;
    rig->run = (struct erg_feed_run){&rig->fake.options, 2, &rig->cancelled, &rig->interrupted};
    rig->frames = json_array();
    if (watched)
        rig->cursor = erg_ring_join(rig->ring);
}

/* One run, from begin to end. */
static void rig_run(struct rig *rig)
{
    struct fake_session *fake = &rig->fake;
    erg_feed_begin(rig->feed, &rig->run, &fake->observer);
    int rc = fake_session_run(fake);
    erg_feed_end(rig->feed, rc ? "failed" : fake->result.status,
                 rc ? fake->err.text : fake->result.failure, fake->result.summary_json);
}

static void rig_read(struct rig *rig)
{
    struct erg_buf out = {0};
    while (erg_ring_next(rig->ring, &rig->cursor, UINT64_MAX, &out)) {
        json_t *frame = json_loadb(out.data, out.len, JSON_REJECT_DUPLICATES, NULL);
        if (!frame)
            fail_msg("no JSON: %s", out.data);
        json_array_append_new(rig->frames, frame);
        erg_buf_puts(&rig->texts, out.data);
        erg_buf_putc(&rig->texts, '\n');
        erg_buf_clear(&out);
    }
    erg_buf_deinit(&out);
}

static void rig_deinit(struct rig *rig)
{
    erg_feed_free(rig->feed);
    erg_ring_free(rig->ring);
    json_decref(rig->frames);
    erg_buf_deinit(&rig->texts);
    fake_session_deinit(&rig->fake);
}

static const char *text_of(const json_t *frame, const char *key)
{
    const char *text = json_string_value(json_object_get(frame, key));
    return text ? text : "";
}

static bool is(const json_t *frame, const char *type)
{
    return strcmp(text_of(frame, "type"), type) == 0;
}

/* The n-th frame of a type; NULL when there are fewer. */
static const json_t *frame_at(const struct rig *rig, const char *type, size_t n)
{
    const json_t *frame;
    size_t i;
    json_array_foreach(rig->frames, i, frame)
    {
        if (is(frame, type) && n-- == 0)
            return frame;
    }
    return NULL;
}

static size_t frames_of(const struct rig *rig, const char *type)
{
    size_t n = 0;
    while (frame_at(rig, type, n))
        n++;
    return n;
}

/* Milliseconds or millijoules with six decimals. */
static int64_t micro(const json_t *frame, const char *key)
{
    const json_t *value = json_object_get(frame, key);
    if (!json_is_number(value))
        fail_msg("%s is no number", key);
    double scaled = json_number_value(value) * 1e6;
    return (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* --- against the store --------------------------------------------------------------------------
 */

struct against {
    struct rig *rig;
    size_t next;
};

static int check_token(void *user, const struct erg_token_row *row)
{
    struct against *against = user;
    const json_t *frame = frame_at(against->rig, "token_complete", against->next++);
    assert_non_null(frame);
    assert_int_equal(json_integer_value(json_object_get(frame, "index")), row->index);
    assert_int_equal(json_integer_value(json_object_get(frame, "position")), row->position);
    assert_int_equal(json_integer_value(json_object_get(frame, "token")), row->id);
    assert_int_equal(json_string_length(json_object_get(frame, "text")), row->text_len);
    assert_memory_equal(text_of(frame, "text"), row->text, row->text_len);
    assert_int_equal(micro(frame, "start_ms"), row->t0_ns);
    assert_int_equal(micro(frame, "duration_ms"), row->duration_ns);
    assert_int_equal(micro(frame, "energy_mj"), erg_energy_total_nj(&row->energy));
    assert_string_equal(text_of(frame, "grade"), erg_grade_name(row->grade));
    double mw = json_number_value(json_object_get(frame, "power_mw"));
    assert_true(mw >= 4999 && mw <= 25001);
    return 0;
}

static int check_section(void *user, const struct erg_section_row *row)
{
    struct against *against = user;
    int starts = 0, ends = 0;
    const json_t *frame;
    size_t i;
    against->next++;
    json_array_foreach(against->rig->frames, i, frame)
    {
        if (strcmp(text_of(frame, "section_name"), row->name) != 0 || is(frame, "progress") ||
            strcmp(text_of(frame, "phase"), row->phase == 0   ? "pre_inference"
                                            : row->phase == 1 ? "prefill"
                                            : row->phase == 2 ? "decode"
                                                              : "post_inference") != 0)
            continue;
        assert_true(ends == 0);
        starts += is(frame, "section_start");
        ends += is(frame, "section_end");
        if (is(frame, "section_start")) {
            assert_int_equal(micro(frame, "t_ms"), row->t0_ns);
            continue;
        }
        assert_int_equal(micro(frame, "start_ms"), row->t0_ns);
        assert_int_equal(micro(frame, "end_ms"), row->t1_ns);
        assert_int_equal(micro(frame, "duration_ms"), row->duration_ns);
        assert_int_equal(micro(frame, "energy_mj"), erg_energy_total_nj(&row->energy));
    }
    assert_int_equal(starts, 1);
    assert_int_equal(ends, 1);
    return 0;
}

static int count_sample(void *user, const struct erg_sample_row *row)
{
    struct against *against = user;
    const json_t *frame;
    size_t n = against->next++;
    for (size_t i = 0; (frame = frame_at(against->rig, "power_sample", i)); i++) {
        const json_t *times = json_object_get(frame, "timestamp_ms");
        if (n >= json_array_size(times)) {
            n -= json_array_size(times);
            continue;
        }
        double t_ms = json_number_value(json_array_get(times, n));
        double mw = json_number_value(json_array_get(json_object_get(frame, "total_power_mw"), n));
        assert_true(t_ms * 1e6 > (double)row->t_ns - 1 && t_ms * 1e6 < (double)row->t_ns + 1);
        assert_true(mw == row->total_mw);
        assert_int_equal(json_array_size(json_object_get(frame, "phase")), json_array_size(times));
        assert_non_null(json_object_get(frame, "cpu_power_mw"));
        assert_null(json_object_get(frame, "gpu_power_mw"));
        return 0;
    }
    fail_msg("a stored sample that was not sent");
    return 0;
}

static void test_rows_are_those_of_the_store(void **state)
{
    (void)state;
    struct rig rig;
    struct erg_store *store = NULL;
    rig_init(&rig, script, true);
    rig_run(&rig);
    rig_read(&rig);
    const char *id = rig.fake.result.id;
    assert_string_equal(id, rig.fake.options.id);
    struct against tokens = {&rig, 0}, sections = {&rig, 0}, samples = {&rig, 0};
    assert_int_equal(erg_store_open(&store, rig.fake.store, ERG_STORE_READ, NULL, NULL), 0);
    assert_int_equal(erg_store_tokens(store, id, check_token, &tokens, NULL), 0);
    assert_int_equal(erg_store_sections(store, id, check_section, &sections, NULL), 0);
    assert_int_equal(erg_store_samples(store, id, count_sample, &samples, NULL), 0);
    erg_store_close(store);
    assert_int_equal(tokens.next, 44);
    assert_int_equal(frames_of(&rig, "token_complete"), 44);
    assert_int_equal(frames_of(&rig, "section_end"), sections.next);
    assert_true(sections.next > 10);
    assert_true(samples.next > 50);
    assert_int_equal(frames_of(&rig, "gap"), 0);
    rig_deinit(&rig);
}

struct expected {
    struct erg_store *store;
    const struct rig *rig;
    uint32_t passes, compared;
    int64_t token; /* first one of the pass */
};

static const char *stored_name(void *user, uint16_t id)
{
    return erg_store_name(user, id);
}

/* The frame made of a stored pass is the one that was sent, if it was: metrics are conflated. */
static int check_pass(void *user, const struct erg_pass_row *row)
{
    static const struct {
        const char *type;
        enum erg_detail_kind kind;
    } kinds[] = {{"layer_metrics", ERG_DETAIL_LAYERS},
                 {"component_metrics", ERG_DETAIL_COMPONENTS},
                 {"operation_metrics", ERG_DETAIL_OPERATIONS}};
    struct expected *expected = user;
    const struct erg_extra_source source = {row, stored_name, expected->store};
    for (size_t k = 0; k < ERG_COUNT(kinds); k++) {
        struct erg_buf text = {0};
        struct erg_jsonw w;
        erg_jsonw_init(&w, &text);
        erg_frame_begin(&w, kinds[k].type, expected->rig->fake.options.id, row->t1_ns);
        assert_int_equal(erg_frame_details(&w, kinds[k].kind, &source, (uint32_t)expected->token),
                         0);
        erg_jsonw_obj_end(&w);
        const json_t *frame;
        for (size_t i = 0; (frame = frame_at(expected->rig, kinds[k].type, i)); i++) {
            if (json_integer_value(json_object_get(frame, "pass")) != row->index)
                continue;
            json_t *sent = json_copy((json_t *)frame);
            json_object_del(sent, "seq");
            json_t *stored = json_loadb(text.data, text.len, 0, NULL);
            assert_true(json_equal(sent, stored));
            expected->compared++;
            json_decref(sent);
            json_decref(stored);
        }
        erg_buf_deinit(&text);
    }
    expected->passes++;
    expected->token += row->n_tokens;
    return 0;
}

static void test_metrics_are_those_of_the_store(void **state)
{
    (void)state;
    struct rig rig;
    struct expected expected = {.rig = &rig};
    rig_init(&rig, script, true);
    rig_run(&rig);
    rig_read(&rig);
    assert_int_equal(erg_store_open(&expected.store, rig.fake.store, ERG_STORE_READ, NULL, NULL),
                     0);
    assert_int_equal(
        erg_store_passes(expected.store, rig.fake.result.id, true, check_pass, &expected, NULL), 0);
    erg_store_close(expected.store);
    assert_int_equal(expected.passes, 42);
    /* At the least the last pass is shown in all three ways. */
    assert_true(expected.compared >= 3);
    const json_t *layers = frame_at(&rig, "layer_metrics", frames_of(&rig, "layer_metrics") - 1);
    assert_int_equal(json_integer_value(json_object_get(layers, "pass")), 41);
    assert_int_equal(json_integer_value(json_object_get(layers, "token_index")), 43);
    assert_int_equal(json_array_size(json_object_get(layers, "layer_index")), 3);
    assert_int_equal(json_array_size(json_object_get(layers, "mlp_time_ms")), 3);
    assert_int_equal(frames_of(&rig, "operation_metrics"), 1);
    rig_deinit(&rig);
}

static void test_begin_and_end(void **state)
{
    (void)state;
    static const char *const tags[] = {"a", "</script>"};
    struct rig rig;
    char prompt[4000];
    memset(prompt, 'p', sizeof prompt);
    memcpy(prompt + 1999, "\xc3\xa9", 2); /* half of it is beyond what is shown */
    prompt[sizeof prompt - 1] = '\0';
    rig_init(&rig, script, true);
    rig.fake.options.prompt = prompt;
    rig.fake.options.tags = tags;
    rig.fake.options.tag_count = 2;
    rig_run(&rig);
    rig_read(&rig);
    const json_t *first = json_array_get(rig.frames, 0);
    const json_t *last = json_array_get(rig.frames, json_array_size(rig.frames) - 1);
    assert_true(is(first, "run_started"));
    assert_string_equal(text_of(first, "run_id"), rig.fake.options.id);
    assert_string_equal(text_of(first, "model_name"), "model");
    assert_int_equal(json_string_length(json_object_get(first, "prompt")), 1999);
    assert_string_equal(json_string_value(json_array_get(json_object_get(first, "tags"), 1)),
                        "</script>");
    assert_string_equal(
        json_string_value(json_array_get(json_object_get(first, "power_sources"), 0)), "synthetic");
    assert_true(is(last, "inference_complete"));
    json_t *summary = json_loads(rig.fake.result.summary_json, 0, NULL);
    assert_true(json_equal(summary, json_object_get(last, "summary")));
    assert_int_equal(micro(last, "t_ms"), micro(summary, "total_duration_ms"));
    json_decref(summary);
    int64_t seq = 0;
    const json_t *frame;
    size_t i;
    json_array_foreach(rig.frames, i, frame)
    {
        assert_string_equal(text_of(frame, "run_id"), rig.fake.options.id);
        assert_true(json_is_number(json_object_get(frame, "t_ms")));
        assert_true(json_integer_value(json_object_get(frame, "seq")) > seq);
        seq = json_integer_value(json_object_get(frame, "seq"));
    }
    rig_deinit(&rig);
}

static void test_progress_and_totals(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, script, true);
    rig_run(&rig);
    rig_read(&rig);
    const json_t *progress = frame_at(&rig, "progress", 0);
    assert_non_null(progress);
    assert_null(frame_at(&rig, "progress", 1)); /* read at the end: the newest */
    assert_string_equal(text_of(progress, "stage"), "running");
    assert_string_equal(text_of(progress, "phase"), "post_inference");
    assert_int_equal(json_integer_value(json_object_get(progress, "output_tokens")), 41);
    assert_int_equal(json_integer_value(json_object_get(progress, "tokens_done")), 4);
    assert_int_equal(json_integer_value(json_object_get(progress, "tokens_total")), 5);
    const json_t *warnings = json_object_get(progress, "warnings");
    assert_string_equal(json_string_value(json_array_get(warnings, 0)), "it is warm here");
    /* Rows have no gaps here, so their sum is the run's. */
    assert_int_equal(micro(progress, "total_energy_mj"),
                     micro(json_object_get(frame_at(&rig, "inference_complete", 0), "summary"),
                           "total_energy_mj"));
    struct erg_feed_state now = erg_feed_state(rig.feed);
    assert_string_equal(now.stage, "running");
    assert_int_equal(now.tokens, 44);
    rig_deinit(&rig);
}

/* Nobody watches: what is written is what one needs to know that something was missed. */
static void test_nobody_watches(void **state)
{
    (void)state;
    struct rig rig;
    rig_init(&rig, script, false);
    rig_run(&rig);
    rig.cursor = erg_ring_resume(rig.ring, 0);
    rig_read(&rig);
    assert_int_equal(frames_of(&rig, "run_started"), 1);
    assert_int_equal(frames_of(&rig, "inference_complete"), 1);
    assert_int_equal(frames_of(&rig, "token_complete"), 0);
    assert_int_equal(frames_of(&rig, "layer_metrics"), 0);
    assert_int_equal(frames_of(&rig, "power_sample"), 0);
    uint64_t missing = 0;
    for (size_t i = 0; i < frames_of(&rig, "gap"); i++) {
        const json_t *gap = frame_at(&rig, "gap", i);
        missing += (uint64_t)(json_integer_value(json_object_get(gap, "to")) -
                              json_integer_value(json_object_get(gap, "from")) + 1);
    }
    assert_true(missing >= 44);
    rig_deinit(&rig);
}

static void test_runs_that_go_wrong(void **state)
{
    static const struct {
        const char *script, *type, *failure;
        bool begun;
    } rows[] = {
        {"run_begin {}\npass prefill\ntoken 5 \"x\"\ncrash SIGKILL\n", "run_failed", "signal 9",
         true},
        {"crash SIGSEGV\n", "run_failed", "signal 11", false},
        {"run_begin {}\npass prefill\ntoken 5 \"x\"\nrun_end failed no way\n", "run_failed",
         "no way", true},
        {"run_begin {}\npass prefill\ntoken 5 \"x\"\nrun_end cancelled\n", "run_cancelled", "",
         true},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct rig rig;
        rig_init(&rig, rows[i].script, true);
        rig_run(&rig);
        rig_read(&rig);
        const json_t *last = json_array_get(rig.frames, json_array_size(rig.frames) - 1);
        assert_true(is(last, rows[i].type));
        assert_non_null(strstr(text_of(last, "failure"), rows[i].failure));
        assert_int_equal(json_is_object(json_object_get(last, "summary")), rows[i].begun);
        assert_int_equal(frames_of(&rig, "run_started"), 1);
        rig_deinit(&rig);
    }
}

/* How its sources are read is told while a run goes on; failures add up over runs. */
static void test_sensors(void **state)
{
    static const char *const ids[] = {"20260101-000000-aaaaaa", "20260101-000000-bbbbbb"};
    (void)state;
    struct rig rig;
    struct erg_sensor_state sensor = {0};
    int64_t errors = 0;
    rig_init(&rig,
             "run_begin {}\nrealtime on\npass prefill\ntoken 5 \"x\"\n"
             "repeat 100\npass decode duration=10ms\ntoken 6 \"y\"\nend\nrun_end\n",
             false);
    rig.fake.options.power_spec = "synthetic:cpu=5W,drop=0.5";
    assert_int_equal(erg_feed_sensors(rig.feed, &sensor, 1), 0);
    for (size_t i = 0; i < ERG_COUNT(ids); i++) {
        rig.fake.options.id = ids[i];
        erg_feed_begin(rig.feed, &rig.run, &rig.fake.observer);
        assert_int_equal(fake_session_run(&rig.fake), 0);
        assert_int_equal(erg_feed_sensors(rig.feed, &sensor, 1), 1);
        assert_string_equal(sensor.source, "synthetic");
        assert_true(sensor.age_ns >= 0);
        assert_true(sensor.errors > errors + 10);
        errors = sensor.errors;
        erg_feed_end(rig.feed, "complete", NULL, NULL);
        assert_int_equal(erg_feed_sensors(rig.feed, &sensor, 1), 1);
        assert_true(sensor.age_ns < 0);
        assert_int_equal(sensor.errors, errors);
        erg_run_result_deinit(&rig.fake.result);
    }
    rig_deinit(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_those_of_the_store),
        cmocka_unit_test(test_metrics_are_those_of_the_store),
        cmocka_unit_test(test_begin_and_end),
        cmocka_unit_test(test_progress_and_totals),
        cmocka_unit_test(test_nobody_watches),
        cmocka_unit_test(test_runs_that_go_wrong),
        cmocka_unit_test(test_sensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
