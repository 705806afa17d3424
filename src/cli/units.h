/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_UNITS_H
#define ERG_CLI_UNITS_H

#include <stddef.h>

/*
 * Numbers for people: three or four significant digits and the unit that fits. NaN is "–". Every
 * function returns `out`, which has room for ERG_UNIT_BYTES.
 */
enum { ERG_UNIT_BYTES = 40 };

const char *erg_show_energy(double mj, char *out); /* "12.3 mJ", "4.56 J", "1.2 kJ" */
const char *erg_show_time(double ms, char *out);   /* "12.3 µs", "4.56 ms", "1.2 s", "5 min 3 s" */
const char *erg_show_power(double mw, char *out);  /* "850 mW", "12.3 W" */
const char *erg_show_ratio(double ratio, char *out); /* 0.123 → "12.3 %" */
const char *erg_show_count(double count, char *out); /* "1 234", "2.54 M", "7.2 B" */
const char *erg_show_plain(double value, char *out); /* three significant digits, no unit */

/* A bar of `columns` columns filled by `ratio`, in eighths: "███▌    ". */
const char *erg_show_bar(double ratio, size_t columns, char *out, size_t out_bytes);

#endif
