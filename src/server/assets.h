/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_ASSETS_H
#define ERG_SERVER_ASSETS_H

#include "server/exchange.h"

/*
 * Files that are served: a table compiled in, made by tools/embed. A path is looked up as a whole
 * and no file is ever opened, so there is no path to escape by.
 */
struct erg_asset {
    const char *path;       /* "/index.html" */
    const char *media_type; /* "text/html; charset=utf-8" */
    const char *etag;       /* without quotes */
    const unsigned char *bytes;
    size_t len;
    const unsigned char *gzip; /* the same, compressed; NULL = that is not shorter */
    size_t gzip_len;
    bool is_immutable; /* the name changes with the content */
};

struct erg_assets {
    const struct erg_asset *rows;
    size_t count;
};

/* The dashboard; empty in a build without one. */
extern const struct erg_assets erg_dashboard;
/* /openapi.json */
extern const struct erg_assets erg_description;

/* The file at a path, "/" being "/index.html"; NULL = none. */
const struct erg_asset *erg_assets_find(const struct erg_assets *assets, const char *path);

/* Answer a request from the table: 200, 304, 404, or 405. */
void erg_assets_handle(const struct erg_assets *assets, struct erg_exchange *x);

#endif
