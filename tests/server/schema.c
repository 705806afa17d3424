/* SPDX-License-Identifier: MIT */
#include "server/schema.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct check {
    const json_t *document;
    char *why;
    size_t why_bytes;
};

static bool check_value(struct check *c, const json_t *schema, const json_t *value,
                        const char *where);

__attribute__((format(printf, 3, 4))) static bool fail(struct check *c, const char *where,
                                                       const char *fmt, ...)
{
    va_list args;
    size_t len = (size_t)snprintf(c->why, c->why_bytes, "%s: ", *where ? where : "/");
    va_start(args, fmt);
    if (len < c->why_bytes)
        vsnprintf(c->why + len, c->why_bytes - len, fmt, args);
    va_end(args);
    return false;
}

const json_t *schema_resolve(const json_t *document, const char *ref)
{
    const json_t *at = document;
    char part[128];
    if (strncmp(ref, "#/", 2) != 0)
        return NULL;
    for (ref += 2; at && *ref;) {
        size_t len = strcspn(ref, "/");
        if (len >= sizeof part)
            return NULL;
        memcpy(part, ref, len);
        part[len] = '\0';
        at = json_object_get(at, part);
        ref += len + (ref[len] == '/');
    }
    return at;
}

static bool is_type(const char *type, const json_t *value)
{
    double number = json_number_value(value);
    if (strcmp(type, "object") == 0)
        return json_is_object(value);
    if (strcmp(type, "array") == 0)
        return json_is_array(value);
    if (strcmp(type, "string") == 0)
        return json_is_string(value);
    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    if (strcmp(type, "null") == 0)
        return json_is_null(value);
    if (strcmp(type, "number") == 0)
        return json_is_number(value);
    return strcmp(type, "integer") == 0 && json_is_number(value) && floor(number) == number;
}

static bool check_type(struct check *c, const json_t *type, const json_t *value, const char *where)
{
    if (json_is_string(type))
        return is_type(json_string_value(type), value) ||
               fail(c, where, "is no %s", json_string_value(type));
    for (size_t i = 0; i < json_array_size(type); i++) {
        if (is_type(json_string_value(json_array_get(type, i)), value))
            return true;
    }
    return fail(c, where, "has none of its types");
}

static bool check_enum(struct check *c, const json_t *list, const json_t *value, const char *where)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_equal(json_array_get(list, i), value))
            return true;
    }
    return fail(c, where, "is none of its values");
}

static bool check_bound(struct check *c, const char *keyword, double bound, const json_t *value,
                        const char *where)
{
    double size = json_is_number(value)   ? json_number_value(value)
                  : json_is_string(value) ? (double)json_string_length(value)
                                          : (double)json_array_size(value);
    bool least = strncmp(keyword, "min", 3) == 0;
    bool of_numbers = strcmp(keyword + 3, "imum") == 0;
    bool of_texts = strcmp(keyword + 3, "Length") == 0;
    bool applies = of_numbers ? json_is_number(value)
                   : of_texts ? json_is_string(value)
                              : json_is_array(value);
    if (!applies || (least ? size >= bound : size <= bound))
        return true;
    return fail(c, where, "is beyond its %s %g", keyword, bound);
}

/* --- objects -----------------------------------------------------------------------------------*/

/* What the schema says of a member, or NULL: its own properties, and those of what it is all of. */
static const json_t *member_of(const struct check *c, const json_t *schema, const char *key)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (ref)
        schema = schema_resolve(c->document, ref);
    const json_t *found = json_object_get(json_object_get(schema, "properties"), key);
    const json_t *all = json_object_get(schema, "allOf");
    for (size_t i = 0; i < json_array_size(all) && !found; i++)
        found = member_of(c, json_array_get(all, i), key);
    return found;
}

static bool check_members(struct check *c, const json_t *schema, const json_t *value,
                          const char *where)
{
    const json_t *more = json_object_get(schema, "additionalProperties");
    const json_t *own = json_object_get(schema, "properties");
    for (void *at = json_object_iter((json_t *)value); at;
         at = json_object_iter_next((json_t *)value, at)) {
        const char *key = json_object_iter_key(at);
        const json_t *member = json_object_get(own, key);
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%s", where, key);
        if (member && !check_value(c, member, json_object_iter_value(at), inner))
            return false;
        if (!member && json_is_object(more) &&
            !check_value(c, more, json_object_iter_value(at), inner))
            return false;
        if (!member && json_is_false(more))
            return fail(c, inner, "is not a member");
    }
    return true;
}

