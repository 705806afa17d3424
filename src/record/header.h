/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_HEADER_H
#define ERG_RECORD_HEADER_H

#include "analysis/summary.h"
#include "base/buf.h"
#include "base/err.h"

/*
 * The JSON of the recorder's own records: what a recording says of its run beside the events.
 */
struct erg_header {
    int64_t t_ns, wall_ns; /* the anchor: one instant on both clocks */
    char *id, *created_at, *created_at_utc;
    char *model_name, *model_path, *mode;
    char *prompt;
    size_t prompt_len;
    char *tags_json, *experiment; /* experiment NULL = none */
    char *settings_json, *machine_json, *provenance_json;
    struct erg_conditions conditions; /* before the run; once it is closed, after it */
    int64_t interval_ns;
    struct erg_grid grid;
};

void erg_header_deinit(struct erg_header *header);

/* The JSON of a RECORDING record. */
void erg_header_write(const struct erg_header *header, struct erg_buf *out);

/* Read it back; CORRUPT when it is not what erg_header_write() makes. */
int erg_header_parse(const char *json, size_t len, struct erg_header *out, struct erg_err *err);

/* Channels of a POWER record: an array to free(). */
int erg_header_parse_power(const char *json, size_t len, struct erg_channel **out_channels,
                           uint32_t *out_count, int64_t *out_interval_ns, struct erg_err *err);

/* The engine's RUN_BEGIN: objects as JSON texts to free() (NULL when absent). */
struct erg_engine_header {
    char *engine_json, *model_json, *settings_json, *machine_json, *ggml_variant;
    int64_t parameters;
    bool has_load;
    int64_t load_t0_ns, load_t1_ns;
    double budget_pct; /* of the slowdown; NaN = none */
    bool sampled;      /* not every generated token was to be profiled */
};
int erg_header_parse_engine(const char *json, size_t len, struct erg_engine_header *out,
                            struct erg_err *err);

/* What the engine has measured of its profiler, in a log line {"profiler":{…}}; other lines, and
 * members that are not there, change nothing. */
void erg_header_parse_profiler(const char *text, size_t len, double *out_tracing_pct);

/* Put the members of JSON object `extra` that `*json` does not have yet into it. */
int erg_header_merge(char **json, const char *extra, struct erg_err *err);

/* The `conditions` object of a summary, as far as erg_conditions_write() makes it. */
void erg_header_parse_conditions(const char *json, struct erg_conditions *out);

/* RECORDING_END: texts to free(); failure may be NULL. */
int erg_header_parse_end(const char *json, size_t len, char **out_status, char **out_failure,
                         struct erg_conditions *out_conditions, struct erg_err *err);
/*
 * `conditions` NULL: what RECORDING says of them is all. `power_json` (an object as in POWER) is
 * what the sources say of themselves at the end; "" = nothing new.
 */
void erg_header_write_end(const char *status, const char *failure,
                          const struct erg_conditions *conditions, const char *power_json,
                          struct erg_buf *out);

#endif
