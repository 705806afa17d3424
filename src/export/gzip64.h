/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_GZIP64_H
#define ERG_EXPORT_GZIP64_H

#include "base/err.h"
#include "base/jsonw.h"

/* Bytes, gzipped, in base64: to be put between quotes. The same bytes give the same text. */
struct erg_gzip64;

int erg_gzip64_open(struct erg_gzip64 **out, erg_jsonw_sink sink, void *user, struct erg_err *err);

/* An erg_jsonw_sink whose user is the compressor. 0 or the first failure. */
int erg_gzip64_put(void *gzip64, const char *bytes, size_t len);

/* Write what is left. */
int erg_gzip64_finish(struct erg_gzip64 *gzip64, struct erg_err *err);

/* NULL is nothing; also after a failure. */
void erg_gzip64_close(struct erg_gzip64 *gzip64);

#endif
