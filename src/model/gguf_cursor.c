/* SPDX-License-Identifier: MIT */
#include "model/gguf_cursor.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

static int ends_too_early(const struct erg_gguf_cursor *cursor, uint64_t need, struct erg_err *err)
{
    return erg_fail(err, ERG_CORRUPT,
                    "is truncated: it ends inside the %s (%" PRIu64 " bytes wanted at %" PRIu64
                    ", the file has %" PRIu64 ")",
                    cursor->where, need, cursor->pos, cursor->size);
}

static int fill_window(struct erg_gguf_cursor *cursor, struct erg_err *err)
{
    uint64_t left = erg_gguf_left(cursor);
    size_t len = left < sizeof cursor->window ? (size_t)left : sizeof cursor->window;
    cursor->window_len = 0;
    int rc = cursor->read(cursor->user, cursor->pos, cursor->window, len, err);
    if (rc)
        return rc;
    cursor->window_at = cursor->pos;
    cursor->window_len = len;
    return 0;
}

int erg_gguf_bytes(struct erg_gguf_cursor *cursor, void *out, size_t len, struct erg_err *err)
{
    unsigned char *to = out;
    if (len > erg_gguf_left(cursor))
        return ends_too_early(cursor, len, err);
    while (len) {
        uint64_t at = cursor->pos - cursor->window_at;
        if (cursor->pos < cursor->window_at || at >= cursor->window_len) {
            int rc = fill_window(cursor, err);
            if (rc)
                return rc;
            at = 0;
        }
        size_t have = cursor->window_len - (size_t)at;
        size_t part = len < have ? len : have;
        memcpy(to, cursor->window + at, part);
        to += part;
        cursor->pos += part;
        len -= part;
    }
    return 0;
}

int erg_gguf_skip(struct erg_gguf_cursor *cursor, uint64_t len, struct erg_err *err)
{
    if (len > erg_gguf_left(cursor))
        return ends_too_early(cursor, len, err);
    cursor->pos += len;
    return 0;
}

int erg_gguf_u32(struct erg_gguf_cursor *cursor, uint32_t *out, struct erg_err *err)
{
    return erg_gguf_bytes(cursor, out, sizeof *out, err);
}

int erg_gguf_u64(struct erg_gguf_cursor *cursor, uint64_t *out, struct erg_err *err)
{
    return erg_gguf_bytes(cursor, out, sizeof *out, err);
}

/* Nothing from the file may reach a terminal as a control sequence. */
static size_t make_printable(char *text, size_t len)
{
    len -= erg_utf8_incomplete_tail(text, len);
    for (size_t i = 0; i < len;) {
        size_t step = erg_utf8_step(text + i, len - i);
        unsigned char c = (unsigned char)text[i];
        if (step == 0 || c < 0x20 || c == 0x7f || (step == 2 && c == 0xC2 && text[i + 1] < -96))
            text[i] = '?';
        if (step == 2 && text[i] == '?')
            text[i + 1] = '?';
        i += step ? step : 1;
    }
    text[len] = '\0';
    return len;
}

int erg_gguf_string(struct erg_gguf_cursor *cursor, char *out, size_t out_bytes,
                    struct erg_err *err)
{
    uint64_t len;
    int rc = erg_gguf_u64(cursor, &len, err);
    if (rc)
        return rc;
    if (len > erg_gguf_left(cursor))
        return ends_too_early(cursor, len, err);
    size_t part = len < out_bytes ? (size_t)len : out_bytes - 1;
    rc = erg_gguf_bytes(cursor, out, part, err);
    if (rc)
        return rc;
    make_printable(out, part);
    return erg_gguf_skip(cursor, len - part, err);
}
