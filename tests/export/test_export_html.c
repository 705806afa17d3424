/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/mem.h"
#include "export/gunzip64.h"
#include "export/html.h"
#include "export/recorded.h"
#include "export/report_page.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RUN_ID RECORDED_ID

/* --- allocations ------------------------------------------------------------------------------ */

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);

static struct {
    bool watching;
    long count, fail_at;
} heap;

void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (heap.watching && ++heap.count == heap.fail_at)
        return NULL;
    return __real_erg_realloc(block, bytes);
}

/* --- a run and its report --------------------------------------------------------------------- */

struct fixture {
    struct recorded recorded;
    struct erg_store *store;
    struct erg_buf page;
};

static const struct recording_shape usual = {.seed = 3,
                                             .passes = 12,
                                             .domains = 2,
                                             .prompt = 5,
                                             .exact = true,
                                             .deep = true,
                                             .idle = true,
                                             .load = true,
                                             .status = "complete"};

static int to_buf(void *user, const void *bytes, size_t len)
{
    erg_buf_append(user, bytes, len);
    return erg_buf_status(user);
}

static void export_page(struct fixture *f, bool without_text)
{
    const struct erg_export_request request = {.store = f->store,
                                               .run_id = RUN_ID,
                                               .sink = to_buf,
                                               .user = &f->page,
                                               .without_text = without_text};
    struct erg_err err = {0};
    erg_buf_clear(&f->page);
    if (erg_exporter_find("html")->write(&request, &err))
        fail_msg("%s", err.text);
    assert_int_equal(strlen(f->page.data), f->page.len);
}

static struct fixture open_fixture(const struct recording_shape *shape)
{
    struct fixture f = {.recorded = recorded_open(shape)};
    f.store = f.recorded.store;
    erg_buf_init(&f.page);
    export_page(&f, false);
    return f;
}

static void close_fixture(struct fixture *f)
{
    erg_buf_deinit(&f->page);
    recorded_close(&f->recorded);
}

/* --- a reader of elements --------------------------------------------------------------------- */

/* Content of the element that answers a request, as a browser finds it: up to the first "</". */
static char *element(const struct fixture *f, const char *answer, char form[16])
{
    char tag[256];
    snprintf(tag, sizeof tag, "data-answer=\"%s\" data-form=\"", answer);
    const char *at = strstr(f->page.data, tag);
    if (!at)
        return NULL;
    at += strlen(tag);
    size_t len = strcspn(at, "\"");
    snprintf(form, 16, "%.*s", (int)len, at);
    at = strchr(at, '>') + 1;
    const char *end = strstr(at, "</");
    assert_memory_equal(end, "</script>", 9);
    return erg_strndup(at, (size_t)(end - at));
}

static json_t *parse(const char *text, size_t len)
{
    json_error_t error;
    json_t *json = json_loadb(
        text, len, JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json)
        fail_msg("%s at %d", error.text, error.position);
    return json;
}

static json_t *unpacked(const json_t *string)
{
    struct erg_buf plain;
    erg_buf_init(&plain);
    gunzip64(json_string_value(string), json_string_length(string), &plain);
    json_t *json = parse(plain.data, plain.len);
    erg_buf_deinit(&plain);
    return json;
}

static json_t *answer(const struct fixture *f, const char *rest)
{
    char name[128], form[16];
    snprintf(name, sizeof name, *rest == '/' ? "/run/" RUN_ID "%s" : "/%s", rest);
    ERG_AUTO_FREE char *text = element(f, name, form);
    if (!text)
        fail_msg("no answer to '%s'", name);
    json_t *json = parse(text, strlen(text));
    if (strcmp(form, "gzip") != 0)
        return json;
    json_t *inner = unpacked(json);
    json_decref(json);
    return inner;
}

/* --- what the server would say ---------------------------------------------------------------- */

struct source {
    struct erg_view_split split;
    struct erg_run_sums sums;
    struct erg_buf json;
    struct erg_jsonw w;
    struct erg_view view;
};

