/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/mem.h"
#include "server/guard.h"

#include <stdio.h>
#include <stdlib.h>

static long allocations_left = -1; /* -1 = no end */

void *__real_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes);
void *__wrap_erg_realloc(void *block, size_t bytes)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return __real_erg_realloc(block, bytes);
}

#define TOKEN  "0123456789abcdefTOKEN"
#define SECRET "00112233445566778899aabbccddeeff"

static void open_guard(struct erg_guard *guard, const char *address, int port, const char *token)
{
    static const char *const allowed[] = {"ergon.example", "Proxy.Example:443"};
    assert_int_equal(erg_guard_init(guard, address, port, allowed, 2, token, SECRET, NULL), 0);
    guard->ws_path = "/ws";
}

/* A request as others are variations of: a GET of our own page. */
static struct erg_head plain(void)
{
    return (struct erg_head){.method = ERG_GET,
                             .method_name = "GET",
                             .is_1_1 = true,
                             .path = "/x",
                             .query = "",
                             .host = "127.0.0.1:8000"};
}

static struct erg_head upgrade(void)
{
    struct erg_head head = plain();
    head.path = "/ws";
    head.connection = "Upgrade";
    head.upgrade = "websocket";
    head.websocket_version = "13";
    head.websocket_key = "dGhlIHNhbXBsZSBub25jZQ==";
    return head;
}

static enum erg_verdict verdict_of(const struct erg_guard *guard, const struct erg_head *head,
                                   bool is_open, int *out_status)
{
    struct erg_refusal refusal;
    size_t body_bytes;
    enum erg_verdict verdict = erg_guard_check(guard, head, is_open, &body_bytes, &refusal);
    assert_int_equal(verdict == ERG_REFUSED, refusal.status != 0);
    if (verdict == ERG_REFUSED) {
        assert_non_null(refusal.code);
        assert_non_null(refusal.detail);
    }
    if (out_status)
        *out_status = refusal.status;
    return verdict;
}

/* Status of the refusal, 0 = it may go on. */
static int status_of(const struct erg_guard *guard, const struct erg_head *head)
{
    int status;
    verdict_of(guard, head, false, &status);
    return status;
}

static const struct {
    const char *bound, *host;
    int status;
} host_rows[] = {
    {"localhost", "127.0.0.1:8000", 0},
    {"localhost", "localhost:8000", 0},
    {"localhost", "LOCALHOST:8000", 0},
    {"localhost", "[::1]:8000", 0},
    {"localhost", "ergon.example", 0},
    {"localhost", "ergon.example:8000", 0},
    {"localhost", "proxy.example:443", 0},
    {"localhost", "proxy.example", 421},
    {"localhost", "proxy.example:8000", 421},
    {"localhost", "127.0.0.1", 421},
    {"localhost", "127.0.0.1:", 421},
    {"localhost", "127.0.0.1:80", 421},
    {"localhost", "127.0.0.1:80000", 421},
    {"localhost", "127.0.0.1:8000 ", 421},
    {"localhost", "127.0.0.1:8000,x", 421},
    {"localhost", "evil.example", 421},
    {"localhost", "evil.example:8000", 421},
    {"localhost", "127.0.0.1.evil.example:8000", 421},
    {"localhost", "localhost.:8000", 421},
    {"localhost", "localhost.evil.example:8000", 421},
    {"localhost", "xlocalhost:8000", 421},
    {"localhost", "[::ffff:127.0.0.1]:8000", 421},
    {"localhost", "[0:0:0:0:0:0:0:1]:8000", 421},
    {"localhost", "::1:8000", 421},
    {"localhost", "0.0.0.0:8000", 421},
    {"localhost", "0:8000", 421},
    {"localhost", "127.1:8000", 421},
    {"localhost", "2130706433:8000", 421},
    {"localhost", "0177.0.0.1:8000", 421},
    {"localhost", "user@localhost:8000", 421},
    {"localhost", "", 400},
    {"localhost", NULL, 400},
    {"192.168.1.5", "192.168.1.5:8000", 0},
    {"192.168.1.5", "localhost:8000", 0},
    {"192.168.1.5", "192.168.1.6:8000", 421},
    {"fd00::5", "[fd00::5]:8000", 0},
    {"0.0.0.0", "0.0.0.0:8000", 421},
    {"0.0.0.0", "192.168.1.5:8000", 421},
    {"0.0.0.0", "127.0.0.1:8000", 0},
    {"::", "[::]:8000", 421},
    {"::", "ergon.example:8000", 0},
};

