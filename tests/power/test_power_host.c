/* SPDX-License-Identifier: MIT */
#include "power/host.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define S INT64_C(1000000000)

static void memory_comes_from_the_root(void **state)
{
    (void)state;
    struct erg_root root;
    struct erg_host host;
    struct erg_host_sample sample;
    assert_int_equal(erg_root_init(&root, "power/roots/epyc-vm", NULL), 0);
    erg_host_init(&host, &root, 0);
    erg_host_sample(&host, 5, &sample);
    assert_int_equal(sample.t_ns, 5);
    assert_int_equal(sample.machine_total_bytes, INT64_C(8148536) * 1024);
    assert_int_equal(sample.machine_used_bytes, INT64_C(2148536) * 1024);
    assert_int_equal(sample.engine_rss_bytes, 0);
    assert_true(isnan(sample.machine_cpu_ratio) && isnan(sample.engine_cpu_ratio) &&
                isnan(sample.others_cpu_ratio));

    assert_int_equal(erg_root_init(&root, "power/roots/old-kernel", NULL), 0);
    erg_host_init(&host, &root, 0);
    erg_host_sample(&host, 5, &sample);
    assert_int_equal(sample.machine_used_bytes, 850 * 1024);
}

static void missing_files_are_not_known(void **state)
{
    (void)state;
    struct erg_root root;
    struct erg_host host;
    struct erg_host_sample sample;
    assert_int_equal(erg_root_init(&root, "power/roots/empty", NULL), 0);
    erg_host_init(&host, &root, 0);
    erg_host_sample(&host, 0, &sample);
    erg_host_sample(&host, S, &sample);
    assert_true(isnan(sample.machine_cpu_ratio) && isnan(sample.others_cpu_ratio));
    assert_int_equal(sample.machine_total_bytes, 0);
}

/* The machine's figures as differences of what the recorded tree says, with ourselves as engine. */
static void ratios_are_differences_between_calls(void **state)
{
    (void)state;
    struct erg_root root;
    struct erg_host host;
    struct erg_host_sample sample;
    assert_int_equal(erg_root_init(&root, "power/roots/epyc-vm", NULL), 0);
    erg_host_init(&host, &root, getpid());
    erg_host_sample(&host, 100 * S, &sample);
    assert_true(sample.engine_rss_bytes > 0);

    /* As if it had been 100 jiffies ago, 40 of them busy. */
    host.last_machine_total -= 100;
    host.last_machine_busy -= 40;
    erg_host_sample(&host, 1000000 * S, &sample);
    assert_true(fabs(sample.machine_cpu_ratio - 0.4) < 1e-12);
    assert_true(sample.engine_cpu_ratio >= 0 && sample.engine_cpu_ratio < 1e-6);
    assert_true(fabs(sample.others_cpu_ratio - 0.4) < 1e-5);

    /* Nothing happened between: not known; and never less than nothing for the others. */
    erg_host_sample(&host, 1000001 * S, &sample);
    assert_true(isnan(sample.machine_cpu_ratio));
    host.last_machine_total -= 1000;
    host.last_engine_ns = 0;
    host.last_self_ns = 0;
    struct timespec now;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    while (now.tv_sec == 0 && now.tv_nsec < 1000000);
    erg_host_sample(&host, 1000001 * S + 1000000, &sample);
    assert_true(sample.engine_cpu_ratio >= 0.4 && sample.engine_cpu_ratio <= 1);
    assert_true(sample.machine_cpu_ratio == 0);
    assert_true(sample.others_cpu_ratio == 0);
}

static void a_process_that_is_gone_is_not_known(void **state)
{
    (void)state;
    struct erg_root root;
    struct erg_host host;
    struct erg_host_sample sample;
    assert_int_equal(erg_root_init(&root, "power/roots/epyc-vm", NULL), 0);
    erg_host_init(&host, &root, 0x7ffffff0); /* above the kernel's limit of process ids */
    erg_host_sample(&host, 0, &sample);
    host.last_machine_total -= 100;
    erg_host_sample(&host, S, &sample);
    assert_true(isnan(sample.engine_cpu_ratio));
    assert_int_equal(sample.engine_rss_bytes, 0);
    assert_false(isnan(sample.others_cpu_ratio));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_comes_from_the_root),
        cmocka_unit_test(missing_files_are_not_known),
        cmocka_unit_test(ratios_are_differences_between_calls),
        cmocka_unit_test(a_process_that_is_gone_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
