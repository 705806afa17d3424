/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/limits.h"
#include "server/head.h"

#include <stdio.h>
#include <stdlib.h>

/* Read a whole head; status of the refusal, 0 = none, -1 = it is not complete. */
static int read_head(const char *bytes, size_t len, char *text, struct erg_head *out)
{
    struct erg_head_scan scan = {0};
    struct erg_refusal refusal = {0};
    if (!erg_head_find(&scan, bytes, len, &refusal))
        return -1;
    if (refusal.status) {
        assert_non_null(refusal.code);
        assert_non_null(refusal.detail);
        return refusal.status;
    }
    assert_true(scan.seen <= len);
    memcpy(text, bytes + scan.start, scan.seen - scan.start);
    text[scan.seen - scan.start] = '\0';
    return erg_head_parse(text, scan.seen - scan.start, out, &refusal) ? 0 : refusal.status;
}

static int status_of(const char *request)
{
    static char text[1 << 16];
    struct erg_head head;
    return read_head(request, strlen(request), text, &head);
}

static void test_fields(void **state)
{
    (void)state;
    char text[1024];
    struct erg_head head;
    const char request[] = "\r\nPATCH /run/%C3%A9%20x?a=%2F&b HTTP/1.1\r\n"
                           "hOST:  localhost:8000 \t\r\n"
                           "X-Unknown: a\xE9\r\n"
                           "x-unknown: twice\r\n"
                           "Content-Length: 3\r\n"
                           "Content-Type:application/json\r\n"
                           "Accept:\r\n"
                           "Connection: keep-alive\r\n"
                           "\r\nabc";
    assert_int_equal(read_head(request, sizeof request - 1, text, &head), 0);
    assert_int_equal(head.method, ERG_PATCH);
    assert_string_equal(head.method_name, "PATCH");
    assert_string_equal(head.path, "/run/\xC3\xA9 x");
    assert_string_equal(head.query, "a=%2F&b");
    assert_string_equal(head.host, "localhost:8000");
    assert_string_equal(head.content_length, "3");
    assert_string_equal(head.content_type, "application/json");
    assert_string_equal(head.accept, "");
    assert_null(head.origin);
    assert_null(head.authority);
    assert_true(head.is_1_1);
    assert_true(head.keeps_alive);
    assert_false(head.is_head);
}

static void test_methods(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum erg_method method;
        bool is_head;
    } rows[] = {{"GET", ERG_GET, false},         {"HEAD", ERG_GET, true},
                {"POST", ERG_POST, false},       {"PATCH", ERG_PATCH, false},
                {"DELETE", ERG_DELETE, false},   {"PUT", ERG_OTHER_METHOD, false},
                {"get", ERG_OTHER_METHOD, false}};
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        char request[64], text[64];
        struct erg_head head;
        snprintf(request, sizeof request, "%s / HTTP/1.1\r\n\r\n", rows[i].name);
        assert_int_equal(read_head(request, strlen(request), text, &head), 0);
        assert_int_equal(head.method, rows[i].method);
        assert_int_equal(head.is_head, rows[i].is_head);
    }
}

/* Does the connection go on? */
static void test_keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *version, *connection;
        bool keeps;
    } rows[] = {{"1.1", "", true},
                {"1.1", "Connection: close\r\n", false},
                {"1.1", "Connection: TE, Close\r\n", false},
                {"1.1", "Connection: closed\r\n", true},
                {"1.0", "", false},
                {"1.0", "Connection: Keep-Alive\r\n", true},
                {"1.0", "Connection: ,, keep-alive ,\r\n", true}};
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        char request[128], text[128];
        struct erg_head head;
        snprintf(request, sizeof request, "GET / HTTP/%s\r\n%s\r\n", rows[i].version,
                 rows[i].connection);
        assert_int_equal(read_head(request, strlen(request), text, &head), 0);
        assert_int_equal(head.keeps_alive, rows[i].keeps);
    }
}

