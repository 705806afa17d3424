/* SPDX-License-Identifier: MIT */
/*
 * How long the API takes for what the dashboard asks of it, without sockets: lists of 10 000 runs,
 * and the views of a deep run of 1 000 generated tokens and 32 layers. `--quick` for use as a test.
 * Times include opening a read-only store and one answer in memory; medians and 95 % of repeats.
 */
#include "analysis/rollup.h"
#include "base/clock.h"
#include "server/api.h"
#include "store/make_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define API  "/api/profiling"
#define DEEP "20260601-000000-deep01"

enum { LAYERS = 32, PROMPT = 100, MOST_REPEATS = 40 };

struct sizes {
    int runs, tokens, repeats;
};

static void die(const char *what, const struct erg_err *err)
{
    fprintf(stderr, "bench_server_queries: %s: %s\n", what, err ? err->text : "failed");
    exit(1);
}

/* --- stores ------------------------------------------------------------------------------------*/

/* A summary of the length that real ones have. */
static char *make_summary(const struct erg_run_row *run, int64_t prefill_ns,
                          const struct erg_energy *prefill, const struct erg_energy *decode)
{
    struct erg_buf text = {0};
    struct erg_jsonw w;
    const struct erg_energy *energies[] = {prefill, decode};
    const int64_t starts[] = {0, prefill_ns, run->duration_ns};
    static const char *const names[] = {"prefill", "decode"};
    erg_jsonw_init(&w, &text);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "id", run->id);
    erg_jsonw_kstr(&w, "created_at", run->created_at);
    erg_jsonw_kstr(&w, "model_name", run->model_name);
    erg_jsonw_kstr(&w, "prompt", run->prompt);
    erg_jsonw_kstr(&w, "response", run->response);
    erg_jsonw_kmicro(&w, "total_duration_ms", run->duration_ns);
    erg_jsonw_kmicro(&w, "total_energy_mj", erg_energy_total_nj(&run->energy));
    erg_jsonw_kreal(&w, "joules_per_token", run->joules_per_token);
    erg_jsonw_kreal(&w, "tokens_per_second", run->tokens_per_second);
    erg_jsonw_key(&w, "phases");
    erg_jsonw_arr_begin(&w);
    for (int p = 0; p < 2; p++) {
        erg_jsonw_obj_begin(&w);
        erg_jsonw_kstr(&w, "phase", names[p]);
        erg_jsonw_kmicro(&w, "start_ms", starts[p]);
        erg_jsonw_kmicro(&w, "duration_ms", starts[p + 1] - starts[p]);
        erg_jsonw_key(&w, "energy_by_domain_mj");
        erg_jsonw_obj_begin(&w);
        for (int d = 0; d < ERG_DOMAINS; d++) {
            if (energies[p]->present >> d & 1)
                erg_jsonw_kmicro(&w, erg_domain_name((enum erg_domain)d), energies[p]->nj[d]);
        }
        erg_jsonw_obj_end(&w);
        erg_jsonw_kstr(&w, "grade", "measured");
        erg_jsonw_obj_end(&w);
    }
    erg_jsonw_arr_end(&w);
    erg_jsonw_key(&w, "settings");
    erg_jsonw_obj_begin(&w);
    for (int i = 0; i < 60; i++) {
        char key[48];
        snprintf(key, sizeof key, "a_setting_with_a_name_%d", i);
        erg_jsonw_kstr(&w, key, "and a value of some length");
    }
    erg_jsonw_obj_end(&w);
    erg_jsonw_obj_end(&w);
    return erg_buf_take(&text);
}

