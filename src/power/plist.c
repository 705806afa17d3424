/* SPDX-License-Identifier: MIT */
#include "power/plist.h"

#include <math.h>
#include <plist/plist.h>
#include <string.h>

/* libplist frees a document by recursion, one frame a level. */
enum { MAX_DEPTH = 32 };

static bool begins(const char *at, const char *end, const char *word)
{
    size_t len = strlen(word);
    return (size_t)(end - at) >= len && memcmp(at, word, len) == 0;
}

/* Only <!DOCTYPE …> without declarations of its own; returns where it ends, or NULL. */
static const char *skip_doctype(const char *at, const char *end)
{
    if (!begins(at, end, "<!DOCTYPE"))
        return NULL;
    const char *close = memchr(at, '>', (size_t)(end - at));
    if (!close || memchr(at, '[', (size_t)(close - at)))
        return NULL;
    return close;
}

static bool is_shallow(const char *text, size_t len)
{
    const char *end = text + len;
    int depth = 0;
    for (const char *at = text; (at = memchr(at, '<', (size_t)(end - at))); at++) {
        if (begins(at, end, "<!")) {
            at = skip_doctype(at, end);
            if (!at)
                return false;
        } else if (begins(at, end, "<dict") || begins(at, end, "<array")) {
            const char *close = memchr(at, '>', (size_t)(end - at));
            if (!close || (close[-1] != '/' && ++depth > MAX_DEPTH))
                return false;
        } else if (begins(at, end, "</dict") || begins(at, end, "</array")) {
            depth--;
        }
    }
    return true;
}

int erg_plist_parse(const char *text, size_t len, struct erg_plist **out, struct erg_err *err)
{
    plist_t root = NULL;
    if (len <= UINT32_MAX && is_shallow(text, len))
        plist_from_xml(text, (uint32_t)len, &root);
    if (!root)
        return erg_fail(err, ERG_CORRUPT, "not a whole property list");
    *out = (struct erg_plist *)root;
    return 0;
}

void erg_plist_free(struct erg_plist *root)
{
    if (root)
        plist_free((plist_t)root);
}

/* libplist takes its nodes without const, also where it only reads. */
static plist_t inner(const struct erg_plist *node)
{
    return (plist_t)(uintptr_t)node;
}

static bool has_type(const struct erg_plist *node, plist_type type)
{
    return node && plist_get_node_type(inner(node)) == type;
}

const struct erg_plist *erg_plist_get(const struct erg_plist *node, const char *key)
{
    if (!has_type(node, PLIST_DICT))
        return NULL;
    return (const struct erg_plist *)plist_dict_get_item(inner(node), key);
}

uint32_t erg_plist_count(const struct erg_plist *node)
{
    return has_type(node, PLIST_ARRAY) ? plist_array_get_size(inner(node)) : 0;
}

const struct erg_plist *erg_plist_item(const struct erg_plist *node, uint32_t i)
{
    if (i >= erg_plist_count(node))
        return NULL;
    return (const struct erg_plist *)plist_array_get_item(inner(node), i);
}

bool erg_plist_bool(const struct erg_plist *node, bool *out)
{
    uint8_t value = 0;
    if (!has_type(node, PLIST_BOOLEAN))
        return false;
    plist_get_bool_val(inner(node), &value);
    *out = value != 0;
    return true;
}

bool erg_plist_integer(const struct erg_plist *node, int64_t *out)
{
    uint64_t value = 0;
    if (!has_type(node, PLIST_UINT))
        return false;
    plist_get_uint_val(inner(node), &value);
    if (value > INT64_MAX) /* negative ones are kept in two's complement */
        return false;
    *out = (int64_t)value;
    return true;
}

bool erg_plist_number(const struct erg_plist *node, double *out)
{
    int64_t integer;
    double value = 0;
    if (erg_plist_integer(node, &integer)) {
        *out = (double)integer;
        return true;
    }
    if (!has_type(node, PLIST_REAL))
        return false;
    plist_get_real_val(inner(node), &value);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

bool erg_plist_text(const struct erg_plist *node, char *out, size_t out_bytes)
{
    uint64_t len = 0;
    const char *text =
        has_type(node, PLIST_STRING) ? plist_get_string_ptr(inner(node), &len) : NULL;
    if (!text || out_bytes == 0)
        return false;
    size_t kept = 0;
    for (; text[kept] && kept + 1 < out_bytes; kept++)
        out[kept] = text[kept] >= ' ' && text[kept] <= '~' ? text[kept] : '?';
    out[kept] = '\0';
    return true;
}
