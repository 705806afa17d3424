/* SPDX-License-Identifier: MIT */
#include "server/api_rig.h"

#include "base/num.h"
#include "export/make_recording.h"
#include "record/session.h"
#include "server/assets.h"
#include "server/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void rig_prepare(struct rig *rig)
{
    *rig = (struct rig){.temp = temp_store_new()};
    rig->dirs.count = 1;
    snprintf(rig->dirs.path[0], sizeof rig->dirs.path[0], "../models");
    assert_int_equal(erg_root_init(&rig->root, NULL, NULL), 0);
    rig->document = json_loadb((const char *)erg_description.rows[0].bytes,
                               erg_description.rows[0].len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(rig->document);
}

void rig_start(struct rig *rig)
{
    struct erg_err err = {0};
    rig->options.store_path = rig->temp.path;
    rig->options.model_dirs = &rig->dirs;
    rig->options.root = &rig->root;
    rig->options.clock = erg_clock_system();
    if (erg_api_open(&rig->api, &rig->options, &err))
        fail_msg("%s", err.text);
}

void rig_open(struct rig *rig)
{
    const struct recording_shape shape = {
        .seed = 7,
        .passes = 12,
        .domains = 3,
        .prompt = 4,
        .exact = true,
        .load = true,
        .idle = true,
        .deep = true,
        .status = "complete",
    };
    struct erg_buf recording = {0};
    struct erg_run_result result;
    struct erg_err err = {0};
    char path[160];
    bool torn;
    rig_prepare(rig);
    make_recording(&recording, &shape);
    snprintf(path, sizeof path, "%s/run.erg", rig->temp.folder);
    write_file(path, recording.data, recording.len);
    if (erg_import(path, rig->temp.path, &result, &torn, &err))
        fail_msg("%s", err.text);
    assert_false(torn);
    erg_run_result_deinit(&result);
    erg_buf_deinit(&recording);
    unlink(path);
    rig_start(rig);
}

void rig_close(struct rig *rig)
{
    erg_api_close(rig->api);
    json_decref(rig->document);
    temp_store_remove(&rig->temp);
}

/* --- requests ----------------------------------------------------------------------------------*/

static int begin(void *user, int status, const struct erg_http_field *fields, size_t count)
{
    struct answer *answer = user;
    size_t len = 0;
    assert_int_equal(answer->status, 0);
    answer->status = status;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(answer->fields + len, sizeof answer->fields - len, "%s: %s\n",
                                fields[i].name, fields[i].value);
    assert_true(len < sizeof answer->fields);
    return 0;
}

/* With memory of its own: that of the server may be failing. */
static int take(void *user, const void *bytes, size_t len)
{
    struct erg_buf *body = &((struct answer *)user)->body;
    body->data = realloc(body->data, body->len + len + 1);
    assert_non_null(body->data);
    memcpy(body->data + body->len, bytes, len);
    body->len += len;
    body->data[body->len] = '\0';
    return 0;
}

const char *answer_field(const struct answer *answer, const char *name, char out[256])
{
    size_t len = strlen(name);
    out[0] = '\0';
    for (const char *line = answer->fields; *line; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, name, len) != 0 || line[len] != ':')
            continue;
        snprintf(out, 256, "%.*s", (int)(strcspn(line, "\n") - len - 2), line + len + 2);
    }
    return out;
}

void rig_send_with(struct rig *rig, enum erg_method method, const char *target,
                   const struct rig_head *head, const char *content_type, const char *body,
                   struct answer *out)
{
    const struct erg_answer_sink sink = {.user = out, .begin = begin, .write = take};
    char path[512], length[256];
    size_t path_len = strcspn(target, "?");
    *out = (struct answer){.status = 0};
    assert_true(path_len < sizeof path);
    memcpy(path, target, path_len);
    path[path_len] = '\0';
    struct erg_exchange x = {
        .request = {.method = method,
                    .path = path,
                    .query = target[path_len] ? target + path_len + 1 : "",
                    .content_type = content_type ? content_type : "",
                    .accept = head && head->accept ? head->accept : "",
                    .accept_encoding = "",
                    .if_none_match = head && head->if_none_match ? head->if_none_match : "",
                    .body = body ? body : "",
                    .body_len = body ? strlen(body) : 0},
        .sink = &sink,
    };
    erg_api_handle(rig->api, &x);
    out->cut = x.is_cut;
    /* Every request is answered, and a length that was promised is kept. */
    assert_true(out->status != 0);
    uint64_t promised;
    if (*answer_field(out, "content-length", length)) {
        assert_int_equal(erg_parse_u64(length, &promised, NULL), 0);
        assert_int_equal(promised, out->body.len);
    }
}

void rig_send(struct rig *rig, enum erg_method method, const char *target, const char *content_type,
              const char *body, struct answer *out)
{
    rig_send_with(rig, method, target, NULL, content_type, body, out);
}

void answer_free(struct answer *answer)
{
    erg_buf_deinit(&answer->body);
}

/* --- answers and the description ---------------------------------------------------------------*/

static const json_t *response_of(struct rig *rig, enum erg_method method, const char *pattern,
                                 int status)
{
    static const char *const methods[] = {"get", "post", "patch", "delete"};
    char key[8];
    const json_t *paths = json_object_get(rig->document, "paths");
    const json_t *operation = json_object_get(json_object_get(paths, pattern), methods[method]);
    if (!operation)
        fail_msg("the description has no %s %s", methods[method], pattern);
    snprintf(key, sizeof key, "%d", status);
    const json_t *response = json_object_get(json_object_get(operation, "responses"), key);
    const char *ref = json_string_value(json_object_get(response, "$ref"));
    response = ref ? schema_resolve(rig->document, ref) : response;
    if (!response)
        fail_msg("the description of %s has no answer %d", pattern, status);
    return response;
}

json_t *rig_ask(struct rig *rig, enum erg_method method, const char *pattern, const char *target,
                const char *body, int status)
{
    struct answer answer;
    char type[256], why[1024];
    rig_send(rig, method, target, body ? "application/json" : NULL, body, &answer);
    if (answer.status != status)
        fail_msg("%s: %d %s", target, answer.status, erg_buf_view(&answer.body));
    const json_t *content = json_object_get(response_of(rig, method, pattern, status), "content");
    answer_field(&answer, "content-type", type);
    const json_t *schema = json_object_get(json_object_get(content, type), "schema");
    json_error_t error;
    json_t *value = json_loadb(erg_buf_view(&answer.body), answer.body.len,
                               JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!schema || !value)
        fail_msg("%s: %s, %s", target, schema ? error.text : "no schema", type);
    if (!schema_valid(rig->document, schema, value, why, sizeof why))
        fail_msg("%s: %s", target, why);
    assert_false(answer.cut);
    answer_free(&answer);
    return value;
}

json_t *rig_get(struct rig *rig, const char *pattern, const char *target, int status)
{
    return rig_ask(rig, ERG_GET, pattern, target, NULL, status);
}

double number_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("'%s' is no number", key);
    return json_number_value(value);
}

const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text)
        fail_msg("'%s' is no text", key);
    return text;
}

int64_t nj_at(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_number(value) || json_is_null(value));
    return llround(json_number_value(value) * 1e6);
}
