/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_REPEAT_H
#define ERG_CLI_REPEAT_H

#include "analysis/stats.h"
#include "base/jsonw.h"
#include "cli/json.h"

#include <stdbool.h>

/*
 * What repeated runs say together: means of the figures people compare, with 95 % intervals, and
 * whether they are known well enough. Pure: fed with summaries.
 */
enum erg_repeat_metric {
    ERG_REPEAT_JOULES_PER_TOKEN,
    ERG_REPEAT_TOKENS_PER_SECOND,
    ERG_REPEAT_FIRST_TOKEN_MS,
    ERG_REPEAT_ENERGY_MJ,
    ERG_REPEAT_DURATION_MS,
    ERG_REPEAT_METRICS,
};

enum { ERG_REPEAT_AUTO_LEAST = 3, ERG_REPEAT_AUTO_MOST = 50 };

struct erg_repeat_phase {
    bool ungraded; /* some run knows nothing of its energy */
    bool short_of; /* some run's window was too short for the sensor */
    double total_ms;
};

struct erg_repeat {
    size_t runs;
    double interval_ms; /* between readings of the sensor; the longest of all runs */
    struct erg_stats metrics[ERG_REPEAT_METRICS];
    struct erg_repeat_phase prefill, decode;
};

/* Take in the summary of a complete run. */
void erg_repeat_add(struct erg_repeat *repeat, const json_t *summary);

struct erg_interval erg_repeat_interval(const struct erg_repeat *repeat,
                                        enum erg_repeat_metric metric);

/* The figure that decides: J/token when every run has it, else tokens per second. */
enum erg_repeat_metric erg_repeat_deciding(const struct erg_repeat *repeat);

/*
 * Known well enough: at least three runs, the 95 % interval of the deciding figure within ± 2 % of
 * its mean, and prefill and decode at grade `measured` (or estimated from no sensor at all). A
 * phase too short for the sensor in one run gets there by its sum: ten reading intervals over all
 * runs.
 */
bool erg_repeat_is_enough(const struct erg_repeat *repeat);

/* Members "joules_per_token": {mean, ci_low, ci_high, n} … of an open object. */
void erg_repeat_write_json(const struct erg_repeat *repeat, struct erg_jsonw *w);

/* The table of means; 0 or the first failure. */
int erg_repeat_write_table(const struct erg_repeat *repeat, struct erg_buf *out);

#endif
