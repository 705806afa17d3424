/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_GUARD_H
#define ERG_SERVER_GUARD_H

#include "server/head.h"

/*
 * Who may talk to this server: decisions from the fields of a request, in the order
 *
 * - Host is one of ours (against DNS rebinding), whatever address is bound;
 * - no Transfer-Encoding, a Content-Length of 1–7 digits and at most 1 MiB, no other Upgrade than
 *   to version 13 of WebSocket (against smuggling);
 * - a browser's request comes from a page of ours: Origin and Sec-Fetch-Site on everything that
 *   changes something and on WebSockets; what others may only fetch by showing it in a window of
 *   its own is let through (against forged requests);
 * - the token, when there is one, as `Authorization: Bearer` or as the cookie that POST /session
 *   gives for it; compared in constant time;
 * - a body is application/json (which no form can send).
 *
 * Pure: it decides, http.c acts.
 */
enum { ERG_GUARD_SECRET_CHARS = 32, ERG_TOKEN_MIN_CHARS = 16, ERG_TOKEN_MAX_CHARS = 512 };

struct erg_guard {
    char **hosts; /* values of Host that are ours, in lower case */
    size_t host_count;
    size_t own_hosts; /* the first of them: addresses we are bound to, always plain http */
    char *token;      /* NULL = none */
    char cookie_name[24];
    char secret[ERG_GUARD_SECRET_CHARS + 1]; /* value of the cookie, new with each start */
    const char *ws_path;                     /* NULL = none */
};

/*
 * `address` is what is bound, `port` the port it got. An entry of allowed_hosts is NAME, which may
 * be followed by the bound port, or NAME:PORT. `secret` is random text. INVALID for a token that is
 * too short, or holds what a header cannot; NOMEM.
 */
int erg_guard_init(struct erg_guard *guard, const char *address, int port,
                   const char *const *allowed_hosts, size_t allowed_host_count, const char *token,
                   const char *secret, struct erg_err *err);
void erg_guard_deinit(struct erg_guard *guard);

/* What comes of a request that may go on. */
enum erg_verdict {
    ERG_REFUSED,
    ERG_HANDLE,    /* give it to the handler, when its body is there */
    ERG_SESSION,   /* POST /session with the token: answer with the cookie */
    ERG_WEBSOCKET, /* to ws_path */
};

/* `is_open`: the path may be had without the token. out_body_bytes: how much follows the head. */
enum erg_verdict erg_guard_check(const struct erg_guard *guard, const struct erg_head *head,
                                 bool is_open, size_t *out_body_bytes, struct erg_refusal *out);

/* Equal? Takes as long for any two texts of the same length as `given`. */
bool erg_guard_equal(const char *given, size_t given_len, const char *secret);

/* Is an address to bind one that only this machine reaches? */
bool erg_guard_is_loopback(const char *address);

#endif
