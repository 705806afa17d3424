/* SPDX-License-Identifier: MIT */
#include "store/calibrations.h"

#include "store/temp_store.h"
#include "stream/format.h"
#include "test.h"

#include <math.h>
#include <stdio.h>

static const struct erg_calibration_row example = {
    .created_at = "2026-11-20T12:00:00",
    .created_at_utc = "2026-11-20T12:00:00+00:00",
    .machine = "host, cpu, 2",
    .sources = "rapl",
    .model_name = "tales",
    .threads = 2,
    .status = "complete",
    .activity = {1e-3, 0.25, 11.5},
    .error_ratio = 0.07,
    .time_error_ratio = NAN,
    .report_json = "{\"a\":1}",
};

static struct erg_calibration_block block_of(const char *operation, int64_t energy_nj)
{
    return (struct erg_calibration_block){.phase = ERG_PHASE_DECODE,
                                          .component = "q_proj",
                                          .operation = operation,
                                          .duration_ns = 200000000,
                                          .repetitions = 1234,
                                          .flops = 1.5e12,
                                          .bytes = 2.5e9,
                                          .energy_nj = energy_nj,
                                          .idle_nj = 77};
}

struct seen {
    size_t count, blocks;
    char models[64], operations[64];
    struct erg_calibration_row first;
    struct erg_calibration_block block;
};

static int see(void *user, const struct erg_calibration_row *row)
{
    struct seen *seen = user;
    if (seen->count++ == 0)
        seen->first = *row;
    assert_string_equal(row->report_json, example.report_json);
    strncat(seen->models, row->model_name, 10);
    return 0;
}

static int see_block(void *user, const struct erg_calibration_block *block)
{
    struct seen *seen = user;
    if (seen->blocks++ == 0)
        seen->block = *block;
    strncat(seen->operations, block->operation, 10);
    return 0;
}

static struct erg_store *open_store(const struct temp_store *temp)
{
    struct erg_store *store = NULL;
    assert_int_equal(erg_store_open(&store, temp->path, ERG_STORE_WRITE, NULL, NULL), 0);
    return store;
}

static void calibrations_come_back_newest_first(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store = open_store(&temp);
    struct erg_calibration_row row = example;
    struct erg_calibration_block blocks[] = {block_of("a", 1), block_of("b", 2)};
    struct erg_calibration_block later = block_of("c", 3);
    assert_int_equal(erg_store_add_calibration(store, &row, blocks, 2, NULL), 0);
    row.model_name = "other";
    assert_int_equal(erg_store_add_calibration(store, &row, &later, 1, NULL), 0);
    row.sources = "synthetic";
    row.activity.nj_per_flop = NAN;
    assert_int_equal(erg_store_add_calibration(store, &row, blocks, 1, NULL), 0);

    struct seen seen = {0}, all = {0}, none = {0};
    assert_int_equal(erg_store_calibrations(store, "host, cpu, 2", "rapl", see, &seen, NULL), 0);
    assert_string_equal(seen.models, "othertales");
    assert_true(seen.first.activity.nj_per_flop == 1e-3 && seen.first.activity.static_w == 11.5);
    assert_true(seen.first.error_ratio == 0.07 && isnan(seen.first.time_error_ratio));
    assert_int_equal(
        erg_store_calibration_blocks(store, "host, cpu, 2", "rapl", see_block, &seen, NULL), 0);
    assert_string_equal(seen.operations, "cab");
    assert_int_equal(seen.block.energy_nj, 3);
    assert_int_equal(seen.block.idle_nj, 77);
    assert_int_equal(seen.block.phase, ERG_PHASE_DECODE);
    assert_true(seen.block.flops == 1.5e12 && seen.block.bytes == 2.5e9);
    assert_int_equal(erg_store_calibrations(store, NULL, NULL, see, &all, NULL), 0);
    assert_int_equal(all.count, 3);
    assert_true(isnan(all.first.activity.nj_per_flop));
    assert_int_equal(erg_store_calibrations(store, "host", "rapl", see, &none, NULL), 0);
    assert_int_equal(none.count, 0);
    erg_store_close(store);
    temp_store_remove(&temp);
}

static void all_of_a_calibration_or_nothing(void **state)
{
    (void)state;
    struct temp_store temp = temp_store_new();
    struct erg_store *store = open_store(&temp);
    struct erg_calibration_row row = example;
    struct erg_calibration_block blocks[] = {block_of("a", 1), block_of(NULL, 2)};
    struct seen seen = {0};
    struct erg_err err;
    assert_true(erg_store_add_calibration(store, &row, blocks, 2, &err) < 0);
    row.report_json = "no JSON";
    assert_true(erg_store_add_calibration(store, &row, blocks, 1, &err) < 0);
    assert_int_equal(erg_store_calibrations(store, NULL, NULL, see, &seen, NULL), 0);
    assert_int_equal(seen.count, 0);
    erg_store_close(store);
    temp_store_remove(&temp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calibrations_come_back_newest_first),
        cmocka_unit_test(all_of_a_calibration_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
