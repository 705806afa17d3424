/* SPDX-License-Identifier: MIT */
#include "server/api_rig.h"

#include <stdio.h>

/*
 * Every endpoint when memory runs out, at the k-th allocation for every k: a problem, or an answer
 * that is cut; never half an answer that looks whole, and nothing is left behind (the sanitized
 * build looks for that).
 */
static long allocations_left = -1; /* -1 = no end */

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return __real_erg_realloc(block, bytes);
}

#define API "/api/profiling"

static const struct request {
    enum erg_method method;
    const char *target, *body;
    bool changes; /* what it says, by itself: the room left on the disk, requests counted */
} requests[] = {
    {ERG_GET, API "/runs?search=x&tag=a", NULL, false},
    {ERG_GET, API "/runs?fields=prompt", NULL, false},
    {ERG_GET, API "/runs/groups?by=prompt", NULL, false},
    {ERG_GET, API "/run/last?detail=power_samples,operations", NULL, false},
    {ERG_GET, API "/run/last/summary", NULL, false},
    {ERG_GET, API "/run/last/summary?attribution=activity", NULL, false},
    {ERG_GET, API "/run/last/pipeline", NULL, false},
    {ERG_GET, API "/run/last/tokens", NULL, false},
    {ERG_GET, API "/run/last/power?max_points=20", NULL, false},
    {ERG_GET, API "/run/last/power?format=f32", NULL, false},
    {ERG_GET, API "/run/last/tree", NULL, false},
    {ERG_GET, API "/run/last/flow", NULL, false},
    {ERG_GET, API "/run/last/matrix?stack=true", NULL, false},
    {ERG_GET, API "/run/last/matrix?token=6&format=f32", NULL, false},
    {ERG_GET, API "/run/last/operations?token=6", NULL, false},
    {ERG_GET, API "/run/last/operations?from=5&to=6", NULL, false},
    {ERG_GET, API "/run/last/attention", NULL, false},
    {ERG_GET, API "/run/last/routing", NULL, false},
    {ERG_GET, API "/export/last", NULL, false},
    {ERG_GET, API "/store", NULL, true},
    {ERG_GET, API "/models", NULL, false},
    {ERG_GET, API "/capabilities", NULL, false},
    {ERG_GET, "/metrics", NULL, true},
    {ERG_PATCH, API "/run/last", "{\"tags\":[\"a\"]}", false},
    {ERG_POST, API "/compare", "{\"runs\":[\"last\",\"tag:a\"]}", false},
};

/* Whether the answer is the one that there is with memory enough. */
static bool is_whole(const struct answer *answer, int status)
{
    if (answer->cut)
        return false;
    if (answer->status == status)
        return true;
    assert_in_range(answer->status, 400, 599);
    return false;
}

static void sweep(struct rig *rig, const struct request *request)
{
    struct answer expected, answer;
    const char *type = request->body ? "application/json" : NULL;
    rig_send(rig, request->method, request->target, type, request->body, &expected);
    bool enough = false;
    /* Each of the first ones, then ever fewer. */
    for (long k = 0; !enough; k += 1 + k / 40) {
        allocations_left = k;
        rig_send(rig, request->method, request->target, type, request->body, &answer);
        enough = allocations_left > 0;
        allocations_left = -1;
        bool whole = is_whole(&answer, expected.status);
        assert_true(whole || !enough);
        if (whole && request->method == ERG_GET && !request->changes) {
            assert_int_equal(answer.body.len, expected.body.len);
            assert_memory_equal(answer.body.data, expected.body.data, expected.body.len);
        }
        answer_free(&answer);
    }
    answer_free(&expected);
}

static void test_every_endpoint(void **state)
{
    struct rig rig;
    (void)state;
    rig_open(&rig);
    for (size_t i = 0; i < ERG_COUNT(requests); i++)
        sweep(&rig, &requests[i]);
    rig_close(&rig);
}

static void test_opening(void **state)
{
    struct rig rig;
    struct erg_api *api = NULL;
    (void)state;
    rig_open(&rig);
    for (long k = 0; !api; k++) {
        allocations_left = k;
        erg_api_open(&api, &rig.options, NULL);
        allocations_left = -1;
    }
    erg_api_close(api);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_endpoint),
        cmocka_unit_test(test_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
