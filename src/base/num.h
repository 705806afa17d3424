/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_NUM_H
#define ERG_BASE_NUM_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * Numbers from and to text. The parsers accept the whole string or nothing (no leading blanks, no
 * trailing text) and report ERG_INVALID with a message that quotes the text.
 */
int erg_parse_i64(const char *text, int64_t min, int64_t max, int64_t *out, struct erg_err *err);
int erg_parse_u64(const char *text, uint64_t *out, struct erg_err *err);
/* Finite decimal number between min and max. Independent of the locale. */
int erg_parse_double(const char *text, double min, double max, double *out, struct erg_err *err);
/* "90" (seconds), "250ms", "30s", "10m", "12h", "30d" → nanoseconds. */
int erg_parse_duration_ns(const char *text, int64_t *out_ns, struct erg_err *err);

/* Decimals; `out` has room for 24 bytes. Returns the length. */
size_t erg_format_u64(uint64_t value, char *out);
size_t erg_format_i64(int64_t value, char *out);
/* Shortest decimal that reads back to the same double. */
void erg_format_double(double value, char *out, size_t out_bytes);
/* Millionths as an exact decimal without trailing zeros: -1500000 → "-1.5". */
void erg_format_micro(int64_t millionths, char *out, size_t out_bytes);
/* 123456789 → "117.7 MiB" */
void erg_format_bytes(uint64_t bytes, char *out, size_t out_bytes);

/* Saturating a + b for counts and sums of outside data. */
int64_t erg_add_sat_i64(int64_t a, int64_t b);

/* Order of two names, numbers in them by their value: hwmon9, hwmon010, hwmon10. As strcmp(). */
int erg_compare_natural(const char *a, const char *b);

#endif
