/* SPDX-License-Identifier: MIT */
#include "reference.h"
#include "test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Kinds of data that break careless sums. */
enum data {
    NORMAL,      /* mean 0, deviation 1 */
    FAR_MEAN,    /* mean 1000, deviation 0.1 */
    FARTHEST,    /* a deviation of four times the last bit of the mean */
    OUTLIERS,    /* 1e4 among 1e-3 */
    FIRST_ALONE, /* the first value is the outlier */
    STEPS,       /* the mean jumps from part to part */
    RAMP,        /* sorted */
    ZEROS,       /* most are 0, as after ReLU */
    CONSTANT,
    AT_THRESHOLD, /* the floats around 0.01 */
    TINY,         /* squares below float's range */
    HUGE_VALUES,  /* squares above it */
    KINDS
};

static double value_of(enum data kind, size_t i, size_t count, uint64_t *state)
{
    double normal = test_normal(state);
    switch (kind) {
    case FAR_MEAN:
        return 1000 + 0.1 * normal;
    case FARTHEST:
        return 1.2e7 + 4 * normal;
    case OUTLIERS:
        return test_below(state, 200) ? 1e-3 * normal : 1e4;
    case FIRST_ALONE:
        return i ? 1e-3 * normal : -1e4;
    case STEPS:
        return (double)(i * 7 / count % 3) * 500 + normal;
    case RAMP:
        return ((double)i / (double)count - 0.25) * 100;
    case ZEROS:
        return test_below(state, 10) ? 0 : fabs(normal);
    case CONSTANT:
        return -0.7;
    case AT_THRESHOLD:
        return (double)nextafterf(0.01F, (float)((int)test_below(state, 3) - 1)) *
               (test_below(state, 2) ? 1 : -1);
    case TINY:
        return 1e-24 * normal;
    case HUGE_VALUES:
        return 1e30 * normal;
    default:
        return normal;
    }
}

static void fill(enum erg_scalar type, enum data kind, void *data, size_t count, uint64_t *state)
{
    unsigned char *element = data;
    for (size_t i = 0; i < count; i++, element += element_bytes(type))
        reference_store(type, value_of(kind, i, count, state), element);
}

static void compare(const struct erg_tensor_view *view, const struct erg_rows *rows,
                    double threshold, const char *what)
{
    struct erg_stats expected, actual;
    reference_stats(view, rows, threshold, &expected);
    for (int level = ERG_STATS_BEST; level < ERG_STATS_LEVELS; level++) {
        const struct erg_stats_kernels *kernels = erg_stats_select(level);
        for (int part = 0; kernels && part < ERG_STATS_PARTS; part++) {
            char label[128];
            snprintf(label, sizeof label, "%s, %s, type %d, part %d, %d elements", what,
                     erg_stats_level_name(level), (int)view->type, part, (int)expected.count);
            stats_of(kernels, view, rows, part, threshold, &actual);
            assert_stats(label, part, &expected, &actual);
            if (!rows && view->ne[1] * view->ne[2] * view->ne[3] == 1 &&
                view->nb[0] == element_bytes(view->type)) { /* a row: the short way, too */
                struct erg_moments moments = {.part = part, .threshold = threshold};
                erg_stats_add_row(kernels, view->type, view->data, (size_t)view->ne[0], &moments);
                erg_stats_finish(&moments, &actual);
                assert_stats(label, part, &expected, &actual);
            }
        }
    }
}

/* Every length, at an odd address, the block ending with the last element. */
static void every_length(void **unused)
{
    (void)unused;
    uint64_t state = 11;
    for (size_t count = 0; count <= 300; count++) {
        for (int type = 0; type < ERG_SCALARS; type++) {
            size_t offset = test_below(&state, 8);
            unsigned char *block = malloc(offset + count * element_bytes(type) + 1);
            struct erg_tensor_view view = row_view(type, block + offset, count);
            fill(type, test_below(&state, KINDS), block + offset, count, &state);
            unsigned char *exact = realloc(block, offset + count * element_bytes(type) + !count);
            view.data = exact + offset;
            compare(&view, NULL, test_below(&state, 3) ? 0.01 : 0, "length");
            free(exact);
        }
    }
}

static void every_kind_of_data(void **unused)
{
    (void)unused;
    uint64_t state = 12;
    static const size_t counts[] = {640, 2048, 5000, 70000};
    for (size_t c = 0; c < ERG_COUNT(counts); c++) {
        for (int kind = 0; kind < KINDS; kind++) {
            for (int type = 0; type < ERG_SCALARS; type++) {
                char what[32];
                void *data = malloc(counts[c] * element_bytes(type));
                struct erg_tensor_view view = row_view(type, data, counts[c]);
                fill(type, kind, data, counts[c], &state);
                snprintf(what, sizeof what, "kind %d", kind);
                compare(&view, NULL, 0.01, what);
                free(data);
            }
        }
    }
}

/* A random view: dimensions in a random order in memory, gaps between rows, perhaps within. */
static struct erg_tensor_view random_view(uint64_t *state, size_t *out_bytes)
{
    struct erg_tensor_view view = {.type = test_below(state, ERG_SCALARS)};
    size_t stride = element_bytes(view.type) * (test_below(state, 4) ? 1 : 3);
    int order[4] = {0, 1, 2, 3};
    static const int sizes[4] = {80, 12, 5, 3};
    if (!test_below(state, 3)) { /* a transposed tensor */
        int other = 1 + (int)test_below(state, 3);
        order[0] = other;
        order[other] = 0;
    }
    for (int i = 0; i < 4; i++) {
        int d = order[i];
        view.ne[d] = 1 + (int64_t)test_below(state, (uint64_t)sizes[d]);
        view.nb[d] = stride;
        stride = stride * (size_t)view.ne[d] + (test_below(state, 2) ? 0 : test_below(state, 9));
    }
    *out_bytes = stride;
    return view;
}