static void write_short_run(const char *path, int n, const char *prompt)
{
    char id[64], created[40], utc[48], model[32], tags[48];
    struct erg_writer *writer;
    struct erg_err err = {0};
    struct erg_energy none = {0};
    snprintf(id, sizeof id, "20260101-%06d-short1", n);
    snprintf(created, sizeof created, "2026-%02d-%02dT%02d:00:00.000000", n / 600 % 12 + 1,
             n / 24 % 28 + 1, n % 24);
    snprintf(utc, sizeof utc, "%s+00:00", created);
    snprintf(model, sizeof model, "model-%d", n % 20);
    snprintf(tags, sizeof tags, "[\"batch\",\"t%d\"]", n % 7);
    struct erg_run_row run = make_run(id, "running", "{}");
    run.created_at = created;
    run.created_at_utc = utc;
    run.model_name = model;
    run.tags_json = tags;
    run.prompt = run.response = prompt;
    if (erg_writer_open(&writer, path, &run, make_name, NULL, &err))
        die("cannot write a run", &err);
    run.status = "complete";
    run.duration_ns = 1000000 + n;
    run.energy = (struct erg_energy){.nj = {n % 977 * 1000001}, .present = 1};
    run.joules_per_token = (n * 7919 % 10007) / 1e3;
    run.tokens_per_second = (n * 104729 % 9973) / 1e2;
    char *summary = make_summary(&run, 1000, &none, &none);
    run.summary_json = summary;
    erg_writer_run(writer, &run);
    if (erg_writer_finish(writer, &err))
        die("cannot write a run", &err);
    free(summary);
}

static void write_pass(struct erg_writer *writer, struct erg_rollup *rollup,
                       struct make_shape *shape, uint32_t index, struct erg_run_row *run,
                       struct erg_energy *sum)
{
    struct make_pass pass;
    uint32_t n = index == 0 ? PROMPT : 1, first = index == 0 ? 0 : PROMPT + index - 1;
    make_pass(&pass, shape, index, index ? ERG_PHASE_DECODE : ERG_PHASE_PREFILL, first, n,
              run->duration_ns);
    erg_writer_pass(writer, &pass.row);
    if (erg_rollup_add(rollup, &pass.row, NULL))
        die("cannot sum up a pass", NULL);
    for (uint32_t i = 0; i < n; i++) {
        struct erg_token_row token = make_token(&pass.row, i, first + i);
        erg_writer_token(writer, &token);
    }
    erg_energy_add(sum, &pass.row.energy);
    erg_energy_add(&run->energy, &pass.row.energy);
    run->duration_ns = pass.row.t1_ns;
    make_pass_free(&pass);
    erg_writer_throttle(writer);
}

static void write_deep_run(const char *path, const char *id, int tokens)
{
    struct make_shape shape = {.layers = LAYERS,
                               .detail = MAKE_DEEP,
                               .time_scale = 1,
                               .noise = 0.15,
                               .spread = 0.3,
                               .energy = true,
                               .heads = 32,
                               .seed = 5};
    struct erg_run_row run = make_run(id, "running", "{}");
    struct erg_energy prefill = {0}, decode = {0};
    struct erg_rollup *rollup;
    struct erg_writer *writer;
    struct erg_run_sums sums;
    struct erg_err err = {0};
    run.created_at = "2027-01-01T00:00:00.000000";
    run.created_at_utc = "2027-01-01T00:00:00.000000+00:00";
    if (erg_writer_open(&writer, path, &run, make_name, NULL, &err) ||
        erg_rollup_new(&rollup,
                       ERG_BY_PHASE | ERG_BY_LAYER | ERG_BY_COMPONENT | ERG_BY_OPERATION |
                           ERG_UNPROFILED_APART,
                       &err))
        die("cannot write a run", &err);
    write_pass(writer, rollup, &shape, 0, &run, &prefill);
    int64_t prefill_ns = run.duration_ns;
    for (int i = 1; i <= tokens; i++)
        write_pass(writer, rollup, &shape, (uint32_t)i, &run, &decode);
    for (int i = 0; i < 10 * tokens; i++) {
        struct erg_sample_row sample = {.t_ns = run.duration_ns / (10 * tokens) * i,
                                        .phase = ERG_PHASE_DECODE,
                                        .mw = {20000 + i % 97, 0, 0, 3000 + i % 13, 0, 0},
                                        .total_mw = 23000 + i % 97 + i % 13};
        erg_writer_sample(writer, &sample);
    }
    erg_rollup_sums(rollup, &sums);
    erg_writer_sums(writer, &sums);
    char *summary = make_summary(&run, prefill_ns, &prefill, &decode);
    run.status = "complete";
    run.input_tokens = PROMPT;
    run.output_tokens = tokens;
    run.summary_json = summary;
    erg_writer_run(writer, &run);
    if (erg_writer_finish(writer, &err))
        die("cannot write a run", &err);
    erg_rollup_free(rollup);
    free(summary);
}

