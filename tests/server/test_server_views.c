/* SPDX-License-Identifier: MIT */
#include "server/api_rig.h"

#include "export/view.h"
#include "store/make_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* What the views of a run say adds up, and agrees. */

#define RUN  "/api/profiling/run/{id}"
#define LAST "/api/profiling/run/last"

static const char *const domains[] = {"cpu", "gpu", "ane", "dram", "soc", "other"};

/* --- the tree ----------------------------------------------------------------------------------*/

static int64_t domain_nj(const json_t *node, const char *domain)
{
    const json_t *by_domain = json_object_get(node, "energy_by_domain_mj");
    return llround(json_number_value(json_object_get(by_domain, domain)) * 1e6);
}

/* Every node is what its children are, in time, energy and each domain; returns how many there are.
 */
static size_t check_node(const json_t *node, int depth)
{
    const json_t *children = json_object_get(node, "children");
    int64_t ns = 0, nj = 0, by_domain[6] = {0};
    size_t count = 1;
    assert_true(depth >= 0);
    for (size_t i = 0; i < json_array_size(children); i++) {
        const json_t *child = json_array_get(children, i);
        ns += nj_at(child, "duration_ms");
        nj += nj_at(child, "energy_mj");
        for (size_t d = 0; d < 6; d++)
            by_domain[d] += domain_nj(child, domains[d]);
        count += check_node(child, depth - 1);
    }
    int64_t own = 0;
    for (size_t d = 0; d < 6; d++)
        own += domain_nj(node, domains[d]);
    assert_int_equal(own, nj_at(node, "energy_mj"));
    if (!children)
        return count;
    assert_int_equal(ns, nj_at(node, "duration_ms"));
    assert_int_equal(nj, nj_at(node, "energy_mj"));
    for (size_t d = 0; d < 6; d++)
        assert_int_equal(by_domain[d], domain_nj(node, domains[d]));
    return count;
}

static void test_trees_add_up(void **state)
{
    struct rig rig;
    size_t before = 0;
    (void)state;
    rig_open(&rig);
    json_t *summary = rig_get(&rig, RUN "/summary", LAST "/summary", 200);
    for (int depth = 0; depth <= 4; depth++) {
        char target[128];
        snprintf(target, sizeof target, LAST "/tree?depth=%d", depth);
        json_t *tree = rig_get(&rig, RUN "/tree", target, 200);
        const json_t *root = json_object_get(tree, "root");
        size_t count = check_node(root, depth);
        assert_true(count > before); /* each level has more to show */
        before = count;
        assert_int_equal(nj_at(root, "energy_mj"), nj_at(summary, "total_energy_mj"));
        assert_int_equal(nj_at(root, "duration_ms"), nj_at(summary, "total_duration_ms"));
        json_decref(tree);
    }
    assert_true(before > 40);
    json_decref(summary);
    rig_close(&rig);
}

/* --- the flow ----------------------------------------------------------------------------------*/

static int64_t sum_links(const json_t *flow, const char *end, const char *id, const char *what)
{
    const json_t *links = json_object_get(flow, "links");
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(links); i++) {
        const json_t *link = json_array_get(links, i);
        if (strcmp(text_at(link, end), id) == 0)
            sum += nj_at(link, what);
    }
    return sum;
}

static void check_flow(const json_t *flow, int64_t whole_nj, int64_t whole_ns)
{
    static const char *const measures[] = {"energy_mj", "duration_ms"};
    const int64_t wholes[] = {whole_nj, whole_ns};
    const json_t *nodes = json_object_get(flow, "nodes");
    assert_true(json_array_size(nodes) >= 2);
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < json_array_size(nodes); i++) {
            const json_t *node = json_array_get(nodes, i);
            const char *id = text_at(node, "id");
            int64_t in = sum_links(flow, "target", id, measures[m]);
            int64_t out = sum_links(flow, "source", id, measures[m]);
            bool input = strcmp(id, "input") == 0, output = strcmp(id, "output") == 0;
            assert_int_equal(input ? out : in, nj_at(node, measures[m]));
            assert_true(input || output || in == out);
            if (input || output)
                assert_int_equal(input ? out : in, wholes[m]);
        }
    }
}

