/* SPDX-License-Identifier: MIT */
#include "base/buf.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void erg_buf_init(struct erg_buf *buf)
{
    *buf = (struct erg_buf){0};
}

void erg_buf_deinit(struct erg_buf *buf)
{
    if (!buf)
        return;
    free(buf->data);
    erg_buf_init(buf);
}

void erg_buf_clear(struct erg_buf *buf)
{
    buf->len = 0;
    buf->status = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

/* Room for `more` bytes and a NUL. */
static int reserve(struct erg_buf *buf, size_t more)
{
    if (buf->status || (buf->len < buf->capacity && more < buf->capacity - buf->len))
        return buf->status;
    if (more >= ERG_MAX_BUF_BYTES - buf->len)
        return buf->status = ERG_LIMIT;
    void *data = buf->data;
    buf->status = erg_grow(&data, &buf->capacity, buf->len + more + 1, 1, ERG_MAX_BUF_BYTES);
    buf->data = data;
    return buf->status;
}

void erg_buf_append(struct erg_buf *buf, const void *bytes, size_t len)
{
    if (reserve(buf, len))
        return;
    if (len)
        memcpy(buf->data + buf->len, bytes, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void erg_buf_puts(struct erg_buf *buf, const char *text)
{
    erg_buf_append(buf, text, strlen(text));
}

void erg_buf_putc(struct erg_buf *buf, char c)
{
    erg_buf_append(buf, &c, 1);
}

void erg_buf_printf(struct erg_buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (need < 0 || reserve(buf, (size_t)need))
        return;
    va_start(ap, fmt);
    vsnprintf(buf->data + buf->len, (size_t)need + 1, fmt, ap);
    va_end(ap);
    buf->len += (size_t)need;
}

int erg_buf_status(const struct erg_buf *buf)
{
    return buf->status;
}

const char *erg_buf_view(const struct erg_buf *buf)
{
    return buf->data ? buf->data : "";
}

char *erg_buf_take(struct erg_buf *buf)
{
    char *data = NULL;
    if (!buf->status && !reserve(buf, 0)) {
        buf->data[buf->len] = '\0';
        data = buf->data;
        buf->data = NULL;
    }
    erg_buf_deinit(buf);
    return data;
}
