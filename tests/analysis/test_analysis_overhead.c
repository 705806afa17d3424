/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/overhead.h"

#include <math.h>

/* A run is made up: each token's true time, what each way of taking it adds, and noise. */
struct simulation {
    uint64_t state;
    int tokens, bare_every;
    double added[ERG_TAKENS]; /* ratio of the bare time */
    enum erg_taken base, depth;
    double spread;      /* of the usual noise, ratio */
    double spike_every; /* tokens between two that another program delays; 0 = none */
    double drift;       /* from the first token to the last, ratio */
};

static double uniform(uint64_t *state)
{
    return (double)(test_random(state) >> 11) / (double)(UINT64_C(1) << 53);
}

static double normal(uint64_t *state)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += uniform(state);
    return sum - 6;
}

/* Always a little late, now and then very late: a Pareto tail of infinite variance. */
static double noise(struct simulation *sim)
{
    double z = normal(&sim->state), late = exp(sim->spread * z) - 1;
    if (sim->spike_every > 0 && uniform(&sim->state) < 1 / sim->spike_every)
        late += 0.2 * pow(1 - uniform(&sim->state), -1 / 1.5);
    return late;
}

static struct erg_pass_row make_pass(uint32_t i, int64_t t0_ns, enum erg_taken taken, bool marked)
{
    static const float values[1] = {1};
    struct erg_pass_row pass = {.index = i,
                                .phase = ERG_PHASE_DECODE,
                                .position = 5 + i,
                                .n_tokens = 1,
                                .flags = ERG_PASS_REUSED | (marked ? ERG_PASS_BARE : 0),
                                .t0_ns = t0_ns,
                                .t1_ns = t0_ns + 1};
    pass.flags |= taken > ERG_TAKEN_BARE ? ERG_PASS_TRACED : ERG_PASS_BARE;
    pass.flags |= taken == ERG_TAKEN_DEEP ? ERG_PASS_DEEP : 0;
    if (taken >= ERG_TAKEN_STANDARD)
        pass.values[ERG_VALUE_MEAN] = values;
    return pass;
}

static void simulate(struct simulation *sim, struct erg_overhead *overhead)
{
    int64_t t_ns = 0;
    int bare_at = 0;
    for (int i = 0; i < sim->tokens; i++) {
        if (sim->bare_every && i % sim->bare_every == 0)
            bare_at = i + (int)test_below(&sim->state, (uint64_t)sim->bare_every);
        bool marked = sim->bare_every && i == bare_at && i > 2;
        enum erg_taken taken = marked ? sim->base : sim->depth;
        double drift = 1 + sim->drift * i / sim->tokens + 0.02 * sin(i / 40.0);
        double ns = 2e6 * drift * (1 + sim->added[taken]) * (1 + noise(sim));
        struct erg_pass_row pass = make_pass((uint32_t)i, t_ns, taken, marked);
        assert_int_equal(erg_overhead_add(overhead, &pass), 0);
        t_ns += (int64_t)ns;
    }
}

static const struct erg_overhead_settings plain = {.tracing_pct = NAN, .budget_pct = NAN};

/* The true value lies inside the interval as often as promised, and the estimate has no bias. */
static void check_coverage(struct simulation sim)
{
    enum { RUNS = 1000 };
    double sum = 0, squares = 0, width = 0, truth = 100 * sim.added[sim.depth];
    int inside = 0, measured = 0;
    for (int run = 0; run < RUNS; run++) {
        struct erg_overhead overhead = {0};
        struct erg_overhead_facts facts;
        simulate(&sim, &overhead);
        erg_overhead_estimate(&overhead, &plain, &facts);
        erg_overhead_deinit(&overhead);
        if (!facts.measured)
            continue;
        measured++;
        inside += facts.low_pct <= truth && truth <= facts.high_pct;
        sum += facts.pct - truth;
        squares += (facts.pct - truth) * (facts.pct - truth);
        width += facts.high_pct - facts.low_pct;
    }
    double bias = sum / measured, error = sqrt(squares / measured / measured);
    /* A share of delayed tokens of a small sample leans upwards whatever is trimmed: it must stay
     * well below what the interval admits. */
    double admitted = fmax(4 * error, 0.15 * width / measured / 2);
    if (inside < 0.9 * measured || fabs(bias) > admitted || measured < 0.95 * RUNS)
        print_error("%d tokens, true %.1f %%: inside %d of %d, bias %.3f +- %.3f, width %.2f\n",
                    sim.tokens, truth, inside, measured, bias, error, width / measured);
    assert_true(measured >= 0.95 * RUNS);
    assert_true(inside >= 0.9 * measured);
    assert_true(fabs(bias) <= admitted);
}

