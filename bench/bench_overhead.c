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

enum { LEAST_PAIRS = 20, MAX_PAIRS = BENCH_MOST_VALUES, PROMPT_TOKENS = 64, PREFILL_TOKENS = 512 };

struct pairs {
    int count;
    double a_ns[MAX_PAIRS], b_ns[MAX_PAIRS], report_ns[MAX_PAIRS];
    int round[MAX_PAIRS];
};

/* What one row measures. */
struct row {
    const char *what, *mode;
    const char *against; /* the mode it is compared with; NULL = no profiling */
    const char *flash;   /* flash attention of both sides */
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
        pairs->round[k] = (int)json_integer_value(json_array_get(pair, 3));
    }
    json_decref(json);
}

/*
 * Which side went first alternates from pair to pair, so whatever going first is worth cancels in
 * the mean of two neighbours.
 */
static int differences(const struct pairs *pairs, double *out_percent, int *out_round)
{
    int n = pairs->count / 2;
    for (int i = 0; i < n; i++) {
        double a = pairs->a_ns[2 * i] + pairs->a_ns[2 * i + 1];
        double b = pairs->b_ns[2 * i] + pairs->b_ns[2 * i + 1];
        out_percent[i] = 100 * (b - a) / a;
        out_round[i] = pairs->round[2 * i];
    }
    return n;
}

static void name_row(const struct row *row, char *out, size_t out_bytes)
{
    const char *flash = strcmp(row->flash, "off") == 0 ? ", no flash attention" : "";
    if (row->control)
        snprintf(out, out_bytes, "%s A/A%s", row->what, flash);
    else if (row->against)
        snprintf(out, out_bytes, "%s %s over %s", row->what, row->mode, row->against);
    else
        snprintf(out, out_bytes, "%s %s", row->what, row->mode);
}

static void print_row(const struct row *row, const struct pairs *pairs, bool markdown)
{
    static double percent[MAX_PAIRS];
    static int round[MAX_PAIRS];
    double low, high;
    int n = differences(pairs, percent, round);
    char name[64];
    name_row(row, name, sizeof name);
    bench_bootstrap_rounds(percent, round, n, &low, &high);
    if (markdown) {
        printf("| %s | %d | %d | %+.2f | %+.2f … %+.2f | %.2f | %.2f |\n", name, row->threads,
               pairs->count, bench_median(percent, n), low, high,
               bench_median(pairs->a_ns, pairs->count) / 1e6,
               bench_median(pairs->b_ns, pairs->count) / 1e6);
        fflush(stdout);
        return;
    }
    printf("%-32s %2d %4d %6d %+7.3f  [%+7.3f, %+7.3f] %9.1f %9.1f", name, row->threads, row->block,
           pairs->count, bench_median(percent, n), low, high,
           bench_median(pairs->a_ns, pairs->count) / 1000,
           bench_median(pairs->b_ns, pairs->count) / 1000);
    if (row->control)
        printf("        -\n");
    else
        printf(" %8.1f\n", bench_median(pairs->report_ns, pairs->count) / 1000);
    fflush(stdout);
}

static void measure(struct erg_engine *engine, const struct row *row, bool markdown)
{
    static struct pairs pairs;
    char command[512], against[64] = "";
    if (row->against)
        snprintf(against, sizeof against, "\"against\":\"%s\",", row->against);
    pairs.count = 0;
    snprintf(command, sizeof command,
             "{\"cmd\":\"bench\",\"what\":\"%s\",\"mode\":\"%s\",\"control\":%s,%s"
             "\"flash_attn\":\"%s\",\"prompt_tokens\":%d,\"pairs\":%d,\"block\":%d,"
             "\"threads\":%d}",
             row->what, row->mode, row->control ? "true" : "false", against, row->flash,
             row->prompt, row->pairs, row->block, row->threads);
    bench_engine_ask(engine, command, "measured", take_line, &pairs);
    if (pairs.count != row->pairs)
        bench_fail("%d of %d pairs came", pairs.count, row->pairs);
    print_row(row, &pairs, markdown);
}

struct plan {
    enum bench_model model;
    int threads, pairs, prefill_pairs;
    bool markdown;
};

static void print_heading(const struct plan *plan, const char *name)
{
    if (plan->markdown)
        printf("\n%s:\n\n| row | threads | pairs | %% | 95 %% interval | without, ms | with, ms |\n"
               "|---|---|---|---|---|---|---|\n",
               name);
    else
        printf("\n%s\n%-32s %2s %4s %6s %7s  %18s %9s %9s %8s\n", name, "", "th", "row", "pairs",
               "%", "95 % interval", "bare us", "with us", "report us");
}

/* Deep mode goes without flash attention: so does what it is compared with. */
static void measure_model(const struct plan *plan)
{
    static const struct {
        const char *mode, *against, *flash;
        bool control;
    } sides[] = {
        {"minimal", NULL, "auto", false},   {"standard", NULL, "auto", false},
        {"minimal", NULL, "auto", true},    {"deep", NULL, "off", false},
        {"minimal", NULL, "off", true},     {"standard", "minimal", "auto", false},
        {"deep", "standard", "off", false},
    };
    struct erg_engine engine;
    char path[4096], name[64], command[8192];
    bench_model_make(plan->model, path, name);
    print_heading(plan, name);
    bench_engine_start(&engine);
    snprintf(command, sizeof command, "{\"cmd\":\"load\",\"model\":\"%s\"}", path);
    bench_engine_ask(&engine, command, "loaded", NULL, NULL);
    for (int prefill = 0; prefill < 2; prefill++) {
        for (size_t i = 0; i < sizeof sides / sizeof *sides; i++) {
            struct row row = {
                .what = prefill ? "prefill" : "decode",
                .mode = sides[i].mode,
                .against = sides[i].against,
                .flash = sides[i].flash,
                .control = sides[i].control,
                .prompt = prefill ? PREFILL_TOKENS : PROMPT_TOKENS,
                .pairs = prefill ? plan->prefill_pairs : plan->pairs,
                .block = 1,
                .threads = plan->threads,
            };
            if (row.pairs)
                measure(&engine, &row, plan->markdown);
        }
    }
    erg_engine_stop(&engine, 2000);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: bench_overhead [--quick] [--markdown] [--pairs N]\n"
            "  --quick     a small model and few pairs, as a test that it works\n"
            "  --markdown  rows of a table, of all processors only\n"
            "  --pairs N   tokens compared in a row, %d to %d [600]\n",
            LEAST_PAIRS, MAX_PAIRS);
    return 2;
}

int main(int argc, char **argv)
{
    bool quick = false, markdown = false;
    int64_t pairs = 600, cpus = sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 1; i < argc; i++) {
        bool more = i + 1 < argc;
        if (!strcmp(argv[i], "--quick"))
            quick = true;
        else if (!strcmp(argv[i], "--markdown"))
            markdown = true;
        else if (strcmp(argv[i], "--pairs") || !more ||
                 erg_parse_i64(argv[++i], LEAST_PAIRS, MAX_PAIRS, &pairs, NULL))
            return usage();
    }
    bench_print_machine();
    struct plan plan = {quick ? BENCH_MODEL_TINY : BENCH_MODEL_1B, quick ? 1 : (int)cpus,
                        quick ? LEAST_PAIRS : (int)pairs, quick ? 4 : 24, markdown};
    measure_model(&plan);
    if (!quick && !markdown && cpus > 1) {
        plan.threads = (int)cpus - 1;
        plan.pairs /= 2;
        plan.prefill_pairs = 0;
        measure_model(&plan);
    }
    return 0;
}
