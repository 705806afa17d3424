/* SPDX-License-Identifier: MIT */
#include "record/profile.h"

#include "base/limits.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NUMBER = 64 };

static const char *const instruments[] = {"auto", "trace", "observe", "none", NULL};
static const char *const switches[] = {"on", "off", "auto", "true", "false", NULL};
static const char *const booleans[] = {"true", "false", NULL};

enum kind { CHOICE, COUNT, NUMBER, LAYERS };

/* A key, and what it takes: one of `choices`, a whole number from `min` to `max`, a number above 0
 * and at most `max`, or numbers of layers. */
struct key {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *const *choices;
    int64_t min, max;
    const char *takes;
};

#define FIELD(name) offsetof(struct erg_profile, name)

static const struct key keys[] = {
    {"capture_activations", CHOICE, FIELD(capture_activations), booleans, 0, 0, NULL},
    {"deep_profiling", CHOICE, FIELD(deep_profiling), booleans, 0, 0, NULL},
    {"power_sample_interval_ms", COUNT, FIELD(power_interval_ms), NULL, 1, 60000,
     "a whole number from 1 to 60000"},
    {"sample_every", COUNT, FIELD(sample_every), NULL, 1, ERG_MAX_TOKENS,
     "a whole number from 1: one of so many tokens is profiled in full"},
    {"layer_stride", COUNT, FIELD(layer_stride), NULL, 1, ERG_MAX_LAYERS,
     "a whole number from 1: every so manieth layer"},
    {"layers", LAYERS, FIELD(layers), NULL, 0, ERG_MAX_LAYERS - 1,
     "numbers of layers, such as layers=0,8,16"},
    {"bare_every", COUNT, FIELD(bare_every), NULL, 0, ERG_MAX_TOKENS,
     "0 or a whole number from 2: one of so many tokens runs bare"},
    {"sparsity_threshold", NUMBER, FIELD(sparsity_threshold), NULL, 0, INT64_MAX,
     "a number above 0"},
    {"attention_sparsity_threshold", NUMBER, FIELD(attention_sparsity_threshold), NULL, 0, 1,
     "a number above 0 and at most 1"},
    {"flash_attention", CHOICE, FIELD(flash_attention), switches, 0, 0, NULL},
    {"instrument", CHOICE, FIELD(instrument), instruments, 0, 0, NULL},
};

static bool is_text(const char *name, const char *text, size_t len)
{
    return strncmp(name, text, len) == 0 && !name[len];
}

static int unknown_key(const char *text, size_t len, struct erg_err *err)
{
    char known[200] = "";
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", keys[i].name);
    }
    return erg_fail(err, ERG_INVALID, "unknown key '%.*s'; known are %s", len < 40 ? (int)len : 40,
                    text, known);
}

static int wrong_value(const struct key *key, const char *value, const char *takes,
                       struct erg_err *err)
{
    return erg_fail(err, ERG_INVALID, "%s takes %s, not '%.64s'", key->name, takes, value);
}

static int set_choice(const struct key *key, const char *value, const char **field,
                      struct erg_err *err)
{
    char takes[64] = "";
    for (size_t i = 0; key->choices[i]; i++) {
        size_t used = strlen(takes);
        if (strcmp(key->choices[i], value) == 0) {
            *field = key->choices[i];
            return 0;
        }
        snprintf(takes + used, sizeof takes - used, "%s%s", i ? "|" : "", key->choices[i]);
    }
    return wrong_value(key, value, takes, err);
}

static int set_count(const struct key *key, const char *value, int64_t *field, struct erg_err *err)
{
    int64_t count;
    if (erg_parse_i64(value, key->min, key->max, &count, NULL) || (!key->min && count == 1))
        return wrong_value(key, value, key->takes, err);
    *field = count;
    return 0;
}

static int set_number(const struct key *key, const char *value, double *field, struct erg_err *err)
{
    double number;
    if (erg_parse_double(value, 0, key->max == INT64_MAX ? 1e30 : (double)key->max, &number,
                         NULL) ||
        number <= 0)
        return wrong_value(key, value, key->takes, err);
    *field = number;
    return 0;
}

/* "0" or "0;8;16", behind those that are there already. */
static int add_layers(const struct key *key, const char *value, struct erg_profile *out,
                      struct erg_err *err)
{
    char number[MAX_NUMBER];
    for (const char *text = value;; text++) {
        size_t len = strcspn(text, ";");
        if (len >= sizeof number)
            return wrong_value(key, value, key->takes, err);
        snprintf(number, sizeof number, "%.*s", (int)len, text);
        if (out->layer_count == ERG_PROFILE_LAYERS)
            return erg_fail(err, ERG_INVALID, "more than %d layers", ERG_PROFILE_LAYERS);
        if (erg_parse_i64(number, key->min, key->max, &out->layers[out->layer_count], NULL) != 0)
            return wrong_value(key, value, key->takes, err);
        out->layer_count++;
        text += len;
        if (!*text)
            return 0;
    }
}