static void open_source(struct source *s, const struct fixture *f)
{
    s->view = (struct erg_view){f->store, RUN_ID, &s->w};
    erg_buf_init(&s->json);
    erg_jsonw_init(&s->w, &s->json);
    assert_int_equal(erg_view_split_choose(f->store, RUN_ID, NULL, &s->split, NULL), 0);
    assert_int_equal(erg_view_sums(f->store, RUN_ID, &s->split, &s->sums, NULL, NULL), 0);
}

static json_t *said(struct source *s)
{
    assert_int_equal(erg_jsonw_finish(&s->w), 0);
    json_t *json = parse(s->json.data, s->json.len);
    erg_buf_clear(&s->json);
    erg_jsonw_init(&s->w, &s->json);
    return json;
}

static void close_source(struct source *s)
{
    erg_run_sums_deinit(&s->sums);
    erg_buf_deinit(&s->json);
}

static void same(json_t *found, json_t *expected, const char *what)
{
    if (!json_equal(found, expected))
        fail_msg("%s differs", what);
    json_decref(found);
    json_decref(expected);
}

static void test_answers_are_those_of_the_server(void **state)
{
    static const struct erg_view_range whole = {.token = -1, .to = -1, .phase = ERG_PHASES};
    static const struct erg_view_power power = {2000, -1e18, 1e18};
    struct fixture f = open_fixture(&usual);
    struct source s;
    (void)state;
    open_source(&s, &f);
    assert_int_equal(erg_view_report(&s.view, &s.split, &s.sums, NULL), 0);
    same(answer(&f, "/summary"), said(&s), "summary");
    assert_int_equal(erg_view_pipeline(&s.view, NULL), 0);
    same(answer(&f, "/pipeline"), said(&s), "pipeline");
    assert_int_equal(erg_view_tokens(&s.view, &whole, NULL), 0);
    same(answer(&f, "/tokens"), said(&s), "tokens");
    assert_int_equal(erg_view_power(&s.view, &power, NULL, NULL), 0);
    same(answer(&f, "/power"), said(&s), "power");
    assert_int_equal(erg_view_tree(&s.view, &s.split, &s.sums, 4, NULL), 0);
    same(answer(&f, "/tree"), said(&s), "tree");
    assert_int_equal(erg_view_flow(&s.view, &s.split, &s.sums, ERG_PHASES, NULL), 0);
    same(answer(&f, "/flow"), said(&s), "flow");
    assert_int_equal(erg_view_operations(&s.view, &s.split, &s.sums, &whole, -2, NULL, NULL), 0);
    same(answer(&f, "/operations"), said(&s), "operations");
    assert_int_equal(erg_view_attention(&s.view, &whole, NULL), 0);
    same(answer(&f, "/attention"), said(&s), "attention");
    assert_int_equal(erg_view_routing(&s.view, &whole, NULL), 0);
    same(answer(&f, "/routing"), said(&s), "routing");
    erg_view_grid(&s.w);
    same(answer(&f, "grid"), said(&s), "grid");
    close_source(&s);
    close_fixture(&f);
}

/* --- matrices --------------------------------------------------------------------------------- */

struct stack {
    json_t *head; /* NULL: there is none */
    char packing[16];
    size_t every;
    struct erg_buf bytes;
};

static struct stack open_stack(const struct fixture *f, const char *metric)
{
    char name[160], form[16];
    struct stack stack = {0};
    erg_buf_init(&stack.bytes);
    snprintf(name, sizeof name, "/run/" RUN_ID "/matrix?metric=%s&amp;stack=true", metric);
    ERG_AUTO_FREE char *text = element(f, name, form);
    if (!text)
        return stack;
    assert_string_equal(form, "stack");
    json_t *json = parse(text, strlen(text));
    const json_t *values = json_object_get(json, "values");
    stack.head = unpacked(json_object_get(json, "head"));
    stack.every = (size_t)json_number_value(json_object_get(json, "every"));
    snprintf(stack.packing, sizeof stack.packing, "%s",
             json_string_value(json_object_get(json, "packing")));
    gunzip64(json_string_value(values), json_string_length(values), &stack.bytes);
    json_decref(json);
    return stack;
}

static void close_stack(struct stack *stack)
{
    json_decref(stack->head);
    erg_buf_deinit(&stack->bytes);
}

