/* SPDX-License-Identifier: MIT */
#ifndef ERG_EXPORT_REDACT_H
#define ERG_EXPORT_REDACT_H

#include "base/jsonw.h"

/*
 * JSON with what was read and written left out: the texts of "prompt", "response" and "text" become
 * empty, the number of "token" (which tells the text to who has the vocabulary) −1. A filter for
 * valid JSON without blanks, in pieces of any length. It is for answers in which these keys mean
 * that and nothing else.
 */
struct erg_redact {
    erg_jsonw_sink sink;
    void *user;
    char name[12]; /* of the string that is being read, or was read last */
    size_t name_len;
    enum { ERG_REDACT_OUTSIDE, ERG_REDACT_STRING, ERG_REDACT_ESCAPE, ERG_REDACT_NUMBER } state;
    enum { ERG_REDACT_NOTHING, ERG_REDACT_TEXT, ERG_REDACT_TOKEN } next; /* what the value is */
    bool hiding; /* the string that is being read */
};

void erg_redact_init(struct erg_redact *redact, erg_jsonw_sink sink, void *user);

/* An erg_jsonw_sink whose user is the filter. */
int erg_redact_put(void *redact, const char *bytes, size_t len);

#endif
