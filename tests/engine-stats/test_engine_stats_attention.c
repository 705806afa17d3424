/* SPDX-License-Identifier: MIT */
#include "reference.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>

static void reference_row(const float *weights, size_t count, double threshold,
                          struct erg_attention *attention)
{
    double entropy = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        double p = (double)weights[i];
        entropy -= p > 0 ? p * log(p) : 0;
        attention->below_count += p < threshold;
        attention->sum_weights += p;
        attention->sum_squares += p * p;
        largest = p > largest ? p : largest;
    }
    attention->sum_largest += largest;
    attention->max_weight = fmax(attention->max_weight, largest);
    attention->sum_entropy += entropy;
    attention->cell_count += count;
    attention->row_count += count > 0;
}

static void assert_attention(const char *level, const struct erg_attention *expected,
                             const struct erg_attention *actual)
{
    if (!near(expected->sum_entropy, actual->sum_entropy, 1e-30))
        fail_msg("%s: entropy of %d cells is %.17g, expected %.17g", level,
                 (int)expected->cell_count, actual->sum_entropy, expected->sum_entropy);
    assert_true(expected->max_weight == actual->max_weight);
    assert_true(near(expected->sum_largest, actual->sum_largest, 0));
    /* the kernels count on rows that sum up to 1 */
    double floor = 1e-7 * (double)expected->row_count;
    assert_true(near(expected->sum_weights, actual->sum_weights, floor));
    assert_true(near(expected->sum_squares, actual->sum_squares, floor));
    assert_int_equal(expected->below_count, actual->below_count);
    assert_int_equal(expected->cell_count, actual->cell_count);
    assert_int_equal(expected->row_count, actual->row_count);
}

static void compare(const float *weights, size_t count)
{
    struct erg_attention expected = {.threshold = 0.01};
    reference_row(weights, count, 0.01, &expected);
    for (int level = ERG_STATS_BEST; level < ERG_STATS_LEVELS; level++) {
        const struct erg_stats_kernels *kernels = erg_stats_select(level);
        struct erg_attention actual = {.threshold = 0.01};
        if (!kernels)
            continue;
        erg_attention_add(kernels, weights, count, &actual);
        assert_attention(erg_stats_level_name(level), &expected, &actual);
    }
}

/* Scores of a temperature: 0.1 is nearly one-hot, 10 nearly uniform. */
static void softmax(float *out_weights, size_t count, double temperature, uint64_t *state)
{
    double *scores = malloc((count + 1) * sizeof *scores), sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += scores[i] = exp(test_normal(state) / temperature);
    for (size_t i = 0; i < count; i++)
        out_weights[i] = (float)(scores[i] / sum);
    free(scores);
}

static void every_length(void **unused)
{
    (void)unused;
    uint64_t state = 31;
    for (size_t count = 0; count <= 300; count++) {
        float *weights = malloc(count * sizeof *weights + !count); /* nothing behind is read */
        static const double temperatures[] = {0.02, 0.1, 1, 10};
        for (size_t t = 0; t < ERG_COUNT(temperatures); t++) {
            softmax(weights, count, temperatures[t], &state);
            compare(weights, count);
        }
        free(weights);
    }
}

static void long_rows(void **unused)
{
    (void)unused;
    enum { COUNT = 131072 };
    uint64_t state = 32;
    float *weights = malloc(COUNT * sizeof *weights);
    for (double temperature = 0.05; temperature < 20; temperature *= 3) {
        softmax(weights, COUNT, temperature, &state);
        compare(weights, COUNT);
        compare(weights + 1, COUNT - 7);
    }
    free(weights);
}

/* Weights close to 1 keep the relative precision of a tiny entropy. */
static void nearly_one_hot(void **unused)
{
    (void)unused;
    for (float rest = 0.5F; rest > 1e-8F; rest /= 3) {
        float weights[40] = {0};
        weights[17] = 1 - rest;
        weights[3] = rest;
        compare(weights, ERG_COUNT(weights));
    }
    float one_hot[40] = {[5] = 1};
    compare(one_hot, ERG_COUNT(one_hot));
}

/* The logarithm itself, over all exponents: a row of one weight. */
static void single_weights(void **unused)
{
    (void)unused;
    for (float p = 1; p > 1e-30F; p *= 0.9371F)
        compare(&p, 1);
}