/* Targets, and the path that comes of them; NULL = refused. */
static const struct {
    const char *target, *path, *query, *authority;
} target_rows[] = {
    {"/", "/", "", NULL},
    {"/?", "/", "", NULL},
    {"/a/b.c?x=1?y", "/a/b.c", "x=1?y", NULL},
    {"/a+b;c&d=e", "/a+b;c&d=e", "", NULL},
    {"/%41%7e%25", "/A~%", "", NULL},
    {"//a//", "//a//", "", NULL},
    {"/...", "/...", "", NULL},
    {"/.a/..b", "/.a/..b", "", NULL},
    {"/?../..%2f", "/", "../..%2f", NULL},
    {"http://localhost:8000/a?b", "/a", "b", "localhost:8000"},
    {"HTTP://x/", "/", "", "x"},
    {"http://x", NULL, NULL, NULL},
    {"http://x?y/", NULL, NULL, NULL},
    {"https://x/", NULL, NULL, NULL},
    {"*", NULL, NULL, NULL},
    {"a", NULL, NULL, NULL},
    {"localhost:8000", NULL, NULL, NULL},
    {"/a#b", NULL, NULL, NULL},
    {"/..", NULL, NULL, NULL},
    {"/../etc/passwd", NULL, NULL, NULL},
    {"/a/../../b", NULL, NULL, NULL},
    {"/a/..", NULL, NULL, NULL},
    {"/.", NULL, NULL, NULL},
    {"/a/./b", NULL, NULL, NULL},
    {"/%2e%2e/x", NULL, NULL, NULL},
    {"/%2E./x", NULL, NULL, NULL},
    {"/..%2fx", NULL, NULL, NULL},
    {"/..%5cx", NULL, NULL, NULL},
    {"/a%2Fb", NULL, NULL, NULL},
    {"/%00", NULL, NULL, NULL},
    {"/a%0d%0ab", NULL, NULL, NULL},
    {"/%7f", NULL, NULL, NULL},
    {"/%", NULL, NULL, NULL},
    {"/%4", NULL, NULL, NULL},
    {"/%zz", NULL, NULL, NULL},
    {"/%c0%ae%c0%ae/", NULL, NULL, NULL}, /* an overlong '..' */
    {"/%ff", NULL, NULL, NULL},
    {"/%ed%a0%80", NULL, NULL, NULL}, /* half a surrogate pair */
    {"/\xC3\xA9", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
};

static void test_targets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ERG_COUNT(target_rows); i++) {
        char request[128], text[128];
        struct erg_head head;
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n\r\n", target_rows[i].target);
        int status = read_head(request, strlen(request), text, &head);
        if (status != (target_rows[i].path ? 0 : 400))
            print_error("%s: %d\n", target_rows[i].target, status);
        assert_int_equal(status, target_rows[i].path ? 0 : 400);
        if (!target_rows[i].path)
            continue;
        assert_string_equal(head.path, target_rows[i].path);
        assert_string_equal(head.query, target_rows[i].query);
        if (target_rows[i].authority)
            assert_memory_equal(head.authority, target_rows[i].authority, head.authority_len);
        else
            assert_null(head.authority);
    }
}

