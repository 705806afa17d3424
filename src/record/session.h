/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_SESSION_H
#define ERG_RECORD_SESSION_H

#include "analysis/rollup.h"
#include "analysis/summary.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/root.h"
#include "energy/timeline.h"
#include "store/extra.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A session owns one engine process and profiles runs on it, one at a time: it starts the engine,
 * samples power, joins both, writes the store and the recording, and tells an observer what
 * happens. Everything but the sampling and store threads happens on the caller's thread.
 */
struct erg_session;
struct erg_pmu;

struct erg_session_options {
    const char *engine_path; /* program to run; NULL = ergon-llama beside this program */
    const struct erg_root *root;
    const struct erg_clock *clock;
    const struct erg_pmu *pmu; /* performance counters; NULL = this machine's */
};

/* Start the engine. NOT_FOUND, DENIED or IO with the engine's path when it cannot be started. */
int erg_session_open(struct erg_session **out, const struct erg_session_options *options,
                     struct erg_err *err);

/* Ask the engine to quit, wait for it briefly, then kill it. Accepts NULL. */
void erg_session_close(struct erg_session *session);
/* The same for those who are in a hurry: the engine is killed. */
void erg_session_kill(struct erg_session *session);

/* What to run and how to measure it. Strings are borrowed; 0 and NULL mean the default. */
struct erg_run_options {
    const char *id;         /* of the run, from erg_run_id(); NULL = made up */
    const char *model_path; /* GGUF file */
    const char *model_name; /* shown and stored; NULL = file name without .gguf */
    const char *prompt;     /* NULL with prompt_tokens > 0: a synthetic prompt */
    int64_t prompt_tokens;
    bool chat, no_bos, ignore_eos, no_mmap;
    int64_t tokens; /* to generate, ≥ 1 */
    int64_t ctx, batch, ubatch, threads, threads_batch;
    double temperature, top_p;
    int64_t top_k, seed;
    const char *flash_attn; /* "auto", "on", "off"; NULL: as the mode needs it */
    const char *cache_type_k, *cache_type_v;
    const char *mode;                    /* "minimal", "standard", "deep" */
    const char *instrument;              /* "auto", "trace", "observe", "none" */
    double sparsity_threshold;           /* of |x| that counts as zero */
    double attention_sparsity_threshold; /* of an attention weight that counts as none */
    const int64_t *layers;               /* that statistics are taken of; NULL = all … */
    size_t layer_count;
    int64_t layer_stride;       /* … or every so manieth */
    int64_t sample_every;       /* one of so many generated tokens is profiled in full */
    int64_t bare_every;         /* about one of so many is for comparison … */
    bool no_bare;               /* … or none is */
    double overhead_budget_pct; /* choose how many so that the slowdown stays below; 0 = don't */
    const char *device;
    int64_t gpu_layers;

    const char *power_spec; /* power/power.h */
    int64_t power_interval_ns;
    int64_t idle_ns; /* length of the idle baseline before the run */
    bool power_files_allowed;
    int64_t cpu_idle_mw, cpu_full_mw; /* of an estimate; full 0 = the table's */

    const char *const *tags;
    size_t tag_count;
    const char *experiment;
    struct erg_grid grid;

    const char *store_path;  /* NULL = do not store */
    const char *record_path; /* .erg file to write; NULL = none */
};

/* How the reading of a channel goes. */
struct erg_channel_state {
    int64_t read_ns; /* when it was last read; INT64_MIN = never */
    int64_t errors;  /* reads that failed, or readings that were lost */
};

/*
 * What happens during a run; every callback may be NULL, all on the caller's thread. Rows come once
 * their energy is settled, which is after the fact; progress and what begins as the engine tells
 * of it. Rows and texts are borrowed for the call.
 */
struct erg_run_observer {
    void *user;
    /* Power is about to be sampled: the channels, of which each has its source's name. */
    void (*opened)(void *user, const struct erg_channel *channels, uint32_t count);
    void (*stage)(void *user, const char *what); /* "loading model", "measuring idle power" */
    /* Where a long pass is: the layer being computed (-1 = none), tokens done and to do. */
    void (*progress)(void *user, uint32_t phase, int layer, uint32_t done, uint32_t total);
    /* A token, prompt tokens included; energy may be unknown. */
    void (*token)(void *user, const struct erg_token_row *row);
    /* A section of pre_inference or post_inference begins; `t_ns` from t = 0. */
    void (*section_begins)(void *user, uint32_t phase, const char *name, int64_t t_ns);
    /* Those sections once, when they are over; those of prefill and decode as sums so far, about
     * once a second, and at the end. */
    void (*section)(void *user, const struct erg_section_row *row);
    /* A pass, before its tokens. */
    void (*pass)(void *user, const struct erg_extra_source *pass);
    void (*sample)(void *user, const struct erg_sample_row *row);
    /* How the reading of each channel goes, about twice a second. */
    void (*channels)(void *user, const struct erg_channel_state *states, uint32_t count);
    void (*warning)(void *user, const char *text);
    /* A line of the engine's log, not NUL-terminated; enum erg_log_level. */
    void (*log)(void *user, uint32_t level, const char *text, size_t len);
    bool (*cancelled)(void *user); /* polled at least ten times a second */
    /* Polled likewise: this program has to end. The engine is killed, the run is `interrupted`. */
    bool (*interrupted)(void *user);
};

struct erg_run_result {
    char id[40];
    char status[16];           /* complete, failed, cancelled, interrupted */
    char *failure;             /* NULL unless failed or interrupted */
    int failure_code;          /* enum erg_code; ERG_GONE: the engine died */
    char *summary_json;        /* interfaces.md section 4 */
    struct erg_rollup *rollup; /* by phase, layer, component, operation (ids index `names`) */
    char **names;              /* component and operation names by id */
    size_t name_count;
    char *store_failure; /* NULL, or why the run could not be stored or recorded */
    bool power_unusable; /* the power specification names a source that cannot be used */
};

void erg_run_result_deinit(struct erg_run_result *result);

/*
 * Profile one run. Returns 0 when there is a run to show, whatever its status (a crashed engine is
 * a run that `failed`; one that could not be stored has `store_failure`); an error when nothing
 * could be started (power, engine, recording, a store that is no store), with nothing left behind.
 */
int erg_session_run(struct erg_session *session, const struct erg_run_options *options,
                    const struct erg_run_observer *observer, struct erg_run_result *out,
                    struct erg_err *err);

/*
 * Read a recording into the store: the same rows and the same summary as when it was made. A torn
 * recording gives a shorter run with status `interrupted` and *out_torn set; one whose beginning is
 * damaged is CORRUPT; a run that is in the store already is BUSY. `store_path` NULL: only parse.
 */
int erg_import(const char *erg_path, const char *store_path, struct erg_run_result *out,
               bool *out_torn, struct erg_err *err);

#endif
