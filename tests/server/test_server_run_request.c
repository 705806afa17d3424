/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/run_request.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The body of POST /generate: what comes of it, what is refused and how, and what openapi.json
 * says. */

static struct erg_model_dirs dirs = {.count = 1, .path = {"../models"}};
static const struct erg_run_rules rules = {
    .model_dirs = &dirs,
    .store_path = "store.db",
    .power_spec = "synthetic:cpu=5W",
    .idle_ns = 1000000000,
};

static int parse(const char *body, struct erg_run_request **out, struct erg_run_fault *fault,
                 struct erg_err *err)
{
    return erg_run_request_parse(out, &rules, body, strlen(body), fault, err);
}

static void test_defaults(void **state)
{
    (void)state;
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    assert_int_equal(
        parse("{\"model_name\":\"tales\",\"prompt\":\"Once\"}", &request, &fault, NULL), 0);
    const struct erg_run_options *o = &request->options;
    assert_true(request->wait);
    assert_true(request->layers > 0);
    assert_string_equal(o->model_name, "tales-q8_0");
    assert_non_null(strstr(o->model_path, "/tales-q8_0.gguf"));
    assert_string_equal(o->prompt, "Once");
    assert_string_equal(o->mode, "standard");
    assert_int_equal(o->tokens, 128);
    assert_true(o->temperature == 0 && o->top_p == 0.95 && o->top_k == 40 && o->seed == 0);
    assert_string_equal(o->power_spec, "synthetic:cpu=5W");
    assert_true(o->power_files_allowed);
    assert_int_equal(o->idle_ns, 1000000000);
    assert_string_equal(o->store_path, "store.db");
    assert_string_equal(o->grid.region, "us");
    assert_false(o->no_bare);
    assert_null(o->experiment);
    assert_int_equal(o->tag_count, 0);
    erg_run_request_free(request);
}

static void test_every_member(void **state)
{
    static const char body[] =
        "{\"model_name\":\"tales-f16.gguf\",\"prompt\":\"é\\n\",\"profiling_depth\":\"deep\","
        "\"tags\":[\"a\",\"b'; DROP\"],\"experiment_name\":\"e\",\"max_length\":7,"
        "\"temperature\":0.5,\"top_k\":3,\"top_p\":0.25,\"seed\":4294967294,\"power\":\"rapl,"
        "perf\","
        "\"power_interval_ms\":2.5,\"overhead_budget_pct\":1.5,\"profile\":{\"layer_stride\":2,"
        "\"sparsity_threshold\":0.125,\"attention_sparsity_threshold\":0.5,\"bare_every\":8,"
        "\"flash_attention\":\"off\",\"instrument\":\"trace\",\"deep_profiling\":true,"
        "\"capture_activations\":true},\"grid\":{\"region\":\"germany\",\"usd_per_kwh\":0.5},"
        "\"wait\":false}";
    (void)state;
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    struct erg_err err = {0};
    if (parse(body, &request, &fault, &err))
        fail_msg("%s", err.text);
    const struct erg_run_options *o = &request->options;
    assert_false(request->wait);
    assert_string_equal(o->model_name, "tales-f16");
    assert_string_equal(o->prompt, "\xc3\xa9\n");
    assert_string_equal(o->mode, "deep");
    assert_int_equal(o->tag_count, 2);
    assert_string_equal(o->tags[1], "b'; DROP");
    assert_string_equal(o->experiment, "e");
    assert_int_equal(o->tokens, 7);
    assert_true(o->temperature == 0.5 && o->top_p == 0.25);
    assert_int_equal(o->top_k, 3);
    assert_int_equal(o->seed, 4294967294);
    assert_string_equal(o->power_spec, "rapl,perf");
    assert_false(o->power_files_allowed);
    assert_int_equal(o->power_interval_ns, 2500000);
    assert_true(o->overhead_budget_pct == 1.5);
    assert_int_equal(o->layer_stride, 2);
    assert_int_equal(o->bare_every, 8);
    assert_true(o->sparsity_threshold == 0.125 && o->attention_sparsity_threshold == 0.5);
    assert_string_equal(o->flash_attn, "off");
    assert_string_equal(o->instrument, "trace");
    assert_string_equal(o->grid.region, "germany");
    assert_true(o->grid.usd_per_kwh == 0.5);
    erg_run_request_free(request);
}

