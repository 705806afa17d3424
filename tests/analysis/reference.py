#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes hypothesis.txt and bootstrap.txt into the folder given: reference values for the statistics.

Independent of the C code: 50 digits with mpmath, and for small samples the exact distribution by going
through every arrangement. Run it with Python 3 and mpmath; its output is checked in.
"""
import contextlib
import itertools
import random
import sys
from fractions import Fraction

import mpmath as mp

mp.mp.dps = 50


def mean(x):
    return mp.fsum(x) / len(x)


def variance(x):
    m = mean(x)
    return mp.fsum((v - m) ** 2 for v in x) / (len(x) - 1)


def t_two_sided(t, df):
    # By quadrature of the density: shares nothing with an incomplete beta function.
    density = lambda u: (1 + u * u / df) ** (-(df + 1) / 2)
    norm = mp.gamma((df + 1) / 2) / (mp.sqrt(df * mp.pi) * mp.gamma(df / 2))
    t = abs(t)
    return 2 * norm * mp.quad(density, [t, t + 1, t + 10, t + 100, mp.inf])


def welch(a, b):
    va, vb = variance(a) / len(a), variance(b) / len(b)
    t = (mean(b) - mean(a)) / mp.sqrt(va + vb)
    df = (va + vb) ** 2 / (va ** 2 / (len(a) - 1) + vb ** 2 / (len(b) - 1))
    return t, df, t_two_sided(t, df)


def u_of(a, b):
    return sum(Fraction((y > x) * 2 + (y == x), 2) for x in a for y in b)


def ranks(values):
    return [Fraction(2 * sum(w < v for w in values) + sum(w == v for w in values) + 1, 2) for v in values]


def tie_sum(values):
    return sum(values.count(v) ** 3 - values.count(v) for v in set(values))


def tail(z):
    return mp.erfc(z / mp.sqrt(2))


def mann_whitney(a, b):
    n, m, all_ = len(a), len(b), a + b
    u = u_of(a, b)
    if len(set(all_)) == n + m:
        below = above = total = 0
        for chosen in itertools.combinations(range(n + m), m):
            w = sum(chosen) - m * (m - 1) // 2
            below += w <= u
            above += w >= u
            total += 1
        return u, min(mp.mpf(2 * min(below, above)) / total, mp.mpf(1)), True
    size = n + m
    var = mp.mpf(n * m) / 12 * (size + 1 - mp.mpf(tie_sum(all_)) / (size * (size - 1)))
    z = max(abs(mp.mpf(u.numerator) / u.denominator - mp.mpf(n * m) / 2) - mp.mpf(1) / 2, 0) / mp.sqrt(var)
    return u, tail(z), False


def wilcoxon(d):
    d = [x for x in d if x != 0]
    n, sizes = len(d), [abs(x) for x in d]
    r = ranks(sizes)
    w = sum(rank for rank, x in zip(r, d) if x > 0)
    if len(set(sizes)) == n:
        below = above = 0
        for signs in itertools.product((0, 1), repeat=n):
            s = sum((i + 1) * sign for i, sign in enumerate(signs))
            below += s <= w
            above += s >= w
        return w, min(mp.mpf(2 * min(below, above)) / 2 ** n, mp.mpf(1)), True
    var = mp.mpf(n * (n + 1) * (2 * n + 1)) / 24 - mp.mpf(tie_sum(sizes)) / 48
    z = max(abs(mp.mpf(w.numerator) / w.denominator - mp.mpf(n * (n + 1)) / 4) - mp.mpf(1) / 2, 0) / mp.sqrt(var)
    return w, tail(z), False


def hedges(a, b):
    df = len(a) + len(b) - 2
    pooled = mp.sqrt(((len(a) - 1) * variance(a) + (len(b) - 1) * variance(b)) / df)
    j = mp.gamma(mp.mpf(df) / 2) / (mp.sqrt(mp.mpf(df) / 2) * mp.gamma(mp.mpf(df - 1) / 2))
    return (mean(b) - mean(a)) / pooled * j


def number(x):
    return mp.nstr(mp.mpf(x.numerator) / x.denominator if isinstance(x, Fraction) else x, 17)


def resampled_mean(x, resamples=10000, state=1):
    """BCa interval of the mean, SplitMix64 as docs/compare.md says it."""
    mask = (1 << 64) - 1

    def draw():
        nonlocal state
        state = (state + 0x9E3779B97F4A7C15) & mask
        z = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        return ((z ^ z >> 31) >> 32) * len(x) >> 32

    means = sorted(mp.fsum(x[draw()] for _ in x) / len(x) for _ in range(resamples))
    m = mean(x)
    below = mp.mpf(sum(2 * (v < m) + (v == m) for v in means)) / (2 * resamples)
    left_out = [(mp.fsum(x) - v) / (len(x) - 1) for v in x]
    centre = mean(left_out)
    speed = mp.fsum((centre - v) ** 3 for v in left_out)
    speed /= 6 * mp.fsum((centre - v) ** 2 for v in left_out) ** mp.mpf("1.5")
    quantile = lambda p: mp.sqrt(2) * mp.erfinv(2 * p - 1)
    bias, ends = quantile(below), []
    for p in (mp.mpf("0.025"), mp.mpf("0.975")):
        z = bias + quantile(p)
        place = mp.ncdf(bias + z / (1 - speed * z)) * (resamples + 1) - 1
        i = int(mp.floor(place))
        ends.append(means[i] + (place - i) * (means[i + 1] - means[i]))
    return ends


def line(a, b):
    """n m values… t df p g u p exact, then of the first differences w p exact (Wilcoxon)"""
    t, df, p = welch(a, b)
    u, pu, exact = mann_whitney(a, b)
    d = [y - x for x, y in zip(a, b)]
    w, pw, exact_w = wilcoxon(d)
    shown = [str(len(a)), str(len(b))] + [mp.nstr(v, 12) for v in a + b]
    shown += [number(v) for v in (t, df, p, hedges(a, b), u, pu)] + [str(int(exact))]
    shown += [number(w), number(pw), str(int(exact_w))]
    return " ".join(shown)


def bootstraps():
    print("# n, values, ends of the 95 % interval of the mean")
    for n in (5, 7, 12, 30):
        x = [mp.mpf(int(64 * random.expovariate(0.1))) / 64 for _ in range(n)]
        print(" ".join([str(n)] + [mp.nstr(v, 12) for v in x] + [number(v) for v in resampled_mean(x)]))


def hypotheses():
    random.seed(20261120)
    print("# n m, n values, m values, Welch: t df p, Hedges' g, Mann-Whitney: U p exact, Wilcoxon: W p exact")
    # In sixty-fourths: exact in binary, so that ties and differences are the same everywhere.
    for n, m, shift, step in [(2, 2, 64, 1), (2, 5, 10, 1), (3, 3, 200, 1), (4, 4, 40, 1), (5, 5, 5, 1),
                              (5, 5, 500, 1), (6, 4, 60, 1), (7, 9, 0, 1), (8, 8, 90, 1), (10, 10, 30, 1),
                              (10, 10, 120, 1), (3, 4, 20, 32), (5, 6, 30, 32), (8, 8, 40, 16), (10, 9, 0, 64),
                              (12, 12, 70, 16), (20, 15, 25, 8), (30, 30, 20, 4)]:
        while True:
            a = [mp.mpf(640 + random.randrange(-64, 65) // step * step) / 64 for _ in range(n)]
            b = [mp.mpf(640 + shift + random.randrange(-96, 97) // step * step) / 64 for _ in range(m)]
            tied = len(set(a + b)) < n + m
            d = [abs(y - x) for x, y in zip(a, b)]
            if tied == (step > 1) and len(set(a)) > 1 and len(set(b)) > 1 and sum(v > 0 for v in d) > 1:
                if step > 1 or len(set(d)) == len(d) and 0 not in d:
                    break
        print(line(a, b))


def main():
    for name, write in (("hypothesis.txt", hypotheses), ("bootstrap.txt", bootstraps)):
        with open(f"{sys.argv[1]}/{name}", "w") as file, contextlib.redirect_stdout(file):
            write()


main()
