/* SPDX-License-Identifier: MIT */
#include "server/api_rig.h"

#include "store/make_store.h"
#include "store/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Lists of runs, what changes runs, comparisons, exports and counters. */

#define API  "/api/profiling"
#define RUNS API "/runs"

/* A run of one model, prompt and tag; `n` makes id, time and figures. */
struct made_run {
    const char *model, *prompt, *tags, *experiment, *status;
};

static void add_run(struct rig *rig, const struct made_run *made, int n)
{
    char id[64], created[40], utc[48], summary[512];
    struct erg_writer *writer;
    snprintf(id, sizeof id, "20260101-%06d-aaaaaa", n);
    snprintf(created, sizeof created, "2026-01-%02dT%02d:00:00.000000", n / 24 + 1, n % 24);
    snprintf(utc, sizeof utc, "%s+00:00", created);
    struct erg_run_row run = make_run(id, "running", "{}");
    run.created_at = created;
    run.created_at_utc = utc;
    run.model_name = made->model;
    run.model_path = "/somewhere/model.gguf";
    run.prompt = made->prompt;
    run.tags_json = made->tags ? made->tags : "[]";
    run.experiment_name = made->experiment;
    assert_int_equal(erg_writer_open(&writer, rig->temp.path, &run, make_name, NULL, NULL), 0);
    snprintf(summary, sizeof summary,
             "{\"id\":\"%s\",\"run_id\":\"%s\",\"created_at\":\"%s\",\"prompt\":\"p\",\"x\":1.50,"
             "\"joules_per_token\":%d.5,\"tokens_per_second\":%d,\"total_energy_mj\":3.000001}",
             id, id, created, 1000 - n, n);
    run.status = made->status ? made->status : "complete";
    run.summary_json = summary;
    run.energy = (struct erg_energy){.nj = {3000001}, .present = 1};
    run.duration_ns = 1000000 * (int64_t)n;
    erg_writer_run(writer, &run);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
}

static json_t *list(struct rig *rig, const char *query, long long *out_total)
{
    struct answer answer;
    char target[700], total[256];
    snprintf(target, sizeof target, RUNS "?%s", query);
    rig_send(rig, ERG_GET, target, NULL, NULL, &answer);
    if (answer.status != 200)
        fail_msg("%s: %s", target, erg_buf_view(&answer.body));
    json_t *runs = json_loadb(answer.body.data, answer.body.len, 0, NULL);
    assert_true(json_is_array(runs));
    assert_int_equal(sscanf(answer_field(&answer, "x-total-count", total), "%lld", out_total), 1);
    answer_free(&answer);
    return runs;
}

/* How many match, limit and offset apart; how many were answered; the number in the id of the
 * first. */
static void expect_list(struct rig *rig, const char *query, long long total, size_t count,
                        int first)
{
    long long said;
    char id[64];
    json_t *runs = list(rig, query, &said);
    if (said != total || json_array_size(runs) != count)
        fail_msg("%s: %lld match, %zu answered", query, said, json_array_size(runs));
    snprintf(id, sizeof id, "20260101-%06d-aaaaaa", first);
    if (count)
        assert_string_equal(text_at(json_array_get(runs, 0), "id"), id);
    json_decref(runs);
}

static void fill(struct rig *rig)
{
    static const struct made_run kinds[] = {
        {"llama", "why is the sky blue?", "[\"a\",\"b\"]", "first", NULL},
        {"qwen", "why is the sky blue?", "[\"b\"]", "first", NULL},
        {"llama", "100 % of _nothing_", "[]", NULL, "failed"},
    };
    rig_prepare(rig);
    for (int n = 0; n < 60; n++)
        add_run(rig, &kinds[n % 3], n);
    rig_start(rig);
}

