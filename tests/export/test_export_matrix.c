/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "export/recorded.h"
#include "export/view.h"

#include <math.h>

static const struct recording_shape shape = {.seed = 9,
                                             .passes = 25,
                                             .domains = 3,
                                             .prompt = 5,
                                             .deep = true,
                                             .idle = true,
                                             .untraced = true,
                                             .status = "complete"};

struct source {
    struct recorded recorded;
    struct erg_view_split split;
    struct erg_run_sums sums;
    struct erg_buf json;
    struct erg_jsonw w;
    struct erg_view view;
};

static void open_source(struct source *s, const struct recording_shape *of)
{
    s->recorded = recorded_open(of);
    s->view = (struct erg_view){s->recorded.store, RECORDED_ID, &s->w};
    erg_buf_init(&s->json);
    assert_int_equal(erg_view_split_choose(s->recorded.store, RECORDED_ID, NULL, &s->split, NULL),
                     0);
    assert_int_equal(erg_view_sums(s->recorded.store, RECORDED_ID, &s->split, &s->sums, NULL, NULL),
                     0);
}

static void close_source(struct source *s)
{
    erg_run_sums_deinit(&s->sums);
    erg_buf_deinit(&s->json);
    recorded_close(&s->recorded);
}

/* As if the machine was calibrated. */
static void split_by_activity(struct source *s)
{
    const struct erg_activity costs = {.nj_per_flop = 0.02, .nj_per_byte = 0.5, .static_w = 3};
    s->split.name = "activity";
    s->split.activity_known = true;
    s->split.activity = erg_attribution_activity(&costs);
}

static size_t ask(struct source *s, enum erg_matrix_metric metric, int64_t token, bool stack,
                  struct erg_buf *floats)
{
    const struct erg_view_matrix request = {
        .metric = metric, .range = {.token = token, .to = -1, .phase = ERG_PHASES}, .stack = stack};
    erg_buf_clear(&s->json);
    erg_buf_clear(floats);
    erg_jsonw_init(&s->w, &s->json);
    assert_int_equal(erg_view_matrix(&s->view, &s->split, &s->sums, &request, floats, NULL), 0);
    assert_int_equal(erg_jsonw_finish(&s->w), 0);
    return floats->len / sizeof(float);
}

/* A stack is made in a shorter way than a matrix of one token; both say the same, to the bit. */
static void compare(struct source *s, enum erg_matrix_metric metric)
{
    struct erg_buf stack, one;
    size_t known = 0;
    erg_buf_init(&stack);
    erg_buf_init(&one);
    size_t count = ask(s, metric, -1, true, &stack), passes = (size_t)shape.passes + 1;
    size_t cells = count / passes;
    assert_int_equal(count, cells * passes);
    for (size_t pass = 0; pass < passes; pass++) {
        int64_t token = pass ? (int64_t)(shape.prompt + pass - 1) : 0;
        assert_int_equal(ask(s, metric, token, false, &one), cells);
        assert_memory_equal(one.data, stack.data + pass * cells * sizeof(float), one.len);
        for (size_t i = 0; i < cells; i++) {
            float value;
            memcpy(&value, one.data + i * sizeof value, sizeof value);
            known += !isnan(value);
        }
    }
    assert_true(known > cells * passes / 4);
    erg_buf_deinit(&stack);
    erg_buf_deinit(&one);
}

static void test_stacks_are_those_of_single_passes(void **state)
{
    static const enum erg_matrix_metric costs[] = {ERG_MATRIX_TIME_MS, ERG_MATRIX_ENERGY_MJ,
                                                   ERG_MATRIX_POWER_MW, ERG_MATRIX_MEAN};
    struct source s;
    (void)state;
    open_source(&s, &shape);
    for (int activity = 0; activity < 2; activity++) {
        for (size_t i = 0; i < ERG_COUNT(costs); i++)
            compare(&s, costs[i]);
        split_by_activity(&s);
    }
    close_source(&s);
}

static char *rest_of(struct source *s)
{
    char *rest = strstr(s->json.data, "\"rest\":");
    assert_non_null(rest);
    return rest;
}

/* What is in no cell is the same, whether passes are stacked or not. */
static void test_rests_are_those_of_the_whole(void **state)
{
    static const enum erg_matrix_metric sums[] = {ERG_MATRIX_TIME_MS, ERG_MATRIX_ENERGY_MJ};
    struct source s;
    struct erg_buf floats;
    (void)state;
    open_source(&s, &shape);
    erg_buf_init(&floats);
    for (size_t i = 0; i < ERG_COUNT(sums); i++) {
        double whole[2], stacked[2];
        ask(&s, sums[i], -1, false, &floats);
        assert_int_equal(sscanf(rest_of(&s), "\"rest\":{\"unattributed\":%lf,\"not_profiled\":%lf",
                                &whole[0], &whole[1]),
                         2);
        ask(&s, sums[i], -1, true, &floats);
        assert_int_equal(sscanf(rest_of(&s), "\"rest\":{\"unattributed\":%lf,\"not_profiled\":%lf",
                                &stacked[0], &stacked[1]),
                         2);
        for (int k = 0; k < 2; k++)
            assert_true(whole[k] > 0 && fabs(stacked[k] - whole[k]) < 1e-9 * whole[k]);
    }
    erg_buf_deinit(&floats);
    close_source(&s);
}

static void test_without_power_no_energy_is_known(void **state)
{
    struct recording_shape dark = shape;
    struct source s;
    struct erg_buf floats;
    (void)state;
    dark.domains = 0;
    open_source(&s, &dark);
    erg_buf_init(&floats);
    size_t count = ask(&s, ERG_MATRIX_ENERGY_MJ, -1, true, &floats);
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, floats.data + i * sizeof value, sizeof value);
        assert_true(isnan(value));
    }
    assert_non_null(strstr(rest_of(&s), "\"unattributed\":null,\"not_profiled\":null"));
    erg_buf_deinit(&floats);
    close_source(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stacks_are_those_of_single_passes),
        cmocka_unit_test(test_rests_are_those_of_the_whole),
        cmocka_unit_test(test_without_power_no_energy_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