static void test_coverage(void **state)
{
    (void)state;
    for (int scenario = 0; scenario < 6; scenario++) {
        struct simulation sim = {
            .state = 77 + (uint64_t)scenario,
            .tokens = scenario < 3 ? 200 : 130,
            .bare_every = 16,
            .base = ERG_TAKEN_BARE,
            .depth = scenario % 2 ? ERG_TAKEN_DEEP : ERG_TAKEN_STANDARD,
            .added = {0, 0.001, 0.01, 0.2},
            .spread = scenario == 2 ? 0.05 : 0.01,
            .spike_every = scenario == 0 ? 0 : 12,
            .drift = scenario == 4 ? -0.3 : 0.3,
        };
        check_coverage(sim);
    }
}

static void feed(struct erg_overhead *overhead, const char *classes, const double *ns)
{
    int64_t t_ns = 0;
    for (uint32_t i = 0; classes[i]; i++) {
        enum erg_taken taken = classes[i] == 'b'   ? ERG_TAKEN_BARE
                               : classes[i] == 's' ? ERG_TAKEN_STANDARD
                               : classes[i] == 'd' ? ERG_TAKEN_DEEP
                                                   : ERG_TAKEN_TRACED;
        struct erg_pass_row pass = make_pass(i, t_ns, taken, classes[i] == 'T');
        assert_int_equal(erg_overhead_add(overhead, &pass), 0);
        t_ns += (int64_t)ns[taken];
    }
}

/* What is not enough says so and gives no figure. */
static void test_refusals(void **state)
{
    static const struct {
        const char *classes, *says;
    } rows[] = {
        {"", "no generated token was profiled"},
        {"bbbbbbbbbbbb", "no generated token was profiled"},
        {"ssssssssssssssssssssssssss", "no token ran bare to compare with"},
        {"sssssbsssssssbssssssssbsss", "3 tokens ran bare"},
        {"sssssssssssbsssssssssssssss", "1 token ran bare and"},
        {"sbsbsbsbsbsbsbs", "too few tokens were profiled"},
        {"bbbbbbbbbbbbbdbbbbbbbbbbbbbbbb", "too few tokens were profiled"},
        {"TTTTTTTTTTTTTTTT", "no generated token was profiled"},
    };
    static const double ns[ERG_TAKENS] = {1000, 1000, 1000, 1000};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_overhead overhead = {0};
        struct erg_overhead_facts facts;
        feed(&overhead, rows[i].classes, ns);
        erg_overhead_estimate(&overhead, &plain, &facts);
        erg_overhead_deinit(&overhead);
        assert_false(facts.measured);
        assert_true(isnan(facts.pct) && isnan(facts.low_pct) && isnan(facts.deepest_pct));
        if (!strstr(facts.method, rows[i].says))
            print_error("%s: %s\n", rows[i].classes, facts.method);
        assert_non_null(strstr(facts.method, rows[i].says));
    }
}

#define SEVEN(text) text text text text text text text

