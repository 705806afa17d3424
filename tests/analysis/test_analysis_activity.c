/* SPDX-License-Identifier: MIT */
#include "analysis/activity.h"

#include "energy/random.h"
#include "stream/format.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/*
 * Simulated machines: what they spend is known, and so is what a fit must find. Operations are like
 * those of a real model: FLOPs and bytes per second differ by orders of magnitude.
 */
enum { OPERATIONS = 12, BLOCKS = 5, MAX_POINTS = OPERATIONS * 2 * BLOCKS + 10 };

struct machine {
    struct erg_activity truth;
    double noise; /* relative, standard deviation about */
    bool unrelated;
};

struct simulation {
    char names[OPERATIONS][32];
    struct erg_activity_point points[MAX_POINTS];
    size_t count;
};

static double random_real(uint64_t *seed)
{
    return (double)(random_u64(seed) >> 11) * 0x1p-53;
}

/* Sum of twelve uniform numbers: standard deviation 1. */
static double noise_of(uint64_t *seed)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += random_real(seed);
    return sum;
}

static void add_point(struct simulation *s, const struct machine *machine, const char *operation,
                      uint32_t phase, double gflops, double gbytes, uint64_t *seed)
{
    double ns = 2e8 * (0.9 + 0.2 * random_real(seed));
    struct erg_span_features features = {(int64_t)ns, gflops * ns, gbytes * ns};
    double nj = erg_activity_nj(&machine->truth, &features);
    if (machine->unrelated)
        nj = exp(8 * random_real(seed)) * 1e6;
    s->points[s->count++] = (struct erg_activity_point){operation, phase, features,
                                                        nj * (1 + machine->noise * noise_of(seed))};
}

static void simulate(const struct machine *machine, uint64_t seed, struct simulation *s)
{
    s->count = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        snprintf(s->names[i], sizeof s->names[i], "component_%d matmul", i);
        double gbytes = 0.5 + 20 * random_real(&seed), intensity = exp(4 * random_real(&seed)) / 4;
        for (int block = 0; block < BLOCKS; block++) {
            add_point(s, machine, s->names[i], ERG_PHASE_DECODE, gbytes * intensity, gbytes, &seed);
            add_point(s, machine, s->names[i], ERG_PHASE_PREFILL, gbytes * intensity * 8,
                      gbytes / 2, &seed);
        }
    }
}

static double relative(double value, double truth)
{
    return truth != 0 ? fabs(value / truth - 1) : fabs(value);
}

static void a_known_machine_is_found_again(void **state)
{
    (void)state;
    /* pJ/FLOP, pJ/byte, W: processors, a GPU, and machines that lack one of the causes */
    static const struct machine machines[] = {
        {{2e-2, 0.1, 12}, 0, false}, {{5e-4, 4e-2, 90}, 0, false}, {{0, 0.3, 5}, 0, false},
        {{3e-2, 0, 20}, 0, false},   {{1e-2, 0.2, 0}, 0, false},
    };
    for (size_t i = 0; i < ERG_COUNT(machines); i++) {
        struct simulation s;
        struct erg_activity_fit fit;
        const struct erg_activity *truth = &machines[i].truth;
        simulate(&machines[i], i, &s);
        assert_int_equal(erg_activity_fit(s.points, s.count, &fit, NULL), 0);
        assert_true(relative(fit.activity.nj_per_flop, truth->nj_per_flop) < 1e-6);
        assert_true(relative(fit.activity.nj_per_byte, truth->nj_per_byte) < 1e-6);
        assert_true(relative(fit.activity.static_w, truth->static_w) < 1e-6);
        assert_true(fit.error_ratio < 1e-6 && fit.time_error_ratio > 0.002);
        assert_int_equal(fit.operations, OPERATIONS);
        assert_int_equal(fit.blocks, s.count);
    }
}