static void uniform_is_the_log_of_the_count(void **unused)
{
    (void)unused;
    float weights[1000];
    for (size_t i = 0; i < ERG_COUNT(weights); i++)
        weights[i] = 1.0F / ERG_COUNT(weights);
    for (int level = ERG_STATS_SCALAR; level < ERG_STATS_LEVELS; level++) {
        const struct erg_stats_kernels *kernels = erg_stats_select(level);
        struct erg_attention attention = {.threshold = 0.0005};
        struct erg_attention_stats stats;
        if (!kernels)
            continue;
        erg_attention_add(kernels, weights, ERG_COUNT(weights), &attention);
        erg_attention_add(kernels, weights, 0, &attention); /* a row without cells is none */
        erg_attention_finish(&attention, &stats);
        assert_true(near(log(1000), stats.entropy_nats, 0));
        assert_true(stats.max_weight == (double)weights[0] && stats.sparsity_ratio == 0);
        assert_true(near(0.001, stats.largest_weight, 0) && near(0.001, stats.mean, 0));
        assert_true(stats.std < 1e-6);
    }
}

/* Deviations of the weights of many rows, from spread out to all but equal. */
static void the_deviation_keeps_its_digits(void **unused)
{
    (void)unused;
    enum { COUNT = 777 };
    uint64_t state = 34;
    for (double temperature = 0.1; temperature < 2e3; temperature *= 4) {
        const struct erg_stats_kernels *kernels = erg_stats_select(ERG_STATS_BEST);
        struct erg_attention attention = {.threshold = 0.01};
        struct erg_attention_stats stats;
        static float weights[4][COUNT];
        double mean = 0, squares = 0;
        for (int row = 0; row < 4; row++) {
            softmax(weights[row], COUNT, temperature, &state);
            erg_attention_add(kernels, weights[row], COUNT, &attention);
        }
        for (int i = 0; i < 4 * COUNT; i++)
            mean += (double)weights[i / COUNT][i % COUNT] / (4 * COUNT);
        for (int i = 0; i < 4 * COUNT; i++)
            squares += pow((double)weights[i / COUNT][i % COUNT] - mean, 2);
        erg_attention_finish(&attention, &stats);
        double expected = sqrt(squares / (4 * COUNT));
        assert_true(fabs(stats.std - expected) <= fmax(1e-4 * expected, 1e-6));
        assert_true(near(mean, stats.mean, 0));
    }
}

static void rows_merge_in_any_order(void **unused)
{
    (void)unused;
    enum { ROWS = 32 };
    uint64_t state = 33;
    const struct erg_stats_kernels *kernels = erg_stats_select(ERG_STATS_BEST);
    struct erg_attention expected = {.threshold = 0.01}, up = expected, down = expected;
    struct erg_attention rows[ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        float weights[ROWS];
        rows[i] = (struct erg_attention){.threshold = 0.01};
        softmax(weights, i + 1, 0.5, &state); /* causal: one cell more each row */
        reference_row(weights, i + 1, 0.01, &expected);
        erg_attention_add(kernels, weights, i + 1, &rows[i]);
    }
    for (size_t i = 0; i < ROWS; i++) {
        erg_attention_merge(&up, &rows[i]);
        erg_attention_merge(&down, &rows[ROWS - 1 - i]);
    }
    assert_attention("up", &expected, &up);
    assert_attention("down", &expected, &down);
}

static void a_bad_weight_shows(void **unused)
{
    (void)unused;
    static const float bad[] = {NAN, INFINITY};
    for (int level = ERG_STATS_SCALAR; level < ERG_STATS_LEVELS; level++) {
        const struct erg_stats_kernels *kernels = erg_stats_select(level);
        for (int at = 0; kernels && at < 40; at++) {
            float weights[40] = {0.5F, 0.5F}, good[] = {0.25F, 0.75F};
            struct erg_attention attention = {.threshold = 0.01};
            struct erg_attention_stats stats;
            weights[at] = bad[at % 2];
            erg_attention_add(kernels, weights, ERG_COUNT(weights), &attention);
            erg_attention_add(kernels, good, ERG_COUNT(good), &attention);
            erg_attention_finish(&attention, &stats);
            assert_true(isnan(stats.entropy_nats) && isnan(stats.max_weight));
            assert_true(isnan(stats.largest_weight) && isnan(stats.mean) && isnan(stats.std));
        }
    }
}

static void no_rows_no_statistics(void **unused)
{
    (void)unused;
    struct erg_attention attention = {.threshold = 0.01};
    struct erg_attention_stats stats;
    erg_attention_finish(&attention, &stats);
    assert_true(isnan(stats.entropy_nats) && isnan(stats.max_weight) &&
                isnan(stats.sparsity_ratio));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length),
        cmocka_unit_test(long_rows),
        cmocka_unit_test(nearly_one_hot),
        cmocka_unit_test(single_weights),
        cmocka_unit_test(uniform_is_the_log_of_the_count),
        cmocka_unit_test(the_deviation_keeps_its_digits),
        cmocka_unit_test(rows_merge_in_any_order),
        cmocka_unit_test(a_bad_weight_shows),
        cmocka_unit_test(no_rows_no_statistics),
    };
    print_levels();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
