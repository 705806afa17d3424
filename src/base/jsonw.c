/* SPDX-License-Identifier: MIT */
#include "base/jsonw.h"

#include "base/num.h"
#include "base/utf8.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FLUSH_BYTES = 65536, MAX_DEPTH = 63 };

void erg_jsonw_init(struct erg_jsonw *w, struct erg_buf *buf)
{
    *w = (struct erg_jsonw){.buf = buf};
}

void erg_jsonw_init_sink(struct erg_jsonw *w, struct erg_buf *scratch, erg_jsonw_sink sink,
                         void *user)
{
    *w = (struct erg_jsonw){.buf = scratch, .sink = sink, .user = user};
    erg_buf_clear(scratch);
}

static void flush(struct erg_jsonw *w)
{
    if (!w->sink || w->status)
        return;
    w->status = erg_buf_status(w->buf);
    if (!w->status && w->buf->len)
        w->status = w->sink(w->user, w->buf->data, w->buf->len);
    erg_buf_clear(w->buf);
}

int erg_jsonw_finish(struct erg_jsonw *w)
{
    assert(w->depth == 0);
    flush(w);
    return w->status ? w->status : erg_buf_status(w->buf);
}

static void indent(struct erg_jsonw *w)
{
    if (!w->pretty)
        return;
    erg_buf_putc(w->buf, '\n');
    for (int i = 0; i < w->depth; i++)
        erg_buf_puts(w->buf, "  ");
}

/* What stands before a value or a key: comma and line break. */
static void separate(struct erg_jsonw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0)
        return;
    if (w->has_items >> w->depth & 1)
        erg_buf_putc(w->buf, ',');
    w->has_items |= UINT64_C(1) << w->depth;
    indent(w);
}

static void begin(struct erg_jsonw *w, char bracket)
{
    separate(w);
    erg_buf_putc(w->buf, bracket);
    assert(w->depth < MAX_DEPTH);
    w->depth++;
    w->has_items &= ~(UINT64_C(1) << w->depth);
}

static void end(struct erg_jsonw *w, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    bool any = w->has_items >> w->depth & 1;
    w->depth--;
    if (any)
        indent(w);
    erg_buf_putc(w->buf, bracket);
    if (w->buf->len > FLUSH_BYTES)
        flush(w);
}

void erg_jsonw_obj_begin(struct erg_jsonw *w)
{
    begin(w, '{');
}

void erg_jsonw_obj_end(struct erg_jsonw *w)
{
    end(w, '}');
}

void erg_jsonw_arr_begin(struct erg_jsonw *w)
{
    begin(w, '[');
}

void erg_jsonw_arr_end(struct erg_jsonw *w)
{
    end(w, ']');
}

/* Bytes that stand for themselves. */
static size_t plain_length(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && text[i] >= 0x20 && text[i] < 0x7f && text[i] != '"' && text[i] != '\\')
        i++;
    return i;
}

static void put_escaped(struct erg_buf *buf, const char *text, size_t len)
{
    size_t i = plain_length(text, len);
    erg_buf_putc(buf, '"');
    erg_buf_append(buf, text, i);
    while (i < len) {
        unsigned char c = (unsigned char)text[i];
        size_t step = erg_utf8_step(text + i, len - i);
        if (step == 0) {
            erg_buf_puts(buf, "\xEF\xBF\xBD");
            i++;
        } else if (step > 1) {
            erg_buf_append(buf, text + i, step);
            i += step;
        } else {
            if (c == '"' || c == '\\')
                erg_buf_printf(buf, "\\%c", c);
            else if (c == '\n')
                erg_buf_puts(buf, "\\n");
            else
                erg_buf_printf(buf, "\\u%04x", c);
            i++;
        }
        size_t plain = plain_length(text + i, len - i);
        erg_buf_append(buf, text + i, plain);
        i += plain;
    }
    erg_buf_putc(buf, '"');
}

void erg_jsonw_key(struct erg_jsonw *w, const char *key)
{
    assert(!w->after_key);
    separate(w);
    put_escaped(w->buf, key, strlen(key));
    erg_buf_puts(w->buf, w->pretty ? ": " : ":");
    w->after_key = true;
}

void erg_jsonw_raw(struct erg_jsonw *w, const char *json)
{
    separate(w);
    erg_buf_puts(w->buf, json);
}

void erg_jsonw_members(struct erg_jsonw *w, const char *object)
{
    size_t len = strlen(object);
    if (len <= 2)
        return;
    separate(w);
    erg_buf_append(w->buf, object + 1, len - 2);
}

void erg_jsonw_null(struct erg_jsonw *w)
{
    erg_jsonw_raw(w, "null");
}

void erg_jsonw_bool(struct erg_jsonw *w, bool value)
{
    erg_jsonw_raw(w, value ? "true" : "false");
}

void erg_jsonw_int(struct erg_jsonw *w, int64_t value)
{
    char text[24];
    size_t len = erg_format_i64(value, text);
    separate(w);
    erg_buf_append(w->buf, text, len);
}

void erg_jsonw_uint(struct erg_jsonw *w, uint64_t value)
{
    char text[24];
    size_t len = erg_format_u64(value, text);
    separate(w);
    erg_buf_append(w->buf, text, len);
}

void erg_jsonw_real(struct erg_jsonw *w, double value)
{
    char text[32];
    if (!isfinite(value)) {
        erg_jsonw_null(w);
        return;
    }
    erg_format_double(value, text, sizeof text);
    erg_jsonw_raw(w, text);
}

void erg_jsonw_strn(struct erg_jsonw *w, const char *text, size_t len)
{
    separate(w);
    put_escaped(w->buf, text, len);
}

void erg_jsonw_str(struct erg_jsonw *w, const char *text)
{
    if (text)
        erg_jsonw_strn(w, text, strlen(text));
    else
        erg_jsonw_null(w);
}

void erg_jsonw_micro(struct erg_jsonw *w, int64_t millionths)
{
    char text[32];
    erg_format_micro(millionths, text, sizeof text);
    erg_jsonw_raw(w, text);
}

void erg_jsonw_kbool(struct erg_jsonw *w, const char *key, bool value)
{
    erg_jsonw_key(w, key);
    erg_jsonw_bool(w, value);
}

void erg_jsonw_kint(struct erg_jsonw *w, const char *key, int64_t value)
{
    erg_jsonw_key(w, key);
    erg_jsonw_int(w, value);
}

void erg_jsonw_kreal(struct erg_jsonw *w, const char *key, double value)
{
    erg_jsonw_key(w, key);
    erg_jsonw_real(w, value);
}

void erg_jsonw_kstr(struct erg_jsonw *w, const char *key, const char *text)
{
    erg_jsonw_key(w, key);
    erg_jsonw_str(w, text);
}

void erg_jsonw_kmicro(struct erg_jsonw *w, const char *key, int64_t millionths)
{
    erg_jsonw_key(w, key);
    erg_jsonw_micro(w, millionths);
}

void erg_jsonw_knull(struct erg_jsonw *w, const char *key)
{
    erg_jsonw_key(w, key);
    erg_jsonw_null(w);
}
