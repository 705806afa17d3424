/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_FAKE_SESSION_H
#define ERG_TESTS_FAKE_SESSION_H

#include "test.h"

#include "record/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A run of a scripted engine, with a store and a recording in a folder of its own. */
struct fake_session {
    char folder[64], script[96], store[96], recording[96], engine[96];
    const char *engine_path;
    struct erg_run_options options;
    struct erg_run_observer observer;
    struct erg_run_result result;
    struct erg_err err;
};

static inline void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void fake_session_init(struct fake_session *fake, const char *script)
{
    /* In memory, where there is such a place: a sweep makes hundreds of stores. */
    *fake = (struct fake_session){0};
    snprintf(fake->folder, sizeof fake->folder, "%s/ergon-session-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(fake->folder));
    snprintf(fake->script, sizeof fake->script, "%s/script", fake->folder);
    snprintf(fake->store, sizeof fake->store, "%s/ergon.db", fake->folder);
    snprintf(fake->recording, sizeof fake->recording, "%s/run.erg", fake->folder);
    snprintf(fake->engine, sizeof fake->engine, "%s/engine", fake->folder);
    write_text(fake->script, script);
    setenv("ERGON_FAKE_SCRIPT", fake->script, 1);
    fake->engine_path = ERGON_FAKE_ENGINE;
    fake->options = (struct erg_run_options){
        .model_path = "model.gguf",
        .prompt = "say \"x\"",
        .tokens = 3,
        .power_spec = "synthetic:cpu=5W",
        .store_path = fake->store,
        .record_path = fake->recording,
        .experiment = "fake",
    };
    assert_true(erg_grid_find("us", &fake->options.grid));
}

/* Let a shell script be the engine. */
static inline void fake_session_shell(struct fake_session *fake, const char *text)
{
    write_text(fake->engine, text);
    assert_int_equal(access(fake->engine, F_OK), 0);
    assert_int_equal(chmod(fake->engine, 0755), 0);
    fake->engine_path = fake->engine;
}

/* Open a session, run once, close it. */
static inline int fake_session_run(struct fake_session *fake)
{
    struct erg_session *session = NULL;
    struct erg_root root;
    assert_int_equal(erg_root_init(&root, NULL, NULL), 0);
    struct erg_session_options options = {.engine_path = fake->engine_path, .root = &root};
    int rc = erg_session_open(&session, &options, &fake->err);
    if (rc == 0)
        rc = erg_session_run(session, &fake->options, &fake->observer, &fake->result, &fake->err);
    erg_session_close(session);
    return rc;
}

static inline void fake_session_deinit(struct fake_session *fake)
{
    static const char *const names[] = {"script",  "ergon.db", "ergon.db-wal", "ergon.db-shm",
                                        "run.erg", "engine",   "stream"};
    for (size_t i = 0; i < ERG_COUNT(names); i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", fake->folder, names[i]);
        unlink(path);
    }
    erg_run_result_deinit(&fake->result);
    /* Nothing else may have been left: no half recording. */
    assert_int_equal(rmdir(fake->folder), 0);
}

#endif
