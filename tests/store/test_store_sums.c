/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "store/sums.h"

#include <math.h>
#include <stdlib.h>

static double some(uint64_t *seed)
{
    return test_below(seed, 5) ? (double)(float)((double)test_below(seed, 1 << 30) / 977) : NAN;
}

static struct erg_average some_average(uint64_t *seed)
{
    return (struct erg_average){some(seed), (int64_t)test_below(seed, 1000)};
}

/* Anything that a run may sum up to. */
static struct erg_run_sums some_sums(uint64_t *seed, size_t count)
{
    struct erg_run_sums sums = {.rows = calloc(count + 1, sizeof *sums.rows), .count = count};
    assert_non_null(sums.rows);
    for (int p = 0; p < ERG_PHASES; p++)
        sums.passes[p] = (int64_t)(test_random(seed) >> 20);
    for (size_t i = 0; i < count; i++) {
        struct erg_rollup_row *row = &sums.rows[i];
        row->phase = (uint32_t)test_below(seed, ERG_PHASES);
        row->layer = (int)test_below(seed, 4097) - 1;
        row->layer = row->layer > 4095 ? 4095 : row->layer;
        row->component = (uint16_t)test_random(seed);
        row->operation = (uint16_t)test_random(seed);
        row->duration_ns = (int64_t)(test_random(seed) >> 1);
        row->count = (int64_t)(test_random(seed) >> (1 + test_below(seed, 60)));
        row->energy.present = (uint32_t)test_below(seed, 64);
        for (int d = 0; d < ERG_DOMAINS; d++)
            row->energy.nj[d] = (int64_t)test_random(seed);
        row->flops = some(seed);
        row->bytes = some(seed);
        row->mean = some(seed);
        row->std = some(seed);
        row->max = some(seed);
        row->sparsity = some(seed);
        row->statistics = (int64_t)test_below(seed, 1000);
        row->is_result = test_below(seed, 2);
        row->extra = some_average(seed);
        row->attention_entropy = some_average(seed);
        row->max_attention_weight = some_average(seed);
        row->attention_sparsity = some_average(seed);
    }
    return sums;
}

static bool same_real(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_average(const struct erg_average *a, const struct erg_average *b)
{
    return same_real(a->mean, b->mean) && a->count == b->count;
}

static void check_same(const struct erg_rollup_row *a, const struct erg_rollup_row *b)
{
    assert_true(a->phase == b->phase && a->layer == b->layer && a->component == b->component &&
                a->operation == b->operation && a->is_result == b->is_result);
    assert_true(a->duration_ns == b->duration_ns && a->count == b->count &&
                a->statistics == b->statistics && a->energy.present == b->energy.present);
    assert_memory_equal(a->energy.nj, b->energy.nj, sizeof a->energy.nj);
    assert_true(same_real(a->flops, b->flops) && same_real(a->bytes, b->bytes) &&
                same_real(a->mean, b->mean) && same_real(a->std, b->std) &&
                same_real(a->max, b->max) && same_real(a->sparsity, b->sparsity));
    assert_true(same_average(&a->extra, &b->extra) &&
                same_average(&a->attention_entropy, &b->attention_entropy) &&
                same_average(&a->max_attention_weight, &b->max_attention_weight) &&
                same_average(&a->attention_sparsity, &b->attention_sparsity));
}

static void sums_come_back(void **state)
{
    static const size_t counts[] = {0, 1, 2, 33, 1400};
    uint64_t seed = 4;
    (void)state;
    for (size_t k = 0; k < ERG_COUNT(counts); k++) {
        struct erg_run_sums sums = some_sums(&seed, counts[k]), back;
        struct erg_buf packed = {0};
        assert_int_equal(erg_sums_pack(&sums, &packed), 0);
        assert_int_equal(erg_sums_unpack(packed.data, packed.len, &back, NULL), 0);
        assert_int_equal(back.count, sums.count);
        assert_memory_equal(back.passes, sums.passes, sizeof sums.passes);
        for (size_t i = 0; i < sums.count; i++)
            check_same(&sums.rows[i], &back.rows[i]);
        erg_run_sums_deinit(&back);
        erg_run_sums_deinit(&sums);
        erg_buf_deinit(&packed);
    }
}

static void damage_is_found(void **state)
{
    uint64_t seed = 6;
    struct erg_run_sums sums = some_sums(&seed, 40), back;
    struct erg_buf packed = {0};
    (void)state;
    assert_int_equal(erg_sums_pack(&sums, &packed), 0);
    for (size_t len = 0; len < packed.len; len++)
        assert_int_equal(erg_sums_unpack(packed.data, len, &back, NULL), ERG_CORRUPT);
    for (int k = 0; k < 20000; k++) { /* never more than an error */
        size_t at = test_below(&seed, packed.len);
        char held = packed.data[at];
        packed.data[at] = (char)test_random(&seed);
        if (erg_sums_unpack(packed.data, packed.len, &back, NULL) == 0)
            erg_run_sums_deinit(&back);
        packed.data[at] = held;
    }
    erg_buf_putc(&packed, 0); /* bytes behind the end */
    assert_int_equal(erg_sums_unpack(packed.data, packed.len, &back, NULL), ERG_CORRUPT);
    erg_run_sums_deinit(&sums);
    erg_buf_deinit(&packed);
}

/* Keys that no roll-up has. */
static void nonsense_is_refused(void **state)
{
    uint64_t seed = 9;
    (void)state;
    for (int k = 0; k < 6; k++) {
        struct erg_run_sums sums = some_sums(&seed, 3), back;
        struct erg_buf packed = {0};
        struct erg_rollup_row *row = &sums.rows[1];
        if (k == 0)
            row->phase = ERG_PHASES;
        else if (k == 1)
            row->layer = -2;
        else if (k == 2)
            row->layer = 4096;
        else if (k == 3)
            row->duration_ns = -1;
        else if (k == 4)
            row->count = -1;
        else
            row->energy.present = 64;
        assert_int_equal(erg_sums_pack(&sums, &packed), 0);
        assert_int_equal(erg_sums_unpack(packed.data, packed.len, &back, NULL), ERG_CORRUPT);
        erg_run_sums_deinit(&sums);
        erg_buf_deinit(&packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_come_back),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
