/* SPDX-License-Identifier: MIT */
#ifndef ERG_CLI_PROFILE_H
#define ERG_CLI_PROFILE_H

#include "base/err.h"
#include "cli/options.h"

enum { ERG_PROFILE_LAYERS = 512 };

/* What --profile asks for; "not given" leaves it to the other options. */
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

/*
 * Parse the texts "KEY=VALUE[,KEY=VALUE…]" of the option; a key given twice takes its last value.
 * Layers are separated by ';' or, since nothing else is a bare number, by ','.
 * The result borrows nothing. INVALID with a message that names the key, and the known ones.
 */
int erg_profile_parse(const struct erg_string_list *texts, struct erg_profile *out,
                      struct erg_err *err);

/*
 * The mode that fits `mode` (NULL = not given) and the profile's keys: activations are captured in
 * standard and deep, operations profiled in deep. INVALID when they contradict each other.
 */
int erg_profile_mode(const struct erg_profile *profile, const char *mode, const char **out_mode,
                     struct erg_err *err);

#endif
