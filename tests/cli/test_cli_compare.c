/* SPDX-License-Identifier: MIT */
#include "system/program.h"

#include "store/make_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * `ergon compare` on a store with five runs tagged "base", five "slow" (10 % more energy, one more
 * of them failed), one of each in experiment "one", and one run of another model and prompt.
 */

struct made {
    const char *tag, *model, *prompt, *status, *source;
    double joules; /* per token */
};

static const char summary_format[] =
    "{\"id\":\"%s\",\"run_id\":\"%s\",\"created_at\":\"2026-03-01T12:00:00.000000\",\"status\":\"%"
    "s\","
    "\"model_name\":\"%s\",\"mode\":\"standard\",\"tags\":[\"%s\"],\"input_tokens\":2,"
    "\"output_tokens\":8,\"total_duration_ms\":28.5,\"total_energy_mj\":%.6f,"
    "\"model\":{\"architecture\":\"llama\",\"quantization\":\"Q8_0\",\"parameters\":2000000},"
    "\"machine\":{\"hostname\":\"box\",\"cpu\":\"A CPU\"},"
    "\"engine\":{\"name\":\"ergon-llama\",\"version\":\"1\"},"
    "\"phases\":[{\"phase\":\"prefill\",\"energy_mj\":%.6f,\"average_power_mw\":20000},"
    "{\"phase\":\"decode\",\"energy_mj\":%.6f,\"average_power_mw\":%.6f}],"
    "\"tokens_per_second\":%.6f,\"prefill_tokens_per_second\":200,"
    "\"time_to_first_token_ms\":10,\"joules_per_token\":%.9f,\"joules_per_input_token\":0.2,"
    "\"joules_per_output_token\":%.9f,\"energy_per_million_parameters_mj\":%.6f,"
    "\"average_power_mw\":%.6f,\"net_energy_mj\":null,"
    "\"power\":{\"sources\":[\"%s\"],\"grade\":\"measured\"},"
    "\"profiler\":{\"overhead_pct\":0.4}}";

static void write_tokens(struct erg_writer *writer, double scale, uint64_t seed)
{
    struct make_shape shape = {
        .layers = 1, .time_scale = scale, .noise = 0.05, .energy = true, .seed = seed};
    int64_t t_ns = 1000000;
    for (uint32_t k = 0; k <= 8; k++) {
        struct make_pass pass;
        uint32_t n = k ? 1 : 2, phase = k ? ERG_PHASE_DECODE : ERG_PHASE_PREFILL;
        make_pass(&pass, &shape, k, phase, k ? k + 1 : 0, n, t_ns);
        erg_writer_pass(writer, &pass.row);
        for (uint32_t i = 0; i < n; i++) {
            struct erg_token_row token = make_token(&pass.row, i, k ? k + 1 : i);
            token.id = (int32_t)(k ? k + 1 : i);
            erg_writer_token(writer, &token);
        }
        t_ns = pass.row.t1_ns;
        make_pass_free(&pass);
    }
}

static void write_run(const char *db, int number, const struct made *made)
{
    char id[64], tags[64], summary[4096];
    struct erg_writer *writer;
    double j = made->joules;
    snprintf(id, sizeof id, "0190c0%02d-0000-4000-8000-000000000001", number);
    snprintf(tags, sizeof tags, "[\"%s\"]", made->tag);
    snprintf(summary, sizeof summary, summary_format, id, id, made->status, made->model, made->tag,
             8000 * j, 400.0, 8000 * j - 400, 20000 * j, 50 / j, j, j - 0.05, 4000 * j, 19000 * j,
             made->source);
    struct erg_run_row run = make_run(id, "running", summary);
    run.model_name = made->model;
    run.mode = "standard";
    run.prompt = made->prompt;
    run.tags_json = tags;
    run.experiment_name = number == 1 || number == 6 ? "one" : NULL;
    run.input_tokens = 2;
    run.output_tokens = 8;
    assert_int_equal(erg_writer_open(&writer, db, &run, make_name, NULL, NULL), 0);
    write_tokens(writer, j, (uint64_t)number);
    run.status = made->status;
    erg_writer_run(writer, &run);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
}

static const struct made runs[] = {
    {"base", "tales", "Once", "complete", "rapl", 1.00},
    {"base", "tales", "Once", "complete", "rapl", 1.02},
    {"base", "tales", "Once", "complete", "rapl", 0.99},
    {"base", "tales", "Once", "complete", "rapl", 1.01},
    {"base", "tales", "Once", "complete", "rapl", 1.00},
    {"slow", "tales", "Once", "complete", "rapl", 1.10},
    {"slow", "tales", "Once", "complete", "rapl", 1.12},
    {"slow", "tales", "Once", "complete", "rapl", 1.09},
    {"slow", "tales", "Once", "complete", "rapl", 1.11},
    {"slow", "tales", "Once", "complete", "rapl", 1.10},
    {"slow", "tales", "Once", "failed", "rapl", 9.99},
    {"other", "stories", "Twice", "complete", "synthetic", 1.03},
};

#define OTHER "0190c012-0000-4000-8000-000000000001"

