/* SPDX-License-Identifier: MIT */
#ifndef ERG_POWER_REPLAY_CSV_H
#define ERG_POWER_REPLAY_CSV_H

#include "energy/curve.h"

#include <stddef.h>
#include <stdint.h>

/*
 * A recorded power trace: a header line with `t_ms` and one column per domain, `cpu_mw` (power) or
 * `cpu_mj` (cumulative energy), then rows in increasing time. Lines end in LF or CRLF; blank lines
 * are skipped.
 */
struct erg_replay_column {
    enum erg_domain domain;
    struct erg_curve curve; /* power in µW or energy in nJ over ns since time zero */
};

struct erg_replay {
    struct erg_replay_column columns[ERG_DOMAINS];
    uint32_t count;
    size_t rows;
};

/* CORRUPT with the number of the line, LIMIT, NOMEM. Release with erg_replay_deinit(). */
int erg_replay_parse(const char *bytes, size_t len, struct erg_replay *out, struct erg_err *err);
void erg_replay_deinit(struct erg_replay *replay);

#endif
