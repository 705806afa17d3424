/* SPDX-License-Identifier: MIT */
#include "cli/profile.h"

#include "base/limits.h"
#include "base/num.h"

#include <stdio.h>
#include <string.h>

enum { MAX_VALUE = 64 };

static const char *const instruments[] = {"auto", "trace", "observe", "none", NULL};
static const char *const switches[] = {"on", "off", "auto", NULL};
static const char *const booleans[] = {"true", "false", NULL};

/* A key takes one of `choices`, a whole number when it has a `max`, else a real number. */
struct key {
    const char *name;
    const char *const *choices;
    int64_t max;
    size_t offset;
};

static const struct key keys[] = {
    {"instrument", instruments, 0, offsetof(struct erg_profile, instrument)},
    {"power_sample_interval_ms", NULL, 60000, offsetof(struct erg_profile, power_interval_ms)},
    {"sparsity_threshold", NULL, 0, offsetof(struct erg_profile, sparsity_threshold)},
    {"flash_attention", switches, 0, offsetof(struct erg_profile, flash_attention)},
    {"capture_activations", booleans, 0, offsetof(struct erg_profile, capture_activations)},
    {"deep_profiling", booleans, 0, offsetof(struct erg_profile, deep_profiling)},
};

/* Known to the contract; the engine does not do it. */
static const char *const unsupported[] = {"sample_every", "layer_stride", "layers", "bare_every",
                                          "attention_sparsity_threshold"};

static bool is_text(const char *name, const char *text, size_t len)
{
    return strncmp(name, text, len) == 0 && !name[len];
}

static int unknown_key(const char *text, size_t len, struct erg_err *err)
{
    char known[160] = "";
    for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) {
        if (is_text(unsupported[i], text, len))
            return erg_fail(err, ERG_INVALID, "option '--profile': '%s' is not supported yet",
                            unsupported[i]);
    }
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", keys[i].name);
    }
    return erg_fail(err, ERG_INVALID, "option '--profile': unknown key '%.*s'; known are %s",
                    len < 40 ? (int)len : 40, text, known);
}

static int wrong_value(const struct key *key, const char *value, const char *takes,
                       struct erg_err *err)
{
    return erg_fail(err, ERG_INVALID, "option '--profile': %s takes %s, not '%.64s'", key->name,
                    takes, value);
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

static int set_number(const struct key *key, const char *value, void *field, struct erg_err *err)
{
    if (key->max)
        return erg_parse_i64(value, 1, key->max, field, NULL)
                   ? wrong_value(key, value, "a whole number from 1 to 60000", err)
                   : 0;
    double number;
    if (erg_parse_double(value, 0, 1e30, &number, NULL) || number <= 0)
        return wrong_value(key, value, "a number above 0", err);
    *(double *)field = number;
    return 0;
}

/* One "KEY=VALUE" of `len` bytes. */
static int set_item(const char *text, size_t len, struct erg_profile *out, struct erg_err *err)
{
    const char *equals = memchr(text, '=', len);
    size_t key_len = equals ? (size_t)(equals - text) : len;
    char value[MAX_VALUE];
    if (!key_len)
        return erg_fail(err, ERG_INVALID, "option '--profile' takes KEY=VALUE[,…], not '%.*s'",
                        len < 64 ? (int)len : 64, text);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct key *key = &keys[i];
        if (!is_text(key->name, text, key_len))
            continue;
        snprintf(value, sizeof value, "%.*s",
                 equals && len - key_len - 1 < MAX_VALUE ? (int)(len - key_len - 1) : MAX_VALUE - 1,
                 equals ? equals + 1 : "");
        if (!equals)
            return erg_fail(err, ERG_INVALID, "option '--profile': %s needs a value: %s=VALUE",
                            key->name, key->name);
        void *field = (char *)out + key->offset;
        return key->choices ? set_choice(key, value, field, err)
                            : set_number(key, value, field, err);
    }
    return unknown_key(text, key_len, err);
}

int erg_profile_parse(const struct erg_string_list *texts, struct erg_profile *out,
                      struct erg_err *err)
{
    struct erg_profile profile = {0};
    for (size_t i = 0; i < texts->count; i++) {
        const char *text = texts->items[i];
        for (;;) {
            size_t len = strcspn(text, ",");
            int rc = set_item(text, len, &profile, err);
            if (rc)
                return rc;
            if (!text[len])
                break;
            text += len + 1;
        }
    }
    *out = profile;
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
                        "option '--profile': deep_profiling=true needs the activations that "
                        "capture_activations=false leaves out");
    for (unsigned i = 0; i < 3; i++) {
        if ((allowed >> i & 1) && (!mode || strcmp(mode, names[i]) == 0)) {
            *out_mode = names[i];
            return 0;
        }
    }
    return erg_fail(err, ERG_INVALID, "--mode %s contradicts --profile %s%s%s%s%s", mode,
                    capture ? "capture_activations=" : "", capture ? capture : "",
                    capture && deep ? "," : "", deep ? "deep_profiling=" : "", deep ? deep : "");
}
