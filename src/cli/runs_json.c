/* SPDX-License-Identifier: MIT */
#include "cli/runs_json.h"

#include "base/utf8.h"
#include "cli/json.h"

#include <stdlib.h>
#include <string.h>

enum { BODY_CHARACTERS = 200 };

static int set(json_t *summary, const char *key, json_t *value)
{
    return json_object_set_new(summary, key, value ? value : json_null()) ? ERG_NOMEM : 0;
}

static int set_text(json_t *summary, const char *key, const char *text)
{
    return set(summary, key, text ? json_string(text) : json_null());
}

/* Bytes of the first `characters` characters. */
static size_t cut(const char *text, size_t len, size_t characters)
{
    size_t at = 0;
    while (at < len && characters--) {
        size_t step = erg_utf8_step(text + at, len - at);
        at += step ? step : 1;
    }
    return at;
}

static int cut_body(json_t *summary, const char *key)
{
    const json_t *value = json_object_get(summary, key);
    if (!json_is_string(value))
        return 0;
    const char *text = json_string_value(value);
    size_t len = json_string_length(value);
    size_t keep = cut(text, len, BODY_CHARACTERS);
    return keep < len ? set(summary, key, json_stringn(text, keep)) : 0;
}

int erg_runs_put_json(struct erg_jsonw *w, const struct erg_run_row *row)
{
    ERG_AUTO_JSON json_t *summary = NULL;
    struct erg_err err;
    int rc = 0;
    /* A run whose recorder died at once has no summary yet. */
    if (!row->summary_json || erg_json_load(row->summary_json, "", &summary, &err))
        summary = json_object();
    rc = cut_body(summary, "prompt");
    if (!rc)
        rc = cut_body(summary, "response");
    if (!rc)
        rc = set_text(summary, "id", row->id);
    if (!rc)
        rc = set_text(summary, "run_id", row->id);
    if (!rc)
        rc = set_text(summary, "created_at", row->created_at);
    if (!rc)
        rc = set_text(summary, "status", row->status);
    if (!rc)
        rc = set_text(summary, "failure", row->failure);
    if (!rc)
        rc = set_text(summary, "experiment_name", row->experiment_name);
    if (!rc)
        rc = set(summary, "tags", json_loads(row->tags_json ? row->tags_json : "[]", 0, NULL));
    char *text = rc ? NULL : json_dumps(summary, JSON_COMPACT | JSON_REAL_PRECISION(17));
    if (!text)
        return ERG_NOMEM;
    erg_jsonw_raw(w, text);
    free(text);
    return 0;
}