static void test_filters(void **state)
{
    static const struct {
        const char *query;
        long long total;
        size_t count;
        int first;
    } cases[] = {
        {"", 60, 60, 59},
        {"limit=5", 60, 5, 59},
        {"limit=5&offset=58", 60, 2, 1},
        {"limit=5&offset=60", 60, 0, 0},
        {"limit=0", 60, 0, 0},
        {"model=llama", 40, 40, 59},
        {"model=%2Fsomewhere%2Fmodel.gguf&limit=1", 60, 1, 59},
        {"model=lla", 0, 0, 0},
        {"tag=b", 40, 40, 58},
        {"tags=a", 20, 20, 57},
        {"tag=c", 0, 0, 0},
        {"experiment=first&model=qwen", 20, 20, 58},
        {"status=failed", 20, 20, 59},
        {"status=running", 0, 0, 0},
        {"mode=deep&limit=1", 60, 1, 59},
        {"mode=minimal", 0, 0, 0},
        {"date_from=2026-01-02", 36, 36, 59},
        {"date_to=2026-01-01", 24, 24, 23},
        {"date_from=2026-01-01T05&date_to=2026-01-01T06", 2, 2, 6},
        {"date_from=1d&limit=1", 0, 0, 0},
        {"search=sky", 40, 40, 58},
        {"search=SKY%20blue", 40, 40, 58},
        {"search=100+%25", 20, 20, 59},
        {"search=_nothing_", 20, 20, 59},
        {"search=%25", 20, 20, 59},
        {"search=_________", 0, 0, 0},
        {"search=qwen", 20, 20, 58},
        {"same_prompt_as=20260101-000000&limit=3", 40, 3, 58},
        {"same_prompt_as=20260101-000002-aaaaaa", 20, 20, 59},
        {"sort=joules_per_token", 60, 60, 59},
        {"sort=-joules_per_token&limit=1", 60, 1, 0},
        {"sort=total_duration_ms&limit=1", 60, 1, 0},
        {"sort=model_name&limit=1", 60, 1, 59},
        {"sort=-model_name&limit=1", 60, 1, 58},
        {"sort=created_at&model=qwen&limit=1", 20, 1, 1},
        {"sort=experiment_name&limit=1", 60, 1, 58},
    };
    struct rig rig;
    (void)state;
    fill(&rig);
    for (size_t i = 0; i < ERG_COUNT(cases); i++)
        expect_list(&rig, cases[i].query, cases[i].total, cases[i].count, cases[i].first);
    rig_close(&rig);
}

static void escape(const char *text, char out[400])
{
    out[0] = '\0';
    for (const char *at = text; *at; at++)
        snprintf(out + strlen(out), 400 - strlen(out), "%%%02x", (unsigned char)*at);
}

static int status_of(struct rig *rig, enum erg_method method, const char *target)
{
    struct answer answer;
    rig_send(rig, method, target, NULL, NULL, &answer);
    int status = answer.status;
    answer_free(&answer);
    return status;
}

/* It filters nothing, orders nothing, and is no run's id. */
static void expect_nothing(struct rig *rig, const char *text)
{
    static const char *const filters[] = {"model", "tag", "tags", "experiment", "search"};
    static const char *const refused[] = {"runs?sort=", "runs?sort=-",
                                          "runs?date_from=", "runs?date_to=", "runs/groups?by="};
    char query[600], escaped[400], target[700];
    escape(text, escaped);
    for (size_t p = 0; p < ERG_COUNT(filters); p++) {
        snprintf(query, sizeof query, "%s=%s", filters[p], escaped);
        expect_list(rig, query, 0, 0, 0);
    }
    for (size_t r = 0; r < ERG_COUNT(refused); r++) {
        snprintf(target, sizeof target, API "/%s%s", refused[r], escaped);
        assert_int_equal(status_of(rig, ERG_GET, target), 400);
    }
    snprintf(target, sizeof target, API "/run/%s", text);
    if (strchr(text, '/') || strchr(text, '?')) /* which would end the id here */
        return;
    assert_int_equal(status_of(rig, ERG_GET, target), 404);
    assert_int_equal(status_of(rig, ERG_DELETE, target), 404);
}

