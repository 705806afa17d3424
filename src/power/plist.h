/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_PLIST_H
#define ERG_POWER_PLIST_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Property lists in XML, as other programs write them: a thin layer over libplist that is safe
 * against input of any kind. Of a key that a dictionary has twice the last value counts.
 */
struct erg_plist; /* a node; the root owns all others */

/*
 * Parse one whole document. CORRUPT when it is none, is cut, or holds what programs do not write
 * (comments, CDATA, a DTD of its own, more than 32 levels).
 */
int erg_plist_parse(const char *text, size_t len, struct erg_plist **out, struct erg_err *err);
void erg_plist_free(struct erg_plist *root);

/* Value of `key` in a dictionary; NULL where there is none, or no dictionary (NULL included). */
const struct erg_plist *erg_plist_get(const struct erg_plist *node, const char *key);

/* Items of an array; 0 and NULL for anything else. */
uint32_t erg_plist_count(const struct erg_plist *node);
const struct erg_plist *erg_plist_item(const struct erg_plist *node, uint32_t i);

/* Value of a node of that type; false for any other, for a negative integer, for no finite real. */
bool erg_plist_bool(const struct erg_plist *node, bool *out);
bool erg_plist_integer(const struct erg_plist *node, int64_t *out);
bool erg_plist_number(const struct erg_plist *node, double *out); /* integer or real */

/* A string, cut to fit; characters that are no printable ASCII become '?'. */
bool erg_plist_text(const struct erg_plist *node, char *out, size_t out_bytes);

#endif
