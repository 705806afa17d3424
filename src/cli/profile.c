/* SPDX-License-Identifier: MIT */
#include "cli/profile.h"

#include <stdio.h>
#include <string.h>

enum { MAX_VALUE = 4096 }; /* a list of every layer fits */

/* The key of the item before, to which a bare number may belong. */
struct last_key {
    const char *text;
    size_t len;
};

/* One "KEY=VALUE" of `len` bytes; a bare number behind a list of layers is one more of them. */
static int set_item(const char *text, size_t len, struct last_key *last, struct erg_profile *out,
                    struct erg_err *err)
{
    char value[MAX_VALUE];
    const char *equals = memchr(text, '=', len);
    size_t key_len = equals ? (size_t)(equals - text) : len;
    bool goes_on = erg_profile_key(last->text, last->len) == ERG_PROFILE_LAYER_LIST && !equals &&
                   len > 0 && strspn(text, "0123456789;") >= len;
    if (!key_len)
        return erg_fail(err, ERG_INVALID, "it takes KEY=VALUE[,…], not '%.*s'",
                        len < 64 ? (int)len : 64, text);
    const char *from = goes_on ? text : equals ? equals + 1 : "";
    size_t value_len = goes_on ? len : equals ? len - key_len - 1 : 0;
    if (value_len >= MAX_VALUE)
        return erg_fail(err, ERG_INVALID, "the value of %.*s is too long",
                        key_len < 40 ? (int)key_len : 40, text);
    snprintf(value, sizeof value, "%.*s", (int)value_len, from);
    if (goes_on)
        return erg_profile_more_layers(out, value, err);
    *last = (struct last_key){text, key_len};
    if (!equals && erg_profile_key(text, key_len) != ERG_PROFILE_UNKNOWN)
        return erg_fail(err, ERG_INVALID, "%.*s needs a value: %.*s=VALUE", (int)key_len, text,
                        (int)key_len, text);
    return erg_profile_set(out, text, key_len, value, err);
}

static int parse_text(const char *text, struct erg_profile *out, struct erg_err *err)
{
    struct last_key last = {"", 0};
    for (;; text++) {
        size_t len = strcspn(text, ",");
        int rc = set_item(text, len, &last, out, err);
        text += len;
        if (rc || !*text)
            return rc;
    }
}

int erg_profile_parse(const struct erg_string_list *texts, struct erg_profile *out,
                      struct erg_err *err)
{
    struct erg_profile profile;
    int rc = 0;
    erg_profile_init(&profile);
    for (size_t i = 0; i < texts->count && rc == 0; i++)
        rc = parse_text(texts->items[i], &profile, err);
    if (rc == 0)
        rc = erg_profile_check(&profile, err);
    if (rc) {
        erg_err_prefix(err, "option '--profile'");
        return rc;
    }
    *out = profile;
    return 0;
}