/* It is kept as a label, to the character, and found by it. */
static void expect_kept(struct rig *rig, const char *text)
{
    struct answer answer;
    char query[900], escaped[400];
    json_t *body = json_pack("{s:[s],s:s}", "tags", text, "experiment_name", text);
    char *json = json_dumps(body, 0);
    rig_send(rig, ERG_PATCH, API "/run/last", "application/json", json, &answer);
    assert_int_equal(answer.status, 200);
    json_t *summary = json_loadb(answer.body.data, answer.body.len, 0, NULL);
    assert_true(json_equal(json_object_get(summary, "tags"), json_object_get(body, "tags")));
    assert_string_equal(text_at(summary, "experiment_name"), text);
    escape(text, escaped);
    snprintf(query, sizeof query, "tag=%s&experiment=%s", escaped, escaped);
    expect_list(rig, query, 1, 1, 59);
    json_decref(summary);
    json_decref(body);
    free(json);
    answer_free(&answer);
}

/* What would be SQL elsewhere is text here. */
static void test_sql_is_data(void **state)
{
    static const char *const texts[] = {
        "'; DROP TABLE profiling_runs; --",
        "\" OR 1=1 --",
        "' OR '1'='1",
        "x' UNION SELECT sql FROM sqlite_schema --",
        "%' ESCAPE '!' OR 1=1 --",
        "?1",
        ":model",
        "@tag",
        "$sort",
        "NULL",
        "rowid",
        "1); DELETE FROM profiling_runs WHERE (1=1",
        "randomblob(1000000000)",
    };
    struct rig rig;
    (void)state;
    fill(&rig);
    for (size_t i = 0; i < ERG_COUNT(texts); i++) {
        expect_nothing(&rig, texts[i]);
        expect_kept(&rig, texts[i]);
    }
    expect_list(&rig, "", 60, 60, 59);
    rig_close(&rig);
}

static void test_bodies_are_cut_and_digits_kept(void **state)
{
    struct rig rig;
    struct answer answer;
    char prompt[1200];
    (void)state;
    memset(prompt, 'p', sizeof prompt);
    prompt[sizeof prompt - 1] = '\0';
    rig_prepare(&rig);
    add_run(&rig, &(struct made_run){"m", prompt, NULL, NULL, NULL}, 1);
    rig_start(&rig);
    rig_send(&rig, ERG_GET, RUNS, NULL, NULL, &answer);
    assert_non_null(strstr(erg_buf_view(&answer.body), "\"x\":1.50,"));
    assert_non_null(strstr(erg_buf_view(&answer.body), "\"total_energy_mj\":3.000001"));
    answer_free(&answer);
    json_t *cut = rig_get(&rig, RUNS, RUNS "?fields=prompt,total_energy_mj", 200);
    assert_int_equal(strlen(text_at(json_array_get(cut, 0), "prompt")), 200);
    assert_int_equal(nj_at(json_array_get(cut, 0), "total_energy_mj"), 3000001);
    json_decref(cut);
    rig_close(&rig);
}

/* --- groups ------------------------------------------------------------------------------------*/

static void test_groups(void **state)
{
    struct rig rig;
    (void)state;
    fill(&rig);
    json_t *groups = rig_get(&rig, API "/runs/groups", API "/runs/groups?by=prompt", 200);
    assert_int_equal(json_array_size(groups), 2);
    const json_t *sky = json_array_get(groups, 0);
    assert_string_equal(text_at(sky, "key"), "why is the sky blue?");
    assert_int_equal(number_at(sky, "runs"), 40);
    assert_int_equal(number_at(sky, "complete"), 40);
    assert_int_equal(json_array_size(json_object_get(sky, "models")), 2);
    assert_string_equal(text_at(sky, "latest_run_id"), "20260101-000058-aaaaaa");
    const json_t *latest = json_object_get(sky, "latest_run_ids");
    assert_int_equal(json_array_size(latest), 20);
    for (size_t i = 0; i + 1 < 20; i++)
        assert_true(strcmp(json_string_value(json_array_get(latest, i)),
                           json_string_value(json_array_get(latest, i + 1))) > 0);
    const json_t *figures = json_object_get(sky, "joules_per_token");
    assert_int_equal(number_at(figures, "n"), 40);
    assert_true(number_at(figures, "min") == 1000 - 58 + 0.5);
    assert_true(number_at(figures, "max") == 1000.5);
    json_decref(groups);

    groups = rig_get(&rig, API "/runs/groups", API "/runs/groups?by=tag&model=llama", 200);
    assert_int_equal(json_array_size(groups), 2); /* a and b, of the runs that have tags */
    assert_int_equal(number_at(json_array_get(groups, 0), "runs"), 20);
    json_decref(groups);

    groups =
        rig_get(&rig, API "/runs/groups", API "/runs/groups?by=experiment&limit=1&offset=1", 200);
    assert_int_equal(json_array_size(groups), 1);
    assert_true(json_is_null(json_object_get(json_array_get(groups, 0), "key")));
    json_decref(groups);

    struct answer answer;
    char total[256];
    rig_send(&rig, ERG_GET, API "/runs/groups?by=model&offset=9", NULL, NULL, &answer);
    assert_string_equal(answer_field(&answer, "x-total-count", total), "2");
    assert_string_equal(erg_buf_view(&answer.body), "[]");
    answer_free(&answer);
    rig_close(&rig);
}

