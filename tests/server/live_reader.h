/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_LIVE_READER_H
#define ERG_TESTS_LIVE_READER_H

#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Reading frames of the live stream in tests, without a JSON reader: they are ours. */

/* Number behind "key": in the text; fails when there is none. */
static inline uint64_t live_number(const char *text, const char *key)
{
    char quoted[40];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(text, quoted);
    if (!at)
        fail_msg("no %s in %s", key, text);
    return strtoull(at + strlen(quoted), NULL, 10);
}

static inline bool live_is(const char *text, const char *type)
{
    char member[40];
    snprintf(member, sizeof member, "\"type\":\"%s\"", type);
    return strstr(text, member) != NULL;
}

#endif
