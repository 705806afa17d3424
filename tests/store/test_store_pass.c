/* SPDX-License-Identifier: MIT */
#include "store/pass.h"
#include "test.h"

#include <math.h>
#include <string.h>

/* Names of the test; what they stand for does not matter to what is tested. */
enum { NORM = 1, ROPE, ATTENTION, ROUTER, EXPERTS };
enum { NORMALIZE = 10, ROTATE, SCALE, MATMUL, SOFTMAX, MERGE, LOGITS, TOPK, WEIGHTS, DOWN };

enum { MOST = 16 };

struct line {
    int16_t layer;
    uint16_t component, operation;
    bool statistics, result; /* result: what is expected */
};

static void check(const struct line *lines, uint32_t count, const struct erg_routing_row *routing)
{
    struct erg_span spans[MOST];
    float mean[MOST];
    bool results[MOST];
    for (uint32_t i = 0; i < count; i++) {
        spans[i] = (struct erg_span){.layer = lines[i].layer,
                                     .component = lines[i].component,
                                     .operation = lines[i].operation,
                                     .ticks = 1};
        mean[i] = lines[i].statistics ? 1 : NAN;
    }
    const struct erg_pass_row pass = {.n_spans = count,
                                      .spans = spans,
                                      .values = {[ERG_VALUE_MEAN] = mean},
                                      .n_routing = routing ? 1 : 0,
                                      .routing = routing};
    erg_pass_results(&pass, results);
    for (uint32_t i = 0; i < count; i++) {
        if (results[i] != lines[i].result)
            fail_msg("span %u: %d", i, results[i]);
    }
}

static void components_are_their_own_result(void **unused)
{
    (void)unused;
    static const struct line lines[] = {
        {-1, NORM, 0, false, false},   {0, NORM, 0, true, true}, {0, ROPE, 0, true, true},
        {0, ATTENTION, 0, true, true}, {0, ROPE, 0, true, true}, {1, NORM, 0, false, false},
    };
    check(lines, ERG_COUNT(lines), NULL);
}

static void the_last_operation_is_the_result(void **unused)
{
    (void)unused;
    static const struct line lines[] = {
        {0, NORM, NORMALIZE, false, false},  {0, NORM, SCALE, true, true},
        {0, ROPE, ROTATE, true, true},       {0, ROPE, SCALE, true, false},
        {0, NORM, NORMALIZE, false, false},  {0, ROPE, ROTATE, true, true},
        {0, ATTENTION, MATMUL, true, false}, {0, ATTENTION, SOFTMAX, true, false},
        {0, ATTENTION, MERGE, true, true},   {1, ATTENTION, MATMUL, true, true},
        {1, ATTENTION, MERGE, false, false},
    };
    check(lines, ERG_COUNT(lines), NULL);
}

static void of_a_router_the_first_is(void **unused)
{
    (void)unused;
    static const struct line lines[] = {
        {3, ROUTER, LOGITS, true, true},   {3, ROUTER, TOPK, false, false},
        {3, ROUTER, WEIGHTS, true, false}, {3, EXPERTS, MATMUL, true, false},
        {3, EXPERTS, DOWN, true, true},
    };
    const struct erg_routing_row routing = {.span = 1};
    check(lines, ERG_COUNT(lines), &routing);
}

static void without_statistics_nothing_is(void **unused)
{
    (void)unused;
    const struct erg_span span = {.component = NORM, .operation = SCALE};
    const struct erg_pass_row pass = {.n_spans = 1, .spans = &span}, empty = {0};
    bool result = true;
    erg_pass_results(&pass, &result);
    assert_false(result);
    erg_pass_results(&empty, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_are_their_own_result),
        cmocka_unit_test(the_last_operation_is_the_result),
        cmocka_unit_test(of_a_router_the_first_is),
        cmocka_unit_test(without_statistics_nothing_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