/* Without noise every figure is exact. */
static void test_exact(void **state)
{
    static const double ns[ERG_TAKENS] = {1000, 1020, 1100, 1500};
    struct erg_overhead_settings settings = plain;
    struct erg_overhead_facts facts;
    struct erg_overhead overhead = {0};
    (void)state;
    feed(&overhead, SEVEN("sssbsss"), ns);
    erg_overhead_estimate(&overhead, &settings, &facts);
    assert_true(facts.measured && fabs(facts.pct - 10) < 1e-4);
    assert_int_equal(facts.bare_tokens, 7);
    assert_int_equal(facts.tokens[ERG_TAKEN_STANDARD], 42);
    erg_overhead_deinit(&overhead);

    /* Compared with traced tokens, the cost of tracing is added as it was measured. */
    feed(&overhead, SEVEN("dddTddd"), ns);
    settings.tracing_pct = 0.125;
    erg_overhead_estimate(&overhead, &settings, &facts);
    assert_true(facts.baseline == ERG_TAKEN_TRACED);
    assert_true(fabs(facts.pct - (100 * 480.0 / 1020 + 0.125)) < 1e-4);
    assert_non_null(strstr(facts.method, "0.12 %"));
    erg_overhead_deinit(&overhead);

    /* A budget is of the whole run: bare tokens count as what they are. */
    feed(&overhead, SEVEN("bbbbbbdbbb"), ns);
    settings = plain;
    settings.budget_pct = 6;
    erg_overhead_estimate(&overhead, &settings, &facts);
    assert_true(facts.measured && fabs(facts.pct - 5) < 1e-4);
    assert_true(fabs(facts.deepest_pct - 50) < 1e-3);
    erg_overhead_deinit(&overhead);
}

/* New graphs, prefill, and tokens around a gap are left out on both sides. */
static void test_exclusions(void **state)
{
    struct erg_overhead overhead = {0};
    struct erg_overhead_facts facts;
    int64_t t_ns = 0;
    (void)state;
    for (uint32_t i = 0; i < 160; i++) {
        bool marked = i % 8 == 5, is_new = i % 20 == 3, lost = i % 31 == 7;
        enum erg_taken taken = marked ? ERG_TAKEN_BARE : ERG_TAKEN_STANDARD;
        struct erg_pass_row pass = make_pass(i, t_ns, taken, marked);
        pass.flags &= is_new ? ~(uint32_t)ERG_PASS_REUSED : ~UINT32_C(0);
        if (!lost)
            assert_int_equal(erg_overhead_add(&overhead, &pass), 0);
        t_ns += is_new ? 90000 : marked ? 1000 : 1040;
    }
    struct erg_pass_row prefill = make_pass(161, t_ns, ERG_TAKEN_STANDARD, false);
    prefill.phase = ERG_PHASE_PREFILL;
    prefill.n_tokens = 7;
    assert_int_equal(erg_overhead_add(&overhead, &prefill), 0);
    erg_overhead_estimate(&overhead, &plain, &facts);
    assert_true(facts.measured && fabs(facts.pct - 4) < 1e-4);
    erg_overhead_deinit(&overhead);
}

/* However long the run, what is kept is bounded; the latest count. */
static void test_bounded(void **state)
{
    struct erg_overhead overhead = {0};
    struct erg_overhead_facts facts;
    int64_t t_ns = 0;
    (void)state;
    for (uint32_t i = 0; i < 3 * ERG_OVERHEAD_MOST; i++) {
        bool marked = i % 16 == 5, late = i > 3 * ERG_OVERHEAD_MOST / 2;
        enum erg_taken taken = marked ? ERG_TAKEN_BARE : ERG_TAKEN_STANDARD;
        struct erg_pass_row pass = make_pass(i, t_ns, taken, marked);
        assert_int_equal(erg_overhead_add(&overhead, &pass), 0);
        t_ns += marked ? 1000 : late ? 1030 : 1500;
    }
    assert_int_equal(overhead.kept_count, ERG_OVERHEAD_MOST);
    erg_overhead_estimate(&overhead, &plain, &facts);
    assert_true(facts.measured && fabs(facts.pct - 3) < 1e-4);
    erg_overhead_deinit(&overhead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_coverage), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_exact),    cmocka_unit_test(test_exclusions),
        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
