/* SPDX-License-Identifier: MIT */
#include "server/api_rig.h"

#include "server/routes.h"

#include <stdio.h>

/* Every endpoint: success, not found, bad parameter, wrong method, wrong content type. */

#define API "/api/profiling"
#define RUN API "/run/{id}"

/* Answers of a store with one deep run, each valid by the description. */
static const struct {
    const char *pattern, *target;
} answers[] = {
    {API "/queue", API "/queue"},
    {API "/runs", API "/runs"},
    {API "/runs", API "/runs?limit=0"},
    {API "/runs", API "/runs?fields=model_name,joules_per_token,created_at,tags,total_energy_mj"},
    {API "/runs", API "/runs?sort=-joules_per_token&limit=5&offset=0&status=complete&mode=deep"},
    {API "/runs/groups", API "/runs/groups?by=model"},
    {API "/runs/groups", API "/runs/groups?by=prompt&limit=3"},
    {API "/runs/groups", API "/runs/groups?by=tag&offset=1"},
    {API "/runs/groups", API "/runs/groups?by=experiment"},
    {RUN, API "/run/last"},
    {RUN, API "/run/last?detail=power_samples"},
    {RUN, API "/run/last?detail=layers"},
    {RUN, API "/run/last?detail=components,power_samples"},
    {RUN, API "/run/last?detail=operations"},
    {RUN "/summary", API "/run/last/summary"},
    {RUN "/summary", API "/run/20261120/summary?attribution=time"},
    {RUN "/pipeline", API "/run/last/pipeline"},
    {RUN "/tokens", API "/run/last/tokens"},
    {RUN "/tokens", API "/run/last/tokens?from=5&to=7&phase=decode"},
    {RUN "/power", API "/run/last/power"},
    {RUN "/power", API "/run/last/power?max_points=20&from_ms=0&to_ms=1e3"},
    {RUN "/tree", API "/run/last/tree"},
    {RUN "/tree", API "/run/last/tree?depth=0"},
    {RUN "/tree", API "/run/last/tree?depth=2"},
    {RUN "/flow", API "/run/last/flow"},
    {RUN "/flow", API "/run/last/flow?phase=decode"},
    {RUN "/matrix", API "/run/last/matrix"},
    {RUN "/matrix", API "/run/last/matrix?metric=energy_mj&token=6"},
    {RUN "/matrix", API "/run/last/matrix?metric=power_mw&from=5&to=9"},
    {RUN "/matrix", API "/run/last/matrix?metric=activation_mean&phase=decode&stack=true"},
    {RUN "/matrix", API "/run/last/matrix?metric=attention_entropy"},
    {RUN "/operations", API "/run/last/operations"},
    {RUN "/operations", API "/run/last/operations?token=6"},
    {RUN "/operations", API "/run/last/operations?from=5&to=6&layer=1&component=rope"},
    {RUN "/operations", API "/run/last/operations?layer=-1"},
    {RUN "/attention", API "/run/last/attention"},
    {RUN "/attention", API "/run/last/attention?token=6"},
    {RUN "/routing", API "/run/last/routing?phase=decode"},
    {API "/power/status", API "/power/status"},
    {API "/power/status", API "/power/status?refresh=true"},
    {API "/powermetrics/status", API "/powermetrics/status"},
    {API "/models", API "/models"},
    {API "/grid", API "/grid"},
    {API "/store", API "/store"},
    {API "/capabilities", API "/capabilities"},
    {"/healthz", "/healthz"},
};

static void test_answers_are_as_described(void **state)
{
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(answers); i++)
        json_decref(rig_get(&rig, answers[i].pattern, answers[i].target, 200));
    rig_close(&rig);
}

static void test_openapi_is_served(void **state)
{
    struct rig rig;
    struct answer answer;
    (void)state;
    rig_open(&rig);
    rig_send(&rig, ERG_GET, "/openapi.json", NULL, NULL, &answer);
    json_t *served = json_loadb(answer.body.data, answer.body.len, 0, NULL);
    assert_true(json_equal(served, rig.document));
    json_decref(served);
    answer_free(&answer);
    rig_close(&rig);
}

/* --- failures ----------------------------------------------------------------------------------*/

/* The target of a route, `id` in place of {id}. */
static const char *fill(const char *pattern, const char *id, char out[256])
{
    const char *at = strstr(pattern, "{id}");
    if (at)
        snprintf(out, 256, "%.*s%s%s", (int)(at - pattern), pattern, id, at + 4);
    else
        snprintf(out, 256, "%s", pattern);
    return out;
}

