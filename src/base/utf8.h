/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_UTF8_H
#define ERG_BASE_UTF8_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Length (1–4) of the well-formed UTF-8 sequence at `text`, 0 when there is none (RFC 3629). */
size_t erg_utf8_step(const char *text, size_t len);

bool erg_utf8_valid(const char *text, size_t len);

/* Append `text` with every byte that is not part of a well-formed sequence replaced by U+FFFD. */
void erg_utf8_sanitize(const char *text, size_t len, struct erg_buf *out);

/*
 * Number of bytes (0–3) at the end of `text` that begin a sequence which further bytes could still
 * complete; used to hold back half a character until the next token brings the rest.
 */
size_t erg_utf8_incomplete_tail(const char *text, size_t len);

/* Number of code points; malformed bytes count one each. */
size_t erg_utf8_length(const char *text, size_t len);

/* Longest prefix of at most `max_bytes` bytes that does not cut a sequence. */
size_t erg_utf8_truncate(const char *text, size_t len, size_t max_bytes);

#endif
