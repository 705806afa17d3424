/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "analysis/summary.h"

#include <ctype.h>

static void test_presets(void **state)
{
    static const struct {
        const char *region;
        double g_per_kwh;
    } rows[] = {{"us", 400}, {"california", 200}, {"texas", 500}, {"eu", 300}};
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_grid grid;
        assert_true(erg_grid_find(rows[i].region, &grid));
        assert_true(grid.g_per_kwh == rows[i].g_per_kwh && grid.usd_per_kwh == 0.12);
        assert_int_equal(grid.year, 0);
    }
}

static void test_names_and_codes(void **state)
{
    static const char *const same[] = {"south-korea", "South Korea", "SOUTH_KOREA", "kr", "KR"};
    static const char *const none[] = {"", "kr ", "south", "south-koreas", "k", "moon"};
    struct erg_grid grid;
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(same); i++) {
        assert_true(erg_grid_find(same[i], &grid));
        assert_string_equal(grid.region, "south-korea");
        assert_int_equal(grid.year, 2023);
    }
    for (size_t i = 0; i < ERG_COUNT(none); i++)
        assert_false(erg_grid_find(none[i], &grid));
    assert_true(erg_grid_find("UK", &grid));
    assert_string_equal(grid.region, "united-kingdom");
    assert_true(erg_grid_find("US", &grid)); /* the preset, not the country */
    assert_true(grid.g_per_kwh == 400);
}

/* Every row can be found by its name and its code, and is one that can be true. */
static void test_table(void **state)
{
    struct erg_grid grid, found;
    size_t countries = 0;
    (void)state;
    for (size_t i = 0; erg_grid_at(i, &grid); i++) {
        const char *code = erg_grid_code(i);
        assert_true(erg_grid_find(grid.region, &found));
        assert_string_equal(found.region, grid.region);
        assert_true(grid.g_per_kwh > 0 && grid.g_per_kwh <= 1300);
        assert_true(grid.usd_per_kwh > 0 && grid.usd_per_kwh < 1);
        if (!code)
            continue;
        countries++;
        assert_true(isupper((unsigned char)code[0]) && isupper((unsigned char)code[1]) && !code[2]);
        assert_in_range(grid.year, 2022, 2023);
        assert_true(strcmp(code, "US") == 0 || erg_grid_find(code, &found));
        if (strcmp(code, "US") != 0)
            assert_string_equal(found.region, grid.region);
    }
    assert_true(countries >= 40);
    assert_null(erg_grid_code(1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_names_and_codes),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
