/* SPDX-License-Identifier: MIT */
#include "energy/wide.h"
#include "export/erg_plan.h"

#include <math.h>

/* Longer than any interval that is looked for, short enough that times never overflow. */
#define LONGEST_NS (INT64_C(1) << 49)

/* As the recorder shows it. */
static bool shows(double mw, int64_t nj, int64_t dt_ns)
{
    return (double)nj / (double)dt_ns * 1e3 == mw;
}

bool erg_ratio_used(double mw, int64_t dt_ns, int64_t *out_nj)
{
    double about = mw * (double)dt_ns / 1e3;
    int64_t nj = about > 0 && about < 9e18 ? llround(about) : 0;
    for (int64_t near = nj > 0 ? nj - 1 : nj; near <= nj + 1; near++) {
        if (shows(mw, near, dt_ns)) {
            *out_nj = near;
            return true;
        }
    }
    *out_nj = nj;
    return false;
}

/* First convergent of the continued fraction of `x` that is shown as `mw`. */
static bool find_convergent(double mw, double x, int64_t *out_nj, int64_t *out_dt_ns)
{
    int exponent;
    double mantissa = frexp(x, &exponent);
    if (exponent > 40 || exponent < -60)
        return false;
    /* x = m / 2^(53 - exponent), both sides of the fraction kept below 2^128 */
    erg_u128 a = (erg_u128)ldexp(mantissa, 53), b = (erg_u128)1 << 53;
    if (exponent > 0)
        a <<= exponent;
    else
        b <<= -exponent;
    int64_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    while (b) {
        erg_u128 whole = a / b, rest = a % b;
        if (whole > INT64_MAX / 4 || (q1 && whole > (erg_u128)(LONGEST_NS / q1)) ||
            (p1 && whole > (erg_u128)(INT64_MAX / 4 / p1)))
            return false;
        int64_t p = (int64_t)whole * p1 + p0, q = (int64_t)whole * q1 + q0;
        p0 = p1, q0 = q1, p1 = p, q1 = q;
        if (q > 0 && shows(mw, p, q)) {
            *out_nj = p;
            *out_dt_ns = q;
            return true;
        }
        a = b;
        b = rest;
    }
    return false;
}

bool erg_ratio_find(double mw, int64_t least_ns, int64_t *out_dt_ns, int64_t *out_nj)
{
    double x = mw / 1e3;
    const double tries[] = {x, nextafter(x, INFINITY), nextafter(x, 0)};
    int64_t nj = 0, dt_ns = 1;
    bool found = mw == 0;
    for (size_t i = 0; i < 3 && !found && mw > 0; i++)
        found = find_convergent(mw, tries[i], &nj, &dt_ns);
    if (!found)
        return false;
    int64_t times = least_ns > dt_ns ? (least_ns + dt_ns - 1) / dt_ns : 1;
    if (nj && times > INT64_MAX / 4 / nj)
        return false;
    *out_dt_ns = dt_ns * times;
    *out_nj = nj * times;
    return true;
}
