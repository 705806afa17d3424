/* SPDX-License-Identifier: MIT */
#include "harness.h"

#include "base/buf.h"
#include "base/clock.h"
#include "record/machine.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *file, *name, *dimensions;
} models[] = {
    [BENCH_MODEL_1B] = {"llama-1b-q4_0.gguf", "llama 1.1 B q4_0",
                        "\"type\":\"q4_0\",\"layers\":22,\"embedding\":2048,\"heads\":32,"
                        "\"kv_heads\":4,\"feed_forward\":5632,\"vocab\":32000"},
    [BENCH_MODEL_TINY] = {"llama-tiny-q8_0.gguf", "llama tiny q8_0",
                          "\"type\":\"q8_0\",\"layers\":2,\"embedding\":128,\"heads\":4,"
                          "\"kv_heads\":2,\"feed_forward\":256,\"vocab\":512"},
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(const double *values, int n)
{
    static double sorted[BENCH_MOST_VALUES];
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* SplitMix64: the same resamples in every run. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

void bench_bootstrap(const double *values, int n, double *out_low, double *out_high)
{
    bench_bootstrap_rounds(values, NULL, n, out_low, out_high);
}

/* Where each round begins, and the end of the last; how many. */
static int find_rounds(const int *round, int n, int *out_first)
{
    int rounds = 0;
    for (int i = 0; i < n; i++) {
        if (i == 0 || (round && round[i] != round[i - 1]))
            out_first[rounds++] = i;
    }
    if (rounds < BENCH_LEAST_ROUNDS) {
        for (rounds = 0; rounds < n; rounds++)
            out_first[rounds] = rounds;
    }
    out_first[rounds] = n;
    return rounds;
}

void bench_bootstrap_rounds(const double *values, const int *round, int n, double *out_low,
                            double *out_high)
{
    static double medians[BENCH_RESAMPLES], drawn[BENCH_MOST_VALUES];
    static int first[BENCH_MOST_VALUES + 1];
    uint64_t state = 1;
    int rounds = find_rounds(round, n, first);
    for (int r = 0; r < BENCH_RESAMPLES; r++) {
        int count = 0;
        for (int k = 0; k < rounds; k++) {
            int chosen = (int)(next_random(&state) % (uint64_t)rounds);
            for (int i = first[chosen]; i < first[chosen + 1] && count < BENCH_MOST_VALUES; i++)
                drawn[count++] = values[i];
        }
        medians[r] = bench_median(drawn, count);
    }
    qsort(medians, BENCH_RESAMPLES, sizeof *medians, compare);
    *out_low = medians[BENCH_RESAMPLES * 25 / 1000];
    *out_high = medians[BENCH_RESAMPLES * 975 / 1000];
}

void bench_fail(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}

void bench_engine_start(struct erg_engine *engine)
{
    struct erg_err err = {.text = ""};
    if (erg_engine_start(engine, ERGON_ENGINE_PATH, &err))
        bench_fail("%s", err.text);
}

static bool is_text(struct erg_text_view text, const char *expected)
{
    return text.len == strlen(expected) && memcmp(text.bytes, expected, text.len) == 0;
}

void bench_engine_ask(struct erg_engine *engine, const char *command, const char *until,
                      void (*take)(void *user, struct erg_text_view text), void *user)
{
    struct erg_err err = {.text = ""};
    int rc = erg_engine_send(engine, command, &err);
    while (rc == 0) {
        struct erg_event event;
        rc = erg_engine_wait(engine, 1000, &err);
        int next;
        while ((next = erg_engine_next(engine, &event, &err)) == 1) {
            if (event.type == ERG_REC_RUN_END)
                bench_fail("%.*s", (int)event.text.len, event.text.bytes);
            if (event.type != ERG_REC_LOG || event.level_or_status != ERG_LOG_INFO)
                continue;
            if (is_text(event.text, until))
                return;
            if (take)
                take(user, event.text);
        }
        rc = rc ? rc : next;
    }
    bench_fail("%s", err.text);
}

void bench_model_make(enum bench_model which, char path[4096], char name[64])
{
    struct stat st;
    snprintf(path, 4096, "%s/%s", ERGON_BENCH_DIR, models[which].file);
    if (stat(path, &st)) {
        struct erg_engine engine;
        char command[8192];
        snprintf(command, sizeof command, "{\"cmd\":\"synth\",\"out\":\"%s\",%s}", path,
                 models[which].dimensions);
        bench_engine_start(&engine);
        bench_engine_ask(&engine, command, "synthesised", NULL, NULL);
        erg_engine_stop(&engine, 2000);
        if (stat(path, &st))
            bench_fail("no model came into being at %s", path);
    }
    snprintf(name, 64, "%s, %.1f MB", models[which].name, (double)st.st_size / 1e6);
}

void bench_print_machine(void)
{
    static const struct erg_root root;
    struct erg_buf buf;
    double load[3] = {0};
    char when[40];
    erg_buf_init(&buf);
    erg_machine_describe(&root, &buf);
    json_t *machine = json_loads(erg_buf_view(&buf), 0, NULL);
    getloadavg(load, 3);
    erg_format_local_time(erg_clock_system()->wall_ns(NULL), when);
    printf("%.10s %s, %d processors, %s, kernel %s, load %.2f\n", when,
           json_string_value(json_object_get(machine, "cpu")),
           (int)json_integer_value(json_object_get(machine, "cpus")),
           json_string_value(json_object_get(machine, "os")),
           json_string_value(json_object_get(machine, "kernel")), load[0]);
    json_decref(machine);
    erg_buf_deinit(&buf);
}

int64_t bench_cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}