/* The profile's keys are those of --profile, in the types of JSON. */
static void test_profile(void **state)
{
    static const struct {
        const char *profile, *mode;
        int64_t layers, sample_every, interval_ns;
        bool no_bare;
    } rows[] = {
        {"{}", "standard", 0, 0, 0, false},
        {"{\"layers\":[0,1,2]}", "standard", 3, 0, 0, false},
        {"{\"layers\":\"0;1\"}", "standard", 2, 0, 0, false},
        {"{\"sample_every\":4,\"bare_every\":0}", "standard", 0, 4, 0, true},
        {"{\"sample_every\":4.0}", "standard", 0, 4, 0, false},
        {"{\"power_sample_interval_ms\":20}", "standard", 0, 0, 20000000, false},
        {"{\"capture_activations\":false}", "minimal", 0, 0, 0, false},
        {"{\"deep_profiling\":true,\"flash_attention\":false}", "deep", 0, 0, 0, false},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        char body[200];
        struct erg_run_request *request = NULL;
        struct erg_run_fault fault;
        struct erg_err err = {0};
        snprintf(body, sizeof body, "{\"model_name\":\"tales\",\"prompt\":\"x\",\"profile\":%s}",
                 rows[i].profile);
        if (parse(body, &request, &fault, &err))
            fail_msg("%s: %s", rows[i].profile, err.text);
        assert_string_equal(request->options.mode, rows[i].mode);
        assert_int_equal(request->options.layer_count, rows[i].layers);
        assert_int_equal(request->options.sample_every, rows[i].sample_every);
        assert_int_equal(request->options.power_interval_ns, rows[i].interval_ns);
        assert_int_equal(request->options.no_bare, rows[i].no_bare);
        erg_run_request_free(request);
    }
}

/* A body of the two members that are needed and `more`. */
static void expect_refusal(const char *more, const char *member, int code)
{
    char body[4096];
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    struct erg_err err = {0};
    snprintf(body, sizeof body, "{\"model_name\":\"tales\",\"prompt\":\"x\",%s}", more);
    int rc = parse(body, &request, &fault, &err);
    if (rc != code || strcmp(fault.member, member) != 0)
        fail_msg("%s: %d '%s' %s", more, rc, fault.member, err.text);
    assert_null(request);
    assert_true(err.text[0] != '\0');
}

