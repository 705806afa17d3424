/* SPDX-License-Identifier: MIT */
#include "base/err.h"
#include "energy/attribution.h"

#include "base/mem.h"
#include "energy/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_PARTS = 40 };

static int fail_at; /* the allocation that fails, counting from 1; 0 = none */

void *__real_erg_calloc(size_t count, size_t size);
void *__wrap_erg_calloc(size_t count, size_t size);

void *__wrap_erg_calloc(size_t count, size_t size)
{
    if (fail_at && --fail_at == 0)
        return NULL;
    return __real_erg_calloc(count, size);
}

static void check_split(int64_t total, const uint64_t *weights, size_t count)
{
    int64_t parts[MAX_PARTS] = {0};
    long double weight_sum = 0;
    for (size_t i = 0; i < count; i++)
        weight_sum += weights[i];
    int64_t rest = erg_split_nj(total, weights, count, parts);
    assert_int_equal(rest, weight_sum > 0 ? 0 : total);
    int64_t sum = rest;
    for (size_t i = 0; i < count; i++) {
        long double exact = weight_sum > 0 ? (long double)total * weights[i] / weight_sum : 0;
        /* Half the mantissa's step, because the reference rounds too. */
        long double slack = 1 + exact * 4e-19L;
        assert_true(parts[i] >= 0);
        assert_true(fabsl((long double)parts[i] - exact) <= slack);
        if (weights[i] == 0)
            assert_int_equal(parts[i], 0);
        sum += parts[i];
    }
    assert_int_equal(sum, total);
}

static void split_sums_exactly(void **state)
{
    (void)state;
    uint64_t seed = 1, weights[MAX_PARTS];
    static const int64_t totals[] = {0, 1, 2, 999, 1000003, INT64_C(1) << 40, INT64_MAX};
    for (int round = 0; round < 2000; round++) {
        size_t count = (size_t)random_between(&seed, 0, MAX_PARTS);
        int bits = (int)random_between(&seed, 1, 64);
        for (size_t i = 0; i < count; i++)
            weights[i] = random_u64(&seed) % 4 ? random_u64(&seed) >> (64 - bits) : 0;
        check_split(totals[round % 7], weights, count);
        check_split(random_between(&seed, 0, INT64_MAX), weights, count);
    }
}

static void split_of_special_weights(void **state)
{
    (void)state;
    uint64_t huge = UINT64_C(1) << 63;
    uint64_t zeros[3] = {0}, one[1] = {7}, big[4] = {huge, huge, 1, UINT64_MAX};
    check_split(1000, zeros, 3);
    check_split(1000, zeros, 0);
    check_split(1000, one, 1);
    check_split(INT64_MAX, big, 4);
    check_split(10, big, 2);
    assert_int_equal(erg_split_nj(123, NULL, 0, NULL), 123);
}

/* Largest remainder: 10 over 1:1:1 leaves one unit, ties go to the first; 7 over 3:2:1 = 3.5 2.33
 * 1.17 leaves one, for the half. The last row cannot keep its remainders in 63 bits. */