static void expect_problem(struct rig *rig, enum erg_method method, const char *target,
                           const char *type, const char *body, int status, const char *code,
                           const char *word)
{
    struct answer answer;
    char media[256];
    rig_send(rig, method, target, type, body, &answer);
    if (answer.status != status)
        fail_msg("%s: %d %s", target, answer.status, erg_buf_view(&answer.body));
    assert_string_equal(answer_field(&answer, "content-type", media), "application/problem+json");
    json_t *problem = json_loadb(answer.body.data, answer.body.len, 0, NULL);
    assert_non_null(problem);
    assert_string_equal(text_at(problem, "code"), code);
    assert_int_equal(number_at(problem, "status"), status);
    if (word && !strstr(text_at(problem, "detail"), word))
        fail_msg("%s: '%s' does not name '%s'", target, text_at(problem, "detail"), word);
    json_decref(problem);
    answer_free(&answer);
}

static void test_unknown_runs(void **state)
{
    struct rig rig;
    const struct erg_route *route;
    size_t asked = 0;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; (route = erg_route_at(i)) != NULL; i++) {
        char target[256];
        if (!strstr(route->pattern, "{id}") || strstr(route->pattern, "cancel"))
            continue;
        fill(route->pattern, "20990101-000000-ffffff", target);
        expect_problem(&rig, route->method, target, route->takes_body ? "application/json" : NULL,
                       route->takes_body ? "{}" : NULL, 404, "not_found", "no run");
        /* too short to be the beginning of an id */
        fill(route->pattern, "20", target);
        expect_problem(&rig, route->method, target, route->takes_body ? "application/json" : NULL,
                       route->takes_body ? "{}" : NULL, 404, "not_found", "no run");
        asked++;
    }
    assert_int_equal(asked, 14);
    rig_close(&rig);
}

static void test_unknown_paths(void **state)
{
    static const char *const targets[] = {
        "/api",
        "/api/profiling",
        API "/",
        API "/runs/",
        API "/run",
        API "/run/",
        API "/run//tree",
        API "/run/a/b/c",
        API "/run/a/no",
        "/api/profiling2/runs",
        "/metrics/",
        "/openapi.json/x",
        "/",
        "/etc/passwd",
        API "/../healthz",
        "/healthz\n",
    };
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(targets); i++)
        expect_problem(&rig, ERG_GET, targets[i], NULL, NULL, 404, "not_found", NULL);
    rig_close(&rig);
}

static void test_wrong_methods(void **state)
{
    struct rig rig;
    const struct erg_route *route;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; (route = erg_route_at(i)) != NULL; i++) {
        for (int m = ERG_GET; m <= ERG_OTHER_METHOD; m++) {
            char target[256], id[160], allow[64], field[256];
            struct answer answer;
            fill(route->pattern, "last", target);
            if (erg_route_find((enum erg_method)m, target, id, allow))
                continue;
            rig_send(&rig, (enum erg_method)m, target, NULL, NULL, &answer);
            assert_int_equal(answer.status, 405);
            answer_field(&answer, "allow", field);
            assert_true(strlen(field) > 2);
            assert_string_equal(field, allow);
            answer_free(&answer);
        }
    }
    struct answer answer;
    char field[256];
    rig_send(&rig, ERG_POST, RUN, NULL, NULL, &answer);
    assert_string_equal(answer_field(&answer, "allow", field), "GET, HEAD, PATCH, DELETE");
    answer_free(&answer);
    rig_close(&rig);
}

static void test_wrong_content_types(void **state)
{
    static const char *const wrong[] = {"",
                                        "text/plain",
                                        "application/jsonx",
                                        "application/x-www-form-urlencoded",
                                        "multipart/form-data; boundary=x",
                                        "json"};
    static const char *const right[] = {"application/json", "Application/JSON",
                                        "application/json; charset=utf-8",
                                        "application/json ;charset=utf-8"};
    struct rig rig;
    const struct erg_route *route;
    struct answer answer;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; (route = erg_route_at(i)) != NULL; i++) {
        char target[256];
        fill(route->pattern, "last", target);
        for (size_t k = 0; k < ERG_COUNT(wrong); k++)
            expect_problem(&rig, route->method, target, wrong[k], "{}", 415,
                           "unsupported_media_type", NULL);
        if (route->takes_body)
            expect_problem(&rig, route->method, target, NULL, NULL, 415, "unsupported_media_type",
                           NULL);
    }
    for (size_t k = 0; k < ERG_COUNT(right); k++) {
        rig_send(&rig, ERG_PATCH, API "/run/last", right[k], "{}", &answer);
        assert_int_equal(answer.status, 200);
        answer_free(&answer);
    }
    rig_close(&rig);
}

