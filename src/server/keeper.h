/* SPDX-License-Identifier: MIT */
#ifndef ERG_SERVER_KEEPER_H
#define ERG_SERVER_KEEPER_H

#include "base/clock.h"
#include "base/err.h"

/* Removes runs that are older than they are to be kept, at once and then every hour, on a thread
 * of its own. */
struct erg_keeper;

/* One line about runs it has removed, or could not remove. */
typedef void (*erg_keeper_note)(void *user, const char *line);

int erg_keeper_open(struct erg_keeper **out, const char *store_path, int64_t keep_ns,
                    const struct erg_clock *clock, erg_keeper_note note, void *user,
                    struct erg_err *err);
/* Waits for a removal that is under way. Accepts NULL. */
void erg_keeper_close(struct erg_keeper *keeper);

#endif