static void random_shapes(void **unused)
{
    (void)unused;
    uint64_t state = 13;
    for (int round = 0; round < 600; round++) {
        size_t bytes, offset = test_below(&state, 8);
        struct erg_tensor_view view = random_view(&state, &bytes);
        unsigned char *block = malloc(offset + bytes);
        enum data kind = test_below(&state, KINDS);
        int64_t index[16];
        struct erg_rows rows = {(int)test_below(&state, 4), index, 0};
        for (size_t i = 0; i < offset + bytes; i++)
            block[i] = 0xff; /* a gap that is read is a NaN */
        view.data = block + offset;
        size_t total = (size_t)(view.ne[0] * view.ne[1] * view.ne[2] * view.ne[3]);
        for (size_t i = 0; i < total; i++) {
            size_t rest = i, at = 0;
            for (int d = 0; d < 4; rest /= (size_t)view.ne[d], d++)
                at += rest % (size_t)view.ne[d] * view.nb[d];
            reference_store(view.type, value_of(kind, i, total, &state), block + offset + at);
        }
        rows.count = (int64_t)test_below(&state, 16);
        for (int64_t i = 0; i < rows.count; i++)
            index[i] = (int64_t)test_below(&state, (uint64_t)view.ne[rows.axis]);
        compare(&view, round % 2 ? &rows : NULL, 0.01, "shape");
        free(block);
    }
}

static void an_empty_tensor_has_no_statistics(void **unused)
{
    (void)unused;
    struct erg_tensor_view view = {NULL, ERG_SCALAR_F32, {64, 0, 3, 1}, {4, 256, 0, 0}};
    struct erg_stats stats;
    stats_of(erg_stats_select(ERG_STATS_BEST), &view, NULL, ERG_STATS_ALL, 0.01, &stats);
    assert_int_equal(stats.count, 0);
    assert_true(isnan(stats.mean_abs) && isnan(stats.std) && isnan(stats.max_abs));
    assert_true(isnan(stats.sparsity_ratio) && isnan(stats.negative_ratio));
}

/* Pieces of any size merged in any order say the same as the whole. */
static void merging_in_any_order(void **unused)
{
    (void)unused;
    enum { COUNT = 20000, PIECES = 12 };
    uint64_t state = 14;
    float *data = malloc(COUNT * sizeof *data);
    const struct erg_stats_kernels *kernels = erg_stats_select(ERG_STATS_BEST);
    for (int kind = 0; kind < KINDS; kind++) {
        struct erg_moments pieces[PIECES], total = {.threshold = 0.01};
        struct erg_tensor_view view = row_view(ERG_SCALAR_F32, data, COUNT);
        struct erg_stats expected, actual;
        size_t at = 0;
        fill(ERG_SCALAR_F32, kind, data, COUNT, &state);
        for (int i = 0; i < PIECES; i++) {
            size_t left = COUNT - at, here = i + 1 < PIECES ? test_below(&state, left + 1) : left;
            struct erg_tensor_view piece = row_view(ERG_SCALAR_F32, data + at, here);
            pieces[i] = (struct erg_moments){.threshold = 0.01};
            erg_stats_add(kernels, &piece, NULL, &pieces[i]);
            at += here;
        }
        for (int i = PIECES - 1; i > 0; i--) {
            int other = (int)test_below(&state, (uint64_t)i + 1);
            struct erg_moments kept = pieces[i];
            pieces[i] = pieces[other];
            pieces[other] = kept;
        }
        for (int i = 0; i < PIECES; i++)
            erg_moments_merge(&total, &pieces[i]);
        reference_stats(&view, NULL, 0.01, &expected);
        erg_stats_finish(&total, &actual);
        assert_stats("merged", ERG_STATS_ALL, &expected, &actual);
    }
    free(data);
}

static void sampled_rows_are_even(void **unused)
{
    (void)unused;
    int64_t index[300];
    for (int64_t rows = 0; rows < 2000; rows += 1 + rows / 7) {
        for (int64_t limit = 1; limit < 300; limit += 1 + limit / 3) {
            int64_t count = erg_rows_sample(rows, limit, index);
            int64_t some = limit > 1 ? limit / 2 : 1;
            assert_int_equal(count, rows <= limit ? rows : some);
            for (int64_t i = 1; i < count; i++) {
                int64_t gap = index[i] - index[i - 1];
                assert_true(gap == (rows - 1) / (count - 1) || gap == (rows - 1) / (count - 1) + 1);
            }
            if (count)
                assert_int_equal(index[count - 1], rows - 1);
            if (count > 1)
                assert_int_equal(index[0], 0);
        }
    }
    assert_int_equal(erg_rows_sample(INT64_C(1) << 40, 4, index), 2);
    assert_int_equal(index[1], (INT64_C(1) << 40) - 1);
}

static void levels_are_named_and_best_exists(void **unused)
{
    (void)unused;
    assert_non_null(erg_stats_select(ERG_STATS_BEST));
    assert_non_null(erg_stats_select(ERG_STATS_SCALAR));
    assert_null(erg_stats_select(ERG_STATS_LEVELS));
    assert_string_equal(erg_stats_level_name(ERG_STATS_NEON), "neon");
    assert_null(erg_stats_level_name(ERG_STATS_LEVELS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length),
        cmocka_unit_test(every_kind_of_data),
        cmocka_unit_test(random_shapes),
        cmocka_unit_test(an_empty_tensor_has_no_statistics),
        cmocka_unit_test(merging_in_any_order),
        cmocka_unit_test(sampled_rows_are_even),
        cmocka_unit_test(levels_are_named_and_best_exists),
    };
    print_levels();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
