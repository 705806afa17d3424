/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "cli/rows.h"

#include <math.h>
#include <stdlib.h>

/* Passes that were not profiled: what others say for them, and that nothing is lost or doubled. */

static const char *name_of(void *user, uint16_t id)
{
    static const char *const names[] = {"", "attention", "lm_head"};
    (void)user;
    return id < ERG_COUNT(names) ? names[id] : NULL;
}

/* A pass of 10 µs and 1 mJ per `weight`: 3/4 attention, 1/4 lm_head; or bare. */
static void add_pass(struct erg_rollup *rollup, uint32_t phase, int64_t weight, bool bare)
{
    const struct erg_span spans[] = {{0, 1, 0, 0, (uint32_t)(75 * weight)},
                                     {-1, 2, 0, 0, (uint32_t)(25 * weight)}};
    struct erg_pass_row pass = {
        .phase = phase,
        .n_tokens = 1,
        .flags = bare ? ERG_PASS_BARE : ERG_PASS_TRACED,
        .t1_ns = 10000 * weight,
        .energy = {.nj = {1000000 * weight}, .present = 1},
        .n_spans = 2,
        .spans = spans,
    };
    assert_int_equal(erg_rollup_add(rollup, &pass, NULL), 0);
}

static void load(struct erg_rows *rows, unsigned keys, int profiled, int bare)
{
    struct erg_rollup *rollup;
    assert_int_equal(erg_rollup_new(&rollup, keys | ERG_UNPROFILED_APART, NULL), 0);
    for (int i = 0; i < bare; i++)
        add_pass(rollup, ERG_PHASE_DECODE, 2, true);
    for (int i = 0; i < profiled; i++)
        add_pass(rollup, ERG_PHASE_DECODE, 1, false);
    add_pass(rollup, ERG_PHASE_PREFILL, 5, false);
    *rows = (struct erg_rows){0};
    assert_int_equal(erg_rows_from_rollup(rows, rollup, keys, ERG_PHASES, name_of, NULL), 0);
    erg_rows_extrapolate(rows);
    erg_rollup_free(rollup);
}

static void test_the_others_stand_for_them(void **state)
{
    static const unsigned keys[] = {ERG_BY_PHASE | ERG_BY_COMPONENT, ERG_BY_PHASE | ERG_BY_LAYER,
                                    ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT |
                                        ERG_BY_OPERATION};
    (void)state;
    for (size_t k = 0; k < ERG_COUNT(keys); k++) {
        struct erg_rows rows;
        int64_t nj = 0, ns = 0;
        double mj = 0, ms = 0;
        load(&rows, keys[k], 6, 2);
        assert_int_equal(rows.count, 5);
        for (size_t i = 0; i < rows.count; i++) {
            const struct erg_row *row = &rows.items[i];
            bool decodes = strcmp(row->phase, "decode") == 0;
            nj += erg_energy_total_nj(&row->energy);
            ns += row->duration_ns;
            assert_int_equal(row->extrapolated, decodes && !row->unprofiled);
            assert_int_equal(row->replaced, row->unprofiled);
            if (row->replaced)
                continue;
            mj += erg_row_value(row, ERG_METRIC_ENERGY);
            ms += erg_row_value(row, ERG_METRIC_TIME);
        }
        /* 6 × 1 + 2 × 2 + 5: exact as measured, and the extrapolated rows add up to it too. */
        assert_int_equal(nj, 15000000);
        assert_int_equal(ns, 150000);
        assert_true(fabs(mj - 15) < 1e-9 && fabs(ms - 0.15) < 1e-12);
        erg_rows_deinit(&rows);
    }
}

static void test_json_has_both(void **state)
{
    struct erg_rows rows;
    struct erg_buf text = {0};
    struct erg_jsonw w;
    (void)state;
    load(&rows, ERG_BY_PHASE | ERG_BY_COMPONENT, 6, 2);
    erg_jsonw_init(&w, &text);
    erg_rows_write_json(&rows, "component", &w);
    const char *json = erg_buf_view(&text);
    assert_non_null(strstr(json, "\"profiled\":false,\"component\":\"not profiled\","
                                 "\"duration_ms\":0.04,\"energy_mj\":4"));
    assert_non_null(strstr(json, "\"component\":\"attention\",\"duration_ms\":0.045,"
                                 "\"energy_mj\":4.5,\"energy_by_domain_mj\":{\"cpu\":4.5},"
                                 "\"extrapolated\":true,\"extrapolated_energy_mj\":7.5,"
                                 "\"extrapolated_duration_ms\":0.075"));
    erg_buf_deinit(&text);
    erg_rows_footnote(&rows, &text);
    assert_string_equal(erg_buf_view(&text),
                        "~ extrapolated from the passes that were profiled: 2 were not\n");
    erg_buf_deinit(&text);
    erg_rows_sort(&rows, ERG_METRIC_ENERGY);
    erg_rows_keep_top(&rows, 2);
    assert_int_equal(rows.count, 3); /* the one that tells how many were not */
    erg_rows_deinit(&rows);
}

/* Where nothing was profiled there is nothing to stand for it; where all was, nothing changes. */
static void test_all_or_nothing(void **state)
{
    struct erg_rows rows;
    struct erg_buf text = {0};
    (void)state;
    load(&rows, ERG_BY_PHASE | ERG_BY_COMPONENT, 0, 3);
    assert_int_equal(rows.count, 3);
    for (size_t i = 0; i < rows.count; i++)
        assert_false(rows.items[i].extrapolated || rows.items[i].replaced);
    erg_rows_deinit(&rows);
    load(&rows, ERG_BY_PHASE | ERG_BY_COMPONENT, 3, 0);
    assert_int_equal(rows.count, 4);
    erg_rows_footnote(&rows, &text);
    assert_int_equal(text.len, 0);
    erg_rows_deinit(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_others_stand_for_them),
        cmocka_unit_test(test_json_has_both),
        cmocka_unit_test(test_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
