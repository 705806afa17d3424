/* SPDX-License-Identifier: MIT */
#include "store/make_store.h"
#include "store/store.h"
#include "system/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RUN    "0190a0b1-7d3c-4000-8000-00000000abcd"
#define LAYERS 3

/* A deep run of a model with 8 experts, of which two are used: a prompt of 5 tokens, 4 more. */
static int write_run(void **state)
{
    struct make_shape shape = {.layers = LAYERS,
                               .detail = MAKE_DEEP,
                               .noise = 0.2,
                               .spread = 0.3,
                               .time_scale = 1,
                               .heads = 4,
                               .experts = 8,
                               .seed = 3};
    struct erg_run_row run = make_run(RUN, "complete", NULL);
    struct erg_writer *writer;
    if (make_folder(state) ||
        erg_writer_open(&writer, in_folder("test.db"), &run, make_name, NULL, NULL))
        return -1;
    for (uint32_t i = 0; i < 5; i++) {
        struct make_pass pass;
        uint32_t n = i ? 1 : 5;
        make_pass(&pass, &shape, i, i ? ERG_PHASE_DECODE : ERG_PHASE_PREFILL, i ? 4 + i : 0, n,
                  i * INT64_C(100000000));
        erg_writer_pass(writer, &pass.row);
        for (uint32_t k = 0; k < n; k++) {
            struct erg_token_row token = make_token(&pass.row, k, i ? 4 + i : k);
            erg_writer_token(writer, &token);
        }
        make_pass_free(&pass);
    }
    return erg_writer_finish(writer, NULL);
}

/* Choices of all experts; each share and the balance follow from the counts. */
static double sum_of_load(const json_t *root)
{
    const json_t *experts = json_object_get(root, "experts"), *expert;
    double sum = 0, entropy = 0;
    size_t i;
    assert_int_equal(json_array_size(experts), 8);
    json_array_foreach(experts, i, expert)
    {
        assert_true(number_at(expert, "expert") == (double)i);
        sum += number_at(expert, "count");
    }
    json_array_foreach(experts, i, expert)
    {
        double share = number_at(expert, "count") / sum;
        assert_true(fabs(number_at(expert, "load_ratio") - share) < 1e-12);
        entropy -= share > 0 ? share * log(share) : 0;
    }
    assert_true(fabs(number_at(root, "load_balance") - entropy / log(8)) < 1e-12);
    assert_true(number_at(root, "routing_entropy") > 0);
    assert_true(number_at(root, "decisions") * 2 == sum);
    return sum;
}

static void test_every_choice_is_counted(void **state)
{
    (void)state;
    json_t *all = ergon_json("show", RUN, "--by", "expert");
    json_t *decode = ergon_json("show", RUN, "--by", "expert", "--phase", "decode");
    json_t *token = ergon_json("show", RUN, "--by", "expert", "--token", "6");
    assert_true(sum_of_load(all) == 2 * LAYERS * 9);
    assert_true(sum_of_load(decode) == 2 * LAYERS * 4);
    assert_true(sum_of_load(token) == 2 * LAYERS);
    json_decref(all);
    json_decref(decode);
    json_decref(token);
}

static void test_the_table(void **state)
{
    (void)state;
    struct output output = ergon("show", RUN, "--by", "expert");
    int lines = 0;
    assert_int_equal(output.status, 0);
    for (const char *c = output.out; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 1 + 8 + 1);
    assert_non_null(strstr(output.out, "load balance 0."));
    assert_non_null(strstr(output.out, " 27 decisions\n"));
    free_output(&output);
    output = ergon("show", RUN, "--by", "expert", "--phase", "post_inference");
    assert_int_equal(output.status, 0);
    assert_string_equal(output.out, "");
    assert_non_null(strstr(output.err, "nothing to show"));
    free_output(&output);
}

/* Averages by name: an activation's ratio is not mixed with those of norms. */
static void test_metrics_of_layers(void **state)
{
    (void)state;
    static const struct {
        const char *metric;
        double least, most;
    } rows[] = {{"activation_kill_ratio", 0.29, 0.91},
                {"attention_entropy", 0.1, 5},
                {"max_attention_weight", 0.05, 1},
                {"attention_sparsity", 0.05, 1},
                {"variance_ratio", 1, 2000}};
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        json_t *root = ergon_json("show", RUN, "--by", "layer", "--metric", rows[i].metric), *row;
        size_t k, layers = 0;
        json_array_foreach(root, k, row)
        {
            if (json_integer_value(json_object_get(row, "layer")) < 0)
                continue;
            double value = number_at(row, rows[i].metric);
            assert_true(value >= rows[i].least && value <= rows[i].most);
            layers++;
        }
        assert_int_equal(layers, 2 * LAYERS);
        json_decref(root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_choice_is_counted),
        cmocka_unit_test(test_the_table),
        cmocka_unit_test(test_metrics_of_layers),
    };
    return cmocka_run_group_tests_name("cli_experts", tests, write_run, remove_folder);
}