static void test_flows_are_closed(void **state)
{
    struct rig rig;
    (void)state;
    rig_open(&rig);
    json_t *tree = rig_get(&rig, RUN "/tree", LAST "/tree?depth=1", 200);
    const json_t *root = json_object_get(tree, "root");
    json_t *flow = rig_get(&rig, RUN "/flow", LAST "/flow", 200);
    check_flow(flow, nj_at(root, "energy_mj"), nj_at(root, "duration_ms"));
    assert_true(json_is_null(json_object_get(flow, "phase")));
    json_decref(flow);
    const json_t *phases = json_object_get(root, "children");
    for (size_t i = 0; i < json_array_size(phases); i++) {
        const json_t *phase = json_array_get(phases, i);
        char target[128];
        if (strcmp(text_at(phase, "kind"), "phase") != 0)
            continue;
        snprintf(target, sizeof target, LAST "/flow?phase=%s", text_at(phase, "name"));
        flow = rig_get(&rig, RUN "/flow", target, 200);
        check_flow(flow, nj_at(phase, "energy_mj"), nj_at(phase, "duration_ms"));
        json_decref(flow);
    }
    json_decref(tree);
    rig_close(&rig);
}

/* --- matrices ----------------------------------------------------------------------------------*/

/* Millionths: cells of energies and times have no more. */
static int64_t sum_cells(const json_t *values)
{
    int64_t sum = 0;
    if (json_is_number(values))
        return llround(json_number_value(values) * 1e6);
    for (size_t i = 0; i < json_array_size(values); i++)
        sum += sum_cells(json_array_get(values, i));
    return sum;
}

static int64_t rest_of(const json_t *matrix)
{
    const json_t *rest = json_object_get(matrix, "rest");
    return llround((json_number_value(json_object_get(rest, "unattributed")) +
                    json_number_value(json_object_get(rest, "not_profiled"))) *
                   1e6);
}

/* A token's cells and what is in none of them are its pass; the stack of all is the whole. */
static void test_matrices_add_up(void **state)
{
    static const char *const metrics[] = {"energy_mj", "time_ms"};
    static const char *const whole[] = {"energy_mj", "duration_ms"};
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t m = 0; m < 2; m++) {
        char target[160];
        int64_t sum = 0, of_passes = 0;
        snprintf(target, sizeof target, LAST "/matrix?metric=%s&stack=true", metrics[m]);
        json_t *stack = rig_get(&rig, RUN "/matrix", target, 200);
        const json_t *passes = json_object_get(stack, "passes");
        assert_int_equal(json_array_size(passes), 13);
        for (size_t i = 0; i < json_array_size(passes); i++) {
            const json_t *pass = json_array_get(passes, i);
            snprintf(target, sizeof target, LAST "/matrix?metric=%s&token=%d", metrics[m],
                     (int)number_at(pass, "first_token"));
            json_t *one = rig_get(&rig, RUN "/matrix", target, 200);
            const json_t *cells = json_object_get(one, "values");
            assert_int_equal(sum_cells(cells) + rest_of(one), nj_at(pass, whole[m]));
            assert_true(json_equal(cells, json_array_get(json_object_get(stack, "values"), i)));
            assert_true(
                json_equal(json_object_get(one, "layers"), json_object_get(stack, "layers")));
            assert_int_equal(json_array_size(json_object_get(one, "passes")), 1);
            sum += sum_cells(cells) + rest_of(one);
            of_passes += nj_at(pass, whole[m]);
            json_decref(one);
        }
        snprintf(target, sizeof target, LAST "/matrix?metric=%s", metrics[m]);
        json_t *all = rig_get(&rig, RUN "/matrix", target, 200);
        assert_int_equal(sum_cells(json_object_get(all, "values")) + rest_of(all), sum);
        assert_int_equal(sum, of_passes);
        json_decref(all);
        json_decref(stack);
    }
    rig_close(&rig);
}

/* One prompt token stands for its chunk: all of them are asked for with the same answer. */
static void test_prompt_tokens_share_a_matrix(void **state)
{
    struct rig rig;
    (void)state;
    rig_open(&rig);
    json_t *first = rig_get(&rig, RUN "/matrix", LAST "/matrix?token=0", 200);
    json_t *third = rig_get(&rig, RUN "/matrix", LAST "/matrix?token=2", 200);
    json_t *next = rig_get(&rig, RUN "/matrix", LAST "/matrix?token=4", 200);
    assert_true(json_equal(first, third));
    assert_false(json_equal(first, next));
    const json_t *pass = json_array_get(json_object_get(first, "passes"), 0);
    assert_int_equal(number_at(pass, "tokens"), 4);
    assert_string_equal(text_at(pass, "phase"), "prefill");
    json_decref(first);
    json_decref(third);
    json_decref(next);
    rig_close(&rig);
}

