/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_SCHEMA_H
#define ERG_TESTS_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Validation by JSON Schema, the part of it that our description uses: $ref within the document,
 * type, enum, properties, required, additionalProperties, items, oneOf, anyOf, allOf and the bounds
 * of numbers, texts and lists. Stricter than the standard in two points: a keyword it does not know
 * is an error, and so is a member of an object that the schema does not name.
 */

/* True when `value` is valid; else `out_why` says where and why. */
bool schema_valid(const json_t *document, const json_t *schema, const json_t *value, char *out_why,
                  size_t why_bytes);

/* What "#/a/b" means in the document; NULL when there is nothing. */
const json_t *schema_resolve(const json_t *document, const char *ref);

#endif
