/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/exchange.h"

#include <jansson.h>
#include <stdio.h>

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

/* What came out of an exchange. */
struct answer {
    int status;
    char fields[512]; /* "name: value\n" … in the order they came */
    char body[1024];
    size_t body_len;
    int result; /* of the sink */
};

static int begin(void *user, int status, const struct erg_http_field *fields, size_t count)
{
    struct answer *a = user;
    size_t len = 0;
    a->status = status;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(a->fields + len, sizeof a->fields - len, "%s: %s\n", fields[i].name,
                                fields[i].value);
    return a->result;
}

static int take(void *user, const void *bytes, size_t len)
{
    struct answer *a = user;
    assert_true(a->status != 0);
    assert_true(a->body_len + len < sizeof a->body);
    memcpy(a->body + a->body_len, bytes, len);
    a->body_len += len;
    return a->result;
}

struct rig {
    struct answer answer;
    struct erg_answer_sink sink;
    struct erg_exchange x;
};

static void start(struct rig *rig)
{
    memset(rig, 0, sizeof *rig);
    rig->sink = (struct erg_answer_sink){.user = &rig->answer, .begin = begin, .write = take};
    rig->x.sink = &rig->sink;
}

static void test_json(void **state)
{
    (void)state;
    struct rig rig;
    struct erg_buf json = {0};
    start(&rig);
    erg_buf_puts(&json, "{\"a\":1}");
    assert_int_equal(erg_exchange_json(&rig.x, 201, &json), 0);
    assert_int_equal(rig.x.status, 201);
    assert_int_equal(rig.answer.status, 201);
    assert_string_equal(rig.answer.fields, "content-length: 7\ncontent-type: application/json\n");
    assert_string_equal(rig.answer.body, "{\"a\":1}");
    erg_buf_deinit(&json);
}

/* A status that has no body by definition gets no length either. */
static void test_empty(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *fields;
    } rows[] = {{204, ""}, {304, ""}, {202, "content-length: 0\n"}, {500, "content-length: 0\n"}};
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct rig rig;
        start(&rig);
        assert_int_equal(erg_exchange_empty(&rig.x, rows[i].status), 0);
        assert_int_equal(rig.answer.status, rows[i].status);
        assert_string_equal(rig.answer.fields, rows[i].fields);
    }
}

static void test_streamed(void **state)
{
    (void)state;
    struct rig rig;
    struct erg_http_field fields[] = {{"x-total-count", "3"}};
    start(&rig);
    assert_int_equal(erg_exchange_begin(&rig.x, 200, "text/csv", fields, 1), 0);
    assert_int_equal(erg_exchange_write(&rig.x, "a,b\n", 4), 0);
    assert_int_equal(erg_exchange_write(&rig.x, "", 0), 0);
    assert_int_equal(erg_exchange_write(&rig.x, "1,2\n", 4), 0);
    assert_string_equal(rig.answer.fields, "x-total-count: 3\ncontent-type: text/csv\n");
    assert_string_equal(rig.answer.body, "a,b\n1,2\n");
    rig.answer.result = ERG_GONE;
    assert_int_equal(erg_exchange_write(&rig.x, "x", 1), ERG_GONE);
}

static const char *text_of(json_t *problem, const char *key)
{
    const char *text = json_string_value(json_object_get(problem, key));
    return text ? text : "";
}

static json_t *problem_of(const struct rig *rig)
{
    assert_non_null(strstr(rig->answer.fields, "content-type: application/problem+json\n"));
    json_t *problem = json_loadb(rig->answer.body, rig->answer.body_len, 0, NULL);
    assert_non_null(problem);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), rig->answer.status);
    return problem;
}

static void test_problem_about(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    assert_int_equal(erg_exchange_problem_about(&rig.x, 400, "parameter", "max_length",
                                                "invalid_body", "too many", NULL),
                     0);
    json_t *problem = problem_of(&rig);
    assert_string_equal(text_of(problem, "parameter"), "max_length");
    assert_string_equal(text_of(problem, "code"), "invalid_body");
    json_decref(problem);
}

