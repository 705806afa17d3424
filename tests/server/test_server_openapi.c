/* SPDX-License-Identifier: MIT */
#include "server/api_rig.h"

#include "server/assets.h"
#include "server/routes.h"
#include "server/schema.h"

#include <stdio.h>

/* The description and the table of routes say the same, both ways. */

static json_t *load(void)
{
    json_error_t error;
    json_t *document = json_loadb((const char *)erg_description.rows[0].bytes,
                                  erg_description.rows[0].len, JSON_REJECT_DUPLICATES, &error);
    if (!document)
        fail_msg("line %d: %s", error.line, error.text);
    return document;
}

static const char *const methods[] = {"get", "post", "patch", "delete"};

static const json_t *resolve(const json_t *document, const json_t *value)
{
    const char *ref = json_string_value(json_object_get(value, "$ref"));
    const json_t *target = ref ? schema_resolve(document, ref) : value;
    if (!target)
        fail_msg("there is no '%s'", ref);
    return target;
}

static const json_t *operation_of(const json_t *document, const struct erg_route *route)
{
    const json_t *paths = json_object_get(document, "paths");
    return json_object_get(json_object_get(paths, route->pattern), methods[route->method]);
}

static const struct erg_param_spec *find_spec(const struct erg_param_spec *specs, const char *name)
{
    for (; specs->name; specs++) {
        if (strcmp(specs->name, name) == 0)
            return specs;
    }
    return NULL;
}

static void check_choices(const char *choices, const json_t *list, const char *what)
{
    char joined[1024] = "";
    size_t len = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        len += (size_t)snprintf(joined + len, sizeof joined - len, "%s%s", i ? "|" : "",
                                json_string_value(json_array_get(list, i)));
    if (strcmp(joined, choices) != 0)
        fail_msg("%s: '%s' here, '%s' there", what, choices, joined);
}

static void check_bounds(const struct erg_param_spec *spec, const json_t *schema, const char *low,
                         const char *high, const char *what)
{
    double least = json_number_value(json_object_get(schema, low));
    double most = json_number_value(json_object_get(schema, high));
    if (least != spec->least || most != spec->most)
        fail_msg("%s: %g to %g here, %g to %g there", what, spec->least, spec->most, least, most);
}

static void check_param(const json_t *document, const struct erg_param_spec *spec,
                        const json_t *param, const char *what)
{
    static const char *const types[] = {"string", "integer", "number", "boolean", "string"};
    const json_t *schema = resolve(document, json_object_get(param, "schema"));
    assert_string_equal(text_at(schema, "type"), types[spec->kind]);
    if (json_is_true(json_object_get(param, "required")) != spec->required)
        fail_msg("%s: only one of both says it is required", what);
    switch (spec->kind) {
    case ERG_PARAM_TEXT:
        check_bounds(spec, schema, "minLength", "maxLength", what);
        break;
    case ERG_PARAM_INT:
    case ERG_PARAM_REAL:
        check_bounds(spec, schema, "minimum", "maximum", what);
        break;
    case ERG_PARAM_CHOICE:
        check_choices(spec->choices, json_object_get(schema, "enum"), what);
        break;
    case ERG_PARAM_FLAG:
        break;
    }
}

static void check_params(const json_t *document, const struct erg_route *route)
{
    const json_t *list = json_object_get(operation_of(document, route), "parameters");
    size_t specs = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *param = resolve(document, json_array_get(list, i));
        char what[200];
        const char *name = text_at(param, "name");
        const struct erg_param_spec *spec = find_spec(route->params, name);
        snprintf(what, sizeof what, "%s ?%s=", route->pattern, name);
        assert_string_equal(text_at(param, "in"), "query");
        if (!spec)
            fail_msg("%s is described but not taken", what);
        check_param(document, spec, param, what);
    }
    while (route->params[specs].name)
        specs++;
    if (specs != json_array_size(list))
        fail_msg("%s takes %zu parameters, described are %zu", route->pattern, specs,
                 json_array_size(list));
}

static void test_routes_are_described(void **state)
{
    json_t *document = load();
    const struct erg_route *route;
    (void)state;
    for (size_t i = 0; (route = erg_route_at(i)) != NULL; i++) {
        const json_t *operation = operation_of(document, route);
        if (!operation)
            fail_msg("%s %s is not described", methods[route->method], route->pattern);
        check_params(document, route);
        assert_int_equal(route->takes_body, json_object_get(operation, "requestBody") != NULL);
        assert_non_null(route->handle);
    }
    json_decref(document);
}

