/* SPDX-License-Identifier: MIT */
#ifndef ERG_TESTS_LIVE_READER_H
#define ERG_TESTS_LIVE_READER_H

#include "test.h"

#include <stdbool.h>
#include <stdio.h>

/* Reading frames of the live stream in tests, without a JSON reader: they are ours. */

/* Number behind "key": in the text; fails when there is none. */
static inline uint64_t live_number(const char *text, const char *key)
{
    char quoted[40];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *at = strstr(text, quoted);
    if (!at)
        fail_msg("no %s in %s", key, text);
    uint64_t number = 0;
    for (at += strlen(quoted); *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (uint64_t)(*at - '0');
    return number;
}

static inline bool live_is(const char *text, const char *type)
{
    char member[40];
    snprintf(member, sizeof member, "\"type\":\"%s\"", type);
    return strstr(text, member) != NULL;
}

#endif