static void test_problem(void **state)
{
    (void)state;
    struct rig rig;
    start(&rig);
    assert_int_equal(erg_exchange_problem(&rig.x, 404, "not_found", "no run '\"'", "see GET /runs"),
                     0);
    json_t *problem = problem_of(&rig);
    assert_string_equal(text_of(problem, "code"), "not_found");
    assert_string_equal(text_of(problem, "title"), "Not Found");
    assert_string_equal(text_of(problem, "detail"), "no run '\"'");
    assert_string_equal(text_of(problem, "hint"), "see GET /runs");
    json_decref(problem);

    start(&rig);
    assert_int_equal(erg_exchange_not_allowed(&rig.x, "GET, DELETE"), 0);
    assert_int_equal(rig.answer.status, 405);
    assert_non_null(strstr(rig.answer.fields, "allow: GET, DELETE\n"));
    json_decref(problem_of(&rig));
}

/* Every code of ours has an answer, and none of them tells where files are. */
static void test_failures(void **state)
{
    (void)state;
    static const struct {
        struct erg_err err;
        int status;
        const char *code, *detail;
    } rows[] = {
        {{ERG_NOT_FOUND, 0, "no run 'x'"}, 404, "not_found", "no run 'x'"},
        {{ERG_INVALID, 0, "'limit' is no number"},
         400,
         "invalid_parameter",
         "'limit' is no number"},
        {{ERG_LIMIT, 0, "too many"}, 400, "limit_exceeded", "too many"},
        {{ERG_UNSUPPORTED, 0, "no"}, 422, "unsupported", "no"},
        {{ERG_BUSY, 0, "later"}, 503, "busy", "later"},
        {{ERG_CANCELLED, 0, "done"}, 409, "cancelled", "done"},
        {{ERG_IO, 5, "cannot read 'x': error"}, 500, "input_output", "input/output error"},
        {{ERG_NOT_FOUND, 2, "cannot open 'x'"}, 404, "not_found", "not found"},
        {{ERG_CORRUPT, 0, "in '/home/me/ergon.db'"}, 500, "damaged_data", "damaged data"},
        {{ERG_NOMEM, 0, "out of memory"}, 503, "out_of_memory", "out of memory"},
        {{ERG_OVERRUN, 0, "x"}, 500, "internal", "x"},
        {{-99, 0, "x"}, 500, "internal", "x"},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct rig rig;
        start(&rig);
        assert_int_equal(erg_exchange_fail(&rig.x, &rows[i].err), 0);
        assert_int_equal(rig.answer.status, rows[i].status);
        json_t *problem = problem_of(&rig);
        assert_string_equal(text_of(problem, "code"), rows[i].code);
        assert_string_equal(text_of(problem, "detail"), rows[i].detail);
        json_decref(problem);
        /* the answer has begun: too late to tell of more */
        size_t len = rig.answer.body_len;
        assert_false(rig.x.is_cut);
        assert_int_equal(erg_exchange_fail(&rig.x, &rows[i].err), 0);
        assert_int_equal(rig.answer.body_len, len);
        assert_true(rig.x.is_cut);
    }
}

/* Without memory there is an answer still, only a shorter one. */
static void test_no_memory(void **state)
{
    (void)state;
    struct erg_buf json = {.status = ERG_NOMEM};
    struct rig rig;
    start(&rig);
    assert_int_equal(erg_exchange_json(&rig.x, 200, &json), 0);
    assert_int_equal(rig.answer.status, 503);
    start(&rig);
    allocations_left = 0;
    int rc = erg_exchange_problem(&rig.x, 404, "not_found", "no run", NULL);
    allocations_left = -1;
    assert_int_equal(rc, 0);
    assert_int_equal(rig.answer.status, 404);
    assert_string_equal(rig.answer.fields, "content-length: 0\n");
    assert_int_equal(rig.answer.body_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),          cmocka_unit_test(test_empty),
        cmocka_unit_test(test_streamed),      cmocka_unit_test(test_problem),
        cmocka_unit_test(test_problem_about), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
