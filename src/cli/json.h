/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_JSON_H
#define ERG_CLI_JSON_H

#include "base/err.h"

#include <jansson.h>

/* Members of summaries, read without fuss: what is absent, null or of another type is "not known".
 */
#define ERG_AUTO_JSON __attribute__((cleanup(erg_json_cleanup)))
void erg_json_cleanup(json_t **json);

/* One JSON object; CORRUPT with `what` in the message when it is none. Release with json_decref. */
int erg_json_load(const char *text, const char *what, json_t **out, struct erg_err *err);

double erg_json_number(const json_t *object, const char *key);    /* NaN when not known */
const char *erg_json_text(const json_t *object, const char *key); /* "" when not known */

#endif
