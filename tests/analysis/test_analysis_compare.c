/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/bootstrap.h"
#include "analysis/compare.h"
#include "base/mem.h"
#include "stream/format.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int calls_left = -1;

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    return calls_left-- == 0 ? NULL : __real_erg_realloc(block, bytes);
}

enum { JOULES, RATE = 3 };

static const char *const facets[ERG_FACETS] = {
    "rapl", "measured", "standard",      "llama Q8_0",     "Once",
    "4",    "host cpu", "ergon-llama 1", "cpu, 2 threads", "us",
};

/* Runs whose J/token are `joules`; every other metric is 100 of it. */
static void add_group(struct erg_compare *compare, const char *name, const double *joules,
                      size_t count)
{
    struct erg_compare_group *group = &compare->groups[compare->group_count++];
    group->name = strdup(name);
    group->runs = calloc(count, sizeof *group->runs);
    group->run_count = count;
    for (size_t r = 0; r < count; r++) {
        char id[32];
        snprintf(id, sizeof id, "%s-%zu", name, r);
        group->runs[r].id = strdup(id);
        group->runs[r].overhead_pct = 0.5;
        for (size_t m = 0; m < ERG_COMPARE_METRICS; m++)
            group->runs[r].values[m] = m == JOULES ? joules[r] : 100 * joules[r];
        for (size_t f = 0; f < ERG_FACETS; f++)
            group->runs[r].facets[f] = strdup(facets[f]);
    }
}

static void set_facet(struct erg_compare *compare, size_t g, size_t r, int facet, const char *text)
{
    free(compare->groups[g].runs[r].facets[facet]);
    compare->groups[g].runs[r].facets[facet] = strdup(text);
}

static void set_tokens(struct erg_compare *compare, size_t g, size_t count, double ms, double mj)
{
    struct erg_compare_group *group = &compare->groups[g];
    group->tokens = calloc(count + 2, sizeof *group->tokens);
    group->token_count = count + 2;
    group->tokens_agree = true;
    group->token_runs = group->run_count;
    for (size_t i = 0; i < count + 2; i++) {
        group->tokens[i] = (struct erg_compare_token){
            .id = (int32_t)(100 + i),
            .phase = i < 2 ? ERG_PHASE_PREFILL : ERG_PHASE_DECODE,
            .ms = (ms + 0.01 * (double)(i * i % 7) * (double)(g + 1)) * (double)group->token_runs,
            .mj = mj * (double)group->token_runs};
    }
}

static void calculate(struct erg_compare *compare)
{
    struct erg_err err = {0};
    assert_int_equal(erg_compare_calculate(compare, &err), 0);
}

static bool warns(const struct erg_compare *compare, const char *text)
{
    for (size_t i = 0; i < compare->warning_count; i++) {
        if (strstr(compare->warnings[i], text))
            return true;
    }
    return false;
}

static const double base[] = {1.00, 1.02, 0.99, 1.01, 1.00, 0.98, 1.03, 1.00, 0.99, 1.01};
static const double worse[] = {1.10, 1.12, 1.09, 1.11, 1.10, 1.08, 1.13, 1.10, 1.09, 1.11};
static const double wide[] = {1.0, 1.6, 0.8, 1.4, 0.7, 1.5, 1.2, 0.9, 1.3, 1.1};

static void test_one_metric(void **state)
{
    struct erg_compare compare = {0};
    char finding[128];
    (void)state;
    add_group(&compare, "a", base, 10);
    add_group(&compare, "b", worse, 10);
    add_group(&compare, "c", base, 10);
    add_group(&compare, "d", wide, 10);
    compare.selected[JOULES] = compare.selected[RATE] = true;
    calculate(&compare);
    const struct erg_compare_side *side = &compare.sides[JOULES][0];
    assert_true(side->stats.n == 10 && fabs(side->stats.mean - 1.003) < 1e-12);
    assert_true(side->median.mean == 1.0 && side->median.low == 0.99 && side->median.high == 1.02);
    assert_true(side->min == 0.98 && side->max == 1.03);
    assert_ptr_equal(erg_compare_interval(side), &side->bootstrap);
    const struct erg_compare_pair *pair = &compare.pairs[JOULES][1];
    assert_true(fabs(pair->ratio.mean - 1.103 / 1.003) < 1e-12 && pair->significant);
    assert_true(pair->ratio.low > 1.08 && pair->ratio.high < 1.12);
    /* Six tests, of which those of b come first. */
    assert_true(fabs(pair->welch_holm - 6 * pair->welch.p) < 1e-12 && pair->welch.p > 0);
    assert_true(pair->cliffs_delta == 1 && pair->ranks.statistic == 100 && pair->hedges_g > 5);
    erg_compare_finding(&compare, JOULES, 1, finding);
    assert_string_equal(finding, "10.0 % higher (worse)");
    erg_compare_finding(&compare, RATE, 1, finding);
    assert_string_equal(finding, "10.0 % higher (better)");
    erg_compare_finding(&compare, JOULES, 2, finding);
    assert_string_equal(finding, "no difference detected (needs n ≥ 56 for 1.0 %)");
    assert_true(compare.pairs[JOULES][2].welch_holm == 1);
    erg_compare_finding(&compare, JOULES, 3, finding);
    assert_non_null(strstr(finding, "no difference detected (needs n ≥ "));
    assert_int_equal(compare.warning_count, 0);
    erg_compare_deinit(&compare);
}

