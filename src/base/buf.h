/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_BUF_H
#define ERG_BASE_BUF_H

#include <stddef.h>

/*
 * A growable byte string. Failures are sticky: after the first one every append is a no-op and
 * erg_buf_status() says what happened, so that a writer checks once, at the end. The content is
 * always NUL-terminated when `data` is not NULL. Ceiling: ERG_MAX_BUF_BYTES.
 */
struct erg_buf {
    char *data;
    size_t len;
    size_t capacity;
    int status; /* 0, ERG_NOMEM or ERG_LIMIT */
};

void erg_buf_init(struct erg_buf *buf);
void erg_buf_deinit(struct erg_buf *buf);

/* Empty it (and forget a failure) but keep the memory. */
void erg_buf_clear(struct erg_buf *buf);

void erg_buf_append(struct erg_buf *buf, const void *bytes, size_t len);
void erg_buf_puts(struct erg_buf *buf, const char *text);
void erg_buf_putc(struct erg_buf *buf, char c);
void erg_buf_printf(struct erg_buf *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* 0, or the code of the first failure. */
int erg_buf_status(const struct erg_buf *buf);

/* Content as a C string; "" when empty. Borrowed until the next append. */
const char *erg_buf_view(const struct erg_buf *buf);

/* Hand the content over to the caller (free()) and leave the buffer empty; NULL on failure. */
char *erg_buf_take(struct erg_buf *buf);

#endif
