/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_OUT_H
#define ERG_EXPORT_OUT_H

#include "base/buf.h"
#include "export/export.h"

/*
 * Output of an exporter: bytes are collected in `buf` and handed to the request's sink in pieces,
 * so that an export of any length takes constant memory.
 */
struct erg_out {
    const struct erg_export_request *request;
    struct erg_buf buf;
    struct erg_err *err;
};

void erg_out_init(struct erg_out *out, const struct erg_export_request *request,
                  struct erg_err *err);
void erg_out_deinit(struct erg_out *out);

/* Between records: hand `buf` on when it has become large. 0 or the failure of buffer or sink. */
int erg_out_spill(struct erg_out *out);

/* At the end: hand on what is left. */
int erg_out_flush(struct erg_out *out);

/* erg_store_name() of the store `user`, for those who take names from anywhere. */
const char *erg_out_name(void *user, uint16_t id);

/* A failure of the sink, in words. */
int erg_out_fail(struct erg_err *err, int code);

#endif