/* --- questions ---------------------------------------------------------------------------------*/

struct answer {
    int status;
    size_t bytes;
};

static int begin(void *user, int status, const struct erg_http_field *fields, size_t count)
{
    (void)fields;
    (void)count;
    ((struct answer *)user)->status = status;
    return 0;
}

static int take(void *user, const void *bytes, size_t len)
{
    (void)bytes;
    ((struct answer *)user)->bytes += len;
    return 0;
}

/* Time on the processor of this thread, ms. */
static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

struct cost {
    double ms, cpu_ms;
    size_t bytes;
};

static struct cost ask(struct erg_api *api, enum erg_method method, const char *path,
                       const char *query)
{
    const struct erg_clock *clock = erg_clock_system();
    struct answer answer = {0, 0};
    const struct erg_answer_sink sink = {&answer, begin, take};
    struct erg_exchange x = {
        .request = {.method = method,
                    .path = path,
                    .query = query,
                    .content_type = "",
                    .accept = "",
                    .accept_encoding = "",
                    .if_none_match = "",
                    .body = ""},
        .sink = &sink,
    };
    double cpu0_ms = cpu_ms();
    int64_t t0_ns = erg_clock_now_ns(clock);
    erg_api_handle(api, &x);
    double ms = (double)(erg_clock_now_ns(clock) - t0_ns) / 1e6;
    if (answer.status < 200 || answer.status > 299)
        die(path, NULL);
    return (struct cost){ms, cpu_ms() - cpu0_ms, answer.bytes};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct erg_api *api, const char *path, const char *query, const char *budget,
                    int repeats)
{
    double ms[MOST_REPEATS], cpu[MOST_REPEATS];
    struct cost cost = {0, 0, 0};
    char name[160];
    for (int i = 0; i < repeats; i++) {
        cost = ask(api, ERG_GET, path, query);
        ms[i] = cost.ms;
        cpu[i] = cost.cpu_ms;
    }
    double first = ms[0];
    qsort(ms, (size_t)repeats, sizeof *ms, by_value);
    qsort(cpu, (size_t)repeats, sizeof *cpu, by_value);
    snprintf(name, sizeof name, "%s%s%s", path + strlen(API), *query ? "?" : "", query);
    printf("%-70.70s %8.2f %8.2f %8.2f %8.2f %9.1f %8s\n", name, first, ms[repeats / 2],
           ms[repeats * 95 / 100], cpu[repeats / 2], (double)cost.bytes / 1e3, budget);
    fflush(stdout);
}

