/* SPDX-License-Identifier: MIT */
#include "power/waveform.h"

#include "base/num.h"
#include "power/exact.h"

#include <math.h>
#include <string.h>

enum { MAX_WORD = 64, MAX_STALE = 1000000 };

/* One "key=value" of the specification, cut out of it. */
struct item {
    char key[MAX_WORD];
    char value[MAX_WORD];
};

struct unit {
    const char *suffix;
    double scale;
};

static const struct unit power_units[] = {{"W", 1e6}, {"mW", 1e3}, {"kW", 1e9}, {NULL, 0}};
static const struct unit slope_units[] = {{"W/s", 1e6}, {"mW/s", 1e3}, {"kW/s", 1e9}, {NULL, 0}};
static const struct unit energy_units[] = {{"uJ", 1}, {"mJ", 1e3}, {"J", 1e6}, {NULL, 0}};

/* A number with one of the units, scaled and rounded. */
static int parse_quantity(const char *text, const struct unit *units, double min, double max,
                          int64_t *out, struct erg_err *err)
{
    char number[MAX_WORD];
    size_t digits = strspn(text, "0123456789.+-");
    if (digits && digits < sizeof number) {
        memcpy(number, text, digits);
        number[digits] = '\0';
        for (const struct unit *unit = units; unit->suffix; unit++) {
            if (strcmp(text + digits, unit->suffix) != 0)
                continue;
            double value;
            if (erg_parse_double(number, min / unit->scale, max / unit->scale, &value, err))
                return ERG_INVALID;
            *out = (int64_t)llround(value * unit->scale);
            return 0;
        }
    }
    return erg_fail(err, ERG_INVALID, "'%.63s' is not a number with a unit such as '1.5%s'", text,
                    units->suffix);
}

static int parse_power(const char *text, int64_t *out_uw, struct erg_err *err)
{
    return parse_quantity(text, power_units, 0, (double)ERG_EXACT_MAX_UW, out_uw, err);
}

/* Split "name(a,b)" into exactly `count` arguments. */
static int parse_arguments(const char *text, const char *shape, char out[][MAX_WORD], size_t count,
                           struct erg_err *err)
{
    const char *p = text + strlen(shape) + 1;
    for (size_t i = 0; i < count; i++) {
        char end = i + 1 < count ? ',' : ')';
        size_t len = strcspn(p, ",)");
        if (p[len] != end || len == 0)
            return erg_fail(err, ERG_INVALID, "'%.63s' does not have the %zu arguments of %s()",
                            text, count, shape);
        memcpy(out[i], p, len);
        out[i][len] = '\0';
        p += len + 1;
    }
    if (*p)
        return erg_fail(err, ERG_INVALID, "unexpected '%.63s' behind '%s(…)'", p, shape);
    return 0;
}

static int parse_ramp(const char *text, struct erg_waveform *wave, struct erg_err *err)
{
    char arguments[2][MAX_WORD];
    int rc = parse_arguments(text, "ramp", arguments, 2, err);
    if (!rc)
        rc = parse_power(arguments[0], &wave->first_uw, err);
    if (!rc)
        rc = parse_quantity(arguments[1], slope_units, -(double)ERG_EXACT_MAX_UW,
                            (double)ERG_EXACT_MAX_UW, &wave->slope_uw_s, err);
    wave->shape = ERG_WAVE_RAMP;
    return rc;
}

static int parse_square(const char *text, struct erg_waveform *wave, struct erg_err *err)
{
    char arguments[3][MAX_WORD];
    int rc = parse_arguments(text, "square", arguments, 3, err);
    if (!rc)
        rc = parse_power(arguments[0], &wave->first_uw, err);
    if (!rc)
        rc = parse_power(arguments[1], &wave->second_uw, err);
    if (!rc)
        rc = erg_parse_duration_ns(arguments[2], &wave->period_ns, err);
    if (!rc && (wave->period_ns < 2 || wave->period_ns > ERG_EXACT_MAX_NS))
        rc = erg_fail(err, ERG_INVALID, "'%.63s' is not a usable period", arguments[2]);
    wave->shape = ERG_WAVE_SQUARE;
    return rc;
}

static int parse_wave(const char *text, struct erg_waveform *wave, struct erg_err *err)
{
    if (!strncmp(text, "ramp(", 5))
        return parse_ramp(text, wave, err);
    if (!strncmp(text, "square(", 7))
        return parse_square(text, wave, err);
    wave->shape = ERG_WAVE_CONSTANT;
    return parse_power(text, &wave->first_uw, err);
}

