/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "engine/llama/depth.h"

#include <math.h>

enum { TOKENS = 4000 };

/* A machine on which every token costs the same, so and so much more at each depth. */
struct machine {
    double token_ns, excess_ns[ERG_DEPTH_DEEP + 1], report_ns[ERG_DEPTH_DEEP + 1];
    double noise; /* ratio, uniform */
    size_t stamps;
    double stamp_ns; /* that its passes find; 0 = none does */
    uint64_t state;
};

struct taken {
    struct erg_depth_choice choices[TOKENS];
    double bare_ns, ns; /* of all tokens: without profiling, as they were */
    int count[ERG_DEPTH_DEEP + 1], marked;
};

static const struct machine large = {.token_ns = 18e6,
                                     .excess_ns = {0, 28e3, 150e3, 400e3},
                                     .report_ns = {5e3, 22e3, 30e3, 90e3},
                                     .stamps = 300,
                                     .state = 1};
static const struct machine small = {.token_ns = 600e3,
                                     .excess_ns = {0, 20e3, 80e3, 400e3},
                                     .report_ns = {5e3, 20e3, 25e3, 60e3},
                                     .noise = 0.2,
                                     .stamps = 120,
                                     .state = 1};

static const struct erg_depth_options deep = {.depth = ERG_DEPTH_DEEP,
                                              .traces = true,
                                              .sample_every = 1,
                                              .bare_every = 16,
                                              .stamp_ns = 25,
                                              .seed = 7};

static void take(const struct erg_depth_options *options, struct machine machine, struct taken *out)
{
    struct erg_depth_control control;
    *out = (struct taken){0};
    erg_depth_init(&control, options);
    for (int i = 0; i < TOKENS; i++) {
        struct erg_depth_choice choice = erg_depth_next(&control);
        double noise = machine.noise * (double)test_below(&machine.state, 1000) / 1000;
        double bare_ns = machine.token_ns * (1 + noise);
        double ns = bare_ns + machine.excess_ns[choice.depth];
        struct erg_depth_cost cost = {
            .depth = choice.depth,
            .interval_ns = (int64_t)ns,
            .report_ns = (int64_t)machine.report_ns[choice.depth],
            .stamps = choice.depth ? machine.stamps : 0,
            .stamp_ns = choice.depth && machine.stamp_ns > 0 ? machine.stamp_ns : NAN,
            .reused = i % 256 != 0,
        };
        erg_depth_took(&control, &cost);
        out->choices[i] = choice;
        out->count[choice.depth]++;
        out->marked += choice.bare;
        out->bare_ns += bare_ns;
        out->ns += ns;
    }
}

/* About one of so many, never one of the first two, and every block has one. */
static void test_tokens_for_comparison(void **state)
{
    static const int every[] = {2, 3, 16, 100};
    (void)state;
    for (size_t e = 0; e < ERG_COUNT(every); e++) {
        struct erg_depth_options options = deep;
        struct taken taken;
        int last = -1, longest = 0;
        options.bare_every = every[e];
        take(&options, small, &taken);
        assert_in_range(taken.marked, TOKENS / every[e] - 1, TOKENS / every[e] + 1);
        for (int i = 0; i < TOKENS; i++) {
            if (!taken.choices[i].bare) {
                assert_int_equal(taken.choices[i].depth, ERG_DEPTH_DEEP);
                continue;
            }
            assert_true(i >= 2);
            longest = i - last > longest ? i - last : longest;
            last = i;
        }
        assert_true(longest <= 2 * every[e] + 2);
    }
    struct erg_depth_options none = deep;
    struct taken taken;
    none.bare_every = 0;
    take(&none, small, &taken);
    assert_int_equal(taken.count[ERG_DEPTH_DEEP], TOKENS);
}

/* Where they lie meets nothing that repeats, whatever its period, more often than chance would. */
static void test_no_period(void **state)
{
    struct taken taken;
    (void)state;
    take(&deep, small, &taken);
    for (int period = 2; period <= 64; period++) {
        int hits[64] = {0};
        for (int i = 0; i < TOKENS; i++)
            hits[i % period] += taken.choices[i].bare;
        double expected = (double)taken.marked / period;
        for (int p = 0; p < period; p++)
            assert_true(fabs(hits[p] - expected) < 5 * sqrt(expected) + 1);
    }
}

/* Tracing stays on for comparison where it is free; else, and in minimal mode, nothing is taken. */
static void test_free_tracing(void **state)
{
    struct erg_depth_options options = deep;
    struct taken taken;
    (void)state;
    take(&options, large, &taken);
    assert_int_equal(taken.count[ERG_DEPTH_TRACED], taken.marked);
    take(&options, small, &taken);
    assert_int_equal(taken.count[ERG_DEPTH_TRACED], 1); /* tried once */
    assert_int_equal(taken.count[ERG_DEPTH_BARE], taken.marked - 1);
    options.traces = false;
    take(&options, large, &taken);
    assert_int_equal(taken.count[ERG_DEPTH_BARE], taken.marked);
    options = deep;
    options.depth = ERG_DEPTH_TRACED;
    take(&options, large, &taken);
    assert_int_equal(taken.count[ERG_DEPTH_BARE], taken.marked);
    assert_int_equal(taken.count[ERG_DEPTH_TRACED], TOKENS - taken.marked);
}