static int set_value(const struct key *key, const char *value, struct erg_profile *out,
                     struct erg_err *err)
{
    void *field = (char *)out + key->offset;
    switch (key->kind) {
    case CHOICE:
        return set_choice(key, value, field, err);
    case COUNT:
        return set_count(key, value, field, err);
    case NUMBER:
        return set_number(key, value, field, err);
    case LAYERS:
        return add_layers(key, value, out, err);
    }
    return 0;
}

static const struct key *find_key(const char *text, size_t len)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (is_text(keys[i].name, text, len))
            return &keys[i];
    }
    return NULL;
}

void erg_profile_init(struct erg_profile *profile)
{
    *profile = (struct erg_profile){.bare_every = -1};
}

int erg_profile_set(struct erg_profile *profile, const char *key, size_t key_len, const char *value,
                    struct erg_err *err)
{
    const struct key *found = find_key(key, key_len);
    if (!found)
        return unknown_key(key, key_len, err);
    if (found->kind == LAYERS)
        profile->layer_count = 0;
    return set_value(found, value, profile, err);
}

enum erg_profile_key erg_profile_key(const char *key, size_t key_len)
{
    const struct key *found = find_key(key, key_len);
    if (!found)
        return ERG_PROFILE_UNKNOWN;
    return found->kind == LAYERS ? ERG_PROFILE_LAYER_LIST : ERG_PROFILE_VALUE;
}

int erg_profile_more_layers(struct erg_profile *profile, const char *value, struct erg_err *err)
{
    return set_value(find_key("layers", strlen("layers")), value, profile, err);
}

int erg_profile_check(const struct erg_profile *profile, struct erg_err *err)
{
    if (profile->layer_count && profile->layer_stride)
        return erg_fail(err, ERG_INVALID, "only one of layers and layer_stride can be given");
    return 0;
}

int erg_profile_mode(const struct erg_profile *profile, const char *mode, const char **out_mode,
                     struct erg_err *err)
{
    enum { STANDARD = 1, MINIMAL = 2, DEEP = 4 };
    static const char *const names[] = {"standard", "minimal", "deep"}; /* by preference */
    const char *capture = profile->capture_activations, *deep = profile->deep_profiling;
    unsigned allowed = STANDARD | MINIMAL | DEEP;
    if (capture)
        allowed &= strcmp(capture, "true") == 0 ? STANDARD | DEEP : MINIMAL;
    if (deep)
        allowed &= strcmp(deep, "true") == 0 ? DEEP : STANDARD | MINIMAL;
    if (!allowed)
        return erg_fail(err, ERG_INVALID,
                        "deep_profiling=true needs the activations that "
                        "capture_activations=false leaves out");
    for (unsigned i = 0; i < 3; i++) {
        if ((allowed >> i & 1) && (!mode || strcmp(mode, names[i]) == 0)) {
            *out_mode = names[i];
            return 0;
        }
    }
    return erg_fail(err, ERG_INVALID, "%s%s%s%s%s contradicts mode %s",
                    capture ? "capture_activations=" : "", capture ? capture : "",
                    capture && deep ? "," : "", deep ? "deep_profiling=" : "", deep ? deep : "",
                    mode);
}

const char *erg_profile_flash(const struct erg_profile *profile)
{
    const char *text = profile->flash_attention;
    if (text && strcmp(text, "true") == 0)
        return "on";
    return text && strcmp(text, "false") == 0 ? "off" : text;
}

void erg_profile_apply(const struct erg_profile *profile, struct erg_run_options *options)
{
    const char *flash = erg_profile_flash(profile);
    if (flash)
        options->flash_attn = flash;
    if (profile->power_interval_ms)
        options->power_interval_ns = profile->power_interval_ms * 1000000;
    options->instrument = profile->instrument;
    options->sparsity_threshold = profile->sparsity_threshold;
    options->attention_sparsity_threshold = profile->attention_sparsity_threshold;
    options->sample_every = profile->sample_every;
    options->layer_stride = profile->layer_stride;
    options->layers = profile->layers;
    options->layer_count = profile->layer_count;
    options->no_bare = profile->bare_every == 0;
    options->bare_every = profile->bare_every > 0 ? profile->bare_every : 0;
}
