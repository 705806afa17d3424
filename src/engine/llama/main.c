/* SPDX-License-Identifier: MIT */
#include "base/mem.h"
#include "base/num.h"
#include "base/system.h"
#include "engine/llama/bench.h"
#include "engine/llama/calibrate.h"
#include "engine/llama/command.h"
#include "engine/llama/log.h"
#include "engine/llama/model.h"
#include "engine/llama/run.h"
#include "engine/llama/synth.h"
#include "ergon/probe.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAIN_MS = 50, FAREWELL_MS = 2000 };

struct engine {
    ergon_probe *probe;
    struct erg_channel channel;
    struct erg_log log;
    struct erg_model model;
};

/* ggml's last words before it aborts; it takes no user pointer. */
static ergon_probe *probe_of_abort;

static void on_abort(const char *message)
{
    ergon_probe_log(probe_of_abort, ERGON_ERROR, message);
    ergon_probe_drain(probe_of_abort, FAREWELL_MS);
}

static void report_failure(struct engine *engine, const struct erg_err *err)
{
    ergon_probe_run_end(engine->probe, ergon_probe_now_ns(), ERGON_FAILED, err->text);
}

static void load(struct engine *engine, const json_t *json)
{
    struct erg_load_command command;
    struct erg_err err;
    int status = erg_command_load(json, &command, &err);
    status = status
                 ? status
                 : erg_model_load(&engine->model, &command, &engine->channel, &engine->log, &err);
    if (status != 0) {
        report_failure(engine, &err);
        return;
    }
    if (erg_model_is_synthetic(&engine->model)) {
        ergon_probe_log(engine->probe, ERGON_WARNING,
                        "the model is synthetic: its weights are random, its text means nothing");
    }
    ergon_probe_log(engine->probe, ERGON_INFO, "loaded");
}

static void run(struct engine *engine, const json_t *json)
{
    struct erg_run_command command;
    struct erg_err err;
    int status = erg_command_run(json, &command, &err);
    if (status == 0 && !engine->model.llama) {
        status = erg_fail(&err, ERG_INVALID, "no model is loaded");
    }
    if (status != 0) {
        report_failure(engine, &err);
        return;
    }
    erg_run(engine->probe, &engine->channel, &engine->model, &engine->log, &command);
}

static void bench(struct engine *engine, const json_t *json)
{
    struct erg_bench_command command;
    struct erg_err err;
    int status = erg_command_bench(json, &command, &err);
    if (status == 0 && !engine->model.llama) {
        status = erg_fail(&err, ERG_INVALID, "no model is loaded");
    }
    status = status ? status
                    : erg_bench(engine->probe, &engine->channel, &engine->model, &engine->log,
                                &command, &err);
    if (status != 0) {
        report_failure(engine, &err);
        return;
    }
    ergon_probe_log(engine->probe, ERGON_INFO, "measured");
}

static void calibrate(struct engine *engine, const json_t *json)
{
    struct erg_calibrate_command command;
    struct erg_err err;
    int status = erg_command_calibrate(json, &command, &err);
    if (status == 0 && !engine->model.llama) {
        status = erg_fail(&err, ERG_INVALID, "no model is loaded");
    }
    status = status ? status
                    : erg_calibrate(engine->probe, &engine->channel, &engine->model, &engine->log,
                                    &command, &err);
    if (status != 0) {
        report_failure(engine, &err);
        return;
    }
    ergon_probe_log(engine->probe, ERGON_INFO, "calibrated");
}

static void synthesize(struct engine *engine, const json_t *json)
{
    struct erg_synth_command command = {0};
    struct erg_err err;
    int status = erg_command_synth(json, &command, &err);
    struct erg_synthesis synthesis = {.blueprint = &command.blueprint,
                                      .spec = command.model,
                                      .channel = &engine->channel,
                                      .probe = engine->probe};
    status = status ? status : erg_synthesize(&synthesis, command.out, &err);
    if (status != 0) {
        report_failure(engine, &err);
        return;
    }
    ergon_probe_log(engine->probe, ERGON_INFO, "synthesised");
}

