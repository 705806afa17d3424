/* SPDX-License-Identifier: MIT */
#include "server/head.h"

#include "base/limits.h"
#include "base/utf8.h"

#include <string.h>
#include <strings.h>

static bool refuse(struct erg_refusal *out, int status, const char *code, const char *detail)
{
    *out = (struct erg_refusal){.status = status, .code = code, .detail = detail};
    return false;
}

static bool malformed(struct erg_refusal *out, const char *detail)
{
    return refuse(out, 400, "bad_request", detail);
}

/* A line has ended at `end`, behind CR LF; true when the head has. */
static bool end_line(struct erg_head_scan *scan, size_t end)
{
    bool empty = end - scan->line_start == 2;
    if (empty && scan->lines > 0)
        return true;
    if (scan->lines == 0) {
        scan->start = empty ? end : scan->start;
        scan->fields_start = end;
    }
    scan->lines += !empty;
    scan->line_start = end;
    return false;
}

/* Limits do not count the CR LF behind the last line. */
static bool within_limits(const struct erg_head_scan *scan, struct erg_refusal *out)
{
    if (scan->lines == 0 && scan->seen - scan->line_start > ERG_MAX_REQUEST_LINE_BYTES + 2)
        return refuse(out, 414, "uri_too_long", "the request line is longer than 8 KiB");
    if (scan->lines > 0 && scan->seen - scan->fields_start > ERG_MAX_HEADER_BYTES + 2)
        return refuse(out, 431, "header_too_large", "the header is larger than 16 KiB");
    if (scan->lines > ERG_MAX_HEADER_FIELDS + 1)
        return refuse(out, 431, "header_too_large", "the request has too many header fields");
    return true;
}

/* May the next byte be there? */
static bool is_allowed(const struct erg_head_scan *scan, const char *bytes, struct erg_refusal *out)
{
    unsigned char c = (unsigned char)bytes[scan->seen];
    bool at_start = scan->seen == scan->line_start;
    bool after_cr = !at_start && bytes[scan->seen - 1] == '\r';
    if (after_cr != (c == '\n'))
        return malformed(out, "a line does not end in CR LF");
    if ((c < ' ' && c != '\r' && c != '\n' && c != '\t') || c == 0x7f)
        return malformed(out, "the header holds a control character");
    if (at_start && c == '\r' && scan->lines == 0 && scan->start > 0)
        return malformed(out, "the request begins with empty lines");
    return true;
}

bool erg_head_find(struct erg_head_scan *scan, const char *bytes, size_t len,
                   struct erg_refusal *out)
{
    *out = (struct erg_refusal){0};
    while (scan->seen < len) {
        if (!is_allowed(scan, bytes, out))
            return true;
        scan->seen++;
        if (!within_limits(scan, out))
            return true;
        if (bytes[scan->seen - 1] == '\n' && end_line(scan, scan->seen))
            return true;
    }
    return false;
}

/* Characters of a token: method and field names (RFC 9110, 5.6.2). */
static bool is_token_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t token_length(const char *text)
{
    size_t len = 0;
    while (is_token_char(text[len]))
        len++;
    return len;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A segment of a path that ends at `end`: "." and ".." are not resolved, but refused. */
static bool is_dots(const char *segment, const char *end)
{
    size_t len = (size_t)(end - segment);
    return (len == 1 && segment[0] == '.') || (len == 2 && segment[0] == '.' && segment[1] == '.');
}

/* Decode `path` in place, once. */
static bool decode_path(char *path, struct erg_refusal *refusal)
{
    char *out = path;
    for (const char *in = path; *in; in++) {
        int value = (unsigned char)*in;
        if (*in == '%') {
            int high = hex_value(in[1]), low = high < 0 ? -1 : hex_value(in[2]);
            if (low < 0)
                return malformed(refusal, "the path holds a malformed escape");
            value = high * 16 + low;
            in += 2;
            if (value < ' ' || value == 0x7f || value == '/' || value == '\\')
                return malformed(refusal, "the path holds an escape that is not allowed");
        }
        *out++ = (char)value;
    }
    *out = '\0';
    if (!erg_utf8_valid(path, (size_t)(out - path)))
        return malformed(refusal, "the path is no UTF-8");
    for (const char *segment = path + 1;; segment++) {
        const char *end = strchr(segment, '/');
        if (is_dots(segment, end ? end : out))
            return malformed(refusal, "the path holds '.' or '..'");
        if (!end)
            return true;
        segment = end;
    }
}

/* /path?query or http://HOST/path?query; nobody needs the others here. */
static bool parse_target(char *target, struct erg_head *out, struct erg_refusal *refusal)
{
    if (strncasecmp(target, "http://", 7) == 0) {
        out->authority = target + 7;
        out->authority_len = strcspn(out->authority, "/?");
        target += 7 + out->authority_len;
    }
    if (target[0] != '/')
        return malformed(refusal, "the request's target is no path");
    if (strchr(target, '#'))
        return malformed(refusal, "the request's target holds a fragment");
    char *query = strchr(target, '?');
    out->query = "";
    if (query) {
        *query = '\0';
        out->query = query + 1;
    }
    out->path = target;
    return decode_path(target, refusal);
}

static void parse_method(const char *method, struct erg_head *out)
{
    static const struct {
        const char *name;
        enum erg_method method;
    } methods[] = {{"GET", ERG_GET},
                   {"HEAD", ERG_GET},
                   {"POST", ERG_POST},
                   {"PATCH", ERG_PATCH},
                   {"DELETE", ERG_DELETE}};
    out->method = ERG_OTHER_METHOD;
    out->method_name = method;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, method) == 0)
            out->method = methods[i].method;
    }
    out->is_head = strcmp(method, "HEAD") == 0;
}

