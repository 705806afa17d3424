/* SPDX-License-Identifier: MIT */
#include "export/redact.h"

#include <string.h>

void erg_redact_init(struct erg_redact *redact, erg_jsonw_sink sink, void *user)
{
    *redact = (struct erg_redact){.sink = sink, .user = user};
}

static bool is_name(const struct erg_redact *redact, const char *name)
{
    return redact->name_len == strlen(name) && memcmp(redact->name, name, redact->name_len) == 0;
}

/* A colon: the string before it was a key. */
static void take_key(struct erg_redact *redact)
{
    redact->next = ERG_REDACT_NOTHING;
    if (is_name(redact, "prompt") || is_name(redact, "response") || is_name(redact, "text"))
        redact->next = ERG_REDACT_TEXT;
    else if (is_name(redact, "token"))
        redact->next = ERG_REDACT_TOKEN;
}

/* What is to be written for a byte: it, something else, or nothing. */
static const char *outside(struct erg_redact *redact, char c, const char *as_it_is)
{
    bool number = (c >= '0' && c <= '9') || c == '-';
    if (c == '"') {
        redact->state = ERG_REDACT_STRING;
        redact->hiding = redact->next == ERG_REDACT_TEXT;
        redact->name_len = 0;
    } else if (number && redact->next == ERG_REDACT_TOKEN) {
        redact->state = ERG_REDACT_NUMBER;
        redact->next = ERG_REDACT_NOTHING;
        return "-1";
    } else if (c == ':') {
        take_key(redact);
        return as_it_is;
    }
    redact->next = ERG_REDACT_NOTHING;
    return as_it_is;
}

static const char *inside(struct erg_redact *redact, char c, const char *as_it_is)
{
    if (c == '"') {
        redact->state = ERG_REDACT_OUTSIDE;
        redact->hiding = false;
        return as_it_is;
    }
    if (c == '\\')
        redact->state = ERG_REDACT_ESCAPE;
    if (redact->name_len < sizeof redact->name)
        redact->name[redact->name_len++] = c;
    return redact->hiding ? "" : as_it_is;
}

static const char *step(struct erg_redact *redact, char c, const char *as_it_is)
{
    switch (redact->state) {
    case ERG_REDACT_STRING:
        return inside(redact, c, as_it_is);
    case ERG_REDACT_ESCAPE:
        redact->state = ERG_REDACT_STRING;
        return redact->hiding ? "" : as_it_is;
    case ERG_REDACT_NUMBER:
        if (strchr("0123456789.eE+-", c))
            return "";
        redact->state = ERG_REDACT_OUTSIDE;
        return outside(redact, c, as_it_is);
    case ERG_REDACT_OUTSIDE:
        break;
    }
    return outside(redact, c, as_it_is);
}

int erg_redact_put(void *user, const char *bytes, size_t len)
{
    struct erg_redact *redact = user;
    char piece[4096];
    size_t used = 0;
    for (size_t i = 0; i < len; i++) {
        const char as_it_is[2] = {bytes[i], '\0'};
        const char *text = step(redact, bytes[i], as_it_is);
        size_t n = text == as_it_is ? 1 : strlen(text);
        if (used + n > sizeof piece) {
            int rc = redact->sink(redact->user, piece, used);
            if (rc)
                return rc;
            used = 0;
        }
        memcpy(piece + used, text, n);
        used += n;
    }
    return used ? redact->sink(redact->user, piece, used) : 0;
}