/* As in test_cli_golden.c: ERGON_UPDATE_GOLDEN=1 writes the file anew. */
static void assert_golden(const char *name, const struct output *output)
{
    char path[128], expected[1 << 15] = "", got[1 << 15];
    snprintf(path, sizeof path, "cli/golden/%s.txt", name);
    int len = snprintf(got, sizeof got, "%s--- stderr\n%s--- status %d\n", output->out, output->err,
                       output->status);
    assert_in_range(len, 1, sizeof got - 1);
    FILE *file = fopen(path, getenv("ERGON_UPDATE_GOLDEN") ? "w+b" : "rb");
    assert_non_null(file);
    if (getenv("ERGON_UPDATE_GOLDEN"))
        fputs(got, file);
    rewind(file);
    (void)!fread(expected, 1, sizeof expected - 1, file);
    fclose(file);
    assert_string_equal(got, expected);
}

static void test_output(void **state)
{
    static const struct {
        const char *name;
        const char *args[12];
    } rows[] = {
        {"compare", {"compare", "tag:base", "tag:slow"}},
        {"compare-four",
         {"compare", "0190c001", "0190c002", "tag:slow", OTHER, "--metric", "joules_per_token"}},
        {"compare-three",
         {"compare", "tag:base", "tag:slow", OTHER, "--metric=joules_per_token,co2_g", "--metric",
          "average_power_mw"}},
        {"compare-gates",
         {"compare", "tag:base", "tag:slow", "--metric=joules_per_token", "--fail-if",
          "joules_per_token+5%", "--fail-if=tokens_per_second-20%"}},
        {"compare-json",
         {"compare", "tag:base", "tag:slow", "--json", "--metric=joules_per_token"}},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct output output = ergon_args(rows[i].args);
        assert_golden(rows[i].name, &output);
        free_output(&output);
    }
}

/* The gate of a build: 1 only for a limit that is crossed for sure, 4 for one that is not known. */
static void test_exit_status_of_limits(void **state)
{
    static const struct {
        const char *a, *b, *limit;
        int status;
    } rows[] = {
        {"tag:base", "tag:slow", "joules_per_token+5%", 1},
        {"tag:base", "tag:slow", "joules_per_token+20%", 0},
        {"tag:slow", "tag:base", "joules_per_token+0%", 0},
        {"tag:slow", "tag:base", "joules_per_token-5%", 1},
        {"tag:base", "tag:slow", "tokens_per_second-5%", 1},
        {"tag:base", "0190c006", "joules_per_token+5%", 1},
        {"0190c001", "0190c002", "joules_per_token+5%", 0},
        {"tag:base", "tag:slow", "net_energy_mj+5%", 4},
    };
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        for (int json = 0; json < 2; json++) {
            const char *args[] = {"compare",     rows[i].a, rows[i].b, "--fail-if",
                                  rows[i].limit, "--quiet", NULL,      NULL};
            args[6] = json ? "--json" : NULL;
            struct output output = ergon_args(args);
            assert_int_equal(output.status, rows[i].status);
            assert_true(*output.out != '\0');
            free_output(&output);
        }
    }
}

/* Failed runs are left out with a line, and an experiment is a group. */
static void test_groups(void **state)
{
    (void)state;
    json_t *json = ergon_json("compare", "tag:slow", "tag:base");
    const json_t *slow = json_array_get(json_object_get(json, "groups"), 0);
    assert_int_equal(json_array_size(json_object_get(slow, "runs")), 5);
    const json_t *excluded = json_object_get(slow, "excluded");
    assert_int_equal(json_array_size(excluded), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(excluded, 0), "status")),
                        "failed");
    json_decref(json);
    json = ergon_json("compare", "experiment:one", OTHER);
    const json_t *one = json_array_get(json_object_get(json, "groups"), 0);
    assert_int_equal(json_array_size(json_object_get(one, "runs")), 2);
    assert_int_equal(json_array_size(json_object_get(json, "per_token")), 0); /* other prompt */
    json_decref(json);
}

/* Runs that are named are a group too, and none of them is in it twice, or in two. */
static void test_named_groups(void **state)
{
    static const char *const wrong[][2] = {
        {"0190c001,0190c001", "0190c006"}, {"0190c001,0190c002", "0190c003,0190c002"},
        {"0190c001,", "0190c006"},         {"0190c001,,0190c002", "0190c006"},
        {"0190c011,0190c011", "0190c006"},
    };
    (void)state;
    json_t *json =
        ergon_json("compare", "0190c001,0190c002,0190c003", "0190c011,0190c006,0190c007");
    const json_t *groups = json_object_get(json, "groups");
    for (size_t g = 0; g < 2; g++) {
        const json_t *group = json_array_get(groups, g);
        assert_int_equal(json_array_size(json_object_get(group, "runs")), 3 - g);
        assert_int_equal(json_array_size(json_object_get(group, "excluded")), g);
    }
    const json_t *first = json_array_get(json_object_get(json, "metrics"), 0);
    const json_t *side = json_array_get(json_object_get(first, "groups"), 0);
    assert_true(fabs(json_number_value(json_object_get(side, "mean")) - 3.01 / 3) < 1e-12);
    json_decref(json);
    for (size_t i = 0; i < ERG_COUNT(wrong); i++) {
        struct output output =
            ergon_args((const char *[]){"compare", wrong[i][0], wrong[i][1], "--quiet", NULL});
        assert_int_not_equal(output.status, 0);
        assert_true(*output.err != '\0');
        free_output(&output);
    }
}

static int set_up(void **state)
{
    setenv("TZ", "UTC", 1);
    if (make_folder(state))
        return -1;
    for (size_t i = 0; i < ERG_COUNT(runs); i++)
        write_run(in_folder("test.db"), (int)i + 1, &runs[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output),
        cmocka_unit_test(test_exit_status_of_limits),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_named_groups),
    };
    return cmocka_run_group_tests(tests, set_up, remove_folder);
}
