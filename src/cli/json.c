/* SPDX-License-Identifier: MIT */
#include "cli/json.h"

#include <math.h>

void erg_json_cleanup(json_t **json)
{
    json_decref(*json);
}

int erg_json_load(const char *text, const char *what, json_t **out, struct erg_err *err)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(json)) {
        *out = json;
        return 0;
    }
    json_decref(json);
    return erg_fail(err, ERG_CORRUPT, "%s is damaged: %s", what,
                    json ? "it is no JSON object" : error.text);
}

double erg_json_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

const char *erg_json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}
