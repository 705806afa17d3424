/* SPDX-License-Identifier: MIT */
#include "cli/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *missing(char *out)
{
    memcpy(out, "–", sizeof "–");
    return out;
}

/* Three significant digits, four before a decimal point. */
static void put_digits(double value, const char *unit, char *out)
{
    double size = fabs(value);
    int decimals = size >= 99.95 || size == 0 ? 0 : size >= 9.995 ? 1 : 2;
    snprintf(out, ERG_UNIT_BYTES, "%.*f%s%s", decimals, value, *unit ? " " : "", unit);
}

struct scale {
    double least; /* smallest absolute value shown in this unit */
    double factor;
    const char *unit;
};

static const char *put_scaled(double value, const struct scale *scales, char *out)
{
    if (!isfinite(value))
        return missing(out);
    while (scales->least > 0 && fabs(value) < scales->least)
        scales++;
    put_digits(value * scales->factor, value == 0 ? "" : scales->unit, out);
    return out;
}

const char *erg_show_energy(double mj, char *out)
{
    static const struct scale scales[] = {
        {999.5e6, 1e-9, "MJ"}, {999.5e3, 1e-6, "kJ"},  {999.5, 1e-3, "J"},
        {0.9995, 1, "mJ"},     {0.9995e-3, 1e3, "µJ"}, {0, 1e6, "nJ"},
    };
    return put_scaled(mj, scales, out);
}

const char *erg_show_time(double ms, char *out)
{
    static const struct scale scales[] = {
        {999.5, 1e-3, "s"},
        {0.9995, 1, "ms"},
        {0.9995e-3, 1e3, "µs"},
        {0, 1e6, "ns"},
    };
    if (ms >= 600e3 && isfinite(ms)) {
        double seconds = round(ms / 1e3);
        snprintf(out, ERG_UNIT_BYTES, "%.0f min %.0f s", floor(seconds / 60), fmod(seconds, 60));
        return out;
    }
    return put_scaled(ms, scales, out);
}

const char *erg_show_power(double mw, char *out)
{
    static const struct scale scales[] = {
        {999.5e3, 1e-6, "kW"},
        {999.5, 1e-3, "W"},
        {0.9995, 1, "mW"},
        {0, 1e3, "µW"},
    };
    return put_scaled(mw, scales, out);
}

const char *erg_show_ratio(double ratio, char *out)
{
    if (!isfinite(ratio))
        return missing(out);
    double percent = ratio * 100;
    if (percent != 0 && fabs(percent) < 0.05)
        snprintf(out, ERG_UNIT_BYTES, "%s0.1 %%", percent < 0 ? "> -" : "< ");
    else
        snprintf(out, ERG_UNIT_BYTES, "%.1f %%", percent);
    return out;
}

const char *erg_show_count(double count, char *out)
{
    static const struct scale scales[] = {
        {999.5e9, 1e-12, "T"}, {999.5e6, 1e-9, "B"}, {999.5e3, 1e-6, "M"},
        {99950, 1e-3, "K"},    {0, 1, ""},
    };
    if (isfinite(count) && fabs(count) < 99950 && count == floor(count)) {
        snprintf(out, ERG_UNIT_BYTES, "%.0f", count);
        return out;
    }
    return put_scaled(count, scales, out);
}

const char *erg_show_plain(double value, char *out)
{
    if (!isfinite(value))
        return missing(out);
    if (value != 0 && fabs(value) < 0.00995)
        snprintf(out, ERG_UNIT_BYTES, "%.2g", value);
    else if (value != 0 && fabs(value) < 0.9995)
        snprintf(out, ERG_UNIT_BYTES, "%.3f", value);
    else
        put_digits(value, "", out);
    return out;
}

const char *erg_show_bar(double ratio, size_t columns, char *out, size_t out_bytes)
{
    static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    double bounded = ratio > 0 ? (ratio < 1 ? ratio : 1) : 0;
    size_t eighths = (size_t)lround(bounded * (double)columns * 8);
    size_t len = 0;
    if (eighths == 0 && ratio > 0)
        eighths = 1;
    for (size_t c = 0; c < columns && len + 4 < out_bytes; c++) {
        size_t here = eighths > c * 8 ? eighths - c * 8 : 0;
        const char *text = here >= 8 ? "█" : here ? parts[here] : " ";
        size_t bytes = strlen(text);
        memcpy(out + len, text, bytes);
        len += bytes;
    }
    out[len] = '\0';
    return out;
}
