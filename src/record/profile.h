/* SPDX-License-Identifier: MIT */
#ifndef ERG_RECORD_PROFILE_H
#define ERG_RECORD_PROFILE_H

#include "base/err.h"
#include "record/session.h"

enum { ERG_PROFILE_LAYERS = 512 }; /* at most */

/*
 * The finer settings of a run, by key: what `--profile` takes on the command line and "profile" in
 * a request. "Not given" leaves it to the other options.
 */
struct erg_profile {
    const char *instrument;      /* NULL = not given */
    const char *flash_attention; /* NULL = not given; "on", "off", "auto", "true", "false" */
    int64_t power_interval_ms;   /* 0 = not given */
    double sparsity_threshold, attention_sparsity_threshold; /* 0 = not given */
    int64_t sample_every, layer_stride;                      /* 0 = not given */
    int64_t bare_every;                                      /* -1 = not given */
    int64_t layers[ERG_PROFILE_LAYERS];
    size_t layer_count;                               /* 0 = not given */
    const char *capture_activations, *deep_profiling; /* NULL = not given; "true", "false" */
};

/* Nothing is given. */
void erg_profile_init(struct erg_profile *profile);

/*
 * Set one key, of `key_len` bytes, to the value that `value` says; layers are numbers separated by
 * ';' and replace those that are there. Borrows nothing. INVALID with a message that names the key,
 * and for an unknown one those that are known.
 */
int erg_profile_set(struct erg_profile *profile, const char *key, size_t key_len, const char *value,
                    struct erg_err *err);

/* Is that a key, and one that takes numbers of layers? */
enum erg_profile_key { ERG_PROFILE_UNKNOWN, ERG_PROFILE_VALUE, ERG_PROFILE_LAYER_LIST };
enum erg_profile_key erg_profile_key(const char *key, size_t key_len);

/* Layers behind those that are there. */
int erg_profile_more_layers(struct erg_profile *profile, const char *value, struct erg_err *err);

/* Whether the keys go together. */
int erg_profile_check(const struct erg_profile *profile, struct erg_err *err);

/*
 * The mode that fits `mode` (NULL = not given) and the profile's keys: activations are captured in
 * standard and deep, operations profiled in deep. INVALID when they contradict each other.
 */
int erg_profile_mode(const struct erg_profile *profile, const char *mode, const char **out_mode,
                     struct erg_err *err);

/* Flash attention in the words of erg_run_options; NULL = not given. */
const char *erg_profile_flash(const struct erg_profile *profile);

/* Put what is given, apart from the mode, into the options; they borrow from `profile`. */
void erg_profile_apply(const struct erg_profile *profile, struct erg_run_options *options);

#endif