static void split_gives_the_units_left_over_to_the_largest_remainders(void **state)
{
    (void)state;
    static const struct {
        int64_t total;
        uint64_t weights[3];
        int64_t parts[3];
    } rows[] = {
        {10, {1, 1, 1}, {4, 3, 3}},
        {11, {1, 1, 1}, {4, 4, 3}},
        {7, {3, 2, 1}, {4, 2, 1}},
        {1, {1, 1, 2}, {0, 0, 1}},
        {11, {UINT64_MAX, UINT64_MAX, UINT64_MAX}, {4, 4, 3}},
        {1, {UINT64_MAX - 1, UINT64_MAX, 5}, {0, 1, 0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t parts[3];
        assert_int_equal(erg_split_nj(rows[i].total, rows[i].weights, 3, parts), 0);
        assert_memory_equal(parts, rows[i].parts, sizeof parts);
    }
}

static void attribution_conserves_every_domain(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int round = 0; round < 1000; round++) {
        struct erg_span_features spans[MAX_PARTS];
        struct erg_energy parts[MAX_PARTS];
        size_t count = (size_t)random_between(&seed, 0, MAX_PARTS);
        int64_t window = random_between(&seed, 0, 1000);
        for (size_t i = 0; i < count; i++) {
            spans[i] = (struct erg_span_features){random_between(&seed, 0, 100000), NAN, NAN};
            window += spans[i].duration_ns;
        }
        struct erg_energy pass = {.present = (uint32_t)random_between(&seed, 0, 63)};
        for (int d = 0; d < ERG_DOMAINS; d++)
            pass.nj[d] = random_between(&seed, 0, INT64_C(1) << 50);
        struct erg_energy sum;
        assert_int_equal(erg_attribute(NULL, &pass, window, spans, count, parts, &sum), 0);
        assert_int_equal(sum.present, pass.present);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(parts[i].present, pass.present);
            erg_energy_add(&sum, &parts[i]);
        }
        for (int d = 0; d < ERG_DOMAINS; d++) {
            if (pass.present >> d & 1)
                assert_int_equal(sum.nj[d], pass.nj[d]);
        }
    }
}

static void uncovered_time_is_unattributed(void **state)
{
    (void)state;
    struct erg_span_features spans[2] = {{300, NAN, NAN}, {500, NAN, NAN}};
    struct erg_energy parts[2], pass = {.nj = {10000}, .present = 1};
    struct erg_energy rest;
    assert_int_equal(
        erg_attribute(erg_attribution_find("time"), &pass, 1000, spans, 2, parts, &rest), 0);
    assert_int_equal(parts[0].nj[0], 3000);
    assert_int_equal(parts[1].nj[0], 5000);
    assert_int_equal(rest.nj[0], 2000);

    assert_int_equal(erg_attribute(NULL, &pass, 1000, NULL, 0, NULL, &rest), 0);
    assert_int_equal(rest.nj[0], 10000);
    assert_int_equal(erg_attribute(NULL, &pass, 0, NULL, 0, NULL, &rest), 0);
    assert_int_equal(rest.nj[0], 10000);
    /* A window shorter than its spans has no rest. */
    assert_int_equal(erg_attribute(NULL, &pass, 10, spans, 2, parts, &rest), 0);
    assert_int_equal(rest.nj[0], 0);
    assert_int_equal(parts[0].nj[0] + parts[1].nj[0], 10000);
}

static void no_memory_writes_nothing(void **state)
{
    (void)state;
    struct erg_span_features spans[2] = {{300, NAN, NAN}, {500, NAN, NAN}};
    struct erg_energy pass = {.nj = {10000}, .present = 1};
    for (int k = 1; k <= 3; k++) {
        struct erg_energy parts[2] = {{.nj = {9}, .present = 1}, {.nj = {9}, .present = 1}};
        struct erg_energy rest = {.nj = {7}, .present = 1};
        fail_at = k;
        assert_int_equal(erg_attribute(NULL, &pass, 1000, spans, 2, parts, &rest), ERG_NOMEM);
        assert_int_equal(fail_at, 0);
        assert_int_equal(rest.nj[0], 7);
        assert_int_equal(parts[0].nj[0] + parts[1].nj[0], 18);
    }
}

static void models_are_found_by_name(void **state)
{
    (void)state;
    assert_string_equal(erg_attribution_find(NULL)->name, "time");
    assert_ptr_equal(erg_attribution_find("time"), erg_attribution_find(NULL));
    assert_null(erg_attribution_find("magic"));
}