static const struct {
    const char *more, *member;
} refusals[] = {
    {"\"max_length\":0", "max_length"},
    {"\"max_length\":-5", "max_length"},
    {"\"max_length\":1000001", "max_length"},
    {"\"max_length\":1e300", "max_length"},
    {"\"max_length\":1.5", "max_length"},
    {"\"max_length\":\"7\"", "max_length"},
    {"\"max_length\":null", "max_length"},
    {"\"max_length\":[7]", "max_length"},
    {"\"temperature\":-0.1", "temperature"},
    {"\"temperature\":100.5", "temperature"},
    {"\"top_k\":-1", "top_k"},
    {"\"top_p\":1.01", "top_p"},
    {"\"seed\":4294967295", "seed"},
    {"\"seed\":-1", "seed"},
    {"\"power_interval_ms\":0", "power_interval_ms"},
    {"\"power_interval_ms\":60001", "power_interval_ms"},
    {"\"overhead_budget_pct\":0", "overhead_budget_pct"},
    {"\"profiling_depth\":\"full\"", "profiling_depth"},
    {"\"profiling_depth\":3", "profiling_depth"},
    {"\"tags\":\"a\"", "tags"},
    {"\"tags\":[1]", "tags"},
    {"\"tags\":[\"\"]", "tags"},
    {"\"tags\":[\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\",\"10\",\"11\",\"12\","
     "\"13\",\"14\",\"15\",\"16\",\"17\",\"18\",\"19\",\"20\",\"21\",\"22\",\"23\",\"24\","
     "\"25\",\"26\",\"27\",\"28\",\"29\",\"30\",\"31\",\"32\",\"33\"]",
     "tags"},
    {"\"experiment_name\":7", "experiment_name"},
    {"\"power\":\"replay:/etc/passwd\"", "power"},
    {"\"power\":\"synthetic:cpu=5W\"", "power"},
    {"\"power\":\"replay\"", "power"},
    {"\"power\":\"rapl:x\"", "power"},
    {"\"power\":\"raple\"", "power"},
    {"\"power\":\"\"", "power"},
    {"\"power\":1", "power"},
    {"\"wait\":\"no\"", "wait"},
    {"\"wait\":0", "wait"},
    {"\"grid\":\"atlantis\"", "grid"},
    {"\"grid\":3", "grid"},
    {"\"grid\":{\"colour\":1}", "grid"},
    {"\"grid\":{\"g_per_kwh\":-1}", "grid.g_per_kwh"},
    {"\"grid\":{\"usd_per_kwh\":\"1\"}", "grid.usd_per_kwh"},
    {"\"profile\":[]", "profile"},
    {"\"profile\":{\"layers\":[]}", "profile.layers"},
    {"\"profile\":{\"layers\":[1.5]}", "profile.layers"},
    {"\"profile\":{\"layers\":[-1]}", "profile.layers"},
    {"\"profile\":{\"layers\":[9999999999999999]}", "profile.layers"},
    {"\"profile\":{\"sample_every\":0}", "profile.sample_every"},
    {"\"profile\":{\"sample_every\":[1]}", "profile.sample_every"},
    {"\"profile\":{\"sample_every\":1e300}", "profile.sample_every"},
    {"\"profile\":{\"instrument\":null}", "profile.instrument"},
    {"\"profile\":{\"instrument\":"
     "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
     "profile.instrument"},
    {"\"profile\":{\"nothing\":1}", "profile.nothing"},
    {"\"profile\":{\"layers\":[1],\"layer_stride\":2}", ""},
    {"\"profile\":{\"bare_every\":0},\"overhead_budget_pct\":1", ""},
    {"\"profile\":{\"sample_every\":2},\"overhead_budget_pct\":1", ""},
    {"\"profile\":{\"power_sample_interval_ms\":2},\"power_interval_ms\":1", ""},
    {"\"profile\":{\"deep_profiling\":true},\"profiling_depth\":\"minimal\"", ""},
    {"\"engine\":\"/bin/sh\"", "engine"},
    {"\"device\":\"gpu\"", "device"},
    {"\"\":1", ""},
    {"\"prompt\":\"twice\"", ""},
    {"\"max_length\":1,\"max_length\":2", ""},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(refusals); i++)
        expect_refusal(refusals[i].more, refusals[i].member, ERG_INVALID);
}

static void test_bodies_that_are_none(void **state)
{
    static const struct {
        const char *body, *member;
        int code;
    } rows[] = {
        {"", "", ERG_INVALID},
        {"x", "", ERG_INVALID},
        {"[]", "", ERG_INVALID},
        {"null", "", ERG_INVALID},
        {"{", "", ERG_INVALID},
        {"{}{}", "", ERG_INVALID},
        {"{}", "model_name", ERG_INVALID},
        {"{\"prompt\":\"x\"}", "model_name", ERG_INVALID},
        {"{\"model_name\":\"tales\"}", "prompt", ERG_INVALID},
        {"{\"model_name\":\"tales\",\"prompt\":\"\"}", "prompt", ERG_INVALID},
        {"{\"model_name\":\"tales\",\"prompt\":7}", "prompt", ERG_INVALID},
        {"{\"model_name\":\"tales\",\"prompt\":\"a\\u0000b\"}", "", ERG_INVALID},
        {"{\"model_name\":\"tales\",\"prompt\":\"\xff\"}", "", ERG_INVALID},
        {"{\"model_name\":\"\",\"prompt\":\"x\"}", "model_name", ERG_INVALID},
        {"{\"model_name\":7,\"prompt\":\"x\"}", "model_name", ERG_INVALID},
        {"{\"model_name\":\"nothing\",\"prompt\":\"x\"}", "model_name", ERG_NOT_FOUND},
        {"{\"model_name\":\"../models/tales-q8_0.gguf\",\"prompt\":\"x\"}", "model_name",
         ERG_INVALID},
        {"{\"model_name\":\"/etc/passwd\",\"prompt\":\"x\"}", "model_name", ERG_INVALID},
        {"{\"model_name\":\"synth:llama-3.2-1b\",\"prompt\":\"x\"}", "model_name", ERG_INVALID},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_run_request *request = NULL;
        struct erg_run_fault fault;
        struct erg_err err = {0};
        int rc = parse(rows[i].body, &request, &fault, &err);
        if (rc != rows[i].code || strcmp(fault.member, rows[i].member) != 0)
            fail_msg("%s: %d '%s' %s", rows[i].body, rc, fault.member, err.text);
    }
}

