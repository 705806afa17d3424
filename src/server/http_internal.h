/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_HTTP_INTERNAL_H
#define ERG_SERVER_HTTP_INTERNAL_H

#include "server/conn.h"
#include "server/http.h"

/* erg_http_open() with times of one's own, for tests that do not want to wait for half a minute. */
int erg_http_open_with(struct erg_http **out, const struct erg_http_options *options,
                       const struct erg_http_times *times, struct erg_err *err);

#endif