static const struct question {
    const char *path, *query, *budget;
} lists[] =
    {
        {API "/runs", "limit=50", ""},
        {API "/runs", "limit=50&sort=-joules_per_token&model=model-3", "50 ms"},
        {API "/runs", "limit=50&sort=tokens_per_second&tag=t3&status=complete", "50 ms"},
        {API "/runs", "limit=50&sort=-total_energy_mj&search=delta%20energy%20gamma", "50 ms"},
        {API "/runs", "limit=50&sort=created_at&date_from=2026-03&date_to=2026-04", "50 ms"},
        {API "/runs", "fields=model_name,joules_per_token,tokens_per_second", ""},
        {API "/runs/groups", "by=prompt&limit=50", ""},
        {API "/runs/groups", "by=model", ""},
        {API "/store", "", ""},
        {API "/runs", "", ""},
},
  views[] = {
      {API "/run/" DEEP "/summary", "", "20 ms"},
      {API "/run/" DEEP "/matrix", "metric=energy_mj&token=500", "5 ms"},
      {API "/run/" DEEP "/matrix", "metric=energy_mj&token=500&format=f32", "5 ms"},
      {API "/run/" DEEP "/matrix", "metric=energy_mj", ""},
      {API "/run/" DEEP "/operations", "token=500&layer=7", ""},
      {API "/run/" DEEP "/pipeline", "", ""},
      {API "/run/" DEEP "/tokens", "", ""},
      {API "/run/" DEEP "/power", "max_points=2000", ""},
      {API "/run/" DEEP "/tree", "", ""},
      {API "/run/" DEEP "/flow", "", ""},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void measure_export(struct erg_api *api)
{
    struct cost cost = ask(api, ERG_GET, API "/export/" DEEP, "format=json");
    double mb = (double)cost.bytes / 1e6;
    printf("\nJSON export: %.1f MB in %.2f s: %.0f MB/s (budget 50), %.0f MB per second of CPU\n",
           mb, cost.ms / 1e3, mb / cost.ms * 1e3, mb / cost.cpu_ms * 1e3);
    cost = ask(api, ERG_GET, API "/run/" DEEP "/matrix", "metric=energy_mj&stack=true&format=f32");
    printf("matrices of all tokens as float32: %.1f MB in %.2f s, %.2f s of CPU\n",
           (double)cost.bytes / 1e6, cost.ms / 1e3, cost.cpu_ms / 1e3);
}

static void measure_delete(struct erg_api *api, const char *path, int tokens, int repeats)
{
    double ms[MOST_REPEATS], cpu[MOST_REPEATS];
    for (int i = 0; i < repeats; i++) {
        write_deep_run(path, "20260601-000000-gone01", tokens);
        struct cost cost = ask(api, ERG_DELETE, API "/run/20260601-000000-gone01", "");
        ms[i] = cost.ms;
        cpu[i] = cost.cpu_ms;
    }
    qsort(ms, (size_t)repeats, sizeof *ms, by_value);
    qsort(cpu, (size_t)repeats, sizeof *cpu, by_value);
    printf("delete of such a run: median %.1f ms, worst %.1f ms (budget 200), CPU %.1f ms\n",
           ms[repeats / 2], ms[repeats - 1], cpu[repeats / 2]);
}

static void measure_all(const char *path, const struct sizes *sizes)
{
    struct erg_root root;
    struct erg_api *api;
    struct erg_err err = {0};
    static struct erg_model_dirs dirs;
    if (erg_root_init(&root, NULL, &err))
        die("cannot begin", &err);
    const struct erg_api_options options = {
        .store_path = path, .model_dirs = &dirs, .root = &root, .clock = erg_clock_system()};
    if (erg_api_open(&api, &options, &err))
        die("cannot open the API", &err);
    printf("%-70s %8s %8s %8s %8s %9s %8s\n", "milliseconds", "first", "median", "95 %", "CPU",
           "kB", "budget");
    for (size_t i = 0; i < COUNT(lists); i++)
        measure(api, lists[i].path, lists[i].query, lists[i].budget, sizes->repeats);
    for (size_t i = 0; i < COUNT(views); i++)
        measure(api, views[i].path, views[i].query, views[i].budget, sizes->repeats);
    measure_export(api);
    measure_delete(api, path, sizes->tokens, sizes->repeats / 5 + 1);
    erg_api_close(api);
}

int main(int argc, char **argv)
{
    static const struct sizes full = {10000, 1000, 20}, quick = {50, 600, 2};
    const struct sizes *sizes = argc > 1 && strcmp(argv[1], "--quick") == 0 ? &quick : &full;
    static const char *const words[] = {"alpha", "beta", "gamma", "delta", "energy", "of"};
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char folder[] = "/tmp/ergon-bench-XXXXXX", path[64], prompt[512] = "";
    uint32_t pick = 1;
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/ergon.db", folder);
    for (int n = 0; n < sizes->runs; n++) {
        prompt[0] = '\0';
        for (int k = 0; k < 70; k++) {
            pick = pick * 1664525 + 1013904223;
            size_t len = strlen(prompt);
            snprintf(prompt + len, sizeof prompt - len, "%s ", words[(pick >> 16) % 6]);
        }
        write_short_run(path, n, prompt);
    }
    write_deep_run(path, DEEP, sizes->tokens);
    printf("%d runs; %d layers, %d prompt and %d generated tokens\n\n", sizes->runs + 1, LAYERS,
           PROMPT, sizes->tokens);
    measure_all(path, sizes);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char file[80];
        snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
        unlink(file);
    }
    rmdir(folder);
    return 0;
}