/* A parameter that nothing takes, and one that is there twice. */
static void test_undeclared_parameters(void **state)
{
    struct rig rig;
    const struct erg_route *route;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; (route = erg_route_at(i)) != NULL; i++) {
        char target[256], query[600];
        const char *type = route->takes_body ? "application/json" : NULL;
        const char *body = route->takes_body ? "{}" : NULL;
        fill(route->pattern, "last", target);
        snprintf(query, sizeof query, "%s?nonsense=1", target);
        expect_problem(&rig, route->method, query, type, body, 400, "invalid_parameter",
                       "'nonsense'");
        for (const struct erg_param_spec *spec = route->params; spec->name; spec++) {
            char word[128];
            snprintf(query, sizeof query, "%s?%s=1&%s=1", target, spec->name, spec->name);
            snprintf(word, sizeof word, "'%s'", spec->name);
            expect_problem(&rig, route->method, query, type, body, 400, "invalid_parameter", word);
        }
    }
    rig_close(&rig);
}

/* What is beyond the bounds of each declared parameter, by its kind. */
static void test_bounds_of_parameters(void **state)
{
    struct rig rig;
    const struct erg_route *route;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; (route = erg_route_at(i)) != NULL; i++) {
        for (const struct erg_param_spec *spec = route->params; spec->name; spec++) {
            static const char *const no_number[] = {"",    "x",  "1x",   "0x1", "+",     "--1",
                                                    "NaN", "1 ", "%201", "inf", "1e999", "9e18"};
            char target[256], word[128];
            static char query[20000];
            fill(route->pattern, "last", target);
            snprintf(word, sizeof word, "'%s'", spec->name);
            bool number = spec->kind == ERG_PARAM_INT || spec->kind == ERG_PARAM_REAL;
            for (size_t k = 0; k < ERG_COUNT(no_number) && spec->kind != ERG_PARAM_TEXT; k++) {
                snprintf(query, sizeof query, "%s?%s=%s", target, spec->name, no_number[k]);
                expect_problem(&rig, route->method, query, NULL, NULL, 400, "invalid_parameter",
                               word);
            }
            if (number) {
                snprintf(query, sizeof query, "%s?%s=%.0f", target, spec->name, spec->most + 1);
                expect_problem(&rig, route->method, query, NULL, NULL, 400, "invalid_parameter",
                               spec->most < 1e12 ? word : NULL);
                snprintf(query, sizeof query, "%s?%s=%.0f", target, spec->name, spec->least - 1);
                expect_problem(&rig, route->method, query, NULL, NULL, 400, "invalid_parameter",
                               NULL);
            }
            if (spec->kind == ERG_PARAM_TEXT) {
                int len = snprintf(query, sizeof query, "%s?%s=", target, spec->name);
                memset(query + len, 'x', (size_t)spec->most + 1);
                query[len + (int)spec->most + 1] = '\0';
                expect_problem(&rig, route->method, query, NULL, NULL, 400, "invalid_parameter",
                               word);
                snprintf(query, sizeof query, "%s?%s=%%00", target, spec->name);
                expect_problem(&rig, route->method, query, NULL, NULL, 400, "invalid_parameter",
                               word);
                snprintf(query, sizeof query, "%s?%s=%%ff%%fe", target, spec->name);
                expect_problem(&rig, route->method, query, NULL, NULL, 400, "invalid_parameter",
                               word);
                snprintf(query, sizeof query, "%s?%s=%%4", target, spec->name);
                expect_problem(&rig, route->method, query, NULL, NULL, 400, "invalid_parameter",
                               word);
            }
        }
    }
    rig_close(&rig);
}

