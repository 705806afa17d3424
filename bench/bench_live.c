/* SPDX-License-Identifier: MIT */
/*
 * What watching a run costs it: the same generation, on one thread, with 200 WebSocket clients of
 * which 20 never read and with none, in turns. Printed are the difference of decode times, what
 * each client and frame costs the server, and its memory. Checked is that every client that reads
 * gets every token, and that memory stays within the ring and a little for each client. And what
 * the live stream costs a run that nobody watches.
 *
 * `--quick` for use as a test; `--pairs N`; `--tiny` for a model that is fast, so that frames are
 * many.
 */
#include "harness.h"
#include "live_clients.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/system.h"
#include "record/session.h"
#include "server/feed.h"
#include "server/live_client.h"

#include <jansson.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PAIRS = 200, RING_BYTES = 16 << 20, CLIENT_BYTES = 128 << 10, PROMPT_TOKENS = 16 };

struct plan {
    enum bench_model model;
    int clients, deaf, pairs;
    int64_t tokens;
};

/* A server with nothing but the live stream. */
struct server {
    struct erg_ring *ring;
    struct erg_live_stream stream;
    struct erg_ws_handler ws;
    struct erg_http *http;
    pthread_t thread;
};

/* One run: time per token of decode, CPU time of this process meanwhile. */
struct sample {
    double decode_ns, cpu_ns, wall_ns;
};

static void answer_nothing(void *user, struct erg_exchange *x)
{
    (void)user;
    erg_exchange_empty(x, 404);
}

static void *serve(void *user)
{
    struct erg_err err = {.text = ""};
    if (erg_http_serve(user, &err))
        bench_fail("%s", err.text);
    return NULL;
}

static void server_start(struct server *server)
{
    struct erg_err err = {.text = ""};
    if (erg_ring_new(&server->ring, RING_BYTES, 1, &err))
        bench_fail("%s", err.text);
    server->stream = (struct erg_live_stream){server->ring, erg_clock_system()};
    server->ws = erg_live_handler(&server->stream);
    struct erg_http_options options = {
        .host = "127.0.0.1", .handle = answer_nothing, .ws = &server->ws};
    if (erg_http_open(&server->http, &options, &err))
        bench_fail("%s", err.text);
    if (pthread_create(&server->thread, NULL, serve, server->http))
        bench_fail("cannot start the serving thread");
}

static void server_stop(struct server *server)
{
    erg_http_stop(server->http);
    pthread_join(server->thread, NULL);
    erg_http_close(server->http, 1000);
    erg_ring_free(server->ring);
}

static double decode_ns_per_token(const char *summary_json)
{
    json_t *summary = json_loads(summary_json, 0, NULL), *phase;
    double ns = 0;
    size_t i;
    json_array_foreach(json_object_get(summary, "phases"), i, phase)
    {
        if (strcmp(json_string_value(json_object_get(phase, "phase")), "decode") == 0)
            ns = json_number_value(json_object_get(phase, "duration_ms")) * 1e6 /
                 json_number_value(json_object_get(phase, "tokens"));
    }
    json_decref(summary);
    return ns;
}

/* One generation whose frames go to `ring`. */
static struct sample run(struct erg_session *session, struct erg_ring *ring, const char *model,
                         int64_t tokens)
{
    static const atomic_bool never;
    struct erg_run_options options = {
        .id = "bench",
        .model_path = model,
        .model_name = "bench",
        .prompt = "the same few words for every run of this benchmark",
        .tokens = tokens,
        .threads = 1,
        .ignore_eos = true,
        .mode = "standard",
        .power_spec = "estimate",
    };
    const struct erg_feed_run feed_run = {&options, 0, &never, &never};
    struct erg_run_observer observer;
    struct erg_run_result result;
    struct erg_feed *feed = NULL;
    struct erg_err err = {.text = ""};
    if (erg_feed_new(&feed, ring, erg_clock_system(), &err))
        bench_fail("%s", err.text);
    erg_feed_begin(feed, &feed_run, &observer);
    int64_t wall_ns = erg_system_now_ns(), cpu_ns = bench_cpu_ns();
    if (erg_session_run(session, &options, &observer, &result, &err))
        bench_fail("%s", err.text);
    struct sample sample = {
        .wall_ns = (double)(erg_system_now_ns() - wall_ns),
        .cpu_ns = (double)(bench_cpu_ns() - cpu_ns),
    };
    if (strcmp(result.status, "complete") != 0)
        bench_fail("the run is %s: %s", result.status, result.failure ? result.failure : "");
    erg_feed_end(feed, result.status, NULL, result.summary_json);
    sample.decode_ns = decode_ns_per_token(result.summary_json);
    erg_run_result_deinit(&result);
    erg_feed_free(feed);
    return sample;
}

