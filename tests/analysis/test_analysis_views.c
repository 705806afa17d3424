/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/decimate.h"
#include "analysis/flow.h"
#include "analysis/matrix.h"
#include "analysis/spread.h"

#include <math.h>
#include <stdlib.h>

/* What views of a run are made of: sums, trees, flows, matrices, thinned series. */

static const char *name_of(void *user, uint16_t id)
{
    static const char *const names[] = {"",       "attention", "softmax", "lm_head", "gate_proj",
                                        "matmul", "q_proj",    "mystery", "rope"};
    (void)user;
    return id < ERG_COUNT(names) ? names[id] : NULL;
}

static struct erg_energy joules(int64_t cpu, int64_t dram)
{
    return (struct erg_energy){.nj = {cpu, 0, 0, dram},
                               .present = 1u << ERG_DOMAIN_CPU | 1u << ERG_DOMAIN_DRAM};
}

static struct erg_rollup_row row_of(uint32_t phase, int layer, uint16_t component,
                                    uint16_t operation, int64_t ns)
{
    return (struct erg_rollup_row){
        .phase = phase,
        .layer = layer,
        .component = component,
        .operation = operation,
        .duration_ns = ns,
        .count = 1,
        .energy = joules(7 * ns + 1, ns + 2),
        .mean = NAN,
        .std = NAN,
        .max = NAN,
        .sparsity = NAN,
        .extra = {NAN, 0},
        .attention_entropy = {NAN, 0},
        .max_attention_weight = {NAN, 0},
        .attention_sparsity = {NAN, 0},
    };
}

enum { DECODE = ERG_PHASE_DECODE };

/* --- fold --------------------------------------------------------------------------------------*/

static void test_fold_takes_statistics_of_results_only(void **state)
{
    struct erg_rollup_row rows[] = {row_of(DECODE, 0, 1, 2, 10), row_of(DECODE, 0, 1, 5, 20),
                                    row_of(DECODE, 1, 1, 5, 30)};
    struct erg_fold fold = {0};
    (void)state;
    for (int i = 0; i < 3; i++) {
        rows[i].mean = rows[i].std = rows[i].max = 1 << i; /* 1, 2, 4 */
        rows[i].statistics = 1;
        rows[i].is_result = i > 0;
    }
    rows[2].statistics = 3;
    assert_int_equal(erg_fold_add(&fold, rows, 3, ERG_BY_COMPONENT, ERG_PHASES, name_of, NULL), 0);
    assert_int_equal(fold.count, 1);
    assert_int_equal(fold.rows[0].duration_ns, 60);
    assert_int_equal(fold.rows[0].count, 3);
    assert_int_equal(erg_energy_total_nj(&fold.rows[0].energy), 8 * 60 + 9);
    assert_int_equal(fold.rows[0].statistics, 4);
    assert_true(fold.rows[0].mean == (2 + 3 * 4) / 4.0);
    assert_true(fabs(fold.rows[0].std - sqrt((4 + 3 * 16) / 4.0)) < 1e-15);
    assert_true(fold.rows[0].max == 4);
    erg_fold_deinit(&fold);
    /* where operations stay apart each has its own */
    assert_int_equal(erg_fold_add(&fold, rows, 3, ERG_BY_COMPONENT | ERG_BY_OPERATION, ERG_PHASES,
                                  name_of, NULL),
                     0);
    assert_int_equal(fold.count, 2);
    assert_true(fold.rows[0].mean == 1);
    erg_fold_deinit(&fold);
    assert_int_equal(erg_fold_add(&fold, rows, 3, ERG_BY_LAYER, ERG_PHASE_PREFILL, name_of, NULL),
                     0);
    assert_int_equal(fold.count, 0);
}