/* The numbers below a JSON value, one after the other. */
static void check_floats(const json_t *value, const char *floats, size_t *cells)
{
    float cell;
    for (size_t i = 0; i < json_array_size(value); i++)
        check_floats(json_array_get(value, i), floats, cells);
    if (json_is_array(value))
        return;
    memcpy(&cell, floats + 4 * (*cells)++, 4);
    if (json_is_null(value))
        assert_true(isnan(cell));
    else
        assert_true(cell == (float)json_number_value(value));
}

/* The float32 form says the same as JSON. */
static void test_float_matrices(void **state)
{
    static const char *const queries[] = {"metric=energy_mj&token=5", "metric=time_ms&stack=true",
                                          "metric=activation_mean", "metric=attention_entropy",
                                          "metric=power_mw&from=4&to=6"};
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t q = 0; q < ERG_COUNT(queries); q++) {
        char target[160], type[256];
        struct answer answer;
        uint32_t length;
        snprintf(target, sizeof target, LAST "/matrix?%s", queries[q]);
        json_t *plain = rig_get(&rig, RUN "/matrix", target, 200);
        snprintf(target, sizeof target, LAST "/matrix?%s&format=f32", queries[q]);
        rig_send(&rig, ERG_GET, target, NULL, NULL, &answer);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer_field(&answer, "content-type", type),
                            "application/vnd.ergon.f32");
        assert_memory_equal(answer.body.data, "ERG32\n\0\0", 8);
        memcpy(&length, answer.body.data + 8, 4);
        assert_true(length % 8 == 0 && 16 + length <= answer.body.len);
        json_t *head = json_loadb(answer.body.data + 16, length, 0, NULL);
        assert_non_null(head);
        const char *at = answer.body.data + 16 + length;
        size_t cells = 0;
        check_floats(json_object_get(plain, "values"), at, &cells);
        assert_true(cells > 0);
        assert_int_equal(answer.body.len, 16 + length + cells * 4);
        /* the head is all but the values */
        json_object_del(plain, "values");
        assert_true(json_equal(head, plain));
        json_decref(head);
        json_decref(plain);
        answer_free(&answer);
    }
    rig_close(&rig);
}

/* --- sums --------------------------------------------------------------------------------------*/

/* Passes are stored with a relative error of 5e-4; the sums are of what the engine sent. */
static bool close_to(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 5.1e-4 * fmax(fabs(a), fabs(b));
}

