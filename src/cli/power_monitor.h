/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_POWER_MONITOR_H
#define ERG_CLI_POWER_MONITOR_H

#include "base/jsonw.h"
#include "cli/term.h"
#include "energy/timeline.h"

/*
 * What `ergon power` shows of samples of power: a frame of bars for a terminal, or a line, a JSON
 * object or a row of CSV for each. Pure: samples in, text out.
 */
enum { ERG_MONITOR_HISTORY = 64 };

struct erg_monitor {
    const char *sources;     /* "rapl+nvml"; "" = none */
    int64_t t_ns;            /* end of the last sample, from the start */
    struct erg_window total; /* from the start */
    struct erg_window last;  /* of the last sample */
    int64_t last_ns;         /* its length */
    double highest_mw[ERG_DOMAINS];
    double history_mw[ERG_MONITOR_HISTORY]; /* of all domains; NaN = not known */
    size_t samples;
};

/* Take the energy of the next `duration_ns`, which end `t_ns` after the start, and of all until
 * then. */
void erg_monitor_add(struct erg_monitor *monitor, int64_t t_ns, int64_t duration_ns,
                     const struct erg_window *last, const struct erg_window *total);

/* The terminal's view, one line break behind every line; how many lines there are. */
size_t erg_monitor_frame(const struct erg_monitor *monitor, const struct erg_term *term,
                         struct erg_buf *out);

/* The last sample, one line. */
void erg_monitor_line(const struct erg_monitor *monitor, struct erg_buf *out);
void erg_monitor_json(const struct erg_monitor *monitor, struct erg_buf *out);
void erg_monitor_csv_head(struct erg_buf *out);
void erg_monitor_csv(const struct erg_monitor *monitor, struct erg_buf *out);

/* "12.3 J in 10.0 s, average 1.23 W (rapl, measured)" */
void erg_monitor_totals(const struct erg_monitor *monitor, struct erg_buf *out);

/* Members of JSON objects about energy; null where it is not known. */
void erg_put_mj(struct erg_jsonw *w, const char *key, const struct erg_energy *energy);
void erg_put_domains(struct erg_jsonw *w, const char *key, const struct erg_energy *energy);
/* "rapl+nvml" as an array of names. */
void erg_put_sources(struct erg_jsonw *w, const char *key, const char *sources);
/* mW; NaN where it is not known. */
double erg_energy_mean_mw(const struct erg_energy *energy, int64_t duration_ns);

#endif