static void test_profiled_passes_stand_for_the_others(void **state)
{
    struct erg_rollup_row rows[] = {row_of(DECODE, 0, 1, 0, 300), row_of(DECODE, -1, 0, 0, 100),
                                    row_of(DECODE, -1, ERG_ROLLUP_UNPROFILED, 0, 200),
                                    row_of(ERG_PHASE_PREFILL, 0, 1, 0, 1000)};
    (void)state;
    rows[2].count = 2;
    struct erg_fold_scale scale = erg_fold_scale(rows, 4, DECODE);
    assert_true(scale.time_scale == 1.5);
    assert_int_equal(scale.unprofiled, 2);
    assert_true(fabs(scale.energy_scale - (8. * 600 + 9) / (8. * 400 + 6)) < 1e-15);
    scale = erg_fold_scale(rows, 4, ERG_PHASE_PREFILL);
    assert_true(scale.time_scale == 1 && scale.energy_scale == 1 && scale.unprofiled == 0);
    scale = erg_fold_scale(&rows[2], 1, DECODE); /* nothing stands for them */
    assert_true(scale.time_scale == 1 && scale.energy_scale == 1);
}

/* --- trees and flows ---------------------------------------------------------------------------*/

static void check_sums(const struct erg_tree *tree, size_t at)
{
    const struct erg_tree_node *node = &tree->nodes[at];
    struct erg_energy sum = {.present = 0};
    int64_t ns = 0;
    for (size_t i = node->first; i; i = tree->nodes[i].next) {
        check_sums(tree, i);
        ns += tree->nodes[i].duration_ns;
        erg_energy_add(&sum, &tree->nodes[i].energy);
    }
    if (!node->first)
        return;
    assert_int_equal(ns, node->duration_ns);
    for (int d = 0; d < ERG_DOMAINS; d++)
        assert_int_equal(sum.nj[d], node->energy.nj[d]);
}

static size_t count_kind(const struct erg_tree *tree, enum erg_tree_kind kind)
{
    size_t count = 0;
    for (size_t i = 0; i < tree->count; i++)
        count += tree->nodes[i].kind == kind;
    return count;
}

/* Random runs: whatever the parts are, every level adds up, and so does every node of the flow. */
static void test_random_trees_and_flows(void **state)
{
    uint64_t seed = 5;
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct erg_rollup_row rows[60];
        struct erg_section_row sections[2] = {
            {.phase = ERG_PHASE_PRE_INFERENCE, .name = "tokenization"},
            {.phase = ERG_PHASE_POST_INFERENCE, .name = "cleanup"}};
        struct erg_tree_source source = {.sections = sections, .section_count = 2, .rows = rows};
        source.row_count = test_below(&seed, 60);
        source.run =
            (struct erg_tree_whole){true, 100000, joules(900000, 100001), ERG_GRADE_MEASURED};
        for (uint32_t p = 0; p < ERG_PHASES; p++)
            source.phases[p] = (struct erg_tree_whole){true, 20000, joules(170000 + p, 24000),
                                                       ERG_GRADE_INTERPOLATED};
        for (size_t i = 0; i < source.row_count; i++) {
            uint64_t pick = test_below(&seed, 10);
            rows[i] = row_of(ERG_PHASE_PREFILL + (uint32_t)test_below(&seed, 2),
                             (int)test_below(&seed, 4) - 1, (uint16_t)(pick ? pick % 8 : 0),
                             (uint16_t)test_below(&seed, 3), (int64_t)test_below(&seed, 500));
            if (pick == 9)
                rows[i].component = ERG_ROLLUP_UNPROFILED;
        }
        for (int i = 0; i < 2; i++) {
            sections[i].duration_ns = (int64_t)test_below(&seed, 20000);
            sections[i].energy = joules((int64_t)test_below(&seed, 100000), 5);
        }
        for (int depth = 0; depth <= ERG_TREE_DEPTH; depth++) {
            struct erg_tree tree = {0};
            assert_int_equal(erg_tree_build(&source, depth, &tree), 0);
            check_sums(&tree, 0);
            assert_int_equal(count_kind(&tree, ERG_TREE_PHASE), depth ? 4 : 0);
            assert_true(depth >= 4 || !count_kind(&tree, ERG_TREE_OPERATION));
            assert_true(depth >= 3 || !count_kind(&tree, ERG_TREE_COMPONENT));
            erg_tree_deinit(&tree);
        }
        struct erg_tree tree = {0};
        struct erg_flow flow = {0};
        assert_int_equal(erg_tree_build(&source, 3, &tree), 0);
        assert_int_equal(erg_flow_build(&tree, ERG_PHASES, name_of, NULL, &flow), 0);
        for (size_t n = 0; n < flow.node_count; n++) {
            int64_t in = 0, out = 0;
            for (size_t l = 0; l < flow.link_count; l++) {
                int64_t nj = erg_energy_total_nj(&flow.links[l].energy);
                in += flow.links[l].target == n ? nj : 0;
                out += flow.links[l].source == n ? nj : 0;
            }
            assert_int_equal(n == 0 ? out : in, erg_energy_total_nj(&flow.nodes[n].energy));
            assert_true(n < 2 || in == out);
        }
        assert_int_equal(erg_energy_total_nj(&flow.nodes[0].energy), 1000001);
        assert_int_equal(flow.nodes[1].duration_ns, 100000);
        erg_flow_deinit(&flow);
        erg_tree_deinit(&tree);
    }
}