/* --- changes -----------------------------------------------------------------------------------*/

static void test_delete(void **state)
{
    struct rig rig;
    (void)state;
    fill(&rig);
    assert_int_equal(status_of(&rig, ERG_DELETE, API "/run/20260101-000010-aaaaaa"), 204);
    assert_int_equal(status_of(&rig, ERG_DELETE, API "/run/20260101-000010-aaaaaa"), 404);
    assert_int_equal(status_of(&rig, ERG_GET, API "/run/20260101-000010-aaaaaa"), 404);
    /* the beginning of several ids names none of them */
    assert_int_equal(status_of(&rig, ERG_DELETE, API "/run/20260101"), 400);
    expect_list(&rig, "limit=1", 59, 1, 59);
    json_t *old = rig_ask(&rig, ERG_DELETE, RUNS, RUNS "?older_than=1d", NULL, 200);
    assert_int_equal(number_at(old, "deleted"), 59);
    assert_int_equal(json_array_size(json_object_get(old, "ids")), 59);
    json_decref(old);
    expect_list(&rig, "", 0, 0, 0);
    json_t *none = rig_ask(&rig, ERG_DELETE, RUNS, RUNS "?older_than=1d", NULL, 200);
    assert_int_equal(number_at(none, "deleted"), 0);
    json_decref(none);
    rig_close(&rig);
}

/* A run that goes on (its recorder is this process) is neither deleted nor kept by anybody. */
static void test_running(void **state)
{
    struct rig rig;
    struct erg_writer *writer;
    struct answer answer;
    char field[256];
    (void)state;
    fill(&rig);
    char *recorder = erg_store_recorder_id();
    struct erg_run_row run = make_run("20260201-000000-bbbbbb", "running", "{}");
    run.recorder = recorder;
    run.created_at = "2026-02-01T00:00:00.000000";
    run.created_at_utc = "2026-02-01T00:00:00.000000+00:00";
    assert_int_equal(erg_writer_open(&writer, rig.temp.path, &run, make_name, NULL, NULL), 0);
    assert_int_equal(status_of(&rig, ERG_DELETE, API "/run/20260201-000000-bbbbbb"), 409);
    rig_send(&rig, ERG_GET, API "/run/20260201-000000-bbbbbb", NULL, NULL, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_field(&answer, "etag", field), "");
    assert_string_equal(answer_field(&answer, "cache-control", field), "no-store");
    answer_free(&answer);
    long long total;
    json_t *running = list(&rig, "status=running", &total);
    assert_int_equal(total, 1);
    json_decref(running);
    json_t *store = rig_get(&rig, API "/store", API "/store", 200);
    assert_int_equal(number_at(json_object_get(store, "by_status"), "running"), 1);
    assert_int_equal(number_at(store, "runs"), 61);
    json_decref(store);
    run.status = "cancelled";
    erg_writer_run(writer, &run);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
    assert_int_equal(status_of(&rig, ERG_DELETE, API "/run/20260201-000000-bbbbbb"), 204);
    free(recorder);
    rig_close(&rig);
}