/* Corrected for more figures a p-value never falls. */
static void test_more_metrics_cost(void **state)
{
    double before = 0;
    (void)state;
    for (size_t metrics = 1; metrics <= ERG_COMPARE_METRICS; metrics++) {
        struct erg_compare compare = {0};
        add_group(&compare, "a", base, 5);
        add_group(&compare, "b", wide, 5);
        for (size_t m = 0; m < metrics; m++)
            compare.selected[m] = true;
        calculate(&compare);
        const struct erg_compare_pair *pair = &compare.pairs[0][1];
        assert_true(pair->welch_holm >= before && pair->welch_holm >= pair->welch.p);
        assert_true(pair->ranks_holm >= pair->ranks.p);
        before = pair->welch_holm;
        erg_compare_deinit(&compare);
    }
}

static void test_what_cannot_be_compared(void **state)
{
    const double unknown[] = {NAN, NAN}, same[] = {2, 2, 2};
    struct erg_compare compare = {0};
    char finding[128];
    (void)state;
    add_group(&compare, "a", same, 3);
    add_group(&compare, "b", same, 1);
    add_group(&compare, "c", unknown, 2);
    add_group(&compare, "d", same, 3);
    erg_compare_select_default(&compare);
    calculate(&compare);
    static const char *const says[] = {"", "no test (needs n ≥ 2)", "not known",
                                       "no test (no spread)"};
    for (size_t g = 1; g < 4; g++) {
        erg_compare_finding(&compare, JOULES, g, finding);
        assert_string_equal(finding, says[g]);
        assert_true(isnan(compare.pairs[JOULES][g].welch_holm));
        assert_true(isnan(compare.pairs[JOULES][g].ranks_holm));
        assert_false(compare.pairs[JOULES][g].significant);
    }
    assert_true(warns(&compare, "a single run is no sample: no p-values for B"));
    assert_true(warns(&compare, "fewer than 10 runs (A 3, C 2, D 3)"));
    assert_true(warns(&compare, "Mann–Whitney's p cannot be below 0.2"));
    assert_ptr_equal(erg_compare_interval(&compare.sides[0][0]), &compare.sides[0][0].t);
    erg_compare_deinit(&compare);
}

static void test_every_facet_warns(void **state)
{
    static const char *const says[ERG_FACETS] = {
        "not the same power source: A rapl, B synthetic",
        "not the same grade of the energy: A measured, B synthetic",
        "not the same mode: A standard, B synthetic",
        "not the same model: A llama Q8_0, B synthetic",
        "not the same prompt",
        "not the same number of generated tokens: A 4, B synthetic",
        "not the same machine: A host cpu, B synthetic",
        "not the same engine: A ergon-llama 1, B synthetic",
        "not the same settings: A cpu, 2 threads, B synthetic",
        "not the same grid: A us, B synthetic",
    };
    (void)state;
    for (int f = 0; f < ERG_FACETS; f++) {
        struct erg_compare compare = {0};
        add_group(&compare, "a", base, 10);
        add_group(&compare, "b", base, 10);
        assert_int_equal(erg_compare_select(&compare, "co2_g", NULL), 0);
        for (size_t r = 0; r < 10; r++)
            set_facet(&compare, 1, r, f, "synthetic");
        calculate(&compare);
        assert_true(warns(&compare, says[f]));
        bool made_up = warns(&compare, "the power of B was not measured (synthetic)");
        assert_int_equal(made_up, f == ERG_FACET_SOURCES);
        assert_int_equal(compare.warning_count, 1 + made_up);
        erg_compare_deinit(&compare);
    }
}

