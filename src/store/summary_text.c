/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"
#include "base/mem.h"
#include "store/store_priv.h"

#include <string.h>

/*
 * Summaries are handled as text: numbers are never read, so that none can lose a digit. The text
 * must be valid JSON, which the database checks (json_valid) before it keeps what comes out.
 */
static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the string that begins at `at`; NULL when it does not end. */
static const char *skip_string(const char *at)
{
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1])
            at++;
    }
    return *at ? at + 1 : NULL;
}

/* Behind the value that begins at `at`: at the comma or bracket that follows it. */
static const char *skip_value(const char *at)
{
    int depth = 0;
    while (at && *at) {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        if (depth == 0 && strchr(",}]", *at))
            return at;
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    }
    return NULL;
}

static bool in_column(const char *key, size_t len)
{
    static const char *const keys[] = {"\"status\"", "\"failure\"", "\"tags\"",
                                       "\"experiment_name\""};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i]) == len && memcmp(keys[i], key, len) == 0)
            return true;
    }
    return false;
}

int erg_summary_strip(const char *json, char **out_stripped)
{
    const char *at = skip_blanks(json);
    if (*at != '{')
        return ERG_INVALID;
    struct erg_buf out;
    erg_buf_init(&out);
    erg_buf_putc(&out, '{');
    at = skip_blanks(at + 1);
    while (*at == '"') {
        const char *key = at;
        const char *key_end = skip_string(key);
        const char *end = key_end ? skip_value(key_end) : NULL;
        if (!end) {
            erg_buf_deinit(&out);
            return ERG_INVALID;
        }
        if (!in_column(key, (size_t)(key_end - key))) {
            if (out.len > 1)
                erg_buf_putc(&out, ',');
            erg_buf_append(&out, key, (size_t)(end - key));
        }
        at = *end == ',' ? skip_blanks(end + 1) : end;
    }
    erg_buf_puts(&out, at); /* the closing bracket, and whatever makes it invalid */
    *out_stripped = erg_buf_take(&out);
    return *out_stripped ? 0 : ERG_NOMEM;
}

char *erg_summary_patch(const char *stripped, const char *status, const char *failure,
                        const char *tags_json, const char *experiment_name)
{
    struct erg_buf out;
    struct erg_jsonw w;
    erg_buf_init(&out);
    erg_jsonw_init(&w, &out);
    erg_jsonw_obj_begin(&w);
    erg_jsonw_kstr(&w, "status", status);
    erg_jsonw_kstr(&w, "failure", failure);
    erg_jsonw_key(&w, "tags");
    erg_jsonw_raw(&w, tags_json);
    erg_jsonw_kstr(&w, "experiment_name", experiment_name);
    const char *rest = skip_blanks(stripped + 1);
    if (*rest != '}')
        erg_buf_putc(&out, ',');
    erg_buf_puts(&out, rest);
    return erg_buf_take(&out);
}