static void test_etags(void **state)
{
    static const char *const targets[] = {
        API "/run/last",        API "/run/last/summary",           API "/run/last/tree",
        API "/run/last/tokens", API "/run/last/matrix?format=f32", API "/run/last/power",
        API "/run/last/flow",   API "/run/last/pipeline",          API "/run/last/operations",
    };
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(targets); i++) {
        struct answer first, second, third;
        char tag[256], list[300];
        rig_send(&rig, ERG_GET, targets[i], NULL, NULL, &first);
        assert_true(strlen(answer_field(&first, "etag", tag)) > 10);
        snprintf(list, sizeof list, "\"x\", W/%s", tag);
        rig_send_with(&rig, ERG_GET, targets[i], &(struct rig_head){.if_none_match = list}, NULL,
                      NULL, &second);
        assert_int_equal(second.status, 304);
        assert_int_equal(second.body.len, 0);
        /* a label changes the summary, and so the tag */
        char body[64];
        snprintf(body, sizeof body, "{\"tags\":[\"%zu\"]}", i);
        rig_send(&rig, ERG_PATCH, API "/run/last", "application/json", body, &third);
        assert_int_equal(third.status, 200);
        answer_free(&third);
        rig_send_with(&rig, ERG_GET, targets[i], &(struct rig_head){.if_none_match = tag}, NULL,
                      NULL, &third);
        assert_int_equal(third.status, 200);
        answer_free(&first);
        answer_free(&second);
        answer_free(&third);
    }
    rig_close(&rig);
}

/* --- comparisons, exports, counters ------------------------------------------------------------*/

static void test_compare(void **state)
{
    struct rig rig;
    (void)state;
    fill(&rig);
    json_t *all = rig_ask(&rig, ERG_POST, API "/compare", API "/compare",
                          "{\"runs\":[\"tag:a\",\"experiment:first\"]}", 400);
    json_decref(all);
    json_t *two =
        rig_ask(&rig, ERG_POST, API "/compare", API "/compare",
                "{\"runs\":[\"20260101-000000-aaaaaa\",\"20260101-000001-aaaaaa\"]}", 200);
    assert_int_equal(json_array_size(json_object_get(two, "metrics")), 12);
    json_decref(two);
    json_t *few = rig_ask(&rig, ERG_POST, API "/compare", API "/compare",
                          "{\"runs\":[\"20260101-000000-aaaaaa\",\"20260101-000001-aaaaaa\"],"
                          "\"metrics\":[\"joules_per_token\"],\"normalize\":\"token\"}",
                          200);
    const json_t *metrics = json_object_get(few, "metrics");
    assert_int_equal(json_array_size(metrics), 1);
    const json_t *groups = json_object_get(json_array_get(metrics, 0), "groups");
    assert_true(number_at(json_array_get(groups, 1), "mean") == 999.5);
    json_decref(few);
    json_t *failed =
        rig_ask(&rig, ERG_POST, API "/compare", API "/compare",
                "{\"runs\":[\"20260101-000000-aaaaaa\",\"20260101-000002-aaaaaa\"]}", 422);
    json_decref(failed);
    rig_close(&rig);
}

static void test_exports(void **state)
{
    static const struct {
        const char *query, *begin, *type, *name;
    } cases[] = {
        {"", "{\"format\":\"ergon-run\"", "application/json", "json"},
        {"format=csv&table=tokens", "run_id,token_index,", "text/csv", "csv"},
        {"format=csv.zip", "PK\3\4", "application/zip", "csv.zip"},
        {"format=erg", "\211ERG", NULL, "erg"},
        {"format=sqlite", "SQLite format 3", NULL, "sqlite"},
        {"format=speedscope", "{", NULL, "speedscope.json"},
        {"format=perfetto", "\n", NULL, "pftrace"},
        {"format=chrome", "{", NULL, "trace.json"},
    };
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        struct answer answer;
        char target[256], field[256], name[160];
        snprintf(target, sizeof target, API "/export/last?%s", cases[i].query);
        rig_send(&rig, ERG_GET, target, NULL, NULL, &answer);
        assert_int_equal(answer.status, 200);
        assert_false(answer.cut);
        assert_true(answer.body.len > strlen(cases[i].begin));
        assert_memory_equal(answer.body.data, cases[i].begin, strlen(cases[i].begin));
        answer_field(&answer, "content-type", field);
        if (cases[i].type)
            assert_memory_equal(field, cases[i].type, strlen(cases[i].type));
        answer_field(&answer, "content-disposition", field);
        snprintf(name, sizeof name, "attachment; filename=\"ergon-%s.%s\"", RIG_RUN, cases[i].name);
        assert_string_equal(field, name);
        answer_free(&answer);
    }
    rig_close(&rig);
}

