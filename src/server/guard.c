/* SPDX-License-Identifier: MIT */
#include "server/guard.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Names this machine has for itself. */
static const char *const loopback_names[] = {"127.0.0.1", "[::1]", "localhost"};

enum { LOOPBACK_NAMES = sizeof loopback_names / sizeof loopback_names[0] };

bool erg_guard_is_loopback(const char *address)
{
    return strcmp(address, "localhost") == 0 || strcmp(address, "127.0.0.1") == 0 ||
           strcmp(address, "::1") == 0;
}

static int add_host(struct erg_guard *guard, const char *name, int port)
{
    char text[300];
    if (port > 0)
        snprintf(text, sizeof text, "%.255s:%d", name, port);
    else
        snprintf(text, sizeof text, "%.255s", name);
    for (char *c = text; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + ('a' - 'A')) : *c;
    guard->hosts[guard->host_count] = erg_strdup(text);
    return guard->hosts[guard->host_count++] ? 0 : ERG_NOMEM;
}

/* Has it a port already? The colons of "[::1]" are none. */
static bool has_port(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon && !strchr(colon, ']');
}

/* With http's own port the port is left out in Host. */
static int add_own_host(struct erg_guard *guard, const char *name, int port)
{
    int rc = add_host(guard, name, port);
    return rc || port != 80 ? rc : add_host(guard, name, 0);
}

static int add_hosts(struct erg_guard *guard, const char *address, int port,
                     const char *const *allowed, size_t allowed_count)
{
    char name[300];
    int rc = 0;
    guard->hosts = erg_calloc(2 * (LOOPBACK_NAMES + 1 + allowed_count), sizeof *guard->hosts);
    if (!guard->hosts)
        return ERG_NOMEM;
    for (size_t i = 0; rc == 0 && i < LOOPBACK_NAMES; i++)
        rc = add_own_host(guard, loopback_names[i], port);
    snprintf(name, sizeof name, strchr(address, ':') ? "[%.255s]" : "%.255s", address);
    bool is_any = strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
    if (rc == 0 && !erg_guard_is_loopback(address) && !is_any)
        rc = add_own_host(guard, name, port);
    guard->own_hosts = guard->host_count;
    for (size_t i = 0; rc == 0 && i < allowed_count; i++) {
        rc = add_host(guard, allowed[i], 0);
        if (rc == 0 && !has_port(allowed[i]))
            rc = add_host(guard, allowed[i], port);
    }
    return rc;
}

/* Characters of a token in Authorization (RFC 6750, b64token), so that none needs quoting. */
static bool is_token(const char *text)
{
    size_t len =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=");
    return text[len] == '\0' && len >= ERG_TOKEN_MIN_CHARS && len <= ERG_TOKEN_MAX_CHARS;
}

int erg_guard_init(struct erg_guard *guard, const char *address, int port,
                   const char *const *allowed_hosts, size_t allowed_host_count, const char *token,
                   const char *secret, struct erg_err *err)
{
    *guard = (struct erg_guard){0};
    if (token && !is_token(token))
        return erg_fail(err, ERG_INVALID,
                        "a token has %d to %d characters: letters, digits and -._~+/=",
                        ERG_TOKEN_MIN_CHARS, ERG_TOKEN_MAX_CHARS);
    if (!token && !erg_guard_is_loopback(address))
        return erg_fail(err, ERG_INVALID,
                        "address '%.100s' can be reached from other machines (give a --token)",
                        address);
    snprintf(guard->cookie_name, sizeof guard->cookie_name, "ergon_%d", port);
    snprintf(guard->secret, sizeof guard->secret, "%s", secret);
    int rc = add_hosts(guard, address, port, allowed_hosts, allowed_host_count);
    guard->token = token ? erg_strdup(token) : NULL;
    if (rc == 0 && token && !guard->token)
        rc = ERG_NOMEM;
    if (rc)
        erg_guard_deinit(guard);
    return rc ? erg_fail(err, rc, "out of memory") : 0;
}

void erg_guard_deinit(struct erg_guard *guard)
{
    for (size_t i = 0; i < guard->host_count; i++)
        free(guard->hosts[i]);
    free(guard->hosts);
    free(guard->token);
    *guard = (struct erg_guard){0};
}

