/* SPDX-License-Identifier: MIT */
#ifndef ERG_STORE_EXTRA_H
#define ERG_STORE_EXTRA_H

#include "base/jsonw.h"
#include "store/rows.h"

#include <stdbool.h>

/*
 * What is known of an operation beside its time, FLOPs, bytes and tensor statistics: the JSON of
 * `extra_metrics`, the same in the detail table and in every export. docs/store.md says what the
 * keys mean.
 */

/* A pass, and the texts of its name ids (NULL where there is none). */
struct erg_extra_source {
    const struct erg_pass_row *pass;
    const char *(*name)(void *user, uint16_t id);
    void *user;
};

/* Write the object of a span; false, and nothing written, when nothing is known. */
bool erg_extra_write(const struct erg_extra_source *source, uint32_t span, struct erg_jsonw *w);

#endif
