/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/fold.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { PARTS = 400 };

static const char *no_name(void *user, uint16_t id)
{
    (void)user;
    (void)id;
    return NULL;
}

/* Parts as a roll-up has them: in order of phase and layer; `shuffled`: as several would come. */
static void make_parts(struct erg_rollup_row *parts, uint64_t *seed, bool shuffled)
{
    for (size_t i = 0; i < PARTS; i++) {
        size_t at = shuffled ? test_below(seed, PARTS) : i;
        parts[i] = (struct erg_rollup_row){
            .phase = (uint32_t)(1 + at * 2 / PARTS),
            .layer = (int16_t)((int)(at % (PARTS / 2) / 20) - 1),
            .component = (uint16_t)(1 + test_below(seed, 6)),
            .operation = (uint16_t)test_below(seed, 3),
            .duration_ns = (int64_t)test_below(seed, 1000),
            .count = 1,
        };
    }
}

static bool is_same(const struct erg_fold_row *row, const struct erg_rollup_row *part,
                    unsigned keys)
{
    return (!(keys & ERG_BY_PHASE) || row->phase == part->phase) &&
           (!(keys & ERG_BY_LAYER) || row->layer == part->layer) &&
           (!(keys & ERG_BY_COMPONENT) || row->component == part->component) &&
           (!(keys & ERG_BY_OPERATION) || row->operation == part->operation);
}

/* Each part is in exactly one row, and each row is the sum of its parts. */
static void check(const struct erg_fold *fold, const struct erg_rollup_row *parts, unsigned keys)
{
    int64_t *sums = calloc(fold->count, sizeof *sums);
    for (size_t i = 0; i < PARTS; i++) {
        size_t rows = 0;
        for (size_t r = 0; r < fold->count; r++) {
            if (!is_same(&fold->rows[r], &parts[i], keys))
                continue;
            sums[r] += parts[i].duration_ns;
            rows++;
        }
        assert_int_equal(rows, 1);
    }
    for (size_t r = 0; r < fold->count; r++)
        assert_int_equal(fold->rows[r].duration_ns, sums[r]);
    free(sums);
}

static void test_rows_are_sums_of_their_parts(void **state)
{
    struct erg_rollup_row parts[PARTS];
    uint64_t seed = 11;
    (void)state;
    for (unsigned keys = 0; keys < 16; keys++) {
        for (int shuffled = 0; shuffled < 2; shuffled++) {
            struct erg_fold fold = {0};
            make_parts(parts, &seed, shuffled);
            assert_int_equal(erg_fold_add(&fold, parts, PARTS, keys, ERG_PHASES, no_name, NULL), 0);
            check(&fold, parts, keys);
            erg_fold_deinit(&fold);
        }
    }
}

/* The same rows again, and those of phases one after the other, join those that are there. */
static void test_several_tables_make_one(void **state)
{
    struct erg_rollup_row parts[PARTS];
    struct erg_fold once = {0}, by_phase = {0};
    const unsigned keys = ERG_BY_LAYER | ERG_BY_COMPONENT;
    uint64_t seed = 5;
    (void)state;
    make_parts(parts, &seed, false);
    assert_int_equal(erg_fold_add(&once, parts, PARTS, keys, ERG_PHASES, no_name, NULL), 0);
    for (uint32_t phase = 0; phase < ERG_PHASES; phase++)
        assert_int_equal(erg_fold_add(&by_phase, parts, PARTS, keys, phase, no_name, NULL), 0);
    assert_int_equal(by_phase.count, once.count);
    check(&by_phase, parts, keys);
    erg_fold_deinit(&once);
    erg_fold_deinit(&by_phase);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_sums_of_their_parts),
        cmocka_unit_test(test_several_tables_make_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