/* What a recorder has stored of a run is what its passes add up to. */
static void test_stored_sums_are_those_of_the_passes(void **state)
{
    struct rig rig;
    struct erg_store *store;
    struct erg_run_sums stored, made;
    bool costly = true;
    (void)state;
    rig_open(&rig);
    assert_int_equal(erg_store_open(&store, rig.temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    struct erg_view_split split = {.name = "time"};
    assert_int_equal(erg_view_sums(store, RIG_RUN, &split, &stored, &costly, NULL), 0);
    assert_false(costly);
    /* an activity of time alone splits as time does, and is not in the store */
    const struct erg_activity costs = {0, 0, 1};
    split =
        (struct erg_view_split){.name = "activity", .activity = erg_attribution_activity(&costs)};
    assert_int_equal(erg_view_sums(store, RIG_RUN, &split, &made, &costly, NULL), 0);
    assert_true(costly);
    assert_int_equal(stored.count, made.count);
    assert_true(stored.count > 20);
    assert_memory_equal(stored.passes, made.passes, sizeof made.passes);
    for (size_t i = 0; i < made.count; i++) {
        const struct erg_rollup_row *a = &stored.rows[i], *b = &made.rows[i];
        assert_true(a->phase == b->phase && a->layer == b->layer && a->component == b->component &&
                    a->operation == b->operation && a->is_result == b->is_result);
        assert_true(a->duration_ns == b->duration_ns && a->count == b->count &&
                    a->statistics == b->statistics && a->energy.present == b->energy.present);
        assert_memory_equal(a->energy.nj, b->energy.nj, sizeof b->energy.nj);
        assert_true(close_to(a->flops, b->flops) && close_to(a->mean, b->mean) &&
                    close_to(a->std, b->std) && close_to(a->max, b->max));
        assert_true(close_to(a->extra.mean, b->extra.mean) && a->extra.count == b->extra.count);
        assert_true(close_to(a->attention_entropy.mean, b->attention_entropy.mean));
    }
    erg_run_sums_deinit(&stored);
    erg_run_sums_deinit(&made);
    erg_store_close(store);
    rig_close(&rig);
}

/* --- the report --------------------------------------------------------------------------------*/

static int64_t sum_of(const json_t *list, const char *phase, const char *what)
{
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        if (strcmp(text_at(row, "phase"), phase) == 0)
            sum += nj_at(row, what);
    }
    return sum;
}

static void test_averages_agree(void **state)
{
    static const char *const phases[] = {"prefill", "decode"};
    struct rig rig;
    (void)state;
    rig_open(&rig);
    json_t *report = rig_get(&rig, RUN "/summary", LAST "/summary", 200);
    const json_t *layers = json_object_get(report, "layer_averages");
    const json_t *components = json_object_get(report, "component_averages");
    for (size_t p = 0; p < 2; p++) {
        int64_t of_layers = sum_of(layers, phases[p], "energy_mj");
        assert_true(of_layers > 0);
        assert_int_equal(of_layers, sum_of(components, phases[p], "energy_mj"));
        assert_int_equal(sum_of(layers, phases[p], "duration_ms"),
                         sum_of(components, phases[p], "duration_ms"));
    }
    const json_t *hottest = json_object_get(report, "hottest_components");
    assert_true(json_array_size(hottest) >= 5 && json_array_size(hottest) <= 10);
    for (size_t i = 0; i + 1 < json_array_size(hottest); i++)
        assert_true(nj_at(json_array_get(hottest, i), "energy_mj") >=
                    nj_at(json_array_get(hottest, i + 1), "energy_mj"));
    const json_t *shares = json_object_get(report, "domains");
    double share = 0;
    int64_t nj = 0;
    assert_int_equal(json_array_size(shares), 3);
    for (size_t i = 0; i < 3; i++) {
        share += number_at(json_array_get(shares, i), "share_ratio");
        nj += nj_at(json_array_get(shares, i), "energy_mj");
    }
    assert_true(fabs(share - 1) < 1e-12);
    assert_int_equal(nj, nj_at(report, "total_energy_mj"));
    json_decref(report);
    rig_close(&rig);
}

static void test_tokens(void **state)
{
    struct rig rig;
    (void)state;
    rig_open(&rig);
    json_t *all = rig_get(&rig, RUN "/tokens", LAST "/tokens", 200);
    json_t *some = rig_get(&rig, RUN "/tokens", LAST "/tokens?from=5&to=7", 200);
    const json_t *list = json_object_get(all, "tokens"), *part = json_object_get(some, "tokens");
    assert_int_equal(number_at(all, "total"), 16);
    assert_int_equal(json_array_size(list), 16);
    assert_int_equal(json_array_size(part), 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(json_equal(json_array_get(list, 5 + i), json_array_get(part, i)));
    /* the spread is of all generated tokens, whatever was asked for */
    assert_true(
        json_equal(json_object_get(all, "within_run"), json_object_get(some, "within_run")));
    const json_t *spread = json_object_get(json_object_get(all, "within_run"), "duration_ms");
    double sum = 0;
    for (size_t i = 4; i < 16; i++)
        sum += number_at(json_array_get(list, i), "duration_ms");
    assert_int_equal(number_at(spread, "n"), 12);
    assert_true(fabs(number_at(spread, "mean") - sum / 12) < 1e-9);
    assert_true(number_at(spread, "p05") >= number_at(spread, "min"));
    assert_true(number_at(spread, "effective_n") <= 12);
    json_decref(all);
    json_decref(some);
    rig_close(&rig);
}

/* The rows that hang below tokens add up to their pass, in all depths. */
static void test_nested_rows_add_up(void **state)
{
    struct rig rig;
    (void)state;
    rig_open(&rig);
    json_t *run = rig_get(&rig, RUN, LAST "?detail=operations,power_samples", 200);
    json_t *stack = rig_get(&rig, RUN "/matrix", LAST "/matrix?metric=energy_mj&stack=true", 200);
    const json_t *tokens = json_object_get(run, "tokens");
    size_t nested = 0;
    for (size_t i = 0; i < json_array_size(tokens); i++) {
        const json_t *layers = json_object_get(json_array_get(tokens, i), "layers");
        int64_t of_layers = 0, of_components = 0, of_operations = 0;
        if (!layers)
            continue;
        for (size_t k = 0; k < json_array_size(layers); k++) {
            const json_t *layer = json_array_get(layers, k);
            const json_t *components = json_object_get(layer, "components");
            of_layers += nj_at(layer, "energy_mj");
            for (size_t c = 0; c < json_array_size(components); c++) {
                const json_t *component = json_array_get(components, c);
                const json_t *operations = json_object_get(component, "operations");
                of_components += nj_at(component, "energy_mj");
                for (size_t o = 0; o < json_array_size(operations); o++)
                    of_operations += nj_at(json_array_get(operations, o), "energy_mj");
            }
        }
        const json_t *pass = json_array_get(json_object_get(stack, "passes"), nested);
        const json_t *cells = json_array_get(json_object_get(stack, "values"), nested++);
        assert_int_equal(of_components, of_operations);
        assert_int_equal(of_components, sum_cells(cells));
        assert_int_equal(of_layers, nj_at(pass, "energy_mj")); /* with what is unattributed */
    }
    assert_int_equal(nested, 13); /* one for each pass, below its first token */
    assert_true(json_array_size(json_object_get(run, "power_samples")) > 0);
    json_decref(run);
    json_decref(stack);
    rig_close(&rig);
}

/* --- power -------------------------------------------------------------------------------------*/

static double extreme(const json_t *power, const char *series, bool greatest)
{
    const json_t *values = json_object_get(json_object_get(power, "samples"), series);
    double found = NAN;
    for (size_t i = 0; i < json_array_size(values); i++) {
        double value = json_number_value(json_array_get(values, i));
        if (json_is_number(json_array_get(values, i)))
            found = greatest ? fmax(found, value) : fmin(found, value);
    }
    return found;
}

/* A run of 3000 samples thinned to 100: no more than that, and no extreme lost. */
static void test_power_keeps_extremes(void **state)
{
    static const char *const series[] = {"cpu_power_mw", "gpu_power_mw", "total_power_mw"};
    struct rig rig;
    struct erg_writer *writer;
    uint64_t seed = 99;
    (void)state;
    rig_prepare(&rig);
    struct erg_run_row run = make_run("20260101-000000-power1", "running", "{\"phases\":[]}");
    assert_int_equal(erg_writer_open(&writer, rig.temp.path, &run, make_name, NULL, NULL), 0);
    for (int i = 0; i < 3000; i++) {
        double cpu = (double)test_below(&seed, 1000000), gpu = (double)test_below(&seed, 1000000);
        struct erg_sample_row row = {.t_ns = (int64_t)i * 1000000,
                                     .phase = 2,
                                     .mw = {cpu, gpu, NAN, NAN, NAN, NAN},
                                     .total_mw = cpu + gpu};
        erg_writer_sample(writer, &row);
    }
    run.status = "complete";
    erg_writer_run(writer, &run);
    assert_int_equal(erg_writer_finish(writer, NULL), 0);
    rig_start(&rig);
    json_t *all = rig_get(&rig, RUN "/power", LAST "/power", 200);
    json_t *few = rig_get(&rig, RUN "/power", LAST "/power?max_points=100", 200);
    json_t *part = rig_get(&rig, RUN "/power", LAST "/power?from_ms=100&to_ms=199", 200);
    assert_int_equal(number_at(all, "returned"), 3000);
    assert_int_equal(number_at(few, "count"), 3000);
    assert_in_range((int)number_at(few, "returned"), 40, 100);
    assert_string_equal(text_at(few, "decimation"), "minmax");
    assert_int_equal(number_at(part, "count"), 100);
    for (size_t s = 0; s < ERG_COUNT(series); s++) {
        assert_true(extreme(all, series[s], true) == extreme(few, series[s], true));
        assert_true(extreme(all, series[s], false) == extreme(few, series[s], false));
    }
    assert_null(json_object_get(json_object_get(all, "samples"), "ane_power_mw"));
    json_decref(all);
    json_decref(few);
    json_decref(part);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees_add_up),
        cmocka_unit_test(test_flows_are_closed),
        cmocka_unit_test(test_matrices_add_up),
        cmocka_unit_test(test_prompt_tokens_share_a_matrix),
        cmocka_unit_test(test_float_matrices),
        cmocka_unit_test(test_stored_sums_are_those_of_the_passes),
        cmocka_unit_test(test_averages_agree),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_nested_rows_add_up),
        cmocka_unit_test(test_power_keeps_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
