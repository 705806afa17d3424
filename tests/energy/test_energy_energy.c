/* SPDX-License-Identifier: MIT */
#include "energy/energy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names_round_trip(void **state)
{
    (void)state;
    for (int d = 0; d < ERG_DOMAINS; d++)
        assert_int_equal(erg_domain_find(erg_domain_name((enum erg_domain)d)), d);
    for (int g = 0; g <= ERG_GRADE_UNAVAILABLE; g++)
        assert_int_equal(erg_grade_find(erg_grade_name((enum erg_grade)g)), g);
    assert_string_equal(erg_domain_name(ERG_DOMAIN_DRAM), "dram");
    assert_string_equal(erg_grade_name(ERG_GRADE_UNAVAILABLE), "unavailable");
    assert_int_equal(erg_domain_find("psys"), -1);
    assert_int_equal(erg_domain_find(""), -1);
    assert_int_equal(erg_grade_find("CPU"), -1);
    assert_string_equal(erg_domain_name(ERG_DOMAINS), "unknown");
}

static void unknown_is_not_zero(void **state)
{
    (void)state;
    struct erg_energy none = {.nj = {7, 7, 7, 7, 7, 7}};
    assert_false(erg_energy_known(&none));
    assert_int_equal(erg_energy_total_nj(&none), 0);

    struct erg_energy sum = none;
    struct erg_energy cpu = {.nj = {[ERG_DOMAIN_CPU] = 5}, .present = 1u << ERG_DOMAIN_CPU};
    erg_energy_add(&sum, &cpu);
    assert_int_equal(sum.present, 1u << ERG_DOMAIN_CPU);
    assert_int_equal(erg_energy_total_nj(&sum), 5);
    erg_energy_add(&sum, &none);
    assert_int_equal(erg_energy_total_nj(&sum), 5);
}

static void sums_saturate(void **state)
{
    (void)state;
    struct erg_energy a = {.nj = {INT64_MAX - 1, 10}, .present = 3};
    struct erg_energy sum = a;
    erg_energy_add(&sum, &a);
    assert_int_equal(sum.nj[0], INT64_MAX);
    assert_int_equal(sum.nj[1], 20);
    assert_int_equal(erg_energy_total_nj(&sum), INT64_MAX);
}

static void difference_keeps_what_the_parent_knows(void **state)
{
    (void)state;
    struct erg_energy parent = {.nj = {100, 50}, .present = 3};
    struct erg_energy child = {.nj = {30, 99, 8}, .present = 1u << 0 | 1u << 2};
    struct erg_energy rest = erg_energy_sub(&parent, &child);
    assert_int_equal(rest.present, 3);
    assert_int_equal(rest.nj[0], 70);
    assert_int_equal(rest.nj[1], 50);
    struct erg_energy low = {.nj = {INT64_MIN}, .present = 1};
    assert_int_equal(erg_energy_sub(&low, &parent).nj[0], INT64_MIN);
    assert_int_equal(erg_energy_sub(&parent, &low).nj[0], INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_round_trip),
        cmocka_unit_test(unknown_is_not_zero),
        cmocka_unit_test(sums_saturate),
        cmocka_unit_test(difference_keeps_what_the_parent_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