static void test_other_warnings(void **state)
{
    struct erg_compare compare = {0};
    (void)state;
    add_group(&compare, "a", base, 10);
    add_group(&compare, "b", base, 10);
    erg_compare_select_default(&compare);
    set_facet(&compare, 0, 3, ERG_FACET_MODE, "deep");
    set_facet(&compare, 1, 0, ERG_FACET_GRID, "moon"); /* of no matter without prices */
    for (size_t r = 0; r < 10; r++)
        compare.groups[1].runs[r].overhead_pct = r ? 8 : NAN;
    calculate(&compare);
    assert_true(warns(&compare, "the runs of A do not have the same mode"));
    assert_true(warns(&compare, "profiling slowed A by 0.5 % and B by 8.0 %"));
    assert_int_equal(compare.warning_count, 2);
    erg_compare_deinit(&compare);
}

static enum erg_compare_outcome judge(const double *b, size_t count, const char *limit, char *text)
{
    struct erg_compare compare = {0};
    add_group(&compare, "a", base, 10);
    add_group(&compare, "b", b, count);
    assert_int_equal(erg_compare_add_gate(&compare, limit, NULL), 0);
    assert_true(compare.selected[compare.gates[0].metric]);
    calculate(&compare);
    erg_compare_verdict_text(&compare, 0, 1, text);
    enum erg_compare_outcome outcome = compare.verdicts[0][1].outcome;
    erg_compare_deinit(&compare);
    return outcome;
}

static void test_gates(void **state)
{
    const double same[] = {1.2, 1.2}, unknown[] = {NAN};
    char text[320];
    (void)state;
    assert_int_equal(judge(worse, 10, "joules_per_token+5%", text), ERG_GATE_FAIL);
    assert_non_null(strstr(text, "joules_per_token+5% FAILED: B +10.0 % (Welch p = "));
    assert_int_equal(judge(worse, 10, "joules_per_token+15%", text), ERG_GATE_PASS);
    assert_non_null(strstr(text, "joules_per_token+15% passed: B +10.0 %"));
    assert_int_equal(judge(worse, 10, "joules_per_token-5%", text), ERG_GATE_PASS);
    assert_int_equal(judge(worse, 10, "tokens_per_second-0%", text), ERG_GATE_PASS);
    assert_int_equal(judge(wide, 10, "joules_per_token+5%", text), ERG_GATE_UNSURE);
    assert_non_null(strstr(text, "passed: beyond the limit, but not significant: B +14.7 %"));
    assert_int_equal(judge(worse, 1, "joules_per_token+5%", text), ERG_GATE_FAIL);
    assert_non_null(strstr(text, "(not tested: n = 10 and 1)"));
    assert_int_equal(judge(unknown, 1, "joules_per_token+5%", text), ERG_GATE_UNKNOWN);
    assert_non_null(strstr(text, "cannot be judged: no values"));
    assert_int_equal(judge(same, 2, "joules_per_token+5%", text), ERG_GATE_FAIL);
    const double less[] = {0.90, 0.91, 0.92};
    assert_int_equal(judge(less, 3, "tokens_per_second-5%", text), ERG_GATE_FAIL);
    assert_int_equal(judge(less, 3, "tokens_per_second-15%", text), ERG_GATE_PASS);
}

static void test_gates_as_text(void **state)
{
    static const char *const wrong[] = {
        "",
        "joules_per_token",
        "joules_per_token+5",
        "joules_per_token+%",
        "+5%",
        "joules_per_token+5%%",
        "joules_per_token+-5%",
        "joules_per_token-200%",
        "x+5%",
        "joules_per_token+5% ",
        "joules_per_token+inf%",
        "joules_per_token+1e9%",
        "joules_per_token+0x5%",
    };
    struct erg_compare compare = {0};
    struct erg_err err = {0};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(wrong); i++) {
        assert_int_equal(erg_compare_add_gate(&compare, wrong[i], &err), ERG_INVALID);
    }
    assert_int_equal(erg_compare_add_gate(&compare, "joule_per_token+5%", &err), ERG_INVALID);
    assert_non_null(strstr(err.text, "did you mean 'joules_per_token'?"));
    assert_int_equal(compare.gate_count, 0);
    for (int i = 0; i < ERG_COMPARE_GATES; i++)
        assert_int_equal(erg_compare_add_gate(&compare, "joules_per_token+2.5%", &err), 0);
    assert_true(compare.gates[0].limit_ratio == 0.025);
    assert_int_equal(erg_compare_add_gate(&compare, "joules_per_token+5%", &err), ERG_LIMIT);
    erg_compare_deinit(&compare);
}