/* A path that was encoded twice is decoded once, and names nothing of ours. */
static void test_decoded_once(void **state)
{
    (void)state;
    char text[128];
    struct erg_head head;
    const char request[] = "GET /%252e%252e%252fetc HTTP/1.1\r\n\r\n";
    assert_int_equal(read_head(request, sizeof request - 1, text, &head), 0);
    assert_string_equal(head.path, "/%2e%2e%2fetc");
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        int status;
    } rows[] = {
        {"GET / HTTP/1.1\n\n", 400},
        {"GET / HTTP/1.1\nHost: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400},
        {"GET / HTTP/1.1\rHost: x\r\n\r\n", 400},
        {"\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nA: \x01\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", 400},
        {"GET /\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\n\r\n", 400},
        {"GET /  HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\n\r\n", 505},
        {"GET\t/ HTTP/1.1\r\n\r\n", 400},
        {" GET / HTTP/1.1\r\n\r\n", 400},
        {"G(T / HTTP/1.1\r\n\r\n", 400},
        {"/ HTTP/1.1\r\n\r\n", 400},
        {"GET / http/1.1\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\n\r\n", 505},
        {"GET / HTTP/1.10\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHo st: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nA: x\r\n\tfolded\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nH\xC3\xB6st: x\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost:\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: a\r\nTransfer-Encoding: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nOrigin: a\r\nOrigin: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nCookie: a\r\nCookie: a\r\n\r\n", 400},
        {"\x16\x03\x01", 400}, /* TLS */
        {"GET / HTTP/1.1\r\nHost: x\r\n", -1},
        {"GET / HTTP/1.1\r\n\r", -1},
        {"", -1},
    };
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        int status = status_of(rows[i].request);
        if (status != rows[i].status)
            print_error("%s: %d\n", rows[i].request, status);
        assert_int_equal(status, rows[i].status);
    }
    assert_int_equal(read_head("GET /\0 HTTP/1.1\r\n\r\n", 19, NULL, NULL), 400);
}

/* As long as allowed, and one more. */
static void test_limits(void **state)
{
    (void)state;
    static char line[ERG_MAX_REQUEST_LINE_BYTES + 64], fields[ERG_MAX_HEADER_BYTES + 64];
    static char request[sizeof line + sizeof fields];
    for (size_t more = 0; more < 2; more++) {
        size_t len = ERG_MAX_REQUEST_LINE_BYTES + more;
        memset(line, 'a', len);
        memcpy(line, "GET /", 5);
        memcpy(line + len - 9, " HTTP/1.1\r\n\r\n", 14);
        assert_int_equal(status_of(line), more ? 414 : 0);

        len = ERG_MAX_HEADER_BYTES + more;
        memset(fields, 'a', len);
        memcpy(fields, "x: ", 3);
        memcpy(fields + len - 2, "\r\n\r\n", 5);
        snprintf(request, sizeof request, "GET / HTTP/1.1\r\n%s", fields);
        assert_int_equal(status_of(request), more ? 431 : 0);

        size_t at = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\n");
        for (size_t i = 0; i < ERG_MAX_HEADER_FIELDS + more; i++)
            at += (size_t)snprintf(request + at, sizeof request - at, "a: b\r\n");
        snprintf(request + at, sizeof request - at, "\r\n");
        assert_int_equal(status_of(request), more ? 431 : 0);
    }
    memset(line, 'a', sizeof line - 1); /* endless lines are noticed before their end */
    assert_int_equal(status_of(line), 414);
}

/* Whatever the pieces it comes in, a head is the same, and so is where it ends. */
static void test_pieces(void **state)
{
    (void)state;
    const char request[] = "\r\nPOST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}GET";
    size_t end = sizeof request - 1 - 5;
    struct erg_refusal refusal;
    for (size_t piece = 1; piece <= sizeof request - 1; piece++) {
        struct erg_head_scan scan = {0};
        size_t have = 0;
        bool found = false;
        while (!found) {
            have = have + piece < sizeof request - 1 ? have + piece : sizeof request - 1;
            found = erg_head_find(&scan, request, have, &refusal);
            assert_int_equal(found, have >= end);
        }
        assert_int_equal(refusal.status, 0);
        assert_int_equal(scan.start, 2);
        assert_int_equal(scan.seen, end);
    }
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(erg_head_lists("Upgrade", "upgrade"));
    assert_true(erg_head_lists("keep-alive , UPGRADE\t,x", "upgrade"));
    assert_false(erg_head_lists("upgraded", "upgrade"));
    assert_false(erg_head_lists("up grade", "upgrade"));
    assert_false(erg_head_lists("", "upgrade"));
    assert_false(erg_head_lists(NULL, "upgrade"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_methods),
        cmocka_unit_test(test_targets), cmocka_unit_test(test_decoded_once),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_limits),  cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