static uint64_t read_varint(const struct stack *stack, size_t *at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(*at < stack->bytes.len);
        unsigned char byte = (unsigned char)stack->bytes.data[(*at)++];
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128)
            return value;
    }
}

/* The matrices that the server has, its head with the values taken apart. */
static json_t *server_stack(struct source *s, enum erg_matrix_metric metric, struct erg_buf *floats)
{
    const struct erg_view_matrix request = {
        .metric = metric, .range = {.token = -1, .to = -1, .phase = ERG_PHASES}, .stack = true};
    erg_buf_clear(floats);
    assert_int_equal(erg_view_matrix(&s->view, &s->split, &s->sums, &request, floats, NULL), 0);
    return said(s);
}

static float value_of(const struct erg_buf *floats, size_t at)
{
    float value;
    memcpy(&value, floats->data + at * sizeof value, sizeof value);
    return value;
}

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void test_matrices_are_those_of_the_server(void **state)
{
    struct fixture f = open_fixture(&usual);
    struct source s;
    struct erg_buf ms, mj;
    (void)state;
    open_source(&s, &f);
    erg_buf_init(&ms);
    erg_buf_init(&mj);
    struct stack time = open_stack(&f, "time_ms"), energy = open_stack(&f, "energy_mj");
    json_t *head = server_stack(&s, ERG_MATRIX_TIME_MS, &ms);
    json_t *passes = json_object_get(head, "passes");
    json_decref(server_stack(&s, ERG_MATRIX_ENERGY_MJ, &mj));
    size_t count = json_array_size(passes), cells = ms.len / sizeof(float) / count;
    assert_true(json_equal(time.head, head));
    assert_int_equal(json_array_size(json_object_get(energy.head, "passes")), 0);
    assert_string_equal(time.packing, "ticks");
    assert_string_equal(energy.packing, "share");
    assert_int_equal(time.every, 1);
    size_t at_time = 0, at_energy = 0, known = 0;
    for (size_t i = 0; i < count * cells; i++) {
        const json_t *pass = json_array_get(passes, i % count);
        size_t at = i % count * cells + i / count;
        uint64_t ticks = read_varint(&time, &at_time), share = read_varint(&energy, &at_energy);
        assert_int_equal(ticks == 0, isnan(value_of(&ms, at)));
        assert_int_equal(share == 0, isnan(value_of(&mj, at)));
        if (!ticks)
            continue;
        double whole = round(number(pass, "duration_ms") * 1e4);
        double nj =
            floor(round(number(pass, "energy_mj") * 1e6) * (double)(ticks - 1) / whole + 0.5);
        nj += share % 2 ? (double)(share - 1) / 2 : -(double)share / 2;
        assert_true(fabs((double)(ticks - 1) / 1e4 - (double)value_of(&ms, at)) < 1e-6);
        assert_true(fabs(nj / 1e6 - (double)value_of(&mj, at)) <= 1e-6 + nj * 1e-13);
        known++;
    }
    assert_int_equal(at_time, time.bytes.len);
    assert_int_equal(at_energy, energy.bytes.len);
    assert_true(known > 50);
    json_decref(head);
    close_stack(&time);
    close_stack(&energy);
    erg_buf_deinit(&ms);
    erg_buf_deinit(&mj);
    close_source(&s);
    close_fixture(&f);
}

