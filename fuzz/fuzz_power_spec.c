/* SPDX-License-Identifier: MIT */
#include "power/power.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int64_t stand_still(void *user)
{
    (void)user;
    return INT64_C(1000000000000);
}

struct last {
    int64_t value[ERG_DOMAINS];
};

/* Energy never falls, and every value is one. */
static void check(void *user, int64_t before_ns, int64_t after_ns, enum erg_reading_kind kind,
                  const struct erg_channel_value *values, uint32_t count)
{
    struct last *last = user;
    (void)before_ns, (void)after_ns, (void)kind;
    for (uint32_t i = 0; i < count; i++) {
        if (values[i].status || values[i].value < last->value[values[i].channel])
            abort();
        last->value[values[i].channel] = values[i].value;
    }
}

/* A power specification from anywhere; no file may be named and no machine is there to be read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times[] = {INT64_MIN,
                                    -1,
                                    0,
                                    INT64_C(999999999999),
                                    INT64_C(1000000000001),
                                    INT64_C(1000500000007),
                                    INT64_C(86400000000000),
                                    INT64_MAX};
    const struct erg_clock clock = {stand_still, stand_still, NULL, NULL};
    struct erg_root nowhere = {.prefix = "/nonexistent"};
    char *spec = malloc(size + 1);
    if (!spec)
        return 0;
    memcpy(spec, data, size);
    spec[size] = '\0';
    struct erg_power_options options = {.spec = spec, .root = &nowhere, .clock = &clock};
    struct erg_power *power = NULL;
    struct erg_err err = {.text = ""};
    struct last last = {{0}};
    int rc = erg_power_open(&power, &options, NULL, &err);
    if (rc && (err.code != rc || !*err.text))
        abort();
    if (rc == 0) {
        struct erg_buf json;
        erg_buf_init(&json);
        if (erg_power_describe(power, &json, NULL))
            abort();
        erg_buf_deinit(&json);
        if (!erg_power_is_polled(power)) {
            erg_power_start(power, stand_still(NULL), check, NULL, &last, NULL);
            for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
                erg_power_read_exact(power, times[i], ERG_READING_EDGE);
        }
        erg_power_close(power);
    }
    free(spec);
    return 0;
}