/* A run without a sensor has times, and no energy anywhere. */
static void test_a_tree_without_energy(void **state)
{
    struct erg_rollup_row row = row_of(DECODE, 0, 1, 2, 10);
    row.energy = (struct erg_energy){.present = 0};
    struct erg_tree_source source = {.rows = &row, .row_count = 1};
    struct erg_tree tree = {0};
    (void)state;
    source.run = source.phases[DECODE] =
        (struct erg_tree_whole){true, 15, {.present = 0}, ERG_GRADE_UNAVAILABLE};
    assert_int_equal(erg_tree_build(&source, 4, &tree), 0);
    check_sums(&tree, 0);
    assert_int_equal(count_kind(&tree, ERG_TREE_UNATTRIBUTED), 1); /* 5 ns of the phase */
    for (size_t i = 0; i < tree.count; i++) {
        assert_false(erg_energy_known(&tree.nodes[i].energy));
        assert_int_equal(tree.nodes[i].grade, ERG_GRADE_UNAVAILABLE);
    }
    erg_tree_deinit(&tree);
}

/* --- matrices ----------------------------------------------------------------------------------*/

static void test_matrix_axes_are_in_order(void **state)
{
    const struct erg_rollup_row rows[] = {
        row_of(DECODE, 2, 4, 0, 1),
        row_of(DECODE, 0, 7, 0, 2),
        row_of(DECODE, -1, 3, 0, 3),
        row_of(DECODE, 0, 1, 0, 4),
        row_of(DECODE, -1, 0, 0, 5),
        row_of(DECODE, 0, 6, 0, 6),
        row_of(DECODE, -1, ERG_ROLLUP_UNPROFILED, 0, 7),
    };
    static const int layers[] = {-1, 0, 2};
    static const uint16_t components[] = {6, 1, 4, 3, 7}; /* q_proj attention gate_proj lm_head … */
    struct erg_matrix_axes axes = {0};
    struct erg_fold fold = {0};
    double values[15];
    (void)state;
    assert_int_equal(erg_matrix_axes(&axes, rows, ERG_COUNT(rows), name_of, NULL), 0);
    assert_int_equal(axes.layer_count, 3);
    assert_int_equal(axes.component_count, 5);
    assert_memory_equal(axes.layers, layers, sizeof layers);
    assert_memory_equal(axes.components, components, sizeof components);
    assert_int_equal(erg_fold_add(&fold, rows, ERG_COUNT(rows), ERG_BY_LAYER | ERG_BY_COMPONENT,
                                  ERG_PHASES, name_of, NULL),
                     0);
    erg_matrix_fill(&axes, &fold, ERG_MATRIX_TIME_MS, values);
    double sum = 0;
    size_t known = 0;
    for (size_t i = 0; i < 15; i++) {
        known += !isnan(values[i]);
        sum += isnan(values[i]) ? 0 : values[i];
    }
    assert_int_equal(known, 5);
    assert_true(fabs(sum - 16e-6) < 1e-12);
    assert_true(values[1 * 5 + 4] == 2e-6);
    erg_matrix_fill(&axes, &fold, ERG_MATRIX_POWER_MW, values);
    assert_true(fabs(values[1 * 5 + 1] - (8 * 4 + 3) / 4.0 * 1e3) < 1e-9);
    erg_fold_deinit(&fold);
    erg_matrix_axes_deinit(&axes);
}