/* False when the engine is to end. */
static bool obey(struct engine *engine, const json_t *json)
{
    const char *name = json_string_value(json_object_get(json, "cmd"));
    if (strcmp(name, "quit") == 0) {
        return false;
    }
    if (strcmp(name, "load") == 0) {
        load(engine, json);
    } else if (strcmp(name, "run") == 0) {
        run(engine, json);
    } else if (strcmp(name, "synth") == 0) {
        synthesize(engine, json);
    } else if (strcmp(name, "bench") == 0) {
        bench(engine, json);
    } else if (strcmp(name, "calibrate") == 0) {
        calibrate(engine, json);
    } else if (strcmp(name, "cancel") != 0) { /* one that comes too late means nothing */
        struct erg_err err;
        erg_fail(&err, ERG_INVALID, "unknown command '%.60s'", name);
        report_failure(engine, &err);
    }
    return true;
}

static void serve(struct engine *engine)
{
    for (;;) {
        json_t *json = NULL;
        struct erg_err err;
        bool delivered = ergon_probe_drain(engine->probe, 0) == 0;
        int status = erg_channel_next(&engine->channel, delivered ? -1 : DRAIN_MS, &json, &err);
        if (status == ERG_GONE) {
            return;
        }
        if (status < 0) {
            report_failure(engine, &err);
        }
        bool go_on = status == 1 ? obey(engine, json) : status == 0 || status == ERG_INVALID;
        json_decref(json);
        if (!go_on) {
            return;
        }
    }
}

static int open_probe(struct engine *engine)
{
    int64_t fd;
    const char *text = getenv("ERGON_PROBE_FD");
    if (!text || erg_parse_i64(text, 0, 1 << 20, &fd, NULL) != 0) {
        fputs("ergon-llama is started by 'ergon', not by hand\n", stderr);
        return -1;
    }
    engine->probe = ergon_probe_open_env();
    if (!engine->probe) {
        perror("ergon-llama");
        return -1;
    }
    erg_channel_init(&engine->channel, (int)fd);
    return 0;
}

static void prepare_process(void)
{
    /* Started through a loader the process would bear its name; and it dies with its parent. */
    erg_system_name_process("ergon-llama");
    erg_system_die_with_parent();
    /* Ctrl-C reaches the whole foreground group; the recorder turns it into a cancel. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &ignore, NULL);
    /* A file that grows beyond a limit is an error like others. */
    sigaction(SIGXFSZ, &ignore, NULL);
    /* Else ggml runs a debugger on itself when it fails, and prints. */
    setenv("GGML_NO_BACKTRACE", "1", 1);
}

static int print_version(void)
{
    char text[512];
    struct erg_err err;
    struct erg_log quiet = {0};
    erg_log_install(&quiet, NULL);
    if (erg_engine_start(&err) != 0) {
        fprintf(stderr, "ergon-llama: %s\n", err.text);
        return EXIT_FAILURE;
    }
    erg_engine_version(text, sizeof(text));
    puts(text);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct engine engine;
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        return print_version();
    }
    prepare_process();
    if (open_probe(&engine) != 0) {
        return EXIT_FAILURE;
    }
    probe_of_abort = engine.probe;
    ggml_set_abort_callback(on_abort);
    erg_log_install(&engine.log, engine.probe);
    struct erg_err err;
    if (erg_engine_start(&err) != 0) {
        report_failure(&engine, &err);
    } else {
        serve(&engine);
    }
    ergon_probe_drain(engine.probe, FAREWELL_MS);
    erg_model_free(&engine.model);
    erg_channel_deinit(&engine.channel);
    ergon_probe_close(engine.probe);
    return EXIT_SUCCESS;
}