bool erg_guard_equal(const char *given, size_t given_len, const char *secret)
{
    size_t secret_len = strlen(secret);
    volatile unsigned char difference = given_len != secret_len;
    for (size_t i = 0; i < given_len; i++)
        difference |= (unsigned char)(given[i] ^ secret[secret_len ? i % secret_len : 0]);
    return difference == 0;
}

static bool refuse(struct erg_refusal *out, int status, const char *code, const char *detail,
                   const char *hint)
{
    *out = (struct erg_refusal){.status = status, .code = code, .detail = detail, .hint = hint};
    return false;
}

/* Index of a Host among ours, host_count when it is none. */
static size_t find_host(const struct erg_guard *guard, const char *text, size_t len)
{
    size_t i = 0;
    while (i < guard->host_count &&
           (strncasecmp(guard->hosts[i], text, len) != 0 || guard->hosts[i][len] != '\0'))
        i++;
    return i;
}

static bool check_host(const struct erg_guard *guard, const struct erg_head *head,
                       struct erg_refusal *out)
{
    if (!head->host || !head->host[0])
        return refuse(out, 400, "bad_request", "the request has no Host", NULL);
    size_t len = strlen(head->host);
    if (head->authority &&
        (head->authority_len != len || strncasecmp(head->authority, head->host, len) != 0))
        return refuse(out, 400, "bad_request", "target and Host differ", NULL);
    if (find_host(guard, head->host, len) == guard->host_count)
        return refuse(out, 421, "host_not_allowed", "this server does not answer to that Host",
                      "other names are allowed with: ergon serve --allow-host NAME");
    return true;
}

static bool check_body(const struct erg_head *head, size_t *out_bytes, struct erg_refusal *out)
{
    const char *text = head->content_length;
    size_t len = 0;
    if (head->transfer_encoding)
        return refuse(out, 501, "transfer_encoding",
                      "a request cannot be sent with a transfer coding", "send a Content-Length");
    if (text) {
        size_t digits = strspn(text, "0123456789");
        if (digits == 0 || text[digits] != '\0')
            return refuse(out, 400, "bad_request", "Content-Length is no number", NULL);
        for (size_t i = 0; i < digits && i < 8; i++)
            len = len * 10 + (size_t)(text[i] - '0');
        if (digits > 7 || len > ERG_MAX_REQUEST_BODY_BYTES)
            return refuse(out, 413, "too_large", "the request's body is larger than 1 MiB", NULL);
    }
    if (head->expect && strcasecmp(head->expect, "100-continue") != 0)
        return refuse(out, 417, "expectation", "no other expectation than 100-continue is met",
                      NULL);
    *out_bytes = len;
    return true;
}

/* 16 bytes in base64: 22 characters and "==". */
static bool is_websocket_key(const char *key)
{
    return key && strlen(key) == 24 && strcmp(key + 22, "==") == 0 &&
           strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/") == 22;
}

static bool check_upgrade(const struct erg_guard *guard, const struct erg_head *head,
                          size_t body_bytes, struct erg_refusal *out)
{
    bool is_ws_path = guard->ws_path && strcmp(head->path, guard->ws_path) == 0;
    if (!head->upgrade && is_ws_path) {
        refuse(out, 426, "upgrade_required", "this path takes WebSockets", NULL);
        out->field = (struct erg_http_field){"upgrade", "websocket"};
        return false;
    }
    if (!head->upgrade)
        return true;
    if (strcasecmp(head->upgrade, "websocket") != 0)
        return refuse(out, 400, "bad_request", "there is no other upgrade than to websocket", NULL);
    if (!head->websocket_version || strcmp(head->websocket_version, "13") != 0) {
        refuse(out, 426, "upgrade_required", "WebSockets are of version 13", NULL);
        out->field = (struct erg_http_field){"sec-websocket-version", "13"};
        return false;
    }
    if (head->method != ERG_GET || head->is_head || !head->is_1_1 || body_bytes ||
        !erg_head_lists(head->connection, "upgrade") || !is_websocket_key(head->websocket_key))
        return refuse(out, 400, "bad_request", "the upgrade is malformed", NULL);
    if (!is_ws_path)
        return refuse(out, 404, "not_found", "there is no WebSocket at this path", NULL);
    return true;
}

/*
 * Is it the origin of this very server? The name has to be the one in Host: a page of localhost is
 * another origin than one of 127.0.0.1. https: only where something in front of us speaks it.
 */