/* Every client that reads has every token once and the end; fails after 60 s. */
static void check_clients(const struct live_clients *clients, const struct plan *plan)
{
    const struct live_counts *counts = clients->counts;
    int reading = plan->clients - plan->deaf, done = 0;
    for (int looks = 0; looks < 6000 && done < reading; looks++) {
        done = 0;
        for (int i = 0; i < reading; i++)
            done += counts->ends[i] == 1;
        if (done < reading)
            poll(NULL, 0, 10);
    }
    for (int i = 0; i < reading; i++) {
        if (counts->ends[i] != 1 || counts->tokens[i] < plan->tokens ||
            counts->tokens[i] != counts->tokens[0])
            bench_fail("client %d has %lld tokens, client 0 %lld, of %lld and the prompt's", i,
                       (long long)counts->tokens[i], (long long)counts->tokens[0],
                       (long long)plan->tokens);
    }
    if (counts->gaps || counts->closed)
        bench_fail("clients that read saw %lld gaps and %lld ends", (long long)counts->gaps,
                   (long long)counts->closed);
}

static uint64_t rss_bytes(void)
{
    return erg_system_process_rss_bytes(getpid());
}

static void check_memory(const struct plan *plan, uint64_t before_bytes, uint64_t most_bytes)
{
    if (most_bytes > before_bytes + RING_BYTES + (uint64_t)plan->clients * CLIENT_BYTES)
        bench_fail("%d clients take %.1f MB", plan->clients,
                   ((double)most_bytes - (double)before_bytes) / 1e6);
}

static void measure(const struct plan *plan, struct live_clients *clients)
{
    static double percent[MOST_PAIRS], frame_us[MOST_PAIRS], client_pct[MOST_PAIRS];
    static double frames_per_s[MOST_PAIRS];
    char model[4096], name[64];
    struct server server;
    struct erg_session *session = NULL;
    struct erg_session_options session_options = {.engine_path = ERGON_ENGINE_PATH};
    struct erg_err err = {.text = ""};
    bench_model_make(plan->model, model, name);
    server_start(&server);
    if (erg_session_open(&session, &session_options, &err))
        bench_fail("%s", err.text);
    struct erg_ring *unwatched = NULL;
    if (erg_ring_new(&unwatched, RING_BYTES, 1, &err))
        bench_fail("%s", err.text);
    run(session, unwatched, model, plan->tokens); /* warms up */
    uint64_t before_bytes = rss_bytes(), most_bytes = 0;
    double tokens_per_s = 0;
    for (int i = 0; i < plan->pairs; i++) {
        struct sample with = {0}, without = {0};
        for (int side = 0; side < 2; side++) {
            if ((side ^ i) & 1) { /* which goes first alternates */
                without = run(session, unwatched, model, plan->tokens);
                continue;
            }
            live_clients_connect(clients, erg_http_port(server.http));
            with = run(session, server.ring, model, plan->tokens);
            most_bytes = rss_bytes() > most_bytes ? rss_bytes() : most_bytes;
            check_clients(clients, plan);
            frames_per_s[i] = (double)clients->counts->frames / (with.wall_ns / 1e9) /
                              (plan->clients - plan->deaf);
            live_clients_hang_up(clients);
        }
        double cpu_ns = with.cpu_ns - without.cpu_ns * with.wall_ns / without.wall_ns;
        percent[i] = 100 * (with.decode_ns - without.decode_ns) / without.decode_ns;
        frame_us[i] = cpu_ns / 1e3 / (double)clients->counts->frames;
        client_pct[i] = 100 * cpu_ns / with.wall_ns / plan->clients;
        tokens_per_s = 1e9 / without.decode_ns;
    }
    check_memory(plan, before_bytes, most_bytes);
    double low, high;
    int n = plan->pairs;
    bench_bootstrap(percent, n, &low, &high);
    printf("%s, 1 thread, %.1f tokens/s, %d runs of %d tokens with %d clients (%d never read) and "
           "as many with none:\n",
           name, tokens_per_s, n, (int)plan->tokens, plan->clients, plan->deaf);
    printf("  decode with clients       %+.2f %%  [%+.2f, %+.2f]\n", bench_median(percent, n), low,
           high);
    printf("  frames to each reader     %.1f /s, every token, no gap\n",
           bench_median(frames_per_s, n));
    printf("  server CPU                %.3f %% of a core per client, %.2f us per frame\n",
           bench_median(client_pct, n), bench_median(frame_us, n));
    printf("  server memory             %.1f MB, %+.1f MB of it with the clients\n",
           (double)most_bytes / 1e6, ((double)most_bytes - (double)before_bytes) / 1e6);
    fflush(stdout);
    erg_session_close(session);
    erg_ring_free(unwatched);
    server_stop(&server);
}

