/* SPDX-License-Identifier: MIT */
#include "record/activity.h"

#include "store/temp_store.h"
#include "stream/format.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

/* Which of the stored calibrations a fit is made of, and which fit a run gets. */

static const struct erg_activity_key here = {"host, cpu, 2", "rapl"};

/* Six operations whose blocks cost what `truth` says. */
enum { OPERATIONS = 6 };

static void make_blocks(const struct erg_activity *truth, struct erg_calibration_block *out)
{
    static const char *const names[OPERATIONS] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < OPERATIONS; i++) {
        struct erg_span_features features = {100000000 + i, 1e9 * (i * i + 1), 1e9 * (7 - i)};
        out[i] = (struct erg_calibration_block){
            .model_name = "tales",
            .phase = ERG_PHASE_DECODE,
            .component = "q_proj",
            .operation = names[i],
            .duration_ns = features.duration_ns,
            .repetitions = 10,
            .flops = features.flops,
            .bytes = features.bytes,
            .energy_nj = llround(erg_activity_nj(truth, &features)),
        };
    }
}

static void add(struct erg_store *store, const char *sources, const struct erg_activity *truth,
                double error_ratio, int count)
{
    struct erg_calibration_block blocks[OPERATIONS];
    const struct erg_calibration_row row = {
        .created_at = "2026-11-20T12:00:00",
        .created_at_utc = "2026-11-20T12:00:00+00:00",
        .machine = here.machine,
        .sources = sources,
        .model_name = "tales",
        .status = "complete",
        .activity = *truth,
        .error_ratio = error_ratio,
        .time_error_ratio = NAN,
        .report_json = "{}",
    };
    make_blocks(truth, blocks);
    assert_int_equal(erg_store_add_calibration(store, &row, blocks, (size_t)count, NULL), 0);
}

static bool is_close(double value, double truth)
{
    return fabs(value / truth - 1) < 1e-3;
}

static void the_newest_calibration_of_an_operation_counts(void **state)
{
    (void)state;
    const struct erg_activity old = {5, 5, 5}, truth = {0.01, 0.2, 10}, other = {1, 1, 1};
    struct temp_store temp = temp_store_new();
    struct erg_store *store = NULL;
    struct erg_activity_fit fit;
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_activity_fit_store(store, &here, NULL, 0, &fit, NULL), ERG_NOT_FOUND);
    add(store, "rapl", &old, 0.5, OPERATIONS);
    add(store, "rapl", &truth, 0.05, OPERATIONS);
    add(store, "synthetic", &other, 0.05, OPERATIONS);
    assert_int_equal(erg_activity_fit_store(store, &here, NULL, 0, &fit, NULL), 0);
    assert_int_equal(fit.blocks, OPERATIONS);
    assert_true(is_close(fit.activity.nj_per_flop, truth.nj_per_flop));
    assert_true(is_close(fit.activity.nj_per_byte, truth.nj_per_byte));
    assert_true(is_close(fit.activity.static_w, truth.static_w));
    assert_true(fit.error_ratio < 1e-3);

    /* What is being measured is newer than everything stored. */
    const struct erg_activity fresh = {0.02, 0.4, 20};
    struct erg_calibration_block blocks[OPERATIONS];
    make_blocks(&fresh, blocks);
    assert_int_equal(erg_activity_fit_store(store, &here, blocks, OPERATIONS, &fit, NULL), 0);
    assert_int_equal(fit.blocks, OPERATIONS);
    assert_true(is_close(fit.activity.static_w, fresh.static_w));
    /* Of one operation alone the others' blocks stay. */
    assert_int_equal(erg_activity_fit_store(store, &here, blocks, 1, &fit, NULL), 0);
    assert_int_equal(fit.blocks, OPERATIONS);
    assert_false(is_close(fit.activity.static_w, fresh.static_w));
    /* Without a store there are the fresh ones. */
    assert_int_equal(erg_activity_fit_store(NULL, &here, blocks, OPERATIONS, &fit, NULL), 0);
    assert_true(is_close(fit.activity.nj_per_flop, fresh.nj_per_flop));
    erg_store_close(store);
    temp_store_remove(&temp);
}

static void the_newest_fit_of_the_same_key_is_chosen(void **state)
{
    (void)state;
    const struct erg_activity none = {NAN, NAN, NAN}, first = {1, 2, 3}, second = {4, 5, 6};
    const struct erg_activity_key dark = {"host, cpu, 2", ""};
    const struct erg_activity_key elsewhere = {"other, cpu, 2", "rapl"};
    struct temp_store temp = temp_store_new();
    struct erg_store *store = NULL;
    struct erg_activity_choice choice;
    assert_int_equal(erg_store_open(&store, temp.path, ERG_STORE_WRITE, NULL, NULL), 0);
    assert_int_equal(erg_activity_choose(store, &here, true, &choice, NULL), 0);
    assert_false(choice.known || choice.is_default);
    add(store, "rapl", &first, 0.05, 0);
    assert_int_equal(erg_activity_choose(store, &here, false, &choice, NULL), 0);
    assert_true(choice.known && choice.is_default && choice.activity.static_w == 3);
    add(store, "rapl", &second, 0.3, 0);
    add(store, "rapl", &none, NAN, 0);
    assert_int_equal(erg_activity_choose(store, &here, false, &choice, NULL), 0);
    assert_true(choice.known && !choice.is_default && choice.activity.static_w == 6);
    assert_non_null(strstr(choice.why, "30.0 %, not below 14 %"));
    assert_int_equal(erg_activity_choose(store, &elsewhere, false, &choice, NULL), 0);
    assert_false(choice.known);
    assert_int_equal(erg_activity_choose(store, &dark, true, &choice, NULL), 0);
    assert_false(choice.known);
    assert_non_null(strstr(choice.why, "no power source"));
    erg_store_close(store);
    temp_store_remove(&temp);
}

static void keys_are_read_from_summaries(void **state)
{
    (void)state;
    struct erg_activity_key key;
    struct erg_err err;
    const char *summary = "{\"machine\":{\"hostname\":\"h\",\"cpu\":\"c\",\"cpus\":8},"
                          "\"power\":{\"sources\":[\"rapl\",7,\"nvml\"]}}";
    assert_int_equal(erg_activity_key_of(summary, &key, &err), 0);
    assert_string_equal(key.machine, "h, c, 8");
    assert_string_equal(key.sources, "rapl+nvml");
    assert_int_equal(erg_activity_key_of("{}", &key, &err), 0);
    assert_string_equal(key.machine, ", , 0");
    assert_string_equal(key.sources, "");
    assert_int_equal(erg_activity_key_of("[]", &key, &err), ERG_CORRUPT);
    assert_int_equal(erg_activity_key_of("{", &key, &err), ERG_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_calibration_of_an_operation_counts),
        cmocka_unit_test(the_newest_fit_of_the_same_key_is_chosen),
        cmocka_unit_test(keys_are_read_from_summaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
