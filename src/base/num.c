/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int not_a(struct erg_err *err, const char *text, const char *what)
{
    return erg_fail(err, ERG_INVALID, "'%.64s' is not %s", text, what);
}

int erg_parse_u64(const char *text, uint64_t *out, struct erg_err *err)
{
    uint64_t value = 0;
    if (!*text)
        return not_a(err, text, "a number");
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return not_a(err, text, "a number");
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (unsigned)(*p - '0'), &value))
            return not_a(err, text, "a number below 2^64");
    }
    *out = value;
    return 0;
}

int erg_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out, struct erg_err *err)
{
    uint64_t magnitude;
    int negative = text[0] == '-';
    if (erg_parse_u64(text + negative, &magnitude, NULL) || magnitude > INT64_MAX)
        return not_a(err, text, "a whole number");
    int64_t value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (value < min || value > max)
        return erg_fail(err, ERG_INVALID, "%" PRId64 " is not between %" PRId64 " and %" PRId64,
                        value, min, max);
    *out = value;
    return 0;
}

int erg_parse_double(const char *text, double min, double max, double *out, struct erg_err *err)
{
    /* strtod also takes blanks, hex, inf and nan: let only plain decimals reach it. */
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return not_a(err, text, "a number");
    char *end;
    double value = strtod(text, &end);
    if (*end || end == text || !isfinite(value))
        return not_a(err, text, "a number");
    if (value < min || value > max)
        return erg_fail(err, ERG_INVALID, "%g is not between %g and %g", value, min, max);
    *out = value;
    return 0;
}

int erg_parse_duration_ns(const char *text, int64_t *out_ns, struct erg_err *err)
{
    static const struct {
        const char *suffix;
        double ns;
    } units[] = {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}, {"", 1e9}};
    char number[40];
    size_t digits = strspn(text, "0123456789.");
    if (!digits || digits >= sizeof number)
        return not_a(err, text, "a duration such as 250ms, 30s, 10m, 12h or 30d");
    memcpy(number, text, digits);
    number[digits] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].suffix) != 0)
            continue;
        double value;
        if (erg_parse_double(number, 0, 9e18 / units[i].ns, &value, err))
            return ERG_INVALID;
        *out_ns = (int64_t)llround(value * units[i].ns);
        return 0;
    }
    return not_a(err, text, "a duration such as 250ms, 30s, 10m, 12h or 30d");
}

size_t erg_format_u64(uint64_t value, char *out)
{
    char reversed[20];
    size_t count = 0;
    do
        reversed[count++] = (char)('0' + value % 10);
    while (value /= 10);
    for (size_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    out[count] = '\0';
    return count;
}

size_t erg_format_i64(int64_t value, char *out)
{
    if (value >= 0)
        return erg_format_u64((uint64_t)value, out);
    out[0] = '-';
    return 1 + erg_format_u64(0 - (uint64_t)value, out + 1);
}

void erg_format_micro(int64_t millionths, char *out, size_t out_bytes)
{
    char text[32];
    uint64_t magnitude = millionths < 0 ? 0 - (uint64_t)millionths : (uint64_t)millionths;
    unsigned fraction = (unsigned)(magnitude % 1000000);
    size_t len = 0;
    if (millionths < 0)
        text[len++] = '-';
    len += erg_format_u64(magnitude / 1000000, text + len);
    if (fraction) {
        text[len++] = '.';
        for (unsigned place = 100000; fraction; place /= 10) {
            text[len++] = (char)('0' + fraction / place);
            fraction %= place;
        }
    }
    text[len] = '\0';
    snprintf(out, out_bytes, "%s", text);
}

void erg_format_bytes(uint64_t bytes, char *out, size_t out_bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit < 4; unit++)
        value /= 1024;
    snprintf(out, out_bytes, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

int64_t erg_add_sat_i64(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}

/* Digits of the number at `p`, leading zeros left out; `*p` moves to its first digit that counts.
 */
static size_t digits_at(const char **p)
{
    *p += strspn(*p, "0");
    return strspn(*p, "0123456789");
}

int erg_compare_natural(const char *a, const char *b)
{
    const char *left = a, *right = b;
    while (*left && *right) {
        if (isdigit((unsigned char)*left) && isdigit((unsigned char)*right)) {
            size_t left_len = digits_at(&left), right_len = digits_at(&right);
            int order = left_len != right_len ? (left_len < right_len ? -1 : 1)
                                              : memcmp(left, right, left_len);
            if (order)
                return order;
            left += left_len;
            right += right_len;
        } else if (*left != *right) {
            return (unsigned char)*left < (unsigned char)*right ? -1 : 1;
        } else {
            left++;
            right++;
        }
    }
    if (*left || *right)
        return *left ? 1 : -1;
    return strcmp(a, b); /* the same but for zeros in front */
}
