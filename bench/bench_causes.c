/* SPDX-License-Identifier: MIT */
/*
 * What each part of the recorder costs a run: the same run with it and without it, in turns, which
 * goes first alternating from pair to pair. Beside that, the size of a token in the store by mode.
 * Prints rows of tables for docs/overhead.md (tools/overhead).
 */
#include "harness.h"

#include "base/num.h"
#include "record/session.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_PAIRS = 500, WARMUPS = 1 };

struct setup {
    const char *model, *store;
    int64_t tokens, threads;
    FILE *null; /* where the observer writes what a terminal would show */
};

/* What is left out of a run. */
enum without { NOTHING, POWER, STORE, OBSERVER };

static void on_token(void *user, const struct erg_token_row *row)
{
    const struct setup *setup = user;
    fprintf(setup->null, "\033[38;5;208m%.*s\033[0m", (int)row->text_len, row->text);
    fflush(setup->null);
}

static void on_progress(void *user, uint32_t phase, int layer, uint32_t done, uint32_t total)
{
    const struct setup *setup = user;
    fprintf(setup->null, "\r\033[K%u: %u of %u tokens, layer %d", phase, done, total, layer);
    fflush(setup->null);
}

static void remove_store(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char name[4200];
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static json_t *run(struct erg_session *session, struct setup *setup, const char *mode,
                   enum without without)
{
    struct erg_run_options options = {
        .model_path = setup->model,
        .prompt_tokens = 32,
        .tokens = setup->tokens,
        .threads = setup->threads,
        .ignore_eos = true,
        .mode = mode,
        .power_spec = without == POWER ? "none" : "estimate",
        .store_path = without == STORE ? NULL : setup->store,
    };
    struct erg_run_observer observer = {.user = setup};
    struct erg_run_result result;
    struct erg_err err = {.text = ""};
    if (without != OBSERVER) {
        observer.token = on_token;
        observer.progress = on_progress;
    }
    if (erg_session_run(session, &options, &observer, &result, &err))
        bench_fail("%s", err.text);
    if (strcmp(result.status, "complete") != 0 || result.store_failure)
        bench_fail("the run is %s: %s", result.status,
                   result.failure         ? result.failure
                   : result.store_failure ? result.store_failure
                                          : "");
    json_t *summary = json_loads(result.summary_json, 0, NULL);
    erg_run_result_deinit(&result);
    return summary;
}

static double ms_per_token(struct erg_session *session, struct setup *setup, enum without without)
{
    json_t *summary = run(session, setup, "standard", without);
    double per_second = json_number_value(json_object_get(summary, "tokens_per_second"));
    json_decref(summary);
    return 1000 / per_second;
}

static void compare(struct erg_session *session, struct setup *setup, const char *name,
                    enum without without, int pairs)
{
    static double with_ms[MOST_PAIRS], without_ms[MOST_PAIRS], percent[MOST_PAIRS / 2];
    double low, high;
    for (int i = -WARMUPS; i < pairs; i++) {
        int k = i < 0 ? 0 : i;
        for (int turn = 0; turn < 2; turn++) {
            bool whole = (turn ^ k) & 1;
            double ms = ms_per_token(session, setup, whole ? NOTHING : without);
            *(whole ? &with_ms[k] : &without_ms[k]) = ms;
        }
    }
    for (int i = 0; i < pairs / 2; i++) {
        double a = without_ms[2 * i] + without_ms[2 * i + 1];
        double b = with_ms[2 * i] + with_ms[2 * i + 1];
        percent[i] = 100 * (b - a) / a;
    }
    bench_bootstrap(percent, pairs / 2, &low, &high);
    printf("| %s | %d | %d | %+.2f | %+.2f … %+.2f | %.2f | %.2f |\n", name, (int)setup->threads,
           pairs, bench_median(percent, pairs / 2), low, high, bench_median(without_ms, pairs),
           bench_median(with_ms, pairs));
    fflush(stdout);
}

static void print_sizes(struct erg_session *session, struct setup *setup)
{
    static const char *const modes[] = {"minimal", "standard", "deep"};
    printf(
        "\n| mode | layers | bytes per token in the store | of 32 layers |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        remove_store(setup->store);
        json_t *summary = run(session, setup, modes[i], NOTHING);
        const json_t *profiler = json_object_get(summary, "profiler");
        double layers =
            json_number_value(json_object_get(json_object_get(summary, "model"), "layers"));
        double bytes = json_number_value(json_object_get(profiler, "store_bytes_per_token"));
        printf("| %s | %.0f | %.0f | %.0f |\n", modes[i], layers, bytes, bytes * 32 / layers);
        json_decref(summary);
    }
}

int main(int argc, char **argv)
{
    bool quick = argc == 2 && !strcmp(argv[1], "--quick");
    int64_t pairs = 40;
    if (argc > 1 && !quick &&
        (argc != 3 || strcmp(argv[1], "--pairs") ||
         erg_parse_i64(argv[2], 4, MOST_PAIRS, &pairs, NULL))) {
        fprintf(stderr, "usage: bench_causes [--quick | --pairs N]\n");
        return 2;
    }
    struct erg_session_options session_options = {.engine_path = ERGON_ENGINE_PATH};
    struct erg_session *session = NULL;
    struct erg_err err = {.text = ""};
    char model[4096], name[64], store[4200];
    bench_model_make(quick ? BENCH_MODEL_TINY : BENCH_MODEL_1B, model, name);
    snprintf(store, sizeof store, "%s/causes.db", ERGON_BENCH_DIR);
    remove_store(store);
    struct setup setup = {
        .model = model,
        .store = store,
        .tokens = quick ? 16 : 64,
        .threads = quick ? 1 : sysconf(_SC_NPROCESSORS_ONLN),
        .null = fopen("/dev/null", "w"),
    };
    pairs = quick ? 4 : pairs;
    if (!setup.null || erg_session_open(&session, &session_options, &err))
        bench_fail("%s", setup.null ? err.text : "cannot write to /dev/null");
    printf("| row | threads | pairs | %% | 95 %% interval | without, ms | with, ms |\n"
           "|---|---|---|---|---|---|---|\n");
    compare(session, &setup, "power sampling", POWER, (int)pairs);
    compare(session, &setup, "store", STORE, (int)pairs);
    compare(session, &setup, "live observer", OBSERVER, (int)pairs);
    compare(session, &setup, "A/A", NOTHING, (int)pairs);
    setup.tokens = quick ? 16 : 200;
    print_sizes(session, &setup);
    erg_session_close(session);
    fclose(setup.null);
    remove_store(store);
    return 0;
}
