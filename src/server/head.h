/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_HEAD_H
#define ERG_SERVER_HEAD_H

#include "server/exchange.h"

#include <stdint.h>

/*
 * The head of a request, from its first byte to the empty line (RFC 9112), read strictly: what
 * other programs might read in another way is refused. Pure, and fuzzed: these bytes come from
 * anybody.
 *
 * Refused: a line that does not end in CR LF, control characters, a blank before the colon, folded
 * lines, a field sent twice of those below, targets other than a path or http://HOST/path, a path
 * with '.' or '..' segments, encoded slashes, NUL or malformed UTF-8, versions other than 1.0 and
 * 1.1.
 */

/* Why a request is not handled, and how that is answered; all constant text. */
struct erg_refusal {
    int status;
    const char *code, *detail, *hint;
    struct erg_http_field field; /* to go along; name NULL = none */
};

/* How far a head has been looked through; zero bytes before the first. */
struct erg_head_scan {
    size_t seen;       /* bytes looked at */
    size_t start;      /* of the request line: an empty line before it is skipped */
    size_t line_start; /* of the line that is being received */
    size_t fields_start;
    unsigned lines; /* complete ones */
};

/* Absent fields are NULL; texts point into what was parsed. */
struct erg_head {
    enum erg_method method;
    const char *method_name;
    bool is_head;          /* of method ERG_GET */
    bool keeps_alive;      /* the client wants to go on after the answer */
    bool is_1_1;           /* else 1.0 */
    const char *authority; /* of a target http://HOST/path, not NUL-terminated */
    size_t authority_len;
    const char *path;  /* decoded, UTF-8 */
    const char *query; /* as sent; "" = none */
    const char *host, *content_length, *transfer_encoding, *content_type, *expect;
    const char *connection, *upgrade, *websocket_key, *websocket_version;
    const char *origin, *fetch_site, *fetch_mode, *fetch_dest;
    const char *authorization, *cookie;
    const char *accept, *accept_encoding, *if_none_match;
};

/*
 * Look for the end of the head in bytes[0 … len), of which the first scan->seen are known already.
 * True when it is there or never will be: out->status tells which (0 = complete; scan->seen is then
 * the length of the head).
 */
bool erg_head_find(struct erg_head_scan *scan, const char *bytes, size_t len,
                   struct erg_refusal *out);

/*
 * Take a complete head apart: text[0 … len] from scan.start on, NUL-terminated, is written to and
 * has to live as long as `out`. True unless it is refused.
 */
bool erg_head_parse(char *text, size_t len, struct erg_head *out, struct erg_refusal *refusal);

/* Is `name` in a comma-separated list such as Connection's, whatever the case? */
bool erg_head_lists(const char *list, const char *name);

#endif
