/* SPDX-License-Identifier: MIT */
#include "power/spec.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>

enum { MAX_WORD = 32, MAX_TYPOS = 2, MAX_WATTS = 100000 };

static const struct erg_power_driver *find(const struct erg_power_driver *const *table,
                                           const char *word, size_t len)
{
    for (; *table; table++) {
        if (strlen((*table)->name) == len && !memcmp((*table)->name, word, len))
            return *table;
    }
    return NULL;
}

/* Levenshtein's distance of two words shorter than MAX_WORD. */
static size_t distance(const char *a, const char *b)
{
    size_t row[MAX_WORD + 1], len = strlen(b);
    for (size_t j = 0; j <= len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[len];
}

static const char *nearest(const struct erg_power_driver *const *table, const char *word)
{
    const char *best = NULL;
    size_t least = MAX_TYPOS + 1, d;
    if ((d = distance(word, "auto")) < least) {
        least = d;
        best = "auto";
    }
    if ((d = distance(word, "none")) < least) {
        least = d;
        best = "none";
    }
    for (; *table; table++) {
        if (strlen((*table)->name) < MAX_WORD && (d = distance(word, (*table)->name)) < least) {
            least = d;
            best = (*table)->name;
        }
    }
    return best;
}

static int unknown(const struct erg_power_driver *const *table, const char *word, size_t len,
                   struct erg_err *err)
{
    char list[160] = "auto none", text[MAX_WORD];
    for (size_t i = 0, used = strlen(list); table[i] && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, " %s%s", table[i]->name,
                                 table[i]->takes_argument ? ":…" : "");
    snprintf(text, sizeof text, "%.*s", len < MAX_WORD ? (int)len : MAX_WORD - 1, word);
    const char *meant = len < MAX_WORD ? nearest(table, text) : NULL;
    return erg_fail(err, ERG_INVALID, "'%s' is not a power source (%s)%s%s%s", text, list,
                    meant ? "; did you mean '" : "", meant ? meant : "", meant ? "'?" : "");
}

static int add_named(const struct erg_power_driver *driver, bool with_argument,
                     struct erg_power_spec *out, struct erg_err *err)
{
    if (with_argument && !driver->takes_argument)
        return erg_fail(err, ERG_INVALID, "power source '%s' takes no argument", driver->name);
    if (driver->takes_argument)
        return erg_fail(err, ERG_INVALID,
                        "power source '%s' stands alone, with an argument: '%s:…'", driver->name,
                        driver->name);
    for (size_t i = 0; i < out->count; i++) {
        if (out->drivers[i] == driver)
            return erg_fail(err, ERG_INVALID, "power source '%s' is named twice", driver->name);
    }
    if (out->count == ERG_MAX_SOURCES)
        return erg_fail(err, ERG_INVALID, "more than %d power sources", ERG_MAX_SOURCES);
    out->drivers[out->count++] = driver;
    return 0;
}

int erg_power_spec_parse(const char *text, const struct erg_power_driver *const *table,
                         struct erg_power_spec *out, struct erg_err *err)
{
    struct erg_power_spec spec = {.automatic = !text || !strcmp(text, "auto")};
    if (spec.automatic || !strcmp(text, "none")) {
        *out = spec;
        return 0;
    }
    size_t len = strcspn(text, ",:");
    const struct erg_power_driver *first = find(table, text, len);
    int rc = 0;
    if (first && first->takes_argument && text[len] == ':') {
        /* The rest is the argument, commas and all. */
        spec.drivers[spec.count++] = first;
        spec.argument = text + len + 1;
    } else {
        for (const char *p = text; p && rc == 0;) {
            len = strcspn(p, ",");
            const struct erg_power_driver *driver = find(table, p, strcspn(p, ",:"));
            bool special = (len == 4 && (!memcmp(p, "auto", 4) || !memcmp(p, "none", 4)));
            if (special)
                rc = erg_fail(err, ERG_INVALID, "'%.4s' stands alone, not in a list", p);
            else
                rc = driver ? add_named(driver, memchr(p, ':', len) != NULL, &spec, err)
                            : unknown(table, p, len, err);
            p = p[len] ? p + len + 1 : NULL;
        }
    }
    if (rc == 0)
        *out = spec;
    return rc;
}

static int parse_mw(const char *text, size_t len, int64_t *out)
{
    char number[32];
    double watts;
    if (len == 0 || len >= sizeof number)
        return ERG_INVALID;
    memcpy(number, text, len);
    number[len] = '\0';
    if (erg_parse_double(number, 0, MAX_WATTS, &watts, NULL))
        return ERG_INVALID;
    *out = (int64_t)(watts * 1000 + 0.5);
    return 0;
}

int erg_power_parse_watts(const char *text, int64_t *out_idle_mw, int64_t *out_full_mw,
                          struct erg_err *err)
{
    size_t len = strcspn(text, ":");
    int64_t idle_mw, full_mw;
    if (text[len] != ':' || parse_mw(text, len, &idle_mw) ||
        parse_mw(text + len + 1, strlen(text + len + 1), &full_mw) || full_mw == 0 ||
        idle_mw > full_mw)
        return erg_fail(err, ERG_INVALID,
                        "'%.40s' is not IDLE:FULL in watts, idle not above full (as '5:65')", text);
    *out_idle_mw = idle_mw;
    *out_full_mw = full_mw;
    return 0;
}
