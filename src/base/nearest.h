/* SPDX-License-Identifier: MIT */
#ifndef ERG_BASE_NEAREST_H
#define ERG_BASE_NEAREST_H

/* The candidate nearest to `word` (NULL-terminated list), NULL when none is near. */
const char *erg_nearest(const char *word, const char *const *candidates);

#endif
