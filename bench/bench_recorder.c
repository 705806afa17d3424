/* SPDX-License-Identifier: MIT */
/*
 * What recording costs beside the engine: CPU time of this process, which is the recorder (its
 * sampling and store threads included), over the time of a run, and bytes of the store per token.
 * `--quick` for use as a test.
 */
#include "harness.h"

#include "base/clock.h"
#include "record/session.h"
#include "store/store.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Times of a run: the engine's loading and the idle time before are not what is asked. */
struct watch {
    int64_t wall_ns, cpu_ns;
};

static struct watch look(void)
{
    return (struct watch){erg_clock_now_ns(erg_clock_system()), bench_cpu_ns()};
}

static void on_stage(void *user, const char *what)
{
    if (!strcmp(what, "running"))
        *(struct watch *)user = look();
}

static int64_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : (int64_t)st.st_size;
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

static int64_t empty_store_bytes(const char *path)
{
    struct erg_store *store = NULL;
    struct erg_err err = {.text = ""};
    if (erg_store_open(&store, path, ERG_STORE_WRITE, NULL, &err))
        bench_fail("%s", err.text);
    erg_store_close(store);
    return file_bytes(path);
}

static void measure(enum bench_model which, const char *mode, int64_t tokens, int64_t threads)
{
    char model[4096], name[64], store[4096];
    bench_model_make(which, model, name);
    snprintf(store, sizeof store, "%s/recorder.db", ERGON_BENCH_DIR);
    remove_store(store);
    int64_t empty = empty_store_bytes(store);

    struct erg_session_options session_options = {.engine_path = ERGON_ENGINE_PATH};
    struct erg_session *session = NULL;
    struct erg_err err = {.text = ""};
    struct watch begin = look();
    struct erg_run_options options = {
        .model_path = model,
        .prompt_tokens = 32,
        .tokens = tokens,
        .threads = threads,
        .ignore_eos = true,
        .mode = mode,
        .power_spec = "estimate",
        .store_path = store,
    };
    struct erg_run_observer observer = {.user = &begin, .stage = on_stage};
    struct erg_run_result result;
    if (erg_session_open(&session, &session_options, &err) ||
        erg_session_run(session, &options, &observer, &result, &err))
        bench_fail("%s", err.text);
    struct watch end = look();
    if (strcmp(result.status, "complete") != 0 || result.store_failure)
        bench_fail("the run is %s: %s%s", result.status, result.failure ? result.failure : "",
                   result.store_failure ? result.store_failure : "");
    erg_session_close(session);
    double seconds = (double)(end.wall_ns - begin.wall_ns) / 1e9;
    double cpu = (double)(end.cpu_ns - begin.cpu_ns) / 1e9;
    printf("%-26s %-8s %2d %6d %9.1f %8.2f %9.1f %9.0f\n", name, mode, (int)threads, (int)tokens,
           (double)tokens / seconds, 100 * cpu / seconds, 1e6 * cpu / (double)tokens,
           (double)(file_bytes(store) - empty) / (double)tokens);
    fflush(stdout);
    erg_run_result_deinit(&result);
    remove_store(store);
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {"minimal", "deep"};
    bool quick = argc == 2 && !strcmp(argv[1], "--quick");
    int64_t cpus = sysconf(_SC_NPROCESSORS_ONLN);
    bench_print_machine();
    printf("\n%-26s %-8s %2s %6s %9s %8s %9s %9s\n", "", "mode", "th", "tokens", "tokens/s",
           "% core", "us/token", "B/token");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (quick) {
            measure(BENCH_MODEL_TINY, modes[i], 20, 1);
            continue;
        }
        measure(BENCH_MODEL_1B, modes[i], 200, cpus);
        measure(BENCH_MODEL_TINY, modes[i], 3000, 1);
    }
    return 0;
}
