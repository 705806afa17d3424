/* SPDX-License-Identifier: MIT */
#include "server/params.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Whether `text` (of `len` bytes) is one of the words between '|' in `choices`. */
static bool is_choice(const char *choices, const char *text, size_t len)
{
    for (const char *at = choices; *at;) {
        size_t word = strcspn(at, "|");
        if (word == len && memcmp(at, text, len) == 0)
            return true;
        at += word + (at[word] == '|');
    }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode `len` bytes of a query in place; false for what is no text: %00, %zz, broken UTF-8. */
static bool decode(char *text, size_t len)
{
    size_t to = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            int high = i + 2 < len ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        text[to++] = c;
    }
    text[to] = '\0';
    return erg_utf8_valid(text, to);
}

static size_t find(const struct erg_param_spec *specs, const char *name)
{
    size_t i = 0;
    while (specs[i].name && strcmp(specs[i].name, name) != 0)
        i++;
    assert(i < ERG_PARAMS_MOST);
    return i;
}

/* A whole number up to 2^53 is a double exactly. */
static int check_number(const struct erg_param_spec *spec, const char *text, double *out,
                        struct erg_err *err)
{
    int64_t whole = 0;
    char least[32], most[32];
    int rc = spec->kind == ERG_PARAM_INT
                 ? erg_parse_i64(text, (int64_t)spec->least, (int64_t)spec->most, &whole, NULL)
                 : erg_parse_double(text, spec->least, spec->most, out, NULL);
    if (spec->kind == ERG_PARAM_INT)
        *out = (double)whole;
    if (rc == 0)
        return 0;
    erg_format_double(spec->least, least, sizeof least);
    erg_format_double(spec->most, most, sizeof most);
    return erg_fail(err, ERG_INVALID, "'%s' must be a %s from %s to %s, not '%.64s'", spec->name,
                    spec->kind == ERG_PARAM_INT ? "whole number" : "number", least, most, text);
}

static int check(const struct erg_param_spec *spec, const char *text, double *out,
                 struct erg_err *err)
{
    size_t len = strlen(text);
    switch (spec->kind) {
    case ERG_PARAM_TEXT:
        if ((double)len < spec->least || (double)len > spec->most)
            return erg_fail(err, ERG_INVALID, "'%s' must have %.0f to %.0f bytes, not %zu",
                            spec->name, spec->least, spec->most, len);
        return 0;
    case ERG_PARAM_INT:
    case ERG_PARAM_REAL:
        return check_number(spec, text, out, err);
    case ERG_PARAM_FLAG:
        *out = strcmp(text, "true") == 0;
        if (!is_choice("true|false", text, len))
            return erg_fail(err, ERG_INVALID, "'%s' must be true or false, not '%.64s'", spec->name,
                            text);
        return 0;
    case ERG_PARAM_CHOICE:
        if (!is_choice(spec->choices, text, len))
            return erg_fail(err, ERG_INVALID, "'%s' must be one of %.150s, not '%.64s'", spec->name,
                            spec->choices, text);
        return 0;
    }
    return 0;
}

static int take_pair(struct erg_params *params, char *pair, size_t len, struct erg_err *err)
{
    char *equals = memchr(pair, '=', len);
    size_t name_len = equals ? (size_t)(equals - pair) : len;
    char *value = equals ? equals + 1 : pair + len;
    size_t value_len = equals ? len - name_len - 1 : 0;
    if (!decode(pair, name_len))
        return erg_fail(err, ERG_INVALID, "the query is no text");
    size_t i = find(params->specs, pair);
    if (!params->specs[i].name)
        return erg_fail(err, ERG_INVALID, "there is no parameter '%.64s' here", pair);
    if (params->values[i].text)
        return erg_fail(err, ERG_INVALID, "'%s' is there twice", params->specs[i].name);
    if (!decode(value, value_len))
        return erg_fail(err, ERG_INVALID, "'%s' is no text", params->specs[i].name);
    params->values[i].text = value;
    return check(&params->specs[i], value, &params->values[i].number, err);
}

int erg_params_parse(struct erg_params *out, const struct erg_param_spec *specs, const char *query,
                     struct erg_err *err)
{
    *out = (struct erg_params){.specs = specs, .decoded = erg_strdup(query)};
    if (!out->decoded)
        return erg_fail(err, ERG_NOMEM, "out of memory");
    for (char *at = out->decoded; *at;) {
        size_t len = strcspn(at, "&");
        char *next = at + len + (at[len] == '&');
        at[len] = '\0';
        int rc = len ? take_pair(out, at, len, err) : 0;
        if (rc)
            return rc;
        at = next;
    }
    for (size_t i = 0; specs[i].name; i++) {
        if (specs[i].required && !out->values[i].text)
            return erg_fail(err, ERG_INVALID, "'%s' is missing", specs[i].name);
    }
    return 0;
}

void erg_params_deinit(struct erg_params *params)
{
    free(params->decoded);
    *params = (struct erg_params){.specs = params->specs};
}

static size_t find_declared(const struct erg_params *params, const char *name)
{
    size_t i = find(params->specs, name);
    assert(params->specs[i].name);
    return i;
}

const char *erg_param_text(const struct erg_params *params, const char *name)
{
    return params->values[find_declared(params, name)].text;
}

double erg_param_real(const struct erg_params *params, const char *name, double fallback)
{
    size_t i = find_declared(params, name);
    return params->values[i].text ? params->values[i].number : fallback;
}

int64_t erg_param_int(const struct erg_params *params, const char *name, int64_t fallback)
{
    size_t i = find_declared(params, name);
    return params->values[i].text ? (int64_t)params->values[i].number : fallback;
}

bool erg_param_flag(const struct erg_params *params, const char *name, bool fallback)
{
    size_t i = find_declared(params, name);
    return params->values[i].text ? params->values[i].number != 0 : fallback;
}