static void test_hosts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(host_rows); i++) {
        struct erg_guard guard;
        struct erg_head head = plain();
        open_guard(&guard, host_rows[i].bound, 8000, TOKEN);
        head.host = host_rows[i].host;
        head.authorization = "Bearer " TOKEN;
        int status = status_of(&guard, &head);
        if (status != host_rows[i].status)
            print_error("%s on %s: %d\n", host_rows[i].host, host_rows[i].bound, status);
        assert_int_equal(status, host_rows[i].status);
        erg_guard_deinit(&guard);
    }
}

/* With http's own port the port may be left out; a target with a host has to agree with Host. */
static void test_host_forms(void **state)
{
    (void)state;
    struct erg_guard guard;
    struct erg_head head = plain();
    open_guard(&guard, "localhost", 80, NULL);
    head.host = "localhost";
    assert_int_equal(status_of(&guard, &head), 0);
    head.host = "localhost:80";
    assert_int_equal(status_of(&guard, &head), 0);
    head.authority = "LOCALHOST:80/";
    head.authority_len = 12;
    assert_int_equal(status_of(&guard, &head), 0);
    head.authority = "127.0.0.1:80/";
    assert_int_equal(status_of(&guard, &head), 400);
    head.authority_len = 0;
    assert_int_equal(status_of(&guard, &head), 400);
    erg_guard_deinit(&guard);
}

static void test_bodies(void **state)
{
    (void)state;
    static const struct {
        const char *length, *encoding, *type, *expect;
        int status;
        size_t bytes;
    } rows[] = {
        {"0", NULL, NULL, NULL, 0, 0},
        {"7", NULL, "application/json", NULL, 0, 7},
        {"0000007", NULL, "APPLICATION/JSON;charset=utf-8", NULL, 0, 7},
        {"1048576", NULL, "application/json ; x", NULL, 0, 1048576},
        {"1048577", NULL, "application/json", NULL, 413, 0},
        {"9999999", NULL, "application/json", NULL, 413, 0},
        {"00000007", NULL, "application/json", NULL, 413, 0},
        {"18446744073709551616", NULL, "application/json", NULL, 413, 0},
        {"99999999999999999999999999", NULL, "application/json", NULL, 413, 0},
        {"", NULL, "application/json", NULL, 400, 0},
        {"-1", NULL, "application/json", NULL, 400, 0},
        {"+1", NULL, "application/json", NULL, 400, 0},
        {"0x10", NULL, "application/json", NULL, 400, 0},
        {"1e3", NULL, "application/json", NULL, 400, 0},
        {"5, 5", NULL, "application/json", NULL, 400, 0},
        {"5 5", NULL, "application/json", NULL, 400, 0},
        {"\xC2\xB2", NULL, "application/json", NULL, 400, 0},
        {NULL, "chunked", "application/json", NULL, 501, 0},
        {"5", "chunked", "application/json", NULL, 501, 0},
        {"5", "identity", "application/json", NULL, 501, 0},
        {"5", "", "application/json", NULL, 501, 0},
        {"5", NULL, NULL, NULL, 415, 0},
        {"5", NULL, "", NULL, 415, 0},
        {"5", NULL, "text/plain", NULL, 415, 0},
        {"5", NULL, "application/x-www-form-urlencoded", NULL, 415, 0},
        {"5", NULL, "multipart/form-data; boundary=x", NULL, 415, 0},
        {"5", NULL, "application/jsonp", NULL, 415, 0},
        {"5", NULL, "text/plain; application/json", NULL, 415, 0},
        {"5", NULL, "application/json", "100-Continue", 0, 5},
        {"5", NULL, "application/json", "something", 417, 0},
    };
    struct erg_guard guard;
    open_guard(&guard, "localhost", 8000, NULL);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_head head = plain();
        struct erg_refusal refusal;
        size_t bytes;
        head.method = ERG_POST;
        head.content_length = rows[i].length;
        head.transfer_encoding = rows[i].encoding;
        head.content_type = rows[i].type;
        head.expect = rows[i].expect;
        enum erg_verdict verdict = erg_guard_check(&guard, &head, false, &bytes, &refusal);
        if (refusal.status != rows[i].status)
            print_error("row %zu: %d\n", i, refusal.status);
        assert_int_equal(refusal.status, rows[i].status);
        assert_int_equal(verdict, rows[i].status ? ERG_REFUSED : ERG_HANDLE);
        if (!rows[i].status)
            assert_int_equal(bytes, rows[i].bytes);
    }
    erg_guard_deinit(&guard);
}