static void test_what_is_described_is_there(void **state)
{
    json_t *document = load(), *item, *operation;
    const char *path, *key;
    (void)state;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        json_object_foreach(item, key, operation)
        {
            char id[160], allow[64], name[160];
            int method = 0;
            if (strcmp(key, "parameters") == 0)
                continue;
            while (method < ERG_OTHER_METHOD && strcmp(methods[method], key) != 0)
                method++;
            snprintf(name, sizeof name, "%s", path);
            const struct erg_route *route =
                erg_route_find((enum erg_method)method, name, id, allow);
            if (!route || strcmp(route->pattern, path) != 0)
                fail_msg("there is no %s %s", key, path);
        }
    }
    json_decref(document);
}

/* Every reference leads somewhere, and every schema is used. */
static void walk(const json_t *document, const json_t *value, json_t *used)
{
    const char *key, *ref = json_string_value(json_object_get(value, "$ref"));
    const json_t *inner;
    size_t i;
    if (ref) {
        if (!schema_resolve(document, ref))
            fail_msg("there is no '%s'", ref);
        json_object_set_new(used, ref, json_true());
    }
    json_object_foreach((json_t *)value, key, inner) walk(document, inner, used);
    json_array_foreach(value, i, inner) walk(document, inner, used);
}

static void test_references_lead_somewhere(void **state)
{
    static const char *const rooms[] = {"schemas", "parameters", "responses"};
    json_t *document = load(), *used = json_object();
    (void)state;
    walk(document, document, used);
    for (size_t r = 0; r < ERG_COUNT(rooms); r++) {
        const char *name;
        const json_t *item;
        json_t *room = json_object_get(json_object_get(document, "components"), rooms[r]);
        json_object_foreach(room, name, item)
        {
            char ref[128];
            snprintf(ref, sizeof ref, "#/components/%s/%s", rooms[r], name);
            if (!json_object_get(used, ref))
                fail_msg("nothing refers to %s", ref);
        }
    }
    json_decref(used);
    json_decref(document);
}

/* The validator must be able to say no. */
static void test_validator(void **state)
{
    static const struct {
        const char *schema, *value;
        bool valid;
    } cases[] = {
        {"{\"type\":\"integer\",\"minimum\":0}", "0", true},
        {"{\"type\":\"integer\",\"minimum\":0}", "-1", false},
        {"{\"type\":\"integer\"}", "1.5", false},
        {"{\"type\":\"integer\"}", "\"1\"", false},
        {"{\"type\":\"number\",\"maximum\":2}", "2.1", false},
        {"{\"type\":[\"number\",\"null\"]}", "null", true},
        {"{\"type\":[\"number\",\"null\"]}", "false", false},
        {"{\"type\":\"string\",\"maxLength\":2}", "\"abc\"", false},
        {"{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}", "\"c\"", false},
        {"{\"type\":\"array\",\"items\":{\"type\":\"number\"},\"maxItems\":1}", "[1,2]", false},
        {"{\"type\":\"array\",\"items\":{\"type\":\"number\"}}", "[1,null]", false},
        {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"null\"}}}", "{\"a\":1}", false},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}},\"required\":[\"a\"]}", "{}", false},
        {"{\"type\":\"object\",\"properties\":{\"a\":{}}}", "{\"b\":1}", false},
        {"{\"type\":\"object\"}", "{\"b\":1}", true},
        {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}", "{\"b\":\"\"}",
         false},
        {"{\"oneOf\":[{\"type\":\"number\"},{\"type\":\"integer\"}]}", "1", false},
        {"{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"null\"}]}", "\"\"", false},
        {"{\"allOf\":[{\"$ref\":\"#/a\"},{\"properties\":{\"y\":{}},\"required\":[\"y\"]}]}",
         "{\"x\":1,\"y\":1}", true},
        {"{\"allOf\":[{\"$ref\":\"#/a\"},{\"properties\":{\"y\":{}},\"required\":[\"y\"]}]}",
         "{\"x\":\"\",\"y\":1}", false},
        {"{\"allOf\":[{\"$ref\":\"#/a\"},{\"properties\":{\"y\":{}}}]}", "{\"x\":1,\"z\":1}",
         false},
        {"{\"$ref\":\"#/nowhere\"}", "1", false},
        {"{\"pattern\":\"x\"}", "\"x\"", false},
    };
    json_t *document =
        json_loads("{\"a\":{\"properties\":{\"x\":{\"type\":\"integer\"}}}}", 0, NULL);
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(cases); i++) {
        char why[256];
        json_t *schema = json_loads(cases[i].schema, 0, NULL);
        json_t *value = json_loads(cases[i].value, JSON_DECODE_ANY, NULL);
        assert_true(schema && value);
        if (schema_valid(document, schema, value, why, sizeof why) != cases[i].valid)
            fail_msg("%s of %s: %s", cases[i].value, cases[i].schema, why);
        json_decref(schema);
        json_decref(value);
    }
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_validator),
        cmocka_unit_test(test_routes_are_described),
        cmocka_unit_test(test_what_is_described_is_there),
        cmocka_unit_test(test_references_lead_somewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