/* --- a bus without subscribers -------------------------------------------------------------------
 */

enum { SPANS = 484, LAYERS = 32 };

static const char *name_of(void *user, uint16_t id)
{
    static const char *const names[] = {NULL, "q_proj", "k_proj", "v_proj", "attention"};
    (void)user;
    return id < sizeof names / sizeof names[0] ? names[id] : "down_proj";
}

/* Time of telling `observer` of a pass of 32 layers with statistics, its token and a sample. */
static double tell_ns(const struct erg_run_observer *observer, int passes)
{
    static struct erg_span spans[SPANS];
    static float values[SPANS];
    for (int i = 0; i < SPANS; i++) {
        spans[i] = (struct erg_span){(int16_t)(i / 15 % LAYERS), (uint16_t)(1 + i % 15), 0, 0, 10};
        values[i] = (float)i;
    }
    int64_t begun_ns = erg_system_now_ns();
    for (int i = 0; i < passes; i++) {
        struct erg_pass_row pass = {
            .index = (uint32_t)i + 1,
            .phase = ERG_PHASE_DECODE,
            .n_tokens = 1,
            .t1_ns = 500000,
            .n_spans = SPANS,
            .spans = spans,
            .values = {[ERG_VALUE_MEAN] = values, [ERG_VALUE_STD] = values},
        };
        const struct erg_token_row token = {
            .index = (uint32_t)i, .pass = (uint32_t)i + 1, .phase = ERG_PHASE_DECODE, .text = ""};
        const struct erg_sample_row sample = {.mw = {[ERG_DOMAIN_GPU] = NAN}, .total_mw = 5};
        const struct erg_extra_source source = {&pass, name_of, NULL};
        if (observer->pass)
            observer->pass(observer->user, &source);
        if (observer->token)
            observer->token(observer->user, &token);
        if (observer->sample)
            observer->sample(observer->user, &sample);
        if (observer->cancelled && i % 4 == 0)
            observer->cancelled(observer->user);
    }
    return (double)(erg_system_now_ns() - begun_ns) / passes;
}

static void measure_bus(bool quick)
{
    static const atomic_bool never;
    int passes = quick ? 2000 : 100000;
    static double unwatched_ns[MOST_PAIRS], watched_ns[MOST_PAIRS];
    int n = quick ? 2 : 20;
    struct erg_err err = {.text = ""};
    for (int i = 0; i < n; i++) {
        struct erg_ring *ring = NULL;
        struct erg_feed *feed = NULL;
        const struct erg_run_options options = {.id = "bench"};
        const struct erg_feed_run feed_run = {&options, 0, &never, &never};
        struct erg_run_observer observer;
        if (erg_ring_new(&ring, RING_BYTES, 1, &err) ||
            erg_feed_new(&feed, ring, erg_clock_system(), &err))
            bench_fail("%s", err.text);
        erg_feed_begin(feed, &feed_run, &observer);
        unwatched_ns[i] = tell_ns(&observer, passes);
        erg_ring_join(ring);
        watched_ns[i] = tell_ns(&observer, passes);
        erg_feed_free(feed);
        erg_ring_free(ring);
    }
    printf("\na pass of 32 layers, its token and a sample, told to the stream:\n"
           "  nobody watches            %.2f us\n"
           "  somebody does             %.2f us\n",
           bench_median(unwatched_ns, n) / 1e3, bench_median(watched_ns, n) / 1e3);
}

int main(int argc, char **argv)
{
    struct live_clients clients;
    struct plan plan = {BENCH_MODEL_1B, 200, 20, 8, 40};
    bool quick = false;
    for (int i = 1; i < argc; i++) {
        int64_t pairs = 0;
        if (!strcmp(argv[i], "--quick")) {
            quick = true;
            plan = (struct plan){BENCH_MODEL_TINY, 200, 20, 1, 30};
        } else if (!strcmp(argv[i], "--tiny")) {
            plan.model = BENCH_MODEL_TINY;
            plan.tokens = 2000;
        } else if (i + 1 < argc && !strcmp(argv[i], "--pairs") &&
                   !erg_parse_i64(argv[i + 1], 1, MOST_PAIRS, &pairs, NULL)) {
            plan.pairs = (int)pairs;
            i++;
        } else {
            fprintf(stderr, "usage: bench_live [--quick] [--tiny] [--pairs N]\n");
            return 2;
        }
    }
    bench_print_machine();
    printf("\n");
    live_clients_start(&clients, plan.clients, plan.deaf);
    measure(&plan, &clients);
    live_clients_stop(&clients);
    measure_bus(quick);
    return 0;
}
