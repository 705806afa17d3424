/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "power/sensor_rig.h"

static int fail_at; /* the allocation that fails, counting from 1; 0 = none */

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (fail_at && --fail_at == 0)
        return NULL;
    return __real_erg_realloc(block, bytes);
}

/* Fail the k-th allocation for every k, of probing and of opening: a reason, and nothing is lost.
 */
static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const struct {
        const char *driver, *dir;
    } rows[] = {{"amdgpu", "power/roots/amd-gpus"},
                {"hwmon", "power/roots/intel-xe"},
                {"jetson", "power/roots/jetson-orin-nano"},
                {"jetson", "power/roots/jetson-agx-xavier"},
                {"battery", "power/roots/laptop-battery"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool exhausted = false;
        int refused = 0;
        for (int k = 1; !exhausted; k++) {
            struct rig rig;
            struct erg_power_options options = {.root = &rig.root, .clock = &rig.clock};
            bool exact;
            assert_true(k < 500);
            rig_init(&rig, rows[i].driver, rows[i].dir);
            fail_at = k;
            struct erg_power_probe probe = rig_probe(&rig);
            bool probe_failed = fail_at == 0;
            if (probe.state != ERG_POWER_READY)
                assert_string_not_equal(probe.reason, "");
            fail_at = k;
            int rc = rig.driver->open(&options, NULL, &rig.source, rig.channels, &rig.count, &exact,
                                      &rig.err);
            exhausted = fail_at > 0;
            fail_at = 0;
            assert_true(exhausted || probe_failed);
            refused += rc != 0;
            if (rc)
                assert_string_not_equal(rig.err.text, "");
            else
                rig_close(&rig);
        }
        assert_true(refused > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
