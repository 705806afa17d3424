/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_QUEUE_RIG_H
#define ERG_TESTS_QUEUE_RIG_H

#include "test.h"

#include "base/clock.h"
#include "server/queue.h"
#include "store/store.h"

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A queue whose runs are made by the scripted engine, in a folder of its own. */
struct queue_rig {
    char folder[64], script[96], store[96];
    struct erg_model_dirs dirs;
    struct erg_run_rules rules;
    struct erg_root root;
    struct erg_ring *ring;
    struct erg_queue *queue;
    struct erg_queue_options options;
};

static inline void queue_rig_script(struct queue_rig *rig, const char *script)
{
    FILE *file = fopen(rig->script, "wb");
    assert_non_null(file);
    assert_true(fputs(script, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void queue_rig_init(struct queue_rig *rig, const char *script)
{
    *rig = (struct queue_rig){0};
    snprintf(rig->folder, sizeof rig->folder, "%s/ergon-queue-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(rig->folder));
    snprintf(rig->script, sizeof rig->script, "%s/script", rig->folder);
    snprintf(rig->store, sizeof rig->store, "%s/ergon.db", rig->folder);
    queue_rig_script(rig, script);
    setenv("ERGON_FAKE_SCRIPT", rig->script, 1);
    rig->dirs.count = 1;
    snprintf(rig->dirs.path[0], sizeof rig->dirs.path[0], "../models");
    rig->rules = (struct erg_run_rules){
        .model_dirs = &rig->dirs,
        .store_path = rig->store,
        .power_spec = "synthetic:cpu=5W",
    };
    assert_int_equal(erg_root_init(&rig->root, NULL, NULL), 0);
    assert_int_equal(erg_ring_new(&rig->ring, 1 << 22, 1, NULL), 0);
    rig->options = (struct erg_queue_options){
        .maker = {.engine_path = ERGON_FAKE_ENGINE,
                  .root = &rig->root,
                  .clock = erg_clock_system(),
                  .ring = rig->ring},
        .warm_ns = INT64_C(60000000000),
        .max_waiting = 4,
    };
}

static inline void queue_rig_open(struct queue_rig *rig)
{
    assert_int_equal(erg_queue_open(&rig->queue, &rig->options, NULL), 0);
}

static inline void queue_rig_deinit(struct queue_rig *rig)
{
    static const char *const names[] = {"script",       "ergon.db", "ergon.db-wal",
                                        "ergon.db-shm", "engine",   "pids"};
    assert_true(erg_queue_close(rig->queue, 20000));
    erg_ring_free(rig->ring);
    for (size_t i = 0; i < ERG_COUNT(names); i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", rig->folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(rig->folder), 0);
}

/* Put a run into the queue; what erg_queue_add() says. */
static inline int queue_rig_add(struct queue_rig *rig, const char *body, char out_id[40],
                                struct erg_ticket **out_ticket, struct erg_err *err)
{
    struct erg_run_request *request = NULL;
    struct erg_run_fault fault;
    int rc = erg_run_request_parse(&request, &rig->rules, body, strlen(body), &fault, err);
    assert_int_equal(rc, 0);
    rc = erg_queue_add(rig->queue, request, out_id, out_ticket, err);
    if (rc)
        erg_run_request_free(request);
    return rc;
}

/* Make a run and wait for its end. */
static inline void queue_rig_run(struct queue_rig *rig, const char *body, char out_id[40],
                                 struct erg_run_outcome *out)
{
    struct erg_ticket *ticket = NULL;
    assert_int_equal(queue_rig_add(rig, body, out_id, &ticket, NULL), 0);
    erg_queue_wait(rig->queue, ticket, out);
}

/* The queue as GET /queue shows it; to json_decref(). */
static inline json_t *queue_rig_list(struct queue_rig *rig)
{
    struct erg_buf text = {0};
    struct erg_jsonw w;
    erg_jsonw_init(&w, &text);
    erg_jsonw_obj_begin(&w);
    erg_queue_write(rig->queue, &w);
    erg_jsonw_obj_end(&w);
    json_t *json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    erg_buf_deinit(&text);
    return json;
}

/* What the queue says of a run; NULL when it does not know it. */
static inline json_t *queue_rig_describe(struct queue_rig *rig, const char *id)
{
    struct erg_buf text = {0};
    struct erg_jsonw w;
    json_t *json = NULL;
    erg_jsonw_init(&w, &text);
    if (erg_queue_describe(rig->queue, id, &w)) {
        json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
    }
    erg_buf_deinit(&text);
    return json;
}

/* Wait until the queue says that of the run, and that a run that goes on has tokens: before it has
 * begun there is nothing to keep of it. Fails after 60 s. */
static inline void queue_rig_await(struct queue_rig *rig, const char *id, const char *status)
{
    for (int looks = 0; looks < 12000; looks++) {
        bool found = false;
        json_t *list = queue_rig_list(rig), *run;
        size_t i;
        json_array_foreach(json_object_get(list, "runs"), i, run)
        {
            found |= strcmp(json_string_value(json_object_get(run, "run_id")), id) == 0 &&
                     strcmp(json_string_value(json_object_get(run, "status")), status) == 0 &&
                     (strcmp(status, "running") != 0 ||
                      json_integer_value(json_object_get(run, "tokens")) > 0);
        }
        json_decref(list);
        if (found)
            return;
        poll(NULL, 0, 5);
    }
    fail_msg("run %s is not %s", id, status);
}

/* Wait until a run has tokens, so that there is something to keep of it; its id. 60 s. */
static inline void queue_rig_await_tokens(struct queue_rig *rig, char out_id[40])
{
    bool found = false;
    for (int looks = 0; looks < 12000 && !found; looks++) {
        json_t *list = queue_rig_list(rig);
        json_t *run = json_array_get(json_object_get(list, "runs"), 0);
        found = run && json_integer_value(json_object_get(run, "tokens")) > 3;
        if (found)
            snprintf(out_id, 40, "%s", json_string_value(json_object_get(run, "run_id")));
        json_decref(list);
        if (!found)
            poll(NULL, 0, 5);
    }
    assert_true(found);
}

#endif