static int parse_item(const struct item *item, struct erg_synthetic_spec *spec, struct erg_err *err)
{
    int domain = erg_domain_find(item->key);
    int rc;
    if (domain >= 0) {
        if (spec->waves[domain].shape != ERG_WAVE_NONE)
            return erg_fail(err, ERG_INVALID, "'%s' is given twice", item->key);
        rc = parse_wave(item->value, &spec->waves[domain], err);
    } else {
        spec->misbehaves = true;
        if (!strcmp(item->key, "drop"))
            rc = erg_parse_double(item->value, 0, 1, &spec->drop_ratio, err);
        else if (!strcmp(item->key, "stale"))
            rc = erg_parse_i64(item->value, 1, MAX_STALE, &spec->stale, err);
        else if (!strcmp(item->key, "wrap"))
            rc = parse_quantity(item->value, energy_units, 1, 9e15, &spec->wrap_uj, err);
        else if (!strcmp(item->key, "die"))
            rc = erg_parse_duration_ns(item->value, &spec->die_ns, err);
        else
            return erg_fail(
                err, ERG_INVALID,
                "'%s' is neither a domain (cpu gpu ane dram soc other) nor one of drop, "
                "stale, wrap, die",
                item->key);
    }
    if (rc)
        erg_err_prefix(err, "%s", item->key);
    return rc;
}

/* The next item up to a comma outside parentheses; *text moves behind it. */
static int next_item(const char **text, struct item *out, struct erg_err *err)
{
    const char *start = *text, *p = start;
    for (int depth = 0; *p && (*p != ',' || depth > 0); p++)
        depth += (*p == '(') - (*p == ')');
    size_t len = (size_t)(p - start), key = strcspn(start, "=");
    if (key == 0 || key >= len || key >= MAX_WORD || len - key - 1 >= MAX_WORD)
        return erg_fail(err, ERG_INVALID, "'%.*s' is not like 'cpu=20W'", len > 64 ? 64 : (int)len,
                        start);
    memcpy(out->key, start, key);
    out->key[key] = '\0';
    memcpy(out->value, start + key + 1, len - key - 1);
    out->value[len - key - 1] = '\0';
    *text = p + (*p == ',');
    if (*p == ',' && !**text)
        return erg_fail(err, ERG_INVALID, "nothing behind the last comma");
    return 0;
}

int erg_synthetic_parse(const char *text, struct erg_synthetic_spec *out, struct erg_err *err)
{
    struct erg_synthetic_spec spec = {.stale = 1, .die_ns = -1};
    bool any = false;
    if (!*text)
        return erg_fail(err, ERG_INVALID, "'synthetic:' needs a waveform such as 'cpu=20W'");
    while (*text) {
        struct item item;
        int rc = next_item(&text, &item, err);
        if (!rc)
            rc = parse_item(&item, &spec, err);
        if (rc)
            return rc;
    }
    for (int d = 0; d < ERG_DOMAINS; d++)
        any = any || spec.waves[d].shape != ERG_WAVE_NONE;
    if (!any)
        return erg_fail(err, ERG_INVALID, "no domain has a waveform such as 'cpu=20W'");
    *out = spec;
    return 0;
}

/*
 * ∫ slope·u du = slope·s²/2, until the power reaches 0 or the ceiling and stays there. With s in ns
 * and the slope in µW/s that is slope·s²/1e9 half µW·ns. Falling ramps round the other way, so that
 * the sum with the held power is always rounded down.
 */
static erg_i128 ramp_excess(const struct erg_waveform *wave, int64_t since)
{
    bool falls = wave->slope_uw_s < 0;
    uint64_t slope = (uint64_t)(falls ? -wave->slope_uw_s : wave->slope_uw_s);
    uint64_t room = (uint64_t)(falls ? wave->first_uw : ERG_EXACT_MAX_UW - wave->first_uw);
    if (slope == 0)
        return 0;
    /* The limit is reached at room/slope seconds; area of the triangle plus that of the plateau. */
    erg_u128 reach = (erg_u128)room * 1000000000u; /* slope × time at the limit */
    erg_u128 area, scaled = (erg_u128)slope * (uint64_t)since;
    if (scaled <= reach) {
        erg_u128 product = scaled * (uint64_t)since;
        area = product / 1000000000u + (falls && product % 1000000000u);
    } else {
        /* 2·room·since − room²·1e9/slope */
        erg_u128 corner = (erg_u128)room * room * 1000000000u;
        area = 2 * (erg_u128)room * (uint64_t)since;
        area -= corner / slope + (!falls && corner % slope);
    }
    return falls ? -(erg_i128)area : (erg_i128)area;
}

static erg_i128 square_excess(const struct erg_waveform *wave, int64_t since)
{
    int64_t half = wave->period_ns / 2, rest = since % wave->period_ns;
    int64_t in_second = since / wave->period_ns * (wave->period_ns - half);
    in_second += rest > half ? rest - half : 0;
    return erg_exact_area(wave->second_uw, in_second) - erg_exact_area(wave->first_uw, in_second);
}

erg_i128 erg_waveform_excess(const struct erg_waveform *wave, int64_t since_ns)
{
    if (since_ns <= 0)
        return 0;
    if (wave->shape == ERG_WAVE_RAMP)
        return ramp_excess(wave, since_ns);
    return wave->shape == ERG_WAVE_SQUARE ? square_excess(wave, since_ns) : 0;
}