static double metric(struct rig *rig, const char *accept, const char *line)
{
    struct answer answer;
    double value = NAN;
    rig_send_with(rig, ERG_GET, "/metrics", &(struct rig_head){.accept = accept}, NULL, NULL,
                  &answer);
    assert_int_equal(answer.status, 200);
    for (const char *at = erg_buf_view(&answer.body); *at; at += strcspn(at, "\n") + 1) {
        if (strncmp(at, line, strlen(line)) == 0)
            assert_int_equal(sscanf(at + strlen(line), " %lf", &value), 1);
    }
    answer_free(&answer);
    return value;
}

/* Runs that end while the server is there are counted once, deleted or not; older ones are not. */
static void test_metrics(void **state)
{
    static const char open_metrics[] = "application/openmetrics-text; version=1.0.0";
    const struct made_run made = {"m", "secret prompt", "[]", NULL, NULL};
    struct rig rig;
    struct answer answer;
    (void)state;
    fill(&rig);
    assert_true(isnan(metric(&rig, "", "ergon_energy_joules_total{domain=\"cpu\"}")));
    assert_true(metric(&rig, "", "ergon_runs_total{status=\"complete\"}") == 0);
    assert_true(metric(&rig, "", "ergon_store_runs") == 60);
    add_run(&rig, &made, 100);
    add_run(&rig, &made, 101);
    assert_true(metric(&rig, "", "ergon_runs_total{status=\"complete\"}") == 2);
    assert_true(metric(&rig, "", "ergon_energy_joules_total{domain=\"cpu\"}") == 0.006000002);
    add_run(&rig, &made, 102);
    assert_int_equal(status_of(&rig, ERG_DELETE, API "/run/last"), 204);
    assert_true(metric(&rig, "", "ergon_runs_total{status=\"complete\"}") == 3);
    assert_true(metric(&rig, open_metrics, "ergon_energy_joules_total{domain=\"cpu\"}") ==
                0.009000003);
    rig_send_with(&rig, ERG_GET, "/metrics", &(struct rig_head){.accept = open_metrics}, NULL, NULL,
                  &answer);
    const char *text = erg_buf_view(&answer.body);
    size_t len = answer.body.len;
    assert_true(len > 6 && strcmp(text + len - 6, "# EOF\n") == 0);
    assert_null(strstr(text, "secret"));
    assert_null(strstr(text, "aaaaaa"));
    assert_null(strstr(text, "domain=\"total\""));
    assert_non_null(strstr(text, "# TYPE ergon_energy_joules counter\n"));
    assert_non_null(strstr(text, "# UNIT ergon_energy_joules joules\n"));
    assert_non_null(strstr(text, "# TYPE ergon_build info\n"));
    answer_free(&answer);
    rig_send(&rig, ERG_GET, "/metrics", NULL, NULL, &answer);
    text = erg_buf_view(&answer.body);
    assert_non_null(strstr(text, "# TYPE ergon_energy_joules_total counter\n"));
    assert_null(strstr(text, "# EOF"));
    assert_null(strstr(text, "# UNIT"));
    answer_free(&answer);
    rig_close(&rig);
}

/* A store that is replaced by another file is the other one from then on. */
static void test_a_replaced_store(void **state)
{
    struct rig rig;
    char other[160];
    (void)state;
    fill(&rig);
    expect_list(&rig, "limit=1", 60, 1, 59);
    snprintf(other, sizeof other, "%s.old", rig.temp.path);
    assert_int_equal(rename(rig.temp.path, other), 0);
    add_run(&rig, &(struct made_run){"m", "p", NULL, NULL, NULL}, 7);
    expect_list(&rig, "", 1, 1, 7);
    assert_int_equal(status_of(&rig, ERG_DELETE, API "/run/last"), 204);
    expect_list(&rig, "", 0, 0, 0);
    unlink(other);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_sql_is_data),
        cmocka_unit_test(test_bodies_are_cut_and_digits_kept),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_running),
        cmocka_unit_test(test_etags),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_exports),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_a_replaced_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