/* Whose pages may ask? The same for each method that may change something, and for WebSockets. */
static void test_origins(void **state)
{
    (void)state;
    static const struct {
        const char *host, *origin, *site;
        int status;
    } rows[] = {
        {"127.0.0.1:8000", NULL, NULL, 0},
        {"127.0.0.1:8000", "http://127.0.0.1:8000", NULL, 0},
        {"127.0.0.1:8000", "http://127.0.0.1:8000", "same-origin", 0},
        {"LOCALHOST:8000", "http://localhost:8000", "same-origin", 0},
        {"[::1]:8000", "http://[::1]:8000", "same-origin", 0},
        {"127.0.0.1:8000", NULL, "same-origin", 0},
        {"ergon.example", "https://ergon.example", "same-origin", 0},
        {"proxy.example:443", "https://proxy.example:443", NULL, 0},
        {"127.0.0.1:8000", "", NULL, 403},
        {"127.0.0.1:8000", "null", NULL, 403},
        {"127.0.0.1:8000", "null", "same-origin", 403},
        {"127.0.0.1:8000", "http://evil.example", NULL, 403},
        {"127.0.0.1:8000", "http://localhost:8000", NULL, 403},
        {"127.0.0.1:8000", "http://127.0.0.1:8001", NULL, 403},
        {"127.0.0.1:8000", "http://127.0.0.1", NULL, 403},
        {"127.0.0.1:8000", "http://127.0.0.1:8000/", NULL, 403},
        {"127.0.0.1:8000", "https://127.0.0.1:8000", NULL, 403},
        {"127.0.0.1:8000", "file://127.0.0.1:8000", NULL, 403},
        {"localhost:8000", "http://localhost.evil:8000", NULL, 403},
        {"127.0.0.1:8000", "http://127.0.0.1:8000 http://evil.example", NULL, 403},
        {"127.0.0.1:8000", "HTTP://127.0.0.1:8000", NULL, 403},
        {"127.0.0.1:8000", "http://127.0.0.1:8000", "cross-site", 403},
        {"127.0.0.1:8000", "http://127.0.0.1:8000", "same-site", 403},
        {"127.0.0.1:8000", NULL, "cross-site", 403},
        {"127.0.0.1:8000", NULL, "same-site", 403},
        {"127.0.0.1:8000", NULL, "none", 403},
        {"127.0.0.1:8000", NULL, "", 403},
        {"127.0.0.1:8000", NULL, "Same-Origin", 403},
        {"127.0.0.1:8000", NULL, "something-new", 403},
    };
    static const enum erg_method methods[] = {ERG_POST, ERG_PATCH, ERG_DELETE, ERG_OTHER_METHOD};
    struct erg_guard guard;
    open_guard(&guard, "localhost", 8000, NULL);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        for (size_t m = 0; m <= ERG_COUNT(methods); m++) {
            struct erg_head head = m < ERG_COUNT(methods) ? plain() : upgrade();
            if (m < ERG_COUNT(methods))
                head.method = methods[m];
            head.host = rows[i].host;
            head.origin = rows[i].origin;
            head.fetch_site = rows[i].site;
            head.fetch_mode = "navigate"; /* a form; it helps nothing here */
            head.fetch_dest = "document";
            int status = status_of(&guard, &head);
            if (status != rows[i].status)
                print_error("row %zu, method %zu: %d\n", i, m, status);
            assert_int_equal(status, rows[i].status);
        }
    }
    erg_guard_deinit(&guard);
}

/* Reading: pages of others may show ours in a window of its own, not fetch or embed anything. */
static void test_reading(void **state)
{
    (void)state;
    static const struct {
        const char *site, *mode, *dest;
        int status;
    } rows[] = {
        {NULL, NULL, NULL, 0},
        {"none", "navigate", "document", 0},
        {"none", "no-cors", "image", 0}, /* a preview of the browser itself */
        {"same-origin", "cors", "empty", 0},
        {"cross-site", "navigate", "document", 0},
        {"same-site", "navigate", "document", 0},
        {"cross-site", "navigate", "iframe", 403},
        {"cross-site", "navigate", "object", 403},
        {"cross-site", "navigate", NULL, 403},
        {"cross-site", NULL, NULL, 403},
        {"cross-site", "no-cors", "script", 403},
        {"cross-site", "no-cors", "image", 403},
        {"same-site", "cors", "empty", 403},
        {"cross-site", "cors", "document", 403},
    };
    struct erg_guard guard;
    open_guard(&guard, "localhost", 8000, NULL);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_head head = plain();
        head.fetch_site = rows[i].site;
        head.fetch_mode = rows[i].mode;
        head.fetch_dest = rows[i].dest;
        int status = status_of(&guard, &head);
        if (status != rows[i].status)
            print_error("row %zu: %d\n", i, status);
        assert_int_equal(status, rows[i].status);
    }
    erg_guard_deinit(&guard);
}

