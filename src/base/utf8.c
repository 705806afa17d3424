/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

/*
 * Table 3-7 of the Unicode standard: the lead byte fixes the length and the range of the second
 * byte (which rules out overlong forms, surrogates and values above U+10FFFF).
 */
struct lead {
    size_t len;
    unsigned char second_min, second_max;
};

static struct lead classify_lead(unsigned char c)
{
    if (c < 0x80)
        return (struct lead){1, 0, 0};
    if (c >= 0xC2 && c <= 0xDF)
        return (struct lead){2, 0x80, 0xBF};
    if (c >= 0xE0 && c <= 0xEF)
        return (struct lead){3, c == 0xE0 ? 0xA0 : 0x80, c == 0xED ? 0x9F : 0xBF};
    if (c >= 0xF0 && c <= 0xF4)
        return (struct lead){4, c == 0xF0 ? 0x90 : 0x80, c == 0xF4 ? 0x8F : 0xBF};
    return (struct lead){0, 0, 0};
}

/* Number of leading bytes of `text` (up to `lead.len`) that fit the sequence `lead` announces. */
static size_t fitting_bytes(struct lead lead, const unsigned char *text, size_t len)
{
    size_t n = 1;
    for (; n < lead.len && n < len; n++) {
        unsigned char min = n == 1 ? lead.second_min : 0x80;
        unsigned char max = n == 1 ? lead.second_max : 0xBF;
        if (text[n] < min || text[n] > max)
            break;
    }
    return n;
}

size_t erg_utf8_step(const char *text, size_t len)
{
    if (!len)
        return 0;
    const unsigned char *bytes = (const unsigned char *)text;
    struct lead lead = classify_lead(bytes[0]);
    if (!lead.len || len < lead.len)
        return 0;
    return fitting_bytes(lead, bytes, len) == lead.len ? lead.len : 0;
}

bool erg_utf8_valid(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t step = erg_utf8_step(text + i, len - i);
        if (!step)
            return false;
        i += step;
    }
    return true;
}

void erg_utf8_sanitize(const char *text, size_t len, struct erg_buf *out)
{
    size_t start = 0, i = 0;
    while (i < len) {
        size_t step = erg_utf8_step(text + i, len - i);
        if (step) {
            i += step;
            continue;
        }
        erg_buf_append(out, text + start, i - start);
        erg_buf_puts(out, "\xEF\xBF\xBD");
        start = ++i;
    }
    erg_buf_append(out, text + start, len - start);
}

size_t erg_utf8_incomplete_tail(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        const unsigned char *start = bytes + len - back;
        if ((*start & 0xC0) == 0x80)
            continue;
        struct lead lead = classify_lead(*start);
        return lead.len > back && fitting_bytes(lead, start, back) == back ? back : 0;
    }
    return 0;
}

size_t erg_utf8_length(const char *text, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < len; count++) {
        size_t step = erg_utf8_step(text + i, len - i);
        i += step ? step : 1;
    }
    return count;
}

size_t erg_utf8_truncate(const char *text, size_t len, size_t max_bytes)
{
    if (len <= max_bytes)
        return len;
    size_t end = 0;
    while (end < max_bytes) {
        size_t step = erg_utf8_step(text + end, len - end);
        step = step ? step : 1;
        if (end + step > max_bytes)
            break;
        end += step;
    }
    return end;
}
