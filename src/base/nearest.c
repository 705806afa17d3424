/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <string.h>

enum { MAX_WORD = 40 };

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Edit distance with transposed neighbours as one edit (Damerau, optimal string alignment). */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][MAX_WORD + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_len; j++)
        above[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = min3(row[j - 1] + 1, above[j] + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[b_len];
}

const char *erg_nearest(const char *word, const char *const *candidates)
{
    const char *best = NULL;
    size_t len = strlen(word);
    size_t best_distance = len < 3 ? 2 : len < 6 ? 3 : 4; /* one more than is near enough */
    if (len > MAX_WORD)
        return NULL;
    for (; *candidates; candidates++) {
        size_t candidate_len = strlen(*candidates);
        if (candidate_len > MAX_WORD)
            continue;
        /* The beginning of a name is as good as a slip of one key. */
        size_t d = len >= 2 && strncmp(*candidates, word, len) == 0
                       ? 1
                       : distance(word, len, *candidates, candidate_len);
        if (d < best_distance && d < candidate_len) {
            best = *candidates;
            best_distance = d;
        }
    }
    return best;
}