/* What is in its range and still makes no sense. */
static void test_senseless_requests(void **state)
{
    static const struct {
        const char *target, *word;
        int status;
    } cases[] = {
        {API "/run/last/matrix?token=1&from=1", "'token'", 400},
        {API "/run/last/matrix?from=5&to=4", "'from'", 400},
        {API "/run/last/tokens?from=5&to=4", "'from'", 400},
        {API "/run/last/matrix?token=4000", "no token 4000", 404},
        {API "/run/last/matrix?token=1&phase=decode", "no token 1 in this phase", 404},
        {API "/run/last/operations?token=999", "no token 999", 404},
        {API "/run/last/attention?token=999", "no token 999", 404},
        {API "/run/last/routing?token=999", "no token 999", 404},
        {API "/run/last?detail=everything", "'detail'", 400},
        {API "/run/last?detail=layers,,", "'detail'", 400},
        {API "/runs?fields=prompt,summary_json", "'summary_json'", 400},
        {API "/runs?tag=a&tags=b", "'tags'", 400},
        {API "/runs?date_from=yesterday", "'date_from'", 400},
        {API "/runs?date_to=2026-13", NULL, 200},
        {API "/runs?same_prompt_as=nobody", "no run", 404},
        {API "/runs/groups", "'by'", 400},
        {API "/export/last?format=json&table=tokens", "'table'", 400},
        {API "/export/last?format=xlsx", "'format'", 400},
        {API "/export/last?format=json&text=false", "'text'", 400},
    };
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        struct answer answer;
        if (cases[i].status != 200) {
            expect_problem(&rig, ERG_GET, cases[i].target, NULL, NULL, cases[i].status,
                           cases[i].status == 404 ? "not_found" : "invalid_parameter",
                           cases[i].word);
            continue;
        }
        rig_send(&rig, ERG_GET, cases[i].target, NULL, NULL, &answer);
        assert_int_equal(answer.status, 200);
        answer_free(&answer);
    }
    expect_problem(&rig, ERG_DELETE, API "/runs", NULL, NULL, 400, "invalid_parameter",
                   "'older_than'");
    expect_problem(&rig, ERG_DELETE, API "/runs?older_than=soon", NULL, NULL, 400,
                   "invalid_parameter", "'older_than'");
    rig_close(&rig);
}

static void test_bad_bodies(void **state)
{
    static const struct {
        enum erg_method method;
        const char *target, *body, *word;
        int status;
    } cases[] = {
        {ERG_PATCH, API "/run/last", "", "JSON", 400},
        {ERG_PATCH, API "/run/last", "[]", "object", 400},
        {ERG_PATCH, API "/run/last", "{\"tags\":[\"a\"],\"tags\":[]}", "JSON", 400},
        {ERG_PATCH, API "/run/last", "{\"tags\":\"a\"}", "'tags'", 400},
        {ERG_PATCH, API "/run/last", "{\"tags\":[1]}", "'tags'", 400},
        {ERG_PATCH, API "/run/last", "{\"tags\":null}", "'tags'", 400},
        {ERG_PATCH, API "/run/last", "{\"experiment_name\":1}", "'experiment_name'", 400},
        {ERG_PATCH, API "/run/last", "{\"status\":\"complete\"}", "'status'", 400},
        {ERG_PATCH, API "/run/last", "{\"tags\":[\"\\u0000\"]}", "JSON", 400},
        {ERG_POST, API "/compare", "{}", "'runs'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"last\"]}", "'runs'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[1,2]}", "'runs'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"\",\"last\"]}", "'runs'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"a\",\"b\",\"c\",\"d\",\"e\"]}", "'runs'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"a\",\"b\"],\"metrics\":[]}", "'metrics'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"a\",\"b\"],\"metrics\":[\"speed\"]}", "'metrics'",
         400},
        {ERG_POST, API "/compare", "{\"runs\":[\"a\",\"b\"],\"normalize\":\"x\"}", "'normalize'",
         400},
        {ERG_POST, API "/compare", "{\"runs\":[\"a\",\"b\"],\"normalize\":1}", "'normalize'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"a\",\"b\"],\"alpha\":1}", "'alpha'", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"last\",\"last\"]}", "both sides", 400},
        {ERG_POST, API "/compare", "{\"runs\":[\"last\",\"nobody\"]}", "no run", 404},
        {ERG_POST, API "/compare", "{\"runs\":[\"last\",\"tag:nothing\"]}", "tag:nothing", 404},
    };
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(cases); i++)
        expect_problem(&rig, cases[i].method, cases[i].target, "application/json", cases[i].body,
                       cases[i].status, cases[i].status == 404 ? "not_found" : "invalid_body",
                       cases[i].word);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_as_described),
        cmocka_unit_test(test_openapi_is_served),
        cmocka_unit_test(test_unknown_runs),
        cmocka_unit_test(test_unknown_paths),
        cmocka_unit_test(test_wrong_methods),
        cmocka_unit_test(test_wrong_content_types),
        cmocka_unit_test(test_undeclared_parameters),
        cmocka_unit_test(test_bounds_of_parameters),
        cmocka_unit_test(test_senseless_requests),
        cmocka_unit_test(test_bad_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