static bool parse_version(const char *version, struct erg_head *out, struct erg_refusal *refusal)
{
    out->is_1_1 = strcmp(version, "HTTP/1.1") == 0;
    if (out->is_1_1 || strcmp(version, "HTTP/1.0") == 0)
        return true;
    if (strncmp(version, "HTTP/", 5) == 0)
        return refuse(refusal, 505, "http_version", "this server speaks HTTP/1.1");
    return malformed(refusal, "the request line is malformed");
}

static bool parse_request_line(char *line, struct erg_head *out, struct erg_refusal *refusal)
{
    size_t method = token_length(line);
    char *target = line + method + 1;
    if (method == 0 || line[method] != ' ')
        return malformed(refusal, "the request line is malformed");
    line[method] = '\0';
    char *version = target;
    while (*version > ' ' && *version < 0x7f)
        version++;
    if (*version != ' ')
        return malformed(refusal, "the request line is malformed");
    *version++ = '\0';
    parse_method(line, out);
    return parse_version(version, out, refusal) && parse_target(target, out, refusal);
}

#define FIELD(name, member)                                                                        \
    {                                                                                              \
        name, offsetof(struct erg_head, member)                                                    \
    }

/* Fields that mean something here; of each there may be one. */
static const struct field_row {
    const char *name;
    size_t offset;
} field_rows[] = {
    FIELD("host", host),
    FIELD("content-length", content_length),
    FIELD("transfer-encoding", transfer_encoding),
    FIELD("content-type", content_type),
    FIELD("expect", expect),
    FIELD("connection", connection),
    FIELD("upgrade", upgrade),
    FIELD("sec-websocket-key", websocket_key),
    FIELD("sec-websocket-version", websocket_version),
    FIELD("origin", origin),
    FIELD("sec-fetch-site", fetch_site),
    FIELD("sec-fetch-mode", fetch_mode),
    FIELD("sec-fetch-dest", fetch_dest),
    FIELD("authorization", authorization),
    FIELD("cookie", cookie),
    FIELD("accept", accept),
    FIELD("accept-encoding", accept_encoding),
    FIELD("if-none-match", if_none_match),
};

static const char **field_of(struct erg_head *head, const char *name)
{
    for (size_t i = 0; i < sizeof field_rows / sizeof field_rows[0]; i++) {
        if (strcasecmp(field_rows[i].name, name) == 0)
            return (const char **)((char *)head + field_rows[i].offset);
    }
    return NULL;
}

static bool parse_field(char *line, struct erg_head *out, struct erg_refusal *refusal)
{
    size_t name = token_length(line);
    if (name == 0 || line[name] != ':')
        return malformed(refusal, "a header field is malformed");
    line[name] = '\0';
    const char **field = field_of(out, line);
    if (!field)
        return true;
    if (*field)
        return malformed(refusal, "a header field is sent twice");
    char *value = line + name + 1;
    value += strspn(value, " \t");
    size_t len = strlen(value);
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        value[--len] = '\0';
    *field = value;
    return true;
}

/* Cut the line at `*text` out; erg_head_find() has seen to its CR LF. */
static char *next_line(char **text)
{
    char *line = *text, *end = strstr(line, "\r\n");
    *end = '\0';
    *text = end + 2;
    return line;
}

bool erg_head_parse(char *text, size_t len, struct erg_head *out, struct erg_refusal *refusal)
{
    char *end = text + len;
    *out = (struct erg_head){0};
    if (!parse_request_line(next_line(&text), out, refusal))
        return false;
    while (text < end - 2) {
        if (!parse_field(next_line(&text), out, refusal))
            return false;
    }
    out->keeps_alive = out->is_1_1 ? !erg_head_lists(out->connection, "close")
                                   : erg_head_lists(out->connection, "keep-alive");
    return true;
}

bool erg_head_lists(const char *list, const char *name)
{
    size_t len = strlen(name);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, ",");
        size_t used = item;
        while (used > 0 && (list[used - 1] == ' ' || list[used - 1] == '\t'))
            used--;
        if (used == len && strncasecmp(list, name, len) == 0)
            return true;
        list += item;
    }
    return false;
}
