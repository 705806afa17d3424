/* SPDX-License-Identifier: MIT */
#include "server/assets.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct erg_asset *erg_assets_find(const struct erg_assets *assets, const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    for (size_t i = 0; i < assets->count; i++) {
        if (strcmp(assets->rows[i].path, path) == 0)
            return &assets->rows[i];
    }
    return NULL;
}

/* Length of what stands before `stop`, blanks at the end left out. */
static size_t trimmed(const char *text, const char *stop)
{
    size_t len = strcspn(text, stop);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    return len;
}

/* "q=0", "q=0.000": the client does not want it at all. */
static bool is_refused(const char *parameters, size_t len)
{
    const char *q = parameters;
    while (q < parameters + len && *q != 'q' && *q != 'Q')
        q++;
    if (q + 2 >= parameters + len || q[1] != '=')
        return false;
    size_t zeros = strspn(q + 2, "0.");
    return q + 2 + zeros >= parameters + len || !strchr("123456789", q[2 + zeros]);
}

/* Does Accept-Encoding name gzip? */
static bool takes_gzip(const char *accept)
{
    while (*accept) {
        accept += strspn(accept, " \t,");
        size_t item = strcspn(accept, ",");
        size_t name = trimmed(accept, ",;");
        if (name == 4 && strncasecmp(accept, "gzip", 4) == 0)
            return !is_refused(accept + name, item - name);
        accept += item;
    }
    return false;
}

/* Does If-None-Match name the tag (in quotes)? Weak and strong ones compare alike there. */
static bool names_tag(const char *list, const char *tag)
{
    while (*list) {
        list += strspn(list, " \t,");
        size_t len = trimmed(list, ",");
        const char *item = len > 2 && strncmp(list, "W/", 2) == 0 ? list + 2 : list;
        size_t item_len = len - (size_t)(item - list);
        if ((len == 1 && *list == '*') ||
            (item_len == strlen(tag) && strncmp(item, tag, item_len) == 0))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

static void send_asset(const struct erg_asset *asset, struct erg_exchange *x)
{
    char tag[64], length[24];
    bool zipped = asset->gzip && takes_gzip(x->request.accept_encoding);
    size_t len = zipped ? asset->gzip_len : asset->len;
    snprintf(tag, sizeof tag, "\"%.40s%s\"", asset->etag, zipped ? "-gzip" : "");
    snprintf(length, sizeof length, "%zu", len);
    const struct erg_http_field fields[] = {
        {"etag", tag},
        {"vary", "Accept-Encoding"},
        {"cache-control", asset->is_immutable ? "public, max-age=31536000, immutable" : "no-cache"},
        {"content-length", length},
        {"content-encoding", "gzip"},
    };
    if (names_tag(x->request.if_none_match, tag)) {
        erg_exchange_begin(x, 304, NULL, fields, 3);
        return;
    }
    if (erg_exchange_begin(x, 200, asset->media_type, fields, zipped ? 5 : 4) == 0)
        erg_exchange_write(x, zipped ? asset->gzip : asset->bytes, len);
}

void erg_assets_handle(const struct erg_assets *assets, struct erg_exchange *x)
{
    const struct erg_asset *asset = erg_assets_find(assets, x->request.path);
    if (asset && x->request.method == ERG_GET)
        send_asset(asset, x);
    else if (asset)
        erg_exchange_not_allowed(x, "GET, HEAD");
    else if (assets->count == 0)
        erg_exchange_problem(x, 404, "not_found", "this build has no dashboard",
                             "the API is described at /openapi.json");
    else
        erg_exchange_problem(x, 404, "not_found", "there is nothing at this path", NULL);
}
