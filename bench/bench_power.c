/* SPDX-License-Identifier: MIT */
/*
 * What sampling costs, by source: CPU time of this process with one source at 10, 100 and 1000 Hz,
 * above that of a thread that only sleeps to the same deadlines; and whether readings come at the
 * rate that was asked for and how far from their deadlines. Sensors are recorded machines, whose
 * files cost a read(2) and no reading of a register. `--quick` for use as a test.
 */
#include "base/clock.h"
#include "power/power.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

/* --- a processor whose counter moves while it is being opened -----------------------------------
 */

struct processor {
    char dir[64];
    pthread_t thread;
    atomic_bool stop;
};

static const char *const processor_files[][2] = {
    {"name", "package-0\n"}, {"max_energy_range_uj", "262143328850\n"}, {"energy_uj", "1000\n"}};

static void put_file(const struct processor *processor, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/sys/class/powercap/intel-rapl:0/%s", processor->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        exit(1);
    close(fd);
}

static const char *const folders[] = {"/sys", "/sys/class", "/sys/class/powercap",
                                      "/sys/class/powercap/intel-rapl:0"};

static void processor_make(struct processor *processor)
{
    char path[256];
    snprintf(processor->dir, sizeof processor->dir, "/tmp/ergon-bench-XXXXXX");
    if (!mkdtemp(processor->dir))
        exit(1);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", processor->dir, folders[i]);
        mkdir(path, 0755);
    }
    for (size_t i = 0; i < 3; i++)
        put_file(processor, processor_files[i][0], processor_files[i][1]);
}

static void processor_remove(const struct processor *processor)
{
    char path[256];
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s/%s", processor->dir, folders[3], processor_files[i][0]);
        unlink(path);
    }
    for (size_t i = 4; i-- > 0;) {
        snprintf(path, sizeof path, "%s%s", processor->dir, folders[i]);
        rmdir(path);
    }
    rmdir(processor->dir);
}

static void *processor_run(void *argument)
{
    struct processor *processor = argument;
    const struct erg_clock *clock = erg_clock_system();
    for (int i = 1000; !atomic_load(&processor->stop); i++) {
        char text[32];
        snprintf(text, sizeof text, "%d\n", i);
        put_file(processor, "energy_uj", text);
        clock->sleep_until_ns(clock->user, erg_clock_now_ns(clock) + 1000000);
    }
    return NULL;
}

static int open_power(struct erg_power **out, const struct erg_power_options *options,
                      struct processor *processor, struct erg_err *err)
{
    atomic_store(&processor->stop, false);
    if (pthread_create(&processor->thread, NULL, processor_run, processor))
        exit(1);
    int rc = erg_power_open(out, options, NULL, err);
    atomic_store(&processor->stop, true);
    pthread_join(processor->thread, NULL);
    return rc;
}

/* --- measuring ----------------------------------------------------------------------------------
 */

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
    int64_t t_ns[MAX_READINGS], last_ns;
    int count;
};

static void count(void *user, int64_t before_ns, int64_t after_ns, enum erg_reading_kind kind,
                  const struct erg_channel_value *values, uint32_t n)
{
    struct readings *readings = user;
    (void)values, (void)n;
    /* What is derived from a reading is of the same time and no reading of its own. */
    bool derived = readings->count && before_ns <= readings->last_ns;
    readings->last_ns = after_ns;
    if (kind == ERG_READING_GRID && !derived && readings->count < MAX_READINGS)
        readings->t_ns[readings->count++] = before_ns;
}

/* CPU time per sample, ns; false when the source is not to be had here. */
static bool sample(const char *spec, const struct erg_root *root, struct processor *processor,
                   int64_t interval_ns, int64_t length_ns, struct readings *readings,
                   double *out_ns)
{
    struct erg_power_options options = {.spec = spec, .interval_ns = interval_ns, .root = root};
    const struct erg_clock *clock = erg_clock_system();
    struct erg_power *power = NULL;
    struct erg_err err = {.text = ""};
    readings->count = 0;
    if (open_power(&power, &options, processor, &err)) {
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

/* How far readings lie from the grid that fits them best. */
static double jitter_us(const struct readings *readings, int64_t interval_ns, double q)
{
    static double late[MAX_READINGS];
    for (int i = 0; i < readings->count; i++) {
        int64_t since = readings->t_ns[i] - readings->t_ns[0];
        late[i] = (double)(since - (since + interval_ns / 2) / interval_ns * interval_ns) / 1e3;
    }
    double middle = quantile(late, readings->count, 0.5);
    for (int i = 0; i < readings->count; i++)
        late[i] = fabs(late[i] - middle);
    return quantile(late, readings->count, q);
}

static void compare_source(const char *name, const char *spec, const struct erg_root *root,
                           struct processor *processor, int rate, int rounds, int64_t length_ns)
{
    static struct readings readings;
    double empty[MAX_ROUNDS], sampled[MAX_ROUNDS];
    int64_t interval_ns = INT64_C(1000000000) / rate;
    for (int i = 0; i < rounds; i++) {
        empty[i] = empty_loop(interval_ns, length_ns);
        if (!sample(spec, root, processor, interval_ns, length_ns, &readings, &sampled[i]))
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
        {"rapl", "rapl", "made"},
        {"amdgpu", "amdgpu", "amd-gpus"},
        {"battery", "battery", "laptop-battery"},
    };
    bool quick = argc == 2 && !strcmp(argv[1], "--quick");
    struct processor processor;
    processor_make(&processor);
    for (size_t s = 0; s < sizeof sources / sizeof sources[0]; s++) {
        struct erg_root root;
        const char *name = sources[s].root;
        char path[600] = "";
        if (name && !strcmp(name, "made"))
            snprintf(path, sizeof path, "%s", processor.dir);
        else if (name)
            snprintf(path, sizeof path, "%s/tests/power/roots/%s", ERGON_SOURCE_DIR, name);
        if (erg_root_init(&root, name ? path : NULL, NULL))
            continue;
        for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
            bool slow = rates[r] < 100;
            int rounds = quick ? 1 : slow ? 3 : 9;
            int64_t length_ms = quick ? 120 : slow ? 1500 : 500;
            compare_source(sources[s].name, sources[s].spec, &root, &processor, rates[r], rounds,
                           length_ms * 1000000);
        }
    }
    processor_remove(&processor);
    return 0;
}
