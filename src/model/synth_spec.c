/* SPDX-License-Identifier: MIT */
#include "model/presets.h"

#include "base/nearest.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WORD_BYTES = 64, MAX_NAMES = 64 };

bool erg_is_synth_spec(const char *model)
{
    return strncmp(model, ERG_SYNTH_PREFIX, sizeof ERG_SYNTH_PREFIX - 1) == 0;
}

/* The next word up to one of `stops`; *at is left at the stop. */
static int take_word(const char **at, const char *stops, char out[MAX_WORD_BYTES],
                     struct erg_err *err)
{
    size_t len = strcspn(*at, stops);
    if (len == 0)
        return erg_fail(err, ERG_INVALID,
                        "a word is missing in the specification (synth:PRESET[:TYPE][:KEY=N,…])");
    if (len >= MAX_WORD_BYTES)
        return erg_fail(err, ERG_INVALID, "'%.40s…' is too long", *at);
    memcpy(out, *at, len);
    out[len] = '\0';
    *at += len;
    return 0;
}

static int unknown_preset(const char *name, struct erg_err *err)
{
    const char *names[MAX_NAMES + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; erg_preset_at(i) && count < MAX_NAMES; i++)
        names[count++] = erg_preset_at(i)->name;
    for (size_t i = 0; erg_architecture_at(i) && count < MAX_NAMES; i++)
        names[count++] = erg_architecture_at(i)->name;
    const char *near = erg_nearest(name, names);
    if (near)
        return erg_fail(err, ERG_INVALID, "unknown preset '%.60s': did you mean '%s'?", name, near);
    return erg_fail(err, ERG_INVALID, "unknown preset '%.60s' ('ergon synth --list' lists them)",
                    name);
}

static int begin(const char *name, struct erg_blueprint *out, struct erg_err *err)
{
    const struct erg_preset *preset = erg_preset_find(name);
    if (!preset)
        return erg_blueprint_begin(out, name, NULL) ? unknown_preset(name, err) : 0;
    int rc = erg_blueprint_begin(out, preset->architecture, err);
    out->title = preset->title;
    out->shape = preset->shape;
    return rc;
}

static int unknown_key(const char *name, struct erg_err *err)
{
    const char *names[MAX_NAMES + 1] = {NULL};
    for (size_t i = 0; erg_blueprint_key_at(i) && i < MAX_NAMES; i++)
        names[i] = erg_blueprint_key_at(i)->name;
    const char *near = erg_nearest(name, names);
    return erg_fail(err, ERG_INVALID, "unknown key '%.60s'%s%s%s", name,
                    near ? ": did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int set_number(struct erg_blueprint *blueprint, const char *name, const char *value,
                      struct erg_err *err)
{
    int64_t number;
    const struct erg_blueprint_key *key = erg_blueprint_key_find(name);
    if (!key)
        return unknown_key(name, err);
    if (erg_parse_i64(value, key->min, key->max, &number, NULL) != 0)
        return erg_fail(err, ERG_INVALID, "'%s' takes a whole number from %d to %d, not '%.40s'",
                        name, key->min, key->max, value);
    *erg_blueprint_number(blueprint, key) = (int)number;
    return 0;
}

/* TYPE or KEY=VALUE. */
static int take_part(const char **at, struct erg_blueprint *out, struct erg_err *err)
{
    char word[MAX_WORD_BYTES], value[MAX_WORD_BYTES];
    int rc = take_word(at, ":,=", word, err);
    if (rc || **at != '=')
        return rc ? rc : erg_blueprint_set_type(out, word, err);
    ++*at;
    rc = take_word(at, ":,", value, err);
    return rc ? rc : set_number(out, word, value, err);
}

int erg_blueprint_parse(const char *spec, struct erg_blueprint *out, struct erg_err *err)
{
    struct erg_blueprint blueprint;
    char name[MAX_WORD_BYTES];
    const char *at = spec + sizeof ERG_SYNTH_PREFIX - 1;
    int rc = erg_is_synth_spec(spec) ? take_word(&at, ":,=", name, err)
                                     : erg_fail(err, ERG_INVALID, "it does not begin with synth:");
    if (rc == 0)
        rc = begin(name, &blueprint, err);
    while (rc == 0 && *at) {
        if (*at == '=')
            rc = erg_fail(err, ERG_INVALID, "'=' stands where ':' or ',' belongs");
        at++;
        if (rc == 0)
            rc = take_part(&at, &blueprint, err);
    }
    if (rc == 0)
        rc = erg_blueprint_finish(&blueprint, err);
    if (rc == 0)
        *out = blueprint;
    return rc;
}

int erg_model_read(const char *model, struct erg_model_info *out, struct erg_err *err)
{
    struct erg_blueprint blueprint;
    if (!erg_is_synth_spec(model))
        return erg_gguf_read(model, out, err);
    int rc = erg_blueprint_parse(model, &blueprint, err);
    if (rc == 0)
        erg_blueprint_describe(&blueprint, out);
    return rc;
}