static void test_upgrades(void **state)
{
    (void)state;
    struct erg_guard guard;
    open_guard(&guard, "localhost", 8000, NULL);
    struct erg_head head = upgrade();
    assert_int_equal(verdict_of(&guard, &head, false, NULL), ERG_WEBSOCKET);
    head.upgrade = "WebSocket";
    head.connection = "keep-alive, UPGRADE";
    assert_int_equal(verdict_of(&guard, &head, false, NULL), ERG_WEBSOCKET);
#define WRONG(member, value, expected)                                                             \
    do {                                                                                           \
        struct erg_head wrong = upgrade();                                                         \
        wrong.member = value;                                                                      \
        assert_int_equal(status_of(&guard, &wrong), expected);                                     \
    } while (0)
    WRONG(upgrade, "h2c", 400);
    WRONG(upgrade, "websocket, h2c", 400);
    WRONG(upgrade, "", 400);
    WRONG(upgrade, NULL, 426);
    WRONG(connection, NULL, 400);
    WRONG(connection, "keep-alive", 400);
    WRONG(websocket_version, NULL, 426);
    WRONG(websocket_version, "8", 426);
    WRONG(websocket_version, "13, 8", 426);
    WRONG(websocket_version, "013", 426);
    WRONG(websocket_key, NULL, 400);
    WRONG(websocket_key, "", 400);
    WRONG(websocket_key, "dGhlIHNhbXBsZSBub25jZQ=", 400);
    WRONG(websocket_key, "dGhlIHNhbXBsZSBub25jZQ===", 400);
    WRONG(websocket_key, "dGhlIHNhbXBsZSBub25jZ===", 400);
    WRONG(websocket_key, "dGhlIHNhbXBs\r\nBub25jZQ==", 400);
    WRONG(method, ERG_POST, 400);
    WRONG(is_head, true, 400);
    WRONG(is_1_1, false, 400);
    WRONG(path, "/ws/", 404);
    WRONG(path, "/x", 404);
    WRONG(host, "evil.example", 421);
#undef WRONG
    head = upgrade();
    head.content_length = "1";
    head.content_type = "application/json";
    assert_int_equal(status_of(&guard, &head), 400);
    guard.ws_path = NULL;
    head = upgrade();
    assert_int_equal(status_of(&guard, &head), 404);
    erg_guard_deinit(&guard);
}

static void test_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *authorization, *cookie;
        bool good;
    } rows[] = {
        {"Bearer " TOKEN, NULL, true},
        {"bearer  " TOKEN, NULL, true},
        {NULL, "ergon_8000=" SECRET, true},
        {NULL, "a=b; ergon_8000=" SECRET "; c=d", true},
        {NULL, "ergon_8000=old; ergon_8000=" SECRET, true},
        {"Basic xyz", "ergon_8000=" SECRET, true},
        {NULL, NULL, false},
        {"", "", false},
        {TOKEN, NULL, false},
        {"Bearer", NULL, false},
        {"Bearer ", NULL, false},
        {"Bearer " TOKEN "x", NULL, false},
        {"Bearer 0123456789abcdefTOKE", NULL, false},
        {"Bearer 0123456789abcdefTOKEn", NULL, false},
        {"Bearer " SECRET, NULL, false},
        {"Basic " TOKEN, NULL, false},
        {NULL, "ergon_8000=", false},
        {NULL, "ergon_8000=" TOKEN, false},
        {NULL, "ergon_8001=" SECRET, false},
        {NULL, "xergon_8000=" SECRET, false},
        {NULL, "ergon_8000=" SECRET "0", false},
        {NULL, "ergon_80000=" SECRET, false},
        {NULL, SECRET, false},
    };
    struct erg_guard guard;
    open_guard(&guard, "localhost", 8000, TOKEN);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        for (int is_upgrade = 0; is_upgrade < 2; is_upgrade++) {
            struct erg_head head = is_upgrade ? upgrade() : plain();
            head.authorization = rows[i].authorization;
            head.cookie = rows[i].cookie;
            int status = status_of(&guard, &head);
            if (status != (rows[i].good ? 0 : 401))
                print_error("row %zu: %d\n", i, status);
            assert_int_equal(status, rows[i].good ? 0 : 401);
        }
    }
    struct erg_head head = plain();
    assert_int_equal(verdict_of(&guard, &head, true, NULL), ERG_HANDLE);
    head.query = "token=" TOKEN; /* addresses are written down in too many places */
    assert_int_equal(status_of(&guard, &head), 401);
    head = upgrade();
    assert_int_equal(verdict_of(&guard, &head, true, NULL), ERG_REFUSED);
    erg_guard_deinit(&guard);
}

