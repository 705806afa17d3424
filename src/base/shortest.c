/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include "base/pow10.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * The shortest decimal that reads back to the same double, of several the closest: R. Giulietti,
 * "The Schubfach way to render doubles" (2020). A double is c × 2^q; everything that rounds to it
 * lies between its boundaries, half-way to its neighbours. These and the double itself are scaled
 * by a power of ten such that the interval holds one or a few integers, of which the decimal is
 * one.
 */
enum { SIGNIFICAND_BITS = 52, BIAS = 1075, MOST_DIGITS = 17, LEAST_PRECISION = 6 };

__extension__ typedef unsigned __int128 wide;

struct decimal {
    uint64_t digits;
    int exponent; /* digits × 10^exponent */
};

/* The upper 64 bits of a 192-bit product, its lowest bit set when anything was cut off. */
static uint64_t scale(struct erg_pow10 power, uint64_t factor)
{
    wide low = (wide)power.low * factor;
    wide high = (wide)power.high * factor + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* Of the scaled interval [lower, upper], in quarters, the integer nearest to `value` with fewest
 * digits. */
static struct decimal choose(uint64_t value, uint64_t lower, uint64_t upper, int k)
{
    uint64_t s = value / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool below = lower <= 40 * tens, above = 40 * tens + 40 <= upper;
        if (below != above)
            return (struct decimal){tens + above, k + 1};
    }
    bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
    if (below != above)
        return (struct decimal){s + above, k};
    uint64_t middle = 4 * s + 2;
    return (struct decimal){s + (value > middle || (value == middle && s & 1)), k};
}

static struct decimal shortest(uint64_t bits)
{
    uint64_t fraction = bits & ((UINT64_C(1) << SIGNIFICAND_BITS) - 1);
    int biased = (int)(bits >> SIGNIFICAND_BITS & 2047);
    uint64_t c = biased ? fraction | UINT64_C(1) << SIGNIFICAND_BITS : fraction;
    int q = biased ? biased - BIAS : 1 - BIAS;
    if (q <= 0 && q > -SIGNIFICAND_BITS - 1 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return (struct decimal){c >> -q, 0};
    bool even = c % 2 == 0,
         uneven = fraction == 0 && biased > 1;           /* the lower neighbour is nearer */
    int k = (q * 1262611 - (uneven ? 524031 : 0)) >> 22; /* floor(log10(2^q)) or of 3/4 2^q */
    int h = q + ((-k * 1741647) >> 19) + 1;              /* + floor(log2(10^-k)) */
    struct erg_pow10 power = erg_pow10[-k - ERG_POW10_MIN];
    uint64_t lower = scale(power, (4 * c - 2 + uneven) << h);
    uint64_t upper = scale(power, (4 * c + 2) << h);
    return choose(scale(power, (4 * c) << h), lower + !even, upper - !even, k);
}

/* Digits of the number, the last not 0; their count. */
static int put_digits(struct decimal *decimal, char out[MOST_DIGITS + 3])
{
    char reversed[24];
    int count = 0;
    while (decimal->digits % 10 == 0) {
        decimal->digits /= 10;
        decimal->exponent++;
    }
    for (uint64_t rest = decimal->digits; rest; rest /= 10)
        reversed[count++] = (char)('0' + rest % 10);
    for (int i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    return count;
}

/* d.ddde±XX */
static size_t put_scientific(const char *digits, int count, int exponent, char *out)
{
    size_t len = 0;
    out[len++] = digits[0];
    if (count > 1) {
        out[len++] = '.';
        memcpy(out + len, digits + 1, (size_t)count - 1);
        len += (size_t)count - 1;
    }
    return len + (size_t)snprintf(out + len, 8, "e%+03d", exponent);
}

static size_t put_plain(const char *digits, int count, int exponent, char *out)
{
    size_t len = 0;
    for (int place = exponent < 0 ? 0 : exponent; place >= 0; place--)
        out[len++] =
            exponent - place >= 0 && exponent - place < count ? digits[exponent - place] : '0';
    if (count <= exponent + 1)
        return len;
    out[len++] = '.';
    for (int place = -1; place > exponent; place--)
        out[len++] = '0';
    for (int i = exponent < 0 ? 0 : exponent + 1; i < count; i++)
        out[len++] = digits[i];
    return len;
}

/* As printf's %g would, with as many digits as are needed and six at least. */
void erg_format_double(double value, char *out, size_t out_bytes)
{
    char digits[MOST_DIGITS + 3], text[40];
    uint64_t bits;
    size_t len = 0;
    memcpy(&bits, &value, sizeof bits);
    if (!isfinite(value) || value == 0) {
        snprintf(out, out_bytes, "%g", value);
        return;
    }
    struct decimal decimal = shortest(bits & ~(UINT64_C(1) << 63));
    int count = put_digits(&decimal, digits), exponent = count - 1 + decimal.exponent;
    int precision = count > LEAST_PRECISION ? count : LEAST_PRECISION;
    if (bits >> 63)
        text[len++] = '-';
    len += exponent < -4 || exponent >= precision
               ? put_scientific(digits, count, exponent, text + len)
               : put_plain(digits, count, exponent, text + len);
    text[len] = '\0';
    snprintf(out, out_bytes, "%s", text);
}