static float float24(const struct stack *stack, size_t count, size_t i)
{
    uint32_t bits = 0;
    float value;
    for (size_t plane = 0; plane < 3; plane++)
        bits |= (uint32_t)(unsigned char)stack->bytes.data[plane * count + i] << (24 - 8 * plane);
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void test_statistics_are_those_of_the_server(void **state)
{
    struct fixture f = open_fixture(&usual);
    struct source s;
    struct erg_buf floats;
    size_t known = 0;
    (void)state;
    open_source(&s, &f);
    erg_buf_init(&floats);
    for (int metric = ERG_MATRIX_MEAN; metric < ERG_MATRIX_METRICS; metric++) {
        struct stack stack = open_stack(&f, erg_matrix_info((enum erg_matrix_metric)metric)->name);
        json_t *head = server_stack(&s, (enum erg_matrix_metric)metric, &floats);
        size_t passes = json_array_size(json_object_get(head, "passes"));
        size_t count = floats.len / sizeof(float), cells = count / passes;
        assert_string_equal(stack.packing, "float24");
        assert_int_equal(stack.every, 1);
        assert_int_equal(stack.bytes.len, 3 * count);
        for (size_t i = 0; i < count; i++) {
            float expected = value_of(&floats, i % passes * cells + i / passes);
            float found = float24(&stack, count, i);
            if (isnan(expected))
                assert_true(isnan(found));
            else
                assert_true(fabsf(found - expected) <= fabsf(expected) * 0x1p-13f);
            known += !isnan(expected);
        }
        json_decref(head);
        close_stack(&stack);
    }
    assert_true(known > 50);
    erg_buf_deinit(&floats);
    close_source(&s);
    close_fixture(&f);
}

static void test_a_run_without_power_has_times(void **state)
{
    struct recording_shape shape = usual;
    shape.domains = 0;
    struct fixture f = open_fixture(&shape);
    struct stack time = open_stack(&f, "time_ms"), energy = open_stack(&f, "energy_mj");
    (void)state;
    assert_non_null(time.head);
    assert_null(energy.head);
    close_stack(&time);
    close_stack(&energy);
    close_fixture(&f);
}

/* --- size ------------------------------------------------------------------------------------- */

/* The matrices alone, with less room than they need. */
static void export_stacks(struct fixture *f, size_t most_bytes)
{
    struct source s;
    const struct erg_export_request request = {
        .store = f->store, .run_id = RUN_ID, .sink = to_buf, .user = &f->page};
    struct erg_html html = {.request = &request, .most_bytes = most_bytes};
    open_source(&s, f);
    html.split = s.split;
    html.sums = s.sums;
    erg_out_init(&html.out, &request, NULL);
    erg_buf_clear(&f->page);
    assert_int_equal(erg_html_put_stacks(&html), 0);
    assert_int_equal(erg_out_flush(&html.out), 0);
    erg_out_deinit(&html.out);
    close_source(&s);
}

static uint64_t sum_of_ticks(const struct stack *stack)
{
    uint64_t sum = 0;
    for (size_t at = 0; at < stack->bytes.len;) {
        uint64_t ticks = read_varint(stack, &at);
        sum += ticks ? ticks - 1 : 0;
    }
    return sum;
}

static void test_what_is_too_large_is_joined(void **state)
{
    struct recording_shape shape = usual;
    shape.passes = 400;
    struct fixture f = open_fixture(&shape);
    struct stack whole = open_stack(&f, "time_ms");
    uint64_t ticks = sum_of_ticks(&whole);
    (void)state;
    assert_int_equal(whole.every, 1);
    size_t last = 1;
    for (size_t most = 6000; most > 1000; most /= 4) {
        export_stacks(&f, most);
        struct stack time = open_stack(&f, "time_ms"), energy = open_stack(&f, "energy_mj");
        struct stack mean = open_stack(&f, "activation_mean");
        assert_true(time.every > last);
        assert_int_equal(energy.every, time.every);
        assert_true(mean.every > 1);
        assert_true(json_equal(time.head, whole.head)); /* of every pass, for the reader to join */
        assert_int_equal(sum_of_ticks(&time), ticks);
        last = time.every;
        close_stack(&time);
        close_stack(&energy);
        close_stack(&mean);
    }
    close_stack(&whole);
    close_fixture(&f);
}

/* --- hostile text ----------------------------------------------------------------------------- */

static const char hostile[] = "</script><!--<script><img src=x onerror=alert(1)>&amp;\xE2\x80\xA8";

static size_t occurrences(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

static void test_text_cannot_leave_its_element(void **state)
{
    struct recording_shape shape = usual;
    struct fixture f = open_fixture(&shape);
    size_t tags = occurrences(f.page.data, "<");
    close_fixture(&f);
    (void)state;
    shape.text = hostile;
    f = open_fixture(&shape);
    assert_int_equal(occurrences(f.page.data, "<"), tags);
    assert_int_equal(occurrences(f.page.data, "onerror=alert"), shape.passes); /* in the answer */
    json_t *summary = answer(&f, "/summary");
    const char *response = json_string_value(json_object_get(summary, "response"));
    assert_int_equal(occurrences(response, hostile), shape.passes);
    json_decref(summary);
    close_fixture(&f);
}

/* --- without texts ---------------------------------------------------------------------------- */

static void test_texts_can_be_left_out(void **state)
{
    struct recording_shape shape = usual;
    shape.text = "secret";
    struct fixture f = open_fixture(&shape);
    (void)state;
    export_page(&f, true);
    assert_null(strstr(f.page.data, "secret"));
    assert_null(strstr(f.page.data, "@SUM(1)")); /* the prompt */
    assert_non_null(strstr(f.page.data, "\"without_text\":true"));
    json_t *tokens = answer(&f, "/tokens"), *list = json_object_get(tokens, "tokens"), *token;
    size_t i;
    assert_int_equal(json_array_size(list), shape.passes + shape.prompt);
    json_array_foreach(list, i, token)
    {
        assert_string_equal(json_string_value(json_object_get(token, "text")), "");
        assert_true(number(token, "token") == -1);
        assert_true(number(token, "index") == (double)i);
        assert_true(number(token, "duration_ms") > 0);
    }
    json_decref(tokens);
    close_fixture(&f);
}

/* --- failures --------------------------------------------------------------------------------- */

static int count_bytes(void *user, const void *bytes, size_t len)
{
    (void)bytes;
    *(size_t *)user += len;
    return 0;
}

struct failing {
    long calls, fail_at;
};

static int failing_sink(void *user, const void *bytes, size_t len)
{
    struct failing *failing = user;
    (void)bytes;
    (void)len;
    return ++failing->calls == failing->fail_at ? ERG_GONE : 0;
}

static void test_a_failing_sink_ends_it(void **state)
{
    struct recording_shape shape = usual;
    struct failing whole = {0};
    struct fixture f = open_fixture(&shape);
    struct erg_export_request request = {
        .store = f.store, .run_id = RUN_ID, .sink = failing_sink, .user = &whole};
    const struct erg_exporter *html = erg_exporter_find("html");
    (void)state;
    assert_int_equal(html->write(&request, NULL), 0);
    assert_true(whole.calls >= 2);
    for (long k = 1; k <= whole.calls; k++) {
        struct failing failing = {.fail_at = k};
        struct erg_err err = {0};
        request.user = &failing;
        assert_int_equal(html->write(&request, &err), ERG_GONE);
        assert_int_equal(err.code, ERG_GONE);
        assert_int_equal(failing.calls, k);
    }
    request.run_id = "nothing";
    assert_int_equal(html->write(&request, NULL), ERG_NOT_FOUND);
    close_fixture(&f);
}

/* Fail allocation after allocation: each ends in an error, or in the whole report without it. */
static void test_running_out_of_memory(void **state)
{
    struct recording_shape shape = usual;
    shape.passes = 2;
    struct fixture f = open_fixture(&shape);
    const struct erg_exporter *html = erg_exporter_find("html");
    bool missed = true;
    (void)state;
    for (long k = 1; missed; k++) {
        size_t bytes = 0;
        struct erg_export_request request = {
            .store = f.store, .run_id = RUN_ID, .sink = count_bytes, .user = &bytes};
        heap.count = 0;
        heap.fail_at = k;
        heap.watching = true;
        int rc = html->write(&request, NULL);
        heap.watching = false;
        missed = heap.count >= k;
        if (rc == 0 && bytes != f.page.len)
            fail_msg("allocation %ld failed unnoticed", k);
        assert_true(rc == 0 || missed);
    }
    heap.fail_at = 0;
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_the_server),
        cmocka_unit_test(test_matrices_are_those_of_the_server),
        cmocka_unit_test(test_statistics_are_those_of_the_server),
        cmocka_unit_test(test_a_run_without_power_has_times),
        cmocka_unit_test(test_what_is_too_large_is_joined),
        cmocka_unit_test(test_text_cannot_leave_its_element),
        cmocka_unit_test(test_texts_can_be_left_out),
        cmocka_unit_test(test_a_failing_sink_ends_it),
        cmocka_unit_test(test_running_out_of_memory),
    };
    if (erg_report_page_bytes == 0) {
        fputs("skipped: built without the dashboard\n", stderr);
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
