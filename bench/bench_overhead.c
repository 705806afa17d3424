/* SPDX-License-Identifier: MIT */
/*
 * What profiling costs the engine: a profiled context and a bare one take turns inside one engine
 * process (engine/llama/bench.h), and beside it two bare ones (A/A): what that row shows is noise.
 */
#include "harness.h"

#include "base/num.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    RESAMPLES = 4000,
    LEAST_PAIRS = 20,
    MAX_PAIRS = 20000,
    PROMPT_TOKENS = 64,
    PREFILL_TOKENS = 512
};

struct pairs {
    int count;
    double a_ns[MAX_PAIRS], b_ns[MAX_PAIRS], report_ns[MAX_PAIRS];
};

/* What one row measures. */
struct row {
    const char *what, *mode;
    bool control;
    int prompt, pairs, block, threads;
};

static void take_line(void *user, struct erg_text_view text)
{
    struct pairs *pairs = user;
    json_t *json = json_loadb(text.bytes, text.len, 0, NULL), *pair;
    size_t i;
    json_array_foreach(json_object_get(json, "pairs"), i, pair)
    {
        if (pairs->count == MAX_PAIRS)
            break;
        int k = pairs->count++;
        pairs->a_ns[k] = (double)json_integer_value(json_array_get(pair, 0));
        pairs->b_ns[k] = (double)json_integer_value(json_array_get(pair, 1));
        pairs->report_ns[k] = (double)json_integer_value(json_array_get(pair, 2));
    }
    json_decref(json);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int n)
{
    static double sorted[MAX_PAIRS];
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

/* 95 % of the medians of as many values drawn from these, with replacement. */
static void bootstrap(const double *values, int n, double *out_low, double *out_high)
{
    static double medians[RESAMPLES], drawn[MAX_PAIRS];
    uint64_t state = 1;
    for (int r = 0; r < RESAMPLES; r++) {
        for (int i = 0; i < n; i++)
            drawn[i] = values[next_random(&state) % (uint64_t)n];
        medians[r] = median(drawn, n);
    }
    qsort(medians, RESAMPLES, sizeof *medians, compare);
    *out_low = medians[RESAMPLES * 25 / 1000];
    *out_high = medians[RESAMPLES * 975 / 1000];
}

/*
 * Which side went first alternates from pair to pair, so whatever going first is worth cancels in
 * the mean of two neighbours.
 */
static int differences(const struct pairs *pairs, double *out_percent)
{
    int n = pairs->count / 2;
    for (int i = 0; i < n; i++) {
        double a = pairs->a_ns[2 * i] + pairs->a_ns[2 * i + 1];
        double b = pairs->b_ns[2 * i] + pairs->b_ns[2 * i + 1];
        out_percent[i] = 100 * (b - a) / a;
    }
    return n;
}

static void print_row(const struct row *row, const struct pairs *pairs)
{
    static double percent[MAX_PAIRS];
    double low, high;
    int n = differences(pairs, percent);
    char name[64];
    snprintf(name, sizeof name, "%s %s", row->what, row->control ? "A/A" : row->mode);
    bootstrap(percent, n, &low, &high);
    printf("%-18s %2d %4d %6d %+7.3f  [%+7.3f, %+7.3f] %9.1f %9.1f", name, row->threads, row->block,
           pairs->count, median(percent, n), low, high, median(pairs->a_ns, pairs->count) / 1000,
           median(pairs->b_ns, pairs->count) / 1000);
    if (row->control)
        printf("        -\n");
    else
        printf(" %8.1f\n", median(pairs->report_ns, pairs->count) / 1000);
    fflush(stdout);
}

static void measure(struct erg_engine *engine, const struct row *row)
{
    static struct pairs pairs;
    char command[512];
    pairs.count = 0;
    snprintf(command, sizeof command,
             "{\"cmd\":\"bench\",\"what\":\"%s\",\"mode\":\"%s\",\"control\":%s,"
             "\"prompt_tokens\":%d,\"pairs\":%d,\"block\":%d,\"threads\":%d}",
             row->what, row->mode, row->control ? "true" : "false", row->prompt, row->pairs,
             row->block, row->threads);
    bench_engine_ask(engine, command, "measured", take_line, &pairs);
    if (pairs.count != row->pairs)
        bench_fail("%d of %d pairs came", pairs.count, row->pairs);
    print_row(row, &pairs);
}

static void measure_model(enum bench_model which, int threads, int pairs, int prefill_pairs)
{
    struct erg_engine engine;
    char path[4096], name[64], command[8192];
    bench_model_make(which, path, name);
    printf("\n%s\n%-18s %2s %4s %6s %7s  %18s %9s %9s %8s\n", name, "", "th", "row", "pairs", "%",
           "95 % interval", "bare us", "with us", "report us");
    bench_engine_start(&engine);
    snprintf(command, sizeof command, "{\"cmd\":\"load\",\"model\":\"%s\"}", path);
    bench_engine_ask(&engine, command, "loaded", NULL, NULL);
    const struct row rows[] = {
        {"decode", "minimal", false, PROMPT_TOKENS, pairs, 1, threads},
        {"decode", "standard", false, PROMPT_TOKENS, pairs, 1, threads},
        {"decode", "minimal", true, PROMPT_TOKENS, pairs, 1, threads},
        {"prefill", "minimal", false, PREFILL_TOKENS, prefill_pairs, 1, threads},
        {"prefill", "standard", false, PREFILL_TOKENS, prefill_pairs, 1, threads},
        {"prefill", "minimal", true, PREFILL_TOKENS, prefill_pairs, 1, threads},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].pairs)
            measure(&engine, &rows[i]);
    }
    erg_engine_stop(&engine, 2000);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: bench_overhead [--quick | --pairs N]\n"
            "  --quick    a small model and few pairs, as a test that it works\n"
            "  --pairs N  tokens compared in a row, %d to %d [600]\n",
            LEAST_PAIRS, MAX_PAIRS);
    return 2;
}

int main(int argc, char **argv)
{
    bool quick = argc == 2 && !strcmp(argv[1], "--quick");
    bool given = argc == 3 && !strcmp(argv[1], "--pairs");
    int64_t pairs = 600, cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (argc > 1 && !quick &&
        (!given || erg_parse_i64(argv[2], LEAST_PAIRS, MAX_PAIRS, &pairs, NULL)))
        return usage();
    bench_print_machine();
    if (quick) {
        measure_model(BENCH_MODEL_TINY, 1, LEAST_PAIRS, 4);
        return 0;
    }
    measure_model(BENCH_MODEL_1B, (int)cpus, (int)pairs, 20);
    if (cpus > 1)
        measure_model(BENCH_MODEL_1B, (int)cpus - 1, (int)pairs / 2, 0);
    return 0;
}
