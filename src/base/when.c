/* SPDX-License-Identifier: MIT */
#include "base/when.h"

#include "base/num.h"

#include <stdio.h>
#include <string.h>

/* Does the text follow the beginning of the pattern, ending at the end of a part? */
static int is_iso_prefix(const char *text)
{
    static const char pattern[] = "####-##-##T##:##:##.######";
    size_t len = strlen(text);
    if (len < 4 || len > sizeof pattern - 1)
        return 0;
    for (size_t i = 0; i < len; i++) {
        int digit = text[i] >= '0' && text[i] <= '9';
        int fits = pattern[i] == '#' ? digit : text[i] == pattern[i] || (i == 10 && text[i] == ' ');
        if (!fits)
            return 0;
    }
    return len == 4 || len == 7 || len == 10 || len == 13 || len == 16 || len >= 19;
}

void erg_when_ago(int64_t ago_ns, const struct erg_clock *clock, char out[40])
{
    int64_t wall_ns = clock->wall_ns(clock->user);
    erg_format_local_time(ago_ns < wall_ns ? wall_ns - ago_ns : 0, out);
}

int erg_when_parse(const char *text, const struct erg_clock *clock, char out[40],
                   struct erg_err *err)
{
    int64_t ago_ns;
    if (is_iso_prefix(text)) {
        snprintf(out, 40, "%s", text);
        if (out[10] == ' ')
            out[10] = 'T';
        return 0;
    }
    if (erg_parse_duration_ns(text, &ago_ns, NULL) == 0) {
        erg_when_ago(ago_ns, clock, out);
        return 0;
    }
    return erg_fail(err, ERG_INVALID,
                    "'%.64s' is no time: give a date such as 2026-11-20 or a duration such as 30d",
                    text);
}