/* 2·FLOPs + 3·bytes + 5·time, where only the time is known of the last span and of the rest. */
static void activity_splits_by_what_spans_cost(void **state)
{
    (void)state;
    const struct erg_activity costs = {2, 3, 5};
    struct erg_attribution_model model = erg_attribution_activity(&costs);
    const struct erg_span_features spans[] = {{10, 100, 0}, {10, 0, 100}, {30, NAN, NAN}};
    struct erg_energy pass = {.nj = {10000, 0, 0, 0, 0, 4000}, .present = 1 | 1 << 5};
    struct erg_energy parts[3], rest;
    assert_int_equal(erg_attribute(&model, &pass, 60, spans, 3, parts, &rest), 0);
    /* 250 : 350 : 150 : 50 */
    static const int64_t cpu[] = {3125, 4375, 1875}, soc[] = {1250, 1750, 750};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(parts[i].nj[0], cpu[i]);
        assert_int_equal(parts[i].nj[5], soc[i]);
        assert_int_equal(parts[i].present, pass.present);
    }
    assert_int_equal(rest.nj[0], 625);
    assert_int_equal(rest.nj[5], 250);
}

static void activity_without_features_is_time(void **state)
{
    (void)state;
    const struct erg_activity costs[] = {{2, 3, 5}, {0, 0, 0}, {INFINITY, 0, 0}};
    const struct erg_span_features bare[] = {{100, NAN, NAN}, {300, 0, NAN}};
    const struct erg_span_features full[] = {{100, 7, 8}, {300, 7, 8}};
    struct erg_energy pass = {.nj = {1000}, .present = 1}, parts[2], rest;
    assert_false(erg_attribution_has_features(bare, 2));
    assert_true(erg_attribution_has_features(full, 2));
    for (int i = 0; i < 3; i++) {
        struct erg_attribution_model model = erg_attribution_activity(&costs[i]);
        const struct erg_span_features *spans = i ? full : bare;
        assert_int_equal(erg_attribute(&model, &pass, 500, spans, 2, parts, &rest), 0);
        assert_int_equal(parts[0].nj[0], 200);
        assert_int_equal(parts[1].nj[0], 600);
        assert_int_equal(rest.nj[0], 200);
    }
}

static void activity_conserves_every_domain(void **state)
{
    (void)state;
    uint64_t seed = 11;
    for (int round = 0; round < 2000; round++) {
        struct erg_span_features spans[MAX_PARTS];
        struct erg_energy parts[MAX_PARTS], sum;
        struct erg_energy pass = {.nj = {random_between(&seed, 0, INT64_MAX), 0, 12345}};
        const struct erg_activity costs = {(double)random_between(&seed, 0, 9) * 1e-3,
                                           (double)random_between(&seed, 0, 9),
                                           (double)random_between(&seed, 0, 100)};
        struct erg_attribution_model model = erg_attribution_activity(&costs);
        size_t count = (size_t)random_between(&seed, 0, MAX_PARTS);
        int64_t window = random_between(&seed, 0, 1000);
        pass.present = 5;
        for (size_t i = 0; i < count; i++) {
            int64_t ns = random_between(&seed, 0, INT64_C(1) << 30);
            double flops =
                ldexp((double)random_between(&seed, 0, 1 << 20), (int)random_between(&seed, 0, 60));
            spans[i] = (struct erg_span_features){ns, random_u64(&seed) % 4 ? flops : NAN,
                                                  random_u64(&seed) % 4 ? (double)ns : NAN};
            window += ns;
        }
        assert_int_equal(erg_attribute(&model, &pass, window, spans, count, parts, &sum), 0);
        for (size_t i = 0; i < count; i++) {
            assert_true(parts[i].nj[0] >= 0 && parts[i].nj[2] >= 0);
            erg_energy_add(&sum, &parts[i]);
        }
        assert_memory_equal(sum.nj, pass.nj, sizeof pass.nj);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_sums_exactly),
        cmocka_unit_test(split_of_special_weights),
        cmocka_unit_test(split_gives_the_units_left_over_to_the_largest_remainders),
        cmocka_unit_test(attribution_conserves_every_domain),
        cmocka_unit_test(uncovered_time_is_unattributed),
        cmocka_unit_test(no_memory_writes_nothing),
        cmocka_unit_test(models_are_found_by_name),
        cmocka_unit_test(activity_splits_by_what_spans_cost),
        cmocka_unit_test(activity_without_features_is_time),
        cmocka_unit_test(activity_conserves_every_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