static void test_session(void **state)
{
    (void)state;
    struct erg_guard guard;
    struct erg_head head = plain();
    open_guard(&guard, "localhost", 8000, TOKEN);
    head.path = "/session";
    head.method = ERG_POST;
    assert_int_equal(status_of(&guard, &head), 401);
    head.cookie = "ergon_8000=" SECRET; /* a cookie does not beget another */
    assert_int_equal(status_of(&guard, &head), 401);
    head.authorization = "Bearer " TOKEN;
    assert_int_equal(verdict_of(&guard, &head, false, NULL), ERG_SESSION);
    head.origin = "http://evil.example";
    assert_int_equal(status_of(&guard, &head), 403);
    head.origin = NULL;
    head.method = ERG_GET;
    assert_int_equal(status_of(&guard, &head), 405);
    erg_guard_deinit(&guard);
    open_guard(&guard, "localhost", 8000, NULL); /* no token, no session: a path like others */
    assert_int_equal(verdict_of(&guard, &head, false, NULL), ERG_HANDLE);
    erg_guard_deinit(&guard);
}

static void test_init(void **state)
{
    (void)state;
    static const struct {
        const char *address, *token;
        bool good;
    } rows[] = {
        {"localhost", NULL, true},
        {"127.0.0.1", NULL, true},
        {"::1", NULL, true},
        {"127.0.0.2", NULL, false},
        {"0.0.0.0", NULL, false},
        {"::", NULL, false},
        {"localhost.evil", NULL, false},
        {"0.0.0.0", TOKEN, true},
        {"localhost", "", false},
        {"localhost", "0123456789abcde", false},
        {"localhost", TOKEN " x", false},
        {"localhost", TOKEN "\n", false},
        {"localhost", TOKEN "\xC3\xA9", false},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct erg_guard guard;
        struct erg_err err = {0};
        int rc = erg_guard_init(&guard, rows[i].address, 1, NULL, 0, rows[i].token, SECRET, &err);
        assert_int_equal(rc, rows[i].good ? 0 : ERG_INVALID);
        assert_null(strstr(err.text, TOKEN));
        erg_guard_deinit(&guard);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const allowed[] = {"a", "b:1"};
    int rc = ERG_NOMEM;
    for (long k = 0; rc == ERG_NOMEM; k++) {
        struct erg_guard guard;
        allocations_left = k;
        rc = erg_guard_init(&guard, "192.168.1.5", 80, allowed, 2, TOKEN, SECRET, NULL);
        allocations_left = -1;
        assert_true(k < 100);
        if (rc == 0)
            erg_guard_deinit(&guard);
    }
    assert_int_equal(rc, 0);
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(erg_guard_equal("abc", 3, "abc"));
    assert_true(erg_guard_equal("abcd", 3, "abc"));
    assert_false(erg_guard_equal("abd", 3, "abc"));
    assert_false(erg_guard_equal("ab", 2, "abc"));
    assert_false(erg_guard_equal("abca", 4, "abc"));
    assert_false(erg_guard_equal("abcabc", 6, "abc"));
    assert_false(erg_guard_equal("", 0, "abc"));
    assert_true(erg_guard_equal("", 0, ""));
    assert_false(erg_guard_equal("a", 1, ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts),   cmocka_unit_test(test_host_forms),
        cmocka_unit_test(test_bodies),  cmocka_unit_test(test_origins),
        cmocka_unit_test(test_reading), cmocka_unit_test(test_upgrades),
        cmocka_unit_test(test_tokens),  cmocka_unit_test(test_session),
        cmocka_unit_test(test_init),    cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