static void noise_widens_the_intervals_which_hold_the_truth(void **state)
{
    (void)state;
    const struct machine machine = {{2e-2, 0.1, 12}, 0.05, false};
    int held = 0, tried = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct simulation s;
        struct erg_activity_fit fit;
        char why[256];
        simulate(&machine, seed, &s);
        assert_int_equal(erg_activity_fit(s.points, s.count, &fit, NULL), 0);
        const double *truth = &machine.truth.nj_per_flop, *low = &fit.low.nj_per_flop;
        const double *found = &fit.activity.nj_per_flop, *high = &fit.high.nj_per_flop;
        for (int j = 0; j < 3; j++, tried++) {
            assert_true(relative(found[j], truth[j]) < 0.4);
            assert_true(low[j] <= found[j] && found[j] <= high[j]);
            held += low[j] <= truth[j] && truth[j] <= high[j];
        }
        assert_true(fit.error_ratio > 0.01 && fit.error_ratio < 0.14);
        assert_true(erg_activity_is_default("rapl+nvml", fit.error_ratio, why));
    }
    if (held * 100 < tried * 88)
        print_error("%d of %d intervals hold the truth\n", held, tried);
    assert_true(held * 100 >= tried * 88); /* 95 of 100 in the long run */
}

static void a_machine_without_rhyme_or_reason_is_not_believed(void **state)
{
    (void)state;
    const struct machine machine = {{0}, 0, true};
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct simulation s;
        struct erg_activity_fit fit;
        char why[256];
        simulate(&machine, seed, &s);
        assert_int_equal(erg_activity_fit(s.points, s.count, &fit, NULL), 0);
        assert_true(fit.error_ratio > 0.14);
        assert_false(erg_activity_is_default("rapl", fit.error_ratio, why));
        assert_non_null(strstr(why, "not below 14 %"));
    }
}

static void runs_alone_fit_but_prove_nothing(void **state)
{
    (void)state;
    const struct machine machine = {{2e-2, 0.1, 12}, 0, false};
    struct simulation s = {.count = 0};
    struct erg_activity_fit fit;
    uint64_t seed = 9;
    char why[256];
    for (int i = 0; i < 6; i++)
        add_point(&s, &machine, NULL, ERG_PHASE_DECODE, 1 + i * i, 10 - i, &seed);
    s.points[s.count++] = (struct erg_activity_point){NULL, 2, {1000, NAN, NAN}, 5};
    s.points[s.count++] = (struct erg_activity_point){NULL, 2, {1000, 5, 5}, 0};
    assert_int_equal(erg_activity_fit(s.points, s.count, &fit, NULL), 0);
    assert_true(relative(fit.activity.static_w, 12) < 1e-6);
    assert_true(isnan(fit.error_ratio) && isnan(fit.low.static_w));
    assert_int_equal(fit.runs, 6);
    assert_int_equal(fit.left_out, 2);
    assert_false(erg_activity_is_default("rapl", fit.error_ratio, why));
    assert_int_equal(erg_activity_fit(s.points + 6, 2, &fit, NULL), ERG_NOT_FOUND);
    assert_int_equal(erg_activity_fit(NULL, 0, &fit, NULL), ERG_NOT_FOUND);
}

static void only_sensors_make_it_the_default(void **state)
{
    (void)state;
    char why[256];
    assert_true(erg_activity_is_default("rapl", 0.139, why));
    assert_false(erg_activity_is_default("rapl", 0.14, why));
    assert_false(erg_activity_is_default("rapl", NAN, why));
    static const char *const doubtful[] = {"estimate", "nvml+estimate", "synthetic", "replay"};
    for (size_t i = 0; i < ERG_COUNT(doubtful); i++) {
        assert_false(erg_activity_is_default(doubtful[i], 0.01, why));
        assert_non_null(strstr(why, doubtful[i]));
    }
    assert_non_null(strstr(erg_activity_doubt("estimate"), "circular"));
    assert_null(erg_activity_doubt("estimates-nothing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_machine_is_found_again),
        cmocka_unit_test(noise_widens_the_intervals_which_hold_the_truth),
        cmocka_unit_test(a_machine_without_rhyme_or_reason_is_not_believed),
        cmocka_unit_test(runs_alone_fit_but_prove_nothing),
        cmocka_unit_test(only_sensors_make_it_the_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
