/* SPDX-License-Identifier: MIT */
/*
 * What sampling costs, by source: CPU time of this process with one source at 10, 100 and 1000 Hz,
 * above that of a thread that only sleeps to the same deadlines; and whether readings come at the
 * rate that was asked for and how far from their deadlines. Sensors are recorded machines, whose
 * files cost a read(2) and no reading of a register. `--quick` for use as a test.
 */
#include "base/clock.h"
#include "power/power.h"

#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef ERGON_SOURCE_DIR
#define ERGON_SOURCE_DIR "."
#endif

enum { MAX_ROUNDS = 32, MAX_READINGS = 1 << 16 };

static int64_t process_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(double *values, int n, double q)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return n ? values[(int)(q * (n - 1))] : NAN;
}

struct timer {
    int64_t until_ns, interval_ns;
    long wakes;
};

static void *tick(void *argument)
{
    struct timer *timer = argument;
    const struct erg_clock *clock = erg_clock_system();
    for (int64_t due = erg_clock_now_ns(clock); due < timer->until_ns; due += timer->interval_ns) {
        clock->sleep_until_ns(clock->user, due);
        timer->wakes++;
    }
    return NULL;
}

/* CPU time per wake-up of an empty timer loop, ns. */
static double empty_loop(int64_t interval_ns, int64_t length_ns)
{
    struct timer timer = {erg_clock_now_ns(erg_clock_system()) + length_ns, interval_ns, 0};
    pthread_t thread;
    int64_t before = process_ns();
    if (pthread_create(&thread, NULL, tick, &timer))
        exit(1);
    pthread_join(thread, NULL);
    return (double)(process_ns() - before) / (double)timer.wakes;
}

/* Times of the readings on the grid; written by the sampling threads, one at a time. */
struct readings {
    int64_t t_ns[MAX_READINGS];
    int count;
};

static void count(void *user, int64_t before_ns, int64_t after_ns, enum erg_reading_kind kind,
                  const struct erg_channel_value *values, uint32_t n)
{
    struct readings *readings = user;
    (void)after_ns, (void)values, (void)n;
    /* What is derived from a reading follows it and is none of its own. */
    bool derived = readings->count && before_ns == readings->t_ns[readings->count - 1];
    if (kind == ERG_READING_GRID && !derived && readings->count < MAX_READINGS)
        readings->t_ns[readings->count++] = before_ns;
}

/* CPU time per sample, ns; false when the source is not to be had here. */
static bool sample(const char *spec, const struct erg_root *root, int64_t interval_ns,
                   int64_t length_ns, struct readings *readings, double *out_ns)
{
    struct erg_power_options options = {.spec = spec, .interval_ns = interval_ns, .root = root};
    const struct erg_clock *clock = erg_clock_system();
    struct erg_power *power = NULL;
    struct erg_err err = {.text = ""};
    readings->count = 0;
    if (erg_power_open(&power, &options, NULL, &err)) {
        printf("%-10s not here: %s\n", spec, err.text);
        return false;
    }
    int64_t before = process_ns(), until = erg_clock_now_ns(clock) + length_ns;
    if (erg_power_start(power, 0, count, NULL, readings, &err))
        exit(1);
    clock->sleep_until_ns(clock->user, until);
    erg_power_stop(power);
    *out_ns = (double)(process_ns() - before) / (readings->count ? readings->count : 1);
    erg_power_close(power);
    return true;
}

/* How far readings lie from their deadlines, which are whole intervals from the first one. */
static double jitter_us(const struct readings *readings, int64_t interval_ns, double q)
{
    static double late[MAX_READINGS];
    for (int i = 0; i < readings->count; i++) {
        int64_t since = readings->t_ns[i] - readings->t_ns[0];
        late[i] = fabs((double)(since - (since + interval_ns / 2) / interval_ns * interval_ns)) / 1e3;
    }
    return quantile(late, readings->count, q);
}

static void compare_source(const char *name, const char *spec, const struct erg_root *root,
                           int rate, int rounds, int64_t length_ns)
{
    static struct readings readings;
    double empty[MAX_ROUNDS], sampled[MAX_ROUNDS];
    int64_t interval_ns = INT64_C(1000000000) / rate;
    for (int i = 0; i < rounds; i++) {
        empty[i] = empty_loop(interval_ns, length_ns);
        if (!sample(spec, root, interval_ns, length_ns, &readings, &sampled[i]))
            return;
    }
    double base = quantile(empty, rounds, 0.5), with = quantile(sampled, rounds, 0.5);
    double span_s = (double)(readings.t_ns[readings.count - 1] - readings.t_ns[0]) / 1e9;
    printf("%-10s %5d Hz: %6.2f us a sample, %6.2f us the empty loop: %+6.2f us; %7.1f Hz reached, "
           "jitter median %5.0f us, 99 %% %5.0f us\n",
           name, rate, with / 1000, base / 1000, (with - base) / 1000,
           span_s > 0 ? (readings.count - 1) / span_s : 0, jitter_us(&readings, interval_ns, 0.5),
           jitter_us(&readings, interval_ns, 0.99));
}

int main(int argc, char **argv)
{
    static const int rates[] = {10, 100, 1000};
    static const struct {
        const char *name, *spec, *root;
    } sources[] = {
        {"synthetic", "synthetic:cpu=20W,drop=0", NULL},
        {"estimate", "estimate", NULL},
        {"amdgpu", "amdgpu", "amdgpu-input"},
        {"battery", "battery", "battery-laptop"},
    };
    bool quick = argc == 2 && !strcmp(argv[1], "--quick");
    for (size_t s = 0; s < sizeof sources / sizeof sources[0]; s++) {
        struct erg_root root;
        char path[600] = "";
        if (sources[s].root)
            snprintf(path, sizeof path, "%s/tests/power/roots/%s", ERGON_SOURCE_DIR,
                     sources[s].root);
        if (erg_root_init(&root, sources[s].root ? path : NULL, NULL))
            continue;
        for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
            int64_t length_ns = quick ? INT64_C(120000000)
                                : rates[r] < 100 ? INT64_C(2000000000)
                                                 : INT64_C(500000000);
            compare_source(sources[s].name, sources[s].spec, &root, rates[r],
                           quick             ? 1
                           : rates[r] < 100 ? 3
                                            : 9,
                           length_ns);
        }
    }
    return 0;
}
