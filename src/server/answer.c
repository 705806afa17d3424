/* SPDX-License-Identifier: MIT */
#include "server/answer.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/*
 * On every answer, unless the handler has said otherwise: nothing of ours runs or is shown in pages
 * of others, nothing of others in ours, and what was measured is not kept by caches. There is no
 * Access-Control field at all: other origins get nothing.
 */
static const struct erg_http_field standing_fields[] = {
    {"content-security-policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
     "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; "
     "frame-ancestors 'none'"},
    {"x-content-type-options", "nosniff"},
    {"referrer-policy", "no-referrer"},
    {"cross-origin-resource-policy", "same-origin"},
    {"cross-origin-opener-policy", "same-origin-allow-popups"},
    {"cache-control", "no-store"},
};

static const struct erg_http_field *find(const struct erg_http_field *fields, size_t count,
                                         const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &fields[i];
    }
    return NULL;
}

/* A value never breaks out of its line, whatever it was made of. */
static void put_field(struct erg_buf *out, const struct erg_http_field *field)
{
    erg_buf_printf(out, "%s: ", field->name);
    for (const char *c = field->value; *c; c++)
        erg_buf_putc(out, (unsigned char)*c < ' ' || *c == 0x7f ? ' ' : *c);
    erg_buf_puts(out, "\r\n");
}

/* IMF-fixdate of RFC 9110, whatever the locale. */
static void put_date(struct erg_buf *out, int64_t wall_ns)
{
    static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(wall_ns / 1000000000);
    struct tm t;
    if (!gmtime_r(&seconds, &t))
        return;
    erg_buf_printf(out, "date: %s, %02d %s %d %02d:%02d:%02d GMT\r\n", days[t.tm_wday], t.tm_mday,
                   months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* How the body's end is told: by its length, by chunks, or by closing. */
static void choose_framing(struct erg_answer *answer, int status,
                           const struct erg_http_field *length)
{
    uint64_t bytes = 0;
    answer->knows_length = length && erg_parse_u64(length->value, &bytes, NULL) == 0;
    answer->missing_bytes = bytes;
    answer->leaves_body_out |= status == 204 || status == 304;
    answer->is_chunked = !length && answer->is_1_1 && !answer->leaves_body_out;
    if (!length && !answer->is_1_1)
        answer->keeps_alive = false;
}

int erg_answer_begin(void *user, int status, const struct erg_http_field *fields, size_t count)
{
    struct erg_answer *answer = user;
    struct erg_buf head = {0};
    choose_framing(answer, status, find(fields, count, "content-length"));
    erg_buf_printf(&head, "HTTP/1.1 %d %s\r\n", status, erg_http_status_title(status));
    put_date(&head, answer->wall_ns);
    for (size_t i = 0; i < count; i++)
        put_field(&head, &fields[i]);
    for (size_t i = 0; i < sizeof standing_fields / sizeof standing_fields[0]; i++) {
        if (!find(fields, count, standing_fields[i].name))
            put_field(&head, &standing_fields[i]);
    }
    if (answer->is_chunked)
        erg_buf_puts(&head, "transfer-encoding: chunked\r\n");
    erg_buf_printf(&head, "connection: %s\r\n\r\n", answer->keeps_alive ? "keep-alive" : "close");
    int rc = erg_buf_status(&head);
    if (rc == 0)
        rc = erg_pipe_write(answer->pipe, erg_buf_view(&head), head.len);
    erg_buf_deinit(&head);
    return rc;
}

int erg_answer_write(void *user, const void *bytes, size_t len)
{
    struct erg_answer *answer = user;
    char size[24];
    answer->body_bytes += len;
    if (answer->leaves_body_out)
        return 0;
    if (answer->knows_length) {
        len = len < answer->missing_bytes ? len : (size_t)answer->missing_bytes;
        answer->missing_bytes -= len;
    }
    if (!answer->is_chunked)
        return erg_pipe_write(answer->pipe, bytes, len);
    int digits = snprintf(size, sizeof size, "%zx\r\n", len);
    int rc = erg_pipe_write(answer->pipe, size, (size_t)digits);
    if (rc == 0)
        rc = erg_pipe_write(answer->pipe, bytes, len);
    return rc ? rc : erg_pipe_write(answer->pipe, "\r\n", 2);
}

void erg_answer_end(struct erg_answer *answer, bool cut)
{
    bool whole = !cut && (answer->leaves_body_out || answer->missing_bytes == 0);
    if (whole && answer->is_chunked)
        whole = erg_pipe_write(answer->pipe, "0\r\n\r\n", 5) == 0;
    erg_pipe_end(answer->pipe, whole);
}