/* --- series ------------------------------------------------------------------------------------*/

static void test_decimation_keeps_every_extreme(void **state)
{
    enum { N = 5000 };
    static double a[N], b[N];
    static bool keep[N];
    uint64_t seed = 8;
    (void)state;
    for (int round = 0; round < 50; round++) {
        const double *const series[] = {a, b};
        size_t n = 1 + test_below(&seed, N), most = 20 + test_below(&seed, 400), kept = 0;
        for (size_t i = 0; i < n; i++) {
            a[i] = (double)test_below(&seed, 1000);
            b[i] = test_below(&seed, 10) ? (double)test_below(&seed, 1000000) : NAN;
        }
        size_t intervals = erg_decimate(series, 2, n, most, keep);
        for (size_t i = 0; i < n; i++)
            kept += keep[i];
        assert_true(kept <= (most < n ? most : n) && keep[0] && keep[n - 1]);
        assert_int_equal(intervals == 0, n <= most);
        for (size_t k = 0; k < intervals; k++) {
            double least = INFINITY, greatest = -INFINITY, low = INFINITY, high = -INFINITY;
            for (size_t i = n * k / intervals; i < n * (k + 1) / intervals; i++) {
                least = fmin(least, b[i]);
                greatest = fmax(greatest, b[i]);
                low = keep[i] ? fmin(low, b[i]) : low;
                high = keep[i] ? fmax(high, b[i]) : high;
            }
            assert_true(least == low && greatest == high);
        }
    }
}

/* Computed with exact fractions (quantiles linear between order statistics). */
static void test_spread(void **state)
{
    double values[] = {4.0, NAN, 4.5, 5.25, 7.0, 8.5, 8.75, 9.0, 8.0, INFINITY, 6.5, 6.0, 5.5, 5.0};
    double one[] = {3}, none[] = {NAN};
    struct erg_spread spread = erg_spread(values, ERG_COUNT(values));
    (void)state;
    assert_int_equal(spread.n, 12);
    assert_true(fabs(spread.mean - 6.5) < 1e-14);
    assert_true(fabs(spread.sd - 1.7353281062564614) < 1e-14);
    assert_true(spread.min == 4 && spread.max == 9 && spread.median == 6.25);
    assert_true(fabs(spread.p05 - 4.275) < 1e-14 && fabs(spread.p95 - 8.8625) < 1e-14);
    assert_true(fabs(spread.autocorrelation - 0.7169811320754716) < 1e-14);
    assert_true(fabs(spread.effective_n - 1.978021978021978) < 1e-13);
    spread = erg_spread(one, 1);
    assert_true(spread.n == 1 && spread.mean == 3 && spread.median == 3 && isnan(spread.sd));
    assert_true(isnan(spread.autocorrelation) && spread.effective_n == 1);
    spread = erg_spread(none, 1);
    assert_true(spread.n == 0 && isnan(spread.mean) && isnan(spread.effective_n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold_takes_statistics_of_results_only),
        cmocka_unit_test(test_profiled_passes_stand_for_the_others),
        cmocka_unit_test(test_random_trees_and_flows),
        cmocka_unit_test(test_a_tree_without_energy),
        cmocka_unit_test(test_matrix_axes_are_in_order),
        cmocka_unit_test(test_decimation_keeps_every_extreme),
        cmocka_unit_test(test_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
