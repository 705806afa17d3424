/* SPDX-License-Identifier: MIT */
/*
 * What sampling costs: CPU time of the sampling thread with one source, against a thread that only
 * sleeps to the same deadlines. Both take turns in one run; `--quick` for use as a test.
 */
#include "base/clock.h"
#include "power/power.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_ROUNDS = 32 };

#define INTERVAL_NS INT64_C(2000000)

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

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return values[n / 2];
}

struct timer {
    int64_t until_ns;
    long wakes;
};

static void *tick(void *argument)
{
    struct timer *timer = argument;
    const struct erg_clock *clock = erg_clock_system();
    for (int64_t due = erg_clock_now_ns(clock); due < timer->until_ns; due += INTERVAL_NS) {
        clock->sleep_until_ns(clock->user, due);
        timer->wakes++;
    }
    return NULL;
}

/* CPU time per wake-up of an empty timer loop, ns. */
static double empty_loop(int64_t length_ns)
{
    struct timer timer = {erg_clock_now_ns(erg_clock_system()) + length_ns, 0};
    pthread_t thread;
    int64_t before = process_ns();
    if (pthread_create(&thread, NULL, tick, &timer))
        exit(1);
    pthread_join(thread, NULL);
    return (double)(process_ns() - before) / (double)timer.wakes;
}

static void count(void *user, int64_t before_ns, int64_t after_ns, enum erg_reading_kind kind,
                  const struct erg_channel_value *values, uint32_t n)
{
    (void)before_ns, (void)after_ns, (void)kind, (void)values, (void)n;
    atomic_fetch_add((atomic_long *)user, 1);
}

/* CPU time per sample, ns. */
static double sampler(const char *spec, int64_t length_ns)
{
    struct erg_power_options options = {.spec = spec, .interval_ns = INTERVAL_NS};
    const struct erg_clock *clock = erg_clock_system();
    struct erg_power *power = NULL;
    struct erg_err err = {.text = ""};
    atomic_long samples = 0;
    if (erg_power_open(&power, &options, NULL, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    int64_t before = process_ns(), until = erg_clock_now_ns(clock) + length_ns;
    if (erg_power_start(power, 0, count, NULL, &samples, &err))
        exit(1);
    clock->sleep_until_ns(clock->user, until);
    erg_power_stop(power);
    double cost = (double)(process_ns() - before) / (double)atomic_load(&samples);
    erg_power_close(power);
    return cost;
}

static void compare_source(const char *name, const char *spec, int rounds, int64_t length_ns)
{
    double empty[MAX_ROUNDS], sampled[MAX_ROUNDS];
    for (int i = 0; i < rounds; i++) {
        empty[i] = empty_loop(length_ns);
        sampled[i] = sampler(spec, length_ns);
    }
    double base = median(empty, rounds), with = median(sampled, rounds);
    printf("%-10s %6.2f us a sample, %6.2f us the empty loop: %+6.2f us, ratio %.2f\n", name,
           with / 1000, base / 1000, (with - base) / 1000, with / base);
}

int main(int argc, char **argv)
{
    bool quick = argc == 2 && !strcmp(argv[1], "--quick");
    int rounds = quick ? 2 : 15;
    int64_t length_ns = quick ? INT64_C(50000000) : INT64_C(500000000);
    compare_source("synthetic", "synthetic:cpu=20W,drop=0", rounds, length_ns);
    compare_source("estimate", "estimate", rounds, length_ns);
    return 0;
}