/* No member that the schema, all parts of it together, does not name. */
static bool check_named(struct check *c, const json_t *schema, const json_t *value,
                        const char *where)
{
    bool names = json_object_get(schema, "properties") || json_object_get(schema, "allOf");
    if (!names || !json_is_object(value) || json_object_get(schema, "additionalProperties"))
        return true;
    for (void *at = json_object_iter((json_t *)value); at;
         at = json_object_iter_next((json_t *)value, at)) {
        if (!member_of(c, schema, json_object_iter_key(at)))
            return fail(c, where, "the description does not name its member '%s'",
                        json_object_iter_key(at));
    }
    return true;
}

static bool check_required(struct check *c, const json_t *list, const json_t *value,
                           const char *where)
{
    for (size_t i = 0; i < json_array_size(list) && json_is_object(value); i++) {
        const char *key = json_string_value(json_array_get(list, i));
        if (!json_object_get(value, key))
            return fail(c, where, "lacks '%s'", key);
    }
    return true;
}

static bool check_items(struct check *c, const json_t *items, const json_t *value,
                        const char *where)
{
    for (size_t i = 0; i < json_array_size(value); i++) {
        char inner[512];
        snprintf(inner, sizeof inner, "%s/%zu", where, i);
        if (!check_value(c, items, json_array_get(value, i), inner))
            return false;
    }
    return true;
}

/* --- combinations ------------------------------------------------------------------------------*/

static bool check_all(struct check *c, const json_t *list, const json_t *value, const char *where)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *part = json_array_get(list, i);
        const char *ref = json_string_value(json_object_get(part, "$ref"));
        const json_t *schema = ref ? schema_resolve(c->document, ref) : part;
        /* Each part names only its own members: the others are looked at by check_named(). */
        if (!check_required(c, json_object_get(schema, "required"), value, where) ||
            !check_members(c, schema, value, where))
            return false;
        if (json_object_get(schema, "allOf") &&
            !check_all(c, json_object_get(schema, "allOf"), value, where))
            return false;
    }
    return true;
}

static size_t count_valid(struct check *c, const json_t *list, const json_t *value,
                          const char *where)
{
    size_t valid = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        valid += check_value(c, json_array_get(list, i), value, where);
    return valid;
}

static bool check_keyword(struct check *c, const json_t *schema, const char *keyword,
                          const json_t *what, const json_t *value, const char *where)
{
    static const char *const silent[] = {"description", "default", "format"};
    static const char *const bounds[] = {"minimum",   "maximum",  "minLength",
                                         "maxLength", "minItems", "maxItems"};
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(keyword, silent[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(keyword, bounds[i]) == 0)
            return check_bound(c, keyword, json_number_value(what), value, where);
    }
    if (strcmp(keyword, "type") == 0)
        return check_type(c, what, value, where);
    if (strcmp(keyword, "enum") == 0)
        return check_enum(c, what, value, where);
    if (strcmp(keyword, "required") == 0)
        return check_required(c, what, value, where);
    if (strcmp(keyword, "items") == 0)
        return check_items(c, what, value, where);
    if (strcmp(keyword, "properties") == 0 || strcmp(keyword, "additionalProperties") == 0)
        return check_members(c, schema, value, where);
    if (strcmp(keyword, "allOf") == 0)
        return check_all(c, what, value, where);
    if (strcmp(keyword, "anyOf") == 0)
        return count_valid(c, what, value, where) > 0;
    if (strcmp(keyword, "oneOf") == 0)
        return count_valid(c, what, value, where) == 1 || fail(c, where, "is not one of several");
    return fail(c, where, "the schema has the keyword '%s', which the validator does not know",
                keyword);
}

static bool check_value(struct check *c, const json_t *schema, const json_t *value,
                        const char *where)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    if (ref) {
        const json_t *target = schema_resolve(c->document, ref);
        return target ? check_value(c, target, value, where)
                      : fail(c, where, "there is no '%s'", ref);
    }
    if (!json_is_object(schema))
        return fail(c, where, "its schema is no object");
    for (void *at = json_object_iter((json_t *)schema); at;
         at = json_object_iter_next((json_t *)schema, at)) {
        if (!check_keyword(c, schema, json_object_iter_key(at), json_object_iter_value(at), value,
                           where))
            return false;
    }
    return check_named(c, schema, value, where);
}

bool schema_valid(const json_t *document, const json_t *schema, const json_t *value, char *out_why,
                  size_t why_bytes)
{
    struct check check = {document, out_why, why_bytes};
    out_why[0] = '\0';
    return check_value(&check, schema, value, "");
}