static bool is_own_origin(const struct erg_guard *guard, const struct erg_head *head)
{
    const char *host = NULL;
    bool may_be_https = find_host(guard, head->host, strlen(head->host)) >= guard->own_hosts;
    if (strncmp(head->origin, "http://", 7) == 0)
        host = head->origin + 7;
    else if (may_be_https && strncmp(head->origin, "https://", 8) == 0)
        host = head->origin + 8;
    return host && strcasecmp(host, head->host) == 0;
}

/* A page of somewhere else may show ours in a window, by a link; nothing more. */
static bool is_link(const struct erg_head *head)
{
    return head->method == ERG_GET && !head->upgrade && head->fetch_mode && head->fetch_dest &&
           strcmp(head->fetch_mode, "navigate") == 0 && strcmp(head->fetch_dest, "document") == 0;
}

static bool check_site(const struct erg_guard *guard, const struct erg_head *head,
                       struct erg_refusal *out)
{
    bool reads = head->method == ERG_GET && !head->upgrade;
    const char *site = head->fetch_site;
    bool is_foreign = site && strcmp(site, "same-origin") != 0 &&
                      !(reads && strcmp(site, "none") == 0) && !is_link(head);
    if (head->origin && !reads)
        is_foreign |= !is_own_origin(guard, head);
    if (is_foreign)
        return refuse(out, 403, "cross_origin", "the request comes from a page of another origin",
                      NULL);
    return true;
}

static bool has_bearer(const struct erg_guard *guard, const struct erg_head *head)
{
    const char *text = head->authorization;
    if (!text || strncasecmp(text, "bearer ", 7) != 0)
        return false;
    text += 7;
    text += strspn(text, " ");
    return erg_guard_equal(text, strlen(text), guard->token);
}

/* Browsers may hold several cookies of that name; one has to be right. */
static bool has_cookie(const struct erg_guard *guard, const struct erg_head *head)
{
    const char *text = head->cookie;
    size_t name = strlen(guard->cookie_name);
    bool found = false;
    while (text && *text) {
        text += strspn(text, " ;");
        size_t len = strcspn(text, ";");
        if (len > name && strncmp(text, guard->cookie_name, name) == 0 && text[name] == '=')
            found |= erg_guard_equal(text + name + 1, len - name - 1, guard->secret);
        text += len;
    }
    return found;
}

static bool check_token(const struct erg_guard *guard, const struct erg_head *head, bool is_open,
                        bool is_session, struct erg_refusal *out)
{
    if (!guard->token || (is_open && !head->upgrade) || has_bearer(guard, head))
        return true;
    if (!is_session && has_cookie(guard, head))
        return true;
    refuse(out, 401, "unauthorized", "this needs the server's token",
           "open the address that 'ergon serve' has printed, or send Authorization: Bearer");
    out->field = (struct erg_http_field){"www-authenticate", "Bearer"};
    return false;
}

/* The media type, whatever parameters follow. */
static bool is_json(const char *content_type)
{
    size_t len = strlen("application/json");
    if (!content_type || strncasecmp(content_type, "application/json", len) != 0)
        return false;
    content_type += len;
    content_type += strspn(content_type, " \t");
    return *content_type == '\0' || *content_type == ';';
}

enum erg_verdict erg_guard_check(const struct erg_guard *guard, const struct erg_head *head,
                                 bool is_open, size_t *out_body_bytes, struct erg_refusal *out)
{
    bool is_session = guard->token && strcmp(head->path, "/session") == 0;
    *out = (struct erg_refusal){0};
    *out_body_bytes = 0;
    if (!check_host(guard, head, out) || !check_body(head, out_body_bytes, out) ||
        !check_upgrade(guard, head, *out_body_bytes, out) || !check_site(guard, head, out) ||
        !check_token(guard, head, is_open, is_session, out))
        return ERG_REFUSED;
    if (*out_body_bytes && !is_json(head->content_type)) {
        refuse(out, 415, "unsupported_media_type", "the body has to be application/json", NULL);
        return ERG_REFUSED;
    }
    if (is_session && (head->method != ERG_POST || *out_body_bytes)) {
        refuse(out, 405, "method_not_allowed", "this path takes POST without a body", NULL);
        out->field = (struct erg_http_field){"allow", "POST"};
        return ERG_REFUSED;
    }
    return is_session ? ERG_SESSION : head->upgrade ? ERG_WEBSOCKET : ERG_HANDLE;
}