/* The wanted change of the ratio is found token by token; tokens that differ are not compared. */
static void test_tokens(void **state)
{
    struct erg_compare compare = {0};
    (void)state;
    add_group(&compare, "a", base, 1);
    add_group(&compare, "b", base, 3);
    add_group(&compare, "c", base, 1);
    add_group(&compare, "d", base, 1);
    for (size_t g = 0; g < 4; g++)
        set_tokens(&compare, g, 40, 10 + (double)g, g == 1 ? NAN : 5);
    compare.groups[2].tokens[7].id++;
    compare.groups[3].tokens_agree = false;
    calculate(&compare);
    const struct erg_compare_paired *ms = &compare.paired[ERG_COMPARE_TOKEN_MS][1];
    assert_true(ms->ratio.n == 40 && ms->ranks.n == 40 && ms->ranks.p < 1e-6);
    assert_true(ms->ratio.low <= ms->ratio.mean && ms->ratio.mean <= ms->ratio.high);
    assert_true(fabs(ms->ratio.mean - 1.1) < 0.01);
    assert_int_equal(compare.paired[ERG_COMPARE_TOKEN_MJ][1].ratio.n, 0);
    for (int metric = 0; metric < ERG_COMPARE_TOKENS; metric++) {
        assert_int_equal(compare.paired[metric][2].ratio.n, 0);
        assert_int_equal(compare.paired[metric][3].ratio.n, 0);
    }
    erg_compare_deinit(&compare);
}

static void fill(struct erg_compare *compare)
{
    add_group(compare, "a", base, 10);
    add_group(compare, "b", worse, 4);
    add_group(compare, "c", base, 1);
    set_tokens(compare, 0, 10, 5, 5);
    set_tokens(compare, 1, 10, 6, 6);
    erg_compare_select_default(compare);
    erg_compare_add_gate(compare, "joules_per_token+5%", NULL);
}

static void test_json(void **state)
{
    struct erg_compare compare = {0};
    struct erg_buf buf = {0};
    struct erg_jsonw w;
    (void)state;
    fill(&compare);
    calculate(&compare);
    erg_jsonw_init(&w, &buf);
    erg_compare_write(&compare, &w);
    assert_int_equal(erg_jsonw_finish(&w), 0);
    json_t *json = json_loads(erg_buf_view(&buf), 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_array_size(json_object_get(json, "groups")), 3);
    const json_t *metrics = json_object_get(json, "metrics");
    assert_int_equal(json_array_size(metrics), 12);
    const json_t *pairs = json_object_get(json_array_get(metrics, 0), "comparisons");
    const json_t *welch = json_object_get(json_array_get(pairs, 0), "welch");
    assert_true(json_real_value(json_object_get(welch, "p")) == compare.pairs[0][1].welch.p);
    welch = json_object_get(json_array_get(pairs, 1), "welch");
    assert_true(json_is_null(json_object_get(welch, "p")));
    const json_t *gate = json_array_get(json_object_get(json, "gates"), 0);
    assert_string_equal(json_string_value(json_object_get(gate, "outcome")), "fail");
    assert_int_equal(json_array_size(json_object_get(json, "per_token")), 2);
    json_decref(json);
    erg_buf_deinit(&buf);
    erg_compare_deinit(&compare);
}

static void test_every_allocation_fails_once(void **state)
{
    int failed = 0;
    (void)state;
    for (int k = 0;; k += 1 + k / 8) {
        struct erg_compare compare = {0};
        struct erg_err err = {0};
        calls_left = -1;
        fill(&compare);
        calls_left = k;
        int rc = erg_compare_calculate(&compare, &err);
        bool ran_out = calls_left < 0;
        calls_left = -1;
        assert_true(rc == (ran_out ? ERG_NOMEM : 0));
        assert_int_equal(err.code, rc);
        erg_compare_deinit(&compare);
        failed += rc != 0;
        if (!ran_out)
            break;
    }
    assert_true(failed > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_metric),
        cmocka_unit_test(test_more_metrics_cost),
        cmocka_unit_test(test_what_cannot_be_compared),
        cmocka_unit_test(test_every_facet_warns),
        cmocka_unit_test(test_other_warnings),
        cmocka_unit_test(test_gates),
        cmocka_unit_test(test_gates_as_text),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
