/* SPDX-License-Identifier: MIT */
#include "server/api_rig.h"

#include <pthread.h>
#include <stdio.h>

/* Many requests at once, some of which change what the others read. */

#define API "/api/profiling"

enum { THREADS = 8, ROUNDS = 30 };

struct worker {
    struct rig *rig;
    int number, failures;
};

/* No assertion of cmocka's from a thread that it does not know. */
static int begin(void *user, int status, const struct erg_http_field *fields, size_t count)
{
    (void)fields;
    (void)count;
    *(int *)user = status;
    return 0;
}

static int take(void *user, const void *bytes, size_t len)
{
    (void)user;
    (void)bytes;
    (void)len;
    return 0;
}

static int ask(struct rig *rig, enum erg_method method, const char *path, const char *query,
               const char *body)
{
    int status = 0;
    const struct erg_answer_sink sink = {&status, begin, take};
    struct erg_exchange x = {
        .request = {.method = method,
                    .path = path,
                    .query = query,
                    .content_type = body ? "application/json" : "",
                    .accept = "",
                    .accept_encoding = "",
                    .if_none_match = "",
                    .body = body ? body : "",
                    .body_len = body ? strlen(body) : 0},
        .sink = &sink,
    };
    erg_api_handle(rig->api, &x);
    return x.is_cut ? -1 : status;
}

static void *work(void *user)
{
    static const struct {
        const char *path, *query;
    } reads[] = {
        {API "/runs", "search=x&sort=-joules_per_token"},
        {API "/run/last/summary", ""},
        {API "/run/last/summary", "attribution=activity"},
        {API "/run/last/matrix", "stack=true&format=f32"},
        {API "/run/last/tree", "attribution=activity"},
        {API "/power/status", "refresh=true"},
        {API "/export/last", "format=csv"},
        {"/metrics", ""},
        {API "/store", ""},
    };
    struct worker *worker = user;
    for (int i = 0; i < ROUNDS; i++) {
        size_t k = (size_t)(i + worker->number) % ERG_COUNT(reads);
        char body[64];
        worker->failures += ask(worker->rig, ERG_GET, reads[k].path, reads[k].query, NULL) != 200;
        snprintf(body, sizeof body, "{\"tags\":[\"%d\"]}", i);
        if (worker->number % 4 == 0)
            worker->failures += ask(worker->rig, ERG_PATCH, API "/run/last", "", body) != 200;
        if (worker->number % 4 == 1)
            worker->failures +=
                ask(worker->rig, ERG_DELETE, API "/runs", "older_than=99999d", NULL) != 200;
    }
    return NULL;
}

static void test_many_at_once(void **state)
{
    struct rig rig;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    (void)state;
    rig_open(&rig);
    assert_int_equal(ask(&rig, ERG_GET, API "/run/last", "", NULL), 200);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){&rig, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].failures, 0);
    }
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_many_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
