/* SPDX-License-Identifier: MIT */
#include "export/brief.h"

#include "base/utf8.h"

#include <string.h>

enum { BODY_CHARACTERS = 200 };

/*
 * Works on the text: reading the numbers and writing them again would not give them back digit by
 * digit. The text is a summary of our own, so it is valid JSON.
 */

/* Bytes of the string literal at `text`, quotes included. */
static size_t literal_length(const char *text)
{
    size_t i = 1;
    while (text[i] && text[i] != '"')
        i += text[i] == '\\' && text[i + 1] ? 2 : 1;
    return text[i] ? i + 1 : i;
}

/* Bytes of the character at `text` inside a literal: an escape, a pair of surrogates, UTF-8. */
static size_t character_length(const char *text, size_t len)
{
    if (text[0] == '\\' && len >= 2) {
        if (text[1] != 'u' || len < 6)
            return text[1] == 'u' ? len : 2;
        int high = (text[2] == 'd' || text[2] == 'D') && strchr("89abAB", text[3]) != NULL;
        return high && len >= 12 && text[6] == '\\' ? 12 : 6;
    }
    size_t step = erg_utf8_step(text, len);
    return step ? step : 1;
}

/* The literal at `text`, cut behind its first BODY_CHARACTERS characters. */
static void put_cut(struct erg_buf *out, const char *text, size_t len)
{
    size_t at = 1;
    for (int i = 0; i < BODY_CHARACTERS && at + 1 < len; i++)
        at += character_length(text + at, len - 1 - at);
    erg_buf_append(out, text, at);
    erg_buf_putc(out, '"');
}

static int is_body(const char *key, size_t len)
{
    return (len == 8 && memcmp(key, "\"prompt\"", 8) == 0) ||
           (len == 10 && memcmp(key, "\"response\"", 10) == 0);
}

void erg_summary_brief(const char *summary_json, struct erg_buf *out)
{
    int depth = 0, body = 0;
    for (const char *at = summary_json; *at;) {
        size_t len = 1;
        if (*at == '"') {
            len = literal_length(at);
            int is_key = at[len] == ':';
            if (body && !is_key) {
                put_cut(out, at, len);
                at += len;
                body = 0;
                continue;
            }
            body = is_key && depth == 1 && is_body(at, len);
        } else {
            depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
            body = body && *at == ':';
        }
        erg_buf_append(out, at, len);
        at += len;
    }
}

/* Bytes of the value at `text`, up to what ends it at its own depth. */
static size_t value_length(const char *text)
{
    size_t at = 0;
    int depth = 0;
    while (text[at]) {
        char c = text[at];
        if (depth == 0 && (c == ',' || c == '}'))
            break;
        depth += (c == '{' || c == '[') - (c == '}' || c == ']');
        at += c == '"' ? literal_length(text + at) : 1;
    }
    return at;
}

const char *erg_summary_member(const char *summary_json, const char *key, size_t *out_len)
{
    size_t key_len = strlen(key);
    const char *at = summary_json + (*summary_json == '{');
    while (*at == '"') {
        size_t len = literal_length(at);
        const char *value = at + len + (at[len] == ':');
        size_t value_len = value_length(value);
        if (len == key_len + 2 && memcmp(at + 1, key, key_len) == 0) {
            *out_len = value_len;
            return value;
        }
        at = value + value_len;
        at += *at == ',';
    }
    *out_len = 4;
    return "null";
}