/* What stamps were found to cost in passes counts, not what they cost in a loop. */
static void test_price_of_stamps(void **state)
{
    struct machine machine = large;
    struct taken taken;
    (void)state;
    machine.stamp_ns = 400;
    take(&deep, machine, &taken);
    assert_true(taken.count[ERG_DEPTH_TRACED] <= 1);
    machine.stamp_ns = 10;
    take(&deep, machine, &taken);
    assert_int_equal(taken.count[ERG_DEPTH_TRACED], taken.marked);
}

static void test_sampling(void **state)
{
    struct erg_depth_options options = deep;
    struct taken taken;
    (void)state;
    options.sample_every = 5;
    take(&options, large, &taken);
    int rest = TOKENS - taken.marked;
    assert_in_range(taken.count[ERG_DEPTH_DEEP], rest / 5 - 1, rest / 5 + 1);
    assert_int_equal(taken.count[ERG_DEPTH_TRACED], TOKENS - taken.count[ERG_DEPTH_DEEP]);
    for (int i = 0; i < TOKENS; i++)
        assert_true(!taken.choices[i].bare || taken.choices[i].depth == ERG_DEPTH_TRACED);
    options.traces = false; /* tracing would cut the graph */
    take(&options, large, &taken);
    assert_int_equal(taken.count[ERG_DEPTH_TRACED], 0);
    assert_in_range(taken.count[ERG_DEPTH_DEEP], rest / 5 - 2, rest / 5 + 2);
}

static int differences(const struct taken *a, const struct taken *b)
{
    int count = 0;
    for (int i = 0; i < TOKENS; i++)
        count +=
            a->choices[i].depth != b->choices[i].depth || a->choices[i].bare != b->choices[i].bare;
    return count;
}

static void test_same_seed_same_choices(void **state)
{
    struct erg_depth_options options = deep;
    struct taken a, b;
    (void)state;
    take(&options, small, &a);
    take(&options, small, &b);
    assert_int_equal(differences(&a, &b), 0);
    options.seed++;
    take(&options, small, &b);
    assert_true(differences(&a, &b) > 0);
}

/* The slowdown stays below the budget, and a good part of the budget is used. */
static void test_budgets(void **state)
{
    static const double budgets[] = {0.002, 0.01, 0.05, 0.2};
    const struct machine machines[] = {small, large};
    (void)state;
    for (size_t m = 0; m < ERG_COUNT(machines); m++) {
        for (size_t b = 0; b < ERG_COUNT(budgets); b++) {
            for (int kind = 0; kind < 4; kind++) {
                struct erg_depth_options options = deep;
                struct taken taken;
                options.budget_ratio = budgets[b];
                options.traces = kind % 2;
                options.depth = kind < 2 ? ERG_DEPTH_DEEP : ERG_DEPTH_STANDARD;
                take(&options, machines[m], &taken);
                double slowdown = taken.ns / taken.bare_ns - 1;
                double all = machines[m].excess_ns[options.depth] / machines[m].token_ns;
                if (slowdown >= budgets[b] || slowdown < 0.2 * fmin(budgets[b], all))
                    print_error("budget %g of machine %zu: %g, %d in depth, %d traced\n",
                                budgets[b], m, slowdown, taken.count[options.depth],
                                taken.count[ERG_DEPTH_TRACED]);
                assert_true(slowdown < budgets[b]);
                assert_true(slowdown > 0.2 * fmin(budgets[b], all));
                assert_true(taken.marked >= TOKENS / 16 - 2);
            }
        }
    }
}

/* A graph that is new for the profiler, or another program, is paid for out of the same budget. */
static void test_budget_of_short_runs(void **state)
{
    struct erg_depth_options options = deep;
    struct erg_depth_control control;
    double spent = 0;
    (void)state;
    options.budget_ratio = 0.01;
    erg_depth_init(&control, &options);
    for (int i = 0; i < 500; i++) {
        struct erg_depth_choice choice = erg_depth_next(&control);
        bool profiled = choice.depth > ERG_DEPTH_TRACED;
        struct erg_depth_cost cost = {.depth = choice.depth,
                                      .interval_ns = profiled ? 1800000 : 1000000,
                                      .report_ns = 10000,
                                      .stamp_ns = NAN,
                                      .reused = true};
        erg_depth_took(&control, &cost);
        spent += profiled ? 800000 : 0;
        assert_true(spent <= 0.01 * 1e6 * (i + 1));
    }
    assert_true(spent > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_for_comparison),
        cmocka_unit_test(test_no_period),
        cmocka_unit_test(test_free_tracing),
        cmocka_unit_test(test_sampling),
        cmocka_unit_test(test_price_of_stamps),
        cmocka_unit_test(test_same_seed_same_choices),
        cmocka_unit_test(test_budgets),
        cmocka_unit_test(test_budget_of_short_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
