/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_GUNZIP64_H
#define ERG_TESTS_GUNZIP64_H

#include "base/buf.h"

/* What src/export/gzip64.c wrote, back as bytes; fails the test where it cannot be read. */
void gunzip64(const char *text, size_t len, struct erg_buf *out);

#endif
