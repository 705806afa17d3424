/* SPDX-License-Identifier: MIT */
#include "test.h"

#include "server/assets.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>

/* tests/server/site, and nothing, as tools/embed has put them into tables. */
extern const struct erg_assets test_site, test_nothing;

struct answer {
    int status;
    char fields[1024];
    char body[4096];
    size_t len;
};

static int begin(void *user, int status, const struct erg_http_field *fields, size_t count)
{
    struct answer *a = user;
    size_t at = 0;
    a->status = status;
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(a->fields + at, sizeof a->fields - at, "%s: %s\n", fields[i].name,
                               fields[i].value);
    return 0;
}

static int take(void *user, const void *bytes, size_t len)
{
    struct answer *a = user;
    assert_true(a->len + len <= sizeof a->body);
    memcpy(a->body + a->len, bytes, len);
    a->len += len;
    return 0;
}

static struct answer get(const struct erg_assets *assets, const char *path, const char *encoding,
                         const char *tag)
{
    struct answer answer = {0};
    const struct erg_answer_sink sink = {.user = &answer, .begin = begin, .write = take};
    struct erg_exchange x = {
        .request = {.path = path, .accept_encoding = encoding, .if_none_match = tag},
        .sink = &sink};
    erg_assets_handle(assets, &x);
    return answer;
}

static bool has(const struct answer *answer, const char *line)
{
    const char *at = strstr(answer->fields, line);
    return at && (at == answer->fields || at[-1] == '\n') && at[strlen(line)] == '\n';
}

static size_t read_file(const char *path, char *out, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(out, 1, room, file);
    fclose(file);
    return len;
}

static void test_files(void **state)
{
    (void)state;
    static const struct {
        const char *path, *file, *type;
        bool immutable;
    } rows[] = {
        {"/", "server/site/index.html", "content-type: text/html; charset=utf-8", false},
        {"/index.html", "server/site/index.html", "content-type: text/html; charset=utf-8", false},
        {"/assets/main-AbCd_12-.js", "server/site/assets/main-AbCd_12-.js",
         "content-type: text/javascript; charset=utf-8", true},
        {"/assets/style.css", "server/site/assets/style.css",
         "content-type: text/css; charset=utf-8", false},
    };
    assert_int_equal(test_site.count, 3);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        char content[4096];
        struct answer answer = get(&test_site, rows[i].path, "", "");
        size_t len = read_file(rows[i].file, content, sizeof content);
        assert_int_equal(answer.status, 200);
        assert_int_equal(answer.len, len);
        assert_memory_equal(answer.body, content, len);
        assert_true(has(&answer, rows[i].type));
        assert_true(has(&answer, "vary: Accept-Encoding"));
        assert_true(has(&answer, rows[i].immutable
                                     ? "cache-control: public, max-age=31536000, immutable"
                                     : "cache-control: no-cache"));
        assert_null(strstr(answer.fields, "content-encoding"));
    }
}

/* Only whole names, and no name of anything else. */
static void test_others(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/index.htm", "/index.html/",  "//",           "/assets",     "/assets/",   "/INDEX.HTML",
        "/../x",      "/assets/style", "/index.html ", "/etc/passwd", "index.html", ""};
    for (size_t i = 0; i < ERG_COUNT(paths); i++) {
        assert_null(erg_assets_find(&test_site, paths[i]));
        assert_int_equal(get(&test_site, paths[i], "", "").status, 404);
    }
    struct answer none = get(&test_nothing, "/", "", "");
    assert_int_equal(none.status, 404);
    assert_int_equal(test_nothing.count, 0);
    assert_non_null(strstr(none.body, "no dashboard"));
    struct answer answer = {0};
    const struct erg_answer_sink sink = {.user = &answer, .begin = begin, .write = take};
    struct erg_exchange x = {.request = {.method = ERG_POST, .path = "/"}, .sink = &sink};
    erg_assets_handle(&test_site, &x);
    assert_int_equal(answer.status, 405);
    assert_true(has(&answer, "allow: GET, HEAD"));
}

/* Uncompress with somebody else's code. */
static size_t gunzip(const char *bytes, size_t len, char *out, size_t room)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    archive_read_support_filter_gzip(archive);
    archive_read_support_format_raw(archive);
    assert_int_equal(archive_read_open_memory(archive, bytes, len), ARCHIVE_OK);
    assert_int_equal(archive_read_next_header(archive, &entry), ARCHIVE_OK);
    la_ssize_t n = archive_read_data(archive, out, room);
    archive_read_free(archive);
    assert_true(n >= 0);
    return (size_t)n;
}

static void test_gzip(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        bool zipped;
    } rows[] = {{"gzip", true},
                {"GZIP", true},
                {"gzip, deflate, br", true},
                {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
                {" deflate ,gzip ; q=0.001", true},
                {"gzip;q=1", true},
                {"", false},
                {"identity", false},
                {"gzipped", false},
                {"xgzip", false},
                {"gzip;q=0", false},
                {"gzip; q=0.000, identity", false},
                {"deflate;q=0.5", false}};
    char content[4096], plain[4096];
    size_t len = read_file("server/site/index.html", content, sizeof content);
    for (size_t i = 0; i < ERG_COUNT(rows); i++) {
        struct answer answer = get(&test_site, "/", rows[i].accept, "");
        if (has(&answer, "content-encoding: gzip") != rows[i].zipped)
            print_error("%s\n", rows[i].accept);
        assert_int_equal(has(&answer, "content-encoding: gzip"), rows[i].zipped);
        if (!rows[i].zipped)
            continue;
        assert_true(answer.len < len);
        assert_int_equal(gunzip(answer.body, answer.len, plain, sizeof plain), len);
        assert_memory_equal(plain, content, len);
    }
    /* too short to be worth it */
    struct answer answer = get(&test_site, "/assets/main-AbCd_12-.js", "gzip", "");
    assert_null(strstr(answer.fields, "content-encoding"));
}

static void tag_of(const struct answer *answer, char out[64])
{
    const char *at = strstr(answer->fields, "etag: ");
    assert_non_null(at);
    snprintf(out, 64, "%.*s", (int)strcspn(at + 6, "\n"), at + 6);
}

static void test_tags(void **state)
{
    (void)state;
    char plain[64], zipped[64], list[256];
    struct answer answer = get(&test_site, "/", "", "");
    tag_of(&answer, plain);
    answer = get(&test_site, "/", "gzip", "");
    tag_of(&answer, zipped);
    assert_string_not_equal(plain, zipped);
    assert_int_equal(plain[0], '"');
    answer = get(&test_site, "/", "", plain);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.len, 0);
    assert_non_null(strstr(answer.fields, plain));
    assert_non_null(strstr(answer.fields, "cache-control: no-cache"));
    snprintf(list, sizeof list, "\"x\" , W/%s", zipped);
    assert_int_equal(get(&test_site, "/", "gzip", list).status, 304);
    assert_int_equal(get(&test_site, "/", "", list).status, 200);
    assert_int_equal(get(&test_site, "/", "", "*").status, 304);
    assert_int_equal(get(&test_site, "/", "", "\"x\", W/").status, 200);
    plain[strlen(plain) - 1] = '\0';
    assert_int_equal(get(&test_site, "/", "", plain).status, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_tags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