/* A deep nest is refused by the reader of JSON, not by the stack. */
static void test_deep_nesting(void **state)
{
    (void)state;
    enum { DEPTH = 500000 };
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    char *body = malloc(DEPTH + 1);
    assert_non_null(body);
    memset(body, '[', DEPTH);
    body[DEPTH] = '\0';
    assert_int_equal(parse(body, &request, &fault, NULL), ERG_INVALID);
    free(body);
}

/* --- against the description ---------------------------------------------------------------------
 */

static int parse_with(const char *member, json_t *value, struct erg_err *err)
{
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    json_t *body = json_pack("{s:s,s:s}", "model_name", "tales", "prompt", "x");
    json_object_set_new(body, member, value);
    char *text = json_dumps(body, 0);
    int rc = parse(text, &request, &fault, err);
    erg_run_request_free(request);
    json_decref(body);
    free(text);
    return rc;
}

static void check_range(const char *name, const json_t *schema)
{
    const json_t *least = json_object_get(schema, "minimum");
    const json_t *most = json_object_get(schema, "maximum");
    double low = json_number_value(least), high = json_number_value(most);
    bool whole = strcmp(json_string_value(json_object_get(schema, "type")), "integer") == 0;
    struct erg_err err = {0};
    assert_true(json_is_number(least) && json_is_number(most));
    if (parse_with(name, whole ? json_integer((json_int_t)low) : json_real(low), &err) ||
        parse_with(name, whole ? json_integer((json_int_t)high) : json_real(high), &err))
        fail_msg("%s: %s", name, err.text);
    assert_int_equal(parse_with(name, json_real(low - 0.5), &err), ERG_INVALID);
    assert_int_equal(parse_with(name, json_real(high + 0.5), &err), ERG_INVALID);
    if (whole)
        assert_int_equal(parse_with(name, json_real(low + 0.5), &err), ERG_INVALID);
}

static void check_choices(const char *name, const json_t *choices)
{
    const json_t *choice;
    size_t i;
    struct erg_err err = {0};
    json_array_foreach(choices, i, choice)
    {
        if (parse_with(name, json_deep_copy(choice), &err))
            fail_msg("%s: %s", name, err.text);
    }
}

/* Each member that is described is known, with the range and the choices that are described. */
static void test_as_described(void **state)
{
    (void)state;
    int ranges = 0, choices = 0;
    json_t *document = json_load_file("../src/server/openapi.json", JSON_REJECT_DUPLICATES, NULL);
    json_t *request = json_object_get(
        json_object_get(json_object_get(document, "components"), "schemas"), "GenerateRequest");
    const char *name;
    json_t *schema;
    assert_true(json_is_false(json_object_get(request, "additionalProperties")));
    json_object_foreach(json_object_get(request, "properties"), name, schema)
    {
        struct erg_err err = {0};
        parse_with(name, json_null(), &err);
        if (strstr(err.text, "is no member"))
            fail_msg("%s is described but not known", name);
        if (json_object_get(schema, "minimum")) {
            check_range(name, schema);
            ranges++;
        }
        if (json_object_get(schema, "enum")) {
            check_choices(name, json_object_get(schema, "enum"));
            choices++;
        }
    }
    assert_int_equal(ranges, 7);
    assert_int_equal(choices, 1);
    json_t *profile = json_object_get(json_object_get(request, "properties"), "profile");
    json_object_foreach(json_object_get(profile, "properties"), name, schema)
    {
        struct erg_err err = {0};
        json_t *keys = json_object();
        json_object_set_new(keys, name, json_string("?"));
        assert_int_equal(parse_with("profile", keys, &err), ERG_INVALID);
        if (strstr(err.text, "unknown key"))
            fail_msg("profile.%s is described but not known", name);
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_member),
        cmocka_unit_test(test_profile),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_bodies_that_are_none),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_as_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
